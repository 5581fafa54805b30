/* SPDX-License-Identifier: MIT */
/* update.c -- the norm's parts and the optimizers, over all tensors of a rank at once. */
#include <math.h>

#include "runtime/device/cpu/bf16.h"
#include "runtime/device/cpu/cpu.h"

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
    square_sum(&job->partials[task], job->x + first, sluice__min(job->block, job->count - first));
}

static double sum_squares(sluice_device *device, const float *x, int64_t count) {
    const squares_job job = {x, device->partials, sluice__reduction_block(count), count};
    const int64_t blocks  = sluice__blocks(count, job.block);
    sluice__team_run(device->team, blocks, squares_task, &job);
    double total = 0;
    for (int64_t b = 0; b < blocks; b++) total += device->partials[b];
    return total;
}

sluice_status sluice__cpu_sum_squares(sluice_stream *stream, const sluice_sum_squares *args) {
    for (int t = 0; t < args->count; t++)
        args->partials[t] =
            sum_squares(stream->device, args->tensors[t].gradient, args->tensors[t].count);
    return SLUICE_OK;
}

/* Gradients are fp32 in every precision. */
sluice_status sluice__cpu_bf16_sum_squares(sluice_stream *stream, const sluice_sum_squares *args) {
    return sluice__cpu_sum_squares(stream, args);
}

/* ---- working copies ---- */

static void copy_master(void *working, sluice_type type, const float *master, int64_t count) {
    if (type == SLUICE_TYPE_BF16)
        sluice__narrow(working, master, count);
    else if (count > 0)
        memcpy(working, master, (size_t)count * sizeof *master);
}

static sluice_status store_working_of(sluice_stream *stream, const sluice_store_working *args,
                                      sluice_type type) {
    (void)stream;
    copy_master(args->working, type, args->master, args->count);
    return SLUICE_OK;
}
SLUICE__BOTH_TYPES(store_working)

/* ---- one pass over everything: a task is a block of one tensor ---- */

enum { BLOCK = 16384 };

/* A part of a tensor; states that the optimizer does not have are NULL. */
typedef struct part {
    float *master;
    void *working; /* of `type`; may be NULL */
    sluice_type type;
    const float *gradient;
    float *states[SLUICE_UPDATE_STATES];
    int64_t count;
    bool decays;
} part;

static int64_t count_blocks(const sluice_update_tensor *tensors, int count) {
    int64_t blocks = 0;
    for (int t = 0; t < count; t++) blocks += sluice__blocks(tensors[t].count, BLOCK);
    return blocks;
}

/* Tensors are few: walking them costs less than a table of blocks would. */
static part part_at(const sluice_update_tensor *tensor, sluice_type type, int64_t task) {
    for (;; tensor++) {
        const int64_t blocks = sluice__blocks(tensor->count, BLOCK);
        if (task < blocks) break;
        task -= blocks;
    }
    const int64_t first = task * BLOCK;
    part p              = {.master   = tensor->master + first,
                           .working  = (void *)sluice__element(tensor->working, type, first),
                           .type     = type,
                           .gradient = tensor->gradient + first,
                           .count    = sluice__min(BLOCK, tensor->count - first),
                           .decays   = tensor->decays};
    for (int s = 0; s < SLUICE_UPDATE_STATES; s++)
        p.states[s] = tensor->states[s] ? tensor->states[s] + first : NULL;
    return p;
}

/* After a block's update it is still in the cache. */
static void write_working(const part *p) {
    if (p->working) copy_master(p->working, p->type, p->master, p->count);
}

/* ---- adamw ---- */

/* What one element needs, computed once: the bias corrections are folded into the factors. */
typedef struct adamw_factors {
    float gradient, keep; /* clip; 1 - lr * decay */
    float beta1, beta2;
    float rate, second, epsilon; /* lr / (1 - beta1^t); 1 / sqrt(1 - beta2^t) */
} adamw_factors;

