/* SPDX-License-Identifier: MIT */
/* tests.h -- the tests of operations, each in the file of its kind. */
#ifndef SLUICE_TESTS_OPERATIONS_TESTS_H
#define SLUICE_TESTS_OPERATIONS_TESTS_H

/* clang-format off */
#define OPERATION_TESTS(X) \
    X(matmul_agrees) \
    X(linear_agrees) \
    X(linear_backward_input_agrees) \
    X(linear_backward_weight_agrees) \
    X(an_unknown_activation_is_refused) \
    X(norms_agree) \
    X(norms_of_heads_agree) \
    X(attention_agrees) \
    X(attention_bears_extreme_scores) \
    X(heads_too_wide_for_a_device_are_refused) \
    X(rotary_positions_agree) \
    X(rotary_frequencies_are_those_of_transformers) \
    X(rotary_angles_are_exact_up_to_position_131071) \
    X(heads_too_wide_to_turn_are_refused) \
    X(cached_attention_agrees) \
    X(cached_attention_does_not_depend_on_chunks) \
    X(a_full_cache_is_refused) \
    X(embedding_agrees) \
    X(a_token_outside_the_table_is_refused) \
    X(classifier_agrees) \
    X(classifier_bears_extreme_logits) \
    X(a_target_past_the_classes_is_refused) \
    X(a_nan_reaches_the_loss) \
    X(dropout_agrees) \
    X(dropout_drops_its_share) \
    X(relu_agrees) \
    X(gates_agree) \
    X(the_gradient_of_a_gate_is_its_slope) \
    X(sum_adds_in_order) \
    X(squared_error_agrees) \
    X(sum_of_squares_agrees) \
    X(updates_agree) \
    X(working_copies_are_stored)
/* clang-format on */

#define X(test) void test(void **state);
OPERATION_TESTS(X)
#undef X

#endif
