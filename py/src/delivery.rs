//! What is asked of the servers for a message: the properties that `freesmtp/_delivery.py` gives `EmailMessage`, kept
//! together here.

use std::sync::Mutex;

use freesmtp_core::{
    message::{DeliveryOptions as Core, Notify},
    types::Moment,
};
use pyo3::{
    exceptions::PyAttributeError,
    prelude::*,
    sync::PyOnceLock,
    types::{PyInt, PyString},
};

use crate::{
    boundary::lock,
    enums::{from_python, to_python},
    error::bad_input,
    value::{optional_text, text, texts, wrong_type},
};

/// The delivery options of a message.
#[pyclass(module = "freesmtp", name = "_DeliveryOptions", frozen)]
#[derive(Default)]
pub(crate) struct DeliveryOptions(Mutex<Core>);

impl DeliveryOptions {
    /// One that holds these data.
    pub(crate) fn of(data: Core) -> Self {
        Self(Mutex::new(data))
    }

    /// A copy of the data.
    pub(crate) fn data(&self) -> Core {
        lock(&self.0).clone()
    }

    /// Sets everything anew.
    pub(crate) fn reset(&self) {
        *lock(&self.0) = Core::default();
    }
}

#[pymethods]
impl DeliveryOptions {
    /// How much of the message delivery reports give back (RFC 3461 section 4.3).
    #[getter]
    fn return_content<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let value = lock(&self.0).return_content;
        to_python(py, value)
    }

    #[setter]
    fn set_return_content(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = from_python(value, "ReturnContent")?;
        lock(&self.0).return_content = value;
        Ok(())
    }

    /// A text that delivery reports give back, to tell which message they are about (RFC 3461 section 4.4).
    #[getter]
    fn envelope_id(&self) -> Option<String> {
        lock(&self.0).envelope_id.clone()
    }

    #[setter]
    fn set_envelope_id(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_text(value, "EnvelopeID")?;
        lock(&self.0).envelope_id = value;
        Ok(())
    }

    /// Whether every server on the way has to use TLS, or to return the message (RFC 8689).
    #[getter]
    fn require_tls(&self) -> bool {
        lock(&self.0).require_tls
    }

    #[setter]
    fn set_require_tls(&self, value: bool) {
        lock(&self.0).require_tls = value;
    }

    /// Seconds within which the message is to be delivered (RFC 2852).
    #[getter]
    fn deliver_by(&self) -> Option<u32> {
        lock(&self.0).deliver_by
    }

    #[setter]
    fn set_deliver_by(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_number(value, "DeliverBy")?;
        lock(&self.0).deliver_by = value;
        Ok(())
    }

    /// What happens when they have passed.
    #[getter]
    fn deliver_by_mode<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let value = lock(&self.0).deliver_by_mode;
        to_python(py, value)
    }

    #[setter]
    fn set_deliver_by_mode(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = from_python(value, "DeliverByMode")?;
        lock(&self.0).deliver_by_mode = value;
        Ok(())
    }

    /// Whether each server on the way reports that it has passed the message on (RFC 2852 section 4).
    #[getter]
    fn deliver_by_trace(&self) -> bool {
        lock(&self.0).deliver_by_trace
    }

    #[setter]
    fn set_deliver_by_trace(&self, value: bool) {
        lock(&self.0).deliver_by_trace = value;
    }

    /// Seconds for which the server holds the message (RFC 4865).
    #[getter]
    fn hold_for(&self) -> Option<u32> {
        lock(&self.0).hold_for
    }

    #[setter]
    fn set_hold_for(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_number(value, "HoldFor")?;
        lock(&self.0).hold_for = value;
        Ok(())
    }

    /// The moment until which the server holds it, as an aware `datetime`; not together with `hold_for`.
    #[getter]
    fn hold_until<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let value = lock(&self.0).hold_until;
        from_moment(py, value)
    }

    #[setter]
    fn set_hold_until(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_moment(value, "HoldUntil")?;
        lock(&self.0).hold_until = value;
        Ok(())
    }

    /// From -9 to 9, 0 being usual: how soon servers handle it among others (RFC 6710).
    #[getter]
    fn mt_priority(&self) -> Option<i8> {
        lock(&self.0).mt_priority
    }

    #[setter]
    fn set_mt_priority(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_number(value, "MtPriority")?;
        lock(&self.0).mt_priority = value;
        Ok(())
    }

    /// The extensions, by their EHLO keywords, whose options are left out when the server cannot give them, with a
    /// warning in the report.
    #[getter]
    fn optional_extensions(&self) -> Vec<String> {
        lock(&self.0).optional_extensions.iter().map(ToString::to_string).collect()
    }

    #[setter]
    fn set_optional_extensions(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = texts(value, "OptionalExtensions")?;
        lock(&self.0).optional_extensions = value.into_iter().map(Into::into).collect();
        Ok(())
    }
}

