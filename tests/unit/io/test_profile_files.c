/* SPDX-License-Identifier: MIT */
/* test_profile_files.c -- profiles printed and written, and read again. */
#include "tests/support/files.h"
#include "tests/support/schedule_tools.h"

#include <unistd.h>

#include "sluice/allocator.h"
#include "sluice/profile.h"

/* ---- random profiles ---- */

static char *some_text(uint64_t *random, const char *prefix) {
    static const char *const odd[] = {"", " \"quoted\"", "\\", "\n", " \xc3\xa4", "{}"};
    char *text                     = malloc(64);
    snprintf(text, 64, "%s%d%s", prefix, test_random_int(random, 0, 999),
             odd[test_random_int(random, 0, 5)]);
    return text;
}

/* Nine digits at most, as they are printed. */
static double some_time(uint64_t *random) {
    static const int exponents[] = {-12, -9, -6, -3, 0, 6};
    char text[32];
    snprintf(text, sizeof text, "%de%d", test_random_int(random, 0, 99999),
             exponents[test_random_int(random, 0, 5)]);
    return strtod(text, NULL);
}

static size_t some_bytes(uint64_t *random) {
    return (size_t)test_random_int(random, 0, 1 << 20) << test_random_int(random, 0, 20);
}

static void fill_layer(sluice_profile_layer *to, uint64_t *random) {
    to->forward_s             = some_time(random);
    to->input_s               = some_time(random);
    to->weight_s              = some_time(random);
    to->recompute_s           = some_time(random);
    to->parameter_bytes       = some_bytes(random);
    to->saved_bytes           = some_bytes(random);
    to->input_to_weight_bytes = some_bytes(random);
    to->scratch_bytes         = some_bytes(random);
    to->output_bytes          = some_bytes(random);
    to->parameters            = (int64_t)some_bytes(random);
    if (test_random_int(random, 0, 1)) to->state_bytes = some_bytes(random);
    if (test_random_int(random, 0, 1))
        to->spread = (sluice_profile_spread){some_time(random), some_time(random),
                                             some_time(random), some_time(random)};
}

/* All tables have the same layers: names, kinds and ties are shared. */
static void fill_tables(sluice_profile *to, uint64_t *random, char **texts) {
    for (int t = 0; t < to->table_count; t++) {
        sluice_profile_table *const table = &to->tables[t];
        table->microbatch                 = 1 + 3 * t;
        table->layers = calloc((size_t)table->layer_count, sizeof *table->layers);
        for (int l = 0; l < table->layer_count; l++) {
            fill_layer(&table->layers[l], random);
            table->layers[l].name = texts[(size_t)3 * (size_t)l];
            table->layers[l].kind = texts[(size_t)3 * (size_t)l + 1];
            table->layers[l].tie  = l % 2 ? texts[2] : NULL;
        }
    }
}

static void fill_links(sluice_profile *to, uint64_t *random) {
    if (test_random_int(random, 0, 1)) {
        to->latency_s                       = some_time(random);
        to->bytes_per_s                     = 1 + test_random_int(random, 0, 99999);
        to->default_link_spread.bytes_per_s = some_time(random);
    }
    for (int l = 0; l < to->link_count; l++)
        to->links[l] =
            (sluice_link_cost){l, l + 1, some_time(random), 1 + test_random_int(random, 0, 99999)};
    for (int l = 0; to->link_spreads && l < to->link_count; l++)
        to->link_spreads[l].latency_s = 1e-6;
}

