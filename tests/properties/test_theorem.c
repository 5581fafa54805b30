/* SPDX-License-Identifier: MIT */
/*
 * test_theorem.c -- the theorem: losses, norms and weights have the same bits for any number of
 * ranks and threads and any schedule.
 *
 * SLUICE_LONG=1 runs the full product; otherwise a selection that covers every value. Arguments:
 * "isolated": ranks share no memory but the queues of a transport; "splits" or "schedules": one
 * half, so that each ends in time under ThreadSanitizer on a busy machine.
 */
#include "tests/support/isolated_transport.h"
#include "tests/support/small_gpt.h"

#include "tests/support/random_schedule.h"

#include <math.h>

static int selected; /* another selection for another transport */

/* Of so many cases one; with a sanitizer, which makes each ten times as long, about half as many:
 * both are primes, which nothing here has as a period. */
static int one_in(int cases) {
    return test_is_sanitized() ? 2 * cases - 1 : cases;
}

static void the_bits_are_the_same_in_any_split(void **state) {
    (void)state;
    static const int ranks[]             = {1, 2, 3, 5};
    static const char *const schedules[] = {"gpipe", "1f1b"};
    const bool everything                = getenv("SLUICE_LONG") != NULL;
    int runs                             = 0;
    for (int kind = 0; kind < 8; kind++) {
        const bool tied = kind & 1, even = kind & 2;
        const float dropout = kind & 4 ? 0.2F : 0;
        setting with = {"gpipe", 1, 1, even ? 4 : 3, even ? 8 : 7, tied, "adamw", 0, dropout, 0};
        const outcome one = train(&with);
        if (small_gpt_steps() == STEPS && !(one.loss[STEPS - 1] < one.loss[0]))
            fail_msg("it does not learn");
        for (int k = 0; k < 48; k++) {
            static const unsigned recompute[] = {0, 0xFF, 5};
            with.ranks                        = ranks[k / 4 % 4];
            with.schedule                     = schedules[k / 2 % 2];
            with.threads                      = 1 + k % 2;
            with.recompute                    = recompute[k / 16];
            if (!everything && (k + kind) % one_in(7) != selected) continue;
            const outcome other = train(&with);
            assert_same(&one, &other, &with);
            runs++;
        }
    }
    print_message("%d runs compared\n", runs);
}

static void a_pipeline_has_the_bits_of_a_plain_loop(void **state) {
    (void)state;
    for (int kind = 0; kind < 8; kind++) {
        const bool even     = kind & 2;
        const setting with  = {"1f1b",   1 + kind % 3, 1, even ? 4 : 3,        even ? 8 : 7,
                               kind & 1, "adamw",      0, kind & 4 ? 0.3F : 0, 0};
        const outcome plain = train_plainly(&with, sluice_devices()[0]), piped = train(&with);
        assert_same(&plain, &piped, &with);
    }
}

static void a_pipeline_of_a_llama_has_the_bits_of_a_plain_loop(void **state) {
    (void)state;
    small_gpt.make = make_small_llama;
    for (int kind = 0; kind < 4; kind++) {
        const setting with  = {"1f1b", 1 + kind, 1, 3, 7, kind & 1, "adamw", 0, kind & 2 ? 0.2F : 0,
                               0};
        const outcome plain = train_plainly(&with, sluice_devices()[0]), piped = train(&with);
        if (small_gpt_steps() == STEPS && !(plain.loss[STEPS - 1] < plain.loss[0]))
            fail_msg("it does not learn");
        assert_same(&plain, &piped, &with);
    }
    small_gpt.make = NULL;
}

/* ---- every built-in schedule ---- */

