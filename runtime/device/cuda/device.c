/* SPDX-License-Identifier: MIT */
/* device.c -- a GPU as a device: its table, memory, events and copies. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/device/arguments.h"
#include "runtime/device/cuda/cuda.h"

/* ---- device: CUDA's current device is per thread ---- */

static void close_device(sluice_device *device) {
    sluice__free(device);
}

static sluice_status set_up(sluice_device *device) {
    int low_priority = 0, number = 0;
    SLUICE__TRY(sluice__cuda_architecture(&number, device->ordinal));
    SLUICE__TRY(sluice__cuda_status(cudaSetDevice(device->ordinal), "choosing a GPU"));
    SLUICE__TRY(
        sluice__cuda_status(cudaDeviceGetStreamPriorityRange(&low_priority, &device->high_priority),
                            "asking for priorities"));
    device->workspace = (size_t)(number >= 90 ? 32 : 4) << 20;
    SLUICE__TRY(sluice__cuda_status(sluice__prepare_attention(), "preparing attention"));
    SLUICE__TRY(sluice__cuda_status(sluice__prepare_attention_backward(), "preparing attention"));
    SLUICE__TRY(sluice__cuda_status(sluice__prepare_attention_mma(), "preparing attention"));
    return sluice__cuda_status(sluice__prepare_attention_mma_backward(), "preparing attention");
}

/* Compute threads are the GPU's. */
static sluice_status open_device(sluice_device **out, int ordinal, int threads, int first_core,
                                 bool pin) {
    (void)threads, (void)first_core, (void)pin;
    sluice_device *device = NULL;
    int count             = 0;
    SLUICE__TRY(sluice__cuda_count(&count));
    if (ordinal < 0 || ordinal >= count)
        return sluice__fail(SLUICE_E_ARGUMENT, "there is no cuda:%d: this machine has %d GPU%s",
                            ordinal, count, count == 1 ? "" : "s");
    SLUICE__TRY(sluice__alloc(&device, 1, sizeof *device));
    device->ordinal      = ordinal;
    sluice_status status = set_up(device);
    if (status == SLUICE_OK)
        *out = device;
    else
        sluice__free(device);
    return status;
}

/* ---- memory ---- */

static sluice_status arena_alloc(void **out, sluice_device *device, size_t bytes) {
    (void)device;
    return sluice__cuda_take(out, bytes, "allocating an arena");
}

static void arena_free(sluice_device *device, void *arena, size_t bytes) {
    (void)device, (void)bytes;
    if (arena) sluice__cuda_given_back(cudaFree(arena));
}

static sluice_status host_alloc(void **out, sluice_device *device, size_t bytes) {
    (void)device;
    return sluice__cuda_pin(out, bytes, cudaHostAllocPortable);
}

static void host_free(sluice_device *device, void *block) {
    (void)device;
    if (block) sluice__cuda_given_back(cudaFreeHost(block));
}

/* ---- events ---- */

/* All that is known of what a GPU did when it failed. */
static const char at_work[] = "running on the GPU";

static sluice_status event_create(sluice_event **out, sluice_device *device, bool timed) {
    (void)device;
    sluice_event *event = NULL;
    SLUICE__TRY(sluice__alloc(&event, 1, sizeof *event));
    const sluice_status status = sluice__cuda_status(
        cudaEventCreateWithFlags(&event->handle, timed ? cudaEventDefault : cudaEventDisableTiming),
        "creating an event");
    if (status == SLUICE_OK)
        *out = event;
    else
        sluice__free(event);
    return status;
}

static void event_destroy(sluice_event *event) {
    if (!event) return;
    sluice__cuda_given_back(cudaEventDestroy(event->handle));
    sluice__free(event);
}

static sluice_status record_event(sluice_stream *stream, sluice_event *event) {
    event->stream = stream;
    event->epoch  = ++stream->epoch;
    return sluice__cuda_status(cudaEventRecord(event->handle, stream->handle),
                               "recording an event");
}

static sluice_status wait_event(sluice_stream *stream, sluice_event *event) {
    return sluice__cuda_status(cudaStreamWaitEvent(stream->handle, event->handle, 0),
                               "waiting for an event");
}

