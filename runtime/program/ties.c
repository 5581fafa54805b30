/* SPDX-License-Identifier: MIT */
/* ties.c -- tied parameters: which ranks hold one, and the edges that carry the gradient of every
 * use to each of them. */
#include "runtime/base/error.h"
#include "runtime/program/compiled.h"

bool sluice__is_tied(const sluice_model *model, int first) {
    for (int u = first + 1; u < sluice_model_use_count(model); u++)
        if (sluice_model_use(model, u)->first == first) return true;
    return false;
}

static int use_stage(const sluice_program *program, int use) {
    return sluice__layer_stage(program, sluice_model_use(program->model, use)->layer);
}

int sluice__use_rank(const sluice_program *program, int use) {
    return program->stage_rank[use_stage(program, use)];
}

/* The first use on `rank` of the parameter whose first use is `first`; -1: it has none. */
static int first_held(const sluice_program *program, int rank, int first) {
    for (int u = first; u < sluice_model_use_count(program->model); u++)
        if (sluice_model_use(program->model, u)->first == first &&
            sluice__use_rank(program, u) == rank)
            return u;
    return -1;
}

/* An edge to the holder from each use, its own included. */
static sluice_status add_terms(sluice_program *program, int first, int holder) {
    const sluice_model *model = program->model;
    for (int u = first; u < sluice_model_use_count(model); u++) {
        const sluice_parameter_use *use = sluice_model_use(model, u);
        if (use->first != first) continue;
        SLUICE__TRY(sluice__edges_add(
            &program->edges, &(sluice__edge){.is      = {.producer = use_stage(program, u),
                                                         .consumer = use_stage(program, holder),
                                                         .tensor   = u,
                                                         .payload  = SLUICE_PAYLOAD_TIE},
                                             .channel = -1,
                                             .bytes = sluice_shape_bytes(&use->parameter.shape)}));
    }
    return SLUICE_OK;
}

sluice_status sluice__add_tie_edges(sluice_program *program) {
    const sluice_model *model = program->model;
    for (int u = 0; model && u < sluice_model_use_count(model); u++) {
        if (sluice_model_use(model, u)->first != u || !sluice__is_tied(model, u)) continue;
        for (int r = 0; r < program->ranks; r++) {
            const int holder = first_held(program, r, u);
            if (holder >= 0) SLUICE__TRY(add_terms(program, u, holder));
        }
    }
    return SLUICE_OK;
}

int sluice__tie_edge(const sluice_program *program, int rank, int first) {
    const sluice__edges *edges = &program->edges;
    for (int e = 2 * edges->activations; e < edges->count; e++)
        if (edges->list[e].is.tensor == first &&
            program->stage_rank[edges->list[e].is.consumer] == rank)
            return e; /* the first term is the parameter's first use */
    return -1;
}
