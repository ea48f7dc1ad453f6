//! Instances of the dataclasses of the package, which hold what the core answers.

use pyo3::{prelude::*, sync::PyOnceLock, types::PyDict};

/// An instance of a dataclass with these fields, all that it has.
///
/// The names are made once for the process, and the fields become the instance's own dictionary: the `__init__` of a frozen
/// dataclass compares and sets one after the other, and took a third of what a send costs in Python.
macro_rules! data {
    ($py:expr, $module:expr, $class:literal, { $($field:ident: $value:expr),* $(,)? }) => {{
        static CLASS: pyo3::sync::PyOnceLock<pyo3::Py<pyo3::PyAny>> = pyo3::sync::PyOnceLock::new();
        let fields = pyo3::types::PyDict::new($py);
        $(fields.set_item(pyo3::intern!($py, stringify!($field)), $value)?;)*
        $crate::data::instance(CLASS.import($py, $module, $class)?, &fields)
    }};
}
pub(crate) use data;

/// An instance whose attributes are `fields`; its `__init__` is not called.
pub(crate) fn instance<'py>(
    class: &Bound<'py, PyAny>,
    fields: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    static NEW: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static SET: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = class.py();
    let object = || py.import("builtins")?.getattr("object");
    let new = NEW.get_or_try_init(py, || PyResult::Ok(object()?.getattr("__new__")?.unbind()))?;
    // The class's own `__setattr__` refuses: it is frozen.
    let set = SET.get_or_try_init(py, || PyResult::Ok(object()?.getattr("__setattr__")?.unbind()))?;
    let instance = new.bind(py).call1((class,))?;
    set.bind(py).call1((&instance, pyo3::intern!(py, "__dict__"), fields))?;
    Ok(instance)
}
