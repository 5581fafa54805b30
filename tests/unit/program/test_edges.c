/* SPDX-License-Identifier: MIT */
/* test_edges.c -- programs whose stages are not a line: an edge that skips two stages, several
 * tensors on one boundary, channels that share a link. */
#include "runtime/program/compiled.h"
#include "tests/support/damage.h"
#include "tests/support/random_schedule.h"

enum { UNIT = 256 };

static sluice_program *compile_joined(sluice_schedule *schedule, const sluice__tensor *tensors,
                                      int count, sluice_queues queues) {
    sluice_program *program        = NULL;
    sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    options.queues                 = queues;
    assert_ok(sluice__program_compile_edges(&program, schedule, tensors, count, &options));
    sluice_schedule_free(schedule);
    return program;
}

/* ---- a skip from stage 0 to stage 3 ---- */

/* Edges 0 to 3 are these in the order of their producers: 0-1, 0-3, 1-2, 2-3; their gradients are
 * 4 to 7. */
enum { SKIP = 1, SKIP_GRADIENT = 5 };
static const sluice__tensor with_skip[] = {
    {0, 1, UNIT, 0}, {1, 2, UNIT, 0}, {2, 3, UNIT, 0}, {0, 3, UNIT, 0}};

static sluice_program *compile_skip(const char *name, int m, sluice_queues queues) {
    return compile_joined(generate_schedule(name, 4, m), with_skip, 4, queues);
}

static void a_skip_is_an_ordinary_edge(void **state) {
    (void)state;
    sluice_program *program = compile_skip("1f1b", 4, SLUICE_QUEUES_PER_CHANNEL);
    assert_int_equal(sluice_program_edge_count(program), 8);
    const sluice_edge there = sluice_program_edge(program, SKIP);
    const sluice_edge back  = sluice_program_edge(program, SKIP_GRADIENT);
    assert_int_equal(there.producer, 0);
    assert_int_equal(there.consumer, 3);
    assert_int_equal(back.producer, 3);
    assert_int_equal(back.consumer, 0);
    assert_int_equal(back.payload, SLUICE_PAYLOAD_GRADIENT);
    /* Stage 0 has an additional output and output gradient, stage 3 an input and input gradient. */
    assert_int_equal(sluice_program_slot_count(program), SLUICE_ROLES + 2);
    sluice_program_free(program);
}

