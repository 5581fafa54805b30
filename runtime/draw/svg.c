/* SPDX-License-Identifier: MIT */
/* svg.c -- a picture's page: sizes, titles, axis and legend. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/draw/svg.h"

enum {
    MIN_PLOT     = 720,
    MAX_PLOT     = 1800,
    TICK_SPACING = 64,    /* minimum distance of ticks */
    MAX_ACTIONS = 200000, /* of a picture: more would be thinner than a pixel, and take megabytes */
    MAX_TOOLTIPS = 20000, /* most actions of a picture with tooltips */
    HEAD         = 46,    /* above a time line's rows: title and numbers */
    BETWEEN      = 14,    /* below them */
    AXIS         = 40,
    LEGEND_LINE  = 20,
};

/* ---- sizes ---- */

static double max_makespan(const sluice__page *page) {
    double max = 0;
    for (int t = 0; t < page->count; t++) max = fmax(max, page->timelines[t]->makespan);
    return max;
}

/* Scan all actions: which kinds there are, and the mean duration of the shortest kind.
 */
static double survey(sluice__page *page, long long *actions) {
    double *const lasts                    = page->lasts;
    double shortest                        = 0;
    long long counts[SLUICE__ACTION_KINDS] = {0};
    for (int t = 0; t < page->count; t++)
        for (int r = 0; r < page->timelines[t]->ranks; r++) {
            const sluice_timeline_rank *const rank = &page->timelines[t]->rank[r];
            for (int n = 0; n < rank->span_count; n++) {
                const sluice_timeline_span *const span = &rank->spans[n];
                lasts[span->kind] += span->end - span->begin;
                counts[span->kind]++;
            }
        }
    for (int k = 0; k < SLUICE__ACTION_KINDS; k++) {
        *actions += counts[k];
        page->kinds[k] = lasts[k] > 0;
        if (lasts[k] <= 0) continue;
        lasts[k] /= (double)counts[k];
        if (shortest <= 0 || lasts[k] < shortest) shortest = lasts[k];
    }
    return shortest;
}

static void note_peaks(sluice__page *page) {
    bool knows_bytes = true;
    for (int t = 0; t < page->count; t++) {
        const sluice_timeline *const timeline = page->timelines[t];
        if (timeline->chunks > page->chunks) page->chunks = timeline->chunks;
        if (timeline->microbatches > page->microbatches)
            page->microbatches = timeline->microbatches;
        for (int r = 0; r < timeline->ranks; r++) {
            const sluice_timeline_rank *const rank = &timeline->rank[r];
            if (rank->peak_activations > page->peak_activations)
                page->peak_activations = rank->peak_activations;
            if (rank->peak_bytes > page->peak_bytes) page->peak_bytes = rank->peak_bytes;
            if (rank->peak_bytes == 0 && rank->span_count > 0) knows_bytes = false;
        }
    }
    if (!knows_bytes) page->peak_bytes = 0;
}

static void choose_heights(sluice__page *page) {
    int ranks = 0;
    for (int t = 0; t < page->count; t++)
        if (page->timelines[t]->ranks > ranks) ranks = page->timelines[t]->ranks;
    page->row    = ranks <= 8 ? 24 : ranks <= 16 ? 19 : ranks <= 64 ? 15 : 8;
    page->above  = ranks <= 16 ? 2 : ranks <= 64 ? 1 : 0;
    page->strip  = ranks <= 8 ? 14 : ranks <= 16 ? 10 : ranks <= 64 ? 7 : 4;
    page->gap    = ranks <= 8 ? 8 : ranks <= 16 ? 5 : ranks <= 64 ? 3 : 1;
    page->digits = ranks <= 16 ? 10 : ranks <= 64 ? 9 : 0;
}

/* Wide enough to show the largest micro-batch number in the shortest kind of action. */
static void choose_widths(sluice__page *page, double shortest, int width) {
    const double makespan = max_makespan(page);
    const double wanted   = snprintf(NULL, 0, "%d", page->microbatches - 1) * 6 + 4;
    page->plot            = width - SLUICE__LEFT - SLUICE__RIGHT;
    if (width <= 0) {
        page->plot = shortest > 0 ? makespan / shortest * wanted : 0;
        page->plot = fmin(fmax(page->plot, MIN_PLOT), MAX_PLOT);
    }
    page->plot    = fmax(page->plot, 100);
    page->scale   = makespan > 0 ? page->plot / makespan : 0;
    page->narrow  = shortest * page->scale;
    page->slit    = page->narrow >= 8 ? 1 : page->narrow >= 3 ? 0.5 : 0;
    page->outline = page->narrow >= 10 ? 1.6 : 1;
}

