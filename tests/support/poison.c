/* SPDX-License-Identifier: MIT */
/* poison.c -- fills the bytes of an arena that are dead before an instruction with NaN. */
#include "tests/support/poison.h"

#include "tests/support/support.h"

enum { BLOCK = 256 };

/* Blocks of the transient bytes that are alive when an instruction begins: [instruction][block]. */
static struct {
    unsigned char *alive;
    size_t blocks, base;
    const sluice_instruction *list;
} known[POISON_RANKS];

static void mark(unsigned char *alive, size_t base, sluice_slot slot, bool is_alive) {
    if (slot.bytes == 0 || slot.offset < base)
        return; /* permanent memory: a gradient that is sent */
    const size_t first = (slot.offset - base) / BLOCK;
    const size_t last  = (slot.offset - base + slot.bytes - 1) / BLOCK;
    memset(alive + first, is_alive, last - first + 1);
}

/* Buffers of transfers are alive from post to wait: the copy may come at any time between. */
static bool reads_role(const sluice_instruction *at, int role) {
    if (at->kind == SLUICE_INSTRUCTION_WAIT) return true;
    return sluice__role_is_read(at->kind, (sluice_role)role);
}

static void mark_terms(unsigned char *alive, size_t base, const sluice_model *model,
                       const sluice__tie *tie) {
    const size_t bytes = sluice_shape_bytes(&sluice_model_use(model, tie->first)->parameter.shape);
    for (int k = 0; k < tie->terms; k++)
        mark(alive, base, (sluice_slot){tie->offsets[k], bytes}, true);
}

static void find_alive(const sluice__rank *rank) {
    const sluice__rank_program *mine = &rank->pipeline->program->rank[rank->index];
    const size_t base                = mine->bytes.arena - mine->bytes.transient;
    const size_t blocks              = mine->bytes.transient / BLOCK;
    unsigned char *const alive       = calloc((size_t)mine->count + 1, blocks + 1);
    assert_non_null(alive);
    for (int n = mine->count - 1; n >= 0; n--) {
        const sluice_instruction *at = &mine->list[n];
        unsigned char *const here    = alive + (size_t)n * blocks;
        memcpy(here, here + blocks, blocks);
        for (int role = 0; role < SLUICE_ROLES; role++)
            if (at->kind != SLUICE_INSTRUCTION_WAIT && !reads_role(at, role))
                mark(here, base, sluice__slot(mine, at, role), false);
        for (int role = 0; role < SLUICE_ROLES; role++)
            if (reads_role(at, role)) mark(here, base, sluice__slot(mine, at, role), true);
        for (int t = 0; t < mine->tie_count; t++)
            if (at->kind == SLUICE_INSTRUCTION_TIE_REDUCE && mine->ties[t].edge == at->edge)
                mark_terms(here, base, rank->pipeline->model, &mine->ties[t]);
    }
    known[rank->index].alive  = alive;
    known[rank->index].blocks = blocks;
    known[rank->index].base   = base;
    known[rank->index].list   = mine->list;
}

void poison_the_dead(sluice__rank *rank, const sluice_instruction *at) {
    if (rank->pipeline->run.program != rank->pipeline->program) return;
    assert(rank->index < POISON_RANKS);
    if (!known[rank->index].alive) find_alive(rank);
    const size_t blocks = known[rank->index].blocks, base = known[rank->index].base;
    const unsigned char *alive =
        known[rank->index].alive + (size_t)(at - known[rank->index].list) * blocks;
    for (size_t b = 0; b < blocks; b++)
        if (!alive[b]) memset(rank->arena + base + b * BLOCK, 0xFF, BLOCK);
}

void poison_end(int ranks) {
    for (int r = 0; r < ranks; r++) {
        if (!known[r].alive) fail_msg("rank %d was not watched", r);
        free(known[r].alive);
        known[r].alive = NULL;
    }
}
