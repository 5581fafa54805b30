/* SPDX-License-Identifier: MIT */
/*
 * gpu_train.c -- training GPT-2 on one card: tokens per second, the share of the card's peak and of
 * its matrix product rate, memory planned and measured, where the ranks' time went. Prints
 * Markdown; fails if the number of ranks changes the bits, or if more memory is taken than was
 * planned and reserved.
 *
 *   gpu_train                   GPT-2 124M on cuda:0 in fp32, TF32 and bf16, with 1, 2 and 4 ranks
 *   gpu_train --larger          350M, 774M and 1.5B in TF32 and bf16, with 1 rank
 *   gpu_train --quick           tiny GPTs instead
 *   gpu_train --device cpu ...  another kind of device
 *
 * Each measurement has a process: memory is compared with what was available before, and a failure
 * does not stop the others.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "card_peak.h"
#include "gpt_products.h"
#include "matrix_rate.h"

enum { WIDTHS = 3, MAX_RANKS = 4, WARM = 2, SQUARE = LAYERS, PRODUCTS = LAYERS * BENCH_ACTIONS };

static const int widths[WIDTHS] = {1, 2, 4};

typedef struct setting {
    const char *preset, *device;
    int64_t length, samples;
    int microbatches, min_steps, max_steps; /* steps to time */
    double seconds;                         /* no step starts later than this */
    int64_t square;
    int rounds;
    double target; /* seconds of a round of products */
    int first_precision, width_count;
    bool is_quick;
} setting;

static sluice_gpt_config model_config(const setting *on) {
    sluice_gpt_config config;
    bench_check(sluice_gpt_preset(&config, on->preset, 256));
    return config;
}

/* The caller frees it. */
static sluice_model *make_model(const setting *on) {
    const sluice_gpt_config config = model_config(on);
    sluice_model *model            = NULL;
    bench_check(sluice_gpt_model(&model, &config, on->length));
    return model;
}

/* The products of a micro-batch. */
static void products_of(product list[LAYERS], const setting *on) {
    const sluice_gpt_config config = model_config(on);
    list_products(list, &config, (llama_widths){0}, on->samples / on->microbatches * on->length);
}

typedef struct run {
    bool done;
    int steps;
    double seconds; /* of a step: the median */
    double loss;    /* of the last one */
    double makespan_idle;
    double ledger[SLUICE_LEDGER_ENTRIES], unaccounted; /* shares of the ranks' time */
    size_t planned, reserve;
    size_t before, with; /* available memory of the device; SIZE_MAX: it does not say */
    uint64_t digest;     /* after WARM steps */
} run;

/* What the child processes report to the first one, in shared memory. */
typedef struct findings {
    char words[128];  /* description of the device */
    double opened;    /* seconds to find and open it, in a new process */
    size_t available; /* bytes available then */
    bool has[SLUICE_PRECISIONS];
    double seconds[SLUICE_PRECISIONS][LAYERS + 1][BENCH_ACTIONS];
    run runs[SLUICE_PRECISIONS][WIDTHS];
} findings;

/* ---- processes ---- */

typedef struct task {
    const setting *on;
    findings *found;
    int precision, width; /* width: an index into `widths` */
} task;

static bool run_in_child(void (*work)(const task *), const task *with) {
    (void)fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        work(with);
        _exit(fflush(stdout) == 0 ? 0 : 1);
    }
    int status = -1;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static void inspect_device(const task *with) {
    findings *const found        = with->found;
    const sluice_device_ops *ops = NULL;
    sluice_device *device        = NULL;
    const double before          = bench_now();
    size_t reserve;
    bench_check(sluice_device_find(&ops, with->on->device));
    bench_check(ops->open(&device, 0, 1, 0, false));
    found->opened = bench_now() - before;
    bench_check(ops->describe(found->words, sizeof found->words, 0));
    bench_check(ops->memory(&found->available, &reserve, 0, 1));
    for (int p = 0; p < SLUICE_PRECISIONS; p++)
        found->has[p] =
            p >= with->on->first_precision && ops->operations((sluice_precision)p) != NULL;
    ops->close(device);
}

