/* SPDX-License-Identifier: MIT */
/* test_layer.c -- each layer kind's F, I and W against float64 and against its description. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sluice/device.h"
#include "sluice/layer.h"
#include "tests/support/layer64.h"
#include "tests/support/reference64.h"
#include "tests/support/support.h"
#include "tests/unit/model/layer_subjects.h"

enum { MARGIN = 64 }; /* bytes before and after each buffer that must not change */
enum { CHECKED = 10 };
static const sluice_random_key keys = {7, 3, 5}; /* seed, step, first sample */

/* ---- buffers that reveal accesses outside the description ---- */

typedef struct guarded {
    unsigned char *whole;
    size_t bytes;
} guarded;

static void *data_of(const guarded *block) {
    return block->whole + MARGIN;
}

/* NaN: reading it shows in the results. */
static void poison(const guarded *block) {
    memset(data_of(block), 0xFF, block->bytes);
}

static guarded guarded_make(size_t bytes) {
    const size_t whole  = (bytes / MARGIN + 1) * MARGIN + 2 * (size_t)MARGIN;
    const guarded block = {aligned_alloc(MARGIN, whole), bytes};
    assert_non_null(block.whole);
    memset(block.whole, 0xA5, whole);
    poison(&block);
    return block;
}

static void guarded_check(const guarded *block, const char *what, int index) {
    for (size_t i = 0; i < MARGIN; i++)
        if (block->whole[i] != 0xA5 || block->whole[MARGIN + block->bytes + i] != 0xA5)
            fail_msg("%s %d was written outside its %zu bytes", what, index, block->bytes);
}

/* ---- one layer with everything around it ---- */

typedef struct bench {
    const subject *subject;
    const sluice_device_ops *ops;
    sluice_device *device;
    sluice_stream *stream;
    sluice_layer_description d;
    guarded input, output, output_gradient, input_gradient, targets, loss, scratch;
    guarded parameters[SLUICE_LAYER_PARAMETERS], gradients[SLUICE_LAYER_PARAMETERS];
    guarded saved[SLUICE_LAYER_SAVED], stash[SLUICE_LAYER_STASH];
    double total_weight;
    bool training;          /* of the last action, so that the reference drops the same elements */
    double *output_weights; /* output_gradient in float64: the test's loss is its dot product with
                               the output */
} bench;

static float random_float(uint64_t *state) {
    return (float)test_random_int(state, -1000, 1000) / 700.0F + 0.0007F;
}

static void fill_floats(const guarded *block, uint64_t *state) {
    for (size_t i = 0; i < block->bytes / sizeof(float); i++)
        ((float *)data_of(block))[i] = random_float(state);
}

static void fill_integers(const guarded *block, int first, int64_t below, uint64_t *state) {
    for (size_t i = 0; i < block->bytes / sizeof(int32_t); i++)
        ((int32_t *)data_of(block))[i] = test_random_int(state, first, (int)below - 1);
}

static void fill_targets(bench *b, uint64_t *state) {
    if (!b->d.is_loss) return;
    if (b->d.batch[0].shape.type == SLUICE_TYPE_F32)
        fill_floats(&b->targets, state);
    else
        fill_integers(&b->targets, -2, LAYER_CLASSES, state); /* some are masked */
}

static void bench_make(bench *b, const subject *what, int threads, uint64_t *state) {
    *b = (bench){.subject = what, .total_weight = 7};
    assert_ok(sluice_device_find(&b->ops, "cpu"));
    assert_ok(b->ops->open(&b->device, 0, threads, 0, false));
    assert_ok(b->ops->stream_create(&b->stream, b->device, SLUICE_STREAM_COMPUTE));
    assert_ok(what->kind()->describe(&b->d, what->config, &what->input, SLUICE_PRECISION_FP32));
    b->input           = guarded_make(sluice_shape_bytes(&what->input));
    b->output          = guarded_make(sluice_shape_bytes(&b->d.output));
    b->output_gradient = guarded_make(sluice_shape_bytes(&b->d.output));
    b->input_gradient  = guarded_make(sluice_shape_bytes(&what->input));
    b->targets         = guarded_make(b->d.is_loss ? sluice_shape_bytes(&b->d.batch[0].shape) : 0);
    b->loss            = guarded_make(sizeof(double));
    for (int p = 0; p < b->d.parameter_count; p++) {
        b->parameters[p] = guarded_make(sluice_shape_bytes(&b->d.parameters[p].shape));
        b->gradients[p]  = guarded_make(sluice_shape_bytes(&b->d.parameters[p].shape));
        fill_floats(&b->parameters[p], state);
    }
    for (int i = 0; i < b->d.saved_count; i++) b->saved[i] = guarded_make(b->d.saved[i].bytes);
    for (int i = 0; i < b->d.stash_count; i++) b->stash[i] = guarded_make(b->d.stash[i]);
    if (what->tokens > 0)
        fill_integers(&b->input, 0, what->tokens, state);
    else
        fill_floats(&b->input, state);
    fill_targets(b, state);
    fill_floats(&b->output_gradient, state);
    const int64_t outputs = sluice_shape_count(&b->d.output);
    b->output_weights     = reference_zeros(outputs);
    for (int64_t i = 0; i < outputs; i++)
        b->output_weights[i] = ((const float *)data_of(&b->output_gradient))[i];
}

