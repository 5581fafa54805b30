/* SPDX-License-Identifier: MIT */
/*
 * critical_path.c -- the critical path: from the end of the step back through what determined each
 * begin, which is something that ended at exactly that time.
 *
 *   an instruction   the one before it on its rank; for a wait that blocked, the transfer
 *   a transfer       its send's post, its receive's post, or what was before it in a queue; waiting
 *                    for its link counts as its own time
 */
#include "runtime/program/simulate/simulator.h"

typedef struct walk {
    sluice_simulation *result;
    const sluice__machine *machine;
    int rank, at; /* the instruction reached */
    int transfer; /* or the transfer; -1 */
} walk;

static void mark(sluice_rank_times *times, int n) {
    times->critical[n / 8] = (uint8_t)(times->critical[n / 8] | 1u << n % 8);
}

bool sluice_is_critical(const sluice_rank_times *rank, int n) {
    return rank->critical && (rank->critical[n / 8] >> n % 8 & 1) != 0;
}

/* Step back from an instruction. */
static void leave_instruction(walk *path) {
    sluice_rank_times *times     = &path->result->rank[path->rank];
    const sluice__transfers *all = &path->machine->transfers;
    const sluice_instruction *at = &all->lists[path->rank][path->at];
    const double lasts           = times->end[path->at] - times->begin[path->at];
    mark(times, path->at);
    if (at->kind == SLUICE_INSTRUCTION_WAIT && lasts > 0) {
        path->transfer = sluice__transfer_of(all, at);
        return;
    }
    if (sluice__is_compute(at)) {
        path->result->critical_compute += lasts;
        path->result->critical_actions++;
    }
    path->at--;
}

/* A transfer that ended at `end`, in the group before that of the post at `n` of the rank's list;
 * -1: none. */
static int find_before(const walk *path, int rank, int n, double end) {
    const sluice__transfers *all   = &path->machine->transfers;
    const sluice_instruction *list = all->lists[rank];
    const int group                = list[n].group;
    int before                     = 0; /* 0: still in the post's own group; then the one before */
    bool found                     = false;
    for (n--; n >= 0; n--) {
        if (!sluice__is_post(&list[n])) continue;
        if (!found && group > 0 && list[n].group == group) continue;
        if (found && (before == 0 || list[n].group != before)) return -1;
        found       = true;
        before      = list[n].group;
        const int t = sluice__transfer_of(all, &list[n]);
        if (all->times[t].end == end) return t;
    }
    return -1;
}

/* The transfer whose end allowed this one to begin. */
static int transfer_before(const walk *path, int t) {
    const sluice__transfers *all       = &path->machine->transfers;
    const sluice_transfer_times *times = &all->times[t];
    if (path->machine->queues == SLUICE_QUEUES_PER_CHANNEL) return t - 1; /* of the same channel */
    const int before = find_before(path, times->from, times->sender_at, times->begin);
    return before >= 0 ? before : find_before(path, times->to, times->receiver_at, times->begin);
}

/* Posts that are issued as one are adjacent, so that any of them begins with the last one. */
static bool leave_by_post(walk *path, int rank, int post, double begin) {
    if (path->result->rank[rank].begin[post] != begin) return false;
    path->rank     = rank;
    path->at       = post;
    path->transfer = -1;
    return true;
}

/* Step back from a transfer. */
static void leave_transfer(walk *path) {
    const sluice__transfers *all = &path->machine->transfers;
    const int t                  = path->transfer;
    sluice_transfer_times *times = &all->times[t];
    if (!times->critical && times->end > times->begin) path->result->critical_transfers++;
    times->critical = true;
    path->result->critical_transfer += times->end - times->begin;
    if (leave_by_post(path, times->from, times->sender_at, times->begin)) return;
    if (leave_by_post(path, times->to, times->receiver_at, times->begin)) return;
    path->transfer = transfer_before(path, t);
    if (path->transfer < 0) path->at = -1; /* impossible: something allowed it to begin */
}

void sluice__mark_critical(sluice_simulation *result, const sluice__machine *machine) {
    const sluice__transfers *all = &machine->transfers;
    walk path                    = {result, machine, 0, -1, -1};
    for (int r = 0; r < result->ranks; r++) {
        const int drain = sluice__drain_of(all->lists[r], all->counts[r]);
        if (drain == 0 || result->rank[r].end[drain - 1] != result->makespan) continue;
        path.rank = r;
        path.at   = drain - 1;
        break;
    }
    while (path.transfer >= 0 || path.at >= 0) {
        if (path.transfer >= 0)
            leave_transfer(&path);
        else
            leave_instruction(&path);
    }
}
