/* SPDX-License-Identifier: MIT */
/* model_rows.c -- rows of a cost table from what a model's layers describe: work and bytes. */
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "sluice/plan.h"

static size_t stash_bytes(const sluice_layer_description *layer) {
    size_t sum = 0;
    for (int k = 0; k < layer->stash_count; k++) sum += layer->stash[k];
    return sum;
}

static void fill_memory(sluice_profile_layer *row, const sluice_layer_description *layer,
                        const sluice_shape *input) {
    sluice_layer_memory *m = &row->memory;
    *m                     = (sluice_layer_memory){.is_known                     = true,
                                                   .input                        = sluice_shape_bytes(input),
                                                   .input_until                  = (int)layer->input_until,
                                                   .stash                        = stash_bytes(layer),
                                                   .scratch_forward              = layer->scratch_forward,
                                                   .scratch_evaluate             = layer->scratch_evaluate,
                                                   .scratch_input                = layer->scratch_input,
                                                   .scratch_weight               = layer->scratch_weight,
                                                   .weight_reads_output_gradient = layer->weight_reads_output_gradient};
    for (int k = 0; k < layer->saved_count; k++)
        *(layer->saved[k].until == SLUICE_UNTIL_WEIGHT ? &m->saved_until_weight
                                                       : &m->saved_until_input) +=
            layer->saved[k].bytes;
    for (int k = 0; k < layer->batch_count; k++)
        m->batch += sluice_shape_bytes(&layer->batch[k].shape);
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

/* The input and the parts of the batch belong to it where the backward reads them. */
static size_t saved_bytes(const sluice_layer_memory *m, const sluice_layer_description *layer) {
    size_t sum = m->saved_until_input + m->saved_until_weight;
    if (layer->input_until > SLUICE_UNTIL_FORWARD) sum += m->input;
    for (int k = 0; k < layer->batch_count; k++)
        if (layer->batch[k].until > SLUICE_UNTIL_FORWARD)
            sum += sluice_shape_bytes(&layer->batch[k].shape);
    return sum;
}

/* What the files of profiles contain, too. */
static void fill_row(sluice_profile_layer *row, const sluice_layer_description *layer) {
    row->forward_s = row->recompute_s = layer->forward.flops;
    row->input_s                      = layer->input.flops;
    row->weight_s                     = layer->weight.flops;
    for (int k = 0; k < layer->parameter_count; k++)
        row->parameters += sluice_shape_count(&layer->parameters[k].shape);
    for (int k = 0; k < layer->state_count; k++)
        row->state_bytes += sluice_shape_bytes(&layer->states[k].shape);
    row->parameter_bytes = (size_t)row->parameters * sluice_type_bytes(SLUICE_TYPE_F32);
    row->saved_bytes     = saved_bytes(&row->memory, layer);
    row->input_to_weight_bytes =
        row->memory.stash +
        (layer->weight_reads_output_gradient ? sluice_shape_bytes(&layer->output) : 0);
    row->scratch_bytes =
        larger(larger(layer->scratch_forward, layer->scratch_input), layer->scratch_weight);
    row->output_bytes = layer->is_loss ? 0 : sluice_shape_bytes(&layer->output);
}

static sluice_status add_row(sluice_profile_layer *row, const sluice_model *model, int l,
                             int64_t samples, sluice_precision precision) {
    sluice_layer_description layer;
    SLUICE__TRY(sluice_model_describe(&layer, model, l, samples, precision));
    const sluice_shape input = sluice_model_layer_input(model, l, samples, precision);
    fill_memory(row, &layer, &input);
    fill_row(row, &layer);
    SLUICE__TRY(sluice__copy_text(&row->name, sluice_model_layer_name(model, l)));
    return sluice__copy_text(&row->kind, sluice_model_layer_kind(model, l)->name);
}

static sluice_status name_ties(sluice_profile_layer *rows, const sluice_model *model) {
    for (int u = 0; u < sluice_model_use_count(model); u++) {
        const sluice_parameter_use *use = sluice_model_use(model, u);
        if (use->first == u) continue;
        const int layers[] = {sluice_model_use(model, use->first)->layer, use->layer};
        for (int k = 0; k < 2; k++)
            if (!rows[layers[k]].tie)
                SLUICE__TRY(sluice__copy_text(&rows[layers[k]].tie, use->name));
    }
    return SLUICE_OK;
}

sluice_status sluice_model_rows(sluice_profile_layer **out, const sluice_model *model,
                                int64_t samples, sluice_precision precision) {
    const int layers           = sluice_model_layer_count(model);
    sluice_profile_layer *rows = NULL;
    sluice_status status       = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&rows, (size_t)layers, sizeof *rows));
    for (int l = 0; l < layers; l++)
        SLUICE__TRY_OUT(add_row(&rows[l], model, l, samples, precision));
    SLUICE__TRY_OUT(name_ties(rows, model));
    *out = rows;
    rows = NULL;
out:
    sluice_model_rows_free(rows, layers);
    return status;
}

void sluice_model_rows_free(sluice_profile_layer *rows, int layers) {
    for (int l = 0; rows && l < layers; l++) {
        sluice__free(rows[l].name);
        sluice__free(rows[l].kind);
        sluice__free(rows[l].tie);
    }
    sluice__free(rows);
}
