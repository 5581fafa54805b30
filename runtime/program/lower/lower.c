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
    int rank;
    int *local_stage, *local_edge; /* number among those of this rank; -1: on none of its stages */
    int stages, edges;             /* of this rank */
    int *known;                    /* buffer of each (edge, micro-batch), then of each (own role,
                                    * stage, micro-batch); -1 */
    int *post_at;                  /* instruction of each post of `links` */
    bool *waited;                  /* of each post */
    int named;                     /* waits that the schedule names, so far */
    int *of_block, *next_of_block; /* first post that is waited for before a block; the next; -1 */
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

/* Add the compute instruction of the rank's action `k`. */
static sluice_status add_compute(lowering *at, int k) {
    const sluice_action *action    = &at->links->actions[k];
    sluice_instruction instruction = sluice__blank;
    instruction.kind               = (uint8_t)sluice__compute_kind(action->kind);
    instruction.stage              = (int16_t)action->stage;
    instruction.microbatch         = action->microbatch;
    instruction.group              = action->group;
    if (action->kind == SLUICE_ACTION_F) {
        const bool again       = sluice__runs_again(at->program, at->links, k);
        instruction.recomputed = again;
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
        if (!sluice__needs_forward(action->kind) ||
            !at->recomputed[of_stage(at, action->stage, action->microbatch)])
            continue;
        instruction.kind       = SLUICE_INSTRUCTION_RECOMPUTE;
        instruction.stage      = (int16_t)action->stage;
        instruction.microbatch = action->microbatch;
        SLUICE__TRY(add_on_buffers(at, &instruction));
    }
    return SLUICE_OK;
}

/* ---- transfers ---- */

static sluice_status add_post(lowering *at, int which) {
    const sluice__post *post       = &at->links->posts[which];
    sluice_instruction instruction = sluice__blank;
    instruction.microbatch         = post->microbatch;
    instruction.group              = post->group;
    instruction.transfer           = post->transfer;
    sluice__name_post(&instruction, &at->program->edges, post->edge, post->sends);
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

/* The waits that the schedule names before post `posted` and block `b`. */
static sluice_status add_named_waits(lowering *at, int b, int posted) {
    for (; at->named < at->links->wait_count; at->named++) {
        const sluice__named_wait *wait = &at->links->waits[at->named];
        if (wait->block > b || wait->posted > posted) break;
        SLUICE__TRY(wait_for(at, wait->post));
    }
    return SLUICE_OK;
}

/* Before block `b`: wait for its inputs, and for sends that have ended by then. */
static sluice_status add_waits(lowering *at, int b, int posted) {
    for (int k = at->of_block[b]; k >= 0; k = at->next_of_block[k])
        if (k < posted && !at->links->posts[k].sends) SLUICE__TRY(wait_for(at, k));
    for (int k = at->of_block[b]; k >= 0; k = at->next_of_block[k])
        if (k < posted && at->links->posts[k].sends) SLUICE__TRY(wait_for(at, k));
    return SLUICE_OK;
}

static sluice_status lower_steps(lowering *at) {
    const sluice__rank_links *links = at->links;
    int posted                      = 0;
    for (int b = 0; b <= links->block_count; b++) {
        for (; posted < links->post_count && links->posts[posted].at <= b; posted++) {
            SLUICE__TRY(add_named_waits(at, b, posted));
            SLUICE__TRY(add_post(at, posted));
        }
        if (b < links->block_count) SLUICE__TRY(add_recomputes(at, &links->blocks[b]));
        SLUICE__TRY(add_named_waits(at, b, posted));
        if (b == links->block_count) break;
        SLUICE__TRY(add_waits(at, b, posted));
        for (int k = 0; k < links->blocks[b].count; k++)
            SLUICE__TRY(add_compute(at, links->blocks[b].first + k));
    }
    for (int k = 0; k < posted; k++) SLUICE__TRY(wait_for(at, k));
    return SLUICE_OK;
}

/* ---- all ---- */

/* Chain the posts that are waited for before each block, in order; without sends whose waits the
 * schedule names. */
static sluice_status group_posts(lowering *at) {
    const sluice__rank_links *links = at->links;
    SLUICE__TRY(sluice__alloc(&at->of_block, (size_t)links->block_count + 1, sizeof *at->of_block));
    SLUICE__TRY(
        sluice__alloc(&at->next_of_block, (size_t)links->post_count, sizeof *at->next_of_block));
    for (int b = 0; b <= links->block_count; b++) at->of_block[b] = -1;
    for (int k = links->post_count - 1; k >= 0; k--) {
        const sluice__post *post = &links->posts[k];
        if (post->waits_named) continue;
        int *const first     = &at->of_block[post->sends ? post->until : post->block];
        at->next_of_block[k] = *first;
        *first               = k;
    }
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
    return SLUICE_OK;
}

static sluice_status prepare(lowering *at) {
    const size_t posts  = (size_t)at->links->post_count;
    const size_t stages = (size_t)at->program->stages,
                 slots  = (size_t)at->program->edges.slot_count;
    SLUICE__TRY(sluice__alloc(&at->post_at, posts, sizeof *at->post_at));
    SLUICE__TRY(sluice__alloc(&at->waited, posts, sizeof *at->waited));
    SLUICE__TRY(group_posts(at));
    SLUICE__TRY(index_stages(at));
    SLUICE__TRY(make_tables(at));
    SLUICE__TRY(sluice__alloc(&at->slot_buffers, slots, sizeof *at->slot_buffers));
    SLUICE__TRY(sluice__alloc(&at->slot_bytes, slots, sizeof *at->slot_bytes));
    SLUICE__TRY(sluice__alloc(&at->wrote_input, stages, sizeof *at->wrote_input));
    return sluice__alloc(&at->wrote_weight, stages, sizeof *at->wrote_weight);
}

sluice_status sluice__lower_rank(sluice__lowered *out, const sluice_program *program,
                                 const sluice__rank_links *links, int rank) {
    lowering at          = {.program = program, .links = links, .out = out, .rank = rank};
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
    sluice__free(at.of_block);
    sluice__free(at.next_of_block);
    sluice__free(at.wrote_input);
    sluice__free(at.wrote_weight);
    sluice__free(at.recomputed);
    return status;
}
