//! A message without a server: its bytes, or a file.

use std::{io::Write, path::Path};

use super::outcome::explain_input;
use crate::{
    error::{Error, ErrorKind},
    message::{Composed, EmailMessage, Form},
    os::{self, file::Disk},
    smtp::send::stamp,
    types::{Failure, Stage, shown_path},
};

impl EmailMessage {
    /// The message as it would be sent (RFC 5322 form, CRLF line ends, `Bcc` left out).
    ///
    /// # Errors
    /// `ErrorKind::Message` naming the field that is not valid, `ErrorKind::FileIo` for a file.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.append_to(&mut bytes)?;
        Ok(bytes)
    }

    /// Appends the same to `out`: a program that composes many messages saves time by using one buffer again.
    ///
    /// # Errors
    /// As [`EmailMessage::to_bytes`]; `out` is then as it was.
    pub fn append_to(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        let before = out.len();
        self.append_composed(&stamp(""), &Disk, out).map_err(|error| {
            out.truncate(before);
            explain_input(error)
        })
    }

    /// Writes the message to a file, in place of what it held. A file that could not be written whole is removed.
    ///
    /// # Errors
    /// As [`EmailMessage::to_bytes`], and `ErrorKind::FileIo` with field `FileName`.
    pub fn save_message(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        // Checked before the file is touched: a bad message must not cost the file that was there.
        let composed = self.composed().map_err(explain_input)?;
        save(composed, path).map_err(explain_input)
    }

    fn composed(&self) -> Result<Composed, Error> {
        self.compose(&stamp(""), &Disk, Form::default())
    }
}

fn save(mut composed: Composed, path: &Path) -> Result<(), Error> {
    let failed = |source| {
        Error::io(
            ErrorKind::FileIo,
            Stage::Compose,
            format_args!("{} could not be written", shown_path(path)),
            &source,
        )
        .with_field("FileName")
        .with_failure(Failure::FileFailed)
    };
    let mut file = os::file::create(path).map_err(failed)?;
    let mut piece = Vec::new();
    loop {
        piece.clear();
        let written = composed.read(&mut piece).and_then(|more| {
            file.write_all(&piece).map_err(failed)?;
            Ok(more)
        });
        match written {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => {
                // Half a message looks like a whole one to whoever finds it.
                let _ = std::fs::remove_file(path);
                return Err(error);
            }
        }
    }
}
