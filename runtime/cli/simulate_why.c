/* SPDX-License-Identifier: MIT */
/* simulate_why.c -- `sluice simulate --why RANK`: each gap of a rank and what it waits for. */
#include <stdio.h>

#include "simulate_report.h"

enum { WORDS = 96, MAX_NAMED = 4 };

/* The gaps of one kind. */
typedef struct gap_total {
    int count;
    double time, absent;
} gap_total;

int simulate_check_why(const simulate_options *options, const sluice_schedule *schedule) {
    const int p = sluice_schedule_ranks(schedule);
    if (options->why < p) return CLI_OK;
    return cli_fail(CLI_USAGE, "--why is '%d' and the schedule has %d ranks; give one from 0 to %d",
                    options->why, p, p - 1);
}

static void add_up(gap_total totals[SLUICE_GAP_KINDS], const sluice_gap *gaps, int count) {
    for (int g = 0; g < count; g++) {
        gap_total *const total = &totals[gaps[g].kind];
        total->count++;
        total->time += gaps[g].end - gaps[g].begin;
        total->absent += gaps[g].absent;
    }
}

/* What the rank waits for: "norm", where the step ends after its list "end of the step". */
static void describe(char out[WORDS], const sluice_program *program, int rank, int instruction) {
    int count;
    (void)sluice_program_list(&count, program, rank);
    if (instruction < count)
        sluice_program_describe(out, WORDS, program, rank, instruction);
    else
        snprintf(out, WORDS, "end of the step");
}

static double lasts(const sluice_simulation *simulation, int rank, int n) {
    return simulation->rank[rank].end[n] - simulation->rank[rank].begin[n];
}

/* ---- to people ---- */

/* "; rank 1 is at 1F0, 1B0 and 3 more". */
static void print_meanwhile(const sluice_gap *gap, const sluice_program *program,
                            const sluice_simulation *simulation) {
    int named = 0, more = 0;
    if (gap->first < 0) return;
    for (int n = gap->first; n <= gap->last; n++) {
        char words[WORDS];
        if (lasts(simulation, gap->peer, n) <= 0) continue;
        if (named == MAX_NAMED) {
            more++;
            continue;
        }
        describe(words, program, gap->peer, n);
        if (named == 0)
            printf("; rank %d is at %s", gap->peer, words);
        else
            printf(", %s", words);
        named++;
    }
    if (more > 0) printf(" and %d more", more);
}

static void print_gap(const sluice_gap *gap, int rank, const sluice_program *program,
                      const sluice_simulation *simulation) {
    const double time = gap->end - gap->begin;
    char words[WORDS];
    describe(words, program, rank, gap->at);
    printf("%10g  %10g  %10g  %10g  %10g  %s", gap->begin, gap->end, time, gap->absent,
           time - gap->absent, words);
    print_meanwhile(gap, program, simulation);
    putchar('\n');
}

static void print_totals(const gap_total totals[SLUICE_GAP_KINDS]) {
    printf("\nwaits for     gaps        time      absent    transfer\n");
    for (int k = 0; k < SLUICE_GAP_KINDS; k++)
        printf("%-11s  %5d  %10g  %10g  %10g\n", sluice_gap_name((sluice_gap_kind)k),
               totals[k].count, totals[k].time, totals[k].absent,
               totals[k].time - totals[k].absent);
    printf(
        "absent: until the other end is posted; transfer: from then on, with earlier ones in its "
        "queue\n");
}

int simulate_print_why(const simulate_options *options, const sluice_program *program,
                       const sluice_simulation *simulation) {
    gap_total totals[SLUICE_GAP_KINDS] = {{0}};
    sluice_gap *gaps;
    int count;
    double still = 0;
    if (options->why < 0) return CLI_OK;
    CLI_TRY(cli_report(sluice_simulation_gaps(&gaps, &count, program, simulation, options->why)));
    add_up(totals, gaps, count);
    for (int k = 0; k < SLUICE_GAP_KINDS; k++) still += totals[k].time;
    printf("\nrank %d stands still for %g of %g, in %d gap%s\n", options->why, still,
           simulation->step, count, count == 1 ? "" : "s");
    if (count > 0)
        printf("      from          to        time      absent    transfer  what it waits for\n");
    for (int g = 0; g < count; g++) print_gap(&gaps[g], options->why, program, simulation);
    print_totals(totals);
    sluice_gaps_free(gaps);
    return CLI_OK;
}

/* ---- to scripts ---- */

static json_t *meanwhile(const sluice_gap *gap, bool *good, const sluice_program *program,
                         const sluice_simulation *simulation) {
    json_t *const list = json_array();
    for (int n = gap->first; n >= 0 && n <= gap->last; n++) {
        char words[WORDS];
        if (lasts(simulation, gap->peer, n) <= 0) continue;
        describe(words, program, gap->peer, n);
        json_append(list, good, json_string(words));
    }
    return list;
}

static void add_times(json_t *object, bool *good, double time, double absent) {
    json_add(object, good, "time", json_real(time));
    json_add(object, good, "absent", json_real(absent));
    json_add(object, good, "transfer", json_real(time - absent));
}

static json_t *json_of_gap(const sluice_gap *gap, bool *good, int rank,
                           const sluice_program *program, const sluice_simulation *simulation) {
    json_t *const object = json_object();
    char words[WORDS];
    describe(words, program, rank, gap->at);
    json_add(object, good, "from", json_real(gap->begin));
    json_add(object, good, "to", json_real(gap->end));
    add_times(object, good, gap->end - gap->begin, gap->absent);
    json_add(object, good, "kind", json_string(sluice_gap_name(gap->kind)));
    json_add(object, good, "waits_for", json_string(words));
    json_add(object, good, "peer", json_integer(gap->peer));
    json_add(object, good, "meanwhile", meanwhile(gap, good, program, simulation));
    return object;
}

static json_t *json_of_totals(const gap_total totals[SLUICE_GAP_KINDS], bool *good) {
    json_t *const object = json_object();
    for (int k = 0; k < SLUICE_GAP_KINDS; k++) {
        json_t *const total = json_object();
        json_add(total, good, "gaps", json_integer(totals[k].count));
        add_times(total, good, totals[k].time, totals[k].absent);
        json_add(object, good, sluice_gap_name((sluice_gap_kind)k), total);
    }
    return object;
}

int simulate_add_why(json_t *object, bool *good, const simulate_options *options,
                     const sluice_program *program, const sluice_simulation *simulation) {
    gap_total totals[SLUICE_GAP_KINDS] = {{0}};
    sluice_gap *gaps;
    int count;
    if (options->why < 0) return CLI_OK;
    CLI_TRY(cli_report(sluice_simulation_gaps(&gaps, &count, program, simulation, options->why)));
    json_t *const why = json_object(), *const list = json_array();
    add_up(totals, gaps, count);
    for (int g = 0; g < count; g++)
        json_append(list, good, json_of_gap(&gaps[g], good, options->why, program, simulation));
    sluice_gaps_free(gaps);
    json_add(why, good, "rank", json_integer(options->why));
    json_add(why, good, "gaps", list);
    json_add(why, good, "totals", json_of_totals(totals, good));
    json_add(object, good, "why", why);
    return CLI_OK;
}
