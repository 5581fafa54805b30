/* SPDX-License-Identifier: MIT */
/* command_check.c -- `sluice check`: proves that a schedule runs, or names the first error. */
#include <stdio.h>
#include <stdlib.h>

#include "schedule_tools.h"

static const cli_option_table tables[] = {
    {cli_schedule_options, offsetof(tool_choice, schedule), 1, NULL},
    {tool_options, 0, 2, NULL},
    {0}};

/* ---- what was proven, in numbers ---- */

typedef struct counts {
    long long actions, transfers;
} counts;

static counts count(const sluice_program *program) {
    counts all = {0, 0};
    for (int r = 0; r < sluice_program_ranks(program); r++) {
        int length                     = 0;
        const sluice_instruction *list = sluice_program_list(&length, program, r);
        for (int n = 0; n < length; n++) {
            all.actions += sluice_instruction_computes(list[n].kind) &&
                           list[n].kind != SLUICE_INSTRUCTION_RECOMPUTE;
            all.transfers += list[n].kind == SLUICE_INSTRUCTION_POST_SEND;
        }
    }
    return all;
}

static int print_proof(const sluice_schedule *schedule, const sluice_program *program,
                       const tool_choice *choice) {
    const counts all = count(program);
    printf("proven: %s runs to its end over %s (%s), and computes what it should\n",
           choice->schedule.name, tool_queues_text(choice), choice->transport);
    printf("  %d ranks, %d stages, %d micro-batches\n", sluice_schedule_ranks(schedule),
           sluice_schedule_stages(schedule), sluice_schedule_microbatches(schedule));
    printf("  %lld actions: %s, once per micro-batch and stage, in order\n", all.actions,
           sluice_schedule_trains(schedule) ? "F, then B or I and W" : "F");
    printf(
        "  %lld transfers: each send meets its receive; nothing is read before it is written, or "
        "overwritten while it is needed\n",
        all.transfers);
    printf("  peak stage-activations, rank by rank:");
    for (int r = 0; r < sluice_program_ranks(program); r++)
        printf(" %d", sluice_program_peak_activations(program, r));
    printf("\n");
    return CLI_OK;
}

static int print_json(const sluice_schedule *schedule, const sluice_program *program,
                      const tool_choice *choice) {
    const counts all     = count(program);
    json_t *const object = json_of_schedule(schedule, choice);
    json_t *const live   = json_array();
    bool good            = object != NULL;
    for (int r = 0; r < sluice_program_ranks(program); r++)
        good = json_array_append_new(
                   live, json_integer(sluice_program_peak_activations(program, r))) == 0 &&
               good;
    json_add(object, &good, "actions", json_integer(all.actions));
    json_add(object, &good, "transfers", json_integer(all.transfers));
    json_add(object, &good, "peak_live", live);
    json_add(object, &good, "proven", json_true());
    return json_print(object, good);
}

/* ---- what is wrong ---- */

/* The error goes to standard error and into the object. */
static int say_wrong(const tool_choice *choice, bool said) {
    const sluice_error *const error = sluice_last_error();
    const char *const name          = choice->schedule.name;
    if (!said) (void)cli_fail(CLI_FAILED, "%s: %s", name, error->what);
    if (!choice->json) return CLI_FAILED;
    json_t *const object = json_object();
    bool good            = object != NULL;
    json_add(object, &good, "schedule", json_string(name));
    json_add(object, &good, "transport", json_string(choice->transport));
    json_add(object, &good, "proven", json_false());
    json_add(object, &good, "reason", json_string(error->what));
    (void)json_print(object, good);
    return CLI_FAILED;
}

static int check(const tool_choice *choice, const sluice_schedule *schedule) {
    sluice_program *program         = NULL;
    sluice_program_options settings = SLUICE_PROGRAM_OPTIONS_INIT;
    settings.queues                 = tool_queues(choice);
    CLI_TRY(cli_check_size(schedule));
    const sluice_status status = sluice_program_compile(&program, schedule, NULL, NULL, &settings);
    if (status == SLUICE_E_SCHEDULE) return say_wrong(choice, false);
    CLI_TRY(cli_report(status));
    const int failed = choice->json ? print_json(schedule, program, choice)
                                    : print_proof(schedule, program, choice);
    sluice_program_free(program);
    return failed;
}

int command_check(const cli_command *command, int argc, char **argv) {
    tool_choice choice        = {.transport = "local"};
    sluice_schedule *schedule = NULL;
    CLI_TRY(cli_parse(&choice, NULL, command, CLI_CHECK, tables, argc, argv));
    const int refused          = cli_choose_schedule(&schedule, &choice.schedule, "sluice check");
    const sluice_status status = sluice_last_error()->status;
    if (refused == CLI_FAILED && (status == SLUICE_E_PARSE || status == SLUICE_E_SCHEDULE))
        return say_wrong(&choice, true);
    CLI_TRY(refused);
    const int failed = check(&choice, schedule);
    sluice_schedule_free(schedule);
    return failed;
}
