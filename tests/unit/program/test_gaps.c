/* SPDX-License-Identifier: MIT */
/* test_gaps.c -- why ranks stand still: by hand, and that gaps and actions fill every step. */
#include "tests/support/schedule_tools.h"

#include <math.h>

#include "runtime/base/alloc.h"
#include "runtime/program/compiled.h"
#include "runtime/program/simulate/charges.h"
#include "sluice/gaps.h"
#include "sluice/ledger.h"

enum { MAX_RANKS = 8 };

/* F of rank 0 takes 1, F of rank 1 `late`; transfers take 0.5. */
static sluice_simulation *simulate_late(const sluice_program *program, double late) {
    sluice_cost stages[MAX_STAGES];
    sluice_simulation_costs costs = equal_costs(stages, 1, 1, 1);
    stages[1].forward             = late;
    costs.latency                 = 0.5;
    return simulate(program, &costs);
}

typedef struct expected_gap {
    sluice_gap_kind kind;
    double begin, end, absent;
    int peer;
    const char *words, *first, *last; /* of the wait, and of what the peer runs meanwhile */
} expected_gap;

static void assert_words(const char *what, const sluice_program *program, int rank, int n,
                         const char *expected) {
    char words[96] = "nothing";
    int count;
    (void)sluice_program_list(&count, program, rank);
    if (n == count) snprintf(words, sizeof words, "end");
    if (n >= 0 && n < count) sluice_program_describe(words, sizeof words, program, rank, n);
    if (strcmp(words, expected) != 0) fail_msg("%s is '%s', expected '%s'", what, words, expected);
}

static void assert_gaps(const sluice_program *program, const sluice_simulation *simulation,
                        int rank, const expected_gap *expected, int expected_count) {
    sluice_gap *gaps;
    int count;
    assert_ok(sluice_simulation_gaps(&gaps, &count, program, simulation, rank));
    if (count != expected_count) fail_msg("%d gaps, expected %d", count, expected_count);
    for (int g = 0; g < count; g++) {
        char what[64];
        snprintf(what, sizeof what, "gap %d", g);
        assert_int_equal(gaps[g].kind, expected[g].kind);
        assert_near(what, gaps[g].begin, expected[g].begin);
        assert_near(what, gaps[g].end, expected[g].end);
        assert_near(what, gaps[g].absent, expected[g].absent);
        assert_int_equal(gaps[g].peer, expected[g].peer);
        assert_words(what, program, rank, gaps[g].at, expected[g].words);
        assert_words(what, program, gaps[g].peer, gaps[g].first, expected[g].first);
        assert_words(what, program, gaps[g].peer, gaps[g].last, expected[g].last);
    }
    sluice_gaps_free(gaps);
}

/* rank 0: F0 0-1, then nothing until the gradient: 1F0 is 1.5-3.5, 1B0 3.5-5.5, its transfer to 6;
 * the last send of rank 1 ends at 6, and rank 0's B0 at 8. */
static void receives_and_sends_and_the_norm_are_named(void **state) {
    (void)state;
    sluice_program *program =
        compile_over(generate_schedule("1f1b", 2, 1), SLUICE_QUEUES_PER_CHANNEL);
    sluice_simulation *simulation = simulate_late(program, 2);
    const expected_gap first[]    = {{SLUICE_GAP_RECEIVE, 1, 6, 4.5, 1,
                                      "receive of gradient 1B0 from rank 1",
                                      "receive of activation 0F0 from rank 0", "1B0"}};
    const expected_gap second[]   = {
          {SLUICE_GAP_RECEIVE, 0, 1.5, 1, 0, "receive of activation 0F0 from rank 0", "0F0", "0F0"},
          {SLUICE_GAP_SEND, 5.5, 6, 0, 0, "send of gradient 1B0 to rank 0", "nothing", "nothing"},
          {SLUICE_GAP_RANKS, 6, 8, 2, 0, "norm", "0B0", "0B0"},
    };
    assert_near("step", simulation->step, 8);
    assert_gaps(program, simulation, 0, first, 1);
    assert_gaps(program, simulation, 1, second, 3);
    sluice_simulation_free(simulation);
    sluice_program_free(program);
}

/* Rank 1 posts the receive of F_i when it reaches F_(i-1): rank 0, whose sends are limited, waits.
 */
