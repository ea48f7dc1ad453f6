// The C++ driver of the test suite: see tests/drivers/README.md.

#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <thread>
#include <utility>

#include "job.hpp"
#include "json.hpp"

namespace {

using namespace freesmtp;
using namespace job;

/// The objects that the lines of a job work on, and the second parts that wait for their line.
class Driver {
public:
    /// Carries out one line. What it throws is the error of a line that sets or adds.
    void CarryOut(const std::string &key, const std::string &value) {
        const auto found = lines_.find(key);
        if (found == lines_.end())
            Fault("unknown key: " + key);
        found->second(value);
    }

private:
    using Value = const std::string &;

    void Send() {
        const int sends = std::exchange(repeat_, 1);
        try {
            Report report;
            Cancelled([&](const CancelToken *cancel) {
                for (int sent = 0; sent < sends; ++sent)
                    report = cancel == nullptr ? smtp_.Send(message_) : smtp_.Send(message_, *cancel);
            });
            json::Print(report, "send", sends);
        } catch (const SMTPError &error) {
            json::Print(error, "send");
        }
    }

    void Connect() {
        try {
            Cancelled([&](const CancelToken *cancel) {
                cancel == nullptr ? smtp_.Connect() : smtp_.Connect(*cancel);
            });
            json::PrintTold({}, "smtp.connect");
        } catch (const SMTPError &error) {
            json::Print(error, "smtp.connect");
        }
    }

    void Command(Value line) {
        try {
            SMTPReply reply;
            Cancelled([&](const CancelToken *cancel) {
                reply = cancel == nullptr ? smtp_.SendSMTPCommand(line) : smtp_.SendSMTPCommand(line, *cancel);
            });
            json::PrintTold({std::to_string(reply.Code), reply.Text}, "smtp.command");
        } catch (const SMTPError &error) {
            json::Print(error, "smtp.command");
        }
    }

    /// Makes a call that may be cancelled: by a token of its own, or by the object.
    template <class Call>
    void Cancelled(Call call) {
        const std::string own = std::exchange(cancel_own_, {}), object = std::exchange(cancel_object_, {});
        const CancelToken cancel;
        std::thread canceller;
        if (!own.empty())
            canceller = std::thread([&] { Hear(own), cancel.Cancel(); });
        else if (!object.empty())
            canceller = std::thread([&] { Hear(object), smtp_.Cancel(); });
        struct Join {
            std::thread &thread;
            ~Join() {
                if (thread.joinable())
                    thread.join();
            }
        } join{canceller};
        call(own.empty() ? nullptr : &cancel);
    }

    static void Tell(const std::string &at, const SpoolStatus &status) {
        std::vector<std::string> told{status.Id, status.State, status.IsDone ? "true" : "false",
                                      std::to_string(status.RecipientsTotal), std::to_string(status.RecipientsOpen)};
        for (const SpoolRecipient &one : status.Recipients)
            told.push_back(one.Email + " " + one.State + " " + std::to_string(one.ReplyCode));
        json::PrintTold(told, at);
    }

    static void Tell(const std::string &at, const BlastStatus &status) {
        std::vector<std::string> told{status.Name, status.State, status.IsDone ? "true" : "false"};
        for (const auto count : {status.Messages, status.Recipients, status.Open, status.Delivered, status.Failed,
                                 status.Cancelled})
            told.push_back(std::to_string(count));
        json::PrintTold(told, at);
    }

    void TellEvents(std::size_t count) {
        std::vector<std::string> told;
        const auto tell = [&](const SpoolEvent &event) {
            told.push_back(event.Event + " " + event.Recipient + " " + event.Blast + " " +
                           std::to_string(event.ReplyCode));
            return told.size() < count;
        };
        Cancelled([&](const CancelToken *cancel) {
            cancel == nullptr ? smtp_.SpoolEvents(tell, "news") : smtp_.SpoolEvents(tell, "news", {}, *cancel);
        });
        json::PrintTold(told, "spoolevents");
    }

