/* SPDX-License-Identifier: MIT */
/* parameters.c -- parameters by name: initial values, reading, writing, the digest. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/executor/internal.h"

/* ---- tasks ---- */

/* Masters and optimizer state are fp32 in every precision. */
static size_t master_bytes(const sluice__value *value) {
    return (size_t)value->count * sluice_type_bytes(SLUICE_TYPE_F32);
}

/* What layers read of a parameter follows its master. */
static sluice_status store_working(sluice__rank *rank, const sluice__value *value) {
    if (value->working_bytes == 0) return SLUICE_OK;
    return rank->pipeline->operations->store_working(
        rank->stream, &(sluice_store_working){
                          .working = rank->arena + value->working,
                          .master  = (const float *)(rank->arena + value->master),
                          .count   = value->count,
                      });
}

static sluice_status initialize_value(sluice__rank *rank, const sluice__value *value) {
    const sluice_pipeline *pipeline = rank->pipeline;
    const sluice_device_ops *ops    = pipeline->ops;
    const int first                 = sluice_model_use(pipeline->model, value->use)->first;
    const size_t bytes              = master_bytes(value);
    float *values;
    if (!pipeline->ops->computes) return SLUICE_OK; /* a virtual device holds none */
    SLUICE__TRY(sluice__alloc(&values, (size_t)value->count, sizeof *values));
    sluice_parameter_initialize(values, sluice_model_use(pipeline->model, first),
                                pipeline->options.seed);
    sluice_status status = ops->upload(rank->stream, rank->arena + value->master, values, bytes);
    if (status == SLUICE_OK) status = store_working(rank, value);
    for (int k = 0; k < pipeline->program->options.states && status == SLUICE_OK; k++)
        status = ops->zero(rank->stream, rank->arena + value->states[k], bytes);
    if (status == SLUICE_OK) status = sluice__drain(rank);
    sluice__free(values);
    sluice__progress(rank->pipeline);
    return status;
}

static sluice_status take_arena(sluice__rank *rank) {
    void *arena = NULL;
    SLUICE__TRY(rank->pipeline->ops->arena_alloc(rank->device, &arena, rank->arena_bytes));
    rank->arena = arena;
    sluice__progress(rank->pipeline);
    return SLUICE_OK;
}

sluice_status sluice__furnish_rank(sluice__rank *rank, void *unused) {
    (void)unused;
    const sluice_pipeline *pipeline = rank->pipeline;
    const size_t count              = (size_t)pipeline->program->rank[rank->index].count;
    rank->arena_bytes               = sluice_plan_arena(pipeline->plan, rank->index);
    SLUICE__TRY(take_arena(rank));
    SLUICE__TRY(sluice__tensors_make(rank));
    sluice__tensors_bind(rank);
    for (int s = 0; s < SLUICE__STAGINGS; s++)
        SLUICE__TRY(pipeline->ops->host_alloc(rank->device, &rank->staging[s],
                                              sluice__largest_load(pipeline)));
    SLUICE__TRY(sluice__alloc(&rank->begin, count, sizeof *rank->begin));
    SLUICE__TRY(sluice__alloc(&rank->end, count, sizeof *rank->end));
    SLUICE__TRY(sluice__alloc(&rank->weight, count, sizeof *rank->weight));
    return sluice__clock_make(rank, (int)count);
}

/* Taken anew, so that nothing of the rehearsal is left in it. */
static sluice_status renew_arena(sluice__rank *rank) {
    rank->pipeline->ops->arena_free(rank->device, rank->arena, rank->arena_bytes);
    rank->arena = NULL;
    SLUICE__TRY(take_arena(rank));
    sluice__tensors_bind(rank);
    return SLUICE_OK;
}

sluice_status sluice__initialize_rank(sluice__rank *rank, void *unused) {
    (void)unused;
    const sluice_pipeline *pipeline  = rank->pipeline;
    const sluice__rank_program *mine = &pipeline->program->rank[rank->index];
    if (pipeline->runs_on) SLUICE__TRY(renew_arena(rank));
    for (int k = 0; k < mine->value_count; k++)
        SLUICE__TRY(initialize_value(rank, &mine->values[k]));
    return SLUICE_OK;
}

/* Values of one parameter, between host memory and the ranks that hold it. The memory is the
 * pipeline's: a rank that is stuck in a copy may go on after the caller has gone. */
struct sluice__exchange {
    struct sluice__exchange *next;
    int first; /* the parameter's first use */
    bool writes;
    float values[];
};

static sluice_status exchange_task(sluice__rank *rank, void *argument) {
    struct sluice__exchange *with    = argument;
    const sluice_pipeline *pipeline  = rank->pipeline;
    const sluice__rank_program *mine = &pipeline->program->rank[rank->index];
    for (int k = 0; k < mine->value_count; k++) {
        const sluice__value *value = &mine->values[k];
        if (sluice_model_use(pipeline->model, value->use)->first != with->first) continue;
        const size_t bytes = master_bytes(value);
        if (with->writes) {
            SLUICE__TRY(pipeline->ops->upload(rank->stream, rank->arena + value->master,
                                              with->values, bytes));
            SLUICE__TRY(store_working(rank, value));
        } else if (value->is_first) {
            SLUICE__TRY(pipeline->ops->download(rank->stream, with->values,
                                                rank->arena + value->master, bytes));
        }
    }
    return pipeline->ops->synchronize(rank->stream);
}

