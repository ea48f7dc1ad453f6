/* The C driver of the test suite: see tests/drivers/README.md. */

/* getline(), open_memstream() */
#define _POSIX_C_SOURCE 200809L

#include "answer.h"
#include "bulk.h"
#include "cancel.h"
#include "job.h"
#include "told.h"

/* What the lines of a job work on, and the second parts that wait for their line. */
struct state {
    freesmtp_smtp *smtp;
    freesmtp_server *server;
    freesmtp_message *message;
    char *recipient_name, *attachment_name, *content_id, *header_name;
    size_t recipient_name_size, attachment_name_size, content_id_size, header_name_size;
    char *dkim_domain, *selector, *dkim_identity, *dkim_headers, *dkim_oversigned, *calendar_method,
        *calendar_file_name;
    size_t dkim_domain_size, selector_size, dkim_identity_size, dkim_headers_size, dkim_oversigned_size,
        calendar_method_size, calendar_file_name_size;
    long repeat;
    /* The options of the next check; what they point to is kept here. */
    freesmtp_check_options checking;
    char *from, *dkim_selector, *outgoing_ip, *dns;
    char *to[16];
    struct bulk bulk;
    struct ending ending;
};

struct name {
    const char *text;
    int number;
};

static const struct name SECURITY[] = {
    {"none", FREESMTP_SECURITY_NONE},         {"opportunistic", FREESMTP_SECURITY_OPPORTUNISTIC},
    {"required", FREESMTP_SECURITY_REQUIRED}, {"implicit", FREESMTP_SECURITY_IMPLICIT},
    {"auto", FREESMTP_SECURITY_AUTO},         {NULL, 0},
};

static const struct name MIN_TLS_VERSION[] = {
    {"1.0", FREESMTP_MIN_TLS_VERSION_TLS10},
    {"1.1", FREESMTP_MIN_TLS_VERSION_TLS11},
    {"1.2", FREESMTP_MIN_TLS_VERSION_TLS12},
    {NULL, 0},
};

static const struct name AUTH_MODE[] = {
    {"none", FREESMTP_AUTH_MODE_NONE},
    {"login", FREESMTP_AUTH_MODE_AUTH_LOGIN},
    {"cram-md5", FREESMTP_AUTH_MODE_CRAM_MD5},
    {"sasl", FREESMTP_AUTH_MODE_SASL},
    {"plain", FREESMTP_AUTH_MODE_PLAIN},
    {"digest-md5", FREESMTP_AUTH_MODE_DIGEST_MD5},
    {"scram-sha-1", FREESMTP_AUTH_MODE_SCRAM_SHA1},
    {"scram-sha-256", FREESMTP_AUTH_MODE_SCRAM_SHA256},
    {"scram-sha-512", FREESMTP_AUTH_MODE_SCRAM_SHA512},
    {"scram-md5", FREESMTP_AUTH_MODE_SCRAM_MD5},
    {"ntlm", FREESMTP_AUTH_MODE_NTLM},
    {"xoauth2", FREESMTP_AUTH_MODE_XOAUTH2},
    {"oauthbearer", FREESMTP_AUTH_MODE_OAUTHBEARER},
    {"external", FREESMTP_AUTH_MODE_EXTERNAL},
    {"anonymous", FREESMTP_AUTH_MODE_ANONYMOUS},
    {"auto", FREESMTP_AUTH_MODE_AUTO},
    {NULL, 0},
};

static int number_of(const struct name *names, const struct line *line) {
    for (; names->text != NULL; names++)
        if (strcmp(names->text, line->value) == 0)
            return names->number;
    job_fault("no such value", line->value);
    return -1;
}

static int is(const struct line *line, const char *key) { return strcmp(line->key, key) == 0; }

/* Answers with the next of the tokens that are left, separated by commas. */
static void give_token(void *user_data, bool refresh, freesmtp_token_answer *answer) {
    char **left = user_data;
    freesmtp_error *error;
    (void)refresh;
    if (**left == '\0') {
        error = freesmtp_token_answer_fail(answer, "no more tokens");
    } else {
        const size_t size = strcspn(*left, ",");
        error = freesmtp_token_answer_give_n(answer, *left, size);
        *left += size + ((*left)[size] == ',');
    }
    freesmtp_error_free(error);
}

