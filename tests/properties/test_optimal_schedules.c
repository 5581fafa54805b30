/* SPDX-License-Identifier: MIT */
/*
 * test_optimal_schedules.c -- no order of the actions is faster than the schedules that claim to be
 * the fastest, by an exhaustive search of tiny cases.
 *
 * A micro-batch passes a chain of steps of one tick each: F of every stage, then I of every stage
 * back (or B, which is two steps that must follow each other). W of a stage is a step outside the
 * chain, enabled by its I. A state is the progress of each micro-batch; micro-batches are alike, so
 * states are sorted. Every choice of each rank (a possible step, or none) leads from the states
 * reachable in t ticks to those of t + 1. The first tick that reaches the final state is the
 * optimum.
 */
#include "tests/support/action_times.h"

enum { MAX_STAGES = 6, MAX_MICROBATCHES = 5, MAX_CODES = 160 };

/* Progress of a micro-batch. */
typedef struct code {
    int steps;        /* steps of the chain that are done */
    unsigned weights; /* bit s: W of stage s is done */
} code;

typedef struct search {
    int p, stages, m;
    bool split;          /* I and W instead of B */
    const int *rank_of;  /* per stage */
    const int *capacity; /* per rank: maximum number of activations */
    int chain;           /* steps of the whole chain */
    code codes[MAX_CODES];
    int code_count;
} search;

/* A state: the codes' indices, descending. */
typedef struct situation {
    uint8_t of[MAX_MICROBATCHES];
} situation;

/* ---- one micro-batch ---- */

/* The stage that does this step of the chain; `*is_second`: it is the second half of a B. */
static int stage_of_step(const search *in, int step, bool *is_second) {
    const int back = step - in->stages;
    *is_second     = !in->split && back >= 0 && back % 2 == 1;
    if (back < 0) return step;
    return in->stages - 1 - (in->split ? back : back / 2);
}

/* Has the chain done I (or B) of the stage? */
static bool is_back_from(const search *in, const code *at, int stage) {
    const int steps = in->stages - stage;
    return at->steps >= in->stages + (in->split ? steps : 2 * steps);
}

static bool holds(const search *in, const code *at, int stage) {
    if (at->steps <= stage) return false;
    return in->split ? !(at->weights >> stage & 1) : !is_back_from(in, at, stage);
}

static bool is_possible(const search *in, const code *at) {
    for (int s = 0; s < in->stages; s++)
        if (at->weights >> s & 1 && !is_back_from(in, at, s)) return false;
    return true;
}

static int find_code(const search *in, code wanted) {
    for (int k = 0; k < in->code_count; k++)
        if (in->codes[k].steps == wanted.steps && in->codes[k].weights == wanted.weights) return k;
    fail_msg("a micro-batch that is nowhere");
    return -1;
}

static void list_codes(search *in) {
    in->chain      = in->split ? 2 * in->stages : 3 * in->stages;
    in->code_count = 0;
    for (int steps = 0; steps <= in->chain; steps++)
        for (unsigned weights = 0; weights < (in->split ? 1U << in->stages : 1U); weights++) {
            const code at = {steps, weights};
            if (!is_possible(in, &at)) continue;
            assert_true(in->code_count < MAX_CODES);
            in->codes[in->code_count++] = at;
        }
}

/* ---- sets of states ---- */

typedef struct frontier {
    situation *list; /* large enough for all */
    size_t count;
} frontier;

typedef struct sets {
    uint8_t *seen; /* a bit for each state */
    frontier turns[2];
    int next; /* index of the one being filled */
} sets;

static void sort(situation *at, int m) {
    for (int k = 1; k < m; k++)
        for (int j = k; j > 0 && at->of[j] > at->of[j - 1]; j--) {
            const uint8_t other = at->of[j];
            at->of[j]           = at->of[j - 1];
            at->of[j - 1]       = other;
        }
}

