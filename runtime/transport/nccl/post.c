/* SPDX-License-Identifier: MIT */
/* post.c -- sends and receives, alone and in groups, on the rank's one stream. */
#include <assert.h>
#include <stdio.h>

#include "runtime/base/error.h"
#include "runtime/transport/nccl/internal.h"

void sluice__nccl_forget(sluice__transport *transport) {
    const int pairs    = transport->ranks * transport->ranks;
    const int channels = transport->first_channel[pairs];
    for (int r = 0; r < transport->ranks; r++) transport->rank[r].events_used = 0;
    for (int e = 0; e < 2 * channels; e++) transport->ends[e].posted = 0;
}

static sluice__nccl_end *find_end(const sluice__transport *transport, int from, int to, int channel,
                                  bool sends) {
    const int first = transport->first_channel[from * transport->ranks + to];
    return &transport->ends[(ptrdiff_t)2 * (first + channel) + sends];
}

/* One end of the next transfer of a channel. */
typedef struct post {
    const sluice__message *message;
    bool sends;
    const void *from; /* of a send */
    void *to;         /* of a receive */
} post;

static int rank_of(const post *at) {
    return at->sends ? at->message->from : at->message->to;
}

static int peer_of(const post *at) {
    return at->sends ? at->message->to : at->message->from;
}

static void describe(char *out, size_t bytes, const post *at) {
    (void)snprintf(out, bytes, "%s %zu bytes %s rank %d", at->sends ? "sending" : "receiving",
                   at->message->bytes, at->sends ? "to" : "from", peer_of(at));
}

static sluice_status call(const sluice__transport *transport, const post *at, int pair) {
    const sluice__nccl *const nccl    = transport->nccl;
    const sluice__nccl_rank *const me = &transport->rank[rank_of(at)];
    const int number                  = transport->pairs[pair].low == rank_of(at); /* the peer's */
    cudaStream_t stream               = me->stream->handle;
    char words[96];
    describe(words, sizeof words, at);
    SLUICE__TRY(sluice__nccl_status(
        transport,
        at->sends
            ? nccl->Send(at->from, at->message->bytes, ncclInt8, number, me->pairs[pair], stream)
            : nccl->Recv(at->to, at->message->bytes, ncclInt8, number, me->pairs[pair], stream),
        words));
    return me->groups ? SLUICE_OK : sluice__nccl_settle(transport, me->pairs[pair], words);
}

static sluice_status make(sluice__transport *transport, const post *at, sluice__mark mark) {
    sluice__nccl_rank *const me = &transport->rank[rank_of(at)];
    sluice__nccl_end *const end =
        find_end(transport, at->message->from, at->message->to, at->message->channel, at->sends);
    const int pair = transport->pair_of[rank_of(at) * transport->ranks + peer_of(at)];
    (void)mark;
    assert(mark.stream == me->stream); /* the stream of all kernels */
    SLUICE__TRY(sluice__nccl_go_on(transport));
    if (end->posted == end->capacity)
        return sluice__fail(SLUICE_E_ARGUMENT, "more than %d transfers from rank %d to rank %d",
                            end->capacity, at->message->from, at->message->to);
    sluice_event *const over = me->events[me->events_used];
    SLUICE__TRY(call(transport, at, pair));
    end->over[end->posted++] = over;
    me->touched[pair]        = true;
    if (me->groups) return SLUICE_OK; /* group_end() will record it */
    me->events_used++;
    return transport->ops->record(me->stream, over);
}

/* NCCL carries no such number, so that `content` is ignored: the verifier has compared both ends.
 */
sluice_status sluice__nccl_post_send(sluice__transport *transport, const sluice__message *message,
                                     const void *buffer, sluice__mark mark) {
    return make(transport, &(post){message, true, buffer, NULL}, mark);
}

sluice_status sluice__nccl_post_receive(sluice__transport *transport,
                                        const sluice__message *message, void *buffer,
                                        sluice__mark mark) {
    return make(transport, &(post){message, false, NULL, buffer}, mark);
}

sluice_status sluice__nccl_group_begin(sluice__transport *transport, int rank) {
    sluice__nccl_rank *const me = &transport->rank[rank];
    SLUICE__TRY(sluice__nccl_go_on(transport));
    SLUICE__TRY(sluice__nccl_status(transport, transport->nccl->GroupStart(), "beginning a group"));
    for (int k = 0; k < transport->pair_count; k++) me->touched[k] = false;
    me->groups = true;
    return SLUICE_OK;
}

sluice_status sluice__nccl_group_end(sluice__transport *transport, int rank) {
    sluice__nccl_rank *const me = &transport->rank[rank];
    static const char what[]    = "issuing a group";
    me->groups                  = false;
    SLUICE__TRY(sluice__nccl_status(transport, transport->nccl->GroupEnd(), what));
    for (int k = 0; k < transport->pair_count; k++)
        if (me->touched[k]) SLUICE__TRY(sluice__nccl_settle(transport, me->pairs[k], what));
    return transport->ops->record(me->stream, me->events[me->events_used++]);
}

/* Enqueued by its post; its stream records the end. */
sluice_status sluice__nccl_wait(sluice__transport *transport, const sluice__transfer_end *at,
                                double seconds, bool *done, sluice_event **over) {
    const sluice__nccl_end *const end =
        find_end(transport, at->from, at->to, at->channel, at->sends);
    (void)seconds;
    SLUICE__TRY(sluice__nccl_go_on(transport));
    *done = at->k < end->posted;
    if (*done) *over = end->over[at->k];
    return SLUICE_OK;
}
