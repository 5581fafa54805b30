/* SPDX-License-Identifier: MIT */
/* check_partition.c -- the one place that refuses a partition problem whose numbers make no sense.
 */
#include <math.h>

#include "partition/chain.h"
#include "runtime/base/error.h"

/* Times and sizes above these are a wrong unit or garbage; sums and squares stay finite. */
static const double max_seconds = 1e12, max_bytes = 1e15;

static sluice_status check_counts(const sluice_partition *p) {
    if (p->size != sizeof *p)
        return sluice__hint(sluice__fail(SLUICE_E_ARGUMENT,
                                         "sluice_partition.size is %zu, expected %zu", p->size,
                                         sizeof *p),
                            "start from SLUICE_PARTITION_INIT");
    if (p->ranks < 1)
        return sluice__hint(
            sluice__fail(SLUICE_E_ARGUMENT, "there are %d ranks to put layers on", p->ranks),
            "name at least one device");
    if (p->stages < 1 || p->stages > SLUICE_MAX_STAGES)
        return sluice__fail(SLUICE_E_ARGUMENT, "%d stages are not between 1 and %d", p->stages,
                            SLUICE_MAX_STAGES);
    if (p->stages < p->ranks)
        return sluice__hint(sluice__fail(SLUICE_E_ARGUMENT,
                                         "%d ranks need as many stages, and there are %d", p->ranks,
                                         p->stages),
                            "ask for at most %d ranks", p->stages);
    if (p->stages > p->layer_count)
        return sluice__hint(sluice__fail(SLUICE_E_ARGUMENT,
                                         "%d stages need as many layers, and there are %d",
                                         p->stages, p->layer_count),
                            "ask for at most %d stages", p->layer_count);
    if (p->states < 0 || !(p->working_share >= 0 && p->working_share <= 16))
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "%d optimizer states and working copies of %g parameters are no sizes",
                            p->states, p->working_share);
    return SLUICE_OK;
}

static sluice_status check_seconds(int rank, int layer, const char *what, double seconds) {
    if (seconds >= 0 && seconds <= max_seconds) return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT,
                        "layer %d on rank %d takes %g s for %s; it may take 0 to %g", layer, rank,
                        seconds, what, max_seconds);
}

static sluice_status check_bytes(int layer, const char *what, double bytes) {
    if (bytes >= 0 && bytes <= max_bytes) return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT, "layer %d has %g %s; it may have 0 to %g", layer, bytes,
                        what, max_bytes);
}

static sluice_status check_rows(const sluice_partition *p, int r) {
    for (int l = 0; l < p->layer_count; l++) {
        const sluice_profile_layer *row = &p->layers[r][l];
        SLUICE__TRY(check_seconds(r, l, "F", row->forward_s));
        SLUICE__TRY(check_seconds(r, l, "I", row->input_s));
        SLUICE__TRY(check_seconds(r, l, "W", row->weight_s));
        SLUICE__TRY(check_seconds(r, l, "recompute", row->recompute_s));
        SLUICE__TRY(check_bytes(l, "bytes of parameters", (double)row->parameter_bytes));
        SLUICE__TRY(check_bytes(l, "bytes of saved activations", (double)row->saved_bytes));
        SLUICE__TRY(check_bytes(l, "bytes left by I for W", (double)row->input_to_weight_bytes));
        SLUICE__TRY(check_bytes(l, "bytes of scratch", (double)row->scratch_bytes));
        SLUICE__TRY(check_bytes(l, "bytes of output", (double)row->output_bytes));
        SLUICE__TRY(check_bytes(l, "bytes of state", (double)row->state_bytes));
        SLUICE__TRY(check_bytes(l, "parameters", (double)row->parameters));
    }
    return SLUICE_OK;
}

static sluice_status check_stages(const sluice_partition *p) {
    for (int s = 0; p->stage_ranks && s < p->stages; s++)
        if (p->stage_ranks[s] < 0 || p->stage_ranks[s] >= p->ranks)
            return sluice__fail(SLUICE_E_ARGUMENT, "stage %d is on rank %d, and there are %d ranks",
                                s, p->stage_ranks[s], p->ranks);
    for (int k = 0; k < p->pin_count; k++) {
        const sluice_pin pin = p->pins[k];
        if (pin.layer < 0 || pin.layer >= p->layer_count || pin.stage < 0 || pin.stage >= p->stages)
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "layer %d is pinned to stage %d; there are layers 0 to %d and "
                                "stages 0 to %d",
                                pin.layer, pin.stage, p->layer_count - 1, p->stages - 1);
    }
    for (int k = 0; k < p->held_count; k++)
        if (p->held[k].stage < 0 || p->held[k].stage >= p->stages || (k == 0 && !p->held[k].begins))
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "entry %d of what is held is about stage %d of %d, or belongs to "
                                "no time",
                                k, p->held[k].stage, p->stages);
    for (int k = 0; k < p->buffer_count; k++) {
        const sluice_held_buffer *b = &p->buffers[k];
        if (b->stage < 0 || b->stage >= p->stages || b->begin < 0 || b->end < b->begin)
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "buffer %d is of stage %d of %d, from instruction %d to %d", k,
                                b->stage, p->stages, b->begin, b->end);
    }
    return SLUICE_OK;
}

static sluice_status check_link(double latency, double bandwidth, int from, int to) {
    if (latency >= 0 && latency <= max_seconds && bandwidth >= 0 && isfinite(bandwidth))
        return SLUICE_OK;
    if (from < 0)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "links have a latency of %g s and %g bytes/s; neither is negative or "
                            "beyond %g s",
                            latency, bandwidth, max_seconds);
    return sluice__fail(SLUICE_E_ARGUMENT,
                        "the link from rank %d to rank %d has a latency of %g s and %g bytes/s; "
                        "neither is negative or beyond %g s",
                        from, to, latency, bandwidth, max_seconds);
}

sluice_status sluice__check_partition(const sluice_partition *problem) {
    SLUICE__TRY(check_counts(problem));
    for (int r = 0; r < problem->ranks; r++)
        if (r == 0 || problem->layers[r] != problem->layers[r - 1])
            SLUICE__TRY(check_rows(problem, r));
    SLUICE__TRY(check_stages(problem));
    SLUICE__TRY(check_link(problem->latency, problem->bandwidth, -1, -1));
    for (int k = 0; k < problem->link_count; k++) {
        const sluice_link_cost *link = &problem->links[k];
        SLUICE__TRY(check_link(link->latency, link->bandwidth, link->from, link->to));
    }
    return SLUICE_OK;
}
