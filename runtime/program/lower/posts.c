/* SPDX-License-Identifier: MIT */
/* posts.c -- from actions to posts of transfers. */
#include "runtime/program/lower/block_times.h"

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/compiled.h"
#include "runtime/schedule/action_kinds.h"

static sluice_status check_microbatch(const sluice_action *action, int rank) {
    if (action->microbatch >= 0) return SLUICE_OK;
    return sluice__fail(SLUICE_E_SCHEDULE, "%d%s of rank %d has no micro-batch", action->stage,
                        sluice_action_name(action->kind), rank);
}

/* Collect the compute actions of a rank, and the blocks that they form. */
static sluice_status take_actions(sluice__rank_links *rank, const sluice_action *list, int count,
                                  int r) {
    SLUICE__TRY(sluice__alloc(&rank->actions, (size_t)count, sizeof *rank->actions));
    SLUICE__TRY(sluice__alloc(&rank->blocks, (size_t)count, sizeof *rank->blocks));
    for (int k = 0; k < count; k++) {
        if (!sluice__action_computes(list[k].kind)) continue;
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
    /* A group of one action overlaps with nothing. */
    for (int b = 0; b < rank->block_count; b++)
        if (rank->blocks[b].count == 1) rank->actions[rank->blocks[b].first].group = 0;
    return SLUICE_OK;
}

static sluice_status find_blocks(sluice__wiring *wiring, const sluice__rank_links *ranks) {
    const size_t count = 2 * (size_t)wiring->stages * (size_t)wiring->microbatches;
    SLUICE__TRY(sluice__alloc(&wiring->block, count, sizeof *wiring->block));
    for (size_t k = 0; k < count; k++) wiring->block[k] = -1;
    for (int r = 0; r < wiring->ranks; r++)
        for (int b = 0; b < ranks[r].block_count; b++)
            for (int k = 0; k < ranks[r].blocks[b].count; k++) {
                const sluice_action *action = &ranks[r].actions[ranks[r].blocks[b].first + k];
                if (action->kind == SLUICE_ACTION_W) continue;
                *sluice__block_of(wiring, action->kind != SLUICE_ACTION_F, action->stage,
                                  action->microbatch) = b;
            }
    return SLUICE_OK;
}

/* Counters of each channel's posts, from which transfers get their numbers at either end. */
typedef struct numbering {
    int *sent, *received; /* [channel] */
} numbering;

/* ---- schedules that name their transfers ---- */

/* The role of the edges that a named transfer stands for. */
static sluice_role named_role(sluice_action_kind kind) {
    switch (kind) {
    case SLUICE_ACTION_SEND_F:
        return SLUICE_ROLE_OUTPUT;
    case SLUICE_ACTION_RECV_F:
        return SLUICE_ROLE_INPUT;
    case SLUICE_ACTION_SEND_B:
        return SLUICE_ROLE_INPUT_GRADIENT;
    default:
        return SLUICE_ROLE_OUTPUT_GRADIENT;
    }
}

/* The block on the transfer's rank that produces what it sends, or uses what it receives. */
static sluice_status find_block(int *block, const sluice__wiring *wiring,
                                const sluice_action *action, int rank) {
    const sluice_role role = named_role(action->kind);
    const int edges        = sluice__edge_count(wiring->edges, role, action->stage);
    SLUICE__TRY(check_microbatch(action, rank));
    *block = *sluice__block_of(
        wiring, role == SLUICE_ROLE_INPUT_GRADIENT || role == SLUICE_ROLE_OUTPUT_GRADIENT,
        action->stage, action->microbatch);
    if (edges > 0 && *block >= 0) return SLUICE_OK;
    return sluice__fail(SLUICE_E_SCHEDULE, "%d%s%d of rank %d has no %s", action->stage,
                        sluice_action_name(action->kind), action->microbatch, rank,
                        edges == 0 ? "other end: the pipeline stops at that stage"
                        : sluice__action_sends(action->kind) ? "action that produces what it sends"
                                                             : "action that uses what it receives");
}

/* Add a post before block `at` for each edge that the action stands for, except edges between
 * stages of one rank, which share memory. */
static sluice_status named_post(sluice__rank_links *rank, int r, const sluice__wiring *wiring,
                                const numbering *numbers, const sluice_action *action, int at) {
    const sluice__edges *edges = wiring->edges;
    const sluice_role role     = named_role(action->kind);
    const bool is_send         = sluice__action_sends(action->kind);
    int block;
    SLUICE__TRY(find_block(&block, wiring, action, r));
    for (int k = 0; k < sluice__edge_count(edges, role, action->stage); k++) {
        const int e              = sluice__edge_of(edges, role, action->stage, k);
        const sluice__edge *edge = &edges->list[e];
        if (edge->channel < 0) continue;
        const sluice__channel_key *channel = &edges->channels[edge->channel];
        int *number = is_send ? &numbers->sent[edge->channel] : &numbers->received[edge->channel];
        const sluice__post post = {.sends      = is_send,
                                   .edge       = e,
                                   .peer       = is_send ? channel->to : channel->from,
                                   .transfer   = (*number)++,
                                   .stage      = action->stage,
                                   .microbatch = action->microbatch,
                                   .at         = at,
                                   .block      = block};
        SLUICE__TRY(sluice__add_post(rank, &post));
    }
    return SLUICE_OK;
}

static sluice_status named_posts(sluice__rank_links *ranks, int r, const sluice__wiring *wiring,
                                 const numbering *numbers) {
    int count, computed = 0, block = 0;
    const sluice_action *list = sluice_schedule_list(&count, wiring->schedule, r);
    for (int k = 0; k < count; k++) {
        if (sluice__action_computes(list[k].kind)) computed++;
        while (block < ranks[r].block_count && ranks[r].blocks[block].first < computed) block++;
        if (sluice__action_waits_for_send(list[k].kind))
            SLUICE__TRY(sluice__name_wait(&ranks[r], r, wiring, &list[k], block));
        if (!sluice__action_transfers(list[k].kind)) continue;
        const int posted = ranks[r].post_count;
        SLUICE__TRY(named_post(&ranks[r], r, wiring, numbers, &list[k], block));
        if (sluice__action_sends(list[k].kind)) sluice__note_send(wiring, &list[k], posted);
    }
    return SLUICE_OK;
}

/* ---- schedules that do not ---- */

/* Add both posts of everything that an action produces for other ranks. */
static sluice_status derive_post(sluice__rank_links *ranks, const sluice__wiring *wiring,
                                 const numbering *numbers, const sluice_action *action, int block) {
    const int count = sluice__count_made(wiring, action);
    for (int k = 0; k < count; k++) {
        sluice__derived made = {0};
        bool exists;
        SLUICE__TRY(sluice__find_derived(&made, &exists, wiring, action, k, block));
        if (!exists) continue;
        const int channel  = wiring->edges->list[made.send.edge].channel;
        made.send.transfer = made.receive.transfer = numbers->sent[channel]++;
        SLUICE__TRY(sluice__add_post(&ranks[made.from], &made.send));
        SLUICE__TRY(sluice__add_post(&ranks[made.to], &made.receive));
    }
    return SLUICE_OK;
}

static sluice_status derive_posts(sluice__rank_links *ranks, int r, const sluice__wiring *wiring,
                                  const numbering *numbers) {
    for (int b = 0; b < ranks[r].block_count; b++)
        for (int k = 0; k < ranks[r].blocks[b].count; k++)
            SLUICE__TRY(derive_post(ranks, wiring, numbers,
                                    &ranks[r].actions[ranks[r].blocks[b].first + k], b));
    return SLUICE_OK;
}

/* The receives of a channel must be posted in order: move each one no later than the next.
 * `later`: per channel, the block before which the next one is posted. */
static void order_receives(sluice__rank_links *rank, const sluice__edges *edges, int *later) {
    for (int c = 0; c < edges->channel_count; c++) later[c] = rank->block_count;
    for (int k = rank->post_count - 1; k >= 0; k--) {
        sluice__post *post = &rank->posts[k];
        if (post->sends) continue;
        int *const at = &later[edges->list[post->edge].channel];
        if (post->at > *at) post->at = *at;
        *at = post->at;
    }
}

/* Posts before the same block: sends first, then receives, by peer; stable, so that those of one
 * peer stay in the order in which they are sent. */
static void order_within_blocks(sluice__rank_links *rank) {
    sluice__post *posts = rank->posts;
    for (int k = 1; k < rank->post_count; k++) {
        const sluice__post post = posts[k];
        int at                  = k;
        for (; at > 0 && posts[at - 1].at == post.at; at--) {
            const sluice__post *before = &posts[at - 1];
            const bool stays =
                before->sends != post.sends ? before->sends : before->peer <= post.peer;
            if (stays) break;
            posts[at] = *before;
        }
        posts[at] = post;
    }
}

static sluice_status derive_all(sluice__rank_links *ranks, const sluice__wiring *wiring,
                                const numbering *numbers, const sluice__block_times *times) {
    for (int r = 0; r < wiring->ranks; r++) SLUICE__TRY(derive_posts(ranks, r, wiring, numbers));
    if (times) sluice__receive_in_time(ranks, wiring, times);
    for (int r = 0; r < wiring->ranks; r++) {
        /* derived posts do not use `received` otherwise */
        order_receives(&ranks[r], wiring->edges, numbers->received);
        SLUICE__TRY(sluice__sort_posts(&ranks[r]));
        order_within_blocks(&ranks[r]);
    }
    return SLUICE_OK;
}

/* ---- all ---- */

static sluice_status make_posts(sluice__rank_links *ranks, const sluice__wiring *wiring,
                                const sluice__block_times *times) {
    const size_t channels = (size_t)wiring->edges->channel_count;
    const bool names      = sluice_schedule_communicates(wiring->schedule);
    numbering numbers     = {0};
    bool done             = false;
    sluice_status status  = SLUICE_OK;
    if (!names && wiring->program->options.queues == SLUICE_QUEUES_PER_RANK)
        SLUICE__TRY(sluice__order_globally(ranks, wiring, times, &done));
    if (done) return SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&numbers.sent, channels, sizeof *numbers.sent));
    SLUICE__TRY_OUT(sluice__alloc(&numbers.received, channels, sizeof *numbers.received));
    if (!names)
        SLUICE__TRY_OUT(derive_all(ranks, wiring, &numbers, times));
    else
        for (int r = 0; r < wiring->ranks; r++)
            SLUICE__TRY_OUT(named_posts(ranks, r, wiring, &numbers));
