/* SPDX-License-Identifier: MIT */
/*
 * test_device_contract.c -- what device.h promises besides arithmetic (test_operations.c), for the
 * kind of device named on the command line: memory, streams, events, copies, descriptions.
 */
#include "tests/support/support.h"

#include <math.h>
#include <pthread.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "sluice/device.h"

static const char *device_name;
static bool on_cpu;
static const sluice_device_ops *ops;
static const sluice_operations *operations;              /* for fp32 */
static sluice_device *device;                            /* of ordinal 0 */
static sluice_stream *compute, *compute_too, *transfers; /* of it */

static int open_device(void **state) {
    (void)state;
    assert_ok(sluice_device_find(&ops, device_name));
    operations = ops->operations(SLUICE_PRECISION_FP32);
    assert_non_null(operations);
    assert_ok(ops->open(&device, 0, 2, 0, false));
    assert_ok(ops->stream_create(&compute, device, SLUICE_STREAM_COMPUTE));
    assert_ok(ops->stream_create(&compute_too, device, SLUICE_STREAM_COMPUTE));
    assert_ok(ops->stream_create(&transfers, device, SLUICE_STREAM_TRANSFERS));
    return 0;
}

static int close_device(void **state) {
    (void)state;
    ops->stream_destroy(compute);
    ops->stream_destroy(compute_too);
    ops->stream_destroy(transfers);
    ops->close(device);
    return 0;
}

static void *arena(size_t bytes) {
    void *made = NULL;
    assert_ok(ops->arena_alloc(&made, device, bytes));
    assert_non_null(made);
    return made;
}

static void *pinned(size_t bytes) {
    void *made = NULL;
    assert_ok(ops->host_alloc(&made, device, bytes));
    assert_non_null(made);
    return made;
}

static sluice_event *event(bool timed) {
    sluice_event *made = NULL;
    assert_ok(ops->event_create(&made, device, timed));
    return made;
}

static bool is_over(sluice_event *it) {
    bool done = false;
    assert_ok(ops->query(&done, it));
    return done;
}

/* ---- descriptions ---- */

static void devices_describe_themselves(void **state) {
    (void)state;
    int count = -1;
    assert_ok(ops->count(&count));
    assert_true(count >= 0);
    for (int ordinal = 0; ordinal < (count > 0 ? count : 1); ordinal++) {
        char words[128]  = "";
        size_t available = 0, reserve = 1, for_more = 0;
        assert_ok(ops->describe(words, sizeof words, ordinal));
        assert_ok(ops->memory(&available, &reserve, ordinal, 1));
        assert_ok(ops->memory(&available, &for_more, ordinal, 4));
        print_message("%s:%d: %s\n", device_name, ordinal, words);
        if (words[0] == '\0' || available == 0 || for_more < reserve)
            fail_msg("'%s' has %zu bytes, keeps %zu for one rank and %zu for four", words,
                     available, reserve, for_more);
    }
    if (count > 0) {
        char text[96];
        sluice_device *none = NULL;
        (void)snprintf(text, sizeof text, "there is no cuda:%d: this machine has %d GPU%s", count,
                       count, count == 1 ? "" : "s");
        assert_refused(ops->open(&none, count, 1, 0, false), SLUICE_E_ARGUMENT, text);
        assert_null(none);
    }
    assert_non_null(ops->degradations(device));
}

/* An arena reduces the available memory, and freeing it gives that back. */
static void arenas_reduce_available_memory(void **state) {
    (void)state;
    enum { BYTES = 64 << 20 };
    size_t before = 0, with = 0, after = 0, reserve;
    assert_ok(ops->memory(&before, &reserve, 0, 1));
    void *const made = arena(BYTES);
    assert_ok(ops->memory(&with, &reserve, 0, 1));
    ops->arena_free(device, made, BYTES);
    assert_ok(ops->memory(&after, &reserve, 0, 1));
    if (before == SIZE_MAX) return; /* always unknown */
    if (before - with < BYTES || after < with + BYTES)
        fail_msg("%zu bytes were left, %zu next to an arena of %d, %zu without it again", before,
                 with, BYTES, after);
}

