/* SPDX-License-Identifier: MIT */
/* test_verify_queues.c -- the verifier over a queue per link and over a queue per rank: what it
 * must accept, and what it must refuse. */
#include "tests/support/damage.h"
#include "tests/support/random_schedule.h"

#include "sluice/gpt2.h"
#include "sluice/plan.h"

static const sluice_queues PER_LINK = SLUICE_QUEUES_PER_CHANNEL, PER_RANK = SLUICE_QUEUES_PER_RANK;

/* A schedule by name; NULL if the name does not take these numbers. */
static sluice_schedule *try_generate(const char *name, int p, int m) {
    sluice_schedule *schedule       = NULL;
    sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
    options.ranks                   = p;
    options.microbatches            = m;
    const sluice_status status      = sluice_schedule_generate(&schedule, name, &options);
    if (status != SLUICE_OK && status != SLUICE_E_ARGUMENT) assert_ok(status);
    return schedule;
}

/* ---- every generator ---- */

static void every_schedule_runs_over_both_kinds_of_queues(void **state) {
    (void)state;
    static const int ranks[] = {2, 4, 8};
    for (const char *const *name = sluice_schedule_names(); *name; name++) {
        int made = 0;
        for (int k = 0; k < 3; k++)
            for (int m = 1; m <= 4 * ranks[k]; m++)
                for (int queues = 0; queues < 2; queues++) {
                    sluice_schedule *schedule = try_generate(*name, ranks[k], m);
                    if (!schedule) continue;
                    sluice_program_free(compile_over(schedule, (sluice_queues)queues));
                    made++;
                }
        if (made < 20) fail_msg("%s takes only %d of the numbers tried", *name, made);
    }
}

/* In each rank's own order, one by one: in a queue per rank, receives block the sends that they
 * wait for. */
static void orders_of_each_rank_deadlock_in_one_queue(void **state) {
    (void)state;
    static const char *const names[] = {"gpipe", "gpipe-lifo", "1f1b"};
    for (int k = 0; k < 3; k++)
        for (int p = 2; p <= 8; p *= 2) {
            sluice_program *program = compile_over(generate_schedule(names[k], p, 2 * p), PER_LINK);
            copy own                = copy_of(program);
            assert_ok(verify_copy(&own, PER_LINK));
            const sluice_status got = verify_copy(&own, PER_RANK);
            const char *what        = sluice_last_error()->what;
            if (got != SLUICE_E_SCHEDULE || !strstr(what, "deadlock: ") ||
                !strstr(what, "'s queue is at"))
                fail_msg("%s, p = %d, in its own order: '%s'", names[k], p,
                         got == SLUICE_OK ? "(runs)" : what);
            free_copy(&own);
            sluice_program_free(program);
        }
}

/* The other way round it works: what runs in one queue per rank runs in several. */
static void what_runs_in_one_queue_runs_in_several(void **state) {
    (void)state;
    for (const char *const *name = sluice_schedule_names(); *name; name++) {
        sluice_schedule *schedule = try_generate(*name, 4, 8);
        if (!schedule) continue;
        sluice_program *program = compile_over(schedule, PER_RANK);
        copy same               = copy_of(program);
        assert_ok(verify_copy(&same, PER_LINK));
        free_copy(&same);
        sluice_program_free(program);
    }
}

