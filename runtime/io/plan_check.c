/* SPDX-License-Identifier: MIT */
/* plan_check.c -- the parts of a plan agree: every layer once, micro-batches that make the batch.
 */
#include "runtime/io/plan_check.h"
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

static sluice_status check_microbatches(const sluice_plan_file *file, const char *name) {
    int64_t sum = 0;
    for (int i = 0; i < file->microbatch_count; i++) {
        sum += file->microbatches[i];
        if (i > 0 && file->microbatches[i] > file->microbatches[i - 1])
            return sluice__fail(SLUICE_E_PARSE,
                                "%s: micro-batch %d is larger than the one before it; larger ones "
                                "come first",
                                name, i);
    }
    if (file->microbatches[0] - file->microbatches[file->microbatch_count - 1] > 1)
        return sluice__fail(SLUICE_E_PARSE,
                            "%s: micro-batches of %lld and of %lld samples differ by more than one",
                            name, (long long)file->microbatches[0],
                            (long long)file->microbatches[file->microbatch_count - 1]);
    if (sum == file->batch) return SLUICE_OK;
    return sluice__fail(SLUICE_E_PARSE, "%s: the micro-batches have %lld samples, the batch %lld",
                        name, (long long)sum, (long long)file->batch);
}

/* Follow the stages from layer to layer: each next one begins on some rank. */
static sluice_status find_stage(const sluice_plan_file_stage **out, int *at,
                                const sluice_plan_file *file, int layer, const char *name) {
    *out = NULL;
    for (int r = 0; r < file->rank_count; r++) {
        const sluice_plan_file_rank *rank = &file->ranks[r];
        if (at[r] == rank->stage_count || rank->stages[at[r]].first != layer) continue;
        *out = &rank->stages[at[r]++];
        if ((*out)->last >= layer) return SLUICE_OK;
        return sluice__fail(SLUICE_E_PARSE,
                            "%s: a stage of rank %d begins with layer %d and ends "
                            "with %d",
                            name, r, layer, (*out)->last);
    }
    return SLUICE_OK;
}

static sluice_status check_left(const sluice_plan_file *file, const int *at, int layer,
                                const char *name) {
    for (int r = 0; r < file->rank_count; r++)
        if (at[r] < file->ranks[r].stage_count)
            return sluice__fail(SLUICE_E_PARSE,
                                "%s: no stage begins with layer %d, and stage %d of rank %d begins "
                                "with layer %d; stages hold every layer once, in order",
                                name, layer, at[r], r, file->ranks[r].stages[at[r]].first);
    return SLUICE_OK;
}

static sluice_status check_layers(const sluice_plan_file *file, const char *name) {
    const sluice_plan_file_stage *stage;
    int *at, layer = 0;
    SLUICE__TRY(sluice__alloc(&at, (size_t)file->rank_count, sizeof *at));
    sluice_status status = find_stage(&stage, at, file, layer, name);
    while (status == SLUICE_OK && stage) {
        layer  = stage->last + 1;
        status = find_stage(&stage, at, file, layer, name);
    }
    if (status == SLUICE_OK) status = check_left(file, at, layer, name);
    sluice__free(at);
    return status;
}

static sluice_status check_links(const sluice_plan_file *file, const char *name) {
    for (int l = 0; l < file->link_count; l++)
        if (file->links[l].from >= file->rank_count || file->links[l].to >= file->rank_count)
            return sluice__fail(SLUICE_E_PARSE,
                                "%s, link %d goes from rank %d to rank %d, and there are %d ranks",
                                name, l, file->links[l].from, file->links[l].to, file->rank_count);
    return SLUICE_OK;
}

static sluice_status check_costs(const sluice_plan_file *file, const char *name) {
    const bool first = file->ranks[0].stages[0].has_cost;
    for (int r = 0; r < file->rank_count; r++)
        for (int s = 0; s < file->ranks[r].stage_count; s++)
            if (file->ranks[r].stages[s].has_cost != first)
                return sluice__fail(SLUICE_E_PARSE,
                                    "%s: some stages have seconds, and stage %d of rank %d %s",
                                    name, s, r, first ? "has none" : "has, too");
    return SLUICE_OK;
}

sluice_status sluice__plan_file_check(const sluice_plan_file *file, const char *name) {
    if (!file->model == !file->profile)
        return sluice__fail(SLUICE_E_PARSE, "%s has %s; give one of them", name,
                            file->model ? "both \"model\" and \"profile\""
                                        : "neither \"model\" nor \"profile\"");
    if (file->overlap > 1)
        return sluice__fail(SLUICE_E_PARSE, "%s: \"overlap\" is %g, more than 1", name,
                            file->overlap);
    SLUICE__TRY(check_microbatches(file, name));
    SLUICE__TRY(check_layers(file, name));
    SLUICE__TRY(check_costs(file, name));
    return check_links(file, name);
}
