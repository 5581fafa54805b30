/* SPDX-License-Identifier: MIT */
/* stack.h -- a stack of small linear layers, deep enough for any schedule, on emulated GPUs that
 * can be restarted. */
#ifndef SLUICE_TESTS_CUDA_STACK_H
#define SLUICE_TESTS_CUDA_STACK_H

#include "tests/emulation/runtime/emu.h"
#include "tests/support/support.h"

#include "runtime/executor/executor.h"
#include "sluice/model.h"
#include "sluice/pipeline.h"

enum { STACK_WIDTH = 4, STACK_LAYERS = 17, STACK_STEPS = 2 };

/* How to train it, and on what. */
typedef struct stack {
    const char *schedule, *transport, *device;
    int ranks, microbatches;
    int64_t samples;
    unsigned recompute; /* bit s: stage s */
    int ranks_per_device;
    double deadline; /* 0: long */
    void (*watch)(sluice__rank *rank, const sluice_instruction *at);
    const sluice__transport_ops *instead; /* used instead of the named one; NULL: none */
} stack;

typedef struct stack_outcome {
    double loss[STACK_STEPS], norm[STACK_STEPS], held_out;
    uint64_t digest;
} stack_outcome;

/* ---- the devices ---- */

/* Restart with intact devices and other seeds; reported if anything is left on the devices
 * before. */
static inline void stack_devices(int devices, uint64_t seed, bool lazy) {
    emu_settings settings = emu_settings_now();
    settings.devices      = devices;
    settings.seed         = seed;
    settings.lazy         = lazy;
    settings.delay_us     = 20;
    settings.resident     = 1;
    settings.nccl         = 22809;
    emu_restart(&settings);
}

/* ---- the problem ---- */

static inline sluice_model *stack_model(void) {
    const sluice_linear_config linear = {.inputs = STACK_WIDTH, .outputs = STACK_WIDTH};
    sluice_model *model;
    assert_ok(sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_F32, 1, {STACK_WIDTH}}));
    for (int k = 0; k + 1 < STACK_LAYERS; k++) {
        char name[32];
        (void)snprintf(name, sizeof name, "linear%d", k);
        assert_ok(sluice_model_add(model, sluice_layer_linear(), &linear, name));
    }
    assert_ok(sluice_model_add(model, sluice_layer_squared_error(), NULL, "error"));
    return model;
}

/* `context`: the number of the minibatch; a negative one has no inputs. */
static inline sluice_status stack_inputs(void *context, void *to, int64_t first, int64_t samples) {
    const int64_t n = *(const int64_t *)context;
    if (n < 0) return sluice_fail(SLUICE_E_IO, "the cat sat on the file");
    for (int64_t k = 0; k < samples * STACK_WIDTH; k++)
        ((float *)to)[k] = (float)((first * STACK_WIDTH + k + n) % 7) / 7;
    return SLUICE_OK;
}

static inline sluice_status stack_targets(void *context, void *to, int64_t first, int64_t samples) {
    int64_t n = *(const int64_t *)context;
    n         = n < 0 ? 1 : n + 1;
    return stack_inputs(&n, to, first, samples);
}

static inline sluice_batch stack_batch(int64_t samples, int64_t *n) {
    return (sluice_batch){samples,
                          (double)samples,
                          {{"inputs", stack_inputs, n}, {"targets", stack_targets, n}},
                          1e-2};
}

/* ---- the pipeline ---- */

static inline sluice_status stack_create(sluice_pipeline **out, const stack *with,
                                         const sluice_model *model) {
    sluice_schedule_options shape = SLUICE_SCHEDULE_OPTIONS_INIT;
    shape.ranks                   = with->ranks;
    shape.microbatches            = with->microbatches;
    sluice_schedule *schedule;
    assert_ok(sluice_schedule_generate(&schedule, with->schedule, &shape));
    bool recompute[64];
    for (int s = 0; s < 64; s++) recompute[s] = s < 32 && (with->recompute >> s & 1);
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    options.samples                 = with->samples;
    options.device                  = with->device ? with->device : "cuda";
    options.transport               = with->transport;
    options.ranks_per_device        = with->ranks_per_device;
    options.recompute               = recompute;
    options.clip                    = 0.5;
    options.deadline_s              = with->deadline > 0 ? with->deadline : 60;
    const sluice__parts parts       = {.watch = with->watch, .transport = with->instead};
    const sluice_status status =
        sluice__pipeline_plan_and_open(out, model, schedule, NULL, &options, &parts);
    sluice_schedule_free(schedule);
    return status;
}

static inline stack_outcome stack_train(const stack *with) {
    sluice_model *model       = stack_model();
    sluice_pipeline *pipeline = NULL;
    stack_outcome out         = {0};
    assert_ok(stack_create(&pipeline, with, model));
    for (int64_t n = 0; n < STACK_STEPS; n++) {
        const sluice_batch batch = stack_batch(with->samples, &n);
        sluice_result result;
        assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
        out.loss[n] = result.loss;
        out.norm[n] = result.norm;
    }
    int64_t other            = 99;
    const sluice_batch batch = stack_batch(3, &other);
    assert_ok(sluice_pipeline_evaluate(&out.held_out, pipeline, &batch));
    assert_ok(sluice_pipeline_digest(&out.digest, pipeline));
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
    return out;
}

#endif
