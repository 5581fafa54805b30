/* SPDX-License-Identifier: MIT */
/* gpu_operations_memory.c -- operations bound by memory: their arguments and bytes. */
#include "gpu_operations.h"

/* ---- norms ---- */

static sluice_status normalize(tensor_pool *at, const model_shape *m, int times) {
    const int64_t rows = rows_of(m);
    set_shape(at, rows, m->width, 0);
    void *const y       = take_tensor(at, rows * m->width);
    const void *const x = take_tensor(at, rows * m->width), *const gain = take_tensor(at, m->width);
    float *const rstd     = take_floats(at, rows);
    float *const mean     = m->is_llama ? NULL : take_floats(at, rows);
    const void *const add = m->is_llama ? NULL : take_tensor(at, m->width);
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
    set_shape(at, rows, m->width, 0);
    void *const dx       = take_tensor(at, rows * m->width);
    const void *const dy = take_tensor(at, rows * m->width), *const x =
                                                                 take_tensor(at, rows * m->width);
    const void *const more  = take_tensor(at, rows * m->width);
    const void *const gain  = take_tensor(at, m->width);
    float *const dgain      = take_sums(at, m->width);
    float *const dbias      = m->is_llama ? NULL : take_sums(at, m->width);
    const float *const rstd = take_floats(at, rows);
    const float *const mean = m->is_llama ? NULL : take_floats(at, rows);
    void *const space       = take_uncounted(at, 2 * sluice_column_sum_scratch(rows, m->width));
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
    set_shape(at, rows, m->heads + m->kv_heads, m->head_width);
    void *const y         = take_tensor(at, rows * qkv_width(m));
    const void *const qkv = take_tensor(at, rows * qkv_width(m));
    float *const rstd     = take_floats(at, rows * (m->heads + m->kv_heads));
    const void *const q = take_tensor(at, m->head_width), *const k = take_tensor(at, m->head_width);
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
    const size_t element = element_bytes(at);
    const size_t bytes   = (size_t)(rows * qkv_width(m)) * element;
    set_shape(at, rows, heads, m->head_width);
    void *const dqkv      = take_uncounted(at, bytes);
    const void *const qkv = take_uncounted(at, bytes);
    zero_if_fresh(at, dqkv, bytes);
    at->bytes = 3 * (double)(rows * heads * m->head_width) * (double)element; /* q and k */
    const float *const rstd = take_floats(at, rows * heads);
    const void *const q = take_tensor(at, m->head_width), *const k = take_tensor(at, m->head_width);
    float *const dq = take_sums(at, m->head_width), *const dk = take_sums(at, m->head_width);
    void *const space = take_uncounted(at, 2 * sluice_column_sum_scratch(rows, m->head_width));
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

/* ---- rows of qkv, and a cache ---- */

static sluice_status turn(tensor_pool *at, const model_shape *m, int times) {
    const int64_t rows = rows_of(m);
    set_shape(at, rows, m->heads + m->kv_heads, m->head_width);
    void *const qkv = take_uncounted(at, (size_t)(rows * qkv_width(m)) * element_bytes(at));
    at->bytes       = 2 * (double)(rows * (m->heads + m->kv_heads) * m->head_width) *
                (double)element_bytes(at); /* q and k, in place */
    RUN(at, times, rotary,
        {.qkv         = qkv,
         .samples     = m->samples,
         .length      = m->length,
         .heads       = m->heads,
         .kv_heads    = m->kv_heads,
         .head_width  = m->head_width,
         .frequencies = {.base = 10000}});
}

/* The last token of a sequence, as generation has it. */
static sluice_status attend_cached(tensor_pool *at, const model_shape *m, int times) {
    const int64_t keys = m->kv_heads * m->head_width;
    set_shape(at, m->length, m->heads, m->head_width);
    at->flops               = 4 * (double)m->heads * (double)m->head_width * (double)m->length;
    void *const out         = take_tensor(at, m->heads * m->head_width);
    void *const kept_keys   = take_tensor(at, m->length * keys);
    void *const kept_values = take_tensor(at, m->length * keys);
    const void *const qkv   = take_tensor(at, qkv_width(m));
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

/* ---- tokens and targets ---- */

static sluice_status look_up(tensor_pool *at, const model_shape *m, int times) {
    const int64_t rows = rows_of(m), width = m->width;
    const size_t element = element_bytes(at);
    set_shape(at, rows, width, 0);
    void *const y               = take_tensor(at, rows * width);
    const int32_t *const tokens = take_integers(at, rows, m->vocabulary);
    const void *const table     = take_uncounted(at, (size_t)(m->vocabulary * width) * element);
    const void *const positions = m->is_llama ? NULL : take_tensor(at, m->length * width);
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
    set_shape(at, rows, width, 0);
    float *const dtable = take_uncounted(at, (size_t)(m->vocabulary * width) * sizeof(float));
    at->bytes           = 2 * (double)(rows * width) * sizeof(float); /* of the rows that occur */
    float *const dpositions     = m->is_llama ? NULL : take_sums(at, m->length * width);
    const int32_t *const tokens = take_integers(at, rows, m->vocabulary);
    const void *const dy        = take_tensor(at, rows * width);
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

static sluice_status square_error(tensor_pool *at, const model_shape *m, int times) {
    const int64_t count = rows_of(m) * m->width;
    set_shape(at, rows_of(m), m->width, 0);
    double *const loss         = take_uncounted(at, sizeof *loss);
    void *const dx             = take_tensor(at, count);
    const void *const x        = take_tensor(at, count);
    const float *const targets = take_floats(at, count);
    RUN(at, times, squared_error,
        {.loss = loss, .dx = dx, .x = x, .targets = targets, .count = count, .scale = 1});
}

/* ---- element by element ---- */

static sluice_status gate(tensor_pool *at, const model_shape *m, int times) {
    const int64_t rows = rows_of(m), hidden = m->hidden;
    set_shape(at, rows, hidden, 0);
    void *const y       = take_tensor(at, rows * hidden);
    const void *const x = take_tensor(at, 2 * rows * hidden);
    RUN(at, times, swiglu, {.y = y, .x = x, .rows = rows, .hidden = hidden});
}

static sluice_status gate_backward(tensor_pool *at, const model_shape *m, int times) {
    const int64_t rows = rows_of(m), hidden = m->hidden;
    set_shape(at, rows, hidden, 0);
    void *const dx       = take_tensor(at, 2 * rows * hidden);
    const void *const dy = take_tensor(at, rows * hidden), *const x =
                                                               take_tensor(at, 2 * rows * hidden);
    RUN(at, times, swiglu_backward, {.dx = dx, .dy = dy, .x = x, .rows = rows, .hidden = hidden});
}

static sluice_status drop(tensor_pool *at, const model_shape *m, int times) {
    const int64_t elements = m->length * m->width;
    set_shape(at, rows_of(m), m->width, 0);
    void *const y       = take_tensor(at, m->samples * elements);
    const void *const x = take_tensor(at, m->samples * elements);
    RUN(at, times, drop,
        {.y        = y,
         .x        = x,
         .samples  = m->samples,
         .elements = elements,
         .dropout  = {.rate = 0.1F, .key = 1, .step = 1}});
}

static sluice_status keep_positive(tensor_pool *at, const model_shape *m, int times) {
    const int64_t count = rows_of(m) * m->width;
    set_shape(at, rows_of(m), m->width, 0);
    void *const y       = take_tensor(at, count);
    const void *const x = take_tensor(at, count);
    RUN(at, times, relu, {.y = y, .x = x, .count = count});
}

static sluice_status keep_positive_backward(tensor_pool *at, const model_shape *m, int times) {
    const int64_t count = rows_of(m) * m->width;
    set_shape(at, rows_of(m), m->width, 0);
    void *const dx       = take_tensor(at, count);
    const void *const dy = take_tensor(at, count), *const x = take_tensor(at, count);
    RUN(at, times, relu_backward, {.dx = dx, .dy = dy, .x = x, .count = count});
}

static sluice_status add(tensor_pool *at, const model_shape *m, int times) {
    const int64_t count = m->width * m->hidden;
    static const float *list[2]; /* read by the stream's work */
    float *const out = take_floats(at, count);
    list[0] = take_floats(at, count), list[1] = take_floats(at, count);
    set_shape(at, m->width, m->hidden, 0);
    RUN(at, times, sum, {.out = out, .inputs = list, .terms = 2, .count = count});
}

/* ---- the update, of a matrix of a block's MLP ---- */

static sluice_update_tensor updated(tensor_pool *at, const model_shape *m, int states) {
    const int64_t count = m->width * m->hidden;
    const size_t copied =
        at->operations->working_bytes(&(sluice_shape){SLUICE_TYPE_F32, 2, {m->width, m->hidden}});
    sluice_update_tensor t = {.count = count, .decays = true};
    t.master               = take_sums(at, count);
    t.gradient             = take_floats(at, count);
    if (copied > 0) t.working = take_tensor(at, count);
    for (int s = 0; s < states; s++) {
        t.states[s] = take_sums(at, count);
        zero_if_fresh(at, t.states[s], (size_t)count * sizeof(float));
    }
    set_shape(at, m->width, m->hidden, 0);
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
    double *const partials = take_uncounted(at, sizeof *partials);
    static sluice_update_tensor t;
    t = (sluice_update_tensor){.gradient = take_floats(at, count), .count = count};
    set_shape(at, m->width, m->hidden, 0);
    RUN(at, times, sum_squares, {.partials = partials, .tensors = &t, .count = 1});
}

static sluice_status copy_working(tensor_pool *at, const model_shape *m, int times) {
    const int64_t count       = m->width * m->hidden;
    void *const working       = take_tensor(at, count);
    const float *const master = take_floats(at, count);
    set_shape(at, m->width, m->hidden, 0);
    RUN(at, times, store_working, {.working = working, .master = master, .count = count});
}

const operation memory_operations[] = {
    {"attention_cached: one token", true, true, attend_cached},
    {"rotary", false, true, turn},
    {"norm", true, true, normalize},
    {"norm_backward", true, true, normalize_backward},
    {"head_norm", false, true, normalize_heads},
    {"head_norm_backward", false, true, normalize_heads_backward},
    {"embedding", true, true, look_up},
    {"embedding_backward", true, true, look_up_backward},
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
