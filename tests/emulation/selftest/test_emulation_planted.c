/* SPDX-License-Identifier: MIT */
/*
 * Planted bugs: small programs with one mistake each, and the same programs without it. The
 * emulation must find every mistake, in both modes, and nothing else.
 *
 * A mistake of order is found by timing, within SEEDS seeds; any other is found with every seed. In
 * builds with ThreadSanitizer those of order are left to test_emulation_races.c, which has them
 * all.
 */
#include "planted.h"

bool planted;

enum { SEEDS = 10 };
#ifdef __SANITIZE_THREAD__
static const bool sees_order = true;
#else
static const bool sees_order = false;
#endif

struct program {
    const char *name;
    int (*body)(void);
    bool by_timing;     /* found with some seeds, not all */
    int status;         /* expected exit of the child */
    const char *report; /* a part of the report; "" if wrong numbers show it */
};

/* clang-format off */
static const struct program table[] = {
    {"missing wait on a compute event", planted_missing_compute_wait, true, CHILD_WRONG, ""},
    {"missing wait on a receive", planted_missing_receive_wait, true, CHILD_WRONG, ""},
    {"sent slot reused too early", planted_sent_slot_reused, true, CHILD_WRONG, ""},
    {"received slot reused too early", planted_received_slot_reused, true, CHILD_WRONG, ""},
    {"wait before its record", planted_wait_before_record, true, CHILD_WRONG, ""},
    {"pinned source changed too early", planted_pinned_source_changed, true, CHILD_WRONG, ""},
    {"pinned target read too early", planted_pinned_target_read_early, true, CHILD_WRONG, ""},
    {"missing __syncthreads", planted_missing_barrier, true, CHILD_WRONG, ""},
    {"the same, unseen forward", planted_barrier_missed_backward, true, CHILD_WRONG, ""},
    {"the same, unseen backward", planted_barrier_missed_forward, true, CHILD_WRONG, ""},
    {"sent slot received into too early", planted_sent_slot_received_into, true, CHILD_WRONG, ""},
    {"product too early", planted_product_too_early, true, CHILD_WRONG, ""},
    {"__syncwarp instead of __syncthreads", planted_warp_barrier_as_barrier, true, CHILD_WRONG, ""},
    {"second barrier of block_sum", planted_second_barrier_of_sum, true, CHILD_WRONG, ""},
    {"second barrier of block_max", planted_second_barrier_of_max, true, CHILD_WRONG, ""},
    {"write past the end", planted_past_end, false, CHILD_REPORTED, "past_end: byte 2000 of allocation"},
    {"write before the start", planted_before_start, false, CHILD_REPORTED, "before_start: a byte 4 before allocation"},
    {"read far past the end", planted_far_read, false, CHILD_REPORTED,
     "'far_read', block (0,0,0), thread (0,0,0) touches allocation"},
    {"write past a shared array", planted_shared_past_end, false, CHILD_REPORTED, "after the end of shared array 'shared'"},
    {"write past dynamic shared memory", planted_dynamic_past_end, false, CHILD_REPORTED, "past the end of dynamic shared memory"},
    {"stack overflow", planted_stack_overflow, false, CHILD_REPORTED, "touches more than the stack of a CUDA thread"},
    {"kernel on freed memory", planted_kernel_uses_freed, false, CHILD_REPORTED, "which is freed"},
    {"copy to freed memory", planted_copy_uses_freed, false, CHILD_REPORTED, "which is freed"},
    {"pinned memory freed under a copy", planted_pinned_freed_early, true, CHILD_REPORTED, "which is freed"},
    {"host writes device memory", planted_host_writes_device, false, CHILD_REPORTED, "code of the host touches allocation"},
    {"host reads device memory", planted_host_reads_device, false, CHILD_REPORTED, "code of the host touches allocation"},
    {"copy past the end", planted_copy_past_end, false, CHILD_REPORTED, "2004 bytes at"},
    {"copy onto itself", planted_copy_overlaps, false, CHILD_REPORTED, "overlap"},
    {"copy of the wrong kind", planted_copy_of_wrong_kind, false, CHILD_REPORTED, "kind 1 does not fit"},
    {"divergent barrier", planted_divergent_barrier, false, CHILD_REPORTED, "divergent: thread 0 waits at __syncthreads ("},
    {"two barriers", planted_two_barriers, false, CHILD_REPORTED, "are at different __syncthreads"},
    {"return before a barrier", planted_early_return, false, CHILD_REPORTED, "1 of 64 threads have returned"},
    {"lane outside its mask", planted_wrong_mask, false, CHILD_REPORTED, "is not in its mask 0xffff"},
    {"shuffle from outside the mask", planted_shuffle_outside, false, CHILD_REPORTED, "reads lane 20, which is not in the mask"},
    {"forgotten error", planted_forgotten_error, false, CHILD_REPORTED, "unread cudaErrorInvalidConfiguration from copy"},
    {"broken device noticed late", planted_broken_device, false, CHILD_CALL_FAILED, "-> 700"},
    {"launch with the wrong device current", planted_wrong_device_launch, false, CHILD_CALL_FAILED, "-> 400"},
    {"the same, unchecked", planted_wrong_device_launch_unchecked, false, CHILD_REPORTED, "unread cudaErrorInvalidResourceHandle"},
    {"memory of the wrong device", planted_wrong_device_memory, false, CHILD_REPORTED, "touches allocation"},
    {"copy to the wrong device", planted_wrong_device_copy, false, CHILD_REPORTED, "device 0 is expected, but this is allocation"},
    {"product with the wrong device current", planted_wrong_device_product, false, CHILD_REPORTED, "the handle is of device 0"},
    {"one workspace for two streams", planted_shared_workspace, false, CHILD_REPORTED, "are given one workspace"},
    {"product past the end", planted_product_past_end, false, CHILD_REPORTED, "D: 2080 bytes at"},
    {"product that may be split", planted_split_product, false, CHILD_REPORTED, "may split its sums (reduction schemes 0x7)"},
    {"product that is not aligned", planted_unaligned_product, false, CHILD_REPORTED, "the algorithm requires multiples of 16"},
    {"algorithm of another product", planted_foreign_algorithm, false, CHILD_REPORTED, "was chosen for another product"},
    {"allocation in a step", planted_allocation_in_step, false, CHILD_REPORTED, "not allowed now: a step runs"},
    {"device-wide wait in a step", planted_device_wait_in_step, false, CHILD_REPORTED, "cudaDeviceSynchronize is not allowed now"},
    {"deadlock", planted_deadlock, false, CHILD_REPORTED, "waits for record 1 of event"},
    {"call in a host function", planted_call_in_host_function, false, CHILD_REPORTED, "from a host function of stream"},
    {"default stream", planted_default_stream, false, CHILD_REPORTED, "uses the default stream"},
    {"destroyed stream", planted_destroyed_stream, false, CHILD_REPORTED, "is not a stream"},
    {"destroyed event", planted_destroyed_event, false, CHILD_REPORTED, "is destroyed"},
#ifdef EMULATED_NCCL
    {"NCCL in each rank's own order", planted_own_order, false, CHILD_REPORTED, "resident, sends 500 to rank"},
    {"NCCL in opposite orders", planted_opposite_orders, false, CHILD_REPORTED, "deadlock: nothing has happened"},
    {"two streams on one communicator", planted_two_streams, false, CHILD_REPORTED, "resident, receives 500 from rank"},
    {"NCCL with two counts", planted_count_mismatch, false, CHILD_REPORTED, "a send of 499 elements of type 7 meets a receive of 500"},
    {"NCCL from a second thread", planted_second_thread, false, CHILD_REPORTED, "a second thread calls NCCL for device 0"},
    {"allocation while communicating", planted_allocation_while_communicating, false, CHILD_REPORTED,
     "cudaMalloc is not allowed now: communication is pending"},
    {"an edge that is not warmed", planted_cold_edge, false, CHILD_REPORTED, "while communication is pending on device"},
    {"stream used while NCCL is in progress", planted_stream_in_progress, false, CHILD_REPORTED, "was out of ncclInProgress"},
    {"communicators aborted one by one", planted_aborted_one_by_one, false, CHILD_REPORTED, "while the host waits in ncclCommAbort"},
#endif
};
/* clang-format on */

