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
    char only;  /* 'a': for that GPU alone, 'f': for its generation; else NUL */
    bool has_machine_code, can_be_compiled;
} code;

static bool is_word(const char *at, size_t length, const char *word) {
    return length == strlen(word) && memcmp(at, word, length) == 0;
}

/* The next of the list, which `at` is moved behind; false: there is none that is a number. */
static bool next_code(code *out, const char **at) {
    char *end;
    *out          = (code){.number = (int)strtol(*at, &end, 10)};
    const bool is = end != *at;
    if (*end == 'a' || *end == 'f') out->only = *end++;
    const size_t length   = strcspn(end, ",");
    out->has_machine_code = !is_word(end, length, "-virtual");
    out->can_be_compiled  = !out->only && !is_word(end, length, "-real");
    *at                   = end + length + (end[length] == ',');
    return is;
}

static bool covers(const code *c, int number) {
    if (c->only == 'a') return number == c->number;
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
        length += (size_t)snprintf(out + length, bytes - length, "%ssm_%d%.1s", length ? ", " : "",
                                   one.number, &one.only);
        later = one.can_be_compiled;
    }
    if (later && length < bytes) (void)snprintf(out + length, bytes - length, " and later");
}
