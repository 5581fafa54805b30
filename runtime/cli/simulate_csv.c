/* SPDX-License-Identifier: MIT */
/* simulate_csv.c -- `sluice simulate --csv`: what was planned, as a schedule that runs as it is. */
#include "simulate_report.h"

int simulate_take_csv(void *field, const cli_option *option, const char *name, const char *text) {
    if (!cli_ends_in(text, ".csv"))
        return cli_fail(CLI_USAGE, "%s is '%s'; give a file that ends in .csv", name, text);
    return cli_take_text(field, option, name, text);
}

int simulate_check_csv(const simulate_options *options) {
    if (tool_queues(&options->choice) == SLUICE_QUEUES_PER_RANK)
        return cli_fail(CLI_USAGE,
                        "--csv cannot say which transfers are issued as one, as they are over %s; "
                        "leave out --transport",
                        options->choice.transport);
    return cli_check_writable(options->csv);
}

int simulate_write_csv(const simulate_options *options, const sluice_program *program) {
    sluice_schedule *named = NULL;
    char *text             = NULL;
    if (!options->csv) return CLI_OK;
    CLI_TRY(cli_report(sluice_program_schedule(&named, program)));
    int failed = cli_report(sluice_schedule_print(&text, named));
    if (!failed) failed = cli_write_text(options->csv, text);
    sluice_text_free(text);
    sluice_schedule_free(named);
    return failed;
}
