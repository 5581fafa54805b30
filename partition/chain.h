/* SPDX-License-Identifier: MIT */
/*
 * chain.h -- a partition problem prepared for questions: what layers a .. b - 1 cost as stage s,
 * and what a rank holds with the stages that it has.
 */
#ifndef SLUICE_PARTITION_CHAIN_H
#define SLUICE_PARTITION_CHAIN_H

#include "sluice/partition.h"

enum { SLUICE__MAX_CHUNKS = 256 }; /* stages of a rank */

/* A device's rows, summed: entry n is the sum over layers 0 .. n - 1. */
typedef struct sluice__costs {
    const sluice_profile_layer *layers;
    double *time, *again; /* F + I + W; recompute */
} sluice__costs;

/* Time of both transfers of the boundary in front of a stage: fixed, and for each byte. */
typedef struct sluice__cut {
    double fixed, per_byte;
} sluice__cut;

/* Layers begin .. end - 1. */
typedef struct sluice__span {
    int begin, end;
} sluice__span;

/* A rank's stages in ascending order, and where its times are in the table of what is held. */
typedef struct sluice__rank_stages {
    int *stages;
    int count;
    int *counts;         /* [times][count][SLUICE_HELD_KINDS], until `amounts` has them */
    double *amounts;     /* [count][SLUICE_HELD_KINDS][times] */
    int *running, *runs; /* [times]: the stage that computes, among `stages`, and what */
    int times;
} sluice__rank_stages;

struct sluice__footprint;

typedef struct sluice__chain {
    sluice_partition problem;
    const sluice_profile_layer **same_rows; /* problem.layers of a plain one; else NULL */
    int n, stages, ranks;
    int *stage_rank;
    sluice__costs *costs; /* of distinct devices */
    int cost_count;
    int *rank_costs;                    /* index into costs */
    sluice__cut *cuts;                  /* [stages]; that of stage 0 is free */
    int *lowest, *highest;              /* [stages + 1]: where a stage may begin */
    double *parameters;                 /* sums */
    int *tie_before;                    /* [n]: the layer before that shares its parameters; -1 */
    int *tie_first;                     /* [n]: the first layer of those; itself if it is alone */
    double *tie_parameters, *tie_bytes; /* [n]: what all of them have, at tie_first */
    int *tied;                          /* layers that share parameters */
    int tied_count;
    struct sluice__footprint *footprint; /* footprint.c */
    int *peaks;        /* [stages][3]: until I, until W and stash, at the time when most is */
    bool trains;       /* something runs backward */
    bool is_limited;   /* some rank has a limit */
    bool has_one_each; /* one stage per rank */
    double bound;      /* no split has less; 0: not known */
    bool is_excess;    /* a rank's value is what it holds beyond its limit, for a refusal */
    sluice__rank_stages *rank; /* [ranks] */
} sluice__chain;

/* Prepare a problem that has been checked; with_bytes: for questions about bytes, even where no
 * limit and objective needs them. Release with sluice__chain_free(), after a failure too.
 * E_ARGUMENT, E_HOST_MEMORY. */
sluice_status sluice__chain_make(sluice__chain *out, const sluice_partition *problem,
                                 bool with_bytes);
/* The same of one stage per rank on equal devices that all have `rows`, which are borrowed, and
 * nothing else; with its bound. */
sluice_status sluice__chain_make_plain(sluice__chain *out, const sluice_profile_layer *rows,
                                       int layers, int stages, sluice_objective objective);
void sluice__chain_free(sluice__chain *chain);

/* check_partition.c: everything that does not need sums. E_ARGUMENT. */
sluice_status sluice__check_partition(const sluice_partition *problem);

/* Whether a layer is in one of these; whether it is, and shares parameters with one before it that
 * is, too. */
bool sluice__is_in(const sluice__span *spans, int count, int layer);
bool sluice__shares(const sluice__chain *chain, const sluice__span *spans, int count, int layer);

/* F + I + W and recompute of a stage, without its cuts; then with them. */
double sluice__stage_compute(const sluice__chain *chain, int stage, sluice__span span);
double sluice__stage_time(const sluice__chain *chain, int stage, sluice__span span);
/* The same of a rank with these spans, one for each of its stages; ties within it count once. */
double sluice__rank_time(const sluice__chain *chain, int rank, const sluice__span *spans);
double sluice__rank_parameters(const sluice__chain *chain, int rank, const sluice__span *spans);

