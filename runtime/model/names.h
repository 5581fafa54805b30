/* SPDX-License-Identifier: MIT */
/* names.h -- names of parameters, and a table that finds the latest thing with a name. */
#ifndef SLUICE_MODEL_NAMES_H
#define SLUICE_MODEL_NAMES_H

#include "sluice/status.h"

/* Names are borrowed. Start from {0}; release with sluice__names_free(). */
typedef struct sluice__names {
    struct sluice__name *list; /* [capacity], a power of two; a slot without a name is free */
    int capacity, count;
} sluice__names;

/* Make sure that `count` further names can be set. E_HOST_MEMORY. */
sluice_status sluice__names_reserve(sluice__names *names, int count);
/* From now on `name` has `value`. */
void sluice__names_set(sluice__names *names, const char *name, int value);
/* The value of `name`; -1: it has none. */
int sluice__names_find(const sluice__names *names, const char *name);
/* Forget all names. */
void sluice__names_free(sluice__names *names);

/* "<layer>.<parameter>"; a leading "../" of the parameter removes the layer's last component. Free
 * with sluice__free(). E_HOST_MEMORY. */
sluice_status sluice__parameter_name(char **out, const char *layer, const char *parameter);

#endif
