/* SPDX-License-Identifier: MIT */
/* train_cpu.h -- what the parts of the bench train_cpu share. */
#ifndef SLUICE_BENCH_TRAIN_CPU_H
#define SLUICE_BENCH_TRAIN_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "gpt_products.h"
#include "sluice/gpt2.h"
#include "sluice/pipeline.h"

/* ---- what is trained (train_cpu_ways.c) ---- */

typedef struct subject {
    const char *name, *words;
    sluice_gpt_config config;
    int64_t length, samples;
    llama_widths llama; /* zeros: a GPT */
} subject;

enum { SUBJECTS = 7 };
extern const subject subjects[SUBJECTS]; /* GPTs (a), (b), (c), Llamas (d), (e), and tiny ones */
const subject *find_subject(const char *name); /* NULL: there is none */

/* What multiplies, by name (sluice/blas.h); NULL: what is chosen here. */
extern const char *blas_name;

/* How: one rank with threads, or two ranks of one thread with a schedule. */
typedef struct way {
    const char *schedule; /* NULL: one rank */
    int threads, microbatches;
} way;

/* "1x2": one rank with two threads; "1f1b:4": two ranks, four micro-batches. False: neither. */
bool read_way(way *out, char *schedule, const char *text);
const char *way_text(const way *how); /* until the next call */

typedef struct trained {
    const subject *what;
    sluice_model *model;
    sluice_pipeline *pipeline;
    int ranks;
    double flops; /* useful ones of a step: nothing is recomputed */
} trained;

void trained_open(trained *out, const subject *what, const way *how);
void trained_close(trained *it);
sluice_result trained_step(trained *it);
double tokens_per_s(const subject *what, double seconds); /* of a step that takes so long */

/* ---- time per kind of work, on the ranks' threads (train_cpu_work.c) ---- */

typedef enum work_kind { PRODUCTS, ATTENTION, NORMS, HEAD, OTHER, OPTIMIZER, WORKS } work_kind;
const char *work_name(work_kind kind);
/* Seconds in operations of each kind since the last call, added over ranks. */
void take_work(double seconds[WORKS]);

/* ---- limits (train_cpu_limits.c) ---- */

/* FLOP/s of a loop of fused multiply-adds in registers. */
double fma_peak(int threads);
void compute_for_a_while(void); /* one thread's share of it: some tens of milliseconds */
/* FLOP/s of one-threaded devices, one on each of `callers` threads, that make a micro-batch's
 * products one after another. */
double products_rate(const subject *what, int microbatches, int callers);
/* Bytes per second, read and written, of `threads` threads that update arrays larger than caches as
 * AdamW does: four read, three written. */
double memory_rate(int threads);
/* FLOP/s of the products of a minibatch, each cut into a part for each thread of OpenMP. */
double openmp_rate(const subject *what, int threads);
/* To copy once, to memory that a thread on another core used last. */
double copy_seconds(size_t bytes);
/* From a signal until a thread that slept for it runs: the median of many. */
double wake_up_seconds(void);

/* ---- critical path (train_cpu_path.c) ---- */

typedef struct path {
    double longest; /* seconds of the longest chain of actions, each as long as it took */
    double all;     /* of all actions, added */
    int actions;
} path;

path critical_path(const sluice_timeline *line);

/* ---- next to other work (train_cpu_beside.c) ---- */

void train_beside(const subject *what, int steps);

/* ---- models against each other, per FLOP (train_cpu_compare.c) ---- */

/* Names, with commas; a step of each in turn. */
void train_compare(const char *names, int steps);

#endif
