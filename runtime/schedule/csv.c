/* SPDX-License-Identifier: MIT */
/* csv.c -- the text form of schedules: one row per rank, one cell per action or overlap group. */
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "sluice/schedule.h"

static const char overlap[] = "OVERLAP_F_B";

/* ---- print ---- */

static sluice_status print_action(sluice__text *text, const sluice_action *action) {
    if (action->kind == SLUICE_ACTION_IDLE) return SLUICE_OK;
    SLUICE__TRY(sluice__text_add(text, "%d%s", action->stage, sluice_action_name(action->kind)));
    return action->microbatch < 0 ? SLUICE_OK : sluice__text_add(text, "%d", action->microbatch);
}

static sluice_status print_row(sluice__text *text, const sluice_action *list, int count) {
    for (int a = 0; a < count; a++) {
        const int group   = list[a].group;
        const bool opens  = group > 0 && (a == 0 || list[a - 1].group != group);
        const bool closes = group > 0 && (a + 1 == count || list[a + 1].group != group);
        if (a > 0) SLUICE__TRY(sluice__text_add(text, group > 0 && !opens ? ";" : ","));
        if (opens) SLUICE__TRY(sluice__text_add(text, "("));
        SLUICE__TRY(print_action(text, &list[a]));
        if (closes) SLUICE__TRY(sluice__text_add(text, ")%s", overlap));
    }
    return sluice__text_add(text, "\n");
}

sluice_status sluice_schedule_print(char **out, const sluice_schedule *schedule) {
    sluice__text text = {0};
    for (int r = 0; r < sluice_schedule_ranks(schedule); r++) {
        int count                       = 0;
        const sluice_action *const list = sluice_schedule_list(schedule, r, &count);
        const sluice_status status      = print_row(&text, list, count);
        if (status != SLUICE_OK) {
            sluice__free(text.bytes);
            return status;
        }
    }
    *out = text.bytes;
    return SLUICE_OK;
}

/* ---- parse ---- */

/* Everything read so far: all rows' actions one after another, and where each row starts. */
typedef struct reader {
    const char *text;
    size_t bytes, at;
    int line, cell; /* of `at`, counted from 1 */
    sluice_action *actions;
    size_t count, room;
    size_t *starts;
    size_t rows;
} reader;

static sluice_status refuse(const reader *in, const char *what) {
    return sluice__fail(SLUICE_E_PARSE, "schedule: %s at line %d, cell %d, byte %zu", what,
                        in->line, in->cell, in->at);
}

static bool next_is(const reader *in, char c) {
    return in->at < in->bytes && in->text[in->at] == c;
}

static bool next_is_digit(const reader *in) {
    return in->at < in->bytes && in->text[in->at] >= '0' && in->text[in->at] <= '9';
}

static sluice_status read_number(reader *in, int *out) {
    if (!next_is_digit(in)) return refuse(in, "expected a number");
    int number = 0;
    while (next_is_digit(in)) {
        number = 10 * number + (in->text[in->at] - '0');
        if (number > 1 << 20) return refuse(in, "a number above 1048576");
        in->at++;
    }
    *out = number;
    return SLUICE_OK;
}

static sluice_status read_kind(reader *in, sluice_action_kind *out) {
    const size_t start = in->at;
    while (in->at < in->bytes &&
           ((in->text[in->at] >= 'A' && in->text[in->at] <= 'Z') || in->text[in->at] == '_'))
        in->at++;
    const size_t length = in->at - start;
    for (int k = SLUICE_ACTION_F; k <= SLUICE_ACTION_REDUCE_GRAD; k++) {
        const char *const name = sluice_action_name((sluice_action_kind)k);
        if (strlen(name) != length || memcmp(name, in->text + start, length) != 0) continue;
        *out = (sluice_action_kind)k;
        return SLUICE_OK;
    }
    in->at = start;
    return refuse(in, "expected a type of action (F, B, I, W, SEND_F, ...)");
}

