/*
 * freesmtp: compose a message, send it to an SMTP server, and know why when it fails.
 *
 *     #include <freesmtp.h>
 *     #include <stdio.h>
 *
 *     freesmtp_smtp *smtp = freesmtp_smtp_new("mail.example.com");
 *     freesmtp_error *error = freesmtp_smtp_set_log_file(smtp, "smtp log.txt");
 *     freesmtp_error_free(error);
 *
 *     freesmtp_message *message = freesmtp_message_new();
 *     freesmtp_message_set_from(message, "sender@example.com");
 *     freesmtp_message_add_recipient(message, "recipient@example.org", NULL, FREESMTP_RECIPIENT_TYPE_TO);
 *     freesmtp_message_set_subject(message, "Report");
 *     freesmtp_message_add_body_part(message, "The report is attached.", FREESMTP_BODY_PART_FORMAT_PLAIN,
 *                                    FREESMTP_BODY_PART_ENCODING_AUTO);
 *     freesmtp_message_add_attachment(message, "report.pdf", NULL);
 *
 *     error = freesmtp_smtp_send(smtp, message, NULL);
 *     if (error != NULL)
 *         fprintf(stderr, "%s\n", freesmtp_error_text(error));
 *
 *     freesmtp_error_free(error);
 *     freesmtp_message_free(message);
 *     freesmtp_smtp_free(smtp);
 *
 * Link with -lfreesmtp, or what `pkg-config --cflags --libs freesmtp` says. C++ programs have <freesmtp.hpp>.
 *
 * The rules, which hold for every function:
 *
 * 1. Errors. A function that can fail returns `freesmtp_error *`: NULL is success, anything else is owned by the
 *    caller and let go with `freesmtp_error_free`. NULL or broken arguments are such an error, which names the
 *    parameter; a function that cannot fail answers them with NULL, 0 or false. A fault of the library itself is an
 *    error of kind 900. Nothing here aborts, raises a signal (SIGPIPE neither), installs a handler or changes what
 *    belongs to the whole process.
 *
 * 2. Texts are UTF-8. A plain `const char *` ends in NUL. Each function that takes texts has a twin that ends in
 *    `_n` and takes their sizes in bytes; there, a text may hold NUL, which is then refused by name like any other
 *    bad input instead of ending the text early. A text that is NULL is refused, unless its comment allows it;
 *    bytes may be NULL when there are none.
 *
 * 3. Ownership. What a function takes is borrowed for the call and copied where it is kept; nothing is consumed but
 *    by the function that lets it go, and what a callback is said to hand over. What it gives is said to be
 *      - owned: let it go with the function named, texts and bytes with `freesmtp_free` (never with `free`);
 *        their size is put into `*size`, and `size` may be NULL;
 *      - borrowed: it lives as long as the error, report or diagnosis that it is asked of;
 *      - static: it lives for ever.
 *    Letting go of NULL does nothing.
 *
 * 4. Threads. Any thread may use any handle. Calls that take a handle as `const T *` may run at the same time as
 *    each other; a call that takes it as `T *` needs it for itself. So many threads may send with one
 *    `freesmtp_smtp`, each over a connection of its own, as long as none changes its settings.
 *
 * 5. Numbers. The values of an enum are passed as `int`; a number that is no value of it is an error that says so.
 *    They never change, and more may be added. Times are in seconds, as `double`.
 *
 * This file is generated: `make header`.
 */

#ifndef FREESMTP_H
#define FREESMTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#else
/* A context of which nothing is known yet. */
#define FREESMTP_CONTEXT_INIT { .struct_size = sizeof(freesmtp_context) }
#endif

/// What kind of failure it is, banded by hundred.
enum freesmtp_error_kind {
  /// The message, a setting or an argument is not valid; the field names it. Nothing was sent.
  FREESMTP_ERROR_KIND_MESSAGE = 100,
  /// The host name could not be resolved.
  FREESMTP_ERROR_KIND_DNS = 200,
  /// No connection could be opened, or it broke.
  FREESMTP_ERROR_KIND_CONNECT = 201,
  /// TLS could not be established.
  FREESMTP_ERROR_KIND_TLS = 202,
  /// The proxy refused.
  FREESMTP_ERROR_KIND_PROXY = 203,
  /// The server did not answer in time.
  FREESMTP_ERROR_KIND_TIMEOUT = 204,
  /// The server refused the login, or no usable mechanism is offered.
  FREESMTP_ERROR_KIND_AUTHENTICATION = 300,
  /// The server refused a command, or broke the protocol.
  FREESMTP_ERROR_KIND_PROTOCOL = 400,
  /// Every recipient was refused.
  FREESMTP_ERROR_KIND_RECIPIENTS_REFUSED = 401,
  /// The connection broke after the whole message was sent: it may have been delivered.
  FREESMTP_ERROR_KIND_OUTCOME_UNKNOWN = 402,
  /// A file could not be opened, read or written.
  FREESMTP_ERROR_KIND_FILE_IO = 500,
  /// The spool could not take the message.
  FREESMTP_ERROR_KIND_SPOOL = 600,
  /// The program cancelled the operation.
  FREESMTP_ERROR_KIND_CANCELLED = 700,
  /// A fault of this library. Please report it.
  FREESMTP_ERROR_KIND_INTERNAL = 900,
};

/// What became of the message for one recipient.
enum freesmtp_recipient_status {
  /// The server took responsibility for delivery.
  FREESMTP_RECIPIENT_STATUS_ACCEPTED = 1,
  /// Refused for now, or the transaction failed for a temporary reason.
  FREESMTP_RECIPIENT_STATUS_DEFERRED = 2,
  /// Refused for good.
  FREESMTP_RECIPIENT_STATUS_REFUSED = 3,
  /// The connection broke before the answer: it may or may not have been delivered.
  FREESMTP_RECIPIENT_STATUS_UNKNOWN = 4,
};

/// Which header names a recipient.
enum freesmtp_recipient_type {
  /// Those whom the message is written to.
  FREESMTP_RECIPIENT_TYPE_TO = 0,
  /// Those who get a copy, and everyone may know.
  FREESMTP_RECIPIENT_TYPE_CC = 1,
  /// Those who get a copy that no header tells of.
  FREESMTP_RECIPIENT_TYPE_BCC = 2,
};

/// What kind of text it is.
enum freesmtp_body_part_format {
  /// `text/plain`
  FREESMTP_BODY_PART_FORMAT_PLAIN = 0,
  /// `text/html`
  FREESMTP_BODY_PART_FORMAT_HTML = 1,
};

/// How a text travels (RFC 2045 section 6).
enum freesmtp_body_part_encoding {
  /// As it is where the session can carry it, else as with `AUTO`.
  FREESMTP_BODY_PART_ENCODING_NONE = 0,
  /// Quoted-printable.
  FREESMTP_BODY_PART_ENCODING_QUOTED_PRINTABLE = 2,
  /// Base64.
  FREESMTP_BODY_PART_ENCODING_BASE64 = 3,
  /// As it is where that is safe, else the smaller of the two. The default.
  FREESMTP_BODY_PART_ENCODING_AUTO = 4,
};

/// How urgent the sender says a message is.
enum freesmtp_priority {
  /// Urgent.
  FREESMTP_PRIORITY_HIGH = 1,
  /// Nothing is said; no header is written. The default.
  FREESMTP_PRIORITY_NORMAL = 3,
  /// Can wait.
  FREESMTP_PRIORITY_LOW = 5,
};

/// Whether a person or a program wrote a message (RFC 3834).
enum freesmtp_auto_submitted {
  /// Nothing is said; no header is written. The default.
  FREESMTP_AUTO_SUBMITTED_NO = 0,
  /// A program wrote it of its own accord: notices, reports, news.
  FREESMTP_AUTO_SUBMITTED_GENERATED = 1,
  /// A program wrote it in answer to a message.
  FREESMTP_AUTO_SUBMITTED_REPLIED = 2,
};

/// When the sender gets a report on the delivery to a recipient (RFC 3461 section 4.1); values are added up.
enum freesmtp_notify {
  /// Nothing is said: servers report failures. The default.
  FREESMTP_NOTIFY_DEFAULT = 0,
  /// When the message was delivered.
  FREESMTP_NOTIFY_SUCCESS = 1,
  /// When it could not be delivered.
  FREESMTP_NOTIFY_FAILURE = 2,
  /// When delivery takes unusually long.
  FREESMTP_NOTIFY_DELAY = 4,
  /// No report, whatever happens; it goes with no other.
  FREESMTP_NOTIFY_NEVER = 8,
};

/// How much of the message a delivery report gives back (RFC 3461 section 4.3).
enum freesmtp_return_content {
  /// What the server thinks fit. The default.
  FREESMTP_RETURN_CONTENT_DEFAULT = 0,
  /// All of it.
  FREESMTP_RETURN_CONTENT_FULL = 1,
  /// Its headers.
  FREESMTP_RETURN_CONTENT_HEADERS = 2,
};

/// How safe a message is when the spool has taken it.
enum freesmtp_durability {
  /// It survives the end of the process and a power cut: the disk has confirmed it. The default.
  FREESMTP_DURABILITY_FULL = 0,
  /// It survives the end of the process, and a power cut after the next sync: that of `freesmtp_smtp_sync_spool`, of a
  /// message under `FULL`, or of the end of the object. Submitting in bulk ends with one sync for all.
  FREESMTP_DURABILITY_BATCH = 1,
  /// It survives the end of the process, not a power cut.
  FREESMTP_DURABILITY_NONE = 2,
};

/// What a server does when the time to deliver by has passed (RFC 2852 section 4).
enum freesmtp_deliver_by_mode {
  /// It tells the sender, and goes on trying. The default.
  FREESMTP_DELIVER_BY_MODE_NOTIFY = 0,
  /// It returns the message as undeliverable.
  FREESMTP_DELIVER_BY_MODE_RETURN = 1,
};

/// What a server does that has to pass a message on to one that cannot check its mailbox's owner (RFC 7293).
enum freesmtp_valid_since_action {
  /// It is not said; servers then refuse. The default.
  FREESMTP_VALID_SINCE_ACTION_DEFAULT = 0,
  /// It passes the message on without the check.
  FREESMTP_VALID_SINCE_ACTION_CONTINUE = 1,
  /// It refuses.
  FREESMTP_VALID_SINCE_ACTION_REJECT = 2,
};

/// How much may change on the way without breaking a DKIM signature (RFC 6376 section 3.4).
enum freesmtp_canonicalization {
  /// Nothing but empty lines at the end of the body.
  FREESMTP_CANONICALIZATION_SIMPLE = 0,
  /// White space, and the case of header names. The default.
  FREESMTP_CANONICALIZATION_RELAXED = 1,
};

/// How much of a message the log shows.
enum freesmtp_log_body {
  /// Its size. The default.
  FREESMTP_LOG_BODY_SIZE = 0,
  /// Its header and its size.
  FREESMTP_LOG_BODY_HEADERS = 1,
  /// All of it, and its size.
  FREESMTP_LOG_BODY_FULL = 2,
};

/// Whose a line of the conversation is.
enum freesmtp_log_kind {
  /// A command of the client.
  FREESMTP_LOG_KIND_SENT = 0,
  /// A line of the server.
  FREESMTP_LOG_KIND_RECEIVED = 1,
  /// A sentence: connect, TLS, timeout, disconnect, size of the message.
  FREESMTP_LOG_KIND_NOTICE = 2,
  /// A line of the message.
  FREESMTP_LOG_KIND_BODY = 3,
};

/// How to log in.
enum freesmtp_auth_mode {
  /// No login, even when an account is set.
  FREESMTP_AUTH_MODE_NONE = 0,
  /// The LOGIN mechanism.
  FREESMTP_AUTH_MODE_AUTH_LOGIN = 1,
  /// CRAM-MD5 (RFC 2195).
  FREESMTP_AUTH_MODE_CRAM_MD5 = 2,
  /// The strongest mechanism offered, or the one of `freesmtp_server_set_sasl`.
  FREESMTP_AUTH_MODE_SASL = 4,
  /// The PLAIN mechanism (RFC 4616).
  FREESMTP_AUTH_MODE_PLAIN = 16,
  /// DIGEST-MD5 (RFC 2831).
  FREESMTP_AUTH_MODE_DIGEST_MD5 = 17,
  /// SCRAM-SHA-1-PLUS where it is offered, else SCRAM-SHA-1 (RFC 5802).
  FREESMTP_AUTH_MODE_SCRAM_SHA1 = 18,
  /// SCRAM-SHA-256-PLUS where it is offered, else SCRAM-SHA-256 (RFC 7677).
  FREESMTP_AUTH_MODE_SCRAM_SHA256 = 19,
  /// SCRAM-SHA-512-PLUS where it is offered, else SCRAM-SHA-512.
  FREESMTP_AUTH_MODE_SCRAM_SHA512 = 20,
  /// SCRAM with MD5, for servers that have nothing else; never chosen unasked.
  FREESMTP_AUTH_MODE_SCRAM_MD5 = 21,
  /// NTLM, version 2 (MS-NLMP).
  FREESMTP_AUTH_MODE_NTLM = 22,
  /// XOAUTH2, with a token.
  FREESMTP_AUTH_MODE_XOAUTH2 = 23,
  /// OAUTHBEARER (RFC 7628), with a token.
  FREESMTP_AUTH_MODE_OAUTHBEARER = 24,
  /// EXTERNAL (RFC 4422 appendix A): the server knows the client from its certificate.
  FREESMTP_AUTH_MODE_EXTERNAL = 25,
  /// ANONYMOUS (RFC 4505); the account is sent as the trace.
  FREESMTP_AUTH_MODE_ANONYMOUS = 26,
  /// The strongest mechanism offered, when an account or a token is set. The default.
  FREESMTP_AUTH_MODE_AUTO = 27,
};

/// How the connection is protected.
enum freesmtp_security {
  /// Clear text, even when STARTTLS is offered.
  FREESMTP_SECURITY_NONE = 0,
  /// STARTTLS when it is offered, else clear text.
  FREESMTP_SECURITY_OPPORTUNISTIC = 1,
  /// STARTTLS, or the send fails (RFC 3207).
  FREESMTP_SECURITY_REQUIRED = 2,
  /// TLS from the first byte (RFC 8314, port 465).
  FREESMTP_SECURITY_IMPLICIT = 3,
  /// `IMPLICIT` on port 465; `REQUIRED` on 587, or when an account is set and the host is not loopback; clear text
  /// on a loopback host without account; else `OPPORTUNISTIC`. The default.
  FREESMTP_SECURITY_AUTO = 4,
};

/// Oldest TLS version accepted.
enum freesmtp_min_tls_version {
  /// TLS 1.0: only for servers that cannot be mended.
  FREESMTP_MIN_TLS_VERSION_TLS10 = 10,
  /// TLS 1.1: only for servers that cannot be mended.
  FREESMTP_MIN_TLS_VERSION_TLS11 = 11,
  /// TLS 1.2. The default.
  FREESMTP_MIN_TLS_VERSION_TLS12 = 12,
};

/// Sends messages to the first of its servers that takes them, and keeps its connection for the next message.
typedef struct freesmtp_smtp freesmtp_smtp;

/// One line of a conversation, secrets removed and control characters escaped. Borrowed for the call.
typedef struct freesmtp_log_event {
  /// When, in milliseconds since 1970-01-01 UTC.
  uint64_t unix_milliseconds;
  /// The connection, from 1: lines of concurrent ones differ here.
  uint32_t connection;
  /// Whose line it is: a value of `enum freesmtp_log_kind`.
  int kind;
  /// The line, without a line break.
  const char *line;
} freesmtp_log_event;

