//! The head of a message that comes in: what it lacks is added, what has no place there is left out.

use freesmtp_core::message::Date;

use super::qualify::qualify;

/// A head that is longer is none, and the spool refuses it.
const LONGEST_HEAD: usize = 1 << 20;

/// Fields of mailboxes.
const ADDRESSES: [&str; 12] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Resent-From",
    "Resent-Sender",
    "Resent-Reply-To",
    "Resent-To",
    "Resent-Cc",
    "Resent-Bcc",
];

/// What is added to a head.
#[derive(Clone, Debug, Default)]
pub(crate) struct Additions {
    /// Whole fields for the top, such as `Received`, each with its CRLF.
    pub(crate) trace: String,
    /// The value of `From`, where there is none; empty adds none.
    pub(crate) from: String,
    /// The `Date`, where there is none: seconds since 1970.
    pub(crate) now: i64,
    /// The `Message-ID` with its angle brackets, where there is none.
    pub(crate) message_id: String,
    /// The domain of mailboxes without one; empty leaves them as they are.
    pub(crate) domain: String,
}

/// Reads a head in any pieces, and gives what follows it through.
#[derive(Debug)]
pub(super) struct Completer {
    additions: Additions,
    /// What was read of the head.
    head: Vec<u8>,
    /// Where the line begins that is not complete yet.
    line: usize,
    /// Lines in front that are not its own were left out.
    begun: bool,
    in_body: bool,
    /// Its fields `Received`.
    hops: u32,
}

impl Completer {
    pub(super) fn new(additions: Additions) -> Self {
        Self { additions, head: Vec::new(), line: 0, begun: false, in_body: false, hops: 0 }
    }

    /// The servers that the message has passed, by its `Received` fields.
    pub(super) fn hops(&self) -> u32 {
        self.hops
    }

    /// Takes the next bytes, and appends what is ready to `out`.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.in_body {
            out.extend_from_slice(bytes);
            return;
        }
        let mut searched = self.head.len();
        self.head.extend_from_slice(bytes);
        while let Some(at) = self.head[searched..].iter().position(|byte| *byte == b'\n') {
            searched += at + 1;
            if !self.take_line(searched, out) {
                return;
            }
            searched = self.line;
        }
        if self.head.len() > LONGEST_HEAD {
            self.in_body = true;
            out.append(&mut self.head);
        }
    }

    /// Ends the message.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.in_body && (self.line == self.head.len() || self.take_line(self.head.len(), out)) {
            self.end_head(self.head.len(), self.head.len(), out);
        }
    }

    /// Takes the line that ends there; whether the head goes on.
    fn take_line(&mut self, end: usize, out: &mut Vec<u8>) -> bool {
        let line = &self.head[self.line..end];
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.is_empty() {
            self.end_head(self.line, end, out);
            return false;
        }
        let folded = self.line > 0 && matches!(text.first(), Some(b' ' | b'\t'));
        // The first line of a message in an mbox file is not the message's.
        if !self.begun && self.line == 0 && (text.starts_with(b"From ") || text.starts_with(b">From ")) {
            self.head.drain(..end);
            self.begun = true;
            return true;
        }
        if !folded && field_name(text).is_none() {
            // The text begins without an empty line.
            self.end_head(self.line, self.line, out);
            return false;
        }
        self.line = end;
        true
    }

    /// Writes the head, which ends at `end`, and what is behind `body`.
    fn end_head(&mut self, end: usize, body: usize, out: &mut Vec<u8>) {
        self.in_body = true;
        out.extend_from_slice(self.additions.trace.as_bytes());
        let Additions { from, message_id, domain, .. } = &self.additions;
        let (mut has_date, mut has_from, mut has_id) = (false, false, false);
        for field in fields(&self.head[..end]) {
            let name = field_name(field).unwrap_or_default();
            let is = |other: &str| name.eq_ignore_ascii_case(other);
            // The server of the last hop writes it (RFC 5321 section 4.4).
            if is("Return-Path") {
                continue;
            }
            self.hops += u32::from(is("Received"));
            has_date |= is("Date");
            has_from |= is("From");
            has_id |= is("Message-ID");
            match std::str::from_utf8(field) {
                Ok(text) if !domain.is_empty() && ADDRESSES.iter().any(|known| is(known)) => {
                    let (name, value) = text.split_once(':').unwrap_or((text, ""));
                    out.extend_from_slice(name.as_bytes());
                    out.push(b':');
                    out.extend_from_slice(qualify(value, domain).as_bytes());
                }
                _ => out.extend_from_slice(field),
            }
            if !field.ends_with(b"\n") {
                out.extend_from_slice(b"\r\n");
            }
        }
        let mut add = |name: &str, value: &str| {
            out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        };
        if !has_date {
            add("Date", &Date::utc(self.additions.now).to_string());
        }
        if !has_from && !from.is_empty() {
            add("From", from);
        }
        if !has_id && !message_id.is_empty() {
            add("Message-ID", message_id);
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.head[body..]);
        self.head = Vec::new();
    }
}

