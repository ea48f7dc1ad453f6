//! What may stand where in a header; everything else is an error that names the property.

use super::header::{HARD_LIMIT, has_unfoldable_word};
use crate::{
    error::Error,
    types::{has_control, is_control, is_invisible, shown},
};

/// A header stays on one line that people can read at the beginning of.
const LONGEST_NAME: usize = 76;

/// Refuses control characters: a header is one line of text.
pub(super) fn text(value: &str, field: impl FnOnce() -> String) -> Result<(), Error> {
    // Most texts have none, which is seen faster than where one is.
    if !has_control(value) {
        return Ok(());
    }
    match value.chars().find(|&c| is_control(c)) {
        None => Ok(()),
        Some(c) => Err(Error::input(
            field(),
            format!(
                "{} holds the control character U+{:04X}; a header is one line of text, so remove it",
                shown(value),
                u32::from(c)
            ),
        )),
    }
}

/// The property that writes a header, when one does.
fn property_of(name: &str) -> Option<&'static str> {
    const WRITTEN: [(&str, &str); 14] = [
        ("From", "use From"),
        ("Sender", "use Sender"),
        ("Reply-To", "use ReplyTo"),
        ("To", "use Recipients"),
        ("Cc", "use Recipients with the type CC"),
        ("Bcc", "use Recipients with the type BCC"),
        ("Resent-Bcc", "use Recipients with the type BCC"),
        ("Subject", "use Subject"),
        ("Date", "use Date"),
        ("Message-ID", "use MessageID"),
        ("Return-Path", "use ReturnPath"),
        ("MIME-Version", "leave it out, it is always written"),
        ("Content-Type", "use BodyParts and Attachments"),
        ("Content-Transfer-Encoding", "use the encoding of BodyParts"),
    ];
    const OF_PARTS: [&str; 2] = ["Content-Disposition", "Content-ID"];
    if OF_PARTS.iter().any(|part| part.eq_ignore_ascii_case(name)) {
        return Some("use Attachments or EmbeddedObjects");
    }
    WRITTEN.iter().find(|(written, _)| written.eq_ignore_ascii_case(name)).map(|&(_, property)| property)
}

/// Checks a header of the program's own; `index` is its place in `CustomHeaders`, `written` the headers that are
/// written because a property is set, each with its property.
pub(super) fn custom_header(
    name: &str,
    value: &str,
    index: usize,
    written: &[(&str, &str)],
    utf8: bool,
) -> Result<(), Error> {
    let name_field = || format!("CustomHeaders[{index}].Name");
    let problem = if name.is_empty() {
        "the name of the header is empty".to_owned()
    } else if !name.bytes().all(|b| b.is_ascii_graphic() && b != b':') {
        format!("{} is no header name: letters, digits and hyphens only, without the colon", shown(name))
    } else if name.len() > LONGEST_NAME {
        format!("the name has {} characters; at most {LONGEST_NAME} fit into a line", name.len())
    } else if let Some(property) = property_of(name) {
        format!("the header {name} is written by this library; {property}")
    } else if let Some((_, property)) = written.iter().find(|(w, _)| w.eq_ignore_ascii_case(name)) {
        format!("the header {name} is written because {property} is set; leave one of the two out")
    } else {
        let field = || format!("CustomHeaders[{index}].Value");
        text(value, field)?;
        if has_unfoldable_word(value, utf8) {
            let problem =
                format!("a word is too long for a line of {HARD_LIMIT} octets (RFC 5322); set spaces");
            return Err(Error::input(field(), problem));
        }
        return Ok(());
    };
    Err(Error::input(name_field(), problem))
}

/// An identifier such as `a@b`, with or without angle brackets; answers it without them.
fn identifier<'a>(value: &'a str, field: &str) -> Result<&'a str, Error> {
    const LONGEST: usize = 250;
    let inner = match (value.strip_prefix('<'), value.strip_suffix('>')) {
        (Some(_), Some(_)) => value.get(1..value.len() - 1).unwrap_or_default(),
        _ => value,
    };
    let problem = if inner.is_empty() {
        "the identifier is empty".to_owned()
    } else if !inner.bytes().all(|b| b.is_ascii_graphic() && !b"<>()[]\\,;:\"".contains(&b))
        && !is_literal_identifier(inner)
    {
        format!("{} is no identifier: ASCII letters, digits and .-_@ only, no spaces", shown(value))
    } else if inner.len() > LONGEST {
        format!("the identifier has {} characters; at most {LONGEST} are allowed", inner.len())
    } else {
        return Ok(inner);
    };
    Err(Error::input(field, problem))
}

/// `x@[192.0.2.1]`: `no-fold-literal` of RFC 5322 section 3.6.4.
fn is_literal_identifier(inner: &str) -> bool {
    let Some((left, right)) = inner.split_once('@') else { return false };
    let literal = right.strip_prefix('[').and_then(|r| r.strip_suffix(']')).unwrap_or_default();
    let plain = |text: &str, others: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
    };
    plain(left, "!#$%&'*+-/=?^_`{|}~.") && plain(literal, ".:")
}

/// Checks a message identifier and answers it without angle brackets.
pub(super) fn message_id<'a>(value: &'a str, field: &str) -> Result<&'a str, Error> {
    let inner = identifier(value, field)?;
    match inner.split_once('@') {
        Some((left, right)) if !left.is_empty() && !right.is_empty() && !right.contains('@') => Ok(inner),
        _ => Err(Error::input(field, format!("{} must have the form unique@example.com", shown(value)))),
    }
}

