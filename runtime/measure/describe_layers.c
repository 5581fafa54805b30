/* SPDX-License-Identifier: MIT */
/* describe_layers.c -- rows of a model as a profile's table, before its times are measured. */
#include "runtime/measure/describe_layers.h"

#include "runtime/base/error.h"
#include "sluice/plan.h"

/* What rows have in `memory`, which files do not contain: parts of the batch that the backward
 * reads count as saved, and an output gradient that W reads as left by I. */
static sluice_status count_all(sluice_profile_layer *row, const sluice_model *model, int l,
                               int64_t samples, sluice_precision precision) {
    sluice_layer_description layer;
    SLUICE__TRY(sluice_model_describe(&layer, model, l, samples, precision));
    for (int k = 0; k < layer.batch_count; k++)
        if (layer.batch[k].until > SLUICE_UNTIL_FORWARD)
            row->saved_bytes += sluice_shape_bytes(&layer.batch[k].shape);
    if (layer.weight_reads_output_gradient)
        row->input_to_weight_bytes += sluice_shape_bytes(&layer.output);
    row->memory = (sluice_layer_memory){0};
    return SLUICE_OK;
}

sluice_status sluice__describe_layers(sluice_profile_table *table, const sluice_model *model,
                                      int64_t samples, sluice_precision precision) {
    SLUICE__TRY(sluice_model_rows(&table->layers, model, samples, precision));
    table->microbatch  = samples;
    table->layer_count = sluice_model_layer_count(model);
    for (int l = 0; l < table->layer_count; l++) {
        sluice_profile_layer *const row = &table->layers[l];
        SLUICE__TRY(count_all(row, model, l, samples, precision));
        row->forward_s = row->input_s = row->weight_s = row->recompute_s = 0; /* FLOPs so far */
    }
    return SLUICE_OK;
}