/// Hears one line. Called on the thread that sends, and at the same time from several where several send; it should be
/// quick. It must return: no `longjmp`, no C++ exception.
typedef void (*freesmtp_protocol_log)(void *user_data, const struct freesmtp_log_event *event);

/// How long each phase may take, in seconds above zero, for servers without a limit of their own.
typedef struct freesmtp_timeouts {
  /// For one address to accept the connection, and for a TLS handshake.
  double connect;
  /// From the open connection to the greeting.
  double greeting;
  /// From a command to its reply.
  double command;
  /// For the network to take any further bytes of what is being sent.
  double data_block;
  /// From the end of the message to the server's reply.
  double end_of_data;
  /// For a whole call: name lookup, connecting, session and message, over all servers. 0, as it is at first, sets no
  /// limit besides those of the phases.
  double operation;
} freesmtp_timeouts;

/// A message. It may hold anything while it is built; sending checks it before a byte goes out.
typedef struct freesmtp_message freesmtp_message;

/// Puts the next bytes into `buffer`, `size` at most, and answers how many they are: 0 at the end, -1 when they can't
/// be had. Called on the thread that sends, never twice at the same time. It must return: no `longjmp`, no C++ exception.
typedef int64_t (*freesmtp_read)(void *user_data, void *buffer, size_t size);

/// A message whose texts are compiled once, and filled in for each row.
typedef struct freesmtp_template freesmtp_template;

/// One field of a row: its name, and its value.
typedef struct freesmtp_field {
  /// The name in `{{ name }}`.
  const char *name;
  /// What stands there for this row.
  const char *value;
} freesmtp_field;

/// The same with the texts' sizes.
typedef struct freesmtp_field_n {
  /// The name in `{{ name }}`.
  const char *name;
  /// Its size in bytes.
  size_t name_size;
  /// What stands there for this row.
  const char *value;
  /// Its size in bytes.
  size_t value_size;
} freesmtp_field_n;

/// Takes one text: `property` is its place in the message, such as `Recipients[0].Email`; both are borrowed for the call.
/// It must return: no `longjmp`, no C++ exception.
typedef void (*freesmtp_take_text)(void *user_data,
                                   const char *property,
                                   size_t property_size,
                                   const char *text,
                                   size_t text_size);

/// One signature: whose it is, the key, and what it covers.
typedef struct freesmtp_signer freesmtp_signer;

/// The answer of a send that accepted at least one recipient.
typedef struct freesmtp_report freesmtp_report;

/// Why a call failed: what, where, the server's own words, and what to do about it.
typedef struct freesmtp_error freesmtp_error;

/// The result for one recipient. Borrowed from a report or an error.
typedef struct freesmtp_recipient freesmtp_recipient;

/// An explanation. Borrowed from an error, a recipient or explanations, or owned from `freesmtp_diagnose`.
typedef struct freesmtp_diagnosis freesmtp_diagnosis;

/// Where to send, and how. A value: `freesmtp_smtp_add_server` copies it.
typedef struct freesmtp_server freesmtp_server;

/// What a token callback answers. It lives for the call of the callback only, and belongs to its thread.
typedef struct freesmtp_token_answer freesmtp_token_answer;

/// Gets an access token: called when a session needs one, on the thread that sends, and once more in the same session
/// when the server refuses the token; `refresh` then says that a kept one is of no use.
///
/// It answers with `freesmtp_token_answer_give`, or says why there is none with `freesmtp_token_answer_fail`; answering
/// with neither fails the login. Where several threads send, several may be in it at the same time with the same
/// `user_data`. It must return: no `longjmp`, no C++ exception; and it must let the SMTP object and its settings be.
typedef void (*freesmtp_token_callback)(void *user_data, bool refresh, struct freesmtp_token_answer *answer);

/// Lets go of the `user_data` of a callback: called once, by the thread that lets go of the last handle or connection
/// that might use it.
typedef void (*freesmtp_release)(void *user_data);

/// Gives the next message of a bulk and hands it over: the bulk lets it go. To give one message many times, give
/// copies (`freesmtp_message_clone`). NULL says that there are no more; after that it is not called again.
///
/// It is called when a message is wanted, so that they never all have to be in memory; about a hundred are kept ahead.
/// It must return: no `longjmp`, no C++ exception.
typedef freesmtp_message *(*freesmtp_bulk_next)(void *user_data);

/// Takes the result of one message of a bulk: `index` counts the messages as `freesmtp_bulk_next` gave them, from 0.
/// Either `report` or `error` is what `freesmtp_smtp_send` would give for it, and the other one is NULL; both are
/// borrowed for the call. True goes on, false stops the bulk. It must return: no `longjmp`, no C++ exception.
typedef bool (*freesmtp_bulk_result)(void *user_data,
                                     size_t index,
                                     const freesmtp_report *report,
                                     const freesmtp_error *error);

/// Gives the next row of a merge: sets `*fields` and `*count`, which are read before it is called again and stay the
/// program's. False says that there are no more rows; after that it is not called again. It is called when a message is
/// wanted. It must return: no `longjmp`, no C++ exception.
typedef bool (*freesmtp_bulk_row)(void *user_data, const freesmtp_field **fields, size_t *count);

/// The same with the texts' sizes.
typedef bool (*freesmtp_bulk_row_n)(void *user_data, const freesmtp_field_n **fields, size_t *count);

/// Takes the id of a message that was submitted: `index` is that of its row, from 0. The text is borrowed for the call. It
/// must return: no `longjmp`, no C++ exception.
typedef void (*freesmtp_submitted)(void *user_data, size_t index, const char *id);

/// Hears how far a message is: `total_sent` octets of it were given to the connection, of `total_size` as far as they are
/// known. The last 128 KiB of them may still wait for the network. Streams of unknown length count once they were read.
///
/// Called on the thread that sends, in a bulk on the threads of its connections, several at the same time where there are
/// several. The send waits for it, so it should be quick. It must return: no `longjmp`, no C++ exception. So it is with
/// `freesmtp_recipient_failed` too.
typedef void (*freesmtp_status)(void *user_data, uint64_t total_sent, uint64_t total_size);

/// Hears of a recipient who does not get a message: the server's reply, `550 5.1.1 No such user`, or why the server was not
/// asked. Both texts are borrowed for the call.
typedef void (*freesmtp_recipient_failed)(void *user_data, const char *email_address, const char *response);

/// Hears how far a bulk is: messages of which at least one recipient was accepted, messages whose result is an error, and
/// those that were taken from the source so far. Called on the thread that called the bulk, never at the same time. It must
/// return: no `longjmp`, no C++ exception.
typedef void (*freesmtp_bulk_status)(void *user_data,
                                     size_t total_sent,
                                     size_t total_failed,
                                     size_t total_messages);

/// What becomes of a message of the spool. Made by `freesmtp_spool_status_get`; what it gives is borrowed from it.
typedef struct freesmtp_spool_status freesmtp_spool_status;

/// How far a blast is. Made by `freesmtp_blast_status_get` and the like; what it gives is borrowed from it.
typedef struct freesmtp_blast_status freesmtp_blast_status;

/// What happened to a recipient. Borrowed by a `freesmtp_spool_event_callback` for its call.
typedef struct freesmtp_spool_event freesmtp_spool_event;

/// Takes an event, which is borrowed for the call. NULL says that it listens: whatever happens from then on is told. True
/// goes on, false ends. It must return: no `longjmp`, no C++ exception.
typedef bool (*freesmtp_spool_event_callback)(void *user_data, const struct freesmtp_spool_event *event);

/// Ends the operation that it was given to. Made by `freesmtp_cancel_new`.
typedef struct freesmtp_cancel freesmtp_cancel;

/// What a check found. Made by `freesmtp_check`; what it gives is borrowed from it.
typedef struct freesmtp_check_report freesmtp_check_report;

/// What a check is to look at besides the server: begin with `{sizeof(freesmtp_check_options)}`, fill in what you want.
///
/// All texts are borrowed for the call; NULL means none.
typedef struct freesmtp_check_options {
  /// `sizeof(freesmtp_check_options)`: later versions of the library have more fields.
  size_t struct_size;
  /// The sender's address: given in MAIL FROM, and the records of its domain are judged.
  const char *from;
  /// Recipients to ask the server about with RCPT TO; nothing is sent to them.
  const char *const *to;
  /// How many `to` has.
  size_t to_count;
  /// The selector of the DKIM key, such as `mail` for `mail._domainkey.example.com`.
  const char *dkim_selector;
  /// The address that recipients' servers see, which SPF is judged for; NULL for the local address of the connection.
  const char *outgoing_ip;
  /// The name server to ask for the records, `192.0.2.1` or `192.0.2.1:53`; NULL for those of the system.
  const char *dns;
  /// The longest that the whole check may take, in seconds; 0 for the default of 120.
  double timeout;
  /// Which of the servers to check, counted from 0.
  size_t server;
} freesmtp_check_options;

/// What is known about a session, for `freesmtp_diagnose`: begin with `FREESMTP_CONTEXT_INIT`, fill in what you know.
///
/// All texts are borrowed for the call; NULL means that it is not known.
typedef struct freesmtp_context {
  /// `sizeof(freesmtp_context)`: later versions of the library have more fields.
  size_t struct_size;
  /// The host name that was asked for.
  const char *host;
  /// The port; 0 when unknown.
  uint16_t port;
  /// A user name or a token was set by the program.
  bool credentials_set;
  /// The session is logged in.
  bool authenticated;
  /// The session is encrypted.
  bool tls;
  /// The lines of the EHLO reply after the first: `AUTH LOGIN PLAIN`, `SIZE 1000`, `STARTTLS`.
  const char *const *offered;
  /// How many lines `offered` has.
  size_t offered_count;
  /// The host name in the server's greeting.
  const char *greeting_host;
  /// The user name.
  const char *user;
  /// The SASL mechanism that was used or tried.
  const char *mechanism;
  /// The client's own address, `192.0.2.1`.
  const char *local_address;
  /// The name that the client gave in EHLO.
  const char *ehlo_name;
  /// The address of MAIL FROM.
  const char *sender;
  /// The address of the RCPT TO in question.
  const char *recipient;
  /// The `Message-ID`.
  const char *message_id;
  /// Bytes of the message; 0 when unknown.
  uint64_t message_size;
  /// Number of recipients; 0 when unknown.
  size_t recipient_count;
} freesmtp_context;

/// The failures found in a transcript, in its order. Made by `freesmtp_explain`; what it gives is borrowed from it.
typedef struct freesmtp_explanations freesmtp_explanations;

/* ---- SMTP: servers, log, send ---------------------------------------------------------------------------- */

/// An SMTP object with one server: a host name, `host:port`, or a URL such as `smtps://user:password@host:465`;
/// without servers when `server` is NULL. A server that is none of these is reported by the first operation that
/// needs it (`freesmtp_smtp_add_url` reports at once). Owned: `freesmtp_smtp_free`.
freesmtp_smtp *freesmtp_smtp_new(const char *server);

/// A copy with settings of its own that shares the kept connections: cheap, and one for each thread where threads
/// change settings. Owned: `freesmtp_smtp_free`.
freesmtp_smtp *freesmtp_smtp_clone(const freesmtp_smtp *smtp);

/// Lets go of it. The last copy ends the kept connections with QUIT, without waiting for the answer. NULL is allowed.
void freesmtp_smtp_free(freesmtp_smtp *smtp);

/// Adds a server: a host name, `host:port`, or a URL such as `smtps://user:password@host:465`.
freesmtp_error *freesmtp_smtp_add_url(freesmtp_smtp *smtp, const char *server);

/// The same with the text's size.
freesmtp_error *freesmtp_smtp_add_url_n(freesmtp_smtp *smtp, const char *server, size_t server_size);

/// Adds a copy of `server`: servers are tried in order, the next one on a failure before the message.
freesmtp_error *freesmtp_smtp_add_server(freesmtp_smtp *smtp, const freesmtp_server *server);

/// How many servers there are.
size_t freesmtp_smtp_server_count(const freesmtp_smtp *smtp);

/// A copy of the server at `index`, counted from 0; NULL behind the last. Owned: `freesmtp_server_free`.
freesmtp_server *freesmtp_smtp_server(const freesmtp_smtp *smtp, size_t index);

/// Puts a copy of `server` in place of the one at `index`.
freesmtp_error *freesmtp_smtp_replace_server(freesmtp_smtp *smtp,
                                             size_t index,
                                             const freesmtp_server *server);

/// Removes the server at `index`.
freesmtp_error *freesmtp_smtp_remove_server(freesmtp_smtp *smtp, size_t index);

/// Appends the conversation to a file from now on, secrets removed; an empty path ends it. Fails when the folder does
/// not exist. A log that can't be written later never stops a mail: it becomes a warning of the report.
freesmtp_error *freesmtp_smtp_set_log_file(freesmtp_smtp *smtp,
                                           const char *path);

/// The same with the text's size.
freesmtp_error *freesmtp_smtp_set_log_file_n(freesmtp_smtp *smtp, const char *path, size_t path_size);

/// Sets the name given in EHLO (RFC 5321 section 4.1.1.1): a host name or an address literal; empty, the default,
/// for the host's own.
freesmtp_error *freesmtp_smtp_set_default_domain(freesmtp_smtp *smtp,
                                                 const char *domain);

/// The same with the text's size.
freesmtp_error *freesmtp_smtp_set_default_domain_n(freesmtp_smtp *smtp,
                                                   const char *domain,
                                                   size_t domain_size);

/// Sets whether nothing is sent when one recipient is refused; else, the default, the others get the message.
freesmtp_error *freesmtp_smtp_set_all_or_nothing(freesmtp_smtp *smtp, bool all_or_nothing);

/// The log's path; NULL when there is none. Owned.
char *freesmtp_smtp_log_file(const freesmtp_smtp *smtp, size_t *size);

/// The name given in EHLO; empty for the host's own. Owned.
char *freesmtp_smtp_default_domain(const freesmtp_smtp *smtp, size_t *size);

/// Whether nothing is sent when one recipient is refused.
bool freesmtp_smtp_all_or_nothing(const freesmtp_smtp *smtp);

/// Sends a message: checked first, so that bad input reaches no server. NULL when at least one recipient was accepted;
/// the report lists all of them. `*report` is owned (`freesmtp_report_free`), and NULL after a failure; `report` itself
/// may be NULL.
freesmtp_error *freesmtp_smtp_send(const freesmtp_smtp *smtp,
                                   const freesmtp_message *message,
                                   freesmtp_report **report);

/// Sends a text to one recipient with the defaults of everything else: `server` as for `freesmtp_smtp_new`, `format` a
/// value of `enum freesmtp_body_part_format`, `report` as for `freesmtp_smtp_send`.
freesmtp_error *freesmtp_quick_send(const char *server,
                                    const char *recipient,
                                    const char *from,
                                    const char *subject,
                                    const char *body,
                                    int format,
                                    freesmtp_report **report);

/// Forgets the servers, the log and all settings, and ends the kept connections.
void freesmtp_smtp_reset(freesmtp_smtp *smtp);

/// Like `freesmtp_smtp_send`, and `cancel` ends it from another thread.
freesmtp_error *freesmtp_smtp_send_with(const freesmtp_smtp *smtp,
                                        const freesmtp_message *message,
                                        const freesmtp_cancel *cancel,
                                        freesmtp_report **report);

