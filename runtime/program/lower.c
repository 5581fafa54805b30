/* SPDX-License-Identifier: MIT */
/* lower.c -- a rank's actions become instructions on named buffers, with posts and waits. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/lowered.h"

/* One rank while it is lowered. */
typedef struct lowering {
    const sluice_program *program;
    const sluice__rank_links *links;
    sluice__lowered *out;
    int rank, depth;
    int *local;                    /* per stage: its number among the rank's stages; -1 */
    int stages;                    /* of the rank */
    int *known;                    /* buffer of (role, local stage, micro-batch), or -1 */
    int *post_at;                  /* instruction of each post of `links` */
    bool *waited;                  /* of each post */
    int *sends, *first_send;       /* posts of each peer's sends, in order; where a peer's begin */
    int *released;                 /* so many of each peer's sends are waited for */
    int *output_send;              /* post of (local stage, micro-batch): its output's send; -1 */
    int *of_block, *next_of_block; /* first post that a block makes or uses; the next; -1 */
    bool *wrote_input, *wrote_weight; /* per stage: its first gradient is written */
    bool *recomputed;                 /* [local stage][micro-batch]: its F saved nothing */
} lowering;

static size_t place_of(const lowering *at, int role, int stage, int i) {
    return ((size_t)role * (size_t)at->stages + (size_t)at->local[stage]) *
               (size_t)at->program->microbatches +
           (size_t)i;
}

/*
 * The buffer of (role, stage, micro-batch) on this rank, new if it is not known yet. What a stage
 * gives to a neighbour on its own rank is the neighbour's buffer.
 */
static sluice_status find_life(lowering *at, int *life, sluice_role role, int stage, int i) {
    const sluice_program *program = at->program;
    if (role == SLUICE_ROLE_OUTPUT && stage + 1 < program->stages &&
        program->stage_rank[stage + 1] == at->rank) {
        role = SLUICE_ROLE_INPUT;
        stage++;
    } else if (role == SLUICE_ROLE_INPUT_GRADIENT && stage > 0 &&
               program->stage_rank[stage - 1] == at->rank) {
        role = SLUICE_ROLE_OUTPUT_GRADIENT;
        stage--;
    }
    int *known = &at->known[place_of(at, (int)role, stage, i)];
    if (*known < 0) SLUICE__TRY(sluice__add_life(at->out, known, (int)role));
    *life = *known;
    return SLUICE_OK;
}

/* ---- compute ---- */

static sluice_instruction_kind compute_kind(sluice_action_kind kind) {
    switch (kind) {
    case SLUICE_ACTION_B:
        return SLUICE_INSTRUCTION_BACKWARD;
    case SLUICE_ACTION_I:
        return SLUICE_INSTRUCTION_BACKWARD_INPUT;
    case SLUICE_ACTION_W:
        return SLUICE_INSTRUCTION_BACKWARD_WEIGHT;
    default:
        return SLUICE_INSTRUCTION_FORWARD;
    }
}

/* The first writer of a step stores, the others accumulate. */
static void mark_first(lowering *at, sluice_instruction *instruction) {
    const sluice_instruction_kind kind = instruction->kind;
    if (kind == SLUICE_INSTRUCTION_BACKWARD || kind == SLUICE_INSTRUCTION_BACKWARD_INPUT) {
        instruction->first_input            = !at->wrote_input[instruction->stage];
        at->wrote_input[instruction->stage] = true;
    }
    if (kind == SLUICE_INSTRUCTION_BACKWARD || kind == SLUICE_INSTRUCTION_BACKWARD_WEIGHT) {
        instruction->first_weight            = !at->wrote_weight[instruction->stage];
        at->wrote_weight[instruction->stage] = true;
    }
}

