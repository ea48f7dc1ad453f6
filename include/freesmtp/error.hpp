/// Why a call failed: one exception class for each kind, all with every field.

#ifndef FREESMTP_ERROR_HPP
#define FREESMTP_ERROR_HPP

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "diagnosis.hpp"
#include "handle.hpp"
#include "report.hpp"

namespace freesmtp {

/// What kind of failure it is. The numbers never change.
enum class ErrorKind {
    Message = FREESMTP_ERROR_KIND_MESSAGE,
    Dns = FREESMTP_ERROR_KIND_DNS,
    Connect = FREESMTP_ERROR_KIND_CONNECT,
    Tls = FREESMTP_ERROR_KIND_TLS,
    Proxy = FREESMTP_ERROR_KIND_PROXY,
    Timeout = FREESMTP_ERROR_KIND_TIMEOUT,
    Authentication = FREESMTP_ERROR_KIND_AUTHENTICATION,
    Protocol = FREESMTP_ERROR_KIND_PROTOCOL,
    RecipientsRefused = FREESMTP_ERROR_KIND_RECIPIENTS_REFUSED,
    OutcomeUnknown = FREESMTP_ERROR_KIND_OUTCOME_UNKNOWN,
    FileIO = FREESMTP_ERROR_KIND_FILE_IO,
    Spool = FREESMTP_ERROR_KIND_SPOOL,
    Cancelled = FREESMTP_ERROR_KIND_CANCELLED,
    Internal = FREESMTP_ERROR_KIND_INTERNAL,
};

/// The base of every exception here. `what()` is all of it as a person reads it, remedies included.
class SMTPError : public std::runtime_error {
public:
    /// Reads what the C library answered; the handle stays the caller's.
    explicit SMTPError(const freesmtp_error *error)
        : std::runtime_error(detail::text(freesmtp_error_text(error))), fields_(std::make_shared<const Fields>(error)) {}

    /// What kind of failure it is.
    ErrorKind Kind() const noexcept { return fields_->kind; }
    /// The same by its stable name: `message`, `dns`, `recipients-refused` …
    const std::string &KindName() const noexcept { return fields_->kind_name; }
    /// The phase of the session: `COMPOSE`, `CONNECT`, `EHLO`, `AUTH`, `RCPT`, `EOM` …
    const std::string &Stage() const noexcept { return fields_->stage; }
    /// What happened, in one sentence, without the diagnosis.
    const std::string &Message() const noexcept { return fields_->message; }
    /// The property that holds bad input, such as `Recipients[2].Email`.
    const std::optional<std::string> &Field() const noexcept { return fields_->field; }
    /// The code of the server's reply; 0 when no reply decided.
    int ReplyCode() const noexcept { return fields_->reply_code; }
    /// Its enhanced status code such as `5.7.1` (RFC 3463).
    const std::optional<std::string> &EnhancedCode() const noexcept { return fields_->enhanced_code; }
    /// Its text, codes left out, lines joined by LF.
    const std::string &ReplyText() const noexcept { return fields_->reply_text; }
    /// The server it is about: `mail.example.com:587`.
    const std::optional<std::string> &Server() const noexcept { return fields_->server; }
    /// The `Message-ID`, to search for when the outcome is unknown.
    const std::optional<std::string> &MessageID() const noexcept { return fields_->message_id; }
    /// Whether the same call may succeed later without a change. An unknown outcome is not temporary.
    bool IsTemporary() const noexcept { return fields_->temporary; }
    /// The operating system's own error number; 0 when it was none.
    int OSError() const noexcept { return fields_->os_error; }
    /// One entry for each recipient, when the transaction got that far.
    const std::vector<RecipientResult> &Recipients() const noexcept { return fields_->recipients; }
    /// Why it failed and what to do.
    const std::optional<freesmtp::Diagnosis> &Diagnosis() const noexcept { return fields_->diagnosis; }
    /// The last lines of the conversation, secrets removed, oldest first.
    const std::vector<std::string> &Transcript() const noexcept { return fields_->transcript; }
    /// The failures of the servers that were tried before the last one.
    const std::vector<SMTPError> &Others() const noexcept { return fields_->others; }

private:
    struct Fields {
        explicit Fields(const freesmtp_error *error)
            : kind(static_cast<ErrorKind>(freesmtp_error_kind(error))),
              kind_name(detail::text(freesmtp_error_kind_name(error))),
              stage(detail::text(freesmtp_error_stage(error))),
              message(detail::text(freesmtp_error_message(error))),
              field(detail::maybe(freesmtp_error_field(error))),
              reply_code(freesmtp_error_reply_code(error)),
              enhanced_code(detail::maybe(freesmtp_error_enhanced_code(error))),
              reply_text(detail::text(freesmtp_error_reply_text(error))),
              server(detail::maybe(freesmtp_error_server(error))),
              message_id(detail::maybe(freesmtp_error_message_id(error))),
              temporary(freesmtp_error_is_temporary(error)),
              os_error(freesmtp_error_os_error(error)),
              recipients(detail::recipients(&freesmtp_error_recipient_count, &freesmtp_error_recipient, error)),
              diagnosis(detail::maybe_diagnosis(freesmtp_error_diagnosis(error))),
              transcript(detail::lines(&freesmtp_error_transcript_count, &freesmtp_error_transcript_line, error)) {
            for (std::size_t at = 0; at < freesmtp_error_other_count(error); ++at)
                others.emplace_back(freesmtp_error_other(error, at));
        }

