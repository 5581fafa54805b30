/* SPDX-License-Identifier: MIT */
/* fiber.h -- stacks that take turns on one thread of the host: one for each CUDA thread of a block.
 */
#ifndef SLUICE_TESTS_EMULATION_FIBER_H
#define SLUICE_TESTS_EMULATION_FIBER_H

#include <stddef.h>
#include <ucontext.h>

typedef struct emu__fiber {
    char *stack;
    void *pointer;       /* where its stack stood when it last gave way */
    ucontext_t *context; /* instead, where there is no switch of our own */
    void *sanitizer;     /* what AddressSanitizer keeps of it */
    void *who;           /* see order.h */
} emu__fiber;

/* Who runs fibers: the thread of the host that executes the kernel. */
typedef struct emu__fiber_home {
    void *pointer;
    ucontext_t context;
    void *sanitizer, *who;
    const void *stack_bottom;
    size_t stack_bytes;
} emu__fiber_home;

/* `body` takes no argument and never returns; `colour` spreads stacks over the cache's sets;
 * `name` is what reports call it. */
void emu__fiber_make(emu__fiber *fiber, void (*body)(void), unsigned colour, const char *name);
void emu__fiber_free(emu__fiber *fiber);
void emu__fiber_run(emu__fiber_home *home, emu__fiber *fiber);   /* until it gives way */
void emu__fiber_yield(emu__fiber_home *home, emu__fiber *fiber); /* back to home */
void emu__fiber_entered(emu__fiber_home *home);                  /* first thing in a body */
int emu__fiber_overflowed(const emu__fiber *fiber, const void *address);

#endif
