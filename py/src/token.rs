//! `Token`: a `str`, or a function of the program that gets one.
//!
//! The core calls the function on the thread that sends, which holds no GIL.

use std::sync::{Arc, Mutex};

use freesmtp_core::{Secret, Token};
use pyo3::{PyTraverseError, PyVisit, prelude::*, sync::PyOnceLock, types::PyString};

use crate::{
    boundary::lock,
    raised::call_back,
    value::{text, wrong_type},
};

/// A function of the program, and how it wants to be called.
struct Function {
    object: Py<PyAny>,
    /// It wants to know whether the server refused the token that it gave before.
    takes_refresh: bool,
}

/// The function of a server's token, if it has one. The core holds the same `Arc`: to Python it is one reference.
#[derive(Default)]
pub(crate) struct Callback(Mutex<Option<Arc<Function>>>);

impl Callback {
    /// The token that `value` means, for the core; the function is kept here.
    pub(crate) fn token(&self, value: &Bound<'_, PyAny>) -> PyResult<Token> {
        let function = if value.is_none() || value.is_instance_of::<PyString>() {
            None
        } else if value.is_callable() {
            let takes_refresh = takes_refresh(value)?;
            Some(Arc::new(Function { object: value.clone().unbind(), takes_refresh }))
        } else {
            return Err(wrong_type(value, "Token", "str, a function that gives one, or None"));
        };
        let token = match &function {
            Some(function) => {
                let function = Arc::clone(function);
                Token::callback(move |refresh| function.call(refresh))
            }
            None if value.is_none() => Token::None,
            None => Secret::new(text(value, "Token")?).into(),
        };
        // The one before is let go outside the lock: that may run code of the program.
        let before = std::mem::replace(&mut *lock(&self.0), function);
        drop(before);
        Ok(token)
    }

    /// The function.
    pub(crate) fn get(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        lock(&self.0).as_ref().map(|function| function.object.clone_ref(py))
    }

    /// Shows the garbage collector the function: a method of an object that holds the server makes a cycle.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.0.try_lock().as_deref() {
            Ok(Some(function)) => visit.call(&function.object),
            _ => Ok(()),
        }
    }

    /// Lets go of the function.
    pub(crate) fn clear(&self) {
        let before = lock(&self.0).take();
        drop(before);
    }
}

impl Function {
    fn call(&self, refresh: bool) -> Result<Secret, String> {
        call_back(|py| self.ask(py, refresh))
    }

    fn ask(&self, py: Python<'_>, refresh: bool) -> PyResult<Secret> {
        let function = self.object.bind(py);
        let token = if self.takes_refresh { function.call1((refresh,)) } else { function.call0() }?;
        text(&token, "Token").map(Secret::new)
    }
}

fn takes_refresh(function: &Bound<'_, PyAny>) -> PyResult<bool> {
    static ASK: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    ASK.import(function.py(), "freesmtp._token", "takes_refresh")?.call1((function,))?.extract()
}
