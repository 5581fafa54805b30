/* SPDX-License-Identifier: MIT */
/*
 * test_cpu_device.c -- the list of devices, the cpu's memory, threads and tiles, and the references
 * for operations (operations/).
 */
#include "tests/support/reference64.h"
#include "tests/support/teams.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/device/cpu/bf16.h"
#include "runtime/device/cpu/lend.h"
#include "runtime/device/cpu/pin.h"
#include "runtime/device/cpu/team.h"
#include "runtime/device/cpu/tile.h"
#include "runtime/device/cpu/vexp.h"
#include "sluice/allocator.h"
#include "sluice/device.h"

static int open_devices(void **state) {
    (void)state;
    count_allocations();
    assert_ok(sluice_device_find(&ops, "cpu"));
    open_teams();
    return 0;
}

/* ---- the references themselves, against central differences ---- */

enum { DIFFERENCE_ROWS = 5, DIFFERENCE_WIDTH = 6 };
static const double difference_epsilon = 1e-3;

/* The inputs of a reference, and the weights of its outputs in the sum that is differentiated. */
typedef struct difference {
    double *x, *gain, *bias, *weights;
} difference;

static double sum_of_norm(const difference *d, sluice_norm_kind kind) {
    double y[DIFFERENCE_ROWS * DIFFERENCE_WIDTH], total = 0;
    reference_norm(y, d->x, d->gain, kind == SLUICE_NORM_RMS ? NULL : d->bias, DIFFERENCE_ROWS,
                   DIFFERENCE_WIDTH, kind, difference_epsilon);
    for (int i = 0; i < DIFFERENCE_ROWS * DIFFERENCE_WIDTH; i++) total += y[i] * d->weights[i];
    return total;
}

static double sum_of_layernorm(void *context) {
    return sum_of_norm(context, SLUICE_NORM_LAYERNORM);
}

static double sum_of_rms(void *context) {
    return sum_of_norm(context, SLUICE_NORM_RMS);
}

/* The same numbers as q, k, v of 5 positions with one head of width 2. */
static const sluice_dropout difference_dropout = {0.3F, 11, 1, 0};

static double sum_of_attention(void *context) {
    const difference *const d = context;
    double out[DIFFERENCE_ROWS * 2], total = 0;
    reference_attention(out, NULL, d->x, 1, DIFFERENCE_ROWS, 1, 1, 2, &difference_dropout);
    for (int i = 0; i < DIFFERENCE_ROWS * 2; i++) total += out[i] * d->weights[i];
    return total;
}

/* And as those of 5 positions with four heads of width 1 that share one key and value head. */
static double sum_of_shared_attention(void *context) {
    const difference *const d = context;
    double out[DIFFERENCE_ROWS * 4], total = 0;
    reference_attention(out, NULL, d->x, 1, DIFFERENCE_ROWS, 4, 1, 1, &difference_dropout);
    for (int i = 0; i < DIFFERENCE_ROWS * 4; i++) total += out[i] * d->weights[i];
    return total;
}

static const int32_t difference_targets[DIFFERENCE_ROWS] = {1, 0, -1, 2, 1};

static double loss_of_classifier(void *context) {
    const difference *const d = context;
    return reference_classifier(NULL, NULL, d->x, d->weights, difference_targets, DIFFERENCE_ROWS,
                                DIFFERENCE_WIDTH, 3, 0.5);
}

static void expect_same(const char *name, const double *a, const double *b, int count) {
    for (int i = 0; i < count; i++)
        if (!(fabs(a[i] - b[i]) <= 1e-8)) fail_msg("%s[%d]: %.12g, %.12g", name, i, a[i], b[i]);
}

