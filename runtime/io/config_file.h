/* SPDX-License-Identifier: MIT */
/*
 * config_file.h -- a model's config.json, key by key, so that families see no JSON. Errors name the
 * key and the file.
 */
#ifndef SLUICE_IO_CONFIG_FILE_H
#define SLUICE_IO_CONFIG_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "sluice/status.h"

struct json_t;

typedef struct sluice__config_file {
    struct json_t *object;
    const char *path; /* borrowed */
    bool failed;      /* an insertion failed, which sluice__config_save() reports */
    int digits;       /* that its numbers need */
} sluice__config_file;

/* ---- reading ---- */

/* Release with sluice__config_close(). E_IO, E_PARSE, E_HOST_MEMORY. */
sluice_status sluice__config_open(sluice__config_file *out, const char *path);
void sluice__config_close(sluice__config_file *file);

/* Whether the key is present and not null. */
bool sluice__config_has(const sluice__config_file *file, const char *key);
/* Whether the value equals `literal`, which is JSON: "text" in quotes, true, false, null, {}, or a
 * number. */
bool sluice__config_is(const sluice__config_file *file, const char *key, const char *literal);
/* The object that the key has as its value, borrowed from `file`; false: it has none. */
bool sluice__config_inside(sluice__config_file *out, const sluice__config_file *file,
                           const char *key);
/* Whether the value is a list, and all in it are `literal`. */
bool sluice__config_all_are(const sluice__config_file *file, const char *key, const char *literal);
/* A count from 1 to 2^30. E_PARSE. */
sluice_status sluice__config_count(int64_t *out, const sluice__config_file *file, const char *key);
/* The same; `otherwise` where the key is missing or null. */
sluice_status sluice__config_count_or(int64_t *out, const sluice__config_file *file,
                                      const char *key, int64_t otherwise);
/* `otherwise` where the key is missing. E_PARSE. */
sluice_status sluice__config_flag(bool *out, const sluice__config_file *file, const char *key,
                                  bool otherwise);
/* A number above 0; `otherwise` where the key is missing. E_PARSE. */
sluice_status sluice__config_number(double *out, const sluice__config_file *file, const char *key,
                                    double otherwise);
/* The same, of a size that a float has, to its nearest. */
sluice_status sluice__config_float(float *out, const sluice__config_file *file, const char *key,
                                   float otherwise);
/* A token's id; -1 where it is null, unchanged where the key is missing. E_PARSE. */
sluice_status sluice__config_token(int64_t *out, const sluice__config_file *file, const char *key);
/* The same of a list, or a single one: the others than the first. `*more` is unchanged unless it is
 * a list. E_PARSE, E_UNSUPPORTED (more than `max` others). */
sluice_status sluice__config_tokens(int64_t *out, int64_t *others, int *more, int max,
                                    const sluice__config_file *file, const char *key);
/* The first key that is neither known nor null; NULL: there is none. Borrowed. */
const char *sluice__config_other(const sluice__config_file *file,
                                 bool (*is_known)(const char *key, const void *context),
                                 const void *context);
/* E_UNSUPPORTED, with the value in the file and what is supported instead. */
sluice_status sluice__config_unsupported(const sluice__config_file *file, const char *key,
                                         const char *supported);
/* The key is missing, or is `literal`. E_UNSUPPORTED. */
sluice_status sluice__config_expect(const sluice__config_file *file, const char *key,
                                    const char *literal);

/* ---- writing: values in the order of the calls, then all of it into the file ---- */

/* An empty one for `path`, which is borrowed. Release with sluice__config_close(). */
void sluice__config_create(sluice__config_file *out, const char *path);
void sluice__config_set_text(sluice__config_file *file, const char *key, const char *text);
/* A list of one text. */
void sluice__config_set_texts(sluice__config_file *file, const char *key, const char *only);
void sluice__config_set_count(sluice__config_file *file, const char *key, int64_t count);
void sluice__config_set_number(sluice__config_file *file, const char *key, double number);
/* The decimal number that the float was given as. */
void sluice__config_set_float(sluice__config_file *file, const char *key, float number);
void sluice__config_set_flag(sluice__config_file *file, const char *key, bool flag);
void sluice__config_set_null(sluice__config_file *file, const char *key);
/* A list of counts. */
void sluice__config_set_counts(sluice__config_file *file, const char *key, const int64_t *list,
                               int count);
/* What has been set in `inside`, which is closed. */
void sluice__config_set_object(sluice__config_file *file, const char *key,
                               sluice__config_file *inside);
/* Written completely or not at all. The caller closes the file in either case. E_IO, E_HOST_MEMORY.
 */
sluice_status sluice__config_save(const sluice__config_file *file);

#endif