/* ---- by name ---- */

static sluice_status find_parameter(const sluice_pipeline *pipeline, const char *name,
                                    int64_t count, int *first) {
    if (!pipeline->ops->computes)
        return sluice__fail(SLUICE_E_UNSUPPORTED, "virtual devices hold no values of parameters");
    for (int u = 0; u < sluice_model_use_count(pipeline->model); u++) {
        const sluice_parameter_use *use = sluice_model_use(pipeline->model, u);
        if (use->first != u || strcmp(use->name, name) != 0) continue;
        *first              = u;
        const int64_t found = sluice_shape_count(&use->parameter.shape);
        if (found == count) return SLUICE_OK;
        return sluice__fail(SLUICE_E_ARGUMENT, "parameter '%s' has %lld elements, not %lld", name,
                            (long long)found, (long long)count);
    }
    return sluice__fail(SLUICE_E_ARGUMENT, "there is no parameter '%s'", name);
}

static sluice_status exchange(sluice_pipeline *pipeline, const char *name, float *to,
                              const float *from, int64_t count) {
    int first                     = 0;
    struct sluice__exchange *with = NULL;
    const size_t bytes            = (size_t)count * sizeof *with->values;
    SLUICE__TRY(find_parameter(pipeline, name, count, &first));
    SLUICE__TRY(sluice__alloc(&with, 1, sizeof *with + bytes));
    with->first  = first;
    with->writes = from != NULL;
    if (from) memcpy(with->values, from, bytes);
    const sluice_status status = sluice__workers_do(pipeline, exchange_task, with);
    if (to && status == SLUICE_OK) memcpy(to, with->values, bytes);
    if (sluice__workers_are_stuck(pipeline)) {
        with->next     = pipeline->left;
        pipeline->left = with;
    } else {
        sluice__free(with);
    }
    return status;
}

void sluice__exchanges_free(sluice_pipeline *pipeline) {
    for (struct sluice__exchange *with = pipeline->left, *next; with; with = next) {
        next = with->next;
        sluice__free(with);
    }
}

sluice_status sluice_pipeline_read_parameter(sluice_pipeline *pipeline, const char *name,
                                             float *values, int64_t count) {
    return exchange(pipeline, name, values, NULL, count);
}

sluice_status sluice_pipeline_write_parameter(sluice_pipeline *pipeline, const char *name,
                                              const float *values, int64_t count) {
    return exchange(pipeline, name, NULL, values, count);
}

/* ---- digest ---- */

static int compare_names(const void *left, const void *right) {
    const sluice_parameter_use *a = *(const sluice_parameter_use *const *)left;
    const sluice_parameter_use *b = *(const sluice_parameter_use *const *)right;
    return strcmp(a->name, b->name);
}

static sluice_status digest_parameter(sluice_pipeline *pipeline, XXH3_state_t *state,
                                      const sluice_parameter_use *use) {
    const sluice_shape *shape = &use->parameter.shape;
    const int64_t count       = sluice_shape_count(shape);
    float *values;
    SLUICE__TRY(sluice__alloc(&values, (size_t)count, sizeof *values));
    const sluice_status status = sluice_pipeline_read_parameter(pipeline, use->name, values, count);
    if (status == SLUICE_OK) {
        XXH3_64bits_update(state, use->name, strlen(use->name) + 1);
        XXH3_64bits_update(state, shape->dims, (size_t)shape->rank * sizeof *shape->dims);
        XXH3_64bits_update(state, values, (size_t)count * sizeof *values);
    }
    sluice__free(values);
    return status;
}

sluice_status sluice_pipeline_digest(sluice_pipeline *pipeline, uint64_t *digest) {
    const int uses                     = sluice_model_use_count(pipeline->model);
    const sluice_parameter_use **names = NULL;
    XXH3_state_t *state                = XXH3_createState();
    int count                          = 0;
    sluice_status status               = SLUICE_OK;
    if (!state) return sluice__fail(SLUICE_E_HOST_MEMORY, "no memory for a digest");
    XXH3_64bits_reset(state);
    SLUICE__TRY_OUT(sluice__alloc(&names, (size_t)uses, sizeof *names));
    for (int u = 0; u < uses; u++)
        if (sluice_model_use(pipeline->model, u)->first == u)
            names[count++] = sluice_model_use(pipeline->model, u);
    qsort(names, (size_t)count, sizeof *names, compare_names);
    for (int k = 0; k < count; k++) SLUICE__TRY_OUT(digest_parameter(pipeline, state, names[k]));
    *digest = XXH3_64bits_digest(state);
out:
    sluice__free(names);
    XXH3_freeState(state);
    return status;
}
