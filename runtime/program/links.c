/* SPDX-License-Identifier: MIT */
/* links.c -- from actions to posts of transfers. */
#include "runtime/program/links.h"

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

static bool is_compute(sluice_action_kind kind) {
    return kind == SLUICE_ACTION_F || kind == SLUICE_ACTION_B || kind == SLUICE_ACTION_I ||
           kind == SLUICE_ACTION_W;
}

static bool is_transfer(sluice_action_kind kind) {
    return kind == SLUICE_ACTION_SEND_F || kind == SLUICE_ACTION_RECV_F ||
           kind == SLUICE_ACTION_SEND_B || kind == SLUICE_ACTION_RECV_B;
}

static sluice_status check_microbatch(const sluice_action *action, int rank) {
    if (action->microbatch >= 0) return SLUICE_OK;
    return sluice__fail(SLUICE_E_SCHEDULE, "%d%s of rank %d has no micro-batch", action->stage,
                        sluice_action_name(action->kind), rank);
}

/* Compute actions of a rank, and the blocks that they form. */
static sluice_status take_actions(sluice__rank_links *rank, const sluice_action *list, int count,
                                  int r) {
    SLUICE__TRY(sluice__alloc(&rank->actions, (size_t)count, sizeof *rank->actions));
    SLUICE__TRY(sluice__alloc(&rank->blocks, (size_t)count, sizeof *rank->blocks));
    for (int k = 0; k < count; k++) {
        if (!is_compute(list[k].kind)) continue;
        SLUICE__TRY(check_microbatch(&list[k], r));
        const int n               = rank->action_count++;
        rank->actions[n]          = list[k];
        sluice__block *const last = rank->block_count ? &rank->blocks[rank->block_count - 1] : NULL;
        if (rank->block_count > 0 && list[k].group > 0 &&
            rank->actions[last->first].group == list[k].group)
            last->count++;
        else
            rank->blocks[rank->block_count++] = (sluice__block){n, 1};
    }
    return SLUICE_OK;
}

static sluice_status find_places(sluice__places *places, const sluice__rank_links *ranks,
                                 const sluice_schedule *schedule) {
    places->stages       = sluice_schedule_stages(schedule);
    places->microbatches = sluice_schedule_microbatches(schedule);
    const size_t count   = 2 * (size_t)places->stages * (size_t)places->microbatches;
    SLUICE__TRY(sluice__alloc(&places->block, count, sizeof *places->block));
    for (size_t k = 0; k < count; k++) places->block[k] = -1;
    for (int r = 0; r < sluice_schedule_ranks(schedule); r++)
        for (int b = 0; b < ranks[r].block_count; b++)
            for (int k = 0; k < ranks[r].blocks[b].count; k++) {
                const sluice_action *action = &ranks[r].actions[ranks[r].blocks[b].first + k];
                if (action->kind == SLUICE_ACTION_W) continue;
                places->block[sluice__place_index(places, action->kind != SLUICE_ACTION_F,
                                                  action->stage, action->microbatch)] = b;
            }
    return SLUICE_OK;
}

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
    int *place           = NULL; /* where the next post of each block goes */
    sluice__post *sorted = NULL;
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&place, (size_t)rank->block_count + 2, sizeof *place));
    SLUICE__TRY_OUT(sluice__alloc(&sorted, (size_t)rank->post_count, sizeof *sorted));
    for (int k = 0; k < rank->post_count; k++) place[rank->posts[k].at + 1]++;
    for (int b = 0; b <= rank->block_count; b++) place[b + 1] += place[b];
    for (int k = 0; k < rank->post_count; k++) sorted[place[rank->posts[k].at]++] = rank->posts[k];
    sluice__free(rank->posts);
    rank->posts         = sorted;
    rank->post_capacity = rank->post_count;
    sorted              = NULL;
out:
    sluice__free(place);
    sluice__free(sorted);
    return status;
}

/* A transfer's number is the count of earlier ones of its directed link, at either end. */
typedef struct numbering {
    int *sent, *received; /* [from * ranks + to] */
} numbering;

/* ---- schedules that name their transfers ---- */

static sluice__post named_post(const sluice_action *action, const sluice_schedule *schedule) {
    const bool activation =
        action->kind == SLUICE_ACTION_SEND_F || action->kind == SLUICE_ACTION_RECV_F;
    const bool sends = action->kind == SLUICE_ACTION_SEND_F || action->kind == SLUICE_ACTION_SEND_B;
    const int other  = action->stage + (activation == sends ? 1 : -1);
    return (sluice__post){.sends = sends,
                          .peer  = other >= 0 && other < sluice_schedule_stages(schedule)
                                       ? sluice_schedule_stage_rank(schedule, other)
                                       : -1,
                          .payload =
                              activation ? SLUICE_PAYLOAD_ACTIVATION : SLUICE_PAYLOAD_GRADIENT,
                          .stage      = action->stage,
                          .microbatch = action->microbatch};
}

