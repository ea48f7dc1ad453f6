//! What a job carries beside its record: the attempts that failed.

use async_nats::HeaderMap;
use serde::{Deserialize, Serialize};

use super::super::{Attempt, Millis, Words};

/// The header that holds it.
const HEADER: &str = "Freesmtp-Carried";

/// Attempts that are kept.
const MOST: usize = 20;

/// Octets that their conversations may take.
const LONGEST: usize = 48 << 10;

/// See the head of this file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Carried {
    /// How many attempts have failed.
    pub(super) attempts: u32,
    /// The sender was told that the message is late.
    pub(super) warned: bool,
    /// The last of them, oldest first.
    pub(super) history: Vec<Past>,
}

/// An attempt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Past {
    at: Millis,
    email: String,
    outcome: String,
    server: String,
    stage: String,
    code: u16,
    status: String,
    text: String,
    cause: String,
    remedy: String,
    transcript: String,
}

impl Carried {
    /// What a message says.
    pub(super) fn read(headers: Option<&HeaderMap>) -> Self {
        let text = headers.and_then(|headers| headers.get(HEADER));
        text.and_then(|text| serde_json::from_str(text.as_str()).ok()).unwrap_or_default()
    }

    /// Adds it to the headers of a message.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        if *self == Self::default() {
            return;
        }
        // A text of JSON has no line ends, which a header must not have.
        if let Ok(text) = serde_json::to_string(self) {
            headers.insert(HEADER, text.as_str());
        }
    }

    /// One attempt more.
    pub(super) fn add(&mut self, attempt: Attempt) {
        let Words { server, stage, code, status, text, cause, remedy } = attempt.words;
        let Attempt { at, email, outcome, transcript, .. } = attempt;
        self.history.push(Past {
            at,
            email,
            outcome,
            server,
            stage,
            code,
            status,
            text,
            cause,
            remedy,
            transcript,
        });
        let surplus = self.history.len().saturating_sub(MOST);
        self.history.drain(..surplus);
        let mut room = LONGEST;
        for past in self.history.iter_mut().rev() {
            if past.transcript.len() > room {
                past.transcript.clear();
            }
            room -= past.transcript.len();
        }
    }

    /// What the last attempt came to, and what to do about it; `None` when there was none.
    pub(super) fn last(&self) -> Option<(&str, &str)> {
        self.history.last().map(|past| (past.cause.as_str(), past.remedy.as_str()))
    }

    /// The attempts, as a queue keeps them.
    pub(super) fn attempts(&self) -> Vec<Attempt> {
        let attempt = |past: &Past| {
            let Past { at, email, outcome, server, stage, code, status, text, cause, remedy, transcript } =
                past.clone();
            Attempt {
                job: 0,
                at,
                email,
                outcome,
                words: Words { server, stage, code, status, text, cause, remedy },
                transcript,
            }
        };
        self.history.iter().map(attempt).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_carried_and_stays_short() {
        let mut carried = Carried { attempts: 3, ..Carried::default() };
        for n in 0..30_i64 {
            let words = Words { text: format!("no\r\nroom {n}"), code: 452, ..Words::default() };
            carried.add(Attempt {
                job: 0,
                at: n,
                email: String::new(),
                outcome: "deferred".to_owned(),
                words,
                transcript: "x".repeat(8_000),
            });
        }
        let mut headers = HeaderMap::new();
        carried.write(&mut headers);
        let read = Carried::read(Some(&headers));
        assert_eq!(read, carried);
        let attempts = read.attempts();
        assert_eq!((attempts.len(), attempts[0].at), (20, 10));
        assert_eq!(attempts.iter().filter(|attempt| !attempt.transcript.is_empty()).count(), 6);
        assert_eq!(attempts[19].words.text, "no\r\nroom 29");
        assert_eq!(Carried::read(None), Carried::default());
    }
}
