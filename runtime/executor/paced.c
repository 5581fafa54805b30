/* SPDX-License-Identifier: MIT */
/*
 * paced.c -- virtual devices compute nothing: an action takes as long as in the simulator, counted
 * from its begin in the executor.
 */
#include "runtime/executor/paced.h"

#include <math.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/executor/report.h"
#include "runtime/program/instruction.h"

sluice_status sluice__check_pace(const sluice_pipeline *pipeline) {
    const sluice_simulation_costs *costs = pipeline->options.costs;
    if (!costs && pipeline->ops->computes) return SLUICE_OK;
    if (pipeline->ops->computes)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "costs are for virtual devices, and the device is %s",
                            pipeline->ops->name);
    if (!costs) {
        sluice__fail(SLUICE_E_ARGUMENT, "a virtual device needs the costs of actions");
        return sluice__hint(SLUICE_E_ARGUMENT, "set the option `costs`");
    }
    SLUICE__TRY(sluice__check_costs(costs, pipeline->program->stages, pipeline->ranks));
    if (costs->activation_transfer == 0 && costs->gradient_transfer == 0) return SLUICE_OK;
    sluice__fail(SLUICE_E_ARGUMENT, "activations take %g s and gradients %g s on any link",
                 costs->activation_transfer, costs->gradient_transfer);
    return sluice__hint(SLUICE_E_ARGUMENT,
                        "virtual links have a latency and a bandwidth; set those");
}

void sluice__pace_link(const sluice_pipeline *pipeline, sluice__channel *channel) {
    const sluice_simulation_costs *costs = pipeline->options.costs;
    if (!costs) return;
    channel->latency_s   = costs->latency;
    channel->bytes_per_s = costs->bandwidth;
    for (int l = 0; l < costs->link_count; l++)
        if (costs->links[l].from == channel->from && costs->links[l].to == channel->to) {
            channel->latency_s   = costs->links[l].latency;
            channel->bytes_per_s = costs->links[l].bandwidth;
        }
}

/* In short pieces, so that a failure elsewhere ends it soon. */
static void sleep_until(const sluice_pipeline *pipeline, double time) {
    static const double piece = 0.05;
    double now                = sluice__now();
    while (now < time && !atomic_load(&pipeline->failed)) {
        sluice__sleep_until(fmin(time, now + piece), pipeline->pin);
        now = sluice__now();
    }
}

void sluice__pace(sluice__rank *rank, const sluice_instruction *at, double begin) {
    const sluice_pipeline *pipeline      = rank->pipeline;
    const sluice_simulation_costs *costs = pipeline->options.costs;
    const bool computes                  = sluice__is_compute(at);
    if (!costs || (!computes && at->kind != SLUICE_INSTRUCTION_UPDATE)) return;
    sleep_until(pipeline, begin + (computes ? sluice__action_cost(costs, at)
                                            : sluice__update_cost(costs, rank->index)));
    if (at->kind != SLUICE_INSTRUCTION_BACKWARD) return;
    /* The two halves of a B run as one: the table divides its time. */
    const sluice_cost *cost = &costs->stages[at->stage];
    const double both       = cost->input + cost->weight;
    rank->report->weight_s  = both > 0 ? (sluice__now() - begin) * cost->weight / both : 0;
}
