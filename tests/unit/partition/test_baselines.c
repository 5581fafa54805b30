/* SPDX-License-Identifier: MIT */
/* test_baselines.c -- what others split is what their methods promise. */
#include "tests/support/support.h"

#include <math.h>

#include "sluice/partition.h"

enum { LAYERS = 12 };

typedef struct case_of {
    sluice_profile_layer rows[LAYERS];
    const sluice_profile_layer *layers[1];
    sluice_partition problem;
} case_of;

static void start(case_of *c, int layers, int stages) {
    memset(c, 0, sizeof *c);
    c->problem             = (sluice_partition)SLUICE_PARTITION_INIT;
    c->layers[0]           = c->rows;
    c->problem.layers      = c->layers;
    c->problem.layer_count = layers;
    c->problem.stages      = stages; /* on one rank, which no baseline sees */
}

static void assert_first(const case_of *c, sluice_baseline baseline, const int *first) {
    sluice_split split;
    assert_ok(sluice_partition_baseline(&split, &c->problem, baseline));
    for (int s = 0; s < c->problem.stages; s++)
        if (split.first[s] != first[s])
            fail_msg("%s: stage %d begins at layer %d, expected %d", sluice_baseline_name(baseline),
                     s, split.first[s], first[s]);
}

static void layers_and_parameters_are_equal(void **state) {
    (void)state;
    case_of c;
    start(&c, 6, 3);
    assert_first(&c, SLUICE_BASELINE_EQUAL_LAYERS, (const int[]){0, 2, 4});
    for (int l = 0; l < 6; l++) c.rows[l].parameters = l == 0 ? 90 : 30;
    assert_first(&c, SLUICE_BASELINE_EQUAL_PARAMETERS, (const int[]){0, 1, 3});
}

static double variance_of(const double *costs, const int *first, int stages, double mean) {
    double sum = 0;
    for (int s = 0; s < stages; s++) {
        double cost = 0;
        for (int l = first[s]; l < first[s + 1]; l++) cost += costs[l];
        sum += (cost - mean) * (cost - mean);
    }
    return sum;
}

static void variance_is_smallest(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int trial = 0; trial < 300; trial++) {
        case_of c;
        double costs[LAYERS], sum = 0, smallest = INFINITY;
        const int n = test_random_int(&random, 3, LAYERS);
        start(&c, n, 3);
        for (int l = 0; l < n; l++)
            sum += costs[l] = c.rows[l].forward_s = test_random_int(&random, 0, 20);
        for (int a = 1; a < n - 1; a++)
            for (int b = a + 1; b < n; b++)
                smallest =
                    fmin(smallest, variance_of(costs, (const int[]){0, a, b, n}, 3, sum / 3));
        sluice_split split;
        assert_ok(sluice_partition_baseline(&split, &c.problem, SLUICE_BASELINE_VARIANCE));
        const double got = variance_of(costs, split.first, 3, sum / 3);
        if (got > smallest + 1e-9) fail_msg("trial %d: %g, smallest %g", trial, got, smallest);
    }
}

/* Largest and smallest block differ by no more than the largest layer. */
static void blocks_differ_by_one_layer(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int trial = 0; trial < 300; trial++) {
        case_of c;
        double low = INFINITY, high = 0, largest = 0;
        const int n = test_random_int(&random, 6, LAYERS), stages = test_random_int(&random, 1, 3);
        start(&c, n, stages);
        for (int l = 0; l < n; l++) {
            c.rows[l].forward_s = l == 0 ? 0 : test_random_int(&random, 10, 20);
            largest             = fmax(largest, c.rows[l].forward_s);
        }
        sluice_split split;
        assert_ok(sluice_partition_baseline(&split, &c.problem, SLUICE_BASELINE_BLOCKS));
        for (int s = 0; s < stages; s++) {
            double cost = 0;
            assert_true(split.first[s] < split.first[s + 1]);
            for (int l = split.first[s]; l < split.first[s + 1]; l++) cost += c.rows[l].forward_s;
            low  = fmin(low, cost);
            high = fmax(high, cost);
        }
        if (high > low + largest) fail_msg("trial %d: from %g to %g", trial, low, high);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_and_parameters_are_equal),
        cmocka_unit_test(variance_is_smallest),
        cmocka_unit_test(blocks_differ_by_one_layer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
