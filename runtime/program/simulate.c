/* SPDX-License-Identifier: MIT */
/*
 * simulate.c -- when every instruction of a program begins and ends, given what actions cost.
 *
 *   rank    runs its list in order; its clock is the end of the last instruction run
 *   link    one directed pair of ranks; its k-th send meets its k-th receive
 *   transfer   starts when both ends are posted and the link's one before is complete
 *   wait    lasts until its transfer is complete; a rank that must wait for one whose
 *           end is not known yet is parked, and woken by whoever makes it known
 *
 * A rank runs until it parks, so every instruction is looked at once, or twice where its rank was
 * parked on it: the time is linear in the length of the lists. Times are maxima and sums of
 * earlier times only: the order in which ranks are taken up cannot change them.
 */
#include <math.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "sluice/program.h"

typedef struct link {
    int from, to;        /* ranks */
    int sends, receives; /* first counted, then the next to be numbered */
    int first;           /* index of its first transfer */
    int count;           /* its transfers: the larger of sends and receives */
    int resolved;        /* so many have an end */
    int next;            /* the sender's next link; -1 */
} link;

typedef struct transfer {
    int link;
    double sent, received; /* when the ends are posted; -1: not yet */
    double end;            /* -1: not known yet */
    double cost;
} transfer;

typedef struct rank_state {
    const sluice_instruction *list;
    int count, at;
    double clock;
    double drained; /* when its part of the step's compute and transfers was over; -1 */
    int waits_for;  /* transfer it is parked on; -1 */
    bool queued, at_norm;
    int link;       /* first of its outgoing ones; -1 */
    int *transfers; /* per instruction: of a post or a wait; -1 */
} rank_state;

typedef struct simulator {
    const sluice_program *program;
    const sluice_simulation_costs *costs;
    sluice_simulation *result;
    int ranks;
    rank_state *rank;
    link *links;
    int link_count, link_capacity;
    transfer *transfers;
    int transfer_count;
    int *queue; /* ranks that can go on */
    int queued;
    int norms, norms_reached; /* the global norm is a meeting of all ranks that have one */
    double norm_time;
} simulator;

static bool is_post(const sluice_instruction *instruction) {
    return instruction->kind == SLUICE_INSTRUCTION_POST_SEND ||
           instruction->kind == SLUICE_INSTRUCTION_POST_RECEIVE;
}

static bool is_compute(sluice_instruction_kind kind) {
    return kind <= SLUICE_INSTRUCTION_RECOMPUTE;
}

/* ---- preparation: which transfer each post and wait belongs to ---- */

/* Ranks talk to a few others only, so a list per sender is short. */
static sluice_status find_link(link **out, simulator *sim, int from, int to) {
    for (int l = sim->rank[from].link; l >= 0; l = sim->links[l].next) {
        if (sim->links[l].to != to) continue;
        *out = &sim->links[l];
        return SLUICE_OK;
    }
    if (sim->link_count == sim->link_capacity) {
        const int capacity = sim->link_capacity ? 2 * sim->link_capacity : 16;
        SLUICE__TRY(sluice__grow(&sim->links, (size_t)capacity, sizeof *sim->links));
        sim->link_capacity = capacity;
    }
    *out                 = &sim->links[sim->link_count];
    **out                = (link){.from = from, .to = to, .next = sim->rank[from].link};
    sim->rank[from].link = sim->link_count++;
    return SLUICE_OK;
}

static sluice_status find_link_of(link **out, simulator *sim, int r,
                                  const sluice_instruction *post) {
    return post->sends ? find_link(out, sim, r, post->peer) : find_link(out, sim, post->peer, r);
}

static sluice_status count_transfers(simulator *sim) {
    for (int r = 0; r < sim->ranks; r++) {
        for (int i = 0; i < sim->rank[r].count; i++) {
            const sluice_instruction *const post = &sim->rank[r].list[i];
            sim->norms += post->kind == SLUICE_INSTRUCTION_NORM;
            if (!is_post(post)) continue;
            link *between = NULL;
            SLUICE__TRY(find_link_of(&between, sim, r, post));
            if (post->sends)
                between->sends++;
            else
                between->receives++;
        }
    }
    for (int l = 0; l < sim->link_count; l++) {
        link *const between = &sim->links[l];
        between->first      = sim->transfer_count;
        between->count = between->sends > between->receives ? between->sends : between->receives;
        between->sends = between->receives = 0;
        sim->transfer_count += between->count;
    }
    return SLUICE_OK;
}

