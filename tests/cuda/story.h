/* SPDX-License-Identifier: MIT */
/*
 * story.h -- what a pipeline lives through on two emulated GPUs, in phases, and what may be left of
 * it when something fails.
 */
#ifndef SLUICE_TESTS_CUDA_STORY_H
#define SLUICE_TESTS_CUDA_STORY_H

#include "tests/emulation/runtime/emu.h"
#include "tests/support/support.h"

#include "sluice/sluice.h"

#define STORY_PHASES(X)                                                                            \
    X(CREATE, "create")                                                                            \
    X(STEP, "the first step")                                                                      \
    X(AGAIN, "the second step")                                                                    \
    X(EVALUATE, "evaluate")                                                                        \
    X(READ, "read")                                                                                \
    X(WRITE, "write")                                                                              \
    X(FREE, "free")

typedef enum story_phase {
#define X(name, words) STORY_##name,
    STORY_PHASES(X)
#undef X
        STORY_END
} story_phase;

extern const char *const story_phase_words[STORY_END];

/* A rank for each GPU, unless one has them both. */
typedef struct story {
    const char *name, *schedule, *device;
    bool is_gpt; /* tied, with dropout, AdamW; else linear layers and relu, TF32, SGD */
    double deadline_s;
    bool goes_on; /* beside what is there, instead of in an emulation begun anew */
} story;

typedef struct ending {
    story_phase failed_in; /* END: nothing failed */
    sluice_status status;
    sluice_error error;
    double seconds;      /* of the phase that failed */
    double free_seconds; /* of the last phase */
    uint64_t digest;     /* of the parameters after two steps */
    sluice_model *model; /* of a rank that is stuck: to be freed when all have come back */
} ending;

/* Settings of the emulation that each telling begins with. */
extern emu_settings story_settings;

/* Host memory is counted from now on. */
void story_begin(void);
/* The request for host memory number `n` from now (0: the next) fails; -1: none does. */
void story_fail_memory(int n);
int story_requests(void); /* since then */

/* Called while each micro-batch is loaded, on the rank's thread; or NULL. */
extern sluice_status (*story_while_loading)(void);

/* From the beginning to the end, or to what fails; after that the pipeline must refuse to go on, in
 * the same words. `at` is told when each phase begins, END too; NULL: nobody is. `words`: which
 * case this is. */
ending story_tell(const story *s, void (*at)(story_phase), const char *words);
/* No thread is left, after up to `seconds`. */
bool story_all_come_back(double seconds);
/* No handle, no byte, no thread. */
void story_expect_nothing_left(const char *words);
/* The same, after up to `seconds`. */
bool story_is_nothing_left(double seconds, char *left, size_t bytes);

#endif
