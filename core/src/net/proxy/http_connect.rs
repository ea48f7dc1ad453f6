//! HTTP's CONNECT (RFC 9110 section 9.3.6; the form of request and answer: RFC 9112), with Basic authentication
//! (RFC 7617).

use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use super::{Destination, Progress, fault, login_refused, refused};
use crate::{error::Error, log::escape, types::Secret};

/// The longest header that is taken, in bytes: far more than any proxy has to say.
const LIMIT: usize = 16 * 1024;
/// How an answer begins.
const BEGIN: &[u8] = b"HTTP/1.";
/// Characters of the proxy's own words that an error shows.
const SHOWN: usize = 200;

#[derive(Debug)]
pub(super) struct HttpConnect {
    has_login: bool,
    heard: Vec<u8>,
    /// Bytes of all headers so far, interim ones included.
    taken: usize,
}

impl HttpConnect {
    /// The conversation and its first words.
    pub(super) fn new(place: &Destination, port: u16, user: &str, password: &Secret) -> (Self, Vec<u8>) {
        let place = place.authority(port);
        let mut request = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n").into_bytes();
        if !user.is_empty() {
            let login = Zeroizing::new(format!("{user}:{}", password.expose()));
            let encoded = Zeroizing::new(BASE64_STANDARD.encode(login.as_bytes()));
            request.extend(b"Proxy-Authorization: Basic ");
            request.extend(encoded.as_bytes());
            request.extend(b"\r\n");
        }
        request.extend(b"\r\n");
        (Self { has_login: !user.is_empty(), heard: Vec::new(), taken: 0 }, request)
    }

    /// As many bytes as the end of the header, an empty line, must still have: the next byte is the server's. A line
    /// may end in a bare LF (RFC 9112 section 2.2).
    pub(super) fn wanted(&self) -> usize {
        match self.heard.as_slice() {
            [.., b'\n'] | [.., b'\n', b'\r'] => 1,
            _ => 2,
        }
    }

    pub(super) fn input(&mut self, bytes: &[u8]) -> Result<Progress, Error> {
        self.heard.extend(bytes);
        self.taken += bytes.len();
        let known = self.heard.len().min(BEGIN.len());
        if self.heard[..known] != BEGIN[..known] {
            return Err(fault("what answers at the proxy's port does not speak HTTP"));
        }
        if self.taken > LIMIT {
            return Err(fault(format!("the proxy's answer has a header of more than {LIMIT} bytes")));
        }
        if !(self.heard.ends_with(b"\n\r\n") || self.heard.ends_with(b"\n\n")) {
            return Ok(Progress::Read);
        }
        let header = String::from_utf8_lossy(&self.heard).into_owned();
        self.heard.clear();
        self.answer(&header)
    }

    fn answer(&self, header: &str) -> Result<Progress, Error> {
        let mut lines = header.lines();
        let line = lines.next().unwrap_or_default();
        let mut words = line.splitn(3, ' ');
        let status = words.nth(1).filter(|code| code.len() == 3).and_then(|code| code.parse::<u16>().ok());
        let reason = shown(words.next().unwrap_or_default());
        match status {
            // Interim answers come before the final one (RFC 9110 section 15.2).
            Some(100..=199) => Ok(Progress::Read),
            Some(200..=299) => Ok(Progress::Done),
            Some(407) => Err(self.login_refused(&reason, lines)),
            Some(status @ 300..=599) => Err(refused(
                format!("the proxy does not connect to the server: it answered {status} {reason}").trim_end(),
                is_temporary(status),
            )),
            _ => Err(fault(format!("the proxy's answer is no answer of HTTP: {}", shown(line)))),
        }
    }

    fn login_refused<'a>(&self, reason: &str, lines: impl Iterator<Item = &'a str>) -> Error {
        let schemes: Vec<&str> = lines
            .filter_map(|line| line.split_once(':'))
            .filter(|(name, _)| name.eq_ignore_ascii_case("proxy-authenticate"))
            .filter_map(|(_, value)| value.trim().split([' ', ',']).next())
            .collect();
        let answered = format!("407 {reason}");
        let answered = answered.trim_end();
        if !schemes.is_empty() && !schemes.iter().any(|scheme| scheme.eq_ignore_ascii_case("Basic")) {
            let text = format!(
                "the proxy takes only a login by {} ({answered}), and Basic is the one known here",
                shown(&schemes.join(", "))
            );
            return login_refused(text);
        }
        login_refused(if self.has_login {
            format!("the proxy refused the login ({answered}): check user and password in Proxy")
        } else {
            format!(
                "the proxy asks for a login ({answered}): set user and password in Proxy, as \
                 http://user:password@host:3128"
            )
        })
    }

    pub(super) fn eof(&self) -> Error {
        fault(match self.taken {
            0 => "the proxy closed the connection without an answer; it may not speak HTTP",
            _ => "the proxy closed the connection in the middle of its answer",
        })
    }
}