static void references_agree_with_central_differences(void **state) {
    (void)state;
    enum { ROWS = DIFFERENCE_ROWS, WIDTH = DIFFERENCE_WIDTH, COUNT = ROWS * WIDTH };
    uint64_t random = test_seed();
    double x[COUNT], gain[WIDTH], bias[WIDTH], weights[COUNT];
    for (int i = 0; i < COUNT; i++) {
        x[i]            = test_random_int(&random, -1000, 1000) * 1e-3;
        weights[i]      = test_random_int(&random, -1000, 1000) * 1e-3;
        gain[i % WIDTH] = 1 + weights[i] / 2;
        bias[i % WIDTH] = x[i];
    }
    difference d = {x, gain, bias, weights};
    double slopes[COUNT], dx[COUNT], dgain[WIDTH], dbias[WIDTH];
    reference_norm_backward(dx, dgain, dbias, weights, x, gain, ROWS, WIDTH, SLUICE_NORM_LAYERNORM,
                            difference_epsilon);
    reference_differences(slopes, x, COUNT, 1e-5, sum_of_layernorm, &d);
    expect_same("layernorm dx", dx, slopes, COUNT);
    reference_differences(slopes, gain, WIDTH, 1e-5, sum_of_layernorm, &d);
    expect_same("layernorm dgain", dgain, slopes, WIDTH);
    reference_differences(slopes, bias, WIDTH, 1e-5, sum_of_layernorm, &d);
    expect_same("layernorm dbias", dbias, slopes, WIDTH);
    reference_norm_backward(dx, dgain, NULL, weights, x, gain, ROWS, WIDTH, SLUICE_NORM_RMS,
                            difference_epsilon);
    reference_differences(slopes, x, COUNT, 1e-5, sum_of_rms, &d);
    expect_same("RMS dx", dx, slopes, COUNT);
    reference_differences(slopes, gain, WIDTH, 1e-5, sum_of_rms, &d);
    expect_same("RMS dgain", dgain, slopes, WIDTH);
    reference_attention_backward(dx, weights, NULL, x, 1, ROWS, 1, 1, 2, &difference_dropout);
    reference_differences(slopes, x, COUNT, 1e-5, sum_of_attention, &d);
    expect_same("attention dqkv", dx, slopes, COUNT);
    reference_attention_backward(dx, weights, NULL, x, 1, ROWS, 4, 1, 1, &difference_dropout);
    reference_differences(slopes, x, COUNT, 1e-5, sum_of_shared_attention, &d);
    expect_same("dqkv of attention with one key and value head", dx, slopes, COUNT);
    double dw[COUNT];
    (void)reference_classifier(dx, dw, x, weights, difference_targets, ROWS, WIDTH, 3, 0.5);
    reference_differences(slopes, x, COUNT, 1e-5, loss_of_classifier, &d);
    expect_same("classifier dx", dx, slopes, COUNT);
    reference_differences(slopes, weights, (int64_t)3 * WIDTH, 1e-5, loss_of_classifier, &d);
    expect_same("classifier dw", dw, slopes, (int64_t)3 * WIDTH);
    for (double at = -6; at < 6; at += 0.37) {
        const double slope = (reference_gelu(at + 1e-5) - reference_gelu(at - 1e-5)) / 2e-5;
        expect_same("gelu slope", (double[]){reference_gelu_slope(at)}, &slope, 1);
    }
}

/* ---- exponential ---- */

static void the_exponential_is_accurate(void **state) {
    (void)state;
    double worst = 0;
    for (float x = -87; x < 88; x += 0.00373f)
        worst = fmax(worst, fabs((double)sluice__exp(x) / exp((double)x) - 1));
    if (!(worst < 1e-6)) fail_msg("exp is %.3g off", worst);
    assert_true(sluice__exp(0) == 1);
    assert_true(sluice__exp(-INFINITY) < 1.3e-38f);
    assert_true(isnan(sluice__exp(NAN)));
    for (float x = -12; x < 12; x += 0.0137f) {
        const double gelu = reference_gelu((double)x), slope = reference_gelu_slope((double)x);
        if (!(fabs((double)sluice__gelu(x) - gelu) <= 1e-6 * fmax(1, fabs((double)x))))
            fail_msg("gelu(%g) is %.9g, expected %.9g", (double)x, (double)sluice__gelu(x), gelu);
        if (!(fabs((double)sluice__gelu_slope(x) - slope) <= 3e-6))
            fail_msg("gelu'(%g) is %.9g, expected %.9g", (double)x, (double)sluice__gelu_slope(x),
                     slope);
    }
}

/* ---- bf16 ---- */

/* Ties, overflow, infinities and NaNs: every upper half of a float with lower halves around those
 * that decide, as vectors and, one less, with what is left of one. */
