/// Looking at a server without sending mail.

#ifndef FREESMTP_CHECK_HPP
#define FREESMTP_CHECK_HPP

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "diagnosis.hpp"
#include "error.hpp"
#include "handle.hpp"

namespace freesmtp {

/// What a check is to look at besides the server; what is empty is not looked at.
struct CheckOptions {
    /// The sender's address: given in MAIL FROM, and the records of its domain are judged.
    std::string From;
    /// Recipients to ask the server about with RCPT TO; nothing is sent to them.
    std::vector<std::string> To;
    /// The selector of the DKIM key, such as `mail` for `mail._domainkey.example.com`.
    std::string DkimSelector;
    /// The address that recipients' servers see, which SPF is judged for; else the local address of the connection.
    std::string OutgoingIp;
    /// The name server to ask for the records, `192.0.2.1` or `192.0.2.1:53`; else those of the system.
    std::string Dns;
    /// The longest that the whole check may take, in seconds; else the library's default.
    std::optional<double> Timeout;
    /// Which of SMTPServers to check, counted from 0.
    std::size_t Server = 0;
};

/// One thing that a step found.
struct CheckFact {
    /// Its stable name, such as `address`; a name may stand several times.
    std::string Name;
    /// What it is.
    std::string Value;
};

/// One step of a check.
struct CheckStep {
    /// `dns`, `connect`, `greeting`, `ehlo`, `tls`, `auth`, `envelope`, `limits`, `mx`, `spf`, `dkim` or `dmarc`.
    std::string Name;
    /// `ok`, `warning`, `failed` or `skipped`.
    std::string Status;
    /// One sentence for a person.
    std::string Summary;
    /// Whether the same check may end better later.
    bool IsTemporary = false;
    /// What was found, in order.
    std::vector<CheckFact> Facts;
    /// Why, who must act, what to do; on warnings and failures.
    std::optional<freesmtp::Diagnosis> Diagnosis;
};

/// What a check found.
struct CheckReport {
    /// The server as it was named in the settings, and its port.
    std::string Server;
    /// The worst of the steps: `ok`, `warning` or `failed`.
    std::string Status;
    /// What it comes to, in one sentence.
    std::string Summary;
    /// Whether it failed, and the same check may end better later without a change.
    bool IsTemporary = false;
    /// Every step in order, those that were skipped too.
    std::vector<CheckStep> Steps;
    /// How many seconds it took.
    double Elapsed = 0;
    /// Trouble that is none of the server's.
    std::vector<std::string> Warnings;
    /// The conversation, secrets removed, oldest line first.
    std::vector<std::string> Transcript;
    /// All of it as a person reads it, at most 80 columns wide.
    std::string Text;
};

namespace detail {

inline CheckStep check_step(const freesmtp_check_report *from, std::size_t at) {
    CheckStep to;
    to.Name = text(freesmtp_check_report_step_name(from, at));
    to.Status = text(freesmtp_check_report_step_status(from, at));
    to.Summary = text(freesmtp_check_report_step_summary(from, at));
    to.IsTemporary = freesmtp_check_report_step_is_temporary(from, at);
    for (std::size_t fact = 0; fact < freesmtp_check_report_fact_count(from, at); ++fact)
        to.Facts.push_back({text(freesmtp_check_report_fact_name(from, at, fact)),
                            text(freesmtp_check_report_fact_value(from, at, fact))});
    to.Diagnosis = maybe_diagnosis(freesmtp_check_report_step_diagnosis(from, at));
    return to;
}

inline CheckReport check_report(const freesmtp_check_report *from) {
    CheckReport to;
    to.Server = text(freesmtp_check_report_server(from));
    to.Status = text(freesmtp_check_report_status(from));
    to.Summary = text(freesmtp_check_report_summary(from));
    to.IsTemporary = freesmtp_check_report_is_temporary(from);
    for (std::size_t at = 0; at < freesmtp_check_report_step_count(from); ++at)
        to.Steps.push_back(check_step(from, at));
    to.Elapsed = freesmtp_check_report_elapsed(from);
    to.Warnings = lines(&freesmtp_check_report_warning_count, &freesmtp_check_report_warning, from);
    to.Transcript = lines(&freesmtp_check_report_transcript_count, &freesmtp_check_report_transcript_line, from);
    to.Text = text(freesmtp_check_report_text(from));
    return to;
}

/// Calls `operation` with the options as C has them.
template <class Operation>
CheckReport checked(const CheckOptions &options, Operation operation) {
    std::vector<const char *> to;
    for (const std::string &recipient : options.To)
        to.push_back(recipient.c_str());
    freesmtp_check_options given{};
    given.struct_size = sizeof given;
    given.from = options.From.c_str();
    given.to = to.data();
    given.to_count = to.size();
    given.dkim_selector = options.DkimSelector.c_str();
    given.outgoing_ip = options.OutgoingIp.c_str();
    given.dns = options.Dns.c_str();
    given.timeout = options.Timeout.value_or(0);
    given.server = options.Server;
    freesmtp_check_report *report = nullptr;
    check(operation(&given, &report));
    return check_report(CheckReportHandle(report).get());
}

}  // namespace detail

}  // namespace freesmtp

#endif
