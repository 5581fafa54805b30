/* SPDX-License-Identifier: MIT */
/* generate.c -- the built-in schedules by name: one table, and the checks of options. */
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/schedule/generators.h"

/* A new schedule takes a row here, an emitter in the file of its idea, and its section in
 * docs/schedules.md. Columns: name, summary; chunks: default, min, max (0: any); default slack (0:
 * takes none); takes group and extra warm-up; ascending; max actions per stage and micro-batch; one
 * of the two emitters. */
/* clang-format off */
#define SCHEDULE_MAP(X)                                                                              \
    X("gpipe", "all forwards, then all backwards",                                                   \
      1, 1, 1, 0, false, true, 2, sluice__emit_gpipe, NULL)                                          \
    X("gpipe-lifo", "gpipe with backwards in descending order",                                      \
      1, 1, 1, 0, false, false, 2, sluice__emit_gpipe_lifo, NULL)                                    \
    X("1f1b", "one forward, one backward: holds p micro-batches instead of m",                       \
      1, 1, 1, 1, false, true, 2, sluice__emit_1f1b, NULL)                                           \
    X("interleaved", "1f1b over several stages per rank: less idle, more transfers",                 \
      2, 1, 0, 2, true, true, 2, sluice__emit_interleaved, NULL)                                     \
    X("looped-bfs", "several stages per rank, all micro-batches through one before the next",        \
      2, 1, 0, 0, false, false, 2, sluice__emit_looped_bfs, NULL)                                    \
    X("hanayo", "stages in waves, down the ranks and back up: no send at the turns",                 \
      2, 1, 0, 0, false, true, 2, NULL, sluice__emit_hanayo)                                         \
    X("zb1p", "ZB-H1: backward in halves, a third of 1f1b's idle at its memory",                     \
      1, 1, 1, 0, false, true, 3, sluice__emit_zb1p, NULL)                                           \
    X("zb2p", "ZB-H2: backward in halves, no inner idle, twice 1f1b's memory",                       \
      1, 1, 1, 0, false, true, 3, sluice__emit_zb2p, NULL)                                           \
    X("zbv", "two stages per rank as a V, no inner idle, 1f1b's memory",                             \
      2, 2, 2, 0, false, true, 3, NULL, sluice__emit_zbv)                                            \
    X("v-half", "a V with half of 1f1b's memory",                                                    \
      2, 2, 2, 0, false, true, 3, NULL, sluice__emit_v_half)                                         \
    X("v-min", "a V with a third of 1f1b's memory",                                                  \
      2, 2, 2, 0, false, true, 3, sluice__emit_v_min, NULL)                                          \
    X("dualpipev", "a V of forwards paired with backwards, to overlap",                              \
      2, 2, 2, 0, false, true, 3, sluice__emit_dualpipev, NULL)                                      \
    X("forward-only", "no backward: evaluation",                                                     \
      1, 1, 1, 0, false, true, 1, sluice__emit_forward_only, NULL)
/* clang-format on */

typedef struct row {
    sluice_schedule_description about;
    int actions; /* max per stage and micro-batch */
    sluice__emit *emit;
    sluice__emit_all *emit_all;
} row;

/* clang-format off */
static const row rows[] = {
#define X(name, summary, chunks, min, max, slack, rounds, ascending, actions, emit, emit_all)      \
    {{name, summary, chunks, min, max, (slack) > 0, rounds, slack, rounds, ascending},             \
     actions, emit, emit_all},
    SCHEDULE_MAP(X)
#undef X
};

static const char *const names[] = {
#define X(name, summary, chunks, min, max, slack, rounds, ascending, actions, emit, emit_all) name,
    SCHEDULE_MAP(X)
#undef X
    NULL
};
/* clang-format on */

const char *const *sluice_schedule_names(void) {
    return names;
}

static sluice_status find_row(const row **out, const char *name) {
    char known[256] = "";
    for (size_t n = 0; n < sizeof rows / sizeof rows[0]; n++) {
        if (strcmp(rows[n].about.name, name) == 0) {
            *out = &rows[n];
            return SLUICE_OK;
        }
        sluice__add_name(known, sizeof known, ", ", rows[n].about.name);
    }
    const sluice_status status =
        sluice__fail(SLUICE_E_ARGUMENT, "no schedule is called '%s'", name);
    return sluice__hint(status, "choose one of: %s", known);
}

sluice_status sluice_schedule_describe(sluice_schedule_description *out, const char *name) {
    const row *found = NULL;
    SLUICE__TRY(find_row(&found, name));
    *out = found->about;
    return SLUICE_OK;
}

/* ---- options ---- */

/* Callers built against the first header have no slack and group. */
enum { MIN_SIZE = offsetof(sluice_schedule_options, slack) };

static sluice_status check_size(size_t size) {
    if (size >= MIN_SIZE && size <= sizeof(sluice_schedule_options)) return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT,
                        "schedule options of %zu bytes are not known; start from "
                        "SLUICE_SCHEDULE_OPTIONS_INIT",
                        size);
}

static sluice_status check_counts(const sluice_schedule_options *o) {
    if (o->ranks < 1) return sluice__fail(SLUICE_E_ARGUMENT, "%d ranks are fewer than 1", o->ranks);
    if (o->microbatches < 1)
        return sluice__fail(SLUICE_E_ARGUMENT, "%d micro-batches are fewer than 1",
                            o->microbatches);
    if (o->microbatches > SLUICE__MAX_NUMBER)
        return sluice__fail(SLUICE_E_ARGUMENT, "%d micro-batches are more than %d", o->microbatches,
                            SLUICE__MAX_NUMBER);
    return SLUICE_OK;
}

