/* SPDX-License-Identifier: MIT */
/* stateful.h -- a layer that counts its forwards and their samples in its state, and scales by
 * them; and a model of six layers with two of them. */
#ifndef SLUICE_TESTS_STATEFUL_H
#define SLUICE_TESTS_STATEFUL_H

#include "tests/support/support.h"

#include "sluice/model.h"

enum { INPUTS = 6, HIDDEN = 10, OUTPUTS = 3 };

/* wide, first_counter, relu, second_counter, narrow, error. A counter's state is "forwards", two
 * floats, and "cache", which lasts for one sequence. */
sluice_model *make_stateful_model(void);

/* Loads minibatch *(int64_t *)context. */
sluice_status load_stateful_inputs(void *context, void *to, int64_t first, int64_t samples);
sluice_status load_stateful_targets(void *context, void *to, int64_t first, int64_t samples);

#endif
