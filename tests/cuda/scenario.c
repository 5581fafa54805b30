/* SPDX-License-Identifier: MIT */
/* scenario.c -- runs a pipeline from open to close, phase by phase. */
#include "scenario.h"

#include <dirent.h>
#include <stdatomic.h>
#include <time.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"

enum { LENGTH = 8, VOCABULARY = 24, WIDTH = 6, SAMPLES = 5, RANKS = 2, MICROBATCHES = 3 };

const char *const scenario_phase_words[SCENARIO_END] = {
#define X(name, words) words,
    SCENARIO_PHASES(X)
#undef X
};

emu_settings scenario_settings;
sluice_status (*scenario_while_loading)(void);

/* ---- host memory and threads ---- */

static atomic_int requests, fail_at = -1;
static atomic_long alive;
static int threads_at_first;

static void *resize(void *context, void *block, size_t old_bytes, size_t new_bytes) {
    (void)context;
    if (new_bytes == 0) {
        atomic_fetch_sub(&alive, (long)old_bytes);
        free(block);
        return NULL;
    }
    if (atomic_fetch_add(&requests, 1) == atomic_load(&fail_at)) return NULL;
    atomic_fetch_add(&alive, (long)new_bytes - (long)old_bytes);
    return realloc(block, new_bytes);
}

static int threads(void) {
    DIR *const tasks = opendir("/proc/self/task");
    int count        = -2; /* the entries . and .. */
    assert_non_null(tasks);
    while (readdir(tasks)) count++;
    (void)closedir(tasks);
    return count;
}

void scenario_begin(void) {
    sluice_allocator_set(&(sluice_allocator){resize, NULL});
    scenario_settings = emu_settings_now();
    threads_at_first  = threads();
}

void scenario_fail_memory(int n) {
    atomic_store(&requests, 0);
    atomic_store(&fail_at, n);
}

int scenario_requests(void) {
    return atomic_load(&requests);
}

bool scenario_threads_end(double seconds) {
    for (const double end = sluice__now() + seconds; threads() > threads_at_first;) {
        if (sluice__now() >= end) return false;
        (void)nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    return true;
}

/* A joined thread may stay visible for a short time. */
bool scenario_nothing_is_left(double seconds, char *left, size_t bytes) {
    for (const double end = sluice__now() + seconds;;) {
        char things[160];
        (void)emu_left(things, sizeof things);
        const long host = atomic_load(&alive);
        const int more  = threads() - threads_at_first;
        if (things[0] == '\0' && host == 0 && more == 0) return true;
        (void)snprintf(left, bytes, "%s%s%ld bytes of the host, %d threads", things,
                       things[0] ? ", " : "", host, more);
        if (sluice__now() >= end) return false;
        (void)nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
}

void scenario_expect_nothing_left(const char *words) {
    char left[256];
    if (!scenario_nothing_is_left(0.5, left, sizeof left)) fail_msg("%s: left are %s", words, left);
}

/* ---- models ---- */

static sluice_status linear_model(sluice_model **out) {
    const sluice_linear_config linear = {.inputs = WIDTH, .outputs = WIDTH};
    sluice_model *model               = NULL;
    sluice_status status              = SLUICE_OK;
    SLUICE__TRY_OUT(sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_F32, 1, {WIDTH}}));
    SLUICE__TRY_OUT(sluice_model_add(model, sluice_layer_linear(), &linear, "first"));
    SLUICE__TRY_OUT(sluice_model_add(model, sluice_layer_relu(), NULL, "relu"));
    SLUICE__TRY_OUT(sluice_model_add(model, sluice_layer_linear(), &linear, "second"));
    SLUICE__TRY_OUT(sluice_model_add(model, sluice_layer_squared_error(), NULL, "error"));
    *out  = model;
    model = NULL;
out:
    sluice_model_free(model);
    return status;
}

static sluice_status make_model(sluice_model **out, bool is_gpt) {
    static const sluice_gpt_config gpt = {VOCABULARY, LENGTH, 8, 1, 2, true, 0.1F};
    return is_gpt ? sluice_gpt_model(out, &gpt, LENGTH) : linear_model(out);
}

static sluice_status make_pipeline(sluice_pipeline **out, const sluice_model *model,
                                   const scenario *s) {
    sluice_schedule_options shape   = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_schedule *schedule       = NULL;
    shape.ranks                     = RANKS;
    shape.microbatches              = MICROBATCHES;
    options.samples                 = SAMPLES;
    options.threads                 = 1;
    options.device                  = s->device;
    options.optimizer               = s->is_gpt ? sluice_optimizer_adamw() : sluice_optimizer_sgd();
    options.precision               = s->is_gpt ? SLUICE_PRECISION_FP32 : SLUICE_PRECISION_TF32;
    options.deadline_s              = s->deadline_s;
    SLUICE__TRY(sluice_schedule_generate(&schedule, s->schedule, &shape));
    const sluice_status status =
        sluice_pipeline_plan_and_open(out, model, schedule, NULL, &options);
    sluice_schedule_free(schedule);
    return status;
}

/* ---- minibatches ---- */

static sluice_status load_tokens(void *context, void *to, int64_t first, int64_t samples) {
    (void)context;
    if (scenario_while_loading) SLUICE__TRY(scenario_while_loading());
    for (int64_t k = 0; k < samples * LENGTH; k++)
        ((int32_t *)to)[k] = (int32_t)((first * LENGTH + k) * 5 % VOCABULARY);
    return SLUICE_OK;
}

