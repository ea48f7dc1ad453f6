/// What a send answers.

#ifndef FREESMTP_REPORT_HPP
#define FREESMTP_REPORT_HPP

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "diagnosis.hpp"
#include "handle.hpp"

namespace freesmtp {

/// What became of the message for one recipient.
enum class RecipientStatus {
    Accepted = FREESMTP_RECIPIENT_STATUS_ACCEPTED,  ///< The server took responsibility for delivery.
    Deferred = FREESMTP_RECIPIENT_STATUS_DEFERRED,  ///< Refused for now.
    Refused = FREESMTP_RECIPIENT_STATUS_REFUSED,    ///< Refused for good.
    Unknown = FREESMTP_RECIPIENT_STATUS_UNKNOWN,    ///< The connection broke before the answer.
};

/// The result for one recipient.
struct RecipientResult {
    /// The address as it was given.
    std::string Email;
    /// What became of it.
    RecipientStatus Status = RecipientStatus::Unknown;
    /// The same by name: `accepted`, `deferred`, `refused`, `unknown`.
    std::string StatusName;
    /// The phase in which that was decided: `RCPT`, `EOM` …
    std::string Stage;
    /// The code of the reply that decided; 0 when none did.
    int ReplyCode = 0;
    /// Its enhanced status code such as `5.7.1` (RFC 3463).
    std::optional<std::string> EnhancedCode;
    /// Its text, codes left out, lines joined by LF.
    std::string ReplyText;
    /// Why, and what to do, unless accepted.
    std::optional<freesmtp::Diagnosis> Diagnosis;
};

/// The TLS session that was in use; what the platform's TLS tells.
struct TlsInfo {
    /// Protocol version such as `TLSv1.3`.
    std::optional<std::string> Version;
    /// Cipher suite.
    std::optional<std::string> Cipher;
    /// The subject of the server's certificate.
    std::optional<std::string> CertificateSubject;
    /// When that expires, in seconds since 1970-01-01 UTC.
    std::optional<std::int64_t> CertificateNotAfter;
};

/// The answer of a send that accepted at least one recipient.
struct Report {
    /// One entry for each recipient, in the order of the message.
    std::vector<RecipientResult> Recipients;
    /// The code of the reply after the end of the message.
    int ReplyCode = 0;
    /// Its enhanced status code such as `2.0.0` (RFC 3463).
    std::optional<std::string> EnhancedCode;
    /// Its text, which usually names the server's queue id.
    std::string ReplyText;
    /// The `Message-ID`, with its angle brackets.
    std::string MessageID;
    /// Bytes of the message as composed.
    std::uint64_t Size = 0;
    /// The server that took it: `mail.example.com:587`.
    std::string Server;
    /// The address that was connected to.
    std::optional<std::string> PeerAddress;
    /// The TLS session; none means clear text.
    std::optional<TlsInfo> Tls;
    /// The mechanism that logged in, such as `PLAIN`; none means no login.
    std::optional<std::string> AuthMechanism;
    /// How many seconds it took, connecting included where a connection was opened.
    double Elapsed = 0;
    /// Trouble that did not stop the mail.
    std::vector<std::string> Warnings;
    /// The conversation, secrets removed, oldest line first.
    std::vector<std::string> Transcript;
};

namespace detail {

inline RecipientResult recipient(const freesmtp_recipient *from) {
    RecipientResult to;
    to.Email = text(freesmtp_recipient_email(from));
    to.Status = static_cast<RecipientStatus>(freesmtp_recipient_status(from));
    to.StatusName = text(freesmtp_recipient_status_name(from));
    to.Stage = text(freesmtp_recipient_stage(from));
    to.ReplyCode = freesmtp_recipient_reply_code(from);
    to.EnhancedCode = maybe(freesmtp_recipient_enhanced_code(from));
    to.ReplyText = text(freesmtp_recipient_reply_text(from));
    to.Diagnosis = maybe_diagnosis(freesmtp_recipient_diagnosis(from));
    return to;
}

/// The recipients of a report or an error.
template <class Handle>
std::vector<RecipientResult> recipients(std::size_t (*count)(const Handle *),
                                        const freesmtp_recipient *(*get)(const Handle *, std::size_t),
                                        const Handle *handle) {
    std::vector<RecipientResult> all;
    for (std::size_t at = 0; at < count(handle); ++at)
        all.push_back(recipient(get(handle, at)));
    return all;
}

inline Report report(const freesmtp_report *from) {
    Report to;
    to.Recipients = recipients(&freesmtp_report_recipient_count, &freesmtp_report_recipient, from);
    to.ReplyCode = freesmtp_report_reply_code(from);
    to.EnhancedCode = maybe(freesmtp_report_enhanced_code(from));
    to.ReplyText = text(freesmtp_report_reply_text(from));
    to.MessageID = text(freesmtp_report_message_id(from));
    to.Size = freesmtp_report_size(from);
    to.Server = text(freesmtp_report_server(from));
    to.PeerAddress = maybe(freesmtp_report_peer_address(from));
    if (freesmtp_report_is_encrypted(from)) {
        TlsInfo tls;
        tls.Version = maybe(freesmtp_report_tls_version(from));
        tls.Cipher = maybe(freesmtp_report_tls_cipher(from));
        tls.CertificateSubject = maybe(freesmtp_report_tls_certificate_subject(from));
        if (const std::int64_t time = freesmtp_report_tls_certificate_not_after(from); time >= 0)
            tls.CertificateNotAfter = time;
        to.Tls = tls;
    }
    to.AuthMechanism = maybe(freesmtp_report_auth_mechanism(from));
    to.Elapsed = freesmtp_report_elapsed(from);
    to.Warnings = lines(&freesmtp_report_warning_count, &freesmtp_report_warning, from);
    to.Transcript = lines(&freesmtp_report_transcript_count, &freesmtp_report_transcript_line, from);
    return to;
}

}  // namespace detail

}  // namespace freesmtp

#endif