static double transfer_cost(const simulator *sim, sluice_payload payload) {
    switch (payload) {
    case SLUICE_PAYLOAD_ACTIVATION:
        return sim->costs->activation_transfer;
    case SLUICE_PAYLOAD_GRADIENT:
        return sim->costs->gradient_transfer;
    case SLUICE_PAYLOAD_TIE:
        break; /* after the last action that is counted */
    }
    return 0;
}

static sluice_status number_transfers(simulator *sim) {
    SLUICE__TRY(sluice__alloc(&sim->transfers, (size_t)sim->transfer_count, sizeof(transfer)));
    for (int l = 0; l < sim->link_count; l++)
        for (int k = 0; k < sim->links[l].count; k++)
            sim->transfers[sim->links[l].first + k] = (transfer){l, -1, -1, -1, 0};
    for (int r = 0; r < sim->ranks; r++) {
        rank_state *const rank = &sim->rank[r];
        SLUICE__TRY(sluice__alloc(&rank->transfers, (size_t)rank->count, sizeof(int)));
        for (int i = 0; i < rank->count; i++) {
            const sluice_instruction *const instruction = &rank->list[i];
            rank->transfers[i]                          = -1;
            if (instruction->kind == SLUICE_INSTRUCTION_WAIT)
                rank->transfers[i] = rank->transfers[instruction->post];
            if (!is_post(instruction)) continue;
            link *between = NULL;
            SLUICE__TRY(find_link_of(&between, sim, r, instruction));
            const int k        = instruction->sends ? between->sends++ : between->receives++;
            rank->transfers[i] = between->first + k;
            sim->transfers[rank->transfers[i]].cost = transfer_cost(sim, instruction->payload);
        }
    }
    return SLUICE_OK;
}

/* ---- the run ---- */

static void wake(simulator *sim, int r) {
    rank_state *const rank = &sim->rank[r];
    if (rank->queued) return;
    rank->queued              = true;
    sim->queue[sim->queued++] = r;
}

/* Give an end to every transfer of the link that can have one, and wake who waited for it. */
static void resolve(simulator *sim, link *between) {
    while (between->resolved < between->count) {
        const int t          = between->first + between->resolved;
        transfer *const this = &sim->transfers[t];
        if (this->sent < 0 || this->received < 0) return;
        double begin = fmax(this->sent, this->received);
        if (between->resolved > 0) begin = fmax(begin, sim->transfers[t - 1].end);
        this->end = begin + this->cost;
        between->resolved++;
        if (sim->rank[between->from].waits_for == t) wake(sim, between->from);
        if (sim->rank[between->to].waits_for == t) wake(sim, between->to);
    }
}

static void post(simulator *sim, int r, int i) {
    const rank_state *const rank = &sim->rank[r];
    transfer *const this         = &sim->transfers[rank->transfers[i]];
    if (rank->list[i].sends)
        this->sent = rank->clock;
    else
        this->received = rank->clock;
    resolve(sim, &sim->links[this->link]);
}

/* False while some rank has not come to its norm; the last to come wakes the others. */
static bool meet_at_norm(simulator *sim, int r) {
    rank_state *const rank = &sim->rank[r];
    if (!rank->at_norm) {
        rank->at_norm  = true;
        sim->norm_time = fmax(sim->norm_time, rank->clock);
        if (++sim->norms_reached == sim->norms)
            for (int other = 0; other < sim->ranks; other++)
                if (other != r && sim->rank[other].at_norm) wake(sim, other);
    }
    return sim->norms_reached == sim->norms;
}

static double compute_cost(const simulator *sim, const sluice_instruction *instruction) {
    const sluice_stage_cost *const cost = &sim->costs->stages[instruction->stage];
    switch (instruction->kind) {
    case SLUICE_INSTRUCTION_BACKWARD:
        return cost->input + cost->weight;
    case SLUICE_INSTRUCTION_BACKWARD_INPUT:
        return cost->input;
    case SLUICE_INSTRUCTION_BACKWARD_WEIGHT:
        return cost->weight;
    default:
        return cost->forward; /* also of a recompute */
    }
}

