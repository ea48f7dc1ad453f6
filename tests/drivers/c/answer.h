/* Printing an answer of tests/drivers/README.md. */

#ifndef ANSWER_H
#define ANSWER_H

#include <freesmtp.h>
#include <stdio.h>

/* Where it is printed to; main() sets it. */
static FILE *out;

static void print_string(const char *text) {
    if (text == NULL) {
        fputs("null", out);
        return;
    }
    putc('"', out);
    for (; *text != '\0'; text++) {
        const unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else if (byte < 0x20)
            fprintf(out, "\\u%04x", byte);
        else
            putc(byte, out);
    }
    putc('"', out);
}

/* `"key":"text"` or `"key":null`, with a comma before it unless it is the first. */
static void print_text(const char *before, const char *key, const char *text) {
    fprintf(out, "%s\"%s\":", before, key);
    print_string(text);
}

static void print_diagnosis(const freesmtp_diagnosis *diagnosis) {
    fputs(",\"diagnosis\":", out);
    if (diagnosis == NULL) {
        fputs("null", out);
        return;
    }
    print_text("{", "cause", freesmtp_diagnosis_cause(diagnosis));
    print_text(",", "who", freesmtp_diagnosis_who(diagnosis));
    print_text(",", "summary", freesmtp_diagnosis_summary(diagnosis));
    print_text(",", "remedy", freesmtp_diagnosis_remedy(diagnosis));
    print_text(",", "evidence", freesmtp_diagnosis_evidence(diagnosis));
    const double wait = freesmtp_diagnosis_retry_after(diagnosis);
    if (wait >= 0)
        fprintf(out, ",\"retry_after\":%.0f", wait);
    else
        fputs(",\"retry_after\":null", out);
    print_text(",", "reference", freesmtp_diagnosis_reference(diagnosis));
    putc('}', out);
}

static void print_recipient(const freesmtp_recipient *recipient) {
    print_text("{", "email", freesmtp_recipient_email(recipient));
    print_text(",", "status", freesmtp_recipient_status_name(recipient));
    print_text(",", "stage", freesmtp_recipient_stage(recipient));
    fprintf(out, ",\"reply_code\":%d", freesmtp_recipient_reply_code(recipient));
    print_text(",", "enhanced_code", freesmtp_recipient_enhanced_code(recipient));
    print_text(",", "reply_text", freesmtp_recipient_reply_text(recipient));
    print_diagnosis(freesmtp_recipient_diagnosis(recipient));
    putc('}', out);
}

/* What every answer begins with; `index` is below 0 for what is not of a bulk. */
static void print_begin(bool ok, const char *at_key, long sends, long index) {
    fprintf(out, "{\"ok\":%s,\"at\":\"%s\",\"sends\":%ld", ok ? "true" : "false", at_key, sends);
    if (index >= 0)
        fprintf(out, ",\"index\":%ld", index);
}

static void print_report(const freesmtp_report *report, const char *at_key, long sends, long index) {
    print_begin(true, at_key, sends, index);
    fputs(",\"report\":{\"recipients\":[", out);
    for (size_t at = 0; at < freesmtp_report_recipient_count(report); at++) {
        if (at > 0)
            putc(',', out);
        print_recipient(freesmtp_report_recipient(report, at));
    }
    fprintf(out, "],\"reply_code\":%d", freesmtp_report_reply_code(report));
    print_text(",", "reply_text", freesmtp_report_reply_text(report));
    print_text(",", "message_id", freesmtp_report_message_id(report));
    fprintf(out, ",\"size\":%llu", (unsigned long long)freesmtp_report_size(report));
    print_text(",", "server", freesmtp_report_server(report));
    fputs(",\"tls\":", out);
    if (freesmtp_report_is_encrypted(report)) {
        print_text("{", "version", freesmtp_report_tls_version(report));
        print_text(",", "cipher", freesmtp_report_tls_cipher(report));
        print_text(",", "certificate_subject", freesmtp_report_tls_certificate_subject(report));
        const long long expires = freesmtp_report_tls_certificate_not_after(report);
        if (expires >= 0)
            fprintf(out, ",\"certificate_not_after\":%lld}", expires);
        else
            fputs(",\"certificate_not_after\":null}", out);
    } else {
        fputs("null", out);
    }
    print_text(",", "auth_mechanism", freesmtp_report_auth_mechanism(report));
    fputs(",\"warnings\":[", out);
    for (size_t at = 0; at < freesmtp_report_warning_count(report); at++) {
        if (at > 0)
            putc(',', out);
        print_string(freesmtp_report_warning(report, at));
    }
    fputs("]}}\n", out);
    fflush(out);
}

