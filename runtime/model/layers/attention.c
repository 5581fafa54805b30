/* SPDX-License-Identifier: MIT */
/* attention.c -- the layer kind "attention": x + dropout(projection(attention(norm(x)))),
 * causal. */
#include <inttypes.h>
#include <math.h>

#include "runtime/base/error.h"
#include "runtime/model/layers/branch.h"
#include "runtime/model/layers/dense.h"
#include "runtime/model/layers/describe.h"
#include "runtime/model/layers/norm.h"

/* Saved, after what the norm saves: q, k and v as attention reads them, and, where it has norms of
 * heads, as they were before, and 1 / root mean square of each head. */
enum { NORMED, QKV, LSE, ATTENDED, BEFORE_NORMS, HEAD_RSTD };
enum { QKV_GRADIENT }; /* stash */
enum { KEYS, VALUES }; /* state, with a cache */

/* What every action derives from configuration and input. */
typedef struct parts {
    int64_t samples, length, heads, kv_heads, head_width;
    sluice__norm norm;
    sluice__dense qkv, projection;
    int head_gains; /* parameters: of queries, then of keys; 0: there are none */
} parts;

static int64_t kv_heads_of(const sluice_attention_config *c) {
    return c->kv_heads > 0 ? c->kv_heads : c->heads;
}

static int64_t head_width_of(const sluice_attention_config *c) {
    return c->head_width > 0 ? c->head_width : c->width / c->heads;
}

static parts parts_of(const sluice_attention_config *config, const sluice_shape *input) {
    const int64_t rows = sluice__rows(input), width = config->width, heads = config->heads;
    const int64_t kv_heads   = kv_heads_of(config);
    const int64_t head_width = head_width_of(config);
    const bool generates     = config->cache > 0; /* samples are one sequence */
    parts p                  = {.samples    = generates ? 1 : input->dims[0],
                                .length     = generates ? input->dims[0] : input->dims[1],
                                .heads      = heads,
                                .kv_heads   = kv_heads,
                                .head_width = head_width,
                                .norm       = sluice__norm_of(&config->norm)};
    int next                 = p.norm.count;
    p.qkv        = sluice__dense_at(&next, config->style, !config->qkv_has_no_bias, rows, width,
                                    (heads + 2 * kv_heads) * head_width);
    p.projection = sluice__dense_at(&next, config->style, !config->projection_has_no_bias, rows,
                                    heads * head_width, width);
    p.head_gains = config->has_head_norm ? next : 0;
    return p;
}

static sluice_status check_heads(const sluice_attention_config *c) {
    SLUICE__TRY(sluice__check_count("attention", "heads", c->heads));
    if (c->head_width < 0 || c->head_width > INT32_MAX || c->heads > INT32_MAX)
        return sluice__fail(SLUICE_E_ARGUMENT, "attention has %" PRId64 " heads of width %" PRId64,
                            c->heads, c->head_width);
    if (c->head_width == 0 && c->width % c->heads != 0)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "attention has width %" PRId64 ", which %" PRId64
                            " heads do not divide",
                            c->width, c->heads);
    if (c->kv_heads < 0 || c->kv_heads > c->heads ||
        (c->kv_heads > 0 && c->heads % c->kv_heads != 0))
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "attention has %" PRId64
                            " key/value heads, which do not divide its %" PRId64 " heads",
                            c->kv_heads, c->heads);
    return SLUICE_OK;
}

/* A scaling's numbers are finite and positive, and the longer waves those of lower frequency. */
static bool scales(const sluice_rotary_frequencies *f) {
    if (f->scaling == SLUICE_ROTARY_SCALING_NONE) return true;
    if (!isfinite(f->factor) || !(f->factor > 0)) return false;
    if (f->scaling == SLUICE_ROTARY_SCALING_LINEAR) return true;
    return f->scaling == SLUICE_ROTARY_SCALING_LLAMA3 && isfinite(f->high_frequency) &&
           f->low_frequency > 0 && f->high_frequency > f->low_frequency &&
           f->original_positions > 0;
}

