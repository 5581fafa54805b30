/* SPDX-License-Identifier: MIT */
/*
 * fields.h -- fields of JSON objects, strictly: required ones are present, all have the right type,
 * and there are no others. `where` names the object: "'x.json', table 1".
 */
#ifndef SLUICE_IO_FIELDS_H
#define SLUICE_IO_FIELDS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/status.h"

/* `object` is an object, whose keys are all in the list `known` (NULL-terminated). E_PARSE. */
sluice_status sluice__fields_check(json_t *object, const char *const *known, const char *where);

/* A number that is not negative. E_PARSE. */
sluice_status sluice__field_number(double *out, const json_t *object, const char *key,
                                   const char *where);
/* A whole number, `min` or more. E_PARSE. */
sluice_status sluice__field_count(int64_t *out, const json_t *object, const char *key, int64_t min,
                                  const char *where);
/* A size in bytes, at most 1 TiB so that sums over layers cannot overflow. E_PARSE. */
sluice_status sluice__field_bytes(size_t *out, const json_t *object, const char *key,
                                  const char *where);
/* A text, borrowed from the object. E_PARSE. */
sluice_status sluice__field_text(const char **out, const json_t *object, const char *key,
                                 const char *where);
/* A list, borrowed from the object, of one value or more. E_PARSE. */
sluice_status sluice__field_list(const json_t **out, const json_t *object, const char *key,
                                 const char *where);

#endif