static void a_send_waits_for_its_receiver(void **state) {
    (void)state;
    sluice_program *program =
        compile_over(generate_schedule("zb1p", 2, 1), SLUICE_QUEUES_PER_CHANNEL);
    sluice_simulation *simulation = simulate_late(program, 2);
    const expected_gap gaps[]     = {{SLUICE_GAP_RECEIVE, 1, 5, 3.5, 1,
                                      "receive of gradient 1I0 from rank 1",
                                      "receive of activation 0F0 from rank 0", "1I0"}};
    assert_gaps(program, simulation, 0, gaps, 1); /* the half is named as it is in the schedule */
    sluice_simulation_free(simulation);
    sluice_program_free(program);

    program    = compile_over(generate_schedule("forward-only", 2, 8), SLUICE_QUEUES_PER_CHANNEL);
    simulation = simulate_late(program, 10);
    sluice_gap *found;
    int count, sends = 0;
    double stood = 0;
    assert_ok(sluice_simulation_gaps(&found, &count, program, simulation, 0));
    for (int g = 0; g < count; g++) {
        if (found[g].kind != SLUICE_GAP_SEND) continue;
        sends++;
        stood += found[g].end - found[g].begin;
        if (found[g].end - found[g].begin - found[g].absent > 0.5 + 1e-9)
            fail_msg("gap %d: a transfer of 0.5 takes %g", g,
                     found[g].end - found[g].begin - found[g].absent);
    }
    if (sends == 0 || stood < 10)
        fail_msg("rank 0 waits for %d sends, %g in all, while rank 1 takes 80", sends, stood);
    const int last = count - 1;
    assert_int_equal(found[last].kind, SLUICE_GAP_RANKS);
    assert_words("the last gap", program, 0, found[last].at, "end");
    assert_words("what rank 1 ends with", program, 1, found[last].last, "1F7");
    sluice_gaps_free(found);
    sluice_simulation_free(simulation);
    sluice_program_free(program);
}

static void a_rank_that_does_not_exist_is_refused(void **state) {
    (void)state;
    sluice_program *program =
        compile_over(generate_schedule("1f1b", 2, 1), SLUICE_QUEUES_PER_CHANNEL);
    sluice_simulation *simulation = simulate_late(program, 1);
    sluice_gap *gaps              = NULL;
    int count                     = 7;
    assert_int_equal(sluice_simulation_gaps(&gaps, &count, program, simulation, 2),
                     SLUICE_E_ARGUMENT);
    assert_string_equal(sluice_last_error()->what, "there is no rank 2; there are ranks 0 to 1");
    assert_null(gaps);
    assert_int_equal(count, 7);
    sluice_simulation_free(simulation);
    sluice_program_free(program);
}

/* ---- any schedule ---- */

static void assert_gap(const char *what, const sluice_gap *gap, double clock,
                       const sluice_simulation *simulation) {
    const double time = gap->end - gap->begin;
    if (gap->begin < clock || !(time > 0))
        fail_msg("%s: a gap from %g to %g, after %g", what, gap->begin, gap->end, clock);
    if (!(gap->absent >= 0 && gap->absent <= time))
        fail_msg("%s: the other end is absent for %g of %g", what, gap->absent, time);
    if ((gap->absent > 0) != (gap->first >= 0) || gap->last < gap->first)
        fail_msg("%s: absent for %g, at instructions %d to %d", what, gap->absent, gap->first,
                 gap->last);
    if (gap->absent > 0 && (simulation->rank[gap->peer].end[gap->first] <= gap->begin ||
                            simulation->rank[gap->peer].begin[gap->last] >= gap->end))
        fail_msg("%s: what rank %d does meanwhile is outside the gap from %g to %g", what,
                 gap->peer, gap->begin, gap->end);
}

static void assert_sum(const char *what, const char *of, double got, double expected) {
    if (!(fabs(got - expected) <= 1e-9 * (1 + fabs(expected))))
        fail_msg("%s: %s is %g by its gaps, %g by the ledger", what, of, got, expected);
}

/* Gaps and actions fill the step, and sums by kind are those of the ledger. */
static void assert_filled(const char *what, const sluice_program *program,
                          const sluice_simulation *simulation, const sluice_ledger *ledger,
                          int rank) {
    double kinds[SLUICE_GAP_KINDS] = {0}, absent = 0, clock = 0;
    sluice_gap *gaps;
    int count;
    assert_ok(sluice_simulation_gaps(&gaps, &count, program, simulation, rank));
    for (int g = 0; g < count; g++) {
        assert_gap(what, &gaps[g], clock, simulation);
        clock = gaps[g].end;
        kinds[gaps[g].kind] += gaps[g].end - gaps[g].begin;
        if (gaps[g].kind == SLUICE_GAP_RECEIVE) absent += gaps[g].absent;
    }
    const double *const entry = ledger->time, receives = kinds[SLUICE_GAP_RECEIVE];
    assert_sum(what, "waiting for sends", kinds[SLUICE_GAP_SEND], entry[SLUICE_LEDGER_SEND]);
    assert_sum(what, "waiting for a sender", absent,
               entry[SLUICE_LEDGER_UPSTREAM] + entry[SLUICE_LEDGER_DOWNSTREAM]);
    assert_sum(what, "receiving", receives - absent, entry[SLUICE_LEDGER_TRANSFER]);
    assert_sum(what, "waiting for other ranks", kinds[SLUICE_GAP_RANKS], entry[SLUICE_LEDGER_IDLE]);
    assert_sum(what, "the step",
               simulation->rank[rank].busy + entry[SLUICE_LEDGER_UPDATE] + receives +
                   kinds[SLUICE_GAP_SEND] + kinds[SLUICE_GAP_RANKS],
               simulation->step);
    sluice_gaps_free(gaps);
}

