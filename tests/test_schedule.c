/* SPDX-License-Identifier: MIT */
/* test_schedule.c -- the generators' lists, and what is refused. */
#include "tests/support.h"

#include "sluice/allocator.h"
#include "sluice/schedule.h"

static void describe_list(char *text, const sluice_schedule *schedule, int rank) {
    int count                       = 0;
    const sluice_action *const list = sluice_schedule_list(schedule, rank, &count);
    text[0]                         = '\0';
    for (int a = 0; a < count; a++)
        text += sprintf(text, "%s%d%s%d", a ? " " : "", list[a].stage,
                        sluice_action_name(list[a].kind), list[a].microbatch);
}

static void generators_list_the_expected_actions(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int p, m, r;
        const char *expected;
    } rows[] = {
        {"gpipe",        2, 3, 0, "0F0 0F1 0F2 0B0 0B1 0B2"                },
        {"gpipe-lifo",   2, 3, 1, "1F0 1F1 1F2 1B2 1B1 1B0"                },
        {"1f1b",         1, 2, 0, "0F0 0B0 0F1 0B1"                        },
        {"1f1b",         3, 4, 0, "0F0 0F1 0F2 0B0 0F3 0B1 0B2 0B3"        },
        {"1f1b",         4, 2, 0, "0F0 0F1 0B0 0B1"                        },
        {"forward-only", 2, 2, 1, "1F0 1F1"                                },
    };
    for (size_t n = 0; n < sizeof rows / sizeof rows[0]; n++) {
        sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
        options.ranks                   = rows[n].p;
        options.microbatches            = rows[n].m;
        sluice_schedule *schedule       = NULL;
        char text[256];
        assert_ok(sluice_schedule_generate(&schedule, rows[n].name, &options));
        describe_list(text, schedule, rows[n].r);
        if (strcmp(text, rows[n].expected) != 0)
            fail_msg("row %zu, %s: expected %s, got %s", n, rows[n].name, rows[n].expected, text);
        assert_int_equal(sluice_schedule_stages(schedule), rows[n].p);
        assert_int_equal(sluice_schedule_microbatches(schedule), rows[n].m);
        assert_int_equal(sluice_schedule_stage_rank(schedule, rows[n].r), rows[n].r);
        assert_int_equal(sluice_schedule_trains(schedule), n != 5);
        assert_false(sluice_schedule_communicates(schedule));
        sluice_schedule_free(schedule);
    }
}

static void live_activations_peak_at_min_m_p_minus_r_in_1f1b(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int trial = 0; trial < 200; trial++) {
        sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
        const int p = options.ranks = test_random_int(&random, 1, 16);
        const int m = options.microbatches = test_random_int(&random, 1, 48);
        sluice_schedule *schedule          = NULL;
        assert_ok(sluice_schedule_generate(&schedule, "1f1b", &options));
        for (int r = 0; r < p; r++) {
            int count = 0, live = 0, peak = 0;
            const sluice_action *const list = sluice_schedule_list(schedule, r, &count);
            for (int a = 0; a < count; a++) {
                live += list[a].kind == SLUICE_ACTION_F ? 1 : -1;
                peak = live > peak ? live : peak;
            }
            const int expected = m < p - r ? m : p - r;
            if (peak != expected || live != 0)
                fail_msg("p=%d m=%d r=%d: peak %d, expected %d", p, m, r, peak, expected);
        }
        sluice_schedule_free(schedule);
    }
}

static void bad_options_and_lists_are_refused(void **state) {
    (void)state;
    sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_schedule *schedule       = NULL;
    assert_refused(sluice_schedule_generate(&schedule, "zig", &options), SLUICE_E_ARGUMENT,
                   "no schedule is called 'zig'");
    options.microbatches = 0;
    assert_refused(sluice_schedule_generate(&schedule, "gpipe", &options), SLUICE_E_ARGUMENT,
                   "0 micro-batches are fewer than 1");
    const sluice_action action        = {SLUICE_ACTION_F, 0, 0, 0};
    const sluice_action *const two[2] = {&action, &action};
    const int counts[2]               = {1, 1};
    assert_refused(sluice_schedule_from_lists(&schedule, "mine", two, counts, 2), SLUICE_E_SCHEDULE,
                   "stage 0 is on rank 0 and on rank 1");
    assert_null(schedule);
}

static void text_prints_back_to_itself(void **state) {
    (void)state;
    static const char *const texts[] = {
        "0F0,0F1,,0B0,0B1\n1F0,,1F1,1B0,1B1\n",
        "0F0,0SEND_F0,(0F1;0B0)OVERLAP_F_B\n1RECV_F0,1F0,1I0,1W0,1SEND_B0\n",
        "0UNSHARD,0F0,0REDUCE_GRAD\n",
    };
    for (size_t n = 0; n < sizeof texts / sizeof texts[0]; n++) {
        sluice_schedule *schedule = NULL;
        char *text                = NULL;
        assert_ok(sluice_schedule_parse(&schedule, texts[n], strlen(texts[n])));
        assert_ok(sluice_schedule_print(&text, schedule));
        assert_string_equal(text, texts[n]);
        sluice_text_free(text);
        sluice_schedule_free(schedule);
    }
}

static void bad_text_is_refused_with_line_cell_and_byte(void **state) {
    (void)state;
    static const struct {
        const char *text, *what;
    } rows[] = {
        {"",               "schedule: no rows at line 1, cell 1, byte 0"                        },
        {"0F0,0F\n",       "schedule: expected a number at line 1, cell 2, byte 6"              },
        {"0F0\n1F0 ,1B0",  "schedule: expected ',' or a new line at line 2, cell 1, byte 7"     },
        {"0F0,(0F1;0B0)X", "schedule: expected OVERLAP_F_B at line 1, cell 2, byte 13"          },
        {"0F0,0F9999999",  "schedule: a number above 1048576 at line 1, cell 2, byte 12"        },
    };
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        sluice_schedule *schedule = NULL;
        assert_refused(sluice_schedule_parse(&schedule, rows[r].text, strlen(rows[r].text)),
                       SLUICE_E_PARSE, rows[r].what);
    }
}

static void every_name_makes_a_schedule_of_that_name(void **state) {
    (void)state;
    const char *const *name = sluice_schedule_names();
    assert_string_equal(name[0], "gpipe");
    for (; *name; name++) {
        const sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
        sluice_schedule *schedule;
        assert_ok(sluice_schedule_generate(&schedule, *name, &options));
        assert_string_equal(sluice_schedule_name(schedule), *name);
        sluice_schedule_free(schedule);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generators_list_the_expected_actions),
        cmocka_unit_test(live_activations_peak_at_min_m_p_minus_r_in_1f1b),
        cmocka_unit_test(text_prints_back_to_itself),
        cmocka_unit_test(bad_text_is_refused_with_line_cell_and_byte),
        cmocka_unit_test(bad_options_and_lists_are_refused),
        cmocka_unit_test(every_name_makes_a_schedule_of_that_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
