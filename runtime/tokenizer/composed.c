/* SPDX-License-Identifier: MIT */
/* composed.c -- texts in Unicode's form NFC, by utf8proc: only the few characters around those that
 * may change are decomposed and composed again. */
#include "runtime/tokenizer/composed.h"

#include <string.h>
#include <utf8proc.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/tokenizer/characters.h"

/* No character from LAST on changes, in Unicode 15. */
enum { CODES = 0x110000, LAST = 0x30000, MAX_DECOMPOSED = 32 };
static const utf8proc_option_t options = (utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_COMPOSE);

/* ---- which code points may change ---- */

static void mark(sluice__composer *in, int32_t code) {
    in->unstable[code / 32] |= UINT32_C(1) << code % 32;
}

static bool is_unstable(const sluice__composer *in, int32_t code) {
    return in->unstable[code / 32] >> code % 32 & 1;
}

/* What a code point alone becomes; 0 if utf8proc does not take it. */
static size_t decompose(int32_t *to, int32_t code) {
    int boundary = 0;
    const utf8proc_ssize_t count =
        utf8proc_decompose_char(code, to, MAX_DECOMPOSED, options, &boundary);
    return count > 0 && count <= MAX_DECOMPOSED ? (size_t)count : 0;
}

/* Marks that came with Unicode 10 to 15. The `tokenizers` library composes by Unicode 9, to which
 * they are nothing, and what models were trained on is what it made. */
static const int32_t newer_marks[][2] = {
    {0x07FD, 0x07FD},   {0x0898, 0x089F},   {0x08CA, 0x08D3},   {0x09FE, 0x09FE},
    {0x0C3C, 0x0C3C},   {0x0D3B, 0x0D3C},   {0x0EBA, 0x0EBA},   {0x1715, 0x1715},
    {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFA},   {0xA82C, 0xA82C},   {0x10D24, 0x10D27},
    {0x10EAB, 0x10EAC}, {0x10EFD, 0x10EFF}, {0x10F46, 0x10F50}, {0x10F82, 0x10F85},
    {0x11070, 0x11070}, {0x1133B, 0x1133B}, {0x1145E, 0x1145E}, {0x11839, 0x1183A},
    {0x11930, 0x11930}, {0x1193D, 0x1193E}, {0x11943, 0x11943}, {0x119E0, 0x119E0},
    {0x11A34, 0x11A34}, {0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D42},
    {0x11D44, 0x11D45}, {0x11D97, 0x11D97}, {0x11F41, 0x11F42}, {0x16FF0, 0x16FF1},
    {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF},
    {0x1E4EC, 0x1E4EF}};

static void pass_over_newer(sluice__composer *in) {
    for (size_t k = 0; k < sizeof newer_marks / sizeof *newer_marks; k++)
        for (int32_t code = newer_marks[k][0]; code <= newer_marks[k][1]; code++)
            in->unstable[code / 32] &= ~(UINT32_C(1) << code % 32);
}

/* What it becomes alone, and what may compose with one before it. */
static void mark_parts(sluice__composer *in, int32_t code) {
    int32_t parts[MAX_DECOMPOSED];
    const size_t count = decompose(parts, code);
    for (size_t k = 1; k < count; k++) mark(in, parts[k]);
    if (utf8proc_get_property(code)->combining_class != 0) mark(in, code);
    if (count == 1 && parts[0] == code) return;
    if (utf8proc_normalize_utf32(parts, (utf8proc_ssize_t)count, options) != 1 || parts[0] != code)
        mark(in, code);
}

sluice_status sluice__composer_make(sluice__composer *out) {
    sluice__composer made = {0};
    SLUICE__TRY(sluice__alloc(&made.unstable, CODES / 32, sizeof *made.unstable));
    for (int32_t code = 0; code < LAST; code++)
        if (code < 0xD800 || code > 0xDFFF) mark_parts(&made, code);
    pass_over_newer(&made);
    *out = made;
    return SLUICE_OK;
}

void sluice__composer_free(sluice__composer *composer) {
    sluice__free(composer->unstable);
}

/* ---- looking ---- */

/* The first unstable character from `at`; `bytes` if there is none. */
static size_t find_unstable(const sluice__composer *in, const char *text, size_t bytes, size_t at) {
    while (at < bytes) {
        uint64_t eight;
        while (bytes - at >= sizeof eight) {
            memcpy(&eight, text + at, sizeof eight);
            if (eight & UINT64_C(0x8080808080808080)) break;
            at += sizeof eight;
        }
        if (at == bytes || is_unstable(in, sluice__utf8_code(text + at))) break;
        at += sluice__utf8_length(text + at, bytes - at);
    }
    return at;
}

static size_t find_stable(const sluice__composer *in, const char *text, size_t bytes, size_t at) {
    while (at < bytes && is_unstable(in, sluice__utf8_code(text + at)))
        at += sluice__utf8_length(text + at, bytes - at);
    return at;
}

bool sluice__is_composed(const sluice__composer *composer, const char *text, size_t bytes) {
    return find_unstable(composer, text, bytes, 0) == bytes;
}

