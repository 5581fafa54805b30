/* SPDX-License-Identifier: MIT */
/* test_simulate.c -- simulated times against the textbook, hand calculation and dependencies; time
 * lines. */
#include "tests/support/schedule_tools.h"

#include <math.h>

#include "runtime/program/compiled.h"
#include "sluice/allocator.h"
#include "sluice/timeline.h"

static sluice_program *compile(sluice_schedule *schedule) {
    return compile_over(schedule, SLUICE_QUEUES_PER_CHANNEL);
}

static sluice_program *generate(const char *name, int p, int m) {
    return compile(generate_schedule(name, p, m));
}

static sluice_program *parse(const char *text) {
    return compile(parse_schedule(text));
}

/* ---- the textbook: equal stages, free transfers ---- */

static void assert_textbook(const char *name, int p, int m) {
    sluice_cost stages[MAX_STAGES];
    const sluice_simulation_costs costs = equal_costs(stages, 1, 1, 1);
    sluice_program *const program       = generate(name, p, m);
    sluice_simulation *const simulation = simulate(program, &costs);
    char what[64];
    snprintf(what, sizeof what, "%s, p = %d, m = %d", name, p, m);
    assert_near(what, simulation->makespan, 3.0 * (m + p - 1));
    assert_near(what, simulation->makespan_idle, (p - 1.0) / (m + p - 1));
    assert_near(what, simulation->step, simulation->makespan);
    for (int r = 0; r < p; r++) {
        const int expected = strcmp(name, "1f1b") != 0 ? m : m < p - r ? m : p - r;
        const int got      = simulation->rank[r].peak_activations;
        if (got != expected) fail_msg("%s: rank %d holds %d, expected %d", what, r, got, expected);
        assert_near(what, simulation->rank[r].busy, 3.0 * m);
        /* A rank begins when the pipeline has filled up to it, and finishes that much earlier. */
        assert_near(what, simulation->rank[r].first, r);
        assert_near(what, simulation->rank[r].last, simulation->makespan - 2.0 * r);
        assert_near(what, simulation->rank[r].inner_idle,
                    1 - 3.0 * m / (simulation->makespan - 3.0 * r));
    }
    sluice_simulation_free(simulation);
    sluice_program_free(program);
}

static void makespans_bubbles_and_peaks_agree_with_the_textbook(void **state) {
    (void)state;
    static const char *const names[] = {"gpipe", "gpipe-lifo", "1f1b"};
    for (int p = 1; p <= 6; p++)
        for (int m = 1; m <= 9; m++)
            for (int n = 0; n < 3; n++) assert_textbook(names[n], p, m);
    uint64_t random = test_seed();
    for (int trial = 0; trial < 40; trial++)
        assert_textbook(names[trial % 3], test_random_int(&random, 1, 20),
                        test_random_int(&random, 1, 40));
}

static void forward_only_keeps_nothing(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    const sluice_simulation_costs costs = equal_costs(stages, 1, 1, 1);
    sluice_program *const program       = generate("forward-only", 3, 5);
    sluice_simulation *const simulation = simulate(program, &costs);
    assert_near("makespan", simulation->makespan, 7);
    for (int r = 0; r < 3; r++) assert_int_equal(simulation->rank[r].peak_activations, 1);
    sluice_simulation_free(simulation);
    sluice_program_free(program);
}

/* ---- by hand ---- */

static void assert_makespan(sluice_program *program, const sluice_simulation_costs *costs,
                            double expected) {
    sluice_simulation *const simulation = simulate(program, costs);
    assert_near("makespan", simulation->makespan, expected);
    sluice_simulation_free(simulation);
    sluice_program_free(program);
}

static void a_transfer_takes_its_links_time(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    sluice_simulation_costs costs = equal_costs(stages, 1, 0.5, 1.5);
    costs.activation_transfer     = 0.5;
    costs.gradient_transfer       = 0.25;
    /* F, link, F, B, link, B */
    assert_makespan(generate("1f1b", 2, 1), &costs, 1 + 0.5 + 1 + 2 + 0.25 + 2);
}

static void a_link_carries_one_transfer_at_a_time(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    sluice_simulation_costs costs = equal_costs(stages, 1, 1, 1);
    costs.activation_transfer     = 2;
    /* They arrive at 3, 5, 7; the last F ends at 8; three B of 2; the first rank's last B. */
    assert_makespan(generate("gpipe", 2, 3), &costs, 8 + 6 + 2);
}

