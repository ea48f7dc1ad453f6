/* What is set can be read again: of a message, its parts, a signer and a server; and what is not set says so. */

#include <freesmtp.h>
#include <string.h>

#include "check.h"

static void ok(freesmtp_error *error) {
    if (error != NULL)
        fprintf(stderr, "%s\n", freesmtp_error_text(error));
    CHECK(error == NULL);
}

/* Lets go of an owned text that must be equal. */
static void is(char *owned, const char *expected) {
    CHECK(owned != NULL);
    if (strcmp(owned, expected) != 0)
        fprintf(stderr, "%s instead of %s\n", owned, expected);
    CHECK(strcmp(owned, expected) == 0);
    freesmtp_free(owned);
}

static void an_empty_message(const freesmtp_message *message) {
    int64_t seconds = 7;
    int16_t offset = 7;
    uint32_t count = 7;
    int8_t priority = 7;
    size_t size = 7;
    CHECK(!freesmtp_message_date(message, &seconds, &offset));
    CHECK(freesmtp_message_auto_submitted(message) == FREESMTP_AUTO_SUBMITTED_NO);
    CHECK(freesmtp_message_in_reply_to_count(message) == 0 && freesmtp_message_in_reply_to(message, 0, NULL) == NULL);
    CHECK(freesmtp_message_reference_count(message) == 0 && freesmtp_message_reference(message, 0, NULL) == NULL);
    CHECK(freesmtp_message_list_unsubscribe_count(message) == 0);
    CHECK(freesmtp_message_list_unsubscribe(message, 0, NULL) == NULL);
    CHECK(!freesmtp_message_list_unsubscribe_one_click(message));
    CHECK(freesmtp_message_calendar(message, NULL) == NULL && freesmtp_message_calendar_method(message, NULL) == NULL);
    CHECK(freesmtp_message_calendar_file_name(message, NULL) == NULL);
    CHECK(freesmtp_message_recipient_notify(message, 0) == FREESMTP_NOTIFY_DEFAULT);
    CHECK(freesmtp_message_recipient_original_recipient(message, 0, &size) == NULL && size == 0);
    CHECK(!freesmtp_message_recipient_valid_since(message, 0, &seconds));
    CHECK(freesmtp_message_recipient_valid_since_action(message, 0) == FREESMTP_VALID_SINCE_ACTION_DEFAULT);
    CHECK(freesmtp_message_return_content(message) == FREESMTP_RETURN_CONTENT_DEFAULT);
    CHECK(freesmtp_message_envelope_id(message, NULL) == NULL && !freesmtp_message_require_tls(message));
    CHECK(!freesmtp_message_deliver_by(message, &count) && !freesmtp_message_deliver_by_trace(message));
    CHECK(freesmtp_message_deliver_by_mode(message) == FREESMTP_DELIVER_BY_MODE_NOTIFY);
    CHECK(!freesmtp_message_hold_for(message, &count) && !freesmtp_message_hold_until(message, &seconds));
    CHECK(!freesmtp_message_mt_priority(message, &priority));
    CHECK(!freesmtp_message_not_before(message, &seconds) && !freesmtp_message_expires(message, &seconds));
    CHECK(freesmtp_message_spool_priority(message) == 0 && freesmtp_message_blast(message, NULL) == NULL);
    CHECK(freesmtp_message_idempotency_key(message, NULL) == NULL);
    CHECK(freesmtp_message_attachment_path(message, 0, NULL) == NULL);
    CHECK(freesmtp_message_attachment_content_type(message, 0, NULL) == NULL);
    CHECK(freesmtp_message_embedded_object_path(message, 0, NULL) == NULL);
    CHECK(freesmtp_message_embedded_object_name(message, 0, NULL) == NULL);
    CHECK(freesmtp_message_embedded_object_content_type(message, 0, NULL) == NULL);
    CHECK(freesmtp_message_raw(message, &size) == NULL && freesmtp_message_raw_file(message, NULL) == NULL);
    CHECK(freesmtp_message_signer_count(message) == 0 && freesmtp_message_signer(message, 0) == NULL);
    /* What is not set leaves its place alone. */
    CHECK(seconds == 7 && offset == 7 && count == 7 && priority == 7);
}

