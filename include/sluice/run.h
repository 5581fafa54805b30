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
    int64_t skip_nonfinite; /* skip at most so many minibatches whose loss or gradient norm is not a
                             * finite number */
    int64_t held_out;       /* windows of an evaluation; all of them if there are fewer */
    int64_t evaluate_every; /* steps between evaluations; 0: after the last step only */
    bool save_async; /* sluice_run_save() (save.h) copies the state to host memory and writes it
                      * while steps go on; the copy takes sluice_plan_save_bytes() of each rank */
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
        /* evaluate_every */ 0,                                     \
        /* save_async     */ false                                  \
    }
/* clang-format on */

/*
 * A minibatch has as many samples as the pipeline was planned for. Pipeline, model (the pipeline's)
 * and corpus are borrowed and must outlive the run. Release with sluice_run_close().
 * E_ARGUMENT (the model reads parts of a batch that a corpus does not have, windows are not as long
 * as the model's sequences, a number is out of range), E_HOST_MEMORY (the copy for
 * saves, too); E_UNSUPPORTED: save_async on virtual devices.
 */
SLUICE_API sluice_status sluice_run_open(sluice_run **out, sluice_pipeline *pipeline,
                                         const sluice_model *model, const sluice_corpus *corpus,
                                         const sluice_run_options *options);
/* NULL is fine. A save that is being written is finished first. After E_DEADLINE a rank may still
 * read the corpus through the run; its memory is then not freed. */
SLUICE_API void sluice_run_close(sluice_run *run);

typedef struct sluice_run_result {
    int64_t step; /* from 1 */
    double learning_rate;
    int64_t skipped;      /* minibatches so far */
    const char *reason;   /* why this one was skipped; NULL: it was not. Borrowed, until the next
                           * step */
    sluice_result result; /* of the last minibatch that was not skipped (zeros before the first);
                           * its lists are borrowed until the next step, evaluations aside */
    double tokens_per_s;  /* likewise: loss terms when nothing is masked */
} sluice_run_result;

/*
 * The next step. A minibatch whose loss or gradient norm is not a finite number is skipped as long
 * as the options allow one more; `reason` is the pipeline's error. On failure the run is as before.
 * E_NONFINITE (one more than may be skipped), E_ARGUMENT (all steps are done), and what
 * sluice_pipeline_step() returns.
 */
SLUICE_API sluice_status sluice_run_step(sluice_run_result *result, sluice_run *run);

/* The mean loss over held-out windows: the same ones each time, spread evenly over all. */
SLUICE_API sluice_status sluice_run_evaluate(double *loss, sluice_run *run);
SLUICE_API int64_t sluice_run_held_out(const sluice_run *run); /* how many windows */

SLUICE_API bool sluice_run_is_done(const sluice_run *run); /* all steps are */
/* An evaluation is due after the step just done: after every `evaluate_every`, and the last. */
SLUICE_API bool sluice_run_evaluates(const sluice_run *run);

/* How far a run has come: what a save writes, and a resumed run starts from. Parameters and
 * optimizer state belong to the pipeline. */
typedef struct sluice_run_state {
    int64_t step;      /* steps done, skipped minibatches included */
    int64_t skipped;   /* of those */
    int64_t minibatch; /* of the corpus, from 0: the next one to be drawn */
    uint64_t seed;     /* of the order of the data */
} sluice_run_state;
SLUICE_API sluice_run_state sluice_run_get_state(const sluice_run *run);
/* E_ARGUMENT: a negative number, more skipped than done, more steps than the run has. */
SLUICE_API sluice_status sluice_run_set_state(sluice_run *run, const sluice_run_state *state);

#endif