static void print_device(const setting *on, const findings *found) {
    printf("%s: %s; opened in %.2f s", on->device, found->words, found->opened);
    if (found->available != SIZE_MAX)
        printf(", with %.2f GiB left to a process that has done nothing yet",
               (double)found->available / 1073741824.0);
    printf("\n\n");
}

/* ---- rates ---- */

static void measure_products(const task *with) {
    const setting *const on      = with->on;
    const sluice_device_ops *ops = NULL;
    product list[LAYERS];
    sluice_matmul all[PRODUCTS + 1];
    bench_matrices matrices;
    products_of(list, on);
    for (int k = 0; k < PRODUCTS; k++) all[k] = list[k / BENCH_ACTIONS].action[k % BENCH_ACTIONS];
    all[PRODUCTS] = bench_linear(BENCH_F, on->square, on->square, on->square);
    bench_check(sluice_device_find(&ops, on->device));
    bench_matrices_open(&matrices, ops, 0, (sluice_precision)with->precision, all, PRODUCTS + 1);
    /* An uncounted round first, so that the card's clock has risen. */
    (void)bench_matrices_seconds(&matrices, &all[PRODUCTS], on->rounds, on->target);
    for (int k = 0; k <= PRODUCTS; k++)
        with->found->seconds[with->precision][k / BENCH_ACTIONS][k % BENCH_ACTIONS] =
            bench_matrices_seconds(&matrices, &all[k], on->rounds, on->target);
    bench_matrices_close(&matrices);
}

static double square_rate(const setting *on, const findings *found, int precision) {
    const sluice_matmul square = bench_linear(BENCH_F, on->square, on->square, on->square);
    return bench_matmul_flops(&square) / found->seconds[precision][SQUARE][0];
}

/* All products of a micro-batch, one after another: FLOPs, and the sum of the seconds measured for
 * each. */
static double product_flops(const product list[LAYERS], const findings *found, int precision,
                            double *seconds) {
    double flops = 0;
    *seconds     = 0;
    for (int k = 0; k < LAYERS; k++)
        for (int a = 0; a < BENCH_ACTIONS; a++) {
            flops += list[k].times * bench_matmul_flops(&list[k].action[a]);
            *seconds += list[k].times * found->seconds[precision][k][a];
        }
    return flops;
}

static void print_rates(const setting *on, const findings *found) {
    product list[LAYERS];
    products_of(list, on);
    printf("## Matrix products\n\nTFLOP/s of the device's own row `matmul`, the same product many "
           "times in a row, the host's clock around all; median of %d\nrounds. F, I, W: as the "
           "model has them in a micro-batch of %" PRId64
           " tokens, I and W with the same FLOPs, but "
           "for two things: rows of the head's logits are not padded here, and in bf16 all results "
           "are bf16, while training keeps logits and gradients of weights in fp32. `times`: in a "
           "micro-batch.\n\n| product | rows x inputs x outputs | times |",
           on->rounds, on->samples / on->microbatches * on->length);
    for (int p = 0; p < SLUICE_PRECISIONS; p++)
        if (found->has[p]) printf(" %s F | I | W |", sluice_precision_name((sluice_precision)p));
    printf("\n|:--|:--|--:|");
    for (int p = 0; p < SLUICE_PRECISIONS; p++)
        if (found->has[p]) printf("--:|--:|--:|");
    for (int k = 0; k < LAYERS; k++) {
        const sluice_matmul *const f = &list[k].action[BENCH_F];
        printf("\n| %s | %" PRId64 " x %" PRId64 " x %" PRId64 " | %d |", list[k].name, f->rows,
               f->inner, f->columns, list[k].times);
        for (int p = 0; p < SLUICE_PRECISIONS; p++)
            for (int a = 0; a < BENCH_ACTIONS && found->has[p]; a++)
                printf(" %.2f |", 1e-12 * bench_matmul_flops(f) / found->seconds[p][k][a]);
    }
    printf("\n| all of a micro-batch | | |");
    for (int p = 0; p < SLUICE_PRECISIONS; p++) {
        double seconds;
        const double flops = product_flops(list, found, p, &seconds);
        if (found->has[p]) printf(" %.2f | | |", 1e-12 * flops / seconds);
    }
    printf("\n| a square | %" PRId64 " x %" PRId64 " x %" PRId64 " | |", on->square, on->square,
           on->square);
    for (int p = 0; p < SLUICE_PRECISIONS; p++)
        if (found->has[p]) printf(" %.2f | | |", 1e-12 * square_rate(on, found, p));
    printf("\n\n");
}

