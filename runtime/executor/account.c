/* SPDX-License-Identifier: MIT */
/* account.c -- what the last step took: idle shares, ledgers, and costs for the simulator. */
#include "runtime/executor/account.h"

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/executor/report.h"
#include "runtime/program/instruction.h"
#include "runtime/program/simulate/charges.h"
#include "runtime/program/simulate/idle.h"

struct sluice__accounts {
    double *inner_idle;      /* [ranks] */
    sluice_ledger *ledger;   /* [ranks]: of the last step */
    sluice__record *records; /* [ranks]: what it is made of */
    int **partners;          /* of the step's waits */
};

sluice_status sluice__account_make(sluice_pipeline *pipeline) {
    const size_t p = (size_t)pipeline->ranks;
    SLUICE__TRY(sluice__alloc(&pipeline->accounts, 1, sizeof *pipeline->accounts));
    struct sluice__accounts *const accounts = pipeline->accounts;
    SLUICE__TRY(sluice__alloc(&accounts->inner_idle, p, sizeof *accounts->inner_idle));
    SLUICE__TRY(sluice__alloc(&accounts->ledger, p, sizeof *accounts->ledger));
    SLUICE__TRY(sluice__alloc(&accounts->records, p, sizeof *accounts->records));
    return sluice__partners_make(&accounts->partners, pipeline->program);
}

void sluice__account_free(sluice_pipeline *pipeline) {
    struct sluice__accounts *const accounts = pipeline->accounts;
    if (!accounts) return;
    sluice__partners_free(accounts->partners, pipeline->program);
    sluice__free(accounts->records);
    sluice__free(accounts->ledger);
    sluice__free(accounts->inner_idle);
    sluice__free(accounts);
}

const sluice_ledger *sluice__ledgers(const sluice_pipeline *pipeline) {
    return pipeline->accounts->ledger;
}

/* As the simulator defines them, from the instructions' measured times. */
static void measure_idle(sluice_pipeline *pipeline, sluice_result *result) {
    double makespan = 0, busy = 0;
    for (int r = 0; r < pipeline->ranks; r++) {
        const sluice__rank_program *mine = &pipeline->program->rank[r];
        const sluice__idle idle =
            sluice__idle_of(mine->list, mine->count, sluice__report_begins(pipeline, r),
                            sluice__report_ends(pipeline, r));
        pipeline->accounts->inner_idle[r] = idle.inner;
        busy += idle.busy;
        if (idle.drain > makespan) makespan = idle.drain;
    }
    result->makespan_idle = sluice__makespan_idle(pipeline->ranks, makespan, busy);
    result->inner_idle    = pipeline->accounts->inner_idle;
}

void sluice__account(sluice_pipeline *pipeline, sluice_result *result) {
    struct sluice__accounts *const accounts = pipeline->accounts;
    measure_idle(pipeline, result);
    for (int r = 0; r < pipeline->ranks; r++) {
        const sluice__report *report = sluice__report_of(pipeline, r);
        accounts->records[r]         = (sluice__record){.begin    = sluice__report_begins(pipeline, r),
                                                        .end      = sluice__report_ends(pipeline, r),
                                                        .weight   = sluice__report_weights(pipeline, r),
                                                        .started  = report->started,
                                                        .finished = report->ended,
                                                        .meeting  = report->meeting,
                                                        .on_core  = report->on_core};
    }
    sluice__charge(accounts->ledger, pipeline->program, accounts->partners, accounts->records,
                   result->seconds, NULL);
    result->ledger = accounts->ledger;
}

/* ---- for the simulator ---- */

static double seconds_of(const sluice_pipeline *pipeline, int r, int n) {
    return sluice__report_ends(pipeline, r)[n] - sluice__report_begins(pipeline, r)[n];
}

static void add_cost(sluice_cost *cost, sluice_instruction_kind kind, double time, double weight) {
    if (kind == SLUICE_INSTRUCTION_FORWARD) cost->forward += time;
    if (kind == SLUICE_INSTRUCTION_BACKWARD_INPUT) cost->input += time;
    if (kind == SLUICE_INSTRUCTION_BACKWARD_WEIGHT) cost->weight += time;
    if (kind == SLUICE_INSTRUCTION_BACKWARD) {
        cost->input += time - weight;
        cost->weight += weight;
    }
}

void sluice_pipeline_stage_costs(sluice_cost *costs, const sluice_pipeline *pipeline) {
    const sluice_program *program = pipeline->program;
    for (int s = 0; s < program->stages; s++) costs[s] = (sluice_cost){0, 0, 0};
    for (int r = 0; r < pipeline->ranks; r++)
        for (int n = 0; n < program->rank[r].count; n++) {
            const sluice_instruction *at = &program->rank[r].list[n];
            const double time            = seconds_of(pipeline, r, n);
            const double weight          = sluice__report_weights(pipeline, r)[n];
            if (sluice__is_compute(at))
                add_cost(&costs[at->stage], at->kind, time / program->microbatches,
                         weight / program->microbatches);
        }
}

void sluice_pipeline_other_costs(double *recompute, double *updates,
                                 const sluice_pipeline *pipeline) {
    const sluice_program *program = pipeline->program;
    for (int s = 0; s < program->stages; s++) {
        const int r                      = program->stage_rank[s];
        const sluice__rank_program *mine = &program->rank[r];
        double sum                       = 0;
        int count                        = 0;
        for (int n = 0; n < mine->count; n++)
            if (mine->list[n].kind == SLUICE_INSTRUCTION_RECOMPUTE && mine->list[n].stage == s) {
                sum += seconds_of(pipeline, r, n);
                count++;
            }
        recompute[s] = count > 0 ? sum / count : 0;
    }
    for (int r = 0; r < pipeline->ranks; r++)
        updates[r] = pipeline->accounts->ledger[r].time[SLUICE_LEDGER_UPDATE];
}
