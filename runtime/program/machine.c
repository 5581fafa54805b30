/* SPDX-License-Identifier: MIT */
/* machine.c -- ranks that run, park and are woken; when a transfer begins and ends. */
#include "runtime/program/machine.h"

#include <math.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

/* ---- making one ---- */

/* Where the group that starts at the rank's head ends. */
static void find_head(const sluice__machine *machine, int r) {
    sluice__machine_rank *rank     = &machine->ranks[r];
    const sluice_instruction *list = machine->transfers.lists[r];
    rank->head_end                 = rank->head;
    if (rank->head == rank->post_count) return;
    const int group = list[rank->posts[rank->head]].group;
    do rank->head_end++;
    while (group > 0 && rank->head_end < rank->post_count &&
           list[rank->posts[rank->head_end]].group == group);
    rank->left = rank->head_end - rank->head;
}

static sluice_status make_queue(sluice__machine *machine, int r) {
    sluice__machine_rank *rank     = &machine->ranks[r];
    const sluice_instruction *list = machine->transfers.lists[r];
    for (int n = 0; n < machine->transfers.counts[r]; n++)
        rank->post_count += sluice__is_post(&list[n]);
    SLUICE__TRY(sluice__alloc(&rank->posts, (size_t)rank->post_count, sizeof *rank->posts));
    for (int n = 0, k = 0; n < machine->transfers.counts[r]; n++)
        if (sluice__is_post(&list[n])) rank->posts[k++] = n;
    find_head(machine, r);
    return SLUICE_OK;
}

sluice_status sluice__machine_make(sluice__machine *out, int ranks,
                                   const sluice_instruction *const *lists, const int *counts,
                                   sluice_queues queues) {
    const size_t p       = (size_t)ranks;
    *out                 = (sluice__machine){.queues = queues};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__transfers_make(&out->transfers, ranks, lists, counts));
    SLUICE__TRY_OUT(sluice__alloc(&out->ranks, p, sizeof *out->ranks));
    SLUICE__TRY_OUT(sluice__alloc(&out->runnable, p, sizeof *out->runnable));
    SLUICE__TRY_OUT(sluice__alloc(&out->advanced, p, sizeof *out->advanced));
    SLUICE__TRY_OUT(
        sluice__alloc(&out->resolved, (size_t)out->transfers.link_count, sizeof *out->resolved));
    for (int r = 0; r < ranks; r++) {
        out->ranks[r].waits_for = -1;
        if (queues == SLUICE_QUEUES_PER_RANK) SLUICE__TRY_OUT(make_queue(out, r));
    }
out:
    if (status != SLUICE_OK) sluice__machine_free(out);
    return status;
}

void sluice__machine_free(sluice__machine *machine) {
    for (int r = 0; machine->ranks && r < machine->transfers.ranks; r++)
        sluice__free(machine->ranks[r].posts);
    sluice__transfers_free(&machine->transfers);
    sluice__free(machine->ranks);
    sluice__free(machine->runnable);
    sluice__free(machine->advanced);
    sluice__free(machine->resolved);
    *machine = (sluice__machine){0};
}

/* ---- ranks ---- */

void sluice__machine_wake(sluice__machine *machine, int rank) {
    if (machine->ranks[rank].queued) return;
    machine->ranks[rank].queued                  = true;
    machine->runnable[machine->runnable_count++] = rank;
}

sluice_status sluice__machine_run(sluice__machine *machine, sluice__step *step, void *context) {
    for (int r = machine->transfers.ranks - 1; r >= 0; r--) sluice__machine_wake(machine, r);
    while (machine->runnable_count > 0) {
        const int r                = machine->runnable[--machine->runnable_count];
        sluice__machine_rank *rank = &machine->ranks[r];
        bool blocked               = false;
        rank->queued               = false;
        while (rank->at < machine->transfers.counts[r]) {
            SLUICE__TRY(step(context, r, &blocked));
            if (blocked) break;
            rank->at++;
        }
    }
    return SLUICE_OK;
}

int sluice__first_unfinished(const sluice__machine *machine) {
    for (int r = 0; r < machine->transfers.ranks; r++)
        if (machine->ranks[r].at < machine->transfers.counts[r]) return r;
    return -1;
}

