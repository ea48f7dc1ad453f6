//! `EmailMessage`: who, to whom, what.

use std::sync::Mutex;

use freesmtp_core::{
    self as core, EmailMessage as Core,
    message::{Content, Date, Priority},
};
use pyo3::{
    PyClass,
    prelude::*,
    types::{PyBytes, PyDict},
};

use crate::{
    address::{Address, address},
    attachment::Attachment,
    body_part::BodyPart,
    boundary::{detached, lock},
    calendar::{Calendar, calendar},
    collection::Collection,
    collections::{Attachments, BodyParts, CustomHeaders, EmbeddedObjects, Recipients},
    custom_header::CustomHeader,
    delivery::{DeliveryOptions, dates, to_unix},
    dkim::{DkimSigner, DkimSigners},
    enums::{from_python, to_python},
    foreign,
    recipient::Recipient,
    spool::SpoolOptions,
    value::{optional_text, path, text, texts},
};

/// A message. Everything may be set in any order; all of it is checked when the message is sent or composed.
#[pyclass(module = "freesmtp", frozen, subclass)]
pub(crate) struct EmailMessage {
    /// What is neither an address nor a collection; those fields of it are unused.
    plain: Mutex<Core>,
    from: Mutex<Py<Address>>,
    reply_to: Mutex<Py<Address>>,
    sender: Mutex<Py<Address>>,
    recipients: Py<Recipients>,
    body_parts: Py<BodyParts>,
    attachments: Py<Attachments>,
    embedded_objects: Py<EmbeddedObjects>,
    custom_headers: Py<CustomHeaders>,
    calendar: Mutex<Option<Py<Calendar>>>,
    dkim: Py<DkimSigners>,
    delivery: Py<DeliveryOptions>,
    spool: Py<SpoolOptions>,
}

impl EmailMessage {
    /// One that holds these data, in objects of its own.
    pub(crate) fn of(py: Python<'_>, mut data: Core) -> PyResult<Self> {
        let address = |address: Option<core::Address>| {
            Py::new(py, Address::of(address.unwrap_or_default())).map(Mutex::new)
        };
        let message = Self {
            from: address(Some(std::mem::take(&mut data.from)))?,
            reply_to: address(data.reply_to.take())?,
            sender: address(data.sender.take())?,
            recipients: collection(py, Recipients)?,
            body_parts: collection(py, BodyParts)?,
            attachments: collection(py, Attachments)?,
            embedded_objects: collection(py, EmbeddedObjects)?,
            custom_headers: collection(py, CustomHeaders)?,
            calendar: Mutex::new(
                data.calendar.take().map(|data| Py::new(py, Calendar::of(data))).transpose()?,
            ),
            dkim: collection(py, DkimSigners)?,
            delivery: Py::new(py, DeliveryOptions::of(std::mem::take(&mut data.delivery)))?,
            spool: Py::new(py, SpoolOptions::of(std::mem::take(&mut data.spool)))?,
            plain: Mutex::default(),
        };
        fill(py, &message.recipients, std::mem::take(&mut data.recipients), Recipient::of)?;
        fill(py, &message.body_parts, std::mem::take(&mut data.body_parts), BodyPart::of)?;
        fill(py, &message.attachments, std::mem::take(&mut data.attachments), Attachment::of)?;
        fill(py, &message.embedded_objects, std::mem::take(&mut data.embedded_objects), Attachment::of)?;
        fill(py, &message.custom_headers, std::mem::take(&mut data.custom_headers), CustomHeader::of)?;
        fill(py, &message.dkim, std::mem::take(&mut data.dkim), DkimSigner::of)?;
        *lock(&message.plain) = data;
        Ok(message)
    }

