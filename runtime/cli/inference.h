/* SPDX-License-Identifier: MIT */
/* inference.h -- what `sluice eval` and `sluice sample` share: a folder with a model, planned and
 * opened to go forward only. */
#ifndef SLUICE_CLI_INFERENCE_H
#define SLUICE_CLI_INFERENCE_H

#include "command_line.h"
#include "training.h"

typedef struct inference_options {
    const char *from;      /* the folder */
    const char *tokenizer; /* NULL: the folder's */
    const char *device, *blas;
    int ranks, threads; /* 0: not named */
    double timeout;
    size_t memory_limit;
    bool explain_memory, json, quiet;
} inference_options;

/* Options of an inference_options, the folder aside. */
extern const cli_option inference_options_table[];
/* Refuse what does not fit together. `command` is for an example in the error. */
int inference_settle(inference_options *options, const char *command);

/* What the programs of the plan are. */
typedef struct inference_shape {
    int microbatches;
    int64_t samples; /* of all micro-batches together */
    const sluice_plan_forward *forwards;
    int forward_count;
    const char *advice; /* what else would take less memory */
} inference_shape;

typedef struct inference_subject {
    char folder[PATH_BYTES]; /* that has weights and config.json */
    sluice_model_config config;
    int64_t trained;             /* tokens of a sample of the run that saved it; 0: not known */
    sluice_tokenizer *tokenizer; /* its files; NULL: not looked for yet */
    sluice_bpe *bpe;             /* NULL: tokens are bytes, or the tokenizer is not needed */
    sluice_model *model;
    int ranks; /* as many as were planned for */
    sluice_plan *plan;
    sluice_pipeline *pipeline;
} inference_subject;

/* Find the folder of the newest save, or the folder itself, and read its config.json. */
int inference_find(inference_subject *subject, const inference_options *options);
/* Find the tokenizer, for text: `bpe` stays NULL if the tokens are its bytes. Refused: there is
 * none for the model's vocabulary. */
int inference_find_tokenizer(inference_subject *subject, const inference_options *options);
/* Plan `subject->model` for as many ranks as are named, or else for as few as have the memory. With
 * --explain-memory the plan is printed, and the pipeline stays NULL; else open it and read the
 * weights. */
int inference_open(inference_subject *subject, const inference_options *options,
                   const inference_shape *shape);
void inference_free(inference_subject *subject);

/* "out: 6 blocks, width 128, ..": a line about the model. */
void inference_print_model(const inference_subject *subject);

#endif
