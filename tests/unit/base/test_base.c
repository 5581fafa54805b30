/* SPDX-License-Identifier: MIT */
/* test_base.c -- failures carry their message, and so does a failed allocation. */
#include "tests/support/support.h"

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/random.h"
#include "runtime/base/text.h"
#include "sluice/tensor.h"

static void *refuse(void *context, void *block, size_t old_bytes, size_t new_bytes) {
    (void)context, (void)block, (void)old_bytes, (void)new_bytes;
    return NULL;
}

static void a_refused_allocation_is_reported(void **state) {
    (void)state;
    const sluice_allocator refusing = {refuse, NULL};
    sluice_allocator_set(&refusing);
    void *block                = NULL;
    const sluice_status status = sluice__alloc(&block, 3, 8);
    sluice_allocator_set(NULL);
    assert_int_equal(status, SLUICE_E_HOST_MEMORY);
    assert_string_equal(sluice_last_error()->what, "out of host memory: 24 bytes requested");
    assert_null(block);
    assert_refused(sluice__alloc(&block, SIZE_MAX, 8), SLUICE_E_HOST_MEMORY,
                   "18446744073709551615 elements of 8 bytes overflow a size");
}

static void numbers_are_rounded_without_trailing_zeros(void **state) {
    (void)state;
    static const struct {
        double value;
        int digits;
        const char *expected;
    } rows[] = {
        {0, 3, "0"},
        {-0.0, 2, "0"},
        {1, 0, "1"},
        {2.5, 0, "3"},
        {12.5, 3, "12.5"},
        {0.125, 2, "0.13"},
        {-0.125, 2, "-0.13"},
        {-0.004, 2, "0"},
        {99.999, 2, "100"},
        {10.05, 2, "10.05"},
        {0.001, 3, "0.001"},
        {123456.789, 3, "123456.789"},
        {1e-9, 9, "0.000000001"},
        {1e14, 0, "100000000000000"},
        {1e14, 3, "1e+14"},
        {-2e30, 2, "-2e+30"},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        const sluice__number got = sluice__fixed(rows[r].value, rows[r].digits);
        if (strcmp(got.text, rows[r].expected) != 0)
            fail_msg("%.17g with %d digits: '%s', expected '%s'", rows[r].value, rows[r].digits,
                     got.text, rows[r].expected);
    }
}

static void a_text_grows_and_keeps_its_content(void **state) {
    (void)state;
    sluice__text text = {0};
    for (int i = 0; i < 100; i++) assert_ok(sluice__text_add(&text, "%d,", i));
    assert_memory_equal(text.bytes, "0,1,2,3,", 8);
    assert_int_equal(text.length, 10 * 2 + 90 * 3);
    assert_int_equal(strlen(text.bytes), text.length);
    sluice__free(text.bytes);
}

static void a_failure_clears_the_hint_before_it(void **state) {
    (void)state;
    (void)sluice__hint(sluice__fail(SLUICE_E_ARGUMENT, "one"), "do this");
    assert_string_equal(sluice_last_error()->hint, "do this");
    (void)sluice__fail(SLUICE_E_IO, "%s again", sluice_last_error()->what);
    assert_string_equal(sluice_last_error()->what, "one again");
    assert_string_equal(sluice_last_error()->hint, "");
    assert_string_equal(sluice_status_name(SLUICE_E_IO), "E_IO");
}

/* The known answers published by the method's authors. */
static void philox_gives_the_known_answers(void **state) {
    (void)state;
    static const struct {
        uint32_t counter[4];
        uint64_t key;
        uint32_t expected[4];
    } rows[] = {
        {{0, 0, 0, 0}, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         0xffffffffffffffffULL,
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         0x299f31d0a4093822ULL,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        uint32_t got[4];
        sluice__philox(got, rows[r].counter, rows[r].key);
        if (memcmp(got, rows[r].expected, sizeof got) != 0)
            fail_msg("philox of counter %08x..., key %016llx is %08x %08x %08x %08x, expected %08x "
                     "%08x %08x %08x",
                     rows[r].counter[0], (unsigned long long)rows[r].key, got[0], got[1], got[2],
                     got[3], rows[r].expected[0], rows[r].expected[1], rows[r].expected[2],
                     rows[r].expected[3]);
    }
}

/* Recorded runs depend on these keys: FNV-1a of the seed's bytes and both texts with their NUL,
 * computed by another program. */
static void random_keys_are_the_known_ones(void **state) {
    (void)state;
    static const struct {
        uint64_t seed;
        const char *purpose, *name;
        uint64_t expected;
    } rows[] = {
        {0, "", "", 0x69d307cc20f6ef8d},
        {1, "initial", "transformer.wte.weight", 0x0c32101190465041},
        {1, "ab", "c", 0x4d4d549956e717f6},
        {1, "a", "bc", 0xe15ac1a11f94db2e},
        {0x0123456789abcdef, "dropout", "transformer.h.0.attn", 0xffdced7eb71ef13c},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        const uint64_t got = sluice__random_key(rows[r].seed, rows[r].purpose, rows[r].name);
        if (got != rows[r].expected)
            fail_msg("the random key of seed %llu, '%s', '%s' is %016llx, expected %016llx: "
                     "recorded runs do not repeat",
                     (unsigned long long)rows[r].seed, rows[r].purpose, rows[r].name,
                     (unsigned long long)got, (unsigned long long)rows[r].expected);
    }
}

static void shapes_know_their_size(void **state) {
    (void)state;
    const sluice_shape shape  = {SLUICE_TYPE_F32, 3, {2, 3, 5, 0}},
                       scalar = {SLUICE_TYPE_I32, 0, {0}};
    assert_int_equal(sluice_shape_count(&shape), 30);
    assert_int_equal(sluice_shape_bytes(&shape), 120);
    assert_int_equal(sluice_shape_bytes(&scalar), 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_allocation_is_reported),
        cmocka_unit_test(numbers_are_rounded_without_trailing_zeros),
        cmocka_unit_test(a_text_grows_and_keeps_its_content),
        cmocka_unit_test(philox_gives_the_known_answers),
        cmocka_unit_test(random_keys_are_the_known_ones),
        cmocka_unit_test(shapes_know_their_size),
        cmocka_unit_test(a_failure_clears_the_hint_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