    /// The message as data, for the core.
    pub(crate) fn data(&self, py: Python<'_>) -> PyResult<Core> {
        let mut data = lock(&self.plain).clone();
        data.from = current(&self.from, py).get().data();
        data.reply_to = current(&self.reply_to, py).get().data_if_set();
        data.sender = current(&self.sender, py).get().data_if_set();
        data.recipients = items(py, &self.recipients, |item: &Bound<'_, Recipient>| item.get().data())?;
        data.body_parts = items(py, &self.body_parts, |item: &Bound<'_, BodyPart>| item.get().data())?;
        data.attachments = items(py, &self.attachments, |item: &Bound<'_, Attachment>| item.get().data())?;
        data.embedded_objects =
            items(py, &self.embedded_objects, |item: &Bound<'_, Attachment>| item.get().data())?;
        data.custom_headers =
            items(py, &self.custom_headers, |item: &Bound<'_, CustomHeader>| item.get().data())?;
        let calendar = self.calendar(py);
        data.calendar = calendar.map(|calendar| calendar.get().data());
        data.delivery = self.delivery.get().data();
        data.spool = self.spool.get().data();
        data.dkim = items(py, &self.dkim, |item: &Bound<'_, DkimSigner>| item.get().data())?;
        Ok(data)
    }
}

fn items<C, T, D>(py: Python<'_>, collection: &Py<C>, data: impl Fn(&Bound<'_, T>) -> D) -> PyResult<Vec<D>>
where
    C: PyClass<BaseType = Collection>,
    T: pyo3::PyTypeInfo,
{
    collection.bind(py).as_super().get().data(py, data)
}

/// Puts an object for each of the data into the collection.
fn fill<C, T, D>(py: Python<'_>, collection: &Py<C>, data: Vec<D>, object: impl Fn(D) -> T) -> PyResult<()>
where
    C: PyClass<BaseType = Collection>,
    T: PyClass<BaseType = PyAny> + Into<PyClassInitializer<T>>,
{
    for data in data {
        collection.bind(py).as_super().get().push(&Bound::new(py, object(data))?);
    }
    Ok(())
}

fn current(place: &Mutex<Py<Address>>, py: Python<'_>) -> Py<Address> {
    lock(place).clone_ref(py)
}

/// Puts an object in its place. What was there is let go outside the lock.
fn replace<T>(place: &Mutex<T>, value: T) {
    let before = std::mem::replace(&mut *lock(place), value);
    drop(before);
}

/// A `Collection` of the subclass `C`.
pub(crate) fn collection<C>(py: Python<'_>, subclass: C) -> PyResult<Py<C>>
where
    C: PyClass<BaseType = Collection>,
{
    Py::new(py, PyClassInitializer::from(Collection::default()).add_subclass(subclass))
}

#[pymethods]
impl EmailMessage {
    #[new]
    #[pyo3(signature = (recipient_email=None, from_email=None, subject=None, body_text=None,
        body_part_format=None))]
    fn new<'py>(
        py: Python<'py>,
        recipient_email: Option<&Bound<'py, PyAny>>,
        from_email: Option<&Bound<'py, PyAny>>,
        subject: Option<&Bound<'py, PyAny>>,
        body_text: Option<&Bound<'py, PyAny>>,
        body_part_format: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Self> {
        let empty = || Py::new(py, Address::default()).map(Mutex::new);
        let message = Self {
            plain: Mutex::new(Core::new()),
            from: empty()?,
            reply_to: empty()?,
            sender: empty()?,
            recipients: collection(py, Recipients)?,
            body_parts: collection(py, BodyParts)?,
            attachments: collection(py, Attachments)?,
            embedded_objects: collection(py, EmbeddedObjects)?,
            custom_headers: collection(py, CustomHeaders)?,
            calendar: Mutex::default(),
            dkim: collection(py, DkimSigners)?,
            delivery: Py::new(py, DeliveryOptions::default())?,
            spool: Py::new(py, SpoolOptions::default())?,
        };
        if let Some(email) = recipient_email {
            message.recipients.call_method1(py, "add", (email,))?;
        }
        if let Some(email) = from_email {
            message.set_from_(email)?;
        }
        if let Some(subject) = subject {
            message.set_subject(subject)?;
        }
        if let Some(body) = body_text {
            message.body_parts.call_method1(py, "add", (body, body_part_format))?;
        }
        Ok(message)
    }

    /// A whole message in the form of RFC 5322, from bytes, a path or a message of the standard library, passed
    /// through as it is: line ends become CRLF, `Bcc` is left out, nothing else changes.
    ///
    /// Whom it is from and for is said by `return_path`, `sender`, `from_` and `recipients` where they are set, else
    /// by its headers. Every other property has to be unset.
    #[staticmethod]
    fn raw<'py>(source: &Bound<'py, PyAny>) -> PyResult<Self> {
        let py = source.py();
        let content =
            match foreign::buffer(source)?.map_or_else(|| foreign::standard(source), |c| Ok(Some(c)))? {
                Some(content) => content,
                None => Content::File(path(source, "Raw")?),
            };
        let message = Self::new(py, None, None, None, None, None)?;
        lock(&message.plain).raw = Some(content);
        Ok(message)
    }

    /// The messages that this one answers, by their `Message-ID` (RFC 5322 section 3.6.4).
    #[getter]
    fn in_reply_to(&self) -> Vec<String> {
        lock(&self.plain).in_reply_to.clone()
    }

    #[setter]
    fn set_in_reply_to(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = texts(value, "InReplyTo")?;
        lock(&self.plain).in_reply_to = value;
        Ok(())
    }

    /// The thread, oldest first, by `Message-ID`: the `References` of the message answered, and its own.
    #[getter]
    fn references(&self) -> Vec<String> {
        lock(&self.plain).references.clone()
    }

    #[setter]
    fn set_references(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = texts(value, "References")?;
        lock(&self.plain).references = value;
        Ok(())
    }

    /// Whether a program wrote it (RFC 3834).
    #[getter]
    fn auto_submitted<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let value = lock(&self.plain).auto_submitted;
        to_python(py, value)
    }

    #[setter]
    fn set_auto_submitted(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = from_python(value, "AutoSubmitted")?;
        lock(&self.plain).auto_submitted = value;
        Ok(())
    }

    /// Links that end a subscription, the preferred one first: `https://…`, `mailto:…` (RFC 2369).
    #[getter]
    fn list_unsubscribe(&self) -> Vec<String> {
        lock(&self.plain).list_unsubscribe.clone()
    }

    #[setter]
    fn set_list_unsubscribe(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = texts(value, "ListUnsubscribe")?;
        lock(&self.plain).list_unsubscribe = value;
        Ok(())
    }

    /// Whether an empty POST to the https link is enough (RFC 8058).
    #[getter]
    fn list_unsubscribe_one_click(&self) -> bool {
        lock(&self.plain).list_unsubscribe_one_click
    }

    #[setter]
    fn set_list_unsubscribe_one_click(&self, value: bool) {
        lock(&self.plain).list_unsubscribe_one_click = value;
    }

    /// Who the message is from. Required. An address given as `str` has no name.
    #[getter]
    fn from_(&self, py: Python<'_>) -> Py<Address> {
        current(&self.from, py)
    }

    #[setter]
    fn set_from_(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        replace(&self.from, address(value, "From")?);
        Ok(())
    }

    /// Where answers go, when not to `from_`; empty means nowhere else.
    #[getter]
    fn reply_to(&self, py: Python<'_>) -> Py<Address> {
        current(&self.reply_to, py)
    }

    #[setter]
    fn set_reply_to(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        replace(&self.reply_to, address(value, "ReplyTo")?);
        Ok(())
    }

    /// Who sends on behalf of `from_` (RFC 5322 section 3.6.2); empty means nobody.
    #[getter]
    fn sender(&self, py: Python<'_>) -> Py<Address> {
        current(&self.sender, py)
    }

    #[setter]
    fn set_sender(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        replace(&self.sender, address(value, "Sender")?);
        Ok(())
    }

    /// Where bounces go: `None` means `sender`, else `from_`; an empty text means nowhere (`<>`).
    #[getter]
    fn return_path(&self) -> Option<String> {
        lock(&self.plain).return_path.clone()
    }

    #[setter]
    fn set_return_path(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_text(value, "ReturnPath")?;
        lock(&self.plain).return_path = value;
        Ok(())
    }

    /// One line of any characters.
    #[getter]
    fn subject(&self) -> String {
        lock(&self.plain).subject.clone()
    }

    #[setter]
    fn set_subject(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value, "Subject")?;
        lock(&self.plain).subject = value;
        Ok(())
    }

    /// How urgent the sender says it is.
    #[getter]
    fn priority<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let priority = lock(&self.plain).priority;
        to_python(py, priority)
    }

