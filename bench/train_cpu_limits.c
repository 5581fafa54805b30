/* SPDX-License-Identifier: MIT */
/* train_cpu_limits.c -- what this machine can do: arithmetic, products, memory. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "gpt_products.h"
#include "runtime/device/cpu/loops.h"
#include "runtime/device/cpu/pin.h"
#include "train_cpu.h"

/* ---- several threads that start at once ---- */

enum { MAX_THREADS = 64 };

typedef struct crew {
    void (*work)(void *, int);
    void *with;
    pthread_barrier_t meets;
} crew;

typedef struct member {
    crew *of;
    int number;
    double from, to;
} member;

static void *run_member(void *argument) {
    member *const self = argument;
    cpu_set_t cores;
    (void)sluice__cores(&cores);
    /* Threads that live for milliseconds may otherwise begin on one core. */
    (void)sluice__pin(pthread_self(), &cores, self->number);
    (void)pthread_barrier_wait(&self->of->meets);
    self->from = bench_now();
    self->of->work(self->of->with, self->number);
    self->to = bench_now();
    return NULL;
}

/* From the first to start to the last to end. */

static double seconds_of(void (*work)(void *, int), void *with, int threads) {
    pthread_t ids[MAX_THREADS];
    member members[MAX_THREADS];
    crew all = {.work = work, .with = with};
    (void)pthread_barrier_init(&all.meets, NULL, (unsigned)threads);
    for (int t = 0; t < threads; t++) {
        members[t] = (member){.of = &all, .number = t};
        if (pthread_create(&ids[t], NULL, run_member, &members[t]) != 0) abort();
    }
    double from = 1e300, to = 0;
    for (int t = 0; t < threads; t++) {
        (void)pthread_join(ids[t], NULL);
        from = members[t].from < from ? members[t].from : from;
        to   = members[t].to > to ? members[t].to : to;
    }
    (void)pthread_barrier_destroy(&all.meets);
    return to - from;
}

/* ---- fused multiply-adds ---- */

enum { CHAINS = 12, ROUNDS = 20000000 };

