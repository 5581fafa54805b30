/* SPDX-License-Identifier: MIT */
/* schedule.c -- the schedule object: lists of actions, and the rank of each stage. */
#include "runtime/schedule/generators.h"

#include <stdint.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/schedule/action_kinds.h"

struct sluice_schedule {
    char *name;
    int ranks, stages, microbatches;
    bool trains, communicates;
    sluice_action **lists; /* [ranks] */
    int *counts;           /* [ranks] */
    int *placement;        /* [stages]: the stage's rank */
};

const char *sluice_action_name(sluice_action_kind kind) {
    switch (kind) {
#define X(name, code, text)                                                                        \
    case SLUICE_ACTION_##name:                                                                     \
        return text;
        SLUICE_ACTION_MAP(X)
#undef X
    }
    return "?";
}

void sluice_schedule_free(sluice_schedule *schedule) {
    if (!schedule) return;
    for (int r = 0; schedule->lists && r < schedule->ranks; r++) sluice__free(schedule->lists[r]);
    sluice__free(schedule->placement);
    sluice__free(schedule->counts);
    sluice__free(schedule->lists);
    sluice__free(schedule->name);
    sluice__free(schedule);
}

/* ---- what a list may contain ---- */

static sluice_status check_action(const sluice_action *action, int r, int a) {
    const int kind = (int)action->kind;
    if (kind < SLUICE_ACTION_IDLE || kind > SLUICE__LAST_ACTION)
        return sluice__fail(SLUICE_E_ARGUMENT, "rank %d, action %d: there is no kind %d", r, a,
                            kind);
    if (action->group > 0 && !sluice__action_computes(action->kind))
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "rank %d, action %d: only F, B, I and W can be in an overlap group", r,
                            a);
    if (action->kind == SLUICE_ACTION_IDLE) return SLUICE_OK;
    const bool wrong = sluice__action_has_microbatch(action->kind)
                           ? action->microbatch < 0 || action->microbatch > SLUICE__MAX_NUMBER
                           : action->microbatch != -1;
    if (wrong || action->stage < 0 || action->stage > SLUICE__MAX_NUMBER)
        return sluice__fail(SLUICE_E_ARGUMENT, "rank %d, action %d: %s of stage %d, micro-batch %d",
                            r, a, sluice_action_name(action->kind), action->stage,
                            action->microbatch);
    return SLUICE_OK;
}

/* A normal form, so that lists with one meaning are equal: overlap groups are numbered from 1 in
 * each list, and idle actions name no stage. */
static void tidy(sluice_action *action, int *group, int *groups, bool first) {
    const int before = *group;
    *group           = action->group > 0 ? action->group : 0;
    if (*group > 0 && (first || *group != before)) (*groups)++;
    action->group = *group > 0 ? *groups : 0;
    if (action->kind == SLUICE_ACTION_IDLE) *action = (sluice_action){SLUICE_ACTION_IDLE, 0, -1, 0};
}

static sluice_status take_list(sluice_schedule *schedule, int r) {
    sluice_action *const list = schedule->lists[r];
    int group = 0, groups = 0;
    for (int a = 0; a < schedule->counts[r]; a++) {
        sluice_action *const action = &list[a];
        SLUICE__TRY(check_action(action, r, a));
        tidy(action, &group, &groups, a == 0);
        if (action->kind == SLUICE_ACTION_IDLE) continue;
        if (action->stage >= schedule->stages) schedule->stages = action->stage + 1;
        if (action->microbatch >= schedule->microbatches)
            schedule->microbatches = action->microbatch + 1;
        schedule->trains |= action->kind >= SLUICE_ACTION_B && action->kind <= SLUICE_ACTION_W;
        schedule->communicates |=
            sluice__action_transfers(action->kind) || sluice__action_waits_for_send(action->kind);
    }
    /* In the text form a row of one idle step is an empty row. */
    if (schedule->counts[r] == 1 && list[0].kind == SLUICE_ACTION_IDLE) schedule->counts[r] = 0;
    return SLUICE_OK;
}

/* Every stage must be on exactly one rank. Stage numbers may be huge; but if a stage is missing,
 * the first one missing is not above the number of actions, which bounds the table. */
