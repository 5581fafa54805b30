/* SPDX-License-Identifier: MIT */
/* choose.c -- the token that a run ends with: the rank of the last stage reads the logits from its
 * device and calls the caller's callback; the report brings the token to every process. */
#include "runtime/executor/choose.h"

#include "runtime/base/alloc.h"
#include "runtime/base/convert.h"
#include "runtime/base/error.h"
#include "runtime/executor/failure.h"
#include "runtime/executor/report.h"

struct sluice__choice {
    void *read;    /* the logits in the layer's type */
    float *logits; /* NULL: they are the ones that were read */
};

static int last_layer(const sluice_pipeline *pipeline) {
    return sluice_model_layer_count(pipeline->model) - 1;
}

/* What the last layer keeps of a sequence; NULL: nothing. */
static const sluice_layer_state *logits_of(const sluice_pipeline *pipeline) {
    const int layer = last_layer(pipeline);
    if (sluice__layer_state_count(pipeline->program, layer) == 0) return NULL;
    const sluice_layer_state *const state = sluice__layer_state(pipeline->program, layer, 0);
    return state->lifetime == SLUICE_LIFETIME_SEQUENCE ? state : NULL;
}

sluice_status sluice__check_choice(const sluice_pipeline *pipeline, const sluice_batch *batch,
                                   const sluice_chooser *chooser) {
    if (!chooser) return SLUICE_OK;
    if (batch->samples < 1)
        return sluice__fail(SLUICE_E_ARGUMENT, "there are no tokens that another could follow");
    if (!logits_of(pipeline))
        return sluice__fail(SLUICE_E_ARGUMENT, "the model does not generate: its last layer keeps "
                                               "no logits to choose a token from");
    return sluice__states_have_values(pipeline);
}

sluice_status sluice__choice_make(sluice__rank *rank) {
    const sluice_pipeline *pipeline       = rank->pipeline;
    const sluice_layer_state *const state = logits_of(pipeline);
    if (!state || rank->index != pipeline->loss_rank) return SLUICE_OK;
    SLUICE__TRY(sluice__alloc(&rank->choice, 1, sizeof *rank->choice));
    SLUICE__TRY(pipeline->ops->host_alloc(&rank->choice->read, rank->device,
                                          sluice_shape_bytes(&state->shape)));
    if (state->shape.type == SLUICE_TYPE_F32) return SLUICE_OK;
    return sluice__alloc(&rank->choice->logits, (size_t)sluice_shape_count(&state->shape),
                         sizeof *rank->choice->logits);
}

void sluice__choice_free(sluice__rank *rank) {
    if (!rank->choice) return;
    rank->pipeline->ops->host_free(rank->device, rank->choice->read);
    sluice__free(rank->choice->logits);
    sluice__free(rank->choice);
    rank->choice = NULL;
}

/* `shape` is theirs. */
static sluice_status read_logits(const float **out, sluice__rank *rank, const sluice_shape *shape) {
    const sluice_pipeline *pipeline   = rank->pipeline;
    struct sluice__choice *const with = rank->choice;
    const size_t at                   = (size_t)last_layer(pipeline) * SLUICE_LAYER_STATES;
    SLUICE__TRY(pipeline->ops->download(rank->stream, with->read,
                                        rank->arena + pipeline->program->layer_states[at],
                                        sluice_shape_bytes(shape)));
    SLUICE__TRY(pipeline->ops->synchronize(rank->stream));
    if (with->logits)
        sluice__convert(with->logits, SLUICE_TYPE_F32, with->read, shape->type,
                        sluice_shape_count(shape));
    *out = with->logits ? with->logits : with->read;
    return SLUICE_OK;
}

/* The callback's own error, if it used sluice_fail(). */
static sluice_status choice_failed(sluice_status status) {
    const sluice_error error = *sluice_last_error();
    if (error.status == status && error.what[0] != '\0') return status;
    return sluice__fail(status, "choosing a token failed: %s", sluice_status_text(status));
}

/* A long batch takes several runs. */
static bool is_last_run(const sluice__run *run) {
    return run->first_sample[run->program->microbatches] >= run->batch.samples;
}

sluice_status sluice__choose(sluice__rank *rank) {
    const sluice_pipeline *pipeline = rank->pipeline;
    const sluice__run *const run    = &pipeline->run;
    const float *logits             = NULL;
    int32_t token                   = -1;
    if (!run->chooser.choose || rank->index != pipeline->loss_rank || !is_last_run(run))
        return SLUICE_OK;
    /* After a failure the caller may have gone on, and its context with it. */
    if (atomic_load(&pipeline->failed)) return sluice__stopped();
    const sluice_shape *const shape = &logits_of(pipeline)->shape;
    SLUICE__TRY(read_logits(&logits, rank, shape));
    const sluice_status status =
        run->chooser.choose(&token, run->chooser.context, logits, sluice_shape_count(shape));
    if (status != SLUICE_OK) return choice_failed(status);
    rank->report->facts.token = token;
    return SLUICE_OK;
}
