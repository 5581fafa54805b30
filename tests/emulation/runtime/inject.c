/* SPDX-License-Identifier: MIT */
/*
 * inject.c -- the one place for injected failures: of a call, or of what a call enqueues.
 */
#include "internal.h"

#include <string.h>

static struct {
    emu_site site;
    emu_fault kind;
    int left; /* calls until it fires; 0: nothing is injected, or it has fired */
    int code, device;
} fault = {.device = -1};

static bool hanging;                 /* an operation hangs */
static __thread bool next_is_faulty; /* applies to what this thread's call enqueues */

static bool is_meant(const char *function, const void *from) {
    const emu_site *const site = &fault.site;
    return site->function && strcmp(site->function, function) == 0 &&
           (!site->from || site->from == from);
}

/* ---- injection ---- */

void emu_inject(const emu_site *site, emu_fault kind, int nth, int code) {
    emu__lock();
    fault.site   = *site;
    fault.kind   = kind;
    fault.left   = nth;
    fault.code   = code;
    fault.device = -1;
    emu__unlock();
}

void emu_fail_call(const char *function, int nth, int code) {
    emu_inject(&(emu_site){.function = function}, EMU_FAILS, nth, code);
}

int emu_fired(void) {
    emu__lock();
    const int device = fault.device;
    emu__unlock();
    return device;
}

void emu__injected_forget(void) {
    fault.left   = 0;
    fault.device = -1;
    hanging      = false;
}

/* ---- calls ---- */

int emu__injected(const char *function, const void *from) {
    emu__lock();
    int code       = 0;
    next_is_faulty = false;
    if (fault.left > 0 && is_meant(function, from) && --fault.left == 0) {
        next_is_faulty = fault.kind != EMU_FAILS;
        if (fault.kind == EMU_FAILS) {
            code         = fault.code;
            fault.device = emu__device();
        }
    }
    emu__unlock();
    return code;
}

/* ---- operations ---- */

void emu__inject_into(emu__operation *operation) {
    if (operation->kind != EMU__WORK) return;
    if (fault.left > 0 && !fault.site.function && --fault.left == 0) next_is_faulty = true;
    if (!next_is_faulty) return;
    next_is_faulty   = false;
    fault.device     = emu__device();
    operation->hangs = fault.kind == EMU_HANGS;
    operation->fault = fault.kind == EMU_FAULTS ? (cudaError_t)fault.code : cudaSuccess;
    hanging          = hanging || operation->hangs;
}

void emu__hang(emu__operation *operation) {
    operation->hangs = hanging = true;
}

bool emu__hanging(void) {
    return hanging;
}

void emu_release(void) {
    emu__lock();
    for (struct CUstream_st *s = emu__streams; s; s = s->next)
        for (emu__operation *o = s->head; o; o = o->next) o->hangs = false;
    hanging = false;
    emu__wake();
    emu__unlock();
}
