/* Sends a large message to a server that closes in the middle: the signal's disposition is the default one, so that
 * a SIGPIPE would end this program. Prints the kind of the error. */

#include <freesmtp.h>
#include <signal.h>
#include <string.h>

#include "check.h"

int main(int argc, char **argv) {
    CHECK(argc == 2);
    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    const size_t size = 32u << 20;
    char *bytes = malloc(size);
    CHECK(bytes != NULL);
    memset(bytes, 'x', size);

    freesmtp_smtp *smtp = freesmtp_smtp_new(argv[1]);
    freesmtp_message *message = freesmtp_message_new();
    CHECK(freesmtp_message_set_from(message, "sender@domain.test") == NULL);
    CHECK(freesmtp_message_add_recipient(message, "a@b.test", NULL, FREESMTP_RECIPIENT_TYPE_TO) == NULL);
    CHECK(freesmtp_message_add_attachment_bytes(message, bytes, size, "large.bin") == NULL);
    freesmtp_error *error = freesmtp_smtp_send(smtp, message, NULL);
    CHECK(error != NULL);
    puts(freesmtp_error_kind_name(error));

    /* The library has not changed it either. */
    CHECK(signal(SIGPIPE, SIG_DFL) == SIG_DFL);
    freesmtp_error_free(error);
    freesmtp_message_free(message);
    freesmtp_smtp_free(smtp);
    free(bytes);
    return 0;
}
