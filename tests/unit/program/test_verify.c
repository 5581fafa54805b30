/* SPDX-License-Identifier: MIT */
/* test_verify.c -- the verifier must notice every planted damage, over both kinds of queues. */
#include "tests/support/damage.h"

static const sluice_payload ACTIVATION = SLUICE_PAYLOAD_ACTIVATION;
static const sluice_payload GRADIENT   = SLUICE_PAYLOAD_GRADIENT;

/* ---- the damages: 3 ranks, 4 micro-batches, 1f1b ---- */

static void miss_send(copy *c) {
    const int post = find_post(c, 0, true, ACTIVATION, 0, 3);
    cut_out(c, 0, find_wait(c, 0, post));
    cut_out(c, 0, post);
}

static void cross_payloads(copy *c) {
    for (int i = 1; i <= 2; i++) {
        const int post = find_post(c, 1, false, ACTIVATION, 1, i == 1 ? 1 : 2);
        c->lists[1][find_wait(c, 1, post)].microbatch = 100 + i;
        c->lists[1][post].microbatch                  = 100 + i;
    }
    for (int n = 0; n < c->counts[1]; n++) {
        int *microbatch = &c->lists[1][n].microbatch;
        if (*microbatch > 100) *microbatch = 103 - *microbatch;
    }
}

/* Rank 0 waits for the gradient of micro-batch 0 before it sends that micro-batch. */
static void deadlock(copy *c) {
    const int send    = find_post(c, 0, true, ACTIVATION, 0, 0);
    const int receive = find_post(c, 0, false, GRADIENT, 0, 0);
    move_instruction(c, 0, receive, send);
    c->lists[0][send].after = find_instruction(c, 0, SLUICE_INSTRUCTION_FORWARD, 0, 0);
    move_instruction(c, 0, find_wait(c, 0, send), send + 1);
}

static void duplicate(copy *c) {
    c->lists[2][find_instruction(c, 2, SLUICE_INSTRUCTION_FORWARD, 2, 1)].microbatch = 0;
}

static void out_of_range(copy *c) {
    c->lists[1][find_instruction(c, 1, SLUICE_INSTRUCTION_BACKWARD, 1, 3)].microbatch = 4;
}

static void wrong_rank(copy *c) {
    c->lists[1][find_instruction(c, 1, SLUICE_INSTRUCTION_FORWARD, 1, 0)].stage = 2;
}

static void backward_first(copy *c) {
    swap_instructions(c, 2, find_instruction(c, 2, SLUICE_INSTRUCTION_FORWARD, 2, 0),
                      find_instruction(c, 2, SLUICE_INSTRUCTION_BACKWARD, 2, 0));
}

/* Micro-batch 1's saved tensors overlap micro-batch 0's, which its B still needs. */
static void overwrite(copy *c) {
    const int first         = find_instruction(c, 0, SLUICE_INSTRUCTION_FORWARD, 0, 0);
    const int second        = find_instruction(c, 0, SLUICE_INSTRUCTION_FORWARD, 0, 1);
    const sluice_slot saved = slot_of(c, 0, first, SLUICE_ROLE_SAVED_WEIGHT);
    put_slot(c, 0, second, SLUICE_ROLE_SAVED_WEIGHT, saved);
}

/* A receive arrives where another micro-batch's saved tensors are still needed. */
static void receive_over(copy *c) {
    const int saver        = find_instruction(c, 1, SLUICE_INSTRUCTION_FORWARD, 1, 0);
    const int post         = find_post(c, 1, false, ACTIVATION, 1, 2);
    const int user         = find_instruction(c, 1, SLUICE_INSTRUCTION_FORWARD, 1, 2);
    const sluice_slot live = slot_of(c, 1, saver, SLUICE_ROLE_SAVED_WEIGHT);
    put_slot(c, 1, post, SLUICE_ROLE_OUTPUT, live);
    put_slot(c, 1, user, SLUICE_ROLE_INPUT, live);
}

