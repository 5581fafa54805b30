/* SPDX-License-Identifier: MIT */
/*
 * program.h -- a schedule made executable: a flat list of instructions for each rank, with
 * transfers inserted and every buffer placed, and verified as a whole.
 *
 * The same instructions are verified (sluice_program_verify), simulated (sluice_program_simulate)
 * and executed (pipeline.h). In a program without a model every buffer is one unit: enough to
 * verify, simulate and draw a schedule.
 */
#ifndef SLUICE_PROGRAM_H
#define SLUICE_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/model.h"
#include "sluice/partition.h"
#include "sluice/queues.h"
#include "sluice/schedule.h"
#include "sluice/status.h"

/* One table: the enum and its spelling. Values are ABI: append. */
/* clang-format off */
#define SLUICE_INSTRUCTION_MAP(X)          \
    X(FORWARD,         0, "F")             \
    X(BACKWARD,        1, "B")             \
    X(BACKWARD_INPUT,  2, "I")             \
    X(BACKWARD_WEIGHT, 3, "W")             \
    X(RECOMPUTE,       4, "recompute")     \
    X(POST_SEND,       5, "post-send")     \
    X(POST_RECEIVE,    6, "post-receive")  \
    X(WAIT,            7, "wait")          \
    X(TIE_REDUCE,      8, "tie-reduce")    \
    X(NORM,            9, "norm")          \
    X(UPDATE,         10, "update")
/* clang-format on */

typedef enum sluice_instruction_kind {
#define X(name, code, text) SLUICE_INSTRUCTION_##name = (code),
    SLUICE_INSTRUCTION_MAP(X)
#undef X
} sluice_instruction_kind;

/* "F", "post-send"; never NULL. */
SLUICE_API const char *sluice_instruction_name(sluice_instruction_kind kind);
/* F, B, I, W and recompute. */
SLUICE_API bool sluice_instruction_computes(sluice_instruction_kind kind);

/* What a buffer is to an instruction. The roles that a kind of instruction reads and writes are in
 * one table: `role_table` in runtime/program/memory/slots.c. */
typedef enum sluice_role {
    SLUICE_ROLE_INPUT           = 0, /* of the stage; of a post-send: what is sent */
    SLUICE_ROLE_OUTPUT          = 1, /* of the stage; of a post-receive: where it arrives */
    SLUICE_ROLE_OUTPUT_GRADIENT = 2,
    SLUICE_ROLE_INPUT_GRADIENT  = 3,
    SLUICE_ROLE_SAVED_INPUT     = 4, /* saved by F until I has run */
    SLUICE_ROLE_SAVED_WEIGHT    = 5, /* saved by F until W has run */
    SLUICE_ROLE_STASH           = 6, /* left by I for W */
    SLUICE_ROLE_BATCH   = 7, /* parts of the batch that layers read by name; filled before F */
    SLUICE_ROLE_SCRATCH = 8  /* of this instruction alone */
} sluice_role;
enum { SLUICE_ROLES = 9 };

/* Bytes of the rank's arena. Absent where `bytes` is 0. */
typedef struct sluice_slot {
    size_t offset, bytes;
} sluice_slot;

/* What an edge carries. One table: the enum and its name. Values are ABI: append. */
/* clang-format off */
#define SLUICE_PAYLOAD_MAP(X)          \
    X(ACTIVATION, 0, "activation")     \
    X(GRADIENT,   1, "gradient")       \
    X(TIE,        2, "tied gradient")
/* clang-format on */

/* ACTIVATION: an output of the producer's F (0SEND_F1 pairs with 1RECV_F1). GRADIENT: an input
 * gradient of its B or I. TIE: after the drain, the gradient of a use of a tied parameter. */
typedef enum sluice_payload {
#define X(name, code, text) SLUICE_PAYLOAD_##name = (code),
    SLUICE_PAYLOAD_MAP(X)
#undef X
} sluice_payload;

/* "tied gradient"; never NULL. */
SLUICE_API const char *sluice_payload_name(sluice_payload payload);

/* A tensor that one stage passes to another, over a transport unless both are on one rank: once for
 * every micro-batch, or, for a tie, once in the step. */
typedef struct sluice_edge {
    int producer, consumer; /* stages */
    int tensor; /* its number among those between the two, from 0; of a tie, the use of the model's
                 * parameter whose gradient it is */
    sluice_payload payload;
} sluice_edge;

/* Fields that a kind does not use are 0, or -1 where they are an index. Plain value, kept small, as
 * large programs have a hundred million: 28 bytes. */