/* What a post needs on its own rank: the producer's block, or the consumer's. */
static sluice_status find_block(sluice__post *post, const sluice__places *places,
                                const sluice_action *action, int rank) {
    SLUICE__TRY(check_microbatch(action, rank));
    const bool backward = post->payload == SLUICE_PAYLOAD_GRADIENT;
    post->block =
        places->block[sluice__place_index(places, backward, post->stage, post->microbatch)];
    if (post->peer >= 0 && post->block >= 0) return SLUICE_OK;
    return sluice__fail(SLUICE_E_SCHEDULE, "%d%s%d of rank %d has no %s", action->stage,
                        sluice_action_name(action->kind), action->microbatch, rank,
                        post->peer < 0 ? "other end: the pipeline stops at that stage"
                        : post->sends  ? "action that makes what it sends"
                                       : "action that uses what it receives");
}

static sluice_status named_posts(sluice__rank_links *ranks, int r, const sluice_schedule *schedule,
                                 const sluice__places *places, const numbering *numbers) {
    const int p = sluice_schedule_ranks(schedule);
    int count, computed = 0, block = 0;
    const sluice_action *list = sluice_schedule_list(schedule, r, &count);
    for (int k = 0; k < count; k++) {
        if (is_compute(list[k].kind)) computed++;
        if (!is_transfer(list[k].kind)) continue;
        while (block < ranks[r].block_count && ranks[r].blocks[block].first < computed) block++;
        sluice__post post = named_post(&list[k], schedule);
        SLUICE__TRY(find_block(&post, places, &list[k], r));
        if (post.peer == r) continue; /* neighbouring stages of one rank share memory */
        post.at       = block;
        post.transfer = post.sends ? numbers->sent[r * p + post.peer]++
                                   : numbers->received[post.peer * p + r]++;
        SLUICE__TRY(sluice__add_post(&ranks[r], &post));
    }
    return SLUICE_OK;
}

/* ---- schedules that leave transfers to us ---- */

int sluice__consumer_of(const sluice_action *action, int stages) {
    if (action->kind == SLUICE_ACTION_W) return -1;
    if (action->kind != SLUICE_ACTION_F) return action->stage - 1;
    return action->stage + 1 < stages ? action->stage + 1 : -1;
}

sluice_status sluice__find_handover(sluice__handover *out, bool *exists,
                                    const sluice_schedule *schedule, const sluice__places *places,
                                    const sluice_action *action, int block) {
    const bool activation = action->kind == SLUICE_ACTION_F;
    const int other       = sluice__consumer_of(action, places->stages);
    const int i           = action->microbatch;
    *exists               = false;
    if (other < 0) return SLUICE_OK;
    const int r = sluice_schedule_stage_rank(schedule, action->stage);
    const int q = sluice_schedule_stage_rank(schedule, other);
    if (q == r) return SLUICE_OK;
    const int consumer = places->block[sluice__place_index(places, !activation, other, i)];
    if (consumer < 0)
        return sluice__fail(SLUICE_E_SCHEDULE, "%d%s%d of rank %d has no %d%s%d to follow it",
                            action->stage, sluice_action_name(action->kind), i, r, other,
                            activation ? "F" : "B", i);
    const sluice_payload payload = activation ? SLUICE_PAYLOAD_ACTIVATION : SLUICE_PAYLOAD_GRADIENT;
    *exists                      = true;
    out->from                    = r;
    out->to                      = q;
    out->send                    = (sluice__post){.sends      = true,
                                                  .peer       = q,
                                                  .payload    = payload,
                                                  .stage      = action->stage,
                                                  .microbatch = i,
                                                  .at         = block + 1,
                                                  .block      = block};
    out->receive                 = (sluice__post){.peer       = r,
                                                  .payload    = payload,
                                                  .stage      = other,
                                                  .microbatch = i,
                                                  .at         = consumer > 0 ? consumer - 1 : 0,
                                                  .block      = consumer};
    return SLUICE_OK;
}

static sluice_status derive_posts(sluice__rank_links *ranks, int r, int block,
                                  const sluice_schedule *schedule, const sluice__places *places,
                                  const numbering *numbers) {
    const int p = sluice_schedule_ranks(schedule);
    for (int k = 0; k < ranks[r].blocks[block].count; k++) {
        sluice__handover made;
        bool exists;
        SLUICE__TRY(sluice__find_handover(&made, &exists, schedule, places,
                                          &ranks[r].actions[ranks[r].blocks[block].first + k],
                                          block));
        if (!exists) continue;
        made.send.transfer = made.receive.transfer = numbers->sent[made.from * p + made.to]++;
        SLUICE__TRY(sluice__add_post(&ranks[made.from], &made.send));
        SLUICE__TRY(sluice__add_post(&ranks[made.to], &made.receive));
    }
    return SLUICE_OK;
}

