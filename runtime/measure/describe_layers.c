/* SPDX-License-Identifier: MIT */
/* describe_layers.c -- sizes of layers, from their descriptions, as profiles count them. */
#include "runtime/measure/describe_layers.h"

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

/* With the input and the parts of the batch that the backward reads. */
static size_t saved_bytes(const sluice_layer_description *layer, const sluice_shape *input) {
    size_t sum = layer->input_until > SLUICE_UNTIL_FORWARD ? sluice_shape_bytes(input) : 0;
    for (int k = 0; k < layer->saved_count; k++) sum += layer->saved[k].bytes;
    for (int k = 0; k < layer->batch_count; k++)
        if (layer->batch[k].until > SLUICE_UNTIL_FORWARD)
            sum += sluice_shape_bytes(&layer->batch[k].shape);
    return sum;
}

static size_t stash_bytes(const sluice_layer_description *layer) {
    size_t sum = layer->weight_reads_output_gradient ? sluice_shape_bytes(&layer->output) : 0;
    for (int k = 0; k < layer->stash_count; k++) sum += layer->stash[k];
    return sum;
}

static void fill_sizes(sluice_profile_layer *to, const sluice_layer_description *layer,
                       const sluice_shape *input) {
    const size_t word = sluice_type_bytes(SLUICE_TYPE_F32); /* of masters */
    for (int k = 0; k < layer->parameter_count; k++)
        to->parameters += sluice_shape_count(&layer->parameters[k].shape);
    for (int k = 0; k < layer->state_count; k++)
        to->state_bytes += sluice_shape_bytes(&layer->states[k].shape);
    to->parameter_bytes       = (size_t)to->parameters * word;
    to->saved_bytes           = saved_bytes(layer, input);
    to->input_to_weight_bytes = stash_bytes(layer);
    to->scratch_bytes =
        larger(layer->scratch_forward, larger(layer->scratch_input, layer->scratch_weight));
    to->output_bytes = layer->is_loss ? 0 : sluice_shape_bytes(&layer->output);
}

static sluice_status fill_layer(sluice_profile_layer *to, const sluice_model *model, int l,
                                int64_t samples, sluice_precision precision) {
    const sluice_shape input = sluice_model_layer_input(model, l, samples, precision);
    sluice_layer_description described;
    SLUICE__TRY(sluice_model_describe(&described, model, l, samples, precision));
    fill_sizes(to, &described, &input);
    SLUICE__TRY(sluice__copy_text(&to->name, sluice_model_layer_name(model, l)));
    return sluice__copy_text(&to->kind, sluice_model_layer_kind(model, l)->name);
}

/* A parameter that several layers use: its name ties them. */
static sluice_status tie_layers(sluice_profile_table *table, const sluice_model *model) {
    for (int u = 0; u < sluice_model_use_count(model); u++) {
        const sluice_parameter_use *const use = sluice_model_use(model, u);
        const int first                       = sluice_model_use(model, use->first)->layer;
        if (use->first == u) continue;
        if (!table->layers[first].tie)
            SLUICE__TRY(sluice__copy_text(&table->layers[first].tie, use->name));
        if (!table->layers[use->layer].tie)
            SLUICE__TRY(sluice__copy_text(&table->layers[use->layer].tie, use->name));
    }
    return SLUICE_OK;
}

sluice_status sluice__describe_layers(sluice_profile_table *table, const sluice_model *model,
                                      int64_t samples, sluice_precision precision) {
    const int layers  = sluice_model_layer_count(model);
    table->microbatch = samples;
    SLUICE__TRY(sluice__alloc(&table->layers, (size_t)layers, sizeof *table->layers));
    table->layer_count = layers;
    for (int l = 0; l < layers; l++)
        SLUICE__TRY(fill_layer(&table->layers[l], model, l, samples, precision));
    return tie_layers(table, model);
}
