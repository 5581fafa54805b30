/* SPDX-License-Identifier: MIT */
/* test_schedule.c -- the generators' lists, and what is refused. */
#include "tests/support/support.h"

#include <math.h>

#include "sluice/allocator.h"
#include "sluice/schedule.h"

/* Actions of overlap groups with a star. */
static void describe_list(char *text, const sluice_schedule *schedule, int rank) {
    int count                       = 0;
    const sluice_action *const list = sluice_schedule_list(&count, schedule, rank);
    text[0]                         = '\0';
    for (int a = 0; a < count; a++)
        text += sprintf(text, "%s%d%s%d%s", a ? " " : "", list[a].stage,
                        sluice_action_name(list[a].kind), list[a].microbatch,
                        list[a].group > 0 ? "*" : "");
}

static void generators_list_the_expected_actions(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int p, m, r;
        const char *expected;
    } rows[] = {
        {"gpipe", 2, 3, 0, "0F0 0F1 0F2 0B0 0B1 0B2"},
        {"gpipe-lifo", 2, 3, 1, "1F0 1F1 1F2 1B2 1B1 1B0"},
        {"1f1b", 1, 2, 0, "0F0 0B0 0F1 0B1"},
        {"1f1b", 3, 4, 0, "0F0 0F1 0F2 0B0 0F3 0B1 0B2 0B3"},
        {"1f1b", 4, 2, 0, "0F0 0F1 0B0 0B1"},
        {"forward-only", 2, 2, 1, "1F0 1F1"},
        {"interleaved", 2, 2, 0, "0F0 0F1 2F0 2F1 2B0 2B1 0B0 0B1"},
        {"interleaved", 2, 2, 1, "1F0 1F1 3F0 3B0 3F1 3B1 1B0 1B1"},
        {"interleaved", 2, 4, 1, "1F0 1F1 3F0 3B0 3F1 3B1 1F2 1B0 1F3 1B1 3F2 3B2 3F3 3B3 1B2 1B3"},
        {"hanayo", 2, 2, 0, "0F0 0F1 3F0 3B0 3F1 3B1 0B0 0B1"},
        {"hanayo", 2, 2, 1, "1F0 2F0 1F1 2F1 2B0 1B0 2B1 1B1"},
        {"looped-bfs", 2, 2, 1, "1F0 1F1 3F0 3F1 3B1 3B0 1B1 1B0"},
        {"zb1p", 2, 2, 0, "0F0 0F1 0I0 0W0 0I1 0W1"},
        {"zb1p", 2, 2, 1, "1F0 1I0 1F1 1I1 1W0 1W1"},
        {"zb2p", 2, 3, 0, "0F0 0F1 0F2 0I0 0W0 0I1 0W1 0I2 0W2"},
        {"zb2p", 2, 3, 1, "1F0 1I0 1F1 1I1 1F2 1I2 1W0 1W1 1W2"},
        {"zbv", 2, 1, 0, "0F0 3F0 3I0 3W0 0I0 0W0"},
        {"zbv", 2, 1, 1, "1F0 2F0 2I0 1I0 2W0 1W0"},
        {"v-half", 1, 1, 0, "0F0 1F0 1I0 0I0 1W0 0W0"},
        {"v-min", 1, 2, 0, "0F0 1F0 1I0 0I0 1W0 0W0 0F1 1F1 1I1 0I1 1W1 0W1"},
        {"dualpipev", 1, 2, 0, "0F0 1F0 0F1 1B0 1F1* 0B0* 1B1 0I1 0W1"},
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
        sluice_schedule_description about;
        assert_ok(sluice_schedule_describe(&about, rows[n].name));
        assert_int_equal(sluice_schedule_stages(schedule), rows[n].p * about.chunks);
        assert_int_equal(sluice_schedule_microbatches(schedule), rows[n].m);
        assert_int_equal(sluice_schedule_stage_rank(schedule, rows[n].r), rows[n].r);
        assert_int_equal(sluice_schedule_trains(schedule),
                         strcmp(rows[n].name, "forward-only") != 0);
        assert_false(sluice_schedule_communicates(schedule));
        sluice_schedule_free(schedule);
    }
}