/// `None`, or a whole number that the core can hold.
fn optional_number<T>(value: &Bound<'_, PyAny>, field: &str) -> PyResult<Option<T>>
where
    T: for<'a, 'py> FromPyObject<'a, 'py>,
{
    if value.is_none() {
        return Ok(None);
    }
    if !value.is_instance_of::<PyInt>() {
        return Err(wrong_type(value, field, "int or None"));
    }
    value.extract().map(Some).map_err(|_| bad_input(value.py(), field, &format!("{value} is out of range")))
}

/// `None`, or the moment of a `datetime`; a naive one is taken as local time.
pub(crate) fn optional_moment(value: &Bound<'_, PyAny>, field: &str) -> PyResult<Option<Moment>> {
    Ok(to_unix(value, field)?.map(|(unix_seconds, _)| Moment::new(unix_seconds)))
}

/// The aware `datetime` in UTC.
pub(crate) fn from_moment(py: Python<'_>, moment: Option<Moment>) -> PyResult<Option<Bound<'_, PyAny>>> {
    moment.map(|moment| dates(py)?.call_method1("from_unix", (moment.unix_seconds, 0))).transpose()
}

/// `None`, or seconds since 1970 UTC and the minutes east of UTC of a `datetime`.
pub(crate) fn to_unix(value: &Bound<'_, PyAny>, field: &str) -> PyResult<Option<(i64, i16)>> {
    if value.is_none() {
        return Ok(None);
    }
    let py = value.py();
    let found = dates(py)?.call_method1("to_unix", (value,)).map_err(|error| {
        if error.is_instance_of::<PyAttributeError>(py) {
            wrong_type(value, field, "datetime")
        } else {
            bad_input(py, field, &format!("is no moment that can be written: {}", error.value(py)))
        }
    })?;
    found.extract().map(Some)
}

/// The two conversions in `freesmtp/_dates.py`: abi3 knows no `datetime`.
pub(crate) fn dates(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static MODULE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    MODULE
        .get_or_try_init(py, || PyResult::Ok(py.import("freesmtp._dates")?.into_any().unbind()))
        .map(|m| m.bind(py))
}

/// A member of the flag `Notify`, its number, or names separated by commas.
pub(crate) fn notify(value: &Bound<'_, PyAny>, field: &str) -> PyResult<Notify> {
    let found = if value.is_instance_of::<PyString>() {
        text(value, field)?.parse().ok()
    } else if value.is_instance_of::<PyInt>() {
        value.extract().ok().and_then(Notify::from_number)
    } else {
        return Err(wrong_type(value, field, "Notify, str or int"));
    };
    found.ok_or_else(|| {
        let shown = value.repr().map_or_else(|_| "this".into(), |shown| shown.to_string_lossy().into_owned());
        let problem = format!("{shown} is not known; it is never, or some of success, failure, delay");
        bad_input(value.py(), field, &problem)
    })
}

/// The member of the Python flag.
pub(crate) fn from_notify(py: Python<'_>, value: Notify) -> PyResult<Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    CLASS.import(py, "freesmtp._enums", "Notify")?.call1((value.number(),))
}
