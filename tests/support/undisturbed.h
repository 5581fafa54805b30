/* SPDX-License-Identifier: MIT */
/* undisturbed.h -- runs of `sluice train` that a test disturbs, and what one prints at its end that
 * nobody does. */
#ifndef SLUICE_TESTS_UNDISTURBED_H
#define SLUICE_TESTS_UNDISTURBED_H

#include "tests/support/command_run.h"

typedef struct undisturbed {
    folder files;                             /* in memory, with all of these: */
    char text[128], config[128];              /* data and model */
    char base[128], out[128];                 /* results of runs */
    char output[128], errors[128], list[128]; /* what they print, and what else a test reads */
    char expected[64];                        /* printed by a run that nobody disturbs */
} undisturbed;

/* The folder with its text, and a GPT of one block that knows so many words. */
undisturbed undisturbed_make(int vocabulary);
void undisturbed_remove(const undisturbed *it);

/* `program train` on them with these options, which NULL ends, and "`from` `path`". */
command_line undisturbed_line(const undisturbed *it, const char *program,
                              const char *const *options, const char *from, const char *path);

/* The run to compare with. */
void undisturbed_run(undisturbed *it, const command_line *line);
/* Make `out` what `base` is. */
void undisturbed_restore(const undisturbed *it);

/* Fail, unless a run ended as the one that nobody disturbed; the words say which it is. */
void undisturbed_expect(const undisturbed *it, const command_end *end, const char *format, ...)
    SLUICE_PRINTF(3, 4);

#endif
