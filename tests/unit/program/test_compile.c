/* SPDX-License-Identifier: MIT */
/* test_compile.c -- lowering, the memory plan, and verification of every schedule. */
#include "tests/support/support.h"

#include "runtime/base/placement.h"
#include "sluice/program.h"

/* ---- placement ---- */

static void buffers_alive_together_never_share_bytes(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < 200; round++) {
        sluice__buffer buffers[60];
        const int count = test_random_int(&random, 1, 60);
        for (int k = 0; k < count; k++) {
            const int begin = test_random_int(&random, 0, 30);
            buffers[k]      = (sluice__buffer){(size_t)test_random_int(&random, 1, 5000), begin,
                                               begin + test_random_int(&random, 0, 10), 0, 0};
        }
        size_t total, peak;
        int at;
        assert_ok(sluice__place(buffers, count, &total));
        assert_ok(sluice__peak(buffers, count, 41, &peak, &at, NULL));
        if (total < peak) fail_msg("placed in %zu bytes, but %zu are alive at once", total, peak);
        for (int a = 0; a < count; a++)
            for (int b = 0; b < a; b++) {
                const bool alive =
                    buffers[a].begin <= buffers[b].end && buffers[b].begin <= buffers[a].end;
                const bool share = buffers[a].offset < buffers[b].offset + buffers[b].bytes &&
                                   buffers[b].offset < buffers[a].offset + buffers[a].bytes;
                if (alive && share)
                    fail_msg("round %d: buffers %d and %d share bytes", round, a, b);
            }
    }
}

/* The rule itself, without an index: the buffers before `buffer` in `order` are placed. */
static size_t lowest_offset(const sluice__buffer *buffers, const int *order, int placed,
                            const sluice__buffer *buffer) {
    const size_t bytes = sluice__align(buffer->bytes);
    size_t offset      = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int k = 0; k < placed; k++) {
            const sluice__buffer *other = &buffers[order[k]];
            const bool meets = other->begin <= buffer->end && buffer->begin <= other->end &&
                               other->offset < offset + bytes &&
                               offset < other->offset + sluice__align(other->bytes);
            if (meets) offset = other->offset + sluice__align(other->bytes);
            moved = moved || meets;
        }
    }
    return offset;
}

static bool goes_first(const sluice__buffer *a, const sluice__buffer *b, bool by_extent) {
    const double x = (double)a->bytes * (a->end - a->begin + 1);
    const double y = (double)b->bytes * (b->end - b->begin + 1);
    if (by_extent && (x > y || x < y)) return x > y;
    if (a->bytes != b->bytes) return a->bytes > b->bytes;
    if (a->begin != b->begin) return a->begin < b->begin;
    return a < b;
}

static size_t place_plainly(sluice__buffer *buffers, int count, bool by_extent) {
    int order[300];
    size_t total = 0;
    for (int k = 0; k < count; k++) {
        int at = k;
        for (; at > 0 && goes_first(&buffers[k], &buffers[order[at - 1]], by_extent); at--)
            order[at] = order[at - 1];
        order[at] = k;
    }
    for (int k = 0; k < count; k++) {
        sluice__buffer *buffer = &buffers[order[k]];
        buffer->offset         = lowest_offset(buffers, order, k, buffer);
        if (buffer->offset + sluice__align(buffer->bytes) > total)
            total = buffer->offset + sluice__align(buffer->bytes);
    }
    return total;
}

/* Few ticks, where most buffers overlap, and many, where the index excludes most of them. */
static void the_index_of_buffers_changes_nothing(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < 60; round++) {
        sluice__buffer buffers[300], plain[300];
        memset(buffers, 0, sizeof buffers);
        const int count = test_random_int(&random, 2, 300);
        const int spans = round % 3 == 0 ? 30 : 3000, longest = round % 5 == 0 ? 400 : 25;
        for (int k = 0; k < count; k++) {
            const int begin = test_random_int(&random, 0, spans);
            buffers[k]      = (sluice__buffer){(size_t)test_random_int(&random, 1, 9) * 300, begin,
                                               begin + test_random_int(&random, 0, longest), 0, 0};
        }
        size_t total;
        for (int k = 0; k < count; k++) plain[k] = buffers[k];
        assert_ok(sluice__place(buffers, count, &total));
        const size_t by_size = place_plainly(plain, count, false);
        const size_t by_area = place_plainly(plain, count, true);
        if (total != (by_size < by_area ? by_size : by_area))
            fail_msg("round %d: placed in %zu bytes, plainly in %zu or %zu", round, total, by_size,
                     by_area);
    }
}

