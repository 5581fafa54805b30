/* SPDX-License-Identifier: MIT */
/* links.c -- from actions to posts of transfers. */
#include "runtime/program/links.h"

#include <stdlib.h>

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

/* Compute actions of a rank, and the blocks that they form. */
static sluice_status take_actions(sluice__rank_links *rank, const sluice_action *list, int count) {
    SLUICE__TRY(sluice__alloc(&rank->actions, (size_t)count, sizeof *rank->actions));
    SLUICE__TRY(sluice__alloc(&rank->blocks, (size_t)count, sizeof *rank->blocks));
    for (int k = 0; k < count; k++) {
        if (!is_compute(list[k].kind)) continue;
        if (list[k].microbatch < 0)
            return sluice__fail(SLUICE_E_SCHEDULE, "%d%s has no micro-batch", list[k].stage,
                                sluice_action_name(list[k].kind));
        const int n = rank->action_count++;
        rank->actions[n] = list[k];
        sluice__block *last = rank->block_count ? &rank->blocks[rank->block_count - 1] : NULL;
        if (rank->block_count > 0 && list[k].group > 0 &&
            rank->actions[last->first].group == list[k].group)
            last->count++;
        else
            rank->blocks[rank->block_count++] = (sluice__block){n, 1};
    }
    return SLUICE_OK;
}

/* The block of each F and each B-or-I: [backward][stage][microbatch]. */
typedef struct places {
    int *block;
    int stages, microbatches;
} places;

static int *place_of(const places *where, bool backward, int stage, int microbatch) {
    return &where->block[((size_t)backward * (size_t)where->stages + (size_t)stage) *
                             (size_t)where->microbatches + (size_t)microbatch];
}

static sluice_status find_places(places *where, const sluice__rank_links *ranks,
                                 const sluice_schedule *schedule) {
    where->stages       = sluice_schedule_stages(schedule);
    where->microbatches = sluice_schedule_microbatches(schedule);
    const size_t count  = 2 * (size_t)where->stages * (size_t)where->microbatches;
    SLUICE__TRY(sluice__alloc(&where->block, count, sizeof *where->block));
    for (size_t k = 0; k < count; k++) where->block[k] = -1;
    for (int r = 0; r < sluice_schedule_ranks(schedule); r++)
        for (int b = 0; b < ranks[r].block_count; b++)
            for (int k = 0; k < ranks[r].blocks[b].count; k++) {
                const sluice_action *action = &ranks[r].actions[ranks[r].blocks[b].first + k];
                if (action->kind == SLUICE_ACTION_W) continue;
                *place_of(where, action->kind != SLUICE_ACTION_F, action->stage,
                          action->microbatch) = b;
            }
    return SLUICE_OK;
}

static sluice_status add_post(sluice__rank_links *rank, const sluice__post *post) {
    if (rank->post_count == rank->post_capacity) {
        const int capacity = rank->post_capacity ? 2 * rank->post_capacity : 64;
        SLUICE__TRY(sluice__grow(&rank->posts, (size_t)capacity, sizeof *rank->posts));
        rank->post_capacity = capacity;
    }
    rank->posts[rank->post_count++] = *post;
    return SLUICE_OK;
}

/* A transfer's number is the count of earlier ones of its directed link, at either end. */
typedef struct numbering {
    int *sent, *received; /* [from * ranks + to] */
} numbering;

/* ---- schedules that name their transfers ---- */

static sluice__post named_post(const sluice_action *action, const sluice_schedule *schedule) {
    const bool activation = action->kind == SLUICE_ACTION_SEND_F ||
                            action->kind == SLUICE_ACTION_RECV_F;
    const bool sends = action->kind == SLUICE_ACTION_SEND_F || action->kind == SLUICE_ACTION_SEND_B;
    const int other  = action->stage + (activation == sends ? 1 : -1);
    return (sluice__post){.sends      = sends,
                          .peer       = other >= 0 && other < sluice_schedule_stages(schedule)
                                            ? sluice_schedule_stage_rank(schedule, other)
                                            : -1,
                          .payload    = activation ? SLUICE_PAYLOAD_ACTIVATION
                                                   : SLUICE_PAYLOAD_GRADIENT,
                          .stage      = action->stage,
                          .producer   = sends ? action->stage : other,
                          .microbatch = action->microbatch};
}

