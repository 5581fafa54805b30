/* SPDX-License-Identifier: MIT */
/* recompute.c -- which stages run forward again before their backward, from the command line. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* Read one stage number; `*text` moves past it and a following comma. */
static int read_stage(const char **text, const char *all, int stages, bool *recompute) {
    char *end        = NULL;
    const long stage = strtol(*text, &end, 10);
    if (end == *text || (*end != ',' && *end != 0) || (*end == ',' && end[1] == 0) || stage < 0 ||
        stage >= stages)
        return cli_fail(CLI_USAGE,
                        "--recompute is '%s'; give none, full, or stages from 0 to %d, as in 0,%d",
                        all, stages - 1, stages - 1);
    recompute[stage] = true;
    *text            = *end ? end + 1 : end;
    return CLI_OK;
}

int cli_read_recompute(bool *out, const char *text, int stages) {
    const char *const all = text;
    for (int s = 0; s < stages; s++) out[s] = text && strcmp(text, "full") == 0;
    if (!text || strcmp(text, "none") == 0 || strcmp(text, "full") == 0) return CLI_OK;
    do CLI_TRY(read_stage(&text, all, stages, out));
    while (*text);
    return CLI_OK;
}
