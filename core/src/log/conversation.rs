//! One connection's lines: to the log, to whoever listens, to `tracing`, and into the transcript of errors and reports.

use std::fmt::Write as _;

use super::{BodyPolicy, LogEvent, LogKind, Logging, escape};
use crate::types::Transcript;

/// Most lines that a transcript keeps: the last ones.
const TRANSCRIPT_LINES: usize = 200;

/// A line of a message that has no end is shown in pieces of this size.
const LONGEST_BODY_LINE: usize = 4096;

/// Records what is said on one connection.
#[derive(Debug)]
pub(crate) struct Conversation {
    logging: Logging,
    number: u32,
    /// Lines for the log that are not written yet: they are, before the session waits for anything.
    unwritten: String,
    /// Twice as many lines as are kept, at most.
    transcript: Transcript,
    body: Body,
}

/// A message on its way past.
#[derive(Debug, Default)]
struct Body {
    line: Vec<u8>,
    past_header: bool,
}

impl Conversation {
    pub(crate) fn new(logging: Logging) -> Self {
        let number = logging.join();
        Self {
            logging,
            number,
            unwritten: String::new(),
            transcript: Transcript::default(),
            body: Body::default(),
        }
    }

    /// Goes on in another log, when the settings name another.
    pub(crate) fn set_logging(&mut self, logging: &Logging) {
        if self.logging.is_same(logging) {
            return;
        }
        self.flush();
        self.logging.leave(self.number);
        self.logging = logging.clone();
        self.number = self.logging.join();
    }

    /// Records a sentence.
    pub(crate) fn line(&mut self, line: &str) {
        self.record(LogKind::Notice, line);
    }

    /// Records a command.
    pub(crate) fn sent(&mut self, line: &str) {
        self.record(LogKind::Sent, line);
    }

    /// Records a line of a reply.
    pub(crate) fn received(&mut self, line: &str) {
        self.record(LogKind::Received, line);
    }

    /// Records a piece of the message as far as the settings want it; `more` follow.
    pub(crate) fn body(&mut self, piece: &[u8], more: bool) {
        let wanted = match self.logging.options.body {
            BodyPolicy::Size => false,
            BodyPolicy::Headers => !self.body.past_header,
            BodyPolicy::Full => true,
        };
        if wanted && (self.logging.file.is_some() || self.logging.listener.is_some()) {
            for part in piece.split_inclusive(|b| *b == b'\n') {
                self.body.line.extend_from_slice(part);
                if part.ends_with(b"\n") || self.body.line.len() >= LONGEST_BODY_LINE {
                    self.body_line();
                }
            }
        }
        if !more {
            if !self.body.line.is_empty() {
                self.body_line();
            }
            self.body = Body::default();
        }
    }

    fn body_line(&mut self) {
        let line = std::mem::take(&mut self.body.line);
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\r', '\n']);
        if self.body.past_header && self.logging.options.body == BodyPolicy::Headers {
            return;
        }
        self.body.past_header |= text.is_empty();
        self.write(LogKind::Body, &escape(text));
    }

    fn record(&mut self, kind: LogKind, line: &str) {
        let line = escape(line);
        tracing::debug!(target: "freesmtp::conversation", connection = self.number, "{line}");
        self.write(kind, &line);
        if self.transcript.len() >= 2 * TRANSCRIPT_LINES {
            self.transcript = self.transcript.last(TRANSCRIPT_LINES);
        }
        self.transcript.push(&line);
    }

    /// To the file and to whoever listens.
    fn write(&mut self, kind: LogKind, line: &str) {
        let Logging { file, options, listener, .. } = &self.logging;
        let plain = !options.timestamps && !options.json;
        let event = (listener.is_some() || (file.is_some() && !plain))
            .then(|| LogEvent::now(self.number, kind, line.to_owned()));
        if let (Some(listener), Some(event)) = (listener, &event) {
            listener(event);
        }
        if file.is_none() {
            return;
        }
        match event {
            Some(event) if options.json => self.unwritten.push_str(&event.json()),
            event => {
                if let Some(event) = event.filter(|_| options.timestamps) {
                    self.unwritten.push_str(&event.time());
                    self.unwritten.push(' ');
                }
                if self.number > 0 {
                    // Writing to a string cannot fail.
                    let _ = write!(self.unwritten, "[{}] ", self.number);
                }
                if kind == LogKind::Body {
                    self.unwritten.push_str("| ");
                }
                self.unwritten.push_str(line);
            }
        }
        self.unwritten.push('\n');
    }

    /// Writes what has been recorded, so that a hang is visible while it hangs.
    pub(crate) fn flush(&mut self) {
        if self.unwritten.is_empty() {
            return;
        }
        if let Some(log) = &self.logging.file {
            log.append(&self.unwritten);
        }
        self.unwritten.clear();
    }

    /// Forgets the lines of the transaction before.
    pub(crate) fn start_transcript(&mut self) {
        self.transcript.clear();
    }

    /// The lines of this transaction, the last 200 at most.
    pub(crate) fn transcript(&self) -> Transcript {
        self.transcript.last(TRANSCRIPT_LINES)
    }

    /// The same, and those of the next transaction begin.
    pub(crate) fn take_transcript(&mut self) -> Transcript {
        if self.transcript.len() > TRANSCRIPT_LINES {
            return std::mem::take(&mut self.transcript).last(TRANSCRIPT_LINES);
        }
        std::mem::take(&mut self.transcript)
    }

    /// The log's first failure, once.
    pub(crate) fn take_warning(&self) -> Option<String> {
        self.logging.file.as_ref().and_then(|log| log.take_warning())
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.flush();
        self.logging.leave(self.number);
    }
}