size_t sluice__composed_bytes(const sluice__composer *composer, const char *text, size_t bytes) {
    size_t at = bytes;
    while (at > 0) {
        at = sluice__utf8_before(text, at);
        if (!is_unstable(composer, sluice__utf8_code(text + at))) break;
    }
    return at;
}

/* ---- composing ---- */

void sluice__composed_free(sluice__composed *composed) {
    sluice__free(composed->text);
    sluice__free(composed->parts);
    sluice__free(composed->codes);
}

static sluice_status add_bytes(sluice__composed *to, const char *text, size_t bytes) {
    SLUICE__TRY(sluice__reserve(&to->text, &to->space, to->bytes + bytes, 1));
    if (bytes > 0) memcpy(to->text + to->bytes, text, bytes);
    to->bytes += bytes;
    return SLUICE_OK;
}

static int class_of(const sluice__composer *by, int32_t code) {
    return is_unstable(by, code) ? utf8proc_get_property(code)->combining_class : 0;
}

/* Marks in the order of their classes, those of one class as they are: they are counted, so that a
 * long run is no slower. `from` and `to` have `count` elements. */
static void order_run(const sluice__composer *by, int32_t *to, const int32_t *from, size_t count) {
    size_t begins[257] = {0};
    for (size_t k = 0; k < count; k++) begins[class_of(by, from[k]) + 1]++;
    for (int c = 0; c < 256; c++) begins[c + 1] += begins[c];
    for (size_t k = 0; k < count; k++) to[begins[class_of(by, from[k])]++] = from[k];
}

/* `codes` has space for twice as many. */
static void order(const sluice__composer *by, int32_t *codes, size_t count) {
    for (size_t at = 0; at < count;) {
        size_t end = at;
        while (end < count && class_of(by, codes[end]) != 0) end++;
        if (end - at > 1) {
            order_run(by, codes + count, codes + at, end - at);
            memcpy(codes + at, codes + count, (end - at) * sizeof *codes);
        }
        at = end + 1;
    }
}

static sluice_status decompose_all(sluice__composed *to, size_t *count, const char *text,
                                   size_t bytes) {
    *count = 0;
    for (size_t at = 0; at < bytes; at += sluice__utf8_length(text + at, bytes - at)) {
        const int32_t code = sluice__utf8_code(text + at);
        SLUICE__TRY(
            sluice__reserve(&to->codes, &to->code_space, *count + MAX_DECOMPOSED, sizeof(int32_t)));
        const size_t added = decompose(to->codes + *count, code);
        if (added == 0) to->codes[*count] = code;
        *count += added > 0 ? added : 1;
    }
    return sluice__reserve(&to->codes, &to->code_space, 2 * *count, sizeof(int32_t));
}

static sluice_status add_codes(sluice__composed *to, size_t count) {
    for (size_t k = 0; k < count; k++) {
        unsigned char bytes[4];
        const utf8proc_ssize_t length = utf8proc_encode_char(to->codes[k], bytes);
        SLUICE__TRY(add_bytes(to, (const char *)bytes, (size_t)length));
    }
    return SLUICE_OK;
}

/* The part from `begin` to `end` of the text, which begins with a stable character or the text. */
static sluice_status add_part(sluice__composed *to, const sluice__composer *by, const char *text,
                              size_t begin, size_t end) {
    size_t count       = 0;
    const size_t where = to->bytes;
    SLUICE__TRY(decompose_all(to, &count, text + begin, end - begin));
    order(by, to->codes, count);
    const utf8proc_ssize_t left =
        utf8proc_normalize_utf32(to->codes, (utf8proc_ssize_t)count, options);
    SLUICE__TRY(add_codes(to, (size_t)left));
    SLUICE__TRY(
        sluice__reserve(&to->parts, &to->part_space, to->part_count + 1, sizeof *to->parts));
    to->parts[to->part_count++] = (sluice__composed_part){where, to->bytes, begin, end};
    return SLUICE_OK;
}

sluice_status sluice__compose(sluice__composed *to, const sluice__composer *composer,
                              const char *text, size_t bytes) {
    size_t done = 0;
    to->bytes = to->part_count = 0;
    for (;;) {
        const size_t found = find_unstable(composer, text, bytes, done);
        if (found == bytes) return add_bytes(to, text + done, bytes - done);
        const size_t begin = found > done ? sluice__utf8_before(text, found) : found;
        const size_t end   = find_stable(composer, text, bytes, found);
        SLUICE__TRY(add_bytes(to, text + done, begin - done));
        SLUICE__TRY(add_part(to, composer, text, begin, end));
        done = end;
    }
}

bool sluice__composed_was(size_t *out, const sluice__composed *in, size_t at) {
    size_t low = 0, high = in->part_count; /* the parts that begin before `at` */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (in->parts[middle].begin < at)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0) {
        *out = at;
        return true;
    }
    const sluice__composed_part *const part = &in->parts[low - 1];
    *out                                    = part->old_end + (at - part->end);
    return at >= part->end;
}
