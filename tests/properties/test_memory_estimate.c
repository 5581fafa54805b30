/* SPDX-License-Identifier: MIT */
/*
 * test_memory_estimate.c -- what the partitioner takes ranks to hold against what the memory plan
 * of the same model, schedule and split allocates: within 10 % and 64 KiB, for every schedule; and
 * what they hold never so far above it that a search would forbid what fits.
 */
#include "tests/support/support.h"

#include <math.h>

#include "sluice/gpt2.h"
#include "sluice/plan.h"

enum { TRIALS = 1000, MAX_RANKS = 4, MAX_STAGES = 16 };
static const double live_share = 0.25, arena_share = 0.1, bytes = 65536;
static const double allowed_share = 0.05; /* sluice__split_allowed() */

typedef struct trial {
    sluice_gpt_config config;
    int length, ranks, chunks, microbatches, states;
    int64_t samples; /* of a micro-batch */
    sluice_precision precision;
    const char *schedule;
    bool recompute[MAX_STAGES];
    sluice_split split;
} trial;

static const char *draw_schedule(uint64_t *random) {
    const char *const *names = sluice_schedule_names();
    int count                = 0;
    while (names[count]) count++;
    return names[test_random_int(random, 0, count - 1)];
}

static int draw_chunks(uint64_t *random, const char *schedule) {
    sluice_schedule_description about;
    assert_ok(sluice_schedule_describe(&about, schedule));
    const int highest = about.max_chunks > 0 ? about.max_chunks : 3;
    return test_random_int(random, about.min_chunks, highest > 3 ? 3 : highest);
}

static trial draw_trial(uint64_t *random) {
    const int width = 64 * test_random_int(random, 1, 8);
    trial t         = {.length       = 32 * test_random_int(random, 1, 16),
                       .ranks        = test_random_int(random, 1, MAX_RANKS),
                       .microbatches = test_random_int(random, 1, 12),
                       .states       = test_random_int(random, 0, 2),
                       .samples      = test_random_int(random, 1, 4),
                       .schedule     = draw_schedule(random)};
    t.precision     = test_random_int(random, 0, 3) ? SLUICE_PRECISION_FP32 : SLUICE_PRECISION_BF16;
    t.chunks        = draw_chunks(random, t.schedule);
    t.config        = (sluice_gpt_config){
               test_random_int(random, 64, 8192), t.length, width, test_random_int(random, 7, 12), 4,
               test_random_int(random, 0, 1),     0};
    const int recompute = test_random_int(random, 0, 2); /* no stage, some, all */
    for (int s = 0; s < MAX_STAGES; s++)
        t.recompute[s] = recompute == 2 || (recompute == 1 && test_random_int(random, 0, 1));
    return t;
}

/* A GPT; or linear layers of any width, with relu between some, whose inputs stay until W. */
static sluice_model *make_model(const trial *t, uint64_t *random, int n) {
    sluice_model *model;
    int64_t width = t->config.width;
    char name[32];
    if (n % 4 > 0) {
        assert_ok(sluice_gpt_model(&model, &t->config, t->length));
        return model;
    }
    assert_ok(sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_F32, 2, {t->length, width}}));
    for (int l = 0; l < 18; l++) {
        const sluice_linear_config config = {
            .inputs = width, .outputs = 64 * (int64_t)test_random_int(random, 1, 8)};
        const bool is_linear = test_random_int(random, 0, 2) > 0;
        (void)snprintf(name, sizeof name, "layer%d", l);
        assert_ok(sluice_model_add(model, is_linear ? sluice_layer_linear() : sluice_layer_relu(),
                                   is_linear ? &config : NULL, name));
        if (is_linear) width = config.outputs;
    }
    assert_ok(sluice_model_add(model, sluice_layer_squared_error(), NULL, "loss"));
    return model;
}

/* Cuts anywhere. */
static void draw_split(sluice_split *split, uint64_t *random, int layers, int stages) {
    split->stages        = stages;
    split->first[0]      = 0;
    split->first[stages] = layers;
    for (int s = 1; s < stages; s++) {
        const int left  = stages - s;
        const int first = split->first[s - 1] + 1;
        const int even  = first + 2 * (layers - left - first) / (left + 1);
        split->first[s] = test_random_int(random, first, even < first ? first : even);
    }
}

static sluice_schedule *make_schedule(const trial *t) {
    sluice_schedule *schedule;
    sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
    options.ranks                   = t->ranks;
    options.chunks                  = t->chunks;
    options.microbatches            = t->microbatches;
    assert_ok(sluice_schedule_generate(&schedule, t->schedule, &options));
    return schedule;
}

