/* SPDX-License-Identifier: MIT */
/* test_convert.c -- elements from one type to another. */
#include "runtime/base/convert.h"

#include <math.h>

#include "tests/support/bf16_device.h"
#include "tests/support/support.h"

static float float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint16_t narrowed(float value) {
    uint16_t half = 0;
    sluice__convert(&half, SLUICE_TYPE_BF16, &value, SLUICE_TYPE_F32, 1);
    return half;
}

static float widened(uint16_t half) {
    float value = 0;
    sluice__convert(&value, SLUICE_TYPE_F32, &half, SLUICE_TYPE_BF16, 1);
    return value;
}

static void every_bf16_survives_as_a_float(void **state) {
    (void)state;
    for (uint32_t half = 0; half < 65536; half++) {
        const float value = widened((uint16_t)half);
        const bool is_nan = (half & 0x7fff) > 0x7f80;
        if (isnan(value) != is_nan) fail_msg("%#x is %g as a float", half, (double)value);
        /* A quiet NaN keeps its bits; a signalling one may become quiet, with the others kept. */
        const uint32_t expected = is_nan ? half | 0x40 : half;
        if (narrowed(value) != half && narrowed(value) != expected)
            fail_msg("%#x comes back as %#x", half, narrowed(value));
    }
}

static void check_rounding(float value) {
    if (narrowed(value) != bf16_nearest(value))
        fail_msg("%a becomes %#x, the nearest is %#x", (double)value, narrowed(value),
                 bf16_nearest(value));
}

/* Between any two neighbours: the middle, and the floats next to it. */
static void ties_are_rounded_to_even(void **state) {
    (void)state;
    for (uint32_t half = 0; half < 65536; half++) {
        if ((half & 0x7fff) > 0x7f7f) continue; /* nothing lies above infinities and NaN */
        const float middle    = float_of_bits(half << 16 | 0x8000);
        const uint16_t beyond = (uint16_t)(half + 1);
        assert_int_equal(narrowed(middle), half % 2 == 0 ? half : beyond);
        assert_int_equal(narrowed(float_of_bits(half << 16 | 0x7fff)), half);
        assert_int_equal(narrowed(float_of_bits(half << 16 | 0x8001)), beyond);
        check_rounding(middle);
    }
}

static void floats_are_rounded_to_the_nearest(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int k = 0; k < 2000000; k++) {
        const float value = float_of_bits((uint32_t)test_random(&random));
        if (isfinite(value)) check_rounding(value);
    }
}

static void infinities_and_nans_stay(void **state) {
    (void)state;
    assert_int_equal(narrowed(INFINITY), 0x7f80);
    assert_int_equal(narrowed(-INFINITY), 0xff80);
    assert_true(isnan(widened(narrowed(NAN))));
    assert_int_equal(narrowed(-0.0F), 0x8000);
    assert_int_equal(narrowed(float_of_bits(0x7f7fffff)), 0x7f80); /* the largest float */
    static const uint32_t nans[] = {0x7f800001, 0x7fffffff, 0xff800001, 0xffffffff, 0x7f80ffff};
    for (size_t k = 0; k < sizeof nans / sizeof *nans; k++) {
        const uint16_t half = narrowed(float_of_bits(nans[k]));
        if ((half & 0x7fff) <= 0x7f80 || half >> 15 != nans[k] >> 31)
            fail_msg("NaN %#x becomes %#x", nans[k], half);
    }
}

/* In place, as batches are converted. */
static void conversion_works_in_place(void **state) {
    (void)state;
    enum { COUNT = 1000 };
    uint64_t random = test_seed();
    float values[COUNT];
    uint16_t expected[COUNT];
    for (int k = 0; k < COUNT; k++) {
        values[k]   = (float)test_random_int(&random, -1000000, 1000000) / 777.0F;
        expected[k] = bf16_nearest(values[k]);
    }
    sluice__convert(values, SLUICE_TYPE_BF16, values, SLUICE_TYPE_F32, COUNT);
    assert_memory_equal(values, expected, sizeof expected);
    sluice__convert(values, SLUICE_TYPE_BF16, values, SLUICE_TYPE_BF16, COUNT);
    assert_memory_equal(values, expected, sizeof expected);
    sluice__convert(values, SLUICE_TYPE_BF16, values, SLUICE_TYPE_F32, 0);
    assert_memory_equal(values, expected, sizeof expected);
}

/* Tensors in files may begin at any byte. */
static void conversion_works_unaligned(void **state) {
    (void)state;
    const float value = 3.140625F; /* a bf16 */
    unsigned char from[8], to[8];
    memcpy(from + 1, &value, sizeof value);
    sluice__convert(to + 1, SLUICE_TYPE_BF16, from + 1, SLUICE_TYPE_F32, 1);
    sluice__convert(from + 3, SLUICE_TYPE_F32, to + 1, SLUICE_TYPE_BF16, 1);
    assert_memory_equal(from + 3, &value, sizeof value);
}

static void convertible_types_are_known(void **state) {
    (void)state;
    const sluice_type f32 = SLUICE_TYPE_F32, bf16 = SLUICE_TYPE_BF16, i32 = SLUICE_TYPE_I32;
    assert_true(sluice__converts(f32, f32) && sluice__converts(i32, i32));
    assert_true(sluice__converts(f32, bf16) && sluice__converts(bf16, f32));
    assert_false(sluice__converts(f32, i32) || sluice__converts(i32, f32));
    assert_false(sluice__converts(bf16, i32) || sluice__converts(f32, SLUICE_TYPE_F16));
    assert_false(sluice__converts(SLUICE_TYPE_F16, bf16));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bf16_survives_as_a_float),
        cmocka_unit_test(ties_are_rounded_to_even),
        cmocka_unit_test(floats_are_rounded_to_the_nearest),
        cmocka_unit_test(infinities_and_nans_stay),
        cmocka_unit_test(conversion_works_in_place),
        cmocka_unit_test(conversion_works_unaligned),
        cmocka_unit_test(convertible_types_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
