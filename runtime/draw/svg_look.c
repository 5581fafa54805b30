/* SPDX-License-Identifier: MIT */
/*
 * svg_look.c -- the colours of a picture.
 *
 * Every element has its light look in plain attributes, which all viewers understand; the style
 * sheet has only the differences of a dark page. Boxes keep their colours, which are light enough
 * for dark numbers and stand out on both pages. F, I and W are distinct for the three common kinds
 * of colour blindness (blue, green and yellow of unequal lightness).
 */
#include <stdio.h>

#include "runtime/draw/svg.h"

static const struct look {
    unsigned char red, green, blue;
    const char *words;
} looks[SLUICE__ACTION_KINDS] = {
    [SLUICE_INSTRUCTION_FORWARD]         = {104, 159, 222, "forward"},
    [SLUICE_INSTRUCTION_BACKWARD]        = {112, 190, 138, "backward"},
    [SLUICE_INSTRUCTION_BACKWARD_INPUT]  = {120, 205, 190, "input backward"},
    [SLUICE_INSTRUCTION_BACKWARD_WEIGHT] = {243, 196, 92, "weight backward"},
    [SLUICE_INSTRUCTION_RECOMPUTE]       = {196, 164, 222, "forward again"},
};

const char *sluice__kind_words(sluice_instruction_kind kind) {
    return looks[kind].words;
}

/* Later chunks are paler, the last by two thirds. */
sluice__colour sluice__colour_of(sluice_instruction_kind kind, int chunk, int chunks) {
    const struct look *const look = &looks[kind];
    const double pale             = chunks > 1 ? 0.66 * chunk / (chunks - 1) : 0;
    const int red                 = (int)(look->red + pale * (255 - look->red) + 0.5);
    const int green               = (int)(look->green + pale * (255 - look->green) + 0.5);
    const int blue                = (int)(look->blue + pale * (255 - look->blue) + 0.5);
    sluice__colour colour;
    (void)snprintf(colour.text, sizeof colour.text, "#%02x%02x%02x", (unsigned)red & 255,
                   (unsigned)green & 255, (unsigned)blue & 255);
    return colour;
}

void sluice__svg_style(sluice__sheet *sheet) {
    sluice__put(sheet,
                "<defs>\n"
                "<pattern id=\"idle\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" "
                "patternTransform=\"rotate(45)\"><path class=\"hatch\" d=\"M1 0v5\" "
                "stroke=\"#d3d7dc\"/></pattern>\n"
                "<pattern id=\"exposed\" width=\"5\" height=\"5\" "
                "patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(-45)\">"
                "<path class=\"exposed\" d=\"M1 0v5\" stroke=\"#d9483b\" stroke-width=\"1.6\"/>"
                "</pattern>\n"
                "</defs>\n"
                "<style>@media (prefers-color-scheme:dark){.page{fill:#15181d}.ink{fill:#e4e7eb}"
                ".dim{fill:#a3abb5}.grid{stroke:#343b45}.axis{stroke:#7c8794}"
                ".hatch{stroke:#434b56}.exposed{stroke:#ff7d70}.flow{stroke:#9aa5b1}"
                ".critical{stroke:#ffffff}.memory{fill:#4a5464;stroke:#8d99a8}}</style>\n");
}