bool sluice__machine_wait(sluice__machine *machine, int rank, int *transfer) {
    sluice__machine_rank *at       = &machine->ranks[rank];
    const sluice_instruction *wait = &machine->transfers.lists[rank][at->at];
    *transfer                      = sluice__transfer_of(&machine->transfers, rank, wait);
    at->waits_for                  = *transfer;
    if (machine->transfers.times[*transfer].end < 0) return false;
    at->waits_for = -1;
    return true;
}

/* ---- transfers ---- */

/* Both ends are there at `begin`: it runs, and who waits for it goes on. */
static void carry(sluice__machine *machine, int t, double begin) {
    sluice_transfer_times *times = &machine->transfers.times[t];
    times->begin                 = begin;
    times->end =
        begin +
        (machine->duration ? machine->duration(machine->context, &machine->transfers, t) : 0);
    if (machine->ranks[times->from].waits_for == t) sluice__machine_wake(machine, times->from);
    if (machine->ranks[times->to].waits_for == t) sluice__machine_wake(machine, times->to);
}

/* ---- a queue per directed link ---- */

/* Everything at the link's head that is posted at both ends. */
static void advance_link(sluice__machine *machine, const sluice__link *link) {
    int *resolved   = &machine->resolved[link - machine->transfers.links];
    const int count = link->sends > link->receives ? link->sends : link->receives;
    for (; *resolved < count; ++*resolved) {
        const int t                        = link->first + *resolved;
        const sluice_transfer_times *times = &machine->transfers.times[t];
        if (times->sent < 0 || times->received < 0) return;
        double begin = fmax(times->sent, times->received);
        if (*resolved > 0) begin = fmax(begin, times[-1].end);
        carry(machine, t, begin);
    }
}

/* ---- a queue per rank ---- */

static void complete_at(sluice__machine *machine, int r, double end) {
    sluice__machine_rank *rank = &machine->ranks[r];
    rank->done                 = fmax(rank->done, end);
    if (--rank->left > 0) return;
    rank->head = rank->head_end;
    find_head(machine, r);
    machine->advanced[machine->advanced_count++] = r;
}

/* The group at the rank's head, if all of it is issued, meets the other ends that are resident; for
 * the others, its transfers' `begin` says since when this end is. */
static void enter_head(sluice__machine *machine, int r) {
    sluice__machine_rank *rank     = &machine->ranks[r];
    const sluice__transfers *all   = &machine->transfers;
    const sluice_instruction *list = all->lists[r];
    if (rank->head == rank->head_end || rank->issued < rank->head_end) return;
    const int begin = rank->head, end = rank->head_end;
    double since = rank->done;
    for (int k = begin; k < end; k++) {
        const sluice_instruction *post     = &list[rank->posts[k]];
        const sluice_transfer_times *times = &all->times[sluice__transfer_of(all, r, post)];
        since = fmax(since, post->sends ? times->sent : times->received);
    }
    for (int k = begin; k < end; k++) {
        const int t                  = sluice__transfer_of(all, r, &list[rank->posts[k]]);
        sluice_transfer_times *times = &all->times[t];
        if (times->begin < 0) {
            times->begin = since;
            continue;
        }
        carry(machine, t, fmax(times->begin, since));
        complete_at(machine, times->from, times->end);
        complete_at(machine, times->to, times->end);
    }
}

void sluice__machine_post(sluice__machine *machine, int rank, double now) {
    const sluice__transfers *all                     = &machine->transfers;
    const sluice_instruction *post                   = &all->lists[rank][machine->ranks[rank].at];
    const int t                                      = sluice__transfer_of(all, rank, post);
    sluice_transfer_times *times                     = &all->times[t];
    *(post->sends ? &times->sent : &times->received) = now;
    if (machine->queues == SLUICE_QUEUES_PER_LINK) {
        advance_link(machine, sluice__find_link(all, times->from, times->to));
        return;
    }
    /* A group becomes resident with its last post. */
    if (++machine->ranks[rank].issued == machine->ranks[rank].head_end) enter_head(machine, rank);
    while (machine->advanced_count > 0)
        enter_head(machine, machine->advanced[--machine->advanced_count]);
}
