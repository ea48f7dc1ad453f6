//! Servers written as one string.

use super::Server;
use crate::{
    error::Error,
    protocol::Security,
    types::{
        Secret, shown,
        url::{decode, split_port},
    },
};

/// Reads `host`, `host:port`, `unix:/path`, `smtp://…`, `smtps://…`, `lmtp://…` and `lmtp+unix:/path`.
pub(super) fn parse(text: &str) -> Result<Server, Error> {
    if let Some(path) = text.strip_prefix("lmtp+unix:") {
        return Ok(Server { lmtp: true, ..Server::new(format!("unix:{path}")) });
    }
    if text.starts_with("unix:") {
        return Ok(Server::new(text));
    }
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
        None => (None, text),
    };
    let (security, lmtp) = match scheme.as_deref() {
        None | Some("smtp") => (Security::Auto, false),
        Some("smtps") => (Security::Implicit, false),
        Some("lmtp") => (Security::Auto, true),
        Some(other) => {
            return Err(Error::input(
                "Name",
                format!(
                    "{} is not known; use smtp://, smtps:// or lmtp://, or a plain host name",
                    shown(&format!("{other}://"))
                ),
            ));
        }
    };
    let rest = if scheme.is_some() { rest.trim_end_matches('/') } else { rest };
    let (login, place) = match rest.rsplit_once('@') {
        Some((login, place)) if scheme.is_some() => (Some(login), place),
        Some(_) => {
            return Err(Error::input(
                "Name",
                "holds an @; give the host name alone, or a URL such as smtp://user:password@host:587",
            ));
        }
        None => (None, rest),
    };
    if scheme.is_some() && place.contains(['/', '?', '#']) {
        return Err(Error::input("Name", "the URL holds more than user, password, host and port"));
    }
    let (name, port) = split_port(place)?;
    let mut server = Server { port, security, lmtp, ..Server::new(name) };
    if let Some(login) = login {
        let (account, password) = login.split_once(':').unwrap_or((login, ""));
        server.account = decode(account, "Account")?;
        server.password = Secret::new(decode(password, "Password")?);
    }
    Ok(server)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_a_person_writes() {
        let parts = |text: &str| {
            let s = parse(text).unwrap();
            (s.name.clone(), s.port, s.security, s.account.clone(), s.password.expose().to_owned())
        };
        let plain = |name: &str, port| (name.to_owned(), port, Security::Auto, String::new(), String::new());
        assert_eq!(parts("mail.example.com"), plain("mail.example.com", 0));
        assert_eq!(parts("mail.example.com:2525"), plain("mail.example.com", 2525));
        assert_eq!(parts("::1"), plain("::1", 0));
        assert_eq!(parts("[::1]:25"), plain("[::1]", 25));
        assert_eq!(parts("smtp://127.0.0.1:1025/"), plain("127.0.0.1", 1025));
        let (name, port, security, account, password) = parts("SMTPS://us%40er:p%3Aä@mail.example.com:465");
        assert_eq!((name.as_str(), port, security), ("mail.example.com", 465, Security::Implicit));
        assert_eq!((account.as_str(), password.as_str()), ("us@er", "p:ä"));
    }

    #[test]
    fn lmtp_and_unix_domain_sockets() {
        let parts = |text: &str| {
            let s = parse(text).unwrap();
            (s.name.clone(), s.effective_port(), s.lmtp)
        };
        assert_eq!(parts("lmtp://mail.example.com"), ("mail.example.com".to_owned(), 24, true));
        assert_eq!(parts("LMTP://[::1]:2424"), ("[::1]".to_owned(), 2424, true));
        assert_eq!(parts("unix:/run/a b@c:1"), ("unix:/run/a b@c:1".to_owned(), 0, false));
        assert_eq!(parts("lmtp+unix:/run/lmtp"), ("unix:/run/lmtp".to_owned(), 0, true));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, field) in [
            ("http://a", "Name"),
            ("user@host", "Name"),
            ("smtp://a/b", "Name"),
            ("a:0", "Port"),
            ("a:70000", "Port"),
            ("smtp://u:%zz@a", "Password"),
        ] {
            assert_eq!(parse(text).unwrap_err().field(), Some(field), "{text}");
        }
        let error = parse("x\r\nforged line://host").unwrap_err();
        assert!(error.message().starts_with("\"x\\r\\nforged line://\" is not known"), "{error}");
    }
}
