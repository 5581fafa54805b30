/* SPDX-License-Identifier: MIT */
/*
 * device.h -- what a device can do: one const table per kind of device.
 *
 * Layers are written against this table and so run on every device. Every pointer in an
 * argument struct is memory of the device (the caller's arena) unless it says "host";
 * tensors are row-major and contiguous, fp32 unless another type is written.
 *
 * Rules for every row:
 *   - Work is enqueued on `stream`; work on one stream is sequential. The cpu completes
 *     every operation before it returns, the most boring legal way.
 *   - Nothing is allocated and nothing synchronizes, except the rows that say so.
 *   - Results do not depend on the number of threads: reductions use blocks fixed by
 *     shape, matrix products fixed tiles of the output.
 *   - `first_write`: true stores a gradient (=), false accumulates onto it (+=).
 *   - No row is NULL. A device that cannot do something returns E_UNSUPPORTED.
 *   - An operation on zero rows or samples succeeds and writes nothing, except that a
 *     gradient with `first_write` becomes zero and a loss becomes 0.
 */
#ifndef SLUICE_DEVICE_H
#define SLUICE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/status.h"
#include "sluice/tensor.h"

typedef struct sluice_device sluice_device; /* one device, opened for one rank */
typedef struct sluice_stream sluice_stream; /* a queue of work on a device */
typedef struct sluice_event sluice_event;   /* a point in a stream's work */

/* What a stream is for. Arithmetic runs on streams that compute; those for transfers only copy, and
 * where that is possible they are served first. */
typedef enum sluice_stream_kind {
    SLUICE_STREAM_COMPUTE   = 0,
    SLUICE_STREAM_TRANSFERS = 1
} sluice_stream_kind;

/* ---- arguments of the numerical operations ---- */

/*
 * Which elements dropout (Srivastava et al. 2014) sets to zero; the others are divided by 1 - rate.
 * Element e of sample s of a micro-batch draws word e mod 4 of Philox4x32-10 for `key` and the
 * counter (e / 4, first_sample + s, step, e / 2^34), and is dropped where that is below rate *
 * 2^32: nothing depends on micro-batches, stages or how often it is drawn.
 */
typedef struct sluice_dropout {
    float rate; /* 0: nothing is dropped; below 1 */
    uint64_t key;
    int64_t step, first_sample; /* index in the minibatch of the micro-batch's first sample */
} sluice_dropout;

/* y = x after dropout (+ residual). y may be x or residual. */
typedef struct sluice_drop {
    float *y;              /* (samples, elements) */
    const float *x;        /* (samples, elements) */
    const float *residual; /* (samples, elements) or NULL */
    int64_t samples, elements;
    sluice_dropout dropout;
} sluice_drop;

/* c = alpha * op(a) op(b) + beta * c, op(x) = x or its transpose. For layers of one's own. */
typedef struct sluice_matmul {
    float *c;       /* (rows, columns) */
    const float *a; /* (rows, inner), or (inner, rows) if transpose_a */
    const float *b; /* (inner, columns), or (columns, inner) if transpose_b */
    int64_t rows, columns, inner;
    float alpha, beta;
    bool transpose_a, transpose_b;
} sluice_matmul;

/* y = x w + b (+ residual); if `gelu` is given it gets gelu(y), tanh form, beside y. */
typedef struct sluice_linear {
    float *y;              /* (rows, outputs) */
    float *gelu;           /* (rows, outputs) or NULL */
    const float *x;        /* (rows, inputs) */
    const float *w;        /* (inputs, outputs) */
    const float *b;        /* (outputs) or NULL */
    const float *residual; /* (rows, outputs) or NULL; y == residual is allowed */
    int64_t rows, inputs, outputs;
} sluice_linear;

/* dx = dy w^T; times gelu'(before_gelu) elementwise where that is given. */
typedef struct sluice_linear_backward_input {
    float *dx;                /* (rows, inputs) */
    const float *dy;          /* (rows, outputs) */
    const float *w;           /* (inputs, outputs) */
    const float *before_gelu; /* (rows, inputs) or NULL */
    int64_t rows, inputs, outputs;
} sluice_linear_backward_input;

