/* SPDX-License-Identifier: MIT */
/* update.c -- the end of a step: ties are summed, all ranks learn the norm, every rank updates. */
#include "runtime/executor/update.h"

#include <math.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/executor/events.h"
#include "runtime/executor/exchange.h"
#include "runtime/executor/report.h"

struct sluice__tensors {
    sluice_update_tensor *all;     /* one per value, in model order */
    sluice_update_tensor *counted; /* those whose first use is here */
    int counted_count;
    const float **terms; /* the gradients that a tie sums */
    double *mine;        /* host memory: this rank's losses and partial sums */
    double *gathered;    /* all ranks', rank after rank */
    double scale;        /* the step's clip factor; NaN: no update */
};

static float *at_offset(const sluice__rank *rank, size_t offset) {
    return (float *)(rank->arena + offset);
}

sluice_status sluice__keep_optimizer(sluice_pipeline *pipeline) {
    sluice_pipeline_options *options = &pipeline->options;
    const size_t bytes               = options->optimizer->config_bytes;
    if (bytes == 0) return SLUICE_OK;
    SLUICE__TRY(sluice__alloc(&pipeline->optimizer_config, 1, bytes));
    memcpy(pipeline->optimizer_config, options->optimizer_config, bytes);
    options->optimizer_config = pipeline->optimizer_config;
    return SLUICE_OK;
}

sluice_status sluice__tensors_make(sluice__rank *rank) {
    const sluice_pipeline *pipeline  = rank->pipeline;
    const sluice__rank_program *mine = &pipeline->program->rank[rank->index];
    const size_t count               = (size_t)mine->value_count;
    const size_t uses                = (size_t)sluice_model_use_count(pipeline->model);
    const size_t m                   = (size_t)sluice__max_microbatches(pipeline);
    SLUICE__TRY(sluice__alloc(&rank->tensors, 1, sizeof *rank->tensors));
    struct sluice__tensors *const tensors = rank->tensors;
    SLUICE__TRY(sluice__alloc(&tensors->all, count, sizeof *tensors->all));
    SLUICE__TRY(sluice__alloc(&tensors->counted, count, sizeof *tensors->counted));
    SLUICE__TRY(sluice__alloc(&tensors->terms, uses, sizeof *tensors->terms));
    void *block = NULL;
    SLUICE__TRY(pipeline->ops->host_alloc(&block, rank->device, (m + count) * sizeof(double)));
    tensors->mine = block;
    return sluice__alloc(&tensors->gathered, m + uses, sizeof *tensors->gathered);
}

void sluice__tensors_free(sluice__rank *rank) {
    struct sluice__tensors *const tensors = rank->tensors;
    if (!tensors) return;
    rank->pipeline->ops->host_free(rank->device, tensors->mine);
    sluice__free(tensors->all);
    sluice__free(tensors->counted);
    sluice__free(tensors->terms);
    sluice__free(tensors->gathered);
    sluice__free(tensors);
    rank->tensors = NULL;
}

void sluice__tensors_bind(sluice__rank *rank) {
    const sluice_pipeline *pipeline       = rank->pipeline;
    const sluice__rank_program *mine      = &pipeline->program->rank[rank->index];
    struct sluice__tensors *const tensors = rank->tensors;
    tensors->counted_count                = 0;
    for (int k = 0; k < mine->value_count; k++) {
        const sluice__value *value = &mine->values[k];
        sluice_update_tensor bound = {
            .master   = at_offset(rank, value->master),
            .working  = value->working_bytes > 0 ? rank->arena + value->working : NULL,
            .gradient = pipeline->options.inference ? NULL : at_offset(rank, value->gradient),
            .count    = value->count,
            .decays   = sluice_model_use(pipeline->model, value->use)->parameter.decays};
        for (int state = 0; state < pipeline->program->options.states; state++)
            bound.states[state] = at_offset(rank, value->states[state]);
        tensors->all[k] = bound;
        if (value->is_first) tensors->counted[tensors->counted_count++] = bound;
    }
}

