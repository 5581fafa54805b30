/* SPDX-License-Identifier: MIT */
/* program.c -- queries about a compiled program. */
#include "runtime/program/compiled.h"

int sluice_program_ranks(const sluice_program *program) {
    return program->ranks;
}
int sluice_program_stages(const sluice_program *program) {
    return program->stages;
}
int sluice_program_microbatches(const sluice_program *program) {
    return program->microbatches;
}

int sluice_program_stage_rank(const sluice_program *program, int stage) {
    return program->stage_rank[stage];
}

int sluice__layer_stage(const sluice_program *program, int layer) {
    int low = 0, high = program->stages - 1;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (layer < program->layouts[middle].first + program->layouts[middle].count)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void sluice_program_stage_layers(int *first, int *last, const sluice_program *program, int stage) {
    *first = program->layouts[stage].first;
    *last  = *first + program->layouts[stage].count - 1;
}

int64_t sluice_program_samples(const sluice_program *program, int i) {
    return program->first_sample[i + 1] - program->first_sample[i];
}

int64_t sluice_program_first_sample(const sluice_program *program, int i) {
    return program->first_sample[i];
}

const sluice_instruction *sluice_program_list(int *count, const sluice_program *program, int rank) {
    *count = program->rank[rank].count;
    return program->rank[rank].list;
}

sluice_slot sluice_program_slot(const sluice_program *program, int rank,
                                const sluice_instruction *instruction, int k) {
    return sluice__slot(&program->rank[rank], instruction, k);
}

int sluice_program_slot_count(const sluice_program *program) {
    return program->edges.slot_count;
}

int sluice_program_edge_count(const sluice_program *program) {
    return program->edges.count;
}

sluice_edge sluice_program_edge(const sluice_program *program, int edge) {
    return program->edges.list[edge].is;
}

int sluice_program_outstanding(size_t *bytes, const sluice_program *program, int rank) {
    const sluice__rank_program *own = &program->rank[rank];
    size_t now = 0, max_bytes = 0;
    int count = 0, max_count = 0;
    for (int n = 0; n < own->count; n++) {
        const sluice_instruction *at = &own->list[n];
        const bool waits             = at->kind == SLUICE_INSTRUCTION_WAIT;
        if (!at->sends || at->microbatch < 0) continue;
        const size_t size = sluice__edge_bytes(program, at->edge, at->microbatch);
        count += waits ? -1 : 1;
        now = waits ? now - size : now + size;
        if (count > max_count) max_count = count;
        if (now > max_bytes) max_bytes = now;
    }
    *bytes = max_bytes;
    return max_count;
}

sluice_program_bytes sluice_program_memory(const sluice_program *program, int rank) {
    return program->rank[rank].bytes;
}
