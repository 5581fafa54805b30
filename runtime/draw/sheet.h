/* SPDX-License-Identifier: MIT */
/* sheet.h -- what drawings are written on: a text, or a stream, that remembers its first failure.
 */
#ifndef SLUICE_DRAW_SHEET_H
#define SLUICE_DRAW_SHEET_H

#include "runtime/base/text.h"
#include "sluice/timeline.h"

/* Starts as {0}, or with a `take` to which it gives its text whenever there is enough of it. After
 * a failure nothing more is written; look at the status once, at the end. */
typedef struct sluice__sheet {
    sluice__text text;
    sluice_status status;
    sluice_take_text *take;
    void *context;
} sluice__sheet;

void sluice__put(sluice__sheet *sheet, const char *format, ...) SLUICE_PRINTF(2, 3);
/* Any bytes as the content of an XML element or of a JSON string: what has a meaning there is
 * escaped, what is no UTF-8, or no character there, becomes U+FFFD. */
void sluice__put_xml(sluice__sheet *sheet, const char *bytes);
void sluice__put_json(sluice__sheet *sheet, const char *bytes);
/* The text, the caller's from now on; or the failure. The sheet is empty afterwards. */
sluice_status sluice__sheet_take(char **out, sluice__sheet *sheet);
/* The same of a sheet with a `take`: the rest of the text goes there. */
sluice_status sluice__sheet_end(sluice__sheet *sheet);

#endif