/* Whether B with I, and B with W, ascend in micro-batch on every stage: the theorem's condition. */
static bool ascends(const sluice_schedule *schedule) {
    int last[2][64];
    memset(last, -1, sizeof last);
    for (int r = 0; r < sluice_schedule_ranks(schedule); r++) {
        int count;
        const sluice_action *list = sluice_schedule_list(&count, schedule, r);
        for (int n = 0; n < count; n++)
            for (int half = 0; half < 2; half++) {
                const sluice_action_kind kind = half == 0 ? SLUICE_ACTION_I : SLUICE_ACTION_W;
                if (list[n].kind != SLUICE_ACTION_B && list[n].kind != kind) continue;
                if (list[n].microbatch < last[half][list[n].stage]) return false;
                last[half][list[n].stage] = list[n].microbatch;
            }
    }
    return true;
}

/* Sums in another order: equal up to rounding. */
static void assert_close(const outcome *a, const outcome *b, const setting *with) {
    char words[192];
    print_setting(words, sizeof words, with);
    for (int n = 0; n < small_gpt_steps(); n++)
        if (fabs(a->loss[n] - b->loss[n]) > 1e-5 * a->loss[n] ||
            fabs(a->norm[n] - b->norm[n]) > 1e-4 * a->norm[n])
            fail_msg("%s: step %d has loss %.9g, norm %.9g%s; one rank has %.9g, %.9g", words, n,
                     b->loss[n], b->norm[n], test_not_finite(b->norm[n]), a->loss[n], a->norm[n]);
}

/* One rank, one micro-batch after another: the reference for all others. */
static outcome train_on_one_rank(const setting *with) {
    setting one   = *with;
    one.schedule  = "gpipe";
    one.ranks     = 1;
    one.chunks    = 0;
    one.recompute = 0;
    return train(&one);
}

enum { LAYERS = 7 };

/* True if the bits were compared; else the numbers were, up to rounding. */
static bool compare_with_one_rank(const outcome *one, const setting *with,
                                  const sluice_schedule *schedule) {
    const outcome other = train_by(with, schedule);
    const bool same     = ascends(schedule);
    if (same)
        assert_same(one, &other, with);
    else
        assert_close(one, &other, with);
    return same;
}

/* Schedule x ranks x chunks x recomputation for one kind of run; a selection unless SLUICE_LONG. */
static void compare_schedules(const setting *base, int kind, int *runs, int *rounded) {
    static const unsigned recompute[] = {0, 0xFFFF, 5};
    const outcome one                 = train_on_one_rank(base);
    int pick                          = 5 * kind; /* far from those of the kind before */
    for (const char *const *name = sluice_schedule_names(); *name; name++) {
        sluice_schedule_description about;
        assert_ok(sluice_schedule_describe(&about, *name));
        const int max_chunks = about.max_chunks == 0 ? 3 : about.max_chunks;
        for (int v = about.min_chunks; v <= max_chunks; v++)
            for (int p = 1; p * v <= LAYERS && p <= 5; p++)
                for (int k = 0; k < 3; k++) {
                    setting with   = *base;
                    with.schedule  = *name;
                    with.ranks     = p;
                    with.chunks    = v;
                    with.recompute = recompute[k];
                    with.threads   = 1 + (p + k) % 2;
                    if (!getenv("SLUICE_LONG") && pick++ % one_in(19) != selected) continue;
                    sluice_schedule *schedule =
                        make_chunked_schedule(*name, p, v, with.microbatches);
                    if (sluice_schedule_trains(schedule)) {
                        *rounded += !compare_with_one_rank(&one, &with, schedule);
                        ++*runs;
                    }
                    sluice_schedule_free(schedule);
                }
    }
}

static void compare_every_schedule(int kinds) {
    int runs = 0, rounded = 0;
    for (int kind = 8 - kinds; kind < 8; kind++) {
        const bool even    = kind & 1;
        const setting base = {"gpipe",  1,       1, even ? 6 : 3,        even ? 8 : 7,
                              kind & 2, "adamw", 0, kind & 4 ? 0.1F : 0, 0};
        compare_schedules(&base, kind, &runs, &rounded);
    }
    print_message("%d runs compared, %d of them to rounding\n", runs, rounded);
    const int min_runs = 400 * kinds / one_in(8) / 8, min_rounded = 40 * kinds / one_in(8) / 8;
    if (runs < min_runs || rounded < min_rounded || rounded > runs / 2)
        fail_msg("of %d runs %d are compared to rounding; at least %d runs, of these %d and at "
                 "most half, are expected",
                 runs, rounded, min_runs, min_rounded);
}

