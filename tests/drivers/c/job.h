/* Reading a job of tests/drivers/README.md. */

#ifndef JOB_H
#define JOB_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* One line: key and value, escapes resolved. The value may hold NUL; one more NUL ends it. */
struct line {
    const char *key;
    char *value;
    size_t size;
};

/* A fault of the job. */
static void job_fault(const char *what, const char *detail) {
    fprintf(stderr, "job: %s: %s\n", what, detail);
    exit(2);
}

/* Resolves the escapes of `text` in place; the size of the result. */
static size_t job_unescape(char *text) {
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from != '\\') {
            *to++ = *from;
            continue;
        }
        switch (*++from) {
        case 'n': *to++ = '\n'; break;
        case 'r': *to++ = '\r'; break;
        case 't': *to++ = '\t'; break;
        case '0': *to++ = '\0'; break;
        case '\\': *to++ = '\\'; break;
        default: job_fault("unknown escape", text);
        }
    }
    *to = '\0';
    return (size_t)(to - text);
}

/* Where a line is read to; free() it at the end. */
struct job {
    char *text;
    size_t room;
};

/* The next line of the job that is neither empty nor a comment; it holds until the one after it. 0 at the end. */
static int job_next(struct job *job, struct line *line) {
    for (ssize_t size; (size = getline(&job->text, &job->room, stdin)) > 0;) {
        char *begin = job->text;
        if (begin[size - 1] == '\n')
            begin[size - 1] = '\0';
        if (*begin == '\0' || *begin == '#')
            continue;
        char *space = strchr(begin, ' ');
        if (space != NULL)
            *space = '\0';
        line->key = begin;
        line->value = space == NULL ? begin + strlen(begin) : space + 1;
        line->size = job_unescape(line->value);
        return 1;
    }
    return 0;
}

static int job_truth(const struct line *line) {
    if (strcmp(line->value, "true") == 0)
        return 1;
    if (strcmp(line->value, "false") != 0)
        job_fault("neither true nor false", line->value);
    return 0;
}

static long job_number(const struct line *line) {
    char *end;
    const long number = strtol(line->value, &end, 10);
    if (*line->value == '\0' || *end != '\0')
        job_fault("not a number", line->value);
    return number;
}

static double job_decimal(const struct line *line) {
    char *end;
    const double number = strtod(line->value, &end);
    if (*line->value == '\0' || *end != '\0')
        job_fault("not a number", line->value);
    return number;
}

/* Decodes base64 in place; the size of the result. */
static size_t job_base64(struct line *line) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned long bits = 0;
    int count = 0;
    size_t size = 0;
    for (size_t at = 0; at < line->size && line->value[at] != '='; at++) {
        const char *digit = strchr(digits, line->value[at]);
        if (digit == NULL || line->value[at] == '\0')
            job_fault("not base64", line->value);
        bits = (bits << 6 | (unsigned long)(digit - digits)) & 0xffffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            line->value[size++] = (char)(bits >> count & 0xff);
        }
    }
    return size;
}

/* A copy of a value that is kept; free() it. */
static char *job_keep(char *before, const struct line *line) {
    free(before);
    char *copy = malloc(line->size + 1);
    if (copy == NULL)
        job_fault("memory", "too little");
    memcpy(copy, line->value, line->size + 1);
    return copy;
}

#endif
