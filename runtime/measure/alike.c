/* SPDX-License-Identifier: MIT */
/* alike.c -- which layers of a model cost the same, and a model with a few of each. */
#include "runtime/measure/alike.h"

#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/shapes.h"

static sluice_shape input_of(const sluice_model *model, int layer) {
    return sluice_model_layer_input(model, layer, 1, SLUICE_PRECISION_FP32);
}

static bool are_alike(const sluice_model *model, int a, int b) {
    const sluice_layer_kind *const kind = sluice_model_layer_kind(model, a);
    const sluice_shape x = input_of(model, a), y = input_of(model, b);
    if (kind != sluice_model_layer_kind(model, b) || !sluice__shapes_equal(&x, &y)) return false;
    return kind->config_bytes == 0 ||
           memcmp(sluice_model_layer_config(model, a), sluice_model_layer_config(model, b),
                  kind->config_bytes) == 0;
}

/* Whether the layers around it fit together without it. */
static bool can_be_left_out(const sluice_model *model, int layer) {
    if (layer == 0 || layer == sluice_model_layer_count(model) - 1) return false;
    const sluice_shape before = input_of(model, layer), after = input_of(model, layer + 1);
    return sluice__shapes_equal(&before, &after);
}

/* The last layer that is kept before `layer` and like it, and how many there are; -1: none. */
static int find_kept(int *count, const sluice__alike *alike, const bool *kept, int layer) {
    int last = -1;
    *count   = 0;
    for (int l = 0; l < layer; l++) {
        if (!kept[l] || !are_alike(alike->model, l, layer)) continue;
        last = l;
        (*count)++;
    }
    return last;
}

/* ---- the shorter model ---- */

/* Ties whose first use is kept as well. The last layer added has the uses from `first_use` on. */
static sluice_status tie_layer(sluice_model *to, int first_use, const sluice_model *from,
                               int layer) {
    for (int u = 0; u < sluice_model_use_count(from); u++) {
        const sluice_parameter_use *const use = sluice_model_use(from, u);
        if (use->layer != layer || use->first == u) continue;
        const char *const own = sluice_model_use(to, first_use + use->index)->name;
        bool is_kept          = false;
        for (int k = 0; k < first_use; k++)
            is_kept = is_kept || strcmp(sluice_model_use(to, k)->name, use->name) == 0;
        if (is_kept) SLUICE__TRY(sluice_model_tie(to, own, use->name));
    }
    return SLUICE_OK;
}

static sluice_status add_layer(sluice_model *to, const sluice_model *from, int layer) {
    const int uses = sluice_model_use_count(to);
    SLUICE__TRY(sluice_model_add(to, sluice_model_layer_kind(from, layer),
                                 sluice_model_layer_config(from, layer),
                                 sluice_model_layer_name(from, layer)));
    return tie_layer(to, uses, from, layer);
}

static sluice_status make_shorter(sluice_model **out, const sluice_model *from, const bool *kept) {
    sluice_shape sample = input_of(from, 0);
    sample.dim_count--; /* without the number of samples */
    memmove(sample.dims, sample.dims + 1, (size_t)sample.dim_count * sizeof *sample.dims);
    sluice_model *model  = NULL;
    sluice_status status = sluice_model_create(&model, &sample);
    for (int l = 0; l < sluice_model_layer_count(from) && status == SLUICE_OK; l++)
        if (kept[l]) status = add_layer(model, from, l);
    if (status == SLUICE_OK)
        *out = model;
    else
        sluice_model_free(model);
    return status;
}

/* ---- the whole ---- */

static int choose(bool *kept, const sluice__alike *alike, int max) {
    const int layers = sluice_model_layer_count(alike->model);
    int left_out     = 0;
    for (int l = 0; l < layers; l++) {
        int count       = 0;
        const int other = max > 0 ? find_kept(&count, alike, kept, l) : -1;
        kept[l]         = other < 0 || count < max || !can_be_left_out(alike->model, l);
        alike->like[l]  = kept[l] ? l : other;
        left_out += !kept[l];
    }
    return left_out;
}

sluice_status sluice__alike_make(sluice__alike *out, const sluice_model *model, int max) {
    const size_t layers  = (size_t)sluice_model_layer_count(model);
    bool *kept           = NULL;
    sluice_status status = SLUICE_OK;
    *out                 = (sluice__alike){.model = model};
    SLUICE__TRY_OUT(sluice__alloc(&out->like, layers, sizeof *out->like));
    SLUICE__TRY_OUT(sluice__alloc(&out->index, layers, sizeof *out->index));
    SLUICE__TRY_OUT(sluice__alloc(&kept, layers, sizeof *kept));
    const int left_out = choose(kept, out, max);
    for (size_t l = 0, next = 0; l < layers; l++) out->index[l] = (int)(kept[l] ? next++ : next);
    if (left_out == 0) goto out;
    SLUICE__TRY_OUT(make_shorter(&out->shorter, model, kept));
    out->model = out->shorter;
out:
    sluice__free(kept);
    return status;
}

void sluice__alike_free(sluice__alike *alike) {
    sluice_model_free(alike->shorter);
    sluice__free(alike->like);
    sluice__free(alike->index);
    *alike = (sluice__alike){0};
}
