//! Places in a list, counted from 0.

use freesmtp_core::Error;

/// The element at `index`.
pub(crate) fn at<T>(list: &mut [T], index: usize) -> Result<&mut T, Error> {
    let count = list.len();
    list.get_mut(index).ok_or_else(|| out_of_range(index, count))
}

/// Removes the element at `index`.
pub(crate) fn remove<T>(list: &mut Vec<T>, index: usize) -> Result<(), Error> {
    at(list, index)?;
    list.remove(index);
    Ok(())
}

/// The error of a place that a list of `count` does not have.
pub(crate) fn out_of_range(index: usize, count: usize) -> Error {
    Error::input("index", format!("{index} is behind the last: there are {count}"))
}