sluice_status sluice__tie_reduce(sluice__rank *rank, const sluice_instruction *at) {
    const sluice__rank_program *mine = &rank->pipeline->program->rank[rank->index];
    const sluice__tie *tie           = mine->ties;
    while (tie->edge != at->edge) tie++;
    for (int k = 0; k < tie->terms; k++) rank->tensors->terms[k] = at_offset(rank, tie->offsets[k]);
    const sluice_shape *shape =
        &sluice_model_use(rank->pipeline->model, tie->first)->parameter.shape;
    return rank->pipeline->operations->sum(rank->stream,
                                           &(sluice_sum){.out    = at_offset(rank, tie->sum),
                                                         .inputs = rank->tensors->terms,
                                                         .terms  = tie->terms,
                                                         .count  = sluice_shape_count(shape)});
}

/* ---- the norm ---- */

/* Losses that rank r has in a step. */
static int losses_of(const sluice_pipeline *pipeline, int r) {
    return r == pipeline->loss_rank ? pipeline->program->microbatches : 0;
}

/* Parameters that rank r counts in the norm: those whose first use is there. */
static int counted_of(const sluice_pipeline *pipeline, int r) {
    const sluice__rank_program *mine = &pipeline->program->rank[r];
    int count                        = 0;
    for (int k = 0; k < mine->value_count; k++) count += mine->values[k].is_first;
    return count;
}

size_t sluice__norm_bytes(const sluice_pipeline *pipeline, int r) {
    return (size_t)(losses_of(pipeline, r) + counted_of(pipeline, r)) * sizeof(double);
}

/* This rank's losses, if it has them, then its partial sums of squares. */
static sluice_status gather_mine(sluice__rank *rank) {
    const sluice_pipeline *pipeline             = rank->pipeline;
    const sluice_device_ops *ops                = pipeline->ops;
    const sluice__rank_program *mine            = &pipeline->program->rank[rank->index];
    const struct sluice__tensors *const tensors = rank->tensors;
    const int losses                            = losses_of(pipeline, rank->index);
    double *partials                            = (double *)(rank->arena + mine->partials);
    SLUICE__TRY(pipeline->operations->sum_squares(
        rank->stream, &(sluice_sum_squares){partials, tensors->counted, tensors->counted_count}));
    SLUICE__TRY(ops->download(rank->stream, tensors->mine, rank->arena + mine->losses,
                              (size_t)losses * sizeof(double)));
    SLUICE__TRY(ops->download(rank->stream, tensors->mine + losses, partials,
                              (size_t)tensors->counted_count * sizeof(double)));
    return sluice__drain(rank);
}

sluice_status sluice__read_losses(sluice__rank *rank) {
    const sluice_pipeline *pipeline = rank->pipeline;
    const sluice_program *program   = pipeline->run.program;
    const size_t bytes              = (size_t)program->microbatches * sizeof(double);
    if (pipeline->run.step > 0 || rank->index != pipeline->loss_rank ||
        sluice_model_weight_per_sample(pipeline->model) == 0)
        return SLUICE_OK;
    SLUICE__TRY(pipeline->ops->download(rank->stream, rank->tensors->mine,
                                        rank->arena + program->rank[rank->index].losses, bytes));
    SLUICE__TRY(sluice__drain(rank));
    memcpy(rank->report->losses, rank->tensors->mine, bytes);
    return SLUICE_OK;
}

/* The gathered parts: each rank's losses, if it has them, then its partial sums, rank after rank.
 */
typedef struct sums {
    double loss, squares;
    int bad_microbatch, bad_use; /* as in sluice__report */
} sums;