/* ---- data ---- */

static void fill(unsigned char *bytes, size_t count, uint64_t *random) {
    for (size_t i = 0; i < count; i++) bytes[i] = (unsigned char)(test_random(random) >> 40);
}

static void data_is_copied_there_and_back(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 3, 255, 4096, 65537, (1 << 20) + 13};
    uint64_t random             = test_seed();
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const size_t bytes = sizes[s], half = bytes / 2;
        unsigned char *const from = pinned(bytes), *const to = pinned(bytes);
        unsigned char *const one = arena(bytes), *const two = arena(bytes);
        if ((uintptr_t)one % 256 != 0)
            fail_msg("an arena of %zu bytes is at %p", bytes, (void *)one);
        fill(from, bytes, &random);
        assert_ok(ops->upload(compute, one, from, bytes));
        assert_ok(ops->copy(compute, two, one, bytes));
        assert_ok(ops->zero(compute, two, half));
        assert_ok(ops->download(compute, to, two, bytes));
        assert_ok(ops->synchronize(compute));
        memset(from, 0, half);
        if (memcmp(from, to, bytes) != 0) fail_msg("%zu bytes come back as others", bytes);
        ops->host_free(device, from), ops->host_free(device, to);
        ops->arena_free(device, one, bytes), ops->arena_free(device, two, bytes);
    }
    ops->host_free(device, NULL);
}

/* Work runs in the order in which it was enqueued. */
static void a_stream_keeps_its_order(void **state) {
    (void)state;
    enum { COUNT = 4099, TIMES = 200 };
    const size_t bytes = COUNT * sizeof(float);
    float *const here = pinned(bytes), *const there = arena(2 * bytes);
    const float *const terms[] = {there, there + COUNT};
    const sluice_sum sum       = {there, terms, 2, COUNT};
    for (int i = 0; i < COUNT; i++) here[i] = 1;
    assert_ok(ops->upload(compute, there + COUNT, here, bytes));
    assert_ok(ops->zero(compute, there, bytes));
    for (int n = 0; n < TIMES; n++) assert_ok(operations->sum(compute, &sum));
    assert_ok(ops->download(compute, here, there, bytes));
    assert_ok(ops->synchronize(compute));
    for (int i = 0; i < COUNT; i++)
        if (here[i] != (float)TIMES)
            fail_msg("element %d is %g, not %d", i, (double)here[i], TIMES);
    ops->host_free(device, here);
    ops->arena_free(device, there, 2 * bytes);
}

/* ---- events ---- */

static void an_event_means_its_last_record(void **state) {
    (void)state;
    enum { COUNT = 1 << 16, TIMES = 20 };
    const size_t bytes = COUNT * sizeof(float);
    float *const x = arena(2 * bytes), *const here = pinned(bytes);
    const float *const terms[] = {x, x + COUNT};
    const sluice_sum sum       = {x, terms, 2, COUNT};
    sluice_event *const it     = event(false);
    assert_true(is_over(it)); /* an event that was never recorded holds nothing up */
    assert_ok(ops->wait(transfers, it));
    assert_ok(ops->synchronize(transfers));
    for (int i = 0; i < COUNT; i++) here[i] = 1;
    assert_ok(ops->upload(compute, x + COUNT, here, bytes));
    assert_ok(ops->zero(compute, x, bytes));
    for (int n = 0; n < TIMES; n++) {
        assert_ok(operations->sum(compute, &sum));
        assert_ok(ops->download(compute, here, x, bytes));
        assert_ok(ops->record(compute, it));
    }
    while (!is_over(it)) (void)usleep(100);
    for (int i = 0; i < COUNT; i++)
        if (here[i] != (float)TIMES)
            fail_msg("over, and element %d is %g, not %d", i, (double)here[i], TIMES);
    assert_ok(ops->record(compute, it));
    assert_ok(ops->synchronize(compute));
    assert_true(is_over(it));
    ops->event_destroy(it);
    ops->host_free(device, here);
    ops->arena_free(device, x, 2 * bytes);
}

