/* SPDX-License-Identifier: MIT */
/*
 * test_nccl_self.c -- what NCCL can do on one GPU, where it allows one rank: a communicator of one
 * rank is made without blocking, sends to itself in a group, gathers, is finalized, or aborted with
 * a kernel in its stream. On any GPU and libnccl, real or emulated.
 */
#include "tests/support/support.h"

#include <time.h>

#include "runtime/device/cuda/cuda.h"
#include "runtime/transport/nccl/library.h"

enum { COUNT = 5000, BYTES = COUNT * (int)sizeof(float) };

static const sluice_device_ops *ops;
static const sluice__nccl *nccl;
static sluice_device *device;
static sluice_stream *stream;
static float *from, *to; /* COUNT on the GPU */
static float *host;      /* COUNT, pinned */

static int open_gpu(void **state) {
    (void)state;
    void *there = NULL, *here = NULL;
    assert_ok(sluice_device_find(&ops, "cuda"));
    assert_ok(sluice__nccl_load(&nccl));
    assert_ok(ops->open(&device, 0, 1, 0, false));
    assert_ok(ops->stream_create(&stream, device, SLUICE_STREAM_TRANSFERS));
    assert_ok(ops->arena_alloc(&there, device, (size_t)2 * BYTES));
    assert_ok(ops->host_alloc(&here, device, BYTES));
    from = there;
    to   = from + COUNT;
    host = here;
    return 0;
}

static int close_gpu(void **state) {
    (void)state;
    ops->host_free(device, host);
    ops->arena_free(device, from, (size_t)2 * BYTES);
    ops->stream_destroy(stream);
    ops->close(device);
    return 0;
}

#define expect_nccl(call)                                                                          \
    do {                                                                                           \
        const ncclResult_t got_ = (call);                                                          \
        if (got_ != ncclSuccess && got_ != ncclInProgress)                                         \
            fail_msg("%s: %s", #call, nccl->GetErrorString(got_));                                 \
    } while (0)

/* Wait until it is done, for at most a minute. */
static void settle(ncclComm_t comm) {
    ncclResult_t state = ncclInProgress;
    for (int ms = 0; state == ncclInProgress; ms++) {
        expect_nccl(nccl->CommGetAsyncError(comm, &state));
        if (ms > 60000) fail_msg("the communicator is still in progress");
        if (state == ncclInProgress) (void)nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    expect_nccl(state);
}

static ncclComm_t join_alone(void) {
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking     = 0;
    ncclUniqueId id;
    ncclComm_t comm = NULL;
    expect_nccl(nccl->GetUniqueId(&id));
    expect_nccl(nccl->CommInitRankConfig(&comm, 1, id, 0, &config));
    settle(comm);
    return comm;
}

/* Fill what is sent, and the buffer where it arrives. */
static void fill(float first) {
    for (int i = 0; i < COUNT; i++) host[i] = first + (float)i;
    assert_ok(ops->upload(stream, from, host, BYTES));
    assert_ok(ops->zero(stream, to, BYTES));
    assert_ok(ops->synchronize(stream));
}

static void expect_arrived(const char *what, float first) {
    assert_ok(ops->download(stream, host, to, BYTES));
    assert_ok(ops->synchronize(stream));
    for (int i = 0; i < COUNT; i++)
        if (host[i] != first + (float)i)
            fail_msg("%s: element %d is %g, not %g", what, i, (double)host[i],
                     (double)(first + (float)i));
}

/* As the transport does: bytes, in one group. */
static void send_to_itself(ncclComm_t comm) {
    expect_nccl(nccl->GroupStart());
    expect_nccl(nccl->Send(from, BYTES, ncclInt8, 0, comm, stream->handle));
    expect_nccl(nccl->Recv(to, BYTES, ncclInt8, 0, comm, stream->handle));
    expect_nccl(nccl->GroupEnd());
    settle(comm);
}

static void leave(ncclComm_t comm) {
    expect_nccl(nccl->CommFinalize(comm));
    settle(comm);
    expect_nccl(nccl->CommDestroy(comm));
}

static void a_rank_sends_to_itself_and_gathers_alone(void **state) {
    (void)state;
    ncclComm_t comm = join_alone();
    for (int times = 0; times < 3; times++) {
        fill((float)(1000 * times + 1));
        send_to_itself(comm);
        expect_arrived("a send to itself", (float)(1000 * times + 1));
    }
    fill(7);
    expect_nccl(
        nccl->AllGather(from, to, BYTES / sizeof(double), ncclFloat64, comm, stream->handle));
    settle(comm);
    expect_arrived("a gather of one", 7);
    leave(comm);
}

/* The GPU is as good as before, and so is NCCL. */
static void an_abort_leaves_the_gpu_free(void **state) {
    (void)state;
    ncclComm_t comm = join_alone();
    fill(1);
    send_to_itself(comm);
    expect_nccl(nccl->CommAbort(comm));
    assert_ok(ops->synchronize(stream));
    comm = join_alone();
    fill(3);
    send_to_itself(comm);
    expect_arrived("after an abort", 3);
    leave(comm);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rank_sends_to_itself_and_gathers_alone),
        cmocka_unit_test(an_abort_leaves_the_gpu_free),
    };
    return cmocka_run_group_tests_name("NCCL alone on a GPU", tests, open_gpu, close_gpu);
}
