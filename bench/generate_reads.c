/* SPDX-License-Identifier: MIT */
/* generate_reads.c -- a loop that does nothing but read memory, on several threads. */
#include "generate_reads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "runtime/device/cpu/loops.h"
#include "runtime/device/cpu/pin.h"

enum {
    MAX_THREADS = 64,
    SUMS        = 8,
    STEP        = SUMS * SLUICE__LANES,
    CHUNK       = 1 << 16 /* floats that a thread takes at a time */
};

/* Sums that no additions wait for. */
SLUICE__LOOP void read_floats_loop(float *out, const float *from, size_t count) {
    sluice__lanes sum[SUMS] = {{0}}, x;
    for (size_t i = 0; i + STEP <= count; i += STEP)
        for (size_t k = 0; k < SUMS; k++) {
            sluice__load(&x, from + i + k * SLUICE__LANES);
            sum[k] += x;
        }
    for (int k = 1; k < SUMS; k++) sum[0] += sum[k];
    *out = sluice__add_lanes(&sum[0]);
}
SLUICE__VERSIONS(read_floats, (float *out, const float *from, size_t count), (out, from, count))

/* What the threads share. A thread that loses its core for a while leaves more to the others. */
typedef struct readings {
    pthread_barrier_t meets;
    const float *all;
    size_t chunks;
    atomic_size_t next[READS];
} readings;

typedef struct reader {
    readings *of;
    double begin[READS], end[READS];
    int number;
    float sum; /* kept, so that the loop is, too */
} reader;

static void read_once(reader *self, int n) {
    for (;;) {
        const size_t chunk = atomic_fetch_add(&self->of->next[n], 1);
        if (chunk >= self->of->chunks) return;
        read_floats(&self->sum, self->of->all + chunk * CHUNK, CHUNK);
    }
}

static void *run_reader(void *argument) {
    reader *const self = argument;
    cpu_set_t cores;
    (void)sluice__cores(&cores);
    (void)sluice__pin(pthread_self(), &cores, self->number);
    for (int n = 0; n < READS; n++) {
        (void)pthread_barrier_wait(&self->of->meets);
        self->begin[n] = bench_now();
        read_once(self, n);
        self->end[n] = bench_now();
    }
    return NULL;
}

/* Memory as ranks have it, which stays until the process ends. */
static const float *touched_arena(size_t bytes) {
    static sluice_device *device;
    static void *arena;
    static size_t size;
    const sluice_device_ops *ops = NULL;
    if (arena && size == bytes) return arena;
    bench_check(sluice_device_find(&ops, "cpu"));
    if (!device) bench_check(ops->open(&device, 0, 1, 0, false));
    if (arena) ops->arena_free(device, arena, size);
    bench_check(ops->arena_alloc(&arena, device, bytes));
    memset(arena, 0, bytes);
    size = bytes;
    return arena;
}

void measure_reads(double rates[READS], size_t bytes, int threads) {
    static reader readers[MAX_THREADS];
    pthread_t ids[MAX_THREADS];
    readings of = {.all = touched_arena(bytes), .chunks = bytes / sizeof(float) / CHUNK};
    (void)pthread_barrier_init(&of.meets, NULL, (unsigned)threads);
    for (int t = 0; t < threads; t++) {
        readers[t] = (reader){.of = &of, .number = t};
        if (pthread_create(&ids[t], NULL, run_reader, &readers[t]) != 0) abort();
    }
    for (int t = 0; t < threads; t++) (void)pthread_join(ids[t], NULL);
    for (int n = 0; n < READS; n++) {
        double begin = 1e300, end = 0;
        for (int t = 0; t < threads; t++) {
            begin = readers[t].begin[n] < begin ? readers[t].begin[n] : begin;
            end   = readers[t].end[n] > end ? readers[t].end[n] : end;
        }
        rates[n] = (double)(of.chunks * CHUNK * sizeof(float)) / (end - begin);
    }
    (void)pthread_barrier_destroy(&of.meets);
}
