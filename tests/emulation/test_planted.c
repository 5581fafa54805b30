/* SPDX-License-Identifier: MIT */
/*
 * Planted bugs: little programs with one mistake each, and the same programs without it. The
 * emulation must find every mistake, in both modes, and nothing else.
 *
 * A mistake of order is found by its timing: within SEEDS seeds. Any other is found at every seed.
 */
#include "rig.h"

#include <cublas_v2.h>

static bool planted; /* whether the body makes its mistake */

/* ---- order: device 0 computes, a copy takes it to device 1, which adds it up ---- */

static enum { NO_BUG, NO_COMPUTE_WAIT, NO_RECEIVE_WAIT, SENT_SLOT_REUSED, RECEIVED_SLOT_REUSED } bug;

static void maybe_wait(cudaStream_t stream, cudaEvent_t event, bool wait) {
    if (wait) child_ok(cudaStreamWaitEvent(stream, event, 0));
}

static void send_one(const rig *r, int i) {
    cudaEvent_t computed = r->event[0][0], copied = r->event[0][1], read = r->event[1][2];
    child_ok(cudaSetDevice(0));
    maybe_wait(r->compute[0], copied, bug != SENT_SLOT_REUSED); /* y may still be on its way */
    child_ok(launch_fill(r->y[0], (float)(i + 1), RIG_COUNT, r->compute[0]));
    child_ok(cudaEventRecord(computed, r->compute[0]));
    maybe_wait(r->copies[0], computed, bug != NO_COMPUTE_WAIT);
    maybe_wait(r->copies[0], read, bug != RECEIVED_SLOT_REUSED); /* x may still be read */
    child_ok(cudaMemcpyPeerAsync(r->x[1], 1, r->y[0], 0, RIG_BYTES, r->copies[0]));
    child_ok(cudaEventRecord(copied, r->copies[0]));
    child_ok(cudaSetDevice(1));
    maybe_wait(r->compute[1], copied, bug != NO_RECEIVE_WAIT);
    child_ok(launch_add(r->z[1], r->z[1], r->x[1], RIG_COUNT, r->compute[1]));
    child_ok(cudaEventRecord(read, r->compute[1]));
}

static int pipeline(void) {
    enum { TIMES = 6 };
    rig r = rig_new();
    child_ok(cudaSetDevice(1));
    child_ok(cudaMemsetAsync(r.z[1], 0, RIG_BYTES, r.compute[1]));
    for (int i = 0; i < TIMES; i++) send_one(&r, i);
    const int result = rig_holds(r.z[1], TIMES * (TIMES + 1) / 2, r.compute[1]);
    rig_free(&r);
    return result;
}

static int missing_compute_wait(void) {
    bug = planted ? NO_COMPUTE_WAIT : NO_BUG;
    return pipeline();
}
static int missing_receive_wait(void) {
    bug = planted ? NO_RECEIVE_WAIT : NO_BUG;
    return pipeline();
}
static int sent_slot_reused(void) {
    bug = planted ? SENT_SLOT_REUSED : NO_BUG;
    return pipeline();
}
static int received_slot_reused(void) {
    bug = planted ? RECEIVED_SLOT_REUSED : NO_BUG;
    return pipeline();
}

/* A wait that is issued before its record waits for nothing, or for the record before. */
static int wait_before_record(void) {
    rig r = rig_new();
    if (planted) child_ok(cudaStreamWaitEvent(r.copies[0], r.event[0][0], 0));
    child_ok(launch_fill(r.y[0], 3, RIG_COUNT, r.compute[0]));
    child_ok(cudaEventRecord(r.event[0][0], r.compute[0]));
    if (!planted) child_ok(cudaStreamWaitEvent(r.copies[0], r.event[0][0], 0));
    child_ok(cudaMemcpyAsync(r.x[0], r.y[0], RIG_BYTES, cudaMemcpyDeviceToDevice, r.copies[0]));
    const int result = rig_holds(r.x[0], 3, r.copies[0]);
    rig_free(&r);
    return result;
}

