//! One connection's lines: to the log, to `tracing`, and into the transcript of errors and reports.

use std::{collections::VecDeque, sync::Arc};

use super::{LogFile, escape};

/// Most lines that a transcript keeps: the last ones.
const TRANSCRIPT_LINES: usize = 200;

/// Records what is said on one connection.
#[derive(Debug)]
pub(crate) struct Conversation {
    log: Option<Arc<LogFile>>,
    number: u32,
    /// Lines for the log that are not written yet: they are, before the session waits for anything.
    unwritten: String,
    transcript: VecDeque<String>,
}

impl Conversation {
    pub(crate) fn new(log: Option<Arc<LogFile>>) -> Self {
        let number = log.as_ref().map_or(0, |log| log.join());
        Self { log, number, unwritten: String::new(), transcript: VecDeque::new() }
    }

    /// Whether the log is still the one that the settings name.
    pub(crate) fn logs_to(&self, log: Option<&Arc<LogFile>>) -> bool {
        match (&self.log, log) {
            (None, None) => true,
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            _ => false,
        }
    }

    /// Goes on in another log.
    pub(crate) fn set_log(&mut self, log: Option<Arc<LogFile>>) {
        self.flush();
        if let Some(old) = self.log.take() {
            old.leave(self.number);
        }
        self.number = log.as_ref().map_or(0, |log| log.join());
        self.log = log;
    }

    /// Records one line: a command, a line of a reply, or a sentence.
    pub(crate) fn line(&mut self, line: &str) {
        let line = escape(line);
        tracing::debug!(target: "freesmtp::conversation", connection = self.number, "{line}");
        if self.log.is_some() {
            if self.number > 0 {
                self.unwritten.push_str(&format!("[{}] ", self.number));
            }
            self.unwritten.push_str(&line);
            self.unwritten.push('\n');
        }
        // The strings that fall out are used again.
        let mut kept = if self.transcript.len() >= TRANSCRIPT_LINES {
            self.transcript.pop_front().unwrap_or_default()
        } else {
            String::new()
        };
        kept.clear();
        kept.push_str(&line);
        self.transcript.push_back(kept);
    }

    /// Writes what has been recorded, so that a hang is visible while it hangs.
    pub(crate) fn flush(&mut self) {
        if self.unwritten.is_empty() {
            return;
        }
        if let Some(log) = &self.log {
            log.append(&self.unwritten);
        }
        self.unwritten.clear();
    }

    /// Forgets the lines of the transaction before.
    pub(crate) fn start_transcript(&mut self) {
        self.transcript.clear();
    }

    /// The lines of this transaction, the last 200 at most.
    pub(crate) fn transcript(&self) -> Vec<String> {
        self.transcript.iter().cloned().collect()
    }

    /// The log's first failure, once.
    pub(crate) fn take_warning(&self) -> Option<String> {
        self.log.as_ref().and_then(|log| log.take_warning())
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.flush();
        if let Some(log) = &self.log {
            log.leave(self.number);
        }
    }
}
