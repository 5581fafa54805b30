/* SPDX-License-Identifier: MIT */
/* test_weights.c -- weights from files: the same bits on any number of ranks, from any type and
 * layout that holds them; and files that are not the model's. */
#include "sluice/weights.h"

#include <math.h>

#include "sluice/allocator.h"
#include "tests/support/counting.h"
#include "tests/support/small_gpt.h"
#include "tests/support/stored.h"
#include "tests/support/trainer.h"

enum { MAX_TENSORS = 64, MAX_COUNT = 8192 };

/* Tensors to be stored; index k has its own bytes. */
typedef struct contents {
    stored list[MAX_TENSORS];
    char names[MAX_TENSORS][80];
    float values[MAX_TENSORS][MAX_COUNT];
    uint16_t narrow[MAX_TENSORS][MAX_COUNT];
    int count;
} contents;

static contents made;

/* Exact in F32, F16 and BF16. */
static float value_of(int tensor, int64_t element) {
    return (float)((37 * element + 11 * (int64_t)tensor) % 255 - 127) / 128;
}

static void store(int k, const char *name, const char *type, const sluice_shape *shape) {
    const int64_t count = sluice_shape_count(shape);
    assert_true(k < MAX_TENSORS && count <= MAX_COUNT);
    const bool is_wide = strcmp(type, "F32") == 0;
    for (int64_t i = 0; i < count; i++) {
        made.values[k][i] = value_of(k, i);
        made.narrow[k][i] =
            type[0] == 'B' ? stored_bf16(made.values[k][i]) : stored_f16(made.values[k][i]);
    }
    if (name != made.names[k]) (void)snprintf(made.names[k], sizeof made.names[k], "%s", name);
    made.list[k] = (stored){.name       = made.names[k],
                            .type       = type,
                            .dim_count  = shape->dim_count,
                            .bytes      = is_wide ? (const void *)made.values[k] : made.narrow[k],
                            .byte_count = (size_t)count * (is_wide ? 4 : 2)};
    memcpy(made.list[k].dims, shape->dims, sizeof shape->dims);
}

/* What a file of this model has; without the prefix or with it. */
static void fill(const sluice_model *model, const char *type, bool is_short) {
    made.count = 0;
    for (int u = 0; u < sluice_model_use_count(model); u++) {
        const sluice_parameter_use *const use = sluice_model_use(model, u);
        const bool has_prefix                 = strncmp(use->name, "transformer.", 12) == 0;
        if (use->first == u)
            store(made.count++, use->name + (is_short && has_prefix ? 12 : 0), type,
                  &use->parameter.shape);
    }
}

static int index_of(const char *name) {
    for (int k = 0; k < made.count; k++)
        if (strcmp(made.names[k], name) == 0) return k;
    fail_msg("there is no tensor '%s'", name);
    return -1;
}

static const sluice_family *gpt2(void) {
    return sluice_families()[0];
}

static sluice_pipeline *open_on(const sluice_model *model, int ranks) {
    const setting with = {.schedule     = "1f1b",
                          .ranks        = ranks,
                          .threads      = 1,
                          .microbatches = 2,
                          .samples      = 4,
                          .optimizer    = "sgd"};
    return make_pipeline(&with, model);
}

/* By the values alone, without a file. */
static uint64_t expected_digest(const sluice_model *model) {
    sluice_pipeline *pipeline = open_on(model, 1);
    int tensor                = 0;
    for (int u = 0; u < sluice_model_use_count(model); u++) {
        const sluice_parameter_use *const use = sluice_model_use(model, u);
        const int64_t count                   = sluice_shape_count(&use->parameter.shape);
        static float values[MAX_COUNT];
        if (use->first != u) continue;
        for (int64_t i = 0; i < count; i++) values[i] = value_of(tensor, i);
        assert_ok(sluice_pipeline_write_parameter(pipeline, use->name, values, count));
        tensor++;
    }
    const uint64_t digest = digest_of(pipeline);
    sluice_pipeline_close(pipeline);
    return digest;
}

static void load_on_any_number_of_ranks(const sluice_model *model, const char *path,
                                        uint64_t expected, const char *what) {
    for (int ranks = 1; ranks <= 4; ranks++) {
        sluice_safetensors *file;
        sluice_pipeline *pipeline = open_on(model, ranks);
        assert_ok(sluice_safetensors_open(&file, path));
        assert_ok(sluice_pipeline_load_weights(pipeline, model, gpt2(), file));
        const uint64_t got = digest_of(pipeline);
        if (got != expected)
            fail_msg("%s on %d ranks: the weights' digest is %016llx; that of the values in the "
                     "file is %016llx",
                     what, ranks, (unsigned long long)got, (unsigned long long)expected);
        sluice_safetensors_close(file);
        sluice_pipeline_close(pipeline);
    }
}

