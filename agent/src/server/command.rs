//! Commands of the client (RFC 5321 section 4.1).

use freesmtp_core::types::Mailbox;

use super::reply::Reply;
use crate::digits::digits;

/// A command, its verb known and its arguments split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Ehlo(String),
    Helo(String),
    Mail(Path),
    Rcpt(Path),
    Data,
    /// So many octets follow; whether they are the last ones (RFC 3030).
    Bdat(u64, bool),
    StartTls,
    Rset,
    Noop,
    Vrfy,
    Help,
    Quit,
    /// Mechanism and initial response.
    Auth(String, Option<String>),
    /// BDAT without a length: where the next command begins is not known.
    LostCount,
    /// HTTP, or what else a browser can be made to send: not a client of mail.
    Foreign,
}

/// The argument of MAIL or RCPT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// Without its angle brackets; empty for the null path.
    pub(super) address: String,
    /// Keywords in upper case, and their values.
    pub(super) parameters: Vec<(String, Option<String>)>,
}

impl Command {
    /// Reads a line; `Err` is the reply that refuses it.
    pub(super) fn parse(line: &str) -> Result<Self, Reply> {
        // RFC 5321 section 4.1.1: white space before the CRLF is taken.
        let line = line.trim_end_matches([' ', '\t']);
        let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
        let argument = argument.trim_start_matches(' ');
        let alone = |command: Self| if argument.is_empty() { Ok(command) } else { Err(takes_nothing()) };
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => host(argument).map(Self::Ehlo),
            "HELO" => host(argument).map(Self::Helo),
            "MAIL" => Ok(Self::Mail(Path::parse(argument, "FROM:")?)),
            "RCPT" => Ok(Self::Rcpt(Path::parse(argument, "TO:")?)),
            "DATA" => alone(Self::Data),
            "BDAT" => bdat(argument),
            "STARTTLS" => alone(Self::StartTls),
            "RSET" => alone(Self::Rset),
            "QUIT" => alone(Self::Quit),
            "NOOP" => Ok(Self::Noop),
            "HELP" => Ok(Self::Help),
            "VRFY" if argument.is_empty() => Err(Reply::new(501, "5.5.4", "Syntax: VRFY address")),
            "VRFY" => Ok(Self::Vrfy),
            "AUTH" => auth(argument),
            "EXPN" | "TURN" | "ETRN" => Err(Reply::new(
                502,
                "5.5.1",
                format!("{} is not implemented here", verb.to_ascii_uppercase()),
            )),
            "GET" | "POST" | "PUT" | "HEAD" | "OPTIONS" | "CONNECT" => Ok(Self::Foreign),
            _ => Err(Reply::new(500, "5.5.2", "Command not recognized")),
        }
    }
}

impl Path {
    fn parse(argument: &str, keyword: &'static str) -> Result<Self, Reply> {
        let syntax = || Reply::new(501, "5.5.4", format!("Syntax: {keyword}<address>"));
        let rest = match argument.get(..keyword.len()) {
            Some(word) if word.eq_ignore_ascii_case(keyword) => {
                argument[keyword.len()..].trim_start_matches(' ')
            }
            _ => return Err(syntax()),
        };
        let inner = rest.strip_prefix('<').ok_or_else(syntax)?;
        let end = closing_bracket(inner).ok_or_else(syntax)?;
        let rest = &inner[end + 1..];
        if !rest.is_empty() && !rest.starts_with(' ') {
            return Err(syntax());
        }
        let address = without_route(&inner[..end]);
        check(address, keyword)?;
        let parameters = rest.split_ascii_whitespace().map(parameter).collect::<Result<_, _>>()?;
        Ok(Self { address: address.to_owned(), parameters })
    }
}

fn takes_nothing() -> Reply {
    Reply::new(501, "5.5.4", "This command takes no argument")
}

/// The argument of EHLO and HELO: anything a host may be called, and what real clients say instead.
fn host(argument: &str) -> Result<String, Reply> {
    let fits = |c: char| c.is_alphanumeric() || "-._[]:".contains(c);
    if argument.is_empty() || !argument.chars().all(fits) || argument.len() > 255 {
        return Err(Reply::new(501, "5.5.4", "Syntax: EHLO hostname"));
    }
    Ok(argument.to_owned())
}

/// What follows is no command: a chunk whose length is not known ends the session.
fn bdat(argument: &str) -> Result<Command, Reply> {
    let mut words = argument.split_ascii_whitespace();
    let size = words.next().filter(|word| word.len() <= 18).and_then(digits);
    match (size, words.next(), words.next()) {
        (Some(size), None, None) => Ok(Command::Bdat(size, false)),
        (Some(size), Some(word), None) if word.eq_ignore_ascii_case("LAST") => Ok(Command::Bdat(size, true)),
        _ => Ok(Command::LostCount),
    }
}