static void expect_same_layers(const sluice_profile_table *a, const sluice_profile_table *b) {
    assert_int_equal(a->microbatch, b->microbatch);
    assert_int_equal(a->layer_count, b->layer_count);
    for (int l = 0; l < a->layer_count; l++) {
        sluice_profile_layer x = a->layers[l], y = b->layers[l];
        assert_string_equal(x.name, y.name);
        assert_string_equal(x.kind, y.kind);
        assert_true((x.tie && y.tie) ? strcmp(x.tie, y.tie) == 0 : x.tie == y.tie);
        assert_true(x.forward_s == y.forward_s && x.input_s == y.input_s);
        assert_true(x.weight_s == y.weight_s && x.recompute_s == y.recompute_s);
        assert_int_equal(x.parameter_bytes, y.parameter_bytes);
        assert_int_equal(x.saved_bytes, y.saved_bytes);
        assert_int_equal(x.input_to_weight_bytes, y.input_to_weight_bytes);
        assert_int_equal(x.scratch_bytes, y.scratch_bytes);
        assert_int_equal(x.output_bytes, y.output_bytes);
        assert_int_equal(x.state_bytes, y.state_bytes);
        assert_int_equal(x.parameters, y.parameters);
        assert_memory_equal(&x.spread, &y.spread, sizeof x.spread);
    }
}

static void expect_same(const sluice_profile *a, const sluice_profile *b) {
    assert_string_equal(a->device, b->device);
    assert_int_equal(a->table_count, b->table_count);
    for (int t = 0; t < a->table_count; t++) expect_same_layers(&a->tables[t], &b->tables[t]);
    assert_true(a->latency_s == b->latency_s && a->bytes_per_s == b->bytes_per_s);
    assert_memory_equal(&a->default_link_spread, &b->default_link_spread,
                        sizeof a->default_link_spread);
    assert_int_equal(a->link_count, b->link_count);
    for (int l = 0; l < a->link_count; l++)
        assert_memory_equal(&a->links[l], &b->links[l], sizeof a->links[l]);
    assert_true(!a->link_spreads == !b->link_spreads);
    for (int l = 0; a->link_spreads && l < a->link_count; l++)
        assert_memory_equal(&a->link_spreads[l], &b->link_spreads[l], sizeof a->link_spreads[l]);
    assert_true(a->update_s_per_parameter == b->update_s_per_parameter);
    assert_true(a->update_spread_s_per_parameter == b->update_spread_s_per_parameter);
    assert_true(a->overlap == b->overlap);
    assert_string_equal(a->model ? a->model : "", b->model ? b->model : "");
    assert_string_equal(a->precision ? a->precision : "", b->precision ? b->precision : "");
    assert_string_equal(a->optimizer ? a->optimizer : "", b->optimizer ? b->optimizer : "");
    assert_int_equal(a->sequence, b->sequence);
    assert_int_equal(a->threads, b->threads);
    assert_int_equal(a->ranks, b->ranks);
}

enum { LAYERS = 5, TABLES = 3, LINKS = 4 };

static void try_one(uint64_t *random) {
    char *texts[3 * LAYERS + 4];
    char *text = NULL, *again = NULL;
    sluice_profile_table tables[TABLES] = {0};
    sluice_link_cost links[LINKS];
    sluice_profile_link_spread spreads[LINKS] = {0};
    sluice_profile *got                       = NULL;
    for (int k = 0; k < 3 * LAYERS + 4; k++) texts[k] = some_text(random, "t");
    sluice_profile made = {.device      = texts[(size_t)3 * LAYERS],
                           .table_count = test_random_int(random, 1, TABLES),
                           .tables      = tables,
                           .link_count  = test_random_int(random, 0, LINKS),
                           .links       = links};
    if (made.link_count > 0 && test_random_int(random, 0, 1)) made.link_spreads = spreads;
    const int layers = test_random_int(random, 1, LAYERS);
    for (int t = 0; t < TABLES; t++) tables[t].layer_count = layers;
    fill_tables(&made, random, texts);
    fill_links(&made, random);
    if (test_random_int(random, 0, 1)) {
        made.model = texts[3 * LAYERS + 1], made.precision = texts[3 * LAYERS + 2];
        made.optimizer = texts[3 * LAYERS + 3], made.overlap = 0.75;
        made.sequence = 128, made.threads = 2, made.ranks = 3;
        made.update_spread_s_per_parameter = 2e-11;
    }
    made.update_s_per_parameter = some_time(random);
    assert_ok(sluice_profile_print(&text, &made));
    assert_ok(sluice_profile_parse(&got, text, strlen(text), "p"));
    expect_same(&made, got);
    assert_ok(sluice_profile_print(&again, got));
    assert_string_equal(text, again);
    sluice_text_free(text);
    sluice_text_free(again);
    sluice_profile_free(got);
    for (int t = 0; t < TABLES; t++) free(tables[t].layers);
    for (int k = 0; k < 3 * LAYERS + 4; k++) free(texts[k]);
}

