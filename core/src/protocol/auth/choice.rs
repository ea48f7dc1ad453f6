//! The table of mechanisms, and which of them a login takes.
//!
//! Policy of the automatic choice. With a token, the mechanisms for tokens. With a password, strongest first: SCRAM bound
//! to the TLS channel, SCRAM, DIGEST-MD5, CRAM-MD5, PLAIN, LOGIN, NTLM. NTLM stands last under TLS, because it works for
//! accounts of a Windows domain only while servers offer it to everybody; in clear text it stands before PLAIN and LOGIN,
//! which show the password. EXTERNAL is taken when a client certificate is all there is. ANONYMOUS and SCRAM-MD5 are
//! taken only by name.

use super::{
    AuthMode, Credentials, Material, Mechanism, TokenSource, anonymous::Anonymous, cram_md5::CramMd5,
    digest_md5::DigestMd5, external::External, hash, login::Login, ntlm::Ntlm, oauthbearer::OAuthBearer,
    plain::Plain, scram::Scram, xoauth2::XOAuth2,
};
use crate::{
    error::{Error, ErrorKind},
    types::{Failure, Stage},
};

/// What the automatic choice asks of the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    Password,
    Token,
    Certificate,
    /// Never taken unasked.
    Name,
}

/// What somebody who listens learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    /// The password, or what is as good.
    Secret,
    /// Something to try passwords on.
    Proof,
    Nothing,
}

