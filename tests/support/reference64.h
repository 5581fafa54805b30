/* SPDX-License-Identifier: MIT */
/*
 * reference64.h -- what the operations of a device compute, as naive loops in float64.
 *
 * Everything is row-major. Gradients are stored, never accumulated. NULL stands for an absent
 * operand.
 */
#ifndef SLUICE_TESTS_REFERENCE64_H
#define SLUICE_TESTS_REFERENCE64_H

#include <stdint.h>

#include "sluice/operations.h"

/* ---- arrays ---- */
/* `count` zeros; the test fails if there is no memory. */
double *reference_zeros(int64_t count);
double *reference_copy(const float *from, int64_t count);
/*
 * The largest difference, relative to the largest expected magnitude, or to 0.01 if all are
 * smaller: operands are about 1, and sums that cancel to less have no more digits.
 */
double reference_distance(const float *got, const double *expected, int64_t count);
/* That magnitude. */
double reference_largest(const double *expected, int64_t count);

/* ---- dropout ---- */
/* x, in place: (samples, elements). */
void reference_drop(double *x, int64_t samples, int64_t elements, const sluice_dropout *dropout);

/* ---- linear ---- */
double reference_gelu(double x);
double reference_gelu_slope(double x);
double reference_silu(double x);
/* y (rows, hidden) of x (rows, 2 * hidden). */
void reference_swiglu(double *y, const double *x, int64_t rows, int64_t hidden);
void reference_swiglu_backward(double *dx, const double *dy, const double *x, int64_t rows,
                               int64_t hidden);
/* y = x w + b + residual; w and dw are (outputs, inputs) where they are `transposed`. */
void reference_linear(double *y, const double *x, const double *w, const double *b,
                      const double *residual, int64_t rows, int64_t inputs, int64_t outputs,
                      bool transposed);
/* Gradients of sum(y * dy); each may be NULL. */
void reference_linear_backward(double *dx, double *dw, double *db, const double *dy,
                               const double *x, const double *w, int64_t rows, int64_t inputs,
                               int64_t outputs, bool transposed);

/* ---- norms; bias, and its gradient, may be NULL ---- */
void reference_norm(double *y, const double *x, const double *gain, const double *bias,
                    int64_t rows, int64_t width, sluice_norm_kind kind, double epsilon);
void reference_norm_backward(double *dx, double *dgain, double *dbias, const double *dy,
                             const double *x, const double *gain, int64_t rows, int64_t width,
                             sluice_norm_kind kind, double epsilon);

/* y = qkv (rows, ..) with queries and keys normalized; the values are copied. */
void reference_head_norm(double *y, const double *qkv, const double *q_gain, const double *k_gain,
                         const sluice_head_norm *shape);
void reference_head_norm_backward(double *dx, double *dq_gain, double *dk_gain, const double *dy,
                                  const double *qkv, const double *q_gain, const double *k_gain,
                                  const sluice_head_norm *shape);

/* ---- attention ---- */
/* out (samples, length, heads * width), lse (samples, heads, length) or NULL; qkv as
 * sluice_attention. */
void reference_attention(double *out, double *lse, const double *qkv, int64_t samples,
                         int64_t length, int64_t heads, int64_t kv_heads, int64_t width,
                         const sluice_dropout *dropout);
/* `out`: what the forward gave, rounded or not; NULL: exact. */
void reference_attention_backward(double *dqkv, const double *dout, const double *out,
                                  const double *qkv, int64_t samples, int64_t length, int64_t heads,
                                  int64_t kv_heads, int64_t width, const sluice_dropout *dropout);

/* qkv, in place; the frequencies are those of runtime/device/rotary.h. */
void reference_rotary(double *qkv, const sluice_rotary *args);

/* ---- output head with cross-entropy ---- */
/* Returns scale * sum of -log softmax(x w^T)[target] over targets >= 0; dx, dw may be NULL. */
double reference_classifier(double *dx, double *dw, const double *x, const double *w,
                            const int32_t *targets, int64_t rows, int64_t width, int64_t classes,
                            double scale);

/* ---- embedding; positions, and their gradient, may be NULL ---- */
void reference_embedding(double *y, const int32_t *tokens, const double *table,
                         const double *positions, int64_t samples, int64_t length, int64_t width);
/* dtable (vocabulary, width) and dpositions must be zeros. */
void reference_embedding_backward(double *dtable, double *dpositions, const int32_t *tokens,
                                  const double *dy, int64_t samples, int64_t length, int64_t width);

/* ---- updates of one tensor, in place ---- */
/* One step of AdamW with decoupled decay (0 where the tensor does not decay). */
void reference_adamw(double *parameter, double *first, double *second, const double *gradient,
                     int64_t count, double learning_rate, double decay, double beta1, double beta2,
                     double epsilon, double gradient_scale, int64_t step);
/* `velocity` may be NULL where `momentum` is 0. */
void reference_sgd(double *parameter, double *velocity, const double *gradient, int64_t count,
                   double learning_rate, double decay, double momentum, double gradient_scale,
                   int64_t step);

/* ---- central differences ---- */
/* gradient[i] = (f(x + h e_i) - f(x - h e_i)) / 2h; x is as before on return. */
void reference_differences(double *gradient, double *x, int64_t count, double h,
                           double (*f)(void *context), void *context);

#endif