typedef struct sluice_instruction {
    int row;        /* which bytes it uses: sluice_program_slot(). Instructions that use the same
                     * bytes have the same row */
    int microbatch; /* -1 for tie-reduce, norm, update and transfers of ties */
    int group;      /* > 0: consecutive actions with this number overlap; consecutive posts with it
                     * are issued as one, where a rank has one queue */
    union {
        int after; /* this rank's instruction, on another stream, that it follows; -1: none */
        int post;  /* of a wait: the post that it waits for */
    };

    /* posts; of a wait: copied from the post it waits for */
    int transfer;   /* its number among the transfers of its channel, from 0; -1 */
    int16_t edge;   /* what is carried: sluice_program_edge(); of a tie-reduce, the first one that
                     * it sums; -1 */
    int16_t peer;   /* the other rank; -1 */
    int16_t stage;  /* that computes; of a post: the one at this rank's end of the edge */
    uint8_t kind;   /* a sluice_instruction_kind */
    bool sends : 1; /* a send rather than a receive */

    bool recomputed : 1; /* of F: it saves nothing; a recompute before the backward does */
    bool first_input : 1, first_weight : 1; /* first_write for gradients by B or I, by B or W */

    unsigned payload : 3; /* a sluice_payload, the edge's */
} sluice_instruction;

typedef struct sluice_program sluice_program; /* immutable once built */

/* Bytes that a stage holds, for each micro-batch and permanently: for programs without a model. */
typedef struct sluice_stage_bytes {
    size_t output;    /* sent to the next stage; its gradient is as large */
    size_t saved;     /* by F until W, with its input where the backward reads it */
    size_t stash;     /* left by I for W */
    size_t scratch;   /* of each action, while it runs */
    size_t permanent; /* parameters, their gradients and optimizer state */
} sluice_stage_bytes;

/* ---- costs of actions and links ---- */

/*
 * A transfer takes the time of its payload plus that of its link. Its size is in bytes, or 1 in a
 * program whose bytes are not known. Start from {.stages = ...}: what is left out costs nothing.
 *
 * Channels of one link (the same two ranks, the same direction) share its bandwidth: latencies
 * overlap, bytes are served one transfer after another. A transfer begins when both ends are posted
 * and the one before it in its channel is done, and is ready after payload and latency; ready ones
 * are served in the order in which they became ready, at the same time the lower channel first.
 * Over one queue per rank nothing is shared: a transfer lasts latency + size / bandwidth from its
 * begin.
 */
typedef struct sluice_simulation_costs {
    const sluice_cost *stages;  /* one per stage */
    double activation_transfer; /* time of the payload, on any link */
    double gradient_transfer;
    double update;                 /* norm and update, each rank */
    const double *recompute;       /* per stage; NULL: as long as F */
    const double *updates;         /* per rank; NULL: `update` */
    double latency, bandwidth;     /* of every link */
    const sluice_link_cost *links; /* exceptions; the last one that matches counts */
    int link_count;
    double overlap; /* factor on the costs of actions in overlap groups, at most 1; 0: 1 */
} sluice_simulation_costs;

/* ---- compile ---- */

typedef struct sluice_program_options {
    size_t size;     /* sizeof(sluice_program_options), set by the initializer */
    int64_t samples; /* of a minibatch; at least one per micro-batch */
    int states;      /* optimizer state tensors per parameter: state_count() of the kind */
    sluice_precision precision;
    /* As in sluice_operations; NULL: where the type is not fp32, one of it for each element. */
    size_t (*working_bytes)(const sluice_shape *parameter);
    const bool *recompute; /* per stage: F keeps its input only, and runs again before its backward
                            * (unless that follows at once); NULL: no stage recomputes */
    sluice_queues queues;
    const sluice_stage_bytes *bytes; /* per stage, for a program without a model; NULL: every buffer
                                      * is one unit, and no bytes are known */
    /* When a rank waits for what it has sent: a later wait keeps a buffer longer, an earlier one
     * may hold up the rank. With costs, when the send has ended under them; where they hold, and
     * links have a latency only, no rank is held up. Without, when it is certain to have ended,
     * whatever actions take. A schedule that names its transfers is taken as it is. */
    const sluice_simulation_costs *costs; /* NULL: not known */
    int outstanding; /* at most so many sends to each peer are not waited for, more only where the
                      * schedule would deadlock; 0: as many as follow from the above */
    bool inference;  /* nothing is ever trained: no gradients and no optimizer state; the schedule
                      * has forwards only */
} sluice_program_options;
/* One field a line, in the order of the struct: C++17 has no designated initializers. */
/* clang-format off */
#define SLUICE_PROGRAM_OPTIONS_INIT                         \
    {                                                       \
        /* size          */ sizeof(sluice_program_options), \
        /* samples       */ 1,                              \
        /* states        */ 2,                              \
        /* precision     */ SLUICE_PRECISION_FP32,          \
        /* working_bytes */ 0,                              \
        /* recompute     */ 0,                              \
        /* queues        */ SLUICE_QUEUES_PER_CHANNEL,      \
        /* bytes         */ 0,                              \
        /* costs         */ 0,                              \
        /* outstanding   */ 0,                              \
        /* inference     */ false                           \
    }
