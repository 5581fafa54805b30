/* SPDX-License-Identifier: MIT */
/* save_state.c -- state.json: where a run is, the files of its save with their checksums, and last
 * a checksum of its own text. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/io/fields.h"
#include "runtime/io/folders.h"
#include "runtime/io/json.h"
#include "runtime/train/saves.h"
#include "sluice/file.h"

enum { VERSION = 1 };

/* What follows the text that the last checksum is of. */
#define SEAL ",\n  \"checksum\": \"%016" PRIx64 "\"\n}\n"
enum { SEAL_BYTES = sizeof ",\n  \"checksum\": \"0123456789abcdef\"\n}\n" - 1 };

/* ---- writing ---- */

static sluice_status print_position(sluice__text *to, const sluice__save_position *at) {
    SLUICE__TRY(sluice__json_add_count(to, "{\n  \"version\": ", VERSION));
    SLUICE__TRY(sluice__json_add_count(to, ",\n  \"step\": ", at->run.step));
    SLUICE__TRY(sluice__json_add_count(to, ",\n  \"skipped\": ", at->run.skipped));
    SLUICE__TRY(sluice__json_add_count(to, ",\n  \"minibatch\": ", at->run.minibatch));
    SLUICE__TRY(sluice__text_add(to, ",\n  \"data_seed\": \"%" PRIu64 "\"", at->run.seed));
    SLUICE__TRY(sluice__json_add_count(to, ",\n  \"pipeline_steps\": ", at->counters.steps));
    SLUICE__TRY(sluice__json_add_count(to, ",\n  \"updates\": ", at->counters.updates));
    SLUICE__TRY(sluice__text_add(to, ",\n  \"seed\": \"%" PRIu64 "\"", at->counters.seed));
    return sluice__json_add_text(to, ",\n  \"optimizer\": ", at->optimizer);
}

static sluice_status print_settings(sluice__text *to, const sluice_save_options *options) {
    SLUICE__TRY(sluice__text_add(to, ",\n  \"settings\": {"));
    for (int k = 0; k < options->setting_count; k++) {
        SLUICE__TRY(
            sluice__json_add_text(to, k == 0 ? "\n    " : ",\n    ", options->settings[k].name));
        SLUICE__TRY(sluice__json_add_text(to, ": ", options->settings[k].value));
    }
    return sluice__text_add(to, "%s}", options->setting_count > 0 ? "\n  " : "");
}

/* Also that there is none. */
static sluice_status print_tokenizer(sluice__text *to, const sluice__save_files *files) {
    const char *before = "";
    SLUICE__TRY(sluice__text_add(to, ",\n  \"tokenizer\": ["));
    for (int k = 0; k < files->count; k++) {
        if (!sluice__is_tokenizer_file(files->list[k].name)) continue;
        SLUICE__TRY(sluice__json_add_text(to, before, files->list[k].name));
        before = ", ";
    }
    return sluice__text_add(to, "]");
}

static sluice_status print_files(sluice__text *to, const sluice__save_files *files) {
    SLUICE__TRY(sluice__text_add(to, ",\n  \"files\": {"));
    for (int k = 0; k < files->count; k++) {
        const sluice__save_file *const file = &files->list[k];
        SLUICE__TRY(sluice__json_add_text(to, k == 0 ? "\n    " : ",\n    ", file->name));
        SLUICE__TRY(sluice__text_add(to, ": {\"bytes\": %" PRId64 ", \"xxh3\": \"%016" PRIx64 "\"}",
                                     file->sum.bytes, file->sum.hash));
    }
    return sluice__text_add(to, "\n  }");
}

static sluice_status print_state(sluice__text *to, const sluice__save_position *at,
                                 const sluice__save_files *files,
                                 const sluice_save_options *options) {
    SLUICE__TRY(print_position(to, at));
    SLUICE__TRY(print_settings(to, options));
    SLUICE__TRY(print_tokenizer(to, files));
    SLUICE__TRY(print_files(to, files));
    return sluice__text_add(to, SEAL, XXH3_64bits(to->bytes, to->length));
}

sluice_status sluice__save_state_write(sluice__save_files *files, const char *folder,
                                       const sluice__save_position *at,
                                       const sluice_save_options *options) {
    sluice__text text    = {0};
    sluice_status status = print_state(&text, at, files, options);
    if (status == SLUICE_OK)
        status = sluice__save_text_write(files, folder, SLUICE__STATE_FILE, &text);
    sluice__free(text.bytes);
    return status;
}

/* ---- reading ---- */

