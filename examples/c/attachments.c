/*
 * Sends a text in two forms, an image that the HTML shows, an attached file, and bytes from memory.
 *
 *     attachments [server] [file to attach] [image] [log]
 */

#include <freesmtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static freesmtp_error *compose(freesmtp_message *message, const char *file, const char *image) {
    static const char HTML[] = "<p>The figures are attached.</p><img src=\"cid:logo\" alt=\"logo\">";
    static const char CSV[] = "month;sold\nmay;42\n";

    freesmtp_error *error = freesmtp_message_set_from(message, "sender@example.com");
    if (error == NULL)
        error = freesmtp_message_add_recipient(message, "recipient@example.org", NULL, FREESMTP_RECIPIENT_TYPE_TO);
    if (error == NULL)
        error = freesmtp_message_add_recipient(message, "archive@example.com", NULL, FREESMTP_RECIPIENT_TYPE_BCC);
    if (error == NULL)
        error = freesmtp_message_set_subject(message, "Figures for May");
    if (error == NULL)
        error = freesmtp_message_add_body_part(message, "The figures are attached.\n", FREESMTP_BODY_PART_FORMAT_PLAIN,
                                               FREESMTP_BODY_PART_ENCODING_AUTO);
    if (error == NULL)
        error = freesmtp_message_add_body_part(message, HTML, FREESMTP_BODY_PART_FORMAT_HTML,
                                               FREESMTP_BODY_PART_ENCODING_AUTO);
    if (error == NULL)
        error = freesmtp_message_add_embedded_object(message, image, "logo");
    if (error == NULL)
        error = freesmtp_message_add_attachment(message, file, NULL);
    if (error == NULL)
        error = freesmtp_message_add_attachment_bytes(message, CSV, strlen(CSV), "may.csv");
    return error;
}

int main(int argc, char **argv) {
    const char *server = argc > 1 ? argv[1] : "localhost:2525";
    const char *file = argc > 2 ? argv[2] : "report.pdf";
    const char *image = argc > 3 ? argv[3] : "logo.png";

    freesmtp_smtp *smtp = freesmtp_smtp_new(server);
    freesmtp_message *message = freesmtp_message_new();
    freesmtp_report *report = NULL;
    int status = EXIT_SUCCESS;

    freesmtp_error *error = compose(message, file, image);
    if (error == NULL && argc > 4)
        error = freesmtp_smtp_set_log_file(smtp, argv[4]);
    if (error == NULL)
        error = freesmtp_smtp_send(smtp, message, &report);
    if (error == NULL) {
        printf("%llu bytes taken by %s\n", (unsigned long long)freesmtp_report_size(report),
               freesmtp_report_server(report));
    } else {
        fprintf(stderr, "%s\n", freesmtp_error_text(error));
        status = EXIT_FAILURE;
    }

    freesmtp_error_free(error);
    freesmtp_report_free(report);
    freesmtp_message_free(message);
    freesmtp_smtp_free(smtp);
    return status;
}
