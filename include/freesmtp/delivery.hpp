/// What is asked of the servers for a message, and for each recipient.

#ifndef FREESMTP_DELIVERY_HPP
#define FREESMTP_DELIVERY_HPP

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "error.hpp"
#include "handle.hpp"

namespace freesmtp {

/// When the sender gets a report on the delivery to a recipient (RFC 3461 section 4.1); values are joined with `|`.
enum class Notification {
    Default = FREESMTP_NOTIFY_DEFAULT,  ///< Nothing is said: servers report failures.
    Success = FREESMTP_NOTIFY_SUCCESS,  ///< When the message was delivered.
    Failure = FREESMTP_NOTIFY_FAILURE,  ///< When it could not be delivered.
    Delay = FREESMTP_NOTIFY_DELAY,      ///< When delivery takes unusually long.
    Never = FREESMTP_NOTIFY_NEVER,      ///< No report, whatever happens; it goes with no other.
};

constexpr Notification operator|(Notification one, Notification other) {
    return static_cast<Notification>(static_cast<int>(one) | static_cast<int>(other));
}

/// How much of the message a delivery report gives back (RFC 3461 section 4.3).
enum class ReturnedContent {
    Default = FREESMTP_RETURN_CONTENT_DEFAULT,  ///< What the server thinks fit.
    Full = FREESMTP_RETURN_CONTENT_FULL,        ///< All of it.
    Headers = FREESMTP_RETURN_CONTENT_HEADERS,  ///< Its headers.
};

/// What a server does when the time to deliver by has passed (RFC 2852 section 4).
enum class LateDelivery {
    Notify = FREESMTP_DELIVER_BY_MODE_NOTIFY,  ///< It tells the sender, and goes on trying.
    Return = FREESMTP_DELIVER_BY_MODE_RETURN,  ///< It returns the message as undeliverable.
};

/// What a server does that has to pass a message on to one that cannot check its mailbox's owner (RFC 7293).
enum class UncheckedOwner {
    Default = FREESMTP_VALID_SINCE_ACTION_DEFAULT,    ///< It is not said; servers then refuse.
    Continue = FREESMTP_VALID_SINCE_ACTION_CONTINUE,  ///< It passes the message on without the check.
    Reject = FREESMTP_VALID_SINCE_ACTION_REJECT,      ///< It refuses.
};

/// A moment, to the second.
struct Moment {
    Moment(std::chrono::system_clock::time_point time)
        : UnixSeconds(std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count()) {}
    explicit Moment(std::int64_t unix_seconds) : UnixSeconds(unix_seconds) {}

    /// Seconds since 1970-01-01 UTC.
    std::int64_t UnixSeconds;
};

/// The properties of a message that servers are asked for. What a server does not offer is an error of the send, before
/// the message, unless its extension is optional.
struct DeliveryOptions {
    /// How much of the message delivery reports give back.
    ReturnedContent ReturnContent = ReturnedContent::Default;
    /// A text that delivery reports give back, to tell which message they are about (RFC 3461 section 4.4): printable
    /// ASCII, at most 100 characters, `+`, `=` and a space counting as three.
    std::optional<std::string> EnvelopeID;
    /// Every server on the way has to use TLS and to check the next one's certificate, or to return the message (RFC
    /// 8689). The session itself has to be encrypted, and its certificate checked.
    bool RequireTls = false;
    /// Seconds within which the message is to be delivered, from 1 to 999,999,999 (RFC 2852).
    std::optional<std::uint32_t> DeliverBy;
    /// What happens when they have passed.
    LateDelivery DeliverByMode = LateDelivery::Notify;
    /// Each server on the way reports that it has passed the message on.
    bool DeliverByTrace = false;
    /// Seconds for which the server holds the message, from 1 to 999,999,999 (RFC 4865).
    std::optional<std::uint32_t> HoldFor;
    /// The moment until which the server holds it; not together with HoldFor.
    std::optional<Moment> HoldUntil;
    /// How soon servers handle it among others, from -9 to 9, 0 being usual (RFC 6710).
    std::optional<std::int8_t> MtPriority;
    /// The extensions, by their EHLO keywords, whose options are left out when the server cannot give them, with a
    /// warning in the report; none: `DSN` alone.
    std::optional<std::vector<std::string>> OptionalExtensions;

protected:
    void SetDeliveryOptions(freesmtp_message *to) const;
};

inline void DeliveryOptions::SetDeliveryOptions(freesmtp_message *to) const {
    detail::check(freesmtp_message_set_return_content(to, static_cast<int>(ReturnContent)));
    if (EnvelopeID)
        detail::check(freesmtp_message_set_envelope_id_n(to, EnvelopeID->data(), EnvelopeID->size()));
    detail::check(freesmtp_message_set_require_tls(to, RequireTls));
    if (DeliverBy)
        detail::check(freesmtp_message_set_deliver_by(to, *DeliverBy));
    detail::check(freesmtp_message_set_deliver_by_mode(to, static_cast<int>(DeliverByMode)));
    detail::check(freesmtp_message_set_deliver_by_trace(to, DeliverByTrace));
    if (HoldFor)
        detail::check(freesmtp_message_set_hold_for(to, *HoldFor));
    if (HoldUntil)
        detail::check(freesmtp_message_set_hold_until(to, HoldUntil->UnixSeconds));
    if (MtPriority)
        detail::check(freesmtp_message_set_mt_priority(to, *MtPriority));
    if (OptionalExtensions) {
        detail::check(freesmtp_message_clear_optional_extensions(to));
        for (const std::string &keyword : *OptionalExtensions)
            detail::check(freesmtp_message_add_optional_extension_n(to, keyword.data(), keyword.size()));
    }
}

}  // namespace freesmtp

#endif
