/* SPDX-License-Identifier: MIT */
/*
 * operations.h -- the arithmetic that layers and updates consist of: one const table for each kind
 * of device and precision.
 *
 * Every pointer in an argument struct is memory of the device (the caller's arena) unless it says
 * "host"; tensors are row-major and contiguous. The elements of a `void *` tensor have the table's
 * `type`, that of the run's precision: activations, their gradients, and parameters as layers read
 * them. All other tensors declare their type: statistics, gradients of parameters, masters and
 * optimizer state are fp32 in every precision, losses and sums of squares fp64.
 *
 * Rules for every operation:
 *   - Work is enqueued on `stream`; work on one stream is sequential. Nothing is allocated and
 *     nothing synchronizes. The cpu completes every operation before it returns.
 *   - Results do not depend on the number of threads: reductions use blocks and matrix products
 *     use tiles that depend on the shape only.
 *   - `first_write`: true stores a gradient (=), false accumulates onto it (+=).
 *   - No row is NULL. An operation that a device cannot do returns E_UNSUPPORTED with a sentence.
 *   - An operation on zero rows or samples succeeds and writes nothing, except that a
 *     gradient with `first_write` becomes zero and a loss becomes 0.
 *   - In each struct the pointers come first: tests translate them as a block.
 */
#ifndef SLUICE_OPERATIONS_H
#define SLUICE_OPERATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/status.h"
#include "sluice/tensor.h"

typedef struct sluice_device sluice_device; /* one device, opened for one rank */
typedef struct sluice_stream sluice_stream; /* a queue of work on a device */
typedef struct sluice_event sluice_event;   /* a point in a stream's work */

/*
 * All operations: name and argument struct. Prototypes, tables and the tests' mirror are made from
 * this list. A new operation takes a row here, its struct below, one file per device and its
 * float64 reference.
 */
/* clang-format off */
#define SLUICE_OPERATION_MAP(X)                                       \
    X(matmul,                 sluice_matmul)                          \
    X(linear,                 sluice_linear)                          \
    X(linear_backward_input,  sluice_linear_backward_input)           \
    X(linear_backward_weight, sluice_linear_backward_weight)          \
    X(norm,                   sluice_norm)                            \
    X(norm_backward,          sluice_norm_backward)                   \
    X(attention,              sluice_attention)                       \
    X(attention_backward,     sluice_attention_backward)              \
    X(rotary,                 sluice_rotary)                          \
    X(head_norm,              sluice_head_norm)                       \
    X(head_norm_backward,     sluice_head_norm_backward)              \
    X(attention_cached,       sluice_attention_cached)                \
    X(embedding,              sluice_embedding)                       \
    X(embedding_backward,     sluice_embedding_backward)              \
    X(classifier,             sluice_classifier)                      \
    X(squared_error,          sluice_squared_error)                   \
    X(drop,                   sluice_drop)                            \
    X(relu,                   sluice_relu)                            \
    X(relu_backward,          sluice_relu_backward)                   \
    X(swiglu,                 sluice_swiglu)                          \
    X(swiglu_backward,        sluice_swiglu_backward)                 \
    X(sum,                    sluice_sum)                             \
    X(sum_squares,            sluice_sum_squares)                     \
    X(store_working,          sluice_store_working)                   \
    X(adamw,                  sluice_adamw)                           \
    X(sgd,                    sluice_sgd)
/* clang-format on */

/*
 * Which elements dropout (Srivastava et al. 2014) sets to zero; the others are divided by 1 - rate.
 * Element e of sample s of a micro-batch draws word e mod 4 of Philox4x32-10 for `key` and the
 * counter (e / 4, first_sample + s, step, e / 2^34), and is dropped where that is below rate *
 * 2^32: nothing depends on micro-batches, stages or the number of draws.
 */
typedef struct sluice_dropout {
    float rate; /* 0: nothing is dropped; below 1 */
    uint64_t key;
    int64_t step, first_sample; /* index in the minibatch of the micro-batch's first sample */
} sluice_dropout;

