/* SPDX-License-Identifier: MIT */
/*
 * deny.c -- `deny pin|huge-pages COMMAND...`: run a command on a machine that refuses to bind
 * threads to cores, or has no huge pages. A seccomp filter answers those system calls with an
 * error.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* System call `number` fails with `error` if its third argument is `argument`, or if that is 0. */
static int refuse(unsigned number, unsigned argument, unsigned error) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, argument, 0, argument == 0 ? 0 : 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error & SECCOMP_RET_DATA)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    const int failed = strcmp(argv[1], "pin") == 0 ? refuse(SYS_sched_setaffinity, 0, EPERM)
                                                   : refuse(SYS_madvise, MADV_HUGEPAGE, EINVAL);
    if (failed) {
        fprintf(stderr, "deny: no filter can be set here: %s\n", strerror(errno));
        return 77;
    }
    execv(argv[2], argv + 2);
    fprintf(stderr, "deny: '%s' does not run: %s\n", argv[2], strerror(errno));
    return 2;
}
