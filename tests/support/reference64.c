/* SPDX-License-Identifier: MIT */
/* reference64.c -- the naive loops. */
#include "tests/support/reference64.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/random.h"
#include "runtime/device/rotary.h"
#include "tests/support/support.h"

/* ---- arrays ---- */

double *reference_zeros(int64_t count) {
    double *const zeros = calloc((size_t)count + 1, sizeof *zeros);
    assert_non_null(zeros);
    return zeros;
}

double *reference_copy(const float *from, int64_t count) {
    double *const copy = reference_zeros(count);
    for (int64_t i = 0; i < count; i++) copy[i] = (double)from[i];
    return copy;
}

/* A NaN is infinitely far away. */
static double difference_of(float got, double expected) {
    const double difference = fabs((double)got - expected);
    return isnan(difference) ? INFINITY : difference;
}

double reference_largest(const double *expected, int64_t count) {
    double largest = 0.01;
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, fabs(expected[i]));
    return largest;
}

double reference_distance(const float *got, const double *expected, int64_t count) {
    double distance = 0;
    for (int64_t i = 0; i < count; i++)
        distance = fmax(distance, difference_of(got[i], expected[i]));
    return distance / reference_largest(expected, count);
}

/* ---- dropout ---- */

/* The factor of element `element` of sample `sample`. */
static double reference_factor(const sluice_dropout *dropout, int64_t sample, int64_t element) {
    const int64_t block = element / 4, first = dropout->first_sample;
    const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(first + sample),
                                 (uint32_t)dropout->step, (uint32_t)(block >> 32)};
    uint32_t words[4];
    if (dropout->rate <= 0) return 1;
    sluice__philox(words, counter, dropout->key);
    const bool drops = (double)words[element % 4] / 4294967296.0 < (double)dropout->rate;
    return drops ? 0 : 1 / (1 - (double)dropout->rate);
}

void reference_drop(double *x, int64_t samples, int64_t elements, const sluice_dropout *dropout) {
    for (int64_t s = 0; s < samples; s++)
        for (int64_t e = 0; e < elements; e++)
            x[s * elements + e] *= reference_factor(dropout, s, e);
}

/* The factor of a key's probability, as sluice_attention defines it. */
static double reference_key_factor(const sluice_dropout *dropout, int64_t sample, int64_t head,
                                   int64_t length, int64_t query, int64_t key) {
    return reference_factor(dropout, sample,
                            (head * length + query) * ((length + 3) / 4 * 4) + key);
}

/* ---- linear ---- */

double reference_gelu(double x) {
    return 0.5 * x * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
}

double reference_gelu_slope(double x) {
    const double c = sqrt(2 / 3.14159265358979323846), t = tanh(c * (x + 0.044715 * x * x * x));
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x);
}

double reference_silu(double x) {
    return x / (1 + exp(-x));
}

void reference_swiglu(double *y, const double *x, int64_t rows, int64_t hidden) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < hidden; j++)
            y[i * hidden + j] = reference_silu(x[2 * i * hidden + j]) * x[(2 * i + 1) * hidden + j];
}

void reference_swiglu_backward(double *dx, const double *dy, const double *x, int64_t rows,
                               int64_t hidden) {
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < hidden; j++) {
            const int64_t gate = 2 * i * hidden + j, up = gate + hidden;
            const double g = x[gate], e = exp(-g), dy_ = dy[i * hidden + j];
            dx[gate] = dy_ * x[up] * (1 + e + g * e) / ((1 + e) * (1 + e));
            dx[up]   = dy_ * reference_silu(g);
        }
    }
}

/* Where input k's weight for output o is. */
static int64_t weight_at(int64_t k, int64_t o, int64_t inputs, int64_t outputs, bool transposed) {
    return transposed ? o * inputs + k : k * outputs + o;
}

void reference_linear(double *y, const double *x, const double *w, const double *b,
                      const double *residual, int64_t rows, int64_t inputs, int64_t outputs,
                      bool transposed) {
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t o = 0; o < outputs; o++) {
            double total = (b ? b[o] : 0) + (residual ? residual[i * outputs + o] : 0);
            for (int64_t k = 0; k < inputs; k++)
                total += x[i * inputs + k] * w[weight_at(k, o, inputs, outputs, transposed)];
            y[i * outputs + o] = total;
        }
    }
}

