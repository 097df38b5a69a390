/* SPDX-License-Identifier: MIT
 * The JSON that our files hold: objects, arrays, strings and non-negative integers; nothing else.
 *
 * The reader is pulled: the caller asks for what must come next, so its own code is the schema,
 * there is no tree in memory, and the depth of nesting is the caller's, never the input's. Every
 * call returns TKR_OK, or TKR_ERR_FORMAT after setting `error`; no call reads past `len`.
 *
 *     tkri_json_open(&json, '[')
 *     while (tkri_json_more(&json, ']', &more), more)
 *         tkri_json_uint(&json, ...)
 *     tkri_json_end(&json)
 *
 * The writer appends to a text that is measured first and placed second, by the same code. */
#ifndef TKRI_MODEL_JSON_H
#define TKRI_MODEL_JSON_H

#include "core/status.h"

/* Where a reader stands in its text. */
typedef struct tkri_json {
    const char *text;
    uint64_t len, at;
    int first;         /* just behind an opening bracket */
    const char *error; /* what was wrong at byte `at`; NULL so far */
} tkri_json;

tkri_json tkri_json_begin(const char *text, uint64_t len);

/* The first character of the next value; 0 at the end of the text. */
char tkri_json_peek(tkri_json *json);

/* Enter an object '{' or an array '['. */
int32_t tkri_json_open(tkri_json *json, char bracket);

/* Whether a member or an element follows, past its comma; if not, leaves through `bracket`. */
int32_t tkri_json_more(tkri_json *json, char bracket, int *more);

/* A string, its escapes resolved: as much of it as fits goes to out [capacity], without a NUL; *len
 * is its whole length. */
int32_t tkri_json_string(tkri_json *json, char *out, uint64_t capacity, uint64_t *len);

/* A member's name, as a string, and the colon behind it. */
int32_t tkri_json_key(tkri_json *json, char *out, uint64_t capacity, uint64_t *len);

/* In an object, past tkri_json_open(): the index of the next member's name among names [n], n <=
 * 64, or -1 behind the last, with the object left. `seen` has a bit for each that came, 0 at first;
 * a second one is refused, and one that is not among the names gives TKR_ERR_UNSUPPORTED. */
int32_t tkri_json_member(tkri_json *json, const char *const *names, int n, uint64_t *seen,
                         int *index);

/* A non-negative integer below 2^64: digits, without leading zeros. */
int32_t tkri_json_uint(tkri_json *json, uint64_t *value);

/* A finite real number, as the string that tkri_text_real() writes. */
int32_t tkri_json_real(tkri_json *json, double *value);

/* Only white space is left. */
int32_t tkri_json_end(tkri_json *json);

/* A text that grows: `base` NULL only counts. The caller knows from counting that it fits. */
typedef struct tkri_text {
    char *base;
    uint64_t used;
} tkri_text;

/* Append bytes as they are; a NUL-terminated string as it is; a number in decimal; a string in
 * quotes with what JSON wants escaped. `text` of a quoted string is valid UTF-8. */
void tkri_text_bytes(tkri_text *out, const char *bytes, uint64_t len);
void tkri_text_put(tkri_text *out, const char *string);
void tkri_text_uint(tkri_text *out, uint64_t value);
void tkri_text_quote(tkri_text *out, const char *text, uint64_t len);

/* Append a finite number exactly, whatever the locale, as a string of a hexadecimal integer and a
 * power of two that C and Python read too: 0.75 is "0x3p-2". */
void tkri_text_real(tkri_text *out, double value);

#endif
