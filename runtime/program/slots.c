/* SPDX-License-Identifier: MIT */
/* slots.c -- which buffers each kind of instruction uses, how, and of how many bytes. */
#include "runtime/program/internal.h"

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
 * saved until I, saved until W, handed, batch, scratch. A post-send reads its input, a post-receive
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

/* Bytes of the buffer that a compute instruction uses as `role`, for the largest micro-batch. */
static size_t role_bytes(const sluice_program *program, const sluice_instruction *at,
                         sluice_role role) {
    const sluice__layout *layout = &program->layouts[at->stage];
    const sluice__mode mode      = sluice__mode_of(at, program->trains);
    if (role == SLUICE_ROLE_SCRATCH) return layout->scratch[mode];
    if (role_table[at->kind][role] == '-') return 0;
    const bool is_weight = mode == SLUICE__BACKWARD_WEIGHT, is_forward = mode <= SLUICE__RECOMPUTE;
    const sluice_until needs = is_weight ? SLUICE_UNTIL_WEIGHT : SLUICE_UNTIL_INPUT;
    const bool is_saved      = role == SLUICE_ROLE_SAVED_INPUT || role == SLUICE_ROLE_SAVED_WEIGHT;
    if (mode == SLUICE__FORWARD_ONLY && is_saved) return 0;
    if (role == SLUICE_ROLE_INPUT && !is_forward && layout->input_until < needs) return 0;
    if (role == SLUICE_ROLE_BATCH && !is_forward && layout->batch_until < needs) return 0;
    if (role == SLUICE_ROLE_OUTPUT_GRADIENT && is_weight && !layout->weight_reads_output_gradient)
        return 0;
    return layout->bytes[role];
}

/* Bytes of what crosses the edge in front of `stage`, for micro-batch i; of the inputs for 0. */
static size_t edge_bytes(const sluice_program *program, int stage, int i) {
    const int64_t samples = sluice_program_samples(program, i);
    const sluice_shape edge =
        stage > 0
            ? sluice__layout_output(&program->layouts[stage - 1], samples)
            : sluice_model_layer_input(program->model, 0, samples, program->options.precision);
    return sluice_shape_bytes(&edge);
}

size_t sluice__slot_bytes(const sluice_program *program, const sluice_instruction *at,
                          sluice_role role) {
    const size_t most = role_bytes(program, at, role);
    if (most == 0 || !program->model) return most;
    switch (role) {
    case SLUICE_ROLE_INPUT:
    case SLUICE_ROLE_INPUT_GRADIENT:
        return edge_bytes(program, at->stage, at->microbatch);
    case SLUICE_ROLE_OUTPUT:
    case SLUICE_ROLE_OUTPUT_GRADIENT:
        return edge_bytes(program, at->stage + 1, at->microbatch);
    case SLUICE_ROLE_BATCH:
        return sluice__layout_batch_bytes(&program->layouts[at->stage],
                                          sluice_program_samples(program, at->microbatch));
    default:
        return most;
    }
}
