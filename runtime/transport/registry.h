/* SPDX-License-Identifier: MIT */
/* registry.h -- the transports by name, and the capabilities of each, known before it is loaded. */
#ifndef SLUICE_TRANSPORT_REGISTRY_H
#define SLUICE_TRANSPORT_REGISTRY_H

#include "runtime/transport/transport.h"

typedef struct sluice__transport_entry {
    const char *name;
    bool one_queue;      /* as in its table */
    const char *reaches; /* the kind of device whose memory it can move; NULL: any */
    const sluice__transport_ops *(*table)(void); /* of one that is built in */
    const char *plugin;                          /* else: which has its table */
} sluice__transport_entry;

/* The entry called `name`; NULL and "auto" are the one that reaches every rank of a process.
 * E_ARGUMENT with the list of names. */
sluice_status sluice__transport_find(const sluice__transport_entry **out, const char *name);
/* Whether it moves memory of the kind of device `device`. */
bool sluice__transport_reaches(const sluice__transport_entry *entry, const char *device);
/* Its table, loaded if necessary. E_UNSUPPORTED, E_DEVICE: it cannot be used here, and why. */
sluice_status sluice__transport_load(const sluice__transport_ops **out,
                                     const sluice__transport_entry *entry);

#endif
