/* SPDX-License-Identifier: MIT */
/* test_learning_rate.c -- learning-rate schedules. */
#include "tests/support/support.h"

#include <math.h>

#include "sluice/train.h"

static void assert_rate(const sluice_learning_rate *rate, int64_t step, double expected) {
    const double got = sluice_learning_rate_at(rate, step);
    if (fabs(got - expected) > 1e-12)
        fail_msg("step %lld: %.15g, expected %.15g", (long long)step, got, expected);
}

static void warmup_is_a_straight_line_from_the_first_step(void **state) {
    (void)state;
    const sluice_learning_rate rate = {0.8, 0.1, 4, 20, SLUICE_DECAY_COSINE};
    assert_rate(&rate, 1, 0.2);
    assert_rate(&rate, 2, 0.4);
    assert_rate(&rate, 3, 0.6);
    assert_rate(&rate, 4, 0.8);
}

static void cosine_falls_from_peak_to_minimum(void **state) {
    (void)state;
    const sluice_learning_rate rate = {0.8, 0.2, 4, 20, SLUICE_DECAY_COSINE};
    assert_rate(&rate, 12, 0.5); /* half way */
    assert_rate(&rate, 8, 0.5 + 0.3 * sqrt(0.5));
    assert_rate(&rate, 20, 0.2);
    assert_rate(&rate, 21, 0.2); /* and stays there */
    for (int64_t step = 5; step <= 20; step++)
        assert_true(sluice_learning_rate_at(&rate, step) <
                    sluice_learning_rate_at(&rate, step - 1));
}

static void without_decay_the_peak_is_kept(void **state) {
    (void)state;
    const sluice_learning_rate rate = {0.5, 0.1, 2, 5, SLUICE_DECAY_NONE};
    assert_rate(&rate, 1, 0.25);
    assert_rate(&rate, 2, 0.5);
    assert_rate(&rate, 5, 0.5);
    assert_rate(&rate, 50, 0.5);
}

static void the_ends_of_the_warmup_are_exact(void **state) {
    (void)state;
    const sluice_learning_rate none = {0.5, 0.1, 0, 2, SLUICE_DECAY_COSINE};
    assert_rate(&none, 1, 0.3);
    assert_rate(&none, 2, 0.1);
    const sluice_learning_rate all = {0.4, 0.1, 8, 8, SLUICE_DECAY_COSINE};
    assert_rate(&all, 7, 0.35);
    assert_rate(&all, 8, 0.1);
    const sluice_learning_rate longer = {0.4, 0.1, 8, 4, SLUICE_DECAY_COSINE};
    assert_rate(&longer, 4, 0.2); /* the warm-up outlasts the run */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(warmup_is_a_straight_line_from_the_first_step),
        cmocka_unit_test(cosine_falls_from_peak_to_minimum),
        cmocka_unit_test(without_decay_the_peak_is_kept),
        cmocka_unit_test(the_ends_of_the_warmup_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
