/* SPDX-License-Identifier: MIT */
/* open.c -- opening a pipeline from model, schedule, devices and threads, and closing it. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/executor/account.h"
#include "runtime/executor/calls.h"
#include "runtime/executor/choose_devices.h"
#include "runtime/executor/connect.h"
#include "runtime/executor/degradations.h"
#include "runtime/executor/executor.h"
#include "runtime/executor/paced.h"
#include "runtime/executor/parameters.h"
#include "runtime/executor/report.h"
#include "runtime/executor/update.h"
#include "runtime/executor/warm_up.h"
#include "runtime/executor/workers.h"

/* ---- options ---- */

static sluice_status take_options(sluice_pipeline_options *out,
                                  const sluice_pipeline_options *options) {
    if (options->size == 0 || options->size > sizeof *out) {
        sluice__fail(SLUICE_E_ARGUMENT, "the pipeline options have a size of %zu bytes",
                     options->size);
        return sluice__hint(SLUICE_E_ARGUMENT, "start from SLUICE_PIPELINE_OPTIONS_INIT");
    }
    memcpy(out, options, options->size);
    if (out->threads < 0 || out->threads > 1024)
        return sluice__fail(SLUICE_E_ARGUMENT, "%d threads per rank; use 1 to 1024", out->threads);
    if (!out->optimizer) out->optimizer = sluice_optimizers()[0];
    if (!out->optimizer_config) out->optimizer_config = out->optimizer->defaults;
    SLUICE__TRY(sluice_optimizer_check(out->optimizer, out->optimizer_config));
    SLUICE__TRY(sluice__check_number("the clipping norm", out->clip, 0, 1e300));
    if (out->ranks_per_device < 0)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "%d ranks per device; use 1 or more, or 0 for as few as the devices "
                            "allow",
                            out->ranks_per_device);
    return sluice__check_number("the deadline in seconds", out->deadline_s, 1e-3, 1e9);
}

/* ---- create ---- */

/* Compute threads of each of `ranks` ranks on this machine. */
static int threads_of(const sluice_pipeline_options *options, int ranks) {
    if (options->costs) return 1; /* it only sleeps */
    if (options->threads > 0) return options->threads;
    const int cores = sluice__usable_cores();
    return cores > ranks ? cores / ranks : 1;
}

static void choose_threads(sluice_pipeline *pipeline) {
    pipeline->cores   = sluice__usable_cores();
    pipeline->threads = threads_of(&pipeline->options, pipeline->all_ranks);
    pipeline->pin     = pipeline->threads * pipeline->all_ranks <= pipeline->cores;
}

/* Refuse a precision that the device does not compute in. */
static sluice_status choose_operations(sluice_pipeline *pipeline) {
    const sluice_precision precision = pipeline->options.precision;
    pipeline->operations             = pipeline->ops->operations(precision);
    if (pipeline->operations) return SLUICE_OK;
    char names[64] = "";
    size_t used    = 0;
    for (int p = 0; p < SLUICE_PRECISIONS; p++)
        if (pipeline->ops->operations((sluice_precision)p))
            used +=
                (size_t)snprintf(names + used, sizeof names - used, "%s%s", used > 0 ? ", " : "",
                                 sluice_precision_name((sluice_precision)p));
    sluice__fail(SLUICE_E_UNSUPPORTED, "device %s does not compute in %s", pipeline->ops->name,
                 sluice_precision_name(precision));
    return sluice__hint(SLUICE_E_UNSUPPORTED, "it computes in: %s", names);
}

/* Refuse a layer that has no code for this device. */
static sluice_status check_kinds(const sluice_pipeline *pipeline) {
    for (int l = 0; l < sluice_model_layer_count(pipeline->model); l++) {
        const sluice_layer_kind *kind = sluice_model_layer_kind(pipeline->model, l);
        if (!sluice__has_code(kind, pipeline->ops->name))
            return sluice__fail(SLUICE_E_UNSUPPORTED, "layer '%s': kind '%s' has no code for %s",
                                sluice_model_layer_name(pipeline->model, l), kind->name,
                                pipeline->ops->name);
    }
    return SLUICE_OK;
}

