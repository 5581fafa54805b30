/* SPDX-License-Identifier: MIT */
/* test_precision_plan.c -- the effect of a run's precision on the memory plan and on transfers. */
#include "runtime/program/compiled.h"
#include "sluice/gpt2.h"
#include "sluice/plan.h"
#include "tests/support/support.h"

enum { LENGTH = 8, WIDTH = 32, VOCABULARY = 48, SAMPLES = 7, MICROBATCHES = 3 };
/* A micro-batch of one sample fills whole alignment units in both precisions, so that halves are
 * exact. */
_Static_assert(LENGTH *WIDTH * 2 % 256 == 0, "edges are whole units");

static sluice_model *make_model(bool tied) {
    const sluice_gpt_config config = {VOCABULARY, LENGTH, WIDTH, 2, 4, tied, 0};
    sluice_model *model;
    assert_ok(sluice_gpt_model(&model, &config, LENGTH));
    return model;
}

static sluice_program *compile(const sluice_model *model, const char *name, int ranks,
                               const bool *recompute, sluice_precision precision) {
    sluice_schedule_options shape = SLUICE_SCHEDULE_OPTIONS_INIT;
    shape.ranks                   = ranks;
    shape.microbatches            = MICROBATCHES;
    sluice_schedule *schedule;
    sluice_split split;
    sluice_program *program;
    assert_ok(sluice_schedule_generate(&schedule, name, &shape));
    assert_ok(sluice_split_from_model(&split, model, sluice_schedule_stages(schedule), SAMPLES,
                                      MICROBATCHES));
    sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    options.samples                = SAMPLES;
    options.precision              = precision;
    options.recompute              = recompute;
    assert_ok(sluice_program_compile(&program, schedule, model, &split, &options));
    sluice_schedule_free(schedule);
    return program;
}

/* The same program in both precisions; TF32 is planned as fp32 is. */
typedef struct pair {
    sluice_model *model;
    sluice_program *wide, *narrow;
} pair;

static pair pair_make(bool tied, const char *name, int ranks, const bool *recompute) {
    pair p   = {.model = make_model(tied)};
    p.wide   = compile(p.model, name, ranks, recompute, SLUICE_PRECISION_FP32);
    p.narrow = compile(p.model, name, ranks, recompute, SLUICE_PRECISION_BF16);
    return p;
}

static void pair_free(pair *p) {
    sluice_program_free(p->wide);
    sluice_program_free(p->narrow);
    sluice_model_free(p->model);
}

/* ---- transient buffers ---- */

static size_t bytes_of(const sluice_program *program, int rank, const sluice_instruction *at,
                       int role) {
    return sluice_program_slot(program, rank, at, role).bytes;
}

static void check_slots(const sluice_program *wide, const sluice_program *narrow, int rank) {
    int count, other;
    const sluice_instruction *const a = sluice_program_list(&count, wide, rank);
    const sluice_instruction *const b = sluice_program_list(&other, narrow, rank);
    assert_int_equal(count, other);
    for (int n = 0; n < count; n++) {
        assert_int_equal(a[n].kind, b[n].kind);
        if (a[n].kind == SLUICE_INSTRUCTION_WAIT || a[n].payload == SLUICE_PAYLOAD_TIE) continue;
        for (int role = SLUICE_ROLE_INPUT; role <= SLUICE_ROLE_INPUT_GRADIENT; role++) {
            /* Tokens are integers in every precision. */
            const bool tokens = role == SLUICE_ROLE_INPUT && a[n].stage == 0 && a[n].peer < 0;
            assert_int_equal(bytes_of(narrow, rank, &b[n], role),
                             bytes_of(wide, rank, &a[n], role) / (tokens ? 1 : 2));
        }
        assert_int_equal(bytes_of(narrow, rank, &b[n], SLUICE_ROLE_BATCH),
                         bytes_of(wide, rank, &a[n], SLUICE_ROLE_BATCH));
        if (bytes_of(wide, rank, &a[n], SLUICE_ROLE_OUTPUT) == 0) continue;
        const size_t samples = (size_t)sluice_program_samples(wide, a[n].microbatch);
        assert_int_equal(bytes_of(narrow, rank, &b[n], SLUICE_ROLE_OUTPUT),
                         samples * LENGTH * WIDTH * 2);
    }
}

static void edges_are_half_as_large(void **state) {
    (void)state;
    static const char *const names[] = {"gpipe", "1f1b", "zb1p"};
    for (int k = 0; k < 6; k++) {
        pair p = pair_make(k % 2, names[k / 2], 3, NULL);
        for (int r = 0; r < 3; r++) check_slots(p.wide, p.narrow, r);
        pair_free(&p);
    }
}

