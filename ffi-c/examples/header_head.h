/*
 * freesmtp: compose a message, send it to an SMTP server, and know why when it fails.
 *
 *     #include <freesmtp.h>
 *     #include <stdio.h>
 *
 *     freesmtp_smtp *smtp = freesmtp_smtp_new("mail.example.com");
 *     freesmtp_error *error = freesmtp_smtp_set_log_file(smtp, "smtp log.txt");
 *     freesmtp_error_free(error);
 *
 *     freesmtp_message *message = freesmtp_message_new();
 *     freesmtp_message_set_from(message, "sender@example.com");
 *     freesmtp_message_add_recipient(message, "recipient@example.org", NULL, FREESMTP_RECIPIENT_TYPE_TO);
 *     freesmtp_message_set_subject(message, "Report");
 *     freesmtp_message_add_body_part(message, "The report is attached.", FREESMTP_BODY_PART_FORMAT_PLAIN,
 *                                    FREESMTP_BODY_PART_ENCODING_AUTO);
 *     freesmtp_message_add_attachment(message, "report.pdf", NULL);
 *
 *     error = freesmtp_smtp_send(smtp, message, NULL);
 *     if (error != NULL)
 *         fprintf(stderr, "%s\n", freesmtp_error_text(error));
 *
 *     freesmtp_error_free(error);
 *     freesmtp_message_free(message);
 *     freesmtp_smtp_free(smtp);
 *
 * Link with -lfreesmtp, or what `pkg-config --cflags --libs freesmtp` says. C++ programs have <freesmtp.hpp>.
 *
 * The rules, which hold for every function:
 *
 * 1. Errors. A function that can fail returns `freesmtp_error *`: NULL is success, anything else is owned by the
 *    caller and let go with `freesmtp_error_free`. NULL or broken arguments are such an error, which names the
 *    parameter; a function that cannot fail answers them with NULL, 0 or false. A fault of the library itself is an
 *    error of kind 900. Nothing here aborts, raises a signal (SIGPIPE neither), installs a handler or changes what
 *    belongs to the whole process.
 *
 * 2. Texts are UTF-8. A plain `const char *` ends in NUL. Each function that takes texts has a twin that ends in
 *    `_n` and takes their sizes in bytes; there, a text may hold NUL, which is then refused by name like any other
 *    bad input instead of ending the text early. A text that is NULL is refused, unless its comment allows it;
 *    bytes may be NULL when there are none.
 *
 * 3. Ownership. What a function takes is borrowed for the call and copied where it is kept; nothing is consumed but
 *    by the function that lets it go, and what a callback is said to hand over. What it gives is said to be
 *      - owned: let it go with the function named, texts and bytes with `freesmtp_free` (never with `free`);
 *        their size is put into `*size`, and `size` may be NULL;
 *      - borrowed: it lives as long as the error, report or diagnosis that it is asked of;
 *      - static: it lives for ever.
 *    Letting go of NULL does nothing.
 *
 * 4. Threads. Any thread may use any handle. Calls that take a handle as `const T *` may run at the same time as
 *    each other; a call that takes it as `T *` needs it for itself. So many threads may send with one
 *    `freesmtp_smtp`, each over a connection of its own, as long as none changes its settings.
 *
 * 5. Numbers. The values of an enum are passed as `int`; a number that is no value of it is an error that says so.
 *    They never change, and more may be added. Times are in seconds, as `double`.
 *
 * This file is generated: `make header`.
 */

#ifndef FREESMTP_H
#define FREESMTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#else
/* A context of which nothing is known yet. */
#define FREESMTP_CONTEXT_INIT { .struct_size = sizeof(freesmtp_context) }
#endif
