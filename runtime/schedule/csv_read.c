/* SPDX-License-Identifier: MIT */
/*
 * csv_read.c -- schedules from text: one row per rank; a cell is empty (an idle step), an action
 * (stage, type, micro-batch) or an overlap group. What spreadsheets add is ignored: a byte-order
 * mark, blanks around cells, quotes around one, blank lines at the end.
 *
 * There are two dialects. The older one calls the full backward BW and its input half B; the newer
 * one calls them B and I. A text that contains BW is of the older one.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/schedule/action_kinds.h"
#include "runtime/schedule/csv.h"
#include "runtime/schedule/generators.h"
#include "runtime/schedule/keys.h"

typedef struct reader {
    const char *text;
    size_t bytes, at;
    int line, cell; /* at `at`, from 1 */
    bool older;
    sluice_action **lists; /* of all rows so far; the last may be incomplete */
    int *counts;
    int rows, row_capacity;
    int capacity;      /* of the last row */
    sluice__keys seen; /* actions, and what is known about each stage */
} reader;

SLUICE_PRINTF(3, 4)
static sluice_status refuse(const reader *in, size_t byte, const char *format, ...) {
    char what[160];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return sluice__fail(SLUICE_E_PARSE, "schedule: %s at line %d, cell %d, byte %zu", what,
                        in->line, in->cell, byte);
}

/* ---- characters ---- */

static bool next_is(const reader *in, char c) {
    return in->at < in->bytes && in->text[in->at] == c;
}

static bool next_is_digit(const reader *in) {
    return in->at < in->bytes && in->text[in->at] >= '0' && in->text[in->at] <= '9';
}

static void skip_blanks(reader *in) {
    while (next_is(in, ' ') || next_is(in, '\t')) in->at++;
}

static bool next_is_line_end(const reader *in) {
    return next_is(in, '\n') ||
           (next_is(in, '\r') && in->at + 1 < in->bytes && in->text[in->at + 1] == '\n');
}

static void skip_line_end(reader *in) {
    if (next_is(in, '\r')) in->at++;
    if (next_is(in, '\n')) in->at++;
}

static sluice_status read_number(reader *in, int *out) {
    const size_t start = in->at;
    if (!next_is_digit(in)) return refuse(in, in->at, "expected a number");
    int number = 0;
    while (next_is_digit(in)) {
        number = 10 * number + (in->text[in->at] - '0');
        if (number > SLUICE__MAX_NUMBER)
            return refuse(in, in->at, "a number above %d", SLUICE__MAX_NUMBER);
        in->at++;
    }
    if (in->at - start > 1 && in->text[start] == '0')
        return refuse(in, start, "a number that begins with 0");
    *out = number;
    return SLUICE_OK;
}

/* ---- actions ---- */

static bool is_word(const char *word, size_t length, const char *name) {
    return strlen(name) == length && memcmp(name, word, length) == 0;
}

/* The kind that a word names; IDLE if none. */
static sluice_action_kind kind_of(const reader *in, const char *word, size_t length) {
    if (in->older && is_word(word, length, "BW")) return SLUICE_ACTION_B;
    if (in->older && is_word(word, length, "B")) return SLUICE_ACTION_I;
    for (int k = SLUICE_ACTION_F; k <= SLUICE__LAST_ACTION; k++)
        if (is_word(word, length, sluice_action_name((sluice_action_kind)k)))
            return (sluice_action_kind)k;
    return SLUICE_ACTION_IDLE;
}

static sluice_status read_kind(reader *in, sluice_action_kind *out) {
    const size_t start = in->at;
    while (in->at < in->bytes &&
           ((in->text[in->at] >= 'A' && in->text[in->at] <= 'Z') || in->text[in->at] == '_'))
        in->at++;
    const size_t length = in->at - start;
    if (in->older && is_word(in->text + start, length, "I"))
        return refuse(in, start, "I, which a text with BW calls B,");
    *out = kind_of(in, in->text + start, length);
    if (*out == SLUICE_ACTION_IDLE)
        return refuse(in, start, "expected a type of action (F, B, I, W, SEND_F, ...)");
    return SLUICE_OK;
}

/* ---- what was seen ---- */

/* What is known about a stage: its line, and flags. */
enum { UNSHARDED = 1, RESHARDED = 2, REDUCED = 4, REDUCTION_WAITED = 8, LINE = 16 };

static uint64_t key_of(sluice_action_kind kind, int stage, int microbatch) {
    return 1 + (((uint64_t)kind << 42) | ((uint64_t)stage << 21) | (uint64_t)microbatch);
}

