/* SPDX-License-Identifier: MIT */
/* test_ties.c -- a parameter tied on three ranks: every holder gets the gradients of all others,
 * and the bits are those of one rank. */
#include "tests/support/linear_steps.h"
#include "tests/support/schedule_tools.h"

#include "sluice/model.h"

enum { HOLDERS = 3, SAMPLES = 6, MICROBATCHES = 3 };

static sluice_model *make_model(void) {
    static const sluice_linear_config linear = {.inputs = LINEAR_WIDTH, .outputs = LINEAR_WIDTH};
    sluice_model *model                      = NULL;
    assert_ok(sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_F32, 1, {LINEAR_WIDTH}}));
    for (int k = 0; k < HOLDERS; k++) {
        char name[32];
        (void)snprintf(name, sizeof name, "linear%d", k);
        assert_ok(sluice_model_add(model, sluice_layer_linear(), &linear, name));
        (void)snprintf(name, sizeof name, "linear%d.weight", k);
        if (k > 0) assert_ok(sluice_model_tie(model, name, "linear0.weight"));
    }
    assert_ok(sluice_model_add(model, sluice_layer_squared_error(), NULL, "error"));
    return model;
}

/* Each linear layer on a rank of its own, or all on one. */
static sluice_pipeline *open_pipeline(const sluice_model *model, const char *name, int ranks) {
    static const sluice_split apart = {3, {0, 1, 2, 4}};
    sluice_schedule *schedule       = generate_schedule(name, ranks, MICROBATCHES);
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_pipeline *pipeline       = NULL;
    options.samples                 = SAMPLES;
    assert_ok(sluice_pipeline_plan_and_open(&pipeline, model, schedule, ranks > 1 ? &apart : NULL,
                                            &options));
    sluice_schedule_free(schedule);
    return pipeline;
}

static linear_outcome train(const char *name, int ranks) {
    sluice_model *model       = make_model();
    sluice_pipeline *pipeline = open_pipeline(model, name, ranks);
    const linear_outcome out  = take_linear_steps(pipeline, SAMPLES);
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
    return out;
}

static void three_holders_have_the_bits_of_one(void **state) {
    (void)state;
    static const char *const names[] = {"1f1b", "zb1p"};
    const linear_outcome one         = train("1f1b", 1);
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        const linear_outcome got = train(names[k], HOLDERS);
        for (int n = 0; n < LINEAR_STEPS; n++)
            if (got.loss[n] != one.loss[n] || got.norm[n] != one.norm[n])
                fail_msg(
                    "a parameter tied on 3 ranks, %s: step %d has loss %.17g, norm %.17g%s; on "
                    "one rank %.17g, %.17g",
                    names[k], n, got.loss[n], got.norm[n], test_not_finite(got.norm[n]),
                    one.loss[n], one.norm[n]);
        if (got.digest != one.digest)
            fail_msg("a parameter tied on 3 ranks, %s: other weights than on one rank", names[k]);
    }
}

/* Each use's gradient goes from its rank to every other. */
static void every_holder_sends_to_every_other(void **state) {
    (void)state;
    sluice_model *model           = make_model();
    sluice_pipeline *pipeline     = open_pipeline(model, "1f1b", HOLDERS);
    const sluice_program *program = sluice_pipeline_program(pipeline);
    int sent[HOLDERS][HOLDERS]    = {{0}};
    for (int r = 0; r < HOLDERS; r++) {
        int count;
        const sluice_instruction *list = sluice_program_list(&count, program, r);
        for (int n = 0; n < count; n++)
            if (list[n].kind == SLUICE_INSTRUCTION_POST_SEND && list[n].microbatch < 0)
                sent[r][list[n].peer]++;
    }
    for (int r = 0; r < HOLDERS; r++)
        for (int peer = 0; peer < HOLDERS; peer++)
            if (sent[r][peer] != (peer != r))
                fail_msg("rank %d sends the tied gradient %d times to rank %d, expected %d", r,
                         sent[r][peer], peer, peer != r);
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_holders_have_the_bits_of_one),
        cmocka_unit_test(every_holder_sends_to_every_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
