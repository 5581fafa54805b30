/* SPDX-License-Identifier: MIT */
/* logits.c -- the layer kind "logits": the output head of a model that generates. It keeps the
 * logits of the last row that it is given, and has no backward. */
#include "runtime/base/error.h"
#include "runtime/model/layers/describe.h"

enum { WEIGHT };
enum { LOGITS }; /* state */

static sluice_status describe(sluice_layer_description *out, const void *config,
                              const sluice_shape *input, sluice_precision precision) {
    const sluice_logits_config *const c = config;
    SLUICE__TRY(sluice__check_activation("logits", input, 2, SLUICE_MAX_DIMS, precision));
    SLUICE__TRY(sluice__check_width("logits", "width", c->width, input));
    SLUICE__TRY(sluice__check_count("logits", "classes", c->classes));
    SLUICE__TRY(sluice__check_scale("logits", "scale", c->scale));
    SLUICE__TRY(sluice__check_elements("logits", c->classes, c->width));
    sluice_layer_description d = {.output          = {SLUICE_TYPE_F32, 2, {input->dims[0], 0}},
                                  .is_end          = true,
                                  .weight_is_empty = true};
    const sluice_shape kept    = {input->type, 1, {c->classes}};
    sluice__add_matrix(&d, "weight", c->classes, c->width, c->scale);
    sluice__add_sequence_state(&d, "logits", &kept);
    sluice__cost_product(&d.forward, input->type, 1, c->width, c->classes);
    *out = d;
    return SLUICE_OK;
}

static sluice_status forward(const sluice_layer_call *call) {
    const sluice_logits_config *const c = call->config;
    const int64_t rows                  = sluice__rows(&call->input_shape);
    if (rows == 0) return SLUICE_OK; /* those before stay */
    const size_t before = sluice__bytes_of(call->input_shape.type, rows - 1, c->width);
    return call->operations->matmul(call->stream, &(sluice_matmul){
                                                      .c       = call->states[LOGITS],
                                                      .a       = (const char *)call->input + before,
                                                      .b       = call->parameters[WEIGHT],
                                                      .rows    = 1,
                                                      .columns = c->classes,
                                                      .inner   = c->width,
                                                      .alpha   = 1,
                                                      .transpose_b = true,
                                                  });
}

static sluice_status backward(const sluice_layer_call *call) {
    return sluice__refuse_backward(call, true);
}

const sluice_layer_kind *sluice_layer_logits(void) {
    static const sluice_layer_kind kind = {
        .size            = sizeof(sluice_layer_kind),
        .name            = "logits",
        .config_bytes    = sizeof(sluice_logits_config),
        .describe        = describe,
        .forward         = forward,
        .backward_input  = backward,
        .backward_weight = backward,
    };
    return &kind;
}
