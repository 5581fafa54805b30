/* SPDX-License-Identifier: MIT */
/* small_gpt.h -- a GPT that trains in milliseconds, and the outcome of training it in one setting
 * or another. */
#ifndef SLUICE_TESTS_SMALL_GPT_H
#define SLUICE_TESTS_SMALL_GPT_H

#include "tests/support/plain_loop.h"

#include "runtime/executor/executor.h"
#include "sluice/pipeline.h"

enum { LENGTH = 12, VOCABULARY = 40, STEPS = 5 };

typedef struct setting { /* NOLINT(clang-analyzer-optin.performance.Padding): ordered for readers */
    const char *schedule;
    int ranks, threads, microbatches;
    int64_t samples;
    bool tied;
    const char *optimizer; /* its name */
    unsigned recompute;    /* bit s: stage s */
    float dropout;
    int chunks; /* 0: the schedule's own */
} setting;

/* Settings of every pipeline made until they are changed. */
extern struct small_gpt_defaults {
    const char *device;    /* NULL: cpu */
    const char *transport; /* NULL: auto */
    int ranks_per_device;
    sluice_model *(*make)(bool tied, float dropout); /* the model to train; NULL: a GPT */
    sluice_precision precision;
    sluice__parts parts; /* a test's device or transport, and a watcher */
} small_gpt;
int small_gpt_steps(void); /* STEPS, or fewer under ThreadSanitizer */

typedef struct outcome {
    double loss[STEPS], norm[STEPS], held_out;
    uint64_t digest;
} outcome;

/* Token t of sample s of minibatch n: each depends on the one before, so that there is something to
 * learn. */
int32_t token(int64_t n, int64_t s, int64_t t);

sluice_status load_inputs(void *context, void *to, int64_t first, int64_t samples);

sluice_status load_targets(void *context, void *to, int64_t first, int64_t samples);

sluice_model *make_dropping_model(bool tied, float dropout);

sluice_model *make_model(bool tied);

/* Another model for small_gpt.make, of as many layers: of the Llamas' kind. */
sluice_model *make_small_llama(bool tied, float dropout);

sluice_schedule *make_chunked_schedule(const char *name, int ranks, int chunks, int microbatches);

sluice_schedule *make_schedule(const char *name, int ranks, int microbatches);

sluice_pipeline *make_pipeline(const setting *with, const sluice_model *model);

sluice_batch make_batch(int64_t samples, int64_t *n);

/* The outcome of `steps` minibatches and an evaluation; the rest of it is 0. */
outcome train_by(const setting *with, const sluice_schedule *schedule);

outcome train(const setting *with);

/* The losses, norms and weights of the same steps by a loop over the layers: no executor, no memory
 * plan, no transport; on a device of kind `ops`, in small_gpt's precision, by AdamW. */
outcome train_plainly(const setting *with, const sluice_device_ops *ops);

void print_setting(char *out, size_t bytes, const setting *with);

/* The same bits. */
void assert_same(const outcome *a, const outcome *b, const setting *with);

#endif
