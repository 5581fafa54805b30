/* SPDX-License-Identifier: MIT */
/* update.c -- the norm's parts and the optimizers, over all tensors of a rank in one launch. */
#include <math.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/device/blocks.h"
#include "runtime/device/cuda/cuda.h"

/* ---- the table of tensors ---- */

static sluice__cuda_tensor entry_of(const sluice_update_tensor *tensor, int64_t first_block) {
    return (sluice__cuda_tensor){.master      = tensor->master,
                                 .working     = tensor->working,
                                 .gradient    = tensor->gradient,
                                 .states      = {tensor->states[0], tensor->states[1]},
                                 .count       = tensor->count,
                                 .first_block = first_block,
                                 .decays      = tensor->decays ? 1 : 0};
}
_Static_assert(SLUICE_UPDATE_STATES == 2, "an entry has all states");

static bool is_there(const sluice__cuda_table *table, const sluice_update_tensor *tensors,
                     int count) {
    int64_t blocks = 0;
    if (table->count != count) return false;
    for (int t = 0; t < count; t++) {
        const sluice__cuda_tensor entry = entry_of(&tensors[t], blocks);
        if (memcmp(&table->here[t], &entry, sizeof entry) != 0) return false; /* no padding */
        blocks += sluice__blocks(tensors[t].count, SLUICE__CUDA_UPDATE);
    }
    return true;
}
_Static_assert(sizeof(sluice__cuda_tensor) == 5 * sizeof(void *) + 3 * sizeof(int64_t),
               "entries are compared byte by byte");

/* Sent once in training: a rank's tensors do not move. */
static sluice_status send(sluice_stream *stream, sluice__cuda_table *table,
                          const sluice_update_tensor *tensors, int count) {
    if (count > SLUICE__CUDA_TENSORS)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "%d tensors on one rank, and cuda updates up to %d at once", count,
                            SLUICE__CUDA_TENSORS);
    if (is_there(table, tensors, count)) return SLUICE_OK;
    /* The previous copy may still be reading. An event never recorded has happened. */
    SLUICE__TRY(sluice__cuda_status(cudaEventSynchronize(table->sent), "sending a table"));
    table->count  = -1;
    table->blocks = 0;
    for (int t = 0; t < count; t++) {
        table->here[t] = entry_of(&tensors[t], table->blocks);
        table->blocks += sluice__blocks(tensors[t].count, SLUICE__CUDA_UPDATE);
    }
    if (table->blocks > INT32_MAX)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "a rank's parameters are too many for one launch");
    if (count > 0)
        SLUICE__TRY(sluice__cuda_status(cudaMemcpyAsync(table->there, table->here,
                                                        (size_t)count * sizeof *table->here,
                                                        cudaMemcpyHostToDevice, stream->handle),
                                        "sending a table"));
    SLUICE__TRY(
        sluice__cuda_status(cudaEventRecord(table->sent, stream->handle), "sending a table"));
    table->count = count;
    return SLUICE_OK;
}

/* ---- rows ---- */

sluice_status sluice__cuda_sum_squares(sluice_stream *stream, const sluice_sum_squares *args,
                                       sluice_precision precision) {
    (void)precision;
    SLUICE__TRY(send(stream, &stream->squares, args->tensors, args->count));
    return sluice__cuda_status(sluice__launch_sum_squares(args->partials, stream->partials,
                                                          stream->squares.there, args->count,
                                                          stream->handle),
                               "summing squares");
}

sluice_status sluice__cuda_store_working(sluice_stream *stream, const sluice_store_working *args,
                                         sluice_precision precision) {
    return sluice__cuda_status(
        sluice__launch_store_working(args->working, args->master, args->count,
                                     sluice_precision_type(precision), stream->handle),
        "copying a parameter");
}

sluice_status sluice__cuda_adamw(sluice_stream *stream, const sluice_adamw *args,
                                 sluice_precision precision) {
    const double correction1            = 1 - pow(args->beta1, (double)args->step);
    const double correction2            = 1 - pow(args->beta2, (double)args->step);
    const sluice__adamw_factors factors = {
        .gradient = (float)args->gradient_scale,
        .keep     = {1, (float)(1 - args->learning_rate * args->weight_decay)},
        .beta1    = (float)args->beta1,
        .beta2    = (float)args->beta2,
        .rate     = (float)(args->learning_rate / correction1),
        .second   = (float)(1 / sqrt(correction2)),
        .epsilon  = (float)args->epsilon};
    SLUICE__TRY(send(stream, &stream->update, args->tensors, args->count));
    return sluice__cuda_status(
        sluice__launch_adamw(stream->update.there, args->count, stream->update.blocks, &factors,
                             sluice_precision_type(precision), stream->handle),
        "adamw");
}

sluice_status sluice__cuda_sgd(sluice_stream *stream, const sluice_sgd *args,
                               sluice_precision precision) {
    const bool moves                  = args->momentum != 0;
    const sluice__sgd_factors factors = {
        .keep     = {1, (float)(1 - args->learning_rate * args->weight_decay)},
        .rate     = (float)(args->learning_rate * (moves ? 1 : args->gradient_scale)),
        .gradient = (float)args->gradient_scale,
        .momentum = (float)args->momentum};
    SLUICE__TRY(send(stream, &stream->update, args->tensors, args->count));
    return sluice__cuda_status(sluice__launch_sgd(stream->update.there, args->count,
                                                  stream->update.blocks, &factors, args->step == 1,
                                                  sluice_precision_type(precision), stream->handle),
                               "sgd");
}
