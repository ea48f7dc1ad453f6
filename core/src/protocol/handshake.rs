//! Opening a session: greeting, EHLO or HELO, STARTTLS. The login is in `authentication.rs`.

use super::{Capabilities, Engine, Event, Security, dialogue::Expect, engine::Phase};
use crate::{
    error::{Error, ErrorKind},
    types::{Failure, Reply, Stage},
};

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
        let line = self.hello();
        self.send(&line, Expect::Ehlo);
    }

    /// EHLO, or LHLO to an LMTP server (RFC 2033 section 4.1).
    pub(super) fn hello(&self) -> String {
        let verb = if self.config.lmtp { "LHLO" } else { "EHLO" };
        format!("{verb} {}", self.config.helo_name)
    }

    /// `raw` is the reply as it came; `reply` is what may be shown.
    pub(super) fn on_ehlo(&mut self, expect: Expect, raw: Option<&Reply>, reply: Reply) {
        if reply.is_positive() {
            if expect == Expect::Ehlo {
                let disabled = &self.config.disabled_extensions;
                let shown = Capabilities::parse(&reply, disabled);
                let offered = Capabilities::parse(raw.unwrap_or(&reply), disabled);
                self.capabilities = Capabilities { host: shown.host, lines: shown.lines, ..offered };
            }
            self.negotiate();
        } else if reply.is_permanent() && expect == Expect::Ehlo && !self.config.lmtp {
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
}
