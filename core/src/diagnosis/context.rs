//! What is known about a failure: the input of the diagnosis.

use std::net::IpAddr;

pub use crate::types::Failure;
use crate::types::{Reply, Stage, digits};

/// What is known when something failed. Everything is optional: the more is known, the better the diagnosis.
///
/// ```
/// use freesmtp_core::{diagnosis::{Context, diagnose}, types::{Cause, Reply, Stage}};
///
/// let reply = Reply::parse("550 5.7.1 Relaying denied").unwrap();
/// let offered = ["AUTH LOGIN PLAIN".to_owned(), "STARTTLS".to_owned()];
/// let diagnosis = diagnose(&Context {
///     stage: Some(Stage::Rcpt),
///     reply: Some(&reply),
///     host: "mail.example.com",
///     offered: &offered,
///     ..Context::default()
/// });
/// assert_eq!(diagnosis.cause, Cause::RelayDenied);
/// assert!(diagnosis.remedy.lines().next().unwrap().contains("Account"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Context<'a> {
    /// The phase of the session.
    pub stage: Option<Stage>,
    /// The reply that refused, or the server's last words.
    pub reply: Option<&'a Reply>,
    /// What the client noticed.
    pub failure: Option<Failure>,
    /// The text of the client's failure: the operating system's or the TLS library's words.
    pub detail: &'a str,
    /// The property that holds bad input, such as `Recipients[2].Email`.
    pub field: Option<&'a str>,
    /// The host name that was asked for; empty when unknown.
    pub host: &'a str,
    /// The port; 0 when unknown.
    pub port: u16,
    /// The host name in the server's greeting.
    pub greeting_host: Option<&'a str>,
    /// The lines of the EHLO reply after the first, without code: `AUTH LOGIN PLAIN`, `SIZE 1000`, `STARTTLS`.
    pub offered: &'a [String],
    /// A user name or a token was set by the program.
    pub credentials_set: bool,
    /// The session is logged in.
    pub authenticated: bool,
    /// The session is encrypted.
    pub tls: bool,
    /// The user name.
    pub user: Option<&'a str>,
    /// The SASL mechanism that was used or tried.
    pub mechanism: Option<&'a str>,
    /// The client's own address on this connection.
    pub local_address: Option<IpAddr>,
    /// The name that the client gave in EHLO.
    pub ehlo_name: Option<&'a str>,
    /// The address of MAIL FROM.
    pub sender: Option<&'a str>,
    /// The address of the RCPT TO in question.
    pub recipient: Option<&'a str>,
    /// Bytes of the message as sent.
    pub message_size: Option<u64>,
    /// Number of recipients in the transaction; 0 when unknown.
    pub recipient_count: usize,
    /// The `Message-ID`, to search for when the outcome is unknown.
    pub message_id: Option<&'a str>,
}

impl Context<'_> {
    /// The parameters of an EHLO keyword, when it was offered: `extension("SIZE")` is `Some("35882577")`.
    ///
    /// Takes the lines as they stood on the wire too (`250-SIZE 1000`), and `AUTH=LOGIN` as `AUTH LOGIN`.
    #[must_use]
    pub fn extension(&self, keyword: &str) -> Option<&str> {
        self.lines(keyword).next().map(|(_, parameters)| parameters)
    }

    /// Each line with that keyword: what separates its parameters, and the parameters.
    fn lines(&self, keyword: &str) -> impl Iterator<Item = (Option<char>, &str)> {
        self.offered.iter().filter_map(move |line| {
            let line =
                line.strip_prefix("250").map_or(line.as_str(), |rest| rest.trim_start_matches(['-', ' ']));
            let (name, parameters) = line.split_once([' ', '=']).unwrap_or((line, ""));
            let separator = line[name.len()..].chars().next();
            name.eq_ignore_ascii_case(keyword).then(|| (separator, parameters.trim()))
        })
    }

    /// The mechanisms that the server offers for AUTH, separated by spaces; `None` when AUTH is not offered.
    ///
    /// Servers send the old `AUTH=LOGIN` beside `AUTH LOGIN CRAM-MD5`: what either of them names is offered, the
    /// lists without `=` first.
    #[must_use]
    pub fn auth_offered(&self) -> Option<String> {
        let (old, standard): (Vec<_>, Vec<_>) =
            self.lines("AUTH").partition(|(separator, _)| *separator == Some('='));
        let mut mechanisms: Vec<&str> = Vec::new();
        for (_, list) in standard.iter().chain(&old) {
            for mechanism in list.split_whitespace() {
                if !mechanisms.iter().any(|known| known.eq_ignore_ascii_case(mechanism)) {
                    mechanisms.push(mechanism);
                }
            }
        }
        (!mechanisms.is_empty()).then(|| mechanisms.join(" "))
    }

    /// The largest message that the server announced in EHLO, in bytes; `None` for no announced limit.
    #[must_use]
    pub fn size_limit(&self) -> Option<u64> {
        digits(self.extension("SIZE")?.split(' ').next()?).filter(|limit| *limit > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_ehlo_offered() {
        let offered: Vec<String> =
            ["250-SIZE 1000", "auth=LOGIN PLAIN", "STARTTLS", "8BITMIME"].map(str::to_owned).to_vec();
        let context = Context { offered: &offered, ..Context::default() };
        assert_eq!(context.size_limit(), Some(1000));
        assert_eq!(context.auth_offered().as_deref(), Some("LOGIN PLAIN"));
        assert_eq!(context.extension("starttls"), Some(""));
        assert_eq!(context.extension("8BIT"), None);
    }

    #[test]
    fn a_size_is_digits_and_nothing_else() {
        for offer in ["SIZE +5", "SIZE -5", "SIZE 5k", "SIZE", "SIZE 0", "SIZE 99999999999999999999"] {
            let offered = [offer.to_owned()];
            let context = Context { offered: &offered, ..Context::default() };
            assert_eq!(context.size_limit(), None, "{offer}");
        }
    }

    #[test]
    fn the_old_form_of_auth_never_hides_the_standard_one() {
        let offered = ["AUTH=LOGIN", "AUTH SCRAM-MD5 LOGIN CRAM-MD5", "AUTH=NTLM login"].map(str::to_owned);
        let context = Context { offered: &offered, ..Context::default() };
        assert_eq!(context.auth_offered().as_deref(), Some("SCRAM-MD5 LOGIN CRAM-MD5 NTLM"));
    }

    #[test]
    fn nothing_offered_is_no_limit() {
        let offered = ["SIZE 0".to_owned(), "AUTH".to_owned()];
        let context = Context { offered: &offered, ..Context::default() };
        assert_eq!(context.size_limit(), None);
        assert_eq!(context.auth_offered(), None);
        assert_eq!(Context::default().size_limit(), None);
    }
}
