/* SPDX-License-Identifier: MIT */
/* bars.c -- pictures of bars: panels of one scale each, a row per rank, marks for limits. */
#include "sluice/bars.h"

#include <math.h>
#include <stdio.h>

#include "runtime/base/error.h"
#include "runtime/draw/svg.h"

enum {
    MIN_LEFT  = 76,
    PLOT      = 640,
    MIN_RIGHT = 110,
    HEAD      = 40,
    PANEL     = 30,
    ROW       = 24,
    BAR       = 16,
    LEGEND    = 40
};
enum { DENSE = 24 }; /* more ranks than that have lower rows */

typedef struct sheet_of {
    sluice__sheet *sheet;
    double scale, top; /* of the panel: pixels per unit; where its rows begin */
    double row, bar;
    double left; /* of the plots */
} sheet_of;

/* ---- checks and sizes ---- */

static double extent(const sluice_bar *bar) {
    double sum = bar->rest + bar->idle;
    for (int k = 0; k < bar->part_count; k++) sum += bar->parts[k];
    return sum;
}

static sluice_status check(const sluice_bar_panel *panel) {
    for (int k = 0; k < panel->count; k++)
        if (!(extent(&panel->bars[k]) >= 0) || !(panel->bars[k].limit >= 0) ||
            !isfinite(extent(&panel->bars[k]) + panel->bars[k].limit))
            return sluice__fail(SLUICE_E_ARGUMENT, "bar %d of '%s' is negative or not finite", k,
                                panel->title);
    return SLUICE_OK;
}

static double largest(const sluice_bar_panel *panel) {
    double max = panel->line;
    for (int k = 0; k < panel->count; k++)
        max = fmax(max, fmax(extent(&panel->bars[k]), panel->bars[k].limit));
    return max;
}

static double row_of(const sluice_bar_panel *panel) {
    return panel->count > DENSE ? 14 : ROW;
}

static double height_of(const sluice_bar_panel *panel) {
    return PANEL + panel->count * row_of(panel) + LEGEND;
}

/* Pixels of a text at 11 px, about. */
static double width_of(const char *text) {
    double width = 0;
    for (const char *c = text; *c; c++)
        if ((*c & 0xc0) != 0x80) width += 6.2; /* UTF-8: not in the middle of a character */
    return width;
}

/* Margins as wide as their longest text. */
static void widen(double *left, double *right, const sluice_bar_panel *panel) {
    for (int k = 0; k < panel->count; k++) {
        *left  = fmax(*left, width_of(panel->bars[k].label) + 12);
        *right = fmax(*right, width_of(panel->bars[k].text) + 16);
    }
}

/* ---- one row ---- */

static void put_words(sluice__sheet *sheet, const char *look, double x, double y,
                      const char *words) {
    sluice__put(sheet, "<text %s x=\"%s\" y=\"%s\">", look, sluice__fixed(x, 2).text,
                sluice__fixed(y, 2).text);
    sluice__put_xml(sheet, words);
    sluice__put(sheet, "</text>\n");
}

static void put_box(const sheet_of *at, double x, double y, double width, const char *look) {
    sluice__put(at->sheet, "<rect %s x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\"/>\n", look,
                sluice__fixed(x, 2).text, sluice__fixed(y, 2).text,
                sluice__fixed(width > 1 ? width - 1 : width, 2).text,
                sluice__fixed(at->bar, 2).text);
}

static const char memory_look[] = "class=\"memory\" fill=\"#dfe3e9\" stroke=\"#8b95a3\" "
                                  "stroke-width=\"0.7\"";
static const char limit_look[]  = "class=\"critical\" stroke=\"#0b0e13\" stroke-width=\"2\"";
static const char line_look[]   = "class=\"exposed\" stroke=\"#d9483b\" stroke-width=\"1.4\" "
                                  "stroke-dasharray=\"5 3\"";

static void put_part(const sheet_of *at, double x, double y, double width, int k, int parts,
                     bool is_memory) {
    char look[32];
    (void)snprintf(look, sizeof look, "fill=\"%s\"",
                   sluice__colour_of(SLUICE_INSTRUCTION_FORWARD, k, parts).text);
    put_box(at, x, y, width, is_memory ? memory_look : look);
}

static void put_rest(const sheet_of *at, double x, double y, double width) {
    char look[32];
    (void)snprintf(look, sizeof look, "fill=\"%s\"",
                   sluice__colour_of(SLUICE_INSTRUCTION_BACKWARD_WEIGHT, 0, 1).text);
    put_box(at, x, y, width, look);
}

static void put_idle(const sheet_of *at, double x, double y, double width) {
    put_box(at, x, y, width, "fill=\"url(#idle)\"");
}

static void put_mark(const sheet_of *at, double x, double y, double length, const char *look) {
    sluice__put(at->sheet, "<path %s d=\"M%s %sv%s\"/>\n", look, sluice__fixed(x, 2).text,
                sluice__fixed(y, 2).text, sluice__fixed(length, 2).text);
}

