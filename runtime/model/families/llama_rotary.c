/* SPDX-License-Identifier: MIT */
/* llama_rotary.c -- rotary positions in a config.json: "rope_theta" with "rope_scaling", or both in
 * "rope_parameters". */
#include <inttypes.h>
#include <stdio.h>

#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/model/families/llama.h"

enum { DEFAULT_BASE = 10000 };

/* The values of "rope_type", or "type" in older files; without one it is "default". */
static const char *const scalings[] = {
    [SLUICE_ROTARY_SCALING_NONE]   = "\"default\"",
    [SLUICE_ROTARY_SCALING_LINEAR] = "\"linear\"",
    [SLUICE_ROTARY_SCALING_LLAMA3] = "\"llama3\"",
};
enum { SCALINGS = sizeof scalings / sizeof *scalings };

static bool is_known(const char *key, const void *unused) {
    static const char *const keys[] = {"rope_type",
                                       "type",
                                       "rope_theta",
                                       "factor",
                                       "low_freq_factor",
                                       "high_freq_factor",
                                       "original_max_position_embeddings",
                                       "partial_rotary_factor",
                                       NULL};
    (void)unused;
    return sluice__is_listed(key, keys);
}

static sluice_status check_keys(const sluice__config_file *inside, const char *key) {
    const char *const other = sluice__config_other(inside, is_known, NULL);
    SLUICE__TRY(sluice__config_expect(inside, "partial_rotary_factor", "1"));
    if (!other) return SLUICE_OK;
    return sluice__fail(SLUICE_E_UNSUPPORTED,
                        "\"%.64s\" in \"%s\" in '%s' is not a known field, and could change the "
                        "arithmetic",
                        other, key, inside->path);
}

static sluice_status read_scaling(sluice_rotary_scaling *out, const sluice__config_file *inside) {
    const char *const key = sluice__config_has(inside, "rope_type") ? "rope_type" : "type";
    *out                  = SLUICE_ROTARY_SCALING_NONE;
    if (!sluice__config_has(inside, key)) return SLUICE_OK;
    for (int k = 0; k < SCALINGS; k++) {
        *out = (sluice_rotary_scaling)k;
        if (sluice__config_is(inside, key, scalings[k])) return SLUICE_OK;
    }
    return sluice__config_unsupported(inside, key, "\"default\", \"linear\" or \"llama3\"");
}

/* A number that the scaling does not go without. */
static sluice_status read_needed(float *out, const sluice__config_file *inside, const char *key) {
    if (sluice__config_has(inside, key)) return sluice__config_float(out, inside, key, 0);
    return sluice__fail(SLUICE_E_PARSE, "the scaling of rotary positions in '%s' has no \"%s\"",
                        inside->path, key);
}

static sluice_status read_llama3(sluice_rotary_frequencies *out, const sluice__config_file *inside,
                                 int64_t positions) {
    SLUICE__TRY(read_needed(&out->low_frequency, inside, "low_freq_factor"));
    SLUICE__TRY(read_needed(&out->high_frequency, inside, "high_freq_factor"));
    if (!(out->low_frequency < out->high_frequency))
        return sluice__fail(SLUICE_E_PARSE,
                            "\"low_freq_factor\" in '%s' is %g, and \"high_freq_factor\" %g; it "
                            "must be larger",
                            inside->path, (double)out->low_frequency, (double)out->high_frequency);
    return sluice__config_count_or(&out->original_positions, inside,
                                   "original_max_position_embeddings", positions);
}

static sluice_status read_object(sluice_rotary_frequencies *out, const sluice__config_file *inside,
                                 const char *key, int64_t positions) {
    SLUICE__TRY(check_keys(inside, key));
    SLUICE__TRY(sluice__config_float(&out->base, inside, "rope_theta", out->base));
    SLUICE__TRY(read_scaling(&out->scaling, inside));
    if (out->scaling == SLUICE_ROTARY_SCALING_NONE) return SLUICE_OK;
    SLUICE__TRY(read_needed(&out->factor, inside, "factor"));
    if (out->scaling == SLUICE_ROTARY_SCALING_LINEAR) return SLUICE_OK;
    return read_llama3(out, inside, positions);
}

sluice_status sluice__read_rotary(sluice__llama *own, const sluice__config_file *file) {
    const bool is_new     = sluice__config_has(file, "rope_parameters");
    const char *const key = is_new ? "rope_parameters" : "rope_scaling";
    sluice__config_file inside;
    own->rotary.base = DEFAULT_BASE;
    if (sluice__config_has(file, "rope_theta"))
        SLUICE__TRY(sluice__config_float(&own->rotary.base, file, "rope_theta", DEFAULT_BASE));
    if (is_new && sluice__config_has(file, "rope_scaling"))
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "'%s' has both \"rope_parameters\" and \"rope_scaling\"", file->path);
    if (!sluice__config_has(file, key)) return SLUICE_OK;
    if (!sluice__config_inside(&inside, file, key))
        return sluice__fail(SLUICE_E_PARSE, "\"%s\" in '%s' is not an object", key, file->path);
    return read_object(&own->rotary, &inside, key, own->positions);
}

static const char *const names[] = {
    [SLUICE_ROTARY_SCALING_LINEAR] = "linear",
    [SLUICE_ROTARY_SCALING_LLAMA3] = "llama3",
};

void sluice__rotary_details(char *out, size_t bytes, const sluice_rotary_frequencies *rotary) {
    char scaling[32] = "", bounds[64] = "";
    if (rotary->scaling != SLUICE_ROTARY_SCALING_NONE)
        (void)snprintf(scaling, sizeof scaling, " (%s, %g", names[rotary->scaling],
                       (double)rotary->factor);
    if (rotary->scaling == SLUICE_ROTARY_SCALING_LLAMA3)
        (void)snprintf(bounds, sizeof bounds, ", %g to %g of %" PRId64,
                       (double)rotary->low_frequency, (double)rotary->high_frequency,
                       rotary->original_positions);
    (void)snprintf(out, bytes, ", rotary base %g%s%s%s", (double)rotary->base, scaling, bounds,
                   scaling[0] ? ")" : "");
}

/* The form that older readers know as well. */
void sluice__write_rotary(sluice__config_file *file, const sluice__llama *own) {
    const sluice_rotary_frequencies *const rotary = &own->rotary;
    sluice__config_file inside;
    sluice__config_set_float(file, "rope_theta", rotary->base);
    if (rotary->scaling == SLUICE_ROTARY_SCALING_NONE) {
        sluice__config_set_null(file, "rope_scaling");
        return;
    }
    sluice__config_create(&inside, file->path);
    sluice__config_set_text(&inside, "rope_type", names[rotary->scaling]);
    sluice__config_set_float(&inside, "factor", rotary->factor);
    if (rotary->scaling == SLUICE_ROTARY_SCALING_LLAMA3) {
        sluice__config_set_float(&inside, "low_freq_factor", rotary->low_frequency);
        sluice__config_set_float(&inside, "high_freq_factor", rotary->high_frequency);
        sluice__config_set_count(&inside, "original_max_position_embeddings",
                                 rotary->original_positions);
    }
    sluice__config_set_object(file, "rope_scaling", &inside);
}
