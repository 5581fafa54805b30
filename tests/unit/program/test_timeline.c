/* SPDX-License-Identifier: MIT */
/* test_timeline.c -- time lines agree with simulations and pipelines. */
#include "tests/support/isolated_transport.h"
#include "tests/support/schedule_tools.h"

#include <math.h>

#include "runtime/executor/executor.h"
#include "runtime/executor/report.h"
#include "sluice/timeline.h"

static sluice__parts parts; /* the usual transport, or, by the argument, the isolated one */

typedef struct scene {
    sluice_program *program;
    sluice_simulation *simulation;
    sluice_timeline *timeline;
    char words[96];
} scene;

static void scene_free(scene *made) {
    sluice_timeline_free(made->timeline);
    sluice_simulation_free(made->simulation);
    sluice_program_free(made->program);
}

/* A schedule with costs, and transfers that take time in most trials. */
static scene scene_random(uint64_t *random, int trial) {
    static const char *const names[] = {"gpipe", "1f1b", "forward-only", "gpipe-lifo"};
    const int p = test_random_int(random, 1, 6), m = test_random_int(random, 1, 12);
    sluice_cost stages[MAX_STAGES];
    for (int s = 0; s < p; s++)
        stages[s] =
            (sluice_cost){test_random_int(random, 1, 9) * 0.1, test_random_int(random, 0, 9) * 0.1,
                          test_random_int(random, 1, 9) * 0.1};
    const sluice_simulation_costs costs = {.stages              = stages,
                                           .activation_transfer = trial % 4 * 0.3,
                                           .gradient_transfer   = trial % 3 * 0.7,
                                           .update              = 0.5};
    scene made      = {.program = compile_over(generate_schedule(names[trial % 4], p, m),
                                               SLUICE_QUEUES_PER_CHANNEL)};
    made.simulation = simulate(made.program, &costs);
    assert_ok(sluice_timeline_from_simulation(&made.timeline, made.program, made.simulation));
    snprintf(made.words, sizeof made.words, "%s, p = %d, m = %d", names[trial % 4], p, m);
    return made;
}

/* ---- spans ---- */

/* Fails unless the spans are the list's compute instructions in order; `begin` and `end` NULL:
 * times are unknown. */
static void assert_spans(const char *words, const sluice_program *program,
                         const sluice_timeline *timeline, const sluice_simulation *simulation) {
    for (int r = 0; r < timeline->ranks; r++) {
        const sluice_timeline_rank *const rank = &timeline->rank[r];
        int count = 0, n = 0;
        const sluice_instruction *const list = sluice_program_list(&count, program, r);
        double clock                         = 0;
        for (int i = 0; i < count; i++) {
            if (!sluice_instruction_computes(list[i].kind)) continue;
            if (n == rank->span_count) fail_msg("%s: rank %d has %d spans only", words, r, n);
            const sluice_timeline_span *const span = &rank->spans[n++];
            if (span->kind != list[i].kind || span->stage != list[i].stage ||
                span->microbatch != list[i].microbatch)
                fail_msg("%s: span %d of rank %d is another action", words, n - 1, r);
            if (span->begin < clock || span->end < span->begin)
                fail_msg("%s: span %d of rank %d overlaps the one before", words, n - 1, r);
            clock = span->end;
            if (!simulation) continue;
            assert_near(words, span->begin, simulation->rank[r].begin[i]);
            assert_near(words, span->end, simulation->rank[r].end[i]);
            assert_int_equal(span->critical, sluice_is_critical(&simulation->rank[r], i));
        }
        if (n != rank->span_count) fail_msg("%s: rank %d has %d spans more", words, r, n);
    }
}

static void spans_are_the_programs_actions(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int trial = 0; trial < 60; trial++) {
        scene made = scene_random(&random, trial);
        assert_spans(made.words, made.program, made.timeline, made.simulation);
        scene_free(&made);
    }
}

static void numbers_agree_with_the_simulation(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int trial = 0; trial < 60; trial++) {
        scene made = scene_random(&random, trial);
        assert_near(made.words, made.timeline->makespan, made.simulation->makespan);
        assert_near(made.words, made.timeline->step, made.simulation->step);
        assert_near(made.words, made.timeline->makespan_idle, made.simulation->makespan_idle);
        for (int r = 0; r < made.timeline->ranks; r++) {
            const sluice_timeline_rank *const rank = &made.timeline->rank[r];
            assert_near(made.words, rank->inner_idle, made.simulation->rank[r].inner_idle);
            assert_int_equal(rank->peak_activations, made.simulation->rank[r].peak_activations);
            assert_int_equal(rank->peak_bytes, 0); /* none is known */
            assert_int_equal(rank->stages, 1);
        }
        assert_string_equal(made.timeline->unit, "units of cost");
        scene_free(&made);
    }
}

