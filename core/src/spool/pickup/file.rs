//! A file of `pickup/` that is being taken over.

use std::{
    fs::{File, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::parse::{has_envelope, parse};
use crate::{
    message::{Content, EmailMessage, Files, OpenedFile},
    os::{file, folder},
    spool::frame,
};

/// A file that is longer is not a message.
const LONGEST: u64 = 1 << 30;

/// What is read at first: nearly every message as a whole.
const STEP: usize = 1 << 20;

/// A file whose envelope has been read, to be given to [`Spool::submit_file`](crate::spool::Spool::submit_file). Its text is
/// in memory when it is short, and otherwise read from the file, which stays open: what comes by its name in the meantime
/// is another one.
#[derive(Debug)]
pub struct PickupFile {
    /// The message with its envelope.
    pub message: EmailMessage,
    file: File,
    /// As it was before the first octet was read.
    metadata: Metadata,
    text_at: u64,
}

impl PickupFile {
    /// Opens a file and reads its envelope, as [`parse`] does.
    ///
    /// # Errors
    /// Why it cannot be understood, in one sentence, for [`badmail`](crate::spool::badmail): that it is over 1 GiB, has
    /// no message in its first 32 MiB, or another name besides this one (a hard link), among others.
    pub fn open(path: &Path) -> Result<Self, String> {
        let unreadable = |error: io::Error| format!("the file cannot be read: {error}");
        let file = folder::open_regular(path).map_err(unreadable)?;
        // Who may put files here may not have the agent read what they cannot read themselves.
        if folder::has_other_names(&file).map_err(unreadable)? {
            return Err(
                "the file has another name besides this one (a hard link): move or copy it here".to_owned()
            );
        }
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.len() > LONGEST {
            return Err(format!("the file has over {LONGEST} octets"));
        }
        // One read for what is short, and one that finds its end.
        let expected = usize::try_from(metadata.len()).map_or(STEP, |length| length.min(STEP));
        let mut beginning = Vec::with_capacity(expected + 1);
        let is_whole = loop {
            let step = beginning.len().max(STEP);
            if (&file).take(step as u64).read_to_end(&mut beginning).map_err(unreadable)? < step {
                break true;
            }
            if has_envelope(&beginning) {
                break false;
            }
            // No record of the spool holds an envelope that is longer.
            if beginning.len() >= frame::LONGEST {
                return Err(format!("no message begins in its first {} octets", frame::LONGEST));
            }
        };
        let (mut message, text_at) = parse(&beginning)?;
        message.raw = Some(if is_whole {
            Content::from(&beginning[text_at..])
        } else {
            Content::File(PathBuf::from(path))
        });
        Ok(Self { message, file, metadata, text_at: text_at as u64 })
    }
}

/// The text of the message is the only file that it names.
impl Files for PickupFile {
    fn open(&self, _path: &Path) -> io::Result<OpenedFile> {
        Ok(file::opened_behind(self.file.try_clone()?, &self.metadata, self.text_at))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{
        error::ErrorKind,
        spool::{Durability, Spool},
    };

    #[test]
    fn a_file_with_another_name_is_nobodys_message() {
        let folder = tempfile::tempdir().unwrap();
        let (secret, here) = (folder.path().join("secret"), folder.path().join("here"));
        fs::write(&secret, "X-Receiver: thief@example.org\r\nSubject: x\r\n\r\nx\r\n").unwrap();
        assert!(PickupFile::open(&secret).is_ok());
        fs::hard_link(&secret, &here).unwrap();
        assert!(PickupFile::open(&here).unwrap_err().contains("hard link"));
        fs::remove_file(&secret).unwrap();
        assert!(PickupFile::open(&here).is_ok());
    }

    #[test]
    fn a_file_that_is_no_message_for_its_length_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long");
        // Of zeros that the disk does not hold.
        let file = File::create(&path).unwrap();
        file.set_len(LONGEST + 1).unwrap();
        assert_eq!(PickupFile::open(&path).unwrap_err(), "the file has over 1073741824 octets");
        file.set_len(LONGEST).unwrap();
        assert_eq!(PickupFile::open(&path).unwrap_err(), "no message begins in its first 33554432 octets");
    }

    const TEXT: &str = "From: s@example.com\r\nSubject: x\r\n\r\n";

    /// A message of some mebibytes.
    fn long_text() -> String {
        format!("{TEXT}{}", "A line of text\r\n".repeat(200_000))
    }

    /// It is read from the file that was opened, and not from whatever has its name by then.
    #[test]
    fn the_text_of_a_long_file_stays_there_until_it_is_submitted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long");
        let receivers =
            |many| (0..many).map(|i| format!("X-Receiver: <r{i}@example.org>\n")).collect::<String>();
        let text = long_text();
        for many in [1, 40_000] {
            let spool = Spool::open(folder.path().join(format!("spool-{many}"))).unwrap();
            fs::write(&path, receivers(many) + &text).unwrap();
            let picked = PickupFile::open(&path).unwrap();
            assert_eq!(picked.message.recipients.len(), many);
            assert!(matches!(picked.message.raw, Some(Content::File(_))));
            fs::rename(&path, folder.path().join("elsewhere")).unwrap();
            fs::write(&path, format!("X-Receiver: <thief@example.org>\n{TEXT}")).unwrap();

            let id = spool.submit_file(&picked, Durability::None).unwrap();
            let body = fs::read(spool.path().join(format!("bodies/{id}.eml"))).unwrap();
            assert!(body == text.as_bytes(), "{} octets", body.len());
        }
    }

    #[test]
    fn a_long_file_that_is_written_to_meanwhile_is_not_submitted() {
        let folder = tempfile::tempdir().unwrap();
        let (path, spool) = (folder.path().join("long"), Spool::open(folder.path().join("spool")).unwrap());
        let write = |more: &str| {
            fs::write(&path, format!("X-Receiver: <r@example.org>\r\n{}{more}", long_text())).unwrap();
        };
        write("");
        let picked = PickupFile::open(&path).unwrap();
        write("One more\r\n");
        let error = spool.submit_file(&picked, Durability::None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileIo, "{error}");
        assert_eq!(fs::read_dir(spool.path().join("bodies")).map_or(0, Iterator::count), 0);

        let picked = PickupFile::open(&path).unwrap();
        assert!(spool.submit_file(&picked, Durability::None).is_ok());
    }
}
