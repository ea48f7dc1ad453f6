/* The kept connection of a job, and commands of its own. */

#ifndef CONNECTION_H
#define CONNECTION_H

#include "answer.h"
#include "cancel.h"
#include "told.h"

/* Connects, disconnects, or sends the command of the line, and prints what came of it; a disconnect says nothing. */
static void connection_line(freesmtp_smtp *smtp, struct ending *ending, const struct line *line) {
    int code = 0;
    char *text = NULL;
    freesmtp_error *error = NULL;
    const freesmtp_cancel *cancel = ending_begin(ending, smtp);
    const bool is_command = strcmp(line->key, "smtp.command") == 0;
    if (strcmp(line->key, "smtp.disconnect") == 0) {
        if (cancel != NULL)
            freesmtp_smtp_disconnect_with(smtp, cancel);
        else
            freesmtp_smtp_disconnect(smtp);
        ending_end(ending);
        return;
    }
    if (is_command)
        error = cancel != NULL ? freesmtp_smtp_send_command_with_n(smtp, line->value, line->size, cancel, &code, &text)
                               : freesmtp_smtp_send_command_n(smtp, line->value, line->size, &code, &text);
    else
        error = cancel != NULL ? freesmtp_smtp_connect_with(smtp, cancel) : freesmtp_smtp_connect(smtp);
    ending_end(ending);
    if (error != NULL) {
        print_error(error, line->key, -1);
        freesmtp_error_free(error);
        return;
    }
    told_begin(line->key);
    if (is_command) {
        fprintf(out, "\"%d\",", code);
        print_string(text);
    }
    told_end();
    freesmtp_free(text);
}

#endif
