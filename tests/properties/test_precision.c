/* SPDX-License-Identifier: MIT */
/*
 * test_precision.c -- training in bf16: the theorem holds, every working copy follows its master,
 * and edges carry half the bytes.
 *
 *   test_precision [cpu]   on the cpu; else on a test device, which can make mistakes
 */
#include "tests/support/small_gpt.h"

#include <stdatomic.h>

#include "tests/support/bf16_device.h"
#include "tests/support/poison.h"

static const sluice_device_ops *chosen_device;

/* From now on small GPTs are trained on that device, in bf16 or in fp32. */
static void choose(sluice_precision precision) {
    small_gpt.precision = precision;
    small_gpt.parts     = (sluice__parts){.device = chosen_device};
}

/* ---- the theorem ---- */

static setting setting_of(int kind) {
    const bool tied = kind & 1, even = kind & 2;
    return (setting){"gpipe", 1,       1, even ? 4 : 3,        even ? 8 : 7,
                     tied,    "adamw", 0, kind & 4 ? 0.2F : 0, 0};
}

/* Schedules with B, with separate I and W, and with several stages per rank. */
static const struct {
    const char *name;
    int chunks;
} schedules[] = {{"gpipe", 0}, {"1f1b", 0}, {"zb1p", 0}, {"interleaved", 2}, {"zbv", 2}};
enum { SCHEDULES = sizeof schedules / sizeof *schedules };

static void bf16_has_the_bits_of_a_plain_loop(void **state) {
    (void)state;
    static const unsigned recompute[] = {0, 0xFFFF, 5};
    int runs                          = 0;
    for (int kind = 0; kind < 8; kind++) {
        setting with = setting_of(kind);
        choose(SLUICE_PRECISION_BF16);
        const outcome plain = train_plainly(&with, chosen_device);
        if (small_gpt_steps() == STEPS && !(plain.loss[STEPS - 1] < plain.loss[0]))
            fail_msg("it does not learn");
        for (int k = 0; k < 4 * SCHEDULES * 3; k++) {
            with.schedule  = schedules[k / 4 % SCHEDULES].name;
            with.chunks    = schedules[k / 4 % SCHEDULES].chunks;
            with.ranks     = 1 + k % 4;
            with.threads   = with.ranks == 2 ? 2 : 1;
            with.recompute = recompute[k / 4 / SCHEDULES];
            if (with.chunks * with.ranks > 7) continue; /* more stages than layers */
            if (!test_picks(k + kind, 11, 22)) continue;
            const outcome piped = train(&with);
            assert_same(&plain, &piped, &with);
            runs++;
        }
    }
    print_message("%d runs compared\n", runs);
}

static void bf16_differs_from_fp32(void **state) {
    (void)state;
    setting with = setting_of(1);
    with.ranks   = 3;
    choose(SLUICE_PRECISION_FP32);
    const outcome wide = train(&with);
    choose(SLUICE_PRECISION_BF16);
    const outcome narrow = train(&with);
    for (int n = 0; n < small_gpt_steps(); n++) {
        const double off = wide.loss[n] - narrow.loss[n];
        if (off == 0 || off > 0.05 || off < -0.05)
            fail_msg("step %d: loss %.9g in bf16, %.9g in fp32", n, narrow.loss[n], wide.loss[n]);
    }
    if (wide.digest == narrow.digest) fail_msg("the same weights in both");
}

/* ---- another model: of the Llamas' kind ---- */

static void another_model_has_the_bits_of_a_plain_loop(void **state) {
    (void)state;
    for (int kind = 0; kind < 16; kind++) {
        setting with = setting_of(kind % 8);
        choose(kind < 8 ? SLUICE_PRECISION_FP32 : SLUICE_PRECISION_BF16);
        small_gpt.make      = make_small_llama;
        const outcome plain = train_plainly(&with, chosen_device);
        if (small_gpt_steps() == STEPS && !(plain.loss[STEPS - 1] < plain.loss[0]))
            fail_msg("it does not learn");
        with.schedule         = schedules[kind % SCHEDULES].name;
        with.chunks           = schedules[kind % SCHEDULES].chunks;
        with.ranks            = with.chunks > 0 ? 3 : 1 + kind % 4;
        with.recompute        = kind % 3 == 0 ? 6 : 0;
        small_gpt.parts.watch = poison_the_dead;
        const outcome piped   = train(&with);
        poison_end(with.ranks);
        small_gpt.make = NULL;
        assert_same(&plain, &piped, &with);
    }
}

