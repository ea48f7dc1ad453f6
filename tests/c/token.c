/* Token callbacks: what they answer, who lets go of their data. The argument is a server that offers XOAUTH2, and takes
 * the token of the last of the sends only. */

#include <freesmtp.h>
#include <string.h>

#include "check.h"

/* What the callback is to do, and what was done to it. */
struct vault {
    void (*answer)(freesmtp_token_answer *answer);
    int asked, released;
};

static void ask(void *user_data, bool refresh, freesmtp_token_answer *answer) {
    struct vault *vault = user_data;
    CHECK(!refresh);
    vault->asked++;
    vault->answer(answer);
}

static void release(void *user_data) { ((struct vault *)user_data)->released++; }

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

static void nothing(freesmtp_token_answer *answer) { CHECK(answer != NULL); }
static void sealed(freesmtp_token_answer *answer) {
    ok(freesmtp_token_answer_give(answer, "t0ken"));
    ok(freesmtp_token_answer_fail(answer, "the vault is sealed"));
}
static void null(freesmtp_token_answer *answer) { refused(freesmtp_token_answer_give(answer, NULL), "token"); }
static void broken(freesmtp_token_answer *answer) { refused(freesmtp_token_answer_give_n(answer, "\xff", 1), "token"); }
static void good(freesmtp_token_answer *answer) { ok(freesmtp_token_answer_give_n(answer, "t0ken, and more", 5)); }

/* Sends with that callback; all that it was given is let go afterwards. */
static void send_with(const char *url, void (*answer)(freesmtp_token_answer *answer), const char *expected) {
    struct vault vault = {answer, 0, 0};
    freesmtp_server *server = NULL, *other = freesmtp_server_new();
    ok(freesmtp_server_parse(url, &server));
    ok(freesmtp_server_set_auth_mode(server, FREESMTP_AUTH_MODE_XOAUTH2));
    ok(freesmtp_server_set_account(server, "user"));
    ok(freesmtp_server_set_allow_plaintext_auth(server, true));
    ok(freesmtp_server_set_token_callback(other, ask, &vault, release));
    ok(freesmtp_server_share_token(server, other));
    freesmtp_server_free(other);

    freesmtp_smtp *smtp = freesmtp_smtp_new(NULL), *copy;
    ok(freesmtp_smtp_add_server(smtp, server));
    freesmtp_server_free(server);
    copy = freesmtp_smtp_clone(smtp);
    freesmtp_smtp_free(smtp);
    CHECK(vault.released == 0);

    freesmtp_message *message = freesmtp_message_new();
    ok(freesmtp_message_set_from(message, "a@b.test"));
    ok(freesmtp_message_add_recipient(message, "c@d.test", NULL, FREESMTP_RECIPIENT_TYPE_TO));
    freesmtp_error *error = freesmtp_smtp_send(copy, message, NULL);
    if (expected == NULL) {
        ok(error);
    } else {
        CHECK(error != NULL && freesmtp_error_kind(error) == FREESMTP_ERROR_KIND_AUTHENTICATION);
        if (strstr(freesmtp_error_message(error), expected) == NULL)
            fprintf(stderr, "%s\n", freesmtp_error_message(error));
        CHECK(strstr(freesmtp_error_message(error), expected) != NULL);
    }
    freesmtp_error_free(error);
    freesmtp_message_free(message);
    CHECK(vault.asked == 1 && vault.released == 0);
    freesmtp_smtp_free(copy);
    CHECK(vault.released == 1);
}

static void arguments_are_checked(void) {
    struct vault vault = {nothing, 0, 0};
    freesmtp_server *server = freesmtp_server_new();
    refused(freesmtp_server_set_token_callback(server, NULL, &vault, release), "callback");
    refused(freesmtp_server_set_token_callback(NULL, ask, &vault, release), "server");
    CHECK(vault.released == 0);
    refused(freesmtp_server_set_token(server, NULL), "token");
    refused(freesmtp_server_share_token(server, NULL), "other");
    refused(freesmtp_token_answer_give(NULL, "t"), "answer");
    refused(freesmtp_token_answer_fail(NULL, "t"), "answer");
    ok(freesmtp_server_set_token_callback(server, ask, &vault, release));
    ok(freesmtp_server_set_token(server, "instead"));
    CHECK(vault.released == 1);

    CHECK(freesmtp_server_mail_auth(server, NULL) == NULL && freesmtp_server_client_key(server, NULL) == NULL);
    ok(freesmtp_server_set_mail_auth(server, ""));
    char *mailbox = freesmtp_server_mail_auth(server, NULL);
    CHECK(mailbox != NULL && *mailbox == '\0');
    freesmtp_free(mailbox);
    ok(freesmtp_server_set_mail_auth(server, NULL));
    CHECK(freesmtp_server_mail_auth(server, NULL) == NULL);
    freesmtp_server_free(server);
    CHECK(vault.released == 1);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    arguments_are_checked();
    send_with(argv[1], nothing, "the token callback gave no answer");
    send_with(argv[1], sealed, "the vault is sealed");
    send_with(argv[1], null, "is NULL");
    send_with(argv[1], broken, "is not UTF-8");
    send_with(argv[1], good, NULL);
    return 0;
}
