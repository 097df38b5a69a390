/* SPDX-License-Identifier: MIT */
#include "model/json.h"

#include <string.h>

#include "core/utf8.h"

tkri_json tkri_json_begin(const char *text, uint64_t len) {
    return (tkri_json){.text = text, .len = len};
}

static int32_t refuse(tkri_json *json, const char *error) {
    json->error = error;
    return TKR_ERR_FORMAT;
}

/* The character at the reader's place; 0 at the end (a NUL is nowhere legal, so it may stand in).
 */
static char here(const tkri_json *json) {
    return json->at < json->len ? json->text[json->at] : '\0';
}

char tkri_json_peek(tkri_json *json) {
    char c = here(json);
    while (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
        json->at++;
        c = here(json);
    }
    return c;
}

int32_t tkri_json_open(tkri_json *json, char bracket) {
    if (tkri_json_peek(json) != bracket) {
        return refuse(json, bracket == '{' ? "expected an object" : "expected an array");
    }
    json->at++;
    json->first = 1;
    return TKR_OK;
}

int32_t tkri_json_more(tkri_json *json, char bracket, int *more) {
    char c = tkri_json_peek(json);
    int first = json->first;
    json->first = 0;
    *more = c != bracket;
    if (!*more || (!first && c == ',')) {
        json->at++;
    } else if (!first) {
        return refuse(json, bracket == '}' ? "expected , or }" : "expected , or ]");
    }
    return TKR_OK;
}

/* A string on its way out: what does not fit is counted only. */
typedef struct sink {
    char *out;
    uint64_t capacity, len;
} sink;

static void sink_put(sink *to, const char *bytes, uint64_t n) {
    for (uint64_t i = 0; i < n; i++, to->len++) {
        if (to->len < to->capacity) {
            to->out[to->len] = bytes[i];
        }
    }
}

/* The four digits of \uXXXX. */
static int32_t read_hex(tkri_json *json, uint32_t *unit) {
    *unit = 0;
    for (int i = 0; i < 4; i++, json->at++) {
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        char c = here(json);
        const char *digit = c ? strchr(digits, c) : NULL;
        if (!digit) {
            return refuse(json, "expected four hexadecimal digits");
        }
        *unit = *unit << 4 | (uint32_t)((digit - digits) & 15);
    }
    return TKR_OK;
}

/* Behind \u: one unit of UTF-16, or two that belong together. */
static int32_t read_unicode(tkri_json *json, uint32_t *code) {
    uint32_t low;
    TRY(read_hex(json, code));
    if (*code < 0xD800 || *code >= 0xE000) {
        return TKR_OK;
    }
    int paired =
        *code < 0xDC00 && json->len - json->at >= 2 && memcmp(json->text + json->at, "\\u", 2) == 0;
    if (!paired) {
        return refuse(json, "half of a surrogate pair");
    }
    json->at += 2;
    TRY(read_hex(json, &low));
    if (low < 0xDC00 || low >= 0xE000) {
        return refuse(json, "half of a surrogate pair");
    }
    *code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
    return TKR_OK;
}

/* Behind a backslash. */
static int32_t read_escape(tkri_json *json, sink *to) {
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    char c = here(json);
    const char *name = c ? strchr(names, c) : NULL;
    if (name) {
        json->at++;
        sink_put(to, meanings + (name - names), 1);
        return TKR_OK;
    }
    if (c != 'u') {
        return refuse(json, "no such escape");
    }
    json->at++;
    uint32_t code;
    char utf8[TKRI_UTF8_MAX];
    TRY(read_unicode(json, &code));
    sink_put(to, utf8, (uint64_t)tkri_utf8_encode(utf8, code));
    return TKR_OK;
}

/* One character of a string that is neither its end nor an escape. */
static int32_t read_character(tkri_json *json, sink *to) {
    const char *text = json->text + json->at;
    uint32_t code;
    uint64_t n = (uint64_t)tkri_utf8_decode(text, json->len - json->at, &code);
    if (n == 0) {
        return refuse(json, json->at == json->len ? "the string has no end" : "not UTF-8");
    }
    if (code < 0x20) {
        return refuse(json, "a control character in a string");
    }
    sink_put(to, text, n);
    json->at += n;
    return TKR_OK;
}

int32_t tkri_json_string(tkri_json *json, char *out, uint64_t capacity, uint64_t *len) {
    sink to = {out, capacity, 0};
    if (tkri_json_peek(json) != '"') {
        return refuse(json, "expected a string");
    }
    json->at++;
    for (char c = here(json); c != '"'; c = here(json)) {
        json->at += c == '\\';
        TRY(c == '\\' ? read_escape(json, &to) : read_character(json, &to));
    }
    json->at++;
    *len = to.len;
    return TKR_OK;
}

int32_t tkri_json_key(tkri_json *json, char *out, uint64_t capacity, uint64_t *len) {
    TRY(tkri_json_string(json, out, capacity, len));
    if (tkri_json_peek(json) != ':') {
        return refuse(json, "expected :");
    }
    json->at++;
    return TKR_OK;
}

int32_t tkri_json_uint(tkri_json *json, uint64_t *value) {
    uint64_t sum = 0;
    char c = tkri_json_peek(json);
    if (c < '0' || c > '9') {
        return refuse(json, "expected a non-negative integer");
    }
    int zero = c == '0';
    for (uint64_t start = json->at; c >= '0' && c <= '9'; c = here(json)) {
        uint64_t digit = (uint64_t)(c - '0');
        if (zero && json->at > start) {
            return refuse(json, "a number with a leading zero");
        }
        if (sum > (UINT64_MAX - digit) / 10) {
            return refuse(json, "a number of 2^64 or more");
        }
        sum = sum * 10 + digit;
        json->at++;
    }
    if (c == '.' || c == 'e' || c == 'E') {
        return refuse(json, "a number that is not an integer");
    }
    *value = sum;
    return TKR_OK;
}

int32_t tkri_json_end(tkri_json *json) {
    tkri_json_peek(json);
    return json->at == json->len ? TKR_OK : refuse(json, "something follows the end");
}

void tkri_text_bytes(tkri_text *out, const char *bytes, uint64_t len) {
    if (out->base && len > 0) {
        memcpy(out->base + out->used, bytes, (size_t)len);
    }
    out->used += len;
}

void tkri_text_put(tkri_text *out, const char *string) {
    tkri_text_bytes(out, string, strlen(string));
}

void tkri_text_uint(tkri_text *out, uint64_t value) {
    char digits[20];
    uint64_t n = 0;
    do {
        digits[sizeof digits - ++n] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    tkri_text_bytes(out, digits + sizeof digits - n, n);
}

void tkri_text_quote(tkri_text *out, const char *text, uint64_t len) {
    static const char hex[] = "0123456789abcdef";
    tkri_text_put(out, "\"");
    for (uint64_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            tkri_text_put(out, "\\");
        }
        if (c < 0x20) {
            char escape[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
            tkri_text_bytes(out, escape, sizeof escape);
        } else {
            tkri_text_bytes(out, text + i, 1);
        }
    }
    tkri_text_put(out, "\"");
}
