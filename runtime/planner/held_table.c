/* SPDX-License-Identifier: MIT */
/*
 * held_table.c -- what the stages of a program hold at each time of the step, by the lifetimes
 * that lowering gave their buffers: what partition must know of a schedule to tell bytes.
 *
 * A table has the times of each rank at which no other time of the rank holds as much of
 * everything.
 */
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "sluice/plan.h"

/* Instructions of a stage and micro-batch, by index in the rank's list; -1: there is none. */
typedef struct ticks {
    int forward, again, input, weight; /* of B: both */
    int received, gradient_received;   /* posted */
    int sent, gradient_sent;           /* waited for */
    bool is_split;                     /* I and W rather than B */
} ticks;

typedef struct rank_walk {
    const sluice_program *program;
    const sluice_instruction *list;
    int count, rank, width;      /* width: counts of a time */
    int *stages, stage_count;    /* of the rank */
    int *local;                  /* [all stages]: number among those; -1 */
    ticks *at;                   /* [stage_count][microbatches] */
    sluice_held_buffer *buffers; /* to be filled; NULL: counts are wanted */
    int buffer_count;
    int *changes;                /* [count + 1][width] */
    int *now;                    /* [width] */
    int *times, *running, *runs; /* [time][width], [time]: kept */
    int time_count, capacity;
} rank_walk;

/* What the walks over the ranks add to: one of the two. */
typedef struct tables {
    sluice_held *held;
    sluice_held_buffer *buffers;
    int count;
} tables;

/* ---- when things happen ---- */

static ticks *ticks_of(const rank_walk *w, int stage, int microbatch) {
    return &w->at[(size_t)w->local[stage] * (size_t)sluice_program_microbatches(w->program) +
                  (size_t)microbatch];
}

/* Counts of the k-th time that is kept; changes of counts at a tick. */
static int *time_of(const rank_walk *w, int k) {
    return &w->times[(size_t)k * (size_t)w->width];
}

static int *changes_at(const rank_walk *w, int tick) {
    return &w->changes[(size_t)tick * (size_t)w->width];
}

static void note_transfer(const rank_walk *w, const sluice_instruction *at, int n) {
    const bool waits = at->kind == SLUICE_INSTRUCTION_WAIT;
    if (at->microbatch < 0 || at->sends != waits) return; /* receives count from their post */
    ticks *t            = ticks_of(w, at->stage, at->microbatch);
    const bool backward = at->payload == SLUICE_PAYLOAD_GRADIENT;
    int *const tick     = at->sends ? (backward ? &t->gradient_sent : &t->sent)
                                    : (backward ? &t->gradient_received : &t->received);
    *tick               = n;
}

static void note(const rank_walk *w, const sluice_instruction *at, int n) {
    if (at->peer >= 0) {
        note_transfer(w, at, n);
        return;
    }
    if (!sluice_instruction_computes(at->kind)) return;
    ticks *t = ticks_of(w, at->stage, at->microbatch);
    switch (at->kind) {
    case SLUICE_INSTRUCTION_FORWARD:
        t->forward = n;
        break;
    case SLUICE_INSTRUCTION_RECOMPUTE:
        t->again = n;
        break;
    case SLUICE_INSTRUCTION_BACKWARD_INPUT:
        t->input    = n;
        t->is_split = true;
        break;
    case SLUICE_INSTRUCTION_BACKWARD_WEIGHT:
        t->weight = n;
        break;
    default:
        t->input = t->weight = n;
        break;
    }
}

/* ---- lifetimes ---- */

static void hold(rank_walk *w, int stage, sluice_held_kind kind, int begin, int end) {
    const int column = w->local[stage] * SLUICE_HELD_KINDS + (int)kind;
    if (begin < 0 || end < begin) return;
    if (w->buffers) {
        w->buffers[w->buffer_count++] =
            (sluice_held_buffer){stage, kind, SLUICE_RUNNING_NOTHING, begin, end};
        return;
    }
    changes_at(w, begin)[column]++;
    changes_at(w, end + 1)[column]--;
}

static int later(int a, int b) {
    return a > b ? a : b;
}

static bool is_here(const rank_walk *w, int stage) {
    return stage >= 0 && stage < sluice_program_stages(w->program) && w->local[stage] >= 0;
}

/* The input is the output of the stage before, where that is on this rank. */
static void hold_input(rank_walk *w, int s, int i) {
    const ticks *t    = ticks_of(w, s, i);
    const int begin   = s == 0              ? t->forward
                        : is_here(w, s - 1) ? ticks_of(w, s - 1, i)->forward
                                            : t->received;
    const int forward = later(t->forward, t->again);
    hold(w, s, SLUICE_HELD_INPUT_FORWARD, begin, forward);
    hold(w, s, SLUICE_HELD_INPUT_INPUT, begin, later(forward, t->input));
    hold(w, s, SLUICE_HELD_INPUT_WEIGHT, begin, later(forward, t->weight));
}

