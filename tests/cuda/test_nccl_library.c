/* SPDX-License-Identifier: MIT */
/*
 * test_nccl_library.c -- the plug-in's loader against the real libnccl, which needs no GPU for
 * this: the library is found and new enough, every function comes from it, and it makes identities.
 */
#include "tests/support/support.h"

#include <dlfcn.h>

#include "runtime/transport/nccl/library.h"

static void the_library_is_the_real_one(void **state) {
    (void)state;
    const sluice__nccl *nccl = NULL;
    assert_ok(sluice__nccl_load(&nccl));
    print_message("NCCL %d.%d.%d\n", nccl->version / 10000, nccl->version % 10000 / 100,
                  nccl->version % 100);
    assert_true(nccl->version >= SLUICE__NCCL_OLDEST);
    if (strncmp(nccl->GetErrorString(ncclInvalidUsage), "invalid usage", 13) != 0)
        fail_msg("an invalid usage is '%s'", nccl->GetErrorString(ncclInvalidUsage));
}

static void expect_from_libnccl(const char *name, const void *function) {
    void *address = NULL;
    Dl_info info  = {0};
    memcpy(&address, function, sizeof address); /* ISO C has no such cast */
    if (!address || dladdr(address, &info) == 0 || !info.dli_fname ||
        !strstr(info.dli_fname, "libnccl.so"))
        fail_msg("%s is from %s", name, info.dli_fname ? info.dli_fname : "nowhere");
    /* "ncclSend" and "pncclSend" are the same function. */
    if (info.dli_sname && !strstr(info.dli_sname, name))
        fail_msg("%s is called %s there", name, info.dli_sname);
}

static void every_function_is_found_in_it(void **state) {
    (void)state;
    const sluice__nccl *nccl = NULL;
    int count                = 0;
    assert_ok(sluice__nccl_load(&nccl));
#define X(name) expect_from_libnccl("nccl" #name, &nccl->name), count++;
    SLUICE__NCCL_MAP(X)
#undef X
    print_message("%d functions\n", count);
}

static void every_identity_is_different(void **state) {
    (void)state;
    const sluice__nccl *nccl = NULL;
    ncclUniqueId one = {{0}}, other = {{0}};
    static const ncclUniqueId none;
    assert_ok(sluice__nccl_load(&nccl));
    assert_int_equal(nccl->GetUniqueId(&one), ncclSuccess);
    assert_int_equal(nccl->GetUniqueId(&other), ncclSuccess);
    assert_memory_not_equal(&one, &none, sizeof one);
    assert_memory_not_equal(&one, &other, sizeof one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_library_is_the_real_one),
        cmocka_unit_test(every_function_is_found_in_it),
        cmocka_unit_test(every_identity_is_different),
    };
    return cmocka_run_group_tests_name("NCCL's library", tests, NULL, NULL);
}
