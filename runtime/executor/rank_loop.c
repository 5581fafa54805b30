/* SPDX-License-Identifier: MIT */
/* rank_loop.c -- the loop that carries out one rank's program. */
#include "runtime/executor/rank_loop.h"

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/executor/choose.h"
#include "runtime/executor/device_times.h"
#include "runtime/executor/events.h"
#include "runtime/executor/exchange.h"
#include "runtime/executor/failure.h"
#include "runtime/executor/here.h"
#include "runtime/executor/paced.h"
#include "runtime/executor/report.h"
#include "runtime/executor/stage.h"
#include "runtime/executor/update.h"
#include "runtime/program/instruction.h"

static sluice_status wait_for(sluice__rank *rank, const sluice_instruction *wait) {
    sluice_pipeline *pipeline      = rank->pipeline;
    const sluice__transfer_end end = sluice__end_of(rank, wait);
    sluice_event *over             = NULL;
    for (bool done = false;;) {
        const double seconds = sluice__patience(&pipeline->deadline);
        SLUICE__TRY(pipeline->transport_ops->wait(pipeline->transport, &end,
                                                  seconds > 0 ? seconds : 0, &done, &over));
        if (done) return sluice__work_after(rank, over, wait->sends);
        if (sluice__patience(&pipeline->deadline) > 0) continue;
        char words[SLUICE__WORDS];
        sluice__describe_instruction(words, sizeof words, wait);
        return sluice__deadline_passed(rank, words);
    }
}

/* A number for what a transfer carries, the same at both ends. */
static uint64_t content_of(const sluice_instruction *at) {
    return (uint64_t)(uint32_t)at->edge << 32 | (uint32_t)(at->microbatch + 1);
}

/* Whether instructions n and n + 1 are posts of one group. */
static bool are_grouped(const sluice__rank_program *mine, int n) {
    if (n < 0 || n + 1 >= mine->count) return false;
    const sluice_instruction *a = &mine->list[n], *b = a + 1;
    return sluice__is_post(a) && sluice__is_post(b) && a->group > 0 && a->group == b->group;
}

static sluice_status post_one(sluice__rank *rank, const sluice__rank_program *mine,
                              const sluice_instruction *at) {
    const sluice__transport_ops *ops = rank->pipeline->transport_ops;
    sluice__transport *transport     = rank->pipeline->transport;
    SLUICE__TRY(sluice__transfers_after(rank, at->after));
    const sluice__mark mark        = sluice__next_mark(rank);
    const sluice_slot slot         = sluice__post_slot(mine, at);
    const sluice__transfer_end end = sluice__end_of(rank, at);
    const sluice__message message  = {.from    = end.from,
                                      .to      = end.to,
                                      .channel = end.channel,
                                      .bytes   = slot.bytes,
                                      .content = content_of(at)};
    unsigned char *const buffer    = rank->arena + slot.offset;
    return at->sends ? ops->post_send(transport, &message, buffer, mark)
                     : ops->post_receive(transport, &message, buffer, mark);
}

/* Instruction n of the rank's list, with the begin or end of its group. */
static sluice_status post(sluice__rank *rank, int n) {
    const sluice__transport_ops *ops = rank->pipeline->transport_ops;
    sluice__transport *transport     = rank->pipeline->transport;
    const sluice__rank_program *mine = &rank->pipeline->run.program->rank[rank->index];
    const bool goes_on = are_grouped(mine, n), begun = are_grouped(mine, n - 1);
    if (goes_on && !begun) SLUICE__TRY(ops->group_begin(transport, rank->index));
    SLUICE__TRY(post_one(rank, mine, &mine->list[n]));
    return begun && !goes_on ? ops->group_end(transport, rank->index) : SLUICE_OK;
}

static sluice_status carry_out(sluice__rank *rank, const sluice_instruction *at, int n) {
    switch (at->kind) {
    case SLUICE_INSTRUCTION_POST_SEND:
    case SLUICE_INSTRUCTION_POST_RECEIVE:
        return post(rank, n);
    case SLUICE_INSTRUCTION_WAIT:
        return wait_for(rank, at);
    case SLUICE_INSTRUCTION_TIE_REDUCE:
        return sluice__tie_reduce(rank, at);
    case SLUICE_INSTRUCTION_NORM:
        return sluice__norm(rank);
    case SLUICE_INSTRUCTION_UPDATE:
        return sluice__update(rank);
    default:
        return sluice__run_stage(rank, at);
    }
}

/* Issue instruction n; on an asynchronous device it ends later. */
static sluice_status issue(sluice__rank *rank, const sluice_instruction *at, int n) {
    const bool computes = sluice__is_compute(at);
    if (computes) SLUICE__TRY(sluice__before_compute(rank));
    SLUICE__TRY(carry_out(rank, at, n));
    return computes ? sluice__after_compute(rank, n) : SLUICE_OK;
}

/* Instruction n, with its times in the report. */
static sluice_status run_one(sluice__rank *rank, const sluice_instruction *at, int n) {
    const sluice__run *const run             = &rank->pipeline->run;
    struct sluice__report_draft *const draft = rank->report;
    const double begin                       = sluice__now();
    draft->weight_s                          = 0;
    if (run->timed) draft->begin[n] = begin - run->start;
    SLUICE__TRY(sluice__clock_begin(rank, n));
    SLUICE__TRY(issue(rank, at, n));
    SLUICE__TRY(sluice__clock_end(rank, n));
    sluice__pace(rank, at, begin);
    if (run->timed) {
        draft->end[n]    = sluice__now() - run->start;
        draft->weight[n] = draft->weight_s;
    }
    sluice__progress(&rank->pipeline->deadline);
    return SLUICE_OK;
}

static sluice_status run_list(sluice__rank *rank) {
    sluice_pipeline *pipeline        = rank->pipeline;
    const sluice__rank_program *mine = &pipeline->run.program->rank[rank->index];
    sluice__position *const position = sluice__position_of(rank);
    for (int n = 0; n < mine->count; n++) {
        atomic_store(&position->at, n);
        if (atomic_load(&pipeline->failed)) return sluice__stopped();
        sluice__where()->at = &mine->list[n];
        if (pipeline->watch) pipeline->watch(rank, &mine->list[n]);
        SLUICE__TRY(run_one(rank, &mine->list[n], n));
        sluice__where()->at = NULL;
    }
    atomic_store(&position->at, mine->count);
    return SLUICE_OK;
}

sluice_status sluice__run_rank(sluice__rank *rank, void *unused) {
    (void)unused;
    const sluice__run *run      = &rank->pipeline->run;
    sluice__report *const facts = &rank->report->facts;
    const double core           = run->timed ? sluice__on_core() : 0;
    sluice__report_begin(rank);
    sluice__events_begin(rank);
    SLUICE__TRY(sluice__clock_start(rank));
    SLUICE__TRY(run_list(rank));
    SLUICE__TRY(sluice__drain(rank));
    SLUICE__TRY(sluice__clock_read(rank));
    SLUICE__TRY(sluice__read_losses(rank));
    SLUICE__TRY(sluice__choose(rank));
    if (run->timed) {
        facts->on_core = sluice__on_core() - core;
        facts->ended   = sluice__now() - run->start;
    }
    return sluice__report_send(rank);
}
