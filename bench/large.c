/* SPDX-License-Identifier: MIT */
/*
 * large.c -- bytes and seconds per action of large schedules: generated, compiled (lowered,
 * planned, verified), simulated and drawn, as `sluice simulate` does. Prints Markdown.
 *
 *   large                  up to p = 256 and m = 2048: bench/results/large-*.md
 *   large SCHEDULE P M     one
 *   large --quick          p = 8, m = 64
 *
 * A row is a process of its own. `peak` is the largest resident memory, per action, while that part
 * runs; what stays of earlier parts is in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

typedef struct setting {
    const char *schedule;
    int ranks, microbatches;
} setting;

enum { GENERATE, COMPILE, SIMULATE, DRAW, PARTS };

typedef struct part {
    double seconds;
    size_t peak; /* bytes */
} part;

/* Forget the peak so far. Where the kernel does not let us, later peaks are at least as large as
 * earlier ones. */
static void reset_peak(void) {
    FILE *const file = fopen("/proc/self/clear_refs", "we");
    if (!file) return;
    (void)fputs("5", file);
    (void)fclose(file);
}

static size_t peak_now(void) {
    char line[256];
    size_t kib       = 0;
    FILE *const file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmHWM:", 6) == 0) kib = (size_t)strtoull(line + 6, NULL, 10);
    if (file) (void)fclose(file);
    return 1024 * kib;
}

static double began;

static void begin_part(void) {
    reset_peak();
    began = bench_now();
}

static void end_part(part *out) {
    *out = (part){bench_now() - began, peak_now()};
}

static int64_t count_actions(const sluice_program *program) {
    int64_t actions = 0;
    for (int r = 0; r < sluice_program_ranks(program); r++) {
        int count                            = 0;
        const sluice_instruction *const list = sluice_program_list(&count, program, r);
        for (int n = 0; n < count; n++) actions += sluice_instruction_computes(list[n].kind);
    }
    return actions;
}

static void print_row(const setting *on, const part parts[PARTS], int64_t actions, size_t idle) {
    double seconds = 0;
    size_t peak    = 0;
    struct rusage used;
    (void)getrusage(RUSAGE_SELF, &used);
    printf("| %s | %d | %d | %.2f |", on->schedule, on->ranks, on->microbatches,
           (double)actions / 1e6);
    for (int k = 0; k < PARTS; k++) {
        const size_t bytes = parts[k].peak > idle ? parts[k].peak - idle : 0;
        printf(" %.0f |", (double)bytes / (double)actions);
        if (k < DRAW && bytes > peak) peak = bytes;
        seconds += k < DRAW ? parts[k].seconds : 0;
    }
    printf(" %.0f | %.2f | %.2f | %.2f | %.2f | %ld |\n", (double)peak / (double)actions,
           1e6 * parts[COMPILE].seconds / (double)actions,
           1e6 * parts[SIMULATE].seconds / (double)actions,
           1e6 * parts[DRAW].seconds / (double)actions, seconds, used.ru_minflt);
}

static void run(const setting *on) {
    sluice_schedule *schedule       = NULL;
    sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_program_options compile  = SLUICE_PROGRAM_OPTIONS_INIT;
    sluice_program *program         = NULL;
    sluice_simulation *simulation   = NULL;
    sluice_timeline *timeline       = NULL;
    part parts[PARTS];
    const size_t idle    = peak_now();
    options.ranks        = on->ranks;
    options.microbatches = on->microbatches;
    begin_part();
    bench_check(sluice_schedule_generate(&schedule, on->schedule, &options));
    end_part(&parts[GENERATE]);
    const int stages              = sluice_schedule_stages(schedule);
    sluice_cost *const cost       = bench_alloc((size_t)stages, sizeof *cost);
    sluice_simulation_costs costs = {.stages = cost, .latency = 0.1};
    for (int s = 0; s < stages; s++) cost[s] = (sluice_cost){1, 1, 1};
    compile.costs = &costs;
    begin_part();
    bench_check(sluice_program_compile(&program, schedule, NULL, NULL, &compile));
    sluice_schedule_free(schedule);
    end_part(&parts[COMPILE]);
    begin_part();
    bench_check(sluice_program_simulate(&simulation, program, &costs));
    end_part(&parts[SIMULATE]);
    begin_part();
    bench_check(sluice_timeline_from_simulation(&timeline, program, simulation));
    end_part(&parts[DRAW]);
    print_row(on, parts, count_actions(program), idle);
    sluice_timeline_free(timeline);
    sluice_simulation_free(simulation);
    sluice_program_free(program);
    free(cost);
}

/* In a separate process, so that no memory freed earlier is reused. */
static bool run_apart(const setting *on) {
    (void)fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        run(on);
        _exit(fflush(stdout) == 0 ? 0 : 1);
    }
    int status = -1;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

int main(int argc, char **argv) {
    static const setting large[] = {
        {"1f1b", 256, 2048}, {"zb1p", 256, 2048}, {"interleaved", 128, 1024}, {"zbv", 128, 1024}};
    static const setting small[] = {{"1f1b", 8, 64}, {"zbv", 8, 64}};
    const bool quick             = argc == 2 && strcmp(argv[1], "--quick") == 0;
    const bool asked             = argc == 4;
    const setting one = {asked ? argv[1] : NULL, asked ? (int)strtol(argv[2], NULL, 10) : 0,
                         asked ? (int)strtol(argv[3], NULL, 10) : 0};
    const setting *const rows = asked ? &one : quick ? small : large;
    const int count           = asked   ? 1
                                : quick ? sizeof small / sizeof *small
                                        : sizeof large / sizeof *large;
    bool good                 = true;
    bench_begin("Large schedules: memory and time per action");
    printf(
        "Peak resident memory in bytes per action, while the schedule is generated, compiled,\n"
        "simulated, and turned into a time line; `most`: of the first three, which is what\n"
        "`sluice simulate --json` needs. Seconds: of those three; microseconds: per action.\n\n"
        "| schedule | p | m | actions, M | generate | compile | simulate | draw | most | compile, "
        "µs | simulate, µs | draw, µs | seconds | page faults |\n"
        "|:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    for (int k = 0; k < count; k++) good = run_apart(&rows[k]) && good;
    return good ? 0 : 1;
}