/* Tensors that F saves: activations are half as large as in fp32, statistics the same. */
static void saved_activations_are_half_as_large(void **state) {
    (void)state;
    sluice_model *const model = make_model(true);
    enum { ROWS = 2 * LENGTH, STATISTICS = 2 * ROWS * 4, LSE = ROWS * 4 * 4 };
    for (int l = 0; l < sluice_model_layer_count(model); l++) {
        sluice_layer_description wide, narrow;
        assert_ok(sluice_model_describe(&wide, model, l, 2, SLUICE_PRECISION_FP32));
        assert_ok(sluice_model_describe(&narrow, model, l, 2, SLUICE_PRECISION_BF16));
        size_t saved[2] = {0, 0};
        for (int k = 0; k < wide.saved_count; k++) saved[0] += wide.saved[k].bytes;
        for (int k = 0; k < narrow.saved_count; k++) saved[1] += narrow.saved[k].bytes;
        size_t fp32 = wide.saved_count > 0 ? STATISTICS : 0;
        if (strcmp(sluice_model_layer_kind(model, l)->name, "attention") == 0) fp32 += LSE;
        assert_int_equal(saved[1] - fp32, (saved[0] - fp32) / 2);
        for (int k = 0; k < wide.stash_count; k++)
            assert_int_equal(narrow.stash[k], wide.stash[k] / 2);
        for (int k = 0; k < wide.parameter_count; k++)
            assert_int_equal(narrow.parameters[k].shape.type, SLUICE_TYPE_F32);
        assert_int_equal(sluice_shape_bytes(&narrow.output), sluice_shape_bytes(&wide.output) / 2);
    }
    sluice_model_free(model);
}

/* ---- permanent buffers ---- */

/* Bytes of the working copies of rank `rank`: once for each parameter used there. */
static size_t copies_of(const pair *p, int rank) {
    size_t bytes      = 0;
    const int uses    = sluice_model_use_count(p->model);
    bool *const taken = calloc((size_t)uses, sizeof *taken);
    assert_non_null(taken);
    for (int u = 0; u < uses; u++) {
        const sluice_parameter_use *const use = sluice_model_use(p->model, u);
        int first = 0, last = 0, stage = 0;
        for (; stage < sluice_program_stages(p->narrow); stage++) {
            sluice_program_stage_layers(&first, &last, p->narrow, stage);
            if (use->layer <= last) break;
        }
        if (sluice_program_stage_rank(p->narrow, stage) != rank || taken[use->first]) continue;
        taken[use->first] = true;
        bytes += sluice__align(2 * (size_t)sluice_shape_count(&use->parameter.shape));
    }
    free(taken);
    return bytes;
}

static void check_permanent(const pair *p, int ranks) {
    for (int r = 0; r < ranks; r++) {
        const sluice_program_bytes a = sluice_program_memory(p->wide, r);
        const sluice_program_bytes b = sluice_program_memory(p->narrow, r);
        assert_int_equal(a.parameters, b.parameters);
        assert_int_equal(a.gradients, b.gradients);
        assert_int_equal(a.states, b.states);
        assert_int_equal(a.bookkeeping, b.bookkeeping);
        assert_int_equal(a.working, 0);
        assert_int_equal(b.working, copies_of(p, r));
        if (b.transient >= a.transient || b.live > b.arena)
            fail_msg("rank %d: %zu bytes come and go, %zu in fp32", r, b.transient, a.transient);
        assert_int_equal(b.arena, b.parameters + b.working + b.gradients + b.states +
                                      b.bookkeeping + b.transient);
    }
}

static void masters_stay_and_copies_are_counted(void **state) {
    (void)state;
    static const bool recompute[8] = {false, true, true};
    for (int k = 0; k < 16; k++) {
        const int ranks = 1 + k / 4;
        pair p          = pair_make(k % 2, "1f1b", ranks, k & 2 ? recompute : NULL);
        check_permanent(&p, ranks);
        pair_free(&p);
    }
}

/* Each rank that holds a tied parameter has a copy of it, and only one. */
static void every_rank_with_a_tie_has_a_copy(void **state) {
    (void)state;
    const size_t table = (size_t)VOCABULARY * WIDTH * 2;
    for (int ranks = 1; ranks <= 3; ranks++) {
        pair tied        = pair_make(true, "1f1b", ranks, NULL),
             apart       = pair_make(false, "1f1b", ranks, NULL);
        size_t copies[2] = {0, 0};
        for (int r = 0; r < ranks; r++) {
            copies[0] += sluice_program_memory(tied.narrow, r).working;
            copies[1] += sluice_program_memory(apart.narrow, r).working;
        }
        assert_int_equal(copies[0], copies[1] - (ranks == 1 ? table : 0));
        pair_free(&tied);
        pair_free(&apart);
    }
}

