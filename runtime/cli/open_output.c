/* SPDX-License-Identifier: MIT */
/* open_output.c -- the one place where the command opens a file for writing. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

FILE *cli_open_output(const char *path, bool append) {
    const int how  = append ? O_APPEND : O_TRUNC;
    const int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | how, 0666);
    if (file < 0) return NULL;
    (void)fcntl(file, F_SETFL, append ? O_APPEND : 0); /* writes may wait */
    FILE *const stream = fdopen(file, append ? "a" : "w");
    if (!stream) close(file);
    return stream;
}

const char *cli_output_reason(void) {
    return errno == ENXIO ? "nobody reads from it" : strerror(errno);
}
