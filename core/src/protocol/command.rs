//! Command lines (RFC 5321 section 4.1): built from checked parts only.

use std::{
    borrow::Cow,
    net::{Ipv4Addr, Ipv6Addr},
};

use super::{Capabilities, Transaction, parameters::Parameters};
use crate::{
    error::Error,
    types::{Mailbox, xtext},
};

/// Longest command line taken from a program, in octets without the line end. RFC 5321 section 4.5.3.1.4 asks
/// servers for 512; extensions add to it, and AUTH has its own limit.
const MAX_COMMAND: usize = 2_000;

/// A command line that a program composed itself (`SendSMTPCommand`), checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command(String);

impl Command {
    /// Takes one line without its line end, such as `VRFY postmaster`.
    ///
    /// # Errors
    /// `ErrorKind::Message` for an empty or over-long line, control characters, and the commands that change
    /// what the engine knows of the session (`DATA`, `BDAT`, `STARTTLS`, `AUTH`, `QUIT`, `EHLO`, `HELO`, `MAIL`, `RCPT`).
    pub fn new(line: &str) -> Result<Self, Error> {
        let refuse = |why: &str| Err(Error::input("Command", why));
        if line.trim().is_empty() || line.len() > MAX_COMMAND {
            return refuse("is one line of 1 to 2,000 octets");
        }
        if !line.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
            return refuse(
                "holds a control or non-ASCII character; pass one line of ASCII without its line end",
            );
        }
        let verb = line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        let own = ["DATA", "BDAT", "STARTTLS", "AUTH", "QUIT", "EHLO", "HELO", "LHLO", "MAIL", "RCPT"];
        if own.contains(&verb.as_str()) {
            return refuse(&format!("{verb} is sent by Send and Disconnect; use them"));
        }
        Ok(Self(line.trim_end().to_owned()))
    }

    /// A line that was made of checked parts; may hold UTF-8.
    pub(super) fn checked(line: String) -> Self {
        Self(line)
    }

    /// `MAIL FROM` for a check, which asks and sends nothing. `path` comes from a checked mailbox.
    pub(crate) fn mail(path: &str, utf8: bool) -> Self {
        Self(format!("MAIL FROM:<{path}>{}", if utf8 { " SMTPUTF8" } else { "" }))
    }

    /// `RCPT TO`, likewise.
    pub(crate) fn rcpt(path: &str) -> Self {
        Self(format!("RCPT TO:<{path}>"))
    }

    /// `RSET`.
    pub(crate) fn rset() -> Self {
        Self("RSET".to_owned())
    }

    /// `NOOP`.
    pub(crate) fn noop() -> Self {
        Self("NOOP".to_owned())
    }

    /// The line, without its line end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Checks the argument of EHLO: a domain or an address literal (RFC 5321 section 4.1.3).
///
/// # Errors
/// `ErrorKind::Message` naming `field`.
pub fn check_helo_name(name: &str, field: &str) -> Result<(), Error> {
    let refuse = |why: &str| {
        Err(Error::input(
            field,
            format!(
                "{why}; give this host's name such as client.example.com, or an address literal such as [192.0.2.1]"
            ),
        ))
    };
    if name.is_empty() || name.len() > 255 {
        return refuse("the EHLO name is empty or longer than 255 octets");
    }
    if let Some(literal) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let v6 = literal.get(..5).filter(|tag| tag.eq_ignore_ascii_case("IPv6:")).map(|_| &literal[5..]);
        let valid = match v6 {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => literal.parse::<Ipv4Addr>().is_ok(),
        };
        return if valid { Ok(()) } else { refuse("the EHLO name is no valid address literal") };
    }
    // Underscores are not in the grammar, but in host names of real machines.
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')) {
        return refuse("the EHLO name holds a character that no host name has");
    }
    Ok(())
}

