/* SPDX-License-Identifier: MIT */
/* splitter.c -- cutting a text by a pattern, by PCRE2. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "runtime/tokenizer/splitter.h"

#include <pcre2.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/tokenizer/pattern.h"

/* ---- PCRE2's memory is ours ---- */

static void *allocate(size_t bytes, void *none) {
    void *block = NULL;
    (void)none;
    return sluice__alloc(&block, bytes, 1) == SLUICE_OK ? block : NULL;
}

static void release(void *block, void *none) {
    (void)none;
    sluice__free(block);
}

static sluice_status no_memory(void) {
    return sluice__fail(SLUICE_E_HOST_MEMORY, "out of host memory for the pattern of a tokenizer");
}

/* ---- patterns ---- */

enum { OPTIONS = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, UNICODE = PCRE2_UCP };

static sluice_status compile_in(pcre2_code **out, const char *expression, bool is_literal,
                                pcre2_compile_context *in) {
    int error              = 0;
    PCRE2_SIZE offset      = 0;
    const uint32_t options = is_literal ? PCRE2_UTF | PCRE2_LITERAL : (uint32_t)OPTIONS | UNICODE;
    char why[128]          = "";
    pcre2_set_newline(in, PCRE2_NEWLINE_LF);
    *out =
        pcre2_compile((PCRE2_SPTR)expression, PCRE2_ZERO_TERMINATED, options, &error, &offset, in);
    if (*out) return SLUICE_OK;
    if (error == PCRE2_ERROR_HEAP_FAILED) return no_memory();
    (void)pcre2_get_error_message(error, (PCRE2_UCHAR *)why, sizeof why);
    return sluice__fail(SLUICE_E_PARSE, "the regular expression '%.200s' is wrong: %s", expression,
                        why);
}

static sluice_status compile(pcre2_code **out, const char *expression, bool is_literal) {
    pcre2_general_context *const memory = pcre2_general_context_create(allocate, release, NULL);
    pcre2_compile_context *const in     = memory ? pcre2_compile_context_create(memory) : NULL;
    const sluice_status status = in ? compile_in(out, expression, is_literal, in) : no_memory();
    pcre2_compile_context_free(in);
    pcre2_general_context_free(memory);
    return status;
}

static sluice_status check(sluice__splitter *out, const char *pattern) {
    uint32_t matches_empty = 0, back = 0;
    (void)pcre2_pattern_info(out->code, PCRE2_INFO_MATCHEMPTY, &matches_empty);
    (void)pcre2_pattern_info(out->code, PCRE2_INFO_MAXLOOKBEHIND, &back);
    out->looks_back = back > 0;
    if (!matches_empty) return SLUICE_OK;
    return sluice__fail(SLUICE_E_UNSUPPORTED,
                        "the pattern '%.200s' matches an empty text, so that it cuts nothing",
                        pattern);
}

sluice_status sluice__splitter_make(sluice__splitter *out, const char *pattern, bool is_literal) {
    sluice__splitter made = {0};
    sluice__text text     = {0};
    sluice_status status  = is_literal ? sluice__text_add(&text, "%s", pattern)
                                       : sluice__pattern_translate(&text, pattern);
    if (status == SLUICE_OK) status = compile(&made.code, text.bytes ? text.bytes : "", is_literal);
    if (status == SLUICE_OK) status = check(&made, pattern);
    sluice__free(text.bytes);
    if (status != SLUICE_OK) {
        sluice__splitter_free(&made);
        return status;
    }
    made.is_compiled =
        pcre2_jit_compile(made.code, PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD) == 0;
    made.ends_words = !is_literal && sluice__pattern_ends_words(pattern);
    made.is_digits  = !is_literal && sluice__pattern_is_digits(pattern);
    *out            = made;
    return SLUICE_OK;
}

void sluice__splitter_free(sluice__splitter *splitter) {
    pcre2_code_free(splitter->code);
}

/* ---- matches ---- */

enum { STACK_BYTES = 32 << 10, MAX_STACK_BYTES = 4 << 20 };

sluice_status sluice__matcher_make(sluice__matcher *out) {
    pcre2_general_context *const memory = pcre2_general_context_create(allocate, release, NULL);
    sluice__matcher made                = {0};
    if (!memory) return no_memory();
    made.data    = pcre2_match_data_create(1, memory);
    made.context = pcre2_match_context_create(memory);
    made.stack   = pcre2_jit_stack_create(STACK_BYTES, MAX_STACK_BYTES, memory);
    pcre2_general_context_free(memory);
    if (!made.data || !made.context || !made.stack) {
        sluice__matcher_free(&made);
        return no_memory();
    }
    pcre2_jit_stack_assign(made.context, NULL, made.stack);
    *out = made;
    return SLUICE_OK;
}

void sluice__matcher_free(sluice__matcher *matcher) {
    pcre2_match_data_free(matcher->data);
    pcre2_match_context_free(matcher->context);
    pcre2_jit_stack_free(matcher->stack);
}

void sluice__matcher_allow(const sluice__matcher *matcher, size_t bytes) {
    enum { STEPS = 10000000, STEPS_PER_BYTE = 8 };
    const size_t limit = bytes < UINT32_MAX / 16 ? STEPS + STEPS_PER_BYTE * bytes : UINT32_MAX / 2;
    (void)pcre2_set_match_limit(matcher->context, (uint32_t)limit);
}

static sluice_status too_hard(int error, size_t from) {
    char why[128] = "";
    (void)pcre2_get_error_message(error, (PCRE2_UCHAR *)why, sizeof why);
    return sluice__fail(error == PCRE2_ERROR_NOMEMORY ? SLUICE_E_HOST_MEMORY : SLUICE_E_UNSUPPORTED,
                        "the tokenizer's pattern cannot be matched at byte %zu of a text: %s", from,
                        why);
}

sluice_status sluice__splitter_next(sluice__split_match *out, const sluice__splitter *splitter,
                                    const sluice__matcher *matcher, const char *text, size_t bytes,
                                    size_t from, bool is_unfinished) {
    const uint32_t options       = PCRE2_NO_UTF_CHECK | (is_unfinished ? PCRE2_PARTIAL_HARD : 0);
    const int found              = splitter->is_compiled
                                       ? pcre2_jit_match(splitter->code, (PCRE2_SPTR)text, bytes, from, options,
                                                         matcher->data, matcher->context)
                                       : pcre2_match(splitter->code, (PCRE2_SPTR)text, bytes, from, options,
                                                     matcher->data, matcher->context);
    const PCRE2_SIZE *const ends = pcre2_get_ovector_pointer(matcher->data);
    if (found == PCRE2_ERROR_NOMATCH || found == PCRE2_ERROR_PARTIAL) {
        *out = (sluice__split_match){.is_open = found == PCRE2_ERROR_PARTIAL};
        return SLUICE_OK;
    }
    if (found < 0 || ends[1] <= ends[0] || ends[0] < from) return too_hard(found, from);
    *out = (sluice__split_match){.is_there = true, .begin = ends[0], .end = ends[1]};
    return SLUICE_OK;
}
