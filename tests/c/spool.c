/* Handing messages over to the spool, through the C library. The folder is the argument; it does not exist yet. */

#include <freesmtp.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static void ok(freesmtp_error *error) {
    if (error != NULL)
        fprintf(stderr, "%s\n", freesmtp_error_text(error));
    CHECK(error == NULL);
}

static void refused(freesmtp_error *error, enum freesmtp_error_kind kind, const char *field) {
    CHECK(error != NULL && freesmtp_error_kind(error) == (int)kind);
    CHECK(strcmp(freesmtp_error_field(error), field) == 0);
    freesmtp_error_free(error);
}

static freesmtp_message *message(const char *subject) {
    freesmtp_message *made = freesmtp_message_new();
    ok(freesmtp_message_set_from(made, "sender@example.com"));
    ok(freesmtp_message_add_recipient(made, "recipient@example.org", NULL, FREESMTP_RECIPIENT_TYPE_TO));
    ok(freesmtp_message_set_subject(made, subject));
    return made;
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    const char *folder = argv[1];
    freesmtp_smtp *smtp = freesmtp_smtp_new(NULL);
    CHECK(freesmtp_smtp_spool_path(smtp, NULL) == NULL);
    ok(freesmtp_smtp_set_spool_path(smtp, folder));
    char *path = freesmtp_smtp_spool_path(smtp, NULL);
    CHECK(strcmp(path, folder) == 0);
    freesmtp_free(path);
    CHECK(freesmtp_smtp_spool_durability(smtp) == FREESMTP_DURABILITY_FULL);
    refused(freesmtp_smtp_set_spool_durability(smtp, 3), FREESMTP_ERROR_KIND_MESSAGE, "SpoolDurability");
    ok(freesmtp_smtp_set_spool_durability(smtp, FREESMTP_DURABILITY_BATCH));

    freesmtp_message *one = message("one"), *two = message("two");
    ok(freesmtp_message_set_not_before(one, 2000000000));
    ok(freesmtp_message_set_expires(one, 2000000001));
    ok(freesmtp_message_set_spool_priority(one, -9));
    ok(freesmtp_message_set_blast(one, "News"));
    ok(freesmtp_message_set_idempotency_key_n(one, "key and more", 3));
    refused(freesmtp_message_set_spool_priority(one, 1000), FREESMTP_ERROR_KIND_MESSAGE, "SpoolPriority");

    char id[27], ids[2][27];
    ok(freesmtp_smtp_submit_to_spool(smtp, one, NULL, &id));
    CHECK(strlen(id) == 26);
    ok(freesmtp_smtp_submit_to_spool(smtp, one, folder, NULL));
    ok(freesmtp_smtp_sync_spool(smtp));
    const freesmtp_message *both[] = {one, two};
    ok(freesmtp_smtp_submit_bulk(smtp, both, 2, NULL, ids));
    CHECK(strlen(ids[0]) == 26 && strlen(ids[1]) == 26 && strcmp(ids[0], ids[1]) != 0);
    ok(freesmtp_smtp_submit_bulk(smtp, NULL, 0, NULL, NULL));
    ok(freesmtp_smtp_submit_bulk(smtp, both, 2, folder, NULL));

    ok(freesmtp_message_set_not_before(two, 2000000000));
    ok(freesmtp_message_set_expires(two, 2000000000));
    refused(freesmtp_smtp_submit_bulk(smtp, both, 2, NULL, ids), FREESMTP_ERROR_KIND_MESSAGE, "Expires");
    const freesmtp_message *missing[] = {one, NULL};
    refused(freesmtp_smtp_submit_bulk(smtp, missing, 2, NULL, NULL), FREESMTP_ERROR_KIND_MESSAGE, "message");
    refused(freesmtp_smtp_submit_to_spool(smtp, NULL, NULL, NULL), FREESMTP_ERROR_KIND_MESSAGE, "message");
    refused(freesmtp_smtp_submit_to_spool(smtp, one, "/dev/null/spool", NULL), FREESMTP_ERROR_KIND_SPOOL, "SpoolPath");
    freesmtp_message_free(one);
    freesmtp_message_free(two);
    freesmtp_smtp_free(smtp);
    /* What was told, for the test that looks into the spool. */
    printf("%s\n%s\n%s\n", id, ids[0], ids[1]);
    return 0;
}