static void vectors_become_bf16_as_elements_do(void **state) {
    (void)state;
    static const uint32_t lower[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff, 0x4000, 0xc000};
    enum { COUNT = sizeof lower / sizeof *lower };
    for (uint32_t upper = 0; upper <= 0xffff; upper++)
        for (int count = COUNT - 1; count <= COUNT; count++) {
            float wide[COUNT];
            uint16_t narrow[COUNT];
            for (int k = 0; k < count; k++) {
                const uint32_t bits = upper << 16 | lower[k];
                memcpy(&wide[k], &bits, sizeof bits);
            }
            sluice__narrow(narrow, wide, count);
            for (int k = 0; k < count; k++)
                if (narrow[k] != sluice__bf16_of(wide[k]))
                    fail_msg("%04x%04x, %d of %d, becomes %04x in a vector and %04x alone", upper,
                             lower[k], k, count, narrow[k], sluice__bf16_of(wide[k]));
        }
}

/* ---- tiles ---- */

static void tiles_cover_the_output_once(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int trial = 0; trial < 60; trial++) {
        const sluice_matmul whole = {.rows    = test_random_int(&random, 0, 300),
                                     .columns = test_random_int(&random, 0, 900),
                                     .inner   = test_random_int(&random, 0, 2000)};
        const sluice__tiled tiled = sluice__cut(NULL, &whole, SLUICE_TYPE_F32);
        char *const seen          = malloc((size_t)(whole.rows * whole.columns));
        assert_non_null(seen);
        memset(seen, 0, (size_t)(whole.rows * whole.columns));
        for (int64_t t = 0; t < tiled.count; t++) {
            const sluice__tile tile = sluice__tile_at(&tiled, t);
            for (int64_t i = tile.row; i < tile.row + tile.rows; i++)
                for (int64_t j = tile.column; j < tile.column + tile.columns; j++)
                    seen[i * whole.columns + j]++;
        }
        for (int64_t i = 0; i < whole.rows * whole.columns; i++)
            if (seen[i] != 1)
                fail_msg("%lld x %lld: element %lld is in %d tiles", (long long)whole.rows,
                         (long long)whole.columns, (long long)i, seen[i]);
        free(seen);
    }
    const sluice_matmul large = {.rows = 512, .columns = 128, .inner = 128};
    assert_true(sluice__cut(NULL, &large, SLUICE_TYPE_F32).count >= 2); /* worth sharing */
}

/* ---- team ---- */

enum { TASKS = 100 };

static void count_task(const void *job, int64_t task, int thread) {
    int *const counts = *(int *const *)job;
    counts[task] += thread >= 0;
}

/* Short and long pauses between jobs: workers spin, or sleep. */
static void every_task_runs_once(void **state) {
    (void)state;
    for (int threads = 1; threads <= 5; threads++) {
        sluice__team *team = NULL;
        assert_ok(sluice__team_start(&team, threads, 0, threads == 2));
        for (int job = 0; job < 200; job++) {
            int counts[TASKS] = {0}, *const pointer = counts;
            const int tasks = job % TASKS;
            if (job % 20 == 0) (void)usleep(300);
            sluice__team_run(team, tasks, count_task, &pointer);
            for (int t = 0; t < TASKS; t++) assert_int_equal(counts[t], t < tasks ? 1 : 0);
        }
        sluice__team_stop(team);
    }
    sluice__team_stop(NULL);
}

static void pinning_ends_with_the_team(void **state) {
    (void)state;
    cpu_set_t before, during, after;
    const int cores    = sluice__cores(&before);
    sluice__team *team = NULL;
    const bool may =
        sched_setaffinity(0, sizeof before, &before) == 0; /* else a warning is recorded */
    assert_ok(sluice__team_start(&team, 1, cores - 1, true));
    assert_int_equal(sluice__cores(&during), may ? 1 : cores);
    assert_int_equal(sluice__team_unpinned(team), !may);
    sluice__team_stop(team);
    assert_int_equal(sluice__cores(&after), cores);
    assert_true(CPU_EQUAL(&before, &after));
    assert_ok(sluice__team_start(&team, 1, cores, true)); /* no such core */
    assert_int_equal(sluice__cores(&during), cores);
    assert_int_equal(sluice__team_unpinned(team), 1);
    sluice__team_stop(team);
    assert_ok(sluice__team_start(&team, 3, 0, false));
    assert_int_equal(sluice__team_unpinned(team), 0); /* nobody asked for it */
    sluice__team_stop(team);
}

/* ---- cores for threads that lost their own ---- */

typedef struct bound_thread {
    pthread_t id;
    atomic_bool runs; /* until it becomes false: computing, or asleep */
    bool sleeps;
} bound_thread;

static void *run_bound(void *argument) {
    bound_thread *const self = argument;
    while (atomic_load(&self->runs))
        if (self->sleeps) (void)usleep(20000);
    return NULL;
}

