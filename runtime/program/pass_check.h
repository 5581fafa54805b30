/* SPDX-License-Identifier: MIT */
/* pass_check.h -- what every pass may take for granted of the one before; debug builds assert it.
 */
#ifndef SLUICE_PROGRAM_PASS_CHECK_H
#define SLUICE_PROGRAM_PASS_CHECK_H

#include "runtime/program/compiled.h"

/* After lowering: every instruction names stages, edges and posts that there are, and every buffer
 * lives while it is used. */
bool sluice__lowered_check(const sluice_program *program, const struct sluice__lowered *lowered);
/* After the memory plan: every slot lies in the rank's arena, and every list is in place. */
bool sluice__program_check(const sluice_program *program, int rank);

#endif
