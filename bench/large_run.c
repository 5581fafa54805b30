/* SPDX-License-Identifier: MIT */
/* large_run.c -- generate, compile (lower, plan, verify), simulate and draw one large schedule. */
#include "large_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

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

/* Of this process's one thread: on a busy machine, too, the time that the work takes. */
static double seconds_of_core(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double began;
static size_t idle; /* bytes before the first part */

static void begin_part(void) {
    reset_peak();
    began = seconds_of_core();
}

static void end_part(large_part *out) {
    out->seconds      = seconds_of_core() - began;
    const size_t peak = peak_now();
    out->bytes        = peak > idle ? peak - idle : 0;
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

static sluice_program *compile(large_result *out, const large_setting *on,
                               sluice_simulation_costs *costs, sluice_cost **cost) {
    sluice_schedule *schedule       = NULL;
    sluice_program *program         = NULL;
    sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_program_options compiled = SLUICE_PROGRAM_OPTIONS_INIT;
    options.ranks                   = on->ranks;
    options.microbatches            = on->microbatches;
    begin_part();
    bench_check(sluice_schedule_generate(&schedule, on->schedule, &options));
    end_part(&out->parts[LARGE_GENERATE]);
    const int stages = sluice_schedule_stages(schedule);
    *cost            = bench_alloc((size_t)stages, sizeof **cost);
    for (int s = 0; s < stages; s++) (*cost)[s] = (sluice_cost){1, 1, 1};
    costs->stages  = *cost;
    compiled.costs = costs;
    begin_part();
    bench_check(sluice_program_compile(&program, schedule, NULL, NULL, &compiled));
    sluice_schedule_free(schedule);
    end_part(&out->parts[LARGE_COMPILE]);
    return program;
}

static void run(large_result *out, const large_setting *on) {
    sluice_simulation_costs costs = {.latency = 0.1};
    sluice_cost *cost             = NULL;
    sluice_simulation *simulation = NULL;
    sluice_timeline *timeline     = NULL;
    idle                          = peak_now();
    sluice_program *const program = compile(out, on, &costs, &cost);
    begin_part();
    bench_check(sluice_program_simulate(&simulation, program, &costs));
    end_part(&out->parts[LARGE_SIMULATE]);
    begin_part();
    bench_check(sluice_timeline_from_simulation(&timeline, program, simulation));
    end_part(&out->parts[LARGE_DRAW]);
    out->actions = count_actions(program);
    sluice_timeline_free(timeline);
    sluice_simulation_free(simulation);
    sluice_program_free(program);
    free(cost);
}

/* The child's end. */
static _Noreturn void run_and_send(int to, const large_setting *on) {
    large_result result = {0};
    struct rusage used;
    run(&result, on);
    (void)getrusage(RUSAGE_SELF, &used);
    result.faults = used.ru_minflt;
    _exit(write(to, &result, sizeof result) == (ssize_t)sizeof result ? 0 : 1);
}

bool large_run(large_result *out, const large_setting *on) {
    int ends[2], status = -1;
    (void)fflush(stdout);
    if (pipe(ends) != 0) return false;
    const pid_t child = fork();
    if (child == 0) run_and_send(ends[1], on);
    (void)close(ends[1]);
    const bool got = read(ends[0], out, sizeof *out) == (ssize_t)sizeof *out;
    (void)close(ends[0]);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0 && got;
}
