/* SendBulkMerge: a message for each row, and rows that make none. The argument is a server that takes two messages over one
 * connection, twice, and a folder for a spool. */

#include <freesmtp.h>
#include <string.h>

#include "check.h"

static const freesmtp_field ZOE[] = {{"name", "Zoë"}, {"email", "zoe@b.test"}}, ADA[] = {{"name", "Ada"}, {"email", "ada@b.test"}};
static const freesmtp_field NAMELESS[] = {{"email", "x@b.test"}}, BROKEN[] = {{"name", "x"}, {"email", "x\r\nDATA"}};
static const freesmtp_field_n ZOE_N[] = {{"name!", 4, "Zoë!", 4}, {"email", 5, "zoe@b.test and more", 10}};

struct calls {
    size_t given, results;
    enum freesmtp_error_kind kinds[4];
    char fields[4][40];
};

static void ok(freesmtp_error *error) {
    if (error != NULL)
        fprintf(stderr, "%s\n", freesmtp_error_text(error));
    CHECK(error == NULL);
}

static void refused(freesmtp_error *error, const char *field) {
    CHECK(error != NULL && strcmp(freesmtp_error_field(error), field) == 0);
    freesmtp_error_free(error);
}

static bool next(void *user_data, const freesmtp_field **fields, size_t *count) {
    struct calls *calls = user_data;
    const struct {
        const freesmtp_field *fields;
        size_t count;
    } rows[] = {{ZOE, 2}, {NAMELESS, 1}, {BROKEN, 2}, {ADA, 2}};
    if (calls->given == 4)
        return false;
    *fields = rows[calls->given].fields;
    *count = rows[calls->given].count;
    calls->given++;
    return true;
}

static bool next_n(void *user_data, const freesmtp_field_n **fields, size_t *count) {
    struct calls *calls = user_data;
    *fields = ZOE_N;
    *count = calls->given == 1 ? 0 : 2; /* the second row has no field */
    return calls->given++ < 3;
}

static bool result(void *user_data, size_t index, const freesmtp_report *report, const freesmtp_error *error) {
    struct calls *calls = user_data;
    CHECK(index < 4 && (report == NULL) != (error == NULL));
    calls->kinds[index] = freesmtp_error_kind(error);
    if (error != NULL)
        snprintf(calls->fields[index], sizeof calls->fields[index], "%s", freesmtp_error_field(error));
    calls->results++;
    return true;
}

static void submitted(void *user_data, size_t index, const char *id) {
    struct calls *calls = user_data;
    CHECK(index == calls->results && strlen(id) == 26);
    calls->results++;
}

static freesmtp_template *template_of(void) {
    freesmtp_message *message = freesmtp_message_new();
    ok(freesmtp_message_set_from(message, "a@b.test"));
    ok(freesmtp_message_add_recipient(message, "{{ email }}", "{{ name }}", FREESMTP_RECIPIENT_TYPE_TO));
    ok(freesmtp_message_set_subject(message, "News for {{ name }}"));
    freesmtp_template *made;
    ok(freesmtp_template_new(message, &made));
    freesmtp_message_free(message);
    return made;
}

int main(int argc, char **argv) {
    CHECK(argc == 3);
    freesmtp_smtp *smtp = freesmtp_smtp_new(argv[1]);
    freesmtp_template *news = template_of();
    struct calls calls = {0};
    refused(freesmtp_smtp_send_bulk_merge(NULL, news, next, result, &calls), "smtp");
    refused(freesmtp_smtp_send_bulk_merge(smtp, NULL, next, result, &calls), "message_template");
    refused(freesmtp_smtp_send_bulk_merge(smtp, news, NULL, result, &calls), "next");
    refused(freesmtp_smtp_send_bulk_merge(smtp, news, next, NULL, &calls), "result");
    CHECK(calls.given == 0 && calls.results == 0);

    ok(freesmtp_smtp_send_bulk_merge(smtp, news, next, result, &calls));
    CHECK(calls.given == 4 && calls.results == 4);
    CHECK(calls.kinds[0] == 0 && calls.kinds[3] == 0);
    CHECK(calls.kinds[1] == FREESMTP_ERROR_KIND_MESSAGE && calls.kinds[2] == FREESMTP_ERROR_KIND_MESSAGE);
    CHECK(strcmp(calls.fields[2], "Recipients[0].Email") == 0);

    struct calls sized = {0};
    ok(freesmtp_smtp_send_bulk_merge_n(smtp, news, next_n, result, &sized));
    CHECK(sized.results == 3 && sized.kinds[0] == 0 && sized.kinds[2] == 0);
    CHECK(sized.kinds[1] == FREESMTP_ERROR_KIND_MESSAGE);

    /* All rows or none: the second lacks a field. */
    struct calls spooled = {0};
    freesmtp_error *error = freesmtp_smtp_submit_bulk_merge(smtp, news, next, argv[2], submitted, &spooled);
    CHECK(error != NULL && strcmp(freesmtp_error_field(error), "Subject") == 0);
    CHECK(strstr(freesmtp_error_message(error), "message 1 ") != NULL && spooled.given == 2 && spooled.results == 0);
    freesmtp_error_free(error);
    refused(freesmtp_smtp_submit_bulk_merge(NULL, news, next, argv[2], submitted, &spooled), "smtp");
    refused(freesmtp_smtp_submit_bulk_merge(smtp, NULL, next, argv[2], submitted, &spooled), "message_template");
    refused(freesmtp_smtp_submit_bulk_merge(smtp, news, NULL, argv[2], submitted, &spooled), "next");
    struct calls rows = {.given = 2};
    ok(freesmtp_smtp_submit_bulk_merge_n(smtp, news, next_n, argv[2], submitted, &rows));
    CHECK(rows.results == 1);
    rows.given = 2;
    ok(freesmtp_smtp_submit_bulk_merge_n(smtp, news, next_n, argv[2], NULL, &rows));

    freesmtp_template_free(news);
    freesmtp_smtp_free(smtp);
    return 0;
}