void reference_linear_backward(double *dx, double *dw, double *db, const double *dy,
                               const double *x, const double *w, int64_t rows, int64_t inputs,
                               int64_t outputs, bool transposed) {
    if (dx) memset(dx, 0, (size_t)(rows * inputs) * sizeof *dx);
    if (dw) memset(dw, 0, (size_t)(inputs * outputs) * sizeof *dw);
    if (db) memset(db, 0, (size_t)outputs * sizeof *db);
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t o = 0; o < outputs; o++) {
            const double g = dy[i * outputs + o];
            if (db) db[o] += g;
            for (int64_t k = 0; k < inputs; k++) {
                const int64_t at = weight_at(k, o, inputs, outputs, transposed);
                if (dx) dx[i * inputs + k] += g * w[at];
                if (dw) dw[at] += g * x[i * inputs + k];
            }
        }
    }
}

/* ---- norms */

static void reference_moments(double *mean, double *rstd, const double *x, int64_t width,
                              sluice_norm_kind kind, double epsilon) {
    double sum = 0, squares = 0;
    for (int64_t j = 0; j < width; j++) sum += x[j];
    *mean = kind == SLUICE_NORM_RMS ? 0 : sum / (double)width;
    for (int64_t j = 0; j < width; j++) squares += (x[j] - *mean) * (x[j] - *mean);
    *rstd = 1 / sqrt(squares / (double)width + epsilon);
}

void reference_norm(double *y, const double *x, const double *gain, const double *bias,
                    int64_t rows, int64_t width, sluice_norm_kind kind, double epsilon) {
    for (int64_t i = 0; i < rows; i++) {
        double mean, rstd;
        reference_moments(&mean, &rstd, x + i * width, width, kind, epsilon);
        for (int64_t j = 0; j < width; j++)
            y[i * width + j] = (x[i * width + j] - mean) * rstd * gain[j] + (bias ? bias[j] : 0);
    }
}

void reference_norm_backward(double *dx, double *dgain, double *dbias, const double *dy,
                             const double *x, const double *gain, int64_t rows, int64_t width,
                             sluice_norm_kind kind, double epsilon) {
    memset(dgain, 0, (size_t)width * sizeof *dgain);
    if (dbias) memset(dbias, 0, (size_t)width * sizeof *dbias);
    for (int64_t i = 0; i < rows; i++) {
        const double *const row = x + i * width, *const g = dy + i * width;
        double mean, rstd, sum = 0, dot = 0;
        reference_moments(&mean, &rstd, row, width, kind, epsilon);
        for (int64_t j = 0; j < width; j++) {
            const double normalized = (row[j] - mean) * rstd;
            dgain[j] += g[j] * normalized;
            if (dbias) dbias[j] += g[j];
            if (kind == SLUICE_NORM_LAYERNORM) sum += g[j] * gain[j] / (double)width;
            dot += g[j] * gain[j] * normalized / (double)width;
        }
        for (int64_t j = 0; j < width; j++)
            dx[i * width + j] = rstd * (g[j] * gain[j] - sum - (row[j] - mean) * rstd * dot);
    }
}

void reference_head_norm(double *y, const double *qkv, const double *q_gain, const double *k_gain,
                         const sluice_head_norm *shape) {
    const int64_t width = shape->head_width, heads = shape->heads + 2 * shape->kv_heads;
    memcpy(y, qkv, (size_t)(shape->rows * heads * width) * sizeof *y);
    for (int64_t n = 0; n < shape->rows * heads; n++)
        if (n % heads < heads - shape->kv_heads)
            reference_norm(y + n * width, qkv + n * width,
                           n % heads < shape->heads ? q_gain : k_gain, NULL, 1, width,
                           SLUICE_NORM_RMS, (double)shape->epsilon);
}

void reference_head_norm_backward(double *dx, double *dq_gain, double *dk_gain, const double *dy,
                                  const double *qkv, const double *q_gain, const double *k_gain,
                                  const sluice_head_norm *shape) {
    const int64_t width = shape->head_width, heads = shape->heads + 2 * shape->kv_heads;
    double *const share = reference_zeros(width);
    memcpy(dx, dy, (size_t)(shape->rows * heads * width) * sizeof *dx);
    memset(dq_gain, 0, (size_t)width * sizeof *dq_gain);
    memset(dk_gain, 0, (size_t)width * sizeof *dk_gain);
    for (int64_t n = 0; n < shape->rows * heads; n++) {
        const bool is_query = n % heads < shape->heads;
        if (n % heads >= heads - shape->kv_heads) continue;
        reference_norm_backward(dx + n * width, share, NULL, dy + n * width, qkv + n * width,
                                is_query ? q_gain : k_gain, 1, width, SLUICE_NORM_RMS,
                                (double)shape->epsilon);
        for (int64_t j = 0; j < width; j++) (is_query ? dq_gain : dk_gain)[j] += share[j];
    }
    free(share);
}

/* ---- attention ---- */

