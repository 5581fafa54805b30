/* SPDX-License-Identifier: MIT */
/* test_named_schedule.c -- a program as a schedule that names its transfers and waits: printed,
 * read and compiled again, it is the same program. */
#include "tests/support/random_schedule.h"
#include "tests/support/schedule_tools.h"

#include "sluice/allocator.h"

static const char *kind_name(const sluice_instruction *at) {
    return sluice_instruction_name(at->kind);
}

/* What a text form says of an instruction. */
static bool are_same(const sluice_instruction *a, const sluice_instruction *b) {
    return a->kind == b->kind && a->stage == b->stage && a->microbatch == b->microbatch &&
           a->sends == b->sends && a->payload == b->payload && a->peer == b->peer;
}

static int compare_waits(const void *left, const void *right) {
    const sluice_instruction *a = left, *b = right;
    if (a->sends != b->sends) return a->sends ? 1 : -1;
    if (a->payload != b->payload) return a->payload < b->payload ? -1 : 1;
    if (a->stage != b->stage) return a->stage < b->stage ? -1 : 1;
    return (a->microbatch > b->microbatch) - (a->microbatch < b->microbatch);
}

/* A rank's list, with the waits before each action sorted: the wait for a receive has no name, so
 * that a text cannot say which of them comes first. */
static sluice_instruction *sorted_list(int *count, const sluice_program *program, int r) {
    const sluice_instruction *list = sluice_program_list(count, program, r);
    sluice_instruction *copy       = malloc((size_t)*count * sizeof *copy);
    memcpy(copy, list, (size_t)*count * sizeof *copy);
    for (int n = 0, end; n < *count; n = end + 1) {
        for (end = n; end < *count && copy[end].kind == SLUICE_INSTRUCTION_WAIT;) end++;
        qsort(&copy[n], (size_t)(end - n), sizeof *copy, compare_waits);
    }
    return copy;
}

static void assert_same_programs(const sluice_program *a, const sluice_program *b,
                                 const char *text) {
    for (int r = 0; r < sluice_program_ranks(a); r++) {
        int count, other;
        sluice_instruction *x = sorted_list(&count, a, r), *y = sorted_list(&other, b, r);
        for (int n = 0; n < count && n < other; n++)
            if (!are_same(&x[n], &y[n]))
                fail_msg("instruction %d of rank %d is %s of %d, %d and %s of %d, %d in\n%s", n, r,
                         kind_name(&x[n]), x[n].stage, x[n].microbatch, kind_name(&y[n]),
                         y[n].stage, y[n].microbatch, text);
        if (count != other)
            fail_msg("rank %d has %d instructions and %d in\n%s", r, count, other, text);
        free(x);
        free(y);
    }
}

/* Frees the schedule. */
static void assert_comes_back(sluice_schedule *schedule, sluice_queues queues) {
    sluice_program *program = compile_over(schedule, queues);
    sluice_schedule *named  = NULL;
    char *text              = NULL;
    assert_ok(sluice_program_schedule(&named, program));
    assert_ok(sluice_schedule_print(&text, named));
    sluice_program *again = compile_over(parse_schedule(text), queues);
    assert_same_programs(program, again, text);
    sluice_program_free(again);
    sluice_text_free(text);
    sluice_schedule_free(named);
    sluice_program_free(program);
}

static void every_program_comes_back(void **state) {
    (void)state;
    for (const char *const *name = sluice_schedule_names(); *name; name++)
        for (int p = 1; p <= 5; p++)
            for (int m = 1; m <= 9; m++)
                for (int queues = 0; queues < 2; queues++)
                    assert_comes_back(generate_schedule(*name, p, m), (sluice_queues)queues);
}

static void random_programs_come_back(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < 200; round++)
        assert_comes_back(make_random_schedule(&random), (sluice_queues)(round % 2));
}

