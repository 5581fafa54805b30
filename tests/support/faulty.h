/* SPDX-License-Identifier: MIT */
/*
 * faulty.h -- a transport with one fault and delays, which pipelines must survive or report. One at
 * a time in a process: the table of functions has no context.
 */
#ifndef SLUICE_TESTS_FAULTY_H
#define SLUICE_TESTS_FAULTY_H

#include "runtime/transport/transport.h"
#include "tests/support/support.h"

typedef enum faulty_kind {
    FAULTY_NOTHING, /* delays alone */
    FAULTY_DROP,    /* the nth send is never made */
    FAULTY_REORDER, /* the nth send is made after the next one of its rank */
    FAULTY_FAIL     /* the nth send reports a failure */
} faulty_kind;

/* Send number `n`, from 0 over all links, is the faulty one; every post and wait is delayed by up
 * to `delay_us`. */
void faulty_start(faulty_kind kind, int n, int delay_us, uint64_t seed);
bool faulty_fired(void); /* since then */

/* `healthy`, with the fault in it. */
const sluice__transport_ops *faulty_transport(const sluice__transport_ops *healthy);

#endif
