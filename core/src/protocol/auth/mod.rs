//! Logging in (RFC 4954): one file for each SASL mechanism, one trait, one table.
//!
//! A new mechanism is a file with a type that implements [`Mechanism`], and a row in [`TABLE`].

mod login;
mod plain;

use zeroize::Zeroizing;

use crate::{
    error::{Error, ErrorKind},
    types::{Failure, Secret, Stage},
};

/// Bytes of a SASL message, wiped when dropped.
pub type Message = Zeroizing<Vec<u8>>;

/// One SASL exchange.
pub trait Mechanism: Send {
    /// What is sent with the AUTH command itself; `None` when the server speaks first.
    fn initial(&mut self) -> Option<Message>;

    /// The answer to a challenge, both without base64.
    ///
    /// # Errors
    /// A sentence when the challenge is not one of this mechanism: the exchange is cancelled.
    fn respond(&mut self, challenge: &[u8]) -> Result<Message, &'static str>;
}

/// How to log in. The numbers are those of the property `AuthMode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AuthMode {
    /// No login, even when an account is set.
    None = 0,
    /// The LOGIN mechanism.
    AuthLogin = 1,
    /// The strongest mechanism offered, or the one named in `SASL`.
    Sasl = 4,
    /// The PLAIN mechanism (RFC 4616).
    Plain = 16,
    /// The strongest mechanism offered, when an account is set.
    #[default]
    Auto = 27,
}

impl AuthMode {
    /// Every value, with the names it goes by in strings.
    pub const ALL: [(AuthMode, &'static str); 5] = [
        (Self::None, "none"),
        (Self::AuthLogin, "login"),
        (Self::Sasl, "sasl"),
        (Self::Plain, "plain"),
        (Self::Auto, "auto"),
    ];

    /// The value with that number.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().map(|(mode, _)| mode).find(|mode| i64::from(*mode as u8) == number)
    }

    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.into_iter().find(|(mode, _)| *mode == self).map_or("auto", |(_, name)| name)
    }
}

impl std::str::FromStr for AuthMode {
    type Err = Error;

    /// Takes the name in any case; `AuthLogin` is `login`.
    fn from_str(s: &str) -> Result<Self, Error> {
        let name = if s.eq_ignore_ascii_case("AuthLogin") { "login" } else { s };
        Self::ALL.into_iter().find(|(_, n)| name.eq_ignore_ascii_case(n)).map(|(mode, _)| mode).ok_or_else(
            || {
                let names: Vec<&str> = Self::ALL.iter().map(|(_, name)| *name).collect();
                Error::input("AuthMode", format!("is one of {}", names.join(", ")))
            },
        )
    }
}

/// Who logs in, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub account: String,
    /// The password.
    pub password: Secret,
    /// The way to log in.
    pub mode: AuthMode,
    /// The mechanism wanted, when `mode` is `Sasl`; empty for the strongest.
    pub sasl: String,
    /// PLAIN and LOGIN may go over clear text.
    pub allow_plaintext: bool,
}

/// A row of the table of mechanisms.
struct Row {
    name: &'static str,
    /// Sends the password, or what is as good, to whoever listens.
    plaintext: bool,
    start: fn(&Credentials) -> Box<dyn Mechanism>,
}

/// The mechanisms, strongest first.
const TABLE: &[Row] = &[
    Row { name: "PLAIN", plaintext: true, start: |c| Box::new(plain::Plain::new(c)) },
    Row { name: "LOGIN", plaintext: true, start: |c| Box::new(login::Login::new(c)) },
];

/// What the session allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    pub(super) tls: bool,
    pub(super) loopback: bool,
}