/* Chains of vectors that fill a register each: wider ones would not all fit. */
#define MULTIPLY_ADD(width)                                                                        \
    typedef float lanes_##width __attribute__((vector_size((width) * sizeof(float))));             \
    SLUICE__LOOP void multiply_add_##width##_loop(float *out) {                                    \
        lanes_##width chain[CHAINS];                                                               \
        for (int c = 0; c < CHAINS; c++) chain[c] = (lanes_##width){0} + (float)c;                 \
        for (int n = 0; n < ROUNDS; n++)                                                           \
            for (int c = 0; c < CHAINS; c++) chain[c] = chain[c] * 0.5f + 0.1f;                    \
        for (int c = 1; c < CHAINS; c++) chain[0] += chain[c];                                     \
        *out = chain[0][0];                                                                        \
    }                                                                                              \
    SLUICE__VERSIONS(multiply_add_##width, (float *out), (out))
MULTIPLY_ADD(4)
MULTIPLY_ADD(8)
MULTIPLY_ADD(16)

/* Floats in the widest register that the processor has. */
static int register_lanes(void) {
    return sluice__has_avx512() ? 16 : sluice__has_avx2() ? 8 : 4;
}

static void multiply_add(float *out) {
    switch (register_lanes()) {
    case 16:
        multiply_add_16(out);
        break;
    case 8:
        multiply_add_8(out);
        break;
    default:
        multiply_add_4(out);
        break;
    }
}

void compute_for_a_while(void) {
    static float out;
    multiply_add(&out);
}

static void work_multiply_add(void *with, int thread) {
    multiply_add((float *)with + (ptrdiff_t)16 * thread);
}

double fma_peak(int threads) {
    static float out[16 * MAX_THREADS];
    return 2.0 * CHAINS * register_lanes() * ROUNDS * threads /
           seconds_of(work_multiply_add, out, threads);
}

/* ---- products ---- */

typedef struct callers {
    product list[LAYERS];
    sluice_matmul all[LAYERS * BENCH_ACTIONS]; /* the same, for those who need only their sizes */
    bench_matrices on[MAX_THREADS];
} callers;

/* FLOPs of all products of a micro-batch of `rows` tokens. */
static double note_products(callers *to, const subject *what, int64_t rows) {
    double flops = 0;
    list_products(to->list, &what->config, what->llama, rows);
    for (int k = 0; k < LAYERS; k++)
        for (int a = 0; a < BENCH_ACTIONS; a++) {
            to->all[k * BENCH_ACTIONS + a] = to->list[k].action[a];
            flops += to->list[k].times * bench_matmul_flops(&to->list[k].action[a]);
        }
    return flops;
}

static void open_matrices(callers *to, int count) {
    const sluice_device_ops *ops = NULL;
    bench_check(sluice_device_find(&ops, "cpu"));
    for (int c = 0; c < count; c++) {
        if (to->on[c].device) bench_matrices_close(&to->on[c]);
        bench_matrices_open(&to->on[c], ops, 0, SLUICE_PRECISION_FP32, to->all,
                            LAYERS * BENCH_ACTIONS);
    }
}

static void multiply(const bench_matrices *on, sluice_matmul args) {
    args.c = on->c;
    args.a = on->a;
    args.b = on->b;
    bench_check(on->operations->matmul(on->stream, &args));
}

static void work_products(void *with, int caller) {
    const callers *const all = with;
    for (int k = 0; k < LAYERS; k++)
        for (int n = 0; n < all->list[k].times * BENCH_ACTIONS; n++)
            multiply(&all->on[caller], all->list[k].action[n % BENCH_ACTIONS]);
}

double products_rate(const subject *what, int microbatches, int count) {
    static callers all;
    static int64_t opened_rows;
    static const subject *opened;
    const int64_t rows = what->samples * what->length / microbatches;
    const double flops = note_products(&all, what, rows) * count;
    if (opened != what || opened_rows != rows) {
        open_matrices(&all, count);
        opened      = what;
        opened_rows = rows;
        (void)seconds_of(work_products, &all, count);
    }
    return flops / seconds_of(work_products, &all, count);
}

#ifdef _OPENMP
double openmp_rate(const subject *what, int threads) {
    static callers all;
    static const subject *opened;
    const double flops = note_products(&all, what, what->samples * what->length);
    if (opened != what) open_matrices(&all, threads);
    opened            = what;
    const double from = bench_now();
    for (int k = 0; k < LAYERS; k++)
        for (int n = 0; n < all.list[k].times * BENCH_ACTIONS; n++) {
#pragma omp parallel for schedule(static) num_threads(threads)
            for (int t = 0; t < threads; t++) {
                sluice_matmul part = all.list[k].action[n % BENCH_ACTIONS];
                part.rows /= threads;
                multiply(&all.on[t], part);
            }
        }
    return flops / (bench_now() - from);
}
#endif

/* ---- memory ---- */

/* Memory as ranks have it, until the process ends. */
static void *touched_arena(size_t bytes) {
    static sluice_device *device;
    const sluice_device_ops *ops = NULL;
    void *arena                  = NULL;
    bench_check(sluice_device_find(&ops, "cpu"));
    if (!device) bench_check(ops->open(&device, 0, 1, 0, false));
    bench_check(ops->arena_alloc(&arena, device, bytes));
    memset(arena, 0, bytes);
    return arena;
}

enum { ARRAYS = 4, COUNT = 8 << 20 }; /* floats: 32 MiB each, for each thread */

/* As AdamW reads and writes: four in, three out. */
static void work_memory(void *with, int thread) {
    float *const *const arrays = (float *const *)with + (ptrdiff_t)ARRAYS * thread;
    float *restrict const w = arrays[0], *restrict const m = arrays[1],
                          *restrict const v = arrays[2];
    const float *restrict const g           = arrays[3];
    for (int64_t i = 0; i < COUNT; i++) {
        m[i] = 0.9f * m[i] + 0.1f * g[i];
        v[i] = 0.9f * v[i] + g[i];
        w[i] = w[i] - m[i] * v[i];
    }
}

double memory_rate(int threads) {
    static float *arrays[ARRAYS * MAX_THREADS];
    for (int k = 0; k < ARRAYS * threads; k++)
        if (!arrays[k]) arrays[k] = touched_arena(COUNT * sizeof(float));
    return 7.0 * sizeof(float) * COUNT * threads / seconds_of(work_memory, arrays, threads);
}

typedef struct stretch {
    char *at;
    size_t bytes;
} stretch;

/* Thread 1 was the last to use what is copied to, as the rank that receives was. */
static void work_receiver(void *with, int thread) {
    const stretch *const to = with;
    if (thread == 1) memset(to->at, 1, to->bytes);
}

static void work_copy(void *with, int thread) {
    const stretch *const from = with;
    if (thread == 0) memcpy(from[1].at, from[0].at, from->bytes);
}

double copy_seconds(size_t bytes) {
    enum { EXTENT = 512 << 20, MAX_TIMES = 20 };
    static char *memory;
    const size_t half = (size_t)EXTENT / 2;
    size_t times      = 0;
    double seconds    = 0;
    if (!memory) memory = touched_arena(EXTENT);
    for (; times < MAX_TIMES && (times + 1) * bytes <= half; times++) {
        stretch pair[] = {{memory + times * bytes, bytes}, {memory + half + times * bytes, bytes}};
        (void)seconds_of(work_receiver, &pair[1], 2);
        seconds += seconds_of(work_copy, pair, 1);
    }
    return times > 0 ? seconds / (double)times : 0;
}

/* ---- wake-ups ---- */

enum { WAKE_UPS = 100 };

typedef struct sleeper {
    pthread_mutex_t lock;
    pthread_cond_t wakes;
    int sent, seen; /* wake-ups */
    double at;      /* when the last one was sent */
    double late[WAKE_UPS];
} sleeper;

static void send_wake_ups(sleeper *to) {
    for (int n = 1; n <= WAKE_UPS; n++) {
        (void)usleep(2000); /* as long as an action: the other core falls asleep, too */
        (void)pthread_mutex_lock(&to->lock);
        to->sent = n;
        to->at   = bench_now();
        (void)pthread_cond_signal(&to->wakes);
        (void)pthread_mutex_unlock(&to->lock);
    }
}

static void work_wake_ups(void *with, int thread) {
    sleeper *const it = with;
    if (thread == 0) {
        send_wake_ups(it);
        return;
    }
    (void)pthread_mutex_lock(&it->lock);
    while (it->seen < WAKE_UPS) {
        while (it->seen == it->sent) (void)pthread_cond_wait(&it->wakes, &it->lock);
        it->late[it->seen] = bench_now() - it->at;
        it->seen           = it->sent;
    }
    (void)pthread_mutex_unlock(&it->lock);
}

double wake_up_seconds(void) {
    sleeper it = {.lock = PTHREAD_MUTEX_INITIALIZER, .wakes = PTHREAD_COND_INITIALIZER};
    (void)seconds_of(work_wake_ups, &it, 2);
    return bench_median(it.late, WAKE_UPS);
}
