/* SPDX-License-Identifier: MIT */
/*
 * isolated_transport.h -- a transport whose ranks share nothing but its queues, as if each were a
 * process.
 *
 * Bytes travel as messages. When both ends of a transfer are posted, the sender copies the bytes
 * out of its device and the receiver copies them into its device, each on its thread, in its next
 * call (so that a rank that computes for long keeps its receivers waiting); no rank sees an address
 * of another. Every call for a rank must come from the thread that joined as that rank, between its
 * join() and its leave(), and fails otherwise. Gathers are copied once for each reader.
 *
 * For synchronous devices only.
 */
#ifndef SLUICE_TESTS_ISOLATED_TRANSPORT_H
#define SLUICE_TESTS_ISOLATED_TRANSPORT_H

#include "runtime/transport/transport.h"

const sluice__transport_ops *isolated_transport(void);

/* For a test program that runs over the usual transport or, if its first argument is "isolated",
 * over this one: this transport, or NULL. */
const sluice__transport_ops *isolated_if_asked(int argc, char **argv);

#endif
