/* SPDX-License-Identifier: MIT */
/* stream.c -- streams, and what a computing stream needs; all is allocated before a step. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/device/cuda/cuda.h"

static const size_t table_bytes = SLUICE__CUDA_TENSORS * sizeof(sluice__cuda_tensor);
static const size_t partials_bytes =
    (size_t)SLUICE__CUDA_TENSORS * SLUICE__CUDA_PARTIALS * sizeof(double);

static sluice_status table_make(sluice__cuda_table *table, unsigned char *there) {
    void *here = NULL;
    SLUICE__TRY(sluice__cuda_pin(&here, table_bytes, cudaHostAllocDefault));
    table->here  = here;
    table->there = (sluice__cuda_tensor *)there;
    table->count = -1; /* nothing was sent */
    return sluice__cuda_status(cudaEventCreateWithFlags(&table->sent, cudaEventDisableTiming),
                               "creating an event");
}

static void table_free(sluice__cuda_table *table) {
    if (table->sent) sluice__cuda_given_back(cudaEventDestroy(table->sent));
    if (table->here) sluice__cuda_given_back(cudaFreeHost(table->here));
}

/* One block of device memory: workspace, partial sums, the two tables. */
static sluice_status allocate_workspace(sluice_stream *stream) {
    const size_t workspace = stream->device->workspace;
    void *memory = NULL, *fault = NULL;
    SLUICE__TRY(sluice__cuda_take(&memory, workspace + partials_bytes + 2 * table_bytes,
                                  "allocating a workspace"));
    stream->memory   = memory;
    stream->partials = (double *)(stream->memory + workspace);
    SLUICE__TRY(sluice__cuda_pin(&fault, sizeof *stream->fault, cudaHostAllocDefault));
    stream->fault  = fault;
    *stream->fault = (sluice__cuda_fault){0};
    SLUICE__TRY(table_make(&stream->squares, stream->memory + workspace + partials_bytes));
    return table_make(&stream->update, stream->memory + workspace + partials_bytes + table_bytes);
}

sluice_status sluice__cuda_stream_create(sluice_stream **out, sluice_device *device,
                                         sluice_stream_kind kind) {
    sluice_stream *stream = NULL;
    sluice_status status  = SLUICE_OK;
    const int priority    = kind == SLUICE_STREAM_TRANSFERS ? device->high_priority : 0;
    SLUICE__TRY(sluice__alloc(&stream, 1, sizeof *stream));
    stream->device = device;
    SLUICE__TRY_OUT(sluice__cuda_status(
        cudaStreamCreateWithPriority(&stream->handle, cudaStreamNonBlocking, priority),
        "creating a stream"));
    if (kind == SLUICE_STREAM_COMPUTE) {
        SLUICE__TRY_OUT(allocate_workspace(stream));
        SLUICE__TRY_OUT(sluice__cuda_products_make(stream));
    }
    *out   = stream;
    stream = NULL;
out:
    if (stream) sluice__cuda_stream_destroy(stream);
    return status;
}

void sluice__cuda_stream_destroy(sluice_stream *stream) {
    if (!stream) return;
    if (stream->handle) sluice__cuda_given_back(cudaStreamSynchronize(stream->handle));
    sluice__cuda_products_free(stream);
    table_free(&stream->squares);
    table_free(&stream->update);
    if (stream->fault) sluice__cuda_given_back(cudaFreeHost(stream->fault));
    if (stream->memory) sluice__cuda_given_back(cudaFree(stream->memory));
    if (stream->handle) sluice__cuda_given_back(cudaStreamDestroy(stream->handle));
    sluice__free(stream);
}