out:
    sluice__free(numbers.sent);
    sluice__free(numbers.received);
    return status;
}

/* Times decide if costs are given, or if there is nothing else to decide by; not where the schedule
 * places transfers itself, at other times than these. */
static bool decide_by_time(const sluice__wiring *wiring) {
    const sluice_program *program = wiring->program;
    return (program->options.costs || !program->trains) &&
           !sluice_schedule_communicates(wiring->schedule);
}

static sluice_status make_links(sluice__rank_links *ranks, sluice__wiring *wiring,
                                int outstanding) {
    sluice__block_times times = {0};
    sluice_status status      = SLUICE_OK;
    for (int r = 0; r < wiring->ranks; r++) {
        int count;
        const sluice_action *list = sluice_schedule_list(&count, wiring->schedule, r);
        SLUICE__TRY_OUT(take_actions(&ranks[r], list, count, r));
    }
    SLUICE__TRY_OUT(find_blocks(wiring, ranks));
    if (sluice_schedule_communicates(wiring->schedule))
        SLUICE__TRY_OUT(sluice__sent_make(&wiring->sent, wiring));
    bool timed = decide_by_time(wiring);
    if (timed)
        SLUICE__TRY_OUT(
            sluice__block_times_make(&times, wiring, ranks, wiring->program->options.costs));
    timed = timed && !times.overflowed; /* the simulation says so */
    SLUICE__TRY_OUT(make_posts(ranks, wiring, timed ? &times : NULL));
    SLUICE__TRY_OUT(sluice__end_sends(ranks, wiring, timed ? &times : NULL, outstanding));
out:
    sluice__block_times_free(&times, wiring->ranks);
    return status;
}