/* ---- training ---- */

static sluice_pipeline *make_pipeline(const task *with, const sluice_model *model) {
    sluice_schedule_options plan    = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_schedule *schedule       = NULL;
    sluice_pipeline *pipeline       = NULL;
    plan.ranks                      = widths[with->width];
    plan.microbatches               = with->on->microbatches;
    options.samples                 = with->on->samples;
    options.device                  = with->on->device;
    options.ranks_per_device        = plan.ranks;
    options.precision               = (sluice_precision)with->precision;
    bench_check(sluice_schedule_generate(&schedule, "1f1b", &plan));
    bench_check(sluice_pipeline_plan_and_open(&pipeline, model, schedule, NULL, &options));
    sluice_schedule_free(schedule);
    return pipeline;
}

static sluice_result step(sluice_pipeline *pipeline, const setting *on) {
    random_tokens tokens     = {on->length, model_config(on).vocabulary};
    const sluice_batch batch = {
        .samples       = on->samples,
        .total_weight  = (double)(on->samples * on->length),
        .parts         = {{"inputs", load_tokens, &tokens}, {"targets", load_tokens, &tokens}},
        .learning_rate = 1e-4};
    sluice_result result = {0};
    bench_check(sluice_pipeline_step(&result, pipeline, &batch));
    return result;
}

static void add_ledgers(run *to, const sluice_ledger *ledgers, int ranks) {
    for (int r = 0; r < ranks; r++) {
        for (int e = 0; e < SLUICE_LEDGER_ENTRIES; e++)
            to->ledger[e] += ledgers[r].time[e] / ledgers[r].step / ranks;
        to->unaccounted += ledgers[r].unaccounted / ledgers[r].step / ranks;
    }
}

static void time_steps(run *to, sluice_pipeline *pipeline, const setting *on, int ranks) {
    enum { MAX_STEPS = 64 };
    double seconds[MAX_STEPS] = {0}, all = 0;
    while (to->steps < on->max_steps && (to->steps < on->min_steps || all < on->seconds)) {
        const sluice_result result  = step(pipeline, on);
        all += seconds[to->steps++] = result.seconds;
        to->loss                    = result.loss;
        to->makespan_idle += result.makespan_idle;
        add_ledgers(to, result.ledger, ranks);
    }
    to->seconds = bench_median(seconds, to->steps);
    to->makespan_idle /= to->steps;
    to->unaccounted /= to->steps;
    for (int e = 0; e < SLUICE_LEDGER_ENTRIES; e++) to->ledger[e] /= to->steps;
}

static void measure_run(const task *with) {
    const setting on             = *with->on;
    run *const to                = &with->found->runs[with->precision][with->width];
    const int ranks              = widths[with->width];
    const sluice_device_ops *ops = NULL;
    bench_check(sluice_device_find(&ops, on.device));
    bench_check(ops->memory(&to->before, &to->reserve, 0, ranks));
    sluice_model *const model       = make_model(&on);
    sluice_pipeline *const pipeline = make_pipeline(with, model);
    for (int r = 0; r < ranks; r++)
        to->planned += sluice_program_memory(sluice_pipeline_program(pipeline), r).arena;
    for (int n = 0; n < WARM; n++) (void)step(pipeline, &on);
    bench_check(sluice_pipeline_digest(&to->digest, pipeline));
    time_steps(to, pipeline, &on, ranks);
    bench_check(ops->memory(&to->with, &to->reserve, 0, ranks));
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
    to->done = true;
}

/* ---- tables of runs ---- */

static double mib(size_t bytes) {
    return (double)bytes / 1048576;
}

