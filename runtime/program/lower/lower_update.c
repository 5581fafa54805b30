/* SPDX-License-Identifier: MIT */
/* lower_update.c -- what follows the drain: the exchange and the sums of tied gradients, norm and
 * update. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/lower/lowered.h"

/* One rank while this part of it is lowered. */
typedef struct lowering {
    const sluice_program *program;
    sluice__lowered *out;
    int rank;
    int *numbers; /* [channel]: number of its next transfer */
} lowering;

/* Post the rank's end of a tie's edge. */
static sluice_status add_post(const lowering *at, int edge) {
    const sluice__edge *tie            = &at->program->edges.list[edge];
    const sluice__channel_key *through = &at->program->edges.channels[tie->channel];
    const bool sends                   = through->from == at->rank;
    sluice_instruction post            = sluice__blank;
    post.transfer                      = at->numbers[tie->channel]++;
    sluice__name_post(&post, &at->program->edges, edge, sends);
    int buffer = -1;
    if (!sends) SLUICE__TRY(sluice__add_buffer(at->out, &buffer, SLUICE_MEMORY_TIES));
    SLUICE__TRY(sluice__add_instruction(at->out, &post));
    if (sends)
        return sluice__use_permanent(at->out, at->program->use_gradients[tie->is.tensor],
                                     SLUICE_ROLE_INPUT, tie->bytes);
    at->out->tie_buffers[tie->is.tensor] = buffer;
    return sluice__use_buffer(at->out, buffer, SLUICE_ROLE_OUTPUT, tie->bytes);
}

/* Send the gradient of use u from its rank to every other holder. */
static sluice_status exchange_use(const lowering *at, int u) {
    const sluice__edges *edges = &at->program->edges;
    for (int e = 2 * edges->activations; e < edges->count; e++) {
        if (edges->list[e].is.tensor != u || edges->list[e].channel < 0) continue;
        const sluice__channel_key *through = &edges->channels[edges->list[e].channel];
        if (through->from == at->rank || through->to == at->rank) SLUICE__TRY(add_post(at, e));
    }
    return SLUICE_OK;
}

/* In the same order of (use, holder) on every rank. */
static sluice_status exchange_ties(const lowering *at) {
    const int begin = at->out->count;
    for (int u = 0; u < sluice_model_use_count(at->program->model); u++)
        SLUICE__TRY(exchange_use(at, u));
    const int end = at->out->count;
    for (int k = begin; k < end; k++) SLUICE__TRY(sluice__add_wait(at->out, k));
    return SLUICE_OK;
}

static sluice_status reduce_ties(const lowering *at) {
    const sluice__rank_program *rank = &at->program->rank[at->rank];
    for (int t = 0; t < rank->tie_count; t++) {
        sluice_instruction reduce = sluice__blank;
        reduce.kind               = SLUICE_INSTRUCTION_TIE_REDUCE;
        reduce.edge               = (int16_t)rank->ties[t].edge;
        reduce.stage              = (int16_t)at->program->edges.list[reduce.edge].is.consumer;
        SLUICE__TRY(sluice__add_instruction(at->out, &reduce));
        for (int k = 0; k < rank->ties[t].terms; k++) {
            const int buffer = at->out->tie_buffers[rank->ties[t].uses[k]];
            if (buffer >= 0) at->out->buffers[buffer].end = at->out->count - 1;
        }
    }
    return SLUICE_OK;
}

/* Count the step's transfers of each channel: the numbers of ties continue from there. */
static void count_transfers(const lowering *at, const sluice__rank_links *links) {
    for (int k = 0; k < links->post_count; k++) {
        const sluice__post *post = &links->posts[k];
        int *number              = &at->numbers[at->program->edges.list[post->edge].channel];
        if (post->transfer >= *number) *number = post->transfer + 1;
    }
}

static sluice_status add_ties(lowering *at, const sluice__rank_links *links) {
    const int uses       = sluice_model_use_count(at->program->model);
    sluice_status status = SLUICE_OK;
    SLUICE__TRY(sluice__alloc(&at->out->tie_buffers, (size_t)uses, sizeof *at->out->tie_buffers));
    for (int u = 0; u < uses; u++) at->out->tie_buffers[u] = -1;
    SLUICE__TRY_OUT(
        sluice__alloc(&at->numbers, (size_t)at->program->edges.channel_count, sizeof(int)));
    count_transfers(at, links);
    SLUICE__TRY_OUT(exchange_ties(at));
    SLUICE__TRY_OUT(reduce_ties(at));
out:
    sluice__free(at->numbers);
    return status;
}

sluice_status sluice__lower_update(sluice__lowered *out, const sluice_program *program,
                                   const sluice__rank_links *links, int rank) {
    lowering at = {.program = program, .out = out, .rank = rank};
    if (!program->trains) return SLUICE_OK;
    if (program->model) SLUICE__TRY(add_ties(&at, links));
    sluice_instruction instruction = sluice__blank;
    instruction.kind               = SLUICE_INSTRUCTION_NORM;
    SLUICE__TRY(sluice__add_instruction(out, &instruction));
    instruction.kind = SLUICE_INSTRUCTION_UPDATE;
    return sluice__add_instruction(out, &instruction);
}
