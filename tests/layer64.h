/* SPDX-License-Identifier: MIT */
/* layer64.h -- every built-in layer kind forward, naively and in float64: what tests compare with.
 */
#ifndef SLUICE_TESTS_LAYER64_H
#define SLUICE_TESTS_LAYER64_H

#include <math.h>

#include "sluice/layer.h"
#include "support.h"

/* One layer's forward. Parameters are the layer's, in its order. */
typedef struct layer64 {
    const sluice_layer_kind *kind;
    const void *config;
    sluice_shape input;
    const double *const *parameters;
    const void *x;       /* double, or int32_t if the input is tokens */
    const void *targets; /* of a loss: int32_t or float, as it describes */
    double total_weight;
} layer64;

static inline int64_t rows64(const sluice_shape *shape) {
    int64_t rows = 1;
    for (int d = 0; d < shape->rank - 1; d++) rows *= shape->dims[d];
    return rows;
}

static inline double *alloc64(int64_t count) {
    double *const block = calloc((size_t)count + 1, sizeof *block);
    assert_non_null(block);
    return block;
}

static inline void norm64(double *y, const double *x, const double *gain, const double *bias,
                          int64_t rows, int64_t width) {
    for (int64_t r = 0; r < rows; r++, x += width, y += width) {
        double mean = 0, variance = 0;
        for (int64_t c = 0; c < width; c++) mean += x[c] / (double)width;
        for (int64_t c = 0; c < width; c++)
            variance += (x[c] - mean) * (x[c] - mean) / (double)width;
        for (int64_t c = 0; c < width; c++)
            y[c] = (x[c] - mean) / sqrt(variance + 1e-5) * gain[c] + bias[c];
    }
}

/* y (+)= x w + b */
static inline void dense64(double *y, bool adds, const double *x, const double *w, const double *b,
                           int64_t rows, int64_t inputs, int64_t outputs) {
    for (int64_t r = 0; r < rows; r++)
        for (int64_t o = 0; o < outputs; o++) {
            double sum = b[o];
            for (int64_t i = 0; i < inputs; i++) sum += x[r * inputs + i] * w[i * outputs + o];
            y[r * outputs + o] = sum + (adds ? y[r * outputs + o] : 0);
        }
}

/* One row of scores at a time: query t of one head looks at keys 0..t. */
static inline void attend64(double *out, const double *qkv, const sluice_shape *input,
                            int64_t heads) {
    const int64_t length = input->dims[1], width = input->dims[2], each = width / heads;
    double *const score = alloc64(length);
    for (int64_t row = 0; row < input->dims[0] * length; row++)
        for (int64_t h = 0; h < heads; h++) {
            const int64_t t     = row % length;
            const double *query = qkv + row * 3 * width + h * each;
            double sum          = 0;
            for (int64_t s = 0; s <= t; s++) {
                const double *key = query + (s - t) * 3 * width + width;
                double dot        = 0;
                for (int64_t c = 0; c < each; c++) dot += query[c] * key[c];
                sum += score[s] = exp(dot / sqrt((double)each));
            }
            for (int64_t c = 0; c < each; c++) {
                double value = 0;
                for (int64_t s = 0; s <= t; s++)
                    value += score[s] / sum * query[(s - t) * 3 * width + 2 * width + c];
                out[row * width + h * each + c] = value;
            }
        }
    free(score);
}

static inline void attention64(double *y, const layer64 *layer) {
    const sluice_attention_config *const c = layer->config;
    const double *const *const p           = layer->parameters;
    const int64_t rows = rows64(&layer->input), width = c->width;
    double *const h = alloc64(rows * width), *const qkv = alloc64(rows * 3 * width);
    norm64(h, layer->x, p[0], p[1], rows, width);
    dense64(qkv, false, h, p[2], p[3], rows, width, 3 * width);
    attend64(h, qkv, &layer->input, c->heads);
    memcpy(y, layer->x, (size_t)(rows * width) * sizeof *y);
    dense64(y, true, h, p[4], p[5], rows, width, width);
    free(h);
    free(qkv);
}

