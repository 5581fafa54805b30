/* SPDX-License-Identifier: MIT */
/*
 * footprint.c -- the one place that estimates what a rank holds: permanent bytes, and the most that
 * it holds at any time of the table of what is held.
 *
 * What a stage holds for one micro-batch follows from its layers as the memory plan lays them out
 * (runtime/program/memory/layout.c); sums and largest values over layers are prepared, so that a
 * stage of any size takes the same time. The estimate ignores gaps between buffers.
 */
#include <math.h>
#include <string.h>

#include "partition/chain.h"
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/placement.h"

enum { LEVELS = 24 };
enum { UNTIL_INPUT = 1, UNTIL_WEIGHT = 2 };

/* Sums over layers 0 .. n - 1 at index n. */
enum { SAVED_INPUT, SAVED_WEIGHT, STASH, BATCH, PERMANENT, KEPT_INPUT, KEPT_WEIGHT, GRADIENTS };
enum { SUMS = GRADIENTS + 1 };

struct sluice__footprint {
    double *sums[SUMS];
    /* What an action needs within one layer that is neither the first nor the last of its stage:
     * [n * level + l] is the most of 2^level layers from l on. */
    double *scratch[SLUICE_RUNNINGS];
};

static double align(size_t bytes) {
    return (double)sluice__align(bytes);
}

static const sluice_profile_layer *row_of(const sluice__chain *chain, int l) {
    return &chain->problem.layers[0][l];
}

static double output_of(const sluice__chain *chain, int l) {
    return align(row_of(chain, l)->output_bytes);
}

/* ---- scratch of one layer ---- */

/* The output of `l` lies among what is saved because the next layer needs it again. */
static bool is_kept(const sluice__chain *chain, int l) {
    return l + 1 < chain->n && row_of(chain, l + 1)->memory.input_until > 0;
}

/* Outputs of this layer and of the one before that an action has in its scratch. */
static double outputs(const sluice__chain *chain, int l, bool own, bool before) {
    return (own ? output_of(chain, l) : 0) + (before ? output_of(chain, l - 1) : 0);
}

static double backward_scratch(const sluice__chain *chain, int l, bool is_first, bool is_last) {
    const sluice_layer_memory *m = &row_of(chain, l)->memory;
    const double stash           = align(m->stash);
    const double of_input        = align(m->scratch_input) + outputs(chain, l, !is_last, !is_first);
    const bool reads             = m->weight_reads_output_gradient && !is_last;
    const double of_weight       = align(m->scratch_weight) + outputs(chain, l, reads, !is_first);
    return stash + fmax(of_input, of_weight);
}

static double forward_only_scratch(const sluice__chain *chain, int l, bool is_first, bool is_last) {
    const sluice_layer_memory *m = &row_of(chain, l)->memory;
    const double scratch =
        align(m->scratch_forward > m->scratch_evaluate ? m->scratch_forward : m->scratch_evaluate);
    return scratch + align(m->saved_until_input) + align(m->saved_until_weight) +
           outputs(chain, l, !is_last, !is_first);
}

static double input_scratch(const sluice__chain *chain, int l, bool is_first, bool is_last) {
    const sluice_layer_memory *m = &row_of(chain, l)->memory;
    const bool own               = !is_last && !m->weight_reads_output_gradient;
    const bool before = !is_first && !row_of(chain, l - 1)->memory.weight_reads_output_gradient;
    return align(m->scratch_input) + outputs(chain, l, own, before);
}

/* What an action needs in its scratch while it is at layer l of a stage. */
static double scratch_of(const sluice__chain *chain, sluice_running running, int l, bool is_first,
                         bool is_last) {
    const sluice_layer_memory *m = &row_of(chain, l)->memory;
    const bool before            = !is_first && !is_kept(chain, l - 1);
    if (running == SLUICE_RUNNING_NOTHING) return 0;
    if (!m->is_known) return align(row_of(chain, l)->scratch_bytes);
    switch (running) {
    case SLUICE_RUNNING_FORWARD:
        return align(m->scratch_forward) +
               outputs(chain, l, !is_last && !is_kept(chain, l), before);
    case SLUICE_RUNNING_RECOMPUTE:
        return align(m->scratch_forward) + outputs(chain, l, is_last || !is_kept(chain, l), before);
    case SLUICE_RUNNING_FORWARD_ONLY:
        return forward_only_scratch(chain, l, is_first, is_last);
    case SLUICE_RUNNING_BACKWARD:
        return backward_scratch(chain, l, is_first, is_last);
    case SLUICE_RUNNING_BACKWARD_INPUT:
        return input_scratch(chain, l, is_first, is_last);
    default:
        return align(m->scratch_weight);
    }
}

