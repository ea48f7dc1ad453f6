//! Arguments from Python: only what the core's types cannot hold is refused here, naming the property.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyBytes, PyInt, PyString},
};

use crate::error::bad_input;

/// A `str` as UTF-8.
pub(crate) fn text(value: &Bound<'_, PyAny>, field: &str) -> PyResult<String> {
    let string = value.cast::<PyString>().map_err(|_| wrong_type(value, field, "str"))?;
    match string.to_cow() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(bad_input(
            value.py(),
            field,
            "holds half of a surrogate pair, which no charset can carry; decode the text it came from properly",
        )),
    }
}

/// `None`, or a `str`.
pub(crate) fn optional_text(value: &Bound<'_, PyAny>, field: &str) -> PyResult<Option<String>> {
    if value.is_none() { Ok(None) } else { text(value, field).map(Some) }
}

/// `None`, or `str` or `bytes`, as bytes.
pub(crate) fn optional_bytes(value: &Bound<'_, PyAny>, field: &str) -> PyResult<Option<Vec<u8>>> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Some(bytes.as_bytes().to_vec()));
    }
    Ok(optional_text(value, field)?.map(String::into_bytes))
}

/// Several `str`; a single one is a mistake, not a sequence of letters.
pub(crate) fn texts(value: &Bound<'_, PyAny>, field: &str) -> PyResult<Vec<String>> {
    if value.is_instance_of::<PyString>() {
        return Err(wrong_type(value, field, "a sequence of str"));
    }
    value.try_iter()?.map(|item| text(&item?, field)).collect()
}

/// `str` or `os.PathLike`.
pub(crate) fn path(value: &Bound<'_, PyAny>, field: &str) -> PyResult<PathBuf> {
    value.extract().map_err(|error: PyErr| {
        if error.is_instance_of::<PyTypeError>(value.py()) {
            wrong_type(value, field, "str or os.PathLike")
        } else {
            error
        }
    })
}

/// `None`, or a path.
pub(crate) fn optional_path(value: &Bound<'_, PyAny>, field: &str) -> PyResult<Option<PathBuf>> {
    if value.is_none() { Ok(None) } else { path(value, field).map(Some) }
}

/// `None`, or a path as a `str`.
pub(crate) fn from_path(py: Python<'_>, path: Option<PathBuf>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let Some(path) = path else { return Ok(None) };
    path.as_os_str().into_pyobject(py).map(|path| Some(path.into_any())).map_err(Into::into)
}

/// A port; 0 leaves the choice to the core.
pub(crate) fn port(value: &Bound<'_, PyAny>) -> PyResult<u16> {
    if !value.is_instance_of::<PyInt>() {
        return Err(wrong_type(value, "Port", "int"));
    }
    value.extract().map_err(|_| {
        bad_input(value.py(), "Port", &format!("{value} is no port; give a number from 1 to 65535"))
    })
}

/// A whole number that is not below zero.
pub(crate) fn whole<T: for<'a, 'py> FromPyObject<'a, 'py>>(
    value: &Bound<'_, PyAny>,
    field: &str,
) -> PyResult<T> {
    if !value.is_instance_of::<PyInt>() {
        return Err(wrong_type(value, field, "int"));
    }
    value.extract().map_err(|_| {
        bad_input(value.py(), field, &format!("{value} is no number of them; give a whole number from 0 on"))
    })
}

/// `None`, or a number.
pub(crate) fn optional_number(value: &Bound<'_, PyAny>, field: &str) -> PyResult<Option<f64>> {
    if value.is_none() {
        return Ok(None);
    }
    value.extract().map(Some).map_err(|_| wrong_type(value, field, "float"))
}

/// Seconds, whole or not.
pub(crate) fn seconds(value: &Bound<'_, PyAny>, field: &str) -> PyResult<Duration> {
    let number: f64 = value.extract().map_err(|_| wrong_type(value, field, "float"))?;
    Duration::try_from_secs_f64(number).map_err(|_| {
        bad_input(value.py(), field, &format!("{value} is no time to wait; give seconds above zero"))
    })
}

/// `None`, or seconds.
pub(crate) fn optional_seconds(value: &Bound<'_, PyAny>, field: &str) -> PyResult<Option<Duration>> {
    if value.is_none() { Ok(None) } else { seconds(value, field).map(Some) }
}

/// `None`, or an address as `str` or of the module `ipaddress`.
pub(crate) fn optional_address(value: &Bound<'_, PyAny>, field: &str) -> PyResult<Option<IpAddr>> {
    if value.is_none() {
        return Ok(None);
    }
    let given = value.str()?;
    let given = text(&given, field)?;
    match given.parse() {
        Ok(address) => Ok(Some(address)),
        Err(_) => Err(bad_input(value.py(), field, &format!("{given:?} is no IP address"))),
    }
}

/// What Python itself raises for an argument of another type.
pub(crate) fn wrong_type(value: &Bound<'_, PyAny>, field: &str, expected: &str) -> PyErr {
    let found = value.get_type().name().map_or_else(|_| "something else".into(), |name| name.to_string());
    PyTypeError::new_err(format!("{field} must be {expected}, not {found}"))
}
