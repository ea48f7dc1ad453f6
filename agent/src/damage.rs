//! What becomes of messages whose bytes are no longer those that were written: a bit that flipped on the disk, a file that
//! was cut.
//!
//! Policy: nothing of them is delivered. Another attempt would read the same, so they end at once: what is left of them goes
//! to `badmail/`, for whoever runs this machine, and their senders are told.

use std::{
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use freesmtp_core::{
    Error, ErrorKind,
    spool::{Body, Envelope, Id, Recipient, badmail, open_file},
};

use crate::queue::Details;

/// Whether reading the spool found such damage.
pub(crate) fn is_damage(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
}

/// An error of the spool's, with its kind.
pub(crate) fn io_error(error: &Error) -> io::Error {
    io::Error::new(error.io_kind().unwrap_or(io::ErrorKind::Other), error.to_string())
}

/// The damage that ended a session while its message was read.
pub(crate) fn in_session(error: &Error) -> Option<io::Error> {
    let found = error.kind() == ErrorKind::FileIo && error.io_kind() == Some(io::ErrorKind::InvalidData);
    found.then(|| io::Error::new(io::ErrorKind::InvalidData, error.message()))
}

/// Keeps what is left of a message in `badmail/`, once; gives where it is. Its record is, or was, in that segment.
pub(crate) fn put_aside(
    spool: &Path,
    id: Id,
    segment: &Path,
    body: &Body,
    reason: &str,
) -> Result<PathBuf, Error> {
    let name = format!("{id}.eml");
    let kept = spool.join("badmail").join(&name);
    if kept.exists() {
        // For other recipients of the same message.
        return Ok(kept);
    }
    match body {
        // Its other recipients still name the file.
        Body::File { name: body, .. } => {
            badmail::link_aside(spool, &name, &spool.join("bodies").join(body), reason)
        }
        Body::Inline { offset, length } => {
            let mut bytes = vec![0; usize::try_from(*length).unwrap_or_default()];
            let read = open_file(segment).and_then(|file| file.read_exact_at(&mut bytes, *offset));
            // A segment that was cut has nothing there.
            if read.is_err() {
                bytes.clear();
            }
            badmail::keep(spool, &name, &bytes, reason)
        }
    }
}

/// The envelope as far as the queue knows it, where the record can no longer be read.
pub(crate) fn envelope(details: &Details) -> Envelope {
    let total = usize::try_from(details.summary.total).unwrap_or_default();
    let mut recipients = vec![Recipient::new(String::new()); total];
    let waiting = details.waiting.iter().flat_map(|waiting| &waiting.recipients);
    let known = waiting.map(|(index, email)| (*index, email));
    for (index, email) in known.chain(details.ended.iter().map(|ended| (ended.index, &ended.email))) {
        if let Some(recipient) = recipients.get_mut(index as usize) {
            recipient.email.clone_from(email);
        }
    }
    Envelope { reverse_path: details.summary.sender.clone(), recipients, ..Envelope::default() }
}
