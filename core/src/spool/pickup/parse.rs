//! What a pickup file says.

use crate::message::{EmailMessage, Notify, Recipient, RecipientType, ReturnContent};

/// Lines before the message that say nothing about its envelope; Exchange writes them.
const IGNORED: [&str; 6] = [
    "X-CreatedBy",
    "X-HeloDomain",
    "X-ExtendedMessageProps",
    "X-Source",
    "X-SourceIPAddress",
    "X-EndOfInjectedXHeaders",
];

/// Reads the content of a pickup file: a message of RFC 5322, lines ending in CRLF or LF. `X-Sender:` and `X-Receiver:`
/// lines that it begins with are its envelope, as IIS and .NET write them, each with one address; parameters of MAIL and
/// RCPT (`RET`, `ENVID`, `NOTIFY`, `ORCPT`; RFC 3461) may follow it. Without them the envelope is that of the headers.
///
/// # Errors
/// Why it cannot be understood, in one sentence.
pub fn parse(file: &[u8]) -> Result<EmailMessage, String> {
    let mut rest = file.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(file);
    let mut message = EmailMessage::new();
    let mut named = false;
    while let Some((name, value, after)) = field(rest) {
        if name.eq_ignore_ascii_case("X-Sender") {
            if message.return_path.is_some() {
                return Err("it has more than one X-Sender line".to_owned());
            }
            sender(&mut message, &value)?;
        } else if name.eq_ignore_ascii_case("X-Receiver") {
            message.recipients.push(receiver(&value)?);
        } else if !(named && IGNORED.iter().any(|ignored| name.eq_ignore_ascii_case(ignored))) {
            break;
        }
        named = true;
        rest = after;
    }
    if rest.trim_ascii().is_empty() {
        return Err("there is no message in it".to_owned());
    }
    message.raw = EmailMessage::raw(rest.to_vec()).raw;
    Ok(message)
}

/// The field that the text begins with: name, value unfolded, and what is behind it.
fn field(text: &[u8]) -> Option<(&str, String, &[u8])> {
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
    Some((name, value.trim().to_owned(), &text[end..]))
}

fn sender(message: &mut EmailMessage, value: &str) -> Result<(), String> {
    let (address, parameters) = split("X-Sender", value)?;
    message.return_path = Some(address.to_owned());
    for (name, value) in parameters {
        match name.to_ascii_uppercase().as_str() {
            "RET" => {
                message.delivery.return_content = match value.to_ascii_uppercase().as_str() {
                    "FULL" => ReturnContent::Full,
                    "HDRS" => ReturnContent::Headers,
                    _ => return Err(unknown("X-Sender", name, value)),
                }
            }
            "ENVID" => {
                let text = from_xtext(value).ok_or_else(|| unknown("X-Sender", name, value))?;
                message.delivery.envelope_id = Some(text);
            }
            // They are found out anew when the message is sent.
            "BODY" | "SIZE" | "SMTPUTF8" => {}
            _ => return Err(unknown("X-Sender", name, value)),
        }
    }
    Ok(())
}

fn receiver(value: &str) -> Result<Recipient, String> {
    let (address, parameters) = split("X-Receiver", value)?;
    if address.is_empty() {
        return Err("an X-Receiver line has no address".to_owned());
    }
    let mut recipient = Recipient::new(address.into(), RecipientType::To);
    for (name, value) in parameters {
        let wrong = || unknown("X-Receiver", name, value);
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
    use crate::message::Content;

    fn raw(message: &EmailMessage) -> &[u8] {
        let Some(Content::Bytes(bytes)) = &message.raw else { panic!("it is raw") };
        bytes
    }

    #[test]
    fn as_dot_net_writes_it() {
        let file = b"X-Sender: s@example.com\r\nX-Receiver: a@example.org\r\nX-Receiver: b@example.org\r\n\
            MIME-Version: 1.0\r\nFrom: Other <o@example.com>\r\nTo: a@example.org\r\n\r\nX-Receiver: c@example.org\r\n";
        let message = parse(file).unwrap();
        assert_eq!(message.return_path.as_deref(), Some("s@example.com"));
        let emails: Vec<_> = message.recipients.iter().map(|r| r.address.email.as_str()).collect();
        assert_eq!(emails, ["a@example.org", "b@example.org"]);
        assert!(
            raw(&message).starts_with(b"MIME-Version")
                && raw(&message).ends_with(b"X-Receiver: c@example.org\r\n")
        );
    }

    #[test]
    fn as_iis_and_exchange_write_it() {
        let file = b"x-sender: <s@example.com> BODY=8bitmime RET=HDRS ENVID=a+2Bb\n\
            x-receiver: <a@example.org> NOTIFY=SUCCESS,DELAY\n ORCPT=rfc822;o+2Bx@example.org\nX-CreatedBy: MSExchange15\n\
            X-EndOfInjectedXHeaders: 1\nSubject: x\n\ny\n";
        let message = parse(file).unwrap();
        assert_eq!(message.return_path.as_deref(), Some("s@example.com"));
        assert_eq!(message.delivery.return_content, ReturnContent::Headers);
        assert_eq!(message.delivery.envelope_id.as_deref(), Some("a+b"));
        let options = &message.recipients[0].options;
        assert_eq!(options.notify, Notify::SUCCESS | Notify::DELAY);
        assert_eq!(options.original_recipient.as_deref(), Some("rfc822;o+x@example.org"));
        assert_eq!(raw(&message), b"Subject: x\n\ny\n");
    }

    #[test]
    fn envelopes_of_all_kinds() {
        let plain = parse(b"\xEF\xBB\xBFSubject: x\r\n\r\n").unwrap();
        assert_eq!((plain.return_path, plain.recipients.len()), (None, 0));
        let null = parse(b"X-Sender: <>\r\nX-Receiver: \"a b\"@example.org\r\nSubject: x\r\n\r\n").unwrap();
        assert_eq!(null.return_path.as_deref(), Some(""));
        assert_eq!(null.recipients[0].address.email, "\"a b\"@example.org");
        for quoted in [r#""a>b"@example.org"#, r#""a\">b"@example.org"#, r#""a\\"@example.org"#] {
            let file = format!("X-Receiver: <{quoted}> NOTIFY=never\r\nSubject: x\r\n\r\n");
            let recipient = &parse(file.as_bytes()).unwrap().recipients[0];
            assert_eq!((recipient.address.email.as_str(), recipient.options.notify), (quoted, Notify::NEVER));
        }
        let full = parse(b"X-Sender: <a@b> SIZE=5 RET=full SMTPUTF8\r\nSubject: x\r\n\r\n").unwrap();
        assert_eq!(full.delivery.return_content, ReturnContent::Full);
        // A header of that name further down belongs to the message.
        let later = parse(b"Subject: x\r\nX-Receiver: a@example.org\r\n\r\n").unwrap();
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
}
