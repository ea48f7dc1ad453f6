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

use crate::types::{Diagnosis, Reply, Stage};
use line::Line;
use session::Session;

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
/// exception's text, or a bare reply. What holds no failure gives an empty list.
///
/// ```
/// use freesmtp_core::{diagnosis::explain, types::Cause};
///
/// let found = explain("C: EHLO me\nS: 250-mx\nS: 250 AUTH LOGIN\nC: MAIL FROM:<a@x.org>\nS: 530 5.7.0 Authenticate first\n");
/// assert_eq!(found[0].diagnosis.cause, Cause::AuthRequired);
/// ```
#[must_use]
pub fn explain(transcript: &str) -> Vec<Explanation> {
    let mut sessions: Vec<(u32, Session)> = Vec::new();
    for (index, raw) in transcript.lines().enumerate() {
        for line in Line::read(raw) {
            let at = match sessions.iter().position(|(key, _)| *key == line.connection) {
                Some(at) => at,
                None => {
                    sessions.push((line.connection, Session::default()));
                    sessions.len() - 1
                }
            };
            sessions[at].1.take(index + 1, &line);
        }
    }
    let conversation = sessions.iter().any(|(_, session)| session.is_conversation());
    let mut found: Vec<Explanation> = Vec::new();
    for (_, session) in sessions {
        found.extend(session.finish());
    }
    for explanation in quoted::find(transcript) {
        add(&mut found, explanation);
    }
    if found.is_empty() && !conversation {
        found.extend(quoted::last_resort(transcript));
    }
    found.sort_by_key(|explanation| explanation.line);
    found
}

/// Adds what is not there yet: a bounce says the same in prose and in its report.
fn add(found: &mut Vec<Explanation>, new: Explanation) {
    let words = |e: &Explanation| {
        let text = e.reply.as_ref().map(Reply::text).unwrap_or_default();
        text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase()
    };
    let text = words(&new);
    let same = |old: &&mut Explanation| {
        let (known, code) = (words(old), old.reply.as_ref().map(Reply::code));
        code == new.reply.as_ref().map(Reply::code)
            && (known.contains(&text) || text.contains(&known))
            && (old.recipient == new.recipient || old.recipient.is_none() || new.recipient.is_none())
    };
    match found.iter_mut().find(same) {
        // The one that knows its phase explains better.
        Some(old) if old.stage.is_none() && new.stage.is_some() => *old = new,
        Some(_) => {}
        None => found.push(new),
    }
}
