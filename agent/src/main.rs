//! The command `freesmtp`.
fn main() {}