static sluice_program *compile(const trial *t, const sluice_schedule *schedule,
                               const sluice_model *model) {
    sluice_program *program;
    sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    options.samples                = model ? t->samples * t->microbatches : t->microbatches;
    options.states                 = t->states;
    options.precision              = model ? t->precision : SLUICE_PRECISION_FP32;
    options.recompute              = t->recompute;
    assert_ok(
        sluice_program_compile(&program, schedule, model, model ? &t->split : NULL, &options));
    return program;
}

static void estimate(sluice_partition_load *loads, const trial *t, const sluice_schedule *schedule,
                     const sluice_model *model) {
    const int stages = sluice_schedule_stages(schedule);
    int stage_ranks[MAX_STAGES], count;
    sluice_profile_layer *rows;
    sluice_held *held;
    sluice_held_buffer *buffers;
    sluice_partition problem = SLUICE_PARTITION_INIT;
    sluice_program *program  = compile(t, schedule, NULL);
    assert_ok(sluice_model_rows(&rows, model, t->samples, t->precision));
    assert_ok(sluice_held_make(&held, &count, program));
    assert_ok(sluice_held_buffers_make(&buffers, &problem.buffer_count, program));
    const sluice_profile_layer *layers[MAX_RANKS] = {rows, rows, rows, rows};
    for (int s = 0; s < stages; s++) stage_ranks[s] = sluice_schedule_stage_rank(schedule, s);
    problem.layer_count   = sluice_model_layer_count(model);
    problem.stages        = stages;
    problem.ranks         = t->ranks;
    problem.layers        = layers;
    problem.stage_ranks   = stage_ranks;
    problem.held          = held;
    problem.held_count    = count;
    problem.buffers       = buffers;
    problem.states        = t->states;
    problem.working_share = t->precision == SLUICE_PRECISION_BF16 ? 0.5 : 0;
    assert_ok(sluice_partition_loads(loads, &problem, &t->split));
    sluice_held_free(held);
    sluice_held_buffers_free(buffers);
    sluice_model_rows_free(rows, problem.layer_count);
    sluice_program_free(program);
}

static int by_size(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void fail_trial(const trial *t, int n, int rank, const char *what, double estimated,
                       double planned) {
    fail_msg(
        "trial %d, %s, %d ranks x %d, %d micro-batches, recompute %d%d%d%d, rank %d: %.0f bytes "
        "estimated, %.0f %s (%+.1f %%)",
        n, t->schedule, t->ranks, t->chunks, t->microbatches, t->recompute[0], t->recompute[1],
        t->recompute[2], t->recompute[3], rank, estimated, planned, what,
        100 * (estimated / planned - 1));
}

typedef struct tally {
    double errors[TRIALS * MAX_RANKS];
    int count;
} tally;

static bool is_close(double estimated, double planned, double share) {
    return fabs(estimated - planned) <= share * planned + bytes;
}

static void check_ranks(tally *all, const trial *t, int n, const sluice_program *program,
                        const sluice_partition_load *loads) {
    for (int r = 0; r < t->ranks; r++) {
        const sluice_program_bytes plan = sluice_program_memory(program, r);
        const double arena = (double)plan.arena, live = (double)plan.live;
        if (!is_close(loads[r].bytes, live, live_share))
            fail_trial(t, n, r, "alive at once", loads[r].bytes, live);
        if (loads[r].bytes > arena + allowed_share * arena + bytes)
            fail_trial(t, n, r, "allocated, and the search would forbid it", loads[r].bytes, arena);
        if (!is_close(loads[r].arena, arena, arena_share))
            fail_trial(t, n, r, "allocated", loads[r].arena, arena);
        all->errors[all->count++] = fabs(loads[r].arena / arena - 1);
    }
}

static void check_trial(tally *all, uint64_t *random, int n) {
    trial t = draw_trial(random);
    sluice_model *model;
    sluice_partition_load loads[MAX_RANKS];
    if (n % 4 == 0) t.precision = SLUICE_PRECISION_FP32; /* what a squared error takes */
    model                     = make_model(&t, random, n);
    sluice_schedule *schedule = make_schedule(&t);
    draw_split(&t.split, random, sluice_model_layer_count(model), sluice_schedule_stages(schedule));
    estimate(loads, &t, schedule, model);
    sluice_program *program = compile(&t, schedule, model);
    check_ranks(all, &t, n, program, loads);
    sluice_program_free(program);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
}

static void an_estimate_is_close_to_the_plan(void **state) {
    (void)state;
    static tally all;
    uint64_t random = test_seed();
    for (int n = 0; n < TRIALS; n++) check_trial(&all, &random, n);
    qsort(all.errors, (size_t)all.count, sizeof *all.errors, by_size);
    print_message("%d ranks: off by %.2f %% in the median, %.2f %% at 90 of 100, %.2f %% at most\n",
                  all.count, 100 * all.errors[all.count / 2], 100 * all.errors[9 * all.count / 10],
                  100 * all.errors[all.count - 1]);
    assert_true(all.errors[all.count / 2] <= 0.02);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_estimate_is_close_to_the_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
