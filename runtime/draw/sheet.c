/* SPDX-License-Identifier: MIT */
/* sheet.c -- output that stops at the first failure, and escapes for XML and JSON. */
#include "runtime/draw/sheet.h"

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/alloc.h"

enum { ENOUGH = 1 << 16 }; /* bytes, after which `take` gets them */

static void give(sluice__sheet *sheet) {
    if (sheet->status != SLUICE_OK || sheet->text.length == 0) return;
    sheet->status      = sheet->take(sheet->context, sheet->text.bytes, sheet->text.length);
    sheet->text.length = 0;
}

void sluice__put(sluice__sheet *sheet, const char *format, ...) {
    if (sheet->status != SLUICE_OK) return;
    va_list arguments;
    va_start(arguments, format);
    sheet->status = sluice__text_add_list(&sheet->text, format, arguments);
    va_end(arguments);
    if (sheet->take && sheet->text.length >= ENOUGH) give(sheet);
}

sluice_status sluice__sheet_take(char **out, sluice__sheet *sheet) {
    const sluice_status status = sluice__text_take(out, &sheet->text, sheet->status);
    *sheet                     = (sluice__sheet){0};
    return status;
}

sluice_status sluice__sheet_end(sluice__sheet *sheet) {
    give(sheet);
    const sluice_status status = sheet->status;
    sluice__free(sheet->text.bytes);
    *sheet = (sluice__sheet){0};
    return status;
}

/* ---- escapes ---- */

enum { REPLACEMENT = 0xFFFD };

/* The code point at `bytes` and its length in bytes; REPLACEMENT and 1 where there is none.
 */
static uint32_t decode(const unsigned char *bytes, int *length) {
    static const uint32_t min_code[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char first        = bytes[0];
    const int length_here            = first < 0x80             ? 1
                                       : (first & 0xE0) == 0xC0 ? 2
                                       : (first & 0xF0) == 0xE0 ? 3
                                       : (first & 0xF8) == 0xF0 ? 4
                                                                : 0;
    *length                          = 1;
    if (length_here <= 1) return length_here == 1 ? first : REPLACEMENT;
    uint32_t code = first & (0x7FU >> length_here);
    for (int n = 1; n < length_here; n++) { /* the final zero is not a continuation either */
        if ((bytes[n] & 0xC0) != 0x80) return REPLACEMENT;
        code = code << 6 | (bytes[n] & 0x3FU);
    }
    if (code < min_code[length_here] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return REPLACEMENT;
    *length = length_here;
    return code;
}

typedef void put_special(sluice__sheet *sheet, uint32_t code);

/* Characters for which `is_special` go through `special`, the rest unchanged. */
static void put_escaped(sluice__sheet *sheet, const char *text, bool (*is_special)(uint32_t code),
                        put_special *special) {
    const unsigned char *at = (const unsigned char *)text;
    for (int length; *at; at += length) {
        const uint32_t code = decode(at, &length);
        if (is_special(code))
            special(sheet, code);
        else
            sluice__put(sheet, "%.*s", length, (const char *)at);
    }
}

static bool is_special_in_xml(uint32_t code) {
    return code < 0x20 || code == '&' || code == '<' || code == '>' || code == '"' ||
           code == REPLACEMENT || code == 0xFFFE || code == 0xFFFF;
}

static void put_special_xml(sluice__sheet *sheet, uint32_t code) {
    const bool is_character = code == '\t' || code == '\n' || code == '\r' ||
                              (code >= 0x20 && code != 0xFFFE && code != 0xFFFF);
    sluice__put(sheet, "&#%u;", is_character ? (unsigned)code : (unsigned)REPLACEMENT);
}

void sluice__put_xml(sluice__sheet *sheet, const char *bytes) {
    put_escaped(sheet, bytes, is_special_in_xml, put_special_xml);
}

static bool is_special_in_json(uint32_t code) {
    return code < 0x20 || code == '"' || code == '\\' || code == REPLACEMENT;
}

static void put_special_json(sluice__sheet *sheet, uint32_t code) {
    sluice__put(sheet, "\\u%04x", (unsigned)code);
}

void sluice__put_json(sluice__sheet *sheet, const char *bytes) {
    put_escaped(sheet, bytes, is_special_in_json, put_special_json);
}