/* Parameters must be whole where they are used, and gradients complete when they are reduced. */
static sluice_status check_stage_state(const reader *in, size_t start, const sluice_action *action,
                                       int *known) {
    const int s = action->stage;
    switch (action->kind) {
    case SLUICE_ACTION_UNSHARD:
        if (*known & UNSHARDED) return refuse(in, start, "stage %d unsharded again", s);
        *known = (*known | UNSHARDED) & ~RESHARDED;
        return SLUICE_OK;
    case SLUICE_ACTION_RESHARD:
        if (!(*known & UNSHARDED)) return refuse(in, start, "stage %d resharded while sharded", s);
        *known = (*known | RESHARDED) & ~UNSHARDED;
        return SLUICE_OK;
    case SLUICE_ACTION_REDUCE_GRAD:
        if (*known & REDUCED) return refuse(in, start, "gradients of stage %d reduced again", s);
        *known |= REDUCED;
        return SLUICE_OK;
    case SLUICE_ACTION_WAIT_REDUCE_GRAD:
        if (!(*known & REDUCED))
            return refuse(in, start, "%dWAIT_REDUCE_GRAD before %dREDUCE_GRAD", s, s);
        if (*known & REDUCTION_WAITED) return refuse(in, start, "%dWAIT_REDUCE_GRAD again", s);
        *known |= REDUCTION_WAITED;
        return SLUICE_OK;
    default:
        if (!sluice__action_computes(action->kind)) return SLUICE_OK;
        if (*known & RESHARDED) return refuse(in, start, "stage %d used after it was resharded", s);
        if (*known & REDUCED && action->kind != SLUICE_ACTION_F)
            return refuse(in, start, "a backward of stage %d after its gradients were reduced", s);
        return SLUICE_OK;
    }
}

/* A whole backward leaves nothing to a W: the writer of the text meant another dialect. */
static sluice_status check_dialect(const reader *in, size_t start, const sluice_action *action) {
    const int s = action->stage, i = action->microbatch;
    if (action->kind != SLUICE_ACTION_W ||
        sluice__keys_get(&in->seen, key_of(SLUICE_ACTION_B, s, i)) == 0)
        return SLUICE_OK;
    (void)refuse(in, start, "%dW%d follows %d%s%d, a whole backward,", s, i, s,
                 in->older ? "BW" : "B", i);
    if (in->older) return SLUICE_E_PARSE;
    return sluice__hint(SLUICE_E_PARSE, "in the older dialect B is the input half of a backward: "
                                        "write I for every such B");
}

static sluice_status check_seen(reader *in, size_t start, const sluice_action *action) {
    int *known = NULL;
    if (sluice__action_has_microbatch(action->kind)) {
        SLUICE__TRY(sluice__keys_find(&known, &in->seen,
                                      key_of(action->kind, action->stage, action->microbatch)));
        if (*known)
            return refuse(in, start, "%.*s a second time", (int)(in->at - start), in->text + start);
        *known = 1;
        SLUICE__TRY(check_dialect(in, start, action));
    }
    SLUICE__TRY(sluice__keys_find(&known, &in->seen, key_of(SLUICE_ACTION_IDLE, action->stage, 0)));
    if (*known == 0) *known = in->line * LINE;
    if (*known / LINE != in->line)
        return refuse(in, start, "stage %d, which is line %d's,", action->stage, *known / LINE);
    return check_stage_state(in, start, action, known);
}

/* ---- rows ---- */

static sluice_status add_action(reader *in, sluice_action action) {
    sluice_action **const list = &in->lists[in->rows - 1];
    int *const count           = &in->counts[in->rows - 1];
    if (*count == in->capacity) {
        const int capacity = in->capacity ? 2 * in->capacity : 16;
        SLUICE__TRY(sluice__grow(list, (size_t)capacity, sizeof **list));
        in->capacity = capacity;
    }
    (*list)[(*count)++] = action;
    return SLUICE_OK;
}

static sluice_status read_action(reader *in, int group) {
    const size_t start   = in->at;
    sluice_action action = {SLUICE_ACTION_IDLE, 0, -1, group};
    SLUICE__TRY(read_number(in, &action.stage));
    SLUICE__TRY(read_kind(in, &action.kind));
    if (sluice__action_has_microbatch(action.kind))
        SLUICE__TRY(read_number(in, &action.microbatch));
    if (group > 0 && !sluice__action_computes(action.kind))
        return refuse(in, start, "%s in an overlap group", sluice_action_name(action.kind));
    SLUICE__TRY(check_seen(in, start, &action));
    return add_action(in, action);
}

/* An action in a group, with blanks around it. */
static sluice_status read_member(reader *in, int group) {
    skip_blanks(in);
    SLUICE__TRY(read_action(in, group));
    skip_blanks(in);
    return SLUICE_OK;
}

