//! An event loop of this library, for many connections of a caller that blocks.
//!
//! A thread for each connection costs two switches between threads a message: at 64 connections more than half of the
//! processor time of sending. Here the connections are tasks of a few threads.

use std::{future::Future, io, thread};

use tokio::runtime::{Builder, Handle, Runtime as Threads};

use super::Runtime;

/// Runs tasks on threads of its own; dropped, it ends those that are left.
#[derive(Debug)]
pub(crate) struct EventLoop {
    handle: Handle,
    /// There until it is dropped.
    threads: Option<Threads>,
}

impl EventLoop {
    /// Begins threads for so many tasks: no more than there are processors.
    ///
    /// # Errors
    /// When the system gives no more threads or descriptors.
    pub(crate) fn open(name: &str, tasks: usize) -> io::Result<Self> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let threads = Builder::new_multi_thread()
            .worker_threads(tasks.clamp(1, processors))
            .thread_name(name)
            .enable_io()
            .enable_time()
            .build()?;
        Ok(Self { handle: threads.handle().clone(), threads: Some(threads) })
    }

    /// What its tasks run on.
    pub(crate) fn runtime(&self) -> Runtime {
        Runtime::Tokio { id: self.handle.id(), ours: true }
    }

    /// Runs a task to its end.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.handle.spawn(task));
    }
}

impl Drop for EventLoop {
    /// Waits for nothing: it may happen in a task of another runtime.
    fn drop(&mut self) {
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}
