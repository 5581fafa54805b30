/* SPDX-License-Identifier: MIT */
/* test_ledger.c -- where a step's time went: computed by hand, as sums, and as measured in a real
 * run. */
#include "tests/support/isolated_transport.h"
#include "tests/support/schedule_tools.h"

#include <time.h>

#include "runtime/executor/executor.h"
#include "runtime/program/simulate/charges.h"
#include "sluice/gpt2.h"
#include "sluice/ledger.h"
#include "sluice/pipeline.h"

static sluice__parts parts; /* the usual transport, or, by the argument, the isolated one */

enum { MAX_RANKS = 8 };

static double sum_of(const sluice_ledger *ledger) {
    double sum = ledger->unaccounted;
    for (int e = 0; e < SLUICE_LEDGER_ENTRIES; e++) sum += ledger->time[e];
    return sum;
}

/* ---- simulated ---- */

/* F 1, I 2, W 3, a transfer 0.5, the update 1; see the sums in each row. */
static void entries_agree_with_hand_calculation(void **state) {
    (void)state;
    static const struct {
        const char *schedule;
        bool recompute;
        double step, rows[2][SLUICE_LEDGER_ENTRIES];
    } table[] = {
        /*                                 F  I  W  again  up   down transfer update idle send */
        {"gpipe",
         false,
         20,
         {{2, 4, 6, 0, 0, 6.5, 0.5, 1, 0, 0}, {2, 4, 6, 0, 1, 0, 0.5, 1, 5, 0.5}}},
        {"1f1b",
         true,
         21,
         {{2, 4, 6, 4, 0, 3.5, 0.5, 1, 0, 0}, {2, 4, 6, 0, 1, 0, 0.5, 1, 6, 0.5}}},
        {"zb1p",
         false,
         16,
         {{2, 4, 6, 0, 0, 2.5, 0.5, 1, 0, 0}, {2, 4, 6, 0, 1, 0, 0.5, 1, 1.5, 0}}},
    };
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        const bool recompute[2]         = {table[k].recompute, false};
        const double again[2]           = {2, 2};
        sluice_program_options settings = SLUICE_PROGRAM_OPTIONS_INIT;
        sluice_cost cost[MAX_STAGES];
        sluice_simulation_costs costs = equal_costs(cost, 1, 2, 3);
        sluice_schedule *schedule     = generate_schedule(table[k].schedule, 2, 2);
        sluice_program *program;
        sluice_ledger ledger[2];
        settings.recompute = recompute;
        costs.latency      = 0.5;
        costs.update       = 1;
        costs.recompute    = again;
        assert_ok(sluice_program_compile(&program, schedule, NULL, NULL, &settings));
        sluice_simulation *simulation = simulate(program, &costs);
        assert_ok(sluice_simulation_ledger(ledger, program, simulation, &costs));
        for (int r = 0; r < 2; r++) {
            char what[96];
            for (int e = 0; e < SLUICE_LEDGER_ENTRIES; e++) {
                snprintf(what, sizeof what, "%s, rank %d, %s", table[k].schedule, r,
                         sluice_ledger_name((sluice_ledger_entry)e));
                assert_near(what, ledger[r].time[e], table[k].rows[r][e]);
            }
            assert_near("step", ledger[r].step, table[k].step);
            assert_near("unaccounted", ledger[r].unaccounted, 0);
        }
        sluice_simulation_free(simulation);
        sluice_program_free(program);
        sluice_schedule_free(schedule);
    }
}

/* For every schedule under random costs: no entry is negative, all entries sum to the step, and
 * compute entries are the costs of the actions. */
