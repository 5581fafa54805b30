/* SPDX-License-Identifier: MIT */
/* transfers.c -- match the posts of two ranks. */
#include "runtime/program/machine/transfers.h"

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/compiled.h"

/* The queue of a channel, created on its first post. */
static sluice__queue *open_queue(sluice__transfers *transfers, int channel) {
    int *const index = &transfers->queue_of[channel];
    if (*index < 0) {
        const sluice__channel_key *key = &transfers->edges->channels[channel];
        *index                         = transfers->queue_count++;
        transfers->queues[*index] =
            (sluice__queue){.channel = channel, .from = key->from, .to = key->to};
    }
    return &transfers->queues[*index];
}

static void count_posts(sluice__transfers *transfers) {
    for (int r = 0; r < transfers->ranks; r++)
        for (int n = 0; n < transfers->counts[r]; n++) {
            const sluice_instruction *post = &transfers->lists[r][n];
            if (!sluice__is_post(post)) continue;
            sluice__queue *queue =
                open_queue(transfers, transfers->edges->list[post->edge].channel);
            if (post->sends)
                queue->sends++;
            else
                queue->receives++;
        }
}

/* The transfers of a queue are adjacent. */
static sluice_status allocate_transfers(sluice__transfers *transfers) {
    for (int q = 0; q < transfers->queue_count; q++) {
        sluice__queue *queue = &transfers->queues[q];
        queue->first         = transfers->count;
        transfers->count += sluice__queue_length(queue);
        queue->sends = queue->receives = 0; /* counted again as they are numbered */
    }
    const size_t count = (size_t)transfers->count;
    SLUICE__TRY(sluice__alloc(&transfers->times, count, sizeof *transfers->times));
    for (size_t t = 0; t < count; t++)
        transfers->times[t] =
            (sluice_transfer_times){.begin = -1, .end = -1, .sender_at = -1, .receiver_at = -1};
    return SLUICE_OK;
}

static void number_posts(sluice__transfers *transfers) {
    for (int r = 0; r < transfers->ranks; r++)
        for (int n = 0; n < transfers->counts[r]; n++) {
            const sluice_instruction *post = &transfers->lists[r][n];
            if (!sluice__is_post(post)) continue;
            sluice__queue *queue = sluice__queue_of(transfers, post);
            if (post->sends)
                transfers->times[queue->first + queue->sends++].sender_at = n;
            else
                transfers->times[queue->first + queue->receives++].receiver_at = n;
        }
}

const sluice_instruction *sluice__transfer_post(const sluice__transfers *transfers, int t) {
    const sluice_transfer_times *times = &transfers->times[t];
    return times->sender_at >= 0 ? &transfers->lists[times->from][times->sender_at]
                                 : &transfers->lists[times->to][times->receiver_at];
}

static void describe_transfers(sluice__transfers *transfers) {
    for (int q = 0; q < transfers->queue_count; q++) {
        const sluice__queue *queue = &transfers->queues[q];
        const int end              = queue->first + sluice__queue_length(queue);
        for (int t = queue->first; t < end; t++) {
            sluice_transfer_times *times = &transfers->times[t];
            times->from                  = (int16_t)queue->from;
            times->to                    = (int16_t)queue->to;
            times->edge                  = sluice__transfer_post(transfers, t)->edge;
            times->payload               = (uint8_t)transfers->edges->list[times->edge].is.payload;
        }
    }
}

sluice_status sluice__transfers_make(sluice__transfers *out, int ranks, const sluice__edges *edges,
                                     const sluice_instruction *const *lists, const int *counts) {
    const size_t channels = (size_t)edges->channel_count;
    sluice_status status  = SLUICE_OK;
    *out = (sluice__transfers){.ranks = ranks, .edges = edges, .lists = lists, .counts = counts};
    SLUICE__TRY_OUT(sluice__alloc(&out->queue_of, channels, sizeof *out->queue_of));
    SLUICE__TRY_OUT(sluice__alloc(&out->queues, channels, sizeof *out->queues));
    for (size_t c = 0; c < channels; c++) out->queue_of[c] = -1;
    count_posts(out);
    SLUICE__TRY_OUT(allocate_transfers(out));
    number_posts(out);
    describe_transfers(out);
out:
    if (status != SLUICE_OK) sluice__transfers_free(out);
    return status;
}

void sluice__transfers_free(sluice__transfers *transfers) {
    sluice__free(transfers->queue_of);
    sluice__free(transfers->queues);
    sluice__free(transfers->times);
    *transfers = (sluice__transfers){0};
}

int sluice__post_at(const sluice__transfers *transfers, int t, int rank) {
    const sluice_transfer_times *times = &transfers->times[t];
    return times->from == rank ? times->sender_at : times->receiver_at;
}

void sluice__transfers_name_waits(sluice__transfers *transfers) {
    for (int r = 0; r < transfers->ranks; r++)
        for (int n = 0; n < transfers->counts[r]; n++) {
            const sluice_instruction *at = &transfers->lists[r][n];
            if (at->kind != SLUICE_INSTRUCTION_WAIT) continue;
            sluice_transfer_times *times = &transfers->times[sluice__transfer_of(transfers, at)];
            *(at->sends ? &times->sender_at : &times->receiver_at) = n;
        }
}