/* What a post needs on its own rank: the producer's block, or the consumer's. */
static sluice_status find_block(sluice__post *post, const places *where,
                                const sluice_action *action) {
    if (action->microbatch < 0)
        return sluice__fail(SLUICE_E_SCHEDULE, "%d%s has no micro-batch", action->stage,
                            sluice_action_name(action->kind));
    const bool backward = post->payload == SLUICE_PAYLOAD_GRADIENT;
    post->block         = *place_of(where, backward, post->stage, post->microbatch);
    if (post->peer >= 0 && post->block >= 0) return SLUICE_OK;
    return sluice__fail(SLUICE_E_SCHEDULE, "%d%s%d has no %s", action->stage,
                        sluice_action_name(action->kind), action->microbatch,
                        post->peer < 0    ? "other end: the pipeline stops at that stage"
                        : post->sends     ? "action that makes what it sends"
                                          : "action that uses what it receives");
}

static sluice_status named_posts(sluice__rank_links *ranks, int r, const sluice_schedule *schedule,
                                 const places *where, const numbering *numbers) {
    const int p = sluice_schedule_ranks(schedule);
    int count, computed = 0, block = 0;
    const sluice_action *list = sluice_schedule_list(schedule, r, &count);
    for (int k = 0; k < count; k++) {
        if (is_compute(list[k].kind)) computed++;
        if (!is_transfer(list[k].kind)) continue;
        while (block < ranks[r].block_count && ranks[r].blocks[block].first < computed) block++;
        sluice__post post = named_post(&list[k], schedule);
        SLUICE__TRY(find_block(&post, where, &list[k]));
        if (post.peer == r) continue; /* neighbouring stages of one rank share memory */
        post.at       = block;
        post.transfer = post.sends ? numbers->sent[r * p + post.peer]++
                                   : numbers->received[post.peer * p + r]++;
        SLUICE__TRY(add_post(&ranks[r], &post));
    }
    return SLUICE_OK;
}

/* ---- schedules that leave transfers to us ---- */

/* The send that `action` causes, and its receive at the other end. */
static sluice_status derive_posts(sluice__rank_links *ranks, int r, int block,
                                  const sluice_action *action, const sluice_schedule *schedule,
                                  const places *where, const numbering *numbers) {
    const bool activation = action->kind == SLUICE_ACTION_F;
    const int other       = action->stage + (activation ? 1 : -1);
    if (action->kind == SLUICE_ACTION_W || other < 0 || other >= where->stages) return SLUICE_OK;
    const int q = sluice_schedule_stage_rank(schedule, other);
    if (q == r) return SLUICE_OK;
    const int consumer = *place_of(where, !activation, other, action->microbatch);
    if (consumer < 0)
        return sluice__fail(SLUICE_E_SCHEDULE, "%d%s%d has no %d%s%d to follow it", action->stage,
                            sluice_action_name(action->kind), action->microbatch, other,
                            activation ? "F" : "B", action->microbatch);
    const int number  = numbers->sent[r * sluice_schedule_ranks(schedule) + q]++;
    sluice__post post = {true,
                         q,
                         number,
                         activation ? SLUICE_PAYLOAD_ACTIVATION : SLUICE_PAYLOAD_GRADIENT,
                         action->stage,
                         action->stage,
                         action->microbatch,
                         block + 1,
                         block};
    SLUICE__TRY(add_post(&ranks[r], &post));
    post.sends = false;
    post.peer  = r;
    post.stage = other;
    post.block = consumer;
    post.at    = consumer > 0 ? consumer - 1 : 0;
    return add_post(&ranks[q], &post);
}

