/* The promises of the header's head that need no server: NULL, broken texts, numbers, ownership. */

#include <freesmtp.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "check.h"

/* Lets go of an error that must be there, be of kind `message` and name `field`. */
static void refused(freesmtp_error *error, const char *field) {
    CHECK(error != NULL);
    CHECK(freesmtp_error_kind(error) == FREESMTP_ERROR_KIND_MESSAGE);
    CHECK(freesmtp_error_field(error) != NULL);
    if (strcmp(freesmtp_error_field(error), field) != 0) {
        fprintf(stderr, "field %s instead of %s\n", freesmtp_error_field(error), field);
        exit(1);
    }
    CHECK(freesmtp_error_diagnosis(error) != NULL);
    CHECK(strcmp(freesmtp_diagnosis_cause(freesmtp_error_diagnosis(error)), "invalid-input") == 0);
    freesmtp_error_free(error);
}

static void ok(freesmtp_error *error) {
    if (error != NULL)
        fprintf(stderr, "%s\n", freesmtp_error_text(error));
    CHECK(error == NULL);
}

/* Lets go of an owned text that must be equal. */
static void is(char *owned, const char *expected) {
    CHECK(owned != NULL && strcmp(owned, expected) == 0);
    freesmtp_free(owned);
}

static void null_is_no_crash(void) {
    freesmtp_smtp_free(NULL);
    freesmtp_server_free(NULL);
    freesmtp_message_free(NULL);
    freesmtp_report_free(NULL);
    freesmtp_error_free(NULL);
    freesmtp_diagnosis_free(NULL);
    freesmtp_cancel_free(NULL);
    freesmtp_free(NULL);

    CHECK(freesmtp_error_kind(NULL) == 0);
    CHECK(freesmtp_error_message(NULL) == NULL);
    CHECK(freesmtp_error_recipient_count(NULL) == 0);
    CHECK(freesmtp_error_recipient(NULL, 0) == NULL);
    CHECK(freesmtp_error_diagnosis(NULL) == NULL);
    CHECK(freesmtp_report_reply_text(NULL) == NULL);
    CHECK(freesmtp_report_size(NULL) == 0);
    CHECK(freesmtp_recipient_email(NULL) == NULL);
    CHECK(freesmtp_diagnosis_retry_after(NULL) == -1);
    CHECK(freesmtp_smtp_log_file(NULL, NULL) == NULL);
    CHECK(freesmtp_message_clone(NULL) == NULL);
    CHECK(!freesmtp_smtp_connected(NULL));
    CHECK(!freesmtp_cancel_is_triggered(NULL));
    freesmtp_cancel_trigger(NULL);
    freesmtp_smtp_cancel(NULL);
    freesmtp_smtp_disconnect(NULL);
    freesmtp_smtp_reset(NULL);
    freesmtp_message_reset(NULL);

    freesmtp_smtp *smtp = freesmtp_smtp_new(NULL);
    freesmtp_message *message = freesmtp_message_new();
    refused(freesmtp_smtp_send(NULL, message, NULL), "smtp");
    refused(freesmtp_smtp_send(smtp, NULL, NULL), "message");
    refused(freesmtp_smtp_send_with(smtp, message, NULL, NULL), "cancel");
    refused(freesmtp_smtp_connect(NULL), "smtp");
    refused(freesmtp_smtp_connect_with(smtp, NULL), "cancel");
    freesmtp_smtp_disconnect_with(smtp, NULL);
    freesmtp_smtp_disconnect_with(NULL, NULL);
    refused(freesmtp_smtp_add_server(smtp, NULL), "server");
    refused(freesmtp_smtp_set_log_file(smtp, NULL), "path");
    refused(freesmtp_smtp_set_timeouts(smtp, NULL), "timeouts");
    refused(freesmtp_smtp_send_command(smtp, NULL, NULL, NULL), "command");
    char *reply = "not set";
    refused(freesmtp_smtp_send_command_with(smtp, "NOOP", NULL, NULL, &reply), "cancel");
    CHECK(reply == NULL);
    refused(freesmtp_message_set_subject(message, NULL), "subject");
    refused(freesmtp_message_set_subject_n(message, NULL, 0), "subject");
    refused(freesmtp_message_add_recipient(message, NULL, NULL, 0), "email");
    refused(freesmtp_message_add_attachment_bytes(message, NULL, 3, "a"), "content");
    refused(freesmtp_message_to_bytes(message, NULL, NULL), "bytes");
    refused(freesmtp_diagnose(NULL, NULL, NULL, NULL), "diagnosis");
    refused(freesmtp_quick_send(NULL, "a@b.test", "a@b.test", "", "", 0, NULL), "server");
    freesmtp_message_free(message);
    freesmtp_smtp_free(smtp);
}

