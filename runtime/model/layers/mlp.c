/* SPDX-License-Identifier: MIT */
/* mlp.c -- the layer kind "mlp": x + dropout(projection(gelu(expand(norm(x))))), or with a gate in
 * place of the GELU. */
#include "runtime/base/error.h"
#include "runtime/model/layers/branch.h"
#include "runtime/model/layers/dense.h"
#include "runtime/model/layers/describe.h"
#include "runtime/model/layers/norm.h"

enum { NORMED, BEFORE, AFTER }; /* saved, after what the norm saves: around GELU or gate */
enum { BEFORE_GRADIENT };       /* stash */

/* What every action derives from configuration and input. */
typedef struct parts {
    sluice__norm norm;
    sluice__dense expand, projection;
    bool gated; /* expand makes gate and up, 2 * hidden wide */
} parts;

static parts parts_of(const sluice_mlp_config *config, const sluice_shape *input) {
    const int64_t rows = sluice__rows(input), width = config->width, hidden = config->hidden;
    const bool biased = !config->has_no_bias;
    parts p           = {.norm = sluice__norm_of(&config->norm), .gated = config->gated};
    int next          = p.norm.count;
    p.expand =
        sluice__dense_at(&next, config->style, biased, rows, width, p.gated ? 2 * hidden : hidden);
    p.projection = sluice__dense_at(&next, config->style, biased, rows, hidden, width);
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
    const int64_t wide = c->gated ? 2 * c->hidden : c->hidden;
    SLUICE__TRY(sluice__check_elements("mlp", c->width, wide));
    return sluice__check_elements("mlp", sluice__rows(input), wide);
}

/* With costs and scratch of their products. */
static void describe_parameters(sluice_layer_description *d, const sluice_mlp_config *c,
                                const parts *p, const sluice_shape *input) {
    const bool llama                   = c->style == SLUICE_STYLE_LLAMA;
    const sluice__dense_piece pieces[] = {{"gate_proj.weight", "gate_proj.bias", c->hidden},
                                          {"up_proj.weight", "up_proj.bias", c->hidden}};
    sluice__norm_describe(d, &p->norm,
                          llama ? "../post_attention_layernorm.weight" : "../ln_2.weight",
                          llama ? "../post_attention_layernorm.bias" : "../ln_2.bias", input);
    if (llama && c->gated) {
        sluice__dense_describe(d, &p->expand, input->type, "gate_up_proj.weight",
                               "gate_up_proj.bias", c->scale);
        sluice__dense_split(d, &p->expand, pieces, 2);
    } else {
        sluice__dense_describe(d, &p->expand, input->type, llama ? "up_proj.weight" : "c_fc.weight",
                               llama ? "up_proj.bias" : "c_fc.bias", c->scale);
    }
    sluice__dense_describe(d, &p->projection, input->type,
                           llama ? "down_proj.weight" : "c_proj.weight",
                           llama ? "down_proj.bias" : "c_proj.bias", c->projection_scale);
}

/* Those of GELU, or of the gate, and of their gradients. */
static void add_activation_costs(sluice_layer_description *d, const parts *p, sluice_type type) {
    const int64_t count = p->projection.rows * p->projection.inputs;
    sluice__cost_pass(&d->forward, type, count, p->gated ? 3 : 1, 12);
    sluice__cost_pass(&d->input, type, count, p->gated ? 5 : 1, 16);
}

