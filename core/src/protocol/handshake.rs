//! Opening a session: greeting, EHLO or HELO, STARTTLS, AUTH.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{
    Capabilities, Engine, Event, Security,
    auth::{self, AuthMode, Channel},
    engine::{Expect, Phase},
    redact::MASK,
};
use crate::{
    error::{Error, ErrorKind},
    types::{EnhancedCode, Failure, Reply, Stage},
};

/// Longest AUTH line with an initial response (RFC 4954 section 4).
const MAX_AUTH_LINE: usize = 12_288;

impl Engine {
    pub(super) fn on_greeting(&mut self, reply: Reply) {
        if reply.is_positive() {
            self.note_greeting(&reply);
            self.send_ehlo();
        } else if reply.is_intermediate() {
            self.on_nonsense(Stage::Connect, reply);
        } else {
            self.fail(Error::refused(ErrorKind::Protocol, Stage::Connect, reply));
        }
    }

    pub(super) fn send_ehlo(&mut self) {
        let line = format!("EHLO {}", self.config.helo_name);
        self.send(&line, Expect::Ehlo);
    }

    pub(super) fn on_ehlo(&mut self, expect: Expect, reply: Reply) {
        if reply.is_positive() {
            if expect == Expect::Ehlo {
                self.capabilities = Capabilities::parse(&reply, &self.config.disabled_extensions);
            }
            self.negotiate();
        } else if reply.is_permanent() && expect == Expect::Ehlo {
            // RFC 5321 section 3.2: an old server, or one that refuses the extended greeting only.
            let line = format!("HELO {}", self.config.helo_name);
            self.send(&line, Expect::Helo);
        } else if reply.is_intermediate() {
            self.on_nonsense(Stage::Ehlo, reply);
        } else {
            self.fail(Error::refused(ErrorKind::Protocol, Stage::Ehlo, reply));
        }
    }

    /// Goes on from EHLO: TLS first, then the login, then open.
    fn negotiate(&mut self) {
        let wants_tls = matches!(self.config.security, Security::Opportunistic | Security::Required);
        if !self.tls && wants_tls {
            if self.capabilities.starttls {
                return self.send("STARTTLS", Expect::StartTls);
            }
            if self.config.security == Security::Required {
                return self.fail(
                    Error::new(
                        ErrorKind::Tls,
                        Stage::StartTls,
                        "TLS is required, and the server does not offer STARTTLS",
                    )
                    .with_failure(Failure::TlsNotOffered),
                );
            }
        }
        self.log_in();
    }

    pub(super) fn on_starttls(&mut self, reply: Reply) {
        if reply.is_positive() {
            if !self.input_is_empty() {
                // RFC 3207 section 6, CVE-2011-0411: whoever put these bytes there was not protected by TLS.
                return self.fail(
                    Error::new(
                        ErrorKind::Tls,
                        Stage::StartTls,
                        "plain text followed the reply to STARTTLS: somebody on the way injects commands",
                    )
                    .with_failure(Failure::TlsFailed),
                );
            }
            self.phase = Phase::Handshake;
        } else if reply.is_intermediate() {
            self.on_nonsense(Stage::StartTls, reply);
        } else if self.config.security == Security::Opportunistic {
            let text = format!("The server refused STARTTLS. The session goes on in clear text. {reply}");
            self.events.push_back(Event::Notice(text));
            self.log_in();
        } else {
            let error = Error::refused(ErrorKind::Tls, Stage::StartTls, reply);
            self.fail(error.with_failure(Failure::TlsFailed));
        }
    }

    /// Starts the login with the strongest mechanism not tried yet, or opens the session.
    fn log_in(&mut self) {
        let wanted = self.config.credentials.as_ref().is_some_and(|c| c.mode != AuthMode::None);
        if !wanted || self.mechanism.is_some() {
            self.phase = Phase::Open;
            return;
        }
        self.start_exchange(None);
    }