static void broken_texts_and_numbers_are_named(void) {
    freesmtp_smtp *smtp = freesmtp_smtp_new(NULL);
    freesmtp_server *server = freesmtp_server_new();
    freesmtp_message *message = freesmtp_message_new();

    refused(freesmtp_message_set_subject(message, "\xc3("), "subject");
    refused(freesmtp_message_add_recipient(message, "a@b.test", "\xff", 0), "name");
    refused(freesmtp_message_add_body_part(message, "\xed\xa0\x80", 0, 4), "body");
    refused(freesmtp_smtp_set_default_domain(smtp, "\x80"), "domain");
    refused(freesmtp_message_set_subject_n(message, "x", SIZE_MAX), "subject");

    refused(freesmtp_message_add_recipient(message, "a@b.test", NULL, 3), "Type");
    refused(freesmtp_message_add_recipient(message, "a@b.test", NULL, -1), "Type");
    refused(freesmtp_message_add_recipient(message, "a@b.test", NULL, 256), "Type");
    refused(freesmtp_message_add_body_part(message, "", 2, 4), "Format");
    refused(freesmtp_message_add_body_part(message, "", 0, 1), "Encoding");
    refused(freesmtp_message_set_priority(message, 2), "Priority");
    refused(freesmtp_server_set_port(server, 65536), "Port");
    refused(freesmtp_server_set_port(server, -1), "Port");
    refused(freesmtp_server_set_security(server, 5), "Security");
    refused(freesmtp_server_set_auth_mode(server, INT_MAX), "AuthMode");
    refused(freesmtp_server_set_min_tls_version(server, 13), "MinTlsVersion");
    refused(freesmtp_server_set_local_end_point(server, "here"), "LocalEndPoint");
    refused(freesmtp_server_set_timeout(server, NAN), "Timeout");
    refused(freesmtp_server_set_timeout(server, -1), "Timeout");
    refused(freesmtp_server_set_timeout(server, INFINITY), "Timeout");
    refused(freesmtp_smtp_set_default_timeout(smtp, 0), "DefaultTimeout");
    refused(freesmtp_smtp_set_max_connections(smtp, 0), "MaxConnections");
    refused(freesmtp_smtp_set_max_connections(smtp, -1), "MaxConnections");
    refused(freesmtp_smtp_set_max_messages_per_connection(smtp, -1), "MaxMessagesPerConnection");
    refused(freesmtp_smtp_set_rate_limit(smtp, NAN), "RateLimit");
    refused(freesmtp_smtp_set_rate_limit(smtp, 1e-9), "RateLimit");
    freesmtp_timeouts timeouts = {1, 1, 1, 1, 1, -1};
    refused(freesmtp_smtp_set_timeouts(smtp, &timeouts), "Timeouts.Operation");
    timeouts.operation = 0;
    timeouts.data_block = INFINITY;
    refused(freesmtp_smtp_set_timeouts(smtp, &timeouts), "Timeouts.DataBlock");
    refused(freesmtp_smtp_remove_server(smtp, 0), "index");
    refused(freesmtp_message_remove_recipient(message, 0), "index");
    refused(freesmtp_message_set_attachment_content_type(message, 0, "a/b"), "index");

    /* Nothing of what was refused is there. */
    CHECK(freesmtp_message_recipient_count(message) == 0);
    CHECK(freesmtp_message_body_part_count(message) == 0);
    is(freesmtp_message_subject(message, NULL), "");
    CHECK(freesmtp_server_port(server) == 0);
    CHECK(freesmtp_server_timeout(server) == -1);

    freesmtp_message_free(message);
    freesmtp_server_free(server);
    freesmtp_smtp_free(smtp);
}

static void a_bad_server_is_reported_when_it_is_needed(void) {
    freesmtp_smtp *smtp = freesmtp_smtp_new("http://mail.example.com");
    freesmtp_message *message = freesmtp_message_new();
    freesmtp_report *report = (freesmtp_report *)&report;
    refused(freesmtp_smtp_send(smtp, message, &report), "Name");
    CHECK(report == NULL);
    refused(freesmtp_smtp_connect(smtp), "Name");
    refused(freesmtp_smtp_add_url(smtp, "host:70000"), "Port");
    freesmtp_smtp_reset(smtp);
    refused(freesmtp_smtp_send(smtp, message, NULL), "SMTPServers");
    freesmtp_message_free(message);
    freesmtp_smtp_free(smtp);
}