static void stages_of_a_rank_are_numbered(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    const sluice_simulation_costs costs = equal_costs(stages, 1, 1, 1);
    scene made      = {.program = compile_over(parse_schedule("0F0,3F0,3B0,0B0\n1F0,2F0,2B0,1B0\n"),
                                               SLUICE_QUEUES_PER_CHANNEL)};
    made.simulation = simulate(made.program, &costs);
    assert_ok(sluice_timeline_from_simulation(&made.timeline, made.program, made.simulation));
    const int ranks[] = {0, 1, 1, 0}, chunks[] = {0, 0, 1, 1};
    for (int s = 0; s < 4; s++) {
        assert_int_equal(made.timeline->stage_rank[s], ranks[s]);
        assert_int_equal(made.timeline->chunk[s], chunks[s]);
    }
    assert_int_equal(made.timeline->chunks, 2);
    assert_int_equal(made.timeline->rank[1].stages, 2);
    scene_free(&made);
}

/* ---- flows ---- */

static const sluice_timeline_span *span_at(const sluice_timeline *timeline, int r, int n) {
    if (n < 0 || n >= timeline->rank[r].span_count) fail_msg("rank %d has no span %d", r, n);
    return &timeline->rank[r].spans[n];
}

/* The ends of every flow are the actions that produce and consume what it carries. */
static void assert_flows(const char *words, const sluice_timeline *timeline) {
    double clock = 0;
    for (int f = 0; f < timeline->flow_count; f++) {
        const sluice_timeline_flow *const flow = &timeline->flows[f];
        const bool forward                     = flow->payload == SLUICE_PAYLOAD_ACTIVATION;
        const sluice_timeline_span *const made = span_at(timeline, flow->from, flow->producer);
        const sluice_timeline_span *const used = span_at(timeline, flow->to, flow->consumer);
        const bool right =
            made->stage == flow->stage && used->stage == flow->stage + (forward ? 1 : -1) &&
            made->microbatch == flow->microbatch && used->microbatch == flow->microbatch &&
            (made->kind == SLUICE_INSTRUCTION_FORWARD) == forward &&
            (used->kind == SLUICE_INSTRUCTION_FORWARD) == forward;
        if (!right) fail_msg("%s: flow %d does not join producer and consumer", words, f);
        if (flow->begin < made->end - 1e-9 || flow->end < flow->begin ||
            used->begin < flow->begin - 1e-9)
            fail_msg("%s: flow %d runs from %g to %g, its producer ends at %g, its consumer begins "
                     "at %g",
                     words, f, flow->begin, flow->end, made->end, used->begin);
        if (!(flow->exposed >= 0 && flow->exposed <= flow->end - flow->begin + 1e-9))
            fail_msg("%s: flow %d lasts %g, %g of it exposed", words, f, flow->end - flow->begin,
                     flow->exposed);
        if (!(flow->stalled >= 0 && flow->stalled <= flow->end - flow->begin + 1e-9))
            fail_msg("%s: flow %d lasts %g and stalls its sender for %g", words, f,
                     flow->end - flow->begin, flow->stalled);
        assert_true(flow->begin >= clock);
        clock = flow->begin;
    }
}

static void flows_join_producers_and_consumers(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int trial = 0; trial < 60; trial++) {
        scene made = scene_random(&random, trial);
        assert_int_equal(made.timeline->flow_count, made.simulation->transfer_count);
        assert_flows(made.words, made.timeline);
        for (int f = 0; f < made.timeline->flow_count; f++) {
            const sluice_timeline_flow *const flow = &made.timeline->flows[f];
            /* In a simulation a transfer arrives before it is used. */
            if (span_at(made.timeline, flow->to, flow->consumer)->begin < flow->end - 1e-9)
                fail_msg("%s: flow %d ends after its consumer begins", made.words, f);
            const sluice_transfer_times *const times = &made.simulation->transfers[f];
            assert_near(made.words, flow->exposed,
                        sluice_transfer_blocked(made.simulation, times, false));
            assert_near(made.words, flow->stalled,
                        sluice_transfer_blocked(made.simulation, times, true));
        }
        scene_free(&made);
    }
}

/* ---- levels ---- */

/* Activations by the spans: forwards begun without an ended B or W, at `time`. */
static int held_at(const sluice_timeline_rank *rank, double time, bool trains) {
    int held = 0;
    for (int n = 0; n < rank->span_count; n++) {
        const sluice_timeline_span *const span = &rank->spans[n];
        const bool ends = trains ? span->kind == SLUICE_INSTRUCTION_BACKWARD ||
                                       span->kind == SLUICE_INSTRUCTION_BACKWARD_WEIGHT
                                 : span->kind == SLUICE_INSTRUCTION_FORWARD;
        held += span->kind == SLUICE_INSTRUCTION_FORWARD && span->begin < time;
        held -= ends && span->end < time;
    }
    return held;
}

