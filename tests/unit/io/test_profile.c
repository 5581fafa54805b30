/* SPDX-License-Identifier: MIT */
/* test_profile.c -- profiles: reading, refusals, and the costs of stages. */
#include "tests/support/schedule_tools.h"

#include "sluice/profile.h"

#define LAYER(name, times, parameters)                                                             \
    "{\"name\": \"" name "\", \"kind\": \"k\", " times ", \"parameter_bytes\": " parameters "00, " \
    "\"saved_bytes\": 10, \"input_to_weight_bytes\": 20, \"scratch_bytes\": 30, "                  \
    "\"output_bytes\": 40, \"parameters\": " parameters "}"
#define TIMES(f, i, w, r)                                                                          \
    "\"forward_s\": " f ", \"input_s\": " i ", \"weight_s\": " w ", \"recompute_s\": " r
#define TABLE(size, layers) "{\"microbatch\": " size ", \"layers\": [" layers "]}"
#define PROFILE(tables, rest)                                                                      \
    "{\"sluice_profile\": 1, \"device\": \"d\", \"tables\": [" tables "]" rest                     \
    ", \"update_s_per_parameter\": 0.5}"
#define PLAIN LAYER("a", TIMES("1", "2", "3", "4"), "5")

static sluice_profile *parse(const char *text) {
    sluice_profile *profile = NULL;
    assert_ok(sluice_profile_parse(&profile, text, strlen(text), "p"));
    return profile;
}

static void the_example_is_read(void **state) {
    (void)state;
    sluice_profile *profile = NULL;
    assert_ok(sluice_profile_read(&profile, SLUICE_SOURCE "/examples/profile.json"));
    assert_string_equal(profile->device, "an example, not measured");
    assert_int_equal(profile->table_count, 2);
    assert_int_equal(profile->tables[1].microbatch, 2);
    assert_int_equal(profile->tables[1].layer_count, 8);
    const sluice_profile_layer *mlp = &profile->tables[1].layers[2];
    assert_string_equal(mlp->name, "block0.mlp");
    assert_string_equal(mlp->kind, "mlp");
    assert_null(mlp->tie);
    assert_string_equal(profile->tables[1].layers[7].tie, "tokens");
    assert_near("forward", mlp->forward_s, 8e-4);
    assert_int_equal(mlp->parameters, 131968);
    assert_int_equal(mlp->saved_bytes, 6 * 131072);
    assert_int_equal(profile->link_count, 2);
    assert_int_equal(profile->links[1].from, 2);
    assert_near("latency", profile->latency_s, 2e-5);
    assert_near("bandwidth", profile->links[0].bandwidth, 1e9);
    assert_near("overlap", profile->overlap, 0);
    sluice_profile_free(profile);
    profile = parse(PROFILE(TABLE("1", PLAIN), ", \"overlap\": 0.75"));
    assert_near("overlap", profile->overlap, 0.75);
    sluice_profile_free(profile);
}

/* ---- refusals ---- */

