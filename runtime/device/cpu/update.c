/* SPDX-License-Identifier: MIT */
/* update.c -- the norm's parts and the optimizers, over all tensors of a rank at once. */
#include <math.h>

#include "runtime/device/cpu/cpu.h"
#include "runtime/device/cpu/loops.h"

/* ---- sum of squares ---- */

typedef struct squares_job {
    const float *x;
    double *partials;
    int64_t block, count;
} squares_job;

typedef double double_lanes __attribute__((vector_size(4 * sizeof(double))));

SLUICE__LOOP void square_sum_loop(double *out, const float *x, int64_t count) {
    double_lanes even = {0}, odd = {0};
    int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
        const double_lanes a = {(double)x[i], (double)x[i + 1], (double)x[i + 2], (double)x[i + 3]};
        const double_lanes b = {(double)x[i + 4], (double)x[i + 5], (double)x[i + 6],
                                (double)x[i + 7]};
        even += a * a;
        odd += b * b;
    }
    even += odd;
    double total = (even[0] + even[2]) + (even[1] + even[3]);
    for (; i < count; i++) total += (double)x[i] * (double)x[i];
    *out = total;
}
SLUICE__VERSIONS(square_sum, (double *out, const float *x, int64_t count), (out, x, count))

static void squares_task(const void *argument, int64_t task, int thread) {
    (void)thread;
    const squares_job *const job = argument;
    const int64_t first          = task * job->block;
    square_sum(&job->partials[task], job->x + first, sluice__least(job->block, job->count - first));
}

static double sum_squares(sluice_device *device, const float *x, int64_t count) {
    const squares_job job = {x, device->partials, sluice__reduction_block(count), count};
    const int64_t blocks  = sluice__blocks(count, job.block);
    sluice__team_run(device->team, blocks, squares_task, &job);
    double total = 0;
    for (int64_t b = 0; b < blocks; b++) total += device->partials[b];
    return total;
}

sluice_status sluice__cpu_sum_squares(sluice_stream *stream, double *partials,
                                      const sluice_update_tensor *tensors, int count) {
    for (int t = 0; t < count; t++)
        partials[t] = sum_squares(stream->device, tensors[t].gradient, tensors[t].count);
    return SLUICE_OK;
}

/* ---- one pass over everything: a task is a block of one tensor ---- */

enum { BLOCK = 16384 };

typedef struct update_job {
    const sluice_update_tensor *tensors;
    const sluice_update *step;
} update_job;

/* Part of a tensor; the moments are NULL for sgd. */
typedef struct part {
    float *parameter;
    const float *gradient;
    float *first, *second;
    int64_t count;
    bool decays;
} part;

static int64_t count_blocks(const sluice_update_tensor *tensors, int count) {
    int64_t blocks = 0;
    for (int t = 0; t < count; t++) blocks += sluice__blocks(tensors[t].count, BLOCK);
    return blocks;
}

/* Tensors are few: walking them costs less than a table of blocks would. */
static part part_at(const sluice_update_tensor *tensor, int64_t task) {
    for (;; tensor++) {
        const int64_t blocks = sluice__blocks(tensor->count, BLOCK);
        if (task < blocks) break;
        task -= blocks;
    }
    const int64_t first = task * BLOCK;
    return (part){tensor->parameter + first,
                  tensor->gradient + first,
                  tensor->first_moment ? tensor->first_moment + first : NULL,
                  tensor->second_moment ? tensor->second_moment + first : NULL,
                  sluice__least(BLOCK, tensor->count - first),
                  tensor->decays};
}

/* ---- adamw ---- */

/* What one element needs, computed once: the bias corrections are folded into the factors. */
typedef struct adamw_factors {
    float gradient, keep; /* clip; 1 - lr * decay */
    float beta1, beta2;
    float rate, second, epsilon; /* lr / (1 - beta1^t); 1 / sqrt(1 - beta2^t) */
} adamw_factors;

static adamw_factors factors_of(const sluice_update *step, bool decays) {
    const double correction1 = 1 - pow(step->beta1, (double)step->step);
    const double correction2 = 1 - pow(step->beta2, (double)step->step);
    return (adamw_factors){.gradient = (float)step->gradient_scale,
                           .keep =
                               (float)(1 - (decays ? step->learning_rate * step->weight_decay : 0)),
                           .beta1   = (float)step->beta1,
                           .beta2   = (float)step->beta2,
                           .rate    = (float)(step->learning_rate / correction1),
                           .second  = (float)(1 / sqrt(correction2)),
                           .epsilon = (float)step->epsilon};
}

SLUICE__LOOP void adamw_part_loop(const part *p, const adamw_factors *factors) {
    const adamw_factors f                 = *factors;
    float *const restrict w               = p->parameter;
    const float *const restrict gradients = p->gradient;
    float *const restrict first = p->first, *const restrict second = p->second;
    for (int64_t i = 0; i < p->count; i++) {
        const float g = gradients[i] * f.gradient;
        first[i]      = f.beta1 * first[i] + (1 - f.beta1) * g;
        second[i]     = f.beta2 * second[i] + (1 - f.beta2) * g * g;
        w[i] = f.keep * w[i] - f.rate * first[i] / (sqrtf(second[i]) * f.second + f.epsilon);
    }
}
SLUICE__VERSIONS(adamw_part, (const part *p, const adamw_factors *factors), (p, factors))

static void adamw_task(const void *argument, int64_t task, int thread) {
    (void)thread;
    const update_job *const job = argument;
    const part p                = part_at(job->tensors, task);
    const adamw_factors factors = factors_of(job->step, p.decays);
    adamw_part(&p, &factors);
}

sluice_status sluice__cpu_adamw(sluice_stream *stream, const sluice_update_tensor *tensors,
                                int count, const sluice_update *step) {
    const update_job job = {tensors, step};
    sluice__team_run(stream->device->team, count_blocks(tensors, count), adamw_task, &job);
    return SLUICE_OK;
}

/* ---- sgd ---- */

SLUICE__LOOP void sgd_part_loop(const part *p, float keep, float rate) {
    float *const restrict w               = p->parameter;
    const float *const restrict gradients = p->gradient;
    for (int64_t i = 0; i < p->count; i++) w[i] = keep * w[i] - rate * gradients[i];
}
SLUICE__VERSIONS(sgd_part, (const part *p, float keep, float rate), (p, keep, rate))

static void sgd_task(const void *argument, int64_t task, int thread) {
    (void)thread;
    const update_job *const job = argument;
    const part p                = part_at(job->tensors, task);
    const double decay          = p.decays ? job->step->learning_rate * job->step->weight_decay : 0;
    sgd_part(&p, (float)(1 - decay), (float)(job->step->learning_rate * job->step->gradient_scale));
}

sluice_status sluice__cpu_sgd(sluice_stream *stream, const sluice_update_tensor *tensors, int count,
                              const sluice_update *step) {
    const update_job job = {tensors, step};
    sluice__team_run(stream->device->team, count_blocks(tensors, count), sgd_task, &job);
    return SLUICE_OK;
}
