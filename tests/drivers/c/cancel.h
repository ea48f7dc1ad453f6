/* Cancelling a call of a job, and waiting in one. */

#ifndef CANCEL_H
#define CANCEL_H

#include <freesmtp.h>
#include <pthread.h>

#include "job.h"

/* What the next call is cancelled by, once somebody says something in a FIFO. */
struct ending {
    char *own, *object;
    freesmtp_cancel *cancel;
    freesmtp_smtp *smtp;
    pthread_t thread;
};

/* Waits until somebody says something in that FIFO. */
static void hear(const char *path) {
    FILE *fifo = fopen(path, "rb");
    if (fifo == NULL)
        job_fault("no such FIFO", path);
    fgetc(fifo);
    fclose(fifo);
}

static void *ending_run(void *given) {
    struct ending *ending = given;
    hear(ending->own != NULL ? ending->own : ending->object);
    if (ending->own != NULL)
        freesmtp_cancel_trigger(ending->cancel);
    else
        freesmtp_smtp_cancel(ending->smtp);
    return NULL;
}

/* Begins to wait for what cancels the next call, if anything does; the cancel that the call takes then, or NULL. */
static const freesmtp_cancel *ending_begin(struct ending *ending, freesmtp_smtp *smtp) {
    ending->cancel = ending->own != NULL ? freesmtp_cancel_new() : NULL;
    ending->smtp = smtp;
    if ((ending->own != NULL || ending->object != NULL) &&
        pthread_create(&ending->thread, NULL, ending_run, ending) != 0)
        job_fault("thread", "not created");
    return ending->cancel;
}

/* The call has come back. */
static void ending_end(struct ending *ending) {
    if (ending->own != NULL || ending->object != NULL)
        pthread_join(ending->thread, NULL);
    freesmtp_cancel_free(ending->cancel);
    free(ending->own);
    free(ending->object);
    *ending = (struct ending){0};
}

#endif
