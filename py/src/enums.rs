//! Enum arguments: a member of the Python enum, its number, or its name in any case.
//!
//! Numbers and names are the core's; `freesmtp/_enums.py` spells them for Python, and a test compares the two.

use freesmtp_core::message::dkim::Canonicalization;
use freesmtp_core::{
    AuthMode, Security,
    message::{
        AutoSubmitted, BodyPartEncoding, BodyPartFormat, DeliverByMode, Priority, RecipientType,
        ReturnContent, ValidSinceAction,
    },
    spool::Durability,
};
use pyo3::{
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyInt, PyString},
};

use crate::{
    error::bad_input,
    value::{text, wrong_type},
};

/// An enum of the object API.
pub(crate) trait Named: Copy + PartialEq + 'static {
    /// The Python class.
    const CLASS: &'static str;

    /// Every value with its name.
    fn all() -> Vec<(Self, &'static str)>;

    /// The number of the object API.
    fn number(self) -> u8;

    /// The value with that name, in any case.
    fn by_name(name: &str) -> Option<Self>;

    /// The class, kept.
    fn class() -> &'static PyOnceLock<Py<PyAny>>;
}

macro_rules! named {
    ($type:ty, $class:literal, $all:expr, $number:expr) => {
        impl Named for $type {
            const CLASS: &'static str = $class;

            fn all() -> Vec<(Self, &'static str)> {
                $all
            }

            fn number(self) -> u8 {
                $number(self)
            }

            fn by_name(name: &str) -> Option<Self> {
                name.parse().ok()
            }

            fn class() -> &'static PyOnceLock<Py<PyAny>> {
                static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
                &CLASS
            }
        }
    };
}

/// The names of an enum whose values know them.
macro_rules! names {
    ($type:ty) => {
        <$type>::ALL.iter().map(|value| (*value, value.as_str())).collect()
    };
}

named!(RecipientType, "RecipientType", names!(RecipientType), RecipientType::number);
named!(BodyPartFormat, "BodyPartFormat", names!(BodyPartFormat), BodyPartFormat::number);
named!(BodyPartEncoding, "BodyPartEncoding", names!(BodyPartEncoding), BodyPartEncoding::number);
named!(AutoSubmitted, "AutoSubmitted", names!(AutoSubmitted), AutoSubmitted::number);
named!(Canonicalization, "Canonicalization", names!(Canonicalization), Canonicalization::number);
named!(ReturnContent, "ReturnContent", names!(ReturnContent), ReturnContent::number);
named!(Durability, "Durability", names!(Durability), Durability::number);
named!(DeliverByMode, "DeliverByMode", names!(DeliverByMode), DeliverByMode::number);
named!(ValidSinceAction, "ValidSinceAction", names!(ValidSinceAction), ValidSinceAction::number);
named!(Priority, "Priority", names!(Priority), Priority::number);
named!(Security, "Security", names!(Security), |value| value as u8);
named!(AuthMode, "SMTPAuthMode", AuthMode::ALL.to_vec(), |value| value as u8);

/// The value that an argument means.
pub(crate) fn from_python<T: Named>(value: &Bound<'_, PyAny>, field: &str) -> PyResult<T> {
    let found = if value.is_instance_of::<PyString>() {
        T::by_name(&text(value, field)?)
    } else if value.is_instance_of::<PyInt>() {
        let number: Option<u8> = value.extract().ok();
        T::all().into_iter().map(|(value, _)| value).find(|value| Some(value.number()) == number)
    } else {
        return Err(wrong_type(value, field, &format!("{}, str or int", T::CLASS)));
    };
    found.ok_or_else(|| {
        let names: Vec<&str> = T::all().into_iter().map(|(_, name)| name).collect();
        let shown = value.repr().map_or_else(|_| "this".into(), |shown| shown.to_string_lossy().into_owned());
        bad_input(value.py(), field, &format!("{shown} is not known; it is one of {}", names.join(", ")))
    })
}

/// The member of the Python enum.
pub(crate) fn to_python<T: Named>(py: Python<'_>, value: T) -> PyResult<Bound<'_, PyAny>> {
    T::class().import(py, "freesmtp._enums", T::CLASS)?.call1((value.number(),))
}

/// Each enum of the core by its Python class: names and numbers, for the test that compares.
#[pyfunction]
pub(crate) fn _enum_numbers(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    fn add<T: Named>(all: &Bound<'_, PyDict>) -> PyResult<()> {
        let numbers = PyDict::new(all.py());
        for (value, name) in T::all() {
            numbers.set_item(name, value.number())?;
        }
        all.set_item(T::CLASS, numbers)
    }
    let all = PyDict::new(py);
    add::<RecipientType>(&all)?;
    add::<BodyPartFormat>(&all)?;
    add::<BodyPartEncoding>(&all)?;
    add::<Priority>(&all)?;
    add::<AutoSubmitted>(&all)?;
    add::<ReturnContent>(&all)?;
    add::<Durability>(&all)?;
    add::<DeliverByMode>(&all)?;
    add::<ValidSinceAction>(&all)?;
    add::<Canonicalization>(&all)?;
    add::<Security>(&all)?;
    add::<AuthMode>(&all)?;
    Ok(all)
}
