/* SPDX-License-Identifier: MIT */
/* link_costs.h -- the keys "default_link" and "links" of profiles and of lists of devices. */
#ifndef SLUICE_IO_LINK_COSTS_H
#define SLUICE_IO_LINK_COSTS_H

#include <jansson.h>
#include <stdbool.h>

#include "runtime/base/text.h"
#include "sluice/profile.h"

enum { SLUICE__LINK_COSTS_WHERE = 400 }; /* bytes of a name in an error */

typedef struct sluice__link_costs {
    bool has_default;
    double latency_s, bytes_per_s; /* of links that are not listed */
    sluice_profile_link_spread spread;
    int count;
    sluice_link_cost *list;
    sluice_profile_link_spread *spreads; /* NULL: no link has one */
} sluice__link_costs;

/* Both may be missing. The caller frees the lists with sluice__free(); after a failure there are
 * none. E_PARSE, E_HOST_MEMORY. */
sluice_status sluice__link_costs_read(sluice__link_costs *out, json_t *object, const char *name);
/* Add them to a text, each key with a comma before it. E_HOST_MEMORY. */
sluice_status sluice__link_costs_print(sluice__text *text, const sluice__link_costs *links);

#endif