/* What is sent is not what was made. */
static void send_wrong_bytes(copy *c) {
    const int good         = find_post(c, 0, true, ACTIVATION, 0, 1);
    const int bad          = find_post(c, 0, true, ACTIVATION, 0, 0);
    const sluice_slot made = slot_of(c, 0, good, SLUICE_ROLE_INPUT);
    put_slot(c, 0, bad, SLUICE_ROLE_INPUT, made);
}

static void skip_wait(copy *c) {
    cut_out(c, 1, find_wait(c, 1, find_post(c, 1, false, ACTIVATION, 1, 0)));
}

static void skip_send_wait(copy *c) {
    cut_out(c, 1, find_wait(c, 1, find_post(c, 1, true, ACTIVATION, 1, 3)));
}

static void wait_for_another(copy *c) {
    const int post                          = find_post(c, 1, false, ACTIVATION, 1, 1);
    c->lists[1][find_wait(c, 1, post)].post = find_post(c, 1, false, ACTIVATION, 1, 0);
}

static void accumulate_first(copy *c) {
    c->lists[1][find_instruction(c, 1, SLUICE_INSTRUCTION_BACKWARD, 1, 0)].first_weight = false;
}

static void store_later(copy *c) {
    c->lists[1][find_instruction(c, 1, SLUICE_INSTRUCTION_BACKWARD, 1, 2)].first_input = true;
}

static void leave_out(copy *c) {
    cut_out(c, 0, find_instruction(c, 0, SLUICE_INSTRUCTION_BACKWARD, 0, 3));
}

static void write_parameters(copy *c) {
    const int first  = find_instruction(c, 0, SLUICE_INSTRUCTION_FORWARD, 0, 0);
    sluice_slot slot = slot_of(c, 0, first, SLUICE_ROLE_OUTPUT);
    slot.offset      = 0;
    put_slot(c, 0, first, SLUICE_ROLE_OUTPUT, slot);
}

static void update_early(copy *c) {
    swap_instructions(c, 2, c->counts[2] - 1,
                      find_instruction(c, 2, SLUICE_INSTRUCTION_BACKWARD, 2, 3));
}

static void number_wrongly(copy *c) {
    const int post             = find_post(c, 1, false, ACTIVATION, 1, 2);
    c->lists[1][post].transfer = c->lists[1][find_wait(c, 1, post)].transfer = 3;
}

static void stranger(copy *c) {
    c->lists[2][find_post(c, 2, true, GRADIENT, 2, 0)].peer = 3;
}

/* On a device whose transfers overlap compute, the bytes could be sent before they are written. */
static void send_early(copy *c) {
    c->lists[1][find_post(c, 1, true, GRADIENT, 1, 2)].after = -1;
}

static void receive_early(copy *c) {
    for (int n = 0; n < c->counts[1]; n++) {
        sluice_instruction *at = &c->lists[1][n];
        if (at->kind != SLUICE_INSTRUCTION_POST_RECEIVE || at->after < 0) continue;
        at->after--;
        return;
    }
}

/* The output of a middle stage lies over the input that the same F reads. */
static void output_over_input(copy *c) {
    const int at = find_instruction(c, 1, SLUICE_INSTRUCTION_FORWARD, 1, 1);
    put_slot(c, 1, at, SLUICE_ROLE_OUTPUT, slot_of(c, 1, at, SLUICE_ROLE_INPUT));
}

/* The same in a backward, over half of it only. */
static void gradient_over_gradient(copy *c) {
    const int at     = find_instruction(c, 1, SLUICE_INSTRUCTION_BACKWARD, 1, 1);
    sluice_slot slot = slot_of(c, 1, at, SLUICE_ROLE_OUTPUT_GRADIENT);
    slot.offset += slot.bytes / 2;
    put_slot(c, 1, at, SLUICE_ROLE_INPUT_GRADIENT, slot);
}

