/* SPDX-License-Identifier: MIT */
/* Tests of streams, events, copies, memory, devices and errors against what CUDA documents. */
#include "everywhere.h"
#include "rig.h"

#include <math.h>
#include <pthread.h>

/* A stream stands still between the two. */
static _Atomic bool gate_open;
static void pass_gate(void *argument) {
    (void)argument;
    while (!gate_open) (void)usleep(200);
}
static void close_gate(cudaStream_t stream) {
    gate_open = false;
    child_ok(cudaLaunchHostFunc(stream, pass_gate, NULL));
}

/* ---- events ---- */

static void event_never_recorded(void) {
    rig r = rig_new();
    expect_code(cudaEventQuery(r.event[0][0]), cudaSuccess);
    expect_code(cudaEventSynchronize(r.event[0][0]), cudaSuccess);
    expect_code(cudaStreamWaitEvent(r.compute[1], r.event[0][0], 0), cudaSuccess);
    expect_code(cudaStreamSynchronize(r.compute[1]), cudaSuccess);
    rig_free(&r);
}

/* A wait refers to the record before it: a later record, even one that never completes, changes
 * nothing. */
static void wait_means_the_last_record(void) {
    rig r = rig_new();
    child_ok(launch_fill(r.x[0], 5, RIG_COUNT, r.compute[0]));
    child_ok(cudaEventRecord(r.event[0][0], r.compute[0]));
    child_ok(cudaStreamWaitEvent(r.copies[0], r.event[0][0], 0));
    close_gate(r.compute[0]);
    child_ok(cudaEventRecord(r.event[0][0], r.compute[0]));
    expect_code(rig_holds(r.x[0], 5, r.copies[0]), CHILD_RIGHT);
    expect_code(cudaEventQuery(r.event[0][0]), cudaErrorNotReady);
    gate_open = true;
    expect_code(cudaEventSynchronize(r.event[0][0]), cudaSuccess);
    rig_free(&r);
}

static void event_of_another_device(void) {
    rig r = rig_new();
    expect_code(cudaEventRecord(r.event[1][0], r.compute[0]), cudaErrorInvalidResourceHandle);
    expect_code(cudaGetLastError(), cudaErrorInvalidResourceHandle);
    child_ok(cudaEventRecord(r.event[0][0], r.compute[0]));
    expect_code(cudaStreamWaitEvent(r.compute[1], r.event[0][0], 0), cudaSuccess);
    rig_free(&r);
}

/* "Not ready" is an answer, and nevertheless becomes the thread's last error. */
static void query(void) {
    rig r = rig_new();
    close_gate(r.compute[0]);
    child_ok(cudaEventRecord(r.event[0][0], r.compute[0]));
    expect_code(cudaStreamQuery(r.compute[0]), cudaErrorNotReady);
    expect_code(cudaEventQuery(r.event[0][0]), cudaErrorNotReady);
    expect_code(cudaPeekAtLastError(), cudaErrorNotReady);
    expect_code(cudaGetLastError(), cudaErrorNotReady);
    expect_code(cudaGetLastError(), cudaSuccess);
    gate_open = true;
    while (cudaEventQuery(r.event[0][0]) == cudaErrorNotReady) (void)usleep(100);
    while (cudaStreamQuery(r.compute[0]) == cudaErrorNotReady) (void)usleep(100);
    (void)cudaGetLastError();
    rig_free(&r);
}

