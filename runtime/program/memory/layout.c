/* SPDX-License-Identifier: MIT */
/* layout.c -- offsets of the layers' tensors inside their stage's buffers, for each action. */
#include "runtime/program/memory/layout.h"

#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/placement.h"

/* ---- what outlives an action: side by side in the buffer of its role ---- */

static void keep(sluice__layout *layout, sluice__spot *spot, sluice_role role, size_t bytes) {
    if (bytes == 0) return;
    *spot = (sluice__spot){true, role, layout->bytes[role]};
    layout->bytes[role] += sluice__align(bytes);
}

static sluice_role role_until(sluice_until until) {
    return until == SLUICE_UNTIL_WEIGHT ? SLUICE_ROLE_SAVED_WEIGHT : SLUICE_ROLE_SAVED_INPUT;
}

/* The buffers that the stage shares with its neighbours. */
static void keep_edges(sluice__layout *layout, sluice__layer_spots *kept,
                       const sluice_shape *input) {
    const sluice_layer_description *last = &layout->descriptions[layout->count - 1];
    sluice__layer_spots *head = &kept[0], *tail = &kept[layout->count - 1];
    keep(layout, &head->input, SLUICE_ROLE_INPUT, sluice_shape_bytes(input));
    if (layout->first > 0)
        keep(layout, &head->input_gradient, SLUICE_ROLE_INPUT_GRADIENT, sluice_shape_bytes(input));
    if (last->is_loss || last->is_end) return;
    const size_t bytes = sluice_shape_bytes(&last->output);
    keep(layout, &tail->output, SLUICE_ROLE_OUTPUT, bytes);
    keep(layout, &tail->output_gradient, SLUICE_ROLE_OUTPUT_GRADIENT, bytes);
}

/* ---- parts of the batch ---- */

static int find_in_batch(const sluice_model *model, const char *name) {
    int index = 0;
    while (strcmp(sluice_model_batch(model, index)->name, name) != 0) index++;
    return index; /* the model lists every name that a layer reads */
}

/* The stage's part that `read` names, created unless a layer before has read it in that type. */
static const sluice__part *find_part(sluice__layout *layout, const sluice_model *model,
                                     const sluice_batch_read *read) {
    const int index = find_in_batch(model, read->name);
    for (int k = 0; k < layout->part_count; k++)
        if (layout->parts[k].index == index && layout->parts[k].shape.type == read->shape.type)
            return &layout->parts[k];
    sluice__part *part = &layout->parts[layout->part_count++];
    *part              = (sluice__part){index, layout->bytes[SLUICE_ROLE_BATCH], read->shape};
    layout->bytes[SLUICE_ROLE_BATCH] += sluice__align(sluice_shape_bytes(&read->shape));
    return part;
}

static void keep_parts(sluice__layout *layout, sluice__layer_spots *kept,
                       const sluice_model *model) {
    for (int l = 0; l < layout->count; l++)
        for (int k = 0; k < layout->descriptions[l].batch_count; k++) {
            const sluice_batch_read *read = &layout->descriptions[l].batch[k];
            const sluice__part *part      = find_part(layout, model, read);
            kept[l].batch[k]              = (sluice__spot){sluice_shape_bytes(&part->shape) > 0,
                                                           SLUICE_ROLE_BATCH, part->offset};
            if (read->until > layout->batch_until) layout->batch_until = read->until;
        }
}

/* ---- what stays inside the stage ---- */

/* Everything that outlives its action in training, with I and W separate. */
static void keep_inside(sluice__layout *layout, sluice__layer_spots *kept) {
    for (int l = 0; l < layout->count; l++) {
        const sluice_layer_description *layer = &layout->descriptions[l];
        for (int k = 0; k < layer->saved_count; k++)
            keep(layout, &kept[l].saved[k], role_until(layer->saved[k].until),
                 layer->saved[k].bytes);
        for (int k = 0; k < layer->stash_count; k++)
            keep(layout, &kept[l].stash[k], SLUICE_ROLE_STASH, layer->stash[k]);
        if (l + 1 == layout->count) break;
        const sluice_layer_description *next = &layout->descriptions[l + 1];
        const size_t bytes                   = sluice_shape_bytes(&layer->output);
        if (next->input_until != SLUICE_UNTIL_FORWARD)
            keep(layout, &kept[l].output, role_until(next->input_until), bytes);
        if (layer->weight_reads_output_gradient)
            keep(layout, &kept[l].output_gradient, SLUICE_ROLE_STASH, bytes);
    }
}

/* ---- what is used within one action only: placed in its scratch ---- */