static sluice_status check_chunks(const row *of, const sluice_schedule_options *o) {
    const sluice_schedule_description *const about = &of->about;
    if (o->chunks < 0)
        return sluice__fail(SLUICE_E_ARGUMENT, "%d chunks are fewer than 1", o->chunks);
    const int v = o->chunks ? o->chunks : about->chunks;
    if (v < about->min_chunks || (about->max_chunks > 0 && v > about->max_chunks))
        return sluice__hint(
            sluice__fail(SLUICE_E_ARGUMENT, "%s has %d stage%s per rank, not %d", about->name,
                         about->chunks, about->chunks > 1 ? "s" : "", v),
            "leave the number of chunks out, or choose interleaved, looped-bfs or hanayo, "
            "which take any");
    if ((int64_t)v * o->ranks > SLUICE__MAX_NUMBER)
        return sluice__fail(SLUICE_E_ARGUMENT, "%d ranks x %d chunks are more than %d stages",
                            o->ranks, v, SLUICE__MAX_NUMBER);
    if ((int64_t)v * o->microbatches * of->actions > INT_MAX)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "%d chunks x %d micro-batches are more than a list holds", v,
                            o->microbatches);
    return SLUICE_OK;
}

static sluice_status check_warmup(const row *of, const sluice_schedule_options *o) {
    const sluice_schedule_description *const about = &of->about;
    if (o->slack != 0 && !(o->slack >= 1 && o->slack <= 2))
        return sluice__fail(SLUICE_E_ARGUMENT, "slack is %g; it must be from 1 to 2", o->slack);
    if (o->slack != 0 && o->slack != 1 && !about->takes_slack)
        return sluice__hint(sluice__fail(SLUICE_E_ARGUMENT, "%s has no warm-up slack", about->name),
                            "leave the slack out, or choose 1f1b or interleaved");
    if (o->extra_warmup < 0 || o->extra_warmup > SLUICE__MAX_NUMBER)
        return sluice__fail(SLUICE_E_ARGUMENT, "extra warm-up is %d; it must be from 0 to %d",
                            o->extra_warmup, SLUICE__MAX_NUMBER);
    if (o->extra_warmup > 0 && !about->takes_extra_warmup)
        return sluice__hint(sluice__fail(SLUICE_E_ARGUMENT, "%s has no extra warm-up", about->name),
                            "leave the extra warm-up out, or choose interleaved");
    return SLUICE_OK;
}

static sluice_status check_group(const row *of, const sluice_schedule_options *o) {
    const sluice_schedule_description *const about = &of->about;
    if (o->group != 0 && !about->takes_group)
        return sluice__hint(sluice__fail(SLUICE_E_ARGUMENT,
                                         "%s has no rounds to group micro-batches in", about->name),
                            "leave the group out, or choose interleaved");
    if (o->group != 0 && o->group < o->ranks)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "groups of %d micro-batches are fewer than the %d ranks, which would "
                            "wait for each other",
                            o->group, o->ranks);
    return SLUICE_OK;
}

static sluice_status make_shape(sluice__shape *out, const row *of,
                                const sluice_schedule_options *given) {
    sluice_schedule_options o = SLUICE_SCHEDULE_OPTIONS_INIT;
    SLUICE__TRY(check_size(given->size));
    memcpy(&o, given, given->size);
    SLUICE__TRY(check_counts(&o));
    SLUICE__TRY(check_chunks(of, &o));
    SLUICE__TRY(check_warmup(of, &o));
    SLUICE__TRY(check_group(of, &o));
    *out = (sluice__shape){.p     = o.ranks,
                           .v     = o.chunks ? o.chunks : of->about.chunks,
                           .m     = o.microbatches,
                           .slack = o.slack != 0 ? o.slack : of->about.slack,
                           .extra = o.extra_warmup,
                           .group = o.group ? o.group : o.ranks};
    return SLUICE_OK;
}

/* ---- lists ---- */

static sluice_status fill_lists(sluice__list *lists, const row *of, const sluice__shape *shape) {
    for (int r = 0; r < shape->p; r++) {
        lists[r].capacity = shape->v * shape->m * of->actions;
        SLUICE__TRY(
            sluice__alloc(&lists[r].actions, (size_t)lists[r].capacity, sizeof(sluice_action)));
        if (of->emit) of->emit(&lists[r], shape, r);
    }
    return of->emit_all ? of->emit_all(lists, shape) : SLUICE_OK;
}

static sluice_status adopt_lists(sluice_schedule **out, const char *name, sluice__list *lists,
                                 int p) {
    sluice_action **actions = NULL;
    int *counts             = NULL;
    sluice_status status;
    SLUICE__TRY_OUT(sluice__alloc(&actions, (size_t)p, sizeof *actions));
    SLUICE__TRY_OUT(sluice__alloc(&counts, (size_t)p, sizeof *counts));
    for (int r = 0; r < p; r++) {
        actions[r]       = lists[r].actions;
        counts[r]        = lists[r].count;
        lists[r].actions = NULL;
    }
    return sluice__schedule_adopt(out, name, actions, counts, p);
out:
    sluice__free(counts);
    sluice__free(actions);
    return status;
}

sluice_status sluice_schedule_generate(sluice_schedule **out, const char *name,
                                       const sluice_schedule_options *options) {
    const row *of       = NULL;
    sluice__shape shape = {0};
    SLUICE__TRY(find_row(&of, name));
    SLUICE__TRY(make_shape(&shape, of, options));
    sluice__list *lists = NULL;
    SLUICE__TRY(sluice__alloc(&lists, (size_t)shape.p, sizeof *lists));
    sluice_status status = fill_lists(lists, of, &shape);
    if (status == SLUICE_OK) status = adopt_lists(out, name, lists, shape.p);
    for (int r = 0; r < shape.p; r++) sluice__free(lists[r].actions);
    sluice__free(lists);
    return status;
}
