/* SPDX-License-Identifier: MIT */
/*
 * edges.h -- which tensors go from stage to stage, and through which channels between ranks.
 *
 * A stage's F takes its inputs and makes its outputs; its B or I takes an output gradient for each
 * output and makes an input gradient for each input:
 *
 *      stage 0 ----- activation ----> stage 1 ----- activation ----> stage 2
 *           | <------ gradient ------   |  <------- gradient -------   ^ |
 *           +----------------- activation, over a stage ---------------+ |
 *            <------------------------ gradient -------------------------+
 *
 * Everything else that must know who made something, who uses it, or how large it is, looks it up
 * here.
 */
#ifndef SLUICE_PROGRAM_EDGES_H
#define SLUICE_PROGRAM_EDGES_H

#include "sluice/program.h"

typedef struct sluice__edge {
    sluice_edge is;
    int channel;                /* in `channels`; -1: both stages are on one rank */
    size_t bytes, sample_bytes; /* of one transfer: bytes + samples * sample_bytes */
} sluice__edge;

/* Which queue from one rank to another: there is one for everything from one stage to another. */
typedef struct sluice__channel_key {
    int from, to, index; /* ranks; which of the channels between them in that direction */
} sluice__channel_key;

/* What a slot is for. There is one for each role, then one for each further edge of a role. */
typedef struct sluice__slot_key {
    sluice_role role;
    int edge; /* -1: the stage's own */
} sluice__slot_key;

typedef struct sluice__edges {
    int stages;
    sluice__edge *list; /* activations by producer, consumer and tensor; their gradients in the same
                         * order; ties by parameter, holder and use */
    int count, activations;
    int *first_output;         /* [stages + 1]: where each stage's activations begin */
    int *inputs, *first_input; /* activations by consumer; [stages + 1]: where each stage's begin */
    sluice__channel_key *channels;
    int channel_count;
    int slot_count;              /* of the stage with most */
    sluice__slot_key *slot_keys; /* [stage][slot_count] */
    int *stage_slots;            /* [stage]: so many of them it has */
} sluice__edges;

/* What the F of one stage makes for the F of a later one. */
typedef struct sluice__tensor {
    int producer, consumer;
    size_t bytes, sample_bytes; /* as in sluice__edge */
} sluice__tensor;

/* An edge for each of `tensors`, and one back for its gradient; none has a channel yet. Release
 * with sluice__edges_free(), after a failure too. E_ARGUMENT, E_HOST_MEMORY. */
sluice_status sluice__edges_make(sluice__edges *out, const sluice__tensor *tensors, int count,
                                 int stages);
void sluice__edges_free(sluice__edges *edges);
/* One more, behind the others. E_HOST_MEMORY. */
sluice_status sluice__edges_add(sluice__edges *edges, const sluice__edge *edge);
/* Give every edge its channel, once all of them are there. E_HOST_MEMORY. */
sluice_status sluice__edges_open_channels(sluice__edges *edges, const int *stage_rank, int ranks);

/* ---- of one stage, by what they are to it ---- */

/* Roles below this are of edges: input, output, output gradient, input gradient. */
enum { SLUICE__EDGE_ROLES = 4 };

/* How many edges `stage` has in `role`, and the k-th of them. Its k-th input gradient is that of
 * its k-th input, and likewise for outputs. */
int sluice__edge_count(const sluice__edges *edges, sluice_role role, int stage);
int sluice__edge_of(const sluice__edges *edges, sluice_role role, int stage, int k);

/* Of an activation, the edge of its gradient; of a gradient, that of its activation; -1. */
static inline int sluice__reverse_of(const sluice__edges *edges, int edge) {
    if (edge < edges->activations) return edge + edges->activations;
    return edge < 2 * edges->activations ? edge - edges->activations : -1;
}

/* A gradient that B or I makes and uses, rather than F. */
static inline bool sluice__is_backward(sluice_payload payload) {
    return payload == SLUICE_PAYLOAD_GRADIENT;
}

/* The role of what an action makes for other stages, and of what it takes from them; a W has none:
 * false. */
bool sluice__role_made(sluice_action_kind kind, sluice_role *made, sluice_role *taken);

/* Slots of a stage, and what slot k of it is for. */
static inline int sluice__slots_of_stage(const sluice__edges *edges, int stage) {
    return edges->stage_slots[stage];
}

static inline sluice__slot_key sluice__slot_key_of(const sluice__edges *edges, int stage, int k) {
    return edges->slot_keys[(size_t)stage * (size_t)edges->slot_count + (size_t)k];
}

#endif
