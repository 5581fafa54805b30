/* SPDX-License-Identifier: MIT */
/* action_times.c -- runs the lists as far as they go, repeatedly. */
#include "tests/support/action_times.h"

/* When F, and B or I, of each stage and micro-batch ended; 0: not yet. */
typedef struct ends {
    int *of;
    int stages, microbatches;
} ends;

static int *end_of(const ends *known, bool backward, int stage, int i) {
    return &known->of[(backward * known->stages + stage) * known->microbatches + i];
}

/* When the inputs of the group's actions are available; -1: not yet. */
static int input_time(const ends *known, const sluice_action *list, int count) {
    int latest = 0;
    for (int k = 0; k < count; k++) {
        const int s = list[k].stage, i = list[k].microbatch;
        int needs[2] = {1, 1}; /* 1: nothing to wait for */
        if (list[k].kind == SLUICE_ACTION_F) {
            if (s > 0) needs[0] = *end_of(known, false, s - 1, i);
        } else if (list[k].kind == SLUICE_ACTION_W) {
            needs[0] = *end_of(known, true, s, i);
        } else {
            needs[0] = *end_of(known, false, s, i);
            if (s + 1 < known->stages) needs[1] = *end_of(known, true, s + 1, i);
        }
        for (int n = 0; n < 2; n++) {
            if (needs[n] == 0) return -1;
            if (needs[n] - 1 > latest) latest = needs[n] - 1;
        }
    }
    return latest;
}

/* Run the group at `list` from `begin`: it takes the sum of its actions and delivers at its end.
 * Ends are stored plus one, so that 0 can mean never. */
static int run_group(ends *known, const sluice_action *list, int count, int begin) {
    int end = begin;
    for (int k = 0; k < count; k++) end += list[k].kind == SLUICE_ACTION_B ? 2 : 1;
    for (int k = 0; k < count; k++)
        if (list[k].kind != SLUICE_ACTION_W)
            *end_of(known, list[k].kind != SLUICE_ACTION_F, list[k].stage, list[k].microbatch) =
                end + 1;
    return end;
}

static int group_length(const sluice_action *list, int left) {
    int length = 1;
    while (length < left && list[0].group > 0 && list[length].group == list[0].group) length++;
    return length;
}

/* Run rank r as far as it can go now; returns whether it did anything. */
static bool run_rank(action_times *times, ends *known, const sluice_schedule *schedule, int r,
                     int *at) {
    int count                       = 0;
    const sluice_action *const list = sluice_schedule_list(&count, schedule, r);
    const int before                = *at;
    while (*at < count) {
        const int length = group_length(list + *at, count - *at);
        const int ready  = input_time(known, list + *at, length);
        if (ready < 0) break;
        const int begin = ready > times->end[r] ? ready : times->end[r];
        if (*at == 0) times->begin[r] = begin;
        times->end[r] = run_group(known, list + *at, length, begin);
        times->busy[r] += times->end[r] - begin;
        *at += length;
    }
    if (times->end[r] > times->makespan) times->makespan = times->end[r];
    return *at > before;
}

static int peak_of(const sluice_action *list, int count) {
    int held = 0, peak = 0;
    for (int a = 0; a < count; a++) {
        held += list[a].kind == SLUICE_ACTION_F;
        if (held > peak) peak = held;
        held -= list[a].kind == SLUICE_ACTION_B || list[a].kind == SLUICE_ACTION_W;
    }
    return peak;
}

action_times time_actions(const sluice_schedule *schedule) {
    const int p        = sluice_schedule_ranks(schedule);
    ends known         = {.stages       = sluice_schedule_stages(schedule),
                          .microbatches = sluice_schedule_microbatches(schedule)};
    known.of           = calloc(2 * (size_t)known.stages * (size_t)known.microbatches, sizeof(int));
    action_times times = {.finishes = true};
    int at[MAX_RANKS]  = {0};
    assert_non_null(known.of);
    assert_true(p <= MAX_RANKS);
    for (bool moved = true; moved;) {
        moved = false;
        for (int r = 0; r < p; r++) moved |= run_rank(&times, &known, schedule, r, &at[r]);
    }
    for (int r = 0; r < p; r++) {
        int count                       = 0;
        const sluice_action *const list = sluice_schedule_list(&count, schedule, r);
        times.finishes &= at[r] == count;
        times.peak[r] = peak_of(list, count);
    }
    free(known.of);
    return times;
}
