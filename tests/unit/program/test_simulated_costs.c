/* SPDX-License-Identifier: MIT */
/* test_simulated_costs.c -- simulations by hand: links, queues, recomputation, updates, groups,
 * bytes; and facts about schedules that follow. */
#include "tests/support/schedule_tools.h"

#include <math.h>

static const sluice_queues PER_LINK = SLUICE_QUEUES_PER_CHANNEL, PER_RANK = SLUICE_QUEUES_PER_RANK;

static void assert_makespan(sluice_program *program, const sluice_simulation_costs *costs,
                            double expected) {
    sluice_simulation *simulation = simulate(program, costs);
    assert_near("makespan", simulation->makespan, expected);
    sluice_simulation_free(simulation);
    sluice_program_free(program);
}

static sluice_program *parse(const char *text) {
    return compile_over(parse_schedule(text), PER_LINK);
}

/* ---- facts ---- */

static sluice_simulation *run_named(const char *name, int p, int m, double slack, double latency) {
    sluice_cost stages[MAX_STAGES];
    sluice_simulation_costs costs   = equal_costs(stages, 1, 1, 1);
    sluice_schedule *schedule       = NULL;
    sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
    options.ranks                   = p;
    options.microbatches            = m;
    options.slack                   = slack;
    costs.latency                   = latency;
    assert_ok(sluice_schedule_generate(&schedule, name, &options));
    sluice_program *program       = compile_over(schedule, PER_LINK);
    sluice_simulation *simulation = simulate(program, &costs);
    sluice_program_free(program);
    return simulation;
}

/* 1f1b waits for every hand-off of its steady state, twice per micro-batch; gpipe for none. A
 * longer warm-up buys that back with memory. */
static void hand_offs_slow_down_1f1b_most(void **state) {
    (void)state;
    static const int peaks[]    = {7, 5, 3, 1};
    sluice_simulation *once     = run_named("1f1b", 4, 16, 1, 0.5);
    sluice_simulation *gpipe    = run_named("gpipe", 4, 16, 1, 0.5);
    sluice_simulation *tolerant = run_named("1f1b", 4, 16, 2, 0.5);
    assert_near("1f1b", once->makespan, 71);
    assert_near("gpipe", gpipe->makespan, 60);
    assert_near("1f1b, slack 2", tolerant->makespan, 60);
    for (int r = 0; r < 4; r++) assert_int_equal(tolerant->rank[r].peak_activations, peaks[r]);
    sluice_simulation_free(once);
    sluice_simulation_free(gpipe);
    sluice_simulation_free(tolerant);
}

/* zb2p's ranks never idle inside, but begin and end at different times; as a step ends for all
 * ranks at once, that gains nothing. */
static void a_barrier_makes_zb2p_no_faster_than_zb1p(void **state) {
    (void)state;
    for (int p = 2; p <= 8; p *= 2)
        for (int m = 2 * p - 1; m <= 4 * p; m++) {
            sluice_simulation *one = run_named("zb1p", p, m, 1, 0);
            sluice_simulation *two = run_named("zb2p", p, m, 1, 0);
            assert_near("zb1p", one->makespan, 3 * m + p - 1);
            if (two->makespan < one->makespan)
                fail_msg("p = %d, m = %d: zb2p takes %g, zb1p %g", p, m, two->makespan,
                         one->makespan);
            for (int r = 0; r < p; r++) assert_near("zb2p", two->rank[r].inner_idle, 0);
            sluice_simulation_free(one);
            sluice_simulation_free(two);
        }
}

/* ---- links and queues ---- */

/* Forward only, three ranks, two micro-batches, F = 1, transfers 2. Over links the second
 * activation arrives at 5 while rank 1 passes the first one on, from 4; in one queue the latter
 * must wait until 5. */
/* A chain of unequal stages that only runs forward takes sum(F) + sum(links) + (m - 1) max(F), as
 * long as no link takes longer than the slowest stage; with costs known, and without. */
