/*
 * Sends one message and writes the conversation to a log.
 *
 *     send [server] [log file]
 *
 * The server is a host name, `host:port` or a URL such as `smtps://user:password@mail.example.com:465`.
 */

#include <freesmtp.h>
#include <stdio.h>
#include <stdlib.h>

/* Says what failed, why, and what to do. */
static int failed(freesmtp_error *error) {
    fprintf(stderr, "%s\n", freesmtp_error_text(error));
    freesmtp_error_free(error);
    return EXIT_FAILURE;
}

int main(int argc, char **argv) {
    const char *server = argc > 1 ? argv[1] : "localhost:2525";
    const char *log_file = argc > 2 ? argv[2] : "smtp log.txt";

    freesmtp_smtp *smtp = freesmtp_smtp_new(server);
    freesmtp_message *message = freesmtp_message_new();
    freesmtp_report *report = NULL;

    freesmtp_error *error = freesmtp_smtp_set_log_file(smtp, log_file);
    if (error == NULL)
        error = freesmtp_message_set_from(message, "sender@example.com");
    if (error == NULL)
        error = freesmtp_message_add_recipient(message, "recipient@example.org", "Zoë", FREESMTP_RECIPIENT_TYPE_TO);
    if (error == NULL)
        error = freesmtp_message_set_subject(message, "Hello from C");
    if (error == NULL)
        error = freesmtp_message_add_body_part(message, "Hello, world.\n", FREESMTP_BODY_PART_FORMAT_PLAIN,
                                               FREESMTP_BODY_PART_ENCODING_AUTO);
    if (error == NULL)
        error = freesmtp_smtp_send(smtp, message, &report);

    int status = EXIT_SUCCESS;
    if (error == NULL)
        printf("taken by %s: %s\n", freesmtp_report_server(report), freesmtp_report_reply_text(report));
    else
        status = failed(error);

    freesmtp_report_free(report);
    freesmtp_message_free(message);
    freesmtp_smtp_free(smtp);
    return status;
}