/* Deadlocks are planted, and found soon; without them a busy machine may stop for a while. */
static child_result run(const struct program *it, bool with_bug, int seed, bool lazy) {
    char seed_text[32];
    (void)snprintf(seed_text, sizeof seed_text, "EMU_SEED=%d", seed);
    const char *const variables[] = {seed_text, lazy ? "EMU_MODE=lazy" : "EMU_MODE=async",
                                     with_bug ? "EMU_TIMEOUT_MS=40" : "EMU_TIMEOUT_MS=4000", NULL};
    planted                       = with_bug;
    return child_run(it->body, variables);
}

/* Found as the table says, or by a sanitizer, which may be the first to see an access outside. */
static bool is_found(const struct program *it, const child_result *result) {
    if (strstr(result->text, "AddressSanitizer") || strstr(result->text, "runtime error"))
        return true;
    return result->status == it->status && strstr(result->text, it->report) != NULL;
}

static void expect_found(const struct program *it, bool lazy) {
    int found       = 0;
    const int seeds = it->by_timing ? SEEDS : 2;
    for (int seed = 1; seed <= seeds; seed++) {
        const child_result result = run(it, true, seed, lazy);
        found += is_found(it, &result);
        if (!is_found(it, &result) && (!it->by_timing || result.status != CHILD_RIGHT))
            fail_msg("%s, seed %d, %s: status %d, not %d with '%s'\n%s", it->name, seed,
                     lazy ? "lazy" : "async", result.status, it->status, it->report, result.text);
    }
    if (it->by_timing)
        print_message("%s, %s: at %d of %d seeds\n", it->name, lazy ? "lazy" : "async", found,
                      seeds);
    if (found == 0)
        fail_msg("%s, %s: not found at %d seeds", it->name, lazy ? "lazy" : "async", seeds);
}

static void expect_silence(const struct program *it, bool lazy) {
    for (int seed = 1; seed <= (it->by_timing ? SEEDS : 2); seed++) {
        const child_result result = run(it, false, seed, lazy);
        if (result.status != CHILD_RIGHT)
            fail_msg("without '%s', seed %d, %s: status %d\n%s", it->name, seed,
                     lazy ? "lazy" : "async", result.status, result.text);
    }
}

static void planted_bugs_are_found(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int lazy = 0; lazy < 2 && !(table[i].by_timing && sees_order); lazy++)
            expect_found(&table[i], lazy);
}

static void nothing_else_is_reported(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int lazy = 0; lazy < 2 && !(table[i].by_timing && sees_order); lazy++)
            expect_silence(&table[i], lazy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planted_bugs_are_found),
        cmocka_unit_test(nothing_else_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