/// Whether the same request may succeed later: overload and trouble at the proxy, not its rules.
fn is_temporary(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502..=504)
}

/// Words of the proxy, made harmless and short.
fn shown(text: &str) -> String {
    escape(&text.trim().chars().take(SHOWN).collect::<String>()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::vectors::{fails, plays};
    use crate::types::Failure;

    const URL: &str = "http://proxy:3128";
    const LOGIN: &str = "http://user:pa%20ss@proxy:3128";
    const SAID: &[u8] = b"CONNECT mail.test:587 HTTP/1.1\r\nHost: mail.test:587\r\n\r\n";

    #[test]
    fn not_a_byte_of_the_server_is_read() {
        for answer in [
            "HTTP/1.1 200 Connection established\r\n\r\n",
            "HTTP/1.0 200 OK\r\nProxy-Agent: test\r\nContent-Length: 3\r\n\r\n",
            "HTTP/1.1 200\r\n\r\n",
            "HTTP/1.1 204 \nX: y\n\n",
            "HTTP/1.1 200 OK\nX: y\n\r\n",
            "HTTP/1.1 200 OK\r\nX: \r \r y\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        ] {
            plays(URL, "mail.test", &[(SAID, answer.as_bytes())]);
        }
    }

    #[test]
    fn addresses_are_written_as_in_urls() {
        let said = b"CONNECT [2001:db8::1]:587 HTTP/1.1\r\nHost: [2001:db8::1]:587\r\n\r\n";
        plays(URL, "2001:db8::1", &[(said, b"HTTP/1.1 200 OK\r\n\r\n")]);
        let said = b"CONNECT 192.0.2.7:587 HTTP/1.1\r\nHost: 192.0.2.7:587\r\n\r\n";
        plays(URL, "192.0.2.7", &[(said, b"HTTP/1.1 200 OK\r\n\r\n")]);
    }

    #[test]
    fn the_login_is_sent_at_once_and_its_refusal_names_the_setting() {
        let said = b"CONNECT mail.test:587 HTTP/1.1\r\nHost: mail.test:587\r\nProxy-Authorization: Basic dXNlcjpwYSBzcw==\r\n\r\n";
        plays(LOGIN, "mail.test", &[(said, b"HTTP/1.1 200 OK\r\n\r\n")]);
        let refusal =
            b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n";
        let error = fails(LOGIN, "mail.test", &[(said, refusal)]);
        assert_eq!((error.failure(), error.is_temporary()), (Some(Failure::ProxyAuthFailed), false));
        assert!(error.message().contains("refused the login (407 Proxy Authentication Required)"), "{error}");
        assert!(error.message().contains("in Proxy"), "{error}");
        let error = fails(URL, "mail.test", &[(SAID, refusal)]);
        assert!(error.message().contains("asks for a login"), "{error}");
        let ntlm = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\nproxy-authenticate: NTLM\r\n\r\n";
        let error = fails(URL, "mail.test", &[(SAID, ntlm)]);
        assert!(error.message().contains("Negotiate, NTLM"), "{error}");
    }

    #[test]
    fn status_and_reason_are_in_the_error() {
        for (answer, words, temporary) in [
            ("HTTP/1.1 403 Forbidden by \u{1b}[2Jrule\r\n\r\n", "403 Forbidden by \\x1b[2Jrule", false),
            ("HTTP/1.1 502 Bad Gateway\r\n\r\n", "502 Bad Gateway", true),
            ("HTTP/1.1 503\r\n\r\n", "answered 503", true),
            ("HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n", "302 Found", false),
        ] {
            let error = fails(URL, "mail.test", &[(SAID, answer.as_bytes())]);
            assert_eq!(error.failure(), Some(Failure::ProxyRefused));
            assert!(error.message().ends_with(words), "{error}");
            assert_eq!(error.is_temporary(), temporary, "{error}");
        }
    }

    #[test]
    fn what_is_no_http_proxy_is_recognised_and_bounded() {
        let endless = format!("HTTP/1.1 200 OK\r\n{}", "X: y\r\n".repeat(5000));
        let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
        for (answer, words) in [
            ("220 mail.test ESMTP\r\n", "does not speak HTTP"),
            ("", "without an answer"),
            ("HTTP/1.1 200 O", "in the middle"),
            ("HTTP/1.1 abc\r\n\r\n", "no answer of HTTP"),
            ("HTTP/1.1 20 OK\r\n\r\n", "no answer of HTTP"),
            ("HTTP/1.1 999 OK\r\n\r\n", "no answer of HTTP"),
            ("HTTP/2 200\r\n\r\n", "does not speak HTTP"),
            (endless.as_str(), "more than 16384 bytes"),
            (interim.as_str(), "more than 16384 bytes"),
        ] {
            let error = fails(URL, "mail.test", &[(SAID, answer.as_bytes())]);
            assert_eq!(error.failure(), Some(Failure::ProxyFailed), "{answer}");
            assert!(error.message().contains(words), "{error}");
        }
    }
}
