/* SPDX-License-Identifier: MIT */
/* plain_loop.c -- every layer's F, I and W, one layer and micro-batch after another. */
#include "tests/support/plain_loop.h"

#include <math.h>
#include <xxhash.h>

#include "runtime/base/convert.h"

/* What one layer works on, for micro-batches of one size or smaller. */
typedef struct plain_layer {
    sluice_layer_description d;
    int first_use;
    void *input; /* the output is the next layer's input */
    float *output_gradient;
    void *saved[SLUICE_LAYER_SAVED], *stash[SLUICE_LAYER_STASH], *scratch;
} plain_layer;

/* A block aligned as in an arena, and full of NaN. */
static void *plain_alloc(size_t bytes) {
    const size_t whole = bytes / 256 * 256 + 256;
    void *const block  = aligned_alloc(256, whole);
    assert_non_null(block);
    return memset(block, 0xFF, whole);
}

int64_t plain_use_count(const plain_loop *loop, int u) {
    return sluice_shape_count(&sluice_model_use(loop->model, u)->parameter.shape);
}

size_t plain_use_bytes(const plain_loop *loop, int u) {
    return (size_t)plain_use_count(loop, u) * sizeof(float);
}

/* A parameter as layers read it, made from its master; again after each update. */
static void plain_store(const plain_loop *loop, int u) {
    if (loop->parameters[u] == loop->masters[u]) return;
    assert_ok(loop->operations->store_working(
        loop->stream,
        &(sluice_store_working){loop->parameters[u], loop->masters[u], plain_use_count(loop, u)}));
}

plain_loop plain_loop_open_in(const sluice_model *model, const sluice_device_ops *ops,
                              sluice_precision precision, int threads, uint64_t seed) {
    plain_loop loop = {.model      = model,
                       .ops        = ops,
                       .operations = ops->operations(precision),
                       .seed       = seed,
                       .layers     = sluice_model_layer_count(model),
                       .uses       = sluice_model_use_count(model)};
    assert_non_null(loop.operations);
    assert_ok(ops->open(&loop.device, 0, threads, 0, false));
    assert_ok(ops->stream_create(&loop.stream, loop.device, SLUICE_STREAM_COMPUTE));
    loop.parameters = calloc((size_t)(unsigned)loop.uses + 1, sizeof *loop.parameters);
    assert_non_null(loop.parameters);
    float ***const lists[] = {&loop.masters, &loop.gradients, &loop.firsts, &loop.seconds};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        *lists[i] = calloc((size_t)(unsigned)loop.uses + 1, sizeof(float *));
        assert_non_null(*lists[i]);
    }
    for (int u = 0; u < loop.uses; u++) {
        const sluice_parameter_use *const use = sluice_model_use(model, u);
        const size_t bytes                    = plain_use_bytes(&loop, u);
        loop.gradients[u]                     = plain_alloc(bytes);
        if (use->first != u) {
            loop.masters[u]    = loop.masters[use->first];
            loop.parameters[u] = loop.parameters[use->first];
            continue;
        }
        const size_t working = loop.operations->working_bytes(&use->parameter.shape);
        loop.masters[u]      = plain_alloc(bytes);
        loop.parameters[u]   = working > 0 ? plain_alloc(working) : loop.masters[u];
        loop.firsts[u]       = memset(plain_alloc(bytes), 0, bytes);
        loop.seconds[u]      = memset(plain_alloc(bytes), 0, bytes);
        sluice_parameter_initialize(loop.masters[u], use, seed);
        plain_store(&loop, u);
    }
    return loop;
}

plain_loop plain_loop_open(const sluice_model *model, const sluice_device_ops *ops, int threads,
                           uint64_t seed) {
    return plain_loop_open_in(model, ops, SLUICE_PRECISION_FP32, threads, seed);
}

void plain_loop_close(plain_loop *loop) {
    for (int u = 0; u < loop->uses; u++) {
        if (sluice_model_use(loop->model, u)->first == u) {
            if (loop->parameters[u] != loop->masters[u]) free(loop->parameters[u]);
            free(loop->masters[u]);
        }
        free(loop->gradients[u]);
        free(loop->firsts[u]);
        free(loop->seconds[u]);
    }
    free(loop->masters);
    free(loop->parameters);
    free(loop->gradients);
    free(loop->firsts);
    free(loop->seconds);
    loop->ops->stream_destroy(loop->stream);
    loop->ops->close(loop->device);
}