static sluice_status add_on_buffers(lowering *at, const sluice_instruction *instruction) {
    int lives[SLUICE_ROLES];
    size_t bytes[SLUICE_ROLES];
    for (int role = 0; role < SLUICE_ROLES; role++) {
        bytes[role] = sluice__slot_bytes(at->program, instruction, (sluice_role)role);
        if (bytes[role] == 0) continue;
        if (role == SLUICE_ROLE_SCRATCH)
            SLUICE__TRY(sluice__add_life(at->out, &lives[role], role));
        else
            SLUICE__TRY(find_life(at, &lives[role], (sluice_role)role, instruction->stage,
                                  instruction->microbatch));
    }
    SLUICE__TRY(sluice__add_instruction(at->out, instruction));
    for (int role = 0; role < SLUICE_ROLES; role++)
        if (bytes[role])
            SLUICE__TRY(sluice__use_life(at->out, lives[role], (sluice_role)role, bytes[role]));
    return SLUICE_OK;
}

static bool is_backward(sluice_action_kind kind) {
    return kind == SLUICE_ACTION_B || kind == SLUICE_ACTION_I;
}

/* F number `k` of the rank is done again before its backward: the stage recomputes, and the
 * backward does not follow at once. */
static bool is_recomputed(const lowering *at, int k) {
    const sluice_action *f = &at->links->actions[k];
    if (!at->program->trains || !at->program->recompute[f->stage]) return false;
    if (k + 1 == at->links->action_count) return true;
    const sluice_action *next = f + 1;
    return !(is_backward(next->kind) && next->stage == f->stage &&
             next->microbatch == f->microbatch);
}

/* Action number `k` of the rank. */
static sluice_status add_compute(lowering *at, int k) {
    const sluice_action *action    = &at->links->actions[k];
    sluice_instruction instruction = sluice__blank;
    instruction.kind               = compute_kind(action->kind);
    instruction.stage              = action->stage;
    instruction.microbatch         = action->microbatch;
    instruction.group              = action->group;
    if (action->kind == SLUICE_ACTION_F) {
        instruction.recomputed                                             = is_recomputed(at, k);
        at->recomputed[place_of(at, 0, action->stage, action->microbatch)] = instruction.recomputed;
    }
    mark_first(at, &instruction);
    return add_on_buffers(at, &instruction);
}

/* What the block's backward actions need again; it need not wait for their gradients. */
static sluice_status add_recomputes(lowering *at, const sluice__block *block) {
    for (int k = block->first; k < block->first + block->count; k++) {
        const sluice_action *action    = &at->links->actions[k];
        sluice_instruction instruction = sluice__blank;
        if (!is_backward(action->kind) ||
            !at->recomputed[place_of(at, 0, action->stage, action->microbatch)])
            continue;
        instruction.kind       = SLUICE_INSTRUCTION_RECOMPUTE;
        instruction.stage      = action->stage;
        instruction.microbatch = action->microbatch;
        SLUICE__TRY(add_on_buffers(at, &instruction));
    }
    return SLUICE_OK;
}

/* ---- transfers ---- */

/* As many as its producer makes. */
static size_t payload_bytes(const sluice_program *program, const sluice_instruction *post) {
    const bool activation          = post->payload == SLUICE_PAYLOAD_ACTIVATION;
    const sluice_instruction maker = {.kind       = activation ? SLUICE_INSTRUCTION_FORWARD
                                                               : SLUICE_INSTRUCTION_BACKWARD_INPUT,
                                      .stage      = sluice__producer_of(post),
                                      .microbatch = post->microbatch};
    return sluice__slot_bytes(program, &maker,
                              activation ? SLUICE_ROLE_OUTPUT : SLUICE_ROLE_INPUT_GRADIENT);
}

/* The role under which a post's buffer is known to its stage. */
static sluice_role post_role(const sluice__post *post) {
    if (post->payload == SLUICE_PAYLOAD_ACTIVATION)
        return post->sends ? SLUICE_ROLE_OUTPUT : SLUICE_ROLE_INPUT;
    return post->sends ? SLUICE_ROLE_INPUT_GRADIENT : SLUICE_ROLE_OUTPUT_GRADIENT;
}

