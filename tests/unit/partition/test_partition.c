/* SPDX-License-Identifier: MIT */
/* test_partition.c -- the min-max split is optimal, and bad splits are refused. */
#include "tests/support/support.h"

#include <math.h>

#include "sluice/partition.h"

enum { MAX_LAYERS = 9 };

/* A split's rank: its most expensive stage, then the sum of squares of all stages. */
typedef struct verdict {
    double bottleneck, squares;
    int ends[MAX_LAYERS]; /* of its stages */
    int stages;
} verdict;

static verdict worst(void) {
    return (verdict){.bottleneck = INFINITY, .squares = INFINITY};
}

static bool is_better(const verdict *a, const verdict *b) {
    return a->bottleneck < b->bottleneck ||
           (a->bottleneck == b->bottleneck && a->squares < b->squares);
}

/* The best split by exhaustive search; `so_far` is the verdict on the stages before. Earlier
 * boundaries are tried first, and among equals the first one stays. */
static void exhaustive(verdict *best, const verdict *so_far, const double *costs, int layers,
                       int stages) {
    const int begin = so_far->stages > 0 ? so_far->ends[so_far->stages - 1] : 0;
    double head     = 0;
    for (int cut = 1; cut <= layers - stages + 1; cut++) {
        head += costs[cut - 1];
        if (stages == 1 && cut < layers) continue; /* the last stage takes all */
        verdict now          = *so_far;
        now.bottleneck       = fmax(now.bottleneck, head);
        now.squares          = now.squares + head * head;
        now.ends[now.stages] = begin + cut;
        now.stages++;
        if (stages > 1)
            exhaustive(best, &now, costs + cut, layers - cut, stages - 1);
        else if (is_better(&now, best))
            *best = now;
    }
}

static verdict judge(const sluice_split *split, const double *costs) {
    verdict v = {0};
    for (int s = 0; s < split->stages; s++) {
        double stage = 0;
        if (split->first[s] >= split->first[s + 1]) return worst();
        for (int l = split->first[s]; l < split->first[s + 1]; l++) stage += costs[l];
        v.bottleneck = fmax(v.bottleneck, stage);
        v.squares += stage * stage;
    }
    return v;
}

/* Ties are common: costs are small whole numbers. */
static void assert_earliest(const sluice_split *split, const verdict *expected, int trial) {
    for (int s = 0; s < split->stages; s++)
        if (split->first[s + 1] != expected->ends[s])
            fail_msg("trial %d: stage %d of %d ends before layer %d; an equally good split whose "
                     "boundaries come earlier ends it before layer %d",
                     trial, s, split->stages, split->first[s + 1], expected->ends[s]);
}

static void minmax_equals_exhaustive_search(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int trial = 0; trial < 500; trial++) {
        const int layers          = test_random_int(&random, 1, MAX_LAYERS);
        const int stages          = test_random_int(&random, 1, layers);
        double totals[MAX_LAYERS] = {0};
        sluice_cost costs[MAX_LAYERS];
        for (int l = 0; l < layers; l++) {
            const int max = trial % 2 ? 5 : 1;
            costs[l] =
                (sluice_cost){test_random_int(&random, 0, max), test_random_int(&random, 0, max),
                              test_random_int(&random, 0, max)};
            totals[l] = costs[l].forward + costs[l].input + costs[l].weight;
        }
        sluice_split split;
        assert_ok(sluice_split_minmax(&split, costs, layers, stages));
        const verdict got = judge(&split, totals);
        verdict expected  = worst();
        exhaustive(&expected, &(verdict){0}, totals, layers, stages);
        assert_int_equal(split.first[stages], layers);
        if (got.bottleneck != expected.bottleneck || got.squares != expected.squares)
            fail_msg("trial %d, %d layers in %d stages: bottleneck %g, squares %g; the best are "
                     "%g, %g",
                     trial, layers, stages, got.bottleneck, got.squares, expected.bottleneck,
                     expected.squares);
        assert_earliest(&split, &expected, trial);
    }
}

/* A head more expensive than any two other layers still leaves the others even. */
static void one_expensive_layer_leaves_the_others_even(void **state) {
    (void)state;
    sluice_cost costs[13];
    for (int l = 0; l < 13; l++) costs[l] = (sluice_cost){1, 1, 1};
    costs[12].input = 20;
    sluice_split split;
    assert_ok(sluice_split_minmax(&split, costs, 13, 5));
    for (int s = 0; s <= 4; s++) assert_int_equal(split.first[s], 3 * s);
}

static void impossible_splits_are_refused_with_the_numbers(void **state) {
    (void)state;
    const sluice_cost costs[2] = {{1, 1, 1}, {1, NAN, 1}};
    sluice_split split;
    assert_refused(sluice_split_minmax(&split, costs, 2, 3), SLUICE_E_ARGUMENT,
                   "3 stages need as many layers, and there are 2");
    assert_refused(sluice_split_minmax(&split, costs, 2, 0), SLUICE_E_ARGUMENT,
                   "0 stages are not between 1 and 4096");
    assert_refused(sluice_split_minmax(&split, costs, 2, 2), SLUICE_E_ARGUMENT,
                   "layer 1 has a cost that is negative or not finite");
    const sluice_cost large[2] = {{1e155, 1, 1}, {1, 1, 1}};
    assert_refused(sluice_split_minmax(&split, large, 2, 2), SLUICE_E_ARGUMENT,
                   "the layers cost 1e+155 in all, too much to be divided: its square overflows");
}

static void split_text_is_read_strictly(void **state) {
    (void)state;
    static const struct {
        const char *text, *what;
        sluice_status status;
    } rows[] = {
        {"3,,2", "split: expected a number from 1 to 10 at byte 2", SLUICE_E_PARSE},
        {"3,5,2 ", "split: expected ',' at byte 5", SLUICE_E_PARSE},
        {"0,5,5", "split: expected a number from 1 to 10 at byte 0", SLUICE_E_PARSE},
        {"9999999999", "split: expected a number from 1 to 10 at byte 0", SLUICE_E_PARSE},
        {"", "split: expected a number from 1 to 10 at byte 0", SLUICE_E_PARSE},
        {"5,5", "split: 2 stages are listed, 3 are wanted", SLUICE_E_ARGUMENT},
        {"3,5,1", "split: 9 layers are listed, the model has 10", SLUICE_E_ARGUMENT},
        {"3,5,3", "split: stage 2 ends at layer 11, and there are 10 layers", SLUICE_E_ARGUMENT},
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
        cmocka_unit_test(one_expensive_layer_leaves_the_others_even),
        cmocka_unit_test(impossible_splits_are_refused_with_the_numbers),
        cmocka_unit_test(split_text_is_read_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
