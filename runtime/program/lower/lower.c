/* SPDX-License-Identifier: MIT */
/* lower.c -- from a rank's actions to instructions on buffers, with posts and waits. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/lower/lowered.h"

/* One rank while it is lowered. */
typedef struct lowering {
    const sluice_program *program;
    const sluice__rank_links *links;
    sluice__lowered *out;
    int rank, depth;
    int *local_stage, *local_edge; /* number among those of this rank; -1: on none of its stages */
    int stages, edges;             /* of this rank */
    int *known;                    /* buffer of each (edge, micro-batch), then of each (own role,
                                    * stage, micro-batch); -1 */
    int *post_at;                  /* instruction of each post of `links` */
    bool *waited;                  /* of each post */
    int *sends, *first_send;       /* posts that send, by peer; [peer]: index of its first */
    int *released;                 /* [peer]: how many of the sends to it have been waited for */
    int *send_of;                  /* of (local edge, micro-batch): the post that sends it; -1 */
    int *of_block, *next_of_block; /* first post that a block produces or uses; the next; -1 */
    bool *wrote_input, *wrote_weight; /* per stage: its first gradient has been written */
    bool *recomputed;                 /* [local stage][micro-batch]: its F saved nothing */
    int *slot_buffers;                /* of an instruction, while it is added */
    size_t *slot_bytes;
} lowering;

/* Roles of buffers that cross no edge: the model's input, and what stays inside a stage. */
enum { OWN_ROLES = SLUICE_ROLE_SCRATCH - SLUICE__EDGE_ROLES + 1 };

static size_t of_edge(const lowering *at, int edge, int i) {
    return (size_t)at->local_edge[edge] * (size_t)at->program->microbatches + (size_t)i;
}

static size_t of_stage(const lowering *at, int stage, int i) {
    return (size_t)at->local_stage[stage] * (size_t)at->program->microbatches + (size_t)i;
}

static size_t of_own(const lowering *at, sluice_role role, int stage, int i) {
    const size_t own = role == SLUICE_ROLE_INPUT ? 0 : (size_t)role - SLUICE__EDGE_ROLES + 1;
    return ((size_t)at->edges + own * (size_t)at->stages) * (size_t)at->program->microbatches +
           of_stage(at, stage, i);
}

/* The role of an edge's buffer on this rank: that of the consumer, if it is here. */
static sluice_role kind_of_edge(const lowering *at, int edge) {
    const sluice_edge *is = &at->program->edges.list[edge].is;
    const bool here       = at->program->stage_rank[is->consumer] == at->rank;
    if (sluice__is_backward(is->payload))
        return here ? SLUICE_ROLE_OUTPUT_GRADIENT : SLUICE_ROLE_INPUT_GRADIENT;
    return here ? SLUICE_ROLE_INPUT : SLUICE_ROLE_OUTPUT;
}

static sluice_status find_buffer(lowering *at, int *buffer, size_t key, sluice_role kind) {
    int *known = &at->known[key];
    if (*known < 0) SLUICE__TRY(sluice__add_buffer(at->out, known, (int)kind));
    *buffer = *known;
    return SLUICE_OK;
}

/* The buffer of (edge, micro-batch) on this rank, created on first use. Two stages of one rank
 * share it. */
static sluice_status find_edge_buffer(lowering *at, int *buffer, int edge, int i) {
    return find_buffer(at, buffer, of_edge(at, edge, i), kind_of_edge(at, edge));
}

/* The buffer of slot k of a compute instruction. */
static sluice_status find_slot_buffer(lowering *at, int *buffer, const sluice_instruction *of,
                                      int k) {
    const sluice__slot_key key = sluice__slot_key_of(&at->program->edges, of->stage, k);
    if (key.role == SLUICE_ROLE_SCRATCH) return sluice__add_buffer(at->out, buffer, (int)key.role);
    if (key.edge >= 0) return find_edge_buffer(at, buffer, key.edge, of->microbatch);
    return find_buffer(at, buffer, of_own(at, key.role, of->stage, of->microbatch), key.role);
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

/* The first write of a step stores, the others accumulate. */
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
    const int slots = sluice__slots_of_stage(&at->program->edges, instruction->stage);
    for (int k = 0; k < slots; k++) {
        at->slot_bytes[k] = sluice__slot_bytes(at->program, instruction, k);
        if (at->slot_bytes[k] > 0)
            SLUICE__TRY(find_slot_buffer(at, &at->slot_buffers[k], instruction, k));
    }
    SLUICE__TRY(sluice__add_instruction(at->out, instruction));
    for (int k = 0; k < slots; k++)
        if (at->slot_bytes[k] > 0)
            SLUICE__TRY(sluice__use_buffer(at->out, at->slot_buffers[k], k, at->slot_bytes[k]));
    return SLUICE_OK;
}