static sluice_status add_post(lowering *at, int which) {
    const sluice__post *post       = &at->links->posts[which];
    sluice_instruction instruction = sluice__blank;
    instruction.kind = post->sends ? SLUICE_INSTRUCTION_POST_SEND : SLUICE_INSTRUCTION_POST_RECEIVE;
    instruction.stage      = post->stage;
    instruction.microbatch = post->microbatch;
    instruction.group      = post->group;
    instruction.sends      = post->sends;
    instruction.peer       = post->peer;
    instruction.transfer   = post->transfer;
    instruction.payload    = (uint8_t)post->payload;
    int life;
    SLUICE__TRY(find_life(at, &life, post_role(post), post->stage, post->microbatch));
    SLUICE__TRY(sluice__add_instruction(at->out, &instruction));
    at->post_at[which] = at->out->count - 1;
    return sluice__use_life(at->out, life, post->sends ? SLUICE_ROLE_INPUT : SLUICE_ROLE_OUTPUT,
                            payload_bytes(at->program, &instruction));
}

static sluice_status wait_for(lowering *at, int which) {
    if (at->waited[which]) return SLUICE_OK;
    at->waited[which] = true;
    return sluice__add_wait(at->out, at->post_at[which]);
}

/* The sends whose slots are free by the time that this one's producer begins; `depth` of the link
 * may be outstanding in any case. */
static sluice_status wait_for_sends(lowering *at, const sluice__post *post, int posted) {
    const int far   = post->transfer + 1 - at->depth;
    const int last  = post->released < far ? post->released : far;
    int *const next = &at->released[post->peer];
    for (; *next < last; ++*next) {
        const int which = at->sends[at->first_send[post->peer] + *next];
        if (which >= posted) break;
        SLUICE__TRY(wait_for(at, which));
    }
    return SLUICE_OK;
}

/* A gradient that has arrived proves that the output it belongs to did: that need not be kept. */
static sluice_status wait_for_output(lowering *at, const sluice__post *gradient, int posted) {
    const int which = at->output_send[place_of(at, 0, gradient->stage, gradient->microbatch)];
    return which >= 0 && which < posted ? wait_for(at, which) : SLUICE_OK;
}

/* Before block `b`: its inputs are there, and the slots of its sends are few. */
static sluice_status add_waits(lowering *at, int b, int posted) {
    for (int k = at->of_block[b]; k >= 0; k = at->next_of_block[k]) {
        if (at->links->posts[k].sends)
            SLUICE__TRY(wait_for_sends(at, &at->links->posts[k], posted));
    }
    for (int k = at->of_block[b]; k >= 0; k = at->next_of_block[k]) {
        const sluice__post *post = &at->links->posts[k];
        if (post->sends || k >= posted) continue;
        SLUICE__TRY(wait_for(at, k));
        if (post->payload == SLUICE_PAYLOAD_GRADIENT)
            SLUICE__TRY(wait_for_output(at, post, posted));
    }
    return SLUICE_OK;
}

static sluice_status lower_steps(lowering *at) {
    const sluice__rank_links *links = at->links;
    int posted                      = 0;
    for (int b = 0; b <= links->block_count; b++) {
        for (; posted < links->post_count && links->posts[posted].at <= b; posted++)
            SLUICE__TRY(add_post(at, posted));
        if (b == links->block_count) break;
        SLUICE__TRY(add_recomputes(at, &links->blocks[b]));
        SLUICE__TRY(add_waits(at, b, posted));
        for (int k = 0; k < links->blocks[b].count; k++)
            SLUICE__TRY(add_compute(at, links->blocks[b].first + k));
    }
    for (int k = 0; k < posted; k++) SLUICE__TRY(wait_for(at, k));
    return SLUICE_OK;
}

/* ---- all ---- */

/* The posts that each block makes or uses, in their order. */
static sluice_status group_posts(lowering *at) {
    const sluice__rank_links *links = at->links;
    SLUICE__TRY(sluice__alloc(&at->of_block, (size_t)links->block_count, sizeof *at->of_block));
    SLUICE__TRY(
        sluice__alloc(&at->next_of_block, (size_t)links->post_count, sizeof *at->next_of_block));
    for (int b = 0; b < links->block_count; b++) at->of_block[b] = -1;
    for (int k = links->post_count - 1; k >= 0; k--) {
        int *const first     = &at->of_block[links->posts[k].block];
        at->next_of_block[k] = *first;
        *first               = k;
    }
    return SLUICE_OK;
}