static void gaps_and_actions_fill_the_step(void **state) {
    (void)state;
    uint64_t seed = test_seed();
    for (int trial = 0; trial < 200; trial++) {
        const char *const *names = sluice_schedule_names();
        int count                = 0;
        while (names[count]) count++;
        const char *name = names[test_random_int(&seed, 0, count - 1)];
        const int p      = test_random_int(&seed, 1, MAX_RANKS);
        const int m      = p * test_random_int(&seed, 1, 3);
        sluice_program *program =
            compile_over(generate_schedule(name, p, m), (sluice_queues)(trial % 2));
        sluice_cost cost[MAX_STAGES];
        sluice_simulation_costs costs = equal_costs(cost, 1, 1, 1);
        for (int s = 0; s < MAX_STAGES; s++)
            cost[s] = (sluice_cost){test_random_int(&seed, 0, 9), test_random_int(&seed, 0, 9),
                                    test_random_int(&seed, 0, 9)};
        costs.latency                 = 0.25 * test_random_int(&seed, 0, 4);
        costs.update                  = test_random_int(&seed, 0, 3);
        sluice_simulation *simulation = simulate(program, &costs);
        sluice_ledger ledger[MAX_RANKS];
        assert_ok(sluice_simulation_ledger(ledger, program, simulation, &costs));
        for (int r = 0; r < p; r++) {
            char what[96];
            snprintf(what, sizeof what, "%s, p %d, m %d, queues %d, rank %d", name, p, m, trial % 2,
                     r);
            assert_filled(what, program, simulation, &ledger[r], r);
        }
        sluice_simulation_free(simulation);
        sluice_program_free(program);
    }
}

static int count_kind(const sluice_program *program, int r, sluice_instruction_kind kind) {
    int of_kind = 0;
    for (int n = 0; n < program->rank[r].count; n++)
        of_kind += program->rank[r].list[n].kind == kind;
    return of_kind;
}

/* At either end, whether what produces it is ahead in its rank's list or behind. */
static void gradients_are_named_by_their_half(void **state) {
    (void)state;
    sluice_program *program =
        compile_over(generate_schedule("zb1p", 5, 10), SLUICE_QUEUES_PER_CHANNEL);
    for (int r = 0; r < 5; r++) {
        assert_int_equal(count_kind(program, r, SLUICE_INSTRUCTION_BACKWARD), 0);
        for (int n = 0; n < program->rank[r].count; n++) {
            const sluice_instruction *at = &program->rank[r].list[n];
            char words[96], expected[96];
            if (at->peer < 0 || at->payload != SLUICE_PAYLOAD_GRADIENT) continue;
            sluice_program_describe(words, sizeof words, program, r, n);
            snprintf(expected, sizeof expected, "%s of gradient %dI%d %s rank %d",
                     at->sends ? "send" : "receive", at->sends ? r : at->peer, at->microbatch,
                     at->sends ? "to" : "from", at->peer);
            if (strcmp(words, expected) != 0)
                fail_msg("instruction %d of rank %d is '%s', expected '%s'", n, r, words, expected);
        }
    }
    sluice_program_free(program);
}

/* Found without the lists of ranks that are not its peers. */
static void the_partners_of_a_rank_are_those_among_all(void **state) {
    static const char *const names[] = {"1f1b", "interleaved", "zbv"};
    (void)state;
    for (int k = 0; k < 2 * (int)(sizeof names / sizeof *names); k++) {
        int **all = NULL;
        sluice_program *program =
            compile_over(generate_schedule(names[k / 2], 5, 10),
                         k % 2 ? SLUICE_QUEUES_PER_RANK : SLUICE_QUEUES_PER_CHANNEL);
        assert_ok(sluice__partners_make(&all, program));
        for (int r = 0; r < 5; r++) {
            int *mine = NULL;
            assert_ok(sluice__partners_of_rank(&mine, program, r));
            for (int n = 0; n < program->rank[r].count; n++)
                if (mine[n] != all[r][n])
                    fail_msg("%s, queues %d: the other post of instruction %d of rank %d is %d, "
                             "expected %d",
                             names[k / 2], k % 2, n, r, mine[n], all[r][n]);
            sluice__free(mine);
        }
        sluice__partners_free(all, program);
        sluice_program_free(program);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(receives_and_sends_and_the_norm_are_named),
        cmocka_unit_test(a_send_waits_for_its_receiver),
        cmocka_unit_test(a_rank_that_does_not_exist_is_refused),
        cmocka_unit_test(gaps_and_actions_fill_the_step),
        cmocka_unit_test(gradients_are_named_by_their_half),
        cmocka_unit_test(the_partners_of_a_rank_are_those_among_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
