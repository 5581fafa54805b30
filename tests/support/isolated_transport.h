/* SPDX-License-Identifier: MIT */
/*
 * isolated_transport.h -- a transport whose ranks share nothing but its queues, as if each lived in
 * a process of its own.
 *
 * Bytes travel as messages. A sender copies them out of its device when both ends of the transfer
 * are posted, and the receiver copies them into its own, each on its own thread, in whichever call
 * it makes next (so that whoever computes for long keeps its receivers waiting); nobody sees an
 * address of another rank. Every call for a rank must come from the
 * thread that joined as that rank, between its join() and its leave(), and fails otherwise. Gathers
 * are copied once for each reader.
 *
 * For devices that are not asynchronous.
 */
#ifndef SLUICE_TESTS_ISOLATED_TRANSPORT_H
#define SLUICE_TESTS_ISOLATED_TRANSPORT_H

#include "runtime/transport/transport.h"

const sluice__transport_ops *isolated_transport(void);

/* For a test program that runs over the usual transport, or, if its first argument is "isolated",
 * over this one: that, or NULL. */
const sluice__transport_ops *isolated_if_asked(int argc, char **argv);

#endif
