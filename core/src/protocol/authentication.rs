//! The login (RFC 4954): which mechanism, its messages, and what a refusal means.
//!
//! Policy: a refusal that is about the mechanism, and a challenge that is none, let the next mechanism be tried. A refusal
//! of user name and password ends the login at once, so that no account is locked. A refused token is asked for anew,
//! once. A server that could not prove who it is gets nothing more.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{
    Engine, Event,
    auth::{
        self, AuthMode, Channel, Credentials, Fault, Material, Mechanism, Message, Nonces, Row, TokenSource,
    },
    dialogue::Expect,
    engine::Phase,
    redact::MASK,
};
use crate::{
    error::{Error, ErrorKind},
    types::{EnhancedCode, Failure, Reply, Secret, Stage},
};

/// Longest AUTH line with an initial response: that of every command (RFC 4954 section 4, RFC 5321 section
/// 4.5.3.1.4). What is longer goes behind the empty challenge, where 12,288 octets are allowed.
const MAX_AUTH_LINE: usize = 512;

/// Where the login stands.
pub(super) struct LogIn {
    /// The mechanism under way or tried last.
    row: Option<&'static Row>,
    exchange: Option<Box<dyn Mechanism>>,
    /// The client's first message, which goes out after the next prompt.
    first: Option<Message>,
    tried: Vec<&'static str>,
    mechanism: Option<&'static str>,
    /// Why the mechanism before was given up: the better error when there is no other.
    refusal: Option<Error>,
    token: Option<Secret>,
    /// The server refused a token, and a new one was asked for.
    refreshed: bool,
    binding: Option<Vec<u8>>,
    nonces: Nonces,
}

impl LogIn {
    pub(super) fn new(entropy: [u8; 32]) -> Self {
        Self {
            row: None,
            exchange: None,
            first: None,
            tried: Vec::new(),
            mechanism: None,
            refusal: None,
            token: None,
            refreshed: false,
            binding: None,
            nonces: Nonces::new(entropy),
        }
    }

    pub(super) fn mechanism(&self) -> Option<&'static str> {
        self.mechanism
    }

    pub(super) fn tried(&self) -> Option<&'static str> {
        self.tried.last().copied()
    }

    pub(super) fn refreshes(&self) -> bool {
        self.refreshed
    }

    /// Drops what holds secrets.
    pub(super) fn forget(&mut self) {
        self.exchange = None;
        self.first = None;
        self.token = None;
    }
}

impl Engine {
    /// What a login can be bound to: the hash of the server's certificate (`tls-server-end-point`, RFC 5929
    /// section 4). The driver says it after a handshake, where its TLS tells it.
    pub fn channel_binding(&mut self, end_point: Option<Vec<u8>>) {
        self.login.binding = end_point.filter(|hash| !hash.is_empty());
    }

    /// The token that [`Step::NeedToken`](super::Step::NeedToken) asked for, or why there is none.
    pub fn token(&mut self, token: Result<Secret, String>) {
        if self.phase != Phase::Token {
            return;
        }
        self.phase = Phase::Opening;
        match token {
            Ok(token) if self.login.token.as_ref() == Some(&token) => {
                // The server refused this very one.
                let error = self.login.refusal.take().unwrap_or_else(|| failure("the token was refused"));
                self.fail(error);
            }
            Ok(token) => {
                self.login.token = Some(token);
                self.begin_exchange();
            }
            Err(why) => {
                let why = self.redactor.clean(auth::printable(&why, 500));
                self.fail(
                    failure(&format!("no access token could be had: {why}"))
                        .with_failure(Failure::TokenUnavailable),
                );
            }
        }
    }

    /// Keeps the password and the token out of what is shown, from the greeting on: a server may know them from before.
    pub(super) fn hide_credentials(&mut self) {
        let Some(credentials) = &self.config.credentials else { return };
        self.redactor.add(credentials.password.expose().as_bytes());
        self.redactor.add_encoded(credentials.account.as_bytes());
        if let TokenSource::Fixed(token) = &credentials.token {
            self.redactor.add(token.expose().as_bytes());
        }
    }

    /// Logs in with the strongest mechanism, or opens the session.
    pub(super) fn log_in(&mut self) {
        let wanted = self.config.credentials.as_ref().is_some_and(|c| c.mode != AuthMode::None);
        if wanted && self.login.mechanism.is_none() {
            self.next_mechanism();
        } else {
            self.phase = Phase::Open;
        }
    }

