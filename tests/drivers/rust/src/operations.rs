//! The two ways to call the operations of `Smtp`: a job is carried out with one of them.

use std::{fs::File, io, io::Read, thread};

use freesmtp_core::{BulkResult, Cancel, EmailMessage, Error, Report, Smtp, types::Reply};
use tokio::{
    runtime::{Builder, Runtime},
    task::LocalSet,
};

/// What the next call is ended by, once somebody says something in a FIFO.
#[derive(Default)]
pub(crate) struct Ending {
    /// The FIFO for the language's own way: a `Cancel`, or a task that is aborted.
    pub(crate) own: Option<String>,
    /// The FIFO for `Smtp::cancel`.
    pub(crate) object: Option<String>,
}

/// The language's own way to end a call has ended it, and leaves no error.
pub(crate) struct Ended;

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

    pub(crate) fn send(
        &self,
        smtp: &Smtp,
        message: &EmailMessage,
        ending: &mut Ending,
    ) -> Result<Result<Report, Error>, Ended> {
        match self {
            Self::Blocking => Ok(cancelled(smtp, ending, |cancel| match cancel {
                Some(cancel) => smtp.send_with(message, cancel),
                None => smtp.send(message),
            })),
            Self::Tokio(runtime) => match ending.own.take() {
                Some(path) => {
                    let (smtp, message) = (smtp.clone(), message.clone());
                    aborted(runtime, &path, async move { smtp.send_async(&message).await })
                }
                None => Ok(cancelled(smtp, ending, |_| runtime.block_on(smtp.send_async(message)))),
            },
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

    pub(crate) fn disconnect(&self, smtp: &Smtp, ending: &mut Ending) -> Result<(), Ended> {
        match self {
            Self::Blocking => {
                cancelled(smtp, ending, |cancel| match cancel {
                    Some(cancel) => smtp.disconnect_with(cancel),
                    None => smtp.disconnect(),
                });
                Ok(())
            }
            Self::Tokio(runtime) => {
                awaited(runtime, smtp, ending, |smtp| async move { smtp.disconnect_async().await })
            }
        }
    }

    pub(crate) fn connect(&self, smtp: &Smtp, ending: &mut Ending) -> Result<Result<(), Error>, Ended> {
        match self {
            Self::Blocking => Ok(cancelled(smtp, ending, |cancel| match cancel {
                Some(cancel) => smtp.connect_with(cancel),
                None => smtp.connect(),
            })),
            Self::Tokio(runtime) => {
                awaited(runtime, smtp, ending, |smtp| async move { smtp.connect_async().await })
            }
        }
    }

    pub(crate) fn command(
        &self,
        smtp: &Smtp,
        line: &str,
        ending: &mut Ending,
    ) -> Result<Result<Reply, Error>, Ended> {
        match self {
            Self::Blocking => Ok(cancelled(smtp, ending, |cancel| match cancel {
                Some(cancel) => smtp.send_command_with(line, cancel),
                None => smtp.send_command(line),
            })),
            Self::Tokio(runtime) => {
                let line = line.to_owned();
                awaited(runtime, smtp, ending, |smtp| async move { smtp.send_command_async(&line).await })
            }
        }
    }
}

/// Waits until somebody says something in that FIFO.
pub(crate) fn hear(path: &str) -> io::Result<()> {
    File::open(path)?.read(&mut [0]).map(drop)
}

/// Makes a call that may be cancelled: by the `Cancel` that it gets then, or by the object.
pub(crate) fn cancelled<T>(smtp: &Smtp, ending: &mut Ending, call: impl FnOnce(Option<&Cancel>) -> T) -> T {
    let (own, object, cancel) = (ending.own.take(), ending.object.take(), Cancel::new());
    let wanted = own.as_ref().map(|_| &cancel);
    thread::scope(|scope| {
        if let Some(path) = &own {
            scope.spawn(|| hear(path).map(|()| cancel.cancel()));
        } else if let Some(path) = &object {
            scope.spawn(|| hear(path).map(|()| smtp.cancel()));
        }
        call(wanted)
    })
}

/// Awaits an operation of a copy of the object, which may be cancelled: its task is aborted, or by the object.
fn awaited<T: 'static, F: Future<Output = T> + 'static>(
    runtime: &Runtime,
    smtp: &Smtp,
    ending: &mut Ending,
    call: impl FnOnce(Smtp) -> F,
) -> Result<T, Ended> {
    let operation = call(smtp.clone());
    match ending.own.take() {
        Some(path) => aborted(runtime, &path, operation),
        None => Ok(cancelled(smtp, ending, |_| runtime.block_on(operation))),
    }
}

/// Awaits a task that is aborted once somebody says something in that FIFO.
fn aborted<T: 'static>(
    runtime: &Runtime,
    path: &str,
    call: impl Future<Output = T> + 'static,
) -> Result<T, Ended> {
    let local = LocalSet::new();
    let task = local.spawn_local(call);
    let abort = task.abort_handle();
    thread::scope(|scope| {
        scope.spawn(|| hear(path).map(|()| abort.abort()));
        local.block_on(runtime, task).map_err(|_| Ended)
    })
}