static void reach(const search *in, sets *known, situation at) {
    size_t number = 0;
    sort(&at, in->m);
    for (int k = 0; k < in->m; k++) number = number * (size_t)in->code_count + at.of[k];
    if (known->seen[number / 8] >> (number % 8) & 1) return;
    known->seen[number / 8] |= (uint8_t)(1 << number % 8);
    frontier *const next      = &known->turns[known->next];
    next->list[next->count++] = at;
}

/* ---- a tick ---- */

static int held(const search *in, const situation *before, int r) {
    int count = 0;
    for (int k = 0; k < in->m; k++)
        for (int s = 0; s < in->stages; s++)
            count += in->rank_of[s] == r && holds(in, &in->codes[before->of[k]], s);
    return count;
}

/* The chain's next step of micro-batch k, if it is rank r's; -1 if it is not, or if the rank's
 * memory is full. */
static int chain_stage(const search *in, const situation *before, int r, int k, bool *must) {
    const code *const at = &in->codes[before->of[k]];
    *must                = false;
    if (at->steps == in->chain) return -1;
    const int s = stage_of_step(in, at->steps, must);
    if (in->rank_of[s] != r) return -1;
    const bool is_forward = at->steps < in->stages;
    return is_forward && held(in, before, r) == in->capacity[r] ? -1 : s;
}

static void choose(const search *in, sets *known, const situation *before, situation after, int r);

/* Change the code of `k`, whatever other ranks did to it in this tick. */
static void choose_step(const search *in, sets *known, const situation *before, situation after,
                        int r, int k, code step) {
    const code at = in->codes[after.of[k]];
    after.of[k] = (uint8_t)find_code(in, (code){at.steps + step.steps, at.weights | step.weights});
    choose(in, known, before, after, r + 1);
}

/* Everything that ranks r and above can do. */
static void choose(const search *in, sets *known, const situation *before, situation after, int r) {
    if (r == in->p) {
        reach(in, known, after);
        return;
    }
    bool must = false;
    for (int k = 0; k < in->m; k++) { /* the second half of a B must follow */
        if (chain_stage(in, before, r, k, &must) < 0 || !must) continue;
        choose_step(in, known, before, after, r, k, (code){1, 0});
        return;
    }
    choose(in, known, before, after, r + 1); /* wait */
    for (int k = 0; k < in->m; k++) {
        const code *const at = &in->codes[before->of[k]];
        if (chain_stage(in, before, r, k, &must) >= 0)
            choose_step(in, known, before, after, r, k, (code){1, 0});
        for (int s = 0; s < in->stages && in->split; s++)
            if (in->rank_of[s] == r && is_back_from(in, at, s) && !(at->weights >> s & 1))
                choose_step(in, known, before, after, r, k, (code){0, 1U << s});
    }
}

/* The minimum makespan, or -1 if the actions cannot all be done. */
static int search_all(search *in) {
    list_codes(in);
    size_t states = 1;
    for (int k = 0; k < in->m; k++) states *= (size_t)in->code_count;
    situation *const lists = malloc(2 * states * sizeof *lists);
    sets known             = {calloc(states / 8 + 1, 1), {{lists, 0}, {lists + states, 0}}, 0};
    assert_true(lists && known.seen);
    situation start = {{0}}, end = {{0}};
    const code done = {in->chain, in->split ? (1U << in->stages) - 1 : 0};
    for (int k = 0; k < in->m; k++) end.of[k] = (uint8_t)find_code(in, done);
    reach(in, &known, start);
    int ticks  = 0;
    bool found = false;
    while (!found && known.turns[known.next].count > 0) {
        const frontier *const now     = &known.turns[known.next];
        known.next                    = 1 - known.next;
        known.turns[known.next].count = 0;
        for (size_t n = 0; n < now->count && !found; n++) {
            found = memcmp(now->list[n].of, end.of, (size_t)in->m) == 0;
            choose(in, &known, &now->list[n], now->list[n], 0);
        }
        ticks += !found;
    }
    free(lists);
    free(known.seen);
    return found ? ticks : -1;
}

/* ---- against the generators ---- */