typedef struct scratch_plan {
    sluice__buffer *buffers;
    sluice__spot **spots;
    int count;
} scratch_plan;

static void add_buffer(scratch_plan *plan, sluice__spot *spot, size_t bytes, int begin, int end) {
    if (bytes == 0) return;
    plan->buffers[plan->count] = (sluice__buffer){.bytes = bytes, .begin = begin, .end = end};
    plan->spots[plan->count]   = spot;
    plan->count++;
}

static void forward_buffers(scratch_plan *plan, const sluice__layout *layout, sluice__mode mode) {
    sluice__layer_spots *spots = layout->spots[mode];
    for (int l = 0; l < layout->count; l++) {
        const sluice_layer_description *layer = &layout->descriptions[l];
        size_t scratch                        = layer->scratch_forward;
        if (mode == SLUICE__RECOMPUTE && l + 1 == layout->count)
            add_buffer(plan, &spots[l].output, sluice_shape_bytes(&layer->output), l, l);
        if (mode == SLUICE__FORWARD_ONLY) {
            if (layer->scratch_evaluate > scratch) scratch = layer->scratch_evaluate;
            for (int k = 0; k < layer->saved_count; k++)
                add_buffer(plan, &spots[l].saved[k], layer->saved[k].bytes, l, l);
        }
        add_buffer(plan, &spots[l].scratch, scratch, l, l);
        if (l + 1 < layout->count && !spots[l].output.present)
            add_buffer(plan, &spots[l].output, sluice_shape_bytes(&layer->output), l, l + 1);
    }
}

/* Ticks: layer l's I at 2 t, its W at 2 t + 1, where t counts from the stage's last layer. */
static void backward_buffers(scratch_plan *plan, const sluice__layout *layout, sluice__mode mode) {
    sluice__layer_spots *spots = layout->spots[mode];
    const bool both            = mode == SLUICE__BACKWARD;
    for (int l = 0; l < layout->count; l++) {
        const sluice_layer_description *layer = &layout->descriptions[l];
        const int input = 2 * (layout->count - 1 - l), weight = input + 1;
        if (both)
            for (int k = 0; k < layer->stash_count; k++)
                add_buffer(plan, &spots[l].stash[k], layer->stash[k], input, weight);
        if (mode != SLUICE__BACKWARD_WEIGHT) {
            add_buffer(plan, &spots[l].scratch, layer->scratch_input, input, input);
            if (l + 1 < layout->count && !spots[l].output_gradient.present)
                add_buffer(plan, &spots[l].output_gradient, sluice_shape_bytes(&layer->output),
                           input - 2, layer->weight_reads_output_gradient ? weight : input);
        }
        sluice__spot *scratch = both ? &spots[l].scratch_weight : &spots[l].scratch;
        if (mode != SLUICE__BACKWARD_INPUT)
            add_buffer(plan, scratch, layer->scratch_weight, weight, weight);
    }
}

/* What one layer writes, the next one reads; gradients the other way. */
static void join_layers(sluice__layer_spots *spots, int count) {
    for (int l = 1; l < count; l++) {
        spots[l].input          = spots[l - 1].output;
        spots[l].input_gradient = spots[l - 1].output_gradient;
    }
}

static bool is_forward(sluice__mode mode) {
    return mode <= SLUICE__RECOMPUTE;
}

/* Drop the kept offsets of tensors that are in scratch in this mode. */
static void forget_inside(sluice__layer_spots *spots, int count, sluice__mode mode) {
    for (int l = 0; l < count; l++) {
        if (mode == SLUICE__FORWARD_ONLY) {
            for (int k = 0; k < SLUICE_LAYER_SAVED; k++) spots[l].saved[k].present = false;
            if (l + 1 < count) spots[l].output.present = false;
        }
        if (mode == SLUICE__RECOMPUTE && l + 1 == count) spots[l].output.present = false;
        if (mode == SLUICE__BACKWARD) {
            for (int k = 0; k < SLUICE_LAYER_STASH; k++) spots[l].stash[k].present = false;
            if (l + 1 < count) spots[l].output_gradient.present = false;
        }
    }
}