static void equal_sizes_need_no_more_than_their_peak(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < 100; round++) {
        sluice__buffer buffers[80];
        for (int k = 0; k < 80; k++) {
            const int begin = test_random_int(&random, 0, 60);
            buffers[k] =
                (sluice__buffer){512, begin, begin + test_random_int(&random, 0, 20), 0, 0};
        }
        size_t total, peak;
        int at;
        assert_ok(sluice__place(buffers, 80, &total));
        assert_ok(sluice__peak(buffers, 80, 81, &peak, &at, NULL));
        if (total != peak) fail_msg("placed in %zu bytes where %zu would do", total, peak);
    }
}

/* Placing the largest first would needlessly put the small long-lived buffer above the large
 * short-lived one. */
static void a_long_lived_buffer_goes_below_short_lived_ones(void **state) {
    (void)state;
    sluice__buffer buffers[] = {
        {768, 2, 2, 0, 0}, {512, 1, 4, 0, 0}, {256, 4, 5, 0, 0}, {768, 5, 5, 0, 0}};
    size_t total;
    assert_ok(sluice__place(buffers, 4, &total));
    assert_int_equal(total, 1280);
}

/* ---- whole programs, without a model ---- */

static sluice_program *compile(const char *name, int p, int m) {
    sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
    options.ranks                   = p;
    options.microbatches            = m;
    sluice_schedule *schedule;
    sluice_program *program;
    assert_ok(sluice_schedule_generate(&schedule, name, &options));
    const sluice_program_options settings = SLUICE_PROGRAM_OPTIONS_INIT;
    assert_ok(sluice_program_compile(&program, schedule, NULL, NULL, &settings));
    sluice_schedule_free(schedule);
    return program;
}

static const char *const trained[] = {"gpipe", "gpipe-lifo", "1f1b"};

static void every_schedule_compiles_and_verifies(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < 100; round++) {
        const int p = test_random_int(&random, 1, 9), m = test_random_int(&random, 1, 17);
        sluice_program_free(compile(trained[round % 3], p, m));
        sluice_program_free(compile("forward-only", p, m));
    }
}

/* ---- custom schedules ---- */

static const struct own {
    const char *csv, *says; /* NULL: it compiles */
} owns[] = {
    {"0F0,0F1,0B0,0B1\n1F0,1B0,1F1,1B1\n", NULL},
    {"0F0,0F1,0I0,0W0,0I1,0W1\n1F0,1I0,1F1,1I1,1W0,1W1\n", NULL},
    {"0F0,3F0,3B0,0B0\n1F0,2F0,2B0,1B0\n", NULL},
    {"0F0,0SEND_F0,0RECV_B0,0B0\n1RECV_F0,1F0,1B0,1SEND_B0\n", NULL},
    {"0F0,0SEND_F0,0B0\n1RECV_F0,1F0,1B0,1SEND_B0\n",
     "1SEND_B0 of rank 1 has no receive on rank 0"},
    {"0F0,0B0\n1F0\n", "stage 1 of rank 1 never does B (or I) of micro-batch 0"},
    {"0F0,0F1,0B0\n1F0,1F1,1B0,1B1\n", "1B1 of rank 1 has no 0B1 to follow it"},
    {"0F0,0B0,0F1,0B1\n1F1,1B1,1F0,1B0\n", "deadlock: rank 0 waits for 0RECV_B0 <- "
                                           "rank 1 is at 1RECV_F1 <- rank 0"},
    /* actions that are alone on either side of a stage boundary */
    {"0F0,0F1,0B0,0B1\n1F1,1B1,1F2,1B2\n", "1F2 of rank 1 takes from 0F2, which rank 0 never does; "
                                           "0F0 of rank 0, which nobody takes, has "
                                           "no 1F0 on rank 1"},
    {"0F0,0F1,0B0,0B1\n1F0,1F1,1B0,1B1\n2F1,2B1,2F2,2B2\n",
     "2F2 of rank 2 takes from 1F2, which rank 1 never does; 1F0 of rank 1, which nobody takes, "
     "has "
     "no 2F0 on rank 2"},
    {"0F1,0B1\n1F1,1B1\n", "stage 0 of rank 0 never does F of micro-batch 0"},
    {"0F0,0B0\n1F0,1B0,1F1,1B1\n",
     "stage 0 of rank 0 never does F of micro-batch 1, which 1F1 of rank 1 needs"},
    {"0F0,0B0,0F1,0B1\n1F0,1B0\n",
     "stage 1 of rank 1 never does F of micro-batch 1: nobody takes 0F1 of rank 0"},
    {"0F0,0F1,0SEND_F0,0B0,0B1\n1RECV_F1,1F0,1F1,1B0,1B1\n",
     "1RECV_F1 of rank 1 has no send on rank 0, and 0SEND_F0 of rank 0, which nobody takes, has no "
     "receive on rank 1"},
    {"0F0,0F1,0SEND_F1,0B0,0B1\n1RECV_F0,1RECV_F1,1F0,1F1,1B0,1B1\n",
     "1RECV_F0 of rank 1 has no send on rank 0"},
    {"0F0,0F1,0SEND_F0,0SEND_F1,0B0,0B1\n1RECV_F1,1RECV_F0,1F0,1F1,1B0,1B1\n",
     "transfer 0 from rank 0 to rank 1: the send is 0SEND_F0 (256 bytes), the receive is 1RECV_F1"},
    /* waits for sends that the schedule names */
    {"0F0,0SEND_F0,0RECV_B0,0B0,0WAIT_SEND_F0\n1RECV_F0,1F0,1B0,1SEND_B0,1WAIT_SEND_B0\n", NULL},
    {"0F0,0SEND_F0,0WAIT_SEND_F0,0RECV_B0,0B0\n1RECV_F0,1F0,1B0,1SEND_B0\n", NULL},
    {"0F0,0WAIT_SEND_F0,0SEND_F0,0RECV_B0,0B0\n1RECV_F0,1F0,1B0,1SEND_B0\n",
     "0WAIT_SEND_F0 of rank 0 does not follow 0SEND_F0"},
    /* within a rank a send is no transfer, and a wait for it waits for nothing */
    {"0F0,0SEND_F0,1F0,1SEND_F0,0WAIT_SEND_F0,1RECV_B0,1B0,1SEND_B0,1WAIT_SEND_F0,1WAIT_SEND_B0,"
     "0B0\n2RECV_F0,2F0,2B0,2SEND_B0\n",
     NULL},
    {"0F0,0B0,0WAIT_SEND_F0\n1F0,1B0\n", "0WAIT_SEND_F0 of rank 0 does not follow 0SEND_F0"},
    {"0F0,0SEND_F0,0RECV_B0,0B0\n1RECV_F0,1F0,1B0,1WAIT_SEND_F0,1SEND_B0\n",
     "1WAIT_SEND_F0 of rank 1 does not follow 1SEND_F0"},
    /* Rank 0 waits for a send before it posts the receive that rank 1 waits for. */
    {"0F0,0SEND_F0,0WAIT_SEND_F0,0F1,0SEND_F1,0WAIT_SEND_F1,0RECV_B0,0B0,0RECV_B1,0B1\n"
     "1RECV_F0,1F0,1B0,1SEND_B0,1WAIT_SEND_B0,1RECV_F1,1F1,1B1,1SEND_B1\n",
     "deadlock: rank 0 waits for 0SEND_F1 <- rank 1 is at 1SEND_B0 <- rank 0"},
    {"0UNSHARD\n", "the schedule computes nothing: no action has a micro-batch"},
    {"0F0,0W0,0I0\n", "0W0 of rank 0 comes before 0I0"},
};

