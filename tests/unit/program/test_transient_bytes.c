/* SPDX-License-Identifier: MIT */
/*
 * test_transient_bytes.c -- a table of the transient bytes that every schedule needs, over both
 * kinds of queues. A wait too late, or a receive too early, gives right results and takes more
 * memory: only these numbers show it.
 *
 * If a change is intended: SLUICE_BLESS=1 ctest --preset release -R transient_bytes, and review the
 * diff of tests/golden/transient_bytes.txt.
 */
#include "tests/support/golden.h"
#include "tests/support/schedule_tools.h"

#include "sluice/gpt2.h"
#include "sluice/model.h"

enum { RANKS = 4, MICROBATCHES = 8, SAMPLES = 16 };

static const char *const schedules[] = {"gpipe", "gpipe-lifo", "1f1b", "interleaved", "looped-bfs",
                                        "zb1p",  "zb2p",       "zbv",  "v-half",      "dualpipev"};

static void add_row(char *text, size_t bytes, const sluice_model *model, const char *name,
                    sluice_queues queues) {
    sluice_schedule *schedule      = generate_schedule(name, RANKS, MICROBATCHES);
    sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    sluice_program *program        = NULL;
    options.samples                = SAMPLES;
    options.queues                 = queues;
    sluice_split split             = {.stages = sluice_schedule_stages(schedule)};
    for (int s = 0; s <= split.stages; s++)
        split.first[s] = s * sluice_model_layer_count(model) / split.stages;
    assert_ok(sluice_program_compile(&program, schedule, model, &split, &options));
    size_t used = strlen(text);
    used += (size_t)snprintf(text + used, bytes - used, "%-11s %-11s", name,
                             queues == SLUICE_QUEUES_PER_CHANNEL ? "per channel" : "per rank");
    for (int r = 0; r < RANKS; r++)
        used += (size_t)snprintf(text + used, bytes - used, " %8zu",
                                 sluice_program_memory(program, r).transient);
    (void)snprintf(text + used, bytes - used, "\n");
    sluice_program_free(program);
    sluice_schedule_free(schedule);
}

static void schedules_need_the_recorded_bytes(void **state) {
    (void)state;
    const sluice_gpt_config config = {64, 16, 32, 6, 4, true, 0};
    sluice_model *model            = NULL;
    char text[4096];
    (void)snprintf(text, sizeof text,
                   "Transient bytes of each of %d ranks, %d micro-batches of a GPT of 6 blocks\n",
                   RANKS, MICROBATCHES);
    assert_ok(sluice_gpt_model(&model, &config, 16));
    for (size_t k = 0; k < sizeof schedules / sizeof *schedules; k++)
        for (int queues = 0; queues < 2; queues++)
            add_row(text, sizeof text, model, schedules[k], (sluice_queues)queues);
    assert_golden("transient_bytes.txt", text);
    sluice_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedules_need_the_recorded_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
