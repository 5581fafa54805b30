/* SPDX-License-Identifier: MIT */
/*
 * test_resume.c -- a run whose state is read by name and written into another pipeline goes on with
 * the same bits, whatever the other's ranks, split and schedule: with every optimizer, tied
 * parameters, dropout, and layers that keep state.
 */
#include "tests/support/small_gpt.h"
#include "tests/support/stateful.h"

enum { BEFORE = 3, ALL = 6, SAMPLES = 8, MICROBATCHES = 4 };

/* ---- what to run, and how ---- */

typedef struct problem {
    const char *label, *optimizer;
    double momentum; /* SGD's */
    bool is_gpt, tied;
} problem;

static const problem problems[] = {
    {"adamw", "adamw", 0, true, true},
    {"adamw, untied", "adamw", 0, true, false},
    {"sgd", "sgd", 0, true, true},
    {"sgd with momentum", "sgd", 0.9, true, true},
    {"layers with state", "adamw", 0, false, false},
};
enum { PROBLEMS = sizeof problems / sizeof *problems };

typedef struct way {
    const char *schedule, *split; /* NULL: the library chooses */
    int ranks;
    bool recompute;
} way;

/* Splits of 7 layers, and of 6. */
static const way gpt_ways[]      = {{"gpipe", NULL, 1, false},
                                    {"1f1b", "3,4", 2, false},
                                    {"zbv", NULL, 2, false},
                                    {"1f1b", "1,5,1", 3, true}};
static const way counting_ways[] = {{"gpipe", NULL, 1, false},
                                    {"1f1b", "1,5", 2, false},
                                    {"zb1p", "3,3", 2, true},
                                    {"1f1b", "2,1,3", 3, true}};
enum { WAYS = sizeof gpt_ways / sizeof *gpt_ways };

static sluice_model *make_model_of(const problem *p) {
    return p->is_gpt ? make_dropping_model(p->tied, 0.2F) : make_stateful_model();
}

static sluice_pipeline *open_way(const problem *p, const way *how, const sluice_model *model,
                                 uint64_t seed) {
    static sluice_split split;
    sluice_sgd_config sgd           = SLUICE_SGD_CONFIG_INIT;
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_schedule *schedule       = make_schedule(how->schedule, how->ranks, MICROBATCHES);
    sluice_pipeline *pipeline       = NULL;
    bool recompute[8];
    for (int s = 0; s < 8; s++) recompute[s] = how->recompute;
    sgd.momentum      = p->momentum;
    options.samples   = SAMPLES;
    options.threads   = 1;
    options.clip      = 0.5;
    options.seed      = seed;
    options.recompute = recompute;
    assert_ok(sluice_optimizer_find(&options.optimizer, p->optimizer));
    if (p->momentum > 0) options.optimizer_config = &sgd;
    if (how->split)
        assert_ok(sluice_split_parse(&split, how->split, strlen(how->split),
                                     sluice_model_layer_count(model), how->ranks));
    assert_ok(sluice_pipeline_plan_and_open(&pipeline, model, schedule, how->split ? &split : NULL,
                                            &options));
    sluice_schedule_free(schedule);
    return pipeline;
}

static sluice_batch batch_of(const problem *p, int64_t *n) {
    if (p->is_gpt) return make_batch(SAMPLES, n);
    return (sluice_batch){
        SAMPLES,
        SAMPLES,
        {{"inputs", load_stateful_inputs, n}, {"targets", load_stateful_targets, n}},
        3e-2};
}

typedef struct course {
    double loss[ALL], norm[ALL], held_out;
    uint64_t digest;
} course;

static void run_steps(course *to, sluice_pipeline *pipeline, const problem *p, int64_t from,
                      int64_t end) {
    for (int64_t n = from; n < end; n++) {
        sluice_result result;
        const sluice_batch batch = batch_of(p, &n);
        assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
        to->loss[n] = result.loss;
        to->norm[n] = result.norm;
    }
}

static void finish(course *to, sluice_pipeline *pipeline, const problem *p) {
    int64_t n                = 77;
    const sluice_batch batch = batch_of(p, &n);
    assert_ok(sluice_pipeline_evaluate(&to->held_out, pipeline, &batch));
    assert_ok(sluice_pipeline_digest(&to->digest, pipeline));
}

/* ---- state, read and written ---- */

typedef struct luggage {
    int count;
    char *names[256];
    void *values[256];
    size_t bytes[256];
    sluice_counters counters;
} luggage;

