//! `Attachment`: a file beside the text, or one that the HTML text shows.

use std::{path::Path, sync::Arc, sync::Mutex};

use freesmtp_core::message::{Attachment as Core, Content};
use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyBytes, PyMemoryView, PyString},
};

use crate::{
    boundary::lock,
    value::{optional_text, path, wrong_type},
};

/// A file or bytes, and how the recipient sees them.
///
/// A path is opened when the message is sent and read piece by piece; bytes and file objects are read now.
#[pyclass(module = "freesmtp", frozen, subclass)]
pub(crate) struct Attachment(Mutex<Core>);

impl Attachment {
    /// A copy of the data; bytes are shared, not copied.
    pub(crate) fn data(&self) -> Core {
        lock(&self.0).clone()
    }
}

/// What was given as `source`: bytes, an open file, or a path.
fn content(source: &Bound<'_, PyAny>) -> PyResult<(Content, Option<String>)> {
    if let Ok(view) = PyMemoryView::from(source) {
        let bytes = view.call_method0("tobytes")?.cast_into::<PyBytes>()?;
        return Ok((Content::Bytes(bytes.as_bytes().into()), None));
    }
    if let Ok(read) = source.getattr("read") {
        let bytes: Arc<[u8]> = match read.call0()?.cast_into::<PyBytes>() {
            Ok(bytes) => bytes.as_bytes().into(),
            Err(_) => return Err(PyTypeError::new_err("read() gave no bytes; open the file in mode \"rb\"")),
        };
        return Ok((Content::Bytes(bytes), file_name(source)));
    }
    Ok((Content::File(path(source, "Filename")?), None))
}

/// The last part of a file object's `name`, which may also be a descriptor's number or missing.
fn file_name(file: &Bound<'_, PyAny>) -> Option<String> {
    let name = file.getattr("name").ok()?.cast_into::<PyString>().ok()?;
    Some(Path::new(name.to_cow().ok()?.as_ref()).file_name()?.to_str()?.to_owned())
}

#[pymethods]
impl Attachment {
    #[new]
    #[pyo3(signature = (source, display_name=None, content_type=None, content_id=None))]
    pub(crate) fn new(
        source: &Bound<'_, PyAny>,
        display_name: Option<&Bound<'_, PyAny>>,
        content_type: Option<&Bound<'_, PyAny>>,
        content_id: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let given = |value: Option<&Bound<'_, PyAny>>, field| match value {
            Some(value) => optional_text(value, field),
            None => Ok(None),
        };
        let name = given(display_name, "DisplayName")?;
        let content_type = given(content_type, "ContentType")?;
        let content_id = given(content_id, "ContentID")?;
        let (content, own_name) = content(source)?;
        Ok(Self(Mutex::new(Core { content, name: name.or(own_name), content_type, content_id })))
    }

    /// The path, or `None` when the bytes are in memory.
    #[getter]
    fn filename<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Content::File(path) = self.data().content else { return Ok(None) };
        path.as_os_str().into_pyobject(py).map(|path| Some(path.into_any())).map_err(Into::into)
    }

    #[setter]
    fn set_filename(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if value.is_none() {
            return Err(wrong_type(value, "Filename", "str or os.PathLike"));
        }
        let value = path(value, "Filename")?;
        lock(&self.0).content = Content::File(value);
        Ok(())
    }

    /// The file name that the recipient sees; `None`: that of the file.
    #[getter]
    fn display_name(&self) -> Option<String> {
        lock(&self.0).name.clone()
    }

    #[setter]
    fn set_display_name(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_text(value, "DisplayName")?;
        lock(&self.0).name = value;
        Ok(())
    }

    /// The media type, such as `application/pdf`; `None`: by the name's extension.
    #[getter]
    fn content_type(&self) -> Option<String> {
        lock(&self.0).content_type.clone()
    }

    #[setter]
    fn set_content_type(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_text(value, "ContentType")?;
        lock(&self.0).content_type = value;
        Ok(())
    }

    /// The identifier that HTML names as `cid:`.
    #[getter]
    fn content_id(&self) -> Option<String> {
        lock(&self.0).content_id.clone()
    }

    #[setter]
    fn set_content_id(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_text(value, "ContentID")?;
        lock(&self.0).content_id = value;
        Ok(())
    }

    fn __repr__(&self) -> String {
        let Core { content, name, .. } = self.data();
        let name = name.map(|name| format!(", {name:?}")).unwrap_or_default();
        match content {
            Content::File(path) => format!("Attachment({path:?}{name})"),
            Content::Bytes(bytes) => format!("Attachment(<{} bytes>{name})", bytes.len()),
            _ => format!("Attachment(…{name})"),
        }
    }
}
