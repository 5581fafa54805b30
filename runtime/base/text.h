/* SPDX-License-Identifier: MIT */
/* text.h -- a text that grows as it is written. */
#ifndef SLUICE_BASE_TEXT_H
#define SLUICE_BASE_TEXT_H

#include <stddef.h>

#include "sluice/status.h"

/* Starts as {0}. `bytes` ends with a zero once anything was added; free it with sluice__free(). */
typedef struct sluice__text {
    char *bytes;
    size_t length, capacity;
} sluice__text;

/* Append, printf style. E_HOST_MEMORY. */
sluice_status sluice__text_add(sluice__text *text, const char *format, ...) SLUICE_PRINTF(2, 3);

/* "24.9 MiB". Returns `out`. */
const char *sluice__bytes_text(char out[32], size_t bytes);

#endif
