/// Content that is read while the message is sent: a function of the program, or a std::istream.

#ifndef FREESMTP_STREAM_HPP
#define FREESMTP_STREAM_HPP

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <istream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "error.hpp"
#include "handle.hpp"

namespace freesmtp {

/// Content that is read piece by piece while the message is sent, on the thread that sends, never held as a whole. It can be
/// read once: a message that holds it is sent once, and so are its copies, which share it.
///
/// What the source throws ends the message, nothing is delivered, and Send throws a FileIOError that nests it
/// (`std::rethrow_if_nested`).
class Stream {
public:
    /// Puts the next bytes into `buffer`, `size` at most, and returns how many they are: 0 at the end.
    using Reader = std::function<std::size_t(char *buffer, std::size_t size)>;

    /// There is none.
    Stream() = default;
    /// What a function gives. `size` in bytes, when it is known: a source that gives fewer or more ends the message.
    template <class Function,
              class = std::enable_if_t<std::is_invocable_r_v<std::size_t, Function &, char *, std::size_t>>>
    /// Of a function; `size` in bytes, when it is known.
    Stream(Function read, std::optional<std::uint64_t> size = std::nullopt) : size_(size) {
        Hold(std::move(read));
    }
    /// The rest of a stream, which must be there until the message was sent.
    Stream(std::istream &in, std::optional<std::uint64_t> size = std::nullopt)
        : Stream([&in](char *buffer, std::size_t room) { return Read(in, buffer, room); }, size) {}
    /// The rest of a stream.
    Stream(std::shared_ptr<std::istream> in, std::optional<std::uint64_t> size = std::nullopt)
        : Stream([in](char *buffer, std::size_t room) { return Read(*in, buffer, room); }, size) {}
    /// The rest of a stream that is moved in, such as `std::ifstream(path, std::ios::binary)`.
    template <class In, class = std::enable_if_t<std::is_base_of_v<std::istream, In> && !std::is_lvalue_reference_v<In>>,
              class = void>
    Stream(In &&in, std::optional<std::uint64_t> size = std::nullopt)
        : Stream(std::shared_ptr<std::istream>(std::make_shared<In>(std::move(in))), size) {}

    /// Whether there is one.
    explicit operator bool() const noexcept { return state_ != nullptr; }

private:
    friend class EmailMessage;

    /// What the C library reads, and what was thrown meanwhile.
    struct State {
        Reader read;
        std::exception_ptr thrown;
    };

    static std::size_t Read(std::istream &in, char *buffer, std::size_t size) {
        if (in.eof())
            return 0;
        in.read(buffer, static_cast<std::streamsize>(size));
        if (in.bad() || (in.fail() && !in.eof()))
            throw std::runtime_error("the std::istream cannot be read");
        return static_cast<std::size_t>(in.gcount());
    }

    void Hold(Reader read) {
        state_ = std::make_shared<State>(State{std::move(read), nullptr});
        holder_ = std::shared_ptr<freesmtp_message>(freesmtp_message_new(), detail::Deleter<&freesmtp_message_free>());
        auto state = std::make_unique<std::shared_ptr<State>>(state_);
        detail::check(freesmtp_message_add_attachment_stream(holder_.get(), &Give, state.get(), &Release,
                                                             size_ ? static_cast<std::int64_t>(*size_) : -1, ""));
        state.release();  // NOLINT(bugprone-unused-return-value): the C library holds it now.
    }

    /// Nothing may be thrown through the C library.
    static std::int64_t Give(void *data, void *buffer, std::size_t size) noexcept {
        State &state = **static_cast<std::shared_ptr<State> *>(data);
        try {
            return static_cast<std::int64_t>(state.read(static_cast<char *>(buffer), size));
        } catch (...) {
            state.thrown = std::current_exception();
            return -1;
        }
    }
    static void Release(void *data) noexcept { delete static_cast<std::shared_ptr<State> *>(data); }

    /// Attaches it; the content is shared with everything that was made of this stream.
    void AddTo(freesmtp_message *message, const std::string &name) const {
        detail::check(freesmtp_message_share_attachment_n(message, holder_.get(), 0, name.data(), name.size()));
    }

    /// Throws `error` with what the source threw inside, where it threw.
    void Nest(const FileIOError &error) const {
        if (!state_ || !state_->thrown)
            return;
        const std::exception_ptr thrown = std::exchange(state_->thrown, nullptr);
        try {
            std::rethrow_exception(thrown);
        } catch (...) {
            std::throw_with_nested(error);
        }
    }

    std::optional<std::uint64_t> size_;
    std::shared_ptr<State> state_;
    /// A message with nothing but this attachment.
    std::shared_ptr<freesmtp_message> holder_;
};

}  // namespace freesmtp

#endif
