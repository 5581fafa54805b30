/* SPDX-License-Identifier: MIT */
/*
 * gpu_operations.c -- every operation on one card, at the shapes of three models: time, GB/s,
 * TFLOP/s, the share of its bound, and what the planner estimates. The limits that bounds are made
 * of, a copy and a square product, are measured in the same run. Prints Markdown.
 *
 *   gpu_operations                   GPT-2 124M and 774M, Llama 1B on cuda:0
 *   gpu_operations --quick           a tiny model of each kind
 *   gpu_operations --device cpu ...  another kind of device
 *
 * Fails if an operation fails; one that the device refuses is listed with the reason.
 */
#include "gpu_operations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { MODELS = 3 };

static const model_shape models[MODELS] = {
    {"GPT-2 124M", 8, 1024, 768, 12, 12, 64, 3072, 50257, false},
    {"GPT-2 774M", 4, 1024, 1280, 20, 20, 64, 5120, 50257, false},
    {"Llama 3.2 1B", 2, 2048, 2048, 32, 8, 64, 8192, 128256, true},
};

static const model_shape tiny[MODELS] = {
    {"a tiny GPT", 2, 16, 32, 2, 2, 16, 64, 96, false},
    {"a tiny GPT of wide heads", 1, 16, 66, 1, 1, 66, 128, 96, false},
    {"a tiny Llama", 2, 16, 32, 4, 2, 8, 96, 128, true},
};

typedef struct setting {
    const char *device;
    const model_shape *models;
    int64_t copied; /* bytes */
    int64_t square; /* rows of a product that is taken for the limit */
    int rounds;
    double target; /* seconds of a round */
} setting;

/* ---- a device with a stream ---- */

typedef struct card {
    const sluice_device_ops *ops;
    int ordinal;
    sluice_device *device;
    sluice_stream *stream;
    sluice_event *from, *to;
    double bandwidth; /* bytes per second of a copy: read and written */
    double rate;      /* FLOP/s of the square product, in this precision */
    sluice_device_rates estimate;
} card;

/* cuda:1 is GPU 1, cuda is GPU 0. */
static void open_card(card *on, const char *name) {
    const char *const colon = strchr(name, ':');
    on->ordinal             = colon ? (int)strtol(colon + 1, NULL, 10) : 0;
    bench_check(sluice_device_find(&on->ops, name));
    bench_check(on->ops->open(&on->device, on->ordinal, 1, 0, false));
    bench_check(on->ops->stream_create(&on->stream, on->device, SLUICE_STREAM_COMPUTE));
    bench_check(on->ops->event_create(&on->from, on->device, true));
    bench_check(on->ops->event_create(&on->to, on->device, true));
}

static void close_card(card *on) {
    on->ops->event_destroy(on->from);
    on->ops->event_destroy(on->to);
    on->ops->stream_destroy(on->stream);
    on->ops->close(on->device);
}

static void fill(const card *on, char *base, size_t bytes) {
    enum { BLOCK = 1 << 20 };
    void *const block = bench_alloc(BLOCK, 1);
    bench_fill(block, BLOCK);
    for (size_t done = 0; done < bytes; done += BLOCK) {
        const size_t left = bytes - done;
        bench_check(on->ops->upload(on->stream, base + done, block, left < BLOCK ? left : BLOCK));
    }
    bench_check(on->ops->synchronize(on->stream));
    free(block);
}

/* ---- time ---- */

/* What is enqueued many times in a row, and how that ended. */
typedef struct repeated {
    const card *on;
    sluice_status (*enqueue)(void *context, int times);
    void *context;
    sluice_status status;
} repeated;

static sluice_status enqueue_between_events(const repeated *it, int times) {
    const card *const on = it->on;
    sluice_status status = on->ops->record(on->stream, on->from);
    if (status == SLUICE_OK) status = it->enqueue(it->context, times);
    if (status == SLUICE_OK) status = on->ops->record(on->stream, on->to);
    return status == SLUICE_OK ? on->ops->synchronize(on->stream) : status;
}

