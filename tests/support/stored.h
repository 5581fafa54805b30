/* SPDX-License-Identifier: MIT */
/* stored.h -- safetensors files of any content, which the library's own writer would not write. */
#ifndef SLUICE_TESTS_STORED_H
#define SLUICE_TESTS_STORED_H

#include "sluice/tensor.h"
#include "tests/support/files.h"

typedef struct stored {
    const char *name, *type; /* "BF16" */
    int dim_count;
    int64_t dims[SLUICE_MAX_DIMS];
    const void *bytes;
    size_t byte_count;
} stored;

void write_stored(const folder *in, const char *file, const stored *list, int count);

/* A file with this header, and `data` zero bytes. */
void write_header(const folder *in, const char *file, const char *header, size_t data);

/* The upper halves of floats, which are exact for the ones that have no more; and F16 of those that
 * it can hold exactly. */
uint16_t stored_bf16(float value);
uint16_t stored_f16(float value);

#endif