static void check_guards(const bench *b) {
    const guarded *const single[] = {&b->input,          &b->output,  &b->output_gradient,
                                     &b->input_gradient, &b->targets, &b->loss};
    for (size_t i = 0; i < sizeof single / sizeof *single; i++)
        guarded_check(single[i], "buffer", (int)i);
    for (int p = 0; p < b->d.parameter_count; p++) {
        guarded_check(&b->parameters[p], "parameter", p);
        guarded_check(&b->gradients[p], "gradient", p);
    }
    for (int i = 0; i < b->d.saved_count; i++) guarded_check(&b->saved[i], "saved tensor", i);
    for (int i = 0; i < b->d.stash_count; i++) guarded_check(&b->stash[i], "stash tensor", i);
}

static void bench_free(bench *b) {
    check_guards(b);
    guarded *const single[] = {&b->input,          &b->output,  &b->output_gradient,
                               &b->input_gradient, &b->targets, &b->loss};
    for (size_t i = 0; i < sizeof single / sizeof *single; i++) free(single[i]->whole);
    for (int p = 0; p < b->d.parameter_count; p++) free(b->parameters[p].whole);
    for (int p = 0; p < b->d.parameter_count; p++) free(b->gradients[p].whole);
    for (int i = 0; i < b->d.saved_count; i++) free(b->saved[i].whole);
    for (int i = 0; i < b->d.stash_count; i++) free(b->stash[i].whole);
    free(b->output_weights);
    b->ops->stream_destroy(b->stream);
    b->ops->close(b->device);
}

/* Run one action with scratch of exactly the described bytes and only the gradients it writes. */
static void act(bench *b, sluice_layer_action *action, sluice_layer_call call, size_t scratch,
                bool is_input) {
    const void *parameters[SLUICE_LAYER_PARAMETERS] = {NULL};
    float *gradients[SLUICE_LAYER_PARAMETERS]       = {NULL};
    void *saved[SLUICE_LAYER_SAVED]                 = {NULL};
    void *stash[SLUICE_LAYER_STASH]                 = {NULL};
    for (int p = 0; p < b->d.parameter_count; p++) {
        parameters[p] = data_of(&b->parameters[p]);
        if (b->d.parameters[p].gradient_by_input == is_input)
            gradients[p] = data_of(&b->gradients[p]);
    }
    for (int i = 0; i < b->d.saved_count; i++) saved[i] = data_of(&b->saved[i]);
    for (int i = 0; i < b->d.stash_count; i++) stash[i] = data_of(&b->stash[i]);
    const guarded workspace = guarded_make(scratch);
    call.ops                = b->ops;
    call.operations         = b->ops->operations(SLUICE_PRECISION_FP32);
    call.stream             = b->stream;
    call.config             = b->subject->config;
    call.name               = b->subject->name;
    if (call.input_shape.dim_count == 0) call.input_shape = b->subject->input;
    call.parameters   = parameters;
    call.gradients    = gradients;
    call.saved        = saved;
    call.stash        = stash;
    call.scratch      = data_of(&workspace);
    call.total_weight = b->total_weight;
    call.random       = keys;
    b->training       = call.training;
    assert_ok(action(&call));
    assert_ok(b->ops->synchronize(b->stream));
    guarded_check(&workspace, "scratch", 0);
    check_guards(b);
    free(workspace.whole);
}

static void run_forward(bench *b, bool training) {
    sluice_layer_call call = {
        .training = training, .input = data_of(&b->input), .output = data_of(&b->output)};
    const void *const targets = data_of(&b->targets);
    if (b->d.is_loss && !training) {
        call.batch = &targets;
        call.loss  = data_of(&b->loss);
    }
    act(b, b->subject->kind()->forward, call,
        b->d.scratch_forward + (training ? 0 : b->d.scratch_evaluate), false);
}