/* By the device's clock if it has one, else by the host's; after a failure nothing is tried. */
static double seconds_of(void *context, int times) {
    repeated *const it   = context;
    const card *const on = it->on;
    const double before  = bench_now();
    if (it->status == SLUICE_OK) it->status = enqueue_between_events(it, times);
    double seconds = bench_now() - before, measured;
    if (on->ops->asynchronous && it->status == SLUICE_OK &&
        on->ops->seconds(&measured, on->from, on->to) == SLUICE_OK)
        seconds = measured;
    return seconds / times;
}

static sluice_status measure(double *out, const card *on, const setting *how,
                             sluice_status (*enqueue)(void *context, int times), void *context) {
    repeated it = {on, enqueue, context, SLUICE_OK};
    *out        = bench_rounds(seconds_of, &it, how->rounds, how->target);
    return it.status;
}

/* ---- limits ---- */

typedef struct copy {
    const card *on;
    char *there;
    size_t bytes; /* of each half */
} copy;

static sluice_status copy_half(void *context, int times) {
    const copy *const it = context;
    sluice_status status = SLUICE_OK;
    for (int n = 0; n < times && status == SLUICE_OK; n++)
        status = it->on->ops->copy(it->on->stream, it->there, it->there + it->bytes, it->bytes);
    return status;
}

static void measure_bandwidth(card *on, const setting *how) {
    void *arena        = NULL;
    const size_t bytes = (size_t)how->copied;
    double seconds     = 0;
    bench_check(on->ops->arena_alloc(&arena, on->device, 2 * bytes));
    copy it = {on, arena, bytes};
    fill(on, arena, 2 * bytes);
    bench_check(measure(&seconds, on, how, copy_half, &it));
    on->bandwidth = 2 * (double)bytes / seconds;
    on->ops->arena_free(on->device, arena, 2 * bytes);
}

/* ---- operations ---- */

typedef struct trial {
    const operation *of;
    const model_shape *model;
    tensor_pool at;
} trial;

static sluice_status run_again(void *context, int times) {
    trial *const it = context;
    it->at.used     = 0;
    it->at.bytes    = 0; /* those of one time */
    return it->of->run(&it->at, it->model, times);
}

/* Counts its tensors, fills them, and runs it many times on what is there. */
static sluice_status measure_operation(double *seconds, trial *it, const card *on,
                                       const setting *how) {
    void *arena = NULL;
    bench_check(run_again(it, 0));
    const size_t bytes = it->at.used;
    bench_check(on->ops->arena_alloc(&arena, on->device, bytes));
    fill(on, arena, bytes);
    it->at.base  = arena;
    it->at.fresh = true;
    bench_check(run_again(it, 0));
    it->at.fresh               = false;
    const sluice_status status = measure(seconds, on, how, run_again, it);
    on->ops->arena_free(on->device, arena, bytes);
    return status;
}

static void measure_rate(card *on, const setting *how, const sluice_operations *operations) {
    double seconds         = 0;
    const operation square = {"matmul", true, true, run_square_product};
    const model_shape like = {.width = how->square};
    trial it = {&square, &like, {.ops = on->ops, .operations = operations, .stream = on->stream}};
    bench_check(measure_operation(&seconds, &it, on, how));
    on->rate = 2 * (double)how->square * (double)how->square * (double)how->square / seconds;
}

static double longer(double a, double b) {
    return a > b ? a : b;
}

static bool print_operation(const operation *of, const model_shape *model, const card *on,
                            const setting *how, const sluice_operations *operations) {
    trial it       = {of, model, {.ops = on->ops, .operations = operations, .stream = on->stream}};
    double seconds = 0;
    const sluice_status status = measure_operation(&seconds, &it, on, how);
    const double of_memory = it.at.bytes / on->bandwidth, of_products = it.at.flops / on->rate;
    const double estimate =
        longer(it.at.bytes / on->estimate.bytes_per_s, it.at.flops / on->estimate.flops_per_s);
    printf("| %s | %s | ", of->name, it.at.shape);
    if (status != SLUICE_OK) {
        printf("%s | | | | | |\n", sluice_last_error()->what);
        return status == SLUICE_E_UNSUPPORTED;
    }
    printf("%.4f | %.1f | %.2f | %s | %.1f %% | %.4f |\n", 1e3 * seconds,
           1e-9 * it.at.bytes / seconds, 1e-12 * it.at.flops / seconds,
           of_memory > of_products ? "bytes" : "FLOPs",
           100 * longer(of_memory, of_products) / seconds, 1e3 * estimate);
    return true;
}

