//! `BodyPart`: one of a message's texts.

use std::sync::Mutex;

use freesmtp_core::message::{BodyPart as Core, BodyPartEncoding, BodyPartFormat};
use pyo3::prelude::*;

use crate::{
    boundary::lock,
    enums::{from_python, to_python},
    value::text,
};

/// A text, what kind it is, and how it travels.
#[pyclass(module = "freesmtp", frozen, subclass)]
pub(crate) struct BodyPart(Mutex<Core>);

impl BodyPart {
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
impl BodyPart {
    #[new]
    #[pyo3(signature = (body, format=None, encoding=None))]
    pub(crate) fn new(
        body: &Bound<'_, PyAny>,
        format: Option<&Bound<'_, PyAny>>,
        encoding: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let format: Option<BodyPartFormat> = format.map(|v| from_python(v, "Format")).transpose()?;
        let encoding: Option<BodyPartEncoding> = encoding.map(|v| from_python(v, "Encoding")).transpose()?;
        Ok(Self(Mutex::new(Core {
            body: text(body, "Body")?,
            format: format.unwrap_or_default(),
            encoding: encoding.unwrap_or_default(),
        })))
    }

    /// The text; line ends of any kind become CRLF.
    #[getter]
    fn body(&self) -> String {
        lock(&self.0).body.clone()
    }

    #[setter]
    fn set_body(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value, "Body")?;
        lock(&self.0).body = value;
        Ok(())
    }

    /// What kind of text it is.
    #[getter]
    fn format<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let format = lock(&self.0).format;
        to_python(py, format)
    }

    #[setter]
    fn set_format(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = from_python(value, "Format")?;
        lock(&self.0).format = value;
        Ok(())
    }

    /// How it travels (RFC 2045 section 6).
    #[getter]
    fn encoding<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let encoding = lock(&self.0).encoding;
        to_python(py, encoding)
    }

    #[setter]
    fn set_encoding(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = from_python(value, "Encoding")?;
        lock(&self.0).encoding = value;
        Ok(())
    }

    fn __repr__(&self) -> String {
        let part = lock(&self.0);
        format!(
            "BodyPart(<{} bytes>, {:?}, {:?})",
            part.body.len(),
            part.format.as_str(),
            part.encoding.as_str()
        )
    }
}
