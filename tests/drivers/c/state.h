/* What the lines of a job work on. */

#ifndef STATE_H
#define STATE_H

#include "bulk.h"
#include "calls.h"
#include "cancel.h"
#include "job.h"

/* What the lines of a job work on, and the second parts that wait for their line. */
struct state {
    freesmtp_smtp *smtp;
    freesmtp_server *server;
    freesmtp_message *message;
    char *recipient_name, *attachment_name, *content_id, *header_name;
    size_t recipient_name_size, attachment_name_size, content_id_size, header_name_size;
    char *dkim_domain, *selector, *dkim_identity, *dkim_headers, *dkim_oversigned, *calendar_method,
        *calendar_file_name;
    size_t dkim_domain_size, selector_size, dkim_identity_size, dkim_headers_size, dkim_oversigned_size,
        calendar_method_size, calendar_file_name_size;
    long repeat;
    /* The options of the next check; what they point to is kept here. */
    freesmtp_check_options checking;
    char *from, *dkim_selector, *outgoing_ip, *dns;
    char *to[16];
    struct bulk bulk;
    struct calls calls;
    struct ending ending;
};

static int is(const struct line *line, const char *key) { return strcmp(line->key, key) == 0; }

#endif
