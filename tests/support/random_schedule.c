/* SPDX-License-Identifier: MIT */
/* random_schedule.c -- draws the order. */
#include "tests/support/random_schedule.h"

enum { RANDOM_ACTIONS = 3 * RANDOM_STAGES * RANDOM_MICROBATCHES };

typedef struct random_schedule {
    int p, stages, m;
    int rank_of[RANDOM_STAGES];
    bool halves[RANDOM_STAGES]; /* I and W rather than B */
    bool f[RANDOM_STAGES][RANDOM_MICROBATCHES], i[RANDOM_STAGES][RANDOM_MICROBATCHES],
        w[RANDOM_STAGES][RANDOM_MICROBATCHES];
    sluice_action lists[RANDOM_RANKS][RANDOM_ACTIONS];
    int counts[RANDOM_RANKS];
} random_schedule;

static bool is_ready(const random_schedule *s, const sluice_action *a) {
    const int stage = a->stage, i = a->microbatch;
    switch (a->kind) {
    case SLUICE_ACTION_F:
        return !s->f[stage][i] && (stage == 0 || s->f[stage - 1][i]);
    case SLUICE_ACTION_W:
        return s->halves[stage] && s->i[stage][i] && !s->w[stage][i];
    default:
        return (a->kind == SLUICE_ACTION_I) == s->halves[stage] && s->f[stage][i] &&
               !s->i[stage][i] && (stage + 1 == s->stages || s->i[stage + 1][i]);
    }
}

static void do_action(random_schedule *s, sluice_action a) {
    const int r = s->rank_of[a.stage];
    if (a.kind == SLUICE_ACTION_F) s->f[a.stage][a.microbatch] = true;
    if (a.kind == SLUICE_ACTION_B || a.kind == SLUICE_ACTION_I) s->i[a.stage][a.microbatch] = true;
    if (a.kind == SLUICE_ACTION_W) s->w[a.stage][a.microbatch] = true;
    s->lists[r][s->counts[r]++] = a;
}

/* Every rank has at least one stage, and any stage may be on any rank. */
static void place_stages(random_schedule *s, uint64_t *random) {
    for (int stage = 0; stage < s->stages; stage++)
        s->rank_of[stage] = stage < s->p ? stage : test_random_int(random, 0, s->p - 1);
    for (int stage = s->stages - 1; stage > 0; stage--) {
        const int other   = test_random_int(random, 0, stage);
        const int held    = s->rank_of[stage];
        s->rank_of[stage] = s->rank_of[other];
        s->rank_of[other] = held;
    }
}

sluice_schedule *make_random_schedule(uint64_t *random) {
    static const sluice_action_kind kinds[] = {SLUICE_ACTION_F, SLUICE_ACTION_B, SLUICE_ACTION_I,
                                               SLUICE_ACTION_W};
    random_schedule *s                      = calloc(1, sizeof *s);
    s->p                                    = test_random_int(random, 1, RANDOM_RANKS);
    s->stages                               = test_random_int(random, s->p, RANDOM_STAGES);
    s->m                                    = test_random_int(random, 1, RANDOM_MICROBATCHES);
    place_stages(s, random);
    for (int stage = 0; stage < s->stages; stage++)
        s->halves[stage] = test_random_int(random, 0, 1);
    for (;;) {
        sluice_action ready[4 * RANDOM_STAGES * RANDOM_MICROBATCHES];
        int count = 0;
        for (int stage = 0; stage < s->stages; stage++)
            for (int i = 0; i < s->m; i++)
                for (int k = 0; k < 4; k++) {
                    const sluice_action a = {kinds[k], stage, i, 0};
                    if (is_ready(s, &a)) ready[count++] = a;
                }
        if (count == 0) break;
        do_action(s, ready[test_random_int(random, 0, count - 1)]);
    }
    sluice_schedule *schedule = NULL;
    const sluice_action *lists[RANDOM_RANKS];
    for (int r = 0; r < s->p; r++) lists[r] = s->lists[r];
    assert_ok(sluice_schedule_from_lists(&schedule, "random", lists, s->counts, s->p));
    free(s);
    return schedule;
}