/* y = x after dropout (+ residual). y may be x or residual. */
typedef struct sluice_drop {
    void *y;              /* (samples, elements) */
    const void *x;        /* (samples, elements) */
    const void *residual; /* (samples, elements) or NULL */
    int64_t samples, elements;
    sluice_dropout dropout;
} sluice_drop;

/* c = alpha * op(a) op(b) + beta * c, where op(x) is x or its transpose. For custom layers. */
typedef struct sluice_matmul {
    void *c;       /* (rows, columns) */
    const void *a; /* (rows, inner), or (inner, rows) if transpose_a */
    const void *b; /* (inner, columns), or (columns, inner) if transpose_b */
    int64_t rows, columns, inner;
    float alpha, beta;
    bool transpose_a, transpose_b;
} sluice_matmul;

/* What is applied to each element of a product. Values are ABI. */
typedef enum sluice_activation {
    SLUICE_ACTIVATION_NONE = 0,
    SLUICE_ACTIVATION_GELU = 1 /* tanh form */
} sluice_activation;

/* y = x w + b (+ residual); `activated`, if given, also gets activation(y). Here and in the
 * gradients w and dw are (outputs, inputs) where they are `transposed`: a row for each output. */
typedef struct sluice_linear {
    void *y;              /* (rows, outputs) */
    void *activated;      /* (rows, outputs), or NULL: then `activation` is NONE */
    const void *x;        /* (rows, inputs) */
    const void *w;        /* (inputs, outputs) */
    const void *b;        /* (outputs) or NULL */
    const void *residual; /* (rows, outputs) or NULL; y == residual is allowed */
    int64_t rows, inputs, outputs;
    sluice_activation activation;
    bool transposed;
} sluice_linear;

/* dx = dy w^T; times activation'(before_activation) elementwise where that is given. */
typedef struct sluice_linear_backward_input {
    void *dx;                      /* (rows, inputs) */
    const void *dy;                /* (rows, outputs) */
    const void *w;                 /* (inputs, outputs) */
    const void *before_activation; /* (rows, inputs), or NULL: then `activation` is NONE */
    int64_t rows, inputs, outputs;
    sluice_activation activation;
    bool transposed;
} sluice_linear_backward_input;

/* dw (+)= x^T dy, db (+)= sum over rows of dy. */
typedef struct sluice_linear_backward_weight {
    float *dw;      /* (inputs, outputs) */
    float *db;      /* (outputs) or NULL */
    const void *x;  /* (rows, inputs) */
    const void *dy; /* (rows, outputs) */
    void *scratch;  /* sluice_column_sum_scratch(rows, outputs) bytes; unused if db is NULL */
    int64_t rows, inputs, outputs;
    bool first_write, transposed;
} sluice_linear_backward_weight;

/* Values are ABI. */
typedef enum sluice_norm_kind {
    SLUICE_NORM_LAYERNORM = 0, /* (x - mean) * rstd * gain + bias (Ba et al. 2016) */
    SLUICE_NORM_RMS       = 1  /* x * rstd * gain; no mean, no bias (Zhang & Sennrich 2019) */
} sluice_norm_kind;

/* y = norm(x) over the last dimension. */
typedef struct sluice_norm {
    void *y;          /* (rows, width) */
    float *mean;      /* (rows); NULL for RMS */
    float *rstd;      /* (rows): 1 / sqrt(variance, or mean square, + epsilon) */
    const void *x;    /* (rows, width) */
    const void *gain; /* (width) */
    const void *bias; /* (width); NULL: none, and for RMS */
    int64_t rows, width;
    float epsilon; /* above 0 */
    sluice_norm_kind kind;
} sluice_norm;

