/* SPDX-License-Identifier: MIT */
/*
 * held_times.c -- the one place that knows the times of the table of what is held: what a rank's
 * stages hold at each, and the time at which that is most.
 *
 * Bytes are asked for very often. Therefore the numbers of one kind lie side by side for all times,
 * and the scratch of an action is asked for once, however many times the rank runs it.
 */
#include <string.h>

#include "partition/chain.h"
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

enum { BLOCK = 64 }; /* times that are added up together */

/* ---- the table ---- */

/* The table that stands for none: one micro-batch on its way through the backward. */
static const sluice_held one_microbatch = {
    .running = SLUICE_RUNNING_BACKWARD,
    .counts  = {1, 1,
                1, [SLUICE_HELD_OUTPUT_GRADIENT_INPUT] = 1, [SLUICE_HELD_OUTPUT_GRADIENT_WEIGHT] = 1,
                [SLUICE_HELD_INPUT_GRADIENT] = 1, [SLUICE_HELD_SAVED_INPUT] = 1,
                [SLUICE_HELD_SAVED_WEIGHT] = 1, [SLUICE_HELD_BATCH] = 1}};

static int index_of(const sluice__rank_stages *rank, int stage) {
    int k = 0;
    while (rank->stages[k] != stage) k++;
    return k;
}

static int *counts_of(const sluice__rank_stages *rank, int time, int k) {
    return &rank->counts[((size_t)time * (size_t)rank->count + (size_t)k) * SLUICE_HELD_KINDS];
}

static void add_entry(sluice__chain *chain, const sluice_held *entry) {
    sluice__rank_stages *rank = &chain->rank[chain->stage_rank[entry->stage]];
    const int k = index_of(rank, entry->stage), time = rank->times - 1;
    memcpy(counts_of(rank, time, k), entry->counts, sizeof entry->counts);
    if (entry->running == SLUICE_RUNNING_NOTHING) return;
    if (entry->running >= SLUICE_RUNNING_BACKWARD) chain->trains = true;
    rank->running[time] = k;
    rank->runs[time]    = (int)entry->running;
}

static sluice_status add_time(const sluice__chain *chain, int r) {
    sluice__rank_stages *rank = &chain->rank[r];
    const size_t times = (size_t)rank->times + 1, width = (size_t)rank->count * SLUICE_HELD_KINDS;
    if ((times & (times - 1)) == 0) { /* doubles */
        SLUICE__TRY(sluice__grow(&rank->counts, 2 * times * width, sizeof(int)));
        SLUICE__TRY(sluice__grow(&rank->running, 2 * times, sizeof(int)));
        SLUICE__TRY(sluice__grow(&rank->runs, 2 * times, sizeof(int)));
    }
    rank->times++;
    return SLUICE_OK;
}

static sluice_status fill_held(sluice__chain *chain) {
    const sluice_partition *p = &chain->problem;
    for (int k = 0; k < p->held_count; k++) {
        if (p->held[k].begins) SLUICE__TRY(add_time(chain, chain->stage_rank[p->held[k].stage]));
        add_entry(chain, &p->held[k]);
    }
    for (int s = 0; p->held_count == 0 && s < chain->stages; s++) {
        sluice_held entry = one_microbatch;
        entry.stage       = s;
        if (chain->rank[chain->stage_rank[s]].times == 0)
            SLUICE__TRY(add_time(chain, chain->stage_rank[s]));
        add_entry(chain, &entry);
    }
    return SLUICE_OK;
}

/* The time at which most micro-batches' activations are held. */
static int fullest_time(const sluice__rank_stages *rank) {
    int fullest = 0, largest = -1;
    for (int time = 0; time < rank->times; time++) {
        int sum = 0;
        for (int k = 0; k < rank->count; k++) {
            const int *counts = counts_of(rank, time, k);
            sum += counts[SLUICE_HELD_SAVED_INPUT] + counts[SLUICE_HELD_SAVED_WEIGHT];
        }
        if (sum <= largest) continue;
        largest = sum;
        fullest = time;
    }
    return fullest;
}

