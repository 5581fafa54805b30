/* SPDX-License-Identifier: MIT */
/*
 * measured_timeline.c -- the last step's times in the form of a simulation, and so as a time line.
 *
 * A transfer begins when the later of its two posts is made. If its receiver stood still for
 * it, it ends with that wait. If not, its end was not observed, and that of the later post is
 * taken, which is exact where the later poster copies.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/executor/account.h"
#include "runtime/executor/report.h"
#include "runtime/program/instruction.h"
#include "runtime/program/simulate/idle.h"

/* What the ranks saw of one transfer. */
typedef struct sight {
    const sluice_instruction *send; /* NULL: the transfer of a tie, or none */
    int from;
    double sent, send_done, received, receive_done;
    double wait, waited;        /* the receiver's wait */
    int sender_at, receiver_at; /* instructions that wait for it */
} sight;

typedef struct measurement {
    const sluice_pipeline *pipeline;
    sluice_simulation result; /* its begins and ends point into the reports */
    int *first;               /* [channel]: of its transfers among the sights */
    sight *sights;
    int count;
} measurement;

/* ---- what the ranks saw ---- */

/* The program's channel that a post or a wait belongs to. */
static int channel_of(const measurement *m, const sluice_instruction *at) {
    return m->pipeline->program->edges.list[at->edge].channel;
}

/* Count the sends of each channel, then turn the counts into first indices. */
static void count_sends(measurement *m) {
    for (int r = 0; r < m->pipeline->ranks; r++) {
        const sluice__rank_program *const mine = &m->pipeline->program->rank[r];
        for (int n = 0; n < mine->count; n++)
            if (sluice__is_post(&mine->list[n]) && mine->list[n].sends)
                m->first[channel_of(m, &mine->list[n])]++;
    }
    for (int c = 0; c < m->pipeline->channel_count; c++) {
        const int sends = m->first[c];
        m->first[c]     = m->count;
        m->count += sends;
    }
}

static sight *sight_of(const measurement *m, const sluice_instruction *at) {
    return &m->sights[m->first[channel_of(m, at)] + at->transfer];
}

static void look_at(measurement *m, int r, int n) {
    const sluice_instruction *const at = &m->pipeline->program->rank[r].list[n];
    const double begin                 = sluice__report_begins(m->pipeline, r)[n];
    const double end                   = sluice__report_ends(m->pipeline, r)[n];
    if (at->kind == SLUICE_INSTRUCTION_WAIT) {
        sight *const seen                                    = sight_of(m, at);
        *(at->sends ? &seen->sender_at : &seen->receiver_at) = n;
        if (at->sends) return;
        seen->wait   = begin;
        seen->waited = end;
    } else if (sluice__is_post(at) && at->sends) {
        sight *const seen = sight_of(m, at);
        seen->sent        = begin;
        seen->send_done   = end;
        seen->from        = r;
        if (at->microbatch >= 0) seen->send = at;
    } else if (sluice__is_post(at)) {
        sight *const seen  = sight_of(m, at);
        seen->received     = begin;
        seen->receive_done = end;
    }
}

/* ---- transfers ---- */

static sluice_transfer_times times_of(const sight *seen) {
    const bool send_last   = seen->sent > seen->received;
    const double posted    = send_last ? seen->sent : seen->received;
    const double done      = send_last ? seen->send_done : seen->receive_done;
    const bool stood_still = seen->wait < done;
    const double end       = stood_still ? fmax(done, seen->waited) : done;
    return (sluice_transfer_times){.from        = (int16_t)seen->from,
                                   .to          = (int16_t)seen->send->peer,
                                   .payload     = (uint8_t)seen->send->payload,
                                   .edge        = seen->send->edge,
                                   .sender_at   = seen->sender_at,
                                   .receiver_at = seen->receiver_at,
                                   .begin       = posted,
                                   .end         = end};
}

static int compare_transfers(const void *left, const void *right) {
    const sluice_transfer_times *const a = left, *const b = right;
    if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
    if (a->from != b->from) return a->from < b->from ? -1 : 1;
    return (a->sender_at > b->sender_at) - (a->sender_at < b->sender_at);
}

static sluice_status measure_transfers(measurement *m) {
    const size_t channels = (size_t)m->pipeline->channel_count;
    SLUICE__TRY(sluice__alloc(&m->first, channels, sizeof *m->first));
    count_sends(m);
    SLUICE__TRY(sluice__alloc(&m->sights, (size_t)m->count, sizeof *m->sights));
    SLUICE__TRY(sluice__alloc(&m->result.transfers, (size_t)m->count, sizeof *m->result.transfers));
    for (int r = 0; r < m->pipeline->ranks; r++)
        for (int n = 0; n < m->pipeline->program->rank[r].count; n++) look_at(m, r, n);
    for (int k = 0; k < m->count; k++)
        if (m->sights[k].send)
            m->result.transfers[m->result.transfer_count++] = times_of(&m->sights[k]);
    qsort(m->result.transfers, (size_t)m->result.transfer_count, sizeof *m->result.transfers,
          compare_transfers);
    return SLUICE_OK;
}

/* ---- the whole ---- */

static sluice_status measure_ranks(measurement *m) {
    sluice_simulation *const result = &m->result;
    SLUICE__TRY(sluice__alloc(&result->rank, (size_t)m->pipeline->ranks, sizeof *result->rank));
    result->ranks = m->pipeline->ranks;
    for (int r = 0; r < result->ranks; r++) {
        const sluice__rank_program *const mine = &m->pipeline->program->rank[r];
        double *const begin                    = sluice__report_begins(m->pipeline, r);
        double *const end                      = sluice__report_ends(m->pipeline, r);
        const sluice__idle idle = sluice__idle_of(mine->list, mine->count, begin, end);
        result->rank[r].begin   = begin;
        result->rank[r].end     = end;
        result->makespan        = fmax(result->makespan, idle.drain);
        if (mine->count > 0) result->step = fmax(result->step, end[mine->count - 1]);
    }
    return SLUICE_OK;
}

sluice_status sluice_pipeline_timeline(sluice_timeline **out, const sluice_pipeline *pipeline) {
    if (atomic_load(&pipeline->failed)) return sluice__fail_again(&pipeline->kept);
    if (pipeline->steps == 0)
        return sluice__fail(SLUICE_E_ARGUMENT, "there is no time line before the first step");
    measurement m         = {.pipeline = pipeline};
    sluice_timeline *made = NULL;
    sluice_status status  = SLUICE_OK;
    SLUICE__TRY_OUT(measure_ranks(&m));
    SLUICE__TRY_OUT(measure_transfers(&m));
    SLUICE__TRY_OUT(sluice_timeline_from_simulation(&made, pipeline->program, &m.result));
    (void)snprintf(made->unit, sizeof made->unit, "s");
    (void)snprintf(made->title, sizeof made->title, "step %lld, measured",
                   (long long)pipeline->steps);
    for (int r = 0; r < pipeline->ranks; r++) {
        made->rank[r].has_ledger = true;
        made->rank[r].ledger     = sluice__ledgers(pipeline)[r];
    }
    *out = made;
out:
    sluice__free(m.result.rank);
    sluice__free(m.result.transfers);
    sluice__free(m.sights);
    sluice__free(m.first);
    return status;
}
