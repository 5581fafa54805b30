/* SPDX-License-Identifier: MIT */
/* test_partition_solve.c -- splits of random small problems against all splits, and what devices,
 * links and limits do to a cut. */
#include "tests/support/support.h"

#include <math.h>

#include "sluice/partition.h"

enum { LAYERS = 12, STAGES = 8, HELD = 64 };

/* A problem and everything that it points to. */
typedef struct world {
    sluice_partition problem;
    sluice_profile_layer rows[STAGES][LAYERS]; /* by device */
    const sluice_profile_layer *layers[STAGES];
    int stage_ranks[STAGES];
    bool recompute[STAGES];
    size_t limits[STAGES];
    sluice_link_cost links[4];
    sluice_pin pins[2];
    sluice_held held[HELD];
} world;

static char tie_name[] = "shared";

static void start(world *w, int layers, int ranks) {
    *w                     = (world){.problem = SLUICE_PARTITION_INIT};
    w->problem.layer_count = layers;
    w->problem.stages = w->problem.ranks = ranks;
    w->problem.layers                    = w->layers;
    for (int r = 0; r < STAGES; r++) w->layers[r] = w->rows[0];
}

static void start_with(world *w, const double *costs, int layers, int ranks) {
    start(w, layers, ranks);
    for (int l = 0; l < layers; l++) w->rows[0][l].forward_s = costs[l];
}

/* ---- known values ---- */

/* `counts`: layers per stage, or NULL. */
static void assert_split(const world *w, const char *counts, double value) {
    sluice_partition_result result;
    sluice_split expected;
    assert_ok(sluice_partition_solve(&result, &w->problem));
    assert_true(result.is_best && result.bound <= result.value);
    if (fabs(result.value - value) > 1e-9 * (1 + value))
        fail_msg("the most expensive rank has %g, expected %g", result.value, value);
    if (!counts) return;
    assert_ok(sluice_split_parse(&expected, counts, strlen(counts), w->problem.layer_count,
                                 w->problem.stages));
    for (int s = 0; s < expected.stages; s++)
        if (result.split.first[s] != expected.first[s])
            fail_msg("%s: stage %d begins at layer %d", counts, s, result.split.first[s]);
}

static void known_values(void **state) {
    (void)state;
    world w;
    start_with(&w, (const double[]){1, 1, 30, 3}, 4, 3);
    assert_split(&w, "2,1,1", 30);
    start_with(&w, (const double[]){0, 1, 2, 3, 3, 3}, 6, 4);
    assert_split(&w, NULL, 3);
    start_with(&w, (const double[]){1, 2, 3, 4, 5, 6}, 6, 2);
    assert_split(&w, "4,2", 11);
    start_with(&w, (const double[]){7}, 1, 1);
    assert_split(&w, "1", 7);
}

/* ---- all splits ---- */

/* The best value by looking at every split. */
static double exhaustive(const world *w, sluice_split *split, int stage, double *squares) {
    const sluice_partition *p = &w->problem;
    double best               = INFINITY;
    *squares                  = INFINITY;
    if (stage == p->stages) {
        sluice_partition_load loads[STAGES];
        double largest = 0, sum = 0;
        if (split->first[stage] != p->layer_count) return INFINITY;
        for (int k = 0; k < p->pin_count; k++)
            if (p->pins[k].layer < split->first[p->pins[k].stage] ||
                p->pins[k].layer >= split->first[p->pins[k].stage + 1])
                return INFINITY;
        assert_ok(sluice_partition_loads(loads, p, split));
        for (int r = 0; r < p->ranks; r++) {
            if (p->memory_limits && p->memory_limits[r] > 0 &&
                loads[r].bytes > (double)p->memory_limits[r])
                return INFINITY;
            const double value = p->objective == SLUICE_OBJECTIVE_TIME     ? loads[r].seconds
                                 : p->objective == SLUICE_OBJECTIVE_MEMORY ? loads[r].bytes
                                                                           : loads[r].parameters;
            largest            = fmax(largest, value);
            sum += value * value;
        }
        *squares = sum;
        return largest;
    }
    const int left = p->stages - stage - 1;
    for (int end = split->first[stage] + 1; end <= p->layer_count - left; end++) {
        double of_this;
        split->first[stage + 1] = end;
        const double value      = exhaustive(w, split, stage + 1, &of_this);
        if (value < best || (value == best && of_this < *squares)) *squares = of_this;
        best = fmin(best, value);
    }
    return best;
}

