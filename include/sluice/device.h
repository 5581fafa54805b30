/* SPDX-License-Identifier: MIT */
/*
 * device.h -- what a device can do: one const table per kind of device.
 *
 * Layers are written against this table and its operations (operations.h), and so run on every
 * device.
 *
 * Rules for every row:
 *   - Work is enqueued on a stream; work on one stream is sequential. A device that is not
 *     `asynchronous` completes everything before it returns, the most boring legal way.
 *   - Nothing is allocated and nothing synchronizes, except the rows that say so.
 *   - No row is NULL. A device that cannot do something returns E_UNSUPPORTED.
 */
#ifndef SLUICE_DEVICE_H
#define SLUICE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/operations.h"
#include "sluice/status.h"

/* What a stream is for. Arithmetic runs on streams that compute; those for transfers only copy, and
 * where that is possible they are served first. */
typedef enum sluice_stream_kind {
    SLUICE_STREAM_COMPUTE   = 0,
    SLUICE_STREAM_TRANSFERS = 1
} sluice_stream_kind;

/* ---- the table ---- */

typedef struct sluice_device_ops {
    size_t size;      /* sizeof(sluice_device_ops) */
    const char *name; /* "cpu", "cuda", "virtual" (virtual.h): what --device accepts */

    /* ---- what it is like ---- */
    bool asynchronous; /* work goes on after the call that enqueued it has returned */
    bool computes; /* values are made and held; else only time passes, and `costs` say how much */

    /* ---- what there is; from any thread ---- */
    /* `*count` gets the number of devices of this kind; 0: one machine is all of them, by any
     * ordinal. E_DEVICE with the reason if they cannot be used. */
    sluice_status (*count)(int *count);
    /* What device `ordinal` is, in a few words. */
    sluice_status (*describe)(char *out, size_t bytes, int ordinal);
    /* Bytes that device `ordinal` still has, and what to keep of them beside the arenas of `ranks`
     * ranks; SIZE_MAX and 0: unknown. */
    sluice_status (*memory)(size_t *available, size_t *reserve, int ordinal, int ranks);

    /* ---- device: opened by the thread that will drive it; may allocate ---- */
    /* `threads` compute threads including the caller; `pin` asks for a core each, from
     * `first_core` on. One thread drives devices of one ordinal only. */
    sluice_status (*open)(sluice_device **out, int ordinal, int threads, int first_core, bool pin);
    void (*close)(sluice_device *device); /* NULL is fine */
    /* What it could not have of what it asked the machine for, and works without: "" if nothing.
     * Borrowed, until the next call. */
    const char *(*degradations)(sluice_device *device);
    sluice_status (*arena_alloc)(void **out, sluice_device *device, size_t bytes);
    void (*arena_free)(sluice_device *device, void *arena, size_t bytes);
    /* Host memory from and to which copies run beside everything else. */
    sluice_status (*host_alloc)(void **out, sluice_device *device, size_t bytes);
    void (*host_free)(sluice_device *device, void *block); /* NULL is fine */
    sluice_status (*stream_create)(sluice_stream **out, sluice_device *device,
                                   sluice_stream_kind kind);
    void (*stream_destroy)(sluice_stream *stream);
    /* `timed`: seconds() may be asked about it. */
    sluice_status (*event_create)(sluice_event **out, sluice_device *device, bool timed);
    void (*event_destroy)(sluice_event *event);

    /* ---- order: events cross streams, of other devices too ---- */
    /* An event stands for the last time that it was recorded, on a stream of its own device. What
     * waited for an earlier one goes on waiting for that. Never recorded, it has happened. */
    sluice_status (*record)(sluice_stream *stream, sluice_event *event);
    sluice_status (*wait)(sluice_stream *stream, sluice_event *event); /* the stream waits */
    sluice_status (*query)(bool *done, sluice_event *event);           /* never blocks */
    sluice_status (*synchronize)(sluice_stream *stream);               /* the host waits */
    /* From one event to another of the same device, both over, by the device's clock.
     * E_UNSUPPORTED: operations are over when they return, and the host's clock is as good. */
    sluice_status (*seconds)(double *seconds, sluice_event *from, sluice_event *to);

    /* ---- data: host blocks must live until the stream passes; copy() also between devices ---- */
    sluice_status (*upload)(sluice_stream *stream, void *to, const void *from_host, size_t bytes);
    sluice_status (*download)(sluice_stream *stream, void *to_host, const void *from, size_t bytes);
    sluice_status (*copy)(sluice_stream *stream, void *to, const void *from, size_t bytes);
    sluice_status (*zero)(sluice_stream *stream, void *to, size_t bytes);

    /* ---- arithmetic ---- */
    /* The operations of a run's `precision`, static storage; NULL: this kind of device does not
     * compute in it. From any thread. */
    const sluice_operations *(*operations)(sluice_precision precision);
} sluice_device_ops;

/* NULL-terminated, best first: every kind of device that is built in. "cuda" is not: it is loaded
 * when it is asked for. */
SLUICE_API const sluice_device_ops *const *sluice_devices(void);
/*
 * The table called `name`; "cuda:0,2" is "cuda", with the GPUs that a pipeline shall use, and
 * "auto" is "cuda" if that can be used here, else "cpu". "cuda" is a plug-in, libsluice_cuda.so:
 * looked for in the folders of SLUICE_PLUGIN_PATH (between colons), beside this library, beside the
 * program, and in the lib folder that belongs to the program's. From any thread. E_ARGUMENT with
 * the list of names if there is none; E_UNSUPPORTED: the plug-in is not there, or does not load or
 * fit; E_DEVICE: it is there and has no GPU to work with, and why.
 */
SLUICE_API sluice_status sluice_device_find(const sluice_device_ops **out, const char *name);

#endif
