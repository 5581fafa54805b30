/* SPDX-License-Identifier: MIT */
/*
 * plan.h -- everything about a run that is decided before anything is allocated: the compiled
 * programs, and every byte of each rank's arena.
 *
 * A plan holds programs over one region of parameters and state: the step, the evaluation, and any
 * that the caller adds; without the step, if nothing is to be trained. Making a plan is pure: it
 * uses no device and no memory but the host's. sluice_pipeline_open() (pipeline.h) makes it ready
 * to run.
 */
#ifndef SLUICE_PLAN_H
#define SLUICE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/model.h"
#include "sluice/partition.h"
#include "sluice/program.h"
#include "sluice/schedule.h"
#include "sluice/status.h"

typedef struct sluice_plan sluice_plan; /* immutable once made */

/* A program besides step and evaluation: forward only, over the same stages. */
typedef struct sluice_plan_forward {
    const char *name; /* copied */
    int microbatches; /* at least 1 */
    int64_t samples;  /* largest micro-batch */
} sluice_plan_forward;

typedef struct sluice_plan_options {
    size_t size;     /* sizeof(sluice_plan_options), set by the initializer */
    int64_t samples; /* of a minibatch; at least one per micro-batch */
    sluice_precision precision;
    /* From the operations that will run it, as in sluice_program_options; NULL: the default. */
    size_t (*working_bytes)(const sluice_shape *parameter);
    int states;            /* optimizer state tensors per parameter: state_count() of the kind */
    sluice_queues queues;  /* of the transport: sluice_transport_queues() */
    const bool *recompute; /* per stage, as in sluice_program_options; NULL: none */
    size_t memory_limit;   /* limit on the bytes of each rank's arena; 0: none */
    const sluice_plan_forward *forwards; /* more programs */
    int forward_count;
    const sluice_simulation_costs *costs; /* of the step, as in sluice_program_options; NULL: not
                                           * known */
    int outstanding;                      /* likewise; 0: no limit */
    size_t host_bytes; /* host memory of each rank besides its arena: what its device's compute
                        * threads need (device.h) */
    bool inference;    /* nothing is trained: the schedule has forwards only, and there are no
                        * gradients and no optimizer state; `states` does not count */
} sluice_plan_options;
/* One field a line, in the order of the struct: C++17 has no designated initializers. */
/* clang-format off */
#define SLUICE_PLAN_OPTIONS_INIT                         \
    {                                                    \
        /* size          */ sizeof(sluice_plan_options), \
        /* samples       */ 1,                           \
        /* precision     */ SLUICE_PRECISION_FP32,       \
        /* working_bytes */ 0,                           \
        /* states        */ 2,                           \
        /* queues        */ SLUICE_QUEUES_PER_CHANNEL,   \
        /* recompute     */ 0,                           \
        /* memory_limit  */ 0,                           \
        /* forwards      */ 0,                           \
        /* forward_count */ 0,                           \
        /* costs         */ 0,                           \
        /* outstanding   */ 0,                           \
        /* host_bytes    */ 0,                           \
        /* inference     */ false                        \
    }
/* clang-format on */

/*
 * Compile `schedule` for `model`, and the programs that go with it. `split` NULL: the min-max split
 * over the FLOPs that the layers describe. `model` must outlive the plan and every pipeline opened
 * from it; all else is copied.
 * E_ARGUMENT, E_SCHEDULE, E_HOST_MEMORY; E_DEVICE_MEMORY: a rank needs more than the limit; the
 * hint lists remedies, each of which was planned and fits.
 */
SLUICE_API sluice_status sluice_plan_make(sluice_plan **out, const sluice_model *model,
                                          const sluice_schedule *schedule,
                                          const sluice_split *split,
                                          const sluice_plan_options *options);
/* NULL is fine. Pipelines opened from it keep what they need. */
SLUICE_API void sluice_plan_free(sluice_plan *plan);

/* The first two programs of every plan that trains. One for inference begins with the evaluation,
 * which is then its schedule's, and goes on with the programs that the caller adds. */
enum { SLUICE_PLAN_STEP = 0, SLUICE_PLAN_EVALUATION = 1 };
SLUICE_API int sluice_plan_program_count(const sluice_plan *plan);
/* Borrowed. */
SLUICE_API const sluice_program *sluice_plan_program(const sluice_plan *plan, int index);
/* "step", "evaluation"; borrowed. */
SLUICE_API const char *sluice_plan_program_name(const sluice_plan *plan, int index);
SLUICE_API const sluice_model *sluice_plan_model(const sluice_plan *plan);
/* Bytes that a rank allocates: the largest arena of its programs. */
SLUICE_API size_t sluice_plan_arena(const sluice_plan *plan, int rank);
/* Host memory that each rank takes besides, as the options say; the limit does not count it. */
SLUICE_API size_t sluice_plan_host_bytes(const sluice_plan *plan);

/* Host memory that saves in the background (run.h) take for the state of this rank: its parameters,
 * those that ranks share on one of them, with optimizer state and state of layers. */
SLUICE_API size_t sluice_plan_save_bytes(const sluice_plan *plan, int rank);

/* The split that balances the FLOPs of the stages of `model` for micro-batches of `samples` /
 * `microbatches`: sluice_split_minmax() over what the layers describe. */
SLUICE_API sluice_status sluice_split_from_model(sluice_split *out, const sluice_model *model,
                                                 int stages, int64_t samples, int microbatches);

/* ---- what partition.h must know of models and schedules ---- */

/* A row for each layer of a model: bytes, and FLOPs in place of seconds. Release with
 * sluice_model_rows_free(). E_ARGUMENT, E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_model_rows(sluice_profile_layer **out, const sluice_model *model,
                                           int64_t samples, sluice_precision precision);
SLUICE_API void sluice_model_rows_free(sluice_profile_layer *rows, int layers); /* NULL is fine */

/* What each layer of a model is to a layout; `out` has one entry per layer. E_ARGUMENT: something
 * else than embeddings, blocks of attention and mlp, and a loss that a norm may precede. */
SLUICE_API sluice_status sluice_model_layout(sluice_layout_layer *out, const sluice_model *model);

/* What the stages of a program hold over the step: for sluice_partition.held. It depends on the
 * schedule and on which stages recompute, not on the model: a program without one will do. Release
 * with sluice_held_free(). E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_held_make(sluice_held **out, int *count,
                                          const sluice_program *program);
SLUICE_API void sluice_held_free(sluice_held *held); /* NULL is fine */
/* The lifetimes of its buffers: for sluice_partition.buffers. Release with
 * sluice_held_buffers_free(). E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_held_buffers_make(sluice_held_buffer **out, int *count,
                                                  const sluice_program *program);
SLUICE_API void sluice_held_buffers_free(sluice_held_buffer *buffers); /* NULL is fine */

#endif