static void bad_options_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *name;
        sluice_schedule_options options;
        const char *what;
    } rows[] = {
        {"zig", {sizeof rows[0].options, 1, 0, 1, 1, 0, 0}, "no schedule is called 'zig'"},
        {"gpipe", {sizeof rows[0].options, 0, 0, 1, 1, 0, 0}, "0 ranks are fewer than 1"},
        {"gpipe", {sizeof rows[0].options, 1, 0, 0, 1, 0, 0}, "0 micro-batches are fewer than 1"},
        {"gpipe",
         {sizeof rows[0].options, 1, 0, 1 << 21, 1, 0, 0},
         "2097152 micro-batches are more than 1048576"},
        {"gpipe", {sizeof rows[0].options, 1, -1, 1, 1, 0, 0}, "-1 chunks are fewer than 1"},
        {"gpipe", {sizeof rows[0].options, 2, 2, 2, 1, 0, 0}, "gpipe has 1 stage per rank, not 2"},
        {"v-min", {sizeof rows[0].options, 2, 1, 2, 1, 0, 0}, "v-min has 2 stages per rank, not 1"},
        {"interleaved",
         {sizeof rows[0].options, 1 << 11, 1 << 11, 1, 1, 0, 0},
         "2048 ranks x 2048 chunks are more than 1048576 stages"},
        {"interleaved",
         {sizeof rows[0].options, 1, 1 << 11, 1 << 20, 1, 0, 0},
         "2048 chunks x 1048576 micro-batches are more than a list holds"},
        {"1f1b",
         {sizeof rows[0].options, 2, 0, 2, 0.5, 0, 0},
         "slack is 0.5; it must be from 1 to 2"},
        {"1f1b",
         {sizeof rows[0].options, 2, 0, 2, NAN, 0, 0},
         "slack is nan; it must be from 1 to 2"},
        {"zbv", {sizeof rows[0].options, 2, 0, 2, 1.5, 0, 0}, "zbv has no warm-up slack"},
        {"zbv",
         {sizeof rows[0].options, 2, 0, 2, 1, 2, 0},
         "zbv has no rounds to group micro-batches in"},
        {"interleaved",
         {sizeof rows[0].options, 4, 0, 8, 1, 3, 0},
         "groups of 3 micro-batches are fewer than the 4 ranks, which would wait for each other"},
        {"interleaved",
         {sizeof rows[0].options, 2, 0, 2, 0, 0, -1},
         "extra warm-up is -1; it must be from 0 to 1048576"},
        {"1f1b", {sizeof rows[0].options, 2, 0, 2, 0, 0, 1}, "1f1b has no extra warm-up"},
        {"gpipe",
         {1, 1, 0, 1, 1, 0, 0},
         "schedule options of 1 bytes are not known; start from SLUICE_SCHEDULE_OPTIONS_INIT"},
    };
    for (size_t n = 0; n < sizeof rows / sizeof rows[0]; n++) {
        sluice_schedule *schedule = NULL;
        assert_refused(sluice_schedule_generate(&schedule, rows[n].name, &rows[n].options),
                       SLUICE_E_ARGUMENT, rows[n].what);
        assert_null(schedule);
    }
}

/* A caller built before slack, group and extra warm-up were appended passes a shorter struct. */
static void shorter_options_keep_the_defaults(void **state) {
    (void)state;
    sluice_schedule_options options = {
        offsetof(sluice_schedule_options, slack), 2, 0, 2, -7, -7, -7};
    sluice_schedule *schedule = NULL;
    assert_ok(sluice_schedule_generate(&schedule, "interleaved", &options));
    sluice_schedule_free(schedule);
}