static void take_out(luggage *out, sluice_pipeline *pipeline) {
    out->count    = sluice_pipeline_state_count(pipeline);
    out->counters = sluice_pipeline_counters(pipeline);
    assert_in_range(out->count, 1, 256);
    for (int k = 0; k < out->count; k++) {
        const sluice_state state = sluice_pipeline_state_at(pipeline, k);
        out->names[k]            = strdup(state.name);
        out->bytes[k]            = sluice_shape_bytes(&state.shape);
        out->values[k]           = malloc(out->bytes[k]);
        assert_non_null(out->values[k]);
        assert_ok(sluice_pipeline_read_state(out->values[k], out->bytes[k], pipeline, state.name));
    }
}

static void put_in(const luggage *from, sluice_pipeline *pipeline) {
    assert_int_equal(sluice_pipeline_state_count(pipeline), from->count);
    for (int k = 0; k < from->count; k++)
        assert_ok(
            sluice_pipeline_write_state(pipeline, from->names[k], from->values[k], from->bytes[k]));
    assert_ok(sluice_pipeline_set_counters(pipeline, &from->counters));
}

static void drop(luggage *it) {
    for (int k = 0; k < it->count; k++) free(it->names[k]), free(it->values[k]);
    it->count = 0;
}

/* The same names in the same order, and the same bytes. */
static void expect_same_state(const luggage *a, const luggage *b, const char *words) {
    assert_int_equal(a->count, b->count);
    for (int k = 0; k < a->count; k++)
        if (strcmp(a->names[k], b->names[k]) != 0 || a->bytes[k] != b->bytes[k] ||
            memcmp(a->values[k], b->values[k], a->bytes[k]) != 0)
            fail_msg("%s: '%s' and '%s' differ", words, a->names[k], b->names[k]);
    assert_memory_equal(&a->counters, &b->counters, sizeof a->counters);
}

/* ---- the property ---- */

static void run_through(course *out, luggage *end, const problem *p, const way *how) {
    sluice_model *model       = make_model_of(p);
    sluice_pipeline *pipeline = open_way(p, how, model, 5);
    run_steps(out, pipeline, p, 0, ALL);
    finish(out, pipeline, p);
    take_out(end, pipeline);
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

/* One half on a pipeline, the other on a second one that began with other weights. */
static void run_in_two(course *out, luggage *end, const problem *p, const way *first,
                       const way *second) {
    luggage carried         = {0};
    sluice_model *models[2] = {make_model_of(p), make_model_of(p)};
    sluice_pipeline *before = open_way(p, first, models[0], 5);
    run_steps(out, before, p, 0, BEFORE);
    take_out(&carried, before);
    sluice_pipeline_close(before);
    sluice_pipeline *after = open_way(p, second, models[1], 6);
    put_in(&carried, after);
    run_steps(out, after, p, BEFORE, ALL);
    finish(out, after, p);
    take_out(end, after);
    sluice_pipeline_close(after);
    for (int k = 0; k < 2; k++) sluice_model_free(models[k]);
    drop(&carried);
}

static void compare(const problem *p, const way *ways) {
    course whole     = {0};
    luggage expected = {0};
    run_through(&whole, &expected, p, &ways[0]);
    for (int w = 0; w < WAYS; w++) {
        char words[128];
        course parts           = {0};
        luggage end            = {0};
        const way *const first = &ways[w], *const second = &ways[(w + 1) % WAYS];
        snprintf(words, sizeof words, "%s: %s on %d, then %s on %d", p->label, first->schedule,
                 first->ranks, second->schedule, second->ranks);
        run_in_two(&parts, &end, p, first, second);
        for (int n = 0; n < ALL; n++)
            if (memcmp(&whole.loss[n], &parts.loss[n], sizeof(double)) != 0 ||
                memcmp(&whole.norm[n], &parts.norm[n], sizeof(double)) != 0)
                fail_msg("%s: step %d has loss %.17g, norm %.17g%s; uninterrupted %.17g, %.17g",
                         words, n, parts.loss[n], parts.norm[n], test_not_finite(parts.norm[n]),
                         whole.loss[n], whole.norm[n]);
        if (whole.digest != parts.digest || whole.held_out != parts.held_out)
            fail_msg("%s: other weights than uninterrupted", words);
        expect_same_state(&expected, &end, words);
        drop(&end);
    }
    drop(&expected);
}

static void a_run_continues_elsewhere_with_the_same_bits(void **state) {
    (void)state;
    for (int k = 0; k < PROBLEMS; k++)
        compare(&problems[k], problems[k].is_gpt ? gpt_ways : counting_ways);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_continues_elsewhere_with_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
