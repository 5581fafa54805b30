/* SPDX-License-Identifier: MIT */
/* text.h -- texts that grow as they are written. */
#ifndef SLUICE_BASE_TEXT_H
#define SLUICE_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "sluice/status.h"

/* Starts as {0}. `bytes` is NUL-terminated once anything was added; free it with sluice__free(). */
typedef struct sluice__text {
    char *bytes;
    size_t length, capacity;
} sluice__text;

/* Append, printf style. E_HOST_MEMORY. */
sluice_status sluice__text_add(sluice__text *text, const char *format, ...) SLUICE_PRINTF(2, 3);
sluice_status sluice__text_add_list(sluice__text *text, const char *format, va_list arguments)
    SLUICE_PRINTF(2, 0);

/* The end of a function that makes a text: its bytes if all was well, else none. Returns `status`.
 */
sluice_status sluice__text_take(char **out, sluice__text *text, sluice_status status);

/* A number as text, by value: sluice__fixed(x, 2).text is an argument for "%s". */
typedef struct sluice__number {
    char text[40];
} sluice__number;
/* Rounded to at most `decimals` (0 to 9), without trailing zeros, with a point in every locale.
 * `value` is finite. */
sluice__number sluice__fixed(double value, int decimals);

/* Whether `name` is among `list`, which ends with NULL. */
bool sluice__is_listed(const char *name, const char *const *list);

/* Append `name` to the list `names` of a hint, an array of `bytes`; what does not fit is cut. */
void sluice__add_name(char *names, size_t bytes, const char *separator, const char *name);

/* "24.9 MiB". Returns `out`. */
const char *sluice__bytes_text(char out[32], size_t bytes);

#endif
