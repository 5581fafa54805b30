/* SPDX-License-Identifier: MIT */
/*
 * test_measured_profile.c -- profiles measured on devices that compute: what they list, and
 * refusals.
 *
 *   test_measured_profile [DEVICE]   cpu, or "cuda" (tests/cuda: emulated)
 */
#include "tests/support/small_gpt.h"

#include <math.h>

#include "sluice/allocator.h"
#include "sluice/gpt2.h"
#include "sluice/profile.h"

static const char *device = "cpu";

static sluice_profile_options settings_of(int ranks) {
    sluice_profile_options options = SLUICE_PROFILE_OPTIONS_INIT;
    options.device                 = device;
    options.ranks                  = ranks;
    options.steps                  = 2;
    options.warm_up                = 1;
    return options;
}

static sluice_profile *measure(const sluice_model *model, const sluice_profile_options *options) {
    sluice_profile *profile = NULL;
    assert_ok(sluice_profile_measure(&profile, model, options));
    return profile;
}

/* ---- what is listed ---- */

/* What F keeps, and what I leaves for W, with tensors of the input, the batch and the gradient. */
static void expect_kept(const sluice_profile_layer *layer, const sluice_layer_description *d,
                        const sluice_shape *input) {
    size_t saved = d->input_until > SLUICE_UNTIL_FORWARD ? sluice_shape_bytes(input) : 0;
    size_t left  = d->weight_reads_output_gradient ? sluice_shape_bytes(&d->output) : 0;
    for (int k = 0; k < d->saved_count; k++) saved += d->saved[k].bytes;
    for (int k = 0; k < d->batch_count; k++)
        if (d->batch[k].until > SLUICE_UNTIL_FORWARD)
            saved += sluice_shape_bytes(&d->batch[k].shape);
    for (int k = 0; k < d->stash_count; k++) left += d->stash[k];
    assert_int_equal(layer->saved_bytes, saved);
    assert_int_equal(layer->input_to_weight_bytes, left);
    assert_false(layer->memory.is_known);
}

static void expect_sizes(const sluice_profile_layer *layer, const sluice_model *model, int l,
                         int64_t samples) {
    sluice_layer_description described;
    int64_t parameters = 0;
    assert_ok(sluice_model_describe(&described, model, l, samples, SLUICE_PRECISION_FP32));
    for (int k = 0; k < described.parameter_count; k++)
        parameters += sluice_shape_count(&described.parameters[k].shape);
    assert_string_equal(layer->name, sluice_model_layer_name(model, l));
    assert_string_equal(layer->kind, sluice_model_layer_kind(model, l)->name);
    assert_int_equal(layer->parameters, parameters);
    assert_int_equal(layer->parameter_bytes, 4 * parameters);
    const sluice_shape input = sluice_model_layer_input(model, l, samples, SLUICE_PRECISION_FP32);
    expect_kept(layer, &described, &input);
    assert_int_equal(layer->output_bytes,
                     described.is_loss ? 0 : sluice_shape_bytes(&described.output));
}

/* A layer of a GPT takes some time in F (its loss: in I) and in W. */
static void expect_times(const sluice_profile_layer *layer, bool is_loss) {
    const double times[] = {layer->forward_s, layer->input_s, layer->weight_s, layer->recompute_s};
    for (int k = 0; k < 4; k++)
        if (!(times[k] >= 0 && times[k] < 60)) fail_msg("%s takes %g s", layer->name, times[k]);
    if (!((is_loss ? layer->input_s : layer->forward_s) > 0)) fail_msg("%s is free", layer->name);
    if (!is_loss && !(layer->recompute_s > 0)) fail_msg("%s is recomputed free", layer->name);
}

static void every_layer_is_listed_for_every_size(void **state) {
    (void)state;
    const int64_t sizes[]          = {4, 1};
    sluice_model *model            = make_model(true);
    sluice_profile_options options = settings_of(2);
    options.microbatches           = sizes;
    options.microbatch_count       = 2;
    options.model                  = "small";
    options.sequence               = LENGTH;
    options.threads                = 1;
    sluice_profile *profile        = measure(model, &options);
    const int layers               = sluice_model_layer_count(model);
    assert_int_equal(profile->table_count, 2);
    for (int t = 0; t < 2; t++) {
        const sluice_profile_table *const table = &profile->tables[t];
        assert_int_equal(table->microbatch, t == 0 ? 1 : 4); /* ascending */
        assert_int_equal(table->layer_count, layers);
        for (int l = 0; l < layers; l++) {
            expect_sizes(&table->layers[l], model, l, table->microbatch);
            expect_times(&table->layers[l], l == layers - 1);
        }
        assert_string_equal(table->layers[0].tie, table->layers[layers - 1].tie);
        assert_null(table->layers[1].tie);
    }
    assert_string_equal(profile->model, "small");
    assert_string_equal(profile->precision, "fp32");
    assert_string_equal(profile->optimizer, "adamw");
    assert_int_equal(profile->sequence, LENGTH);
    assert_int_equal(profile->threads, 1);
    assert_int_equal(profile->ranks, 2);
    assert_true(profile->update_s_per_parameter > 0);
    sluice_profile_free(profile);
    sluice_model_free(model);
}

