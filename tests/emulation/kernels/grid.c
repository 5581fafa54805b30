/* SPDX-License-Identifier: MIT */
/*
 * grid.c -- the one place that runs a kernel: its blocks one after another, a fiber per CUDA
 * thread.
 *
 * Between two barriers the threads of a block run forward, backward or shuffled, by the seed, and
 * so do the blocks (EMU_ORDER fixes the order). A kernel that is right in all orders does not
 * depend on luck.
 */
#include "block.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__thread struct emu_thread *emu_thread;
__thread struct emu_block *emu_block;
__thread struct emu__grid *emu__grid;

const char *emu__grid_position(char *text, size_t bytes) {
    const struct emu__grid *const g = emu__grid;
    text[0]                         = '\0';
    if (!g || !emu_thread) return text;
    const uint3 b = g->seen.index, t = emu_thread->index;
    (void)snprintf(text, bytes, ", block (%u,%u,%u), thread (%u,%u,%u)", b.x, b.y, b.z, t.x, t.y,
                   t.z);
    return text;
}

const char *emu__grid_touched(const void *address) {
    if (!emu__grid || !emu_thread) return "";
    if (emu__fiber_overflowed(emu__this_thread()->fiber, address))
        return "more than the stack of a CUDA thread";
    return emu__shared_overflowed(emu__grid, address)
               ? "bytes past the end of dynamic shared memory"
               : "";
}

void emu__kernel_report(const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const uint3 b = emu__grid->seen.index;
    emu__report("kernel '%s', block (%u,%u,%u): %s", emu__grid->kernel.name, b.x, b.y, b.z, text);
}

struct emu_thread *emu_thread_now(void) {
    return emu_thread;
}

struct emu_block *emu_block_now(void) {
    return emu_block;
}

/* ---- threads ---- */

/* Not inlined: a fiber may restart on another host thread, where an address of a __thread variable
 * that the compiler kept would be wrong. */
__attribute__((noinline)) static struct emu__grid *this_grid(void) {
    return emu__grid;
}

__attribute__((noinline)) static struct emu__thread *this_thread(void) {
    return emu__this_thread();
}

void emu__make_ready(struct emu__thread *thread) {
    struct emu__grid *const g  = emu__grid;
    thread->state              = EMU__READY;
    g->ready[g->ready_count++] = thread->seen.number;
}

void emu__give_way(struct emu__thread *thread) {
    emu__fiber_yield(&emu__grid->home, thread->fiber);
}

void emu__meet(struct emu__thread *const *threads, unsigned count) {
    if (!EMU__TELLS) return;
    struct emu__grid *const g = emu__grid;
    void *const me            = emu__act_for(threads[0]->fiber->who);
    emu__give(&g->met);
    for (unsigned i = 1; i < count; i++) {
        (void)emu__act_for(threads[i]->fiber->who);
        emu__give_too(&g->met);
    }
    for (unsigned i = 0; i < count; i++) {
        (void)emu__act_for(threads[i]->fiber->who);
        emu__rely_on(&g->met);
    }
    (void)emu__act_for(me);
}

/* A fiber outlives its CUDA thread and serves a thread of the next block or kernel. */
static void fiber_body(void) {
    emu__fiber_entered(&this_grid()->home);
    for (;;) {
        struct emu__grid *g = this_grid();
        emu__called_from(g->caller);
        g->kernel.call(g->kernel.arguments);
        emu__returned();
        g                           = this_grid();
        struct emu__thread *const t = this_thread();
        t->state                    = EMU__RETURNED;
        g->live--;
        g->warp[t->seen.number / EMU__LANES].live &= ~(1U << t->seen.number % EMU__LANES);
        emu__fiber_yield(&g->home, t->fiber);
    }
}

static void run_thread(struct emu__grid *g, unsigned number) {
    struct emu__thread *const t = &g->thread[number];
    emu_thread                  = &t->seen;
    emu__fiber_run(&g->home, t->fiber);
    emu_thread = NULL;
}

unsigned emu__lanes_of(const struct emu__grid *g, unsigned warp) {
    const unsigned rest = g->threads - warp * EMU__LANES;
    return rest >= EMU__LANES ? ~0U : (1U << rest) - 1;
}

static void shuffle(struct emu__grid *g, unsigned *list, unsigned count) {
    for (unsigned i = count; i > 1; i--) {
        const unsigned j = (unsigned)(emu__random(&g->random) % i), kept = list[i - 1];
        list[i - 1] = list[j];
        list[j]     = kept;
    }
}

static void put_in_order(struct emu__grid *g, unsigned *list, unsigned count) {
    if (g->order == EMU__SHUFFLED) shuffle(g, list, count);
    if (g->order != EMU__REVERSE) return;
    for (unsigned i = 0; i < count / 2; i++) {
        const unsigned kept = list[i];
        list[i]             = list[count - 1 - i];
        list[count - 1 - i] = kept;
    }
}

