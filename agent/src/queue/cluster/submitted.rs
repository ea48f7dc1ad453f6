//! How much of each blast was submitted: counted once for what is read of a segment at a time, whatever is killed meanwhile.
//!
//! Policy: what is to be counted, and up to where in the segment, is on this machine's disk before it is said. Read again, the
//! same records may come with others: what is written there is said once more, under the same id, and what is behind is new.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use freesmtp_core::spool::Record;
use serde::{Deserialize, Serialize};

use super::{super::adopt::Adopted, QueueError, Shared};

/// The folder beside the queue.
const FOLDER: &str = "submitted";

/// What was read of a segment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Submitted {
    /// Up to here.
    next: u64,
    /// Messages and recipients, by blast.
    counts: BTreeMap<String, [i64; 2]>,
    /// The servers have counted it.
    said: bool,
}

/// The files that say so, one for each segment that is read.
#[derive(Debug)]
pub(super) struct Submissions {
    folder: PathBuf,
}

impl Submissions {
    /// Of a queue; those of segments that are gone are removed.
    pub(super) fn open(queue: &Path, incoming: &Path) -> io::Result<Self> {
        let folder = queue.join(FOLDER);
        crate::os::create_private_folder(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let name = entry?.file_name();
            if !incoming.join(&name).exists() {
                fs::remove_file(folder.join(name))?;
            }
        }
        Ok(Self { folder })
    }

    fn read(&self, segment: &str) -> io::Result<Submitted> {
        match fs::read(self.folder.join(segment)) {
            Ok(text) => serde_json::from_slice(&text).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Submitted::default()),
            Err(error) => Err(error),
        }
    }

    fn write(&self, segment: &str, submitted: &Submitted) -> io::Result<()> {
        let half = self.folder.join(format!("{segment}.new"));
        let mut file = File::create(&half)?;
        file.write_all(&serde_json::to_vec(submitted)?)?;
        // After a power cut it must not be said under another id.
        file.sync_data()?;
        fs::rename(half, self.folder.join(segment))?;
        File::open(&self.folder)?.sync_data()
    }

    /// The segment was read to its end.
    pub(super) fn forget(&self, segment: &str) {
        // One that stays is removed with the next start.
        drop(fs::remove_file(self.folder.join(segment)));
    }
}

impl Submitted {
    /// What follows it in the segment, up to that place.
    fn then<'a>(&self, records: impl Iterator<Item = &'a Adopted>, next: u64) -> Self {
        let mut counts: BTreeMap<String, [i64; 2]> = BTreeMap::new();
        for Adopted { record, .. } in records.filter(|adopted| adopted.record.offset >= self.next) {
            if let Some(blast) = &record.envelope.options.blast {
                let [messages, recipients] = counts.entry(blast.clone()).or_default();
                *messages += 1;
                *recipients += i64::try_from(record.envelope.recipients.len()).unwrap_or(i64::MAX);
            }
        }
        Self { next: next.max(self.next), counts, said: false }
    }
}

impl Shared {
    /// Counts these records of a segment, which are those before `next`.
    pub(super) async fn count_submitted(
        &self,
        segment: &str,
        records: impl Iterator<Item = &Adopted>,
        next: u64,
    ) -> Result<(), QueueError> {
        let mut submitted = self.submissions.read(segment)?;
        if !submitted.said {
            self.say_submitted(segment, &submitted).await?;
        }
        submitted = submitted.then(records, next);
        if submitted.counts.is_empty() {
            return Ok(());
        }
        self.submissions.write(segment, &submitted)?;
        self.say_submitted(segment, &submitted).await?;
        submitted.said = true;
        Ok(self.submissions.write(segment, &submitted)?)
    }

    /// A record that was counted is no message of its blast after all.
    pub(super) async fn not_submitted(&self, record: &Record) -> Result<(), QueueError> {
        let Some(name) = &record.envelope.options.blast else { return Ok(()) };
        let (token, id) = (self.blast(name).await?, record.id);
        let recipients = i64::try_from(record.envelope.recipients.len()).unwrap_or(i64::MAX);
        tokio::try_join!(
            self.count(&token, "messages", -1, format!("{id}:no-message")),
            self.count(&token, "recipients", -recipients, format!("{id}:no-recipients")),
        )?;
        Ok(())
    }

    async fn say_submitted(&self, segment: &str, submitted: &Submitted) -> Result<(), QueueError> {
        let said = format!("{segment}:{}", submitted.next);
        for (name, [messages, recipients]) in &submitted.counts {
            let token = self.blast(name).await?;
            tokio::try_join!(
                self.count(&token, "messages", *messages, format!("{said}:{token}:messages")),
                self.count(&token, "recipients", *recipients, format!("{said}:{token}:recipients")),
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use freesmtp_core::{
        spool::{Body, Envelope, Id, Recipient, Record},
        types::Moment,
    };

    use super::*;

    fn record(offset: u64, blast: &str, recipients: usize) -> Adopted {
        let mut envelope = Envelope::default();
        envelope.options.blast = (!blast.is_empty()).then(|| blast.to_owned());
        envelope.recipients = vec![Recipient::new("a@one.test"); recipients];
        let body = Body::Inline { offset: 0, length: 0 };
        let id = Id::from_number(1);
        let record = Record {
            id,
            submitted: Moment::new(0),
            message_id: String::new(),
            envelope,
            body,
            offset,
            end: offset + 10,
        };
        Adopted { record, sites: Vec::new(), digest: None, leased: None }
    }

    #[test]
    fn what_was_counted_is_not_counted_again_with_what_follows() {
        let records = [record(0, "a", 1), record(10, "b", 2), record(20, "", 9), record(30, "a", 3)];
        let first = Submitted::default().then(records[..2].iter(), 20);
        assert_eq!(first.counts, BTreeMap::from([("a".to_owned(), [1, 1]), ("b".to_owned(), [1, 2])]));
        let second = first.then(records.iter(), 40);
        assert_eq!(second.counts, BTreeMap::from([("a".to_owned(), [1, 3])]));
        assert!(second.then(records[..1].iter(), 10).counts.is_empty());
    }

    #[test]
    fn what_is_written_is_there_after_a_start() {
        let folder = tempfile::tempdir().unwrap();
        let incoming = folder.path().join("incoming");
        fs::create_dir(&incoming).unwrap();
        fs::write(incoming.join("one.seg"), "").unwrap();
        let submissions = Submissions::open(folder.path(), &incoming).unwrap();
        let submitted = Submitted::default().then([record(0, "a", 1)].iter(), 10);
        for segment in ["one.seg", "gone.seg"] {
            submissions.write(segment, &submitted).unwrap();
        }
        let submissions = Submissions::open(folder.path(), &incoming).unwrap();
        assert_eq!(submissions.read("one.seg").unwrap(), submitted);
        assert_eq!(submissions.read("gone.seg").unwrap(), Submitted::default());
        submissions.forget("one.seg");
        assert_eq!(submissions.read("one.seg").unwrap(), Submitted::default());
    }
}
