//! What is asked of the spool for a message: the properties that `freesmtp/_delivery.py` gives `EmailMessage`, kept together
//! here.

use std::sync::Mutex;

use freesmtp_core::spool::SpoolOptions as Core;
use pyo3::prelude::*;

use crate::{
    boundary::lock,
    delivery::{from_moment, optional_moment},
    value::{optional_text, whole},
};

/// The spool options of a message.
#[pyclass(module = "freesmtp", name = "_SpoolOptions", frozen)]
#[derive(Default)]
pub(crate) struct SpoolOptions(Mutex<Core>);

impl SpoolOptions {
    /// One that holds these data.
    pub(crate) fn of(data: Core) -> Self {
        Self(Mutex::new(data))
    }

    /// A copy of the data.
    pub(crate) fn data(&self) -> Core {
        lock(&self.0).clone()
    }

    /// Sets everything anew.
    pub(crate) fn reset(&self) {
        *lock(&self.0) = Core::default();
    }
}

#[pymethods]
impl SpoolOptions {
    /// The moment before which the agent does not deliver the message, as an aware `datetime`.
    #[getter]
    fn not_before<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let value = lock(&self.0).not_before;
        from_moment(py, value)
    }

    #[setter]
    fn set_not_before(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_moment(value, "NotBefore")?;
        lock(&self.0).not_before = value;
        Ok(())
    }

    /// The moment at which the agent gives up a message that is not delivered, as an aware `datetime`.
    #[getter]
    fn expires<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let value = lock(&self.0).expires;
        from_moment(py, value)
    }

    #[setter]
    fn set_expires(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_moment(value, "Expires")?;
        lock(&self.0).expires = value;
        Ok(())
    }

    /// Which messages of the spool are delivered first: from -9 to 9, higher ones first.
    #[getter]
    fn spool_priority(&self) -> i8 {
        lock(&self.0).priority
    }

    #[setter]
    fn set_spool_priority(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = whole(value, "SpoolPriority")?;
        lock(&self.0).priority = value;
        Ok(())
    }

    /// The blast that the message belongs to: messages of one name have one progress, and are paused, resumed and
    /// cancelled together.
    #[getter]
    fn blast(&self) -> Option<String> {
        lock(&self.0).blast.clone()
    }

    #[setter]
    fn set_blast(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_text(value, "Blast")?;
        lock(&self.0).blast = value;
        Ok(())
    }

    /// The same message submitted again under its key is not delivered again; another one under the same key is refused.
    #[getter]
    fn idempotency_key(&self) -> Option<String> {
        lock(&self.0).idempotency_key.clone()
    }

    #[setter]
    fn set_idempotency_key(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_text(value, "IdempotencyKey")?;
        lock(&self.0).idempotency_key = value;
        Ok(())
    }
}