/* Query head `index` of all samples' heads: where its q, k and v begin in qkv, and its index. */
typedef struct reference_head {
    int64_t sample, number, stride, q, k, v;
} reference_head;

static reference_head reference_head_at(int64_t index, int64_t length, int64_t heads,
                                        int64_t kv_heads, int64_t width) {
    const int64_t sample = index / heads, h = index % heads,
                  stride = (heads + 2 * kv_heads) * width;
    const int64_t first = sample * length * stride, kv = h / (heads / kv_heads);
    return (reference_head){sample,
                            h,
                            stride,
                            first + h * width,
                            first + (heads + kv) * width,
                            first + (heads + kv_heads + kv) * width};
}

/* Probabilities of keys 0 .. query of one head; returns log of the sum of exponentials. */
static double reference_probabilities(double *p, const double *q, const double *k, int64_t query,
                                      int64_t stride, int64_t width) {
    double largest = -INFINITY, sum = 0;
    for (int64_t j = 0; j <= query; j++) {
        p[j] = 0;
        for (int64_t c = 0; c < width; c++) p[j] += q[query * stride + c] * k[j * stride + c];
        p[j] /= sqrt((double)width);
        largest = fmax(largest, p[j]);
    }
    for (int64_t j = 0; j <= query; j++) sum += exp(p[j] - largest);
    for (int64_t j = 0; j <= query; j++) p[j] = exp(p[j] - largest) / sum;
    return largest + log(sum);
}

void reference_attention(double *out, double *lse, const double *qkv, int64_t samples,
                         int64_t length, int64_t heads, int64_t kv_heads, int64_t width,
                         const sluice_dropout *dropout) {
    double *const p = reference_zeros(length);
    for (int64_t index = 0; index < samples * heads; index++) {
        const reference_head h = reference_head_at(index, length, heads, kv_heads, width);
        for (int64_t i = 0; i < length; i++) {
            const double l = reference_probabilities(p, qkv + h.q, qkv + h.k, i, h.stride, width);
            if (lse) lse[index * length + i] = l;
            for (int64_t j = 0; j <= i; j++)
                p[j] *= reference_key_factor(dropout, h.sample, h.number, length, i, j);
            for (int64_t c = 0; c < width; c++) {
                double total = 0;
                for (int64_t j = 0; j <= i; j++) total += p[j] * qkv[h.v + j * h.stride + c];
                out[((h.sample * length + i) * heads + h.number) * width + c] = total;
            }
        }
    }
    free(p);
}

static double reference_dot(const double *a, const double *b, int64_t count) {
    double total = 0;
    for (int64_t i = 0; i < count; i++) total += a[i] * b[i];
    return total;
}

void reference_attention_backward(double *dqkv, const double *dout, const double *out,
                                  const double *qkv, int64_t samples, int64_t length, int64_t heads,
                                  int64_t kv_heads, int64_t width, const sluice_dropout *dropout) {
    double *const p = reference_zeros(length), *const dp = reference_zeros(length);
    memset(dqkv, 0, (size_t)(samples * length * (heads + 2 * kv_heads) * width) * sizeof *dqkv);
    for (int64_t index = 0; index < samples * heads; index++) {
        const reference_head h = reference_head_at(index, length, heads, kv_heads, width);
        for (int64_t i = 0; i < length; i++) {
            const double *const g = dout + ((h.sample * length + i) * heads + h.number) * width;
            double mean           = 0; /* mean of dp, weighted by p */
            (void)reference_probabilities(p, qkv + h.q, qkv + h.k, i, h.stride, width);
            for (int64_t j = 0; j <= i; j++) {
                const double factor =
                    reference_key_factor(dropout, h.sample, h.number, length, i, j);
                dp[j] = 0;
                for (int64_t c = 0; c < width; c++) {
                    dp[j] += factor * g[c] * qkv[h.v + j * h.stride + c];
                    dqkv[h.v + j * h.stride + c] += factor * p[j] * g[c];
                }
                mean += p[j] * dp[j];
            }
            if (out) mean = reference_dot(g, out + (g - dout), width);
            for (int64_t j = 0; j <= i; j++) {
                const double ds = p[j] * (dp[j] - mean) / sqrt((double)width);
                for (int64_t c = 0; c < width; c++) {
                    dqkv[h.q + i * h.stride + c] += ds * qkv[h.k + j * h.stride + c];
                    dqkv[h.k + j * h.stride + c] += ds * qkv[h.q + i * h.stride + c];
                }
            }
        }
    }
    free(p);
    free(dp);
}