static sluice_status index_uses(sluice_pipeline *pipeline) {
    const int layers = sluice_model_layer_count(pipeline->model);
    SLUICE__TRY(sluice__alloc(&pipeline->first_use, (size_t)layers + 1, sizeof(int)));
    for (int u = 0; u < sluice_model_use_count(pipeline->model); u++)
        for (int l = sluice_model_use(pipeline->model, u)->layer + 1; l <= layers; l++)
            pipeline->first_use[l] = u + 1;
    return SLUICE_OK;
}

static sluice_status allocate_ranks(sluice_pipeline *pipeline) {
    const size_t p = (size_t)pipeline->ranks, local = (size_t)pipeline->world.local_count;
    SLUICE__TRY(sluice__alloc(&pipeline->positions, p, sizeof *pipeline->positions));
    SLUICE__TRY(sluice__alloc(&pipeline->ordinals, p, sizeof *pipeline->ordinals));
    SLUICE__TRY(sluice__alloc(&pipeline->rank, local,
                              sizeof *pipeline->rank)); /* last: close looks at it */
    for (size_t r = 0; r < p; r++) atomic_init(&pipeline->positions[r].at, -1);
    for (int k = 0; k < pipeline->world.local_count; k++) {
        pipeline->rank[k].pipeline = pipeline;
        pipeline->rank[k].index    = pipeline->world.first_local + k;
        pipeline->rank[k].local    = k;
    }
    return SLUICE_OK;
}

static sluice_status allocate_run(sluice_pipeline *pipeline) {
    SLUICE__TRY(sluice__account_make(pipeline));
    SLUICE__TRY(sluice__reports_make(pipeline));
    SLUICE__TRY(sluice__alloc(&pipeline->run.parts,
                              (size_t)sluice_model_batch_count(pipeline->model),
                              sizeof *pipeline->run.parts));
    return sluice__alloc(&pipeline->run.first_sample,
                         (size_t)sluice__max_microbatches(pipeline) + 1, sizeof(int64_t));
}

static sluice_status start_ranks(sluice_pipeline *pipeline) {
    SLUICE__TRY(pipeline->ops->prepare(pipeline->threads * pipeline->world.local_count,
                                       pipeline->options.blas));
    SLUICE__TRY(sluice__workers_start(pipeline));
    SLUICE__TRY(sluice__workers_do(pipeline, sluice__meet_rank, NULL));
    SLUICE__TRY(sluice__workers_do(pipeline, sluice__allocate_rank, NULL));
    if (pipeline->ops->asynchronous) SLUICE__TRY(sluice__warm_up(pipeline));
    SLUICE__TRY(sluice__workers_do(pipeline, sluice__initialize_rank, NULL));
    SLUICE__TRY(sluice__workers_do(pipeline, sluice__join_rank, NULL));
    sluice__note_degradations(pipeline);
    return sluice__workers_do(pipeline, sluice__note_device, NULL);
}

/* ---- plan ---- */

/* The table of a kind of device that is built in; NULL for a plug-in, which is not loaded to plan:
 * its working copies are assumed to be the usual ones. */
static const sluice_device_ops *built_in(const char *name) {
    const sluice_device_ops *const *devices = sluice_devices();
    if (!name) return devices[0];
    for (; *devices; devices++)
        if (strcmp((*devices)->name, name) == 0) return *devices;
    return NULL;
}

static sluice_status plan_options(sluice_plan_options *out, const sluice_pipeline_options *from,
                                  const sluice__parts *parts, int ranks) {
    assert(from->optimizer); /* take_options() sets a default */
    const sluice_device_ops *const device = parts->device ? parts->device : built_in(from->device);
    const sluice_operations *const operations = device ? device->operations(from->precision) : NULL;
    *out                                      = (sluice_plan_options)SLUICE_PLAN_OPTIONS_INIT;
    out->samples                              = from->samples;
    out->precision                            = from->precision;
    out->working_bytes                        = operations ? operations->working_bytes : NULL;
    out->states        = from->optimizer->state_count(from->optimizer_config);
    out->inference     = from->inference;
    out->forwards      = from->forwards;
    out->forward_count = from->forward_count;
    out->recompute     = from->recompute;
    out->memory_limit  = from->memory_limit;
    out->costs         = from->costs;
    out->outstanding   = from->outstanding;
    out->host_bytes    = device ? device->host_bytes(threads_of(from, ranks), from->blas) : 0;
    if (!parts->transport) return sluice_transport_queues(&out->queues, from->transport);
    out->queues = parts->transport->one_queue ? SLUICE_QUEUES_PER_RANK : SLUICE_QUEUES_PER_CHANNEL;
    return SLUICE_OK;
}

