//! What a pickup file says of its envelope.

use std::iter;

use crate::message::{EmailMessage, Notify, Recipient, RecipientType, ReturnContent};

const SENDER: &str = "X-Sender";
const RECEIVER: &str = "X-Receiver";

/// Lines before the message that say nothing about its envelope; Exchange writes them.
const IGNORED: [&str; 6] = [
    "X-CreatedBy",
    "X-HeloDomain",
    "X-ExtendedMessageProps",
    "X-Source",
    "X-SourceIPAddress",
    "X-EndOfInjectedXHeaders",
];

/// Reads the envelope of a pickup file, which is a message of RFC 5322, lines ending in CRLF or LF; answers a message
/// without text, and where the text begins. `X-Sender:` and `X-Receiver:` lines that the file begins with are its envelope,
/// as IIS and .NET write them, each with one address; parameters of MAIL and RCPT (`RET`, `ENVID`, `NOTIFY`, `ORCPT`;
/// RFC 3461) may follow it. Without them the envelope is that of the headers.
///
/// # Errors
/// Why it cannot be understood, in one sentence.
pub fn parse(file: &[u8]) -> Result<(EmailMessage, usize), String> {
    let mut message = EmailMessage::new();
    let mut text_at = mark(file);
    for Line { name, value, end } in lines(file) {
        if name.eq_ignore_ascii_case(SENDER) {
            if message.return_path.is_some() {
                return Err("it has more than one X-Sender line".to_owned());
            }
            sender(&mut message, &value)?;
        } else if name.eq_ignore_ascii_case(RECEIVER) {
            message.recipients.push(receiver(&value)?);
        }
        text_at = end;
    }
    if file[text_at..].trim_ascii().is_empty() {
        return Err("there is no message in it".to_owned());
    }
    Ok((message, text_at))
}

/// Whether the beginning of a file has all of its envelope: a line that is not of it stands behind it.
pub(super) fn has_envelope(beginning: &[u8]) -> bool {
    let text_at = lines(beginning).last().map_or(mark(beginning), |line| line.end);
    beginning[text_at..].trim_ascii_start().contains(&b'\n')
}

/// The length of the byte order mark that some editors write.
fn mark(file: &[u8]) -> usize {
    if file.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 }
}

/// A line in front of the message.
struct Line<'a> {
    name: &'a str,
    value: String,
    /// Where the next one begins.
    end: usize,
}

/// The lines in front of the message: those of the envelope, and what Exchange writes between and behind them.
fn lines(file: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let begin = mark(file);
    let mut at = begin;
    iter::from_fn(move || {
        let (name, value, length) = field(&file[at..])?;
        let named = |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known));
        let is_one = named(&[SENDER, RECEIVER]) || at > begin && named(&IGNORED);
        at += length;
        is_one.then_some(Line { name, value, end: at })
    })
}

/// The field that the text begins with: name, value unfolded, and its octets.
fn field(text: &[u8]) -> Option<(&str, String, usize)> {
    let colon = memchr::memchr2(b':', b'\n', text).filter(|at| text[*at] == b':')?;
    let name = std::str::from_utf8(&text[..colon]).ok()?.trim_end();
    let mut end = colon;
    loop {
        end = memchr::memchr(b'\n', &text[end..]).map_or(text.len(), |at| end + at + 1);
        if !matches!(text.get(end), Some(b' ' | b'\t')) {
            break;
        }
    }
    let value = String::from_utf8_lossy(&text[colon + 1..end]).replace(['\r', '\n'], "");
    Some((name, value.trim().to_owned(), end))
}

