/* SPDX-License-Identifier: MIT */
/* small_plugin.c -- a plug-in with a device and a transport that are nothing but names. */
#include "runtime/device/plugin.h"

__attribute__((visibility("default"))) sluice__plugin_entry sluice_plugin;

static const sluice_device_ops device                  = {.name = SMALL_PLUGIN};
static const sluice__transport_ops transport           = {.name = SMALL_PLUGIN "-wire"};
static const sluice_device_ops *const devices[]        = {&device, NULL};
static const sluice__transport_ops *const transports[] = {&transport, NULL};

const sluice__plugin *sluice_plugin(const sluice__plugin_host *host) {
    static const sluice__plugin plugin = {SLUICE__PLUGIN_VERSION, SLUICE__PLUGIN_TABLES, devices,
                                          transports};
    (void)host;
    return &plugin;
}
