//! What a thread looks after while it waits for servers.
//!
//! Purpose: some runtimes do their work on one certain thread, and only when that thread asks: `CPython` runs the handlers
//! of signals so. A program that sends from that thread would hear no Ctrl-C until the server answers.
//!
//! Policy: every wait for the network asks when a signal interrupts it, and every 50 ms: a signal may have come just before
//! the wait, or to another thread. What answers at once is never asked about.

use std::{cell::RefCell, rc::Rc, time::Duration};

/// How long a signal may have to wait. Each look costs a few microseconds, and only while the server says nothing.
pub(super) const INTERVAL: Duration = Duration::from_millis(50);

type Look = Rc<dyn Fn()>;

thread_local! {
    static LOOK: RefCell<Option<Look>> = const { RefCell::new(None) };
}

/// Does `work`, whose waits for the network call `look` as long as they last, on this thread.
///
/// What `look` does may end the work, with a [`Cancel`](crate::Cancel), and may send as well.
///
/// ```
/// use std::net::TcpListener;
///
/// use freesmtp_core::{Cancel, ErrorKind, Smtp, net::attention};
///
/// let silent = TcpListener::bind("127.0.0.1:0")?;
/// let smtp = Smtp::new(&silent.local_addr()?.to_string())?;
/// let cancel = Cancel::new();
/// let other = cancel.clone();
/// let connected = attention::attend(move || other.cancel(), || smtp.connect_with(&cancel));
/// assert_eq!(connected.unwrap_err().kind(), ErrorKind::Cancelled);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn attend<T>(look: impl Fn() + 'static, work: impl FnOnce() -> T) -> T {
    /// Puts back who looked before, after a panic too.
    struct Before(Option<Look>);
    impl Drop for Before {
        fn drop(&mut self) {
            LOOK.set(self.0.take());
        }
    }
    let _before = Before(LOOK.replace(Some(Rc::new(look))));
    work()
}

/// Who is asked while this thread waits. Nobody holds the place meanwhile: who looks may send.
pub(super) fn look() -> Option<Rc<dyn Fn()>> {
    LOOK.with_borrow(Clone::clone)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn who_looked_before_looks_again_after_another() {
        let looked = Rc::new(Cell::new(0));
        let by = |number| {
            let looked = Rc::clone(&looked);
            move || looked.set(number)
        };
        let now = || {
            look().unwrap()();
            looked.get()
        };
        assert!(look().is_none());
        attend(by(1), || {
            assert_eq!(now(), 1);
            assert_eq!(attend(by(2), now), 2);
            let panicked = std::panic::catch_unwind(|| attend(|| (), || panic!("on purpose")));
            assert!(panicked.is_err());
            assert_eq!(now(), 1);
        });
        assert!(look().is_none());
    }
}
