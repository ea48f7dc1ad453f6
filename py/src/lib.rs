//! The Python module over the core.