static void every_schedule_takes_a_skip(void **state) {
    (void)state;
    static const char *const names[] = {"gpipe", "gpipe-lifo", "1f1b", "zb1p", "zb2p"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        for (int queues = 0; queues < 2; queues++) {
            sluice_program *program = compile_skip(names[k], 8, (sluice_queues)queues);
            sluice_cost stages[MAX_STAGES];
            const sluice_simulation_costs costs = equal_costs(stages, 1, 1, 1);
            sluice_simulation *simulation       = simulate(program, &costs);
            assert_int_equal(simulation->transfer_count, 8 * 8);
            sluice_simulation_free(simulation);
            sluice_program_free(program);
        }
}

/* gpipe, one micro-batch, F = B = 1 each, transfers 1 along the line and 9 from rank 0 to rank 3:
 * F0 0-1, F3 begins at 10 when the skip is there, B3 11-12, B2 13-14, B1 15-16, B0 17-18. */
static void a_stage_waits_for_all_its_inputs(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    const sluice_link_cost slow   = {0, 3, 9, 0};
    sluice_simulation_costs costs = equal_costs(stages, 1, 1, 0);
    costs.latency                 = 1;
    costs.links                   = &slow;
    costs.link_count              = 1;
    sluice_program *program       = compile_skip("gpipe", 1, SLUICE_QUEUES_PER_CHANNEL);
    sluice_simulation *simulation = simulate(program, &costs);
    assert_near("makespan", simulation->makespan, 18);
    for (int t = 0; t < simulation->transfer_count; t++) {
        const sluice_transfer_times *times = &simulation->transfers[t];
        if (times->edge != SKIP) continue;
        assert_int_equal(times->from, 0);
        assert_int_equal(times->to, 3);
        assert_near("begin", times->begin, 1);
        assert_near("end", times->end, 10);
        assert_true(times->critical);
    }
    sluice_simulation_free(simulation);
    sluice_program_free(program);
}

/* ---- planted damage is noticed ---- */

static int find_carrier(const copy *in, int r, int edge, int microbatch) {
    for (int n = 0; n < in->counts[r]; n++) {
        const sluice_instruction *at = &in->lists[r][n];
        if (at->kind != SLUICE_INSTRUCTION_WAIT && at->peer >= 0 && at->edge == edge &&
            at->microbatch == microbatch)
            return n;
    }
    fail_msg("rank %d does not post edge %d, micro-batch %d", r, edge, microbatch);
    return -1;
}

static void leave_unsent(copy *c) {
    const int post = find_carrier(c, 0, SKIP, 3);
    cut_out(c, 0, find_wait(c, 0, post));
    cut_out(c, 0, post);
}

static void receive_twice(copy *c) {
    const int post = find_carrier(c, 3, SKIP, 0);
    memmove(&c->lists[3][post + 1], &c->lists[3][post],
            (size_t)(c->counts[3] - post) * sizeof *c->lists[3]);
    c->counts[3]++;
    for (int k = 0; k < c->counts[3]; k++) /* or its post */
        if (c->lists[3][k].after > post) c->lists[3][k].after++;
}

/* Stage 0's saved tensors of the next micro-batch overlap what is still being sent to stage 3. */
static void overwrite_sent(copy *c) {
    const int post         = find_carrier(c, 0, SKIP, 0);
    const int second       = find_instruction(c, 0, SLUICE_INSTRUCTION_FORWARD, 0, 1);
    const sluice_slot sent = slot_of(c, 0, post, SLUICE_ROLE_INPUT);
    put_slot(c, 0, second, SLUICE_ROLE_SAVED_WEIGHT, sent);
}

/* Stage 3 overwrites what arrives over the skip for the next micro-batch. */
static void overwrite_received(copy *c) {
    const int post  = find_carrier(c, 3, SKIP, 1);
    const int first = find_instruction(c, 3, SLUICE_INSTRUCTION_BACKWARD, 3, 0);
    assert_true(post < first);
    const sluice_slot received = slot_of(c, 3, post, SLUICE_ROLE_OUTPUT);
    put_slot(c, 3, first, SLUICE_ROLE_SCRATCH, received);
}

/* Stage 0's output for stage 3, its last slot, lies over the scratch of the same F. */
static void write_over_scratch(copy *c) {
    const int at = find_instruction(c, 0, SLUICE_INSTRUCTION_FORWARD, 0, 1);
    put_slot(c, 0, at, SLUICE_ROLE_SCRATCH, slot_of(c, 0, at, (sluice_role)SLUICE_ROLES));
}

static void carry_another_edge(copy *c) {
    const int post                          = find_carrier(c, 0, SKIP, 0);
    c->lists[0][find_wait(c, 0, post)].edge = 0;
    c->lists[0][post].edge                  = 0;
}

static const struct damage {
    const char *name;
    void (*plant)(copy *);
    const char *says; /* part of it */
} damages[] = {
    {"a skip that is not sent", leave_unsent, "3RECV_F3 of rank 3 has no send on rank 0"},
    {"a skip that is received twice", receive_twice,
     "transfer 1 from rank 0 to rank 3: the send is 0SEND_F1 (256 bytes), the receive is 3RECV_F0 "
     "(256 bytes)"},
    {"a skip overwritten before it is sent", overwrite_sent,
     "0SEND_F0 of rank 0 needs the output of 0F0 for stage 3, tensor 0 at byte "},
    {"a skip overwritten before it is used", overwrite_received,
     " of rank 3 needs the output of 0F1 for stage 3, tensor 0 at byte "},
    {"an output over the scratch of its own F", write_over_scratch,
     "0F1 of rank 0 needs the scratch of stage 0, micro-batch 1 at byte "},
    {"an edge of other ranks", carry_another_edge,
     "0SEND_F0 of rank 0 goes to rank 3, but its edge goes from rank 0 to rank 1"},
};

static void damage_to_a_skip_is_found(void **state) {
    (void)state;
    sluice_program *program = compile_skip("1f1b", 4, SLUICE_QUEUES_PER_CHANNEL);
    for (size_t k = 0; k < sizeof damages / sizeof *damages; k++) {
        copy damaged = copy_of(program);
        assert_ok(verify_copy(&damaged, SLUICE_QUEUES_PER_CHANNEL));
        damages[k].plant(&damaged);
        const sluice_status got = verify_copy(&damaged, SLUICE_QUEUES_PER_CHANNEL);
        const char *what        = got == SLUICE_OK ? "(nothing)" : sluice_last_error()->what;
        if (got != SLUICE_E_SCHEDULE || !strstr(what, damages[k].says))
            fail_msg("%s: '%s', expected '%s'", damages[k].name, what, damages[k].says);
        free_copy(&damaged);
    }
    sluice_program_free(program);
}

/* ---- two tensors on one boundary ---- */

static const sluice__tensor two_on_one[] = {{0, 1, 1000, 0}, {0, 1, 500, 0}};

/* They share a channel: bytes / 100 each, one after the other. F = B = 1: F0 0-1, tensors 1-11 and
 * 11-16, F1 16-17, B1 17-18, gradients 18-28 and 28-33, B0 33-34. */
static void two_tensors_follow_one_another(void **state) {
    (void)state;
    const sluice_stage_bytes bytes[2] = {{.saved = 10}, {.saved = 10}};
    sluice_cost stages[MAX_STAGES];
    sluice_simulation_costs costs  = equal_costs(stages, 1, 1, 0);
    sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    sluice_schedule *schedule      = generate_schedule("1f1b", 2, 1);
    sluice_program *program        = NULL;
    options.bytes                  = bytes;
    costs.bandwidth                = 100;
    assert_ok(sluice__program_compile_edges(&program, schedule, two_on_one, 2, &options));
    sluice_simulation *simulation = simulate(program, &costs);
    assert_int_equal(sluice_program_edge(program, 1).tensor, 1);
    assert_int_equal(simulation->transfer_count, 4);
    for (int t = 0; t < 4; t++) assert_int_equal(simulation->transfers[t].edge, t);
    assert_near("the first", simulation->transfers[0].end, 11);
    assert_near("the second", simulation->transfers[1].end, 16);
    assert_near("makespan", simulation->makespan, 34);
    sluice_schedule *named = NULL;
    assert_refused(sluice_program_schedule(&named, program), SLUICE_E_UNSUPPORTED,
                   "a stage of the program has several inputs or outputs, and a schedule has one "
                   "name for all of them");
    sluice_simulation_free(simulation);
    sluice_program_free(program);
    sluice_schedule_free(schedule);
}

/* Received in the other order, each would land in the other's buffer. */
static void two_tensors_on_a_boundary_are_distinguished(void **state) {
    (void)state;
    for (int queues = 0; queues < 2; queues++) {
        sluice_program *program =
            compile_joined(generate_schedule("1f1b", 2, 3), two_on_one, 2, (sluice_queues)queues);
        copy crossed      = copy_of(program);
        const int first   = find_carrier(&crossed, 1, 0, 1);
        const int second  = find_carrier(&crossed, 1, 1, 1);
        const int number  = crossed.lists[1][first].transfer;
        const int numbers = crossed.lists[1][second].transfer;
        assert_ok(verify_copy(&crossed, (sluice_queues)queues));
        move_instruction(&crossed, 1, second, first);
        crossed.lists[1][first].transfer                             = number;
        crossed.lists[1][find_wait(&crossed, 1, first)].transfer     = number;
        crossed.lists[1][first + 1].transfer                         = numbers;
        crossed.lists[1][find_wait(&crossed, 1, first + 1)].transfer = numbers;
        assert_int_equal(verify_copy(&crossed, (sluice_queues)queues), SLUICE_E_SCHEDULE);
        assert_non_null(strstr(sluice_last_error()->what, "the send is 0SEND_F1 (1000 bytes), the "
                                                          "receive is 1RECV_F1 (500 bytes)"));
        free_copy(&crossed);
        sluice_program_free(program);
    }
}

/* ---- several channels on one link ---- */

/* Stages 0 and 1 on rank 0, 2 and 3 on rank 1; F = 1, latency 4, bytes take 3. What goes to stage 2
 * is posted at 1, ready at 5 and moves until 8; what goes to stage 3 is posted at 2, ready at 6 and
 * moves from 8 to 11. F2 8-9, F3 11-12. */
static void latencies_overlap_and_bytes_do_not(void **state) {
    (void)state;
    static const sluice__tensor tensors[] = {
        {0, 1, UNIT, 0}, {0, 2, UNIT, 0}, {1, 3, UNIT, 0}, {2, 3, UNIT, 0}};
    sluice_cost stages[MAX_STAGES];
    sluice_simulation_costs costs = equal_costs(stages, 1, 1, 1);
    costs.latency                 = 4;
    costs.bandwidth               = 1.0 / 3;
    sluice_program *program =
        compile_joined(parse_schedule("0F0,1F0\n2F0,3F0\n"), tensors, 4, SLUICE_QUEUES_PER_CHANNEL);
    sluice_simulation *simulation = simulate(program, &costs);
    assert_int_equal(simulation->transfer_count, 2);
    assert_near("begin to stage 2", simulation->transfers[0].begin, 1);
    assert_near("end to stage 2", simulation->transfers[0].end, 8);
    assert_near("begin to stage 3", simulation->transfers[1].begin, 2);
    assert_near("end to stage 3", simulation->transfers[1].end, 11);
    assert_near("makespan", simulation->makespan, 12);
    assert_near("critical", simulation->critical_compute + simulation->critical_transfer, 12);
    sluice_simulation_free(simulation);
    sluice_program_free(program);
}

/* In one queue, sends from one rank to another match its receives in order, whatever the
 * channels. */
static void one_queue_has_one_order(void **state) {
    (void)state;
    static const sluice__tensor tensors[] = {{0, 1, UNIT, 0}, {0, 2, UNIT, 0}, {1, 2, UNIT, 0}};
    sluice_program *program =
        compile_joined(parse_schedule("0F0\n1F0,2F0\n"), tensors, 3, SLUICE_QUEUES_PER_RANK);
    copy crossed = copy_of(program);
    const int a = find_carrier(&crossed, 0, 0, 0), b = find_carrier(&crossed, 0, 1, 0);
    assert_int_equal(crossed.lists[0][a].group, crossed.lists[0][b].group);
    assert_ok(verify_copy(&crossed, SLUICE_QUEUES_PER_RANK));
    move_instruction(&crossed, 0, b, a);
    assert_ok(verify_copy(&crossed, SLUICE_QUEUES_PER_CHANNEL));
    assert_refused(
        verify_copy(&crossed, SLUICE_QUEUES_PER_RANK), SLUICE_E_SCHEDULE,
        "in one queue, transfer 0 from rank 0 to rank 1 is sent as 0SEND_F0 and received "
        "as 1RECV_F0");
    free_copy(&crossed);
    sluice_program_free(program);
}

/* ---- any schedule, any edges ---- */

/* A line, so that the schedule can run, and up to `more` further edges. */
static int make_tensors(sluice__tensor *tensors, int stages, int more, uint64_t *random) {
    int count = 0;
    for (int s = 0; s + 1 < stages; s++) tensors[count++] = (sluice__tensor){s, s + 1, UNIT, 0};
    for (int k = 0; stages > 1 && k < more; k++) {
        const int from   = test_random_int(random, 0, stages - 2);
        tensors[count++] = (sluice__tensor){from, test_random_int(random, from + 1, stages - 1),
                                            (size_t)test_random_int(random, 1, 4 * UNIT), 0};
    }
    return count;
}

static void random_edges_compile_and_run(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < (getenv("SLUICE_LONG") ? 10000 : 300); round++) {
        sluice_schedule *schedule = make_random_schedule(&random);
        sluice__tensor tensors[RANDOM_STAGES + 8];
        const int count = make_tensors(tensors, sluice_schedule_stages(schedule), 8, &random);
        for (int queues = 0; queues < 2; queues++) {
            sluice_program *program        = NULL;
            sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
            options.queues                 = (sluice_queues)queues;
            assert_ok(sluice__program_compile_edges(&program, schedule, tensors, count, &options));
            sluice_cost stages[MAX_STAGES];
            sluice_simulation_costs costs = equal_costs(stages, 1, 1, 1);
            costs.latency                 = 0.5;
            costs.bandwidth               = 4;
            sluice_simulation *simulation = simulate(program, &costs);
            assert_near("critical", simulation->critical_compute + simulation->critical_transfer,
                        simulation->makespan);
            sluice_simulation_free(simulation);
            sluice_program_free(program);
        }
        sluice_schedule_free(schedule);
    }
}

