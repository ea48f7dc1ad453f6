//! The way from Python into the core: without the GIL, open to Ctrl-C, and no panic comes back.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{self, RecvTimeoutError},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use freesmtp_core::{Error, ErrorKind, Stage};
use pyo3::{prelude::*, sync::PyOnceLock};

use crate::error::raise;

/// How long Ctrl-C may have to wait. Each look costs a few microseconds, and only while a call blocks.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);

/// The lock, also after a panic in another thread: the data are plain values, never half-changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work`; a panic in it becomes our error, because `PanicException` passes every `except Exception`.
pub(crate) fn guard<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(internal(&*panic)))
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
    guard(work).map_err(|error| raise(py, &error))
}

/// Work that may take long but waits for no one, such as composing: without the GIL.
pub(crate) fn detached<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T, Error> + Send,
) -> PyResult<T> {
    py.detach(|| guard(work)).map_err(|error| raise(py, &error))
}

/// Work that waits for a server: without the GIL, and in the main thread open to signals.
///
/// Python runs signal handlers in its main thread alone, and only when that thread asks. So there a helper thread
/// does the work and this one asks; when a handler raises (`KeyboardInterrupt`), `cancel` must make `work` return
/// soon, and the exception goes on once it has. Elsewhere the work is done in place.
pub(crate) fn interruptible<T: Send>(
    py: Python<'_>,
    cancel: impl Fn(),
    work: impl FnOnce() -> Result<T, Error> + Send,
) -> PyResult<T> {
    if !in_main_thread(py)? {
        return detached(py, work);
    }
    let (sender, mut receiver) = mpsc::channel();
    thread::scope(|scope| {
        let helper = thread::Builder::new().name("freesmtp".into());
        let started = helper.spawn_scoped(scope, move || {
            // The receiver is gone only when the main thread has an exception to raise already.
            let _ = sender.send(guard(work));
        });
        if let Err(source) = started {
            let error = Error::io(ErrorKind::Internal, Stage::Command, "no thread could be started", &source);
            return Err(raise(py, &error));
        }
        loop {
            // A receiver may be lent to another thread only as a whole, hence `&mut`.
            let results = &mut receiver;
            match py.detach(move || results.recv_timeout(SIGNAL_INTERVAL)) {
                Ok(result) => return result.map_err(|error| raise(py, &error)),
                Err(RecvTimeoutError::Timeout) => {
                    if let Err(raised) = py.check_signals() {
                        cancel();
                        let results = &mut receiver;
                        let _ = py.detach(move || results.recv());
                        return Err(raised);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(raise(py, &internal(&"the helper thread ended without a result")));
                }
            }
        }
    })
}

fn in_main_thread(py: Python<'_>) -> PyResult<bool> {
    static THREADING: PyOnceLock<(Py<PyAny>, Py<PyAny>)> = PyOnceLock::new();
    let (current, main) = THREADING.get_or_try_init(py, || {
        let threading = py.import("threading")?;
        PyResult::Ok((threading.getattr("get_ident")?.unbind(), threading.getattr("main_thread")?.unbind()))
    })?;
    // The main thread is asked for each time: after a fork it is another one.
    current.call0(py)?.bind(py).eq(main.call0(py)?.bind(py).getattr("ident")?)
}
