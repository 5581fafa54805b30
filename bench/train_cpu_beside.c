/* SPDX-License-Identifier: MIT */
/*
 * train_cpu_beside.c -- training next to other work: the same steps while nothing else runs and
 * while another process computes without pause, in turns.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "runtime/device/cpu/pin.h"
#include "train_cpu.h"

enum { ROUNDS = 3, MAX_RATES = 64, LONGEST = 120 /* seconds that a busy process lives at most */ };

typedef struct rates {
    int count[2]; /* quiet, next to other work */
    double rate[2][MAX_RATES];
} rates;

static pid_t start_busy_process(void) {
    (void)fflush(stdout);
    const pid_t child = fork();
    if (child != 0) return child;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)alarm(LONGEST);
    for (;;) compute_for_a_while();
}

static void stop_busy_process(pid_t child) {
    if (child <= 0) return;
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
}

static void note(rates *to, int which, double rate) {
    if (to->count[which] < MAX_RATES) to->rate[which][to->count[which]++] = rate;
}

static int cores_here(void) {
    cpu_set_t cores;
    return sluice__cores(&cores);
}

static void print_rates(const char *what, const rates *it) {
    const double quiet = bench_median(it->rate[0], it->count[0]),
                 busy  = bench_median(it->rate[1], it->count[1]);
    const double cores = cores_here(), fair = (cores - 0.5) / cores;
    printf("| %s | %.0f | %.0f | %.1f %% | %.1f %% |\n", what, quiet, busy, 100 * busy / quiet,
           100 * busy / quiet / fair);
    (void)fflush(stdout);
}

static void measure_way(const subject *what, const way *how, int steps) {
    rates found = {0};
    trained it;
    trained_open(&it, what, how);
    for (int n = 0; n < 3; n++) (void)trained_step(&it);
    for (int round = 0; round < ROUNDS; round++)
        for (int which = 0; which < 2; which++) {
            const pid_t busy = which == 1 ? start_busy_process() : 0;
            for (int n = -1; n < steps; n++) {
                const double seconds = trained_step(&it).seconds;
                if (n >= 0) note(&found, which, tokens_per_s(what, seconds));
            }
            stop_busy_process(busy);
        }
    trained_close(&it);
    print_rates(way_text(how), &found);
}

#ifdef _OPENMP
/* The same products as an OpenMP program makes them: each cut into as many parts as there are
 * threads, which all meet at its end. */
static void measure_openmp(const subject *what) {
    rates found       = {0};
    const int threads = cores_here();
    for (int round = 0; round < ROUNDS; round++)
        for (int which = 0; which < 2; which++) {
            const pid_t busy = which == 1 ? start_busy_process() : 0;
            for (int n = -1; n < 3; n++) {
                const double rate = openmp_rate(what, threads);
                if (n >= 0) note(&found, which, 1e-9 * rate);
            }
            stop_busy_process(busy);
        }
    print_rates("the products alone with OpenMP, GFLOP/s", &found);
}
#endif

void train_beside(const subject *what, int steps) {
    const double cores = cores_here();
    const way ways[]   = {
          {NULL, (int)cores, 1}, {"gpipe", 1, (int)what->samples}, {"1f1b", 1, (int)what->samples}};
    printf("## (%s) %s, next to a busy process\n\nTokens/s, medians; one process computes without "
           "pause. "
           "Fair sharing leaves %.1f of %.0f cores: `of fair` is the share kept over %.0f %%.\n\n"
           "| way | quiet | next to other work | kept | of fair |\n|:--|--:|--:|--:|--:|\n",
           what->name, what->words, cores - 0.5, cores, 100 * (cores - 0.5) / cores);
    for (size_t k = 0; k < sizeof ways / sizeof ways[0]; k++) measure_way(what, &ways[k], steps);
#ifdef _OPENMP
    measure_openmp(what);
#endif
    printf("\n");
}
