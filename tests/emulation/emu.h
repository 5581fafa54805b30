/* SPDX-License-Identifier: MIT */
/* emu.h -- what a test may ask of the emulated devices beside CUDA's own functions. */
#ifndef SLUICE_TESTS_EMULATION_EMU_H
#define SLUICE_TESTS_EMULATION_EMU_H

#include <stdbool.h>
#include <stdint.h>

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the EMU_* variables of the environment say; README.md lists them. */
typedef struct emu_settings {
    uint64_t seed;
    bool lazy;      /* nothing runs until a host thread blocks; else a thread per stream */
    bool peers;     /* devices reach each other's memory once that is enabled */
    bool driver;    /* false: every call says that the driver is too old */
    int devices;    /* 0..8 */
    int delay_us;   /* longest delay of an operation, asynchronous mode */
    int timeout_ms; /* without progress: a deadlock */
    int memory_mib; /* of each device */
    int queue;      /* operations a stream holds before its host waits */
    int resident;   /* kernels of NCCL on a device at one time; 0: any number */
    int nccl;       /* its version, as NCCL_VERSION_CODE */
} emu_settings;

emu_settings emu_settings_now(void);
/* Other settings for what comes; devices whole, and counts and this thread's error forgotten.
 * Reported if a stream lives, or memory does on a device that is whole. */
void emu_restart(const emu_settings *settings);

/* How often `function` was called since the start; 0 if never. */
long emu_calls(const char *function);
/* What happened, in all: see counts.h for the names ("kernel", "tf32 product", ...). */
long emu_happened(const char *what);
/* From now on a call that allocates, creates, destroys or waits for a whole device is a fatal
 * report that quotes `why`; NULL allows them again. For every thread. */
void emu_forbid(const char *why);

/* The `nth` call (from 1, counted from now) of `function` on any thread fails with `code`. One at a
 * time. */
void emu_fail_call(const char *function, int nth, int code);
/* The device fails as if a kernel had faulted: what is queued is dropped, and every call that
 * concerns the device says `code` from now on. */
void emu_break_device(int device, cudaError_t code);

/* ---- of libnccl ---- */

/* Communicators that live. */
int emu_communicators(void);
/* The device leaves all its communicators, as if its process had died: nothing there begins any
 * more, and the others hear of it as of `code`. */
void emu_lose_communicators(int device, int code);

#ifdef __cplusplus
}
#endif
#endif
