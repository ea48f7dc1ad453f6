/// The SMTP object: servers, log, connections, send.

#ifndef FREESMTP_SMTP_HPP
#define FREESMTP_SMTP_HPP

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "agent.hpp"
#include "bulk.hpp"
#include "check.hpp"
#include "error.hpp"
#include "handle.hpp"
#include "log.hpp"
#include "merge.hpp"
#include "message.hpp"
#include "observers.hpp"
#include "property.hpp"
#include "report.hpp"
#include "server.hpp"
#include "spool.hpp"

namespace freesmtp {

/// How long each phase may take, in seconds above zero.
struct SMTPTimeouts {
    double Connect;    ///< For one address to accept the connection, and for a TLS handshake.
    double Greeting;   ///< From the open connection to the greeting.
    double Command;    ///< From a command to its reply.
    double DataBlock;  ///< For the network to take any further bytes of what is being sent.
    double EndOfData;  ///< From the end of the message to the server's reply.
    /// For a whole call: name lookup, connecting, session and message, over all servers; 0 for no such limit.
    double Operation = 0;
};

/// A server's reply to a command.
struct SMTPReply {
    /// The three-digit code.
    int Code = 0;
    /// Codes left out, lines joined by LF.
    std::string Text;
};

/// Ends the operations that it was given to, from any thread.
class CancelToken {
public:
    /// They fail with Cancelled, or with SMTPOutcomeUnknown when the whole message had been sent already.
    void Cancel() const noexcept { freesmtp_cancel_trigger(handle_.get()); }
    bool IsCancelled() const noexcept { return freesmtp_cancel_is_triggered(handle_.get()); }

private:
    friend class SMTP;
    detail::CancelHandle handle_{freesmtp_cancel_new()};
};

namespace detail {

inline std::string version(const freesmtp_smtp *) { return text(freesmtp_version()); }
inline bool connected(const freesmtp_smtp *smtp) { return freesmtp_smtp_connected(smtp); }
inline std::string log_file(const freesmtp_smtp *smtp) { return take(&freesmtp_smtp_log_file, smtp); }
inline void set_log_file(freesmtp_smtp *smtp, const std::string &path) {
    check(freesmtp_smtp_set_log_file_n(smtp, path.data(), path.size()));
}
inline std::string default_domain(const freesmtp_smtp *smtp) { return take(&freesmtp_smtp_default_domain, smtp); }
inline void set_default_domain(freesmtp_smtp *smtp, const std::string &domain) {
    check(freesmtp_smtp_set_default_domain_n(smtp, domain.data(), domain.size()));
}
inline SMTPTimeouts timeouts(const freesmtp_smtp *smtp) {
    freesmtp_timeouts set{};
    check(freesmtp_smtp_timeouts(smtp, &set));
    return {set.connect, set.greeting, set.command, set.data_block, set.end_of_data, set.operation};
}
inline void set_timeouts(freesmtp_smtp *smtp, const SMTPTimeouts &limits) {
    const freesmtp_timeouts set{limits.Connect,   limits.Greeting,  limits.Command,
                                limits.DataBlock, limits.EndOfData, limits.Operation};
    check(freesmtp_smtp_set_timeouts(smtp, &set));
}
inline double default_timeout(const freesmtp_smtp *smtp) { return timeouts(smtp).Command; }
inline void set_default_timeout(freesmtp_smtp *smtp, const double &seconds) {
    check(freesmtp_smtp_set_default_timeout(smtp, seconds));
}
inline bool all_or_nothing(const freesmtp_smtp *smtp) { return freesmtp_smtp_all_or_nothing(smtp); }
inline void set_all_or_nothing(freesmtp_smtp *smtp, const bool &value) {
    check(freesmtp_smtp_set_all_or_nothing(smtp, value));
}
inline int max_connections(const freesmtp_smtp *smtp) { return freesmtp_smtp_max_connections(smtp); }
inline void set_max_connections(freesmtp_smtp *smtp, const int &connections) {
    check(freesmtp_smtp_set_max_connections(smtp, connections));
}
inline std::int64_t max_messages(const freesmtp_smtp *smtp) { return freesmtp_smtp_max_messages_per_connection(smtp); }
inline void set_max_messages(freesmtp_smtp *smtp, const std::int64_t &messages) {
    check(freesmtp_smtp_set_max_messages_per_connection(smtp, messages));
}
inline double rate_limit(const freesmtp_smtp *smtp) { return freesmtp_smtp_rate_limit(smtp); }
inline void set_rate_limit(freesmtp_smtp *smtp, const double &messages_per_second) {
    check(freesmtp_smtp_set_rate_limit(smtp, messages_per_second));
}
inline std::string spool_path(const freesmtp_smtp *smtp) { return take(&freesmtp_smtp_spool_path, smtp); }
inline void set_spool_path(freesmtp_smtp *smtp, const std::string &path) {
    check(freesmtp_smtp_set_spool_path_n(smtp, path.data(), path.size()));
}
inline Durability spool_durability(const freesmtp_smtp *smtp) {
    return static_cast<Durability>(freesmtp_smtp_spool_durability(smtp));
}
inline void set_spool_durability(freesmtp_smtp *smtp, const Durability &durability) {
    check(freesmtp_smtp_set_spool_durability(smtp, static_cast<int>(durability)));
}

}  // namespace detail

/// Sends messages to the first of its servers that takes them, and keeps its connection for the next message.
class SMTP {
    /// Before the properties, which refer to it.
    detail::SmtpHandle handle_{freesmtp_smtp_new(nullptr)};

public:
    /// Without servers: add them to SMTPServers.
    SMTP() = default;
    /// With one server: a host name, `host:port`, or a URL such as `smtps://user:password@host:465`.
    explicit SMTP(const std::string &server) { SMTPServers.Add(SMTPServer::Parse(server)); }
    /// With one server.
    explicit SMTP(SMTPServer server) { SMTPServers.Add(std::move(server)); }