static void run_input(bench *b, bool first_write, bool first_layer) {
    sluice_layer_call call = {.training = true, .first_write = first_write};
    if (b->d.input_until >= SLUICE_UNTIL_INPUT) call.input = data_of(&b->input);
    if (!b->d.is_loss) call.output_gradient = data_of(&b->output_gradient);
    if (!first_layer && b->subject->input.type == SLUICE_TYPE_F32)
        call.input_gradient = data_of(&b->input_gradient);
    const void *const targets = data_of(&b->targets);
    if (b->d.is_loss) {
        call.batch = &targets;
        call.loss  = data_of(&b->loss);
    }
    act(b, b->subject->kind()->backward_input, call, b->d.scratch_input, true);
}

static void run_weight(bench *b, bool first_write) {
    sluice_layer_call call = {.training = true, .first_write = first_write};
    if (b->d.input_until >= SLUICE_UNTIL_WEIGHT) call.input = data_of(&b->input);
    if (b->d.weight_reads_output_gradient) call.output_gradient = data_of(&b->output_gradient);
    act(b, b->subject->kind()->backward_weight, call, b->d.scratch_weight, false);
}

/* F, I, W; whatever the description no longer needs is poisoned as early as possible. */
static void run_training(bench *b, bool first_write, bool first_layer) {
    run_forward(b, true);
    poison(&b->output);
    run_input(b, first_write, first_layer);
    for (int i = 0; i < b->d.saved_count; i++)
        if (b->d.saved[i].until < SLUICE_UNTIL_WEIGHT) poison(&b->saved[i]);
    run_weight(b, first_write);
}

/* ---- the same in float64 ---- */

typedef struct numbers {
    double *parameters[SLUICE_LAYER_PARAMETERS];
    double *x, *y;
} numbers;

static double *widen(const guarded *block) {
    const int64_t count = (int64_t)(block->bytes / sizeof(float));
    double *const wide  = reference_zeros(count);
    for (int64_t i = 0; i < count; i++) wide[i] = ((const float *)data_of(block))[i];
    return wide;
}

static numbers numbers_make(const bench *b) {
    numbers n = {.y = reference_zeros(sluice_shape_count(&b->d.output) + 1)};
    for (int p = 0; p < b->d.parameter_count; p++) n.parameters[p] = widen(&b->parameters[p]);
    if (b->subject->tokens == 0) n.x = widen(&b->input);
    return n;
}

static void numbers_free(numbers *n) {
    for (int p = 0; p < SLUICE_LAYER_PARAMETERS; p++) free(n->parameters[p]);
    free(n->x);
    free(n->y);
}

/* Output into n->y; returns the layer's loss, or the test's. */
static double loss_of(const bench *b, numbers *n) {
    layer64_forward(n->y, &(layer64){
                              .kind         = b->subject->kind(),
                              .config       = b->subject->config,
                              .input        = b->subject->input,
                              .parameters   = (const double *const *)n->parameters,
                              .x            = n->x ? (const void *)n->x : data_of(&b->input),
                              .targets      = data_of(&b->targets),
                              .total_weight = b->total_weight,
                              .training     = b->training,
                              .name         = b->subject->name,
                              .random       = keys,
                          });
    if (b->d.is_loss) return n->y[0];
    double loss = 0;
    for (int64_t i = 0; i < sluice_shape_count(&b->d.output); i++)
        loss += n->y[i] * b->output_weights[i];
    return loss;
}

static void check_near(double got, double expected, double size, const char *what, int64_t i) {
    if (!(fabs(got - expected) <= 2e-5 * (size + 1)))
        fail_msg("%s, element %lld: %.9g, expected %.9g", what, (long long)i, got, expected);
}

static double largest_of(const guarded *block) {
    double largest = 0;
    for (size_t i = 0; i < block->bytes / sizeof(float); i++)
        largest = fmax(largest, fabs((double)((const float *)data_of(block))[i]));
    return largest;
}

/* Elements of one gradient, accumulated `times` times, against central differences. */
static void check_gradient(const bench *b, numbers *n, double *values, const guarded *gradient,
                           double times, const char *what, uint64_t *state) {
    const int64_t count = (int64_t)(gradient->bytes / sizeof(float));
    assert(values);
    const double largest = largest_of(gradient); /* its rounding is relative to this */
    for (int turn = 0; turn < CHECKED; turn++) {
        const int64_t i = turn < 2 ? turn * (count - 1) : test_random_int(state, 0, (int)count - 1);
        const double mid = values[i], step = 1e-5;
        values[i]             = mid + step;
        const double high     = loss_of(b, n);
        values[i]             = mid - step;
        const double low      = loss_of(b, n);
        values[i]             = mid;
        const double expected = times * (high - low) / (2 * step);
        check_near(((const float *)data_of(gradient))[i], expected, largest, what, i);
    }
}

