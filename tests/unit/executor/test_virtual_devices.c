/* SPDX-License-Identifier: MIT */
/* test_virtual_devices.c -- virtual devices: on the real executor a step takes the time that the
 * simulator predicts. */
#include "tests/support/schedule_tools.h"

#include <math.h>
#include <stdatomic.h>

#include "sluice/gpt2.h"
#include "sluice/pipeline.h"
#include "sluice/virtual.h"

/* A pipeline of a virtual layer per stage; `costs` must outlive it. */
typedef struct setup {
    sluice_schedule *schedule;
    sluice_model *model;
    sluice_pipeline *pipeline;
    sluice_batch batch;
    double simulated;
} setup;

static setup open_setup(sluice_schedule *schedule, const sluice_simulation_costs *costs,
                        const sluice_stage_bytes *bytes, const bool *recompute) {
    setup it                        = {.schedule = schedule};
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_simulation *simulation;
    options.device    = "virtual";
    options.samples   = sluice_schedule_microbatches(schedule);
    options.costs     = costs;
    options.recompute = recompute;
    assert_ok(sluice_virtual_model(&it.model, bytes, sluice_schedule_stages(schedule), 2));
    assert_ok(sluice_pipeline_plan_and_open(&it.pipeline, it.model, schedule, NULL, &options));
    simulation   = simulate(sluice_pipeline_program(it.pipeline), costs);
    it.simulated = simulation->step;
    it.batch     = sluice_virtual_batch(options.samples);
    sluice_simulation_free(simulation);
    return it;
}

static void close_setup(setup *it) {
    sluice_pipeline_close(it->pipeline);
    sluice_model_free(it->model);
    sluice_schedule_free(it->schedule);
}

/* A step cannot take less time than simulated; on a shared machine at least one of several takes
 * little more. */
static void assert_takes(setup *it, const char *what) {
    double fastest = INFINITY;
    for (int n = 0; n < 20; n++) {
        sluice_result result;
        assert_ok(sluice_pipeline_step(&result, it->pipeline, &it->batch));
        if (result.seconds < it->simulated)
            fail_msg("%s: a step of %.6f s, simulated %.6f s", what, result.seconds, it->simulated);
        fastest = fmin(fastest, result.seconds);
        if (fastest < 1.4 * it->simulated + 2e-3) return;
    }
    fail_msg("%s: 20 steps of at least %.6f s, simulated %.6f s", what, fastest, it->simulated);
}

static void a_step_takes_what_was_simulated(void **state) {
    (void)state;
    static const struct {
        const char *schedule;
        int p, m;
        bool recompute;
    } rows[] = {
        {"gpipe", 2, 2, false},      {"gpipe", 4, 4, true},  {"gpipe-lifo", 3, 3, false},
        {"1f1b", 1, 2, false},       {"1f1b", 4, 6, true},   {"interleaved", 2, 4, false},
        {"zb1p", 3, 6, false},       {"zb2p", 3, 6, true},   {"zbv", 3, 6, false},
        {"v-half", 2, 5, true},      {"v-min", 2, 4, false}, {"dualpipev", 2, 4, false},
        {"looped-bfs", 2, 4, false},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        sluice_cost cost[MAX_STAGES];
        bool recompute[MAX_STAGES] = {rows[k].recompute, false, rows[k].recompute};
        for (int s = 0; s < MAX_STAGES; s++)
            cost[s] = (sluice_cost){1e-3 + 2e-4 * (s % 3), 2e-3, 1.5e-3};
        const sluice_simulation_costs costs = {.stages = cost, .latency = 5e-4, .update = 1e-3};
        setup it = open_setup(generate_schedule(rows[k].schedule, rows[k].p, rows[k].m), &costs,
                              NULL, recompute);
        assert_takes(&it, rows[k].schedule);
        close_setup(&it);
    }
}

