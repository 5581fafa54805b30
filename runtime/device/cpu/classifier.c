/* SPDX-License-Identifier: MIT */
/*
 * classifier.c -- the output head with its loss, a slab of rows at a time.
 *
 *   logits = x w^T  ->  loss, logits = scale (softmax - target)  ->  dx = logits w
 *                                                                    dw (+)= logits^T x
 */
#include <inttypes.h>
#include <math.h>

#include "runtime/base/error.h"
#include "runtime/device/cpu/cpu.h"
#include "runtime/device/cpu/tile.h"
#include "runtime/device/cpu/vexp.h"

typedef struct slab_job {
    const sluice_classifier *args;
    int64_t first, rows; /* of the slab */
    double *losses;      /* (rows): minus the logarithm of the target's probability */
    float *logits;       /* (rows, classes) */
    int64_t row_block;
    sluice__product forward, input, weight;
    sluice__tiling forward_tiling, input_tiling, weight_tiling;
} slab_job;

static void forward_task(const void *argument, int64_t task, int thread) {
    (void)thread;
    const slab_job *const job = argument;
    const sluice__tile tile   = sluice__tile_at(&job->forward_tiling, task);
    sluice__multiply_tile(&job->forward, &tile);
}

/* ---- softmax, loss and the gradient of the logits, in place ---- */

SLUICE__LOOP void exponentials_loop(float *x, float *most, float *sum, int64_t count) {
    const float top = sluice__max(x, count);
    for (int64_t j = 0; j < count; j++) x[j] = sluice__exp(x[j] - top);
    *most = top;
    *sum  = sluice__sum(x, count);
}
SLUICE__VERSIONS(exponentials, (float *x, float *most, float *sum, int64_t count),
                 (x, most, sum, count))

SLUICE__LOOP void scale_row_loop(float *x, float factor, int64_t count) {
    for (int64_t j = 0; j < count; j++) x[j] *= factor;
}
SLUICE__VERSIONS(scale_row, (float *x, float factor, int64_t count), (x, factor, count))

static double lose_row(float *logits, int32_t target, int64_t classes, double scale) {
    if (target < 0) {
        memset(logits, 0, (size_t)classes * sizeof *logits);
        return 0;
    }
    const float chosen = logits[target];
    float most, sum;
    exponentials(logits, &most, &sum, classes);
    scale_row(logits, (float)(scale / (double)sum), classes);
    logits[target] -= (float)scale;
    return log((double)sum) + (double)most - (double)chosen;
}

static void loss_task(const void *argument, int64_t task, int thread) {
    (void)thread;
    const slab_job *const job           = argument;
    const sluice_classifier *const args = job->args;
    const int64_t last                  = (task + 1) * job->row_block;
    for (int64_t i = task * job->row_block; i < last && i < job->rows; i++)
        job->losses[i] = lose_row(job->logits + i * args->classes, args->targets[job->first + i],
                                  args->classes, args->scale);
}

/* ---- the two gradients: tiles of dw, then tiles of dx ---- */

static void gradient_task(const void *argument, int64_t task, int thread) {
    (void)thread;
    const slab_job *const job = argument;
    if (task < job->weight_tiling.count) {
        const sluice__tile tile = sluice__tile_at(&job->weight_tiling, task);
        sluice__multiply_tile(&job->weight, &tile);
    } else {
        const sluice__tile tile =
            sluice__tile_at(&job->input_tiling, task - job->weight_tiling.count);
        sluice__multiply_tile(&job->input, &tile);
    }
}

/* ---- slab by slab ---- */

/* Slab `first ..` of the rows. A gradient that is not asked for has no tiles. */
static slab_job slab_at(const sluice_classifier *args, int64_t first) {
    const int64_t most = sluice__slab_rows(args->rows, args->classes);
    const int64_t left = args->rows - first, rows = left < most ? left : most;
    const int64_t classes = args->classes, width = args->width;
    const float *const x    = args->x + first * width;
    const bool first_write  = args->first_write && first == 0;
    double *const losses    = args->scratch;
    float *const logits     = (float *)(losses + most);
    const sluice__product f = {.c           = logits,
                               .a           = x,
                               .b           = args->w,
                               .rows        = rows,
                               .columns     = classes,
                               .inner       = width,
                               .c_stride    = classes,
                               .a_stride    = width,
                               .b_stride    = width,
                               .alpha       = 1,
                               .transpose_b = true};
    const sluice__product i = {.c        = args->dx ? args->dx + first * width : NULL,
                               .a        = logits,
                               .b        = args->w,
                               .rows     = args->dx ? rows : 0,
                               .columns  = width,
                               .inner    = classes,
                               .c_stride = width,
                               .a_stride = classes,
                               .b_stride = width,
                               .alpha    = 1};
    const sluice__product w = {.c           = args->dw,
                               .a           = logits,
                               .b           = x,
                               .rows        = args->dw ? classes : 0,
                               .columns     = width,
                               .inner       = rows,
                               .c_stride    = width,
                               .a_stride    = classes,
                               .b_stride    = width,
                               .alpha       = 1,
                               .beta        = first_write ? 0.0f : 1.0f,
                               .transpose_a = true};
    return (slab_job){.args           = args,
                      .first          = first,
                      .rows           = rows,
                      .losses         = losses,
                      .logits         = logits,
                      .row_block      = sluice__row_block(classes),
                      .forward        = f,
                      .input          = i,
                      .weight         = w,
                      .forward_tiling = sluice__tiling_of(&f),
                      .input_tiling   = sluice__tiling_of(&i),
                      .weight_tiling  = sluice__tiling_of(&w)};
}

static double run_slab(sluice__team *team, const slab_job *job) {
    sluice__team_run(team, job->forward_tiling.count, forward_task, job);
    sluice__team_run(team, sluice__blocks(job->rows, job->row_block), loss_task, job);
    sluice__team_run(team, job->weight_tiling.count + job->input_tiling.count, gradient_task, job);
    double loss = 0;
    for (int64_t i = 0; i < job->rows; i++) loss += job->losses[i];
    return loss;
}

static sluice_status check_targets(const sluice_classifier *args) {
    for (int64_t i = 0; i < args->rows; i++) {
        if (args->targets[i] < args->classes) continue;
        const sluice_status status = sluice__fail(SLUICE_E_ARGUMENT,
                                                  "the target of row %" PRId64 " is %" PRId32
                                                  ", and there are %" PRId64 " classes",
                                                  i, args->targets[i], args->classes);
        return sluice__hint(status, "use a model whose vocabulary is that of the data");
    }
    return SLUICE_OK;
}

sluice_status sluice__cpu_classifier(sluice_stream *stream, const sluice_classifier *args) {
    SLUICE__TRY(check_targets(args));
    if (args->rows == 0 && args->dw && args->first_write)
        sluice__fill_zero(stream->device, args->dw, args->classes * args->width);
    double loss = 0;
    for (int64_t first = 0; first < args->rows;) {
        const slab_job job = slab_at(args, first);
        loss += run_slab(stream->device->team, &job);
        first += job.rows;
    }
    *args->loss = args->scale * loss;
    return SLUICE_OK;
}
