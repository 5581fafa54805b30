/* SPDX-License-Identifier: MIT */
/*
 * columns.c -- a time line as text: a row per rank, a column per slice of time.
 *
 *   rank 0 |F0-F1-......B0====F2-...     wide: a kind, a micro-batch, and a bar as long as it lasts
 *   rank 0 |ab..A=c...                   narrow: one letter where more does not fit
 *
 * A column shows the action that runs in its middle. With colour, every column also has a style;
 * columns of one style share an escape sequence.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "sluice/timeline.h"

enum { DEFAULT_COLUMNS = 80, MIN_WIDTH = 16, LETTERS = 26, LABEL_BYTES = 48 };

struct picture {
    const sluice_timeline *timeline;
    bool colour;
    int width;                                    /* columns of a row that show time */
    double scale;                                 /* columns per time */
    bool wide;                                    /* the labels of most actions fit */
    bool names_stages;                            /* some rank has more than one stage */
    bool kinds[SLUICE_INSTRUCTION_RECOMPUTE + 1]; /* kinds that appear */
    double shortest;          /* duration of the shortest action that takes time; 0: none does */
    bool regular;             /* all durations are multiples of the shortest */
    int label;                /* characters of the longest label */
    int actions, wide_enough; /* those that take time; of these, those that fit the longest label */
    bool critical;            /* some are on the critical path */
};

/* The look of a kind of action. Micro-batch i's narrow letter is first + i mod 26, or always
 * `first` for kinds that share one letter. */
static const struct look {
    char fill, first;
    bool numbered;
    int colour; /* one of an ANSI terminal's eight */
    const char *words;
} looks[] = {
    [SLUICE_INSTRUCTION_FORWARD]         = {'-', 'a', true, 4, "forward"},
    [SLUICE_INSTRUCTION_BACKWARD]        = {'=', 'A', true, 2, "backward"},
    [SLUICE_INSTRUCTION_BACKWARD_INPUT]  = {'=', 'A', true, 6, "its input half"},
    [SLUICE_INSTRUCTION_BACKWARD_WEIGHT] = {'~', '~', false, 3, "its weight half"},
    [SLUICE_INSTRUCTION_RECOMPUTE]       = {'-', 'r', false, 5, "forward again"},
};

/* A style: 0 for idle, else a kind + 1 with these flags. */
enum { STYLE_KIND = 15, STYLE_CRITICAL = 16, STYLE_ODD_CHUNK = 32 };

static const char *short_name(sluice_instruction_kind kind) {
    return kind == SLUICE_INSTRUCTION_RECOMPUTE ? "R" : sluice_instruction_name(kind);
}

static int label_of(char label[LABEL_BYTES], const struct picture *picture,
                    const sluice_timeline_span *span) {
    const char *const name = short_name(span->kind);
    const int i            = span->microbatch;
    if (picture->names_stages) return snprintf(label, LABEL_BYTES, "%d%s%d", span->stage, name, i);
    return snprintf(label, LABEL_BYTES, "%s%d", name, i);
}

/* ---- what is drawn, and its size ---- */

/* Call `visit` for every action that takes time. */
static void each_action(struct picture *picture,
                        void (*visit)(struct picture *, const sluice_timeline_span *, double)) {
    for (int r = 0; r < picture->timeline->ranks; r++) {
        const sluice_timeline_rank *const rank = &picture->timeline->rank[r];
        for (int n = 0; n < rank->span_count; n++) {
            const sluice_timeline_span *const span = &rank->spans[n];
            if (span->end > span->begin) visit(picture, span, span->end - span->begin);
        }
    }
}

static void note_action(struct picture *picture, const sluice_timeline_span *span, double lasts) {
    char label[LABEL_BYTES];
    const int length = label_of(label, picture, span);
    if (length > picture->label) picture->label = length;
    if (picture->shortest == 0 || lasts < picture->shortest) picture->shortest = lasts;
    picture->kinds[span->kind] = true;
    picture->critical |= span->critical;
}

