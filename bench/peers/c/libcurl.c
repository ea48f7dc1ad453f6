/* libcurl's easy interface, one handle and one thread for each connection.
 * PORT N SIZE CONNECTIONS [ATTACHMENT]: the text is sent as it stands, the attachment through curl's MIME interface. */
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../freesmtp/c/meter.h"

static struct work work;

struct upload {
    char *bytes;
    size_t length, done;
};

static size_t read_upload(char *out, size_t size, size_t count, void *arg) {
    struct upload *upload = arg;
    size_t room = size * count, left = upload->length - upload->done;
    if (room > left) room = left;
    memcpy(out, upload->bytes + upload->done, room);
    upload->done += room;
    return room;
}

static void check(CURLcode code) {
    if (code == CURLE_OK) return;
    fprintf(stderr, "%s\n", curl_easy_strerror(code));
    exit(1);
}

/* A message without attachment: libcurl composes none, so the program does. */
static void send_text(CURL *curl, int index, struct upload *upload) {
    upload->done = 0;
    upload->length = (size_t)sprintf(upload->bytes,
        "From: sender@example.test\r\nTo: r%d@example.test\r\nSubject: Message %d\r\n"
        "Message-ID: <%d@example.test>\r\nDate: Mon, 23 Nov 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n%s",
        index, index, index, work.text);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_upload);
    curl_easy_setopt(curl, CURLOPT_READDATA, upload);
    check(curl_easy_perform(curl));
}

static void send_attachment(CURL *curl, int index) {
    char header[128];
    struct curl_slist *headers = curl_slist_append(NULL, "From: sender@example.test");
    snprintf(header, sizeof header, "To: r%d@example.test", index);
    headers = curl_slist_append(headers, header);
    snprintf(header, sizeof header, "Subject: Message %d", index);
    headers = curl_slist_append(headers, header);
    headers = curl_slist_append(headers, "Date: Mon, 23 Nov 2026 09:00:00 +0000");
    curl_mime *mime = curl_mime_init(curl);
    curl_mime_data(curl_mime_addpart(mime), work.text, CURL_ZERO_TERMINATED);
    curl_mimepart *file = curl_mime_addpart(mime);
    check(curl_mime_filedata(file, work.attachment));
    check(curl_mime_encoder(file, "base64"));
    check(curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers));
    check(curl_easy_setopt(curl, CURLOPT_MIMEPOST, mime));
    check(curl_easy_perform(curl));
    curl_mime_free(mime);
    curl_slist_free_all(headers);
}

static void *connection(void *arg) {
    CURL *curl = curl_easy_init();
    char url[64], to[64];
    struct upload upload = {malloc(strlen(work.text) + 1024), 0, 0};
    snprintf(url, sizeof url, "smtp://127.0.0.1:%d", work.port);
    for (int i = *(int *)arg; i < work.count; i += work.connections) {
        snprintf(to, sizeof to, "<r%d@example.test>", i);
        struct curl_slist *recipients = curl_slist_append(NULL, to);
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_MAIL_FROM, "<sender@example.test>");
        curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients);
        if (work.attachment) send_attachment(curl, i);
        else send_text(curl, i, &upload);
        curl_slist_free_all(recipients);
    }
    curl_easy_cleanup(curl);
    free(upload.bytes);
    return NULL;
}

int main(int argc, char **argv) {
    work = read_work(argc, argv);
    curl_global_init(CURL_GLOBAL_ALL);
    struct meter meter = start_meter();
    run_threads(work.connections, connection);
    report(meter, work.count);
    curl_global_cleanup();
    free(work.text);
    return 0;
}