static void print_limits(const setting *on, double flops) {
    printf("## %s, trained\n\n%" PRId64 " samples of %" PRId64 " tokens in %d micro-batches, 1f1b, "
           "adamw, random weights and tokens; K ranks on one device. A step is\n%.4g TFLOP, as the "
           "layers describe them (products, attention, all else; nothing is recomputed).\n\n",
           on->preset, on->samples, on->length, on->microbatches, 1e-12 * flops);
    printf(
        "- step: the median of %d to %d steps after %d that do not count.\n"
        "- sol: of the peak that the card's data sheet gives for dense products in this precision; "
        "-: not in this bench's table.\n"
        "- share: of the rate of the square product, and of all products of a micro-batch one "
        "after another; neither is a\n  bound of what the hardware can do.\n"
        "- K ranks on one card compete for it: what K costs there, not what K cards would gain.\n"
        "- idle: of the ledger, mean of the ranks; makespan idle: share of ranks x step in which "
        "no action runs.\n"
        "- planned: the arenas. measured: what the device has left less than before the pipeline "
        "was made, after the last step;\n  its context was there before. elsewhere: measured less "
        "planned; reserve: what a pipeline asks for in addition to its arenas.\n"
        "- weights: digest after %d steps; the same for every K of a precision, or the bench "
        "fails.\n\n",
        on->min_steps, on->max_steps, WARM, WARM);
    printf("| precision | K | step, ms | tokens/s | TFLOP/s | sol | of the square | of all "
           "products | makespan idle | idle | planned, MiB | measured | elsewhere | reserve | loss "
           "| weights |\n|:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|:--|\n");
}

static void print_run(const task *with, double flops) {
    const setting *const on     = with->on;
    const findings *const found = with->found;
    const run *const it         = &found->runs[with->precision][with->width];
    product list[LAYERS];
    double seconds;
    products_of(list, on);
    const double own  = product_flops(list, found, with->precision, &seconds),
                 rate = flops / it->seconds;
    printf("| %s | %d | ", sluice_precision_name((sluice_precision)with->precision),
           widths[with->width]);
    if (!it->done) {
        printf("failed | | | | | | | | | | | | | |\n");
        return;
    }
    printf("%.2f | %.0f | %.2f | ", 1e3 * it->seconds,
           (double)(on->samples * on->length) / it->seconds, 1e-12 * rate);
    const double peak = bench_card_peak(found->words, (sluice_precision)with->precision);
    if (peak > 0)
        printf("%.1f %% | ", 100 * rate / peak);
    else
        printf("- | ");
    printf("%.1f %% | %.1f %% | %.1f %% | %.1f %% | %.1f | ",
           100 * rate / square_rate(on, found, with->precision), 100 * rate / (own / seconds),
           100 * it->makespan_idle, 100 * it->ledger[SLUICE_LEDGER_IDLE], mib(it->planned));
    if (it->before == SIZE_MAX)
        printf("- | - | - | ");
    else
        printf("%.1f | %.1f | %.1f | ", mib(it->before - it->with),
               mib(it->before - it->with) - mib(it->planned), mib(it->reserve));
    printf("%.4f | %016" PRIx64 " |\n", it->loss, it->digest);
}

static void print_ledgers(const findings *found) {
    printf("\n## Where the ranks' time went\n\nThe ledger, in %% of ranks x step, mean of the "
           "steps.\n\n| precision | K |");
    for (int e = 0; e < SLUICE_LEDGER_ENTRIES; e++)
        printf(" %s |", sluice_ledger_name((sluice_ledger_entry)e));
    printf(" unaccounted |\n|:--|--:|");
    for (int e = 0; e <= SLUICE_LEDGER_ENTRIES; e++) printf("--:|");
    for (int p = 0; p < SLUICE_PRECISIONS; p++)
        for (int w = 0; w < WIDTHS; w++) {
            const run *const it = &found->runs[p][w];
            if (!it->done) continue;
            printf("\n| %s | %d |", sluice_precision_name((sluice_precision)p), widths[w]);
            for (int e = 0; e < SLUICE_LEDGER_ENTRIES; e++) printf(" %.2f |", 100 * it->ledger[e]);
            printf(" %.3f |", 100 * it->unaccounted);
        }
    printf("\n");
}

