/* SPDX-License-Identifier: MIT */
/*
 * warm_up.c -- every program of the plan on dummy data before the first real one, on devices that
 * load code and choose algorithms on first use: doing so while ranks communicate may deadlock.
 *
 * Each rank alone runs the compute instructions of the first micro-batch of each size, in the
 * program's order, on an arena of zeros (which are valid tokens), and the end of a step. Nothing is
 * received, and the results are discarded.
 */
#include "runtime/executor/warm_up.h"

#include <string.h>

#include "runtime/base/error.h"
#include "runtime/executor/events.h"
#include "runtime/executor/failure.h"
#include "runtime/executor/load.h"
#include "runtime/executor/pass.h"
#include "runtime/executor/report.h"
#include "runtime/executor/stage.h"
#include "runtime/executor/update.h"
#include "runtime/program/instruction.h"

/* `context` points to the bytes of a sample. */
static sluice_status load_zeros(void *context, void *to, int64_t first, int64_t samples) {
    const size_t *const bytes = context;
    (void)first;
    memset(to, 0, (size_t)samples * *bytes);
    return SLUICE_OK;
}

static bool is_first_of_its_size(const int64_t *first_sample, int microbatch) {
    const int64_t *const at = &first_sample[microbatch];
    return microbatch == 0 || at[1] - at[0] != at[0] - at[-1];
}

static sluice_status warm_up_rank(sluice__rank *rank, void *unused) {
    (void)unused;
    sluice_pipeline *pipeline        = rank->pipeline;
    const sluice__rank_program *mine = &pipeline->run.program->rank[rank->index];
    SLUICE__TRY(pipeline->ops->zero(rank->stream, rank->arena, rank->arena_bytes));
    sluice__report_begin(rank);
    sluice__events_begin(rank);
    for (int n = 0; n < mine->count; n++) {
        const sluice_instruction *at = &mine->list[n];
        if (!sluice__is_compute(at)) continue;
        if (!is_first_of_its_size(pipeline->run.first_sample, at->microbatch)) continue;
        if (atomic_load(&pipeline->failed)) return sluice__stopped();
        atomic_store(&sluice__position_of(rank)->at, n);
        SLUICE__TRY(sluice__before_compute(rank));
        SLUICE__TRY(sluice__run_stage(rank, at));
        SLUICE__TRY(sluice__after_compute(rank, n));
        sluice__progress(&pipeline->deadline);
    }
    return pipeline->run.updates ? sluice__warm_up_update(rank) : sluice__drain(rank);
}

/* Fill all micro-batches with `size` samples, or with `size`, `size` - 1, ... if `every`; the size
 * that is left for another pass, 0 if none is. */
static int64_t fill_microbatches(sluice_pipeline *pipeline, int count, int64_t size, bool every) {
    int64_t *const first = pipeline->run.first_sample;
    first[0]             = 0;
    for (int i = 0; i < count; i++) {
        first[i + 1] = first[i] + size;
        if (every && size > 0) size--;
    }
    return every ? size : 0;
}

/* A program that only goes forward, with full micro-batches. The rest of an evaluation may have any
 * size: where ranks wait for each other on their devices, a shape that is new in the middle of a
 * run could be the end of it, and every size is run. */
static sluice_status warm_up_forward(sluice_pipeline *pipeline, const sluice_program *program,
                                     const sluice_batch *batch) {
    const sluice__run how = {.batch = *batch};
    const bool every      = pipeline->transport_ops->one_queue;
    for (int64_t size = sluice_program_samples(program, 0); size > 0;) {
        size = fill_microbatches(pipeline, program->microbatches, size, every);
        SLUICE__TRY(sluice__carry_out(pipeline, program, &how, warm_up_rank));
    }
    return SLUICE_OK;
}

static sluice_status warm_up_step(sluice_pipeline *pipeline, const sluice_batch *batch) {
    const sluice_program *program = pipeline->program;
    const sluice__run how         = {.batch = *batch, .step = 1, .updates = true};
    memcpy(pipeline->run.first_sample, program->first_sample,
           ((size_t)program->microbatches + 1) * sizeof(int64_t));
    return sluice__carry_out(pipeline, program, &how, warm_up_rank);
}

static sluice_status warm_up_all(sluice_pipeline *pipeline, const sluice_batch *batch) {
    const sluice_plan *const plan = pipeline->plan;
    const int evaluation          = sluice__plan_evaluation(plan);
    if (evaluation > 0) SLUICE__TRY(warm_up_step(pipeline, batch));
    for (int k = evaluation; k < plan->count; k++)
        SLUICE__TRY(warm_up_forward(pipeline, plan->programs[k], batch));
    return SLUICE_OK;
}

sluice_status sluice__warm_up(sluice_pipeline *pipeline) {
    size_t bytes[SLUICE_BATCH_PARTS];
    sluice_batch batch = {.samples = pipeline->program->options.samples, .total_weight = 1};
    for (int k = 0; k < sluice_model_batch_count(pipeline->model); k++) {
        const sluice_batch_read *const read = sluice_model_batch(pipeline->model, k);
        bytes[k]                            = sluice_shape_bytes(&read->shape);
        batch.parts[k] = (sluice_batch_part){read->name, load_zeros, &bytes[k]};
    }
    SLUICE__TRY(sluice__find_parts(pipeline, &batch));
    return warm_up_all(pipeline, &batch);
}