        ErrorKind kind;
        std::string kind_name, stage, message;
        std::optional<std::string> field;
        int reply_code;
        std::optional<std::string> enhanced_code;
        std::string reply_text;
        std::optional<std::string> server, message_id;
        bool temporary;
        int os_error;
        std::vector<RecipientResult> recipients;
        std::optional<freesmtp::Diagnosis> diagnosis;
        std::vector<std::string> transcript;
        std::vector<SMTPError> others;
    };

    /// Shared, because copying an exception must not throw.
    std::shared_ptr<const Fields> fields_;
};

/// No connection: name not found, connection refused or broken, TLS, proxy, no answer in time.
class SMTPConnectionError : public SMTPError {
    using SMTPError::SMTPError;
};
/// The server refused the login, or no usable mechanism is offered.
class SMTPAuthenticationError : public SMTPError {
    using SMTPError::SMTPError;
};
/// The server refused a command, or broke the protocol.
class SMTPProtocolError : public SMTPError {
    using SMTPError::SMTPError;
};
/// Every recipient was refused.
class SMTPRecipientsRefused : public SMTPProtocolError {
    using SMTPProtocolError::SMTPProtocolError;
};
/// The connection broke after the whole message was sent: it may have been delivered.
class SMTPOutcomeUnknown : public SMTPError {
    using SMTPError::SMTPError;
};
/// The message or a setting is not valid; Field names it. Nothing was sent.
class MessageError : public SMTPError {
    using SMTPError::SMTPError;
};
/// A file could not be opened, read or written.
class FileIOError : public SMTPError {
    using SMTPError::SMTPError;
};
/// The spool could not take the message.
class SpoolError : public SMTPError {
    using SMTPError::SMTPError;
};
/// The program cancelled the operation.
class Cancelled : public SMTPError {
    using SMTPError::SMTPError;
};

// The original names.
using SMTPConnectionException = SMTPConnectionError;
using SMTPAuthenticationException = SMTPAuthenticationError;
using SMTPProtocolException = SMTPProtocolError;
using FileIOException = FileIOError;

namespace detail {

/// Throws the exception of the error's kind.
[[noreturn]] inline void raise(freesmtp_error *owned) {
    const ErrorHandle error(owned);
    switch (static_cast<ErrorKind>(freesmtp_error_kind(owned))) {
    case ErrorKind::Message:
        throw MessageError(owned);
    case ErrorKind::Dns:
    case ErrorKind::Connect:
    case ErrorKind::Tls:
    case ErrorKind::Proxy:
    case ErrorKind::Timeout:
        throw SMTPConnectionError(owned);
    case ErrorKind::Authentication:
        throw SMTPAuthenticationError(owned);
    case ErrorKind::Protocol:
        throw SMTPProtocolError(owned);
    case ErrorKind::RecipientsRefused:
        throw SMTPRecipientsRefused(owned);
    case ErrorKind::OutcomeUnknown:
        throw SMTPOutcomeUnknown(owned);
    case ErrorKind::FileIO:
        throw FileIOError(owned);
    case ErrorKind::Spool:
        throw SpoolError(owned);
    case ErrorKind::Cancelled:
        throw Cancelled(owned);
    case ErrorKind::Internal:
        break;
    }
    throw SMTPError(owned);
}

/// Throws unless it is NULL, which is success.
inline void check(freesmtp_error *owned) {
    if (owned != nullptr)
        raise(owned);
}

}  // namespace detail

}  // namespace freesmtp

#endif