static sluice_status add_action(reader *in, sluice_action action) {
    if (in->count == in->room) {
        const size_t room = in->room ? 2 * in->room : 64;
        SLUICE__TRY(sluice__grow(&in->actions, room, sizeof *in->actions));
        in->room = room;
    }
    in->actions[in->count++] = action;
    return SLUICE_OK;
}

static sluice_status read_action(reader *in, int group) {
    sluice_action action = {SLUICE_ACTION_IDLE, 0, -1, group};
    SLUICE__TRY(read_number(in, &action.stage));
    SLUICE__TRY(read_kind(in, &action.kind));
    if (action.kind < SLUICE_ACTION_UNSHARD || next_is_digit(in))
        SLUICE__TRY(read_number(in, &action.microbatch));
    return add_action(in, action);
}

/* "(0F7;7B3)OVERLAP_F_B", from behind the parenthesis. */
static sluice_status read_group(reader *in, int group) {
    SLUICE__TRY(read_action(in, group));
    while (next_is(in, ';')) {
        in->at++;
        SLUICE__TRY(read_action(in, group));
    }
    if (!next_is(in, ')')) return refuse(in, "expected ';' or ')'");
    in->at++;
    const size_t length = sizeof overlap - 1;
    if (in->bytes - in->at < length || memcmp(in->text + in->at, overlap, length) != 0)
        return refuse(in, "expected OVERLAP_F_B");
    in->at += length;
    return SLUICE_OK;
}

static sluice_status read_cell(reader *in) {
    if (in->at == in->bytes || next_is(in, ',') || next_is(in, '\n'))
        return add_action(in, (sluice_action){SLUICE_ACTION_IDLE, 0, -1, 0});
    if (!next_is(in, '(')) return read_action(in, 0);
    in->at++;
    return read_group(in, in->cell); /* the cell's number is unique within its row */
}

static sluice_status read_row(reader *in) {
    SLUICE__TRY(sluice__grow(&in->starts, in->rows + 2, sizeof *in->starts));
    in->starts[in->rows++] = in->count;
    for (in->cell = 1;; in->cell++) {
        SLUICE__TRY(read_cell(in));
        if (next_is(in, ',')) {
            in->at++;
            continue;
        }
        if (in->at < in->bytes && !next_is(in, '\n'))
            return refuse(in, "expected ',' or a new line");
        if (in->at < in->bytes) in->at++;
        in->starts[in->rows] = in->count;
        return SLUICE_OK;
    }
}

static sluice_status build(sluice_schedule **out, const reader *in) {
    const sluice_action **lists = NULL;
    int *counts                 = NULL;
    sluice_status status        = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&lists, in->rows, sizeof *lists));
    SLUICE__TRY_OUT(sluice__alloc(&counts, in->rows, sizeof *counts));
    for (size_t r = 0; r < in->rows; r++) {
        lists[r]  = in->actions + in->starts[r];
        counts[r] = (int)(in->starts[r + 1] - in->starts[r]);
    }
    SLUICE__TRY_OUT(sluice_schedule_from_lists(out, "csv", lists, counts, (int)in->rows));
out:
    sluice__free(counts);
    sluice__free(lists);
    return status;
}

sluice_status sluice_schedule_parse(sluice_schedule **out, const char *text, size_t bytes) {
    reader in            = {.text = text, .bytes = bytes, .line = 1, .cell = 1};
    sluice_status status = SLUICE_OK;
    if (bytes == 0) return refuse(&in, "no rows");
    if (bytes > 1 << 30) return refuse(&in, "a text above 1 GiB");
    for (; in.at < bytes; in.line++) SLUICE__TRY_OUT(read_row(&in));
    SLUICE__TRY_OUT(build(out, &in));
out:
    sluice__free(in.starts);
    sluice__free(in.actions);
    return status;
}
