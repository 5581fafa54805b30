/* SPDX-License-Identifier: MIT */
/* layer64.h -- every built-in layer kind forward, naively and in float64: what tests compare with.
 */
#ifndef SLUICE_TESTS_LAYER64_H
#define SLUICE_TESTS_LAYER64_H

#include "sluice/layer.h"
#include "tests/support/reference64.h"

/* One layer's forward. Parameters are the layer's, in its order. */
typedef struct layer64 {
    const sluice_layer_kind *kind;
    const void *config;
    sluice_shape input;
    const double *const *parameters;
    const void *x;       /* double, or int32_t if the input is tokens */
    const void *targets; /* of a loss: int32_t or float, as it describes */
    double total_weight;
    bool training; /* dropout happens, with these keys */
    const char *name;
    sluice_random_key random;
} layer64;

static inline sluice_dropout dropout64(const layer64 *layer, const char *purpose, float rate) {
    if (!layer->training) return (sluice_dropout){0};
    return (sluice_dropout){rate, sluice__random_key(layer->random.seed, purpose, layer->name),
                            layer->random.step, layer->random.first_sample};
}

/* y = x after dropout + the layer's input */
static inline void branch64(double *y, const layer64 *layer, float rate) {
    const sluice_dropout dropout = dropout64(layer, "dropout of the branch", rate);
    const int64_t count = sluice_shape_count(&layer->input), samples = layer->input.dims[0];
    reference_drop(y, samples, count / samples, &dropout);
    for (int64_t i = 0; i < count; i++) y[i] += ((const double *)layer->x)[i];
}

static inline int64_t rows64(const sluice_shape *shape) {
    int64_t rows = 1;
    for (int d = 0; d < shape->rank - 1; d++) rows *= shape->dims[d];
    return rows;
}

static inline void attention64(double *y, const layer64 *layer) {
    const sluice_attention_config *const c = layer->config;
    const double *const *const p           = layer->parameters;
    const int64_t rows = rows64(&layer->input), width = c->width;
    double *const h = reference_zeros(rows * width), *const qkv = reference_zeros(rows * 3 * width);
    reference_layernorm(h, layer->x, p[0], p[1], rows, width);
    reference_linear(qkv, h, p[2], p[3], NULL, rows, width, 3 * width);
    const sluice_dropout dropout = dropout64(layer, "dropout of probabilities", c->dropout);
    reference_attention(h, NULL, qkv, layer->input.dims[0], layer->input.dims[1], c->heads,
                        width / c->heads, &dropout);
    reference_linear(y, h, p[4], p[5], NULL, rows, width, width);
    branch64(y, layer, c->dropout);
    free(h);
    free(qkv);
}

static inline void mlp64(double *y, const layer64 *layer) {
    const sluice_mlp_config *const c = layer->config;
    const double *const *const p     = layer->parameters;
    const int64_t rows               = rows64(&layer->input);
    double *const h                  = reference_zeros(rows * c->width), *const u =
                                                            reference_zeros(rows * c->hidden);
    reference_layernorm(h, layer->x, p[0], p[1], rows, c->width);
    reference_linear(u, h, p[2], p[3], NULL, rows, c->width, c->hidden);
    for (int64_t i = 0; i < rows * c->hidden; i++) u[i] = reference_gelu(u[i]);
    reference_linear(y, u, p[4], p[5], NULL, rows, c->hidden, c->width);
    branch64(y, layer, c->dropout);
    free(h);
    free(u);
}

static inline void embedding64(double *y, const layer64 *layer) {
    const sluice_embedding_config *const c = layer->config;
    const sluice_dropout dropout = dropout64(layer, "dropout of the embedding", c->dropout);
    reference_embedding(y, layer->x, layer->parameters[0], layer->parameters[1],
                        layer->input.dims[0], layer->input.dims[1], c->width);
    reference_drop(y, layer->input.dims[0], layer->input.dims[1] * c->width, &dropout);
}

static inline void classifier64(double *y, const layer64 *layer) {
    const sluice_classifier_config *const c = layer->config;
    *y = reference_classifier(NULL, NULL, layer->x, layer->parameters[0], layer->targets,
                              rows64(&layer->input), c->width, c->classes, 1 / layer->total_weight);
}

static inline void squared_error64(double *y, const layer64 *layer) {
    const int64_t count = sluice_shape_count(&layer->input);
    *y                  = 0;
    for (int64_t i = 0; i < count; i++) {
        const double off =
            ((const double *)layer->x)[i] - (double)((const float *)layer->targets)[i];
        *y += off * off / layer->total_weight / ((double)count / (double)layer->input.dims[0]);
    }
}

static inline void relu64(double *y, const layer64 *layer) {
    for (int64_t i = 0; i < sluice_shape_count(&layer->input); i++)
        y[i] = fmax(((const double *)layer->x)[i], 0);
}

static inline void linear64(double *y, const layer64 *layer) {
    const sluice_linear_config *const c = layer->config;
    reference_linear(y, layer->x, layer->parameters[0], layer->parameters[1], NULL,
                     rows64(&layer->input), c->inputs, c->outputs);
}

static inline void layernorm64(double *y, const layer64 *layer) {
    reference_layernorm(y, layer->x, layer->parameters[0], layer->parameters[1],
                        rows64(&layer->input), layer->input.dims[layer->input.rank - 1]);
}

/* y: the layer's output, or its loss. */
static inline void layer64_forward(double *y, const layer64 *layer) {
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

#endif
