//! The Rust driver of the test suite.
fn main() {}
