/* SPDX-License-Identifier: MIT */
/*
 * layer.h -- a kind of layer is one const table: what it needs, and its three actions.
 *
 * Built-in and custom kinds are made the same way. `describe` is pure and returns everything that
 * partitioner, memory plan and simulator need; forward (F), backward_input (I) and backward_weight
 * (W) enqueue work on a stream through the device's table.
 *
 *            input ---- F ----> output
 *                       | saved
 *                       v
 *   input_gradient <--- I <---- output_gradient
 *                       | stash
 *                       v
 *                       W ----> gradients of parameters
 */
#ifndef SLUICE_LAYER_H
#define SLUICE_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/device.h"
#include "sluice/status.h"
#include "sluice/tensor.h"

enum {
    SLUICE_LAYER_PARAMETERS = 12,
    SLUICE_LAYER_SAVED      = 8,
    SLUICE_LAYER_STASH      = 4,
    SLUICE_LAYER_BATCH      = 4,
    SLUICE_LAYER_STATES     = 4,
    SLUICE_PARAMETER_PIECES = 3,
    SLUICE_BATCH_PARTS      = 8 /* of a batch, "inputs" included */
};

/* How far into the backward pass something is needed. Ordered: later is larger. */
typedef enum sluice_until {
    SLUICE_UNTIL_FORWARD = 0, /* not in the backward pass */
    SLUICE_UNTIL_INPUT   = 1, /* until the layer's I has run */
    SLUICE_UNTIL_WEIGHT  = 2  /* until the layer's W has run */
} sluice_until;

typedef enum sluice_initializer {
    SLUICE_INITIALIZER_CONSTANT = 0, /* every element is `scale` */
    SLUICE_INITIALIZER_NORMAL   = 1  /* mean 0, standard deviation `scale` */
} sluice_initializer;

/* A tensor of its own in lists of state and in files: `rows` of the parameter's first dimension,
 * named as a parameter is. Pieces follow each other and together are the parameter. */
typedef struct sluice_parameter_piece {
    const char *name; /* within the layer, "q_proj.weight"; static storage */
    int64_t rows;
} sluice_parameter_piece;

/*
 * A parameter's full name is "<layer name>.<name>". A name that begins with "../" replaces the last
 * component of the layer's name: "../ln_1.weight" of layer transformer.h.0.attn is called
 * transformer.h.0.ln_1.weight.
 */
typedef struct sluice_parameter {
    const char *name; /* within the layer, "c_attn.weight"; static storage */
    sluice_shape shape;
    sluice_initializer initializer;
    float scale;
    bool decays;            /* weight decay applies (to matrices) */
    bool gradient_by_input; /* I writes its gradient; else W does */
    int piece_count;        /* 0: it is one tensor */
    sluice_parameter_piece pieces[SLUICE_PARAMETER_PIECES];
} sluice_parameter;

typedef struct sluice_saved {
    size_t bytes;
    sluice_until until; /* INPUT or WEIGHT */
} sluice_saved;

/*
 * A part of the batch that the layer reads by name, on whichever stage it is: "targets" of a loss,
 * positions, weights of loss terms. Layers that read the same name agree on its type and shape; in
 * a precision other than fp32 a layer may request floats in the type of that precision's
 * activations. The batch's "inputs" are also the input of the model's first layer.
 */
typedef struct sluice_batch_read {
    const char *name;   /* static storage */
    sluice_shape shape; /* first dimension: samples */
    sluice_until until; /* how long the layer needs it */
} sluice_batch_read;

/* How long state of a layer lasts. */
typedef enum sluice_lifetime {
    SLUICE_LIFETIME_RUN      = 0, /* running statistics: saved, and in the digest */
    SLUICE_LIFETIME_SEQUENCE = 1  /* a key/value cache: zeroed where a sequence begins */
} sluice_lifetime;

/*
 * What a layer keeps from one call to the next besides its parameters: zero at first, changed by
 * the layer's actions in the order in which its stage runs them. Its shape does not depend on the
 * number of samples.
 */
typedef struct sluice_layer_state {
    const char *name;   /* within the layer, "running_mean"; static storage */
    sluice_shape shape; /* and type */
    sluice_lifetime lifetime;
} sluice_layer_state;

typedef struct sluice_work {
    double flops; /* floating-point operations, a multiply-add is two */
    double bytes; /* memory traffic, estimated */
} sluice_work;

