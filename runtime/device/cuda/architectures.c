/* SPDX-License-Identifier: MIT */
/* architectures.c -- which GPUs a build has code for, by CMake's list with commas, such as
 * "80-real,90-real,100-real,120". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/device/cuda/cuda.h"

/* Code for one of them: machine code for its generation from its number on ("86" runs on sm_89),
 * and what a driver can compile for any later one. */
typedef struct code {
    int number; /* 10 major + minor */
    bool is_exact, is_of_family, has_machine_code, can_be_compiled;
} code;

/* The next of the list, which `at` is moved behind; false: there is none that is a number. */
static bool next_code(code *out, const char **at) {
    char *end;
    *out          = (code){.number = (int)strtol(*at, &end, 10)};
    const bool is = end != *at;
    out->is_exact = *end == 'a', out->is_of_family = *end == 'f';
    end += out->is_exact || out->is_of_family;
    const size_t length   = strcspn(end, ",");
    out->has_machine_code = strncmp(end, "-virtual", length) != 0 || length == 0;
    out->can_be_compiled =
        (strncmp(end, "-real", length) != 0 || length == 0) && !out->is_exact && !out->is_of_family;
    *at = end + length + (end[length] == ',');
    return is;
}

static bool covers(const code *c, int number) {
    if (c->is_exact) return number == c->number;
    if (c->has_machine_code && number / 10 == c->number / 10 && number >= c->number) return true;
    return c->can_be_compiled && number >= c->number;
}

bool sluice__cuda_architecture_is_built(const char *list, int number) {
    code one;
    if (*list < '0' || *list > '9') return true; /* "native", "all": nvcc knows */
    while (next_code(&one, &list))
        if (covers(&one, number)) return true;
    return false;
}

void sluice__cuda_print_architectures(char *out, size_t bytes, const char *at) {
    size_t length = 0;
    code one      = {0};
    bool later    = false;
    out[0]        = '\0';
    while (next_code(&one, &at) && length < bytes) {
        length += (size_t)snprintf(out + length, bytes - length, "%ssm_%d%s", length ? ", " : "",
                                   one.number,
                                   one.is_exact       ? "a"
                                   : one.is_of_family ? "f"
                                                      : "");
        later = one.can_be_compiled;
    }
    if (later && length < bytes) (void)snprintf(out + length, bytes - length, " and later");
}
