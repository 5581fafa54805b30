/* SPDX-License-Identifier: MIT */
/* child.h -- runs a function in a child process, which the emulation may end with a report. */
#ifndef SLUICE_TESTS_SUPPORT_CHILD_H
#define SLUICE_TESTS_SUPPORT_CHILD_H

#include <unistd.h>

#include "tests/support/support.h"

enum { CHILD_RIGHT = 0, CHILD_WRONG = 2, CHILD_CALL_FAILED = 3, CHILD_REPORTED = 97 };

typedef struct child_result {
    int status; /* one of those above; or minus the signal that ended it */
    char text[16384];
} child_result;

/* In the child: a call that must succeed. */
#define child_ok(call)                                                                             \
    do {                                                                                           \
        const int got_ = (int)(call);                                                              \
        if (got_ != 0) {                                                                           \
            (void)fprintf(stderr, "%s -> %d\n", #call, got_);                                      \
            _exit(CHILD_CALL_FAILED);                                                              \
        }                                                                                          \
    } while (0)

/* `body` returns one of the above; the environment is `variables`, "NAME=value" and NULL. */
child_result child_run(int (*body)(void), const char *const *variables);

#endif