    /// Takes the strongest mechanism not tried yet.
    fn next_mechanism(&mut self) {
        let Some(credentials) = &self.config.credentials else { return };
        let channel = Channel {
            tls: self.tls,
            loopback: self.config.loopback,
            binding: self.tls && self.login.binding.is_some(),
        };
        let row = match auth::choose(credentials, &self.capabilities.auth, channel, &self.login.tried) {
            Ok(row) => row,
            Err(error) => {
                match self.login.refusal.take() {
                    None if credentials.optional => self.phase = Phase::Open,
                    refusal => self.fail(refusal.unwrap_or(error)),
                }
                return;
            }
        };
        self.login.tried.push(row.name);
        self.login.row = Some(row);
        if row.needs_token() && self.login.token.is_none() {
            self.login.token = match &credentials.token {
                TokenSource::Asked => {
                    self.phase = Phase::Token;
                    return;
                }
                TokenSource::Fixed(token) => Some(token.clone()),
                TokenSource::None => Some(credentials.password.clone()),
            };
        }
        self.begin_exchange();
    }

    /// Begins the exchange of the mechanism chosen.
    fn begin_exchange(&mut self) {
        let (Some(row), Some(credentials)) = (self.login.row, self.config.credentials.clone()) else {
            return;
        };
        let token = self.login.token.clone().unwrap_or_default();
        self.redactor.add(token.expose().as_bytes());
        let plus_offered = self.capabilities.auth.iter().any(|name| name.ends_with("-PLUS"));
        let started = (row.start)(&mut Material {
            credentials: &credentials,
            token: &token,
            host: &self.config.host,
            port: self.config.port,
            binding: self.login.binding.as_deref().filter(|_| self.tls),
            plus_offered,
            nonces: &mut self.login.nonces,
            unix_seconds: self.config.unix_seconds,
        });
        let mut exchange = match started {
            Ok(exchange) => exchange,
            Err(error) => {
                // Another mechanism may be able to carry the value; if none is, this is why.
                self.login.refusal.get_or_insert(error);
                return self.next_mechanism();
            }
        };
        let initial = exchange.initial();
        self.login.exchange = Some(exchange);
        let name = row.name;
        let Some(message) = initial else {
            return self.send(&format!("AUTH {name}"), Expect::Auth);
        };
        // At once: one that is too long for the command leaves later, and a server may know it from an earlier session.
        self.hide(&message, &credentials);
        let encoded = Zeroizing::new(STANDARD.encode(&*message));
        let argument = if message.is_empty() { "=" } else { encoded.as_str() };
        let line = Zeroizing::new(format!("AUTH {name} {argument}"));
        if line.len() > MAX_AUTH_LINE - 2 {
            self.login.first = Some(message);
            return self.send(&format!("AUTH {name}"), Expect::Auth);
        }
        self.send_secret(&line, format!("AUTH {name} {MASK}"), Expect::Auth);
    }

    /// `raw` holds the challenge as it came; `reply` is what may be shown.
    pub(super) fn on_auth(&mut self, raw: &Reply, reply: Reply) {
        match reply.code() {
            334 => self.on_challenge(raw),
            200..=299 => self.on_logged_in(),
            300..=399 => self.on_nonsense(Stage::Auth, reply),
            _ => self.on_refused(reply),
        }
    }

    fn on_challenge(&mut self, raw: &Reply) {
        let text = raw.lines().first().map(|line| line.trim()).unwrap_or_default();
        self.redactor.add_text(text);
        let first = self.login.first.take();
        let answer = match (STANDARD.decode(text), first, &mut self.login.exchange) {
            (Ok(_), Some(first), _) => Ok(first),
            (Ok(challenge), None, Some(exchange)) => exchange.respond(&challenge),
            (Err(_), _, Some(exchange)) => {
                exchange.prompted(text).ok_or(Fault::Malformed("the challenge is not base64".into()))
            }
            (_, _, None) => Err(Fault::Malformed("a challenge came outside an exchange".into())),
        };
        match answer {
            Ok(answer) => {
                if let Some(credentials) = self.config.credentials.clone() {
                    self.hide(&answer, &credentials);
                }
                let line = Zeroizing::new(STANDARD.encode(&*answer));
                self.send_secret(&line, MASK.to_owned(), Expect::Auth);
            }
            Err(Fault::Malformed(why)) => {
                self.login.exchange = None;
                self.events.push_back(Event::Notice(format!("The login was cancelled: {why}.")));
                let error = self.exchange_failed(&why).with_failure(Failure::MalformedChallenge);
                self.login.refusal = Some(error);
                // RFC 4954 section 4: the server answers 501, and the session goes on.
                self.send("*", Expect::AuthCancelled);
            }
            Err(Fault::Unverified(why)) => self.on_unverified(&why),
        }
    }