static void the_head(void) {
    freesmtp_message *message = freesmtp_message_new();
    int64_t seconds = 0;
    int16_t offset = 0;
    ok(freesmtp_message_set_date(message, -86400, -90));
    CHECK(freesmtp_message_date(message, &seconds, &offset) && seconds == -86400 && offset == -90);
    CHECK(freesmtp_message_date(message, NULL, NULL));
    ok(freesmtp_message_set_auto_submitted(message, FREESMTP_AUTO_SUBMITTED_REPLIED));
    CHECK(freesmtp_message_auto_submitted(message) == FREESMTP_AUTO_SUBMITTED_REPLIED);
    ok(freesmtp_message_add_in_reply_to(message, "<2@b.test>"));
    ok(freesmtp_message_add_reference(message, "1@b.test"));
    ok(freesmtp_message_add_reference(message, "<2@b.test>"));
    CHECK(freesmtp_message_in_reply_to_count(message) == 1 && freesmtp_message_reference_count(message) == 2);
    is(freesmtp_message_in_reply_to(message, 0, NULL), "<2@b.test>");
    is(freesmtp_message_reference(message, 0, NULL), "1@b.test");
    CHECK(freesmtp_message_reference(message, 2, NULL) == NULL);
    ok(freesmtp_message_add_list_unsubscribe(message, "https://b.test/off"));
    ok(freesmtp_message_set_list_unsubscribe_one_click(message, true));
    CHECK(freesmtp_message_list_unsubscribe_count(message) == 1);
    is(freesmtp_message_list_unsubscribe(message, 0, NULL), "https://b.test/off");
    CHECK(freesmtp_message_list_unsubscribe_one_click(message));
    freesmtp_message_free(message);
}

static void the_parts(void) {
    freesmtp_message *message = freesmtp_message_new();
    size_t size = 0;
    ok(freesmtp_message_set_calendar(message, "BEGIN:VCALENDAR", NULL, NULL));
    is(freesmtp_message_calendar(message, NULL), "BEGIN:VCALENDAR");
    is(freesmtp_message_calendar_method(message, NULL), "");
    is(freesmtp_message_calendar_file_name(message, NULL), "invite.ics");
    ok(freesmtp_message_set_calendar(message, "BEGIN:VCALENDAR", "REQUEST", ""));
    is(freesmtp_message_calendar_method(message, NULL), "REQUEST");
    CHECK(freesmtp_message_calendar_file_name(message, NULL) == NULL);

    ok(freesmtp_message_add_attachment(message, "a.pdf", "shown.pdf"));
    ok(freesmtp_message_add_attachment_bytes(message, "abc", 3, "b.txt"));
    ok(freesmtp_message_set_attachment_content_type(message, 1, "text/x-own"));
    is(freesmtp_message_attachment_path(message, 0, NULL), "a.pdf");
    CHECK(freesmtp_message_attachment_content_type(message, 0, NULL) == NULL);
    CHECK(freesmtp_message_attachment_path(message, 1, NULL) == NULL);
    is(freesmtp_message_attachment_content_type(message, 1, &size), "text/x-own");
    CHECK(size == 10);
    ok(freesmtp_message_add_embedded_object(message, "logo.png", "logo"));
    ok(freesmtp_message_add_embedded_bytes(message, "abc", 3, "b.png", "b"));
    ok(freesmtp_message_set_embedded_object_content_type(message, 0, "image/x-own"));
    is(freesmtp_message_embedded_object_path(message, 0, NULL), "logo.png");
    CHECK(freesmtp_message_embedded_object_name(message, 0, NULL) == NULL);
    is(freesmtp_message_embedded_object_content_type(message, 0, NULL), "image/x-own");
    CHECK(freesmtp_message_embedded_object_path(message, 1, NULL) == NULL);
    is(freesmtp_message_embedded_object_name(message, 1, NULL), "b.png");

    ok(freesmtp_message_set_raw(message, "a\0b", 3));
    char *raw = freesmtp_message_raw(message, &size);
    CHECK(size == 3 && memcmp(raw, "a\0b", 4) == 0 && freesmtp_message_raw_file(message, NULL) == NULL);
    freesmtp_free(raw);
    ok(freesmtp_message_set_raw_file(message, "whole.eml"));
    CHECK(freesmtp_message_raw(message, &size) == NULL && size == 0);
    is(freesmtp_message_raw_file(message, NULL), "whole.eml");
    freesmtp_message_free(message);
}

