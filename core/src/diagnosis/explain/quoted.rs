//! Replies that are quoted: in the logs of mail servers, in bounces, in the texts of exceptions.

use super::{
    Explanation, MOST_FAILURES,
    line::{python_text, reply_line, whole_reply},
};
use crate::{
    diagnosis::{Context, client, diagnose},
    types::{Cause, Reply, Stage},
};

/// Most lines that a quoted reply goes on for.
const LONGEST: usize = 14;

/// Finds them all.
pub(super) fn find(lines: &[&str]) -> Vec<Explanation> {
    let mut found = Vec::new();
    let mut report = Report::default();
    for (index, line) in lines.iter().enumerate() {
        if found.len() >= MOST_FAILURES {
            break;
        }
        report.read(line);
        let paragraph = || paragraph(&lines[index..]);
        if let Some(quote) = server_log(line, paragraph).or_else(|| exception(line)) {
            found.extend(quote.explain(index + 1));
        } else if let Some(rest) = field(line, "Diagnostic-Code") {
            let text = folded(rest, &lines[index + 1..]);
            let text = text.split_once(';').map_or(text.as_str(), |(_, text)| text.trim());
            if let Some(reply) = refusal_in(text) {
                let quote = Quote {
                    reply,
                    stage: in_reply_to(text),
                    recipient: report.recipient.clone(),
                    host: report.host.clone().unwrap_or_default(),
                };
                found.extend(quote.explain(index + 1));
            }
        }
    }
    found
}

/// A text that is no conversation: a bare reply, a reply within a sentence, an error of the client.
pub(super) fn last_resort(transcript: &str, lines: &[&str]) -> Option<Explanation> {
    let whole = whole_reply(transcript).filter(is_refusal);
    let (index, reply) = match whole {
        Some(reply) => (0, Some(reply)),
        None => {
            let quoted = lines.iter().enumerate().find_map(|(i, line)| Some((i, refusal_in(line)?)));
            quoted.map_or((0, None), |(i, reply)| (i, Some(reply)))
        }
    };
    if let Some(reply) = reply {
        return Quote { reply, ..Quote::default() }.explain(index + 1);
    }
    let trouble = [
        "error",
        "fail",
        "refused",
        "timed out",
        "timeout",
        "unable",
        "could not",
        "no connection",
        "broke",
        "reset",
        "lost",
    ];
    let (index, line) = lines.iter().enumerate().rev().find(|(_, line)| {
        let lower = line.to_lowercase();
        trouble.iter().any(|word| lower.contains(word)) && !knows_nothing(client::from_text(line))
    })?;
    let diagnosis = diagnose(&Context { detail: line.trim(), ..Context::default() });
    Some(Explanation {
        line: index + 1,
        stage: None,
        host: String::new(),
        sender: None,
        recipient: None,
        reply: None,
        diagnosis,
    })
}

fn knows_nothing(cause: Cause) -> bool {
    matches!(cause, Cause::Unknown | Cause::FileFailed | Cause::Cancelled)
}

/// A reply with what stands around it.
#[derive(Debug)]
struct Quote {
    reply: Reply,
    stage: Option<Stage>,
    recipient: Option<String>,
    host: String,
}

impl Default for Quote {
    fn default() -> Self {
        Self { reply: Reply::new(0, Vec::new()), stage: None, recipient: None, host: String::new() }
    }
}

impl Quote {
    fn explain(self, line: usize) -> Option<Explanation> {
        if !is_refusal(&self.reply) {
            return None;
        }
        let Self { reply, stage, recipient, host } = self;
        let diagnosis = diagnose(&Context {
            stage,
            reply: Some(&reply),
            host: &host,
            recipient: recipient.as_deref(),
            ..Context::default()
        });
        Some(Explanation { line, stage, host, sender: None, recipient, reply: Some(reply), diagnosis })
    }
}