/* clang-format on */

/*
 * Compile: lower, plan the memory, verify. `model` and `split` are both given or both NULL; `model`
 * must outlive the program. Where micro-batches are uneven, larger ones come first.
 * E_ARGUMENT, E_UNSUPPORTED (a precision that does not exist), E_SCHEDULE (the first thing that is
 * wrong with the schedule), E_HOST_MEMORY.
 */
SLUICE_API sluice_status sluice_program_compile(sluice_program **out,
                                                const sluice_schedule *schedule,
                                                const sluice_model *model,
                                                const sluice_split *split,
                                                const sluice_program_options *options);
SLUICE_API void sluice_program_free(sluice_program *program); /* NULL is fine */

SLUICE_API int sluice_program_ranks(const sluice_program *program);
SLUICE_API int sluice_program_stages(const sluice_program *program);
SLUICE_API int sluice_program_microbatches(const sluice_program *program);
SLUICE_API int sluice_program_stage_rank(const sluice_program *program, int stage);
/* Layers of `stage`: *first .. *last, both included; 0..-1 without a model. */
SLUICE_API void sluice_program_stage_layers(int *first, int *last, const sluice_program *program,
                                            int stage);
/* Samples of micro-batch `i`, and the index in the minibatch of its first one. */
SLUICE_API int64_t sluice_program_samples(const sluice_program *program, int i);
SLUICE_API int64_t sluice_program_first_sample(const sluice_program *program, int i);
/* Borrowed; `*count` gets the length. */
SLUICE_API const sluice_instruction *sluice_program_list(int *count, const sluice_program *program,
                                                         int rank);
/*
 * The program as a schedule that names every transfer, every wait for a send, and the reduction of
 * a stage's gradients after its last backward. Compiled again, it has the same instructions in the
 * same order, but for the order of waits before one action. What has no name there is left out:
 * recomputation, ties and the update. Release with sluice_schedule_free(). E_UNSUPPORTED (a stage
 * with several inputs or outputs), E_HOST_MEMORY.
 */
SLUICE_API sluice_status sluice_program_schedule(sluice_schedule **out,
                                                 const sluice_program *program);
/* Slots of every instruction: SLUICE_ROLES, and more where a stage has several inputs or outputs.
 */
SLUICE_API int sluice_program_slot_count(const sluice_program *program);
/* Slot k of an instruction of `rank`: one by role, then those of further edges where a stage has
 * several in one role. */
SLUICE_API sluice_slot sluice_program_slot(const sluice_program *program, int rank,
                                           const sluice_instruction *instruction, int k);
/* The tensors that stages pass to each other; one of them, `edge` from 0. */
SLUICE_API int sluice_program_edge_count(const sluice_program *program);
SLUICE_API sluice_edge sluice_program_edge(const sluice_program *program, int edge);

/* ---- memory: bytes of one rank's arena ---- */

/* Kinds of transient memory: the roles, and gradients of ties received from other ranks. */
enum { SLUICE_MEMORY_TIES = SLUICE_ROLES, SLUICE_MEMORY_KINDS = SLUICE_ROLES + 1 };

typedef struct sluice_program_bytes {
    size_t parameters; /* fp32 masters; permanent, like everything before `transient` */
    size_t working;    /* the copies that layers read, where the precision differs */
    size_t gradients, states;
    size_t layer_states; /* of any lifetime */
    size_t sequence;     /* of these: what lasts as long as a sequence, as a key/value cache does */
    size_t bookkeeping;  /* losses, norm partials */
    size_t transient;    /* region of the buffers that are needed for part of the step */
    size_t live;         /* peak of what is needed at one time, permanent bytes included */
    size_t arena;        /* total: what the rank allocates, once */
    int peak;            /* the first instruction at which `live` is needed */
    size_t at_peak[SLUICE_MEMORY_KINDS]; /* transient bytes alive there, by kind */
} sluice_program_bytes;
/* "saved activations, until I"; never NULL. `kind` below SLUICE_MEMORY_KINDS. */
SLUICE_API const char *sluice_memory_kind_name(int kind);
SLUICE_API sluice_program_bytes sluice_program_memory(const sluice_program *program, int rank);
/* Most sends of the rank that are outstanding at once, before the drain: posted and not waited for.
 * `*bytes` gets the most bytes that such sends occupy. */
