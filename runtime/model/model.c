/* SPDX-License-Identifier: MIT */
/* model.c -- a model: the list of its layers and the list of the parameters that they use. */
#include "sluice/model.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/shapes.h"
#include "runtime/base/text.h"
#include "runtime/model/check_description.h"
#include "runtime/model/layers/describe.h"
#include "runtime/model/names.h"

typedef struct layer {
    const sluice_layer_kind *kind;
    void *config; /* a copy */
    char *name;
    sluice_shape input[SLUICE_PRECISIONS]; /* of one sample, samples dimension included */
} layer;

typedef struct use {
    sluice_parameter_use use;
    char *name; /* owned; the name within this layer, also of a tied use */
    char *pieces[SLUICE_PARAMETER_PIECES]; /* the same of its pieces */
} use;

struct sluice_model {
    layer *layers;
    use *uses;
    int layer_count, use_count;
    sluice__names layer_names, use_names; /* to their indices; uses by names of pieces, too */
    sluice_shape next[SLUICE_PRECISIONS]; /* input of the next layer to be added, for one sample */
    sluice_batch_read *batch;             /* parts that the layers read, each name once */
    int batch_count;
    bool is_complete;          /* the last layer is a loss, or another one that nothing follows */
    int64_t weight_per_sample; /* 0 without a loss */
};

sluice_status sluice_model_create(sluice_model **out, const sluice_shape *sample) {
    if (sample->dim_count < 0 || sample->dim_count >= SLUICE_MAX_DIMS)
        return sluice__fail(SLUICE_E_ARGUMENT, "a sample has %d dimensions; there may be 0 to %d",
                            sample->dim_count, SLUICE_MAX_DIMS - 1);
    sluice_shape input = {sample->type, sample->dim_count + 1, {1}};
    for (int d = 0; d < sample->dim_count; d++) {
        if (sample->dims[d] < 1)
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "a sample's dimension %d is %" PRId64 "; it must be at least 1", d,
                                sample->dims[d]);
        input.dims[d + 1] = sample->dims[d];
    }
    sluice_model *model = NULL;
    SLUICE__TRY(sluice__alloc(&model, 1, sizeof *model));
    const sluice_status status = sluice__alloc(&model->batch, 1, sizeof *model->batch);
    if (status != SLUICE_OK) {
        sluice__free(model);
        return status;
    }
    model->batch[model->batch_count++] = (sluice_batch_read){.name = "inputs", .shape = input};
    for (int p = 0; p < SLUICE_PRECISIONS; p++) {
        model->next[p] = input; /* floats have the type of activations */
        if (input.type == SLUICE_TYPE_F32)
            model->next[p].type = sluice_precision_type((sluice_precision)p);
    }
    *out = model;
    return SLUICE_OK;
}

static void drop_uses(sluice_model *model, int count) {
    while (model->use_count > count) {
        use *const last = &model->uses[--model->use_count];
        for (int k = 0; k < SLUICE_PARAMETER_PIECES; k++) sluice__free(last->pieces[k]);
        sluice__free(last->name);
    }
}

void sluice_model_free(sluice_model *model) {
    if (!model) return;
    for (int l = 0; l < model->layer_count; l++) {
        sluice__free(model->layers[l].config);
        sluice__free(model->layers[l].name);
    }
    drop_uses(model, 0);
    sluice__names_free(&model->layer_names);
    sluice__names_free(&model->use_names);
    sluice__free(model->layers);
    sluice__free(model->uses);
    sluice__free(model->batch);
    sluice__free(model);
}

/* The use called `name` from `begin` on, a layer's first, that has values of its own; -1: none. */
static int find_in_layer(const sluice_model *model, int begin, const char *name) {
    for (int u = begin; u < model->use_count; u++)
        if (model->uses[u].use.first == u && strcmp(model->uses[u].name, name) == 0) return u;
    return -1;
}

/* The same among the uses before `end`; also by the name of a piece. */
static int find_before(const sluice_model *model, int end, const char *name) {
    const int u = sluice__names_find(&model->use_names, name);
    return u >= 0 && u < end && model->uses[u].use.first == u ? u : -1;
}

/* The size says which header the kind was compiled against; the first is this one. */
static sluice_status check_size(const sluice_layer_kind *kind, const char *name) {
    if (kind->size == sizeof *kind) return SLUICE_OK;
    sluice__fail(SLUICE_E_ARGUMENT,
                 "the kind of layer '%s' has a size of %zu bytes; this library knows %zu", name,
                 kind->size, sizeof *kind);
    return sluice__hint(SLUICE_E_ARGUMENT, "set .size to sizeof(sluice_layer_kind)");
}

