//! The Python module over the core: `freesmtp._freesmtp`.
//!
//! Nothing is decided here: no default, no check but of types and encodings. The objects of Python hold data; when a
//! message is sent they are copied into the core's own types, and the core works without the GIL. What a program
//! only reads (reports, diagnoses, errors, enums) is written in Python beside this module, and made from here.
//!
//! Every way into the core leads through [`boundary`]. Locks are held for single assignments only, never while code
//! of Python may run.

mod address;
mod agent;
mod attachment;
mod body_part;
mod boundary;
mod bulk;
mod calendar;
mod cancel;
mod check;
mod collection;
mod collections;
mod custom_header;
mod data;
mod delivery;
mod diagnosis;
mod dkim;
mod enums;
mod error;
mod exit;
mod foreign;
mod listener;
mod log;
mod merge;
mod message;
mod raised;
mod recipient;
mod report;
mod server;
mod smtp;
mod spool;
mod stream;
mod timeouts;
mod token;
mod value;
mod waiting;

/// The native part of the package `freesmtp`.
#[pyo3::pymodule]
mod _freesmtp {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use pyo3::{exceptions::PyImportError, prelude::*};

    #[pymodule_export]
    use crate::{
        address::Address,
        agent::SpoolEvents,
        attachment::Attachment,
        body_part::BodyPart,
        boundary::panic_on,
        bulk::Bulk,
        calendar::Calendar,
        cancel::Cancel,
        collection::Collection,
        collections::{Attachments, BodyParts, CustomHeaders, EmbeddedObjects, Recipients},
        custom_header::CustomHeader,
        diagnosis::{diagnose, explain},
        dkim::{DkimSigner, DkimSigners},
        enums::_enum_numbers,
        exit::inside,
        merge::MergeTemplate,
        message::EmailMessage,
        recipient::Recipient,
        server::{SmtpServer, SmtpServers},
        smtp::Smtp,
        timeouts::Timeouts,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        in_one_interpreter(module.py())?;
        crate::exit::watch(module)?;
        module.add("__version__", freesmtp_core::VERSION)
    }

    /// What is kept of Python (classes, functions) belongs to one interpreter; in another one it would crash.
    fn in_one_interpreter(py: Python<'_>) -> PyResult<()> {
        // Each interpreter has a `sys` of its own, as long as it lives.
        static FIRST: AtomicUsize = AtomicUsize::new(0);
        let this = py.import("sys")?.as_ptr() as usize;
        match FIRST.compare_exchange(0, this, Ordering::SeqCst, Ordering::SeqCst) {
            Err(first) if first != this => Err(PyImportError::new_err(
                "freesmtp works in one interpreter of a process, and another one has it",
            )),
            _ => Ok(()),
        }
    }
}
