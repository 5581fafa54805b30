/* SPDX-License-Identifier: MIT */
/* child.h -- runs something in a process of its own, where the emulation may end it with a report.
 */
#ifndef SLUICE_TESTS_SUPPORT_CHILD_H
#define SLUICE_TESTS_SUPPORT_CHILD_H

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/support.h"

enum { CHILD_RIGHT = 0, CHILD_WRONG = 2, CHILD_CALL_FAILED = 3, CHILD_REPORTED = 97 };

typedef struct child_result {
    int status; /* of those above; or minus the signal that ended it */
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

static inline void child_read(child_result *result, int from) {
    size_t used = 0;
    ssize_t more;
    char rest[512];
    while (used + 1 < sizeof result->text &&
           (more = read(from, result->text + used, sizeof result->text - 1 - used)) > 0)
        used += (size_t)more;
    result->text[used] = '\0';
    while (read(from, rest, sizeof rest) > 0) {
    }
}

/* `body` returns one of the above; the environment is `variables`, "NAME=value" and NULL. */
static inline child_result child_run(int (*body)(void), const char *const *variables) {
    child_result result = {0};
    int ends[2], status = 0;
    (void)fflush(NULL);
    if (pipe(ends) != 0) fail_msg("no pipe");
    const pid_t child = fork();
    if (child < 0) fail_msg("no process");
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        (void)close(ends[0]);
        (void)alarm(60);
        for (int v = 0; variables[v]; v++) (void)putenv(strdup(variables[v]));
        _exit(body());
    }
    (void)close(ends[1]);
    child_read(&result, ends[0]);
    (void)close(ends[0]);
    (void)waitpid(child, &status, 0);
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return result;
}

#endif
