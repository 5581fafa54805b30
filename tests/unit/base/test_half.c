/* SPDX-License-Identifier: MIT */
/* test_half.c -- every IEEE 754 binary16 as fp32, against its definition. */
#include "runtime/base/half.h"

#include <math.h>

#include "tests/support/support.h"

static void every_half_becomes_its_float(void **state) {
    (void)state;
    for (uint32_t half = 0; half < 65536; half++) {
        const uint16_t from = (uint16_t)half;
        const int exponent = (int)(half >> 10 & 31), fraction = (int)(half & 1023);
        double expected =
            exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
        float value;
        if (exponent == 31) expected = fraction ? NAN : INFINITY;
        sluice__widen_halves(&value, &from, 1);
        if (isnan(expected) ? !isnan(value) : fabs((double)value) != expected)
            fail_msg("%#06x becomes %a; it is %a", half, (double)value, expected);
        if (!signbit(value) != !(half & 0x8000))
            fail_msg("%#06x becomes %a, whose sign is another", half, (double)value);
    }
}

/* Quiet and signalling ones: nothing computes with them on the way. */
static void the_fraction_of_a_nan_is_kept(void **state) {
    (void)state;
    const uint16_t from[] = {0x7c00, 0xfc00, 0x7e01, 0xfdff};
    const uint32_t to[]   = {0x7f800000, 0xff800000, 0x7fc02000, 0xffbfe000};
    float values[4];
    uint32_t bits[4];
    sluice__widen_halves(values, from, 4);
    memcpy(bits, values, sizeof bits);
    for (int k = 0; k < 4; k++)
        if (bits[k] != to[k])
            fail_msg("%#06x becomes the bits %#010x; expected %#010x", from[k], bits[k], to[k]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_becomes_its_float),
        cmocka_unit_test(the_fraction_of_a_nan_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