/// The fields of a head, each with its folded lines.
fn fields(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = head;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = 0;
        loop {
            end += rest[end..].iter().position(|byte| *byte == b'\n').map_or(rest.len() - end, |at| at + 1);
            if !matches!(rest.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let (field, after) = rest.split_at(end);
        rest = after;
        Some(field)
    })
}

/// The name of the field that a line begins (RFC 5322 section 3.6.8, and white space before the colon as in 4.5).
fn field_name(line: &[u8]) -> Option<&str> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = std::str::from_utf8(&line[..colon]).ok()?.trim_end_matches([' ', '\t']);
    (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(text: &str, additions: &Additions) -> String {
        let whole = |piece: usize| {
            let (mut completer, mut out) = (Completer::new(additions.clone()), Vec::new());
            text.as_bytes().chunks(piece).for_each(|bytes| completer.push(bytes, &mut out));
            completer.finish(&mut out);
            String::from_utf8(out).unwrap()
        };
        let at_once = whole(text.len().max(1));
        for piece in 1..text.len().min(6) {
            assert_eq!(whole(piece), at_once, "{piece} octets at a time");
        }
        at_once
    }

    fn additions() -> Additions {
        Additions {
            trace: "Received: x\r\n".to_owned(),
            from: "me@h.test".to_owned(),
            now: 0,
            message_id: "<1@h.test>".to_owned(),
            domain: "h.test".to_owned(),
        }
    }

    const DATE: &str = "Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n";

    #[test]
    fn what_is_missing_is_added_once() {
        let all = format!("Received: x\r\n{DATE}From: me@h.test\r\nMessage-ID: <1@h.test>\r\n\r\n");
        for (text, right) in [
            ("", all.clone()),
            ("\r\nHello\r\n", format!("{all}Hello\r\n")),
            ("Hello\r\nthere: you\r\n", format!("{all}Hello\r\nthere: you\r\n")),
            ("no end", format!("{all}no end")),
        ] {
            assert_eq!(completed(text, &additions()), right, "{text:?}");
        }
        let own = "date: x\r\nFROM: a@b\r\nMessage-Id: y\r\n\r\nText";
        assert_eq!(completed(own, &additions()), format!("Received: x\r\n{own}"));
        // A body is not looked at.
        let later = completed("Subject: x\r\n\r\nDate: y\r\n", &Additions::default());
        assert_eq!(later, format!("Subject: x\r\n{DATE}\r\nDate: y\r\n"));
    }

    #[test]
    fn what_is_not_the_messages_goes() {
        let text = "From a@b Sat Jan  3 01:05:34 1996\r\nReturn-Path: <x@y>\r\n\tfolded\r\nSubject: s\r\n\r\nFrom me\r\n";
        assert_eq!(completed(text, &Additions::default()), format!("Subject: s\r\n{DATE}\r\nFrom me\r\n"));
    }

    #[test]
    fn a_head_ends_where_no_field_stands() {
        let text = completed("Subject: s\n folded\nHello, world\n\nmore\n", &Additions::default());
        assert_eq!(text, format!("Subject: s\n folded\n{DATE}\r\nHello, world\n\nmore\n"));
    }

    #[test]
    fn mailboxes_get_a_domain() {
        let text = completed("To: root\r\nCc: a,\r\n b@c.test\r\nX-To: root\r\n\r\n", &additions());
        assert!(text.contains("To: root@h.test\r\nCc: a@h.test,\r\n b@c.test\r\nX-To: root\r\n"), "{text}");
    }
}
