/* SPDX-License-Identifier: MIT */
/* fiber.h -- stacks that take turns on one thread of the host: one for each CUDA thread of a block.
 */
#ifndef SLUICE_TESTS_EMULATION_FIBER_H
#define SLUICE_TESTS_EMULATION_FIBER_H

#include <stddef.h>
#include <ucontext.h>

typedef struct emu__fiber {
    char *stack;
    void *pointer;       /* its stack pointer when it last yielded */
    ucontext_t *context; /* used instead on machines without a built-in switch */
    void *sanitizer;     /* AddressSanitizer's handle */
    void *who;           /* see order.h */
} emu__fiber;

/* The host thread that executes the kernel and runs its fibers. */
typedef struct emu__fiber_home {
    void *pointer;
    ucontext_t context;
    void *sanitizer, *who;
    const void *stack_bottom;
    size_t stack_bytes;
} emu__fiber_home;

/* `body` takes no argument and never returns; `colour` spreads stacks over the cache's sets; `name`
 * is its name in reports. */
void emu__fiber_make(emu__fiber *fiber, void (*body)(void), unsigned colour, const char *name);
void emu__fiber_free(emu__fiber *fiber);
void emu__fiber_run(emu__fiber_home *home, emu__fiber *fiber);   /* until it yields */
void emu__fiber_yield(emu__fiber_home *home, emu__fiber *fiber); /* yield to the host thread */
void emu__fiber_entered(emu__fiber_home *home);                  /* called first in a body */
int emu__fiber_overflowed(const emu__fiber *fiber, const void *address);

#endif