/* The place in the tokens, and behind it the tokens themselves. */
static freesmtp_error *set_tokens(freesmtp_server *server, const struct line *line) {
    char **left = malloc(sizeof *left + line->size + 1);
    if (left == NULL)
        job_fault("memory", "too little");
    *left = memcpy(left + 1, line->value, line->size + 1);
    return freesmtp_server_set_token_callback(server, give_token, left, free);
}

/* One after the other, separated by commas. */
static freesmtp_error *add_each(freesmtp_server *server, const char *words,
                                freesmtp_error *(*add)(freesmtp_server *, const char *, size_t)) {
    freesmtp_error *error = NULL;
    while (error == NULL && *words != '\0') {
        const size_t size = strcspn(words, ",");
        error = add(server, words, size);
        words += size + (words[size] == ',');
    }
    return error;
}

static freesmtp_error *server_line(struct state *s, const struct line *line) {
    const char *key = line->key + strlen("server.");
    const struct setter {
        const char *key;
        freesmtp_error *(*set)(freesmtp_server *, const char *, size_t);
    } texts[] = {
        {"account", freesmtp_server_set_account_n},
        {"password", freesmtp_server_set_password_n},
        {"sasl", freesmtp_server_set_sasl_n},
        {"token", freesmtp_server_set_token_n},
        {"proxy", freesmtp_server_set_proxy_n},
        {"localendpoint", freesmtp_server_set_local_end_point_n},
        {"mailauth", freesmtp_server_set_mail_auth_n},
        {"capem", freesmtp_server_set_ca_pem_n},
        {"clientcertificatepassword", freesmtp_server_set_client_certificate_password_n},
        {"clientcertificate", freesmtp_server_set_client_certificate_n},
        {"clientkey", freesmtp_server_set_client_key_n},
        {"cafile", freesmtp_server_set_ca_file_n},
        {"tlsservername", freesmtp_server_set_tls_server_name_n},
    };
    if (strcmp(key, "host") == 0) {
        freesmtp_server_free(s->server);
        s->server = freesmtp_server_new();
        return freesmtp_server_set_name_n(s->server, line->value, line->size);
    }
    for (size_t at = 0; at < sizeof texts / sizeof *texts; at++)
        if (strcmp(key, texts[at].key) == 0)
            return texts[at].set(s->server, line->value, line->size);
    if (strcmp(key, "tokens") == 0)
        return set_tokens(s->server, line);
    if (strcmp(key, "disabledextensions") == 0)
        return add_each(s->server, line->value, freesmtp_server_add_disabled_extension_n);
    if (strcmp(key, "lmtp") == 0)
        return freesmtp_server_set_lmtp(s->server, job_truth(line));
    if (strcmp(key, "certificatepins") == 0)
        return add_each(s->server, line->value, freesmtp_server_add_certificate_pin_n);
    if (strcmp(key, "mintlsversion") == 0)
        return freesmtp_server_set_min_tls_version(s->server, number_of(MIN_TLS_VERSION, line));
    if (strcmp(key, "port") == 0)
        return freesmtp_server_set_port(s->server, (int)job_number(line));
    if (strcmp(key, "timeout") == 0)
        return freesmtp_server_set_timeout(s->server, (double)job_number(line));
    if (strcmp(key, "security") == 0)
        return freesmtp_server_set_security(s->server, number_of(SECURITY, line));
    if (strcmp(key, "authmode") == 0)
        return freesmtp_server_set_auth_mode(s->server, number_of(AUTH_MODE, line));
    if (strcmp(key, "allowplaintextauth") == 0)
        return freesmtp_server_set_allow_plaintext_auth(s->server, job_truth(line));
    if (strcmp(key, "dangeracceptinvalidcerts") == 0)
        return freesmtp_server_set_danger_accept_invalid_certs(s->server, job_truth(line));
    if (strcmp(key, "dangeracceptinvalidhostnames") == 0)
        return freesmtp_server_set_danger_accept_invalid_hostnames(s->server, job_truth(line));
    if (strcmp(key, "add") == 0)
        return freesmtp_smtp_add_server(s->smtp, s->server);
    job_fault("unknown key", line->key);
    return NULL;
}

