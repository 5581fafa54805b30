/* SPDX-License-Identifier: MIT */
/*
 * saves.h -- what the files about saves share.
 *
 *   save_files.c       a file, written, read back and listed
 *   save_tensors.c     weights and optimizer state, as files of tensors
 *   save_tokenizer.c   the files of a tokenizer
 *   save_state.c       state.json: where the run is, and the checksums of all files
 *   save_write.c       a folder with all of it, complete or not at all
 *   save_folders.c     the saves of a run: names, how many stay, the one at the end
 *   save_background.c  saves that are written while training goes on
 *   save_read.c        finding one that is whole, and reading it into a pipeline
 */
#ifndef SLUICE_TRAIN_SAVES_H
#define SLUICE_TRAIN_SAVES_H

#include <stdbool.h>

#include "runtime/base/text.h"
#include "runtime/io/output.h"
#include "runtime/tokenizer/tokenizer_files.h"
#include "sluice/save.h"

/* ---- files and their checksums ---- */

typedef struct sluice__save_file {
    char *name;
    sluice__checksum sum;
} sluice__save_file;

typedef struct sluice__save_files {
    sluice__save_file *list;
    int count;
} sluice__save_files;

/* E_HOST_MEMORY. */
sluice_status sluice__save_files_add(sluice__save_files *files, const char *name,
                                     const sluice__checksum *sum);
void sluice__save_files_free(sluice__save_files *files);

/* Create the file, let `write` fill it, flush it, read it back, and add it to `files`. */
typedef sluice_status sluice__fill_file(void *what, sluice__output *output);
sluice_status sluice__save_file_write(sluice__save_files *files, const char *folder,
                                      const char *name, sluice__fill_file *write, void *what);
sluice_status sluice__save_text_write(sluice__save_files *files, const char *folder,
                                      const char *name, sluice__text *text);

/* ---- the tokenizer ---- */

/* `tokenizer` NULL: nothing is written. */
sluice_status sluice__save_tokenizer(sluice__save_files *files, const char *folder,
                                     const sluice_tokenizer *tokenizer);

/* ---- what is saved ---- */

typedef struct sluice__save_position {
    sluice_run_state run;
    sluice_counters counters;
    const char *optimizer; /* its name */
} sluice__save_position;

typedef struct sluice__save_source {
    sluice_pipeline *pipeline; /* which has the list of states, and the values where `copy` is NULL;
                                * where it is not, the ranks may be at work */
    const unsigned char *copy; /* of all values, in the order of the list */
    sluice__save_position at;
} sluice__save_source;

/* The state that the pipeline is in now, which is that of `run`. */
sluice__save_source sluice__save_source_of(sluice_pipeline *pipeline, const sluice_run_state *run);

/* Before the names of masters that are not in model.safetensors. */
#define SLUICE__MASTER_PREFIX "master/"
/* Write model*.safetensors and, if there is any, optimizer*.safetensors, and add them to `files`.
 */
sluice_status sluice__save_tensors(sluice__save_files *files, const sluice__save_source *source,
                                   const char *folder, const sluice_save_options *options);

/* ---- state.json ---- */

#define SLUICE__STATE_FILE "state.json"

/* Last: it lists the others. */
sluice_status sluice__save_state_write(sluice__save_files *files, const char *folder,
                                       const sluice__save_position *at,
                                       const sluice_save_options *options);

struct sluice_save {
    char *folder;
    struct json_t *object;    /* of state.json; owns texts */
    sluice__save_position at; /* its text is borrowed from the object */
    sluice__save_files files;
};
/* Read and check state.json alone; `save` has its folder. The caller closes it, after a failure
 * too. */
sluice_status sluice__save_state_read(sluice_save *save);
/* A save by its state.json alone, whatever has become of its other files. */
sluice_status sluice__save_open_state(sluice_save **out, const char *folder);

/* ---- folders ---- */

/* The options that `given` means; NULL: the defaults. E_ARGUMENT: its size. */
sluice_status sluice__save_settle(sluice_save_options *out, const sluice_save_options *given);
/* Write the folder, with options that are settled. */
sluice_status sluice__save_write(const char *folder, const sluice__save_source *source,
                                 const sluice_save_options *options);

#define SLUICE__SAVES_FOLDER "saves"
/* The step in the name of a save's folder, "step-00000050"; -1 if it is none. */
int64_t sluice__save_step_of(const char *name);
/* The same of ".step-00000050.old", the save that was being replaced. */
int64_t sluice__save_step_of_old(const char *name);

/* A save in `out`/saves. */
typedef struct sluice__save_job {
    sluice__save_source source;
    const char *out;
    int keep;
    int64_t own; /* saves in `out` up to this step are the run's */
    sluice_save_options options;
} sluice__save_job;
/* On any thread; not two at a time in one folder. */
sluice_status sluice__save_job_write(const sluice__save_job *job);

/* ---- saves in the background ---- */

/* One thread's calls. A save is begun, and finished before the next one is begun. */
typedef struct sluice__saver sluice__saver;

/* Obtain memory for the copy. E_HOST_MEMORY, E_UNSUPPORTED (virtual devices). */
sluice_status sluice__saver_open(sluice__saver **out, const sluice_pipeline *pipeline);
void sluice__saver_close(sluice__saver *saver); /* waits for its thread; NULL is fine */
/* Copy the state, and start to write it as the job says, which is copied, too; what its options
 * point to is borrowed. */
sluice_status sluice__saver_begin(sluice__saver *saver, const sluice__save_job *job);
bool sluice__saver_is_writing(const sluice__saver *saver);
/* Wait for the thread. What came of the save, if one was begun; `*has_saved` is set if it is there.
 */
sluice_status sluice__saver_finish(bool *has_saved, sluice__saver *saver);

/* ---- the run (training_run.c) ---- */

sluice_pipeline *sluice__run_pipeline(const sluice_run *run);
/* It goes on from the save of `step` in `folder`. E_HOST_MEMORY. */
sluice_status sluice__run_set_loaded(sluice_run *run, const char *folder, int64_t step);
/* The last step whose save in `out` is this run's, or that of the run that it goes on; -1: none is.
 */
int64_t sluice__run_own_saves(const sluice_run *run, const char *out);
void sluice__run_set_saved(sluice_run *run);
sluice__saver *sluice__run_saver(const sluice_run *run); /* NULL: saves are between the steps */

#endif