static sluice_status fill_scratch(sluice__chain *chain, sluice_running running) {
    const int n    = chain->n;
    int levels     = 1;
    double **table = &chain->footprint->scratch[running];
    while (levels < LEVELS && 1 << levels <= n) levels++;
    SLUICE__TRY(sluice__alloc(table, (size_t)n * (size_t)levels, sizeof(double)));
    for (int l = 0; l < n; l++) (*table)[l] = scratch_of(chain, running, l, l == 0, l == n - 1);
    for (int level = 1; level < levels; level++)
        for (int l = 0; l + (1 << level) <= n; l++) {
            const double *below = *table + (size_t)n * (size_t)(level - 1);
            (*table)[(size_t)n * (size_t)level + (size_t)l] =
                fmax(below[l], below[l + (1 << (level - 1))]);
        }
    return SLUICE_OK;
}

/* The largest of layers begin .. end - 1, if there are any. */
static double largest(const double *table, int n, int begin, int end) {
    if (begin >= end) return 0;
    int level = 0;
    while (2 << level <= end - begin) level++;
    const double *of = table + (size_t)n * (size_t)level;
    return fmax(of[begin], of[end - (1 << level)]);
}

double sluice__stage_scratch(const sluice__chain *chain, sluice_running running,
                             sluice__span span) {
    const int last = span.end - 1;
    if (running == SLUICE_RUNNING_NOTHING) return 0;
    const double inner =
        largest(chain->footprint->scratch[running], chain->n, span.begin + 1, last);
    const double head = scratch_of(chain, running, span.begin, true, span.begin == last);
    return fmax(inner, fmax(head, scratch_of(chain, running, last, span.begin == last, true)));
}

/* ---- sums ---- */

static void fill_sums(const sluice__chain *chain, int l) {
    double *const *sums             = chain->footprint->sums;
    const sluice_profile_layer *row = row_of(chain, l);
    const sluice_layer_memory *m    = &row->memory;
    const double parameters         = (double)row->parameter_bytes;
    double of[SUMS]                 = {0};
    of[SAVED_INPUT]                 = align(m->saved_until_input);
    of[SAVED_WEIGHT]                = align(m->is_known ? m->saved_until_weight : row->saved_bytes);
    of[STASH]                       = align(m->is_known ? m->stash : row->input_to_weight_bytes);
    of[BATCH]                       = align(m->batch);
    of[PERMANENT] = parameters * (2 + chain->problem.states + chain->problem.working_share) +
                    (double)row->state_bytes;
    if (l > 0 && m->input_until == UNTIL_INPUT) of[KEPT_INPUT] = output_of(chain, l - 1);
    if (l > 0 && m->input_until == UNTIL_WEIGHT) of[KEPT_WEIGHT] = output_of(chain, l - 1);
    if (m->weight_reads_output_gradient) of[GRADIENTS] = output_of(chain, l);
    for (int k = 0; k < SUMS; k++) sums[k][l + 1] = sums[k][l] + of[k];
}

static double sum_of(const sluice__chain *chain, int kind, int begin, int end) {
    return chain->footprint->sums[kind][end] - chain->footprint->sums[kind][begin];
}

/* ---- all ---- */

sluice_status sluice__footprint_make(sluice__chain *chain) {
    SLUICE__TRY(sluice__alloc(&chain->footprint, 1, sizeof *chain->footprint));
    for (int k = 0; k < SUMS; k++)
        SLUICE__TRY(
            sluice__alloc(&chain->footprint->sums[k], (size_t)chain->n + 1, sizeof(double)));
    for (int l = 0; l < chain->n; l++) fill_sums(chain, l);
    for (int running = 1; running < SLUICE_RUNNINGS; running++)
        SLUICE__TRY(fill_scratch(chain, (sluice_running)running));
    return sluice__held_times_make(chain);
}

void sluice__footprint_free(sluice__chain *chain) {
    if (!chain->footprint) return;
    for (int k = 0; k < SUMS; k++) sluice__free(chain->footprint->sums[k]);
    for (int k = 0; k < SLUICE_RUNNINGS; k++) sluice__free(chain->footprint->scratch[k]);
    sluice__free(chain->footprint);
}

/* ---- permanent ---- */

