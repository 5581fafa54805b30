/* SPDX-License-Identifier: MIT */
/*
 * plugin.h -- the seam between the library and a backend that is loaded when it is asked for.
 *
 * A plug-in exports one function. It is handed the library's own errors and memory, so that there
 * is one of each in the process, and gives its table back. Both sides say which version of this
 * seam and of the table they were built with; only equal ones go together.
 */
#ifndef SLUICE_DEVICE_PLUGIN_H
#define SLUICE_DEVICE_PLUGIN_H

#include "runtime/transport/transport.h"
#include "sluice/device.h"

enum { SLUICE__PLUGIN_VERSION = 3 };
#define SLUICE__PLUGIN_ENTRY "sluice_plugin"
#define SLUICE__PLUGIN_TABLES                                                                      \
    (sizeof(sluice_device_ops) + sizeof(sluice_operations) + sizeof(sluice__transport_ops))

/* What the library lends. */
typedef struct sluice__plugin_host {
    int version;
    size_t table_bytes; /* SLUICE__PLUGIN_TABLES */
    sluice_status (*fail)(sluice_status status, const char *format, ...) SLUICE_PRINTF(2, 3);
    sluice_status (*hint)(sluice_status status, const char *format, ...) SLUICE_PRINTF(2, 3);
    sluice_status (*alloc)(void *out, size_t count, size_t size);
    void (*free)(void *block);
} sluice__plugin_host;

/* What the plug-in is; static storage. */
typedef struct sluice__plugin {
    int version;
    size_t table_bytes;
    const sluice_device_ops *ops;
    const sluice__transport_ops *transport; /* between its devices; NULL: built without one */
} sluice__plugin;

/* Never NULL: a plug-in of another version says so and is not used. Called once per process. */
typedef const sluice__plugin *sluice__plugin_entry(const sluice__plugin_host *host);

/* The table of the plug-in libsluice_<name>.so. E_UNSUPPORTED with where it was looked for, or why
 * it does not load or fit. */
sluice_status sluice__plugin_load(const sluice_device_ops **out, const char *name);

/* The transport of the plug-in that is loaded. E_UNSUPPORTED: it was built without one. */
sluice_status sluice__plugin_transport(const sluice__transport_ops **out);

#endif
