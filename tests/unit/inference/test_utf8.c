/* SPDX-License-Identifier: MIT */
/* test_utf8.c -- bytes in pieces of any size become the same characters, none of them cut. */
#include <string.h>

#include "tests/support/support.h"

#include "sluice/generation.h"

#define BAD "\xEF\xBF\xBD"

/* Bytes, and what Python's bytes.decode("utf-8", "replace") makes of them. */
static const struct {
    const char *bytes, *text;
} cases[] = {
    {"plain text", "plain text"},
    {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"},
    {"a\x80z", "a" BAD "z"},
    {"\xC3", BAD},
    {"\xC3(", BAD "("},
    {"\xE2\x82", BAD},
    {"\xE2\x82z", BAD "z"},
    {"\xE2\x82\xC3\xA9", BAD "\xC3\xA9"},
    {"\xF0\x9F\x98", BAD},
    {"\xF0\x9F\x98\xF0\x9F\x98\x80", BAD "\xF0\x9F\x98\x80"},
    {"\xC0\x80\xC1\xBF", BAD BAD BAD BAD},                    /* longer than needed */
    {"\xE0\x80\x80", BAD BAD BAD},                            /* the same */
    {"\xF0\x80\x80\x80", BAD BAD BAD BAD},                    /* the same */
    {"\xED\xA0\x80\xED\x9F\xBF", BAD BAD BAD "\xED\x9F\xBF"}, /* a surrogate; the last before */
    {"\xF4\x90\x80\x80\xF4\x8F\xBF\xBF", BAD BAD BAD BAD "\xF4\x8F\xBF\xBF"}, /* past the end */
    {"\xFF\xFE", BAD BAD},
    {"", ""},
};

static void pieces_become_characters(void **state) {
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (size_t piece = 1; piece <= 4; piece++) {
            const size_t bytes = strlen(cases[c].bytes);
            char out[128];
            size_t used      = 0;
            sluice_utf8 utf8 = {0};
            for (size_t at = 0; at < bytes; at += piece) {
                const size_t count = bytes - at < piece ? bytes - at : piece;
                const size_t made  = sluice_utf8_add(out + used, &utf8, cases[c].bytes + at, count);
                assert_true(made <= SLUICE_UTF8_BYTES(count));
                used += made;
            }
            used += sluice_utf8_end(out + used, &utf8);
            out[used] = '\0';
            if (strcmp(out, cases[c].text) != 0)
                fail_msg("case %d in pieces of %d: '%s', expected '%s'", (int)c, (int)piece, out,
                         cases[c].text);
        }
}

/* Nothing is written before a character is whole. */
static void a_character_is_not_cut(void **state) {
    (void)state;
    static const char smile[] = "\xF0\x9F\x98\x80";
    char out[SLUICE_UTF8_BYTES(4)];
    sluice_utf8 utf8 = {0};
    for (size_t k = 0; k < 3; k++) assert_int_equal(sluice_utf8_add(out, &utf8, smile + k, 1), 0);
    assert_int_equal(sluice_utf8_add(out, &utf8, smile + 3, 1), 4);
    assert_memory_equal(out, smile, 4);
    assert_int_equal(sluice_utf8_end(out, &utf8), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_become_characters),
        cmocka_unit_test(a_character_is_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
