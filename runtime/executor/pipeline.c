/* SPDX-License-Identifier: MIT */
/* pipeline.c -- a pipeline is made of model, schedule, devices and threads, and taken apart. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/executor/internal.h"

/* ---- options ---- */

static sluice_status take_options(sluice_pipeline_options *out,
                                  const sluice_pipeline_options *options) {
    if (options->size == 0 || options->size > sizeof *out) {
        sluice__fail(SLUICE_E_ARGUMENT, "pipeline options of %zu bytes", options->size);
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
        return sluice__fail(SLUICE_E_ARGUMENT, "%d ranks per device", out->ranks_per_device);
    return sluice__check_number("the deadline in seconds", out->deadline_s, 1e-3, 1e9);
}

/* ---- create ---- */

static void choose_threads(sluice_pipeline *pipeline) {
    pipeline->cores   = sluice__usable_cores();
    pipeline->threads = pipeline->options.threads;
    if (pipeline->options.costs) pipeline->threads = 1; /* that sleeps */
    if (pipeline->threads == 0) pipeline->threads = pipeline->cores / pipeline->ranks;
    if (pipeline->threads < 1) pipeline->threads = 1;
    pipeline->pin = pipeline->threads * pipeline->ranks <= pipeline->cores;
}

static sluice_status check_model(const sluice_model *model) {
    const int layers = sluice_model_layer_count(model);
    sluice_layer_description last;
    if (layers > 0)
        SLUICE__TRY(sluice_model_describe(&last, model, layers - 1, 1, SLUICE_PRECISION_FP32));
    if (layers > 0 && last.is_loss) return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT, "the model of %d layers does not end with a loss",
                        layers);
}

/* What the device does not compute in is refused by name. */
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

/* A missing function for this device is refused here, by name. */
static sluice_status check_kinds(const sluice_pipeline *pipeline) {
    for (int l = 0; l < sluice_model_layer_count(pipeline->model); l++) {
        const sluice_layer_kind *kind = sluice_model_layer_kind(pipeline->model, l);
        bool found                    = kind->forward != NULL;
        for (const sluice_layer_variant *v = kind->variants; v && v->device; v++)
            found = found || strcmp(v->device, pipeline->ops->name) == 0;
        if (!found)
            return sluice__fail(SLUICE_E_UNSUPPORTED, "layer '%s': kind '%s' has no code for %s",
                                sluice_model_layer_name(pipeline->model, l), kind->name,
                                pipeline->ops->name);
    }
    return SLUICE_OK;
}

/* The arenas are known: refuse those that are too large, with ways out that were planned. */
static sluice_status check_limit(const sluice_pipeline *pipeline, const sluice_schedule *schedule,
                                 const sluice_program_options *options) {
    const size_t limit = pipeline->options.memory_limit;
    for (int r = 0; limit > 0 && r < pipeline->ranks; r++) {
        const size_t needed = sluice__arena_bytes(pipeline->program, pipeline->forward, r);
        if (needed <= limit) continue;
        char all[32], most[32], missing[32], remedies[400];
        sluice__fail(SLUICE_E_DEVICE_MEMORY,
                     "rank %d needs %s, which is %s more than the limit of %s per rank", r,
                     sluice__bytes_text(all, needed), sluice__bytes_text(missing, needed - limit),
                     sluice__bytes_text(most, limit));
        const sluice_error refusal = *sluice_last_error();
        sluice__describe_remedies(remedies, sizeof remedies, pipeline->model, schedule, options,
                                  limit);
        sluice__fail_again(&refusal);
        return sluice__hint(SLUICE_E_DEVICE_MEMORY, "%s", remedies);
    }
    return SLUICE_OK;
}

static sluice_status compile_step(sluice_pipeline *pipeline, const sluice_schedule *schedule,
                                  const sluice_split *split, sluice_program_options *options) {
    sluice_split *even   = NULL;
    sluice_status status = SLUICE_OK;
    if (!split) {
        SLUICE__TRY(sluice__alloc(&even, 1, sizeof *even));
        SLUICE__TRY_OUT(sluice_split_model(even, pipeline->model, sluice_schedule_stages(schedule),
                                           options->samples,
                                           sluice_schedule_microbatches(schedule)));
        split = even;
    }
    status = sluice_program_compile(&pipeline->program, schedule, pipeline->model, split, options);
    if (status == SLUICE_E_SCHEDULE && options->queues == SLUICE_QUEUES_PER_RANK)
        (void)sluice__hint(status,
                           "with a queue for each link, over --transport local, it may run");
    if (status != SLUICE_OK) goto out;
    SLUICE__TRY_OUT(sluice__compile_forward(&pipeline->forward, pipeline->program));
    SLUICE__TRY_OUT(check_limit(pipeline, schedule, options));
out:
    sluice__free(even);
    return status;
}

static sluice_status index_uses(sluice_pipeline *pipeline) {
    const int layers = sluice_model_layer_count(pipeline->model);
    SLUICE__TRY(sluice__alloc(&pipeline->first_use, (size_t)layers + 1, sizeof(int)));
    for (int u = 0; u < sluice_model_use_count(pipeline->model); u++)
        for (int l = sluice_model_use(pipeline->model, u)->layer + 1; l <= layers; l++)
            pipeline->first_use[l] = u + 1;
    return SLUICE_OK;
}

