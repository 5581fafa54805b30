/* SPDX-License-Identifier: MIT */
/* test_generation.c [DEVICE | isolated] -- a model that generates: its logits are those of the
 * model that was trained, whatever the ranks and however a sequence is given; a token is chosen
 * where they are; its cache is planned; what it refuses. */
#include <math.h>
#include <string.h>

#include "tests/support/isolated_transport.h"
#include "tests/support/small_gpt.h"
#include "tests/support/support.h"

#include "runtime/executor/here.h"
#include "runtime/executor/report.h"
#include "sluice/generation.h"
#include "sluice/gpt2.h"

enum { POSITIONS = 150, BLOCKS = 2, WIDTH = 24, CAPACITY = 128 };

/* Models of other families, with rotary positions and shared keys; then GPTs. */
enum { LLAMA, UNTIED, TIED, MODELS };

static sluice_model_config make_config(int model) {
    const sluice_gpt_config own = {VOCABULARY, POSITIONS, WIDTH, BLOCKS, 3, model == TIED, 0};
    sluice_model_config config;
    if (model == LLAMA)
        assert_ok(sluice_model_config_preset(&config, "llama-nano", VOCABULARY));
    else
        sluice_gpt_to_model_config(&config, &own);
    return config;
}

static const char *device; /* NULL: cpu */

static int32_t token_at(int64_t t) {
    return (int32_t)((t * t + 7 * t) % VOCABULARY);
}

/* A pipeline that generates, and its model. */
typedef struct generation {
    sluice_model *model;
    sluice_pipeline *pipeline;
    sluice_generator *generator;
} generation;

static generation open_generation(int model, int ranks, int threads, int microbatches) {
    const sluice_model_config config = make_config(model);
    sluice_pipeline_options options  = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_schedule *schedule        = make_schedule("forward-only", ranks, microbatches);
    generation g                     = {0};
    options.threads                  = threads;
    options.device                   = device;
    sluice_generation_options(&options, microbatches, CAPACITY);
    assert_ok(sluice_model_for_generation(&g.model, &config, CAPACITY));
    assert_ok(sluice__pipeline_plan_and_open(&g.pipeline, g.model, schedule, NULL, &options,
                                             &small_gpt.parts));
    assert_ok(sluice_generator_open(&g.generator, g.pipeline, g.model));
    sluice_schedule_free(schedule);
    return g;
}

static void close_generation(generation *g) {
    sluice_generator_close(g->generator);
    sluice_pipeline_close(g->pipeline);
    sluice_model_free(g->model);
}

/* What a choice saw, on the last rank's thread while the caller waits. */
static struct {
    float logits[VOCABULARY];
    int calls, rank;
} seen;

static sluice_status see(int32_t *token, void *context, const float *logits, int64_t count) {
    assert_ptr_equal(context, &seen);
    assert_int_equal(count, VOCABULARY);
    memcpy(seen.logits, logits, sizeof seen.logits);
    seen.rank = sluice__where()->rank;
    *token    = ++seen.calls;
    return SLUICE_OK;
}

static const sluice_chooser chooser = {see, &seen};

static void add(generation *g, int64_t count) {
    int32_t tokens[CAPACITY];
    const int64_t first = sluice_generator_tokens(g->generator);
    for (int64_t t = 0; t < count; t++) tokens[t] = token_at(first + t);
    seen.calls    = 0;
    int32_t token = -1;
    assert_ok(sluice_generator_add(&token, g->generator, tokens, count, &chooser));
    assert_int_equal(token, 1); /* the number of the only call */
    assert_int_equal(seen.rank, g->pipeline->ranks - 1);
    assert_int_equal(sluice_generator_tokens(g->generator), first + count);
}

/* ---- the same as the model that is trained ---- */

static double nll(const float *logits, int32_t target) {
    double sum = 0;
    for (int k = 0; k < VOCABULARY; k++) sum += exp((double)logits[k] - (double)logits[0]);
    return log(sum) + (double)logits[0] - (double)logits[target];
}

static sluice_status load_sequence(void *context, void *to, int64_t first, int64_t samples) {
    (void)first, (void)samples;
    for (int64_t t = 0; t < *(const int64_t *)context; t++) ((int32_t *)to)[t] = token_at(t);
    return SLUICE_OK;
}

static sluice_status load_last_target(void *context, void *to, int64_t first, int64_t samples) {
    const int64_t length = *(const int64_t *)context;
    (void)first, (void)samples;
    for (int64_t t = 0; t < length; t++)
        ((int32_t *)to)[t] = t + 1 < length ? -1 : token_at(length);
    return SLUICE_OK;
}