static void loads_give_the_same_bits_on_any_number_of_ranks(void **state) {
    (void)state;
    static const char *const types[] = {"F32", "F16", "BF16"};
    for (int n = 0; n < 12; n++) {
        const char *const type = types[n % 3];
        const bool is_short = n / 3 % 2, tied = n / 6;
        const folder in     = folder_make();
        sluice_model *model = make_model(tied);
        char what[80];
        (void)snprintf(what, sizeof what, "%s, %s names, %s head", type,
                       is_short ? "short" : "full", tied ? "tied" : "its own");
        fill(model, type, is_short);
        write_stored(&in, "f", made.list, made.count);
        load_on_any_number_of_ranks(model, folder_path(&in, "f"), expected_digest(model), what);
        sluice_model_free(model);
        folder_remove(&in);
    }
}

/* Every third tensor is in the second shard; types are mixed, too. */
static void shards_give_the_same_bits(void **state) {
    (void)state;
    static stored lists[2][MAX_TENSORS];
    static char index[MAX_TENSORS * 120];
    int counts[2]       = {0};
    const folder in     = folder_make();
    sluice_model *model = make_model(true);
    fill(model, "F32", false);
    size_t length = (size_t)snprintf(index, sizeof index, "{\"weight_map\":{");
    for (int k = 0; k < made.count; k++) {
        const int shard          = k % 3 == 2;
        const sluice_shape shape = {
            SLUICE_TYPE_F32, made.list[k].dim_count, {made.list[k].dims[0], made.list[k].dims[1]}};
        if (k % 2) store(k, made.names[k], k % 4 == 1 ? "F16" : "BF16", &shape);
        lists[shard][counts[shard]++] = made.list[k];
        length += (size_t)snprintf(index + length, sizeof index - length, "%s\"%s\":\"shard%d\"",
                                   k ? "," : "", made.names[k], shard);
    }
    length += (size_t)snprintf(index + length, sizeof index - length, "}}");
    for (int shard = 0; shard < 2; shard++)
        write_stored(&in, shard ? "shard1" : "shard0", lists[shard], counts[shard]);
    folder_write(&in, "model.safetensors.index.json", index, length);
    load_on_any_number_of_ranks(model, in.path, expected_digest(model), "two shards");
    sluice_model_free(model);
    folder_remove(&in);
}

/* ---- files that have more, less or something else ---- */

#define WTE  "transformer.wte.weight"
#define HEAD "lm_head.weight"
#define LN_F "transformer.ln_f.weight"

typedef struct change {
    const char *what;
    const char *drop, *add, *type; /* names of tensors; the type of what is added: F32 if NULL */
    const char *like;              /* what is added has this one's shape and values */
    const char *spoil;             /* this one's element `at` becomes `value` */
    int at;
    float value;
    const char *says; /* NULL: it is loaded, with the same weights */
} change;

static const change changes[] = {
    {"nothing", .says = NULL},
    {"a mask", .add = "transformer.h.0.attn.bias", .type = "U8", .like = LN_F},
    {"a mask without prefix", .add = "h.1.attn.masked_bias", .type = "BOOL", .like = LN_F},
    {"the head, equal", .add = HEAD, .like = WTE},
    {"the head, equal, of another type", .add = HEAD, .type = "BF16", .like = WTE},
    {"the head, another shape", .add = HEAD, .like = LN_F, .says = "have different shapes"},
    {"the head, another value", .add = HEAD, .like = WTE, .spoil = HEAD, .at = 959, .value = 3,
     .says = "'lm_head.weight' in * differs from 'transformer.wte.weight' from element 959 on"},
    {"the head, of a type that is not read", .add = HEAD, .type = "I32", .like = WTE,
     .says = "is I32; only F32, F16 and BF16 are read"},
    {"a tensor less", .drop = LN_F, .says = "has no tensor 'transformer.ln_f.weight'"},
    {"a tensor more", .add = "transformer.h.2.attn.c_attn.bias", .like = LN_F,
     .says = "has a tensor 'transformer.h.2.attn.c_attn.bias' that the model does not have"},
    {"both names of one", .add = "ln_f.weight", .like = LN_F,
     .says = "has both 'transformer.ln_f.weight' and 'ln_f.weight', which are one parameter"},
    {"another shape", .drop = LN_F, .add = LN_F, .like = WTE,
     .says = "'transformer.ln_f.weight' in * has shape (40, 24) and the model's has (24)"},
    {"a parameter of a type that is not read", .drop = LN_F, .add = LN_F, .type = "I32",
     .like = LN_F, .says = "is I32; only F32, F16 and BF16 are read"},
    {"a NaN", .spoil = LN_F, .at = 5, .value = NAN,
     .says = "'transformer.ln_f.weight' in * has a NaN at element 5 of 24"},
    {"an infinity", .spoil = WTE, .at = 959, .value = -INFINITY,
     .says = "'transformer.wte.weight' in * has an infinity at element 959 of 960"},
};

