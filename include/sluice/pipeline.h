/* SPDX-License-Identifier: MIT */
/*
 * pipeline.h -- a model, a schedule and devices made into something that trains.
 *
 * A pipeline has one worker thread per rank, from open to close. Call it from one thread at a time;
 * calls return when every rank is done. After a failure the pipeline refuses further steps with the
 * same sentence; its parameters can still be read as long as the device works. Exceptions are
 * E_ARGUMENT before anything is done, E_NONFINITE, and E_HOST_MEMORY while parameters are read or
 * written.
 */
#ifndef SLUICE_PIPELINE_H
#define SLUICE_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/ledger.h"
#include "sluice/model.h"
#include "sluice/optimizer.h"
#include "sluice/partition.h"
#include "sluice/plan.h"
#include "sluice/program.h"
#include "sluice/schedule.h"
#include "sluice/status.h"
#include "sluice/timeline.h"
#include "sluice/transports.h"

typedef struct sluice_pipeline sluice_pipeline;

typedef struct sluice_pipeline_options {
    size_t size;        /* sizeof(sluice_pipeline_options), set by the initializer */
    int64_t samples;    /* of a minibatch; at least one per micro-batch */
    const char *device; /* "cpu", "virtual" (virtual.h), "cuda", "cuda:0,2" (GPUs 0 and 2 only),
                         * "auto": cuda where it can be used, else cpu; NULL: cpu */
    int threads;        /* compute threads of each rank; 0: cores / ranks, at least 1 */
    /* NULL: the first of sluice_optimizers(), AdamW */
    const sluice_optimizer_kind *optimizer;
    const void *optimizer_config; /* copied; NULL: the kind's defaults */
    double clip;                  /* largest global gradient norm; 0: no clipping */
    uint64_t seed;                /* of the initial weights */
    double deadline_s;            /* longest time without any rank finishing an instruction */
    const bool *recompute;        /* per stage, as in sluice_program_options; NULL: none */
    size_t memory_limit;          /* limit on the bytes of each rank's arena; 0: none */
    const sluice_simulation_costs *costs; /* for device "virtual" only: how long actions, links and
                                           * updates take, in seconds; must outlive the pipeline.
                                           * They also decide in sluice_program_options */
    int ranks_per_device; /* neighbouring ranks that share a GPU; 0: as few as the GPUs allow */
    sluice_precision precision; /* one that the device has operations for */
    const char *transport;      /* between ranks, as in transports.h; NULL: auto */
    int outstanding;            /* sends to each peer, as in sluice_program_options; 0: no limit */
    const char *blas; /* on the CPU: the library that multiplies (blas.h), the same in all pipelines
                       * of a process; NULL: auto */
    bool inference;   /* nothing is trained, as in sluice_plan_options */
    const sluice_plan_forward *forwards; /* more programs; for the plan only */
    int forward_count;
    bool zero_parameters; /* parameters are 0 at first rather than random: all of them are to be
                           * written, as those of a file */
} sluice_pipeline_options;
/* One field a line, in the order of the struct: C++17 has no designated initializers. */
/* clang-format off */
#define SLUICE_PIPELINE_OPTIONS_INIT                            \
    {                                                           \
        /* size             */ sizeof(sluice_pipeline_options), \
        /* samples          */ 1,                               \
        /* device           */ 0,                               \
        /* threads          */ 0,                               \
        /* optimizer        */ 0,                               \
        /* optimizer_config */ 0,                               \
        /* clip             */ 1.0,                             \
        /* seed             */ 1,                               \
        /* deadline_s       */ 600.0,                           \
        /* recompute        */ 0,                               \
        /* memory_limit     */ 0,                               \
        /* costs            */ 0,                               \
        /* ranks_per_device */ 0,                               \
        /* precision        */ SLUICE_PRECISION_FP32,           \
        /* transport        */ 0,                               \
        /* outstanding      */ 0,                               \
        /* blas             */ 0,                               \
        /* inference        */ false,                           \
        /* forwards         */ 0,                               \
        /* forward_count    */ 0,                               \
        /* zero_parameters  */ false                            \
    }
/* clang-format on */

/*
 * The plan of a run with these options (plan.h): everything that is decided before anything is
 * allocated, including what device and transport require of a plan. Pure.
 */
SLUICE_API sluice_status sluice_pipeline_plan(sluice_plan **out, const sluice_model *model,
                                              const sluice_schedule *schedule,
                                              const sluice_split *split,
                                              const sluice_pipeline_options *options);