/* ---- footprint.c ---- */
sluice_status sluice__footprint_make(sluice__chain *chain);
void sluice__footprint_free(sluice__chain *chain);
/* Bytes that the rank holds when it holds most. */
double sluice__rank_bytes(const sluice__chain *chain, int rank, const sluice__span *spans);
/* No more than sluice__rank_bytes() of the rank with this stage; grows with the span. */
double sluice__bytes_floor(const sluice__chain *chain, int stage, sluice__span span);
/* What a layer adds at least to any rank's bytes on `rank`: these add up. */
double sluice__layer_bytes_floor(const sluice__chain *chain, int rank, int layer);

/* held_times.c: the table of what is held. E_HOST_MEMORY. */
sluice_status sluice__held_times_make(sluice__chain *chain);
/* The most that a rank's stages hold at any of its times. */
double sluice__max_held(const sluice__chain *chain, int rank, const sluice__span *spans);

/* What these are made of: permanent bytes of layers on one rank; gradients of tied layers that it
 * receives after the drain; a stage's buffers for one micro-batch, by kind; its scratch. */
double sluice__spans_permanent(const sluice__chain *chain, const sluice__span *spans, int count);
double sluice__received_ties(const sluice__chain *chain, const sluice__span *spans, int count);
void sluice__stage_kinds(double out[SLUICE_HELD_KINDS], const sluice__chain *chain,
                         sluice__span span);
double sluice__stage_scratch(const sluice__chain *chain, sluice_running running, sluice__span span);
/* arena_estimate.c: bytes that the rank allocates, by the lifetimes that the problem has.
 * E_HOST_MEMORY. */
sluice_status sluice__rank_arena(double *out, const sluice__chain *chain, int rank,
                                 const sluice__span *spans);

/* Whether the rank may hold so many bytes; whether what it holds is no more than its limit. */
bool sluice__bytes_fit(const sluice__chain *chain, int rank, double bytes);
bool sluice__rank_fits(const sluice__chain *chain, int rank, const sluice__span *spans);
/* What the rank has in the problem's objective; the same, INFINITY if it does not fit. */
double sluice__rank_cost(const sluice__chain *chain, int rank, const sluice__span *spans);
double sluice__rank_value(const sluice__chain *chain, int rank, const sluice__span *spans);
/* No more than what a rank has that has this stage and no other; grows with the span. INFINITY
 * where the stage alone exceeds the limit. */
double sluice__stage_floor(const sluice__chain *chain, int stage, sluice__span span);
/* The spans of a rank's stages in a split, at most SLUICE__MAX_CHUNKS. */
void sluice__spans_of(sluice__span *out, const sluice__chain *chain, int rank, const int *first);
/* The same of a split, of its most expensive rank; `loads` gets each rank's unless it is NULL. */
double sluice__split_value(const sluice__chain *chain, double *loads, const int *first);

/* ---- exact.c: one stage per rank ---- */
/* `first` gets the best split; `*value` is INFINITY if nothing fits. With a limit that is not
 * negative, the split with the smallest sum of squares under it: there must be one.
 * E_HOST_MEMORY. */
sluice_status sluice__solve_chain(int *first, double *value, const sluice__chain *chain,
                                  double limit);

/* ---- several stages per rank ---- */
/* anneal.c: improve `first`, which respects the pins, until it is within a thousandth of the bound
 * or long enough; `*value` as above. E_HOST_MEMORY. */
sluice_status sluice__anneal(int *first, double *value, const sluice__chain *chain, bool quickly);
/* branch_and_bound.c: look for something better than `*value`; true in `*is_proven` if all was
 * looked at. E_HOST_MEMORY. */
sluice_status sluice__branch(int *first, double *value, bool *is_proven,
                             const sluice__chain *chain);

/* value.c: move the begins of stages from .. to by `shift` layers; false, and nothing is moved,
 * where pins or a stage without layers forbid it. */
bool sluice__shift_begins(int *first, const sluice__chain *chain, int from, int to, int shift);

/* even.c: make loads even, and none larger than the largest. E_HOST_MEMORY. */
sluice_status sluice__even_out(int *first, const sluice__chain *chain);

/* bound.c: what no split can have less of. E_HOST_MEMORY. */
sluice_status sluice__bound(double *out, const sluice__chain *chain);
/* What a layer adds at least to a rank, in the problem's objective. */
double sluice__layer_floor(const sluice__chain *chain, int rank, int layer);
/* Weights of the ranks in that bound, by speed; they add up to 1. */
void sluice__rank_weights(double *out, const sluice__chain *chain);

#endif
