/* SPDX-License-Identifier: MIT */
/* plugin.c -- the one function that libsluice_cuda.so exports, and the library's functions it uses.
 */
#include "runtime/device/plugin.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/device/cuda/cuda.h"
#include "runtime/device/cuda/transport.h"

static const sluice__plugin_host *host;

/* ---- the library's functions by their own names, so that the backend reads like the cpu's ---- */

static void print(char *text, size_t bytes, const char *format, va_list arguments) {
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): the callers have started it */
    (void)vsnprintf(text, bytes, format, arguments);
}

sluice_status sluice__fail(sluice_status status, const char *format, ...) {
    char text[sizeof((sluice_error *)0)->what];
    va_list arguments;
    va_start(arguments, format);
    print(text, sizeof text, format, arguments);
    va_end(arguments);
    return host->fail(status, "%s", text);
}

sluice_status sluice__hint(sluice_status status, const char *format, ...) {
    char text[sizeof((sluice_error *)0)->hint];
    va_list arguments;
    va_start(arguments, format);
    print(text, sizeof text, format, arguments);
    va_end(arguments);
    return host->hint(status, "%s", text);
}

sluice_status sluice__alloc(void *out, size_t count, size_t size) {
    return host->alloc(out, count, size);
}

void sluice__free(void *block) {
    host->free(block);
}

/* ---- the entry ---- */

__attribute__((visibility("default"))) sluice__plugin_entry sluice_plugin;

static const sluice_device_ops *const devices[]        = {&sluice__cuda_ops, NULL};
static const sluice__transport_ops *const transports[] = {
#ifdef SLUICE__WITH_NCCL
    &sluice__nccl_ops,
#endif
    NULL};

/* CUDA reads the variable when it is first called. Streams must share no hardware queue, since that
 * would order what events leave free; a value that the user has set stays. */
const sluice__plugin *sluice_plugin(const sluice__plugin_host *lent) {
    static const sluice__plugin plugin = {SLUICE__PLUGIN_VERSION, SLUICE__PLUGIN_TABLES, devices,
                                          transports};
    host                               = lent;
    (void)setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 0);
    return &plugin;
}