static void a_chain_takes_the_time_of_the_formula(void **state) {
    (void)state;
    static const struct {
        int p, m;
        double forward[4], link[3], expected;
    } rows[] = {
        {3, 100, {1.13, 2.90, 2.62}, {0, 0}, 293.75},
        {4, 16, {0.5, 1, 1, 5}, {0.2, 0.1, 0.3}, 83.1},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        for (int known = 0; known < 2; known++) {
            sluice_cost stages[MAX_STAGES] = {{0}};
            sluice_link_cost links[3];
            sluice_simulation_costs costs = {
                .stages = stages, .links = links, .link_count = rows[k].p - 1};
            sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
            sluice_schedule *schedule = generate_schedule("forward-only", rows[k].p, rows[k].m);
            sluice_program *program   = NULL;
            for (int s = 0; s < rows[k].p; s++) stages[s].forward = rows[k].forward[s];
            for (int l = 0; l + 1 < rows[k].p; l++)
                links[l] = (sluice_link_cost){.from = l, .to = l + 1, .latency = rows[k].link[l]};
            if (known) options.costs = &costs;
            assert_ok(sluice_program_compile(&program, schedule, NULL, NULL, &options));
            sluice_schedule_free(schedule);
            assert_makespan(program, &costs, rows[k].expected);
        }
}

static void one_queue_carries_one_transfer_at_a_time(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    sluice_simulation_costs costs = equal_costs(stages, 1, 1, 1);
    costs.latency                 = 2;
    assert_makespan(compile_over(generate_schedule("forward-only", 3, 2), PER_LINK), &costs, 9);
    assert_makespan(compile_over(generate_schedule("forward-only", 3, 2), PER_RANK), &costs, 10);
}

/* 1f1b, two ranks: activation and gradient cross at one time, in one group, and take no longer than
 * over two links. */
static void a_group_carries_its_transfers_at_once(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    sluice_simulation_costs costs = equal_costs(stages, 2, 1, 1);
    costs.latency                 = 0.5;
    sluice_program *program       = compile_over(generate_schedule("1f1b", 2, 6), PER_RANK);
    sluice_simulation *simulation = simulate(program, &costs);
    int together                  = 0;
    for (int t = 1; t < simulation->transfer_count; t++)
        together += simulation->transfers[t].begin == simulation->transfers[t - 1].begin &&
                    simulation->transfers[t].from == simulation->transfers[t - 1].to;
    if (together < 3) fail_msg("only %d pairs of transfers begin together", together);
    sluice_simulation_free(simulation);
    sluice_program_free(program);
}

static void links_may_have_different_costs(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    sluice_simulation_costs costs  = equal_costs(stages, 1, 1, 1);
    const sluice_link_cost links[] = {{0, 1, 100, 1}, {1, 2, 4, 0}, {2, 1, 0, 0.5}, {0, 1, 3, 0}};
    costs.latency                  = 1;
    costs.bandwidth                = 2; /* 1 / 2 for a transfer of unknown size */
    costs.activation_transfer      = 0.25;
    costs.links                    = links;
    costs.link_count               = 4;
    /* F, 3.25, F, 4.25, F, B, 2, B, 1.5, B */
    assert_makespan(compile_over(generate_schedule("gpipe", 3, 1), PER_LINK), &costs,
                    1 + 3.25 + 1 + 4.25 + 1 + 2 + 2 + 2 + 1.5 + 2);
}

/* ---- recomputation, updates ---- */

static void a_recompute_takes_its_cost(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    sluice_simulation_costs costs   = equal_costs(stages, 1, 1, 1);
    const double recompute[]        = {0.5, 0.25};
    const bool all[]                = {true, true};
    sluice_program_options settings = SLUICE_PROGRAM_OPTIONS_INIT;
    sluice_schedule *schedule       = generate_schedule("gpipe", 2, 2);
    sluice_program *program         = NULL;
    settings.recompute              = all;
    assert_ok(sluice_program_compile(&program, schedule, NULL, NULL, &settings));
    sluice_schedule_free(schedule);
    /* Rank 1: F 1-3, again, B0 3.25-5.25; rank 0 did again while it waited, B0, again, B1. */
    costs.recompute               = recompute;
    sluice_simulation *simulation = simulate(program, &costs);
    assert_near("makespan", simulation->makespan, 3 + 0.25 + 2 + 2 + 0.5 + 2);
    costs.recompute = NULL;
    sluice_simulation_free(simulation);
    assert_makespan(program, &costs, 3 + 1 + 2 + 1 + 2 + 2);
}

static void updates_come_after_the_last_rank(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    sluice_simulation_costs costs = equal_costs(stages, 1, 1, 1);
    const double updates[]        = {7, 2};
    costs.update                  = 5;
    sluice_program *program       = compile_over(generate_schedule("gpipe", 2, 1), PER_LINK);
    sluice_simulation *simulation = simulate(program, &costs);
    assert_near("step", simulation->step, 6 + 5);
    sluice_simulation_free(simulation);
    costs.updates = updates;
    simulation    = simulate(program, &costs);
    assert_near("makespan", simulation->makespan, 6);
    assert_near("step", simulation->step, 6 + 7);
    assert_near("critical path", simulation->critical_compute, 6);
    sluice_simulation_free(simulation);
    sluice_program_free(program);
}

/* ---- overlap groups ---- */

/* When F1 and B0 of rank 0 are one, F1 must wait for B0's gradient, which is there at 4, and rank 1
 * gets F1's activation when both are done, at 7. */
static void groups_are_atomic(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    const sluice_simulation_costs costs = equal_costs(stages, 1, 1, 1);
    assert_makespan(parse("0F0,(0F1;0B0)OVERLAP_F_B,0B1\n1F0,1B0,1F1,1B1\n"), &costs, 12);
    assert_makespan(parse("0F0,0F1,0B0,0B1\n1F0,1B0,1F1,1B1\n"), &costs, 9);
    assert_makespan(parse("0F0,0SEND_F0,0RECV_B0,(0F1;0B0)OVERLAP_F_B,0SEND_F1,0RECV_B1,0B1\n"
                          "1RECV_F0,1F0,1B0,1SEND_B0,1RECV_F1,1F1,1B1,1SEND_B1\n"),
                    &costs, 12);
}

/* A forward and a whole backward, F + I + W = 3, take 2.75 together. */
static void groups_may_cost_less_than_their_sum(void **state) {
    (void)state;
    static const struct {
        const char *schedule;
        int p, m;
        double overlap, makespan;
    } rows[] = {
        {"dualpipev", 4, 16, 0, 102},          {"dualpipev", 4, 16, 1, 102},
        {"dualpipev", 4, 16, 2.75 / 3, 95.5},  {"dualpipev", 8, 32, 2.75 / 3, 192.5},
        {"1f1b", 4, 8, 2.75 / 3, 3 * (8 + 3)}, /* it has no groups */
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        sluice_cost stages[MAX_STAGES];
        sluice_simulation_costs costs = equal_costs(stages, 1, 1, 1);
        costs.overlap                 = rows[k].overlap;
        assert_makespan(
            compile_over(generate_schedule(rows[k].schedule, rows[k].p, rows[k].m), PER_LINK),
            &costs, rows[k].makespan);
    }
}

/* F of 1 and B of 4 take half of 5, of which F has a fifth; a group of one overlaps with nothing.
 */
static void members_share_the_time_of_their_group(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    sluice_simulation_costs costs = equal_costs(stages, 1, 2, 2);
    static const double ends[]    = {1, 1.5, 3.5, 7.5};
    costs.overlap                 = 0.5;
    sluice_program *program       = parse("(0F0)OVERLAP_F_B,(0F1;0B0)OVERLAP_F_B,0B1\n");
    sluice_simulation *simulation = simulate(program, &costs);
    for (int n = 0; n < 4; n++)
        if (fabs(simulation->rank[0].end[n] - ends[n]) > 1e-12)
            fail_msg("action %d ends at %g, expected %g", n, simulation->rank[0].end[n], ends[n]);
    sluice_simulation_free(simulation);
    sluice_program_free(program);
}

static void groups_wait_first_and_send_last(void **state) {
    (void)state;
    for (int queues = 0; queues < 2; queues++) {
        sluice_program *program =
            compile_over(generate_schedule("dualpipev", 4, 12), (sluice_queues)queues);
        int groups = 0;
        for (int r = 0; r < 4; r++) {
            int count;
            const sluice_instruction *list = sluice_program_list(&count, program, r);
            for (int n = 0; n + 1 < count; n++) {
                if (!sluice_instruction_computes(list[n].kind) || list[n].group == 0) continue;
                /* No instruction stands between two of one group. */
                int next = n + 1;
                while (next < count && !(sluice_instruction_computes(list[next].kind) &&
                                         list[next].group == list[n].group))
                    next++;
                if (next < count && next != n + 1)
                    fail_msg("rank %d: instructions %d and %d are apart", r, n, next);
                groups += next == n + 1;
            }
        }
        assert_true(groups > 0);
        sluice_program_free(program);
    }
}

/* ---- bytes ---- */

/* One rank, one stage, two micro-batches one after the other: saved 1000 (aligned to 1024) each. */
static void live_bytes_agree_with_the_plan(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    const sluice_simulation_costs costs = equal_costs(stages, 1, 1, 1);
    const sluice_stage_bytes bytes      = {
             .saved = 1000, .stash = 300, .scratch = 40, .permanent = 9000};
    sluice_schedule *schedule       = parse_schedule("0F0,0F1,0I0,0W0,0I1,0W1\n");
    sluice_program_options settings = SLUICE_PROGRAM_OPTIONS_INIT;
    sluice_program *program         = NULL;
    settings.bytes                  = &bytes;
    assert_ok(sluice_program_compile(&program, schedule, NULL, NULL, &settings));
    sluice_simulation *simulation     = simulate(program, &costs);
    const sluice_program_bytes memory = sluice_program_memory(program, 0);
    static const size_t want[]        = {1024 + 256,
                                         2048 + 256,
                                         2048 + 512 + 256,
                                         2048 + 512 + 256,
                                         1024 + 512 + 256,
                                         1024 + 512 + 256,
                                         0,
                                         0};
    const size_t base                 = 9216 + 256; /* losses, in addition to permanent memory */
    size_t held[8];
    sluice_program_held(NULL, held, program, 0);
    for (int n = 0; n < 8; n++)
        if (held[n] != base + want[n])
            fail_msg("instruction %d: %zu bytes, expected %zu", n, held[n], base + want[n]);
    assert_int_equal(memory.live, base + want[2]);
    assert_int_equal(memory.parameters, 9216);
    sluice_simulation_free(simulation);
    sluice_program_free(program);
    sluice_schedule_free(schedule);
}

/* Stage 0 sends 3000 bytes to stage 1, at 1000 bytes per unit of time. */
static void sizes_decide_what_transfers_take(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    sluice_simulation_costs costs    = equal_costs(stages, 1, 1, 1);
    const sluice_stage_bytes bytes[] = {{.output = 3000, .saved = 1}, {.output = 70, .saved = 1}};
    sluice_schedule *schedule        = generate_schedule("gpipe", 2, 1);
    sluice_program_options settings  = SLUICE_PROGRAM_OPTIONS_INIT;
    sluice_program *program          = NULL;
    settings.bytes                   = bytes;
    costs.bandwidth                  = 1000;
    costs.latency                    = 0.5;
    assert_ok(sluice_program_compile(&program, schedule, NULL, NULL, &settings));
    sluice_schedule_free(schedule);
    assert_makespan(program, &costs, 1 + 3.5 + 1 + 2 + 3.5 + 2);
}

/* Different sizes for every stage: plans hold over both kinds of queues. */
static void sized_programs_compile(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (const char *const *name = sluice_schedule_names(); *name; name++)
        for (int queues = 0; queues < 2; queues++) {
            sluice_schedule *schedule = generate_schedule(*name, 4, 8);
            sluice_stage_bytes bytes[MAX_STAGES];
            for (int s = 0; s < MAX_STAGES; s++)
                bytes[s] = (sluice_stage_bytes){(size_t)test_random_int(&random, 0, 3000),
                                                (size_t)test_random_int(&random, 0, 9000),
                                                (size_t)test_random_int(&random, 0, 900),
                                                (size_t)test_random_int(&random, 0, 500), 77};
            sluice_program_options settings = SLUICE_PROGRAM_OPTIONS_INIT;
            sluice_program *program         = NULL;
            settings.bytes                  = bytes;
            settings.queues                 = (sluice_queues)queues;
            assert_ok(sluice_program_compile(&program, schedule, NULL, NULL, &settings));
            sluice_program_free(program);
            sluice_schedule_free(schedule);
        }
}

/* ---- refusals ---- */

static void bad_costs_are_refused(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    const sluice_simulation_costs good = equal_costs(stages, 1, 1, 1);
    sluice_program *program            = compile_over(generate_schedule("1f1b", 2, 2), PER_LINK);
    sluice_simulation *simulation      = NULL;
    const double bad[]                 = {1, -2};
    const sluice_link_cost link        = {1, 0, 1, INFINITY};
    sluice_simulation_costs costs      = good;
    costs.recompute                    = bad;
    assert_refused(sluice_program_simulate(&simulation, program, &costs), SLUICE_E_ARGUMENT,
                   "stage 1 costs -2 to recompute; a cost is a finite number, 0 or more");
    costs         = good;
    costs.updates = bad;
    assert_refused(sluice_program_simulate(&simulation, program, &costs), SLUICE_E_ARGUMENT,
                   "the update of rank 1 costs -2; a cost is a finite number, 0 or more");
    costs         = good;
    costs.latency = NAN;
    assert_refused(sluice_program_simulate(&simulation, program, &costs), SLUICE_E_ARGUMENT,
                   "links have latency nan and bandwidth 0; give finite numbers, 0 or more");
    costs            = good;
    costs.links      = &link;
    costs.link_count = 1;
    assert_refused(sluice_program_simulate(&simulation, program, &costs), SLUICE_E_ARGUMENT,
                   "the link from rank 1 to rank 0 has latency 1 and bandwidth inf; give finite "
                   "numbers, 0 or more");
    costs         = good;
    costs.overlap = 1.5;
    assert_refused(sluice_program_simulate(&simulation, program, &costs), SLUICE_E_ARGUMENT,
                   "overlap groups cost 1.5 times the sum of their actions; give a factor of more "
                   "than 0, and at most 1");
    assert_null(simulation);
    sluice_program_free(program);
}

/* Each cost is a number, and a sum of them is not. */
static void costs_that_overflow_are_refused(void **state) {
    (void)state;
#define MORE_THAN "add up to more than 1.79769e+308, the largest number"
    static const struct {
        double forward, latency, bandwidth, update;
        const char *says;
    } rows[] = {
        {1e308, 0, 0, 0, "the costs " MORE_THAN ", when rank 0 runs 0F1"},
        {1, 1e308, 0, 0,
         "the costs " MORE_THAN
         ", when the activation of stage 0 and micro-batch 1 goes from rank 0 to rank 1"},
        {1, 0, 1e-310, 0,
         "the costs " MORE_THAN
         ", when the activation of stage 0 and micro-batch 0 goes from rank 0 to rank 1"},
        {1, 5e307, 0, 0,
         "the costs " MORE_THAN
         ", when the gradient of stage 1 and micro-batch 1 goes from rank 1 to rank 0"},
        {1, 0, 0, 1e308, "the times of 2 ranks and 4 transfers " MORE_THAN},
    };
    sluice_program *program = compile_over(generate_schedule("gpipe", 2, 2), PER_LINK);
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        sluice_cost stages[MAX_STAGES];
        sluice_simulation_costs costs = equal_costs(stages, rows[k].forward, 1, 1);
        sluice_simulation *simulation = NULL;
        costs.latency                 = rows[k].latency;
        costs.bandwidth               = rows[k].bandwidth;
        costs.update                  = rows[k].update;
        assert_refused(sluice_program_simulate(&simulation, program, &costs), SLUICE_E_ARGUMENT,
                       rows[k].says);
        assert_null(simulation);
    }
    sluice_program_free(program);
}