static sluice_status check_rotary(const sluice_attention_config *c) {
    const sluice_rotary_frequencies *const f = &c->rotary;
    const int64_t head_width                 = head_width_of(c);
    if (!isfinite(f->base) || f->base < 0)
        return sluice__fail(
            SLUICE_E_ARGUMENT,
            "attention has a rotary base of %g; it must be a finite number, at least 0",
            (double)f->base);
    if (f->base > 0 && head_width % 2 != 0)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "attention has rotary positions and heads of width %" PRId64
                            ", which is odd",
                            head_width);
    if (f->base == 0 || scales(f)) return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT,
                        "attention has rotary positions with scaling %d, factor %g, low frequency "
                        "%g, high frequency %g and %" PRId64 " original positions",
                        (int)f->scaling, (double)f->factor, (double)f->low_frequency,
                        (double)f->high_frequency, f->original_positions);
}

static sluice_status check_cache(const sluice_attention_config *c, const sluice_shape *input) {
    if (c->cache == 0) return SLUICE_OK;
    SLUICE__TRY(sluice__check_count("attention", "positions in its cache", c->cache));
    SLUICE__TRY(sluice__check_one_token("attention", input));
    return sluice__check_elements("attention", c->cache, kv_heads_of(c) * head_width_of(c));
}

static sluice_status check(const sluice_attention_config *c, const sluice_shape *input,
                           sluice_precision precision) {
    SLUICE__TRY(sluice__check_activation("attention", input, 3, 3, precision));
    SLUICE__TRY(sluice__check_width("attention", "width", c->width, input));
    SLUICE__TRY(check_heads(c));
    SLUICE__TRY(check_rotary(c));
    SLUICE__TRY(check_cache(c, input));
    SLUICE__TRY(sluice__check_norm("attention", &c->norm));
    SLUICE__TRY(sluice__check_scale("attention", "scale", c->scale));
    SLUICE__TRY(sluice__check_scale("attention", "projection scale", c->projection_scale));
    SLUICE__TRY(sluice__check_rate("attention", c->dropout));
    SLUICE__TRY(sluice__check_style("attention", c->style));
    const parts p = parts_of(c, input);
    SLUICE__TRY(sluice__check_elements("attention", c->width, p.qkv.outputs));
    return sluice__check_elements("attention", p.qkv.rows, p.qkv.outputs);
}

/* The causal mask halves each (length, length) product: two of them forward, five backward, where
 * the scores are computed again. */
static void add_attention_costs(sluice_layer_description *d, const parts *p, sluice_type type,
                                float dropout) {
    const int64_t elements = p->projection.rows * p->projection.inputs;
    const double half      = (double)elements * (double)p->length;
    d->forward.flops += 2 * half;
    d->input.flops += 5 * half;
    if (dropout > 0) { /* one draw for each probability, that is for head_width products */
        d->forward.flops += half / (double)p->head_width * SLUICE__DROP_FLOPS;
        d->input.flops += half / (double)p->head_width * SLUICE__DROP_FLOPS;
    }
    sluice__cost_pass(&d->forward, type, elements, 4, 0);
    sluice__cost_pass(&d->input, type, elements, 8, 0);
}

static void add_rotary_costs(sluice_layer_description *d, const parts *p, sluice_type type) {
    const int64_t elements = p->qkv.rows * (p->heads + p->kv_heads) * p->head_width;
    sluice__cost_pass(&d->forward, type, elements, 2, 3);
    sluice__cost_pass(&d->input, type, elements, 2, 3);
}

static void describe_llama(sluice_layer_description *d, const sluice_attention_config *c,
                           const parts *p, const sluice_shape *input) {
    const int64_t queries = p->heads * p->head_width, keys = p->kv_heads * p->head_width;
    const sluice__dense_piece pieces[] = {{"q_proj.weight", "q_proj.bias", queries},
                                          {"k_proj.weight", "k_proj.bias", keys},
                                          {"v_proj.weight", "v_proj.bias", keys}};
    sluice__norm_describe(d, &p->norm, "../input_layernorm.weight", "../input_layernorm.bias",
                          input);
    sluice__dense_describe(d, &p->qkv, input->type, "qkv_proj.weight", "qkv_proj.bias", c->scale);
    sluice__dense_split(d, &p->qkv, pieces, sizeof pieces / sizeof *pieces);
    sluice__dense_describe(d, &p->projection, input->type, "o_proj.weight", "o_proj.bias",
                           c->projection_scale);
}

