/* SPDX-License-Identifier: MIT */
/* device.c -- the one place that lists the kinds of device, and says what scratch they need. */
#include "sluice/device.h"

#include <string.h>

#include "runtime/base/error.h"
#include "runtime/device/blocks.h"
#include "runtime/device/cpu/cpu.h"
#include "runtime/device/plugin.h"
#include "runtime/device/virtual/virtual.h"

static const sluice_device_ops *const devices[] = {&sluice__cpu_ops, &sluice__virtual_ops, NULL};

const sluice_device_ops *const *sluice_devices(void) {
    return devices;
}

/* The plug-in, if it has a GPU to work with. */
static sluice_status find_cuda(const sluice_device_ops **out) {
    const sluice_device_ops *ops = NULL;
    int count                    = 0;
    SLUICE__TRY(sluice__plugin_load(&ops, "cuda"));
    SLUICE__TRY(ops->count(&count));
    *out = ops;
    return SLUICE_OK;
}

sluice_status sluice_device_find(const sluice_device_ops **out, const char *name) {
    for (size_t d = 0; devices[d]; d++) {
        if (strcmp(devices[d]->name, name) == 0) {
            *out = devices[d];
            return SLUICE_OK;
        }
    }
    if (strcmp(name, "cuda") == 0 || strncmp(name, "cuda:", 5) == 0) return find_cuda(out);
    if (strcmp(name, "auto") == 0) {
        if (find_cuda(out) != SLUICE_OK) *out = devices[0];
        return SLUICE_OK;
    }
    char names[128] = "";
    for (size_t d = 0; devices[d]; d++) {
        strncat(names, " ", sizeof names - strlen(names) - 1);
        strncat(names, devices[d]->name, sizeof names - strlen(names) - 1);
    }
    const sluice_status status = sluice__fail(SLUICE_E_ARGUMENT, "no device is called '%s'", name);
    return sluice__hint(status, "choose one of:%s cuda auto", names);
}

size_t sluice_column_sum_scratch(int64_t rows, int64_t columns) {
    return (size_t)(sluice__blocks(rows, SLUICE__COLUMN_SUM_ROWS) * columns) * sizeof(float);
}

size_t sluice_attention_scratch(int64_t samples, int64_t length, int64_t heads) {
    return (size_t)(samples * length * heads) * sizeof(float);
}

/* A loss per row of the slab, then the slab's logits. */
size_t sluice_classifier_scratch(int64_t rows, int64_t classes) {
    const int64_t slab = sluice__slab_rows(rows);
    return (size_t)slab * (sizeof(double) + (size_t)classes * sizeof(float));
}
