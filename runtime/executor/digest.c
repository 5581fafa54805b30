/* SPDX-License-Identifier: MIT */
/* digest.c -- a hash over what makes the trained model: its parameters, and state of its layers. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/executor/executor.h"

/* Parameters come first, so that the digest of a model without state is that of its parameters;
 * then by name. */
static int compare(const void *left, const void *right) {
    const sluice_state *a = &(*(const sluice__state *const *)left)->is;
    const sluice_state *b = &(*(const sluice__state *const *)right)->is;
    if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
    return strcmp(a->name, b->name);
}

static sluice_status take(void *hash, const void *bytes, size_t count) {
    XXH3_64bits_update(hash, bytes, count);
    return SLUICE_OK;
}

static sluice_status add(XXH3_state_t *hash, sluice_pipeline *pipeline,
                         const sluice__state *state) {
    const sluice_shape *shape = &state->is.shape;
    XXH3_64bits_update(hash, state->is.name, strlen(state->is.name) + 1);
    XXH3_64bits_update(hash, shape->dims, (size_t)shape->dim_count * sizeof *shape->dims);
    return sluice__state_take(pipeline, (int)(state - pipeline->states.list), take, hash);
}

sluice_status sluice_pipeline_digest(uint64_t *digest, sluice_pipeline *pipeline) {
    const sluice__states *const states = &pipeline->states;
    const sluice__state **order        = NULL;
    XXH3_state_t *hash                 = XXH3_createState();
    int count                          = 0;
    sluice_status status               = SLUICE_OK;
    if (!hash) return sluice__fail(SLUICE_E_HOST_MEMORY, "out of host memory for a digest");
    XXH3_64bits_reset(hash);
    SLUICE__TRY_OUT(sluice__alloc(&order, (size_t)states->count, sizeof *order));
    for (int k = 0; k < states->count; k++)
        if (states->list[k].is.kind != SLUICE_STATE_OPTIMIZER) order[count++] = &states->list[k];
    qsort(order, (size_t)count, sizeof *order, compare);
    for (int k = 0; k < count; k++) SLUICE__TRY_OUT(add(hash, pipeline, order[k]));
    *digest = XXH3_64bits_digest(hash);
out:
    sluice__free(order);
    XXH3_freeState(hash);
    return status;
}