static void the_text_names_everything(void **state) {
    (void)state;
    static const struct {
        const char *csv, *named;
    } rows[] = {
        {"0F0,0F1,0B0,0B1\n1F0,1B0,1F1,1B1\n",
         "0F0,0SEND_F0,0RECV_B0,0F1,0SEND_F1,0RECV_B1,0WAIT_SEND_F0,0B0,0WAIT_SEND_F1,0B1,"
         "0REDUCE_GRAD,0WAIT_REDUCE_GRAD\n"
         "1RECV_F0,1F0,1RECV_F1,1B0,1SEND_B0,1F1,1B1,1REDUCE_GRAD,1WAIT_REDUCE_GRAD,1SEND_B1,"
         "1WAIT_SEND_B0,1WAIT_SEND_B1\n"},
        {"0F0,1F0\n", "0F0,1F0\n"}, /* no gradients, no transfers */
        {"0F0,0F1,(0I0;0F2)OVERLAP_F_B,0W0,(0I1;0W1)OVERLAP_F_B,0I2,0W2\n",
         "0F0,0F1,(0I0;0F2)OVERLAP_F_B,0W0,(0I1;0W1)OVERLAP_F_B,0I2,0W2,0REDUCE_GRAD,"
         "0WAIT_REDUCE_GRAD\n"},
        {"0F0,(1F0;1B0)OVERLAP_F_B,0B0\n",
         "0F0,(1F0;1B0)OVERLAP_F_B,1REDUCE_GRAD,1WAIT_REDUCE_GRAD,0B0,0REDUCE_GRAD,"
         "0WAIT_REDUCE_GRAD\n"},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        sluice_program *program = compile_over(parse_schedule(rows[k].csv), 0);
        sluice_schedule *named  = NULL;
        char *text              = NULL;
        assert_ok(sluice_program_schedule(&named, program));
        assert_ok(sluice_schedule_print(&text, named));
        assert_string_equal(text, rows[k].named);
        sluice_text_free(text);
        sluice_schedule_free(named);
        sluice_program_free(program);
    }
}

/* A wait that the row names stands there and nowhere else. */
static void a_named_wait_stands_where_it_is_named(void **state) {
    (void)state;
    static const char late[] = "0F0,0SEND_F0,0RECV_B0,0B0,0F1,0WAIT_SEND_F0,0SEND_F1,0RECV_B1,0B1,"
                               "0REDUCE_GRAD,0WAIT_REDUCE_GRAD,0WAIT_SEND_F1\n"
                               "1RECV_F0,1F0,1B0,1SEND_B0,1RECV_F1,1F1,1B1,1REDUCE_GRAD,"
                               "1WAIT_REDUCE_GRAD,1SEND_B1,1WAIT_SEND_B1,1WAIT_SEND_B0\n";
    for (int queues = 0; queues < 2; queues++) {
        sluice_program *program = compile_over(parse_schedule(late), (sluice_queues)queues);
        sluice_schedule *named  = NULL;
        char *text              = NULL;
        assert_ok(sluice_program_schedule(&named, program));
        assert_ok(sluice_schedule_print(&text, named));
        assert_string_equal(text, late);
        sluice_text_free(text);
        sluice_schedule_free(named);
        sluice_program_free(program);
    }
}

/* A text cannot name a wait twice; lists can. */
static void a_second_wait_is_refused(void **state) {
    (void)state;
    const sluice_action first[]  = {{SLUICE_ACTION_F, 0, 0, 0},
                                    {SLUICE_ACTION_SEND_F, 0, 0, 0},
                                    {SLUICE_ACTION_WAIT_SEND_F, 0, 0, 0},
                                    {SLUICE_ACTION_WAIT_SEND_F, 0, 0, 0}};
    const sluice_action second[] = {{SLUICE_ACTION_RECV_F, 1, 0, 0}, {SLUICE_ACTION_F, 1, 0, 0}};
    const sluice_action *const lists[] = {first, second};
    const int counts[]                 = {4, 2};
    sluice_schedule *schedule          = NULL;
    sluice_program *program            = NULL;
    const sluice_program_options usual = SLUICE_PROGRAM_OPTIONS_INIT;
    assert_ok(sluice_schedule_from_lists(&schedule, "twice", lists, counts, 2));
    assert_refused(sluice_program_compile(&program, schedule, NULL, NULL, &usual),
                   SLUICE_E_SCHEDULE, "0WAIT_SEND_F0 of rank 0 waits a second time for 0SEND_F0");
    sluice_schedule_free(schedule);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_program_comes_back),
        cmocka_unit_test(random_programs_come_back),
        cmocka_unit_test(the_text_names_everything),
        cmocka_unit_test(a_named_wait_stands_where_it_is_named),
        cmocka_unit_test(a_second_wait_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