static void note_irregular(struct picture *picture, const sluice_timeline_span *span,
                           double lasts) {
    (void)span;
    const double times = lasts / picture->shortest;
    if (fabs(times - round(times)) > 1e-6) picture->regular = false;
}

static void note_room(struct picture *picture, const sluice_timeline_span *span, double lasts) {
    (void)span;
    picture->actions++;
    picture->wide_enough += lasts * picture->scale > picture->label - 1e-9;
}

/* If all durations are multiples of one, equal actions get equal widths; else the row is filled.
 */
static void choose_scale(struct picture *picture) {
    const double makespan = picture->timeline->makespan;
    each_action(picture, note_action);
    picture->regular = true;
    each_action(picture, note_irregular);
    picture->scale   = makespan > 0 ? picture->width / makespan : 0;
    const double min = picture->scale * picture->shortest; /* columns of the shortest action */
    /* Wider than the label and one more shows nothing new. */
    if (picture->regular && min >= 1)
        picture->scale = fmin(floor(min + 1e-9), picture->label + 1) / picture->shortest;
    each_action(picture, note_room);
    picture->wide = 4 * picture->wide_enough >= 3 * picture->actions;
}

/* ---- rows ---- */

static void draw_cell(char *row, int width, const struct picture *picture,
                      const sluice_timeline_span *span) {
    const struct look *const look = &looks[span->kind];
    char label[LABEL_BYTES];
    int length = picture->wide ? label_of(label, picture, span) : 0;
    if (!picture->wide) {
        const int i     = look->numbered ? span->microbatch % LETTERS : 0;
        label[length++] = (char)(look->first + i);
    } else if (length > width) { /* part of a number would be misread */
        label[0] = short_name(span->kind)[0];
        length   = 1;
    }
    for (int c = 0; c < width; c++) row[c] = c < length ? label[c] : look->fill;
}

/* The first column whose middle is not before `time`. */
static int column_of(const struct picture *picture, double time) {
    const double column = ceil(time * picture->scale - 0.5 - 1e-9);
    return column < picture->width ? (int)column : picture->width;
}

static int style_of(const struct picture *picture, const sluice_timeline_span *span) {
    return ((int)span->kind + 1) | (span->critical ? STYLE_CRITICAL : 0) |
           (picture->timeline->chunk[span->stage] % 2 ? STYLE_ODD_CHUNK : 0);
}

static void draw_row(char *row, unsigned char *styles, int columns, const struct picture *picture,
                     int r) {
    const sluice_timeline_rank *const rank = &picture->timeline->rank[r];
    memset(row, '.', (size_t)columns);
    memset(styles, 0, (size_t)columns);
    for (int n = 0; n < rank->span_count; n++) {
        const sluice_timeline_span *const span = &rank->spans[n];
        const int first                        = column_of(picture, span->begin);
        const int after                        = column_of(picture, span->end);
        draw_cell(row + first, after - first, picture, span);
        if (after > first) memset(styles + first, style_of(picture, span), (size_t)(after - first));
    }
}

static sluice_status add_style(sluice__text *text, int style) {
    if (style == 0) return sluice__text_add(text, "\033[0;90m");
    const int colour = looks[(style & STYLE_KIND) - 1].colour;
    return sluice__text_add(text, "\033[0;%s%dm", style & STYLE_CRITICAL ? "1;4;" : "",
                            (style & STYLE_ODD_CHUNK ? 90 : 30) + colour);
}

static sluice_status add_row(sluice__text *text, const struct picture *picture, const char *row,
                             const unsigned char *styles, int columns) {
    if (!picture->colour) return sluice__text_add(text, "%.*s", columns, row);
    for (int c = 0, next; c < columns; c = next) {
        for (next = c + 1; next < columns && styles[next] == styles[c];) next++;
        SLUICE__TRY(add_style(text, styles[c]));
        SLUICE__TRY(sluice__text_add(text, "%.*s", next - c, row + c));
    }
    return sluice__text_add(text, "\033[0m");
}

/* ---- legend ---- */

