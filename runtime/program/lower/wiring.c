/* SPDX-License-Identifier: MIT */
/* wiring.c -- append and sort posts; both ends of a transfer. */
#include "runtime/program/lower/wiring.h"

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/compiled.h"

sluice_status sluice__add_post(sluice__rank_links *rank, const sluice__post *post) {
    if (rank->post_count == rank->post_capacity) {
        const int capacity = rank->post_capacity ? 2 * rank->post_capacity : 64;
        SLUICE__TRY(sluice__grow(&rank->posts, (size_t)capacity, sizeof *rank->posts));
        rank->post_capacity = capacity;
    }
    rank->posts[rank->post_count++] = *post;
    return SLUICE_OK;
}

sluice_status sluice__sort_posts(sluice__rank_links *rank) {
    int *next            = NULL; /* [block]: index for its next post */
    sluice__post *sorted = NULL;
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&next, (size_t)rank->block_count + 2, sizeof *next));
    SLUICE__TRY_OUT(sluice__alloc(&sorted, (size_t)rank->post_count, sizeof *sorted));
    for (int k = 0; k < rank->post_count; k++) next[rank->posts[k].at + 1]++;
    for (int b = 0; b <= rank->block_count; b++) next[b + 1] += next[b];
    for (int k = 0; k < rank->post_count; k++) sorted[next[rank->posts[k].at]++] = rank->posts[k];
    sluice__free(rank->posts);
    rank->posts         = sorted;
    rank->post_capacity = rank->post_count;
    sorted              = NULL;
out:
    sluice__free(next);
    sluice__free(sorted);
    return status;
}

int sluice__count_made(const sluice__wiring *wiring, const sluice_action *action) {
    sluice_role made, taken;
    return sluice__role_made(action->kind, &made, &taken)
               ? sluice__edge_count(wiring->edges, made, action->stage)
               : 0;
}

static sluice_status refuse_unused(const sluice__wiring *wiring, const sluice_action *action,
                                   const sluice_edge *edge) {
    return sluice__fail(SLUICE_E_SCHEDULE, "%d%s%d of rank %d has no %d%s%d to follow it",
                        action->stage, sluice_action_name(action->kind), action->microbatch,
                        sluice_schedule_stage_rank(wiring->schedule, action->stage), edge->consumer,
                        sluice__is_backward(edge->payload) ? "B" : "F", action->microbatch);
}

sluice_status sluice__find_derived(sluice__derived *out, bool *exists, const sluice__wiring *wiring,
                                   const sluice_action *action, int k, int block) {
    sluice_role made, taken;
    (void)sluice__role_made(action->kind, &made, &taken);
    const int e              = sluice__edge_of(wiring->edges, made, action->stage, k);
    const sluice__edge *edge = &wiring->edges->list[e];
    *exists                  = edge->channel >= 0;
    if (!*exists) return SLUICE_OK;
    const sluice__channel_key *channel = &wiring->edges->channels[edge->channel];
    const int consumer = *sluice__block_of(wiring, sluice__is_backward(edge->is.payload),
                                           edge->is.consumer, action->microbatch);
    if (consumer < 0) return refuse_unused(wiring, action, &edge->is);
    *out = (sluice__derived){.from    = channel->from,
                             .to      = channel->to,
                             .send    = {.sends      = true,
                                         .edge       = e,
                                         .peer       = channel->to,
                                         .stage      = edge->is.producer,
                                         .microbatch = action->microbatch,
                                         .at         = block + 1,
                                         .block      = block},
                             .receive = {.edge       = e,
                                         .peer       = channel->from,
                                         .stage      = edge->is.consumer,
                                         .microbatch = action->microbatch,
                                         .at         = consumer > 0 ? consumer - 1 : 0,
                                         .block      = consumer}};
    return SLUICE_OK;
}

bool sluice__runs_again(const sluice_program *program, const sluice__rank_links *rank, int k) {
    const sluice_action *f = &rank->actions[k];
    if (!program->trains || !program->recompute[f->stage]) return false;
    if (k + 1 == rank->action_count) return true;
    const sluice_action *next = f + 1;
    return !(sluice__needs_forward(next->kind) && next->stage == f->stage &&
             next->microbatch == f->microbatch);
}
