/* SPDX-License-Identifier: MIT */
/* test_program.c -- lowering, memory plan, and a verifier that must notice every planted damage. */
#include "tests/support.h"

#include "runtime/program/place.h"
#include "sluice/program.h"

/* ---- placement ---- */

static void test_placed_lives_never_share_bytes_while_alive(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < 200; round++) {
        sluice__life lives[60];
        const int count = test_random_int(&random, 1, 60);
        for (int k = 0; k < count; k++) {
            const int begin = test_random_int(&random, 0, 30);
            lives[k] = (sluice__life){(size_t)test_random_int(&random, 1, 5000), begin,
                                      begin + test_random_int(&random, 0, 10), 0, 0};
        }
        size_t total, peak;
        int at;
        assert_ok(sluice__place(lives, count, &total));
        assert_ok(sluice__peak(lives, count, 41, &peak, &at));
        if (total < peak) fail_msg("placed in %zu bytes, but %zu are alive at once", total, peak);
        for (int a = 0; a < count; a++)
            for (int b = 0; b < a; b++) {
                const bool alive = lives[a].begin <= lives[b].end && lives[b].begin <= lives[a].end;
                const bool share = lives[a].offset < lives[b].offset + lives[b].bytes &&
                                   lives[b].offset < lives[a].offset + lives[a].bytes;
                if (alive && share) fail_msg("round %d: buffers %d and %d share bytes", round, a, b);
            }
    }
}

static void test_equal_sizes_are_placed_in_their_peak(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < 100; round++) {
        sluice__life lives[80];
        for (int k = 0; k < 80; k++) {
            const int begin = test_random_int(&random, 0, 60);
            lives[k]        = (sluice__life){512, begin, begin + test_random_int(&random, 0, 20), 0, 0};
        }
        size_t total, peak;
        int at;
        assert_ok(sluice__place(lives, 80, &total));
        assert_ok(sluice__peak(lives, 80, 81, &peak, &at));
        if (total != peak) fail_msg("placed in %zu bytes where %zu would do", total, peak);
    }
}

/* ---- whole programs, without a model ---- */

static sluice_program *compile(const char *name, int p, int m) {
    sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
    options.ranks                   = p;
    options.microbatches            = m;
    sluice_schedule *schedule;
    sluice_program *program;
    assert_ok(sluice_schedule_generate(&schedule, name, &options));
    const sluice_program_options settings = SLUICE_PROGRAM_OPTIONS_INIT;
    assert_ok(sluice_program_compile(&program, schedule, NULL, NULL, &settings));
    sluice_schedule_free(schedule);
    return program;
}

static const char *const trained[] = {"gpipe", "gpipe-lifo", "1f1b"};

static void test_every_schedule_compiles_and_verifies(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < 100; round++) {
        const int p = test_random_int(&random, 1, 9), m = test_random_int(&random, 1, 17);
        sluice_program_free(compile(trained[round % 3], p, m));
        sluice_program_free(compile("forward-only", p, m));
    }
}

/* A copy of a program's lists that can be damaged. */
typedef struct copy {
    const sluice_program *program;
    sluice_instruction *lists[4];
    int counts[4];
} copy;

static copy copy_of(const sluice_program *program) {
    copy made = {.program = program};
    for (int r = 0; r < sluice_program_ranks(program); r++) {
        const sluice_instruction *list = sluice_program_list(program, r, &made.counts[r]);
        const size_t bytes             = (size_t)made.counts[r] * sizeof *list;
        made.lists[r]                  = malloc(bytes + sizeof *list);
        memcpy(made.lists[r], list, bytes);
    }
    return made;
}

static void free_copy(copy *made) {
    for (int r = 0; r < sluice_program_ranks(made->program); r++) free(made->lists[r]);
}

/* Position in rank r's list of the first instruction like this one. */
static int find(const copy *in, int r, sluice_instruction_kind kind, int stage, int microbatch) {
    for (int n = 0; n < in->counts[r]; n++)
        if (in->lists[r][n].kind == kind && in->lists[r][n].stage == stage &&
            in->lists[r][n].microbatch == microbatch)
            return n;
    fail_msg("rank %d has no %s of stage %d, micro-batch %d", r, sluice_instruction_name(kind),
             stage, microbatch);
    return -1;
}

