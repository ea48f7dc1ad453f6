//! `Attachment`: a file beside the text, or one that the HTML text shows.

use std::{path::Path, sync::Mutex};

use freesmtp_core::message::{Attachment as Core, Content};
use pyo3::{prelude::*, types::PyString};

use crate::{
    boundary::lock,
    foreign,
    message::EmailMessage,
    stream,
    value::{from_path, optional_text, path, wrong_type},
};

/// A file, bytes or a message, and how the recipient sees them.
///
/// A path is opened when the message is sent and read piece by piece. So is a file object or an iterable of bytes, of
/// any length and only once: the message can be sent once. Bytes, `io.BytesIO` and messages are taken as they are now.
#[pyclass(module = "freesmtp", frozen, subclass)]
pub(crate) struct Attachment(Mutex<Core>);

impl Attachment {
    /// One that holds these data.
    pub(crate) fn of(data: Core) -> Self {
        Self(Mutex::new(data))
    }

    /// A copy of the data; bytes are shared, not copied.
    pub(crate) fn data(&self) -> Core {
        lock(&self.0).clone()
    }
}

/// What was given as `source`: the content, its own name, its media type.
type Given = (Content, Option<String>, Option<&'static str>);

fn content(source: &Bound<'_, PyAny>) -> PyResult<Given> {
    const MESSAGE: Option<&str> = Some("message/rfc822");
    if let Some(bytes) = foreign::buffer(source)? {
        return Ok((bytes, None, None));
    }
    if source.is_instance_of::<PyString>() || source.hasattr("__fspath__")? {
        return Ok((Content::File(path(source, "Filename")?), None, None));
    }
    if let Ok(message) = source.cast::<EmailMessage>() {
        return Ok((message.get().data(source.py())?.into(), None, MESSAGE));
    }
    if let Some(message) = foreign::standard(source)? {
        return Ok((message, None, MESSAGE));
    }
    // What is in memory already is no stream: it may be sent again.
    if source.hasattr("getbuffer")? {
        let bytes = source.call_method0("read")?;
        return Ok((foreign::buffer(&bytes)?.ok_or_else(|| no_source(source))?, file_name(source), None));
    }
    if source.hasattr("read")? {
        return Ok((stream::from_file(source)?.into(), file_name(source), None));
    }
    if source.try_iter().is_ok() {
        return Ok((stream::from_iterable(source)?.into(), None, None));
    }
    Err(no_source(source))
}

fn no_source(source: &Bound<'_, PyAny>) -> PyErr {
    wrong_type(
        source,
        "Filename",
        "str, os.PathLike, bytes, a file object, an iterable of bytes or a message",
    )
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
        let (content, own_name, own_type) = content(source)?;
        let (name, content_type) = (name.or(own_name), content_type.or_else(|| own_type.map(str::to_owned)));
        Ok(Self(Mutex::new(Core { content, name, content_type, content_id })))
    }

    /// The path, or `None` when it is no file by path.
    #[getter]
    fn filename<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.data().content {
            Content::File(path) => from_path(py, Some(path)),
            _ => Ok(None),
        }
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
            Content::Stream(_) => format!("Attachment(<stream>{name})"),
            _ => format!("Attachment(<message>{name})"),
        }
    }
}
