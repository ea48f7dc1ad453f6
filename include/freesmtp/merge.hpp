/// Merge: one message for each row, from a message whose texts have fields.

#ifndef FREESMTP_MERGE_HPP
#define FREESMTP_MERGE_HPP

#include <cstddef>
#include <exception>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "error.hpp"
#include "handle.hpp"
#include "message.hpp"

namespace freesmtp {

/// The name of each field, and what stands there in one message.
using MergeRow = std::map<std::string, std::string>;

/// A message whose texts are compiled once, and filled in for each row.
///
/// They may have `{{ fields }}` of Jinja, with its filters and conditions: the subject, the texts, addresses and names, the
/// values of custom headers, names of attachments, links to unsubscribe, and the invitation. In HTML texts the values are
/// escaped.
///
///     const MergeTemplate news(message);
///     smtp.Send(news.Render({{"name", "Zoë"}, {"email", "zoe@example.org"}}));
class MergeTemplate {
public:
    /// Compiles the texts; a MessageError names the property and the line of a fault.
    explicit MergeTemplate(EmailMessage message) : message_(std::move(message)) {
        freesmtp_template *made = nullptr;
        detail::check(freesmtp_template_new(message_.Build().get(), &made));
        handle_ = detail::TemplateHandle(made);
    }

    /// The message of one row. A field that the row does not have is a MessageError, never an empty text.
    EmailMessage Render(const MergeRow &row) const {
        std::vector<freesmtp_field_n> fields;
        fields.reserve(row.size());
        for (const auto &[name, value] : row)
            fields.push_back({name.data(), name.size(), value.data(), value.size()});
        Filling filling{message_, nullptr};
        detail::ErrorHandle failed(
            freesmtp_template_texts_n(handle_.get(), fields.data(), fields.size(), &Fill, &filling));
        if (filling.thrown)
            std::rethrow_exception(filling.thrown);
        detail::check(failed.release());
        return std::move(filling.message);
    }

private:
    struct Filling {
        EmailMessage message;
        std::exception_ptr thrown;
    };

    /// Nothing may be thrown through the C library.
    static void Fill(void *data, const char *property, std::size_t property_size, const char *text,
                     std::size_t size) noexcept {
        Filling &filling = *static_cast<Filling *>(data);
        try {
            Place(filling.message, std::string(property, property_size)) = std::string(text, size);
        } catch (...) {
            filling.thrown = std::current_exception();
        }
    }

    /// The text behind a name such as `Recipients[0].Email`.
    static std::string &Place(EmailMessage &message, const std::string &property) {
        const std::size_t bracket = property.find('[');
        if (bracket == std::string::npos)
            return Single(message, property);
        const std::string list = property.substr(0, bracket);
        const std::size_t index = std::stoul(property.substr(bracket + 1));
        if (list == "Recipients") {
            Recipient &recipient = message.Recipients[index];
            return property.back() == 'l' ? recipient.Email : recipient.Name;
        }
        if (list == "BodyParts")
            return message.BodyParts[index].Body;
        if (list == "CustomHeaders")
            return message.CustomHeaders[index].Value;
        if (list == "ListUnsubscribe")
            return message.ListUnsubscribe[index];
        if (list == "EmbeddedObjects")
            return message.EmbeddedObjects[index].Filename;
        return message.Attachments[index].DisplayName.emplace();
    }
    static std::string &Single(EmailMessage &message, const std::string &property) {
        const std::pair<const char *, std::string *> places[] = {
            {"From.Email", &message.From.Email},       {"From.Name", &message.From.Name},
            {"Sender.Email", &message.Sender.Email},   {"Sender.Name", &message.Sender.Name},
            {"ReplyTo.Email", &message.ReplyTo.Email}, {"ReplyTo.Name", &message.ReplyTo.Name},
            {"Subject", &message.Subject},
        };
        for (const auto &[name, text] : places)
            if (property == name)
                return *text;
        return property == "ReturnPath" ? message.ReturnPath.emplace() : message.Calendar.value().Text;
    }

    EmailMessage message_;
    std::shared_ptr<const freesmtp_template> handle_;
};

/// The messages of many rows, each made when it is wanted: a range for SMTP::SendBulk. Template and rows have to outlive it.
/// A row without a value for a field throws when its turn comes: a bulk takes that as its result.
///
///     smtp.SendBulk(Merge(news, rows), [](const BulkResult &sent) { … });
template <class Rows>
class MergedRows {
public:
    MergedRows(const MergeTemplate &merge, const Rows &rows) : merge_(&merge), rows_(&rows) {}

    /// Makes the message of the row it stands at.
    template <class At>
    class Iterator {
    public:
        Iterator(const MergeTemplate *merge, At at) : merge_(merge), at_(std::move(at)) {}
        EmailMessage operator*() const { return merge_->Render(*at_); }
        Iterator &operator++() {
            ++at_;
            return *this;
        }
        bool operator!=(const Iterator &other) const { return at_ != other.at_; }

    private:
        const MergeTemplate *merge_;
        At at_;
    };

    auto begin() const { return Iterator<decltype(std::begin(*rows_))>(merge_, std::begin(*rows_)); }
    auto end() const { return Iterator<decltype(std::end(*rows_))>(merge_, std::end(*rows_)); }

private:
    const MergeTemplate *merge_;
    const Rows *rows_;
};

/// One message for each row.
template <class Rows>
MergedRows<Rows> Merge(const MergeTemplate &merge, const Rows &rows) {
    return {merge, rows};
}

}  // namespace freesmtp

#endif