static void bad_lists_are_refused(void **state) {
    (void)state;
    static const struct {
        sluice_action first, second; /* of two ranks */
        sluice_status status;
        const char *what;
    } rows[] = {
        {{SLUICE_ACTION_F, 0, 0, 0},
         {SLUICE_ACTION_F, 0, 1, 0},
         SLUICE_E_SCHEDULE,
         "stage 0 is on rank 0 and on rank 1"},
        {{SLUICE_ACTION_F, 0, 0, 0},
         {SLUICE_ACTION_F, 2, 0, 0},
         SLUICE_E_SCHEDULE,
         "stage 1 of 3 is on no rank"},
        {{SLUICE_ACTION_F, 0, 0, 0},
         {SLUICE_ACTION_F, 1 << 20, 0, 0},
         SLUICE_E_SCHEDULE,
         "stage 1 of 1048577 is on no rank"},
        {{SLUICE_ACTION_IDLE, 0, 0, 0},
         {SLUICE_ACTION_IDLE, 0, 0, 0},
         SLUICE_E_SCHEDULE,
         "the schedule has no actions"},
        {{SLUICE_ACTION_F, 0, -1, 0},
         {SLUICE_ACTION_F, 1, 0, 0},
         SLUICE_E_ARGUMENT,
         "rank 0, action 0: F of stage 0, micro-batch -1"},
        {{SLUICE_ACTION_F, 0, 0, 0},
         {SLUICE_ACTION_F, -1, 0, 0},
         SLUICE_E_ARGUMENT,
         "rank 1, action 0: F of stage -1, micro-batch 0"},
        {{SLUICE_ACTION_F, 0, 0, 0},
         {SLUICE_ACTION_UNSHARD, 1, 3, 0},
         SLUICE_E_ARGUMENT,
         "rank 1, action 0: UNSHARD of stage 1, micro-batch 3"},
        {{SLUICE_ACTION_F, 0, 0, 0},
         {SLUICE_ACTION_SEND_B, 1, 0, 1},
         SLUICE_E_ARGUMENT,
         "rank 1, action 0: only F, B, I and W can be in an overlap group"},
        {{(sluice_action_kind)99, 0, 0, 0},
         {SLUICE_ACTION_F, 1, 0, 0},
         SLUICE_E_ARGUMENT,
         "rank 0, action 0: there is no kind 99"},
    };
    const int counts[2] = {1, 1};
    for (size_t n = 0; n < sizeof rows / sizeof rows[0]; n++) {
        const sluice_action *const lists[2] = {&rows[n].first, &rows[n].second};
        sluice_schedule *schedule           = NULL;
        assert_refused(sluice_schedule_from_lists(&schedule, "mine", lists, counts, 2),
                       rows[n].status, rows[n].what);
        assert_null(schedule);
    }
}

/* ---- text ---- */

/* The lists of equal schedules are equal, groups included. */
static void assert_equal(const sluice_schedule *a, const sluice_schedule *b, const char *what) {
    assert_int_equal(sluice_schedule_ranks(a), sluice_schedule_ranks(b));
    assert_int_equal(sluice_schedule_stages(a), sluice_schedule_stages(b));
    assert_int_equal(sluice_schedule_microbatches(a), sluice_schedule_microbatches(b));
    for (int r = 0; r < sluice_schedule_ranks(a); r++) {
        int count = 0, other = 0;
        const sluice_action *const x = sluice_schedule_list(&count, a, r);
        const sluice_action *const y = sluice_schedule_list(&other, b, r);
        if (count != other) fail_msg("%s: rank %d has %d actions and %d", what, r, count, other);
        for (int k = 0; k < count; k++)
            if (x[k].kind != y[k].kind || x[k].stage != y[k].stage ||
                x[k].microbatch != y[k].microbatch || x[k].group != y[k].group)
                fail_msg("%s: rank %d, action %d: %d%s%d in group %d and %d%s%d in group %d", what,
                         r, k, x[k].stage, sluice_action_name(x[k].kind), x[k].microbatch,
                         x[k].group, y[k].stage, sluice_action_name(y[k].kind), y[k].microbatch,
                         y[k].group);
    }
}

