/* SendBulk: who calls whom, on which thread, how often, and who lets go of what. The argument is a server that takes
 * one message, then the first and the third of three; on the next connection it takes one message and falls silent. */

#include <freesmtp.h>
#include <pthread.h>
#include <string.h>

#include "check.h"

/* What the callbacks are to do, and what was done. */
struct calls {
    freesmtp_smtp *smtp;
    pthread_t thread;
    size_t messages, given, ended, results, stop_after;
    int kinds[3];
};

static void ok(freesmtp_error *error) {
    if (error != NULL)
        fprintf(stderr, "%s\n", freesmtp_error_text(error));
    CHECK(error == NULL);
}

static void refused(freesmtp_error *error, const char *field) {
    CHECK(error != NULL && freesmtp_error_field(error) != NULL);
    CHECK(strcmp(freesmtp_error_field(error), field) == 0);
    freesmtp_error_free(error);
}

static freesmtp_message *message(void) {
    freesmtp_message *message = freesmtp_message_new();
    ok(freesmtp_message_set_from(message, "a@b.test"));
    ok(freesmtp_message_add_recipient(message, "c@d.test", NULL, FREESMTP_RECIPIENT_TYPE_TO));
    return message;
}

static freesmtp_message *next(void *user_data) {
    struct calls *calls = user_data;
    CHECK(pthread_equal(calls->thread, pthread_self()));
    CHECK(calls->ended == 0);
    if (calls->given == calls->messages) {
        calls->ended++;
        return NULL;
    }
    if (calls->given == 0 && calls->smtp != NULL) {
        /* The callbacks may send, too. */
        freesmtp_message *first = message();
        ok(freesmtp_smtp_send(calls->smtp, first, NULL));
        freesmtp_message_free(first);
    }
    calls->given++;
    return message();
}

static bool result(void *user_data, size_t index, const freesmtp_report *report, const freesmtp_error *error) {
    struct calls *calls = user_data;
    CHECK(pthread_equal(calls->thread, pthread_self()));
    CHECK((report == NULL) != (error == NULL));
    CHECK(index < calls->given);
    calls->results++;
    if (index < 3) {
        CHECK(calls->kinds[index] == -1);
        calls->kinds[index] = freesmtp_error_kind(error);
    }
    return calls->results != calls->stop_after;
}

static struct calls begin(size_t messages) {
    return (struct calls){.thread = pthread_self(), .messages = messages, .kinds = {-1, -1, -1}};
}

static void arguments_are_checked(void) {
    struct calls calls = begin(1);
    freesmtp_smtp *smtp = freesmtp_smtp_new("127.0.0.1");
    refused(freesmtp_smtp_send_bulk(NULL, next, result, &calls), "smtp");
    refused(freesmtp_smtp_send_bulk(smtp, NULL, result, &calls), "next");
    refused(freesmtp_smtp_send_bulk(smtp, next, NULL, &calls), "result");
    freesmtp_smtp_free(smtp);
    smtp = freesmtp_smtp_new("http://mail.example.com");
    refused(freesmtp_smtp_send_bulk(smtp, next, result, &calls), "Name");
    freesmtp_smtp_free(smtp);
    CHECK(calls.given == 0 && calls.results == 0);
}

static void without_messages_nothing_is_connected_to(const char *url) {
    struct calls calls = begin(0);
    freesmtp_smtp *smtp = freesmtp_smtp_new(url);
    ok(freesmtp_smtp_send_bulk(smtp, next, result, &calls));
    CHECK(calls.ended == 1 && calls.results == 0 && !freesmtp_smtp_connected(smtp));
    freesmtp_smtp_free(smtp);
}

static void one_failure_stops_no_other(const char *url) {
    struct calls calls = begin(3);
    freesmtp_smtp *smtp = calls.smtp = freesmtp_smtp_new(url);
    ok(freesmtp_smtp_send_bulk(smtp, next, result, &calls));
    CHECK(calls.ended == 1 && calls.given == 3 && calls.results == 3);
    CHECK(calls.kinds[0] == 0 && calls.kinds[2] == 0);
    CHECK(calls.kinds[1] == FREESMTP_ERROR_KIND_RECIPIENTS_REFUSED);
    freesmtp_smtp_free(smtp);
}

static void it_stops_when_it_is_told_to(const char *url) {
    struct calls calls = begin((size_t)-1);
    calls.stop_after = 1;
    freesmtp_smtp *smtp = freesmtp_smtp_new(url);
    ok(freesmtp_smtp_send_bulk(smtp, next, result, &calls));
    CHECK(calls.results == 1 && calls.kinds[0] == 0);
    CHECK(calls.given > 1 && calls.given < 1000 && calls.ended == 0);
    freesmtp_smtp_free(smtp);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    arguments_are_checked();
    without_messages_nothing_is_connected_to(argv[1]);
    one_failure_stops_no_other(argv[1]);
    it_stops_when_it_is_told_to(argv[1]);
    return 0;
}