/* One stream counts x up and another copies x away; the first waits for that before it clears x. A
 * violated order shows in the copies. */
static void streams_wait_for_events(void **state) {
    (void)state;
    enum { COUNT = 1 << 16, ROUNDS = 12, MAX_TIMES = 12 };
    const size_t bytes = COUNT * sizeof(float);
    float *const x = arena(3 * bytes), *const one = x + COUNT, *const away = one + COUNT;
    float *const here           = pinned(ROUNDS * bytes);
    const float *const terms[]  = {x, one};
    const sluice_sum sum        = {x, terms, 2, COUNT};
    sluice_event *const counted = event(false), *const copied = event(false);
    uint64_t random = test_seed();
    int times[ROUNDS];
    for (int i = 0; i < COUNT; i++) here[i] = 1;
    assert_ok(ops->upload(compute, one, here, bytes));
    assert_ok(ops->synchronize(compute));
    for (int n = 0; n < ROUNDS; n++) {
        times[n] = test_random_int(&random, 1, MAX_TIMES);
        assert_ok(ops->zero(compute, x, bytes));
        for (int k = 0; k < times[n]; k++) assert_ok(operations->sum(compute, &sum));
        assert_ok(ops->record(compute, counted));
        assert_ok(ops->wait(transfers, counted));
        assert_ok(ops->copy(transfers, away, x, bytes));
        assert_ok(ops->record(transfers, copied));
        assert_ok(ops->download(transfers, here + (size_t)n * COUNT, away, bytes));
        assert_ok(ops->wait(compute, copied));
    }
    assert_ok(ops->synchronize(transfers));
    assert_ok(ops->synchronize(compute));
    for (int n = 0; n < ROUNDS; n++)
        for (int i = 0; i < COUNT; i++)
            if (here[(size_t)n * COUNT + (size_t)i] != (float)times[n])
                fail_msg("round %d: element %d is %g, not %d", n, i,
                         (double)here[(size_t)n * COUNT + (size_t)i], times[n]);
    ops->event_destroy(counted), ops->event_destroy(copied);
    ops->host_free(device, here);
    ops->arena_free(device, x, 3 * bytes);
}

static void timed_events_add_up(void **state) {
    (void)state;
    enum { COUNT = 1 << 18 };
    float *const x           = arena(COUNT * sizeof *x);
    sluice_event *const at[] = {event(true), event(true), event(true)};
    double whole = -1, first = -1, second = -1;
    for (int e = 0; e < 3; e++) {
        assert_ok(ops->zero(compute, x, COUNT * sizeof *x));
        assert_ok(ops->record(compute, at[e]));
    }
    assert_ok(ops->synchronize(compute));
    const sluice_status status = ops->seconds(&whole, at[0], at[2]);
    if (status == SLUICE_OK) {
        assert_ok(ops->seconds(&first, at[0], at[1]));
        assert_ok(ops->seconds(&second, at[1], at[2]));
        if (!(first >= 0 && second >= 0 && fabs(first + second - whole) < 5e-6))
            fail_msg("%g s and then %g s are %g s", first, second, whole);
    } else
        assert_int_equal(status, SLUICE_E_UNSUPPORTED);
    for (int e = 0; e < 3; e++) ops->event_destroy(at[e]);
    ops->arena_free(device, x, COUNT * sizeof *x);
}

/* ---- another thread's device: the same one or a neighbour ---- */

enum { BLOCK_COUNT = 100003 };

typedef struct partner {
    int ordinal;
    pthread_barrier_t meeting; /* passed on, or not; taken */
    sluice_status status;      /* status of the thread that passes it on */
    char said[sizeof((sluice_error *)0)->what];
    sluice_device *device;
    sluice_stream *stream;
    void *block, *here; /* BLOCK_COUNT numbers on its device, and on the host */
    sluice_event *ready;
} partner;