static adamw_factors factors_of(const sluice_adamw *step, bool decays) {
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
    float *const restrict w               = p->master;
    const float *const restrict gradients = p->gradient;
    float *const restrict first = p->states[0], *const restrict second = p->states[1];
    for (int64_t i = 0; i < p->count; i++) {
        const float g = gradients[i] * f.gradient;
        first[i]      = f.beta1 * first[i] + (1 - f.beta1) * g;
        second[i]     = f.beta2 * second[i] + (1 - f.beta2) * g * g;
        w[i] = f.keep * w[i] - f.rate * first[i] / (sqrtf(second[i]) * f.second + f.epsilon);
    }
}
SLUICE__VERSIONS(adamw_part, (const part *p, const adamw_factors *factors), (p, factors))

typedef struct adamw_job {
    const sluice_adamw *args;
    sluice_type type; /* of working copies */
} adamw_job;

static void adamw_task(const void *argument, int64_t task, int thread) {
    (void)thread;
    const adamw_job *const job     = argument;
    const sluice_adamw *const args = job->args;
    const part p                   = part_at(args->tensors, job->type, task);
    const adamw_factors factors    = factors_of(args, p.decays);
    adamw_part(&p, &factors);
    write_working(&p);
}

static sluice_status adamw_of(sluice_stream *stream, const sluice_adamw *args, sluice_type type) {
    const adamw_job job = {args, type};
    sluice__team_run(stream->device->team, count_blocks(args->tensors, args->count), adamw_task,
                     &job);
    return SLUICE_OK;
}
SLUICE__BOTH_TYPES(adamw)

/* ---- sgd ---- */

SLUICE__LOOP void sgd_part_loop(const part *p, float keep, float rate) {
    float *const restrict w               = p->master;
    const float *const restrict gradients = p->gradient;
    for (int64_t i = 0; i < p->count; i++) w[i] = keep * w[i] - rate * gradients[i];
}
SLUICE__VERSIONS(sgd_part, (const part *p, float keep, float rate), (p, keep, rate))

/* The velocity holds clipped gradients, since the clip factor differs each step. */
typedef struct momentum_factors {
    float keep, rate, gradient, momentum;
    bool starts; /* the velocity, whose old value does not matter */
} momentum_factors;

SLUICE__LOOP void momentum_part_loop(const part *p, const momentum_factors *factors) {
    const momentum_factors f              = *factors;
    float *const restrict w               = p->master;
    const float *const restrict gradients = p->gradient;
    float *const restrict velocity        = p->states[0];
    if (f.starts)
        for (int64_t i = 0; i < p->count; i++) velocity[i] = f.gradient * gradients[i];
    else
        for (int64_t i = 0; i < p->count; i++)
            velocity[i] = f.momentum * velocity[i] + f.gradient * gradients[i];
    for (int64_t i = 0; i < p->count; i++) w[i] = f.keep * w[i] - f.rate * velocity[i];
}
SLUICE__VERSIONS(momentum_part, (const part *p, const momentum_factors *factors), (p, factors))

typedef struct sgd_job {
    const sluice_sgd *args;
    sluice_type type; /* of working copies */
} sgd_job;

static void sgd_task(const void *argument, int64_t task, int thread) {
    (void)thread;
    const sgd_job *const job     = argument;
    const sluice_sgd *const args = job->args;
    const part p                 = part_at(args->tensors, job->type, task);
    const float keep = (float)(1 - (p.decays ? args->learning_rate * args->weight_decay : 0));
    const momentum_factors factors = {keep, (float)args->learning_rate, (float)args->gradient_scale,
                                      (float)args->momentum, args->step == 1};
    if (args->momentum == 0)
        sgd_part(&p, keep, (float)(args->learning_rate * args->gradient_scale));
    else
        momentum_part(&p, &factors);
    write_working(&p);
}

static sluice_status sgd_of(sluice_stream *stream, const sluice_sgd *args, sluice_type type) {
    const sgd_job job = {args, type};
    sluice__team_run(stream->device->team, count_blocks(args->tensors, args->count), sgd_task,
                     &job);
    return SLUICE_OK;
}
SLUICE__BOTH_TYPES(sgd)