/* ---- SMTP: the kept connection, and commands of your own ------------------------------------------------- */

/// Opens a connection to the first server that answers, logs in, and keeps it for the next message.
freesmtp_error *freesmtp_smtp_connect(const freesmtp_smtp *smtp);

/// Like `freesmtp_smtp_connect`, and `cancel` ends it from another thread.
freesmtp_error *freesmtp_smtp_connect_with(const freesmtp_smtp *smtp, const freesmtp_cancel *cancel);

/// Ends the kept connections with QUIT and waits for the answer. Without any, it does nothing.
void freesmtp_smtp_disconnect(const freesmtp_smtp *smtp);

/// Like `freesmtp_smtp_disconnect`, and `cancel` ends the waiting from another thread: the connections are closed all
/// the same. A `cancel` that is NULL ends nothing.
void freesmtp_smtp_disconnect_with(const freesmtp_smtp *smtp,
                                   const freesmtp_cancel *cancel);

/// Cancels every operation of this object and its copies that is under way, from any thread.
void freesmtp_smtp_cancel(const freesmtp_smtp *smtp);

/// Whether a connection is kept for the next message.
bool freesmtp_smtp_connected(const freesmtp_smtp *smtp);

/// Sends one command such as `VRFY postmaster` on the kept connection, or on a new one, and gives the reply, whatever
/// its code is: `*reply_code`, and `*reply_text` (owned: `freesmtp_free`), its lines joined by LF. Either may be NULL.
freesmtp_error *freesmtp_smtp_send_command(const freesmtp_smtp *smtp,
                                           const char *command,
                                           int *reply_code,
                                           char **reply_text);

/// The same with the text's size.
freesmtp_error *freesmtp_smtp_send_command_n(const freesmtp_smtp *smtp,
                                             const char *command,
                                             size_t command_size,
                                             int *reply_code,
                                             char **reply_text);

/// Like `freesmtp_smtp_send_command`, and `cancel` ends it from another thread.
freesmtp_error *freesmtp_smtp_send_command_with(const freesmtp_smtp *smtp,
                                                const char *command,
                                                const freesmtp_cancel *cancel,
                                                int *reply_code,
                                                char **reply_text);

/// The same with the text's size.
freesmtp_error *freesmtp_smtp_send_command_with_n(const freesmtp_smtp *smtp,
                                                  const char *command,
                                                  size_t command_size,
                                                  const freesmtp_cancel *cancel,
                                                  int *reply_code,
                                                  char **reply_text);

/* ---- SMTP: what the log shows, and who hears it ---------------------------------------------------------- */

/// Sets what the log shows besides the conversation: whether each line of the file begins with the time in UTC, how much of
/// a message is shown (a value of `enum freesmtp_log_body`), and whether the file has one JSON object in each line, with
/// `time`, `connection`, `kind` and `line`. Secrets are removed in any case.
freesmtp_error *freesmtp_smtp_set_log_options(freesmtp_smtp *smtp,
                                              bool timestamps,
                                              int body,
                                              bool json);

/// Whether each line of the log begins with the time.
bool freesmtp_smtp_log_timestamps(const freesmtp_smtp *smtp);

/// How much of a message the log shows: a value of `enum freesmtp_log_body`.
int freesmtp_smtp_log_body(const freesmtp_smtp *smtp);

/// Whether the log has one JSON object in each line.
bool freesmtp_smtp_log_json(const freesmtp_smtp *smtp);

/// Gives every line of the conversations to a function as it is said, whether there is a log or not; NULL ends it.
/// `user_data` is handed to it as it is, and must be good until `release` is called, or for ever where `release` is NULL:
/// that may be later than this object is let go. When this call fails, `release` is not called.
freesmtp_error *freesmtp_smtp_set_protocol_log(freesmtp_smtp *smtp,
                                               freesmtp_protocol_log listener,
                                               void *user_data,
                                               freesmtp_release release);

/* ---- SMTP: how long it waits ----------------------------------------------------------------------------- */

/// Sets one limit for every phase, in seconds; that of the whole of a call stays as it is.
freesmtp_error *freesmtp_smtp_set_default_timeout(freesmtp_smtp *smtp, double seconds);

/// The one limit of every phase, in seconds; -1 when they differ.
double freesmtp_smtp_default_timeout(const freesmtp_smtp *smtp);

/// Sets a limit for each phase, and one for the whole of a call.
freesmtp_error *freesmtp_smtp_set_timeouts(freesmtp_smtp *smtp, const freesmtp_timeouts *timeouts);

/// How long each phase may take, put into `*timeouts`.
freesmtp_error *freesmtp_smtp_timeouts(const freesmtp_smtp *smtp, freesmtp_timeouts *timeouts);

/* ---- Messages -------------------------------------------------------------------------------------------- */

/// An empty message in UTF-8. Owned: `freesmtp_message_free`.
freesmtp_message *freesmtp_message_new(void);

/// A copy; attached bytes are shared. Owned: `freesmtp_message_free`.
freesmtp_message *freesmtp_message_clone(const freesmtp_message *message);

/// Lets go of it. NULL is allowed.
void freesmtp_message_free(freesmtp_message *message);

/// Makes it an empty message again.
void freesmtp_message_reset(freesmtp_message *message);

/// Sets the subject: one line of any characters.
freesmtp_error *freesmtp_message_set_subject(freesmtp_message *message, const char *subject);

/// The same with the text's size.
freesmtp_error *freesmtp_message_set_subject_n(freesmtp_message *message,
                                               const char *subject,
                                               size_t subject_size);

/// Sets the `Message-ID`, `local@domain` with or without angle brackets; without, one is made.
freesmtp_error *freesmtp_message_set_message_id(freesmtp_message *message, const char *message_id);

/// The same with the text's size.
freesmtp_error *freesmtp_message_set_message_id_n(freesmtp_message *message,
                                                  const char *message_id,
                                                  size_t message_id_size);

/// Sets the charset of the bodies: `utf-8`, or `us-ascii` when they fit.
freesmtp_error *freesmtp_message_set_charset_encoding(freesmtp_message *message, const char *charset);

/// The same with the text's size.
freesmtp_error *freesmtp_message_set_charset_encoding_n(freesmtp_message *message,
                                                        const char *charset,
                                                        size_t charset_size);

/// Sets how urgent it is: a value of `enum freesmtp_priority`.
freesmtp_error *freesmtp_message_set_priority(freesmtp_message *message, int priority);

/// Sets whether a program wrote it (RFC 3834): a value of `enum freesmtp_auto_submitted`.
freesmtp_error *freesmtp_message_set_auto_submitted(freesmtp_message *message, int auto_submitted);

/// Sets the time of the message, in seconds since 1970-01-01 UTC, and the offset it is shown with, in minutes east of
/// UTC; without, it is the time of sending.
freesmtp_error *freesmtp_message_set_date(freesmtp_message *message,
                                          int64_t unix_seconds,
                                          int16_t offset_minutes);

/// The subject. Owned.
char *freesmtp_message_subject(const freesmtp_message *message, size_t *size);

/// The `Message-ID`; NULL when one is to be made. Owned.
char *freesmtp_message_message_id(const freesmtp_message *message, size_t *size);

/// The charset of the bodies. Owned.
char *freesmtp_message_charset_encoding(const freesmtp_message *message, size_t *size);

/// Whether a time of the message is set. It is put into `*unix_seconds` then, in seconds since 1970-01-01 UTC, and the
/// offset it is shown with into `*offset_minutes`, in minutes east of UTC; each may be NULL.
bool freesmtp_message_date(const freesmtp_message *message,
                           int64_t *unix_seconds,
                           int16_t *offset_minutes);

/// How urgent it is.
int freesmtp_message_priority(const freesmtp_message *message);

/// Whether a program wrote it.
int freesmtp_message_auto_submitted(const freesmtp_message *message);

/// The message as it would be sent (RFC 5322 form, `Bcc` left out). `*bytes` is owned: `freesmtp_free`.
freesmtp_error *freesmtp_message_to_bytes(const freesmtp_message *message, char **bytes, size_t *size);

/// Writes the message to a file, in place of what it held. A file that could not be written whole is removed.
freesmtp_error *freesmtp_message_save(const freesmtp_message *message, const char *path);

/// The same with the text's size.
freesmtp_error *freesmtp_message_save_n(const freesmtp_message *message, const char *path, size_t path_size);

/* ---- Messages: who they are from ------------------------------------------------------------------------- */

/// Sets who the message is from: `user@example.com`. Required.
freesmtp_error *freesmtp_message_set_from(freesmtp_message *message, const char *email);

/// The same with the text's size.
freesmtp_error *freesmtp_message_set_from_n(freesmtp_message *message, const char *email, size_t email_size);

/// Sets the name shown with it.
freesmtp_error *freesmtp_message_set_from_name(freesmtp_message *message, const char *name);

/// The same with the text's size.
freesmtp_error *freesmtp_message_set_from_name_n(freesmtp_message *message,
                                                 const char *name,
                                                 size_t name_size);

/// Sets who sends on behalf of `From` (RFC 5322 section 3.6.2).
freesmtp_error *freesmtp_message_set_sender(freesmtp_message *message, const char *email);

/// The same with the text's size.
freesmtp_error *freesmtp_message_set_sender_n(freesmtp_message *message,
                                              const char *email,
                                              size_t email_size);

/// Sets the name shown with it.
freesmtp_error *freesmtp_message_set_sender_name(freesmtp_message *message, const char *name);

/// The same with the text's size.
freesmtp_error *freesmtp_message_set_sender_name_n(freesmtp_message *message,
                                                   const char *name,
                                                   size_t name_size);

/// Sets where answers go, when not to `From`.
freesmtp_error *freesmtp_message_set_reply_to(freesmtp_message *message, const char *email);

/// The same with the text's size.
freesmtp_error *freesmtp_message_set_reply_to_n(freesmtp_message *message,
                                                const char *email,
                                                size_t email_size);

/// Sets the name shown with it.
freesmtp_error *freesmtp_message_set_reply_to_name(freesmtp_message *message, const char *name);

/// The same with the text's size.
freesmtp_error *freesmtp_message_set_reply_to_name_n(freesmtp_message *message,
                                                     const char *name,
                                                     size_t name_size);

/// Sets the envelope's sender, where bounces go; without, it is `Sender`, else `From`. An empty text is the null
/// reverse-path `<>` (RFC 5321 section 4.5.5).
freesmtp_error *freesmtp_message_set_return_path(freesmtp_message *message,
                                                 const char *email);

/// The same with the text's size.
freesmtp_error *freesmtp_message_set_return_path_n(freesmtp_message *message,
                                                   const char *email,
                                                   size_t email_size);

/// Who the message is from. Owned.
char *freesmtp_message_from(const freesmtp_message *message, size_t *size);

/// The name shown with it. Owned.
char *freesmtp_message_from_name(const freesmtp_message *message, size_t *size);

/// The property of `freesmtp_message_set_sender`; NULL when it is not set. Owned.
char *freesmtp_message_sender(const freesmtp_message *message, size_t *size);

/// The name shown with it; NULL when it is not set. Owned.
char *freesmtp_message_sender_name(const freesmtp_message *message, size_t *size);

/// The property of `freesmtp_message_set_reply_to`; NULL when it is not set. Owned.
char *freesmtp_message_reply_to(const freesmtp_message *message, size_t *size);

/// The name shown with it; NULL when it is not set. Owned.
char *freesmtp_message_reply_to_name(const freesmtp_message *message, size_t *size);

/// The envelope's sender; NULL when it is not set. Owned.
char *freesmtp_message_return_path(const freesmtp_message *message, size_t *size);

/* ---- Messages: recipients -------------------------------------------------------------------------------- */

/// Adds a recipient; `name` may be NULL, `kind` is a value of `enum freesmtp_recipient_type`.
freesmtp_error *freesmtp_message_add_recipient(freesmtp_message *message,
                                               const char *email,
                                               const char *name,
                                               int kind);

/// The same with the texts' sizes.
freesmtp_error *freesmtp_message_add_recipient_n(freesmtp_message *message,
                                                 const char *email,
                                                 size_t email_size,
                                                 const char *name,
                                                 size_t name_size,
                                                 int kind);

/// How many recipients there are.
size_t freesmtp_message_recipient_count(const freesmtp_message *message);

/// Removes the one at `index`, counted from 0.
freesmtp_error *freesmtp_message_remove_recipient(freesmtp_message *message, size_t index);

/// The address of the recipient at `index`; NULL behind the last. Owned.
char *freesmtp_message_recipient_email(const freesmtp_message *message, size_t index, size_t *size);

/// The name of the recipient at `index`; NULL behind the last. Owned.
char *freesmtp_message_recipient_name(const freesmtp_message *message, size_t index, size_t *size);

/// The type of the recipient at `index`; -1 behind the last.
int freesmtp_message_recipient_type(const freesmtp_message *message, size_t index);

/* ---- Messages: what is asked of servers for a recipient -------------------------------------------------- */

/// Sets when the sender gets a report on the delivery to the recipient at `index` (RFC 3461 section 4.1): values of
/// `enum freesmtp_notify`, added up.
freesmtp_error *freesmtp_message_set_recipient_notify(freesmtp_message *message,
                                                      size_t index,
                                                      int notify);

/// Sets whom the message was for before a list or a forwarder put the recipient at `index` in (RFC 3461 section 4.2): an
/// address, or `type;address`. Reports name it.
freesmtp_error *freesmtp_message_set_recipient_original_recipient(freesmtp_message *message,
                                                                  size_t index,
                                                                  const char *original_recipient);

/// The same with the text's size.
freesmtp_error *freesmtp_message_set_recipient_original_recipient_n(freesmtp_message *message,
                                                                    size_t index,
                                                                    const char *original_recipient,
                                                                    size_t original_recipient_size);

/// The message is for the owner that the mailbox of the recipient at `index` has had since this moment, in seconds since
/// 1970-01-01 UTC: if it has changed hands, it is not delivered (RFC 7293).
freesmtp_error *freesmtp_message_set_recipient_valid_since(freesmtp_message *message,
                                                           size_t index,
                                                           int64_t unix_seconds);

/// Sets what servers do that would have to pass it on to one that knows nothing of that: a value of
/// `enum freesmtp_valid_since_action`.
freesmtp_error *freesmtp_message_set_recipient_valid_since_action(freesmtp_message *message,
                                                                  size_t index,
                                                                  int action);

/// When the sender gets a report on the delivery to the recipient at `index`: values of `enum freesmtp_notify`, added up; 0
/// behind the last.
int freesmtp_message_recipient_notify(const freesmtp_message *message,
                                      size_t index);

/// Whom the message was for before the recipient at `index` was put in; NULL when it is not said. Owned.
char *freesmtp_message_recipient_original_recipient(const freesmtp_message *message,
                                                    size_t index,
                                                    size_t *size);

/// Whether it is said since when the owner of the mailbox of the recipient at `index` has had it; the moment is put into
/// `*unix_seconds` then.
bool freesmtp_message_recipient_valid_since(const freesmtp_message *message,
                                            size_t index,
                                            int64_t *unix_seconds);

/// What servers do with it that cannot check the owner; 0 behind the last.
int freesmtp_message_recipient_valid_since_action(const freesmtp_message *message, size_t index);

/* ---- Messages: texts ------------------------------------------------------------------------------------- */

