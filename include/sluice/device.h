/* SPDX-License-Identifier: MIT */
/*
 * device.h -- what a device can do: one const table for each kind of device.
 *
 * Layers call this table and its operations (operations.h), and therefore run on every device.
 *
 * Rules for every row:
 *   - Work is enqueued on a stream; work on one stream is sequential. A device that is not
 *     `asynchronous` completes all work before the call returns.
 *   - No row allocates or synchronizes, except those that say so.
 *   - No row is NULL. A device that cannot do something returns E_UNSUPPORTED.
 */
#ifndef SLUICE_DEVICE_H
#define SLUICE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/operations.h"
#include "sluice/status.h"

/* What a stream is for. Arithmetic runs on compute streams; transfer streams only copy, and have
 * priority where the device supports that. */
typedef enum sluice_stream_kind {
    SLUICE_STREAM_COMPUTE   = 0,
    SLUICE_STREAM_TRANSFERS = 1
} sluice_stream_kind;

/* ---- the table ---- */

typedef struct sluice_device_ops {
    size_t size;      /* sizeof(sluice_device_ops) */
    const char *name; /* "cpu", "cuda", "virtual" (virtual.h): what --device accepts */

    /* ---- properties ---- */
    bool asynchronous; /* work continues after the call that enqueued it has returned */
    bool computes;     /* it computes and stores values; else only time passes, as `costs` say */

    /* ---- what is available; from any thread ---- */
    /* `*count` gets the number of devices of this kind; 0: any ordinal names this machine. E_DEVICE
     * with the reason if the devices cannot be used. */
    sluice_status (*count)(int *count);
    /* A short description of device `ordinal`. */
    sluice_status (*describe)(char *out, size_t bytes, int ordinal);
    /* Free bytes of device `ordinal`, and how many of them to reserve when `ranks` ranks put
     * their arenas there; SIZE_MAX and 0: unknown. */
    sluice_status (*memory)(size_t *available, size_t *reserve, int ordinal, int ranks);
    /* Host memory that `threads` compute threads need besides arenas, with the library `blas`
     * (blas.h), which may be loaded to find out; 0 where it cannot be used. */
    size_t (*host_bytes)(int threads, const char *blas);
    /* Obtain it for `threads` more compute threads of this process, before they are started; it
     * stays the process's, and so does the library. E_HOST_MEMORY: there is not enough;
     * E_ARGUMENT, E_UNSUPPORTED: the library is unknown, cannot be used, or is not the process's;
     * E_ARGUMENT: one is named, and the device has no such choice. */
    sluice_status (*prepare)(int threads, const char *blas);

    /* ---- device: opened by the thread that will drive it; these rows may allocate ---- */
    /* `threads` compute threads including the caller; `pin` asks for a core each, from
     * `first_core` on. One thread drives devices of one ordinal only. */
    sluice_status (*open)(sluice_device **out, int ordinal, int threads, int first_core, bool pin);
    void (*close)(sluice_device *device); /* NULL is fine */
    /* What the device requested from the machine, did not get and works without; "" if nothing.
     * Borrowed, until the next call. */
    const char *(*degradations)(sluice_device *device);
    /* Prepare copies between this device and the one of ordinal `other`, on this one's thread; it
     * may allocate, and waits at most seconds. Best before anything is allocated on them: what is
     * there may stay. E_DEVICE: the two cannot be used together, and why. */
    sluice_status (*meet)(sluice_device *device, int other);
    /* Whether copy() between memory of two that have met runs next to all other work, either way;
     * NULL: of all that `device` has met. If not, transfers are staged in host memory. */
    bool (*reaches)(sluice_device *device, sluice_device *other);
    sluice_status (*arena_alloc)(void **out, sluice_device *device, size_t bytes);
    void (*arena_free)(sluice_device *device, void *arena, size_t bytes);
    /* Host memory that copies can use while everything else runs (pinned, on a GPU). */
    sluice_status (*host_alloc)(void **out, sluice_device *device, size_t bytes);
    void (*host_free)(sluice_device *device, void *block); /* NULL is fine */
    sluice_status (*stream_create)(sluice_stream **out, sluice_device *device,
                                   sluice_stream_kind kind);
    void (*stream_destroy)(sluice_stream *stream);
    /* `timed`: seconds() accepts it. */
    sluice_status (*event_create)(sluice_event **out, sluice_device *device, bool timed);
    void (*event_destroy)(sluice_event *event);

    /* ---- order: events work across streams and devices ---- */
    /* An event stands for its latest recording, on a stream of the same device. Work that waits for
     * an earlier recording keeps waiting for that one. An event never recorded counts as done. */
    sluice_status (*record)(sluice_stream *stream, sluice_event *event);
    sluice_status (*wait)(sluice_stream *stream, sluice_event *event); /* the stream waits */
    sluice_status (*query)(bool *done, sluice_event *event);           /* never blocks */
    sluice_status (*synchronize)(sluice_stream *stream);               /* the host waits */
    /* Time from one event to another of the same device, both done, by the device's clock.
     * E_UNSUPPORTED: operations are done when they return, so the host's clock serves as well. */
    sluice_status (*seconds)(double *seconds, sluice_event *from, sluice_event *to);

    /* ---- data: host blocks must stay valid until the stream is past the copy; copy() also works
     * between devices ---- */
    sluice_status (*upload)(sluice_stream *stream, void *to, const void *from_host, size_t bytes);
    sluice_status (*download)(sluice_stream *stream, void *to_host, const void *from, size_t bytes);
    sluice_status (*copy)(sluice_stream *stream, void *to, const void *from, size_t bytes);
    sluice_status (*zero)(sluice_stream *stream, void *to, size_t bytes);

    /* ---- arithmetic ---- */
    /* The operations for `precision`, static storage; NULL: this kind of device does not compute in
     * it. From any thread. */
    const sluice_operations *(*operations)(sluice_precision precision);
} sluice_device_ops;