/* What F saves lies over its output. */
static void saved_over_output(copy *c) {
    const int at = find_instruction(c, 1, SLUICE_INSTRUCTION_FORWARD, 1, 2);
    put_slot(c, 1, at, SLUICE_ROLE_SAVED_WEIGHT, slot_of(c, 1, at, SLUICE_ROLE_OUTPUT));
}

static void use_no_row(copy *c) {
    c->lists[0][find_instruction(c, 0, SLUICE_INSTRUCTION_FORWARD, 0, 1)].row = 1 << 20;
}

static void use_no_slot(copy *c) {
    c->lists[0][find_post(c, 0, true, ACTIVATION, 0, 1)].row = -1;
}

static void post_after_itself(copy *c) {
    const int post          = find_post(c, 0, true, ACTIVATION, 0, 1);
    c->lists[0][post].after = post;
}

static void number_below_ties(copy *c) {
    const int post               = find_post(c, 1, false, ACTIVATION, 1, 2);
    c->lists[1][post].microbatch = c->lists[1][find_wait(c, 1, post)].microbatch = -(1 << 30);
}

static const struct damage {
    const char *name;
    void (*plant)(copy *);
    const char *says; /* `*` stands for anything */
} damages[] = {
    {"a row that does not exist", use_no_row,
     "instruction * of rank 0 has row 1048576 of slots, which does not exist"},
    {"a slot that does not exist", use_no_slot,
     "instruction * of rank 0 has row -1 of slots, which does not exist"},
    {"a receive of a micro-batch below 0", number_below_ties,
     "0SEND_F2 of rank 0 has no receive on rank 1"},
    {"a send is missing", miss_send, "1RECV_F3 of rank 1 has no send on rank 0"},
    {"receives in another order", cross_payloads,
     "transfer 1 from rank 0 to rank 1: the send is 0SEND_F1 (256 bytes), the receive is 1RECV_F2 "
     "(256 bytes)"},
    {"an order that deadlocks", deadlock,
     "deadlock: rank 0 waits for 0RECV_B0 <- rank 1 is at 1RECV_F0 <- rank 0"},
    {"a micro-batch twice", duplicate, "2F0 of rank 2 is done twice"},
    {"a micro-batch that is not there", out_of_range, "1B4 of rank 1: micro-batches are 0 to 3"},
    {"a stage of another rank", wrong_rank, "2F0 is on rank 1, which does not have stage 2"},
    {"backward before forward", backward_first, "2B0 of rank 2 comes before 2F0"},
    {"a live slot overwritten", overwrite,
     "0B0 of rank 0 needs the saved tensors of stage 0, micro-batch 0 at byte *, which 0F1 has "
     "overwritten"},
    {"a receive into a live slot", receive_over,
     "1B0 of rank 1 needs the saved tensors of stage 1, micro-batch 0 at byte *, which 1RECV_F2 "
     "has "
     "overwritten"},
    {"a send of other bytes", send_wrong_bytes,
     "0SEND_F0 of rank 0 needs the output of 0F0 at byte *, where nothing was written"},
    {"a wait left out", skip_wait,
     "1F0 of rank 1 reads the output of 0F0 before the wait for its receive"},
    {"a send's wait left out", skip_send_wait, "1SEND_F3 of rank 1 is never waited for"},
    {"a wait for another post", wait_for_another,
     "instruction * of rank 1 waits for 1RECV_F1, but its post is 1RECV_F0"},
    {"a first gradient that accumulates", accumulate_first,
     "1B0 of rank 1 accumulates onto a gradient that nothing has stored"},
    {"a later gradient that stores", store_later,
     "1B2 of rank 1 stores its gradient over those accumulated before"},
    {"an action left out", leave_out, "stage 0 of rank 0 never does B (or I) of micro-batch 3"},
    {"a write outside", write_parameters, "0F0 of rank 0 writes bytes 0..256, outside *"},
    {"an update too early", update_early, "the update of rank 2 comes before 1 of its W (or B)"},
    {"a wrong number", number_wrongly,
     "0SEND_F2 has number 2 and 1RECV_F2 number 3, but both are number 2"},
    {"a send that may overtake its producer", send_early,
     "1SEND_B2 of rank 1 does not come after the end of 1B2, which touches its bytes"},
    {"a receive that may overtake the bytes' last user", receive_early,
     "1RECV_* of rank 1 does not come after the end of 1*, which touches its bytes"},
    {"an output over its own input", output_over_input,
     "1F1 of rank 1 needs the output of 0F1 at byte *, which 1F1 has overwritten"},
    {"an input gradient over half of the output gradient", gradient_over_gradient,
     "1B1 of rank 1 needs the input gradient of stage 2, micro-batch 1 at byte *, which 1B1 has "
     "overwritten"},
    {"saved tensors over the output", saved_over_output,
     "1F2 of rank 1 needs the output of 1F2 at byte *, which 1F2 has overwritten"},
    {"a post after itself", post_after_itself,
     "0SEND_F1 of rank 0, instruction *, must come after the end of *"},
    {"a peer that is not there", stranger, "instruction * of rank 2 has peer 3 of 3"},
};

