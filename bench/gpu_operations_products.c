/* SPDX-License-Identifier: MIT */
/* gpu_operations_products.c -- operations with matrix products: their arguments, FLOPs and bytes.
 */
#include "gpu_operations.h"

/* ---- linear layers ---- */

/* A layer's weights are (inputs, outputs) in a GPT and transposed in a Llama. */
static sluice_status forward(tensor_pool *at, const model_shape *m, int64_t inputs, int64_t outputs,
                             bool activates, bool adds, int times) {
    const int64_t rows = rows_of(m);
    set_shape(at, rows, inputs, outputs);
    at->flops            = 2 * (double)rows * (double)inputs * (double)outputs;
    void *const y        = take_tensor(at, rows * outputs);
    const void *const x  = take_tensor(at, rows * inputs);
    const void *const w  = take_tensor(at, inputs * outputs);
    const void *const b  = m->is_llama ? NULL : take_tensor(at, outputs);
    void *const after    = activates ? take_tensor(at, rows * outputs) : NULL;
    const void *const to = adds ? take_tensor(at, rows * outputs) : NULL;
    RUN(at, times, linear,
        {.y          = y,
         .activated  = after,
         .x          = x,
         .w          = w,
         .b          = b,
         .residual   = to,
         .rows       = rows,
         .inputs     = inputs,
         .outputs    = outputs,
         .activation = activates ? SLUICE_ACTIVATION_GELU : SLUICE_ACTIVATION_NONE,
         .transposed = m->is_llama});
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
    set_shape(at, rows, outputs, inputs);
    at->flops                   = 2 * (double)rows * (double)inputs * (double)outputs;
    void *const dx              = take_tensor(at, rows * inputs);
    const void *const dy        = take_tensor(at, rows * outputs);
    const void *const w         = take_tensor(at, inputs * outputs);
    const void *const before    = m->is_llama ? NULL : take_tensor(at, rows * inputs);
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
    set_shape(at, inputs, rows, outputs);
    at->flops            = 2 * (double)rows * (double)inputs * (double)outputs;
    float *const dw      = take_sums(at, inputs * outputs);
    float *const db      = m->is_llama ? NULL : take_sums(at, outputs);
    const void *const x  = take_tensor(at, rows * inputs);
    const void *const dy = take_tensor(at, rows * outputs);
    void *const space    = take_uncounted(at, sluice_column_sum_scratch(rows, outputs));
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

sluice_status run_square_product(tensor_pool *at, const model_shape *m, int times) {
    const int64_t side = m->width;
    set_shape(at, side, side, side);
    at->flops           = 2 * (double)side * (double)side * (double)side;
    void *const c       = take_tensor(at, side * side);
    const void *const a = take_tensor(at, side * side), *const b = take_tensor(at, side * side);
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
    set_shape(at, rows, m->heads, m->head_width);
    at->flops             = attention_flops(m);
    void *const out       = take_tensor(at, rows * m->heads * m->head_width);
    float *const lse      = take_floats(at, rows * m->heads);
    const void *const qkv = take_tensor(at, rows * qkv_width(m));
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
    set_shape(at, rows, m->heads, m->head_width);
    at->flops              = 2.5 * attention_flops(m);
    void *const dqkv       = take_tensor(at, rows * qkv_width(m));
    const void *const dout = take_tensor(at, wide), *const out = take_tensor(at, wide);
    const float *const lse = take_floats(at, rows * m->heads);
    const void *const qkv  = take_tensor(at, rows * qkv_width(m));
    const size_t space     = sluice_attention_scratch(m->samples, m->length, m->heads, m->kv_heads,
                                                      m->head_width, at->operations->type);
    void *const scratch_at = take_uncounted(at, space);
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

/* ---- the head ---- */

/* Logits, and both gradients; the logits are not counted, which stay in a cache at best. */
static sluice_status classify(tensor_pool *at, const model_shape *m, int times) {
    const int64_t rows = rows_of(m), width = m->width;
    set_shape(at, rows, width, m->vocabulary);
    at->flops                    = 6 * (double)rows * (double)width * (double)m->vocabulary;
    double *const loss           = take_uncounted(at, sizeof *loss);
    void *const dx               = take_tensor(at, rows * width);
    const void *const x          = take_tensor(at, rows * width);
    float *const dw              = take_sums(at, m->vocabulary * width);
    const void *const w          = take_tensor(at, m->vocabulary * width);
    const int32_t *const targets = take_integers(at, rows, m->vocabulary);
    void *const space            = take_uncounted(
                   at, sluice_classifier_scratch(rows, width, m->vocabulary, at->operations->type));
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

const operation product_operations[] = {
    {"linear: to q, k, v", true, true, to_qkv},
    {"linear: of attention, residual", true, true, from_heads},
    {"linear: to the hidden layer", true, true, to_hidden},
    {"linear: from the hidden layer, residual", true, true, from_hidden},
    {"linear_backward_input: of the hidden layer", true, true, gradient_of_hidden},
    {"linear_backward_weight: of q, k, v", true, true, gradient_of_weight},
    {"matmul", true, false, run_square_product},
    {"attention", true, true, attend},
    {"attention_backward", true, true, attend_backward},
    {"classifier", true, true, classify},
    {NULL, false, false, NULL}};
