//! What an idempotency key stands for: a message, and not the attempt to hand it over.

use std::io::{self, Read};

use freesmtp_core::{
    EmailMessage, Error,
    message::{Date, Stamp},
    spool::{self, ContentDigest, Envelope, Id, content_digest},
};
use sha2::{Digest, Sha256};

use crate::{clock, entrances::Files};

/// Who sends what to whom, of a message of the spool.
pub(crate) fn digest(envelope: &Envelope, message: impl Read) -> io::Result<[u8; 32]> {
    Ok(with_envelope(envelope, content_digest(message)?))
}

/// The same of a message that is not in the spool yet.
///
/// # Errors
/// As [`Spool::submit_message`](freesmtp_core::spool::Spool::submit_message).
pub(crate) fn digest_of(message: &EmailMessage) -> Result<[u8; 32], Error> {
    // Under a key its boundaries are those of the message, and what else is new each time does not count.
    let stamp = Stamp { date: Date::utc(clock::now() / 1_000), random: [0; 24], host: String::new() };
    let (envelope, mut composed) = spool::compose(message, &stamp, &Files)?;
    let (mut content, mut piece) = (ContentDigest::default(), Vec::new());
    loop {
        let more = composed.read(&mut piece)?;
        content.update(&piece);
        piece.clear();
        if !more {
            return Ok(with_envelope(&envelope, content.finish()));
        }
    }
}

fn with_envelope(envelope: &Envelope, content: [u8; 32]) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(envelope.reverse_path.as_bytes());
    for recipient in &envelope.recipients {
        digest.update([0]);
        digest.update(recipient.email.as_bytes());
    }
    digest.update([0]);
    digest.update(content);
    digest.finalize().into()
}

/// Why a message is not delivered whose key another one has.
pub(crate) fn of_another(key: &str, first: Id) -> String {
    format!("the idempotency key {key:?} belongs to {first}, which is another message; it was not delivered")
}
