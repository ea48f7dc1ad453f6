//! The numbers of the object API. They never change; a value that is not needed any more stays unused.

use std::ffi::c_int;

use freesmtp_core::RecipientStatus;

/// What kind of failure it is, banded by hundred.
#[repr(C)]
pub enum freesmtp_error_kind {
    /// The message, a setting or an argument is not valid; the field names it. Nothing was sent.
    Message = 100,
    /// The host name could not be resolved.
    Dns = 200,
    /// No connection could be opened, or it broke.
    Connect = 201,
    /// TLS could not be established.
    Tls = 202,
    /// The proxy refused.
    Proxy = 203,
    /// The server did not answer in time.
    Timeout = 204,
    /// The server refused the login, or no usable mechanism is offered.
    Authentication = 300,
    /// The server refused a command, or broke the protocol.
    Protocol = 400,
    /// Every recipient was refused.
    RecipientsRefused = 401,
    /// The connection broke after the whole message was sent: it may have been delivered.
    OutcomeUnknown = 402,
    /// A file could not be opened, read or written.
    FileIo = 500,
    /// The spool could not take the message.
    Spool = 600,
    /// The program cancelled the operation.
    Cancelled = 700,
    /// A fault of this library. Please report it.
    Internal = 900,
}

/// What became of the message for one recipient.
#[repr(C)]
pub enum freesmtp_recipient_status {
    /// The server took responsibility for delivery.
    Accepted = 1,
    /// Refused for now, or the transaction failed for a temporary reason.
    Deferred = 2,
    /// Refused for good.
    Refused = 3,
    /// The connection broke before the answer: it may or may not have been delivered.
    Unknown = 4,
}

/// Which header names a recipient.
#[repr(C)]
pub enum freesmtp_recipient_type {
    /// Those whom the message is written to.
    To = 0,
    /// Those who get a copy, and everyone may know.
    Cc = 1,
    /// Those who get a copy that no header tells of.
    Bcc = 2,
}

/// What kind of text it is.
#[repr(C)]
pub enum freesmtp_body_part_format {
    /// `text/plain`
    Plain = 0,
    /// `text/html`
    Html = 1,
}

/// How a text travels (RFC 2045 section 6).
#[repr(C)]
pub enum freesmtp_body_part_encoding {
    /// As it is where the session can carry it, else as with `AUTO`.
    None = 0,
    /// Quoted-printable.
    QuotedPrintable = 2,
    /// Base64.
    Base64 = 3,
    /// As it is where that is safe, else the smaller of the two. The default.
    Auto = 4,
}

/// How urgent the sender says a message is.
#[repr(C)]
pub enum freesmtp_priority {
    /// Urgent.
    High = 1,
    /// Nothing is said; no header is written. The default.
    Normal = 3,
    /// Can wait.
    Low = 5,
}

/// Whether a person or a program wrote a message (RFC 3834).
#[repr(C)]
pub enum freesmtp_auto_submitted {
    /// Nothing is said; no header is written. The default.
    No = 0,
    /// A program wrote it of its own accord: notices, reports, news.
    Generated = 1,
    /// A program wrote it in answer to a message.
    Replied = 2,
}

/// When the sender gets a report on the delivery to a recipient (RFC 3461 section 4.1); values are added up.
#[repr(C)]
pub enum freesmtp_notify {
    /// Nothing is said: servers report failures. The default.
    Default = 0,
    /// When the message was delivered.
    Success = 1,
    /// When it could not be delivered.
    Failure = 2,
    /// When delivery takes unusually long.
    Delay = 4,
    /// No report, whatever happens; it goes with no other.
    Never = 8,
}

/// How much of the message a delivery report gives back (RFC 3461 section 4.3).
#[repr(C)]
pub enum freesmtp_return_content {
    /// What the server thinks fit. The default.
    Default = 0,
    /// All of it.
    Full = 1,
    /// Its headers.
    Headers = 2,
}

/// How safe a message is when the spool has taken it.
#[repr(C)]
pub enum freesmtp_durability {
    /// It survives the end of the process and a power cut: the disk has confirmed it. The default.
    Full = 0,
    /// It survives the end of the process, and a power cut after the next sync: that of `freesmtp_smtp_sync_spool`, of a
    /// message under `FULL`, or of the end of the object. Submitting in bulk ends with one sync for all.
    Batch = 1,
    /// It survives the end of the process, not a power cut.
    None = 2,
}

/// What a server does when the time to deliver by has passed (RFC 2852 section 4).
#[repr(C)]
pub enum freesmtp_deliver_by_mode {
    /// It tells the sender, and goes on trying. The default.
    Notify = 0,
    /// It returns the message as undeliverable.
    Return = 1,
}