static bool is_backward(sluice_action_kind kind) {
    return kind == SLUICE_ACTION_B || kind == SLUICE_ACTION_I;
}

/* Whether the F at action `k` runs again before its backward: the stage recomputes, and the
 * backward does not follow at once. */
static bool is_recomputed(const lowering *at, int k) {
    const sluice_action *f = &at->links->actions[k];
    if (!at->program->trains || !at->program->recompute[f->stage]) return false;
    if (k + 1 == at->links->action_count) return true;
    const sluice_action *next = f + 1;
    return !(is_backward(next->kind) && next->stage == f->stage &&
             next->microbatch == f->microbatch);
}

/* Add the compute instruction of the rank's action `k`. */
static sluice_status add_compute(lowering *at, int k) {
    const sluice_action *action    = &at->links->actions[k];
    sluice_instruction instruction = sluice__blank;
    instruction.kind               = compute_kind(action->kind);
    instruction.stage              = action->stage;
    instruction.microbatch         = action->microbatch;
    instruction.group              = action->group;
    if (action->kind == SLUICE_ACTION_F) {
        const bool again                                                = is_recomputed(at, k);
        instruction.recomputed                                          = again;
        at->recomputed[of_stage(at, action->stage, action->microbatch)] = again;
    }
    mark_first(at, &instruction);
    return add_on_buffers(at, &instruction);
}

/* Recompute what the block's backward actions need, before their gradients are waited for. */
static sluice_status add_recomputes(lowering *at, const sluice__block *block) {
    for (int k = block->first; k < block->first + block->count; k++) {
        const sluice_action *action    = &at->links->actions[k];
        sluice_instruction instruction = sluice__blank;
        if (!is_backward(action->kind) ||
            !at->recomputed[of_stage(at, action->stage, action->microbatch)])
            continue;
        instruction.kind       = SLUICE_INSTRUCTION_RECOMPUTE;
        instruction.stage      = action->stage;
        instruction.microbatch = action->microbatch;
        SLUICE__TRY(add_on_buffers(at, &instruction));
    }
    return SLUICE_OK;
}

/* ---- transfers ---- */

static sluice_status add_post(lowering *at, int which) {
    const sluice__post *post       = &at->links->posts[which];
    sluice_instruction instruction = sluice__blank;
    instruction.kind = post->sends ? SLUICE_INSTRUCTION_POST_SEND : SLUICE_INSTRUCTION_POST_RECEIVE;
    instruction.stage      = post->stage;
    instruction.microbatch = post->microbatch;
    instruction.group      = post->group;
    instruction.sends      = post->sends;
    instruction.edge       = post->edge;
    instruction.peer       = post->peer;
    instruction.transfer   = post->transfer;
    sluice__name_channel(&instruction, &at->program->edges);
    int buffer;
    SLUICE__TRY(find_edge_buffer(at, &buffer, post->edge, post->microbatch));
    SLUICE__TRY(sluice__add_instruction(at->out, &instruction));
    at->post_at[which] = at->out->count - 1;
    return sluice__use_buffer(at->out, buffer, post->sends ? SLUICE_ROLE_INPUT : SLUICE_ROLE_OUTPUT,
                              sluice__edge_bytes(at->program, post->edge, post->microbatch));
}

static sluice_status wait_for(lowering *at, int which) {
    if (at->waited[which]) return SLUICE_OK;
    at->waited[which] = true;
    return sluice__add_wait(at->out, at->post_at[which]);
}

/* Wait for the sends that will be done by the time that the producer of `post` begins; `depth`
 * sends to a peer may be outstanding in any case. */
static sluice_status wait_for_sends(lowering *at, const sluice__post *post, int posted) {
    const int far   = post->order + 1 - at->depth;
    const int last  = post->released < far ? post->released : far;
    int *const next = &at->released[post->peer];
    for (; *next < last; ++*next) {
        const int which = at->sends[at->first_send[post->peer] + *next];
        if (which >= posted) break;
        SLUICE__TRY(wait_for(at, which));
    }
    return SLUICE_OK;
}

/* When a gradient has arrived, the output that it belongs to has, too, and its send need not be
 * outstanding any longer. */
