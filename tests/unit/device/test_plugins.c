/* SPDX-License-Identifier: MIT */
/* test_plugins.c -- plug-ins are loaded by name, next to each other, and offer what they list. */
#include "tests/support/support.h"

#include <string.h>

#include "runtime/device/plugin.h"

/* Each is what its name says, whatever was loaded before; a second look-up finds the first's. */
static void plugins_are_found_by_name(void **state) {
    const char *const names[] = {"alpha", "beta", "alpha"};
    const sluice_device_ops *found[3];
    (void)state;
    for (int k = 0; k < 3; k++) {
        assert_ok(sluice__plugin_device(&found[k], names[k], names[k]));
        assert_string_equal(found[k]->name, names[k]);
    }
    assert_ptr_equal(found[0], found[2]);
    const sluice__transport_ops *wire = NULL;
    assert_ok(sluice__plugin_transport(&wire, "beta", "beta-wire"));
    assert_string_equal(wire->name, "beta-wire");
}

/* What is missing is named, and outputs stay as they are. */
static void what_is_missing_is_named(void **state) {
    const sluice_device_ops *device   = NULL;
    const sluice__transport_ops *wire = NULL;
    (void)state;
    assert_ok(sluice__plugin_device(&device, "alpha", "alpha"));
    assert_ok(sluice__plugin_transport(&wire, "alpha", "alpha-wire"));
    const sluice_device_ops *const device_before   = device;
    const sluice__transport_ops *const wire_before = wire;
    assert_refused(sluice__plugin_device(&device, "alpha", "beta"), SLUICE_E_UNSUPPORTED,
                   "the plug-in alpha has no device beta");
    assert_refused(sluice__plugin_transport(&wire, "alpha", "beta-wire"), SLUICE_E_UNSUPPORTED,
                   "the plug-in alpha was built without the transport beta-wire");
    assert_int_equal(sluice__plugin_device(&device, "gamma", "gamma"), SLUICE_E_UNSUPPORTED);
    assert_non_null(
        strstr(sluice_last_error()->what, "the plug-in libsluice_gamma.so is not here"));
    assert_ptr_equal(device, device_before);
    assert_ptr_equal(wire, wire_before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plugins_are_found_by_name),
        cmocka_unit_test(what_is_missing_is_named),
    };
    return cmocka_run_group_tests_name("plug-ins", tests, NULL, NULL);
}
