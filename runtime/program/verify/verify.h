/* SPDX-License-Identifier: MIT */
/* verify.h -- declarations that the files of the verifier share. */
#ifndef SLUICE_PROGRAM_VERIFY_H
#define SLUICE_PROGRAM_VERIFY_H

#include "runtime/program/machine/machine.h"
#include "runtime/program/memory/streams.h"
#include "runtime/program/verify/labels.h"

typedef struct sluice__verifier {
    const sluice_program *program;
    const sluice_instruction *const *lists;
    const int *counts;
    sluice__machine machine;
    sluice__labelled *memory; /* per rank */
    sluice__streams *streams; /* per rank */
    unsigned char *done;      /* [stage][microbatch], bits of sluice__done_by() */
    int *weights_left; /* per rank: W (or B) still to run before its gradients are complete */
    bool *stored;      /* [2 * stage + weight]: the step's first write has happened */
} sluice__verifier;

enum { SLUICE__DID_F = 1, SLUICE__DID_I = 2, SLUICE__DID_W = 4, SLUICE__DID_AGAIN = 8 };
/* What an instruction does to its micro-batch; 0: it is not a compute instruction. */
unsigned sluice__done_by(sluice_instruction_kind kind);

/* ---- verify_lists.c: what can be checked without running ---- */
/* Every instruction belongs to its rank, every wait waits for an earlier post, and every stage runs
 * each micro-batch once. E_SCHEDULE, E_HOST_MEMORY. */
sluice_status sluice__check_lists(const sluice__verifier *v);
/* The k-th send of each channel carries what its k-th receive expects, and both have number k.
 * E_SCHEDULE. */
sluice_status sluice__check_transfers(const sluice__verifier *v);
/* The same for all sends from one rank to another, as if they had one channel; and posts that are
 * issued as one must have the same peer. E_SCHEDULE. */
sluice_status sluice__check_one_queue(const sluice__verifier *v);
/* Every post is waited for. E_SCHEDULE, E_HOST_MEMORY. */
sluice_status sluice__check_waits(const sluice__verifier *v);

/* ---- unmatched.c ---- */
/* Name the posts over `edge` that one side of a queue makes alone. OK if there are none;
 * E_SCHEDULE, E_HOST_MEMORY. */
sluice_status sluice__name_unmatched(const sluice__verifier *v, const sluice__queue *queue,
                                     int edge);

/* ---- verify_run.c: run one instruction ---- */
sluice__step sluice__verify_step;

#endif