/// Adds a text: `format` is a value of `enum freesmtp_body_part_format`, `encoding` one of
/// `enum freesmtp_body_part_encoding`. Plain and HTML together are alternatives of each other.
freesmtp_error *freesmtp_message_add_body_part(freesmtp_message *message,
                                               const char *body,
                                               int format,
                                               int encoding);

/// The same with the texts' sizes.
freesmtp_error *freesmtp_message_add_body_part_n(freesmtp_message *message,
                                                 const char *body,
                                                 size_t body_size,
                                                 int format,
                                                 int encoding);

/// How many texts there are.
size_t freesmtp_message_body_part_count(const freesmtp_message *message);

/// Removes the one at `index`, counted from 0.
freesmtp_error *freesmtp_message_remove_body_part(freesmtp_message *message, size_t index);

/// The text at `index`; NULL behind the last. Owned.
char *freesmtp_message_body_part_body(const freesmtp_message *message, size_t index, size_t *size);

/// The format of the text at `index`; -1 behind the last.
int freesmtp_message_body_part_format(const freesmtp_message *message, size_t index);

/// The encoding of the text at `index`; -1 behind the last.
int freesmtp_message_body_part_encoding(const freesmtp_message *message, size_t index);

/* ---- Messages: attachments ------------------------------------------------------------------------------- */

/// Attaches a file, which is opened when the message is sent; `name` is what the recipient sees, NULL: the file's own.
freesmtp_error *freesmtp_message_add_attachment(freesmtp_message *message,
                                                const char *path,
                                                const char *name);

/// The same with the texts' sizes.
freesmtp_error *freesmtp_message_add_attachment_n(freesmtp_message *message,
                                                  const char *path,
                                                  size_t path_size,
                                                  const char *name,
                                                  size_t name_size);

/// Attaches a copy of bytes under a file name.
freesmtp_error *freesmtp_message_add_attachment_bytes(freesmtp_message *message,
                                                      const void *content,
                                                      size_t content_size,
                                                      const char *name);

/// The same with the texts' sizes.
freesmtp_error *freesmtp_message_add_attachment_bytes_n(freesmtp_message *message,
                                                        const void *content,
                                                        size_t content_size,
                                                        const char *name,
                                                        size_t name_size);

/// Attaches a copy of another message, which readers show as a message (RFC 2046 section 5.2.1).
freesmtp_error *freesmtp_message_add_attached_message(freesmtp_message *message,
                                                      const freesmtp_message *attached);

/// Attaches what `other` has attached at `index`, under another name where `name` is not NULL. Bytes and streams are
/// shared: a stream can be read once by all together.
freesmtp_error *freesmtp_message_share_attachment(freesmtp_message *message,
                                                  const freesmtp_message *other,
                                                  size_t index,
                                                  const char *name);

/// The same with the text's size.
freesmtp_error *freesmtp_message_share_attachment_n(freesmtp_message *message,
                                                    const freesmtp_message *other,
                                                    size_t index,
                                                    const char *name,
                                                    size_t name_size);

/// Sets the media type of the one at `index`, such as `text/calendar; method=REQUEST`; without, it is told by the
/// name's extension.
freesmtp_error *freesmtp_message_set_attachment_content_type(freesmtp_message *message,
                                                             size_t index,
                                                             const char *content_type);

/// The same with the texts' sizes.
freesmtp_error *freesmtp_message_set_attachment_content_type_n(freesmtp_message *message,
                                                               size_t index,
                                                               const char *content_type,
                                                               size_t content_type_size);

/// How many attachments there are.
size_t freesmtp_message_attachment_count(const freesmtp_message *message);

/// Removes the one at `index`, counted from 0.
freesmtp_error *freesmtp_message_remove_attachment(freesmtp_message *message, size_t index);

/// The name that the recipient sees of the one at `index`; NULL when it is that of the file, or behind the last.
/// Owned.
char *freesmtp_message_attachment_name(const freesmtp_message *message,
                                       size_t index,
                                       size_t *size);

/// The path of the file at `index`; NULL when it is none, or behind the last. Owned.
char *freesmtp_message_attachment_path(const freesmtp_message *message, size_t index, size_t *size);

/// The media type of the one at `index`; NULL when it is told by the name, or behind the last. Owned.
char *freesmtp_message_attachment_content_type(const freesmtp_message *message, size_t index, size_t *size);

/* ---- Messages: what HTML shows --------------------------------------------------------------------------- */

/// Embeds a file, which HTML shows by `cid:` and `content_id`.
freesmtp_error *freesmtp_message_add_embedded_object(freesmtp_message *message,
                                                     const char *path,
                                                     const char *content_id);

/// The same with the texts' sizes.
freesmtp_error *freesmtp_message_add_embedded_object_n(freesmtp_message *message,
                                                       const char *path,
                                                       size_t path_size,
                                                       const char *content_id,
                                                       size_t content_id_size);

/// Embeds a copy of bytes under a file name, which HTML shows by `cid:` and `content_id`.
freesmtp_error *freesmtp_message_add_embedded_bytes(freesmtp_message *message,
                                                    const void *content,
                                                    size_t content_size,
                                                    const char *name,
                                                    const char *content_id);

/// The same with the texts' sizes.
freesmtp_error *freesmtp_message_add_embedded_bytes_n(freesmtp_message *message,
                                                      const void *content,
                                                      size_t content_size,
                                                      const char *name,
                                                      size_t name_size,
                                                      const char *content_id,
                                                      size_t content_id_size);

/// Sets the media type of the one at `index`, such as `text/calendar; method=REQUEST`; without, it is told by the
/// name's extension.
freesmtp_error *freesmtp_message_set_embedded_object_content_type(freesmtp_message *message,
                                                                  size_t index,
                                                                  const char *content_type);

/// The same with the texts' sizes.
freesmtp_error *freesmtp_message_set_embedded_object_content_type_n(freesmtp_message *message,
                                                                    size_t index,
                                                                    const char *content_type,
                                                                    size_t content_type_size);

/// How many embedded objects there are.
size_t freesmtp_message_embedded_object_count(const freesmtp_message *message);

/// Removes the one at `index`, counted from 0.
freesmtp_error *freesmtp_message_remove_embedded_object(freesmtp_message *message, size_t index);

/// The identifier of the one at `index`; NULL behind the last. Owned.
char *freesmtp_message_embedded_object_content_id(const freesmtp_message *message,
                                                  size_t index,
                                                  size_t *size);

/// The path of the file at `index`; NULL when it is none, or behind the last. Owned.
char *freesmtp_message_embedded_object_path(const freesmtp_message *message, size_t index, size_t *size);

/// The file name of the bytes at `index`; NULL when it is that of the file, or behind the last. Owned.
char *freesmtp_message_embedded_object_name(const freesmtp_message *message, size_t index, size_t *size);

/// The media type of the one at `index`; NULL when it is told by the name, or behind the last. Owned.
char *freesmtp_message_embedded_object_content_type(const freesmtp_message *message,
                                                    size_t index,
                                                    size_t *size);

/* ---- Messages: headers of your own ----------------------------------------------------------------------- */

/// Adds a header: a name that no other property writes, a value of one line.
freesmtp_error *freesmtp_message_add_custom_header(freesmtp_message *message,
                                                   const char *name,
                                                   const char *value);

/// The same with the texts' sizes.
freesmtp_error *freesmtp_message_add_custom_header_n(freesmtp_message *message,
                                                     const char *name,
                                                     size_t name_size,
                                                     const char *value,
                                                     size_t value_size);

/// How many headers there are.
size_t freesmtp_message_custom_header_count(const freesmtp_message *message);

/// Removes the one at `index`, counted from 0.
freesmtp_error *freesmtp_message_remove_custom_header(freesmtp_message *message, size_t index);

/// The name of the header at `index`; NULL behind the last. Owned.
char *freesmtp_message_custom_header_name(const freesmtp_message *message, size_t index, size_t *size);

/// The value of the header at `index`; NULL behind the last. Owned.
char *freesmtp_message_custom_header_value(const freesmtp_message *message, size_t index, size_t *size);

/* ---- Messages: answers ----------------------------------------------------------------------------------- */

/// Adds a message that this one answers, by its `Message-ID`.
freesmtp_error *freesmtp_message_add_in_reply_to(freesmtp_message *message, const char *message_id);

/// The same with the text's size.
freesmtp_error *freesmtp_message_add_in_reply_to_n(freesmtp_message *message,
                                                   const char *message_id,
                                                   size_t message_id_size);

/// Adds a message of the thread, the oldest first, by its `Message-ID`: the `References` of the message answered, then its
/// own.
freesmtp_error *freesmtp_message_add_reference(freesmtp_message *message,
                                               const char *message_id);

/// The same with the text's size.
freesmtp_error *freesmtp_message_add_reference_n(freesmtp_message *message,
                                                 const char *message_id,
                                                 size_t message_id_size);

/// How many messages it answers.
size_t freesmtp_message_in_reply_to_count(const freesmtp_message *message);

/// The `Message-ID` of the answered message at `index`, as set; NULL behind the last. Owned.
char *freesmtp_message_in_reply_to(const freesmtp_message *message, size_t index, size_t *size);

/// How many messages of the thread are named.
size_t freesmtp_message_reference_count(const freesmtp_message *message);

/// The `Message-ID` of the message of the thread at `index`, as set; NULL behind the last. Owned.
char *freesmtp_message_reference(const freesmtp_message *message, size_t index, size_t *size);

/* ---- Messages: ending a subscription --------------------------------------------------------------------- */

/// Adds a link that ends a subscription, the preferred one first: `https://…`, `mailto:…` (RFC 2369).
freesmtp_error *freesmtp_message_add_list_unsubscribe(freesmtp_message *message, const char *link);

/// The same with the text's size.
freesmtp_error *freesmtp_message_add_list_unsubscribe_n(freesmtp_message *message,
                                                        const char *link,
                                                        size_t link_size);

/// Sets whether an empty POST to the https link is enough (RFC 8058). Sign with DKIM: readers demand it.
freesmtp_error *freesmtp_message_set_list_unsubscribe_one_click(freesmtp_message *message, bool one_click);

/// How many links there are.
size_t freesmtp_message_list_unsubscribe_count(const freesmtp_message *message);

/// The link at `index`; NULL behind the last. Owned.
char *freesmtp_message_list_unsubscribe(const freesmtp_message *message, size_t index, size_t *size);

/// Whether an empty POST to the https link is enough.
bool freesmtp_message_list_unsubscribe_one_click(const freesmtp_message *message);

/* ---- Messages: invitations ------------------------------------------------------------------------------- */

/// Makes it an invitation: an iCalendar text (RFC 5545), which travels as an alternative of the texts. `method`, such as
/// `REQUEST`, NULL: that of the text's `METHOD` line; `file_name` under which it is attached too, for readers that show
/// no invitation, NULL: `invite.ics`, empty: it is not attached.
freesmtp_error *freesmtp_message_set_calendar(freesmtp_message *message,
                                              const char *calendar_text,
                                              const char *method,
                                              const char *file_name);

/// The same with the texts' sizes.
freesmtp_error *freesmtp_message_set_calendar_n(freesmtp_message *message,
                                                const char *calendar_text,
                                                size_t calendar_text_size,
                                                const char *method,
                                                size_t method_size,
                                                const char *file_name,
                                                size_t file_name_size);

/// The iCalendar text; NULL when it is no invitation. Owned.
char *freesmtp_message_calendar(const freesmtp_message *message, size_t *size);

/// The method as set, empty for that of the text; NULL when it is no invitation. Owned.
char *freesmtp_message_calendar_method(const freesmtp_message *message, size_t *size);

/// The name under which the text is attached too; NULL when it is not. Owned.
char *freesmtp_message_calendar_file_name(const freesmtp_message *message, size_t *size);

/* ---- Messages: attachments that are read out while they are sent ----------------------------------------- */

/// Attaches what `read` gives under a file name; it is read while the message is sent, never held as a whole.
/// `content_size` in bytes, -1 when it is not known; a reader that gives fewer or more ends the message with an error.
///
/// It can be read once: the message, and the copies of it, are sent once. `user_data` is handed to `read` as it is, and
/// must be good until `release` is called, or for ever where `release` is NULL. When this call fails, `release` is not
/// called.
freesmtp_error *freesmtp_message_add_attachment_stream(freesmtp_message *message,
                                                       freesmtp_read read,
                                                       void *user_data,
                                                       freesmtp_release release,
                                                       int64_t content_size,
                                                       const char *name);

/// The same with the text's size.
freesmtp_error *freesmtp_message_add_attachment_stream_n(freesmtp_message *message,
                                                         freesmtp_read read,
                                                         void *user_data,
                                                         freesmtp_release release,
                                                         int64_t content_size,
                                                         const char *name,
                                                         size_t name_size);

/* ---- Messages: one for each row -------------------------------------------------------------------------- */

/// Compiles the texts of a message, which may have `{{ fields }}` of Jinja, with its filters and conditions: in the
/// subject, the texts, addresses and names, the values of custom headers, names of attachments, links to unsubscribe, and
/// the invitation. In HTML texts the values are escaped. The error names the property and the line.
///
/// The message is copied. `*template_out` is owned: `freesmtp_template_free`.
freesmtp_error *freesmtp_template_new(const freesmtp_message *message,
                                      freesmtp_template **template_out);

/// Lets go of it. NULL is allowed.
void freesmtp_template_free(freesmtp_template *message_template);

/// The message of one row, which has `count` fields. A field that the row does not have is an error, never an empty text;
/// what comes out is checked like any message when it is sent, so a row can inject nothing. `*message` is owned:
/// `freesmtp_message_free`.
freesmtp_error *freesmtp_template_render(const freesmtp_template *message_template,
                                         const freesmtp_field *fields,
                                         size_t count,
                                         freesmtp_message **message);

/// The same with the texts' sizes.
freesmtp_error *freesmtp_template_render_n(const freesmtp_template *message_template,
                                           const freesmtp_field_n *fields,
                                           size_t count,
                                           freesmtp_message **message);

/// The texts of one row that differ from row to row, for programs that hold messages in another form: `take` is called
/// for each before this returns.
freesmtp_error *freesmtp_template_texts_n(const freesmtp_template *message_template,
                                          const freesmtp_field_n *fields,
                                          size_t count,
                                          freesmtp_take_text take,
                                          void *user_data);

/* ---- Messages: what is asked of servers on the way ------------------------------------------------------- */

/// Sets how much of the message delivery reports give back (RFC 3461 section 4.3): a value of
/// `enum freesmtp_return_content`.
freesmtp_error *freesmtp_message_set_return_content(freesmtp_message *message, int return_content);

/// Sets a text that delivery reports give back, to tell which message they are about (RFC 3461 section 4.4): printable
/// ASCII, at most 100 characters, `+`, `=` and a space counting as three.
freesmtp_error *freesmtp_message_set_envelope_id(freesmtp_message *message,
                                                 const char *envelope_id);

/// The same with the text's size.
freesmtp_error *freesmtp_message_set_envelope_id_n(freesmtp_message *message,
                                                   const char *envelope_id,
                                                   size_t envelope_id_size);

/// Sets whether every server on the way has to use TLS and to check the next one's certificate, or to return the message
/// (RFC 8689). The session itself has to be encrypted, and its certificate checked.
freesmtp_error *freesmtp_message_set_require_tls(freesmtp_message *message,
                                                 bool require_tls);

/// Sets within how many seconds the message is to be delivered, from 1 to 999,999,999 (RFC 2852).
freesmtp_error *freesmtp_message_set_deliver_by(freesmtp_message *message, uint32_t seconds);

