/* Calls whose texts are arguments, for tests/drivers/README.md: QuickSend, those of a merge, Diagnose, Explain. */

#ifndef CALLS_H
#define CALLS_H

#include "answer.h"
#include "bulk.h"
#include "job.h"
#include "told.h"

enum {
    QUICK_SERVER,
    QUICK_FROM,
    QUICK_SUBJECT,
    QUICK_BODY,
    ROW_NAME,
    STAGE,
    HOST,
    OFFERED,
    ACCOUNT,
    SENDER,
    RECIPIENT,
    TEXTS
};

static const char *const CALL_KEYS[TEXTS] = {
    "quick.server",  "quick.from",       "quick.subject",    "quick.body",      "row.name",           "diagnose.stage",
    "diagnose.host", "diagnose.offered", "diagnose.account", "diagnose.sender", "diagnose.recipient",
};

enum { MOST_FIELDS = 16 };

/* The texts that wait for the line that makes the call, and the row of the next merge. */
struct calls {
    char *texts[TEXTS];
    size_t sizes[TEXTS];
    freesmtp_field_n fields[MOST_FIELDS];
    size_t field_count;
    bool row_given;
};

static void calls_clear(struct calls *calls) {
    for (size_t at = 0; at < TEXTS; at++)
        free(calls->texts[at]);
    for (size_t at = 0; at < calls->field_count; at++) {
        free((char *)calls->fields[at].name);
        free((char *)calls->fields[at].value);
    }
    *calls = (struct calls){0};
}

/* Keeps a text; 0 when the key is none of these. */
static int calls_kept(struct calls *calls, const struct line *line) {
    for (size_t at = 0; at < TEXTS; at++)
        if (strcmp(line->key, CALL_KEYS[at]) == 0) {
            calls->texts[at] = job_keep(calls->texts[at], line);
            calls->sizes[at] = line->size;
            return 1;
        }
    if (strcmp(line->key, "row.value") != 0)
        return 0;
    if (calls->field_count == MOST_FIELDS || calls->texts[ROW_NAME] == NULL)
        job_fault("no field of a row", line->value);
    calls->fields[calls->field_count++] = (freesmtp_field_n){.name = calls->texts[ROW_NAME],
                                                            .name_size = calls->sizes[ROW_NAME],
                                                            .value = job_keep(NULL, line),
                                                            .value_size = line->size};
    calls->texts[ROW_NAME] = NULL;
    return 1;
}

static freesmtp_error *calls_quick_send(const struct calls *calls, const struct line *line) {
    freesmtp_report *report = NULL;
    freesmtp_error *error =
        freesmtp_quick_send(calls->texts[QUICK_SERVER], line->value, calls->texts[QUICK_FROM],
                            calls->texts[QUICK_SUBJECT], calls->texts[QUICK_BODY], FREESMTP_BODY_PART_FORMAT_PLAIN, &report);
    if (error == NULL)
        print_report(report, "send", 1, -1);
    freesmtp_report_free(report);
    return error;
}

static bool calls_row(void *user_data, const freesmtp_field_n **fields, size_t *count) {
    struct calls *calls = user_data;
    *fields = calls->fields;
    *count = calls->field_count;
    const bool is_first = !calls->row_given;
    calls->row_given = true;
    return is_first;
}

static bool calls_result(void *user_data, size_t index, const freesmtp_report *report, const freesmtp_error *error) {
    (void)user_data;
    if (error != NULL)
        print_error(error, "sendbulk", (long)index);
    else
        print_report(report, "sendbulk", 1, (long)index);
    return true;
}

static void calls_submitted(void *user_data, size_t index, const char *id) {
    (void)user_data;
    char ids[1][27];
    (void)index;
    memcpy(ids[0], id, sizeof ids[0]);
    print_ids("submitmerge", ids, 1);
}

/* Sends or submits the message of the row. */
static freesmtp_error *calls_merge(struct calls *calls, const freesmtp_smtp *smtp, const freesmtp_message *message,
                                   const struct line *line) {
    freesmtp_template *template = NULL;
    freesmtp_error *error = freesmtp_template_new(message, &template);
    if (error == NULL && strcmp(line->key, "sendmerge") == 0)
        error = freesmtp_smtp_send_bulk_merge_n(smtp, template, calls_row, calls_result, calls);
    else if (error == NULL)
        error = freesmtp_smtp_submit_bulk_merge_n(smtp, template, calls_row, NULL, calls_submitted, calls);
    freesmtp_template_free(template);
    return error;
}

static void told_diagnosis(const freesmtp_diagnosis *diagnosis) {
    const char *const texts[] = {freesmtp_diagnosis_cause(diagnosis), freesmtp_diagnosis_who(diagnosis),
                                 freesmtp_diagnosis_summary(diagnosis), freesmtp_diagnosis_remedy(diagnosis),
                                 freesmtp_diagnosis_evidence(diagnosis)};
    for (size_t at = 0; at < sizeof texts / sizeof *texts; at++) {
        if (at > 0)
            putc(',', out);
        print_string(texts[at]);
    }
}

static freesmtp_error *calls_diagnose(const struct calls *calls, const struct line *line) {
    freesmtp_context context = FREESMTP_CONTEXT_INIT;
    const char *const offered[] = {calls->texts[OFFERED]};
    context.host = calls->texts[HOST];
    context.offered = offered;
    context.offered_count = calls->texts[OFFERED] == NULL ? 0 : 1;
    context.user = calls->texts[ACCOUNT];
    context.sender = calls->texts[SENDER];
    context.recipient = calls->texts[RECIPIENT];
    freesmtp_diagnosis *diagnosis = NULL;
    freesmtp_error *error = freesmtp_diagnose(line->value, calls->texts[STAGE], &context, &diagnosis);
    if (error != NULL)
        return error;
    told_begin(line->key);
    told_diagnosis(diagnosis);
    told_end();
    freesmtp_diagnosis_free(diagnosis);
    return NULL;
}

static freesmtp_error *calls_explain(const struct line *line) {
    freesmtp_explanations *found = NULL;
    freesmtp_error *error = freesmtp_explain_n(line->value, line->size, &found);
    if (error != NULL)
        return error;
    told_begin(line->key);
    for (size_t at = 0; at < freesmtp_explanations_count(found); at++) {
        if (at > 0)
            putc(',', out);
        told_diagnosis(freesmtp_explanations_diagnosis(found, at));
    }
    told_end();
    freesmtp_explanations_free(found);
    return NULL;
}

/* Makes the call of the line, or keeps a text for one; 0 when the key is none of these. */
static int calls_line(struct calls *calls, const freesmtp_smtp *smtp, const freesmtp_message *message,
                      const struct line *line, freesmtp_error **error) {
    if (calls_kept(calls, line))
        return 1;
    if (strcmp(line->key, "quicksend") == 0)
        *error = calls_quick_send(calls, line);
    else if (strcmp(line->key, "sendmerge") == 0 || strcmp(line->key, "submitmerge") == 0)
        *error = calls_merge(calls, smtp, message, line);
    else if (strcmp(line->key, "diagnose") == 0)
        *error = calls_diagnose(calls, line);
    else if (strcmp(line->key, "explain") == 0)
        *error = calls_explain(line);
    else
        return 0;
    calls_clear(calls);
    return 1;
}

#endif
