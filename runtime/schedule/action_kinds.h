/* SPDX-License-Identifier: MIT */
/* action_kinds.h -- what kinds of actions do: compute, transfer, or wait. */
#ifndef SLUICE_SCHEDULE_ACTION_KINDS_H
#define SLUICE_SCHEDULE_ACTION_KINDS_H

#include "sluice/schedule.h"

static inline bool sluice__action_computes(sluice_action_kind kind) {
    return kind >= SLUICE_ACTION_F && kind <= SLUICE_ACTION_W;
}

static inline bool sluice__action_transfers(sluice_action_kind kind) {
    return kind >= SLUICE_ACTION_SEND_F && kind <= SLUICE_ACTION_RECV_B;
}

static inline bool sluice__action_sends(sluice_action_kind kind) {
    return kind == SLUICE_ACTION_SEND_F || kind == SLUICE_ACTION_SEND_B;
}

static inline bool sluice__action_waits_for_send(sluice_action_kind kind) {
    return kind == SLUICE_ACTION_WAIT_SEND_F || kind == SLUICE_ACTION_WAIT_SEND_B;
}

/* The others are about a stage as a whole, or IDLE. */
static inline bool sluice__action_has_microbatch(sluice_action_kind kind) {
    return sluice__action_computes(kind) || sluice__action_transfers(kind) ||
           sluice__action_waits_for_send(kind);
}

#endif