/// What a server does that has to pass a message on to one that cannot check its mailbox's owner (RFC 7293).
#[repr(C)]
pub enum freesmtp_valid_since_action {
    /// It is not said; servers then refuse. The default.
    Default = 0,
    /// It passes the message on without the check.
    Continue = 1,
    /// It refuses.
    Reject = 2,
}

/// How much may change on the way without breaking a DKIM signature (RFC 6376 section 3.4).
#[repr(C)]
pub enum freesmtp_canonicalization {
    /// Nothing but empty lines at the end of the body.
    Simple = 0,
    /// White space, and the case of header names. The default.
    Relaxed = 1,
}

/// How much of a message the log shows.
#[repr(C)]
pub enum freesmtp_log_body {
    /// Its size. The default.
    Size = 0,
    /// Its header and its size.
    Headers = 1,
    /// All of it, and its size.
    Full = 2,
}

/// Whose a line of the conversation is.
#[repr(C)]
pub enum freesmtp_log_kind {
    /// A command of the client.
    Sent = 0,
    /// A line of the server.
    Received = 1,
    /// A sentence: connect, TLS, timeout, disconnect, size of the message.
    Notice = 2,
    /// A line of the message.
    Body = 3,
}

/// How to log in.
#[repr(C)]
pub enum freesmtp_auth_mode {
    /// No login, even when an account is set.
    None = 0,
    /// The LOGIN mechanism.
    AuthLogin = 1,
    /// CRAM-MD5 (RFC 2195).
    CramMd5 = 2,
    /// The strongest mechanism offered, or the one of `freesmtp_server_set_sasl`.
    Sasl = 4,
    /// The PLAIN mechanism (RFC 4616).
    Plain = 16,
    /// DIGEST-MD5 (RFC 2831).
    DigestMd5 = 17,
    /// SCRAM-SHA-1-PLUS where it is offered, else SCRAM-SHA-1 (RFC 5802).
    ScramSha1 = 18,
    /// SCRAM-SHA-256-PLUS where it is offered, else SCRAM-SHA-256 (RFC 7677).
    ScramSha256 = 19,
    /// SCRAM-SHA-512-PLUS where it is offered, else SCRAM-SHA-512.
    ScramSha512 = 20,
    /// SCRAM with MD5, for servers that have nothing else; never chosen unasked.
    ScramMd5 = 21,
    /// NTLM, version 2 (MS-NLMP).
    Ntlm = 22,
    /// XOAUTH2, with a token.
    Xoauth2 = 23,
    /// OAUTHBEARER (RFC 7628), with a token.
    Oauthbearer = 24,
    /// EXTERNAL (RFC 4422 appendix A): the server knows the client from its certificate.
    External = 25,
    /// ANONYMOUS (RFC 4505); the account is sent as the trace.
    Anonymous = 26,
    /// The strongest mechanism offered, when an account or a token is set. The default.
    Auto = 27,
}

/// How the connection is protected.
#[repr(C)]
pub enum freesmtp_security {
    /// Clear text, even when STARTTLS is offered.
    None = 0,
    /// STARTTLS when it is offered, else clear text.
    Opportunistic = 1,
    /// STARTTLS, or the send fails (RFC 3207).
    Required = 2,
    /// TLS from the first byte (RFC 8314, port 465).
    Implicit = 3,
    /// `IMPLICIT` on port 465; `REQUIRED` on 587, or when an account is set and the host is not loopback; clear text
    /// on a loopback host without account; else `OPPORTUNISTIC`. The default.
    Auto = 4,
}

/// Oldest TLS version accepted.
#[repr(C)]
pub enum freesmtp_min_tls_version {
    /// TLS 1.0: only for servers that cannot be mended.
    Tls10 = 10,
    /// TLS 1.1: only for servers that cannot be mended.
    Tls11 = 11,
    /// TLS 1.2. The default.
    Tls12 = 12,
}

/// The number of a status; the core has names only.
pub(crate) fn status_number(status: RecipientStatus) -> c_int {
    let status = match status {
        RecipientStatus::Accepted => freesmtp_recipient_status::Accepted,
        RecipientStatus::Deferred => freesmtp_recipient_status::Deferred,
        RecipientStatus::Refused => freesmtp_recipient_status::Refused,
        RecipientStatus::Unknown => freesmtp_recipient_status::Unknown,
    };
    status as c_int
}

#[cfg(test)]
mod tests {
    use super::*;
    use freesmtp_core::{
        AuthMode, ErrorKind, Security,
        message::{
            AutoSubmitted, BodyPartEncoding, BodyPartFormat, DeliverByMode, Notify, Priority, RecipientType,
            ReturnContent, ValidSinceAction, dkim::Canonicalization,
        },
    };

