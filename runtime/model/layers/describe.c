/* SPDX-License-Identifier: MIT */
/* describe.c -- checks, sizes and costs that the layer kinds share in their descriptions. */
#include "runtime/model/layers/describe.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "runtime/base/error.h"

/* A layer's saved, stashed and scratch bytes are all below a few thousand times the bytes of its
 * largest tensor: with at most 2^48 elements in that one, no sum of them reaches 2^63. */
static const int64_t max_elements = (int64_t)1 << 48;

/* Every piece of scratch begins at a cache line. */
enum { PIECE = 64 };

const char *sluice__shape_text(char text[SLUICE__SHAPE_TEXT], const sluice_shape *shape) {
    char dims[SLUICE__SHAPE_TEXT - 24] = "";
    size_t length                      = 0;
    for (int d = 0; d < shape->dim_count && d < SLUICE_MAX_DIMS; d++)
        length += (size_t)snprintf(dims + length, sizeof dims - length, "%s%" PRId64,
                                   d > 0 ? ", " : "", shape->dims[d]);
    (void)snprintf(text, SLUICE__SHAPE_TEXT, "(%s) %s", dims, sluice_type_name(shape->type));
    return text;
}

static sluice_status refuse_input(const char *kind, const sluice_shape *input, sluice_type type,
                                  int min, int max) {
    char text[SLUICE__SHAPE_TEXT], dims[32];
    (void)snprintf(dims, sizeof dims, min == max ? "%d" : "%d to %d", min, max);
    return sluice__fail(SLUICE_E_ARGUMENT, "%s takes %s with %s dimensions of at least 1, not %s",
                        kind, sluice_type_name(type), dims, sluice__shape_text(text, input));
}

sluice_status sluice__check_input(const char *kind, const sluice_shape *input, sluice_type type,
                                  int min, int max) {
    if (input->type != type || input->dim_count < min || input->dim_count > max)
        return refuse_input(kind, input, type, min, max);
    int64_t count = 1;
    for (int d = 0; d < input->dim_count; d++) {
        if (input->dims[d] < (d == 0 ? 0 : 1)) return refuse_input(kind, input, type, min, max);
        SLUICE__TRY(sluice__check_elements(kind, count, input->dims[d]));
        count *= input->dims[d];
    }
    return SLUICE_OK;
}

sluice_status sluice__check_activation(const char *kind, const sluice_shape *input, int min,
                                       int max, sluice_precision precision) {
    if ((int)precision < 0 || (int)precision >= SLUICE_PRECISIONS)
        return sluice__fail(SLUICE_E_UNSUPPORTED, "%s does not compute in precision %d", kind,
                            (int)precision);
    return sluice__check_input(kind, input, sluice_precision_type(precision), min, max);
}

sluice_status sluice__check_count(const char *kind, const char *what, int64_t count) {
    if (count >= 1) return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT, "%s has %s %" PRId64 "; it must be at least 1", kind,
                        what, count);
}

sluice_status sluice__check_scale(const char *kind, const char *what, float scale) {
    if (isfinite(scale) && scale >= 0) return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT, "%s has %s %g; it must be a finite number, at least 0",
                        kind, what, (double)scale);
}

sluice_status sluice__check_width(const char *kind, const char *what, int64_t width,
                                  const sluice_shape *input) {
    SLUICE__TRY(sluice__check_count(kind, what, width));
    if (sluice__width(input) == width) return SLUICE_OK;
    char text[SLUICE__SHAPE_TEXT];
    return sluice__fail(SLUICE_E_ARGUMENT, "%s has %s %" PRId64 " but its input is %s", kind, what,
                        width, sluice__shape_text(text, input));
}

sluice_status sluice__check_style(const char *kind, sluice_parameter_style style) {
    if (style == SLUICE_STYLE_GPT2 || style == SLUICE_STYLE_LLAMA) return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT, "%s has parameters of style %d, which does not exist",
                        kind, (int)style);
}

sluice_status sluice__check_one_token(const char *kind, const sluice_shape *input) {
    if (input->dims[1] == 1) return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT,
                        "%s generates, and samples have %" PRId64
                        " tokens; they must have one each",
                        kind, input->dims[1]);
}

sluice_status sluice__refuse_backward(const sluice_layer_call *call, bool generates) {
    if (!generates) return SLUICE_OK;
    return sluice__fail(SLUICE_E_UNSUPPORTED, "layer '%s' generates, and has no backward",
                        call->name);
}