static void what_is_printed_parses_to_the_same(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < 500; round++) try_one(&random);
}

/* ---- files ---- */

static void files_are_written_whole_or_not_at_all(void **state) {
    (void)state;
    const folder in         = folder_make();
    const char *const path  = folder_path(&in, "p.json");
    sluice_profile *example = NULL, *got = NULL;
    assert_ok(sluice_profile_read(&example, SLUICE_SOURCE "/examples/profile.json"));
    assert_ok(sluice_profile_write(path, example));
    assert_ok(sluice_profile_read(&got, path));
    expect_same(example, got);
    sluice_profile_free(got);
    unlink(path);
    assert_int_equal(rmdir(in.path), 0); /* nothing else is in it */
    assert_int_equal(sluice_profile_write(path, example), SLUICE_E_IO);
    sluice_profile_free(example);
}

/* Profiles from before these keys existed: nothing is known. */
static void keys_that_came_later_may_be_missing(void **state) {
    (void)state;
    sluice_profile *example = NULL;
    assert_ok(sluice_profile_read(&example, SLUICE_SOURCE "/examples/profile.json"));
    const sluice_profile_layer *const layer = &example->tables[0].layers[0];
    assert_null(example->model);
    assert_null(example->precision);
    assert_null(example->optimizer);
    assert_null(example->link_spreads);
    assert_int_equal(example->threads + example->ranks + (int)example->sequence, 0);
    assert_int_equal(layer->state_bytes, 0);
    assert_near("spread", layer->spread.forward_s, 0);
    sluice_profile_free(example);
}

static const struct refusal {
    const char *rest, *says;
} refusals[] = {
    {"\"threads\": 0", "'p': \"threads\" is not a whole number of 1 or more"},
    {"\"ranks\": 1048577", "'p': \"ranks\" is 1048577, more than 1048576"},
    {"\"sequence\": \"long\"", "'p': \"sequence\" is not a whole number of 1 or more"},
    {"\"model\": 1", "'p': \"model\" is not a text"},
    {"\"update_spread_s_per_parameter\": -1",
     "'p': \"update_spread_s_per_parameter\" is not a number of 0 or more"},
    {"\"default_link\": {\"latency_s\": 1, \"bytes_per_s\": 1, \"spread\": {\"latency_s\": 1}}",
     "'p', the default link, the spread has no \"bytes_per_s\""},
    {"\"links\": [{\"from\": 0, \"to\": 1, \"latency_s\": 1, \"bytes_per_s\": 1, \"spread\": 2}]",
     "'p', link 0, the spread is not an object"},
};

static void mistakes_in_them_are_named(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof refusals / sizeof *refusals; k++) {
        char text[1024];
        sluice_profile *profile = NULL;
        snprintf(text, sizeof text,
                 "{\"sluice_profile\": 1, \"device\": \"d\", \"update_s_per_parameter\": 0, "
                 "\"tables\": [{\"microbatch\": 1, \"layers\": [{\"name\": \"a\", \"kind\": \"k\", "
                 "\"forward_s\": 1, \"input_s\": 1, \"weight_s\": 1, \"recompute_s\": 1, "
                 "\"parameter_bytes\": 0, \"saved_bytes\": 0, \"input_to_weight_bytes\": 0, "
                 "\"scratch_bytes\": 0, \"output_bytes\": 0, \"parameters\": 0}]}], %s}",
                 refusals[k].rest);
        assert_refused(sluice_profile_parse(&profile, text, strlen(text), "p"), SLUICE_E_PARSE,
                       refusals[k].says);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_printed_parses_to_the_same),
        cmocka_unit_test(files_are_written_whole_or_not_at_all),
        cmocka_unit_test(keys_that_came_later_may_be_missing),
        cmocka_unit_test(mistakes_in_them_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