static void elapsed(void) {
    rig r = rig_new();
    cudaEvent_t from, to;
    float ms = -1;
    child_ok(cudaEventCreate(&from));
    child_ok(cudaEventCreate(&to));
    expect_code(cudaEventElapsedTime(&ms, from, to), cudaErrorInvalidResourceHandle);
    (void)cudaGetLastError();
    child_ok(cudaEventRecord(from, r.compute[0]));
    close_gate(r.compute[0]);
    child_ok(cudaEventRecord(to, r.compute[0]));
    expect_code(cudaEventElapsedTime(&ms, from, to), cudaErrorNotReady);
    (void)cudaGetLastError();
    (void)usleep(2000);
    gate_open = true;
    child_ok(cudaEventSynchronize(to));
    expect_code(cudaEventElapsedTime(&ms, from, to), cudaSuccess);
    expect_that(ms >= 0 && ms < 60000, "%g ms", (double)ms);
    child_ok(cudaEventRecord(r.event[0][0], r.compute[0]));
    expect_code(cudaEventElapsedTime(&ms, from, r.event[0][0]), cudaErrorInvalidResourceHandle);
    (void)cudaGetLastError();
    child_ok(cudaEventDestroy(from));
    child_ok(cudaEventDestroy(to));
    rig_free(&r);
}

/* ---- streams ---- */

static void streams_are_independent(void) {
    rig r = rig_new();
    close_gate(r.compute[0]);
    child_ok(launch_fill(r.x[0], 1, RIG_COUNT, r.copies[0]));
    expect_code(rig_holds(r.x[0], 1, r.copies[0]), CHILD_RIGHT);
    gate_open = true;
    rig_free(&r);
}

static void priorities(void) {
    rig r      = rig_new();
    int lowest = 9, highest = 9, priority = 9;
    unsigned flags = 9;
    child_ok(cudaDeviceGetStreamPriorityRange(&lowest, &highest));
    expect_that(lowest == 0 && highest == -5, "%d to %d", lowest, highest);
    child_ok(cudaStreamGetPriority(r.copies[0], &priority));
    expect_that(priority == -5, "%d", priority);
    child_ok(cudaStreamGetFlags(r.copies[0], &flags));
    expect_that(flags == cudaStreamNonBlocking, "%u", flags);
    rig_free(&r);
}

static void full_queue(void) {
    rig r = rig_new();
    for (int i = 0; i < 40; i++) child_ok(launch_fill(r.x[0], (float)i, RIG_COUNT, r.compute[0]));
    expect_code(rig_holds(r.x[0], 39, r.compute[0]), CHILD_RIGHT);
    expect_that(emu_happened("full queue") > 0, "%ld", emu_happened("full queue"));
    rig_free(&r);
}

/* The seed chooses which of two streams comes first, the same for the same seed. */
static int order_of_notes(uint64_t seed) {
    emu_settings settings = emu_settings_now();
    settings.seed         = seed;
    settings.lazy         = true;
    emu_restart(&settings);
    rig r       = rig_new();
    int log[13] = {0}, order = 0;
    int *const noted = (int *)(void *)r.x[0];
    child_ok(cudaMemsetAsync(noted, 0, sizeof log, r.compute[0]));
    child_ok(cudaStreamSynchronize(r.compute[0]));
    for (int i = 0; i < 12; i++)
        child_ok(launch_note(noted, i % 2, i % 2 ? r.compute[0] : r.copies[0]));
    child_ok(cudaStreamSynchronize(r.compute[0]));
    child_ok(cudaStreamSynchronize(r.copies[0]));
    child_ok(cudaMemcpyAsync(log, noted, sizeof log, cudaMemcpyDeviceToHost, r.compute[0]));
    expect_that(log[0] == 12, "%d", log[0]);
    for (int i = 1; i < 13; i++) order = order * 2 + log[i];
    rig_free(&r);
    return order;
}

static void lazy_repeats(void) {
    int others = 0;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        const int order = order_of_notes(seed);
        expect_that(order == order_of_notes(seed), "seed %d", (int)seed);
        others += order != order_of_notes(1);
    }
    expect_that(others > 0, "all seeds have one order");
}

/* ---- memory and copies ---- */

