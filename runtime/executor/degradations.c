/* SPDX-License-Identifier: MIT */
/* degradations.c -- what a pipeline asked the machine for and does without, in sentences. */
#include "runtime/executor/degradations.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

SLUICE_PRINTF(2, 3) static void add_line(sluice_pipeline *pipeline, const char *format, ...) {
    char *const text  = pipeline->degradations;
    const size_t used = strlen(text), left = sizeof pipeline->degradations - used;
    const size_t newline = used > 0 && left > 1 ? 1 : 0;
    if (newline) memcpy(text + used, "\n", 2);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text + used + newline, left - newline, format, arguments);
    va_end(arguments);
}

void sluice__note_degradations(sluice_pipeline *pipeline) {
    const int threads = pipeline->threads * pipeline->world.local_count;
    if (pipeline->pin || !pipeline->ops->computes || pipeline->ops->asynchronous)
        return; /* threads of such devices mostly sleep */
    add_line(pipeline,
             "%d compute threads share %d core%s: none is bound to one, and those that "
             "wait sleep",
             threads, pipeline->cores, pipeline->cores == 1 ? "" : "s");
}

sluice_status sluice__note_device(sluice__rank *rank, void *unused) {
    sluice_pipeline *pipeline = rank->pipeline;
    (void)unused;
    pthread_mutex_lock(&pipeline->lock);
    const char *text = pipeline->ops->degradations(rank->device);
    if (text[0] != '\0' && !strstr(pipeline->degradations, text)) add_line(pipeline, "%s", text);
    pthread_mutex_unlock(&pipeline->lock);
    return SLUICE_OK;
}

const char *sluice_pipeline_degradations(const sluice_pipeline *pipeline) {
    return pipeline->degradations;
}