/* -log p of token `length` after those before it, by a model of sequences of that length. */
static double trained_nll(int which, int64_t length) {
    const sluice_model_config config = make_config(which);
    sluice_pipeline_options options  = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_schedule *schedule        = make_schedule("gpipe", 1, 1);
    sluice_model *model              = NULL;
    sluice_pipeline *pipeline        = NULL;
    double loss                      = 0;
    options.threads                  = 1;
    assert_ok(sluice_model_from_config(&model, &config, length));
    assert_ok(sluice_pipeline_plan_and_open(&pipeline, model, schedule, NULL, &options));
    const sluice_batch batch = {
        1, 1, {{"inputs", load_sequence, &length}, {"targets", load_last_target, &length}}, 0};
    assert_ok(sluice_pipeline_evaluate(&loss, pipeline, &batch));
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
    sluice_schedule_free(schedule);
    return loss;
}

static void expect_nll(int model, int64_t length) {
    const double got    = nll(seen.logits, token_at(length));
    const double wanted = trained_nll(model, length);
    if (!(fabs(got - wanted) < 2e-6 * wanted))
        fail_msg("model %d: after %d tokens -log p is %.9g, and %.9g by the model that is trained",
                 model, (int)length, got, wanted);
}

/* A prompt of several micro-batches, the last of them short, then single tokens, then a short
 * prompt. The initial weights depend on the names of parameters alone. */
static void logits_are_those_of_the_model_that_is_trained(void **state) {
    (void)state;
    for (int model = 0; model < (device ? LLAMA + 1 : MODELS); model++) {
        generation g = open_generation(model, 2, 1, 2);
        add(&g, device ? 66 : 118);
        expect_nll(model, device ? 66 : 118);
        if (device) { /* which is an emulated one: that must do */
            add(&g, 1);
            expect_nll(model, 67);
            close_generation(&g);
            continue;
        }
        add(&g, 1);
        expect_nll(model, 119);
        add(&g, 1);
        expect_nll(model, 120);
        add(&g, 5);
        expect_nll(model, 125);
        sluice_generator_reset(g.generator);
        for (int64_t t = 1; t <= 8; t++) {
            add(&g, 1);
            expect_nll(model, t);
        }
        close_generation(&g);
    }
}

static void logits_have_the_same_bits_on_any_ranks_and_threads(void **state) {
    (void)state;
    static const int settings[][3] = {{1, 1, 1}, {1, 2, 4}, {2, 1, 2}, {3, 2, 1}, {4, 1, 8}};
    float first[3][VOCABULARY], now[VOCABULARY];
    enum { SETTINGS = sizeof settings / sizeof *settings };
    for (int n = 0; n < MODELS * SETTINGS; n++) {
        const int *const s = settings[n % SETTINGS];
        if (device && (n < TIED * SETTINGS || s[0] == 1)) continue;
        generation g = open_generation(n / SETTINGS, s[0], s[1], s[2]);
        for (int turn = 0; turn < 3; turn++) {
            add(&g, turn > 0 ? 1 : device ? 67 : 121);
            memcpy(now, seen.logits, sizeof seen.logits);
            if (n % SETTINGS == (device ? 2 : 0))
                memcpy(first[turn], now, sizeof now);
            else if (memcmp(first[turn], now, sizeof now) != 0)
                fail_msg("model %d, %d ranks of %d threads, prompts in %d micro-batches: other "
                         "logits",
                         n / SETTINGS, s[0], s[1], s[2]);
        }
        close_generation(&g);
    }
}

/* Products of other shapes may round otherwise; attention does not. */
static void a_sequence_in_pieces_has_nearly_the_same_logits(void **state) {
    (void)state;
    float whole[VOCABULARY], pieces[VOCABULARY];
    if (device) return;
    generation g = open_generation(TIED, 1, 1, 1);
    add(&g, 120);
    memcpy(whole, seen.logits, sizeof seen.logits);
    for (int64_t piece = 1; piece < 120; piece = 3 * piece + 1) {
        sluice_generator_reset(g.generator);
        for (int64_t at = 0; at < 120; at += piece) add(&g, at + piece < 120 ? piece : 120 - at);
        memcpy(pieces, seen.logits, sizeof seen.logits);
        for (int k = 0; k < VOCABULARY; k++)
            if (!(fabsf(whole[k] - pieces[k]) < 1e-5F))
                fail_msg("in pieces of %d tokens logit %d is %.9g, and %.9g at once", (int)piece, k,
                         (double)pieces[k], (double)whole[k]);
    }
    close_generation(&g);
}

/* ---- the choice of the next token ---- */

/* A transport that adds 1 to the token in the last rank's report. */
static sluice__transport_ops altering;
static int last_rank;

static const sluice__transport_ops *usual(void) {
    return small_gpt.parts.transport ? small_gpt.parts.transport : sluice__transport_local();
}

