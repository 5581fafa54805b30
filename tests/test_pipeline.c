/* SPDX-License-Identifier: MIT */
/*
 * test_pipeline.c -- the theorem: losses, norms and weights have the same bits whatever the ranks,
 * the schedule and the threads; and what happens when something fails.
 *
 * SLUICE_LONG=1 runs the full product; otherwise a selection that covers every value.
 */
#include "tests/plain_loop.h"

#include <stdatomic.h>
#include <unistd.h>

#include "sluice/allocator.h"
#include "sluice/pipeline.h"

enum { LENGTH = 12, VOCABULARY = 40, STEPS = 5 };

typedef struct setting {
    const char *schedule;
    int ranks, threads, microbatches;
    int64_t samples;
    bool tied;
    sluice_optimizer optimizer;
    unsigned recompute; /* bit s: stage s */
    float dropout;
    int chunks; /* 0: the schedule's own */
} setting;

typedef struct outcome {
    double loss[STEPS], norm[STEPS], held_out;
    uint64_t digest;
} outcome;

/* Token t of sample s of minibatch n: each follows from the one before, so it can be learned. */
static int32_t token(int64_t n, int64_t s, int64_t t) {
    return (int32_t)((17 * n + 5 * s + 3 * t) % VOCABULARY);
}

static sluice_status load_inputs(void *context, void *to, int64_t first, int64_t samples) {
    for (int64_t s = 0; s < samples; s++)
        for (int64_t t = 0; t < LENGTH; t++)
            ((int32_t *)to)[s * LENGTH + t] = token(*(int64_t *)context, first + s, t);
    return SLUICE_OK;
}

static sluice_status load_targets(void *context, void *to, int64_t first, int64_t samples) {
    for (int64_t s = 0; s < samples; s++)
        for (int64_t t = 0; t < LENGTH; t++)
            ((int32_t *)to)[s * LENGTH + t] =
                t == 3 ? -1 : token(*(int64_t *)context, first + s, t + 1);
    return SLUICE_OK;
}

static sluice_model *make_dropping_model(bool tied, float dropout) {
    const sluice_gpt_config config = {VOCABULARY, 16, 24, 2, 3, tied, dropout};
    sluice_model *model;
    assert_ok(sluice_gpt_model(&model, &config, LENGTH));
    return model;
}

static sluice_model *make_model(bool tied) {
    return make_dropping_model(tied, 0);
}

static sluice_schedule *make_chunked_schedule(const char *name, int ranks, int chunks,
                                              int microbatches) {
    sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
    options.ranks                   = ranks;
    options.chunks                  = chunks;
    options.microbatches            = microbatches;
    sluice_schedule *schedule;
    assert_ok(sluice_schedule_generate(&schedule, name, &options));
    return schedule;
}

static sluice_schedule *make_schedule(const char *name, int ranks, int microbatches) {
    return make_chunked_schedule(name, ranks, 0, microbatches);
}

static sluice_pipeline *make_pipeline(const setting *with, const sluice_model *model) {
    sluice_schedule *schedule =
        make_chunked_schedule(with->schedule, with->ranks, with->chunks, with->microbatches);
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    options.samples                 = with->samples;
    options.threads                 = with->threads;
    options.optimizer               = with->optimizer;
    options.clip                    = 0.5;
    bool recompute[8];
    for (int s = 0; s < 8; s++) recompute[s] = with->recompute >> s & 1;
    options.recompute = recompute;
    sluice_pipeline *pipeline;
    assert_ok(sluice_pipeline_create(&pipeline, model, schedule, NULL, &options));
    sluice_schedule_free(schedule);
    return pipeline;
}

static sluice_batch make_batch(int64_t samples, int64_t *n) {
    return (sluice_batch){samples, (double)(samples * (LENGTH - 1)), load_inputs, load_targets, n,
                          3e-3};
}

