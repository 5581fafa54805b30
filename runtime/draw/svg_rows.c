/* SPDX-License-Identifier: MIT */
/* svg_rows.c -- the rows of a picture: what each rank does, and what it holds. */
#include <math.h>
#include <stdio.h>

#include "runtime/draw/svg.h"

/* Width of a digit relative to the font size, in the fonts requested. */
#define DIGIT_WIDTH 0.557
/* Narrower shapes are left out: they would be invisible. */
#define MIN_IDLE  0.4
#define MIN_LEVEL 0.4
#define MIN_FLOW  1.0

double sluice__row_pitch(const sluice__page *page) {
    return page->row + page->above + page->strip + page->gap;
}

sluice__number sluice__percent(double share) {
    const long long tenths = llround(1000 * share);
    sluice__number number;
    (void)snprintf(number.text, sizeof number.text, "%lld.%lld %%", tenths / 10, tenths % 10);
    return number;
}

static bool is_wide(const sluice__page *page, double lasts, double min) {
    return lasts * page->scale >= min;
}

static sluice__number pixels(double value) {
    return sluice__fixed(value, 2);
}

/* ---- boxes ---- */

static void put_time(sluice__sheet *sheet, const sluice__page *page, double time) {
    sluice__put(sheet, "%s", sluice__fixed(time * page->time_factor, 3).text);
}

static void put_box(sluice__sheet *sheet, const sluice__page *page,
                    const sluice_timeline_span *span) {
    const double x     = span->begin * page->scale + page->slit / 2;
    const double width = fmax((span->end - span->begin) * page->scale - page->slit, 0.1);
    sluice__put(sheet, "<rect x=\"%s\" width=\"%s\" height=\"%s\"", pixels(x).text,
                pixels(width).text, pixels(page->row).text);
    if (!page->has_tooltips) {
        sluice__put(sheet, "/>\n");
        return;
    }
    sluice__put(sheet, "><title>%d%s%d ", span->stage, sluice_instruction_name(span->kind),
                span->microbatch);
    put_time(sheet, page, span->begin);
    sluice__put(sheet, "-");
    put_time(sheet, page, span->end);
    sluice__put(sheet, "</title></rect>\n");
}

/* The boxes of one kind and chunk, which share a colour. */
static void put_boxes(sluice__sheet *sheet, const sluice__page *page,
                      const sluice_timeline *timeline, const sluice_timeline_rank *rank, int kind,
                      int chunk) {
    bool open = false;
    for (int n = 0; n < rank->span_count; n++) {
        const sluice_timeline_span *const span = &rank->spans[n];
        if ((int)span->kind != kind || timeline->chunk[span->stage] != chunk) continue;
        if (span->end <= span->begin) continue;
        if (!open)
            sluice__put(sheet, "<g fill=\"%s\">\n",
                        sluice__colour_of(span->kind, chunk, page->chunks).text);
        open = true;
        put_box(sheet, page, span);
    }
    if (open) sluice__put(sheet, "</g>\n");
}

static bool number_fits(const sluice__page *page, double lasts, int microbatch) {
    const double number = snprintf(NULL, 0, "%d", microbatch) * DIGIT_WIDTH * page->digits;
    return lasts * page->scale - page->slit >= number + 1;
}

/* If the largest number does not fit most boxes of a kind, none of that kind has a number: some
 * without would look like an error. */
static bool is_numbered(const sluice__page *page, const sluice_timeline_span *span) {
    return number_fits(page, page->lasts[span->kind], page->microbatches - 1) &&
           number_fits(page, span->end - span->begin, span->microbatch);
}

