/* SPDX-License-Identifier: MIT */
/* lowered.h -- a rank's list while it is lowered: instructions, and the buffers that they use. */
#ifndef SLUICE_PROGRAM_LOWERED_H
#define SLUICE_PROGRAM_LOWERED_H

#include "runtime/program/compiled.h"
#include "runtime/program/lower/posts.h"

/* An instruction uses the first `bytes` of a buffer as its slot `slot`. */
typedef struct sluice__use {
    int instruction;
    int buffer; /* index into buffers; -1: permanent bytes, at `offset` */
    int slot;
    size_t bytes, offset;
} sluice__use;

typedef struct sluice__lowered {
    sluice_instruction *list;
    int count, capacity;
    sluice__use *uses; /* ascending by instruction */
    int use_count, use_capacity;
    sluice__buffer *buffers; /* transient ones; ticks are instructions */
    int buffer_count, buffer_capacity;
    int *tie_buffers; /* per use of the model: the buffer it is received in; -1. NULL without a
                         model */
} sluice__lowered;

void sluice__lowered_free(sluice__lowered *lowered);

/* An instruction with no field set. */
extern const sluice_instruction sluice__blank;

/* These append copies. E_HOST_MEMORY. */
sluice_status sluice__add_instruction(sluice__lowered *out, const sluice_instruction *instruction);
/* A new buffer, for the instruction about to be added; `kind`: a role, or SLUICE_MEMORY_TIES. */
sluice_status sluice__add_buffer(sluice__lowered *out, int *buffer, int kind);
/* The last instruction uses `bytes` of `buffer`, or permanent bytes at `offset`, as its slot
 * `slot`. */
sluice_status sluice__use_buffer(sluice__lowered *out, int buffer, int slot, size_t bytes);
sluice_status sluice__use_permanent(sluice__lowered *out, size_t offset, int slot, size_t bytes);
/* Set what follows from the edge over which a post sends or receives. */
void sluice__name_post(sluice_instruction *post, const sluice__edges *edges, int edge, bool sends);
/* Add a wait for the post at `posted`: a copy of it, so that it names what it waits for. */
sluice_status sluice__add_wait(sluice__lowered *out, int posted);

/* ---- lower.c ---- */
/* Lower the actions of `rank`. Start from {0}; release with sluice__lowered_free(), on failure too.
 * E_HOST_MEMORY. */
sluice_status sluice__lower_rank(sluice__lowered *out, const sluice_program *program,
                                 const sluice__rank_links *links, int rank);

/* ---- lower_update.c ---- */
/* Append what follows the drain of the step's transfers. E_HOST_MEMORY. */
sluice_status sluice__lower_update(sluice__lowered *out, const sluice_program *program,
                                   const sluice__rank_links *links, int rank);

#endif
