/* SPDX-License-Identifier: MIT */
/*
 * test_simulated_times.c -- two simulators agree on the built-in schedules: the program's, and one
 * of the schedule's actions alone.
 */
#include "tests/support/action_times.h"
#include "tests/support/schedule_tools.h"
#include "tests/support/shape.h"

#include <math.h>

#include "sluice/program.h"

/* With unit costs. */
static sluice_program *simulate_shape(sluice_simulation **out, const shape *of,
                                      sluice_queues queues) {
    sluice_program *const program = compile_over(generate(of), queues);
    sluice_cost unit[MAX_RANKS];
    for (int s = 0; s < MAX_RANKS; s++) unit[s] = (sluice_cost){1, 1, 1};
    const sluice_simulation_costs costs = {.stages = unit};
    assert_ok(sluice_program_simulate(out, program, &costs));
    return program;
}

/* A queue per channel costs nothing. In one queue per rank a transfer may wait for an earlier one
 * to another peer, which costs a little of an interleaved schedule (seen: 2 actions in 600). */
static void assert_agreement(const shape *of, sluice_queues queues) {
    sluice_schedule *const schedule = generate(of);
    const action_times times        = time_actions(schedule);
    sluice_simulation *simulation   = NULL;
    sluice_program *const program   = simulate_shape(&simulation, of, queues);
    const bool waits                = queues == SLUICE_QUEUES_PER_RANK && of->v > 1 && of->p > 2;
    const double late               = waits ? ceil(0.02 * times.makespan) : 0;
    const double more               = simulation->makespan - times.makespan;
    if (more < 0 || more > late)
        fail_msg("%s: the program takes %g, its actions %d; expected at most %g more", say(of).text,
                 simulation->makespan, times.makespan, late);
    for (int r = 0; r < of->p; r++) {
        const sluice_rank_times *const rank = &simulation->rank[r];
        if (rank->busy != times.busy[r] || fabs(rank->first - times.begin[r]) > late ||
            fabs(rank->last - times.end[r]) > late)
            fail_msg("%s: rank %d is busy for %g from %g to %g; its actions for %d from %d to %d",
                     say(of).text, r, rank->busy, rank->first, rank->last, times.busy[r],
                     times.begin[r], times.end[r]);
        if (sluice_schedule_trains(schedule) && rank->peak_activations != times.peak[r])
            fail_msg("%s: rank %d holds %d, its actions %d", say(of).text, r,
                     rank->peak_activations, times.peak[r]);
    }
    sluice_simulation_free(simulation);
    sluice_program_free(program);
    sluice_schedule_free(schedule);
}

/* Idle share of the makespan: (p - 1) / (what is left of it, in the papers' units). */
static void idle_shares_agree_with_the_papers(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int v, scale; /* (p - 1) / (scale m + p - 1) */
    } rows[] = {
        {"gpipe", 1, 1},      {"1f1b", 1, 1}, {"interleaved", 2, 2}, {"interleaved", 3, 3},
        {"looped-bfs", 3, 3}, {"zb1p", 1, 3}, {"zb2p", 1, 3},        {"zbv", 2, 6},
    };
    for (size_t n = 0; n < sizeof rows / sizeof rows[0]; n++) {
        for (int p = 1; p <= 6; p++) {
            const shape of        = {.name = rows[n].name, .p = p, .v = rows[n].v, .m = 3 * p};
            const double expected = (p - 1.0) / (rows[n].scale * of.m + p - 1);
            sluice_simulation *simulation = NULL;
            sluice_program *program = simulate_shape(&simulation, &of, SLUICE_QUEUES_PER_CHANNEL);
            if (fabs(simulation->makespan_idle - expected) > 1e-12)
                fail_msg("%s: %g of the makespan is idle, expected %g", say(&of).text,
                         simulation->makespan_idle, expected);
            sluice_simulation_free(simulation);
            sluice_program_free(program);
        }
    }
}

static void a_program_takes_as_long_as_its_actions(void **state) {
    (void)state;
    const shape waits = {"interleaved", .p = 7, .v = 2, .m = 25, .group = 12, .slack = 2};
    assert_agreement(&waits, SLUICE_QUEUES_PER_CHANNEL);
    assert_agreement(&waits, SLUICE_QUEUES_PER_RANK);
    const bool everything = getenv("SLUICE_LONG") != NULL;
    uint64_t random       = test_seed();
    for (int trial = 0; trial < (everything ? 3000 : 300); trial++) {
        const shape of = random_shape(&random, everything ? 16 : 8);
        assert_agreement(&of, trial % 2 ? SLUICE_QUEUES_PER_CHANNEL : SLUICE_QUEUES_PER_RANK);
    }
}

/* Twice the warm-up: transfers no longer than F delay only the first and the last micro-batch. */
static void slack_hides_transfers(void **state) {
    (void)state;
    for (int p = 2; p <= 8; p++) {
        for (int m = 2 * p; m <= 4 * p; m += p) {
            sluice_cost unit[MAX_RANKS];
            double makespan[2];
            for (int s = 0; s < p; s++) unit[s] = (sluice_cost){1, 1, 1};
            const sluice_simulation_costs costs = {
                .stages = unit, .activation_transfer = 1, .gradient_transfer = 1};
            for (int k = 0; k < 2; k++) {
                const shape of                = {"1f1b", p, 1, m, 0, 1 + k, 0};
                sluice_simulation *simulation = NULL;
                sluice_program *const program =
                    compile_over(generate(&of), SLUICE_QUEUES_PER_CHANNEL);
                assert_ok(sluice_program_simulate(&simulation, program, &costs));
                makespan[k] = simulation->makespan;
                sluice_simulation_free(simulation);
                sluice_program_free(program);
            }
            const double expected = 3.0 * (m + p - 1) + 2 * (p - 1);
            if (makespan[1] != expected || makespan[0] <= expected)
                fail_msg("p = %d, m = %d: makespan %g with slack 1, %g with 2; expected more than "
                         "%g, and %g",
                         p, m, makespan[0], makespan[1], expected, expected);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_shares_agree_with_the_papers),
        cmocka_unit_test(a_program_takes_as_long_as_its_actions),
        cmocka_unit_test(slack_hides_transfers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