static void what_is_set_is_given_back(void) {
    freesmtp_smtp *smtp = freesmtp_smtp_new("smtps://us%40er:secret@mail.example.com");
    freesmtp_server *server = freesmtp_smtp_server(smtp, 0);
    is(freesmtp_server_name(server, NULL), "mail.example.com");
    is(freesmtp_server_account(server, NULL), "us@er");
    CHECK(freesmtp_server_port(server) == 0 && freesmtp_server_effective_port(server) == 465);
    CHECK(freesmtp_server_security(server) == FREESMTP_SECURITY_IMPLICIT);
    ok(freesmtp_server_set_port(server, 2525));
    ok(freesmtp_smtp_replace_server(smtp, 0, server));
    ok(freesmtp_smtp_add_server(smtp, server));
    freesmtp_server_free(server);
    CHECK(freesmtp_smtp_server(smtp, 2) == NULL);
    ok(freesmtp_smtp_remove_server(smtp, 0));
    CHECK(freesmtp_smtp_server_count(smtp) == 1);

    ok(freesmtp_smtp_set_default_domain(smtp, "client.test"));
    is(freesmtp_smtp_default_domain(smtp, NULL), "client.test");
    CHECK(freesmtp_smtp_log_file(smtp, NULL) == NULL);
    ok(freesmtp_smtp_set_default_timeout(smtp, 1.5));
    freesmtp_timeouts timeouts;
    ok(freesmtp_smtp_timeouts(smtp, &timeouts));
    CHECK(timeouts.connect == 1.5 && timeouts.end_of_data == 1.5 && timeouts.operation == 0);
    timeouts.operation = 90;
    ok(freesmtp_smtp_set_timeouts(smtp, &timeouts));
    timeouts.operation = 0;
    ok(freesmtp_smtp_timeouts(smtp, &timeouts));
    CHECK(timeouts.operation == 90);
    ok(freesmtp_smtp_set_default_timeout(smtp, 2));
    ok(freesmtp_smtp_timeouts(smtp, &timeouts));
    CHECK(timeouts.connect == 2 && timeouts.operation == 90);
    CHECK(freesmtp_smtp_max_connections(smtp) == 1 && freesmtp_smtp_max_messages_per_connection(smtp) == 0);
    CHECK(freesmtp_smtp_rate_limit(smtp) == 0);
    ok(freesmtp_smtp_set_max_connections(smtp, 8));
    ok(freesmtp_smtp_set_max_messages_per_connection(smtp, 100));
    ok(freesmtp_smtp_set_rate_limit(smtp, 0.5));
    CHECK(freesmtp_smtp_max_connections(smtp) == 8 && freesmtp_smtp_max_messages_per_connection(smtp) == 100);
    CHECK(freesmtp_smtp_rate_limit(smtp) == 0.5);
    ok(freesmtp_smtp_set_rate_limit(smtp, -1));
    CHECK(freesmtp_smtp_rate_limit(smtp) == 0);
    ok(freesmtp_smtp_set_all_or_nothing(smtp, true));
    freesmtp_smtp *copy = freesmtp_smtp_clone(smtp);
    ok(freesmtp_smtp_set_all_or_nothing(smtp, false));
    CHECK(freesmtp_smtp_all_or_nothing(copy) && !freesmtp_smtp_all_or_nothing(smtp));
    freesmtp_smtp_free(copy);
    freesmtp_smtp_free(smtp);

    freesmtp_message *message = freesmtp_message_new();
    CHECK(freesmtp_message_sender(message, NULL) == NULL);
    CHECK(freesmtp_message_return_path(message, NULL) == NULL);
    ok(freesmtp_message_set_from(message, "a@b.test"));
    ok(freesmtp_message_set_subject_n(message, "a\0b", 3));
    size_t size = 0;
    char *subject = freesmtp_message_subject(message, &size);
    CHECK(size == 3 && memcmp(subject, "a\0b", 4) == 0);
    freesmtp_free(subject);
    ok(freesmtp_message_add_recipient(message, "c@d.test", "Zoë", FREESMTP_RECIPIENT_TYPE_CC));
    is(freesmtp_message_recipient_name(message, 0, NULL), "Zoë");
    CHECK(freesmtp_message_recipient_type(message, 0) == FREESMTP_RECIPIENT_TYPE_CC);
    CHECK(freesmtp_message_recipient_type(message, 1) == -1);

    char *bytes = (char *)&size;
    refused(freesmtp_message_to_bytes(message, &bytes, &size), "Subject");
    CHECK(bytes == NULL && size == 0);
    ok(freesmtp_message_set_subject(message, "Hello"));
    ok(freesmtp_message_add_attachment_bytes(message, NULL, 0, "empty.bin"));
    ok(freesmtp_message_set_attachment_content_type(message, 0, "application/x-nothing"));
    ok(freesmtp_message_to_bytes(message, &bytes, &size));
    CHECK(strlen(bytes) == size);
    CHECK(strstr(bytes, "Subject: Hello\r\n") != NULL && strstr(bytes, "application/x-nothing") != NULL);
    freesmtp_free(bytes);
    freesmtp_message_reset(message);
    CHECK(freesmtp_message_recipient_count(message) == 0);
    freesmtp_message_free(message);
}

