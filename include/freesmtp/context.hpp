/// Explaining a reply that another program got.

#ifndef FREESMTP_CONTEXT_HPP
#define FREESMTP_CONTEXT_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "diagnosis.hpp"
#include "error.hpp"
#include "handle.hpp"

namespace freesmtp {

/// What is known about a session, for Diagnose; what is empty or 0 is not known.
struct SessionContext {
    /// The host that was asked for.
    std::string Host;
    /// Its port; 0 when it is not known.
    int Port = 0;
    /// The host name in the server's greeting.
    std::string GreetingHost;
    /// The lines of the EHLO reply after the first: `AUTH LOGIN PLAIN`, `SIZE 1000`, `STARTTLS`.
    std::vector<std::string> Offered;
    /// The program set a user name or a token.
    bool CredentialsSet = false;
    /// The session is logged in.
    bool Authenticated = false;
    /// The session is encrypted.
    bool Tls = false;
    /// User name, SASL mechanism, the address of MAIL and that of RCPT; empty when not known.
    std::string User, Mechanism, Sender, Recipient;
    /// The client's own address, `192.0.2.1`, and the name that it gave in EHLO.
    std::string LocalAddress, EhloName;
    /// The `Message-ID`.
    std::string MessageID;
    /// Bytes of the message; 0 when it is not known.
    std::uint64_t MessageSize = 0;
    /// Number of recipients; 0 when it is not known.
    std::size_t RecipientCount = 0;
};

/// Explains a refusal: the reply as it stood on the wire (`550 5.7.1 Relaying denied`), the phase (`RCPT`, `AUTH` …;
/// empty when unknown), and what is known about the session.
inline Diagnosis Diagnose(const std::string &reply, const std::string &stage = {}, const SessionContext &context = {}) {
    const auto known = [](const std::string &text) { return text.empty() ? nullptr : text.c_str(); };
    std::vector<const char *> offered;
    for (const std::string &line : context.Offered)
        offered.push_back(line.c_str());
    freesmtp_context to{};
    to.struct_size = sizeof to;
    to.host = known(context.Host);
    to.greeting_host = known(context.GreetingHost);
    to.port = static_cast<std::uint16_t>(context.Port);
    to.offered = offered.data();
    to.offered_count = offered.size();
    to.credentials_set = context.CredentialsSet;
    to.authenticated = context.Authenticated;
    to.tls = context.Tls;
    to.user = known(context.User);
    to.mechanism = known(context.Mechanism);
    to.sender = known(context.Sender);
    to.recipient = known(context.Recipient);
    to.local_address = known(context.LocalAddress);
    to.ehlo_name = known(context.EhloName);
    to.message_id = known(context.MessageID);
    to.message_size = context.MessageSize;
    to.recipient_count = context.RecipientCount;
    freesmtp_diagnosis *diagnosis = nullptr;
    detail::check(freesmtp_diagnose(reply.c_str(), known(stage), &to, &diagnosis));
    return detail::diagnosis(detail::DiagnosisHandle(diagnosis).get());
}

}  // namespace freesmtp

#endif
