/* SPDX-License-Identifier: MIT */
/* test_partition.c -- the min-max split is the best there is, and bad splits are refused. */
#include "tests/support.h"

#include <math.h>

#include "sluice/partition.h"

/* The least dearest stage over every way to cut, by trying them all. */
static double exhaustive(const double *costs, int layers, int stages) {
    if (stages == 1) {
        double sum = 0;
        for (int l = 0; l < layers; l++) sum += costs[l];
        return sum;
    }
    double least = INFINITY, head = 0;
    for (int cut = 1; cut <= layers - stages + 1; cut++) {
        head += costs[cut - 1];
        least = fmin(least, fmax(head, exhaustive(costs + cut, layers - cut, stages - 1)));
    }
    return least;
}

static void minmax_equals_exhaustive_search(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int trial = 0; trial < 500; trial++) {
        const int layers = test_random_int(&random, 1, 9);
        const int stages = test_random_int(&random, 1, layers);
        double totals[9] = {0};
        sluice_layer_cost costs[9];
        for (int l = 0; l < layers; l++) {
            costs[l] = (sluice_layer_cost){test_random_int(&random, 0, 5),
                                           test_random_int(&random, 0, 5),
                                           test_random_int(&random, 0, 5)};
            totals[l] = costs[l].forward + costs[l].input + costs[l].weight;
        }
        sluice_split split;
        assert_ok(sluice_split_minmax(&split, costs, layers, stages));
        double dearest = 0;
        for (int s = 0; s < stages; s++) {
            double stage = 0;
            assert_true(split.first[s] < split.first[s + 1]);
            for (int l = split.first[s]; l < split.first[s + 1]; l++) stage += totals[l];
            dearest = fmax(dearest, stage);
        }
        assert_int_equal(split.first[stages], layers);
        const double expected = exhaustive(totals, layers, stages);
        if (dearest != expected)
            fail_msg("trial %d, %d layers in %d stages: dearest stage %g, the best is %g", trial,
                     layers, stages, dearest, expected);
    }
}

static void impossible_splits_are_refused_with_the_numbers(void **state) {
    (void)state;
    const sluice_layer_cost costs[2] = {{1, 1, 1}, {1, NAN, 1}};
    sluice_split split;
    assert_refused(sluice_split_minmax(&split, costs, 2, 3), SLUICE_E_ARGUMENT,
                   "3 stages need as many layers, and there are 2");
    assert_refused(sluice_split_minmax(&split, costs, 2, 0), SLUICE_E_ARGUMENT,
                   "0 stages are not between 1 and 4096");
    assert_refused(sluice_split_minmax(&split, costs, 2, 2), SLUICE_E_ARGUMENT,
                   "layer 1 has a cost that is negative or not finite");
}

static void split_text_is_read_strictly(void **state) {
    (void)state;
    static const struct {
        const char *text, *what;
        sluice_status status;
    } rows[] = {
        {"3,,2",        "split: expected a number from 1 to 10 at byte 2",           SLUICE_E_PARSE   },
        {"3,5,2 ",      "split: expected ',' at byte 5",                             SLUICE_E_PARSE   },
        {"0,5,5",       "split: expected a number from 1 to 10 at byte 0",           SLUICE_E_PARSE   },
        {"9999999999",  "split: expected a number from 1 to 10 at byte 0",           SLUICE_E_PARSE   },
        {"",            "split: expected a number from 1 to 10 at byte 0",           SLUICE_E_PARSE   },
        {"5,5",         "split: 2 stages are listed, 3 are wanted",                  SLUICE_E_ARGUMENT},
        {"3,5,1",       "split: 9 layers are listed, the model has 10",              SLUICE_E_ARGUMENT},
        {"3,5,3",       "split: stage 2 ends at layer 11, and there are 10 layers",  SLUICE_E_ARGUMENT},
    };
    sluice_split split;
    assert_ok(sluice_split_parse(&split, "3,5,2", 5, 10, 3));
    assert_int_equal(split.first[1], 3);
    assert_int_equal(split.first[2], 8);
    assert_int_equal(split.first[3], 10);
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
        assert_refused(sluice_split_parse(&split, rows[r].text, strlen(rows[r].text), 10, 3),
                       rows[r].status, rows[r].what);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minmax_equals_exhaustive_search),
        cmocka_unit_test(impossible_splits_are_refused_with_the_numbers),
        cmocka_unit_test(split_text_is_read_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