/* Take instruction n out; waits keep pointing at their posts. */
static void cut_out(copy *from, int r, int n) {
    sluice_instruction *list = from->lists[r];
    memmove(&list[n], &list[n + 1], (size_t)(from->counts[r] - n - 1) * sizeof *list);
    from->counts[r]--;
    for (int k = 0; k < from->counts[r]; k++)
        if (list[k].post > n) list[k].post--;
}

static void swap(copy *in, int r, int a, int b) {
    const sluice_instruction held = in->lists[r][a];
    in->lists[r][a]               = in->lists[r][b];
    in->lists[r][b]               = held;
}

/* -- the damages: 3 ranks, 4 micro-batches, 1f1b -- */

static void miss_send(copy *c) {
    const int post = find(c, 0, SLUICE_INSTRUCTION_POST_SEND, 0, 3);
    for (int n = post + 1; n < c->counts[0]; n++)
        if (c->lists[0][n].post == post) cut_out(c, 0, n--);
    cut_out(c, 0, post);
}

static void cross_payloads(copy *c) {
    sluice_instruction *a = &c->lists[1][find(c, 1, SLUICE_INSTRUCTION_POST_RECEIVE, 1, 1)];
    sluice_instruction *b = &c->lists[1][find(c, 1, SLUICE_INSTRUCTION_POST_RECEIVE, 1, 2)];
    const int microbatch  = a->microbatch;
    a->microbatch         = b->microbatch;
    b->microbatch         = microbatch;
}

/* Instruction `from` goes to `to`; waits keep pointing at their posts. */
static void move(copy *in, int r, int from, int to) {
    const int step = from < to ? 1 : -1;
    for (int n = from; n != to; n += step) swap(in, r, n, n + step);
    for (int n = 0; n < in->counts[r]; n++) {
        int *post = &in->lists[r][n].post;
        if (*post == from)
            *post = to;
        else if (step < 0 && *post >= to && *post < from)
            (*post)++;
        else if (step > 0 && *post > from && *post <= to)
            (*post)--;
    }
}

/* Rank 0 waits for the gradient of micro-batch 0 before it sends that micro-batch. */
static void deadlock(copy *c) {
    const int send = find(c, 0, SLUICE_INSTRUCTION_POST_SEND, 0, 0);
    move(c, 0, find(c, 0, SLUICE_INSTRUCTION_POST_RECEIVE, 0, 0), send);
    for (int n = 0; n < c->counts[0]; n++)
        if (c->lists[0][n].kind == SLUICE_INSTRUCTION_WAIT && c->lists[0][n].post == send)
            move(c, 0, n, send + 1);
}

static void duplicate(copy *c) {
    c->lists[2][find(c, 2, SLUICE_INSTRUCTION_FORWARD, 2, 1)].microbatch = 0;
}

static void out_of_range(copy *c) {
    c->lists[1][find(c, 1, SLUICE_INSTRUCTION_BACKWARD, 1, 3)].microbatch = 4;
}

static void wrong_rank(copy *c) {
    c->lists[1][find(c, 1, SLUICE_INSTRUCTION_FORWARD, 1, 0)].stage = 2;
}

static void backward_first(copy *c) {
    swap(c, 2, find(c, 2, SLUICE_INSTRUCTION_FORWARD, 2, 0),
         find(c, 2, SLUICE_INSTRUCTION_BACKWARD, 2, 0));
}

/* Micro-batch 1's saved tensors lie over micro-batch 0's, which its B still needs. */
static void overwrite(copy *c) {
    const int first  = find(c, 0, SLUICE_INSTRUCTION_FORWARD, 0, 0);
    const int second = find(c, 0, SLUICE_INSTRUCTION_FORWARD, 0, 1);
    c->lists[0][second].slots[SLUICE_ROLE_SAVED_WEIGHT] =
        c->lists[0][first].slots[SLUICE_ROLE_SAVED_WEIGHT];
}

static void skip_wait(copy *c) {
    for (int n = 0; n < c->counts[1]; n++)
        if (c->lists[1][n].kind == SLUICE_INSTRUCTION_WAIT && !c->lists[1][n].sends) {
            cut_out(c, 1, n);
            return;
        }
}

static void accumulate_first(copy *c) {
    c->lists[1][find(c, 1, SLUICE_INSTRUCTION_BACKWARD, 1, 0)].first_weight = false;
}