static sluice_status check_seal(const char *text, size_t bytes, const char *path) {
    if (bytes > SEAL_BYTES) {
        char expected[SEAL_BYTES + 1];
        const size_t length = bytes - SEAL_BYTES;
        (void)snprintf(expected, sizeof expected, SEAL, XXH3_64bits(text, length));
        if (memcmp(text + length, expected, SEAL_BYTES) == 0) return SLUICE_OK;
    }
    return sluice__fail(SLUICE_E_PARSE, "'%s' is damaged: it does not end with its checksum", path);
}

static sluice_status read_seed(uint64_t *out, const json_t *object, const char *key,
                               const char *where) {
    const char *text = NULL;
    char same[24];
    SLUICE__TRY(sluice__field_text(&text, object, key, where));
    *out = strtoull(text, NULL, 10);
    (void)snprintf(same, sizeof same, "%" PRIu64, *out);
    if (strcmp(text, same) == 0) return SLUICE_OK;
    return sluice__fail(SLUICE_E_PARSE, "%s has the \"%s\" '%.40s', which is no seed", where, key,
                        text);
}

static sluice_status read_position(sluice__save_position *at, const json_t *o, const char *where) {
    int64_t version = 0;
    SLUICE__TRY(sluice__field_count(&version, o, "version", 1, where));
    if (version != VERSION)
        return sluice__fail(SLUICE_E_UNSUPPORTED, "%s is of version %" PRId64 "; %d is known",
                            where, version, VERSION);
    SLUICE__TRY(sluice__field_count(&at->run.step, o, "step", 0, where));
    SLUICE__TRY(sluice__field_count(&at->run.skipped, o, "skipped", 0, where));
    SLUICE__TRY(sluice__field_count(&at->run.minibatch, o, "minibatch", 0, where));
    SLUICE__TRY(read_seed(&at->run.seed, o, "data_seed", where));
    SLUICE__TRY(sluice__field_count(&at->counters.steps, o, "pipeline_steps", 0, where));
    SLUICE__TRY(sluice__field_count(&at->counters.updates, o, "updates", 0, where));
    SLUICE__TRY(read_seed(&at->counters.seed, o, "seed", where));
    return sluice__field_text(&at->optimizer, o, "optimizer", where);
}

static sluice_status read_hash(uint64_t *out, const json_t *entry, const char *name,
                               const char *where) {
    const char *text = NULL;
    char same[24];
    SLUICE__TRY(sluice__field_text(&text, entry, "xxh3", where));
    *out = strtoull(text, NULL, 16);
    (void)snprintf(same, sizeof same, "%016" PRIx64, *out);
    if (strcmp(text, same) == 0) return SLUICE_OK;
    return sluice__fail(SLUICE_E_PARSE,
                        "%s has the checksum '%.40s' of '%.200s', which is not 16 hex digits",
                        where, text, name);
}

/* A name with a folder in it could lead out of the save. */
static sluice_status read_file(sluice__save_files *files, const char *name, const json_t *entry,
                               const char *where) {
    sluice__checksum sum = {0};
    if (strchr(name, '/'))
        return sluice__fail(SLUICE_E_PARSE, "%s has a file '%.200s', which is no name", where,
                            name);
    SLUICE__TRY(sluice__field_count(&sum.bytes, entry, "bytes", 0, where));
    SLUICE__TRY(read_hash(&sum.hash, entry, name, where));
    return sluice__save_files_add(files, name, &sum);
}

static sluice_status read_object(sluice_save *save, const char *where) {
    json_t *const files = json_object_get(save->object, "files");
    const char *name;
    json_t *entry;
    SLUICE__TRY(read_position(&save->at, save->object, where));
    if (!json_is_object(files))
        return sluice__fail(SLUICE_E_PARSE, "%s has no list of the save's files", where);
    json_object_foreach(files, name, entry)
        SLUICE__TRY(read_file(&save->files, name, entry, where));
    return SLUICE_OK;
}

sluice_status sluice__save_state_read(sluice_save *save) {
    char *path = NULL, *text = NULL;
    size_t bytes       = 0;
    sluice__text where = {0};
    SLUICE__TRY(sluice__path_join(&path, save->folder, SLUICE__STATE_FILE));
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__text_add(&where, "'%s'", path));
    SLUICE__TRY_OUT(sluice_file_read(&text, &bytes, path));
    SLUICE__TRY_OUT(check_seal(text, bytes, path));
    SLUICE__TRY_OUT(sluice__json_object(&save->object, text, bytes, where.bytes));
    status = read_object(save, where.bytes);
out:
    sluice__free(text);
    sluice__free(where.bytes);
    sluice__free(path);
    return status;
}
