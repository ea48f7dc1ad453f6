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
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!("the file has over {LONGEST} octets"));
    }
    parse(&bytes)
}