/* The executor takes a group's time, not the sum of its actions. */
static void groups_take_less_than_their_sum(void **state) {
    (void)state;
    sluice_cost cost[MAX_STAGES];
    sluice_simulation_costs costs = equal_costs(cost, 2e-3, 2e-3, 2e-3);
    costs.overlap                 = 2.75 / 3;
    setup it = open_setup(generate_schedule("dualpipev", 4, 16), &costs, NULL, NULL);
    assert_near("simulated", it.simulated, 95.5 * 2e-3);
    double fastest = INFINITY; /* 102 actions, if groups took their sum */
    for (int n = 0; n < 40 && fastest >= 102 * 2e-3; n++) {
        sluice_result result;
        assert_ok(sluice_pipeline_step(&result, it.pipeline, &it.batch));
        fastest = fmin(fastest, result.seconds);
        if (result.seconds < it.simulated)
            fail_msg("a step of %g s, simulated %g s", result.seconds, it.simulated);
    }
    if (fastest >= 102 * 2e-3)
        fail_msg("40 steps of at least %g s, simulated %g s: groups take the sum of their actions",
                 fastest, it.simulated);
    close_setup(&it);
}

static void lateness_is_measured(void **state) {
    (void)state;
    sluice_cost cost[MAX_STAGES];
    sluice_simulation_costs costs = equal_costs(cost, 2e-3, 3e-3, 0);
    costs.overlap                 = 0.5;
    setup it        = open_setup(generate_schedule("dualpipev", 2, 6), &costs, NULL, NULL);
    double lateness = -1;
    assert_ok(sluice_virtual_lateness(&lateness, it.pipeline));
    if (!(lateness >= 0) || lateness > 60) fail_msg("a timer is %g s late", lateness);
    assert_near("shortest", sluice_virtual_shortest_action(it.pipeline), 1e-3); /* F in a group */
    close_setup(&it);
    const sluice_simulation_costs free = equal_costs(cost, 0, 0, 0);
    it = open_setup(generate_schedule("1f1b", 2, 2), &free, NULL, NULL);
    if (!isinf(sluice_virtual_shortest_action(it.pipeline))) fail_msg("actions that take no time");
    close_setup(&it);
}

/* The ledger has the requested costs, as the simulation's ledger does. */
static void the_ledger_is_that_of_the_costs(void **state) {
    (void)state;
    sluice_cost cost[MAX_STAGES];
    sluice_simulation_costs costs = equal_costs(cost, 2e-3, 3e-3, 1e-3);
    const bool recompute[3]       = {true, false, true};
    const double updates[3]       = {1e-3, 2e-3, 3e-3};
    costs.updates                 = updates;
    setup it = open_setup(generate_schedule("1f1b", 3, 4), &costs, NULL, recompute);
    const sluice_program *program = sluice_pipeline_program(it.pipeline);
    sluice_simulation *simulation = simulate(program, &costs);
    sluice_ledger said[3];
    sluice_result result;
    assert_ok(sluice_simulation_ledger(said, program, simulation, &costs));
    assert_ok(sluice_pipeline_step(&result, it.pipeline, &it.batch));
    static const sluice_ledger_entry entries[] = {SLUICE_LEDGER_FORWARD, SLUICE_LEDGER_INPUT,
                                                  SLUICE_LEDGER_WEIGHT, SLUICE_LEDGER_RECOMPUTE,
                                                  SLUICE_LEDGER_UPDATE};
    for (int r = 0; r < 3; r++)
        for (size_t e = 0; e < sizeof entries / sizeof *entries; e++)
            if (result.ledger[r].time[entries[e]] < said[r].time[entries[e]] - 1e-9)
                fail_msg("rank %d: %s takes %g s, simulated %g s", r,
                         sluice_ledger_name(entries[e]), result.ledger[r].time[entries[e]],
                         said[r].time[entries[e]]);
    if (said[0].time[SLUICE_LEDGER_RECOMPUTE] == 0) fail_msg("nothing is recomputed");
    sluice_simulation_free(simulation);
    close_setup(&it);
}

