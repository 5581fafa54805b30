/* SPDX-License-Identifier: MIT */
/* weighed.c -- layers that read weights from the batch. */
#include "tests/support/weighed.h"

#include "runtime/base/convert.h"
#include "runtime/base/error.h"

static float get(const void *from, sluice_type type, int64_t at) {
    float value;
    sluice__convert(&value, SLUICE_TYPE_F32,
                    (const char *)from + (size_t)at * sluice_type_bytes(type), type, 1);
    return value;
}

static void put(void *to, sluice_type type, int64_t at, float value) {
    sluice__convert((char *)to + (size_t)at * sluice_type_bytes(type), type, &value,
                    SLUICE_TYPE_F32, 1);
}

static sluice_status missing(const sluice_layer_call *call, const char *what) {
    return sluice__fail(SLUICE_E_DEVICE, "layer '%s' is not given %s", call->name, what);
}

/* Tensors of a call that both layers need: rows of `width` elements. */
typedef struct rows {
    int64_t count, width, elements;
    sluice_type type;
} rows;

static rows rows_of(const sluice_layer_call *call) {
    const sluice_shape *const shape = &call->input_shape;
    const int64_t count = shape->dims[0] * shape->dims[1], width = shape->dims[2];
    return (rows){count, width, count * width, shape->type};
}

/* ---- weigh ---- */

static sluice_status weigh_describe(sluice_layer_description *out, const void *config,
                                    const sluice_shape *input, sluice_precision precision) {
    const weigh_config *const c = config;
    if (input->dim_count != 3 || input->type != sluice_precision_type(precision))
        return sluice__fail(SLUICE_E_ARGUMENT, "weigh takes rows of activations");
    const sluice_type type = c->narrow ? input->type : SLUICE_TYPE_F32;
    *out                   = (sluice_layer_description){
                          .output      = *input,
                          .batch_count = 1,
                          .batch       = {{"weights", {type, 2, {input->dims[0], input->dims[1]}}, c->until}}};
    if (c->until != SLUICE_UNTIL_WEIGHT) {
        out->weight_is_empty = true;
        return SLUICE_OK;
    }
    out->parameter_count              = 1;
    out->parameters[0]                = (sluice_parameter){.name        = "gain",
                                                           .shape       = {SLUICE_TYPE_F32, 1, {input->dims[2]}},
                                                           .initializer = SLUICE_INITIALIZER_NORMAL,
                                                           .scale       = 0.5F};
    out->weight_reads_output_gradient = true;
    return SLUICE_OK;
}

/* The weight of a row. */
static float weight_of(const sluice_layer_call *call, int64_t row) {
    const weigh_config *const c = call->config;
    return get(call->batch[0], c->narrow ? call->input_shape.type : SLUICE_TYPE_F32, row);
}

static sluice_status weigh_forward(const sluice_layer_call *call) {
    const weigh_config *const c = call->config;
    const rows r                = rows_of(call);
    if (!call->batch[0] && r.count > 0) return missing(call, "weights in F");
    for (int64_t e = 0; e < r.elements; e++) {
        const float x = get(call->input, r.type, e), weight = weight_of(call, e / r.width);
        float y = x + weight;
        if (c->until == SLUICE_UNTIL_INPUT) y = x * weight;
        if (c->until == SLUICE_UNTIL_WEIGHT)
            y = (x + get(call->parameters[0], r.type, e % r.width)) * weight;
        put(call->output, r.type, e, y);
    }
    return SLUICE_OK;
}

static sluice_status weigh_backward_input(const sluice_layer_call *call) {
    const weigh_config *const c = call->config;
    const rows r                = rows_of(call);
    const bool reads            = c->until >= SLUICE_UNTIL_INPUT;
    if (reads && !call->batch[0] && r.count > 0) return missing(call, "weights in I");
    for (int64_t e = 0; call->input_gradient && e < r.elements; e++)
        put(call->input_gradient, r.type, e,
            get(call->output_gradient, r.type, e) * (reads ? weight_of(call, e / r.width) : 1));
    return SLUICE_OK;
}

static sluice_status weigh_backward_weight(const sluice_layer_call *call) {
    const rows r = rows_of(call);
    if (!call->batch[0] && r.count > 0) return missing(call, "weights in W");
    for (int64_t j = 0; j < r.width; j++) {
        float sum = call->first_write ? 0 : call->gradients[0][j];
        for (int64_t row = 0; row < r.count; row++)
            sum += get(call->output_gradient, r.type, row * r.width + j) * weight_of(call, row);
        call->gradients[0][j] = sum;
    }
    return SLUICE_OK;
}

