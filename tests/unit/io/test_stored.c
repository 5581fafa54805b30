/* SPDX-License-Identifier: MIT */
/* test_stored.c -- reading safetensors: types, pieces, folders with an index, and files that are
 * not what they say. */
#include "tests/support/stored.h"

#include <sys/stat.h>
#include <unistd.h>

#include "sluice/file.h"

enum { MANY = 40000 };

/* What opening `path` says; "" if it opens. */
static const char *refusal(const char *path) {
    sluice_safetensors *file = NULL;
    if (sluice_safetensors_open(&file, path) == SLUICE_OK) {
        sluice_safetensors_close(file);
        return "";
    }
    if (file) fail_msg("a refusal of %s leaves a file", path);
    return sluice_last_error()->what;
}

/* ---- values ---- */

/* Exact in every type; the period fits no piece. */
static float value_of(int k) {
    return (float)(k % 251 - 125) / 32;
}

static void check_pieces(const sluice_stored_tensor *tensor) {
    static const int64_t pieces[][2] = {{0, MANY},      {0, 1},         {MANY - 1, 1},
                                        {16383, 2},     {16384, 16384}, {1, 32768},
                                        {12345, 20000}, {MANY, 0},      {0, 0}};
    static float values[MANY];
    for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
        const int64_t first = pieces[p][0], count = pieces[p][1];
        assert_ok(sluice_safetensors_read(values, tensor, first, count));
        for (int64_t k = 0; k < count; k++)
            if (memcmp(&values[k], &(float){value_of((int)(first + k))}, sizeof *values) != 0)
                fail_msg("%s: element %lld is read as %g, it is %g", tensor->type,
                         (long long)(first + k), (double)values[k],
                         (double)value_of((int)(first + k)));
    }
    assert_refused(sluice_safetensors_read(values, tensor, MANY - 1, 2), SLUICE_E_ARGUMENT,
                   "elements 39999 to 40001 are read of tensor 'x', which has 40000");
}

static void every_type_is_read_exactly_in_any_piece(void **state) {
    (void)state;
    static float wide[MANY];
    static uint16_t half[MANY], upper[MANY];
    for (int k = 0; k < MANY; k++) {
        wide[k]  = value_of(k);
        half[k]  = stored_f16(wide[k]);
        upper[k] = stored_bf16(wide[k]);
    }
    const stored tensors[] = {{"x", "F32", 2, {200, 200}, wide, sizeof wide},
                              {"x", "F16", 2, {200, 200}, half, sizeof half},
                              {"x", "BF16", 2, {200, 200}, upper, sizeof upper}};
    const folder in        = folder_make();
    for (int k = 0; k < 3; k++) {
        /* A byte first, so that nothing is aligned. */
        const stored odd = {"a", "U8", 1, {1}, "!", 1}, list[] = {odd, tensors[k]};
        sluice_safetensors *file;
        write_stored(&in, "f", list, 2);
        assert_ok(sluice_safetensors_open(&file, folder_path(&in, "f")));
        const sluice_stored_tensor *const tensor = sluice_safetensors_find(file, "x");
        assert_string_equal(tensor->type, tensors[k].type);
        assert_int_equal(tensor->shape.type, SLUICE_TYPE_F32);
        check_pieces(tensor);
        sluice_safetensors_close(file);
    }
    folder_remove(&in);
}

static void types_that_are_no_weights_are_listed_and_not_read(void **state) {
    (void)state;
    const folder in  = folder_make();
    const char *path = folder_path(&in, "f");
    char expected[256];
    sluice_safetensors *file;
    const stored list[] = {{"mask", "BOOL", 4, {1, 1, 2, 2}, "1234", 4},
                           {"id", "I64", 1, {1}, "12345678", 8}};
    write_stored(&in, "f", list, 2);
    assert_ok(sluice_safetensors_open(&file, path));
    assert_int_equal(sluice_safetensors_count(file), 2);
    (void)snprintf(expected, sizeof expected,
                   "tensor 'id' of '%s' is I64; only F32, F16 and BF16 are read", path);
    assert_refused(sluice_safetensors_read(NULL, sluice_safetensors_find(file, "id"), 0, 0),
                   SLUICE_E_UNSUPPORTED, expected);
    sluice_safetensors_close(file);
    folder_remove(&in);
}