static void a_transfer_starts_when_both_ends_are_posted(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    sluice_simulation_costs costs = equal_costs(stages, 1, 1, 1);
    costs.activation_transfer     = 5;
    /* The second activation is ready at 2, but stage 1 asks for it at 9, after its first B. */
    assert_makespan(parse("0F0,0SEND_F0,0F1,0SEND_F1,0RECV_B0,0B0,0RECV_B1,0B1\n"
                          "1RECV_F0,1F0,1B0,1SEND_B0,1RECV_F1,1F1,1B1,1SEND_B1\n"),
                    &costs, 9 + 5 + 1 + 2 + 2);
    /* Asked for at once it arrives at 11, right behind the first one. */
    assert_makespan(parse("0F0,0SEND_F0,0F1,0SEND_F1,0RECV_B0,0B0,0RECV_B1,0B1\n"
                          "1RECV_F0,1RECV_F1,1F0,1B0,1SEND_B0,1F1,1B1,1SEND_B1\n"),
                    &costs, 11 + 1 + 2 + 2);
}

static void halves_of_backward_take_their_costs(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    sluice_simulation_costs costs       = equal_costs(stages, 1, 10, 100);
    costs.update                        = 1000;
    sluice_program *const program       = parse("0F0,0I0,0W0\n1F0,1I0,1W0\n");
    sluice_simulation *const simulation = simulate(program, &costs);
    /* F, F, I on the second stage, I and W on the first while the second does its W. */
    assert_near("makespan", simulation->makespan, 1 + 1 + 10 + 10 + 100);
    assert_near("step", simulation->step, simulation->makespan + 1000);
    assert_near("idle", simulation->makespan_idle, 1 - 222.0 / 244.0);
    assert_int_equal(simulation->rank[0].peak_activations, 1);
    sluice_simulation_free(simulation);
    sluice_program_free(program);
}

/* ---- by dependency: random costs ---- */

/* When stage `stage` ends (or begins) action `kind` of micro-batch i. */
static double time_of(const sluice_program *program, const sluice_simulation *simulation,
                      sluice_instruction_kind kind, int stage, int i, bool begin) {
    const int r                          = sluice_program_stage_rank(program, stage);
    int count                            = 0;
    const sluice_instruction *const list = sluice_program_list(&count, program, r);
    for (int n = 0; n < count; n++)
        if (list[n].kind == kind && list[n].stage == stage && list[n].microbatch == i)
            return begin ? simulation->rank[r].begin[n] : simulation->rank[r].end[n];
    fail_msg("stage %d has no %s of micro-batch %d", stage, sluice_instruction_name(kind), i);
    return NAN;
}

static void assert_fed_in_time(const sluice_program *program, const sluice_simulation *simulation,
                               sluice_instruction_kind kind, int from, int to, double transfer) {
    for (int i = 0; i < sluice_program_microbatches(program); i++) {
        const double made = time_of(program, simulation, kind, from, i, false);
        const double used = time_of(program, simulation, kind, to, i, true);
        if (used < made + transfer - 1e-9)
            fail_msg("%s of micro-batch %d: made at %g by stage %d, used at %g by stage %d",
                     sluice_instruction_name(kind), i, made, from, used, to);
    }
}

static void assert_sequential(const sluice_program *program, const sluice_simulation *simulation) {
    for (int r = 0; r < simulation->ranks; r++) {
        int count = 0;
        (void)sluice_program_list(&count, program, r);
        double clock = 0;
        for (int n = 0; n < count; n++) {
            assert_near("begin", simulation->rank[r].begin[n], clock);
            clock = simulation->rank[r].end[n];
            assert_true(clock >= simulation->rank[r].begin[n]);
        }
    }
}

