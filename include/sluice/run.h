/* SPDX-License-Identifier: MIT */
/*
 * run.h -- a training run: step n draws minibatch n of a corpus, sets the learning rate and steps a
 * pipeline. The run has the counters; its caller prints, saves and stops.
 *
 *     sluice_run_open(&run, pipeline, model, corpus, &options);
 *     while (!sluice_run_is_done(run)) {
 *         sluice_run_step(&result, run);
 *         if (sluice_run_evaluates(run)) sluice_run_evaluate(&loss, run);
 *     }
 */
#ifndef SLUICE_RUN_H
#define SLUICE_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/data.h"
#include "sluice/pipeline.h"
#include "sluice/train.h"

typedef struct sluice_run sluice_run;

typedef struct sluice_run_options {
    size_t size; /* sizeof(sluice_run_options), set by the initializer */
    int64_t steps;
    uint64_t seed; /* of the order of the data */
    sluice_learning_rate learning_rate;
    int64_t skip_nonfinite; /* go on past so many minibatches whose loss or gradient norm is not a
                             * finite number */
    int64_t held_out;       /* windows of an evaluation, or all there are if those are fewer */
    int64_t evaluate_every; /* steps between evaluations; 0: after the last step only */
} sluice_run_options;
/* One field a line, in the order of the struct: C++17 has no designated initializers. */
/* clang-format off */
#define SLUICE_RUN_OPTIONS_INIT                                     \
    {                                                               \
        /* size           */ sizeof(sluice_run_options),            \
        /* steps          */ 1,                                     \
        /* seed           */ 1,                                     \
        /* learning_rate  */ {1e-3, 1e-4, 0, 1, SLUICE_DECAY_NONE}, \
        /* skip_nonfinite */ 0,                                     \
        /* held_out       */ 64,                                    \
        /* evaluate_every */ 0                                      \
    }
/* clang-format on */

/*
 * A minibatch has the samples that the pipeline was made for. All three are borrowed, and must
 * outlive the run; `model` is the pipeline's. Release with sluice_run_close().
 * E_ARGUMENT (the model reads of a batch what a corpus does not have, windows of another length
 * than the model's sequences, a number out of its range), E_HOST_MEMORY.
 */
SLUICE_API sluice_status sluice_run_open(sluice_run **out, sluice_pipeline *pipeline,
                                         const sluice_model *model, const sluice_corpus *corpus,
                                         const sluice_run_options *options);
/* NULL is fine. After E_DEADLINE a rank may still read the corpus through the run, whose memory is
 * then left to it. */
SLUICE_API void sluice_run_close(sluice_run *run);

typedef struct sluice_run_result {
    int64_t step; /* this one, from 1 */
    double learning_rate;
    int64_t skipped;      /* minibatches so far */
    const char *reason;   /* why this one was skipped; NULL: it was not. Borrowed, until the next
                           * step */
    sluice_result result; /* of the last minibatch that was not skipped (before it, zeros); its
                           * lists are borrowed until the next step, evaluations aside */
    double tokens_per_s;  /* of that one: loss terms when nothing is masked */
} sluice_run_result;

/*
 * The next step. A minibatch whose loss or gradient norm is not a finite number is skipped, as long
 * as the options allow one more; the pipeline says what was wrong with it (`reason`). On failure
 * the run is as before.
 * E_NONFINITE (one more than may be skipped), E_ARGUMENT (all steps are done), and what
 * sluice_pipeline_step() returns.
 */
SLUICE_API sluice_status sluice_run_step(sluice_run_result *result, sluice_run *run);

/* The mean loss of the same held-out windows each time, spread over all that are held out. */
SLUICE_API sluice_status sluice_run_evaluate(double *loss, sluice_run *run);
SLUICE_API int64_t sluice_run_held_out(const sluice_run *run); /* how many they are */

SLUICE_API bool sluice_run_is_done(const sluice_run *run); /* all steps are */
/* An evaluation is due after the step just done: every so many, and after the last. */
SLUICE_API bool sluice_run_evaluates(const sluice_run *run);

/* Where a run is: what a save writes, and a run that goes on is given. Parameters and the state of
 * the optimizer are the pipeline's. */
typedef struct sluice_run_state {
    int64_t step;      /* steps done, skipped minibatches included */
    int64_t skipped;   /* of those */
    int64_t minibatch; /* of the corpus, from 0: the next one drawn */
    uint64_t seed;     /* of the order of the data */
} sluice_run_state;
SLUICE_API sluice_run_state sluice_run_get_state(const sluice_run *run);
/* E_ARGUMENT: a negative number, more skipped than done, more steps than the run has. */
SLUICE_API sluice_status sluice_run_set_state(sluice_run *run, const sluice_run_state *state);

#endif
