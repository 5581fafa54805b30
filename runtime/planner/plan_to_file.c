/* SPDX-License-Identifier: MIT */
/* plan_to_file.c -- the choice of a search as a plan to keep. */
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "sluice/plan_file.h"

static sluice_status copy(char **out, const char *text) {
    return text ? sluice__copy_text(out, text) : SLUICE_OK;
}

static sluice_status fill_words(sluice_plan_file *file, const sluice_plan_file_about *about) {
    file->sequence   = about->sequence;
    file->vocabulary = about->vocabulary;
    file->parameters = about->parameters;
    file->threads    = about->threads;
    SLUICE__TRY(copy(&file->model, about->model));
    SLUICE__TRY(copy(&file->profile, about->profile));
    SLUICE__TRY(copy(&file->optimizer, about->optimizer));
    return copy(&file->precision, about->precision);
}

static sluice_status fill_schedule(sluice_plan_file *file, const sluice_plan_choice *choice) {
    const size_t m = (size_t)choice->microbatches;
    SLUICE__TRY(sluice__copy_text(&file->schedule, choice->schedule));
    file->chunks = choice->chunks;
    file->slack  = choice->slack;
    file->batch  = choice->microbatch * choice->microbatches;
    SLUICE__TRY(sluice__alloc(&file->microbatches, m, sizeof *file->microbatches));
    file->microbatch_count = choice->microbatches;
    for (size_t i = 0; i < m; i++) file->microbatches[i] = choice->microbatch;
    return SLUICE_OK;
}

static void add_stages(sluice_plan_file_rank *rank, int r, const sluice_plan_choice *choice) {
    for (int s = 0; s < choice->stages; s++) {
        const sluice_plan_stage *stage = &choice->stage[s];
        if (stage->rank != r) continue;
        rank->stages[rank->stage_count++] =
            (sluice_plan_file_stage){.first        = stage->first,
                                     .last         = stage->last,
                                     .recompute    = stage->recompute,
                                     .has_cost     = true,
                                     .cost         = stage->cost,
                                     .recompute_s  = stage->recompute_s,
                                     .output_bytes = (int64_t)stage->output_bytes};
    }
}

static sluice_status fill_rank(sluice_plan_file_rank *rank, int r, const sluice_plan_choice *choice,
                               const sluice_plan_file_about *about) {
    const char *device = about->devices  ? about->devices->ranks[r].name
                         : about->device ? about->device
                                         : "cpu";
    SLUICE__TRY(sluice__copy_text(&rank->device, device));
    SLUICE__TRY(sluice__alloc(&rank->stages, (size_t)choice->stages, sizeof *rank->stages));
    add_stages(rank, r, choice);
    rank->update_s   = choice->rank[r].update;
    rank->inner_idle = choice->rank[r].inner_idle;
    rank->bytes      = choice->rank[r].bytes;
    return SLUICE_OK;
}

static sluice_status fill_links(sluice_plan_file *file, const sluice_plan_choice *choice) {
    const size_t count     = (size_t)choice->link_count;
    file->overlap          = choice->overlap;
    file->has_default_link = choice->bandwidth > 0;
    file->latency_s        = choice->latency;
    file->bytes_per_s      = choice->bandwidth;
    SLUICE__TRY(sluice__alloc(&file->links, count, sizeof *file->links));
    if (count > 0) memcpy(file->links, choice->links, count * sizeof *file->links);
    file->link_count = choice->link_count;
    return SLUICE_OK;
}

static sluice_status fill(sluice_plan_file *file, const sluice_plan_choice *choice,
                          const sluice_plan_file_about *about) {
    SLUICE__TRY(fill_words(file, about));
    SLUICE__TRY(fill_schedule(file, choice));
    SLUICE__TRY(sluice__alloc(&file->ranks, (size_t)choice->ranks, sizeof *file->ranks));
    file->rank_count = choice->ranks;
    for (int r = 0; r < choice->ranks; r++)
        SLUICE__TRY(fill_rank(&file->ranks[r], r, choice, about));
    file->has_predicted = true;
    file->step_s        = choice->step;
    file->makespan_idle = choice->makespan_idle;
    return fill_links(file, choice);
}

sluice_status sluice_plan_file_make(sluice_plan_file **out, const sluice_plan_choice *choice,
                                    const sluice_plan_file_about *about) {
    sluice_plan_file *file;
    SLUICE__TRY(sluice__alloc(&file, 1, sizeof *file));
    const sluice_status status = fill(file, choice, about);
    if (status == SLUICE_OK)
        *out = file;
    else
        sluice_plan_file_free(file);
    return status;
}