/* Pinned memory is read when the stream comes to it, not when the copy is asked for. */
static int pinned_source_changed(void) {
    rig r = rig_new();
    for (int i = 0; i < RIG_COUNT; i++) r.host[i] = 1;
    child_ok(cudaMemcpyAsync(r.x[0], r.host, RIG_BYTES, cudaMemcpyHostToDevice, r.copies[0]));
    child_ok(cudaEventRecord(r.event[0][1], r.copies[0]));
    if (!planted) child_ok(cudaEventSynchronize(r.event[0][1]));
    for (int i = 0; i < RIG_COUNT; i++) r.host[i] = 2;
    const int result = rig_holds(r.x[0], 1, r.copies[0]);
    rig_free(&r);
    return result;
}

static int pinned_target_read_early(void) {
    rig r     = rig_new();
    int wrong = 0;
    for (int i = 0; i < RIG_COUNT; i++) r.host[i] = 0;
    child_ok(launch_fill(r.x[0], 4, RIG_COUNT, r.compute[0]));
    child_ok(cudaMemcpyAsync(r.host, r.x[0], RIG_BYTES, cudaMemcpyDeviceToHost, r.compute[0]));
    if (!planted) child_ok(cudaStreamSynchronize(r.compute[0]));
    for (int i = 0; i < RIG_COUNT; i++) wrong += !(r.host[i] == 4);
    rig_free(&r);
    return wrong ? CHILD_WRONG : CHILD_RIGHT;
}

static int missing_barrier(void) {
    rig r = rig_new();
    float x[256], y[256];
    int wrong = 0;
    for (int i = 0; i < 256; i++) x[i] = (float)i;
    child_ok(cudaMemcpyAsync(r.x[0], x, sizeof x, cudaMemcpyHostToDevice, r.compute[0]));
    child_ok((planted ? launch_reverse_no_barrier : launch_reverse)(r.y[0], r.x[0], 256, r.compute[0]));
    child_ok(cudaMemcpyAsync(y, r.y[0], sizeof y, cudaMemcpyDeviceToHost, r.compute[0]));
    for (int i = 0; i < 256; i++) wrong += !(y[i] == (float)(i / 64 * 64 + 63 - i % 64));
    rig_free(&r);
    return wrong ? CHILD_WRONG : CHILD_RIGHT;
}

/* ---- memory ---- */

static int finish(rig *r) {
    rig_free(r);
    return CHILD_RIGHT;
}

static int past_end(void) {
    rig r = rig_new();
    child_ok(launch_past_end(r.x[0], planted ? RIG_COUNT : RIG_COUNT - 1, r.compute[0]));
    return finish(&r);
}
static int before_start(void) {
    rig r = rig_new();
    child_ok(launch_before_start(r.x[0] + !planted, r.compute[0]));
    return finish(&r);
}
static int far_read(void) {
    rig r = rig_new();
    child_ok(launch_far_read(r.y[0], r.x[0], planted ? 512 : 499, r.compute[0]));
    return finish(&r);
}
static int shared_past_end(void) {
    rig r = rig_new();
    child_ok(launch_shared_past_end(r.x[0], planted ? 8 : 7, r.compute[0]));
    return finish(&r);
}
static int dynamic_past_end(void) {
    rig r = rig_new();
    child_ok(launch_dynamic_past_end(r.x[0], planted ? 8 : 7, r.compute[0]));
    return finish(&r);
}
static int stack_overflow(void) {
    rig r = rig_new();
    child_ok(planted ? launch_deep(r.x[0], r.compute[0]) : launch_fill(r.x[0], 1, 1, r.compute[0]));
    return finish(&r);
}