static void hold_output(rank_walk *w, int s, int i) {
    const ticks *t = ticks_of(w, s, i);
    if (s + 1 == sluice_program_stages(w->program)) return;
    if (!is_here(w, s + 1)) hold(w, s, SLUICE_HELD_OUTPUT, t->forward, t->sent);
    const int begin = is_here(w, s + 1) ? ticks_of(w, s + 1, i)->input : t->gradient_received;
    hold(w, s, SLUICE_HELD_OUTPUT_GRADIENT_INPUT, begin, t->input);
    hold(w, s, SLUICE_HELD_OUTPUT_GRADIENT_WEIGHT, begin, t->weight);
}

static void hold_inside(rank_walk *w, int s, int i) {
    const ticks *t  = ticks_of(w, s, i);
    const int saved = t->again >= 0 ? t->again : t->forward;
    hold(w, s, SLUICE_HELD_SAVED_INPUT, saved, t->input);
    hold(w, s, SLUICE_HELD_SAVED_WEIGHT, saved, t->weight);
    hold(w, s, SLUICE_HELD_BATCH, t->forward, later(t->forward, t->input));
    if (t->is_split) hold(w, s, SLUICE_HELD_STASH, t->input, t->weight);
    if (s > 0 && !is_here(w, s - 1))
        hold(w, s, SLUICE_HELD_INPUT_GRADIENT, t->input, t->gradient_sent);
}

static void hold_all(rank_walk *w) {
    for (int k = 0; k < w->stage_count; k++)
        for (int i = 0; i < sluice_program_microbatches(w->program); i++) {
            hold_input(w, w->stages[k], i);
            hold_output(w, w->stages[k], i);
            hold_inside(w, w->stages[k], i);
        }
}

/* ---- times that no other one covers ---- */

static sluice_running running_of(const rank_walk *w, const sluice_instruction *at) {
    switch (at->kind) {
    case SLUICE_INSTRUCTION_FORWARD:
        return at->recomputed || ticks_of(w, at->stage, at->microbatch)->input < 0
                   ? SLUICE_RUNNING_FORWARD_ONLY
                   : SLUICE_RUNNING_FORWARD;
    case SLUICE_INSTRUCTION_RECOMPUTE:
        return SLUICE_RUNNING_RECOMPUTE;
    case SLUICE_INSTRUCTION_BACKWARD:
        return SLUICE_RUNNING_BACKWARD;
    case SLUICE_INSTRUCTION_BACKWARD_INPUT:
        return SLUICE_RUNNING_BACKWARD_INPUT;
    case SLUICE_INSTRUCTION_BACKWARD_WEIGHT:
        return SLUICE_RUNNING_BACKWARD_WEIGHT;
    default:
        return SLUICE_RUNNING_NOTHING;
    }
}

/* Whether a time with these counts needs no less than one with those. */
static bool covers(const int *counts, int running, int runs, const int *other, int other_running,
                   int other_runs, int width) {
    const bool runs_it =
        other_runs == SLUICE_RUNNING_NOTHING || (runs == other_runs && running == other_running);
    for (int k = 0; runs_it && k < width; k++)
        if (counts[k] < other[k]) return false;
    return runs_it;
}

static sluice_status make_times_larger(rank_walk *w) {
    if (w->time_count < w->capacity) return SLUICE_OK;
    const size_t capacity = w->capacity ? 2 * (size_t)w->capacity : 16;
    SLUICE__TRY(sluice__grow(&w->times, capacity * (size_t)w->width, sizeof(int)));
    SLUICE__TRY(sluice__grow(&w->running, capacity, sizeof(int)));
    SLUICE__TRY(sluice__grow(&w->runs, capacity, sizeof(int)));
    w->capacity = (int)capacity;
    return SLUICE_OK;
}

/* Keep the current counts unless a kept time covers them; drop the times that they cover. */
static sluice_status keep_time(rank_walk *w, int running, int runs) {
    const size_t bytes = (size_t)w->width * sizeof(int);
    int kept           = 0;
    for (int k = 0; k < w->time_count; k++)
        if (covers(time_of(w, k), w->running[k], w->runs[k], w->now, running, runs, w->width))
            return SLUICE_OK;
    for (int k = 0; k < w->time_count; k++) {
        if (covers(w->now, running, runs, time_of(w, k), w->running[k], w->runs[k], w->width))
            continue;
        memmove(time_of(w, kept), time_of(w, k), bytes);
        w->running[kept] = w->running[k];
        w->runs[kept++]  = w->runs[k];
    }
    w->time_count = kept;
    SLUICE__TRY(make_times_larger(w));
    memcpy(time_of(w, kept), w->now, bytes);
    w->running[kept] = running;
    w->runs[kept]    = runs;
    w->time_count++;
    return SLUICE_OK;
}

static sluice_status keep_times(rank_walk *w) {
    for (int n = 0; n < w->count; n++) {
        const sluice_instruction *at = &w->list[n];
        const sluice_running runs    = running_of(w, at);
        for (int k = 0; k < w->width; k++) w->now[k] += changes_at(w, n)[k];
        SLUICE__TRY(
            keep_time(w, runs == SLUICE_RUNNING_NOTHING ? 0 : w->local[at->stage], (int)runs));
    }
    return SLUICE_OK;
}