static cpu_set_t cores_of(pthread_t thread) {
    cpu_set_t cores;
    assert_int_equal(pthread_getaffinity_np(thread, sizeof cores, &cores), 0);
    return cores;
}

static void expect_core(const char *what, const sluice__bound *thread, const cpu_set_t *all,
                        int core) {
    cpu_set_t is = cores_of(thread->id);
    int n        = 0;
    for (size_t c = 0; c < CPU_SETSIZE; c++) {
        if (!CPU_ISSET(c, all)) continue;
        if (CPU_ISSET(c, &is) != (n == core))
            fail_msg("%s: expected core number %d alone", what, core);
        n++;
    }
}

/* Looks until the thread is found on a core, at most ten seconds: other processes may have taken
 * the core of one that computes. */
static bool is_seen_on_a_core(const bound_thread *thread, const sluice__bound *bound, int looks) {
    for (int n = 0; n < looks; n++) {
        if (!sluice__is_off_core(bound, &thread->runs)) return true;
        (void)usleep(1000);
    }
    return false;
}

static void a_thread_without_a_core_is_noticed(void **state) {
    (void)state;
    for (int sleeps = 0; sleeps < 2; sleeps++) {
        bound_thread thread = {.runs = true, .sleeps = sleeps};
        assert_int_equal(pthread_create(&thread.id, NULL, run_bound, &thread), 0);
        const sluice__bound bound = sluice__bound_to(thread.id, 0);
        (void)usleep(2000);
        int off = 0;
        for (int n = 0; n < 50 && sleeps; n++) off += !is_seen_on_a_core(&thread, &bound, 1);
        if (sleeps ? off < 40 : !is_seen_on_a_core(&thread, &bound, 9000))
            fail_msg("a thread that %s was found off its core %d times",
                     sleeps ? "sleeps" : "computes", sleeps ? off : 9000);
        atomic_store(&thread.runs, false);
        assert_false(sluice__is_off_core(&bound, &thread.runs)); /* nobody waits for it any more */
        assert_int_equal(pthread_join(thread.id, NULL), 0);
    }
}

static void cores_are_lent_given_back_and_exchanged(void **state) {
    (void)state;
    cpu_set_t all;
    bound_thread threads[2];
    sluice__bound bound[2];
    if (sluice__cores(&all) < 2) return; /* there is nothing to lend */
    for (int t = 0; t < 2; t++) {
        threads[t] = (bound_thread){.runs = true, .sleeps = true};
        assert_int_equal(pthread_create(&threads[t].id, NULL, run_bound, &threads[t]), 0);
        bound[t] = sluice__bound_to(threads[t].id, t);
        assert_true(sluice__pin(threads[t].id, &all, t));
    }
    sluice__lend_core(&bound[1], &bound[0], &all);
    expect_core("lent", &bound[1], &all, 0);
    sluice__give_back(&bound[1], &all);
    expect_core("given back", &bound[1], &all, 1);
    sluice__swap_cores(&bound[0], &bound[1], &all);
    expect_core("exchanged", &bound[0], &all, 1);
    expect_core("exchanged", &bound[1], &all, 0);
    sluice__lend_core(&bound[0], &bound[1], &all);
    sluice__give_back(&bound[0], &all);
    expect_core("given back after an exchange", &bound[0], &all, 1);
    for (int t = 0; t < 2; t++) {
        atomic_store(&threads[t].runs, false);
        assert_int_equal(pthread_join(threads[t].id, NULL), 0);
    }
}

static void wait_a_while(const void *job, int64_t task, int thread) {
    atomic_int *const counts = *(atomic_int *const *)job;
    (void)thread;
    (void)usleep(task % 3 == 0 ? 400 : 100);
    (void)atomic_fetch_add(&counts[task], 1);
}

/* Tasks that sleep look like threads without a core: cores are lent and exchanged all the time. */
static void tasks_run_once_while_cores_change_hands(void **state) {
    (void)state;
    for (int threads = 2; threads <= 4; threads++) {
        sluice__team *team = NULL;
        assert_ok(sluice__team_start(&team, threads, 0, true));
        for (int job = 0; job < 40; job++) {
            static atomic_int counts[TASKS];
            atomic_int *const pointer = counts;
            const int tasks           = 1 + job % 7;
            for (int t = 0; t < tasks; t++) atomic_store(&counts[t], 0);
            sluice__team_run(team, tasks, wait_a_while, &pointer);
            for (int t = 0; t < tasks; t++) assert_int_equal(atomic_load(&counts[t]), 1);
        }
        sluice__team_stop(team);
    }
}