/* Keeps the second part of something, for the line that adds it. */
static int kept(struct state *s, const struct line *line) {
    const struct part {
        const char *key;
        char **text;
        size_t *size;
    } parts[] = {
        {"recipient.name", &s->recipient_name, &s->recipient_name_size},
        {"attachment.name", &s->attachment_name, &s->attachment_name_size},
        {"embedded.cid", &s->content_id, &s->content_id_size},
        {"header.name", &s->header_name, &s->header_name_size},
        {"dkim.domain", &s->dkim_domain, &s->dkim_domain_size},
        {"dkim.selector", &s->selector, &s->selector_size},
        {"dkim.identity", &s->dkim_identity, &s->dkim_identity_size},
        {"dkim.headers", &s->dkim_headers, &s->dkim_headers_size},
        {"dkim.oversigned", &s->dkim_oversigned, &s->dkim_oversigned_size},
        {"calendar.method", &s->calendar_method, &s->calendar_method_size},
        {"calendar.filename", &s->calendar_file_name, &s->calendar_file_name_size},
    };
    for (size_t at = 0; at < sizeof parts / sizeof *parts; at++)
        if (is(line, parts[at].key)) {
            *parts[at].text = job_keep(*parts[at].text, line);
            *parts[at].size = line->size;
            return 1;
        }
    return 0;
}

static void forget(char **part, size_t *size) {
    free(*part);
    *part = NULL;
    *size = 0;
}

static freesmtp_error *add_recipient(struct state *s, const struct line *line, int type) {
    freesmtp_error *error = freesmtp_message_add_recipient_n(s->message, line->value, line->size, s->recipient_name,
                                                             s->recipient_name_size, type);
    forget(&s->recipient_name, &s->recipient_name_size);
    return error;
}

/* The same for the extensions that may be left out; they take the place of the default. */
static freesmtp_error *set_optional_extensions(freesmtp_message *message, const char *keywords) {
    freesmtp_error *error = freesmtp_message_clear_optional_extensions(message);
    while (error == NULL && *keywords != '\0') {
        const size_t size = strcspn(keywords, ",");
        error = freesmtp_message_add_optional_extension_n(message, keywords, size);
        keywords += size + (keywords[size] == ',');
    }
    return error;
}

/* Sets a delivery option of the message, or of the recipient added last; 0 when the key is none of these. */
static int delivery_line(struct state *s, const struct line *line, freesmtp_error **error) {
    freesmtp_message *const m = s->message;
    const size_t last = freesmtp_message_recipient_count(m) - 1;
    if (is(line, "envelopeid"))
        *error = freesmtp_message_set_envelope_id_n(m, line->value, line->size);
    else if (is(line, "returncontent"))
        *error = freesmtp_message_set_return_content(m, (int)job_number(line));
    else if (is(line, "requiretls"))
        *error = freesmtp_message_set_require_tls(m, job_truth(line));
    else if (is(line, "deliverby"))
        *error = freesmtp_message_set_deliver_by(m, (uint32_t)job_number(line));
    else if (is(line, "deliverbymode"))
        *error = freesmtp_message_set_deliver_by_mode(m, (int)job_number(line));
    else if (is(line, "deliverbytrace"))
        *error = freesmtp_message_set_deliver_by_trace(m, job_truth(line));
    else if (is(line, "holdfor"))
        *error = freesmtp_message_set_hold_for(m, (uint32_t)job_number(line));
    else if (is(line, "holduntil"))
        *error = freesmtp_message_set_hold_until(m, job_number(line));
    else if (is(line, "notbefore"))
        *error = freesmtp_message_set_not_before(m, job_number(line));
    else if (is(line, "expires"))
        *error = freesmtp_message_set_expires(m, job_number(line));
    else if (is(line, "spoolpriority"))
        *error = freesmtp_message_set_spool_priority(m, (int)job_number(line));
    else if (is(line, "blast"))
        *error = freesmtp_message_set_blast_n(m, line->value, line->size);
    else if (is(line, "idempotencykey"))
        *error = freesmtp_message_set_idempotency_key_n(m, line->value, line->size);
    else if (is(line, "mtpriority"))
        *error = freesmtp_message_set_mt_priority(m, (int8_t)job_number(line));
    else if (is(line, "optionalextensions"))
        *error = set_optional_extensions(m, line->value);
    else if (is(line, "recipient.notify"))
        *error = freesmtp_message_set_recipient_notify(m, last, (int)job_number(line));
    else if (is(line, "recipient.originalrecipient"))
        *error = freesmtp_message_set_recipient_original_recipient_n(m, last, line->value, line->size);
    else if (is(line, "recipient.validsince"))
        *error = freesmtp_message_set_recipient_valid_since(m, last, job_number(line));
    else if (is(line, "recipient.validsinceaction"))
        *error = freesmtp_message_set_recipient_valid_since_action(m, last, (int)job_number(line));
    else
        return 0;
    return 1;
}

