/* What the C senders share: the command line, the text, the threads, and the report of what it cost. */
#ifndef BENCH_METER_H
#define BENCH_METER_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct work {
    int port, count, connections;
    char *text;             /* lines of 70 characters that end in CRLF */
    const char *attachment; /* a path, or NULL */
};

static struct work read_work(int argc, char **argv) {
    if (argc < 5) {
        fprintf(stderr, "usage: %s PORT N SIZE CONNECTIONS [ATTACHMENT]\n", argv[0]);
        exit(2);
    }
    int lines = atoi(argv[3]) / 72;
    if (lines < 1) lines = 1;
    struct work work = {atoi(argv[1]), atoi(argv[2]), atoi(argv[4]), malloc((size_t)lines * 72 + 1),
                        argc > 5 ? argv[5] : NULL};
    char *at = work.text;
    for (; lines > 0; lines--, at += 72) {
        memset(at, 'x', 70);
        memcpy(at + 70, "\r\n", 2);
    }
    *at = 0;
    return work;
}

/* Runs `connection` in as many threads, each with its own number from 0 on. */
static void run_threads(int count, void *(*connection)(void *)) {
    pthread_t *threads = malloc((size_t)count * sizeof *threads);
    int *numbers = malloc((size_t)count * sizeof *numbers);
    for (int i = 0; i < count; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, connection, &numbers[i]) != 0) {
            perror("pthread_create");
            exit(1);
        }
    }
    for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
    free(numbers);
    free(threads);
}

struct meter {
    double wall, cpu;
};

static double seconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct meter start_meter(void) {
    struct meter meter = {seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID)};
    return meter;
}

/* getrusage's peak would count what the parent had before exec, so it is the kernel's own mark. */
static void report(struct meter meter, int sent) {
    double wall = seconds(CLOCK_MONOTONIC) - meter.wall, cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - meter.cpu;
    long peak = 0;
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status)) sscanf(line, "VmHWM: %ld", &peak);
    if (status) fclose(status);
    printf("sent=%d wall=%.6f cpu=%.6f peak_kb=%ld\n", sent, wall, cpu, peak);
}

#endif