static bool print_list(const operation *of, const model_shape *model, const card *on,
                       const setting *how, const sluice_operations *operations) {
    bool all = true;
    for (; of->name; of++)
        if (model->is_llama ? of->of_llama : of->of_gpt)
            all = print_operation(of, model, on, how, operations) && all;
    return all;
}

static bool print_model(const model_shape *model, const card *on, const setting *how,
                        const sluice_operations *operations) {
    printf(
        "\n### %s, %s\n\n%d x %d tokens.\n\n| operation | shape | ms | GB/s | TFLOP/s | bound by "
        "| of the bound | estimate, ms |\n|:--|:--|--:|--:|--:|:--|--:|--:|\n",
        model->name, sluice_precision_name(operations->precision), (int)model->samples,
        (int)model->length);
    const bool all = print_list(product_operations, model, on, how, operations);
    return print_list(memory_operations, model, on, how, operations) && all;
}

static bool print_precision(card *on, const setting *how, const sluice_operations *operations) {
    bool all = true;
    measure_rate(on, how, operations);
    bench_check(sluice_device_rates_of(&on->estimate, on->ops->name, operations->precision));
    printf("\n## %s\n\nA product of %d x %d x %d: %.2f TFLOP/s; the planner takes %.2f TFLOP/s and "
           "%.0f GB/s for a layer.\n",
           sluice_precision_name(operations->precision), (int)how->square, (int)how->square,
           (int)how->square, 1e-12 * on->rate, 1e-12 * on->estimate.flops_per_s,
           1e-9 * on->estimate.bytes_per_s);
    for (int m = 0; m < MODELS; m++) all = print_model(&how->models[m], on, how, operations) && all;
    return all;
}

static void print_heading(const card *on, const setting *how) {
    char words[128];
    bench_begin("Operations on a GPU");
    bench_check(on->ops->describe(words, sizeof words, on->ordinal));
    printf(
        "%s: %s. A copy within it reads and writes %.1f GB/s.\n\n"
        "- ms: of one operation among many in a row, by the %s clock; the median of rounds (%d).\n"
        "- GB/s: what it reads and writes at least, each tensor once, over its time; TFLOP/s: "
        "its products only.\n"
        "- of the bound: the longer of these bytes at the copy's rate and these FLOPs at the "
        "rate of the square product, over its\n  time. Shares above 100 %% are possible: a "
        "tensor may stay in a cache, and a product with a long inner dimension may beat the square "
        "one.\n"
        "- estimate: what the planner takes for such bytes and FLOPs without a profile.\n",
        how->device, words, 1e-9 * on->bandwidth, on->ops->asynchronous ? "device's" : "host's",
        how->rounds);
}

int main(int argc, char **argv) {
    setting how = {"cuda:0", models, (int64_t)1 << 30, 8192, 5, 0.02};
    for (int a = 1; a < argc; a++) {
        if (strcmp(argv[a], "--quick") == 0)
            how = (setting){how.device, tiny, 1 << 16, 32, 1, 0};
        else if (strcmp(argv[a], "--device") == 0 && a + 1 < argc)
            how.device = argv[++a];
        else {
            (void)fprintf(stderr, "usage: gpu_operations [--quick] [--device NAME]\n");
            return 2;
        }
    }
    card on  = {0};
    bool all = true;
    open_card(&on, how.device);
    measure_bandwidth(&on, &how);
    print_heading(&on, &how);
    for (int p = 0; p < SLUICE_PRECISIONS; p++) {
        const sluice_operations *const operations = on.ops->operations((sluice_precision)p);
        if (operations) all = print_precision(&on, &how, operations) && all;
    }
    close_card(&on);
    return all ? 0 : 1;
}
