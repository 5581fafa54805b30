/* SPDX-License-Identifier: MIT */
/*
 * nonfinite.c -- where a loss or a gradient that is not finite comes from.
 *
 * A loss: the losses say which micro-batch; its forward is repeated, and every layer's output is
 * checked. A gradient, with finite losses: the layer is the last in the model with such a gradient,
 * since backward begins at the end; micro-batches are repeated one by one.
 */
#include "runtime/executor/nonfinite.h"

#include <math.h>
#include <stdio.h>

#include "runtime/base/error.h"
#include "runtime/executor/pass.h"
#include "runtime/executor/rank_loop.h"
#include "runtime/executor/report.h"

/* Give samples to micro-batch i of the step alone, as number `as` of the run. */
static void keep_one(sluice_pipeline *pipeline, int i, int as) {
    int64_t *first      = pipeline->run.first_sample;
    const int64_t begin = pipeline->program->first_sample[i];
    for (int k = 0; k <= pipeline->program->microbatches; k++)
        first[k] = k <= as ? begin : pipeline->program->first_sample[i + 1];
}

/* The first layer whose output is not finite in the forward of micro-batch i; -1: none. */
static sluice_status find_layer(sluice_pipeline *pipeline, const sluice__run *how, int i,
                                int *layer, bool *is_input) {
    keep_one(pipeline, i, 0);
    SLUICE__TRY(sluice__carry_out(pipeline, pipeline->forward, how, sluice__run_rank));
    *layer = -1;
    for (int r = 0; r < pipeline->ranks; r++) {
        const sluice__report *report = sluice__report_of(pipeline, r);
        if (report->bad_layer < 0 || (*layer >= 0 && *layer < report->bad_layer)) continue;
        *layer    = report->bad_layer;
        *is_input = report->bad_input;
    }
    return SLUICE_OK;
}

/* "layer 'lm_head' (stage 1, rank 1)" */
static const char *layer_words(char *out, size_t bytes, const sluice_pipeline *pipeline,
                               int layer) {
    const sluice_program *program = pipeline->program;
    const int stage               = sluice__layer_stage(program, layer);
    snprintf(out, bytes, "layer '%s' (stage %d, rank %d)",
             sluice_model_layer_name(pipeline->model, layer), stage, program->stage_rank[stage]);
    return out;
}

/* The sign of a NaN means nothing: print none. */
static double shown(double value) {
    return isnan(value) ? (double)NAN : value;
}

static sluice_status explain_loss(sluice_pipeline *pipeline, const sluice__run *how, double loss,
                                  int i) {
    int layer     = -1;
    bool is_input = false;
    char words[256];
    SLUICE__TRY(find_layer(pipeline, how, i, &layer, &is_input));
    const long long step = (long long)how->step;
    if (is_input)
        return sluice__fail(SLUICE_E_NONFINITE,
                            "step %lld, micro-batch %d: the loss is %g because the inputs are not "
                            "finite; nothing was updated",
                            step, i, shown(loss));
    /* Every output is finite, so that the loss itself is the first that is not. */
    if (layer < 0) layer = sluice_model_layer_count(pipeline->model) - 1;
    return sluice__fail(SLUICE_E_NONFINITE,
                        "step %lld, micro-batch %d: the loss is %g; the first value that is not "
                        "finite is the output of %s; nothing was updated",
                        step, i, shown(loss), layer_words(words, sizeof words, pipeline, layer));
}

/* The first micro-batch whose gradients alone are not finite; -1: only their sum is not. */
static sluice_status find_microbatch(sluice_pipeline *pipeline, const sluice__run *how,
                                     int *found) {
    *found = -1;
    for (int i = 0; i < pipeline->program->microbatches && *found < 0; i++) {
        keep_one(pipeline, i, i);
        SLUICE__TRY(sluice__carry_out(pipeline, pipeline->program, how, sluice__run_rank));
        if (!isfinite(sluice__report_of(pipeline, 0)->norm)) *found = i;
    }
    return SLUICE_OK;
}

static sluice_status explain_norm(sluice_pipeline *pipeline, const sluice__run *how, double loss,
                                  double norm, int use) {
    int i = -1;
    char words[256], where[32] = "the sum of all micro-batches";
    SLUICE__TRY(find_microbatch(pipeline, how, &i));
    if (i >= 0) snprintf(where, sizeof where, "micro-batch %d", i);
    const sluice_parameter_use *bad = sluice_model_use(pipeline->model, use);
    return sluice__fail(
        SLUICE_E_NONFINITE,
        "step %lld, %s: the loss is %g and the gradient norm %g; in backward the first value that "
        "is not finite is the gradient of '%s' in %s; nothing was updated",
        (long long)how->step, where, loss, shown(norm), bad->name,
        layer_words(words, sizeof words, pipeline, bad->layer));
}

sluice_status sluice__explain_nonfinite(sluice_pipeline *pipeline, const sluice_batch *batch) {
    const sluice__report *const report = sluice__report_of(pipeline, 0);
    const double loss = report->loss, norm = report->norm;
    const int microbatch = report->bad_microbatch, use = report->bad_use;
    sluice__run how            = {.batch = *batch, .step = pipeline->run.step};
    how.looks                  = microbatch >= 0;
    const sluice_status status = microbatch >= 0 ? explain_loss(pipeline, &how, loss, microbatch)
                                                 : explain_norm(pipeline, &how, loss, norm, use);
    if (status != SLUICE_E_NONFINITE) return status;
    return sluice__hint(status, "use a lower learning rate, a longer warm-up or clipping");
}
