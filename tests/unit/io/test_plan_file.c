/* SPDX-License-Identifier: MIT */
/* test_plan_file.c -- plans: reading, refusals, printing, writing. */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sluice/allocator.h"
#include "sluice/plan_file.h"

#define HEAD     "{\"sluice_plan\": 1, "
#define MODEL    "\"model\": \"gpt-mini\", "
#define BATCH    "\"batch\": 3, \"microbatches\": [2, 1], "
#define SCHEDULE "\"schedule\": {\"name\": \"1f1b\"}, "
#define STAGES                                                                                     \
    "{\"device\": \"cpu\", \"stages\": [{\"first_layer\": 0, \"last_layer\": 4}]}, "               \
    "{\"device\": \"cpu\", \"stages\": [{\"first_layer\": 5, \"last_layer\": 5, "                  \
    "\"recompute\": true}]}"
#define RANKS "\"ranks\": [" STAGES "]"

static const char small[] = HEAD MODEL BATCH SCHEDULE RANKS "}";

static void a_plan_is_read(void **state) {
    (void)state;
    sluice_plan_file *file;
    assert_ok(sluice_plan_file_parse(&file, small, sizeof small - 1, "plan.json"));
    assert_string_equal(file->model, "gpt-mini");
    assert_int_equal(file->microbatch_count, 2);
    assert_int_equal(file->microbatches[1], 1);
    assert_string_equal(file->schedule, "1f1b");
    assert_int_equal(file->rank_count, 2);
    assert_int_equal(file->ranks[0].stages[0].last, 4);
    assert_true(file->ranks[1].stages[0].recompute && !file->ranks[0].stages[0].recompute);
    assert_false(file->has_predicted);
    sluice_plan_file_free(file);
}

static void bad_plans_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *what;
        sluice_status status;
    } cases[] = {
        {"{}", "'p' has no \"sluice_plan\"", SLUICE_E_PARSE},
        {"{\"sluice_plan\": 2}", "'p' is a plan of version 2, and this library reads version 1",
         SLUICE_E_UNSUPPORTED},
        {HEAD "\"replicas\": 2, " MODEL BATCH SCHEDULE RANKS "}",
         "'p' is for 2 copies of the pipeline, and this library runs one", SLUICE_E_UNSUPPORTED},
        {HEAD BATCH SCHEDULE RANKS "}",
         "'p' has neither \"model\" nor \"profile\"; give one of them", SLUICE_E_PARSE},
        {HEAD MODEL "\"batch\": 4, \"microbatches\": [2, 1], " SCHEDULE RANKS "}",
         "'p': the micro-batches have 3 samples, the batch 4", SLUICE_E_PARSE},
        {HEAD MODEL "\"batch\": 3, \"microbatches\": [1, 2], " SCHEDULE RANKS "}",
         "'p': micro-batch 1 is larger than the one before it; larger ones come first",
         SLUICE_E_PARSE},
        {HEAD MODEL "\"batch\": 4, \"microbatches\": [3, 1], " SCHEDULE RANKS "}",
         "'p': micro-batches of 3 and of 1 samples differ by more than one", SLUICE_E_PARSE},
        {HEAD MODEL BATCH "\"schedule\": {}, " RANKS "}",
         "the schedule of 'p' has neither \"name\" nor \"csv\"", SLUICE_E_PARSE},
        {HEAD MODEL BATCH SCHEDULE "\"ranks\": [" STAGES ", " STAGES "]}",
         "'p': no stage begins with layer 6, and stage 0 of rank 2 begins with layer 0; stages "
         "hold every layer once, in order",
         SLUICE_E_PARSE},
        {HEAD MODEL BATCH SCHEDULE RANKS ", \"colour\": 1}",
         "'p' has a key \"colour\", which is not known", SLUICE_E_PARSE},
        {HEAD MODEL BATCH SCHEDULE RANKS
         ", \"predicted\": {\"step_s\": 1, \"makespan_idle\": 0, \"inner_idle\": [0], \"bytes\": "
         "[1]}}",
         "what 'p' predicts: \"inner_idle\" has 1 numbers for 2 ranks", SLUICE_E_PARSE},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        sluice_plan_file *file = NULL;
        assert_refused(sluice_plan_file_parse(&file, cases[k].text, strlen(cases[k].text), "p"),
                       cases[k].status, cases[k].what);
        assert_null(file);
    }
}

/* A choice of a search, as a file and back. */
static void what_is_written_is_read(void **state) {
    (void)state;
    char path[]                 = "/tmp/test_plan_file_XXXXXX", *text, *again;
    sluice_plan_rank ranks[2]   = {{.busy = 1, .bytes = 1000, .update = 0.5}, {.inner_idle = 0.25}};
    sluice_plan_stage stages[2] = {{.rank = 0, .first = 0, .last = 2, .cost = {1, 2, 3}},
                                   {.rank = 1, .first = 3, .last = 3, .recompute = true}};
    sluice_link_cost link       = {0, 1, 1e-3, 1e9};
    const sluice_plan_choice choice    = {.schedule     = "zb1p",
                                          .ranks        = 2,
                                          .chunks       = 1,
                                          .stages       = 2,
                                          .microbatches = 4,
                                          .microbatch   = 2,
                                          .step         = 1.5,
                                          .rank         = ranks,
                                          .stage        = stages,
                                          .latency      = 1e-5,
                                          .bandwidth    = 1e10,
                                          .links        = &link,
                                          .link_count   = 1};
    const sluice_plan_file_about about = {.model = "gpt-mini", .sequence = 64};
    sluice_plan_file *made, *got;
    const int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    assert_ok(sluice_plan_file_make(&made, &choice, &about));
    assert_ok(sluice_plan_file_write(path, made));
    assert_ok(sluice_plan_file_read(&got, path));
    assert_ok(sluice_plan_file_print(&text, made));
    assert_ok(sluice_plan_file_print(&again, got));
    assert_string_equal(text, again);
    assert_int_equal(got->batch, 8);
    assert_true(got->ranks[1].stages[0].recompute && got->ranks[0].stages[0].cost.weight == 3);
    assert_true(got->links[0].bandwidth == 1e9 && got->ranks[0].update_s == 0.5);
    unlink(path);
    sluice_text_free(text);
    sluice_text_free(again);
    sluice_plan_file_free(made);
    sluice_plan_file_free(got);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_read),
        cmocka_unit_test(bad_plans_are_refused),
        cmocka_unit_test(what_is_written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