/* The built-in kinds of device, best first, NULL-terminated. */
SLUICE_API const sluice_device_ops *const *sluice_devices(void);
/* NULL-terminated: the names of the kinds that are plug-ins ("cuda"), loaded when they are first
 * looked up. */
SLUICE_API const char *const *sluice_device_plugins(void);
/*
 * The table called `name`. "cuda:0,2" is "cuda" restricted to devices 0 and 2; "auto" is the first
 * plug-in that can be used here, else "cpu". The plug-in "cuda" is the file libsluice_cuda.so,
 * which is searched for in the folders of SLUICE_PLUGIN_PATH (separated by colons), in the folder
 * of this library, in that of the program, and in the lib folder next to the program's. From any
 * thread. E_ARGUMENT: unknown name, with the list of names; E_UNSUPPORTED: the plug-in is missing,
 * does not load or does not fit; E_DEVICE: it loads but has no device to use, and why.
 */
SLUICE_API sluice_status sluice_device_find(const sluice_device_ops **out, const char *name);

/* What a kind of device does in a second, for estimates; the device need not be here. */
typedef struct sluice_device_rates {
    double flops_per_s, bytes_per_s;    /* of layers */
    double latency_s, link_bytes_per_s; /* of links between its ranks */
} sluice_device_rates;
/* `device` is a kind, or a device of that kind by name. E_ARGUMENT lists the kinds; E_UNSUPPORTED:
 * there is no such precision. */
SLUICE_API sluice_status sluice_device_rates_of(sluice_device_rates *out, const char *device,
                                                sluice_precision precision);
/* How many times as fast a rank is with so many threads as with one; 1 where threads do not
 * compute. E_ARGUMENT lists the kinds. */
SLUICE_API sluice_status sluice_device_speedup(double *out, const char *device, int threads);
/* The kinds whose rates are known: static storage; NULL: there are fewer. */
SLUICE_API const char *sluice_device_rates_kind(int index);

#endif
