/* SPDX-License-Identifier: MIT */
/*
 * edges.h -- which tensors stages pass to each other, and through which channels between ranks.
 *
 * A stage's F reads its inputs and writes its outputs; its B or I reads an output gradient for each
 * output and writes an input gradient for each input:
 *
 *      stage 0 ----- activation ----> stage 1 ----- activation ----> stage 2
 *           | <------ gradient ------   |  <------- gradient -------   ^ |
 *           +---------------- activation, skips a stage ---------------+ |
 *            <------------------------ gradient -------------------------+
 *
 * Producers, consumers and sizes are looked up here and nowhere else.
 */
#ifndef SLUICE_PROGRAM_EDGES_H
#define SLUICE_PROGRAM_EDGES_H

#include "sluice/program.h"

typedef struct sluice__edge {
    sluice_edge is;
    int channel;                /* in `channels`; -1: both stages are on one rank */
    size_t bytes, sample_bytes; /* of one transfer: bytes + samples * sample_bytes */
} sluice__edge;

/* A queue from one rank to another: one for all edges from one stage to another. */
typedef struct sluice__channel_key {
    int from, to, index; /* ranks; number among the channels between them in that direction */
} sluice__channel_key;

/* What a slot is for. There is one for each role, then one for each further edge in a role. */
typedef struct sluice__slot_key {
    sluice_role role;
    int edge; /* -1: none, the buffer belongs to the stage */
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
    int slot_count;              /* largest of `stage_slots` */
    sluice__slot_key *slot_keys; /* [stage][slot_count] */
    int *stage_slots;            /* [stage]: how many it uses */
} sluice__edges;

/* An output of one stage's F that is an input of a later stage's F. */
typedef struct sluice__tensor {
    int producer, consumer;
    size_t bytes, sample_bytes; /* as in sluice__edge */
} sluice__tensor;

/* An edge for each of `tensors`, and one back for its gradient; none has a channel yet. Release
 * with sluice__edges_free(), after a failure too. E_ARGUMENT, E_HOST_MEMORY. */
sluice_status sluice__edges_make(sluice__edges *out, const sluice__tensor *tensors, int count,
                                 int stages);
void sluice__edges_free(sluice__edges *edges);
/* Append an edge. E_HOST_MEMORY. */
sluice_status sluice__edges_add(sluice__edges *edges, const sluice__edge *edge);
/* Assign a channel to every edge, once all edges are added. E_HOST_MEMORY. */
sluice_status sluice__edges_open_channels(sluice__edges *edges, const int *stage_rank, int ranks);

/* ---- the edges of one stage, by role ---- */

/* Roles below this are those of edges: input, output, output gradient, input gradient. */
enum { SLUICE__EDGE_ROLES = 4 };

/* How many edges `stage` has in `role`, and the k-th of them. Its k-th input gradient is that of
 * its k-th input, and likewise for outputs. */
int sluice__edge_count(const sluice__edges *edges, sluice_role role, int stage);
int sluice__edge_of(const sluice__edges *edges, sluice_role role, int stage, int k);

/* The edge of an activation's gradient, or of a gradient's activation; -1: none. */
static inline int sluice__reverse_of(const sluice__edges *edges, int edge) {
    if (edge < edges->activations) return edge + edges->activations;
    return edge < 2 * edges->activations ? edge - edges->activations : -1;
}

/* Whether B or I produces and consumes it, rather than F. */
static inline bool sluice__is_backward(sluice_payload payload) {
    return payload == SLUICE_PAYLOAD_GRADIENT;
}

/* The roles in which an action writes for other stages, and reads from them; false for W, which
 * does neither. */
bool sluice__role_made(sluice_action_kind kind, sluice_role *made, sluice_role *taken);

/* Slots of a stage, and what slot k of it is for. */
static inline int sluice__slots_of_stage(const sluice__edges *edges, int stage) {
    return edges->stage_slots[stage];
}

static inline sluice__slot_key sluice__slot_key_of(const sluice__edges *edges, int stage, int k) {
    return edges->slot_keys[(size_t)stage * (size_t)edges->slot_count + (size_t)k];
}

#endif