fn sender(message: &mut EmailMessage, value: &str) -> Result<(), String> {
    let (address, parameters) = split(SENDER, value)?;
    message.return_path = Some(address.to_owned());
    for (name, value) in parameters {
        match name.to_ascii_uppercase().as_str() {
            "RET" => {
                message.delivery.return_content = match value.to_ascii_uppercase().as_str() {
                    "FULL" => ReturnContent::Full,
                    "HDRS" => ReturnContent::Headers,
                    _ => return Err(unknown(SENDER, name, value)),
                }
            }
            "ENVID" => {
                let text = from_xtext(value).ok_or_else(|| unknown(SENDER, name, value))?;
                message.delivery.envelope_id = Some(text);
            }
            // They are found out anew when the message is sent.
            "BODY" | "SIZE" | "SMTPUTF8" => {}
            _ => return Err(unknown(SENDER, name, value)),
        }
    }
    Ok(())
}

fn receiver(value: &str) -> Result<Recipient, String> {
    let (address, parameters) = split(RECEIVER, value)?;
    if address.is_empty() {
        return Err("an X-Receiver line has no address".to_owned());
    }
    let mut recipient = Recipient::new(address.into(), RecipientType::To);
    for (name, value) in parameters {
        let wrong = || unknown(RECEIVER, name, value);
        match name.to_ascii_uppercase().as_str() {
            "NOTIFY" => recipient.options.notify = value.parse::<Notify>().map_err(|()| wrong())?,
            "ORCPT" => recipient.options.original_recipient = Some(from_xtext(value).ok_or_else(wrong)?),
            _ => return Err(wrong()),
        }
    }
    Ok(recipient)
}

/// The address, without angle brackets, and what follows it as names and values.
fn split<'a>(
    line: &str,
    value: &'a str,
) -> Result<(&'a str, impl Iterator<Item = (&'a str, &'a str)> + use<'a>), String> {
    let (address, rest) = match value.strip_prefix('<') {
        Some(inner) => {
            // A quoted local part may hold the bracket.
            let mut quoted = false;
            let mut escaped = false;
            let end = inner.bytes().position(|byte| {
                let is_end = byte == b'>' && !quoted;
                quoted ^= byte == b'"' && !escaped;
                escaped = byte == b'\\' && !escaped;
                is_end
            });
            let end = end.ok_or_else(|| format!("{line}: {value:?} has no closing angle bracket"))?;
            (&inner[..end], &inner[end + 1..])
        }
        None => value.split_once([' ', '\t']).filter(|_| !value.starts_with('"')).unwrap_or((value, "")),
    };
    let parameters = rest.split_ascii_whitespace();
    Ok((address, parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))))
}

fn unknown(line: &str, name: &str, value: &str) -> String {
    format!("{line}: the parameter {name:?} with the value {value:?} is not understood")
}

