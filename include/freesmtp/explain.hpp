/// Explaining a conversation that somebody wrote down.

#ifndef FREESMTP_EXPLAIN_HPP
#define FREESMTP_EXPLAIN_HPP

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "diagnosis.hpp"
#include "error.hpp"
#include "handle.hpp"

namespace freesmtp {

/// One failure found in a transcript.
struct Explanation {
    /// The line of the transcript where it stands, from 1.
    std::size_t Line = 0;
    /// The phase, `RCPT`, `AUTH` …, where the transcript shows it.
    std::optional<std::string> Stage;
    /// The server's name.
    std::optional<std::string> Host;
    /// The sender of the transaction.
    std::optional<std::string> Sender;
    /// The recipient in question.
    std::optional<std::string> Recipient;
    /// The code of the reply that refused; 0 for a failure that the client noticed.
    int ReplyCode = 0;
    /// Its text, codes left out, lines joined by LF.
    std::string ReplyText;
    /// Why, who must act, what to do.
    freesmtp::Diagnosis Diagnosis;
};

/// Explains every failure in a transcript: a log of this library, of another client or of a mail server, a bounce
/// (RFC 3464), an exception's text, or a bare reply. What holds no failure gives none.
inline std::vector<Explanation> Explain(const std::string &transcript) {
    freesmtp_explanations *found = nullptr;
    detail::check(freesmtp_explain_n(transcript.data(), transcript.size(), &found));
    const detail::ExplanationsHandle handle(found);
    std::vector<Explanation> all;
    for (std::size_t at = 0; at < freesmtp_explanations_count(found); ++at)
        all.push_back({freesmtp_explanations_line(found, at), detail::maybe(freesmtp_explanations_stage(found, at)),
                       detail::maybe(freesmtp_explanations_host(found, at)),
                       detail::maybe(freesmtp_explanations_sender(found, at)),
                       detail::maybe(freesmtp_explanations_recipient(found, at)),
                       freesmtp_explanations_reply_code(found, at),
                       detail::text(freesmtp_explanations_reply_text(found, at)),
                       detail::diagnosis(freesmtp_explanations_diagnosis(found, at))});
    return all;
}

}  // namespace freesmtp

#endif