static int kernel_uses_freed(void) {
    rig r          = rig_new();
    float *const m = rig_memory(0, RIG_BYTES);
    if (planted) child_ok(cudaFree(m));
    child_ok(launch_fill(m, 1, RIG_COUNT, r.compute[0]));
    if (!planted) child_ok(cudaFree(m));
    return finish(&r);
}
static int copy_uses_freed(void) {
    rig r          = rig_new();
    float *const m = rig_memory(0, RIG_BYTES);
    if (planted) child_ok(cudaFree(m));
    child_ok(cudaMemcpyAsync(m, r.x[0], RIG_BYTES, cudaMemcpyDeviceToDevice, r.compute[0]));
    if (!planted) child_ok(cudaFree(m));
    return finish(&r);
}
/* Nobody promises that giving pinned memory back waits for a copy into it. */
static int pinned_freed_early(void) {
    rig r      = rig_new();
    void *more = NULL;
    child_ok(cudaMallocHost(&more, RIG_BYTES));
    for (int i = 0; i < 20; i++) child_ok(launch_fill(r.x[0], 1, RIG_COUNT, r.compute[0]));
    child_ok(cudaMemcpyAsync(more, r.x[0], RIG_BYTES, cudaMemcpyDeviceToHost, r.compute[0]));
    if (!planted) child_ok(cudaStreamSynchronize(r.compute[0]));
    child_ok(cudaFreeHost(more));
    return finish(&r);
}

static int host_writes_device(void) {
    rig r = rig_new();
    if (planted)
        r.x[0][3] = 1;
    else
        r.host[3] = 1;
    return finish(&r);
}
static int host_reads_device(void) {
    rig r                       = rig_new();
    const volatile float *const at = planted ? r.x[0] : r.host;
    (void)at[0];
    return finish(&r);
}

static int copy_past_end(void) {
    rig r = rig_new();
    child_ok(cudaMemcpyAsync(r.x[0], r.y[0], RIG_BYTES + (planted ? 4 : 0), cudaMemcpyDeviceToDevice,
                             r.compute[0]));
    return finish(&r);
}
static int copy_overlaps(void) {
    rig r = rig_new();
    child_ok(cudaMemcpyAsync(r.x[0], r.x[0] + 10, planted ? 44 : 40, cudaMemcpyDeviceToDevice,
                             r.compute[0]));
    return finish(&r);
}
static int copy_of_wrong_kind(void) {
    rig r = rig_new();
    child_ok(cudaMemcpyAsync(r.x[0], r.y[0], RIG_BYTES,
                             planted ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToDevice, r.compute[0]));
    return finish(&r);
}

/* ---- kernels whose threads do not meet ---- */

static int divergent_barrier(void) {
    rig r = rig_new();
    child_ok(planted ? launch_divergent_barrier(r.x[0], r.compute[0])
                     : launch_fill(r.x[0], 1, 32, r.compute[0]));
    return finish(&r);
}
static int two_barriers(void) {
    rig r = rig_new();
    child_ok(planted ? launch_two_barriers(r.x[0], r.compute[0])
                     : launch_fill(r.x[0], 1, 32, r.compute[0]));
    return finish(&r);
}
static int early_return(void) {
    rig r = rig_new();
    child_ok(planted ? launch_early_return(r.x[0], r.compute[0])
                     : launch_fill(r.x[0], 1, 32, r.compute[0]));
    return finish(&r);
}
static int wrong_mask(void) {
    rig r = rig_new();
    child_ok(planted ? launch_wrong_mask(r.x[0], r.compute[0])
                     : launch_fill(r.x[0], 1, 32, r.compute[0]));
    return finish(&r);
}
static int shuffle_outside(void) {
    rig r = rig_new();
    child_ok(planted ? launch_shuffle_outside(r.x[0], r.compute[0])
                     : launch_fill(r.x[0], 1, 32, r.compute[0]));
    return finish(&r);
}

/* ---- errors and devices ---- */

/* A launch that cannot be: nobody looks, and the next to look is blamed. */
static int forgotten_error(void) {
    rig r                    = rig_new();
    const cudaError_t failed = launch_copy(r.y[0], r.x[0], RIG_COUNT, 2048, 0, r.compute[0]);
    if (failed != cudaErrorInvalidConfiguration) return CHILD_CALL_FAILED;
    if (!planted) (void)cudaGetLastError();
    child_ok(launch_fill(r.y[0], 1, RIG_COUNT, r.compute[0]));
    return finish(&r);
}

/* A device that broke says so at every later call: here the last one is the first that is checked. */
static int broken_device(void) {
    rig r = rig_new();
    child_ok(launch_fill(r.y[0], 1, RIG_COUNT, r.compute[0]));
    if (planted) emu_break_device(0, cudaErrorIllegalAddress);
    (void)cudaMemsetAsync(r.y[0], 0, RIG_BYTES, r.compute[0]);
    child_ok(cudaStreamSynchronize(r.compute[0]));
    return finish(&r);
}

