/* SPDX-License-Identifier: MIT */
/*
 * test_free_flow.c -- no rank is ever held up by its own sends: a program takes exactly as long as
 * its schedule's rows alone, in which each action (or group) begins when its inputs are there and
 * its rank is free, under random costs.
 *
 * The rows are timed here, from the lists alone. Longer: test_free_flow long, SLUICE_SEED=N.
 */
#include "tests/support/random_schedule.h"
#include "tests/support/schedule_tools.h"

#include <math.h>

typedef struct rows {
    const sluice_schedule *schedule;
    const sluice_simulation_costs *costs;
    int stages, microbatches;
    /* [backward][stage * microbatches + i]: of what it sends, at the next stage's rank; < 0: not
     * yet */
    double *arrived[2];
    double *last[2]; /* [stage]: when the last thing that it sent arrived */
} rows;

static size_t at(const rows *all, int stage, int i) {
    return (size_t)stage * (size_t)all->microbatches + (size_t)i;
}

static bool is_backward(const sluice_action *action) {
    return action->kind == SLUICE_ACTION_B || action->kind == SLUICE_ACTION_I;
}

/* When the input of an action is there; < 0: not yet. */
static double input_of(const rows *all, const sluice_action *action) {
    const bool backward = is_backward(action);
    const int before    = backward ? action->stage + 1 : action->stage - 1;
    if (action->kind == SLUICE_ACTION_W || before < 0 || before == all->stages) return 0;
    return all->arrived[backward][at(all, before, action->microbatch)];
}

static double cost_of(const rows *all, const sluice_action *action) {
    const sluice_cost *cost = &all->costs->stages[action->stage];
    switch (action->kind) {
    case SLUICE_ACTION_F:
        return cost->forward;
    case SLUICE_ACTION_B:
        return cost->input + cost->weight;
    case SLUICE_ACTION_I:
        return cost->input;
    default:
        return cost->weight;
    }
}

static void finish(rows *all, const sluice_action *action, double end) {
    if (action->kind == SLUICE_ACTION_W) return;
    const bool backward = is_backward(action);
    const int s = action->stage, next = backward ? s - 1 : s + 1;
    const size_t own            = at(all, s, action->microbatch);
    all->arrived[backward][own] = end;
    if (next < 0 || next == all->stages ||
        sluice_schedule_stage_rank(all->schedule, next) ==
            sluice_schedule_stage_rank(all->schedule, s))
        return;
    all->last[backward][s]      = fmax(end, all->last[backward][s]) + all->costs->latency;
    all->arrived[backward][own] = all->last[backward][s];
}

/* Run a rank from action *k, with its clock at *now, as far as it can; whether it moved. */
static bool run_rank(rows *all, int r, int *k, double *now) {
    int count, first = *k;
    const sluice_action *list = sluice_schedule_list(&count, all->schedule, r);
    while (*k < count) {
        int n        = *k + 1;
        double begin = *now, lasts = 0;
        while (n < count && list[*k].group > 0 && list[n].group == list[*k].group) n++;
        for (int j = *k; j < n; j++) {
            const double input = list[j].kind == SLUICE_ACTION_IDLE ? 0 : input_of(all, &list[j]);
            if (input < 0) return *k > first;
            begin = fmax(begin, input);
            if (list[j].kind != SLUICE_ACTION_IDLE) lasts += cost_of(all, &list[j]);
        }
        *now = begin + lasts;
        for (int j = *k; j < n; j++)
            if (list[j].kind != SLUICE_ACTION_IDLE) finish(all, &list[j], *now);
        *k = n;
    }
    return *k > first;
}

static double time_rows(const sluice_schedule *schedule, const sluice_simulation_costs *costs) {
    rows all            = {.schedule     = schedule,
                           .costs        = costs,
                           .stages       = sluice_schedule_stages(schedule),
                           .microbatches = sluice_schedule_microbatches(schedule)};
    const size_t count  = (size_t)all.stages * (size_t)all.microbatches;
    const int ranks     = sluice_schedule_ranks(schedule);
    int *const next     = calloc((size_t)ranks, sizeof *next);
    double *const clock = calloc((size_t)ranks, sizeof *clock), makespan = 0;
    assert_true(next && clock);
    for (int b = 0; b < 2; b++) {
        all.arrived[b] = malloc(count * sizeof(double));
        all.last[b]    = calloc((size_t)all.stages, sizeof(double));
        assert_true(all.arrived[b] && all.last[b]);
        for (size_t k = 0; k < count; k++) all.arrived[b][k] = -1;
    }
    for (bool moved = true; moved;) {
        moved = false;
        for (int r = 0; r < ranks; r++) moved = run_rank(&all, r, &next[r], &clock[r]) || moved;
    }
    for (int r = 0; r < ranks; r++) makespan = fmax(makespan, clock[r]);
    for (int b = 0; b < 2; b++) {
        free(all.arrived[b]);
        free(all.last[b]);
    }
    free(next);
    free(clock);
    return makespan;
}

/* ---- the property ---- */

