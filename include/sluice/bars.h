/* SPDX-License-Identifier: MIT */
/* bars.h -- pictures of bars, a row for each rank: what ranks take against what they might. */
#ifndef SLUICE_BARS_H
#define SLUICE_BARS_H

#include <stdbool.h>

#include "sluice/export.h"
#include "sluice/status.h"

/* One row; all values of a panel have one unit. Texts are UTF-8. */
typedef struct sluice_bar {
    const char *label;   /* left of it: "rank 0" */
    const char *text;    /* right of it: "12.3 ms" */
    const double *parts; /* next to each other; later ones are paler */
    int part_count;
    double rest;  /* after them, in another colour; 0: none */
    double limit; /* a mark; 0: none */
    double idle;  /* hatched, after all that; 0: none */
} sluice_bar;

typedef struct sluice_bar_panel {
    const char *title;
    const sluice_bar *bars;
    int count;
    double line; /* across all rows; 0: none */
    const char *line_text;
    const char *part_text, *rest_text, *limit_text, *idle_text; /* for the legend; NULL: none */
    bool is_memory;                                             /* the colour of memory */
} sluice_bar_panel;

/* As one SVG picture, panels below each other, dark where the viewer prefers that. Free with
 * sluice_text_free(). E_ARGUMENT: a value is negative or not finite; E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_bars_svg(char **out, const char *title,
                                         const sluice_bar_panel *panels, int panel_count);

#endif
