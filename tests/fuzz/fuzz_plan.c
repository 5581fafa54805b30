/* SPDX-License-Identifier: MIT */
/*
 * fuzz_plan.c -- any bytes as a plan. Oracle: an accepted one has every layer on one stage,
 * micro-batches that make its batch, and prints as a plan that parses to the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sluice/allocator.h"
#include "sluice/plan_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, sluice_last_error()->what);
    abort();
}

static void check_print(const sluice_plan_file *file) {
    char *text = NULL, *again = NULL;
    sluice_plan_file *same = NULL;
    if (sluice_plan_file_print(&text, file) != SLUICE_OK ||
        sluice_plan_file_parse(&same, text, strlen(text), "fuzz") != SLUICE_OK ||
        sluice_plan_file_print(&again, same) != SLUICE_OK || strcmp(text, again) != 0)
        fail("what is printed is not the same");
    sluice_text_free(text);
    sluice_text_free(again);
    sluice_plan_file_free(same);
}

static void check_parts(const sluice_plan_file *file) {
    int64_t samples = 0, layers = 0, last = -1;
    for (int i = 0; i < file->microbatch_count; i++) samples += file->microbatches[i];
    for (int r = 0; r < file->rank_count; r++)
        for (int s = 0; s < file->ranks[r].stage_count; s++) {
            const sluice_plan_file_stage *const stage = &file->ranks[r].stages[s];
            layers += stage->last - stage->first + 1;
            if (stage->last > last) last = stage->last;
        }
    if (samples != file->batch) fail("samples are missing");
    if (layers != last + 1) fail("layers are missing");
    if (!file->schedule == !file->csv) fail("no schedule, or two");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    sluice_plan_file *file = NULL;
    if (sluice_plan_file_parse(&file, (const char *)data, bytes, "fuzz") != SLUICE_OK) {
        if (file || sluice_last_error()->what[0] == '\0') fail("a refusal without a message");
        return 0;
    }
    check_parts(file);
    check_print(file);
    sluice_plan_file_free(file);
    return 0;
}
