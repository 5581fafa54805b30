/* SPDX-License-Identifier: MIT */
/*
 * large.c -- bytes and seconds of large schedules, and how they grow. Prints Markdown.
 *
 *   large                  all: a few minutes and 5 GB; bench/results/large-*.md
 *   large SCHEDULE P M     one
 *   large --quick          up to p = 16, m = 64
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "large_run.h"

static double per_action(const large_result *of, int part) {
    return (double)of->parts[part].bytes / (double)of->actions;
}

static double microseconds(const large_result *of, int part) {
    return 1e6 * of->parts[part].seconds / (double)of->actions;
}

/* Without drawing, which `sluice simulate --json` does not do. */
static double total_seconds(const large_result *of) {
    double seconds = 0;
    for (int k = 0; k < LARGE_DRAW; k++) seconds += of->parts[k].seconds;
    return seconds;
}

static size_t max_bytes(const large_result *of) {
    size_t max = 0;
    for (int k = 0; k < LARGE_DRAW; k++)
        if (of->parts[k].bytes > max) max = of->parts[k].bytes;
    return max;
}

/* ---- schedules ---- */

static void print_schedule(const large_setting *on, const large_result *of) {
    printf("| %s | %d | %d | %.2f |", on->schedule, on->ranks, on->microbatches,
           (double)of->actions / 1e6);
    for (int k = 0; k < LARGE_PARTS; k++) printf(" %.0f |", per_action(of, k));
    printf(" %.0f |", (double)max_bytes(of) / (double)of->actions);
    for (int k = LARGE_COMPILE; k < LARGE_PARTS; k++) printf(" %.2f |", microseconds(of, k));
    printf(" %.2f | %ld |\n", total_seconds(of), of->faults);
}

static bool print_schedules(const large_setting *rows, int count) {
    bool good = true;
    printf(
        "Peak resident memory in bytes per action, while the schedule is generated, compiled,\n"
        "simulated, and turned into a time line; `most`: of the first three, which is what\n"
        "`sluice simulate --json` needs. Seconds, of one core: of those three; microseconds: per "
        "action.\n\n"
        "| schedule | p | m | actions, M | generate | compile | simulate | draw | most | compile, "
        "µs | simulate, µs | draw, µs | seconds | page faults |\n"
        "|:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    for (int k = 0; k < count; k++) {
        large_result result;
        const bool ran = large_run(&result, &rows[k]);
        if (ran) print_schedule(&rows[k], &result);
        good = good && ran;
    }
    return good;
}

/* ---- growth ---- */

/* The fastest of several runs where one is short: `out`'s seconds, part by part. */
static bool run_fastest(large_result *out, const large_setting *on) {
    enum { SHORT_RUNS = 5, SHORT_ACTIONS = 1000000 };
    if (!large_run(out, on)) return false;
    for (int k = 1; k < SHORT_RUNS && out->actions < SHORT_ACTIONS; k++) {
        large_result again;
        if (!large_run(&again, on)) return false;
        for (int part = 0; part < LARGE_PARTS; part++)
            out->parts[part].seconds = fmin(out->parts[part].seconds, again.parts[part].seconds);
    }
    return true;
}

/* e, where `now` / `before` is the ratio of actions to the power of e. */
static void print_exponent(double before, double now, double actions) {
    printf(" %.2f |", log(now / before) / log(actions));
}

static void print_growth(const large_result *before, const large_result *now) {
    const double actions = (double)now->actions / (double)before->actions;
    print_exponent(before->parts[LARGE_COMPILE].seconds, now->parts[LARGE_COMPILE].seconds,
                   actions);
    print_exponent(before->parts[LARGE_SIMULATE].seconds, now->parts[LARGE_SIMULATE].seconds,
                   actions);
    print_exponent(total_seconds(before), total_seconds(now), actions);
    print_exponent((double)max_bytes(before), (double)max_bytes(now), actions);
}

static void print_size(const large_setting *on, const large_result *of) {
    printf("| %s | %d | %d | %.3f |", on->schedule, on->ranks, on->microbatches,
           (double)of->actions / 1e6);
    for (int k = 0; k < LARGE_DRAW; k++) printf(" %.3f |", of->parts[k].seconds);
    printf(" %.0f |", (double)max_bytes(of) / 1e6);
    for (int k = 0; k < LARGE_DRAW; k++) printf(" %.0f |", 1e3 * microseconds(of, k));
    printf(" %.0f |", (double)max_bytes(of) / (double)of->actions);
}

/* One series: a schedule whose p and m are multiplied by `by_p` and `by_m` from row to row. */
typedef struct series {
    large_setting from;
    int by_p, by_m, rows;
} series;

static bool print_one_series(const series *of) {
    large_setting on = of->from;
    large_result before, now;
    for (int k = 0; k < of->rows; k++, on.ranks *= of->by_p, on.microbatches *= of->by_m) {
        if (!run_fastest(&now, &on)) return false;
        print_size(&on, &now);
        if (k == 0)
            printf(" | | | |");
        else
            print_growth(&before, &now);
        printf("\n");
        before = now;
    }
    return true;
}

static bool print_series(const series *all, int count) {
    bool good = true;
    printf("\n## Growth\n\n"
           "Seconds and megabytes (`most`) in all, nanoseconds and bytes per action; and the\n"
           "exponents of growth from the row above, of compile's seconds, simulate's, those of\n"
           "the three parts, and `most`: 1 is linear in the actions, 2 quadratic. Rows of less\n"
           "than a million actions are the fastest of five runs.\n\n"
           "| schedule | p | m | actions, M | generate, s | compile, s | simulate, s | MB | "
           "generate, ns | compile, ns | simulate, ns | bytes | compile | simulate | all | "
           "memory |\n"
           "|:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    for (int k = 0; k < count; k++) good = print_one_series(&all[k]) && good;
    return good;
}

/* ---- all ---- */

static bool print_all(void) {
    static const large_setting rows[] = {
        {"1f1b", 256, 2048}, {"zb1p", 256, 2048}, {"interleaved", 128, 1024}, {"zbv", 128, 1024}};
    static const series growth[] = {{{"1f1b", 32, 256}, 2, 2, 6},
                                    {{"zb1p", 32, 256}, 2, 2, 6},
                                    {{"1f1b", 64, 512}, 4, 1, 3},
                                    {{"1f1b", 64, 512}, 1, 4, 3}};
    const bool good              = print_schedules(rows, sizeof rows / sizeof *rows);
    return print_series(growth, sizeof growth / sizeof *growth) && good;
}

static bool print_quick(void) {
    static const large_setting rows[] = {{"1f1b", 8, 64}, {"zbv", 8, 64}};
    static const series growth[]      = {{{"1f1b", 8, 32}, 2, 2, 2}};
    const bool good                   = print_schedules(rows, sizeof rows / sizeof *rows);
    return print_series(growth, sizeof growth / sizeof *growth) && good;
}

int main(int argc, char **argv) {
    bool good;
    bench_begin("Large schedules: memory and time per action");
    if (argc == 4) {
        const large_setting one = {argv[1], (int)strtol(argv[2], NULL, 10),
                                   (int)strtol(argv[3], NULL, 10)};
        good                    = print_schedules(&one, 1);
    } else {
        good = argc == 2 && strcmp(argv[1], "--quick") == 0 ? print_quick() : print_all();
    }
    return good ? 0 : 1;
}