/// Sets what happens when they have passed: a value of `enum freesmtp_deliver_by_mode`.
freesmtp_error *freesmtp_message_set_deliver_by_mode(freesmtp_message *message, int mode);

/// Sets whether each server on the way reports that it has passed the message on (RFC 2852 section 4).
freesmtp_error *freesmtp_message_set_deliver_by_trace(freesmtp_message *message, bool trace);

/// Sets for how many seconds the server holds the message, from 1 to 999,999,999 (RFC 4865).
freesmtp_error *freesmtp_message_set_hold_for(freesmtp_message *message, uint32_t seconds);

/// Sets the moment until which the server holds the message, in seconds since 1970-01-01 UTC; not together with
/// `freesmtp_message_set_hold_for`.
freesmtp_error *freesmtp_message_set_hold_until(freesmtp_message *message,
                                                int64_t unix_seconds);

/// Sets how soon servers handle the message among others, from -9 to 9, 0 being usual (RFC 6710).
freesmtp_error *freesmtp_message_set_mt_priority(freesmtp_message *message, int8_t priority);

/// Adds an extension, by its EHLO keyword, whose options are left out when the server cannot give them; the report says so
/// then. At first it is `DSN` alone.
freesmtp_error *freesmtp_message_add_optional_extension(freesmtp_message *message,
                                                        const char *keyword);

/// The same with the text's size.
freesmtp_error *freesmtp_message_add_optional_extension_n(freesmtp_message *message,
                                                          const char *keyword,
                                                          size_t keyword_size);

/// Makes every extension needed that an option asks for, `DSN` too.
freesmtp_error *freesmtp_message_clear_optional_extensions(freesmtp_message *message);

/// How much of it delivery reports give back.
int freesmtp_message_return_content(const freesmtp_message *message);

/// The text that delivery reports give back; NULL when there is none. Owned.
char *freesmtp_message_envelope_id(const freesmtp_message *message, size_t *size);

/// Whether every server on the way has to use TLS.
bool freesmtp_message_require_tls(const freesmtp_message *message);

/// Whether there is a time within which it is to be delivered; it is put into `*seconds` then.
bool freesmtp_message_deliver_by(const freesmtp_message *message, uint32_t *seconds);

/// What happens when that time has passed.
int freesmtp_message_deliver_by_mode(const freesmtp_message *message);

/// Whether each server on the way reports that it has passed it on.
bool freesmtp_message_deliver_by_trace(const freesmtp_message *message);

/// Whether there is a time for which the server holds it; it is put into `*seconds` then.
bool freesmtp_message_hold_for(const freesmtp_message *message, uint32_t *seconds);

/// Whether there is a moment until which the server holds it; it is put into `*unix_seconds` then.
bool freesmtp_message_hold_until(const freesmtp_message *message, int64_t *unix_seconds);

/// Whether it is said how soon servers handle it; that is put into `*priority` then.
bool freesmtp_message_mt_priority(const freesmtp_message *message, int8_t *priority);

/// How many extensions are optional.
size_t freesmtp_message_optional_extension_count(const freesmtp_message *message);

/// The EHLO keyword of the optional extension at `index`; NULL behind the last. Owned.
char *freesmtp_message_optional_extension(const freesmtp_message *message, size_t index, size_t *size);

/* ---- Messages: what is asked of the spool ---------------------------------------------------------------- */

/// Sets the moment before which the message is not delivered, in seconds since 1970-01-01 UTC.
freesmtp_error *freesmtp_message_set_not_before(freesmtp_message *message, int64_t unix_seconds);

/// Sets the moment at which a message that is not delivered is given up, in seconds since 1970-01-01 UTC.
freesmtp_error *freesmtp_message_set_expires(freesmtp_message *message, int64_t unix_seconds);

/// Sets which messages of the spool are delivered first: from -9 to 9, higher ones first; 0 at first.
freesmtp_error *freesmtp_message_set_spool_priority(freesmtp_message *message, int priority);

/// Sets the blast that the message belongs to: messages of one name have one progress, and are paused, resumed and
/// cancelled together.
freesmtp_error *freesmtp_message_set_blast(freesmtp_message *message,
                                           const char *blast);

/// The same with the text's size.
freesmtp_error *freesmtp_message_set_blast_n(freesmtp_message *message, const char *blast, size_t blast_size);

/// Sets the key by which a repetition is known: the same message submitted again under its key is not delivered again,
/// another one under the same key is refused.
freesmtp_error *freesmtp_message_set_idempotency_key(freesmtp_message *message,
                                                     const char *key);

/// The same with the text's size.
freesmtp_error *freesmtp_message_set_idempotency_key_n(freesmtp_message *message,
                                                       const char *key,
                                                       size_t key_size);

/// Whether there is a moment before which it is not delivered; it is put into `*unix_seconds` then.
bool freesmtp_message_not_before(const freesmtp_message *message, int64_t *unix_seconds);

/// Whether there is a moment at which it is given up; it is put into `*unix_seconds` then.
bool freesmtp_message_expires(const freesmtp_message *message, int64_t *unix_seconds);

/// Which messages of the spool are delivered first: from -9 to 9, higher ones first.
int freesmtp_message_spool_priority(const freesmtp_message *message);

/// The blast that it belongs to; NULL when there is none. Owned.
char *freesmtp_message_blast(const freesmtp_message *message, size_t *size);

/// The key by which a repetition is known; NULL when there is none. Owned.
char *freesmtp_message_idempotency_key(const freesmtp_message *message, size_t *size);

/* ---- Messages: passed through as they are ---------------------------------------------------------------- */

/// Makes it a copy of a whole message in the form of RFC 5322, which is passed through: line ends become CRLF, `Bcc` and
/// `Resent-Bcc` are left out, nothing else changes. The envelope is that of return path, sender, from and recipients
/// where they are set, else that of the headers; DKIM signs it; every other property has to be unset.
freesmtp_error *freesmtp_message_set_raw(freesmtp_message *message,
                                         const void *content,
                                         size_t content_size);

/// The same from a file, which is read when the message is sent.
freesmtp_error *freesmtp_message_set_raw_file(freesmtp_message *message, const char *path);

/// The same with the text's size.
freesmtp_error *freesmtp_message_set_raw_file_n(freesmtp_message *message,
                                                const char *path,
                                                size_t path_size);

/// The whole message that it is a copy of; NULL when it is none, or in a file. Owned.
char *freesmtp_message_raw(const freesmtp_message *message, size_t *size);

/// The file of the whole message that it is; NULL when there is none. Owned.
char *freesmtp_message_raw_file(const freesmtp_message *message, size_t *size);

/* ---- Messages: DKIM signatures --------------------------------------------------------------------------- */

/// A signer with relaxed canonicalization over all headers that readers show. The DNS of the domain has the public key at
/// `selector._domainkey.domain`. `key` is PEM text: PKCS#1, or PKCS#8 with an RSA or an Ed25519 key; or the 32 bytes of
/// an Ed25519 key in base64. `*signer` is owned: `freesmtp_signer_free`.
freesmtp_error *freesmtp_signer_new(const char *domain,
                                    const char *selector,
                                    const char *key,
                                    freesmtp_signer **signer);

/// The same with the texts' sizes.
freesmtp_error *freesmtp_signer_new_n(const char *domain,
                                      size_t domain_size,
                                      const char *selector,
                                      size_t selector_size,
                                      const char *key,
                                      size_t key_size,
                                      freesmtp_signer **signer);

/// A copy with settings of its own. Owned: `freesmtp_signer_free`.
freesmtp_signer *freesmtp_signer_clone(const freesmtp_signer *signer);

/// Lets go of it. NULL is allowed.
void freesmtp_signer_free(freesmtp_signer *signer);

/// Sets on whose behalf it signs (`i=`): `local@domain` or `@domain`, in the domain or under it; NULL, the default: not
/// said.
freesmtp_error *freesmtp_signer_set_identity(freesmtp_signer *signer,
                                             const char *identity);

/// The same with the text's size.
freesmtp_error *freesmtp_signer_set_identity_n(freesmtp_signer *signer,
                                               const char *identity,
                                               size_t identity_size);

/// Sets after how many seconds the signature is void (`x=`); 0, the default: never.
freesmtp_error *freesmtp_signer_set_expires_after(freesmtp_signer *signer, uint32_t seconds);

/// Sets how much may change on the way without breaking the signature: values of `enum freesmtp_canonicalization`.
freesmtp_error *freesmtp_signer_set_canonicalization(freesmtp_signer *signer,
                                                     int header,
                                                     int body);

/// How many names of headers are signed.
size_t freesmtp_signer_header_count(const freesmtp_signer *signer);

/// The name at `index`, counted from 0; NULL behind the last. Owned.
char *freesmtp_signer_header(const freesmtp_signer *signer, size_t index, size_t *size);

/// Sets the headers to sign, `count` names, each signed as often as it occurs; `From` has to be among them. At first they
/// are all that readers show, answer to or act on.
freesmtp_error *freesmtp_signer_set_headers(freesmtp_signer *signer,
                                            const char *const *names,
                                            size_t count);

/// The same with the texts' sizes: `count` of them too.
freesmtp_error *freesmtp_signer_set_headers_n(freesmtp_signer *signer,
                                              const char *const *names,
                                              const size_t *sizes,
                                              size_t count);

/// How many headers are over-signed.
size_t freesmtp_signer_oversigned_count(const freesmtp_signer *signer);

/// The name at `index`, counted from 0; NULL behind the last. Owned.
char *freesmtp_signer_oversigned(const freesmtp_signer *signer, size_t index, size_t *size);

/// Sets the headers that nobody can add later without breaking the signature, `count` names (RFC 6376 section 8.15). At
/// first they are those of which readers would show the added one.
freesmtp_error *freesmtp_signer_set_oversigned(freesmtp_signer *signer,
                                               const char *const *names,
                                               size_t count);

/// The same with the texts' sizes: `count` of them too.
freesmtp_error *freesmtp_signer_set_oversigned_n(freesmtp_signer *signer,
                                                 const char *const *names,
                                                 const size_t *sizes,
                                                 size_t count);

/// Signs the message with a copy of the signer; the first one added is outermost.
freesmtp_error *freesmtp_message_add_signer(freesmtp_message *message, const freesmtp_signer *signer);

/// The domain that signs (`d=`), in ASCII. Owned.
char *freesmtp_signer_domain(const freesmtp_signer *signer, size_t *size);

/// Which of the domain's keys it is (`s=`). Owned.
char *freesmtp_signer_selector(const freesmtp_signer *signer, size_t *size);

/// What the key signs with (`a=`): `rsa-sha256` or `ed25519-sha256`. Owned.
char *freesmtp_signer_algorithm(const freesmtp_signer *signer, size_t *size);

/// On whose behalf it signs (`i=`); NULL when it is not said. Owned.
char *freesmtp_signer_identity(const freesmtp_signer *signer, size_t *size);

/// After how many seconds the signature is void (`x=`); 0: never.
uint32_t freesmtp_signer_expires_after(const freesmtp_signer *signer);

/// How much of the headers may change on the way.
int freesmtp_signer_header_canonicalization(const freesmtp_signer *signer);

/// How much of the body may change on the way.
int freesmtp_signer_body_canonicalization(const freesmtp_signer *signer);

/// How many signatures are added.
size_t freesmtp_message_signer_count(const freesmtp_message *message);

/// A copy of the signer at `index`, counted from 0; NULL behind the last. Owned: `freesmtp_signer_free`.
freesmtp_signer *freesmtp_message_signer(const freesmtp_message *message, size_t index);

/* ---- Reports: what a send answers ------------------------------------------------------------------------ */

/// Lets go of a report and of all that was borrowed from it. NULL is allowed.
void freesmtp_report_free(freesmtp_report *report);

/// How many recipients the message has.
size_t freesmtp_report_recipient_count(const freesmtp_report *report);

/// The entry of one recipient, in the order of the message; NULL behind the last. Borrowed.
const freesmtp_recipient *freesmtp_report_recipient(const freesmtp_report *report, size_t index);

/// The code of the reply after the end of the message.
int freesmtp_report_reply_code(const freesmtp_report *report);

/// Its enhanced status code such as `2.0.0` (RFC 3463); NULL when it has none. Borrowed.
const char *freesmtp_report_enhanced_code(const freesmtp_report *report);

/// Its text, which usually names the server's queue id; reply codes left out, lines joined by LF. Borrowed.
const char *freesmtp_report_reply_text(const freesmtp_report *report);

/// The `Message-ID` of the message, with its angle brackets. Borrowed.
const char *freesmtp_report_message_id(const freesmtp_report *report);

/// Bytes of the message as composed.
uint64_t freesmtp_report_size(const freesmtp_report *report);

/// The server that took it, `mail.example.com:587`. Borrowed.
const char *freesmtp_report_server(const freesmtp_report *report);

/// The address that was connected to, `192.0.2.1:587`; NULL when it is no address of a network. Borrowed.
const char *freesmtp_report_peer_address(const freesmtp_report *report);

/// Whether the session was encrypted.
bool freesmtp_report_is_encrypted(const freesmtp_report *report);

/// The TLS version such as `TLSv1.3`, where the platform's TLS tells it; else NULL. Borrowed.
const char *freesmtp_report_tls_version(const freesmtp_report *report);

/// The cipher suite, where the platform's TLS tells it; else NULL. Borrowed.
const char *freesmtp_report_tls_cipher(const freesmtp_report *report);

/// The subject of the server's certificate, where the platform's TLS tells it; else NULL. Borrowed.
const char *freesmtp_report_tls_certificate_subject(const freesmtp_report *report);

/// When the server's certificate expires, in seconds since 1970-01-01 UTC; -1 when that is not known.
int64_t freesmtp_report_tls_certificate_not_after(const freesmtp_report *report);

/// The mechanism that logged in, such as `PLAIN`; NULL without login. Borrowed.
const char *freesmtp_report_auth_mechanism(const freesmtp_report *report);

/// How many seconds it took, connecting included where a connection was opened.
double freesmtp_report_elapsed(const freesmtp_report *report);

/// How many warnings there are.
size_t freesmtp_report_warning_count(const freesmtp_report *report);

/// Trouble that did not stop the mail: a log that could not be written, a server before this one that failed.
/// NULL behind the last. Borrowed.
const char *freesmtp_report_warning(const freesmtp_report *report, size_t index);

/// How many lines the conversation has.
size_t freesmtp_report_transcript_count(const freesmtp_report *report);

/// One line of the conversation, secrets removed, oldest first; NULL behind the last. Borrowed.
const char *freesmtp_report_transcript_line(const freesmtp_report *report, size_t index);

/* ---- Errors: why a call failed --------------------------------------------------------------------------- */

/// Lets go of an error and of all that was borrowed from it. NULL is allowed.
void freesmtp_error_free(freesmtp_error *error);

/// What kind of failure it is: a value of `enum freesmtp_error_kind`; 0 for NULL, which is success.
int freesmtp_error_kind(const freesmtp_error *error);

/// The same by its stable name: `message`, `dns`, `recipients-refused` … Borrowed.
const char *freesmtp_error_kind_name(const freesmtp_error *error);

/// The phase of the session: `COMPOSE`, `RESOLVE`, `CONNECT`, `EHLO`, `STARTTLS`, `AUTH`, `MAIL`, `RCPT`, `DATA`,
/// `EOM`, `COMMAND` or `QUIT`. Borrowed.
const char *freesmtp_error_stage(const freesmtp_error *error);

