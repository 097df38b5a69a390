/* SPDX-License-Identifier: MIT */
#include "model/json.h"

#include <math.h>
#include <string.h>

#include "core/utf8.h"

static const char hex_digits[] = "0123456789abcdef";

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

int32_t tkri_json_member(tkri_json *json, const char *const *names, int n, uint64_t *seen,
                         int *index) {
    char name[32];
    uint64_t len;
    int more;
    *index = -1;
    TRY(tkri_json_more(json, '}', &more));
    if (!more) {
        return TKR_OK;
    }
    TRY(tkri_json_key(json, name, sizeof name, &len));
    for (int i = 0; i < n; i++) {
        if (strlen(names[i]) == len && memcmp(names[i], name, (size_t)len) == 0) {
            if (*seen >> i & 1) {
                return refuse(json, "a member twice");
            }
            *seen |= UINT64_C(1) << i;
            *index = i;
            return TKR_OK;
        }
    }
    json->error = "a member of an unknown name";
    return TKR_ERR_UNSUPPORTED;
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

/* The digits from text[*at], at most `most`, in base 10 or 16; -1 if there are none or too many. */
static int64_t read_digits(const char *text, uint64_t *at, int base, int most) {
    int64_t value = 0;
    int n = 0;
    for (const char *digit;; n++, ++*at) {
        digit = text[*at] ? strchr(hex_digits, text[*at]) : NULL;
        if (!digit || digit - hex_digits >= base) {
            return n > 0 ? value : -1;
        }
        if (n == most) {
            return -1;
        }
        value = value * base + (digit - hex_digits);
    }
}

int32_t tkri_json_real(tkri_json *json, double *value) {
    char text[32] = "";
    uint64_t len, at = 0, start = json->at;
    TRY(tkri_json_string(json, text, sizeof text - 1, &len));
    int minus = text[0] == '-';
    at += (uint64_t)minus;
    int good = len < sizeof text && memcmp(text + at, "0x", 2) == 0;
    at += 2;
    int64_t mantissa = good ? read_digits(text, &at, 16, 14) : -1;
    good = mantissa >= 0 && text[at] == 'p' && (text[at + 1] == '+' || text[at + 1] == '-');
    int down = good && text[at + 1] == '-';
    at += 2;
    int64_t exponent = good ? read_digits(text, &at, 10, 4) : -1;
    double size = exponent >= 0 ? ldexp((double)mantissa, (int)(down ? -exponent : exponent)) : 0;
    if (exponent < 0 || at != len || isinf(size)) {
        json->at = start;
        return refuse(json, "expected a real number like \"0x3p-2\"");
    }
    *value = minus ? -size : size;
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
    tkri_text_put(out, "\"");
    for (uint64_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            tkri_text_put(out, "\\");
        }
        if (c < 0x20) {
            char escape[] = {'\\', 'u', '0', '0', hex_digits[c >> 4], hex_digits[c & 15]};
            tkri_text_bytes(out, escape, sizeof escape);
        } else {
            tkri_text_bytes(out, text + i, 1);
        }
    }
    tkri_text_put(out, "\"");
}

void tkri_text_real(tkri_text *out, double value) {
    int exponent;
    uint64_t mantissa = (uint64_t)ldexp(frexp(fabs(value), &exponent), 53);
    char digits[14];
    uint64_t n = 0;
    exponent = mantissa ? exponent - 53 : 0;
    while (mantissa && mantissa % 2 == 0) {
        mantissa /= 2;
        exponent++;
    }
    do {
        digits[sizeof digits - ++n] = hex_digits[mantissa % 16];
        mantissa /= 16;
    } while (mantissa > 0);
    tkri_text_put(out, signbit(value) ? "\"-0x" : "\"0x");
    tkri_text_bytes(out, digits + sizeof digits - n, n);
    tkri_text_put(out, exponent < 0 ? "p-" : "p+");
    tkri_text_uint(out, (uint64_t)(exponent < 0 ? -exponent : exponent));
    tkri_text_put(out, "\"");
}
