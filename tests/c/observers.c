/* The events of sending. The argument is a server that takes a message for the second of two recipients, and then the first
 * and the third of three messages. */

#include <freesmtp.h>
#include <string.h>

#include "check.h"

struct heard {
    uint64_t sent, size;
    int statuses, failures, bulk, released;
    char failed[8][80];
    size_t bulk_sent, bulk_failed, bulk_messages, given, results;
};

static void ok(freesmtp_error *error) {
    if (error != NULL)
        fprintf(stderr, "%s\n", freesmtp_error_text(error));
    CHECK(error == NULL);
}

static void on_status(void *user_data, uint64_t total_sent, uint64_t total_size) {
    struct heard *heard = user_data;
    CHECK(total_sent <= total_size);
    heard->sent = total_sent;
    heard->size = total_size;
    heard->statuses++;
}

static void on_failed(void *user_data, const char *email_address, const char *response) {
    struct heard *heard = user_data;
    CHECK(heard->failures < 8);
    char *place = heard->failed[heard->failures++];
    snprintf(place, sizeof heard->failed[0], "%s: %s", email_address, response);
}

static void on_bulk(void *user_data, size_t total_sent, size_t total_failed, size_t total_messages) {
    struct heard *heard = user_data;
    CHECK(total_sent + total_failed == heard->bulk_sent + heard->bulk_failed + 1);
    CHECK(total_sent + total_failed > heard->results); /* before the result */
    heard->bulk_sent = total_sent;
    heard->bulk_failed = total_failed;
    heard->bulk_messages = total_messages;
    heard->bulk++;
}

static void release(void *user_data) { ((struct heard *)user_data)->released++; }

static freesmtp_message *letter(const char *recipient) {
    freesmtp_message *message = freesmtp_message_new();
    ok(freesmtp_message_set_from(message, "a@b.test"));
    ok(freesmtp_message_add_recipient(message, recipient, NULL, FREESMTP_RECIPIENT_TYPE_TO));
    return message;
}

static freesmtp_message *next(void *user_data) {
    struct heard *heard = user_data;
    return heard->given++ < 3 ? letter("d@e.test") : NULL;
}

static bool result(void *user_data, size_t index, const freesmtp_report *report, const freesmtp_error *error) {
    struct heard *heard = user_data;
    CHECK(index < 3 && (report == NULL) != (error == NULL));
    heard->results++;
    return true;
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    struct heard heard = {0};
    freesmtp_smtp *smtp = freesmtp_smtp_new(argv[1]);
    ok(freesmtp_smtp_on_status(smtp, on_status, &heard, release));
    ok(freesmtp_smtp_on_recipient_failed(smtp, on_failed, &heard, release));
    ok(freesmtp_smtp_on_bulk_status(smtp, on_bulk, &heard, release));
    freesmtp_error *error = freesmtp_smtp_on_status(NULL, on_status, &heard, release);
    CHECK(error != NULL && strcmp(freesmtp_error_field(error), "smtp") == 0 && heard.released == 0);
    freesmtp_error_free(error);

    freesmtp_message *message = letter("foreign@e.test");
    ok(freesmtp_message_add_recipient(message, "good@e.test", NULL, FREESMTP_RECIPIENT_TYPE_CC));
    freesmtp_report *report;
    ok(freesmtp_smtp_send(smtp, message, &report));
    CHECK(heard.statuses > 0 && heard.sent == heard.size && heard.size == freesmtp_report_size(report));
    CHECK(heard.failures == 1 && strcmp(heard.failed[0], "foreign@e.test: 550 5.1.1 no such user") == 0);
    CHECK(heard.bulk == 0);
    freesmtp_report_free(report);
    freesmtp_message_free(message);

    ok(freesmtp_smtp_send_bulk(smtp, next, result, &heard));
    CHECK(heard.results == 3 && heard.bulk == 3 && heard.bulk_sent == 2 && heard.bulk_failed == 1);
    CHECK(heard.bulk_messages == 3 && heard.failures == 2);

    ok(freesmtp_smtp_on_status(smtp, NULL, NULL, NULL));
    CHECK(heard.released == 1);
    freesmtp_smtp_free(smtp);
    CHECK(heard.released == 3);
    return 0;
}