    #[setter]
    fn set_priority(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value: Priority = from_python(value, "Priority")?;
        lock(&self.plain).priority = value;
        Ok(())
    }

    /// The `Message-ID`, `local@domain` with or without angle brackets; `None`: made when the message is sent.
    #[getter]
    fn message_id(&self) -> Option<String> {
        lock(&self.plain).message_id.clone()
    }

    #[setter]
    fn set_message_id(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_text(value, "MessageID")?;
        lock(&self.plain).message_id = value;
        Ok(())
    }

    /// The date as an aware `datetime`; `None`: the time of sending. A naive one is taken as local time.
    #[getter]
    fn date<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(date) = lock(&self.plain).date else { return Ok(None) };
        dates(py)?.call_method1("from_unix", (date.unix_seconds, date.offset_minutes)).map(Some)
    }

    #[setter]
    fn set_date(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let date = to_unix(value, "Date")?
            .map(|(unix_seconds, offset_minutes)| Date { unix_seconds, offset_minutes });
        lock(&self.plain).date = date;
        Ok(())
    }

    /// Charset of the bodies: `utf-8`, or `us-ascii` when they fit.
    #[getter]
    fn charset_encoding(&self) -> String {
        lock(&self.plain).charset_encoding.to_string()
    }

    #[setter]
    fn set_charset_encoding(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value, "CharsetEncoding")?;
        lock(&self.plain).charset_encoding = value.into();
        Ok(())
    }

    /// The recipients. At least one.
    #[getter]
    fn recipients(&self, py: Python<'_>) -> Py<Recipients> {
        self.recipients.clone_ref(py)
    }

    /// The texts. Plain and HTML together are alternatives of each other.
    #[getter]
    fn body_parts(&self, py: Python<'_>) -> Py<BodyParts> {
        self.body_parts.clone_ref(py)
    }

    /// The files beside the text.
    #[getter]
    fn attachments(&self, py: Python<'_>) -> Py<Attachments> {
        self.attachments.clone_ref(py)
    }

    /// The files that the HTML text shows as `cid:` and their identifier.
    #[getter]
    fn embedded_objects(&self, py: Python<'_>) -> Py<EmbeddedObjects> {
        self.embedded_objects.clone_ref(py)
    }

    /// Further headers, in this order.
    #[getter]
    fn custom_headers(&self, py: Python<'_>) -> Py<CustomHeaders> {
        self.custom_headers.clone_ref(py)
    }

    /// An invitation; `None`: it is none. One given as `str` is attached as a file too.
    #[getter]
    fn calendar(&self, py: Python<'_>) -> Option<Py<Calendar>> {
        lock(&self.calendar).as_ref().map(|calendar| calendar.clone_ref(py))
    }

    #[setter]
    fn set_calendar(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        replace(&self.calendar, calendar(value)?);
        Ok(())
    }

    /// The signatures to add, the first one outermost (RFC 6376).
    #[getter]
    fn dkim(&self, py: Python<'_>) -> Py<DkimSigners> {
        self.dkim.clone_ref(py)
    }

    /// What `freesmtp/_delivery.py` spreads over the message.
    #[getter]
    fn _delivery(&self, py: Python<'_>) -> Py<DeliveryOptions> {
        self.delivery.clone_ref(py)
    }

    /// The same.
    #[getter]
    fn _spool(&self, py: Python<'_>) -> Py<SpoolOptions> {
        self.spool.clone_ref(py)
    }

    /// Makes it an empty message again.
    fn reset(&self, py: Python<'_>) -> PyResult<()> {
        *lock(&self.plain) = Core::new();
        for place in [&self.from, &self.reply_to, &self.sender] {
            replace(place, Py::new(py, Address::default())?);
        }
        self.recipients.bind(py).as_super().get().empty();
        self.body_parts.bind(py).as_super().get().empty();
        self.attachments.bind(py).as_super().get().empty();
        self.embedded_objects.bind(py).as_super().get().empty();
        self.custom_headers.bind(py).as_super().get().empty();
        self.dkim.bind(py).as_super().get().empty();
        replace(&self.calendar, None);
        self.delivery.get().reset();
        self.spool.get().reset();
        Ok(())
    }

    /// The message as it would be sent (RFC 5322 form, CRLF line ends, `Bcc` left out).
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let message = self.data(py)?;
        let bytes = detached(py, || message.to_bytes())?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Writes the message to a file, in place of what it held.
    fn save_message(&self, py: Python<'_>, file_name: &Bound<'_, PyAny>) -> PyResult<()> {
        let file_name = path(file_name, "FileName")?;
        let message = self.data(py)?;
        detached(py, || message.save_message(&file_name))
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.to_bytes(py)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let py = slf.py();
        let fields = PyDict::new(py);
        fields.set_item("from_", slf.get().from_(py))?;
        fields.set_item("recipients", slf.get().recipients(py))?;
        fields.set_item("subject", slf.get().subject())?;
        Ok(format!("{}({})", slf.get_type().name()?, fields.repr()?))
    }
}
