/* SPDX-License-Identifier: MIT */
/* shape.c */
#include "tests/support/shape.h"

sluice_schedule *generate(const shape *of) {
    sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
    options.ranks                   = of->p;
    options.chunks                  = of->v;
    options.microbatches            = of->m;
    options.group                   = of->group;
    options.slack                   = of->slack;
    options.extra_warmup            = of->extra;
    sluice_schedule *schedule       = NULL;
    assert_ok(sluice_schedule_generate(&schedule, of->name, &options));
    return schedule;
}

words say(const shape *of) {
    words out;
    snprintf(out.text, sizeof out.text, "%s, p = %d, v = %d, m = %d, group %d, slack %g, extra %d",
             of->name, of->p, of->v, of->m, of->group, of->slack, of->extra);
    return out;
}

shape random_shape(uint64_t *random, int max_ranks) {
    const char *const *const names = sluice_schedule_names();
    int count                      = 0;
    while (names[count]) count++;
    shape of = {.name = names[test_random_int(random, 0, count - 1)]};
    sluice_schedule_description about;
    assert_ok(sluice_schedule_describe(&about, of.name));
    of.p     = test_random_int(random, 1, max_ranks);
    of.m     = test_random_int(random, 1, 4 * of.p + 2);
    of.v     = test_random_int(random, about.min_chunks, about.max_chunks ? about.max_chunks : 4);
    of.slack = about.takes_slack ? 1 + 0.125 * test_random_int(random, 0, 8) : 1;
    of.group = about.takes_group ? of.p + test_random_int(random, 0, of.p) : 0;
    of.extra = about.takes_extra_warmup ? test_random_int(random, 0, 2) : 0;
    return of;
}
