/* SPDX-License-Identifier: MIT */
/* csv_write.c -- schedules as text: one row per rank, one cell per action or overlap group. */
#include <assert.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/schedule/csv.h"

/* Large schedules have tens of millions of cells, for which printf is too slow. */
typedef struct writer {
    char *bytes;
    size_t length, capacity;
} writer;

enum { CELL_BYTES = 64 }; /* more than any action takes with what surrounds it */

static sluice_status reserve_cell(writer *to) {
    if (to->capacity - to->length >= CELL_BYTES) return SLUICE_OK;
    const size_t capacity = to->capacity ? 2 * to->capacity : 1024;
    SLUICE__TRY(sluice__grow(&to->bytes, capacity, 1));
    to->capacity = capacity;
    return SLUICE_OK;
}

static void add_text(writer *to, const char *text) {
    const size_t length = strlen(text);
    memcpy(to->bytes + to->length, text, length);
    to->length += length;
}

static void add_number(writer *to, int number) {
    char digits[12];
    int count = 0;
    do digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (count > 0) to->bytes[to->length++] = digits[--count];
}

static void add_action(writer *to, const sluice_action *action) {
    if (action->kind == SLUICE_ACTION_IDLE) return;
    add_number(to, action->stage);
    add_text(to, sluice_action_name(action->kind));
    if (action->microbatch >= 0) add_number(to, action->microbatch);
}

/* A row without actions is an empty cell in quotes: a blank line at the end would be no rank. */
static sluice_status add_row(writer *to, const sluice_action *list, int count) {
    for (int a = 0; a < count; a++) {
        const int group   = list[a].group;
        const bool opens  = group > 0 && (a == 0 || list[a - 1].group != group);
        const bool closes = group > 0 && (a + 1 == count || list[a + 1].group != group);
        SLUICE__TRY(reserve_cell(to));
        if (a > 0) add_text(to, group > 0 && !opens ? ";" : ",");
        if (opens) add_text(to, "(");
        add_action(to, &list[a]);
        if (closes) add_text(to, ")" SLUICE__OVERLAP);
    }
    SLUICE__TRY(reserve_cell(to));
    add_text(to, count == 0 ? "\"\"\n" : "\n");
    return SLUICE_OK;
}

sluice_status sluice_schedule_print(char **out, const sluice_schedule *schedule) {
    writer to            = {0};
    sluice_status status = SLUICE_OK;
    for (int r = 0; r < sluice_schedule_ranks(schedule); r++) {
        int count                       = 0;
        const sluice_action *const list = sluice_schedule_list(&count, schedule, r);
        SLUICE__TRY_OUT(add_row(&to, list, count));
    }
    assert(to.bytes);           /* a schedule has a rank */
    to.bytes[to.length] = '\0'; /* its row has reserved that byte */
    *out                = to.bytes;
    to.bytes            = NULL; /* now the caller's */
out:
    sluice__free(to.bytes);
    return status;
}
