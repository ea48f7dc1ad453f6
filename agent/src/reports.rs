//! Reports that are owed: from the queue's facts, by `bounce`, into the spool.

use std::{
    io::{self, Read},
    sync::Arc,
};

use freesmtp_core::{
    Error, ErrorKind, Stage,
    spool::{Durability, Message, Spool},
};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::{
    bounce::{self, About, Facts, Kind},
    damage,
    delivery::Delivery,
    queue::{Details, Ended, Final, Queue},
};

/// Makes reports, one message after the other.
#[derive(Clone)]
pub(crate) struct Reports {
    owed: UnboundedSender<What>,
}

#[derive(Clone, Copy)]
enum What {
    Failed(i64),
    Late(i64),
}

struct Maker {
    queue: Queue,
    spool: Spool,
    delivery: Delivery,
    host: Arc<str>,
}

impl Reports {
    pub(crate) fn new(queue: Queue, spool: Spool, delivery: Delivery, host: &str) -> Self {
        let (owed, mut due) = unbounded_channel();
        let maker = Maker { queue, spool, delivery, host: host.into() };
        tokio::spawn(async move {
            while let Some(what) = due.recv().await {
                maker.make(what).await;
            }
        });
        Self { owed }
    }

    /// Messages of which recipients have failed.
    pub(crate) fn owed(&self, messages: &[i64]) {
        for message in messages {
            let _ = self.owed.send(What::Failed(*message));
        }
    }

    /// Messages that are late.
    pub(crate) fn late(&self, messages: &[i64]) {
        for message in messages {
            let _ = self.owed.send(What::Late(*message));
        }
    }
}

impl Maker {
    async fn make(&self, what: What) {
        let message = match what {
            What::Failed(message) | What::Late(message) => message,
        };
        let made = match what {
            What::Failed(_) => self.failed(message).await,
            What::Late(_) => self.late(message),
        };
        if let Err(error) = made {
            // What is owed stays owed: the next agent, or the next failure of the same message, tries again.
            eprintln!("freesmtp agent: a report on delivery could not be made: {error}");
        }
    }

    /// Reports on the recipients of a message that have failed, or whose delivery is to be told, and were not reported yet.
    async fn failed(&self, message: i64) -> Result<(), Error> {
        let Some(details) = self.queue.show_seq(message)? else { return Ok(()) };
        let owed: Vec<&Ended> = details.ended.iter().filter(|ended| ended.report).collect();
        let (passed_on, failed): (Vec<&Ended>, Vec<&Ended>) =
            owed.into_iter().partition(|ended| ended.outcome == Final::Delivered);
        for (kind, ended) in [(Kind::Failed, failed), (Kind::Relayed, passed_on)] {
            if ended.is_empty() {
                continue;
            }
            let indices: Vec<u32> = ended.iter().map(|ended| ended.index).collect();
            let recipients: Vec<About> = ended.into_iter().map(|ended| about(&details, ended)).collect();
            self.submit(&details, kind, &recipients, key(&details, kind, &indices))?;
            self.queue.reported(message, indices).await?;
        }
        Ok(())
    }

    /// Warns that a message is late.
    fn late(&self, message: i64) -> Result<(), Error> {
        let Some(details) = self.queue.show_seq(message)? else { return Ok(()) };
        let until = self.delivery.gives_up(&details.summary);
        let last = details.attempts.last();
        let waiting = details.waiting.iter().flat_map(|waiting| &waiting.recipients);
        let recipients: Vec<About> = waiting
            .map(|(index, _)| About {
                index: *index as usize,
                words: last.map(|attempt| attempt.words.clone()).unwrap_or_default(),
                at: last.map(|attempt| attempt.at),
                expired: false,
                until: Some(until),
            })
            .collect();
        let key = format!("late:{}", details.summary.id);
        self.submit(&details, Kind::Delayed, &recipients, key)
    }

    fn submit(&self, details: &Details, kind: Kind, recipients: &[About], key: String) -> Result<(), Error> {
        let summary = &details.summary;
        let letters = self.delivery.letters();
        // Of a message that was damaged the report gives nothing back, and says what the queue knows.
        let envelope = match letters.envelope(&summary.place) {
            Err(error) if damage::is_damage(&error) => damage::envelope(details),
            read => read.map_err(unreadable)?,
        };
        let mut message: Box<dyn Read> = match letters.open(&summary.place) {
            Err(error) if damage::is_damage(&damage::io_error(&error)) => Box::new(io::empty()),
            opened => Box::new(opened?),
        };
        let facts = Facts {
            kind,
            host: &self.host,
            id: summary.id,
            envelope: &envelope,
            recipients,
            size: summary.length,
            now: self.delivery.now(),
            random: random(),
        };
        let made = match bounce::report(&facts, &mut message) {
            Err(error) if damage::is_damage(&error) => bounce::report(&facts, &mut io::empty()),
            made => made,
        };
        let Some(bounce) = made.map_err(unreadable)? else { return Ok(()) };
        let mut envelope = bounce.envelope;
        envelope.options.idempotency_key.get_or_insert(key);
        self.spool.submit(&envelope, Message::Bytes(&bounce.message), Durability::Full)?;
        Ok(())
    }
}

/// What is known of a recipient's end. The remedy is with the attempt.
fn about(details: &Details, ended: &Ended) -> About {
    let mut words = ended.words.clone();
    let tried = details.attempts.iter().rev().find(|attempt| {
        (attempt.email.is_empty() || attempt.email == ended.email) && attempt.words.cause == words.cause
    });
    if let Some(attempt) = tried.filter(|_| words.remedy.is_empty()) {
        words.remedy.clone_from(&attempt.words.remedy);
    }
    let expired = ended.outcome == Final::Expired;
    About { index: ended.index as usize, words, at: Some(ended.at), expired, until: None }
}

/// After a kill between the two commits the same report is made again: its key lets it be delivered once. One about more
/// recipients has another key: rather told twice than never.
fn key(details: &Details, kind: Kind, indices: &[u32]) -> String {
    let mut digest = Sha256::new();
    indices.iter().for_each(|index| digest.update(index.to_be_bytes()));
    let digest: String = digest.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("report:{}:{kind:?}:{digest}", details.summary.id)
}

fn unreadable(error: std::io::Error) -> Error {
    Error::io(ErrorKind::Spool, Stage::Compose, "the message to report on cannot be read", &error)
}

/// For a boundary: nothing secret.
fn random() -> [u8; 24] {
    use std::hash::{BuildHasher, RandomState};
    let mut bytes = [0; 24];
    for (n, piece) in bytes.chunks_exact_mut(8).enumerate() {
        piece.copy_from_slice(&RandomState::new().hash_one(n).to_le_bytes());
    }
    bytes
}
