/* SPDX-License-Identifier: MIT */
/* compiled.h -- the structs of a compiled program, for the files that make it and the executor. */
#ifndef SLUICE_PROGRAM_COMPILED_H
#define SLUICE_PROGRAM_COMPILED_H

#include "runtime/base/placement.h"
#include "runtime/program/edges.h"
#include "runtime/program/instruction.h"
#include "runtime/program/memory/layout.h"
#include "sluice/program.h"

/* Large programs have a hundred million of them. */
_Static_assert(sizeof(sluice_instruction) == 28, "an instruction takes 28 bytes");
_Static_assert(sizeof(sluice_transfer_times) == 32, "a transfer takes 32 bytes");
_Static_assert((int)SLUICE_MAX_STAGES <= INT16_MAX, "ranks and stages have 16 bits");

/* A parameter on a rank, shared by all its uses there. Offsets are into the arena. */
typedef struct sluice__value {
    int use;       /* its first use on this rank */
    bool is_first; /* that is also the model's first use: counted in norm, digest and file */
    size_t master, gradient, states[SLUICE_UPDATE_STATES];
    size_t working, working_bytes; /* the copy that layers read; 0 bytes: they read the master */
    int64_t count;                 /* elements */
} sluice__value;

/* A tied parameter that a rank holds, and the offsets of the gradients of all its uses there. */
typedef struct sluice__tie {
    int first; /* the model's first use of it */
    int edge;  /* of the first term; the others follow it */
    int terms;
    int *uses;       /* [terms], in layer order */
    size_t *offsets; /* [terms] */
    size_t sum;      /* the gradient that the update reads */
} sluice__tie;

typedef struct sluice__rank_program {
    sluice_instruction *list;
    int count;
    sluice_slot *slots; /* that its instructions use, each once: sluice__slot() */
    int slot_count;
    int *rows;             /* of actions: `width` indices of slots each, equal rows once */
    int row_length, width; /* ints of `rows` */
    sluice__value *values; /* in model order */
    int value_count;
    sluice__tie *ties;
    int tie_count;
    size_t losses, partials; /* doubles: one per micro-batch, one per value */
    size_t *alive;           /* per instruction: bytes in use; NULL where no bytes are known */
    sluice_program_bytes bytes;
} sluice__rank_program;

/* Slot k of an instruction of this rank. The `row` of a post, and of its wait, is the one slot that
 * is sent from or received into; that of an action is a row of slots. Slot 0 is absent. */
static inline sluice_slot sluice__slot(const sluice__rank_program *rank,
                                       const sluice_instruction *at, int k) {
    const int only = at->sends ? SLUICE_ROLE_INPUT : SLUICE_ROLE_OUTPUT;
    return rank->slots[sluice__is_compute(at) ? rank->rows[at->row + k] : k == only ? at->row : 0];
}

/* The slot that a post sends from, or receives into. */
static inline sluice_slot sluice__post_slot(const sluice__rank_program *rank,
                                            const sluice_instruction *post) {
    return rank->slots[post->row];
}

static inline bool sluice__has_row(const sluice__rank_program *rank, const sluice_instruction *at) {
    return at->row >= 0 && (sluice__is_compute(at) ? at->row <= rank->row_length - rank->width
                                                   : at->row < rank->slot_count);
}

struct sluice_program {
    const sluice_model *model; /* or NULL */
    sluice_program_options options;
    int ranks, stages, microbatches;
    bool trains;
    bool sized; /* bytes are known, from a model or from the options */
    int *stage_rank;
    bool *recompute;         /* per stage */
    int64_t *first_sample;   /* [microbatches + 1] */
    sluice__layout *layouts; /* per stage */
    sluice__edges edges;
    int *use_stage; /* [uses]: the stage of each use of the model */
    int *next_use;  /* [uses]: the next use of the same values; -1: there is none */
    size_t *use_values, *use_gradients; /* per use of the model: offsets on its layer's rank, of
                                         * what layers read and what they write */
    size_t *layer_states; /* [layer * SLUICE_LAYER_STATES + k]: offsets on the layer's rank */
    sluice__rank_program *rank;
};

/* ---- compile.c ---- */

