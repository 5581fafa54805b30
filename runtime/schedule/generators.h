/* SPDX-License-Identifier: MIT */
/* generators.h -- declarations that generators, text form and schedule object share. */
#ifndef SLUICE_SCHEDULE_GENERATORS_H
#define SLUICE_SCHEDULE_GENERATORS_H

#include <assert.h>

#include "sluice/schedule.h"

/* The largest number of a stage or micro-batch, in lists and in the text form. */
enum { SLUICE__MAX_NUMBER = 1 << 20 };

/* The last row of SLUICE_ACTION_MAP. */
enum { SLUICE__LAST_ACTION = SLUICE_ACTION_WAIT_REDUCE_GRAD };

/* A generator's input: the options, checked, with the schedule's defaults filled in. */
typedef struct sluice__shape {
    int p, v, m;
    double slack; /* 1 to 2; 0 where the schedule takes none */
    int extra;    /* forwards of the warm-up that every rank has in addition, >= 0 */
    int group;    /* micro-batches of a round, >= 1 */
} sluice__shape;

/* A rank's list while it is written; its capacity follows from the table of schedules. */
typedef struct sluice__list {
    sluice_action *actions;
    int count, capacity;
} sluice__list;

static inline void sluice__write(sluice__list *to, sluice_action_kind kind, int stage, int i) {
    assert(to->count < to->capacity);
    to->actions[to->count++] = (sluice_action){kind, stage, i, 0};
}

/* Rank r's list: a pure function of its arguments. */
typedef void sluice__emit(sluice__list *to, const sluice__shape *of, int r);
/* All ranks' lists at once, where a rank's order depends on the others'. */
typedef sluice_status sluice__emit_all(sluice__list *to, const sluice__shape *of);

sluice__emit sluice__emit_forward_only, sluice__emit_gpipe, sluice__emit_gpipe_lifo,
    sluice__emit_1f1b;                                          /* one_chunk.c */
sluice__emit sluice__emit_zb1p, sluice__emit_zb2p;              /* zero_bubble.c */
sluice__emit sluice__emit_interleaved, sluice__emit_looped_bfs; /* loop.c */
sluice__emit sluice__emit_v_min;                                /* vee.c */
sluice__emit_all sluice__emit_zbv;                              /* vee.c */
sluice__emit_all sluice__emit_v_half;                           /* v_half.c */
sluice__emit sluice__emit_dualpipev;                            /* dualpipev.c */
sluice__emit_all sluice__emit_hanayo;                           /* wave.c */

/* Down the ranks with the first chunk and back up with the second, which is a V; with more chunks
 * again, which is a wave. */
static inline int sluice__wave_stage(int p, int r, int chunk) {
    return chunk * p + (chunk % 2 == 0 ? r : p - 1 - r);
}

/* What a free rank does first of what is ready, on stages in a wave: the oldest micro-batch, and
 * its deepest stage. */
typedef struct sluice__ready_rule {
    bool split;      /* I and W; a W waits until nothing else is ready */
    bool alternates; /* before all else: a forward after a backward, and the other way round */
    bool deepest_backward; /* the deepest backward instead of the oldest */
    int limit;             /* stage-activations of a rank; 0: none */
} sluice__ready_rule;

sluice_status sluice__emit_ready(sluice__list *to, const sluice__shape *of,
                                 const sluice__ready_rule *rule); /* ready.c */

/*
 * As sluice_schedule_from_lists(), but takes ownership of `lists`, its `ranks` blocks and `counts`,
 * which come from sluice__alloc(), whether it succeeds or not.
 */
sluice_status sluice__schedule_adopt(sluice_schedule **out, const char *name, sluice_action **lists,
                                     int *counts, int ranks);

#endif
