/* SPDX-License-Identifier: MIT */
/* plan_picture.c -- the picture of `sluice plan`: what each rank of the best plan does within the
 * step, and its memory against its limit, for each --devices on which something fits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan_command.h"
#include "split_command.h"

/* Characters of a device or a list of devices, at most; and bytes. */
enum { NAME = 36, NAME_BYTES = 4 * NAME + 8 };

typedef struct rank_row {
    double busy, bytes;
    char label[NAME_BYTES + 32], time[64];
    cli_words memory;
} rank_row;

/* Of one --devices. */
typedef struct part {
    sluice_bar *time, *memory; /* [ranks] */
    rank_row *rows;
    char title[NAME_BYTES + 160], memory_title[NAME_BYTES + 64], line[64];
} part;

/* What is longer is cut, between characters. */
static const char *shorten(char out[NAME_BYTES], const char *name) {
    size_t bytes = 0;
    for (int k = 0; k < NAME && name[bytes]; k++) {
        bytes++;
        while (bytes < NAME_BYTES && (name[bytes] & 0xc0) == 0x80) bytes++;
    }
    snprintf(out, NAME_BYTES, "%.*s%s", (int)bytes, name, name[bytes] ? "\xe2\x80\xa6" : "");
    return out;
}

/* ---- rows ---- */

static void fill_row(rank_row *row, int rank, const plan_answer *answer) {
    const sluice_plan_choice *const plan = &answer->result->choices[0];
    const double taken                   = plan->rank[rank].busy + plan->rank[rank].update;
    char name[NAME_BYTES];
    row->busy   = plan->rank[rank].busy;
    row->bytes  = (double)plan->rank[rank].bytes;
    row->memory = cli_bytes(plan->rank[rank].bytes);
    shorten(name, answer->list ? answer->list->ranks[rank].name : "");
    snprintf(row->label, sizeof row->label, "rank %d%s%s", rank, answer->list ? ", " : "", name);
    snprintf(row->time, sizeof row->time, "%s, idle %.0f %%", split_seconds(taken).text,
             100 * (1 - taken / plan->step));
}

static void fill_bars(part *p, int rank, const sluice_plan_choice *plan) {
    const rank_row *const row         = &p->rows[rank];
    const sluice_plan_rank *const has = &plan->rank[rank];
    const double idle                 = plan->step - has->busy - has->update;

    p->time[rank]   = (sluice_bar){.label      = row->label,
                                   .text       = row->time,
                                   .parts      = &row->busy,
                                   .part_count = 1,
                                   .rest       = has->update,
                                   .idle       = idle > 0 ? idle : 0};
    p->memory[rank] = (sluice_bar){.label      = row->label,
                                   .text       = row->memory.text,
                                   .parts      = &row->bytes,
                                   .part_count = 1,
                                   .limit      = (double)has->limit};
}

static void fill_titles(part *p, const plan_answer *answer) {
    const sluice_plan_choice *const plan = &answer->result->choices[0];
    char name[NAME_BYTES];
    shorten(name, cli_last_of(answer->devices));
    snprintf(p->title, sizeof p->title,
             "%s: %s on %d rank%s, %d micro-batch%s of %lld sample%s; time of a step%s", name,
             plan->schedule, plan->ranks, plan->ranks == 1 ? "" : "s", plan->microbatches,
             plan->microbatches == 1 ? "" : "es", (long long)plan->microbatch,
             plan->microbatch == 1 ? "" : "s", answer->result->is_estimate ? ", estimated" : "");
    snprintf(p->memory_title, sizeof p->memory_title, "%s: memory of the plan", name);
    snprintf(p->line, sizeof p->line, "step %s", split_seconds(plan->step).text);
}

static void free_part(part *p) {
    free(p->time);
    free(p->memory);
    free(p->rows);
}

static int fill_part(part *p, const plan_answer *answer) {
    const sluice_plan_choice *const plan = &answer->result->choices[0];
    const size_t ranks                   = (size_t)plan->ranks;
    p->time                              = calloc(ranks, sizeof *p->time);
    p->memory                            = calloc(ranks, sizeof *p->memory);
    p->rows                              = calloc(ranks, sizeof *p->rows);
    if (!p->time || !p->memory || !p->rows) return cli_fail(CLI_FAILED, "host memory exhausted");
    for (int r = 0; r < plan->ranks; r++) {
        fill_row(&p->rows[r], r, answer);
        fill_bars(p, r, plan);
    }
    fill_titles(p, answer);
    return CLI_OK;
}

/* ---- the picture ---- */

static void add_panels(sluice_bar_panel *panels, const part *p, const sluice_plan_choice *plan) {
    panels[0] = (sluice_bar_panel){.title     = p->title,
                                   .bars      = p->time,
                                   .count     = plan->ranks,
                                   .line      = plan->step,
                                   .line_text = p->line,
                                   .part_text = "compute",
                                   .rest_text = "update",
                                   .idle_text = "idle"};
    panels[1] = (sluice_bar_panel){.title      = p->memory_title,
                                   .bars       = p->memory,
                                   .count      = plan->ranks,
                                   .part_text  = "allocated",
                                   .limit_text = "limit",
                                   .is_memory  = true};
}

static int draw(char **out, const plan_job *job, part *parts, sluice_bar_panel *panels) {
    char name[NAME_BYTES], title[NAME_BYTES + 64];
    int count = 0;
    for (int k = 0; k < job->count; k++) {
        const plan_answer *const answer = &job->answers[k];
        if (!answer->result) continue;
        CLI_TRY(fill_part(&parts[k], answer));
        add_panels(&panels[count], &parts[k], &answer->result->choices[0]);
        count += 2;
    }
    snprintf(title, sizeof title, "%s, batch %lld: the best plan%s",
             shorten(name, cli_last_of(job->options->subject)), (long long)job->options->batch,
             count > 2 ? "s" : "");
    return cli_report(sluice_bars_svg(out, title, panels, count));
}

int plan_write_svg(const plan_job *job) {
    const size_t count             = (size_t)job->count;
    part *const parts              = calloc(count, sizeof *parts);
    sluice_bar_panel *const panels = calloc(2 * count, sizeof *panels);
    char *text                     = NULL;
    int failed                     = parts && panels ? draw(&text, job, parts, panels)
                                                     : cli_fail(CLI_FAILED, "host memory exhausted");
    if (!failed) failed = cli_write_text(job->options->svg, text);
    sluice_text_free(text);
    for (size_t k = 0; parts && k < count; k++) free_part(&parts[k]);
    free(parts);
    free(panels);
    return failed;
}
