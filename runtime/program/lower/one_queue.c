/* SPDX-License-Identifier: MIT */
/*
 * one_queue.c -- one order of all transfers, for transports in which each rank has one queue.
 *
 * Transfers are sorted by the time at which their producers end (block_times.h), then by pair of
 * ranks, stage, kind and micro-batch. Transfers of one time and one pair form a group, which both
 * ranks issue as one, so that activations and gradients are exchanged. A group is one kernel of the
 * pair's communicator; groups of other pairs come before or after it in the rank's one queue.
 *
 * At one time the pairs of ranks 0 1, 2 3, 4 5, ... come first, then 1 2, 3 4, ..., then ranks that
 * are not neighbours. In ascending order, each pair would wait for the one before it, all along the
 * pipeline.
 *
 * Every rank issues its groups in that order. Everything that the first unfinished group waits for,
 * compute or earlier groups, comes before it in the order: so some group can always proceed.
 */
#include <math.h>
#include <stdlib.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/lower/block_times.h"

typedef struct entry {
    double time;
    int turn;      /* of the pair, among the pairs of one time */
    int low, high; /* the two ranks */
    int block;
    const sluice_action *action; /* the producer */
    int made;                    /* number among the edges that it produces for */
} entry;

typedef struct ordering {
    sluice__rank_links *ranks;
    const sluice__wiring *wiring;
    entry *entries;
    int count, capacity;
    int *numbers; /* [channel] */
} ordering;

static int compare(const void *left, const void *right) {
    const entry *a = left, *b = right;
    if (a->time != b->time) return a->time < b->time ? -1 : 1;
    if (a->turn != b->turn) return a->turn < b->turn ? -1 : 1;
    if (a->low != b->low) return a->low < b->low ? -1 : 1;
    if (a->high != b->high) return a->high < b->high ? -1 : 1;
    if (a->action->stage != b->action->stage) return a->action->stage < b->action->stage ? -1 : 1;
    if (a->action->kind != b->action->kind) return a->action->kind < b->action->kind ? -1 : 1;
    if (a->action->microbatch != b->action->microbatch)
        return a->action->microbatch < b->action->microbatch ? -1 : 1;
    return a->made < b->made ? -1 : a->made > b->made;
}

/* Add the k-th transfer that `action` produces for other stages. */
static sluice_status add_entry(ordering *all, int block, const sluice_action *action, int k,
                               double time) {
    sluice__derived made = {0};
    bool exists;
    SLUICE__TRY(sluice__find_derived(&made, &exists, all->wiring, action, k, block));
    if (!exists) return SLUICE_OK;
    if (all->count == all->capacity) {
        const int capacity = all->capacity ? 2 * all->capacity : 64;
        SLUICE__TRY(sluice__grow(&all->entries, (size_t)capacity, sizeof *all->entries));
        all->capacity = capacity;
    }
    const int low              = made.from < made.to ? made.from : made.to;
    const int high             = made.from + made.to - low;
    const int turn             = high - low == 1 ? low % 2 : 2;
    all->entries[all->count++] = (entry){time, turn, low, high, block, action, k};
    return SLUICE_OK;
}

static sluice_status add_block(ordering *all, int r, int b, double end) {
    const sluice__block *block = &all->ranks[r].blocks[b];
    for (int n = 0; n < block->count; n++) {
        const sluice_action *action = &all->ranks[r].actions[block->first + n];
        const int count             = sluice__count_made(all->wiring, action);
        for (int k = 0; k < count; k++) SLUICE__TRY(add_entry(all, b, action, k, end));
    }
    return SLUICE_OK;
}

static sluice_status add_entries(ordering *all, const sluice__block_times *times, bool *reached) {
    *reached = true;
    for (int r = 0; r < all->wiring->ranks; r++)
        for (int b = 0; b < all->ranks[r].block_count; b++) {
            if (isinf(times->rank[r].end[b])) *reached = false;
            SLUICE__TRY(add_block(all, r, b, times->rank[r].end[b]));
        }
    return SLUICE_OK;
}