/* "a-h forward" for letters, "F forward" for labels. */
static sluice_status add_kind(sluice__text *text, const struct picture *picture,
                              sluice_instruction_kind kind) {
    const struct look *const look = &looks[kind];
    const int m                   = picture->timeline->microbatches;
    const int letters             = m < LETTERS ? m : LETTERS;
    if (picture->wide) return sluice__text_add(text, "%s %s", short_name(kind), look->words);
    if (look->numbered && m > 1)
        return sluice__text_add(text, "%c-%c %s", look->first, look->first + letters - 1,
                                look->words);
    return sluice__text_add(text, "%c %s", look->first, look->words);
}

static sluice_status add_legend(sluice__text *text, const struct picture *picture) {
    const int m         = picture->timeline->microbatches;
    const char *between = "";
    for (int k = 0; k <= SLUICE_INSTRUCTION_RECOMPUTE; k++) {
        if (!picture->kinds[k]) continue;
        SLUICE__TRY(sluice__text_add(text, "%s", between));
        if (picture->colour) SLUICE__TRY(add_style(text, k + 1));
        SLUICE__TRY(add_kind(text, picture, (sluice_instruction_kind)k));
        if (picture->colour) SLUICE__TRY(sluice__text_add(text, "\033[0m"));
        between = ", ";
    }
    if (picture->wide)
        SLUICE__TRY(sluice__text_add(text, ", %sthen the micro-batch",
                                     picture->names_stages ? "the stage before, " : ""));
    else
        SLUICE__TRY(sluice__text_add(text, " of micro-batches 0 to %d%s", m - 1,
                                     m > LETTERS ? " (26 is a again)" : ""));
    if (picture->colour && picture->critical)
        SLUICE__TRY(sluice__text_add(text, "; \033[1;4munderlined\033[0m the critical path"));
    return sluice__text_add(text, "; . idle; a column is %.3g\n", 1 / picture->scale);
}

/* ---- the whole ---- */

static sluice_status draw(sluice__text *text, struct picture *picture, char *row,
                          unsigned char *styles, int columns) {
    const int ranks   = picture->timeline->ranks;
    const int margin  = snprintf(NULL, 0, "rank %d ||", ranks - 1);
    const int numbers = margin - (int)strlen("rank  ||");
    picture->width    = columns - margin > MIN_WIDTH ? columns - margin : MIN_WIDTH;
    choose_scale(picture);
    const int width = column_of(picture, picture->timeline->makespan);
    for (int r = 0; r < ranks; r++) {
        draw_row(row, styles, width, picture, r);
        SLUICE__TRY(sluice__text_add(text, "rank %*d |", numbers, r));
        SLUICE__TRY(add_row(text, picture, row, styles, width));
        SLUICE__TRY(sluice__text_add(text, "|\n"));
    }
    return picture->shortest > 0 ? add_legend(text, picture) : SLUICE_OK;
}

sluice_status sluice_timeline_draw(char **out, const sluice_timeline *timeline, int columns,
                                   bool colour) {
    if (columns <= 0) columns = DEFAULT_COLUMNS;
    struct picture picture = {
        .timeline = timeline, .colour = colour, .names_stages = timeline->stages > timeline->ranks};
    const size_t width    = (size_t)columns + MIN_WIDTH;
    sluice__text text     = {0};
    char *row             = NULL;
    unsigned char *styles = NULL;
    sluice_status status  = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&row, width, 1));
    SLUICE__TRY_OUT(sluice__alloc(&styles, width, 1));
    SLUICE__TRY_OUT(draw(&text, &picture, row, styles, columns));
    *out       = text.bytes;
    text.bytes = NULL; /* now the caller's */
out:
    sluice__free(text.bytes);
    sluice__free(row);
    sluice__free(styles);
    return status;
}

sluice_status sluice_simulation_draw(char **out, const sluice_simulation *simulation,
                                     const sluice_program *program, int columns) {
    sluice_timeline *timeline = NULL;
    SLUICE__TRY(sluice_timeline_from_simulation(&timeline, program, simulation));
    const sluice_status status = sluice_timeline_draw(out, timeline, columns, false);
    sluice_timeline_free(timeline);
    return status;
}