static int wrong_device_launch(void) {
    rig r = rig_new();
    child_ok(cudaSetDevice(planted ? 1 : 0));
    child_ok(launch_fill(r.x[0], 1, RIG_COUNT, r.compute[0]));
    return finish(&r);
}
static int wrong_device_launch_unchecked(void) {
    rig r = rig_new();
    child_ok(cudaSetDevice(planted ? 1 : 0));
    const cudaError_t ignored = launch_fill(r.x[0], 1, RIG_COUNT, r.compute[0]);
    (void)ignored;
    child_ok(cudaEventRecord(r.event[0][0], r.compute[0]));
    return finish(&r);
}
/* Memory allocated while another device was current: it is over there. */
static int wrong_device_memory(void) {
    rig r          = rig_new();
    float *const m = rig_memory(planted ? 0 : 1, RIG_BYTES);
    child_ok(cudaSetDevice(1));
    child_ok(launch_fill(m, 1, RIG_COUNT, r.compute[1]));
    child_ok(cudaStreamSynchronize(r.compute[1]));
    child_ok(cudaFree(m));
    return finish(&r);
}
static int wrong_device_copy(void) {
    rig r = rig_new();
    child_ok(cudaMemcpyPeerAsync(r.x[1], planted ? 0 : 1, r.y[0], 0, RIG_BYTES, r.copies[0]));
    return finish(&r);
}
static int wrong_device_product(void) {
    rig r                 = rig_new();
    cublasHandle_t handle = NULL;
    const float one = 1, zero = 0;
    child_ok(cublasCreate(&handle));
    child_ok(cublasSetStream(handle, r.compute[0]));
    child_ok(cudaSetDevice(planted ? 1 : 0));
    child_ok(cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 4, 4, 4, &one, r.x[0], 4, r.y[0], 4, &zero,
                         r.z[0], 4));
    child_ok(cublasDestroy(handle));
    return finish(&r);
}
static int product_past_end(void) {
    rig r                 = rig_new();
    cublasHandle_t handle = NULL;
    const float one = 1, zero = 0;
    child_ok(cublasCreate(&handle));
    child_ok(cublasSetStream(handle, r.compute[0]));
    child_ok(cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 20, planted ? 26 : 25, 4, &one, r.x[0], 20,
                         r.y[0], 4, &zero, r.z[0], 20));
    child_ok(cublasDestroy(handle));
    return finish(&r);
}

/* ---- a step's rules, deadlocks, and things that are gone ---- */

static int allocation_in_step(void) {
    rig r = rig_new();
    emu_forbid("a step runs");
    if (planted) (void)rig_memory(0, 4);
    emu_forbid(NULL);
    return finish(&r);
}
static int device_wait_in_step(void) {
    rig r = rig_new();
    emu_forbid("a step runs");
    if (planted) child_ok(cudaDeviceSynchronize());
    child_ok(cudaStreamSynchronize(r.compute[0]));
    emu_forbid(NULL);
    return finish(&r);
}

static volatile bool never;
static void wait_for_ever(void *argument) {
    (void)argument;
    while (!never) (void)usleep(1000);
}
static void wait_shortly(void *argument) {
    (void)argument;
    (void)usleep(1000);
}
/* Stream 1 waits for a host function that nothing will end. */
static int deadlock(void) {
    rig r = rig_new();
    child_ok(cudaLaunchHostFunc(r.compute[0], planted ? wait_for_ever : wait_shortly, NULL));
    child_ok(cudaEventRecord(r.event[0][0], r.compute[0]));
    child_ok(cudaStreamWaitEvent(r.copies[0], r.event[0][0], 0));
    child_ok(cudaStreamSynchronize(r.copies[0]));
    return finish(&r);
}

