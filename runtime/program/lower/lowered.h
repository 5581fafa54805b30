/* SPDX-License-Identifier: MIT */
/* lowered.h -- a rank's list while it is made: instructions, and the buffers that they use. */
#ifndef SLUICE_PROGRAM_LOWERED_H
#define SLUICE_PROGRAM_LOWERED_H

#include "runtime/program/compiled.h"
#include "runtime/program/lower/posts.h"

/* An instruction uses so many bytes of a buffer as its slot `slot`. */
typedef struct sluice__use {
    int instruction;
    int life; /* index into lives; -1: permanent bytes, at `offset` */
    int slot;
    size_t bytes, offset;
} sluice__use;

typedef struct sluice__lowered {
    sluice_instruction *list;
    int count, capacity;
    sluice__use *uses; /* ascending by instruction */
    int use_count, use_capacity;
    sluice__life *lives; /* transient buffers; begin and end in instructions */
    int life_count, life_capacity;
    int *tie_lives; /* per use of the model: where it is received, or -1; NULL without a model */
} sluice__lowered;

void sluice__lowered_free(sluice__lowered *lowered);

/* An instruction of which nothing is said yet. */
extern const sluice_instruction sluice__blank;

sluice_status sluice__add_instruction(sluice__lowered *out, const sluice_instruction *instruction);
/* A new buffer, for the instruction about to be added. */
sluice_status sluice__add_life(sluice__lowered *out, int *life, int kind);
/* The last instruction uses `bytes` of `life` as its slot `slot`; or of permanent bytes at
 * `offset`. */
sluice_status sluice__use_life(sluice__lowered *out, int life, int slot, size_t bytes);
sluice_status sluice__use_permanent(sluice__lowered *out, size_t offset, int slot, size_t bytes);
/* What a post's edge says: its payload, and which channel it goes through. */
void sluice__name_channel(sluice_instruction *post, const sluice__edges *edges);
/* Wait for the post at `posted`: a copy of it, so that it says what it waits for. */
sluice_status sluice__add_wait(sluice__lowered *out, int posted);

/* ---- lower.c ---- */
/* The list of `rank`; `depth` sends of a link may be outstanding before one is waited for. Start
 * from {0}; release with sluice__lowered_free(), on failure too. E_HOST_MEMORY. */
sluice_status sluice__lower_rank(sluice__lowered *out, const sluice_program *program,
                                 const sluice__rank_links *links, int rank, int depth);

/* ---- lower_update.c: what comes after the step's transfers have drained ---- */
sluice_status sluice__lower_update(sluice__lowered *out, const sluice_program *program,
                                   const sluice__rank_links *links, int rank);

#endif