static sluice_status make_plan(sluice_plan **out, const sluice_model *model,
                               const sluice_schedule *schedule, const sluice_split *split,
                               const sluice_pipeline_options *options, const sluice__parts *parts) {
    sluice_pipeline_options settings = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_plan_options planned;
    SLUICE__TRY(take_options(&settings, options));
    const int ranks = parts->all_ranks > 0 ? parts->all_ranks : sluice_schedule_ranks(schedule);
    SLUICE__TRY(plan_options(&planned, &settings, parts, ranks));
    return sluice_plan_make(out, model, schedule, split, &planned);
}

sluice_status sluice_pipeline_plan(sluice_plan **out, const sluice_model *model,
                                   const sluice_schedule *schedule, const sluice_split *split,
                                   const sluice_pipeline_options *options) {
    return make_plan(out, model, schedule, split, options, &(sluice__parts){0});
}

/* ---- open ---- */

static sluice_status check_working(const sluice_pipeline *pipeline,
                                   const sluice__rank_program *mine) {
    for (int k = 0; k < mine->value_count; k++) {
        const sluice_parameter_use *const use =
            sluice_model_use(pipeline->model, mine->values[k].use);
        const size_t wanted  = pipeline->operations->working_bytes(&use->parameter.shape);
        const size_t planned = mine->values[k].working_bytes;
        if (wanted != planned)
            return sluice__fail(
                SLUICE_E_ARGUMENT,
                "device %s needs a working copy of %zu bytes for '%s', and the plan has %zu",
                pipeline->ops->name, wanted, use->name, planned);
    }
    return SLUICE_OK;
}

/* Refuse a plan that was made for another device, transport, precision or optimizer. */
static sluice_status check_plan(const sluice_pipeline *pipeline) {
    const sluice_plan_options *const made = &pipeline->plan->options;
    const bool one_queue                  = made->queues == SLUICE_QUEUES_PER_RANK;
    if (one_queue != pipeline->transport_ops->one_queue)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "the plan is for a queue per %s, and transport %s has one per %s",
                            one_queue ? "rank" : "channel", pipeline->transport_ops->name,
                            one_queue ? "channel" : "rank");
    if (made->precision != pipeline->options.precision)
        return sluice__fail(SLUICE_E_ARGUMENT, "the plan is for %s, and the options say %s",
                            sluice_precision_name(made->precision),
                            sluice_precision_name(pipeline->options.precision));
    if (made->inference != pipeline->options.inference)
        return sluice__fail(SLUICE_E_ARGUMENT, "the plan is for %s, and the options are for %s",
                            made->inference ? "inference" : "training",
                            pipeline->options.inference ? "inference" : "training");
    const int states = pipeline->options.optimizer->state_count(pipeline->options.optimizer_config);
    if (!made->inference && made->states != states)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "the plan has %d state tensors per parameter, and %s keeps %d",
                            made->states, pipeline->options.optimizer->name, states);
    for (int r = 0; r < pipeline->ranks; r++)
        SLUICE__TRY(check_working(pipeline, &pipeline->program->rank[r]));
    return SLUICE_OK;
}

static sluice_status open_all(sluice_pipeline *pipeline) {
    SLUICE__TRY(sluice__keep_optimizer(pipeline));
    SLUICE__TRY(sluice__choose_kind(pipeline));
    SLUICE__TRY(choose_operations(pipeline));
    SLUICE__TRY(sluice__choose_transport(pipeline));
    SLUICE__TRY(check_plan(pipeline));
    SLUICE__TRY(check_kinds(pipeline));
    SLUICE__TRY(sluice__check_pace(pipeline));
    choose_threads(pipeline);
    SLUICE__TRY(index_uses(pipeline));
    SLUICE__TRY(sluice__states_make(&pipeline->states, pipeline));
    SLUICE__TRY(allocate_ranks(pipeline));
    SLUICE__TRY(allocate_run(pipeline));
    SLUICE__TRY(sluice__count_channels(pipeline));
    SLUICE__TRY(sluice__choose_ordinals(pipeline));
    SLUICE__TRY(sluice__open_transport(pipeline));
    SLUICE__TRY(start_ranks(pipeline));
    pipeline->is_made = true;
    return SLUICE_OK;
}

