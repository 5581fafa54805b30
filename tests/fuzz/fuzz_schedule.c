/* SPDX-License-Identifier: MIT */
/*
 * fuzz_schedule.c -- any bytes as a schedule's text form. Oracle: an accepted schedule prints to a
 * text that parses to the same schedule and prints to the same text.
 */
#include <string.h>

#include "sluice/allocator.h"
#include "sluice/schedule.h"
#include "tests/fuzz/fuzz.h"

static void fail(const char *what, const char *text) {
    fprintf(stderr, "%s:\n%s\n%s\n", what, sluice_last_error()->what, text);
    abort();
}

static bool lists_are_equal(const sluice_schedule *a, const sluice_schedule *b, int r) {
    int count = 0, other = 0;
    const sluice_action *const x = sluice_schedule_list(&count, a, r);
    const sluice_action *const y = sluice_schedule_list(&other, b, r);
    if (count != other) return false;
    for (int k = 0; k < count; k++)
        if (x[k].kind != y[k].kind || x[k].stage != y[k].stage ||
            x[k].microbatch != y[k].microbatch || x[k].group != y[k].group)
            return false;
    return true;
}

static bool are_equal(const sluice_schedule *a, const sluice_schedule *b) {
    if (sluice_schedule_ranks(a) != sluice_schedule_ranks(b) ||
        sluice_schedule_stages(a) != sluice_schedule_stages(b) ||
        sluice_schedule_microbatches(a) != sluice_schedule_microbatches(b))
        return false;
    for (int s = 0; s < sluice_schedule_stages(a); s++)
        if (sluice_schedule_stage_rank(a, s) != sluice_schedule_stage_rank(b, s)) return false;
    for (int r = 0; r < sluice_schedule_ranks(a); r++)
        if (!lists_are_equal(a, b, r)) return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    sluice_schedule *first = NULL, *second = NULL;
    char *text = NULL, *again = NULL;
    const sluice_status status = sluice_schedule_parse(&first, (const char *)data, bytes);
    if (status != SLUICE_OK) {
        fuzz_check_refusal(first);
        return 0;
    }
    if (sluice_schedule_print(&text, first) != SLUICE_OK) fail("what is accepted must print", "");
    if (sluice_schedule_parse(&second, text, strlen(text)) != SLUICE_OK)
        fail("what is printed must parse", text);
    if (!are_equal(first, second)) fail("printed and parsed, the schedule is another", text);
    if (sluice_schedule_print(&again, second) != SLUICE_OK) fail("it must print twice", text);
    if (strcmp(text, again) != 0) fail("printed twice, the text is another", again);
    sluice_text_free(again);
    sluice_text_free(text);
    sluice_schedule_free(second);
    sluice_schedule_free(first);
    return 0;
}
