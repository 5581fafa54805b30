/* SPDX-License-Identifier: MIT */
/* lower_update.c -- after the drain: gradients of tied parameters are exchanged and summed, then
 * norm and update. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/lowered.h"

/* One rank while that is lowered. */
typedef struct lowering {
    const sluice_program *program;
    sluice__lowered *out;
    int rank;
    int *numbers; /* [2 * peer + sends]: of the link's next transfer */
} lowering;

static int use_rank(const sluice_program *program, int use) {
    const int layer = sluice_model_use(program->model, use)->layer;
    for (int s = 0; s < program->stages; s++)
        if (layer < program->layouts[s].first + program->layouts[s].count)
            return program->stage_rank[s];
    return -1;
}

/* Does `rank` hold a use of the parameter whose first use is `first`? */
static bool rank_holds(const sluice_program *program, int rank, int first) {
    for (int u = first; u < sluice_model_use_count(program->model); u++)
        if (sluice_model_use(program->model, u)->first == first && use_rank(program, u) == rank)
            return true;
    return false;
}

/* Gradient of use `u` goes to, or comes from, `peer`. */
static sluice_status add_post(const lowering *at, int u, int peer, bool sends) {
    const size_t bytes =
        sluice_shape_bytes(&sluice_model_use(at->program->model, u)->parameter.shape);
    sluice_instruction post = sluice__blank;
    post.kind     = sends ? SLUICE_INSTRUCTION_POST_SEND : SLUICE_INSTRUCTION_POST_RECEIVE;
    post.sends    = sends;
    post.stage    = u;
    post.peer     = peer;
    post.transfer = at->numbers[2 * peer + sends]++;
    post.payload  = SLUICE_PAYLOAD_TIE;
    int life      = -1;
    if (!sends) SLUICE__TRY(sluice__add_life(at->out, &life, SLUICE_MEMORY_TIES));
    SLUICE__TRY(sluice__add_instruction(at->out, &post));
    if (sends)
        return sluice__use_permanent(at->out, at->program->use_gradients[u], SLUICE_ROLE_INPUT,
                                     bytes);
    at->out->tie_lives[u] = life;
    return sluice__use_life(at->out, life, SLUICE_ROLE_OUTPUT, bytes);
}

/* From its rank to every other holder; in one order of (use, holder) on every rank. */
static sluice_status exchange_use(const lowering *at, int u) {
    const sluice_program *program = at->program;
    const int first               = sluice_model_use(program->model, u)->first;
    const int owner               = use_rank(program, u);
    if (!rank_holds(program, at->rank, first)) return SLUICE_OK;
    if (owner != at->rank) return add_post(at, u, owner, false);
    for (int q = 0; q < program->ranks; q++)
        if (q != owner && rank_holds(program, q, first)) SLUICE__TRY(add_post(at, u, q, true));
    return SLUICE_OK;
}

static bool is_tied(const sluice_model *model, int first) {
    for (int u = first + 1; u < sluice_model_use_count(model); u++)
        if (sluice_model_use(model, u)->first == first) return true;
    return false;
}

static sluice_status exchange_ties(const lowering *at) {
    const sluice_model *model = at->program->model;
    const int begin           = at->out->count;
    for (int u = 0; u < sluice_model_use_count(model); u++)
        if (is_tied(model, sluice_model_use(model, u)->first)) SLUICE__TRY(exchange_use(at, u));
    const int end = at->out->count;
    for (int k = begin; k < end; k++) SLUICE__TRY(sluice__add_wait(at->out, k));
    return SLUICE_OK;
}

static sluice_status reduce_ties(const lowering *at) {
    const sluice__rank_program *rank = &at->program->rank[at->rank];
    for (int t = 0; t < rank->tie_count; t++) {
        sluice_instruction reduce = sluice__blank;
        reduce.kind               = SLUICE_INSTRUCTION_TIE_REDUCE;
        reduce.stage              = rank->ties[t].first;
        SLUICE__TRY(sluice__add_instruction(at->out, &reduce));
        for (int k = 0; k < rank->ties[t].terms; k++) {
            const int life = at->out->tie_lives[rank->ties[t].uses[k]];
            if (life >= 0) at->out->lives[life].end = at->out->count - 1;
        }
    }
    return SLUICE_OK;
}

/* What has crossed each link in the step: ties' transfers are numbered on from there. */
static void count_transfers(const lowering *at, const sluice__rank_links *links) {
    for (int k = 0; k < links->post_count; k++) {
        const sluice__post *post = &links->posts[k];
        int *number              = &at->numbers[2 * post->peer + post->sends];
        if (post->transfer >= *number) *number = post->transfer + 1;
    }
}

static sluice_status add_ties(lowering *at, const sluice__rank_links *links) {
    const int uses       = sluice_model_use_count(at->program->model);
    sluice_status status = SLUICE_OK;
    SLUICE__TRY(sluice__alloc(&at->out->tie_lives, (size_t)uses, sizeof *at->out->tie_lives));
    for (int u = 0; u < uses; u++) at->out->tie_lives[u] = -1;
    SLUICE__TRY_OUT(sluice__alloc(&at->numbers, 2 * (size_t)at->program->ranks, sizeof(int)));
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