static sluice_status place_stages(sluice_schedule *schedule) {
    if (schedule->stages == 0)
        return sluice__fail(SLUICE_E_SCHEDULE, "the schedule has no actions");
    int64_t actions = 0;
    for (int r = 0; r < schedule->ranks; r++) actions += schedule->counts[r];
    const int count = actions < schedule->stages ? (int)actions + 1 : schedule->stages;
    SLUICE__TRY(sluice__alloc(&schedule->placement, (size_t)count, sizeof(int)));
    for (int s = 0; s < count; s++) schedule->placement[s] = -1;
    for (int r = 0; r < schedule->ranks; r++) {
        for (int a = 0; a < schedule->counts[r]; a++) {
            const sluice_action action = schedule->lists[r][a];
            if (action.kind == SLUICE_ACTION_IDLE || action.stage >= count) continue;
            const int before = schedule->placement[action.stage];
            if (before >= 0 && before != r)
                return sluice__fail(SLUICE_E_SCHEDULE, "stage %d is on rank %d and on rank %d",
                                    action.stage, before, r);
            schedule->placement[action.stage] = r;
        }
    }
    for (int s = 0; s < count; s++)
        if (schedule->placement[s] < 0)
            return sluice__fail(SLUICE_E_SCHEDULE, "stage %d of %d is on no rank", s,
                                schedule->stages);
    return SLUICE_OK;
}

/* ---- make ---- */

static void free_lists(sluice_action **lists, int *counts, int ranks) {
    for (int r = 0; lists && r < ranks; r++) sluice__free(lists[r]);
    sluice__free(lists);
    sluice__free(counts);
}

sluice_status sluice__schedule_adopt(sluice_schedule **out, const char *name, sluice_action **lists,
                                     int *counts, int ranks) {
    sluice_schedule *schedule = NULL;
    sluice_status status      = sluice__alloc(&schedule, 1, sizeof *schedule);
    if (status != SLUICE_OK) {
        free_lists(lists, counts, ranks);
        return status;
    }
    schedule->ranks  = ranks;
    schedule->lists  = lists;
    schedule->counts = counts;
    SLUICE__TRY_OUT(sluice__copy_text(&schedule->name, name));
    for (int r = 0; r < ranks; r++) SLUICE__TRY_OUT(take_list(schedule, r));
    SLUICE__TRY_OUT(place_stages(schedule));
    *out     = schedule;
    schedule = NULL; /* now the caller's */
out:
    sluice_schedule_free(schedule);
    return status;
}

sluice_status sluice_schedule_from_lists(sluice_schedule **out, const char *name,
                                         const sluice_action *const *lists, const int *counts,
                                         int ranks) {
    if (ranks < 1) return sluice__fail(SLUICE_E_ARGUMENT, "%d ranks are fewer than 1", ranks);
    sluice_action **own = NULL;
    int *lengths        = NULL;
    sluice_status status;
    SLUICE__TRY_OUT(sluice__alloc(&own, (size_t)ranks, sizeof *own));
    SLUICE__TRY_OUT(sluice__alloc(&lengths, (size_t)ranks, sizeof *lengths));
    for (int r = 0; r < ranks; r++) {
        SLUICE__TRY_OUT(sluice__alloc(&own[r], (size_t)counts[r], sizeof **own));
        if (counts[r] > 0) memcpy(own[r], lists[r], (size_t)counts[r] * sizeof **own);
        lengths[r] = counts[r];
    }
    return sluice__schedule_adopt(out, name, own, lengths, ranks);
out:
    free_lists(own, lengths, ranks);
    return status;
}

/* ---- read ---- */

const char *sluice_schedule_name(const sluice_schedule *schedule) {
    return schedule->name;
}
int sluice_schedule_ranks(const sluice_schedule *schedule) {
    return schedule->ranks;
}
int sluice_schedule_stages(const sluice_schedule *schedule) {
    return schedule->stages;
}
int sluice_schedule_microbatches(const sluice_schedule *schedule) {
    return schedule->microbatches;
}
int sluice_schedule_stage_rank(const sluice_schedule *schedule, int stage) {
    return schedule->placement[stage];
}
const sluice_action *sluice_schedule_list(int *count, const sluice_schedule *schedule, int rank) {
    *count = schedule->counts[rank];
    return schedule->lists[rank];
}
bool sluice_schedule_trains(const sluice_schedule *schedule) {
    return schedule->trains;
}
bool sluice_schedule_communicates(const sluice_schedule *schedule) {
    return schedule->communicates;
}