/* Without its groups 1f1b deadlocks: activation and gradient cross between neighbours. */
static void without_groups_one_queue_deadlocks(void **state) {
    (void)state;
    sluice_program *program = compile_over(generate_schedule("1f1b", 4, 8), PER_RANK);
    copy apart              = copy_of(program);
    for (int r = 0; r < 4; r++) {
        /* Each rank sends first, then receives. */
        for (int n = 0; n < apart.counts[r]; n++) apart.lists[r][n].group = 0;
        for (int n = 0; n + 1 < apart.counts[r]; n++) {
            sluice_instruction *a = &apart.lists[r][n], *b = a + 1;
            if (a->kind == SLUICE_INSTRUCTION_POST_RECEIVE &&
                b->kind == SLUICE_INSTRUCTION_POST_SEND)
                move_instruction(&apart, r, n + 1, n);
        }
    }
    assert_int_equal(verify_copy(&apart, PER_RANK), SLUICE_E_SCHEDULE);
    if (!strstr(sluice_last_error()->what, "queue is at"))
        fail_msg("ungrouped: '%s'", sluice_last_error()->what);
    free_copy(&apart);
    sluice_program_free(program);
}

/* A group is one kernel of two ranks' communicator. */
static void groups_are_of_two_ranks(void **state) {
    (void)state;
    sluice_program *program   = compile_over(generate_schedule("1f1b", 4, 8), PER_RANK);
    copy joined               = copy_of(program);
    sluice_instruction *first = NULL, *second = NULL;
    for (int n = 0; n < joined.counts[1] && !second; n++) {
        sluice_instruction *const at = &joined.lists[1][n];
        if (at->kind != SLUICE_INSTRUCTION_POST_SEND && at->kind != SLUICE_INSTRUCTION_POST_RECEIVE)
            continue;
        if (first && at->peer != first->peer) second = at;
        first = second ? first : at;
    }
    if (!first || !second) {
        fail_msg("rank 1 posts to one peer alone");
        return; /* for the analyzer */
    }
    second->group = first->group;
    assert_refused(verify_copy(&joined, PER_RANK), SLUICE_E_SCHEDULE,
                   "rank 1 issues 1RECV_F1 with rank 0 and 1SEND_F0 with rank 2 as one");
    assert_ok(verify_copy(&joined, PER_LINK));
    free_copy(&joined);
    sluice_program_free(program);
}

/* With a model: embedding and head share their weights from the first rank to the last, whose
 * gradients are exchanged after the drain, in one order everywhere; stages may recompute. */
static void tied_models_run_over_one_queue_per_rank(void **state) {
    (void)state;
    const sluice_gpt_config config = {
        .vocabulary = 32, .positions = 8, .width = 8, .layers = 6, .heads = 2, .tied = true};
    sluice_model *model = NULL;
    sluice_split *split = malloc(sizeof *split);
    assert_ok(sluice_gpt_model(&model, &config, 8));
    for (const char *const *name = sluice_schedule_names(); *name; name++) {
        bool recompute[MAX_STAGES];
        sluice_schedule *schedule      = generate_schedule(*name, 4, 8);
        sluice_program *program        = NULL;
        sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
        for (int s = 0; s < MAX_STAGES; s++) recompute[s] = s % 2;
        options.queues    = PER_RANK;
        options.samples   = 11;
        options.recompute = recompute;
        assert_ok(sluice_split_from_model(split, model, sluice_schedule_stages(schedule), 11, 8));
        assert_ok(sluice_program_compile(&program, schedule, model, split, &options));
        sluice_program_free(program);
        sluice_schedule_free(schedule);
    }
    sluice_model_free(model);
    free(split);
}

/* ---- by hand ---- */

static const struct chain {
    const char *csv, *says; /* over a queue per rank; NULL: it runs */
} chains[] = {
    {"0F0,0SEND_F0,0RECV_B0,0B0\n1RECV_F0,1F0,1B0,1SEND_B0\n", NULL},
    /* Both send first: neither's kernel ever meets the other's. */
    {"0F0,0F1,0SEND_F0,0SEND_F1,0RECV_B0,0B0,0RECV_B1,0B1\n"
     "1RECV_F0,1F0,1B0,1SEND_B0,1RECV_F1,1F1,1B1,1SEND_B1\n",
     "deadlock: rank 0's queue is at 0SEND_F1 <- rank 1's queue is at 1SEND_B0 <- rank "
     "0's queue"},
    /* Over links as well: rank 0 waits for what rank 1 computes from data that rank 0 has not sent
     * yet. */
    {"0F0,0RECV_B0,0B0,0SEND_F0\n1RECV_F0,1F0,1B0,1SEND_B0\n",
     "deadlock: rank 0 waits for 0RECV_B0 <- rank 1 is at 1RECV_F0 <- rank 0"},
};