/* dx = norm'(dy) (+ residual); dgain (+)= ..., dbias (+)= .... */
typedef struct sluice_norm_backward {
    void *dx;             /* (rows, width), or NULL: only the gradients of gain and bias */
    float *dgain;         /* (width) */
    float *dbias;         /* (width); NULL where there is no bias */
    const void *dy;       /* (rows, width); dx == dy is not allowed */
    const void *residual; /* (rows, width) added to dx, or NULL; dx == residual is allowed */
    const void *x;        /* (rows, width), the forward's input */
    const float *mean;    /* as forward */
    const float *rstd;    /* as forward */
    const void *gain;     /* (width) */
    void *scratch;        /* 2 * sluice_column_sum_scratch(rows, width) bytes */
    int64_t rows, width;
    bool first_write;
    sluice_norm_kind kind;
} sluice_norm_backward;

/*
 * Causal self-attention with an online softmax; scores are divided by sqrt(head_width).
 * Nothing of size (length, length) is ever in memory. A row of qkv is q (heads, head_width), then k
 * and v, each (kv_heads, head_width): query head h attends with key/value head
 * h / (heads / kv_heads) (grouped queries, Ainslie et al. 2023). `dropout` applies to the
 * probabilities: that of head h, query q, key k is element (h * length + q) * L + k of its sample,
 * where L is `length` rounded up to a multiple of 4. `lse` is that before dropout.
 */
typedef struct sluice_attention {
    void *out;       /* (samples, length, heads * head_width) */
    float *lse;      /* (samples, heads, length): log of the softmax's sum, natural */
    const void *qkv; /* (samples, length, (heads + 2 * kv_heads) * head_width) */
    int64_t samples, length, heads, kv_heads, head_width;
    sluice_dropout dropout;
} sluice_attention;

typedef struct sluice_attention_backward {
    void *dqkv;       /* as qkv */
    const void *dout; /* as out */
    const void *out;
    const float *lse;
    const void *qkv;
    void *scratch; /* sluice_attention_scratch() bytes */
    int64_t samples, length, heads, kv_heads, head_width;
    sluice_dropout dropout; /* as forward */
} sluice_attention_backward;

/* How rotary frequencies are changed for more positions than a model was trained with. Values are
 * ABI. */
typedef enum sluice_rotary_scaling {
    SLUICE_ROTARY_SCALING_NONE   = 0,
    SLUICE_ROTARY_SCALING_LINEAR = 1, /* all are divided by `factor` */
    /* Those whose wave is longer than original_positions / low_frequency are divided by `factor`,
     * those shorter than original_positions / high_frequency stay, those between are interpolated
     * (Llama 3.1). */
    SLUICE_ROTARY_SCALING_LLAMA3 = 2
} sluice_rotary_scaling;

/* Pair i of a head turns by position / base^(2 i / head_width) radians, before scaling. */
typedef struct sluice_rotary_frequencies {
    float base; /* usually 10000; 0: a layer without rotary positions */
    sluice_rotary_scaling scaling;
    float factor;
    float low_frequency, high_frequency; /* of LLAMA3, as its original_positions */
    int64_t original_positions;
} sluice_rotary_frequencies;

/* In place: the pair of elements i and i + head_width / 2 of every q and k is turned by its
 * position's angle (Su et al. 2021), or back by it: the gradient. */
typedef struct sluice_rotary {
    void *qkv; /* as sluice_attention; or its gradient */
    int64_t samples, length, heads, kv_heads;
    int64_t head_width;     /* even */
    int64_t first_position; /* of each sample's first row */
    sluice_rotary_frequencies frequencies;
    bool inverse;
} sluice_rotary;

/* y = qkv, in which the width of each q is RMS-normalized with one gain, that of each k with
 * another (Dehghani et al. 2023). */
typedef struct sluice_head_norm {
    void *y;         /* as qkv */
    float *rstd;     /* (rows, heads + kv_heads) */
    const void *qkv; /* (rows, (heads + 2 * kv_heads) * head_width), as sluice_attention */
    const void *q_gain, *k_gain; /* (head_width) */
    int64_t rows, heads, kv_heads, head_width;
    float epsilon; /* above 0 */
} sluice_head_norm;

