/* SPDX-License-Identifier: MIT */
/* test_critical_path.c -- what a simulation says in addition to times: the critical path, hidden
 * transfers, live activations. */
#include "tests/support/schedule_tools.h"

#include <math.h>

static sluice_program *generate(const char *name, int p, int m) {
    return compile_over(generate_schedule(name, p, m), SLUICE_QUEUES_PER_CHANNEL);
}

/* ---- the critical path ---- */

/* The parts of the path do not overlap and add up to the makespan. */
static void assert_path(const char *what, const sluice_program *program,
                        const sluice_simulation *simulation) {
    double compute = 0, transfer = 0;
    int actions = 0;
    for (int r = 0; r < simulation->ranks; r++) {
        int count;
        const sluice_instruction *list = sluice_program_list(&count, program, r);
        for (int n = 0; n < count; n++) {
            if (!sluice_is_critical(&simulation->rank[r], n) ||
                !sluice_instruction_computes(list[n].kind))
                continue;
            compute += simulation->rank[r].end[n] - simulation->rank[r].begin[n];
            actions++;
        }
    }
    for (int t = 0; t < simulation->transfer_count; t++)
        if (simulation->transfers[t].critical)
            transfer += simulation->transfers[t].end - simulation->transfers[t].begin;
    assert_near(what, simulation->critical_compute, compute);
    assert_near(what, simulation->critical_transfer, transfer);
    assert_near(what, compute + transfer, simulation->makespan);
    assert_int_equal(simulation->critical_actions, actions);
}

/* Shortening everything on the path shortens the step; what is off the path has slack. */
static void the_critical_path_is_as_long_as_the_step(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int trial = 0; trial < 200; trial++) {
        const char *const *names = sluice_schedule_names();
        int count                = 0;
        while (names[count]) count++;
        const char *name = names[test_random_int(&random, 0, count - 1)];
        const int p = 2 * test_random_int(&random, 1, 4), m = p * test_random_int(&random, 1, 3);
        sluice_cost stages[MAX_STAGES];
        for (int s = 0; s < MAX_STAGES; s++)
            stages[s] = (sluice_cost){0.1 * test_random_int(&random, 0, 9),
                                      0.1 * test_random_int(&random, 0, 9),
                                      0.1 * test_random_int(&random, 0, 9)};
        const sluice_simulation_costs costs = {.stages    = stages,
                                               .update    = 3,
                                               .latency   = 0.1 * test_random_int(&random, 0, 5),
                                               .bandwidth = test_random_int(&random, 0, 4)};
        sluice_program *program =
            compile_over(generate_schedule(name, p, m), (sluice_queues)(trial % 2));
        sluice_simulation *simulation = simulate(program, &costs);
        char what[96];
        snprintf(what, sizeof what, "%s, p = %d, m = %d, queues %d", name, p, m, trial % 2);
        assert_path(what, program, simulation);
        sluice_simulation_free(simulation);
        sluice_program_free(program);
    }
}

/* The path goes by one post of a group as well as by its last one. */
static void posts_that_are_issued_as_one_are_adjacent(void **state) {
    (void)state;
    int largest = 0;
    for (const char *const *name = sluice_schedule_names(); *name; name++)
        for (int p = 1; p <= 6; p++) {
            sluice_program *program =
                compile_over(generate_schedule(*name, p, 2 * p + 1), SLUICE_QUEUES_PER_RANK);
            for (int r = 0; r < p; r++) {
                int count;
                const sluice_instruction *list = sluice_program_list(&count, program, r);
                for (int n = 0, size = 0, last[2] = {0, -1}; n < count; n++) {
                    const bool posts = list[n].kind == SLUICE_INSTRUCTION_POST_SEND ||
                                       list[n].kind == SLUICE_INSTRUCTION_POST_RECEIVE;
                    if (!posts || list[n].group == 0) continue;
                    const bool same = list[n].group == last[0];
                    if (same && last[1] != n - 1)
                        fail_msg("%s, p = %d, rank %d: instruction %d lies between posts of group "
                                 "%d",
                                 *name, p, r, n - 1, list[n].group);
                    size    = same ? size + 1 : 1;
                    last[0] = list[n].group;
                    last[1] = n;
                    if (size > largest) largest = size;
                }
            }
            sluice_program_free(program);
        }
    if (largest < 2) fail_msg("no group has several posts");
}

/* 1f1b, two ranks, one micro-batch: everything is critical, there and back. */
static void a_path_goes_through_transfers(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    sluice_simulation_costs costs = equal_costs(stages, 1, 1, 1);
    costs.activation_transfer     = 0.5;
    costs.gradient_transfer       = 0.25;
    sluice_program *program       = generate("1f1b", 2, 1);
    sluice_simulation *simulation = simulate(program, &costs);
    assert_near("compute", simulation->critical_compute, 6);
    assert_near("transfer", simulation->critical_transfer, 0.75);
    assert_int_equal(simulation->critical_actions, 4);
    assert_int_equal(simulation->critical_transfers, 2);
    sluice_simulation_free(simulation);
    sluice_program_free(program);
}

/* ---- transfers ---- */

typedef struct expected_transfer {
    int from, to;
    sluice_payload payload;
    int stage, microbatch;
    bool critical;
    double sent, received, begin, end, sender_blocked, receiver_blocked;
} expected_transfer;

