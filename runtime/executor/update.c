/* SPDX-License-Identifier: MIT */
/* update.c -- the end of a step: ties are summed, the norm is known to all, every rank updates. */
#include <math.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/executor/internal.h"

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
    const size_t m                   = (size_t)sluice__most_microbatches(pipeline);
    SLUICE__TRY(sluice__alloc(&rank->tensors, count, sizeof *rank->tensors));
    SLUICE__TRY(sluice__alloc(&rank->counted, count, sizeof *rank->counted));
    SLUICE__TRY(sluice__alloc(&rank->terms, uses, sizeof *rank->terms));
    void *block = NULL;
    SLUICE__TRY(pipeline->ops->host_alloc(rank->device, &block, (m + count) * sizeof *rank->mine));
    rank->mine = block;
    return sluice__alloc(&rank->gathered, m + uses, sizeof *rank->gathered);
}

void sluice__tensors_bind(sluice__rank *rank) {
    const sluice_pipeline *pipeline  = rank->pipeline;
    const sluice__rank_program *mine = &pipeline->program->rank[rank->index];
    rank->counted_count              = 0;
    for (int k = 0; k < mine->value_count; k++) {
        const sluice__value *value = &mine->values[k];
        rank->tensors[k]           = (sluice_update_tensor){
                      .master   = at_offset(rank, value->master),
                      .working  = value->working_bytes > 0 ? rank->arena + value->working : NULL,
                      .gradient = at_offset(rank, value->gradient),
                      .count    = value->count,
                      .decays   = sluice_model_use(pipeline->model, value->use)->parameter.decays};
        for (int state = 0; state < pipeline->program->options.states; state++)
            rank->tensors[k].states[state] = at_offset(rank, value->states[state]);
        if (value->is_first) rank->counted[rank->counted_count++] = rank->tensors[k];
    }
}

sluice_status sluice__tie_reduce(sluice__rank *rank, const sluice_instruction *at) {
    const sluice__rank_program *mine = &rank->pipeline->program->rank[rank->index];
    const sluice__tie *tie           = mine->ties;
    while (tie->edge != at->edge) tie++;
    for (int k = 0; k < tie->terms; k++) rank->terms[k] = at_offset(rank, tie->offsets[k]);
    const sluice_shape *shape =
        &sluice_model_use(rank->pipeline->model, tie->first)->parameter.shape;
    return rank->pipeline->operations->sum(rank->stream,
                                           &(sluice_sum){.out    = at_offset(rank, tie->sum),
                                                         .inputs = rank->terms,
                                                         .terms  = tie->terms,
                                                         .count  = sluice_shape_count(shape)});
}

/* ---- the norm ---- */

/* This rank's losses, if it has them, then its partial sums of squares. */
static sluice_status gather_mine(sluice__rank *rank) {
    const sluice_pipeline *pipeline  = rank->pipeline;
    const sluice_device_ops *ops     = pipeline->ops;
    const sluice__rank_program *mine = &pipeline->program->rank[rank->index];
    const int losses = rank->index == pipeline->loss_rank ? pipeline->program->microbatches : 0;
    double *partials = (double *)(rank->arena + mine->partials);
    SLUICE__TRY(pipeline->operations->sum_squares(
        rank->stream, &(sluice_sum_squares){partials, rank->counted, rank->counted_count}));
    SLUICE__TRY(ops->download(rank->stream, rank->mine, rank->arena + mine->losses,
                              (size_t)losses * sizeof(double)));
    SLUICE__TRY(ops->download(rank->stream, rank->mine + losses, partials,
                              (size_t)rank->counted_count * sizeof(double)));
    return sluice__drain(rank);
}

static sluice_status exchange(sluice__rank *rank) {
    sluice_pipeline *pipeline        = rank->pipeline;
    const sluice__transport_ops *ops = pipeline->transport_ops;
    SLUICE__TRY(ops->post_gather(pipeline->transport, rank->index, rank->mine));
    for (bool done = false;;) {
        const double seconds = sluice__patience(pipeline);
        SLUICE__TRY(ops->wait_gather(pipeline->transport, rank->index, rank->gathered,
                                     seconds > 0 ? seconds : 0, &done));
        if (done) return SLUICE_OK;
        if (sluice__patience(pipeline) > 0) continue;
        return sluice__deadline_passed(rank, "the norm");
    }
}

/* The gathered parts: each rank's losses, if it has them, then its partial sums, rank after rank.
 */
typedef struct sums {
    double loss, squares;
    int bad_microbatch, bad_use; /* as in sluice__run */
} sums;

/* The partial sum of use `u`, which is a first one. */
static double partial_of(const sluice__rank *rank, int u) {
    const sluice_pipeline *pipeline = rank->pipeline;
    const double *at                = rank->gathered;
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

/* Losses in the order of micro-batches, squares in the order of the model: the same sum however
 * many ranks there are. */
static sums add_up(const sluice__rank *rank) {
    const sluice_pipeline *pipeline = rank->pipeline;
    sums all                        = {0, 0, -1, -1};
    const double *losses            = rank->gathered;
    for (int r = 0; r < pipeline->loss_rank; r++) losses += pipeline->rank[r].counted_count;
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

/* Every rank comes to the same numbers. Those that are not finite are no failure of a rank: it goes
 * on without an update. */
sluice_status sluice__norm(sluice__rank *rank) {
    sluice_pipeline *pipeline = rank->pipeline;
    SLUICE__TRY(gather_mine(rank));
    const double met = sluice__now();
    SLUICE__TRY(exchange(rank));
    rank->meeting     = sluice__now() - met;
    const sums all    = add_up(rank);
    const double norm = sqrt(all.squares), clip = pipeline->options.clip;
    rank->scale = !isfinite(all.loss) || !isfinite(norm) ? NAN
                  : clip > 0 && norm > clip              ? clip / norm
                                                         : 1;
    if (rank->index > 0) return SLUICE_OK;
    pipeline->run.loss           = all.loss;
    pipeline->run.norm           = norm;
    pipeline->run.bad_microbatch = all.bad_microbatch;
    pipeline->run.bad_use        = all.bad_use;
    return SLUICE_OK;
}

sluice_status sluice__update(sluice__rank *rank) {
    const sluice_pipeline *pipeline        = rank->pipeline;
    const sluice_pipeline_options *options = &pipeline->options;
    const int count                        = pipeline->program->rank[rank->index].value_count;
    if (isnan(rank->scale) || !pipeline->run.updates) return SLUICE_OK;
    const sluice_optimizer_step step = {.learning_rate  = pipeline->run.batch.learning_rate,
                                        .gradient_scale = rank->scale,
                                        .number         = pipeline->updates + 1};
    return options->optimizer->update(rank->stream, pipeline->operations, rank->tensors, count,
                                      options->optimizer_config, &step);
}

/* With a learning rate of 0 and nothing from others. */
sluice_status sluice__rehearse_update(sluice__rank *rank) {
    const sluice__rank_program *mine = &rank->pipeline->program->rank[rank->index];
    for (int n = 0; n < mine->count; n++)
        if (mine->list[n].kind == SLUICE_INSTRUCTION_TIE_REDUCE)
            SLUICE__TRY(sluice__tie_reduce(rank, &mine->list[n]));
    SLUICE__TRY(gather_mine(rank));
    rank->scale = 1;
    SLUICE__TRY(sluice__update(rank));
    return sluice__drain(rank);
}
