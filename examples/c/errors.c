/*
 * Looks at a failure: its kind, what the server said to each recipient, why, and what to do; then asks for the
 * meaning of a reply that another program got.
 *
 *     errors [server]
 */

#include <freesmtp.h>
#include <stdio.h>
#include <stdlib.h>

static void show(const freesmtp_error *error) {
    switch (freesmtp_error_kind(error)) {
    case FREESMTP_ERROR_KIND_MESSAGE:
        printf("the message is not valid: %s %s\n", freesmtp_error_field(error), freesmtp_error_message(error));
        break;
    case FREESMTP_ERROR_KIND_RECIPIENTS_REFUSED:
        puts("no recipient was accepted");
        break;
    default:
        printf("%s at %s: %s\n", freesmtp_error_kind_name(error), freesmtp_error_stage(error),
               freesmtp_error_message(error));
    }
    for (size_t at = 0; at < freesmtp_error_recipient_count(error); at++) {
        const freesmtp_recipient *recipient = freesmtp_error_recipient(error, at);
        printf("  %s: %s, %d %s\n", freesmtp_recipient_email(recipient), freesmtp_recipient_status_name(recipient),
               freesmtp_recipient_reply_code(recipient), freesmtp_recipient_reply_text(recipient));
    }
    const freesmtp_diagnosis *diagnosis = freesmtp_error_diagnosis(error);
    if (diagnosis != NULL)
        printf("%s\nwho must act: %s\n", freesmtp_diagnosis_text(diagnosis), freesmtp_diagnosis_who(diagnosis));
    if (freesmtp_error_is_temporary(error))
        puts("the same call may succeed later");
}

static void explain(void) {
    const char *offered[] = {"AUTH LOGIN PLAIN", "STARTTLS"};
    freesmtp_context context = FREESMTP_CONTEXT_INIT;
    context.host = "mail.example.com";
    context.offered = offered;
    context.offered_count = sizeof offered / sizeof *offered;

    freesmtp_diagnosis *diagnosis = NULL;
    freesmtp_error *error = freesmtp_diagnose("550 5.7.1 Relaying denied", "RCPT", &context, &diagnosis);
    puts(error == NULL ? freesmtp_diagnosis_text(diagnosis) : freesmtp_error_text(error));
    freesmtp_error_free(error);
    freesmtp_diagnosis_free(diagnosis);
}

int main(int argc, char **argv) {
    const char *server = argc > 1 ? argv[1] : "localhost:2525";

    freesmtp_report *report = NULL;
    freesmtp_error *error = freesmtp_quick_send(server, "recipient@foreign.example", "sender@example.com", "Hello",
                                                "Hello, world.\n", FREESMTP_BODY_PART_FORMAT_PLAIN, &report);
    if (error == NULL)
        printf("taken by %s\n", freesmtp_report_server(report));
    else
        show(error);
    freesmtp_error_free(error);
    freesmtp_report_free(report);

    explain();
    return EXIT_SUCCESS;
}