/// Postfix and Exim, in their logs and in their bounces.
fn server_log(line: &str, paragraph: impl Fn() -> String) -> Option<Quote> {
    let marks =
        [" said: ", " refused to talk to me: ", "SMTP error from remote ", " said:", "Remote host said: "];
    let mark = marks.iter().find(|mark| format!("{line} ").contains(**mark))?;
    let text = paragraph();
    let (before, after) = text.split_once(mark.trim_end())?;
    let recipient = between(before, "to=<", ">")
        .or_else(|| between(before, "<", ">"))
        .or_else(|| between(before, "** ", " "))
        .or_else(|| between(after, "RCPT TO:<", ">"));
    let host = match between(before, "host ", "[").or_else(|| between(after, "host ", " [")) {
        Some(host) => host,
        None => between(before, " H=", " ").or_else(|| between(after, " H=", " ")).unwrap_or_default(),
    };
    let stage = match *mark {
        " refused to talk to me: " => Some(Stage::Connect),
        "SMTP error from remote " => after_command(after),
        _ => in_reply_to(&text),
    };
    let end = after.find("(in reply to").unwrap_or(after.len());
    let reply = refusal_in(&after[..end])?;
    Some(Quote { reply, stage, recipient, host: host.trim().to_owned() })
}

/// Python's `SMTPRecipientsRefused: {'a@b': (550, b'…')}`, nodemailer's `response: '550 …'` and the like.
fn exception(line: &str) -> Option<Quote> {
    let stage = [
        ("SMTPAuthenticationError", Stage::Auth),
        ("SMTPRecipientsRefused", Stage::Rcpt),
        ("SMTPSenderRefused", Stage::Mail),
        ("SMTPDataError", Stage::Eom),
        ("SMTPHeloError", Stage::Ehlo),
        ("SMTPConnectError", Stage::Connect),
        ("Invalid login: ", Stage::Auth),
        ("Can't send mail - all recipients were rejected: ", Stage::Rcpt),
        ("Mail command failed: ", Stage::Mail),
        ("Message failed: ", Stage::Eom),
        ("Password command failed: ", Stage::Auth),
        ("RCPT TO command failed: ", Stage::Rcpt),
        ("MAIL FROM command failed: ", Stage::Mail),
        ("DATA END command failed: ", Stage::Eom),
        ("Invalid greeting", Stage::Connect),
    ]
    .into_iter()
    .find(|(name, _)| line.contains(name))
    .map(|(_, stage)| stage);
    let response = line
        .trim()
        .strip_prefix("response:")
        .and_then(|rest| refusal_in(rest.trim_matches([' ', '\'', '"', ','])));
    if stage.is_none() && response.is_none() {
        return None;
    }
    let recipient = between(line, "{'", "':").or_else(|| between(line, "{\"", "\":"));
    let reply = response.or_else(|| tuple(line)).or_else(|| refusal_in(line))?;
    Some(Quote { reply, stage, recipient, host: String::new() })
}

/// `(550, b'5.1.1 no such user')`.
fn tuple(line: &str) -> Option<Reply> {
    let (_, inside) = line.rsplit_once('(')?;
    let (code, text) = inside.split_once(',')?;
    let code: u16 = code.trim().parse().ok().filter(|code| (400..600).contains(code))?;
    let text = text.trim().trim_end_matches([')', '}', ']']);
    Some(Reply::new(code, python_text(text).lines().map(str::to_owned).collect()))
}

/// The first reply of 4yz or 5yz in a text, up to its end.
fn refusal_in(text: &str) -> Option<Reply> {
    let mut start = 0;
    loop {
        let rest = &text[start..];
        let at = rest.find(['4', '5'])?;
        let candidate = &rest[at..];
        let begins = rest[..at]
            .chars()
            .next_back()
            .is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '.' | '-' | '#' | '_'));
        if begins && let Some((code, _, words)) = reply_line(candidate) {
            // A number in a sentence is no reply: `450 messages`, `size 512 bytes`.
            let quoted = rest[..at].trim_end().is_empty()
                || rest[..at].trim_end().ends_with([':', ';', '\'', '"', '>', '(', ',']);
            let coded = words
                .split([' ', '\t'])
                .next()
                .is_some_and(|w| w.parse::<crate::types::EnhancedCode>().is_ok());
            if (400..600).contains(&code) && (quoted || coded) {
                return Some(Reply::new(code, lines_of(code, candidate)));
            }
        }
        start += at + 1;
    }
}