static const struct refusal {
    const char *text;
    sluice_status status;
    const char *says;
} refusals[] = {
    {"[]", SLUICE_E_PARSE, "'p' is not a JSON object"},
    {"{}", SLUICE_E_PARSE, "'p' has no \"sluice_profile\""},
    {"{\"sluice_profile\": 2}", SLUICE_E_UNSUPPORTED,
     "'p' is a profile of version 2, and this library reads version 1"},
    {"{\"sluice_profile\": 1, \"devise\": 1}", SLUICE_E_PARSE,
     "'p' has a key \"devise\", which is not known"},
    {"{\"sluice_profile\": 1, \"device\": 1}", SLUICE_E_PARSE, "'p': \"device\" is not a text"},
    {"{\"sluice_profile\": 1, \"device\": \"d\"}", SLUICE_E_PARSE, "'p' has no \"tables\""},
    {PROFILE("", ""), SLUICE_E_PARSE, "'p': \"tables\" is not a list of one or more"},
    {PROFILE("3", ""), SLUICE_E_PARSE, "'p', table 0 is not an object"},
    {PROFILE(TABLE("0", PLAIN), ""), SLUICE_E_PARSE,
     "'p', table 0: \"microbatch\" is not a whole number of 1 or more"},
    {PROFILE(TABLE("1", ""), ""), SLUICE_E_PARSE,
     "'p', table 0: \"layers\" is not a list of one or more"},
    {PROFILE(TABLE("1", PLAIN ", {}"), ""), SLUICE_E_PARSE,
     "'p', table 0, layer 1 has no \"name\""},
    {PROFILE(TABLE("1", LAYER("a", TIMES("-1", "2", "3", "4"), "5")), ""), SLUICE_E_PARSE,
     "'p', table 0, layer 0: \"forward_s\" is not a number of 0 or more"},
    {PROFILE(TABLE("1", LAYER("a", TIMES("1", "2", "3", "\"4\""), "5")), ""), SLUICE_E_PARSE,
     "'p', table 0, layer 0: \"recompute_s\" is not a number of 0 or more"},
    {PROFILE(TABLE("1", LAYER("a", TIMES("1", "2", "3", "4"), "-5")), ""), SLUICE_E_PARSE,
     "'p', table 0, layer 0: \"parameter_bytes\" is not a whole number of 0 or more"},
    {PROFILE(TABLE("1", LAYER("a", TIMES("1", "2", "3", "4"), "99999999999")), ""), SLUICE_E_PARSE,
     "'p', table 0, layer 0: \"parameter_bytes\" is 9999999999900, more than 1 TiB"},
    {PROFILE(TABLE("1", LAYER("a", TIMES("1", "2", "3", "4") ", \"flops\": 1", "5")), ""),
     SLUICE_E_PARSE, "'p', table 0, layer 0 has a key \"flops\", which is not known"},
    {PROFILE(TABLE("1", PLAIN) ", " TABLE("1", PLAIN), ""), SLUICE_E_PARSE,
     "'p' has two tables of micro-batches of 1"},
    {PROFILE(TABLE("2", PLAIN) ", " TABLE("1", PLAIN) ", " TABLE("2", PLAIN), ""), SLUICE_E_PARSE,
     "'p' has two tables of micro-batches of 2"},
    {PROFILE(TABLE("2", PLAIN) ", " TABLE("1", PLAIN ", " PLAIN), ""), SLUICE_E_PARSE,
     "'p': the tables of micro-batches of 1 and 2 have 2 and 1 layers"},
    {PROFILE(TABLE("1", PLAIN) ", " TABLE("2", LAYER("b", TIMES("1", "2", "3", "4"), "5")), ""),
     SLUICE_E_PARSE, "'p': layer 0 differs between the tables of micro-batches of 2 and 1"},
    {PROFILE(TABLE("1", PLAIN), ", \"default_link\": {\"latency_s\": 1}"), SLUICE_E_PARSE,
     "'p', the default link has no \"bytes_per_s\""},
    {PROFILE(TABLE("1", PLAIN), ", \"default_link\": {\"latency_s\": 1, \"bytes_per_s\": 0}"),
     SLUICE_E_PARSE, "'p', the default link: \"bytes_per_s\" is 0"},
    {PROFILE(TABLE("1", PLAIN), ", \"links\": {}"), SLUICE_E_PARSE,
     "'p': \"links\" is not a list of at most 1048576"},
    {PROFILE(TABLE("1", PLAIN),
             ", \"links\": [{\"from\": 1, \"to\": 1, \"latency_s\": 1, \"bytes_per_s\": 1}]"),
     SLUICE_E_PARSE, "'p', link 0 goes from rank 1 to rank 1"},
    {PROFILE(TABLE("1", PLAIN), ", \"overlap\": 0"), SLUICE_E_PARSE,
     "'p': \"overlap\" is 0; it is more than 0, and at most 1"},
    {PROFILE(TABLE("1", PLAIN), ", \"overlap\": 1.25"), SLUICE_E_PARSE,
     "'p': \"overlap\" is 1.25; it is more than 0, and at most 1"},
    {PROFILE(TABLE("1", PLAIN), ", \"overlap\": \"most\""), SLUICE_E_PARSE,
     "'p': \"overlap\" is not a number of 0 or more"},
    {PROFILE(TABLE("2", LAYER("a", TIMES("1", "1e308", "1", "1e308"), "5")), ""), SLUICE_E_PARSE,
     "'p': the times of the layers for micro-batches of 2 add up to more than 1.79769e+308, the "
     "largest number"},
    {"{\"sluice_profile\": 1, \"device\": \"d\", \"tables\": [" TABLE(
         "1", PLAIN) "], \"update_s_per_parameter\": 1e308}",
     SLUICE_E_PARSE,
     "'p': the times of the updates for micro-batches of 1 add up to more than 1.79769e+308, the "
     "largest number"},
    {"{\"sluice_profile\": 1, \"device\": \"d\", \"tables\": [" TABLE("1", PLAIN) "]}",
     SLUICE_E_PARSE, "'p' has no \"update_s_per_parameter\""},
};

