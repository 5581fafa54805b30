/* SPDX-License-Identifier: MIT */
/*
 * arena.c -- every byte of a rank's arena: permanent ones, and transient buffers.
 *
 *   offset       instructions of the rank's list ----------------------------->
 *      ^  +--------------------------------------------------------------------+
 *      |  |       [ saved 1                 ]   [ saved 3             ]        |
 *      |  |  [ saved 0        ]   [ saved 2                  ]                 |  transient
 *      |  |  [scratch]  [scratch]   [scratch]   [scratch]        [ ties ]      |
 *      |  +--------------------------------------------------------------------+
 *      |  |  losses, norm partials                                             |  bookkeeping
 *      |  |  optimizer state, tensor by tensor                                 |  states
 *      |  |  gradients, one for each use                                       |  gradients
 *      |  |  working copies, where the precision has them                      |  working
 *      |  |  masters, one for each value                                       |  parameters
 *      0  +--------------------------------------------------------------------+
 *
 * Transient buffers are placed by their lifetimes (base/placement.c). An instruction's slots are
 * ranges of the arena (rows.c); a layer's tensors lie inside its stage's buffers (layout.c).
 */
#include <assert.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/lower/lowered.h"
#include "runtime/program/memory/streams.h"

static_assert((int)SLUICE_MEMORY_KINDS <= (int)SLUICE__BUFFER_KINDS,
              "a kind of buffer for each of memory");

/* ---- permanent: masters, working copies, gradients, optimizer state, bookkeeping ---- */

size_t sluice__take(sluice__rank_program *rank, size_t *kind, size_t bytes) {
    const size_t offset = rank->bytes.arena;
    *kind += sluice__align(bytes);
    rank->bytes.arena += sluice__align(bytes);
    return offset;
}

static size_t value_bytes(const sluice_program *program, int use) {
    return sluice_shape_bytes(&sluice_model_use(program->model, use)->parameter.shape);
}

static bool use_is_here(const sluice_program *program, int rank, int use) {
    return sluice__use_rank(program, use) == rank;
}

/* One value for all uses of a parameter on this rank. */
static void add_value(sluice_program *program, int r, int u) {
    sluice__rank_program *rank = &program->rank[r];
    const int first            = sluice_model_use(program->model, u)->first,
              held             = sluice__first_held(program, r, first);
    if (held != u) {
        program->use_values[u] = program->use_values[held];
        return;
    }
    sluice__value *value = &rank->values[rank->value_count++];
    value->use           = u;
    value->is_first      = first == u;
    value->count  = sluice_shape_count(&sluice_model_use(program->model, u)->parameter.shape);
    value->master = sluice__take(rank, &rank->bytes.parameters, value_bytes(program, u));
    program->use_values[u] = value->master;
}

/* Bytes of a parameter's working copy, which layers read; 0: they read its master. */
static size_t working_bytes(const sluice_program *program, int use) {
    const sluice_shape *shape = &sluice_model_use(program->model, use)->parameter.shape;
    const sluice_type type    = sluice_precision_type(program->options.precision);
    if (program->options.working_bytes) return program->options.working_bytes(shape);
    return type == shape->type ? 0 : (size_t)sluice_shape_count(shape) * sluice_type_bytes(type);
}

static void add_working(sluice_program *program, sluice__rank_program *rank, int r,
                        sluice__value *value) {
    const int first      = sluice_model_use(program->model, value->use)->first;
    value->working_bytes = working_bytes(program, value->use);
    if (value->working_bytes == 0) return;
    value->working = sluice__take(rank, &rank->bytes.working, value->working_bytes);
    for (int u = first; u >= 0; u = program->next_use[u])
        if (use_is_here(program, r, u)) program->use_values[u] = value->working;
}

static sluice_status add_tie(sluice_program *program, int r, const sluice__value *value) {
    sluice__rank_program *rank = &program->rank[r];
    const int first            = sluice_model_use(program->model, value->use)->first;
    size_t terms               = 0;
    if (!sluice__is_tied(program, first)) return SLUICE_OK;
    SLUICE__TRY(sluice__grow(&rank->ties, (size_t)rank->tie_count + 1, sizeof *rank->ties));
    sluice__tie *tie = &rank->ties[rank->tie_count++];
    tie->first       = first;
    tie->edge        = sluice__tie_edge(program, r, first);
    tie->sum         = value->gradient;
    for (int u = first; u >= 0; u = program->next_use[u]) terms++;
    SLUICE__TRY(sluice__alloc(&tie->uses, terms, sizeof *tie->uses));
    SLUICE__TRY(sluice__alloc(&tie->offsets, terms, sizeof *tie->offsets));
    for (int u = first; u >= 0; u = program->next_use[u]) tie->uses[tie->terms++] = u;
    return SLUICE_OK;
}

/* Uses on the rank: no fewer than its values. */
static size_t count_uses(const sluice_program *program, int r) {
    size_t count = 0;
    for (int u = 0; u < sluice_model_use_count(program->model); u++)
        count += use_is_here(program, r, u);
    return count;
}

