/* SPDX-License-Identifier: MIT */
/* plan_check.h -- what reading and printing plans share. */
#ifndef SLUICE_IO_PLAN_CHECK_H
#define SLUICE_IO_PLAN_CHECK_H

#include "sluice/plan_file.h"

enum { SLUICE__PLAN_VERSION = 1 };

/* Its parts agree with each other; `name` is for the error. E_PARSE. */
sluice_status sluice__plan_file_check(const sluice_plan_file *file, const char *name);

#endif
