/* SPDX-License-Identifier: MIT */
/* schedule.c -- the schedule object: lists of actions and where each stage is placed. */
#include "runtime/schedule/schedule.h"

#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

struct sluice_schedule {
    char *name;
    int ranks, stages, microbatches;
    sluice_action **lists; /* [ranks] */
    int *counts;           /* [ranks] */
    int *placement;        /* [stages]: the stage's rank */
};

const char *sluice_action_name(sluice_action_kind kind) {
    switch (kind) {
#define X(name, code, text)                                                                        \
    case SLUICE_ACTION_##name: return text;
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

static sluice_status copy_lists(sluice_schedule *schedule, const sluice_action *const *lists,
                                const int *counts) {
    for (int r = 0; r < schedule->ranks; r++) {
        SLUICE__TRY(sluice__alloc(&schedule->lists[r], (size_t)counts[r], sizeof **lists));
        schedule->counts[r] = counts[r];
        for (int a = 0; a < counts[r]; a++) {
            const sluice_action action = lists[r][a];
            schedule->lists[r][a]      = action;
            if (action.kind == SLUICE_ACTION_IDLE) continue;
            if (action.stage < 0 || action.stage > 1 << 20 || action.microbatch > 1 << 20)
                return sluice__fail(SLUICE_E_ARGUMENT, "rank %d, action %d: stage %d, micro-batch %d",
                                    r, a, action.stage, action.microbatch);
            if (action.stage >= schedule->stages) schedule->stages = action.stage + 1;
            if (action.microbatch >= schedule->microbatches)
                schedule->microbatches = action.microbatch + 1;
        }
    }
    return SLUICE_OK;
}

/* Every stage has exactly one rank. */
static sluice_status place_stages(sluice_schedule *schedule) {
    SLUICE__TRY(sluice__alloc(&schedule->placement, (size_t)schedule->stages, sizeof(int)));
    for (int s = 0; s < schedule->stages; s++) schedule->placement[s] = -1;
    for (int r = 0; r < schedule->ranks; r++) {
        for (int a = 0; a < schedule->counts[r]; a++) {
            const sluice_action action = schedule->lists[r][a];
            if (action.kind == SLUICE_ACTION_IDLE) continue;
            const int before = schedule->placement[action.stage];
            if (before >= 0 && before != r)
                return sluice__fail(SLUICE_E_SCHEDULE, "stage %d is on rank %d and on rank %d",
                                    action.stage, before, r);
            schedule->placement[action.stage] = r;
        }
    }
    for (int s = 0; s < schedule->stages; s++)
        if (schedule->placement[s] < 0)
            return sluice__fail(SLUICE_E_SCHEDULE, "stage %d of %d is on no rank", s,
                                schedule->stages);
    return SLUICE_OK;
}

sluice_status sluice_schedule_from_lists(sluice_schedule **out, const char *name,
                                         const sluice_action *const *lists, const int *counts,
                                         int ranks) {
    if (ranks < 1) return sluice__fail(SLUICE_E_ARGUMENT, "%d ranks are fewer than 1", ranks);
    sluice_schedule *schedule = NULL;
    sluice_status status      = SLUICE_OK;
    SLUICE__TRY(sluice__alloc(&schedule, 1, sizeof *schedule));
    schedule->ranks = ranks;
    SLUICE__TRY_OUT(sluice__copy_text(&schedule->name, name));
    SLUICE__TRY_OUT(sluice__alloc(&schedule->lists, (size_t)ranks, sizeof *schedule->lists));
    SLUICE__TRY_OUT(sluice__alloc(&schedule->counts, (size_t)ranks, sizeof *schedule->counts));
    SLUICE__TRY_OUT(copy_lists(schedule, lists, counts));
    SLUICE__TRY_OUT(place_stages(schedule));
    *out     = schedule;
    schedule = NULL; /* now the caller's */
out:
    sluice_schedule_free(schedule);
    return status;
}

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
const sluice_action *sluice_schedule_list(const sluice_schedule *schedule, int rank, int *count) {
    *count = schedule->counts[rank];
    return schedule->lists[rank];
}

/* True if some action's kind lies in first..last. */
static bool has_kind(const sluice_schedule *schedule, sluice_action_kind first,
                     sluice_action_kind last) {
    for (int r = 0; r < schedule->ranks; r++)
        for (int a = 0; a < schedule->counts[r]; a++)
            if (schedule->lists[r][a].kind >= first && schedule->lists[r][a].kind <= last)
                return true;
    return false;
}

bool sluice_schedule_trains(const sluice_schedule *schedule) {
    return has_kind(schedule, SLUICE_ACTION_B, SLUICE_ACTION_W);
}
bool sluice_schedule_communicates(const sluice_schedule *schedule) {
    return has_kind(schedule, SLUICE_ACTION_SEND_F, SLUICE_ACTION_RECV_B);
}
