/* SPDX-License-Identifier: MIT */
/* test_next_token.c -- the choice of a token: shares that are drawn, cuts by number and by share,
 * ties, and what is refused. */
#include <math.h>

#include "tests/support/support.h"

#include "sluice/generation.h"

enum { COUNT = 8, DRAWS = 40000 };

/* Probabilities 1/2, 1/4, .. in an order that is not that of ids; the last two are the same. */
static const int order[COUNT] = {5, 2, 7, 0, 4, 1, 3, 6};
static float logits[COUNT];

static double probability(int rank) {
    return rank == COUNT - 1 ? pow(0.5, COUNT - 1) : pow(0.5, rank + 1);
}

static int make_logits(void **state) {
    (void)state;
    for (int k = 0; k < COUNT; k++) logits[order[k]] = (float)log(probability(k));
    return 0;
}

/* How often each token is drawn; the first `kept` ones are, by their shares. */
static void expect_shares(const sluice_sampling *s, int kept, double temperature) {
    int drawn[COUNT] = {0};
    double total     = 0;
    for (int k = 0; k < kept; k++) total += pow(probability(k), 1 / temperature);
    for (int n = 0; n < DRAWS; n++) {
        int32_t token = -1;
        assert_ok(sluice_next_token(&token, logits, COUNT, s, n));
        assert_in_range(token, 0, COUNT - 1);
        drawn[token]++;
    }
    for (int k = 0; k < COUNT; k++) {
        const double share = k < kept ? pow(probability(k), 1 / temperature) / total : 0;
        const double got   = (double)drawn[order[k]] / DRAWS;
        const double far   = 5 * sqrt(share * (1 - share) / DRAWS);
        if (!(fabs(got - share) <= far))
            fail_msg("top-k %d, top-p %g, temperature %g: token %d has a share of %g, not %g",
                     (int)s->top_k, s->top_p, temperature, order[k], got, share);
    }
}

static void shares_are_those_of_the_logits(void **state) {
    (void)state;
    expect_shares(&(sluice_sampling){1, 0, 1, 1}, COUNT, 1);
    expect_shares(&(sluice_sampling){2, 0, 1, 2}, COUNT, 2);
    expect_shares(&(sluice_sampling){0.5, 0, 1, 3}, COUNT, 0.5);
}

/* 1/2 + 1/4 = 3/4 is reached by two tokens; a little more needs a third. */
static void cuts_keep_the_most_probable(void **state) {
    (void)state;
    expect_shares(&(sluice_sampling){1, 3, 1, 4}, 3, 1);
    expect_shares(&(sluice_sampling){1, 1, 1, 5}, 1, 1);
    expect_shares(&(sluice_sampling){1, COUNT, 1, 6}, COUNT, 1);
    expect_shares(&(sluice_sampling){1, COUNT + 9, 1, 7}, COUNT, 1);
    expect_shares(&(sluice_sampling){1, 0, 0.7, 8}, 2, 1);
    expect_shares(&(sluice_sampling){1, 0, 0.76, 9}, 3, 1);
    expect_shares(&(sluice_sampling){1, 0, 1e-9, 10}, 1, 1);
    /* of the first three, with 4/7, 2/7 and 1/7, two have 0.8 */
    expect_shares(&(sluice_sampling){1, 3, 0.8, 11}, 2, 1);
    expect_shares(&(sluice_sampling){2, 4, 0.99, 12}, 4, 2);
}

static void without_temperature_the_most_probable_is_taken(void **state) {
    (void)state;
    const sluice_sampling greedy = {0, 0, 1, 1};
    static const float equal[]   = {1, 3, 2, 3};
    int32_t token                = -1;
    assert_ok(sluice_next_token(&token, logits, COUNT, &greedy, 5));
    assert_int_equal(token, order[0]);
    assert_ok(sluice_next_token(&token, equal, 4, &greedy, 0));
    assert_int_equal(token, 1);
    const sluice_sampling one = {1, 1, 1, 1}; /* the smaller id, too */
    for (int64_t n = 0; n < 20; n++) {
        assert_ok(sluice_next_token(&token, equal, 4, &one, n));
        assert_int_equal(token, 1);
    }
}

static void the_seed_and_the_number_decide(void **state) {
    (void)state;
    int same = 0, other = 0;
    for (int64_t n = 0; n < 200; n++) {
        int32_t a = -1, b = -2, c = -3;
        assert_ok(sluice_next_token(&a, logits, COUNT, &(sluice_sampling){1, 0, 1, 1}, n));
        assert_ok(sluice_next_token(&b, logits, COUNT, &(sluice_sampling){1, 0, 1, 1}, n));
        assert_ok(sluice_next_token(&c, logits, COUNT, &(sluice_sampling){1, 0, 1, 2}, n));
        same += a == b;
        other += a != c;
    }
    assert_int_equal(same, 200);
    assert_true(other > 50);
}

/* Logits that differ by more than a double's exponent holds. */
static void extreme_logits_are_borne(void **state) {
    (void)state;
    static const float far[] = {-3e38F, 3e38F, -3e38F};
    int32_t token            = -1;
    for (int top_k = 0; top_k < 3; top_k++) {
        assert_ok(sluice_next_token(&token, far, 3, &(sluice_sampling){1e-3, top_k, 1, 1}, 0));
        assert_int_equal(token, 1);
    }
}

static void wrong_parameters_are_refused(void **state) {
    (void)state;
    float bad[]   = {0, NAN, 1};
    int32_t token = 77;
    assert_refused(sluice_next_token(&token, logits, COUNT, &(sluice_sampling){-1, 0, 1, 1}, 0),
                   SLUICE_E_ARGUMENT,
                   "a temperature of -1; it must be a finite number, at least 0");
    assert_refused(sluice_next_token(&token, logits, COUNT, &(sluice_sampling){1, 0, 0, 1}, 0),
                   SLUICE_E_ARGUMENT, "top-p is 0; it must be above 0, and at most 1");
    assert_refused(sluice_next_token(&token, logits, COUNT, &(sluice_sampling){1, -1, 1, 1}, 0),
                   SLUICE_E_ARGUMENT, "the -1 most probable of 8 tokens");
    assert_refused(sluice_next_token(&token, bad, 3, &(sluice_sampling){0, 0, 1, 1}, 0),
                   SLUICE_E_NONFINITE, "the logit of token 1 is not a finite number");
    bad[1] = INFINITY;
    assert_refused(sluice_next_token(&token, bad, 3, &(sluice_sampling){1, 0, 1, 1}, 0),
                   SLUICE_E_NONFINITE, "the logit of token 1 is not a finite number");
    assert_int_equal(token, 77);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_those_of_the_logits),
        cmocka_unit_test(cuts_keep_the_most_probable),
        cmocka_unit_test(without_temperature_the_most_probable_is_taken),
        cmocka_unit_test(the_seed_and_the_number_decide),
        cmocka_unit_test(extreme_logits_are_borne),
        cmocka_unit_test(wrong_parameters_are_refused),
    };
    return cmocka_run_group_tests(tests, make_logits, NULL);
}