/* dw (+)= x^T dy, db (+)= sum over rows of dy. */
typedef struct sluice_linear_backward_weight {
    float *dw;       /* (inputs, outputs) */
    float *db;       /* (outputs) or NULL */
    const float *x;  /* (rows, inputs) */
    const float *dy; /* (rows, outputs) */
    void *scratch;   /* sluice_column_sum_scratch(rows, outputs) bytes; unused if db is NULL */
    int64_t rows, inputs, outputs;
    bool first_write;
} sluice_linear_backward_weight;

/* y = (x - mean) * rstd * gain + bias over the last dimension; epsilon is 1e-5. */
typedef struct sluice_layernorm {
    float *y;          /* (rows, width) */
    float *mean;       /* (rows) */
    float *rstd;       /* (rows): 1 / sqrt(variance + epsilon) */
    const float *x;    /* (rows, width) */
    const float *gain; /* (width) */
    const float *bias; /* (width) */
    int64_t rows, width;
} sluice_layernorm;

/* dx = layernorm'(dy) (+ residual); dgain (+)= ..., dbias (+)= .... */
typedef struct sluice_layernorm_backward {
    float *dx;             /* (rows, width), or NULL: only the gradients of gain and bias */
    float *dgain, *dbias;  /* (width) */
    const float *dy;       /* (rows, width); dx == dy is not allowed */
    const float *residual; /* (rows, width) added to dx, or NULL; dx == residual is allowed */
    const float *x;        /* (rows, width), the forward's input */
    const float *mean, *rstd, *gain;
    void *scratch; /* 2 * sluice_column_sum_scratch(rows, width) bytes */
    int64_t rows, width;
    bool first_write;
} sluice_layernorm_backward;

/*
 * Causal self-attention with an online softmax; scores are divided by sqrt(head_width).
 * Nothing of size (length, length) is ever in memory.
 * A row of qkv is q, k, v one after another, each (heads, head_width). `dropout` is of the
 * probabilities: that of head h, query q, key k is element (h * length + q) * L + k of its sample,
 * L being `length` rounded up to a multiple of 4. `lse` knows nothing of it.
 */
typedef struct sluice_attention {
    float *out;       /* (samples, length, heads * head_width) */
    float *lse;       /* (samples, heads, length): log of the softmax's sum, natural */
    const float *qkv; /* (samples, length, 3 * heads * head_width) */
    int64_t samples, length, heads, head_width;
    sluice_dropout dropout;
} sluice_attention;

typedef struct sluice_attention_backward {
    float *dqkv;       /* as qkv */
    const float *dout; /* as out */
    const float *out, *lse, *qkv;
    void *scratch; /* sluice_attention_scratch(samples, length, heads) bytes */
    int64_t samples, length, heads, head_width;
    sluice_dropout dropout; /* as forward */
} sluice_attention_backward;

/* y = tokens' rows of `table` + rows of `positions`. A token outside the table: E_ARGUMENT, from
 * this row or, where the device looks later, from a query() which finds that an event recorded
 * after it is over, and from the next synchronize() of the stream. The same holds for the gradient,
 * and for a target of the classifier past its classes. */
typedef struct sluice_embedding {
    float *y;               /* (samples, length, width) */
    const int32_t *tokens;  /* (samples, length), each 0..vocabulary-1 */
    const float *table;     /* (vocabulary, width) */
    const float *positions; /* (at least length, width) */
    int64_t samples, length, width, vocabulary;
} sluice_embedding;

/* dtable (+)= scattered dy, in order of rows; dpositions (+)= dy summed over samples. */
typedef struct sluice_embedding_backward {
    float *dtable;         /* (vocabulary, width) */
    float *dpositions;     /* (positions, width): rows past `length` only zeroed or left */
    const int32_t *tokens; /* (samples, length) */
    const float *dy;       /* (samples, length, width) */
    int64_t samples, length, width, vocabulary, positions;
    bool first_write;
} sluice_embedding_backward;

/*
 * The output head with its loss, a slab of rows at a time: logits = x w^T are never all
 * in memory. loss = scale * sum over rows with target >= 0 of -log softmax(logits)[target];
 * rows with a negative target count nothing. With dx and dw NULL only the loss is made.
 */
