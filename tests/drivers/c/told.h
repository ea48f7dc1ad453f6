/* What the agent of the spool told, for tests/drivers/README.md. */

#ifndef TOLD_H
#define TOLD_H

#include "answer.h"
#include "cancel.h"
#include "job.h"
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

static void told_begin(const char *key) {
    print_begin(true, key, 0, -1);
    fputs(",\"told\":[", out);
}

static void told_end(void) {
    fputs("]}\n", out);
    fflush(out);
}

static freesmtp_error *told_status(const freesmtp_smtp *smtp, const struct line *line) {
    freesmtp_spool_status *status;
    freesmtp_error *error = strcmp(line->key, "waitformessage") == 0
                                ? freesmtp_spool_wait(smtp, line->value, 20, NULL, &status)
                                : freesmtp_spool_status_get(smtp, line->value, &status);
    if (error != NULL)
        return error;
    told_begin(line->key);
    print_string(freesmtp_spool_status_id(status));
    putc(',', out);
    print_string(freesmtp_spool_status_state(status));
    fprintf(out, ",\"%s\",\"%" PRIu64 "\",\"%" PRIu64 "\"", freesmtp_spool_status_is_done(status) ? "true" : "false",
            freesmtp_spool_status_recipients_total(status), freesmtp_spool_status_recipients_open(status));
    for (size_t at = 0; at < freesmtp_spool_status_recipient_count(status); at++)
        fprintf(out, ",\"%s %s %d\"", freesmtp_spool_status_recipient_email(status, at),
                freesmtp_spool_status_recipient_state(status, at),
                freesmtp_spool_status_recipient_reply_code(status, at));
    told_end();
    freesmtp_spool_status_free(status);
    return NULL;
}

static freesmtp_error *told_blast(const freesmtp_smtp *smtp, const struct line *line) {
    freesmtp_blast_status *status;
    freesmtp_error *error = strcmp(line->key, "pauseblast") == 0    ? freesmtp_blast_pause(smtp, line->value, &status)
                            : strcmp(line->key, "resumeblast") == 0 ? freesmtp_blast_resume(smtp, line->value, &status)
                            : strcmp(line->key, "cancelblast") == 0 ? freesmtp_blast_cancel(smtp, line->value, &status)
                            : strcmp(line->key, "waitforblast") == 0
                                ? freesmtp_blast_wait(smtp, line->value, 20, NULL, &status)
                                : freesmtp_blast_status_get(smtp, line->value, &status);
    if (error != NULL)
        return error;
    told_begin(line->key);
    print_string(freesmtp_blast_status_name(status));
    putc(',', out);
    print_string(freesmtp_blast_status_state(status));
    fprintf(out, ",\"%s\"", freesmtp_blast_status_is_done(status) ? "true" : "false");
    const uint64_t counts[] = {freesmtp_blast_status_messages(status), freesmtp_blast_status_recipients(status),
                               freesmtp_blast_status_open(status), freesmtp_blast_status_delivered(status),
                               freesmtp_blast_status_failed(status), freesmtp_blast_status_cancelled(status)};
    for (size_t at = 0; at < sizeof counts / sizeof *counts; at++)
        fprintf(out, ",\"%" PRIu64 "\"", counts[at]);
    told_end();
    freesmtp_blast_status_free(status);
    return NULL;
}

struct told_events {
    const char *key;
    long left;
    bool first;
};

static bool told_event(void *user_data, const freesmtp_spool_event *event) {
    struct told_events *to = user_data;
    if (event == NULL) {
        told_begin(to->key);
        return true;
    }
    fprintf(out, "%s\"%s %s %s %d\"", to->first ? "" : ",", freesmtp_spool_event_kind(event),
            freesmtp_spool_event_recipient(event), freesmtp_spool_event_blast(event),
            freesmtp_spool_event_reply_code(event));
    to->first = false;
    if (--to->left > 0)
        return true;
    told_end();
    return false;
}

/* The value is how many events, of the blast `news`. */
static freesmtp_error *told_spool_events(freesmtp_smtp *smtp, struct ending *ending, const struct line *line) {
    struct told_events to = {.key = line->key, .left = job_number(line), .first = true};
    freesmtp_error *error = freesmtp_spool_events(smtp, "news", told_event, &to, ending_begin(ending, smtp));
    ending_end(ending);
    return error;
}

#endif
