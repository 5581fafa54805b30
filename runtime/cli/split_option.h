/* SPDX-License-Identifier: MIT */
/* split_option.h -- a split on the command line: --split or --layout. */
#ifndef SLUICE_CLI_SPLIT_OPTION_H
#define SLUICE_CLI_SPLIT_OPTION_H

#include "cli.h"

/* Refuse more stages than `name` has layers. */
int cli_check_stages(int stages, int layers, const char *name);
/* Refuse --split and --layout at once. */
int cli_check_split(const char *split, const char *layout);
/* `*out` gets the split that one of the texts writes, of these layers; it stays unchanged if both
 * are NULL. Release it with free(). */
int cli_read_split(sluice_split **out, const char *split, const char *layout,
                   const sluice_profile_layer *rows, int layers, int stages);
int cli_read_split_of_model(sluice_split **out, const char *split, const char *layout,
                            const sluice_model *model, int stages);
/* How many stages the text that is given writes, whatever the model; 0: none is given. */
int cli_stages_of_split(int *out, const char *split, const char *layout);

#endif
