//! `MergeTemplate`: a message whose texts have fields.

use std::collections::BTreeMap;

use freesmtp_core::message::merge::Template;
use pyo3::{
    prelude::*,
    types::{PyBytes, PyMapping, PyString},
};

use crate::{
    boundary::call,
    message::EmailMessage,
    value::{text, wrong_type},
};

/// A message whose texts are compiled once, and filled in for each row.
///
/// They may have `{{ fields }}` of Jinja, with its filters and conditions: the subject, the texts, addresses and names,
/// the values of custom headers, names of attachments, links to unsubscribe, and the invitation. In HTML texts the
/// values are escaped. The message is copied.
#[pyclass(module = "freesmtp", frozen)]
pub(crate) struct MergeTemplate(Template);

#[pymethods]
impl MergeTemplate {
    #[new]
    fn new(py: Python<'_>, message: &Bound<'_, EmailMessage>) -> PyResult<Self> {
        let message = message.get().data(py)?;
        call(py, || Template::new(&message)).map(Self)
    }

    /// The message of one row: the name of each field and its value. What is no `str` is written as `str()` does it.
    ///
    /// A field that the row does not have is a `MessageError`, never an empty text; what comes out is checked like any
    /// message when it is sent, so a row can inject nothing.
    fn render(&self, py: Python<'_>, row: &Bound<'_, PyAny>) -> PyResult<EmailMessage> {
        let fields =
            row.cast::<PyMapping>().map_err(|_| wrong_type(row, "row", "a mapping of names to values"))?;
        let mut row = BTreeMap::new();
        for item in fields.items()?.iter() {
            let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
            let name = text(&name, "row")?;
            let field = format!("row[{name:?}]");
            // Neither is what a reader should see.
            if value.is_none() || value.is_instance_of::<PyBytes>() {
                return Err(wrong_type(&value, &field, "a value that can be written as text"));
            }
            let value = if value.is_instance_of::<PyString>() { value } else { value.str()?.into_any() };
            row.insert(name, text(&value, &field)?);
        }
        EmailMessage::of(py, call(py, || self.0.render(&row))?)
    }
}