static void fresh_memory_is_not_a_number(void) {
    rig r = rig_new();
    float got[RIG_COUNT];
    int numbers = 0;
    child_ok(cudaMemcpyAsync(got, r.x[0], RIG_BYTES, cudaMemcpyDeviceToHost, r.compute[0]));
    for (int i = 0; i < RIG_COUNT; i++) numbers += !isnan(got[i]);
    expect_that(numbers == 0, "%d numbers", numbers);
    expect_that((size_t)r.x[0] % 256 == 0, "%p", (void *)r.x[0]);
    rig_free(&r);
}

static void fill_host(float *host, float value) {
    for (int i = 0; i < RIG_COUNT; i++) host[i] = value;
}

/* Memory that is not pinned is read and written before the call returns. */
static void pageable_copies(void) {
    rig r = rig_new();
    float host[RIG_COUNT], back[RIG_COUNT];
    fill_host(host, 7);
    child_ok(cudaMemcpyAsync(r.x[0], host, RIG_BYTES, cudaMemcpyHostToDevice, r.compute[0]));
    fill_host(host, 8);
    child_ok(cudaMemcpyAsync(back, r.x[0], RIG_BYTES, cudaMemcpyDefault, r.compute[0]));
    for (int i = 0; i < RIG_COUNT; i++) expect_that(back[i] == 7, "%g", (double)back[i]);
    expect_that(emu_happened("pageable copy") == 2, "%ld", emu_happened("pageable copy"));
    rig_free(&r);
}

static void pinned_where_it_is(void) {
    rig r = rig_new();
    static float host[RIG_COUNT];
    child_ok(cudaHostRegister(host, sizeof host, cudaHostRegisterDefault));
    expect_code(cudaHostRegister(host, sizeof host, 0), cudaErrorHostMemoryAlreadyRegistered);
    (void)cudaGetLastError();
    close_gate(r.compute[0]);
    child_ok(cudaMemcpyAsync(r.x[0], host, RIG_BYTES, cudaMemcpyHostToDevice, r.compute[0]));
    fill_host(host, 9);
    gate_open = true;
    expect_code(rig_holds(r.x[0], 9, r.compute[0]), CHILD_RIGHT);
    expect_that(emu_happened("pageable copy") == 1, "%ld", emu_happened("pageable copy"));
    child_ok(cudaHostUnregister(host));
    expect_code(cudaHostUnregister(host), cudaErrorHostMemoryNotRegistered);
    (void)cudaGetLastError();
    rig_free(&r);
}

static void nothing_to_copy(void) {
    rig r = rig_new();
    expect_code(cudaMemcpyAsync(NULL, NULL, 0, cudaMemcpyDefault, r.compute[0]), cudaSuccess);
    expect_code(cudaMemsetAsync(NULL, 0, 0, r.compute[0]), cudaSuccess);
    expect_code(cudaMemcpyPeerAsync(NULL, 1, NULL, 0, 0, r.compute[0]), cudaSuccess);
    rig_free(&r);
}

static void out_of_memory(void) {
    size_t free_before = 0, free_after = 0, total = 0;
    void *block = (void *)1, *more = (void *)1;
    child_ok(cudaMemGetInfo(&free_before, &total));
    expect_that(free_before == total && total == 1 << 20, "%zu of %zu", free_before, total);
    child_ok(cudaMalloc(&block, 1000000));
    child_ok(cudaMemGetInfo(&free_after, &total));
    expect_that(free_after == free_before - 1000000, "%zu", free_after);
    expect_code(cudaMalloc(&more, 100000), cudaErrorMemoryAllocation);
    expect_that(more == NULL, "%p", more);
    expect_code(cudaGetLastError(), cudaErrorMemoryAllocation);
    child_ok(cudaFree(block));
    expect_code(cudaFree(block), cudaErrorInvalidValue);
    expect_code(cudaGetLastError(), cudaErrorInvalidValue);
    expect_code(cudaFree(NULL), cudaSuccess);
    expect_code(cudaMalloc(&more, 0), cudaSuccess);
    expect_that(more == NULL, "%p", more);
}