static sluice_status check_name(const sluice_model *model, const char *name) {
    if (name[0] == '\0')
        return sluice__fail(SLUICE_E_ARGUMENT, "layer %d has an empty name", model->layer_count);
    const int l = sluice__names_find(&model->layer_names, name);
    if (l < 0) return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT, "layer %d is called '%s' already", l, name);
}

static sluice_status describe_next(const sluice_model *model, const sluice_layer_kind *kind,
                                   const void *config, const char *name,
                                   sluice_layer_description *d) {
    if (model->is_complete)
        return sluice__fail(SLUICE_E_ARGUMENT, "layer '%s' comes after %s '%s'", name,
                            model->weight_per_sample > 0 ? "the loss" : "the last layer",
                            model->layers[model->layer_count - 1].name);
    SLUICE__TRY(check_name(model, name));
    const sluice_shape *const input = &model->next[SLUICE_PRECISION_FP32];
    const sluice_status status      = kind->describe(d, config, input, SLUICE_PRECISION_FP32);
    if (status == SLUICE_OK) {
        SLUICE__TRY(sluice__check_description(kind, d));
        return sluice__check_states(kind, config, input, d);
    }
    char text[SLUICE__SHAPE_TEXT];
    (void)sluice__shape_text(text, input);
    if (model->layer_count == 0)
        return sluice__hint(status, "layer '%s' is given %s for one sample of the data", name,
                            text);
    return sluice__hint(status, "layer '%s' is given %s for one sample by '%s'", name, text,
                        model->layers[model->layer_count - 1].name);
}

static sluice_status name_use(use *out, const char *of) {
    const sluice_parameter *const parameter = &out->use.parameter;
    SLUICE__TRY(sluice__parameter_name(&out->name, of, parameter->name));
    out->use.name = out->name;
    for (int k = 0; k < parameter->piece_count; k++) {
        SLUICE__TRY(sluice__parameter_name(&out->pieces[k], of, parameter->pieces[k].name));
        out->use.pieces[k] = out->pieces[k];
    }
    return SLUICE_OK;
}

/* How many tensors of the uses from `begin` on have this name. */
static int count_named(const sluice_model *model, int begin, const char *name) {
    int count = 0;
    for (int u = begin; u < model->use_count; u++) {
        const use *const it = &model->uses[u];
        count += strcmp(it->name, name) == 0;
        for (int k = 0; k < SLUICE_PARAMETER_PIECES; k++)
            count += it->pieces[k] && strcmp(it->pieces[k], name) == 0;
    }
    return count;
}

/* The name of a tensor of the layer `of` that is being added, whose uses begin with `begin`. */
static sluice_status check_free(const sluice_model *model, int begin, const char *of,
                                const char *name) {
    const int taken = find_before(model, begin, name);
    if (taken < 0 && count_named(model, begin, name) == 1) return SLUICE_OK;
    const sluice_status status =
        sluice__fail(SLUICE_E_ARGUMENT, "layers '%s' and '%s' both call a parameter '%s'",
                     taken < 0 ? of : model->layers[model->uses[taken].use.layer].name, of, name);
    return sluice__hint(status, "give layer '%s' a name with another beginning", of);
}

/* Append the uses of layer `l`; on failure those appended so far stay for the caller to drop. */
static sluice_status add_uses(sluice_model *model, int l, const char *name,
                              const sluice_layer_description *d) {
    SLUICE__TRY(sluice__grow(&model->uses, (size_t)(model->use_count + d->parameter_count),
                             sizeof *model->uses));
    const int begin = model->use_count;
    for (int p = 0; p < d->parameter_count; p++) {
        const int u    = model->use_count++;
        use *const new = &model->uses[u];
        *new           = (use){.use = {.layer = l, .index = p, .first = u, d->parameters[p]}};
        SLUICE__TRY(name_use(new, name));
        SLUICE__TRY(check_free(model, begin, name, new->name));
        for (int k = 0; k < d->parameters[p].piece_count; k++)
            SLUICE__TRY(check_free(model, begin, name, new->pieces[k]));
    }
    return SLUICE_OK;
}

/* Append the parts of the batch that the layer reads and no earlier layer does. */
static sluice_status add_batch(sluice_model *model, const char *name,
                               const sluice_layer_description *d) {
    const int max = model->batch_count + d->batch_count;
    SLUICE__TRY(sluice__grow(&model->batch, (size_t)max, sizeof *model->batch));
    for (int k = 0; k < d->batch_count; k++) {
        const sluice_batch_read *const read = &d->batch[k];
        int known                           = 0;
        while (known < model->batch_count && strcmp(model->batch[known].name, read->name) != 0)
            known++;
        if (known == SLUICE_BATCH_PARTS)
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "layer '%s' reads '%s' of the batch, one part too many: a model "
                                "reads at most %d",
                                name, read->name, SLUICE_BATCH_PARTS);
        if (known == model->batch_count) {
            model->batch[model->batch_count++] =
                (sluice_batch_read){.name = read->name, .shape = read->shape};
        } else if (!sluice__shapes_equal(&model->batch[known].shape, &read->shape)) {
            char a[SLUICE__SHAPE_TEXT], b[SLUICE__SHAPE_TEXT];
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "layer '%s' reads '%s' of the batch as %s for one sample, which is "
                                "%s already",
                                name, read->name, sluice__shape_text(a, &read->shape),
                                sluice__shape_text(b, &model->batch[known].shape));
        }
    }
    return SLUICE_OK;
}

