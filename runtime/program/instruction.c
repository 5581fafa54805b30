/* SPDX-License-Identifier: MIT */
/* instruction.c -- names of instructions and kinds of memory. */
#include <stdio.h>

#include "runtime/program/compiled.h"

const char *sluice_instruction_name(sluice_instruction_kind kind) {
    switch (kind) {
#define X(name, code, text)                                                                        \
    case SLUICE_INSTRUCTION_##name:                                                                \
        return text;
        SLUICE_INSTRUCTION_MAP(X)
#undef X
    }
    return "?";
}

static void describe_transfer(char *out, size_t bytes, const sluice_instruction *at) {
    const sluice_payload payload = (sluice_payload)at->payload;
    if (at->microbatch < 0)
        snprintf(out, bytes, "the %s of a %s %s rank %d", at->sends ? "send" : "receive",
                 sluice_payload_name(payload), at->sends ? "to" : "from", at->peer);
    else
        snprintf(out, bytes, "%d%s_%s%d", at->stage, at->sends ? "SEND" : "RECV",
                 sluice__is_backward(payload) ? "B" : "F", at->microbatch);
}

void sluice__describe_instruction(char *out, size_t bytes, const sluice_instruction *instruction) {
    if (instruction->peer >= 0)
        describe_transfer(out, bytes, instruction);
    else if (instruction->microbatch >= 0)
        snprintf(out, bytes, "%d%s%d", instruction->stage,
                 sluice_instruction_name(instruction->kind), instruction->microbatch);
    else
        snprintf(out, bytes, "%s", sluice_instruction_name(instruction->kind));
}

bool sluice_instruction_computes(sluice_instruction_kind kind) {
    return sluice__is_compute(&(sluice_instruction){.kind = (uint8_t)kind});
}

static const sluice_instruction_kind runs[] = {
    [SLUICE_ACTION_F] = SLUICE_INSTRUCTION_FORWARD,
    [SLUICE_ACTION_B] = SLUICE_INSTRUCTION_BACKWARD,
    [SLUICE_ACTION_I] = SLUICE_INSTRUCTION_BACKWARD_INPUT,
    [SLUICE_ACTION_W] = SLUICE_INSTRUCTION_BACKWARD_WEIGHT,
};

sluice_instruction_kind sluice__compute_kind(sluice_action_kind kind) {
    return runs[kind];
}

sluice_action_kind sluice__action_run_by(sluice_instruction_kind kind) {
    for (int action = SLUICE_ACTION_B; action <= SLUICE_ACTION_W; action++)
        if (runs[action] == kind) return (sluice_action_kind)action;
    return SLUICE_ACTION_F; /* a recompute, too */
}

const char *sluice_memory_kind_name(int kind) {
    static const char *const names[SLUICE_MEMORY_KINDS] = {
        [SLUICE_ROLE_INPUT]           = "stage inputs",
        [SLUICE_ROLE_OUTPUT]          = "stage outputs",
        [SLUICE_ROLE_OUTPUT_GRADIENT] = "gradients of stage outputs",
        [SLUICE_ROLE_INPUT_GRADIENT]  = "gradients of stage inputs",
        [SLUICE_ROLE_SAVED_INPUT]     = "saved activations, until I",
        [SLUICE_ROLE_SAVED_WEIGHT]    = "saved activations, until W",
        [SLUICE_ROLE_STASH]           = "left by I for W",
        [SLUICE_ROLE_BATCH]           = "parts of the batch",
        [SLUICE_ROLE_SCRATCH]         = "scratch",
        [SLUICE_MEMORY_TIES]          = "tied gradients of other ranks",
    };
    return names[kind];
}
