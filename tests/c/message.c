/* The further parts of a message: threads, subscriptions, invitations, streams, merge, messages within messages, raw, DKIM;
 * and the log. */

#include <freesmtp.h>
#include <string.h>

#include "check.h"

static void ok(freesmtp_error *error) {
    if (error != NULL)
        fprintf(stderr, "%s\n", freesmtp_error_text(error));
    CHECK(error == NULL);
}

static void refused(freesmtp_error *error, const char *field) {
    CHECK(error != NULL && freesmtp_error_field(error) != NULL);
    if (strcmp(freesmtp_error_field(error), field) != 0)
        fprintf(stderr, "field %s instead of %s\n", freesmtp_error_field(error), field);
    CHECK(strcmp(freesmtp_error_field(error), field) == 0);
    freesmtp_error_free(error);
}

static freesmtp_message *hello(void) {
    freesmtp_message *message = freesmtp_message_new();
    ok(freesmtp_message_set_from(message, "a@b.test"));
    ok(freesmtp_message_add_recipient(message, "c@d.test", NULL, FREESMTP_RECIPIENT_TYPE_TO));
    ok(freesmtp_message_set_subject(message, "Hello"));
    return message;
}

/* The message must come out with that text in it. */
static void holds(const freesmtp_message *message, const char *expected) {
    char *bytes = NULL;
    size_t size = 0;
    ok(freesmtp_message_to_bytes(message, &bytes, &size));
    if (strstr(bytes, expected) == NULL)
        fprintf(stderr, "%s\nis not in\n%s\n", expected, bytes);
    CHECK(strstr(bytes, expected) != NULL);
    freesmtp_free(bytes);
}

