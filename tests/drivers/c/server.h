/* The lines of a job that set a server. */

#ifndef SERVER_H
#define SERVER_H

#include "state.h"

struct name {
    const char *text;
    int number;
};

static const struct name SECURITY[] = {
    {"none", FREESMTP_SECURITY_NONE},         {"opportunistic", FREESMTP_SECURITY_OPPORTUNISTIC},
    {"required", FREESMTP_SECURITY_REQUIRED}, {"implicit", FREESMTP_SECURITY_IMPLICIT},
    {"auto", FREESMTP_SECURITY_AUTO},         {NULL, 0},
};

static const struct name MIN_TLS_VERSION[] = {
    {"1.0", FREESMTP_MIN_TLS_VERSION_TLS10},
    {"1.1", FREESMTP_MIN_TLS_VERSION_TLS11},
    {"1.2", FREESMTP_MIN_TLS_VERSION_TLS12},
    {NULL, 0},
};

static const struct name AUTH_MODE[] = {
    {"none", FREESMTP_AUTH_MODE_NONE},
    {"login", FREESMTP_AUTH_MODE_AUTH_LOGIN},
    {"cram-md5", FREESMTP_AUTH_MODE_CRAM_MD5},
    {"sasl", FREESMTP_AUTH_MODE_SASL},
    {"plain", FREESMTP_AUTH_MODE_PLAIN},
    {"digest-md5", FREESMTP_AUTH_MODE_DIGEST_MD5},
    {"scram-sha-1", FREESMTP_AUTH_MODE_SCRAM_SHA1},
    {"scram-sha-256", FREESMTP_AUTH_MODE_SCRAM_SHA256},
    {"scram-sha-512", FREESMTP_AUTH_MODE_SCRAM_SHA512},
    {"scram-md5", FREESMTP_AUTH_MODE_SCRAM_MD5},
    {"ntlm", FREESMTP_AUTH_MODE_NTLM},
    {"xoauth2", FREESMTP_AUTH_MODE_XOAUTH2},
    {"oauthbearer", FREESMTP_AUTH_MODE_OAUTHBEARER},
    {"external", FREESMTP_AUTH_MODE_EXTERNAL},
    {"anonymous", FREESMTP_AUTH_MODE_ANONYMOUS},
    {"auto", FREESMTP_AUTH_MODE_AUTO},
    {NULL, 0},
};

static int number_of(const struct name *names, const struct line *line) {
    for (; names->text != NULL; names++)
        if (strcmp(names->text, line->value) == 0)
            return names->number;
    job_fault("no such value", line->value);
    return -1;
}

/* Answers with the next of the tokens that are left, separated by commas. */
static void give_token(void *user_data, bool refresh, freesmtp_token_answer *answer) {
    char **left = user_data;
    freesmtp_error *error;
    (void)refresh;
    if (**left == '\0') {
        error = freesmtp_token_answer_fail(answer, "no more tokens");
    } else {
        const size_t size = strcspn(*left, ",");
        error = freesmtp_token_answer_give_n(answer, *left, size);
        *left += size + ((*left)[size] == ',');
    }
    freesmtp_error_free(error);
}

/* The place in the tokens, and behind it the tokens themselves. */
static freesmtp_error *set_tokens(freesmtp_server *server, const struct line *line) {
    char **left = malloc(sizeof *left + line->size + 1);
    if (left == NULL)
        job_fault("memory", "too little");
    *left = memcpy(left + 1, line->value, line->size + 1);
    return freesmtp_server_set_token_callback(server, give_token, left, free);
}

/* One after the other, separated by commas. */
static freesmtp_error *add_each(freesmtp_server *server, const char *words,
                                freesmtp_error *(*add)(freesmtp_server *, const char *, size_t)) {
    freesmtp_error *error = NULL;
    while (error == NULL && *words != '\0') {
        const size_t size = strcspn(words, ",");
        error = add(server, words, size);
        words += size + (words[size] == ',');
    }
    return error;
}

static freesmtp_error *server_line(struct state *s, const struct line *line) {
    const char *key = line->key + strlen("server.");
    const struct setter {
        const char *key;
        freesmtp_error *(*set)(freesmtp_server *, const char *, size_t);
    } texts[] = {
        {"account", freesmtp_server_set_account_n},
        {"password", freesmtp_server_set_password_n},
        {"sasl", freesmtp_server_set_sasl_n},
        {"token", freesmtp_server_set_token_n},
        {"proxy", freesmtp_server_set_proxy_n},
        {"localendpoint", freesmtp_server_set_local_end_point_n},
        {"mailauth", freesmtp_server_set_mail_auth_n},
        {"capem", freesmtp_server_set_ca_pem_n},
        {"clientcertificatepassword", freesmtp_server_set_client_certificate_password_n},
        {"clientcertificate", freesmtp_server_set_client_certificate_n},
        {"clientkey", freesmtp_server_set_client_key_n},
        {"cafile", freesmtp_server_set_ca_file_n},
        {"tlsservername", freesmtp_server_set_tls_server_name_n},
    };
    if (strcmp(key, "host") == 0) {
        freesmtp_server_free(s->server);
        s->server = freesmtp_server_new();
        return freesmtp_server_set_name_n(s->server, line->value, line->size);
    }
    for (size_t at = 0; at < sizeof texts / sizeof *texts; at++)
        if (strcmp(key, texts[at].key) == 0)
            return texts[at].set(s->server, line->value, line->size);
    if (strcmp(key, "tokens") == 0)
        return set_tokens(s->server, line);
    if (strcmp(key, "disabledextensions") == 0)
        return add_each(s->server, line->value, freesmtp_server_add_disabled_extension_n);
    if (strcmp(key, "lmtp") == 0)
        return freesmtp_server_set_lmtp(s->server, job_truth(line));
    if (strcmp(key, "certificatepins") == 0)
        return add_each(s->server, line->value, freesmtp_server_add_certificate_pin_n);
    if (strcmp(key, "mintlsversion") == 0)
        return freesmtp_server_set_min_tls_version(s->server, number_of(MIN_TLS_VERSION, line));
    if (strcmp(key, "port") == 0)
        return freesmtp_server_set_port(s->server, (int)job_number(line));
    if (strcmp(key, "timeout") == 0)
        return freesmtp_server_set_timeout(s->server, (double)job_number(line));
    if (strcmp(key, "security") == 0)
        return freesmtp_server_set_security(s->server, number_of(SECURITY, line));
    if (strcmp(key, "authmode") == 0)
        return freesmtp_server_set_auth_mode(s->server, number_of(AUTH_MODE, line));
    if (strcmp(key, "allowplaintextauth") == 0)
        return freesmtp_server_set_allow_plaintext_auth(s->server, job_truth(line));
    if (strcmp(key, "dangeracceptinvalidcerts") == 0)
        return freesmtp_server_set_danger_accept_invalid_certs(s->server, job_truth(line));
    if (strcmp(key, "dangeracceptinvalidhostnames") == 0)
        return freesmtp_server_set_danger_accept_invalid_hostnames(s->server, job_truth(line));
    if (strcmp(key, "add") == 0)
        return freesmtp_smtp_add_server(s->smtp, s->server);
    job_fault("unknown key", line->key);
    return NULL;
}

#endif