fn auth(argument: &str) -> Result<Command, Reply> {
    let mut words = argument.split_ascii_whitespace();
    let syntax = || Reply::new(501, "5.5.4", "Syntax: AUTH mechanism [initial-response]");
    let mechanism = words.next().ok_or_else(syntax)?.to_ascii_uppercase();
    let initial = words.next().map(str::to_owned);
    if words.next().is_some() { Err(syntax()) } else { Ok(Command::Auth(mechanism, initial)) }
}

/// The place of the `>` that ends the path; one inside quotation marks does not.
fn closing_bracket(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(index),
            _ => {}
        }
    }
    None
}

/// Leaves out a source route (`@a,@b:user@c`), as RFC 5321 section 4.1.1.3 asks.
fn without_route(path: &str) -> &str {
    match path.split_once(':') {
        Some((route, address)) if route.starts_with('@') => address,
        _ => path,
    }
}

fn check(address: &str, keyword: &str) -> Result<(), Reply> {
    let null_path = address.is_empty() && keyword == "FROM:";
    // RFC 5321 section 4.5.1: postmaster needs no domain.
    let postmaster = address.eq_ignore_ascii_case("postmaster") && keyword == "TO:";
    if null_path || postmaster {
        return Ok(());
    }
    let enhanced = if keyword == "TO:" { "5.1.3" } else { "5.1.7" };
    Mailbox::parse(address, "").map(|_| ()).map_err(|error| {
        // The message may quote the address; a reply line carries printable text only.
        let reason: String = error.message().chars().filter(|c| !c.is_control()).collect();
        Reply::new(501, enhanced, format!("Bad address: {reason}"))
    })
}

/// `esmtp-param` of RFC 5321 section 4.1.2.
fn parameter(word: &str) -> Result<(String, Option<String>), Reply> {
    let (keyword, value) = match word.split_once('=') {
        Some((keyword, value)) => (keyword, Some(value)),
        None => (word, None),
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if keyword.is_empty() || !keyword.chars().all(fits) || value.is_some_and(str::is_empty) {
        return Err(Reply::new(501, "5.5.4", "Syntax error in parameters"));
    }
    Ok((keyword.to_ascii_uppercase(), value.map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(line: &str) -> Option<String> {
        match Command::parse(line) {
            Ok(Command::Mail(path) | Command::Rcpt(path)) => Some(path.address),
            _ => None,
        }
    }

    #[test]
    fn paths_of_every_form() {
        for (line, right) in [
            ("MAIL FROM:<a@b.test>", "a@b.test"),
            ("mail from: <a@b.test>", "a@b.test"),
            ("MAIL FROM:<>", ""),
            ("RCPT TO:<Postmaster>", "Postmaster"),
            ("RCPT TO:<@x.test,@y.test:a@b.test>", "a@b.test"),
            (r#"RCPT TO:<"a>b\" c"@d.test>"#, r#""a>b\" c"@d.test"#),
            ("RCPT TO:<a@[127.0.0.1]>", "a@[127.0.0.1]"),
            ("RCPT TO:<ü@bücher.test>", "ü@bücher.test"),
        ] {
            assert_eq!(address(line).as_deref(), Some(right), "{line}");
        }
        for line in [
            "MAIL",
            "MAIL FROM",
            "MAIL FROM:",
            "MAIL FROM:a@b.test",
            "MAIL FROM:<a@b.test",
            "MAIL FROM:<a@b.test>x",
            "MAIL TO:<a@b.test>",
            "RCPT TO:<>",
            "RCPT TO:<a>",
            "RCPT TO:<a@b@c.test>",
            "RCPT TO:<a b@c.test>",
            "MAIL FROM:<postmaster>",
            "MAIL FROM:<a@b.test> SIZE=",
            "MAIL FROM:<a@b.test> =1",
            "MAÏL FROM:<a@b.test>",
        ] {
            assert_eq!(address(line), None, "{line}");
        }
    }

    #[test]
    fn parameters_and_verbs_in_any_case() {
        let Ok(Command::Mail(path)) = Command::parse("MaIl FROM:<a@b.test> size=10 Body=8BITMIME smtputf8 ")
        else {
            panic!("not a MAIL command")
        };
        let shown: Vec<_> = path.parameters.iter().map(|(k, v)| (k.as_str(), v.as_deref())).collect();
        assert_eq!(shown, [("SIZE", Some("10")), ("BODY", Some("8BITMIME")), ("SMTPUTF8", None)]);
        assert_eq!(Command::parse("quit"), Ok(Command::Quit));
        assert!(Command::parse("QUIT now").is_err());
        assert!(Command::parse("EHLO").is_err());
        assert_eq!(Command::parse("EHLO [IPv6:::1]"), Ok(Command::Ehlo("[IPv6:::1]".to_owned())));
        assert_eq!(Command::parse("POST / HTTP/1.1"), Ok(Command::Foreign));
    }
}
