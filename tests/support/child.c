/* SPDX-License-Identifier: MIT */
/* child.c -- forks, and keeps what the child writes. */
#include "tests/support/child.h"

#include <sys/wait.h>

static void child_read(child_result *result, int from) {
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

child_result child_run(int (*body)(void), const char *const *variables) {
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