static void threads_and_subscriptions(void) {
    freesmtp_message *message = hello();
    ok(freesmtp_message_add_in_reply_to(message, "2@b.test"));
    ok(freesmtp_message_add_reference(message, "1@b.test"));
    ok(freesmtp_message_add_reference_n(message, "2@b.test, cut", 8));
    ok(freesmtp_message_add_list_unsubscribe(message, "https://b.test/off"));
    ok(freesmtp_message_add_list_unsubscribe(message, "mailto:off@b.test"));
    ok(freesmtp_message_set_list_unsubscribe_one_click(message, true));
    ok(freesmtp_message_set_auto_submitted(message, FREESMTP_AUTO_SUBMITTED_REPLIED));
    refused(freesmtp_message_set_auto_submitted(message, 3), "AutoSubmitted");
    holds(message, "In-Reply-To: <2@b.test>\r\n");
    holds(message, "References: <1@b.test> <2@b.test>\r\n");
    holds(message, "List-Unsubscribe: <https://b.test/off>");
    holds(message, "<mailto:off@b.test>\r\n");
    holds(message, "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
    holds(message, "Auto-Submitted: auto-replied\r\n");
    freesmtp_message_free(message);
}

static void invitations(void) {
    freesmtp_message *message = hello();
    const char *text = "BEGIN:VCALENDAR\nMETHOD:REQUEST\nEND:VCALENDAR\n";
    ok(freesmtp_message_set_calendar(message, text, NULL, NULL));
    holds(message, "method=REQUEST");
    holds(message, "invite.ics");
    ok(freesmtp_message_set_calendar(message, text, "CANCEL", ""));
    char *bytes = NULL;
    size_t size = 0;
    refused(freesmtp_message_to_bytes(message, &bytes, &size), "Calendar.Method");
    ok(freesmtp_message_set_calendar(message, text, "REQUEST", ""));
    ok(freesmtp_message_to_bytes(message, &bytes, &size));
    CHECK(strstr(bytes, ".ics") == NULL);
    freesmtp_free(bytes);
    refused(freesmtp_message_set_calendar(message, NULL, NULL, NULL), "calendar_text");
    freesmtp_message_free(message);
}

static void messages_within_messages(void) {
    freesmtp_message *message = hello(), *attached = hello();
    ok(freesmtp_message_set_subject(attached, "Within"));
    ok(freesmtp_message_add_attached_message(message, attached));
    freesmtp_message_free(attached);
    holds(message, "message/rfc822");
    holds(message, "Subject: Within\r\n");
    refused(freesmtp_message_add_attached_message(message, NULL), "attached");
    freesmtp_message_free(message);
}

/* A reader that gives `left` letters, a few at a time, and fails or lies at the end when told to. */
struct source {
    size_t left;
    int64_t at_end;
    int released;
};

static int64_t give(void *user_data, void *buffer, size_t size) {
    struct source *source = user_data;
    size_t count = source->left < 7 ? source->left : 7;
    if (count > size)
        count = size;
    memset(buffer, 'x', count);
    source->left -= count;
    return count > 0 ? (int64_t)count : source->at_end;
}

static void release(void *user_data) { ((struct source *)user_data)->released++; }

static void stream(struct source source, int64_t size, int good) {
    freesmtp_message *message = hello();
    ok(freesmtp_message_add_attachment_stream(message, give, &source, release, size, "letters.bin"));
    CHECK(source.released == 0);
    char *bytes = NULL;
    size_t bytes_size = 0;
    freesmtp_error *error = freesmtp_message_to_bytes(message, &bytes, &bytes_size);
    CHECK((error == NULL) == (good != 0));
    if (good)
        CHECK(strstr(bytes, "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eA==\r\n") != NULL);
    else
        CHECK(freesmtp_error_kind(error) == FREESMTP_ERROR_KIND_FILE_IO && bytes == NULL);
    freesmtp_error_free(error);
    freesmtp_free(bytes);
    freesmtp_message_free(message);
    CHECK(source.released == 1);
}

static void streams(void) {
    stream((struct source){22, 0, 0}, -1, 1);
    stream((struct source){22, 0, 0}, 22, 1);
    stream((struct source){22, 0, 0}, 23, 0);
    stream((struct source){22, -1, 0}, -1, 0);
    stream((struct source){22, INT64_MAX, 0}, -1, 0);
    freesmtp_message *message = freesmtp_message_new();
    refused(freesmtp_message_add_attachment_stream(message, NULL, NULL, NULL, -1, "a"), "read");
    refused(freesmtp_message_add_attachment_stream(message, give, NULL, NULL, -1, NULL), "name");
    freesmtp_message_free(message);
}

static void shared_attachments(void) {
    struct source source = {22, 0, 0};
    freesmtp_message *first = hello();
    ok(freesmtp_message_add_attachment_stream(first, give, &source, release, -1, "first.bin"));
    freesmtp_message *second = hello();
    refused(freesmtp_message_share_attachment(second, first, 1, NULL), "index");
    refused(freesmtp_message_share_attachment(second, NULL, 0, NULL), "other");
    ok(freesmtp_message_share_attachment_n(second, first, 0, "second.bin, cut", 10));
    ok(freesmtp_message_share_attachment(second, second, 0, NULL));
    char *name = freesmtp_message_attachment_name(second, 1, NULL);
    CHECK(strcmp(name, "second.bin") == 0);
    freesmtp_free(name);
    freesmtp_message_free(first);
    CHECK(source.released == 0);
    /* The one stream stands in it twice. */
    char *bytes = NULL;
    size_t size = 0;
    refused(freesmtp_message_to_bytes(second, &bytes, &size), "Attachments[1]");
    freesmtp_message_free(second);
    CHECK(source.released == 1);
}

struct taken {
    int count;
    char all[200];
};

static void take(void *user_data, const char *property, size_t property_size, const char *text, size_t text_size) {
    struct taken *taken = user_data;
    const size_t used = strlen(taken->all);
    taken->count++;
    snprintf(taken->all + used, sizeof taken->all - used, "%.*s=%.*s\n", (int)property_size, property, (int)text_size, text);
}

static void merged(void) {
    freesmtp_message *message = freesmtp_message_new();
    ok(freesmtp_message_set_from(message, "a@b.test"));
    ok(freesmtp_message_add_recipient(message, "{{ email }}", "{{ name }}", FREESMTP_RECIPIENT_TYPE_TO));
    ok(freesmtp_message_set_subject(message, "For {{ name|upper }}"));
    ok(freesmtp_message_add_body_part(message, "<b>{{ name }}</b>", FREESMTP_BODY_PART_FORMAT_HTML,
                                      FREESMTP_BODY_PART_ENCODING_AUTO));
    freesmtp_template *news = NULL;
    ok(freesmtp_template_new(message, &news));
    freesmtp_message *one = NULL;
    const freesmtp_field row[] = {{"name", "<Ann>"}, {"email", "ann@d.test"}, {"unused", "x"}};
    ok(freesmtp_template_render(news, row, 3, &one));
    holds(one, "Subject: For <ANN>\r\n");
    holds(one, "<b>&lt;Ann&gt;</b>");
    holds(one, "<ann@d.test>");
    freesmtp_message_free(one);

    const freesmtp_field_n sized[] = {{"name, cut", 4, "Bob\0by", 6}, {"email", 5, "bob@d.test and more", 10}};
    struct taken taken = {0, ""};
    ok(freesmtp_template_texts_n(news, sized, 2, take, &taken));
    CHECK(taken.count == 4);
    CHECK(strstr(taken.all, "Recipients[0].Email=bob@d.test\n") != NULL);
    ok(freesmtp_template_render_n(news, sized, 2, &one));
    freesmtp_message_free(one);

    refused(freesmtp_template_render(news, row, 1, &one), "Recipients[0].Email");
    CHECK(one == NULL);
    refused(freesmtp_template_render(news, NULL, 1, &one), "fields");
    refused(freesmtp_template_render(NULL, row, 3, &one), "message_template");
    refused(freesmtp_template_texts_n(news, sized, 2, NULL, NULL), "take");
    freesmtp_template_free(news);
    freesmtp_template_free(NULL);
    ok(freesmtp_message_set_subject(message, "{{ name"));
    refused(freesmtp_template_new(message, &news), "Subject");
    CHECK(news == NULL);
    freesmtp_message_free(message);
}

static void raw_messages(const char *path) {
    const char text[] = "From: a@b.test\nTo: c@d.test\nBcc: e@f.test\nX-Own: as it is\n\nbody\n";
    freesmtp_message *message = freesmtp_message_new();
    ok(freesmtp_message_set_raw(message, text, sizeof text - 1));
    holds(message, "From: a@b.test\r\nTo: c@d.test\r\nX-Own: as it is\r\n\r\nbody\r\n");
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(text, 1, sizeof text - 1, file) == sizeof text - 1 && fclose(file) == 0);
    ok(freesmtp_message_set_raw_file(message, path));
    holds(message, "X-Own: as it is\r\n\r\nbody\r\n");
    freesmtp_message_free(message);
}

