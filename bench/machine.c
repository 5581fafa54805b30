/* SPDX-License-Identifier: MIT */
/* machine.c -- machine, date and clock of a benchmark, and how it stops. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

/* "AMD EPYC ..." as the kernel calls it. */
static void read_processor(char *out, size_t bytes) {
    char line[256];
    FILE *const file = fopen("/proc/cpuinfo", "re");
    (void)snprintf(out, bytes, "unknown processor");
    while (file && fgets(line, sizeof line, file)) {
        const char *const colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon || colon[1] != ' ') continue;
        (void)snprintf(out, bytes, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    if (file) (void)fclose(file);
}

void bench_begin(const char *title) {
    char processor[256], date[32] = "";
    const time_t now = time(NULL);
    struct tm day;
    cpu_set_t cores;
    read_processor(processor, sizeof processor);
    if (localtime_r(&now, &day)) (void)strftime(date, sizeof date, "%Y-%m-%d", &day);
    const int count = sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 0;
    printf("# %s\n\nsluice %s, %s, %d cores, %s\n\n", title, sluice_version(), processor, count,
           date);
}

void bench_check(sluice_status status) {
    if (status == SLUICE_OK) return;
    (void)fflush(stdout);
    (void)fprintf(stderr, "bench: %s\n", sluice_last_error()->what);
    exit(1);
}

void *bench_alloc(size_t count, size_t size) {
    void *const block = calloc(count + 1, size);
    if (block) return block;
    (void)fprintf(stderr, "bench: host memory exhausted\n");
    exit(1);
}

double bench_now(void) {
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}
