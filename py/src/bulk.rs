//! `SendBulk` as Python drives it: the generators are in `freesmtp/_bulk.py`.
//!
//! The iterable of messages belongs to the thread, or to the event loop, that runs the generator; the core's open bulk
//! lets that thread ask for messages and another one wait for results.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, mpsc},
};

use freesmtp_core::{BulkResult as Outcome, Error, OpenBulk, Smtp};
use pyo3::{
    exceptions::{PyException, PyRuntimeError},
    prelude::*,
};

use crate::{
    boundary::{guard, interruptible, lock},
    data::data,
    error::{Failed, tuple},
    exit, foreign,
    report::report,
};

type Results = Option<Vec<Outcome>>;

/// What was raised in place of a message, by the place of the message.
type Raised = Mutex<HashMap<usize, PyErr>>;

/// A bulk that is under way.
#[pyclass(module = "freesmtp", name = "_Bulk", frozen)]
pub(crate) struct Bulk {
    inner: Arc<OpenBulk>,
    raised: Arc<Raised>,
    /// The thread that waits where no caller can.
    waiter: Mutex<Option<mpsc::Sender<Py<PyAny>>>>,
}

impl Bulk {
    pub(crate) fn new(smtp: &Smtp) -> Self {
        Self { inner: Arc::new(smtp.open_bulk()), raised: Arc::default(), waiter: Mutex::default() }
    }
}

#[pymethods]
impl Bulk {
    /// Whether the next message is to be fetched now; then it is for `push`.
    fn wants_message(&self) -> bool {
        self.inner.wants_message()
    }

    /// Gives the next message. What is none becomes a result with what `send` would raise; an exception in place of a
    /// message, with that.
    fn push(&self, message: &Bound<'_, PyAny>) -> PyResult<()> {
        let given = if message.is_instance_of::<PyException>() {
            Err(PyErr::from_value(message.clone()))
        } else {
            foreign::message(message)
        };
        let (message, raised) = match given {
            Ok(message) => (Ok(message), None),
            Err(raised) if raised.is_instance_of::<PyException>(message.py()) => {
                (Err(Error::input("EmailMessage", "could not be read")), Some(raised))
            }
            Err(raised) => return Err(raised),
        };
        // Kept before anybody can take the result.
        let mut kept = lock(&self.raised);
        if let (Some(index), Some(raised)) = (self.inner.push(message), raised) {
            kept.insert(index, raised);
        }
        Ok(())
    }

    /// No message follows.
    fn close(&self) {
        self.inner.close();
    }

    /// Ends it early; the results of what is under way still come.
    fn cancel(&self) {
        self.inner.cancel();
    }

    /// The results that are there now.
    fn ready<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        results(py, &self.raised, self.inner.ready())
    }

    /// Waits for results; a tuple without any when a message is wanted, `None` after the last.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (bulk, cancelled) = (Arc::clone(&self.inner), &self.inner);
        let outcomes = interruptible(py, || cancelled.cancel(), move || Ok(bulk.next()))?;
        outcomes.map(|outcomes| results(py, &self.raised, outcomes)).transpose()
    }

    /// The same on a thread of the bulk, which calls `done(results, error)`.
    fn wait(&self, done: Py<PyAny>) -> PyResult<()> {
        let mut waiter = lock(&self.waiter);
        if waiter.is_none() {
            *waiter = Some(begin_waiter(Arc::clone(&self.inner), Arc::clone(&self.raised))?);
        }
        let sent = waiter.as_ref().map(|waiter| waiter.send(done));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(PyRuntimeError::new_err("the thread of the bulk has ended")),
        }
    }
}

/// A tuple of `freesmtp.BulkResult`.
fn results<'py>(
    py: Python<'py>,
    raised: &Raised,
    outcomes: impl IntoIterator<Item = Outcome>,
) -> PyResult<Bound<'py, PyAny>> {
    let made = outcomes.into_iter().map(|Outcome { index, result }| {
        let (sent, error) = match result {
            Ok(sent) => (Some(report(py, &sent)?), None),
            Err(failed) => match lock(raised).remove(&index) {
                Some(raised) => (None, Some(raised.into_value(py).into_bound(py).into_any())),
                None => (None, Some(Failed::from(failed).exception(py)?)),
            },
        };
        data!(py, "freesmtp._report", "BulkResult", { index: index, report: sent, error: error })
    });
    Ok(tuple(py, made)?.into_any())
}

/// A thread that waits for results whenever it is given whom to tell, as long as the bulk is there.
fn begin_waiter(inner: Arc<OpenBulk>, raised: Arc<Raised>) -> PyResult<mpsc::Sender<Py<PyAny>>> {
    let (sender, mut waiting) = mpsc::channel::<Py<PyAny>>();
    let wait = move || {
        // A receiver may be lent to another thread only as a whole.
        let waiting = &mut waiting;
        exit::known(&mut move || {
            for done in &*waiting {
                let outcomes: Result<Results, Failed> = guard(|| Ok(inner.next().map(Vec::from)));
                // An interpreter that is shutting down takes no more results.
                exit::attached(|py| {
                    tell(py, &raised, &done, outcomes);
                    drop(done);
                });
            }
        });
    };
    std::thread::Builder::new()
        .name("freesmtp".into())
        .spawn(wait)
        .map_err(|error| PyRuntimeError::new_err(format!("no thread could be started: {error}")))?;
    Ok(sender)
}

fn tell(py: Python<'_>, raised: &Raised, done: &Py<PyAny>, outcomes: Result<Results, Failed>) {
    let told = match outcomes {
        Ok(outcomes) => outcomes.map(|outcomes| results(py, raised, outcomes)).transpose(),
        Err(failed) => Err(failed.raise(py)),
    };
    let told = match told {
        Ok(results) => done.call1(py, (results, py.None())),
        Err(failed) => done.call1(py, (py.None(), failed.into_value(py))),
    };
    if let Err(failed) = told {
        failed.write_unraisable(py, Some(done.bind(py)));
    }
}
