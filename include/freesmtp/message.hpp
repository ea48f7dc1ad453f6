/// A message: who, to whom, what.

#ifndef FREESMTP_MESSAGE_HPP
#define FREESMTP_MESSAGE_HPP

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collection.hpp"
#include "delivery.hpp"
#include "dkim.hpp"
#include "error.hpp"
#include "handle.hpp"
#include "spool.hpp"
#include "stream.hpp"

namespace freesmtp {

/// Which header names a recipient.
enum class RecipientType {
    To = FREESMTP_RECIPIENT_TYPE_TO,    ///< Those whom the message is written to.
    CC = FREESMTP_RECIPIENT_TYPE_CC,    ///< Those who get a copy, and everyone may know.
    BCC = FREESMTP_RECIPIENT_TYPE_BCC,  ///< Those who get a copy that no header tells of.
};

/// What kind of text it is.
enum class BodyPartFormat {
    Plain = FREESMTP_BODY_PART_FORMAT_PLAIN,
    HTML = FREESMTP_BODY_PART_FORMAT_HTML,
};

/// How a text travels (RFC 2045 section 6).
enum class BodyPartEncoding {
    None = FREESMTP_BODY_PART_ENCODING_NONE,  ///< As it is where the session can carry it, else as with Auto.
    QuotedPrintable = FREESMTP_BODY_PART_ENCODING_QUOTED_PRINTABLE,
    Base64 = FREESMTP_BODY_PART_ENCODING_BASE64,
    Auto = FREESMTP_BODY_PART_ENCODING_AUTO,  ///< As it is where that is safe, else the smaller of the two.
};

/// How urgent the sender says a message is.
enum class MessagePriority {
    High = FREESMTP_PRIORITY_HIGH,
    Normal = FREESMTP_PRIORITY_NORMAL,  ///< Nothing is said; no header is written.
    Low = FREESMTP_PRIORITY_LOW,
};

/// A mailbox and the name shown to people.
struct Address {
    /// `user@example.com`, without a name and without angle brackets.
    std::string Email;
    /// May be empty.
    std::string Name;
};

/// One recipient.
struct Recipient {
    /// `user@example.com`.
    std::string Email;
    /// The name shown to people; may be empty.
    std::string Name;
    /// Which header names the recipient; none for BCC.
    RecipientType Type = RecipientType::To;
    /// When the sender gets a report.
    Notification Notify = Notification::Default;
    /// Whom the message was for before a list or a forwarder put this recipient in (RFC 3461 section 4.2): an address,
    /// or `type;address`. Reports name it.
    std::optional<std::string> OriginalRecipient = {};
    /// The message is for the owner that the mailbox has had since this moment: if it has changed hands, it is not
    /// delivered (RFC 7293).
    std::optional<Moment> ValidSince = {};
    /// What servers do that would have to pass it on to one that knows nothing of that.
    UncheckedOwner ValidSinceAction = UncheckedOwner::Default;
};

/// Whether a person or a program wrote a message (RFC 3834).
enum class AutoSubmittedBy {
    No = FREESMTP_AUTO_SUBMITTED_NO,                ///< Nothing is said; no header is written.
    Generated = FREESMTP_AUTO_SUBMITTED_GENERATED,  ///< A program, of its own accord: notices, reports, news.
    Replied = FREESMTP_AUTO_SUBMITTED_REPLIED,      ///< A program, in answer to a message.
};

/// An invitation, which travels as an alternative of the texts (RFC 6047).
struct CalendarPart {
    /// The iCalendar text (RFC 5545).
    std::string Text;
    /// Such as `REQUEST`; none: that of the text's `METHOD` line.
    std::optional<std::string> Method;
    /// The name under which it is attached too, for readers that show no invitation; none: `invite.ics`; empty: it is
    /// not attached.
    std::optional<std::string> FileName;
};

/// One text.
struct BodyPart {
    /// The text; line ends of any kind become CRLF.
    std::string Body;
    /// Whether it is HTML.
    BodyPartFormat Format = BodyPartFormat::Plain;
    /// How it travels.
    BodyPartEncoding Encoding = BodyPartEncoding::Auto;
};

/// Bytes in memory; copies of a message share them.
using Bytes = std::shared_ptr<const std::vector<unsigned char>>;

/// A file beside the text.
struct Attachment {
    /// Its path; it is opened when the message is sent. Not used when Content is set.
    std::string Filename;
    /// The file name that the recipient sees; none: that of the file.
    std::optional<std::string> DisplayName;
    /// The media type such as `text/calendar; method=REQUEST`; none: by the name's extension.
    std::optional<std::string> ContentType;
    /// The bytes, when they are not in a file; DisplayName names them then.
    Bytes Content;
    /// What is read while the message is sent; DisplayName names it then.
    freesmtp::Stream Stream = {};
};

/// A file that the HTML text shows by `cid:` and ContentID.
struct EmbeddedObject {
    /// Its path, or the file name of Content.
    std::string Filename;
    /// With or without angle brackets.
    std::string ContentID;
    /// The media type; none: by the name's extension.
    std::optional<std::string> ContentType;
    /// The bytes, when they are not in a file.
    Bytes Content;
};

/// A header of the program's own.
struct CustomHeader {
    /// `X-Report`, without the colon.
    std::string Name;
    /// One line.
    std::string Value;
};

/// A moment, and the offset from UTC that it is shown with.
struct MessageDate {
    /// Shown in UTC.
    MessageDate(std::chrono::system_clock::time_point time)
        : UnixSeconds(std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count()) {}
    MessageDate(std::int64_t unix_seconds, std::int16_t offset_minutes)
        : UnixSeconds(unix_seconds), OffsetMinutes(offset_minutes) {}