static void put_numbers(sluice__sheet *sheet, sluice__page *page,
                        const sluice_timeline_rank *rank) {
    bool open = false;
    for (int n = 0; page->digits > 0 && n < rank->span_count; n++) {
        const sluice_timeline_span *const span = &rank->spans[n];
        if (!is_numbered(page, span)) continue;
        if (!open)
            sluice__put(sheet,
                        "<g fill=\"#10151c\" font-size=\"%d\" text-anchor=\"middle\" "
                        "transform=\"translate(0 %s)\">\n",
                        page->digits, pixels(page->row / 2 + 0.36 * page->digits).text);
        open = true;
        sluice__put(sheet, "<text x=\"%s\">%d</text>\n",
                    pixels((span->begin + span->end) / 2 * page->scale).text, span->microbatch);
    }
    if (open) sluice__put(sheet, "</g>\n");
    page->numbered |= open;
}

/* ---- idle, and waiting for transfers ---- */

static void put_bar(sluice__sheet *sheet, const sluice__page *page, double begin, double end) {
    sluice__put(sheet, "M%s 0H%sV%sH%sZ", pixels(begin * page->scale).text,
                pixels(end * page->scale).text, pixels(page->row).text,
                pixels(begin * page->scale).text);
}

static void put_idle_bar(sluice__sheet *sheet, sluice__page *page, bool *open, double begin,
                         double end) {
    if (!is_wide(page, end - begin, MIN_IDLE)) return;
    if (!*open) sluice__put(sheet, "<path fill=\"url(#idle)\" d=\"");
    *open = page->idle = true;
    put_bar(sheet, page, begin, end);
}

static void put_idle(sluice__sheet *sheet, sluice__page *page, const sluice_timeline *timeline,
                     const sluice_timeline_rank *rank) {
    bool open    = false;
    double clock = 0;
    for (int n = 0; n < rank->span_count; n++) {
        put_idle_bar(sheet, page, &open, clock, rank->spans[n].begin);
        clock = fmax(clock, rank->spans[n].end);
    }
    put_idle_bar(sheet, page, &open, clock, timeline->makespan);
    if (open) sluice__put(sheet, "\"/>\n");
}

/* ---- what is held ---- */

/* As a share of the page's peak. */
static double level_height(const sluice__page *page, const sluice_timeline_level *level) {
    const double share = page->peak_bytes > 0 ? (double)level->bytes / (double)page->peak_bytes
                         : page->peak_activations > 0 ? (double)level->held / page->peak_activations
                                                      : 0;
    return share * page->strip;
}

static void put_memory(sluice__sheet *sheet, const sluice__page *page,
                       const sluice_timeline *timeline, const sluice_timeline_rank *rank) {
    const double bottom = page->row + page->above + page->strip;
    sluice__put(sheet,
                "<path class=\"memory\" fill=\"#dfe3e9\" stroke=\"#8b95a3\" stroke-width=\"0.7\" "
                "d=\"M0 %s",
                pixels(bottom).text);
    double drawn = -1;
    for (int n = 0; n < rank->level_count; n++) {
        const sluice_timeline_level *const level = &rank->levels[n];
        if (level->time >= timeline->makespan) break;
        if (n + 1 < rank->level_count &&
            !is_wide(page, rank->levels[n + 1].time - level->time, MIN_LEVEL))
            continue;
        const double height = level_height(page, level);
        if (fabs(height - drawn) < 0.005) continue;
        if (level->time > 0) sluice__put(sheet, "H%s", pixels(level->time * page->scale).text);
        sluice__put(sheet, "V%s", pixels(bottom - height).text);
        drawn = height;
    }
    sluice__put(sheet, "H%sV%sZ\"/>\n", pixels(timeline->makespan * page->scale).text,
                pixels(bottom).text);
}

/* ---- rows ---- */

