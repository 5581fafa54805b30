/* SPDX-License-Identifier: MIT */
/*
 * bf16_floats.h -- a device's operations in bf16 on arrays of floats, so that they are checked as
 * those in fp32 are: what is given must be numbers that bf16 has, and results are such numbers.
 */
#ifndef SLUICE_TESTS_BF16_FLOATS_H
#define SLUICE_TESTS_BF16_FLOATS_H

#include "sluice/operations.h"

/* The table `bf16` for floats. One table at a time; its device can access the arrays of
 * tensors_come_from(). */
const sluice_operations *bf16_on_floats(const sluice_operations *bf16);

#endif
