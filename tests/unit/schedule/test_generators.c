/* SPDX-License-Identifier: MIT */
/*
 * test_generators.c -- what the built-in schedules promise: complete and in order, the papers'
 * makespans and memory.
 */
#include "tests/support/action_times.h"
#include "tests/support/shape.h"

static int min_of(int a, int b) {
    return a < b ? a : b;
}

static int max_of(int a, int b) {
    return a > b ? a : b;
}

/* ---- every list is complete, on its rank and in order ---- */

static bool is_wave(const char *name) {
    return strcmp(name, "zbv") == 0 || strcmp(name, "v-half") == 0 || strcmp(name, "v-min") == 0 ||
           strcmp(name, "dualpipev") == 0 || strcmp(name, "hanayo") == 0;
}

static void assert_placed(const shape *of, const sluice_schedule *schedule) {
    const int stages = sluice_schedule_stages(schedule);
    assert_int_equal(sluice_schedule_ranks(schedule), of->p);
    assert_int_equal(stages, of->p * of->v);
    assert_int_equal(sluice_schedule_microbatches(schedule), of->m);
    for (int s = 0; s < stages; s++) {
        const bool upward  = is_wave(of->name) && s / of->p % 2 == 1;
        const int expected = upward ? of->p - 1 - s % of->p : s % of->p;
        const int got      = sluice_schedule_stage_rank(schedule, s);
        if (got != expected)
            fail_msg("%s: stage %d on rank %d, expected %d", say(of).text, s, got, expected);
    }
}

/* The actions done of each stage and micro-batch, and the last micro-batch of each stage. */
typedef struct progress {
    unsigned *done; /* bit per kind */
    int *last[2];   /* last of B or I, and of B or W; per stage */
} progress;

static void note(progress *at, const shape *of, const sluice_action *action) {
    static const unsigned needs[] = {[SLUICE_ACTION_F] = 0,
                                     [SLUICE_ACTION_B] = 1 << SLUICE_ACTION_F,
                                     [SLUICE_ACTION_I] = 1 << SLUICE_ACTION_F,
                                     [SLUICE_ACTION_W] =
                                         1 << SLUICE_ACTION_F | 1 << SLUICE_ACTION_I};
    unsigned *const done          = &at->done[action->stage * of->m + action->microbatch];
    const bool is_ascending =
        strcmp(of->name, "gpipe-lifo") != 0 && strcmp(of->name, "looped-bfs") != 0;
    if (action->kind < SLUICE_ACTION_F || action->kind > SLUICE_ACTION_W ||
        *done != needs[action->kind])
        fail_msg("%s: %d%s%d is out of order", say(of).text, action->stage,
                 sluice_action_name(action->kind), action->microbatch);
    *done |= 1U << action->kind;
    for (int half = 0; half < 2; half++) {
        if (action->kind != SLUICE_ACTION_B &&
            action->kind != (half ? SLUICE_ACTION_W : SLUICE_ACTION_I))
            continue;
        int *const last = &at->last[half][action->stage];
        if (is_ascending && action->microbatch < *last)
            fail_msg("%s: stage %d accumulates micro-batch %d after %d", say(of).text,
                     action->stage, action->microbatch, *last);
        *last = action->microbatch;
    }
}

static void assert_complete(const shape *of, const sluice_schedule *schedule) {
    const size_t stages = (size_t)of->p * (size_t)of->v;
    progress at         = {calloc(stages * (size_t)of->m, sizeof *at.done),
                           {calloc(stages, sizeof(int)), calloc(stages, sizeof(int))}};
    for (int r = 0; r < of->p; r++) {
        int count                       = 0;
        const sluice_action *const list = sluice_schedule_list(&count, schedule, r);
        for (int a = 0; a < count; a++) note(&at, of, &list[a]);
    }
    const bool trains = strcmp(of->name, "forward-only") != 0;
    const unsigned f = 1 << SLUICE_ACTION_F, b = f | 1 << SLUICE_ACTION_B,
                   halves = f | 1 << SLUICE_ACTION_I | 1 << SLUICE_ACTION_W;
    for (size_t k = 0; k < stages * (size_t)of->m; k++)
        if (trains ? at.done[k] != b && at.done[k] != halves : at.done[k] != f)
            fail_msg("%s: stage %d is not done with micro-batch %d", say(of).text, (int)k / of->m,
                     (int)k % of->m);
    free(at.done);
    free(at.last[0]);
    free(at.last[1]);
}

static void lists_are_complete_on_their_rank_and_ascending(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int trial = 0; trial < 600; trial++) {
        const shape of                  = random_shape(&random, 16);
        sluice_schedule *const schedule = generate(&of);
        assert_placed(&of, schedule);
        assert_complete(&of, schedule);
        if (!time_actions(schedule).finishes) fail_msg("%s never finishes", say(&of).text);
        sluice_schedule_free(schedule);
    }
}

