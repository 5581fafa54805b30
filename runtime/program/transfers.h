/* SPDX-License-Identifier: MIT */
/*
 * transfers.h -- the transfers of a program: the k-th send of a directed link meets its k-th
 * receive.
 */
#ifndef SLUICE_PROGRAM_TRANSFERS_H
#define SLUICE_PROGRAM_TRANSFERS_H

#include "sluice/program.h"

typedef struct sluice__link {
    int from, to;        /* ranks */
    int first;           /* index of its first transfer */
    int sends, receives; /* posts; as many transfers as the larger */
    int next;            /* the sender's next link; -1 */
} sluice__link;

typedef struct sluice__transfers {
    int ranks;
    const sluice_instruction *const *lists; /* borrowed */
    const int *counts;                      /* borrowed */
    int *first_link;                        /* [ranks]: of the sender's links; -1: none */
    sluice__link *links;
    int link_count, link_capacity;
    int count;
    sluice_transfer_times *times; /* [count]: `sent`, `received`, `begin`, `end` -1 at first */
    int *send_at, *receive_at;    /* [count]: instruction of the post; -1: there is none */
} sluice__transfers;

/* Count and number them: the lists' own numbers are not looked at. Peers must be ranks. Start from
 * {0}; release with sluice__transfers_free(). E_HOST_MEMORY. */
sluice_status sluice__transfers_make(sluice__transfers *out, int ranks,
                                     const sluice_instruction *const *lists, const int *counts);
void sluice__transfers_free(sluice__transfers *transfers);

static inline bool sluice__is_post(const sluice_instruction *at) {
    return at->kind == SLUICE_INSTRUCTION_POST_SEND || at->kind == SLUICE_INSTRUCTION_POST_RECEIVE;
}

static inline bool sluice__is_compute(const sluice_instruction *at) {
    return at->kind <= SLUICE_INSTRUCTION_RECOMPUTE;
}

/* The link from rank `from` to rank `to`; NULL: nothing is posted there. */
sluice__link *sluice__find_link(const sluice__transfers *transfers, int from, int to);
/* The transfer that a post or a wait of `rank` belongs to, by the number that it carries. */
int sluice__transfer_of(const sluice__transfers *transfers, int rank, const sluice_instruction *at);
/* Instruction of the post at the end of transfer `t` that is on `rank`. */
int sluice__post_at(const sluice__transfers *transfers, int t, int rank);

#endif