/* ---- a block ---- */

static const char *waits_how(const struct emu__thread *thread) {
    return thread->state == EMU__AT_BARRIER ? "__syncthreads" : "a warp function";
}

/* No thread can go on: some wait for others that wait elsewhere, or have returned. */
static _Noreturn void report_divergence(const struct emu__grid *g) {
    const struct emu__thread *first = &g->thread[0], *other = NULL;
    while (first->state == EMU__RETURNED) first++;
    for (const struct emu__thread *t = first; t < &g->thread[g->threads]; t++) {
        if (t->state == EMU__RETURNED) continue;
        if (t->state != first->state || t->line != first->line) other = t;
    }
    if (other)
        emu__kernel_report("divergent: thread %u waits at %s (%s:%d), thread %u at %s (%s:%d)",
                           first->seen.number, waits_how(first), first->file, first->line,
                           other->seen.number, waits_how(other), other->file, other->line);
    emu__kernel_report(
        "divergent: thread %u waits at %s (%s:%d), and %u of %u threads have returned",
        first->seen.number, waits_how(first), first->file, first->line, g->threads - g->live,
        g->threads);
}

static void begin_block(struct emu__grid *g) {
    g->live       = g->threads;
    g->at_barrier = g->ready_count = 0;
    for (unsigned w = 0; w * EMU__LANES < g->threads; w++)
        g->warp[w] = (struct emu__warp){.live = emu__lanes_of(g, w)};
    for (unsigned i = 0; i < g->threads; i++) emu__make_ready(&g->thread[i]);
    for (unsigned i = 0; i < g->threads && EMU__TELLS; i++)
        g->thread[i].fiber = &g->fiber[(i + g->turn_of_fibers) % g->fibers];
    g->turn_of_fibers = (g->turn_of_fibers + 1) % g->fibers;
    emu__shared_begin(g);
}

static void run_block(struct emu__grid *g) {
    begin_block(g);
    while (g->live > 0) {
        const unsigned count = g->ready_count;
        if (count == 0) report_divergence(g);
        memcpy(g->turn, g->ready, count * sizeof *g->turn);
        g->ready_count = 0;
        put_in_order(g, g->turn, count);
        for (unsigned i = 0; i < count; i++) run_thread(g, g->turn[i]);
    }
    emu__shared_end(g);
}

/* ---- a grid ---- */

static struct emu__grid *grid_of(struct CUstream_st *stream) {
    if (!stream->grid) {
        struct emu__grid *const g = emu__need(sizeof *g);
        g->random                 = emu__seed(0x67726964U + (uint64_t)stream->number);
        emu__shared_map(g);
        stream->grid = g;
    }
    return stream->grid;
}

void emu__grid_free(void *grid) {
    struct emu__grid *const g = grid;
    if (!g) return;
    for (unsigned i = 0; i < EMU__THREADS + EMU__SPARES; i++) emu__fiber_free(&g->fiber[i]);
    emu__shared_unmap(g);
    free(g);
}

static void choose_order(struct emu__grid *g) {
    const char *const wish = getenv("EMU_ORDER");
    const uint64_t r       = emu__random(&g->random);
    if (wish && strcmp(wish, "forward") == 0)
        g->order = EMU__FORWARD;
    else if (wish && strcmp(wish, "reverse") == 0)
        g->order = EMU__REVERSE;
    else if (wish && strcmp(wish, "random") == 0)
        g->order = EMU__SHUFFLED;
    else
        g->order = r % 4 == 0 ? EMU__FORWARD : r % 4 == 1 ? EMU__REVERSE : EMU__SHUFFLED;
}

static void make_fibers(struct emu__grid *g) {
    char name[64];
    g->fibers         = g->threads + EMU__SPARES;
    g->turn_of_fibers = 0;
    for (unsigned i = 0; i < g->fibers; i++) {
        if (g->fiber[i].stack) continue;
        (void)snprintf(name, sizeof name, "thread %u of kernels of stream %d", i,
                       emu__running_stream()->number);
        emu__fiber_make(&g->fiber[i], fiber_body, i * 5, name);
    }
}

static void make_threads(struct emu__grid *g) {
    const dim3 b = g->kernel.block;
    g->threads   = b.x * b.y * b.z;
    make_fibers(g);
    for (unsigned i = 0; i < g->threads; i++) {
        struct emu__thread *const t = &g->thread[i];
        t->seen.number              = i;
        t->seen.index               = (uint3){i % b.x, i / b.x % b.y, i / b.x / b.y};
        t->fiber                    = &g->fiber[i];
    }
}

/* Shuffled: the i-th block to run is i times an odd step, modulo a power of two not below their
 * number. */
