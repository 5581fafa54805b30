/* SPDX-License-Identifier: MIT */
/* train_cpu_path.c -- the longest chain of the actions of a measured step. */
#include <stdlib.h>

#include "bench.h"
#include "train_cpu.h"

/* When the actions of a stage and micro-batch end, if nothing but their order and their data held
 * them up. */
typedef struct ends {
    int microbatches;
    double *forward, *input; /* (stages, micro-batches) */
} ends;

/* What an action waits for besides the one before it on its rank. -1: not yet known. */
static double needed(const ends *at, const sluice_timeline *line,
                     const sluice_timeline_span *span) {
    const int here = span->stage * at->microbatches + span->microbatch;
    const int up = here - at->microbatches, down = here + at->microbatches;
    switch (span->kind) {
    case SLUICE_INSTRUCTION_FORWARD:
        return span->stage == 0 ? 0 : at->forward[up];
    case SLUICE_INSTRUCTION_BACKWARD:
    case SLUICE_INSTRUCTION_BACKWARD_INPUT:
        return span->stage == line->stages - 1 ? at->forward[here] : at->input[down];
    default:
        return 0;
    }
}

static void note_end(const ends *at, const sluice_timeline_span *span, double end) {
    const int here = span->stage * at->microbatches + span->microbatch;
    if (span->kind == SLUICE_INSTRUCTION_FORWARD) at->forward[here] = end;
    if (span->kind == SLUICE_INSTRUCTION_BACKWARD ||
        span->kind == SLUICE_INSTRUCTION_BACKWARD_INPUT)
        at->input[here] = end;
}

path critical_path(const sluice_timeline *line) {
    const int cells     = line->stages * line->microbatches;
    ends at             = {line->microbatches, bench_alloc((size_t)cells, sizeof(double)),
                           bench_alloc((size_t)cells, sizeof(double))};
    int *const next     = bench_alloc((size_t)line->ranks, sizeof *next);
    double *const clock = bench_alloc((size_t)line->ranks, sizeof *clock);
    path found          = {0};
    for (int k = 0; k < cells; k++) at.forward[k] = at.input[k] = -1;
    for (bool moved = true; moved;) {
        moved = false;
        for (int r = 0; r < line->ranks; r++)
            for (; next[r] < line->rank[r].span_count; next[r]++) {
                const sluice_timeline_span *const span = &line->rank[r].spans[next[r]];
                const double from                      = needed(&at, line, span);
                if (from < 0) break;
                clock[r] = (from > clock[r] ? from : clock[r]) + span->end - span->begin;
                note_end(&at, span, clock[r]);
                found.all += span->end - span->begin;
                if (clock[r] > found.longest) found.longest = clock[r];
                found.actions++;
                moved = true;
            }
    }
    free(at.forward);
    free(at.input);
    free(next);
    free(clock);
    return found;
}
