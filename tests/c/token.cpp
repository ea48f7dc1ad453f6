// Token callbacks: what they throw fails the login and nothing else. The argument is a server that offers XOAUTH2, and
// takes the token of the last of the logins only.

#include <freesmtp.hpp>
#include <memory>
#include <stdexcept>
#include <string>

#include "check.h"

using namespace freesmtp;

namespace {

SMTPServer Server(const char *url, Token token) {
    SMTPServer server = SMTPServer::Parse(url);
    server.AuthMode = SMTPAuthMode::XOAuth2;
    server.Account = "user";
    server.AllowPlaintextAuth = true;
    server.Token = std::move(token);
    return server;
}

void Fails(const char *url, Token token, const char *reason) {
    const EmailMessage message("a@b.test", "c@d.test", "Hello", "Hello");
    try {
        SMTP(Server(url, std::move(token))).Send(message);
        CHECK(!"thrown");
    } catch (const SMTPAuthenticationError &error) {
        if (error.Message().find(reason) == std::string::npos)
            std::fprintf(stderr, "%s\n", error.Message().c_str());
        CHECK(error.Message().find(reason) != std::string::npos);
    }
}

}  // namespace

int main(int argc, char **argv) {
    CHECK(argc == 2);
    Fails(argv[1], [](bool) -> std::string { throw std::runtime_error("the vault is sealed"); }, "the vault is sealed");
    Fails(argv[1], [](bool) -> std::string { throw 42; }, "no std::exception");
    Fails(argv[1], [](bool) { return std::string("\xff"); }, "is not UTF-8");

    // A connection that a callback logged in serves the next message too, and what the callback holds is let go.
    const auto held = std::make_shared<int>(0);
    {
        const EmailMessage message("a@b.test", "c@d.test", "Hello", "Hello");
        SMTP smtp(Server(argv[1], [held](bool refresh) {
            CHECK(!refresh && ++*held == 1);
            return std::string("t0ken");
        }));
        smtp.Send(message);
        smtp.Send(message);
        CHECK(smtp.Connected && *held == 1 && held.use_count() > 1);
    }
    CHECK(held.use_count() == 1);
}