static void add_tensor(const change *with) {
    const int from = index_of(with->like), k = made.count++;
    stored *const tensor = &made.list[k];
    size_t count = made.list[from].byte_count / 4, bytes = 4;
    *tensor = made.list[from];
    memcpy(made.values[k], made.values[from], count * 4);
    (void)snprintf(made.names[k], sizeof made.names[k], "%s", with->add);
    for (size_t i = 0; i < count; i++) made.narrow[k][i] = stored_bf16(made.values[k][i]);
    if (with->type) bytes = with->type[0] == 'I' ? 4 : strcmp(with->type, "BF16") == 0 ? 2 : 1;
    tensor->name       = made.names[k];
    tensor->type       = with->type ? with->type : "F32";
    tensor->bytes      = bytes == 4 ? (const void *)made.values[k] : made.narrow[k];
    tensor->byte_count = count * bytes;
}

static void apply(const change *with) {
    const int dropped = with->drop ? index_of(with->drop) : -1;
    if (with->add) add_tensor(with);
    if (with->spoil) made.values[index_of(with->spoil)][with->at] = with->value;
    if (dropped < 0) return;
    made.count--;
    made.list[dropped] = made.list[made.count];
}

static void check_change(const change *with, sluice_pipeline *pipeline, const sluice_model *model,
                         uint64_t expected) {
    const folder in = folder_make();
    sluice_safetensors *file;
    fill(model, "F32", false);
    apply(with);
    write_stored(&in, "f", made.list, made.count);
    assert_ok(sluice_safetensors_open(&file, folder_path(&in, "f")));
    const sluice_status status = sluice_pipeline_load_weights(pipeline, model, gpt2(), file);
    const char *const what     = status == SLUICE_OK ? "it is loaded" : sluice_last_error()->what;
    if (with->says ? status == SLUICE_OK || !test_has(what, with->says) : status != SLUICE_OK)
        fail_msg("%s: '%s', expected '%s'", with->what, what,
                 with->says ? with->says : "it is loaded");
    if (!with->says && digest_of(pipeline) != expected)
        fail_msg("%s: other weights are loaded than those in the file", with->what);
    sluice_safetensors_close(file);
    folder_remove(&in);
}

static void a_file_has_exactly_the_models_tensors(void **state) {
    (void)state;
    sluice_model *model       = make_model(true);
    sluice_pipeline *pipeline = open_on(model, 2);
    const uint64_t expected   = expected_digest(model);
    for (size_t k = 0; k < sizeof changes / sizeof *changes; k++)
        check_change(&changes[k], pipeline, model, expected);
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

/* What does not fit is found before the first tensor is loaded. */
static void a_refused_file_leaves_the_weights_alone(void **state) {
    (void)state;
    sluice_model *model       = make_model(true);
    sluice_pipeline *pipeline = open_on(model, 2);
    const uint64_t before     = digest_of(pipeline);
    const change more = {"more", .add = "other", .like = LN_F, .says = "has a tensor 'other'"};
    check_change(&more, pipeline, model, 0);
    if (digest_of(pipeline) != before)
        fail_msg("a file with a tensor that the model does not have changes weights");
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

/* ---- memory ---- */

/* Read to where the ranks take it from; never two tensors, or the model. */
static void a_load_holds_no_tensor_twice(void **state) {
    (void)state;
    enum { LARGEST = 24 * 96 * 4, REST = 1024 };
    const folder in = folder_make();
    sluice_safetensors *file;
    count_allocations();
    sluice_model *model       = make_model(true);
    sluice_pipeline *pipeline = open_on(model, 2);
    fill(model, "BF16", false);
    write_stored(&in, "f", made.list, made.count);
    assert_ok(sluice_safetensors_open(&file, folder_path(&in, "f")));
    const long long before = begin_counted_peak();
    assert_ok(sluice_pipeline_load_weights(pipeline, model, gpt2(), file));
    const long long taken = counted_peak() - before;
    if (taken < LARGEST || taken > LARGEST + REST)
        fail_msg("a load takes %lld bytes of host memory; the largest tensor has %d", taken,
                 LARGEST);
    sluice_safetensors_close(file);
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
    sluice_allocator_set(NULL);
    folder_remove(&in);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_give_the_same_bits_on_any_number_of_ranks),
        cmocka_unit_test(shards_give_the_same_bits),
        cmocka_unit_test(a_file_has_exactly_the_models_tensors),
        cmocka_unit_test(a_refused_file_leaves_the_weights_alone),
        cmocka_unit_test(a_load_holds_no_tensor_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
