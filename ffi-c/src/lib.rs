//! The C ABI over the core: one file for each noun, the functions of `include/freesmtp.h`.
//!
//! Nothing is decided here. An argument is checked to be there and to be UTF-8, then the core is called, and what it
//! answers is laid out for C. Every export runs inside [`guard`], which `tests/exports.rs` checks in the sources.
//!
//! A handle arrives as `Option<&T>`, `Option<&mut T>` or `Option<Box<T>>`, which have the layout of a pointer that may
//! be NULL (`std::option`, "Representation"): so only texts and bytes need `unsafe`.

// The ABI asks for it: exported symbols, and the pointers behind texts and bytes. Each block has its reason.
#![allow(unsafe_code)]
// The names are those of C.
#![allow(non_camel_case_types)]
// Exported by symbol, not by path.
#![allow(unreachable_pub)]
// What can fail and what a pointer must be stands once, in the head of the header (`examples/header.h`).
#![allow(clippy::missing_errors_doc, clippy::missing_safety_doc)]
// C does not see the attribute.
#![allow(clippy::must_use_candidate)]

pub mod cancel;
pub mod check;
pub mod context;
pub mod diagnosis;
pub mod dkim;
pub mod enums;
pub mod error;
pub mod explain;
mod guard;
mod list;
mod listener;
pub mod message;
mod number;
pub mod recipient;
pub mod report;
pub mod server;
pub mod smtp;
mod strings;