/// What happened, in one sentence, without the diagnosis. Borrowed.
const char *freesmtp_error_message(const freesmtp_error *error);

/// All of it as a person reads it: field, message, server, diagnosis with its remedies; several lines. Borrowed.
const char *freesmtp_error_text(const freesmtp_error *error);

/// The property or parameter that holds bad input, such as `Recipients[2].Email`; else NULL. Borrowed.
const char *freesmtp_error_field(const freesmtp_error *error);

/// The code of the server's reply; 0 when no reply decided.
int freesmtp_error_reply_code(const freesmtp_error *error);

/// Its enhanced status code such as `5.7.1` (RFC 3463); NULL when it has none. Borrowed.
const char *freesmtp_error_enhanced_code(const freesmtp_error *error);

/// Its text, reply codes left out, lines joined by LF; empty when no reply decided. Borrowed.
const char *freesmtp_error_reply_text(const freesmtp_error *error);

/// The server it is about, `mail.example.com:587`; else NULL. Borrowed.
const char *freesmtp_error_server(const freesmtp_error *error);

/// The `Message-ID` of the message, to search for when the outcome is unknown; else NULL. Borrowed.
const char *freesmtp_error_message_id(const freesmtp_error *error);

/// Whether the same call may succeed later without a change. An unknown outcome is not temporary: a repetition may
/// deliver twice.
bool freesmtp_error_is_temporary(const freesmtp_error *error);

/// The operating system's own error number (`errno`); 0 when it was none.
int freesmtp_error_os_error(const freesmtp_error *error);

/// How many recipients it has an entry for: all, when the transaction got that far, else none.
size_t freesmtp_error_recipient_count(const freesmtp_error *error);

/// The entry of one recipient; NULL behind the last. Borrowed.
const freesmtp_recipient *freesmtp_error_recipient(const freesmtp_error *error, size_t index);

/// Why it failed and what to do; NULL when nothing is known. Borrowed.
const freesmtp_diagnosis *freesmtp_error_diagnosis(const freesmtp_error *error);

/// How many lines of the conversation it keeps.
size_t freesmtp_error_transcript_count(const freesmtp_error *error);

/// One of the last lines of the conversation, secrets removed, oldest first; NULL behind the last. Borrowed.
const char *freesmtp_error_transcript_line(const freesmtp_error *error, size_t index);

/// How many servers were tried before the last one.
size_t freesmtp_error_other_count(const freesmtp_error *error);

/// The failure of a server that was tried before; NULL behind the last. Borrowed.
const freesmtp_error *freesmtp_error_other(const freesmtp_error *error, size_t index);

/* ---- Recipients of a report or an error ------------------------------------------------------------------ */

/// The address as it was given. Borrowed.
const char *freesmtp_recipient_email(const freesmtp_recipient *recipient);

/// What became of it: a value of `enum freesmtp_recipient_status`.
int freesmtp_recipient_status(const freesmtp_recipient *recipient);

/// The same by name: `accepted`, `deferred`, `refused`, `unknown`. Borrowed.
const char *freesmtp_recipient_status_name(const freesmtp_recipient *recipient);

/// The phase in which that was decided: `RCPT`, `EOM` … Borrowed.
const char *freesmtp_recipient_stage(const freesmtp_recipient *recipient);

/// The code of the reply that decided; 0 when the client decided, or the connection broke.
int freesmtp_recipient_reply_code(const freesmtp_recipient *recipient);

/// Its enhanced status code such as `5.7.1` (RFC 3463); NULL when it has none. Borrowed.
const char *freesmtp_recipient_enhanced_code(const freesmtp_recipient *recipient);

/// Its text, reply codes left out, lines joined by LF; empty when no reply decided. Borrowed.
const char *freesmtp_recipient_reply_text(const freesmtp_recipient *recipient);

/// Why, and what to do; NULL when it was accepted. Borrowed.
const freesmtp_diagnosis *freesmtp_recipient_diagnosis(const freesmtp_recipient *recipient);

/* ---- Diagnoses: why, who must act, what to do ------------------------------------------------------------ */

/// Lets go of a diagnosis of `freesmtp_diagnose`; never of one that is borrowed. NULL is allowed.
void freesmtp_diagnosis_free(freesmtp_diagnosis *diagnosis);

/// What went wrong, by its stable name: `relay-denied`, `auth-required`, `recipient-unknown` … Borrowed.
const char *freesmtp_diagnosis_cause(const freesmtp_diagnosis *diagnosis);

/// Who must act: `sender-code`, `sender-account`, `server-admin`, `recipient`, `network` or `nobody-retry`. Borrowed.
const char *freesmtp_diagnosis_who(const freesmtp_diagnosis *diagnosis);

/// One sentence for a person. Borrowed.
const char *freesmtp_diagnosis_summary(const freesmtp_diagnosis *diagnosis);

/// What to do, concrete for this session; several ways are separated by LF. Borrowed.
const char *freesmtp_diagnosis_remedy(const freesmtp_diagnosis *diagnosis);

/// The server's words, or the facts, on which this rests. Borrowed.
const char *freesmtp_diagnosis_evidence(const freesmtp_diagnosis *diagnosis);

/// The RFC section, or the page that the server named; NULL when there is none. Borrowed.
const char *freesmtp_diagnosis_reference(const freesmtp_diagnosis *diagnosis);

/// Cause, summary and remedies together, as a person reads them. Borrowed.
const char *freesmtp_diagnosis_text(const freesmtp_diagnosis *diagnosis);

/// Seconds to wait before the next attempt; -1 when neither server nor cause name a time.
double freesmtp_diagnosis_retry_after(const freesmtp_diagnosis *diagnosis);

/* ---- What was given, and the version --------------------------------------------------------------------- */

/// Lets go of what the library gave: texts and bytes that a function's comment calls owned. NULL is allowed.
void freesmtp_free(void *memory);

/// The version of the library, such as `0.1.0`. Static.
const char *freesmtp_version(void);

/* ---- Advanced: servers with settings of their own -------------------------------------------------------- */

/// A server without a name, everything else at its default. Owned: `freesmtp_server_free`.
freesmtp_server *freesmtp_server_new(void);

/// A server from a host name, `host:port`, or a URL such as `smtps://user:password@host:465`.
/// `*server` is owned: `freesmtp_server_free`.
freesmtp_error *freesmtp_server_parse(const char *url, freesmtp_server **server);

/// The same with the text's size.
freesmtp_error *freesmtp_server_parse_n(const char *url, size_t url_size, freesmtp_server **server);

/// A copy with settings of its own. Owned: `freesmtp_server_free`.
freesmtp_server *freesmtp_server_clone(const freesmtp_server *server);

/// Lets go of it. NULL is allowed.
void freesmtp_server_free(freesmtp_server *server);

/// Sets the host name or address literal: `mail.example.com`, `192.0.2.1`, `::1`; or the path of a Unix-domain socket:
/// `unix:/run/dovecot/lmtp`.
freesmtp_error *freesmtp_server_set_name(freesmtp_server *server,
                                         const char *name);

/// The same with the text's size.
freesmtp_error *freesmtp_server_set_name_n(freesmtp_server *server, const char *name, size_t name_size);

/// Sets the TCP port; 0, the default, means 465 for implicit TLS, 587 when an account is set, else 25.
freesmtp_error *freesmtp_server_set_port(freesmtp_server *server, int port);

/// The server speaks LMTP (RFC 2033), as mailbox servers do: it answers for each recipient after the message.
freesmtp_error *freesmtp_server_set_lmtp(freesmtp_server *server, bool lmtp);

/// Sets the limit for each phase in seconds, in place of those of the SMTP object.
freesmtp_error *freesmtp_server_set_timeout(freesmtp_server *server, double seconds);

/// Sets the proxy that connects to the server, and looks its name up: `socks5://user:password@host:1080`,
/// `socks5h://host`, `http://host:3128`; empty for none. User and password are percent-encoded.
freesmtp_error *freesmtp_server_set_proxy(freesmtp_server *server, const char *url);

/// The same with the text's size.
freesmtp_error *freesmtp_server_set_proxy_n(freesmtp_server *server, const char *url, size_t url_size);

/// Sets the local address to connect from; empty for any.
freesmtp_error *freesmtp_server_set_local_end_point(freesmtp_server *server, const char *address);

/// The same with the text's size.
freesmtp_error *freesmtp_server_set_local_end_point_n(freesmtp_server *server,
                                                      const char *address,
                                                      size_t address_size);

/// Adds an EHLO keyword to ignore, for a server that offers what it can't do: `PIPELINING`, `SIZE` …
freesmtp_error *freesmtp_server_add_disabled_extension(freesmtp_server *server, const char *keyword);

/// The same with the text's size.
freesmtp_error *freesmtp_server_add_disabled_extension_n(freesmtp_server *server,
                                                         const char *keyword,
                                                         size_t keyword_size);

/// The host name. Owned.
char *freesmtp_server_name(const freesmtp_server *server, size_t *size);

/// The port as set; 0 for the default.
int freesmtp_server_port(const freesmtp_server *server);

/// Whether the server speaks LMTP.
bool freesmtp_server_lmtp(const freesmtp_server *server);

/// The port in use: as set, else by security and account.
int freesmtp_server_effective_port(const freesmtp_server *server);

/// The limit for each phase in seconds; -1 when those of the SMTP object hold.
double freesmtp_server_timeout(const freesmtp_server *server);

/// The URL of the proxy, password included; NULL when there is none. Owned.
char *freesmtp_server_proxy(const freesmtp_server *server, size_t *size);

/// The local address to connect from; NULL for any. Owned.
char *freesmtp_server_local_end_point(const freesmtp_server *server, size_t *size);

/// How many EHLO keywords are ignored.
size_t freesmtp_server_disabled_extension_count(const freesmtp_server *server);

/// The keyword at `index`, counted from 0; NULL behind the last. Owned.
char *freesmtp_server_disabled_extension(const freesmtp_server *server, size_t index, size_t *size);

/* ---- Advanced: who logs in to a server, and how ---------------------------------------------------------- */

/// Sets how to log in: a value of `enum freesmtp_auth_mode`.
freesmtp_error *freesmtp_server_set_auth_mode(freesmtp_server *server, int auth_mode);

/// Sets the user name; empty, the default, means no login.
freesmtp_error *freesmtp_server_set_account(freesmtp_server *server, const char *account);

/// The same with the text's size.
freesmtp_error *freesmtp_server_set_account_n(freesmtp_server *server,
                                              const char *account,
                                              size_t account_size);

/// Sets the password. It is wiped from memory when the server is let go, and never given back.
freesmtp_error *freesmtp_server_set_password(freesmtp_server *server, const char *password);

/// The same with the text's size.
freesmtp_error *freesmtp_server_set_password_n(freesmtp_server *server,
                                               const char *password,
                                               size_t password_size);

/// Sets the SASL mechanism to use with `FREESMTP_AUTH_MODE_SASL`; empty for the strongest offered.
freesmtp_error *freesmtp_server_set_sasl(freesmtp_server *server, const char *sasl);

/// The same with the text's size.
freesmtp_error *freesmtp_server_set_sasl_n(freesmtp_server *server, const char *sasl, size_t sasl_size);

/// Sets whether password and token may be sent in clear text, where they can be read on the way.
freesmtp_error *freesmtp_server_set_allow_plaintext_auth(freesmtp_server *server, bool allow);

/// Sets the `AUTH=` parameter of MAIL (RFC 4954 section 5): the mailbox of whoever submitted the message first, empty
/// when nobody is known (`<>`); NULL, the default, sends no parameter.
freesmtp_error *freesmtp_server_set_mail_auth(freesmtp_server *server,
                                              const char *mailbox);

/// The same with the text's size.
freesmtp_error *freesmtp_server_set_mail_auth_n(freesmtp_server *server,
                                                const char *mailbox,
                                                size_t mailbox_size);

/// How to log in.
int freesmtp_server_auth_mode(const freesmtp_server *server);

/// The user name. Owned.
char *freesmtp_server_account(const freesmtp_server *server, size_t *size);

/// The SASL mechanism. Owned.
char *freesmtp_server_sasl(const freesmtp_server *server, size_t *size);

/// The mailbox of the `AUTH=` parameter; NULL when none is sent. Owned.
char *freesmtp_server_mail_auth(const freesmtp_server *server, size_t *size);

/// Whether password and token may go in clear text.
bool freesmtp_server_allow_plaintext_auth(const freesmtp_server *server);

/* ---- Advanced: access tokens ----------------------------------------------------------------------------- */

/// Sets the OAuth access token, which goes before the password; empty for none. It is wiped from memory when the server
/// is let go, and never given back.
freesmtp_error *freesmtp_server_set_token(freesmtp_server *server,
                                          const char *token);

/// The same with the text's size.
freesmtp_error *freesmtp_server_set_token_n(freesmtp_server *server, const char *token, size_t token_size);

/// Sets a function that gets the OAuth access token for each session. `user_data` is handed to it as it is, and must be
/// good until `release` is called, or for ever where `release` is NULL. When this call fails, `release` is not called.
freesmtp_error *freesmtp_server_set_token_callback(freesmtp_server *server,
                                                   freesmtp_token_callback callback,
                                                   void *user_data,
                                                   freesmtp_release release);

/// Gives `server` the token or the callback of `other`, another server. A session that was logged in with one callback
/// is kept for the messages of that callback only; this is how several servers have the same one.
freesmtp_error *freesmtp_server_share_token(freesmtp_server *server,
                                            const freesmtp_server *other);

/// Answers with a token, which is copied. The last answer counts.
freesmtp_error *freesmtp_token_answer_give(freesmtp_token_answer *answer, const char *token);

/// The same with the text's size.
freesmtp_error *freesmtp_token_answer_give_n(freesmtp_token_answer *answer,
                                             const char *token,
                                             size_t token_size);

/// Answers that no token could be had: `reason` is a sentence for a person, which the error of the send then holds.
freesmtp_error *freesmtp_token_answer_fail(freesmtp_token_answer *answer,
                                           const char *reason);

/// The same with the text's size.
freesmtp_error *freesmtp_token_answer_fail_n(freesmtp_token_answer *answer,
                                             const char *reason,
                                             size_t reason_size);

/* ---- Advanced: how the connection to a server is protected ----------------------------------------------- */

/// Sets how the connection is protected: a value of `enum freesmtp_security`.
freesmtp_error *freesmtp_server_set_security(freesmtp_server *server, int security);

/// Sets a PEM file of authorities to trust besides those of the system; empty for none.
freesmtp_error *freesmtp_server_set_ca_file(freesmtp_server *server, const char *path);

/// The same with the text's size.
freesmtp_error *freesmtp_server_set_ca_file_n(freesmtp_server *server, const char *path, size_t path_size);

/// Sets authorities to trust besides those of the system, as the text of a PEM file; empty for none.
freesmtp_error *freesmtp_server_set_ca_pem(freesmtp_server *server, const char *pem);

/// The same with the text's size.
freesmtp_error *freesmtp_server_set_ca_pem_n(freesmtp_server *server, const char *pem, size_t pem_size);

/// Sets the client certificate: a PEM file, with intermediate certificates behind it; or a PKCS#12 file. Empty
/// for none.
freesmtp_error *freesmtp_server_set_client_certificate(freesmtp_server *server,
                                                       const char *path);

/// The same with the text's size.
freesmtp_error *freesmtp_server_set_client_certificate_n(freesmtp_server *server,
                                                         const char *path,
                                                         size_t path_size);