static plain_layer *plain_layers_make(const plain_loop *loop, int64_t samples) {
    plain_layer *const layers = calloc((size_t)(unsigned)loop->layers, sizeof *layers);
    assert_non_null(layers);
    int use = 0;
    for (int l = 0; l < loop->layers; l++) {
        plain_layer *const layer = &layers[l];
        const sluice_shape input =
            sluice_model_layer_input(loop->model, l, samples, loop->operations->precision);
        assert_ok(
            sluice_model_describe(&layer->d, loop->model, l, samples, loop->operations->precision));
        layer->first_use = use;
        use += layer->d.parameter_count;
        layer->input           = plain_alloc(sluice_shape_bytes(&input));
        layer->output_gradient = plain_alloc(sluice_shape_bytes(&layer->d.output));
        for (int i = 0; i < layer->d.saved_count; i++)
            layer->saved[i] = plain_alloc(layer->d.saved[i].bytes);
        for (int i = 0; i < layer->d.stash_count; i++)
            layer->stash[i] = plain_alloc(layer->d.stash[i]);
        /* Shared by all actions: they never run at the same time. */
        layer->scratch = plain_alloc(layer->d.scratch_forward + layer->d.scratch_evaluate +
                                     layer->d.scratch_input + layer->d.scratch_weight);
    }
    return layers;
}

static void plain_layers_free(const plain_loop *loop, plain_layer *layers) {
    for (int l = 0; l < loop->layers; l++) {
        free(layers[l].input);
        free(layers[l].output_gradient);
        free(layers[l].scratch);
        for (int i = 0; i < layers[l].d.saved_count; i++) free(layers[l].saved[i]);
        for (int i = 0; i < layers[l].d.stash_count; i++) free(layers[l].stash[i]);
    }
    free(layers);
}

/* Everything that any action of layer `l` may use. */
static sluice_layer_call plain_call(const plain_loop *loop, plain_layer *layers, int l,
                                    int64_t samples) {
    plain_layer *const layer = &layers[l];
    return (sluice_layer_call){
        .ops        = loop->ops,
        .operations = loop->operations,
        .stream     = loop->stream,
        .config     = sluice_model_layer_config(loop->model, l),
        .name       = sluice_model_layer_name(loop->model, l),
        .input_shape =
            sluice_model_layer_input(loop->model, l, samples, loop->operations->precision),
        .precision       = loop->operations->precision,
        .input           = layer->input,
        .output          = l + 1 < loop->layers ? layers[l + 1].input : NULL,
        .output_gradient = layer->output_gradient,
        .input_gradient  = l > 0 ? layers[l - 1].output_gradient : NULL,
        .parameters      = (const void *const *)loop->parameters + layer->first_use,
        .gradients       = loop->gradients + layer->first_use,
        .saved           = layer->saved,
        .stash           = layer->stash,
        .scratch         = layer->scratch,
    };
}

/* ---- a micro-batch of the minibatch ---- */

/* Its samples of every part that the model reads: as the caller gives them and, for floats, in the
 * type of activations as well. */
typedef struct plain_parts {
    void *given[SLUICE_BATCH_PARTS], *converted[SLUICE_BATCH_PARTS];
} plain_parts;

static const void *plain_source(const plain_loop *loop, const plain_batch *batch,
                                const char *name) {
    if (strcmp(name, "inputs") == 0) return batch->inputs;
    if (strcmp(name, "targets") == 0) return batch->targets;
    if (!loop->other_name || strcmp(name, loop->other_name) != 0)
        fail_msg("the batch has no '%s'", name);
    return loop->other;
}

static plain_parts plain_parts_make(const plain_loop *loop, const plain_batch *batch, int64_t begin,
                                    int64_t samples) {
    plain_parts parts = {{NULL}, {NULL}};
    for (int k = 0; k < sluice_model_batch_count(loop->model); k++) {
        const sluice_batch_read *const read = sluice_model_batch(loop->model, k);
        const sluice_type type              = read->shape.type;
        const int64_t each = sluice_shape_count(&read->shape), count = samples * each;
        const size_t size        = sluice_type_bytes(type);
        const char *const source = plain_source(loop, batch, read->name);
        parts.given[k]           = plain_alloc((size_t)count * size);
        memcpy(parts.given[k], source + (size_t)(begin * each) * size, (size_t)count * size);
        if (type != SLUICE_TYPE_F32) continue;
        parts.converted[k] = plain_alloc((size_t)count * size);
        sluice__convert(parts.converted[k], loop->operations->type, parts.given[k], type, count);
    }
    return parts;
}

