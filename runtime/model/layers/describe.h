/* SPDX-License-Identifier: MIT */
/* describe.h -- checks, sizes and costs that the layer kinds share in their descriptions. */
#ifndef SLUICE_MODEL_LAYERS_DESCRIBE_H
#define SLUICE_MODEL_LAYERS_DESCRIBE_H

#include "sluice/layer.h"

/* "(4, 128, 64) float32". */
enum { SLUICE__SHAPE_TEXT = 128 };
const char *sluice__shape_text(char text[SLUICE__SHAPE_TEXT], const sluice_shape *shape);

/* ---- checks: E_ARGUMENT with a sentence that begins with the layer's `kind` ---- */

/* `input` must have elements of `type`, `min` to `max` dimensions (the first may be 0), and few
 * enough elements that no size overflows. */
sluice_status sluice__check_input(const char *kind, const sluice_shape *input, sluice_type type,
                                  int min, int max);
/* The same for activations: `type` is that of the precision, which must exist. */
sluice_status sluice__check_activation(const char *kind, const sluice_shape *input, int min,
                                       int max, sluice_precision precision);
/* A number of the configuration must be at least 1. */
sluice_status sluice__check_count(const char *kind, const char *what, int64_t count);
/* A standard deviation of the configuration must be finite and not negative. */
sluice_status sluice__check_scale(const char *kind, const char *what, float scale);
/* `width` must be at least 1 and equal the input's last dimension. */
sluice_status sluice__check_width(const char *kind, const char *what, int64_t width,
                                  const sluice_shape *input);
/* The style of parameters must exist. */
sluice_status sluice__check_style(const char *kind, sluice_parameter_style style);
/* Samples of a generating model have one token each. */
sluice_status sluice__check_one_token(const char *kind, const sluice_shape *input);
/* E_UNSUPPORTED if the call's layer `generates`, OK if not: the backward of such a layer. */
sluice_status sluice__refuse_backward(const sluice_layer_call *call, bool generates);
/* A tensor of rows x columns must have few enough elements that no size overflows. */
sluice_status sluice__check_elements(const char *kind, int64_t rows, int64_t columns);

/* ---- sizes ---- */

/* Rows of a tensor: all its dimensions but the last. */
int64_t sluice__rows(const sluice_shape *shape);
int64_t sluice__width(const sluice_shape *shape);
/* Elements of one sample. */
int64_t sluice__per_sample(const sluice_shape *shape);
/* Bytes of rows x columns elements, which the checks above have accepted. */
size_t sluice__bytes_of(sluice_type type, int64_t rows, int64_t columns);
/* A piece of a scratch buffer: `bytes` rounded up, so that the next piece is aligned too. */
size_t sluice__piece(size_t bytes);
size_t sluice__larger(size_t a, size_t b);

/* ---- parameters and tensors, appended to a description ---- */

/* Parameters are described as masters: fp32 in every precision. A matrix is (rows, columns),
 * normally distributed, with weight decay. */
void sluice__add_matrix(sluice_layer_description *description, const char *name, int64_t rows,
                        int64_t columns, float scale);
/* (count), every element `value`: biases and gains. */
void sluice__add_vector(sluice_layer_description *description, const char *name, int64_t count,
                        float value);
/* State that lasts as long as a sequence. */
void sluice__add_sequence_state(sluice_layer_description *description, const char *name,
                                const sluice_shape *shape);
void sluice__add_saved(sluice_layer_description *description, size_t bytes, sluice_until until);
void sluice__add_stash(sluice_layer_description *description, size_t bytes);
/* A part of the batch that the layer reads. */
void sluice__add_batch(sluice_layer_description *description, const char *name,
                       const sluice_shape *shape, sluice_until until);
/* A loss over the rows of `input`, with the batch's "targets", all of it computed by I. */
void sluice__set_loss(sluice_layer_description *description, const sluice_shape *input,
                      const sluice_shape *targets);

/* ---- costs: every operation is assumed to read or write each of its tensors once ---- */

/* FLOPs per element of a dropout: ten rounds of Philox for four elements. */
enum { SLUICE__DROP_FLOPS = 20 };
/* One product of (rows, inner) with (inner, columns). */
void sluice__cost_product(sluice_work *cost, sluice_type type, int64_t rows, int64_t inner,
                          int64_t columns);
/* One pass over `tensors` tensors of `count` elements, `flops` per element. */
void sluice__cost_pass(sluice_work *cost, sluice_type type, int64_t count, int tensors, int flops);

#endif
