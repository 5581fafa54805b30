/* SPDX-License-Identifier: MIT */
/*
 * simulator.c -- when every instruction of a program begins and ends, given costs of actions: the
 * abstract machine of machine.h with a clock on every rank.
 *
 * The actions of an overlap group are adjacent, with their waits before and their posts after all
 * of them: they run without a gap, which makes the group atomic.
 */
#include <math.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/compiled.h"
#include "runtime/program/simulate/simulator.h"

typedef struct simulator {
    const sluice_program *program;
    const sluice_simulation_costs *costs;
    sluice_simulation *result;
    sluice__machine machine;
    const sluice_instruction **lists;
    int *counts;
    double *clocks;           /* [ranks] */
    int norms, norms_reached; /* all ranks that have a norm meet there */
    bool *at_norm;            /* [ranks] */
    double norm_time;
} simulator;

/* ---- costs ---- */

static double payload_cost(const sluice_simulation_costs *costs, sluice_payload payload) {
    return payload == SLUICE_PAYLOAD_ACTIVATION ? costs->activation_transfer
           : payload == SLUICE_PAYLOAD_GRADIENT ? costs->gradient_transfer
                                                : 0;
}

sluice__duration sluice__transfer_duration(const sluice_program *program,
                                           const sluice_simulation_costs *costs, int edge,
                                           int microbatch) {
    const sluice__edge *carried        = &program->edges.list[edge];
    const sluice__channel_key *channel = &program->edges.channels[carried->channel];
    const double size = program->sized ? (double)sluice__edge_bytes(program, edge, microbatch) : 1;
    double latency = costs->latency, bandwidth = costs->bandwidth;
    for (int l = 0; l < costs->link_count; l++)
        if (costs->links[l].from == channel->from && costs->links[l].to == channel->to) {
            latency   = costs->links[l].latency;
            bandwidth = costs->links[l].bandwidth;
        }
    return (sluice__duration){payload_cost(costs, carried->is.payload) + latency,
                              bandwidth > 0 ? size / bandwidth : 0};
}

static sluice__duration duration_of(const void *context, const sluice__transfers *all, int t) {
    const simulator *sim               = context;
    const sluice_transfer_times *times = &all->times[t];
    return sluice__transfer_duration(sim->program, sim->costs, times->edge,
                                     sluice__transfer_post(all, t)->microbatch);
}

/* Whether the size of any transfer matters. */
static bool have_bandwidth(const sluice_simulation_costs *costs) {
    for (int l = 0; l < costs->link_count; l++)
        if (costs->links[l].bandwidth > 0) return true;
    return costs->bandwidth > 0;
}

/* The cost of an action that runs by itself. */
static double cost_alone(const sluice_simulation_costs *costs,
                         const sluice_instruction *instruction) {
    const sluice_cost *const cost = &costs->stages[instruction->stage];
    switch (instruction->kind) {
    case SLUICE_INSTRUCTION_BACKWARD:
        return cost->input + cost->weight;
    case SLUICE_INSTRUCTION_BACKWARD_INPUT:
        return cost->input;
    case SLUICE_INSTRUCTION_BACKWARD_WEIGHT:
        return cost->weight;
    case SLUICE_INSTRUCTION_RECOMPUTE:
        return costs->recompute ? costs->recompute[instruction->stage] : cost->forward;
    default:
        return cost->forward;
    }
}

/* Members of a group share its time in proportion to their costs. */
double sluice__action_cost(const sluice_simulation_costs *costs,
                           const sluice_instruction *instruction) {
    const double alone = cost_alone(costs, instruction);
    return instruction->group > 0 && costs->overlap > 0 ? costs->overlap * alone : alone;
}

double sluice__update_cost(const sluice_simulation_costs *costs, int rank) {
    return costs->updates ? costs->updates[rank] : costs->update;
}

/* ---- the run ---- */

/* False while a rank has not reached its norm; the last one to reach it wakes the others. */
static bool meet_at_norm(simulator *sim, int r) {
    if (!sim->at_norm[r]) {
        sim->at_norm[r] = true;
        sim->norm_time  = fmax(sim->norm_time, sim->clocks[r]);
        if (++sim->norms_reached == sim->norms)
            for (int other = 0; other < sim->result->ranks; other++)
                if (other != r && sim->at_norm[other])
                    sluice__machine_wake(&sim->machine, other, sim->norm_time);
    }
    return sim->norms_reached == sim->norms;
}

