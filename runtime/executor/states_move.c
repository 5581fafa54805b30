/* SPDX-License-Identifier: MIT */
/* states_move.c -- one tensor of the run's state, between host memory and the ranks that hold it:
 * part by part, so that no tensor is in host memory twice. */
#include <stdalign.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/executor/parameters.h"
#include "runtime/executor/workers.h"

/* Bytes that are moved at once: they stay in the processor's caches, and are many for a copy from a
 * GPU. */
enum { PART = 4 << 20 };

/* The pipeline owns the memory: a rank that is stuck in a copy may use it after the caller has
 * returned. */
struct sluice__exchange {
    struct sluice__exchange *next;
    const sluice__state *state;
    size_t at, bytes; /* of the tensor: where the part begins, and its size */
    bool writes, is_last;
    alignas(16) unsigned char values[]; /* of any type */
};

/* ---- on the ranks ---- */

static sluice_status copy(sluice__rank *rank, struct sluice__exchange *with, size_t offset) {
    const sluice_device_ops *const ops = rank->pipeline->ops;
    unsigned char *const there         = rank->arena + offset + with->state->offset + with->at;
    if (with->writes) return ops->upload(rank->stream, there, with->values, with->bytes);
    return ops->download(rank->stream, with->values, there, with->bytes);
}

/* A write goes to every rank that holds the parameter, a read to the one with its first use. What
 * layers read is made of the whole parameter. */
static sluice_status exchange_value(sluice__rank *rank, struct sluice__exchange *with,
                                    const sluice__value *value) {
    const bool is_parameter = with->state->is.kind == SLUICE_STATE_PARAMETER;
    if (!with->writes && !value->is_first) return SLUICE_OK;
    SLUICE__TRY(copy(rank, with, is_parameter ? value->master : value->states[with->state->index]));
    return with->writes && is_parameter && with->is_last ? sluice__store_working(rank, value)
                                                         : SLUICE_OK;
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

/* What is done with the parts of a tensor on the caller's side: one of the two. */
typedef struct ends {
    sluice__take_bytes *take;
    void *to;
    sluice__fill_bytes *fill;
    const void *from;
} ends;

static sluice_status exchange_part(sluice_pipeline *pipeline, struct sluice__exchange *with,
                                   const ends *by) {
    if (by->fill) SLUICE__TRY(by->fill(with->values, with->bytes, by->from, with->at));
    SLUICE__TRY(sluice__workers_do(pipeline, exchange_task, with));
    return by->take ? by->take(by->to, with->values, with->bytes) : SLUICE_OK;
}

static sluice_status exchange(sluice_pipeline *pipeline, const sluice__state *state,
                              const ends *by) {
    struct sluice__exchange *with = NULL;
    const size_t all              = sluice_shape_bytes(&state->is.shape);
    const size_t part             = all < PART ? all : PART;
    sluice_status status          = SLUICE_OK;
    SLUICE__TRY(sluice__states_have_values(pipeline));
    SLUICE__TRY(sluice__alloc(&with, 1, sizeof *with + part));
    with->state  = state;
    with->writes = by->fill != NULL;
    for (; with->at < all && status == SLUICE_OK; with->at += with->bytes) {
        with->bytes   = all - with->at < part ? all - with->at : part;
        with->is_last = with->at + with->bytes == all;
        status        = exchange_part(pipeline, with, by);
    }
    if (sluice__workers_are_stuck(pipeline)) {
        with->next            = pipeline->states.left;
        pipeline->states.left = with;
    } else {
        sluice__free(with);
    }
    return status;
}

static sluice_status copy_out(void *to, const void *bytes, size_t count) {
    unsigned char **const at = to;
    memcpy(*at, bytes, count);
    *at += count;
    return SLUICE_OK;
}

static sluice_status copy_in(void *bytes, size_t count, const void *from, size_t at) {
    memcpy(bytes, (const unsigned char *)from + at, count);
    return SLUICE_OK;
}

sluice_status sluice__state_move(sluice_pipeline *pipeline, const sluice__state *state, void *to,
                                 const void *from) {
    const ends by = {to ? copy_out : NULL, &to, from ? copy_in : NULL, from};
    return exchange(pipeline, state, &by);
}

sluice_status sluice__state_take(sluice_pipeline *pipeline, int index, sluice__take_bytes *take,
                                 void *to) {
    const ends by = {.take = take, .to = to};
    return exchange(pipeline, &pipeline->states.list[index], &by);
}

sluice_status sluice__state_fill(sluice_pipeline *pipeline, int index, sluice__fill_bytes *fill,
                                 const void *from) {
    const ends by = {.fill = fill, .from = from};
    return exchange(pipeline, &pipeline->states.list[index], &by);
}

void sluice__exchanges_free(struct sluice__exchange *left) {
    for (struct sluice__exchange *with = left, *next; with; with = next) {
        next = with->next;
        sluice__free(with);
    }
}