    /// Seconds since 1970-01-01 UTC.
    std::int64_t UnixSeconds;
    /// Minutes east of UTC.
    std::int16_t OffsetMinutes = 0;
};

/// `Recipients` of a message.
class RecipientCollection : public Collection<Recipient> {
public:
    using Collection::Add;
    /// Adds a recipient, and gives it back.
    Recipient &Add(std::string Email, std::string Name = {}, RecipientType Type = RecipientType::To) {
        return Add(Recipient{std::move(Email), std::move(Name), Type});
    }
};

/// `BodyParts` of a message.
class BodyPartCollection : public Collection<BodyPart> {
public:
    using Collection::Add;
    /// Adds a text, and gives it back.
    BodyPart &Add(std::string Body, BodyPartFormat Format = BodyPartFormat::Plain,
                  BodyPartEncoding Encoding = BodyPartEncoding::Auto) {
        return Add(BodyPart{std::move(Body), Format, Encoding});
    }
};

/// `Attachments` of a message.
class AttachmentCollection : public Collection<Attachment> {
public:
    using Collection::Add;
    /// A file, under its own name.
    Attachment &Add(std::string Filename) { return Add(Attachment{std::move(Filename), {}, {}, {}, {}}); }
    /// A file, under another name.
    Attachment &Add(std::string Filename, std::string DisplayName) {
        return Add(Attachment{std::move(Filename), std::move(DisplayName), {}, {}, {}});
    }
    /// What is read while the message is sent, under a file name: a function or a `std::istream`.
    ///
    ///     message.Attachments.Add(Stream(std::ifstream("report.pdf", std::ios::binary)), "report.pdf");
    Attachment &Add(freesmtp::Stream Stream, std::string DisplayName) {
        return Add(Attachment{{}, std::move(DisplayName), {}, {}, std::move(Stream)});
    }
    /// A copy of bytes under a file name.
    Attachment &Add(const void *data, std::size_t size, std::string DisplayName) {
        const auto *const bytes = static_cast<const unsigned char *>(data);
        return Add(std::vector<unsigned char>(bytes, bytes + size), std::move(DisplayName));
    }
    /// Bytes under a file name.
    Attachment &Add(std::vector<unsigned char> Content, std::string DisplayName) {
        auto bytes = std::make_shared<const std::vector<unsigned char>>(std::move(Content));
        return Add(Attachment{{}, std::move(DisplayName), {}, std::move(bytes), {}});
    }
};

/// `EmbeddedObjects` of a message.
class EmbeddedObjectCollection : public Collection<EmbeddedObject> {
public:
    using Collection::Add;
    /// A file.
    EmbeddedObject &Add(std::string Filename, std::string ContentID) {
        return Add(EmbeddedObject{std::move(Filename), std::move(ContentID), {}, {}});
    }
    /// Bytes under a file name.
    EmbeddedObject &Add(std::vector<unsigned char> Content, std::string Filename, std::string ContentID) {
        auto bytes = std::make_shared<const std::vector<unsigned char>>(std::move(Content));
        return Add(EmbeddedObject{std::move(Filename), std::move(ContentID), {}, std::move(bytes)});
    }
};

/// `CustomHeaders` of a message.
class CustomHeaderCollection : public Collection<CustomHeader> {
public:
    using Collection::Add;
    /// Adds a header, and gives it back.
    CustomHeader &Add(std::string Name, std::string Value) {
        return Add(CustomHeader{std::move(Name), std::move(Value)});
    }
};

/// A message. It may hold anything while it is built; sending checks it before a byte goes out.
class EmailMessage : public DeliveryOptions, public SpoolOptions {
public:
    EmailMessage() = default;
    /// A message with one recipient and one text.
    EmailMessage(std::string RecipientEmail, std::string FromEmail, std::string SubjectText, std::string BodyText,
                 BodyPartFormat Format = BodyPartFormat::Plain)
        : From{std::move(FromEmail), {}}, Subject(std::move(SubjectText)) {
        Recipients.Add(std::move(RecipientEmail));
        BodyParts.Add(std::move(BodyText), Format);
    }