sluice_status sluice__check_elements(const char *kind, int64_t rows, int64_t columns) {
    int64_t count = 0;
    if (!__builtin_mul_overflow(rows, columns, &count) && count <= max_elements) return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT,
                        "%s would need a tensor of %" PRId64 " x %" PRId64
                        " elements, more than 2^48",
                        kind, rows, columns);
}

int64_t sluice__rows(const sluice_shape *shape) {
    int64_t rows = 1;
    for (int d = 0; d < shape->dim_count - 1; d++) rows *= shape->dims[d];
    return rows;
}

int64_t sluice__per_sample(const sluice_shape *shape) {
    int64_t elements = 1;
    for (int d = 1; d < shape->dim_count; d++) elements *= shape->dims[d];
    return elements;
}

int64_t sluice__width(const sluice_shape *shape) {
    assert(shape->dim_count >= 1);
    return shape->dims[shape->dim_count - 1];
}

size_t sluice__bytes_of(sluice_type type, int64_t rows, int64_t columns) {
    return (size_t)rows * (size_t)columns * sluice_type_bytes(type);
}

size_t sluice__piece(size_t bytes) {
    return (bytes + PIECE - 1) / PIECE * PIECE;
}

size_t sluice__larger(size_t a, size_t b) {
    return a > b ? a : b;
}

void sluice__add_matrix(sluice_layer_description *description, const char *name, int64_t rows,
                        int64_t columns, float scale) {
    assert(description->parameter_count < SLUICE_LAYER_PARAMETERS);
    description->parameters[description->parameter_count++] = (sluice_parameter){
        .name        = name,
        .shape       = {SLUICE_TYPE_F32, 2, {rows, columns}},
        .initializer = SLUICE_INITIALIZER_NORMAL,
        .scale       = scale,
        .decays      = true,
    };
}

void sluice__add_vector(sluice_layer_description *description, const char *name, int64_t count,
                        float value) {
    assert(description->parameter_count < SLUICE_LAYER_PARAMETERS);
    description->parameters[description->parameter_count++] = (sluice_parameter){
        .name        = name,
        .shape       = {SLUICE_TYPE_F32, 1, {count}},
        .initializer = SLUICE_INITIALIZER_CONSTANT,
        .scale       = value,
    };
}

void sluice__add_saved(sluice_layer_description *description, size_t bytes, sluice_until until) {
    assert(description->saved_count < SLUICE_LAYER_SAVED);
    description->saved[description->saved_count++] = (sluice_saved){bytes, until};
}

void sluice__add_sequence_state(sluice_layer_description *description, const char *name,
                                const sluice_shape *shape) {
    assert(description->state_count < SLUICE_LAYER_STATES);
    description->states[description->state_count++] =
        (sluice_layer_state){name, *shape, SLUICE_LIFETIME_SEQUENCE};
}

void sluice__add_stash(sluice_layer_description *description, size_t bytes) {
    assert(description->stash_count < SLUICE_LAYER_STASH);
    description->stash[description->stash_count++] = bytes;
}

void sluice__add_batch(sluice_layer_description *description, const char *name,
                       const sluice_shape *shape, sluice_until until) {
    assert(description->batch_count < SLUICE_LAYER_BATCH);
    description->batch[description->batch_count++] = (sluice_batch_read){name, *shape, until};
}

void sluice__set_loss(sluice_layer_description *description, const sluice_shape *input,
                      const sluice_shape *targets) {
    sluice__add_batch(description, "targets", targets, SLUICE_UNTIL_INPUT);
    description->output           = (sluice_shape){SLUICE_TYPE_F32, 2, {input->dims[0], 0}};
    description->is_loss          = true;
    description->input_until      = SLUICE_UNTIL_INPUT;
    description->forward_is_empty = true;
    description->weight_is_empty  = true;
}

void sluice__cost_product(sluice_work *cost, sluice_type type, int64_t rows, int64_t inner,
                          int64_t columns) {
    const double r = (double)rows, i = (double)inner, c = (double)columns;
    cost->flops += 2 * r * i * c;
    cost->bytes += (double)sluice_type_bytes(type) * (r * i + i * c + r * c);
}

void sluice__cost_pass(sluice_work *cost, sluice_type type, int64_t count, int tensors, int flops) {
    cost->flops += (double)count * flops;
    cost->bytes += (double)sluice_type_bytes(type) * (double)count * tensors;
}