/* Fills a block and records an event when that is done. */
static sluice_status hand_over(partner *it) {
    const size_t bytes = BLOCK_COUNT * sizeof(float);
    SLUICE__TRY(ops->open(&it->device, it->ordinal, 1, 0, false));
    SLUICE__TRY(ops->stream_create(&it->stream, it->device, SLUICE_STREAM_COMPUTE));
    SLUICE__TRY(ops->arena_alloc(&it->block, it->device, bytes));
    SLUICE__TRY(ops->host_alloc(&it->here, it->device, bytes));
    SLUICE__TRY(ops->event_create(&it->ready, it->device, false));
    for (int i = 0; i < BLOCK_COUNT; i++) ((float *)it->here)[i] = (float)i;
    SLUICE__TRY(ops->upload(it->stream, it->block, it->here, bytes));
    SLUICE__TRY(operations->relu(it->stream, &(sluice_relu){it->block, it->block, BLOCK_COUNT}));
    return ops->record(it->stream, it->ready);
}

/* The block is not freed before the other thread has taken it. */
static void *be_partner(void *argument) {
    partner *const it = argument;
    it->status        = hand_over(it);
    (void)snprintf(it->said, sizeof it->said, "%s", sluice_last_error()->what);
    (void)pthread_barrier_wait(&it->meeting);
    (void)pthread_barrier_wait(&it->meeting);
    if (it->status != SLUICE_OK) return NULL; /* the test is over */
    it->status = ops->synchronize(it->stream);
    ops->event_destroy(it->ready);
    ops->host_free(it->device, it->here);
    ops->arena_free(it->device, it->block, BLOCK_COUNT * sizeof(float));
    ops->stream_destroy(it->stream);
    ops->close(it->device);
    return NULL;
}

static sluice_status take(float *here, float *there, const partner *with) {
    const size_t bytes = BLOCK_COUNT * sizeof(float);
    if (with->status != SLUICE_OK) return with->status;
    SLUICE__TRY(ops->wait(transfers, with->ready));
    SLUICE__TRY(ops->copy(transfers, there, with->block, bytes));
    SLUICE__TRY(ops->download(transfers, here, there, bytes));
    return ops->synchronize(transfers);
}

static void take_from(int ordinal) {
    partner with       = {.ordinal = ordinal};
    const size_t bytes = BLOCK_COUNT * sizeof(float);
    float *const there = arena(bytes), *const here = pinned(bytes);
    pthread_t thread;
    assert_int_equal(pthread_barrier_init(&with.meeting, NULL, 2), 0);
    assert_int_equal(pthread_create(&thread, NULL, be_partner, &with), 0);
    (void)pthread_barrier_wait(&with.meeting);
    const sluice_status taken = take(here, there, &with);
    (void)pthread_barrier_wait(&with.meeting);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)pthread_barrier_destroy(&with.meeting);
    if (with.status != SLUICE_OK) fail_msg("ordinal %d: %s", ordinal, with.said);
    assert_ok(taken);
    for (int i = 0; i < BLOCK_COUNT; i++)
        if (here[i] != (float)i)
            fail_msg("from ordinal %d comes %g as element %d", ordinal, (double)here[i], i);
    ops->host_free(device, here);
    ops->arena_free(device, there, bytes);
}

static void threads_synchronize_by_events(void **state) {
    (void)state;
    int count = 0;
    assert_ok(ops->count(&count));
    for (int ordinal = 0; ordinal < (count > 2 ? 2 : count > 0 ? count : 1); ordinal++)
        for (int n = 0; n < 3; n++) take_from(ordinal);
}

/* ---- precision ---- */

/* Large enough for a library to find its tensor cores worth while: it may use them, and need not.
 */
enum { SIDE = 512, ELEMENTS = SIDE * SIDE };