/* A group, from after its opening parenthesis. */
static sluice_status read_group(reader *in, int group) {
    SLUICE__TRY(read_member(in, group));
    while (next_is(in, ';')) {
        in->at++;
        SLUICE__TRY(read_member(in, group));
    }
    if (!next_is(in, ')')) return refuse(in, in->at, "expected ';' or ')'");
    in->at++;
    const size_t length = sizeof SLUICE__OVERLAP - 1;
    if (in->bytes - in->at < length || memcmp(in->text + in->at, SLUICE__OVERLAP, length) != 0)
        return refuse(in, in->at, "expected " SLUICE__OVERLAP);
    in->at += length;
    return SLUICE_OK;
}

/* What a cell contains, without the blanks and quotes around it. */
static sluice_status read_content(reader *in) {
    if (in->at == in->bytes || next_is(in, ',') || next_is(in, '"') || next_is_line_end(in))
        return add_action(in, (sluice_action){SLUICE_ACTION_IDLE, 0, -1, 0});
    if (!next_is(in, '(')) return read_action(in, 0);
    in->at++;
    return read_group(in, in->cell); /* the cell's number is unique within its row */
}

static sluice_status read_cell(reader *in) {
    skip_blanks(in);
    const bool quoted = next_is(in, '"');
    if (quoted) {
        in->at++;
        skip_blanks(in);
    }
    SLUICE__TRY(read_content(in));
    skip_blanks(in);
    if (!quoted) return SLUICE_OK;
    if (!next_is(in, '"')) return refuse(in, in->at, "expected a closing quote");
    in->at++;
    skip_blanks(in);
    return SLUICE_OK;
}

static sluice_status begin_row(reader *in) {
    if (in->rows == SLUICE__MAX_NUMBER) return refuse(in, in->at, "more rows than %d", in->rows);
    if (in->rows == in->row_capacity) {
        const int capacity = in->row_capacity ? 2 * in->row_capacity : 16;
        SLUICE__TRY(sluice__grow(&in->lists, (size_t)capacity, sizeof *in->lists));
        SLUICE__TRY(sluice__grow(&in->counts, (size_t)capacity, sizeof *in->counts));
        in->row_capacity = capacity;
    }
    in->rows++;
    in->capacity = 0;
    return SLUICE_OK;
}

static sluice_status read_row(reader *in) {
    in->cell = 1;
    SLUICE__TRY(begin_row(in));
    for (;; in->cell++) {
        SLUICE__TRY(read_cell(in));
        if (!next_is(in, ',')) break;
        in->at++;
    }
    if (in->at < in->bytes && !next_is_line_end(in))
        return refuse(in, in->at, "expected ',' or a new line");
    skip_line_end(in);
    sluice_action **const list = &in->lists[in->rows - 1]; /* shrunk to its length */
    return sluice__grow(list, (size_t)in->counts[in->rows - 1], sizeof **list);
}

/* ---- the whole ---- */

static bool has_full_backward(const char *text, size_t bytes) {
    for (size_t k = 0; k + 1 < bytes; k++)
        if (text[k] == 'B' && text[k + 1] == 'W') return true;
    return false;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The text without blank lines at its end, which are no ranks. */
static size_t trim(const char *text, size_t bytes) {
    size_t end = bytes;
    while (end > 0 && is_blank(text[end - 1])) end--;
    if (end == 0) return 0;
    const char *const line_end = memchr(text + end, '\n', bytes - end);
    return line_end ? (size_t)(line_end - text) + 1 : bytes;
}

static bool has_byte_order_mark(const char *text, size_t bytes) {
    return bytes >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0;
}

sluice_status sluice_schedule_parse(sluice_schedule **out, const char *text, size_t bytes) {
    reader in = {.text = text, .line = 1, .cell = 1};
    if (bytes > 1 << 30) return refuse(&in, 0, "a text above 1 GiB");
    if (has_byte_order_mark(text, bytes)) in.at = 3;
    in.bytes = in.at + trim(text + in.at, bytes - in.at);
    if (in.at == in.bytes) return refuse(&in, in.at, "no rows");
    in.older             = has_full_backward(text, in.bytes);
    sluice_status status = SLUICE_OK;
    for (; in.at < in.bytes && status == SLUICE_OK; in.line++) status = read_row(&in);
    sluice__keys_free(&in.seen);
    if (status == SLUICE_OK)
        return sluice__schedule_adopt(out, "csv", in.lists, in.counts, in.rows);
    for (int r = 0; r < in.rows; r++) sluice__free(in.lists[r]);
    sluice__free(in.lists);
    sluice__free(in.counts);
    return status;
}