void reference_rotary(double *qkv, const sluice_rotary *args) {
    const int64_t width = args->head_width, stride = (args->heads + 2 * args->kv_heads) * width;
    for (int64_t row = 0; row < args->samples * args->length; row++) {
        const double position = (double)(args->first_position + row % args->length);
        for (int64_t at = 0; at < (args->heads + args->kv_heads) * width; at++) {
            const int64_t pair = at % width;
            double *const a = qkv + row * stride + at, *const b = a + width / 2;
            if (pair >= width / 2) continue;
            const double angle =
                position * sluice__rotary_frequency(&args->frequencies, pair, width);
            const double turn = args->inverse ? -angle : angle, x = *a, y = *b;
            *a = x * cos(turn) - y * sin(turn);
            *b = x * sin(turn) + y * cos(turn);
        }
    }
}

/* ---- output head with cross-entropy ---- */

double reference_classifier(double *dx, double *dw, const double *x, const double *w,
                            const int32_t *targets, int64_t rows, int64_t width, int64_t classes,
                            double scale) {
    double loss = 0, *const z = reference_zeros(classes);
    if (dx) memset(dx, 0, (size_t)(rows * width) * sizeof *dx);
    if (dw) memset(dw, 0, (size_t)(classes * width) * sizeof *dw);
    for (int64_t i = 0; i < rows; i++) {
        if (targets[i] < 0) continue;
        double largest = -INFINITY, sum = 0;
        for (int64_t c = 0; c < classes; c++) {
            z[c] = 0;
            for (int64_t j = 0; j < width; j++) z[c] += x[i * width + j] * w[c * width + j];
            largest = fmax(largest, z[c]);
        }
        for (int64_t c = 0; c < classes; c++) sum += exp(z[c] - largest);
        loss += scale * (largest + log(sum) - z[targets[i]]);
        for (int64_t c = 0; c < classes; c++) {
            const double g = scale * (exp(z[c] - largest) / sum - (c == targets[i] ? 1 : 0));
            for (int64_t j = 0; j < width; j++) {
                if (dx) dx[i * width + j] += g * w[c * width + j];
                if (dw) dw[c * width + j] += g * x[i * width + j];
            }
        }
    }
    free(z);
    return loss;
}

/* ---- embedding */

void reference_embedding(double *y, const int32_t *tokens, const double *table,
                         const double *positions, int64_t samples, int64_t length, int64_t width) {
    for (int64_t i = 0; i < samples * length; i++)
        for (int64_t j = 0; j < width; j++)
            y[i * width + j] =
                table[tokens[i] * width + j] + (positions ? positions[i % length * width + j] : 0);
}

void reference_embedding_backward(double *dtable, double *dpositions, const int32_t *tokens,
                                  const double *dy, int64_t samples, int64_t length,
                                  int64_t width) {
    for (int64_t i = 0; i < samples * length; i++) {
        for (int64_t j = 0; j < width; j++) {
            dtable[tokens[i] * width + j] += dy[i * width + j];
            if (dpositions) dpositions[i % length * width + j] += dy[i * width + j];
        }
    }
}

/* ---- updates of one tensor, in place ---- */

void reference_adamw(double *parameter, double *first, double *second, const double *gradient,
                     int64_t count, double learning_rate, double decay, double beta1, double beta2,
                     double epsilon, double gradient_scale, int64_t step) {
    for (int64_t i = 0; i < count; i++) {
        const double g = gradient[i] * gradient_scale;
        first[i]       = beta1 * first[i] + (1 - beta1) * g;
        second[i]      = beta2 * second[i] + (1 - beta2) * g * g;
        const double m = first[i] / (1 - pow(beta1, (double)step));
        const double v = second[i] / (1 - pow(beta2, (double)step));
        parameter[i] -= learning_rate * (m / (sqrt(v) + epsilon) + decay * parameter[i]);
    }
}

void reference_sgd(double *parameter, double *velocity, const double *gradient, int64_t count,
                   double learning_rate, double decay, double momentum, double gradient_scale,
                   int64_t step) {
    for (int64_t i = 0; i < count; i++) {
        double slope = gradient[i] * gradient_scale;
        if (momentum != 0) {
            if (step > 1) slope += momentum * velocity[i];
            velocity[i] = slope;
        }
        parameter[i] -= learning_rate * (slope + decay * parameter[i]);
    }
}

/* ---- central differences ---- */

void reference_differences(double *gradient, double *x, int64_t count, double h,
                           double (*f)(void *context), void *context) {
    for (int64_t i = 0; i < count; i++) {
        const double kept = x[i];
        x[i]              = kept + h;
        const double more = f(context);
        x[i]              = kept - h;
        const double less = f(context);
        x[i]              = kept;
        gradient[i]       = (more - less) / (2 * h);
    }
}