static void check_gradients(const bench *b, numbers *n, double times, uint64_t *state) {
    for (int p = 0; p < b->d.parameter_count; p++)
        check_gradient(b, n, n->parameters[p], &b->gradients[p], times, b->d.parameters[p].name,
                       state);
    if (n->x) check_gradient(b, n, n->x, &b->input_gradient, 1, "input gradient", state);
}

static void check_output(const bench *b, numbers *n) {
    const double loss = loss_of(b, n);
    if (b->d.is_loss) {
        check_near(*(const double *)data_of(&b->loss), loss, fabs(loss), "loss", 0);
        return;
    }
    const int64_t count = sluice_shape_count(&b->d.output);
    double largest      = 0; /* rounding is relative to this: sums cancel to less */
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, fabs(n->y[i]));
    for (int64_t i = 0; i < count; i++)
        check_near(((const float *)data_of(&b->output))[i], n->y[i], largest, "output", i);
}

/* ---- tests: each over all subjects ---- */

static void for_each(void (*check)(bench *b, uint64_t *state)) {
    uint64_t state = test_seed();
    for (int s = 0; s < layer_subject_count; s++) {
        bench b;
        print_message("%s\n", layer_subjects[s].name);
        bench_make(&b, &layer_subjects[s], 2, &state);
        check(&b, &state);
        bench_free(&b);
    }
}

static void check_forward(bench *b, uint64_t *state) {
    (void)state;
    numbers n = numbers_make(b);
    run_forward(b, false);
    check_output(b, &n);
    if (!b->d.forward_is_empty) {
        poison(&b->output);
        run_forward(b, true);
        check_output(b, &n);
    }
    numbers_free(&n);
}

static void forward_agrees_with_float64(void **unused) {
    (void)unused;
    for_each(check_forward);
}

static void check_backward(bench *b, uint64_t *state) {
    numbers n = numbers_make(b);
    run_training(b, true, false); /* onto gradients full of NaN */
    if (b->d.is_loss) check_output(b, &n);
    check_gradients(b, &n, 1, state);
    run_training(b, false, false);
    check_gradients(b, &n, 2, state);
    numbers_free(&n);
}

static void gradients_agree_with_float64(void **unused) {
    (void)unused;
    for_each(check_backward);
}

static void check_first_layer(bench *b, uint64_t *state) {
    (void)state;
    run_training(b, true, false);
    unsigned char *before[SLUICE_LAYER_PARAMETERS];
    const int count = b->d.parameter_count;
    for (int p = 0; p < count; p++) {
        before[p] = malloc(b->gradients[p].bytes);
        assert_non_null(before[p]);
        memcpy(before[p], data_of(&b->gradients[p]), b->gradients[p].bytes);
        poison(&b->gradients[p]);
    }
    run_training(b, true, true);
    for (int p = 0; p < count; p++) {
        assert_memory_equal(before[p], data_of(&b->gradients[p]), b->gradients[p].bytes);
        free(before[p]);
    }
}

/* A first layer has no input gradient, and computes the same parameter gradients without it. */
static void a_first_layer_needs_no_input_gradient(void **unused) {
    (void)unused;
    for_each(check_first_layer);
}

static void check_no_samples(bench *b, uint64_t *state) {
    (void)state;
    const subject *const original = b->subject;

    subject empty       = *original;
    empty.input.dims[0] = 0;
    b->subject          = &empty;
    run_training(b, true, false);
    for (int p = 0; p < b->d.parameter_count; p++)
        for (size_t i = 0; i < b->gradients[p].bytes / sizeof(float); i++)
            if (((const float *)data_of(&b->gradients[p]))[i] != 0)
                fail_msg("gradient of %s is not zero", b->d.parameters[p].name);
    if (b->d.is_loss) assert_true(*(const double *)data_of(&b->loss) == 0);
    run_training(b, false, false);
    run_forward(b, false);
    if (b->d.is_loss) assert_true(*(const double *)data_of(&b->loss) == 0);
    b->subject = original;
}

static void layers_accept_no_samples(void **unused) {
    (void)unused;
    for_each(check_no_samples);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_agrees_with_float64),
        cmocka_unit_test(gradients_agree_with_float64),
        cmocka_unit_test(a_first_layer_needs_no_input_gradient),
        cmocka_unit_test(layers_accept_no_samples),
    };
    return cmocka_run_group_tests_name("layer", tests, NULL, NULL);
}