static void replies_are_explained(void) {
    freesmtp_diagnosis *diagnosis = NULL;
    ok(freesmtp_diagnose("550-5.1.1 The address\n550 5.1.1 does not exist: no such user", "rcpt", NULL, &diagnosis));
    CHECK(strcmp(freesmtp_diagnosis_cause(diagnosis), "recipient-unknown") == 0);
    freesmtp_diagnosis_free(diagnosis);

    /* An older program's context is shorter: what lies behind it is not read. */
    struct {
        size_t struct_size;
        const char *host;
        unsigned char behind[sizeof(freesmtp_context)];
    } older = {.struct_size = 2 * sizeof(void *), .host = "old.example.com"};
    memset(older.behind, 0xff, sizeof older.behind);
    ok(freesmtp_diagnose("550 5.7.1 Relaying denied", "RCPT", (const freesmtp_context *)(void *)&older, &diagnosis));
    CHECK(strstr(freesmtp_diagnosis_text(diagnosis), "old.example.com") != NULL);
    freesmtp_diagnosis_free(diagnosis);

    refused(freesmtp_diagnose("550 no", "TEA", NULL, &diagnosis), "stage");
    CHECK(diagnosis == NULL);
    freesmtp_context context = FREESMTP_CONTEXT_INIT;
    context.local_address = "nowhere";
    refused(freesmtp_diagnose("550 no", NULL, &context, &diagnosis), "context.local_address");
}

static void conversations_are_explained(void) {
    freesmtp_explanations *found = NULL;
    ok(freesmtp_explain("C: EHLO me\nS: 250-mx.example.com\nS: 250 AUTH LOGIN\nC: MAIL FROM:<a@b.test>\nS: 250 ok\n"
                        "C: RCPT TO:<c@d.test>\nS: 554 5.7.1 <c@d.test>: Relay access denied\n",
                        &found));
    CHECK(freesmtp_explanations_count(found) == 1);
    CHECK(freesmtp_explanations_line(found, 0) == 7);
    CHECK(strcmp(freesmtp_explanations_stage(found, 0), "RCPT") == 0);
    CHECK(strcmp(freesmtp_explanations_sender(found, 0), "a@b.test") == 0);
    CHECK(strcmp(freesmtp_explanations_recipient(found, 0), "c@d.test") == 0);
    CHECK(freesmtp_explanations_reply_code(found, 0) == 554);
    CHECK(strstr(freesmtp_explanations_reply_text(found, 0), "Relay access denied") != NULL);
    CHECK(strcmp(freesmtp_diagnosis_cause(freesmtp_explanations_diagnosis(found, 0)), "relay-denied") == 0);
    CHECK(freesmtp_explanations_host(found, 0) == NULL);
    CHECK(freesmtp_explanations_diagnosis(found, 1) == NULL && freesmtp_explanations_line(found, 1) == 0);
    freesmtp_explanations_free(found);
    ok(freesmtp_explain_n("250 ok\n550 5.1.1 no", 6, &found));
    CHECK(found != NULL && freesmtp_explanations_count(found) == 0);
    freesmtp_explanations_free(found);
    refused(freesmtp_explain(NULL, &found), "transcript");
    CHECK(found == NULL && freesmtp_explanations_count(NULL) == 0);
    freesmtp_explanations_free(NULL);
}

int main(void) {
    null_is_no_crash();
    broken_texts_and_numbers_are_named();
    a_bad_server_is_reported_when_it_is_needed();
    what_is_set_is_given_back();
    replies_are_explained();
    conversations_are_explained();
    CHECK(strlen(freesmtp_version()) >= 5);
    return 0;
}