/// A row of the table of mechanisms.
pub(in crate::protocol) struct Row {
    pub(in crate::protocol) name: &'static str,
    needs: Needs,
    shows: Shows,
    /// Usable only where the TLS channel can be bound.
    plus: bool,
    pub(in crate::protocol) start: fn(&mut Material<'_>) -> Result<Box<dyn Mechanism>, Error>,
}

impl Row {
    pub(in crate::protocol) fn needs_token(&self) -> bool {
        self.needs == Needs::Token
    }
}

const fn row(
    name: &'static str,
    needs: Needs,
    shows: Shows,
    start: fn(&mut Material<'_>) -> Result<Box<dyn Mechanism>, Error>,
) -> Row {
    Row { name, needs, shows, plus: false, start }
}

const fn plus(name: &'static str, start: fn(&mut Material<'_>) -> Result<Box<dyn Mechanism>, Error>) -> Row {
    Row { name, needs: Needs::Password, shows: Shows::Proof, plus: true, start }
}

/// The mechanisms, strongest first.
static TABLE: &[Row] = &[
    row("OAUTHBEARER", Needs::Token, Shows::Secret, |m| Ok(Box::new(OAuthBearer::new(m)?))),
    row("XOAUTH2", Needs::Token, Shows::Secret, |m| Ok(Box::new(XOAuth2::new(m)?))),
    plus("SCRAM-SHA-512-PLUS", |m| Ok(Box::new(Scram::plus(&hash::SHA512, m)?))),
    plus("SCRAM-SHA-256-PLUS", |m| Ok(Box::new(Scram::plus(&hash::SHA256, m)?))),
    plus("SCRAM-SHA-1-PLUS", |m| Ok(Box::new(Scram::plus(&hash::SHA1, m)?))),
    row("SCRAM-SHA-512", Needs::Password, Shows::Proof, |m| Ok(Box::new(Scram::new(&hash::SHA512, m)?))),
    row("SCRAM-SHA-256", Needs::Password, Shows::Proof, |m| Ok(Box::new(Scram::new(&hash::SHA256, m)?))),
    row("SCRAM-SHA-1", Needs::Password, Shows::Proof, |m| Ok(Box::new(Scram::new(&hash::SHA1, m)?))),
    row("DIGEST-MD5", Needs::Password, Shows::Proof, |m| Ok(Box::new(DigestMd5::new(m)?))),
    row("CRAM-MD5", Needs::Password, Shows::Proof, |m| Ok(Box::new(CramMd5::new(m.credentials)))),
    row("PLAIN", Needs::Password, Shows::Secret, |m| Ok(Box::new(Plain::new(m.credentials)))),
    row("LOGIN", Needs::Password, Shows::Secret, |m| Ok(Box::new(Login::new(m.credentials)))),
    row("NTLM", Needs::Password, Shows::Proof, |m| Ok(Box::new(Ntlm::new(m)))),
    row("EXTERNAL", Needs::Certificate, Shows::Nothing, |m| Ok(Box::new(External::new(m.credentials)))),
    row("SCRAM-MD5", Needs::Name, Shows::Proof, |m| Ok(Box::new(Scram::new(&hash::MD5, m)?))),
    row("ANONYMOUS", Needs::Name, Shows::Nothing, |m| Ok(Box::new(Anonymous::new(m.credentials)?))),
];

/// What the session allows.
#[derive(Clone, Copy, Debug)]
pub(in crate::protocol) struct Channel {
    pub(in crate::protocol) tls: bool,
    pub(in crate::protocol) loopback: bool,
    /// The TLS channel can be bound to a login.
    pub(in crate::protocol) binding: bool,
}

/// Chooses the strongest usable mechanism among `offered` that was not `tried` yet.
///
/// # Errors
/// Says why none is usable: nothing offered, none in common, or only over TLS.
pub(in crate::protocol) fn choose(
    credentials: &Credentials,
    offered: &[String],
    channel: Channel,
    tried: &[&'static str],
) -> Result<&'static Row, Error> {
    let fail = |failure, text: String| {
        Err(Error::new(ErrorKind::Authentication, Stage::Auth, text).with_failure(failure))
    };
    if offered.is_empty() {
        return fail(Failure::AuthNotOffered, "an account is set, but the server offers no AUTH".to_owned());
    }
    let mut own: Vec<&'static Row> = TABLE.iter().filter(|row| fits(row, credentials, channel)).collect();
    if !channel.tls {
        own.sort_by_key(|row| row.shows == Shows::Secret);
    }
    let listed = |row: &&&Row| offered.iter().any(|name| name == row.name) && !tried.contains(&row.name);
    let mut usable = own.iter().filter(listed).peekable();
    if usable.peek().is_none() {
        let own: Vec<&str> = own.iter().map(|row| row.name).collect();
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
    let safe = |row: &&&Row| {
        let hidden = match row.shows {
            Shows::Nothing => true,
            Shows::Proof => channel.loopback,
            Shows::Secret => false,
        };
        hidden || channel.tls || credentials.allow_plaintext
    };
    match usable.find(safe) {
        Some(row) => Ok(row),
        None => fail(
            Failure::PlaintextAuthRefused,
            "logging in would send the password in clear text: the session is not encrypted".to_owned(),
        ),
    }
}

/// Whether the settings allow this mechanism.
fn fits(row: &Row, credentials: &Credentials, channel: Channel) -> bool {
    if row.plus && !channel.binding {
        return false;
    }
    let token = credentials.token != TokenSource::None;
    let password = !credentials.password.is_empty();
    if let Some(names) = named(credentials) {
        // A password can be a token that has no place of its own; nothing else can.
        return names.iter().any(|name| name.eq_ignore_ascii_case(row.name))
            && (row.needs != Needs::Token || token || password);
    }
    match row.needs {
        Needs::Token => token,
        Needs::Password if token || credentials.client_certificate => password,
        // Without a password the server's answer says what is wrong.
        Needs::Password => true,
        Needs::Certificate => credentials.client_certificate && !password && !token,
        Needs::Name => false,
    }
}

/// The mechanisms that the settings name; `None` when the choice is automatic.
fn named(credentials: &Credentials) -> Option<Vec<&str>> {
    match credentials.mode {
        AuthMode::Sasl if !credentials.sasl.is_empty() => Some(vec![credentials.sasl.as_str()]),
        mode => mode.mechanisms().map(<[&str]>::to_vec),
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

    const TLS: Channel = Channel { tls: true, loopback: false, binding: false };
    const CLEAR: Channel = Channel { tls: false, loopback: false, binding: false };
    const LOOPBACK: Channel = Channel { tls: false, loopback: true, binding: false };
    const BOUND: Channel = Channel { tls: true, loopback: false, binding: true };

    fn credentials(mode: AuthMode) -> Credentials {
        Credentials { account: "user".into(), password: "secret".into(), mode, ..Credentials::default() }
    }

    fn pick(c: &Credentials, offered: &str, channel: Channel) -> Result<&'static str, Option<Failure>> {
        let offered: Vec<String> = offered.split_whitespace().map(str::to_owned).collect();
        choose(c, &offered, channel, &[]).map(|row| row.name).map_err(|e| e.failure())
    }

    #[test]
    fn the_strongest_offered_is_taken_and_a_named_one_is_obeyed() {
        let auto = credentials(AuthMode::Auto);
        assert_eq!(pick(&auto, "LOGIN PLAIN NTLM", TLS), Ok("PLAIN"));
        assert_eq!(pick(&auto, "LOGIN PLAIN CRAM-MD5 DIGEST-MD5", TLS), Ok("DIGEST-MD5"));
        assert_eq!(pick(&auto, "PLAIN SCRAM-SHA-1 SCRAM-SHA-256", TLS), Ok("SCRAM-SHA-256"));
        assert_eq!(pick(&auto, "SCRAM-SHA-1-PLUS SCRAM-SHA-512", TLS), Ok("SCRAM-SHA-512"));
        assert_eq!(pick(&auto, "SCRAM-SHA-1-PLUS SCRAM-SHA-512", BOUND), Ok("SCRAM-SHA-1-PLUS"));
        assert_eq!(pick(&credentials(AuthMode::AuthLogin), "LOGIN PLAIN", TLS), Ok("LOGIN"));
        assert_eq!(
            pick(&credentials(AuthMode::ScramSha1), "SCRAM-SHA-1 SCRAM-SHA-1-PLUS", BOUND),
            Ok("SCRAM-SHA-1-PLUS")
        );
        let named = Credentials { sasl: "login".into(), ..credentials(AuthMode::Sasl) };
        assert_eq!(pick(&named, "PLAIN LOGIN", TLS), Ok("LOGIN"));
        let exact = Credentials { sasl: "SCRAM-SHA-1".into(), ..named };
        assert_eq!(pick(&exact, "SCRAM-SHA-1 SCRAM-SHA-1-PLUS", BOUND), Ok("SCRAM-SHA-1"));
    }

    #[test]
    fn what_is_set_decides_what_is_taken_unasked() {
        let all = "ANONYMOUS EXTERNAL SCRAM-MD5 PLAIN XOAUTH2 OAUTHBEARER";
        let auto = credentials(AuthMode::Auto);
        assert_eq!(pick(&auto, all, TLS), Ok("PLAIN"));
        assert_eq!(
            pick(&auto, "ANONYMOUS EXTERNAL SCRAM-MD5 XOAUTH2", TLS),
            Err(Some(Failure::NoCommonMechanism))
        );
        let token = Credentials { token: TokenSource::Asked, ..auto.clone() };
        assert_eq!(pick(&token, all, TLS), Ok("OAUTHBEARER"));
        assert_eq!(pick(&token, "PLAIN XOAUTH2", TLS), Ok("XOAUTH2"));
        let only_token = Credentials { password: "".into(), ..token };
        assert_eq!(pick(&only_token, "PLAIN", TLS), Err(Some(Failure::NoCommonMechanism)));
        let certificate = Credentials { client_certificate: true, ..auto.clone() };
        assert_eq!(pick(&certificate, all, TLS), Ok("PLAIN"));
        assert_eq!(pick(&Credentials { password: "".into(), ..certificate }, all, TLS), Ok("EXTERNAL"));
        for mode in [AuthMode::Anonymous, AuthMode::ScramMd5, AuthMode::External] {
            let name = mode.as_str().to_uppercase();
            assert_eq!(pick(&credentials(mode), all, TLS), Ok(&*name.leak()), "{mode:?}");
        }
        assert_eq!(
            pick(&credentials(AuthMode::XOAuth2), all, TLS),
            Ok("XOAUTH2"),
            "the password is the token"
        );
    }

    #[test]
    fn each_reason_for_no_login_is_told_apart() {
        let c = credentials(AuthMode::Auto);
        assert_eq!(pick(&c, "", TLS), Err(Some(Failure::AuthNotOffered)));
        assert_eq!(pick(&c, "GSSAPI", TLS), Err(Some(Failure::NoCommonMechanism)));
        assert_eq!(pick(&c, "PLAIN", CLEAR), Err(Some(Failure::PlaintextAuthRefused)));
    }

    #[test]
    fn a_password_crosses_clear_text_only_when_allowed_by_name() {
        let c = credentials(AuthMode::Auto);
        let all = "PLAIN LOGIN NTLM";
        assert_eq!(pick(&c, "PLAIN", LOOPBACK), Err(Some(Failure::PlaintextAuthRefused)));
        assert_eq!(pick(&c, "PLAIN CRAM-MD5", LOOPBACK), Ok("CRAM-MD5"));
        assert_eq!(pick(&c, "PLAIN CRAM-MD5", CLEAR), Err(Some(Failure::PlaintextAuthRefused)));
        let token = Credentials { token: TokenSource::Asked, ..c.clone() };
        assert_eq!(pick(&token, "XOAUTH2", LOOPBACK), Err(Some(Failure::PlaintextAuthRefused)));
        let allowed = Credentials { allow_plaintext: true, ..c };
        assert_eq!(pick(&allowed, "PLAIN", CLEAR), Ok("PLAIN"));
        assert_eq!(pick(&allowed, all, CLEAR), Ok("NTLM"), "the one that does not show it first");
        assert_eq!(pick(&credentials(AuthMode::Anonymous), "ANONYMOUS", CLEAR), Ok("ANONYMOUS"));
    }

    #[test]
    fn every_mechanism_has_a_name_that_can_be_set() {
        for row in TABLE {
            check_sasl_name(&row.name.to_lowercase(), "SASL").unwrap();
        }
        let error = check_sasl_name("GSSAPI", "SASL").unwrap_err();
        assert!(TABLE.iter().all(|row| error.message().contains(row.name)));
        for (mode, _) in AuthMode::ALL {
            for name in mode.mechanisms().unwrap_or_default() {
                assert!(TABLE.iter().any(|row| row.name == *name), "{name}");
            }
        }
    }
}