/* A run against the first one of its precision. */
static bool is_as_promised(const run *it, const run *first, int precision, int ranks) {
    if (!it->done) return false;
    if (first->done && it->digest != first->digest) {
        (void)fprintf(
            stderr, "bench: %s on %d ranks has weights %016" PRIx64 ", one rank %016" PRIx64 "\n",
            sluice_precision_name((sluice_precision)precision), ranks, it->digest, first->digest);
        return false;
    }
    if (it->before == SIZE_MAX || it->before - it->with <= it->planned + it->reserve) return true;
    (void)fprintf(
        stderr, "bench: %s on %d ranks takes %zu bytes, planned are %zu and kept in reserve %zu\n",
        sluice_precision_name((sluice_precision)precision), ranks, it->before - it->with,
        it->planned, it->reserve);
    return false;
}

static bool train(const setting *on, findings *found) {
    sluice_model *const model = make_model(on);
    const double flops        = step_flops(model, on->samples, on->microbatches);
    bool as_promised          = true;
    sluice_model_free(model);
    print_limits(on, flops);
    for (int p = 0; p < SLUICE_PRECISIONS; p++)
        for (int w = 0; w < on->width_count && found->has[p]; w++) {
            const task with = {on, found, p, w};
            (void)run_in_child(measure_run, &with);
            print_run(&with, flops);
            as_promised =
                is_as_promised(&found->runs[p][w], &found->runs[p][0], p, widths[w]) && as_promised;
        }
    print_ledgers(found);
    return as_promised;
}

/* One model: `found` is shared with the processes that measure. */
static bool measure_model(const setting *on, findings *found) {
    task with = {on, found, 0, 0};
    *found    = (findings){.opened = 0};
    if (!run_in_child(inspect_device, &with)) return false;
    print_device(on, found);
    for (with.precision = 0; with.precision < SLUICE_PRECISIONS; with.precision++)
        if (found->has[with.precision] && !run_in_child(measure_products, &with)) return false;
    print_rates(on, found);
    return train(on, found);
}

static const setting small = {.preset       = "gpt2-124m",
                              .device       = "cuda:0",
                              .length       = 1024,
                              .samples      = 32,
                              .microbatches = 8,
                              .min_steps    = 1,
                              .max_steps    = 10,
                              .seconds      = 5,
                              .square       = 4096,
                              .rounds       = 5,
                              .target       = 0.04,
                              .width_count  = WIDTHS};
static const setting tiny  = {.preset       = "gpt-nano",
                              .device       = "cuda:0",
                              .length       = 16,
                              .samples      = 4,
                              .microbatches = 4,
                              .min_steps    = 1,
                              .max_steps    = 1,
                              .square       = 64,
                              .rounds       = 1,
                              .is_quick     = true,
                              .width_count  = WIDTHS};

int main(int argc, char **argv) {
    static const char *const presets[] = {"gpt2-350m", "gpt2-774m", "gpt2-1.5b"};
    setting on                         = small;
    bool larger = false, as_promised = true;
    for (int a = 1; a < argc; a++) {
        const char *const device = on.device;
        if (strcmp(argv[a], "--quick") == 0)
            on = tiny, on.device = device;
        else if (strcmp(argv[a], "--larger") == 0)
            larger = true;
        else if (strcmp(argv[a], "--device") == 0 && a + 1 < argc)
            on.device = argv[++a];
        else {
            (void)fprintf(stderr, "usage: gpu_train [--larger] [--quick] [--device NAME]\n");
            return 2;
        }
    }
    findings *const found =
        mmap(NULL, sizeof *found, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (found == MAP_FAILED) return 1;
    bench_begin(larger ? "Training larger models on a GPU" : "Training on a GPU");
    if (!larger) return measure_model(&on, found) ? 0 : 1;
    on.first_precision = SLUICE_PRECISION_TF32;
    on.width_count     = 1;
    for (size_t p = 0; p < sizeof presets / sizeof *presets; p++) {
        if (!on.is_quick) on.preset = presets[p];
        as_promised = measure_model(&on, found) && as_promised;
    }
    return as_promised ? 0 : 1;
}
