/* freesmtp from C, one thread with a copy of the object for each connection. */
#include <freesmtp.h>

#include "meter.h"

static struct work work;
static freesmtp_smtp *smtp;

static void check(freesmtp_error *error) {
    if (!error) return;
    fprintf(stderr, "%s\n", freesmtp_error_text(error));
    exit(1);
}

static void *connection(void *arg) {
    freesmtp_smtp *copy = freesmtp_smtp_clone(smtp);
    char to[64], subject[64];
    for (int i = *(int *)arg; i < work.count; i += work.connections) {
        freesmtp_message *message = freesmtp_message_new();
        snprintf(to, sizeof to, "r%d@example.test", i);
        snprintf(subject, sizeof subject, "Message %d", i);
        check(freesmtp_message_set_from(message, "sender@example.test"));
        check(freesmtp_message_add_recipient(message, to, NULL, FREESMTP_RECIPIENT_TYPE_TO));
        check(freesmtp_message_set_subject(message, subject));
        check(freesmtp_message_add_body_part(message, work.text, FREESMTP_BODY_PART_FORMAT_PLAIN,
                                             FREESMTP_BODY_PART_ENCODING_AUTO));
        if (work.attachment) check(freesmtp_message_add_attachment(message, work.attachment, NULL));
        check(freesmtp_smtp_send(copy, message, NULL));
        freesmtp_message_free(message);
    }
    freesmtp_smtp_free(copy);
    return NULL;
}

int main(int argc, char **argv) {
    work = read_work(argc, argv);
    struct meter meter = start_meter();
    char server[32];
    snprintf(server, sizeof server, "127.0.0.1:%d", work.port);
    smtp = freesmtp_smtp_new(server);
    run_threads(work.connections, connection);
    freesmtp_smtp_disconnect(smtp);
    report(meter, work.count);
    freesmtp_smtp_free(smtp);
    free(work.text);
    return 0;
}
