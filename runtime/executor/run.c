/* SPDX-License-Identifier: MIT */
/* run.c -- the loop that carries out one rank's program. */
#include "runtime/base/error.h"
#include "runtime/executor/internal.h"

void sluice__progress(sluice_pipeline *pipeline) {
    atomic_store(&pipeline->progress_ns, (long long)(sluice__now() * 1e9));
}

double sluice__patience(const sluice_pipeline *pipeline) {
    const double last = 1e-9 * (double)atomic_load(&pipeline->progress_ns);
    return pipeline->options.deadline_s - (sluice__now() - last);
}

sluice_status sluice__deadline_passed(sluice__rank *rank, const char *words) {
    char others[384];
    sluice__describe_ranks(rank->pipeline, rank, others, sizeof others);
    sluice__fail(SLUICE_E_DEADLINE, "no rank finished anything for %g s: rank %d waits for %s%s%s",
                 rank->pipeline->options.deadline_s, rank->index, words, others[0] ? "; " : "",
                 others);
    return sluice__hint(SLUICE_E_DEADLINE,
                        "if a single action can take that long, raise deadline_s");
}

sluice__transfer_end sluice__end_of(const sluice__rank *rank, const sluice_instruction *at) {
    return (sluice__transfer_end){.from    = at->sends ? rank->index : at->peer,
                                  .to      = at->sends ? at->peer : rank->index,
                                  .channel = at->channel,
                                  .k       = at->transfer,
                                  .sends   = at->sends};
}

static sluice_status wait_for(sluice__rank *rank, const sluice_instruction *wait) {
    sluice_pipeline *pipeline      = rank->pipeline;
    const sluice__transfer_end end = sluice__end_of(rank, wait);
    sluice_event *over             = NULL;
    for (bool done = false;;) {
        const double seconds = sluice__patience(pipeline);
        SLUICE__TRY(pipeline->transport_ops->wait(pipeline->transport, &end,
                                                  seconds > 0 ? seconds : 0, &done, &over));
        if (done) return sluice__work_after(rank, over, wait->sends);
        if (sluice__patience(pipeline) > 0) continue;
        char words[96];
        sluice__describe_instruction(words, sizeof words, wait);
        return sluice__deadline_passed(rank, words);
    }
}

/* What a transfer carries, as one number for both of its ends. */
static uint64_t content_of(const sluice_instruction *at) {
    return (uint64_t)(uint32_t)at->edge << 32 | (uint32_t)(at->microbatch + 1);
}

static bool is_post(const sluice_instruction *at) {
    return at->kind == SLUICE_INSTRUCTION_POST_SEND || at->kind == SLUICE_INSTRUCTION_POST_RECEIVE;
}

/* Whether instructions n and n + 1 of the rank's list are posts that are issued as one. */
static bool are_one(const sluice__rank_program *mine, int n) {
    if (n < 0 || n + 1 >= mine->count) return false;
    const sluice_instruction *a = &mine->list[n], *b = a + 1;
    return is_post(a) && is_post(b) && a->group > 0 && a->group == b->group;
}

static sluice_status post_one(sluice__rank *rank, const sluice_instruction *at) {
    const sluice__transport_ops *ops = rank->pipeline->transport_ops;
    sluice__transport *transport     = rank->pipeline->transport;
    SLUICE__TRY(sluice__transfers_after(rank, at->after));
    const sluice__mark mark = sluice__next_mark(rank);
    if (at->sends) {
        const sluice_slot *slot = &at->slots[SLUICE_ROLE_INPUT];
        return ops->post_send(transport, rank->index, at->peer, at->channel,
                              rank->arena + slot->offset, slot->bytes, content_of(at), mark);
    }
    const sluice_slot *slot = &at->slots[SLUICE_ROLE_OUTPUT];
    return ops->post_receive(transport, at->peer, rank->index, at->channel,
                             rank->arena + slot->offset, slot->bytes, content_of(at), mark);
}

/* Instruction n of the rank's list, with the begin or end of its group. */
static sluice_status post(sluice__rank *rank, int n) {
    const sluice__transport_ops *ops = rank->pipeline->transport_ops;
    sluice__transport *transport     = rank->pipeline->transport;
    const sluice__rank_program *mine = &rank->pipeline->run.program->rank[rank->index];
    const bool goes_on = are_one(mine, n), begun = are_one(mine, n - 1);
    if (goes_on && !begun) SLUICE__TRY(ops->group_begin(transport, rank->index));
    SLUICE__TRY(post_one(rank, &mine->list[n]));
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

/* Issue instruction n; of a device that runs on by itself, it may be over later. */
static sluice_status issue(sluice__rank *rank, const sluice_instruction *at, int n) {
    const bool computes = at->kind <= SLUICE_INSTRUCTION_RECOMPUTE;
    if (computes) SLUICE__TRY(sluice__before_compute(rank));
    SLUICE__TRY(carry_out(rank, at, n));
    return computes ? sluice__after_compute(rank, n) : SLUICE_OK;
}

sluice_status sluice__run_rank(sluice__rank *rank, void *unused) {
    (void)unused;
    sluice_pipeline *pipeline        = rank->pipeline;
    const sluice__run *run           = &pipeline->run;
    const sluice__rank_program *mine = &run->program->rank[rank->index];
    const double core                = run->timed ? sluice__on_core() : 0;
    if (run->timed) rank->started = sluice__now() - run->start;
    sluice__events_begin(rank);
    SLUICE__TRY(sluice__clock_start(rank));
    for (int n = 0; n < mine->count; n++) {
        atomic_store(&rank->at, n);
        if (atomic_load(&pipeline->failed)) return sluice__stopped();
        if (pipeline->watch) pipeline->watch(rank, &mine->list[n]);
        const double begin = sluice__now();
        rank->weight_s     = 0;
        if (run->timed) rank->begin[n] = begin - run->start;
        SLUICE__TRY(sluice__clock_begin(rank, n));
        SLUICE__TRY(issue(rank, &mine->list[n], n));
        SLUICE__TRY(sluice__clock_end(rank, n));
        sluice__pace(rank, &mine->list[n], begin);
        const double now = sluice__now();
        if (run->timed) {
            rank->end[n]    = now - run->start;
            rank->weight[n] = rank->weight_s;
        }
        sluice__progress(pipeline);
    }
    atomic_store(&rank->at, mine->count);
    SLUICE__TRY(sluice__drain(rank));
    SLUICE__TRY(sluice__clock_read(rank));
    if (run->timed) {
        rank->on_core = sluice__on_core() - core;
        rank->ended   = sluice__now() - run->start;
    }
    return SLUICE_OK;
}
