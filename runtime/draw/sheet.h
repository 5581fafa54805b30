/* SPDX-License-Identifier: MIT */
/* sheet.h -- the output of drawings: a text, or a stream, that remembers its first failure.
 */
#ifndef SLUICE_DRAW_SHEET_H
#define SLUICE_DRAW_SHEET_H

#include "runtime/base/text.h"
#include "sluice/timeline.h"

/* Start with {0}, or with a `take` that gets the text piece by piece. After
 * a failure nothing more is written; check the status once, at the end. */
typedef struct sluice__sheet {
    sluice__text text;
    sluice_status status;
    sluice_take_text *take;
    void *context;
} sluice__sheet;

void sluice__put(sluice__sheet *sheet, const char *format, ...) SLUICE_PRINTF(2, 3);
/* Any bytes as the content of an XML element or of a JSON string: special characters are escaped;
 * invalid UTF-8 and invalid characters become U+FFFD. */
void sluice__put_xml(sluice__sheet *sheet, const char *bytes);
void sluice__put_json(sluice__sheet *sheet, const char *bytes);
/* The text, which the caller owns; or the failure. The sheet is empty afterwards. */
sluice_status sluice__sheet_take(char **out, sluice__sheet *sheet);
/* The same for a sheet with a `take`, which gets the rest of the text. */
sluice_status sluice__sheet_end(sluice__sheet *sheet);

#endif