/* ---- the papers' numbers ---- */

/* Idle time within a rank, from its first action to its last. */
static int inner_idle(const action_times *times, int r) {
    return times->end[r] - times->begin[r] - times->busy[r];
}

static void known_makespans_and_peaks_at_4_ranks_and_8_microbatches(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int v, makespan, inner_idle[2]; /* of the first and the last rank */
        int peak[4];
    } rows[] = {
        {"gpipe", 1, 33, {9, 0}, {8, 8, 8, 8}},
        {"gpipe-lifo", 1, 33, {9, 0}, {8, 8, 8, 8}},
        {"1f1b", 1, 33, {9, 0}, {4, 3, 2, 1}},
        {"zb1p", 1, 27, {3, 0}, {4, 4, 4, 4}},
        {"zb2p", 1, 27, {0, 0}, {7, 7, 7, 7}},
        {"interleaved", 2, 57, {9, 0}, {11, 9, 7, 5}},
        {"looped-bfs", 2, 57, {9, 0}, {16, 16, 16, 16}},
        {"hanayo", 2, 57, {9, 0}, {8, 9, 10, 11}},
        {"zbv", 2, 51, {0, 0}, {8, 8, 8, 8}},
        {"v-half", 2, 53, {5, 2}, {6, 6, 6, 6}},
        {"v-min", 2, 59, {11, 6}, {4, 4, 4, 4}},
        {"dualpipev", 2, 54, {6, 3}, {9, 9, 9, 9}},
        {"forward-only", 1, 11, {0, 0}, {8, 8, 8, 8}},
    };
    for (size_t n = 0; n < sizeof rows / sizeof rows[0]; n++) {
        const shape of                  = {.name = rows[n].name, .p = 4, .v = rows[n].v, .m = 8};
        sluice_schedule *const schedule = generate(&of);
        const action_times times        = time_actions(schedule);
        const int first = inner_idle(&times, 0), last = inner_idle(&times, 3);
        if (times.makespan != rows[n].makespan || first != rows[n].inner_idle[0] ||
            last != rows[n].inner_idle[1])
            fail_msg(
                "%s: makespan %d, idle inside the first rank %d, the last %d; expected %d, %d, %d",
                rows[n].name, times.makespan, first, last, rows[n].makespan, rows[n].inner_idle[0],
                rows[n].inner_idle[1]);
        for (int r = 0; r < 4; r++)
            if (times.peak[r] != rows[n].peak[r])
                fail_msg("%s: rank %d holds %d, expected %d", rows[n].name, r, times.peak[r],
                         rows[n].peak[r]);
        sluice_schedule_free(schedule);
    }
    assert_null(sluice_schedule_names()[sizeof rows / sizeof rows[0]]); /* a row for every name */
}

/* A formula of docs/schedules.md, and its range. */
typedef struct formula {
    const char *name;
    bool (*holds)(const shape *of);
    int (*makespan)(const shape *of);
    int (*peak)(const shape *of, int r); /* -1: as the bound says */
    bool no_inner_idle, is_bound;        /* the peak is at most that */
} formula;

static bool always(const shape *of) {
    return of->m > 0;
}
static bool from_two(const shape *of) {
    return of->m >= 2;
}
static bool from_p(const shape *of) {
    return of->m >= of->p;
}
static bool below_p(const shape *of) {
    return of->m <= of->p;
}
static bool from_two_p_less_one(const shape *of) {
    return of->m >= 2 * of->p - 1;
}
static bool from_two_p(const shape *of) {
    return of->m >= 2 * of->p;
}
static bool one_wave_from_two_p(const shape *of) {
    return of->v == 2 && of->m >= 2 * of->p;
}
static bool one_wave_to_p(const shape *of) {
    return of->v == 2 && of->m <= of->p;
}

static int whole_backward(const shape *of) {
    return 3 * (of->m + of->p - 1);
}
static int around(const shape *of) {
    return 3 * (of->v * max_of(of->m, of->p) + min_of(of->m, of->p) - 1);
}
static int halves(const shape *of) {
    return 3 * of->m + of->p - 1;
}
static int halves_of_few(const shape *of) {
    return 2 * of->p + 2 * of->m - 1;
}
static int vee(const shape *of) {
    return 6 * of->m + of->p - 1;
}
static int vee_of_half(const shape *of) {
    return 6 * of->m + (of->p < 3 ? of->p - 1 : 3 * (of->p - 2) - (of->p % 2 == 0));
}
static int vee_of_third(const shape *of) {
    return 6 * of->m + (of->p == 1 ? 0 : 4 * of->p - 5 + 2 * (of->p % 3 == 0));
}
static int pairs(const shape *of) {
    return 6 * of->m + 2 * (of->p - 1);
}
static int vee_of_few(const shape *of) {
    return max_of(4 * of->p + 2 * of->m - 1, 3 * of->p + 4 * of->m - 1);
}
static int wave_of_few(const shape *of) {
    return 6 * of->p + 4 * (of->m - 1);
}
static int one_way(const shape *of) {
    return of->m + of->p - 1;
}