    /// The object moved from may only be destroyed or assigned to.
    SMTP(SMTP &&other) noexcept : handle_(std::move(other.handle_)), SMTPServers(std::move(other.SMTPServers)) {}
    SMTP &operator=(SMTP &&other) noexcept {
        handle_ = std::move(other.handle_);
        SMTPServers = std::move(other.SMTPServers);
        LogOptions.smtp_ = ProtocolLog.smtp_ = handle_.get();
        SMTPStatus.smtp_ = SMTPRecipientFailed.smtp_ = SMTPBulkStatus.smtp_ = handle_.get();
        LogFile.smtp_ = DefaultDomain.smtp_ = DefaultTimeout.smtp_ = Timeouts.smtp_ = handle_.get();
        MaxConnections.smtp_ = MaxMessagesPerConnection.smtp_ = RateLimit.smtp_ = handle_.get();
        SpoolPath.smtp_ = SpoolDurability.smtp_ = handle_.get();
        AllOrNothing.smtp_ = Connected.smtp_ = Version.smtp_ = handle_.get();
        return *this;
    }

    /// The servers, tried in order: the next one on a failure before the message.
    SMTPServerCollection SMTPServers;

    /// The conversation is appended to this file, secrets removed; empty ends it. A folder that does not exist is
    /// reported at once; a log that can't be written later never stops a mail: it becomes a warning of the report.
    Property<std::string, &detail::log_file, &detail::set_log_file> LogFile{handle_.get()};
    /// What the log shows besides the conversation: `smtp.LogOptions = {true, LogBody::Headers}`.
    Property<SMTPLogOptions, &detail::log_options, &detail::set_log_options> LogOptions{handle_.get()};
    /// Hears every line of the conversations as it is said, whether there is a log or not.
    ProtocolLogEvent ProtocolLog{handle_.get()};
    /// Hears how far each message is.
    SMTPStatusEvent SMTPStatus{handle_.get(), &freesmtp_smtp_on_status};
    /// Hears of each recipient who does not get a message.
    SMTPRecipientFailedEvent SMTPRecipientFailed{handle_.get(), &freesmtp_smtp_on_recipient_failed};
    /// Hears how far a bulk is.
    SMTPBulkStatusEvent SMTPBulkStatus{handle_.get(), &freesmtp_smtp_on_bulk_status};
    /// The name given in EHLO (RFC 5321 section 4.1.1.1); empty for the host's own.
    Property<std::string, &detail::default_domain, &detail::set_default_domain> DefaultDomain{handle_.get()};
    /// One limit for every phase, in seconds; that of the whole of a call stays as it is; read, it is that of a command.
    Property<double, &detail::default_timeout, &detail::set_default_timeout> DefaultTimeout{handle_.get()};
    /// A limit for each phase, and one for the whole of a call.
    Property<SMTPTimeouts, &detail::timeouts, &detail::set_timeouts> Timeouts{handle_.get()};
    /// Whether nothing is sent when one recipient is refused; else the others get the message.
    Property<bool, &detail::all_or_nothing, &detail::set_all_or_nothing> AllOrNothing{handle_.get()};
    /// How many connections SendBulk uses at once: 1 or more; 1 at first.
    Property<int, &detail::max_connections, &detail::set_max_connections> MaxConnections{handle_.get()};
    /// How many messages one connection carries; then it is ended with QUIT, and the next message has a new one. 0, as
    /// it is at first, means any number.
    Property<std::int64_t, &detail::max_messages, &detail::set_max_messages> MaxMessagesPerConnection{handle_.get()};
    /// The most messages per second, for all threads that send with this object; 0.5 is one in two seconds. Each message
    /// waits until its turn has come, before anything is connected to. 0, as it is at first, means no limit.
    Property<double, &detail::rate_limit, &detail::set_rate_limit> RateLimit{handle_.get()};
    /// The folder of the spool that messages are submitted to; empty for the usual place: `$FREESMTP_SPOOL`, else
    /// `/var/spool/freesmtp` for root, and for other users `freesmtp/spool` in `$XDG_STATE_HOME` or in `~/.local/state`.
    Property<std::string, &detail::spool_path, &detail::set_spool_path> SpoolPath{handle_.get()};
    /// How safe a message is when its id is given back.
    Property<Durability, &detail::spool_durability, &detail::set_spool_durability> SpoolDurability{handle_.get()};
    /// Whether a connection is kept for the next message.
    ReadOnlyProperty<bool, &detail::connected> Connected{handle_.get()};
    /// The version of the library.
    ReadOnlyProperty<std::string, &detail::version> Version{handle_.get()};