static sluice_status step(void *context, int r, bool *blocked) {
    simulator *const sim                        = context;
    const int n                                 = sim->machine.ranks[r].at;
    const sluice_instruction *const instruction = &sim->lists[r][n];
    double now                                  = sim->clocks[r];
    int transfer;
    switch (instruction->kind) {
    case SLUICE_INSTRUCTION_POST_SEND:
    case SLUICE_INSTRUCTION_POST_RECEIVE:
        *blocked = !sluice__machine_post(&sim->machine, r, now);
        break;
    case SLUICE_INSTRUCTION_WAIT:
        *blocked = !sluice__machine_wait(&sim->machine, r, &transfer);
        if (!*blocked) now = fmax(now, sim->machine.transfers.times[transfer].end);
        break;
    case SLUICE_INSTRUCTION_TIE_REDUCE:
        break;
    case SLUICE_INSTRUCTION_NORM:
        *blocked = !meet_at_norm(sim, r);
        now      = sim->norm_time;
        break;
    case SLUICE_INSTRUCTION_UPDATE:
        now += sluice__update_cost(sim->costs, r);
        break;
    default:
        now += sluice__action_cost(sim->costs, instruction);
        break;
    }
    if (*blocked) return SLUICE_OK;
    sim->result->rank[r].end[n] = now;
    sim->clocks[r]              = now;
    return SLUICE_OK;
}

/* ---- results ---- */

static sluice__idle sum_up_rank(sluice_rank_times *times, const sluice_instruction *list,
                                int count) {
    const sluice__idle idle = sluice__idle_of(list, count, times->begin, times->end);
    times->first            = idle.first;
    times->last             = idle.last;
    times->busy             = idle.busy;
    times->inner_idle       = idle.inner;
    times->peak_activations = sluice__count_live(NULL, list, count);
    return idle;
}

static void sum_up_transfers(sluice_simulation *result) {
    for (int t = 0; t < result->transfer_count; t++) {
        const sluice_transfer_times *times = &result->transfers[t];
        result->transferring += times->end - times->begin;
        result->exposed += sluice_transfer_exposed(result, times);
    }
}

static sluice_status sum_up(simulator *sim) {
    sluice_simulation *const result = sim->result;
    double busy                     = 0;
    for (int r = 0; r < result->ranks; r++) result->step = fmax(result->step, sim->clocks[r]);
    SLUICE__TRY(sluice__check_times(result, &sim->machine));
    for (int r = 0; r < result->ranks; r++) {
        const sluice__idle idle = sum_up_rank(&result->rank[r], sim->lists[r], sim->counts[r]);
        busy += idle.busy;
        result->makespan = fmax(result->makespan, idle.drain);
    }
    result->makespan_idle = sluice__makespan_idle(result->ranks, result->makespan, busy);
    sluice__mark_critical(result, &sim->machine);
    sluice__transfers_name_waits(&sim->machine.transfers);
    SLUICE__TRY(sluice__take_transfers(result, &sim->machine.transfers));
    sum_up_transfers(result);
    return SLUICE_OK;
}

/* ---- the whole ---- */

static bool is_time(double value) {
    return isfinite(value) && value >= 0;
}

static sluice_status check_links(const sluice_simulation_costs *costs) {
    if (!is_time(costs->latency) || !is_time(costs->bandwidth))
        return sluice__fail(
            SLUICE_E_ARGUMENT,
            "links have latency %g and bandwidth %g; give finite numbers, 0 or more",
            costs->latency, costs->bandwidth);
    for (int l = 0; l < costs->link_count; l++) {
        const sluice_link_cost *link = &costs->links[l];
        if (!is_time(link->latency) || !is_time(link->bandwidth))
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "the link from rank %d to rank %d has latency %g and bandwidth %g; "
                                "give finite numbers, 0 or more",
                                link->from, link->to, link->latency, link->bandwidth);
    }
    return SLUICE_OK;
}

