/* SPDX-License-Identifier: MIT */
/* edges.c -- the table of edges, and the channels that they need. */
#include "runtime/program/edges.h"

#include <stdlib.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

_Static_assert((int)SLUICE_ROLE_INPUT == 0 &&
                   (int)SLUICE_ROLE_INPUT_GRADIENT == SLUICE__EDGE_ROLES - 1,
               "the roles of edges come first");

const char *sluice_payload_name(sluice_payload payload) {
    switch (payload) {
#define X(name, code, text)                                                                        \
    case SLUICE_PAYLOAD_##name:                                                                    \
        return text;
        SLUICE_PAYLOAD_MAP(X)
#undef X
    }
    return "unknown payload";
}

/* ---- making ---- */

/* An instruction names its edge in 16 bits. */
static sluice_status check_count(size_t count) {
    if (count <= INT16_MAX) return SLUICE_OK;
    return sluice__fail(SLUICE_E_UNSUPPORTED,
                        "stages pass %zu tensors to each other; a program has at most %d", count,
                        INT16_MAX);
}

static sluice_status check_tensor(const sluice__tensor *tensor, int stages) {
    if (tensor->producer >= 0 && tensor->producer < tensor->consumer && tensor->consumer < stages)
        return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT,
                        "an edge goes from stage %d to stage %d of %d; it must go to a later one",
                        tensor->producer, tensor->consumer, stages);
}

/* By producer, then consumer; stable, so that tensors between two stages keep their order. */
static void sort_tensors(const sluice__tensor **sorted, int count) {
    for (int k = 1; k < count; k++) {
        const sluice__tensor *tensor = sorted[k];
        int at                       = k;
        for (; at > 0; at--) {
            const sluice__tensor *before = sorted[at - 1];
            if (before->producer != tensor->producer ? before->producer < tensor->producer
                                                     : before->consumer <= tensor->consumer)
                break;
            sorted[at] = before;
        }
        sorted[at] = tensor;
    }
}

static bool same_stages(const sluice_edge *a, const sluice_edge *b) {
    return a->producer == b->producer && a->consumer == b->consumer;
}

/* Add the k-th activation and its gradient. */
static void add_pair(sluice__edges *edges, const sluice__tensor *from, int k) {
    sluice__edge *there = &edges->list[k], *back = &edges->list[edges->activations + k];
    *there = (sluice__edge){{from->producer, from->consumer, 0, SLUICE_PAYLOAD_ACTIVATION},
                            -1,
                            from->bytes,
                            from->sample_bytes};
    if (k > 0 && same_stages(&there[-1].is, &there->is)) there->is.tensor = there[-1].is.tensor + 1;
    *back = *there;
    back->is =
        (sluice_edge){from->consumer, from->producer, there->is.tensor, SLUICE_PAYLOAD_GRADIENT};
}

static void index_edges(sluice__edges *edges) {
    const int count = edges->activations, stages = edges->stages;
    for (int e = 0; e < count; e++) {
        edges->first_output[edges->list[e].is.producer + 1]++;
        edges->first_input[edges->list[e].is.consumer + 1]++;
    }
    for (int s = 0; s < stages; s++) {
        edges->first_output[s + 1] += edges->first_output[s];
        edges->first_input[s + 1] += edges->first_input[s];
    }
    for (int e = count - 1; e >= 0;
         e--) /* backwards, because each stage's list is filled from its end */
        edges->inputs[--edges->first_input[edges->list[e].is.consumer + 1]] = e;
    for (int s = 0; s < stages; s++) edges->first_input[s] = edges->first_input[s + 1];
    edges->first_input[stages] = count;
}

/* One slot for each role, and one for each further edge in a role. */
static int count_slots(const sluice__edges *edges, int stage) {
    int slots = SLUICE_ROLES;
    for (int role = 0; role < SLUICE__EDGE_ROLES; role++) {
        const int count = sluice__edge_count(edges, (sluice_role)role, stage);
        if (count > 1) slots += count - 1;
    }
    return slots;
}

static void name_slots(const sluice__edges *edges, int stage, sluice__slot_key *keys) {
    for (int role = 0; role < SLUICE_ROLES; role++)
        keys[role] = (sluice__slot_key){(sluice_role)role, -1};
    int further = SLUICE_ROLES;
    for (int role = 0; role < SLUICE__EDGE_ROLES; role++)
        for (int k = 0; k < sluice__edge_count(edges, (sluice_role)role, stage); k++)
            keys[k == 0 ? role : further++] = (sluice__slot_key){
                (sluice_role)role, sluice__edge_of(edges, (sluice_role)role, stage, k)};
}

static sluice_status make_slots(sluice__edges *edges) {
    const size_t stages = (size_t)edges->stages;
    SLUICE__TRY(sluice__alloc(&edges->stage_slots, stages, sizeof *edges->stage_slots));
    for (int s = 0; s < edges->stages; s++) {
        edges->stage_slots[s] = count_slots(edges, s);
        if (edges->stage_slots[s] > edges->slot_count) edges->slot_count = edges->stage_slots[s];
    }
    const size_t slots = (size_t)edges->slot_count;
    SLUICE__TRY(sluice__alloc(&edges->slot_keys, stages * slots, sizeof *edges->slot_keys));
    for (int s = 0; s < edges->stages; s++)
        name_slots(edges, s, &edges->slot_keys[(size_t)s * slots]);
    return SLUICE_OK;
}

