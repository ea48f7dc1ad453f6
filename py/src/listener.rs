//! Functions of the program that hear what happens, on threads that hold no GIL.

use std::sync::{Arc, Mutex};

use pyo3::{PyTraverseError, PyVisit, call::PyCallArgs, prelude::*};

use crate::{boundary::lock, exit, value::wrong_type, waiting::interrupt};

/// What the program gave, and the function that it means.
pub(crate) struct Function {
    given: Py<PyAny>,
    function: Py<PyAny>,
}

/// One listener of an object, if it has one. The core holds the same `Arc`: to Python it is one reference.
#[derive(Default)]
pub(crate) struct Listener(Mutex<Option<Arc<Function>>>);

impl Listener {
    /// What was given.
    pub(crate) fn get(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        lock(&self.0).as_ref().map(|function| function.given.clone_ref(py))
    }

    /// Shows the garbage collector the function.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.0.try_lock().as_deref() {
            Ok(Some(function)) => {
                visit.call(&function.given)?;
                visit.call(&function.function)
            }
            _ => Ok(()),
        }
    }

    /// Keeps another one. The one before is to be let go of last, and outside locks: that may run code of the program.
    pub(crate) fn replace(&self, function: Option<Arc<Function>>) -> Option<Arc<Function>> {
        std::mem::replace(&mut *lock(&self.0), function)
    }
}

impl Function {
    pub(crate) fn new(given: &Bound<'_, PyAny>, function: Bound<'_, PyAny>) -> Self {
        Self { given: given.clone().unbind(), function: function.unbind() }
    }

    /// The function that was given; `None` for none.
    pub(crate) fn callable(value: &Bound<'_, PyAny>, property: &str) -> PyResult<Option<Arc<Self>>> {
        if value.is_none() {
            return Ok(None);
        }
        if !value.is_callable() {
            return Err(wrong_type(value, property, "a function, or None"));
        }
        Ok(Some(Arc::new(Self::new(value, value.clone()))))
    }

    /// An event never stops a mail, but Ctrl-C does: other exceptions go where Python tells of what nobody can catch.
    pub(crate) fn tell<T>(&self, told: T)
    where
        T: for<'py> PyCallArgs<'py>,
    {
        // An interpreter that is shutting down hears nothing.
        exit::attached(|py| {
            let function = self.function.bind(py);
            let told = function.call1(told).map(drop).or_else(|raised| interrupt(py, raised));
            if let Err(raised) = told {
                raised.write_unraisable(py, Some(function));
            }
        });
    }
}