sluice_status sluice__links_make(sluice__rank_links **out, const sluice_schedule *schedule,
                                 const sluice_program *program, int outstanding) {
    const int p               = sluice_schedule_ranks(schedule);
    sluice__rank_links *ranks = NULL;
    sluice__wiring wiring     = {.program      = program,
                                 .schedule     = schedule,
                                 .edges        = &program->edges,
                                 .ranks        = p,
                                 .stages       = sluice_schedule_stages(schedule),
                                 .microbatches = sluice_schedule_microbatches(schedule)};
    sluice_status status      = SLUICE_OK;
    SLUICE__TRY(sluice__alloc(&ranks, (size_t)p, sizeof *ranks));
    SLUICE__TRY_OUT(make_links(ranks, &wiring, outstanding));
    *out  = ranks;
    ranks = NULL;
out:
    sluice__free(wiring.block);
    sluice__free(wiring.sent);
    sluice__links_free(ranks, p);
    return status;
}

void sluice__rank_links_free(sluice__rank_links *links) {
    sluice__free(links->actions);
    sluice__free(links->blocks);
    sluice__free(links->posts);
    sluice__free(links->waits);
    *links = (sluice__rank_links){0};
}

void sluice__links_free(sluice__rank_links *links, int ranks) {
    for (int r = 0; links && r < ranks; r++) sluice__rank_links_free(&links[r]);
    sluice__free(links);
}
