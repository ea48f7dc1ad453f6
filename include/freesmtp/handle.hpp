/// The C handles, and the ways of texts between C and C++.

#ifndef FREESMTP_HANDLE_HPP
#define FREESMTP_HANDLE_HPP

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../freesmtp.h"

namespace freesmtp::detail {

template <auto Free>
struct Deleter {
    template <class T>
    void operator()(T *handle) const noexcept {
        Free(handle);
    }
};

using SmtpHandle = std::unique_ptr<freesmtp_smtp, Deleter<&freesmtp_smtp_free>>;
using ServerHandle = std::unique_ptr<freesmtp_server, Deleter<&freesmtp_server_free>>;
using SignerHandle = std::unique_ptr<freesmtp_signer, Deleter<&freesmtp_signer_free>>;
using MessageHandle = std::unique_ptr<freesmtp_message, Deleter<&freesmtp_message_free>>;
using TemplateHandle = std::unique_ptr<freesmtp_template, Deleter<&freesmtp_template_free>>;
using ReportHandle = std::unique_ptr<freesmtp_report, Deleter<&freesmtp_report_free>>;
using ErrorHandle = std::unique_ptr<freesmtp_error, Deleter<&freesmtp_error_free>>;
using DiagnosisHandle = std::unique_ptr<freesmtp_diagnosis, Deleter<&freesmtp_diagnosis_free>>;
using ExplanationsHandle = std::unique_ptr<freesmtp_explanations, Deleter<&freesmtp_explanations_free>>;
using CheckReportHandle = std::unique_ptr<freesmtp_check_report, Deleter<&freesmtp_check_report_free>>;
using CancelHandle = std::unique_ptr<freesmtp_cancel, Deleter<&freesmtp_cancel_free>>;
using Given = std::unique_ptr<char, Deleter<&freesmtp_free>>;

/// A borrowed text; empty for NULL.
inline std::string text(const char *borrowed) { return borrowed == nullptr ? std::string() : std::string(borrowed); }

/// A borrowed text that may be missing.
inline std::optional<std::string> maybe(const char *borrowed) {
    return borrowed == nullptr ? std::nullopt : std::optional<std::string>(borrowed);
}

/// An owned text; empty for NULL.
template <class Handle>
std::string take(char *(*get)(const Handle *, std::size_t *), const Handle *handle) {
    std::size_t size = 0;
    const Given given(get(handle, &size));
    return given ? std::string(given.get(), size) : std::string();
}

/// Every line of a list.
template <class Handle>
std::vector<std::string> lines(std::size_t (*count)(const Handle *), const char *(*line)(const Handle *, std::size_t),
                               const Handle *handle) {
    std::vector<std::string> all;
    for (std::size_t at = 0; at < count(handle); ++at)
        all.push_back(text(line(handle, at)));
    return all;
}

}  // namespace freesmtp::detail

#endif
