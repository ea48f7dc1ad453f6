//! The Node module over the core.
