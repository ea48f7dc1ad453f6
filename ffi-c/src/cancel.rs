//! Ending one operation from another thread.

use freesmtp_core::Cancel;

use crate::guard;

/// Ends the operation that it was given to. Made by `freesmtp_cancel_new`.
pub struct freesmtp_cancel(pub(crate) Cancel);

/// A cancel that nobody has used yet. Owned: `freesmtp_cancel_free`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_cancel_new() -> Option<Box<freesmtp_cancel>> {
    guard::value(None, || Some(Box::new(freesmtp_cancel(Cancel::new()))))
}

/// Lets go of it; an operation that still uses it goes on. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_cancel_free(cancel: Option<Box<freesmtp_cancel>>) {
    guard::value((), || drop(cancel));
}

/// Ends the operation, from any thread: it fails with `FREESMTP_ERROR_KIND_CANCELLED`, or with
/// `FREESMTP_ERROR_KIND_OUTCOME_UNKNOWN` when the whole message had been sent already.
/// Once used it stays cancelled.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_cancel_trigger(cancel: Option<&freesmtp_cancel>) {
    guard::value((), || {
        if let Some(cancel) = cancel {
            cancel.0.cancel();
        }
    });
}

/// Whether `freesmtp_cancel_trigger` was called.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_cancel_is_triggered(cancel: Option<&freesmtp_cancel>) -> bool {
    guard::value(false, || cancel.is_some_and(|cancel| cancel.0.is_cancelled()))
}
