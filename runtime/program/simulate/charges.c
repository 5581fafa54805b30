/* SPDX-License-Identifier: MIT */
/* charges.c -- charge the time of each instruction to an entry of the ledger. */
#include "runtime/program/simulate/charges.h"

#include <math.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/compiled.h"
#include "runtime/program/machine/transfers.h"

const char *sluice_ledger_name(sluice_ledger_entry entry) {
    switch (entry) {
#define X(name, code, text)                                                                        \
    case SLUICE_LEDGER_##name:                                                                     \
        return text;
        SLUICE_LEDGER_MAP(X)
#undef X
    }
    return "unknown entry";
}

/* ---- the other ends of waits ---- */

/* The lists of a program, or of some of its ranks, and their transfers. */
typedef struct matching {
    const sluice_instruction **lists;
    int *counts;
    sluice__transfers transfers;
} matching;

static sluice_status prepare(matching *of, const sluice_program *program) {
    const size_t p = (size_t)program->ranks;
    SLUICE__TRY(sluice__alloc(&of->lists, p, sizeof *of->lists));
    SLUICE__TRY(sluice__alloc(&of->counts, p, sizeof *of->counts));
    for (size_t r = 0; r < p; r++) of->lists[r] = program->rank[r].list;
    return SLUICE_OK;
}

static sluice_status match(matching *of, const sluice_program *program) {
    return sluice__transfers_make(&of->transfers, program->ranks, &program->edges, of->lists,
                                  of->counts);
}

static void release(matching *of) {
    sluice__transfers_free(&of->transfers);
    sluice__free(of->lists);
    sluice__free(of->counts);
}

static sluice_status find_partners(int **out, const sluice__rank_program *mine,
                                   const sluice__transfers *transfers) {
    int *partners;
    SLUICE__TRY(sluice__alloc(&partners, (size_t)mine->count, sizeof *partners));
    for (int n = 0; n < mine->count; n++) {
        const sluice_instruction *at = &mine->list[n];
        if (at->kind == SLUICE_INSTRUCTION_WAIT)
            partners[n] = sluice__post_at(transfers, sluice__transfer_of(transfers, at), at->peer);
    }
    *out = partners;
    return SLUICE_OK;
}

sluice_status sluice__partners_of_rank(int **out, const sluice_program *program, int rank) {
    const sluice__rank_program *mine = &program->rank[rank];
    matching of                      = {0};
    sluice_status status             = SLUICE_OK;
    SLUICE__TRY_OUT(prepare(&of, program));
    of.counts[rank] = mine->count;
    for (int n = 0; n < mine->count; n++)
        if (sluice__is_post(&mine->list[n]))
            of.counts[mine->list[n].peer] = program->rank[mine->list[n].peer].count;
    SLUICE__TRY_OUT(match(&of, program));
    status = find_partners(out, mine, &of.transfers);
out:
    release(&of);
    return status;
}

sluice_status sluice__partners_make(int ***out, const sluice_program *program) {
    int **partners       = NULL;
    matching of          = {0};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(prepare(&of, program));
    for (int r = 0; r < program->ranks; r++) of.counts[r] = program->rank[r].count;
    SLUICE__TRY_OUT(match(&of, program));
    SLUICE__TRY_OUT(sluice__alloc(&partners, (size_t)program->ranks, sizeof *partners));
    for (int r = 0; r < program->ranks; r++)
        SLUICE__TRY_OUT(find_partners(&partners[r], &program->rank[r], &of.transfers));
    *out     = partners;
    partners = NULL; /* now the caller's */
out:
    sluice__partners_free(partners, program);
    release(&of);
    return status;
}

void sluice__partners_free(int **partners, const sluice_program *program) {
    for (int r = 0; partners && r < program->ranks; r++) sluice__free(partners[r]);
    sluice__free(partners);
}

/* ---- charging ---- */

typedef struct charging {
    const sluice_program *program;
    int *const *partners;
    const sluice__record *records;
    const sluice_simulation_costs *costs;
} charging;

/* Until both ends are posted, a receiver waits for its neighbour; from then on, for the transfer. A
 * wait for a send is one entry: it ends when the neighbour lets go of the sender. */
static void charge_wait(sluice_ledger *out, const charging *charged, int r, int n) {
    const sluice_instruction *at = &charged->program->rank[r].list[n];
    const sluice__record *mine   = &charged->records[r];
    const double time            = mine->end[n] - mine->begin[n];
    if (at->microbatch < 0) { /* after the drain */
        out->time[SLUICE_LEDGER_IDLE] += time;
        return;
    }
    if (at->sends) {
        out->time[SLUICE_LEDGER_SEND] += time;
        return;
    }
    const double theirs = charged->records[at->peer].begin[charged->partners[r][n]];
    const double posted = fmax(mine->begin[n], fmax(mine->begin[at->post], theirs));
    const double moving = fmax(0, mine->end[n] - posted);
    const bool up       = charged->program->edges.list[at->edge].is.producer < at->stage;
    out->time[up ? SLUICE_LEDGER_UPSTREAM : SLUICE_LEDGER_DOWNSTREAM] += time - moving;
    out->time[SLUICE_LEDGER_TRANSFER] += moving;
}