static int64_t read_file(void *file, void *buffer, size_t size) {
    const size_t got = fread(buffer, 1, size, file);
    return ferror((FILE *)file) ? -1 : (int64_t)got;
}

static void close_file(void *file) { fclose(file); }

static freesmtp_error *add_part(struct state *s, struct line *line) {
    freesmtp_error *error = NULL;
    const char *name = s->attachment_name;
    const size_t name_size = s->attachment_name_size;
    if (is(line, "attachment.file")) {
        error = freesmtp_message_add_attachment_n(s->message, line->value, line->size, name, name_size);
        forget(&s->attachment_name, &s->attachment_name_size);
    } else if (is(line, "attachment.stream")) {
        FILE *file = fopen(line->value, "rb");
        if (!file)
            job_fault("no such file", line->value);
        error = freesmtp_message_add_attachment_stream_n(s->message, read_file, file, close_file, -1, name, name_size);
        if (error)
            fclose(file);
        forget(&s->attachment_name, &s->attachment_name_size);
    } else if (is(line, "attachment.bytes")) {
        const size_t size = job_base64(line);
        error = freesmtp_message_add_attachment_bytes_n(s->message, line->value, size, name, name_size);
        forget(&s->attachment_name, &s->attachment_name_size);
    } else if (is(line, "embedded.file")) {
        error = freesmtp_message_add_embedded_object_n(s->message, line->value, line->size, s->content_id,
                                                       s->content_id_size);
        forget(&s->content_id, &s->content_id_size);
    } else if (is(line, "header.value")) {
        error = freesmtp_message_add_custom_header_n(s->message, s->header_name, s->header_name_size, line->value,
                                                     line->size);
        forget(&s->header_name, &s->header_name_size);
    } else {
        job_fault("unknown key", line->key);
    }
    return error;
}

/* Sets a list of a signer to names that commas separate. */
static freesmtp_error *set_names(freesmtp_signer *signer,
                                 freesmtp_error *(*set)(freesmtp_signer *, const char *const *, const size_t *, size_t),
                                 const char *text, size_t size) {
    enum { MOST = 32 };
    const char *names[MOST];
    size_t sizes[MOST], count = 0;
    for (const char *at = text, *const end = text + size; at < end; count++) {
        if (count == MOST)
            job_fault("too many names", text);
        const char *const comma = memchr(at, ',', (size_t)(end - at));
        names[count] = at;
        sizes[count] = (size_t)((comma == NULL ? end : comma) - at);
        at += sizes[count] + 1;
    }
    return set(signer, names, sizes, count);
}

/* Signs with the key of the line. */
static freesmtp_error *add_signer(struct state *s, const struct line *line) {
    freesmtp_signer *signer = NULL;
    freesmtp_error *error = freesmtp_signer_new_n(s->dkim_domain, s->dkim_domain_size, s->selector, s->selector_size,
                                                  line->value, line->size, &signer);
    if (error == NULL && s->dkim_identity != NULL)
        error = freesmtp_signer_set_identity_n(signer, s->dkim_identity, s->dkim_identity_size);
    if (error == NULL && s->dkim_headers != NULL)
        error = set_names(signer, freesmtp_signer_set_headers_n, s->dkim_headers, s->dkim_headers_size);
    if (error == NULL && s->dkim_oversigned != NULL)
        error = set_names(signer, freesmtp_signer_set_oversigned_n, s->dkim_oversigned, s->dkim_oversigned_size);
    if (error == NULL)
        error = freesmtp_message_add_signer(s->message, signer);
    freesmtp_signer_free(signer);
    forget(&s->dkim_domain, &s->dkim_domain_size);
    forget(&s->selector, &s->selector_size);
    forget(&s->dkim_identity, &s->dkim_identity_size);
    forget(&s->dkim_headers, &s->dkim_headers_size);
    forget(&s->dkim_oversigned, &s->dkim_oversigned_size);
    return error;
}

