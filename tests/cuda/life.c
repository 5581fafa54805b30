/* SPDX-License-Identifier: MIT */
/* life.c -- notes the calls of a story without failures. */
#include "life.h"

static life *noting;

static life_place *find_place(life *in, const emu_site *site) {
    for (int n = 0; n < in->count; n++)
        if (in->list[n].site.from == site->from &&
            strcmp(in->list[n].site.function, site->function) == 0)
            return &in->list[n];
    if (in->count == LIFE_PLACES) fail_msg("more than %d places call", LIFE_PLACES);
    in->list[in->count].site = *site;
    return &in->list[in->count++];
}

static void note_calls(story_phase phase) {
    emu_site site;
    if (phase == STORY_CREATE) story_fail_memory(-1); /* it is counted */
    if (phase == STORY_END) noting->requests = story_requests();
    for (int n = 0; emu_site_at(n, &site); n++)
        find_place(noting, &site)->before[phase] = site.calls;
}

void life_tell(life *out, const story *s) {
    memset(out, 0, sizeof *out);
    noting   = out;
    out->end = story_tell(s, note_calls, "no failure");
    if (out->end.failed_in != STORY_END) fail_msg("%s: %s", s->name, out->end.error.what);
    story_expect_nothing_left(s->name);
}

long life_calls(const life_place *at, int phase) {
    return at->before[phase + 1] - at->before[phase];
}

bool life_is_look(const emu_site *site) {
    return strcmp(site->function, "cudaEventQuery") == 0;
}

bool life_is_work(const emu_site *site) {
    if (strncmp(site->function, "cuda", 4) == 0)
        return strncmp(site->function, "cudaMemcpy", 10) == 0 ||
               strcmp(site->function, "cudaMemsetAsync") == 0;
    return strncmp(site->function, "cublas", 6) != 0 ||
           strcmp(site->function, "cublasLtMatmul") == 0;
}

void life_expect_same(const life *usual, const story *s) {
    static life now;
    life_tell(&now, s);
    if (now.end.digest != usual->end.digest) fail_msg("%s: other bits", s->name);
    for (int n = 0; n < usual->count; n++) {
        const life_place *const before = &usual->list[n];
        const life_place *const after  = find_place(&now, &before->site);
        for (int phase = 0; phase < STORY_END; phase++)
            if (!life_is_look(&before->site) &&
                life_calls(before, phase) != life_calls(after, phase))
                fail_msg("%s: after failures '%s' makes %ld calls of %s, before there were %ld",
                         s->name, story_phase_words[phase], life_calls(after, phase),
                         before->site.function, life_calls(before, phase));
    }
}