/* Several ranks in one process: each thread opens, drives and closes its device. */
static void *drive_a_device(void *result) {
    sluice_device *device = NULL;
    sluice_stream *stream = NULL;
    float a[64 * 48], b[48 * 80], *const c = result;
    for (int i = 0; i < 64 * 48; i++) a[i] = (float)(i % 13) - 6;
    for (int i = 0; i < 48 * 80; i++) b[i] = (float)(i % 7) / 8;
    const sluice_matmul args = {c, a, b, 64, 80, 48, 1, 0, false, false};
    if (ops->open(&device, 0, 2, 0, true) != SLUICE_OK) return NULL;
    if (ops->stream_create(&stream, device, SLUICE_STREAM_COMPUTE) != SLUICE_OK) return NULL;
    bool right = true;
    for (int n = 0; n < 50; n++) right = right && operations->matmul(stream, &args) == SLUICE_OK;
    ops->stream_destroy(stream);
    ops->close(device);
    return right ? result : NULL;
}

static void ranks_run_at_the_same_time(void **state) {
    (void)state;
    enum { RANKS = 3 };
    static float results[RANKS][64 * 80];
    pthread_t threads[RANKS];
    for (int r = 0; r < RANKS; r++)
        assert_int_equal(pthread_create(&threads[r], NULL, drive_a_device, results[r]), 0);
    for (int r = 0; r < RANKS; r++) {
        void *right = NULL;
        assert_int_equal(pthread_join(threads[r], &right), 0);
        assert_non_null(right);
        assert_memory_equal(results[r], results[0], sizeof results[0]);
    }
    assert_true(results[0][0] != 0);
}

/* ---- registry, memory, order ---- */

/* A table of `bytes` bytes, from its first row on: fields before it may be 0. */
static void expect_rows(const void *table, size_t first, size_t bytes, const char *what) {
    for (size_t at = first; at < bytes; at += sizeof(void *)) {
        void *row;
        memcpy(&row, (const char *)table + at, sizeof row);
        if (!row) fail_msg("the row %zu bytes into %s is NULL", at, what);
    }
}

static void every_row_of_every_table_is_filled(void **state) {
    (void)state;
    for (const sluice_device_ops *const *device = sluice_devices(); *device; device++) {
        assert_int_equal((*device)->size, sizeof **device);
        expect_rows(*device, offsetof(sluice_device_ops, count), sizeof **device, (*device)->name);
        for (int p = 0; p < SLUICE_PRECISIONS; p++) {
            const sluice_operations *const table = (*device)->operations((sluice_precision)p);
            /* virtual devices compute nothing, in any precision */
            const bool is_virtual = strcmp((*device)->name, "virtual") == 0;
            assert_int_equal(table != NULL, is_virtual || p != SLUICE_PRECISION_TF32);
            if (!table) continue;
            assert_int_equal(table->size, sizeof *table);
            assert_int_equal(table->precision, p);
            assert_int_equal(table->type, sluice_precision_type(table->precision));
            expect_rows(table, offsetof(sluice_operations, working_bytes), sizeof *table,
                        (*device)->name);
        }
    }
}

static void unknown_devices_are_refused_with_the_list(void **state) {
    (void)state;
    const sluice_device_ops *found = NULL;
    assert_refused(sluice_device_find(&found, "abacus"), SLUICE_E_ARGUMENT,
                   "no device is called 'abacus'");
    assert_string_equal(sluice_last_error()->hint, "choose one of: cpu virtual cuda auto");
    assert_null(found);
}

static void a_device_needs_a_thread(void **state) {
    (void)state;
    sluice_device *device = NULL;
    assert_refused(ops->open(&device, 0, 0, 0, false), SLUICE_E_ARGUMENT,
                   "0 compute threads are too few for a device");
    assert_null(device);
    ops->close(NULL);
}

