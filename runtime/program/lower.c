/* SPDX-License-Identifier: MIT */
/* lower.c -- a rank's actions become instructions on named buffers, with posts and waits. */
#include <stdlib.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/internal.h"
#include "runtime/program/links.h"

/* One rank while it is lowered. */
typedef struct lowering {
    const sluice_program *program;
    const sluice__rank_links *links;
    sluice__lowered *out;
    int rank, depth;
    int *post_at;   /* instruction of each post of `links` */
    bool *waited;   /* of each post */
    int *of_block, *next_of_block; /* first post that a block makes or uses; the next; -1 */
    bool *wrote_input, *wrote_weight; /* per stage: its first gradient is written */
    bool *recomputed; /* [stage][micro-batch]: its F saved nothing */
} lowering;

/* ---- instructions and buffers ---- */

static const sluice_instruction blank = {.microbatch = -1, .after = -1, .post = -1, .peer = -1,
                                         .transfer = -1, .producer = -1, .tie = -1};

static sluice_status add_instruction(sluice__lowered *out, const sluice_instruction *instruction) {
    if (out->count == out->capacity) {
        const int capacity = out->capacity ? 2 * out->capacity : 256;
        SLUICE__TRY(sluice__grow(&out->list, (size_t)capacity, sizeof *out->list));
        SLUICE__TRY(sluice__grow(&out->buffers, (size_t)capacity, sizeof *out->buffers));
        out->capacity = capacity;
    }
    out->list[out->count] = *instruction;
    for (int role = 0; role < SLUICE_ROLES; role++) out->buffers[out->count][role] = -1;
    out->count++;
    return SLUICE_OK;
}

static sluice_status add_life(sluice__lowered *out, int *life, int kind) {
    if (out->life_count == out->life_capacity) {
        const int capacity = out->life_capacity ? 2 * out->life_capacity : 256;
        SLUICE__TRY(sluice__grow(&out->lives, (size_t)capacity, sizeof *out->lives));
        out->life_capacity = capacity;
    }
    *life                          = out->life_count++;
    out->lives[*life].begin        = out->count; /* the instruction about to be added */
    out->lives[*life].kind         = kind;
    return SLUICE_OK;
}

/* The last instruction uses `bytes` of `life` as `role`. */
static void use_life(sluice__lowered *out, int life, sluice_role role, size_t bytes) {
    const int now                        = out->count - 1;
    out->buffers[now][role]              = life;
    out->list[now].slots[role].bytes     = bytes;
    if (out->lives[life].bytes < bytes) out->lives[life].bytes = bytes;
    out->lives[life].end = now;
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
    int *known = &at->out->known[((size_t)role * (size_t)program->stages + (size_t)stage) *
                                     (size_t)program->microbatches + (size_t)i];
    if (*known < 0) SLUICE__TRY(add_life(at->out, known, (int)role));
    *life = *known;
    return SLUICE_OK;
}

/* ---- compute ---- */

static sluice_instruction_kind compute_kind(sluice_action_kind kind) {
    switch (kind) {
    case SLUICE_ACTION_B: return SLUICE_INSTRUCTION_BACKWARD;
    case SLUICE_ACTION_I: return SLUICE_INSTRUCTION_BACKWARD_INPUT;
    case SLUICE_ACTION_W: return SLUICE_INSTRUCTION_BACKWARD_WEIGHT;
    default: return SLUICE_INSTRUCTION_FORWARD;
    }
}

/* The first writer of a step stores, the others accumulate. */
static void mark_first(lowering *at, sluice_instruction *instruction) {
    const sluice_instruction_kind kind = instruction->kind;
    if (kind == SLUICE_INSTRUCTION_BACKWARD || kind == SLUICE_INSTRUCTION_BACKWARD_INPUT) {
        instruction->first_input           = !at->wrote_input[instruction->stage];
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
            SLUICE__TRY(add_life(at->out, &lives[role], role));
        else
            SLUICE__TRY(find_life(at, &lives[role], (sluice_role)role, instruction->stage,
                                  instruction->microbatch));
    }
    SLUICE__TRY(add_instruction(at->out, instruction));
    for (int role = 0; role < SLUICE_ROLES; role++)
        if (bytes[role]) use_life(at->out, lives[role], (sluice_role)role, bytes[role]);
    return SLUICE_OK;
}

