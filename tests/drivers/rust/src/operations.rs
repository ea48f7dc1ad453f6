//! The two ways to call the operations of `Smtp`: a job is carried out with one of them.

use std::io;

use freesmtp_core::{BulkResult, EmailMessage, Error, Report, Smtp};
use tokio::runtime::{Builder, Runtime};

/// Which operations are called.
pub(crate) enum Operations {
    /// Those that wait.
    Blocking,
    /// Those of the feature `tokio`, awaited in this runtime.
    Tokio(Runtime),
}

impl Operations {
    /// As the command line asks: `--tokio`, or nothing.
    pub(crate) fn from_args(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        match (args.next().as_deref(), args.next()) {
            (None, _) => Ok(Self::Blocking),
            (Some("--tokio"), None) => {
                // On this thread: waking another for every byte of a slow server would be what is tested.
                let runtime = Builder::new_current_thread().enable_all().build();
                runtime.map(Self::Tokio).map_err(|error: io::Error| format!("no runtime: {error}"))
            }
            _ => Err("the only argument is --tokio".to_owned()),
        }
    }

    pub(crate) fn send(&self, smtp: &Smtp, message: &EmailMessage) -> Result<Report, Error> {
        match self {
            Self::Blocking => smtp.send(message),
            Self::Tokio(runtime) => runtime.block_on(smtp.send_async(message)),
        }
    }

    /// The results in the order in which they complete.
    pub(crate) fn send_bulk(&self, smtp: &Smtp, messages: Vec<EmailMessage>) -> Vec<BulkResult> {
        match self {
            Self::Blocking => smtp.send_bulk(messages).collect(),
            Self::Tokio(runtime) => runtime.block_on(async {
                let mut results = Vec::new();
                // Within a runtime it can't fail.
                if let Ok(mut bulk) = smtp.send_bulk_async(messages) {
                    while let Some(result) = bulk.next_async().await {
                        results.push(result);
                    }
                }
                results
            }),
        }
    }

    pub(crate) fn disconnect(&self, smtp: &Smtp) {
        match self {
            Self::Blocking => smtp.disconnect(),
            Self::Tokio(runtime) => runtime.block_on(smtp.disconnect_async()),
        }
    }
}
