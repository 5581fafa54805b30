/* SPDX-License-Identifier: MIT */
/* gpu_operations_list.c -- every operation as models use it: its arguments, FLOPs and bytes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "gpu_operations.h"

/* ---- tensors ---- */

static void *take(tensor_pool *at, size_t bytes) {
    enum { LINE = 256 };
    void *const there = at->base ? at->base + at->used : NULL;
    at->used += (bytes + LINE - 1) / LINE * LINE;
    return there;
}

/* Not counted as traffic, or counted by the operation itself. */
static void *scratch(tensor_pool *at, size_t bytes) {
    return take(at, bytes > 0 ? bytes : 1);
}

static float *floats(tensor_pool *at, int64_t count) {
    at->bytes += (double)count * sizeof(float);
    return take(at, (size_t)count * sizeof(float));
}

/* Read and written. */
static float *sums(tensor_pool *at, int64_t count) {
    at->bytes += (double)count * sizeof(float);
    return floats(at, count);
}

/* Its elements have the type of the precision. */
static void *tensor(tensor_pool *at, int64_t count) {
    const size_t bytes = (size_t)count * sluice_type_bytes(at->operations->type);
    at->bytes += (double)bytes;
    return take(at, bytes);
}

/* Random numbers below `limit`. */
static int32_t *integers(tensor_pool *at, int64_t count, int64_t limit) {
    int32_t *const there = (int32_t *)(void *)floats(at, count);
    if (!at->base || !at->fresh) return there;
    int32_t *const list = bench_alloc((size_t)count, sizeof *list);
    for (int64_t k = 0; k < count; k++)
        list[k] = (int32_t)((int64_t)(((uint32_t)k * 2654435761U) >> 4) % limit);
    bench_check(at->ops->upload(at->stream, there, list, (size_t)count * sizeof *list));
    bench_check(at->ops->synchronize(at->stream));
    free(list);
    return there;
}

/* ---- shapes ---- */

static int64_t rows_of(const model_shape *m) {
    return m->samples * m->length;
}

static int64_t qkv_width(const model_shape *m) {
    return (m->heads + 2 * m->kv_heads) * m->head_width;
}

static void say(tensor_pool *at, int64_t a, int64_t b, int64_t c) {
    if (c > 0)
        (void)snprintf(at->words, sizeof at->words, "%" PRId64 " x %" PRId64 " x %" PRId64, a, b,
                       c);
    else
        (void)snprintf(at->words, sizeof at->words, "%" PRId64 " x %" PRId64, a, b);
}