static void describe_gpt2(sluice_layer_description *d, const sluice_attention_config *c,
                          const parts *p, const sluice_shape *input) {
    sluice__norm_describe(d, &p->norm, "../ln_1.weight", "../ln_1.bias", input);
    sluice__dense_describe(d, &p->qkv, input->type, "c_attn.weight", "c_attn.bias", c->scale);
    sluice__dense_describe(d, &p->projection, input->type, "c_proj.weight", "c_proj.bias",
                           c->projection_scale);
}

/* With costs and scratch of their products. */
static void describe_parameters(sluice_layer_description *d, const sluice_attention_config *c,
                                const parts *p, const sluice_shape *input) {
    if (c->style == SLUICE_STYLE_LLAMA)
        describe_llama(d, c, p, input);
    else
        describe_gpt2(d, c, p, input);
    if (p->head_gains == 0) return;
    sluice__add_vector(d, "q_norm.weight", p->head_width, 1);
    sluice__add_vector(d, "k_norm.weight", p->head_width, 1);
    for (int k = 0; k < 2; k++) d->parameters[p->head_gains + k].gradient_by_input = true;
}

/* What norms of heads save, and their costs. */
static void describe_head_norm(sluice_layer_description *d, const parts *p, sluice_type type) {
    const int64_t rows = p->qkv.rows, elements = rows * p->qkv.outputs;
    sluice__add_saved(d, sluice__bytes_of(type, rows, p->qkv.outputs),
                      SLUICE_UNTIL_INPUT); /* BEFORE_NORMS */
    sluice__add_saved(d, sluice__bytes_of(SLUICE_TYPE_F32, rows, p->heads + p->kv_heads),
                      SLUICE_UNTIL_INPUT); /* HEAD_RSTD */
    sluice__cost_pass(&d->forward, type, elements, 2, 4);
    sluice__cost_pass(&d->input, type, elements, 3, 8);
}

/* Bytes of scratch that I needs besides `inner`. */
static size_t rest_bytes(const sluice_attention_config *c, const parts *p,
                         const sluice_shape *input) {
    const size_t attention = sluice_attention_scratch(p->samples, p->length, p->heads, p->kv_heads,
                                                      p->head_width, input->type);
    const size_t heads =
        p->head_gains > 0 ? 2 * sluice_column_sum_scratch(p->qkv.rows, p->head_width) : 0;
    const size_t dropped =
        c->dropout > 0 ? sluice__bytes_of(input->type, p->qkv.rows, c->width) : 0;
    return sluice__larger(sluice__larger(attention, heads),
                          sluice__larger(sluice__norm_scratch(input), dropped));
}

static sluice_status describe(sluice_layer_description *out, const void *config,
                              const sluice_shape *input, sluice_precision precision) {
    const sluice_attention_config *const c = config;
    SLUICE__TRY(check(c, input, precision));
    const parts p          = parts_of(c, input);
    const sluice_type type = input->type;
    const int64_t rows     = p.qkv.rows;
    const size_t whole     = sluice__bytes_of(type, rows, c->width);
    const size_t qkv       = sluice__bytes_of(type, rows, p.qkv.outputs);
    const size_t attended  = sluice__bytes_of(type, rows, p.projection.inputs);

    sluice_layer_description d = {.output = *input, .weight_reads_output_gradient = true};
    describe_parameters(&d, c, &p, input);
    add_attention_costs(&d, &p, type, c->dropout);
    if (c->rotary.base > 0) add_rotary_costs(&d, &p, type);
    sluice__branch_describe(&d, &p.projection, type, c->dropout);
    sluice__add_saved(&d, whole, SLUICE_UNTIL_WEIGHT); /* NORMED */
    sluice__add_saved(&d, qkv, SLUICE_UNTIL_INPUT);    /* QKV */
    sluice__add_saved(&d, sluice__bytes_of(SLUICE_TYPE_F32, rows, c->heads),
                      SLUICE_UNTIL_INPUT);                /* LSE */
    sluice__add_saved(&d, attended, SLUICE_UNTIL_WEIGHT); /* ATTENDED */
    sluice__add_stash(&d, qkv);                           /* QKV_GRADIENT */
    if (p.head_gains > 0) describe_head_norm(&d, &p, type);
    d.scratch_input = sluice__piece(sluice__larger(whole, attended)) + rest_bytes(c, &p, input);
    if (c->cache > 0) {
        const sluice_shape kept = {type, 2, {c->cache, p.kv_heads * p.head_width}};
        sluice__add_sequence_state(&d, "keys", &kept);
        sluice__add_sequence_state(&d, "values", &kept);
    }
    *out = d;
    return SLUICE_OK;
}

