/* SPDX-License-Identifier: MIT */
/* layout_text.c -- the one place that reads and writes a split as a layout of Megatron-LM,
 * "Et*3|(tt|)*29,m|L". */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "sluice/partition.h"

enum { MAX_DEPTH = 16 };

static char letter_of(sluice_layout_part part) {
    return "EtmL"[part];
}

static const char *name_of(sluice_layout_part part) {
    static const char *const names[] = {"an embedding", "a block", "a multi-token block", "a loss"};
    return names[part];
}

/* ---- a layout written out: one letter for each part, and the cuts ---- */

typedef struct expansion {
    const char *text;
    size_t bytes, at;
    char *letters;
    int count, max;
} expansion;

static sluice_status expected(const char *what, size_t byte) {
    return sluice__fail(SLUICE_E_PARSE, "layout: expected %s at byte %zu", what, byte);
}

static sluice_status add_letter(expansion *e, char letter) {
    if (e->count == e->max)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "layout: it has more than %d letters and cuts, and the model does not "
                            "have so many parts",
                            e->max);
    e->letters[e->count++] = letter;
    return SLUICE_OK;
}

/* The count after '*', at the current byte; 0: there is none, or it is too large. */
static int read_count(expansion *e) {
    int count = 0;
    while (e->at < e->bytes && e->text[e->at] >= '0' && e->text[e->at] <= '9') {
        count = 10 * count + (e->text[e->at++] - '0');
        if (count > e->max) return 0;
    }
    return count;
}

/* Repeat what was added since `begin`, if a '*' follows. */
static sluice_status repeat(expansion *e, int begin) {
    const int length = e->count - begin;
    if (e->at == e->bytes || e->text[e->at] != '*') return SLUICE_OK;
    const size_t byte = ++e->at;
    const int count   = read_count(e);
    if (count == 0)
        return sluice__fail(SLUICE_E_PARSE, "layout: expected a count from 1 to %d at byte %zu",
                            e->max, byte);
    for (int time = 1; length > 0 && time < count; time++)
        for (int k = 0; k < length; k++) SLUICE__TRY(add_letter(e, e->letters[begin + k]));
    return SLUICE_OK;
}

static bool is_letter(char c) {
    return c == 'E' || c == 't' || c == 'm' || c == 'L' || c == '|';
}

static sluice_status expand(expansion *e) {
    int begins[MAX_DEPTH], depth = 0;
    while (e->at < e->bytes) {
        const char c = e->text[e->at++];
        if (c == ',') continue;
        if (c == '(') {
            if (depth == MAX_DEPTH)
                return sluice__fail(SLUICE_E_PARSE, "layout: more than %d open parentheses",
                                    MAX_DEPTH);
            begins[depth++] = e->count;
            continue;
        }
        if (c == ')' && depth > 0) {
            SLUICE__TRY(repeat(e, begins[--depth]));
            continue;
        }
        if (!is_letter(c)) return expected("E, t, m, L, |, (, ) or *", e->at - 1);
        SLUICE__TRY(add_letter(e, c));
        SLUICE__TRY(repeat(e, e->count - 1));
    }
    return depth > 0 ? expected("')'", e->bytes) : SLUICE_OK;
}

/* ---- from letters to layers ---- */

static int end_of_part(const sluice_layout_layer *layers, int count, int layer) {
    do layer++;
    while (layer < count && !layers[layer].begins);
    return layer;
}

static sluice_status cut(sluice_split *split, int layer) {
    if (layer == split->first[split->stages])
        return sluice__fail(SLUICE_E_ARGUMENT, "layout: stage %d has no part of the model",
                            split->stages);
    if (split->stages == SLUICE_MAX_STAGES)
        return sluice__fail(SLUICE_E_ARGUMENT, "layout: more than %d stages", SLUICE_MAX_STAGES);
    split->first[++split->stages] = layer;
    return SLUICE_OK;
}

static sluice_status match(sluice_split *split, const expansion *e,
                           const sluice_layout_layer *layers, int count) {
    int layer = 0, parts = 0;
    for (int k = 0; k < e->count; k++) {
        if (e->letters[k] == '|') {
            SLUICE__TRY(cut(split, layer));
            continue;
        }
        if (layer == count)
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "layout: part %d is '%c', and the model has %d parts", parts,
                                e->letters[k], parts);
        if (e->letters[k] != letter_of(layers[layer].part))
            return sluice__fail(
                SLUICE_E_ARGUMENT, "layout: part %d is '%c', and the model has %s there ('%c')",
                parts, e->letters[k], name_of(layers[layer].part), letter_of(layers[layer].part));
        layer = end_of_part(layers, count, layer);
        parts++;
    }
    if (layer < count)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "layout: it ends after %d parts, and the model goes on with %s ('%c')",
                            parts, name_of(layers[layer].part), letter_of(layers[layer].part));
    return cut(split, layer);
}