static void pointer_kinds(void) {
    rig r = rig_new();
    struct cudaPointerAttributes a;
    int host = 0;
    child_ok(cudaPointerGetAttributes(&a, r.y[1]));
    expect_that(a.type == cudaMemoryTypeDevice && a.device == 1, "%d, device %d", (int)a.type,
                a.device);
    child_ok(cudaPointerGetAttributes(&a, r.host));
    expect_that(a.type == cudaMemoryTypeHost, "%d", (int)a.type);
    child_ok(cudaPointerGetAttributes(&a, &host));
    expect_that(a.type == cudaMemoryTypeUnregistered, "%d", (int)a.type);
    rig_free(&r);
}

/* ---- devices ---- */

static void *device_of_thread(void *device) {
    child_ok(cudaGetDevice(device));
    return NULL;
}

static void devices(void) {
    int count = -1, device = -1, elsewhere = -1;
    pthread_t thread;
    struct cudaDeviceProp properties;
    expect_code(cudaGetDeviceCount(&count), cudaSuccess);
    expect_that(count == 2, "%d", count);
    expect_code(cudaSetDevice(2), cudaErrorInvalidDevice);
    expect_code(cudaGetLastError(), cudaErrorInvalidDevice);
    child_ok(cudaSetDevice(1));
    child_ok(cudaGetDevice(&device));
    expect_that(device == 1, "%d", device);
    child_ok(pthread_create(&thread, NULL, device_of_thread, &elsewhere));
    child_ok(pthread_join(thread, NULL));
    expect_that(elsewhere == 0, "%d", elsewhere);
    child_ok(cudaGetDeviceProperties(&properties, 1));
    expect_that(strcmp(properties.name, "emulated GPU 1") == 0, "%s", properties.name);
}

static void no_device(void) {
    int count = 77;
    expect_code(cudaGetDeviceCount(&count), cudaErrorNoDevice);
    expect_that(count == 0, "%d", count);
    expect_code(cudaSetDevice(0), cudaErrorNoDevice);
}

static void old_driver(void) {
    int count = 77, version = 77;
    expect_code(cudaGetDeviceCount(&count), cudaErrorInsufficientDriver);
    expect_that(count == 77, "%d", count);
    child_ok(cudaDriverGetVersion(&version));
    expect_that(version == 0, "%d", version);
    expect_that(strcmp(cudaGetErrorString(cudaErrorInsufficientDriver),
                       "CUDA driver version is insufficient for CUDA runtime version") == 0,
                "%s", cudaGetErrorString(cudaErrorInsufficientDriver));
}

static void peers(void) {
    rig r   = rig_new();
    int can = -1;
    child_ok(cudaDeviceCanAccessPeer(&can, 0, 1));
    expect_that(can == 1, "%d", can);
    child_ok(launch_fill(r.x[0], 6, RIG_COUNT, r.compute[0]));
    child_ok(cudaStreamSynchronize(r.compute[0]));
    child_ok(cudaSetDevice(1));
    child_ok(cudaDeviceEnablePeerAccess(0, 0));
    expect_code(cudaDeviceEnablePeerAccess(0, 0), cudaErrorPeerAccessAlreadyEnabled);
    expect_code(cudaGetLastError(), cudaErrorPeerAccessAlreadyEnabled);
    expect_code(cudaDeviceEnablePeerAccess(1, 0), cudaErrorInvalidDevice);
    (void)cudaGetLastError();
    child_ok(launch_copy(r.x[1], r.x[0], RIG_COUNT, 64, 0, r.compute[1]));
    expect_code(rig_holds(r.x[1], 6, r.compute[1]), CHILD_RIGHT);
    rig_free(&r);
}