    /// Sends a message: checked first, so that bad input reaches no server. The report says which recipients were
    /// accepted; when none was, that is an exception.
    Report Send(const EmailMessage &message) const {
        return Take(message, [](const freesmtp_smtp *smtp, const freesmtp_message *built, freesmtp_report **report) {
            return freesmtp_smtp_send(smtp, built, report);
        });
    }
    /// The same, and `cancel` ends it from another thread.
    Report Send(const EmailMessage &message, const CancelToken &cancel) const {
        return Take(message, [&](const freesmtp_smtp *smtp, const freesmtp_message *built, freesmtp_report **report) {
            return freesmtp_smtp_send_with(smtp, built, cancel.handle_.get(), report);
        });
    }

    /// Sends any number of messages over up to MaxConnections connections, pipelined from one message into the next, and
    /// returns when each has its result.
    ///
    ///     smtp.SendBulk(messages, [](const freesmtp::BulkResult &sent) {
    ///         if (sent)
    ///             std::cout << sent.Index << ": " << sent.Report->ReplyText << '\n';
    ///         else
    ///             std::cerr << sent.Index << ": " << sent.Error->what() << '\n';
    ///     });
    ///
    /// `messages` is any range of EmailMessage, iterated once: a container, a view, or a range that makes each message
    /// when it is wanted; about a hundred are kept ahead. `callback` takes a `const BulkResult &` for each, in the order
    /// in which they complete; where it returns a bool, false stops the bulk. One failure never stops the others, nor
    /// does a message that is not valid.
    ///
    /// Range and callback are used on the calling thread only, and may send with the same object. An SMTPError that the
    /// range throws in place of a message is the result of that message; what else one of them throws stops the bulk and
    /// comes out of here. When the bulk is stopped, what is under way is cancelled, so that a
    /// message without a result may have been delivered or not. From another thread, Cancel makes the messages that
    /// have no result yet fail.
    ///
    /// A message that a lost connection left untouched is sent over another one; one whose outcome is unknown is not.
    /// When no session can be opened, the messages of the next seconds fail with the same error, without further
    /// attempts; after a refused login all do.
    template <class Range, class Callback>
    void SendBulk(Range &&messages, Callback &&callback) const {
        detail::send_bulk(Ready().get(), messages, callback);
    }

