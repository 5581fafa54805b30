/* SPDX-License-Identifier: MIT */
/* text.c -- the one place that builds texts of unknown length. */
#include "runtime/base/text.h"

#include <stdarg.h>
#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

sluice_status sluice__text_add(sluice__text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) return sluice__fail(SLUICE_E_ARGUMENT, "a text cannot be formatted");
    const size_t needed = text->length + (size_t)length + 1;
    if (needed > text->capacity) {
        const size_t capacity = needed > 2 * text->capacity ? needed : 2 * text->capacity;
        SLUICE__TRY(sluice__grow(&text->bytes, capacity, 1));
        text->capacity = capacity;
    }
    va_start(arguments, format);
    (void)vsnprintf(text->bytes + text->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    text->length += (size_t)length;
    return SLUICE_OK;
}

const char *sluice__bytes_text(char out[32], size_t bytes) {
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double number                    = (double)bytes;
    size_t unit                      = 0;
    for (; number >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++) number /= 1024;
    (void)snprintf(out, 32, unit ? "%.2f %s" : "%.0f %s", number, units[unit]);
    return out;
}