static void no_peers(void) {
    rig r   = rig_new();
    int can = -1;
    child_ok(cudaDeviceCanAccessPeer(&can, 0, 1));
    expect_that(can == 0, "%d", can);
    expect_code(cudaDeviceEnablePeerAccess(1, 0), cudaErrorPeerAccessUnsupported);
    (void)cudaGetLastError();
    child_ok(launch_fill(r.x[0], 6, RIG_COUNT, r.compute[0]));
    child_ok(cudaMemcpyPeerAsync(r.x[1], 1, r.x[0], 0, RIG_BYTES, r.compute[0]));
    expect_code(cudaStreamQuery(r.compute[0]), cudaSuccess); /* the call has waited */
    expect_that(emu_happened("copy through the driver") == 1, "%ld",
                emu_happened("copy through the driver"));
    expect_code(rig_holds(r.x[1], 6, r.compute[1]), CHILD_RIGHT);
    rig_free(&r);
}

/* Copy from device 0 to 1, on a stream of 0, which reaches 1 if `peers`. */
static void copy_across(const rig *r, bool peers) {
    child_ok(cudaSetDevice(0));
    child_ok(peers ? cudaDeviceEnablePeerAccess(1, 0) : cudaDeviceDisablePeerAccess(1));
    child_ok(launch_fill(r->x[0], 6, RIG_COUNT, r->compute[0]));
    child_ok(cudaMemcpyAsync(r->x[1], r->x[0], RIG_BYTES, cudaMemcpyDefault, r->compute[0]));
}

static void lying_peers(void) {
    rig r = rig_new();
    copy_across(&r, true);
    child_ok(cudaStreamSynchronize(r.compute[0]));
    expect_code(rig_holds(r.x[1], 6, r.compute[1]), CHILD_WRONG);
    copy_across(&r, false);
    child_ok(cudaStreamSynchronize(r.compute[0]));
    expect_code(rig_holds(r.x[1], 6, r.compute[1]), CHILD_RIGHT);
    expect_code(cudaDeviceDisablePeerAccess(1), cudaErrorPeerAccessNotEnabled);
    (void)cudaGetLastError();
    rig_free(&r);
}

static void hanging_peers(void) {
    rig r = rig_new();
    copy_across(&r, true);
    for (int k = 0; k < 50; k++) {
        expect_code(cudaStreamQuery(r.compute[0]), cudaErrorNotReady);
        (void)cudaGetLastError();
    }
    emu_release();
    child_ok(cudaStreamSynchronize(r.compute[0]));
    expect_code(rig_holds(r.x[1], 6, r.compute[1]), CHILD_RIGHT);
    rig_free(&r);
}

/* ---- errors ---- */

static void launches_that_cannot_be(void) {
    rig r = rig_new();
    expect_code(launch_copy(r.y[0], r.x[0], 0, 64, 0, r.compute[0]), cudaErrorInvalidConfiguration);
    (void)cudaGetLastError();
    expect_code(launch_copy(r.y[0], r.x[0], 1, 1025, 0, r.compute[0]),
                cudaErrorInvalidConfiguration);
    (void)cudaGetLastError();
    expect_code(launch_copy(r.y[0], r.x[0], 1, 64, 49153, r.compute[0]),
                cudaErrorInvalidConfiguration);
    (void)cudaGetLastError();
    expect_code(launch_copy(r.y[0], r.x[0], 1, 1024, 49152, r.compute[0]), cudaSuccess);
    rig_free(&r);
}

static void injected_failure(void) {
    rig r       = rig_new();
    void *block = NULL;
    emu_fail_call("cudaMalloc", 2, cudaErrorMemoryAllocation);
    expect_code(cudaMalloc(&block, 4), cudaSuccess);
    child_ok(cudaFree(block));
    expect_code(cudaMalloc(&block, 4), cudaErrorMemoryAllocation);
    expect_code(cudaGetLastError(), cudaErrorMemoryAllocation);
    expect_code(cudaMalloc(&block, 4), cudaSuccess);
    child_ok(cudaFree(block));
    expect_that(emu_calls("cudaMalloc") == 9, "%ld", emu_calls("cudaMalloc"));
    rig_free(&r);
}