SLUICE_API int sluice_program_outstanding(size_t *bytes, const sluice_program *program, int rank);
/* What a rank holds during each instruction: stage-activations, F begun and B (or W) not ended, and
 * bytes of its arena, all 0 in a program whose bytes are not known. Each list has as many elements
 * as the rank has instructions, or is NULL. */
SLUICE_API void sluice_program_held(int *activations, size_t *bytes, const sluice_program *program,
                                    int rank);
/* Most stage-activations that the rank holds at once: F begun, B (or W) not ended. */
SLUICE_API int sluice_program_peak_activations(const sluice_program *program, int rank);

/* ---- verification: logic ---- */

/*
 * Prove that lists of instructions, one per rank, can run and mean what the schedule means: each
 * stage runs F, then B (or I then W) once for each micro-batch, stages follow each other in order,
 * every send has a receive, strict rendezvous in `queues` cannot deadlock, and no slot is read
 * before it is written or overwritten while live. E_SCHEDULE names the first thing that is wrong
 * (a deadlock as the chain of ranks that wait for each other); E_HOST_MEMORY.
 * sluice_program_compile() calls it; it is public for custom lists, whose rows are the program's,
 * and to find out whether a program would also run over other queues than those that it was
 * compiled for.
 */
SLUICE_API sluice_status sluice_program_verify(const sluice_program *program,
                                               const sluice_instruction *const *lists,
                                               const int *counts, sluice_queues queues);

/* ---- simulation: time ---- */

typedef struct sluice_rank_times {
    double *begin, *end;  /* per instruction; each begins where the one before it ends */
    uint8_t *critical;    /* a bit per instruction: sluice_is_critical(); NULL: unknown */
    double busy;          /* time in compute instructions */
    double first, last;   /* begin of the first compute instruction, end of the last */
    double inner_idle;    /* idle share between first and last */
    int peak_activations; /* max stage-activations held at once: F begun, B (or W) not ended */
} sluice_rank_times;

/* One transfer of the step, before the drain: transfers of ties are not among them. Kept small. */
typedef struct sluice_transfer_times {
    double begin, end;
    int sender_at, receiver_at; /* instructions of `from` and of `to` that wait for it */
    int16_t from, to;           /* ranks */
    int16_t edge;               /* what is carried: sluice_program_edge() */
    uint8_t payload;            /* a sluice_payload, the edge's */
    bool critical;              /* on the critical path */
} sluice_transfer_times;

typedef struct sluice_simulation {
    double makespan;      /* of compute and its transfers, without the update */
    double makespan_idle; /* idle share of ranks * makespan */
    double step;          /* with the update */
    int ranks;
    sluice_rank_times *rank;
    sluice_transfer_times *transfers; /* by begin */
    int transfer_count;
    double transferring, exposed;               /* sums over the transfers */
    double critical_compute, critical_transfer; /* of the critical path, whose length is makespan */
    int critical_actions, critical_transfers;
} sluice_simulation;

/* Whether instruction n of a rank is on the critical path. */
SLUICE_API bool sluice_is_critical(const sluice_rank_times *rank, int n);
SLUICE_API int sluice_transfer_microbatch(const sluice_program *program,
                                          const sluice_transfer_times *transfer);
/* When a transfer was posted by its sender, or by its receiver. */
SLUICE_API double sluice_transfer_posted(const sluice_simulation *simulation,
                                         const sluice_program *program,
                                         const sluice_transfer_times *transfer, bool by_sender);
/* The part of end - begin, at its end, during which its sender, or its receiver, was blocked by it;
 * and that during which either was. */
SLUICE_API double sluice_transfer_blocked(const sluice_simulation *simulation,
                                          const sluice_transfer_times *transfer, bool sender);
SLUICE_API double sluice_transfer_exposed(const sluice_simulation *simulation,
                                          const sluice_transfer_times *transfer);

/* Release with sluice_simulation_free(). E_ARGUMENT, E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_program_simulate(sluice_simulation **out,
                                                 const sluice_program *program,
                                                 const sluice_simulation_costs *costs);
SLUICE_API void sluice_simulation_free(sluice_simulation *simulation); /* NULL is fine */

#endif