static void mistakes_are_named(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof refusals / sizeof *refusals; k++) {
        sluice_profile *profile = NULL;
        const char *text        = refusals[k].text;
        const sluice_status got = sluice_profile_parse(&profile, text, strlen(text), "p");
        const char *what        = got == SLUICE_OK ? "(nothing)" : sluice_last_error()->what;
        if (got != refusals[k].status || strcmp(what, refusals[k].says) != 0)
            fail_msg("%s: '%s', expected '%s'", text, what, refusals[k].says);
        assert_null(profile);
    }
    sluice_profile *profile = NULL;
    assert_int_equal(sluice_profile_read(&profile, "no/such/file.json"), SLUICE_E_IO);
}

/* Any byte of a good profile replaced: it is read or refused, and nothing crashes. */
static void damaged_profiles_never_crash(void **state) {
    (void)state;
    uint64_t random = test_seed();
    const char good[] =
        PROFILE(TABLE("1", PLAIN), ", \"default_link\": {\"latency_s\": 1, \"bytes_per_s\": 2}");
    int refused = 0;
    for (int round = 0; round < 2000; round++) {
        char text[sizeof good];
        sluice_profile *profile = NULL;
        memcpy(text, good, sizeof good);
        for (int k = test_random_int(&random, 1, 3); k > 0; k--)
            text[test_random_int(&random, 0, (int)sizeof good - 2)] =
                (char)test_random_int(&random, 32, 126);
        refused += sluice_profile_parse(&profile, text, sizeof good - 1, "p") != SLUICE_OK;
        sluice_profile_free(profile);
    }
    assert_true(refused > 1000 && refused < 2000);
}

/* ---- stages ---- */

static void tables_are_found_by_size(void **state) {
    (void)state;
    const sluice_profile_table *table = NULL;
    sluice_profile *one               = parse(PROFILE(TABLE("3", PLAIN), ""));
    sluice_profile *two = parse(PROFILE(TABLE("8", PLAIN) ", " TABLE("2", PLAIN), ""));
    assert_ok(sluice_profile_find(&table, one, 0));
    assert_int_equal(table->microbatch, 3);
    assert_ok(sluice_profile_find(&table, two, 8));
    assert_int_equal(table->microbatch, 8);
    assert_refused(sluice_profile_find(&table, two, 0), SLUICE_E_ARGUMENT,
                   "the profile has tables for micro-batches of 2, 8, and none is chosen");
    assert_refused(sluice_profile_find(&table, two, 4), SLUICE_E_ARGUMENT,
                   "the profile has no table for micro-batches of 4; it has 2, 8");
    sluice_profile_free(one);
    sluice_profile_free(two);
}