static outcome train(const setting *with) {
    sluice_model *model       = make_dropping_model(with->tied, with->dropout);
    sluice_pipeline *pipeline = make_pipeline(with, model);
    outcome out               = {0};
    for (int64_t n = 0; n < STEPS; n++) {
        sluice_result result;
        const sluice_batch batch = make_batch(with->samples, &n);
        assert_ok(sluice_pipeline_step(pipeline, &batch, &result));
        out.loss[n] = result.loss;
        out.norm[n] = result.norm;
        if (!(result.seconds > 0) || !(result.makespan_idle >= 0 && result.makespan_idle < 1))
            fail_msg("step %d took %g s, idle %g", (int)n, result.seconds, result.makespan_idle);
    }
    int64_t other            = 99;
    const sluice_batch batch = make_batch(5, &other);
    assert_ok(sluice_pipeline_evaluate(pipeline, &batch, &out.held_out));
    assert_ok(sluice_pipeline_digest(pipeline, &out.digest));
    sluice_pipeline_free(pipeline);
    sluice_model_free(model);
    return out;
}

static void print_setting(char *out, size_t bytes, const setting *with) {
    snprintf(out, bytes,
             "%s, %d ranks x %d threads, chunks %d, %d samples in %d micro-batches, %s, "
             "recompute %x, dropout %g",
             with->schedule, with->ranks, with->threads, with->chunks, (int)with->samples,
             with->microbatches, with->tied ? "tied" : "untied", with->recompute,
             (double)with->dropout);
}

static void assert_same(const outcome *a, const outcome *b, const setting *with) {
    char words[192];
    print_setting(words, sizeof words, with);
    for (int n = 0; n < STEPS; n++) {
        if (memcmp(&a->loss[n], &b->loss[n], sizeof(double)) != 0)
            fail_msg("%s: step %d has loss %.17g, one rank has %.17g", words, n, b->loss[n],
                     a->loss[n]);
        if (memcmp(&a->norm[n], &b->norm[n], sizeof(double)) != 0)
            fail_msg("%s: step %d has norm %.17g, one rank has %.17g", words, n, b->norm[n],
                     a->norm[n]);
    }
    if (a->digest != b->digest)
        fail_msg("%s: weights %016llx, one rank has %016llx", words, (unsigned long long)b->digest,
                 (unsigned long long)a->digest);
    if (memcmp(&a->held_out, &b->held_out, sizeof(double)) != 0)
        fail_msg("%s: evaluates to %.17g, one rank to %.17g", words, b->held_out, a->held_out);
}

static void test_the_bits_are_the_same_however_it_is_split(void **state) {
    (void)state;
    static const int ranks[]             = {1, 2, 3, 5};
    static const char *const schedules[] = {"gpipe", "1f1b"};
    const bool everything                = getenv("SLUICE_LONG") != NULL;
    int runs                             = 0;
    for (int kind = 0; kind < 8; kind++) {
        const bool tied = kind & 1, even = kind & 2;
        const float dropout = kind & 4 ? 0.2F : 0;
        setting with        = {"gpipe", 1,       1, even ? 4 : 3, even ? 8 : 7, tied, SLUICE_ADAMW,
                               0,       dropout, 0};
        const outcome one   = train(&with);
        if (!(one.loss[4] < one.loss[0])) fail_msg("it does not learn");
        for (int k = 0; k < 48; k++) {
            static const unsigned recompute[] = {0, 0xFF, 5};
            with.ranks                        = ranks[k / 4 % 4];
            with.schedule                     = schedules[k / 2 % 2];
            with.threads                      = 1 + k % 2;
            with.recompute                    = recompute[k / 16];
            if (!everything && (k + kind) % 7 != 0) continue;
            const outcome other = train(&with);
            assert_same(&one, &other, &with);
            runs++;
        }
    }
    print_message("%d runs compared\n", runs);
}

/* Every schedule whose gradients add up in ascending order, on as many ranks as the layers allow.
 */
