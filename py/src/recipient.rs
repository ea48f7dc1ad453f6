//! `Recipient`: one of a message's recipients.

use std::sync::Mutex;

use freesmtp_core::{
    Address,
    message::{Recipient as Core, RecipientType},
};
use pyo3::prelude::*;

use crate::{
    boundary::lock,
    delivery::{from_moment, from_notify, notify, optional_moment},
    enums::{from_python, to_python},
    value::{optional_text, text},
};

/// A mailbox, the name shown to people, and the header that names it.
#[pyclass(module = "freesmtp", frozen, subclass)]
pub(crate) struct Recipient(Mutex<Core>);

impl Recipient {
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

    /// When the sender gets a report on the delivery (RFC 3461 section 4.1).
    #[getter]
    fn notify<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let value = lock(&self.0).options.notify;
        from_notify(py, value)
    }

    #[setter]
    fn set_notify(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = notify(value, "Notify")?;
        lock(&self.0).options.notify = value;
        Ok(())
    }

    /// Whom the message was for before a list or a forwarder put this recipient in (RFC 3461 section 4.2): an
    /// address, or `type;address`.
    #[getter]
    fn original_recipient(&self) -> Option<String> {
        lock(&self.0).options.original_recipient.clone()
    }

    #[setter]
    fn set_original_recipient(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_text(value, "OriginalRecipient")?;
        lock(&self.0).options.original_recipient = value;
        Ok(())
    }

    /// The message is for the owner that the mailbox has had since this moment, an aware `datetime` (RFC 7293).
    #[getter]
    fn valid_since<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let value = lock(&self.0).options.valid_since;
        from_moment(py, value)
    }

    #[setter]
    fn set_valid_since(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_moment(value, "ValidSince")?;
        lock(&self.0).options.valid_since = value;
        Ok(())
    }

    /// What servers do that would have to pass it on to one that knows nothing of that.
    #[getter]
    fn valid_since_action<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let value = lock(&self.0).options.valid_since_action;
        to_python(py, value)
    }

    #[setter]
    fn set_valid_since_action(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = from_python(value, "ValidSinceAction")?;
        lock(&self.0).options.valid_since_action = value;
        Ok(())
    }

    fn __repr__(&self) -> String {
        let Core { address, kind, .. } = self.data();
        format!("Recipient({:?}, {:?}, {:?})", address.email, address.name, kind.as_str())
    }
}
