/* SPDX-License-Identifier: MIT */
/* cost_warnings.c -- what was said about costs and changes nothing, or was said twice. */
#include <stdlib.h>
#include <string.h>

#include "costs.h"

/* ---- named twice ---- */

/* As the entries of --link stand in the list: each names both directions. */
static bool is_pair(const sluice_link_cost *a, const sluice_link_cost *b) {
    return (a->from == b->from && a->to == b->to) || (a->from == b->to && a->to == b->from);
}

static int warn_of_pairs(given_costs *costs, int first) {
    const sluice_link_cost *const links = costs->links;
    for (int l = first; l < costs->costs.link_count; l += 2) {
        int earlier = first;
        while (!is_pair(&links[earlier], &links[l])) earlier += 2;
        if (earlier < l)
            CLI_TRY(cli_warn(&costs->warnings,
                             "--link names the link between ranks %d and %d twice; the last one "
                             "counts",
                             links[l].from, links[l].to));
    }
    return CLI_OK;
}

static int warn_of_defaults(given_costs *costs, const cost_choice *choice) {
    int count = 0;
    for (int l = 0; l < choice->links.count; l++) count += !strchr(choice->links.text[l], ':');
    if (count < 2) return CLI_OK;
    return cli_warn(&costs->warnings,
                    "--link gives the cost of every link %d times; the last one counts", count);
}

static int compare_links(const void *left, const void *right) {
    const sluice_link_cost *const a = left, *const b = right;
    return a->from != b->from ? a->from - b->from : a->to - b->to;
}

static int warn_of_profile(given_costs *costs) {
    const int count = costs->profile ? costs->profile->link_count : 0;
    if (count < 2) return CLI_OK;
    sluice_link_cost *const sorted = malloc((size_t)count * sizeof *sorted);
    if (!sorted) return cli_fail(CLI_FAILED, "host memory exhausted");
    memcpy(sorted, costs->profile->links, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, compare_links);
    int failed = CLI_OK;
    for (int l = 1; l < count && !failed; l++)
        if (compare_links(&sorted[l - 1], &sorted[l]) == 0)
            failed = cli_warn(&costs->warnings,
                              "the profile lists the link from rank %d to rank %d twice; the last "
                              "one counts",
                              sorted[l].from, sorted[l].to);
    free(sorted);
    return failed;
}

/* ---- without an effect ---- */

/* Whether `from` sends anything to `to`; -1: to any rank. */
static bool sends(const sluice_program *program, int from, int to) {
    int count                            = 0;
    const sluice_instruction *const list = sluice_program_list(&count, program, from);
    for (int n = 0; n < count; n++)
        if (list[n].kind == SLUICE_INSTRUCTION_POST_SEND && (to < 0 || list[n].peer == to))
            return true;
    return false;
}

static int warn_of_unused(given_costs *costs, const cost_choice *choice, int first,
                          const sluice_program *program) {
    bool any = false;
    for (int r = 0; r < sluice_program_ranks(program) && !any; r++) any = sends(program, r, -1);
    if (!any && choice->links.count > 0)
        return cli_warn(&costs->warnings, "--link has no effect: the schedule has no transfers");
    for (int l = first; l < costs->costs.link_count; l += 2) {
        const sluice_link_cost *const link = &costs->links[l];
        if (!sends(program, link->from, link->to) && !sends(program, link->to, link->from))
            CLI_TRY(cli_warn(&costs->warnings,
                             "--link %d-%d has no effect: no transfer goes between these ranks",
                             link->from, link->to));
    }
    return CLI_OK;
}

static bool has_groups(const sluice_program *program) {
    for (int r = 0; r < sluice_program_ranks(program); r++) {
        int count                            = 0;
        const sluice_instruction *const list = sluice_program_list(&count, program, r);
        for (int n = 0; n < count; n++)
            if (list[n].group > 0 && sluice_instruction_computes(list[n].kind)) return true;
    }
    return false;
}

int cost_warn_of_overlap(json_t **warnings, double overlap, const sluice_program *program) {
    if (overlap == 0 || has_groups(program)) return CLI_OK;
    return cli_warn(warnings, "--overlap has no effect: the schedule has no overlap groups");
}

int given_costs_check(given_costs *costs, const cost_choice *choice,
                      const sluice_program *program) {
    const int first = costs->profile ? costs->profile->link_count : 0; /* of those from --link */
    CLI_TRY(warn_of_defaults(costs, choice));
    CLI_TRY(warn_of_pairs(costs, first));
    CLI_TRY(warn_of_profile(costs));
    CLI_TRY(warn_of_unused(costs, choice, first, program));
    return cost_warn_of_overlap(&costs->warnings, choice->overlap, program);
}
