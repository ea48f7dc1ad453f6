/* The lines of a job that set a message and add to it. */

#ifndef MESSAGE_H
#define MESSAGE_H

#include "state.h"

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
    if (is(line, "raw") || is(line, "raw.file")) {
        freesmtp_message_free(s->message);
        s->message = freesmtp_message_new();
        return is(line, "raw") ? freesmtp_message_set_raw(s->message, line->value, line->size)
                               : freesmtp_message_set_raw_file_n(s->message, line->value, line->size);
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

#endif