/* Enqueues it, unless its tensors are only counted. */
#define RUN(at, times, operation, ...)                                                             \
    do {                                                                                           \
        for (int n = 0; n < (times) && (at)->base; n++) {                                          \
            const sluice_status status =                                                           \
                (at)->operations->operation((at)->stream, &(sluice_##operation)__VA_ARGS__);       \
            if (status != SLUICE_OK) return status;                                                \
        }                                                                                          \
        return SLUICE_OK;                                                                          \
    } while (0)

/* ---- linear layers ---- */

/* A layer's weights are (inputs, outputs) in a GPT and transposed in a Llama. */
static sluice_status forward(tensor_pool *at, const model_shape *m, int64_t inputs, int64_t outputs,
                             bool activates, bool adds, int times) {
    const int64_t rows = rows_of(m);
    sluice_linear args = {.rows       = rows,
                          .inputs     = inputs,
                          .outputs    = outputs,
                          .activation = activates ? SLUICE_ACTIVATION_GELU : SLUICE_ACTIVATION_NONE,
                          .transposed = m->is_llama};
    say(at, rows, inputs, outputs);
    at->flops = 2 * (double)rows * (double)inputs * (double)outputs;
    args.y    = tensor(at, rows * outputs);
    args.x    = tensor(at, rows * inputs);
    args.w    = tensor(at, inputs * outputs);
    if (!m->is_llama) args.b = tensor(at, outputs);
    if (activates) args.activated = tensor(at, rows * outputs);
    if (adds) args.residual = tensor(at, rows * outputs);
    for (int n = 0; n < times && at->base; n++) {
        const sluice_status status = at->operations->linear(at->stream, &args);
        if (status != SLUICE_OK) return status;
    }
    return SLUICE_OK;
}

static sluice_status to_qkv(tensor_pool *at, const model_shape *m, int times) {
    return forward(at, m, m->width, qkv_width(m), false, false, times);
}

static sluice_status from_heads(tensor_pool *at, const model_shape *m, int times) {
    return forward(at, m, m->heads * m->head_width, m->width, false, true, times);
}

static sluice_status to_hidden(tensor_pool *at, const model_shape *m, int times) {
    return forward(at, m, m->width, m->is_llama ? 2 * m->hidden : m->hidden, !m->is_llama, false,
                   times);
}

static sluice_status from_hidden(tensor_pool *at, const model_shape *m, int times) {
    return forward(at, m, m->hidden, m->width, false, true, times);
}

static sluice_status gradient_of_hidden(tensor_pool *at, const model_shape *m, int times) {
    const int64_t rows = rows_of(m), inputs = m->hidden, outputs = m->width;
    say(at, rows, outputs, inputs);
    at->flops                   = 2 * (double)rows * (double)inputs * (double)outputs;
    void *const dx              = tensor(at, rows * inputs);
    const void *const dy        = tensor(at, rows * outputs);
    const void *const w         = tensor(at, inputs * outputs);
    const void *const before    = m->is_llama ? NULL : tensor(at, rows * inputs);
    const sluice_activation how = m->is_llama ? SLUICE_ACTIVATION_NONE : SLUICE_ACTIVATION_GELU;
    RUN(at, times, linear_backward_input,
        {.dx                = dx,
         .dy                = dy,
         .w                 = w,
         .before_activation = before,
         .rows              = rows,
         .inputs            = inputs,
         .outputs           = outputs,
         .activation        = how,
         .transposed        = m->is_llama});
}

static sluice_status gradient_of_weight(tensor_pool *at, const model_shape *m, int times) {
    const int64_t rows = rows_of(m), inputs = m->width, outputs = qkv_width(m);
    say(at, inputs, rows, outputs);
    at->flops            = 2 * (double)rows * (double)inputs * (double)outputs;
    float *const dw      = sums(at, inputs * outputs);
    float *const db      = m->is_llama ? NULL : sums(at, outputs);
    const void *const x  = tensor(at, rows * inputs);
    const void *const dy = tensor(at, rows * outputs);
    void *const space    = scratch(at, sluice_column_sum_scratch(rows, outputs));
    RUN(at, times, linear_backward_weight,
        {.dw         = dw,
         .db         = db,
         .x          = x,
         .dy         = dy,
         .scratch    = space,
         .rows       = rows,
         .inputs     = inputs,
         .outputs    = outputs,
         .transposed = m->is_llama});
}

static sluice_status product(tensor_pool *at, const model_shape *m, int times) {
    const int64_t side = m->width;
    say(at, side, side, side);
    at->flops           = 2 * (double)side * (double)side * (double)side;
    void *const c       = tensor(at, side * side);
    const void *const a = tensor(at, side * side), *const b = tensor(at, side * side);
    RUN(at, times, matmul,
        {.c = c, .a = a, .b = b, .rows = side, .columns = side, .inner = side, .alpha = 1});
}

/* ---- attention ---- */

/* Scores and sums of the causal half, forward. */
static double attention_flops(const model_shape *m) {
    return 4 * (double)m->samples * (double)m->heads * (double)m->head_width * (double)m->length *
           (double)(m->length + 1) / 2;
}

static sluice_status attend(tensor_pool *at, const model_shape *m, int times) {
    const int64_t rows = rows_of(m);
    say(at, rows, m->heads, m->head_width);
    at->flops             = attention_flops(m);
    void *const out       = tensor(at, rows * m->heads * m->head_width);
    float *const lse      = floats(at, rows * m->heads);
    const void *const qkv = tensor(at, rows * qkv_width(m));
    RUN(at, times, attention,
        {.out        = out,
         .lse        = lse,
         .qkv        = qkv,
         .samples    = m->samples,
         .length     = m->length,
         .heads      = m->heads,
         .kv_heads   = m->kv_heads,
         .head_width = m->head_width});
}

/* Five products where forward has two. */
static sluice_status attend_backward(tensor_pool *at, const model_shape *m, int times) {
    const int64_t rows = rows_of(m), wide = rows * m->heads * m->head_width;
    say(at, rows, m->heads, m->head_width);
    at->flops              = 2.5 * attention_flops(m);
    void *const dqkv       = tensor(at, rows * qkv_width(m));
    const void *const dout = tensor(at, wide), *const out = tensor(at, wide);
    const float *const lse = floats(at, rows * m->heads);
    const void *const qkv  = tensor(at, rows * qkv_width(m));
    const size_t space     = sluice_attention_scratch(m->samples, m->length, m->heads, m->kv_heads,
                                                      m->head_width, at->operations->type);
    void *const scratch_at = scratch(at, space);
    RUN(at, times, attention_backward,
        {.dqkv       = dqkv,
         .dout       = dout,
         .out        = out,
         .lse        = lse,
         .qkv        = qkv,
         .scratch    = scratch_at,
         .samples    = m->samples,
         .length     = m->length,
         .heads      = m->heads,
         .kv_heads   = m->kv_heads,
         .head_width = m->head_width});
}

/* The last token of a sequence, as generation has it. */
static sluice_status attend_cached(tensor_pool *at, const model_shape *m, int times) {
    const int64_t keys = m->kv_heads * m->head_width;
    say(at, m->length, m->heads, m->head_width);
    at->flops               = 4 * (double)m->heads * (double)m->head_width * (double)m->length;
    void *const out         = tensor(at, m->heads * m->head_width);
    void *const kept_keys   = tensor(at, m->length * keys);
    void *const kept_values = tensor(at, m->length * keys);
    const void *const qkv   = tensor(at, qkv_width(m));
    RUN(at, times, attention_cached,
        {.out        = out,
         .keys       = kept_keys,
         .values     = kept_values,
         .qkv        = qkv,
         .rows       = 1,
         .position   = m->length - 1,
         .capacity   = m->length,
         .heads      = m->heads,
         .kv_heads   = m->kv_heads,
         .head_width = m->head_width});
}

static sluice_status turn(tensor_pool *at, const model_shape *m, int times) {
    const int64_t rows = rows_of(m);
    say(at, rows, m->heads + m->kv_heads, m->head_width);
    void *const qkv =
        scratch(at, (size_t)(rows * qkv_width(m)) * sluice_type_bytes(at->operations->type));
    at->bytes = 2 * (double)(rows * (m->heads + m->kv_heads) * m->head_width) *
                (double)sluice_type_bytes(at->operations->type); /* q and k, in place */
    RUN(at, times, rotary,
        {.qkv         = qkv,
         .samples     = m->samples,
         .length      = m->length,
         .heads       = m->heads,
         .kv_heads    = m->kv_heads,
         .head_width  = m->head_width,
         .frequencies = {.base = 10000}});
}

/* ---- norms ---- */

static sluice_status normalize(tensor_pool *at, const model_shape *m, int times) {
    const int64_t rows = rows_of(m);
    say(at, rows, m->width, 0);
    void *const y       = tensor(at, rows * m->width);
    const void *const x = tensor(at, rows * m->width), *const gain = tensor(at, m->width);
    float *const rstd     = floats(at, rows);
    float *const mean     = m->is_llama ? NULL : floats(at, rows);
    const void *const add = m->is_llama ? NULL : tensor(at, m->width);
    RUN(at, times, norm,
        {.y       = y,
         .mean    = mean,
         .rstd    = rstd,
         .x       = x,
         .gain    = gain,
         .bias    = add,
         .rows    = rows,
         .width   = m->width,
         .epsilon = 1e-5F,
         .kind    = m->is_llama ? SLUICE_NORM_RMS : SLUICE_NORM_LAYERNORM});
}

static sluice_status normalize_backward(tensor_pool *at, const model_shape *m, int times) {
    const int64_t rows = rows_of(m);
    say(at, rows, m->width, 0);
    void *const dx       = tensor(at, rows * m->width);
    const void *const dy = tensor(at, rows * m->width), *const x = tensor(at, rows * m->width);
    const void *const more  = tensor(at, rows * m->width);
    const void *const gain  = tensor(at, m->width);
    float *const dgain      = sums(at, m->width);
    float *const dbias      = m->is_llama ? NULL : sums(at, m->width);
    const float *const rstd = floats(at, rows);
    const float *const mean = m->is_llama ? NULL : floats(at, rows);
    void *const space       = scratch(at, 2 * sluice_column_sum_scratch(rows, m->width));
    RUN(at, times, norm_backward,
        {.dx       = dx,
         .dgain    = dgain,
         .dbias    = dbias,
         .dy       = dy,
         .residual = more,
         .x        = x,
         .mean     = mean,
         .rstd     = rstd,
         .gain     = gain,
         .scratch  = space,
         .rows     = rows,
         .width    = m->width,
         .kind     = m->is_llama ? SLUICE_NORM_RMS : SLUICE_NORM_LAYERNORM});
}

static sluice_status normalize_heads(tensor_pool *at, const model_shape *m, int times) {
    const int64_t rows = rows_of(m);
    say(at, rows, m->heads + m->kv_heads, m->head_width);
    void *const y         = tensor(at, rows * qkv_width(m));
    const void *const qkv = tensor(at, rows * qkv_width(m));
    float *const rstd     = floats(at, rows * (m->heads + m->kv_heads));
    const void *const q = tensor(at, m->head_width), *const k = tensor(at, m->head_width);
    RUN(at, times, head_norm,
        {.y          = y,
         .rstd       = rstd,
         .qkv        = qkv,
         .q_gain     = q,
         .k_gain     = k,
         .rows       = rows,
         .heads      = m->heads,
         .kv_heads   = m->kv_heads,
         .head_width = m->head_width,
         .epsilon    = 1e-6F});
}

/* In place, which is why it begins with zeros: repeated, it would grow without limit. */
static sluice_status normalize_heads_backward(tensor_pool *at, const model_shape *m, int times) {
    const int64_t rows = rows_of(m), heads = m->heads + m->kv_heads;
    const size_t element = sluice_type_bytes(at->operations->type);
    const size_t bytes   = (size_t)(rows * qkv_width(m)) * element;
    say(at, rows, heads, m->head_width);
    void *const dqkv      = scratch(at, bytes);
    const void *const qkv = scratch(at, bytes);
    if (at->base && at->fresh) bench_check(at->ops->zero(at->stream, dqkv, bytes));
    at->bytes = 3 * (double)(rows * heads * m->head_width) * (double)element; /* q and k */
    const float *const rstd = floats(at, rows * heads);
    const void *const q = tensor(at, m->head_width), *const k = tensor(at, m->head_width);
    float *const dq = sums(at, m->head_width), *const dk = sums(at, m->head_width);
    void *const space = scratch(at, 2 * sluice_column_sum_scratch(rows, m->head_width));
    RUN(at, times, head_norm_backward,
        {.dqkv       = dqkv,
         .dq_gain    = dq,
         .dk_gain    = dk,
         .qkv        = qkv,
         .rstd       = rstd,
         .q_gain     = q,
         .k_gain     = k,
         .scratch    = space,
         .rows       = rows,
         .heads      = m->heads,
         .kv_heads   = m->kv_heads,
         .head_width = m->head_width});
}

/* ---- both ends of a model ---- */

static sluice_status look_up(tensor_pool *at, const model_shape *m, int times) {
    const int64_t rows = rows_of(m), width = m->width;
    const size_t element = sluice_type_bytes(at->operations->type);
    say(at, rows, width, 0);
    void *const y               = tensor(at, rows * width);
    const int32_t *const tokens = integers(at, rows, m->vocabulary);
    const void *const table     = scratch(at, (size_t)(m->vocabulary * width) * element);
    const void *const positions = m->is_llama ? NULL : tensor(at, m->length * width);
    at->bytes += (double)(rows * width) * (double)element; /* a row of the table for each */
    RUN(at, times, embedding,
        {.y          = y,
         .tokens     = tokens,
         .table      = table,
         .positions  = positions,
         .samples    = m->samples,
         .length     = m->length,
         .width      = width,
         .vocabulary = m->vocabulary});
}

static sluice_status look_up_backward(tensor_pool *at, const model_shape *m, int times) {
    const int64_t rows = rows_of(m), width = m->width;
    say(at, rows, width, 0);
    float *const dtable = scratch(at, (size_t)(m->vocabulary * width) * sizeof(float));
    at->bytes           = 2 * (double)(rows * width) * sizeof(float); /* of the rows that occur */
    float *const dpositions     = m->is_llama ? NULL : sums(at, m->length * width);
    const int32_t *const tokens = integers(at, rows, m->vocabulary);
    const void *const dy        = tensor(at, rows * width);
    RUN(at, times, embedding_backward,
        {.dtable     = dtable,
         .dpositions = dpositions,
         .tokens     = tokens,
         .dy         = dy,
         .samples    = m->samples,
         .length     = m->length,
         .width      = width,
         .vocabulary = m->vocabulary,
         .positions  = m->is_llama ? 0 : m->length});
}

/* Logits, and both gradients; the logits are not counted, which stay in a cache at best. */
static sluice_status classify(tensor_pool *at, const model_shape *m, int times) {
    const int64_t rows = rows_of(m), width = m->width;
    say(at, rows, width, m->vocabulary);
    at->flops                    = 6 * (double)rows * (double)width * (double)m->vocabulary;
    double *const loss           = scratch(at, sizeof *loss);
    void *const dx               = tensor(at, rows * width);
    const void *const x          = tensor(at, rows * width);
    float *const dw              = sums(at, m->vocabulary * width);
    const void *const w          = tensor(at, m->vocabulary * width);
    const int32_t *const targets = integers(at, rows, m->vocabulary);
    void *const space =
        scratch(at, sluice_classifier_scratch(rows, width, m->vocabulary, at->operations->type));
    RUN(at, times, classifier,
        {.loss    = loss,
         .dx      = dx,
         .dw      = dw,
         .x       = x,
         .w       = w,
         .targets = targets,
         .scratch = space,
         .rows    = rows,
         .width   = width,
         .classes = m->vocabulary,
         .scale   = 1 / (double)rows});
}

static sluice_status square_error(tensor_pool *at, const model_shape *m, int times) {
    const int64_t count = rows_of(m) * m->width;
    say(at, rows_of(m), m->width, 0);
    double *const loss         = scratch(at, sizeof *loss);
    void *const dx             = tensor(at, count);
    const void *const x        = tensor(at, count);
    const float *const targets = floats(at, count);
    RUN(at, times, squared_error,
        {.loss = loss, .dx = dx, .x = x, .targets = targets, .count = count, .scale = 1});
}

/* ---- element by element ---- */

static sluice_status gate(tensor_pool *at, const model_shape *m, int times) {
    const int64_t rows = rows_of(m), hidden = m->hidden;
    say(at, rows, hidden, 0);
    void *const y       = tensor(at, rows * hidden);
    const void *const x = tensor(at, 2 * rows * hidden);
    RUN(at, times, swiglu, {.y = y, .x = x, .rows = rows, .hidden = hidden});
}

static sluice_status gate_backward(tensor_pool *at, const model_shape *m, int times) {
    const int64_t rows = rows_of(m), hidden = m->hidden;
    say(at, rows, hidden, 0);
    void *const dx       = tensor(at, 2 * rows * hidden);
    const void *const dy = tensor(at, rows * hidden), *const x = tensor(at, 2 * rows * hidden);
    RUN(at, times, swiglu_backward, {.dx = dx, .dy = dy, .x = x, .rows = rows, .hidden = hidden});
}

static sluice_status drop(tensor_pool *at, const model_shape *m, int times) {
    const int64_t elements = m->length * m->width;
    say(at, rows_of(m), m->width, 0);
    void *const y       = tensor(at, m->samples * elements);
    const void *const x = tensor(at, m->samples * elements);
    RUN(at, times, drop,
        {.y        = y,
         .x        = x,
         .samples  = m->samples,
         .elements = elements,
         .dropout  = {.rate = 0.1F, .key = 1, .step = 1}});
}

static sluice_status keep_positive(tensor_pool *at, const model_shape *m, int times) {
    const int64_t count = rows_of(m) * m->width;
    say(at, rows_of(m), m->width, 0);
    void *const y       = tensor(at, count);
    const void *const x = tensor(at, count);
    RUN(at, times, relu, {.y = y, .x = x, .count = count});
}

static sluice_status keep_positive_backward(tensor_pool *at, const model_shape *m, int times) {
    const int64_t count = rows_of(m) * m->width;
    say(at, rows_of(m), m->width, 0);
    void *const dx       = tensor(at, count);
    const void *const dy = tensor(at, count), *const x = tensor(at, count);
    RUN(at, times, relu_backward, {.dx = dx, .dy = dy, .x = x, .count = count});
}

static sluice_status add(tensor_pool *at, const model_shape *m, int times) {
    const int64_t count = m->width * m->hidden;
    static const float *list[2]; /* read by the stream's work */
    float *const out = floats(at, count);
    list[0] = floats(at, count), list[1] = floats(at, count);
    say(at, m->width, m->hidden, 0);
    RUN(at, times, sum, {.out = out, .inputs = list, .terms = 2, .count = count});
}

/* ---- the update, of a matrix of a block's MLP ---- */

static sluice_update_tensor updated(tensor_pool *at, const model_shape *m, int states) {
    const int64_t count = m->width * m->hidden;
    const size_t copied =
        at->operations->working_bytes(&(sluice_shape){SLUICE_TYPE_F32, 2, {m->width, m->hidden}});
    sluice_update_tensor t = {.count = count, .decays = true};
    t.master               = sums(at, count);
    t.gradient             = floats(at, count);
    if (copied > 0) t.working = tensor(at, count);
    for (int s = 0; s < states; s++) {
        t.states[s] = sums(at, count);
        if (at->base && at->fresh)
            bench_check(at->ops->zero(at->stream, t.states[s], (size_t)count * sizeof(float)));
    }
    say(at, m->width, m->hidden, 0);
    return t;
}

static sluice_status step_adamw(tensor_pool *at, const model_shape *m, int times) {
    static sluice_update_tensor t; /* read by the stream's work */
    t = updated(at, m, 2);
    RUN(at, times, adamw,
        {.tensors        = &t,
         .count          = 1,
         .learning_rate  = 1e-6,
         .weight_decay   = 0.1,
         .beta1          = 0.9,
         .beta2          = 0.95,
         .epsilon        = 1e-8,
         .gradient_scale = 1,
         .step           = 1});
}

static sluice_status step_sgd(tensor_pool *at, const model_shape *m, int times) {
    static sluice_update_tensor t;
    t = updated(at, m, 1);
    RUN(at, times, sgd,
        {.tensors        = &t,
         .count          = 1,
         .learning_rate  = 1e-6,
         .momentum       = 0.9,
         .gradient_scale = 1,
         .step           = 2});
}

static sluice_status square(tensor_pool *at, const model_shape *m, int times) {
    const int64_t count    = m->width * m->hidden;
    double *const partials = scratch(at, sizeof *partials);
    static sluice_update_tensor t;
    t = (sluice_update_tensor){.gradient = floats(at, count), .count = count};
    say(at, m->width, m->hidden, 0);
    RUN(at, times, sum_squares, {.partials = partials, .tensors = &t, .count = 1});
}

static sluice_status copy_working(tensor_pool *at, const model_shape *m, int times) {
    const int64_t count       = m->width * m->hidden;
    void *const working       = tensor(at, count);
    const float *const master = floats(at, count);
    say(at, m->width, m->hidden, 0);
    RUN(at, times, store_working, {.working = working, .master = master, .count = count});
}

/* What only one kind of model has is measured for that kind; what none of them has, for GPTs. */
const operation all_operations[] = {
    {"linear: to q, k, v", true, true, to_qkv},
    {"linear: of attention, residual", true, true, from_heads},
    {"linear: to the hidden layer", true, true, to_hidden},
    {"linear: from the hidden layer, residual", true, true, from_hidden},
    {"linear_backward_input: of the hidden layer", true, true, gradient_of_hidden},
    {"linear_backward_weight: of q, k, v", true, true, gradient_of_weight},
    {"matmul", true, false, product},
    {"attention", true, true, attend},
    {"attention_backward", true, true, attend_backward},
    {"attention_cached: one token", true, true, attend_cached},
    {"rotary", false, true, turn},
    {"norm", true, true, normalize},
    {"norm_backward", true, true, normalize_backward},
    {"head_norm", false, true, normalize_heads},
    {"head_norm_backward", false, true, normalize_heads_backward},
    {"embedding", true, true, look_up},
    {"embedding_backward", true, true, look_up_backward},
    {"classifier", true, true, classify},
    {"squared_error", true, false, square_error},
    {"swiglu", false, true, gate},
    {"swiglu_backward", false, true, gate_backward},
    {"drop", true, false, drop},
    {"relu", true, false, keep_positive},
    {"relu_backward", true, false, keep_positive_backward},
    {"sum", true, true, add},
    {"sum_squares", true, true, square},
    {"store_working", true, true, copy_working},
    {"adamw", true, true, step_adamw},
    {"sgd", true, true, step_sgd},
    {NULL, false, false, NULL}};
