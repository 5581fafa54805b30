/* SPDX-License-Identifier: MIT */
/*
 * inject.c -- the one place for failures that a test asks for: of a call, or of what a call
 * enqueues.
 */
#include "internal.h"

#include <string.h>

static struct {
    emu_site site;
    emu_blow blow;
    int left; /* calls until it strikes; 0: nothing is asked for, or it has struck */
    int code, device;
} blow = {.device = -1};

static bool hanging;                    /* some operation does */
static __thread bool is_next_afflicted; /* what this thread's call enqueues */

static bool is_meant(const char *function, const void *from) {
    const emu_site *const site = &blow.site;
    return site->function && strcmp(site->function, function) == 0 &&
           (!site->from || site->from == from);
}

/* ---- asked for ---- */

void emu_strike(const emu_site *site, emu_blow kind, int nth, int code) {
    emu__lock();
    blow.site   = *site;
    blow.blow   = kind;
    blow.left   = nth;
    blow.code   = code;
    blow.device = -1;
    emu__unlock();
}

void emu_fail_call(const char *function, int nth, int code) {
    emu_strike(&(emu_site){.function = function}, EMU_FAILS, nth, code);
}

int emu_struck(void) {
    emu__lock();
    const int device = blow.device;
    emu__unlock();
    return device;
}

void emu__injected_forget(void) {
    blow.left   = 0;
    blow.device = -1;
    hanging     = false;
}

/* ---- calls ---- */

int emu__injected(const char *function, const void *from) {
    emu__lock();
    int code          = 0;
    is_next_afflicted = false;
    if (blow.left > 0 && is_meant(function, from) && --blow.left == 0) {
        is_next_afflicted = blow.blow != EMU_FAILS;
        if (blow.blow == EMU_FAILS) {
            code        = blow.code;
            blow.device = emu__device();
        }
    }
    emu__unlock();
    return code;
}

/* ---- operations ---- */

void emu__afflict(emu__operation *operation) {
    if (operation->kind != EMU__WORK) return;
    if (blow.left > 0 && !blow.site.function && --blow.left == 0) is_next_afflicted = true;
    if (!is_next_afflicted) return;
    is_next_afflicted = false;
    blow.device       = emu__device();
    operation->hangs  = blow.blow == EMU_HANGS;
    operation->fault  = blow.blow == EMU_FAULTS ? (cudaError_t)blow.code : cudaSuccess;
    hanging           = hanging || operation->hangs;
}

bool emu__hanging(void) {
    return hanging;
}

void emu_release(void) {
    emu__lock();
    for (struct CUstream_st *s = emu__streams; s; s = s->next)
        for (emu__operation *o = s->head; o; o = o->next) o->hangs = false;
    hanging = false;
    emu__kick();
    emu__unlock();
}