static void print_step(const freesmtp_check_report *report, size_t at) {
    print_text("{", "name", freesmtp_check_report_step_name(report, at));
    print_text(",", "status", freesmtp_check_report_step_status(report, at));
    print_text(",", "summary", freesmtp_check_report_step_summary(report, at));
    fprintf(out, ",\"is_temporary\":%s", freesmtp_check_report_step_is_temporary(report, at) ? "true" : "false");
    fputs(",\"facts\":[", out);
    for (size_t fact = 0; fact < freesmtp_check_report_fact_count(report, at); fact++) {
        print_text(fact > 0 ? ",{" : "{", "name", freesmtp_check_report_fact_name(report, at, fact));
        print_text(",", "value", freesmtp_check_report_fact_value(report, at, fact));
        putc('}', out);
    }
    putc(']', out);
    print_diagnosis(freesmtp_check_report_step_diagnosis(report, at));
    putc('}', out);
}

static void print_check(const freesmtp_check_report *report) {
    fputs("{\"ok\":true,\"at\":\"check\",\"sends\":0,\"check\":", out);
    print_text("{", "server", freesmtp_check_report_server(report));
    print_text(",", "status", freesmtp_check_report_status(report));
    print_text(",", "summary", freesmtp_check_report_summary(report));
    fprintf(out, ",\"is_temporary\":%s", freesmtp_check_report_is_temporary(report) ? "true" : "false");
    fputs(",\"steps\":[", out);
    for (size_t at = 0; at < freesmtp_check_report_step_count(report); at++) {
        if (at > 0)
            putc(',', out);
        print_step(report, at);
    }
    fputs("],\"warnings\":[", out);
    for (size_t at = 0; at < freesmtp_check_report_warning_count(report); at++) {
        if (at > 0)
            putc(',', out);
        print_string(freesmtp_check_report_warning(report, at));
    }
    fputs("],\"transcript\":[", out);
    for (size_t at = 0; at < freesmtp_check_report_transcript_count(report); at++) {
        if (at > 0)
            putc(',', out);
        print_string(freesmtp_check_report_transcript_line(report, at));
    }
    putc(']', out);
    print_text(",", "text", freesmtp_check_report_text(report));
    fputs("}}\n", out);
    fflush(out);
}

/* Of messages that the spool has taken. */
static void print_ids(const char *at_key, char (*ids)[27], size_t count) {
    print_begin(true, at_key, 0, -1);
    fputs(",\"ids\":[", out);
    for (size_t at = 0; at < count; at++)
        fprintf(out, "%s\"%s\"", at > 0 ? "," : "", ids[at]);
    fputs("]}\n", out);
    fflush(out);
}

static void print_end(void) {
    fputs("{\"end\":true}\n", out);
    fflush(out);
}

static void print_error(const freesmtp_error *error, const char *at_key, long index) {
    print_begin(false, at_key, 0, index);
    fputs(",\"error\":{", out);
    print_text("", "kind", freesmtp_error_kind_name(error));
    fprintf(out, ",\"number\":%d", freesmtp_error_kind(error));
    print_text(",", "stage", freesmtp_error_stage(error));
    print_text(",", "field", freesmtp_error_field(error));
    print_text(",", "message", freesmtp_error_message(error));
    fprintf(out, ",\"reply_code\":%d", freesmtp_error_reply_code(error));
    print_text(",", "enhanced_code", freesmtp_error_enhanced_code(error));
    print_text(",", "reply_text", freesmtp_error_reply_text(error));
    print_text(",", "server", freesmtp_error_server(error));
    fprintf(out, ",\"is_temporary\":%s", freesmtp_error_is_temporary(error) ? "true" : "false");
    print_text(",", "message_id", freesmtp_error_message_id(error));
    fputs(",\"recipients\":[", out);
    for (size_t at = 0; at < freesmtp_error_recipient_count(error); at++) {
        if (at > 0)
            putc(',', out);
        print_recipient(freesmtp_error_recipient(error, at));
    }
    putc(']', out);
    print_diagnosis(freesmtp_error_diagnosis(error));
    fputs(",\"transcript\":[", out);
    for (size_t at = 0; at < freesmtp_error_transcript_count(error); at++) {
        if (at > 0)
            putc(',', out);
        print_string(freesmtp_error_transcript_line(error, at));
    }
    fputs("]}}\n", out);
    fflush(out);
}

#endif