/* Whole numbers, with many equal sums, or any. */
static void random_rows(world *w, uint64_t *random) {
    const double unit = test_random_int(random, 0, 1) ? 1 : 0.1 / 7;
    for (int d = 0; d < STAGES; d++)
        for (int l = 0; l < LAYERS; l++) {
            sluice_profile_layer *row = &w->rows[d][l];
            *row                      = w->rows[0][l];
            row->forward_s            = unit * test_random_int(random, 0, 9);
            row->input_s              = unit * test_random_int(random, 0, 9);
            row->weight_s             = unit * test_random_int(random, 0, 9);
            row->recompute_s          = unit * test_random_int(random, 0, 9);
            if (d > 0) continue;
            row->parameters            = test_random_int(random, 0, 100);
            row->parameter_bytes       = 4 * (size_t)row->parameters;
            row->saved_bytes           = 256 * (size_t)test_random_int(random, 0, 20);
            row->input_to_weight_bytes = 256 * (size_t)test_random_int(random, 0, 5);
            row->scratch_bytes         = 256 * (size_t)test_random_int(random, 0, 5);
            row->output_bytes          = 256 * (size_t)test_random_int(random, 0, 9);
            row->tie                   = test_random_int(random, 0, 5) == 0 ? tie_name : NULL;
        }
}

static void random_held(world *w, uint64_t *random) {
    sluice_partition *p = &w->problem;
    p->held             = w->held;
    for (int r = 0; r < p->ranks; r++)
        for (int time = 0; time < 2; time++) {
            bool begins = true;
            for (int s = 0; s < p->stages; s++) {
                if (w->stage_ranks[s] != r) continue;
                sluice_held *held = &w->held[p->held_count++];
                *held             = (sluice_held){.stage = s, .begins = begins};
                held->running     = begins ? (sluice_running)test_random_int(random, 0, 6) : 0;
                begins            = false;
                for (int k = 0; k < SLUICE_HELD_KINDS; k++)
                    held->counts[k] = test_random_int(random, 0, 3);
            }
        }
}

/* Ranks in a line, a loop or a V. */
static void random_stages(world *w, uint64_t *random, int chunks) {
    sluice_partition *p = &w->problem;
    const int ranks = p->ranks, shape = test_random_int(random, 0, 1);
    p->stages      = ranks * chunks;
    p->stage_ranks = w->stage_ranks;
    for (int s = 0; s < p->stages; s++) {
        const bool backwards = shape == 1 && s / ranks % 2 == 1;
        w->stage_ranks[s]    = backwards ? ranks - 1 - s % ranks : s % ranks;
        w->recompute[s]      = test_random_int(random, 0, 3) == 0;
    }
    p->recompute = test_random_int(random, 0, 1) ? w->recompute : NULL;
}

static void random_rest(world *w, uint64_t *random) {
    sluice_partition *p = &w->problem;
    if (test_random_int(random, 0, 1))
        for (int r = 0; r < p->ranks; r++) w->layers[r] = w->rows[test_random_int(random, 0, 2)];
    w->layers[0] = w->rows[0];
    if (test_random_int(random, 0, 1)) {
        p->latency    = test_random_int(random, 0, 3);
        p->bandwidth  = 256 * test_random_int(random, 0, 3);
        p->links      = w->links;
        p->link_count = 2;
        for (int k = 0; k < 2; k++)
            w->links[k] = (sluice_link_cost){test_random_int(random, 0, p->ranks - 1),
                                             test_random_int(random, 0, p->ranks - 1),
                                             test_random_int(random, 0, 30), 256};
    }
    if (test_random_int(random, 0, 2) == 0) {
        p->pins          = w->pins;
        p->pin_count     = 1;
        w->pins[0].stage = test_random_int(random, 0, p->stages - 1);
        w->pins[0].layer = test_random_int(random, w->pins[0].stage,
                                           p->layer_count - p->stages + w->pins[0].stage);
    }
    if (test_random_int(random, 0, 1)) random_held(w, random);
    if (test_random_int(random, 0, 1)) {
        p->memory_limits = w->limits;
        for (int r = 0; r < p->ranks; r++)
            w->limits[r] = 256 * (size_t)test_random_int(random, 0, 600);
    }
    p->objective = (sluice_objective)(test_random_int(random, 0, 4) % 3);
    p->states    = test_random_int(random, 0, 2);
}

