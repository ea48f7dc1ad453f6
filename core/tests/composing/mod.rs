//! Messages composed at one moment by one host, with files in memory.

#![allow(dead_code, reason = "each file of tests uses its part")]

use std::{
    cell::RefCell,
    collections::HashMap,
    io,
    path::{Path, PathBuf},
};

use freesmtp_core::{
    Error, ErrorKind,
    message::{BodyPartFormat, Composed, Date, EmailMessage, Files, Form, OpenedFile, Stamp},
    types::Stage,
};

pub(crate) const SEVEN_BIT: Form =
    Form { eight_bit: false, utf8: false, exact: false, binary: false, unencoded: false };
pub(crate) const EVERYTHING: Form =
    Form { eight_bit: true, utf8: true, exact: false, binary: false, unencoded: false };

/// Files in memory, which remembers what was asked for. One is always there: `/m.eml`, a message.
pub(crate) struct Shelf {
    pub(crate) files: HashMap<PathBuf, Vec<u8>>,
    pub(crate) opened: RefCell<Vec<PathBuf>>,
}

impl Default for Shelf {
    fn default() -> Self {
        let message = ("/m.eml".into(), b"From: a@b.example\n\nfile\n".to_vec());
        Self { files: [message].into(), opened: RefCell::default() }
    }
}

impl Files for Shelf {
    fn open(&self, path: &Path) -> io::Result<OpenedFile> {
        self.opened.borrow_mut().push(path.to_owned());
        let bytes = self.files.get(path).ok_or(io::ErrorKind::NotFound)?.clone();
        Ok(OpenedFile { size: bytes.len() as u64, reader: Box::new(io::Cursor::new(bytes)) })
    }
}

pub(crate) fn stamp() -> Stamp {
    Stamp {
        date: Date { unix_seconds: 880_127_706, offset_minutes: -360 },
        random: *b"abcdefghijklmnopqrstuvwx",
        host: "host.example".into(),
    }
}

pub(crate) fn base() -> EmailMessage {
    EmailMessage::quick("to@example.com", "from@example.com", "Subject", "Text.\n", BodyPartFormat::Plain)
}

pub(crate) fn compose(message: &EmailMessage, form: Form) -> Result<Composed, Error> {
    message.compose(&stamp(), &Shelf::default(), form)
}

pub(crate) fn text_of(message: &EmailMessage, form: Form) -> String {
    String::from_utf8(compose(message, form).unwrap().into_bytes().unwrap()).unwrap()
}

/// What the error is about that the message fails with.
pub(crate) fn field_of(message: &EmailMessage) -> String {
    let error = compose(message, EVERYTHING).unwrap_err();
    assert_eq!((error.kind(), error.stage()), (ErrorKind::Message, Stage::Compose), "{error}");
    assert!(!error.to_string().chars().any(char::is_control), "{error:?}");
    error.field().unwrap().to_owned()
}