/* All sizes are for the micro-batch whose input shape was given to `describe`. */
typedef struct sluice_layer_description {
    sluice_shape output; /* first dimension: samples */
    int parameter_count;
    sluice_parameter parameters[SLUICE_LAYER_PARAMETERS];
    int saved_count; /* tensors that F saves */
    sluice_saved saved[SLUICE_LAYER_SAVED];
    int stash_count;                   /* tensors that I leaves for W */
    size_t stash[SLUICE_LAYER_STASH];  /* bytes */
    sluice_until input_until;          /* how long `input` itself must stay */
    bool weight_reads_output_gradient; /* W also reads `output_gradient` */
    bool forward_is_empty;             /* in training F does nothing (a loss: I does it all) */
    bool weight_is_empty;
    int batch_count; /* parts of the batch that it reads, besides its input */
    sluice_batch_read batch[SLUICE_LAYER_BATCH];
    int state_count;
    sluice_layer_state states[SLUICE_LAYER_STATES];
    bool is_loss;              /* its output has no elements, nothing follows */
    bool is_end;               /* likewise, and it is no loss: what it finds is its state */
    int64_t weight_per_sample; /* of a loss: terms per sample without masking (tokens) */
    /* Kernels, products and fills that F, or I and W, enqueue on a device with queues, at most; 0:
     * not above 20. The host waits before a queue is full. */
    int64_t launches;
    size_t scratch_forward, scratch_evaluate, scratch_input, scratch_weight; /* bytes */
    sluice_work forward, input, weight; /* of F, I and W in training */
} sluice_layer_description;

/* All that random numbers depend on (Philox4x32-10). */
typedef struct sluice_random_key {
    uint64_t seed;
    int64_t step;
    int64_t first_sample; /* index in the minibatch of the micro-batch's first sample */
} sluice_random_key;

/* One call of F, I or W. `void *` tensors have the type that the description gave them. Pointers
 * that an action does not use are NULL. No two buffers of one call overlap. Actions that the
 * description calls empty may be skipped. */
typedef struct sluice_layer_call {
    const sluice_device_ops *ops;        /* for copies, and for custom kernels */
    const sluice_operations *operations; /* of the run's precision */
    sluice_stream *stream;
    const void *config;       /* the layer's own copy of its configuration */
    const char *name;         /* the layer's name, for errors and random keys */
    sluice_shape input_shape; /* first dimension: this micro-batch's samples, may be 0 */
    sluice_precision precision;
    bool training; /* false: evaluation, saved tensors are scratch, a loss computes in F */

    const void *input;             /* F; I and W as `input_until` says */
    void *output;                  /* F */
    const void *output_gradient;   /* I; W if weight_reads_output_gradient */
    void *input_gradient;          /* I; NULL for the first layer of a model */
    const void *const *parameters; /* as the operations read them: master or working copy */
    float *const *gradients;       /* fp32 in every precision */
    void *const *saved;            /* written by F */
    void *const *stash;            /* written by I, read by W */
    void *const *states;           /* as the description lists them; for every action */
    void *scratch;                 /* of this action */
    bool first_write;              /* of the gradients that this action writes */

    /* The action has run before for this micro-batch and runs again: F for what it saves, or all
     * actions to find out what is not finite. It must not change the layer's state, which later
     * calls have already changed. */
    bool repeated;

    const void *const *batch; /* as the description lists them; I and W as `until` says */
    /* The first sample's, where samples are consecutive tokens of one sequence; else 0. */
    int64_t position;
    double *loss;        /* loss: stored (device memory): sum of terms / total_weight */
    double total_weight; /* of the whole minibatch */
    sluice_random_key random;
} sluice_layer_call;

/* One of a layer's dropouts, identified by `purpose`; rate 0 unless `call` trains. Its key is a
 * hash of seed, purpose and the layer's name. */
SLUICE_API sluice_dropout sluice_layer_dropout(const sluice_layer_call *call, const char *purpose,
                                               float rate);

typedef sluice_status sluice_layer_action(const sluice_layer_call *call);

/* The actions on one kind of device, for layer kinds that call custom kernels. */
typedef struct sluice_layer_variant {
    const char *device; /* "cpu", "cuda"; NULL ends the list */
    sluice_layer_action *forward, *backward_input, *backward_weight;
} sluice_layer_variant;

typedef struct sluice_layer_kind {
    size_t size;      /* sizeof(sluice_layer_kind) */
    const char *name; /* "linear" */
    size_t config_bytes;
    /* Pure. `input`'s first dimension is the number of samples. E_ARGUMENT with a sentence if
     * configuration or shape is invalid. */
    sluice_status (*describe)(sluice_layer_description *out, const void *config,
                              const sluice_shape *input, sluice_precision precision);
    /* For every device without a variant; all three NULL if every device has one. */
    sluice_layer_action *forward, *backward_input, *backward_weight;
    const sluice_layer_variant *variants; /* or NULL */
} sluice_layer_kind;

