/* SPDX-License-Identifier: MIT */
/*
 * timeline.h -- a time line: what each rank computed when, simulated or measured, and its pictures.
 *
 * A time line is a plain value: the program, simulation or pipeline that it was made from may be
 * freed. Title and unit may be overwritten. Simulated and measured time lines are drawn by the same
 * code, and can share a picture.
 */
#ifndef SLUICE_TIMELINE_H
#define SLUICE_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>

#include "sluice/ledger.h"
#include "sluice/program.h"
#include "sluice/status.h"

/* A compute instruction (F, B, I, W, recompute) of one rank. */
typedef struct sluice_timeline_span {
    sluice_instruction_kind kind;
    int stage, microbatch;
    double begin, end;
    bool critical; /* on the critical path, where that is known */
} sluice_timeline_span;

/* A transfer between ranks. */
typedef struct sluice_timeline_flow {
    int from, to;           /* ranks */
    int producer, consumer; /* indices of spans of `from` and of `to`; -1: none */
    sluice_payload payload;
    int stage, microbatch; /* of the producer */
    double begin, end;
    double exposed; /* how long `to` was blocked by it, up to its end */
    double stalled; /* how long `from` was */
    bool critical;
} sluice_timeline_flow;

/* What a rank holds from `time` on. */
typedef struct sluice_timeline_level {
    double time;
    int held;     /* stage-activations: F begun, B (or W) not ended */
    size_t bytes; /* of its arena that are alive; 0: unknown */
} sluice_timeline_level;

typedef struct sluice_timeline_rank {
    sluice_timeline_span *spans; /* one after another */
    int span_count;
    sluice_timeline_level *levels; /* by time */
    int level_count;
    int stages; /* number of stages that it runs */
    int peak_activations;
    size_t peak_bytes; /* 0: unknown */
    double inner_idle; /* idle share between its first and its last span */
    bool has_ledger;   /* set if measured; a simulation's ledger may be added */
    sluice_ledger ledger;
} sluice_timeline_rank;

enum { SLUICE_TIMELINE_TITLE_BYTES = 160, SLUICE_TIMELINE_UNIT_BYTES = 32 };

typedef struct sluice_timeline {
    char title[SLUICE_TIMELINE_TITLE_BYTES]; /* UTF-8 */
    char unit[SLUICE_TIMELINE_UNIT_BYTES];   /* of every time here; "s" is drawn as ms or µs too */
    int ranks, stages, microbatches;
    int *stage_rank; /* per stage */
    int *chunk;      /* per stage: its index among the stages of its rank */
    int chunks;      /* largest number of stages on a rank */
    sluice_timeline_rank *rank;
    sluice_timeline_flow *flows; /* by begin; none if unknown */
    int flow_count;
    double makespan;      /* of compute and transfers */
    double step;          /* with the update */
    double makespan_idle; /* idle share of ranks * makespan */
} sluice_timeline;

/*
 * The time line of a simulation, in the simulation's unit ("units of cost" until the caller
 * overwrites it). Release with sluice_timeline_free(). E_ARGUMENT if a time is not finite,
 * E_HOST_MEMORY.
 */
SLUICE_API sluice_status sluice_timeline_from_simulation(sluice_timeline **out,
                                                         const sluice_program *program,
                                                         const sluice_simulation *simulation);
SLUICE_API void sluice_timeline_free(sluice_timeline *timeline); /* NULL is fine */

/*
 * As text, a row per rank, at most `columns` wide (80 if 0): the width of an action is its
 * duration, with its micro-batch's number where that fits; idle is '.'. `colour` adds the escape
 * sequences of ANSI terminals and underlines the critical path.
 * Free with sluice_text_free(). E_HOST_MEMORY.
 */
SLUICE_API sluice_status sluice_timeline_draw(char **out, const sluice_timeline *timeline,
                                              int columns, bool colour);

/* The same for a simulation, without colours. E_ARGUMENT, E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_simulation_draw(char **out, const sluice_simulation *simulation,
                                                const sluice_program *program, int columns);

/*
 * As one SVG picture, `count` (>= 1) time lines below each other on the same scale; they must have
 * the same unit. It needs no font, style sheet or script, and is dark where the viewer prefers
 * that. `width` in pixels; 0: chosen so that micro-batch numbers fit if possible.
 * Free with sluice_text_free(). E_ARGUMENT (units differ; too many actions for a picture),
 * E_HOST_MEMORY.
 */
SLUICE_API sluice_status sluice_timeline_svg(char **out, const sluice_timeline *const *timelines,
                                             int count, int width);

/* Called with the next `bytes` bytes of a text that is too long to be kept in memory; not
 * terminated. Anything but OK stops the writing: say why with sluice_fail(). */
typedef sluice_status sluice_take_text(void *context, const char *text, size_t bytes);

/*
 * As a trace in Chrome's Trace Event Format (JSON), which Perfetto and chrome://tracing load: a
 * process per time line, a thread per rank, a complete event per action, an arrow per transfer,
 * counters for what is held. Times in "s" are kept; one of any other unit becomes 1 ms (the file
 * says so). Passed to `take` piece by piece, so that a million actions need no more memory than a
 * few. E_HOST_MEMORY, and what `take` returns.
 */
SLUICE_API sluice_status sluice_timeline_trace(sluice_take_text *take, void *context,
                                               const sluice_timeline *const *timelines, int count);

#endif