sluice_status sluice_layout_parse(sluice_split *out, const char *text, size_t bytes,
                                  const sluice_layout_layer *layers, int count) {
    expansion e          = {.text = text, .bytes = bytes, .max = 2 * count + 1};
    sluice_split split   = {0};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&e.letters, (size_t)e.max, 1));
    SLUICE__TRY_OUT(expand(&e));
    SLUICE__TRY_OUT(match(&split, &e, layers, count));
    *out = split;
out:
    sluice__free(e.letters);
    return status;
}

enum { MAX_LETTERS = 1 << 18 };

sluice_status sluice_layout_stages(int *out, const char *text, size_t bytes) {
    expansion e          = {.text = text, .bytes = bytes, .max = MAX_LETTERS};
    sluice_status status = SLUICE_OK;
    int stages           = 1;
    SLUICE__TRY_OUT(sluice__alloc(&e.letters, (size_t)e.max, 1));
    SLUICE__TRY_OUT(expand(&e));
    for (int k = 0; k < e.count; k++) stages += e.letters[k] == '|';
    *out = stages;
out:
    sluice__free(e.letters);
    return status;
}

/* ---- from layers to letters ---- */

/* Whether stages a and b have the same parts. */
static bool are_alike(const sluice_split *split, const sluice_layout_layer *layers, int a, int b) {
    const int length = split->first[a + 1] - split->first[a];
    if (split->first[b + 1] - split->first[b] != length) return false;
    for (int k = 0; k < length; k++) {
        const sluice_layout_layer *one   = &layers[split->first[a] + k];
        const sluice_layout_layer *other = &layers[split->first[b] + k];
        if (one->part != other->part || one->begins != other->begins) return false;
    }
    return true;
}

static sluice_status print_stage(sluice__text *text, const sluice_split *split,
                                 const sluice_layout_layer *layers, int stage) {
    int layer = split->first[stage];
    while (layer < split->first[stage + 1]) {
        const sluice_layout_part part = layers[layer].part;
        int times                     = 0;
        while (layer < split->first[stage + 1] && layers[layer].part == part) {
            layer = end_of_part(layers, split->first[stage + 1], layer);
            times++;
        }
        SLUICE__TRY(sluice__text_add(text, "%c", letter_of(part)));
        if (times == 2) SLUICE__TRY(sluice__text_add(text, "%c", letter_of(part)));
        if (times > 2) SLUICE__TRY(sluice__text_add(text, "*%d", times));
    }
    return SLUICE_OK;
}

/* Stages in front of the last, each with its cut; equal ones once. */
static sluice_status print_stages(sluice__text *text, const sluice_split *split,
                                  const sluice_layout_layer *layers) {
    const int last = split->stages - 1;
    for (int s = 0; s < last;) {
        int end = s + 1;
        while (end < last && are_alike(split, layers, s, end)) end++;
        if (end - s > 1) SLUICE__TRY(sluice__text_add(text, "("));
        SLUICE__TRY(print_stage(text, split, layers, s));
        SLUICE__TRY(sluice__text_add(text, "|"));
        if (end - s > 1) SLUICE__TRY(sluice__text_add(text, ")*%d", end - s));
        s = end;
    }
    return print_stage(text, split, layers, last);
}

sluice_status sluice_layout_print(char **out, int *inside, const sluice_split *split,
                                  const sluice_layout_layer *layers, int count) {
    sluice__text text    = {0};
    sluice_status status = SLUICE_OK;
    if (split->first[split->stages] != count)
        return sluice__fail(SLUICE_E_ARGUMENT, "the split has %d layers, the model %d",
                            split->first[split->stages], count);
    for (int s = 1; s < split->stages; s++)
        if (!layers[split->first[s]].begins) {
            *out    = NULL;
            *inside = s;
            return SLUICE_OK;
        }
    SLUICE__TRY_OUT(print_stages(&text, split, layers));
    *out       = text.bytes;
    text.bytes = NULL;
out:
    sluice__free(text.bytes);
    return status;
}