static void arenas_are_zero_aligned_and_outside_the_allocator(void **state) {
    (void)state;
    const size_t sizes[] = {0, 1, 3000000, 2 << 20};
    const int before     = counted_allocations();
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        void *arena = NULL;
        assert_ok(ops->arena_alloc(&arena, devices[0], sizes[s]));
        assert_int_equal((uintptr_t)arena % (2 << 20), 0);
        for (size_t i = 0; i < sizes[s]; i += 4096) assert_int_equal(((char *)arena)[i], 0);
        memset(arena, 1, sizes[s]);
        ops->arena_free(devices[0], arena, sizes[s]);
    }
    assert_int_equal(counted_allocations(), before);
    void *arena = NULL;
    assert_refused(ops->arena_alloc(&arena, devices[0], (size_t)1 << 60), SLUICE_E_DEVICE_MEMORY,
                   "out of host memory: an arena of 1152921504606846976 bytes was requested");
    assert_refused(ops->arena_alloc(&arena, devices[0], SIZE_MAX), SLUICE_E_DEVICE_MEMORY,
                   "out of host memory: an arena of 18446744073709551615 bytes was requested");
    assert_null(arena);
}

static void data_moves_and_events_complete(void **state) {
    (void)state;
    char from[5] = "abcd", to[5] = "wxyz";
    sluice_event *event = NULL;
    bool done           = false;
    assert_ok(ops->event_create(&event, devices[0], false));
    assert_ok(ops->upload(streams[0], to, from, 2));
    assert_string_equal(to, "abyz");
    assert_ok(ops->zero(streams[0], to + 2, 1));
    assert_ok(ops->copy(streams[0], to + 3, from + 3, 1));
    assert_memory_equal(to, "ab\0d", 5);
    assert_ok(ops->download(streams[0], from, to, 3));
    assert_memory_equal(from, "ab\0d", 5);
    assert_ok(ops->copy(streams[0], NULL, NULL, 0));
    assert_ok(ops->record(streams[0], event));
    assert_ok(ops->wait(streams[1], event));
    assert_ok(ops->query(&done, event));
    assert_true(done);
    assert_ok(ops->synchronize(streams[0]));
    ops->event_destroy(event);
}

/* ---- failing allocations ---- */

typedef struct faulty {
    int left, alive;
} faulty;

static void *resize_or_fail(void *context, void *block_, size_t old_bytes, size_t new_bytes) {
    faulty *const f = context;
    (void)old_bytes;
    if (new_bytes == 0) {
        f->alive--;
        free(block_);
        return NULL;
    }
    if (f->left-- <= 0) return NULL;
    f->alive += block_ ? 0 : 1;
    return realloc(block_, new_bytes);
}

static void a_failed_allocation_leaves_no_device(void **state) {
    (void)state;
    sluice_status status = SLUICE_E_HOST_MEMORY;
    for (int left = 0; status != SLUICE_OK; left++) {
        faulty f                       = {left, 0};
        const sluice_allocator failing = {resize_or_fail, &f};
        const sluice_device_ops *cpu   = NULL;
        sluice_device *device          = NULL;
        sluice_allocator_set(&failing);
        assert_ok(sluice_device_find(&cpu, "cpu"));
        status = cpu->open(&device, 0, 3, 0, false);
        assert_true(status == SLUICE_OK || status == SLUICE_E_HOST_MEMORY);
        assert_true((device != NULL) == (status == SLUICE_OK));
        cpu->close(device);
        assert_int_equal(f.alive, 0);
        sluice_allocator_set(NULL);
    }
}

int main(void) {
    const struct CMUnitTest alone[] = {cmocka_unit_test(a_failed_allocation_leaves_no_device)};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_agree_with_central_differences),
        cmocka_unit_test(the_exponential_is_accurate),
        cmocka_unit_test(vectors_become_bf16_as_elements_do),
        cmocka_unit_test(tiles_cover_the_output_once),
        cmocka_unit_test(every_task_runs_once),
        cmocka_unit_test(a_thread_without_a_core_is_noticed),
        cmocka_unit_test(cores_are_lent_given_back_and_exchanged),
        cmocka_unit_test(tasks_run_once_while_cores_change_hands),
        cmocka_unit_test(pinning_ends_with_the_team),
        cmocka_unit_test(ranks_run_at_the_same_time),
        cmocka_unit_test(every_row_of_every_table_is_filled),
        cmocka_unit_test(unknown_devices_are_refused_with_the_list),
        cmocka_unit_test(a_device_needs_a_thread),
        cmocka_unit_test(arenas_are_zero_aligned_and_outside_the_allocator),
        cmocka_unit_test(data_moves_and_events_complete),
    };
    const int failed = cmocka_run_group_tests(alone, NULL, NULL);
    return failed + cmocka_run_group_tests(tests, open_devices, close_teams);
}
