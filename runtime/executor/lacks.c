/* SPDX-License-Identifier: MIT */
/* lacks.c -- what a pipeline asked the machine for and does without, in sentences. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/executor/internal.h"

SLUICE_PRINTF(2, 3) static void add_line(sluice_pipeline *pipeline, const char *format, ...) {
    const size_t used = strlen(pipeline->lacks), room = sizeof pipeline->lacks - used;
    const size_t mark = used > 0 && room > 1 ? 1 : 0; /* a new line between two */
    if (mark) memcpy(pipeline->lacks + used, "\n", 2);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(pipeline->lacks + used + mark, room - mark, format, arguments);
    va_end(arguments);
}

void sluice__note_lacks(sluice_pipeline *pipeline) {
    const int threads = pipeline->threads * pipeline->ranks;
    if (!pipeline->pin && !pipeline->options.costs && !pipeline->runs_on) /* those mostly sleep */
        add_line(pipeline,
                 "%d compute threads share %d core%s: none is bound to one, and those that "
                 "wait sleep",
                 threads, pipeline->cores, pipeline->cores == 1 ? "" : "s");
    for (int r = 0; r < pipeline->ranks; r++) {
        const char *lacks = pipeline->ops->lacks(pipeline->rank[r].device);
        if (lacks[0] != '\0' && !strstr(pipeline->lacks, lacks)) add_line(pipeline, "%s", lacks);
    }
}

const char *sluice_pipeline_lacks(const sluice_pipeline *pipeline) {
    return pipeline->lacks;
}