static freesmtp_error *set_calendar(struct state *s, const struct line *line) {
    freesmtp_error *error = freesmtp_message_set_calendar_n(s->message, line->value, line->size, s->calendar_method,
                                                            s->calendar_method_size, s->calendar_file_name,
                                                            s->calendar_file_name_size);
    forget(&s->calendar_method, &s->calendar_method_size);
    forget(&s->calendar_file_name, &s->calendar_file_name_size);
    return error;
}

/* Whom it answers, how to unsubscribe, who signs, what is invited to; 0 when the key is none of these. */
static int purpose_line(struct state *s, const struct line *line, freesmtp_error **error) {
    freesmtp_message *const m = s->message;
    if (is(line, "inreplyto"))
        *error = freesmtp_message_add_in_reply_to_n(m, line->value, line->size);
    else if (is(line, "reference"))
        *error = freesmtp_message_add_reference_n(m, line->value, line->size);
    else if (is(line, "autosubmitted"))
        *error = freesmtp_message_set_auto_submitted(m, (int)job_number(line));
    else if (is(line, "listunsubscribe"))
        *error = freesmtp_message_add_list_unsubscribe_n(m, line->value, line->size);
    else if (is(line, "listunsubscribe.oneclick"))
        *error = freesmtp_message_set_list_unsubscribe_one_click(m, job_truth(line));
    else if (is(line, "dkim.key"))
        *error = add_signer(s, line);
    else if (is(line, "calendar.text"))
        *error = set_calendar(s, line);
    else if (is(line, "attachment.contenttype"))
        *error = freesmtp_message_set_attachment_content_type_n(m, freesmtp_message_attachment_count(m) - 1,
                                                                line->value, line->size);
    else if (is(line, "embedded.contenttype"))
        *error = freesmtp_message_set_embedded_object_content_type_n(m, freesmtp_message_embedded_object_count(m) - 1,
                                                                     line->value, line->size);
    else
        return 0;
    return 1;
}

static freesmtp_error *message_line(struct state *s, struct line *line) {
    const struct setter {
        const char *key;
        freesmtp_error *(*set)(freesmtp_message *, const char *, size_t);
    } texts[] = {
        {"from.email", freesmtp_message_set_from_n},          {"from.name", freesmtp_message_set_from_name_n},
        {"sender.email", freesmtp_message_set_sender_n},      {"sender.name", freesmtp_message_set_sender_name_n},
        {"replyto.email", freesmtp_message_set_reply_to_n},   {"replyto.name", freesmtp_message_set_reply_to_name_n},
        {"returnpath", freesmtp_message_set_return_path_n},   {"subject", freesmtp_message_set_subject_n},
        {"messageid", freesmtp_message_set_message_id_n},     {"charset", freesmtp_message_set_charset_encoding_n},
    };
    for (size_t at = 0; at < sizeof texts / sizeof *texts; at++)
        if (is(line, texts[at].key))
            return texts[at].set(s->message, line->value, line->size);
    if (kept(s, line))
        return NULL;
    freesmtp_error *error = NULL;
    if (delivery_line(s, line, &error) || purpose_line(s, line, &error))
        return error;
    if (is(line, "message.new")) {
        freesmtp_message_free(s->message);
        s->message = freesmtp_message_new();
        return NULL;
    }
    if (is(line, "priority"))
        return freesmtp_message_set_priority(s->message, (int)job_number(line));
    if (is(line, "recipient.to"))
        return add_recipient(s, line, FREESMTP_RECIPIENT_TYPE_TO);
    if (is(line, "recipient.cc"))
        return add_recipient(s, line, FREESMTP_RECIPIENT_TYPE_CC);
    if (is(line, "recipient.bcc"))
        return add_recipient(s, line, FREESMTP_RECIPIENT_TYPE_BCC);
    if (is(line, "text"))
        return freesmtp_message_add_body_part_n(s->message, line->value, line->size, FREESMTP_BODY_PART_FORMAT_PLAIN,
                                                FREESMTP_BODY_PART_ENCODING_AUTO);
    if (is(line, "html"))
        return freesmtp_message_add_body_part_n(s->message, line->value, line->size, FREESMTP_BODY_PART_FORMAT_HTML,
                                                FREESMTP_BODY_PART_ENCODING_AUTO);
    return add_part(s, line);
}