static void neighbours_have_links(void **state) {
    (void)state;
    sluice_model *model = make_model(false);
    for (int ranks = 1; ranks <= 3; ranks++) {
        const sluice_profile_options options = settings_of(ranks);
        sluice_profile *profile              = measure(model, &options);
        const int count                      = ranks == 1 ? 0 : ranks == 2 ? 2 : 2 * ranks;
        assert_int_equal(profile->link_count, count);
        for (int l = 0; l < count; l++) {
            const sluice_link_cost *const link = &profile->links[l];
            const int apart                    = (link->to - link->from + ranks) % ranks;
            if (apart != 1 && apart != ranks - 1) fail_msg("%d to %d", link->from, link->to);
            if (!(link->latency > 0 && link->bandwidth > 0 && isfinite(link->bandwidth)))
                fail_msg("%g s, %g bytes/s", link->latency, link->bandwidth);
        }
        assert_true((profile->bytes_per_s > 0) == (ranks > 1));
        sluice_profile_free(profile);
    }
    sluice_model_free(model);
}

/* What is measured can be kept in a file, and split. */
static void a_measured_profile_can_be_used(void **state) {
    (void)state;
    char *text = NULL, *again      = NULL;
    sluice_profile *profile, *kept = NULL;
    sluice_model *model                  = make_model(true);
    const sluice_profile_options options = settings_of(2);
    sluice_split *split                  = malloc(sizeof *split);
    profile                              = measure(model, &options);
    assert_ok(sluice_profile_print(&text, profile));
    assert_ok(sluice_profile_parse(&kept, text, strlen(text), "p"));
    assert_ok(sluice_profile_print(&again, kept));
    assert_string_equal(text, again);
    assert_ok(sluice_profile_split(split, &kept->tables[0], 2));
    assert_int_equal(split->first[2], sluice_model_layer_count(model));
    sluice_text_free(text);
    sluice_text_free(again);
    sluice_profile_free(kept);
    sluice_profile_free(profile);
    sluice_model_free(model);
    free(split);
}

/* Sixteen times the work takes longer. */
static void more_work_takes_longer(void **state) {
    (void)state;
    const sluice_linear_config small = {.inputs = 64, .outputs = 64};
    const sluice_linear_config large = {.inputs = 64, .outputs = 1024};
    const sluice_shape sample        = {SLUICE_TYPE_F32, 3, {1, 32, 64, 0}};
    sluice_model *model              = NULL;
    assert_ok(sluice_model_create(&model, &sample));
    assert_ok(sluice_model_add(model, sluice_layer_linear(), &small, "small"));
    assert_ok(sluice_model_add(model, sluice_layer_linear(), &large, "large"));
    assert_ok(sluice_model_add(model, sluice_layer_squared_error(), NULL, "loss"));
    sluice_profile_options options           = settings_of(1);
    options.steps                            = 9;
    sluice_profile *profile                  = measure(model, &options);
    const sluice_profile_layer *const layers = profile->tables[0].layers;
    if (!(layers[1].forward_s > layers[0].forward_s && layers[1].weight_s > layers[0].weight_s))
        fail_msg("F takes %g and %g s, W %g and %g s", layers[0].forward_s, layers[1].forward_s,
                 layers[0].weight_s, layers[1].weight_s);
    sluice_profile_free(profile);
    sluice_model_free(model);
}