static sluice_status create_ranks(sluice_pipeline *pipeline) {
    const size_t p = (size_t)pipeline->ranks;
    SLUICE__TRY(sluice__alloc(&pipeline->rank, p, sizeof *pipeline->rank));
    SLUICE__TRY(sluice__account_make(pipeline));
    SLUICE__TRY(sluice__alloc(&pipeline->run.parts,
                              (size_t)sluice_model_batch_count(pipeline->model),
                              sizeof *pipeline->run.parts));
    SLUICE__TRY(sluice__alloc(&pipeline->run.first_sample,
                              (size_t)pipeline->program->microbatches + 1, sizeof(int64_t)));
    for (int r = 0; r < pipeline->ranks; r++) {
        pipeline->rank[r].pipeline = pipeline;
        pipeline->rank[r].index    = r;
        atomic_init(&pipeline->rank[r].at, -1);
    }
    SLUICE__TRY(sluice__count_links(pipeline));
    SLUICE__TRY(sluice__place_ranks(pipeline));
    SLUICE__TRY(sluice__open_transport(pipeline));
    SLUICE__TRY(sluice__workers_start(pipeline));
    SLUICE__TRY(sluice__workers_do(pipeline, sluice__furnish_rank, NULL));
    if (pipeline->runs_on) SLUICE__TRY(sluice__rehearse(pipeline));
    SLUICE__TRY(sluice__workers_do(pipeline, sluice__initialize_rank, NULL));
    return sluice__workers_do(pipeline, sluice__join_rank, NULL);
}

sluice_status sluice__pipeline_create(sluice_pipeline **out, const sluice_model *model,
                                      const sluice_schedule *schedule, const sluice_split *split,
                                      const sluice_pipeline_options *options,
                                      const sluice__parts *parts) {
    sluice_pipeline_options settings = SLUICE_PIPELINE_OPTIONS_INIT;
    SLUICE__TRY(take_options(&settings, options));
    SLUICE__TRY(check_model(model));
    if (!sluice_schedule_trains(schedule))
        return sluice__fail(SLUICE_E_ARGUMENT, "schedule '%s' has no backward actions",
                            sluice_schedule_name(schedule));
    sluice_pipeline *pipeline;
    SLUICE__TRY(sluice__alloc(&pipeline, 1, sizeof *pipeline));
    pipeline->model         = model;
    pipeline->options       = settings;
    pipeline->ranks         = sluice_schedule_ranks(schedule);
    pipeline->transport_ops = parts->transport;
    pipeline->watch         = parts->watch;
    pipeline->ops           = parts->device;
    pthread_mutex_init(&pipeline->lock, NULL);
    sluice__condition_init(&pipeline->changed);
    sluice_program_options compile = SLUICE_PROGRAM_OPTIONS_INIT;
    compile.samples                = settings.samples;
    compile.states                 = settings.optimizer->state_count(settings.optimizer_config);
    compile.precision              = settings.precision;
    compile.recompute              = settings.recompute;
    sluice_status status           = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__keep_optimizer(pipeline));
    SLUICE__TRY_OUT(sluice__place_kind(pipeline));
    SLUICE__TRY_OUT(choose_operations(pipeline));
    compile.working_bytes = pipeline->operations->working_bytes;
    pipeline->runs_on     = pipeline->ops->asynchronous;
    SLUICE__TRY_OUT(sluice__choose_transport(pipeline));
    if (pipeline->transport_ops->one_queue) compile.queues = SLUICE_QUEUES_PER_RANK;
    SLUICE__TRY_OUT(check_kinds(pipeline));
    SLUICE__TRY_OUT(compile_step(pipeline, schedule, split, &compile));
    SLUICE__TRY_OUT(sluice__check_pace(pipeline));
    pipeline->loss_rank = pipeline->program->stage_rank[pipeline->program->stages - 1];
    choose_threads(pipeline);
    SLUICE__TRY_OUT(index_uses(pipeline));
    SLUICE__TRY_OUT(create_ranks(pipeline));
    sluice__note_lacks(pipeline);
    pipeline->is_made = true;
    *out              = pipeline;
out:
    if (status != SLUICE_OK) {
        const sluice_error error = *sluice_last_error();
        sluice_pipeline_free(pipeline);
        sluice__fail_again(&error);
    }
    return status;
}

sluice_status sluice_pipeline_create(sluice_pipeline **out, const sluice_model *model,
                                     const sluice_schedule *schedule, const sluice_split *split,
                                     const sluice_pipeline_options *options) {
    return sluice__pipeline_create(out, model, schedule, split, options, &(sluice__parts){0});
}

static void free_rank(sluice__rank *rank) {
    sluice__free(rank->begin);
    sluice__free(rank->end);
    sluice__free(rank->weight);
    sluice__free(rank->gathered);
    sluice__free(rank->terms);
    sluice__free(rank->tensors);
    sluice__free(rank->counted);
}

void sluice_pipeline_free(sluice_pipeline *pipeline) {
    if (!pipeline) return;
    if (!pipeline->rank || sluice__workers_stop(pipeline)) sluice__pipeline_destroy(pipeline);
}

void sluice__pipeline_destroy(sluice_pipeline *pipeline) {
    for (int r = 0; pipeline->rank && r < pipeline->ranks; r++) free_rank(&pipeline->rank[r]);
    if (pipeline->transport) pipeline->transport_ops->close(pipeline->transport);
    sluice__free(pipeline->links);
    sluice__account_free(pipeline);
    sluice__exchanges_free(pipeline);
    sluice_program_free(pipeline->program);
    sluice_program_free(pipeline->forward);
    sluice__free(pipeline->run.parts);
    sluice__free(pipeline->run.first_sample);
    sluice__free(pipeline->first_use);
    sluice__free(pipeline->optimizer_config);
    sluice__free(pipeline->rank);
    pthread_cond_destroy(&pipeline->changed);
    pthread_mutex_destroy(&pipeline->lock);
    sluice__free(pipeline);
}
