//! The way from Python into the core: without the GIL, open to Ctrl-C, and no panic comes back.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{self, RecvTimeoutError},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use freesmtp_core::{Cancel, Error, ErrorKind, Stage, net::worker};
use pyo3::{prelude::*, sync::PyOnceLock};

use crate::{
    error::{Failed, raise_explained},
    exit,
    raised::raised,
    waiting::waiting,
};

/// How long Ctrl-C may have to wait. Each look costs a few microseconds, and only while a call blocks.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);

/// The lock, also after a panic in another thread: the data are plain values, never half-changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work`; a panic in it becomes our error, because `PanicException` passes every `except Exception`.
pub(crate) fn guard<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Failed> {
    let (result, raised) = raised(|| catch_unwind(AssertUnwindSafe(work)));
    result.unwrap_or_else(|panic| Err(internal(&*panic))).map_err(|error| Failed { error, raised })
}

fn internal(panic: &(dyn Any + Send)) -> Error {
    let said = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message");
    Error::new(
        ErrorKind::Internal,
        Stage::Command,
        format!("a fault of this library, please report it: {said}"),
    )
}

/// Work that ends at once, such as setting a property that the core checks.
pub(crate) fn call<T>(py: Python<'_>, work: impl FnOnce() -> Result<T, Error>) -> PyResult<T> {
    guard(work).map_err(|failed| raise_explained(py, failed.error))
}

/// Work that may take long but waits for no one, such as composing: without the GIL.
pub(crate) fn detached<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T, Error> + Send,
) -> PyResult<T> {
    exit::detached(py, || guard(work))?.map_err(|failed| failed.raise(py))
}

/// Work that waits for other things than the network alone, see [`waiting`](crate::waiting::waiting): without the GIL, and
/// in the main thread open to signals.
///
/// Python runs signal handlers in its main thread alone, and only when that thread asks. So there a helper thread
/// does the work and this one asks; when a handler raises (`KeyboardInterrupt`), `cancel` must make `work` return
/// soon, and the exception goes on once it has. Elsewhere the work is done in place.
pub(crate) fn interruptible<T: Send + 'static>(
    py: Python<'_>,
    cancel: impl Fn(),
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> PyResult<T> {
    if !in_main_thread(py)? {
        return detached(py, work);
    }
    exit::main_call(py, || in_helper(py, cancel, work))
}

fn in_helper<T: Send + 'static>(
    py: Python<'_>,
    cancel: impl Fn(),
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> PyResult<T> {
    let (sender, mut results) = mpsc::channel();
    worker::run(move || {
        // The receiver is never gone: this call ends with the result.
        let _ = sender.send(guard(work));
    });
    let mut raised = None;
    loop {
        // A receiver may be lent to another thread only as a whole, hence `&mut`.
        let results = &mut results;
        match py.detach(move || results.recv_timeout(SIGNAL_INTERVAL)) {
            Ok(result) => {
                return match raised {
                    Some(raised) => Err(raised),
                    None => result.map_err(|failed| failed.raise(py)),
                };
            }
            Err(RecvTimeoutError::Disconnected) => {
                let error = internal(&"the helper thread ended without a result");
                return Err(Failed::from(error).raise(py));
            }
            Err(RecvTimeoutError::Timeout) if raised.is_none() => {
                raised = py.check_signals().err();
                if raised.is_some() {
                    cancel();
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Panics on each of the ways into the core in turn, for the test that none of it escapes.
#[pyfunction]
#[pyo3(name = "_panic")]
#[allow(clippy::panic)] // to panic is what it is for
pub(crate) fn panic_on(py: Python<'_>, way: &str) -> PyResult<()> {
    match way {
        "call" => call(py, || panic!("{way}")),
        "detached" => detached(py, || panic!("{way}")),
        "waiting" => waiting(py, &Cancel::new(), || panic!("{way}")),
        _ => {
            let way = way.to_owned();
            interruptible(py, || (), move || panic!("{way}"))
        }
    }
}

pub(crate) fn in_main_thread(py: Python<'_>) -> PyResult<bool> {
    static THREADING: PyOnceLock<(Py<PyAny>, Py<PyAny>)> = PyOnceLock::new();
    let (current, main) = THREADING.get_or_try_init(py, || {
        let threading = py.import("threading")?;
        PyResult::Ok((threading.getattr("get_ident")?.unbind(), threading.getattr("main_thread")?.unbind()))
    })?;
    // The main thread is asked for each time: after a fork it is another one.
    current.call0(py)?.bind(py).eq(main.call0(py)?.bind(py).getattr("ident")?)
}