static void what_is_asked_of_servers(void) {
    freesmtp_message *message = freesmtp_message_new();
    int64_t seconds = 0;
    uint32_t count = 0;
    int8_t priority = 0;
    ok(freesmtp_message_add_recipient(message, "c@d.test", NULL, FREESMTP_RECIPIENT_TYPE_TO));
    ok(freesmtp_message_set_recipient_notify(message, 0, FREESMTP_NOTIFY_SUCCESS | FREESMTP_NOTIFY_DELAY));
    ok(freesmtp_message_set_recipient_original_recipient(message, 0, "a@b.test"));
    ok(freesmtp_message_set_recipient_valid_since(message, 0, 1));
    ok(freesmtp_message_set_recipient_valid_since_action(message, 0, FREESMTP_VALID_SINCE_ACTION_REJECT));
    CHECK(freesmtp_message_recipient_notify(message, 0) == (FREESMTP_NOTIFY_SUCCESS | FREESMTP_NOTIFY_DELAY));
    is(freesmtp_message_recipient_original_recipient(message, 0, NULL), "a@b.test");
    CHECK(freesmtp_message_recipient_valid_since(message, 0, &seconds) && seconds == 1);
    CHECK(freesmtp_message_recipient_valid_since_action(message, 0) == FREESMTP_VALID_SINCE_ACTION_REJECT);
    CHECK(freesmtp_message_recipient_notify(message, 1) == FREESMTP_NOTIFY_DEFAULT);

    CHECK(freesmtp_message_optional_extension_count(message) == 1);
    is(freesmtp_message_optional_extension(message, 0, NULL), "DSN");
    ok(freesmtp_message_add_optional_extension(message, "DELIVERBY"));
    is(freesmtp_message_optional_extension(message, 1, NULL), "DELIVERBY");
    CHECK(freesmtp_message_optional_extension(message, 2, NULL) == NULL);
    ok(freesmtp_message_clear_optional_extensions(message));
    CHECK(freesmtp_message_optional_extension_count(message) == 0);
    ok(freesmtp_message_set_return_content(message, FREESMTP_RETURN_CONTENT_HEADERS));
    CHECK(freesmtp_message_return_content(message) == FREESMTP_RETURN_CONTENT_HEADERS);
    ok(freesmtp_message_set_envelope_id(message, "QQ 314159"));
    is(freesmtp_message_envelope_id(message, NULL), "QQ 314159");
    ok(freesmtp_message_set_require_tls(message, true));
    CHECK(freesmtp_message_require_tls(message));
    ok(freesmtp_message_set_deliver_by(message, 60));
    ok(freesmtp_message_set_deliver_by_mode(message, FREESMTP_DELIVER_BY_MODE_RETURN));
    ok(freesmtp_message_set_deliver_by_trace(message, true));
    CHECK(freesmtp_message_deliver_by(message, &count) && count == 60 && freesmtp_message_deliver_by_trace(message));
    CHECK(freesmtp_message_deliver_by_mode(message) == FREESMTP_DELIVER_BY_MODE_RETURN);
    ok(freesmtp_message_set_hold_for(message, 61));
    ok(freesmtp_message_set_hold_until(message, 62));
    CHECK(freesmtp_message_hold_for(message, &count) && count == 61);
    CHECK(freesmtp_message_hold_until(message, &seconds) && seconds == 62);
    ok(freesmtp_message_set_mt_priority(message, -9));
    CHECK(freesmtp_message_mt_priority(message, &priority) && priority == -9);

    ok(freesmtp_message_set_not_before(message, 63));
    ok(freesmtp_message_set_expires(message, 64));
    CHECK(freesmtp_message_not_before(message, &seconds) && seconds == 63);
    CHECK(freesmtp_message_expires(message, &seconds) && seconds == 64);
    ok(freesmtp_message_set_spool_priority(message, -3));
    CHECK(freesmtp_message_spool_priority(message) == -3);
    ok(freesmtp_message_set_blast(message, "may"));
    ok(freesmtp_message_set_idempotency_key(message, "order 7"));
    is(freesmtp_message_blast(message, NULL), "may");
    is(freesmtp_message_idempotency_key(message, NULL), "order 7");
    freesmtp_message_free(message);
}

