/* SPDX-License-Identifier: MIT */
/* generate.c -- the built-in schedules: each a short pure function of (p, m, r). */
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/schedule/schedule.h"

static sluice_action forward(int stage, int i) {
    return (sluice_action){SLUICE_ACTION_F, stage, i, 0};
}

static sluice_action backward(int stage, int i) {
    return (sluice_action){SLUICE_ACTION_B, stage, i, 0};
}

static int emit_forward_only(sluice_action *list, int p, int m, int r) {
    (void)p;
    for (int i = 0; i < m; i++) *list++ = forward(r, i);
    return m;
}

/* All forwards, then all backwards, both ascending: gradients add up in the same order as in
 * every other ascending schedule, and so to the same bits. */
static int emit_gpipe(sluice_action *list, int p, int m, int r) {
    list += emit_forward_only(list, p, m, r);
    for (int i = 0; i < m; i++) *list++ = backward(r, i);
    return 2 * m;
}

/* The same with backwards in descending order: the newest activation dies first. */
static int emit_gpipe_lifo(sluice_action *list, int p, int m, int r) {
    list += emit_forward_only(list, p, m, r);
    for (int i = m - 1; i >= 0; i--) *list++ = backward(r, i);
    return 2 * m;
}

/* Warm-up fills the pipe below this rank; steady state then frees one activation for every one
 * it takes, which bounds memory by p - r instead of m. (Narayanan et al. 2019, PipeDream-Flush.) */
static int emit_1f1b(sluice_action *list, int p, int m, int r) {
    const int warmup = p - 1 - r < m ? p - 1 - r : m;
    int f = 0, b = 0;
    while (f < warmup) *list++ = forward(r, f++);
    while (f < m) {
        *list++ = forward(r, f++);
        *list++ = backward(r, b++);
    }
    while (b < m) *list++ = backward(r, b++);
    return 2 * m;
}

/* A new schedule is one name, one row and one emit function. */
static const char *const names[]     = {"gpipe", "gpipe-lifo", "1f1b", "forward-only", NULL};
static sluice__emit *const emitters[] = {emit_gpipe, emit_gpipe_lifo, emit_1f1b, emit_forward_only};
_Static_assert(sizeof names / sizeof names[0] == sizeof emitters / sizeof emitters[0] + 1,
               "every name has an emitter");

const char *const *sluice_schedule_names(void) {
    return names;
}

static sluice_status find_emitter(sluice__emit **out, const char *name) {
    for (int n = 0; names[n]; n++) {
        if (strcmp(names[n], name) != 0) continue;
        *out = emitters[n];
        return SLUICE_OK;
    }
    const sluice_status status =
        sluice__fail(SLUICE_E_ARGUMENT, "no schedule is called '%s'", name);
    return sluice__hint(status, "choose one of: gpipe, gpipe-lifo, 1f1b, forward-only");
}

static sluice_status check_options(const sluice_schedule_options *o) {
    if (o->size != sizeof *o)
        return sluice__fail(SLUICE_E_ARGUMENT, "schedule options of %zu bytes are not known; start "
                                               "from SLUICE_SCHEDULE_OPTIONS_INIT", o->size);
    if (o->ranks < 1) return sluice__fail(SLUICE_E_ARGUMENT, "%d ranks are fewer than 1", o->ranks);
    if (o->microbatches < 1)
        return sluice__fail(SLUICE_E_ARGUMENT, "%d micro-batches are fewer than 1", o->microbatches);
    if (o->chunks != 0 && o->chunks != 1)
        return sluice__fail(SLUICE_E_ARGUMENT, "%d chunks: these schedules have 1 stage per rank",
                            o->chunks);
    return SLUICE_OK;
}

sluice_status sluice_schedule_generate(sluice_schedule **out, const char *name,
                                       const sluice_schedule_options *options) {
    sluice__emit *emit = NULL;
    SLUICE__TRY(find_emitter(&emit, name));
    SLUICE__TRY(check_options(options));
    const int p = options->ranks, m = options->microbatches;
    sluice_action *room         = NULL;
    const sluice_action **lists = NULL;
    int *counts                 = NULL;
    sluice_status status        = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&room, (size_t)p * (size_t)m * 2, sizeof *room));
    SLUICE__TRY_OUT(sluice__alloc(&lists, (size_t)p, sizeof *lists));
    SLUICE__TRY_OUT(sluice__alloc(&counts, (size_t)p, sizeof *counts));
    for (int r = 0; r < p; r++) {
        sluice_action *const list = room + (size_t)r * (size_t)m * 2;
        counts[r]                 = emit(list, p, m, r);
        lists[r]                  = list;
    }
    SLUICE__TRY_OUT(sluice_schedule_from_lists(out, name, lists, counts, p));
out:
    sluice__free(counts);
    sluice__free(lists);
    sluice__free(room);
    return status;
}