static void test_every_ascending_schedule_has_the_bits_of_one_rank(void **state) {
    (void)state;
    static const struct {
        const char *schedule;
        int chunks, most_ranks;
    } rows[] = {
        {"interleaved", 2, 3},
        {"interleaved", 3, 2},
        {"zb1p",        1, 4},
        {"zb2p",        1, 4},
        {"zbv",         2, 3},
        {"v-half",      2, 3},
        {"v-min",       2, 3},
        {"dualpipev",   2, 3},
    };
    int runs = 0;
    for (int kind = 0; kind < 4; kind++) {
        const bool even   = kind & 1;
        setting with      = {"gpipe", 1,    1, even ? 6 : 3, even ? 8 : 7, kind & 2, SLUICE_ADAMW,
                             0,       0.1F, 0};
        const outcome one = train(&with);
        for (size_t n = 0; n < sizeof rows / sizeof rows[0]; n++) {
            with.schedule = rows[n].schedule;
            with.chunks   = rows[n].chunks;
            for (with.ranks = 1; with.ranks <= rows[n].most_ranks; with.ranks++) {
                with.recompute = with.ranks == 2 ? 0xFF : with.ranks == 3 ? 5 : 0;
                if (!getenv("SLUICE_LONG") && (with.ranks + kind + (int)n) % 3 == 0) continue;
                const outcome other = train(&with);
                assert_same(&one, &other, &with);
                runs++;
            }
        }
    }
    print_message("%d runs compared\n", runs);
}

/* The same steps by a loop over the layers: no executor, no memory plan, no transport. */
static outcome train_plainly(const setting *with) {
    sluice_model *model = make_dropping_model(with->tied, with->dropout);
    plain_loop loop     = plain_loop_open(model, sluice_devices()[0], with->threads, 1);
    const sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    const sluice_update update            = {.learning_rate = 3e-3,
                                             .weight_decay  = options.weight_decay,
                                             .beta1         = options.beta1,
                                             .beta2         = options.beta2,
                                             .epsilon       = 1e-8};
    int32_t inputs[8 * LENGTH], targets[8 * LENGTH];
    int64_t sizes[4];
    for (int i = 0; i < with->microbatches; i++)
        sizes[i] = with->samples / with->microbatches + (i < with->samples % with->microbatches);
    const plain_batch batch = {inputs, targets, sizes, with->microbatches,
                               (double)(with->samples * (LENGTH - 1))};
    outcome out             = {0};
    for (int64_t n = 0; n < STEPS; n++) {
        assert_ok(load_inputs(&n, inputs, 0, with->samples));
        assert_ok(load_targets(&n, targets, 0, with->samples));
        out.loss[n] = plain_loop_step(&loop, &batch);
        out.norm[n] = plain_loop_update(&loop, &update, 0.5);
    }
    plain_loop_close(&loop);
    sluice_model_free(model);
    return out;
}

static void test_a_pipeline_has_the_bits_of_a_plain_loop(void **state) {
    (void)state;
    for (int kind = 0; kind < 8; kind++) {
        const bool even     = kind & 2;
        const setting with  = {"1f1b",   1 + kind % 3, 1, even ? 4 : 3,        even ? 8 : 7,
                               kind & 1, SLUICE_ADAMW, 0, kind & 4 ? 0.3F : 0, 0};
        const outcome plain = train_plainly(&with), piped = train(&with);
        for (int n = 0; n < STEPS; n++)
            if (memcmp(&plain.loss[n], &piped.loss[n], sizeof(double)) != 0 ||
                memcmp(&plain.norm[n], &piped.norm[n], sizeof(double)) != 0)
                fail_msg("step %d: loss %.17g, norm %.17g; a plain loop has %.17g, %.17g", n,
                         piped.loss[n], piped.norm[n], plain.loss[n], plain.norm[n]);
    }
}

/* Micro-batches backward in descending order: other sums, the same numbers but for rounding. */
static void test_descending_schedules_agree_to_rounding(void **state) {
    (void)state;
    static const char *const names[] = {"gpipe-lifo", "looped-bfs"};
    setting with                     = {"gpipe", 1, 1, 4, 8, true, SLUICE_ADAMW, 0, 0, 0};
    const outcome one                = train(&with);
    for (int k = 0; k < 2; k++) {
        with                  = (setting){names[k], 3, 1, 4, 8, true, SLUICE_ADAMW, 0, 0, 0};
        const outcome another = train(&with);
        for (int n = 0; n < STEPS; n++)
            if (fabs(one.loss[n] - another.loss[n]) > 1e-5 * one.loss[n] ||
                fabs(one.norm[n] - another.norm[n]) > 1e-4 * one.norm[n])
                fail_msg("%s, step %d: loss %.9g and %.9g, norm %.9g and %.9g", names[k], n,
                         one.loss[n], another.loss[n], one.norm[n], another.norm[n]);
    }
}