/// The lines of a reply that was written into one: `550-5.1.1 first 550 5.1.1 second`.
fn lines_of(code: u16, text: &str) -> Vec<String> {
    let mut text = text.trim_end_matches([' ', ')', '\'', '"', ',']).to_owned();
    for separator in [' ', '-'] {
        let head = format!("{code}{separator}");
        text = text.replace(&format!(" {head}"), &format!("\n{head}"));
    }
    Reply::parse(&text).map(|reply| reply.lines().to_vec()).unwrap_or_default()
}

fn is_refusal(reply: &Reply) -> bool {
    reply.is_transient() || reply.is_permanent()
}

/// Postfix: `(in reply to RCPT TO command)`, `(in reply to end of DATA command)`.
fn in_reply_to(text: &str) -> Option<Stage> {
    let (_, command) = text.split_once("(in reply to ")?;
    match command {
        _ if command.starts_with("end of DATA") => Some(Stage::Eom),
        _ => after_command(command),
    }
}

/// Exim: `mail server after RCPT TO:<a@b>: 550 …`, `after end of data: …`, `after initial connection: …`.
fn after_command(text: &str) -> Option<Stage> {
    let words = text.split_once(" after ").map_or(text, |(_, words)| words);
    let words = words.trim_start_matches("pipelined ").to_ascii_lowercase();
    [
        ("initial connection", Stage::Connect),
        ("ehlo", Stage::Ehlo),
        ("helo", Stage::Ehlo),
        ("starttls", Stage::StartTls),
        ("auth", Stage::Auth),
        ("mail from", Stage::Mail),
        ("sending mail", Stage::Mail),
        ("rcpt to", Stage::Rcpt),
        ("data", Stage::Data),
        ("end of data", Stage::Eom),
        ("sending data block", Stage::Eom),
        ("bdat", Stage::Eom),
    ]
    .into_iter()
    .find(|(name, _)| words.starts_with(name))
    .map(|(_, stage)| stage)
}

/// What a report (RFC 3464) said of the recipient before its diagnostic.
#[derive(Debug, Default)]
struct Report {
    recipient: Option<String>,
    host: Option<String>,
}

impl Report {
    fn read(&mut self, line: &str) {
        let value = |value: &str| Some(value.split_once(';').map_or(value, |(_, v)| v).trim().to_owned());
        if let Some(recipient) = field(line, "Final-Recipient") {
            *self = Self { recipient: value(recipient), host: None };
        } else if let Some(host) = field(line, "Remote-MTA") {
            self.host = value(host);
        }
    }
}

/// The value of a header field with that name.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (found, value) = line.trim_start_matches([' ', '>']).split_once(':')?;
    found.eq_ignore_ascii_case(name).then(|| value.trim())
}

/// A value with the folded lines that follow.
fn folded(first: &str, rest: &[&str]) -> String {
    let more =
        rest.iter().take(LONGEST).take_while(|line| line.starts_with([' ', '\t']) && !line.trim().is_empty());
    more.fold(first.to_owned(), |text, line| text + " " + line.trim())
}

/// The lines up to an empty one or to the end of the quotation, as one.
fn paragraph(lines: &[&str]) -> String {
    let mut text = String::new();
    for (index, line) in lines.iter().take(LONGEST).enumerate() {
        // A log writes one line for each entry; a bounce indents what goes on.
        if index > 0 && (line.trim().is_empty() || !line.starts_with([' ', '\t'])) {
            break;
        }
        if index > 0 {
            text.push(' ');
        }
        text.push_str(line.trim());
        if text.contains(" command)") {
            break;
        }
    }
    text
}

fn between(text: &str, start: &str, end: &str) -> Option<String> {
    let (_, rest) = text.split_once(start)?;
    let (inside, _) = rest.split_once(end)?;
    (!inside.is_empty() && inside.len() < 320).then(|| inside.to_owned())
}
