/* SPDX-License-Identifier: MIT */
/* command_check.c -- `sluice check`: proves that a schedule runs, or names the first error. */
#include <stdio.h>
#include <stdlib.h>

#include "schedule_tools.h"

static const cli_option_table tables[] = {
    {cli_schedule_options, offsetof(tool_choice, schedule), 1, NULL},
    {tool_options, 0, 2, NULL},
    {0}};

const cli_command_line command_check_line = {CLI_CHECK, tables};

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
    const int ranks = sluice_schedule_ranks(schedule), stages = sluice_schedule_stages(schedule);
    const int m = sluice_schedule_microbatches(schedule);
    printf("proven: %s runs to its end over %s (%s), and computes what it should\n",
           choice->schedule.name, tool_queues_text(choice), choice->transport);
    printf("  %d rank%s, %d stage%s, %d micro-batch%s\n", ranks, ranks == 1 ? "" : "s", stages,
           stages == 1 ? "" : "s", m, m == 1 ? "" : "es");
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

static int print_json(const sluice_program *program, const tool_choice *choice) {
    const counts all     = count(program);
    json_t *const object = json_of_program(program, choice);
    json_t *const live   = json_array();
    bool good            = object != NULL;
    for (int r = 0; r < sluice_program_ranks(program); r++)
        json_append(live, &good, json_integer(sluice_program_peak_activations(program, r)));
    json_add(object, &good, "actions", json_integer(all.actions));
    json_add(object, &good, "transfers", json_integer(all.transfers));
    json_add(object, &good, "peak_live", live);
    json_add(object, &good, "proven", json_true());
    return json_print(object, good);
}

/* ---- what is wrong ---- */

/* Print what is wrong as an object, if one is asked for. */
static void print_reason(const tool_choice *choice) {
    if (!choice->json) return;
    const sluice_error *const error = sluice_last_error();
    char reason[sizeof error->what + sizeof error->hint + 2];
    snprintf(reason, sizeof reason, "%s%s%s", error->what, error->hint[0] ? "; " : "", error->hint);
    json_t *const object = json_object();
    bool good            = object != NULL;
    json_add(object, &good, "schedule", json_string(choice->schedule.name));
    json_add(object, &good, "transport", json_string(choice->transport));
    json_add(object, &good, "proven", json_false());
    json_add(object, &good, "reason", json_string(reason));
    (void)json_print(object, good);
}

/* What a file that did not become a schedule, which is reported already, exits with: 2 if it could
 * not be read or parsed, 1 if it says something wrong. */
static int refuse_file(const tool_choice *choice) {
    const sluice_status status = sluice_last_error()->status;
    if (status == SLUICE_E_IO) return CLI_USAGE; /* it could not be read */
    if (status != SLUICE_E_PARSE && status != SLUICE_E_SCHEDULE) return CLI_FAILED;
    print_reason(choice);
    return status == SLUICE_E_PARSE ? CLI_USAGE : CLI_FAILED;
}

static int check(const tool_choice *choice, const sluice_schedule *schedule) {
    sluice_program *program         = NULL;
    sluice_program_options settings = SLUICE_PROGRAM_OPTIONS_INIT;
    settings.queues                 = tool_queues(choice);
    CLI_TRY(cli_check_size(schedule));
    const sluice_status status = sluice_program_compile(&program, schedule, NULL, NULL, &settings);
    if (status == SLUICE_E_SCHEDULE) {
        (void)cli_report_of(choice->schedule.name);
        print_reason(choice);
        return CLI_FAILED;
    }
    CLI_TRY(cli_report(status));
    const int failed =
        choice->json ? print_json(program, choice) : print_proof(schedule, program, choice);
    sluice_program_free(program);
    return failed;
}

int command_check(const cli_command *command, int argc, char **argv) {
    tool_choice choice        = {.transport = "local"};
    sluice_schedule *schedule = NULL;
    CLI_TRY(cli_parse(&choice, NULL, command, argc, argv));
    const int refused = cli_choose_schedule(&schedule, &choice.schedule, "sluice check");
    if (refused == CLI_FAILED && cli_is_file(choice.schedule.name)) return refuse_file(&choice);
    CLI_TRY(refused);
    const int failed = check(&choice, schedule);
    sluice_schedule_free(schedule);
    return failed;
}
