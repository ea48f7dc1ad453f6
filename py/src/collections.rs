//! The collections of a message, each with the `add` of its kind.

use pyo3::prelude::*;

use crate::{
    attachment::Attachment, body_part::BodyPart, collection::Collection, custom_header::CustomHeader,
    recipient::Recipient,
};

/// The recipients of a message.
#[pyclass(module = "freesmtp", extends = Collection, frozen)]
pub(crate) struct Recipients;

#[pymethods]
impl Recipients {
    /// Adds a recipient: an address with name and type, or a `Recipient`.
    #[pyo3(signature = (email, name=None, r#type=None))]
    fn add<'py>(
        slf: &Bound<'py, Self>,
        email: &Bound<'py, PyAny>,
        name: Option<&Bound<'py, PyAny>>,
        r#type: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Recipient>> {
        let item = match email.cast::<Recipient>() {
            Ok(recipient) if name.is_none() && r#type.is_none() => recipient.clone(),
            _ => Bound::new(slf.py(), Recipient::new(email, name, r#type)?)?,
        };
        Ok(slf.as_super().get().push(&item))
    }
}

/// The texts of a message. Plain and HTML together are alternatives of each other.
#[pyclass(module = "freesmtp", extends = Collection, frozen)]
pub(crate) struct BodyParts;

#[pymethods]
impl BodyParts {
    /// Adds a text with format and encoding, or a `BodyPart`.
    #[pyo3(signature = (body, format=None, encoding=None))]
    fn add<'py>(
        slf: &Bound<'py, Self>,
        body: &Bound<'py, PyAny>,
        format: Option<&Bound<'py, PyAny>>,
        encoding: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, BodyPart>> {
        let item = match body.cast::<BodyPart>() {
            Ok(part) if format.is_none() && encoding.is_none() => part.clone(),
            _ => Bound::new(slf.py(), BodyPart::new(body, format, encoding)?)?,
        };
        Ok(slf.as_super().get().push(&item))
    }
}

/// The files beside the text.
#[pyclass(module = "freesmtp", extends = Collection, frozen)]
pub(crate) struct Attachments;

#[pymethods]
impl Attachments {
    /// Adds a file by path, bytes or an open file under a name, or an `Attachment`.
    #[pyo3(signature = (source, display_name=None, content_type=None))]
    fn add<'py>(
        slf: &Bound<'py, Self>,
        source: &Bound<'py, PyAny>,
        display_name: Option<&Bound<'py, PyAny>>,
        content_type: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Attachment>> {
        let item = match source.cast::<Attachment>() {
            Ok(attachment) if display_name.is_none() && content_type.is_none() => attachment.clone(),
            _ => Bound::new(slf.py(), Attachment::new(source, display_name, content_type, None)?)?,
        };
        Ok(slf.as_super().get().push(&item))
    }
}

/// The files that the HTML text shows as `cid:` and their identifier.
#[pyclass(module = "freesmtp", extends = Collection, frozen)]
pub(crate) struct EmbeddedObjects;

#[pymethods]
impl EmbeddedObjects {
    /// Adds a file by path, bytes or an open file under a name, or an `Attachment` with its `content_id`.
    #[pyo3(signature = (source, content_id=None, display_name=None, content_type=None))]
    fn add<'py>(
        slf: &Bound<'py, Self>,
        source: &Bound<'py, PyAny>,
        content_id: Option<&Bound<'py, PyAny>>,
        display_name: Option<&Bound<'py, PyAny>>,
        content_type: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Attachment>> {
        let bare = content_id.is_none() && display_name.is_none() && content_type.is_none();
        let item = match source.cast::<Attachment>() {
            Ok(attachment) if bare => attachment.clone(),
            _ => Bound::new(slf.py(), Attachment::new(source, display_name, content_type, content_id)?)?,
        };
        Ok(slf.as_super().get().push(&item))
    }
}

/// Further headers, in this order.
#[pyclass(module = "freesmtp", extends = Collection, frozen)]
pub(crate) struct CustomHeaders;

#[pymethods]
impl CustomHeaders {
    /// Adds a header by name and value, or a `CustomHeader`.
    #[pyo3(signature = (name, value=None))]
    fn add<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyAny>,
        value: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, CustomHeader>> {
        let item = match (name.cast::<CustomHeader>(), value) {
            (Ok(header), None) => header.clone(),
            (_, Some(value)) => Bound::new(slf.py(), CustomHeader::new(name, value)?)?,
            (Err(_), None) => {
                return Err(pyo3::exceptions::PyTypeError::new_err("add() takes a name and a value"));
            }
        };
        Ok(slf.as_super().get().push(&item))
    }
}