/*
 * Make a plan ready to run: threads, devices, memory, initial weights. Pass the options that it was
 * planned with. The plan may be freed; its model must outlive the pipeline. Release with
 * sluice_pipeline_close().
 * E_ARGUMENT, E_HOST_MEMORY, E_DEVICE_MEMORY, E_UNSUPPORTED, E_DEVICE.
 */
SLUICE_API sluice_status sluice_pipeline_open(sluice_pipeline **out, sluice_plan *plan,
                                              const sluice_pipeline_options *options);
/* Both at once. `split` NULL: the min-max split over the FLOPs that the layers describe. */
SLUICE_API sluice_status sluice_pipeline_plan_and_open(sluice_pipeline **out,
                                                       const sluice_model *model,
                                                       const sluice_schedule *schedule,
                                                       const sluice_split *split,
                                                       const sluice_pipeline_options *options);
/* NULL is fine. Does not wait for a rank that is stuck: then all ranks keep their device and host
 * memory until that rank returns, and the last of them frees it. */
SLUICE_API void sluice_pipeline_close(sluice_pipeline *pipeline);

/*
 * Fill `to` (host memory) with one part of the batch, for samples first .. first + samples - 1 of
 * the minibatch, in the shape and type of sluice_model_batch(). Called on the threads of ranks, on
 * several at once, and once for each stage that reads the part and each type in which it does.
 * Anything but OK stops the step: say why with sluice_fail().
 */
typedef sluice_status sluice_load(void *context, void *to, int64_t first, int64_t samples);

/* A part of the batch by name: "inputs", "targets". */
typedef struct sluice_batch_part {
    const char *name;
    sluice_load *load;
    void *context;
} sluice_batch_part;

typedef struct sluice_batch {
    int64_t samples;     /* of this minibatch; for a step, as in the options */
    double total_weight; /* loss terms of the minibatch (unmasked tokens, samples): the loss is
                          * the sum of the terms divided by this */
    /* All that the model reads; others are ignored. One without a name ends the list. */
    sluice_batch_part parts[SLUICE_BATCH_PARTS];
    double learning_rate; /* for a step */
} sluice_batch;

typedef struct sluice_result {
    double loss; /* mean over the minibatch's weight */
    double norm; /* global gradient norm before clipping */
    double seconds;
    double makespan_idle; /* idle share of ranks * the time from the step's start to the drain */
    const double *inner_idle; /* per rank: idle share between its first and last action; borrowed,
                               * until the next call */
    const sluice_ledger *ledger; /* per rank: where its `seconds` went; borrowed, until the next
                                  * call */
} sluice_result;

/*
 * One optimizer step. On failure parameters are as before this step, unless the error says
 * otherwise.
 * E_NONFINITE: loss or gradient norm is not a finite number, and no parameter was updated (the
 * forwards have changed the state of layers). The error says in which micro-batch and layer this
 * began; to find out, the callbacks are called again. The pipeline can go on, and the minibatch
 * counts as a step.
 * E_DEADLINE: no rank finished an instruction for deadline_s seconds. A rank that is stuck in a
 * layer, a callback or a device is abandoned one second later, with what it uses: model and context
 * must remain valid until it returns.
 * E_ARGUMENT, E_CALLBACK, E_SCHEDULE, E_DEVICE.
 */
SLUICE_API sluice_status sluice_pipeline_step(sluice_result *result, sluice_pipeline *pipeline,
                                              const sluice_batch *batch);
/* The loss of any number of samples: forward only, through the same stages. */
SLUICE_API sluice_status sluice_pipeline_evaluate(double *loss, sluice_pipeline *pipeline,
                                                  const sluice_batch *batch);

/* Choose the token that follows a sequence, from the `count` logits after its last token. Called on
 * the thread of the rank of the last stage. Anything but OK stops the run: say why with
 * sluice_fail(). */
typedef sluice_status sluice_choose(int32_t *token, void *context, const float *logits,
                                    int64_t count);

typedef struct sluice_chooser {
    sluice_choose *choose;
    void *context;
} sluice_chooser;

/*
 * The samples of the batch as consecutive tokens of one sequence, of which the first is at
 * `position`, by one of the plan's programs that go forward, in its micro-batches one after
 * another: for models that generate, whose layers keep what they need of the tokens before. A
 * sequence begins at position 0. `*token` is the one that `chooser` takes; NULL: none is chosen.
 * Fails as sluice_pipeline_evaluate() does, and with the callback's status: the pipeline then goes
 * no further. E_ARGUMENT: there is no such program, or the model does not generate.
 */