static void plain_parts_free(plain_parts *parts) {
    for (int k = 0; k < SLUICE_BATCH_PARTS; k++) {
        free(parts->given[k]);
        free(parts->converted[k]);
    }
}

/* Part k in elements of `type`. */
static const void *plain_part(const plain_loop *loop, const plain_parts *parts, int k,
                              sluice_type type) {
    const bool as_given = sluice_model_batch(loop->model, k)->shape.type == type;
    return as_given ? parts->given[k] : parts->converted[k];
}

/* The parts that a layer reads, in the order of its list. */
static void plain_parts_bind(const void **out, const plain_loop *loop, const plain_parts *parts,
                             const sluice_layer_description *d) {
    for (int k = 0; k < d->batch_count; k++)
        for (int part = 0; part < sluice_model_batch_count(loop->model); part++)
            if (strcmp(sluice_model_batch(loop->model, part)->name, d->batch[k].name) == 0)
                out[k] = plain_part(loop, parts, part, d->batch[k].shape.type);
}

/* One micro-batch through all layers; returns its share of the loss. */
static double plain_microbatch(const plain_loop *loop, plain_layer *layers,
                               const plain_batch *batch, int i, bool training) {
    const int last       = loop->layers - 1;
    const int64_t amount = batch->sizes[i];
    int64_t begin        = 0;
    for (int before = 0; before < i; before++) begin += batch->sizes[before];

    plain_parts parts      = plain_parts_make(loop, batch, begin, amount);
    double *const its_loss = plain_alloc(sizeof *its_loss);
    const sluice_shape input =
        sluice_model_layer_input(loop->model, 0, amount, loop->operations->precision);
    assert_ok(loop->ops->upload(loop->stream, layers[0].input,
                                plain_part(loop, &parts, 0, input.type),
                                sluice_shape_bytes(&input)));

    for (int pass = 0; pass < (training ? 2 : 1); pass++) {
        for (int turn = 0; turn < loop->layers; turn++) {
            const int l                          = pass == 0 ? turn : last - turn;
            sluice_layer_call call               = plain_call(loop, layers, l, amount);
            const sluice_layer_kind *kind        = sluice_model_layer_kind(loop->model, l);
            call.training                        = training;
            call.first_write                     = i == 0;
            const void *read[SLUICE_LAYER_BATCH] = {NULL};
            plain_parts_bind(read, loop, &parts, &layers[l].d);
            call.batch        = read;
            call.loss         = its_loss;
            call.total_weight = batch->total_weight;
            call.random       = (sluice_random_key){loop->seed, loop->step + 1, begin};
            if (pass == 0) {
                if (!training || !layers[l].d.forward_is_empty) assert_ok(kind->forward(&call));
                continue;
            }
            assert_ok(kind->backward_input(&call));
            if (!layers[l].d.weight_is_empty) assert_ok(kind->backward_weight(&call));
        }
    }
    double loss = 0;
    assert_ok(loop->ops->download(loop->stream, &loss, its_loss, sizeof loss));
    assert_ok(loop->ops->synchronize(loop->stream));
    plain_parts_free(&parts);
    free(its_loss);
    return loss;
}

static double plain_run(const plain_loop *loop, const plain_batch *batch, bool training) {
    int64_t largest = 1;
    for (int i = 0; i < batch->microbatches; i++)
        if (batch->sizes[i] > largest) largest = batch->sizes[i];
    double loss = 0;
    for (int i = 0; i < batch->microbatches; i++) {
        plain_layer *const layers = plain_layers_make(loop, largest);
        loss += plain_microbatch(loop, layers, batch, i, training);
        plain_layers_free(loop, layers);
    }
    return loss;
}

double plain_loop_evaluate(const plain_loop *loop, const plain_batch *batch) {
    return plain_run(loop, batch, false);
}

double plain_loop_step(const plain_loop *loop, const plain_batch *batch) {
    for (int u = 0; u < loop->uses; u++) memset(loop->gradients[u], 0xFF, plain_use_bytes(loop, u));
    return plain_run(loop, batch, true);
}

