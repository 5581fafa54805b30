/* SPDX-License-Identifier: MIT */
/* sanitize.h -- tells AddressSanitizer about memory and stacks that it did not make. */
#ifndef SLUICE_TESTS_EMULATION_SANITIZE_H
#define SLUICE_TESTS_EMULATION_SANITIZE_H

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define emu__poison(at, bytes)                  __asan_poison_memory_region(at, bytes)
#define emu__unpoison(at, bytes)                __asan_unpoison_memory_region(at, bytes)
#define emu__start_switch(saved, bottom, bytes) __sanitizer_start_switch_fiber(saved, bottom, bytes)
#define emu__finish_switch(saved, bottom, bytes)                                                   \
    __sanitizer_finish_switch_fiber(saved, bottom, bytes)
#else
#define emu__poison(at, bytes)                   ((void)(at), (void)(bytes))
#define emu__unpoison(at, bytes)                 ((void)(at), (void)(bytes))
#define emu__start_switch(saved, bottom, bytes)  ((void)(saved), (void)(bottom), (void)(bytes))
#define emu__finish_switch(saved, bottom, bytes) ((void)(saved), (void)(bottom), (void)(bytes))
#endif

#endif
