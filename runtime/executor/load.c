/* SPDX-License-Identifier: MIT */
/* load.c -- parts of the batch: from the caller's callbacks through host memory to a device. */
#include "runtime/executor/load.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/convert.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/executor/events.h"

enum { STAGINGS = 4 };

struct sluice__loads {
    void *staging[STAGINGS];        /* host memory for a part of one micro-batch */
    sluice_event *staged[STAGINGS]; /* its last upload has been read */
    int count;                      /* so far */
};

/* ---- which callback fills which part ---- */

static int part_count(const sluice_batch *batch) {
    int count = 0;
    while (count < SLUICE_BATCH_PARTS && batch->parts[count].name) count++;
    return count;
}

static const sluice_batch_part *find_part(const sluice_batch *batch, const char *name) {
    for (int k = 0; k < part_count(batch); k++)
        if (strcmp(batch->parts[k].name, name) == 0) return &batch->parts[k];
    return NULL;
}

sluice_status sluice__find_parts(sluice_pipeline *pipeline, const sluice_batch *batch) {
    const sluice_model *const model = pipeline->model;
    for (int k = 0; k < sluice_model_batch_count(model); k++) {
        const char *const name               = sluice_model_batch(model, k)->name;
        const sluice_batch_part *const found = find_part(batch, name);
        if (found && !found->load)
            return sluice__fail(SLUICE_E_ARGUMENT, "the batch has no callback that loads '%s'",
                                name);
        if (found) {
            pipeline->run.parts[k] = *found;
            continue;
        }
        char listed[160] = "";
        for (int p = 0; p < part_count(batch); p++)
            sluice__add_name(listed, sizeof listed, ", ", batch->parts[p].name);
        return sluice__fail(SLUICE_E_ARGUMENT, "the model reads '%s', and the batch has %s", name,
                            listed[0] != '\0' ? listed : "nothing");
    }
    return SLUICE_OK;
}

/* ---- one part of one micro-batch ---- */

/* The callback's own error, if it used sluice_fail(). */
static sluice_status callback_failed(sluice_status status, const char *name, int64_t first,
                                     int64_t samples) {
    const sluice_error error = *sluice_last_error();
    const bool said          = error.status == status && error.what[0] != '\0';
    return sluice__fail(SLUICE_E_CALLBACK, "loading '%s' of samples %lld to %lld failed: %.400s",
                        name, (long long)first, (long long)(first + samples - 1),
                        said ? error.what : sluice_status_text(status));
}

/* Fill the buffer at `to` in the arena, whose elements are of `type`. */
static sluice_status load(sluice__rank *rank, int index, int microbatch, void *to,
                          sluice_type type) {
    const sluice_pipeline *pipeline     = rank->pipeline;
    const sluice__run *run              = &pipeline->run;
    const sluice_batch_part *const part = &run->parts[index];
    const int64_t first                 = run->first_sample[microbatch];
    const int64_t samples               = run->first_sample[microbatch + 1] - first;
    sluice_shape shape                  = sluice_model_batch(pipeline->model, index)->shape;
    if (samples == 0) return SLUICE_OK;
    shape.dims[0]    = samples;
    const int block  = rank->loads->count++ % STAGINGS;
    void *const host = rank->loads->staging[block];
    SLUICE__TRY(sluice__await(rank, rank->loads->staged[block]));
    const sluice_status status = part->load(part->context, host, first, samples);
    if (status != SLUICE_OK) return callback_failed(status, part->name, first, samples);
    if (type != shape.type)
        sluice__convert(host, type, host, shape.type, sluice_shape_count(&shape));
    shape.type = type;
    SLUICE__TRY(pipeline->ops->upload(rank->stream, to, host, sluice_shape_bytes(&shape)));
    return pipeline->ops->record(rank->stream, rank->loads->staged[block]);
}

sluice_status sluice__load_parts(sluice__rank *rank, const sluice_instruction *at) {
    const sluice_program *program      = rank->pipeline->run.program;
    const sluice__layout *const layout = &program->layouts[at->stage];
    const sluice__rank_program *mine   = &program->rank[rank->index];
    unsigned char *const batch  = rank->arena + sluice__slot(mine, at, SLUICE_ROLE_BATCH).offset;
    unsigned char *const inputs = rank->arena + sluice__slot(mine, at, SLUICE_ROLE_INPUT).offset;
    if (layout->first == 0) {
        const sluice_shape input =
            sluice_model_layer_input(rank->pipeline->model, 0, 1, program->options.precision);
        SLUICE__TRY(load(rank, 0, at->microbatch, inputs, input.type));
    }
    for (int k = 0; k < layout->part_count; k++)
        SLUICE__TRY(load(rank, layout->parts[k].index, at->microbatch,
                         batch + layout->parts[k].offset, layout->parts[k].shape.type));
    return SLUICE_OK;
}

/* ---- make and free ---- */

/* Host bytes of the largest part of a micro-batch. */
static size_t largest_part(const sluice_pipeline *pipeline) {
    size_t largest = 0;
    for (int k = 0; k < sluice_model_batch_count(pipeline->model); k++) {
        sluice_shape shape = sluice_model_batch(pipeline->model, k)->shape;
        for (int p = 0; p < pipeline->plan->count; p++) {
            shape.dims[0]      = sluice_program_samples(pipeline->plan->programs[p], 0);
            const size_t bytes = sluice_shape_bytes(&shape);
            if (bytes > largest) largest = bytes;
        }
    }
    return largest;
}

sluice_status sluice__loads_make(sluice__rank *rank) {
    const sluice_device_ops *ops = rank->pipeline->ops;
    SLUICE__TRY(sluice__alloc(&rank->loads, 1, sizeof *rank->loads));
    for (int s = 0; s < STAGINGS; s++) {
        SLUICE__TRY(ops->event_create(&rank->loads->staged[s], rank->device, false));
        SLUICE__TRY(
            ops->host_alloc(&rank->loads->staging[s], rank->device, largest_part(rank->pipeline)));
    }
    return SLUICE_OK;
}

void sluice__loads_free(sluice__rank *rank) {
    const sluice_device_ops *ops = rank->pipeline->ops;
    if (!rank->loads) return;
    for (int s = 0; s < STAGINGS; s++) {
        ops->host_free(rank->device, rank->loads->staging[s]);
        if (rank->loads->staged[s]) ops->event_destroy(rank->loads->staged[s]);
    }
    sluice__free(rank->loads);
    rank->loads = NULL;
}