static void sizes_that_overflow_are_refused(void **state) {
    (void)state;
    const sluice_stage_bytes bytes[] = {{.saved = (size_t)1 << 62}, {.saved = (size_t)1 << 62}};
    sluice_schedule *schedule        = generate_schedule("gpipe", 2, 2);
    sluice_program_options settings  = SLUICE_PROGRAM_OPTIONS_INIT;
    sluice_program *program          = NULL;
    settings.bytes                   = bytes;
    assert_refused(sluice_program_compile(&program, schedule, NULL, NULL, &settings),
                   SLUICE_E_ARGUMENT,
                   "the stages hold 1.84467e+19 bytes, more than an address space");
    sluice_schedule_free(schedule);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hand_offs_slow_down_1f1b_most),
        cmocka_unit_test(a_barrier_makes_zb2p_no_faster_than_zb1p),
        cmocka_unit_test(a_chain_takes_the_time_of_the_formula),
        cmocka_unit_test(one_queue_carries_one_transfer_at_a_time),
        cmocka_unit_test(a_group_carries_its_transfers_at_once),
        cmocka_unit_test(links_may_have_different_costs),
        cmocka_unit_test(a_recompute_takes_its_cost),
        cmocka_unit_test(updates_come_after_the_last_rank),
        cmocka_unit_test(groups_are_atomic),
        cmocka_unit_test(groups_may_cost_less_than_their_sum),
        cmocka_unit_test(members_share_the_time_of_their_group),
        cmocka_unit_test(groups_wait_first_and_send_last),
        cmocka_unit_test(live_bytes_agree_with_the_plan),
        cmocka_unit_test(sizes_decide_what_transfers_take),
        cmocka_unit_test(sized_programs_compile),
        cmocka_unit_test(bad_costs_are_refused),
        cmocka_unit_test(costs_that_overflow_are_refused),
        cmocka_unit_test(sizes_that_overflow_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