/* In bf16 the buffers have other neighbours than in fp32: dead bytes are not read there either. */
static void dead_bytes_are_never_read(void **state) {
    (void)state;
    static const char *const names[] = {"1f1b", "zb1p", "gpipe", "1f1b"};
    for (int kind = 0; kind < 8; kind++) {
        setting with = setting_of(kind);
        choose(SLUICE_PRECISION_BF16);
        const outcome plain   = train_plainly(&with, chosen_device);
        with.schedule         = names[kind % 4];
        with.ranks            = 1 + (kind + 1) % 4;
        with.recompute        = kind % 3 == 0 ? 6 : 0;
        small_gpt.parts.watch = poison_the_dead;
        const outcome piped   = train(&with);
        poison_end(with.ranks);
        assert_same(&plain, &piped, &with);
    }
}

/* ---- working copies ---- */

/* Elements of working copies, over all ranks, that differ from their rounded master; the ranks are
 * idle, and the host can read the device's memory. */
static int wrong_copies(const sluice_pipeline *pipeline) {
    int wrong = 0, values = 0;
    for (int r = 0; r < pipeline->ranks; r++) {
        const sluice__rank_program *const mine = &pipeline->program->rank[r];
        const unsigned char *const arena       = pipeline->rank[r].arena;
        for (int k = 0; k < mine->value_count; k++) {
            const sluice__value *const value = &mine->values[k];
            if (value->working_bytes != (size_t)value->count * sizeof(uint16_t))
                fail_msg("value %d of rank %d has %zu bytes of copies", k, r, value->working_bytes);
            const float *const master  = (const float *)(arena + value->master);
            const uint16_t *const copy = (const uint16_t *)(arena + value->working);
            for (int64_t e = 0; e < value->count; e++) wrong += copy[e] != bf16_nearest(master[e]);
            values++;
        }
    }
    if (values < sluice_model_use_count(pipeline->model) - 1)
        fail_msg("the ranks hold %d values, and the model has %d uses of parameters", values,
                 sluice_model_use_count(pipeline->model));
    return wrong;
}

/* Number of ranks that hold the parameter `name`. */
static int holders(const sluice_pipeline *pipeline, const char *name) {
    int count = 0;
    for (int r = 0; r < pipeline->ranks; r++) {
        const sluice__rank_program *const mine = &pipeline->program->rank[r];
        for (int k = 0; k < mine->value_count; k++)
            count +=
                strcmp(sluice_model_use(pipeline->model, mine->values[k].use)->name, name) == 0;
    }
    return count;
}

static void write_other_values(sluice_pipeline *pipeline, const char *name, uint64_t *random) {
    enum { MAX = VOCABULARY * 24 };
    float values[MAX];
    const int64_t count = strcmp(name, "transformer.wte.weight") == 0 ? MAX : 24;
    for (int64_t k = 0; k < count; k++)
        values[k] = (float)test_random_int(random, -1000000, 1000000) / 3e6F;
    assert_ok(sluice_pipeline_write_parameter(pipeline, name, values, count));
}

static void step_once(sluice_pipeline *pipeline, const setting *with, int64_t n) {
    sluice_result result;
    const sluice_batch batch = make_batch(with->samples, &n);
    assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
}

static void working_copies_follow_their_masters(void **state) {
    (void)state;
    uint64_t random = test_seed();
    choose(SLUICE_PRECISION_BF16);
    for (int kind = 0; kind < 12; kind++) {
        setting with              = setting_of(kind % 4);
        with.ranks                = 1 + kind % 3 * 2; /* 1, 3, 5 */
        with.optimizer            = kind < 6 ? "adamw" : "sgd";
        sluice_model *model       = make_model(with.tied);
        sluice_pipeline *pipeline = make_pipeline(&with, model);
        const char *const first = "transformer.wte.weight", *const norm = "transformer.ln_f.weight";
        assert_int_equal(holders(pipeline, first), with.tied && with.ranks > 1 ? 2 : 1);
        assert_int_equal(wrong_copies(pipeline), 0);
        write_other_values(pipeline, first, &random);
        write_other_values(pipeline, norm, &random);
        assert_int_equal(wrong_copies(pipeline), 0);
        for (int64_t n = 0; n < 3; n++) {
            step_once(pipeline, &with, n);
            assert_int_equal(wrong_copies(pipeline), 0);
        }
        write_other_values(pipeline, norm, &random);
        assert_int_equal(wrong_copies(pipeline), 0);
        sluice_pipeline_close(pipeline);
        sluice_model_free(model);
    }
}