static void custom_schedules_compile_or_are_refused(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof owns / sizeof *owns; k++) {
        sluice_schedule *schedule;
        sluice_program *program = NULL;
        assert_ok(sluice_schedule_parse(&schedule, owns[k].csv, strlen(owns[k].csv)));
        const sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
        const sluice_status got = sluice_program_compile(&program, schedule, NULL, NULL, &options);
        const char *what        = got == SLUICE_OK ? "(nothing)" : sluice_last_error()->what;
        if ((got == SLUICE_OK) != (owns[k].says == NULL) ||
            (owns[k].says && !strstr(what, owns[k].says)))
            fail_msg("%s: '%s', expected '%s'", owns[k].csv, what,
                     owns[k].says ? owns[k].says : "(nothing)");
        sluice_program_free(program);
        sluice_schedule_free(schedule);
    }
}

/* Larger micro-batches come first. */
static void microbatches_cover_the_minibatch(void **state) {
    (void)state;
    const int64_t first[] = {0, 3, 6, 8, 10};
    sluice_schedule *schedule;
    sluice_program *program;
    sluice_schedule_options cut     = SLUICE_SCHEDULE_OPTIONS_INIT;
    cut.microbatches                = 4;
    sluice_program_options settings = SLUICE_PROGRAM_OPTIONS_INIT;
    settings.samples                = 10;
    assert_ok(sluice_schedule_generate(&schedule, "gpipe", &cut));
    assert_ok(sluice_program_compile(&program, schedule, NULL, NULL, &settings));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(sluice_program_first_sample(program, i), first[i]);
        assert_int_equal(sluice_program_samples(program, i), first[i + 1] - first[i]);
    }
    sluice_program_free(program);
    sluice_schedule_free(schedule);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_alive_together_never_share_bytes),
        cmocka_unit_test(the_index_of_buffers_changes_nothing),
        cmocka_unit_test(equal_sizes_need_no_more_than_their_peak),
        cmocka_unit_test(a_long_lived_buffer_goes_below_short_lived_ones),
        cmocka_unit_test(every_schedule_compiles_and_verifies),
        cmocka_unit_test(custom_schedules_compile_or_are_refused),
        cmocka_unit_test(microbatches_cover_the_minibatch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