    /// `refusal` is why the mechanism before was given up; it is the better error when there is no other.
    fn start_exchange(&mut self, refusal: Option<Error>) {
        let Some(credentials) = self.config.credentials.clone() else { return };
        let channel = Channel { tls: self.tls, loopback: self.config.loopback };
        let (name, mut exchange) =
            match auth::choose(&credentials, &self.capabilities.auth, channel, &self.tried) {
                Ok(choice) => choice,
                Err(error) => return self.fail(refusal.unwrap_or(error)),
            };
        self.redactor.add(credentials.password.expose().as_bytes());
        self.redactor.add_encoded(credentials.account.as_bytes());
        self.tried.push(name);
        let initial = exchange.initial();
        self.exchange = Some(exchange);
        let Some(initial) = initial else {
            return self.send(&format!("AUTH {name}"), Expect::Auth);
        };
        self.redactor.add_encoded(&initial);
        let encoded = if initial.is_empty() {
            Zeroizing::new("=".to_owned())
        } else {
            Zeroizing::new(STANDARD.encode(&*initial))
        };
        let line = Zeroizing::new(format!("AUTH {name} {}", *encoded));
        if line.len() > MAX_AUTH_LINE - 2 {
            self.deferred_initial = Some(initial);
            return self.send(&format!("AUTH {name}"), Expect::Auth);
        }
        self.send_secret(&line, format!("AUTH {name} {MASK}"), Expect::Auth);
    }

    /// `raw` holds the challenge as it came; `reply` is what may be shown.
    pub(super) fn on_auth(&mut self, raw: &Reply, reply: Reply) {
        match reply.code() {
            334 => self.on_challenge(raw),
            200..=299 => {
                self.mechanism = self.tried.last().copied();
                self.exchange = None;
                if let Some(name) = self.mechanism {
                    self.events.push_back(Event::LoggedIn(name));
                }
                self.phase = Phase::Open;
            }
            300..=399 => self.on_nonsense(Stage::Auth, reply),
            _ => {
                self.exchange = None;
                let other = may_try_another(&reply);
                let error = Error::refused(ErrorKind::Authentication, Stage::Auth, reply);
                if other { self.start_exchange(Some(error)) } else { self.fail(error) }
            }
        }
    }

    fn on_challenge(&mut self, raw: &Reply) {
        let text = raw.lines().first().map(|line| line.trim()).unwrap_or_default();
        let answer = match (STANDARD.decode(text), self.deferred_initial.take(), &mut self.exchange) {
            (Ok(_), Some(initial), _) => Ok(initial),
            (Ok(challenge), None, Some(exchange)) => exchange.respond(&challenge),
            (Err(_), ..) => Err("the challenge is not base64"),
            (_, None, None) => Err("a challenge came outside an exchange"),
        };
        match answer {
            Ok(answer) => {
                self.redactor.add_encoded(&answer);
                let line = Zeroizing::new(STANDARD.encode(&*answer));
                self.send_secret(&line, MASK.to_owned(), Expect::Auth);
            }
            Err(why) => {
                self.exchange = None;
                self.events.push_back(Event::Notice(format!("The login was cancelled: {why}.")));
                // RFC 4954 section 4: the server answers 501, and the session goes on.
                self.send("*", Expect::AuthCancelled);
            }
        }
    }

    pub(super) fn on_auth_cancelled(&mut self, reply: Reply) {
        if reply.is_positive() || reply.is_intermediate() {
            return self.on_nonsense(Stage::Auth, reply);
        }
        self.start_exchange(Some(Error::refused(ErrorKind::Authentication, Stage::Auth, reply)));
    }
}

/// Whether the refusal is about the mechanism, so that another one is no second try with the same bad password.
fn may_try_another(reply: &Reply) -> bool {
    let mechanism_too_weak = EnhancedCode { class: 5, subject: 7, detail: 4 };
    matches!(reply.code(), 504 | 534) || reply.enhanced_code() == Some(mechanism_too_weak)
}
