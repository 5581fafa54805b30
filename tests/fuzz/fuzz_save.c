/* SPDX-License-Identifier: MIT */
/*
 * fuzz_save.c -- any bytes as a state.json: as they are; and, with its checksum behind it, in the
 * folders of saves that the lines before the first empty one name ("own": the run's folder itself;
 * '!' in front: that copy is damaged). Oracle: what is found is the last step among those that are
 * whole; its files are as it says, its numbers are those of its text, and it is written as what is
 * read as the same.
 */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/train/saves.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/memory_files.h"

enum { MAX_NAMES = 6, MAX_NAME = 40, MAX_BYTES = 4096 };

static const char content[] = "abc"; /* of the file "a" in each save */

/* ---- what is accepted ---- */

static void check_text(const sluice_save *save, const char *key, uint64_t value) {
    char printed[24];
    const char *const text = json_string_value(json_object_get(save->object, key));
    (void)snprintf(printed, sizeof printed, "%" PRIu64, value);
    if (!text || strcmp(text, printed) != 0) fuzz_fail("a number that its text does not say");
}

static void check_files(const sluice_save *save) {
    const json_t *const listed = json_object_get(save->object, "files");
    if (!json_is_object(listed) || (int)json_object_size(listed) != save->files.count)
        fuzz_fail("a save without the list of its files");
    for (int k = 0; k < save->files.count; k++) {
        const sluice__save_file *const file = &save->files.list[k];
        if (strcmp(file->name, "a") != 0 || file->sum.bytes != sizeof content - 1 ||
            file->sum.hash != XXH3_64bits(content, sizeof content - 1))
            fuzz_fail("a file that is not as the save says");
    }
}

static void check_same(const sluice_save *a, const sluice_save *b) {
    const sluice_run_state x = sluice_save_state(a), y = sluice_save_state(b);
    const sluice_counters c = sluice_save_counters(a), d = sluice_save_counters(b);
    if (x.step != y.step || x.skipped != y.skipped || x.minibatch != y.minibatch ||
        x.seed != y.seed || c.steps != d.steps || c.updates != d.updates || c.seed != d.seed ||
        strcmp(a->at.optimizer, b->at.optimizer) != 0 || a->files.count != b->files.count)
        fuzz_fail("what is written is read as another");
}

static void check_save(const sluice_save *save) {
    const sluice_run_state run     = sluice_save_state(save);
    const sluice_counters counters = sluice_save_counters(save);
    const sluice_save_options bare = SLUICE_SAVE_OPTIONS_INIT;
    sluice__save_files files       = {0};
    sluice_save *again             = NULL;
    if (run.step < 0 || run.skipped < 0 || run.minibatch < 0 || counters.steps < 0 ||
        counters.updates < 0)
        fuzz_fail("a state that cannot be");
    check_text(save, "data_seed", run.seed);
    check_text(save, "seed", counters.seed);
    check_files(save);
    (void)fuzz_put("again/a", content, sizeof content - 1);
    for (int k = 0; k < save->files.count; k++)
        if (sluice__save_files_add(&files, save->files.list[k].name, &save->files.list[k].sum) !=
            SLUICE_OK)
            fuzz_fail("no memory for a list of files");
    if (sluice__save_state_write(&files, FUZZ_FOLDER "/again", &save->at, &bare) != SLUICE_OK ||
        sluice_save_open(&again, FUZZ_FOLDER "/again") != SLUICE_OK)
        fuzz_fail("what is written is not read");
    check_same(save, again);
    sluice__save_files_free(&files);
    sluice_save_close(again);
}

static bool opens(const char *folder) {
    sluice_save *save = NULL;
    if (sluice_save_open(&save, folder) != SLUICE_OK) {
        fuzz_check_refusal(save);
        return false;
    }
    check_save(save);
    sluice_save_close(save);
    return true;
}

/* ---- the folders ---- */

/* Writes state.json, with its checksum, and the file that it may name. */
static void put_save(const char *folder, const char *text, size_t length, bool damaged) {
    char name[128], state[MAX_BYTES + 64];
    memcpy(state, text, length);
    const int more =
        snprintf(state + length, sizeof state - length,
                 ",\n  \"checksum\": \"%016" PRIx64 "\"\n}\n", XXH3_64bits(text, length));
    const size_t whole = length + (size_t)more;
    if (damaged) state[whole - 5] ^= 1;
    (void)snprintf(name, sizeof name, "%s/state.json", folder);
    (void)fuzz_put(name, state, whole);
    (void)snprintf(name, sizeof name, "%s/a", folder);
    (void)fuzz_put(name, content, sizeof content - 1);
}