/* A receive may not be posted after a later one of its link, whose posts stand in its order.
 * `later`: per peer, where the last one looked at is posted; room for all ranks. */
static void order_receives(sluice__rank_links *rank, int *later, int ranks) {
    for (int q = 0; q < ranks; q++) later[q] = rank->block_count;
    for (int k = rank->post_count - 1; k >= 0; k--) {
        sluice__post *post = &rank->posts[k];
        if (post->sends) continue;
        if (post->at > later[post->peer]) post->at = later[post->peer];
        later[post->peer] = post->at;
    }
}

/* Posts of a rank with the same place: sends first, then receives by peer; both in link order. */
static void order_within_places(sluice__rank_links *rank) {
    sluice__post *posts = rank->posts;
    for (int k = 1; k < rank->post_count; k++) {
        const sluice__post post = posts[k];
        int at                  = k;
        for (; at > 0 && posts[at - 1].at == post.at; at--) {
            const sluice__post *before = &posts[at - 1];
            const bool stays           = before->sends != post.sends ? before->sends
                                         : before->peer != post.peer ? before->peer < post.peer
                                                                     : before->transfer < post.transfer;
            if (stays) break;
            posts[at] = *before;
        }
        posts[at] = post;
    }
}

static sluice_status derive_all(sluice__rank_links *ranks, const sluice_schedule *schedule,
                                const sluice__places *places, const numbering *numbers) {
    const int p = sluice_schedule_ranks(schedule);
    for (int r = 0; r < p; r++)
        for (int b = 0; b < ranks[r].block_count; b++)
            SLUICE__TRY(derive_posts(ranks, r, b, schedule, places, numbers));
    for (int r = 0; r < p; r++) {
        order_receives(&ranks[r], numbers->received, p); /* room that is not needed otherwise */
        SLUICE__TRY(sluice__sort_posts(&ranks[r]));
        order_within_places(&ranks[r]);
    }
    return SLUICE_OK;
}

/* ---- all ---- */

static sluice_status make_posts(sluice__rank_links *ranks, const sluice_schedule *schedule,
                                const sluice__places *places, sluice_queues queues) {
    const size_t p       = (size_t)sluice_schedule_ranks(schedule);
    const bool names     = sluice_schedule_communicates(schedule);
    numbering numbers    = {0};
    bool done            = false;
    sluice_status status = SLUICE_OK;
    if (!names && queues == SLUICE_QUEUES_PER_RANK)
        SLUICE__TRY(sluice__order_globally(ranks, schedule, places, &done));
    if (done) return SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&numbers.sent, p * p, sizeof *numbers.sent));
    SLUICE__TRY_OUT(sluice__alloc(&numbers.received, p * p, sizeof *numbers.received));
    if (!names)
        SLUICE__TRY_OUT(derive_all(ranks, schedule, places, &numbers));
    else
        for (int r = 0; r < (int)p; r++)
            SLUICE__TRY_OUT(named_posts(ranks, r, schedule, places, &numbers));
out:
    sluice__free(numbers.sent);
    sluice__free(numbers.received);
    return status;
}

sluice_status sluice__links_make(sluice__rank_links **out, const sluice_schedule *schedule,
                                 sluice_queues queues) {
    const int p               = sluice_schedule_ranks(schedule);
    sluice__rank_links *ranks = NULL;
    sluice__places places     = {0};
    sluice_status status      = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&ranks, (size_t)p, sizeof *ranks));
    for (int r = 0; r < p; r++) {
        int count;
        const sluice_action *list = sluice_schedule_list(schedule, r, &count);
        SLUICE__TRY_OUT(take_actions(&ranks[r], list, count, r));
    }
    SLUICE__TRY_OUT(find_places(&places, ranks, schedule));
    SLUICE__TRY_OUT(make_posts(ranks, schedule, &places, queues));
    SLUICE__TRY_OUT(sluice__release_sends(ranks, schedule, &places));
    *out  = ranks;
    ranks = NULL;
out:
    sluice__free(places.block);
    sluice__links_free(ranks, p);
    return status;
}

void sluice__rank_links_free(sluice__rank_links *links) {
    sluice__free(links->actions);
    sluice__free(links->blocks);
    sluice__free(links->posts);
    *links = (sluice__rank_links){0};
}

void sluice__links_free(sluice__rank_links *links, int ranks) {
    for (int r = 0; links && r < ranks; r++) sluice__rank_links_free(&links[r]);
    sluice__free(links);
}
