//! A file of lines that others rotate, read and watch.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// A file that is only ever appended to, whole lines at a time.
///
/// Before each append it is looked whether the path still leads to the open file: who renames or removes it (logrotate) gets
/// a new one, and the lines of before are in the old one. A last line that was cut off, by a crash or a full disk, is ended
/// first, so that it spoils no other.
#[derive(Debug)]
pub(super) struct Lines {
    path: PathBuf,
    open: Option<File>,
}

impl Lines {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), open: None }
    }

    /// Appends whole lines, in one write where the system takes it as one.
    pub(super) fn append(&mut self, lines: &str) -> io::Result<()> {
        let mut file = match self.open.take() {
            Some(file) if self.is_there(&file) => file,
            _ => self.open()?,
        };
        let before = file.seek(SeekFrom::End(0))?;
        match file.write_all(lines.as_bytes()) {
            Ok(()) => {
                self.open = Some(file);
                Ok(())
            }
            Err(error) => {
                // Half of it helps nobody, and all of it is written again.
                drop(file.set_len(before));
                Err(error)
            }
        }
    }

    fn open(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.create(true).append(true).read(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.path)?;
        if file.metadata()?.len() > 0 {
            file.seek(SeekFrom::End(-1))?;
            let mut last = [0];
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
            }
        }
        Ok(file)
    }

    /// Whether the path leads to that file.
    #[cfg(unix)]
    fn is_there(&self, file: &File) -> bool {
        use std::os::unix::fs::MetadataExt;
        let same = |ours: &std::fs::Metadata, theirs: &std::fs::Metadata| {
            (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino())
        };
        match (file.metadata(), std::fs::metadata(&self.path)) {
            (Ok(ours), Ok(theirs)) => same(&ours, &theirs),
            _ => false,
        }
    }

    /// Nobody renames or removes a file that is open.
    #[cfg(not(unix))]
    fn is_there(&self, _: &File) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn who_rotates_gets_whole_lines_on_both_sides() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("events"), folder.path().join("events.1"));
        let mut lines = Lines::new(&path);
        lines.append("1\n2\n").unwrap();
        fs::rename(&path, &old).unwrap();
        lines.append("3\n").unwrap();
        lines.append("4\n").unwrap();
        assert_eq!(fs::read_to_string(&old).unwrap(), "1\n2\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "3\n4\n");
        fs::remove_file(&path).unwrap();
        lines.append("5\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "5\n");
        // Copied and cut to nothing (logrotate's copytruncate).
        File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        lines.append("6\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "6\n");
    }

    #[test]
    fn a_line_that_was_cut_off_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        fs::write(&path, "1\n{\"half").unwrap();
        Lines::new(&path).append("2\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n{\"half\n2\n");
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_until_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/events");
        let mut lines = Lines::new(&path);
        lines.append("1\n").unwrap_err();
        fs::create_dir(folder.path().join("new")).unwrap();
        lines.append("1\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
    }
}
