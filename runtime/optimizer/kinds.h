/* SPDX-License-Identifier: MIT */
/* kinds.h -- the list of built-in optimizers, and a bound that several of their options have. */
#ifndef SLUICE_OPTIMIZER_KINDS_H
#define SLUICE_OPTIMIZER_KINDS_H

#include "sluice/optimizer.h"

/* The first one is the default. */
#define SLUICE__OPTIMIZER_MAP(X) X(adamw) X(sgd)

#define X(name) extern const sluice_optimizer_kind sluice__optimizer_##name;
SLUICE__OPTIMIZER_MAP(X)
#undef X

/* The largest double below 1, for rates that must be below 1. */
#define SLUICE__BELOW_ONE 0x1.fffffffffffffp-1

#endif
