//! Room on the disk that is kept for the agent itself.
//!
//! A spool that its own mail has filled is emptied by an agent that runs, and that needs some room: to open the queue, and to
//! write down what was delivered. So there is a file that is of no use but that it can be removed. How much the agent needs
//! at most is kept small where the disk has little room: its queue keeps its log short, and its intake takes in no more than
//! that.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// What is kept.
const SIZE: u64 = 4 << 20;

/// It is made when so much is free.
const AMPLE: u64 = 4 * SIZE;

/// It is given back when no more than this is free.
const SCARCE: u64 = 256 << 10;

/// Written at once.
static PIECE: [u8; 64 << 10] = [1; 64 << 10];

/// The file.
#[derive(Clone, Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
}

impl Reserve {
    /// In that folder.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { path: folder.join("reserve") }
    }

    /// Makes it where there is ample room, and gives it back where there is hardly any.
    pub(crate) fn tend(&self) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(&self.path);
        let free = crate::os::free_room(folder)?;
        match self.path.symlink_metadata() {
            Ok(_) if free < SCARCE => {
                eprintln!(
                    "freesmtp agent: the disk is full; room that was kept is used to deliver what is there"
                );
                fs::remove_file(&self.path)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && free >= AMPLE => {
                let made = self.make();
                if made.is_err() {
                    let _ = fs::remove_file(&self.path);
                }
                made
            }
            _ => Ok(()),
        }
    }

    /// Written, as a hole would keep nothing.
    fn make(&self) -> io::Result<()> {
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&self.path)?;
        for _ in 0..SIZE / PIECE.len() as u64 {
            file.write_all(&PIECE)?;
        }
        file.sync_all()
    }
}
