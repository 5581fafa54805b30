/* SPDX-License-Identifier: MIT */
/*
 * plugin.h -- the seam between the library and a backend that is loaded on demand.
 *
 * A plug-in exports one function. The library passes its errors and its memory, so that the process
 * has one of each, and gets lists of devices and transports. Both sides state the version of this
 * seam and the size of its tables; only equal ones work together.
 */
#ifndef SLUICE_DEVICE_PLUGIN_H
#define SLUICE_DEVICE_PLUGIN_H

#include "runtime/transport/transport.h"
#include "sluice/device.h"

enum { SLUICE__PLUGIN_VERSION = 5 };
#define SLUICE__PLUGIN_ENTRY "sluice_plugin"
#define SLUICE__PLUGIN_TABLES                                                                      \
    (sizeof(sluice_device_ops) + sizeof(sluice_operations) + sizeof(sluice__transport_ops))

/* What the library provides. */
typedef struct sluice__plugin_host {
    int version;
    size_t table_bytes; /* SLUICE__PLUGIN_TABLES */
    sluice_status (*fail)(sluice_status status, const char *format, ...) SLUICE_PRINTF(2, 3);
    sluice_status (*hint)(sluice_status status, const char *format, ...) SLUICE_PRINTF(2, 3);
    sluice_status (*alloc)(void *out, size_t count, size_t size);
    void (*free)(void *block);
} sluice__plugin_host;

/* What the plug-in offers; static storage. Both lists end with NULL and may be empty. */
typedef struct sluice__plugin {
    int version;
    size_t table_bytes;
    const sluice_device_ops *const *devices;
    const sluice__transport_ops *const *transports;
} sluice__plugin;

/* Never NULL: a plug-in of another version says so and is not used. Called once per process. */
typedef const sluice__plugin *sluice__plugin_entry(const sluice__plugin_host *host);

/* The device, or the transport, called `name` in the plug-in libsluice_<plugin>.so, which is loaded
 * once. E_UNSUPPORTED: the plug-in is not found, does not load or fit, or does not offer it. */
sluice_status sluice__plugin_device(const sluice_device_ops **out, const char *plugin,
                                    const char *name);
sluice_status sluice__plugin_transport(const sluice__transport_ops **out, const char *plugin,
                                       const char *name);

#endif
