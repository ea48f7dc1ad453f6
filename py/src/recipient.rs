//! `Recipient`: one of a message's recipients.

use std::sync::Mutex;

use freesmtp_core::{
    Address,
    message::{Recipient as Core, RecipientType},
};
use pyo3::prelude::*;

use crate::{
    boundary::lock,
    enums::{from_python, to_python},
    value::text,
};

/// A mailbox, the name shown to people, and the header that names it.
#[pyclass(module = "freesmtp", frozen, subclass)]
pub(crate) struct Recipient(Mutex<Core>);

impl Recipient {
    /// A copy of the data.
    pub(crate) fn data(&self) -> Core {
        lock(&self.0).clone()
    }
}

#[pymethods]
impl Recipient {
    #[new]
    #[pyo3(signature = (email, name=None, r#type=None))]
    pub(crate) fn new(
        email: &Bound<'_, PyAny>,
        name: Option<&Bound<'_, PyAny>>,
        r#type: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let name = name.map(|name| text(name, "Name")).transpose()?.unwrap_or_default();
        let address = Address::named(text(email, "Email")?, name);
        let kind: Option<RecipientType> = r#type.map(|value| from_python(value, "Type")).transpose()?;
        Ok(Self(Mutex::new(Core::new(address, kind.unwrap_or_default()))))
    }

    /// The mailbox, `user@example.com`.
    #[getter]
    fn email(&self) -> String {
        lock(&self.0).address.email.clone()
    }

    #[setter]
    fn set_email(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value, "Email")?;
        lock(&self.0).address.email = value;
        Ok(())
    }

    /// The name shown to people; may be empty.
    #[getter]
    fn name(&self) -> String {
        lock(&self.0).address.name.clone()
    }

    #[setter]
    fn set_name(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value, "Name")?;
        lock(&self.0).address.name = value;
        Ok(())
    }

    /// Which header names the recipient: `To`, `CC`, or none (`BCC`).
    #[getter]
    fn r#type<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let kind = lock(&self.0).kind;
        to_python(py, kind)
    }

    #[setter]
    fn set_type(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = from_python(value, "Type")?;
        lock(&self.0).kind = value;
        Ok(())
    }

    fn __repr__(&self) -> String {
        let Core { address, kind, .. } = self.data();
        format!("Recipient({:?}, {:?}, {:?})", address.email, address.name, kind.as_str())
    }
}
