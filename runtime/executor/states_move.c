/* SPDX-License-Identifier: MIT */
/* states_move.c -- one tensor of the run's state, between host memory and the ranks that hold it.
 */
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/executor/parameters.h"
#include "runtime/executor/workers.h"

/* The pipeline owns the memory: a rank that is stuck in a copy may use it after the caller has
 * returned. */
struct sluice__exchange {
    struct sluice__exchange *next;
    const sluice__state *state;
    size_t bytes;
    bool writes;
    unsigned char values[];
};

/* ---- on the ranks ---- */

static sluice_status copy(sluice__rank *rank, struct sluice__exchange *with, size_t offset) {
    const sluice_device_ops *const ops = rank->pipeline->ops;
    if (with->writes)
        return ops->upload(rank->stream, rank->arena + offset, with->values, with->bytes);
    return ops->download(rank->stream, with->values, rank->arena + offset, with->bytes);
}

/* A write goes to every rank that holds the parameter, a read to the one with its first use. */
static sluice_status exchange_value(sluice__rank *rank, struct sluice__exchange *with,
                                    const sluice__value *value) {
    const bool is_parameter = with->state->is.kind == SLUICE_STATE_PARAMETER;
    if (!with->writes && !value->is_first) return SLUICE_OK;
    SLUICE__TRY(copy(rank, with, is_parameter ? value->master : value->states[with->state->index]));
    return with->writes && is_parameter ? sluice__store_working(rank, value) : SLUICE_OK;
}

static sluice_status exchange_layer_state(sluice__rank *rank, struct sluice__exchange *with) {
    const size_t at = (size_t)with->state->first * SLUICE_LAYER_STATES + (size_t)with->state->index;
    if (with->state->is.rank != rank->index) return SLUICE_OK;
    return copy(rank, with, rank->pipeline->program->layer_states[at]);
}

static sluice_status exchange_task(sluice__rank *rank, void *argument) {
    struct sluice__exchange *const with = argument;
    const sluice_pipeline *pipeline     = rank->pipeline;
    const sluice__rank_program *mine    = &pipeline->program->rank[rank->index];
    if (with->state->is.kind == SLUICE_STATE_LAYER) {
        SLUICE__TRY(exchange_layer_state(rank, with));
        return pipeline->ops->synchronize(rank->stream);
    }
    for (int k = 0; k < mine->value_count; k++)
        if (sluice_model_use(pipeline->model, mine->values[k].use)->first == with->state->first)
            SLUICE__TRY(exchange_value(rank, with, &mine->values[k]));
    return pipeline->ops->synchronize(rank->stream);
}

/* ---- on the caller's thread ---- */

sluice_status sluice__states_have_values(const sluice_pipeline *pipeline) {
    if (pipeline->ops->computes) return SLUICE_OK;
    return sluice__fail(SLUICE_E_UNSUPPORTED, "virtual devices hold no values of parameters");
}

/* Write the bytes that `fill` makes to the ranks or, if that is NULL, read them from there; give
 * them to `take`, unless it is NULL. */
static sluice_status exchange(sluice_pipeline *pipeline, const sluice__state *state,
                              sluice__take_bytes *take, void *to, sluice__fill_bytes *fill,
                              const void *from) {
    struct sluice__exchange *with = NULL;
    const size_t bytes            = sluice_shape_bytes(&state->is.shape);
    SLUICE__TRY(sluice__states_have_values(pipeline));
    SLUICE__TRY(sluice__alloc(&with, 1, sizeof *with + bytes));
    with->state          = state;
    with->bytes          = bytes;
    with->writes         = fill != NULL;
    sluice_status status = fill ? fill(with->values, bytes, from) : SLUICE_OK;
    if (status == SLUICE_OK) status = sluice__workers_do(pipeline, exchange_task, with);
    if (take && status == SLUICE_OK) status = take(to, with->values, bytes);
    if (sluice__workers_are_stuck(pipeline)) {
        with->next            = pipeline->states.left;
        pipeline->states.left = with;
    } else {
        sluice__free(with);
    }
    return status;
}

static sluice_status copy_out(void *to, const void *bytes, size_t count) {
    memcpy(to, bytes, count);
    return SLUICE_OK;
}

static sluice_status copy_in(void *bytes, size_t count, const void *from) {
    memcpy(bytes, from, count);
    return SLUICE_OK;
}

sluice_status sluice__state_move(sluice_pipeline *pipeline, const sluice__state *state, void *to,
                                 const void *from) {
    return exchange(pipeline, state, to ? copy_out : NULL, to, from ? copy_in : NULL, from);
}

sluice_status sluice__state_take(sluice_pipeline *pipeline, int index, sluice__take_bytes *take,
                                 void *to) {
    return exchange(pipeline, &pipeline->states.list[index], take, to, NULL, NULL);
}

sluice_status sluice__state_fill(sluice_pipeline *pipeline, int index, sluice__fill_bytes *fill,
                                 const void *from) {
    return exchange(pipeline, &pipeline->states.list[index], NULL, NULL, fill, from);
}

void sluice__exchanges_free(struct sluice__exchange *left) {
    for (struct sluice__exchange *with = left, *next; with; with = next) {
        next = with->next;
        sluice__free(with);
    }
}
