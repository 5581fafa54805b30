/* SPDX-License-Identifier: MIT */
/* json.h -- reading and printing JSON by jansson, with Sluice's errors. */
#ifndef SLUICE_IO_JSON_H
#define SLUICE_IO_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/text.h"
#include "runtime/io/input_file.h"
#include "sluice/status.h"

/* An object, duplicate keys refused; release with json_decref(). `what` names it in the error: "the
 * header of 'x'". E_PARSE with the line and byte, E_HOST_MEMORY. */
sluice_status sluice__json_object(json_t **out, const void *bytes, size_t size, const char *what);
/* The same where whole numbers are of any size (transformers writes 10^30 for "no limit"): all
 * numbers are reals. */
sluice_status sluice__json_loose(json_t **out, const void *bytes, size_t size, const char *what);
/* The same from `bytes` of a file at `offset`; and from a whole file of at most `max` bytes, whose
 * errors name it by its path. E_IO too. */
sluice_status sluice__json_read(json_t **out, const sluice__input_file *file, uint64_t offset,
                                size_t bytes, const char *what);
sluice_status sluice__json_file(json_t **out, const char *path, uint64_t max);
/* The text of `value` (NULL: E_HOST_MEMORY); release with sluice__json_free(). */
sluice_status sluice__json_print(char **out, const json_t *value, size_t flags, const char *what);
void sluice__json_free(char *text); /* NULL is fine */

/* Add `before`, and then a text or a number as JSON; a number with 9 digits, which a person can
 * read. (Objects are not printed by jansson 2.14, which may lose a key when memory runs out.)
 * E_HOST_MEMORY. */
sluice_status sluice__json_add_text(sluice__text *to, const char *before, const char *text);
sluice_status sluice__json_add_number(sluice__text *to, const char *before, double number);
sluice_status sluice__json_add_count(sluice__text *to, const char *before, int64_t count);
/* The same of what may not be known: NULL and 0 add nothing. */
sluice_status sluice__json_add_known_text(sluice__text *to, const char *before, const char *text);
sluice_status sluice__json_add_known_number(sluice__text *to, const char *before, double number);
sluice_status sluice__json_add_known_count(sluice__text *to, const char *before, int64_t count);

#endif