sluice_status sluice__edges_make(sluice__edges *out, const sluice__tensor *tensors, int count,
                                 int stages) {
    const size_t n = (size_t)count, bounds = (size_t)stages + 1;
    SLUICE__TRY(check_count(2 * (size_t)count));
    const sluice__tensor **sorted = NULL;
    sluice_status status          = SLUICE_OK;
    *out = (sluice__edges){.stages = stages, .count = 2 * count, .activations = count};
    for (int k = 0; k < count; k++) SLUICE__TRY(check_tensor(&tensors[k], stages));
    SLUICE__TRY_OUT(sluice__alloc(&sorted, n, sizeof *sorted));
    SLUICE__TRY_OUT(sluice__alloc(&out->list, 2 * n, sizeof *out->list));
    SLUICE__TRY_OUT(sluice__alloc(&out->first_output, bounds, sizeof *out->first_output));
    SLUICE__TRY_OUT(sluice__alloc(&out->first_input, bounds, sizeof *out->first_input));
    SLUICE__TRY_OUT(sluice__alloc(&out->inputs, n, sizeof *out->inputs));
    for (int k = 0; k < count; k++) sorted[k] = &tensors[k];
    sort_tensors(sorted, count);
    for (int k = 0; k < count; k++) add_pair(out, sorted[k], k);
    index_edges(out);
    status = make_slots(out);
out:
    sluice__free(sorted);
    return status;
}

sluice_status sluice__edges_add(sluice__edges *edges, const sluice__edge *edge) {
    const size_t count = (size_t)edges->count + 1;
    SLUICE__TRY(check_count(count));
    SLUICE__TRY(sluice__grow(&edges->list, count, sizeof *edges->list));
    edges->list[edges->count++] = *edge;
    return SLUICE_OK;
}

void sluice__edges_free(sluice__edges *edges) {
    sluice__free(edges->list);
    sluice__free(edges->first_output);
    sluice__free(edges->first_input);
    sluice__free(edges->inputs);
    sluice__free(edges->channels);
    sluice__free(edges->slot_keys);
    sluice__free(edges->stage_slots);
    *edges = (sluice__edges){0};
}

/* ---- channels ---- */

/* The channel of an earlier edge between the same two stages; -1: none. Activations and gradients
 * between two stages are adjacent; ties are few, so they are searched. */
static int find_channel(const sluice__edges *edges, int e) {
    const sluice__edge *edge = &edges->list[e];
    if (e > 0 && same_stages(&edge[-1].is, &edge->is)) return edge[-1].channel;
    for (int k = 0; edge->is.payload == SLUICE_PAYLOAD_TIE && k < e; k++)
        if (same_stages(&edges->list[k].is, &edge->is)) return edges->list[k].channel;
    return -1;
}

/* `last[rank]` and `before[channel]` chain a sender's channels, latest first. */
static int open_channel(sluice__edges *edges, int from, int to, int *last, int *before) {
    int index = 0;
    for (int c = last[from]; c >= 0; c = before[c]) index += edges->channels[c].to == to;
    const int opened        = edges->channel_count++;
    edges->channels[opened] = (sluice__channel_key){from, to, index};
    before[opened]          = last[from];
    last[from]              = opened;
    return opened;
}

sluice_status sluice__edges_open_channels(sluice__edges *edges, const int *stage_rank, int ranks) {
    const size_t count = (size_t)edges->count;
    int *last = NULL, *before = NULL;
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&edges->channels, count, sizeof *edges->channels));
    SLUICE__TRY_OUT(sluice__alloc(&last, (size_t)ranks, sizeof *last));
    SLUICE__TRY_OUT(sluice__alloc(&before, count, sizeof *before));
    for (int r = 0; r < ranks; r++) last[r] = -1;
    for (int e = 0; e < edges->count; e++) {
        sluice__edge *edge = &edges->list[e];
        const int from = stage_rank[edge->is.producer], to = stage_rank[edge->is.consumer];
        edge->channel = -1;
        if (from == to) continue;
        edge->channel = find_channel(edges, e);
        if (edge->channel < 0) edge->channel = open_channel(edges, from, to, last, before);
    }
out:
    sluice__free(last);
    sluice__free(before);
    return status;
}

/* ---- the edges of one stage ---- */

static bool is_input(sluice_role role) {
    return role == SLUICE_ROLE_INPUT || role == SLUICE_ROLE_INPUT_GRADIENT;
}

int sluice__edge_count(const sluice__edges *edges, sluice_role role, int stage) {
    const int *first = is_input(role) ? edges->first_input : edges->first_output;
    return first[stage + 1] - first[stage];
}

int sluice__edge_of(const sluice__edges *edges, sluice_role role, int stage, int k) {
    const int activation = is_input(role) ? edges->inputs[edges->first_input[stage] + k]
                                          : edges->first_output[stage] + k;
    return role == SLUICE_ROLE_INPUT || role == SLUICE_ROLE_OUTPUT
               ? activation
               : activation + edges->activations;
}

bool sluice__role_made(sluice_action_kind kind, sluice_role *made, sluice_role *taken) {
    const bool forward = kind == SLUICE_ACTION_F;
    *made              = forward ? SLUICE_ROLE_OUTPUT : SLUICE_ROLE_INPUT_GRADIENT;
    *taken             = forward ? SLUICE_ROLE_INPUT : SLUICE_ROLE_OUTPUT_GRADIENT;
    return kind != SLUICE_ACTION_W;
}
