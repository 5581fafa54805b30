/* SPDX-License-Identifier: MIT */
/* test_layout_text.c -- layouts are read strictly, and printed so that they read the same. */
#include "tests/support/support.h"

#include "sluice/allocator.h"
#include "sluice/partition.h"

enum { BLOCKS = 61, LAYERS = 1 + 2 * BLOCKS + 1 + 2 };

/* An embedding, blocks of two layers, a multi-token block of one, a norm and a loss. */
static void make_layers(sluice_layout_layer layers[LAYERS]) {
    for (int l = 0; l < LAYERS; l++)
        layers[l] = (sluice_layout_layer){SLUICE_LAYOUT_PART_BLOCK, l % 2 == 1};
    layers[0]          = (sluice_layout_layer){SLUICE_LAYOUT_PART_EMBEDDING, true};
    layers[LAYERS - 3] = (sluice_layout_layer){SLUICE_LAYOUT_PART_MULTI, true};
    layers[LAYERS - 2] = (sluice_layout_layer){SLUICE_LAYOUT_PART_LOSS, true};
    layers[LAYERS - 1] = (sluice_layout_layer){SLUICE_LAYOUT_PART_LOSS, false};
}

static void assert_prints(const char *text, const char *expected) {
    sluice_layout_layer layers[LAYERS];
    sluice_split split;
    char *printed;
    int inside;
    make_layers(layers);
    assert_ok(sluice_layout_parse(&split, text, strlen(text), layers, LAYERS));
    assert_ok(sluice_layout_print(&printed, &inside, &split, layers, LAYERS));
    assert_string_equal(printed, expected);
    sluice_text_free(printed);
}

static void a_published_layout_is_read_and_printed(void **state) {
    (void)state;
    static const char text[] = "Et*3|(tt|)*29,m|L";
    sluice_layout_layer layers[LAYERS];
    sluice_split split;
    make_layers(layers);
    assert_ok(sluice_layout_parse(&split, text, strlen(text), layers, LAYERS));
    assert_int_equal(split.stages, 32);
    assert_int_equal(split.first[1], 7); /* the embedding and three blocks */
    assert_int_equal(split.first[2], 11);
    assert_int_equal(split.first[30], LAYERS - 3); /* the multi-token block */
    assert_int_equal(split.first[31], LAYERS - 2);
    assert_int_equal(split.first[32], LAYERS);
    assert_prints(text, "Et*3|(tt|)*29m|L");
    assert_prints("E(t)*61mL", "Et*61mL");
    assert_prints("((E))|((t|)*2t)*2t*55mL", "E|(t|)*2tt|t|t*56mL");
    assert_prints("Et*60|t,,m|L", "Et*60|tm|L");
}

static void a_cut_within_a_block_has_no_layout(void **state) {
    (void)state;
    sluice_layout_layer layers[LAYERS];
    const sluice_split split = {3, {0, 7, 10, LAYERS}};
    char *printed;
    int inside;
    make_layers(layers);
    assert_ok(sluice_layout_print(&printed, &inside, &split, layers, LAYERS));
    assert_null(printed);
    assert_int_equal(inside, 2);
}

