//! `pickup/`: messages that any program may put there as files.
//!
//! A program writes its file elsewhere and renames it into the folder. Some write it there at once, as .NET does; so a
//! file is taken when nobody has it locked and it has not been written to for a while. Names that begin with a dot are
//! left alone.

mod file;
mod parse;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

pub use self::{file::PickupFile, parse::parse};
use super::folders::{PICKUP, failure};
use crate::{error::Error, os::folder};

/// The files of `pickup/` that nobody writes to any more, oldest name first: those that are not locked and were not
/// written to for `quiet`.
///
/// # Errors
/// `ErrorKind::Spool` when the folder cannot be read.
pub fn ready_files(spool: &Path, quiet: Duration) -> Result<Vec<PathBuf>, Error> {
    let path = spool.join(PICKUP);
    folder::quiet_files(&path, quiet).map_err(|error| failure(&path, "cannot be read", &error))
}
