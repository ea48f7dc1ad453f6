//! Work that waits for a server on the thread that calls, and still hears Ctrl-C.
//!
//! Python runs the handlers of signals on its main thread alone, and only when that thread asks. So the core asks while it
//! waits there. A handler that raises (`KeyboardInterrupt`) cancels the call, and its exception goes on once the call has
//! ended; so does what a handler raises while the main thread is in a function of the program that the core called back.

use std::cell::RefCell;

use freesmtp_core::{Cancel, Error, net::attention};
use pyo3::{exceptions::PyException, prelude::*};

use crate::{
    boundary::{guard, in_main_thread},
    exit,
};

/// The call that the main thread is in.
struct Call {
    cancel: Cancel,
    /// What ends it.
    raised: Option<PyErr>,
}

thread_local! {
    static CALL: RefCell<Option<Call>> = const { RefCell::new(None) };
}

/// Runs `work`, which waits for nothing but the network and `cancel` ends soon, without the GIL.
pub(crate) fn waiting<T: Send>(
    py: Python<'_>,
    cancel: &Cancel,
    work: impl FnOnce() -> Result<T, Error> + Send,
) -> PyResult<T> {
    if !in_main_thread(py)? {
        return exit::detached(py, || guard(work))?.map_err(|failed| failed.raise(py));
    }
    exit::main_call(py, || {
        let call = Call { cancel: cancel.clone(), raised: None };
        // A handler of a signal, or a function that is called back, may send too.
        let outer = CALL.replace(Some(call));
        let done = exit::detached(py, || guard(|| attention::attend(handle_signals, work)));
        let raised = CALL.replace(outer).and_then(|call| call.raised);
        match raised {
            Some(raised) => Err(raised),
            None => done?.map_err(|failed| failed.raise(py)),
        }
    })
}

/// Lets Python run what signals are there for. The first handler that raises is the last: the call ends.
fn handle_signals() {
    if CALL.with_borrow(|call| call.as_ref().is_some_and(|call| call.raised.is_none())) {
        exit::attached(|py| py.check_signals().or_else(end));
    }
}

/// Ends the call that the main thread is in, where a function that was called back there raised what is no error of the
/// program's, such as `KeyboardInterrupt`. Gives back what ends nothing.
pub(crate) fn interrupt(py: Python<'_>, raised: PyErr) -> Result<(), PyErr> {
    if raised.is_instance_of::<PyException>(py) { Err(raised) } else { end(raised) }
}

fn end(raised: PyErr) -> Result<(), PyErr> {
    CALL.with_borrow_mut(|call| {
        let call = call.as_mut().filter(|call| call.raised.is_none());
        let Some(call) = call else { return Err(raised) };
        call.cancel.cancel();
        call.raised = Some(raised);
        Ok(())
    })
}