/* The partial sum of use `u`, which is its parameter's first. */
static double partial_of(const sluice__rank *rank, int u) {
    const sluice_pipeline *pipeline = rank->pipeline;
    const double *at                = rank->tensors->gathered;
    for (int r = 0; r < pipeline->ranks; r++) {
        const sluice__rank_program *owner = &pipeline->program->rank[r];
        if (r == pipeline->loss_rank) at += pipeline->program->microbatches;
        for (int k = 0; k < owner->value_count; k++) {
            if (!owner->values[k].is_first) continue;
            if (owner->values[k].use == u) return *at;
            at++;
        }
    }
    return 0;
}

/* Losses are added in the order of micro-batches, squares in the order of the model, so that the
 * sum does not depend on the number of ranks. */
static sums add_up(const sluice__rank *rank) {
    const sluice_pipeline *pipeline = rank->pipeline;
    sums all                        = {0, 0, -1, -1};
    const double *losses            = rank->tensors->gathered;
    for (int r = 0; r < pipeline->loss_rank; r++) losses += counted_of(pipeline, r);
    for (int i = 0; i < pipeline->program->microbatches; i++) {
        all.loss += losses[i];
        if (all.bad_microbatch < 0 && !isfinite(losses[i])) all.bad_microbatch = i;
    }
    for (int u = 0; u < sluice_model_use_count(pipeline->model); u++) {
        if (sluice_model_use(pipeline->model, u)->first != u) continue;
        const double square = partial_of(rank, u);
        all.squares += square;
        if (!isfinite(square)) all.bad_use = u;
    }
    return all;
}

/* Every rank computes the same numbers. If they are not finite, that is not a rank's failure: it
 * goes on without an update. */
sluice_status sluice__norm(sluice__rank *rank) {
    struct sluice__tensors *const tensors = rank->tensors;
    sluice__report *const facts           = &rank->report->facts;
    const double clip                     = rank->pipeline->options.clip;
    SLUICE__TRY(gather_mine(rank));
    const double met = sluice__now();
    SLUICE__TRY(sluice__give(rank, SLUICE__GATHER_NORM, tensors->mine));
    SLUICE__TRY(sluice__gather_all(rank, SLUICE__GATHER_NORM, tensors->gathered, "the norm"));
    facts->meeting        = sluice__now() - met;
    const sums all        = add_up(rank);
    facts->loss           = all.loss;
    facts->norm           = sqrt(all.squares);
    facts->bad_microbatch = all.bad_microbatch;
    facts->bad_use        = all.bad_use;
    tensors->scale        = !isfinite(facts->loss) || !isfinite(facts->norm) ? NAN
                            : clip > 0 && facts->norm > clip                 ? clip / facts->norm
                                                                             : 1;
    return SLUICE_OK;
}

sluice_status sluice__update(sluice__rank *rank) {
    const sluice_pipeline *pipeline             = rank->pipeline;
    const sluice_pipeline_options *options      = &pipeline->options;
    const struct sluice__tensors *const tensors = rank->tensors;
    const int count                             = pipeline->program->rank[rank->index].value_count;
    if (isnan(tensors->scale) || !pipeline->run.updates) return SLUICE_OK;
    const sluice_optimizer_step step = {.learning_rate  = pipeline->run.batch.learning_rate,
                                        .gradient_scale = tensors->scale,
                                        .number         = pipeline->updates + 1};
    return options->optimizer->update(rank->stream, pipeline->operations, tensors->all, count,
                                      options->optimizer_config, &step);
}

/* With a learning rate of 0, and without the other ranks. */
sluice_status sluice__warm_up_update(sluice__rank *rank) {
    const sluice__rank_program *mine = &rank->pipeline->program->rank[rank->index];
    for (int n = 0; n < mine->count; n++)
        if (mine->list[n].kind == SLUICE_INSTRUCTION_TIE_REDUCE)
            SLUICE__TRY(sluice__tie_reduce(rank, &mine->list[n]));
    SLUICE__TRY(gather_mine(rank));
    rank->tensors->scale = 1;
    SLUICE__TRY(sluice__update(rank));
    return sluice__drain(rank);
}