static void a_signer(void) {
    freesmtp_signer *signer = NULL;
    /* The key of RFC 8463 appendix A.2. */
    ok(freesmtp_signer_new("b.test", "may", "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=", &signer));
    is(freesmtp_signer_domain(signer, NULL), "b.test");
    is(freesmtp_signer_selector(signer, NULL), "may");
    is(freesmtp_signer_algorithm(signer, NULL), "ed25519-sha256");
    CHECK(freesmtp_signer_identity(signer, NULL) == NULL && freesmtp_signer_expires_after(signer) == 0);
    ok(freesmtp_signer_set_identity(signer, "a@b.test"));
    ok(freesmtp_signer_set_expires_after(signer, 3600));
    ok(freesmtp_signer_set_canonicalization(signer, FREESMTP_CANONICALIZATION_SIMPLE, FREESMTP_CANONICALIZATION_RELAXED));
    freesmtp_message *message = freesmtp_message_new();
    ok(freesmtp_message_add_signer(message, signer));
    freesmtp_signer_free(signer);
    CHECK(freesmtp_message_signer_count(message) == 1 && freesmtp_message_signer(message, 1) == NULL);
    signer = freesmtp_message_signer(message, 0);
    freesmtp_message_free(message);
    is(freesmtp_signer_identity(signer, NULL), "a@b.test");
    CHECK(freesmtp_signer_expires_after(signer) == 3600);
    CHECK(freesmtp_signer_header_canonicalization(signer) == FREESMTP_CANONICALIZATION_SIMPLE);
    CHECK(freesmtp_signer_body_canonicalization(signer) == FREESMTP_CANONICALIZATION_RELAXED);
    freesmtp_signer_free(signer);
    CHECK(freesmtp_signer_domain(NULL, NULL) == NULL && freesmtp_signer_expires_after(NULL) == 0);
}

static void a_server(void) {
    freesmtp_server *server = freesmtp_server_new();
    size_t size = 7;
    CHECK(freesmtp_server_proxy(server, NULL) == NULL && freesmtp_server_local_end_point(server, NULL) == NULL);
    CHECK(freesmtp_server_ca_pem(server, &size) == NULL && size == 0);
    CHECK(freesmtp_server_certificate_pin_count(server) == 0 && freesmtp_server_disabled_extension_count(server) == 0);
    CHECK(freesmtp_server_certificate_pin(server, 0, NULL) == NULL);
    CHECK(freesmtp_server_disabled_extension(server, 0, NULL) == NULL);
    CHECK(freesmtp_server_min_tls_version(server) == FREESMTP_MIN_TLS_VERSION_TLS12);
    CHECK(!freesmtp_server_danger_accept_invalid_certs(server));
    CHECK(!freesmtp_server_danger_accept_invalid_hostnames(server));

    ok(freesmtp_server_set_proxy(server, "socks5://user:p%40ss@proxy.test:1080"));
    ok(freesmtp_server_set_local_end_point(server, "::1"));
    ok(freesmtp_server_set_ca_pem(server, "no PEM yet"));
    const char *pin = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    ok(freesmtp_server_add_certificate_pin(server, pin));
    ok(freesmtp_server_add_disabled_extension(server, "SIZE"));
    ok(freesmtp_server_set_min_tls_version(server, FREESMTP_MIN_TLS_VERSION_TLS10));
    ok(freesmtp_server_set_danger_accept_invalid_certs(server, true));
    ok(freesmtp_server_set_danger_accept_invalid_hostnames(server, true));
    is(freesmtp_server_proxy(server, NULL), "socks5://user:p%40ss@proxy.test:1080");
    is(freesmtp_server_local_end_point(server, NULL), "::1");
    is(freesmtp_server_ca_pem(server, &size), "no PEM yet");
    CHECK(size == 10 && freesmtp_server_certificate_pin_count(server) == 1);
    is(freesmtp_server_certificate_pin(server, 0, NULL), pin);
    CHECK(freesmtp_server_disabled_extension_count(server) == 1);
    is(freesmtp_server_disabled_extension(server, 0, NULL), "SIZE");
    CHECK(freesmtp_server_min_tls_version(server) == FREESMTP_MIN_TLS_VERSION_TLS10);
    CHECK(freesmtp_server_danger_accept_invalid_certs(server));
    CHECK(freesmtp_server_danger_accept_invalid_hostnames(server));
    freesmtp_server_free(server);

    freesmtp_smtp *smtp = freesmtp_smtp_new("mail.example.com");
    CHECK(freesmtp_smtp_default_timeout(smtp) == -1);
    ok(freesmtp_smtp_set_default_timeout(smtp, 2.5));
    CHECK(freesmtp_smtp_default_timeout(smtp) == 2.5 && freesmtp_smtp_default_timeout(NULL) == -1);
    freesmtp_smtp_free(smtp);
}

int main(void) {
    freesmtp_message *message = freesmtp_message_new();
    an_empty_message(message);
    an_empty_message(NULL);
    freesmtp_message_free(message);
    the_head();
    the_parts();
    what_is_asked_of_servers();
    a_signer();
    a_server();
    return 0;
}