    /// Who the message is from. Required.
    Address From;
    /// Where answers go, when not to From. Empty: not set.
    Address ReplyTo;
    /// Who sends on behalf of From (RFC 5322 section 3.6.2). Empty: not set.
    Address Sender;
    /// The envelope's sender, where bounces go; none: Sender, else From. An empty text is the null reverse-path `<>`.
    std::optional<std::string> ReturnPath;
    /// One line of any characters.
    std::string Subject;
    /// How urgent it is.
    MessagePriority Priority = MessagePriority::Normal;
    /// `local@domain`, with or without angle brackets; none: one is made.
    std::optional<std::string> MessageID;
    /// None: the time of sending.
    std::optional<MessageDate> Date;
    /// Charset of the bodies: `utf-8`, or `us-ascii` when they fit; none: `utf-8`.
    std::optional<std::string> CharsetEncoding;

    /// Who gets it.
    RecipientCollection Recipients;
    /// Plain and HTML together are alternatives of each other.
    BodyPartCollection BodyParts;
    /// What comes with it.
    AttachmentCollection Attachments;
    /// What the HTML shows, by `cid:`.
    EmbeddedObjectCollection EmbeddedObjects;
    /// Further headers, in their order.
    CustomHeaderCollection CustomHeaders;
    /// Messages that are shown as messages (RFC 2046 section 5.2.1), after Attachments.
    Collection<EmailMessage> AttachedMessages;

