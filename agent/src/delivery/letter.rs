//! A job as a message that `Smtp` sends: the bytes of the spool, with fields of this agent in front.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use freesmtp_core::{
    Address, EmailMessage, Error,
    message::{CheckedFile, Content, DeliverByMode, Recipient, RecipientType},
    spool::{Body, Envelope, MessageReader, open_file, read_inline, read_message, read_record},
};

use crate::{
    damage,
    queue::{Job, Millis, Place},
};

/// The field that names the message: the same in every copy, so that a receiver can drop one.
pub const ID_FIELD: &str = "X-Freesmtp-Id";

/// As many segments as are kept open.
const OPEN_FILES: usize = 64;

/// Reads messages from the spool.
#[derive(Debug)]
pub struct Letters {
    spool: PathBuf,
    name: String,
    open: Mutex<HashMap<Arc<str>, Arc<File>>>,
}

impl Letters {
    /// Of that spool; `name` is what this agent calls itself in `Received`.
    #[must_use]
    pub fn new(spool: &Path, name: &str) -> Self {
        Self { spool: spool.to_owned(), name: name.to_owned(), open: Mutex::default() }
    }

    /// The message of a job, for the recipients of the job.
    ///
    /// # Errors
    /// When the spool cannot be read; `InvalidData` when its bytes are not those that were written. Those of a long message
    /// are read, and checked, while it is sent.
    pub fn read(&self, job: &Job, now: Millis) -> io::Result<EmailMessage> {
        let content = match &job.place.body {
            Body::Inline { .. } => Content::from(self.bytes(&job.place)?),
            // Read while it is sent, and checked as it is read.
            Body::File { name, length, crc } => Content::Checked(CheckedFile {
                path: self.spool.join("bodies").join(name),
                size: *length,
                crc32c: *crc,
            }),
        };
        let mut message = EmailMessage::raw(content);
        message.return_path = Some(job.sender.clone());
        message.trace = self.trace(job);
        let recipient = |email: &String| Recipient::new(Address::new(email), RecipientType::Bcc);
        message.recipients = job.targets.iter().map(|target| recipient(&target.email)).collect();
        if job.has_options {
            self.ask(job, now, &mut message)?;
        }
        Ok(message)
    }

    /// `Received` (RFC 5321 section 4.4) and the id.
    fn trace(&self, job: &Job) -> String {
        let date = date(job.submitted());
        format!(
            "{ID_FIELD}: {id}\r\nReceived: by {name} (freesmtp) id {id};\r\n\t{date}\r\n",
            id = job.id,
            name = self.name
        )
    }

    /// What the envelope asks of the servers.
    fn ask(&self, job: &Job, now: Millis, message: &mut EmailMessage) -> io::Result<()> {
        let envelope = self.envelope(&job.place)?;
        let mut delivery = envelope.delivery;
        if let Some(seconds) = delivery.deliver_by {
            let passed = u32::try_from((now - job.submitted()).max(0) / 1_000).unwrap_or(u32::MAX);
            delivery.deliver_by = Some(seconds.saturating_sub(passed).max(1));
            // What was asked of this agent as well as of the servers is kept by the time at which it gives up.
            if delivery.deliver_by_mode == DeliverByMode::Notify && passed >= seconds {
                delivery.deliver_by = None;
            }
        }
        message.delivery = delivery;
        for (recipient, target) in message.recipients.iter_mut().zip(&job.targets) {
            if let Some(asked) = envelope.recipients.get(target.index as usize) {
                recipient.options = asked.options.clone();
            }
        }
        Ok(())
    }

