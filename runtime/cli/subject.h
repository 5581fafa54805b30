/* SPDX-License-Identifier: MIT */
/* subject.h -- what `sluice split` and `sluice plan` are about: a model or a profile. */
#ifndef SLUICE_CLI_SUBJECT_H
#define SLUICE_CLI_SUBJECT_H

#include "command_line.h"

cli_reader cli_take_subject; /* const char *: one, and no second */
/* Whether `name` is a profile, or else may be a model. `example`, a command line without
 * "sluice", is for the error where it is NULL. */
int cli_find_subject(bool *is_profile, const char *name, const char *example);

/* Working copies are those of the device, where it can be used here; else NULL. */
size_t (*cli_working_bytes(const char *device, sluice_precision precision))(const sluice_shape *);

#endif