static sluice_status alter_report(sluice__transport *transport, sluice__gather which, int rank,
                                  const void *mine) {
    sluice__report facts;
    if (which == SLUICE__GATHER_REPORT && rank == last_rank) {
        memcpy(&facts, mine, sizeof facts);
        facts.token++;
        memcpy((void *)mine, &facts, sizeof facts); /* the rank's memory to send it from */
    }
    return usual()->post_gather(transport, which, rank, mine);
}

static void a_token_comes_with_the_reports(void **state) {
    (void)state;
    static const int32_t prompt[] = {7, 3, 5};
    const sluice__parts before    = small_gpt.parts;
    if (device) return;
    altering             = *usual();
    altering.post_gather = alter_report;
    for (int ranks = 1; ranks <= 3; ranks++) {
        int32_t token             = -1;
        last_rank                 = ranks - 1;
        seen.calls                = 0;
        small_gpt.parts.transport = &altering;
        generation g              = open_generation(TIED, ranks, 1, 1);
        small_gpt.parts           = before;
        assert_ok(sluice_generator_add(&token, g.generator, prompt, 3, &chooser));
        if (token != 2)
            fail_msg("%d ranks: the last one chose token 1 and reported 2, and the caller has %d",
                     ranks, (int)token);
        for (int r = 0; r < ranks; r++)
            assert_int_equal(sluice__report_of(g.pipeline, r)->token, r == last_rank ? 2 : -1);
        assert_ok(sluice_generator_add(&token, g.generator, prompt, 1, NULL));
        assert_int_equal(seen.calls, 1);
        assert_int_equal(sluice__report_of(g.pipeline, last_rank)->token, 0); /* -1, altered */
        close_generation(&g);
    }
}

static void a_logit_that_is_not_finite_stops_the_run(void **state) {
    (void)state;
    static const char says[]      = "rank 2: the logit of token 0 is not a finite number";
    static const int32_t prompt[] = {7, 3, 5};
    const sluice_sampling greedy  = {0, 0, 1, 1};
    float gains[WIDTH];
    int32_t token = -1;
    if (device) return;
    generation g = open_generation(TIED, 3, 1, 1);
    assert_ok(sluice_generator_next(&token, g.generator, prompt, 3, &greedy, 0));
    assert_in_range(token, 0, VOCABULARY - 1);
    for (int k = 0; k < WIDTH; k++) gains[k] = NAN;
    assert_ok(sluice_pipeline_write_parameter(g.pipeline, "transformer.ln_f.weight", gains, WIDTH));
    for (int turn = 0; turn < 2; turn++) /* the pipeline goes no further, and says why */
        assert_refused(sluice_generator_next(&token, g.generator, prompt, 1, &greedy, 1),
                       SLUICE_E_NONFINITE, says);
    assert_int_equal(sluice_generator_tokens(g.generator), 3);
    close_generation(&g);
}

static sluice_status say_nothing(int32_t *token, void *context, const float *logits,
                                 int64_t count) {
    (void)token, (void)context, (void)logits, (void)count;
    return SLUICE_E_CALLBACK;
}

static void a_choice_that_fails_is_reported(void **state) {
    (void)state;
    static const int32_t prompt[] = {7, 3, 5};
    const sluice_chooser silent   = {say_nothing, NULL};
    int32_t token                 = -1;
    if (device) return;
    generation g = open_generation(TIED, 2, 1, 1);
    assert_refused(
        sluice_generator_add(&token, g.generator, prompt, 3, &silent), SLUICE_E_CALLBACK,
        "rank 1: choosing a token failed: a function supplied by the caller reported an error");
    close_generation(&g);
}

/* ---- memory ---- */

/* Keys and values of each block, and the logits, to the byte. */
static void the_cache_is_planned(void **state) {
    (void)state;
    generation g   = open_generation(TIED, 2, 1, 2);
    size_t planned = 0;
    for (int r = 0; r < 2; r++) {
        const sluice_program_bytes bytes =
            sluice_program_memory(sluice_plan_program(g.pipeline->plan, 0), r);
        planned += bytes.sequence;
        assert_int_equal(bytes.layer_states, bytes.sequence);
        assert_int_equal(bytes.gradients + bytes.states, 0);
        assert_true(bytes.arena >= bytes.parameters + bytes.layer_states + bytes.transient);
    }
    const size_t cache = sluice__align((size_t)CAPACITY * WIDTH * sizeof(float));
    assert_int_equal(planned, (size_t)2 * BLOCKS * cache +
                                  sluice__align((size_t)VOCABULARY * sizeof(float)));
    close_generation(&g);
}

/* ---- what is refused ---- */

