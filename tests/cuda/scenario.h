/* SPDX-License-Identifier: MIT */
/*
 * scenario.h -- a pipeline on two emulated GPUs from create to free, in phases, and what may be
 * left of it when something fails.
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

/* A rank for each GPU, unless one has them both. */
typedef struct scenario {
    const char *name, *schedule, *device;
    bool is_gpt; /* tied, with dropout, AdamW; else linear layers and relu, TF32, SGD */
    double deadline_s;
    bool goes_on; /* beside what is there, instead of in an emulation begun anew */
} scenario;

typedef struct outcome {
    scenario_phase failed_in; /* END: nothing failed */
    sluice_status status;
    sluice_error error;
    double seconds;      /* of the phase that failed */
    double free_seconds; /* of the last phase */
    uint64_t digest;     /* of the parameters after two steps */
    sluice_model *model; /* of a rank that is stuck: to be freed when all have come back */
} outcome;

/* Settings of the emulation that each run begins with. */
extern emu_settings scenario_settings;

/* Host memory is counted from now on. */
void scenario_begin(void);
/* The request for host memory number `n` from now (0: the next) fails; -1: none does. */
void scenario_fail_memory(int n);
int scenario_requests(void); /* since then */

/* Called while each micro-batch is loaded, on the rank's thread; or NULL. */
extern sluice_status (*scenario_while_loading)(void);

/* From the beginning to the end, or to what fails; after that the pipeline must refuse to go on, in
 * the same words. `at` is called when each phase begins, END too; or NULL. `words`: which
 * case this is. */
outcome scenario_run(const scenario *s, void (*at)(scenario_phase), const char *words);
/* No thread is left, after up to `seconds`. */
bool scenario_threads_end(double seconds);
/* No handle, no byte, no thread. */
void scenario_expect_nothing_left(const char *words);
/* The same, after up to `seconds`. */
bool scenario_nothing_is_left(double seconds, char *left, size_t bytes);

#endif
