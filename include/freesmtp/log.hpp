/// What the log shows, and who hears its lines.

#ifndef FREESMTP_LOG_HPP
#define FREESMTP_LOG_HPP

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "error.hpp"
#include "handle.hpp"

namespace freesmtp {

class SMTP;

/// How much of a message the log shows.
enum class LogBody {
    Size = FREESMTP_LOG_BODY_SIZE,        ///< Its size.
    Headers = FREESMTP_LOG_BODY_HEADERS,  ///< Its header and its size.
    Full = FREESMTP_LOG_BODY_FULL,        ///< All of it, and its size.
};

/// What the log shows besides the conversation. Secrets are removed in any case.
struct SMTPLogOptions {
    /// Each line of the file begins with the time, in UTC.
    bool Timestamps = false;
    /// How much of a message is shown.
    LogBody Body = LogBody::Size;
    /// The file has one JSON object in each line: `time`, `connection`, `kind` and `line`.
    bool Json = false;
};

/// Whose a line of the conversation is.
enum class LogKind {
    Sent = FREESMTP_LOG_KIND_SENT,          ///< A command of the client.
    Received = FREESMTP_LOG_KIND_RECEIVED,  ///< A line of the server.
    Notice = FREESMTP_LOG_KIND_NOTICE,      ///< A sentence: connect, TLS, timeout, disconnect, size of the message.
    Body = FREESMTP_LOG_KIND_BODY,          ///< A line of the message.
};

/// One line of a conversation, secrets removed and control characters escaped.
struct LogEvent {
    /// When.
    std::chrono::system_clock::time_point Time;
    /// The connection, from 1: lines of concurrent ones differ here.
    unsigned Connection = 1;
    /// Whose line it is.
    LogKind Kind = LogKind::Notice;
    /// Without a line break.
    std::string Line;
};

/// The event that hears every line: `smtp.ProtocolLog = [](const LogEvent &event) { … }`; `nullptr` ends it.
class ProtocolLogEvent {
public:
    using Listener = std::function<void(const LogEvent &)>;

    ProtocolLogEvent(const ProtocolLogEvent &) = delete;
    ProtocolLogEvent &operator=(const ProtocolLogEvent &) = delete;

    /// The function is called on the thread that sends, and at the same time from several where several send; it should be
    /// quick. What it throws is lost: a log never stops a mail.
    ProtocolLogEvent &operator=(Listener listener) {
        if (!listener) {
            detail::check(freesmtp_smtp_set_protocol_log(smtp_, nullptr, nullptr, nullptr));
            return *this;
        }
        auto held = std::make_unique<Listener>(std::move(listener));
        detail::check(freesmtp_smtp_set_protocol_log(smtp_, &Hear, held.get(), &Release));
        held.release();  // NOLINT(bugprone-unused-return-value): the C library holds it now.
        return *this;
    }

private:
    friend class SMTP;
    explicit ProtocolLogEvent(freesmtp_smtp *smtp) : smtp_(smtp) {}

    /// Nothing may be thrown through the C library.
    static void Hear(void *listener, const freesmtp_log_event *event) noexcept {
        try {
            const auto time = std::chrono::milliseconds(event->unix_milliseconds);
            (*static_cast<const Listener *>(listener))(
                LogEvent{std::chrono::system_clock::time_point(time), event->connection, static_cast<LogKind>(event->kind),
                         detail::text(event->line)});
        } catch (...) {
        }
    }
    static void Release(void *listener) noexcept { delete static_cast<Listener *>(listener); }

    freesmtp_smtp *smtp_;
};

namespace detail {

inline SMTPLogOptions log_options(const freesmtp_smtp *smtp) {
    return {freesmtp_smtp_log_timestamps(smtp), static_cast<LogBody>(freesmtp_smtp_log_body(smtp)),
            freesmtp_smtp_log_json(smtp)};
}
inline void set_log_options(freesmtp_smtp *smtp, const SMTPLogOptions &options) {
    check(freesmtp_smtp_set_log_options(smtp, options.Timestamps, static_cast<int>(options.Body), options.Json));
}

}  // namespace detail

}  // namespace freesmtp

#endif
