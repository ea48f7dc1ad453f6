//! The end of the interpreter: from then on no thread of this library waits for the GIL.
//!
//! `CPython` ends a thread that asks for the GIL while the interpreter goes down: up to 3.13 by unwinding its stack, which
//! Rust answers by aborting the process; later it never comes back. So at exit the gate is closed: what wants to tell
//! Python something is refused, a daemon thread that comes back from the core stays out, and who is inside is waited for.
//!
//! A handler of `atexit` may still send: as long as the main thread is in such a call, the gate is open.

use std::{
    cell::Cell,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use freesmtp_core::net::worker;
use pyo3::{prelude::*, sync::PyOnceLock, types::PyDict};

use crate::boundary::in_main_thread;

/// How long the exit waits for functions of the program that were called back.
const PATIENCE: Duration = Duration::from_secs(5);

static CLOSED: AtomicBool = AtomicBool::new(false);
/// Threads that wait for the GIL, or have it for a function of the program.
static INSIDE: AtomicUsize = AtomicUsize::new(0);
/// Calls of the main thread that need others to come in.
static CALLS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// How often this thread is inside: a function that is called back may send, and comes back from that too.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Leave to wait for the GIL.
struct Inside;

impl Inside {
    fn enter() -> Option<Self> {
        let is_inside = DEPTH.replace(DEPTH.get() + 1) > 0;
        INSIDE.fetch_add(1, SeqCst);
        let inside = Self;
        let is_open = is_inside || !CLOSED.load(SeqCst) || CALLS.load(SeqCst) > 0;
        is_open.then_some(inside)
    }

    /// Comes back to Python; never where that has no end but a violent one.
    fn rejoin() -> Self {
        Self::enter().unwrap_or_else(|| {
            loop {
                thread::park();
            }
        })
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        INSIDE.fetch_sub(1, SeqCst);
    }
}

/// Does `work` with Python, on a thread that has no GIL; `None` once the interpreter goes down.
pub(crate) fn attached<T>(work: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    let _inside = Inside::enter()?;
    Python::try_attach(work)
}

/// Does `work` without the GIL.
pub(crate) fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    // Only the main thread closes the gate, so that it needs no leave, and none is asked of it.
    if CLOSED.load(SeqCst) && in_main_thread(py)? {
        return Ok(py.detach(work));
    }
    let (result, _inside) = py.detach(move || (work(), Inside::rejoin()));
    Ok(result)
}

/// Does `work`, which may come to Python now and then, on a thread of this library that Python is to know meanwhile: to be made
/// known for one call of Python, and forgotten, takes longer than the call.
pub(crate) fn known(work: &mut (dyn FnMut() + Send)) {
    let begun = Inside::enter().and_then(|inside| {
        Python::try_attach(|py| {
            py.detach(|| {
                drop(inside);
                work();
                Inside::rejoin()
            })
        })
    });
    // An interpreter that goes down knows no more threads.
    if begun.is_none() {
        work();
    }
}

/// A call of the main thread, for which other threads may call functions of the program.
pub(crate) fn main_call<T>(py: Python<'_>, call: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    // What a finalizer sends is sent, but its listeners hear nothing.
    if CLOSED.load(SeqCst) && is_finalizing(py)? {
        return call();
    }
    CALLS.fetch_add(1, SeqCst);
    let result = call();
    CALLS.fetch_sub(1, SeqCst);
    if CLOSED.load(SeqCst) {
        await_inside(py);
    }
    result
}

fn is_finalizing(py: Python<'_>) -> PyResult<bool> {
    static FUNCTION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    FUNCTION.import(py, "sys", "is_finalizing")?.call0()?.extract()
}

fn await_inside(py: Python<'_>) {
    py.detach(|| {
        let began = Instant::now();
        while INSIDE.load(SeqCst) > 0 && began.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(1));
        }
    });
}

/// How many threads wait for the GIL or have it, for tests that ask when nothing is held any more.
#[pyfunction]
#[pyo3(name = "_inside")]
pub(crate) fn inside() -> usize {
    INSIDE.load(SeqCst)
}

/// Closes the gate.
#[pyfunction]
#[pyo3(name = "_close")]
fn close(py: Python<'_>) {
    CLOSED.store(true, SeqCst);
    await_inside(py);
}

thread_local! {
    /// That the workers hold still while this thread forks.
    static STILL: Cell<Option<worker::Still>> = const { Cell::new(None) };
}

#[pyfunction]
#[pyo3(name = "_before_fork")]
fn before_fork() {
    STILL.set(Some(worker::hold_still()));
}

#[pyfunction]
#[pyo3(name = "_after_fork_in_parent")]
fn after_fork_in_parent() {
    STILL.take();
}

/// The threads of the parent are not there in the child, and the one that forked is the main one.
#[pyfunction]
#[pyo3(name = "_after_fork_in_child")]
fn after_fork_in_child() {
    if let Some(still) = STILL.take() {
        still.forget_threads();
    }
    INSIDE.store(DEPTH.get(), SeqCst);
    CALLS.store(0, SeqCst);
}

/// Has Python tell when it goes down, and when it was forked, and know the threads that come back to it.
pub(crate) fn watch(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    is_finalizing(py)?;
    worker::inside(known);
    py.import("atexit")?.call_method1("register", (wrap_pyfunction!(close, module)?,))?;
    let os = py.import("os")?;
    if os.hasattr("register_at_fork")? {
        let given = PyDict::new(py);
        given.set_item("before", wrap_pyfunction!(before_fork, module)?)?;
        given.set_item("after_in_parent", wrap_pyfunction!(after_fork_in_parent, module)?)?;
        given.set_item("after_in_child", wrap_pyfunction!(after_fork_in_child, module)?)?;
        os.call_method("register_at_fork", (), Some(&given))?;
    }
    Ok(())
}