static void every_schedule_prints_and_parses_to_itself(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int trial = 0; trial < 20; trial++) {
        for (const char *const *name = sluice_schedule_names(); *name; name++) {
            sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
            options.ranks                   = test_random_int(&random, 1, 12);
            options.microbatches            = test_random_int(&random, 1, 40);
            sluice_schedule *schedule = NULL, *again = NULL;
            char *text = NULL, *twice = NULL;
            assert_ok(sluice_schedule_generate(&schedule, *name, &options));
            assert_ok(sluice_schedule_print(&text, schedule));
            assert_ok(sluice_schedule_parse(&again, text, strlen(text)));
            assert_ok(sluice_schedule_print(&twice, again));
            assert_equal(schedule, again, *name);
            assert_string_equal(text, twice);
            sluice_text_free(twice);
            sluice_text_free(text);
            sluice_schedule_free(again);
            sluice_schedule_free(schedule);
        }
    }
}

/* Groups are distinguished by their numbers, whatever they are; an idle rank is an empty row. */
static void custom_lists_print_and_parse_to_themselves(void **state) {
    (void)state;
    const sluice_action first[]        = {{SLUICE_ACTION_F, 0, 0, 7}, {SLUICE_ACTION_B, 0, 0, 7},
                                          {SLUICE_ACTION_F, 0, 1, 3}, {SLUICE_ACTION_IDLE, 5, 5, 0},
                                          {SLUICE_ACTION_B, 0, 1, 7}, {SLUICE_ACTION_F, 0, 2, -1}};
    const sluice_action second[]       = {{SLUICE_ACTION_IDLE, 0, 0, 0}};
    const sluice_action *const lists[] = {first, second, NULL};
    const int counts[]                 = {6, 1, 0};
    sluice_schedule *schedule = NULL, *again = NULL;
    char *text = NULL;
    assert_ok(sluice_schedule_from_lists(&schedule, "mine", lists, counts, 3));
    assert_ok(sluice_schedule_print(&text, schedule));
    assert_string_equal(
        text, "(0F0;0B0)OVERLAP_F_B,(0F1)OVERLAP_F_B,,(0B1)OVERLAP_F_B,0F2\n\"\"\n\"\"\n");
    assert_ok(sluice_schedule_parse(&again, text, strlen(text)));
    assert_equal(schedule, again, text);
    sluice_text_free(text);
    sluice_schedule_free(again);
    sluice_schedule_free(schedule);
}

static void alternative_spellings_mean_the_same(void **state) {
    (void)state;
    static const struct {
        const char *text, *printed;
    } rows[] = {
        {"0F0,0B0\r\n1F0,1B0\r\n", "0F0,0B0\n1F0,1B0\n"},
        {"0F0,0B0\n1F0,1B0", "0F0,0B0\n1F0,1B0\n"},
        {"0F0,0B0,\r\n1F0,1B0,", "0F0,0B0,\n1F0,1B0,\n"},
        {"0F0,0BW0,0F1,0B1,0W1\n", "0F0,0B0,0F1,0I1,0W1\n"}, /* the older dialect */
        {"0F0,0B0,0W0\n1F0,1BW0,1SEND_B0\n", "0F0,0I0,0W0\n1F0,1B0,1SEND_B0\n"},
        {"0F0,(0F1;0BW0)OVERLAP_F_B\n", "0F0,(0F1;0B0)OVERLAP_F_B\n"},
        /* what spreadsheets and hands add */
        {" 0F0 ,\t0B0\n1F0, 1B0 \n", "0F0,0B0\n1F0,1B0\n"},
        {"\"0F0\",\"0B0\"\n\"1F0\", \" 1B0 \" ", "0F0,0B0\n1F0,1B0\n"},
        {"0F0,\"\",0B0\r\n", "0F0,,0B0\n"},
        {"\xEF\xBB\xBF"
         "0F0,0B0\n",
         "0F0,0B0\n"},
        {"0F0, ( 0F1 ; 0B0 )OVERLAP_F_B \n", "0F0,(0F1;0B0)OVERLAP_F_B\n"},
        {"0F0,0B0\n1F0,1B0\n\n", "0F0,0B0\n1F0,1B0\n"}, /* a blank last line is no rank */
        {"0F0,0B0\n1F0,1B0\r\n \t\r\n\n  ", "0F0,0B0\n1F0,1B0\n"},
        {"0F0,0B0\n\n1F0,1B0", "0F0,0B0\n\"\"\n1F0,1B0\n"}, /* in the middle it is */
        {"0F0,0B0\n\"\"\n", "0F0,0B0\n\"\"\n"},
    };
    for (size_t n = 0; n < sizeof rows / sizeof rows[0]; n++) {
        sluice_schedule *schedule = NULL;
        char *text                = NULL;
        assert_ok(sluice_schedule_parse(&schedule, rows[n].text, strlen(rows[n].text)));
        assert_ok(sluice_schedule_print(&text, schedule));
        assert_string_equal(text, rows[n].printed);
        sluice_text_free(text);
        sluice_schedule_free(schedule);
    }
}

