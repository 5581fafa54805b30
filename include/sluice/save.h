/* SPDX-License-Identifier: MIT */
/*
 * save.h -- a run's state in a folder: written while it trains, and read into another pipeline,
 * with other ranks, another schedule or other devices, which goes on with the same bits.
 *
 * A save is a folder that Hugging Face's readers open (config.json, model.safetensors), with
 * optimizer.safetensors and state.json (docs/formats.md). It is written under another name, read
 * back, and renamed when all of it is on the disk: it is there completely or not at all. Tensors
 * are written one by one from the rank that holds them: a few MiB at a time are in host memory.
 *
 *     sluice_run_save(run, "out", 2, &options);       // after some steps: out/saves/step-00000050
 *     sluice_run_save_end(run, "out", 0, &options);   // after the last one: in out itself
 *
 * With `save_async` of a run's options, sluice_run_save() returns when the state is copied, and it
 * is written while steps go on: the same files. sluice_run_finish_save() says what came of it.
 *
 *     sluice_save_find(&save, "out", NULL, NULL);     // the newest that is whole
 *     sluice_run_load(run, save);
 */
#ifndef SLUICE_SAVE_H
#define SLUICE_SAVE_H

#include <stddef.h>
#include <stdint.h>

#include "sluice/family.h"
#include "sluice/run.h"
#include "sluice/tokenizer.h"

/* What a caller wants to know of the run when it is resumed: "batch", "16". */
typedef struct sluice_setting {
    const char *name, *value;
} sluice_setting;

typedef struct sluice_save_options {
    size_t size;        /* sizeof(sluice_save_options), set by the initializer */
    size_t shard_bytes; /* a larger model is written as several files with an index */
    const sluice_model_config *config; /* for config.json; NULL: none is written */
    const sluice_setting *settings;    /* kept in state.json */
    int setting_count;
    const sluice_tokenizer *tokenizer; /* its files are written, too; NULL: there is none */
    sluice_type type; /* of the weights in model.safetensors: F32, or BF16 (to nearest, ties to
                       * even), with the fp32 masters next to the optimizer's state */
} sluice_save_options;
/* One field a line, in the order of the struct: C++17 has no designated initializers. */
/* clang-format off */
#define SLUICE_SAVE_OPTIONS_INIT                            \
    {                                                       \
        /* size          */ sizeof(sluice_save_options),    \
        /* shard_bytes   */ 5000000000U,                    \
        /* config        */ 0,                              \
        /* settings      */ 0,                              \
        /* setting_count */ 0,                              \
        /* tokenizer     */ 0,                              \
        /* type          */ SLUICE_TYPE_F32                 \
    }
/* clang-format on */

/* ---- writing ---- */

/*
 * Save the pipeline in `folder`; what is there is replaced. It is as if a run had drawn a minibatch
 * for each step.
 * E_IO (nothing has changed in `folder`), E_UNSUPPORTED (virtual devices), E_HOST_MEMORY, and what
 * sluice_pipeline_read_state() returns. `options` NULL: the defaults.
 */
SLUICE_API sluice_status sluice_pipeline_save(sluice_pipeline *pipeline, const char *folder,
                                              const sluice_save_options *options);
/* Save the run in `out`/saves/step-N. The newest `keep` (at least 1) of the saves up to this step
 * stay. The first save of a run in `out` replaces what is there of another run, and later saves of
 * the run that it was loaded from. With `save_async` it waits for the save before, returns what
 * that failed with, and begins another; what `options` point to must stay until that is finished.
 */
SLUICE_API sluice_status sluice_run_save(sluice_run *run, const char *out, int keep,
                                         const sluice_save_options *options);
/* Whether a save is being written in the background. Without `save_async` never. */
SLUICE_API bool sluice_run_is_saving(const sluice_run *run);
/* Wait for the save that was begun last, and say what came of it, once; OK if there is none. */
SLUICE_API sluice_status sluice_run_finish_save(sluice_run *run);
/* Save the run in `out` itself, file by file, as a save in `out`/saves of which a resumed run could
 * start until all are there. If `keep` is 0, this one does not stay there. If the save before,
 * in the background, has failed, this one is made and its failure returned. */
SLUICE_API sluice_status sluice_run_save_end(sluice_run *run, const char *out, int keep,
                                             const sluice_save_options *options);

/* ---- reading ---- */

typedef struct sluice_save sluice_save;

/* A save whose files are all as they were written. Release with sluice_save_close(). E_IO, E_PARSE
 * (what is wrong with which file), E_UNSUPPORTED (another version), E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_save_open(sluice_save **out, const char *folder);
SLUICE_API void sluice_save_close(sluice_save *save); /* NULL is fine */

/* Called for a save that is not used, with sluice_last_error() saying why. */
typedef void sluice_save_damaged(void *context, const char *folder);
/* The save of the latest step in `folder` and `folder`/saves that can be opened. E_ARGUMENT: there
 * is none. `damaged` may be NULL. */
SLUICE_API sluice_status sluice_save_find(sluice_save **out, const char *folder,
                                          sluice_save_damaged *damaged, void *context);

/* The latest whose state.json and config.json are as they were written: what the run was, and no
 * other file is looked at. E_ARGUMENT: there is none. */
SLUICE_API sluice_status sluice_save_find_state(sluice_save **out, const char *folder);

/* The output folder of the run that a save is of: that of `out`/saves/step-N is `out`, and any
 * other folder is one itself. Free it with sluice_text_free(). E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_save_home(char **out, const char *folder);

SLUICE_API const char *sluice_save_folder(const sluice_save *save);
SLUICE_API sluice_run_state sluice_save_state(const sluice_save *save);
SLUICE_API sluice_counters sluice_save_counters(const sluice_save *save);
/* NULL if it has no such setting. */
SLUICE_API const char *sluice_save_setting(const sluice_save *save, const char *name);
/* The files of its tokenizer; see sluice_tokenizer_read(). */
SLUICE_API sluice_status sluice_tokenizer_of_save(sluice_tokenizer **out, const sluice_save *save);

/* Read all state into the pipeline, which must have exactly the same; E_ARGUMENT says which tensor
 * is missing, another's or misshapen, before anything is written. */
SLUICE_API sluice_status sluice_pipeline_load(sluice_pipeline *pipeline, const sluice_save *save);
SLUICE_API sluice_status sluice_run_load(sluice_run *run, const sluice_save *save);

#endif
