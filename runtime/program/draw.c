/* SPDX-License-Identifier: MIT */
/*
 * draw.c -- the time line of a simulation as text: a row per rank, a column per slice of time.
 *
 *   rank 0 |F0-F1-......B0====F2-...     wide: a kind, a micro-batch, and a bar as long as it lasts
 *   rank 0 |ab..A=c...                   narrow: one letter where there is no room for more
 *
 * A column shows the action that runs in its middle.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "sluice/program.h"

enum { DEFAULT_COLUMNS = 80, LEAST_ROOM = 16, LETTERS = 26, LABEL_BYTES = 48 };

struct picture {
    const sluice_simulation *simulation;
    const sluice_program *program;
    int room;                                     /* columns of a row that show time */
    double scale;                                 /* columns per time */
    bool wide;                                    /* most actions have room for their labels */
    bool names_stages;                            /* some rank has more than one stage */
    bool kinds[SLUICE_INSTRUCTION_RECOMPUTE + 1]; /* which appear */
    double shortest;                              /* of the actions that take time; 0: none does */
    bool regular;       /* all last a whole number of times as long as the shortest */
    int label;          /* characters of the longest label */
    int actions, roomy; /* that take time, and of them those with room for the longest label */
};

/* What a kind of action looks like. Micro-batch i's narrow letter is first + i mod 26, or `first`
 * itself where kinds share a letter of their own. */
static const struct look {
    char fill, first;
    bool numbered;
    const char *words;
} looks[] = {
    [SLUICE_INSTRUCTION_FORWARD]         = {'-', 'a', true,  "forward"        },
    [SLUICE_INSTRUCTION_BACKWARD]        = {'=', 'A', true,  "backward"       },
    [SLUICE_INSTRUCTION_BACKWARD_INPUT]  = {'=', 'A', true,  "its input half" },
    [SLUICE_INSTRUCTION_BACKWARD_WEIGHT] = {'~', '~', false, "its weight half"},
    [SLUICE_INSTRUCTION_RECOMPUTE]       = {'-', 'r', false, "forward again"  },
};

static bool is_drawn(const sluice_instruction *instruction) {
    return instruction->kind <= SLUICE_INSTRUCTION_RECOMPUTE;
}

static const char *short_name(sluice_instruction_kind kind) {
    return kind == SLUICE_INSTRUCTION_RECOMPUTE ? "R" : sluice_instruction_name(kind);
}

static int label_of(char label[LABEL_BYTES], const struct picture *picture,
                    const sluice_instruction *instruction) {
    const char *const name = short_name(instruction->kind);
    const int i            = instruction->microbatch;
    if (picture->names_stages)
        return snprintf(label, LABEL_BYTES, "%d%s%d", instruction->stage, name, i);
    return snprintf(label, LABEL_BYTES, "%s%d", name, i);
}

/* ---- what is to be drawn, and how large ---- */

/* Call `visit` for every action that takes time. */
static void each_action(struct picture *picture,
                        void (*visit)(struct picture *, const sluice_instruction *, double)) {
    for (int r = 0; r < picture->simulation->ranks; r++) {
        int count                            = 0;
        const sluice_instruction *const list = sluice_program_list(picture->program, r, &count);
        const sluice_rank_times *const times = &picture->simulation->rank[r];
        for (int i = 0; i < count; i++)
            if (is_drawn(&list[i]) && times->end[i] > times->begin[i])
                visit(picture, &list[i], times->end[i] - times->begin[i]);
    }
}

static void note_action(struct picture *picture, const sluice_instruction *instruction,
                        double lasts) {
    char label[LABEL_BYTES];
    const int length = label_of(label, picture, instruction);
    if (length > picture->label) picture->label = length;
    if (picture->shortest == 0 || lasts < picture->shortest) picture->shortest = lasts;
    picture->kinds[instruction->kind] = true;
}

static void note_irregular(struct picture *picture, const sluice_instruction *instruction,
                           double lasts) {
    (void)instruction;
    const double times = lasts / picture->shortest;
    if (fabs(times - round(times)) > 1e-6) picture->regular = false;
}

static void note_room(struct picture *picture, const sluice_instruction *instruction,
                      double lasts) {
    (void)instruction;
    picture->actions++;
    picture->roomy += lasts * picture->scale > picture->label - 1e-9;
}

/* Equal actions get equal widths where they are multiples of one length; else the row is used up.
 */
static void choose_scale(struct picture *picture) {
    const double makespan = picture->simulation->makespan;
    each_action(picture, note_action);
    picture->regular = true;
    each_action(picture, note_irregular);
    picture->scale     = makespan > 0 ? picture->room / makespan : 0;
    const double least = picture->scale * picture->shortest; /* columns of the shortest action */
    /* Wider than the label and one more would say nothing new. */
    if (picture->regular && least >= 1)
        picture->scale = fmin(floor(least + 1e-9), picture->label + 1) / picture->shortest;
    each_action(picture, note_room);
    picture->wide = 4 * picture->roomy >= 3 * picture->actions;
}

