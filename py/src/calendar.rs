//! `Calendar`: an invitation.

use std::sync::Mutex;

use freesmtp_core::message::Calendar as Core;
use pyo3::{prelude::*, types::PyString};

use crate::{
    boundary::lock,
    value::{optional_text, text, wrong_type},
};

/// An iCalendar text that mail programs offer to accept or decline (RFC 5546, RFC 6047). It is checked when the
/// message is composed.
#[pyclass(module = "freesmtp", frozen, subclass)]
pub(crate) struct Calendar(Mutex<Core>);

impl Calendar {
    /// One that holds these data.
    pub(crate) fn of(data: Core) -> Self {
        Self(Mutex::new(data))
    }

    /// A copy of the data.
    pub(crate) fn data(&self) -> Core {
        lock(&self.0).clone()
    }
}

/// `None`, a `Calendar` as it is, or a new one from its text.
pub(crate) fn calendar(value: &Bound<'_, PyAny>) -> PyResult<Option<Py<Calendar>>> {
    if value.is_none() {
        return Ok(None);
    }
    if let Ok(calendar) = value.cast::<Calendar>() {
        return Ok(Some(calendar.clone().unbind()));
    }
    if !value.is_instance_of::<PyString>() {
        return Err(wrong_type(value, "Calendar", "Calendar, str or None"));
    }
    Py::new(value.py(), Calendar(Mutex::new(Core::new(text(value, "Calendar.Text")?)))).map(Some)
}

#[pymethods]
impl Calendar {
    #[new]
    #[pyo3(signature = (text, method=None))]
    fn new(text: &Bound<'_, PyAny>, method: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let calendar = Self(Mutex::new(Core::new(crate::value::text(text, "Calendar.Text")?)));
        method.map_or(Ok(()), |method| calendar.set_method(method))?;
        Ok(calendar)
    }

    /// The iCalendar text (RFC 5545), `BEGIN:VCALENDAR` to `END:VCALENDAR`, in any line ends.
    #[getter]
    fn text(&self) -> String {
        self.data().text
    }

    #[setter]
    fn set_text(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value, "Calendar.Text")?;
        lock(&self.0).text = value;
        Ok(())
    }

    /// The method, such as `REQUEST`; empty: that of the text's `METHOD` line. The two must agree.
    #[getter]
    fn method(&self) -> String {
        self.data().method
    }

    #[setter]
    fn set_method(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value, "Calendar.Method")?;
        lock(&self.0).method = value;
        Ok(())
    }

    /// The name under which the text is attached as a file too, for readers that show no invitation; `None`: it is
    /// not attached.
    #[getter]
    fn file_name(&self) -> Option<String> {
        self.data().file_name
    }

    #[setter]
    fn set_file_name(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_text(value, "Calendar.FileName")?;
        lock(&self.0).file_name = value;
        Ok(())
    }

    fn __repr__(&self) -> String {
        let Core { text, method, .. } = self.data();
        format!("Calendar(<{} characters>, {method:?})", text.chars().count())
    }
}
