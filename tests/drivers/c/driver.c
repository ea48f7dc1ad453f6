/* The C driver of the test suite: see tests/drivers/README.md. */

/* getline(), open_memstream() */
#define _POSIX_C_SOURCE 200809L

#include "checking.h"
#include "connection.h"
#include "message.h"
#include "server.h"
#include "told.h"

static void send_message(struct state *s) {
    const long sends = s->repeat;
    s->repeat = 1;
    freesmtp_report *report = NULL;
    freesmtp_error *error = NULL;
    const freesmtp_cancel *cancel = ending_begin(&s->ending, s->smtp);
    for (long sent = 0; sent < sends && error == NULL; sent++) {
        freesmtp_report_free(report);
        error = cancel != NULL ? freesmtp_smtp_send_with(s->smtp, s->message, cancel, &report)
                               : freesmtp_smtp_send(s->smtp, s->message, &report);
    }
    ending_end(&s->ending);
    if (error != NULL) {
        print_error(error, "send", -1);
        freesmtp_error_free(error);
        return;
    }
    print_report(report, "send", sends, -1);
    freesmtp_report_free(report);
}

/* Carries out one line; the error of a line that sets or adds. */
static freesmtp_error *carry_out(struct state *s, struct line *line) {
    if (strncmp(line->key, "server.", strlen("server.")) == 0)
        return server_line(s, line);
    if (strncmp(line->key, "check.", strlen("check.")) == 0) {
        check_line(s, line);
        return NULL;
    }
    if (is(line, "check"))
        return check_server(s);
    if (is(line, "smtp.defaultdomain"))
        return freesmtp_smtp_set_default_domain_n(s->smtp, line->value, line->size);
    if (is(line, "smtp.logfile"))
        return freesmtp_smtp_set_log_file_n(s->smtp, line->value, line->size);
    if (is(line, "smtp.allornothing"))
        return freesmtp_smtp_set_all_or_nothing(s->smtp, job_truth(line));
    if (is(line, "smtp.maxconnections"))
        return freesmtp_smtp_set_max_connections(s->smtp, (int)job_number(line));
    if (is(line, "smtp.maxmessagesperconnection"))
        return freesmtp_smtp_set_max_messages_per_connection(s->smtp, job_number(line));
    if (is(line, "smtp.ratelimit"))
        return freesmtp_smtp_set_rate_limit(s->smtp, job_decimal(line));
    if (is(line, "smtp.spoolpath"))
        return freesmtp_smtp_set_spool_path_n(s->smtp, line->value, line->size);
    if (is(line, "smtp.spooldurability"))
        return freesmtp_smtp_set_spool_durability(s->smtp, (int)job_number(line));
    if (is(line, "smtp.connect") || is(line, "smtp.disconnect") || is(line, "smtp.command")) {
        connection_line(s->smtp, &s->ending, line);
        return NULL;
    }
    if (is(line, "cancel.own") || is(line, "cancel.object")) {
        char **fifo = is(line, "cancel.own") ? &s->ending.own : &s->ending.object;
        *fifo = job_keep(*fifo, line);
        return NULL;
    }
    if (is(line, "wait")) {
        hear(line->value);
        return NULL;
    }
    if (is(line, "repeat")) {
        s->repeat = job_number(line);
        return NULL;
    }
    if (is(line, "send")) {
        send_message(s);
        return NULL;
    }
    if (is(line, "bulk.add") || is(line, "bulk.repeat")) {
        bulk_add(&s->bulk, s->message, is(line, "bulk.add") ? 1 : job_number(line));
        return NULL;
    }
    if (is(line, "sendbulk"))
        return bulk_send(&s->bulk, s->smtp);
    if (is(line, "spoolstatus") || is(line, "waitformessage"))
        return told_status(s->smtp, line);
    if (is(line, "blaststatus") || is(line, "pauseblast") || is(line, "resumeblast") || is(line, "cancelblast") ||
        is(line, "waitforblast"))
        return told_blast(s->smtp, line);
    if (is(line, "spoolevents"))
        return told_spool_events(s->smtp, &s->ending, line);
    if (is(line, "submittospool")) {
        char id[1][27];
        freesmtp_error *error = freesmtp_smtp_submit_to_spool(s->smtp, s->message, NULL, id);
        if (error == NULL)
            print_ids(line->key, id, 1);
        return error;
    }
    if (is(line, "submitbulk"))
        return bulk_submit(&s->bulk, s->smtp, line->key);
    freesmtp_error *error = NULL;
    if (calls_line(&s->calls, s->smtp, s->message, line, &error))
        return error;
    return message_line(s, line);
}

static struct state begin(void) {
    return (struct state){.smtp = freesmtp_smtp_new(NULL),
                          .message = freesmtp_message_new(),
                          .repeat = 1,
                          .checking = {.struct_size = sizeof(freesmtp_check_options)}};
}

static void end(struct state *s) {
    bulk_clear(&s->bulk);
    calls_clear(&s->calls);
    freesmtp_message_free(s->message);
    freesmtp_server_free(s->server);
    freesmtp_smtp_free(s->smtp);
    forget_check(s);
    forget(&s->recipient_name, &s->recipient_name_size);
    forget(&s->attachment_name, &s->attachment_name_size);
    forget(&s->content_id, &s->content_id_size);
    forget(&s->header_name, &s->header_name_size);
    forget(&s->dkim_domain, &s->dkim_domain_size);
    forget(&s->selector, &s->selector_size);
    forget(&s->dkim_identity, &s->dkim_identity_size);
    forget(&s->dkim_headers, &s->dkim_headers_size);
    forget(&s->dkim_oversigned, &s->dkim_oversigned_size);
    forget(&s->calendar_method, &s->calendar_method_size);
    forget(&s->calendar_file_name, &s->calendar_file_name_size);
}

int main(void) {
    out = stdout;
    struct job job = {NULL, 0};
    struct state s = begin();
    struct line line;
    int failed = 0;
    while (job_next(&job, &line)) {
        if (is(&line, "job.end")) {
            end(&s);
            print_end();
            s = begin();
            failed = 0;
        } else if (!failed) {
            freesmtp_error *error = carry_out(&s, &line);
            failed = error != NULL;
            if (failed)
                print_error(error, line.key, -1);
            freesmtp_error_free(error);
        }
    }
    end(&s);
    free(job.text);
    return 0;
}
