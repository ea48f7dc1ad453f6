// What the C++ header adds: properties, collections, values, exceptions.

#include <cmath>
#include <freesmtp.hpp>
#include <fstream>
#include <sstream>
#include <thread>
#include <type_traits>

#include "check.h"

using namespace freesmtp;

namespace {

static_assert(std::is_nothrow_copy_constructible_v<SMTPError>);
static_assert(std::is_base_of_v<std::runtime_error, SMTPError>);
static_assert(std::is_same_v<SMTPProtocolException, SMTPProtocolError>);
static_assert(std::is_base_of_v<SMTPProtocolException, SMTPRecipientsRefused>);
static_assert(std::is_move_constructible_v<SMTP> && !std::is_copy_constructible_v<SMTP>);
static_assert(std::is_copy_constructible_v<EmailMessage>);

/// The error that `call` throws, which must be exactly of that class.
template <class Error, class Call>
Error Thrown(Call call) {
    try {
        call();
    } catch (const SMTPError &error) {
        const auto *const exact = dynamic_cast<const Error *>(&error);
        if (exact == nullptr)
            std::fprintf(stderr, "%s: %s\n", error.KindName().c_str(), error.what());
        CHECK(exact != nullptr);
        return *exact;
    }
    CHECK(!"thrown");
    std::abort();
}

void PropertiesReadAndWrite(const std::string &folder) {
    SMTP smtp;
    CHECK(std::string(smtp.LogFile).empty());
    smtp.LogFile = folder + "/smtp log.txt";
    CHECK(smtp.LogFile() == folder + "/smtp log.txt");
    CHECK(Thrown<FileIOError>([&] { smtp.LogFile = folder + "/none/log.txt"; }).Field() == "LogFile");
    CHECK(smtp.LogFile() == folder + "/smtp log.txt");
    smtp.DefaultDomain = "client.test";
    std::ostringstream shown;
    shown << smtp.DefaultDomain << ' ' << smtp.Version;
    CHECK(shown.str() == std::string("client.test ") + freesmtp_version());
    smtp.DefaultTimeout = 7;
    CHECK(smtp.Timeouts().Connect == 7 && smtp.DefaultTimeout == 7);
    smtp.Timeouts = {1, 2, 3, 4, 5};
    CHECK(smtp.Timeouts().EndOfData == 5 && smtp.Timeouts().Operation == 0);
    smtp.Timeouts = {1, 2, 3, 4, 5, 6};
    CHECK(smtp.Timeouts().Operation == 6);
    CHECK(smtp.MaxConnections == 1 && smtp.MaxMessagesPerConnection == 0 && smtp.RateLimit == 0);
    smtp.MaxConnections = 4;
    smtp.MaxMessagesPerConnection = 100;
    smtp.RateLimit = 0.5;
    CHECK(Thrown<MessageError>([&] { smtp.MaxConnections = -1; }).Field() == "MaxConnections");
    CHECK(Thrown<MessageError>([&] { smtp.RateLimit = std::nan(""); }).Field() == "RateLimit");
    Thrown<MessageError>([&] { smtp.DefaultTimeout = 0; });
    CHECK(!smtp.AllOrNothing);
    smtp.AllOrNothing = true;
    CHECK(smtp.AllOrNothing && !smtp.Connected);
    // A NUL ends no text early.
    CHECK(Thrown<MessageError>([&] { smtp.DefaultDomain = std::string("client.test\0.evil", 17); }).Field() ==
          "DefaultDomain");

    SMTP other;
    other.LogFile = smtp.LogFile;
    CHECK(other.LogFile() == smtp.LogFile());

    SMTP moved(std::move(smtp));
    CHECK(moved.AllOrNothing && moved.DefaultDomain() == "client.test");
    moved.AllOrNothing = false;
    other = std::move(moved);
    CHECK(!other.AllOrNothing && other.Timeouts().Greeting == 2);
    CHECK(other.MaxConnections == 4 && other.MaxMessagesPerConnection == 100 && other.RateLimit == 0.5);
    other.AllOrNothing = true;
    CHECK(other.AllOrNothing);
    other.Reset();
    CHECK(!other.AllOrNothing && other.LogFile().empty());
}

void ServersAreValues() {
    SMTP smtp("smtps://us%40er:secret@mail.example.com:4650");
    SMTPServer &server = smtp.SMTPServers[0];
    CHECK(server.Name == "mail.example.com" && server.Port == 4650 && server.Account == "us@er");
    CHECK(server.Security == SMTPSecurity::Implicit && !server.Password);
    smtp.SMTPServers.Add("second.example.com");
    smtp.SMTPServers.Add("third.example.com", 2525);
    smtp.SMTPServers.Add("fourth.example.com", 2525, 30);
    smtp.SMTPServers.Add("fifth.example.com", 587, 30, SMTPAuthMode::AuthLogin, "user", "secret");
    CHECK(smtp.SMTPServers.Count() == 5);
    CHECK(smtp.SMTPServers.GetLastItem().Password == "secret" && *smtp.SMTPServers[3].Timeout == 30);
    smtp.SMTPServers.Remove(1);
    CHECK(smtp.SMTPServers[1].Name == "third.example.com");
    Thrown<MessageError>([] { SMTP("http://mail.example.com"); });

    SMTP bad;
    bad.SMTPServers.Add("127.0.0.1").Port = 70000;
    const EmailMessage message("a@b.test", "c@d.test", "Hello", "Hello");
    CHECK(Thrown<MessageError>([&] { bad.Send(message); }).Field() == "Port");
    CHECK(Thrown<MessageError>([&] { SMTP().Send(message); }).Field() == "SMTPServers");
}

void MessagesAreValues(const std::string &folder) {
    EmailMessage message("a@b.test", "c@d.test", "Hello", "Hello");
    message.From.Name = "Zoë";
    message.Recipients.Add("e@f.test", "E", RecipientType::CC);
    message.ReturnPath = "";
    message.Priority = MessagePriority::High;
    message.Date = MessageDate(880'127'706, -360);
    message.CustomHeaders.Add("X-Kind", "test");
    message.Attachments.Add(std::vector<unsigned char>{0, 1, 2}, "three.bin").ContentType = "application/x-three";
    message.Attachments.Add(std::vector<unsigned char>(), "empty.bin");
    EmailMessage copy = message;
    copy.Subject += ", copy";
    for (Recipient &recipient : copy.Recipients)
        recipient.Name.clear();
    CHECK(message.Recipients[1].Name == "E" && copy.Recipients.Count() == 2);
    CHECK(copy.Attachments[0].Content == message.Attachments[0].Content);

    const std::string bytes = message.ToBytes();
    for (const char *part : {"Date: Fri, 21 Nov 1997 09:55:06 -0600\r\n", "X-Kind: test\r\n", "X-Priority: 1\r\n",
                             "application/x-three", "AAEC\r\n"})
        CHECK(bytes.find(part) != std::string::npos);
    message.MessageID = "fixed@d.test";
    message.SaveMessage(folder + "/message.eml");
    std::ifstream file(folder + "/message.eml", std::ios::binary);
    const std::string saved((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    CHECK(saved.find("<fixed@d.test>") != std::string::npos);

    message.Recipients.Clear();
    CHECK(Thrown<MessageError>([&] { message.ToBytes(); }).Field() == "Recipients");
    try {
        message.Recipients.GetLastItem();
        CHECK(!"thrown");
    } catch (const std::out_of_range &) {
    }
    message.Reset();
    CHECK(message.Subject.empty() && message.Attachments.empty());
    message.Attachments.Add(folder + "/none.bin");
    message.Recipients.Add("a@b.test");
    message.From.Email = "c@d.test";
    CHECK(Thrown<FileIOError>([&] { message.ToBytes(); }).Field() == "Attachments[0]");
}

void TheRestOfAMessage(const std::string &folder) {
    const EmailMessage within("a@b.test", "c@d.test", "Within", "Hello");
    EmailMessage message("a@b.test", "c@d.test", "Hello", "Hello");
    message.AttachedMessages.Add(within);
    message.InReplyTo.Add("2@b.test");
    message.References.Add("1@b.test");
    message.References.Add("2@b.test");
    message.AutoSubmitted = AutoSubmittedBy::Generated;
    message.ListUnsubscribe.Add("https://b.test/off");
    message.ListUnsubscribeOneClick = true;
    message.Calendar = CalendarPart{"BEGIN:VCALENDAR\nMETHOD:REQUEST\nEND:VCALENDAR\n", {}, "may.ics"};
    // The key of RFC 8463 appendix A.2.
    DkimSigner &signer = message.DKIM.Add(DkimSigner("d.test", "may", "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="));
    CHECK(signer.Domain() == "d.test" && signer.Selector() == "may" && signer.Algorithm() == "ed25519-sha256");
    signer.Identity = "c@d.test";
    signer.BodyCanonicalization = Canonicalization::Simple;
    // At first what readers show; here less, and the sender's own.
    CHECK(signer.Headers.size() == 19 && signer.Headers.front() == "From" && signer.Oversigned.size() == 9);
    signer.Headers = {"From", "In-Reply-To"};
    signer.Oversigned = {"From", "X-Own"};
    const EmailMessage copy = message;
    const std::string bytes = copy.ToBytes();
    for (const char *part : {"Subject: Within\r\n", "In-Reply-To: <2@b.test>\r\n", "References: <1@b.test> <2@b.test>\r\n",
                             "Auto-Submitted: auto-generated\r\n", "List-Unsubscribe: <https://b.test/off>\r\n",
                             "One-Click", "method=REQUEST", "may.ics", "a=ed25519-sha256;", "i=c@d.test;",
                             "c=relaxed/simple", " h=From:From:In-Reply-To:X-Own;"}) {
        if (bytes.find(part) == std::string::npos)
            std::fprintf(stderr, "%s\nis not in\n%s\n", part, bytes.c_str());
        CHECK(bytes.find(part) != std::string::npos);
    }
    signer.Headers = {"Subject"};
    CHECK(Thrown<MessageError>([&] { (void)message.ToBytes(); }).Field() == "DKIM[0].Headers");
    CHECK(Thrown<MessageError>([] { DkimSigner("d.test", "may", "no key"); }).Field() == "DKIM.Key");

    const std::string text = "From: a@b.test\nTo: c@d.test\n\nbody\n";
    EmailMessage raw;
    raw.Raw = std::make_shared<const std::vector<unsigned char>>(text.begin(), text.end());
    CHECK(raw.ToBytes() == "From: a@b.test\r\nTo: c@d.test\r\n\r\nbody\r\n");
    raw.Subject = "Hello";
    CHECK(Thrown<MessageError>([&] { raw.ToBytes(); }).Field() == "Raw");
    EmailMessage from_file;
    from_file.RawFile = folder + "/raw.eml";
    CHECK(Thrown<FileIOError>([&] { from_file.ToBytes(); }).Field() == "Raw");
    std::ofstream(from_file.RawFile, std::ios::binary) << text;
    CHECK(from_file.ToBytes() == "From: a@b.test\r\nTo: c@d.test\r\n\r\nbody\r\n");
}

/// A source that breaks when it is read.
class Breaking : public std::exception {
public:
    const char *what() const noexcept override { return "the source is gone"; }
};

void TheLogIsHeard(const std::string &folder, const std::string &silent) {
    SMTP smtp(silent);
    CHECK(!smtp.LogOptions().Timestamps && smtp.LogOptions().Body == LogBody::Size && !smtp.LogOptions().Json);
    smtp.LogOptions = {true, LogBody::Headers, false};
    CHECK(smtp.LogOptions().Timestamps && smtp.LogOptions().Body == LogBody::Headers);
    CHECK(Thrown<MessageError>([&] { smtp.LogOptions = {false, static_cast<LogBody>(3), false}; }).Field() == "LogOptions");
    smtp.LogFile = folder + "/heard.txt";
    std::vector<LogEvent> heard;
    const auto listener = std::make_shared<int>(0);
    smtp.ProtocolLog = [&heard, listener](const LogEvent &event) {
        heard.push_back(event);
        throw Breaking();
    };
    SMTP moved = std::move(smtp);
    moved.Timeouts = {5, 5, 1, 5, 5};
    const EmailMessage message("a@b.test", "c@d.test", "Hello", "Hello");
    Thrown<SMTPConnectionError>([&] { moved.Send(message); });
    CHECK(heard.size() >= 3 && heard[0].Kind == LogKind::Notice && heard[1].Kind == LogKind::Received);
    CHECK(heard[1].Line == "220 mail.test" && heard[2].Line.find("EHLO ") == 0 && heard[2].Kind == LogKind::Sent);
    CHECK(heard[0].Connection == 1 && heard[0].Time > std::chrono::system_clock::now() - std::chrono::hours(1));
    const std::size_t before = heard.size();
    moved.ProtocolLog = nullptr;
    moved.Disconnect();
    CHECK(listener.use_count() == 1 && heard.size() == before);
    std::ifstream file(folder + "/heard.txt");
    std::string line;
    CHECK(std::getline(file, line) && line.size() > 25 && line[4] == '-' && line[23] == 'Z');
}

void StreamsAreReadOnce(const std::string &folder) {
    const std::string path = folder + "/stream.bin";
    std::ofstream(path, std::ios::binary) << "from a file\n";
    EmailMessage message("a@b.test", "c@d.test", "Hello", "Hello");
    message.Attachments.Add(Stream(std::ifstream(path, std::ios::binary)), "file.bin");
    std::istringstream in("skipped, from a stringstream");
    in.seekg(8);
    message.Attachments.Add(in, "string.bin");
    int left = 2;
    message.Attachments.Add([&left](char *buffer, std::size_t size) -> std::size_t {
        CHECK(size > 0);
        buffer[0] = 'x';
        return left-- > 0 ? 1 : 0;
    }, "function.bin");
    message.Attachments.Add(Stream(std::make_shared<std::istringstream>(""), 0), "empty.bin");
    EmailMessage copy = message;
    const std::string bytes = message.ToBytes();
    // "from a file\n", " from a stringstream", "xx"
    for (const char *part : {"ZnJvbSBhIGZpbGUK", "IGZyb20gYSBzdHJpbmdzdHJlYW0=", "eHg=", "empty.bin"})
        CHECK(bytes.find(part) != std::string::npos);
    CHECK(Thrown<MessageError>([&] { copy.ToBytes(); }).Field() == "Attachments[0]");

    EmailMessage broken("a@b.test", "c@d.test", "Hello", "Hello");
    broken.Attachments.Add([](char *, std::size_t) -> std::size_t { throw Breaking(); }, "broken.bin");
    EmailMessage outer("a@b.test", "c@d.test", "Hello", "Hello");
    outer.AttachedMessages.Add(broken);
    bool nested = false;
    try {
        outer.ToBytes();
    } catch (const FileIOError &error) {
        try {
            std::rethrow_if_nested(error);
        } catch (const Breaking &) {
            nested = true;
        }
    }
    CHECK(nested);
    EmailMessage missing("a@b.test", "c@d.test", "Hello", "Hello");
    missing.Attachments.Add(std::ifstream(folder + "/none.bin"), "none.bin");
    bool failed = false;
    try {
        missing.ToBytes();
    } catch (const FileIOError &) {
        failed = true;
    }
    CHECK(failed);
}

void MergesRows() {
    EmailMessage message("{{ email }}", "news@d.test", "For {{ name }}", "<p>{{ name }}</p>", BodyPartFormat::HTML);
    message.Recipients[0].Name = "{{ name }}";
    message.CustomHeaders.Add("X-Row", "{{ row|default('none') }}");
    message.Attachments.Add(std::vector<unsigned char>{1}, "{{ name }}.bin");
    message.ListUnsubscribe.Add("https://d.test/{{ name }}");
    message.ReturnPath = "bounce+{{ name }}@d.test";
    const MergeTemplate news(message);
    const EmailMessage one = news.Render({{"name", "A&B"}, {"email", "a@b.test"}});
    CHECK(one.Subject == "For A&B" && one.BodyParts[0].Body == "<p>A&amp;B</p>" && one.CustomHeaders[0].Value == "none");
    CHECK(one.Recipients[0].Email == "a@b.test" && one.Recipients[0].Name == "A&B" && one.ReturnPath == "bounce+A&B@d.test");
    CHECK(one.Attachments[0].DisplayName == "A&B.bin" && one.ListUnsubscribe[0] == "https://d.test/A&B");
    CHECK(message.Subject == "For {{ name }}");
    CHECK(Thrown<MessageError>([&] { news.Render({{"name", "x"}}); }).Field() == "Recipients[0].Email");
    message.Subject = "{{ name";
    CHECK(Thrown<MessageError>([&] { MergeTemplate{message}; }).Field() == "Subject");

    const std::vector<MergeRow> rows = {{{"name", "1"}, {"email", "1@b.test"}}, {{"name", "2"}, {"email", "2@b.test"}}};
    std::string subjects;
    for (const EmailMessage &merged : Merge(news, rows))
        subjects += merged.Subject;
    CHECK(subjects == "For 1For 2");
}

void FailuresHaveTheirClass(const std::string &silent, const std::string &closed) {
    const EmailMessage message("a@b.test", "c@d.test", "Hello", "Hello");
    const auto refused = Thrown<SMTPConnectionError>([&] { SMTP(closed).Send(message); });
    CHECK(refused.Kind() == ErrorKind::Connect && refused.Stage() == "CONNECT" && refused.IsTemporary());
    CHECK(refused.Server() == closed && refused.OSError() != 0);
    CHECK(refused.Diagnosis() && refused.Diagnosis()->Cause == "connect-refused");
    CHECK(std::string(refused.what()).find(refused.Diagnosis()->Summary) != std::string::npos);

    SMTP two(closed);
    two.SMTPServers.Add(SMTPServer::Parse(closed));
    CHECK(Thrown<SMTPConnectionError>([&] { two.Send(message); }).Others().size() == 1);

    // Whichever comes first, the send or the cancel: the token stays cancelled.
    SMTP waiting(silent);
    const CancelToken cancel;
    std::thread other([&] { cancel.Cancel(); });
    Thrown<Cancelled>([&] { waiting.Send(message, cancel); });
    other.join();
    Thrown<Cancelled>([&] { waiting.Connect(cancel); });
    Thrown<Cancelled>([&] { waiting.SendSMTPCommand("NOOP", cancel); });
    waiting.Disconnect(cancel);
    CHECK(cancel.IsCancelled());
}

void RepliesAreExplained() {
    SessionContext context;
    context.Host = "mail.example.com";
    context.GreetingHost = "mail.other.test";
    context.LocalAddress = "192.0.2.7";
    context.EhloName = "client.test";
    context.MessageID = "<1@d.test>";
    context.MessageSize = 1000;
    context.RecipientCount = 1;
    context.Offered = {"AUTH LOGIN", "STARTTLS"};
    const Diagnosis diagnosis = Diagnose("550 5.7.1 Relaying denied", "RCPT", context);
    CHECK(diagnosis.Cause == "relay-denied" && diagnosis.Remedy.find("AUTH LOGIN") != std::string::npos);
    CHECK((diagnosis.Remedy + diagnosis.Evidence).find("mail.other.test") != std::string::npos);
    const std::vector<Explanation> found = Explain("C: RCPT TO:<c@d.test>\nS: 554 5.7.1 <c@d.test>: Relay access denied\n");
    CHECK(found.size() == 1 && found[0].Line == 2 && found[0].Recipient == "c@d.test" && !found[0].Sender);
    CHECK(found[0].ReplyCode == 554 && found[0].Diagnosis.Cause == "relay-denied");
    CHECK(Explain("250 ok").empty());
    CHECK(Thrown<MessageError>([] { Diagnose("550 no", "TEA"); }).Field() == "stage");
}

}  // namespace

int main(int argc, char **argv) {
    CHECK(argc == 4);
    PropertiesReadAndWrite(argv[1]);
    ServersAreValues();
    MessagesAreValues(argv[1]);
    TheRestOfAMessage(argv[1]);
    StreamsAreReadOnce(argv[1]);
    TheLogIsHeard(argv[1], argv[2]);
    MergesRows();
    FailuresHaveTheirClass(argv[2], argv[3]);
    RepliesAreExplained();
    return 0;
}
