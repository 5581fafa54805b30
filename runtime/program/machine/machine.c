/* SPDX-License-Identifier: MIT */
/* machine.c -- run, park and wake ranks; when a transfer begins and ends. */
#include "runtime/program/machine/machine.h"

#include <math.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

/* ---- make and free ---- */

/* Find the end of the group that starts at the rank's head. */
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
    SLUICE__TRY(sluice__alloc(&rank->posted, (size_t)rank->post_count, sizeof *rank->posted));
    for (int n = 0, k = 0; n < machine->transfers.counts[r]; n++)
        if (sluice__is_post(&list[n])) rank->posts[k++] = n;
    find_head(machine, r);
    return SLUICE_OK;
}

sluice_status sluice__machine_make(sluice__machine *out, int ranks, const sluice__edges *edges,
                                   const sluice_instruction *const *lists, const int *counts,
                                   sluice_queues queues) {
    const size_t p       = (size_t)ranks;
    *out                 = (sluice__machine){.queues = queues};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__transfers_make(&out->transfers, ranks, edges, lists, counts));
    SLUICE__TRY_OUT(sluice__alloc(&out->ranks, p, sizeof *out->ranks));
    SLUICE__TRY_OUT(sluice__alloc(&out->runnable, p, sizeof *out->runnable));
    SLUICE__TRY_OUT(sluice__alloc(&out->advanced, p, sizeof *out->advanced));
    SLUICE__TRY_OUT(
        sluice__alloc(&out->resolved, (size_t)out->transfers.queue_count, sizeof *out->resolved));
    if (queues == SLUICE_QUEUES_PER_CHANNEL)
        SLUICE__TRY_OUT(
            sluice__alloc(&out->posted, (size_t)out->transfers.count, sizeof *out->posted));
    for (int r = 0; r < ranks; r++) {
        out->ranks[r].waits_for = -1;
        if (queues == SLUICE_QUEUES_PER_RANK) SLUICE__TRY_OUT(make_queue(out, r));
    }
out:
    if (status != SLUICE_OK) sluice__machine_free(out);
    return status;
}

void sluice__machine_free(sluice__machine *machine) {
    for (int r = 0; machine->ranks && r < machine->transfers.ranks; r++) {
        sluice__free(machine->ranks[r].posts);
        sluice__free(machine->ranks[r].posted);
    }
    sluice__free(machine->posted);
    sluice__transfers_free(&machine->transfers);
    sluice__free(machine->ranks);
    sluice__free(machine->runnable);
    sluice__free(machine->advanced);
    sluice__free(machine->resolved);
    sluice__free(machine->agenda.heap);
    sluice__free(machine->free_at);
    sluice__free(machine->link_of);
    *machine = (sluice__machine){0};
}

/* ---- ranks ---- */

void sluice__machine_wake(sluice__machine *machine, int rank, double now) {
    if (machine->ranks[rank].queued) return;
    machine->ranks[rank].queued = true;
    if (machine->shares)
        sluice__agenda_add(&machine->agenda, (sluice__entry){now, false, rank});
    else
        machine->runnable[machine->runnable_count++] = rank;
}

static sluice_status run_rank(sluice__machine *machine, int r, sluice__step *step, void *context) {
    sluice__machine_rank *rank = &machine->ranks[r];
    bool blocked               = false;
    rank->queued               = false;
    while (rank->at < machine->transfers.counts[r]) {
        SLUICE__TRY(step(context, r, &blocked));
        if (blocked) break;
        rank->at++;
    }
    return SLUICE_OK;
}

static void serve(sluice__machine *machine, int t, double ready);

