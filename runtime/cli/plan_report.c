/* SPDX-License-Identifier: MIT */
/* plan_report.c -- the plan, printed before the run: stages, ranks, and their bytes. */
#include <stdio.h>
#include <string.h>

#include "training.h"

/* The cost of stage `stage` in one step. */
typedef struct stage_share {
    double flops;
    int64_t parameters; /* distinct ones */
} stage_share;

/* A parameter used twice on one stage counts once. */
static bool is_counted(const sluice_model *model, int use, int first, int last) {
    const sluice_parameter_use *const it = sluice_model_use(model, use);
    if (it->layer < first || it->layer > last) return false;
    if (it->first == use) return true;
    return sluice_model_use(model, it->first)->layer < first;
}

static int measure_stage(stage_share *share, const train_problem *problem, int stage,
                         int64_t samples) {
    const sluice_model *const model = problem->model;
    int first = 0, last = 0;
    sluice_program_stage_layers(&first, &last, sluice_pipeline_program(problem->pipeline), stage);
    *share = (stage_share){0, 0};
    for (int l = first; l <= last; l++) {
        sluice_layer_description layer;
        CLI_TRY(
            cli_report(sluice_model_describe(&layer, model, l, samples, SLUICE_PRECISION_FP32)));
        share->flops += layer.forward.flops + layer.input.flops + layer.weight.flops;
    }
    for (int use = 0; use < sluice_model_use_count(model); use++)
        if (is_counted(model, use, first, last))
            share->parameters += sluice_shape_count(&sluice_model_use(model, use)->parameter.shape);
    return CLI_OK;
}

static void print_stage(const train_problem *problem, int stage, const stage_share *share,
                        double all_flops) {
    const sluice_program *const program = sluice_pipeline_program(problem->pipeline);
    int first = 0, last = 0;
    sluice_program_stage_layers(&first, &last, program, stage);
    printf("%4d  %5d  %11s  %6.2f  %5.1f %%  %s", sluice_program_stage_rank(program, stage), stage,
           cli_quantity((double)share->parameters).text, share->flops / 1e9,
           100 * share->flops / all_flops, sluice_model_layer_name(problem->model, first));
    if (last > first) printf(" .. %s", sluice_model_layer_name(problem->model, last));
    printf(" (%d layer%s)\n", last - first + 1, last > first ? "s" : "");
}

static int print_stages(const train_problem *problem, int64_t samples) {
    const int stages = sluice_program_stages(sluice_pipeline_program(problem->pipeline));
    double all       = 0;
    stage_share share;
    for (int s = 0; s < stages; s++) {
        CLI_TRY(measure_stage(&share, problem, s, samples));
        all += share.flops;
    }
    printf("rank  stage   parameters  GFLOP    share  layers\n");
    for (int s = 0; s < stages; s++) {
        CLI_TRY(measure_stage(&share, problem, s, samples));
        print_stage(problem, s, &share, all);
    }
    return CLI_OK;
}

static void print_memory(const sluice_program *program) {
    printf("rank       arena  = parameters + gradients  + state      + activations\n");
    for (int r = 0; r < sluice_program_ranks(program); r++) {
        const sluice_program_bytes bytes = sluice_program_memory(program, r);
        printf("%4d  %10s    %10s   %10s   %10s   %10s\n", r, cli_bytes(bytes.arena).text,
               cli_bytes(bytes.parameters + bytes.working).text, cli_bytes(bytes.gradients).text,
               cli_bytes(bytes.states + bytes.layer_states).text, cli_bytes(bytes.transient).text);
    }
}

static void print_sizes(const sluice_program *program) {
    const int m            = sluice_program_microbatches(program);
    const int64_t largest  = sluice_program_samples(program, 0);
    const int64_t smallest = sluice_program_samples(program, m - 1);
    printf("%d micro-batches of %lld", m, (long long)largest);
    if (smallest != largest) printf(" to %lld", (long long)smallest);
    printf(" samples\n");
}

/* The files and bytes are the text's, even where its tokens are in a file. */
static void print_data(const train_problem *problem) {
    const sluice_corpus *const corpus = problem->corpus;
    const sluice_corpus *const data   = problem->text ? problem->text : corpus;
    printf("data      %lld file%s, ", (long long)sluice_corpus_files(data),
           sluice_corpus_files(data) == 1 ? "" : "s");
    if (problem->text) printf("%s of text, ", cli_bytes((size_t)sluice_corpus_bytes(data)).text);
    printf("%lld tokens; windows of %lld: %lld to train on, %lld held out\n",
           (long long)sluice_corpus_tokens(corpus), (long long)problem->seq,
           (long long)sluice_corpus_training_windows(corpus),
           (long long)sluice_corpus_held_out_windows(corpus));
    if (sluice_corpus_left_out(data)[0])
        printf("          left out: %s\n", sluice_corpus_left_out(data));
}

static void print_heading(const train_problem *problem, const train_options *options) {
    const sluice_model_config *const config = &problem->config;
    char summary[160];
    sluice_model_config_summary(summary, sizeof summary, config);
    printf("model     %s: %s, %s parameters%s\n", problem->name, summary,
           cli_quantity((double)sluice_model_parameter_count(problem->model)).text,
           sluice_model_config_numbers(config).tied ? ", head tied to the embedding" : "");
    print_data(problem);
    printf("training  %lld steps of %lld samples (%lld tokens)%s%s", (long long)options->steps,
           (long long)options->batch, (long long)options->batch * problem->seq,
           options->init ? ", from " : "", options->init ? options->init : "");
    if (config->dropout > 0) printf(", dropout %g", (double)config->dropout);
    putchar('\n');
}

static int print_blas(const char *name) {
    char words[128];
    if (!name) return CLI_OK;
    CLI_TRY(cli_report(sluice_blas_describe(words, sizeof words, name)));
    printf("products  %s: %s\n", name, words);
    return CLI_OK;
}

/* Each line of the degradations. */
static void print_degradations(const char *lines) {
    while (*lines) {
        const int length = (int)strcspn(lines, "\n");
        printf("note      %.*s\n", length, lines);
        lines += length + (lines[length] != '\0');
    }
}

int train_print_plan(const train_problem *problem, const train_options *options) {
    const sluice_program *const program = sluice_pipeline_program(problem->pipeline);
    const int ranks                     = sluice_program_ranks(program);
    print_heading(problem, options);
    train_print_own_plan(problem, options->out);
    const char *const device = sluice_pipeline_device(problem->pipeline);
    const int threads        = sluice_pipeline_threads(problem->pipeline);
    printf("pipeline  %s on %d rank%s (%s", sluice_schedule_name(problem->schedule), ranks,
           ranks == 1 ? "" : "s", device);
    if (strcmp(device, "cpu") == 0) printf(", %d thread%s each", threads, threads == 1 ? "" : "s");
    printf("), ");
    print_sizes(program);
    CLI_TRY(print_blas(options->blas));
    print_degradations(sluice_pipeline_degradations(problem->pipeline));
    for (size_t k = 0; k < json_array_size(problem->notes); k++)
        printf("note      %s\n", json_string_value(json_array_get(problem->notes, k)));
    putchar('\n');
    CLI_TRY(print_stages(problem, options->batch));
    putchar('\n');
    print_memory(program);
    printf("\nbubble is makespan idle: the share of ranks x step in which no action runs\n\n");
    return CLI_OK;
}
