/* SPDX-License-Identifier: MIT */
/* look.c -- whether layers' outputs are finite, on a rank's thread. */
#include "runtime/executor/look.h"

#include <math.h>

#include "runtime/base/alloc.h"
#include "runtime/base/convert.h"
#include "runtime/base/error.h"
#include "runtime/executor/report.h"

static bool all_are_finite(const unsigned char *values, sluice_type type, int64_t count) {
    const size_t each = sluice_type_bytes(type);
    for (int64_t i = 0; i < count; i++) {
        float value;
        sluice__convert(&value, SLUICE_TYPE_F32, values + (size_t)i * each, type, 1);
        if (!isfinite(value)) return false;
    }
    return true;
}

/* Tensors of integers count as finite. */
static sluice_status is_finite(sluice__rank *rank, const void *values, const sluice_shape *shape,
                               bool *finite) {
    const sluice_device_ops *ops = rank->pipeline->ops;
    const size_t bytes           = sluice_shape_bytes(shape);
    unsigned char *copy          = NULL;
    *finite                      = true;
    if (!values || bytes == 0 || !sluice__converts(SLUICE_TYPE_F32, shape->type)) return SLUICE_OK;
    SLUICE__TRY(sluice__alloc(&copy, bytes, 1));
    sluice_status status = ops->download(rank->stream, copy, values, bytes);
    if (status == SLUICE_OK) status = ops->synchronize(rank->stream);
    if (status == SLUICE_OK) *finite = all_are_finite(copy, shape->type, sluice_shape_count(shape));
    sluice__free(copy);
    return status;
}

sluice_status sluice__look_at(sluice__rank *rank, int layer, const sluice_layer_call *call) {
    const sluice_model *model   = rank->pipeline->model;
    sluice__report *const facts = &rank->report->facts;
    bool input = true, output = true;
    if (facts->bad_layer >= 0) return SLUICE_OK; /* the first such layer is known */
    if (layer == 0) SLUICE__TRY(is_finite(rank, call->input, &call->input_shape, &input));
    if (layer + 1 < sluice_model_layer_count(model)) {
        const sluice_shape next =
            sluice_model_layer_input(model, layer + 1, call->input_shape.dims[0], call->precision);
        SLUICE__TRY(is_finite(rank, call->output, &next, &output));
    }
    if (!input || !output) facts->bad_layer = layer;
    facts->bad_input = !input;
    return SLUICE_OK;
}