static void a_file_that_shrinks_while_it_is_read_is_an_error(void **state) {
    (void)state;
    static float values[MANY];
    const folder in     = folder_make();
    const char *path    = folder_path(&in, "f");
    const stored tensor = {"x", "F32", 1, {MANY}, values, sizeof values};
    char expected[256];
    struct stat about;
    sluice_safetensors *file;
    write_stored(&in, "f", &tensor, 1);
    assert_ok(sluice_safetensors_open(&file, path));
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(truncate(path, 1000), 0);
    (void)snprintf(expected, sizeof expected,
                   "'%s' had %lld bytes when it was opened and now ends at byte 1000", path,
                   (long long)about.st_size);
    assert_refused(sluice_safetensors_read(values, sluice_safetensors_find(file, "x"), 0, MANY),
                   SLUICE_E_IO, expected);
    sluice_safetensors_close(file);
    folder_remove(&in);
}

/* ---- hostile files ---- */

static void hostile_headers_are_refused_with_the_numbers(void **state) {
    (void)state;
    static const struct {
        const char *header;
        size_t data;
        const char *says; /* how the message ends; "": the file is fine */
    } cases[] = {
        {"{}", 0, ""},
        {"  {}   ", 0, ""},
        {"{\"__metadata__\":{\"format\":\"pt\"}}", 0, ""},
        {"{}", 3, "has 3 bytes after its last tensor"},
        {"{\"a\":{\"dtype\":\"Q8\",\"shape\":[],\"data_offsets\":[0,1]}}", 1,
         "has an unknown dtype"},
        {"{\"a\\u001b[31m\":{}}", 0, "has a tensor whose name has byte 0x1b"},
        {"{\"a\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[0,4]}}", 4,
         "has a shape that does not fit its data_offsets: 6 bytes of F16 are needed, 4 are there"},
        {"{\"a\":{\"dtype\":\"F64\",\"shape\":[1152921504606846976],\"data_offsets\":[0,4]}}", 4,
         "has a dimension that is not a size"},
        {"{\"a\":{\"dtype\":\"F64\",\"shape\":[1152921504606846975],\"data_offsets\":[0,4]}}", 4,
         "9223372036854775800 bytes of F64 are needed, 4 are there"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[18446744073709551617],\"data_offsets\":[0,4]}}", 4,
         "too big integer near '18446744073709551617'"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4,
         "is at -4..0, but there are 4 bytes of data"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4,
         "is at 4..0, but there are 4 bytes of data"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
         12, "shares bytes with another: it begins at 4, 'a' ends at 8"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
         12, "comes after bytes that belong to no tensor: 4 to 8"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"n\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[4,4]}}",
         4, ""},
    };
    const folder in = folder_make();
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        write_header(&in, "f", cases[k].header, cases[k].data);
        const char *const what = refusal(folder_path(&in, "f"));
        const size_t end       = strlen(cases[k].says);
        const size_t length    = strlen(what);
        const bool as_expected =
            end == 0 ? length == 0
                     : length >= end && strcmp(what + length - end, cases[k].says) == 0;
        if (!as_expected)
            fail_msg("%s with %zu bytes of data: '%s', expected '%s'", cases[k].header,
                     cases[k].data, what, cases[k].says);
    }
    folder_remove(&in);
}

static void deep_nesting_is_refused(void **state) {
    (void)state;
    enum { DEEP = 100000 };
    static char header[DEEP + 8];
    const folder in = folder_make();
    memset(header, '[', sizeof header - 1);
    memcpy(header, "{\"a\":", 5);
    write_header(&in, "f", header, 0);
    const char *const what = refusal(folder_path(&in, "f"));
    if (!strstr(what, "maximum parsing depth reached"))
        fail_msg("%d brackets in each other: '%s'", DEEP, what);
    folder_remove(&in);
}

static void a_huge_header_is_refused_before_it_is_read(void **state) {
    (void)state;
    const folder in       = folder_make();
    const char *path      = folder_path(&in, "f");
    const uint64_t length = 100000001;
    char expected[256];
    folder_write(&in, "f", &length, 8);
    assert_int_equal(truncate(path, 8 + (off_t)length), 0); /* a hole: nothing is on the disk */
    (void)snprintf(expected, sizeof expected,
                   "'%s' has a header of 100000001 bytes; at most 100000000 are read", path);
    assert_string_equal(refusal(path), expected);
    folder_remove(&in);
}

