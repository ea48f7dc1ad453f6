/// What the agent of the spool knows of messages and blasts; asking it is in SMTP.

#ifndef FREESMTP_AGENT_HPP
#define FREESMTP_AGENT_HPP

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "error.hpp"
#include "handle.hpp"

namespace freesmtp {

/// A recipient of a message of the spool.
struct SpoolRecipient {
    /// The mailbox.
    std::string Email;
    /// `ready`, `later`, `held`; or what became of it: `delivered`, `failed`, `expired`, `cancelled`.
    std::string State;
    /// How many attempts were made.
    std::uint32_t Attempts = 0;
    /// When it is tried again: RFC 3339, UTC; empty when it is not.
    std::string NextAttempt;
    /// The server that answered last, `mail.example.com:25`; empty when none did.
    std::string Server;
    /// Its reply code, or 0.
    int ReplyCode = 0;
    /// Its enhanced status code (RFC 3463), or empty.
    std::string EnhancedCode;
    /// Its reply's text, or what happened.
    std::string ReplyText;
    /// The identifier of the diagnosis; empty when nothing went wrong.
    std::string Cause;
    /// What to do, a line for each way.
    std::string Remedy;
};

/// What became of a message of the spool so far.
struct SpoolStatus {
    /// Its id.
    std::string Id;
    /// What it waits for: `ready` (a session, or it is being sent), `later` (its time), `held`, `paused` (its blast is), or
    /// `done`.
    std::string State;
    /// Whether each recipient has its result.
    bool IsDone = false;
    /// Its `Message-ID`, with angle brackets; empty when it has none, or ended longer ago.
    std::string MessageID;
    /// Its reverse-path; empty for the null one.
    std::string Sender;
    /// The blast it belongs to; empty for none.
    std::string Blast;
    /// When it was submitted: RFC 3339, UTC.
    std::string Submitted;
    /// When it is given up, as long as it waits: RFC 3339, UTC.
    std::string Expires;
    /// How many recipients it has, and how many of them have no result yet.
    std::uint64_t RecipientsTotal = 0, RecipientsOpen = 0;
    /// The recipients, at most a thousand; none of a message that ended longer ago.
    std::vector<SpoolRecipient> Recipients;
};

/// How far a blast is; the counts are recipients.
struct BlastStatus {
    /// Its name.
    std::string Name;
    /// `running`, `paused`, `cancelled`, or `done`.
    std::string State;
    /// Whether each recipient has its result.
    bool IsDone = false;
    /// Messages that were submitted under its name.
    std::uint64_t Messages = 0;
    /// Their recipients, those of them without a result, and those of these that were put off at least once.
    std::uint64_t Recipients = 0, Open = 0, Deferred = 0;
    /// What became of the others.
    std::uint64_t Delivered = 0, Failed = 0, Expired = 0, Cancelled = 0;
    /// Recipients delivered per second, lately.
    double Rate = 0;
    /// Seconds that it takes at this rate; nothing when nothing says how long.
    std::optional<double> EtaSeconds;
};

/// What happened to a recipient.
struct SpoolEvent {
    /// `delivered`, `deferred` (it is tried again), `bounced` (refused for good), `expired`, `cancelled`, or `lost`: Count
    /// events were missed, because they were taken too slowly.
    std::string Event;
    /// The same when the same event is told again.
    std::string Key;
    /// When: RFC 3339, UTC, milliseconds.
    std::string At;
    /// The message's id in the spool, its `Message-ID`, its reverse-path (empty for the null one), and its blast.
    std::string Id, MessageID, Sender, Blast;
    /// The recipient.
    std::string Recipient;
    /// Which attempt it was, counted from 1; 0 when none was made.
    std::uint32_t Attempt = 0;
    /// The server, or empty; its reply code, or 0; its enhanced status code, or empty; its text, or what happened.
    std::string Server;
    /// Its reply code; 0 when none came.
    int ReplyCode = 0;
    /// Its enhanced status code (RFC 3463) and its text; empty when there is none.
    std::string EnhancedCode, ReplyText;
    /// The identifier of the diagnosis, or empty, and what to do.
    std::string Cause, Remedy;
    /// When it is tried again: RFC 3339; empty when it is not.
    std::string NextAttempt;
    /// The message was sent whole and no answer came: it may have been delivered.
    bool IsUnknown = false;
    /// How many events were missed.
    std::uint64_t Count = 0;
};

namespace detail {

using SpoolStatusHandle = std::unique_ptr<freesmtp_spool_status, Deleter<&freesmtp_spool_status_free>>;
using BlastStatusHandle = std::unique_ptr<freesmtp_blast_status, Deleter<&freesmtp_blast_status_free>>;

inline SpoolStatus spool_status(const freesmtp_spool_status *from) {
    SpoolStatus to;
    to.Id = text(freesmtp_spool_status_id(from));
    to.State = text(freesmtp_spool_status_state(from));
    to.IsDone = freesmtp_spool_status_is_done(from);
    to.MessageID = text(freesmtp_spool_status_message_id(from));
    to.Sender = text(freesmtp_spool_status_sender(from));
    to.Blast = text(freesmtp_spool_status_blast(from));
    to.Submitted = text(freesmtp_spool_status_submitted(from));
    to.Expires = text(freesmtp_spool_status_expires(from));
    to.RecipientsTotal = freesmtp_spool_status_recipients_total(from);
    to.RecipientsOpen = freesmtp_spool_status_recipients_open(from);
    for (std::size_t at = 0; at < freesmtp_spool_status_recipient_count(from); ++at) {
        SpoolRecipient recipient;
        recipient.Email = text(freesmtp_spool_status_recipient_email(from, at));
        recipient.State = text(freesmtp_spool_status_recipient_state(from, at));
        recipient.Attempts = freesmtp_spool_status_recipient_attempts(from, at);
        recipient.NextAttempt = text(freesmtp_spool_status_recipient_next_attempt(from, at));
        recipient.Server = text(freesmtp_spool_status_recipient_server(from, at));
        recipient.ReplyCode = freesmtp_spool_status_recipient_reply_code(from, at);
        recipient.EnhancedCode = text(freesmtp_spool_status_recipient_enhanced_code(from, at));
        recipient.ReplyText = text(freesmtp_spool_status_recipient_reply_text(from, at));
        recipient.Cause = text(freesmtp_spool_status_recipient_cause(from, at));
        recipient.Remedy = text(freesmtp_spool_status_recipient_remedy(from, at));
        to.Recipients.push_back(std::move(recipient));
    }
    return to;
}

inline BlastStatus blast_status(const freesmtp_blast_status *from) {
    BlastStatus to;
    to.Name = text(freesmtp_blast_status_name(from));
    to.State = text(freesmtp_blast_status_state(from));
    to.IsDone = freesmtp_blast_status_is_done(from);
    to.Messages = freesmtp_blast_status_messages(from);
    to.Recipients = freesmtp_blast_status_recipients(from);
    to.Open = freesmtp_blast_status_open(from);
    to.Delivered = freesmtp_blast_status_delivered(from);
    to.Deferred = freesmtp_blast_status_deferred(from);
    to.Failed = freesmtp_blast_status_failed(from);
    to.Expired = freesmtp_blast_status_expired(from);
    to.Cancelled = freesmtp_blast_status_cancelled(from);
    to.Rate = freesmtp_blast_status_rate(from);
    if (const double eta = freesmtp_blast_status_eta(from); eta >= 0)
        to.EtaSeconds = eta;
    return to;
}

inline SpoolEvent spool_event(const freesmtp_spool_event *from) {
    SpoolEvent to;
    to.Event = text(freesmtp_spool_event_kind(from));
    to.Key = text(freesmtp_spool_event_key(from));
    to.At = text(freesmtp_spool_event_at(from));
    to.Id = text(freesmtp_spool_event_id(from));
    to.MessageID = text(freesmtp_spool_event_message_id(from));
    to.Sender = text(freesmtp_spool_event_sender(from));
    to.Blast = text(freesmtp_spool_event_blast(from));
    to.Recipient = text(freesmtp_spool_event_recipient(from));
    to.Attempt = freesmtp_spool_event_attempt(from);
    to.Server = text(freesmtp_spool_event_server(from));
    to.ReplyCode = freesmtp_spool_event_reply_code(from);
    to.EnhancedCode = text(freesmtp_spool_event_enhanced_code(from));
    to.ReplyText = text(freesmtp_spool_event_reply_text(from));
    to.Cause = text(freesmtp_spool_event_cause(from));
    to.Remedy = text(freesmtp_spool_event_remedy(from));
    to.NextAttempt = text(freesmtp_spool_event_next_attempt(from));
    to.IsUnknown = freesmtp_spool_event_is_unknown(from);
    to.Count = freesmtp_spool_event_count(from);
    return to;
}

/// The program's functions, and what they threw: an exception must not pass through C.
struct Listening {
    const std::function<bool(const SpoolEvent &)> &callback;
    const std::function<void()> &listening;
    std::exception_ptr thrown;
};

inline bool hear(void *user_data, const freesmtp_spool_event *event) {
    Listening &to = *static_cast<Listening *>(user_data);
    try {
        if (event)
            return to.callback(spool_event(event));
        if (to.listening)
            to.listening();
        return true;
    } catch (...) {
        to.thrown = std::current_exception();
        return false;
    }
}

}  // namespace detail

}  // namespace freesmtp

#endif
