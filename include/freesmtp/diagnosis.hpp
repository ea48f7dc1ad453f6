/// Why something failed, who must act, and what to do.

#ifndef FREESMTP_DIAGNOSIS_HPP
#define FREESMTP_DIAGNOSIS_HPP

#include <optional>
#include <string>

#include "handle.hpp"

namespace freesmtp {

/// The explanation of a failure.
struct Diagnosis {
    /// What went wrong, by its stable name: `relay-denied`, `auth-required`, `recipient-unknown` …
    std::string Cause;
    /// Who must act: `sender-code`, `sender-account`, `server-admin`, `recipient`, `network` or `nobody-retry`.
    std::string Who;
    /// One sentence for a person.
    std::string Summary;
    /// What to do, concrete for this session; several ways are separated by LF.
    std::string Remedy;
    /// The server's words, or the facts, on which this rests.
    std::string Evidence;
    /// Seconds to wait before the next attempt, when the server or the cause name a time.
    std::optional<double> RetryAfter;
    /// The RFC section, or the page that the server named.
    std::optional<std::string> Reference;
    /// Cause, summary and remedies together, as a person reads them.
    std::string Text;
};

namespace detail {

inline Diagnosis diagnosis(const freesmtp_diagnosis *from) {
    Diagnosis to;
    to.Cause = text(freesmtp_diagnosis_cause(from));
    to.Who = text(freesmtp_diagnosis_who(from));
    to.Summary = text(freesmtp_diagnosis_summary(from));
    to.Remedy = text(freesmtp_diagnosis_remedy(from));
    to.Evidence = text(freesmtp_diagnosis_evidence(from));
    if (const double seconds = freesmtp_diagnosis_retry_after(from); seconds >= 0)
        to.RetryAfter = seconds;
    to.Reference = maybe(freesmtp_diagnosis_reference(from));
    to.Text = text(freesmtp_diagnosis_text(from));
    return to;
}

inline std::optional<Diagnosis> maybe_diagnosis(const freesmtp_diagnosis *from) {
    return from == nullptr ? std::nullopt : std::optional<Diagnosis>(diagnosis(from));
}

}  // namespace detail

}  // namespace freesmtp

#endif