static void random_world(world *w, uint64_t *random, int max_chunks) {
    const int chunks = test_random_int(random, 1, max_chunks);
    const int ranks  = test_random_int(random, 1, STAGES / chunks);
    start(w, test_random_int(random, ranks * chunks, LAYERS), ranks);
    random_rows(w, random);
    random_stages(w, random, chunks);
    random_rest(w, random);
}

static void check_trial(world *w, int trial) {
    sluice_split split = {.stages = w->problem.stages};
    sluice_partition_result result;
    double fewest, squares = 0;
    const double best = exhaustive(w, &split, 0, &fewest);
    if (isinf(best)) {
        assert_int_equal(sluice_partition_solve(&result, &w->problem), SLUICE_E_DEVICE_MEMORY);
        return;
    }
    assert_ok(sluice_partition_solve(&result, &w->problem));
    if (result.value > best * (1 + 1e-9) || result.value < best * (1 - 1e-9) || !result.is_best)
        fail_msg("trial %d: the most expensive rank has %.17g, of all splits %.17g%s", trial,
                 result.value, best, result.is_best ? "" : ", and it is not proven");
    if (result.bound > best * (1 + 1e-9))
        fail_msg("trial %d: the bound %g is above the best, %g", trial, result.bound, best);
    if (w->problem.stages != w->problem.ranks) return;
    sluice_partition_load loads[STAGES];
    assert_ok(sluice_partition_loads(loads, &w->problem, &result.split));
    for (int r = 0; r < w->problem.ranks; r++) {
        const double value = w->problem.objective == SLUICE_OBJECTIVE_TIME ? loads[r].seconds
                             : w->problem.objective == SLUICE_OBJECTIVE_MEMORY
                                 ? loads[r].bytes
                                 : loads[r].parameters;
        squares += value * value;
    }
    if (squares > fewest * (1 + 1e-9))
        fail_msg("trial %d: the sum of squares is %.17g, the smallest %.17g", trial, squares,
                 fewest);
}

static void one_stage_per_rank_equals_all_splits(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int trial = 0; trial < 1500; trial++) {
        world w;
        random_world(&w, &random, 1);
        check_trial(&w, trial);
    }
}

static void several_stages_per_rank_equal_all_splits(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int trial = 0; trial < 150; trial++) {
        world w;
        random_world(&w, &random, 4);
        check_trial(&w, trial);
    }
}

/* ---- devices, links, limits ---- */

enum { EQUAL = 12 };

static void start_equal(world *w) {
    start(w, EQUAL, 2);
    for (int l = 0; l < EQUAL; l++) {
        w->rows[0][l] = (sluice_profile_layer){
            .forward_s = 2, .output_bytes = l == 7 ? 1024 : 65536, .saved_bytes = 1048576};
        w->rows[1][l]           = w->rows[0][l];
        w->rows[1][l].forward_s = 1;
    }
    w->layers[1] = w->rows[1];
}

static void a_faster_device_gets_more_layers(void **state) {
    (void)state;
    world w;
    start_equal(&w);
    assert_split(&w, "4,8", 8); /* a third and two thirds */
}

static void a_slow_link_moves_the_cut_and_a_limit_moves_it_again(void **state) {
    (void)state;
    world w;
    start_equal(&w);
    w.problem.bandwidth = 8192; /* 8 s for most outputs, 1/8 s for that of layer 7, each way */
    assert_split(&w, "8,4", 16.25);
    w.problem.memory_limits = w.limits;
    w.limits[0]             = 7 * 1048576 - 1;
    assert_split(&w, "4,8", 24);
}

