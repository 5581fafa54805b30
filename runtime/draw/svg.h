/* SPDX-License-Identifier: MIT */
/*
 * svg.h -- the page of a picture, for the files that draw its parts.
 *
 *   svg.c       the page: sizes, titles, axis, legend
 *   svg_rows.c  a rank's row: boxes, numbers, idle, memory, critical path, transfers
 *   svg_look.c  colours, light and dark
 *
 *   title                            idle  peak
 *   rank 0  [F0][F1]////[B0  ][B1  ]  27 %    2     row     boxes on one scale
 *           ___---======---____                     strip   what is held / page's peak
 *   rank 1  ...                                     gap
 *           |----|----|----|----|                   axis
 *           legend
 */
#ifndef SLUICE_DRAW_SVG_H
#define SLUICE_DRAW_SVG_H

#include "runtime/draw/sheet.h"
#include "sluice/timeline.h"

enum { SLUICE__ACTION_KINDS = SLUICE_INSTRUCTION_RECOMPUTE + 1 };

/* All in pixels. */
typedef struct sluice__page {
    const sluice_timeline *const *timelines;
    int count;
    double scale;      /* pixels per unit of time */
    double plot;       /* width of what shows time */
    double row, strip; /* heights */
    double above, gap; /* above and below a strip */
    int digits;        /* font size of the numbers in boxes; 0: rows are too low for numbers */
    double slit;       /* between boxes */
    double outline;    /* of boxes on the critical path */
    double narrow;     /* width of a box of the kind of action that is shortest on average */
    bool has_tooltips; /* boxes show their times as tooltips */

    /* kinds that appear, for the legend */
    bool kinds[SLUICE__ACTION_KINDS];
    double lasts[SLUICE__ACTION_KINDS]; /* on average */
    int microbatches;
    int chunks;
    bool critical, flows, exposed, idle, numbered;
    int peak_activations;
    size_t peak_bytes; /* 0: a time line does not have bytes */

    double time_factor; /* converts a time line's unit to the one shown */
    char time_unit[SLUICE_TIMELINE_UNIT_BYTES];
} sluice__page;

/* Margins left and right of the plot, and where the columns in the right one end. */
enum { SLUICE__LEFT = 64, SLUICE__RIGHT = 136, SLUICE__IDLE_END = 58, SLUICE__PEAK_END = 126 };

/* ---- svg_rows.c ---- */

/* All rows of a time line; the first begins at y = `top`. */
void sluice__svg_rows(sluice__sheet *sheet, sluice__page *page, const sluice_timeline *timeline,
                      double top);
double sluice__row_pitch(const sluice__page *page);
sluice__number sluice__percent(double share); /* "12.5 %" */

/* ---- svg_look.c ---- */

/* Patterns, and the style sheet for dark pages. */
void sluice__svg_style(sluice__sheet *sheet);
/* "#6fa3dd": the colour of a kind on a rank's `chunk`-th of `chunks` stages. */
typedef struct sluice__colour {
    char text[8];
} sluice__colour;
sluice__colour sluice__colour_of(sluice_instruction_kind kind, int chunk, int chunks);
const char *sluice__kind_words(sluice_instruction_kind kind);

#endif
