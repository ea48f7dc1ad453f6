//! The bytes of a message while it comes in.

use std::{
    io::{self, BufWriter, Write},
    path::PathBuf,
};

use freesmtp_core::message::Content;
use tempfile::{Builder, NamedTempFile, TempPath};

/// What is longer is kept in a file: as in the spool.
const LONGEST_IN_MEMORY: usize = 1 << 20;

/// The beginning of the names of such files.
pub(crate) const PREFIX: &str = ".receiving-";

/// Bytes in memory, and in a file when they are many.
#[derive(Debug)]
pub(super) struct Held {
    folder: PathBuf,
    memory: Vec<u8>,
    file: Option<BufWriter<NamedTempFile>>,
}

impl Held {
    pub(super) fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), memory: Vec::new(), file: None }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            return file.write_all(bytes);
        }
        self.memory.extend_from_slice(bytes);
        if self.memory.len() > LONGEST_IN_MEMORY {
            let mut file = BufWriter::new(Builder::new().prefix(PREFIX).tempfile_in(&self.folder)?);
            file.write_all(&std::mem::take(&mut self.memory))?;
            self.file = Some(file);
        }
        Ok(())
    }

    /// The bytes, and their file: it is removed when the path is dropped.
    pub(super) fn content(self) -> io::Result<(Content, Option<TempPath>)> {
        let Some(file) = self.file else { return Ok((self.memory.into(), None)) };
        let path = file.into_inner().map_err(io::IntoInnerError::into_error)?.into_temp_path();
        Ok((path.to_path_buf().into(), Some(path)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_bytes_are_in_a_file_that_goes_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut held = Held::new(folder.path());
        let piece = vec![b'x'; 400_000];
        for _ in 0..4 {
            held.push(&piece).unwrap();
        }
        let (content, path) = held.content().unwrap();
        let Content::File(named) = content else { panic!("it is in memory") };
        assert_eq!(std::fs::read(&named).unwrap().len(), 1_600_000);
        drop(path);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn few_bytes_need_no_folder() {
        let mut held = Held::new("/nowhere");
        held.push(b"abc").unwrap();
        assert_eq!(held.content().unwrap().0, b"abc"[..].into());
    }
}
