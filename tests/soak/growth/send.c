/* Sends as many messages as it is told, one after the other, and prints what is resident after a tenth and at the end. */

#include <freesmtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void fail(freesmtp_error *error) {
    if (error == NULL)
        return;
    fprintf(stderr, "%s\n", freesmtp_error_text(error));
    exit(1);
}

static long resident(void) {
    long pages = 0, held = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &pages, &held) != 2)
        exit(1);
    fclose(file);
    return held * sysconf(_SC_PAGESIZE);
}

static void on_status(void *user_data, uint64_t total_sent, uint64_t total_size) {
    *(uint64_t *)user_data += total_sent == total_size;
}

static void on_failed(void *user_data, const char *email_address, const char *response) {
    (void)user_data, (void)email_address, (void)response;
}

int main(int argc, char **argv) {
    if (argc != 3)
        return 2;
    const long sends = atol(argv[2]);
    uint64_t whole = 0;
    freesmtp_smtp *smtp = freesmtp_smtp_new(argv[1]);
    fail(freesmtp_smtp_on_status(smtp, on_status, &whole, NULL));
    fail(freesmtp_smtp_on_recipient_failed(smtp, on_failed, NULL, NULL));
    char subject[40];
    for (long number = 1; number <= sends; number++) {
        freesmtp_message *message = freesmtp_message_new();
        fail(freesmtp_message_set_from(message, "a@b.test"));
        fail(freesmtp_message_add_recipient(message, "c@d.test", NULL, FREESMTP_RECIPIENT_TYPE_TO));
        snprintf(subject, sizeof subject, "Number %ld", number);
        fail(freesmtp_message_set_subject(message, subject));
        freesmtp_report *report = NULL;
        fail(freesmtp_smtp_send(smtp, message, &report));
        freesmtp_report_free(report);
        if (number % 100 == 0) {
            fail(freesmtp_message_set_subject(message, "a\nb"));
            freesmtp_error *error = freesmtp_smtp_send(smtp, message, NULL);
            if (error == NULL)
                return 3;
            freesmtp_error_free(error);
        }
        freesmtp_message_free(message);
        if (number == sends / 10)
            printf("%ld\n", resident());
    }
    printf("%ld\n", resident());
    freesmtp_smtp_free(smtp);
    return whole == (uint64_t)sends ? 0 : 4;
}
