/* SPDX-License-Identifier: MIT */
/* test_device_list.c -- lists of devices: reading, refusals, printing. */
#include "tests/support/schedule_tools.h"

#include "sluice/allocator.h"
#include "sluice/device_list.h"

#define LIST(ranks, rest) "{\"sluice_devices\": 1, \"ranks\": [" ranks "]" rest "}"
#define TWO               "{\"name\": \"a\"}, {\"name\": \"b\", \"memory_bytes\": 1000}"

static const char full[] = LIST(
    "{\"name\": \"slow\", \"profile\": \"slow.json\", \"memory_bytes\": 25769803776}, "
    "{\"name\": \"fast\", \"profile\": \"/fast.json\"}, {\"name\": \"plain\"}",
    ", \"default_link\": {\"latency_s\": 1e-5, \"bytes_per_s\": 1e10}, \"links\": [{\"from\": 1, "
    "\"to\": 2, \"latency_s\": 1e-3, \"bytes_per_s\": 1e9, "
    "\"spread\": {\"latency_s\": 1e-4, \"bytes_per_s\": 1e8}}]");

static sluice_device_list *parse(const char *text, const char *name) {
    sluice_device_list *list = NULL;
    assert_ok(sluice_device_list_parse(&list, text, strlen(text), name));
    return list;
}

static void a_list_is_read(void **state) {
    (void)state;
    sluice_device_list *list = parse(full, "some/where/devices.json");
    assert_int_equal(list->rank_count, 3);
    assert_string_equal(list->ranks[0].name, "slow");
    assert_string_equal(list->ranks[0].profile, "some/where/slow.json");
    assert_true(list->ranks[0].memory_bytes == 25769803776);
    assert_string_equal(list->ranks[1].profile, "/fast.json");
    assert_int_equal(list->ranks[1].memory_bytes, 0);
    assert_null(list->ranks[2].profile);
    assert_true(list->has_default_link);
    assert_near("latency", list->latency_s, 1e-5);
    assert_near("bandwidth", list->links[0].bandwidth, 1e9);
    assert_near("spread", list->link_spreads[0].latency_s, 1e-4);
    sluice_device_list_free(list);
    list = parse(LIST(TWO, ""), "devices.json");
    assert_false(list->has_default_link);
    assert_int_equal(list->link_count, 0);
    sluice_device_list_free(list);
}

static void what_is_printed_parses_to_the_same(void **state) {
    (void)state;
    char *text = NULL, *again = NULL;
    sluice_device_list *list = parse(full, "devices.json");
    assert_ok(sluice_device_list_print(&text, list));
    sluice_device_list *got = parse(text, "devices.json");
    assert_ok(sluice_device_list_print(&again, got));
    assert_string_equal(text, again);
    assert_string_equal(got->ranks[0].profile, "slow.json");
    assert_true(got->ranks[0].memory_bytes == 25769803776);
    assert_null(got->ranks[2].profile);
    assert_memory_equal(got->links, list->links, sizeof *list->links);
    assert_near("spread", got->link_spreads[0].bytes_per_s, 1e8);
    sluice_text_free(text);
    sluice_text_free(again);
    sluice_device_list_free(got);
    sluice_device_list_free(list);
}

static const struct refusal {
    const char *text;
    sluice_status status;
    const char *says;
} refusals[] = {
    {"{}", SLUICE_E_PARSE, "'d' has no \"sluice_devices\""},
    {"{\"sluice_devices\": 2}", SLUICE_E_UNSUPPORTED,
     "'d' is a list of devices of version 2, and this library reads version 1"},
    {LIST("", ""), SLUICE_E_PARSE, "'d': \"ranks\" is not a list of one or more"},
    {LIST("{}", ""), SLUICE_E_PARSE, "'d', rank 0 has no \"name\""},
    {LIST(TWO ", {\"name\": \"c\", \"speed\": 2}", ""), SLUICE_E_PARSE,
     "'d', rank 2 has a key \"speed\", which is not known"},
    {LIST("{\"name\": \"a\", \"memory_bytes\": 0}", ""), SLUICE_E_PARSE,
     "'d', rank 0: \"memory_bytes\" is not a whole number of 1 or more"},
    {LIST("{\"name\": \"a\", \"memory_bytes\": 2000000000000000}", ""), SLUICE_E_PARSE,
     "'d', rank 0: \"memory_bytes\" is 2000000000000000, more than 1 PiB"},
    {LIST("{\"name\": \"a\", \"profile\": \"\"}", ""), SLUICE_E_PARSE,
     "'d', rank 0: \"profile\" is an empty path"},
    {LIST(TWO, ", \"links\": [{\"from\": 0, \"to\": 2, \"latency_s\": 0, \"bytes_per_s\": 1}]"),
     SLUICE_E_PARSE, "'d', link 0 goes from rank 0 to rank 2, and there are 2 ranks"},
    {LIST(TWO, ", \"default_link\": {\"latency_s\": -1, \"bytes_per_s\": 1}"), SLUICE_E_PARSE,
     "'d', the default link: \"latency_s\" is not a number of 0 or more"},
};

static void mistakes_are_named(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof refusals / sizeof *refusals; k++) {
        sluice_device_list *list = NULL;
        assert_refused(
            sluice_device_list_parse(&list, refusals[k].text, strlen(refusals[k].text), "d"),
            refusals[k].status, refusals[k].says);
        assert_null(list);
    }
    sluice_device_list *list = NULL;
    assert_int_equal(sluice_device_list_read(&list, "no/such/file.json"), SLUICE_E_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_read),
        cmocka_unit_test(what_is_printed_parses_to_the_same),
        cmocka_unit_test(mistakes_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
