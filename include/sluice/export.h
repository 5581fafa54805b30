/* SPDX-License-Identifier: MIT */
/* export.h -- which symbols the library shows, and what compilers check for it. */
#ifndef SLUICE_EXPORT_H
#define SLUICE_EXPORT_H

#if defined(__GNUC__)
#define SLUICE_VISIBLE             __attribute__((visibility("default")))
#define SLUICE_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define SLUICE_VISIBLE
#define SLUICE_PRINTF(text, first)
#endif

#ifdef __cplusplus
#define SLUICE_API extern "C" SLUICE_VISIBLE
#else
#define SLUICE_API SLUICE_VISIBLE
#endif

#endif