/* Seconds are shown in the largest unit in which the makespan is 1 or more. */
static void choose_unit(sluice__page *page) {
    const char *const unit = page->timelines[0]->unit;
    const double makespan  = max_makespan(page);
    const char *shown      = unit;
    page->time_factor      = 1;
    if (strcmp(unit, "s") == 0 && makespan < 1e-3) {
        page->time_factor = 1e6;
        shown             = "\xC2\xB5s";
    } else if (strcmp(unit, "s") == 0 && makespan < 1) {
        page->time_factor = 1e3;
        shown             = "ms";
    }
    (void)snprintf(page->time_unit, sizeof page->time_unit, "%s", shown);
}

static sluice_status lay_out(sluice__page *page, int width) {
    const char *const unit = page->timelines[0]->unit;
    long long actions      = 0;
    const double shortest  = survey(page, &actions);
    for (int t = 1; t < page->count; t++)
        if (strcmp(unit, page->timelines[t]->unit) != 0)
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "one picture cannot show time lines in '%s' and in '%s'", unit,
                                page->timelines[t]->unit);
    if (actions > MAX_ACTIONS) {
        sluice__fail(SLUICE_E_ARGUMENT, "a picture of %lld actions is too fine to see; at most %d",
                     actions, MAX_ACTIONS);
        return sluice__hint(SLUICE_E_ARGUMENT,
                            "write a trace (.json), or draw fewer micro-batches");
    }
    page->has_tooltips = actions <= MAX_TOOLTIPS;
    note_peaks(page);
    choose_heights(page);
    choose_widths(page, shortest, width);
    choose_unit(page);
    return SLUICE_OK;
}

/* ---- titles ---- */

/* Three significant digits. */
static sluice__number short_number(double value) {
    const double size = fabs(value);
    return sluice__fixed(value, size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4);
}

static void put_head(sluice__sheet *sheet, const sluice__page *page,
                     const sluice_timeline *timeline, double top) {
    const double factor = page->time_factor;
    sluice__put(sheet,
                "<text class=\"ink\" x=\"%d\" y=\"%s\" font-size=\"14\" font-weight=\"bold\">",
                SLUICE__LEFT, sluice__fixed(top + 18, 2).text);
    sluice__put_xml(sheet, timeline->title);
    sluice__put(sheet,
                "</text>\n<text class=\"dim\" fill=\"#5b6470\" x=\"%d\" y=\"%s\">makespan %s ",
                SLUICE__LEFT, sluice__fixed(top + 36, 2).text,
                short_number(timeline->makespan * factor).text);
    sluice__put_xml(sheet, page->time_unit);
    sluice__put(sheet, ", makespan idle %s", sluice__percent(timeline->makespan_idle).text);
    if (timeline->step > timeline->makespan * (1 + 1e-9))
        sluice__put(sheet, ", with the update %s", short_number(timeline->step * factor).text);
    sluice__put(sheet, "</text>\n");
    static const char *const columns[] = {"inner idle", "peak"};
    for (int c = 0; c < 2; c++)
        sluice__put(
            sheet,
            "<text class=\"dim\" fill=\"#5b6470\" text-anchor=\"end\" x=\"%s\" y=\"%s\">%s"
            "</text>\n",
            sluice__fixed(SLUICE__LEFT + page->plot + (c ? SLUICE__PEAK_END : SLUICE__IDLE_END), 2)
                .text,
            sluice__fixed(top + 36, 2).text, columns[c]);
}

/* ---- axis ---- */

/* The step between ticks: 1, 2 or 5 times a power of ten of the unit shown. */
typedef struct ticks {
    double step;  /* in the unit shown */
    int decimals; /* decimals of tick labels */
    int count;
} ticks;

static ticks choose_ticks(const sluice__page *page) {
    const double makespan = max_makespan(page) * page->time_factor;
    if (makespan <= 0) return (ticks){1, 0, 0};
    const double min_step = makespan / page->plot * TICK_SPACING;
    const double power    = floor(log10(min_step));
    const double ten      = pow(10, power);
    const double times    = min_step / ten;
    const double step     = (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10) * ten;
    const int decimals    = power < 0 ? (int)-power : 0;
    return (ticks){step, decimals > 9 ? 9 : decimals, (int)floor(makespan / step + 1e-9)};
}

static double tick_x(const sluice__page *page, const ticks *at, int k) {
    return SLUICE__LEFT + k * at->step / page->time_factor * page->scale;
}

