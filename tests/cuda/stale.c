/* SPDX-License-Identifier: MIT */
/* stale.c -- a plug-in whose version differs from the library's, for tests. */
#include "runtime/device/plugin.h"

__attribute__((visibility("default"))) sluice__plugin_entry sluice_plugin;

const sluice__plugin *sluice_plugin(const sluice__plugin_host *host) {
    static const sluice__plugin plugin = {SLUICE__PLUGIN_VERSION + 1, 8, NULL, NULL};
    (void)host;
    return &plugin;
}