static void run_blocks(struct emu__grid *g) {
    const dim3 of        = g->kernel.grid;
    const uint64_t count = (uint64_t)of.x * of.y * of.z;
    uint64_t size        = 1;
    while (size < count) size *= 2;
    const uint64_t step = emu__random(&g->random) | 1, first = emu__random(&g->random);
    for (uint64_t i = 0; i < size; i++) {
        const uint64_t number = g->order == EMU__FORWARD   ? i
                                : g->order == EMU__REVERSE ? size - 1 - i
                                                           : (first + i * step) % size;
        if (number >= count) continue;
        g->seen.index = (uint3){(unsigned)(number % of.x), (unsigned)(number / of.x % of.y),
                                (unsigned)(number / of.x / of.y)};
        run_block(g);
    }
}

/* A kernel's threads are ordered after earlier work of its stream, and not among each other. */
static void tell_beginning(struct emu__grid *g) {
    emu__give(&g->begun);
    for (unsigned i = 0; i < g->fibers; i++) {
        void *const stream = emu__act_for(g->fiber[i].who);
        emu__rely_on(&g->begun);
        (void)emu__act_for(stream);
    }
}

static void tell_end(struct emu__grid *g) {
    emu__give(&g->ended);
    for (unsigned i = 0; i < g->fibers; i++) {
        void *const stream = emu__act_for(g->fiber[i].who);
        emu__give_too(&g->ended);
        (void)emu__act_for(stream);
    }
    emu__rely_on(&g->ended);
}

static void run_grid(void *kernel) {
    struct emu__grid *const g = grid_of(emu__running_stream());
    g->kernel                 = *(const emu_kernel *)kernel;
    g->caller                 = emu__running_stream()->head->caller;
    g->seen   = (struct emu_block){.block = g->kernel.block, .grid = g->kernel.grid};
    emu__grid = g;
    emu_block = &g->seen;
    choose_order(g);
    make_threads(g);
    if (EMU__TELLS) tell_beginning(g);
    run_blocks(g);
    if (EMU__TELLS) tell_end(g);
    emu__grid = NULL;
    emu_block = NULL;
}

/* ---- names: of `(attend<T, R>)`, as a launch has it, `attend` ---- */

/* The same pointer for the same text. */
static const char *identifier_of(const char *text) {
    enum { LAUNCHES = 256 };
    static struct {
        const char *text;
        char name[64];
    } known[LAUNCHES]; /* (locked) */
    const char *const begin = text + strspn(text, "(");
    emu__lock();
    for (int k = 0; k < LAUNCHES; k++) {
        if (known[k].text && known[k].text != text) continue;
        if (!known[k].text)
            (void)snprintf(known[k].name, sizeof known[k].name, "%.*s", (int)strcspn(begin, "<)"),
                           begin);
        known[k].text = text;
        emu__unlock();
        return known[k].name;
    }
    emu__report("more than %d launches in the kernels' sources", LAUNCHES);
}

/* ---- launch ---- */

static void release_kernel(void *kernel) {
    const emu_kernel *const k = kernel;
    k->release(k->arguments);
    free(kernel);
}

static bool configuration_fits(const emu_kernel *k) {
    const uint64_t threads = (uint64_t)k->block.x * k->block.y * k->block.z;
    return threads >= 1 && threads <= EMU__THREADS && k->block.z <= 64 && k->grid.x >= 1 &&
           k->grid.y >= 1 && k->grid.z >= 1 && k->grid.x <= INT32_MAX && k->grid.y <= 65535 &&
           k->grid.z <= 65535 && k->shared_bytes <= emu__shared_limit(k->function);
}

static inline __attribute__((always_inline)) cudaError_t check_launch(const emu_kernel *kernel) {
    const cudaError_t entered = emu__enter(kernel->name);
    if (entered != cudaSuccess) return entered;
    emu__expect_no_error(kernel->name, true);
    if (emu__settings.major < EMU__OLDEST)
        return emu__fail(cudaErrorNoKernelImageForDevice, kernel->name);
    return configuration_fits(kernel) ? cudaSuccess
                                      : emu__fail(cudaErrorInvalidConfiguration, kernel->name);
}

/* As on a GPU the failure stays the thread's last error until it is taken: see simt.h. */
cudaError_t emu_launch_kernel(const emu_kernel *described, cudaStream_t stream) {
    emu_kernel kernel = *described;
    kernel.name       = identifier_of(described->name);
    emu__asked_from(__builtin_return_address(0));
    const cudaError_t checked = check_launch(&kernel);
    if (checked != cudaSuccess) {
        kernel.release(kernel.arguments);
        return checked;
    }
    emu_kernel *const copy = emu__need(sizeof *copy);
    *copy                  = kernel;
    return emu__work(stream, kernel.name, run_grid, copy, release_kernel);
}
