/* SPDX-License-Identifier: MIT */
/*
 * schedule.h -- a schedule is data: for each rank, an ordered list of actions.
 *
 * Letters: p ranks, v chunks (stages per rank), m micro-batches, s a stage, i a micro-batch,
 * r a rank. A stage is not a rank: the placement says which rank runs which stage.
 */
#ifndef SLUICE_SCHEDULE_H
#define SLUICE_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>

#include "sluice/status.h"

/* One table: the enum, and the text form's spelling. Values are ABI: append. */
/* clang-format off */
#define SLUICE_ACTION_MAP(X)                  \
    X(IDLE,             0, "")                \
    X(F,                1, "F")               \
    X(B,                2, "B")               \
    X(I,                3, "I")               \
    X(W,                4, "W")               \
    X(SEND_F,           5, "SEND_F")          \
    X(RECV_F,           6, "RECV_F")          \
    X(SEND_B,           7, "SEND_B")          \
    X(RECV_B,           8, "RECV_B")          \
    X(UNSHARD,          9, "UNSHARD")         \
    X(RESHARD,         10, "RESHARD")         \
    X(REDUCE_GRAD,     11, "REDUCE_GRAD")     \
    X(WAIT_SEND_F,     12, "WAIT_SEND_F")     \
    X(WAIT_SEND_B,     13, "WAIT_SEND_B")     \
    X(WAIT_REDUCE_GRAD,14, "WAIT_REDUCE_GRAD")
/* clang-format on */

typedef enum sluice_action_kind {
#define X(name, code, text) SLUICE_ACTION_##name = (code),
    SLUICE_ACTION_MAP(X)
#undef X
} sluice_action_kind;

/* "F", "SEND_B"; never NULL. */
SLUICE_API const char *sluice_action_name(sluice_action_kind kind);

/* Plain value: copy it, compare it, print it. */
typedef struct sluice_action {
    sluice_action_kind kind;
    int stage;
    int microbatch; /* -1 for UNSHARD, RESHARD, (WAIT_)REDUCE_GRAD and IDLE */
    int group;      /* > 0: consecutive actions of one rank with the same number overlap */
} sluice_action;

typedef struct sluice_schedule sluice_schedule; /* immutable once built */

typedef struct sluice_schedule_options {
    size_t size;      /* sizeof(sluice_schedule_options), set by the initializer */
    int ranks;        /* p, 1 or more */
    int chunks;       /* v, 1 or more; 0: the schedule's default */
    int microbatches; /* m, 1 to 1048576 */
    double slack;     /* 1f1b, interleaved: rank r warms up with slack * (p - 1 - r) forwards
                       * (rounded down), 1 to 2; more spends memory to hide slow transfers; 0: the
                       * schedule's default, 1 and 2 */
    int group;        /* interleaved: micro-batches of a round, p or more; 0: p */
    int extra_warmup; /* interleaved: this many more forwards in every rank's warm-up, 0 or more; 1
                       * makes a forward and the backward after it independent, so that they can
                       * overlap */
} sluice_schedule_options;
/* One field a line, in the order of the struct: C++17 has no designated initializers. */
/* clang-format off */
#define SLUICE_SCHEDULE_OPTIONS_INIT                        \
    {                                                       \
        /* size         */ sizeof(sluice_schedule_options), \
        /* ranks        */ 1,                               \
        /* chunks       */ 0,                               \
        /* microbatches */ 1,                               \
        /* slack        */ 0,                               \
        /* group        */ 0,                               \
        /* extra_warmup */ 0                                \
    }
/* clang-format on */

/*
 * The schedule called `name`, one of sluice_schedule_names(). docs/schedules.md says what each is
 * for, what it costs and who published it. Stage s is on rank s mod p; in zbv, v-half, v-min and
 * dualpipev it is on rank s where s < p, else on 2 p - 1 - s.
 * Release with sluice_schedule_free(). E_ARGUMENT, E_HOST_MEMORY.
 */
SLUICE_API sluice_status sluice_schedule_generate(sluice_schedule **out, const char *name,
                                                  const sluice_schedule_options *options);
/* Names that sluice_schedule_generate() knows: NULL-terminated, static storage. */
SLUICE_API const char *const *sluice_schedule_names(void);

/* What is known about a name; texts have static storage. */
typedef struct sluice_schedule_description {
    const char *name, *summary;         /* the summary takes half a line */
    int chunks, min_chunks, max_chunks; /* the default; max 0: no limit */
    bool takes_slack, takes_group;      /* other schedules refuse the option */
    double slack;                       /* the default, where it is taken */
    bool takes_extra_warmup;
    bool ascending; /* gradients add up in ascending order of micro-batches on every stage: to the
                     * same bits as in all others of which this is said */
} sluice_schedule_description;
/* E_ARGUMENT if no schedule is called `name`; the hint lists the names. */
SLUICE_API sluice_status sluice_schedule_describe(sluice_schedule_description *out,
                                                  const char *name);

/*
 * A custom schedule, from lists. `lists[r]` holds `counts[r]` actions. Stages 0..max must each
 * appear on exactly one rank. `name` is copied; so are the lists, with their groups renumbered from
 * 1. E_ARGUMENT, E_SCHEDULE, E_HOST_MEMORY.
 */
SLUICE_API sluice_status sluice_schedule_from_lists(sluice_schedule **out, const char *name,
                                                    const sluice_action *const *lists,
                                                    const int *counts, int ranks);
SLUICE_API void sluice_schedule_free(sluice_schedule *schedule); /* NULL is fine */

SLUICE_API const char *sluice_schedule_name(const sluice_schedule *schedule);
SLUICE_API int sluice_schedule_ranks(const sluice_schedule *schedule);
SLUICE_API int sluice_schedule_stages(const sluice_schedule *schedule);
SLUICE_API int sluice_schedule_microbatches(const sluice_schedule *schedule);
SLUICE_API int sluice_schedule_stage_rank(const sluice_schedule *schedule, int stage);
/* True if some stage runs backward. */
SLUICE_API bool sluice_schedule_trains(const sluice_schedule *schedule);
/* True if the lists name their transfers. */
SLUICE_API bool sluice_schedule_communicates(const sluice_schedule *schedule);
/* Borrowed from `schedule`; `*count` gets the length. */
SLUICE_API const sluice_action *sluice_schedule_list(int *count, const sluice_schedule *schedule,
                                                     int rank);

/*
 * Text form: one CSV row per rank, the format of torch.distributed.pipelining; docs/formats.md has
 * its grammar. Parsing accepts any bytes and reports line and cell, from 1, and byte, from 0; a
 * printed text parses to the same schedule.
 * Free the text with sluice_text_free(). E_PARSE, E_HOST_MEMORY.
 */
SLUICE_API sluice_status sluice_schedule_parse(sluice_schedule **out, const char *text,
                                               size_t bytes);
SLUICE_API sluice_status sluice_schedule_print(char **out, const sluice_schedule *schedule);

#endif