static void a_deadlock_names_its_chain(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof chains / sizeof *chains; k++) {
        sluice_schedule *schedule      = parse_schedule(chains[k].csv);
        sluice_program *program        = NULL;
        sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
        options.queues                 = PER_RANK;
        const sluice_status got = sluice_program_compile(&program, schedule, NULL, NULL, &options);
        const char *what        = got == SLUICE_OK ? "(runs)" : sluice_last_error()->what;
        if ((got == SLUICE_OK) != !chains[k].says ||
            (chains[k].says && strcmp(what, chains[k].says) != 0))
            fail_msg("%s: '%s', expected '%s'", chains[k].csv, what,
                     chains[k].says ? chains[k].says : "(runs)");
        sluice_program_free(program);
        sluice_schedule_free(schedule);
    }
}

/* Forward only, P + 1 stages, the last one before the first on rank 0: a ring of all ranks. */
static void long_chains_are_shortened(void **state) {
    (void)state;
    enum { P = 40 };
    sluice_action lists[P][2];
    const sluice_action *rows[P];
    int counts[P];
    for (int r = 0; r < P; r++) {
        lists[r][0] = (sluice_action){SLUICE_ACTION_F, r > 0 ? r : P, 0, 0};
        lists[r][1] = (sluice_action){SLUICE_ACTION_F, 0, 0, 0};
        rows[r]     = lists[r];
        counts[r]   = r > 0 ? 1 : 2;
    }
    sluice_schedule *schedule = NULL;
    sluice_program *program   = NULL;
    assert_ok(sluice_schedule_from_lists(&schedule, "ring", rows, counts, P));
    for (int queues = 0; queues < 2; queues++) {
        sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
        options.queues                 = (sluice_queues)queues;
        assert_int_equal(sluice_program_compile(&program, schedule, NULL, NULL, &options),
                         SLUICE_E_SCHEDULE);
        static const char begin[] =
            "deadlock: rank 0 waits for 40RECV_F0 <- rank 39 is at 39RECV_F0 <- rank 38 ";
        static const char end[] = " is at 23RECV_F0 <- ... 22 more <- rank 0";
        const char *what        = sluice_last_error()->what;
        if (strncmp(what, begin, sizeof begin - 1) != 0 || strlen(what) < sizeof end ||
            strcmp(what + strlen(what) + 1 - sizeof end, end) != 0)
            fail_msg("queues %d: '%s'", queues, what);
    }
    sluice_schedule_free(schedule);
}

/* ---- random schedules ---- */

static int rounds(int normal) {
    return getenv("SLUICE_LONG") ? 50 * normal : normal;
}

static void random_schedules_compile_and_run(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < rounds(300); round++) {
        sluice_schedule *schedule = make_random_schedule(&random);
        for (int queues = 0; queues < 2; queues++) {
            sluice_program *program         = NULL;
            sluice_program_options settings = SLUICE_PROGRAM_OPTIONS_INIT;
            bool recompute[RANDOM_STAGES];
            for (int s = 0; s < RANDOM_STAGES; s++)
                recompute[s] = test_random_int(&random, 0, 3) == 0;
            settings.queues    = (sluice_queues)queues;
            settings.recompute = recompute;
            assert_ok(sluice_program_compile(&program, schedule, NULL, NULL, &settings));
            sluice_cost stages[MAX_STAGES];
            const sluice_simulation_costs costs = equal_costs(stages, 1, 1, 1);
            sluice_simulation_free(simulate(program, &costs));
            sluice_program_free(program);
        }
        sluice_schedule_free(schedule);
    }
}

