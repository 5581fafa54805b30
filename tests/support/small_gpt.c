/* SPDX-License-Identifier: MIT */
/* small_gpt.c -- makes, trains and compares small GPTs. */
#include "tests/support/small_gpt.h"

#include "sluice/gpt2.h"

struct small_gpt_defaults small_gpt;

/* The second step uses every buffer again; later ones add no pair of accesses that may race. */
int small_gpt_steps(void) {
    return test_finds_races() && !getenv("SLUICE_LONG") ? 2 : STEPS;
}

int32_t token(int64_t n, int64_t s, int64_t t) {
    return (int32_t)((17 * n + 5 * s + 3 * t) % VOCABULARY);
}

sluice_status load_inputs(void *context, void *to, int64_t first, int64_t samples) {
    for (int64_t s = 0; s < samples; s++)
        for (int64_t t = 0; t < LENGTH; t++)
            ((int32_t *)to)[s * LENGTH + t] = token(*(int64_t *)context, first + s, t);
    return SLUICE_OK;
}

sluice_status load_targets(void *context, void *to, int64_t first, int64_t samples) {
    for (int64_t s = 0; s < samples; s++)
        for (int64_t t = 0; t < LENGTH; t++)
            ((int32_t *)to)[s * LENGTH + t] =
                t == 3 ? -1 : token(*(int64_t *)context, first + s, t + 1);
    return SLUICE_OK;
}

sluice_model *make_dropping_model(bool tied, float dropout) {
    if (small_gpt.make) return small_gpt.make(tied, dropout);
    const sluice_gpt_config config = {VOCABULARY, 16, 24, 2, 3, tied, dropout};
    sluice_model *model;
    assert_ok(sluice_gpt_model(&model, &config, LENGTH));
    return model;
}

sluice_model *make_model(bool tied) {
    return make_dropping_model(tied, 0);
}

sluice_schedule *make_chunked_schedule(const char *name, int ranks, int chunks, int microbatches) {
    sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
    options.ranks                   = ranks;
    options.chunks                  = chunks;
    options.microbatches            = microbatches;
    sluice_schedule *schedule;
    assert_ok(sluice_schedule_generate(&schedule, name, &options));
    return schedule;
}

sluice_schedule *make_schedule(const char *name, int ranks, int microbatches) {
    return make_chunked_schedule(name, ranks, 0, microbatches);
}

static sluice_pipeline *make_scheduled_pipeline(const setting *with,
                                                const sluice_schedule *schedule,
                                                const sluice_model *model) {
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    options.samples                 = with->samples;
    options.threads                 = with->threads;
    assert_ok(sluice_optimizer_find(&options.optimizer, with->optimizer));
    options.clip             = 0.5;
    options.device           = small_gpt.device;
    options.transport        = small_gpt.transport;
    options.ranks_per_device = small_gpt.ranks_per_device;
    options.precision        = small_gpt.precision;
    bool recompute[16];
    for (int s = 0; s < 16; s++) recompute[s] = with->recompute >> s & 1;
    options.recompute = recompute;
    sluice_pipeline *pipeline;
    assert_ok(sluice__pipeline_plan_and_open(&pipeline, model, schedule, NULL, &options,
                                             &small_gpt.parts));
    return pipeline;
}

sluice_pipeline *make_pipeline(const setting *with, const sluice_model *model) {
    sluice_schedule *schedule =
        make_chunked_schedule(with->schedule, with->ranks, with->chunks, with->microbatches);
    sluice_pipeline *pipeline = make_scheduled_pipeline(with, schedule, model);
    sluice_schedule_free(schedule);
    return pipeline;
}

sluice_batch make_batch(int64_t samples, int64_t *n) {
    return (sluice_batch){samples,
                          (double)(samples * (LENGTH - 1)),
                          {{"inputs", load_inputs, n}, {"targets", load_targets, n}},
                          3e-3};
}

outcome train_by(const setting *with, const sluice_schedule *schedule) {
    sluice_model *model       = make_dropping_model(with->tied, with->dropout);
    sluice_pipeline *pipeline = make_scheduled_pipeline(with, schedule, model);
    outcome out               = {0};
    for (int64_t n = 0; n < small_gpt_steps(); n++) {
        sluice_result result;
        const sluice_batch batch = make_batch(with->samples, &n);
        assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
        out.loss[n] = result.loss;
        out.norm[n] = result.norm;
        if (!(result.seconds > 0) || !(result.makespan_idle >= 0 && result.makespan_idle < 1))
            fail_msg("step %d took %g s, idle %g", (int)n, result.seconds, result.makespan_idle);
    }
    int64_t other            = 99;
    const sluice_batch batch = make_batch(5, &other);
    assert_ok(sluice_pipeline_evaluate(&out.held_out, pipeline, &batch));
    assert_ok(sluice_pipeline_digest(&out.digest, pipeline));
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
    return out;
}

