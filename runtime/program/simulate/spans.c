/* SPDX-License-Identifier: MIT */
/*
 * spans.c -- from a program's times, simulated or measured, to a time line that needs neither
 * program nor simulation.
 */
#include "sluice/timeline.h"

#include <math.h>
#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/compiled.h"
#include "runtime/program/simulate/simulator.h"

/* The spans of each stage's F, and B or I, for each micro-batch: indices, -1: none. */
typedef struct finder {
    int microbatches;
    int *forward, *backward; /* [stage * microbatches + micro-batch] */
} finder;

/* ---- spans ---- */

static void remember(finder *find, const sluice_timeline_span *span, int index) {
    const size_t at = (size_t)span->stage * (size_t)find->microbatches + (size_t)span->microbatch;
    if (span->kind == SLUICE_INSTRUCTION_FORWARD) find->forward[at] = index;
    if (span->kind == SLUICE_INSTRUCTION_BACKWARD ||
        span->kind == SLUICE_INSTRUCTION_BACKWARD_INPUT)
        find->backward[at] = index;
}

static void add_spans(sluice_timeline_rank *rank, finder *find, const sluice_instruction *list,
                      int count, const sluice_rank_times *times) {
    for (int i = 0; i < count; i++) {
        if (!sluice__is_compute(&list[i])) continue;
        const sluice_timeline_span span = {.kind       = list[i].kind,
                                           .stage      = list[i].stage,
                                           .microbatch = list[i].microbatch,
                                           .begin      = times->begin[i],
                                           .end        = times->end[i],
                                           .critical   = sluice_is_critical(times, i)};
        remember(find, &span, rank->span_count);
        rank->spans[rank->span_count++] = span;
    }
}

/* ---- levels ---- */

/* A later level at the same time replaces the earlier one, which had no duration. */
static void add_level(sluice_timeline_rank *rank, sluice_timeline_level level) {
    if (level.held > rank->peak_activations) rank->peak_activations = level.held;
    if (level.bytes > rank->peak_bytes) rank->peak_bytes = level.bytes;
    if (rank->level_count > 0 && rank->levels[rank->level_count - 1].time >= level.time)
        rank->level_count--;
    if (rank->level_count > 0) {
        const sluice_timeline_level *const last = &rank->levels[rank->level_count - 1];
        if (last->held == level.held && last->bytes == level.bytes) return;
    }
    rank->levels[rank->level_count++] = level;
}

/* What is held during an instruction follows from the program alone, measured or simulated. */
static sluice_status add_levels(sluice_timeline_rank *rank, const sluice__rank_program *program,
                                const sluice_rank_times *times) {
    int *held = NULL;
    SLUICE__TRY(sluice__alloc(&rank->levels, (size_t)program->count, sizeof *rank->levels));
    SLUICE__TRY(sluice__alloc(&held, (size_t)program->count, sizeof *held));
    (void)sluice__count_live(held, program->list, program->count);
    for (int i = 0; i < program->count; i++)
        add_level(rank, (sluice_timeline_level){
                            .time  = times->begin[i],
                            .held  = held[i],
                            .bytes = program->alive ? program->alive[i] : 0,
                        });
    sluice__free(held);
    return sluice__grow(&rank->levels, (size_t)rank->level_count, sizeof *rank->levels);
}

/* ---- flows ---- */

/* The span on `stage` that produces or uses a payload; -1: none. */
static int find_span(const finder *find, sluice_payload payload, int stage, int microbatch) {
    if (microbatch < 0 || microbatch >= find->microbatches) return -1;
    const size_t at = (size_t)stage * (size_t)find->microbatches + (size_t)microbatch;
    return sluice__is_backward(payload) ? find->backward[at] : find->forward[at];
}

static void add_flows(sluice_timeline *timeline, const finder *find, const sluice_program *program,
                      const sluice_simulation *simulation) {
    for (int t = 0; simulation->transfers && t < simulation->transfer_count; t++) {
        const sluice_transfer_times *const times = &simulation->transfers[t];
        const sluice_edge *const edge            = &program->edges.list[times->edge].is;
        const int microbatch                     = sluice_transfer_microbatch(program, times);
        timeline->flows[timeline->flow_count++]  = (sluice_timeline_flow){
             .from       = times->from,
             .to         = times->to,
             .producer   = find_span(find, edge->payload, edge->producer, microbatch),
             .consumer   = find_span(find, edge->payload, edge->consumer, microbatch),
             .payload    = (sluice_payload)times->payload,
             .stage      = edge->producer,
             .microbatch = microbatch,
             .begin      = times->begin,
             .end        = times->end,
             .exposed    = sluice_transfer_blocked(simulation, times, false),
             .stalled    = sluice_transfer_blocked(simulation, times, true),
             .critical   = times->critical,
        };
    }
}

/* ---- the whole ---- */

