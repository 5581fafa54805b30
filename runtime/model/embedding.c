/* SPDX-License-Identifier: MIT */
/* embedding.c -- the layer kind "embedding": the rows of tokens plus the rows of positions. */
#include <inttypes.h>

#include "runtime/base/error.h"
#include "runtime/model/describe.h"

enum { TABLE, POSITIONS };

static sluice_status check(const sluice_embedding_config *c, const sluice_shape *input,
                           sluice_precision precision) {
    SLUICE__TRY(sluice__check_input("embedding", input, SLUICE_I32, 2, 2, precision));
    SLUICE__TRY(sluice__check_count("embedding", "vocabulary", c->vocabulary));
    SLUICE__TRY(sluice__check_count("embedding", "positions", c->positions));
    SLUICE__TRY(sluice__check_count("embedding", "width", c->width));
    if (input->dims[1] > c->positions)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "embedding has %" PRId64 " positions, fewer than the %" PRId64
                            " tokens of a sample",
                            c->positions, input->dims[1]);
    SLUICE__TRY(sluice__check_scale("embedding", "scale", c->scale));
    SLUICE__TRY(sluice__check_scale("embedding", "position scale", c->position_scale));
    SLUICE__TRY(sluice__check_elements("embedding", c->vocabulary, c->width));
    SLUICE__TRY(sluice__check_elements("embedding", c->positions, c->width));
    return sluice__check_elements("embedding", input->dims[0] * input->dims[1], c->width);
}

static sluice_status describe(sluice_layer_description *out, const void *config,
                              const sluice_shape *input, sluice_precision precision) {
    const sluice_embedding_config *const c = config;
    SLUICE__TRY(check(c, input, precision));
    sluice_layer_description d = {
        .output                       = {SLUICE_F32, 3, {input->dims[0], input->dims[1], c->width}},
        .input_until                  = SLUICE_UNTIL_WEIGHT,
        .weight_reads_output_gradient = true,
    };
    const int64_t elements = sluice_shape_count(&d.output);
    sluice__add_matrix(&d, "wte.weight", c->vocabulary, c->width, c->scale);
    sluice__add_matrix(&d, "wpe.weight", c->positions, c->width, c->position_scale);
    sluice__cost_pass(&d.forward, elements, 3, 1);
    sluice__cost_pass(&d.weight, elements, 5, 2);
    *out = d;
    return SLUICE_OK;
}

static sluice_status forward(const sluice_layer_call *call) {
    const sluice_embedding_config *const c = call->config;
    return call->ops->embedding(call->stream, &(sluice_embedding){
                                                  .y          = call->output,
                                                  .tokens     = call->input,
                                                  .table      = call->parameters[TABLE],
                                                  .positions  = call->parameters[POSITIONS],
                                                  .samples    = call->input_shape.dims[0],
                                                  .length     = call->input_shape.dims[1],
                                                  .width      = c->width,
                                                  .vocabulary = c->vocabulary,
                                              });
}

static sluice_status backward_input(const sluice_layer_call *call) {
    (void)call; /* tokens have no gradient */
    return SLUICE_OK;
}

static sluice_status backward_weight(const sluice_layer_call *call) {
    const sluice_embedding_config *const c = call->config;
    return call->ops->embedding_backward(call->stream, &(sluice_embedding_backward){
                                                           .dtable     = call->gradients[TABLE],
                                                           .dpositions = call->gradients[POSITIONS],
                                                           .tokens     = call->input,
                                                           .dy         = call->output_gradient,
                                                           .samples    = call->input_shape.dims[0],
                                                           .length     = call->input_shape.dims[1],
                                                           .width      = c->width,
                                                           .vocabulary = c->vocabulary,
                                                           .positions  = c->positions,
                                                           .first_write = call->first_write,
                                                       });
}

const sluice_layer_kind *sluice_layer_embedding(void) {
    static const sluice_layer_kind kind = {
        .name            = "embedding",
        .config_bytes    = sizeof(sluice_embedding_config),
        .describe        = describe,
        .forward         = forward,
        .backward_input  = backward_input,
        .backward_weight = backward_weight,
    };
    return &kind;
}