static void test_many_microbatches_agree_with_one_to_rounding(void **state) {
    (void)state;
    for (int m = 2; m <= 7; m += 5) {
        setting with       = {"gpipe", 1, 1, 1, 7, false, SLUICE_SGD, 0, m == 7 ? 0.2F : 0, 0};
        const outcome one  = train(&with);
        with.microbatches  = m;
        const outcome many = train(&with);
        for (int n = 0; n < STEPS; n++)
            if (fabs(one.loss[n] - many.loss[n]) > 1e-5 * one.loss[n] ||
                fabs(one.norm[n] - many.norm[n]) > 1e-4 * one.norm[n])
                fail_msg("step %d, %d micro-batches: loss %.9g and %.9g, norm %.9g and %.9g", n, m,
                         one.loss[n], many.loss[n], one.norm[n], many.norm[n]);
    }
}

/* Dropout happens, in training only, and anew in every step. */
static void test_dropout_is_of_training_only(void **state) {
    (void)state;
    setting with            = {"1f1b", 2, 1, 4, 8, true, SLUICE_SGD, 0, 0, 0};
    const outcome plain     = train(&with);
    with.dropout            = 0.5F;
    const outcome drops     = train(&with);
    sluice_model *models[2] = {make_dropping_model(true, 0), make_dropping_model(true, 0.5F)};
    double held_out[2];
    for (int k = 0; k < 2; k++) {
        sluice_pipeline *pipeline = make_pipeline(&with, models[k]);
        int64_t n                 = 3;
        const sluice_batch batch  = make_batch(5, &n);
        assert_ok(sluice_pipeline_evaluate(pipeline, &batch, &held_out[k]));
        sluice_pipeline_free(pipeline);
        sluice_model_free(models[k]);
    }
    if (held_out[0] != held_out[1])
        fail_msg("evaluation drops: %.17g, without %.17g", held_out[1], held_out[0]);
    if (plain.loss[0] == drops.loss[0]) fail_msg("nothing is dropped in training");
}

/* I and W apart, out of step with each other, are the same sums as B. */
static void test_split_backward_has_the_bits_of_b(void **state) {
    (void)state;
    static const char text[] = "0F0,0F1,0I0,0F2,0I1,0W0,0W1,0I2,0W2\n"
                               "1F0,1I0,1F1,1I1,1F2,1W0,1W1,1I2,1W2\n";
    const setting with       = {"gpipe", 1, 1, 3, 7, true, SLUICE_ADAMW, 0, 0, 0};
    const outcome one        = train(&with);
    sluice_model *model      = make_model(true);
    sluice_schedule *schedule;
    assert_ok(sluice_schedule_parse(&schedule, text, sizeof text - 1));
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    options.samples                 = 7;
    options.threads                 = 1;
    options.clip                    = 0.5;
    sluice_pipeline *pipeline;
    assert_ok(sluice_pipeline_create(&pipeline, model, schedule, NULL, &options));
    for (int64_t n = 0; n < STEPS; n++) {
        sluice_result result;
        const sluice_batch batch = make_batch(7, &n);
        assert_ok(sluice_pipeline_step(pipeline, &batch, &result));
        if (memcmp(&result.loss, &one.loss[n], sizeof(double)) != 0 ||
            memcmp(&result.norm, &one.norm[n], sizeof(double)) != 0)
            fail_msg("step %d: loss %.17g, norm %.17g; with B %.17g, %.17g", (int)n, result.loss,
                     result.norm, one.loss[n], one.norm[n]);
    }
    uint64_t digest;
    assert_ok(sluice_pipeline_digest(pipeline, &digest));
    if (digest != one.digest) fail_msg("the weights differ from those with B");
    sluice_pipeline_free(pipeline);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
}

/* ---- memory ---- */

static atomic_int allocations;

static void *count_and_resize(void *context, void *block, size_t old_bytes, size_t new_bytes) {
    (void)context;
    (void)old_bytes;
    if (new_bytes > 0) {
        atomic_fetch_add(&allocations, 1);
        return realloc(block, new_bytes);
    }
    free(block);
    return NULL;
}