static void nothing_runs_before_what_it_needs(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int trial = 0; trial < 40; trial++) {
        const int p = test_random_int(&random, 1, 7), m = test_random_int(&random, 1, 12);
        sluice_cost stages[MAX_STAGES];
        for (int s = 0; s < p; s++)
            stages[s] = (sluice_cost){test_random_int(&random, 0, 9) * 0.1,
                                      test_random_int(&random, 0, 9) * 0.1,
                                      test_random_int(&random, 0, 9) * 0.1};
        const sluice_simulation_costs costs = {.stages              = stages,
                                               .activation_transfer = trial % 4 * 0.3,
                                               .gradient_transfer   = trial % 3 * 0.7,
                                               .update              = 0.5};
        sluice_program *const program       = generate(trial % 2 ? "1f1b" : "gpipe", p, m);
        sluice_simulation *const simulation = simulate(program, &costs);
        assert_sequential(program, simulation);
        for (int s = 0; s + 1 < p; s++) {
            assert_fed_in_time(program, simulation, SLUICE_INSTRUCTION_FORWARD, s, s + 1,
                               costs.activation_transfer);
            assert_fed_in_time(program, simulation, SLUICE_INSTRUCTION_BACKWARD, s + 1, s,
                               costs.gradient_transfer);
        }
        sluice_simulation_free(simulation);
        sluice_program_free(program);
    }
}

/* ---- refusals ---- */

static void costs_that_are_not_finite_are_refused(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    sluice_simulation_costs costs = equal_costs(stages, 1, 1, 1);
    sluice_program *const program = generate("1f1b", 2, 2);
    sluice_simulation *simulation = NULL;
    stages[1].input               = NAN;
    assert_refused(sluice_program_simulate(&simulation, program, &costs), SLUICE_E_ARGUMENT,
                   "stage 1 costs 1, nan, 1; a cost is a finite number, 0 or more");
    stages[1].input           = 1;
    costs.activation_transfer = -1;
    assert_refused(sluice_program_simulate(&simulation, program, &costs), SLUICE_E_ARGUMENT,
                   "transfers cost -1 and 0, the update 0; a cost is a finite number, 0 or more");
    assert_null(simulation);
    sluice_program_free(program);
}

/* Verification rejects such programs, so one is cut short afterwards. */
static void a_program_that_cannot_finish_is_named(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    const sluice_simulation_costs costs = equal_costs(stages, 1, 1, 1);
    sluice_program *const program       = generate("1f1b", 2, 1);
    sluice_simulation *simulation       = NULL;
    const int count                     = program->rank[0].count;
    program->rank[0].count              = 1; /* rank 0 does not send what rank 1 waits for */
    assert_refused(sluice_program_simulate(&simulation, program, &costs), SLUICE_E_SCHEDULE,
                   "deadlock: rank 1 waits for 1RECV_F0 <- rank 0 has ended");
    program->rank[0].count = count;
    sluice_program_free(program);
}

/* ---- time lines ---- */

static void assert_drawing(sluice_program *program, const sluice_simulation_costs *costs,
                           int columns, const char *expected) {
    sluice_simulation *const simulation = simulate(program, costs);
    char *text                          = NULL;
    assert_ok(sluice_simulation_draw(&text, simulation, program, columns));
    if (strcmp(text, expected) != 0) fail_msg("drawn:\n%sexpected:\n%s", text, expected);
    sluice_text_free(text);
    sluice_simulation_free(simulation);
    sluice_program_free(program);
}

static void time_lines_are_drawn_as_expected(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    const sluice_simulation_costs costs = equal_costs(stages, 1, 1, 1);
    assert_drawing(generate("1f1b", 3, 4), &costs, 70,
                   "rank 0 |F0-F1-F2-............B0====F3-B1====...B2====...B3====|\n"
                   "rank 1 |...F0-F1-......B0====F2-B1====F3-B2====...B3====......|\n"
                   "rank 2 |......F0-B0====F1-B1====F2-B2====F3-B3====............|\n"
                   "F forward, B backward, then the micro-batch; . idle; a column is 0.333\n");
    assert_drawing(generate("gpipe", 3, 4), &costs, 30,
                   "rank 0 |abcd......A=B=C=D=|\n"
                   "rank 1 |.abcd...A=B=C=D=..|\n"
                   "rank 2 |..abcdA=B=C=D=....|\n"
                   "a-d forward, A-D backward of micro-batches 0 to 3; . idle; a column is 1\n");
    assert_drawing(parse("0F0,0I0,0W0\n1F0,1I0,1W0\n"), &costs, 80,
                   "rank 0 |F0-......I0=W0~|\n"
                   "rank 1 |...F0-I0=W0~...|\n"
                   "F forward, I its input half, W its weight half, then the micro-batch; . idle; "
                   "a column is 0.333\n");
}