static void put_grid(sluice__sheet *sheet, const sluice__page *page, double top, double bottom) {
    const ticks at = choose_ticks(page);
    sluice__put(sheet, "<path class=\"grid\" stroke=\"#e3e6ea\" d=\"");
    for (int k = 0; k <= at.count; k++)
        sluice__put(sheet, "M%s %sV%s", sluice__fixed(tick_x(page, &at, k), 2).text,
                    sluice__fixed(top, 2).text, sluice__fixed(bottom, 2).text);
    sluice__put(sheet, "\"/>\n");
}

static void put_axis(sluice__sheet *sheet, const sluice__page *page, double top) {
    const ticks at = choose_ticks(page);
    sluice__put(sheet, "<path class=\"axis\" stroke=\"#6a7480\" fill=\"none\" d=\"M%d %sH%s",
                SLUICE__LEFT, sluice__fixed(top, 2).text,
                sluice__fixed(SLUICE__LEFT + page->plot, 2).text);
    for (int k = 0; k <= at.count; k++)
        sluice__put(sheet, "M%s %sv4", sluice__fixed(tick_x(page, &at, k), 2).text,
                    sluice__fixed(top, 2).text);
    sluice__put(sheet, "\"/>\n<g class=\"dim\" fill=\"#5b6470\" text-anchor=\"middle\">\n");
    for (int k = 0; k <= at.count; k++)
        sluice__put(sheet, "<text x=\"%s\" y=\"%s\">%s</text>\n",
                    sluice__fixed(tick_x(page, &at, k), 2).text, sluice__fixed(top + 16, 2).text,
                    sluice__fixed(k * at.step, at.decimals).text);
    sluice__put(sheet, "</g>\n<text class=\"dim\" fill=\"#5b6470\" x=\"%s\" y=\"%s\">",
                sluice__fixed(SLUICE__LEFT + page->plot + 24, 2).text,
                sluice__fixed(top + 16, 2).text);
    sluice__put_xml(sheet, page->time_unit);
    sluice__put(sheet, "</text>\n");
}

/* ---- legend ---- */

/* Position of the next entry. */
typedef struct pen {
    double x, y, right;
} pen;

/* An estimate for the fonts requested. */
static double width_of(const char *words) {
    double width = 0;
    for (const char *c = words; *c; c++)
        width += strchr("fijlrt ;:-", *c) ? 3.1 : strchr("mw", *c) ? 8.6 : 6.1;
    return width;
}

/* Reserve space for a swatch and its words; returns where the swatch begins. */
static double next_entry(pen *at, double swatch, const char *words) {
    const double width = swatch + 6 + width_of(words);
    if (at->x + width > at->right && at->x > SLUICE__LEFT) {
        at->x = SLUICE__LEFT;
        at->y += LEGEND_LINE;
    }
    const double x = at->x;
    at->x += width + 18;
    return x;
}

static void put_words(sluice__sheet *sheet, double x, double y, const char *words) {
    sluice__put(sheet, "<text class=\"ink\" x=\"%s\" y=\"%s\">%s</text>\n",
                sluice__fixed(x, 2).text, sluice__fixed(y, 2).text, words);
}

static void put_kind_entry(sluice__sheet *sheet, const sluice__page *page, pen *at,
                           sluice_instruction_kind kind) {
    const int swatches      = page->chunks < 4 ? page->chunks : 4;
    const char *const words = sluice__kind_words(kind);
    const double x          = next_entry(at, 16.0 * swatches, words);
    for (int c = 0; c < swatches; c++) {
        const int chunk = page->chunks > 1 ? c * (page->chunks - 1) / (swatches - 1) : 0;
        sluice__put(sheet, "<rect x=\"%s\" y=\"%s\" width=\"16\" height=\"12\" fill=\"%s\"/>\n",
                    sluice__fixed(x + 16 * c, 2).text, sluice__fixed(at->y - 10, 2).text,
                    sluice__colour_of(kind, chunk, page->chunks).text);
    }
    put_words(sheet, x + 16 * swatches + 6, at->y, words);
}

/* A swatch 22 wide and 12 high whose attributes (and shape) are `look`. */
static void put_entry(sluice__sheet *sheet, pen *at, const char *look, const char *words) {
    const double x = next_entry(at, 22, words);
    sluice__put(sheet, "<g transform=\"translate(%s %s)\">%s</g>\n", sluice__fixed(x, 2).text,
                sluice__fixed(at->y - 10, 2).text, look);
    put_words(sheet, x + 28, at->y, words);
}

