//! `pickup/`: messages that any program may put there as files.
//!
//! A program writes its file elsewhere and renames it into the folder. Some write it there at once, as .NET does; so a
//! file is taken when nobody has it locked and it has not been written to for a while. Names that begin with a dot are
//! left alone.

mod parse;

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

pub use self::parse::parse;
use super::folders::{PICKUP, failure};
use crate::{error::Error, message::EmailMessage, os::folder};

/// A file that is longer is not a message.
const LONGEST: u64 = 1 << 30;

/// The files of `pickup/` that nobody writes to any more, oldest name first: those that are not locked and were not
/// written to for `quiet`.
///
/// # Errors
/// `ErrorKind::Spool` when the folder cannot be read.
pub fn ready_files(spool: &Path, quiet: Duration) -> Result<Vec<PathBuf>, Error> {
    let path = spool.join(PICKUP);
    folder::quiet_files(&path, quiet).map_err(|error| failure(&path, "cannot be read", &error))
}

/// Reads a file of `pickup/`: the message with its envelope, to be given to
/// [`Spool::submit_message`](super::Spool::submit_message).
///
/// # Errors
/// Why it cannot be understood, in one sentence, for [`badmail`](super::badmail).
pub fn read_file(path: &Path) -> Result<EmailMessage, String> {
    let unreadable = |error: io::Error| format!("the file cannot be read: {error}");
    let file = folder::open_regular(path).map_err(unreadable)?;
    // Who may put files here may not have the agent read what they cannot read themselves.
    if folder::has_other_names(&file).map_err(unreadable)? {
        return Err(
            "the file has another name besides this one (a hard link): move or copy it here".to_owned()
        );
    }
    let too_long = || format!("the file has over {LONGEST} octets");
    if file.metadata().map_err(unreadable)?.len() > LONGEST {
        return Err(too_long());
    }
    // It may have grown since.
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LONGEST {
        return Err(too_long());
    }
    parse(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_another_name_is_nobodys_message() {
        let folder = tempfile::tempdir().unwrap();
        let (secret, here) = (folder.path().join("secret"), folder.path().join("here"));
        std::fs::write(&secret, "X-Receiver: thief@example.org\r\nSubject: x\r\n\r\nx\r\n").unwrap();
        assert!(read_file(&secret).is_ok());
        std::fs::hard_link(&secret, &here).unwrap();
        assert!(read_file(&here).unwrap_err().contains("hard link"));
        std::fs::remove_file(&secret).unwrap();
        assert!(read_file(&here).is_ok());
    }

    #[test]
    fn a_file_that_is_no_message_for_its_length_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long");
        // Of zeros that the disk does not hold.
        std::fs::File::create(&path).unwrap().set_len(LONGEST + 1).unwrap();
        assert_eq!(read_file(&path).unwrap_err(), "the file has over 1073741824 octets");
    }
}