/// Chooses the strongest usable mechanism among `offered` that was not `tried` yet.
///
/// # Errors
/// Says why none is usable: nothing offered, none in common, or only over TLS.
pub(super) fn choose(
    credentials: &Credentials,
    offered: &[String],
    channel: Channel,
    tried: &[&'static str],
) -> Result<(&'static str, Box<dyn Mechanism>), Error> {
    let fail = |failure, text: String| {
        Err(Error::new(ErrorKind::Authentication, Stage::Auth, text).with_failure(failure))
    };
    if offered.is_empty() {
        return fail(Failure::AuthNotOffered, "an account is set, but the server offers no AUTH".to_owned());
    }
    let wanted = match credentials.mode {
        AuthMode::AuthLogin => Some("LOGIN"),
        AuthMode::Plain => Some("PLAIN"),
        AuthMode::Sasl if !credentials.sasl.is_empty() => Some(credentials.sasl.as_str()),
        _ => None,
    };
    let fits = |row: &&Row| wanted.is_none_or(|name| name.eq_ignore_ascii_case(row.name));
    let listed = |row: &&Row| offered.iter().any(|name| name == row.name) && !tried.contains(&row.name);
    let mut usable = TABLE.iter().filter(fits).filter(listed).peekable();
    if usable.peek().is_none() {
        let own: Vec<&str> = TABLE.iter().filter(fits).map(|row| row.name).collect();
        return fail(
            Failure::NoCommonMechanism,
            format!(
                "the server offers AUTH {}, this session can use {}",
                offered.join(" "),
                if own.is_empty() { "none of them".to_owned() } else { own.join(" ") }
            ),
        );
    }
    // A challenge-response may cross loopback in clear text; a password never does unasked.
    let safe =
        |row: &&Row| channel.tls || credentials.allow_plaintext || (channel.loopback && !row.plaintext);
    match usable.find(safe) {
        Some(row) => Ok((row.name, (row.start)(credentials))),
        None => fail(
            Failure::PlaintextAuthRefused,
            "logging in would send the password in clear text: the session is not encrypted".to_owned(),
        ),
    }
}

/// Whether the settings name a mechanism that exists here; called before anything is sent.
///
/// # Errors
/// `ErrorKind::Message` naming `field`.
pub fn check_sasl_name(name: &str, field: &str) -> Result<(), Error> {
    if name.is_empty() || TABLE.iter().any(|row| row.name.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    let names: Vec<&str> = TABLE.iter().map(|row| row.name).collect();
    Err(Error::input(field, format!("{name:?} is not known; it is one of {}", names.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(mode: AuthMode) -> Credentials {
        Credentials { account: "user".into(), password: "secret".into(), mode, ..Credentials::default() }
    }

    fn pick(
        c: &Credentials,
        offered: &[&str],
        tls: bool,
        loopback: bool,
    ) -> Result<&'static str, Option<Failure>> {
        let offered: Vec<String> = offered.iter().map(|s| (*s).to_owned()).collect();
        choose(c, &offered, Channel { tls, loopback }, &[]).map(|(name, _)| name).map_err(|e| e.failure())
    }

    #[test]
    fn the_strongest_offered_is_taken_and_a_named_one_is_obeyed() {
        assert_eq!(pick(&credentials(AuthMode::Auto), &["LOGIN", "PLAIN"], true, false), Ok("PLAIN"));
        assert_eq!(pick(&credentials(AuthMode::AuthLogin), &["LOGIN", "PLAIN"], true, false), Ok("LOGIN"));
        let named = Credentials { sasl: "login".into(), ..credentials(AuthMode::Sasl) };
        assert_eq!(pick(&named, &["PLAIN", "LOGIN"], true, false), Ok("LOGIN"));
    }

    #[test]
    fn each_reason_for_no_login_is_told_apart() {
        let c = credentials(AuthMode::Auto);
        assert_eq!(pick(&c, &[], true, false), Err(Some(Failure::AuthNotOffered)));
        assert_eq!(pick(&c, &["NTLM"], true, false), Err(Some(Failure::NoCommonMechanism)));
        assert_eq!(pick(&c, &["PLAIN"], false, false), Err(Some(Failure::PlaintextAuthRefused)));
    }

    #[test]
    fn a_password_crosses_clear_text_only_when_allowed_by_name() {
        let c = credentials(AuthMode::Auto);
        assert_eq!(pick(&c, &["PLAIN"], false, true), Err(Some(Failure::PlaintextAuthRefused)));
        let allowed = Credentials { allow_plaintext: true, ..c };
        assert_eq!(pick(&allowed, &["PLAIN"], false, false), Ok("PLAIN"));
    }
}