    fn on_logged_in(&mut self) {
        let mut exchange = self.login.exchange.take();
        if let Some(Err(Fault::Malformed(why) | Fault::Unverified(why))) =
            exchange.as_mut().map(|exchange| exchange.finish())
        {
            return self.on_unverified(&why);
        }
        self.login.mechanism = self.login.tried();
        self.login.forget();
        if let Some(name) = self.login.mechanism {
            self.events.push_back(Event::LoggedIn(name));
        }
        self.phase = Phase::Open;
    }

    /// Somebody else answers in the server's place, or the server is broken: both end the session.
    fn on_unverified(&mut self, why: &str) {
        let error = self.exchange_failed(why).with_failure(Failure::ServerNotVerified);
        self.fail(error);
    }

    fn on_refused(&mut self, reply: Reply) {
        let exchange = self.login.exchange.take();
        let remark = exchange.as_ref().and_then(|exchange| exchange.remark());
        let remark = remark.map(|remark| self.redactor.clean(remark.to_owned()));
        let about_mechanism =
            may_try_another(&reply) || exchange.is_some_and(|exchange| exchange.may_yield());
        let asked = self.login.row.is_some_and(Row::needs_token)
            && self.config.credentials.as_ref().is_some_and(|c| c.token == TokenSource::Asked);
        let expired = asked && !self.login.refreshed && reply.is_permanent();
        let error = match remark {
            None => Error::refused(ErrorKind::Authentication, Stage::Auth, reply),
            Some(remark) => {
                self.events.push_back(Event::Notice(format!("The server explains its refusal: {remark}")));
                failure(&format!("the server answered: {reply}; it explains: {remark}")).with_reply(reply)
            }
        };
        if about_mechanism {
            self.login.refusal = Some(error);
            self.next_mechanism();
        } else if expired {
            self.login.refusal = Some(error);
            self.login.refreshed = true;
            self.phase = Phase::Token;
        } else {
            self.fail(error);
        }
    }

    pub(super) fn on_auth_cancelled(&mut self, reply: Reply) {
        if reply.is_positive() || reply.is_intermediate() {
            return self.on_nonsense(Stage::Auth, reply);
        }
        self.next_mechanism();
    }

    fn exchange_failed(&self, why: &str) -> Error {
        failure(&format!("{} failed: {why}", self.login.tried().unwrap_or("AUTH")))
    }

    /// Keeps a SASL message, its base64 and the keys and hashes in it out of what a person may see.
    fn hide(&mut self, message: &[u8], credentials: &Credentials) {
        self.redactor.add_encoded(message);
        let account = credentials.account.as_str();
        if message == account.as_bytes() {
            return;
        }
        let Ok(text) = std::str::from_utf8(message) else { return };
        for part in text.split(['\0', '\u{1}', ',', ' ', '"']) {
            let value = part.split_once('=').filter(|(name, _)| name.len() <= 8).map_or(part, |(_, v)| v);
            let random = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
            if random && value.len() >= 16 && !account.contains(value) {
                self.redactor.add_text(value);
            }
        }
    }
}

fn failure(text: &str) -> Error {
    Error::new(ErrorKind::Authentication, Stage::Auth, text)
}

/// Whether the refusal is about the mechanism, so that another one is no second try with the same bad password:
/// unknown (504), too weak (534, 5.7.4), needing encryption (538) or a first login in clear text (432).
fn may_try_another(reply: &Reply) -> bool {
    let mechanism_too_weak = EnhancedCode { class: 5, subject: 7, detail: 4 };
    matches!(reply.code(), 432 | 504 | 534 | 538) || reply.enhanced_code() == Some(mechanism_too_weak)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Silent;

    impl Mechanism for Silent {
        fn initial(&mut self) -> Option<Message> {
            None
        }

        fn respond(&mut self, _challenge: &[u8]) -> Result<Message, Fault> {
            Err(Fault::Malformed("it is silent".into()))
        }
    }

    #[test]
    fn a_login_that_is_over_holds_no_secret() {
        let mut login = LogIn::new([0; 32]);
        login.exchange = Some(Box::new(Silent));
        login.first = Some(Message::new(b"password".to_vec()));
        login.token = Some(Secret::new("token"));
        login.forget();
        assert!(login.exchange.is_none() && login.first.is_none() && login.token.is_none());
    }
}