static void bad_layouts_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *what;
        sluice_status status;
    } rows[] = {
        {"Ex", "layout: expected E, t, m, L, |, (, ) or * at byte 1", SLUICE_E_PARSE},
        {"E)", "layout: expected E, t, m, L, |, (, ) or * at byte 1", SLUICE_E_PARSE},
        {"E(t", "layout: expected ')' at byte 3", SLUICE_E_PARSE},
        {"Et*", "layout: expected a count from 1 to 253 at byte 3", SLUICE_E_PARSE},
        {"Et*0", "layout: expected a count from 1 to 253 at byte 3", SLUICE_E_PARSE},
        {"Et*99999999999", "layout: expected a count from 1 to 253 at byte 3", SLUICE_E_PARSE},
        {"(((((((((((((((((t)", "layout: more than 16 open parentheses", SLUICE_E_PARSE},
        {"(t*100)*100",
         "layout: it has more than 253 letters and cuts, and the model does not have so many "
         "parts",
         SLUICE_E_ARGUMENT},
        {"E||t*61mL", "layout: stage 1 has no part of the model", SLUICE_E_ARGUMENT},
        {"Et*61mL|", "layout: stage 1 has no part of the model", SLUICE_E_ARGUMENT},
        {"", "layout: it ends after 0 parts, and the model goes on with an embedding ('E')",
         SLUICE_E_ARGUMENT},
        {"Et*60", "layout: it ends after 61 parts, and the model goes on with a block ('t')",
         SLUICE_E_ARGUMENT},
        {"Et*62", "layout: part 62 is 't', and the model has a multi-token block there ('m')",
         SLUICE_E_ARGUMENT},
        {"Et*61mLL", "layout: part 64 is 'L', and the model has 64 parts", SLUICE_E_ARGUMENT},
    };
    sluice_layout_layer layers[LAYERS];
    sluice_split split;
    make_layers(layers);
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
        assert_refused(
            sluice_layout_parse(&split, rows[r].text, strlen(rows[r].text), layers, LAYERS),
            rows[r].status, rows[r].what);
}

/* A repetition that is beyond any number of letters, as a product also beyond an int. */
static void too_many_stages_are_refused(void **state) {
    (void)state;
    static const char large[] = "(t|*16384)*262144", empty[] = "()*262144t|L";
    int stages = 0;
    assert_refused(sluice_layout_stages(&stages, large, strlen(large)), SLUICE_E_ARGUMENT,
                   "layout: it has more than 262144 letters and cuts, and the model does not have "
                   "so many parts");
    assert_ok(sluice_layout_stages(&stages, empty, strlen(empty)));
    assert_int_equal(stages, 2);
}

/* Any text either reads, and prints as one that reads the same, or is refused with a sentence. */
static void any_text_reads_the_same_once_printed(void **state) {
    (void)state;
    static const char alphabet[]       = "Ettttm|L()*12,";
    uint64_t random                    = test_seed();
    const sluice_layout_layer layers[] = {{SLUICE_LAYOUT_PART_EMBEDDING, true},
                                          {SLUICE_LAYOUT_PART_BLOCK, true},
                                          {SLUICE_LAYOUT_PART_BLOCK, false},
                                          {SLUICE_LAYOUT_PART_BLOCK, true},
                                          {SLUICE_LAYOUT_PART_LOSS, true}};
    int read                           = 0;
    for (int trial = 0; trial < 200000; trial++) {
        char text[12], *printed;
        const int bytes = test_random_int(&random, 0, 10);
        sluice_split split, again;
        int inside;
        for (int k = 0; k < bytes; k++)
            text[k] = alphabet[test_random_int(&random, 0, (int)sizeof alphabet - 2)];
        if (trial % 2 && bytes > 0) text[0] = 'E';
        if (sluice_layout_parse(&split, text, (size_t)bytes, layers, 5) != SLUICE_OK) {
            assert_true(sluice_last_error()->what[0] != '\0');
            continue;
        }
        read++;
        assert_ok(sluice_layout_print(&printed, &inside, &split, layers, 5));
        assert_ok(sluice_layout_parse(&again, printed, strlen(printed), layers, 5));
        assert_int_equal(again.stages, split.stages);
        for (int s = 0; s <= split.stages; s++) assert_int_equal(again.first[s], split.first[s]);
        sluice_text_free(printed);
    }
    assert_true(read > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_published_layout_is_read_and_printed),
        cmocka_unit_test(a_cut_within_a_block_has_no_layout),
        cmocka_unit_test(bad_layouts_are_refused),
        cmocka_unit_test(too_many_stages_are_refused),
        cmocka_unit_test(any_text_reads_the_same_once_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