typedef struct sluice_classifier {
    double *loss;           /* (1), stored */
    float *dx;              /* (rows, width) or NULL */
    float *dw;              /* (classes, width) or NULL */
    const float *x;         /* (rows, width) */
    const float *w;         /* (classes, width) */
    const int32_t *targets; /* (rows) */
    void *scratch;          /* sluice_classifier_scratch(rows, classes) bytes */
    int64_t rows, width, classes;
    double scale;
    bool first_write; /* of dw */
} sluice_classifier;

/* loss = scale * sum (x - target)^2; dx = 2 scale (x - target) if dx is given. */
typedef struct sluice_squared_error {
    double *loss; /* (1), stored */
    float *dx;    /* (count) or NULL */
    const float *x, *targets;
    int64_t count;
    double scale;
} sluice_squared_error;

/* One tensor of the update. Tensors of one rank come in model order. */
typedef struct sluice_update_tensor {
    float *parameter;
    const float *gradient;
    float *first_moment, *second_moment; /* NULL for sgd */
    int64_t count;
    bool decays; /* weight decay applies */
} sluice_update_tensor;

/* Decoupled weight decay (Loshchilov & Hutter 2019); step counts from 1. */
typedef struct sluice_update {
    double learning_rate, weight_decay;
    double beta1, beta2, epsilon; /* adamw only */
    double gradient_scale;        /* multiplies every gradient: the clip factor */
    int64_t step;
} sluice_update;

/* ---- the table ---- */

typedef struct sluice_device_ops {
    const char *name; /* "cpu", "cuda", "virtual" (virtual.h): what --device accepts */

    /* ---- what there is; from any thread ---- */
    /* `*count` gets the number of devices of this kind; 0: one machine is all of them, by any
     * ordinal. E_DEVICE with the reason if they cannot be used. */
    sluice_status (*count)(int *count);
    /* What device `ordinal` is, in a few words. */
    sluice_status (*describe)(int ordinal, char *out, size_t bytes);
    /* Bytes that device `ordinal` still has, and what to keep of them beside the arenas of `ranks`
     * ranks; SIZE_MAX and 0: unknown. */
    sluice_status (*room)(int ordinal, int ranks, size_t *available, size_t *reserve);

    /* ---- device: opened by the thread that will drive it; may allocate ---- */
    /* `threads` compute threads including the caller; `pin` asks for a core each, from
     * `first_core` on. One thread drives devices of one ordinal only. */
    sluice_status (*open)(sluice_device **out, int ordinal, int threads, int first_core, bool pin);
    void (*close)(sluice_device *device); /* NULL is fine */
    /* What it could not have of what it asked the machine for, and works without: "" if nothing.
     * Borrowed, until the next call. */
    const char *(*lacks)(sluice_device *device);
    /* Products may round their factors to TF32; before streams are made. */
    sluice_status (*allow_tf32)(sluice_device *device);
    sluice_status (*arena_alloc)(sluice_device *device, void **out, size_t bytes);
    void (*arena_free)(sluice_device *device, void *arena, size_t bytes);
    /* Host memory from and to which copies run beside everything else. */
    sluice_status (*host_alloc)(sluice_device *device, void **out, size_t bytes);
    void (*host_free)(sluice_device *device, void *block); /* NULL is fine */
    sluice_status (*stream_create)(sluice_device *device, sluice_stream_kind kind,
                                   sluice_stream **out);
    void (*stream_destroy)(sluice_stream *stream);
    /* `timed`: seconds() may be asked about it. */
    sluice_status (*event_create)(sluice_device *device, bool timed, sluice_event **out);
    void (*event_destroy)(sluice_event *event);

    /* ---- order: events cross streams, of other devices too ---- */
    /* An event stands for the last time that it was recorded, on a stream of its own device. What
     * waited for an earlier one goes on waiting for that. Never recorded, it has happened. */
    sluice_status (*record)(sluice_stream *stream, sluice_event *event);
    sluice_status (*wait)(sluice_stream *stream, sluice_event *event); /* the stream waits */
    sluice_status (*query)(sluice_event *event, bool *done);           /* never blocks */
    sluice_status (*synchronize)(sluice_stream *stream);               /* the host waits */
    /* From one event to another of the same device, both over, by the device's clock.
     * E_UNSUPPORTED: operations are over when they return, and the host's clock is as good. */
    sluice_status (*seconds)(sluice_event *from, sluice_event *to, double *seconds);

    /* ---- data: host blocks must live until the stream passes; copy() also between devices ---- */
    sluice_status (*upload)(sluice_stream *stream, void *to, const void *from_host, size_t bytes);
    sluice_status (*download)(sluice_stream *stream, void *to_host, const void *from, size_t bytes);
    sluice_status (*copy)(sluice_stream *stream, void *to, const void *from, size_t bytes);
    sluice_status (*zero)(sluice_stream *stream, void *to, size_t bytes);

    /* ---- arithmetic ---- */
    sluice_status (*matmul)(sluice_stream *stream, const sluice_matmul *args);
    sluice_status (*linear)(sluice_stream *stream, const sluice_linear *args);
    sluice_status (*linear_backward_input)(sluice_stream *stream,
                                           const sluice_linear_backward_input *args);
    sluice_status (*linear_backward_weight)(sluice_stream *stream,
                                            const sluice_linear_backward_weight *args);
    sluice_status (*layernorm)(sluice_stream *stream, const sluice_layernorm *args);
    sluice_status (*layernorm_backward)(sluice_stream *stream,
                                        const sluice_layernorm_backward *args);
    sluice_status (*attention)(sluice_stream *stream, const sluice_attention *args);
    sluice_status (*attention_backward)(sluice_stream *stream,
                                        const sluice_attention_backward *args);
    sluice_status (*embedding)(sluice_stream *stream, const sluice_embedding *args);
    sluice_status (*embedding_backward)(sluice_stream *stream,
                                        const sluice_embedding_backward *args);
    sluice_status (*classifier)(sluice_stream *stream, const sluice_classifier *args);
    sluice_status (*squared_error)(sluice_stream *stream, const sluice_squared_error *args);
    sluice_status (*drop)(sluice_stream *stream, const sluice_drop *args);
    /* y = max(x, 0); dx = dy where x > 0, else 0. (count) each; in place is allowed. */
    sluice_status (*relu)(sluice_stream *stream, float *y, const float *x, int64_t count);
    sluice_status (*relu_backward)(sluice_stream *stream, float *dx, const float *dy,
                                   const float *x, int64_t count);
    /* out = inputs[0] + inputs[1] + ..., added in that order; out may be any of them.
     * `inputs` is a host array of `terms` device pointers. */
    sluice_status (*sum)(sluice_stream *stream, float *out, const float *const *inputs, int terms,
                         int64_t count);

    /* ---- update: `tensors` is a host array that outlives the stream's work ---- */
    /* partials[t] = sum of squares of tensors[t].gradient, in double, blocks fixed by shape. */
    sluice_status (*sum_squares)(sluice_stream *stream, double *partials,
                                 const sluice_update_tensor *tensors, int count);
    sluice_status (*adamw)(sluice_stream *stream, const sluice_update_tensor *tensors, int count,
                           const sluice_update *step);
    sluice_status (*sgd)(sluice_stream *stream, const sluice_update_tensor *tensors, int count,
                         const sluice_update *step);
} sluice_device_ops;

