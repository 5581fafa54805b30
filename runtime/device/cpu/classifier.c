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
    sluice__tiled forward, input, weight;
} slab_job;

static void forward_task(const void *argument, int64_t task, int thread) {
    const slab_job *const job = argument;
    const sluice__tile tile   = sluice__tile_at(&job->forward, task);
    sluice__multiply_tile(&job->forward, &tile, thread);
}

/* ---- softmax, loss and the gradient of the logits, in place ---- */

SLUICE__LOOP void exponentials_loop(float *x, float *largest, float *sum, int64_t count) {
    const float top = sluice__max(x, count);
    for (int64_t j = 0; j < count; j++) x[j] = sluice__exp(x[j] - top);
    *largest = top;
    *sum     = sluice__sum(x, count);
}
SLUICE__VERSIONS(exponentials, (float *x, float *largest, float *sum, int64_t count),
                 (x, largest, sum, count))

static double lose_row(float *logits, int32_t target, int64_t classes, double scale) {
    if (target < 0) {
        memset(logits, 0, (size_t)classes * sizeof *logits);
        return 0;
    }
    const float chosen = logits[target];
    float largest, sum;
    exponentials(logits, &largest, &sum, classes);
    sluice__scale(logits, (float)(scale / (double)sum), classes);
    logits[target] -= (float)scale;
    return log((double)sum) + (double)largest - (double)chosen;
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

/* ---- the two gradients: tiles of dx, which are long, then those of dw, which are many ---- */

static void gradient_task(const void *argument, int64_t task, int thread) {
    const slab_job *const job        = argument;
    const bool of_input              = task < job->input.count;
    const sluice__tiled *const tiled = of_input ? &job->input : &job->weight;
    const sluice__tile tile = sluice__tile_at(tiled, of_input ? task : task - job->input.count);
    sluice__multiply_tile(tiled, &tile, thread);
}

/* ---- slab by slab ---- */

/* The slab that begins at row `first`. A gradient that is not requested has no tiles. */
static slab_job slab_at(const sluice_device *device, const sluice_classifier *args, int64_t first) {
    const int64_t slab    = sluice__slab_rows(args->rows);
    const int64_t rows    = sluice__min(slab, args->rows - first);
    const int64_t classes = args->classes, width = args->width;
    slab_job job         = {.args      = args,
                            .first     = first,
                            .rows      = rows,
                            .losses    = args->scratch,
                            .logits    = (float *)((double *)args->scratch + slab),
                            .row_block = sluice__row_block(classes)};
    float *const dx      = args->dx;
    const float *const x = (const float *)args->x + first * width;
    job.forward          = sluice__cut(
                 device, &(sluice_matmul){job.logits, x, args->w, rows, classes, width, 1, 0, false, true});
    if (dx)
        job.input = sluice__cut(device, &(sluice_matmul){dx + first * width, job.logits, args->w,
                                                         rows, width, classes, 1, 0, false, false});
    if (args->dw)
        job.weight = sluice__cut(
            device, &(sluice_matmul){args->dw, job.logits, x, classes, width, rows, 1,
                                     args->first_write && first == 0 ? 0.0f : 1.0f, true, false});
    return job;
}

static double run_slab(sluice__team *team, const slab_job *job) {
    sluice__team_run(team, job->forward.count, forward_task, job);
    sluice__team_run(team, sluice__blocks(job->rows, job->row_block), loss_task, job);
    sluice__team_run(team, job->input.count + job->weight.count, gradient_task, job);
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
        const slab_job job = slab_at(stream->device, args, first);
        loss += run_slab(stream->device->team, &job);
        first += job.rows;
    }
    *args->loss = args->scale * loss;
    return SLUICE_OK;
}
