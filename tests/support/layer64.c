/* SPDX-License-Identifier: MIT */
/* layer64.c -- each kind's forward, made from reference64.h, and their list. */
#include "tests/support/layer64.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/random.h"
#include "tests/support/reference64.h"
#include "tests/support/support.h"

static sluice_dropout dropout64(const layer64 *layer, const char *purpose, float rate) {
    if (!layer->training) return (sluice_dropout){0};
    return (sluice_dropout){rate, sluice__random_key(layer->random.seed, purpose, layer->name),
                            layer->random.step, layer->random.first_sample};
}

/* y = x after dropout + the layer's input */
static void branch64(double *y, const layer64 *layer, float rate) {
    const sluice_dropout dropout = dropout64(layer, "dropout of the branch", rate);
    const int64_t count = sluice_shape_count(&layer->input), samples = layer->input.dims[0];
    reference_drop(y, samples, count / samples, &dropout);
    for (int64_t i = 0; i < count; i++) y[i] += ((const double *)layer->x)[i];
}

static int64_t rows64(const sluice_shape *shape) {
    int64_t rows = 1;
    for (int d = 0; d < shape->dim_count - 1; d++) rows *= shape->dims[d];
    return rows;
}

/* A layer's parameters, taken one by one. */
typedef struct parameters64 {
    const double *const *next;
} parameters64;

static const double *take64(parameters64 *from, bool is_there) {
    return is_there ? *from->next++ : NULL;
}

static void norm64(double *y, const layer64 *layer, const sluice_norm_config *norm,
                   parameters64 *from) {
    const double *const gain = take64(from, true);
    const double *const bias = take64(from, norm->kind == SLUICE_NORM_LAYERNORM);
    const double epsilon     = norm->epsilon > 0 ? (double)norm->epsilon : 1e-5;
    reference_norm(y, layer->x, gain, bias, rows64(&layer->input),
                   layer->input.dims[layer->input.dim_count - 1], norm->kind, epsilon);
}

static void dense64(double *y, const double *x, parameters64 *from, sluice_parameter_style style,
                    bool has_bias, int64_t rows, int64_t inputs, int64_t outputs) {
    const double *const w = take64(from, true), *const b = take64(from, has_bias);
    reference_linear(y, x, w, b, NULL, rows, inputs, outputs, style == SLUICE_STYLE_LLAMA);
}

static void head_norm64(double *qkv, const sluice_attention_config *c, int64_t kv_heads,
                        int64_t head_width, int64_t rows, parameters64 *from) {
    const double *const q_gain = take64(from, true), *const k_gain = take64(from, true);
    const int64_t count = rows * (c->heads + 2 * kv_heads) * head_width;
    double *const copy  = reference_zeros(count);
    const float epsilon = c->norm.epsilon > 0 ? c->norm.epsilon : 1e-5F;
    memcpy(copy, qkv, (size_t)count * sizeof *copy);
    reference_head_norm(qkv, copy, q_gain, k_gain,
                        &(sluice_head_norm){.rows       = rows,
                                            .heads      = c->heads,
                                            .kv_heads   = kv_heads,
                                            .head_width = head_width,
                                            .epsilon    = epsilon});
    free(copy);
}

static void attention64(double *y, const layer64 *layer) {
    const sluice_attention_config *const c = layer->config;
    const int64_t rows = rows64(&layer->input), width = c->width;
    const int64_t kv_heads   = c->kv_heads > 0 ? c->kv_heads : c->heads;
    const int64_t head_width = c->head_width > 0 ? c->head_width : width / c->heads;
    const int64_t all = c->heads * head_width, packed = all + 2 * kv_heads * head_width;
    parameters64 from            = {layer->parameters};
    const sluice_dropout dropout = dropout64(layer, "dropout of probabilities", c->dropout);
    double *const h = reference_zeros(rows * width), *const qkv = reference_zeros(rows * packed);
    double *const attended = reference_zeros(rows * all);
    norm64(h, layer, &c->norm, &from);
    dense64(qkv, h, &from, c->style, !c->qkv_has_no_bias, rows, width, packed);
    const double *const proj      = take64(&from, true);
    const double *const proj_bias = take64(&from, !c->projection_has_no_bias);
    if (c->has_head_norm) head_norm64(qkv, c, kv_heads, head_width, rows, &from);
    if (c->rotary.base > 0)
        reference_rotary(qkv, &(sluice_rotary){.samples     = layer->input.dims[0],
                                               .length      = layer->input.dims[1],
                                               .heads       = c->heads,
                                               .kv_heads    = kv_heads,
                                               .head_width  = head_width,
                                               .frequencies = c->rotary});
    reference_attention(attended, NULL, qkv, layer->input.dims[0], layer->input.dims[1], c->heads,
                        kv_heads, head_width, &dropout);
    reference_linear(y, attended, proj, proj_bias, NULL, rows, all, width,
                     c->style == SLUICE_STYLE_LLAMA);
    branch64(y, layer, c->dropout);
    free(h);
    free(qkv);
    free(attended);
}

