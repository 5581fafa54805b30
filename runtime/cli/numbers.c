/* SPDX-License-Identifier: MIT */
/* numbers.c -- strict reading of numbers from the command line, and printing numbers for people. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"

/* strto* skip blanks and accept signs: a number here starts with a digit, '-' or '.'. */
static bool starts_like_a_number(const char *text) {
    return (text[0] >= '0' && text[0] <= '9') || text[0] == '-' || text[0] == '.';
}

int cli_read_count(int64_t *out, const char *option, const char *text, int64_t min, int64_t max) {
    char *end             = NULL;
    errno                 = 0;
    const long long value = strtoll(text, &end, 10);
    if (!starts_like_a_number(text) || end == text || *end != '\0' || errno != 0 || value < min ||
        value > max)
        return cli_fail(CLI_USAGE, "%s is '%s'; give a whole number from %lld to %lld", option,
                        text, (long long)min, (long long)max);
    *out = value;
    return CLI_OK;
}

int cli_read_int(int *out, const char *option, const char *text, int min, int max) {
    int64_t value = 0;
    CLI_TRY(cli_read_count(&value, option, text, min, max));
    *out = (int)value;
    return CLI_OK;
}

int cli_read_number(double *out, const char *option, const char *text, double min, bool above) {
    char *end          = NULL;
    const double value = strtod(text, &end);
    if (!starts_like_a_number(text) || end == text || *end != '\0' || !isfinite(value) ||
        value < min || (above && value == min))
        return cli_fail(CLI_USAGE, "%s is '%s'; give a finite number, %s %g", option, text,
                        above ? "more than" : "at least", min);
    *out = value;
    return CLI_OK;
}

cli_words cli_bytes(size_t bytes) {
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    double value                     = (double)bytes / 1024;
    int unit                         = 0;
    while (value >= 1000 && unit < 3) {
        value /= 1024;
        unit++;
    }
    cli_words words;
    snprintf(words.text, sizeof words.text, "%.1f %s", value, units[unit]);
    return words;
}

cli_words cli_quantity(double value) {
    static const char units[] = " kMGTP";
    int unit                  = 0;
    while (value >= 999.5 && unit < 5) {
        value /= 1000;
        unit++;
    }
    cli_words words;
    if (unit == 0)
        snprintf(words.text, sizeof words.text, "%.0f", value);
    else
        snprintf(words.text, sizeof words.text, value < 100 ? "%.1f %c" : "%.0f %c", value,
                 units[unit]);
    return words;
}
