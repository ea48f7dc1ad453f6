//! A server's reply (RFC 5321 section 4.2) and its enhanced status code (RFC 3463).

use std::{fmt, str::FromStr};

/// An enhanced status code such as `5.7.1` (RFC 3463).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EnhancedCode {
    /// 2 success, 4 persistent transient failure, 5 permanent failure.
    pub class: u8,
    /// What the code is about: 1 address, 2 mailbox, 3 mail system, 4 network, 5 protocol, 6 content, 7 policy.
    pub subject: u16,
    /// The precise condition within the subject.
    pub detail: u16,
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl FromStr for EnhancedCode {
    type Err = ();

    /// Parses `class.subject.detail`, each without a leading sign and of at most three digits.
    fn from_str(s: &str) -> Result<Self, ()> {
        let mut parts = s.split('.').map(|part| {
            let digits = (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| part.parse::<u16>().ok()).flatten()
        });
        let mut next = || parts.next().flatten();
        let (class, subject, detail) = (next().ok_or(())?, next().ok_or(())?, next().ok_or(())?);
        if s.matches('.').count() != 2 {
            return Err(());
        }
        let class = u8::try_from(class).ok().filter(|c| matches!(c, 2 | 4 | 5)).ok_or(())?;
        Ok(Self { class, subject, detail })
    }
}

/// One reply of the server, of one or more lines.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reply {
    code: u16,
    lines: Vec<String>,
}

impl Reply {
    /// A reply from its code and the text of its lines (without the code).
    #[must_use]
    pub fn new(code: u16, lines: Vec<String>) -> Self {
        Self { code, lines }
    }

    /// Reads a reply as a person would paste it: `550 5.7.1 Relaying denied`, lines separated by `\n` or `\r\n`.
    ///
    /// Returns `None` when no line begins with a three-digit code.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut code = None;
        let mut lines = Vec::new();
        for line in text.lines() {
            let line = line.trim_end_matches('\r');
            let digits = line.get(..3).filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
            let separated = line.as_bytes().get(3).is_none_or(|b| matches!(b, b' ' | b'-' | b'\t'));
            match digits.filter(|_| separated).and_then(|d| d.parse().ok()) {
                Some(number) => {
                    code = Some(number);
                    lines.push(line.get(4..).unwrap_or_default().to_owned());
                }
                // A line without a code goes on with the one before it, as in many logs.
                None if code.is_some() => lines.push(line.to_owned()),
                None => {}
            }
        }
        code.map(|code| Self { code, lines })
    }

    /// The three-digit reply code.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The text of each line, without code and separator.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The same with other lines.
    pub(crate) fn map_lines(self, change: impl FnMut(String) -> String) -> Self {
        Self { code: self.code, lines: self.lines.into_iter().map(change).collect() }
    }

    /// The whole text, lines joined by `\n`, codes left out.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// The enhanced status code at the beginning of the text, if it agrees with the reply code's class.
    #[must_use]
    pub fn enhanced_code(&self) -> Option<EnhancedCode> {
        self.lines.iter().find_map(|line| {
            let word = line.trim_start().split([' ', '\t']).next()?;
            let code: EnhancedCode = word.trim_end_matches([':', ',', '-']).parse().ok()?;
            (u16::from(code.class) == self.code / 100).then_some(code)
        })
    }

    /// 2yz: the command was carried out.
    #[must_use]
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 3yz: the server waits for more.
    #[must_use]
    pub fn is_intermediate(&self) -> bool {
        self.code / 100 == 3
    }

    /// 4yz: refused for now; the same command may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.code / 100 == 4
    }

    /// 5yz: refused for good.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }
}

impl fmt::Display for Reply {
    /// The lines as they stood on the wire, joined by `\n`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.lines.len().saturating_sub(1);
        if self.lines.is_empty() {
            return write!(f, "{:03}", self.code);
        }
        for (i, line) in self.lines.iter().enumerate() {
            let (separator, end) = if i == last { (' ', "") } else { ('-', "\n") };
            write!(f, "{:03}{separator}{line}{end}", self.code)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_a_person_pastes() {
        let reply =
            Reply::parse("534-5.7.9 Application-specific password required.\r\n534 5.7.9  more").unwrap();
        assert_eq!(reply.code(), 534);
        assert_eq!(reply.lines(), ["5.7.9 Application-specific password required.", "5.7.9  more"]);
        assert_eq!(reply.enhanced_code().unwrap().to_string(), "5.7.9");
        assert_eq!(Reply::parse("hello"), None);
        let pasted = Reply::parse("it said:\n550 no such user\n  here, see\nhttps://a.example/").unwrap();
        assert_eq!(pasted.lines(), ["no such user", "  here, see", "https://a.example/"]);
        assert_eq!(Reply::parse("250").unwrap().text(), "");
        assert_eq!(Reply::parse("5501 nonsense"), None);
    }

    #[test]
    fn enhanced_code_must_agree_with_the_reply_code() {
        assert_eq!(Reply::parse("550 4.2.1 odd").unwrap().enhanced_code(), None);
        for text in ["550 5.7", "550 5.7.1.2 x", "550 5.7.1000 x", "550 +5.7.1 x", "550 192.0.2.1 listed"] {
            assert_eq!(Reply::parse(text).unwrap().enhanced_code(), None, "{text}");
        }
    }

    #[test]
    fn display_is_what_stood_on_the_wire() {
        let text = "250-mail.example.com\n250-SIZE 1000\n250 8BITMIME";
        assert_eq!(Reply::parse(text).unwrap().to_string(), text);
    }
}
