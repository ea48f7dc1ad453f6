/* A cancel in a phase of a send, from the listener that hears the line, and from another thread; and an object that is let go
 * of while a copy of it sends. The arguments are a server that falls silent at that line and then takes two messages, each
 * over a connection of its own, the line, and the kind of the error. */

#include <freesmtp.h>
#include <pthread.h>
#include <string.h>

#include "check.h"

struct phase {
    freesmtp_smtp *smtp;
    freesmtp_cancel *cancel;
    const char *line;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool reached, gone;
    int released;
};

static void ok(freesmtp_error *error) {
    if (error != NULL)
        fprintf(stderr, "%s\n", freesmtp_error_text(error));
    CHECK(error == NULL);
}

static void cancelled(freesmtp_error *error) {
    CHECK((int)freesmtp_error_kind(error) == FREESMTP_ERROR_KIND_CANCELLED);
    freesmtp_error_free(error);
}

static void cancel_there(void *user_data, const freesmtp_log_event *event) {
    struct phase *phase = user_data;
    if (strncmp(event->line, phase->line, strlen(phase->line)) == 0)
        freesmtp_cancel_trigger(phase->cancel);
}

/* Tells that MAIL was said, and waits until the object is gone. */
static void wait_there(void *user_data, const freesmtp_log_event *event) {
    struct phase *phase = user_data;
    if (strncmp(event->line, "MAIL", 4) != 0)
        return;
    pthread_mutex_lock(&phase->mutex);
    phase->reached = true;
    pthread_cond_broadcast(&phase->changed);
    while (!phase->gone)
        pthread_cond_wait(&phase->changed, &phase->mutex);
    pthread_mutex_unlock(&phase->mutex);
}

static void release(void *user_data) { ((struct phase *)user_data)->released++; }

static freesmtp_message *letter(void) {
    freesmtp_message *message = freesmtp_message_new();
    ok(freesmtp_message_set_from(message, "a@b.test"));
    ok(freesmtp_message_add_recipient(message, "c@d.test", NULL, FREESMTP_RECIPIENT_TYPE_TO));
    return message;
}

static void *send_copy(void *given) {
    struct phase *phase = given;
    freesmtp_message *message = letter();
    freesmtp_report *report = NULL;
    ok(freesmtp_smtp_send(phase->smtp, message, &report));
    freesmtp_report_free(report);
    freesmtp_message_free(message);
    CHECK(phase->released == 0);
    freesmtp_smtp_free(phase->smtp);
    CHECK(phase->released == 1);
    return NULL;
}

int main(int argc, char **argv) {
    CHECK(argc == 4);
    struct phase phase = {.smtp = freesmtp_smtp_new(argv[1]),
                          .cancel = freesmtp_cancel_new(),
                          .line = argv[2],
                          .mutex = PTHREAD_MUTEX_INITIALIZER,
                          .changed = PTHREAD_COND_INITIALIZER};
    ok(freesmtp_smtp_set_protocol_log(phase.smtp, cancel_there, &phase, NULL));
    freesmtp_message *message = letter();
    freesmtp_error *error = freesmtp_smtp_send_with(phase.smtp, message, phase.cancel, NULL);
    CHECK((int)freesmtp_error_kind(error) == atoi(argv[3]));
    freesmtp_error_free(error);
    CHECK(!freesmtp_smtp_connected(phase.smtp));
    /* It stays cancelled, for other calls too; what has nothing to wait for comes back. */
    char *text = NULL;
    cancelled(freesmtp_smtp_connect_with(phase.smtp, phase.cancel));
    cancelled(freesmtp_smtp_send_command_with(phase.smtp, "NOOP", phase.cancel, NULL, &text));
    CHECK(text == NULL);
    freesmtp_smtp_disconnect_with(phase.smtp, phase.cancel);
    /* A cancel is used once; without it the object goes on. */
    freesmtp_cancel_free(phase.cancel);
    ok(freesmtp_smtp_set_protocol_log(phase.smtp, NULL, NULL, NULL));
    ok(freesmtp_smtp_send(phase.smtp, message, NULL));
    freesmtp_message_free(message);
    freesmtp_smtp_free(phase.smtp);

    freesmtp_smtp *original = freesmtp_smtp_new(argv[1]);
    ok(freesmtp_smtp_set_protocol_log(original, wait_there, &phase, release));
    phase.smtp = freesmtp_smtp_clone(original);
    pthread_t sender;
    CHECK(pthread_create(&sender, NULL, send_copy, &phase) == 0);
    pthread_mutex_lock(&phase.mutex);
    while (!phase.reached)
        pthread_cond_wait(&phase.changed, &phase.mutex);
    freesmtp_smtp_free(original);
    phase.gone = true;
    pthread_cond_broadcast(&phase.changed);
    pthread_mutex_unlock(&phase.mutex);
    CHECK(pthread_join(sender, NULL) == 0);
    return 0;
}
