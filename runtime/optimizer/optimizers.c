/* SPDX-License-Identifier: MIT */
/* optimizers.c -- the list of optimizers, and what all kinds share: options by name, checks. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/optimizer/kinds.h"

/* ---- the list ---- */

#define X(name) &sluice__optimizer_##name,
static const sluice_optimizer_kind *const optimizers[] = {SLUICE__OPTIMIZER_MAP(X) NULL};
#undef X

#define X(name)                                                                                    \
    const sluice_optimizer_kind *sluice_optimizer_##name(void) {                                   \
        return &sluice__optimizer_##name;                                                          \
    }
SLUICE__OPTIMIZER_MAP(X)
#undef X

const sluice_optimizer_kind *const *sluice_optimizers(void) {
    return optimizers;
}

sluice_status sluice_optimizer_find(const sluice_optimizer_kind **out, const char *name) {
    char names[160] = "";
    for (size_t k = 0; optimizers[k]; k++) {
        if (strcmp(optimizers[k]->name, name) == 0) {
            *out = optimizers[k];
            return SLUICE_OK;
        }
        sluice__add_name(names, sizeof names, ", ", optimizers[k]->name);
    }
    const sluice_status status =
        sluice__fail(SLUICE_E_ARGUMENT, "no optimizer is called '%s'", name);
    return sluice__hint(status, "choose one of: %s", names);
}

/* ---- options ---- */

sluice_status sluice_optimizer_set(void *config, const sluice_optimizer_kind *kind,
                                   const char *name, double value) {
    char names[160] = "";
    for (const sluice_optimizer_option *option = kind->options; option->name; option++) {
        if (strcmp(option->name, name) == 0) {
            SLUICE__TRY(sluice__check_number(option->name, value, option->min, option->max));
            memcpy((char *)config + option->offset, &value, sizeof value);
            return SLUICE_OK;
        }
        sluice__add_name(names, sizeof names, ", ", option->name);
    }
    const sluice_status status =
        sluice__fail(SLUICE_E_ARGUMENT, "optimizer '%s' has no option '%s'", kind->name, name);
    return sluice__hint(status, "it has: %s", names[0] ? names : "none");
}

/* ---- checks ---- */

static sluice_status check_states(const sluice_optimizer_kind *kind, const void *config) {
    const int count = kind->state_count(config);
    if (count < 0 || count > SLUICE_UPDATE_STATES)
        return sluice__fail(
            SLUICE_E_ARGUMENT,
            "optimizer '%s' keeps %d tensors for every parameter; there can be 0 to "
            "%d",
            kind->name, count, SLUICE_UPDATE_STATES);
    for (int k = 0; k < count; k++)
        if (!kind->states[k].name || kind->states[k].type != SLUICE_TYPE_F32)
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "state %d of optimizer '%s' must have a name and be float32", k,
                                kind->name);
    return SLUICE_OK;
}

sluice_status sluice_optimizer_check(const sluice_optimizer_kind *kind, const void *config) {
    if (kind->size != sizeof *kind) {
        sluice__fail(SLUICE_E_ARGUMENT, "an optimizer kind has a size of %zu bytes, not %zu",
                     kind->size, sizeof *kind);
        return sluice__hint(SLUICE_E_ARGUMENT, "set .size to sizeof(sluice_optimizer_kind)");
    }
    for (const sluice_optimizer_option *option = kind->options; option->name; option++) {
        double value;
        memcpy(&value, (const char *)config + option->offset, sizeof value);
        SLUICE__TRY(sluice__check_number(option->name, value, option->min, option->max));
    }
    return check_states(kind, config);
}