static double random_cost(uint64_t *random) {
    return 0.2 + 4.8 * (double)test_random_int(random, 0, 1000000) / 1e6;
}

static double simulate_makespan(const sluice_schedule *schedule, sluice_program_options options,
                                const sluice_simulation_costs *costs) {
    sluice_program *program = NULL;
    assert_ok(sluice_program_compile(&program, schedule, NULL, NULL, &options));
    sluice_simulation *simulation = simulate(program, costs);
    const double makespan         = simulation->makespan;
    sluice_simulation_free(simulation);
    sluice_program_free(program);
    return makespan;
}

static void assert_flows(const sluice_schedule *schedule, const sluice_simulation_costs *costs,
                         const char *how, uint64_t seed, sluice_program_options options) {
    const double got      = simulate_makespan(schedule, options, costs);
    const double expected = time_rows(schedule, costs);
    if (fabs(got - expected) > 1e-9 * expected)
        fail_msg(
            "%s, p=%d, m=%d, %d stages, %s (seed %llu): the program takes %.6f, its rows alone "
            "%.6f: a rank is held up by a transfer",
            sluice_schedule_name(schedule), sluice_schedule_ranks(schedule),
            sluice_schedule_microbatches(schedule), sluice_schedule_stages(schedule), how,
            (unsigned long long)seed, got, expected);
}

/* Most sends outstanding at once, of all ranks. */
static int count_outstanding(const sluice_schedule *schedule, sluice_program_options options) {
    sluice_program *program = NULL;
    int max                 = 0;
    assert_ok(sluice_program_compile(&program, schedule, NULL, NULL, &options));
    for (int r = 0; r < sluice_program_ranks(program); r++) {
        size_t bytes;
        const int sends = sluice_program_outstanding(&bytes, program, r);
        if (sends > max) max = sends;
    }
    sluice_program_free(program);
    return max;
}

static void check_limits(const sluice_schedule *schedule, uint64_t seed) {
    sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    const int all                  = count_outstanding(schedule, options);
    for (options.outstanding = 1; options.outstanding < 4; options.outstanding++) {
        const int sends = count_outstanding(schedule, options);
        if (sends > all)
            fail_msg("%s, p=%d, m=%d (seed %llu): %d sends are outstanding with a limit of %d for "
                     "each rank, and %d without a limit",
                     sluice_schedule_name(schedule), sluice_schedule_ranks(schedule),
                     sluice_schedule_microbatches(schedule), (unsigned long long)seed, sends,
                     options.outstanding, all);
    }
}

static void check_schedule(const sluice_schedule *schedule, uint64_t *random) {
    const uint64_t seed = *random;
    sluice_cost stages[MAX_STAGES];
    sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    for (int s = 0; s < sluice_schedule_stages(schedule); s++)
        stages[s] = (sluice_cost){random_cost(random), random_cost(random), random_cost(random)};
    sluice_simulation_costs costs = {.stages = stages};
    if (sluice_schedule_trains(schedule))
        assert_flows(schedule, &costs, "costs unknown", seed, options);
    options.costs = &costs;
    assert_flows(schedule, &costs, "costs known", seed, options);
    options.queues = SLUICE_QUEUES_PER_RANK;
    assert_flows(schedule, &costs, "costs known, a queue per rank", seed, options);
    options.queues = SLUICE_QUEUES_PER_CHANNEL;
    costs.latency  = random_cost(random) / 5;
    assert_flows(schedule, &costs, "costs and latency known", seed, options);
    check_limits(schedule, seed);
}

static sluice_schedule *generate(const char *name, uint64_t *random) {
    sluice_schedule *schedule = NULL;
    sluice_schedule_description about;
    sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
    assert_ok(sluice_schedule_describe(&about, name));
    options.ranks        = test_random_int(random, 1, 6);
    options.microbatches = test_random_int(random, 1, 20);
    if (about.min_chunks != about.max_chunks)
        options.chunks = test_random_int(random, about.min_chunks, 4);
    if (about.takes_slack) options.slack = test_random_int(random, 1, 2);
    const sluice_status status = sluice_schedule_generate(&schedule, name, &options);
    return status == SLUICE_OK ? schedule : NULL; /* some need more micro-batches */
}

static int rounds = 12;

static void generated_schedules_flow(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (const char *const *name = sluice_schedule_names(); *name; name++) {
        int checked = 0;
        for (int k = 0; k < rounds; k++) {
            sluice_schedule *schedule = generate(*name, &random);
            if (!schedule) continue;
            check_schedule(schedule, &random);
            sluice_schedule_free(schedule);
            checked++;
        }
        if (checked == 0) fail_msg("none of %d attempts made a schedule %s", rounds, *name);
    }
}

static void random_schedules_flow(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int k = 0; k < 20 * rounds; k++) {
        sluice_schedule *schedule = make_random_schedule(&random);
        check_schedule(schedule, &random);
        sluice_schedule_free(schedule);
    }
}

int main(int count, char **arguments) {
    if (count > 1 && strcmp(arguments[1], "long") == 0) rounds = 2000;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated_schedules_flow),
        cmocka_unit_test(random_schedules_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
