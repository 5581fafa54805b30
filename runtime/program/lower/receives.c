/* SPDX-License-Identifier: MIT */
/* receives.c -- receives that are posted when their sends are, so that transfers take the time of
 * their links and no more. */
#include "runtime/program/bisect.h"
#include "runtime/program/lower/block_times.h"

void sluice__receive_in_time(sluice__rank_links *ranks, const sluice__wiring *wiring,
                             const sluice__block_times *times) {
    for (int r = 0; r < wiring->ranks; r++)
        for (int k = 0; k < ranks[r].post_count; k++) {
            sluice__post *const post = &ranks[r].posts[k];
            const sluice_edge *edge  = &wiring->edges->list[post->edge].is;
            if (post->sends) continue;
            const int producer = *sluice__block_of(wiring, sluice__is_backward(edge->payload),
                                                   edge->producer, post->microbatch);
            const double sent  = times->rank[post->peer].end[producer];
            const int at =
                sluice__first_later(times->rank[r].end, ranks[r].block_count, sent, false);
            if (at < post->at) post->at = at;
        }
}