/* Tied layers of a rank share master, working copy and state; each has its gradient. */
double sluice__spans_permanent(const sluice__chain *chain, const sluice__span *spans, int count) {
    double sum = 0;
    for (int k = 0; k < count; k++) sum += sum_of(chain, PERMANENT, spans[k].begin, spans[k].end);
    for (int t = 0; t < chain->tied_count; t++)
        if (sluice__shares(chain, spans, count, chain->tied[t]))
            sum -= chain->tie_bytes[chain->tie_first[chain->tied[t]]] *
                   (1 + chain->problem.states + chain->problem.working_share);
    return sum;
}

static double activations_floor(const sluice__chain *chain, int stage, sluice__span span) {
    const int *held = &chain->peaks[3 * (size_t)stage];
    return held[0] * sum_of(chain, SAVED_INPUT, span.begin, span.end) +
           held[1] * sum_of(chain, SAVED_WEIGHT, span.begin, span.end) +
           held[2] * sum_of(chain, STASH, span.begin, span.end);
}

double sluice__bytes_floor(const sluice__chain *chain, int stage, sluice__span span) {
    return sluice__spans_permanent(chain, &span, 1) + activations_floor(chain, stage, span);
}

double sluice__layer_bytes_floor(const sluice__chain *chain, int rank, int layer) {
    const sluice__rank_stages *at = &chain->rank[rank];
    const sluice__span span       = {layer, layer + 1};
    const double gradient         = (double)row_of(chain, layer)->parameter_bytes;
    double lowest                 = INFINITY;
    for (int k = 0; k < at->count; k++)
        lowest = fmin(lowest, activations_floor(chain, at->stages[k], span));
    if (chain->tie_before[layer] >= 0) return lowest + gradient;
    return lowest + sum_of(chain, PERMANENT, layer, layer + 1);
}

/* Gradients of tied layers elsewhere, which are received after the drain. */
double sluice__received_ties(const sluice__chain *chain, const sluice__span *spans, int count) {
    double sum = 0;
    for (int t = 0; chain->trains && t < chain->tied_count; t++) {
        const int away = chain->tied[t];
        if (sluice__is_in(spans, count, away)) continue;
        for (int k = 0; k < chain->tied_count; k++) {
            const int here = chain->tied[k];
            if (chain->tie_first[here] != chain->tie_first[away]) continue;
            if (!sluice__is_in(spans, count, here)) continue;
            sum += chain->tie_bytes[chain->tie_first[away]];
            break;
        }
    }
    return sum;
}

/* ---- transient ---- */

/* Bytes of each kind for one micro-batch of layers of a stage. */
void sluice__stage_kinds(double out[SLUICE_HELD_KINDS], const sluice__chain *chain,
                         sluice__span span) {
    const sluice_profile_layer *head = row_of(chain, span.begin),
                               *tail = row_of(chain, span.end - 1);
    const double input =
        span.begin > 0 ? output_of(chain, span.begin - 1) : align(head->memory.input);
    const double output = align(tail->output_bytes);
    const bool reads    = tail->memory.weight_reads_output_gradient;
    memset(out, 0, SLUICE_HELD_KINDS * sizeof *out);
    out[SLUICE_HELD_INPUT_FORWARD + head->memory.input_until] = input;
    out[SLUICE_HELD_OUTPUT]                                   = output;
    out[SLUICE_HELD_OUTPUT_GRADIENT_INPUT + reads]            = output;
    out[SLUICE_HELD_INPUT_GRADIENT]                           = span.begin > 0 ? input : 0;
    out[SLUICE_HELD_SAVED_INPUT] = sum_of(chain, SAVED_INPUT, span.begin, span.end) +
                                   sum_of(chain, KEPT_INPUT, span.begin + 1, span.end);
    out[SLUICE_HELD_SAVED_WEIGHT] = sum_of(chain, SAVED_WEIGHT, span.begin, span.end) +
                                    sum_of(chain, KEPT_WEIGHT, span.begin + 1, span.end);
    out[SLUICE_HELD_STASH] = sum_of(chain, STASH, span.begin, span.end) +
                             sum_of(chain, GRADIENTS, span.begin, span.end - 1);
    out[SLUICE_HELD_BATCH] = sum_of(chain, BATCH, span.begin, span.end);
}

double sluice__rank_bytes(const sluice__chain *chain, int r, const sluice__span *spans) {
    const int count      = chain->rank[r].count;
    const double max     = sluice__max_held(chain, r, spans),
                 of_ties = sluice__received_ties(chain, spans, count);
    return sluice__spans_permanent(chain, spans, count) + (max > of_ties ? max : of_ties);
}
