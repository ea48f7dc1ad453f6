//! A function of the program that hears what happens, with its data.

use std::ffi::c_void;

use crate::server::token::freesmtp_release;

/// A listener of the program. `F` takes the data first.
pub(crate) struct Program<F> {
    listener: F,
    user_data: *mut c_void,
    release: freesmtp_release,
}

// SAFETY: the header demands a listener, data and a release that any thread may use, several at the same time.
unsafe impl<F> Send for Program<F> {}
// SAFETY: as above.
unsafe impl<F> Sync for Program<F> {}

impl<F: Copy> Program<F> {
    /// The program's, where it gave one.
    pub(crate) fn new(
        listener: Option<F>,
        user_data: *mut c_void,
        release: freesmtp_release,
    ) -> Option<Self> {
        listener.map(|listener| Self { listener, user_data, release })
    }

    /// What to call, and with what. The program promised that both are good until `release`.
    pub(crate) fn parts(&self) -> (F, *mut c_void) {
        (self.listener, self.user_data)
    }
}

impl<F> Drop for Program<F> {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: nobody can call the listener any more, and this happens once.
            unsafe { release(self.user_data) };
        }
    }
}
