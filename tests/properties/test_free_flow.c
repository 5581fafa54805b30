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
    for (int r = 0; r < ranks; r++) {
        int actions;
        (void)sluice_schedule_list(&actions, schedule, r);
        if (next[r] < actions)
            fail_msg("%s: rank %d of %d stops at action %d of %d in its rows",
                     sluice_schedule_name(schedule), r, ranks, next[r], actions);
        makespan = fmax(makespan, clock[r]);
    }
    for (int b = 0; b < 2; b++) {
        free(all.arrived[b]);
        free(all.last[b]);
    }
    free(next);
    free(clock);
    return makespan;
}

/* ---- the property ---- */

static double random_cost(uint64_t *random, bool zeros) {
    if (zeros && test_random_int(random, 0, 2) == 0) return 0;
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

/* Decisions take an action to last a millionth of the longest one, even if it costs nothing. */
static double tolerance(const sluice_simulation_costs *costs, int stages) {
    for (int s = 0; s < stages; s++)
        if (costs->stages[s].forward == 0 || costs->stages[s].input == 0 ||
            costs->stages[s].weight == 0)
            return 1e-3;
    return 1e-9;
}

static void assert_flows(const sluice_schedule *schedule, const sluice_simulation_costs *costs,
                         const char *how, int round, sluice_program_options options) {
    const double got      = simulate_makespan(schedule, options, costs);
    const double expected = time_rows(schedule, costs);
    if (fabs(got - expected) > tolerance(costs, sluice_schedule_stages(schedule)) * expected + 1e-9)
        fail_msg("%s, p=%d, m=%d, %d stages, %s, round %d: the program takes %.6f, its rows alone "
                 "%.6f: a rank is held up by a transfer",
                 sluice_schedule_name(schedule), sluice_schedule_ranks(schedule),
                 sluice_schedule_microbatches(schedule), sluice_schedule_stages(schedule), how,
                 round, got, expected);
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

static void check_limits(const sluice_schedule *schedule, int round) {
    sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    const int all                  = count_outstanding(schedule, options);
    for (options.outstanding = 1; options.outstanding < 4; options.outstanding++) {
        const int sends = count_outstanding(schedule, options);
        if (sends > all)
            fail_msg("%s, p=%d, m=%d, round %d: %d sends are outstanding with a limit of %d for "
                     "each rank, and %d without a limit",
                     sluice_schedule_name(schedule), sluice_schedule_ranks(schedule),
                     sluice_schedule_microbatches(schedule), round, sends, options.outstanding,
                     all);
    }
}

static void check_schedule(const sluice_schedule *schedule, int round, uint64_t *random) {
    sluice_cost stages[MAX_STAGES];
    sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    const bool zeros               = test_random_int(random, 0, 3) == 0;
    for (int s = 0; s < sluice_schedule_stages(schedule); s++)
        stages[s] = (sluice_cost){random_cost(random, zeros), random_cost(random, zeros),
                                  random_cost(random, zeros)};
    sluice_simulation_costs costs = {.stages = stages};
    if (sluice_schedule_trains(schedule))
        assert_flows(schedule, &costs, "costs unknown", round, options);
    options.costs = &costs;
    assert_flows(schedule, &costs, "costs known", round, options);
    options.queues = SLUICE_QUEUES_PER_RANK;
    assert_flows(schedule, &costs, "costs known, a queue per rank", round, options);
    options.queues = SLUICE_QUEUES_PER_CHANNEL;
    costs.latency  = random_cost(random, false) / 2;
    assert_flows(schedule, &costs, "costs and latency known", round, options);
    check_limits(schedule, round);
}

/* All actions end at one time. */
static void all_costs_may_be_zero(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES] = {{0}};
    sluice_simulation_costs costs  = {.stages = stages};
    sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    options.costs                  = &costs;
    for (const char *const *name = sluice_schedule_names(); *name; name++) {
        sluice_schedule *schedule = generate_schedule(*name, 4, 8);
        assert_near("makespan without costs", simulate_makespan(schedule, options, &costs), 0);
        sluice_schedule_free(schedule);
    }
}

/* The last two sends follow each other, so that both are outstanding whatever the limit is. */
static void limits_count_from_where_a_send_is_posted(void **state) {
    (void)state;
    static const int expected[]    = {2, 2, 3};
    sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    sluice_schedule *schedule =
        parse_schedule("0F0,0F1,0SEND_F0,0F2,0SEND_F1,0F3,0SEND_F2,0SEND_F3\n"
                       "1RECV_F0,1F0,1RECV_F1,1F1,1RECV_F2,1F2,1RECV_F3,1F3\n");
    for (int k = 0; k < 3; k++) {
        options.outstanding = k + 1;
        assert_int_equal(count_outstanding(schedule, options), expected[k]);
    }
    sluice_schedule_free(schedule);
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
            check_schedule(schedule, k, &random);
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
        check_schedule(schedule, k, &random);
        sluice_schedule_free(schedule);
    }
}

int main(int count, char **arguments) {
    if (count > 1 && strcmp(arguments[1], "long") == 0) rounds = 2000;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated_schedules_flow),
        cmocka_unit_test(random_schedules_flow),
        cmocka_unit_test(all_costs_may_be_zero),
        cmocka_unit_test(limits_count_from_where_a_send_is_posted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