/* In another precision the layer reads the same parts as in fp32; floats may be activations there.
 */
static sluice_status check_reads(const char *name, const sluice_layer_description *d,
                                 const sluice_layer_description *other,
                                 sluice_precision precision) {
    for (int k = 0; k < other->batch_count; k++) {
        sluice_batch_read read = other->batch[k];
        char a[SLUICE__SHAPE_TEXT], b[SLUICE__SHAPE_TEXT];
        const bool known = k < d->batch_count && strcmp(read.name, d->batch[k].name) == 0;
        if (known && read.shape.type == sluice_precision_type(precision) &&
            d->batch[k].shape.type == SLUICE_TYPE_F32)
            read.shape.type = SLUICE_TYPE_F32;
        if (known && sluice__shapes_equal(&read.shape, &d->batch[k].shape)) continue;
        return sluice__fail(
            SLUICE_E_ARGUMENT, "layer '%s' reads '%s' of the batch as %s in %s, and %s in fp32",
            name, read.name, sluice__shape_text(a, &read.shape), sluice_precision_name(precision),
            known ? sluice__shape_text(b, &d->batch[k].shape) : "not");
    }
    return SLUICE_OK;
}

/* The output in each precision; in one that the layer refuses, that of fp32. */
static sluice_status find_outputs(sluice_shape *outputs, const layer *added,
                                  const sluice_layer_description *d) {
    for (int p = 0; p < SLUICE_PRECISIONS; p++) {
        sluice_layer_description other = {0};
        const bool takes               = p != SLUICE_PRECISION_FP32 &&
                           added->kind->describe(&other, added->config, &added->input[p],
                                                 (sluice_precision)p) == SLUICE_OK;
        outputs[p] = takes ? other.output : d->output;
        if (!takes) continue;
        SLUICE__TRY(sluice__check_description(added->kind, &other));
        SLUICE__TRY(check_reads(added->name, d, &other, (sluice_precision)p));
    }
    return SLUICE_OK;
}

/* From now on the names of use `u` mean it. */
static void set_names(sluice_model *model, int u) {
    const use *const it = &model->uses[u];
    sluice__names_set(&model->use_names, it->name, u);
    for (int k = 0; k < it->use.parameter.piece_count; k++)
        sluice__names_set(&model->use_names, it->pieces[k], u);
}

sluice_status sluice_model_add(sluice_model *model, const sluice_layer_kind *kind,
                               const void *config, const char *name) {
    sluice_layer_description d = {0};
    SLUICE__TRY(check_size(kind, name));
    SLUICE__TRY(describe_next(model, kind, config, name, &d));

    const int uses = model->use_count, parts = model->batch_count;
    layer added = {.kind = kind};
    sluice_shape outputs[SLUICE_PRECISIONS];
    memcpy(added.input, model->next, sizeof added.input);
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__copy_text(&added.name, name));
    SLUICE__TRY_OUT(sluice__alloc(&added.config, kind->config_bytes, 1));
    if (kind->config_bytes > 0) memcpy(added.config, config, kind->config_bytes);
    SLUICE__TRY_OUT(
        sluice__grow(&model->layers, (size_t)model->layer_count + 1, sizeof *model->layers));
    SLUICE__TRY_OUT(add_uses(model, model->layer_count, name, &d));
    SLUICE__TRY_OUT(add_batch(model, name, &d));
    SLUICE__TRY_OUT(find_outputs(outputs, &added, &d));
    SLUICE__TRY_OUT(sluice__names_reserve(&model->layer_names, 1));
    SLUICE__TRY_OUT(sluice__names_reserve(&model->use_names,
                                          d.parameter_count * (1 + SLUICE_PARAMETER_PIECES)));

    memcpy(model->next, outputs, sizeof outputs);
    sluice__names_set(&model->layer_names, added.name, model->layer_count);
    for (int u = uses; u < model->use_count; u++) set_names(model, u);
    model->layers[model->layer_count++] = added;
    added                               = (layer){0}; /* now the model's */
    model->is_complete                  = d.is_loss || d.is_end;
    model->weight_per_sample            = d.is_loss ? d.weight_per_sample : 0;
