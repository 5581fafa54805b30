/* SPDX-License-Identifier: MIT */
/* test_draw_text.c -- a time line as text, where columns are narrow and actions begin between them:
 * equal to a golden file. SLUICE_BLESS=1 rewrites it. */
#include "tests/support/golden.h"
#include "tests/support/schedule_tools.h"

#include "sluice/allocator.h"
#include "sluice/timeline.h"

static void a_narrow_drawing_equals_the_golden_file(void **state) {
    (void)state;
    sluice_cost stages[MAX_STAGES];
    sluice_simulation_costs costs = equal_costs(stages, 1, 1.37, 1.1);
    sluice_program *program       = compile_over(generate_schedule("1f1b", 3, 6), 0);
    char *text                    = NULL;
    costs.latency                 = 0.3;
    sluice_simulation *simulation = simulate(program, &costs);
    assert_ok(sluice_simulation_draw(&text, simulation, program, 60));
    assert_golden("1f1b-3x6-narrow.txt", text);
    sluice_text_free(text);
    sluice_simulation_free(simulation);
    sluice_program_free(program);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_narrow_drawing_equals_the_golden_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
