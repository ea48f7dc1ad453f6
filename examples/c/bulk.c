/*
 * Sends many messages over one connection, each made when it is wanted, and says what came of each.
 *
 *     bulk [server] [messages]
 *
 * The server is a host name, `host:port` or a URL such as `smtps://user:password@mail.example.com:465`.
 */

#include <freesmtp.h>
#include <stdio.h>
#include <stdlib.h>

struct newsletter {
    int written, wanted, failed;
};

/* Says what failed, why, and what to do. */
static void complain(freesmtp_error *error) {
    if (error != NULL)
        fprintf(stderr, "%s\n", freesmtp_error_text(error));
    freesmtp_error_free(error);
}

/* Writes the next message; the bulk lets it go. */
static freesmtp_message *next(void *user_data) {
    struct newsletter *newsletter = user_data;
    if (newsletter->written == newsletter->wanted)
        return NULL;
    char email[40];
    snprintf(email, sizeof email, "reader%d@example.org", newsletter->written++);

    freesmtp_message *message = freesmtp_message_new();
    complain(freesmtp_message_set_from(message, "news@example.com"));
    complain(freesmtp_message_add_recipient(message, email, NULL, FREESMTP_RECIPIENT_TYPE_TO));
    complain(freesmtp_message_set_subject(message, "News from C"));
    complain(freesmtp_message_add_body_part(message, "Nothing happened.\n", FREESMTP_BODY_PART_FORMAT_PLAIN,
                                            FREESMTP_BODY_PART_ENCODING_AUTO));
    return message;
}

/* Either the report or the error is there; true goes on with the others. */
static bool result(void *user_data, size_t index, const freesmtp_report *report, const freesmtp_error *error) {
    struct newsletter *newsletter = user_data;
    if (error == NULL) {
        printf("%zu: %s\n", index, freesmtp_report_reply_text(report));
    } else {
        newsletter->failed++;
        printf("%zu: %s\n", index, freesmtp_error_message(error));
    }
    return true;
}

int main(int argc, char **argv) {
    struct newsletter newsletter = {.wanted = argc > 2 ? atoi(argv[2]) : 3};
    freesmtp_smtp *smtp = freesmtp_smtp_new(argc > 1 ? argv[1] : "localhost:2525");

    /* With freesmtp_smtp_set_max_connections there would be more connections than one. */
    freesmtp_error *error = freesmtp_smtp_send_bulk(smtp, next, result, &newsletter);
    const int status = error == NULL && newsletter.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    complain(error);
    printf("%d of %d failed\n", newsletter.failed, newsletter.wanted);

    freesmtp_smtp_free(smtp);
    return status;
}