static void assert_levels(const char *words, const sluice_timeline_rank *rank, bool trains) {
    for (int n = 0; n < rank->level_count; n++) {
        const sluice_timeline_level *const level = &rank->levels[n];
        if (n > 0 && level->time <= rank->levels[n - 1].time)
            fail_msg("%s: level %d is not later than the one before", words, n);
        if (level->held > rank->peak_activations)
            fail_msg("%s: level %d is above the peak", words, n);
    }
    for (int n = 0, at = 0; n < rank->span_count; n++) {
        const double middle = (rank->spans[n].begin + rank->spans[n].end) / 2;
        if (rank->spans[n].end - rank->spans[n].begin < 1e-9) continue;
        while (at + 1 < rank->level_count && rank->levels[at + 1].time <= middle) at++;
        const int expected = held_at(rank, middle, trains);
        if (rank->levels[at].held != expected)
            fail_msg("%s: at %g %d are held, spans say %d", words, middle, rank->levels[at].held,
                     expected);
    }
}

static void levels_agree_with_the_spans(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int trial = 0; trial < 60; trial++) {
        scene made = scene_random(&random, trial);
        for (int r = 0; r < made.timeline->ranks; r++)
            assert_levels(made.words, &made.timeline->rank[r], trial % 4 != 2);
        scene_free(&made);
    }
}

/* ---- refusals ---- */

static void times_that_cannot_be_drawn_are_refused(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    const sluice_simulation_costs costs = equal_costs(stages, 1, 1, 1);
    scene made                          = {.program =
                                               compile_over(generate_schedule("1f1b", 2, 2), SLUICE_QUEUES_PER_CHANNEL)};
    static const struct {
        double makespan, step;
        const char *says;
    } rows[] = {
        {INFINITY, INFINITY, "a makespan of inf and a step of inf cannot be drawn"},
        {1, INFINITY, "a makespan of 1 and a step of inf cannot be drawn"},
        {1e-310, 1, "a makespan of 1e-310 and a step of 1 cannot be drawn"}, /* 1 / it is not */
    };
    made.simulation = simulate(made.program, &costs);
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        made.simulation->makespan = rows[k].makespan;
        made.simulation->step     = rows[k].step;
        assert_refused(
            sluice_timeline_from_simulation(&made.timeline, made.program, made.simulation),
            SLUICE_E_ARGUMENT, rows[k].says);
        assert_null(made.timeline);
    }
    scene_free(&made);
}

/* ---- measured ---- */

enum { SAMPLES = 24 };

static sluice_status load(void *context, void *to, int64_t first, int64_t samples) {
    (void)context;
    for (int64_t k = 0; k < samples; k++) ((float *)to)[k] = (float)(first + k) / SAMPLES;
    return SLUICE_OK;
}

static sluice_model *make_model(void) {
    const sluice_linear_config first  = {.inputs = 1, .outputs = 16},
                               middle = {.inputs = 16, .outputs = 16},
                               last   = {.inputs = 16, .outputs = 1};
    sluice_model *model               = NULL;
    assert_ok(sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_F32, 1, {1}}));
    assert_ok(sluice_model_add(model, sluice_layer_linear(), &first, "first"));
    assert_ok(sluice_model_add(model, sluice_layer_linear(), &middle, "middle"));
    assert_ok(sluice_model_add(model, sluice_layer_linear(), &last, "last"));
    assert_ok(sluice_model_add(model, sluice_layer_squared_error(), NULL, "error"));
    return model;
}

/* The instruction of rank r that posts, or waits for, the transfer; fails if there is none. */
static int find_transfer(const sluice_program *program, int r, const sluice_timeline_flow *flow,
                         sluice_instruction_kind kind, bool sends) {
    const int next                       = flow->payload == SLUICE_PAYLOAD_ACTIVATION ? 1 : -1;
    const int stage                      = sends ? flow->stage : flow->stage + next;
    int count                            = 0;
    const sluice_instruction *const list = sluice_program_list(&count, program, r);
    for (int n = 0; n < count; n++)
        if (list[n].kind == kind && list[n].sends == sends && list[n].payload == flow->payload &&
            list[n].stage == stage && list[n].microbatch == flow->microbatch)
            return n;
    fail_msg("rank %d has no %s for stage %d, micro-batch %d", r, sluice_instruction_name(kind),
             stage, flow->microbatch);
    return -1;
}

/* A transfer is on its way once both ends are posted; a receiver still waiting at its end has
 * stalled since then, or since it began to wait. */
