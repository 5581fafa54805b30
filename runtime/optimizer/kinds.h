/* SPDX-License-Identifier: MIT */
/* kinds.h -- the built-in optimizers' tables, and what bounds options of several of them. */
#ifndef SLUICE_OPTIMIZER_KINDS_H
#define SLUICE_OPTIMIZER_KINDS_H

#include "sluice/optimizer.h"

/* The list, once. The first is the default. */
#define SLUICE__OPTIMIZER_MAP(X) X(adamw) X(sgd)

#define X(name) extern const sluice_optimizer_kind sluice__optimizer_##name;
SLUICE__OPTIMIZER_MAP(X)
#undef X

/* The largest double that is less than 1, for rates that must be. */
#define SLUICE__BELOW_ONE 0x1.fffffffffffffp-1

#endif
