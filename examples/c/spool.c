/*
 * Hands a blast of messages over to the agent through the spool, and returns at once.
 *
 *     spool [messages] [blast] [spool]
 *
 * `freesmtp agent` delivers them in the background; `freesmtp blast status <blast> --watch` shows how far it is. Without
 * a spool it is $FREESMTP_SPOOL, or the usual folder.
 */

#include <freesmtp.h>
#include <stdio.h>
#include <stdlib.h>

/* Writes one message of the blast; the caller frees it. */
static freesmtp_error *write_letter(freesmtp_message *message, size_t reader, const char *blast) {
    char email[40];
    snprintf(email, sizeof email, "reader%zu@example.org", reader);
    freesmtp_error *error = freesmtp_message_set_from(message, "news@example.com");
    if (!error) error = freesmtp_message_add_recipient(message, email, NULL, FREESMTP_RECIPIENT_TYPE_TO);
    if (!error) error = freesmtp_message_set_subject(message, "News from C");
    if (!error) error = freesmtp_message_add_body_part(message, "Nothing happened.\n", FREESMTP_BODY_PART_FORMAT_PLAIN,
                                                       FREESMTP_BODY_PART_ENCODING_AUTO);
    if (!error) error = freesmtp_message_set_blast(message, blast);
    return error;
}

int main(int argc, char **argv) {
    const size_t wanted = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 3;
    const char *blast = argc > 2 ? argv[2] : "newsletter";
    freesmtp_smtp *smtp = freesmtp_smtp_new(NULL);
    freesmtp_message **messages = calloc(wanted + 1, sizeof *messages);
    char(*ids)[27] = calloc(wanted + 1, sizeof *ids);
    if (messages == NULL || ids == NULL)
        abort();

    freesmtp_error *error = argc > 3 ? freesmtp_smtp_set_spool_path(smtp, argv[3]) : NULL;
    for (size_t reader = 0; error == NULL && reader < wanted; reader++) {
        messages[reader] = freesmtp_message_new();
        error = write_letter(messages[reader], reader, blast);
    }
    /* One sync of the disk for all: each of them is durable, or there is an error and none of them is delivered. */
    if (error == NULL)
        error = freesmtp_smtp_submit_bulk(smtp, (const freesmtp_message *const *)messages, wanted, NULL, ids);
    if (error == NULL)
        printf("%zu messages are in the spool; the first is %s\n", wanted, wanted > 0 ? ids[0] : "none");
    else
        fprintf(stderr, "%s\n", freesmtp_error_text(error)); /* what failed, why, and what to do */

    const int status = error == NULL ? EXIT_SUCCESS : EXIT_FAILURE;
    freesmtp_error_free(error);
    for (size_t reader = 0; reader < wanted; reader++)
        freesmtp_message_free(messages[reader]);
    free(messages);
    free(ids);
    freesmtp_smtp_free(smtp);
    return status;
}