static void pipes_and_folders_are_refused_at_once(void **state) {
    (void)state;
    const folder in = folder_make();
    char expected[256];
    assert_int_equal(mkfifo(folder_path(&in, "pipe"), 0600), 0);
    (void)snprintf(expected, sizeof expected, "'%s' is a FIFO, not a file",
                   folder_path(&in, "pipe"));
    assert_string_equal(refusal(folder_path(&in, "pipe")), expected);
    assert_string_equal(refusal("/dev/null"), "'/dev/null' is a device, not a file");
    folder_remove(&in);
}

/* ---- folders ---- */

enum { FILES = 4 };

/* Files of a folder: each has tensors, one for each letter, or is text. */
typedef struct shards {
    const char *what;
    const char *names[FILES], *tensors[FILES];
    const char *index; /* NULL: none */
    const char *says;  /* in the message; NULL: it opens, with the tensors a, b and c */
} shards;

#define ONE "model-00001-of-00002.safetensors"
#define TWO "model-00002-of-00002.safetensors"
#define MAP(a, b, c)                                                                               \
    "{\"metadata\":{\"total_size\":12},\"weight_map\":{\"a\":\"" a "\",\"b\":\"" b "\",\"c\":\"" c \
    "\"}}"

static const shards folders[] = {
    {"one file", {"model.safetensors"}, {"abc"}, NULL, NULL},
    {"two shards", {ONE, TWO}, {"ac", "b"}, MAP(ONE, TWO, ONE), NULL},
    {"shards by any name", {"x", "y"}, {"ac", "b"}, MAP("x", "y", "x"), NULL},
    {"a save next to its optimizer",
     {"model.safetensors", "optimizer.safetensors", "optimizer-00001-of-00002.safetensors"},
     {"abc", "z", "z"},
     NULL,
     NULL},
    {"nothing",
     {NULL},
     {NULL},
     NULL,
     "has neither model.safetensors nor model.safetensors.index.json"},
    {"a shard that is missing", {ONE}, {"ac"}, MAP(ONE, TWO, ONE), "/" TWO "': No such file"},
    {"a ghost entry",
     {ONE, TWO},
     {"a", "b"},
     MAP(ONE, TWO, ONE),
     "says that tensor 'c' is in " ONE ", which does not have it"},
    {"an entry for the other shard",
     {ONE, TWO},
     {"ac", "b"},
     MAP(ONE, TWO, TWO),
     "says that tensor 'c' is in " TWO ", which does not have it"},
    {"a tensor without an entry",
     {ONE, TWO},
     {"acd", "b"},
     MAP(ONE, TWO, ONE),
     "has tensor 'd', which the index does not list at all"},
    {"a tensor that is there twice",
     {ONE, TWO},
     {"ac", "ab"},
     MAP(ONE, TWO, ONE),
     "has tensor 'a', which the index says is in " ONE},
    {"an orphan shard",
     {ONE, TWO, "model-00003-of-00003.safetensors"},
     {"ac", "b", "d"},
     MAP(ONE, TWO, ONE),
     "has model-00003-of-00003.safetensors, which belongs to no index"},
    {"a single file next to an index",
     {ONE, TWO, "model.safetensors"},
     {"ac", "b", "abc"},
     MAP(ONE, TWO, ONE),
     "has model.safetensors, which belongs to no index"},
    {"shards next to a single file without an index",
     {ONE, "model.safetensors"},
     {"ac", "abc"},
     NULL,
     "has " ONE ", which belongs to no index"},
    {"a shard elsewhere",
     {ONE, TWO},
     {"ac", "b"},
     MAP(ONE, "../" TWO, ONE),
     "does not name a file in its folder for tensor 'b'"},
    {"an absolute path",
     {ONE},
     {"a"},
     MAP("/etc/passwd", ONE, ONE),
     "does not name a file in its folder for tensor 'a'"},
    {"a file of no name",
     {ONE},
     {"a"},
     MAP(ONE, "", ONE),
     "does not name a file in its folder for tensor 'b'"},
    {"a number for a file",
     {ONE},
     {"a"},
     "{\"weight_map\":{\"a\":1}}",
     "does not name a file in its folder for tensor 'a'"},
    {"an index without a map", {ONE}, {"a"}, "{}", "has no \"weight_map\" of one entry or more"},
    {"an empty map",
     {ONE},
     {"a"},
     "{\"weight_map\":{}}",
     "has no \"weight_map\" of one entry or more"},
    {"an entry for what is no tensor",
     {ONE},
     {"a"},
     "{\"weight_map\":{\"a\":\"" ONE "\",\"__metadata__\":\"" ONE "\"}}",
     "says that tensor '__metadata__' is in " ONE ", which does not have it"},
    {"the same tensor twice in the index",
     {ONE},
     {"a"},
     "{\"weight_map\":{\"a\":\"" ONE "\",\"a\":\"" ONE "\"}}",
     "duplicate object key"},
    {"an index that is cut", {ONE}, {"a"}, "{\"weight_map\":{\"a\":\"", "premature end of input"},
};