static void put_shares(sluice__sheet *sheet, const sluice__page *page,
                       const sluice_timeline_rank *rank) {
    char peak[32];
    if (page->peak_bytes > 0)
        (void)sluice__bytes_text(peak, rank->peak_bytes);
    else
        (void)snprintf(peak, sizeof peak, "%d", rank->peak_activations);
    const double y = page->row / 2 + 4;
    sluice__put(
        sheet,
        "<text class=\"dim\" fill=\"#5b6470\" text-anchor=\"end\" x=\"%s\" y=\"%s\">%s</text>\n",
        pixels(page->plot + SLUICE__IDLE_END).text, pixels(y).text,
        sluice__percent(rank->inner_idle).text);
    sluice__put(
        sheet,
        "<text class=\"dim\" fill=\"#5b6470\" text-anchor=\"end\" x=\"%s\" y=\"%s\">%s</text>\n",
        pixels(page->plot + SLUICE__PEAK_END).text, pixels(y).text, peak);
}

static void begin_row(sluice__sheet *sheet, double top) {
    sluice__put(sheet, "<g transform=\"translate(%d %s)\">\n", SLUICE__LEFT, pixels(top).text);
}

/* Drawn below the lines of transfers. */
static void put_ground(sluice__sheet *sheet, sluice__page *page, const sluice_timeline *timeline,
                       const sluice_timeline_rank *rank, double top) {
    begin_row(sheet, top);
    put_idle(sheet, page, timeline, rank);
    if (rank->level_count > 0) put_memory(sheet, page, timeline, rank);
    sluice__put(sheet, "</g>\n");
}

static void put_row(sluice__sheet *sheet, sluice__page *page, const sluice_timeline *timeline,
                    int r, double top) {
    const sluice_timeline_rank *const rank = &timeline->rank[r];
    begin_row(sheet, top);
    sluice__put(sheet, "<text class=\"ink\" text-anchor=\"end\" x=\"-8\" y=\"%s\">rank %d</text>\n",
                pixels(page->row / 2 + 4).text, r);
    for (int chunk = 0; chunk < timeline->chunks; chunk++)
        for (int kind = 0; kind < SLUICE__ACTION_KINDS; kind++)
            put_boxes(sheet, page, timeline, rank, kind, chunk);
    put_numbers(sheet, page, rank);
    put_shares(sheet, page, rank);
    sluice__put(sheet, "</g>\n");
}

/* ---- between rows: transfers ---- */

/* For `blocked` until the transfer's end, `rank` waits for it. */
static void put_blocked(sluice__sheet *sheet, sluice__page *page, const sluice_timeline_flow *flow,
                        int rank, double blocked, double top) {
    if (!is_wide(page, blocked, MIN_FLOW)) return;
    sluice__put(sheet,
                "<rect fill=\"url(#exposed)\" x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\"/>\n",
                pixels((flow->end - blocked) * page->scale + SLUICE__LEFT).text,
                pixels(top + rank * sluice__row_pitch(page)).text,
                pixels(blocked * page->scale).text, pixels(page->row).text);
    page->exposed = true;
}

static void put_exposed(sluice__sheet *sheet, sluice__page *page, const sluice_timeline *timeline,
                        double top) {
    for (int f = 0; f < timeline->flow_count; f++) {
        const sluice_timeline_flow *const flow = &timeline->flows[f];
        put_blocked(sheet, page, flow, flow->to, flow->exposed, top);
        put_blocked(sheet, page, flow, flow->from, flow->stalled, top);
    }
}

/* A line from the sender's row to the receiver's, `lean` pixels wider on both sides. */
static void put_line(sluice__sheet *sheet, const sluice__page *page,
                     const sluice_timeline_flow *flow, double top, double lean) {
    const double pitch = sluice__row_pitch(page);
    const bool down    = flow->to > flow->from;
    sluice__put(sheet, "M%s %sL%s %s", pixels(flow->begin * page->scale - lean).text,
                pixels(top + flow->from * pitch + (down ? page->row : 0)).text,
                pixels(flow->end * page->scale + lean).text,
                pixels(top + flow->to * pitch + (down ? 0 : page->row)).text);
}