/// Checks the identifiers of `InReplyTo` or `References` and answers them with angle brackets.
pub(super) fn message_ids(values: &[String], collection: &str) -> Result<Vec<String>, Error> {
    let check = |(i, value): (usize, &String)| {
        message_id(value, &format!("{collection}[{i}]")).map(|id| format!("<{id}>"))
    };
    values.iter().enumerate().map(check).collect()
}

/// Checks a `ContentID` and answers it with angle brackets.
pub(super) fn content_id(value: &str, field: &str) -> Result<String, Error> {
    // HTML links often look like `cid:logo`; the @ that RFC 2045 asks for is not needed by any client.
    identifier(value.strip_prefix("cid:").unwrap_or(value), field).map(|inner| format!("<{inner}>"))
}

/// Checks the file name that a recipient will see.
pub(super) fn file_name(name: &str, field: &str) -> Result<(), Error> {
    let problem = if name.is_empty() {
        "the file name is empty; leave DisplayName unset to take the name of the file".to_owned()
    } else if let Some(c) = name.chars().find(|&c| is_control(c) || is_invisible(c) && !joins(c)) {
        format!(
            "{} holds the invisible character U+{:04X}, which can hide what the file is; choose another DisplayName",
            shown(name),
            u32::from(c)
        )
    } else if name.contains(['/', '\\']) {
        format!("{} names a folder; only the last part, without / and \\, is a file name", shown(name))
    } else if name.chars().all(|c| c == '.') {
        format!("{} is no file name", shown(name))
    } else {
        return Ok(());
    };
    Err(Error::input(field, problem))
}

/// The joiners that scripts and emoji need inside words, and the tags of flags; none of them moves text.
fn joins(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}' | '\u{E0020}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_text_is_one_line() {
        for c in ('\0'..'\u{20}').chain(['\u{7f}']) {
            let error = text(&format!("a{c}b"), || "Subject".into()).unwrap_err();
            assert_eq!(error.field(), Some("Subject"));
            assert!(!error.to_string().contains(c), "{error}");
        }
        assert!(text("ü \u{760a}\u{760d} \u{1F600}", String::new).is_ok());
    }

    #[test]
    fn headers_of_properties_name_the_property() {
        for (name, property) in [
            ("bcc", "BCC"),
            ("FROM", "From"),
            ("reply-to", "ReplyTo"),
            ("Content-type", "BodyParts"),
            ("message-id", "MessageID"),
        ] {
            let error = custom_header(name, "x", 3, &[], false).unwrap_err();
            assert_eq!(error.field(), Some("CustomHeaders[3].Name"));
            assert!(error.message().contains(property), "{error}");
        }
        let written = [("X-Priority", "Priority")];
        assert!(custom_header("x-priority", "2", 0, &written, false).is_err());
        assert!(custom_header("x-priority", "2", 0, &[], false).is_ok());
    }

    #[test]
    fn names_and_values_cannot_carry_a_header() {
        for name in ["", "X Y", "X:", "X\r\nBcc", "X\n", "Xü", "X\0", "X\u{7f}"] {
            let error = custom_header(name, "x", 0, &[], false).unwrap_err();
            assert_eq!(error.field(), Some("CustomHeaders[0].Name"), "{name:?}");
        }
        for value in ["a\r\nBcc: x@y", "a\nb", "a\r", "\0", "a\r\n b", "a\tb"] {
            let error = custom_header("X", value, 1, &[], false).unwrap_err();
            assert_eq!(error.field(), Some("CustomHeaders[1].Value"), "{value:?}");
        }
        assert!(custom_header("X", &"x".repeat(1000), 0, &[], false).is_err());
        assert!(custom_header("X", "", 0, &[], false).is_ok());
    }

    #[test]
    fn identifiers() {
        assert_eq!(message_id("a.b@example.com", "f").unwrap(), "a.b@example.com");
        assert_eq!(message_id("<a.b@[192.0.2.1]>", "f").unwrap(), "a.b@[192.0.2.1]");
        for value in [
            "",
            "<>",
            "<",
            "a",
            "a@",
            "@b",
            "a@b@c",
            "a b@c",
            "a@b>\r\nX: y",
            "a@b\0",
            "<a@b",
            "ü@b",
            "a@b, c@d",
        ] {
            assert_eq!(message_id(value, "MessageID").unwrap_err().field(), Some("MessageID"), "{value}");
        }
        assert_eq!(content_id("logo", "f").unwrap(), "<logo>");
        assert_eq!(content_id("cid:logo", "f").unwrap(), "<logo>");
        assert_eq!(content_id("<logo@x>", "f").unwrap(), "<logo@x>");
        assert!(content_id("lo go", "f").is_err());
        assert!(content_id("a\">x", "f").is_err());
    }

    #[test]
    fn file_names_name_a_file() {
        for name in [
            "",
            ".",
            "..",
            "a/b",
            "../x",
            "a\\b",
            "C:\\x",
            "a\0",
            "a\r\nb",
            "a\u{202e}fdp.exe",
            "a\u{200b}b",
            "\u{2028}",
        ] {
            assert_eq!(
                file_name(name, "Attachments[0].DisplayName").unwrap_err().field(),
                Some("Attachments[0].DisplayName")
            );
        }
        for name in ["a.txt", "ü \"quoted\" 'x'.pdf", ".bashrc", "👩‍💻.png", "a..b", "a;b=c.txt"] {
            assert!(file_name(name, "f").is_ok(), "{name}");
        }
    }
}