/* A link's sends are numbered from 0 in the order in which they are posted. */
static sluice_status index_sends(lowering *at) {
    const sluice__rank_links *links = at->links;
    const int p                     = at->program->ranks;
    SLUICE__TRY(sluice__alloc(&at->sends, (size_t)links->post_count, sizeof *at->sends));
    SLUICE__TRY(sluice__alloc(&at->first_send, (size_t)p + 1, sizeof *at->first_send));
    SLUICE__TRY(sluice__alloc(&at->released, (size_t)p, sizeof *at->released));
    for (int k = 0; k < links->post_count; k++)
        if (links->posts[k].sends) at->first_send[links->posts[k].peer + 1]++;
    for (int q = 0; q < p; q++) at->first_send[q + 1] += at->first_send[q];
    for (int k = 0; k < links->post_count; k++)
        if (links->posts[k].sends)
            at->sends[at->first_send[links->posts[k].peer] + links->posts[k].transfer] = k;
    return SLUICE_OK;
}

static sluice_status index_stages(lowering *at) {
    const sluice_program *program = at->program;
    SLUICE__TRY(sluice__alloc(&at->local, (size_t)program->stages, sizeof *at->local));
    for (int s = 0; s < program->stages; s++)
        at->local[s] = program->stage_rank[s] == at->rank ? at->stages++ : -1;
    const size_t all = (size_t)at->stages * (size_t)program->microbatches;
    SLUICE__TRY(sluice__alloc(&at->recomputed, all, sizeof *at->recomputed));
    SLUICE__TRY(sluice__alloc(&at->known, SLUICE_ROLES * all, sizeof *at->known));
    for (size_t k = 0; k < SLUICE_ROLES * all; k++) at->known[k] = -1;
    SLUICE__TRY(sluice__alloc(&at->output_send, all, sizeof *at->output_send));
    for (size_t k = 0; k < all; k++) at->output_send[k] = -1;
    for (int k = 0; k < at->links->post_count; k++) {
        const sluice__post *post = &at->links->posts[k];
        if (post->sends && post->payload == SLUICE_PAYLOAD_ACTIVATION)
            at->output_send[place_of(at, 0, post->stage, post->microbatch)] = k;
    }
    return SLUICE_OK;
}

static sluice_status prepare(lowering *at) {
    const size_t posts  = (size_t)at->links->post_count;
    const size_t stages = (size_t)at->program->stages;
    SLUICE__TRY(sluice__alloc(&at->post_at, posts, sizeof *at->post_at));
    SLUICE__TRY(sluice__alloc(&at->waited, posts, sizeof *at->waited));
    SLUICE__TRY(group_posts(at));
    SLUICE__TRY(index_sends(at));
    SLUICE__TRY(index_stages(at));
    SLUICE__TRY(sluice__alloc(&at->wrote_input, stages, sizeof *at->wrote_input));
    return sluice__alloc(&at->wrote_weight, stages, sizeof *at->wrote_weight);
}

sluice_status sluice__lower_rank(sluice__lowered *out, const sluice_program *program,
                                 const sluice__rank_links *links, int rank, int depth) {
    lowering at = {.program = program, .links = links, .out = out, .rank = rank, .depth = depth};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(prepare(&at));
    SLUICE__TRY_OUT(lower_steps(&at));
    SLUICE__TRY_OUT(sluice__lower_update(out, program, links, rank));
out:
    sluice__free(at.local);
    sluice__free(at.known);
    sluice__free(at.post_at);
    sluice__free(at.waited);
    sluice__free(at.sends);
    sluice__free(at.first_send);
    sluice__free(at.released);
    sluice__free(at.output_send);
    sluice__free(at.of_block);
    sluice__free(at.next_of_block);
    sluice__free(at.wrote_input);
    sluice__free(at.wrote_weight);
    sluice__free(at.recomputed);
    return status;
}
