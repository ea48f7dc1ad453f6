/* The list of a bulk, and its results in the order of the messages. */

/* open_memstream() needs POSIX 2008: see driver.c. */

#ifndef BULK_H
#define BULK_H

#include "answer.h"
#include "job.h"

/* Messages that are handed over one after the other, and the answer to each. */
struct bulk {
    freesmtp_message **messages;
    char **answers;
    size_t count, given;
};

static void *bulk_room(void *before, size_t count, size_t size) {
    void *room = realloc(before, count * size);
    if (room == NULL)
        job_fault("memory", "too little");
    return room;
}

/* Appends copies of the message as it is now. */
static void bulk_add(struct bulk *bulk, const freesmtp_message *message, long copies) {
    for (; copies > 0; copies--) {
        bulk->messages = bulk_room(bulk->messages, bulk->count + 1, sizeof *bulk->messages);
        bulk->answers = bulk_room(bulk->answers, bulk->count + 1, sizeof *bulk->answers);
        bulk->messages[bulk->count] = freesmtp_message_clone(message);
        bulk->answers[bulk->count] = NULL;
        bulk->count++;
    }
}

static freesmtp_message *bulk_next(void *user_data) {
    struct bulk *bulk = user_data;
    return bulk->given < bulk->count ? bulk->messages[bulk->given++] : NULL;
}

static bool bulk_result(void *user_data, size_t index, const freesmtp_report *report, const freesmtp_error *error) {
    struct bulk *bulk = user_data;
    size_t size;
    out = open_memstream(&bulk->answers[index], &size);
    if (out == NULL)
        job_fault("memory", "too little");
    if (error != NULL)
        print_error(error, "sendbulk", (long)index);
    else
        print_report(report, "sendbulk", 1, (long)index);
    fclose(out);
    out = stdout;
    return true;
}

static void bulk_clear(struct bulk *bulk) {
    for (size_t at = 0; at < bulk->count; at++) {
        if (at >= bulk->given)
            freesmtp_message_free(bulk->messages[at]);
        free(bulk->answers[at]);
    }
    free(bulk->messages);
    free(bulk->answers);
    *bulk = (struct bulk){0};
}

/* Sends the list, and prints what came of each message. */
static freesmtp_error *bulk_send(struct bulk *bulk, const freesmtp_smtp *smtp) {
    freesmtp_error *error = freesmtp_smtp_send_bulk(smtp, bulk_next, bulk_result, bulk);
    for (size_t at = 0; at < bulk->count; at++)
        if (bulk->answers[at] != NULL)
            fputs(bulk->answers[at], out);
    fflush(out);
    bulk_clear(bulk);
    return error;
}

/* Submits the list, and prints the ids; the list is empty afterwards. */
static freesmtp_error *bulk_submit(struct bulk *bulk, freesmtp_smtp *smtp, const char *at_key) {
    char(*ids)[27] = bulk_room(NULL, bulk->count + 1, sizeof *ids);
    const freesmtp_message **messages = bulk_room(NULL, bulk->count + 1, sizeof *messages);
    for (size_t at = 0; at < bulk->count; at++)
        messages[at] = bulk->messages[at];
    freesmtp_error *error = freesmtp_smtp_submit_bulk(smtp, messages, bulk->count, NULL, ids);
    if (error == NULL)
        print_ids(at_key, ids, bulk->count);
    free(messages);
    free(ids);
    for (size_t at = 0; at < bulk->count; at++)
        freesmtp_message_free(bulk->messages[at]);
    bulk->count = 0;
    return error;
}

#endif
