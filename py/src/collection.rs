//! What all collections have in common: `count`, `remove`, `get_last_item`, iteration, indexing.

use std::sync::Mutex;

use pyo3::{
    PyTraverseError, PyVisit,
    exceptions::{PyIndexError, PyTypeError, PyValueError},
    prelude::*,
    sync::PyOnceLock,
    types::{PyInt, PyIterator, PyList, PySlice, PyType},
};

use crate::boundary::lock;

/// Objects in the order in which they were added. Only the `add` of the subclasses lets one in.
#[pyclass(module = "freesmtp", frozen, subclass)]
#[derive(Default)]
pub(crate) struct Collection(Mutex<Vec<Py<PyAny>>>);

impl Collection {
    /// Adds an object of the subclass's kind and gives it back.
    pub(crate) fn push<'py, T>(&self, item: &Bound<'py, T>) -> Bound<'py, T> {
        let object = item.as_any().clone().unbind();
        lock(&self.0).push(object);
        item.clone()
    }

    /// The data of every item.
    pub(crate) fn data<T: pyo3::PyTypeInfo, D>(
        &self,
        py: Python<'_>,
        data: impl Fn(&Bound<'_, T>) -> D,
    ) -> PyResult<Vec<D>> {
        self.snapshot(py).iter().map(|item| Ok(data(item.bind(py).cast::<T>()?))).collect()
    }

    /// Takes everything out. What is let go may run code of the program, so it is let go outside the lock.
    pub(crate) fn empty(&self) {
        let items = std::mem::take(&mut *lock(&self.0));
        drop(items);
    }

    fn snapshot(&self, py: Python<'_>) -> Vec<Py<PyAny>> {
        lock(&self.0).iter().map(|item| item.clone_ref(py)).collect()
    }

    /// The place that an index of Python means; `-1` is the last.
    fn place(&self, index: isize) -> PyResult<usize> {
        let length = lock(&self.0).len();
        let place = if index < 0 { length.checked_add_signed(index) } else { usize::try_from(index).ok() };
        place.filter(|place| *place < length).ok_or_else(|| PyIndexError::new_err("index out of range"))
    }

    fn position(&self, item: &Bound<'_, PyAny>) -> Option<usize> {
        lock(&self.0).iter().position(|held| held.is(item))
    }

    fn take(&self, place: usize) -> PyResult<()> {
        let mut items = lock(&self.0);
        let removed = if place < items.len() { Some(items.remove(place)) } else { None };
        drop(items);
        removed.map(drop).ok_or_else(|| PyIndexError::new_err("index out of range"))
    }
}

#[pymethods]
impl Collection {
    /// What a program adds may lead back here: a server whose token function belongs to the owner of the object.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.0.try_lock() {
            Ok(items) => items.iter().try_for_each(|item| visit.call(item)),
            Err(_) => Ok(()),
        }
    }

    fn __clear__(&self) {
        self.empty();
    }

    /// `Collection[Recipient]`, for annotations.
    #[classmethod]
    #[pyo3(signature = (item, /))]
    fn __class_getitem__<'py>(
        cls: &Bound<'py, PyType>,
        item: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        static ALIAS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        ALIAS.import(cls.py(), "types", "GenericAlias")?.call1((cls, item))
    }

    /// How many there are.
    #[getter]
    fn count(&self) -> usize {
        self.__len__()
    }

    /// Removes an item, given itself or by its index.
    fn remove(&self, item: &Bound<'_, PyAny>) -> PyResult<()> {
        let place = if item.is_instance_of::<PyInt>() {
            self.place(item.extract()?)?
        } else {
            self.position(item).ok_or_else(|| PyValueError::new_err("the item is not in the collection"))?
        };
        self.take(place)
    }

    /// Removes all items.
    fn clear(&self) {
        self.empty();
    }

    /// The item that was added last.
    fn get_last_item(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let last = lock(&self.0).last().map(|item| item.clone_ref(py));
        last.ok_or_else(|| PyIndexError::new_err("the collection is empty"))
    }

    fn __len__(&self) -> usize {
        lock(&self.0).len()
    }

    fn __contains__(&self, item: &Bound<'_, PyAny>) -> bool {
        self.position(item).is_some()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        PyList::new(py, self.snapshot(py))?.try_iter()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let items = self.snapshot(py);
        if index.is_instance_of::<PySlice>() {
            return PyList::new(py, items)?.as_any().get_item(index);
        }
        let number =
            index.extract().map_err(|_| PyTypeError::new_err("an index must be an int or a slice"))?;
        let item =
            items.get(self.place(number)?).ok_or_else(|| PyIndexError::new_err("index out of range"))?;
        Ok(item.bind(py).clone())
    }

    fn __delitem__(&self, index: isize) -> PyResult<()> {
        self.take(self.place(index)?)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let items = PyList::new(slf.py(), slf.get().snapshot(slf.py()))?;
        Ok(format!("{}({})", slf.get_type().name()?, items.repr()?))
    }
}