static int all(const shape *of, int r) {
    (void)r;
    return of->v * of->m;
}
static int below(const shape *of, int r) {
    return min_of(of->m, (int)(of->slack * (of->p - 1 - r) + 1e-9) + 1);
}
static int rounds_and_below(const shape *of, int r) {
    const int rounds = max_of(1, of->m / (of->group ? of->group : of->p));
    const int first  = (of->m + rounds - 1) / rounds;
    return min_of(of->v * of->m,
                  (of->v - 1) * first + (int)(of->slack * (of->p - 1 - r) + 1e-9) + 1 + of->extra);
}
static int one_p(const shape *of, int r) {
    (void)r;
    return of->p;
}
static int two_p_less_one(const shape *of, int r) {
    (void)r;
    return 2 * of->p - 1;
}
static int two_p(const shape *of, int r) {
    (void)r;
    return 2 * of->p;
}
static int three_p_less_one(const shape *of, int r) {
    (void)r;
    return 3 * of->p - 1;
}
static int two_p_and_one(const shape *of, int r) {
    (void)r;
    return 2 * of->p + 1;
}
static int p_and_two(const shape *of, int r) {
    (void)r;
    return min_of(of->p + 2, 2 * of->p);
}
static int third(const shape *of, int r) {
    (void)r;
    return 2 * ((of->p + 4) / 3);
}

static const formula formulas[] = {
    {"gpipe", always, whole_backward, all, false, false},
    {"gpipe-lifo", always, whole_backward, all, false, false},
    {"1f1b", always, whole_backward, below, false, false},
    {"interleaved", always, around, rounds_and_below, false, false},
    {"looped-bfs", always, around, all, false, false},
    {"zb1p", from_p, halves, one_p, false, false},
    {"zb1p", below_p, halves_of_few, one_p, false, true},
    {"zb2p", from_two_p_less_one, halves, two_p_less_one, true, false},
    {"zbv", from_two_p_less_one, vee, two_p, true, false},
    {"zbv", below_p, vee_of_few, all, false, true},
    {"hanayo", one_wave_from_two_p, around, three_p_less_one, false, true},
    {"hanayo", one_wave_to_p, wave_of_few, all, false, true},
    {"v-half", from_p, vee_of_half, p_and_two, false, true},
    {"v-min", from_two, vee_of_third, third, false, true},
    {"dualpipev", from_two_p, pairs, two_p_and_one, false, false},
    {"forward-only", always, one_way, all, true, false},
};

static void assert_formula(const formula *law, const shape *of) {
    if (!law->holds(of)) return;
    sluice_schedule *const schedule = generate(of);
    const action_times times        = time_actions(schedule);
    if (times.makespan != law->makespan(of))
        fail_msg("%s: makespan %d, expected %d", say(of).text, times.makespan, law->makespan(of));
    for (int r = 0; r < of->p; r++) {
        const int expected = law->peak(of, r);
        if (times.peak[r] > expected || (!law->is_bound && times.peak[r] < expected))
            fail_msg("%s: rank %d holds %d, expected %s%d", say(of).text, r, times.peak[r],
                     law->is_bound ? "at most " : "", expected);
        if (law->no_inner_idle && inner_idle(&times, r) != 0)
            fail_msg("%s: rank %d stands still for %d", say(of).text, r, inner_idle(&times, r));
    }
    sluice_schedule_free(schedule);
}

static void makespans_idle_and_memory_are_as_documented(void **state) {
    (void)state;
    const bool everything = getenv("SLUICE_LONG") != NULL;
    uint64_t random       = test_seed();
    for (size_t n = 0; n < sizeof formulas / sizeof formulas[0]; n++) {
        sluice_schedule_description about;
        assert_ok(sluice_schedule_describe(&about, formulas[n].name));
        for (int p = 1; p <= (everything ? 64 : 16); p++) {
            for (int m = 1; m <= 4 * p + 1; m++) {
                if (!everything && p > 8 && test_random_int(&random, 0, 3) > 0) continue;
                shape of = {formulas[n].name, p, about.chunks, m, 0, 1, 0};
                if (about.max_chunks == 0) of.v = test_random_int(&random, 1, 4);
                if (about.takes_slack) of.slack = 1 + 0.125 * test_random_int(&random, 0, 8);
                if (about.takes_extra_warmup) of.extra = test_random_int(&random, 0, 3);
                if (about.takes_group) of.group = p + test_random_int(&random, 0, p);
                assert_formula(&formulas[n], &of);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_complete_on_their_rank_and_ascending),
        cmocka_unit_test(known_makespans_and_peaks_at_4_ranks_and_8_microbatches),
        cmocka_unit_test(makespans_idle_and_memory_are_as_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
