/* SPDX-License-Identifier: MIT */
/* train_cpu_compare.c -- models against each other per FLOP: one rank with two threads each, a step
 * of each in turn, so that whatever slows the machine slows them all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "train_cpu.h"

enum { MODELS = 4, MAX_STEPS = 64, WARM = 2 };

typedef struct compared {
    trained it;
    double seconds[MAX_STEPS], rate[MAX_STEPS]; /* useful FLOP/s */
    double against[MAX_STEPS];                  /* the first model's rate of the same turn */
    double work[WORKS], all;                    /* seconds of all steps */
} compared;

static void take_turn(compared *of, double first_rate, int n) {
    double work[WORKS];
    take_work(work);
    of->seconds[n] = trained_step(&of->it).seconds;
    take_work(work);
    for (int k = 0; k < WORKS; k++) of->work[k] += work[k];
    of->all += of->seconds[n];
    of->rate[n]    = of->it.flops / of->seconds[n];
    of->against[n] = of->rate[n] / (first_rate > 0 ? first_rate : of->rate[n]);
}

static void print_rates(const compared list[], int count, int steps) {
    printf("| model | GFLOP per step | tokens/s, median | best | GFLOP/s | per FLOP, to (%s) |\n"
           "|:--|--:|--:|--:|--:|--:|\n",
           list[0].it.what->name);
    for (int m = 0; m < count; m++) {
        const compared *const of  = &list[m];
        const subject *const what = of->it.what;
        printf("| (%s) %s | %.1f | %.0f | %.0f | %.1f | %.3f |\n", what->name, what->words,
               1e-9 * of->it.flops, tokens_per_s(what, bench_median(of->seconds, steps)),
               tokens_per_s(what, bench_quantile(of->seconds, steps, 0)),
               1e-9 * bench_median(of->rate, steps), bench_median(of->against, steps));
    }
}

/* The share of the steps, and milliseconds of one. */
static void print_work(const compared list[], int count, int steps) {
    printf("\n| model |");
    for (int k = 0; k < WORKS; k++) printf(" %s |", work_name((work_kind)k));
    printf("\n|:--|");
    for (int k = 0; k < WORKS; k++) printf("--:|");
    for (int m = 0; m < count; m++) {
        printf("\n| (%s) |", list[m].it.what->name);
        for (int k = 0; k < WORKS; k++)
            printf(" %.1f %%, %.1f ms |", 100 * list[m].work[k] / list[m].all,
                   1e3 * list[m].work[k] / steps);
    }
    printf("\n");
}

static void open_model(compared *of, const char *name) {
    static const way how      = {NULL, 2, 1};
    const subject *const what = find_subject(name);
    if (!what) {
        (void)fprintf(stderr, "bench: there is no model '%s'\n", name);
        exit(2);
    }
    trained_open(&of->it, what, &how);
    for (int n = 0; n < WARM; n++) (void)trained_step(&of->it);
}

void train_compare(const char *names, int steps) {
    compared *const list = bench_alloc(MODELS, sizeof *list);
    char text[64], *rest = text;
    int count = 0;
    (void)snprintf(text, sizeof text, "%s", names);
    for (const char *name; (name = strsep(&rest, ",")) != NULL && count < MODELS;)
        open_model(&list[count++], name);
    for (int n = 0; n < steps; n++)
        for (int m = 0; m < count; m++) take_turn(&list[m], m > 0 ? list[0].rate[n] : 0, n);
    printf("## Per FLOP; T=%lld, B=%lld, %s, %d steps of each in turn\n\n",
           (long long)list[0].it.what->length, (long long)list[0].it.what->samples,
           "1 rank, 2 threads", steps);
    print_rates(list, count, steps);
    print_work(list, count, steps);
    for (int m = 0; m < count; m++) trained_close(&list[m].it);
    free(list);
}
