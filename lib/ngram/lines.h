/* SPDX-License-Identifier: MIT
 * Untrusted text, line by line and field by field. */
#ifndef TKRI_NGRAM_LINES_H
#define TKRI_NGRAM_LINES_H

#include "core/source.h"

enum { TKRI_MAX_FIELDS = 19 };

/* A piece of the current line. */
typedef struct tkri_field {
    char *text;
    uint64_t len;
} tkri_field;

/* Zeroed but for the first. */
typedef struct tkri_lines {
    tkri_source source; /* a reader, named "text" */
    tkri_buffer buffer;
    tkri_field line;
    tkri_field field[TKRI_MAX_FIELDS];
    int n_fields; /* at most TKRI_MAX_FIELDS, though there may be more */
} tkri_lines;

/* Read the next line and cut it at spaces and tabs. *more is 0 at the end of the text. */
int32_t tkri_lines_next(tkri_lines *lines, int *more);

void tkri_lines_fini(tkri_lines *lines);

/* Whether a field is this NUL-terminated text. */
int tkri_field_is(const tkri_field *field, const char *text);

#endif