    /// The messages that this one answers, by their `Message-ID` (RFC 5322 section 3.6.4).
    Collection<std::string> InReplyTo;
    /// The thread, oldest first, by `Message-ID`: the `References` of the message answered, and its own.
    Collection<std::string> References;
    /// Whether a program wrote it.
    AutoSubmittedBy AutoSubmitted = AutoSubmittedBy::No;
    /// Links that end a subscription, the preferred one first: `https://…`, `mailto:…` (RFC 2369).
    Collection<std::string> ListUnsubscribe;
    /// An empty POST to the https link is enough (RFC 8058). Sign with DKIM: readers demand it.
    bool ListUnsubscribeOneClick = false;
    /// An invitation.
    std::optional<CalendarPart> Calendar;
    /// Signatures to add, the first one outermost.
    Collection<DkimSigner> DKIM;
    /// A whole message in the form of RFC 5322, passed through: line ends become CRLF, `Bcc` and `Resent-Bcc` are left
    /// out. The envelope is that of ReturnPath, Sender, From and Recipients where they are set, else that of its
    /// headers; DKIM signs it; everything else has to be unset.
    Bytes Raw;
    /// The same from a file of this path, which is read when the message is sent. Not used when Raw is set; empty: none.
    std::string RawFile;

    /// Makes it an empty message again.
    void Reset() { *this = EmailMessage(); }

    /// The message as it would be sent (RFC 5322 form, `Bcc` left out).
    std::string ToBytes() const {
        char *bytes = nullptr;
        std::size_t size = 0;
        Nesting([&] { detail::check(freesmtp_message_to_bytes(Build().get(), &bytes, &size)); });
        const detail::Given given(bytes);
        return std::string(bytes, size);
    }

    /// Writes the message to a file, in place of what it held.
    void SaveMessage(const std::string &FileName) const {
        Nesting([&] { detail::check(freesmtp_message_save_n(Build().get(), FileName.data(), FileName.size())); });
    }