sluice_status sluice__machine_run(sluice__machine *machine, sluice__step *step, void *context) {
    for (int r = machine->transfers.ranks - 1; r >= 0; r--) sluice__machine_wake(machine, r, 0);
    while (machine->runnable_count > 0)
        SLUICE__TRY(run_rank(machine, machine->runnable[--machine->runnable_count], step, context));
    while (machine->agenda.count > 0) {
        const sluice__entry next = sluice__agenda_take(&machine->agenda);
        if (next.is_transfer)
            serve(machine, next.number, next.time);
        else
            SLUICE__TRY(run_rank(machine, next.number, step, context));
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
    *transfer                      = sluice__transfer_of(&machine->transfers, wait);
    at->waits_for                  = *transfer;
    if (machine->transfers.times[*transfer].end < 0) return false;
    at->waits_for = -1;
    return true;
}

/* ---- transfers ---- */

/* A transfer ends at `end`: wake the ranks that wait for it. */
static void finish(sluice__machine *machine, int t, double end) {
    sluice_transfer_times *times = &machine->transfers.times[t];
    times->end                   = end;
    if (machine->ranks[times->from].waits_for == t) sluice__machine_wake(machine, times->from, end);
    if (machine->ranks[times->to].waits_for == t) sluice__machine_wake(machine, times->to, end);
}

static sluice__duration duration_of(const sluice__machine *machine, int t) {
    return machine->duration ? machine->duration(machine->context, &machine->transfers, t)
                             : (sluice__duration){0, 0};
}

/* Both ends are ready at `begin`: the transfer runs. */
static void carry(sluice__machine *machine, int t, double begin) {
    const sluice__duration lasts      = duration_of(machine, t);
    machine->transfers.times[t].begin = begin;
    finish(machine, t, begin + (lasts.latency + lasts.service));
}

/* ---- a queue per channel ---- */

static bool is_shared(const sluice__machine *machine, int q) {
    return machine->shares && machine->link_of[q] >= 0;
}

/* Both ends are posted at `begin`: the transfer is served once it is ready. */
static void begin_shared(sluice__machine *machine, int t, double begin) {
    const double ready                = begin + duration_of(machine, t).latency;
    machine->transfers.times[t].begin = begin;
    sluice__agenda_add(&machine->agenda, (sluice__entry){ready, true, t});
}

/* Which ends of a transfer are posted; until it begins, `begin` is the time of the latest. */
enum { POSTED_BY_SENDER = 1, POSTED_BY_RECEIVER = 2, POSTED_BOTH = 3, BEGUN = 4 };

static void note_post(sluice__machine *machine, int t, bool sends, double now) {
    double *begin = &machine->transfers.times[t].begin;
    *begin        = fmax(*begin, now);
    machine->posted[t] |= sends ? POSTED_BY_SENDER : POSTED_BY_RECEIVER;
}

/* Run everything at the queue's head that is posted at both ends; on a shared link only the first,
 * and the next one when that has ended. */
static void advance_queue(sluice__machine *machine, int q) {
    const sluice__queue *queue = &machine->transfers.queues[q];
    const int count            = sluice__queue_length(queue);
    int *resolved              = &machine->resolved[q];
    for (; *resolved < count; ++*resolved) {
        const int t                        = queue->first + *resolved;
        const sluice_transfer_times *times = &machine->transfers.times[t];
        if (machine->posted[t] != POSTED_BOTH) return;
        double begin = times->begin;
        if (*resolved > 0) begin = fmax(begin, times[-1].end);
        machine->posted[t] |= BEGUN;
        if (is_shared(machine, q)) {
            begin_shared(machine, t, begin);
            return;
        }
        carry(machine, t, begin);
    }
}

/* Give the link's time to a transfer, after those that were ready before it. */
static void serve(sluice__machine *machine, int t, double ready) {
    const sluice_transfer_times *times = &machine->transfers.times[t];
    const int channel                  = machine->transfers.edges->list[times->edge].channel;
    const int q                        = machine->transfers.queue_of[channel];
    double *const free_at              = &machine->free_at[machine->link_of[q]];
    const double begin                 = fmax(ready, *free_at);
    *free_at                           = begin + duration_of(machine, t).service;
    machine->resolved[q]++;
    finish(machine, t, *free_at);
    advance_queue(machine, q);
}

/* Number the links that several queues share; returns how many. */
static int number_links(const sluice__machine *machine) {
    const sluice__queue *queues = machine->transfers.queues;
    int links                   = 0;
    for (int q = 0; q < machine->transfers.queue_count; q++) machine->link_of[q] = -1;
    for (int q = 0; q < machine->transfers.queue_count; q++) {
        bool shared = false;
        if (machine->link_of[q] >= 0) continue;
        for (int other = q + 1; other < machine->transfers.queue_count; other++)
            if (queues[other].from == queues[q].from && queues[other].to == queues[q].to) {
                machine->link_of[other] = links;
                shared                  = true;
            }
        if (shared) machine->link_of[q] = links++;
    }
    return links;
}

sluice_status sluice__machine_share(sluice__machine *machine) {
    const size_t queues = (size_t)machine->transfers.queue_count;
    if (machine->queues == SLUICE_QUEUES_PER_RANK) return SLUICE_OK;
    SLUICE__TRY(sluice__alloc(&machine->link_of, queues, sizeof *machine->link_of));
    const int links = number_links(machine);
    if (links == 0) return SLUICE_OK;
    SLUICE__TRY(sluice__alloc(&machine->free_at, (size_t)links, sizeof *machine->free_at));
    machine->shares = true;
    return sluice__agenda_make(&machine->agenda,
                               machine->transfers.ranks + machine->transfers.queue_count);
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

/* If the group at the rank's head is issued as a whole, run its transfers whose other ends are
 * resident; for the rest, `begin` records since when this end is resident. */
static void enter_head(sluice__machine *machine, int r) {
    sluice__machine_rank *rank     = &machine->ranks[r];
    const sluice__transfers *all   = &machine->transfers;
    const sluice_instruction *list = all->lists[r];
    if (rank->head == rank->head_end || rank->issued < rank->head_end) return;
    const int begin = rank->head, end = rank->head_end;
    double since = rank->done;
    for (int k = begin; k < end; k++) since = fmax(since, rank->posted[k]);
    for (int k = begin; k < end; k++) {
        const int t                  = sluice__transfer_of(all, &list[rank->posts[k]]);
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

bool sluice__machine_post(sluice__machine *machine, int rank, double now) {
    const sluice__transfers *all   = &machine->transfers;
    sluice__machine_rank *at       = &machine->ranks[rank];
    const sluice_instruction *post = &all->lists[rank][at->at];
    if (machine->agenda.count > 0 && machine->agenda.heap[0].time < now) {
        sluice__machine_wake(machine, rank, now);
        return false;
    }
    if (machine->queues == SLUICE_QUEUES_PER_CHANNEL) {
        note_post(machine, sluice__transfer_of(all, post), post->sends, now);
        advance_queue(machine, (int)(sluice__queue_of(all, post) - all->queues));
        return true;
    }
    /* A group becomes resident with its last post. */
    at->posted[at->issued] = now;
    if (++at->issued == at->head_end) enter_head(machine, rank);
    while (machine->advanced_count > 0)
        enter_head(machine, machine->advanced[--machine->advanced_count]);
    return true;
}
