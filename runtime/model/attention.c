/* SPDX-License-Identifier: MIT */
/* attention.c -- the layer kind "attention": x + dropout(projection(attention(layernorm(x)))),
 * causal. */
#include <inttypes.h>

#include "runtime/base/error.h"
#include "runtime/model/branch.h"
#include "runtime/model/dense.h"
#include "runtime/model/describe.h"
#include "runtime/model/norm.h"

enum { GAIN, BIAS, QKV_WEIGHT, QKV_BIAS, PROJECTION_WEIGHT, PROJECTION_BIAS };
enum { MEAN, RSTD, NORMED, QKV, LSE, ATTENDED }; /* saved */
enum { QKV_GRADIENT };                           /* handed */

/* What every action begins with. */
typedef struct parts {
    int64_t samples, length, heads, head_width;
    sluice__dense qkv, projection;
} parts;

static parts parts_of(const sluice_attention_config *config, const sluice_shape *input) {
    const int64_t rows = sluice__rows(input), width = config->width;
    return (parts){
        .samples    = input->dims[0],
        .length     = input->dims[1],
        .heads      = config->heads,
        .head_width = width / config->heads,
        .qkv        = {QKV_WEIGHT, rows, width, 3 * width},
        .projection = {PROJECTION_WEIGHT, rows, width, width},
    };
}

static sluice_status check(const sluice_attention_config *c, const sluice_shape *input,
                           sluice_precision precision) {
    SLUICE__TRY(sluice__check_input("attention", input, SLUICE_TYPE_F32, 3, 3, precision));
    SLUICE__TRY(sluice__check_width("attention", "width", c->width, input));
    SLUICE__TRY(sluice__check_count("attention", "heads", c->heads));
    if (c->width % c->heads != 0)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "attention has width %" PRId64 ", which %" PRId64
                            " heads do not divide",
                            c->width, c->heads);
    SLUICE__TRY(sluice__check_scale("attention", "scale", c->scale));
    SLUICE__TRY(sluice__check_scale("attention", "projection scale", c->projection_scale));
    SLUICE__TRY(sluice__check_rate("attention", c->dropout));
    return sluice__check_elements("attention", c->width, c->width);
}

/* Under the causal mask half of each (length, length) product is done: two of them forward, five
 * backward, where the scores are made again. */
static void add_attention_costs(sluice_layer_description *d, const parts *p, float dropout) {
    const int64_t elements = p->projection.rows * p->projection.inputs;
    const double half      = (double)elements * (double)p->length;
    d->forward.flops += 2 * half;
    d->input.flops += 5 * half;
    if (dropout > 0) { /* a draw for each probability, which has head_width elements in a product */
        d->forward.flops += half / (double)p->head_width * SLUICE__DROP_FLOPS;
        d->input.flops += half / (double)p->head_width * SLUICE__DROP_FLOPS;
    }
    sluice__cost_pass(&d->forward, elements, 4, 0);
    sluice__cost_pass(&d->input, elements, 8, 0);
}

static sluice_status describe(sluice_layer_description *out, const void *config,
                              const sluice_shape *input, sluice_precision precision) {
    const sluice_attention_config *const c = config;
    SLUICE__TRY(check(c, input, precision));
    const parts p      = parts_of(c, input);
    const size_t whole = sluice__float_bytes(p.qkv.rows, c->width);

    sluice_layer_description d = {.output = *input, .weight_reads_output_gradient = true};
    sluice__norm_describe(&d, "../ln_1.weight", "../ln_1.bias", input);
    sluice__dense_describe(&d, &p.qkv, "c_attn.weight", "c_attn.bias", c->scale);
    sluice__dense_describe(&d, &p.projection, "c_proj.weight", "c_proj.bias", c->projection_scale);
    add_attention_costs(&d, &p, c->dropout);
    sluice__branch_describe(&d, &p.projection, c->dropout);
    sluice__add_saved(&d, whole, SLUICE_UNTIL_WEIGHT);    /* NORMED */
    sluice__add_saved(&d, 3 * whole, SLUICE_UNTIL_INPUT); /* QKV */
    sluice__add_saved(&d, sluice__float_bytes(p.qkv.rows, c->heads), SLUICE_UNTIL_INPUT); /* LSE */
    sluice__add_saved(&d, whole, SLUICE_UNTIL_WEIGHT); /* ATTENDED */
    sluice__add_handed(&d, 3 * whole);                 /* QKV_GRADIENT */
    const size_t rest = sluice__larger(sluice_attention_scratch(p.samples, p.length, p.heads),
                                       sluice__norm_scratch(input));
    d.scratch_input   = sluice__piece(whole) + sluice__larger(rest, c->dropout > 0 ? whole : 0);
    *out              = d;
    return SLUICE_OK;
}

