/* SPDX-License-Identifier: MIT */
/* planted.h -- small programs, each with a mistake if `planted` is true. */
#ifndef SLUICE_TESTS_EMULATION_PLANTED_H
#define SLUICE_TESTS_EMULATION_PLANTED_H

#include "rig.h"

extern bool planted;

int planted_missing_compute_wait(void);
int planted_missing_receive_wait(void);
int planted_sent_slot_reused(void);
int planted_received_slot_reused(void);
int planted_wait_before_record(void);
int planted_pinned_source_changed(void);
int planted_pinned_target_read_early(void);
int planted_missing_barrier(void);
int planted_barrier_missed_backward(void);
int planted_barrier_missed_forward(void);
int planted_sent_slot_received_into(void);
int planted_product_too_early(void);
int planted_operand_overwritten(void);
int planted_slept_instead_of_waiting(void);
int planted_host_function_races(void);
int planted_blocks_collide(void);
int planted_shuffle_as_barrier(void);
int planted_warp_barrier_as_barrier(void);
int planted_first_barrier_of_sum(void);
int planted_second_barrier_of_sum(void);
int planted_first_barrier_of_max(void);
int planted_second_barrier_of_max(void);
int planted_past_end(void);
int planted_before_start(void);
int planted_far_read(void);
int planted_shared_past_end(void);
int planted_dynamic_past_end(void);
int planted_stack_overflow(void);
int planted_kernel_uses_freed(void);
int planted_copy_uses_freed(void);
int planted_pinned_freed_early(void);
int planted_host_writes_device(void);
int planted_host_reads_device(void);
int planted_copy_past_end(void);
int planted_copy_overlaps(void);
int planted_copy_of_wrong_kind(void);
int planted_divergent_barrier(void);
int planted_two_barriers(void);
int planted_early_return(void);
int planted_wrong_mask(void);
int planted_shuffle_outside(void);
int planted_forgotten_error(void);
int planted_broken_device(void);
int planted_wrong_device_launch(void);
int planted_wrong_device_launch_unchecked(void);
int planted_wrong_device_memory(void);
int planted_wrong_device_copy(void);
int planted_wrong_device_product(void);
int planted_shared_workspace(void);
int planted_product_past_end(void);
int planted_split_product(void);
int planted_unaligned_product(void);
int planted_foreign_algorithm(void);
int planted_allocation_in_step(void);
int planted_device_wait_in_step(void);
int planted_deadlock(void);
int planted_call_in_host_function(void);
int planted_default_stream(void);
int planted_destroyed_stream(void);
int planted_destroyed_event(void);

/* ---- NCCL, if its header is available ---- */
int planted_own_order(void);
int planted_opposite_orders(void);
int planted_two_streams(void);
int planted_count_mismatch(void);
int planted_second_thread(void);
int planted_allocation_while_communicating(void);
int planted_cold_edge(void);
int planted_stream_in_progress(void);
int planted_aborted_one_by_one(void);
int planted_sent_early_by_nccl(void);
int planted_sent_slot_filled_under_nccl(void);
int planted_received_early_by_nccl(void);
int planted_read_before_nccl(void);

#endif
