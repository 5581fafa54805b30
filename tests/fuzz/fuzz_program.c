/* SPDX-License-Identifier: MIT */
/*
 * fuzz_program.c -- any bytes as a schedule that is compiled over both kinds of queues. Oracle: a
 * schedule that runs in one queue per rank also runs in a queue per link, and the other way round
 * unless it places its own transfers; what compiles can be simulated, its critical path is as long
 * as the step, no rank is busy for longer, and every transfer begins when both ends are posted.
 */
#include <math.h>
#include <stdlib.h>

#include "sluice/program.h"
#include "tests/fuzz/fuzz.h"

static void fail(const char *what, double number) {
    fprintf(stderr, "%s (%g): %s\n", what, number, sluice_last_error()->what);
    abort();
}

static void check_times(const sluice_program *program, const sluice_simulation *simulation) {
    const double path  = simulation->critical_compute + simulation->critical_transfer;
    const double limit = simulation->makespan * (1 + 1e-12) + 1e-12;
    if (fabs(path - simulation->makespan) > 1e-9 * (1 + path))
        fail("the path is not the step", path);
    for (int r = 0; r < simulation->ranks; r++)
        if (simulation->rank[r].busy > limit) fail("busy for longer than the step", r);
    for (int t = 0; t < simulation->transfer_count; t++) {
        const sluice_transfer_times *const at = &simulation->transfers[t];
        if (at->begin < sluice_transfer_posted(simulation, program, at, true) ||
            at->begin < sluice_transfer_posted(simulation, program, at, false) ||
            sluice_transfer_exposed(simulation, at) > at->end - at->begin + 1e-9)
            fail("a transfer at the wrong time", t);
        if (t > 0 && at->begin < at[-1].begin) fail("a transfer out of order", t);
    }
}

static void simulate(const sluice_program *program) {
    const int stages   = sluice_program_stages(program);
    sluice_cost *costs = calloc((size_t)stages, sizeof *costs);
    double *recompute  = calloc((size_t)stages, sizeof *recompute);
    if (!costs || !recompute) abort();
    for (int s = 0; s < stages; s++) costs[s] = (sluice_cost){1 + s % 3, 0.5, 0.25 * s};
    const sluice_simulation_costs all = {
        .stages = costs, .recompute = recompute, .update = 1, .latency = 0.125, .bandwidth = 4};
    sluice_simulation *simulation = NULL;
    if (sluice_program_simulate(&simulation, program, &all) != SLUICE_OK)
        fail("what compiles must simulate", 0);
    check_times(program, simulation);
    sluice_simulation_free(simulation);
    free(recompute);
    free(costs);
}

/* NULL: it was refused with an error message. */
static sluice_program *compile(const sluice_schedule *schedule, sluice_queues queues) {
    sluice_program *program        = NULL;
    sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    options.queues                 = queues;
    if (sluice_program_compile(&program, schedule, NULL, NULL, &options) != SLUICE_OK) {
        fuzz_check_refusal(program);
        return NULL;
    }
    simulate(program);
    return program;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    sluice_schedule *schedule = NULL;
    if (sluice_schedule_parse(&schedule, (const char *)data, bytes) != SLUICE_OK) return 0;
    sluice_program *const link = compile(schedule, SLUICE_QUEUES_PER_CHANNEL);
    sluice_program *const rank = compile(schedule, SLUICE_QUEUES_PER_RANK);
    if (rank && !link) fail("it runs in one queue per rank, and not in several", 0);
    if (link && !rank && !sluice_schedule_communicates(schedule))
        fail("it runs over links, and there is no order for one queue per rank", 0);
    sluice_program_free(link);
    sluice_program_free(rank);
    sluice_schedule_free(schedule);
    return 0;
}