static sluice_status describe(sluice_layer_description *out, const void *config,
                              const sluice_shape *input, sluice_precision precision) {
    const sluice_mlp_config *const c = config;
    SLUICE__TRY(check(c, input, precision));
    const parts p          = parts_of(c, input);
    const sluice_type type = input->type;
    const size_t whole     = sluice__bytes_of(type, p.expand.rows, c->width);
    const size_t before    = sluice__bytes_of(type, p.expand.rows, p.expand.outputs);
    const size_t after     = sluice__bytes_of(type, p.expand.rows, c->hidden);

    sluice_layer_description d = {.output = *input, .weight_reads_output_gradient = true};
    describe_parameters(&d, c, &p, input);
    sluice__branch_describe(&d, &p.projection, type, c->dropout);
    add_activation_costs(&d, &p, type);
    sluice__add_saved(&d, whole, SLUICE_UNTIL_WEIGHT); /* NORMED */
    sluice__add_saved(&d, before, SLUICE_UNTIL_INPUT); /* BEFORE */
    sluice__add_saved(&d, after, SLUICE_UNTIL_WEIGHT); /* AFTER */
    sluice__add_stash(&d, before);                     /* BEFORE_GRADIENT */
    d.scratch_input =
        sluice__piece(whole) + sluice__larger(sluice__norm_scratch(input), p.gated ? after : 0);
    *out = d;
    return SLUICE_OK;
}

static sluice_status forward(const sluice_layer_call *call) {
    const sluice_mlp_config *const c = call->config;
    const parts p                    = parts_of(c, &call->input_shape);
    void *const before               = sluice__saved(call, &p.norm, BEFORE);
    void *const after                = sluice__saved(call, &p.norm, AFTER);
    SLUICE__TRY(sluice__norm_forward(call, &p.norm, sluice__saved(call, &p.norm, NORMED)));
    SLUICE__TRY(sluice__dense_forward(call, &p.expand, before, sluice__saved(call, &p.norm, NORMED),
                                      NULL, p.gated ? NULL : after));
    if (p.gated)
        SLUICE__TRY(call->operations->swiglu(
            call->stream,
            &(sluice_swiglu){
                .y = after, .x = before, .rows = p.expand.rows, .hidden = p.projection.inputs}));
    return sluice__branch_forward(call, &p.projection, after, c->dropout);
}

/* The gradient of BEFORE from that of the projection's output; a gate takes `scratch` for that of
 * AFTER. */
static sluice_status gradient_of_before(const sluice_layer_call *call, const parts *p,
                                        const void *projected, void *scratch) {
    void *const gradient     = call->stash[BEFORE_GRADIENT];
    const void *const before = sluice__saved(call, &p->norm, BEFORE);
    if (!p->gated)
        return sluice__dense_backward_input(call, &p->projection, gradient, projected, before);
    SLUICE__TRY(sluice__dense_backward_input(call, &p->projection, scratch, projected, NULL));
    return call->operations->swiglu_backward(
        call->stream, &(sluice_swiglu_backward){.dx     = gradient,
                                                .dy     = scratch,
                                                .x      = before,
                                                .rows   = p->expand.rows,
                                                .hidden = p->projection.inputs});
}

static sluice_status backward_input(const sluice_layer_call *call) {
    const sluice_mlp_config *const c = call->config;
    const parts p                    = parts_of(c, &call->input_shape);
    void *const normed = call->scratch; /* gradient of NORMED; before that, of the projection */
    const size_t used  = sluice__bytes_of(call->input_shape.type, p.expand.rows, p.expand.inputs);
    void *const rest   = (char *)call->scratch + sluice__piece(used);
    const void *projected;
    SLUICE__TRY(sluice__branch_gradient(call, &projected, normed, c->dropout));
    SLUICE__TRY(gradient_of_before(call, &p, projected, rest));
    SLUICE__TRY(
        sluice__dense_backward_input(call, &p.expand, normed, call->stash[BEFORE_GRADIENT], NULL));
    return sluice__norm_backward(call, &p.norm, normed, call->output_gradient, rest);
}

static sluice_status backward_weight(const sluice_layer_call *call) {
    const sluice_mlp_config *const c = call->config;
    const parts p                    = parts_of(c, &call->input_shape);
    SLUICE__TRY(sluice__branch_backward_weight(call, &p.projection,
                                               sluice__saved(call, &p.norm, AFTER), c->dropout));
    return sluice__dense_backward_weight(call, &p.expand, sluice__saved(call, &p.norm, NORMED),
                                         call->stash[BEFORE_GRADIENT], call->scratch);
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