static void put_row(const sheet_of *at, const sluice_bar_panel *panel, int r) {
    const sluice_bar *bar = &panel->bars[r];
    const double y        = at->top + r * at->row;
    double x              = at->left;
    put_words(at->sheet, "class=\"dim\" fill=\"#5b6470\" text-anchor=\"end\"", at->left - 8,
              y + at->bar / 2 + 4, bar->label);
    for (int k = 0; k < bar->part_count; k++) {
        put_part(at, x, y, bar->parts[k] * at->scale, k, bar->part_count, panel->is_memory);
        x += bar->parts[k] * at->scale;
    }
    if (bar->rest > 0) put_rest(at, x, y, bar->rest * at->scale);
    x += bar->rest * at->scale;
    if (bar->idle > 0) put_idle(at, x, y, bar->idle * at->scale);
    if (bar->limit > 0)
        put_mark(at, at->left + bar->limit * at->scale, y - 2, at->bar + 4, limit_look);
    put_words(at->sheet, "class=\"ink\"", at->left + PLOT + 12, y + at->bar / 2 + 4, bar->text);
}

/* ---- the legend ---- */

static double put_entry(const sheet_of *at, double x, double y, const char *words) {
    put_words(at->sheet, "class=\"ink\"", x + 28, y + 10, words);
    return x + 46 + width_of(words);
}

static void put_legend(const sheet_of *at, const sluice_bar_panel *panel) {
    const sheet_of small = {at->sheet, 1, 0, 12, 12, 0};
    const double y       = at->top + panel->count * at->row + 6;
    bool rests = false, limits = false, idles = false;
    double x = at->left;
    for (int k = 0; k < panel->count; k++) {
        rests  = rests || panel->bars[k].rest > 0;
        limits = limits || panel->bars[k].limit > 0;
        idles  = idles || panel->bars[k].idle > 0;
    }
    put_part(&small, x, y, 23, 0, 1, panel->is_memory);
    x = put_entry(at, x, y, panel->part_text);
    if (rests && panel->rest_text) {
        put_rest(&small, x, y, 23);
        x = put_entry(at, x, y, panel->rest_text);
    }
    if (idles && panel->idle_text) {
        put_idle(&small, x, y, 23);
        x = put_entry(at, x, y, panel->idle_text);
    }
    if (limits && panel->limit_text) {
        put_mark(at, x + 11, y - 1, 14, limit_look);
        x = put_entry(at, x, y, panel->limit_text);
    }
    if (panel->line > 0 && panel->line_text) {
        put_mark(at, x + 11, y - 1, 14, line_look);
        (void)put_entry(at, x, y, panel->line_text);
    }
}

/* ---- the whole ---- */

static void put_panel(sluice__sheet *sheet, const sluice_bar_panel *panel, double left,
                      double top) {
    const double max  = largest(panel);
    const sheet_of at = {sheet,         max > 0 ? PLOT / max : 0,  top + PANEL,
                         row_of(panel), row_of(panel) * BAR / ROW, left};
    put_words(sheet, "class=\"ink\" font-weight=\"bold\"", left, top + 18, panel->title);
    sluice__put(sheet, "<path class=\"axis\" stroke=\"#6a7480\" d=\"M%s %sv%s\"/>\n",
                sluice__fixed(left, 2).text, sluice__fixed(at.top - 4, 2).text,
                sluice__fixed(panel->count * at.row, 2).text);
    for (int r = 0; r < panel->count; r++) put_row(&at, panel, r);
    if (panel->line > 0)
        put_mark(&at, left + panel->line * at.scale, at.top - 5, panel->count * at.row, line_look);
    put_legend(&at, panel);
}

sluice_status sluice_bars_svg(char **out, const char *title, const sluice_bar_panel *panels,
                              int panel_count) {
    sluice__sheet sheet = {0};
    double height = HEAD, left = MIN_LEFT, right = MIN_RIGHT;
    for (int k = 0; k < panel_count; k++) {
        SLUICE__TRY(check(&panels[k]));
        height += height_of(&panels[k]);
        widen(&left, &right, &panels[k]);
    }
    const double width = left + PLOT + right;
    sluice__put(&sheet,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %s %s\" width=\"%s\" "
                "height=\"%s\" role=\"img\" font-family=\"Helvetica,Arial,sans-serif\" "
                "font-size=\"11\">\n<title>",
                sluice__fixed(width, 0).text, sluice__fixed(height, 0).text,
                sluice__fixed(width, 0).text, sluice__fixed(height, 0).text);
    sluice__put_xml(&sheet, title);
    sluice__put(&sheet, "</title>\n");
    sluice__svg_style(&sheet);
    sluice__put(&sheet,
                "<rect class=\"page\" width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n");
    put_words(&sheet, "class=\"ink\" font-size=\"14\" font-weight=\"bold\"", left, 24, title);
    double top = HEAD;
    for (int k = 0; k < panel_count; k++) {
        put_panel(&sheet, &panels[k], left, top);
        top += height_of(&panels[k]);
    }
    sluice__put(&sheet, "</svg>\n");
    return sluice__sheet_take(out, &sheet);
}
