/* SPDX-License-Identifier: MIT */
/* model_options.h -- which model, device and precision: what several commands read alike. */
#ifndef SLUICE_CLI_MODEL_OPTIONS_H
#define SLUICE_CLI_MODEL_OPTIONS_H

#include "command_line.h"

#define CLI_MODEL "gpt-mini" /* what sluice train takes if none is given */

/* The names of a model: the presets of all families, and a file. */
const char *cli_model_help(void);
const char *cli_model_word(int index); /* presets, to complete */
/* Whether it names a folder with a model, and no preset. */
bool cli_is_model_folder(const char *name);
/* The configuration of a preset, of a folder, or of a config.json if `name` has a '/' or ends in
 * ".json".
 * `vocabulary` is used where a preset leaves it open; 0: that of bytes. */
int cli_read_model(sluice_model_config *out, const char *name, int64_t vocabulary);
/* Tokens of a sample: `given` (--seq), or if that is 0 the usual number, or as many as the model
 * has positions. */
int cli_choose_length(int64_t *out, int64_t given, const sluice_model_config *config,
                      const char *name);

cli_reader cli_take_device; /* const char *: one that can be used here */
/* Whether it is a kind of device of which it is known what it does in a second. */
bool cli_has_rates(const char *kind);
/* How many devices there are for a `--device`, which is one that can be used here; 0: as many as
 * are wanted. */
int cli_count_devices(int *out, const char *device);
/* Bytes that the smallest of these devices has free for a rank; 0: no limit is known. */
int cli_find_free(size_t *out, const char *device);
/* Those that the command line completes: cuda:0,1 and the like are possible, too. */
const char *cli_device_word(int index);
cli_reader cli_take_precision;             /* sluice_precision */
const char *cli_precision_name(int index); /* for the row's words */

/* ---- what multiplies on the CPU (blas_option.c) ---- */

const char *cli_blas_word(int index); /* for the row's words: "auto", then the libraries */
/* Whether a `--device` (NULL: the usual one) is the CPU. */
bool cli_multiplies_on_cpu(const char *device);
/* The library by name, "auto" resolved, where the device is the CPU; else NULL. Refused: one that
 * cannot be used here, or any for another device. */
int cli_settle_blas(const char **blas, const char *device);

#endif