/* The options of the next check; the API takes them with the check itself. */
static void check_line(struct state *s, const struct line *line) {
    const char *key = line->key + strlen("check.");
    if (strcmp(key, "from") == 0)
        s->checking.from = s->from = job_keep(s->from, line);
    else if (strcmp(key, "dkimselector") == 0)
        s->checking.dkim_selector = s->dkim_selector = job_keep(s->dkim_selector, line);
    else if (strcmp(key, "outgoingip") == 0)
        s->checking.outgoing_ip = s->outgoing_ip = job_keep(s->outgoing_ip, line);
    else if (strcmp(key, "dns") == 0)
        s->checking.dns = s->dns = job_keep(s->dns, line);
    else if (strcmp(key, "timeout") == 0)
        s->checking.timeout = (double)job_number(line);
    else if (strcmp(key, "server") == 0)
        s->checking.server = (size_t)job_number(line);
    else if (strcmp(key, "to") == 0 && s->checking.to_count < sizeof s->to / sizeof *s->to)
        s->to[s->checking.to_count++] = job_keep(NULL, line);
    else
        job_fault("unknown key", line->key);
}

static void forget_check(struct state *s) {
    free(s->from);
    free(s->dkim_selector);
    free(s->outgoing_ip);
    free(s->dns);
    s->from = s->dkim_selector = s->outgoing_ip = s->dns = NULL;
    for (size_t at = 0; at < s->checking.to_count; at++)
        free(s->to[at]);
    s->checking = (freesmtp_check_options){.struct_size = sizeof s->checking};
}

static freesmtp_error *check_server(struct state *s) {
    freesmtp_check_report *report = NULL;
    s->checking.to = (const char *const *)s->to;
    freesmtp_error *error = freesmtp_check(s->smtp, &s->checking, &report);
    if (error == NULL)
        print_check(report);
    freesmtp_check_report_free(report);
    forget_check(s);
    return error;
}

static void send_message(struct state *s) {
    const long sends = s->repeat;
    s->repeat = 1;
    freesmtp_report *report = NULL;
    freesmtp_error *error = NULL;
    const freesmtp_cancel *cancel = ending_begin(&s->ending, s->smtp);
    for (long sent = 0; sent < sends && error == NULL; sent++) {
        freesmtp_report_free(report);
        error = cancel != NULL ? freesmtp_smtp_send_with(s->smtp, s->message, cancel, &report)
                               : freesmtp_smtp_send(s->smtp, s->message, &report);
    }
    ending_end(&s->ending);
    if (error != NULL) {
        print_error(error, "send", -1);
        freesmtp_error_free(error);
        return;
    }
    print_report(report, "send", sends, -1);
    freesmtp_report_free(report);
}

