/* SPDX-License-Identifier: MIT */
/*
 * scenario.h -- a pipeline on two emulated GPUs from open to close, in phases, and what a failure
 * may leave behind.
 */
#ifndef SLUICE_TESTS_CUDA_SCENARIO_H
#define SLUICE_TESTS_CUDA_SCENARIO_H

#include "tests/emulation/runtime/emu.h"
#include "tests/support/support.h"

#include "sluice/sluice.h"

#define SCENARIO_PHASES(X)                                                                         \
    X(CREATE, "create")                                                                            \
    X(STEP, "the first step")                                                                      \
    X(AGAIN, "the second step")                                                                    \
    X(EVALUATE, "evaluate")                                                                        \
    X(READ, "read")                                                                                \
    X(WRITE, "write")                                                                              \
    X(FREE, "free")

typedef enum scenario_phase {
#define X(name, words) SCENARIO_##name,
    SCENARIO_PHASES(X)
#undef X
        SCENARIO_END
} scenario_phase;

extern const char *const scenario_phase_words[SCENARIO_END];

/* One rank on each GPU, unless one GPU has both. */
typedef struct scenario {
    const char *name, *schedule, *device;
    bool is_gpt; /* tied, with dropout, AdamW; else linear layers and relu, TF32, SGD */
    double deadline_s;
    bool goes_on; /* next to pipelines that exist, instead of in a restarted emulation */
} scenario;

typedef struct outcome {
    scenario_phase failed_in; /* END: nothing failed */
    sluice_status status;
    sluice_error error;
    double seconds;      /* duration of the phase that failed */
    double free_seconds; /* duration of the last phase */
    uint64_t digest;     /* digest of the parameters after two steps */
    sluice_model *model; /* of a stuck rank: to be freed when all ranks have returned */
} outcome;

/* Emulation settings at the start of each run. */
extern emu_settings scenario_settings;

/* Start counting requests for host memory. */
void scenario_begin(void);
/* Let request number `n` from now (0: the next) for host memory fail; -1: none. */
void scenario_fail_memory(int n);
int scenario_requests(void); /* requests since then */

/* Called while each micro-batch is loaded, on the rank's thread; or NULL. */
extern sluice_status (*scenario_while_loading)(void);

/* Run all phases, or up to a failure, after which the pipeline must refuse to go on with the same
 * message. `at` is called when each phase begins, END too; or NULL. `words`: the name of the
 * case. */
outcome scenario_run(const scenario *s, void (*at)(scenario_phase), const char *words);
/* Fails if a thread is left after `seconds`. */
bool scenario_threads_end(double seconds);
/* Fails if a handle, a byte or a thread is left. */
void scenario_expect_nothing_left(const char *words);
/* The same, after at most `seconds`. */
bool scenario_nothing_is_left(double seconds, char *left, size_t bytes);

#endif