/* Messages take their link's time: latency, size over bandwidth, one after another. */
static void transfers_take_the_time_of_their_link(void **state) {
    (void)state;
    static const sluice_link_cost slow[] = {{0, 1, 0, 1e8}, {1, 0, 0.004, 0}};
    static const struct {
        const char *what;
        double latency, bandwidth;
        int links;
        size_t output;
        double fastest; /* seconds, counted by hand */
    } rows[] = {
        /* 3 transfers there, one after another; 3 back, the last after them: at least one more */
        {"latency", 0.005, 0, 0, 4, 4 * 0.005},
        {"bandwidth", 0, 1e8, 0, 1000000, 4 * 0.010},
        {"separate links", 0, 0, 2, 1000000, 3 * 0.010 + 0.004},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        sluice_cost cost[MAX_STAGES];
        sluice_simulation_costs costs     = equal_costs(cost, 0, 0, 0);
        const sluice_stage_bytes bytes[2] = {{.output = rows[k].output}, {.output = 4}};
        costs.latency                     = rows[k].latency;
        costs.bandwidth                   = rows[k].bandwidth;
        costs.links                       = slow;
        costs.link_count                  = rows[k].links;
        setup it = open_setup(generate_schedule("gpipe", 2, 3), &costs, bytes, NULL);
        assert_takes(&it, rows[k].what);
        if (it.simulated < rows[k].fastest - 1e-9)
            fail_msg("%s: simulated %g s, by hand %g s", rows[k].what, it.simulated,
                     rows[k].fastest);
        close_setup(&it);
    }
}

/* More memory than any machine has: only address space is used. */
static void memory_is_only_address_space(void **state) {
    (void)state;
    const size_t much = (size_t)1 << 35;
    sluice_cost cost[MAX_STAGES];
    const sluice_simulation_costs costs = equal_costs(cost, 0, 0, 0);
    sluice_stage_bytes bytes[4];
    for (int s = 0; s < 4; s++) bytes[s] = (sluice_stage_bytes){much / 8, much, 64, 64, much};
    setup it = open_setup(generate_schedule("1f1b", 4, 4), &costs, bytes, NULL);
    sluice_result result;
    assert_ok(sluice_pipeline_step(&result, it.pipeline, &it.batch));
    const sluice_program_bytes planned =
        sluice_program_memory(sluice_pipeline_program(it.pipeline), 0);
    if (planned.parameters + planned.gradients + planned.states < much ||
        planned.parameters + planned.gradients + planned.states > much + 65536)
        fail_msg("%zu + %zu + %zu bytes are permanent, of %zu", planned.parameters,
                 planned.gradients, planned.states, much);
    if (planned.transient < 4 * much) fail_msg("only %zu bytes are transient", planned.transient);
    close_setup(&it);
}

/* A real model's program, its ties and its recomputation included, at the costs of another machine.
 */
static void real_models_run_on_virtual_devices(void **state) {
    (void)state;
    sluice_cost cost[MAX_STAGES];
    const sluice_simulation_costs costs = equal_costs(cost, 1e-3, 1e-3, 1e-3);
    const sluice_gpt_config config      = {40, 16, 24, 2, 3, true, 0.1F};
    sluice_schedule *schedule           = generate_schedule("zbv", 3, 6);
    sluice_pipeline_options options     = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_batch batch                  = sluice_virtual_batch(13);
    sluice_model *model;
    sluice_pipeline *pipeline;
    sluice_result result;
    double loss = -1;
    assert_ok(sluice_gpt_model(&model, &config, 12));
    options.device  = "virtual";
    options.samples = 13;
    options.costs   = &costs;
    assert_ok(sluice_pipeline_plan_and_open(&pipeline, model, schedule, NULL, &options));
    assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
    assert_ok(sluice_pipeline_evaluate(&loss, pipeline, &batch));
    if (result.seconds < 0.036) fail_msg("36 actions of 1 ms take %g s", result.seconds);
    float value;
    assert_refused(sluice_pipeline_read_parameter(&value, 1, pipeline, "transformer.ln_f.weight"),
                   SLUICE_E_UNSUPPORTED, "virtual devices hold no values of parameters");
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
    sluice_schedule_free(schedule);
}