outcome train(const setting *with) {
    sluice_schedule *schedule =
        make_chunked_schedule(with->schedule, with->ranks, with->chunks, with->microbatches);
    const outcome out = train_by(with, schedule);
    sluice_schedule_free(schedule);
    return out;
}

/* Forward only, in micro-batches of at most `max_samples` samples. */
static double evaluate_plainly(const plain_loop *loop, int64_t n, int64_t samples,
                               int64_t max_samples) {
    int32_t inputs[8 * LENGTH], targets[8 * LENGTH];
    int64_t sizes[8];
    plain_batch batch = {inputs, targets, sizes, 0, (double)(samples * (LENGTH - 1))};
    for (int64_t left = samples; left > 0; left -= sizes[batch.microbatches++])
        sizes[batch.microbatches] = left < max_samples ? left : max_samples;
    assert_ok(load_inputs(&n, inputs, 0, samples));
    assert_ok(load_targets(&n, targets, 0, samples));
    return plain_loop_evaluate(loop, &batch);
}

outcome train_plainly(const setting *with, const sluice_device_ops *ops) {
    sluice_model *model = make_dropping_model(with->tied, with->dropout);
    plain_loop loop     = plain_loop_open_in(model, ops, small_gpt.precision, with->threads, 1);
    const sluice_adamw_config usual = SLUICE_ADAMW_CONFIG_INIT;
    const sluice_adamw update       = {.learning_rate = 3e-3,
                                       .weight_decay  = usual.weight_decay,
                                       .beta1         = usual.beta1,
                                       .beta2         = usual.beta2,
                                       .epsilon       = usual.epsilon};
    int32_t inputs[8 * LENGTH], targets[8 * LENGTH];
    int64_t sizes[4];
    for (int i = 0; i < with->microbatches; i++)
        sizes[i] = with->samples / with->microbatches + (i < with->samples % with->microbatches);
    const plain_batch batch = {inputs, targets, sizes, with->microbatches,
                               (double)(with->samples * (LENGTH - 1))};
    outcome out             = {0};
    for (int64_t n = 0; n < small_gpt_steps(); n++) {
        assert_ok(load_inputs(&n, inputs, 0, with->samples));
        assert_ok(load_targets(&n, targets, 0, with->samples));
        out.loss[n] = plain_loop_step(&loop, &batch);
        out.norm[n] = plain_loop_update(&loop, &update, 0.5);
    }
    const int64_t other = 99;
    out.held_out        = evaluate_plainly(&loop, other, 5, sizes[0]);
    out.digest          = plain_loop_digest(&loop);
    plain_loop_close(&loop);
    sluice_model_free(model);
    return out;
}

void print_setting(char *out, size_t bytes, const setting *with) {
    snprintf(out, bytes,
             "%s, %d ranks x %d threads, chunks %d, %d samples in %d micro-batches, %s, "
             "recompute %x, dropout %g",
             with->schedule, with->ranks, with->threads, with->chunks, (int)with->samples,
             with->microbatches, with->tied ? "tied" : "untied", with->recompute,
             (double)with->dropout);
}

void assert_same(const outcome *a, const outcome *b, const setting *with) {
    char words[192];
    print_setting(words, sizeof words, with);
    for (int n = 0; n < small_gpt_steps(); n++) {
        if (memcmp(&a->loss[n], &b->loss[n], sizeof(double)) != 0)
            fail_msg("%s: step %d has loss %.17g%s, one rank has %.17g", words, n, b->loss[n],
                     test_not_finite(b->loss[n]), a->loss[n]);
        if (memcmp(&a->norm[n], &b->norm[n], sizeof(double)) != 0)
            fail_msg("%s: step %d has norm %.17g%s, one rank has %.17g", words, n, b->norm[n],
                     test_not_finite(b->norm[n]), a->norm[n]);
    }
    if (a->digest != b->digest)
        fail_msg("%s: weights %016llx, one rank has %016llx", words, (unsigned long long)b->digest,
                 (unsigned long long)a->digest);
    if (memcmp(&a->held_out, &b->held_out, sizeof(double)) != 0)
        fail_msg("%s: evaluates to %.17g%s, one rank to %.17g", words, b->held_out,
                 test_not_finite(b->held_out), a->held_out);
}