/* Run rank r's next instruction; false if that must wait for another rank first. Members of a
 * group stand side by side, so one after another without a gap is what makes them atomic. */
static bool run_one(simulator *sim, int r) {
    rank_state *const rank                      = &sim->rank[r];
    const sluice_instruction *const instruction = &rank->list[rank->at];
    const double begin                          = rank->clock;
    double end                                  = begin;
    switch (instruction->kind) {
    case SLUICE_INSTRUCTION_POST_SEND:
    case SLUICE_INSTRUCTION_POST_RECEIVE:
        post(sim, r, rank->at);
        break;
    case SLUICE_INSTRUCTION_WAIT:
        rank->waits_for = rank->transfers[rank->at];
        if (sim->transfers[rank->waits_for].end < 0) return false;
        end             = fmax(begin, sim->transfers[rank->waits_for].end);
        rank->waits_for = -1;
        break;
    case SLUICE_INSTRUCTION_TIE_REDUCE:
        break;
    case SLUICE_INSTRUCTION_NORM:
        if (!meet_at_norm(sim, r)) return false;
        end = sim->norm_time;
        break;
    case SLUICE_INSTRUCTION_UPDATE:
        end += sim->costs->update;
        break;
    default:
        end += compute_cost(sim, instruction);
        break;
    }
    if (instruction->kind >= SLUICE_INSTRUCTION_TIE_REDUCE && rank->drained < 0)
        rank->drained = begin;
    sim->result->rank[r].begin[rank->at] = begin;
    sim->result->rank[r].end[rank->at]   = end;
    rank->clock                          = end;
    rank->at++;
    return true;
}

static sluice_status run_all(simulator *sim) {
    for (int r = sim->ranks - 1; r >= 0; r--) wake(sim, r);
    while (sim->queued > 0) {
        const int r         = sim->queue[--sim->queued];
        sim->rank[r].queued = false;
        while (sim->rank[r].at < sim->rank[r].count && run_one(sim, r)) {
        }
    }
    for (int r = 0; r < sim->ranks; r++) {
        const rank_state *const rank = &sim->rank[r];
        if (rank->at == rank->count) continue;
        const sluice_instruction *const stuck = &rank->list[rank->at];
        return sluice__fail(SLUICE_E_SCHEDULE,
                            "rank %d never gets past instruction %d of %d, %s of stage %d, "
                            "micro-batch %d: nobody makes what it waits for",
                            r, rank->at, rank->count, sluice_instruction_name(stuck->kind),
                            stuck->stage, stuck->microbatch);
    }
    return SLUICE_OK;
}

/* ---- what comes of it ---- */

/* A stage-activation is held from its F to its B or W; a rank without any holds it for F only. */
static int peak_microbatches(const rank_state *rank) {
    bool trains = false;
    for (int i = 0; i < rank->count && !trains; i++)
        trains = rank->list[i].kind == SLUICE_INSTRUCTION_BACKWARD ||
                 rank->list[i].kind == SLUICE_INSTRUCTION_BACKWARD_WEIGHT;
    int held = 0, peak = 0;
    for (int i = 0; i < rank->count; i++) {
        const sluice_instruction_kind kind = rank->list[i].kind;
        if (kind == SLUICE_INSTRUCTION_FORWARD && ++held > peak) peak = held;
        if (kind == SLUICE_INSTRUCTION_BACKWARD || kind == SLUICE_INSTRUCTION_BACKWARD_WEIGHT ||
            (kind == SLUICE_INSTRUCTION_FORWARD && !trains))
            held--;
    }
    return peak;
}

static void sum_up_rank(sluice_rank_times *times, const rank_state *rank) {
    times->first = -1;
    for (int i = 0; i < rank->count; i++) {
        if (!is_compute(rank->list[i].kind)) continue;
        if (times->first < 0) times->first = times->begin[i];
        times->last = times->end[i];
        times->busy += times->end[i] - times->begin[i];
    }
    if (times->first < 0) times->first = 0;
    const double between = times->last - times->first;
    /* Sums of the same numbers in another order may differ by a rounding: never below zero. */
    times->inner_idle        = between > 0 ? fmax(0, 1 - times->busy / between) : 0;
    times->peak_microbatches = peak_microbatches(rank);
}

