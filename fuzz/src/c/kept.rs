//! Whether what was set is what is told.

use std::{
    ffi::{CStr, c_char, c_void},
    fmt, slice,
};

/// A value that is set and told.
#[derive(Clone)]
pub(super) enum Value {
    /// One that is not there and one that is empty are told in the same way, or not: both are right.
    Text(Vec<u8>),
    Numbers(Vec<i64>),
    /// Seconds are kept in nanoseconds; a rate of less than nothing is no limit, which is told as 0.
    Reals(Vec<f64>),
}

impl Value {
    fn is_nothing(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "\"{}\"", text.escape_ascii()),
            Self::Numbers(numbers) => write!(f, "{numbers:?}"),
            Self::Reals(numbers) => write!(f, "{numbers:?}"),
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => one == other,
            (Self::Numbers(one), Self::Numbers(other)) => one == other,
            (Self::Reals(ones), Self::Reals(others)) => {
                let near = |(one, other): (&f64, &f64)| {
                    let (one, other) = (one.max(0.0), other.max(0.0));
                    one == other || (one - other).abs() <= 1e-9_f64.max(one * 1e-12)
                };
                ones.len() == others.len() && ones.iter().zip(others).all(near)
            }
            _ => false,
        }
    }
}

/// A text that a call was given, and that ends in NUL.
pub(super) fn text(text: *mut c_void) -> Value {
    if text.is_null() {
        return Value::Text(Vec::new());
    }
    // SAFETY: it was lent to the call, which is not over yet.
    Value::Text(unsafe { CStr::from_ptr(text.cast::<c_char>()) }.to_bytes().to_vec())
}

/// A text that a call was given with its size.
pub(super) fn text_n(text: *mut c_void, size: usize) -> Value {
    if text.is_null() {
        return Value::Text(Vec::new());
    }
    // SAFETY: it was lent to the call, which is not over yet, and is so long.
    Value::Text(unsafe { slice::from_raw_parts(text.cast::<u8>(), size) }.to_vec())
}

/// A text that is told, and owned.
pub(super) fn told(call: impl FnOnce(*mut c_void) -> *mut c_void) -> Value {
    let mut size = 0_usize;
    let told = call((&raw mut size).cast());
    let value = text_n(told, size);
    if !told.is_null() {
        // SAFETY: so many octets and a NUL are there, and it was given to be let go of so.
        unsafe {
            assert_eq!(*told.cast::<u8>().add(size), 0, "NUL stands behind it");
            super::freesmtp_free(told);
        }
    }
    value
}

/// The numbers of a `freesmtp_timeouts`.
const TIMES: usize = 6;

/// Times that a call was given.
pub(super) fn times(given: *mut c_void) -> Value {
    if given.is_null() {
        return Value::Reals(Vec::new());
    }
    // SAFETY: it was lent to the call, which is not over yet, and has so many.
    Value::Reals(unsafe { slice::from_raw_parts(given.cast::<f64>(), TIMES) }.to_vec())
}

/// Times that are told.
pub(super) fn times_told(call: impl FnOnce(*mut c_void) -> *mut c_void) -> Value {
    let mut room = [0.0_f64; TIMES];
    let error = call((&raw mut room).cast());
    if !error.is_null() {
        super::free("error", error);
        return Value::Reals(Vec::new());
    }
    Value::Reals(room.to_vec())
}

/// A property after it was set, or was not.
pub(super) fn same(name: &str, failed: bool, before: &Value, given: &Value, now: &Value) {
    let expected = if failed { before } else { given };
    assert_eq!(now, expected, "{name}, {}", if failed { "which failed" } else { "which worked" });
}

/// How many there are after one was added or removed, or was not.
pub(super) fn counted(name: &str, failed: bool, before: usize, step: isize, now: usize) {
    let expected = if failed { before } else { before.wrapping_add_signed(step) };
    assert_eq!(now, expected, "{name}, {}", if failed { "which failed" } else { "which worked" });
}

/// What was given, or what is told where nothing was.
pub(super) fn or(given: Value, told: impl FnOnce() -> Value) -> Value {
    if given.is_nothing() { told() } else { given }
}

/// What was added; where nothing was given, it is what the function's comment says.
pub(super) fn there(name: &str, failed: bool, given: &Value, now: impl FnOnce() -> Value) {
    if !failed && !given.is_nothing() {
        assert_eq!(&now(), given, "{name}");
    }
}