static float value_of_letter(char letter) {
    return (float)letter;
}

static void make_folder(const folder *in, const shards *of) {
    for (int f = 0; f < FILES && of->names[f]; f++) {
        stored list[4];
        float values[4];
        char names[4][2] = {""};
        const int count  = (int)strlen(of->tensors[f]);
        for (int k = 0; k < count; k++) {
            names[k][0] = of->tensors[f][k];
            values[k]   = value_of_letter(names[k][0]);
            list[k]     = (stored){names[k], "F32", 1, {1}, &values[k], sizeof values[k]};
        }
        write_stored(in, of->names[f], list, count);
    }
    if (of->index) folder_write(in, "model.safetensors.index.json", of->index, strlen(of->index));
}

static void check_letters(const sluice_safetensors *file, const char *what) {
    if (sluice_safetensors_count(file) != 3)
        fail_msg("%s: %d tensors are found, there are 3", what, sluice_safetensors_count(file));
    for (char name[] = "a"; name[0] <= 'c'; name[0]++) {
        const sluice_stored_tensor *const tensor = sluice_safetensors_find(file, name);
        float value                              = 0;
        if (!tensor) fail_msg("%s: tensor '%s' is not found", what, name);
        assert_ok(sluice_safetensors_read(&value, tensor, 0, 1));
        if (value != value_of_letter(name[0]))
            fail_msg("%s: tensor '%s' is %g, expected %g", what, name, (double)value,
                     (double)value_of_letter(name[0]));
    }
    if (sluice_safetensors_find(file, "d")) fail_msg("%s: a tensor 'd' is found", what);
}

static void check_folder(const shards *of) {
    const folder in          = folder_make();
    sluice_safetensors *file = NULL;
    make_folder(&in, of);
    const sluice_status status = sluice_safetensors_open(&file, in.path);
    const char *const what     = status == SLUICE_OK ? "it opens" : sluice_last_error()->what;
    if (of->says ? status == SLUICE_OK || !strstr(what, of->says) : status != SLUICE_OK)
        fail_msg("%s: '%s', expected '%s'", of->what, what, of->says ? of->says : "it opens");
    if (status == SLUICE_OK) check_letters(file, of->what);
    sluice_safetensors_close(file);
    folder_remove(&in);
}

static void folders_are_read_by_their_index_and_must_agree_with_it(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof folders / sizeof *folders; k++) check_folder(&folders[k]);
}

/* Also where it lies next to other files. */
static void an_index_may_be_named_itself(void **state) {
    (void)state;
    const folder in = folder_make();
    sluice_safetensors *file;
    make_folder(&in, &folders[1]);
    assert_ok(sluice_safetensors_open(&file, folder_path(&in, "model.safetensors.index.json")));
    check_letters(file, "the index itself");
    sluice_safetensors_close(file);
    folder_remove(&in);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_read_exactly_in_any_piece),
        cmocka_unit_test(types_that_are_no_weights_are_listed_and_not_read),
        cmocka_unit_test(a_file_that_shrinks_while_it_is_read_is_an_error),
        cmocka_unit_test(hostile_headers_are_refused_with_the_numbers),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(a_huge_header_is_refused_before_it_is_read),
        cmocka_unit_test(pipes_and_folders_are_refused_at_once),
        cmocka_unit_test(folders_are_read_by_their_index_and_must_agree_with_it),
        cmocka_unit_test(an_index_may_be_named_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
