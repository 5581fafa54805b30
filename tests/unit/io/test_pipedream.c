/* SPDX-License-Identifier: MIT */
/*
 * test_pipedream.c -- the text of PipeDream's profiler: cuts, sums, refusals.
 *
 *   SLUICE_PIPEDREAM=FOLDER   also its authors' own files, if they are there (not in this
 * repository)
 */
#include "tests/support/schedule_tools.h"

#include <math.h>
#include <unistd.h>

#include "sluice/profile.h"

#define NODE(number, forward, backward, activation, parameters)                                    \
    "node" number " -- Conv2d(3, 64) -- forward_compute_time=" forward                             \
    ", backward_compute_time=" backward ", activation_size=" activation                            \
    ", parameter_size=" parameters
#define EDGE(from, to) "\tnode" from " -- node" to "\n"

static sluice_profile *parse(const char *text) {
    sluice_profile *profile = NULL;
    assert_ok(sluice_profile_parse(&profile, text, strlen(text), "p"));
    return profile;
}

static void expect_names(const sluice_profile *profile, const char *names) {
    char got[256] = "";
    for (int l = 0; l < profile->tables[0].layer_count; l++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", l > 0 ? " " : "",
                 profile->tables[0].layers[l].name);
    assert_string_equal(got, names);
}

/* Nodes are listed in any order; the first is 5, which the others read. */
static void a_chain_is_cut_everywhere(void **state) {
    (void)state;
    sluice_profile *profile = parse(NODE("7", "1.5", "2.5", "400.0", "40.000") "\n" NODE(
        "5", "1", "2", "1000", "8") "\r\n\n" NODE("6", "3e0", "4", "[600.0; 100.0]",
                                                  "0") " -- stage_id=1\n" EDGE("5", "6")
                                        EDGE("6", "7"));
    expect_names(profile, "node5 node6 node7");
    const sluice_profile_layer *const layers = profile->tables[0].layers;
    assert_string_equal(layers[0].kind, "Conv2d");
    assert_near("F of node 6", layers[1].forward_s, 3e-3);
    assert_near("B of node 6", layers[1].input_s + layers[1].weight_s, 4e-3);
    assert_near("B of node 7", layers[2].input_s, 2.5e-3);
    assert_int_equal(layers[0].output_bytes, 1000);
    assert_int_equal(layers[1].output_bytes, 700);
    assert_int_equal(layers[1].saved_bytes, 1000); /* its input */
    assert_int_equal(layers[2].output_bytes, 0);   /* nobody reads it */
    assert_int_equal(layers[2].saved_bytes, 700 + 400);
    assert_int_equal(layers[2].parameter_bytes, 40);
    assert_int_equal(layers[2].parameters, 10);
    sluice_profile_free(profile);
}

/* Node 2 goes past 3 to 4: after 3 two tensors cross. Node 1 is read by two, and is one tensor. */
static void several_tensors_are_not_cut(void **state) {
    (void)state;
    sluice_profile *profile =
        parse(NODE("1", "1", "1", "10", "0") "\n" NODE("2", "1", "1", "20", "4") "\n" NODE(
            "3", "2", "2", "30", "4") "\n" NODE("4", "1", "1", "40",
                                                "0") "\n" NODE("5", "1", "1", "50",
                                                               "0") "\n" EDGE("1", "2")
                  EDGE("2", "3") EDGE("3", "4") EDGE("2", "4") EDGE("4", "5"));
    expect_names(profile, "node1 node2 node3..node4 node5");
    assert_near("F of 3 and 4", profile->tables[0].layers[2].forward_s, 3e-3);
    assert_int_equal(profile->tables[0].layers[2].output_bytes, 40);
    assert_int_equal(profile->tables[0].layers[2].saved_bytes, 20 + 30);
    sluice_profile_free(profile);
    /* the same node read by two later ones, and nothing else: one tensor crosses */
    profile = parse(NODE("1", "1", "1", "10", "0") "\n" NODE("2", "1", "1", "20", "0") "\n" NODE(
        "3", "1", "1", "30", "0") "\n" EDGE("1", "2") EDGE("1", "3") EDGE("2", "3"));
    expect_names(profile, "node1 node2..node3");
    sluice_profile_free(profile);
}

/* The node with the smallest number of those that are ready is next; two beginnings belong
 * together, as nothing crosses between them. */