static sluice_dropout dropout_of(const sluice_layer_call *call) {
    return sluice_layer_dropout(call, "dropout of probabilities",
                                ((const sluice_attention_config *)call->config)->dropout);
}

/* Turn queries and keys by their positions, or their gradients back. */
static sluice_status rotate(const sluice_layer_call *call, const parts *p, void *qkv,
                            bool inverse) {
    const sluice_attention_config *const c = call->config;
    if (c->rotary.base <= 0) return SLUICE_OK;
    return call->operations->rotary(call->stream, &(sluice_rotary){.qkv            = qkv,
                                                                   .first_position = call->position,
                                                                   .samples        = p->samples,
                                                                   .length         = p->length,
                                                                   .heads          = p->heads,
                                                                   .kv_heads       = p->kv_heads,
                                                                   .head_width     = p->head_width,
                                                                   .frequencies    = c->rotary,
                                                                   .inverse        = inverse});
}

static sluice_status normalize_heads(const sluice_layer_call *call, const parts *p) {
    if (p->head_gains == 0) return SLUICE_OK;
    return call->operations->head_norm(
        call->stream, &(sluice_head_norm){.y          = sluice__saved(call, &p->norm, QKV),
                                          .rstd       = sluice__saved(call, &p->norm, HEAD_RSTD),
                                          .qkv        = sluice__saved(call, &p->norm, BEFORE_NORMS),
                                          .q_gain     = call->parameters[p->head_gains],
                                          .k_gain     = call->parameters[p->head_gains + 1],
                                          .rows       = p->qkv.rows,
                                          .heads      = p->heads,
                                          .kv_heads   = p->kv_heads,
                                          .head_width = p->head_width,
                                          .epsilon    = p->norm.epsilon});
}

/* In place of the gradient of what attention reads. */
static sluice_status head_norm_backward(const sluice_layer_call *call, const parts *p,
                                        void *scratch) {
    if (p->head_gains == 0) return SLUICE_OK;
    return call->operations->head_norm_backward(
        call->stream,
        &(sluice_head_norm_backward){.dqkv        = call->stash[QKV_GRADIENT],
                                     .dq_gain     = call->gradients[p->head_gains],
                                     .dk_gain     = call->gradients[p->head_gains + 1],
                                     .qkv         = sluice__saved(call, &p->norm, BEFORE_NORMS),
                                     .rstd        = sluice__saved(call, &p->norm, HEAD_RSTD),
                                     .q_gain      = call->parameters[p->head_gains],
                                     .k_gain      = call->parameters[p->head_gains + 1],
                                     .scratch     = scratch,
                                     .rows        = p->qkv.rows,
                                     .heads       = p->heads,
                                     .kv_heads    = p->kv_heads,
                                     .head_width  = p->head_width,
                                     .first_write = call->first_write});
}

static sluice_status attend(const sluice_layer_call *call, const parts *p) {
    return call->operations->attention(call->stream,
                                       &(sluice_attention){
                                           .out        = sluice__saved(call, &p->norm, ATTENDED),
                                           .lse        = sluice__saved(call, &p->norm, LSE),
                                           .qkv        = sluice__saved(call, &p->norm, QKV),
                                           .samples    = p->samples,
                                           .length     = p->length,
                                           .heads      = p->heads,
                                           .kv_heads   = p->kv_heads,
                                           .head_width = p->head_width,
                                           .dropout    = dropout_of(call),
                                       });
}

/* The sequence's next rows. */
static sluice_status attend_cached(const sluice_layer_call *call, const parts *p) {
    const sluice_attention_config *const c = call->config;
    return call->operations->attention_cached(call->stream,
                                              &(sluice_attention_cached){
                                                  .out    = sluice__saved(call, &p->norm, ATTENDED),
                                                  .keys   = call->states[KEYS],
                                                  .values = call->states[VALUES],
                                                  .qkv    = sluice__saved(call, &p->norm, QKV),
                                                  .rows   = p->length,
                                                  .position   = call->position,
                                                  .capacity   = c->cache,
                                                  .heads      = p->heads,
                                                  .kv_heads   = p->kv_heads,
                                                  .head_width = p->head_width,
                                              });
}

