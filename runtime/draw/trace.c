/* SPDX-License-Identifier: MIT */
/*
 * trace.c -- time lines in Chrome's Trace Event Format, written as a stream, so that a million
 * actions need little memory.
 *
 * What viewers need, beyond the format's description:
 *   - thread ids are unique in the file: Perfetto names threads by their id alone
 *   - no process is 0, and no thread has its process's id: both have special meanings
 *   - arrows have whole numbers as ids, unique in the file
 *   - an arrow starts inside its slice, not at its end, and comes later in the file than both
 * slices
 *   - times are whole nanoseconds, so that slices that touch do not overlap; Perfetto multiplies
 *     microseconds by 1000 and cuts off what is behind the point
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/draw/sheet.h"
#include "sluice/timeline.h"

enum { THREADS = 10000 }; /* thread ids of a process: more than ranks */

typedef struct trace {
    sluice__sheet sheet;
    const sluice_timeline *timeline;
    int process;
    double nanoseconds; /* microseconds per unit of the time line */
    long long arrows;
    bool began; /* an event was written */
} trace;

/* ---- times ---- */

static int64_t ticks_of(const trace *to, double time) {
    return llround(time * to->nanoseconds);
}

/* "12.5002": microseconds; if not whole, with two tenths of a nanosecond, so that a viewer that
 * multiplies by 1000 and truncates does not lose a nanosecond. */
static sluice__number microseconds(int64_t ticks) {
    const long long whole = ticks / 1000, part = ticks % 1000;
    sluice__number number;
    (void)snprintf(number.text, sizeof number.text, part ? "%lld.%03lld2" : "%lld", whole, part);
    return number;
}

/* Seconds stay seconds. Any other unit is drawn as a millisecond, scaled by powers of a thousand
 * until the makespan is neither lost in rounding nor too large to write. */
static double choose_scale(const sluice_timeline *timeline) {
    double scale = strcmp(timeline->unit, "s") == 0 ? 1e9 : 1e6;
    while (timeline->step * scale > 1e14) scale /= 1000;
    if (scale == 1e6)
        while (timeline->step > 0 && timeline->step * scale < 1e6) scale *= 1000;
    return scale;
}

/* ---- events ---- */

/* The fields that all events have; the caller closes the object. */
static void begin_event(trace *to, const char *phase, int thread) {
    sluice__put(&to->sheet, "%s\n{\"ph\":\"%s\",\"pid\":%d,\"tid\":%d", to->began ? "," : "", phase,
                to->process, to->process * THREADS + thread);
    to->began = true;
}

static void name_process(trace *to) {
    begin_event(to, "M", 0);
    sluice__put(&to->sheet, ",\"name\":\"process_name\",\"args\":{\"name\":\"");
    sluice__put_json(&to->sheet, to->timeline->title[0] ? to->timeline->title : "time line");
    sluice__put(&to->sheet, "\"}}");
    begin_event(to, "M", 0);
    sluice__put(&to->sheet, ",\"name\":\"process_sort_index\",\"args\":{\"sort_index\":%d}}",
                to->process);
}

/* "rank 1 (stages 1, 6)": with at most a few stages by number. */
static void name_thread(trace *to, int r) {
    const sluice_timeline *const timeline = to->timeline;
    begin_event(to, "M", r);
    sluice__put(&to->sheet, ",\"name\":\"thread_name\",\"args\":{\"name\":\"rank %d", r);
    const int stages   = timeline->rank[r].stages;
    const char *before = stages > 1 ? " (stages " : " (stage ";
    for (int s = 0, named = 0; s < timeline->stages && named < 8; s++) {
        if (timeline->stage_rank[s] != r) continue;
        sluice__put(&to->sheet, "%s%d", before, s);
        before = ", ";
        named++;
    }
    sluice__put(&to->sheet, "%s\"}}", stages == 0 ? "" : stages > 8 ? ", ...)" : ")");
    begin_event(to, "M", r);
    sluice__put(&to->sheet, ",\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":%d}}", r);
}

static void put_span(trace *to, int r, const sluice_timeline_span *span) {
    const int64_t begin = ticks_of(to, span->begin), end = ticks_of(to, span->end);
    const char *const name = sluice_instruction_name(span->kind);
    begin_event(to, "X", r);
    sluice__put(&to->sheet, ",\"ts\":%s,\"dur\":%s,\"name\":\"%s%d\",\"cat\":\"%s\"",
                microseconds(begin).text, microseconds(end - begin).text, name, span->microbatch,
                name);
    sluice__put(&to->sheet, ",\"args\":{\"stage\":%d,\"microbatch\":%d%s}}", span->stage,
                span->microbatch, span->critical ? ",\"critical\":true" : "");
}

static void put_level(trace *to, int r, const sluice_timeline_level *level) {
    const sluice__number at = microseconds(ticks_of(to, level->time));
    begin_event(to, "C", r);
    sluice__put(&to->sheet,
                ",\"ts\":%s,\"name\":\"rank %d held\",\"args\":{\"stage-activations\":%d}}",
                at.text, r, level->held);
    if (to->timeline->rank[r].peak_bytes == 0) return;
    begin_event(to, "C", r);
    sluice__put(&to->sheet, ",\"ts\":%s,\"name\":\"rank %d memory\",\"args\":{\"bytes\":%zu}}",
                at.text, r, level->bytes);
}

/* ---- arrows ---- */