/* ---- built-in kinds, and their configurations; `dropout` is a rate from 0 to below 1 ---- */

/* How a layer's parameters are named and stored. Values are ABI. */
typedef enum sluice_parameter_style {
    /* "c_attn.weight": matrices are (inputs, outputs), q, k and v one parameter. */
    SLUICE_STYLE_GPT2 = 0,
    /* "q_proj.weight": matrices are (outputs, inputs). Those that read the same input are one
     * parameter, in pieces: q, k and v; gate and up. */
    SLUICE_STYLE_LLAMA = 1
} sluice_parameter_style;

/* The norm that a layer begins with, and the epsilon of all its norms (1e-5 where that is 0). */
typedef struct sluice_norm_config {
    sluice_norm_kind kind;
    float epsilon;
} sluice_norm_config;

/* (samples, length) tokens -> (samples, length, width): dropout of token plus position embedding.
 */
typedef struct sluice_embedding_config {
    int64_t vocabulary;
    int64_t positions; /* longest sequence; 0: no position embedding, any length */
    int64_t width;
    float scale, position_scale; /* standard deviations of the initial weights */
    float dropout;
    sluice_parameter_style style;
    bool generates; /* samples of one token each are one sequence: the call has their position */
} sluice_embedding_config;
/* (.., width): x + dropout(projection(attention(norm(x)))), dropout of its probabilities too. */
typedef struct sluice_attention_config {
    int64_t width, heads;
    float scale, projection_scale;
    float dropout;
    int64_t kv_heads;   /* key/value heads, which divide `heads`; 0: as many as heads */
    int64_t head_width; /* 0: width / heads */
    sluice_rotary_frequencies rotary; /* base 0: positions are not encoded here */
    bool qkv_has_no_bias, projection_has_no_bias;
    bool has_head_norm; /* queries and keys are RMS-normalized, before they are turned */
    sluice_norm_config norm;
    sluice_parameter_style style;
    int64_t cache; /* positions whose keys and values are kept, for generation: samples of one token
                    * each are one sequence, and there is no backward; 0: none */
} sluice_attention_config;
/* (.., width): x + dropout(projection(gelu(expand(norm(x))))). One that is gated has
 * silu(gate(..)) * up(..) in place of gelu(expand(..)); both are one matrix, the gate first. */
typedef struct sluice_mlp_config {
    int64_t width, hidden;
    float scale, projection_scale;
    float dropout;
    bool has_no_bias;
    sluice_norm_config norm;
    sluice_parameter_style style;
    bool gated;
} sluice_mlp_config;
/* (.., width): the norm alone. */
typedef struct sluice_layernorm_config {
    int64_t width;
    sluice_norm_config norm;
} sluice_layernorm_config;
/* (samples, .., width) -> loss, batch's "targets" (samples, ..) int32, negative ones masked. */
typedef struct sluice_classifier_config {
    int64_t width, classes;
    float scale;
} sluice_classifier_config;
/* (samples, .., width): the classifier's logits of the last sample's last row, which are its state
 * (sluice_pipeline_forward() chooses from them); nothing follows it. For generation: forward only.
 */
typedef struct sluice_logits_config {
    int64_t width, classes;
    float scale;
} sluice_logits_config;
/* (.., inputs) -> (.., outputs). */
typedef struct sluice_linear_config {
    int64_t inputs, outputs;
    float scale; /* standard deviation of the initial weights; 0: 1 / sqrt(inputs) */
    bool has_no_bias;
} sluice_linear_config;

SLUICE_API const sluice_layer_kind *sluice_layer_embedding(void);
SLUICE_API const sluice_layer_kind *sluice_layer_attention(void);
SLUICE_API const sluice_layer_kind *sluice_layer_mlp(void);
SLUICE_API const sluice_layer_kind *sluice_layer_layernorm(void);
SLUICE_API const sluice_layer_kind *sluice_layer_classifier(void);
SLUICE_API const sluice_layer_kind *sluice_layer_logits(void);
SLUICE_API const sluice_layer_kind *sluice_layer_linear(void);
SLUICE_API const sluice_layer_kind *sluice_layer_relu(void); /* no configuration */
/* No configuration; the batch's "targets" have the input's shape and are fp32. A sample's term is
 * the mean of its (x - target)^2. */
SLUICE_API const sluice_layer_kind *sluice_layer_squared_error(void);

#endif
