/* SPDX-License-Identifier: MIT */
/*
 * device_list.h -- the devices that a plan is for, one for each rank, kept in a file
 * (docs/formats.md). They need not be here.
 */
#ifndef SLUICE_DEVICE_LIST_H
#define SLUICE_DEVICE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "sluice/profile.h"
#include "sluice/program.h"
#include "sluice/status.h"

typedef struct sluice_device_list_rank {
    char *name;
    char *profile;       /* path of the profile of its layers, from this process's folder; NULL: the
                          * file names none */
    size_t memory_bytes; /* that the rank may use; 0: no limit */
} sluice_device_list_rank;

typedef struct sluice_device_list {
    int rank_count;
    sluice_device_list_rank *ranks;
    bool has_default_link; /* else links that are not listed cost what the profiles say */
    double latency_s, bytes_per_s;
    sluice_profile_link_spread default_link_spread;
    int link_count;
    sluice_link_cost *links; /* latency in seconds, bandwidth in bytes per second */
    sluice_profile_link_spread *link_spreads; /* one per link; NULL: not known */
} sluice_device_list;

/* Read a file. Paths of profiles that do not begin with '/' begin at its folder. E_IO, E_PARSE
 * (which key of which rank is missing, unknown or wrong), E_UNSUPPORTED (another version),
 * E_HOST_MEMORY. Release with sluice_device_list_free(). */
SLUICE_API sluice_status sluice_device_list_read(sluice_device_list **out, const char *path);
/* Parse a text in memory, which errors call `name`, and whose folder is that of `name`. */
SLUICE_API sluice_status sluice_device_list_parse(sluice_device_list **out, const char *text,
                                                  size_t bytes, const char *name);
SLUICE_API void sluice_device_list_free(sluice_device_list *list); /* NULL is fine */
/* As JSON, which parses to the same list; paths are printed as they are. Free the text with
 * sluice_text_free(). E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_device_list_print(char **out, const sluice_device_list *list);

#endif