static bool is_backward(sluice_action_kind kind) {
    return kind == SLUICE_ACTION_B || kind == SLUICE_ACTION_I;
}

/* F number `k` of the rank is done again before its backward: the stage recomputes, and the backward
 * does not follow at once. */
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
    sluice_instruction instruction = blank;
    instruction.kind               = compute_kind(action->kind);
    instruction.stage              = action->stage;
    instruction.microbatch         = action->microbatch;
    instruction.group              = action->group;
    if (action->kind == SLUICE_ACTION_F) {
        instruction.recomputed = is_recomputed(at, k);
        at->recomputed[(size_t)action->stage * (size_t)at->program->microbatches +
                       (size_t)action->microbatch] = instruction.recomputed;
    }
    mark_first(at, &instruction);
    return add_on_buffers(at, &instruction);
}

/* What the block's backward actions need again; it need not wait for their gradients. */
static sluice_status add_recomputes(lowering *at, const sluice__block *block) {
    for (int k = block->first; k < block->first + block->count; k++) {
        const sluice_action *action    = &at->links->actions[k];
        sluice_instruction instruction = blank;
        if (!is_backward(action->kind) ||
            !at->recomputed[(size_t)action->stage * (size_t)at->program->microbatches +
                            (size_t)action->microbatch])
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
static size_t payload_bytes(const sluice_program *program, const sluice__post *post) {
    const bool activation = post->payload == SLUICE_PAYLOAD_ACTIVATION;
    const sluice_instruction maker = {
        .kind  = activation ? SLUICE_INSTRUCTION_FORWARD : SLUICE_INSTRUCTION_BACKWARD_INPUT,
        .stage = post->producer, .microbatch = post->microbatch};
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
    sluice_instruction instruction = blank;
    instruction.kind = post->sends ? SLUICE_INSTRUCTION_POST_SEND : SLUICE_INSTRUCTION_POST_RECEIVE;
    instruction.stage      = post->stage;
    instruction.microbatch = post->microbatch;
    instruction.sends      = post->sends;
    instruction.peer       = post->peer;
    instruction.transfer   = post->transfer;
    instruction.payload    = post->payload;
    instruction.producer   = post->producer;
    int life;
    SLUICE__TRY(find_life(at, &life, post_role(post), post->stage, post->microbatch));
    SLUICE__TRY(add_instruction(at->out, &instruction));
    use_life(at->out, life, post->sends ? SLUICE_ROLE_INPUT : SLUICE_ROLE_OUTPUT,
             payload_bytes(at->program, post));
    at->post_at[which] = at->out->count - 1;
    return SLUICE_OK;
}

/* Wait for the post at `posted`: a copy of it, so that it says what it waits for. */
static sluice_status add_wait(sluice__lowered *out, int posted) {
    sluice_instruction instruction = out->list[posted];
    instruction.kind               = SLUICE_INSTRUCTION_WAIT;
    instruction.post               = posted;
    const sluice_role role = instruction.sends ? SLUICE_ROLE_INPUT : SLUICE_ROLE_OUTPUT;
    const int life         = out->buffers[posted][role];
    SLUICE__TRY(add_instruction(out, &instruction));
    if (life >= 0) use_life(out, life, role, instruction.slots[role].bytes);
    return SLUICE_OK;
}

static sluice_status wait_for(lowering *at, int which) {
    if (at->waited[which]) return SLUICE_OK;
    at->waited[which] = true;
    return add_wait(at->out, at->post_at[which]);
}

/* The send `depth` before `post` on the same link, or -1. */
static int earlier_send(const lowering *at, int which) {
    const sluice__post *post = &at->links->posts[which];
    for (int k = which - 1; k >= 0; k--) {
        const sluice__post *other = &at->links->posts[k];
        if (other->sends && other->peer == post->peer &&
            other->transfer == post->transfer - at->depth)
            return k;
    }
    return -1;
}

/* Before block `b`: its inputs are there, and the slots of its sends are few. */
static sluice_status add_waits(lowering *at, int b, int posted) {
    for (int k = at->of_block[b]; k >= 0; k = at->next_of_block[k]) {
        if (!at->links->posts[k].sends) continue;
        const int earlier = earlier_send(at, k);
        if (earlier >= 0 && earlier < posted) SLUICE__TRY(wait_for(at, earlier));
    }
    for (int k = at->of_block[b]; k >= 0; k = at->next_of_block[k])
        if (!at->links->posts[k].sends && k < posted) SLUICE__TRY(wait_for(at, k));
    return SLUICE_OK;
}

/* The posts that each block makes or uses, in their order. */
static sluice_status group_posts(lowering *at) {
    const sluice__rank_links *links = at->links;
    SLUICE__TRY(sluice__alloc(&at->of_block, (size_t)links->block_count, sizeof *at->of_block));
    SLUICE__TRY(sluice__alloc(&at->next_of_block, (size_t)links->post_count,
                              sizeof *at->next_of_block));
    for (int b = 0; b < links->block_count; b++) at->of_block[b] = -1;
    for (int k = links->post_count - 1; k >= 0; k--) {
        int *const first     = &at->of_block[links->posts[k].block];
        at->next_of_block[k] = *first;
        *first               = k;
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

/* ---- after the drain: ties, norm, update ---- */

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

/* The gradient of use `u` goes from its rank to every other holder. */
static sluice_status exchange_use(lowering *at, int *numbers, int u) {
    const sluice_program *program   = at->program;
    const sluice_parameter_use *use = sluice_model_use(program->model, u);
    const int owner                 = use_rank(program, u);
    if (!rank_holds(program, at->rank, use->first)) return SLUICE_OK;
    for (int q = 0; q < program->ranks; q++) {
        const bool sends = owner == at->rank;
        if (q == owner || !rank_holds(program, q, use->first)) continue;
        if (!sends && q != at->rank) continue;
        sluice_instruction instruction = blank;
        instruction.kind =
            sends ? SLUICE_INSTRUCTION_POST_SEND : SLUICE_INSTRUCTION_POST_RECEIVE;
        instruction.sends    = sends;
        instruction.stage    = u;
        instruction.peer     = sends ? q : owner;
        instruction.transfer = numbers[2 * instruction.peer + sends]++;
        instruction.payload  = SLUICE_PAYLOAD_TIE;
        instruction.producer = u;
        const size_t bytes   = sluice_shape_bytes(&use->parameter.shape);
        int life             = -1;
        if (!sends) SLUICE__TRY(add_life(at->out, &life, SLUICE_MEMORY_TIES));
        SLUICE__TRY(add_instruction(at->out, &instruction));
        sluice_slot *slots = at->out->list[at->out->count - 1].slots;
        slots[sends ? SLUICE_ROLE_INPUT : SLUICE_ROLE_OUTPUT] =
            (sluice_slot){sends ? program->use_gradients[u] : 0, bytes};
        if (sends) continue;
        use_life(at->out, life, SLUICE_ROLE_OUTPUT, bytes);
        at->out->tie_lives[u] = life;
    }
    return SLUICE_OK;
}

/* What has crossed each link in the step: ties' transfers are numbered on from there. */
static void count_transfers(const lowering *at, int *numbers) {
    for (int k = 0; k < at->links->post_count; k++) {
        const sluice__post *post = &at->links->posts[k];
        int *number              = &numbers[2 * post->peer + post->sends];
        if (post->transfer >= *number) *number = post->transfer + 1;
    }
}

static sluice_status exchange_ties(lowering *at) {
    int *numbers;
    SLUICE__TRY(sluice__alloc(&numbers, 2 * (size_t)at->program->ranks, sizeof *numbers));
    count_transfers(at, numbers);
    const int begin      = at->out->count;
    sluice_status status = SLUICE_OK;
    for (int u = 0; u < sluice_model_use_count(at->program->model); u++) {
        const int first = sluice_model_use(at->program->model, u)->first;
        bool tied       = false;
        for (int other = first + 1; other < sluice_model_use_count(at->program->model); other++)
            tied = tied || sluice_model_use(at->program->model, other)->first == first;
        if (tied) SLUICE__TRY_OUT(exchange_use(at, numbers, u));
    }
    const int end = at->out->count;
    for (int k = begin; k < end; k++) SLUICE__TRY_OUT(add_wait(at->out, k));
out:
    sluice__free(numbers);
    return status;
}

static sluice_status add_ties(lowering *at) {
    SLUICE__TRY(exchange_ties(at));
    const sluice__rank_program *rank = &at->program->rank[at->rank];
    for (int t = 0; t < rank->tie_count; t++) {
        sluice_instruction reduce = blank;
        reduce.kind               = SLUICE_INSTRUCTION_TIE_REDUCE;
        reduce.tie                = rank->ties[t].first;
        SLUICE__TRY(add_instruction(at->out, &reduce));
        for (int k = 0; k < rank->ties[t].terms; k++) {
            const int life = at->out->tie_lives[rank->ties[t].uses[k]];
            if (life >= 0) at->out->lives[life].end = at->out->count - 1;
        }
    }
    return SLUICE_OK;
}

static sluice_status add_update(lowering *at) {
    if (!at->program->trains) return SLUICE_OK;
    if (at->program->model) SLUICE__TRY(add_ties(at));
    sluice_instruction instruction = blank;
    instruction.kind               = SLUICE_INSTRUCTION_NORM;
    SLUICE__TRY(add_instruction(at->out, &instruction));
    instruction.kind = SLUICE_INSTRUCTION_UPDATE;
    return add_instruction(at->out, &instruction);
}

/* ---- all ---- */

static sluice_status prepare(lowering *at) {
    const size_t posts  = (size_t)at->links->post_count;
    const size_t stages = (size_t)at->program->stages;
    const size_t known  = SLUICE_ROLES * stages * (size_t)at->program->microbatches;
    SLUICE__TRY(sluice__alloc(&at->post_at, posts, sizeof *at->post_at));
    SLUICE__TRY(sluice__alloc(&at->waited, posts, sizeof *at->waited));
    SLUICE__TRY(group_posts(at));
    SLUICE__TRY(sluice__alloc(&at->wrote_input, stages, sizeof *at->wrote_input));
    SLUICE__TRY(sluice__alloc(&at->wrote_weight, stages, sizeof *at->wrote_weight));
    SLUICE__TRY(sluice__alloc(&at->recomputed, stages * (size_t)at->program->microbatches,
                              sizeof *at->recomputed));
    SLUICE__TRY(sluice__alloc(&at->out->known, known, sizeof *at->out->known));
    for (size_t k = 0; k < known; k++) at->out->known[k] = -1;
    if (!at->program->model) return SLUICE_OK;
    const int uses = sluice_model_use_count(at->program->model);
    SLUICE__TRY(sluice__alloc(&at->out->tie_lives, (size_t)uses, sizeof *at->out->tie_lives));
    for (int u = 0; u < uses; u++) at->out->tie_lives[u] = -1;
    return SLUICE_OK;
}

static sluice_status lower_rank(sluice__lowered *out, const sluice_program *program,
                                const sluice__rank_links *links, int rank, int depth) {
    lowering at          = {.program = program, .links = links, .out = out, .rank = rank,
                            .depth = depth};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(prepare(&at));
    SLUICE__TRY_OUT(lower_steps(&at));
    SLUICE__TRY_OUT(add_update(&at));
out:
    sluice__free(at.post_at);
    sluice__free(at.waited);
    sluice__free(at.of_block);
    sluice__free(at.next_of_block);
    sluice__free(at.wrote_input);
    sluice__free(at.wrote_weight);
    sluice__free(at.recomputed);
    return status;
}

sluice_status sluice__lower(sluice__lowered *ranks, const sluice_program *program,
                            const sluice_schedule *schedule, int depth) {
    sluice__rank_links *links = NULL;
    SLUICE__TRY(sluice__links_make(&links, schedule));
    sluice_status status = SLUICE_OK;
    for (int r = 0; r < program->ranks; r++)
        SLUICE__TRY_OUT(lower_rank(&ranks[r], program, &links[r], r, depth));
out:
    sluice__links_free(links, program->ranks);
    if (status != SLUICE_OK)
        for (int r = 0; r < program->ranks; r++) sluice__lowered_free(&ranks[r]);
    return status;
}

void sluice__lowered_free(sluice__lowered *lowered) {
    sluice__free(lowered->list);
    sluice__free(lowered->buffers);
    sluice__free(lowered->lives);
    sluice__free(lowered->known);
    sluice__free(lowered->tie_lives);
    *lowered = (sluice__lowered){0};
}