static sluice_status load_numbers(void *context, void *to, int64_t first, int64_t samples) {
    (void)context;
    if (scenario_while_loading) SLUICE__TRY(scenario_while_loading());
    for (int64_t k = 0; k < samples * WIDTH; k++)
        ((float *)to)[k] = (float)((first * WIDTH + k) % 7) / 7;
    return SLUICE_OK;
}

/* Fewer than the micro-batches of an evaluation: some are empty. */
static sluice_batch make_batch(const scenario *s, int64_t samples) {
    sluice_load *const load = s->is_gpt ? load_tokens : load_numbers;
    return (sluice_batch){
        samples, (double)samples, {{"inputs", load, NULL}, {"targets", load, NULL}}, 1e-2};
}

/* ---- the phases ---- */

static sluice_status step(sluice_pipeline *pipeline, const scenario *s) {
    const sluice_batch batch = make_batch(s, SAMPLES);
    sluice_result result;
    return sluice_pipeline_step(&result, pipeline, &batch);
}

static sluice_status evaluate(sluice_pipeline *pipeline, const scenario *s) {
    const sluice_batch batch = make_batch(s, 3);
    double loss;
    return sluice_pipeline_evaluate(&loss, pipeline, &batch);
}

static sluice_status write_parameter(sluice_pipeline *pipeline, const scenario *s) {
    const float values[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    return s->is_gpt
               ? sluice_pipeline_write_parameter(pipeline, "transformer.ln_f.weight", values, 8)
               : sluice_pipeline_write_parameter(pipeline, "second.bias", values, WIDTH);
}

static sluice_status run_phase(scenario_phase phase, const scenario *s, const sluice_model *model,
                               sluice_pipeline **pipeline, outcome *end) {
    switch (phase) {
    case SCENARIO_CREATE:
        return make_pipeline(pipeline, model, s);
    case SCENARIO_STEP:
    case SCENARIO_AGAIN:
        return step(*pipeline, s);
    case SCENARIO_EVALUATE:
        return evaluate(*pipeline, s);
    case SCENARIO_READ:
        return sluice_pipeline_digest(&end->digest, *pipeline);
    case SCENARIO_WRITE:
        return write_parameter(*pipeline, s);
    default:
        sluice_pipeline_close(*pipeline);
        return SLUICE_OK;
    }
}

static double run_phase_timed(scenario_phase phase, const scenario *s, const sluice_model *model,
                              sluice_pipeline **pipeline, outcome *end, sluice_status *status) {
    const double begin = sluice__now();
    *status            = run_phase(phase, s, model, pipeline, end);
    return sluice__now() - begin;
}

static void expect_kept(sluice_status status, const outcome *end, const char *words) {
    if (status != end->status || strcmp(sluice_last_error()->what, end->error.what) != 0)
        fail_msg("%s: failed with '%s', and then says '%s'", words, end->error.what,
                 status == SLUICE_OK ? "OK" : sluice_last_error()->what);
}

static void expect_refusals(sluice_pipeline *pipeline, const scenario *s, const outcome *end,
                            const char *words) {
    const double begin = sluice__now();
    uint64_t digest    = 0;
    expect_kept(step(pipeline, s), end, words);
    expect_kept(evaluate(pipeline, s), end, words);
    if (sluice__now() - begin > 1) fail_msg("%s: refusals take %g s", words, sluice__now() - begin);
    const sluice_status read = sluice_pipeline_digest(&digest, pipeline); /* may still be done */
    if (read != SLUICE_OK) expect_kept(read, end, words);
}

outcome scenario_run(const scenario *s, void (*at)(scenario_phase), const char *words) {
    outcome end               = {.failed_in = SCENARIO_END};
    sluice_model *model       = NULL;
    sluice_pipeline *pipeline = NULL;
    if (!s->goes_on) emu_restart(&scenario_settings);
    emu_case(words);
    assert_ok(make_model(&model, s->is_gpt));
    for (int phase = SCENARIO_CREATE; phase < SCENARIO_FREE && end.failed_in == SCENARIO_END;
         phase++) {
        if (at) at((scenario_phase)phase);
        end.seconds =
            run_phase_timed((scenario_phase)phase, s, model, &pipeline, &end, &end.status);
        if (end.status == SLUICE_OK) continue;
        end.failed_in = (scenario_phase)phase;
        end.error     = *sluice_last_error();
    }
    const bool is_kept = end.failed_in > SCENARIO_CREATE && end.failed_in < SCENARIO_FREE;
    const bool is_own  = end.status == SLUICE_E_HOST_MEMORY && end.failed_in >= SCENARIO_READ;
    if (is_kept && !is_own) /* allocated by the call itself: nothing has happened */
        expect_refusals(pipeline, s, &end, words);
    sluice_status freed;
    if (at) at(SCENARIO_FREE);
    end.free_seconds = run_phase_timed(SCENARIO_FREE, s, model, &pipeline, &end, &freed);
    if (at) at(SCENARIO_END);
    if (end.status == SLUICE_E_DEADLINE)
        end.model = model;
    else
        sluice_model_free(model);
    return end;
}