static bool is_split(const sluice_schedule *schedule) {
    int count                       = 0;
    const sluice_action *const list = sluice_schedule_list(&count, schedule, 0);
    for (int a = 0; a < count; a++)
        if (list[a].kind == SLUICE_ACTION_I) return true;
    return false;
}

/* The minimum makespan of the schedule's stages on their ranks, within its memory or any memory. */
static int optimum(const sluice_schedule *schedule, const action_times *times, bool any_memory) {
    int rank_of[MAX_STAGES], capacity[MAX_RANKS];
    search in = {.p        = sluice_schedule_ranks(schedule),
                 .stages   = sluice_schedule_stages(schedule),
                 .m        = sluice_schedule_microbatches(schedule),
                 .split    = is_split(schedule),
                 .rank_of  = rank_of,
                 .capacity = capacity};
    assert_true(in.stages <= MAX_STAGES && in.m <= MAX_MICROBATCHES);
    for (int s = 0; s < in.stages; s++) rank_of[s] = sluice_schedule_stage_rank(schedule, s);
    for (int r = 0; r < in.p; r++) capacity[r] = any_memory ? in.stages * in.m : times->peak[r];
    return search_all(&in);
}

static void no_order_beats_the_schedules_that_claim_to_be_best(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int p, first, last; /* micro-batches */
        bool any_memory;    /* optimal even with unlimited memory */
    } rows[] = {
        {"gpipe", 2, 1, 3, true},       {"gpipe", 3, 1, 3, true},
        {"gpipe-lifo", 2, 1, 3, true},  {"1f1b", 2, 1, 3, true},
        {"1f1b", 3, 1, 4, true},        {"interleaved", 2, 2, 3, true},
        {"interleaved", 3, 3, 3, true}, {"looped-bfs", 2, 2, 3, true},
        {"looped-bfs", 3, 3, 3, true},  {"zb1p", 2, 2, 4, true},
        {"zb1p", 3, 3, 4, true},        {"zb2p", 2, 3, 4, true},
        {"zb2p", 3, 5, 5, true},        {"zbv", 2, 1, 3, true},
        {"zbv", 3, 1, 3, true},         {"v-half", 2, 2, 3, true},
        {"v-half", 3, 3, 3, false},
    };
    for (size_t n = 0; n < sizeof rows / sizeof rows[0]; n++) {
        for (int m = rows[n].first; m <= rows[n].last; m++) {
            sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
            options.ranks                   = rows[n].p;
            options.microbatches            = m;
            sluice_schedule *schedule       = NULL;
            assert_ok(sluice_schedule_generate(&schedule, rows[n].name, &options));
            const action_times times = time_actions(schedule);
            const int best           = optimum(schedule, &times, rows[n].any_memory);
            if (best != times.makespan)
                fail_msg("%s, p = %d, m = %d: makespan %d, the best order takes %d", rows[n].name,
                         rows[n].p, m, times.makespan, best);
            sluice_schedule_free(schedule);
        }
    }
}

/* The search on cases whose answer is known by hand. */
static void the_search_finds_known_optima(void **state) {
    (void)state;
    static const int one[] = {0, 0}, two[] = {0, 1};
    const int much[] = {99, 99}, little[] = {1, 1}, none[] = {0, 0};
    search in = {.p = 1, .stages = 1, .m = 2, .rank_of = one, .capacity = much};
    assert_int_equal(search_all(&in), 6); /* F B F B */
    in.capacity = none;
    assert_int_equal(search_all(&in), -1);
    in = (search){.p = 2, .stages = 2, .m = 1, .split = true, .rank_of = two, .capacity = much};
    assert_int_equal(search_all(&in), 5); /* F F I I W */
    in.m = 2;
    assert_int_equal(search_all(&in), 7);
    in.capacity = little;
    assert_int_equal(search_all(&in), 10); /* one after the other */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_search_finds_known_optima),
        cmocka_unit_test(no_order_beats_the_schedules_that_claim_to_be_best),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