static inline void mlp64(double *y, const layer64 *layer) {
    const sluice_mlp_config *const c = layer->config;
    const double *const *const p     = layer->parameters;
    const int64_t rows               = rows64(&layer->input);
    double *const h = alloc64(rows * c->width), *const u = alloc64(rows * c->hidden);
    norm64(h, layer->x, p[0], p[1], rows, c->width);
    dense64(u, false, h, p[2], p[3], rows, c->width, c->hidden);
    for (int64_t i = 0; i < rows * c->hidden; i++)
        u[i] *= 0.5 * (1 + tanh(sqrt(2 / acos(-1)) * (u[i] + 0.044715 * u[i] * u[i] * u[i])));
    memcpy(y, layer->x, (size_t)(rows * c->width) * sizeof *y);
    dense64(y, true, u, p[4], p[5], rows, c->hidden, c->width);
    free(h);
    free(u);
}

static inline void embedding64(double *y, const layer64 *layer) {
    const sluice_embedding_config *const c = layer->config;
    const int32_t *const tokens            = layer->x;
    for (int64_t row = 0; row < layer->input.dims[0] * layer->input.dims[1]; row++)
        for (int64_t i = 0; i < c->width; i++)
            y[row * c->width + i] = layer->parameters[0][tokens[row] * c->width + i] +
                                    layer->parameters[1][row % layer->input.dims[1] * c->width + i];
}

static inline void classifier64(double *y, const layer64 *layer) {
    const sluice_classifier_config *const c = layer->config;
    const int32_t *const targets            = layer->targets;
    double *const logits                    = alloc64(c->classes);
    double *const none                      = alloc64(c->classes);
    double *const w                         = alloc64(c->classes * c->width);
    for (int64_t k = 0; k < c->classes; k++)
        for (int64_t i = 0; i < c->width; i++)
            w[i * c->classes + k] = layer->parameters[0][k * c->width + i];
    *y = 0;
    for (int64_t row = 0; row < rows64(&layer->input); row++) {
        if (targets[row] < 0) continue;
        double sum = 0;
        dense64(logits, false, (const double *)layer->x + row * c->width, w, none, 1, c->width,
                c->classes);
        for (int64_t k = 0; k < c->classes; k++) sum += exp(logits[k]);
        *y += (log(sum) - logits[targets[row]]) / layer->total_weight;
    }
    free(logits);
    free(none);
    free(w);
}

static inline void squared_error64(double *y, const layer64 *layer) {
    const int64_t count = sluice_shape_count(&layer->input);
    *y                  = 0;
    for (int64_t i = 0; i < count; i++) {
        const double off =
            ((const double *)layer->x)[i] - (double)((const float *)layer->targets)[i];
        *y += off * off / layer->total_weight / (double)(count / layer->input.dims[0]);
    }
}

static inline void relu64(double *y, const layer64 *layer) {
    for (int64_t i = 0; i < sluice_shape_count(&layer->input); i++)
        y[i] = fmax(((const double *)layer->x)[i], 0);
}

static inline void linear64(double *y, const layer64 *layer) {
    const sluice_linear_config *const c = layer->config;
    dense64(y, false, layer->x, layer->parameters[0], layer->parameters[1], rows64(&layer->input),
            c->inputs, c->outputs);
}

static inline void layernorm64(double *y, const layer64 *layer) {
    norm64(y, layer->x, layer->parameters[0], layer->parameters[1], rows64(&layer->input),
           layer->input.dims[layer->input.rank - 1]);
}

/* y: the layer's output, or its loss. */
static inline void layer64_forward(double *y, const layer64 *layer) {
    const struct {
        const sluice_layer_kind *kind;
        void (*forward)(double *y, const layer64 *layer);
    } all[] = {
        {sluice_layer_embedding(),     embedding64    },
        {sluice_layer_attention(),     attention64    },
        {sluice_layer_mlp(),           mlp64          },
        {sluice_layer_layernorm(),     layernorm64    },
        {sluice_layer_classifier(),    classifier64   },
        {sluice_layer_linear(),        linear64       },
        {sluice_layer_relu(),          relu64         },
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