    /// The envelope as it was submitted.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn envelope(&self, place: &Place) -> io::Result<Envelope> {
        let record = read_record(&self.segment(&place.segment), place.record);
        record.map(|record| record.envelope).map_err(|error| damage::io_error(&error))
    }

    /// The bytes of a message.
    ///
    /// # Errors
    /// When the spool cannot be read; `InvalidData` when its bytes are not those that were written.
    pub fn bytes(&self, place: &Place) -> io::Result<Vec<u8>> {
        match &place.body {
            Body::Inline { offset, length } => read_inline(&*self.file(&place.segment)?, *offset, *length),
            Body::File { .. } => {
                let mut bytes = Vec::new();
                self.open(place).map_err(|error| damage::io_error(&error))?.read_to_end(&mut bytes)?;
                Ok(bytes)
            }
        }
    }

    /// The first octets of a message, at most so many.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn head(&self, place: &Place, most: usize) -> io::Result<Vec<u8>> {
        use std::os::unix::fs::FileExt;
        let length = usize::try_from(place.body.length()).unwrap_or(most).min(most);
        let mut bytes = vec![0; length];
        match &place.body {
            Body::Inline { offset, .. } => self.file(&place.segment)?.read_exact_at(&mut bytes, *offset)?,
            Body::File { name, .. } => {
                open_file(&self.spool.join("bodies").join(name))?.read_exact_at(&mut bytes, 0)?;
            }
        }
        Ok(bytes)
    }

    /// A reader of the bytes of a message.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn open(&self, place: &Place) -> Result<MessageReader, Error> {
        read_message(&self.spool, &self.segment(&place.segment), &place.body)
    }

    /// The file that has the bytes of a message, and where in it they begin.
    #[must_use]
    pub fn whereabouts(&self, place: &Place) -> (PathBuf, u64) {
        match &place.body {
            Body::Inline { offset, .. } => (self.segment(&place.segment), *offset),
            Body::File { name, .. } => (self.spool.join("bodies").join(name), 0),
        }
    }

    fn segment(&self, name: &str) -> PathBuf {
        self.spool.join("incoming").join(name)
    }

    fn file(&self, segment: &Arc<str>) -> io::Result<Arc<File>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = open.get(segment) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(open_file(&self.segment(segment))?);
        if open.len() >= OPEN_FILES {
            open.clear();
        }
        open.insert(Arc::clone(segment), Arc::clone(&file));
        Ok(file)
    }

    /// Keeps what is left of a message that was damaged in `badmail/`; gives where it is.
    ///
    /// # Errors
    /// When it cannot be written there.
    pub(super) fn put_aside(&self, job: &Job, reason: &str) -> Result<PathBuf, Error> {
        damage::put_aside(&self.spool, job.id, &self.segment(&job.place.segment), &job.place.body, reason)
    }

    /// Lets go of segments, so that the space of those that were removed is free.
    pub fn close(&self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// As RFC 5322 section 3.3 writes it, in UTC.
fn date(at: Millis) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = at.div_euclid(1_000);
    let day =
        DAYS.get(usize::try_from(seconds.div_euclid(86_400).rem_euclid(7)).unwrap_or(0)).unwrap_or(&"Thu");
    // `2014-04-03T23:01:00Z`
    let text = freesmtp_core::types::Moment::new(seconds).to_string();
    let month = text.get(5..7).and_then(|month| month.parse::<usize>().ok()).unwrap_or(1);
    let month = MONTHS.get(month.saturating_sub(1)).unwrap_or(&"Jan");
    let (year, date, time) = (
        text.get(..4).unwrap_or("1970"),
        text.get(8..10).unwrap_or("01"),
        text.get(11..19).unwrap_or("00:00:00"),
    );
    format!("{day}, {date} {month} {year} {time} +0000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_mail() {
        assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(date(1_396_566_060_500), "Thu, 03 Apr 2014 23:01:00 +0000");
        assert_eq!(date(951_782_400_000), "Tue, 29 Feb 2000 00:00:00 +0000");
    }

    /// Who may submit must not have the agent send what they cannot read.
    #[test]
    fn a_link_in_the_place_of_a_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, [b'x'; 100]).unwrap();
        for (name, file) in [("incoming", "s.seg"), ("bodies", "x.eml")] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            std::os::unix::fs::symlink(&secret, folder.path().join(name).join(file)).unwrap();
        }
        let letters = Letters::new(folder.path(), "test");
        for body in [
            Body::Inline { offset: 0, length: 10 },
            Body::File { name: "x.eml".to_owned(), length: 100, crc: 0 },
        ] {
            let place = Place { segment: "s.seg".into(), record: 0, body };
            assert!(letters.head(&place, 10).is_err());
            assert!(letters.bytes(&place).is_err());
        }
    }
}