/* What every stage holds when its rank holds most activations: what a rank holds is no less. */
static sluice_status find_peaks(sluice__chain *chain) {
    SLUICE__TRY(sluice__alloc(&chain->peaks, 3 * (size_t)chain->stages, sizeof(int)));
    for (int r = 0; r < chain->ranks; r++) {
        const sluice__rank_stages *rank = &chain->rank[r];
        const int time                  = fullest_time(rank);
        for (int k = 0; k < rank->count && time < rank->times; k++) {
            const int *counts = counts_of(rank, time, k);
            int *const of     = &chain->peaks[3 * (size_t)rank->stages[k]];
            of[0]             = counts[SLUICE_HELD_SAVED_INPUT];
            of[1]             = counts[SLUICE_HELD_SAVED_WEIGHT];
            of[2]             = counts[SLUICE_HELD_STASH];
        }
    }
    return SLUICE_OK;
}

/* Counts of a kind of a rank's k-th stage, time by time. */
static double *amounts_of(const sluice__rank_stages *rank, int k, int kind) {
    return &rank->amounts[((size_t)k * SLUICE_HELD_KINDS + (size_t)kind) * (size_t)rank->times];
}

static sluice_status turn_counts(sluice__rank_stages *rank) {
    const size_t count = (size_t)rank->times * (size_t)rank->count * SLUICE_HELD_KINDS;
    SLUICE__TRY(sluice__alloc(&rank->amounts, count, sizeof(double)));
    for (int time = 0; time < rank->times; time++)
        for (int k = 0; k < rank->count; k++)
            for (int kind = 0; kind < SLUICE_HELD_KINDS; kind++)
                amounts_of(rank, k, kind)[time] = counts_of(rank, time, k)[kind];
    sluice__free(rank->counts);
    rank->counts = NULL;
    return SLUICE_OK;
}

sluice_status sluice__held_times_make(sluice__chain *chain) {
    SLUICE__TRY(fill_held(chain));
    SLUICE__TRY(find_peaks(chain));
    for (int r = 0; r < chain->ranks; r++) SLUICE__TRY(turn_counts(&chain->rank[r]));
    return SLUICE_OK;
}

/* ---- what is held ---- */

/* A rank's stages while somebody asks. */
typedef struct question {
    const sluice__chain *chain;
    const sluice__rank_stages *rank;
    const sluice__span *spans;
    double kinds[SLUICE__MAX_CHUNKS][SLUICE_HELD_KINDS];
    double scratch[SLUICE__MAX_CHUNKS][SLUICE_RUNNINGS]; /* negative: not asked for yet */
} question;

static double scratch_at(question *q, int time) {
    const int k = q->rank->running[time], runs = q->rank->runs[time];
    if (q->scratch[k][runs] < 0)
        q->scratch[k][runs] = sluice__stage_scratch(q->chain, (sluice_running)runs, q->spans[k]);
    return q->scratch[k][runs];
}

/* Add what the stages hold at times begin .. begin + count - 1. */
static void add_kinds(double *sums, const question *q, int begin, int count) {
    for (int k = 0; k < q->rank->count; k++)
        for (int kind = 0; kind < SLUICE_HELD_KINDS; kind++) {
            const double bytes = q->kinds[k][kind];
            if (bytes == 0) continue;
            const double *amounts = amounts_of(q->rank, k, kind) + begin;
            for (int n = 0; n < count; n++) sums[n] += amounts[n] * bytes;
        }
}

double sluice__max_held(const sluice__chain *chain, int r, const sluice__span *spans) {
    question q; /* is large: only what the rank has is set */
    double sums[BLOCK], max = 0;
    q.chain = chain;
    q.rank  = &chain->rank[r];
    q.spans = spans;
    for (int k = 0; k < q.rank->count; k++) {
        sluice__stage_kinds(q.kinds[k], chain, spans[k]);
        for (int runs = 0; runs < SLUICE_RUNNINGS; runs++) q.scratch[k][runs] = -1;
    }
    for (int begin = 0; begin < q.rank->times; begin += BLOCK) {
        const int left = q.rank->times - begin, count = left < BLOCK ? left : BLOCK;
        for (int n = 0; n < count; n++) sums[n] = scratch_at(&q, begin + n);
        add_kinds(sums, &q, begin, count);
        for (int n = 0; n < count; n++) max = sums[n] > max ? sums[n] : max;
    }
    return max;
}
