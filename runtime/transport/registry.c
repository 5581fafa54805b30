/* SPDX-License-Identifier: MIT */
/* registry.c -- the one list of transports, and what they can do. */
#include "runtime/transport/registry.h"

#include <assert.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/device/plugin.h"
#include "sluice/transports.h"

/* The first is what "auto" means. */
static const sluice__transport_entry entries[] = {
    {.name = "local", .table = sluice__transport_local},
    {.name = "host", .table = sluice__transport_host},
    {.name = "nccl", .one_queue = true, .reaches = "cuda", .plugin = "cuda"},
};
enum { ENTRIES = sizeof entries / sizeof *entries };

const char *sluice_transport_name(int index) {
    return index >= 0 && index < ENTRIES ? entries[index].name : NULL;
}

sluice_status sluice__transport_find(const sluice__transport_entry **out, const char *name) {
    if (!name || strcmp(name, "auto") == 0) name = entries[0].name;
    char names[128] = "auto";
    for (int k = 0; k < ENTRIES; k++) {
        if (strcmp(entries[k].name, name) == 0) {
            *out = &entries[k];
            return SLUICE_OK;
        }
        sluice__add_name(names, sizeof names, " ", entries[k].name);
    }
    sluice__fail(SLUICE_E_ARGUMENT, "no transport is called '%s'", name);
    return sluice__hint(SLUICE_E_ARGUMENT, "choose one of: %s", names);
}

sluice_status sluice__transport_load(const sluice__transport_ops **out,
                                     const sluice__transport_entry *entry) {
    assert(entry);
    const sluice__transport_ops *ops = entry->table ? entry->table() : NULL;
    if (!ops) SLUICE__TRY(sluice__plugin_transport(&ops, entry->plugin, entry->name));
    assert(ops->one_queue == entry->one_queue);
    *out = ops;
    return SLUICE_OK;
}

bool sluice__transport_reaches(const sluice__transport_entry *entry, const char *device) {
    return !entry->reaches || strcmp(entry->reaches, device) == 0;
}

sluice_status sluice_transport_describe(char *out, size_t bytes, const char *name) {
    const sluice__transport_entry *entry = NULL;
    const sluice__transport_ops *ops     = NULL;
    SLUICE__TRY(sluice__transport_find(&entry, name));
    SLUICE__TRY(sluice__transport_load(&ops, entry));
    return ops->describe(out, bytes);
}

sluice_status sluice_transport_queues(sluice_queues *out, const char *name) {
    const sluice__transport_entry *entry = NULL;
    SLUICE__TRY(sluice__transport_find(&entry, name));
    assert(entry);
    *out = entry->one_queue ? SLUICE_QUEUES_PER_RANK : SLUICE_QUEUES_PER_CHANNEL;
    return SLUICE_OK;
}