static void simulated_ledgers_sum_to_the_step(void **state) {
    (void)state;
    uint64_t seed = test_seed();
    for (int k = 0; k < (getenv("SLUICE_LONG") ? 2000 : 200); k++) {
        const char *const *names = sluice_schedule_names();
        int count                = 0;
        while (names[count]) count++;
        const char *name          = names[test_random_int(&seed, 0, count - 1)];
        const int p               = test_random_int(&seed, 1, MAX_RANKS);
        const int m               = p * test_random_int(&seed, 1, 3);
        sluice_schedule *schedule = generate_schedule(name, p, m);
        const int stages          = sluice_schedule_stages(schedule);
        const bool trains         = sluice_schedule_trains(schedule);
        sluice_program *program   = compile_over(schedule, (sluice_queues)(k % 2));
        sluice_cost cost[MAX_STAGES];
        sluice_simulation_costs costs = equal_costs(cost, 1, 1, 1);
        double forward = 0, input = 0, weight = 0, got[3] = {0, 0, 0};
        for (int s = 0; s < stages; s++) {
            cost[s] = (sluice_cost){test_random_int(&seed, 0, 9), test_random_int(&seed, 0, 9),
                                    test_random_int(&seed, 0, 9)};
            forward += m * cost[s].forward;
            input += trains ? m * cost[s].input : 0;
            weight += trains ? m * cost[s].weight : 0;
        }
        costs.latency                 = 0.25 * test_random_int(&seed, 0, 4);
        costs.update                  = test_random_int(&seed, 0, 3);
        sluice_simulation *simulation = simulate(program, &costs);
        sluice_ledger ledger[MAX_RANKS];
        assert_ok(sluice_simulation_ledger(ledger, program, simulation, &costs));
        for (int r = 0; r < p; r++) {
            for (int e = 0; e < SLUICE_LEDGER_ENTRIES; e++)
                if (!(ledger[r].time[e] >= 0))
                    fail_msg("%s, p %d, m %d, rank %d: %s is %g", name, p, m, r,
                             sluice_ledger_name((sluice_ledger_entry)e), ledger[r].time[e]);
            assert_near("sum", sum_of(&ledger[r]), simulation->step);
            assert_near("unaccounted", ledger[r].unaccounted, 0);
            for (int e = 0; e < 3; e++)
                got[e] += ledger[r].time[e == 0   ? SLUICE_LEDGER_FORWARD
                                         : e == 1 ? SLUICE_LEDGER_INPUT
                                                  : SLUICE_LEDGER_WEIGHT];
        }
        assert_near("F of all", got[0], forward);
        assert_near("I of all", got[1], input);
        assert_near("W of all", got[2], weight);
        sluice_simulation_free(simulation);
        sluice_program_free(program);
    }
}

/* ---- hand-made records: one instruction takes all the time ---- */

/* What is charged for an instruction like this one. In a wait, the other end is posted before it,
 * or not until its end. */
static const struct charge {
    const char *words;
    sluice_instruction_kind kind;
    sluice_payload payload; /* of posts and waits */
    bool sends, late;
    sluice_ledger_entry entry;
} charges[] = {
    {"F", SLUICE_INSTRUCTION_FORWARD, 0, false, false, SLUICE_LEDGER_FORWARD},
    {"I", SLUICE_INSTRUCTION_BACKWARD_INPUT, 0, false, false, SLUICE_LEDGER_INPUT},
    {"W", SLUICE_INSTRUCTION_BACKWARD_WEIGHT, 0, false, false, SLUICE_LEDGER_WEIGHT},
    {"the sum of tied gradients", SLUICE_INSTRUCTION_TIE_REDUCE, 0, false, false,
     SLUICE_LEDGER_UPDATE},
    {"the norm", SLUICE_INSTRUCTION_NORM, 0, false, false, SLUICE_LEDGER_UPDATE},
    {"the norm, spent meeting others", SLUICE_INSTRUCTION_NORM, 0, false, true, SLUICE_LEDGER_IDLE},
    {"the update", SLUICE_INSTRUCTION_UPDATE, 0, false, false, SLUICE_LEDGER_UPDATE},
    {"posting the send of an activation", SLUICE_INSTRUCTION_POST_SEND, SLUICE_PAYLOAD_ACTIVATION,
     true, false, SLUICE_LEDGER_TRANSFER},
    {"posting the receive of a gradient", SLUICE_INSTRUCTION_POST_RECEIVE, SLUICE_PAYLOAD_GRADIENT,
     false, false, SLUICE_LEDGER_TRANSFER},
    {"waiting while an activation arrives", SLUICE_INSTRUCTION_WAIT, SLUICE_PAYLOAD_ACTIVATION,
     false, false, SLUICE_LEDGER_TRANSFER},
    {"waiting for an activation not sent yet", SLUICE_INSTRUCTION_WAIT, SLUICE_PAYLOAD_ACTIVATION,
     false, true, SLUICE_LEDGER_UPSTREAM},
    {"waiting while a gradient arrives", SLUICE_INSTRUCTION_WAIT, SLUICE_PAYLOAD_GRADIENT, false,
     false, SLUICE_LEDGER_TRANSFER},
    {"waiting for a gradient not sent yet", SLUICE_INSTRUCTION_WAIT, SLUICE_PAYLOAD_GRADIENT, false,
     true, SLUICE_LEDGER_DOWNSTREAM},
    {"waiting while an activation leaves", SLUICE_INSTRUCTION_WAIT, SLUICE_PAYLOAD_ACTIVATION, true,
     false, SLUICE_LEDGER_SEND},
    {"waiting for an activation not taken yet", SLUICE_INSTRUCTION_WAIT, SLUICE_PAYLOAD_ACTIVATION,
     true, true, SLUICE_LEDGER_SEND},
    {"waiting while a gradient leaves", SLUICE_INSTRUCTION_WAIT, SLUICE_PAYLOAD_GRADIENT, true,
     false, SLUICE_LEDGER_SEND},
    {"waiting for a gradient not taken yet", SLUICE_INSTRUCTION_WAIT, SLUICE_PAYLOAD_GRADIENT, true,
     true, SLUICE_LEDGER_SEND},
    {"waiting for a tied gradient", SLUICE_INSTRUCTION_WAIT, SLUICE_PAYLOAD_TIE, false, true,
     SLUICE_LEDGER_IDLE},
    {"waiting while a tied gradient leaves", SLUICE_INSTRUCTION_WAIT, SLUICE_PAYLOAD_TIE, true,
     false, SLUICE_LEDGER_IDLE},
};