static void assert_transfer(const sluice_program *program, const sluice_simulation *simulation,
                            int t, const expected_transfer *want) {
    const sluice_transfer_times *got = &simulation->transfers[t];
    const int stage                  = sluice_program_edge(program, got->edge).producer;
    const int microbatch             = sluice_transfer_microbatch(program, got);
    if (got->from != want->from || got->to != want->to || got->payload != want->payload ||
        stage != want->stage || microbatch != want->microbatch || got->critical != want->critical)
        fail_msg("transfer %d -> %d of stage %d, micro-batch %d%s; expected %d -> %d, %d, %d%s",
                 got->from, got->to, stage, microbatch, got->critical ? ", critical" : "",
                 want->from, want->to, want->stage, want->microbatch,
                 want->critical ? ", critical" : "");
    assert_near("sent", sluice_transfer_posted(simulation, program, got, true), want->sent);
    assert_near("received", sluice_transfer_posted(simulation, program, got, false),
                want->received);
    assert_near("begin", got->begin, want->begin);
    assert_near("end", got->end, want->end);
    assert_near("of it the sender is blocked", sluice_transfer_blocked(simulation, got, true),
                want->sender_blocked);
    assert_near("of it the receiver is blocked", sluice_transfer_blocked(simulation, got, false),
                want->receiver_blocked);
    assert_near("exposed", sluice_transfer_exposed(simulation, got),
                fmax(want->sender_blocked, want->receiver_blocked));
}

/* gpipe, two ranks, two micro-batches, F = 2, activations take 1, gradients 0.5:
 *   rank 0 F0 0-2, F1 2-4; rank 1 F0 3-5, F1 5-7, B0 7-9, B1 9-11; rank 0 B0 9.5-11.5, B1 to 13.5
 */
static void transfers_name_the_stalled_end(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    sluice_simulation_costs costs = equal_costs(stages, 2, 1, 1);
    costs.activation_transfer     = 1;
    costs.gradient_transfer       = 0.5;
    sluice_program *program       = generate("gpipe", 2, 2);
    sluice_simulation *simulation = simulate(program, &costs);
    const sluice_payload f = SLUICE_PAYLOAD_ACTIVATION, b = SLUICE_PAYLOAD_GRADIENT;
    const expected_transfer want[] = {
        {0, 1, f, 0, 0, true, 2, 0, 2, 3, 0, 1},
        {0, 1, f, 0, 1, false, 4, 0, 4, 5, 0, 0},
        {1, 0, b, 1, 0, true, 9, 2, 9, 9.5, 0, 0.5},
        {1, 0, b, 1, 1, false, 11, 4, 11, 11.5, 0.5, 0},
    };
    assert_near("makespan", simulation->makespan, 13.5);
    assert_int_equal(simulation->transfer_count, 4);
    for (int t = 0; t < 4; t++) assert_transfer(program, simulation, t, &want[t]);
    assert_near("transferring", simulation->transferring, 3);
    assert_near("exposed", simulation->exposed, 2); /* with what blocks the last sender */
    sluice_simulation_free(simulation);
    sluice_program_free(program);
}

static void transfers_come_in_the_order_in_which_they_begin(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    sluice_simulation_costs costs = equal_costs(stages, 1, 0.9, 1.1);
    costs.activation_transfer     = 0.3;
    for (int queues = 0; queues < 2; queues++) {
        sluice_program *program =
            compile_over(generate_schedule("1f1b", 5, 12), (sluice_queues)queues);
        sluice_simulation *simulation = simulate(program, &costs);
        assert_int_equal(simulation->transfer_count, 2 * 4 * 12);
        bool seen[2][8][12] = {0};
        for (int t = 0; t < simulation->transfer_count; t++) {
            const sluice_transfer_times *at = &simulation->transfers[t];
            if (t > 0) assert_true(at->begin >= at[-1].begin);
            for (int sender = 0; sender < 2; sender++)
                assert_true(at->begin >=
                            sluice_transfer_posted(simulation, program, at, sender != 0));
            assert_true(at->end >= at->begin);
            bool *const here = &seen[at->payload][sluice_program_edge(program, at->edge).producer]
                                    [sluice_transfer_microbatch(program, at)];
            assert_false(*here);
            *here = true;
        }
        sluice_simulation_free(simulation);
        sluice_program_free(program);
    }
}

/* ---- live activations ---- */

static void live_activations_are_counted_from_f_to_b(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    const sluice_simulation_costs costs = equal_costs(stages, 1, 1, 1);
    sluice_program *program =
        compile_over(parse_schedule("0F0,0F1,0I0,0W0,0I1,0W1\n"), SLUICE_QUEUES_PER_CHANNEL);
    sluice_simulation *simulation = simulate(program, &costs);
    static const int want[]       = {1, 2, 2, 2, 1, 1, 0, 0}; /* with norm and update */
    int count;
    (void)sluice_program_list(&count, program, 0);
    assert_int_equal(count, 8);
    int held[8];
    size_t bytes[8];
    sluice_program_held(held, bytes, program, 0);
    for (int n = 0; n < count; n++) assert_int_equal(held[n], want[n]);
    for (int n = 0; n < count; n++) assert_int_equal(bytes[n], 0);
    assert_int_equal(simulation->rank[0].peak_activations, 2);
    assert_int_equal(sluice_program_peak_activations(program, 0), 2);
    sluice_simulation_free(simulation);
    sluice_program_free(program);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_critical_path_is_as_long_as_the_step),
        cmocka_unit_test(posts_that_are_issued_as_one_are_adjacent),
        cmocka_unit_test(a_path_goes_through_transfers),
        cmocka_unit_test(transfers_name_the_stalled_end),
        cmocka_unit_test(transfers_come_in_the_order_in_which_they_begin),
        cmocka_unit_test(live_activations_are_counted_from_f_to_b),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