static void multiply(float *out, sluice_stream *stream, const sluice_operations *with,
                     const float *here) {
    const size_t bytes = ELEMENTS * sizeof *out;
    float *const there = arena(3 * bytes), *const a = there + ELEMENTS;
    const sluice_matmul product = {.c       = there,
                                   .a       = a,
                                   .b       = a + ELEMENTS,
                                   .rows    = SIDE,
                                   .columns = SIDE,
                                   .inner   = SIDE,
                                   .alpha   = 1};
    assert_ok(ops->upload(stream, a, here, 2 * bytes));
    assert_ok(with->matmul(stream, &product));
    assert_ok(ops->download(stream, out, there, bytes));
    assert_ok(ops->synchronize(stream));
    ops->arena_free(device, there, 3 * bytes);
}

static void tables_name_their_precision(void **state) {
    (void)state;
    assert_int_equal(ops->size, sizeof *ops);
    assert_true(ops->computes);
    assert_int_equal(ops->asynchronous, !on_cpu);
    for (int p = 0; p < SLUICE_PRECISIONS; p++) {
        const sluice_precision precision     = (sluice_precision)p;
        const sluice_operations *const table = ops->operations(precision);
        const bool expected                  = precision != SLUICE_PRECISION_TF32 || !on_cpu;
        if ((table != NULL) != expected)
            fail_msg("%s computes in %s: %d, expected %d", device_name,
                     sluice_precision_name(precision), table != NULL, expected);
        if (!table) continue;
        assert_int_equal(table->size, sizeof *table);
        assert_int_equal(table->precision, precision);
        assert_int_equal(table->type, sluice_precision_type(precision));
        assert_ptr_equal(table, ops->operations(precision));
    }
    assert_null(ops->operations((sluice_precision)SLUICE_PRECISIONS));
}

/* TF32 has 10 bits of fraction: different numbers, but close. Only products that ask for it use it,
 * on a stream that has computed the same in fp32. */
static void tf32_is_used_on_request_only(void **state) {
    (void)state;
    const sluice_operations *const rounding = ops->operations(SLUICE_PRECISION_TF32);
    if (!rounding) return;
    float *const factors = pinned((size_t)2 * ELEMENTS * sizeof *factors);
    float *const results = pinned((size_t)3 * ELEMENTS * sizeof *results);
    float *const fp32 = results, *const tf32 = fp32 + ELEMENTS, *const again = tf32 + ELEMENTS;
    uint64_t random = test_seed();
    for (int i = 0; i < 2 * ELEMENTS; i++)
        factors[i] = (float)test_random_int(&random, -1000000, 1000000) * 1e-6f;
    multiply(fp32, compute, operations, factors);
    multiply(tf32, compute, rounding, factors);
    multiply(again, compute_too, operations, factors);
    double farthest = 0;
    for (int i = 0; i < ELEMENTS; i++)
        farthest = fmax(farthest, fabs((double)fp32[i] - (double)tf32[i]));
    if (!(farthest > 1e-5 && farthest < 1e-1)) fail_msg("TF32 is %g from fp32", farthest);
    assert_memory_equal(fp32, again, ELEMENTS * sizeof *fp32);
    ops->host_free(device, factors), ops->host_free(device, results);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_describe_themselves),
        cmocka_unit_test(arenas_reduce_available_memory),
        cmocka_unit_test(data_is_copied_there_and_back),
        cmocka_unit_test(a_stream_keeps_its_order),
        cmocka_unit_test(an_event_means_its_last_record),
        cmocka_unit_test(streams_wait_for_events),
        cmocka_unit_test(timed_events_add_up),
        cmocka_unit_test(threads_synchronize_by_events),
        cmocka_unit_test(tables_name_their_precision),
        cmocka_unit_test(tf32_is_used_on_request_only),
    };
    if (argc != 2) return 2;
    device_name = argv[1];
    on_cpu      = strcmp(device_name, "cpu") == 0;
    return cmocka_run_group_tests_name(device_name, tests, open_device, close_device);
}