sluice_status sluice__check_costs(const sluice_simulation_costs *costs, int stages, int ranks) {
    for (int s = 0; s < stages; s++) {
        const sluice_cost *const cost = &costs->stages[s];
        if (!is_time(cost->forward) || !is_time(cost->input) || !is_time(cost->weight))
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "stage %d costs %g, %g, %g; a cost is a finite number, 0 or more",
                                s, cost->forward, cost->input, cost->weight);
        if (costs->recompute && !is_time(costs->recompute[s]))
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "stage %d costs %g to recompute; a cost is a finite number, 0 or "
                                "more",
                                s, costs->recompute[s]);
    }
    for (int r = 0; costs->updates && r < ranks; r++)
        if (!is_time(costs->updates[r]))
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "the update of rank %d costs %g; a cost is a finite number, 0 or "
                                "more",
                                r, costs->updates[r]);
    if (!is_time(costs->activation_transfer) || !is_time(costs->gradient_transfer) ||
        !is_time(costs->update))
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "transfers cost %g and %g, the update %g; a cost is a finite number, "
                            "0 or more",
                            costs->activation_transfer, costs->gradient_transfer, costs->update);
    if (!is_time(costs->overlap) || costs->overlap > 1)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "overlap groups cost %g times the sum of their actions; give a factor "
                            "of more than 0, and at most 1",
                            costs->overlap);
    return check_links(costs);
}

static sluice_status make_rank(simulator *sim, int r) {
    sluice_rank_times *rank              = &sim->result->rank[r];
    const sluice__rank_program *compiled = &sim->program->rank[r];
    const size_t count                   = (size_t)compiled->count;
    sim->lists[r]                        = compiled->list;
    sim->counts[r]                       = compiled->count;
    for (size_t n = 0; n < count; n++)
        sim->norms += compiled->list[n].kind == SLUICE_INSTRUCTION_NORM;
    /* Each instruction begins where the one before it ends. */
    SLUICE__TRY(sluice__alloc(&rank->begin, count + 1, sizeof *rank->begin));
    rank->end = rank->begin + 1;
    return sluice__alloc(&rank->critical, count / 8 + 1, sizeof *rank->critical);
}

static sluice_status prepare(simulator *sim) {
    const size_t p = (size_t)sim->program->ranks;
    SLUICE__TRY(sluice__alloc(&sim->result, 1, sizeof *sim->result));
    sim->result->ranks = sim->program->ranks;
    SLUICE__TRY(sluice__alloc(&sim->result->rank, p, sizeof *sim->result->rank));
    SLUICE__TRY(sluice__alloc(&sim->lists, p, sizeof *sim->lists));
    SLUICE__TRY(sluice__alloc(&sim->counts, p, sizeof *sim->counts));
    SLUICE__TRY(sluice__alloc(&sim->clocks, p, sizeof *sim->clocks));
    SLUICE__TRY(sluice__alloc(&sim->at_norm, p, sizeof *sim->at_norm));
    for (int r = 0; r < sim->program->ranks; r++) SLUICE__TRY(make_rank(sim, r));
    SLUICE__TRY(sluice__machine_make(&sim->machine, sim->program->ranks, &sim->program->edges,
                                     sim->lists, sim->counts, sim->program->options.queues));
    sim->machine.duration = duration_of;
    sim->machine.context  = sim;
    return have_bandwidth(sim->costs) ? sluice__machine_share(&sim->machine) : SLUICE_OK;
}

sluice_status sluice_program_simulate(sluice_simulation **out, const sluice_program *program,
                                      const sluice_simulation_costs *costs) {
    SLUICE__TRY(sluice__check_costs(costs, program->stages, program->ranks));
    simulator sim        = {.program = program, .costs = costs};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(prepare(&sim));
    SLUICE__TRY_OUT(sluice__machine_run(&sim.machine, step, &sim));
    if (sluice__first_unfinished(&sim.machine) >= 0)
        SLUICE__TRY_OUT(sluice__name_deadlock(&sim.machine));
    SLUICE__TRY_OUT(sum_up(&sim));
    *out       = sim.result;
    sim.result = NULL; /* now the caller's */
out:
    sluice_simulation_free(sim.result);
    sluice__machine_free(&sim.machine);
    sluice__free(sim.lists);
    sluice__free(sim.counts);
    sluice__free(sim.clocks);
    sluice__free(sim.at_norm);
    return status;
}

void sluice_simulation_free(sluice_simulation *simulation) {
    if (!simulation) return;
    for (int r = 0; simulation->rank && r < simulation->ranks; r++) {
        sluice__free(simulation->rank[r].begin); /* with `end` */
        sluice__free(simulation->rank[r].critical);
    }
    sluice__free(simulation->rank);
    sluice__free(simulation->transfers);
    sluice__free(simulation);
}
