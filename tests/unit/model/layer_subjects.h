/* SPDX-License-Identifier: MIT */
/* layer_subjects.h -- layers with configurations and inputs of many kinds, for test_layer.c. */
#ifndef SLUICE_TESTS_LAYER_SUBJECTS_H
#define SLUICE_TESTS_LAYER_SUBJECTS_H

#include "sluice/layer.h"

typedef struct subject {
    const char *name;
    const sluice_layer_kind *(*kind)(void);
    const void *config;
    sluice_shape input;
    int64_t tokens; /* integer inputs are below this */
} subject;

extern const subject layer_subjects[];
extern const int layer_subject_count;

enum { LAYER_CLASSES = 13 }; /* of classifiers */

#endif