static void store_later(copy *c) {
    c->lists[1][find(c, 1, SLUICE_INSTRUCTION_BACKWARD, 1, 2)].first_input = true;
}

static void leave_out(copy *c) { cut_out(c, 0, find(c, 0, SLUICE_INSTRUCTION_BACKWARD, 0, 3)); }

static void write_parameters(copy *c) {
    c->lists[0][find(c, 0, SLUICE_INSTRUCTION_FORWARD, 0, 0)].slots[SLUICE_ROLE_OUTPUT].offset = 0;
}

static void update_early(copy *c) {
    const int last = c->counts[2] - 1, backward = find(c, 2, SLUICE_INSTRUCTION_BACKWARD, 2, 3);
    swap(c, 2, last, backward);
}

static const struct damage {
    const char *name;
    void (*plant)(copy *);
    const char *says;
} damages[] = {
    {"a send is missing", miss_send, "1RECV_F3 of rank 1 has no send on rank 0"},
    {"receives in another order", cross_payloads,
     "transfer 1 from rank 0 to rank 1: the send is 0SEND_F1 (256 bytes), the receive is 1RECV_F2 "
     "(256 bytes)"},
    {"an order that deadlocks", deadlock,
     "the program stops: rank 0 waits for 0RECV_B0; rank 1 waits for 1RECV_F0; rank 2 waits for "
     "2RECV_F0"},
    {"a micro-batch twice", duplicate, "2F0 of rank 2 was done already"},
    {"a micro-batch that is not there", out_of_range,
     "1B4 of rank 1: micro-batches are 0 to 3"},
    {"a stage of another rank", wrong_rank, "2F0 is on rank 1, which does not have stage 2"},
    {"backward before forward", backward_first, "2B0 of rank 2 comes before 2F0"},
    {"a live slot overwritten", overwrite,
     "0B0 of rank 0 needs the saved tensors of stage 0, micro-batch 0 at byte *, which 0F1 has "
     "overwritten"},
    {"a wait left out", skip_wait,
     "1F0 of rank 1 reads the output of 0F0 before its receive was waited for"},
    {"a first gradient that accumulates", accumulate_first,
     "1B0 of rank 1 accumulates onto a gradient that nothing has stored"},
    {"a later gradient that stores", store_later,
     "1B2 of rank 1 stores its gradient over those accumulated before"},
    {"an action left out", leave_out, "the norm of rank 0 comes with 1 W (or B) still to do"},
    {"a write outside", write_parameters, "0F0 of rank 0 writes bytes 0..256, outside *"},
    {"an update too early", update_early, "the update of rank 2 comes with 1 W (or B) still to do"},
};

/* `*` stands for anything. */
static bool matches(const char *pattern, const char *text) {
    if (*pattern == '*')
        return matches(pattern + 1, text) || (*text && matches(pattern, text + 1));
    return *pattern == *text && (*pattern == 0 || matches(pattern + 1, text + 1));
}

static void test_every_damage_is_named(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof damages / sizeof *damages; k++) {
        sluice_program *program = compile("1f1b", 3, 4);
        copy damaged            = copy_of(program);
        for (int r = 0; r < 3; r++)
            damaged.lists[r] = realloc(damaged.lists[r], (size_t)(damaged.counts[r] + 4) *
                                                             sizeof *damaged.lists[r]);
        const sluice_instruction *const lists[] = {damaged.lists[0], damaged.lists[1],
                                                   damaged.lists[2]};
        assert_ok(sluice_program_verify(program, lists, damaged.counts));
        damages[k].plant(&damaged);
        const sluice_status got = sluice_program_verify(program, lists, damaged.counts);
        if (got != SLUICE_E_SCHEDULE || !matches(damages[k].says, sluice_last_error()->what))
            fail_msg("%s: the verifier says '%s', expected '%s'", damages[k].name,
                     got == SLUICE_OK ? "(nothing)" : sluice_last_error()->what, damages[k].says);
        free_copy(&damaged);
        sluice_program_free(program);
    }
}

/* Any two instructions exchanged: either the verifier objects, or it still is a program that ends.
 * It never crashes, and it objects to most. */
