/* SPDX-License-Identifier: MIT */
/* split_picture.c -- the picture of `sluice split`: bars of time against the bound, of memory
 * against the limits. */
#include <stdio.h>
#include <stdlib.h>

#include "split_command.h"

typedef struct picture {
    sluice_bar *time, *memory; /* [ranks] */
    double *parts;             /* [stages]: seconds by rank, then bytes of the ranks */
    struct {
        cli_words label, time, memory;
    } * texts; /* [ranks] */
} picture;

/* Seconds of the rank's stages stand next to each other. */
static void fill_time(const picture *p, const sluice_split_result *r) {
    int used = 0;
    for (int k = 0; k < r->ranks; k++) {
        sluice_bar *const bar = &p->time[k];
        bar->parts            = &p->parts[used];
        for (int s = 0; s < r->stages; s++)
            if (r->stage[s].rank == k) p->parts[used + bar->part_count++] = r->stage[s].seconds;
        used += bar->part_count;
        bar->rest  = r->rank[k].transfer;
        bar->label = p->texts[k].label.text;
        bar->text  = p->texts[k].time.text;
        snprintf(p->texts[k].label.text, sizeof p->texts[k].label.text, "rank %d", k);
        p->texts[k].time = split_seconds(r->rank[k].seconds);
    }
}

static void fill_memory(const picture *p, const sluice_split_result *r) {
    for (int k = 0; k < r->ranks; k++) {
        sluice_bar *const bar   = &p->memory[k];
        p->parts[r->stages + k] = (double)r->rank[k].bytes;
        p->texts[k].memory      = cli_bytes(r->rank[k].bytes);
        bar->parts              = &p->parts[r->stages + k];
        bar->part_count         = 1;
        bar->label              = p->texts[k].label.text;
        bar->text               = p->texts[k].memory.text;
        bar->limit              = (double)r->rank[k].limit;
    }
}

static int draw(char **out, const split_job *job, const picture *p) {
    const sluice_split_result *const r = job->result;
    char title[256], line[64];
    const bool timed = job->options->objective == SLUICE_OBJECTIVE_TIME;
    snprintf(title, sizeof title, "%s%s%s: %d layers in %d stages on %d ranks, %s",
             cli_last_of(job->options->subject), job->devices ? " on " : "",
             job->devices ? cli_last_of(job->options->devices) : "", r->layer_count, r->stages,
             r->ranks, sluice_schedule_name(job->schedule));
    snprintf(line, sizeof line, "bound %s", split_seconds(r->bound).text);
    const sluice_bar_panel panels[] = {
        {.title     = r->is_estimate ? "time of a micro-batch, estimated" : "time of a micro-batch",
         .bars      = p->time,
         .count     = r->ranks,
         .line      = timed ? r->bound : 0,
         .line_text = line,
         .part_text = r->stages > r->ranks ? "stages of the rank" : "F, I and W",
         .rest_text = "transfers"},
        {.title      = "memory of the plan",
         .bars       = p->memory,
         .count      = r->ranks,
         .part_text  = "allocated",
         .limit_text = "limit",
         .is_memory  = true}};
    return cli_report(sluice_bars_svg(out, title, panels, 2));
}

int split_write_svg(const split_job *job) {
    const size_t ranks = (size_t)job->result->ranks, stages = (size_t)job->result->stages;
    picture p  = {calloc(ranks, sizeof *p.time), calloc(ranks, sizeof *p.memory),
                  calloc(stages + ranks, sizeof *p.parts), calloc(ranks, sizeof *p.texts)};
    char *text = NULL;
    int failed = CLI_OK;
    if (p.time && p.memory && p.parts && p.texts) {
        fill_time(&p, job->result);
        fill_memory(&p, job->result);
        failed = draw(&text, job, &p);
    } else
        failed = cli_fail(CLI_FAILED, "host memory exhausted");
    if (!failed) failed = cli_write_text(job->options->svg, text);
    sluice_text_free(text);
    free(p.time);
    free(p.memory);
    free(p.parts);
    free(p.texts);
    return failed;
}
