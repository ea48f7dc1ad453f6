/// What is asked of the spool for a message; handing messages over is in SMTP.

#ifndef FREESMTP_SPOOL_HPP
#define FREESMTP_SPOOL_HPP

#include <optional>
#include <string>

#include "delivery.hpp"
#include "error.hpp"
#include "handle.hpp"

namespace freesmtp {

/// How safe a message is when the spool has taken it.
enum class Durability {
    /// It survives the end of the process and a power cut: the disk has confirmed it.
    Full = FREESMTP_DURABILITY_FULL,
    /// It survives the end of the process, and a power cut after the next sync: that of SMTP::SyncSpool, of a message
    /// under Full, or of the end of the object. SubmitBulk ends with one sync for all.
    Batch = FREESMTP_DURABILITY_BATCH,
    /// It survives the end of the process, not a power cut.
    None = FREESMTP_DURABILITY_NONE,
};

/// The properties of a message that the spool is asked for: only submitting looks at them, sending does not.
struct SpoolOptions {
    /// The message is not delivered before this moment.
    std::optional<Moment> NotBefore;
    /// What is not delivered by this moment is given up and reported to the sender.
    std::optional<Moment> Expires;
    /// Which messages are delivered first: from -9 to 9, higher ones first.
    int SpoolPriority = 0;
    /// The blast that the message belongs to: messages of one name have one progress, and are paused, resumed and
    /// cancelled together.
    std::optional<std::string> Blast;
    /// The same message submitted again under its key is not delivered again; another one under the same key is refused.
    std::optional<std::string> IdempotencyKey;

protected:
    void SetSpoolOptions(freesmtp_message *to) const {
        if (NotBefore)
            detail::check(freesmtp_message_set_not_before(to, NotBefore->UnixSeconds));
        if (Expires)
            detail::check(freesmtp_message_set_expires(to, Expires->UnixSeconds));
        detail::check(freesmtp_message_set_spool_priority(to, SpoolPriority));
        if (Blast)
            detail::check(freesmtp_message_set_blast_n(to, Blast->data(), Blast->size()));
        if (IdempotencyKey)
            detail::check(freesmtp_message_set_idempotency_key_n(to, IdempotencyKey->data(), IdempotencyKey->size()));
    }
};

}  // namespace freesmtp

#endif