static void widths_of_actions_show_their_durations(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    const sluice_simulation_costs costs = equal_costs(stages, 1, 0.75, 0.75);
    /* 60 columns of time, 12 of them for each forward and 18 for each backward. */
    assert_drawing(generate("1f1b", 2, 1), &costs, 69,
                   "rank 0 |F0----------..............................B0================|\n"
                   "rank 1 |............F0----------B0================..................|\n"
                   "F forward, B backward, then the micro-batch; . idle; a column is 0.0833\n");
}

static void time_lines_fit_their_columns(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int trial = 0; trial < 60; trial++) {
        const int p = test_random_int(&random, 1, 12), m = test_random_int(&random, 1, 40);
        const int columns = test_random_int(&random, 40, 160);
        sluice_cost stages[MAX_STAGES];
        for (int s = 0; s < p; s++)
            stages[s] = (sluice_cost){0.1 + 0.01 * test_random_int(&random, 0, 9), 0.1, 0.2};
        const sluice_simulation_costs costs = {.stages = stages};
        sluice_program *const program       = generate("1f1b", p, m);
        sluice_simulation *const simulation = simulate(program, &costs);
        char *text                          = NULL;
        assert_ok(sluice_simulation_draw(&text, simulation, program, columns));
        const size_t width = strcspn(text, "\n");
        const char *row    = text;
        for (int r = 0; r < p; r++, row += width + 1) {
            assert_true(width <= (size_t)columns);
            if (strcspn(row, "\n") != width || row[width - 1] != '|')
                fail_msg("rank %d's row is not %zu wide:\n%s", r, width, text);
        }
        sluice_text_free(text);
        sluice_simulation_free(simulation);
        sluice_program_free(program);
    }
}

/* ---- when memory runs out ---- */

typedef struct faulty {
    int requests, fail_at, alive;
} faulty;

static void *resize(void *context, void *block, size_t old_bytes, size_t new_bytes) {
    faulty *const f = context;
    (void)old_bytes;
    if (new_bytes == 0) {
        f->alive -= block != NULL;
        free(block);
        return NULL;
    }
    if (f->requests++ == f->fail_at) return NULL;
    f->alive += block == NULL;
    return realloc(block, new_bytes);
}

static sluice_status simulate_and_draw(const sluice_program *program,
                                       const sluice_simulation_costs *costs) {
    sluice_simulation *simulation = NULL;
    char *text                    = NULL;
    sluice_status status          = sluice_program_simulate(&simulation, program, costs);
    if (status == SLUICE_OK) status = sluice_simulation_draw(&text, simulation, program, 80);
    sluice_text_free(text);
    sluice_simulation_free(simulation);
    return status;
}

static void every_failed_allocation_is_reported_and_leaks_nothing(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    const sluice_simulation_costs costs = equal_costs(stages, 1, 1, 1);
    /* Made under the same allocator, since blocks are freed by the allocator that made them. */
    faulty f                         = {.fail_at = -1};
    const sluice_allocator allocator = {resize, &f};
    sluice_allocator_set(&allocator);
    sluice_program *const program = generate("1f1b", 3, 4);
    const int before              = f.alive;
    sluice_status status          = SLUICE_E_HOST_MEMORY;
    int failures                  = -1;
    while (status == SLUICE_E_HOST_MEMORY) {
        f.requests = 0;
        f.fail_at  = ++failures;
        status     = simulate_and_draw(program, &costs);
        if (f.alive != before) fail_msg("%d blocks leak at request %d", f.alive - before, failures);
    }
    sluice_program_free(program);
    sluice_allocator_set(NULL);
    assert_int_equal(status, SLUICE_OK);
    assert_true(failures > 10);
    assert_int_equal(f.alive, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makespans_bubbles_and_peaks_agree_with_the_textbook),
        cmocka_unit_test(forward_only_keeps_nothing),
        cmocka_unit_test(a_transfer_takes_its_links_time),
        cmocka_unit_test(a_link_carries_one_transfer_at_a_time),
        cmocka_unit_test(a_transfer_starts_when_both_ends_are_posted),
        cmocka_unit_test(halves_of_backward_take_their_costs),
        cmocka_unit_test(nothing_runs_before_what_it_needs),
        cmocka_unit_test(costs_that_are_not_finite_are_refused),
        cmocka_unit_test(a_program_that_cannot_finish_is_named),
        cmocka_unit_test(time_lines_are_drawn_as_expected),
        cmocka_unit_test(widths_of_actions_show_their_durations),
        cmocka_unit_test(time_lines_fit_their_columns),
        cmocka_unit_test(every_failed_allocation_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