/* Of step-00000050; -1: no save. */
static int64_t step_of(const char *name) {
    int64_t step = 0;
    if (strncmp(name, "step-", 5) != 0) return -1;
    const char *at = name + 5;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (at - name >= 5 + 18) return -1;
        step = 10 * step + (*at - '0');
    }
    return *at == '\0' && at - name >= 5 + 8 ? step : -1;
}

static bool is_name(const char *at, size_t length) {
    return length > 0 && length < MAX_NAME && !memchr(at, '/', length) && !memchr(at, 0, length) &&
           !(at[0] == '.' && length < 3);
}

typedef struct saves {
    char names[MAX_NAMES][MAX_NAME];
    int count;
    int64_t newest; /* the last step of one that is not damaged; -1: there is none */
    bool has_own;   /* one in the run's folder is not damaged */
} saves;

static void add(saves *all, const char *line, size_t bytes, const char *text, size_t length) {
    const bool damaged     = bytes > 0 && line[0] == '!';
    const char *const name = line + damaged;
    char folder[64];
    bytes -= damaged;
    if (all->count == MAX_NAMES || !is_name(name, bytes)) return;
    char *const kept = all->names[all->count];
    memcpy(kept, name, bytes);
    kept[bytes] = '\0';
    for (int k = 0; k < all->count; k++)
        if (strcmp(all->names[k], kept) == 0) return;
    all->count++;
    const bool own = strcmp(kept, "own") == 0;
    (void)snprintf(folder, sizeof folder, own ? "run" : "run/saves/%s", kept);
    put_save(folder, text, length, damaged);
    if (!damaged && own) all->has_own = true;
    if (!damaged && !own && step_of(kept) > all->newest) all->newest = step_of(kept);
}

/* Returns where the state's text begins. */
static size_t read_names(saves *all, const char *text, size_t bytes) {
    const char *const gap = memmem(text, bytes, "\n\n", 2);
    const size_t begin    = gap ? (size_t)(gap - text) + 2 : 0;
    for (size_t at = 0; gap && at + 1 < begin;) {
        const char *const end = memchr(text + at, '\n', bytes - at);
        const size_t length   = (size_t)(end - text) - at;
        add(all, text + at, length, text + begin, bytes - begin);
        at += length + 1;
    }
    return begin;
}

static void note_damaged(void *context, const char *folder) {
    if (sluice_last_error()->what[0] == '\0') fuzz_fail("a save that is refused without a message");
    if (strncmp(folder, FUZZ_FOLDER "/run", strlen(FUZZ_FOLDER "/run")) != 0)
        fuzz_fail("a save from elsewhere");
    ++*(int *)context;
}

static void check_found(const saves *all, bool whole) {
    sluice_save *found = NULL;
    int damaged        = 0;
    const bool any     = whole && (all->newest >= 0 || all->has_own);
    if (sluice_save_find(&found, FUZZ_FOLDER "/run", note_damaged, &damaged) != SLUICE_OK) {
        fuzz_check_refusal(found);
        if (any) fuzz_fail("a save that is whole is not found");
        return;
    }
    if (!any) fuzz_fail("a save is found that is damaged");
    if (damaged > all->count) fuzz_fail("more damaged saves than there are");
    const char *const folder = sluice_save_folder(found);
    const int64_t own        = all->has_own ? sluice_save_state(found).step : -1;
    const int64_t step       = strcmp(folder, FUZZ_FOLDER "/run") == 0
                                   ? own
                                   : step_of(folder + strlen(FUZZ_FOLDER "/run/saves/"));
    if (step != (own > all->newest ? own : all->newest)) fuzz_fail("an older save is found");
    sluice_save_close(found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    const char *const text = (const char *)data;
    saves all              = {.newest = -1};
    if (bytes > MAX_BYTES) return 0;
    fuzz_clear();
    const size_t begin = read_names(&all, text, bytes);
    (void)fuzz_put("plain/state.json", text + begin, bytes - begin);
    (void)fuzz_put("plain/a", content, sizeof content - 1);
    (void)opens(FUZZ_FOLDER "/plain");
    put_save("probe", text + begin, bytes - begin, false);
    check_found(&all, opens(FUZZ_FOLDER "/probe"));
    return 0;
}