static sluice_status place_mode(sluice__layout *layout, const sluice__layer_spots *kept,
                                sluice__mode mode) {
    sluice__layer_spots *spots = layout->spots[mode];
    for (int l = 0; l < layout->count; l++) spots[l] = kept[l];
    forget_inside(spots, layout->count, mode);
    scratch_plan plan    = {0};
    const size_t max     = (size_t)layout->count * (SLUICE_LAYER_SAVED + SLUICE_LAYER_STASH + 4);
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&plan.buffers, max, sizeof *plan.buffers));
    SLUICE__TRY_OUT(sluice__alloc(&plan.spots, max, sizeof *plan.spots));
    if (is_forward(mode))
        forward_buffers(&plan, layout, mode);
    else
        backward_buffers(&plan, layout, mode);
    SLUICE__TRY_OUT(sluice__place(plan.buffers, plan.count, &layout->scratch[mode]));
    for (int k = 0; k < plan.count; k++)
        *plan.spots[k] = (sluice__spot){true, SLUICE_ROLE_SCRATCH, plan.buffers[k].offset};
    join_layers(spots, layout->count);
out:
    sluice__free(plan.buffers);
    sluice__free(plan.spots);
    return status;
}

/* The model's input, or the output that the stage before describes. */
static sluice_shape input_of(const sluice__layout *before, const sluice_model *model,
                             int64_t samples, sluice_precision precision) {
    return before ? sluice__layout_output(before, samples)
                  : sluice_model_layer_input(model, 0, samples, precision);
}

sluice_status sluice__layout_make(sluice__layout *out, const sluice__layout *before,
                                  const sluice_model *model, int first, int count, int64_t samples,
                                  sluice_precision precision) {
    const sluice_shape input  = input_of(before, model, samples, precision);
    sluice__layout layout     = {.first = first, .count = count};
    sluice__layer_spots *kept = NULL;
    const size_t n            = (size_t)count;
    sluice_status status      = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&kept, n, sizeof *kept));
    SLUICE__TRY_OUT(sluice__alloc(&layout.descriptions, n, sizeof *layout.descriptions));
    for (int l = 0; l < count; l++)
        SLUICE__TRY_OUT(
            sluice_model_describe(&layout.descriptions[l], model, first + l, samples, precision));
    layout.input_until = layout.descriptions[0].input_until;
    layout.weight_reads_output_gradient =
        layout.descriptions[count - 1].weight_reads_output_gradient;
    SLUICE__TRY_OUT(sluice__alloc(&layout.parts, SLUICE_LAYER_BATCH * n, sizeof *layout.parts));
    keep_edges(&layout, kept, &input);
    keep_parts(&layout, kept, model);
    keep_inside(&layout, kept);
    for (int mode = 0; mode < SLUICE__MODES; mode++) {
        SLUICE__TRY_OUT(sluice__alloc(&layout.spots[mode], n, sizeof *layout.spots[mode]));
        SLUICE__TRY_OUT(place_mode(&layout, kept, (sluice__mode)mode));
    }
    *out = layout;
out:
    sluice__free(kept);
    if (status != SLUICE_OK) sluice__layout_free(&layout);
    return status;
}

void sluice__layout_abstract(sluice__layout *out, bool is_last) {
    *out = (sluice__layout){.batch_until = SLUICE_UNTIL_INPUT}; /* as a loss needs it */
    out->bytes[SLUICE_ROLE_INPUT] = out->bytes[SLUICE_ROLE_SAVED_WEIGHT] = SLUICE__ALIGNMENT;
    out->bytes[SLUICE_ROLE_STASH]                                        = SLUICE__ALIGNMENT;
    if (is_last) out->bytes[SLUICE_ROLE_BATCH] = SLUICE__ALIGNMENT;
}

void sluice__layout_sized(sluice__layout *out, const sluice_stage_bytes *stage) {
    *out                                 = (sluice__layout){0};
    out->bytes[SLUICE_ROLE_SAVED_WEIGHT] = stage->saved;
    out->bytes[SLUICE_ROLE_STASH]        = stage->stash;
    for (int mode = 0; mode < SLUICE__MODES; mode++) out->scratch[mode] = stage->scratch;
}

void sluice__layout_free(sluice__layout *layout) {
    for (int mode = 0; mode < SLUICE__MODES; mode++) sluice__free(layout->spots[mode]);
    sluice__free(layout->descriptions);
    sluice__free(layout->parts);
    *layout = (sluice__layout){0};
}

/* ---- sizes of smaller micro-batches ---- */

sluice_shape sluice__layout_output(const sluice__layout *layout, int64_t samples) {
    sluice_shape output = layout->descriptions[layout->count - 1].output;
    output.dims[0]      = samples;
    return output;
}

size_t sluice__layout_batch_bytes(const sluice__layout *layout, int64_t samples) {
    if (layout->part_count == 0) return 0;
    const sluice__part *last = &layout->parts[layout->part_count - 1];
    sluice_shape shape       = last->shape;
    shape.dims[0]            = samples;
    return last->offset + sluice_shape_bytes(&shape);
}
