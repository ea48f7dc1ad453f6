//! The ways into the spool besides the library: commands, SMTP, HTTP.
//!
//! Policy: every entrance writes through the spool, as programs do; the agent's intake is the only reader. Who hands a
//! message over is told that it was taken when it is durable, never before. [`Incoming`] makes what came in whole: what
//! RFC 5322 asks for and programs leave out is added, in one place for every entrance.

mod head;
mod held;
mod house;
mod qualify;
pub(crate) mod smtp;
mod tls;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use freesmtp_core::{
    EmailMessage, Error, ErrorKind, Stage,
    message::{self, OpenedFile},
    spool::{Durability, Id, Spool},
};
use tempfile::TempPath;

use crate::clock;

pub(crate) use self::{
    head::Additions,
    house::{Entrances, Running},
};
use self::{head::Completer, held::Held};
pub(crate) use self::{
    house::Sockets,
    tls::{Acceptor, acceptor},
};

/// A message on its way into the spool.
#[derive(Debug)]
pub(crate) struct Incoming {
    completer: Completer,
    held: Held,
    ready: Vec<u8>,
}

impl Incoming {
    /// Begins a message. One that is long is kept in `folder` meanwhile.
    pub(crate) fn new(additions: Additions, folder: impl Into<PathBuf>) -> Self {
        Self { completer: Completer::new(additions), held: Held::new(folder), ready: Vec::new() }
    }

    /// Takes the next bytes, over any borders.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.completer.push(bytes, &mut self.ready);
        self.held.push(&self.ready)?;
        self.ready.clear();
        Ok(())
    }

    /// The message, with the envelope and options that `envelope` has.
    pub(crate) fn finish(mut self, mut envelope: EmailMessage) -> io::Result<Finished> {
        self.completer.finish(&mut self.ready);
        self.held.push(&self.ready)?;
        let (content, file) = self.held.content()?;
        envelope.raw = Some(content);
        Ok(Finished { message: envelope, hops: self.completer.hops(), _file: file })
    }
}

/// A message that is whole.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Envelope and text.
    pub(crate) message: EmailMessage,
    /// Servers that it has passed.
    pub(crate) hops: u32,
    /// The file of a long one, removed after its submission.
    _file: Option<TempPath>,
}

impl Finished {
    /// Submits it.
    pub(crate) fn submit(&self, spool: &Spool, durability: Durability) -> Result<Id, Error> {
        spool.submit_message(&self.message, durability)
    }
}

/// The error of a message that could not be held.
pub(crate) fn not_held(error: &io::Error) -> Error {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    Error::io(ErrorKind::Spool, Stage::Compose, "the message cannot be held while it comes in", error)
        .with_temporary(full)
}

/// Opens the file of a message that is held in one.
#[derive(Debug)]
pub(crate) struct Files;

impl message::Files for Files {
    fn open(&self, path: &Path) -> io::Result<OpenedFile> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(OpenedFile { reader: Box::new(file), size })
    }
}

/// A `Message-ID` that nobody else has, with its angle brackets.
pub(crate) fn message_id(domain: &str) -> String {
    let random = (fastrand::u64(..), fastrand::u64(..));
    // A name of this machine need not be one of the domain names that RFC 5322 section 3.6.4 has.
    let fits = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    let host = if !domain.is_empty() && domain.chars().all(fits) { domain } else { "localhost" };
    format!("<{:x}.{:016x}{:016x}@{host}>", clock::now(), random.0, random.1)
}

/// The value of a `From` with a name, which may hold any characters.
pub(crate) fn display_name(name: &str, email: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    let name = name.trim();
    let atom = |c: char| c.is_ascii_alphanumeric() || " !#$%&'*+-/=?^_`{|}~".contains(c);
    if name.is_empty() {
        email.to_owned()
    } else if name.chars().all(atom) {
        format!("{name} <{email}>")
    } else if name.is_ascii() {
        format!("\"{}\" <{email}>", name.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        // An encoded-word holds at most 75 characters (RFC 2047 section 2): 45 octets as base64.
        let mut words = Vec::new();
        let mut word = String::new();
        for c in name.chars() {
            if word.len() + c.len_utf8() > 42 {
                words.push(std::mem::take(&mut word));
            }
            word.push(c);
        }
        words.push(word);
        let words: Vec<String> =
            words.iter().map(|word| format!("=?utf-8?B?{}?=", BASE64_STANDARD.encode(word))).collect();
        format!("{} <{email}>", words.join("\r\n "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_kind() {
        for (name, right) in [
            ("", "a@b.test"),
            ("Cron Daemon", "Cron Daemon <a@b.test>"),
            ("M. E.", "\"M. E.\" <a@b.test>"),
            ("a\r\nBcc: x", "\"aBcc: x\" <a@b.test>"),
            ("q\"\\", "\"q\\\"\\\\\" <a@b.test>"),
            ("Zoë", "=?utf-8?B?Wm/Dqw==?= <a@b.test>"),
        ] {
            assert_eq!(display_name(name, "a@b.test"), right);
        }
        let long = display_name(&"ü".repeat(60), "a@b.test");
        assert!(long.split("\r\n").all(|line| line.len() <= 76), "{long}");
    }
}