static sluice_status append(tables *out, const rank_walk *w) {
    const size_t count = (size_t)out->count + (size_t)w->time_count * (size_t)w->stage_count;
    SLUICE__TRY(sluice__grow(&out->held, count, sizeof *out->held));
    for (int t = 0; t < w->time_count; t++)
        for (int k = 0; k < w->stage_count; k++) {
            sluice_held *held = &out->held[out->count++];
            held->stage       = w->stages[k];
            held->begins      = k == 0;
            held->running =
                w->running[t] == k ? (sluice_running)w->runs[t] : SLUICE_RUNNING_NOTHING;
            memcpy(held->counts, time_of(w, t) + (size_t)k * SLUICE_HELD_KINDS,
                   sizeof held->counts);
        }
    return SLUICE_OK;
}

/* ---- one rank ---- */

static sluice_status prepare(rank_walk *w) {
    const size_t stages = (size_t)sluice_program_stages(w->program);
    w->list             = sluice_program_list(&w->count, w->program, w->rank);
    SLUICE__TRY(sluice__alloc(&w->local, stages, sizeof(int)));
    SLUICE__TRY(sluice__alloc(&w->stages, stages, sizeof(int)));
    for (int s = 0; s < (int)stages; s++) {
        const bool here = sluice_program_stage_rank(w->program, s) == w->rank;
        w->local[s]     = here ? w->stage_count : -1;
        if (here) w->stages[w->stage_count++] = s;
    }
    const size_t all = (size_t)w->stage_count * (size_t)sluice_program_microbatches(w->program);
    w->width         = w->stage_count * SLUICE_HELD_KINDS;
    SLUICE__TRY(sluice__alloc(&w->at, all, sizeof *w->at));
    for (size_t k = 0; k < all; k++) w->at[k] = (ticks){-1, -1, -1, -1, -1, -1, -1, -1, false};
    for (int n = 0; n < w->count; n++) note(w, &w->list[n], n);
    return SLUICE_OK;
}

static void release(const rank_walk *w) {
    sluice__free(w->local);
    sluice__free(w->stages);
    sluice__free(w->at);
    sluice__free(w->now);
    sluice__free(w->changes);
    sluice__free(w->times);
    sluice__free(w->running);
    sluice__free(w->runs);
}

static sluice_status add_held(tables *out, rank_walk *w) {
    SLUICE__TRY(sluice__alloc(&w->now, (size_t)w->width, sizeof(int)));
    SLUICE__TRY(sluice__alloc(&w->changes, ((size_t)w->count + 1) * (size_t)w->width, sizeof(int)));
    hold_all(w);
    SLUICE__TRY(keep_times(w));
    return append(out, w);
}

/* Every instruction that computes has scratch of its own. */
static void hold_scratch(rank_walk *w) {
    for (int n = 0; n < w->count; n++) {
        const sluice_running runs = running_of(w, &w->list[n]);
        if (runs == SLUICE_RUNNING_NOTHING) continue;
        w->buffers[w->buffer_count++] =
            (sluice_held_buffer){w->list[n].stage, SLUICE_HELD_INPUT_FORWARD, runs, n, n};
    }
}

static sluice_status add_buffers(tables *out, rank_walk *w) {
    const size_t capacity = (size_t)out->count + (size_t)w->count +
                            (size_t)w->width * (size_t)sluice_program_microbatches(w->program);
    SLUICE__TRY(sluice__grow(&out->buffers, capacity, sizeof *out->buffers));
    w->buffers = out->buffers + out->count;
    hold_all(w);
    hold_scratch(w);
    out->count += w->buffer_count;
    return SLUICE_OK;
}

/* ---- all ranks ---- */

typedef sluice_status (*add_rank)(tables *out, rank_walk *w);

static sluice_status walk_ranks(tables *out, const sluice_program *program, add_rank add) {
    sluice_status status = SLUICE_OK;
    for (int r = 0; r < sluice_program_ranks(program) && status == SLUICE_OK; r++) {
        rank_walk w = {.program = program, .rank = r};
        status      = prepare(&w);
        if (status == SLUICE_OK) status = add(out, &w);
        release(&w);
    }
    if (status != SLUICE_OK) {
        sluice__free(out->held);
        sluice__free(out->buffers);
    }
    return status;
}

sluice_status sluice_held_make(sluice_held **out, int *count, const sluice_program *program) {
    tables made = {0};
    SLUICE__TRY(walk_ranks(&made, program, add_held));
    *out   = made.held;
    *count = made.count;
    return SLUICE_OK;
}

void sluice_held_free(sluice_held *held) {
    sluice__free(held);
}

sluice_status sluice_held_buffers_make(sluice_held_buffer **out, int *count,
                                       const sluice_program *program) {
    tables made = {0};
    SLUICE__TRY(walk_ranks(&made, program, add_buffers));
    *out   = made.buffers;
    *count = made.count;
    return SLUICE_OK;
}

void sluice_held_buffers_free(sluice_held_buffer *buffers) {
    sluice__free(buffers);
}