/* Errors that kernels found in their input are reported with the end of an event that was recorded
 * after them. */
static sluice_status query_event(bool *done, sluice_event *event) {
    const cudaError_t error = cudaEventQuery(event->handle);
    *done                   = error == cudaSuccess;
    if (error == cudaErrorNotReady) {
        (void)cudaGetLastError(); /* else it would be attributed to the next launch */
        return SLUICE_OK;
    }
    SLUICE__TRY(sluice__cuda_status(error, at_work));
    const sluice__cuda_fault *const fault = event->stream ? event->stream->fault : NULL;
    return fault ? sluice__cuda_report(fault, event->epoch) : SLUICE_OK;
}

/* The last report of a fault, which is cleared. */
static sluice_status synchronize(sluice_stream *stream) {
    SLUICE__TRY(sluice__cuda_status(cudaStreamSynchronize(stream->handle), at_work));
    if (!stream->fault) return SLUICE_OK;
    const sluice_status status = sluice__cuda_report(stream->fault, stream->epoch + 1);
    *stream->fault             = (sluice__cuda_fault){0};
    return status;
}

static sluice_status seconds_between(double *seconds, sluice_event *from, sluice_event *to) {
    float milliseconds = 0;
    SLUICE__TRY(sluice__cuda_status(cudaEventElapsedTime(&milliseconds, from->handle, to->handle),
                                    "reading the clock of a GPU"));
    *seconds = 1e-3 * (double)milliseconds;
    return SLUICE_OK;
}

/* ---- data: addresses say which device they are on ---- */

static sluice_status copy_bytes(sluice_stream *stream, void *to, const void *from, size_t bytes) {
    if (bytes == 0) return SLUICE_OK;
    return sluice__cuda_status(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream->handle),
                               "copying");
}

static sluice_status upload(sluice_stream *stream, void *to, const void *from_host, size_t bytes) {
    if (bytes == 0) return SLUICE_OK;
    return sluice__cuda_status(
        cudaMemcpyAsync(to, from_host, bytes, cudaMemcpyHostToDevice, stream->handle), "uploading");
}

static sluice_status download(sluice_stream *stream, void *to_host, const void *from,
                              size_t bytes) {
    if (bytes == 0) return SLUICE_OK;
    return sluice__cuda_status(
        cudaMemcpyAsync(to_host, from, bytes, cudaMemcpyDeviceToHost, stream->handle),
        "downloading");
}

static sluice_status zero_bytes(sluice_stream *stream, void *to, size_t bytes) {
    if (bytes == 0) return SLUICE_OK;
    return sluice__cuda_status(cudaMemsetAsync(to, 0, bytes, stream->handle), "clearing memory");
}

/* Its threads only enqueue. */
static size_t host_bytes(int threads, const char *blas) {
    (void)threads, (void)blas;
    return 0;
}

static sluice_status prepare(int threads, const char *blas) {
    (void)threads;
    return sluice__check_no_blas(blas, "GPUs multiply with cuBLAS");
}

const sluice_device_ops sluice__cuda_ops = {
    .size           = sizeof sluice__cuda_ops,
    .name           = "cuda",
    .asynchronous   = true,
    .computes       = true,
    .count          = sluice__cuda_count,
    .describe       = sluice__cuda_describe,
    .memory         = sluice__cuda_memory,
    .host_bytes     = host_bytes,
    .prepare        = prepare,
    .open           = open_device,
    .close          = close_device,
    .degradations   = sluice__cuda_degradations,
    .meet           = sluice__cuda_meet,
    .reaches        = sluice__cuda_reaches,
    .arena_alloc    = arena_alloc,
    .arena_free     = arena_free,
    .host_alloc     = host_alloc,
    .host_free      = host_free,
    .stream_create  = sluice__cuda_stream_create,
    .stream_destroy = sluice__cuda_stream_destroy,
    .event_create   = event_create,
    .event_destroy  = event_destroy,
    .record         = record_event,
    .wait           = wait_event,
    .query          = query_event,
    .synchronize    = synchronize,
    .seconds        = seconds_between,
    .upload         = upload,
    .download       = download,
    .copy           = copy_bytes,
    .zero           = zero_bytes,
    .operations     = sluice__cuda_operations,
};