    /// Hands a message over to the agent (`freesmtp agent`) and gives its id: it is delivered in the background, and tried
    /// until it is. No agent needs to run now, and no server of this object is asked. `path` is the folder of the spool,
    /// empty for SpoolPath. An id that was given back survives a kill and a power cut, or what SpoolDurability says; after
    /// an exception the message is not delivered. After a fork, the child goes on in a file of its own.
    std::string SubmitToSpool(const EmailMessage &message, const std::string &path = {}) const {
        char id[27] = {};
        message.Nesting([&] {
            detail::check(freesmtp_smtp_submit_to_spool(handle_.get(), message.Build().get(),
                                                        path.empty() ? nullptr : path.c_str(), &id));
        });
        return id;
    }
    /// The name of old for SubmitToSpool.
    std::string SubmitToExpress(const EmailMessage &message, const std::string &path = {}) const {
        return SubmitToSpool(message, path);
    }
    /// Hands many messages over with one sync, and gives their ids in the same order: all of them are durable, or there
    /// is an exception and none of them is delivered. `messages` is any range of EmailMessage.
    template <class Range>
    std::vector<std::string> SubmitBulk(const Range &messages, const std::string &path = {}) const {
        std::vector<detail::MessageHandle> built;
        for (const EmailMessage &message : messages)
            message.Nesting([&] { built.push_back(message.Build()); });
        std::vector<const freesmtp_message *> given;
        for (const detail::MessageHandle &handle : built)
            given.push_back(handle.get());
        std::vector<char> ids(27 * given.size() + 1);
        detail::check(freesmtp_smtp_submit_bulk(handle_.get(), given.data(), given.size(),
                                                path.empty() ? nullptr : path.c_str(),
                                                reinterpret_cast<char(*)[27]>(ids.data())));
        std::vector<std::string> texts;
        for (std::size_t place = 0; place < given.size(); ++place)
            texts.emplace_back(&ids[27 * place]);
        return texts;
    }
    /// Writes to the disk what was submitted under Durability::Batch so far.
    void SyncSpool() const { detail::check(freesmtp_smtp_sync_spool(handle_.get())); }

    /// The same with a message for each row: see Merge. The index is that of the row; a row that lacks a field has that
    /// error as its result, and the others are sent.
    template <class Rows, class Callback>
    void SendBulkMerge(const MergeTemplate &merge, const Rows &rows, Callback &&callback) const {
        SendBulk(Merge(merge, rows), callback);
    }

    /// SubmitBulk with a message for each row: see Merge. A row that lacks a field is an exception, and none is delivered.
    template <class Rows>
    std::vector<std::string> SubmitBulkMerge(const MergeTemplate &merge, const Rows &rows,
                                             const std::string &path = {}) const {
        return SubmitBulk(Merge(merge, rows), path);
    }