/* Returns its height. */
static double put_legend(sluice__sheet *sheet, const sluice__page *page, double top) {
    pen at = {SLUICE__LEFT, top + 12, SLUICE__LEFT + page->plot + SLUICE__RIGHT - 10};
    for (int k = 0; k < SLUICE__ACTION_KINDS; k++)
        if (page->kinds[k]) put_kind_entry(sheet, page, &at, (sluice_instruction_kind)k);
    if (page->numbered)
        put_entry(sheet, &at,
                  "<rect class=\"grid\" x=\"4\" width=\"18\" height=\"12\" fill=\"none\" "
                  "stroke=\"#c3c9d1\"/><text class=\"ink\" x=\"13\" y=\"9.5\" font-size=\"10\" "
                  "text-anchor=\"middle\">0</text>",
                  page->chunks > 1 ? "micro-batch; paler: a later stage of the rank"
                                   : "micro-batch");
    else if (page->chunks > 1)
        put_entry(sheet, &at, "", "paler: a later stage of the rank");
    if (page->idle)
        put_entry(sheet, &at, "<rect width=\"22\" height=\"12\" fill=\"url(#idle)\"/>", "idle");
    if (page->exposed)
        put_entry(sheet, &at, "<rect width=\"22\" height=\"12\" fill=\"url(#exposed)\"/>",
                  "waiting for a transfer");
    if (page->flows)
        put_entry(sheet, &at,
                  "<path class=\"flow\" stroke=\"#6a7480\" stroke-width=\"0.8\" d=\"M2 1L20 11\"/>",
                  "transfer");
    if (page->critical)
        put_entry(
            sheet, &at,
            "<rect class=\"critical\" x=\"1\" y=\"1\" width=\"20\" height=\"10\" fill=\"none\" "
            "stroke=\"#0b0e13\" stroke-width=\"1.6\"/>",
            "critical path");
    if (page->peak_activations > 0 || page->peak_bytes > 0)
        put_entry(sheet, &at,
                  "<path class=\"memory\" fill=\"#dfe3e9\" stroke=\"#8b95a3\" stroke-width=\"0.7\" "
                  "d=\"M0 12V7H7V2H15V7H22V12Z\"/>",
                  page->peak_bytes > 0 ? "memory in use" : "stage-activations held");
    return at.y - top + LEGEND_LINE;
}

/* ---- the whole ---- */

/* Returns the y at which it ends. */
static double put_body(sluice__sheet *sheet, sluice__page *page) {
    double bottom = 4;
    for (int t = 0; t < page->count; t++)
        bottom += HEAD + page->timelines[t]->ranks * sluice__row_pitch(page) + BETWEEN;
    put_grid(sheet, page, HEAD, bottom - BETWEEN);
    double top = 4;
    for (int t = 0; t < page->count; t++) {
        put_head(sheet, page, page->timelines[t], top);
        sluice__svg_rows(sheet, page, page->timelines[t], top + HEAD);
        top += HEAD + page->timelines[t]->ranks * sluice__row_pitch(page) + BETWEEN;
    }
    put_axis(sheet, page, bottom - BETWEEN);
    return bottom - BETWEEN + AXIS + put_legend(sheet, page, bottom - BETWEEN + AXIS);
}

sluice_status sluice_timeline_svg(char **out, const sluice_timeline *const *timelines, int count,
                                  int width) {
    sluice__page page = {.timelines = timelines, .count = count, .chunks = 1};
    SLUICE__TRY(lay_out(&page, width));
    sluice__sheet body = {0}, sheet = {0};
    char *drawn         = NULL;
    const double height = put_body(&body, &page);
    SLUICE__TRY(sluice__sheet_take(&drawn, &body));
    const double whole = SLUICE__LEFT + page.plot + SLUICE__RIGHT;
    sluice__put(&sheet,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %s %s\" width=\"%s\" "
                "height=\"%s\" role=\"img\" font-family=\"Helvetica,Arial,sans-serif\" "
                "font-size=\"11\">\n<title>",
                sluice__fixed(whole, 0).text, sluice__fixed(height, 0).text,
                sluice__fixed(whole, 0).text, sluice__fixed(height, 0).text);
    sluice__put_xml(&sheet, timelines[0]->title);
    sluice__put(&sheet, "</title>\n");
    sluice__svg_style(&sheet);
    sluice__put(&sheet,
                "<rect class=\"page\" width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n");
    sluice__put(&sheet, "%s</svg>\n", drawn);
    sluice__free(drawn);
    return sluice__sheet_take(out, &sheet);
}
