//! What functions of the program raise while the core calls them.
//!
//! The core calls them on the thread that sends, which holds no GIL, and knows only texts. The exception itself waits
//! in the thread for the error that it caused.

use std::cell::RefCell;

use pyo3::prelude::*;

use crate::{exit, waiting::interrupt};

thread_local! {
    static RAISED: RefCell<Vec<PyErr>> = const { RefCell::new(Vec::new()) };
}

/// Calls back into Python; what is raised there is kept, and told as a sentence.
pub(crate) fn call_back<T>(work: impl FnOnce(Python<'_>) -> PyResult<T>) -> Result<T, String> {
    let result = exit::attached(|py| {
        work(py).map_err(|error| {
            let said = sentence(py, &error);
            if let Err(error) = interrupt(py, error) {
                RAISED.with_borrow_mut(|raised| raised.push(error));
            }
            said
        })
    });
    result.unwrap_or_else(|| Err("the interpreter is shutting down".to_owned()))
}

/// Does `work`, and gives what was raised on this thread meanwhile, in order.
pub(crate) fn raised<T>(work: impl FnOnce() -> T) -> (T, Vec<PyErr>) {
    // A function that is called back may send as well: what was raised around that is not what is raised in it.
    let outer = RAISED.take();
    let result = work();
    (result, RAISED.replace(outer))
}

/// The class of an exception and what it says: `KeyError: 'access_token'`.
fn sentence(py: Python<'_>, error: &PyErr) -> String {
    let said = error.value(py).str().map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
    let class = error.get_type(py).name().map_or_else(|_| String::new(), |name| name.to_string());
    if said.is_empty() { class } else { format!("{class}: {said}") }
}
