//! Commands that ask the server something, apart from messages: VRFY, EXPN, HELP, NOOP, ETRN.

use super::{Capabilities, Command};
use crate::{
    error::{Error, ErrorKind},
    types::{Failure, Stage, is_control, shown},
};

/// A question, its argument checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inquiry {
    verb: &'static str,
    /// May hold UTF-8 for `VRFY` and `EXPN`.
    argument: String,
}

/// RFC 5321 section 4.5.3.1.4 asks servers for 512 octets a line.
const LONGEST_ARGUMENT: usize = 480;

impl Inquiry {
    /// `VRFY` (RFC 5321 section 3.5.1): a mailbox or a name.
    pub(crate) fn verify(address: &str) -> Result<Self, Error> {
        Self::with_text("VRFY", address, "Address")
    }

    /// `EXPN` (RFC 5321 section 3.5.1): a list.
    pub(crate) fn expand(list: &str) -> Result<Self, Error> {
        Self::with_text("EXPN", list, "List")
    }

    /// `HELP` (RFC 5321 section 4.1.1.8); an empty topic for help at large.
    pub(crate) fn help(topic: &str) -> Result<Self, Error> {
        match topic {
            "" => Ok(Self { verb: "HELP", argument: String::new() }),
            _ if topic.is_ascii() => Self::with_text("HELP", topic, "Topic"),
            _ => Err(Error::input("Topic", format!("{} is not ASCII", shown(topic)))),
        }
    }

    /// `NOOP` (RFC 5321 section 4.1.1.9).
    pub(crate) fn noop() -> Self {
        Self { verb: "NOOP", argument: String::new() }
    }

    /// `ETRN` (RFC 1985): a domain, `@` and a domain for its subdomains too, or `#` and the name of a queue.
    pub(crate) fn etrn(domain: &str) -> Result<Self, Error> {
        let name = domain.strip_prefix(['@', '#']).unwrap_or(domain);
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if name.is_empty() || name.len() > 255 || !name.bytes().all(fits) {
            let problem =
                format!("{} is no domain; write example.com, @example.com or #queue", shown(domain));
            return Err(Error::input("Domain", problem));
        }
        Ok(Self { verb: "ETRN", argument: domain.to_owned() })
    }

    fn with_text(verb: &'static str, text: &str, field: &str) -> Result<Self, Error> {
        let problem = if text.trim().is_empty() || text.trim() != text {
            "is empty, or begins or ends with white space".to_owned()
        } else if text.len() > LONGEST_ARGUMENT {
            format!("has {} octets; at most {LONGEST_ARGUMENT} fit into a command", text.len())
        } else if let Some(c) = text.chars().find(|&c| is_control(c)) {
            format!("{} holds the control character U+{:04X}", shown(text), u32::from(c))
        } else {
            return Ok(Self { verb, argument: text.to_owned() });
        };
        Err(Error::input(field, problem))
    }

    /// The command for this session: what is not ASCII needs SMTPUTF8 and says so (RFC 6531 section 3.7.4.2).
    pub(crate) fn command(&self, offered: &Capabilities) -> Result<Command, Error> {
        let Self { verb, argument } = self;
        if argument.is_empty() {
            return Ok(Command::checked((*verb).to_owned()));
        }
        match (argument.is_ascii(), offered.smtputf8) {
            (true, _) => Ok(Command::checked(format!("{verb} {argument}"))),
            (false, true) => Ok(Command::checked(format!("{verb} {argument} SMTPUTF8"))),
            (false, false) => {
                let text = format!(
                    "{verb} with characters outside ASCII needs SMTPUTF8, which the server does not offer"
                );
                Err(Error::new(ErrorKind::Protocol, Stage::Command, text)
                    .with_failure(Failure::SmtpUtf8Unsupported))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(inquiry: Result<Inquiry, Error>, smtputf8: bool) -> Result<String, Error> {
        let offered = Capabilities { smtputf8, ..Capabilities::default() };
        inquiry?.command(&offered).map(|command| command.as_str().to_owned())
    }

    #[test]
    fn commands() {
        assert_eq!(line(Inquiry::verify("postmaster"), true).unwrap(), "VRFY postmaster");
        assert_eq!(line(Inquiry::verify("\"a b\"@c.test"), false).unwrap(), "VRFY \"a b\"@c.test");
        assert_eq!(line(Inquiry::verify("jürgen@b.test"), true).unwrap(), "VRFY jürgen@b.test SMTPUTF8");
        assert_eq!(line(Inquiry::verify(&"x".repeat(480)), false).unwrap().len(), 485);
        assert_eq!(line(Inquiry::expand("staff"), false).unwrap(), "EXPN staff");
        assert_eq!(line(Inquiry::help(""), false).unwrap(), "HELP");
        assert_eq!(line(Inquiry::help("MAIL"), false).unwrap(), "HELP MAIL");
        assert_eq!(line(Ok(Inquiry::noop()), false).unwrap(), "NOOP");
        for domain in ["example.com", "@example.com", "#queue_1"] {
            assert_eq!(line(Inquiry::etrn(domain), false).unwrap(), format!("ETRN {domain}"));
        }
        let error = line(Inquiry::expand("用户"), false).unwrap_err();
        assert_eq!(
            (error.kind(), error.failure()),
            (ErrorKind::Protocol, Some(Failure::SmtpUtf8Unsupported))
        );
    }

    #[test]
    fn no_argument_carries_a_command() {
        for bad in ["", " ", " a", "a ", "a\r\nDATA", "a\0", "a\tb", &"x".repeat(481)] {
            assert_eq!(Inquiry::verify(bad).unwrap_err().field(), Some("Address"), "{bad:?}");
            assert_eq!(Inquiry::expand(bad).unwrap_err().field(), Some("List"), "{bad:?}");
        }
        for bad in ["a\nb", "ü", " "] {
            assert_eq!(Inquiry::help(bad).unwrap_err().field(), Some("Topic"), "{bad:?}");
        }
        for bad in ["", "@", "a b", "a.test\r\nRSET", "ü.test", "@@a.test", &"x".repeat(256)] {
            assert_eq!(Inquiry::etrn(bad).unwrap_err().field(), Some("Domain"), "{bad:?}");
        }
    }
}
