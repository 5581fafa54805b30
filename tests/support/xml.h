/* SPDX-License-Identifier: MIT */
/*
 * xml.h -- whether a text is well-formed XML, as far as pictures use it: one root, elements that
 * nest, attributes in double quotes with unique names, five entities and character references,
 * UTF-8. It counts elements by name, too.
 */
#ifndef SLUICE_TESTS_XML_H
#define SLUICE_TESTS_XML_H

/* Fails unless `text` is well-formed; returns how many elements are called `name`. */
int xml_count(const char *text, const char *name);

#endif