static sluice_status forward(const sluice_layer_call *call) {
    const sluice_attention_config *const c = call->config;
    const parts p                          = parts_of(c, &call->input_shape);
    const int made                         = p.head_gains > 0 ? BEFORE_NORMS : QKV;
    SLUICE__TRY(sluice__norm_forward(call, &p.norm, sluice__saved(call, &p.norm, NORMED)));
    SLUICE__TRY(sluice__dense_forward(call, &p.qkv, sluice__saved(call, &p.norm, made),
                                      sluice__saved(call, &p.norm, NORMED), NULL, NULL));
    SLUICE__TRY(normalize_heads(call, &p));
    SLUICE__TRY(rotate(call, &p, sluice__saved(call, &p.norm, QKV), false));
    SLUICE__TRY(c->cache > 0 ? attend_cached(call, &p) : attend(call, &p));
    return sluice__branch_forward(call, &p.projection, sluice__saved(call, &p.norm, ATTENDED),
                                  c->dropout);
}

static sluice_status backward_input(const sluice_layer_call *call) {
    const sluice_attention_config *const c = call->config;
    const parts p                          = parts_of(c, &call->input_shape);
    SLUICE__TRY(sluice__refuse_backward(call, c->cache > 0));
    /* `inner` holds first the gradient of ATTENDED, then that of NORMED, never both. */
    const int64_t widest = p.qkv.inputs > p.projection.inputs ? p.qkv.inputs : p.projection.inputs;
    void *const inner    = call->scratch;
    void *const rest     = (char *)call->scratch +
                       sluice__piece(sluice__bytes_of(call->input_shape.type, p.qkv.rows, widest));
    const void *projected; /* gradient of the projection's output; it fits into `rest` */
    SLUICE__TRY(sluice__branch_gradient(call, &projected, rest, c->dropout));
    SLUICE__TRY(sluice__dense_backward_input(call, &p.projection, inner, projected, NULL));
    SLUICE__TRY(call->operations->attention_backward(
        call->stream, &(sluice_attention_backward){
                          .dqkv       = call->stash[QKV_GRADIENT],
                          .dout       = inner,
                          .out        = sluice__saved(call, &p.norm, ATTENDED),
                          .lse        = sluice__saved(call, &p.norm, LSE),
                          .qkv        = sluice__saved(call, &p.norm, QKV),
                          .scratch    = rest,
                          .samples    = p.samples,
                          .length     = p.length,
                          .heads      = p.heads,
                          .kv_heads   = p.kv_heads,
                          .head_width = p.head_width,
                          .dropout    = dropout_of(call),
                      }));
    SLUICE__TRY(rotate(call, &p, call->stash[QKV_GRADIENT], true));
    SLUICE__TRY(head_norm_backward(call, &p, rest));
    SLUICE__TRY(sluice__dense_backward_input(call, &p.qkv, inner, call->stash[QKV_GRADIENT], NULL));
    return sluice__norm_backward(call, &p.norm, inner, call->output_gradient, rest);
}

static sluice_status backward_weight(const sluice_layer_call *call) {
    const sluice_attention_config *const c = call->config;
    const parts p                          = parts_of(c, &call->input_shape);
    SLUICE__TRY(sluice__branch_backward_weight(call, &p.projection,
                                               sluice__saved(call, &p.norm, ATTENDED), c->dropout));
    return sluice__dense_backward_weight(call, &p.qkv, sluice__saved(call, &p.norm, NORMED),
                                         call->stash[QKV_GRADIENT], call->scratch);
}

const sluice_layer_kind *sluice_layer_attention(void) {
    static const sluice_layer_kind kind = {
        .size            = sizeof(sluice_layer_kind),
        .name            = "attention",
        .config_bytes    = sizeof(sluice_attention_config),
        .describe        = describe,
        .forward         = forward,
        .backward_input  = backward_input,
        .backward_weight = backward_weight,
    };
    return &kind;
}
