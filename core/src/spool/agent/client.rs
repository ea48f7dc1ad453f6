//! A connection to an agent.

use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    error::{Error, ErrorKind},
    os::local::LocalStream,
    types::{Failure, Stage, shown_path},
};

const SOCKET: &str = "agent.sock";
const VERSION: u64 = 1;

/// How soon a call that waits notices that it was cancelled.
const LOOK: Duration = Duration::from_millis(100);

/// How long an agent may take to answer a question.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest answer.
const LONGEST: usize = 16 << 20;

/// A connection to the agent of a spool.
#[derive(Debug)]
pub(crate) struct AgentClient {
    spool: PathBuf,
    stream: LocalStream,
    buffer: Vec<u8>,
}

/// A line of the agent.
#[derive(Deserialize)]
struct Line {
    ok: bool,
    #[serde(default)]
    answer: Value,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
    message: String,
    remedy: String,
}

impl AgentClient {
    /// Connects to the agent of a spool, until it is cancelled.
    pub(crate) fn connect(spool: &Path, cancelled: &dyn Fn() -> bool) -> Result<Self, Error> {
        let mut waited = Duration::ZERO;
        let stream = loop {
            match LocalStream::connect(spool, SOCKET) {
                // It takes no further connection for now.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && waited < PATIENCE => {
                    if cancelled() {
                        return Err(cancellation());
                    }
                    thread::sleep(LOOK);
                    waited += LOOK;
                }
                connected => break connected.map_err(|error| unreachable(spool, &error))?,
            }
        };
        stream.set_patience(LOOK).map_err(|error| broken(spool, &error))?;
        Ok(Self { spool: spool.to_owned(), stream, buffer: Vec::new() })
    }

    /// Asks a question, and reads its answer.
    pub(crate) fn ask<T: DeserializeOwned>(
        &mut self,
        request: &Value,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<T, Error> {
        self.send(request)?;
        self.next(Some(PATIENCE), cancelled)
    }

    /// Asks for what comes when it comes.
    pub(crate) fn send(&mut self, request: &Value) -> Result<(), Error> {
        let mut request = request.clone();
        request["v"] = json!(VERSION);
        match self.stream.write_all(format!("{request}\n").as_bytes()) {
            // Who was sent away is told why: that is read next.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(broken(&self.spool, &error)),
            _ => Ok(()),
        }
    }

    /// The next answer, within that time, until it is cancelled.
    pub(crate) fn next<T: DeserializeOwned>(
        &mut self,
        limit: Option<Duration>,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<T, Error> {
        let line = self.line(limit, cancelled)?;
        let line: Line = serde_json::from_slice(&line).map_err(|error| self.strange(&error))?;
        if line.ok {
            return serde_json::from_value(line.answer).map_err(|error| self.strange(&error));
        }
        Err(match line.error {
            Some(refusal) => refused(&refusal),
            None => self.strange(&"it says neither an answer nor an error"),
        })
    }

    fn line(&mut self, limit: Option<Duration>, cancelled: &dyn Fn() -> bool) -> Result<Vec<u8>, Error> {
        // Counted by the reads that found nothing: nobody here asks for the time.
        let mut waited = Duration::ZERO;
        let mut searched = 0;
        loop {
            if let Some(end) = memchr::memchr(b'\n', self.buffer.get(searched..).unwrap_or_default()) {
                return Ok(self.buffer.drain(..=searched + end).collect());
            }
            searched = self.buffer.len();
            if cancelled() {
                return Err(cancellation());
            }
            if searched > LONGEST {
                return Err(self.strange(&"it is longer than any"));
            }
            if limit.is_some_and(|limit| waited > limit) {
                return Err(broken(&self.spool, &io::ErrorKind::TimedOut.into()));
            }
            let mut piece = [0; 16 * 1024];
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(broken(&self.spool, &io::ErrorKind::UnexpectedEof.into())),
                Ok(length) => self.buffer.extend_from_slice(piece.get(..length).unwrap_or_default()),
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
                    ) =>
                {
                    waited += LOOK;
                }
                Err(error) => return Err(broken(&self.spool, &error)),
            }
        }
    }

    fn strange(&self, why: &dyn std::fmt::Display) -> Error {
        let text = format!(
            "the agent of the spool {} answers what this library does not understand: {why}; use both of the same version",
            shown_path(&self.spool)
        );
        Error::new(ErrorKind::Spool, Stage::Compose, text).with_field("SpoolPath")
    }
}

fn cancellation() -> Error {
    let error = Error::new(ErrorKind::Cancelled, Stage::Compose, "the operation was cancelled");
    error.with_failure(Failure::Cancelled)
}

fn refused(refusal: &Refusal) -> Error {
    let field = match refusal.code.as_str() {
        "unknown-id" => Some("Id"),
        "unknown-blast" | "blast-cancelled" => Some("Blast"),
        _ => None,
    };
    let remedy = refusal.remedy.trim_end_matches('.');
    let error =
        Error::new(ErrorKind::Spool, Stage::Compose, format!("{}; {}", refusal.message, lower(remedy)));
    let error = error.with_temporary(matches!(refusal.code.as_str(), "ending" | "queue" | "busy"));
    match field {
        Some(field) => error.with_field(field),
        None => error,
    }
}

/// A sentence that goes on after a semicolon.
fn lower(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

fn unreachable(spool: &Path, error: &io::Error) -> Error {
    let path = shown_path(spool);
    let text = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => format!(
            "no agent runs for the spool {path}; start one with `freesmtp agent --spool {path}`, or set SpoolPath to the spool \
             of the one that runs"
        ),
        io::ErrorKind::PermissionDenied => {
            format!(
                "the agent of the spool {path} does not let this user in; only its owner and its group may ask"
            )
        }
        io::ErrorKind::Unsupported => "agents cannot be asked on this system yet".to_owned(),
        _ => format!("the agent of the spool {path} cannot be reached: {error}"),
    };
    let is_temporary = error.kind() != io::ErrorKind::Unsupported;
    Error::new(ErrorKind::Spool, Stage::Compose, text).with_field("SpoolPath").with_temporary(is_temporary)
}

fn broken(spool: &Path, error: &io::Error) -> Error {
    let text = match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => "it ended".to_owned(),
        io::ErrorKind::TimedOut => "it did not answer in time".to_owned(),
        _ => error.to_string(),
    };
    let what = format!(
        "the agent of the spool {} gave no answer: {text}; ask again when it runs",
        shown_path(spool)
    );
    Error::new(ErrorKind::Spool, Stage::Compose, what).with_field("SpoolPath").with_temporary(true)
}
