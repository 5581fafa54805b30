/* SPDX-License-Identifier: MIT */
/* alloc.c -- the one place that allocates and frees host memory. */
#include "runtime/base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"

/* The block's size is stored in front of it, in 16 bytes so that the block keeps malloc's
 * alignment.
 */
enum { HEADER = 16 };

static void *default_resize(void *context, void *block, size_t old_bytes, size_t new_bytes) {
    (void)context;
    (void)old_bytes;
    if (new_bytes == 0) {
        free(block); /* realloc(p, 0) means different things to different libcs */
        return NULL;
    }
    return realloc(block, new_bytes);
}

static const sluice_allocator default_allocator = {default_resize, NULL};
static sluice_allocator allocator               = {default_resize, NULL};

void sluice_allocator_set(const sluice_allocator *replacement) {
    allocator = replacement ? *replacement : default_allocator;
}

static size_t size_of(const void *block) {
    size_t bytes = 0;
    memcpy(&bytes, (const char *)block - HEADER, sizeof bytes);
    return bytes;
}

sluice_status sluice__grow(void *block, size_t count, size_t size) {
    void *old = NULL;
    memcpy(&old, block, sizeof old);
    if (size != 0 && count > (SIZE_MAX - HEADER) / size)
        return sluice__fail(SLUICE_E_HOST_MEMORY, "%zu elements of %zu bytes overflow a size",
                            count, size);
    const size_t bytes     = count * size > 0 ? count * size : 1;
    const size_t old_bytes = old ? size_of(old) : 0;
    char *whole            = allocator.resize(allocator.context, old ? (char *)old - HEADER : NULL,
                                   old ? old_bytes + HEADER : 0, bytes + HEADER);
    if (!whole)
        return sluice__fail(SLUICE_E_HOST_MEMORY, "out of host memory: %zu bytes requested", bytes);
    memcpy(whole, &bytes, sizeof bytes);
    if (bytes > old_bytes) memset(whole + HEADER + old_bytes, 0, bytes - old_bytes);
    void *const grown = whole + HEADER;
    memcpy(block, &grown, sizeof grown);
    return SLUICE_OK;
}

sluice_status sluice__alloc(void *out, size_t count, size_t size) {
    void *block = NULL;
    SLUICE__TRY(sluice__grow(&block, count, size));
    memcpy(out, &block, sizeof block);
    return SLUICE_OK;
}

sluice_status sluice__reserve(void *block, size_t *capacity, size_t wanted, size_t size) {
    if (wanted <= *capacity) return SLUICE_OK;
    SLUICE__TRY(sluice__grow(block, 2 * wanted, size));
    *capacity = 2 * wanted;
    return SLUICE_OK;
}

void sluice__free(void *block) {
    if (!block) return;
    const size_t bytes = size_of(block);
    (void)allocator.resize(allocator.context, (char *)block - HEADER, bytes + HEADER, 0);
}

sluice_status sluice__copy_text(char **out, const char *text) {
    const size_t bytes = strlen(text) + 1;
    SLUICE__TRY(sluice__alloc(out, bytes, 1));
    memcpy(*out, text, bytes);
    return SLUICE_OK;
}

void sluice_text_free(char *text) {
    sluice__free(text);
}
