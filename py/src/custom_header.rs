//! `CustomHeader`: a header of the program's own.

use std::sync::Mutex;

use freesmtp_core::message::CustomHeader as Core;
use pyo3::prelude::*;

use crate::{boundary::lock, value::text};

/// Name and value of a header. Both are checked when the message is composed.
#[pyclass(module = "freesmtp", frozen, subclass)]
pub(crate) struct CustomHeader(Mutex<Core>);

impl CustomHeader {
    /// One that holds these data.
    pub(crate) fn of(data: Core) -> Self {
        Self(Mutex::new(data))
    }

    /// A copy of the data.
    pub(crate) fn data(&self) -> Core {
        lock(&self.0).clone()
    }
}

#[pymethods]
impl CustomHeader {
    #[new]
    pub(crate) fn new(name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(Mutex::new(Core { name: text(name, "Name")?, value: text(value, "Value")? })))
    }

    /// The name: printable ASCII without a colon.
    #[getter]
    fn name(&self) -> String {
        lock(&self.0).name.clone()
    }

    #[setter]
    fn set_name(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value, "Name")?;
        lock(&self.0).name = value;
        Ok(())
    }

    /// The value: one line; characters outside ASCII are encoded (RFC 2047).
    #[getter]
    fn value(&self) -> String {
        lock(&self.0).value.clone()
    }

    #[setter]
    fn set_value(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value, "Value")?;
        lock(&self.0).value = value;
        Ok(())
    }

    fn __repr__(&self) -> String {
        let Core { name, value } = self.data();
        format!("CustomHeader({name:?}, {value:?})")
    }
}