/* Carries out one line; the error of a line that sets or adds. */
static freesmtp_error *carry_out(struct state *s, struct line *line) {
    if (strncmp(line->key, "server.", strlen("server.")) == 0)
        return server_line(s, line);
    if (strncmp(line->key, "check.", strlen("check.")) == 0) {
        check_line(s, line);
        return NULL;
    }
    if (is(line, "check"))
        return check_server(s);
    if (is(line, "smtp.defaultdomain"))
        return freesmtp_smtp_set_default_domain_n(s->smtp, line->value, line->size);
    if (is(line, "smtp.logfile"))
        return freesmtp_smtp_set_log_file_n(s->smtp, line->value, line->size);
    if (is(line, "smtp.allornothing"))
        return freesmtp_smtp_set_all_or_nothing(s->smtp, job_truth(line));
    if (is(line, "smtp.maxconnections"))
        return freesmtp_smtp_set_max_connections(s->smtp, (int)job_number(line));
    if (is(line, "smtp.maxmessagesperconnection"))
        return freesmtp_smtp_set_max_messages_per_connection(s->smtp, job_number(line));
    if (is(line, "smtp.ratelimit"))
        return freesmtp_smtp_set_rate_limit(s->smtp, job_decimal(line));
    if (is(line, "smtp.spoolpath"))
        return freesmtp_smtp_set_spool_path_n(s->smtp, line->value, line->size);
    if (is(line, "smtp.spooldurability"))
        return freesmtp_smtp_set_spool_durability(s->smtp, (int)job_number(line));
    if (is(line, "smtp.disconnect")) {
        ending_begin(&s->ending, s->smtp);
        freesmtp_smtp_disconnect(s->smtp);
        ending_end(&s->ending);
        return NULL;
    }
    if (is(line, "cancel.own") || is(line, "cancel.object")) {
        char **fifo = is(line, "cancel.own") ? &s->ending.own : &s->ending.object;
        *fifo = job_keep(*fifo, line);
        return NULL;
    }
    if (is(line, "wait")) {
        hear(line->value);
        return NULL;
    }
    if (is(line, "repeat")) {
        s->repeat = job_number(line);
        return NULL;
    }
    if (is(line, "send")) {
        send_message(s);
        return NULL;
    }
    if (is(line, "bulk.add") || is(line, "bulk.repeat")) {
        bulk_add(&s->bulk, s->message, is(line, "bulk.add") ? 1 : job_number(line));
        return NULL;
    }
    if (is(line, "sendbulk"))
        return bulk_send(&s->bulk, s->smtp);
    if (is(line, "spoolstatus") || is(line, "waitformessage"))
        return told_status(s->smtp, line);
    if (is(line, "blaststatus") || is(line, "pauseblast") || is(line, "resumeblast") || is(line, "cancelblast") ||
        is(line, "waitforblast"))
        return told_blast(s->smtp, line);
    if (is(line, "spoolevents"))
        return told_spool_events(s->smtp, line);
    if (is(line, "submittospool")) {
        char id[1][27];
        freesmtp_error *error = freesmtp_smtp_submit_to_spool(s->smtp, s->message, NULL, id);
        if (error == NULL)
            print_ids(line->key, id, 1);
        return error;
    }
    if (is(line, "submitbulk"))
        return bulk_submit(&s->bulk, s->smtp, line->key);
    return message_line(s, line);
}

static struct state begin(void) {
    return (struct state){.smtp = freesmtp_smtp_new(NULL),
                          .message = freesmtp_message_new(),
                          .repeat = 1,
                          .checking = {.struct_size = sizeof(freesmtp_check_options)}};
}

static void end(struct state *s) {
    bulk_clear(&s->bulk);
    freesmtp_message_free(s->message);
    freesmtp_server_free(s->server);
    freesmtp_smtp_free(s->smtp);
    forget_check(s);
    forget(&s->recipient_name, &s->recipient_name_size);
    forget(&s->attachment_name, &s->attachment_name_size);
    forget(&s->content_id, &s->content_id_size);
    forget(&s->header_name, &s->header_name_size);
    forget(&s->dkim_domain, &s->dkim_domain_size);
    forget(&s->selector, &s->selector_size);
    forget(&s->dkim_identity, &s->dkim_identity_size);
    forget(&s->dkim_headers, &s->dkim_headers_size);
    forget(&s->dkim_oversigned, &s->dkim_oversigned_size);
    forget(&s->calendar_method, &s->calendar_method_size);
    forget(&s->calendar_file_name, &s->calendar_file_name_size);
}

int main(void) {
    out = stdout;
    struct job job = {NULL, 0};
    struct state s = begin();
    struct line line;
    int failed = 0;
    while (job_next(&job, &line)) {
        if (is(&line, "job.end")) {
            end(&s);
            print_end();
            s = begin();
            failed = 0;
        } else if (!failed) {
            freesmtp_error *error = carry_out(&s, &line);
            failed = error != NULL;
            if (failed)
                print_error(error, line.key, -1);
            freesmtp_error_free(error);
        }
    }
    end(&s);
    free(job.text);
    return 0;
}