    /// Asks the agent (`freesmtp agent`) of the spool what became of a message, by the id of SubmitToSpool. It knows what is
    /// in its queue, and what ended lately. SpoolError when no agent runs, and when it does not know the id; its text says
    /// what to do. So do the others below.
    SpoolStatus SpoolStatusOf(const std::string &id) const {
        freesmtp_spool_status *status = nullptr;
        detail::check(freesmtp_spool_status_get(handle_.get(), id.c_str(), &status));
        return detail::spool_status(detail::SpoolStatusHandle(status).get());
    }
    /// How far a blast is: all messages that were submitted under that name.
    BlastStatus BlastStatusOf(const std::string &name) const { return Blast(&freesmtp_blast_status_get, name); }
    /// Waits until each recipient of a message has its result, or until `timeout` seconds are over (0: without a limit),
    /// and gives what became of it until then.
    SpoolStatus WaitForMessage(const std::string &id, double timeout = 0) const {
        return WaitForMessage(id, timeout, CancelToken());
    }
    /// The same, and `cancel` ends it from another thread.
    SpoolStatus WaitForMessage(const std::string &id, double timeout, const CancelToken &cancel) const {
        freesmtp_spool_status *status = nullptr;
        detail::check(freesmtp_spool_wait(handle_.get(), id.c_str(), timeout, cancel.handle_.get(), &status));
        return detail::spool_status(detail::SpoolStatusHandle(status).get());
    }
    /// Waits until each recipient of a blast has its result, or until `timeout` seconds are over (0: without a limit), and
    /// gives how far it is then.
    BlastStatus WaitForBlast(const std::string &name, double timeout = 0) const {
        return WaitForBlast(name, timeout, CancelToken());
    }
    /// The same, and `cancel` ends it from another thread.
    BlastStatus WaitForBlast(const std::string &name, double timeout, const CancelToken &cancel) const {
        freesmtp_blast_status *status = nullptr;
        detail::check(freesmtp_blast_wait(handle_.get(), name.c_str(), timeout, cancel.handle_.get(), &status));
        return detail::blast_status(detail::BlastStatusHandle(status).get());
    }
    /// Keeps the messages of a blast until it is resumed; those that are being sent are sent.
    BlastStatus PauseBlast(const std::string &name) const { return Blast(&freesmtp_blast_pause, name); }
    /// Lets a paused blast go on; one that was cancelled does not.
    BlastStatus ResumeBlast(const std::string &name) const { return Blast(&freesmtp_blast_resume, name); }
    /// Takes all messages of a blast out that are not delivered; their senders get no reports.
    BlastStatus CancelBlast(const std::string &name) const { return Blast(&freesmtp_blast_cancel, name); }
    /// Gives what happens to recipients from now on to `callback`, on this thread, until it returns false. `blast` is the
    /// name of one, empty for all messages; `listening` is called as soon as nothing more is missed.
    void SpoolEvents(const std::function<bool(const SpoolEvent &)> &callback, const std::string &blast = {},
                     const std::function<void()> &listening = {}) const {
        SpoolEvents(callback, blast, listening, CancelToken());
    }
    /// The same, and `cancel` ends it from another thread.
    void SpoolEvents(const std::function<bool(const SpoolEvent &)> &callback, const std::string &blast,
                     const std::function<void()> &listening, const CancelToken &cancel) const {
        detail::Listening to{callback, listening, nullptr};
        freesmtp_error *error = freesmtp_spool_events(handle_.get(), blast.empty() ? nullptr : blast.c_str(),
                                                      &detail::hear, &to, cancel.handle_.get());
        if (to.thrown)
            std::rethrow_exception(to.thrown);
        detail::check(error);
    }