static void charge_backward(sluice_ledger *out, const charging *charged, int r, int n) {
    const sluice__record *mine = &charged->records[r];
    const double time          = mine->end[n] - mine->begin[n];
    double weight              = 0;
    if (mine->weight) {
        weight = mine->weight[n];
    } else {
        const sluice_cost *cost = &charged->costs->stages[charged->program->rank[r].list[n].stage];
        const double both       = cost->input + cost->weight;
        weight                  = both > 0 ? time * cost->weight / both : 0;
    }
    out->time[SLUICE_LEDGER_WEIGHT] += weight;
    out->time[SLUICE_LEDGER_INPUT] += time - weight;
}

static void charge_norm(sluice_ledger *out, const sluice__record *mine, int n) {
    const double time    = mine->end[n] - mine->begin[n];
    const double meeting = mine->meeting < 0 ? time : mine->meeting;
    out->time[SLUICE_LEDGER_IDLE] += meeting;
    out->time[SLUICE_LEDGER_UPDATE] += time - meeting;
}

static sluice_ledger_entry entry_of(sluice_instruction_kind kind) {
    switch (kind) {
    case SLUICE_INSTRUCTION_BACKWARD_INPUT:
        return SLUICE_LEDGER_INPUT;
    case SLUICE_INSTRUCTION_BACKWARD_WEIGHT:
        return SLUICE_LEDGER_WEIGHT;
    case SLUICE_INSTRUCTION_RECOMPUTE:
        return SLUICE_LEDGER_RECOMPUTE;
    case SLUICE_INSTRUCTION_POST_SEND:
    case SLUICE_INSTRUCTION_POST_RECEIVE:
        return SLUICE_LEDGER_TRANSFER;
    case SLUICE_INSTRUCTION_TIE_REDUCE:
    case SLUICE_INSTRUCTION_UPDATE:
        return SLUICE_LEDGER_UPDATE;
    default:
        return SLUICE_LEDGER_FORWARD;
    }
}

static void charge_rank(sluice_ledger *out, const charging *charged, int r) {
    const sluice__rank_program *mine = &charged->program->rank[r];
    const sluice__record *record     = &charged->records[r];
    for (int n = 0; n < mine->count; n++) {
        const sluice_instruction_kind kind = mine->list[n].kind;
        if (kind == SLUICE_INSTRUCTION_WAIT)
            charge_wait(out, charged, r, n);
        else if (kind == SLUICE_INSTRUCTION_BACKWARD)
            charge_backward(out, charged, r, n);
        else if (kind == SLUICE_INSTRUCTION_NORM)
            charge_norm(out, record, n);
        else
            out->time[entry_of(kind)] += record->end[n] - record->begin[n];
    }
}

void sluice__charge(sluice_ledger *out, const sluice_program *program, int *const *partners,
                    const sluice__record *records, double step,
                    const sluice_simulation_costs *costs) {
    const charging charged = {program, partners, records, costs};
    for (int r = 0; r < program->ranks; r++) {
        out[r] = (sluice_ledger){.step = step, .on_core = records[r].on_core};
        charge_rank(&out[r], &charged, r);
        out[r].time[SLUICE_LEDGER_IDLE] += records[r].started + (step - records[r].finished);
        out[r].unaccounted = step;
        for (int e = 0; e < SLUICE_LEDGER_ENTRIES; e++) out[r].unaccounted -= out[r].time[e];
    }
}

sluice_status sluice_simulation_ledger(sluice_ledger *out, const sluice_program *program,
                                       const sluice_simulation *simulation,
                                       const sluice_simulation_costs *costs) {
    const size_t p          = (size_t)program->ranks;
    sluice__record *records = NULL;
    int **partners          = NULL;
    sluice_status status    = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&records, p, sizeof *records));
    SLUICE__TRY_OUT(sluice__partners_make(&partners, program));
    for (int r = 0; r < program->ranks; r++) {
        const int count = program->rank[r].count;
        records[r] =
            (sluice__record){.begin    = simulation->rank[r].begin,
                             .end      = simulation->rank[r].end,
                             .finished = count > 0 ? simulation->rank[r].end[count - 1] : 0,
                             .meeting  = -1};
    }
    sluice__charge(out, program, partners, records, simulation->step, costs);
out:
    sluice__partners_free(partners, program);
    sluice__free(records);
    return status;
}