/// `MAIL FROM` with the parameters that this message needs and this server knows.
///
/// `auth` is the mailbox of the `AUTH=` parameter (RFC 4954 section 5), empty for nobody known; `parameters` are those
/// of the delivery options.
pub(super) fn mail(
    transaction: &Transaction,
    path: &str,
    auth: Option<&str>,
    parameters: &Parameters,
    offered: &Capabilities,
) -> String {
    let mut line = format!("MAIL FROM:<{path}>");
    if offered.size_limit.is_some() && transaction.size > 0 {
        line.push_str(&format!(" SIZE={}", transaction.size));
    }
    if transaction.binary && offered.binary_mime {
        line.push_str(" BODY=BINARYMIME");
    } else if transaction.eight_bit && offered.eight_bit_mime {
        line.push_str(" BODY=8BITMIME");
    }
    if transaction.utf8 && offered.smtputf8 {
        line.push_str(" SMTPUTF8");
    }
    match auth.filter(|_| !offered.auth.is_empty()) {
        Some("") => line.push_str(" AUTH=<>"),
        Some(mailbox) => line.push_str(&format!(" AUTH={}", xtext(mailbox))),
        None => {}
    }
    line.push_str(&parameters.mail);
    line
}

/// `RCPT TO` of the forward path of that index, with the parameters of its delivery options.
pub(super) fn rcpt(path: &str, index: usize, parameters: &Parameters) -> String {
    format!("RCPT TO:<{path}>{}", parameters.rcpt(index))
}

/// The path of a mailbox for this session; `None` when only SMTPUTF8 could carry it.
pub(super) fn path<'m>(
    mailbox: &'m Mailbox,
    transaction: &Transaction,
    offered: &Capabilities,
) -> Option<Cow<'m, str>> {
    mailbox.to_path(transaction.utf8 && offered.smtputf8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::MailOptions;

    #[test]
    fn a_helo_name_can_carry_no_command() {
        for good in
            ["domain.com", "my_host", "a-b.example", "[192.0.2.1]", "[IPv6:2001:db8::1]", "[ipv6:::1]"]
        {
            check_helo_name(good, "DefaultDomain").unwrap();
        }
        for bad in [
            "",
            "a b",
            "a\r\nMAIL FROM:<x>",
            "a\0",
            "ex\u{e4}mple",
            "[1.2.3]",
            "[IPv6:nonsense]",
            "<a>",
            "\u{760a}",
        ] {
            let error = check_helo_name(bad, "DefaultDomain").unwrap_err();
            assert_eq!(error.field(), Some("DefaultDomain"), "{bad:?}");
        }
        check_helo_name(&"a".repeat(255), "DefaultDomain").unwrap();
        check_helo_name(&"a".repeat(256), "DefaultDomain").unwrap_err();
    }

    #[test]
    fn mail_says_what_is_both_offered_and_wanted() {
        let all = Capabilities {
            size_limit: Some(1_000),
            eight_bit_mime: true,
            binary_mime: true,
            smtputf8: true,
            auth: vec!["PLAIN".to_owned()],
            ..Capabilities::default()
        };
        let none = Capabilities::default();
        let plain = Transaction {
            token: 0,
            reverse_path: None,
            forward_paths: Vec::new(),
            size: 0,
            eight_bit: false,
            utf8: false,
            binary: false,
            exact: false,
            all_or_nothing: false,
            in_turn: false,
            mail_options: MailOptions::default(),
            rcpt_options: Vec::new(),
        };
        let eight_bit = Transaction { size: 1, eight_bit: true, utf8: true, ..plain.clone() };
        let binary = Transaction { binary: true, ..eight_bit.clone() };
        for (transaction, auth, offered, parameters) in [
            (&plain, None, &all, ""),
            (&binary, Some("x@y.test"), &none, ""),
            (&eight_bit, Some(""), &all, " SIZE=1 BODY=8BITMIME SMTPUTF8 AUTH=<>"),
            (&binary, Some("x@y.test"), &all, " SIZE=1 BODY=BINARYMIME SMTPUTF8 AUTH=x@y.test"),
        ] {
            let line = mail(transaction, "a@b.test", auth, &Parameters::default(), offered);
            assert_eq!(line, format!("MAIL FROM:<a@b.test>{parameters}"));
        }
    }

    #[test]
    fn a_programs_command_is_one_line_and_not_the_engines_own() {
        assert_eq!(Command::new("VRFY postmaster").unwrap().as_str(), "VRFY postmaster");
        for bad in ["", "  ", "NOOP\r\nDATA", "data", "Mail from:<a@b>", "NOOP\0", "auth plain x"] {
            assert!(Command::new(bad).is_err(), "{bad:?}");
        }
    }
}