/* What a signature covers: at first what readers show, then what is set. */
static void signed_headers(freesmtp_signer *signer) {
    CHECK(freesmtp_signer_header_count(signer) == 19 && freesmtp_signer_oversigned_count(signer) == 9);
    CHECK(freesmtp_signer_header(signer, 19, NULL) == NULL && freesmtp_signer_oversigned(signer, 9, NULL) == NULL);
    CHECK(freesmtp_signer_header_count(NULL) == 0 && freesmtp_signer_oversigned(NULL, 0, NULL) == NULL);
    const char *const names[] = {"From", "Subject", NULL};
    const size_t sizes[] = {4, 7};
    refused(freesmtp_signer_set_headers(signer, names, 3), "names");
    refused(freesmtp_signer_set_oversigned(signer, NULL, 1), "names");
    refused(freesmtp_signer_set_headers(NULL, names, 2), "signer");
    ok(freesmtp_signer_set_headers(signer, names, 2));
    ok(freesmtp_signer_set_oversigned_n(signer, names, sizes, 1));
    CHECK(freesmtp_signer_header_count(signer) == 2 && freesmtp_signer_oversigned_count(signer) == 1);
    size_t size = 0;
    char *name = freesmtp_signer_header(signer, 1, &size);
    CHECK(strcmp(name, "Subject") == 0 && size == 7);
    freesmtp_free(name);
    name = freesmtp_signer_oversigned(signer, 0, NULL);
    CHECK(strcmp(name, "From") == 0);
    freesmtp_free(name);
    freesmtp_message *message = hello();
    ok(freesmtp_message_add_signer(message, signer));
    holds(message, " h=From:From:Subject;");
    /* Never cut: a NUL is part of the name, and no name holds one. */
    ok(freesmtp_signer_set_headers_n(signer, (const char *const[]){"From\0X"}, (const size_t[]){6}, 1));
    freesmtp_message *refusing = hello();
    ok(freesmtp_message_add_signer(refusing, signer));
    char *bytes = NULL;
    refused(freesmtp_message_to_bytes(refusing, &bytes, &size), "DKIM[0].Headers");
    ok(freesmtp_signer_set_headers_n(signer, names + 1, sizes + 1, 1));
    ok(freesmtp_signer_set_oversigned(signer, NULL, 0));
    CHECK(freesmtp_signer_oversigned_count(signer) == 0);
    freesmtp_message_free(refusing);
    freesmtp_message_free(message);
}

static void signatures(void) {
    freesmtp_signer *signer = (freesmtp_signer *)&signer;
    refused(freesmtp_signer_new("b.test", "may", "no key", &signer), "DKIM.Key");
    CHECK(signer == NULL);
    refused(freesmtp_signer_new("b.test", "may", "no key", NULL), "signer");
    /* The key of RFC 8463 appendix A.2. */
    ok(freesmtp_signer_new("b.test", "may", "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=", &signer));
    ok(freesmtp_signer_set_identity(signer, "a@b.test"));
    ok(freesmtp_signer_set_expires_after(signer, 3600));
    ok(freesmtp_signer_set_canonicalization(signer, FREESMTP_CANONICALIZATION_SIMPLE, FREESMTP_CANONICALIZATION_RELAXED));
    refused(freesmtp_signer_set_canonicalization(signer, 2, 0), "Canonicalization");
    freesmtp_message *message = hello();
    refused(freesmtp_message_add_signer(message, NULL), "signer");
    ok(freesmtp_message_add_signer(message, signer));
    signed_headers(signer);
    freesmtp_signer_free(signer);
    freesmtp_signer_free(NULL);
    for (const char *const *part = (const char *const[]){"DKIM-Signature: v=1; a=ed25519-sha256;", "c=simple/relaxed",
                                                         "d=b.test;", "s=may;", "i=a@b.test;", "x=", NULL};
         *part != NULL; part++)
        holds(message, *part);
    freesmtp_message_free(message);
}

