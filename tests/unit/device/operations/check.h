/* SPDX-License-Identifier: MIT */
/* check.h -- runs an operation on every team, and compares the results. */
#ifndef SLUICE_TESTS_OPERATIONS_CHECK_H
#define SLUICE_TESTS_OPERATIONS_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "sluice/operations.h"
#include "tests/support/support.h"
#include "tests/support/teams.h"

extern bool on_cpu, in_bf16;
extern const double bf16_rounding; /* relative, to nearest */

/* Opens the teams of the named kind of device. In bf16 all arrays are floats all the same; random
 * ones have numbers that bf16 has. */
void open_checked(const char *device, sluice_precision precision);

/* ---- arrays that the device can access ---- */
/* Exactly as large as requested, so that a sanitizer or a guard page notices writes past the
 * end. */
void *block(size_t bytes);
void release(void *made);
float *floats(int64_t count);
/* The nearest number that the precision has. */
float representable(float value);
/* Uniform in -1 .. 1. */
float *random_floats(uint64_t *random, int64_t count);
int32_t *random_integers(uint64_t *random, int64_t count, int low, int high);

enum { FLAT_COUNTS = 5 };
extern const int64_t flat_counts[FLAT_COUNTS];

/* ---- running ---- */
/* The status of the operation, or of the stream later; `done` is an event of the first team's
 * stream. */
sluice_status done_on(sluice_stream *stream, sluice_status status);
sluice_status done(sluice_status status);

typedef sluice_status action(sluice_stream *stream, float *out, const void *context);
/* Run with the same old content of `out` on every team: the bits must be the same. */
void run_on_every_team(float *out, int64_t count, action *run, const void *context,
                       const char *label);

/* ---- comparing ---- */
void expect_close(const char *label, const char *tensor, const float *got, const double *expected,
                  int64_t count, double tolerance);
/* The same for a gradient: its old content counts unless this is the first write. */
void expect_gradient(const char *label, const char *tensor, const float *got, const float *before,
                     double *expected, int64_t count, bool first_write, double tolerance);
/* What is added to a tolerance where a GPU rounds to bf16 so many times on the way to a result, for
 * a product or to store it, and the cpu does not. */
double rounded_on_gpus(int times);
/* Valid until the next call. */
const char *label_of(const char *name, const int64_t *shape, int dims, int flags);

#endif