static sluice_status plan_parameters(sluice_program *program, int r) {
    sluice__rank_program *rank = &program->rank[r];
    const int uses             = sluice_model_use_count(program->model);
    SLUICE__TRY(sluice__alloc(&rank->values, count_uses(program, r), sizeof *rank->values));
    for (int u = 0; u < uses; u++)
        if (use_is_here(program, r, u)) add_value(program, r, u);
    for (int k = 0; k < rank->value_count; k++) add_working(program, rank, r, &rank->values[k]);
    if (program->options.inference) return SLUICE_OK;
    for (int u = 0; u < uses; u++)
        if (use_is_here(program, r, u))
            program->use_gradients[u] =
                sluice__take(rank, &rank->bytes.gradients, value_bytes(program, u));
    for (int k = 0; k < rank->value_count; k++) {
        sluice__value *value = &rank->values[k];
        value->gradient      = program->use_gradients[value->use];
        for (int state = 0; state < program->options.states; state++)
            value->states[state] =
                sluice__take(rank, &rank->bytes.states, value_bytes(program, value->use));
        SLUICE__TRY(add_tie(program, r, value));
    }
    return SLUICE_OK;
}

sluice_status sluice__plan_permanent(sluice_program *program) {
    const int uses = program->model ? sluice_model_use_count(program->model) : 0;
    SLUICE__TRY(sluice__alloc(&program->use_values, (size_t)uses, sizeof(size_t)));
    SLUICE__TRY(sluice__alloc(&program->use_gradients, (size_t)uses, sizeof(size_t)));
    for (int s = 0; program->options.bytes && s < program->stages; s++) {
        sluice__rank_program *rank = &program->rank[program->stage_rank[s]];
        (void)sluice__take(rank, &rank->bytes.parameters, program->options.bytes[s].permanent);
    }
    for (int r = 0; program->model && r < program->ranks; r++)
        SLUICE__TRY(plan_parameters(program, r));
    if (program->model) SLUICE__TRY(sluice__plan_layer_states(program));
    for (int r = 0; r < program->ranks; r++) {
        sluice__rank_program *rank = &program->rank[r];
        rank->losses               = sluice__take(rank, &rank->bytes.bookkeeping,
                                                  (size_t)program->microbatches * sizeof(double));
        if (program->options.inference) continue;
        rank->partials = sluice__take(rank, &rank->bytes.bookkeeping,
                                      (size_t)rank->value_count * sizeof(double));
    }
    return SLUICE_OK;
}

/* ---- transient: the lowered list's buffers ---- */

static void bind_ties(const sluice_program *program, sluice__rank_program *rank,
                      const sluice__lowered *lowered, size_t base) {
    for (int t = 0; t < rank->tie_count; t++)
        for (int k = 0; k < rank->ties[t].terms; k++) {
            const int use    = rank->ties[t].uses[k];
            const int buffer = lowered->tie_buffers[use];
            rank->ties[t].offsets[k] =
                buffer >= 0 ? base + lowered->buffers[buffer].offset : program->use_gradients[use];
        }
}

/* A post runs on another stream than compute: order it after what last touched its bytes. */
static sluice_status order_streams(sluice__rank_program *rank) {
    sluice__streams streams = {.rank = rank, .last = -1};
    sluice_status status    = SLUICE_OK;
    for (int n = 0; n < rank->count; n++) {
        int after;
        SLUICE__TRY_OUT(sluice__streams_next(&streams, &rank->list[n], n, &after));
        if (rank->list[n].kind == SLUICE_INSTRUCTION_WAIT) continue; /* it has a post instead */
        rank->list[n].after = after;
    }
out:
    sluice__free(streams.touched.list);
    return status;
}

sluice_status sluice__plan_rank(sluice_program *program, int r, sluice__lowered *lowered) {
    sluice__rank_program *rank = &program->rank[r];
    const size_t base          = rank->bytes.arena;
    size_t total, peak;
    int at;
    SLUICE__TRY(sluice__place(lowered->buffers, lowered->buffer_count, &total));
    if (program->sized)
        SLUICE__TRY(sluice__alloc(&rank->alive, (size_t)lowered->count, sizeof *rank->alive));
    SLUICE__TRY(sluice__peak(lowered->buffers, lowered->buffer_count, lowered->count, &peak, &at,
                             rank->alive));
    for (int n = 0; rank->alive && n < lowered->count; n++) rank->alive[n] += base;
    sluice__alive(lowered->buffers, lowered->buffer_count, at, rank->bytes.at_peak,
                  SLUICE_MEMORY_KINDS);
    SLUICE__TRY(sluice__grow(&lowered->list, (size_t)lowered->count, sizeof *lowered->list));
    rank->list    = lowered->list; /* shrunk to its length */
    rank->count   = lowered->count;
    lowered->list = NULL;
    SLUICE__TRY(sluice__bind_slots(rank, lowered, base, program->edges.slot_count));
    if (program->trains && program->model) bind_ties(program, rank, lowered, base);
    SLUICE__TRY(order_streams(rank));
    rank->bytes.transient = total;
    rank->bytes.live      = base + peak;
    rank->bytes.peak      = at;
    rank->bytes.arena     = base + total;
    return SLUICE_OK;
}