static bool is_row(const struct charge *row, const sluice_instruction *at) {
    const bool carries = at->kind == SLUICE_INSTRUCTION_POST_SEND ||
                         at->kind == SLUICE_INSTRUCTION_POST_RECEIVE ||
                         at->kind == SLUICE_INSTRUCTION_WAIT;
    return at->kind == row->kind &&
           (!carries || (at->payload == row->payload && at->sends == row->sends));
}

enum { MAX_LIST = 128 };

/* On rank r instruction n alone takes time, from 0 to 1; all of the other rank's begin at `theirs`.
 */
static sluice_ledger charge_one(const sluice_program *program, int *const *partners, int r, int n,
                                bool late) {
    static const double nothing[MAX_LIST];
    double begin[2][MAX_LIST], end[2][MAX_LIST];
    sluice__record records[2];
    sluice_ledger out[2];
    const bool meets = late && program->rank[r].list[n].kind == SLUICE_INSTRUCTION_NORM;
    for (int rank = 0; rank < 2; rank++) {
        for (int k = 0; k < MAX_LIST; k++) begin[rank][k] = end[rank][k] = rank == r ? k > n : late;
        records[rank] =
            (sluice__record){begin[rank], end[rank], nothing, 0, 1, rank == r && meets ? 1 : 0, 0};
    }
    end[r][n] = 1;
    sluice__charge(out, program, partners, records, 1, NULL);
    return out[r];
}

static void assert_charged(const struct charge *row, const sluice_ledger *ledger, int r) {
    for (int e = 0; e < SLUICE_LEDGER_ENTRIES; e++)
        if (ledger->time[e] != (e == (int)row->entry))
            fail_msg("1 s of rank %d for %s: %g s are charged to %s, all of it belongs to %s", r,
                     row->words, ledger->time[e], sluice_ledger_name((sluice_ledger_entry)e),
                     sluice_ledger_name(row->entry));
}

/* A tied model has every kind of instruction. */
static sluice_program *compile_tied(const sluice_model *model, const char *name) {
    static const sluice_split halves = {2, {0, 3, 7}}; /* two blocks make 7 layers */
    sluice_schedule *schedule        = generate_schedule(name, 2, 2);
    sluice_program_options options   = SLUICE_PROGRAM_OPTIONS_INIT;
    sluice_program *program          = NULL;
    options.samples                  = 2;
    assert_ok(sluice_program_compile(&program, schedule, model, &halves, &options));
    sluice_schedule_free(schedule);
    return program;
}

static void every_instruction_is_charged_to_its_entry(void **state) {
    (void)state;
    const sluice_gpt_config config = {8, 4, 8, 2, 2, true, 0};
    sluice_model *model            = NULL;
    int **partners                 = NULL;
    assert_ok(sluice_gpt_model(&model, &config, 4));
    sluice_program *program = compile_tied(model, "zb1p");
    assert_ok(sluice__partners_make(&partners, program));
    for (size_t k = 0; k < sizeof charges / sizeof *charges; k++) {
        int found = 0;
        for (int r = 0; r < 2; r++) {
            const sluice__rank_program *mine = &program->rank[r];
            assert_true(mine->count <= MAX_LIST);
            for (int n = 0; n < mine->count; n++) {
                if (!is_row(&charges[k], &mine->list[n])) continue;
                const sluice_ledger got = charge_one(program, partners, r, n, charges[k].late);
                assert_charged(&charges[k], &got, r);
                found++;
            }
        }
        if (found == 0) fail_msg("the program has no instruction for: %s", charges[k].words);
    }
    sluice__partners_free(partners, program);
    sluice_program_free(program);
    sluice_model_free(model);
}

