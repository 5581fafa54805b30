/* SPDX-License-Identifier: MIT */
/* choose_devices.c -- which kind of device a pipeline runs on, which one each rank, and whether
 * they fit there. */
#include "runtime/executor/choose_devices.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/executor/connect.h"

sluice_status sluice__choose_kind(sluice_pipeline *pipeline) {
    if (pipeline->ops) return SLUICE_OK; /* a test has set it */
    const char *name =
        pipeline->options.device ? pipeline->options.device : sluice_devices()[0]->name;
    return sluice_device_find(&pipeline->ops, name);
}

/* ---- ordinals ---- */

enum { DEVICES = 64 };

typedef struct chosen {
    int ordinals[DEVICES], count;
} chosen;

static sluice_status choose_all(chosen *out, int there) {
    out->count = there < DEVICES ? there : DEVICES;
    for (int d = 0; d < out->count; d++) out->ordinals[d] = d;
    return SLUICE_OK;
}

static sluice_status bad_list(const char *text, const char *kind) {
    sluice__fail(SLUICE_E_ARGUMENT, "device '%s' is not a list of devices, each named once", text);
    return sluice__hint(SLUICE_E_ARGUMENT, "write numbers between commas: %s:0,1", kind);
}

static sluice_status no_such_device(const char *kind, long ordinal, int there) {
    return sluice__fail(SLUICE_E_ARGUMENT, "there is no %s:%ld: this machine has %d %s device%s",
                        kind, ordinal, there, kind, there == 1 ? "" : "s");
}

/* The numbers after the colon of "kind:0,2": each at most once, of those that are there. */
static sluice_status choose(chosen *out, const char *kind, const char *text, int there) {
    const char *const list = text ? strchr(text, ':') : NULL;
    if (!list) return choose_all(out, there);
    out->count = 0;
    for (const char *at = list; *at != '\0';) {
        char *end          = NULL;
        const long ordinal = at[1] >= '0' && at[1] <= '9' ? strtol(at + 1, &end, 10) : -1;
        if (!end || (*end != ',' && *end != '\0') || out->count == DEVICES)
            return bad_list(text, kind);
        if (ordinal >= there) return no_such_device(kind, ordinal, there);
        for (int d = 0; d < out->count; d++)
            if (out->ordinals[d] == ordinal) return bad_list(text, kind);
        out->ordinals[out->count++] = (int)ordinal;
        at                          = end;
    }
    return SLUICE_OK;
}

/* ---- memory ---- */

/* The last error, with the device that it is about. */
static sluice_status about_device(const sluice_pipeline *pipeline, int ordinal) {
    sluice_error error        = *sluice_last_error();
    const sluice_error reason = error;
    (void)snprintf(error.what, sizeof error.what, "%s:%d: %.600s", pipeline->ops->name, ordinal,
                   reason.what);
    return sluice__fail_again(&error);
}

/* Whether the arenas of all ranks on rank r's device fit there; asked once, of the first rank. */
static sluice_status check_memory(const sluice_pipeline *pipeline, int r) {
    const int ordinal = pipeline->ordinals[r];
    size_t needed = 0, available = 0, reserve = 0;
    int last = r - 1;
    if (r > 0 && pipeline->ordinals[r - 1] == ordinal) return SLUICE_OK;
    for (int q = r; q < pipeline->ranks && pipeline->ordinals[q] == ordinal; last = q++)
        needed += sluice_plan_arena(pipeline->plan, q);
    if (pipeline->ops->memory(&available, &reserve, ordinal, last - r + 1) != SLUICE_OK)
        return about_device(pipeline, ordinal);
    for (int q = r; q <= last; q++) reserve += sluice__transport_reserve(pipeline, q);
    if (available == SIZE_MAX || needed + reserve <= available) return SLUICE_OK;
    char arenas[32], kept[32], left[32];
    const sluice_status status =
        sluice__fail(SLUICE_E_DEVICE_MEMORY,
                     "ranks %d to %d on %s:%d need %s and a reserve of %s, and it has %s available",
                     r, last, pipeline->ops->name, ordinal, sluice__bytes_text(arenas, needed),
                     sluice__bytes_text(kept, reserve), sluice__bytes_text(left, available));
    return sluice__hint(status, "use more micro-batches, recompute, fewer ranks per device or more "
                                "devices");
}

/* A transport with one queue per rank needs a device for each rank. */
static sluice_status check_alone(const sluice_pipeline *pipeline, int r) {
    const int ordinal = pipeline->ordinals[r];
    if (!pipeline->transport_ops->one_queue || r == 0 || pipeline->ordinals[r - 1] != ordinal)
        return SLUICE_OK;
    sluice__fail(SLUICE_E_ARGUMENT,
                 "ranks %d and %d share %s:%d, and transport %s takes one rank per device", r - 1,
                 r, pipeline->ops->name, ordinal, pipeline->transport_ops->name);
    return sluice__hint(SLUICE_E_ARGUMENT, "use --transport local, or a device for each rank");
}

sluice_status sluice__choose_ordinals(sluice_pipeline *pipeline) {
    const int ranks = pipeline->all_ranks, wanted = pipeline->options.ranks_per_device;
    chosen devices = {{0}, 0};
    int there      = 0;
    SLUICE__TRY(pipeline->ops->count(&there));
    for (int r = 0; r < pipeline->ranks; r++) pipeline->ordinals[r] = pipeline->first_rank + r;
    if (there == 0) return SLUICE_OK;
    SLUICE__TRY(choose(&devices, pipeline->ops->name, pipeline->options.device, there));
    assert(devices.count > 0);
    const int each = wanted > 0 ? wanted : (ranks + devices.count - 1) / devices.count;
    assert(each > 0); /* there is a rank */
    if ((ranks + each - 1) / each > devices.count)
        return sluice__fail(
            SLUICE_E_ARGUMENT,
            "%d ranks, %d on a device, need %d devices of kind %s, and there are %d", ranks, each,
            (ranks + each - 1) / each, pipeline->ops->name, devices.count);
    for (int r = 0; r < pipeline->ranks; r++)
        pipeline->ordinals[r] = devices.ordinals[(pipeline->first_rank + r) / each];
    for (int r = 0; r < pipeline->ranks; r++) SLUICE__TRY(check_alone(pipeline, r));
    for (int r = 0; r < pipeline->ranks; r++) SLUICE__TRY(check_memory(pipeline, r));
    return SLUICE_OK;
}
