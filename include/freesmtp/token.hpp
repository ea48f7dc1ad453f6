/// Where the access token of OAUTHBEARER and XOAUTH2 comes from.

#ifndef FREESMTP_TOKEN_HPP
#define FREESMTP_TOKEN_HPP

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "error.hpp"
#include "handle.hpp"

namespace freesmtp {

/// An OAuth access token, or a function that gets one. Copies share it; it is never shown or given back.
class Token {
public:
    /// `refresh` says that the server refused the token given before, so that a kept one is of no use.
    using Callback = std::function<std::string(bool refresh)>;

    /// There is none.
    Token() = default;
    /// This one; empty for none.
    Token(const std::string &token) : holder_(freesmtp_server_new(), Delete()) {
        detail::check(freesmtp_server_set_token_n(holder_.get(), token.data(), token.size()));
    }
    /// The token itself.
    Token(const char *token) : holder_(freesmtp_server_new(), Delete()) {
        detail::check(freesmtp_server_set_token(holder_.get(), token));
    }
    /// Called when a session needs it, on the thread that sends; once more in the same session when the server refuses
    /// the token. Where several threads send, several may be in it at the same time. What it throws fails the login:
    /// the text of a `std::exception` is the reason given.
    template <class Function, class = std::enable_if_t<std::is_invocable_r_v<std::string, Function &, bool>>>
    Token(Function get) : holder_(freesmtp_server_new(), Delete()) {
        auto callback = std::make_unique<Callback>(std::move(get));
        detail::check(freesmtp_server_set_token_callback(holder_.get(), &Ask, callback.get(), &Release));
        callback.release();  // NOLINT(bugprone-unused-return-value): the C library holds it now.
    }

private:
    friend class SMTPServer;
    using Delete = detail::Deleter<&freesmtp_server_free>;

    void GiveTo(freesmtp_server *server) const {
        if (holder_)
            detail::check(freesmtp_server_share_token(server, holder_.get()));
    }

    /// Nothing may be thrown through the C library.
    static void Ask(void *callback, bool refresh, freesmtp_token_answer *answer) noexcept {
        const detail::ErrorHandle told_in_the_answer_too(Answer(*static_cast<Callback *>(callback), refresh, answer));
    }
    static freesmtp_error *Answer(const Callback &callback, bool refresh, freesmtp_token_answer *answer) noexcept {
        try {
            const std::string token = callback(refresh);
            return freesmtp_token_answer_give_n(answer, token.data(), token.size());
        } catch (const std::exception &error) {
            return freesmtp_token_answer_fail(answer, error.what());
        } catch (...) {
            return freesmtp_token_answer_fail(answer, "the token callback threw what is no std::exception");
        }
    }
    static void Release(void *callback) noexcept { delete static_cast<Callback *>(callback); }

    /// A server that has nothing but this token: sessions of one callback are kept only for servers that share it.
    std::shared_ptr<freesmtp_server> holder_;
};

}  // namespace freesmtp

#endif