/* -- damage that can never be harmless -- */

static int pick(uint64_t *random, const copy *in, int r, bool (*fits)(const sluice_instruction *)) {
    int found[4096], count = 0;
    for (int n = 0; n < in->counts[r] && count < 4096; n++)
        if (fits(&in->lists[r][n])) found[count++] = n;
    return count > 0 ? found[test_random_int(random, 0, count - 1)] : -1;
}

static bool is_post(const sluice_instruction *at) {
    return at->kind == SLUICE_INSTRUCTION_POST_SEND || at->kind == SLUICE_INSTRUCTION_POST_RECEIVE;
}

static bool is_compute(const sluice_instruction *at) {
    return at->kind < SLUICE_INSTRUCTION_RECOMPUTE;
}

static bool is_receive_wait(const sluice_instruction *at) {
    return at->kind == SLUICE_INSTRUCTION_WAIT && !at->sends;
}

static bool drop_post(copy *c, int r, uint64_t *random) {
    const int post = pick(random, c, r, is_post);
    if (post < 0) return false;
    cut_out(c, r, find_wait(c, r, post));
    cut_out(c, r, post);
    return true;
}

static bool drop_compute(copy *c, int r, uint64_t *random) {
    cut_out(c, r, pick(random, c, r, is_compute));
    return true;
}

static bool repeat_compute(copy *c, int r, uint64_t *random) {
    const int n = pick(random, c, r, is_compute);
    memmove(&c->lists[r][n + 1], &c->lists[r][n], (size_t)(c->counts[r] - n) * sizeof *c->lists[r]);
    c->counts[r]++;
    for (int k = 0; k < c->counts[r]; k++) /* or its post */
        if (c->lists[r][k].after > n) c->lists[r][k].after++;
    return true;
}

static bool drop_wait(copy *c, int r, uint64_t *random) {
    const int n = pick(random, c, r, is_receive_wait);
    if (n < 0) return false;
    cut_out(c, r, n);
    return true;
}

/* A wait after the action that uses its data. */
static bool wait_late(copy *c, int r, uint64_t *random) {
    const int n = pick(random, c, r, is_receive_wait);
    if (n < 0) return false;
    const sluice_instruction_kind kinds[] = {
        SLUICE_INSTRUCTION_FORWARD, SLUICE_INSTRUCTION_BACKWARD, SLUICE_INSTRUCTION_BACKWARD_INPUT};
    const bool forward = c->lists[r][n].payload == SLUICE_PAYLOAD_ACTIVATION;
    for (int user = n + 1; user < c->counts[r]; user++) {
        const sluice_instruction *at = &c->lists[r][user];
        if (at->stage != c->lists[r][n].stage || at->microbatch != c->lists[r][n].microbatch ||
            (forward ? at->kind != kinds[0] : at->kind != kinds[1] && at->kind != kinds[2]))
            continue;
        move_instruction(c, r, n, user);
        return true;
    }
    return false;
}

static bool carry_another(copy *c, int r, uint64_t *random) {
    const int post = pick(random, c, r, is_post);
    if (post < 0) return false;
    c->lists[r][post].microbatch++;
    c->lists[r][find_wait(c, r, post)].microbatch++;
    return true;
}

static bool shrink_slot(copy *c, int r, uint64_t *random) {
    const int post = pick(random, c, r, is_post);
    if (post < 0) return false;
    const sluice_role role = c->lists[r][post].sends ? SLUICE_ROLE_INPUT : SLUICE_ROLE_OUTPUT;
    sluice_slot slot       = slot_of(c, r, post, role);
    slot.bytes--;
    put_slot(c, r, post, role, slot);
    return true;
}

static bool forget_stream(copy *c, int r, uint64_t *random) {
    const int post = pick(random, c, r, is_post);
    if (post < 0 || !c->lists[r][post].sends) return false;
    c->lists[r][post].after = -1;
    return true;
}