/* The gradients of all uses of a tied parameter, in layer order, into that of the first. */
static void plain_sum_ties(const plain_loop *loop) {
    const float **const terms = calloc((size_t)(unsigned)loop->uses + 1, sizeof *terms);
    assert_non_null(terms);
    for (int u = 0; u < loop->uses; u++) {
        int count = 0;
        for (int other = u; other < loop->uses; other++)
            if (sluice_model_use(loop->model, other)->first == u)
                terms[count++] = loop->gradients[other];
        if (count < 2) continue;
        assert_ok(
            loop->operations->sum(loop->stream, &(sluice_sum){loop->gradients[u], terms, count,
                                                              plain_use_count(loop, u)}));
    }
    free(terms);
}

double plain_loop_update(plain_loop *loop, const sluice_adamw *settings, double clip) {
    plain_sum_ties(loop);
    sluice_update_tensor *const tensors = calloc((size_t)(unsigned)loop->uses + 1, sizeof *tensors);
    double *const partials              = plain_alloc((size_t)loop->uses * sizeof *partials);
    assert_non_null(tensors);
    int count = 0;
    for (int u = 0; u < loop->uses; u++) {
        const sluice_parameter_use *const use = sluice_model_use(loop->model, u);
        if (use->first != u) continue;
        const bool copied = loop->parameters[u] != loop->masters[u];
        tensors[count]    = (sluice_update_tensor){.master   = loop->masters[u],
                                                   .working  = copied ? loop->parameters[u] : NULL,
                                                   .gradient = loop->gradients[u],
                                                   .states   = {loop->firsts[u], loop->seconds[u]},
                                                   .count    = plain_use_count(loop, u),
                                                   .decays   = use->parameter.decays};
        count++;
    }
    assert_ok(loop->operations->sum_squares(loop->stream,
                                            &(sluice_sum_squares){partials, tensors, count}));
    assert_ok(loop->ops->synchronize(loop->stream));
    double squares = 0;
    for (int t = 0; t < count; t++) squares += partials[t];
    const double norm = sqrt(squares);

    sluice_adamw update   = *settings;
    update.tensors        = tensors;
    update.count          = count;
    update.gradient_scale = clip > 0 && norm > clip ? clip / norm : 1;
    update.step           = ++loop->step;
    assert_ok(loop->operations->adamw(loop->stream, &update));
    assert_ok(loop->ops->synchronize(loop->stream));
    free(tensors);
    free(partials);
    return norm;
}

/* What the digest covers: a parameter, or a piece of it. */
typedef struct plain_tensor {
    sluice_parameter_tensor tensor;
    const float *values;
} plain_tensor;

static int plain_compare_names(const void *left, const void *right) {
    return strcmp(((const plain_tensor *)left)->tensor.name,
                  ((const plain_tensor *)right)->tensor.name);
}

/* Returns how many there are. */
static size_t plain_list_tensors(plain_tensor *list, const plain_loop *loop) {
    size_t count = 0;
    for (int u = 0; u < loop->uses; u++) {
        const sluice_parameter_use *const use = sluice_model_use(loop->model, u);
        for (int k = 0; use->first == u && k < sluice_parameter_tensor_count(use); k++) {
            list[count].tensor = sluice_parameter_tensor_at(use, k);
            list[count].values = loop->masters[u] + list[count].tensor.first;
            count++;
        }
    }
    return count;
}

uint64_t plain_loop_digest(const plain_loop *loop) {
    plain_tensor *const list =
        calloc((size_t)(unsigned)loop->uses * SLUICE_PARAMETER_PIECES + 1, sizeof *list);
    XXH3_state_t *const state = XXH3_createState();
    assert_non_null(list);
    assert_non_null(state);
    const size_t count = plain_list_tensors(list, loop);
    qsort(list, count, sizeof *list, plain_compare_names);
    XXH3_64bits_reset(state);
    for (size_t k = 0; k < count; k++) {
        const sluice_shape *const shape = &list[k].tensor.shape;
        XXH3_64bits_update(state, list[k].tensor.name, strlen(list[k].tensor.name) + 1);
        XXH3_64bits_update(state, shape->dims, (size_t)shape->dim_count * sizeof *shape->dims);
        XXH3_64bits_update(state, list[k].values,
                           (size_t)sluice_shape_count(shape) * sizeof *list[k].values);
    }
    const uint64_t digest = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    free(list);
    return digest;
}