static void every_schedule_has_the_bits_or_the_numbers_of_one_rank(void **state) {
    (void)state;
    compare_every_schedule(8);
}

static void every_schedule_trains_a_llama_alike(void **state) {
    (void)state;
    small_gpt.make = make_small_llama;
    compare_every_schedule(4);
    small_gpt.make = NULL;
}

/* The generators that are said to keep the theorem's condition do, all but two. */
static void generators_ascend_that_are_said_to(void **state) {
    (void)state;
    int others = 0;
    for (const char *const *name = sluice_schedule_names(); *name; name++) {
        sluice_schedule *schedule = make_schedule(*name, 3, 6);
        sluice_schedule_description about;
        assert_ok(sluice_schedule_describe(&about, *name));
        if (ascends(schedule) != about.ascending)
            fail_msg("%s %s", *name, about.ascending ? "does not ascend" : "ascends");
        others += !about.ascending;
        sluice_schedule_free(schedule);
    }
    assert_int_equal(others, 2);
}

/* Schedules as files may contain them: halves out of step, overlap groups, explicit transfers. */
static void custom_schedules_have_the_bits_of_one_rank(void **state) {
    (void)state;
    static const char *const texts[] = {
        "0F0,0F1,0I0,0F2,0I1,0W0,0W1,0I2,0W2\n1F0,1I0,1F1,1I1,1F2,1W0,1W1,1I2,1W2\n",
        "0F0,0F1,(0F2;0B0)OVERLAP_F_B,0B1,0B2\n1F0,1B0,(1F1;1B1)OVERLAP_F_B,,(1F2;1B2)OVERLAP_F_"
        "B\n",
        "0F0,0SEND_F0,0F1,0SEND_F1,0RECV_B0,0B0,0F2,0SEND_F2,0RECV_B1,0B1,0RECV_B2,0B2\n"
        "1RECV_F0,1F0,1B0,1SEND_B0,1RECV_F1,1F1,1B1,1SEND_B1,1RECV_F2,1F2,1B2,1SEND_B2\n",
        "0F0,3F0,0F1,3B0,3F1,0B0,3B1,0F2,3F2,0B1,3B2,0B2\n1F0,2F0,1F1,2B0,2F1,1B0,2B1,1F2,2F2,1B1,"
        "2B2,1B2\n",
        "0F0,2F0,2I0,0F1,2F1,2I1,0F2,0I0,2W0,2F2,2I2,0I1,0W0,0W1,2W1,0I2,2W2,0W2\n"
        "1F0,,1I0,1F1,1W0,1I1,1F2,1I2,1W1,1W2\n",
    };
    for (int kind = 0; kind < 4; kind++) {
        setting with = {"a file", 2, 1, 3, 7, kind & 1, "adamw", kind & 2 ? 0xFFFFU : 0, 0.1F, 0};
        const outcome one = train_on_one_rank(&with);
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
            sluice_schedule *schedule;
            assert_ok(sluice_schedule_parse(&schedule, texts[k], strlen(texts[k])));
            if (!compare_with_one_rank(&one, &with, schedule)) fail_msg("text %zu descends", k);
            sluice_schedule_free(schedule);
        }
    }
}

