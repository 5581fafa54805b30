/* SPDX-License-Identifier: MIT */
/* hub_fields.h -- the fields of a config.json of any family. */
#ifndef SLUICE_MODEL_HUB_FIELDS_H
#define SLUICE_MODEL_HUB_FIELDS_H

#include "runtime/io/config_file.h"
#include "sluice/family.h"

/* A field and the only value of it that is supported, as JSON. A missing field has it. */
typedef struct sluice__fixed_field {
    const char *key, *value;
} sluice__fixed_field;

/* What a file of one family may have: lists end with NULL. */
typedef struct sluice__family_fields {
    const sluice__fixed_field *fixed; /* they change the arithmetic */
    const char *const *read;          /* the family reads them */
    const char *const *idle;          /* they change nothing here */
} sluice__family_fields;

/* Refuse a fixed field with another value, in this family or in any, and a field that is not known
 * and not null. E_UNSUPPORTED. */
sluice_status sluice__check_fields(const sluice__config_file *file,
                                   const sluice__family_fields *family);
/* What every family keeps: initializer_range and the ids of special tokens; an id that is missing
 * stays as it is in `out`. E_PARSE. */
sluice_status sluice__read_common(sluice_model_config *out, const sluice__config_file *file);
void sluice__write_common(sluice__config_file *file, const sluice_model_config *config);

#endif