static void mlp64(double *y, const layer64 *layer) {
    const sluice_mlp_config *const c = layer->config;
    const int64_t rows               = rows64(&layer->input);
    parameters64 from                = {layer->parameters};
    double *const h                  = reference_zeros(rows * c->width);
    double *const before             = reference_zeros(rows * 2 * c->hidden);
    double *const u                  = reference_zeros(rows * c->hidden);
    norm64(h, layer, &c->norm, &from);
    dense64(before, h, &from, c->style, !c->has_no_bias, rows, c->width,
            c->gated ? 2 * c->hidden : c->hidden);
    if (c->gated)
        reference_swiglu(u, before, rows, c->hidden);
    else
        for (int64_t i = 0; i < rows * c->hidden; i++) u[i] = reference_gelu(before[i]);
    dense64(y, u, &from, c->style, !c->has_no_bias, rows, c->hidden, c->width);
    branch64(y, layer, c->dropout);
    free(h);
    free(before);
    free(u);
}

static void embedding64(double *y, const layer64 *layer) {
    const sluice_embedding_config *const c = layer->config;
    const sluice_dropout dropout = dropout64(layer, "dropout of the embedding", c->dropout);
    reference_embedding(y, layer->x, layer->parameters[0],
                        c->positions > 0 ? layer->parameters[1] : NULL, layer->input.dims[0],
                        layer->input.dims[1], c->width);
    reference_drop(y, layer->input.dims[0], layer->input.dims[1] * c->width, &dropout);
}

static void classifier64(double *y, const layer64 *layer) {
    const sluice_classifier_config *const c = layer->config;
    *y = reference_classifier(NULL, NULL, layer->x, layer->parameters[0], layer->targets,
                              rows64(&layer->input), c->width, c->classes, 1 / layer->total_weight);
}

static void squared_error64(double *y, const layer64 *layer) {
    const int64_t count = sluice_shape_count(&layer->input);
    *y                  = 0;
    for (int64_t i = 0; i < count; i++) {
        const double off =
            ((const double *)layer->x)[i] - (double)((const float *)layer->targets)[i];
        *y += off * off / layer->total_weight / ((double)count / (double)layer->input.dims[0]);
    }
}

static void relu64(double *y, const layer64 *layer) {
    for (int64_t i = 0; i < sluice_shape_count(&layer->input); i++)
        y[i] = fmax(((const double *)layer->x)[i], 0);
}

static void linear64(double *y, const layer64 *layer) {
    const sluice_linear_config *const c = layer->config;
    parameters64 from                   = {layer->parameters};
    dense64(y, layer->x, &from, SLUICE_STYLE_GPT2, !c->has_no_bias, rows64(&layer->input),
            c->inputs, c->outputs);
}

static void layernorm64(double *y, const layer64 *layer) {
    const sluice_layernorm_config *const c = layer->config;
    parameters64 from                      = {layer->parameters};
    norm64(y, layer, &c->norm, &from);
}

void layer64_forward(double *y, const layer64 *layer) {
    const struct {
        const sluice_layer_kind *kind;
        void (*forward)(double *y, const layer64 *layer);
    } all[] = {
        {sluice_layer_embedding(), embedding64},
        {sluice_layer_attention(), attention64},
        {sluice_layer_mlp(), mlp64},
        {sluice_layer_layernorm(), layernorm64},
        {sluice_layer_classifier(), classifier64},
        {sluice_layer_linear(), linear64},
        {sluice_layer_relu(), relu64},
        {sluice_layer_squared_error(), squared_error64},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i].kind != layer->kind) continue;
        all[i].forward(y, layer);
        return;
    }
    fail_msg("no float64 form of layer kind '%s'", layer->kind->name);
}