    /// Each constant is that of the core, and none of the core's is missing.
    #[test]
    fn numbers_are_those_of_the_core() {
        use freesmtp_error_kind as K;
        let kinds = [
            (K::Message as u16, ErrorKind::Message),
            (K::Dns as u16, ErrorKind::Dns),
            (K::Connect as u16, ErrorKind::Connect),
            (K::Tls as u16, ErrorKind::Tls),
            (K::Proxy as u16, ErrorKind::Proxy),
            (K::Timeout as u16, ErrorKind::Timeout),
            (K::Authentication as u16, ErrorKind::Authentication),
            (K::Protocol as u16, ErrorKind::Protocol),
            (K::RecipientsRefused as u16, ErrorKind::RecipientsRefused),
            (K::OutcomeUnknown as u16, ErrorKind::OutcomeUnknown),
            (K::FileIo as u16, ErrorKind::FileIo),
            (K::Spool as u16, ErrorKind::Spool),
            (K::Cancelled as u16, ErrorKind::Cancelled),
            (K::Internal as u16, ErrorKind::Internal),
        ];
        assert_eq!(kinds.map(|(_, kind)| kind), ErrorKind::ALL);
        assert!(kinds.iter().all(|(number, kind)| *number == kind.number()));

        use freesmtp_auth_mode as A;
        let modes = [
            A::None as i64,
            A::AuthLogin as i64,
            A::CramMd5 as i64,
            A::Sasl as i64,
            A::Plain as i64,
            A::DigestMd5 as i64,
            A::ScramSha1 as i64,
            A::ScramSha256 as i64,
            A::ScramSha512 as i64,
            A::ScramMd5 as i64,
            A::Ntlm as i64,
            A::Xoauth2 as i64,
            A::Oauthbearer as i64,
            A::External as i64,
            A::Anonymous as i64,
            A::Auto as i64,
        ];
        assert!(modes.into_iter().eq(AuthMode::ALL.iter().map(|(mode, _)| *mode as i64)));

        use freesmtp_security as S;
        let security =
            [S::None as i64, S::Opportunistic as i64, S::Required as i64, S::Implicit as i64, S::Auto as i64];
        assert_eq!(security, Security::ALL.map(|value| value as i64));

        use freesmtp_recipient_type as R;
        let types = [R::To as u8, R::Cc as u8, R::Bcc as u8];
        assert!(types.into_iter().eq(RecipientType::ALL.iter().map(|value| value.number())));

        use freesmtp_body_part_format as F;
        let formats = [F::Plain as u8, F::Html as u8];
        assert!(formats.into_iter().eq(BodyPartFormat::ALL.iter().map(|value| value.number())));

        use freesmtp_body_part_encoding as E;
        let encodings = [E::None as u8, E::QuotedPrintable as u8, E::Base64 as u8, E::Auto as u8];
        assert!(encodings.into_iter().eq(BodyPartEncoding::ALL.iter().map(|value| value.number())));

        use freesmtp_priority as P;
        let priorities = [P::High as u8, P::Normal as u8, P::Low as u8];
        use freesmtp_auto_submitted as Auto;
        let answers = [Auto::No as u8, Auto::Generated as u8, Auto::Replied as u8];
        assert!(answers.into_iter().eq(AutoSubmitted::ALL.iter().map(|value| value.number())));

        use freesmtp_durability as U;
        use freesmtp_return_content as Ret;
        let durability = [U::Full as u8, U::Batch as u8, U::None as u8];
        assert!(
            durability
                .into_iter()
                .eq(freesmtp_core::spool::Durability::ALL.map(freesmtp_core::spool::Durability::number))
        );

        let contents = [Ret::Default as u8, Ret::Full as u8, Ret::Headers as u8];
        assert!(contents.into_iter().eq(ReturnContent::ALL.iter().map(|value| value.number())));

        use freesmtp_deliver_by_mode as M;
        let modes = [M::Notify as u8, M::Return as u8];
        assert!(modes.into_iter().eq(DeliverByMode::ALL.iter().map(|value| value.number())));

        use freesmtp_valid_since_action as V;
        let actions = [V::Default as u8, V::Continue as u8, V::Reject as u8];
        assert!(actions.into_iter().eq(ValidSinceAction::ALL.iter().map(|value| value.number())));

        use freesmtp_notify as N;
        let notify = [N::Default as u8, N::Success as u8, N::Failure as u8, N::Delay as u8, N::Never as u8];
        let core = [Notify::DEFAULT, Notify::SUCCESS, Notify::FAILURE, Notify::DELAY, Notify::NEVER];
        assert_eq!(notify, core.map(Notify::number));

        use freesmtp_canonicalization as C;
        let canonicalizations = [C::Simple as u8, C::Relaxed as u8];
        assert!(canonicalizations.into_iter().eq(Canonicalization::ALL.iter().map(|value| value.number())));

        assert!(priorities.into_iter().eq(Priority::ALL.iter().map(|value| value.number())));
    }
}