static void impossible_sequences_are_refused(void **state) {
    (void)state;
    static const int32_t tokens[CAPACITY + 1], wrong[] = {3, VOCABULARY}, negative[] = {-1};
    generation g  = open_generation(TIED, 2, 1, 1);
    int32_t token = -1;
    assert_int_equal(sluice_generator_capacity(g.generator), CAPACITY);
    assert_refused(sluice_generator_add(&token, g.generator, tokens, 0, &chooser),
                   SLUICE_E_ARGUMENT, "0 tokens after 0; a sequence has at most 128");
    assert_refused(sluice_generator_add(&token, g.generator, tokens, CAPACITY + 1, &chooser),
                   SLUICE_E_ARGUMENT, "129 tokens after 0; a sequence has at most 128");
    assert_refused(sluice_generator_add(&token, g.generator, wrong, 2, &chooser), SLUICE_E_ARGUMENT,
                   "token 40 is not one of the model's 40");
    assert_refused(sluice_generator_add(&token, g.generator, negative, 1, &chooser),
                   SLUICE_E_ARGUMENT, "token -1 is not one of the model's 40");
    add(&g, CAPACITY);
    assert_refused(sluice_generator_add(&token, g.generator, tokens, 1, &chooser),
                   SLUICE_E_ARGUMENT, "1 tokens after 128; a sequence has at most 128");
    int64_t n                = 0;
    double loss              = 0;
    const sluice_batch batch = make_batch(1, &n);
    assert_refused(sluice_pipeline_evaluate(&loss, g.pipeline, &batch), SLUICE_E_ARGUMENT,
                   "the model generates, and has no loss to evaluate");
    assert_refused(sluice_pipeline_forward(&token, g.pipeline, 2, &batch, 0, NULL),
                   SLUICE_E_ARGUMENT, "the plan's programs 0 to 1 go forward, not 2");
    const sluice_batch none = {.total_weight = 1};
    assert_refused(sluice_pipeline_forward(&token, g.pipeline, 0, &none, 0, &chooser),
                   SLUICE_E_ARGUMENT, "there are no tokens that another could follow");
    close_generation(&g);
}

static void impossible_models_are_refused(void **state) {
    (void)state;
    const sluice_model_config config = make_config(TIED);
    sluice_schedule *trains          = make_schedule("gpipe", 1, 1);
    sluice_model *model              = NULL;
    sluice_plan *plan                = NULL;
    sluice_pipeline *pipeline        = NULL;
    sluice_generator *generator      = NULL;
    sluice_plan_options options      = SLUICE_PLAN_OPTIONS_INIT;
    assert_refused(sluice_model_for_generation(&model, &config, POSITIONS + 1), SLUICE_E_ARGUMENT,
                   "sequences have 151 tokens; this GPT takes 1 to 150");
    assert_int_equal(sluice_model_for_generation(&model, &config, 0), SLUICE_E_ARGUMENT);
    assert_ok(sluice_model_for_generation(&model, &config, 9));
    assert_refused(sluice_plan_make(&plan, model, trains, NULL, &options), SLUICE_E_ARGUMENT,
                   "the model of 7 layers does not end with a loss");
    assert_refused(sluice_model_add(model, sluice_layer_relu(), NULL, "more"), SLUICE_E_ARGUMENT,
                   "layer 'more' comes after the last layer 'lm_head'");
    sluice_model_free(model);
    const setting with = {"gpipe", 1, 1, 1, 1, true, "adamw", 0, 0, 0};
    model              = make_model(true);
    pipeline           = make_pipeline(&with, model);
    assert_refused(sluice_generator_open(&generator, pipeline, model), SLUICE_E_ARGUMENT,
                   "the model does not generate: its last layer keeps no logits, or no layer keeps "
                   "keys and values");
    int64_t n                = 0;
    int32_t token            = -1;
    const sluice_batch batch = make_batch(1, &n);
    assert_refused(sluice_pipeline_forward(&token, pipeline, 1, &batch, 0, &chooser),
                   SLUICE_E_ARGUMENT,
                   "the model does not generate: its last layer keeps no logits to choose a token "
                   "from");
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
    sluice_schedule_free(trains);
}

int main(int argc, char **argv) {
    small_gpt.parts.transport       = isolated_if_asked(argc, argv);
    device                          = argc > 1 && !small_gpt.parts.transport ? argv[1] : NULL;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_are_those_of_the_model_that_is_trained),
        cmocka_unit_test(logits_have_the_same_bits_on_any_ranks_and_threads),
        cmocka_unit_test(a_sequence_in_pieces_has_nearly_the_same_logits),
        cmocka_unit_test(a_token_comes_with_the_reports),
        cmocka_unit_test(a_logit_that_is_not_finite_stops_the_run),
        cmocka_unit_test(a_choice_that_fails_is_reported),
        cmocka_unit_test(the_cache_is_planned),
        cmocka_unit_test(impossible_sequences_are_refused),
        cmocka_unit_test(impossible_models_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