    void SendBulk() {
        std::map<std::size_t, BulkResult> results;
        smtp_.SendBulk(std::exchange(bulk_, {}), [&](const BulkResult &sent) { results.emplace(sent.Index, sent); });
        PrintSent(results);
    }

    static void PrintSent(const std::map<std::size_t, BulkResult> &results) {
        for (const auto &[index, sent] : results) {
            if (sent)
                json::Print(*sent.Report, "sendbulk", 1, index);
            else
                json::Print(*sent.Error, "sendbulk", index);
        }
    }

    void SendMerge() {
        std::map<std::size_t, BulkResult> results;
        smtp_.SendBulkMerge(MergeTemplate(message_), std::vector<MergeRow>{std::exchange(row_, {})},
                            [&](const BulkResult &sent) { results.emplace(sent.Index, sent); });
        PrintSent(results);
    }

    void QuickSend(Value recipient) {
        std::map<std::string, std::string> texts = std::exchange(texts_, {});
        json::Print(SMTP::QuickSend(texts["quick.server"], recipient, texts["quick.from"], texts["quick.subject"],
                                    texts["quick.body"]),
                    "send", 1);
    }

    void SendCommand(Value command) const {
        const SMTPReply reply = smtp_.SendSMTPCommand(command);
        json::PrintTold({std::to_string(reply.Code), reply.Text}, "command");
    }

    void Explained(Value reply) {
        std::map<std::string, std::string> texts = std::exchange(texts_, {});
        SessionContext context;
        context.Host = texts["diagnose.host"];
        if (texts.count("diagnose.offered") != 0)
            context.Offered = {texts["diagnose.offered"]};
        context.User = texts["diagnose.account"];
        context.Sender = texts["diagnose.sender"];
        context.Recipient = texts["diagnose.recipient"];
        json::PrintTold(json::Told(Diagnose(reply, texts["diagnose.stage"], context)), "diagnose");
    }

    static void ExplainAll(Value transcript) {
        std::vector<std::string> told;
        for (const Explanation &found : Explain(transcript))
            for (const std::string &text : json::Told(found.Diagnosis))
                told.push_back(text);
        json::PrintTold(told, "explain");
    }

    std::function<void(Value)> Keeps(const std::string &key) {
        return [this, key](Value v) { texts_[key] = v; };
    }

    void AddRecipient(Value email, RecipientType type) {
        message_.Recipients.Add(email, std::exchange(recipient_name_, {}), type);
    }

    Recipient &Last() { return message_.Recipients.GetLastItem(); }

    SMTP smtp_;
    SMTPServer server_;
    EmailMessage message_;
    std::string recipient_name_, content_id_, header_name_, cancel_own_, cancel_object_;
    std::optional<std::string> attachment_name_;
    std::string dkim_domain_, dkim_selector_;
    std::optional<std::string> dkim_identity_;
    std::optional<std::vector<std::string>> dkim_headers_, dkim_oversigned_;
    CalendarPart calendar_;
    int repeat_ = 1;
    CheckOptions checking_;
    std::vector<EmailMessage> bulk_;
    /// The texts of the next QuickSend or Diagnose, and the row of the next merge.
    std::map<std::string, std::string> texts_;
    std::string row_name_;
    MergeRow row_;

