//! One line of a transcript without what the tool that wrote it put around it.

use crate::types::Reply;

/// Words that begin a command.
const VERBS: [&str; 16] = [
    "EHLO", "HELO", "LHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "QUIT",
    "VRFY", "EXPN", "HELP", "XCLIENT",
];

/// What stands in front of the text in the logs of clients. Longer ones first where one begins another.
const PREFIXES: [&str; 28] = [
    "SERVER -> CLIENT:",
    "CLIENT -> SERVER:",
    "SMTP<<",
    "SMTP>>",
    "<<<",
    ">>>",
    "<--",
    "-->",
    "<**",
    "<-",
    "->",
    "<~*",
    "<~",
    "~>",
    "=>",
    "<=",
    ">>",
    "<<",
    "**",
    "C:",
    "S:",
    "Client:",
    "Server:",
    "recv:",
    "sent:",
    "<",
    ">",
    "←",
];

/// Duplicates of what another line says.
const ECHOES: [&str; 5] = ["SMTP INBOUND:", "reply: retcode", "data: (", "SMTP ERROR:", "connect: b"];

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// A command of the client.
    Command(String),
    /// One line of a reply: its code, whether more lines follow, its text.
    Reply(u16, bool, String),
    /// Anything else.
    Note(String),
}

/// A line, and the connection that it belongs to when the log numbers them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) connection: u32,
    pub(super) says: Says,
}

impl Line {
    /// Reads one line of a file: mostly one line of the conversation, several where Python wrote `\r\n` for a break.
    pub(super) fn read(raw: &str) -> Vec<Self> {
        let raw = raw.trim_matches(['\u{feff}', ' ', '\t', '\r']);
        // The body of a message, as this library's log marks it.
        if raw.is_empty() || raw.starts_with("| ") {
            return Vec::new();
        }
        let (connection, rest) = without_head(raw);
        if ECHOES.iter().any(|echo| rest.starts_with(echo)) {
            return Vec::new();
        }
        let quoted = rest.strip_prefix("send:").or_else(|| rest.strip_prefix("reply:")).map(python_text);
        let texts = match &quoted {
            Some(text) => text.lines().map(str::to_owned).collect(),
            None => vec![without_prefix(rest).to_owned()],
        };
        texts
            .iter()
            .filter(|text| !text.is_empty())
            .map(|text| Self { connection, says: says(text) })
            .collect()
    }
}

/// Which of the three it is.
fn says(text: &str) -> Says {
    if let Some((code, more, rest)) = reply_line(text) {
        return Says::Reply(code, more, rest.to_owned());
    }
    let word = text.split([' ', '\t']).next().unwrap_or_default().to_ascii_uppercase();
    let alone = text.len() == word.len();
    let argument = match word.as_str() {
        "MAIL" | "RCPT" => text.contains(':'),
        "STARTTLS" | "DATA" | "RSET" | "QUIT" => alone,
        "NOOP" | "HELP" => text.split_whitespace().count() <= 2,
        _ => !alone,
    };
    if VERBS.contains(&word.as_str()) && argument {
        Says::Command(text.to_owned())
    } else {
        Says::Note(text.to_owned())
    }
}

/// `550-text`: the code, whether the reply goes on, the text.
pub(super) fn reply_line(text: &str) -> Option<(u16, bool, &str)> {
    let code: u16 = text.get(..3).filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
    let separator = text.as_bytes().get(3).copied();
    ((200..600).contains(&code) && matches!(separator, None | Some(b' ' | b'-' | b'\t')))
        .then(|| (code, separator == Some(b'-'), text.get(4..).unwrap_or_default()))
}

/// Takes off times, levels, process names and the number of the connection.
fn without_head(raw: &str) -> (u32, &str) {
    let mut connection = 0;
    let mut rest = raw;
    // A few layers at most: time, level, session.
    for _ in 0..6 {
        let before = rest;
        rest = without_time(rest).trim_start();
        if let Some((inside, after)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
            let after = after.trim_start_matches([':', ' ', '\t']);
            // `[2] ` is this library's number of a connection; other tools put times, levels and names there.
            if !after.is_empty() && reply_line(rest).is_none() {
                connection = inside.parse().unwrap_or(connection);
                rest = after;
            }
        }
        for level in ["DEBUG", "INFO", "TRACE", "WARN", "ERROR", "debug:", "info:", "trace:"] {
            if let Some(after) = rest.strip_prefix(level).filter(|r| r.starts_with([' ', ':', '\t'])) {
                rest = after.trim_start_matches([' ', ':', '\t']);
            }
        }
        if rest == before {
            break;
        }
    }
    (connection, rest)
}

/// Takes off `2026-11-23T15:00:00.123Z`, `2026-11-23 15:00:00`, `15:00:00.123`.
fn without_time(text: &str) -> &str {
    let mut rest = text;
    for word in text.split([' ', '\t', ',']).take(3) {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let marks = word.bytes().filter(|b| matches!(b, b'-' | b':' | b'/' | b'.')).count();
        let of_a_time = word.bytes().all(|b| b.is_ascii_digit() || b"-:/.TZ+,[]".contains(&b));
        if digits < 6 || marks < 2 || !of_a_time || reply_line(word).is_some() {
            break;
        }
        rest = rest.strip_prefix(word).unwrap_or(rest).trim_start_matches([' ', '\t', ',']);
    }
    rest
}

/// Takes off the arrow, unless the text speaks for itself.
fn without_prefix(text: &str) -> &str {
    let mut rest = text;
    for _ in 0..2 {
        let after = PREFIXES.iter().find_map(|prefix| {
            let after = rest.strip_prefix(prefix)?;
            // `<user@example.com>` is an address and no arrow.
            (prefix.len() > 1 || after.starts_with([' ', '\t'])).then(|| after.trim_start())
        });
        match after {
            Some(after) => rest = after,
            None => break,
        }
    }
    rest
}

/// The text in `'ehlo me\r\n'` or `b"250 ok\r\n"`.
pub(super) fn python_text(literal: &str) -> String {
    let literal = literal.trim().trim_start_matches('b');
    let inside = literal.trim_matches(['\'', '"']);
    let mut text = String::with_capacity(inside.len());
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => text.push('\n'),
            Some('r') | None => {}
            Some('t') => text.push('\t'),
            Some(other) => text.push(other),
        }
    }
    text
}

/// A whole reply in a text that may go on over several lines.
pub(super) fn whole_reply(text: &str) -> Option<Reply> {
    let text = text.trim();
    reply_line(text)?;
    Reply::parse(text)
}
