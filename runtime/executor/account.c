/* SPDX-License-Identifier: MIT */
/* account.c -- what the last step took: idle shares, ledgers, and costs for the simulator. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/executor/internal.h"

sluice_status sluice__account_make(sluice_pipeline *pipeline) {
    const size_t p = (size_t)pipeline->ranks;
    SLUICE__TRY(sluice__alloc(&pipeline->inner_idle, p, sizeof *pipeline->inner_idle));
    SLUICE__TRY(sluice__alloc(&pipeline->ledger, p, sizeof *pipeline->ledger));
    SLUICE__TRY(sluice__alloc(&pipeline->records, p, sizeof *pipeline->records));
    return sluice__partners_make(&pipeline->partners, pipeline->program);
}

void sluice__account_free(sluice_pipeline *pipeline) {
    sluice__partners_free(pipeline->partners, pipeline->program);
    sluice__free(pipeline->records);
    sluice__free(pipeline->ledger);
    sluice__free(pipeline->inner_idle);
}

static bool is_compute(const sluice_instruction *at) {
    return at->kind <= SLUICE_INSTRUCTION_RECOMPUTE;
}

/* Idle shares from the instructions' times; the step's pipeline part ends with its last action. */
static void measure_idle(sluice_pipeline *pipeline, sluice_result *result) {
    double makespan = 0, busy = 0;
    for (int r = 0; r < pipeline->ranks; r++) {
        const sluice__rank *rank         = &pipeline->rank[r];
        const sluice__rank_program *mine = &pipeline->program->rank[r];
        double own = 0, first = -1, last = 0;
        for (int n = 0; n < mine->count; n++) {
            if (!is_compute(&mine->list[n])) continue;
            if (first < 0) first = rank->begin[n];
            last = rank->end[n];
            own += rank->end[n] - rank->begin[n];
        }
        pipeline->inner_idle[r] = last > first ? 1 - own / (last - first) : 0;
        busy += own;
        if (last > makespan) makespan = last;
    }
    result->makespan_idle = makespan > 0 ? 1 - busy / (makespan * pipeline->ranks) : 0;
    result->inner_idle    = pipeline->inner_idle;
}

void sluice__account(sluice_pipeline *pipeline, sluice_result *result) {
    measure_idle(pipeline, result);
    for (int r = 0; r < pipeline->ranks; r++) {
        const sluice__rank *rank = &pipeline->rank[r];
        pipeline->records[r]     = (sluice__record){.begin    = rank->begin,
                                                    .end      = rank->end,
                                                    .weight   = rank->weight,
                                                    .started  = rank->started,
                                                    .finished = rank->ended,
                                                    .meeting  = rank->meeting,
                                                    .on_core  = rank->on_core};
    }
    sluice__book(pipeline->ledger, pipeline->program, pipeline->partners, pipeline->records,
                 result->seconds, NULL);
    result->ledger = pipeline->ledger;
}

/* ---- for the simulator ---- */

static void add_cost(sluice_stage_cost *cost, sluice_instruction_kind kind, double time,
                     double weight) {
    if (kind == SLUICE_INSTRUCTION_FORWARD) cost->forward += time;
    if (kind == SLUICE_INSTRUCTION_BACKWARD_INPUT) cost->input += time;
    if (kind == SLUICE_INSTRUCTION_BACKWARD_WEIGHT) cost->weight += time;
    if (kind == SLUICE_INSTRUCTION_BACKWARD) {
        cost->input += time - weight;
        cost->weight += weight;
    }
}

void sluice_pipeline_stage_costs(const sluice_pipeline *pipeline, sluice_stage_cost *costs) {
    const sluice_program *program = pipeline->program;
    for (int s = 0; s < program->stages; s++) costs[s] = (sluice_stage_cost){0, 0, 0};
    for (int r = 0; r < pipeline->ranks; r++)
        for (int n = 0; n < program->rank[r].count; n++) {
            const sluice_instruction *at = &program->rank[r].list[n];
            const sluice__rank *rank     = &pipeline->rank[r];
            if (is_compute(at))
                add_cost(&costs[at->stage], at->kind,
                         (rank->end[n] - rank->begin[n]) / program->microbatches,
                         rank->weight[n] / program->microbatches);
        }
}

void sluice_pipeline_other_costs(const sluice_pipeline *pipeline, double *recompute,
                                 double *updates) {
    const sluice_program *program = pipeline->program;
    for (int s = 0; s < program->stages; s++) {
        const int r                      = program->stage_rank[s];
        const sluice__rank_program *mine = &program->rank[r];
        double sum                       = 0;
        int count                        = 0;
        for (int n = 0; n < mine->count; n++)
            if (mine->list[n].kind == SLUICE_INSTRUCTION_RECOMPUTE && mine->list[n].stage == s) {
                sum += pipeline->rank[r].end[n] - pipeline->rank[r].begin[n];
                count++;
            }
        recompute[s] = count > 0 ? sum / count : 0;
    }
    for (int r = 0; r < pipeline->ranks; r++)
        updates[r] = pipeline->ledger[r].time[SLUICE_LEDGER_UPDATE];
}
