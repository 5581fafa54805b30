/* SPDX-License-Identifier: MIT */
/*
 * Planted mistakes of order, with ThreadSanitizer: each must be reported with every seed of
 * 1 to seeds(), in both modes, as a race of the two functions that the table names; the same
 * program without its mistake with none. Builds without ThreadSanitizer run only the latter.
 */
#include "planted.h"

bool planted;

enum { RACES = 66 /* ThreadSanitizer's exit status */ };

/* Each program, mode and seed runs in a separate process. */
static int seeds(void) {
    return getenv("SLUICE_LONG") ? 10 : 2;
}

struct program {
    const char *name;
    int (*body)(void);
    const char *first, *second; /* functions that race */
};

/* clang-format off */
static const struct program table[] = {
    {"missing wait on a compute event", planted_missing_compute_wait, "fill", "run_copy"},
    {"missing wait on a receive", planted_missing_receive_wait, "add", "run_copy"},
    {"sent slot reused too early", planted_sent_slot_reused, "fill", "run_copy"},
    {"sent slot received into too early", planted_sent_slot_received_into, "run_copy", "run_copy"},
    {"received slot reused too early", planted_received_slot_reused, "add", "run_copy"},
    {"wait before its record", planted_wait_before_record, "fill", "run_copy"},
    {"pinned source changed too early", planted_pinned_source_changed, "planted_pinned_source_changed", "run_copy"},
    {"pinned target read too early", planted_pinned_target_read_early, "planted_pinned_target_read_early", "run_copy"},
    {"pinned memory freed under a copy", planted_pinned_freed_early, "planted_pinned_freed_early", "run_copy"},
    {"sleep instead of a wait", planted_slept_instead_of_waiting, "planted_slept_instead_of_waiting", "run_copy"},
    {"host function's data changed", planted_host_function_races, "planted_host_function_races", "add_up"},
    {"product too early", planted_product_too_early, "fill", "multiply_four"},
    {"operand overwritten under a product", planted_operand_overwritten, "planted_operand_overwritten", "multiply_four"},
    {"missing __syncthreads", planted_missing_barrier, "reverse_no_barrier", "reverse_no_barrier"},
    {"the same, unseen forward", planted_barrier_missed_backward, "neighbour_no_barrier", "neighbour_no_barrier"},
    {"the same, unseen backward", planted_barrier_missed_forward, "neighbour_no_barrier", "neighbour_no_barrier"},
    {"blocks that write to one address", planted_blocks_collide, "collide", "collide"},
    {"shuffle taken for a barrier", planted_shuffle_as_barrier, "swap_in_warp", "swap_in_warp"},
    {"__syncwarp instead of __syncthreads", planted_warp_barrier_as_barrier, "swap_in_block", "swap_in_block"},
    {"first barrier of block_sum", planted_first_barrier_of_sum, "block_sum", "block_sum"},
    {"second barrier of block_sum", planted_second_barrier_of_sum, "block_sum", "block_sum"},
    {"first barrier of block_max", planted_first_barrier_of_max, "block_max", "block_max"},
    {"second barrier of block_max", planted_second_barrier_of_max, "block_max", "block_max"},
#ifdef EMULATED_NCCL
    {"sent through NCCL too early", planted_sent_early_by_nccl, "fill", "touch"},
    {"sent slot filled under NCCL", planted_sent_slot_filled_under_nccl, "fill", "touch"},
    {"received through NCCL too early", planted_received_early_by_nccl, "add", "touch"},
    {"read before NCCL has received", planted_read_before_nccl, "add", "touch"},
#endif
};
/* clang-format on */

static child_result run(const struct program *it, bool with_bug, int seed, bool lazy) {
    char seed_text[32];
    (void)snprintf(seed_text, sizeof seed_text, "EMU_SEED=%d", seed);
    const char *const variables[] = {seed_text, lazy ? "EMU_MODE=lazy" : "EMU_MODE=async", NULL};
    planted                       = with_bug;
    return child_run(it->body, variables);
}

static void expect_silence(const struct program *it, int seed, bool lazy) {
    const child_result result = run(it, false, seed, lazy);
    if (result.status != CHILD_RIGHT)
        fail_msg("without '%s', seed %d, %s: status %d\n%s", it->name, seed,
                 lazy ? "lazy" : "async", result.status, result.text);
}

static void nothing_else_is_reported(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int s = 0; s < 2 * seeds(); s++) expect_silence(&table[i], s / 2 + 1, s % 2);
}

#ifdef __SANITIZE_THREAD__

/* Whether a paragraph of a report has a frame of the function: " NAME ", " NAME(" or " NAME<". */
static bool has_frame(const char *at, const char *function) {
    const size_t length   = strlen(function);
    const char *const end = strstr(at, "\n\n");
    for (const char *name = at; (name = strstr(name, function)) && (!end || name < end); name++)
        if (name[-1] == ' ' && name[length] != '\0' && strchr(" <(", name[length])) return true;
    return false;
}

/* The stack of either access has one of the two functions, in any order. */
static bool names_both(const char *text, const struct program *it) {
    const char *const now    = strstr(text, "WARNING: ThreadSanitizer: data race");
    const char *const before = now ? strstr(now, "\n  Previous ") : NULL;
    return before && ((has_frame(now, it->first) && has_frame(before, it->second)) ||
                      (has_frame(now, it->second) && has_frame(before, it->first)));
}

static void expect_race(const struct program *it, int seed, bool lazy) {
    const child_result result = run(it, true, seed, lazy);
    if (result.status == RACES && names_both(result.text, it)) return;
    (void)fprintf(stderr, "%s", result.text); /* fail_msg() would cut it */
    fail_msg("%s, seed %d, %s: status %d, and no race of %s with %s", it->name, seed,
             lazy ? "lazy" : "async", result.status, it->first, it->second);
}

static void test_races_are_reported(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int s = 0; s < 2 * seeds(); s++) expect_race(&table[i], s / 2 + 1, s % 2);
}

#endif

int main(void) {
    const struct CMUnitTest tests[] = {
#ifdef __SANITIZE_THREAD__
        cmocka_unit_test(test_races_are_reported),
#endif
        cmocka_unit_test(nothing_else_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
