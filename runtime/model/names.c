/* SPDX-License-Identifier: MIT */
/* names.c -- the one place that makes and looks up names of layers and parameters. */
#include "runtime/model/names.h"

#include <stdint.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"

/* A hash table with linear probing, at most half full. */
enum { FIRST_CAPACITY = 64 };

typedef struct sluice__name {
    const char *name;
    int value;
} name;

/* FNV-1a */
static uint32_t hash(const char *text) {
    uint32_t h = 2166136261U;
    for (; *text; text++) h = (h ^ (uint8_t)*text) * 16777619U;
    return h;
}

/* Where the name is, or would be. */
static name *slot_of(const sluice__names *names, const char *text) {
    const uint32_t mask = (uint32_t)names->capacity - 1;
    uint32_t at         = hash(text) & mask;
    while (names->list[at].name && strcmp(names->list[at].name, text) != 0) at = (at + 1) & mask;
    return &names->list[at];
}

sluice_status sluice__names_reserve(sluice__names *names, int count) {
    sluice__names larger = {.capacity = names->capacity > 0 ? names->capacity : FIRST_CAPACITY,
                            .count    = names->count};
    while (larger.capacity < 2 * (names->count + count)) larger.capacity *= 2;
    if (larger.capacity == names->capacity) return SLUICE_OK;
    SLUICE__TRY(sluice__alloc(&larger.list, (size_t)larger.capacity, sizeof *larger.list));
    for (int k = 0; k < names->capacity; k++)
        if (names->list[k].name) *slot_of(&larger, names->list[k].name) = names->list[k];
    sluice__free(names->list);
    *names = larger;
    return SLUICE_OK;
}

void sluice__names_set(sluice__names *names, const char *text, int value) {
    name *slot = slot_of(names, text);
    names->count += !slot->name;
    *slot = (name){text, value};
}

int sluice__names_find(const sluice__names *names, const char *text) {
    const name *slot = names->capacity > 0 ? slot_of(names, text) : NULL;
    return slot && slot->name ? slot->value : -1;
}

void sluice__names_free(sluice__names *names) {
    sluice__free(names->list);
    *names = (sluice__names){0};
}

sluice_status sluice__parameter_name(char **out, const char *layer_name, const char *parameter) {
    static const char up[] = "../";
    int length             = (int)strlen(layer_name);
    if (strncmp(parameter, up, sizeof up - 1) == 0) {
        const char *const dot = strrchr(layer_name, '.');
        parameter += sizeof up - 1;
        length = dot ? (int)(dot - layer_name) : 0;
    }
    sluice__text text = {0};
    SLUICE__TRY(
        sluice__text_add(&text, "%.*s%s%s", length, layer_name, length > 0 ? "." : "", parameter));
    *out = text.bytes;
    return SLUICE_OK;
}