static sluice_status refuse_third(void *context, void *to, int64_t first, int64_t samples) {
    (void)context, (void)to, (void)samples;
    return first == 2 ? sluice_fail(SLUICE_E_IO, "the disk is gone") : SLUICE_OK;
}

/* A rank that sleeps an hour is woken when another one fails. */
static void a_failure_ends_every_sleep(void **state) {
    (void)state;
    sluice_cost cost[MAX_STAGES];
    sluice_simulation_costs costs = equal_costs(cost, 0, 0, 0);
    cost[0].forward               = 0.1; /* rank 1 begins while the second runs */
    cost[1].forward               = 3600;
    setup it = open_setup(generate_schedule("gpipe", 2, 3), &costs, NULL, NULL);
    sluice_result result;
    it.batch.parts[0].load = refuse_third;
    assert_refused(
        sluice_pipeline_step(&result, it.pipeline, &it.batch), SLUICE_E_CALLBACK,
        "rank 0, stage 0, 0F2: loading 'inputs' of samples 2 to 2 failed: the disk is gone");
    close_setup(&it);
}

static void wrong_costs_are_refused(void **state) {
    (void)state;
    sluice_cost cost[MAX_STAGES];
    sluice_simulation_costs good = equal_costs(cost, 0, 0, 0), bad = good, negative = good;
    static const sluice_cost less[] = {{0, 0, 0}, {0, -1, 0}};
    bad.gradient_transfer           = 1;
    negative.stages                 = less;
    const struct {
        const char *device;
        const sluice_simulation_costs *costs;
        sluice_status status;
        const char *says;
    } rows[] = {
        {"virtual", NULL, SLUICE_E_ARGUMENT, "a virtual device needs the costs of actions"},
        {"virtual", &bad, SLUICE_E_ARGUMENT, "activations take 0 s and gradients 1 s on any link"},
        {"virtual", &negative, SLUICE_E_ARGUMENT,
         "stage 1 costs 0, -1, 0; a cost is a finite number, 0 or more"},
        {"cpu", NULL, SLUICE_E_UNSUPPORTED, "layer 'stage0': kind 'virtual' has no code for cpu"},
    };
    sluice_schedule *schedule = generate_schedule("1f1b", 2, 2);
    sluice_pipeline *pipeline;
    sluice_model *model, *real;
    assert_ok(sluice_virtual_model(&model, NULL, 2, 2));
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    options.samples                 = 2;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        options.device = rows[k].device;
        options.costs  = rows[k].costs;
        assert_refused(sluice_pipeline_plan_and_open(&pipeline, model, schedule, NULL, &options),
                       rows[k].status, rows[k].says);
    }
    const sluice_gpt_config config = {40, 16, 24, 2, 3, true, 0};
    assert_ok(sluice_gpt_model(&real, &config, 12));
    options.device = "cpu";
    options.costs  = &good;
    assert_refused(sluice_pipeline_plan_and_open(&pipeline, real, schedule, NULL, &options),
                   SLUICE_E_ARGUMENT, "costs are for virtual devices, and the device is cpu");
    const sluice_virtual_config none = {.parameters = -1};
    sluice_model_free(real);
    assert_ok(sluice_model_create(&real, &(sluice_shape){SLUICE_TYPE_F32, 1, {1}}));
    assert_refused(sluice_model_add(real, sluice_layer_virtual(), &none, "none"), SLUICE_E_ARGUMENT,
                   "a virtual layer has -1 parameters");
    sluice_model_free(real);
    sluice_model_free(model);
    sluice_schedule_free(schedule);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_takes_what_was_simulated),
        cmocka_unit_test(groups_take_less_than_their_sum),
        cmocka_unit_test(lateness_is_measured),
        cmocka_unit_test(the_ledger_is_that_of_the_costs),
        cmocka_unit_test(transfers_take_the_time_of_their_link),
        cmocka_unit_test(memory_is_only_address_space),
        cmocka_unit_test(real_models_run_on_virtual_devices),
        cmocka_unit_test(a_failure_ends_every_sleep),
        cmocka_unit_test(wrong_costs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