/* A device that does not update the copies, or rounds them wrongly, changes the bits, and the
 * copies themselves differ from their masters: the tests above would notice. */
static void wrong_working_copies_are_noticed(void **state) {
    (void)state;
    setting with = setting_of(1);
    with.ranks   = 2;
    choose(SLUICE_PRECISION_BF16);
    const outcome sound = train(&with);
    for (int fault = BF16_UPDATE_FORGETS; fault <= BF16_STORE_TRUNCATES; fault++) {
        bf16_device_inject((bf16_fault)fault);
        const outcome other       = train(&with);
        sluice_model *model       = make_model(with.tied);
        sluice_pipeline *pipeline = make_pipeline(&with, model);
        step_once(pipeline, &with, 0);
        const int wrong = wrong_copies(pipeline);
        sluice_pipeline_close(pipeline);
        sluice_model_free(model);
        bf16_device_inject(BF16_SOUND);
        if (wrong == 0) fail_msg("fault %d leaves no wrong copy", fault);
        if (other.digest == sound.digest || other.loss[1] == sound.loss[1])
            fail_msg("fault %d leaves the bits as they are", fault);
    }
}

/* ---- transfers ---- */

static atomic_size_t sent;

static sluice_status count_and_send(sluice__transport *transport, const sluice__message *message,
                                    const void *buffer, sluice__mark mark) {
    atomic_fetch_add(&sent, message->bytes);
    return sluice__transport_local()->post_send(transport, message, buffer, mark);
}

static const sluice__transport_ops *counting_transport(void) {
    static sluice__transport_ops table;
    table           = *sluice__transport_local();
    table.name      = "counting";
    table.post_send = count_and_send;
    return &table;
}

/* Bytes that ranks send each other in one step. */
static size_t sent_in_a_step(const setting *with, sluice_precision precision) {
    choose(precision);
    small_gpt.parts.transport = counting_transport();
    sluice_model *model       = make_model(with->tied);
    sluice_pipeline *pipeline = make_pipeline(with, model);
    atomic_store(&sent, 0);
    step_once(pipeline, with, 0);
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
    return atomic_load(&sent);
}

static void edges_carry_half_the_bytes(void **state) {
    (void)state;
    for (int ranks = 2; ranks <= 4; ranks++) {
        setting with          = setting_of(0);
        with.ranks            = ranks;
        const size_t elements = (size_t)(ranks - 1) * 2 * 7 * LENGTH * 24; /* there and back */
        const size_t wide     = sent_in_a_step(&with, SLUICE_PRECISION_FP32);
        const size_t narrow   = sent_in_a_step(&with, SLUICE_PRECISION_BF16);
        assert_int_equal(wide, 4 * elements);
        assert_int_equal(narrow, 2 * elements);
        with.tied         = true; /* its gradients are sent in fp32 in every precision */
        const size_t ties = sent_in_a_step(&with, SLUICE_PRECISION_FP32) - wide;
        assert_true(ties >= 2 * sizeof(float) * VOCABULARY * 24);
        assert_int_equal(sent_in_a_step(&with, SLUICE_PRECISION_BF16), narrow + ties);
    }
}

int main(int argc, char **argv) {
    const bool on_cpu               = argc == 2 && strcmp(argv[1], "cpu") == 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bf16_has_the_bits_of_a_plain_loop),
        cmocka_unit_test(bf16_differs_from_fp32),
        cmocka_unit_test(another_model_has_the_bits_of_a_plain_loop),
        cmocka_unit_test(dead_bytes_are_never_read),
        cmocka_unit_test(working_copies_follow_their_masters),
        cmocka_unit_test(edges_carry_half_the_bytes),
    };
    const struct CMUnitTest of_the_device[] = {
        cmocka_unit_test(wrong_working_copies_are_noticed),
    };
    if (argc > 1 && !on_cpu) return 2;
    chosen_device    = on_cpu ? sluice_devices()[0] : bf16_device();
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + (on_cpu ? 0 : cmocka_run_group_tests(of_the_device, NULL, NULL));
}