static void the_next_best_split_has_less_where_the_limit_is_lowered(void **state) {
    (void)state;
    world w;
    start_equal(&w);
    w.problem.memory_limits = w.limits;
    for (int expected = 4; expected >= 1; expected--) {
        sluice_partition_result result;
        sluice_partition_load loads[2];
        assert_ok(sluice_partition_solve(&result, &w.problem));
        assert_int_equal(result.split.first[1], expected);
        assert_ok(sluice_partition_loads(loads, &w.problem, &result.split));
        w.limits[0] = (size_t)loads[0].bytes - 1;
    }
}

/* ---- refusals ---- */

static void bad_numbers_are_one_sentence(void **state) {
    (void)state;
    world w;
    sluice_partition_result result;
    start_equal(&w);
    w.problem.ranks = 0;
    assert_refused(sluice_partition_solve(&result, &w.problem), SLUICE_E_ARGUMENT,
                   "there are 0 ranks to put layers on");
    w.problem.ranks = 3;
    assert_refused(sluice_partition_solve(&result, &w.problem), SLUICE_E_ARGUMENT,
                   "3 ranks need as many stages, and there are 2");
    start_equal(&w);
    w.problem.stages = 13;
    assert_refused(sluice_partition_solve(&result, &w.problem), SLUICE_E_ARGUMENT,
                   "13 stages need as many layers, and there are 12");
    start_equal(&w);
    w.rows[1][3].input_s = -1;
    assert_refused(sluice_partition_solve(&result, &w.problem), SLUICE_E_ARGUMENT,
                   "layer 3 on rank 1 takes -1 s for I; it may take 0 to 1e+12");
    w.rows[1][3].input_s = NAN;
    assert_int_equal(sluice_partition_solve(&result, &w.problem), SLUICE_E_ARGUMENT);
    w.rows[1][3].input_s = 1e300;
    assert_refused(sluice_partition_solve(&result, &w.problem), SLUICE_E_ARGUMENT,
                   "layer 3 on rank 1 takes 1e+300 s for I; it may take 0 to 1e+12");
    start_equal(&w);
    w.problem.latency = -1;
    assert_refused(sluice_partition_solve(&result, &w.problem), SLUICE_E_ARGUMENT,
                   "links have a latency of -1 s and 0 bytes/s; neither is negative or beyond "
                   "1e+12 s");
    start_equal(&w);
    w.problem.pins      = w.pins;
    w.problem.pin_count = 2;
    w.pins[0]           = (sluice_pin){5, 0};
    w.pins[1]           = (sluice_pin){4, 1};
    assert_refused(sluice_partition_solve(&result, &w.problem), SLUICE_E_ARGUMENT,
                   "the pins contradict each other: layer 4 is pinned to stage 1, and layer 5 to "
                   "stage 0");
    w.pins[1] = (sluice_pin){4, 2};
    assert_refused(sluice_partition_solve(&result, &w.problem), SLUICE_E_ARGUMENT,
                   "layer 4 is pinned to stage 2; there are layers 0 to 11 and stages 0 to 1");
}

static void a_limit_below_one_layer_says_what_is_missing(void **state) {
    (void)state;
    world w;
    sluice_partition_result result;
    start_equal(&w);
    w.problem.memory_limits = w.limits;
    w.limits[1]             = 1000;
    assert_refused(sluice_partition_solve(&result, &w.problem), SLUICE_E_DEVICE_MEMORY,
                   "no split fits: in the one that comes closest rank 1 holds 1245184 bytes, "
                   "1244184 more than its limit of 1000");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(one_stage_per_rank_equals_all_splits),
        cmocka_unit_test(several_stages_per_rank_equal_all_splits),
        cmocka_unit_test(a_faster_device_gets_more_layers),
        cmocka_unit_test(a_slow_link_moves_the_cut_and_a_limit_moves_it_again),
        cmocka_unit_test(the_next_best_split_has_less_where_the_limit_is_lowered),
        cmocka_unit_test(bad_numbers_are_one_sentence),
        cmocka_unit_test(a_limit_below_one_layer_says_what_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
