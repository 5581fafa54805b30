/* SPDX-License-Identifier: MIT */
/* device.c -- the one list of the kinds of device, and the scratch that operations need on them. */
#include "sluice/device.h"

#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/device/blocks.h"
#include "runtime/device/cpu/cpu.h"
#include "runtime/device/plugin.h"
#include "runtime/device/virtual/virtual.h"

static const sluice_device_ops *const devices[] = {&sluice__cpu_ops, &sluice__virtual_ops, NULL};
/* Each name is that of a plug-in and of its kind of device. */
static const char *const plugged[] = {"cuda", NULL};

const sluice_device_ops *const *sluice_devices(void) {
    return devices;
}

const char *const *sluice_device_plugins(void) {
    return plugged;
}

/* The plug-in's table, if there is a device to work with. */
static sluice_status find_plugged(const sluice_device_ops **out, const char *name) {
    const sluice_device_ops *ops = NULL;
    int count                    = 0;
    SLUICE__TRY(sluice__plugin_device(&ops, name, name));
    SLUICE__TRY(ops->count(&count));
    *out = ops;
    return SLUICE_OK;
}

/* "name", or "name:" and a list of devices. */
static bool is_kind(const char *text, const char *name) {
    const size_t length = strlen(name);
    return strncmp(text, name, length) == 0 && (text[length] == '\0' || text[length] == ':');
}

static void find_best(const sluice_device_ops **out) {
    for (size_t p = 0; plugged[p]; p++)
        if (find_plugged(out, plugged[p]) == SLUICE_OK) return;
    *out = devices[0];
}

static sluice_status no_device(const char *name) {
    char names[128] = "";
    for (size_t d = 0; devices[d]; d++)
        sluice__add_name(names, sizeof names, " ", devices[d]->name);
    for (size_t p = 0; plugged[p]; p++) sluice__add_name(names, sizeof names, " ", plugged[p]);
    sluice__fail(SLUICE_E_ARGUMENT, "no device is called '%s'", name);
    return sluice__hint(SLUICE_E_ARGUMENT, "choose one of: %s auto", names);
}

sluice_status sluice_device_find(const sluice_device_ops **out, const char *name) {
    for (size_t d = 0; devices[d]; d++) {
        if (strcmp(devices[d]->name, name) != 0) continue;
        *out = devices[d];
        return SLUICE_OK;
    }
    for (size_t p = 0; plugged[p]; p++)
        if (is_kind(name, plugged[p])) return find_plugged(out, plugged[p]);
    if (strcmp(name, "auto") != 0) return no_device(name);
    find_best(out);
    return SLUICE_OK;
}

size_t sluice_column_sum_scratch(int64_t rows, int64_t columns) {
    return (size_t)(sluice__blocks(rows, SLUICE__COLUMN_SUM_ROWS) * columns) * sizeof(float);
}

/* A sum for each query; unless results are fp32, the gradients of keys and values while they are
 * added up. */
size_t sluice_attention_scratch(int64_t samples, int64_t length, int64_t heads, int64_t kv_heads,
                                int64_t head_width, sluice_type type) {
    const int64_t added_up = type == SLUICE_TYPE_F32 ? 0 : 2 * kv_heads * head_width;
    return (size_t)(samples * length * (heads + added_up)) * sizeof(float);
}

/* A check; for each slab logits, losses, their sum, and a product for each of two gradients. */
int64_t sluice_classifier_launches(int64_t rows) {
    return 1 + 5 * sluice__blocks(rows, SLUICE__SLAB_ROWS);
}

/* For each row of the slab its loss and its target's logit; for each block of classes the row's
 * largest logit, a sum, and its logits; unless dx is fp32, its row while it is added up. */
size_t sluice_classifier_scratch(int64_t rows, int64_t width, int64_t classes, sluice_type type) {
    const int64_t added_up = type == SLUICE_TYPE_F32 ? 0 : width;
    const int64_t block    = sluice__class_block(classes);
    const int64_t numbers =
        block > 0 ? sluice__blocks(classes, block) * (sluice__class_stride(classes) + 2) : 0;
    return (size_t)sluice__slab_rows(rows) *
           (sizeof(double) + (size_t)(numbers + added_up + 1) * sizeof(float));
}
