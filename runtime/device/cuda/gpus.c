/* SPDX-License-Identifier: MIT */
/* gpus.c -- the GPUs of this machine: how many, which, how much memory. */
#include <pthread.h>
#include <stdio.h>

#include "runtime/base/error.h"
#include "runtime/device/cuda/cuda.h"

/* ---- whether this build has code for them ---- */

static sluice_status find_architecture(int *number, int ordinal) {
    int major = 0, minor = 0;
    cudaError_t error = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, ordinal);
    if (error == cudaSuccess)
        error = cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, ordinal);
    *number = 10 * major + minor;
    return sluice__cuda_status(error, "asking for the properties of a GPU");
}

static sluice_status refuse_architecture(int ordinal, int number) {
    char built[128];
    sluice__cuda_print_architectures(built, sizeof built, SLUICE__CUDA_ARCHITECTURES);
    sluice__fail(SLUICE_E_DEVICE, "cuda:%d is sm_%d, and this build has code for %s", ordinal,
                 number, built);
    return sluice__hint(SLUICE_E_DEVICE,
                        "build with -DSLUICE_CUDA_ARCHITECTURES=%d, if this nvcc knows it, use "
                        "another GPU, or --device cpu",
                        number);
}

static bool has_code_for(int number) {
    return sluice__cuda_architecture_is_built(SLUICE__CUDA_ARCHITECTURES, number);
}

sluice_status sluice__cuda_architecture(int *number, int ordinal) {
    SLUICE__TRY(find_architecture(number, ordinal));
    return has_code_for(*number) ? SLUICE_OK : refuse_architecture(ordinal, *number);
}

/* E_DEVICE: there is code for none of them, of which the first is named. */
static sluice_status check_any(int count) {
    int number = 0;
    for (int ordinal = count - 1; ordinal >= 0; ordinal--) {
        SLUICE__TRY(find_architecture(&number, ordinal));
        if (has_code_for(number)) return SLUICE_OK;
    }
    return refuse_architecture(0, number);
}

/* ---- which there are ---- */

/* CUDA leaves the count untouched on failure: the error code decides. */
sluice_status sluice__cuda_count(int *count) {
    int found               = 0;
    const cudaError_t error = cudaGetDeviceCount(&found);
    if (error == cudaErrorInsufficientDriver) {
        int needed = 0;
        (void)cudaGetLastError();
        (void)cudaRuntimeGetVersion(&needed);
        sluice__fail(SLUICE_E_DEVICE,
                     "there is no NVIDIA driver here, or one older than CUDA %d.%d (CUDA error %d)",
                     needed / 1000, needed % 1000 / 10, (int)error);
        return sluice__hint(SLUICE_E_DEVICE, "install the driver of the GPU, or use --device cpu");
    }
    if (error == cudaErrorNoDevice || (error == cudaSuccess && found == 0)) {
        (void)cudaGetLastError();
        sluice__fail(SLUICE_E_DEVICE, "the NVIDIA driver shows no GPU");
        return sluice__hint(SLUICE_E_DEVICE, "see what nvidia-smi and CUDA_VISIBLE_DEVICES say");
    }
    SLUICE__TRY(sluice__cuda_status(error, "counting GPUs"));
    SLUICE__TRY(check_any(found));
    *count = found;
    return SLUICE_OK;
}

sluice_status sluice__cuda_describe(char *out, size_t bytes, int ordinal) {
    struct cudaDeviceProp properties;
    SLUICE__TRY(sluice__cuda_status(cudaGetDeviceProperties(&properties, ordinal),
                                    "asking for the properties of a GPU"));
    (void)snprintf(out, bytes, "%s, %.1f GiB, sm_%d%d%s", properties.name,
                   (double)properties.totalGlobalMem / 1073741824.0, properties.major,
                   properties.minor,
                   has_code_for(10 * properties.major + properties.minor)
                       ? ""
                       : ", which this build has no code for");
    return SLUICE_OK;
}

/* A context and cuBLAS need memory in addition to arenas; so do a rank's workspace, partial sums
 * and tables. Estimates on the safe side, not measured. */
static const size_t reserve_per_device = (size_t)512 << 20, reserve_per_rank = (size_t)48 << 20;

typedef struct memory_question {
    int ordinal;
    size_t free_bytes, total;
    cudaError_t chosen, asked;
} memory_question;

static void *ask_for_memory(void *argument) {
    memory_question *const to = argument;
    to->chosen                = cudaSetDevice(to->ordinal);
    if (to->chosen == cudaSuccess) to->asked = cudaMemGetInfo(&to->free_bytes, &to->total);
    (void)cudaGetLastError();
    return NULL;
}

/* On a thread of its own, since a device that is chosen gets a context, and memory for it: the
 * caller's current one may be a GPU that nobody asked for. */
sluice_status sluice__cuda_memory(size_t *available, size_t *reserve, int ordinal, int ranks) {
    memory_question question = {.ordinal = ordinal};
    pthread_t thread;
    if (pthread_create(&thread, NULL, ask_for_memory, &question) != 0)
        return sluice__fail(SLUICE_E_HOST_MEMORY, "no thread can start to ask for free memory");
    (void)pthread_join(thread, NULL);
    SLUICE__TRY(sluice__cuda_status(question.chosen, "choosing a GPU"));
    SLUICE__TRY(sluice__cuda_status(question.asked, "asking for free memory"));
    *available = question.free_bytes;
    *reserve   = reserve_per_device + (size_t)ranks * reserve_per_rank;
    return SLUICE_OK;
}
