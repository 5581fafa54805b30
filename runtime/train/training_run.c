/* SPDX-License-Identifier: MIT */
/* training_run.c -- a training run: its counters, and what one step of it does. */
#include "sluice/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/io/folders.h"
#include "runtime/train/saves.h"

/* The windows of a batch: the context of its callbacks. */
typedef struct loader {
    const sluice_corpus *corpus;
    uint64_t seed;
    int64_t length, samples;
    int64_t minibatch; /* -1: the held-out windows */
} loader;

struct sluice_run {
    sluice_pipeline *pipeline;
    const sluice_corpus *corpus;
    sluice_run_options options;
    sluice_run_state state;
    int64_t samples, held_out;
    int64_t weight; /* of a sample */
    int ranks;
    loader loader;
    bool stuck;               /* a rank may still be inside a callback */
    bool saved;               /* in this process */
    char *home;               /* the output folder that it was loaded from; NULL: it was not */
    int64_t loaded;           /* after which step */
    sluice__saver *saver;     /* NULL: saves are between the steps */
    sluice_run_result result; /* of the last step */
    double *inner_idle;       /* its lists, per rank */
    sluice_ledger *ledger;
    char reason[sizeof((sluice_error *)0)->what];
};

/* ---- minibatches ---- */

static int64_t window_of(const loader *from, int64_t sample) {
    if (from->minibatch >= 0)
        return sluice_corpus_sample(from->corpus, from->seed, from->minibatch, from->samples,
                                    sample);
    const int64_t held_out = sluice_corpus_held_out_windows(from->corpus);
    return sluice_corpus_held_out(from->corpus, sample * held_out / from->samples);
}

static sluice_status load_inputs(void *context, void *to, int64_t first, int64_t samples) {
    const loader *from = context;
    for (int64_t k = 0; k < samples; k++)
        SLUICE__TRY(sluice_corpus_window((int32_t *)to + k * from->length, NULL, from->corpus,
                                         window_of(from, first + k)));
    return SLUICE_OK;
}

static sluice_status load_targets(void *context, void *to, int64_t first, int64_t samples) {
    const loader *from = context;
    for (int64_t k = 0; k < samples; k++)
        SLUICE__TRY(sluice_corpus_window(NULL, (int32_t *)to + k * from->length, from->corpus,
                                         window_of(from, first + k)));
    return SLUICE_OK;
}

/* The batch with number `minibatch`, or the held-out windows. While a rank is stuck the loader
 * stays as it is: the rank may read it, and the pipeline refuses the batch. */
static sluice_batch draw(sluice_run *run, int64_t minibatch, int64_t samples) {
    if (!run->stuck)
        run->loader = (loader){run->corpus, run->state.seed, sluice_corpus_length(run->corpus),
                               samples, minibatch};
    return (sluice_batch){
        .samples      = samples,
        .total_weight = (double)(samples * run->weight),
        .parts = {{"inputs", load_inputs, &run->loader}, {"targets", load_targets, &run->loader}}};
}

/* ---- steps ---- */

/* Copied, since the pipeline's lists are gone with its next call. */
static void keep_result(sluice_run *run, const sluice_result *result) {
    memcpy(run->inner_idle, result->inner_idle, (size_t)run->ranks * sizeof *run->inner_idle);
    memcpy(run->ledger, result->ledger, (size_t)run->ranks * sizeof *run->ledger);
    run->result.result            = *result;
    run->result.result.inner_idle = run->inner_idle;
    run->result.result.ledger     = run->ledger;
    run->result.tokens_per_s      = (double)(run->samples * run->weight) / result->seconds;
    run->result.reason            = NULL;
}

static sluice_status skip(sluice_run *run) {
    if (run->state.skipped >= run->options.skip_nonfinite) return SLUICE_E_NONFINITE;
    run->state.skipped++;
    (void)snprintf(run->reason, sizeof run->reason, "%s", sluice_last_error()->what);
    run->result.reason = run->reason;
    return SLUICE_OK;
}