static void test_a_step_allocates_nothing(void **state) {
    (void)state;
    const sluice_allocator counting = {count_and_resize, NULL};
    sluice_set_allocator(&counting);
    const setting with        = {"1f1b", 3, 2, 3, 7, true, SLUICE_ADAMW, 0, 0, 0};
    sluice_model *model       = make_model(true);
    sluice_pipeline *pipeline = make_pipeline(&with, model);
    const int before          = atomic_load(&allocations);
    if (before == 0) fail_msg("the allocator is not asked at all");
    for (int64_t n = 0; n < 3; n++) {
        sluice_result result;
        double loss;
        const sluice_batch batch = make_batch(7, &n);
        assert_ok(sluice_pipeline_step(pipeline, &batch, &result));
        assert_ok(sluice_pipeline_evaluate(pipeline, &batch, &loss));
    }
    const int during = atomic_load(&allocations) - before;
    sluice_pipeline_free(pipeline);
    sluice_model_free(model);
    sluice_set_allocator(NULL);
    if (during != 0) fail_msg("%d allocations in three steps and evaluations", during);
}

/* ---- failures ---- */

typedef struct trouble {
    int64_t n, bad_first;
    double sleep_s;
} trouble;

static sluice_status load_badly(void *context, void *to, int64_t first, int64_t samples) {
    trouble *with = context;
    if (first == with->bad_first && with->sleep_s == 0)
        return sluice_fail(SLUICE_E_IO, "the disk is gone");
    if (first == with->bad_first) usleep((useconds_t)(with->sleep_s * 1e6));
    return load_inputs(&with->n, to, first, samples);
}

static sluice_status load_shifted(void *context, void *to, int64_t first, int64_t samples) {
    return load_targets(&((trouble *)context)->n, to, first, samples);
}

static void test_a_failing_callback_stops_every_rank(void **state) {
    (void)state;
    const setting with        = {"1f1b", 3, 1, 4, 8, true, SLUICE_ADAMW, 0, 0, 0};
    sluice_model *model       = make_model(true);
    sluice_pipeline *pipeline = make_pipeline(&with, model);
    trouble bad               = {0, 4, 0};
    const sluice_batch batch  = {8, 88, load_badly, load_shifted, &bad, 1e-3};
    sluice_result result;
    static const char says[] =
        "rank 0, stage 0, 0F2: loading samples 4 to 5 failed: the disk is gone";
    assert_refused(sluice_pipeline_step(pipeline, &batch, &result), SLUICE_E_CALLBACK, says);
    assert_refused(sluice_pipeline_step(pipeline, &batch, &result), SLUICE_E_CALLBACK, says);
    sluice_pipeline_free(pipeline);
    sluice_model_free(model);
}

static void test_a_deadline_names_who_waits(void **state) {
    (void)state;
    sluice_model *model             = make_model(false);
    sluice_schedule *schedule       = make_schedule("gpipe", 2, 2);
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    options.samples                 = 2;
    options.threads                 = 1;
    options.deadline_s              = 0.2;
    sluice_pipeline *pipeline;
    assert_ok(sluice_pipeline_create(&pipeline, model, schedule, NULL, &options));
    trouble slow             = {0, 1, 1.0};
    const sluice_batch batch = {2, 22, load_badly, load_shifted, &slow, 1e-3};
    sluice_result result;
    assert_refused(sluice_pipeline_step(pipeline, &batch, &result), SLUICE_E_DEADLINE,
                   "rank 1, stage 1, 1RECV_F1: no rank finished anything for 0.2 s: rank 1 waits "
                   "for 1RECV_F1; rank 0 is at 0F1");
    sluice_pipeline_free(pipeline);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
}

