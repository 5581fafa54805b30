/* SPDX-License-Identifier: MIT */
/* xml.c -- checks a text in one pass, without a tree. */
#include "tests/support/xml.h"

#include <ctype.h>

#include "tests/support/support.h"

enum { XML_DEPTH = 32, XML_NAME = 32, XML_ATTRIBUTES = 24 };

typedef struct xml_reader {
    const char *start, *at;
    char open[XML_DEPTH][XML_NAME];
    int depth;
} xml_reader;

static void xml_fail(const xml_reader *in, const char *what) {
    fail_msg("not well-formed: %s at byte %d: %.60s", what, (int)(in->at - in->start), in->at);
}

static void xml_name(xml_reader *in, char name[XML_NAME]) {
    int length = 0;
    while (isalnum((unsigned char)*in->at) || (*in->at && strchr("-:_", *in->at))) {
        if (length + 1 == XML_NAME) xml_fail(in, "a name is too long");
        name[length++] = *in->at++;
    }
    name[length] = 0;
    if (length == 0) xml_fail(in, "a name is missing");
}

static void xml_reference(xml_reader *in) {
    static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};
    for (int k = 0; k < 5; k++)
        if (strncmp(in->at, known[k], strlen(known[k])) == 0) {
            in->at += strlen(known[k]);
            return;
        }
    if (strncmp(in->at, "&#", 2) != 0) xml_fail(in, "an entity is unknown");
    char *end       = NULL;
    const long code = strtol(in->at + 2, &end, 10);
    if (*end != ';' || !(code == 9 || code == 10 || code == 13 || code >= 32) || code == 0xFFFE ||
        code == 0xFFFF)
        xml_fail(in, "a reference is to no character");
    in->at = end + 1;
}

/* One character of an element's content or an attribute's value. */
static void xml_character(xml_reader *in) {
    const unsigned char *const c = (const unsigned char *)in->at;
    if (*c == '&') {
        xml_reference(in);
        return;
    }
    if (*c == '<' || (*c < 0x20 && *c != '\n' && *c != '\t')) xml_fail(in, "a bad character");
    const int length = *c < 0x80 ? 1 : *c >= 0xF0 ? 4 : *c >= 0xE0 ? 3 : *c >= 0xC2 ? 2 : 0;
    if (length == 0) xml_fail(in, "a byte that is no UTF-8");
    for (int n = 1; n < length; n++)
        if ((c[n] & 0xC0) != 0x80) xml_fail(in, "a sequence that is no UTF-8");
    in->at += length;
}

static void xml_attributes(xml_reader *in) {
    char names[XML_ATTRIBUTES][XML_NAME];
    for (int count = 0; count < XML_ATTRIBUTES && *in->at == ' '; count++) {
        in->at++;
        xml_name(in, names[count]);
        for (int other = 0; other < count; other++)
            if (strcmp(names[other], names[count]) == 0) xml_fail(in, "an attribute comes twice");
        if (strncmp(in->at, "=\"", 2) != 0) xml_fail(in, "a value is missing");
        for (in->at += 2; *in->at && *in->at != '"';) xml_character(in);
        if (*in->at++ != '"') xml_fail(in, "a value does not end");
    }
    if (*in->at == ' ') xml_fail(in, "too many attributes");
}

/* Returns whether the tag opened or was an element called `name`. */
static bool xml_tag(xml_reader *in, const char *name) {
    char found[XML_NAME];
    const bool closes = in->at[1] == '/';
    in->at += closes ? 2 : 1;
    xml_name(in, found);
    if (!closes) xml_attributes(in);
    const bool empty = !closes && *in->at == '/';
    in->at += empty;
    if (*in->at++ != '>') xml_fail(in, "a tag does not end");
    if (closes && (in->depth == 0 || strcmp(in->open[--in->depth], found) != 0))
        xml_fail(in, "a tag closes what is not open");
    if (!closes && !empty) {
        assert_true(in->depth < XML_DEPTH);
        memcpy(in->open[in->depth++], found, XML_NAME);
    }
    return !closes && strcmp(found, name) == 0;
}

int xml_count(const char *text, const char *name) {
    xml_reader in = {.start = text, .at = text};
    int count     = 0;
    if (*in.at != '<') xml_fail(&in, "the root is missing");
    do {
        if (*in.at == '<')
            count += xml_tag(&in, name);
        else
            xml_character(&in);
    } while (*in.at && in.depth > 0);
    if (in.depth > 0 || strcmp(in.at, "\n") != 0) xml_fail(&in, "the root does not end the text");
    return count;
}
