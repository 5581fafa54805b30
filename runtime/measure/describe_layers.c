/* SPDX-License-Identifier: MIT */
/* describe_layers.c -- a profile's table before it is measured: the model's rows without their
 * FLOPs, and without what files do not contain. */
#include "runtime/measure/describe_layers.h"

#include "runtime/base/error.h"
#include "sluice/plan.h"

sluice_status sluice__describe_layers(sluice_profile_table *table, const sluice_model *model,
                                      int64_t samples, sluice_precision precision) {
    table->microbatch = samples;
    SLUICE__TRY(sluice_model_rows(&table->layers, model, samples, precision));
    table->layer_count = sluice_model_layer_count(model);
    for (int l = 0; l < table->layer_count; l++) {
        sluice_profile_layer *row = &table->layers[l];
        row->memory               = (sluice_layer_memory){0};
        row->forward_s = row->input_s = row->weight_s = row->recompute_s = 0;
    }
    return SLUICE_OK;
}