static sluice_dropout dropout_of(const sluice_layer_call *call) {
    return sluice_layer_dropout(call, "dropout of probabilities",
                                ((const sluice_attention_config *)call->config)->dropout);
}

static sluice_status forward(const sluice_layer_call *call) {
    const sluice_attention_config *const c = call->config;
    const parts p                          = parts_of(c, &call->input_shape);
    SLUICE__TRY(sluice__norm_forward(call, call->saved[NORMED]));
    SLUICE__TRY(
        sluice__dense_forward(call, &p.qkv, call->saved[QKV], call->saved[NORMED], NULL, NULL));
    SLUICE__TRY(call->ops->attention(call->stream, &(sluice_attention){
                                                       .out        = call->saved[ATTENDED],
                                                       .lse        = call->saved[LSE],
                                                       .qkv        = call->saved[QKV],
                                                       .samples    = p.samples,
                                                       .length     = p.length,
                                                       .heads      = p.heads,
                                                       .head_width = p.head_width,
                                                       .dropout    = dropout_of(call),
                                                   }));
    return sluice__branch_forward(call, &p.projection, call->saved[ATTENDED], c->dropout);
}

static sluice_status backward_input(const sluice_layer_call *call) {
    const sluice_attention_config *const c = call->config;
    const parts p                          = parts_of(c, &call->input_shape);
    /* First the gradient of what was attended, then that of the normed rows: never both. */
    float *const inner = call->scratch;
    void *const rest =
        (char *)call->scratch + sluice__piece(sluice__float_bytes(p.qkv.rows, p.qkv.inputs));
    const float *projected; /* gradient of what the projection made; `rest` has room for it */
    SLUICE__TRY(sluice__branch_gradient(call, &projected, rest, c->dropout));
    SLUICE__TRY(sluice__dense_backward_input(call, &p.projection, inner, projected, NULL));
    SLUICE__TRY(call->ops->attention_backward(call->stream, &(sluice_attention_backward){
                                                                .dqkv = call->handed[QKV_GRADIENT],
                                                                .dout = inner,
                                                                .out  = call->saved[ATTENDED],
                                                                .lse  = call->saved[LSE],
                                                                .qkv  = call->saved[QKV],
                                                                .scratch    = rest,
                                                                .samples    = p.samples,
                                                                .length     = p.length,
                                                                .heads      = p.heads,
                                                                .head_width = p.head_width,
                                                                .dropout    = dropout_of(call),
                                                            }));
    SLUICE__TRY(
        sluice__dense_backward_input(call, &p.qkv, inner, call->handed[QKV_GRADIENT], NULL));
    return sluice__norm_backward(call, inner, call->output_gradient, rest);
}

static sluice_status backward_weight(const sluice_layer_call *call) {
    const sluice_attention_config *const c = call->config;
    const parts p                          = parts_of(c, &call->input_shape);
    SLUICE__TRY(
        sluice__branch_backward_weight(call, &p.projection, call->saved[ATTENDED], c->dropout));
    return sluice__dense_backward_weight(call, &p.qkv, call->saved[NORMED],
                                         call->handed[QKV_GRADIENT], call->scratch);
}

const sluice_layer_kind *sluice_layer_attention(void) {
    static const sluice_layer_kind kind = {
        .name            = "attention",
        .config_bytes    = sizeof(sluice_attention_config),
        .describe        = describe,
        .forward         = forward,
        .backward_input  = backward_input,
        .backward_weight = backward_weight,
    };
    return &kind;
}