/* As sluice_program_compile(), without a model, for stages that are joined by `tensors` rather than
 * in a line: an output may skip stages, and a stage may have several inputs and outputs. */
sluice_status sluice__program_compile_edges(sluice_program **out, const sluice_schedule *schedule,
                                            const sluice__tensor *tensors, int count,
                                            const sluice_program_options *options);

/* The split must have a stage for each of the schedule's, cover `layers` layers of `what` ("model",
 * "profile"), and leave no stage empty. E_ARGUMENT. */
sluice_status sluice__check_split(const sluice_split *split, const sluice_schedule *schedule,
                                  int layers, const char *what);

/* The stage that a layer of the model is on. */
int sluice__layer_stage(const sluice_program *program, int layer);

/* ---- memory/slots.c ---- */

/* Bytes of slot k in a compute instruction. What crosses an edge has the size of that micro-batch,
 * what stays inside the stage that of the largest one. 0: not used. */
size_t sluice__slot_bytes(const sluice_program *program, const sluice_instruction *at, int k);
/* Bytes that cross an edge for micro-batch i, which is -1 for a tie. */
size_t sluice__edge_bytes(const sluice_program *program, int edge, int i);

/* ---- ties.c ---- */
/* program->use_stage and program->next_use. E_HOST_MEMORY. */
sluice_status sluice__index_uses(sluice_program *program);
/* The edges of tied parameters: from each use's stage to each holder's first. E_HOST_MEMORY. */
sluice_status sluice__add_tie_edges(sluice_program *program);
/* Whether a later use shares the values of use `first`. */
bool sluice__is_tied(const sluice_program *program, int first);
/* The rank of the stage that a use of a parameter is on. */
int sluice__use_rank(const sluice_program *program, int use);
/* The first use on `rank` of the parameter whose first use is `first`; -1: it has none. */
int sluice__first_held(const sluice_program *program, int rank, int first);
/* The first of the edges that carry the terms of parameter `first` to `rank`; the others follow it
 * in the order of uses. -1: there are none. */
int sluice__tie_edge(const sluice_program *program, int rank, int first);

struct sluice__lowered;
/* ---- memory/bind.c ---- */
/* Set the `row` of every instruction of the list, whose transient bytes begin at `base`, and the
 * slots and rows of the rank. E_HOST_MEMORY. */
sluice_status sluice__bind_slots(sluice__rank_program *rank, const struct sluice__lowered *lowered,
                                 size_t base, int width);

/* ---- memory/arena.c ---- */
/* Take `bytes` from the arena, count them in `*kind`, and return their offset. */
size_t sluice__take(sluice__rank_program *rank, size_t *kind, size_t bytes);
/* Offsets of what every rank keeps between steps: parameters, gradients, state. E_HOST_MEMORY. */
sluice_status sluice__plan_permanent(sluice_program *program);
/* Fill program->rank[rank] from the lowered list, whose instructions it takes over.
 * E_HOST_MEMORY. */
sluice_status sluice__plan_rank(sluice_program *program, int rank, struct sluice__lowered *lowered);

/* ---- memory/layer_state.c ---- */
/* Take permanent bytes for the state of every layer, on its rank. E_HOST_MEMORY. */
sluice_status sluice__plan_layer_states(sluice_program *program);
/* State k of a layer, as its kind describes it. */
const sluice_layer_state *sluice__layer_state(const sluice_program *program, int layer, int k);
int sluice__layer_state_count(const sluice_program *program, int layer);
int sluice__layer_rank(const sluice_program *program, int layer);

/* ---- verify/ ---- */
/* `*deadlock`: whether the failure is one. E_SCHEDULE, E_HOST_MEMORY. */
sluice_status sluice__verify(const sluice_program *program, const sluice_instruction *const *lists,
                             const int *counts, sluice_queues queues, bool *deadlock);

/* ---- simulate/: costs ---- */
/* E_ARGUMENT names the first cost that is not a finite number, at least 0. */
sluice_status sluice__check_costs(const sluice_simulation_costs *costs, int stages, int ranks);
/* Of one instruction, in the unit of `costs`. */
double sluice__action_cost(const sluice_simulation_costs *costs, const sluice_instruction *compute);
double sluice__update_cost(const sluice_simulation_costs *costs, int rank);

#endif