    /// Sends a text to one recipient with the defaults of everything else.
    static Report QuickSend(const std::string &SMTPServerName, std::string RecipientEmail, std::string FromEmail,
                            std::string Subject, std::string BodyText, BodyPartFormat Format = BodyPartFormat::Plain) {
        return SMTP(SMTPServerName)
            .Send(EmailMessage(std::move(RecipientEmail), std::move(FromEmail), std::move(Subject), std::move(BodyText),
                               Format));
    }

    /// Looks at a server without sending mail: addresses, connections, greeting, extensions, TLS, login, and what it
    /// says to a sender and recipients; and at the records of the sender's domain. What is wrong with the server or the
    /// domain is no exception but a step of the report.
    CheckReport Check(const CheckOptions &options = {}) const {
        return detail::checked(options, [&](const freesmtp_check_options *given, freesmtp_check_report **report) {
            return freesmtp_check(Ready().get(), given, report);
        });
    }
    /// The same, and `cancel` ends it from another thread.
    CheckReport Check(const CheckOptions &options, const CancelToken &cancel) const {
        return detail::checked(options, [&](const freesmtp_check_options *given, freesmtp_check_report **report) {
            return freesmtp_check_with(Ready().get(), given, cancel.handle_.get(), report);
        });
    }

    /// Opens a connection to the first server that answers, logs in, and keeps it for the next message.
    void Connect() const { detail::check(freesmtp_smtp_connect(Ready().get())); }
    /// The same, and `cancel` ends it from another thread.
    void Connect(const CancelToken &cancel) const {
        detail::check(freesmtp_smtp_connect_with(Ready().get(), cancel.handle_.get()));
    }
    /// Ends the kept connections with QUIT. Without any, it does nothing.
    void Disconnect() const { freesmtp_smtp_disconnect(handle_.get()); }
    /// The same, and `cancel` ends the waiting from another thread: the connections are closed all the same.
    void Disconnect(const CancelToken &cancel) const {
        freesmtp_smtp_disconnect_with(handle_.get(), cancel.handle_.get());
    }
    /// Cancels every operation of this object that is under way, from any thread.
    void Cancel() const { freesmtp_smtp_cancel(handle_.get()); }

    /// Sends one command such as `VRFY postmaster` on the kept connection, or on a new one, and gives the reply,
    /// whatever its code is.
    SMTPReply SendSMTPCommand(const std::string &command) const { return SendSMTPCommand(command, CancelToken()); }
    /// The same, and `cancel` ends it from another thread.
    SMTPReply SendSMTPCommand(const std::string &command, const CancelToken &cancel) const {
        SMTPReply reply;
        char *text = nullptr;
        detail::check(freesmtp_smtp_send_command_with_n(Ready().get(), command.data(), command.size(),
                                                        cancel.handle_.get(), &reply.Code, &text));
        const detail::Given given(text);
        reply.Text = detail::text(text);
        return reply;
    }

    /// Forgets the servers, the log and all settings, and ends the kept connections.
    void Reset() {
        SMTPServers.Clear();
        freesmtp_smtp_reset(handle_.get());
    }

private:
    template <class Ask>
    BlastStatus Blast(Ask ask, const std::string &name) const {
        freesmtp_blast_status *status = nullptr;
        detail::check(ask(handle_.get(), name.c_str(), &status));
        return detail::blast_status(detail::BlastStatusHandle(status).get());
    }

    /// The object with its servers as they are now, for one operation; it shares the kept connections.
    detail::SmtpHandle Ready() const {
        detail::SmtpHandle ready(freesmtp_smtp_clone(handle_.get()));
        for (const SMTPServer &server : SMTPServers)
            detail::check(freesmtp_smtp_add_server(ready.get(), server.Build().get()));
        return ready;
    }

    template <class Operation>
    Report Take(const EmailMessage &message, Operation operation) const {
        freesmtp_report *report = nullptr;
        message.Nesting([&] { detail::check(operation(Ready().get(), message.Build().get(), &report)); });
        return detail::report(detail::ReportHandle(report).get());
    }
};

}  // namespace freesmtp

#endif
