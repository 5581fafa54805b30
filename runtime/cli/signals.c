/* SPDX-License-Identifier: MIT */
/* signals.c -- Ctrl-C, SIGTERM and SIGHUP: an end at once, or one after what is being done. */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ends.h"

enum { SENTENCE_BYTES = 256 };

static const int watched[] = {SIGINT, SIGTERM, SIGHUP};
static atomic_int seen;
static atomic_llong seen_ns; /* when; 0: none */
static _Atomic(const char *) sentence, unfinished;

static long long now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* `timeout` sends each twice, to the process and to its group: what comes within a tenth of a
 * second is one. */
static const long long together_ns = 100000000;

static void end(int number) {
    const char *const file = atomic_load(&unfinished);
    if (file) (void)unlink(file);
    _exit(128 + number);
}

/* Any thread may run this at any time: only what a signal handler may call. */
static void see_signal(int number) {
    const int before        = errno;
    const long long now     = now_ns();
    long long first         = 0;
    const char *const words = atomic_load(&sentence);
    if (!words) end(number);
    if (atomic_compare_exchange_strong(&seen_ns, &first, now)) {
        atomic_store(&seen, number);
        const ssize_t written = write(STDERR_FILENO, words, strlen(words));
        (void)written; /* if nobody can see it, so be it */
    } else if (now - first > together_ns)
        end(number);
    errno = before;
}

void cli_watch_signals(void) {
    struct sigaction action = {.sa_handler = see_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (size_t k = 0; k < sizeof watched / sizeof *watched; k++) {
        struct sigaction before = {0};
        sigaction(watched[k], NULL, &before);
        if (before.sa_handler != SIG_IGN) sigaction(watched[k], &action, NULL);
    }
}

/* A handler may still be reading the sentence before this one. */
void cli_hold_signals(const char *text) {
    static char texts[2][SENTENCE_BYTES];
    static int turn;
    turn             = 1 - turn;
    const bool below = isatty(STDOUT_FILENO) && isatty(STDERR_FILENO); /* a live line */
    snprintf(texts[turn], SENTENCE_BYTES, "%ssluice: %s\n", below ? "\n" : "", text);
    atomic_store(&sentence, texts[turn]);
}

int cli_seen_signal(void) {
    return atomic_load(&seen);
}

void cli_remove_on_signal(const char *path) {
    atomic_store(&unfinished, path);
}