/// Sets the private key of the client certificate: a PEM file, PKCS#8, not encrypted; empty, the default, when it is
/// in the file of the certificate.
freesmtp_error *freesmtp_server_set_client_key(freesmtp_server *server,
                                               const char *path);

/// The same with the text's size.
freesmtp_error *freesmtp_server_set_client_key_n(freesmtp_server *server, const char *path, size_t path_size);

/// Sets the password of a PKCS#12 file set as client certificate; empty for none.
freesmtp_error *freesmtp_server_set_client_certificate_password(freesmtp_server *server,
                                                                const char *password);

/// The same with the text's size.
freesmtp_error *freesmtp_server_set_client_certificate_password_n(freesmtp_server *server,
                                                                  const char *password,
                                                                  size_t password_size);

/// Adds a certificate that the server may have; without any, every valid one will do. SHA-256 in hexadecimal or base64:
/// `sha256/…` of the public key (RFC 7469), `cert-sha256:…` of the certificate, without a prefix either of them. A pin
/// replaces no other check, unless any certificate is taken otherwise.
freesmtp_error *freesmtp_server_add_certificate_pin(freesmtp_server *server,
                                                    const char *pin);

/// The same with the text's size.
freesmtp_error *freesmtp_server_add_certificate_pin_n(freesmtp_server *server,
                                                      const char *pin,
                                                      size_t pin_size);

/// Sets the name that the certificate must be for; empty, the default, means the server's name.
freesmtp_error *freesmtp_server_set_tls_server_name(freesmtp_server *server, const char *name);

/// The same with the text's size.
freesmtp_error *freesmtp_server_set_tls_server_name_n(freesmtp_server *server,
                                                      const char *name,
                                                      size_t name_size);

/// Sets the oldest TLS version accepted: a value of `enum freesmtp_min_tls_version`.
freesmtp_error *freesmtp_server_set_min_tls_version(freesmtp_server *server, int version);

/// Takes any certificate: whoever is on the way can read and change everything.
freesmtp_error *freesmtp_server_set_danger_accept_invalid_certs(freesmtp_server *server, bool accept);

/// Takes a certificate for any name: whoever has a certificate can be on the way.
freesmtp_error *freesmtp_server_set_danger_accept_invalid_hostnames(freesmtp_server *server, bool accept);

/// How the connection is protected, as set.
int freesmtp_server_security(const freesmtp_server *server);

/// How the connection is protected: as set, else by port, account and host; never `AUTO`.
int freesmtp_server_effective_security(const freesmtp_server *server);

/// The file of authorities; NULL when there is none. Owned.
char *freesmtp_server_ca_file(const freesmtp_server *server, size_t *size);

/// The file of the client certificate; NULL when there is none. Owned.
char *freesmtp_server_client_certificate(const freesmtp_server *server, size_t *size);

/// The file of its private key; NULL when there is none. Owned.
char *freesmtp_server_client_key(const freesmtp_server *server, size_t *size);

/// The name that the certificate must be for; empty for the server's name. Owned.
char *freesmtp_server_tls_server_name(const freesmtp_server *server, size_t *size);

/// The authorities given as the text of a PEM file; NULL when there are none. Owned.
char *freesmtp_server_ca_pem(const freesmtp_server *server, size_t *size);

/// How many certificates it may have; 0 for any that is valid.
size_t freesmtp_server_certificate_pin_count(const freesmtp_server *server);

/// The pin at `index`, counted from 0; NULL behind the last. Owned.
char *freesmtp_server_certificate_pin(const freesmtp_server *server, size_t index, size_t *size);

/// The oldest TLS version accepted: a value of `enum freesmtp_min_tls_version`.
int freesmtp_server_min_tls_version(const freesmtp_server *server);

/// Whether any certificate is taken.
bool freesmtp_server_danger_accept_invalid_certs(const freesmtp_server *server);

/// Whether a certificate for any name is taken.
bool freesmtp_server_danger_accept_invalid_hostnames(const freesmtp_server *server);

/* ---- Advanced: handing messages over to the agent -------------------------------------------------------- */

/// Sets the folder of the spool that messages are submitted to. An empty path means the usual place again:
/// `$FREESMTP_SPOOL`, else `/var/spool/freesmtp` for root, and for other users `freesmtp/spool` in `$XDG_STATE_HOME` or
/// in `~/.local/state`.
freesmtp_error *freesmtp_smtp_set_spool_path(freesmtp_smtp *smtp,
                                             const char *path);

/// The same with the text's size.
freesmtp_error *freesmtp_smtp_set_spool_path_n(freesmtp_smtp *smtp, const char *path, size_t path_size);

/// The folder of the spool that was set; NULL for the usual place. Owned.
char *freesmtp_smtp_spool_path(const freesmtp_smtp *smtp, size_t *size);

/// Sets how safe a message is when its id is given back: a value of `enum freesmtp_durability`.
freesmtp_error *freesmtp_smtp_set_spool_durability(freesmtp_smtp *smtp, int durability);

/// How safe a message is when its id is given back: a value of `enum freesmtp_durability`.
int freesmtp_smtp_spool_durability(const freesmtp_smtp *smtp);

/// Hands a message over to the agent (`freesmtp agent`), which delivers it in the background and tries until it is
/// delivered. No agent needs to run now, and no server of `smtp` is asked. The message is checked as
/// `freesmtp_smtp_send` does.
///
/// `path` is the folder of the spool, or NULL for that of the object. `id` has room for 26 characters and a NUL and gets
/// the message's id, or is NULL. A message whose call returned NULL survives a kill and a power cut (or what the
/// durability says); after an error it is not delivered. After a fork, the child goes on in a file of its own.
freesmtp_error *freesmtp_smtp_submit_to_spool(const freesmtp_smtp *smtp,
                                              const freesmtp_message *message,
                                              const char *path,
                                              char (*id)[27]);

/// Hands `count` messages over with one sync: all of them are durable, or there is an error and none of them is delivered.
/// The error says which message it is about.
///
/// `messages` are borrowed. `path` is the folder of the spool, or NULL for that of the object. `ids` has room for `count`
/// ids and gets them in the order of the messages, or is NULL.
freesmtp_error *freesmtp_smtp_submit_bulk(const freesmtp_smtp *smtp,
                                          const freesmtp_message *const *messages,
                                          size_t count,
                                          const char *path,
                                          char (*ids)[27]);

/// Writes to the disk what was submitted under `FREESMTP_DURABILITY_BATCH` so far.
freesmtp_error *freesmtp_smtp_sync_spool(const freesmtp_smtp *smtp);

/* ---- Advanced: many messages in one call ----------------------------------------------------------------- */

/// Sends any number of messages over up to `freesmtp_smtp_set_max_connections` connections, pipelined from one message
/// into the next, and returns when each has its result. Results come as they complete, not always in the order of the
/// messages. One failure never stops the others: NULL says that every result was given, or that `result` stopped the
/// bulk. An error is about the call itself, and no message was sent.
///
/// Both callbacks are called on the calling thread, never at the same time, with `user_data` as it is; they may send
/// with the same object, but must not change or let go of it. When `result` stops the bulk, it is not called again;
/// what is under way is cancelled, so that a message without a result may have been delivered or not. From another
/// thread, `freesmtp_smtp_cancel` makes the messages that have no result yet fail.
///
/// A message that a lost connection left untouched is sent over another one; one whose outcome is unknown is not. When
/// no session can be opened, the messages of the next seconds fail with the same error, without further attempts; after
/// a refused login all do.
freesmtp_error *freesmtp_smtp_send_bulk(const freesmtp_smtp *smtp,
                                        freesmtp_bulk_next next,
                                        freesmtp_bulk_result result,
                                        void *user_data);

/* ---- Advanced: a message for each row, many in one call -------------------------------------------------- */

/// `freesmtp_smtp_send_bulk` of one message for each row of a template. A row that lacks a field, or whose message is not
/// valid, has that error as its result.
freesmtp_error *freesmtp_smtp_send_bulk_merge(const freesmtp_smtp *smtp,
                                              const freesmtp_template *message_template,
                                              freesmtp_bulk_row next,
                                              freesmtp_bulk_result result,
                                              void *user_data);

/// The same with the texts' sizes.
freesmtp_error *freesmtp_smtp_send_bulk_merge_n(const freesmtp_smtp *smtp,
                                                const freesmtp_template *message_template,
                                                freesmtp_bulk_row_n next,
                                                freesmtp_bulk_result result,
                                                void *user_data);

/// `freesmtp_smtp_submit_bulk` of one message for each row of a template: all of them are durable, or there is an error,
/// which says which row it is about, and none of them is delivered. Then `submitted` takes the ids, in the order of the
/// rows, or is NULL. Both callbacks are called on the calling thread, with `user_data` as it is.
///
/// `path` is the folder of the spool, or NULL for that of the object.
freesmtp_error *freesmtp_smtp_submit_bulk_merge(const freesmtp_smtp *smtp,
                                                const freesmtp_template *message_template,
                                                freesmtp_bulk_row next,
                                                const char *path,
                                                freesmtp_submitted submitted,
                                                void *user_data);

/// The same with the texts' sizes.
freesmtp_error *freesmtp_smtp_submit_bulk_merge_n(const freesmtp_smtp *smtp,
                                                  const freesmtp_template *message_template,
                                                  freesmtp_bulk_row_n next,
                                                  const char *path,
                                                  freesmtp_submitted submitted,
                                                  void *user_data);

/* ---- Advanced: how far a message and a bulk are, and who does not get one -------------------------------- */

/// Tells a function how far each message is, after each piece of it and at its end, when both numbers are the same; NULL
/// ends it. A message that has to be sent again, over another connection or to further recipients, begins anew. What the
/// server answers comes after the last of these events.
///
/// `user_data` is handed to it as it is, and must be good until `release` is called, or for ever where `release` is NULL:
/// that may be later than this object is let go. When this call fails, `release` is not called.
freesmtp_error *freesmtp_smtp_on_status(freesmtp_smtp *smtp,
                                        freesmtp_status listener,
                                        void *user_data,
                                        freesmtp_release release);

/// Tells a function of each recipient who does not get a message, refused or put off; NULL ends it. It is called once what
/// came of the message is settled, before the send returns; not for a recipient that another server took after all, nor
/// where no server heard of it, nor where it is not known what became of the message: an error says so. `user_data` and
/// `release` are as with `freesmtp_smtp_on_status`.
freesmtp_error *freesmtp_smtp_on_recipient_failed(freesmtp_smtp *smtp,
                                                  freesmtp_recipient_failed listener,
                                                  void *user_data,
                                                  freesmtp_release release);

/// Tells a function how far a bulk is, once for each result, before the program gets it; NULL ends it. `user_data` and
/// `release` are as with `freesmtp_smtp_on_status`.
freesmtp_error *freesmtp_smtp_on_bulk_status(freesmtp_smtp *smtp,
                                             freesmtp_bulk_status listener,
                                             void *user_data,
                                             freesmtp_release release);

/* ---- Advanced: how much at once, and how fast ------------------------------------------------------------ */

/// Sets how many connections `freesmtp_smtp_send_bulk` uses at once: 1 or more; 1 at first.
freesmtp_error *freesmtp_smtp_set_max_connections(freesmtp_smtp *smtp, int connections);

/// Sets how many messages one connection carries; then it is ended with QUIT, and the next message has a new one.
/// 0, as it is at first, means any number.
freesmtp_error *freesmtp_smtp_set_max_messages_per_connection(freesmtp_smtp *smtp,
                                                              int64_t messages);

/// Sets the most messages per second; 0.5 is one in two seconds. It holds for all threads that send with this object or
/// its copies: each message waits until its turn has come, before anything is connected to. 0 or less, as it is at
/// first, means no limit; less than one message a day is refused.
freesmtp_error *freesmtp_smtp_set_rate_limit(freesmtp_smtp *smtp,
                                             double messages_per_second);

/// How many connections `freesmtp_smtp_send_bulk` uses at once.
int freesmtp_smtp_max_connections(const freesmtp_smtp *smtp);

/// How many messages one connection carries; 0 for any number.
int64_t freesmtp_smtp_max_messages_per_connection(const freesmtp_smtp *smtp);

/// The most messages per second; 0 for no limit.
double freesmtp_smtp_rate_limit(const freesmtp_smtp *smtp);

/* ---- The agent: what became of a message ----------------------------------------------------------------- */

/// Asks the agent (`freesmtp agent`) of the spool what became of a message, by the id that was given when it was
/// submitted. It knows what is in its queue, and what ended lately. The error is of kind `FREESMTP_ERROR_KIND_SPOOL` when
/// no agent runs, and when it does not know the id; its text says what to do. `*status` is owned:
/// `freesmtp_spool_status_free`.
freesmtp_error *freesmtp_spool_status_get(const freesmtp_smtp *smtp,
                                          const char *id,
                                          freesmtp_spool_status **status);

/// Waits until each recipient of a message has its result, or until `timeout` seconds are over (0: without a limit), and
/// gives what became of it until then. `cancel` ends it from another thread; it may be NULL. Errors are as those of
/// `freesmtp_spool_status_get`. `*status` is owned.
freesmtp_error *freesmtp_spool_wait(const freesmtp_smtp *smtp,
                                    const char *id,
                                    double timeout,
                                    const freesmtp_cancel *cancel,
                                    freesmtp_spool_status **status);

/// Lets go of it. NULL is allowed.
void freesmtp_spool_status_free(freesmtp_spool_status *status);

/// Its id. Borrowed.
const char *freesmtp_spool_status_id(const freesmtp_spool_status *status);

/// What it waits for: `ready` (a session, or it is being sent), `later` (its time), `held`, `paused` (its blast is), or
/// `done`. Borrowed.
const char *freesmtp_spool_status_state(const freesmtp_spool_status *status);

/// Its `Message-ID`, with angle brackets; empty when it has none, or ended longer ago. Borrowed.
const char *freesmtp_spool_status_message_id(const freesmtp_spool_status *status);

/// Its reverse-path; empty for the null one. Borrowed.
const char *freesmtp_spool_status_sender(const freesmtp_spool_status *status);

/// The blast it belongs to; empty for none. Borrowed.
const char *freesmtp_spool_status_blast(const freesmtp_spool_status *status);

/// When it was submitted: RFC 3339, UTC. Borrowed.
const char *freesmtp_spool_status_submitted(const freesmtp_spool_status *status);

/// When it is given up, as long as it waits: RFC 3339, UTC; else empty. Borrowed.
const char *freesmtp_spool_status_expires(const freesmtp_spool_status *status);

/// Whether each recipient has its result.
bool freesmtp_spool_status_is_done(const freesmtp_spool_status *status);

/// How many recipients it has.
uint64_t freesmtp_spool_status_recipients_total(const freesmtp_spool_status *status);

/// How many of them have no result yet.
uint64_t freesmtp_spool_status_recipients_open(const freesmtp_spool_status *status);

/// How many recipients are told of: at most a thousand, and none of a message that ended longer ago.
size_t freesmtp_spool_status_recipient_count(const freesmtp_spool_status *status);

/// The mailbox. NULL behind the last. Borrowed.
const char *freesmtp_spool_status_recipient_email(const freesmtp_spool_status *status, size_t index);

/// `ready`, `later`, `held`; or what became of it: `delivered`, `failed`, `expired`, `cancelled`. NULL behind the last.
/// Borrowed.
const char *freesmtp_spool_status_recipient_state(const freesmtp_spool_status *status,
                                                  size_t index);

