/* SPDX-License-Identifier: MIT */
/*
 * arena_estimate.c -- what a rank allocates: its buffers placed as the memory plan places them, so
 * that the gaps between buffers of different sizes are counted; in the scratch of an action, too,
 * which has what its layers use one after the other (runtime/program/memory/layout.c).
 */
#include <math.h>

#include "partition/chain.h"
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/placement.h"

enum { MAX_PARTS = 5 }; /* buffers of one layer in an action's scratch */

/* ---- the scratch of an action ---- */

typedef struct scratch {
    const sluice__chain *chain;
    sluice_running running;
    sluice__span span;
    sluice__buffer *list;
    int count;
} scratch;

static void add(scratch *s, size_t bytes, int begin, int end) {
    if (bytes > 0)
        s->list[s->count++] = (sluice__buffer){.bytes = bytes, .begin = begin, .end = end};
}

static const sluice_profile_layer *row_of(const scratch *s, int l) {
    return &s->chain->problem.layers[0][l];
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static void add_forward(scratch *s, int l) {
    const sluice_layer_memory *m = &row_of(s, l)->memory;
    const bool is_last = l + 1 == s->span.end, is_only = s->running == SLUICE_RUNNING_FORWARD_ONLY;
    const size_t output = row_of(s, l)->output_bytes;
    add(s, is_only ? larger(m->scratch_forward, m->scratch_evaluate) : m->scratch_forward, l, l);
    if (is_only) {
        add(s, m->saved_until_input, l, l);
        add(s, m->saved_until_weight, l, l);
    }
    if (is_last && s->running == SLUICE_RUNNING_RECOMPUTE) add(s, output, l, l);
    if (!is_last && (is_only || row_of(s, l + 1)->memory.input_until == 0))
        add(s, output, l, l + 1);
}

/* Ticks: I of the last layer at 0, its W at 1, I of the layer before at 2. */
static void add_backward(scratch *s, int l) {
    const sluice_layer_memory *m = &row_of(s, l)->memory;
    const int input = 2 * (s->span.end - 1 - l), weight = input + 1;
    const bool both       = s->running == SLUICE_RUNNING_BACKWARD;
    const bool runs_input = s->running != SLUICE_RUNNING_BACKWARD_WEIGHT;
    const bool is_stash   = !both && m->weight_reads_output_gradient;
    if (both) add(s, m->stash, input, weight);
    if (runs_input) add(s, m->scratch_input, input, input);
    if (runs_input && l + 1 < s->span.end && !is_stash)
        add(s, row_of(s, l)->output_bytes, input - 2,
            m->weight_reads_output_gradient ? weight : input);
    if (s->running != SLUICE_RUNNING_BACKWARD_INPUT) add(s, m->scratch_weight, weight, weight);
}

static sluice_status place_scratch(double *out, const sluice__chain *chain, sluice_running running,
                                   sluice__span span) {
    scratch s    = {.chain = chain, .running = running, .span = span};
    size_t total = 0;
    *out         = sluice__stage_scratch(chain, running, span);
    if (!chain->problem.layers[0][span.begin].memory.is_known) return SLUICE_OK;
    SLUICE__TRY(
        sluice__alloc(&s.list, MAX_PARTS * (size_t)(span.end - span.begin), sizeof *s.list));
    for (int l = span.begin; l < span.end; l++)
        if (running >= SLUICE_RUNNING_BACKWARD)
            add_backward(&s, l);
        else
            add_forward(&s, l);
    const sluice_status status = sluice__place(s.list, s.count, &total);
    sluice__free(s.list);
    *out = (double)total;
    return status;
}

/* ---- all buffers of a rank ---- */

/* Bytes of the buffers of a rank's stage; those of scratch are NAN until somebody asks. */
typedef struct stage_bytes {
    double kinds[SLUICE_HELD_KINDS], scratch[SLUICE_RUNNINGS];
} stage_bytes;

static sluice_status bytes_of(double *out, const sluice__chain *chain, stage_bytes *stage,
                              const sluice_held_buffer *buffer, sluice__span span) {
    *out = stage->kinds[buffer->kind];
    if (buffer->running == SLUICE_RUNNING_NOTHING) return SLUICE_OK;
    double *const scratch_bytes = &stage->scratch[buffer->running];
    if (isnan(*scratch_bytes))
        SLUICE__TRY(place_scratch(scratch_bytes, chain, buffer->running, span));
    *out = *scratch_bytes;
    return SLUICE_OK;
}

static sluice_status list_buffers(sluice__buffer *list, int *count, const sluice__chain *chain,
                                  int rank, const sluice__span *spans, stage_bytes *stages) {
    const sluice_partition *p     = &chain->problem;
    const sluice__rank_stages *at = &chain->rank[rank];
    for (int k = 0; k < p->buffer_count; k++) {
        const sluice_held_buffer *buffer = &p->buffers[k];
        double bytes;
        int stage = 0;
        if (chain->stage_rank[buffer->stage] != rank) continue;
        while (at->stages[stage] != buffer->stage) stage++;
        SLUICE__TRY(bytes_of(&bytes, chain, &stages[stage], buffer, spans[stage]));
        if (bytes > 0)
            list[(*count)++] = (sluice__buffer){
                .bytes = (size_t)bytes, .begin = buffer->begin, .end = buffer->end};
    }
    return SLUICE_OK;
}

sluice_status sluice__rank_arena(double *out, const sluice__chain *chain, int rank,
                                 const sluice__span *spans) {
    const int stage_count = chain->rank[rank].count;
    sluice__buffer *list  = NULL;
    stage_bytes *stages   = NULL;
    size_t total          = 0;
    int count             = 0;
    sluice_status status  = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&list, (size_t)chain->problem.buffer_count, sizeof *list));
    SLUICE__TRY_OUT(sluice__alloc(&stages, (size_t)stage_count, sizeof *stages));
    for (int k = 0; k < stage_count; k++) {
        sluice__stage_kinds(stages[k].kinds, chain, spans[k]);
        for (int running = 0; running < SLUICE_RUNNINGS; running++)
            stages[k].scratch[running] = NAN;
    }
    SLUICE__TRY_OUT(list_buffers(list, &count, chain, rank, spans, stages));
    SLUICE__TRY_OUT(sluice__place(list, count, &total));
    *out = sluice__spans_permanent(chain, spans, stage_count) +
           fmax((double)total, sluice__received_ties(chain, spans, stage_count));
out:
    sluice__free(list);
    sluice__free(stages);
    return status;
}
