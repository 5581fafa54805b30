/* SPDX-License-Identifier: MIT */
/* slots.c -- which buffers each kind of instruction reads and writes, and their sizes. */
#include "runtime/program/compiled.h"

sluice__mode sluice__mode_of(const sluice_instruction *at, bool trains) {
    switch (at->kind) {
    case SLUICE_INSTRUCTION_RECOMPUTE:
        return SLUICE__RECOMPUTE;
    case SLUICE_INSTRUCTION_BACKWARD:
        return SLUICE__BACKWARD;
    case SLUICE_INSTRUCTION_BACKWARD_INPUT:
        return SLUICE__BACKWARD_INPUT;
    case SLUICE_INSTRUCTION_BACKWARD_WEIGHT:
        return SLUICE__BACKWARD_WEIGHT;
    default:
        return trains && !at->recomputed ? SLUICE__FORWARD : SLUICE__FORWARD_ONLY;
    }
}

/* 'r' reads, 'w' writes, '-' does not use. Columns: input, output, output gradient, input gradient,
 * saved until I, saved until W, stash, batch, scratch. A post-send reads its input, a post-receive
 * writes its output; F's parts of the batch come from the host. */
static const char role_table[][SLUICE_ROLES + 1] = {
    [SLUICE_INSTRUCTION_FORWARD]         = "rw--ww-w-",
    [SLUICE_INSTRUCTION_BACKWARD]        = "r-rwrr-r-",
    [SLUICE_INSTRUCTION_BACKWARD_INPUT]  = "r-rwrrwr-",
    [SLUICE_INSTRUCTION_BACKWARD_WEIGHT] = "r-r--rrr-",
    [SLUICE_INSTRUCTION_RECOMPUTE]       = "r---ww-r-",
    [SLUICE_INSTRUCTION_POST_SEND]       = "r--------",
    [SLUICE_INSTRUCTION_POST_RECEIVE]    = "-w-------",
    [SLUICE_INSTRUCTION_WAIT]            = "---------",
    [SLUICE_INSTRUCTION_TIE_REDUCE]      = "---------",
    [SLUICE_INSTRUCTION_NORM]            = "---------",
    [SLUICE_INSTRUCTION_UPDATE]          = "---------",
};

bool sluice__role_is_read(sluice_instruction_kind kind, sluice_role role) {
    return role_table[kind][role] == 'r';
}

bool sluice__role_is_written(sluice_instruction_kind kind, sluice_role role) {
    return role_table[kind][role] == 'w';
}

/* Whether a compute instruction uses its stage's buffers of `role`. */
static bool uses_role(const sluice_program *program, const sluice_instruction *at,
                      sluice_role role) {
    const sluice__layout *layout = &program->layouts[at->stage];
    const sluice__mode mode      = sluice__mode_of(at, program->trains);
    const bool is_weight = mode == SLUICE__BACKWARD_WEIGHT, is_forward = mode <= SLUICE__RECOMPUTE;
    const sluice_until needs = is_weight ? SLUICE_UNTIL_WEIGHT : SLUICE_UNTIL_INPUT;
    if (role == SLUICE_ROLE_SCRATCH) return true;
    if (role_table[at->kind][role] == '-') return false;
    switch (role) {
    case SLUICE_ROLE_INPUT:
        return is_forward || layout->input_until >= needs;
    case SLUICE_ROLE_BATCH:
        return is_forward || layout->batch_until >= needs;
    case SLUICE_ROLE_OUTPUT_GRADIENT:
        return !is_weight || layout->weight_reads_output_gradient;
    case SLUICE_ROLE_SAVED_INPUT:
    case SLUICE_ROLE_SAVED_WEIGHT:
        return mode != SLUICE__FORWARD_ONLY;
    default:
        return true;
    }
}

/* Bytes of the model's input for this micro-batch. */
static size_t input_bytes(const sluice_program *program, const sluice_instruction *at) {
    const sluice__layout *layout = &program->layouts[at->stage];
    if (!program->model) return layout->bytes[SLUICE_ROLE_INPUT];
    const sluice_shape input =
        sluice_model_layer_input(program->model, 0, sluice_program_samples(program, at->microbatch),
                                 program->options.precision);
    return sluice_shape_bytes(&input);
}

/* Bytes of a buffer that crosses no edge. */
static size_t own_bytes(const sluice_program *program, const sluice_instruction *at,
                        sluice_role role) {
    const sluice__layout *layout = &program->layouts[at->stage];
    switch (role) {
    case SLUICE_ROLE_INPUT:
        return input_bytes(program, at);
    case SLUICE_ROLE_OUTPUT:
    case SLUICE_ROLE_OUTPUT_GRADIENT:
    case SLUICE_ROLE_INPUT_GRADIENT:
        return 0;
    case SLUICE_ROLE_BATCH:
        return program->model ? sluice__layout_batch_bytes(
                                    layout, sluice_program_samples(program, at->microbatch))
                              : layout->bytes[role];
    case SLUICE_ROLE_SCRATCH:
        return layout->scratch[sluice__mode_of(at, program->trains)];
    default:
        return layout->bytes[role];
    }
}

size_t sluice__edge_bytes(const sluice_program *program, int edge, int i) {
    const sluice__edge *at = &program->edges.list[edge];
    return at->bytes + (i < 0 ? 0 : (size_t)sluice_program_samples(program, i) * at->sample_bytes);
}

size_t sluice__slot_bytes(const sluice_program *program, const sluice_instruction *at, int k) {
    const sluice__slot_key key = sluice__slot_key_of(&program->edges, at->stage, k);
    if (!uses_role(program, at, key.role)) return 0;
    return key.edge >= 0 ? sluice__edge_bytes(program, key.edge, at->microbatch)
                         : own_bytes(program, at, key.role);
}
