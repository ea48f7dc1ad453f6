//! Events as lines of JSON in a file.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::lines::Lines;

/// Lines that wait for the disk; those beyond are counted, and lost.
const WAITING: usize = 65_536;

/// Written at once, at most.
const BATCH: usize = 1 << 20;

/// Between attempts to write to a disk that does not take it.
const PAUSE: Duration = Duration::from_secs(1);

/// Writes to a file, by a thread of its own: whoever emits never waits for the disk.
///
/// What does not fit into memory while the disk takes nothing is lost; the file then says how many events.
#[derive(Debug)]
pub(super) struct FileSink {
    lines: Option<SyncSender<String>>,
    lost: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FileSink {
    pub(super) fn start(path: &Path) -> io::Result<Self> {
        let (sender, receiver) = mpsc::sync_channel(WAITING);
        let (lost, stop): (Arc<AtomicU64>, Arc<AtomicBool>) = Default::default();
        let writer = Writer {
            lines: Lines::new(path),
            waiting: receiver,
            lost: Arc::clone(&lost),
            stop: Arc::clone(&stop),
        };
        let thread = thread::Builder::new().name("events".to_owned()).spawn(move || writer.run())?;
        Ok(Self { lines: Some(sender), lost, stop, thread: Some(thread) })
    }

    pub(super) fn emit(&self, line: &str) {
        let sent = self.lines.as_ref().map(|lines| lines.try_send(line.to_owned()));
        if let Some(Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) = sent {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes what waits, unless the disk does not take it.
    pub(super) fn close(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.lines = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

struct Writer {
    lines: Lines,
    waiting: Receiver<String>,
    lost: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Writer {
    fn run(mut self) {
        while let Some(batch) = self.next() {
            let mut complained = false;
            while let Err(error) = self.lines.append(&batch) {
                if !complained {
                    eprintln!("freesmtp agent: events cannot be written: {error}; they wait");
                    complained = true;
                }
                if self.stop.load(Ordering::Relaxed) {
                    return;
                }
                thread::sleep(PAUSE);
            }
        }
    }

    /// As many lines as there are; `None` at the end.
    fn next(&mut self) -> Option<String> {
        let mut batch = loop {
            match self.waiting.recv_timeout(PAUSE) {
                Ok(line) => break line,
                Err(RecvTimeoutError::Timeout) if self.lost.load(Ordering::Relaxed) > 0 => {
                    break String::new();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        };
        while batch.len() < BATCH
            && let Ok(line) = self.waiting.try_recv()
        {
            batch.push_str(&line);
        }
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            batch.push_str(&format!("{{\"event\":\"lost\",\"count\":{lost}}}\n"));
        }
        Some(batch)
    }
}