static void test_random_exchanges_are_survived(void **state) {
    (void)state;
    uint64_t random  = test_seed();
    int refused      = 0;
    for (int round = 0; round < 300; round++) {
        sluice_program *program = compile(trained[round % 3], 3, 4);
        copy changed            = copy_of(program);
        const int r             = test_random_int(&random, 0, 2);
        const int n             = changed.counts[r] - 1;
        swap(&changed, r, test_random_int(&random, 0, n), test_random_int(&random, 0, n));
        const sluice_instruction *const lists[] = {changed.lists[0], changed.lists[1],
                                                   changed.lists[2]};
        refused += sluice_program_verify(program, lists, changed.counts) != SLUICE_OK;
        free_copy(&changed);
        sluice_program_free(program);
    }
    if (refused < 150) fail_msg("only %d of 300 exchanges were refused", refused);
}

/* ---- schedules of one's own ---- */

static const struct own {
    const char *csv, *says; /* NULL: it compiles */
} owns[] = {
    {"0F0,0F1,0B0,0B1\n1F0,1B0,1F1,1B1\n", NULL},
    {"0F0,0F1,0I0,0W0,0I1,0W1\n1F0,1I0,1F1,1I1,1W0,1W1\n", NULL},
    {"0F0,3F0,3B0,0B0\n1F0,2F0,2B0,1B0\n", NULL},
    {"0F0,0SEND_F0,0RECV_B0,0B0\n1RECV_F0,1F0,1B0,1SEND_B0\n", NULL},
    {"0F0,0SEND_F0,0B0\n1RECV_F0,1F0,1B0,1SEND_B0\n",
     "1SEND_B0 of rank 1 has no receive on rank 0"},
    {"0F0,0B0\n1F0\n", "0B0 of rank 0 needs the input gradient of stage 1, micro-batch 0"},
    {"0F0,0F1,0B0\n1F0,1F1,1B0,1B1\n", "1B1 has no 0B1 to follow it"},
    {"0F0,0B0,0F1,0B1\n1F1,1B1,1F0,1B0\n", "the program stops: rank 0 waits for 0RECV_B0; rank 1 "
                                           "waits for 1RECV_F1"},
    {"0F0,0W0,0I0\n", "0W0 of rank 0 comes before 0I0"},
};

static void test_schedules_of_ones_own(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof owns / sizeof *owns; k++) {
        sluice_schedule *schedule;
        sluice_program *program = NULL;
        assert_ok(sluice_schedule_parse(&schedule, owns[k].csv, strlen(owns[k].csv)));
        const sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
        const sluice_status got =
            sluice_program_compile(&program, schedule, NULL, NULL, &options);
        const char *what = got == SLUICE_OK ? "(nothing)" : sluice_last_error()->what;
        if ((got == SLUICE_OK) != (owns[k].says == NULL) ||
            (owns[k].says && !strstr(what, owns[k].says)))
            fail_msg("%s: '%s', expected '%s'", owns[k].csv, what,
                     owns[k].says ? owns[k].says : "(nothing)");
        sluice_program_free(program);
        sluice_schedule_free(schedule);
    }
}

/* Of uneven micro-batches the larger come first. */
static void test_microbatches_cover_the_minibatch(void **state) {
    (void)state;
    const int64_t first[] = {0, 3, 6, 8, 10};
    sluice_schedule *schedule;
    sluice_program *program;
    sluice_schedule_options cut     = SLUICE_SCHEDULE_OPTIONS_INIT;
    cut.microbatches                = 4;
    sluice_program_options settings = SLUICE_PROGRAM_OPTIONS_INIT;
    settings.samples                = 10;
    assert_ok(sluice_schedule_generate(&schedule, "gpipe", &cut));
    assert_ok(sluice_program_compile(&program, schedule, NULL, NULL, &settings));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(sluice_program_first_sample(program, i), first[i]);
        assert_int_equal(sluice_program_samples(program, i), first[i + 1] - first[i]);
    }
    sluice_program_free(program);
    sluice_schedule_free(schedule);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_placed_lives_never_share_bytes_while_alive),
        cmocka_unit_test(test_equal_sizes_are_placed_in_their_peak),
        cmocka_unit_test(test_every_schedule_compiles_and_verifies),
        cmocka_unit_test(test_every_damage_is_named),
        cmocka_unit_test(test_random_exchanges_are_survived),
        cmocka_unit_test(test_schedules_of_ones_own),
        cmocka_unit_test(test_microbatches_cover_the_minibatch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