out:
    if (status != SLUICE_OK) {
        drop_uses(model, uses);
        model->batch_count = parts;
    }
    sluice__free(added.config);
    sluice__free(added.name);
    return status;
}

sluice_status sluice_model_tie(sluice_model *model, const char *name, const char *first) {
    int last = model->use_count; /* the first use of the last layer */
    while (last > 0 && model->uses[last - 1].use.layer == model->layer_count - 1) last--;

    const int u = find_in_layer(model, last, name);
    if (u < 0)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "the last layer has no parameter '%s' that could be tied", name);
    const int f = find_before(model, last, first);
    if (f < 0 || strcmp(model->uses[f].name, first) != 0)
        return sluice__fail(SLUICE_E_ARGUMENT, "no earlier layer has a parameter '%s' for '%s'",
                            first, name);
    sluice_parameter_use *const tied          = &model->uses[u].use;
    const sluice_parameter_use *const earlier = &model->uses[f].use;
    if (!sluice__shapes_equal(&tied->parameter.shape, &earlier->parameter.shape)) {
        char a[SLUICE__SHAPE_TEXT], b[SLUICE__SHAPE_TEXT];
        return sluice__fail(SLUICE_E_ARGUMENT, "'%s' is %s, but '%s' is %s: they cannot be tied",
                            name, sluice__shape_text(a, &tied->parameter.shape), first,
                            sluice__shape_text(b, &earlier->parameter.shape));
    }
    /* The values' properties are those of the first use; those of the gradient remain its own. */
    tied->first                 = f;
    tied->name                  = earlier->name;
    tied->parameter.piece_count = earlier->parameter.piece_count;
    memcpy(tied->parameter.pieces, earlier->parameter.pieces, sizeof earlier->parameter.pieces);
    memcpy(tied->pieces, earlier->pieces, sizeof earlier->pieces);
    tied->parameter.initializer = earlier->parameter.initializer;
    tied->parameter.scale       = earlier->parameter.scale;
    tied->parameter.decays      = earlier->parameter.decays;
    return SLUICE_OK;
}

static const layer *layer_at(const sluice_model *model, int l) {
    assert(0 <= l && l < model->layer_count);
    return &model->layers[l];
}

int sluice_model_layer_count(const sluice_model *model) {
    return model->layer_count;
}

const char *sluice_model_layer_name(const sluice_model *model, int l) {
    return layer_at(model, l)->name;
}

const sluice_layer_kind *sluice_model_layer_kind(const sluice_model *model, int l) {
    return layer_at(model, l)->kind;
}

const void *sluice_model_layer_config(const sluice_model *model, int l) {
    return layer_at(model, l)->config;
}

sluice_shape sluice_model_layer_input(const sluice_model *model, int l, int64_t samples,
                                      sluice_precision precision) {
    assert(0 <= (int)precision && (int)precision < SLUICE_PRECISIONS);
    sluice_shape input = layer_at(model, l)->input[precision];
    input.dims[0]      = samples;
    return input;
}

sluice_status sluice_model_describe(sluice_layer_description *out, const sluice_model *model, int l,
                                    int64_t samples, sluice_precision precision) {
    if (samples < 1)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "a micro-batch has %" PRId64 " samples; it needs at least 1", samples);
    if ((int)precision < 0 || (int)precision >= SLUICE_PRECISIONS)
        return sluice__fail(SLUICE_E_UNSUPPORTED, "precision %d does not exist", (int)precision);
    const sluice_shape input   = sluice_model_layer_input(model, l, samples, precision);
    const layer *const subject = layer_at(model, l);
    return subject->kind->describe(out, subject->config, &input, precision);
}

int sluice_model_batch_count(const sluice_model *model) {
    return model->batch_count;
}

const sluice_batch_read *sluice_model_batch(const sluice_model *model, int index) {
    assert(0 <= index && index < model->batch_count);
    return &model->batch[index];
}

int sluice_model_use_count(const sluice_model *model) {
    return model->use_count;
}

const sluice_parameter_use *sluice_model_use(const sluice_model *model, int u) {
    assert(0 <= u && u < model->use_count);
    return &model->uses[u].use;
}

int64_t sluice_model_parameter_count(const sluice_model *model) {
    int64_t count = 0;
    for (int u = 0; u < model->use_count; u++)
        if (model->uses[u].use.first == u)
            count += sluice_shape_count(&model->uses[u].use.parameter.shape);
    return count;
}

bool sluice_model_is_complete(const sluice_model *model) {
    return model->is_complete;
}

int64_t sluice_model_weight_per_sample(const sluice_model *model) {
    return model->weight_per_sample;
}
