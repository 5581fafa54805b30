/* SPDX-License-Identifier: MIT */
/* text.c */
#include "runtime/base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

sluice_status sluice__text_add_list(sluice__text *text, const char *format, va_list arguments) {
    const size_t available = text->capacity - text->length;
    char *const end        = text->bytes ? text->bytes + text->length : NULL;
    va_list again;
    va_copy(again, arguments);
    const int length     = vsnprintf(end, available, format, arguments);
    sluice_status status = SLUICE_OK;
    if (length < 0) {
        status = sluice__fail(SLUICE_E_ARGUMENT, "a text cannot be formatted");
    } else if ((size_t)length >= available) { /* it did not fit: grow, and once more */
        const size_t needed   = text->length + (size_t)length + 1;
        const size_t capacity = needed > 2 * text->capacity ? needed : 2 * text->capacity;
        if (end) *end = '\0';
        status = sluice__grow(&text->bytes, capacity, 1);
        if (status == SLUICE_OK) {
            text->capacity = capacity;
            (void)vsnprintf(text->bytes + text->length, (size_t)length + 1, format, again);
        }
    }
    va_end(again);
    if (status == SLUICE_OK) text->length += (size_t)length;
    return status;
}

sluice_status sluice__text_add(sluice__text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const sluice_status status = sluice__text_add_list(text, format, arguments);
    va_end(arguments);
    return status;
}

sluice_status sluice__text_take(char **out, sluice__text *text, sluice_status status) {
    if (status == SLUICE_OK)
        *out = text->bytes;
    else
        sluice__free(text->bytes);
    *text = (sluice__text){0};
    return status;
}

sluice__number sluice__fixed(double value, int decimals) {
    sluice__number number;
    double scale = 1;
    for (int p = 0; p < decimals; p++) scale *= 10;
    if (!(fabs(value) * scale < 1e15)) { /* too large for exact decimals */
        (void)snprintf(number.text, sizeof number.text, "%.0e", value);
        return number;
    }
    const long long units = llround(fabs(value) * scale), one = (long long)scale;
    int length = snprintf(number.text, sizeof number.text, "%s%lld", value < 0 && units ? "-" : "",
                          units / one);
    if (units % one == 0) return number;
    length += snprintf(number.text + length, sizeof number.text - (size_t)length, ".%0*lld",
                       decimals, units % one);
    while (number.text[length - 1] == '0') number.text[--length] = '\0';
    return number;
}

bool sluice__is_listed(const char *name, const char *const *list) {
    for (; *list; list++)
        if (strcmp(*list, name) == 0) return true;
    return false;
}

void sluice__add_name(char *names, size_t bytes, const char *separator, const char *name) {
    const size_t used = strlen(names);
    (void)snprintf(names + used, bytes - used, "%s%s", used > 0 ? separator : "", name);
}

const char *sluice__bytes_text(char out[32], size_t bytes) {
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double number                    = (double)bytes;
    size_t unit                      = 0;
    for (; number >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++) number /= 1024;
    (void)snprintf(out, 32, unit ? "%.2f %s" : "%.0f %s", number, units[unit]);
    return out;
}
