//! Reads a conversation that somebody wrote down, finds what failed in it, and explains each failure with what the
//! conversation shows around it.
//!
//! Theory: a line is known by what it says, not by the arrow in front of it: `250-SIZE 1000` is the server's, `RCPT
//! TO:<…>` the client's, whatever tool wrote it. So prefixes and times are taken off ([`line`]), the rest drives a
//! small model of the session ([`session`]), and replies quoted in prose (bounces, server logs, exceptions) are read
//! by their own rules ([`quoted`]).

mod line;
mod quoted;
mod session;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crate::types::{Diagnosis, Reply, Stage};
use line::Line;
use session::Session;

/// Failures that are explained of one transcript: who has more of them reads no further, and a hostile transcript is read
/// in bounded time.
const MOST_FAILURES: usize = 1_000;

/// What is looked at of a line, in octets: twice what this library takes for a line of a reply.
const LONGEST_LINE: usize = 4_096;

/// One failure found in a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The line of the transcript where it stands, from 1.
    pub line: usize,
    /// The phase, where the transcript shows it.
    pub stage: Option<Stage>,
    /// The server's name, or empty.
    pub host: String,
    /// The sender of the transaction.
    pub sender: Option<String>,
    /// The recipient in question.
    pub recipient: Option<String>,
    /// The reply that refused; `None` for a failure that the client noticed.
    pub reply: Option<Reply>,
    /// Why, who must act, what to do.
    pub diagnosis: Diagnosis,
}

/// Explains every failure in a transcript: a log of this library, of another client (curl, swaks, Python's smtplib,
/// nodemailer, `PHPMailer`, `MailKit`, sendmail -v …) or of a mail server (Postfix, Exim), a bounce (RFC 3464), an
/// exception's text, or a bare reply. What holds no failure gives an empty list. Of a line the first 4,096 octets are read,
/// and of the failures the first thousand of the conversation and the first thousand that are quoted.
///
/// ```
/// use freesmtp_core::{diagnosis::explain, types::Cause};
///
/// let found = explain("C: EHLO me\nS: 250-mx\nS: 250 AUTH LOGIN\nC: MAIL FROM:<a@x.org>\nS: 530 5.7.0 Authenticate first\n");
/// assert_eq!(found[0].diagnosis.cause, Cause::AuthRequired);
/// ```
#[must_use]
pub fn explain(transcript: &str) -> Vec<Explanation> {
    let lines: Vec<&str> = transcript.lines().map(beginning).collect();
    let mut sessions: Vec<Session> = Vec::new();
    let mut places: HashMap<u32, usize> = HashMap::new();
    let mut left = MOST_FAILURES;
    for (index, raw) in lines.iter().enumerate() {
        for line in Line::read(raw) {
            let at = *places.entry(line.connection).or_insert_with(|| {
                sessions.push(Session::default());
                sessions.len() - 1
            });
            sessions[at].take(index + 1, &line, &mut left);
        }
    }
    let conversation = sessions.iter().any(Session::is_conversation);
    let mut found: Vec<Explanation> = Vec::new();
    for session in sessions {
        found.extend(session.finish(&mut left));
    }
    let mut words: Vec<String> = found.iter().map(words_of).collect();
    for explanation in quoted::find(&lines).into_iter().take(MOST_FAILURES) {
        add(&mut found, &mut words, explanation);
    }
    if found.is_empty() && !conversation {
        found.extend(quoted::last_resort(transcript, &lines));
    }
    found.sort_by_key(|explanation| explanation.line);
    found
}

/// As much of a line as is looked at.
fn beginning(line: &str) -> &str {
    let mut end = line.len().min(LONGEST_LINE);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    &line[..end]
}

/// The letters of a reply, by which the same one is known in another form.
fn words_of(explanation: &Explanation) -> String {
    let text = explanation.reply.as_ref().map(Reply::text).unwrap_or_default();
    text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase()
}

/// Adds what is not there yet: a bounce says the same in prose and in its report. `words` are those of each in `found`.
fn add(found: &mut Vec<Explanation>, words: &mut Vec<String>, new: Explanation) {
    let text = words_of(&new);
    let code = new.reply.as_ref().map(Reply::code);
    let same = |(old, known): (&Explanation, &String)| {
        code == old.reply.as_ref().map(Reply::code)
            && (old.recipient == new.recipient || old.recipient.is_none() || new.recipient.is_none())
            && (known.contains(&text) || text.contains(known.as_str()))
    };
    match found.iter().zip(&*words).position(same) {
        // The one that knows its phase explains better.
        Some(at) if found[at].stage.is_none() && new.stage.is_some() => {
            found[at] = new;
            words[at] = text;
        }
        Some(_) => {}
        None => {
            found.push(new);
            words.push(text);
        }
    }
}