static void test_a_loss_that_is_no_number_updates_nothing(void **state) {
    (void)state;
    const setting with        = {"1f1b", 2, 1, 2, 4, true, SLUICE_ADAMW, 0, 0, 0};
    sluice_model *model       = make_model(true);
    sluice_pipeline *pipeline = make_pipeline(&with, model);
    float values[24];
    assert_ok(sluice_pipeline_read_parameter(pipeline, "transformer.ln_f.weight", values, 24));
    values[3] = NAN;
    assert_ok(sluice_pipeline_write_parameter(pipeline, "transformer.ln_f.weight", values, 24));
    uint64_t before, after;
    assert_ok(sluice_pipeline_digest(pipeline, &before));
    int64_t n                = 0;
    const sluice_batch batch = make_batch(4, &n);
    sluice_result result;
    const sluice_status got = sluice_pipeline_step(pipeline, &batch, &result);
    if (got != SLUICE_E_NONFINITE || !strstr(sluice_last_error()->what, "nothing was updated"))
        fail_msg("%s: %s", sluice_status_name(got), sluice_last_error()->what);
    assert_ok(sluice_pipeline_digest(pipeline, &after));
    if (before != after) fail_msg("the weights changed");
    sluice_pipeline_free(pipeline);
    sluice_model_free(model);
}

static void test_wrong_calls_are_refused(void **state) {
    (void)state;
    sluice_model *model       = make_model(true);
    const setting with        = {"gpipe", 2, 1, 2, 4, true, SLUICE_ADAMW, 0, 0, 0};
    sluice_pipeline *pipeline = make_pipeline(&with, model);
    int64_t n                 = 0;
    sluice_batch batch        = make_batch(5, &n);
    sluice_result result;
    float value = 0;
    assert_refused(sluice_pipeline_step(pipeline, &batch, &result), SLUICE_E_ARGUMENT,
                   "a minibatch of 5 samples in a pipeline for 4");
    batch              = make_batch(4, &n);
    batch.total_weight = NAN;
    assert_refused(sluice_pipeline_step(pipeline, &batch, &result), SLUICE_E_ARGUMENT,
                   "the batch's total weight is nan; it must be from 1e-300 to 1e+300");
    assert_refused(sluice_pipeline_read_parameter(pipeline, "wte", &value, 1), SLUICE_E_ARGUMENT,
                   "there is no parameter 'wte'");
    assert_refused(sluice_pipeline_read_parameter(pipeline, "transformer.ln_f.bias", &value, 1),
                   SLUICE_E_ARGUMENT, "parameter 'transformer.ln_f.bias' has 24 elements, not 1");
    batch = make_batch(4, &n);
    assert_ok(sluice_pipeline_step(pipeline, &batch, &result));
    sluice_pipeline_free(pipeline);

    sluice_schedule *schedule       = make_schedule("gpipe", 8, 4);
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    options.samples                 = 4;
    assert_refused(sluice_pipeline_create(&pipeline, model, schedule, NULL, &options),
                   SLUICE_E_ARGUMENT, "8 stages need as many layers, and there are 7");
    sluice_schedule_free(schedule);
    schedule        = make_schedule("gpipe", 2, 4);
    options.samples = 3;
    assert_refused(sluice_pipeline_create(&pipeline, model, schedule, NULL, &options),
                   SLUICE_E_ARGUMENT, "4 micro-batches of a minibatch of 3 samples");
    options.samples = 4;
    options.beta2   = 1;
    assert_refused(sluice_pipeline_create(&pipeline, model, schedule, NULL, &options),
                   SLUICE_E_ARGUMENT, "beta2 is 1; it must be from 0 to 1");
    sluice_schedule_free(schedule);
    sluice_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_bits_are_the_same_however_it_is_split),
        cmocka_unit_test(test_every_ascending_schedule_has_the_bits_of_one_rank),
        cmocka_unit_test(test_a_pipeline_has_the_bits_of_a_plain_loop),
        cmocka_unit_test(test_descending_schedules_agree_to_rounding),
        cmocka_unit_test(test_many_microbatches_agree_with_one_to_rounding),
        cmocka_unit_test(test_dropout_is_of_training_only),
        cmocka_unit_test(test_split_backward_has_the_bits_of_b),
        cmocka_unit_test(test_a_step_allocates_nothing),
        cmocka_unit_test(test_a_failing_callback_stops_every_rank),
        cmocka_unit_test(test_a_deadline_names_who_waits),
        cmocka_unit_test(test_a_loss_that_is_no_number_updates_nothing),
        cmocka_unit_test(test_wrong_calls_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
