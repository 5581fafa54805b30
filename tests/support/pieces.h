/* SPDX-License-Identifier: MIT */
/* pieces.h -- a linear layer whose weight and bias are pieces, and a small model with two of them.
 */
#ifndef SLUICE_TESTS_PIECES_H
#define SLUICE_TESTS_PIECES_H

#include "tests/support/stateful.h"

/* (.., INPUTS) -> (.., HIDDEN): "weight" is "upper" and "lower", (2, HIDDEN) and (4, HIDDEN);
 * "bias" is "first", "second" and "third" of 1, 2 and the other elements. */
const sluice_layer_kind *pieces_kind(void);
sluice_linear_config pieces_config(void);

/* split, relu, narrow, error: what stateful.h loads fits it. `tied`: split, back, again, narrow,
 * error, where "again" has the weights of "split". */
sluice_model *make_pieces_model(bool tied);

#endif