static int count_spans(const sluice_instruction *list, int count) {
    int spans = 0;
    for (int i = 0; i < count; i++) spans += sluice__is_compute(&list[i]);
    return spans;
}

static void number_chunks(sluice_timeline *timeline, const sluice_program *program) {
    for (int s = 0; s < timeline->stages; s++) {
        const int r             = sluice_program_stage_rank(program, s);
        timeline->stage_rank[s] = r;
        timeline->chunk[s]      = timeline->rank[r].stages++;
        if (timeline->rank[r].stages > timeline->chunks)
            timeline->chunks = timeline->rank[r].stages;
    }
}

static sluice_status allocate(sluice_timeline *timeline, finder *find,
                              const sluice_program *program, const sluice_simulation *simulation) {
    const size_t stages  = (size_t)timeline->stages;
    const size_t actions = stages * (size_t)find->microbatches;
    SLUICE__TRY(sluice__alloc(&timeline->stage_rank, stages, sizeof(int)));
    SLUICE__TRY(sluice__alloc(&timeline->chunk, stages, sizeof(int)));
    SLUICE__TRY(sluice__alloc(&find->forward, actions, sizeof(int)));
    SLUICE__TRY(sluice__alloc(&find->backward, actions, sizeof(int)));
    for (size_t a = 0; a < actions; a++) find->forward[a] = find->backward[a] = -1;
    if (simulation->transfers)
        SLUICE__TRY(sluice__alloc(&timeline->flows, (size_t)simulation->transfer_count,
                                  sizeof *timeline->flows));
    SLUICE__TRY(sluice__alloc(&timeline->rank, (size_t)simulation->ranks, sizeof *timeline->rank));
    timeline->ranks = simulation->ranks;
    for (int r = 0; r < timeline->ranks; r++) {
        sluice_timeline_rank *const rank       = &timeline->rank[r];
        const sluice__rank_program *const mine = &program->rank[r];
        SLUICE__TRY(sluice__alloc(&rank->spans, (size_t)count_spans(mine->list, mine->count),
                                  sizeof *rank->spans));
    }
    return SLUICE_OK;
}

static sluice_status fill(sluice_timeline *timeline, finder *find, const sluice_program *program,
                          const sluice_simulation *simulation) {
    double busy = 0;
    number_chunks(timeline, program);
    for (int r = 0; r < timeline->ranks; r++) {
        const sluice__rank_program *const mine = &program->rank[r];
        const sluice_rank_times *const times   = &simulation->rank[r];
        const sluice__idle idle =
            sluice__idle_of(mine->list, mine->count, times->begin, times->end);
        add_spans(&timeline->rank[r], find, mine->list, mine->count, times);
        timeline->rank[r].inner_idle = idle.inner;
        busy += idle.busy;
        SLUICE__TRY(add_levels(&timeline->rank[r], mine, times));
    }
    add_flows(timeline, find, program, simulation);
    timeline->makespan      = simulation->makespan;
    timeline->step          = simulation->step;
    timeline->makespan_idle = sluice__makespan_idle(timeline->ranks, simulation->makespan, busy);
    return SLUICE_OK;
}

/* A drawing divides by the makespan, and multiplies by what a time is in it. */
static bool can_be_drawn(const sluice_simulation *simulation) {
    static const double shortest = 1e-280;
    return isfinite(simulation->makespan) && isfinite(simulation->step) &&
           (simulation->makespan == 0 || simulation->makespan >= shortest);
}

sluice_status sluice_timeline_from_simulation(sluice_timeline **out, const sluice_program *program,
                                              const sluice_simulation *simulation) {
    if (!can_be_drawn(simulation))
        return sluice__fail(SLUICE_E_ARGUMENT, "a makespan of %g and a step of %g cannot be drawn",
                            simulation->makespan, simulation->step);
    sluice_timeline *timeline = NULL;
    finder find               = {.microbatches = sluice_program_microbatches(program)};
    sluice_status status      = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&timeline, 1, sizeof *timeline));
    timeline->stages       = sluice_program_stages(program);
    timeline->microbatches = find.microbatches;
    SLUICE__TRY_OUT(allocate(timeline, &find, program, simulation));
    SLUICE__TRY_OUT(fill(timeline, &find, program, simulation));
    (void)snprintf(timeline->unit, sizeof timeline->unit, "units of cost");
    *out     = timeline;
    timeline = NULL; /* now the caller's */
out:
    sluice_timeline_free(timeline);
    sluice__free(find.forward);
    sluice__free(find.backward);
    return status;
}

void sluice_timeline_free(sluice_timeline *timeline) {
    if (!timeline) return;
    for (int r = 0; timeline->rank && r < timeline->ranks; r++) {
        sluice__free(timeline->rank[r].spans);
        sluice__free(timeline->rank[r].levels);
    }
    sluice__free(timeline->rank);
    sluice__free(timeline->flows);
    sluice__free(timeline->stage_rank);
    sluice__free(timeline->chunk);
    sluice__free(timeline);
}