static void assert_rendezvous(const sluice_pipeline *pipeline, const sluice_timeline *timeline) {
    const sluice_program *const program = sluice_pipeline_program(pipeline);
    for (int f = 0; f < timeline->flow_count; f++) {
        const sluice_timeline_flow *const flow = &timeline->flows[f];
        const double *const from_begin         = sluice__report_begins(pipeline, flow->from);
        const double *const from_end           = sluice__report_ends(pipeline, flow->from);
        const double *const to_begin           = sluice__report_begins(pipeline, flow->to);
        const double *const to_end             = sluice__report_ends(pipeline, flow->to);
        const int send =
            find_transfer(program, flow->from, flow, SLUICE_INSTRUCTION_POST_SEND, true);
        const int receive =
            find_transfer(program, flow->to, flow, SLUICE_INSTRUCTION_POST_RECEIVE, false);
        const int wait    = find_transfer(program, flow->to, flow, SLUICE_INSTRUCTION_WAIT, false);
        const double both = fmax(from_begin[send], to_begin[receive]);
        const double copied = both > to_begin[receive] ? from_end[send] : to_end[receive];
        const bool stood    = to_begin[wait] < copied;
        assert_near("begin", flow->begin, both);
        assert_near("end", flow->end, stood ? fmax(copied, to_end[wait]) : copied);
        assert_near("exposed", flow->exposed, stood ? flow->end - fmax(both, to_begin[wait]) : 0);
    }
}

static void assert_measured(const sluice_pipeline *pipeline, const sluice_result *result, int p,
                            int m, int step) {
    const sluice_program *const program = sluice_pipeline_program(pipeline);
    sluice_timeline *timeline           = NULL;
    char words[64];
    snprintf(words, sizeof words, "p = %d, m = %d, step %d", p, m, step);
    assert_ok(sluice_pipeline_timeline(&timeline, pipeline));
    assert_spans(words, program, timeline, NULL);
    assert_int_equal(timeline->flow_count, 2 * (p - 1) * m);
    assert_flows(words, timeline);
    assert_rendezvous(pipeline, timeline);
    assert_near(words, timeline->makespan_idle, result->makespan_idle);
    if (!(timeline->makespan > 0 && timeline->step >= timeline->makespan &&
          timeline->step <= result->seconds))
        fail_msg("%s: makespan %g, step %g, whole %g", words, timeline->makespan, timeline->step,
                 result->seconds);
    for (int r = 0; r < p; r++) {
        assert_near(words, timeline->rank[r].inner_idle, result->inner_idle[r]);
        assert_int_equal(timeline->rank[r].peak_bytes, sluice_program_memory(program, r).live);
        assert_levels(words, &timeline->rank[r], true);
    }
    snprintf(words, sizeof words, "step %d, measured", step);
    assert_string_equal(timeline->title, words);
    assert_string_equal(timeline->unit, "s");
    sluice_timeline_free(timeline);
}

static void a_measured_step_has_a_time_line(void **state) {
    (void)state;
    sluice_model *model = make_model();
    for (int p = 1; p <= 3; p++)
        for (int m = 1; m <= 6; m += 5) {
            sluice_schedule *schedule        = generate_schedule("1f1b", p, m);
            sluice_pipeline_options settings = SLUICE_PIPELINE_OPTIONS_INIT;
            sluice_pipeline *pipeline        = NULL;
            sluice_timeline *none            = NULL;
            const sluice_batch batch         = {
                        SAMPLES, SAMPLES, {{"inputs", load, NULL}, {"targets", load, NULL}}, 0.01};
            settings.samples = SAMPLES;
            assert_ok(sluice__pipeline_plan_and_open(&pipeline, model, schedule, NULL, &settings,
                                                     &parts));
            assert_refused(sluice_pipeline_timeline(&none, pipeline), SLUICE_E_ARGUMENT,
                           "there is no time line before the first step");
            for (int step = 1; step <= 5; step++) {
                sluice_result result;
                assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
                assert_measured(pipeline, &result, p, m, step);
            }
            sluice_pipeline_close(pipeline);
            sluice_schedule_free(schedule);
        }
    sluice_model_free(model);
}

int main(int argc, char **argv) {
    parts.transport                 = isolated_if_asked(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_are_the_programs_actions),
        cmocka_unit_test(numbers_agree_with_the_simulation),
        cmocka_unit_test(stages_of_a_rank_are_numbered),
        cmocka_unit_test(flows_join_producers_and_consumers),
        cmocka_unit_test(levels_agree_with_the_spans),
        cmocka_unit_test(times_that_cannot_be_drawn_are_refused),
        cmocka_unit_test(a_measured_step_has_a_time_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
