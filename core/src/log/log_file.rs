//! The file behind `LogFile`.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    error::{Error, ErrorKind},
    os,
    types::{Failure, Stage, shown_path},
};

/// A log that several conversations append to, whole lines at a time.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    file: Option<File>,
    /// The first failure; nothing is written after it.
    failure: Option<String>,
    reported: bool,
}

impl LogFile {
    /// Names the file; it is opened when the first line is written.
    ///
    /// # Errors
    /// `ErrorKind::FileIo` with field `LogFile` when its folder does not exist.
    pub(crate) fn new(path: &Path) -> Result<Self, Error> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let problem = if path.as_os_str().is_empty() {
            Some("the path is empty; name a file".to_owned())
        } else if path.as_os_str().as_encoded_bytes().contains(&0) {
            Some("the path holds a NUL character".to_owned())
        } else if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            Some(format!("the folder {} does not exist; create it first", shown_path(folder)))
        } else if path.is_dir() {
            Some(format!("{} is a folder; name a file in it", shown_path(path)))
        } else {
            None
        };
        match problem {
            Some(text) => Err(Error::new(ErrorKind::FileIo, Stage::Compose, text)
                .with_field("LogFile")
                .with_failure(Failure::FileFailed)),
            None => Ok(Self { path: path.to_owned(), state: Mutex::default() }),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends whole lines.
    pub(crate) fn append(&self, lines: &str) {
        let mut state = self.lock();
        if state.failure.is_some() {
            return;
        }
        let opened = match state.file.take() {
            Some(file) => Ok(file),
            None => os::file::open_log(&self.path),
        };
        match opened.and_then(|mut file| file.write_all(lines.as_bytes()).map(|()| file)) {
            Ok(file) => state.file = Some(file),
            Err(source) => {
                state.failure =
                    Some(format!("the log {} could not be written: {source}", shown_path(&self.path)));
            }
        }
    }

    /// The first failure, once: it becomes a warning of the report.
    pub(crate) fn take_warning(&self) -> Option<String> {
        let mut state = self.lock();
        if state.reported {
            return None;
        }
        state.reported = state.failure.is_some();
        state.failure.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