static void call_cuda(void *stream) {
    (void)cudaStreamQuery(*(cudaStream_t *)stream);
}
static int call_in_host_function(void) {
    rig r = rig_new();
    child_ok(cudaLaunchHostFunc(r.compute[0], planted ? call_cuda : wait_shortly, &r.copies[0]));
    return finish(&r);
}
static int default_stream(void) {
    rig r = rig_new();
    child_ok(cudaMemsetAsync(r.x[0], 0, RIG_BYTES, planted ? NULL : r.compute[0]));
    return finish(&r);
}
static int destroyed_stream(void) {
    rig r = rig_new();
    cudaStream_t stream;
    child_ok(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    if (planted) child_ok(cudaStreamDestroy(stream));
    child_ok(cudaMemsetAsync(r.x[0], 0, RIG_BYTES, stream));
    child_ok(cudaStreamDestroy(stream));
    return finish(&r);
}
static int destroyed_event(void) {
    rig r = rig_new();
    cudaEvent_t event;
    child_ok(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    if (planted) child_ok(cudaEventDestroy(event));
    child_ok(cudaEventRecord(event, r.compute[0]));
    child_ok(cudaEventDestroy(event));
    return finish(&r);
}

/* ---- the table ---- */

enum { SEEDS = 10 };

struct planted {
    const char *name;
    int (*body)(void);
    bool by_timing;       /* at some seeds, not at all */
    int status;           /* how it is found */
    const char *sentence; /* a part of what is said; "" where wrong numbers say it */
};

/* clang-format off */
static const struct planted table[] = {
    {"missing wait on a compute event", missing_compute_wait, true, CHILD_WRONG, ""},
    {"missing wait on a receive", missing_receive_wait, true, CHILD_WRONG, ""},
    {"sent slot reused too early", sent_slot_reused, true, CHILD_WRONG, ""},
    {"received slot reused too early", received_slot_reused, true, CHILD_WRONG, ""},
    {"wait before its record", wait_before_record, true, CHILD_WRONG, ""},
    {"pinned source changed too early", pinned_source_changed, true, CHILD_WRONG, ""},
    {"pinned target read too early", pinned_target_read_early, true, CHILD_WRONG, ""},
    {"missing __syncthreads", missing_barrier, true, CHILD_WRONG, ""},
    {"write past the end", past_end, false, CHILD_REPORTED, "past_end: byte 2000 of allocation"},
    {"write before the start", before_start, false, CHILD_REPORTED, "before_start: a byte 4 before allocation"},
    {"read far past the end", far_read, false, CHILD_REPORTED,
     "'far_read', block (0,0,0), thread (0,0,0) touches allocation"},
    {"write past a shared array", shared_past_end, false, CHILD_REPORTED, "after the end of shared array 'room'"},
    {"write past dynamic shared memory", dynamic_past_end, false, CHILD_REPORTED, "past the end of dynamic shared memory"},
    {"stack overflow", stack_overflow, false, CHILD_REPORTED, "touches more than the stack of a CUDA thread"},
    {"kernel on freed memory", kernel_uses_freed, false, CHILD_REPORTED, "which is freed"},
    {"copy to freed memory", copy_uses_freed, false, CHILD_REPORTED, "which is freed"},
    {"pinned memory freed under a copy", pinned_freed_early, true, CHILD_REPORTED, "which is freed"},
    {"host writes device memory", host_writes_device, false, CHILD_REPORTED, "code of the host touches allocation"},
    {"host reads device memory", host_reads_device, false, CHILD_REPORTED, "code of the host touches allocation"},
    {"copy past the end", copy_past_end, false, CHILD_REPORTED, "2004 bytes at"},
    {"copy onto itself", copy_overlaps, false, CHILD_REPORTED, "overlap"},
    {"copy of the wrong kind", copy_of_wrong_kind, false, CHILD_REPORTED, "kind 1 does not fit"},
    {"divergent barrier", divergent_barrier, false, CHILD_REPORTED, "divergent: thread 0 waits at __syncthreads ("},
    {"two barriers", two_barriers, false, CHILD_REPORTED, "are at different __syncthreads"},
    {"return before a barrier", early_return, false, CHILD_REPORTED, "1 of 64 threads have returned"},
    {"lane outside its mask", wrong_mask, false, CHILD_REPORTED, "is not in its mask 0xffff"},
    {"shuffle from outside the mask", shuffle_outside, false, CHILD_REPORTED, "reads lane 20, which is not in the mask"},
    {"forgotten error", forgotten_error, false, CHILD_REPORTED, "nobody looked at cudaErrorInvalidConfiguration, from copy"},
    {"broken device noticed late", broken_device, false, CHILD_CALL_FAILED, "-> 700"},
    {"launch with the wrong device current", wrong_device_launch, false, CHILD_CALL_FAILED, "-> 400"},
    {"the same, unchecked", wrong_device_launch_unchecked, false, CHILD_REPORTED, "nobody looked at cudaErrorInvalidResourceHandle"},
    {"memory of the wrong device", wrong_device_memory, false, CHILD_REPORTED, "touches allocation"},
    {"copy to the wrong device", wrong_device_copy, false, CHILD_REPORTED, "device 0 is expected, but this is allocation"},
    {"product with the wrong device current", wrong_device_product, false, CHILD_REPORTED, "the handle is of device 0"},
    {"product past the end", product_past_end, false, CHILD_REPORTED, "D: 2080 bytes at"},
    {"allocation in a step", allocation_in_step, false, CHILD_REPORTED, "may not be: a step runs"},
    {"device-wide wait in a step", device_wait_in_step, false, CHILD_REPORTED, "cudaDeviceSynchronize is called, and may not be"},
    {"deadlock", deadlock, false, CHILD_REPORTED, "waits for record 1 of event"},
    {"call in a host function", call_in_host_function, false, CHILD_REPORTED, "from a host function of stream"},
    {"default stream", default_stream, false, CHILD_REPORTED, "uses the default stream"},
    {"destroyed stream", destroyed_stream, false, CHILD_REPORTED, "is not a stream"},
    {"destroyed event", destroyed_event, false, CHILD_REPORTED, "is destroyed"},
};
/* clang-format on */

static child_result run(const struct planted *it, bool with_bug, int seed, bool lazy) {
    char seed_text[32];
    (void)snprintf(seed_text, sizeof seed_text, "EMU_SEED=%d", seed);
    const char *const variables[] = {seed_text, lazy ? "EMU_MODE=lazy" : "EMU_MODE=async",
                                     "EMU_TIMEOUT_MS=40", NULL};
    planted                       = with_bug;
    return child_run(it->body, variables);
}

/* Found as the table says; or by a sanitizer, which may come first to a byte outside. */
static bool is_found(const struct planted *it, const child_result *result) {
    if (strstr(result->text, "AddressSanitizer") || strstr(result->text, "runtime error")) return true;
    return result->status == it->status && strstr(result->text, it->sentence) != NULL;
}

static void expect_found(const struct planted *it, bool lazy) {
    int found  = 0;
    const int seeds = it->by_timing ? SEEDS : 2;
    for (int seed = 1; seed <= seeds; seed++) {
        const child_result result = run(it, true, seed, lazy);
        found += is_found(it, &result);
        if (!is_found(it, &result) && (!it->by_timing || result.status != CHILD_RIGHT))
            fail_msg("%s, seed %d, %s: status %d, not %d with '%s'\n%s", it->name, seed,
                     lazy ? "lazy" : "async", result.status, it->status, it->sentence, result.text);
    }
    if (it->by_timing) print_message("%s, %s: at %d of %d seeds\n", it->name, lazy ? "lazy" : "async", found, seeds);
    if (found == 0) fail_msg("%s, %s: not found at %d seeds", it->name, lazy ? "lazy" : "async", seeds);
}

static void expect_silence(const struct planted *it, bool lazy) {
    for (int seed = 1; seed <= (it->by_timing ? SEEDS : 2); seed++) {
        const child_result result = run(it, false, seed, lazy);
        if (result.status != CHILD_RIGHT)
            fail_msg("without '%s', seed %d, %s: status %d\n%s", it->name, seed,
                     lazy ? "lazy" : "async", result.status, result.text);
    }
}

static void test_bugs_are_found(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int lazy = 0; lazy < 2; lazy++) expect_found(&table[i], lazy);
}

static void test_nothing_else_is(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int lazy = 0; lazy < 2; lazy++) expect_silence(&table[i], lazy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bugs_are_found),
        cmocka_unit_test(test_nothing_else_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
