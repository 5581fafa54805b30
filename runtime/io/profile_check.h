/* SPDX-License-Identifier: MIT */
/* profile_check.h -- what every reader of profiles refuses at its end. */
#ifndef SLUICE_IO_PROFILE_CHECK_H
#define SLUICE_IO_PROFILE_CHECK_H

#include "sluice/profile.h"

/* Each time is finite; the sums that stages and ranks are made of must be, too. E_PARSE. */
sluice_status sluice__profile_check_sums(const sluice_profile *profile, const char *name);

#endif