static void sum_up(simulator *sim) {
    sluice_simulation *const result = sim->result;
    double busy                     = 0;
    for (int r = 0; r < sim->ranks; r++) {
        const rank_state *const rank = &sim->rank[r];
        sum_up_rank(&result->rank[r], rank);
        busy += result->rank[r].busy;
        result->makespan = fmax(result->makespan, rank->drained < 0 ? rank->clock : rank->drained);
        result->step     = fmax(result->step, rank->clock);
    }
    const double all      = sim->ranks * result->makespan;
    result->makespan_idle = all > 0 ? fmax(0, 1 - busy / all) : 0;
}

/* ---- the whole ---- */

static bool is_time(double value) {
    return isfinite(value) && value >= 0;
}

static sluice_status check_costs(const sluice_simulation_costs *costs, int stages) {
    for (int s = 0; s < stages; s++) {
        const sluice_stage_cost *const cost = &costs->stages[s];
        if (!is_time(cost->forward) || !is_time(cost->input) || !is_time(cost->weight))
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "stage %d costs %g, %g, %g; a cost is a finite number, 0 or more",
                                s, cost->forward, cost->input, cost->weight);
    }
    if (!is_time(costs->activation_transfer) || !is_time(costs->gradient_transfer) ||
        !is_time(costs->update))
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "transfers cost %g and %g, the update %g; a cost is a finite number, "
                            "0 or more",
                            costs->activation_transfer, costs->gradient_transfer, costs->update);
    return SLUICE_OK;
}

static sluice_status make_room(simulator *sim) {
    sluice_simulation *const result = sim->result;
    SLUICE__TRY(sluice__alloc(&sim->rank, (size_t)sim->ranks, sizeof *sim->rank));
    SLUICE__TRY(sluice__alloc(&sim->queue, (size_t)sim->ranks, sizeof *sim->queue));
    SLUICE__TRY(sluice__alloc(&result->rank, (size_t)sim->ranks, sizeof *result->rank));
    result->ranks = sim->ranks;
    for (int r = 0; r < sim->ranks; r++) {
        rank_state *const rank = &sim->rank[r];
        rank->list             = sluice_program_list(sim->program, r, &rank->count);
        rank->link = rank->waits_for = -1;
        rank->drained                = -1;
        const size_t count           = (size_t)rank->count;
        SLUICE__TRY(sluice__alloc(&result->rank[r].begin, count, sizeof(double)));
        SLUICE__TRY(sluice__alloc(&result->rank[r].end, count, sizeof(double)));
    }
    return SLUICE_OK;
}

static void free_room(simulator *sim) {
    for (int r = 0; sim->rank && r < sim->ranks; r++) sluice__free(sim->rank[r].transfers);
    sluice__free(sim->queue);
    sluice__free(sim->transfers);
    sluice__free(sim->links);
    sluice__free(sim->rank);
}

sluice_status sluice_program_simulate(sluice_simulation **out, const sluice_program *program,
                                      const sluice_simulation_costs *costs) {
    SLUICE__TRY(check_costs(costs, sluice_program_stages(program)));
    simulator sim        = {program, costs, .ranks = sluice_program_ranks(program)};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&sim.result, 1, sizeof *sim.result));
    SLUICE__TRY_OUT(make_room(&sim));
    SLUICE__TRY_OUT(count_transfers(&sim));
    SLUICE__TRY_OUT(number_transfers(&sim));
    SLUICE__TRY_OUT(run_all(&sim));
    sum_up(&sim);
    *out       = sim.result;
    sim.result = NULL; /* now the caller's */
out:
    sluice_simulation_free(sim.result);
    free_room(&sim);
    return status;
}

void sluice_simulation_free(sluice_simulation *simulation) {
    if (!simulation) return;
    for (int r = 0; simulation->rank && r < simulation->ranks; r++) {
        sluice__free(simulation->rank[r].begin);
        sluice__free(simulation->rank[r].end);
    }
    sluice__free(simulation->rank);
    sluice__free(simulation);
}