SLUICE_API sluice_status sluice_pipeline_forward(int32_t *token, sluice_pipeline *pipeline,
                                                 int program, const sluice_batch *batch,
                                                 int64_t position, const sluice_chooser *chooser);

/* ---- the state of a run: to save it, and to resume it elsewhere ---- */

typedef enum sluice_state_kind {
    SLUICE_STATE_PARAMETER = 0, /* "transformer.wte.weight": the fp32 master, or a piece of it */
    SLUICE_STATE_OPTIMIZER = 1, /* "adamw.m/transformer.wte.weight" */
    SLUICE_STATE_LAYER     = 2  /* "state/<layer>.<name>": of the run */
} sluice_state_kind;

typedef struct sluice_state {
    const char *name; /* borrowed from the pipeline */
    sluice_shape shape;
    sluice_state_kind kind;
    int rank; /* it is read from this rank; a tied parameter is on others, too */
} sluice_state;

/*
 * Parameters in model order, tied ones once, those in pieces piece by piece; the optimizer state of
 * each; the state of layers.
 * Names, shapes and order do not depend on split and schedule.
 */
SLUICE_API int sluice_pipeline_state_count(const sluice_pipeline *pipeline);
SLUICE_API sluice_state sluice_pipeline_state_at(const sluice_pipeline *pipeline, int index);

/*
 * Copy one of them, in its type, between host memory and the ranks. `bytes` is the size of its
 * shape. A write reaches every rank that holds it, and updates the working copies of parameters.
 * E_ARGUMENT: unknown name, or another size; E_UNSUPPORTED on virtual devices; E_HOST_MEMORY,
 * E_DEVICE.
 */
SLUICE_API sluice_status sluice_pipeline_read_state(void *out, size_t bytes,
                                                    sluice_pipeline *pipeline, const char *name);
SLUICE_API sluice_status sluice_pipeline_write_state(sluice_pipeline *pipeline, const char *name,
                                                     const void *values, size_t bytes);
/* The same for a parameter, in elements. */
SLUICE_API sluice_status sluice_pipeline_read_parameter(float *values, int64_t count,
                                                        sluice_pipeline *pipeline,
                                                        const char *name);
SLUICE_API sluice_status sluice_pipeline_write_parameter(sluice_pipeline *pipeline,
                                                         const char *name, const float *values,
                                                         int64_t count);

/* What the next step depends on besides its batch and the state above. */
typedef struct sluice_counters {
    int64_t steps;   /* minibatches so far */
    int64_t updates; /* of which were finite */
    uint64_t seed;   /* of initial weights and dropout */
} sluice_counters;
SLUICE_API sluice_counters sluice_pipeline_counters(const sluice_pipeline *pipeline);
/* E_ARGUMENT: fewer steps than updates, or a negative number; or the pipeline's earlier
 * failure. */
SLUICE_API sluice_status sluice_pipeline_set_counters(sluice_pipeline *pipeline,
                                                      const sluice_counters *counters);

/* XXH3 (64 bit) over each parameter's (or piece's) name, shape and bytes, in name order, then over
 * those of each state of a layer. */
SLUICE_API sluice_status sluice_pipeline_digest(uint64_t *digest, sluice_pipeline *pipeline);

/* The compiled step, borrowed: to print its memory, to simulate it. */
SLUICE_API const sluice_program *sluice_pipeline_program(const sluice_pipeline *pipeline);
/* Measured seconds of each stage's actions in the last step, mean over its micro-batches; `costs`
 * has one entry per stage. For the simulator. I and W within a B are timed separately. */
SLUICE_API void sluice_pipeline_stage_costs(sluice_cost *costs, const sluice_pipeline *pipeline);
/* The other costs that the simulator takes: `recompute` of one micro-batch, per stage, 0 where
 * nothing was recomputed; `updates` per rank: the ledger's entry. */
SLUICE_API void sluice_pipeline_other_costs(double *recompute, double *updates,
                                            const sluice_pipeline *pipeline);
/* The last step as measured, in seconds ("s") since its start; its critical path is unknown.
 * Release with sluice_timeline_free(). E_ARGUMENT before the first step, E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_pipeline_timeline(sluice_timeline **out,
                                                  const sluice_pipeline *pipeline);
/* What the pipeline requested from the machine and works without (a core for each thread, huge
 * pages), one sentence a line; "" if nothing. Borrowed. */
SLUICE_API const char *sluice_pipeline_degradations(const sluice_pipeline *pipeline);
SLUICE_API int sluice_pipeline_threads(const sluice_pipeline *pipeline); /* of each rank */
SLUICE_API const char *sluice_pipeline_device(const sluice_pipeline *pipeline);

#endif