/* ---- measured: layers of known duration ---- */

/* Milliseconds, of each action. */
typedef struct slow_config {
    int forward, input, weight;
    bool is_loss;
} slow_config;

static sluice_status describe(sluice_layer_description *out, const void *config,
                              const sluice_shape *input, sluice_precision precision) {
    const slow_config *takes = config;
    (void)precision;
    *out         = (sluice_layer_description){.output = *input, .weight_per_sample = 1};
    out->is_loss = takes->is_loss;
    if (takes->is_loss) {
        out->batch_count = 1;
        out->batch[0]    = (sluice_batch_read){"targets", *input, SLUICE_UNTIL_INPUT};
    }
    if (takes->is_loss) out->output.dims[1] = 0;
    out->forward = out->input = out->weight = (sluice_work){1, 1};
    return SLUICE_OK;
}

static sluice_status take(int milliseconds) {
    const struct timespec time = {0, milliseconds * 1000000L};
    nanosleep(&time, NULL);
    return SLUICE_OK;
}

static sluice_status forward(const sluice_layer_call *call) {
    if (call->loss) *call->loss = 0;
    return take(((const slow_config *)call->config)->forward);
}

static sluice_status backward_input(const sluice_layer_call *call) {
    return take(((const slow_config *)call->config)->input);
}

static sluice_status backward_weight(const sluice_layer_call *call) {
    return take(((const slow_config *)call->config)->weight);
}

static const sluice_layer_kind slow = {.size            = sizeof(sluice_layer_kind),
                                       .name            = "slow",
                                       .config_bytes    = sizeof(slow_config),
                                       .describe        = describe,
                                       .forward         = forward,
                                       .backward_input  = backward_input,
                                       .backward_weight = backward_weight};

static sluice_status load_zeros(void *context, void *to, int64_t first, int64_t samples) {
    (void)context, (void)first;
    memset(to, 0, (size_t)samples * sizeof(float));
    return SLUICE_OK;
}

/* One step of 4 micro-batches on 2 ranks of one slow layer each. */
static sluice_pipeline *make_slow_pipeline(sluice_model **model, const char *name,
                                           const slow_config layers[2], bool recompute) {
    sluice_schedule *schedule       = generate_schedule(name, 2, 4);
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    const bool stages[2]            = {recompute, false};
    sluice_pipeline *pipeline       = NULL;
    assert_ok(sluice_model_create(model, &(sluice_shape){SLUICE_TYPE_F32, 1, {1}}));
    assert_ok(sluice_model_add(*model, &slow, &layers[0], "one"));
    assert_ok(sluice_model_add(*model, &slow, &layers[1], "two"));
    options.samples   = 4;
    options.threads   = 1;
    options.recompute = stages;
    assert_ok(sluice__pipeline_plan_and_open(&pipeline, *model, schedule, NULL, &options, &parts));
    sluice_schedule_free(schedule);
    return pipeline;
}

static void assert_at_least(const char *what, const sluice_ledger *ledger,
                            sluice_ledger_entry entry, double seconds) {
    if (ledger->time[entry] < seconds)
        fail_msg("%s: %s is %g s, of at least %g s that were slept", what,
                 sluice_ledger_name(entry), ledger->time[entry], seconds);
}

/* Sleeps are never shorter than asked for, so each entry has a bound that no busy machine breaks.
 */