static void delivery_options(void) {
    freesmtp_message *message = hello();
    char *bytes = NULL;
    size_t size = 0;
    ok(freesmtp_message_set_return_content(message, FREESMTP_RETURN_CONTENT_HEADERS));
    refused(freesmtp_message_set_return_content(message, 3), "ReturnContent");
    refused(freesmtp_message_set_return_content(NULL, 0), "message");
    refused(freesmtp_message_set_deliver_by_mode(message, -1), "DeliverByMode");
    refused(freesmtp_message_set_envelope_id(message, NULL), "envelope_id");
    ok(freesmtp_message_set_recipient_notify(message, 0, FREESMTP_NOTIFY_SUCCESS | FREESMTP_NOTIFY_DELAY));
    refused(freesmtp_message_set_recipient_notify(message, 0, 16), "Notify");
    refused(freesmtp_message_set_recipient_notify(message, 1, FREESMTP_NOTIFY_NEVER), "index");
    refused(freesmtp_message_set_recipient_valid_since(message, (size_t)-1, 0), "index");
    refused(freesmtp_message_set_recipient_valid_since_action(message, 0, 3), "ValidSinceAction");
    refused(freesmtp_message_set_recipient_original_recipient(message, 0, NULL), "original_recipient");
    ok(freesmtp_message_set_recipient_original_recipient_n(message, 0, "a@b.test, cut", 8));
    ok(freesmtp_message_to_bytes(message, &bytes, &size));
    freesmtp_free(bytes);

    /* What is set is judged as a whole, before anything is sent. */
    ok(freesmtp_message_set_envelope_id_n(message, "a\0b", 3));
    refused(freesmtp_message_to_bytes(message, &bytes, &size), "EnvelopeID");
    ok(freesmtp_message_set_envelope_id(message, "QQ 314159"));
    ok(freesmtp_message_set_mt_priority(message, 10));
    refused(freesmtp_message_to_bytes(message, &bytes, &size), "MtPriority");
    ok(freesmtp_message_set_mt_priority(message, -9));
    ok(freesmtp_message_clear_optional_extensions(message));
    ok(freesmtp_message_add_optional_extension(message, "NONE"));
    refused(freesmtp_message_to_bytes(message, &bytes, &size), "OptionalExtensions[0]");
    freesmtp_message_free(message);
}

static int lines_heard;

static void hear(void *user_data, const freesmtp_log_event *event) {
    CHECK(user_data == &lines_heard && event->connection > 0 && event->unix_milliseconds > 0 && event->line[0] != '\0');
    lines_heard++;
}

static int listeners_released;

static void released(void *user_data) {
    CHECK(user_data == &lines_heard);
    listeners_released++;
}

static void log_options(void) {
    freesmtp_smtp *smtp = freesmtp_smtp_new("127.0.0.1:1");
    CHECK(!freesmtp_smtp_log_timestamps(smtp) && freesmtp_smtp_log_body(smtp) == FREESMTP_LOG_BODY_SIZE);
    ok(freesmtp_smtp_set_log_options(smtp, true, FREESMTP_LOG_BODY_FULL, true));
    CHECK(freesmtp_smtp_log_timestamps(smtp) && freesmtp_smtp_log_json(smtp));
    CHECK(freesmtp_smtp_log_body(smtp) == FREESMTP_LOG_BODY_FULL);
    refused(freesmtp_smtp_set_log_options(smtp, false, 3, false), "LogOptions");
    refused(freesmtp_smtp_set_log_options(NULL, false, 0, false), "smtp");

    ok(freesmtp_smtp_set_protocol_log(smtp, hear, &lines_heard, released));
    freesmtp_error *error = freesmtp_smtp_connect(smtp);
    CHECK(error != NULL && lines_heard > 0 && listeners_released == 0);
    freesmtp_error_free(error);
    ok(freesmtp_smtp_set_protocol_log(smtp, NULL, NULL, NULL));
    CHECK(listeners_released == 1);
    freesmtp_smtp_free(smtp);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    threads_and_subscriptions();
    invitations();
    messages_within_messages();
    streams();
    shared_attachments();
    merged();
    raw_messages(argv[1]);
    signatures();
    delivery_options();
    log_options();
    return 0;
}
