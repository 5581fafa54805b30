/* SPDX-License-Identifier: MIT */
/* mlp.c -- the layer kind "mlp": x + dropout(projection(gelu(expand(norm(x))))). */
#include "runtime/base/error.h"
#include "runtime/model/layers/branch.h"
#include "runtime/model/layers/dense.h"
#include "runtime/model/layers/describe.h"
#include "runtime/model/layers/norm.h"

enum { NORMED, BEFORE_GELU, AFTER_GELU }; /* saved, after what the norm saves */
enum { HIDDEN_GRADIENT };                 /* stash: that of BEFORE_GELU */

/* What every action derives from configuration and input. */
typedef struct parts {
    sluice__norm norm;
    sluice__dense expand, projection;
} parts;

static parts parts_of(const sluice_mlp_config *config, const sluice_shape *input) {
    const int64_t rows = sluice__rows(input), width = config->width, hidden = config->hidden;
    const bool biased = !config->has_no_bias;
    parts p           = {.norm = sluice__norm_of(&config->norm)};
    int next          = p.norm.count;
    p.expand          = sluice__dense_at(&next, config->style, biased, rows, width, hidden);
    p.projection      = sluice__dense_at(&next, config->style, biased, rows, hidden, width);
    return p;
}

static sluice_status check(const sluice_mlp_config *c, const sluice_shape *input,
                           sluice_precision precision) {
    SLUICE__TRY(sluice__check_activation("mlp", input, 2, SLUICE_MAX_DIMS, precision));
    SLUICE__TRY(sluice__check_width("mlp", "width", c->width, input));
    SLUICE__TRY(sluice__check_count("mlp", "hidden width", c->hidden));
    SLUICE__TRY(sluice__check_scale("mlp", "scale", c->scale));
    SLUICE__TRY(sluice__check_scale("mlp", "projection scale", c->projection_scale));
    SLUICE__TRY(sluice__check_rate("mlp", c->dropout));
    SLUICE__TRY(sluice__check_norm("mlp", &c->norm));
    SLUICE__TRY(sluice__check_style("mlp", c->style));
    SLUICE__TRY(sluice__check_elements("mlp", c->width, c->hidden));
    return sluice__check_elements("mlp", sluice__rows(input), c->hidden);
}

/* With costs and scratch of their products. */
static void describe_parameters(sluice_layer_description *d, const sluice_mlp_config *c,
                                const parts *p, const sluice_shape *input) {
    const bool llama = c->style == SLUICE_STYLE_LLAMA;
    sluice__norm_describe(d, &p->norm,
                          llama ? "../post_attention_layernorm.weight" : "../ln_2.weight",
                          llama ? "../post_attention_layernorm.bias" : "../ln_2.bias", input);
    sluice__dense_describe(d, &p->expand, input->type, llama ? "up_proj.weight" : "c_fc.weight",
                           llama ? "up_proj.bias" : "c_fc.bias", c->scale);
    sluice__dense_describe(d, &p->projection, input->type,
                           llama ? "down_proj.weight" : "c_proj.weight",
                           llama ? "down_proj.bias" : "c_proj.bias", c->projection_scale);
}

static sluice_status describe(sluice_layer_description *out, const void *config,
                              const sluice_shape *input, sluice_precision precision) {
    const sluice_mlp_config *const c = config;
    SLUICE__TRY(check(c, input, precision));
    const parts p          = parts_of(c, input);
    const sluice_type type = input->type;
    const size_t whole     = sluice__bytes_of(type, p.expand.rows, c->width);
    const size_t hidden    = sluice__bytes_of(type, p.expand.rows, c->hidden);

    sluice_layer_description d = {.output = *input, .weight_reads_output_gradient = true};
    describe_parameters(&d, c, &p, input);
    sluice__branch_describe(&d, &p.projection, type, c->dropout);
    sluice__cost_pass(&d.forward, type, p.expand.rows * c->hidden, 1,
                      12); /* GELU and its derivative */
    sluice__cost_pass(&d.input, type, p.expand.rows * c->hidden, 1, 16);
    sluice__add_saved(&d, whole, SLUICE_UNTIL_WEIGHT);  /* NORMED */
    sluice__add_saved(&d, hidden, SLUICE_UNTIL_INPUT);  /* BEFORE_GELU */
    sluice__add_saved(&d, hidden, SLUICE_UNTIL_WEIGHT); /* AFTER_GELU */
    sluice__add_stash(&d, hidden);                      /* HIDDEN_GRADIENT */
    d.scratch_input = sluice__piece(whole) + sluice__norm_scratch(input);
    *out            = d;
    return SLUICE_OK;
}

static sluice_status forward(const sluice_layer_call *call) {
    const sluice_mlp_config *const c = call->config;
    const parts p                    = parts_of(c, &call->input_shape);
    SLUICE__TRY(sluice__norm_forward(call, &p.norm, sluice__saved(call, &p.norm, NORMED)));
    SLUICE__TRY(sluice__dense_forward(call, &p.expand, sluice__saved(call, &p.norm, BEFORE_GELU),
                                      sluice__saved(call, &p.norm, NORMED), NULL,
                                      sluice__saved(call, &p.norm, AFTER_GELU)));
    return sluice__branch_forward(call, &p.projection, sluice__saved(call, &p.norm, AFTER_GELU),
                                  c->dropout);
}

static sluice_status backward_input(const sluice_layer_call *call) {
    const sluice_mlp_config *const c = call->config;
    const parts p                    = parts_of(c, &call->input_shape);
    void *const normed = call->scratch; /* gradient of NORMED; before that, of the projection */
    const size_t used  = sluice__bytes_of(call->input_shape.type, p.expand.rows, p.expand.inputs);
    void *const rest   = (char *)call->scratch + sluice__piece(used);
    const void *projected;
    SLUICE__TRY(sluice__branch_gradient(call, &projected, normed, c->dropout));
    SLUICE__TRY(sluice__dense_backward_input(call, &p.projection, call->stash[HIDDEN_GRADIENT],
                                             projected, sluice__saved(call, &p.norm, BEFORE_GELU)));
    SLUICE__TRY(
        sluice__dense_backward_input(call, &p.expand, normed, call->stash[HIDDEN_GRADIENT], NULL));
    return sluice__norm_backward(call, &p.norm, normed, call->output_gradient, rest);
}

static sluice_status backward_weight(const sluice_layer_call *call) {
    const sluice_mlp_config *const c = call->config;
    const parts p                    = parts_of(c, &call->input_shape);
    SLUICE__TRY(sluice__branch_backward_weight(
        call, &p.projection, sluice__saved(call, &p.norm, AFTER_GELU), c->dropout));
    return sluice__dense_backward_weight(call, &p.expand, sluice__saved(call, &p.norm, NORMED),
                                         call->stash[HIDDEN_GRADIENT], call->scratch);
}

const sluice_layer_kind *sluice_layer_mlp(void) {
    static const sluice_layer_kind kind = {
        .size            = sizeof(sluice_layer_kind),
        .name            = "mlp",
        .config_bytes    = sizeof(sluice_mlp_config),
        .describe        = describe,
        .forward         = forward,
        .backward_input  = backward_input,
        .backward_weight = backward_weight,
    };
    return &kind;
}