/* A model of four blocks, of which one is measured: all layers are listed, with their own names. */
static void layers_that_are_alike_cost_the_same(void **state) {
    (void)state;
    const sluice_gpt_config gpt    = {VOCABULARY, LENGTH, 16, 4, 2, true, 0};
    sluice_model *model            = NULL;
    sluice_profile_options options = settings_of(1);
    options.alike                  = 1;
    assert_ok(sluice_gpt_model(&model, &gpt, LENGTH));
    sluice_profile *profile                 = measure(model, &options);
    const sluice_profile_table *const table = &profile->tables[0];
    const int layers                        = sluice_model_layer_count(model);
    assert_int_equal(table->layer_count, layers);
    for (int l = 0; l < layers; l++) {
        expect_sizes(&table->layers[l], model, l, 1);
        expect_times(&table->layers[l], l == layers - 1);
    }
    for (int l = 3; l < layers - 2; l++) { /* attention and mlp of the blocks after the first */
        assert_true(table->layers[l].forward_s == table->layers[l - 2].forward_s);
        assert_true(table->layers[l].recompute_s == table->layers[l - 2].recompute_s);
        assert_true(table->layers[l].spread.weight_s == table->layers[l - 2].spread.weight_s);
    }
    assert_true(table->layers[1].forward_s != table->layers[2].forward_s);
    assert_string_equal(table->layers[0].tie, table->layers[layers - 1].tie);
    sluice_profile_free(profile);
    sluice_model_free(model);
}

/* ---- the caller's functions ---- */

typedef struct seen {
    int calls, done, all;
    bool falls;
} seen;

static void see(void *context, const char *what, int done, int all) {
    seen *const to = context;
    to->falls      = to->falls || done < to->done || done > all || what[0] == '\0';
    to->done       = done;
    to->all        = all;
    to->calls++;
}

static void progress_rises_to_its_end(void **state) {
    (void)state;
    seen got                       = {0};
    sluice_model *model            = make_model(false);
    sluice_profile_options options = settings_of(2);
    options.progress               = see;
    options.context                = &got;
    sluice_profile_free(measure(model, &options));
    assert_true(got.calls > 2);
    assert_false(got.falls);
    assert_int_equal(got.done, got.all);
    sluice_model_free(model);
}

static sluice_status no_data(void *context, void *to, int64_t first, int64_t samples) {
    (void)context, (void)to, (void)first, (void)samples;
    return sluice_fail(SLUICE_E_IO, "there is no data");
}

static void refuse(const sluice_model *model, const sluice_profile_options *options,
                   sluice_status status, const char *says) {
    sluice_profile *profile = NULL;
    assert_refused(sluice_profile_measure(&profile, model, options), status, says);
    assert_null(profile);
}

static void mistakes_are_named(void **state) {
    (void)state;
    const int64_t twice[] = {2, 1, 2}, none[] = {0};
    sluice_model *model            = make_model(false);
    sluice_profile_options options = settings_of(0);
    refuse(model, &options, SLUICE_E_ARGUMENT, "0 ranks; use 1 to 4096");
    options       = settings_of(1);
    options.steps = 0;
    refuse(model, &options, SLUICE_E_ARGUMENT, "0 steps after 1 that do not count; use 1 to 10000");
    options                  = settings_of(1);
    options.microbatches     = twice;
    options.microbatch_count = 3;
    refuse(model, &options, SLUICE_E_ARGUMENT, "micro-batches of 2 samples are listed twice");
    options.microbatches     = none;
    options.microbatch_count = 1;
    refuse(model, &options, SLUICE_E_ARGUMENT, "a micro-batch of 0 samples; use 1 to 1048576");
    options        = settings_of(1);
    options.device = "virtual";
    refuse(model, &options, SLUICE_E_ARGUMENT,
           "device virtual computes nothing, so that there is nothing to measure");
    options      = settings_of(1);
    options.size = 0;
    refuse(model, &options, SLUICE_E_ARGUMENT, "the profile options have a size of 0 bytes");
    sluice_model_free(model);
}

/* One rank fails, and all of them end. */
static void a_failure_ends_all_ranks(void **state) {
    (void)state;
    const sluice_batch_part parts[] = {
        {"inputs", no_data, NULL}, {"targets", no_data, NULL}, {NULL, NULL, NULL}};
    sluice_model *model            = make_model(false);
    sluice_profile_options options = settings_of(2);
    sluice_profile *profile        = NULL;
    options.parts                  = parts;
    assert_int_not_equal(sluice_profile_measure(&profile, model, &options), SLUICE_OK);
    if (!strstr(sluice_last_error()->what, "there is no data"))
        fail_msg("%s", sluice_last_error()->what);
    assert_null(profile);
    sluice_model_free(model);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layer_is_listed_for_every_size),
        cmocka_unit_test(neighbours_have_links),
        cmocka_unit_test(a_measured_profile_can_be_used),
        cmocka_unit_test(more_work_takes_longer),
        cmocka_unit_test(layers_that_are_alike_cost_the_same),
        cmocka_unit_test(progress_rises_to_its_end),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(a_failure_ends_all_ranks),
    };
    if (argc > 1) device = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
