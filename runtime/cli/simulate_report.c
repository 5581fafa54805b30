/* SPDX-License-Identifier: MIT */
/* simulate_report.c -- the output of `sluice simulate`, for people and for scripts. */
#include <stdio.h>

#include "simulate_report.h"

/* Idle share of the whole step. */
static double makespan_idle(const sluice_simulation *simulation, int rank) {
    const double idle = simulation->makespan - simulation->rank[rank].busy;
    return simulation->makespan > 0 && idle > 0 ? idle / simulation->makespan : 0;
}

static int draw(const simulate_options *options, const given_costs *costs,
                const sluice_program *program, const sluice_simulation *simulation) {
    return drawing_write(&options->drawing, program, simulation, options->choice.schedule.name,
                         costs->profile ? "s" : NULL);
}

/* ---- to people ---- */

static void print_head(const simulate_options *options, const given_costs *costs,
                       const sluice_program *program) {
    const int stages = sluice_program_stages(program);
    printf("%s: %d ranks, %d stages, %d micro-batches; ", options->choice.schedule.name,
           sluice_program_ranks(program), stages, sluice_program_microbatches(program));
    if (costs->profile) {
        printf("seconds on %s, layers", costs->profile->device);
        for (int s = 0; s < stages; s++)
            printf("%c%d", s > 0 ? ',' : ' ', costs->split->first[s + 1] - costs->split->first[s]);
    } else if (options->costs.costs) {
        printf("costs %s", options->costs.costs);
    } else {
        printf("F = I = W = 1, B = 2");
    }
    if (costs->costs.overlap > 0) printf("; groups x %g", costs->costs.overlap);
    printf("; %s (%s)\n", tool_queues_text(&options->choice), options->choice.transport);
}

static void print_times(const sluice_simulation *simulation) {
    const double hidden = simulation->transferring - simulation->exposed;
    printf("\nmakespan %g, step %g, makespan idle %.1f %%\n", simulation->makespan,
           simulation->step, 100 * simulation->makespan_idle);
    printf("critical path: compute %g in %d actions, transfer %g in %d transfers\n",
           simulation->critical_compute, simulation->critical_actions,
           simulation->critical_transfer, simulation->critical_transfers);
    printf("transfers: %d, which take %g: %g hidden behind compute, %g exposed\n\n",
           simulation->transfer_count, simulation->transferring, hidden > 0 ? hidden : 0,
           simulation->exposed);
}

static void print_ranks(const sluice_simulation *simulation, const sluice_program *program,
                        bool sized) {
    printf("rank        busy  inner idle  makespan idle  live  sends%s\n",
           sized ? "       bytes" : "");
    for (int r = 0; r < simulation->ranks; r++) {
        const sluice_rank_times *const rank = &simulation->rank[r];
        size_t kept                         = 0;
        printf("%4d  %10g  %8.1f %%  %11.1f %%  %4d  %5d", r, rank->busy, 100 * rank->inner_idle,
               100 * makespan_idle(simulation, r), rank->peak_activations,
               sluice_program_outstanding(&kept, program, r));
        if (sized) printf("  %10s", cli_bytes(sluice_program_memory(program, r).live).text);
        printf("\n");
    }
    printf(
        "live: peak stage-activations, held from F to B or W; sends: most outstanding at once%s\n",
        sized ? "; bytes: peak in use, with parameters, gradients and optimizer state" : "");
}

int simulate_print(const simulate_options *options, const given_costs *costs,
                   const sluice_program *program) {
    sluice_simulation *simulation = NULL;
    CLI_TRY(cli_report(sluice_program_simulate(&simulation, program, &costs->costs)));
    print_head(options, costs, program);
    int failed = cli_print_timeline(program, simulation, drawing_columns(&options->drawing));
    if (!failed) {
        print_times(simulation);
        print_ranks(simulation, program, costs->bytes != NULL);
        failed = simulate_print_why(options, program, simulation);
        if (!failed) failed = draw(options, costs, program, simulation);
    }
    sluice_simulation_free(simulation);
    return failed;
}

/* ---- to scripts ---- */

