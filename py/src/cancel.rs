//! Ending one operation from another thread; what Python awaits is in `freesmtp/_asyncio.py`.

use freesmtp_core::Cancel as Core;
use pyo3::prelude::*;

/// Ends the operation that it was given to, or that gave it.
#[pyclass(module = "freesmtp", name = "_Cancel", frozen)]
#[derive(Default)]
pub(crate) struct Cancel {
    pub(crate) core: Core,
}

#[pymethods]
impl Cancel {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    fn cancel(&self) {
        self.core.cancel();
    }
}
