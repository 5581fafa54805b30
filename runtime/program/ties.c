/* SPDX-License-Identifier: MIT */
/* ties.c -- tied parameters: which ranks hold one, and the edges that carry the gradient of every
 * use to each of them. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/compiled.h"

/* Uses are in layer order, and so are those that share values. */
sluice_status sluice__index_uses(sluice_program *program) {
    const int count = program->model ? sluice_model_use_count(program->model) : 0;
    int *last       = NULL; /* [first use]: the latest use of those values */
    SLUICE__TRY(sluice__alloc(&program->use_stage, (size_t)count, sizeof(int)));
    SLUICE__TRY(sluice__alloc(&program->next_use, (size_t)count, sizeof(int)));
    SLUICE__TRY(sluice__alloc(&last, (size_t)count, sizeof(int)));
    for (int u = 0; u < count; u++) {
        const sluice_parameter_use *use = sluice_model_use(program->model, u);
        program->use_stage[u]           = sluice__layer_stage(program, use->layer);
        program->next_use[u]            = -1;
        if (use->first != u) program->next_use[last[use->first]] = u;
        last[use->first] = u;
    }
    sluice__free(last);
    return SLUICE_OK;
}

bool sluice__is_tied(const sluice_program *program, int first) {
    return program->next_use[first] >= 0;
}

int sluice__use_rank(const sluice_program *program, int use) {
    return program->stage_rank[program->use_stage[use]];
}

int sluice__first_held(const sluice_program *program, int rank, int first) {
    int u = first;
    while (u >= 0 && sluice__use_rank(program, u) != rank) u = program->next_use[u];
    return u;
}

/* An edge to the holder from each use, its own included. */
static sluice_status add_terms(sluice_program *program, int first, int holder) {
    for (int u = first; u >= 0; u = program->next_use[u]) {
        const sluice_shape *shape = &sluice_model_use(program->model, u)->parameter.shape;
        SLUICE__TRY(sluice__edges_add(&program->edges,
                                      &(sluice__edge){.is      = {.producer = program->use_stage[u],
                                                                  .consumer = program->use_stage[holder],
                                                                  .tensor   = u,
                                                                  .payload  = SLUICE_PAYLOAD_TIE},
                                                      .channel = -1,
                                                      .bytes   = sluice_shape_bytes(shape)}));
    }
    return SLUICE_OK;
}

sluice_status sluice__add_tie_edges(sluice_program *program) {
    const sluice_model *model = program->model;
    if (program->options.inference) return SLUICE_OK; /* nothing is summed */
    for (int u = 0; model && u < sluice_model_use_count(model); u++) {
        if (sluice_model_use(model, u)->first != u || !sluice__is_tied(program, u)) continue;
        for (int r = 0; r < program->ranks; r++) {
            const int holder = sluice__first_held(program, r, u);
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