sluice_status sluice_run_step(sluice_run_result *result, sluice_run *run) {
    if (sluice_run_is_done(run))
        return sluice__fail(SLUICE_E_ARGUMENT, "all %" PRId64 " steps of the run are done",
                            run->options.steps);
    const int64_t step  = run->state.step + 1;
    sluice_batch batch  = draw(run, run->state.minibatch, run->samples);
    batch.learning_rate = sluice_learning_rate_at(&run->options.learning_rate, step);
    sluice_result measured;
    const sluice_status status = sluice_pipeline_step(&measured, run->pipeline, &batch);
    if (status == SLUICE_E_DEADLINE) run->stuck = true;
    if (status == SLUICE_E_NONFINITE)
        SLUICE__TRY(skip(run));
    else if (status != SLUICE_OK)
        return status;
    else
        keep_result(run, &measured);
    run->state.step = step;
    run->state.minibatch++;
    run->result.step          = step;
    run->result.learning_rate = batch.learning_rate;
    run->result.skipped       = run->state.skipped;
    *result                   = run->result;
    return SLUICE_OK;
}

sluice_status sluice_run_evaluate(double *loss, sluice_run *run) {
    const sluice_batch batch   = draw(run, -1, run->held_out);
    const sluice_status status = sluice_pipeline_evaluate(loss, run->pipeline, &batch);
    if (status == SLUICE_E_DEADLINE) run->stuck = true;
    return status;
}

int64_t sluice_run_held_out(const sluice_run *run) {
    return run->held_out;
}

bool sluice_run_is_done(const sluice_run *run) {
    return run->state.step >= run->options.steps;
}

bool sluice_run_evaluates(const sluice_run *run) {
    const int64_t every = run->options.evaluate_every;
    return sluice_run_is_done(run) || (every > 0 && run->state.step % every == 0);
}

/* ---- where it is ---- */

sluice_run_state sluice_run_get_state(const sluice_run *run) {
    return run->state;
}

sluice_status sluice_run_set_state(sluice_run *run, const sluice_run_state *state) {
    if (state->step < 0 || state->minibatch < 0 || state->skipped < 0 ||
        state->skipped > state->step || state->minibatch > INT64_MAX / 2)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "no run is at step %" PRId64 " and minibatch %" PRId64 " with %" PRId64
                            " minibatches skipped",
                            state->step, state->minibatch, state->skipped);
    if (state->step > run->options.steps) {
        sluice__fail(SLUICE_E_ARGUMENT, "step %" PRId64 " is past the %" PRId64 " of the run",
                     state->step, run->options.steps);
        return sluice__hint(SLUICE_E_ARGUMENT, "give the run more steps");
    }
    run->state = *state;
    return SLUICE_OK;
}

/* ---- for saves ---- */

sluice_pipeline *sluice__run_pipeline(const sluice_run *run) {
    return run->pipeline;
}

int64_t sluice__run_own_saves(const sluice_run *run, const char *out) {
    if (run->saved) return INT64_MAX;
    return run->home && sluice__path_is_same(run->home, out) ? run->loaded : -1;
}

sluice_status sluice__run_set_loaded(sluice_run *run, const char *folder, int64_t step) {
    char *home = NULL;
    SLUICE__TRY(sluice_save_home(&home, folder));
    sluice__free(run->home);
    run->home   = home;
    run->loaded = step;
    run->saved  = false;
    return SLUICE_OK;
}

void sluice__run_set_saved(sluice_run *run) {
    run->saved = true;
}

sluice__saver *sluice__run_saver(const sluice_run *run) {
    return run->saver;
}

/* ---- open ---- */

static sluice_status check_options(const sluice_run_options *o) {
    if (o->steps < 1)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "a run of %" PRId64 " steps; it must have at least 1", o->steps);
    if (o->held_out < 1)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "evaluations of %" PRId64 " held-out windows; use at least 1",
                            o->held_out);
    if (o->skip_nonfinite < 0 || o->evaluate_every < 0)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "a run that skips %" PRId64 " minibatches and evaluates every %" PRId64
                            " steps; neither may be negative",
                            o->skip_nonfinite, o->evaluate_every);
    return SLUICE_OK;
}

