//! The one guard: no panic leaves an exported function.

use std::{
    any::Any,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

use freesmtp_core::{Error, ErrorKind, Stage, smtp::explain_input};

use crate::error::freesmtp_error;

/// Runs an export that can fail. A panic becomes an error of kind `internal` (900).
pub(crate) fn attempt(work: impl FnOnce() -> Result<(), Error>) -> Option<Box<freesmtp_error>> {
    let guarded = || work().err().map(explain_input).map(freesmtp_error::boxed);
    run(guarded, |message| Some(freesmtp_error::boxed(internal(&message))))
}

/// Runs an export that cannot fail. A panic becomes `fallback`: NULL, zero, false.
pub(crate) fn value<T>(fallback: T, work: impl FnOnce() -> T) -> T {
    run(work, |_| fallback)
}

// What a closure leaves half done is visible afterwards only through the handle, whose methods keep it whole.
fn run<T>(work: impl FnOnce() -> T, on_panic: impl FnOnce(String) -> T) -> T {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let message = text_of(payload.as_ref());
        // A payload may panic when it is dropped, and here nothing would catch that.
        mem::forget(payload);
        on_panic(message)
    })
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied().map(str::to_owned);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
}

fn internal(message: &str) -> Error {
    Error::new(
        ErrorKind::Internal,
        Stage::Compose,
        format!("a fault of this library, please report it: {message}"),
    )
}

/// The handle behind `pointer`.
pub(crate) fn handle<T>(pointer: Option<T>, name: &str) -> Result<T, Error> {
    pointer.ok_or_else(|| Error::input(name, "is NULL"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{freesmtp_error_free, freesmtp_error_kind, freesmtp_error_message};
    use std::ffi::CStr;

    extern "C" fn panics() -> Option<Box<freesmtp_error>> {
        attempt(|| panic!("number {}", 42))
    }

    extern "C" fn panics_without_an_error() -> usize {
        value(7, || panic!("no"))
    }

    #[test]
    fn a_panic_becomes_error_900() {
        let error = panics();
        assert_eq!(freesmtp_error_kind(error.as_deref()), 900);
        // SAFETY: a text of this library, NUL-terminated, alive as long as `error`.
        let text = unsafe { CStr::from_ptr(freesmtp_error_message(error.as_deref())) };
        assert!(text.to_str().unwrap().ends_with("number 42"), "{text:?}");
        freesmtp_error_free(error);
        assert_eq!(panics_without_an_error(), 7);
    }

    #[test]
    fn a_payload_that_panics_when_dropped_is_caught_too() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("dropped");
            }
        }
        let error = attempt(|| std::panic::panic_any(Bomb));
        assert_eq!(freesmtp_error_kind(error.as_deref()), 900);
    }
}
