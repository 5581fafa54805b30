/* SPDX-License-Identifier: MIT */
/* progress.c -- progress of a run: one live line on a terminal, a line now and then elsewhere. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "training.h"

enum { PART_BYTES = 64, LINE_BYTES = 512, PARTS = 7, LINES = 20 };

double train_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void train_progress_start(train_progress *progress, const train_options *options) {
    *progress = (train_progress){.live    = isatty(STDOUT_FILENO) != 0,
                                 .steps   = options->steps,
                                 .every   = (options->steps + LINES - 1) / LINES,
                                 .started = train_clock()};
}

static void print_duration(char part[PART_BYTES], double seconds) {
    const long s = lround(seconds);
    if (s >= 3600)
        snprintf(part, PART_BYTES, "%ld h %02ld min left", s / 3600, s / 60 % 60);
    else
        snprintf(part, PART_BYTES, "%ld:%02ld left", s / 60, s % 60);
}

/* The parts of a line, the least important last: a narrow screen drops those. */
static void print_parts(char parts[PARTS][PART_BYTES], const train_progress *progress,
                        const train_step *step) {
    const double elapsed = train_clock() - progress->started;
    const double left    = elapsed / (double)(step->run.step - progress->from) *
                        (double)(progress->steps - step->run.step);
    const int width = snprintf(NULL, 0, "%lld", (long long)progress->steps);
    snprintf(parts[0], PART_BYTES, "step %*lld/%lld", width, (long long)step->run.step,
             (long long)progress->steps);
    snprintf(parts[1], PART_BYTES, "loss %.4f", step->run.result.loss);
    print_duration(parts[2], left);
    snprintf(parts[3], PART_BYTES, "%s tok/s", cli_quantity(step->run.tokens_per_s).text);
    snprintf(parts[4], PART_BYTES, "bubble %.1f %%", 100 * step->run.result.makespan_idle);
    snprintf(parts[5], PART_BYTES, "lr %.1e", step->run.learning_rate);
    snprintf(parts[6], PART_BYTES, "epoch %.2f", step->epoch);
}

static void print_line(char line[LINE_BYTES], char parts[PARTS][PART_BYTES], int columns) {
    size_t length = 0;
    for (int p = 0; p < PARTS; p++) {
        const size_t more = strlen(parts[p]) + (p ? 2 : 0);
        if (length + more >= (size_t)columns && p > 0)
            return; /* a terminal wraps after the last column */
        snprintf(line + length, LINE_BYTES - length, "%s%s", p ? "  " : "", parts[p]);
        length += more;
    }
}

/* Away from a terminal: the first, the last, about LINES at regular steps unless that is more than
 * one a second, and one at least every 15 seconds. */
static bool is_due(const train_progress *progress, int64_t step, double since) {
    if (step == 1 || step == progress->steps) return true;
    return (step % progress->every == 0 && since >= 1) || since >= 15;
}

void train_progress_step(train_progress *progress, const train_step *step) {
    const double now = train_clock();
    if (!progress->live && !is_due(progress, step->run.step, now - progress->printed)) return;
    char parts[PARTS][PART_BYTES];
    char line[LINE_BYTES];
    print_parts(parts, progress, step);
    print_line(line, parts, progress->live ? cli_columns(80) : LINE_BYTES);
    printf(progress->live ? "\r%s\033[K" : "%s\n", line);
    fflush(stdout);
    progress->shown   = progress->live;
    progress->printed = now;
}

void train_progress_leave(train_progress *progress) {
    if (progress->shown) putchar('\n');
    progress->shown = false;
}