const sluice_layer_kind *weigh_kind(void) {
    static const sluice_layer_kind kind = {.size            = sizeof(sluice_layer_kind),
                                           .name            = "weigh",
                                           .config_bytes    = sizeof(weigh_config),
                                           .describe        = weigh_describe,
                                           .forward         = weigh_forward,
                                           .backward_input  = weigh_backward_input,
                                           .backward_weight = weigh_backward_weight};
    return &kind;
}

/* ---- recall ---- */

static sluice_status recall_describe(sluice_layer_description *out, const void *config,
                                     const sluice_shape *input, sluice_precision precision) {
    (void)config, (void)precision;
    *out = (sluice_layer_description){.output          = *input,
                                      .weight_is_empty = true,
                                      .batch_count     = 1,
                                      .batch = {{"inputs", *input, SLUICE_UNTIL_FORWARD}}};
    return SLUICE_OK;
}

static sluice_status recall_forward(const sluice_layer_call *call) {
    const rows r = rows_of(call);
    if (!call->batch[0] && r.count > 0) return missing(call, "the inputs");
    for (int64_t e = 0; e < r.elements; e++)
        put(call->output, r.type, e, get(call->input, r.type, e) + get(call->batch[0], r.type, e));
    return SLUICE_OK;
}

static sluice_status recall_backward_input(const sluice_layer_call *call) {
    const size_t bytes = sluice_shape_bytes(&call->input_shape);
    if (!call->input_gradient) return SLUICE_OK;
    return call->ops->copy(call->stream, call->input_gradient, call->output_gradient, bytes);
}

static sluice_status recall_backward_weight(const sluice_layer_call *call) {
    (void)call; /* no parameters */
    return SLUICE_OK;
}

const sluice_layer_kind *recall_kind(void) {
    static const sluice_layer_kind kind = {.size            = sizeof(sluice_layer_kind),
                                           .name            = "recall",
                                           .describe        = recall_describe,
                                           .forward         = recall_forward,
                                           .backward_input  = recall_backward_input,
                                           .backward_weight = recall_backward_weight};
    return &kind;
}

/* ---- weighed-error ---- */

enum { TARGETS, WEIGHTS };

static sluice_status error_describe(sluice_layer_description *out, const void *config,
                                    const sluice_shape *input, sluice_precision precision) {
    (void)config;
    if (input->dim_count != 3 || input->type != sluice_precision_type(precision))
        return sluice__fail(SLUICE_E_ARGUMENT, "weighed-error takes rows of activations");
    const int64_t samples = input->dims[0], length = input->dims[1], width = input->dims[2];
    const sluice_shape targets = {SLUICE_TYPE_F32, 3, {samples, length, width}};
    const sluice_shape weights = {SLUICE_TYPE_F32, 2, {samples, length}};
    *out = (sluice_layer_description){.output            = {SLUICE_TYPE_F32, 2, {samples, 0}},
                                      .input_until       = SLUICE_UNTIL_INPUT,
                                      .forward_is_empty  = true,
                                      .weight_is_empty   = true,
                                      .is_loss           = true,
                                      .weight_per_sample = 1,
                                      .batch_count       = 2,
                                      .batch = {{"targets", targets, SLUICE_UNTIL_INPUT},
                                                {"weights", weights, SLUICE_UNTIL_INPUT}}};
    return SLUICE_OK;
}

static sluice_status error_compare(const sluice_layer_call *call, void *dx) {
    const rows r = rows_of(call);
    if (r.count > 0 && (!call->batch[TARGETS] || !call->batch[WEIGHTS]))
        return missing(call, "its parts of the batch");
    const double scale =
        1 / (call->total_weight * (double)call->input_shape.dims[1] * (double)r.width);
    double loss = 0;
    for (int64_t e = 0; e < r.elements; e++) {
        const float weight = get(call->batch[WEIGHTS], SLUICE_TYPE_F32, e / r.width);
        const float off =
            get(call->input, r.type, e) - get(call->batch[TARGETS], SLUICE_TYPE_F32, e);
        loss += (double)weight * (double)off * (double)off;
        if (dx) put(dx, r.type, e, (float)(2 * scale) * weight * off);
    }
    *call->loss = scale * loss;
    return SLUICE_OK;
}

static sluice_status error_forward(const sluice_layer_call *call) {
    return call->training ? SLUICE_OK : error_compare(call, NULL);
}

static sluice_status error_backward_input(const sluice_layer_call *call) {
    return error_compare(call, call->input_gradient);
}

static sluice_status error_backward_weight(const sluice_layer_call *call) {
    (void)call; /* no parameters */
    return SLUICE_OK;
}

const sluice_layer_kind *weighed_error_kind(void) {
    static const sluice_layer_kind kind = {.size            = sizeof(sluice_layer_kind),
                                           .name            = "weighed-error",
                                           .describe        = error_describe,
                                           .forward         = error_forward,
                                           .backward_input  = error_backward_input,
                                           .backward_weight = error_backward_weight};
    return &kind;
}
