//! Numbers that may not be set.

/// Whether there is a number; it is put into `place` then, when there is one.
pub(crate) fn put<T>(number: Option<T>, place: Option<&mut T>) -> bool {
    let is_set = number.is_some();
    if let (Some(number), Some(place)) = (number, place) {
        *place = number;
    }
    is_set
}
