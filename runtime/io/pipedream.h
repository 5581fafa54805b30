/* SPDX-License-Identifier: MIT */
/* pipedream.h -- profiles that PipeDream's profiler wrote (docs/planning.md says what they hold):
 *
 *   node3 -- Conv2d(..) -- forward_compute_time=4.4, backward_compute_time=7.2,
 *       activation_size=443.0, parameter_size=35.0      (on one line; " -- stage_id=0" may follow)
 *   <tab>node2 -- node3                                 (node 3 reads what node 2 puts out)
 */
#ifndef SLUICE_IO_PIPEDREAM_H
#define SLUICE_IO_PIPEDREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "sluice/profile.h"

/* Whether a text begins like one. */
bool sluice__is_pipedream(const char *text, size_t bytes);
/* `name` is for errors: "'alexnet.txt'". E_PARSE with the line, E_HOST_MEMORY. */
sluice_status sluice__pipedream_parse(sluice_profile **out, const char *text, size_t bytes,
                                      const char *name);

#endif
