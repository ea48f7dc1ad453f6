/* One object in many threads: sends, bulks, cancels, and copies with listeners of their own. Built for ThreadSanitizer and
 * others that watch what threads share. The argument is a server that takes any number of messages over any number of
 * connections. */

#include <freesmtp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "check.h"

enum { THREADS = 6, ROUNDS = 20 };

static freesmtp_smtp *shared;
static atomic_size_t lines, octets, results, sent, cancelled;

static void hear(void *user_data, const freesmtp_log_event *event) {
    (void)user_data;
    lines += strlen(event->line);
}

static void on_status(void *user_data, uint64_t total_sent, uint64_t total_size) {
    (void)user_data, (void)total_size;
    octets += total_sent;
}

static void on_bulk(void *user_data, size_t total_sent, size_t total_failed, size_t total_messages) {
    (void)total_messages;
    *(size_t *)user_data = total_sent + total_failed; /* on one thread */
}

static void ok(freesmtp_error *error) {
    if (error != NULL)
        fprintf(stderr, "%s\n", freesmtp_error_text(error));
    CHECK(error == NULL);
}

static freesmtp_message *letter(void) {
    freesmtp_message *message = freesmtp_message_new();
    ok(freesmtp_message_set_from(message, "a@b.test"));
    ok(freesmtp_message_add_recipient(message, "c@d.test", NULL, FREESMTP_RECIPIENT_TYPE_TO));
    return message;
}

static freesmtp_message *next(void *user_data) {
    size_t *left = user_data;
    return (*left)-- > 0 ? letter() : NULL;
}

static bool result(void *user_data, size_t index, const freesmtp_report *report, const freesmtp_error *error) {
    (void)user_data, (void)index, (void)report, (void)error;
    results++;
    return true;
}

static void *work(void *given) {
    const size_t number = *(size_t *)given;
    freesmtp_message *message = letter();
    for (int round = 0; round < ROUNDS; round++) {
        freesmtp_error *error = freesmtp_smtp_send(shared, message, NULL);
        sent += error == NULL;
        cancelled += freesmtp_error_kind(error) == FREESMTP_ERROR_KIND_CANCELLED ||
                     freesmtp_error_kind(error) == FREESMTP_ERROR_KIND_OUTCOME_UNKNOWN;
        freesmtp_error_free(error);
        if (number == 0 && round % 5 == 4)
            freesmtp_smtp_cancel(shared);
        if (round % 10 == 9) {
            size_t left = 5, told = 0;
            freesmtp_smtp *copy = freesmtp_smtp_clone(shared);
            ok(freesmtp_smtp_set_max_connections(copy, 2));
            ok(freesmtp_smtp_on_bulk_status(copy, on_bulk, &told, NULL));
            ok(freesmtp_smtp_send_bulk(copy, next, result, &left));
            CHECK(told == 5);
            freesmtp_smtp_free(copy);
        }
        (void)freesmtp_smtp_connected(shared);
    }
    freesmtp_message_free(message);
    return NULL;
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    shared = freesmtp_smtp_new(argv[1]);
    ok(freesmtp_smtp_set_protocol_log(shared, hear, NULL, NULL));
    ok(freesmtp_smtp_on_status(shared, on_status, NULL, NULL));
    pthread_t threads[THREADS];
    size_t numbers[THREADS];
    for (size_t number = 0; number < THREADS; number++) {
        numbers[number] = number;
        CHECK(pthread_create(&threads[number], NULL, work, &numbers[number]) == 0);
    }
    for (size_t number = 0; number < THREADS; number++)
        CHECK(pthread_join(threads[number], NULL) == 0);
    freesmtp_smtp_free(shared);
    CHECK(sent + cancelled == THREADS * ROUNDS);
    CHECK(results == THREADS * (ROUNDS / 10) * 5 && sent > 0 && lines > 0 && octets > 0);
    return 0;
}