/* A failure is permanent, for that device alone; and no wait for it is endless. */
static void broken_device(void) {
    rig r = rig_new();
    close_gate(r.compute[0]);
    child_ok(cudaEventRecord(r.event[0][0], r.compute[0]));
    child_ok(cudaStreamWaitEvent(r.compute[1], r.event[0][0], 0));
    emu_break_device(0, cudaErrorIllegalAddress);
    gate_open = true;
    expect_code(cudaStreamSynchronize(r.compute[0]), cudaErrorIllegalAddress);
    expect_code(cudaEventQuery(r.event[0][0]), cudaErrorIllegalAddress);
    expect_code(cudaGetLastError(), cudaErrorIllegalAddress);
    expect_code(cudaGetLastError(), cudaErrorIllegalAddress);
    expect_code(launch_fill(r.x[0], 1, 1, r.compute[0]), cudaErrorIllegalAddress);
    expect_code(cudaSetDevice(1), cudaSuccess);
    (void)cudaGetLastError();
    expect_code(launch_fill(r.x[1], 2, RIG_COUNT, r.compute[1]), cudaSuccess);
    expect_code(rig_holds(r.x[1], 2, r.compute[1]), CHILD_RIGHT);
    expect_code(cudaFree(r.x[1]), cudaSuccess);
}

/* ---- threads of the host ---- */

static void *drive(void *device) {
    enum { TIMES = 30 };
    const int d         = *(const int *)device;
    cudaStream_t stream = NULL;
    float *const block  = rig_memory(d, RIG_BYTES);
    child_ok(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    for (int i = 0; i < TIMES; i++) {
        float got = -1;
        child_ok(launch_fill(block, (float)i, RIG_COUNT, stream));
        child_ok(cudaMemcpyAsync(&got, block + i, sizeof got, cudaMemcpyDeviceToHost, stream));
        if (!(got == (float)i)) _exit(CHILD_WRONG);
    }
    child_ok(cudaStreamDestroy(stream));
    child_ok(cudaFree(block));
    return NULL;
}

static void host_threads(void) {
    pthread_t thread[4];
    static const int device[4] = {0, 1, 0, 1};
    for (int t = 0; t < 4; t++)
        child_ok(pthread_create(&thread[t], NULL, drive, (void *)&device[t]));
    for (int t = 0; t < 4; t++) child_ok(pthread_join(thread[t], NULL));
}

/* clang-format off */
#define TESTS(X)                                                                                   \
    X(event_never_recorded, NULL) X(wait_means_the_last_record, NULL)                              \
    X(event_of_another_device, NULL) X(query, NULL) X(elapsed, NULL)                               \
    X(streams_are_independent, NULL) X(priorities, NULL) X(full_queue, "EMU_QUEUE=4")              \
    X(lazy_repeats, NULL) X(fresh_memory_is_not_a_number, NULL) X(pageable_copies, NULL)           \
    X(pinned_where_it_is, NULL) X(nothing_to_copy, NULL) X(out_of_memory, "EMU_MEMORY_MIB=1")      \
    X(pointer_kinds, NULL) X(devices, NULL) X(no_device, "EMU_DEVICES=0")                          \
    X(old_driver, "EMU_DRIVER=0") X(peers, NULL) X(no_peers, "EMU_PEERS=0")                        \
    X(lying_peers, "EMU_PEERS=lie") X(hanging_peers, "EMU_PEERS=hang")                            \
    X(launches_that_cannot_be, NULL) X(injected_failure, NULL) X(broken_device, NULL)              \
    X(host_threads, NULL)
/* clang-format on */

TESTS(EVERYWHERE)

int main(void) {
#define X(name, variable) cmocka_unit_test(test_##name),
    const struct CMUnitTest tests[] = {TESTS(X)};
#undef X
    return cmocka_run_group_tests(tests, NULL, NULL);
}