/* dqkv = head_norm'(dqkv), in place: the values' part stays. */
typedef struct sluice_head_norm_backward {
    void *dqkv;
    float *dq_gain, *dk_gain;    /* (+)= */
    const void *qkv;             /* the forward's input */
    const float *rstd;           /* as forward */
    const void *q_gain, *k_gain; /* (head_width) */
    void *scratch;               /* 2 * sluice_column_sum_scratch(rows, head_width) bytes */
    int64_t rows, heads, kv_heads, head_width;
    bool first_write;
} sluice_head_norm_backward;

/*
 * Causal attention of the next rows of one sequence, whose keys and values are kept: those of the
 * new rows are stored at `position` and following, then each new row attends with all up to its
 * own. A row's result does not depend on how many rows a call has. Rows of qkv are as in
 * sluice_attention, without dropout. E_ARGUMENT: the cache does not have room for the rows.
 */
typedef struct sluice_attention_cached {
    void *out;       /* (rows, heads * head_width) */
    void *keys;      /* (capacity, kv_heads * head_width) */
    void *values;    /* the same */
    const void *qkv; /* (rows, (heads + 2 * kv_heads) * head_width) */
    int64_t rows, position, capacity, heads, kv_heads, head_width;
} sluice_attention_cached;

/* y = tokens' rows of `table` + rows of `positions`. A token outside the table is E_ARGUMENT: from
 * this row or, where the device checks later, from a query() that finds a later event done and from
 * the next synchronize() of the stream. The same holds for the gradient, and for a target of the
 * classifier past its classes. */
typedef struct sluice_embedding {
    void *y;               /* (samples, length, width) */
    const int32_t *tokens; /* (samples, length), each 0..vocabulary-1 */
    const void *table;     /* (vocabulary, width) */
    const void *positions; /* (at least length, width), or NULL: not added */
    int64_t samples, length, width, vocabulary;
} sluice_embedding;

/* dtable (+)= scattered dy, in order of rows; dpositions (+)= dy summed over samples. */
typedef struct sluice_embedding_backward {
    float *dtable;         /* (vocabulary, width) */
    float *dpositions;     /* (positions, width): rows past `length` only zeroed or left; or NULL */
    const int32_t *tokens; /* (samples, length) */
    const void *dy;        /* (samples, length, width) */
    int64_t samples, length, width, vocabulary, positions;
    bool first_write;
} sluice_embedding_backward;

/*
 * The output head with its loss, a slab of rows at a time: the logits x w^T are never all in
 * memory. loss = scale * sum over rows with target >= 0 of -log softmax(logits)[target]; rows with
 * a negative target are masked. With dx and dw NULL only the loss is computed.
 */
typedef struct sluice_classifier {
    double *loss;           /* (1), stored */
    void *dx;               /* (rows, width) or NULL */
    float *dw;              /* (classes, width) or NULL */
    const void *x;          /* (rows, width) */
    const void *w;          /* (classes, width) */
    const int32_t *targets; /* (rows) */
    void *scratch;          /* sluice_classifier_scratch() bytes */
    int64_t rows, width, classes;
    double scale;
    bool first_write; /* of dw */
} sluice_classifier;

/* loss = scale * sum (x - target)^2; dx = 2 scale (x - target) if dx is given. */
typedef struct sluice_squared_error {
    double *loss; /* (1), stored */
    void *dx;     /* (count) or NULL */
    const void *x;
    const float *targets; /* (count) */
    int64_t count;
    double scale;
} sluice_squared_error;

/* y = max(x, 0). In place is allowed. */
typedef struct sluice_relu {
    void *y;       /* (count) */
    const void *x; /* (count) */
    int64_t count;
} sluice_relu;

/* dx = dy where x > 0, else 0. In place is allowed. */
typedef struct sluice_relu_backward {
    void *dx;       /* (count) */
    const void *dy; /* (count) */
    const void *x;  /* (count) */
    int64_t count;
} sluice_relu_backward;

/* y = silu(gate) * up, where silu(x) = x / (1 + exp(-x)) (Shazeer 2020). A row of x is the gate
 * (hidden), then up. */