/* Append both posts of an entry to the queues of their ranks. */
static sluice_status add_posts(ordering *all, const entry *at, int group) {
    sluice__derived made = {0};
    bool exists;
    SLUICE__TRY(sluice__find_derived(&made, &exists, all->wiring, at->action, at->made, at->block));
    const int channel  = all->wiring->edges->list[made.send.edge].channel;
    made.send.transfer = made.receive.transfer = all->numbers[channel]++;
    made.send.group = made.receive.group = group;
    SLUICE__TRY(sluice__add_post(&all->ranks[made.from], &made.send));
    return sluice__add_post(&all->ranks[made.to], &made.receive);
}

static bool are_grouped(const entry *a, const entry *b) {
    return a->time == b->time && a->low == b->low && a->high == b->high;
}

/* A group of a single post gets a number, too: that does no harm. */
static sluice_status issue(ordering *all) {
    for (int k = 0, group = 0; k < all->count; k++) {
        if (k == 0 || !are_grouped(&all->entries[k - 1], &all->entries[k])) group++;
        SLUICE__TRY(add_posts(all, &all->entries[k], group));
    }
    return SLUICE_OK;
}

/* ---- when a rank posts them ---- */

/* The group of post k: posts *first .. *last. */
static void find_group(const sluice__rank_links *rank, int k, int *first, int *last) {
    *first = *last = k;
    if (rank->posts[k].group == 0) return;
    while (*first > 0 && rank->posts[*first - 1].group == rank->posts[k].group) --*first;
    while (*last + 1 < rank->post_count && rank->posts[*last + 1].group == rank->posts[k].group)
        ++*last;
}

/* First pass: a receive is posted as late as it may be, unless a later one in the queue must come
 * earlier. Second pass: nothing is posted before its producer, or before what precedes it. */
static void place_posts(sluice__rank_links *rank) {
    sluice__post *posts = rank->posts;
    int first, last;
    for (int k = rank->post_count - 1, latest = rank->block_count; k >= 0; k = first - 1) {
        find_group(rank, k, &first, &last);
        for (int n = first; n <= last; n++)
            if (posts[n].at < latest) latest = posts[n].at;
        for (int n = first; n <= last; n++) posts[n].at = latest;
    }
    for (int k = 0, earliest = 0; k < rank->post_count; k = last + 1) {
        find_group(rank, k, &first, &last);
        if (posts[k].at > earliest) earliest = posts[k].at;
        for (int n = first; n <= last; n++)
            if (posts[n].sends && posts[n].block + 1 > earliest) earliest = posts[n].block + 1;
        for (int n = first; n <= last; n++) posts[n].at = earliest;
    }
}

static sluice_status order(ordering *all, sluice__block_times *unit,
                           const sluice__block_times *times, bool *reached) {
    const size_t channels = (size_t)all->wiring->edges->channel_count;
    if (!times) SLUICE__TRY(sluice__block_times_make(unit, all->wiring, all->ranks, NULL));
    SLUICE__TRY(add_entries(all, times ? times : unit, reached));
    if (!*reached) return SLUICE_OK;
    if (all->count > 0) /* a single rank has none, and qsort() needs an array */
        qsort(all->entries, (size_t)all->count, sizeof *all->entries, compare);
    SLUICE__TRY(sluice__alloc(&all->numbers, channels, sizeof *all->numbers));
    SLUICE__TRY(issue(all));
    if (times) sluice__receive_in_time(all->ranks, all->wiring, times);
    for (int r = 0; r < all->wiring->ranks; r++) place_posts(&all->ranks[r]);
    return SLUICE_OK;
}

sluice_status sluice__order_globally(sluice__rank_links *ranks, const sluice__wiring *wiring,
                                     const sluice__block_times *times, bool *reached) {
    ordering all               = {.ranks = ranks, .wiring = wiring};
    sluice__block_times unit   = {0};
    const sluice_status status = order(&all, &unit, times, reached);
    sluice__block_times_free(&unit, wiring->ranks);
    sluice__free(all.entries);
    sluice__free(all.numbers);
    return status;
}