/* Layers of 6, 2, 2, 2, 6 and tied ends. */
#define TIED(name, times, parameters) LAYER(name, "\"tie\": \"t\", " times, parameters)
static const char five[] = PROFILE(
    TABLE("1",
          TIED("in", TIMES("2", "2", "2", "1"), "7") ", " LAYER(
              "b", TIMES("0.5", "0.5", "1", "0.25"),
              "100") ", " LAYER("c", TIMES("0.5", "0.5", "1", "0.25"),
                                "100") ", " LAYER("d", TIMES("0.5", "0.5", "1", "0.25"),
                                                  "100") ", " TIED("out", TIMES("3", "2", "1", "3"),
                                                                   "4")),
    "");

static void stages_cost_what_their_layers_cost(void **state) {
    (void)state;
    sluice_profile *profile   = parse(five);
    sluice_split *split       = malloc(sizeof *split);
    sluice_schedule *schedule = generate_schedule("1f1b", 3, 4);
    sluice_cost costs[3];
    sluice_stage_bytes bytes[3];
    double recompute[3], updates[3];
    const sluice_profile_costs out             = {costs, recompute, bytes, updates};
    profile->tables[0].layers[2].scratch_bytes = 50; /* of those of stage 1, 30 each, the second */
    assert_ok(sluice_profile_split(split, &profile->tables[0], 3));
    assert_int_equal(split->first[1], 1);
    assert_int_equal(split->first[2], 4);
    assert_ok(sluice_profile_stages(&out, profile, &profile->tables[0], split, schedule, 2));
    assert_near("F", costs[1].forward, 1.5);
    assert_near("I", costs[1].input, 1.5);
    assert_near("W", costs[2].weight, 1);
    assert_near("recompute", recompute[1], 0.75);
    assert_int_equal(bytes[1].saved, 30);
    assert_int_equal(bytes[1].stash, 60);
    assert_int_equal(bytes[1].scratch, 50);
    assert_int_equal(bytes[1].output, 40);
    assert_int_equal(bytes[1].permanent, 3 * 10000 * 4);
    assert_int_equal(bytes[2].permanent, 400 * 4); /* a separate copy: the tie crosses ranks */
    assert_near("update", updates[0], 3.5);
    assert_near("update", updates[2], 2);
    split->first[3] = 4;
    assert_refused(sluice_profile_stages(&out, profile, &profile->tables[0], split, schedule, 2),
                   SLUICE_E_ARGUMENT, "the split covers 4 layers, the profile has 5");
    split->stages = 2;
    assert_refused(sluice_profile_stages(&out, profile, &profile->tables[0], split, schedule, 2),
                   SLUICE_E_ARGUMENT, "the split has 2 stages, the schedule '1f1b' has 3");
    sluice_schedule_free(schedule);
    sluice_profile_free(profile);
    free(split);
}

/* On one rank tied layers share parameters and optimizer state; each has its gradient. */
static void ties_on_one_rank_are_counted_once(void **state) {
    (void)state;
    sluice_profile *profile   = parse(five);
    sluice_split *split       = malloc(sizeof *split);
    sluice_schedule *schedule = parse_schedule("0F0,2F0,2B0,0B0\n1F0,1B0\n");
    sluice_cost costs[3];
    sluice_stage_bytes bytes[3];
    double recompute[3], updates[2];
    const sluice_profile_costs out = {costs, recompute, bytes, updates};
    assert_ok(sluice_profile_split(split, &profile->tables[0], 3));
    assert_ok(sluice_profile_stages(&out, profile, &profile->tables[0], split, schedule, 2));
    assert_int_equal(bytes[0].permanent, 700 * 4);
    assert_int_equal(bytes[2].permanent,
                     400); /* the gradient alone: the rest is in stage 0's bytes */
    assert_near("update", updates[0], 3.5);
    sluice_schedule_free(schedule);
    sluice_profile_free(profile);
    free(split);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_is_read),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(damaged_profiles_never_crash),
        cmocka_unit_test(tables_are_found_by_size),
        cmocka_unit_test(stages_cost_what_their_layers_cost),
        cmocka_unit_test(ties_on_one_rank_are_counted_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
