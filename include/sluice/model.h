/* SPDX-License-Identifier: MIT */
/*
 * model.h -- a model is a sequence of named layers, the last of which is a loss, or logits where it
 * generates.
 *
 * Parameters are called "<layer name>.<parameter name>". A tie makes a parameter use the
 * values of an earlier one of the same shape (an output head that uses the embedding).
 */
#ifndef SLUICE_MODEL_H
#define SLUICE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "sluice/layer.h"
#include "sluice/status.h"

typedef struct sluice_model sluice_model;

/* One use of a parameter by a layer, in layer order. Borrowed from its model, until that changes. A
 * tied parameter has the initializer, scale and decay of its first use. */
typedef struct sluice_parameter_use {
    const char *name; /* full name; if tied, the name of the first use */
    int layer;
    int index; /* within the layer's description */
    int first; /* index of the first use in the list of uses: its own if not tied */
    sluice_parameter parameter;
    const char *pieces[SLUICE_PARAMETER_PIECES]; /* their full names; if tied, the first use's */
} sluice_parameter_use;

/* What is a tensor of its own in lists of state and in files: a parameter, or a piece of it. */
typedef struct sluice_parameter_tensor {
    const char *name; /* borrowed from the use */
    sluice_shape shape;
    int64_t first; /* element of the parameter that it begins with */
} sluice_parameter_tensor;

/*
 * An empty model whose samples have `sample`'s shape (without the samples dimension).
 * Release with sluice_model_free(). E_ARGUMENT, E_HOST_MEMORY.
 */
SLUICE_API sluice_status sluice_model_create(sluice_model **out, const sluice_shape *sample);
SLUICE_API void sluice_model_free(sluice_model *model); /* NULL is fine */

/* Append a layer. `kind` is kept (static tables); `config` (kind->config_bytes) and `name` are
 * copied. E_ARGUMENT if the layer does not accept its input's shape, the name is taken, a loss came
 * before, the layer reads a part of the batch as another type or shape than an earlier layer does,
 * pieces do not add up to their parameter, or the kind's size is not one that the library knows. */
SLUICE_API sluice_status sluice_model_add(sluice_model *model, const sluice_layer_kind *kind,
                                          const void *config, const char *name);

/* Make the parameter `name` of the last layer added use the values of `first`, a parameter of an
 * earlier layer. E_ARGUMENT if either is unknown or their shapes differ. */
SLUICE_API sluice_status sluice_model_tie(sluice_model *model, const char *name, const char *first);

SLUICE_API int sluice_model_layer_count(const sluice_model *model);
SLUICE_API const char *sluice_model_layer_name(const sluice_model *model, int layer);
SLUICE_API const sluice_layer_kind *sluice_model_layer_kind(const sluice_model *model, int layer);
SLUICE_API const void *sluice_model_layer_config(const sluice_model *model, int layer);
/* Input shape of a layer for `samples` samples: the output that the layer before it describes in
 * that precision. In a precision that an earlier layer refuses it is that of fp32. */
SLUICE_API sluice_shape sluice_model_layer_input(const sluice_model *model, int layer,
                                                 int64_t samples, sluice_precision precision);
/* What the layer needs for a micro-batch of `samples` samples (>= 1). Fails only by E_ARGUMENT,
 * when sizes overflow. */
SLUICE_API sluice_status sluice_model_describe(sluice_layer_description *out,
                                               const sluice_model *model, int layer,
                                               int64_t samples, sluice_precision precision);

/*
 * The parts of a batch that the model reads: "inputs", which the first layer takes, then those that
 * layers read, in layer order, each name once. The shape is that of one sample (first dimension 1)
 * as the caller supplies it: floats are fp32 in every precision. `until` is not set. Borrowed,
 * until the model changes.
 */
SLUICE_API int sluice_model_batch_count(const sluice_model *model);
SLUICE_API const sluice_batch_read *sluice_model_batch(const sluice_model *model, int index);

SLUICE_API int sluice_model_use_count(const sluice_model *model);
SLUICE_API const sluice_parameter_use *sluice_model_use(const sluice_model *model, int use);
/* Its tensors, in the order of their elements: the pieces, or one. */
SLUICE_API int sluice_parameter_tensor_count(const sluice_parameter_use *use);
SLUICE_API sluice_parameter_tensor sluice_parameter_tensor_at(const sluice_parameter_use *use,
                                                              int index);
/* Distinct parameter values: tied ones count once. */
SLUICE_API int64_t sluice_model_parameter_count(const sluice_model *model);
/* Whether its last layer is one that nothing follows: a loss, or logits. */
SLUICE_API bool sluice_model_is_complete(const sluice_model *model);
/* Loss terms per sample when nothing is masked (tokens of a sequence); 0 without a loss. */
SLUICE_API int64_t sluice_model_weight_per_sample(const sluice_model *model);

/* Fill `values` (the parameter's element count) with its initial values: a function of
 * seed and the names of its tensors only. */
SLUICE_API void sluice_parameter_initialize(float *values, const sluice_parameter_use *use,
                                            uint64_t seed);
/* The same for elements `first` to `first` + `count` - 1. */
SLUICE_API void sluice_parameter_initialize_part(float *values, const sluice_parameter_use *use,
                                                 uint64_t seed, int64_t first, int64_t count);

#endif