    const std::map<std::string, std::function<void(Value)>> lines_{
        {"server.host", [this](Value v) { server_ = SMTPServer(v); }},
        {"server.port", [this](Value v) { server_.Port = Number(v); }},
        {"server.timeout", [this](Value v) { server_.Timeout = Number(v); }},
        {"server.account", [this](Value v) { server_.Account = v; }},
        {"server.password", [this](Value v) { server_.Password = v; }},
        {"server.sasl", [this](Value v) { server_.SASL = v; }},
        {"server.token", [this](Value v) { server_.Token = v; }},
        {"server.tokens", [this](Value v) { server_.Token = Tokens(v); }},
        {"server.disabledextensions", [this](Value v) { server_.DisabledExtensions = Split(v); }},
        {"server.lmtp", [this](Value v) { server_.Lmtp = Truth(v); }},
        {"server.proxy", [this](Value v) { server_.Proxy = v; }},
        {"server.localendpoint", [this](Value v) { server_.LocalEndPoint = v; }},
        {"server.capem", [this](Value v) { server_.CaPem = v; }},
        {"server.clientcertificatepassword", [this](Value v) { server_.ClientCertificatePassword = v; }},
        {"server.certificatepins", [this](Value v) { server_.CertificatePins = Split(v); }},
        {"server.mintlsversion",
         [this](Value v) {
             server_.MinTlsVersion = Named<TlsVersion>({{"1.0", TlsVersion::Tls10},
                                                                     {"1.1", TlsVersion::Tls11},
                                                                     {"1.2", TlsVersion::Tls12}},
                                                                    v);
         }},
        {"server.mailauth", [this](Value v) { server_.MailAuth = v; }},
        {"server.clientcertificate", [this](Value v) { server_.ClientCertificate = v; }},
        {"server.clientkey", [this](Value v) { server_.ClientKey = v; }},
        {"server.cafile", [this](Value v) { server_.CaFile = v; }},
        {"server.tlsservername", [this](Value v) { server_.TlsServerName = v; }},
        {"server.allowplaintextauth", [this](Value v) { server_.AllowPlaintextAuth = Truth(v); }},
        {"server.dangeracceptinvalidcerts", [this](Value v) { server_.DangerAcceptInvalidCerts = Truth(v); }},
        {"server.dangeracceptinvalidhostnames", [this](Value v) { server_.DangerAcceptInvalidHostnames = Truth(v); }},
        {"server.security",
         [this](Value v) {
             server_.Security = Named<SMTPSecurity>({{"none", SMTPSecurity::None},
                                                     {"opportunistic", SMTPSecurity::Opportunistic},
                                                     {"required", SMTPSecurity::Required},
                                                     {"implicit", SMTPSecurity::Implicit},
                                                     {"auto", SMTPSecurity::Auto}},
                                                    v);
         }},
        {"server.authmode",
         [this](Value v) {
             server_.AuthMode = Named<SMTPAuthMode>({{"none", SMTPAuthMode::None},
                                                     {"login", SMTPAuthMode::AuthLogin},
                                                     {"cram-md5", SMTPAuthMode::CramMD5},
                                                     {"sasl", SMTPAuthMode::SASL},
                                                     {"plain", SMTPAuthMode::Plain},
                                                     {"digest-md5", SMTPAuthMode::DigestMD5},
                                                     {"scram-sha-1", SMTPAuthMode::ScramSHA1},
                                                     {"scram-sha-256", SMTPAuthMode::ScramSHA256},
                                                     {"scram-sha-512", SMTPAuthMode::ScramSHA512},
                                                     {"scram-md5", SMTPAuthMode::ScramMD5},
                                                     {"ntlm", SMTPAuthMode::NTLM},
                                                     {"xoauth2", SMTPAuthMode::XOAuth2},
                                                     {"oauthbearer", SMTPAuthMode::OAuthBearer},
                                                     {"external", SMTPAuthMode::External},
                                                     {"anonymous", SMTPAuthMode::Anonymous},
                                                     {"auto", SMTPAuthMode::Auto}},
                                                    v);
         }},
        {"server.add", [this](Value) { smtp_.SMTPServers.Add(server_); }},
        {"smtp.defaultdomain", [this](Value v) { smtp_.DefaultDomain = v; }},
        {"smtp.logfile", [this](Value v) { smtp_.LogFile = v; }},
        {"smtp.allornothing", [this](Value v) { smtp_.AllOrNothing = Truth(v); }},
        {"smtp.maxconnections", [this](Value v) { smtp_.MaxConnections = Number(v); }},
        {"smtp.maxmessagesperconnection", [this](Value v) { smtp_.MaxMessagesPerConnection = Number(v); }},
        {"smtp.ratelimit", [this](Value v) { smtp_.RateLimit = Decimal(v); }},
        {"smtp.spoolpath", [this](Value v) { smtp_.SpoolPath = v; }},
        {"smtp.spooldurability", [this](Value v) { smtp_.SpoolDurability = static_cast<Durability>(Number(v)); }},
        {"smtp.connect", [this](Value) { Connect(); }},
        {"smtp.command", [this](Value v) { Command(v); }},
        {"smtp.disconnect",
         [this](Value) {
             Cancelled([this](const CancelToken *cancel) {
                 cancel == nullptr ? smtp_.Disconnect() : smtp_.Disconnect(*cancel);
             });
         }},
        {"cancel.own", [this](Value v) { cancel_own_ = v; }},
        {"cancel.object", [this](Value v) { cancel_object_ = v; }},
        {"wait", [](Value v) { Hear(v); }},
        {"message.new", [this](Value) { message_ = EmailMessage(); }},
        {"raw",
         [this](Value v) {
             message_ = EmailMessage();
             message_.Raw = std::make_shared<const std::vector<unsigned char>>(v.begin(), v.end());
         }},
        {"raw.file",
         [this](Value v) {
             message_ = EmailMessage();
             message_.RawFile = v;
         }},
        {"from.email", [this](Value v) { message_.From.Email = v; }},
        {"from.name", [this](Value v) { message_.From.Name = v; }},
        {"sender.email", [this](Value v) { message_.Sender.Email = v; }},
        {"sender.name", [this](Value v) { message_.Sender.Name = v; }},
        {"replyto.email", [this](Value v) { message_.ReplyTo.Email = v; }},
        {"replyto.name", [this](Value v) { message_.ReplyTo.Name = v; }},
        {"returnpath", [this](Value v) { message_.ReturnPath = v; }},
        {"subject", [this](Value v) { message_.Subject = v; }},
        {"messageid", [this](Value v) { message_.MessageID = v; }},
        {"charset", [this](Value v) { message_.CharsetEncoding = v; }},
        {"inreplyto", [this](Value v) { message_.InReplyTo.Add(v); }},
        {"reference", [this](Value v) { message_.References.Add(v); }},
        {"autosubmitted", [this](Value v) { message_.AutoSubmitted = static_cast<AutoSubmittedBy>(Number(v)); }},
        {"listunsubscribe", [this](Value v) { message_.ListUnsubscribe.Add(v); }},
        {"listunsubscribe.oneclick", [this](Value v) { message_.ListUnsubscribeOneClick = Truth(v); }},
        {"dkim.domain", [this](Value v) { dkim_domain_ = v; }},
        {"dkim.selector", [this](Value v) { dkim_selector_ = v; }},
        {"dkim.identity", [this](Value v) { dkim_identity_ = v; }},
        {"dkim.headers", [this](Value v) { dkim_headers_ = Split(v); }},
        {"dkim.oversigned", [this](Value v) { dkim_oversigned_ = Split(v); }},
        {"dkim.key",
         [this](Value v) {
             DkimSigner signer(std::exchange(dkim_domain_, {}), std::exchange(dkim_selector_, {}), v);
             signer.Identity = std::exchange(dkim_identity_, {});
             signer.Headers = std::exchange(dkim_headers_, {}).value_or(signer.Headers);
             signer.Oversigned = std::exchange(dkim_oversigned_, {}).value_or(signer.Oversigned);
             message_.DKIM.Add(signer);
         }},
        {"calendar.method", [this](Value v) { calendar_.Method = v; }},
        {"calendar.filename", [this](Value v) { calendar_.FileName = v; }},
        {"calendar.text",
         [this](Value v) {
             calendar_.Text = v;
             message_.Calendar = std::exchange(calendar_, {});
         }},
        {"priority", [this](Value v) { message_.Priority = static_cast<MessagePriority>(Number(v)); }},
        {"returncontent", [this](Value v) { message_.ReturnContent = static_cast<ReturnedContent>(Number(v)); }},
        {"envelopeid", [this](Value v) { message_.EnvelopeID = v; }},
        {"requiretls", [this](Value v) { message_.RequireTls = Truth(v); }},
        {"deliverby", [this](Value v) { message_.DeliverBy = Number(v); }},
        {"deliverbymode", [this](Value v) { message_.DeliverByMode = static_cast<LateDelivery>(Number(v)); }},
        {"deliverbytrace", [this](Value v) { message_.DeliverByTrace = Truth(v); }},
        {"holdfor", [this](Value v) { message_.HoldFor = Number(v); }},
        {"notbefore", [this](Value v) { message_.NotBefore = Moment(Number(v)); }},
        {"expires", [this](Value v) { message_.Expires = Moment(Number(v)); }},
        {"spoolpriority", [this](Value v) { message_.SpoolPriority = static_cast<int>(Number(v)); }},
        {"blast", [this](Value v) { message_.Blast = v; }},
        {"idempotencykey", [this](Value v) { message_.IdempotencyKey = v; }},
        {"holduntil", [this](Value v) { message_.HoldUntil = Moment(Number(v)); }},
        {"mtpriority", [this](Value v) { message_.MtPriority = static_cast<std::int8_t>(Number(v)); }},
        {"optionalextensions", [this](Value v) { message_.OptionalExtensions = Split(v); }},
        {"recipient.notify", [this](Value v) { Last().Notify = static_cast<Notification>(Number(v)); }},
        {"recipient.originalrecipient", [this](Value v) { Last().OriginalRecipient = v; }},
        {"recipient.validsince", [this](Value v) { Last().ValidSince = Moment(Number(v)); }},
        {"recipient.validsinceaction",
         [this](Value v) { Last().ValidSinceAction = static_cast<UncheckedOwner>(Number(v)); }},
        {"recipient.name", [this](Value v) { recipient_name_ = v; }},
        {"recipient.to", [this](Value v) { AddRecipient(v, RecipientType::To); }},
        {"recipient.cc", [this](Value v) { AddRecipient(v, RecipientType::CC); }},
        {"recipient.bcc", [this](Value v) { AddRecipient(v, RecipientType::BCC); }},
        {"text", [this](Value v) { message_.BodyParts.Add(v, BodyPartFormat::Plain); }},
        {"html", [this](Value v) { message_.BodyParts.Add(v, BodyPartFormat::HTML); }},
        {"attachment.name", [this](Value v) { attachment_name_ = v; }},
        {"attachment.file",
         [this](Value v) {
             if (const auto name = std::exchange(attachment_name_, {}))
                 message_.Attachments.Add(v, *name);
             else
                 message_.Attachments.Add(v);
         }},
        {"attachment.stream",
         [this](Value v) {
             if (!attachment_name_)
                 Fault("attachment.stream without attachment.name");
             message_.Attachments.Add(Stream(std::ifstream(v, std::ios::binary)), *std::exchange(attachment_name_, {}));
         }},
        {"attachment.bytes",
         [this](Value v) {
             if (!attachment_name_)
                 Fault("attachment.bytes without attachment.name");
             message_.Attachments.Add(Base64(v), *std::exchange(attachment_name_, {}));
         }},
        {"attachment.contenttype", [this](Value v) { message_.Attachments.GetLastItem().ContentType = v; }},
        {"embedded.contenttype", [this](Value v) { message_.EmbeddedObjects.GetLastItem().ContentType = v; }},
        {"embedded.cid", [this](Value v) { content_id_ = v; }},
        {"embedded.file", [this](Value v) { message_.EmbeddedObjects.Add(v, std::exchange(content_id_, {})); }},
        {"header.name", [this](Value v) { header_name_ = v; }},
        {"header.value", [this](Value v) { message_.CustomHeaders.Add(std::exchange(header_name_, {}), v); }},
        {"repeat", [this](Value v) { repeat_ = Number(v); }},
        {"send", [this](Value) { Send(); }},
        {"check.from", [this](Value v) { checking_.From = v; }},
        {"check.to", [this](Value v) { checking_.To.push_back(v); }},
        {"check.dkimselector", [this](Value v) { checking_.DkimSelector = v; }},
        {"check.outgoingip", [this](Value v) { checking_.OutgoingIp = v; }},
        {"check.dns", [this](Value v) { checking_.Dns = v; }},
        {"check.timeout", [this](Value v) { checking_.Timeout = Number(v); }},
        {"check.server", [this](Value v) { checking_.Server = static_cast<std::size_t>(Number(v)); }},
        {"check", [this](Value) { json::Print(smtp_.Check(std::exchange(checking_, {}))); }},
        {"quick.server", Keeps("quick.server")},
        {"quick.from", Keeps("quick.from")},
        {"quick.subject", Keeps("quick.subject")},
        {"quick.body", Keeps("quick.body")},
        {"quicksend", [this](Value v) { QuickSend(v); }},
        {"command", [this](Value v) { SendCommand(v); }},
        {"row.name", [this](Value v) { row_name_ = v; }},
        {"row.value", [this](Value v) { row_[std::exchange(row_name_, {})] = v; }},
        {"sendmerge", [this](Value) { SendMerge(); }},
        {"submitmerge",
         [this](Value) {
             const std::vector<MergeRow> rows{std::exchange(row_, {})};
             json::Print(smtp_.SubmitBulkMerge(MergeTemplate(message_), rows), "submitmerge");
         }},
        {"diagnose.stage", Keeps("diagnose.stage")},
        {"diagnose.host", Keeps("diagnose.host")},
        {"diagnose.offered", Keeps("diagnose.offered")},
        {"diagnose.account", Keeps("diagnose.account")},
        {"diagnose.sender", Keeps("diagnose.sender")},
        {"diagnose.recipient", Keeps("diagnose.recipient")},
        {"diagnose", [this](Value v) { Explained(v); }},
        {"explain", [](Value v) { ExplainAll(v); }},
        {"bulk.add", [this](Value) { bulk_.push_back(message_); }},
        {"bulk.repeat", [this](Value v) { bulk_.insert(bulk_.end(), static_cast<std::size_t>(Number(v)), message_); }},
        {"sendbulk", [this](Value) { SendBulk(); }},
        {"spoolstatus", [this](Value v) { Tell("spoolstatus", smtp_.SpoolStatusOf(v)); }},
        {"waitformessage", [this](Value v) { Tell("waitformessage", smtp_.WaitForMessage(v, 20)); }},
        {"blaststatus", [this](Value v) { Tell("blaststatus", smtp_.BlastStatusOf(v)); }},
        {"pauseblast", [this](Value v) { Tell("pauseblast", smtp_.PauseBlast(v)); }},
        {"resumeblast", [this](Value v) { Tell("resumeblast", smtp_.ResumeBlast(v)); }},
        {"cancelblast", [this](Value v) { Tell("cancelblast", smtp_.CancelBlast(v)); }},
        {"waitforblast", [this](Value v) { Tell("waitforblast", smtp_.WaitForBlast(v, 20)); }},
        {"spoolevents", [this](Value v) { TellEvents(static_cast<std::size_t>(Number(v))); }},
        {"submittospool", [this](Value) { json::Print({smtp_.SubmitToSpool(message_)}, "submittospool"); }},
        {"submitbulk", [this](Value) { json::Print(smtp_.SubmitBulk(std::exchange(bulk_, {})), "submitbulk"); }},
    };
};

}  // namespace

int main() {
    auto driver = std::make_unique<Driver>();
    bool failed = false;
    for (std::string line; std::getline(std::cin, line);) {
        if (line == "job.end") {
            driver.reset();
            json::PrintEnd();
            driver = std::make_unique<Driver>();
            failed = false;
        }
        if (failed || line.empty() || line[0] == '#' || line == "job.end")
            continue;
        const std::size_t space = line.find(' ');
        const std::string key = line.substr(0, space);
        try {
            driver->CarryOut(key, space == std::string::npos ? "" : Unescape(line.substr(space + 1)));
        } catch (const SMTPError &error) {
            json::Print(error, key);
            failed = true;
        }
    }
}