static void ties_go_by_number(void **state) {
    (void)state;
    sluice_profile *profile =
        parse(NODE("10", "1", "1", "10", "0") "\n" NODE("9", "2", "1", "20", "0") "\n" NODE(
            "2", "4", "1", "30", "0") "\n" EDGE("10", "2") EDGE("9", "2"));
    expect_names(profile, "node9 node10..node2");
    assert_near("F of node 9", profile->tables[0].layers[0].forward_s, 2e-3);
    sluice_profile_free(profile);
    profile = parse(NODE("1", "1", "1", "10", "0") "\n" NODE("2", "1", "1", "10", "0"));
    expect_names(profile, "node1..node2"); /* not connected: nothing crosses */
    sluice_profile_free(profile);
}

static const struct refusal {
    const char *text, *says;
} refusals[] = {
    {"node1", "'p', line 1: after the node comes ' -- description -- forward_compute_time='"},
    {"node -- x", "'p', line 1: a node is called node1, node2 ..."},
    {"node99999999999 -- x", "'p', line 1: a node is called node1, node2 ..."},
    {NODE("1", "-1", "1", "1", "1"),
     "'p', line 1: the node's times are missing, or not numbers of 0 or more"},
    {NODE("1", "nan", "1", "1", "1"),
     "'p', line 1: the node's times are missing, or not numbers of 0 or more"},
    {NODE("1", "1", "1", "[1; ]", "1"),
     "'p', line 1: the node's sizes are missing, or not numbers of 0 or more"},
    {NODE("1", "1", "1", "1e99", "1"), "'p', line 1: a size is more than 1 TiB"},
    {NODE("1", "1", "1", "1", "1") " -- stage=0",
     "'p', line 1: something follows the node's parameter_size"},
    {NODE("1", "1", "1", "1", "1") "\n" NODE("2", "1", "1", "1", "1") "\n\tnode1 - node2",
     "'p', line 3: an edge is 'node1 -- node2'"},
    {NODE("1", "1", "1", "1", "1") "\n" EDGE("1", "3"), "'p', line 2: there is no node3"},
    {NODE("1", "1", "1", "1", "1") "\n" NODE("1", "1", "1", "1", "1"),
     "'p', line 2: node1 is also on line 1"},
    {NODE("1", "1", "1", "1", "1") "\n" NODE("2", "1", "1", "1", "1") "\n" EDGE("1", "2")
         EDGE("2", "1"),
     "'p', line 1: node1 depends on itself"},
};

static void mistakes_are_named(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof refusals / sizeof *refusals; k++) {
        sluice_profile *profile = NULL;
        assert_refused(
            sluice_profile_parse(&profile, refusals[k].text, strlen(refusals[k].text), "p"),
            SLUICE_E_PARSE, refusals[k].says);
        assert_null(profile);
    }
}

/* ---- the authors' own files ---- */

static const struct file {
    const char *name;
    double slowest_ms[4]; /* of 2, 3, 4 and 8 stages, F and B */
} files[] = {
    {"alexnet", {635.902, 635.902, 635.902, 635.902}},
    {"squeezenet1_0", {474.637, 474.637, 474.637, 474.637}},
    {"inception_v3", {375.269, 252.732, 193.63, 103.746}},
};

static double slowest_ms(const sluice_profile_table *table, int stages) {
    sluice_split *split = malloc(sizeof *split);
    double slowest      = 0;
    assert_ok(sluice_profile_split(split, table, stages));
    for (int s = 0; s < stages; s++) {
        double sum = 0;
        for (int l = split->first[s]; l < split->first[s + 1]; l++)
            sum +=
                table->layers[l].forward_s + table->layers[l].input_s + table->layers[l].weight_s;
        slowest = fmax(slowest, sum);
    }
    free(split);
    return 1e3 * slowest;
}

static void its_own_files_are_read(void **state) {
    (void)state;
    static const int stages[] = {2, 3, 4, 8};
    const char *const folder  = getenv("SLUICE_PIPEDREAM");
    if (!folder) skip();
    for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
        char path[512];
        sluice_profile *profile = NULL;
        snprintf(path, sizeof path, "%s/%s.txt", folder, files[f].name);
        assert_ok(sluice_profile_read(&profile, path));
        for (int k = 0; k < 4; k++) {
            const double got = slowest_ms(&profile->tables[0], stages[k]);
            if (fabs(got - files[f].slowest_ms[k]) > 1e-6)
                fail_msg("%s in %d stages: %.9g ms, expected %.9g", files[f].name, stages[k], got,
                         files[f].slowest_ms[k]);
        }
        sluice_profile_free(profile);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_is_cut_everywhere), cmocka_unit_test(several_tensors_are_not_cut),
        cmocka_unit_test(ties_go_by_number),         cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(its_own_files_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
