/* SPDX-License-Identifier: MIT */
/*
 * fiber.c -- the one place that changes stacks: six registers on x86-64, ucontext elsewhere.
 *
 * swapcontext() asks the kernel for the signal mask at each switch and takes ten times as long;
 * EMU_FIBERS=ucontext selects it nevertheless, so that it is tested here.
 */
#include "fiber.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "internal.h"
#include "sanitize.h"

enum { STACK = 256 * 1024, COLOURS = 64, COLOUR = 64 };

#if defined(__x86_64__)
/* Push callee-saved registers on the old stack, pop them from the new one, and return there. */
void emu__switch(void **save, void *load);
__asm__(".text\n"
        ".globl emu__switch\n"
        ".hidden emu__switch\n"
        ".type emu__switch,@function\n"
        "emu__switch:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    popq %rcx\n"
        "    jmp *%rcx\n"
        ".size emu__switch,.-emu__switch\n");
static const bool own_switch = true;
#else
static void emu__switch(void **save, void *load) {
    (void)save;
    (void)load;
    abort();
}
static const bool own_switch = false;
#endif

static bool uses_ucontext(void) {
    static int answer = -1;
    if (answer < 0) {
        const char *const wish = getenv("EMU_FIBERS");
        answer                 = !own_switch || (wish && strcmp(wish, "ucontext") == 0);
    }
    return answer;
}

static char *map_stack(void) {
    char *const stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED || mprotect(stack, EMU__PAGE, PROT_NONE) != 0)
        emu__report("no stack for a CUDA thread");
    return stack;
}

void emu__fiber_make(emu__fiber *fiber, void (*body)(void), unsigned colour, const char *name) {
    fiber->stack = map_stack();
    fiber->who   = emu__somebody(name);
    if (uses_ucontext()) {
        fiber->context = emu__need(sizeof *fiber->context);
        (void)getcontext(fiber->context);
        fiber->context->uc_stack.ss_sp   = fiber->stack + EMU__PAGE;
        fiber->context->uc_stack.ss_size = STACK - EMU__PAGE;
        makecontext(fiber->context, body, 0);
        return;
    }
    /* What emu__switch pops: six registers and the body's address; the body has nowhere to return
     * to. */
    const size_t top = STACK - 64 - colour % COLOURS * COLOUR;
    void **at        = (void **)(void *)(fiber->stack + top);
    *--at            = NULL;
    memcpy(--at, &body, sizeof body);
    at -= 6;
    fiber->pointer = at;
}

void emu__fiber_free(emu__fiber *fiber) {
    if (fiber->stack) (void)munmap(fiber->stack, STACK);
    emu__nobody(fiber->who);
    free(fiber->context);
    *fiber = (emu__fiber){.stack = NULL};
}

void emu__fiber_run(emu__fiber_home *home, emu__fiber *fiber) {
    emu__start_switch(&home->sanitizer, fiber->stack + EMU__PAGE, STACK - EMU__PAGE);
    home->who = emu__act_for(fiber->who);
    if (fiber->context)
        (void)swapcontext(&home->context, fiber->context);
    else
        emu__switch(&home->pointer, fiber->pointer);
    emu__finish_switch(home->sanitizer, NULL, NULL);
}

void emu__fiber_yield(emu__fiber_home *home, emu__fiber *fiber) {
    emu__start_switch(&fiber->sanitizer, home->stack_bottom, home->stack_bytes);
    (void)emu__act_for(home->who);
    if (fiber->context)
        (void)swapcontext(fiber->context, &home->context);
    else
        emu__switch(&fiber->pointer, home->pointer);
    /* Another host thread may run the stream's next kernel: remember its stack. */
    emu__finish_switch(fiber->sanitizer, &home->stack_bottom, &home->stack_bytes);
}

void emu__fiber_entered(emu__fiber_home *home) {
    emu__finish_switch(NULL, &home->stack_bottom, &home->stack_bytes);
}

int emu__fiber_overflowed(const emu__fiber *fiber, const void *address) {
    const char *const at = address;
    return fiber->stack && at >= fiber->stack && at < fiber->stack + EMU__PAGE;
}
