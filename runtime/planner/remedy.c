/* SPDX-License-Identifier: MIT */
/* remedy.c -- what would fit where a plan does not: each remedy is planned before it is named. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/planner/planner.h"

enum { MAX_REMEDIES = 4, MAX_RANKS = 64, WORDS = 96, FEW_SENDS = 2 };

/* Another way to run the same minibatch. */
typedef struct candidate {
    const char *schedule;
    int ranks, chunks, microbatches; /* chunks 0: the schedule's default */
    bool recompute;
    int outstanding; /* sends; 0: no limit */
} candidate;

typedef struct search {
    const sluice_model *model;
    const sluice_plan_options *options;
    candidate now; /* what does not fit */
    char *out;
    size_t bytes, used;
    int found;
} search;

static sluice_status plan(size_t *largest, const search *s, const candidate *with) {
    sluice_schedule_options shape = SLUICE_SCHEDULE_OPTIONS_INIT;
    shape.ranks                   = with->ranks;
    shape.chunks                  = with->chunks;
    shape.microbatches            = with->microbatches;
    sluice_schedule *schedule     = NULL;
    sluice_plan *made             = NULL;
    bool *recompute               = NULL;
    sluice_status status          = SLUICE_OK;
    sluice_plan_options options   = *s->options;
    SLUICE__TRY_OUT(sluice_schedule_generate(&schedule, with->schedule, &shape));
    const int stages = sluice_schedule_stages(schedule);
    SLUICE__TRY_OUT(sluice__alloc(&recompute, (size_t)stages, sizeof *recompute));
    for (int k = 0; k < stages; k++) recompute[k] = with->recompute;
    options.recompute    = recompute;
    options.outstanding  = with->outstanding;
    options.costs        = NULL; /* those of other stages */
    options.memory_limit = 0;    /* the caller compares */
    SLUICE__TRY_OUT(sluice_plan_make(&made, s->model, schedule, NULL, &options));
    *largest = 0;
    for (int r = 0; r < with->ranks; r++) {
        const size_t bytes = sluice_plan_arena(made, r);
        if (bytes > *largest) *largest = bytes;
    }
out:
    sluice_plan_free(made);
    sluice__free(recompute);
    sluice_schedule_free(schedule);
    return status;
}

/* Append to `words`, with "with" between parts. */
SLUICE_PRINTF(2, 3) static void add_words(char words[WORDS], const char *format, ...) {
    size_t used = strlen(words);
    if (used > 0) used += (size_t)snprintf(words + used, WORDS - used, " with ");
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(words + used, WORDS - used, format, arguments);
    va_end(arguments);
}

static void describe(char words[WORDS], const candidate *now, const candidate *with) {
    words[0] = 0;
    if (strcmp(with->schedule, now->schedule) != 0)
        add_words(words, "schedule %.32s", with->schedule);
    if (with->recompute && !now->recompute) add_words(words, "recompute every stage");
    if (with->microbatches != now->microbatches)
        add_words(words, "%d micro-batches", with->microbatches);
    if (with->ranks != now->ranks) add_words(words, "%d ranks", with->ranks);
    if (with->outstanding != now->outstanding)
        add_words(words, "%d outstanding sends", with->outstanding);
}

/* Whether `with` fits; if so, it is added to the text. */
static bool try_candidate(search *s, const candidate *with) {
    size_t largest = 0;
    char words[WORDS], size[32];
    if (s->found == MAX_REMEDIES || plan(&largest, s, with) != SLUICE_OK ||
        largest > s->options->memory_limit)
        return false;
    describe(words, &s->now, with);
    const int added = snprintf(s->out + s->used, s->bytes - s->used, "%s%s (%s)",
                               s->found ? ", or " : "", words, sluice__bytes_text(size, largest));
    if (added > 0 && (size_t)added < s->bytes - s->used) s->used += (size_t)added;
    s->found++;
    return true;
}

/* Double one number of `from` until it fits, up to `max`. */
static bool try_doublings(search *s, const candidate *from, bool ranks, int max) {
    candidate with = *from;
    for (;;) {
        int *number = ranks ? &with.ranks : &with.microbatches;
        if (*number >= max) return false;
        *number = 2 * *number < max ? 2 * *number : max;
        if (try_candidate(s, &with)) return true;
    }
}

static void try_all(search *s, candidate from) {
    const int layers    = sluice_model_layer_count(s->model);
    const int max       = layers / (from.chunks > 0 ? from.chunks : 1);
    const int max_ranks = max < MAX_RANKS ? max : MAX_RANKS;
    const int64_t m     = s->options->samples < 4096 ? s->options->samples : 4096;
    try_doublings(s, &from, false, (int)m);
    if (strcmp(from.schedule, "1f1b") != 0) {
        candidate other = from;
        other.schedule  = "1f1b";
        other.chunks    = 0;
        try_candidate(s, &other);
    }
    try_doublings(s, &from, true, max_ranks);
}

void sluice__describe_remedies(char *out, size_t bytes, const sluice_model *model,
                               const sluice_schedule *schedule,
                               const sluice_plan_options *options) {
    bool all         = true;
    const int stages = sluice_schedule_stages(schedule);
    for (int k = 0; k < stages; k++) all = all && options->recompute && options->recompute[k];
    all             = all || options->inference; /* nothing is kept for a backward */
    search s        = {.model   = model,
                       .options = options,
                       .now     = {sluice_schedule_name(schedule), sluice_schedule_ranks(schedule),
                                   stages / sluice_schedule_ranks(schedule),
                                   sluice_schedule_microbatches(schedule), all, options->outstanding},
                       .out     = out,
                       .bytes   = bytes};
    s.used          = (size_t)snprintf(out, bytes, "these fit: ");
    candidate few   = s.now;
    few.outstanding = FEW_SENDS;
    if (s.now.outstanding == 0) try_candidate(&s, &few);
    candidate again = s.now;
    again.recompute = true;
    if (!all) try_candidate(&s, &again);
    try_all(&s, s.now);
    if (!all && s.found == 0) try_all(&s, again);
    if (s.found == 0)
        (void)snprintf(out, bytes,
                       "nothing that was tried fits: use smaller minibatches or a smaller model");
}