    /// The same message for the C library.
    detail::MessageHandle Build() const;
    /// Does `work`; what one of the streams throws meanwhile is nested in the error that comes of it.
    template <class Work>
    void Nesting(Work work) const {
        try {
            work();
        } catch (const FileIOError &error) {
            Nest(error);
            throw;
        }
    }

private:
    void Nest(const FileIOError &error) const {
        for (const Attachment &file : Attachments)
            file.Stream.Nest(error);
        for (const EmailMessage &attached : AttachedMessages)
            attached.Nest(error);
    }
};

inline detail::MessageHandle EmailMessage::Build() const {
    detail::MessageHandle handle(freesmtp_message_new());
    freesmtp_message *const to = handle.get();
    const auto set = [to](auto setter, const std::string &text) {
        detail::check(setter(to, text.data(), text.size()));
    };
    set(freesmtp_message_set_from_n, From.Email);
    set(freesmtp_message_set_from_name_n, From.Name);
    if (!ReplyTo.Email.empty() || !ReplyTo.Name.empty()) {
        set(freesmtp_message_set_reply_to_n, ReplyTo.Email);
        set(freesmtp_message_set_reply_to_name_n, ReplyTo.Name);
    }
    if (!Sender.Email.empty() || !Sender.Name.empty()) {
        set(freesmtp_message_set_sender_n, Sender.Email);
        set(freesmtp_message_set_sender_name_n, Sender.Name);
    }
    if (ReturnPath)
        set(freesmtp_message_set_return_path_n, *ReturnPath);
    set(freesmtp_message_set_subject_n, Subject);
    detail::check(freesmtp_message_set_priority(to, static_cast<int>(Priority)));
    if (MessageID)
        set(freesmtp_message_set_message_id_n, *MessageID);
    if (Date)
        detail::check(freesmtp_message_set_date(to, Date->UnixSeconds, Date->OffsetMinutes));
    if (CharsetEncoding)
        set(freesmtp_message_set_charset_encoding_n, *CharsetEncoding);

    for (const Recipient &one : Recipients) {
        const std::size_t index = freesmtp_message_recipient_count(to);
        detail::check(freesmtp_message_add_recipient_n(to, one.Email.data(), one.Email.size(), one.Name.data(),
                                                       one.Name.size(), static_cast<int>(one.Type)));
        detail::check(freesmtp_message_set_recipient_notify(to, index, static_cast<int>(one.Notify)));
        if (one.OriginalRecipient)
            detail::check(freesmtp_message_set_recipient_original_recipient_n(
                to, index, one.OriginalRecipient->data(), one.OriginalRecipient->size()));
        if (one.ValidSince)
            detail::check(freesmtp_message_set_recipient_valid_since(to, index, one.ValidSince->UnixSeconds));
        detail::check(
            freesmtp_message_set_recipient_valid_since_action(to, index, static_cast<int>(one.ValidSinceAction)));
    }
    SetDeliveryOptions(to);
    SetSpoolOptions(to);
    for (const BodyPart &part : BodyParts)
        detail::check(freesmtp_message_add_body_part_n(to, part.Body.data(), part.Body.size(),
                                                       static_cast<int>(part.Format), static_cast<int>(part.Encoding)));
    for (const Attachment &file : Attachments) {
        const std::string *const name = file.DisplayName ? &*file.DisplayName : nullptr;
        const char *const text = name == nullptr ? nullptr : name->data();
        const std::size_t size = name == nullptr ? 0 : name->size();
        if (file.Stream)
            file.Stream.AddTo(to, name == nullptr ? std::string() : *name);
        else if (file.Content)
            detail::check(freesmtp_message_add_attachment_bytes_n(to, file.Content->data(), file.Content->size(), text, size));
        else
            detail::check(freesmtp_message_add_attachment_n(to, file.Filename.data(), file.Filename.size(), text, size));
        if (file.ContentType)
            detail::check(freesmtp_message_set_attachment_content_type_n(
                to, freesmtp_message_attachment_count(to) - 1, file.ContentType->data(), file.ContentType->size()));
    }
    for (const EmbeddedObject &file : EmbeddedObjects) {
        if (file.Content)
            detail::check(freesmtp_message_add_embedded_bytes_n(to, file.Content->data(), file.Content->size(),
                                                                file.Filename.data(), file.Filename.size(),
                                                                file.ContentID.data(), file.ContentID.size()));
        else
            detail::check(freesmtp_message_add_embedded_object_n(to, file.Filename.data(), file.Filename.size(),
                                                                 file.ContentID.data(), file.ContentID.size()));
        if (file.ContentType)
            detail::check(freesmtp_message_set_embedded_object_content_type_n(
                to, freesmtp_message_embedded_object_count(to) - 1, file.ContentType->data(), file.ContentType->size()));
    }
    for (const CustomHeader &header : CustomHeaders)
        detail::check(freesmtp_message_add_custom_header_n(to, header.Name.data(), header.Name.size(),
                                                           header.Value.data(), header.Value.size()));
    for (const EmailMessage &attached : AttachedMessages)
        detail::check(freesmtp_message_add_attached_message(to, attached.Build().get()));
    for (const std::string &id : InReplyTo)
        set(freesmtp_message_add_in_reply_to_n, id);
    for (const std::string &id : References)
        set(freesmtp_message_add_reference_n, id);
    detail::check(freesmtp_message_set_auto_submitted(to, static_cast<int>(AutoSubmitted)));
    for (const std::string &link : ListUnsubscribe)
        set(freesmtp_message_add_list_unsubscribe_n, link);
    detail::check(freesmtp_message_set_list_unsubscribe_one_click(to, ListUnsubscribeOneClick));
    if (Calendar) {
        const auto data = [](const std::optional<std::string> &text) { return text ? text->data() : nullptr; };
        const auto size = [](const std::optional<std::string> &text) { return text ? text->size() : 0; };
        detail::check(freesmtp_message_set_calendar_n(to, Calendar->Text.data(), Calendar->Text.size(),
                                                      data(Calendar->Method), size(Calendar->Method),
                                                      data(Calendar->FileName), size(Calendar->FileName)));
    }
    for (const DkimSigner &signer : DKIM)
        signer.AddTo(to);
    if (Raw)
        detail::check(freesmtp_message_set_raw(to, Raw->data(), Raw->size()));
    else if (!RawFile.empty())
        set(freesmtp_message_set_raw_file_n, RawFile);
    return handle;
}

}  // namespace freesmtp

#endif
