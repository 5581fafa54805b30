/* SPDX-License-Identifier: MIT */
/* held.c -- how many stage-activations a rank holds during each instruction. */
#include "runtime/program/compiled.h"
#include "runtime/program/simulate/simulator.h"

static bool ends_activation(sluice_instruction_kind kind) {
    return kind == SLUICE_INSTRUCTION_BACKWARD || kind == SLUICE_INSTRUCTION_BACKWARD_WEIGHT;
}

/* An activation is held from its F to its B or W; on a rank without backward, during F only. */
int sluice__count_live(int *live, const sluice_instruction *list, int count) {
    bool trains = false;
    for (int n = 0; n < count && !trains; n++) trains = ends_activation(list[n].kind);
    int held = 0, peak = 0;
    for (int n = 0; n < count; n++) {
        const sluice_instruction_kind kind = list[n].kind;
        held += kind == SLUICE_INSTRUCTION_FORWARD;
        if (held > peak) peak = held;
        if (live) live[n] = held;
        held -= trains ? ends_activation(kind) : kind == SLUICE_INSTRUCTION_FORWARD;
    }
    return peak;
}

void sluice_program_held(int *activations, size_t *bytes, const sluice_program *program, int rank) {
    const sluice__rank_program *mine = &program->rank[rank];
    if (activations) (void)sluice__count_live(activations, mine->list, mine->count);
    for (int n = 0; bytes && n < mine->count; n++) bytes[n] = mine->alive ? mine->alive[n] : 0;
}

int sluice_program_peak_activations(const sluice_program *program, int rank) {
    return sluice__count_live(NULL, program->rank[rank].list, program->rank[rank].count);
}
