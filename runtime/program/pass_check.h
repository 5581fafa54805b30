/* SPDX-License-Identifier: MIT */
/* pass_check.h -- what every pass may assume about the output of the one before; debug builds
 * assert it. */
#ifndef SLUICE_PROGRAM_PASS_CHECK_H
#define SLUICE_PROGRAM_PASS_CHECK_H

#include "runtime/program/compiled.h"

/* After lowering: every instruction names existing stages, edges and posts, and every buffer is
 * used within its lifetime only. */
bool sluice__lowered_check(const sluice_program *program, const struct sluice__lowered *lowered);
/* After the memory plan: every slot lies in the rank's arena, and every instruction has slots. */
bool sluice__program_check(const sluice_program *program, int rank);

#endif