static void tf32_is_planned_as_fp32(void **state) {
    (void)state;
    pair p                = pair_make(true, "1f1b", 3, NULL);
    sluice_program *other = compile(p.model, "1f1b", 3, NULL, SLUICE_PRECISION_TF32);
    for (int r = 0; r < 3; r++) {
        const sluice_program_bytes a = sluice_program_memory(p.wide, r);
        const sluice_program_bytes b = sluice_program_memory(other, r);
        assert_memory_equal(&a, &b, sizeof a);
    }
    sluice_program_free(other);
    pair_free(&p);
}

static void a_precision_that_does_not_exist_is_refused(void **state) {
    (void)state;
    sluice_model *const model      = make_model(true);
    sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    sluice_schedule_options shape  = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_schedule *schedule      = NULL;
    sluice_program *program        = NULL;
    sluice_split split             = {.stages = 1, .first = {0, sluice_model_layer_count(model)}};
    assert_ok(sluice_schedule_generate(&schedule, "gpipe", &shape));
    options.samples   = SAMPLES;
    options.precision = (sluice_precision)SLUICE_PRECISIONS;
    assert_refused(sluice_program_compile(&program, schedule, model, &split, &options),
                   SLUICE_E_UNSUPPORTED, "precision 3 does not exist");
    assert_null(program);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
}

/* A device may want other copies: packed ones, or none of some parameters. */
static size_t pack_matrices(const sluice_shape *parameter) {
    return parameter->dim_count == 2 ? sluice_shape_bytes(parameter) + 1000 : 0;
}

static void a_device_chooses_the_size_of_its_copies(void **state) {
    (void)state;
    sluice_model *const model      = make_model(false);
    sluice_schedule_options shape  = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    options.samples                = SAMPLES;
    options.working_bytes          = pack_matrices;
    shape.microbatches             = MICROBATCHES;
    sluice_schedule *schedule      = NULL;
    sluice_program *program        = NULL;
    sluice_split split             = {.stages = 1, .first = {0, sluice_model_layer_count(model)}};
    size_t expected                = 0;
    assert_ok(sluice_schedule_generate(&schedule, "gpipe", &shape));
    assert_ok(sluice_program_compile(&program, schedule, model, &split, &options));
    for (int u = 0; u < sluice_model_use_count(model); u++) {
        const sluice_shape *const its = &sluice_model_use(model, u)->parameter.shape;
        const size_t bytes            = pack_matrices(its);
        const sluice__value *value    = &program->rank[0].values[u];
        assert_int_equal(value->working_bytes, bytes);
        /* Layers read the copy where there is one, else the master. */
        assert_int_equal(program->use_values[u], bytes > 0 ? value->working : value->master);
        expected += sluice__align(bytes);
    }
    assert_int_equal(sluice_program_memory(program, 0).working, expected);
    sluice_program_free(program);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
}

/* ---- transfers, simulated ---- */

static void transfers_take_half_the_time(void **state) {
    (void)state;
    pair p                              = pair_make(false, "1f1b", 3, NULL);
    static const sluice_cost stages[3]  = {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}};
    const sluice_simulation_costs costs = {.stages = stages, .bandwidth = 4096};
    sluice_simulation *wide, *narrow;
    assert_ok(sluice_program_simulate(&wide, p.wide, &costs));
    assert_ok(sluice_program_simulate(&narrow, p.narrow, &costs));
    assert_int_equal(wide->transfer_count, 2 * 2 * MICROBATCHES);
    assert_int_equal(narrow->transfer_count, wide->transfer_count);
    if (narrow->transferring != wide->transferring / 2)
        fail_msg("transfers take %g, in fp32 %g", narrow->transferring, wide->transferring);
    sluice_simulation_free(wide);
    sluice_simulation_free(narrow);
    pair_free(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_are_half_as_large),
        cmocka_unit_test(saved_activations_are_half_as_large),
        cmocka_unit_test(masters_stay_and_copies_are_counted),
        cmocka_unit_test(every_rank_with_a_tie_has_a_copy),
        cmocka_unit_test(tf32_is_planned_as_fp32),
        cmocka_unit_test(a_precision_that_does_not_exist_is_refused),
        cmocka_unit_test(a_device_chooses_the_size_of_its_copies),
        cmocka_unit_test(transfers_take_half_the_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
