/* SPDX-License-Identifier: MIT */
/* test_samples.c -- the median of samples, and how far they lie apart. */
#include "tests/support/schedule_tools.h"

#include "runtime/measure/samples.h"

static void medians_and_spreads(void **state) {
    (void)state;
    double one[] = {5}, odd[] = {9, 1, 2}, even[] = {1, 4, 2, 100};
    const sluice__summary a = sluice__summarize(one, 1);
    const sluice__summary b = sluice__summarize(odd, 3);
    const sluice__summary c = sluice__summarize(even, 4);
    assert_near("the median of 5", a.median, 5);
    assert_near("the spread of 5", a.spread, 0);
    assert_near("the median of 9, 1, 2", b.median, 2);
    assert_near("the spread of 9, 1, 2", b.spread, 1); /* of 7, 1, 0 */
    assert_near("the median of 1, 4, 2, 100", c.median, 3);
    assert_near("the spread of 1, 4, 2, 100", c.spread, 1.5); /* of 2, 1, 1, 97 */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(medians_and_spreads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