static sluice_status check_read(const sluice_batch_read *part, int64_t length) {
    if (strcmp(part->name, "inputs") != 0 && strcmp(part->name, "targets") != 0)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "the model reads \"%s\" of a batch; a corpus has inputs and targets",
                            part->name);
    if (part->shape.type != SLUICE_TYPE_I32)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "\"%s\" of the model's batches are not tokens (int32), which is what a "
                            "corpus has",
                            part->name);
    if (sluice_shape_count(&part->shape) == length) return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT,
                        "\"%s\" of the model's batches are %" PRId64
                        " tokens of a sample; the corpus has windows of %" PRId64,
                        part->name, sluice_shape_count(&part->shape), length);
}

static sluice_status check_model(const sluice_model *model, const sluice_corpus *corpus) {
    for (int k = 0; k < sluice_model_batch_count(model); k++)
        SLUICE__TRY(check_read(sluice_model_batch(model, k), sluice_corpus_length(corpus)));
    return SLUICE_OK;
}

static int64_t samples_of(const sluice_program *program) {
    int64_t samples = 0;
    for (int i = 0; i < sluice_program_microbatches(program); i++)
        samples += sluice_program_samples(program, i);
    return samples;
}

static sluice_status make_run(sluice_run *run, sluice_pipeline *pipeline, const sluice_model *model,
                              const sluice_corpus *corpus) {
    const sluice_program *program = sluice_pipeline_program(pipeline);
    const int64_t there           = sluice_corpus_held_out_windows(corpus);
    run->pipeline                 = pipeline;
    run->corpus                   = corpus;
    run->state.seed               = run->options.seed;
    run->samples                  = samples_of(program);
    run->held_out                 = there < run->options.held_out ? there : run->options.held_out;
    run->weight                   = sluice_model_weight_per_sample(model);
    run->ranks                    = sluice_program_ranks(program);
    SLUICE__TRY(sluice__alloc(&run->inner_idle, (size_t)run->ranks, sizeof *run->inner_idle));
    SLUICE__TRY(sluice__alloc(&run->ledger, (size_t)run->ranks, sizeof *run->ledger));
    run->result.result.inner_idle = run->inner_idle;
    run->result.result.ledger     = run->ledger;
    return run->options.save_async ? sluice__saver_open(&run->saver, pipeline) : SLUICE_OK;
}

sluice_status sluice_run_open(sluice_run **out, sluice_pipeline *pipeline,
                              const sluice_model *model, const sluice_corpus *corpus,
                              const sluice_run_options *options) {
    sluice_run_options settings = SLUICE_RUN_OPTIONS_INIT;
    if (options->size == 0 || options->size > sizeof settings) {
        sluice__fail(SLUICE_E_ARGUMENT, "the run options have a size of %zu bytes", options->size);
        return sluice__hint(SLUICE_E_ARGUMENT, "start from SLUICE_RUN_OPTIONS_INIT");
    }
    memcpy(&settings, options, options->size);
    SLUICE__TRY(check_options(&settings));
    SLUICE__TRY(check_model(model, corpus));
    sluice_run *run;
    SLUICE__TRY(sluice__alloc(&run, 1, sizeof *run));
    run->options               = settings;
    const sluice_status status = make_run(run, pipeline, model, corpus);
    if (status == SLUICE_OK)
        *out = run;
    else
        sluice_run_close(run);
    return status;
}

void sluice_run_close(sluice_run *run) {
    if (!run) return;
    sluice__saver_close(run->saver);
    run->saver = NULL;
    if (run->stuck) return;
    sluice__free(run->home);
    sluice__free(run->inner_idle);
    sluice__free(run->ledger);
    sluice__free(run);
}