static void measured_entries_contain_the_sleeps(void **state) {
    (void)state;
    static const slow_config layers[2] = {{8, 1, 3, false}, {1, 2, 1, true}};
    static const char *const names[]   = {"gpipe", "1f1b", "zb1p"};
    for (int k = 0; k < 3; k++) {
        const char *name          = names[k];
        sluice_model *model       = NULL;
        sluice_pipeline *pipeline = make_slow_pipeline(&model, name, layers, k > 0);
        const sluice_batch batch  = {
             4, 4, {{"inputs", load_zeros, NULL}, {"targets", load_zeros, NULL}}, 1e-3};
        sluice_result result = {0};
        for (int n = 0; n < 2; n++) assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
        assert_at_least(name, &result.ledger[0], SLUICE_LEDGER_FORWARD, 4 * 8e-3);
        assert_at_least(name, &result.ledger[0], SLUICE_LEDGER_INPUT, 4 * 1e-3);
        assert_at_least(name, &result.ledger[0], SLUICE_LEDGER_WEIGHT, 4 * 3e-3);
        assert_at_least(name, &result.ledger[0], SLUICE_LEDGER_RECOMPUTE, k > 0 ? 8e-3 : 0);
        assert_at_least(name, &result.ledger[1], SLUICE_LEDGER_INPUT, 4 * 2e-3);
        assert_at_least(name, &result.ledger[1], SLUICE_LEDGER_WEIGHT, 4 * 1e-3);
        /* Rank 1 gets its first input 8 ms after the step's start, and reaches the norm first: it
         * may start late itself, but cannot both wait less and idle less. */
        if (result.ledger[1].time[SLUICE_LEDGER_UPSTREAM] +
                result.ledger[1].time[SLUICE_LEDGER_IDLE] <
            8e-3)
            fail_msg("%s: rank 1 waits %g s and is idle %g s", name,
                     result.ledger[1].time[SLUICE_LEDGER_UPSTREAM],
                     result.ledger[1].time[SLUICE_LEDGER_IDLE]);
        if (result.ledger[0].time[SLUICE_LEDGER_UPSTREAM] != 0)
            fail_msg("%s: rank 0 waits for a rank before it", name);
        for (int r = 0; r < 2; r++) {
            const sluice_ledger *ledger = &result.ledger[r];
            assert_near("sum", sum_of(ledger), result.seconds);
            assert_near("step", ledger->step, result.seconds);
            for (int e = 0; e < SLUICE_LEDGER_ENTRIES; e++)
                if (!(ledger->time[e] >= 0))
                    fail_msg("%s: entry %d is %g", name, e, ledger->time[e]);
            if (!(ledger->unaccounted >= -1e-9 && ledger->unaccounted < 0.5 * result.seconds))
                fail_msg("%s: %g s of %g s are unaccounted", name, ledger->unaccounted,
                         result.seconds);
            if (!(ledger->on_core > 0 && ledger->on_core < result.seconds))
                fail_msg("%s: %g s of %g s on a core", name, ledger->on_core, result.seconds);
        }
        sluice_pipeline_close(pipeline);
        sluice_model_free(model);
    }
}

static int count_kind(const sluice_program *program, int r, sluice_instruction_kind kind) {
    int count = 0;
    for (int n = 0; n < program->rank[r].count; n++) count += program->rank[r].list[n].kind == kind;
    return count;
}

/* The simulator's input: separate halves of B, recomputation, updates. */
static void measured_costs_are_those_of_the_actions(void **state) {
    (void)state;
    static const slow_config layers[2] = {{2, 1, 6, false}, {1, 5, 1, true}};
    sluice_model *model                = NULL;
    sluice_pipeline *pipeline          = make_slow_pipeline(&model, "1f1b", layers, true);
    const sluice_batch batch           = {
                  4, 4, {{"inputs", load_zeros, NULL}, {"targets", load_zeros, NULL}}, 1e-3};
    sluice_result result = {0};
    sluice_cost cost[2];
    double recompute[2], updates[2];
    assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
    sluice_pipeline_stage_costs(cost, pipeline);
    sluice_pipeline_other_costs(recompute, updates, pipeline);
    for (int s = 0; s < 2; s++)
        if (cost[s].forward < 1e-3 * layers[s].forward || cost[s].input < 1e-3 * layers[s].input ||
            cost[s].weight < 1e-3 * layers[s].weight)
            fail_msg("stage %d costs %g, %g, %g s", s, cost[s].forward, cost[s].input,
                     cost[s].weight);
    if (recompute[0] < 2e-3 || recompute[1] != 0)
        fail_msg("recomputing takes %g and %g s", recompute[0], recompute[1]);
    for (int r = 0; r < 2; r++) {
        const double *const time = result.ledger[r].time;
        assert_near("a micro-batch", 4 * cost[r].forward, time[SLUICE_LEDGER_FORWARD]);
        assert_near("a micro-batch", 4 * cost[r].input, time[SLUICE_LEDGER_INPUT]);
        assert_near("a micro-batch", 4 * cost[r].weight, time[SLUICE_LEDGER_WEIGHT]);
        assert_near("the update", updates[r], time[SLUICE_LEDGER_UPDATE]);
    }
    const int again = count_kind(pipeline->program, 0, SLUICE_INSTRUCTION_RECOMPUTE);
    assert_near("a recomputation", again * recompute[0],
                result.ledger[0].time[SLUICE_LEDGER_RECOMPUTE]);
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

int main(int argc, char **argv) {
    parts.transport                 = isolated_if_asked(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_agree_with_hand_calculation),
        cmocka_unit_test(simulated_ledgers_sum_to_the_step),
        cmocka_unit_test(every_instruction_is_charged_to_its_entry),
        cmocka_unit_test(measured_entries_contain_the_sleeps),
        cmocka_unit_test(measured_costs_are_those_of_the_actions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