static sluice_status wait_for_output(lowering *at, const sluice__post *gradient, int posted) {
    const int output = sluice__reverse_of(&at->program->edges, gradient->edge);
    const int which  = at->send_of[of_edge(at, output, gradient->microbatch)];
    return which >= 0 && which < posted ? wait_for(at, which) : SLUICE_OK;
}

/* Before block `b`: wait for its inputs, and for earlier sends so that few are outstanding. */
static sluice_status add_waits(lowering *at, int b, int posted) {
    for (int k = at->of_block[b]; k >= 0; k = at->next_of_block[k]) {
        if (at->links->posts[k].sends)
            SLUICE__TRY(wait_for_sends(at, &at->links->posts[k], posted));
    }
    for (int k = at->of_block[b]; k >= 0; k = at->next_of_block[k]) {
        const sluice__post *post = &at->links->posts[k];
        if (post->sends || k >= posted) continue;
        SLUICE__TRY(wait_for(at, k));
        if (sluice__is_backward(at->program->edges.list[post->edge].is.payload))
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

/* Chain the posts that each block produces or uses, in order. */
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

/* List the sends to each peer in the order in which they are posted. */
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
            at->sends[at->first_send[links->posts[k].peer] + links->posts[k].order] = k;
    return SLUICE_OK;
}

static sluice_status index_stages(lowering *at) {
    const sluice_program *program = at->program;
    const sluice__edges *edges    = &program->edges;
    const size_t stages = (size_t)program->stages, crossing = 2 * (size_t)edges->activations;
    SLUICE__TRY(sluice__alloc(&at->local_stage, stages, sizeof *at->local_stage));
    SLUICE__TRY(sluice__alloc(&at->local_edge, crossing, sizeof *at->local_edge));
    for (int s = 0; s < program->stages; s++)
        at->local_stage[s] = program->stage_rank[s] == at->rank ? at->stages++ : -1;
    for (int e = 0; e < 2 * edges->activations; e++) {
        const sluice_edge *is = &edges->list[e].is;
        const bool here = at->local_stage[is->producer] >= 0 || at->local_stage[is->consumer] >= 0;
        at->local_edge[e] = here ? at->edges++ : -1;
    }
    return SLUICE_OK;
}

static sluice_status make_tables(lowering *at) {
    const size_t m     = (size_t)at->program->microbatches;
    const size_t edges = (size_t)at->edges * m, stages = (size_t)at->stages * m;
    const size_t all = edges + OWN_ROLES * stages;
    SLUICE__TRY(sluice__alloc(&at->recomputed, stages, sizeof *at->recomputed));
    SLUICE__TRY(sluice__alloc(&at->known, all, sizeof *at->known));
    for (size_t k = 0; k < all; k++) at->known[k] = -1;
    SLUICE__TRY(sluice__alloc(&at->send_of, edges, sizeof *at->send_of));
    for (size_t k = 0; k < edges; k++) at->send_of[k] = -1;
    for (int k = 0; k < at->links->post_count; k++) {
        const sluice__post *post = &at->links->posts[k];
        if (post->sends) at->send_of[of_edge(at, post->edge, post->microbatch)] = k;
    }
    return SLUICE_OK;
}

static sluice_status prepare(lowering *at) {
    const size_t posts  = (size_t)at->links->post_count;
    const size_t stages = (size_t)at->program->stages,
                 slots  = (size_t)at->program->edges.slot_count;
    SLUICE__TRY(sluice__alloc(&at->post_at, posts, sizeof *at->post_at));
    SLUICE__TRY(sluice__alloc(&at->waited, posts, sizeof *at->waited));
    SLUICE__TRY(group_posts(at));
    SLUICE__TRY(index_sends(at));
    SLUICE__TRY(index_stages(at));
    SLUICE__TRY(make_tables(at));
    SLUICE__TRY(sluice__alloc(&at->slot_buffers, slots, sizeof *at->slot_buffers));
    SLUICE__TRY(sluice__alloc(&at->slot_bytes, slots, sizeof *at->slot_bytes));
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
    sluice__free(at.local_stage);
    sluice__free(at.local_edge);
    sluice__free(at.slot_buffers);
    sluice__free(at.slot_bytes);
    sluice__free(at.known);
    sluice__free(at.post_at);
    sluice__free(at.waited);
    sluice__free(at.sends);
    sluice__free(at.first_send);
    sluice__free(at.released);
    sluice__free(at.send_of);
    sluice__free(at.of_block);
    sluice__free(at.next_of_block);
    sluice__free(at.wrote_input);
    sluice__free(at.wrote_weight);
    sluice__free(at.recomputed);
    return status;
}