static bool matches(const char *pattern, const char *text) {
    if (*pattern == '*') return matches(pattern + 1, text) || (*text && matches(pattern, text + 1));
    return *pattern == *text && (*pattern == 0 || matches(pattern + 1, text + 1));
}

static void assert_named(const struct damage *damage, sluice_queues queues) {
    sluice_program *program = compile_over(generate_schedule("1f1b", 3, 4), queues);
    copy damaged            = copy_of(program);
    assert_ok(verify_copy(&damaged, queues));
    damage->plant(&damaged);
    const sluice_status got = verify_copy(&damaged, queues);
    if (got != SLUICE_E_SCHEDULE || !matches(damage->says, sluice_last_error()->what))
        fail_msg("%s, queues %d: the verifier says '%s', expected '%s'", damage->name, queues,
                 got == SLUICE_OK ? "(nothing)" : sluice_last_error()->what, damage->says);
    free_copy(&damaged);
    sluice_program_free(program);
}

static void every_damage_is_named(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof damages / sizeof *damages; k++)
        for (int queues = 0; queues < 2; queues++) assert_named(&damages[k], (sluice_queues)queues);
}

/* In 1f1b a W is half of a B: here it is an action by itself. */
static void a_w_left_out_is_named(void **state) {
    (void)state;
    sluice_program *program = compile_over(generate_schedule("zb1p", 3, 4), 0);
    copy damaged            = copy_of(program);
    cut_out(&damaged, 1, find_instruction(&damaged, 1, SLUICE_INSTRUCTION_BACKWARD_WEIGHT, 1, 3));
    assert_refused(verify_copy(&damaged, 0), SLUICE_E_SCHEDULE,
                   "stage 1 of rank 1 never does W of micro-batch 3");
    free_copy(&damaged);
    sluice_program_free(program);
}

/* Any two instructions swapped: either the verifier objects, or the program still finishes. It
 * never crashes, and objects to most. */
static void random_swaps_never_crash_the_verifier(void **state) {
    (void)state;
    static const char *const names[] = {"gpipe", "gpipe-lifo", "1f1b"};
    uint64_t random                  = test_seed();
    int refused                      = 0;
    for (int round = 0; round < 300; round++) {
        const sluice_queues queues = (sluice_queues)(round / 3 % 2);
        sluice_program *program = compile_over(generate_schedule(names[round % 3], 3, 4), queues);
        copy changed            = copy_of(program);
        const int r             = test_random_int(&random, 0, 2);
        const int n             = changed.counts[r] - 1;
        swap_instructions(&changed, r, test_random_int(&random, 0, n),
                          test_random_int(&random, 0, n));
        refused += verify_copy(&changed, queues) != SLUICE_OK;
        free_copy(&changed);
        sluice_program_free(program);
    }
    if (refused < 150) fail_msg("only %d of 300 exchanges were refused", refused);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_damage_is_named),
        cmocka_unit_test(a_w_left_out_is_named),
        cmocka_unit_test(random_swaps_never_crash_the_verifier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