/* The stage waits for its gradient before it sends its activation: no rank can go on. */
static bool cross_over(copy *c, int r, uint64_t *random) {
    const int send = pick(random, c, r, is_post);
    if (send < 0 || !c->lists[r][send].sends ||
        c->lists[r][send].payload != SLUICE_PAYLOAD_ACTIVATION)
        return false;
    const int stage = c->lists[r][send].stage, i = c->lists[r][send].microbatch;
    for (int n = send + 1; n < c->counts[r]; n++) {
        const sluice_instruction *at = &c->lists[r][n];
        if (at->kind != SLUICE_INSTRUCTION_POST_RECEIVE || at->stage != stage ||
            at->microbatch != i || at->payload != SLUICE_PAYLOAD_GRADIENT)
            continue;
        move_instruction(c, r, find_wait(c, r, n), send);
        move_instruction(c, r, n + 1, send);
        return true;
    }
    return false;
}

static const struct damage {
    const char *name;
    bool (*plant)(copy *, int rank, uint64_t *random); /* false: there is nothing to damage */
} damages[] = {
    {"a post less", drop_post},          {"an action less", drop_compute},
    {"an action twice", repeat_compute}, {"a wait less", drop_wait},
    {"a wait too late", wait_late},      {"another micro-batch", carry_another},
    {"a slot too small", shrink_slot},   {"a send that overtakes its producer", forget_stream},
    {"crossed over", cross_over},
};
enum { DAMAGES = sizeof damages / sizeof *damages };

/* Damage a compiled program; the verifier must object. */
static bool assert_refuses(const struct damage *damage, sluice_schedule *schedule,
                           sluice_queues queues, uint64_t *random) {
    sluice_program *program         = NULL;
    sluice_program_options settings = SLUICE_PROGRAM_OPTIONS_INIT;
    settings.queues                 = queues;
    assert_ok(sluice_program_compile(&program, schedule, NULL, NULL, &settings));
    copy damaged       = copy_of(program);
    const int r        = test_random_int(random, 0, sluice_program_ranks(program) - 1);
    const bool planted = damage->plant(&damaged, r, random);
    if (planted && verify_copy(&damaged, queues) != SLUICE_E_SCHEDULE) {
        char *text = NULL;
        assert_ok(sluice_schedule_print(&text, schedule));
        fail_msg("%s on rank %d, queues %d, is not noticed in\n%s", damage->name, r, queues, text);
    }
    free_copy(&damaged);
    sluice_program_free(program);
    return planted;
}

static void damage_to_random_schedules_is_found(void **state) {
    (void)state;
    uint64_t random      = test_seed();
    int planted[DAMAGES] = {0};
    for (int round = 0; round < rounds(600); round++) {
        sluice_schedule *schedule = make_random_schedule(&random);
        const int k               = round % DAMAGES;
        planted[k] +=
            assert_refuses(&damages[k], schedule, (sluice_queues)(round / DAMAGES % 2), &random);
        sluice_schedule_free(schedule);
    }
    for (int k = 0; k < DAMAGES; k++)
        if (planted[k] < 5) fail_msg("'%s' was planted only %d times", damages[k].name, planted[k]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_schedule_runs_over_both_kinds_of_queues),
        cmocka_unit_test(orders_of_each_rank_deadlock_in_one_queue),
        cmocka_unit_test(what_runs_in_one_queue_runs_in_several),
        cmocka_unit_test(without_groups_one_queue_deadlocks),
        cmocka_unit_test(groups_are_of_two_ranks),
        cmocka_unit_test(tied_models_run_over_one_queue_per_rank),
        cmocka_unit_test(a_deadlock_names_its_chain),
        cmocka_unit_test(long_chains_are_shortened),
        cmocka_unit_test(random_schedules_compile_and_run),
        cmocka_unit_test(damage_to_random_schedules_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