/* One end of an arrow, inside span `n` of rank r if there is one. */
static void put_end(trace *to, const char *phase, int r, int64_t at) {
    begin_event(to, phase, r);
    sluice__put(&to->sheet, ",\"ts\":%s,\"id\":%lld,\"name\":\"transfer\",\"cat\":\"transfer\"",
                microseconds(at).text, to->arrows);
}

/* The transfer's own slice, if it takes time. */
static void put_flow_notes(trace *to, const sluice_timeline_flow *flow) {
    sluice__put(&to->sheet, ",\"args\":{\"carries\":\"%s\",\"stage\":%d,\"microbatch\":%d",
                flow->payload == SLUICE_PAYLOAD_ACTIVATION ? "activation" : "gradient", flow->stage,
                flow->microbatch);
    if (flow->end > flow->begin)
        sluice__put(&to->sheet, ",\"begin_us\":%s,\"end_us\":%s,\"exposed_us\":%s",
                    microseconds(ticks_of(to, flow->begin)).text,
                    microseconds(ticks_of(to, flow->end)).text,
                    microseconds(ticks_of(to, flow->exposed)).text);
    if (flow->stalled > 0)
        sluice__put(&to->sheet, ",\"stalled_us\":%s",
                    microseconds(ticks_of(to, flow->stalled)).text);
    sluice__put(&to->sheet, "%s}}", flow->critical ? ",\"critical\":true" : "");
}

static void put_flow(trace *to, const sluice_timeline_flow *flow) {
    const sluice_timeline *const timeline = to->timeline;
    int64_t leaves = ticks_of(to, flow->begin), arrives = ticks_of(to, flow->end);
    if (flow->producer >= 0) {
        const sluice_timeline_span *const span = &timeline->rank[flow->from].spans[flow->producer];
        leaves                                 = ticks_of(to, span->end);
        if (leaves > ticks_of(to, span->begin)) leaves--;
    }
    if (flow->consumer >= 0)
        arrives = ticks_of(to, timeline->rank[flow->to].spans[flow->consumer].begin);
    to->arrows++;
    put_end(to, "s", flow->from, leaves);
    put_flow_notes(to, flow);
    put_end(to, "f", flow->to, arrives);
    sluice__put(&to->sheet, ",\"bp\":\"e\"}");
}

/* ---- the whole ---- */

static void put_timeline(trace *to) {
    const sluice_timeline *const timeline = to->timeline;
    name_process(to);
    for (int r = 0; r < timeline->ranks; r++) name_thread(to, r);
    for (int r = 0; r < timeline->ranks; r++)
        for (int n = 0; n < timeline->rank[r].span_count; n++)
            put_span(to, r, &timeline->rank[r].spans[n]);
    for (int r = 0; r < timeline->ranks; r++)
        for (int n = 0; n < timeline->rank[r].level_count; n++)
            put_level(to, r, &timeline->rank[r].levels[n]);
    for (int f = 0; f < timeline->flow_count; f++) put_flow(to, &timeline->flows[f]);
}

/* The ledger of each rank that has one, by entry, in the time line's unit. */
static void put_ledgers(trace *to, const sluice_timeline *timeline) {
    if (timeline->ranks == 0 || !timeline->rank[0].has_ledger) return;
    sluice__put(&to->sheet, ",\"ledger\":[");
    for (int r = 0; r < timeline->ranks; r++) {
        const sluice_ledger *const ledger = &timeline->rank[r].ledger;
        sluice__put(&to->sheet, "%s\n{", r > 0 ? "," : "");
        for (int e = 0; e < SLUICE_LEDGER_ENTRIES; e++)
            sluice__put(&to->sheet, "\"%s\":%s,", sluice_ledger_name((sluice_ledger_entry)e),
                        sluice__fixed(ledger->time[e], 9).text);
        sluice__put(&to->sheet, "\"unaccounted\":%s}", sluice__fixed(ledger->unaccounted, 9).text);
    }
    sluice__put(&to->sheet, "]");
}

/* Metadata to interpret the numbers. */
static void put_notes(trace *to, const sluice_timeline *const *timelines, int count) {
    sluice__put(&to->sheet,
                "\n],\n\"displayTimeUnit\":\"ms\",\n\"otherData\":{\"made by\":\"sluice\"");
    for (int t = 0; t < count; t++) {
        const sluice_timeline *const timeline = timelines[t];
        sluice__put(&to->sheet, ",\n\"%d\":{\"title\":\"", t + 1);
        sluice__put_json(&to->sheet, timeline->title);
        sluice__put(&to->sheet, "\",\"unit\":\"");
        sluice__put_json(&to->sheet, timeline->unit);
        sluice__put(
            &to->sheet, "\",\"us per unit\":%s,\"makespan\":%s,\"step\":%s,\"makespan idle\":%s",
            sluice__fixed(choose_scale(timeline) / 1000, 6).text,
            sluice__fixed(timeline->makespan, 9).text, sluice__fixed(timeline->step, 9).text,
            sluice__fixed(timeline->makespan_idle, 6).text);
        put_ledgers(to, timeline);
        sluice__put(&to->sheet, "}");
    }
    sluice__put(&to->sheet, "}}\n");
}

sluice_status sluice_timeline_trace(sluice_take_text *take, void *context,
                                    const sluice_timeline *const *timelines, int count) {
    trace to = {.sheet = {.take = take, .context = context}};
    sluice__put(&to.sheet, "{\"traceEvents\":[");
    for (int t = 0; t < count; t++) {
        to.timeline    = timelines[t];
        to.process     = t + 1;
        to.nanoseconds = choose_scale(timelines[t]);
        put_timeline(&to);
    }
    put_notes(&to, timelines, count);
    return sluice__sheet_end(&to.sheet);
}
