/* SPDX-License-Identifier: MIT */
#include "ngram/lines.h"

#include <string.h>

enum { MAX_LINE = 1 << 20 };

static void cut(tkri_lines *lines) {
    char *at = lines->line.text, *end = at + lines->line.len;
    lines->n_fields = 0;
    while (lines->n_fields < TKRI_MAX_FIELDS) {
        while (at < end && (*at == ' ' || *at == '\t')) {
            at++;
        }
        if (at == end) {
            return;
        }
        tkri_field *field = &lines->field[lines->n_fields++];
        field->text = at;
        while (at < end && *at != ' ' && *at != '\t') {
            at++;
        }
        field->len = (uint64_t)(at - field->text);
    }
}

int32_t tkri_lines_next(tkri_lines *lines, int *more) {
    tkri_field *line = &lines->line;
    TRY(tkri_source_line(&lines->source, &lines->buffer, MAX_LINE, &line->text, &line->len, more));
    line->len -= line->len && line->text[line->len - 1] == '\r';
    cut(lines);
    return TKR_OK;
}

void tkri_lines_fini(tkri_lines *lines) {
    tkri_buffer_release(&lines->buffer, lines->source.env);
}

int tkri_field_is(const tkri_field *field, const char *text) {
    return field->len == strlen(text) && memcmp(field->text, text, (size_t)field->len) == 0;
}