/* Anything that can run: any stage on any rank, in any order. */
static void random_schedules_have_the_numbers_of_one_rank(void **state) {
    (void)state;
    uint64_t random = test_seed();
    int same        = 0;
    for (int runs = 0; runs < (getenv("SLUICE_LONG") ? 1000 : selected ? 8 : 24);) {
        sluice_schedule *schedule = make_random_schedule(&random);
        if (sluice_schedule_stages(schedule) <= LAYERS) {
            setting with      = {"random",
                                 sluice_schedule_ranks(schedule),
                                 1,
                                 sluice_schedule_microbatches(schedule),
                                 7,
                                 runs & 1,
                                 "adamw",
                                 (unsigned)test_random_int(&random, 0, 127),
                            runs & 2 ? 0.1F : 0,
                                 0};
            const outcome one = train_on_one_rank(&with);
            same += compare_with_one_rank(&one, &with, schedule);
            runs++;
        }
        sluice_schedule_free(schedule);
    }
    print_message("%d of them ascend\n", same);
}

static void many_microbatches_agree_with_one_to_rounding(void **state) {
    (void)state;
    for (int m = 2; m <= 7; m += 5) {
        setting with       = {"gpipe", 1, 1, 1, 7, false, "sgd", 0, m == 7 ? 0.2F : 0, 0};
        const outcome one  = train(&with);
        with.microbatches  = m;
        const outcome many = train(&with);
        for (int n = 0; n < small_gpt_steps(); n++)
            if (fabs(one.loss[n] - many.loss[n]) > 1e-5 * one.loss[n] ||
                fabs(one.norm[n] - many.norm[n]) > 1e-4 * one.norm[n])
                fail_msg("step %d, %d micro-batches: loss %.9g and %.9g, norm %.9g and %.9g", n, m,
                         one.loss[n], many.loss[n], one.norm[n], many.norm[n]);
    }
}

/* Dropout happens, in training only, and anew in every step. */
static void dropout_is_applied_in_training_only(void **state) {
    (void)state;
    setting with            = {"1f1b", 2, 1, 4, 8, true, "sgd", 0, 0, 0};
    const outcome plain     = train(&with);
    with.dropout            = 0.5F;
    const outcome drops     = train(&with);
    sluice_model *models[2] = {make_dropping_model(true, 0), make_dropping_model(true, 0.5F)};
    double held_out[2];
    for (int k = 0; k < 2; k++) {
        sluice_pipeline *pipeline = make_pipeline(&with, models[k]);
        int64_t n                 = 3;
        const sluice_batch batch  = make_batch(5, &n);
        assert_ok(sluice_pipeline_evaluate(&held_out[k], pipeline, &batch));
        sluice_pipeline_close(pipeline);
        sluice_model_free(models[k]);
    }
    if (held_out[0] != held_out[1])
        fail_msg("evaluation drops: %.17g, without %.17g", held_out[1], held_out[0]);
    if (plain.loss[0] == drops.loss[0]) fail_msg("nothing is dropped in training");
}

int main(int argc, char **argv) {
    small_gpt.parts.transport        = isolated_if_asked(argc, argv);
    selected                         = small_gpt.parts.transport ? 3 : 0;
    const struct CMUnitTest splits[] = {
        cmocka_unit_test(the_bits_are_the_same_in_any_split),
        cmocka_unit_test(a_pipeline_has_the_bits_of_a_plain_loop),
        cmocka_unit_test(a_pipeline_of_a_llama_has_the_bits_of_a_plain_loop),
        cmocka_unit_test(many_microbatches_agree_with_one_to_rounding),
        cmocka_unit_test(dropout_is_applied_in_training_only),
    };
    const struct CMUnitTest schedules[] = {
        cmocka_unit_test(every_schedule_has_the_bits_or_the_numbers_of_one_rank),
        cmocka_unit_test(every_schedule_trains_a_llama_alike),
        cmocka_unit_test(generators_ascend_that_are_said_to),
        cmocka_unit_test(custom_schedules_have_the_bits_of_one_rank),
        cmocka_unit_test(random_schedules_have_the_numbers_of_one_rank),
    };
    const char *const half = argc > 1 ? argv[argc - 1] : "";
    int failed             = 0;
    if (strcmp(half, "schedules") != 0) failed += cmocka_run_group_tests(splits, NULL, NULL);
    if (strcmp(half, "splits") != 0) failed += cmocka_run_group_tests(schedules, NULL, NULL);
    return failed;
}