/* Transfers that take time, or those of the critical path. */
static void put_flows(sluice__sheet *sheet, sluice__page *page, const sluice_timeline *timeline,
                      double top, bool critical) {
    bool open = false;
    for (int f = 0; f < timeline->flow_count; f++) {
        const sluice_timeline_flow *const flow = &timeline->flows[f];
        if (critical ? !flow->critical : !is_wide(page, flow->end - flow->begin, MIN_FLOW))
            continue;
        if (!open)
            sluice__put(sheet,
                        critical ? "<path class=\"critical\" fill=\"none\" stroke=\"#0b0e13\" "
                                   "stroke-width=\"%s\" transform=\"translate(%d)\" d=\""
                                 : "<path class=\"flow\" fill=\"none\" stroke=\"#6a7480\" "
                                   "stroke-width=\"%s\" transform=\"translate(%d)\" d=\"",
                        pixels(critical ? page->outline : 0.8).text, SLUICE__LEFT);
        put_line(sheet, page, flow, top, critical ? (page->outline + page->slit) / 2 : 0);
        open = true;
    }
    if (open) sluice__put(sheet, "\"/>\n");
    page->flows |= open && !critical;
}

/* ---- the critical path ---- */

static void put_outline(sluice__sheet *sheet, const sluice__page *page, double begin, double end,
                        double top) {
    const double inset = (page->outline + page->slit) / 2;
    const double width = fmax((end - begin) * page->scale - 2 * inset, 0.1);
    sluice__put(sheet, "M%s %sh%sv%sh%sz", pixels(begin * page->scale + inset).text,
                pixels(top + page->outline / 2).text, pixels(width).text,
                pixels(page->row - page->outline).text, pixels(-width).text);
}

/* Boxes that are too narrow for separate outlines share one with their neighbours. */
static void put_outlines(sluice__sheet *sheet, const sluice__page *page,
                         const sluice_timeline_rank *rank, double top) {
    for (int n = 0, next; n < rank->span_count; n = next) {
        next = n + 1;
        if (!rank->spans[n].critical) continue;
        while (page->narrow < 10 && next < rank->span_count && rank->spans[next].critical &&
               !is_wide(page, rank->spans[next].begin - rank->spans[next - 1].end, MIN_IDLE))
            next++;
        if (rank->spans[next - 1].end > rank->spans[n].begin)
            put_outline(sheet, page, rank->spans[n].begin, rank->spans[next - 1].end, top);
    }
}

static bool has_critical(const sluice_timeline *timeline) {
    for (int r = 0; r < timeline->ranks; r++)
        for (int n = 0; n < timeline->rank[r].span_count; n++)
            if (timeline->rank[r].spans[n].critical) return true;
    return false;
}

static void put_critical(sluice__sheet *sheet, sluice__page *page, const sluice_timeline *timeline,
                         double top) {
    if (!has_critical(timeline)) return;
    page->critical = true;
    sluice__put(sheet,
                "<path class=\"critical\" fill=\"none\" stroke=\"#0b0e13\" stroke-width=\"%s\" "
                "transform=\"translate(%d)\" d=\"",
                pixels(page->outline).text, SLUICE__LEFT);
    for (int r = 0; r < timeline->ranks; r++)
        put_outlines(sheet, page, &timeline->rank[r], top + r * sluice__row_pitch(page));
    sluice__put(sheet, "\"/>\n");
}

void sluice__svg_rows(sluice__sheet *sheet, sluice__page *page, const sluice_timeline *timeline,
                      double top) {
    const double pitch = sluice__row_pitch(page);
    for (int r = 0; r < timeline->ranks; r++)
        put_ground(sheet, page, timeline, &timeline->rank[r], top + r * pitch);
    put_exposed(sheet, page, timeline, top);
    put_flows(sheet, page, timeline, top, false);
    put_flows(sheet, page, timeline, top, true);
    for (int r = 0; r < timeline->ranks; r++) put_row(sheet, page, timeline, r, top + r * pitch);
    put_critical(sheet, page, timeline, top);
}
