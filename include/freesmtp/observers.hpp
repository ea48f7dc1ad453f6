/// The events of sending: how far a message and a bulk are, and which recipients do not get a message.

#ifndef FREESMTP_OBSERVERS_HPP
#define FREESMTP_OBSERVERS_HPP

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "error.hpp"
#include "handle.hpp"

namespace freesmtp {

class SMTP;

/// An event that a function hears: `smtp.SMTPStatus = [](std::uint64_t TotalSent, std::uint64_t TotalSize) { … }`; `nullptr`
/// ends it. `Given` is what the C library gives.
template <class Function, class... Given>
class SendEvent {
public:
    using Listener = std::function<Function>;

    SendEvent(const SendEvent &) = delete;
    SendEvent &operator=(const SendEvent &) = delete;

    /// The send waits for the function, so it should be quick. What it throws is lost: an event never stops a mail.
    SendEvent &operator=(Listener listener) {
        if (!listener) {
            detail::check(set_(smtp_, nullptr, nullptr, nullptr));
            return *this;
        }
        auto held = std::make_unique<Listener>(std::move(listener));
        detail::check(set_(smtp_, &Hear, held.get(), &Release));
        held.release();  // NOLINT(bugprone-unused-return-value): the C library holds it now.
        return *this;
    }

private:
    friend class SMTP;
    using Set = freesmtp_error *(*)(freesmtp_smtp *, void (*)(void *, Given...), void *, freesmtp_release);
    SendEvent(freesmtp_smtp *smtp, Set set) : smtp_(smtp), set_(set) {}

    /// Nothing may be thrown through the C library.
    static void Hear(void *listener, Given... given) noexcept {
        try {
            (*static_cast<const Listener *>(listener))(given...);
        } catch (...) {
        }
    }
    static void Release(void *listener) noexcept { delete static_cast<Listener *>(listener); }

    freesmtp_smtp *smtp_;
    Set set_;
};

/// Hears how far each message is: `TotalSent` octets of it were given to the connection, of `TotalSize` as far as they are
/// known. Called after each piece and at the end, when both are the same, on the thread that sends; in a bulk on the threads
/// of its connections, several at the same time where there are several. A message that has to be sent again begins anew.
using SMTPStatusEvent =
    SendEvent<void(std::uint64_t TotalSent, std::uint64_t TotalSize), std::uint64_t, std::uint64_t>;

/// Hears of each recipient who does not get a message, refused or put off, with the server's reply, once what came of the
/// message is settled; where and when it is called is as with SMTPStatusEvent. An error that no server or nobody can answer
/// for (no connection, an unknown outcome) names no recipient here.
using SMTPRecipientFailedEvent =
    SendEvent<void(const std::string &EmailAddress, const std::string &Response), const char *, const char *>;

/// Hears how far a bulk is, once for each result before the callback gets it, on the thread that called SendBulk: messages of
/// which at least one recipient was accepted, messages whose result is an error, and those taken from the range so far.
using SMTPBulkStatusEvent = SendEvent<void(std::size_t TotalSent, std::size_t TotalFailed, std::size_t TotalMessages),
                                      std::size_t, std::size_t, std::size_t>;

}  // namespace freesmtp

#endif
