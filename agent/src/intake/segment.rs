//! One segment of `incoming/`, followed.

use std::{
    collections::HashMap,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use freesmtp_core::{
    Error,
    spool::{Id, Next, Record, SegmentReader, open_file, read_message},
};

use super::badmail;
use crate::{
    damage, keyed,
    queue::{Adopted, Batch, Queue},
};

/// The end of a segment's name.
pub(super) const SUFFIX: &str = ".seg";

/// Records of a batch: enough to share a commit, few enough that results do not wait long behind it.
pub(super) const BATCH: usize = 1_000;

/// Recipients of a batch where the disk has little room for them.
pub(super) const FEW: usize = 100;

/// Follows a segment.
#[derive(Debug)]
pub(super) struct Follower {
    name: String,
    path: PathBuf,
    reader: SegmentReader,
    /// The sites of the last domains.
    last: Option<(String, Arc<str>)>,
    /// The idempotency keys of the batch that is being read, of which the queue does not know yet.
    keys: HashMap<String, (Id, [u8; 32])>,
}

impl Follower {
    pub(super) fn open(path: &Path, name: &str, from: u64) -> Result<Self, Error> {
        let reader = SegmentReader::open(path, from)?;
        Ok(Self { name: name.to_owned(), path: path.to_owned(), reader, last: None, keys: HashMap::new() })
    }

    /// The next batch, of at most so many records, and of not many more recipients where those are few; `None` when there is
    /// nothing yet.
    pub(super) fn read(
        &mut self,
        spool: &Path,
        queue: &Queue,
        site: &dyn Fn(&str) -> String,
        most: usize,
    ) -> Result<Option<Batch>, String> {
        let text = |error: Error| error.to_string();
        let from = self.reader.offset();
        let mut records = Vec::new();
        self.keys.clear();
        let mut finished = false;
        let mut recipients = 0;
        while records.len() < most && (most >= BATCH || recipients < most) {
            match self.reader.next().map_err(text)? {
                Next::Record(record) => {
                    if let Some(adopted) = self.adopted(*record, spool, queue, site)? {
                        recipients += adopted.sites.len();
                        records.push(adopted);
                    }
                }
                Next::Wait => break,
                Next::Bad { offset, length, reason } => {
                    self.keep_bad(spool, offset, length, &reason).map_err(|error| error.to_string())?;
                }
                Next::Torn { .. } | Next::End => {
                    finished = true;
                    break;
                }
            }
        }
        let next = self.reader.offset();
        if next == from && !finished {
            return Ok(None);
        }
        if !records.is_empty() {
            self.reader.sync().map_err(text)?;
        }
        Ok(Some(Batch { segment: self.name.clone(), records, next, finished }))
    }

    /// Whether nothing is there behind what was read, not even something damaged.
    pub(super) fn is_at_end(&mut self) -> Result<bool, String> {
        self.reader.is_at_end().map_err(|error| error.to_string())
    }

    /// A record with what the queue has to know of it; `None` when it is not to be delivered.
    fn adopted(
        &mut self,
        record: Record,
        spool: &Path,
        queue: &Queue,
        site: &dyn Fn(&str) -> String,
    ) -> Result<Option<Adopted>, String> {
        let sites =
            record.envelope.recipients.iter().map(|recipient| self.site(&recipient.email, site)).collect();
        let mut digest = None;
        if let Some(key) = &record.envelope.options.idempotency_key {
            let own = match self.digest(&record, spool) {
                Ok(own) => own,
                // Whoever delivers it says so, and to its sender; the others behind it go on.
                Err(error) if damage::is_damage(&error) => {
                    return Ok(Some(Adopted { record, sites, digest: None, leased: None }));
                }
                Err(error) => return Err(error.to_string()),
            };
            let known = match self.keys.get(key) {
                Some(known) => Some(*known),
                None => queue.key(key).map_err(|error| error.to_string())?,
            };
            if let Some((first, known)) = known
                && first != record.id
            {
                if known != own {
                    let reason = keyed::of_another(key, first);
                    let (offset, length) = (record.offset, record.end - record.offset);
                    self.keep_bad(spool, offset, length, &reason).map_err(|error| error.to_string())?;
                }
                return Ok(None);
            }
            self.keys.insert(key.clone(), (record.id, own));
            digest = Some(own);
        }
        Ok(Some(Adopted { record, sites, digest, leased: None }))
    }

    fn site(&mut self, email: &str, site: &dyn Fn(&str) -> String) -> Arc<str> {
        let domain = email.rsplit('@').next().unwrap_or_default();
        if let Some((last, site)) = &self.last
            && last == domain
        {
            return Arc::clone(site);
        }
        let found: Arc<str> = site(email).into();
        self.last = Some((domain.to_owned(), Arc::clone(&found)));
        found
    }

    fn digest(&self, record: &Record, spool: &Path) -> io::Result<[u8; 32]> {
        let message =
            read_message(spool, &self.path, &record.body).map_err(|error| damage::io_error(&error))?;
        keyed::digest(&record.envelope, message)
    }

    fn keep_bad(&self, spool: &Path, offset: u64, length: u64, reason: &str) -> io::Result<()> {
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0).min(128 << 20)];
        let file = open_file(&self.path)?;
        let mut read = 0;
        while read < bytes.len() {
            match file.read_at(&mut bytes[read..], offset + read as u64)? {
                0 => break,
                count => read += count,
            }
        }
        bytes.truncate(read);
        badmail::keep(spool, &format!("{}-{offset}.record", self.name), &bytes, reason)
    }
}
