//! The media type of an attachment: given by the program, or found by the file name.

use super::parameter::{self, is_token};
use crate::{error::Error, types::shown};

const UNKNOWN: &str = "application/octet-stream";
const MESSAGE: &str = "message/rfc822";

/// A media type and its parameters, ready to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ContentType {
    /// `type/subtype`
    pub(super) media: String,
    /// `name=value`, in ASCII
    pub(super) parameters: Vec<String>,
}

impl ContentType {
    /// The type that the extension of `name` stands for.
    ///
    /// Types that are made of messages or parts are not taken: base64 is not allowed on them
    /// (RFC 2046 sections 5.1 and 5.2), and a file has to arrive as it was.
    pub(super) fn guess(name: &str) -> Self {
        let media = mime_guess::from_path(name)
            .first_raw()
            .filter(|media| !is_composite(media) && media.is_ascii())
            .unwrap_or(UNKNOWN);
        Self { media: media.to_owned(), parameters: Vec::new() }
    }

    /// Bytes of no known kind.
    pub(super) fn unknown() -> Self {
        Self { media: UNKNOWN.to_owned(), parameters: Vec::new() }
    }

    /// A message within a message.
    pub(super) fn message() -> Self {
        Self { media: MESSAGE.to_owned(), parameters: Vec::new() }
    }

    pub(super) fn is_message(&self) -> bool {
        self.media == MESSAGE
    }

    /// Reads what the program gave.
    pub(super) fn parse(value: &str, field: &str) -> Result<Self, Error> {
        Self::read(value).map_err(|problem| Error::input(field, problem))
    }

    fn read(value: &str) -> Result<Self, String> {
        let form = || {
            format!(
                "{} is not a media type; write it as text/plain or text/csv; header=present",
                shown(value)
            )
        };
        let (media, mut rest) = match value.split_once(';') {
            Some((media, rest)) => (media, Some(rest)),
            None => (value, None),
        };
        let media = media.trim_matches(' ');
        if !media.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype)) {
            return Err(form());
        }
        if media.eq_ignore_ascii_case(MESSAGE) {
            return if rest.is_none() {
                Ok(Self::message())
            } else {
                Err(format!("{MESSAGE} has no parameters"))
            };
        }
        if is_composite(media) {
            return Err(format!("{media} cannot be attached as a file; use application/octet-stream"));
        }
        if media.len() > 127 {
            return Err("the media type is longer than 127 characters (RFC 6838)".into());
        }
        let mut parameters = Vec::new();
        while let Some(text) = rest.map(|text| text.trim_matches(' ')).filter(|text| !text.is_empty()) {
            let (name, value) = text.split_once('=').ok_or_else(form)?;
            if !is_token(name) {
                return Err(form());
            }
            if ["name", "boundary"].iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
                return Err(format!("the parameter {name} is written by this library; leave it out"));
            }
            let (value, after) = read_value(value).ok_or_else(form)?;
            let parameter = parameter::plain(name, &value);
            if parameter.len() > 900 {
                return Err(format!("the parameter {name} is too long for a line (RFC 5322 section 2.1.1)"));
            }
            parameters.push(parameter);
            let after = after.trim_matches(' ');
            rest = match after.strip_prefix(';') {
                Some(after) => Some(after),
                None if after.is_empty() => None,
                None => return Err(form()),
            };
        }
        Ok(Self { media: media.to_owned(), parameters })
    }
}

fn is_composite(media: &str) -> bool {
    ["message/", "multipart/"]
        .iter()
        .any(|kind| media.get(..kind.len()).is_some_and(|start| start.eq_ignore_ascii_case(kind)))
}

/// A token or a quoted string of printable ASCII, and what follows it.
fn read_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ' ']).unwrap_or(text.len());
        let (value, after) = text.split_at(end);
        return is_token(value).then(|| (value.to_owned(), after));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        let c = match c {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => chars.next()?.1,
            _ => c,
        };
        if !matches!(c, ' '..='~') {
            return None;
        }
        value.push(c);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> ContentType {
        ContentType::parse(value, "Attachments[0].ContentType").unwrap()
    }

    #[test]
    fn by_name() {
        for (name, media) in [
            ("a.pdf", "application/pdf"),
            ("a.PNG", "image/png"),
            ("a.txt", "text/plain"),
            ("a", UNKNOWN),
            ("", UNKNOWN),
            ("a.unheard-of", UNKNOWN),
            ("mail.eml", UNKNOWN),
            ("page.mht", UNKNOWN),
        ] {
            assert_eq!(ContentType::guess(name).media, media, "{name}");
        }
    }

    #[test]
    fn by_the_program() {
        assert_eq!(read("text/csv").media, "text/csv");
        let calendar = read("text/calendar; method=REQUEST ;charset=\"utf-8\";x=\"a; \\\"b\"");
        assert_eq!(calendar.parameters, ["method=REQUEST", "charset=utf-8", "x=\"a; \\\"b\""]);
        assert!(read("text/csv;").parameters.is_empty());
        assert!(read("Message/RFC822").is_message());
    }

    #[test]
    fn what_is_no_media_type_is_refused() {
        for value in [
            "",
            "text",
            "text/",
            "/plain",
            "text/plain/x",
            "text/plain\r\nX: y",
            "text/pl\0ain",
            "text/plain; a",
            "text/plain; a=",
            "text/plain; a=\"x",
            "text/plain; a=\"x\"y",
            "text/plain; a=\"x\ny\"",
            "text/plain; a=\"x\\\ny\"",
            "text/plain; a=ü",
            "text/plain; name=x",
            "text/plain; boundary=x",
            "Message/RFC822; x=y",
            "message/partial",
            "multipart/mixed",
        ] {
            let error = ContentType::parse(value, "Attachments[0].ContentType").unwrap_err();
            assert_eq!(error.field(), Some("Attachments[0].ContentType"), "{value}");
        }
    }

    #[test]
    fn a_type_and_its_parameters_fit_into_a_line() {
        let length = |media: usize, parameter: usize| {
            let value = format!("text/{}; a={}", "x".repeat(media - 5), "y".repeat(parameter - 2));
            ContentType::parse(&value, "ContentType").is_ok()
        };
        assert!(length(127, 900));
        assert!(!length(128, 900));
        assert!(!length(127, 901));
    }
}
