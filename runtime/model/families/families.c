/* SPDX-License-Identifier: MIT */
/* families.c -- the table of model families, and how a name or a file selects one. */
#include "runtime/model/families/families.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/text.h"

enum { NAMES = 400 };

/* A config.json without a model_type belongs to the first. */
static const sluice_family *const families[] = {
    &sluice__family_gpt2.about,  &sluice__family_llama.about, &sluice__family_mistral.about,
    &sluice__family_qwen2.about, &sluice__family_qwen3.about, NULL};

const sluice_family *const *sluice_families(void) {
    return families;
}

static const sluice__family *family_of(const sluice_model_config *config) {
    return (const sluice__family *)(const void *)config->family;
}

/* ---- presets ---- */

sluice_status sluice__refuse_preset(const char *name, const sluice_family *const *among) {
    char names[NAMES] = "";
    for (; *among; among++)
        for (const char *const *preset = (*among)->presets; *preset; preset++)
            sluice__add_name(names, sizeof names, ", ", *preset);
    const sluice_status status =
        sluice__fail(SLUICE_E_ARGUMENT, "no model preset is called '%s'", name);
    return sluice__hint(status, "choose one of %s", names);
}

sluice_status sluice_model_config_preset(sluice_model_config *out, const char *name,
                                         int64_t vocabulary) {
    for (const sluice_family *const *family = families; *family; family++) {
        if (!sluice__is_listed(name, (*family)->presets)) continue;
        sluice_model_config config = {.family = *family};
        SLUICE__TRY(family_of(&config)->preset(&config, name, vocabulary));
        *out = config;
        return SLUICE_OK;
    }
    return sluice__refuse_preset(name, families);
}

/* ---- files ---- */

static sluice_status refuse_type(const sluice__config_file *file) {
    char names[NAMES] = "";
    for (const sluice_family *const *family = families; *family; family++) {
        char quoted[64];
        (void)snprintf(quoted, sizeof quoted, "\"%s\"", (*family)->name);
        sluice__add_name(names, sizeof names, " or ", quoted);
    }
    return sluice__config_unsupported(file, "model_type", names);
}

static sluice_status find_by_type(const sluice_family **out, const sluice__config_file *file) {
    *out = families[0];
    if (!sluice__config_has(file, "model_type")) return SLUICE_OK;
    for (const sluice_family *const *family = families; *family; family++) {
        char literal[64];
        (void)snprintf(literal, sizeof literal, "\"%s\"", (*family)->name);
        *out = *family;
        if (sluice__config_is(file, "model_type", literal)) return SLUICE_OK;
    }
    return refuse_type(file);
}

sluice_status sluice_model_config_read(sluice_model_config *out, const char *path) {
    sluice__config_file file;
    sluice_model_config config = {0};
    SLUICE__TRY(sluice__config_open(&file, path));
    sluice_status status = find_by_type(&config.family, &file);
    if (status == SLUICE_OK) status = family_of(&config)->read(&config, &file);
    sluice__config_close(&file);
    if (status == SLUICE_OK) *out = config;
    return status;
}

sluice_status sluice_model_config_write(const char *path, const sluice_model_config *config) {
    sluice__config_file file;
    sluice__config_create(&file, path);
    family_of(config)->write(&file, config);
    const sluice_status status = sluice__config_save(&file);
    sluice__config_close(&file);
    return status;
}

/* ---- what a family derives from a configuration ---- */

sluice_model_numbers sluice_model_config_numbers(const sluice_model_config *config) {
    return family_of(config)->numbers(config);
}

void sluice_model_config_summary(char *out, size_t bytes, const sluice_model_config *config) {
    family_of(config)->summary(out, bytes, config);
}

void sluice_model_config_details(char *out, size_t bytes, const sluice_model_config *config) {
    if (bytes > 0) out[0] = '\0';
    if (family_of(config)->details) family_of(config)->details(out, bytes, config);
}

sluice_status sluice_model_from_config(sluice_model **out, const sluice_model_config *config,
                                       int64_t length) {
    return family_of(config)->model(out, config, length);
}

sluice_status sluice_model_for_generation(sluice_model **out, const sluice_model_config *config,
                                          int64_t capacity) {
    const sluice__family *const family = family_of(config);
    if (!family->generation)
        return sluice__fail(SLUICE_E_UNSUPPORTED, "models of the family %s do not generate",
                            config->family->name);
    return family->generation(out, config, capacity);
}

sluice_status sluice__add_head(sluice_model *model, const sluice_classifier_config *config,
                               bool generates) {
    static const char name[]          = "lm_head";
    const sluice_logits_config logits = {config->width, config->classes, config->scale};
    return generates ? sluice_model_add(model, sluice_layer_logits(), &logits, name)
                     : sluice_model_add(model, sluice_layer_classifier(), config, name);
}
