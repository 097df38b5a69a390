/* SPDX-License-Identifier: MIT */
#include "ngram/lines.h"

#include <string.h>

enum { FIRST_BUFFER = 1 << 12, MAX_LINE = 1 << 20 };

/* Room for more bytes: move what is left to the front, and grow if that is not enough. */
static int32_t make_room(tkri_lines *lines) {
    if (lines->from) {
        memmove(lines->buffer, lines->buffer + lines->from, (size_t)(lines->to - lines->from));
        lines->to -= lines->from;
        lines->from = 0;
    }
    if (lines->to < lines->capacity) {
        return TKR_OK;
    }
    REQUIRE(lines->capacity < MAX_LINE, lines->detail, TKR_ERR_FORMAT,
            "line %llu is longer than %d bytes", (unsigned long long)lines->number, MAX_LINE);
    uint64_t capacity = lines->capacity ? 2 * lines->capacity : FIRST_BUFFER;
    char *buffer = tkri_allocate(lines->env, capacity);
    REQUIRE(buffer, lines->detail, TKR_ERR_MEMORY, "no memory for %llu bytes of text",
            (unsigned long long)capacity);
    if (lines->to) {
        memcpy(buffer, lines->buffer, (size_t)lines->to);
    }
    tkri_release(lines->env, lines->buffer, lines->capacity);
    lines->buffer = buffer;
    lines->capacity = capacity;
    return TKR_OK;
}

static int32_t read_more(tkri_lines *lines) {
    uint64_t got = 0;
    TRY(make_room(lines));
    uint64_t room = lines->capacity - lines->to;
    int32_t error = lines->reader->read(lines->reader->user, lines->buffer + lines->to, room, &got);
    REQUIRE(!error && got <= room, lines->detail, TKR_ERR_IO, "the reader stopped in line %llu",
            (unsigned long long)lines->number);
    lines->to += got;
    lines->ended = got == 0;
    return TKR_OK;
}

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
    uint64_t searched = 0;
    char *feed = NULL;
    lines->number++;
    if (!lines->buffer) {
        TRY(make_room(lines));
    }
    while (!feed) {
        char *start = lines->buffer + lines->from;
        uint64_t have = lines->to - lines->from;
        feed = have > searched ? memchr(start + searched, '\n', (size_t)(have - searched)) : NULL;
        if (!feed && lines->ended) {
            break;
        }
        if (!feed) {
            searched = have;
            TRY(read_more(lines));
        }
    }
    char *start = lines->buffer + lines->from;
    uint64_t len = feed ? (uint64_t)(feed - start) : lines->to - lines->from;
    *more = feed || len;
    lines->from += len + (feed != NULL);
    lines->line = (tkri_field){start, len - (len && start[len - 1] == '\r')};
    cut(lines);
    return TKR_OK;
}

void tkri_lines_fini(tkri_lines *lines) {
    tkri_release(lines->env, lines->buffer, lines->capacity);
    lines->buffer = NULL;
    lines->capacity = 0;
}

int tkri_field_is(const tkri_field *field, const char *text) {
    return field->len == strlen(text) && memcmp(field->text, text, (size_t)field->len) == 0;
}
