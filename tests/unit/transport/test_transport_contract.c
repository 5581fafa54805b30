/* SPDX-License-Identifier: MIT */
/*
 * test_transport_contract.c -- the contract that every transport keeps (transport.h), for the one
 * named on the command line: `isolated`, or one of the registry; and for a device that is named
 * next, or else one that it reaches.
 */
#include "tests/support/isolated_transport.h"
#include "tests/support/transport_cases.h"

#include "runtime/transport/registry.h"
#include "sluice/device.h"

static rank_kind kind;

/* The transport, and a device that it joins. */
static int choose(const char *name, const char *device) {
    const sluice__transport_entry *entry = NULL;
    kind.ops                             = isolated_transport();
    kind.device                          = sluice_devices()[0];
    if (strcmp(name, kind.ops->name) == 0) return 0;
    if (sluice__transport_find(&entry, name) != SLUICE_OK ||
        sluice__transport_load(&kind.ops, entry) != SLUICE_OK ||
        sluice_device_find(&kind.device, device           ? device
                                         : entry->reaches ? entry->reaches
                                                          : "cpu") != SLUICE_OK) {
        (void)fprintf(stderr, "%s\n", sluice_last_error()->what);
        return 2;
    }
    return 0;
}

static void carry_out(void **state) {
    const transport_case *const it = *state;
    char said[1024];
    if (!rank_threads_run(said, sizeof said, &kind, &it->setup, it->script)) fail_msg("%s", said);
}

static void the_table_says_what_the_registry_says(void **state) {
    (void)state;
    const sluice__transport_entry *entry = NULL;
    if (kind.ops == isolated_transport()) return;
    assert_ok(sluice__transport_find(&entry, kind.ops->name));
    assert_int_equal(entry->one_queue, kind.ops->one_queue);
    char words[128] = "";
    assert_ok(kind.ops->describe(words, sizeof words));
    assert_true(words[0] != '\0');
}

enum { CASES_MAX = 48 };

static size_t add(struct CMUnitTest *tests, size_t count, const transport_case *cases) {
    for (; cases->name; cases++) {
        if (cases->applies && !cases->applies(kind.ops)) continue;
        tests[count].name      = cases->name;
        tests[count].test_func = carry_out;
        memcpy(&tests[count].initial_state, &cases, sizeof cases);
        count++;
    }
    return count;
}

int main(int argc, char **argv) {
    static struct CMUnitTest tests[CASES_MAX] = {
        cmocka_unit_test(the_table_says_what_the_registry_says)};
    if (argc < 2 || argc > 3 || choose(argv[1], argc == 3 ? argv[2] : NULL) != 0) return 2;
    size_t count = 1;
    count        = add(tests, count, transfer_cases);
    count        = add(tests, count, exchange_cases);
    count        = add(tests, count, lifetime_cases);
    return run_test_group(argv[1], tests, count, NULL, NULL);
}