/// When it is tried again: RFC 3339, UTC; empty when it is not. NULL behind the last. Borrowed.
const char *freesmtp_spool_status_recipient_next_attempt(const freesmtp_spool_status *status, size_t index);

/// The server that answered last: `mail.example.com:25`; empty when none did. NULL behind the last. Borrowed.
const char *freesmtp_spool_status_recipient_server(const freesmtp_spool_status *status, size_t index);

/// Its enhanced status code (RFC 3463), or empty. NULL behind the last. Borrowed.
const char *freesmtp_spool_status_recipient_enhanced_code(const freesmtp_spool_status *status, size_t index);

/// Its reply's text, or what happened. NULL behind the last. Borrowed.
const char *freesmtp_spool_status_recipient_reply_text(const freesmtp_spool_status *status, size_t index);

/// The identifier of the diagnosis; empty when nothing went wrong. NULL behind the last. Borrowed.
const char *freesmtp_spool_status_recipient_cause(const freesmtp_spool_status *status, size_t index);

/// What to do, a line for each way. NULL behind the last. Borrowed.
const char *freesmtp_spool_status_recipient_remedy(const freesmtp_spool_status *status, size_t index);

/// How many attempts were made.
uint32_t freesmtp_spool_status_recipient_attempts(const freesmtp_spool_status *status, size_t index);

/// The reply code of the server that answered last, or 0.
uint16_t freesmtp_spool_status_recipient_reply_code(const freesmtp_spool_status *status, size_t index);

/* ---- The agent: how far a blast is ----------------------------------------------------------------------- */

/// Asks the agent of the spool how far a blast is: all messages that were submitted under that name. Errors are as those
/// of `freesmtp_spool_status_get`. `*status` is owned: `freesmtp_blast_status_free`.
freesmtp_error *freesmtp_blast_status_get(const freesmtp_smtp *smtp,
                                          const char *name,
                                          freesmtp_blast_status **status);

/// Keeps the messages of a blast until it is resumed; those that are being sent are sent. `*status` is owned.
freesmtp_error *freesmtp_blast_pause(const freesmtp_smtp *smtp,
                                     const char *name,
                                     freesmtp_blast_status **status);

/// Lets a paused blast go on; one that was cancelled does not. `*status` is owned.
freesmtp_error *freesmtp_blast_resume(const freesmtp_smtp *smtp,
                                      const char *name,
                                      freesmtp_blast_status **status);

/// Takes all messages of a blast out that are not delivered; their senders get no reports. Those that are being sent are
/// sent. `*status` is owned.
freesmtp_error *freesmtp_blast_cancel(const freesmtp_smtp *smtp,
                                      const char *name,
                                      freesmtp_blast_status **status);

/// Waits until each recipient of a blast has its result, or until `timeout` seconds are over (0: without a limit), and
/// gives how far it is then. `cancel` ends it from another thread; it may be NULL. `*status` is owned.
freesmtp_error *freesmtp_blast_wait(const freesmtp_smtp *smtp,
                                    const char *name,
                                    double timeout,
                                    const freesmtp_cancel *cancel,
                                    freesmtp_blast_status **status);

/// Lets go of it. NULL is allowed.
void freesmtp_blast_status_free(freesmtp_blast_status *status);

/// Its name. Borrowed.
const char *freesmtp_blast_status_name(const freesmtp_blast_status *status);

/// `running`, `paused`, `cancelled`, or `done`: each recipient has its result. Borrowed.
const char *freesmtp_blast_status_state(const freesmtp_blast_status *status);

/// Whether each recipient has its result.
bool freesmtp_blast_status_is_done(const freesmtp_blast_status *status);

/// Messages that were submitted under its name.
uint64_t freesmtp_blast_status_messages(const freesmtp_blast_status *status);

/// Their recipients.
uint64_t freesmtp_blast_status_recipients(const freesmtp_blast_status *status);

/// Recipients without a result.
uint64_t freesmtp_blast_status_open(const freesmtp_blast_status *status);

/// Recipients whose server took the message.
uint64_t freesmtp_blast_status_delivered(const freesmtp_blast_status *status);

/// Open recipients that were put off at least once.
uint64_t freesmtp_blast_status_deferred(const freesmtp_blast_status *status);

/// Recipients that were refused for good.
uint64_t freesmtp_blast_status_failed(const freesmtp_blast_status *status);

/// Recipients whose time was over.
uint64_t freesmtp_blast_status_expired(const freesmtp_blast_status *status);

/// Recipients that were cancelled.
uint64_t freesmtp_blast_status_cancelled(const freesmtp_blast_status *status);

/// Recipients delivered per second, lately.
double freesmtp_blast_status_rate(const freesmtp_blast_status *status);

/// Seconds that it takes at this rate; negative when nothing says how long.
double freesmtp_blast_status_eta(const freesmtp_blast_status *status);

/* ---- The agent: what happens to recipients --------------------------------------------------------------- */

/// Gives what happens to recipients from now on to `callback`, on the calling thread, until it says no, which is success.
/// `blast` is the name of one, or NULL for all messages. When `cancel` is used, which may be NULL, the error is of kind
/// `FREESMTP_ERROR_KIND_CANCELLED`; when the agent ends, of kind `FREESMTP_ERROR_KIND_SPOOL`.
freesmtp_error *freesmtp_spool_events(const freesmtp_smtp *smtp,
                                      const char *blast,
                                      freesmtp_spool_event_callback callback,
                                      void *user_data,
                                      const freesmtp_cancel *cancel);

/// `delivered`, `deferred` (it is tried again), `bounced` (refused for good), `expired`, `cancelled`, or `lost`: events
/// were missed, because they were taken too slowly. Borrowed.
const char *freesmtp_spool_event_kind(const freesmtp_spool_event *event);

/// The same when the same event is told again. Borrowed.
const char *freesmtp_spool_event_key(const freesmtp_spool_event *event);

/// When: RFC 3339, UTC, milliseconds. Borrowed.
const char *freesmtp_spool_event_at(const freesmtp_spool_event *event);

/// The message's id in the spool. Borrowed.
const char *freesmtp_spool_event_id(const freesmtp_spool_event *event);

/// Its `Message-ID`. Borrowed.
const char *freesmtp_spool_event_message_id(const freesmtp_spool_event *event);

/// Its reverse-path; empty for the null one. Borrowed.
const char *freesmtp_spool_event_sender(const freesmtp_spool_event *event);

/// The recipient. Borrowed.
const char *freesmtp_spool_event_recipient(const freesmtp_spool_event *event);

/// The blast; empty for none. Borrowed.
const char *freesmtp_spool_event_blast(const freesmtp_spool_event *event);

/// The server, or empty. Borrowed.
const char *freesmtp_spool_event_server(const freesmtp_spool_event *event);

/// Its enhanced status code (RFC 3463), or empty. Borrowed.
const char *freesmtp_spool_event_enhanced_code(const freesmtp_spool_event *event);

/// Its reply's text, or what happened. Borrowed.
const char *freesmtp_spool_event_reply_text(const freesmtp_spool_event *event);

/// The identifier of the diagnosis, or empty. Borrowed.
const char *freesmtp_spool_event_cause(const freesmtp_spool_event *event);

/// What to do. Borrowed.
const char *freesmtp_spool_event_remedy(const freesmtp_spool_event *event);

/// When it is tried again: RFC 3339; empty when it is not. Borrowed.
const char *freesmtp_spool_event_next_attempt(const freesmtp_spool_event *event);

/// The reply code, or 0.
uint16_t freesmtp_spool_event_reply_code(const freesmtp_spool_event *event);

/// Which attempt it was, counted from 1; 0 when none was made.
uint32_t freesmtp_spool_event_attempt(const freesmtp_spool_event *event);

/// The message was sent whole and no answer came: it may have been delivered.
bool freesmtp_spool_event_is_unknown(const freesmtp_spool_event *event);

/// How many events were missed, for `lost`.
uint64_t freesmtp_spool_event_count(const freesmtp_spool_event *event);

/* ---- Advanced: ending one operation from another thread -------------------------------------------------- */

/// A cancel that nobody has used yet. Owned: `freesmtp_cancel_free`.
freesmtp_cancel *freesmtp_cancel_new(void);

/// Lets go of it; an operation that still uses it goes on. NULL is allowed.
void freesmtp_cancel_free(freesmtp_cancel *cancel);

/// Ends the operation, from any thread: it fails with `FREESMTP_ERROR_KIND_CANCELLED`, or with
/// `FREESMTP_ERROR_KIND_OUTCOME_UNKNOWN` when the whole message had been sent already.
/// Once used it stays cancelled.
void freesmtp_cancel_trigger(const freesmtp_cancel *cancel);

/// Whether `freesmtp_cancel_trigger` was called.
bool freesmtp_cancel_is_triggered(const freesmtp_cancel *cancel);

/* ---- Checks: looking at a server without sending mail ---------------------------------------------------- */

/// Looks at a server without sending mail: addresses, connections, greeting, extensions, TLS, login, and what it says to
/// a sender and recipients; and at the records of the sender's domain. `options` may be NULL. What is wrong with the
/// server or the domain is no error but a step of the report. `*report` is owned: `freesmtp_check_report_free`.
freesmtp_error *freesmtp_check(const freesmtp_smtp *smtp,
                               const freesmtp_check_options *options,
                               freesmtp_check_report **report);

/// Like `freesmtp_check`, and `cancel` ends it from another thread.
freesmtp_error *freesmtp_check_with(const freesmtp_smtp *smtp,
                                    const freesmtp_check_options *options,
                                    const freesmtp_cancel *cancel,
                                    freesmtp_check_report **report);

/// Lets go of it. NULL is allowed.
void freesmtp_check_report_free(freesmtp_check_report *report);

/// The server as it was named in the settings, and its port. Borrowed.
const char *freesmtp_check_report_server(const freesmtp_check_report *report);

/// The worst of the steps: `ok`, `warning` or `failed`. Borrowed.
const char *freesmtp_check_report_status(const freesmtp_check_report *report);

/// What it comes to, in one sentence. Borrowed.
const char *freesmtp_check_report_summary(const freesmtp_check_report *report);

/// The whole report as a person reads it, at most 80 columns wide. Borrowed.
const char *freesmtp_check_report_text(const freesmtp_check_report *report);

/// Whether it failed, and the same check may end better later without a change.
bool freesmtp_check_report_is_temporary(const freesmtp_check_report *report);

/// How many seconds it took.
double freesmtp_check_report_elapsed(const freesmtp_check_report *report);

/// How many warnings there are.
size_t freesmtp_check_report_warning_count(const freesmtp_check_report *report);

/// Trouble that is none of the server's: a log that could not be written. NULL behind the last. Borrowed.
const char *freesmtp_check_report_warning(const freesmtp_check_report *report, size_t index);

/// How many lines the conversation has.
size_t freesmtp_check_report_transcript_count(const freesmtp_check_report *report);

/// One line of the conversation, secrets removed, oldest first; NULL behind the last. Borrowed.
const char *freesmtp_check_report_transcript_line(const freesmtp_check_report *report, size_t index);

/// How many steps there are; those that were skipped count.
size_t freesmtp_check_report_step_count(const freesmtp_check_report *report);

/// What the step at `index` looks at: `dns`, `connect`, `greeting`, `ehlo`, `tls`, `auth`, `envelope`, `limits`, `mx`,
/// `spf`, `dkim`, `dmarc`; NULL behind the last. Borrowed.
const char *freesmtp_check_report_step_name(const freesmtp_check_report *report,
                                            size_t index);

/// How it ended: `ok`, `warning`, `failed` or `skipped`; NULL behind the last. Borrowed.
const char *freesmtp_check_report_step_status(const freesmtp_check_report *report, size_t index);

/// One sentence for a person; NULL behind the last. Borrowed.
const char *freesmtp_check_report_step_summary(const freesmtp_check_report *report, size_t index);

/// Whether the same check may end better later.
bool freesmtp_check_report_step_is_temporary(const freesmtp_check_report *report, size_t index);

/// Why, who must act, what to do, on warnings and failures; else NULL. Borrowed.
const freesmtp_diagnosis *freesmtp_check_report_step_diagnosis(const freesmtp_check_report *report,
                                                               size_t index);

/// How many facts the step at `step` found.
size_t freesmtp_check_report_fact_count(const freesmtp_check_report *report, size_t step);

/// The name of a fact, such as `address`; a name may stand several times. NULL behind the last. Borrowed.
const char *freesmtp_check_report_fact_name(const freesmtp_check_report *report, size_t step, size_t index);

/// Its value; NULL behind the last. Borrowed.
const char *freesmtp_check_report_fact_value(const freesmtp_check_report *report, size_t step, size_t index);

/* ---- Advanced: explaining a reply that another program got ----------------------------------------------- */

/// Explains a refusal: `reply` as it stood on the wire (`550 5.7.1 Relaying denied`, several lines separated by LF)
/// or in the words of a client's failure; `stage` (`RCPT`, `AUTH` …) or NULL; `context` or NULL.
/// The more is known, the better the diagnosis. `*diagnosis` is owned: `freesmtp_diagnosis_free`.
freesmtp_error *freesmtp_diagnose(const char *reply,
                                  const char *stage,
                                  const freesmtp_context *context,
                                  freesmtp_diagnosis **diagnosis);

/* ---- Advanced: explaining a conversation that somebody wrote down ---------------------------------------- */

/// Explains every failure in a transcript: a log of this library, of another client or of a mail server, a bounce
/// (RFC 3464), an exception's text, or a bare reply. What holds no failure gives none.
/// `*explanations` is owned: `freesmtp_explanations_free`.
freesmtp_error *freesmtp_explain(const char *transcript,
                                 freesmtp_explanations **explanations);

/// The same with the text's size.
freesmtp_error *freesmtp_explain_n(const char *transcript,
                                   size_t transcript_size,
                                   freesmtp_explanations **explanations);

/// Lets go of it. NULL is allowed.
void freesmtp_explanations_free(freesmtp_explanations *explanations);

/// How many failures there are.
size_t freesmtp_explanations_count(const freesmtp_explanations *explanations);

/// The line of the transcript where the failure at `index` stands, from 1; 0 behind the last.
size_t freesmtp_explanations_line(const freesmtp_explanations *explanations, size_t index);

/// The phase by its stable name: `RCPT`, `AUTH` …; NULL where the transcript does not show it. Borrowed.
const char *freesmtp_explanations_stage(const freesmtp_explanations *explanations, size_t index);

/// The server's name; NULL where it is not known. Borrowed.
const char *freesmtp_explanations_host(const freesmtp_explanations *explanations, size_t index);

/// The sender of the transaction; NULL where it is not known. Borrowed.
const char *freesmtp_explanations_sender(const freesmtp_explanations *explanations, size_t index);

/// The recipient in question; NULL where there is none. Borrowed.
const char *freesmtp_explanations_recipient(const freesmtp_explanations *explanations, size_t index);

/// The code of the reply that refused; 0 for a failure that the client noticed.
int freesmtp_explanations_reply_code(const freesmtp_explanations *explanations, size_t index);

/// Its text, codes left out, lines joined by LF; NULL behind the last. Borrowed.
const char *freesmtp_explanations_reply_text(const freesmtp_explanations *explanations, size_t index);

/// Why, who must act, what to do; NULL behind the last. Borrowed.
const freesmtp_diagnosis *freesmtp_explanations_diagnosis(const freesmtp_explanations *explanations,
                                                          size_t index);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* FREESMTP_H */