/* ---- scratch that operations ask for, in bytes: pure functions of the shape ---- */

/* Partial sums of a sum over rows, per column. */
SLUICE_API size_t sluice_column_sum_scratch(int64_t rows, int64_t columns);
SLUICE_API size_t sluice_attention_scratch(int64_t samples, int64_t length, int64_t heads);
SLUICE_API size_t sluice_classifier_scratch(int64_t rows, int64_t classes);

/* NULL-terminated, best first: every kind of device that is built in. "cuda" is not: it is loaded
 * when it is asked for. */
SLUICE_API const sluice_device_ops *const *sluice_devices(void);
/*
 * The table called `name`; "cuda:0,2" is "cuda", with the GPUs that a pipeline shall use, and
 * "auto" is "cuda" if that can be used here, else "cpu". "cuda" is a plug-in, libsluice_cuda.so:
 * looked for in the folders of SLUICE_PLUGIN_PATH (between colons), beside this library, beside the
 * program, and in the lib folder that belongs to the program's. From any thread. E_ARGUMENT with
 * the list of names if there is none; E_UNSUPPORTED: the plug-in is not there, or does not load or
 * fit; E_DEVICE: it is there and has no GPU to work with, and why.
 */
SLUICE_API sluice_status sluice_device_find(const sluice_device_ops **out, const char *name);

#endif
