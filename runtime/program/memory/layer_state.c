/* SPDX-License-Identifier: MIT */
/* layer_state.c -- the state of layers: permanent bytes on each layer's rank. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/compiled.h"

static const sluice_layer_description *description_of(const sluice_program *program, int layer) {
    const sluice__layout *const layout = &program->layouts[sluice__layer_stage(program, layer)];
    return &layout->descriptions[layer - layout->first];
}

int sluice__layer_rank(const sluice_program *program, int layer) {
    return program->stage_rank[sluice__layer_stage(program, layer)];
}

int sluice__layer_state_count(const sluice_program *program, int layer) {
    return description_of(program, layer)->state_count;
}

const sluice_layer_state *sluice__layer_state(const sluice_program *program, int layer, int k) {
    return &description_of(program, layer)->states[k];
}

sluice_status sluice__plan_layer_states(sluice_program *program) {
    const int layers = sluice_model_layer_count(program->model);
    SLUICE__TRY(sluice__alloc(&program->layer_states, (size_t)layers * SLUICE_LAYER_STATES,
                              sizeof *program->layer_states));
    for (int l = 0; l < layers; l++) {
        sluice__rank_program *const rank = &program->rank[sluice__layer_rank(program, l)];
        for (int k = 0; k < sluice__layer_state_count(program, l); k++) {
            const sluice_layer_state *const state = sluice__layer_state(program, l, k);
            const size_t bytes                    = sluice_shape_bytes(&state->shape);
            program->layer_states[l * SLUICE_LAYER_STATES + k] =
                sluice__take(rank, &rank->bytes.layer_states, bytes);
            if (state->lifetime == SLUICE_LIFETIME_SEQUENCE)
                rank->bytes.sequence += sluice__align(bytes);
        }
    }
    return SLUICE_OK;
}