/// The text of an `xtext` (RFC 3461 section 4).
fn from_xtext(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => {
                let pair = [bytes.next()?, bytes.next()?];
                let hex = pair.iter().all(u8::is_ascii_hexdigit).then_some(&pair)?;
                u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(file: &[u8]) -> EmailMessage {
        parse(file).unwrap().0
    }

    #[test]
    fn as_dot_net_writes_it() {
        let file = b"X-Sender: s@example.com\r\nX-Receiver: a@example.org\r\nX-Receiver: b@example.org\r\n\
            MIME-Version: 1.0\r\nFrom: Other <o@example.com>\r\nTo: a@example.org\r\n\r\nX-Receiver: c@example.org\r\n";
        let (message, text_at) = parse(file).unwrap();
        assert_eq!(message.return_path.as_deref(), Some("s@example.com"));
        let emails: Vec<_> = message.recipients.iter().map(|r| r.address.email.as_str()).collect();
        assert_eq!(emails, ["a@example.org", "b@example.org"]);
        assert!(file[text_at..].starts_with(b"MIME-Version"));
    }

    #[test]
    fn as_iis_and_exchange_write_it() {
        let file = b"x-sender: <s@example.com> BODY=8bitmime RET=HDRS ENVID=a+2Bb\n\
            x-receiver: <a@example.org> NOTIFY=SUCCESS,DELAY\n ORCPT=rfc822;o+2Bx@example.org\nX-CreatedBy: MSExchange15\n\
            X-EndOfInjectedXHeaders: 1\nSubject: x\n\ny\n";
        let (message, text_at) = parse(file).unwrap();
        assert_eq!(message.return_path.as_deref(), Some("s@example.com"));
        assert_eq!(message.delivery.return_content, ReturnContent::Headers);
        assert_eq!(message.delivery.envelope_id.as_deref(), Some("a+b"));
        let options = &message.recipients[0].options;
        assert_eq!(options.notify, Notify::SUCCESS | Notify::DELAY);
        assert_eq!(options.original_recipient.as_deref(), Some("rfc822;o+x@example.org"));
        assert_eq!(&file[text_at..], b"Subject: x\n\ny\n");
    }

    #[test]
    fn envelopes_of_all_kinds() {
        let plain = envelope(b"\xEF\xBB\xBFSubject: x\r\n\r\n");
        assert_eq!((plain.return_path, plain.recipients.len()), (None, 0));
        let null = envelope(b"X-Sender: <>\r\nX-Receiver: \"a b\"@example.org\r\nSubject: x\r\n\r\n");
        assert_eq!(null.return_path.as_deref(), Some(""));
        assert_eq!(null.recipients[0].address.email, "\"a b\"@example.org");
        for quoted in [r#""a>b"@example.org"#, r#""a\">b"@example.org"#, r#""a\\"@example.org"#] {
            let file = format!("X-Receiver: <{quoted}> NOTIFY=never\r\nSubject: x\r\n\r\n");
            let recipient = &envelope(file.as_bytes()).recipients[0];
            assert_eq!((recipient.address.email.as_str(), recipient.options.notify), (quoted, Notify::NEVER));
        }
        let full = envelope(b"X-Sender: <a@b> SIZE=5 RET=full SMTPUTF8\r\nSubject: x\r\n\r\n");
        assert_eq!(full.delivery.return_content, ReturnContent::Full);
        // A header of that name further down belongs to the message.
        let later = envelope(b"Subject: x\r\nX-Receiver: a@example.org\r\n\r\n");
        assert_eq!(later.recipients.len(), 0);
    }

    #[test]
    fn what_cannot_be_understood_has_a_reason() {
        for (file, words) in [
            (&b""[..], "no message"),
            (b"X-Sender: a@b\r\nX-Receiver: c@d\r\n", "no message"),
            (b"X-Sender: a@b\r\nX-Sender: a@b\r\n\r\nx", "more than one"),
            (b"X-Receiver: <a@b\r\nSubject: x\r\n\r\n", "bracket"),
            (b"X-Receiver:\r\nSubject: x\r\n\r\n", "no address"),
            (b"X-Receiver: a@b OTHER=1\r\nSubject: x\r\n\r\n", "OTHER"),
            (b"X-Receiver: a@b ORCPT=+4\r\nSubject: x\r\n\r\n", "ORCPT"),
            (b"X-Sender: a@b RET=ALL\r\nSubject: x\r\n\r\n", "RET"),
        ] {
            let reason = parse(file).unwrap_err();
            assert!(reason.contains(words), "{reason}");
        }
    }

    /// So much of a file is read as its envelope takes: no field is taken for a whole one that goes on behind the piece.
    #[test]
    fn a_beginning_says_the_same_as_the_file() {
        let fields: &[u8] = b"\xEF\xBB\xBFX-Sender: <s@example.com> RET=HDRS\r\nX-Receiver: <a@example.org>\r\n NOTIFY=NEVER\r\n\
            X-CreatedBy: x\r\nX-Receiver: b@example.org\r\n";
        for text in [&b"\r\n \r\nSubject: x\r\n\r\nX-Receiver: c@example.org\r\n"[..], b"X-Other: y\n\nz\n"] {
            let file = [fields, text].concat();
            let whole = parse(&file).unwrap();
            assert_eq!(whole.1, fields.len());
            let enough: Vec<_> = (0..file.len()).filter(|length| has_envelope(&file[..*length])).collect();
            assert!(!enough.is_empty());
            for length in enough {
                assert_eq!(parse(&file[..length]).unwrap(), whole, "of the first {length}");
            }
        }
    }
}