/* Free everything except the threads, which have ended, and what they have closed. */
static void destroy(sluice_pipeline *pipeline) {
    if (pipeline->transport) pipeline->transport_ops->close(pipeline->transport);
    sluice__world_close(&pipeline->world);
    sluice__free(pipeline->channels);
    sluice__account_free(pipeline);
    sluice__reports_free(pipeline);
    sluice__states_free(&pipeline->states);
    sluice_plan_free(pipeline->plan);
    sluice__free(pipeline->optimizer_config);
    sluice__free(pipeline->run.parts);
    sluice__free(pipeline->run.first_sample);
    sluice__free(pipeline->first_use);
    sluice__free(pipeline->positions);
    sluice__free(pipeline->ordinals);
    sluice__free(pipeline->rank);
    pthread_cond_destroy(&pipeline->changed);
    pthread_mutex_destroy(&pipeline->lock);
    sluice__free(pipeline);
}

void sluice_pipeline_close(sluice_pipeline *pipeline) {
    if (!pipeline) return;
    if (!pipeline->rank || sluice__workers_stop(pipeline)) destroy(pipeline);
}

sluice_status sluice__pipeline_open(sluice_pipeline **out, sluice_plan *plan,
                                    const sluice_pipeline_options *options,
                                    const sluice__parts *parts) {
    sluice_pipeline_options settings = SLUICE_PIPELINE_OPTIONS_INIT;
    SLUICE__TRY(take_options(&settings, options));
    sluice_pipeline *pipeline;
    SLUICE__TRY(sluice__alloc(&pipeline, 1, sizeof *pipeline));
    sluice__plan_hold(plan);
    pipeline->plan          = plan;
    pipeline->model         = plan->model;
    pipeline->program       = plan->programs[0];
    pipeline->forward       = plan->programs[sluice__plan_evaluation(plan)];
    pipeline->ranks         = plan->ranks;
    pipeline->first_rank    = parts->first_rank;
    pipeline->all_ranks     = parts->all_ranks > 0 ? parts->all_ranks : plan->ranks;
    pipeline->loss_rank     = pipeline->program->stage_rank[pipeline->program->stages - 1];
    pipeline->options       = settings;
    pipeline->transport_ops = parts->transport;
    pipeline->watch         = parts->watch;
    pipeline->ops           = parts->device;
    pthread_mutex_init(&pipeline->lock, NULL);
    sluice__condition_init(&pipeline->changed);
    pipeline->destroy          = destroy;
    pipeline->deadline.seconds = settings.deadline_s;
    sluice_status status       = sluice__world_open(&pipeline->world, plan->ranks);
    if (status == SLUICE_OK) status = open_all(pipeline);
    if (status == SLUICE_OK) {
        *out = pipeline;
        return SLUICE_OK;
    }
    const sluice_error error = *sluice_last_error();
    sluice_pipeline_close(pipeline);
    return sluice__fail_again(&error);
}

sluice_status sluice_pipeline_open(sluice_pipeline **out, sluice_plan *plan,
                                   const sluice_pipeline_options *options) {
    return sluice__pipeline_open(out, plan, options, &(sluice__parts){0});
}

sluice_status sluice__pipeline_plan_and_open(sluice_pipeline **out, const sluice_model *model,
                                             const sluice_schedule *schedule,
                                             const sluice_split *split,
                                             const sluice_pipeline_options *options,
                                             const sluice__parts *parts) {
    sluice_plan *plan = NULL;
    SLUICE__TRY(make_plan(&plan, model, schedule, split, options, parts));
    const sluice_status status = sluice__pipeline_open(out, plan, options, parts);
    sluice_plan_free(plan);
    return status;
}

sluice_status sluice_pipeline_plan_and_open(sluice_pipeline **out, const sluice_model *model,
                                            const sluice_schedule *schedule,
                                            const sluice_split *split,
                                            const sluice_pipeline_options *options) {
    return sluice__pipeline_plan_and_open(out, model, schedule, split, options,
                                          &(sluice__parts){0});
}
