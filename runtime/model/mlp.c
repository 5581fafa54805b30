/* SPDX-License-Identifier: MIT */
/* mlp.c -- the layer kind "mlp": x + dropout(projection(gelu(expand(layernorm(x))))). */
#include "runtime/base/error.h"
#include "runtime/model/branch.h"
#include "runtime/model/dense.h"
#include "runtime/model/describe.h"
#include "runtime/model/norm.h"

enum { GAIN, BIAS, EXPAND_WEIGHT, EXPAND_BIAS, PROJECTION_WEIGHT, PROJECTION_BIAS };
enum { MEAN, RSTD, NORMED, BEFORE_GELU, AFTER_GELU }; /* saved */
enum { HIDDEN_GRADIENT };                             /* handed: that of BEFORE_GELU */

/* What every action begins with. */
typedef struct parts {
    sluice__dense expand, projection;
} parts;

static parts parts_of(const sluice_mlp_config *config, const sluice_shape *input) {
    const int64_t rows = sluice__rows(input);
    return (parts){
        .expand     = {EXPAND_WEIGHT, rows, config->width, config->hidden},
        .projection = {PROJECTION_WEIGHT, rows, config->hidden, config->width},
    };
}

static sluice_status check(const sluice_mlp_config *c, const sluice_shape *input,
                           sluice_precision precision) {
    SLUICE__TRY(sluice__check_input("mlp", input, SLUICE_TYPE_F32, 2, SLUICE_MAX_DIMS, precision));
    SLUICE__TRY(sluice__check_width("mlp", "width", c->width, input));
    SLUICE__TRY(sluice__check_count("mlp", "hidden width", c->hidden));
    SLUICE__TRY(sluice__check_scale("mlp", "scale", c->scale));
    SLUICE__TRY(sluice__check_scale("mlp", "projection scale", c->projection_scale));
    SLUICE__TRY(sluice__check_rate("mlp", c->dropout));
    SLUICE__TRY(sluice__check_elements("mlp", c->width, c->hidden));
    return sluice__check_elements("mlp", sluice__rows(input), c->hidden);
}

static sluice_status describe(sluice_layer_description *out, const void *config,
                              const sluice_shape *input, sluice_precision precision) {
    const sluice_mlp_config *const c = config;
    SLUICE__TRY(check(c, input, precision));
    const parts p       = parts_of(c, input);
    const size_t whole  = sluice__float_bytes(p.expand.rows, c->width);
    const size_t hidden = sluice__float_bytes(p.expand.rows, c->hidden);

    sluice_layer_description d = {.output = *input, .weight_reads_output_gradient = true};
    sluice__norm_describe(&d, "../ln_2.weight", "../ln_2.bias", input);
    sluice__dense_describe(&d, &p.expand, "c_fc.weight", "c_fc.bias", c->scale);
    sluice__dense_describe(&d, &p.projection, "c_proj.weight", "c_proj.bias", c->projection_scale);
    sluice__branch_describe(&d, &p.projection, c->dropout);
    sluice__cost_pass(&d.forward, p.expand.rows * c->hidden, 1, 12); /* GELU, and its slope */
    sluice__cost_pass(&d.input, p.expand.rows * c->hidden, 1, 16);
    sluice__add_saved(&d, whole, SLUICE_UNTIL_WEIGHT);  /* NORMED */
    sluice__add_saved(&d, hidden, SLUICE_UNTIL_INPUT);  /* BEFORE_GELU */
    sluice__add_saved(&d, hidden, SLUICE_UNTIL_WEIGHT); /* AFTER_GELU */
    sluice__add_handed(&d, hidden);                     /* HIDDEN_GRADIENT */
    d.scratch_input = sluice__piece(whole) + sluice__norm_scratch(input);
    *out            = d;
    return SLUICE_OK;
}

static sluice_status forward(const sluice_layer_call *call) {
    const sluice_mlp_config *const c = call->config;
    const parts p                    = parts_of(c, &call->input_shape);
    SLUICE__TRY(sluice__norm_forward(call, call->saved[NORMED]));
    SLUICE__TRY(sluice__dense_forward(call, &p.expand, call->saved[BEFORE_GELU],
                                      call->saved[NORMED], NULL, call->saved[AFTER_GELU]));
    return sluice__branch_forward(call, &p.projection, call->saved[AFTER_GELU], c->dropout);
}

static sluice_status backward_input(const sluice_layer_call *call) {
    const sluice_mlp_config *const c = call->config;
    const parts p                    = parts_of(c, &call->input_shape);
    float *const normed = call->scratch; /* gradient of NORMED; before that, of the projection */
    void *const rest =
        (char *)call->scratch + sluice__piece(sluice__float_bytes(p.expand.rows, p.expand.inputs));
    const float *projected;
    SLUICE__TRY(sluice__branch_gradient(call, &projected, normed, c->dropout));
    SLUICE__TRY(sluice__dense_backward_input(call, &p.projection, call->handed[HIDDEN_GRADIENT],
                                             projected, call->saved[BEFORE_GELU]));
    SLUICE__TRY(
        sluice__dense_backward_input(call, &p.expand, normed, call->handed[HIDDEN_GRADIENT], NULL));
    return sluice__norm_backward(call, normed, call->output_gradient, rest);
}

static sluice_status backward_weight(const sluice_layer_call *call) {
    const sluice_mlp_config *const c = call->config;
    const parts p                    = parts_of(c, &call->input_shape);
    SLUICE__TRY(
        sluice__branch_backward_weight(call, &p.projection, call->saved[AFTER_GELU], c->dropout));
    return sluice__dense_backward_weight(call, &p.expand, call->saved[NORMED],
                                         call->handed[HIDDEN_GRADIENT], call->scratch);
}

const sluice_layer_kind *sluice_layer_mlp(void) {
    static const sluice_layer_kind kind = {
        .name            = "mlp",
        .config_bytes    = sizeof(sluice_mlp_config),
        .describe        = describe,
        .forward         = forward,
        .backward_input  = backward_input,
        .backward_weight = backward_weight,
    };
    return &kind;
}
