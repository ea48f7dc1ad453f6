/// What came of each message of a bulk, and the two callbacks of the C library as a range and a function.

#ifndef FREESMTP_BULK_HPP
#define FREESMTP_BULK_HPP

#include <algorithm>
#include <cstddef>
#include <exception>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "error.hpp"
#include "handle.hpp"
#include "message.hpp"
#include "report.hpp"

namespace freesmtp {

/// What came of one message of SMTP::SendBulk: either Report or Error.
struct BulkResult {
    /// The place of the message in the range, counted from 0.
    std::size_t Index = 0;
    /// What SMTP::Send would return for it.
    std::optional<freesmtp::Report> Report;
    /// What SMTP::Send would throw for it; its Kind says which exception that would be.
    std::optional<SMTPError> Error;

    /// Whether there is a Report.
    explicit operator bool() const noexcept { return Report.has_value(); }
};

namespace detail {

/// One bulk, while it is under way. Nothing may be thrown through the C library: what is thrown is kept until then.
template <class Iterator, class End, class Callback>
class Bulk {
public:
    Bulk(Iterator begin, End end, Callback &callback)
        : at_(std::move(begin)), end_(std::move(end)), callback_(callback) {}

    void Send(const freesmtp_smtp *smtp) {
        ErrorHandle failed(freesmtp_smtp_send_bulk(smtp, &Next, &Take, this));
        if (thrown_)
            std::rethrow_exception(thrown_);
        check(failed.release());
    }

private:
    static freesmtp_message *Next(void *bulk) noexcept {
        Bulk &self = *static_cast<Bulk *>(bulk);
        MessageHandle message;
        self.Guarded([&] { message = self.NextMessage(); });
        return message.release();
    }

    static bool Take(void *bulk, std::size_t index, const freesmtp_report *report,
                     const freesmtp_error *error) noexcept {
        Bulk &self = *static_cast<Bulk *>(bulk);
        self.Guarded([&] {
            BulkResult result;
            result.Index = self.InRange(index);
            if (error != nullptr)
                result.Error.emplace(error);
            else
                result.Report = detail::report(report);
            self.Tell(result);
        });
        return !self.stopped_;
    }

    template <class Work>
    void Guarded(Work work) noexcept {
        if (stopped_)
            return;
        try {
            work();
        } catch (...) {
            stopped_ = true;
            thrown_ = std::current_exception();
        }
    }

    /// The next message that can be handed to the C library; those before it that cannot have their result at once.
    MessageHandle NextMessage() {
        for (; !stopped_; ++place_) {
            // Not before the next one is wanted: a range may make its elements as they are asked for.
            if (place_ > 0)
                ++at_;
            if (!(at_ != end_))
                break;
            std::optional<SMTPError> unfit;
            try {
                const EmailMessage &message = *at_;
                MessageHandle handle = message.Build();
                ++place_;
                ++given_;
                return handle;
            } catch (const SMTPError &error) {
                unfit = error;
            }
            kept_back_.push_back(given_);
            BulkResult result;
            result.Index = place_;
            result.Error = std::move(unfit);
            Tell(result);
        }
        return nullptr;
    }

    /// The place in the range of what was handed over as number `given`.
    std::size_t InRange(std::size_t given) const {
        const auto before = std::upper_bound(kept_back_.begin(), kept_back_.end(), given) - kept_back_.begin();
        return given + static_cast<std::size_t>(before);
    }

    void Tell(const BulkResult &result) {
        if constexpr (std::is_void_v<std::invoke_result_t<Callback &, const BulkResult &>>)
            callback_(result);
        else
            stopped_ = !callback_(result);
    }

    Iterator at_;
    End end_;
    Callback &callback_;
    /// Elements of the range that were looked at, and messages that were handed over.
    std::size_t place_ = 0, given_ = 0;
    /// For each message that was not handed over, how many had been before.
    std::vector<std::size_t> kept_back_;
    bool stopped_ = false;
    std::exception_ptr thrown_;
};

/// `begin` and `end` as a `for` over the range finds them.
template <class Range, class Callback>
void send_bulk(const freesmtp_smtp *smtp, Range &range, Callback &callback) {
    using std::begin;
    using std::end;
    using Iterator = std::decay_t<decltype(begin(range))>;
    using End = std::decay_t<decltype(end(range))>;
    Bulk<Iterator, End, Callback>(begin(range), end(range), callback).Send(smtp);
}

}  // namespace detail

}  // namespace freesmtp

#endif