/* By place; at one place sends come first, then receives, each in its link's order. */
static int compare_posts(const void *left, const void *right) {
    const sluice__post *a = left, *b = right;
    if (a->at != b->at) return a->at < b->at ? -1 : 1;
    if (a->sends != b->sends) return a->sends ? -1 : 1;
    if (a->peer != b->peer) return a->peer < b->peer ? -1 : 1;
    return a->transfer < b->transfer ? -1 : a->transfer > b->transfer;
}

static int compare_by_link(const void *left, const void *right) {
    const sluice__post *a = left, *b = right;
    if (a->peer != b->peer) return a->peer < b->peer ? -1 : 1;
    return a->transfer < b->transfer ? -1 : a->transfer > b->transfer;
}

/* A receive may not be posted after a later one of its link. */
static void order_receives(sluice__rank_links *rank) {
    if (rank->post_count == 0) return;
    qsort(rank->posts, (size_t)rank->post_count, sizeof *rank->posts, compare_by_link);
    const sluice__post *later = NULL;
    for (int k = rank->post_count - 1; k >= 0; k--) {
        sluice__post *post = &rank->posts[k];
        if (post->sends) continue;
        if (later && later->peer == post->peer && later->at < post->at) post->at = later->at;
        later = post;
    }
    qsort(rank->posts, (size_t)rank->post_count, sizeof *rank->posts, compare_posts);
}

static sluice_status derive_all(sluice__rank_links *ranks, const sluice_schedule *schedule,
                                const places *where, const numbering *numbers) {
    for (int r = 0; r < sluice_schedule_ranks(schedule); r++)
        for (int b = 0; b < ranks[r].block_count; b++)
            for (int k = 0; k < ranks[r].blocks[b].count; k++)
                SLUICE__TRY(derive_posts(ranks, r, b,
                                         &ranks[r].actions[ranks[r].blocks[b].first + k], schedule,
                                         where, numbers));
    for (int r = 0; r < sluice_schedule_ranks(schedule); r++) order_receives(&ranks[r]);
    return SLUICE_OK;
}

sluice_status sluice__links_make(sluice__rank_links **out, const sluice_schedule *schedule) {
    const int p               = sluice_schedule_ranks(schedule);
    sluice__rank_links *ranks = NULL;
    places where              = {0};
    numbering numbers         = {0};
    sluice_status status      = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&ranks, (size_t)p, sizeof *ranks));
    SLUICE__TRY_OUT(sluice__alloc(&numbers.sent, (size_t)p * (size_t)p, sizeof *numbers.sent));
    SLUICE__TRY_OUT(sluice__alloc(&numbers.received, (size_t)p * (size_t)p,
                                  sizeof *numbers.received));
    for (int r = 0; r < p; r++) {
        int count;
        const sluice_action *list = sluice_schedule_list(schedule, r, &count);
        SLUICE__TRY_OUT(take_actions(&ranks[r], list, count));
    }
    SLUICE__TRY_OUT(find_places(&where, ranks, schedule));
    if (sluice_schedule_communicates(schedule))
        for (int r = 0; r < p; r++)
            SLUICE__TRY_OUT(named_posts(ranks, r, schedule, &where, &numbers));
    else
        SLUICE__TRY_OUT(derive_all(ranks, schedule, &where, &numbers));
out:
    sluice__free(numbers.sent);
    sluice__free(numbers.received);
    sluice__free(where.block);
    if (status == SLUICE_OK)
        *out = ranks;
    else
        sluice__links_free(ranks, p);
    return status;
}

void sluice__links_free(sluice__rank_links *links, int ranks) {
    if (!links) return;
    for (int r = 0; r < ranks; r++) {
        sluice__free(links[r].actions);
        sluice__free(links[r].blocks);
        sluice__free(links[r].posts);
    }
    sluice__free(links);
}
