/* SPDX-License-Identifier: MIT */
/* embedding.c -- the layer kind "embedding": dropout(rows of tokens plus rows of positions). */
#include <inttypes.h>

#include "runtime/base/error.h"
#include "runtime/model/layers/branch.h"
#include "runtime/model/layers/describe.h"

enum { TABLE, POSITIONS };

static sluice_status check(const sluice_embedding_config *c, const sluice_shape *input) {
    SLUICE__TRY(sluice__check_input("embedding", input, SLUICE_TYPE_I32, 2, 2));
    SLUICE__TRY(sluice__check_count("embedding", "vocabulary", c->vocabulary));
    SLUICE__TRY(sluice__check_count("embedding", "width", c->width));
    if (c->positions < 0 || (c->positions > 0 && input->dims[1] > c->positions))
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "embedding has %" PRId64 " positions, fewer than the %" PRId64
                            " tokens of a sample",
                            c->positions, input->dims[1]);
    SLUICE__TRY(sluice__check_scale("embedding", "scale", c->scale));
    SLUICE__TRY(sluice__check_scale("embedding", "position scale", c->position_scale));
    SLUICE__TRY(sluice__check_rate("embedding", c->dropout));
    SLUICE__TRY(sluice__check_style("embedding", c->style));
    if (c->generates) SLUICE__TRY(sluice__check_one_token("embedding", input));
    SLUICE__TRY(sluice__check_elements("embedding", c->vocabulary, c->width));
    SLUICE__TRY(sluice__check_elements("embedding", c->positions, c->width));
    return sluice__check_elements("embedding", input->dims[0] * input->dims[1], c->width);
}

static sluice_status describe(sluice_layer_description *out, const void *config,
                              const sluice_shape *input, sluice_precision precision) {
    const sluice_embedding_config *const c = config;
    SLUICE__TRY(check(c, input));
    const sluice_type type     = sluice_precision_type(precision);
    sluice_layer_description d = {
        .output                       = {type, 3, {input->dims[0], input->dims[1], c->width}},
        .input_until                  = SLUICE_UNTIL_WEIGHT,
        .weight_reads_output_gradient = true,
    };
    const int64_t elements = sluice_shape_count(&d.output);
    const bool llama       = c->style == SLUICE_STYLE_LLAMA;
    sluice__add_matrix(&d, llama ? "embed_tokens.weight" : "wte.weight", c->vocabulary, c->width,
                       c->scale);
    if (c->positions > 0)
        sluice__add_matrix(&d, llama ? "embed_positions.weight" : "wpe.weight", c->positions,
                           c->width, c->position_scale);
    sluice__cost_pass(&d.forward, type, elements, c->positions > 0 ? 3 : 2, 1);
    sluice__cost_pass(&d.weight, type, elements, c->positions > 0 ? 5 : 3, 2);
    if (c->dropout > 0) {
        sluice__cost_pass(&d.forward, type, elements, 2, SLUICE__DROP_FLOPS);
        sluice__cost_pass(&d.weight, type, elements, 2, SLUICE__DROP_FLOPS);
        d.scratch_weight = sluice_shape_bytes(&d.output);
    }
    *out = d;
    return SLUICE_OK;
}

/* y = x after dropout; `*out` is y, or x itself if nothing is dropped. */
static sluice_status drop(const sluice_layer_call *call, const void **out, void *y, const void *x) {
    const sluice_embedding_config *const c = call->config;
    const sluice_dropout dropout =
        sluice_layer_dropout(call, "dropout of the embedding", c->dropout);
    *out = dropout.rate > 0 ? y : x;
    if (dropout.rate <= 0) return SLUICE_OK;
    return call->operations->drop(call->stream,
                                  &(sluice_drop){.y        = y,
                                                 .x        = x,
                                                 .samples  = call->input_shape.dims[0],
                                                 .elements = call->input_shape.dims[1] * c->width,
                                                 .dropout  = dropout});
}

/* The row of the table of positions that the first token takes; NULL: there is no table. */
static sluice_status find_positions(const void **out, const sluice_layer_call *call) {
    const sluice_embedding_config *const c = call->config;
    const int64_t first                    = call->position;
    const int64_t count                    = call->input_shape.dims[c->generates ? 0 : 1];
    if (c->positions == 0) return SLUICE_OK;
    if (first < 0 || first > c->positions - count)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "embedding has positions 0 to %" PRId64 ", and tokens are at %" PRId64
                            " to %" PRId64,
                            c->positions - 1, first, first + count - 1);
    *out = (const char *)call->parameters[POSITIONS] +
           sluice__bytes_of(sluice_precision_type(call->precision), first, c->width);
    return SLUICE_OK;
}

static sluice_status forward(const sluice_layer_call *call) {
    const sluice_embedding_config *const c = call->config;
    const int64_t samples = call->input_shape.dims[0], length = call->input_shape.dims[1];
    const void *positions = NULL, *result;
    SLUICE__TRY(find_positions(&positions, call));
    SLUICE__TRY(
        call->operations->embedding(call->stream, &(sluice_embedding){
                                                      .y          = call->output,
                                                      .tokens     = call->input,
                                                      .table      = call->parameters[TABLE],
                                                      .positions  = positions,
                                                      .samples    = c->generates ? 1 : samples,
                                                      .length     = c->generates ? samples : length,
                                                      .width      = c->width,
                                                      .vocabulary = c->vocabulary,
                                                  }));
    return drop(call, &result, call->output, call->output);
}

static sluice_status backward_input(const sluice_layer_call *call) {
    /* tokens have no gradient */
    return sluice__refuse_backward(call,
                                   ((const sluice_embedding_config *)call->config)->generates);
}

static sluice_status backward_weight(const sluice_layer_call *call) {
    const sluice_embedding_config *const c = call->config;
    const void *gradient;
    SLUICE__TRY(drop(call, &gradient, call->scratch, call->output_gradient));
    return call->operations->embedding_backward(
        call->stream, &(sluice_embedding_backward){
                          .dtable      = call->gradients[TABLE],
                          .dpositions  = c->positions > 0 ? call->gradients[POSITIONS] : NULL,
                          .tokens      = call->input,
                          .dy          = gradient,
                          .samples     = call->input_shape.dims[0],
                          .length      = call->input_shape.dims[1],
                          .width       = c->width,
                          .vocabulary  = c->vocabulary,
                          .positions   = c->positions,
                          .first_write = call->first_write,
                      });
}

const sluice_layer_kind *sluice_layer_embedding(void) {
    static const sluice_layer_kind kind = {
        .size            = sizeof(sluice_layer_kind),
        .name            = "embedding",
        .config_bytes    = sizeof(sluice_embedding_config),
        .describe        = describe,
        .forward         = forward,
        .backward_input  = backward_input,
        .backward_weight = backward_weight,
    };
    return &kind;
}