typedef struct sluice_swiglu {
    void *y;       /* (rows, hidden) */
    const void *x; /* (rows, 2 * hidden) */
    int64_t rows, hidden;
} sluice_swiglu;

typedef struct sluice_swiglu_backward {
    void *dx;       /* (rows, 2 * hidden) */
    const void *dy; /* (rows, hidden) */
    const void *x;  /* (rows, 2 * hidden), the forward's input */
    int64_t rows, hidden;
} sluice_swiglu_backward;

/* Gradients of parameters: out = inputs[0] + inputs[1] + ..., added in that order; out may be any
 * of them. */
typedef struct sluice_sum {
    float *out;                 /* (count) */
    const float *const *inputs; /* a host array of `terms` device pointers */
    int terms;
    int64_t count;
} sluice_sum;

/* ---- the update; `tensors` is a host array that outlives the stream's work ---- */

enum { SLUICE_UPDATE_STATES = 2 };

/* One tensor of the update. Tensors of one rank come in model order. */
typedef struct sluice_update_tensor {
    float *master; /* what the update computes with */
    void *working; /* the copy that layers read, updated too; NULL: none */
    const float *gradient;
    float *states[SLUICE_UPDATE_STATES]; /* optimizer state, as the optimizer kind lists it */
    int64_t count;
    bool decays; /* weight decay applies */
} sluice_update_tensor;

/* partials[t] = sum of squares of tensors[t].gradient, in double, blocks fixed by shape. */
typedef struct sluice_sum_squares {
    double *partials;
    const sluice_update_tensor *tensors; /* host */
    int count;
} sluice_sum_squares;

/* The working copy of a parameter, made from its master. */
typedef struct sluice_store_working {
    void *working;       /* working_bytes() of the parameter's shape */
    const float *master; /* (count) */
    int64_t count;
} sluice_store_working;

/* AdamW with decoupled weight decay (Loshchilov & Hutter 2019): states are m and v. */
typedef struct sluice_adamw {
    const sluice_update_tensor *tensors; /* host */
    int count;
    double learning_rate, weight_decay, beta1, beta2, epsilon;
    double gradient_scale; /* multiplies every gradient: the clip factor */
    int64_t step;          /* counts from 1 */
} sluice_adamw;

/* Gradient descent with decoupled weight decay and, unless it is 0, momentum (Polyak 1964):
 * states[0] is the velocity v = momentum v + g. */
typedef struct sluice_sgd {
    const sluice_update_tensor *tensors; /* host */
    int count;
    double learning_rate, weight_decay, momentum;
    double gradient_scale; /* multiplies every gradient: the clip factor */
    int64_t step;          /* counts from 1: at step 1 the velocity is the gradient */
} sluice_sgd;

/* ---- the table ---- */

typedef struct sluice_operations {
    size_t size; /* sizeof(sluice_operations) */
    sluice_precision precision;
    sluice_type type; /* of `void *` tensors */
    /* Bytes of the working copy that layers read in place of a parameter's master, which is fp32;
     * 0: they read the master. Pure. */
    size_t (*working_bytes)(const sluice_shape *parameter);
/* NOLINTNEXTLINE(bugprone-macro-parentheses): a name and a type stand in no parentheses */
#define X(name, args) sluice_status (*name)(sluice_stream * stream, const args *arguments);
    SLUICE_OPERATION_MAP(X)
#undef X
} sluice_operations;

/* ---- scratch that operations need, in bytes: pure functions of the shape, and of the type of
 * `void *` tensors ---- */

/* For sums over rows, per column. */
SLUICE_API size_t sluice_column_sum_scratch(int64_t rows, int64_t columns);
SLUICE_API size_t sluice_attention_scratch(int64_t samples, int64_t length, int64_t heads,
                                           int64_t kv_heads, int64_t head_width, sluice_type type);
SLUICE_API size_t sluice_classifier_scratch(int64_t rows, int64_t width, int64_t classes,
                                            sluice_type type);

/* Kernels, products and fills that it enqueues on a device with queues, at most. */
SLUICE_API int64_t sluice_classifier_launches(int64_t rows);

#endif
