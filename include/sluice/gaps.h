/* SPDX-License-Identifier: MIT */
/* gaps.h -- why a rank stands still: each gap of a simulated step, and what it waits for. */
#ifndef SLUICE_GAPS_H
#define SLUICE_GAPS_H

#include "sluice/program.h"
#include "sluice/status.h"

/* One table: the enum and its name. Values are ABI: append. */
/* clang-format off */
#define SLUICE_GAP_MAP(X)          \
    X(RECEIVE, 0, "receive")       \
    X(SEND,    1, "send")          \
    X(RANKS,   2, "other ranks")
/* clang-format on */

/* RECEIVE, SEND: of a transfer. RANKS: for the others, at the norm, and until the step ends. */
typedef enum sluice_gap_kind {
#define X(name, code, text) SLUICE_GAP_##name = (code),
    SLUICE_GAP_MAP(X)
#undef X
} sluice_gap_kind;
enum { SLUICE_GAP_KINDS = 3 };

/* "receive", "other ranks"; never NULL. */
SLUICE_API const char *sluice_gap_name(sluice_gap_kind kind);

typedef struct sluice_gap {
    sluice_gap_kind kind;
    double begin, end;
    double absent; /* its first part, until the other end was posted; the rest is the transfer, with
                    * what was before it in its queue. Of RANKS: all of it */
    int at;        /* the rank's instruction that waits; its count: the step ends */
    int peer;      /* the rank at the other end; of RANKS, the last one to be there */
    int first, last; /* what it did during `absent`: its instructions from first to last; -1, -1:
                      * nothing, as `absent` is 0 */
} sluice_gap;

/* The gaps of `rank`, by time; `*count` may be 0. Release with sluice_gaps_free(). E_ARGUMENT (the
 * program has no such rank), E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_simulation_gaps(sluice_gap **gaps, int *count,
                                                const sluice_program *program,
                                                const sluice_simulation *simulation, int rank);
SLUICE_API void sluice_gaps_free(sluice_gap *gaps); /* NULL is fine */

/* What a rank's instruction does or waits for, in words: "1F0", "receive of activation 0F3 from
 * rank 0", "norm". At most `bytes` bytes, terminated. */
SLUICE_API void sluice_program_describe(char *out, size_t bytes, const sluice_program *program,
                                        int rank, int instruction);

#endif
