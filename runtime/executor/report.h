/* SPDX-License-Identifier: MIT */
/*
 * report.h -- what a rank reports at the end of a run. Losses, norms, idle shares, ledgers and time
 * lines are made from reports alone, which go through the transport, so that ranks may be in other
 * processes.
 */
#ifndef SLUICE_EXECUTOR_REPORT_H
#define SLUICE_EXECUTOR_REPORT_H

#include "runtime/executor/executor.h"
#include "sluice/program.h"

/* Plain bytes; seconds are since the run's start. */
typedef struct sluice__report {
    double loss, norm;           /* of a step: the same from every rank */
    int bad_microbatch, bad_use; /* the first whose loss is not finite; the last in the model whose
                                  * gradient is not; -1 */
    int bad_layer, bad_input; /* in a run that looks: the first layer whose output is not finite, or
                                 -1; whether the model's input is not */
    double started, ended, on_core;
    double meeting; /* seconds of waiting for the others in the norm */
    int64_t token;  /* that was chosen from the logits, on the rank that has them; -1: none */
} sluice__report;

/* The report that a rank writes during a run. */
struct sluice__report_draft {
    sluice__report facts;
    double *begin, *end; /* per instruction of the step */
    double *weight;      /* per instruction of the step: seconds of a B spent in W */
    double weight_s;     /* the same, of the current instruction */
    double *losses;      /* per micro-batch of an evaluation, on the rank that has them */
    unsigned char *sent; /* all of the above, as it is sent */
};

/* ---- on a rank's thread ---- */

sluice_status sluice__report_make(sluice__rank *rank);
void sluice__report_free(sluice__rank *rank);
/* A run begins. */
void sluice__report_begin(sluice__rank *rank);
/* The run is over: give the report; one rank of the process waits for those of all. E_DEADLINE,
 * E_STOPPED. */
sluice_status sluice__report_send(sluice__rank *rank);

/* ---- on the caller's thread, between runs ---- */

/* Memory for all ranks' reports. */
sluice_status sluice__reports_make(sluice_pipeline *pipeline);
void sluice__reports_free(sluice_pipeline *pipeline);
/* Bytes of each rank's report: [ranks]. */
const size_t *sluice__report_bytes(const sluice_pipeline *pipeline);
/* Rank r's report of the last run. */
const sluice__report *sluice__report_of(const sluice_pipeline *pipeline, int r);
/* Its times per instruction of the step. */
double *sluice__report_begins(const sluice_pipeline *pipeline, int r);
double *sluice__report_ends(const sluice_pipeline *pipeline, int r);
double *sluice__report_weights(const sluice_pipeline *pipeline, int r);
/* Its losses, per micro-batch. */
const double *sluice__report_losses(const sluice_pipeline *pipeline, int r);

#endif
