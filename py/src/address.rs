//! `Address`: who a message is from, or where answers go.

use std::sync::Mutex;

use freesmtp_core::Address as Core;
use pyo3::prelude::*;

use crate::{
    boundary::lock,
    value::{text, wrong_type},
};

/// A mailbox and the name shown to people. Both are checked when the message is composed.
#[pyclass(module = "freesmtp", frozen, subclass)]
#[derive(Default)]
pub(crate) struct Address(Mutex<Core>);

impl Address {
    /// One that holds these data.
    pub(crate) fn of(data: Core) -> Self {
        Self(Mutex::new(data))
    }

    /// A copy of the data.
    pub(crate) fn data(&self) -> Core {
        lock(&self.0).clone()
    }

    /// The same where neither part was set: no such address.
    pub(crate) fn data_if_set(&self) -> Option<Core> {
        Some(self.data()).filter(|address| *address != Core::default())
    }
}

/// An `Address` as it is, or a new one from a `str`.
pub(crate) fn address(value: &Bound<'_, PyAny>, field: &str) -> PyResult<Py<Address>> {
    if let Ok(address) = value.cast::<Address>() {
        return Ok(address.clone().unbind());
    }
    let email = text(value, field).map_err(|error| {
        let is_text = value.is_instance_of::<pyo3::types::PyString>();
        if is_text { error } else { wrong_type(value, field, "Address or str") }
    })?;
    Py::new(value.py(), Address(Mutex::new(Core::new(email))))
}

#[pymethods]
impl Address {
    #[new]
    #[pyo3(signature = (email="", name=""))]
    fn new(email: &str, name: &str) -> Self {
        Self(Mutex::new(Core::named(email, name)))
    }

    /// The mailbox, `user@example.com`.
    #[getter]
    fn email(&self) -> String {
        lock(&self.0).email.clone()
    }

    #[setter]
    fn set_email(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value, "Email")?;
        lock(&self.0).email = value;
        Ok(())
    }

    /// The name shown to people; may be empty.
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

    fn __repr__(&self) -> String {
        let Core { email, name } = self.data();
        format!("Address({email:?}, {name:?})")
    }
}