static void more_edges_than_an_instruction_can_name_are_refused(void **state) {
    (void)state;
    enum { TENSORS = 16384 };
    sluice_program *program              = NULL;
    const sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    sluice_schedule *schedule            = generate_schedule("1f1b", 2, 1);
    sluice__tensor *tensors              = calloc(TENSORS, sizeof *tensors);
    assert_non_null(tensors);
    for (int k = 0; k < TENSORS; k++) tensors[k] = (sluice__tensor){0, 1, 256, 0};
    assert_int_equal(sluice__program_compile_edges(&program, schedule, tensors, TENSORS, &options),
                     SLUICE_E_UNSUPPORTED);
    assert_string_equal(sluice_last_error()->what,
                        "stages pass 32768 tensors to each other; a program has at most 32767");
    assert_null(program);
    free(tensors);
    sluice_schedule_free(schedule);
}

static void bad_edges_are_refused(void **state) {
    (void)state;
    sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    sluice_schedule *schedule      = generate_schedule("1f1b", 2, 2);
    sluice_program *program        = NULL;
    assert_refused(sluice__program_compile_edges(&program, schedule,
                                                 &(sluice__tensor){1, 1, UNIT, 0}, 1, &options),
                   SLUICE_E_ARGUMENT,
                   "an edge goes from stage 1 to stage 1 of 2; it must go to a later one");
    sluice_schedule_free(schedule);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_skip_is_an_ordinary_edge),
        cmocka_unit_test(every_schedule_takes_a_skip),
        cmocka_unit_test(a_stage_waits_for_all_its_inputs),
        cmocka_unit_test(damage_to_a_skip_is_found),
        cmocka_unit_test(two_tensors_follow_one_another),
        cmocka_unit_test(two_tensors_on_a_boundary_are_distinguished),
        cmocka_unit_test(latencies_overlap_and_bytes_do_not),
        cmocka_unit_test(one_queue_has_one_order),
        cmocka_unit_test(random_edges_compile_and_run),
        cmocka_unit_test(more_edges_than_an_instruction_can_name_are_refused),
        cmocka_unit_test(bad_edges_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