static void text_prints_back_to_itself(void **state) {
    (void)state;
    static const char *const texts[] = {
        "0F0,0F1,,0B0,0B1\n1F0,,1F1,1B0,1B1\n",
        "0F0,0SEND_F0,(0F1;0B0)OVERLAP_F_B\n1RECV_F0,1F0,1I0,1W0,1SEND_B0\n",
        "0UNSHARD,0F0,0RESHARD,0UNSHARD,0B0,0REDUCE_GRAD,0RESHARD\n",
        "0F1048576,,,\n",
        "\"\"\n0F0\n\"\"\n",
        "0RECV_F0,0F0,0WAIT_SEND_F0,0B0,0REDUCE_GRAD,0WAIT_REDUCE_GRAD,0WAIT_SEND_B0\n",
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
        {"", "schedule: no rows at line 1, cell 1, byte 0"},
        {"0F0,0F\n", "schedule: expected a number at line 1, cell 2, byte 6"},
        {"\n \n", "schedule: no rows at line 1, cell 1, byte 0"},
        {"\xEF\xBB\xBF\n", "schedule: no rows at line 1, cell 1, byte 3"},
        {"0F0\n1F0 x,1B0", "schedule: expected ',' or a new line at line 2, cell 1, byte 8"},
        {"0F 0", "schedule: expected a number at line 1, cell 1, byte 2"},
        {"0F0,\"0B0,0F1\"\n", "schedule: expected a closing quote at line 1, cell 2, byte 8"},
        {"0F0,\"0B0", "schedule: expected a closing quote at line 1, cell 2, byte 8"},
        {"0F0,0B0\"\n", "schedule: expected ',' or a new line at line 1, cell 2, byte 7"},
        {"0F0,0B0\n,\n0F1,0W0", "schedule: stage 0, which is line 1's, at line 3, cell 1, byte 10"},
        {"0F0,0B0,0F1,0W0\n",
         "schedule: 0W0 follows 0B0, a whole backward, at line 1, cell 4, byte 12"},
        {"0F0,0BW0,0W0\n",
         "schedule: 0W0 follows 0BW0, a whole backward, at line 1, cell 3, byte 9"},
        {"0F0,0SEND_F0,0WAIT_SEND_F0,0WAIT_SEND_F0\n",
         "schedule: 0WAIT_SEND_F0 a second time at line 1, cell 4, byte 27"},
        {"0F0,0WAIT_SEND\n", "schedule: expected a type of action (F, B, I, W, SEND_F, ...) at "
                             "line 1, cell 2, byte 5"},
        {"0F0,0B0,0WAIT_REDUCE_GRAD,0REDUCE_GRAD\n",
         "schedule: 0WAIT_REDUCE_GRAD before 0REDUCE_GRAD at line 1, cell 3, byte 8"},
        {"0F0,0REDUCE_GRAD,0WAIT_REDUCE_GRAD,0WAIT_REDUCE_GRAD\n",
         "schedule: 0WAIT_REDUCE_GRAD again at line 1, cell 4, byte 35"},
        {"0F0,(0F1;0B0)X", "schedule: expected OVERLAP_F_B at line 1, cell 2, byte 13"},
        {"0F0,0F9999999", "schedule: a number above 1048576 at line 1, cell 2, byte 12"},
        {"0F0,0F01", "schedule: a number that begins with 0 at line 1, cell 2, byte 6"},
        {"0F0,0F1x\n", "schedule: expected ',' or a new line at line 1, cell 2, byte 7"},
        {"0F0,0X1\n",
         "schedule: expected a type of action (F, B, I, W, SEND_F, ...) at line 1, cell 2, byte 5"},
        {"0F0\r0B0\n", "schedule: expected ',' or a new line at line 1, cell 1, byte 3"},
        {"0F0\r", "schedule: expected ',' or a new line at line 1, cell 1, byte 3"},
        {"0F0,-1B0\n", "schedule: expected a number at line 1, cell 2, byte 4"},
        {"0F0\n1F0,1B0,1F0\n", "schedule: 1F0 a second time at line 2, cell 3, byte 12"},
        {"0F0,(0F1;0F1)OVERLAP_F_B\n", "schedule: 0F1 a second time at line 1, cell 2, byte 9"},
        {"0F0,1B0\n1F0\n", "schedule: stage 1, which is line 1's, at line 2, cell 1, byte 8"},
        {"0F0,0BW0,0I1\n", "schedule: I, which a text with BW calls B, at line 1, cell 3, byte 10"},
        {"0F0,(0F1;0SEND_F0)OVERLAP_F_B\n",
         "schedule: SEND_F in an overlap group at line 1, cell 2, byte 9"},
        {"0F0,(0F1,0B0)OVERLAP_F_B\n", "schedule: expected ';' or ')' at line 1, cell 2, byte 8"},
        {"0UNSHARD3\n", "schedule: expected ',' or a new line at line 1, cell 1, byte 8"},
        {"0UNSHARD,0UNSHARD\n", "schedule: stage 0 unsharded again at line 1, cell 2, byte 9"},
        {"0F0,0RESHARD\n", "schedule: stage 0 resharded while sharded at line 1, cell 2, byte 4"},
        {"0UNSHARD,0RESHARD,0F0\n",
         "schedule: stage 0 used after it was resharded at line 1, cell 3, byte 18"},
        {"0F0,0B0,0REDUCE_GRAD,0REDUCE_GRAD\n",
         "schedule: gradients of stage 0 reduced again at line 1, cell 4, byte 21"},
        {"0F0,0I0,0REDUCE_GRAD,0W0\n", "schedule: a backward of stage 0 after its gradients were "
                                       "reduced at line 1, cell 4, byte 21"},
    };
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        sluice_schedule *schedule = NULL;
        assert_refused(sluice_schedule_parse(&schedule, rows[r].text, strlen(rows[r].text)),
                       SLUICE_E_PARSE, rows[r].what);
    }
}

/* Without a BW, a W after a B tells that B was meant as the input half. */
static void the_older_dialect_is_refused_with_what_to_do(void **state) {
    (void)state;
    static const char text[]  = "0F0,0B0,0W0\n";
    sluice_schedule *schedule = NULL;
    assert_int_equal(sluice_schedule_parse(&schedule, text, sizeof text - 1), SLUICE_E_PARSE);
    assert_string_equal(sluice_last_error()->hint, "in the older dialect B is the input half of a "
                                                   "backward: write I for every such B");
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
        cmocka_unit_test(text_prints_back_to_itself),
        cmocka_unit_test(bad_text_is_refused_with_line_cell_and_byte),
        cmocka_unit_test(the_older_dialect_is_refused_with_what_to_do),
        cmocka_unit_test(every_schedule_prints_and_parses_to_itself),
        cmocka_unit_test(custom_lists_print_and_parse_to_themselves),
        cmocka_unit_test(alternative_spellings_mean_the_same),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(shorter_options_keep_the_defaults),
        cmocka_unit_test(bad_lists_are_refused),
        cmocka_unit_test(every_name_makes_a_schedule_of_that_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