/* ---- rows ---- */

static void draw_cell(char *row, int width, const struct picture *picture,
                      const sluice_instruction *instruction) {
    const struct look *const look = &looks[instruction->kind];
    char label[LABEL_BYTES];
    int length = picture->wide ? label_of(label, picture, instruction) : 0;
    if (!picture->wide) {
        const int i     = look->numbered ? instruction->microbatch % LETTERS : 0;
        label[length++] = (char)(look->first + i);
    } else if (length > width) { /* half a number would be a wrong one */
        label[0] = short_name(instruction->kind)[0];
        length   = 1;
    }
    for (int c = 0; c < width; c++) row[c] = c < length ? label[c] : look->fill;
}

/* The first column whose middle is not before `time`. */
static int column_of(const struct picture *picture, double time) {
    const double column = ceil(time * picture->scale - 0.5 - 1e-9);
    return column < picture->room ? (int)column : picture->room;
}

static void draw_row(char *row, int columns, const struct picture *picture, int r) {
    int count                            = 0;
    const sluice_instruction *const list = sluice_program_list(picture->program, r, &count);
    const sluice_rank_times *const times = &picture->simulation->rank[r];
    memset(row, '.', (size_t)columns);
    for (int i = 0; i < count; i++) {
        if (!is_drawn(&list[i])) continue;
        const int first = column_of(picture, times->begin[i]);
        const int after = column_of(picture, times->end[i]);
        draw_cell(row + first, after - first, picture, &list[i]);
    }
}

/* ---- legend ---- */

/* "a-h forward" for letters, "F forward" for labels. */
static sluice_status add_kind(sluice__text *text, const struct picture *picture,
                              sluice_instruction_kind kind) {
    const struct look *const look = &looks[kind];
    const int m                   = sluice_program_microbatches(picture->program);
    const int letters             = m < LETTERS ? m : LETTERS;
    if (picture->wide) return sluice__text_add(text, "%s %s", short_name(kind), look->words);
    if (look->numbered && letters > 1)
        return sluice__text_add(text, "%c-%c %s", look->first, look->first + letters - 1,
                                look->words);
    return sluice__text_add(text, "%c %s", look->first, look->words);
}

static sluice_status add_legend(sluice__text *text, const struct picture *picture) {
    const int m         = sluice_program_microbatches(picture->program);
    const char *between = "";
    for (int k = 0; k <= SLUICE_INSTRUCTION_RECOMPUTE; k++) {
        if (!picture->kinds[k]) continue;
        SLUICE__TRY(sluice__text_add(text, "%s", between));
        SLUICE__TRY(add_kind(text, picture, (sluice_instruction_kind)k));
        between = ", ";
    }
    if (picture->wide)
        SLUICE__TRY(sluice__text_add(text, ", %sthen the micro-batch",
                                     picture->names_stages ? "the stage before, " : ""));
    else
        SLUICE__TRY(sluice__text_add(text, " of micro-batches 0 to %d%s", m - 1,
                                     m > LETTERS ? " (26 is a again)" : ""));
    return sluice__text_add(text, "; . idle; a column is %.3g\n", 1 / picture->scale);
}

/* ---- the whole ---- */

static sluice_status draw(sluice__text *text, struct picture *picture, char *row, int columns) {
    const int ranks   = picture->simulation->ranks;
    const int margin  = snprintf(NULL, 0, "rank %d ||", ranks - 1);
    const int numbers = margin - (int)strlen("rank  ||");
    picture->room     = columns - margin > LEAST_ROOM ? columns - margin : LEAST_ROOM;
    choose_scale(picture);
    const int width = column_of(picture, picture->simulation->makespan);
    for (int r = 0; r < ranks; r++) {
        draw_row(row, width, picture, r);
        SLUICE__TRY(sluice__text_add(text, "rank %*d |%.*s|\n", numbers, r, width, row));
    }
    return picture->shortest > 0 ? add_legend(text, picture) : SLUICE_OK;
}

sluice_status sluice_simulation_draw(char **out, const sluice_simulation *simulation,
                                     const sluice_program *program, int columns) {
    if (columns <= 0) columns = DEFAULT_COLUMNS;
    struct picture picture = {.simulation   = simulation,
                              .program      = program,
                              .names_stages = sluice_program_stages(program) > simulation->ranks};
    sluice__text text      = {0};
    char *row              = NULL;
    sluice_status status   = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&row, (size_t)columns + LEAST_ROOM, 1));
    SLUICE__TRY_OUT(draw(&text, &picture, row, columns));
    *out       = text.bytes;
    text.bytes = NULL; /* now the caller's */
out:
    sluice__free(text.bytes);
    sluice__free(row);
    return status;
}