/* Add one number per rank. */
typedef json_t *rank_number(const sluice_simulation *simulation, const sluice_program *program,
                            int rank);

static json_t *inner_idle_of(const sluice_simulation *simulation, const sluice_program *program,
                             int rank) {
    (void)program;
    return json_real(simulation->rank[rank].inner_idle);
}

static json_t *makespan_idle_of(const sluice_simulation *simulation, const sluice_program *program,
                                int rank) {
    (void)program;
    return json_real(makespan_idle(simulation, rank));
}

static json_t *busy_of(const sluice_simulation *simulation, const sluice_program *program,
                       int rank) {
    (void)program;
    return json_real(simulation->rank[rank].busy);
}

static json_t *live_of(const sluice_simulation *simulation, const sluice_program *program,
                       int rank) {
    (void)program;
    return json_integer(simulation->rank[rank].peak_activations);
}

static json_t *sends_of(const sluice_simulation *simulation, const sluice_program *program,
                        int rank) {
    size_t bytes;
    (void)simulation;
    return json_integer(sluice_program_outstanding(&bytes, program, rank));
}

static json_t *bytes_of(const sluice_simulation *simulation, const sluice_program *program,
                        int rank) {
    (void)simulation;
    return json_integer((json_int_t)sluice_program_memory(program, rank).live);
}

static void add_ranks(json_t *object, bool *good, const char *key,
                      const sluice_simulation *simulation, const sluice_program *program,
                      rank_number *number) {
    json_t *const list = json_array();
    for (int r = 0; r < simulation->ranks; r++)
        json_append(list, good, number(simulation, program, r));
    json_add(object, good, key, list);
}

static json_t *critical_path(const sluice_simulation *simulation, bool *good) {
    json_t *const object = json_object();
    json_add(object, good, "compute", json_real(simulation->critical_compute));
    json_add(object, good, "transfer", json_real(simulation->critical_transfer));
    json_add(object, good, "actions", json_integer(simulation->critical_actions));
    json_add(object, good, "transfers", json_integer(simulation->critical_transfers));
    return object;
}

static json_t *transfers(const sluice_simulation *simulation, bool *good) {
    const double hidden  = simulation->transferring - simulation->exposed;
    json_t *const object = json_object();
    json_add(object, good, "count", json_integer(simulation->transfer_count));
    json_add(object, good, "time", json_real(simulation->transferring));
    json_add(object, good, "hidden", json_real(hidden > 0 ? hidden : 0));
    json_add(object, good, "exposed", json_real(simulation->exposed));
    return object;
}

int simulate_print_json(const simulate_options *options, const given_costs *costs,
                        const sluice_program *program) {
    sluice_simulation *simulation = NULL;
    CLI_TRY(cli_report(sluice_program_simulate(&simulation, program, &costs->costs)));
    json_t *const object = json_of_program(program, &options->choice);
    bool good            = object != NULL;
    json_add(object, &good, "makespan", json_real(simulation->makespan));
    json_add(object, &good, "step", json_real(simulation->step));
    json_add(object, &good, "makespan_idle", json_real(simulation->makespan_idle));
    add_ranks(object, &good, "inner_idle", simulation, program, inner_idle_of);
    add_ranks(object, &good, "rank_makespan_idle", simulation, program, makespan_idle_of);
    add_ranks(object, &good, "busy", simulation, program, busy_of);
    add_ranks(object, &good, "peak_live", simulation, program, live_of);
    add_ranks(object, &good, "peak_sends", simulation, program, sends_of);
    if (costs->bytes) add_ranks(object, &good, "peak_bytes", simulation, program, bytes_of);
    json_add(object, &good, "critical_path", critical_path(simulation, &good));
    json_add(object, &good, "transfers", transfers(simulation, &good));
    if (costs->warnings) json_add(object, &good, "warnings", json_incref(costs->warnings));
    int failed = simulate_add_why(object, &good, options, program, simulation);
    if (!failed) failed = draw(options, costs, program, simulation);
    sluice_simulation_free(simulation);
    const int unprinted = json_print(object, good);
    return failed ? failed : unprinted;
}
