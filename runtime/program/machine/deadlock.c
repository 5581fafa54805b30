/* SPDX-License-Identifier: MIT */
/* deadlock.c -- why a machine is stuck: the chain of ranks and queues that wait for each other. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/compiled.h"
#include "runtime/program/machine/machine.h"

/* What is stuck: a rank, at an instruction of its list, or its queue, at a post. */
typedef struct link_of_chain {
    int rank;
    bool in_queue;
    int at;       /* instruction; -1: the rank has ended */
    int transfer; /* the incomplete one that it waits for; -1: none */
} link_of_chain;

static link_of_chain rank_itself(const sluice__machine *machine, int r) {
    const sluice__machine_rank *rank   = &machine->ranks[r];
    const sluice__transfers *transfers = &machine->transfers;
    if (rank->at == transfers->counts[r]) return (link_of_chain){r, false, -1, -1};
    const sluice_instruction *at = &transfers->lists[r][rank->at];
    const bool waits             = at->kind == SLUICE_INSTRUCTION_WAIT;
    return (link_of_chain){r, false, rank->at, waits ? sluice__transfer_of(transfers, at) : -1};
}

static bool is_incomplete(const sluice__machine *machine, int r, int k) {
    const sluice_instruction *post = &machine->transfers.lists[r][machine->ranks[r].posts[k]];
    return machine->transfers.times[sluice__transfer_of(&machine->transfers, post)].end < 0;
}

/* The first post at the head of a rank's queue whose transfer is not complete. */
static link_of_chain head_of_queue(const sluice__machine *machine, int r) {
    const sluice__machine_rank *rank = &machine->ranks[r];
    int k                            = rank->head;
    while (k + 1 < rank->head_end && !is_incomplete(machine, r, k)) k++;
    const int n                    = rank->posts[k];
    const sluice_instruction *post = &machine->transfers.lists[r][n];
    return (link_of_chain){r, true, n, sluice__transfer_of(&machine->transfers, post)};
}

/* Whether the end of transfer `t` on rank r is ready; if not, `*why` is what it waits for. */
static bool end_is_ready(const sluice__machine *machine, int t, int r, link_of_chain *why) {
    const sluice__machine_rank *rank = &machine->ranks[r];
    const int post                   = sluice__post_at(&machine->transfers, t, r);
    *why                             = rank_itself(machine, r);
    if (post < 0 || post >= rank->at) return false;
    if (machine->queues == SLUICE_QUEUES_PER_CHANNEL) return true;
    if (rank->issued < rank->head_end) return false; /* the rest of the group is not posted yet */
    if (post <= rank->posts[rank->head_end - 1]) return true;
    *why = head_of_queue(machine, r);
    return false;
}

/* What an incomplete transfer of `from` waits for: something of this rank, or of its peer. */
static link_of_chain next_link(const sluice__machine *machine, const link_of_chain *from) {
    const sluice_transfer_times *times = &machine->transfers.times[from->transfer];
    const int peer                     = times->from == from->rank ? times->to : times->from;
    link_of_chain why;
    if (!end_is_ready(machine, from->transfer, from->rank, &why)) return why;
    (void)end_is_ready(machine, from->transfer, peer, &why);
    return why;
}

/* ---- as text ---- */

static void name_link(char *out, size_t bytes, const sluice__machine *machine,
                      const link_of_chain *link, bool first) {
    char words[SLUICE__WORDS];
    if (link->at < 0) {
        snprintf(out, bytes, "rank %d has ended", link->rank);
        return;
    }
    sluice__describe_instruction(words, sizeof words,
                                 &machine->transfers.lists[link->rank][link->at]);
    snprintf(out, bytes, "rank %d%s %s", link->rank,
             link->in_queue ? "'s queue is at"
             : first        ? " waits for"
                            : " is at",
             words);
}

/* Print links `from` .. `to` - 1 and where the chain closes; those that do not fit are counted. */
static void print_chain(char *out, size_t bytes, const sluice__machine *machine,
                        const link_of_chain *chain, int from, int to, bool closes) {
    enum { LINK_BYTES = 160 }; /* reserved for one link, or for the count */
    size_t used = 0;
    for (int k = from; k < to; k++) {
        char words[128];
        name_link(words, sizeof words, machine, &chain[k], k == from);
        used += (size_t)snprintf(out + used, bytes - used, "%s%s", k > from ? " <- " : "", words);
        if (used + LINK_BYTES < bytes || k + 1 == to) continue;
        used += (size_t)snprintf(out + used, bytes - used, " <- ... %d more", to - k - 1);
        break;
    }
    if (closes)
        snprintf(out + used, bytes - used, " <- rank %d%s", chain[from].rank,
                 chain[from].in_queue ? "'s queue" : "");
}

/* Every rank and every queue waits for one thing, so a longer chain than that must close. */
static sluice_status follow(const sluice__machine *machine, link_of_chain *chain, int *seen) {
    const int p        = machine->transfers.ranks;
    int count          = 0;
    link_of_chain next = rank_itself(machine, sluice__first_unfinished(machine));
    char text[640];
    for (;;) {
        int *index = &seen[next.rank + (next.in_queue ? p : 0)];
        if (*index > 0) {
            print_chain(text, sizeof text, machine, chain, *index - 1, count, true);
            break;
        }
        chain[count++] = next;
        *index         = count;
        if (next.transfer < 0) {
            print_chain(text, sizeof text, machine, chain, 0, count, false);
            break;
        }
        next = next_link(machine, &next);
    }
    return sluice__fail(SLUICE_E_SCHEDULE, "deadlock: %s", text);
}

sluice_status sluice__name_deadlock(const sluice__machine *machine) {
    const size_t max     = 2 * (size_t)machine->transfers.ranks;
    link_of_chain *chain = NULL;
    int *seen            = NULL; /* per rank, then per queue: 1 + its index in the chain */
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&chain, max, sizeof *chain));
    SLUICE__TRY_OUT(sluice__alloc(&seen, max, sizeof *seen));
    status = follow(machine, chain, seen);
out:
    sluice__free(chain);
    sluice__free(seen);
    return status;
}
