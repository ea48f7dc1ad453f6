//! The folder that messages are kept in.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use serde_json::json;
use tempfile::{Builder, NamedTempFile};
use time::OffsetDateTime;

use crate::{
    os,
    server::{Client, Envelope},
};

/// How often a name that is taken is replaced by the next one.
const MOST_NAMES: u32 = 1_000;

/// Keeps each message as `<time>-<n>.eml`, its bytes as they came, and `<time>-<n>.json`, its envelope and session.
///
/// Both are written under another name and renamed, the envelope first: who sees a message sees all of it.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    next: AtomicU64,
}

impl Store {
    /// The store in `folder`, which is made when it does not exist, for this user alone.
    pub(crate) fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        os::create_private_folder(&folder)?;
        Ok(Self { folder, next: AtomicU64::new(1) })
    }

    /// Begins a message.
    pub(super) fn begin(&self, client: Client, envelope: Envelope) -> Incoming<'_> {
        let file = self.temporary().map(BufWriter::new);
        Incoming { store: self, client, envelope, size: 0, file }
    }

    fn temporary(&self) -> io::Result<NamedTempFile> {
        Builder::new().prefix(".incoming-").tempfile_in(&self.folder)
    }

    fn place(&self, stem: &str, extension: &str) -> PathBuf {
        self.folder.join(format!("{stem}.{extension}"))
    }
}

/// A message that is being received. Dropped before it is kept, it leaves nothing.
#[derive(Debug)]
pub(super) struct Incoming<'a> {
    store: &'a Store,
    client: Client,
    envelope: Envelope,
    size: u64,
    /// The file, or the first failure: it is told when the message is complete.
    file: io::Result<BufWriter<NamedTempFile>>,
}

impl Incoming<'_> {
    /// Takes the next bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        if let Ok(file) = &mut self.file
            && let Err(error) = file.write_all(bytes)
        {
            self.file = Err(error);
        }
    }

    /// Keeps the message under a name of its own.
    pub(super) fn keep(self) -> io::Result<Kept> {
        let mut message = self.file?.into_inner().map_err(io::IntoInnerError::into_error)?;
        let received = OffsetDateTime::now_utc();
        for _ in 0..MOST_NAMES {
            let number = self.store.next.fetch_add(1, Ordering::Relaxed);
            let stem = format!("{}-{number:04}", compact(received));
            let facts = facts(&stem, received, self.size, &self.client, &self.envelope);
            let mut sidecar = self.store.temporary()?;
            sidecar.write_all(format!("{facts:#}\n").as_bytes())?;
            let beside = self.store.place(&stem, "json");
            match sidecar.persist_noclobber(&beside) {
                Ok(_) => {}
                // Another sink keeps its messages here too.
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error.error),
            }
            let path = self.store.place(&stem, "eml");
            match message.persist_noclobber(&path) {
                Ok(_) => return Ok(Kept { path, size: self.size, envelope: self.envelope }),
                Err(error) => {
                    remove(&beside);
                    if error.error.kind() != io::ErrorKind::AlreadyExists {
                        return Err(error.error);
                    }
                    message = error.file;
                }
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "no free name for the message"))
    }
}

/// A message that is kept.
#[derive(Debug)]
pub(super) struct Kept {
    /// The file.
    pub(super) path: PathBuf,
    /// Its bytes.
    pub(super) size: u64,
    /// Who sent it to whom.
    pub(super) envelope: Envelope,
}

/// An envelope without its message would be read as a message; that it can't be removed changes nothing more.
fn remove(path: &Path) {
    drop(std::fs::remove_file(path));
}

/// `20260131T235959.123456Z`: sorted by name is sorted by time.
fn compact(at: OffsetDateTime) -> String {
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}.{:06}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.microsecond()
    )
}

/// RFC 3339.
fn readable(at: OffsetDateTime) -> String {
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

fn facts(
    stem: &str,
    received: OffsetDateTime,
    size: u64,
    client: &Client,
    envelope: &Envelope,
) -> serde_json::Value {
    json!({
        "message": format!("{stem}.eml"),
        "received": readable(received),
        "size": size,
        "envelope": {
            "from": envelope.sender,
            "to": envelope.recipients.iter().map(|recipient| &recipient.address).collect::<Vec<_>>(),
            "declared_size": envelope.declared_size,
            "body": if envelope.eight_bit { "8BITMIME" } else { "7BIT" },
            "smtputf8": envelope.utf8,
        },
        "session": {
            "client": client.peer.map(|(address, _)| address.to_string()),
            "client_port": client.peer.map(|(_, port)| port),
            "client_name": client.name,
            "protocol": if client.extended { "ESMTP" } else { "SMTP" },
            "account": client.account,
        },
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn envelope() -> Envelope {
        Envelope { sender: "a@b.test".into(), recipients: vec!["c@d.test".into()], ..Envelope::default() }
    }

    #[test]
    fn a_message_is_seen_when_it_is_whole() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("new/mail");
        let store = Store::open(&folder).unwrap();
        let mut incoming = store.begin(Client::default(), envelope());
        incoming.write(b"Subject: x\r\n");
        assert!(names(&folder).iter().all(|name| name.starts_with(".incoming-")));
        incoming.write(b"\r\n\xff.\r\n");
        let kept = incoming.keep().unwrap();
        assert_eq!(fs::read(&kept.path).unwrap(), b"Subject: x\r\n\r\n\xff.\r\n");
        assert_eq!(kept.size, 18);
        let beside: serde_json::Value =
            serde_json::from_slice(&fs::read(kept.path.with_extension("json")).unwrap()).unwrap();
        assert_eq!(beside["envelope"]["to"], json!(["c@d.test"]));
        assert_eq!(beside["message"], json!(kept.path.file_name().unwrap().to_str()));
        assert_eq!(names(&folder).len(), 2);
    }

    #[test]
    fn a_message_that_is_not_kept_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        let mut incoming = store.begin(Client::default(), envelope());
        incoming.write(b"half");
        drop(incoming);
        assert_eq!(names(root.path()), Vec::<String>::new());
    }

    #[test]
    fn two_stores_in_one_folder_overwrite_nothing() {
        let root = tempfile::tempdir().unwrap();
        let stores = [Store::open(root.path()).unwrap(), Store::open(root.path()).unwrap()];
        for store in &stores {
            for _ in 0..20 {
                store.begin(Client::default(), envelope()).keep().unwrap();
            }
        }
        assert_eq!(names(root.path()).len(), 80);
    }

    #[cfg(unix)]
    #[test]
    fn the_folder_and_what_it_holds_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("mail");
        let store = Store::open(&folder).unwrap();
        let kept = store.begin(Client::default(), envelope()).keep().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&kept.path), 0o600);
        assert_eq!(mode(&kept.path.with_extension("json")), 0o600);
    }

    #[test]
    fn a_full_disk_is_told() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("mail");
        let store = Store::open(&folder).unwrap();
        fs::remove_dir(&folder).unwrap();
        let mut incoming = store.begin(Client::default(), envelope());
        incoming.write(b"lost");
        assert!(incoming.keep().is_err());
    }
}
