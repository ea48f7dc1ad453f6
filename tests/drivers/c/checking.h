/* The lines of a job that check a server. */

#ifndef CHECKING_H
#define CHECKING_H

#include "answer.h"
#include "state.h"

/* The options of the next check; the API takes them with the check itself. */
static void check_line(struct state *s, const struct line *line) {
    const char *key = line->key + strlen("check.");
    if (strcmp(key, "from") == 0)
        s->checking.from = s->from = job_keep(s->from, line);
    else if (strcmp(key, "dkimselector") == 0)
        s->checking.dkim_selector = s->dkim_selector = job_keep(s->dkim_selector, line);
    else if (strcmp(key, "outgoingip") == 0)
        s->checking.outgoing_ip = s->outgoing_ip = job_keep(s->outgoing_ip, line);
    else if (strcmp(key, "dns") == 0)
        s->checking.dns = s->dns = job_keep(s->dns, line);
    else if (strcmp(key, "timeout") == 0)
        s->checking.timeout = (double)job_number(line);
    else if (strcmp(key, "server") == 0)
        s->checking.server = (size_t)job_number(line);
    else if (strcmp(key, "to") == 0 && s->checking.to_count < sizeof s->to / sizeof *s->to)
        s->to[s->checking.to_count++] = job_keep(NULL, line);
    else
        job_fault("unknown key", line->key);
}

static void forget_check(struct state *s) {
    free(s->from);
    free(s->dkim_selector);
    free(s->outgoing_ip);
    free(s->dns);
    s->from = s->dkim_selector = s->outgoing_ip = s->dns = NULL;
    for (size_t at = 0; at < s->checking.to_count; at++)
        free(s->to[at]);
    s->checking = (freesmtp_check_options){.struct_size = sizeof s->checking};
}

static freesmtp_error *check_server(struct state *s) {
    freesmtp_check_report *report = NULL;
    s->checking.to = (const char *const *)s->to;
    freesmtp_error *error = freesmtp_check(s->smtp, &s->checking, &report);
    if (error == NULL)
        print_check(report);
    freesmtp_check_report_free(report);
    forget_check(s);
    return error;
}

#endif
