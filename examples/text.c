/* SPDX-License-Identifier: MIT
 * Texts from outside: what every example does about the edges of a file. */
#include "common.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- reading --------------------------------------------------------------------------------- */

/* All bytes of a file, a NUL behind them, and room for one more. */
static char *read_bytes(const char *path, size_t *len) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        ex_die("%s: %s", path, strerror(errno));
    }
    size_t capacity = 1 << 16, got = 0;
    char *text = ex_alloc((int64_t)capacity, 1);
    *len = 0;
    while ((got = fread(text + *len, 1, capacity - 2 - *len, file)) > 0) {
        *len += got;
        if (*len == capacity - 2) {
            char *larger = realloc(text, capacity *= 2);
            if (larger == NULL) {
                ex_die("%s: no memory for %zu bytes", path, capacity);
            }
            text = larger;
        }
    }
    if (ferror(file)) {
        ex_die("%s: %s", path, strerror(errno));
    }
    fclose(file);
    text[*len] = '\0';
    return text;
}

size_t ex_character(const char *text, size_t len) {
    unsigned char lead = (unsigned char)text[0], second = len > 1 ? (unsigned char)text[1] : 0;
    size_t n = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    int overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
    int beyond = (lead == 0xED && second > 0x9F) || (lead == 0xF4 && second > 0x8F) || lead > 0xF4;
    if (n > len || overlong || beyond) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if (((unsigned char)text[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return n;
}

const char *ex_show_character(const char *text, size_t n, char *shown) {
    int hidden = n == 1 && ((unsigned char)text[0] <= ' ' || text[0] == 127);
    if (hidden) {
        snprintf(shown, EX_SHOWN, "U+%04X", (unsigned)text[0]);
    } else {
        snprintf(shown, EX_SHOWN, "\"%.*s\"", (int)n, text);
    }
    return shown;
}

int64_t ex_line_of(const char *text, size_t at) {
    int64_t line = 1;
    for (size_t i = 0; i < at; i++) {
        line += text[i] == '\n' || (text[i] == '\r' && text[i + 1] != '\n');
    }
    return line;
}

void ex_refuse_unknown(const tkr_vocabulary *vocabulary, const char *name, const char *text,
                       size_t len) {
    char shown[EX_SHOWN];
    for (size_t at = 0, n = 0; at < len; at += n) {
        int32_t id;
        n = ex_character(text + at, len - at);
        if (n == 0) {
            ex_die("%s: not UTF-8 at byte %zu", name, at);
        }
        if (tkr_vocabulary_find(vocabulary, &id, text + at, n) != TKR_OK) {
            ex_die("%s, line %lld: %s is none of the %lld characters of the model", name,
                   (long long)ex_line_of(text, at), ex_show_character(text + at, n, shown),
                   (long long)tkr_vocabulary_len(vocabulary));
        }
    }
    ex_die("%s: there is no id for something in it", name);
}

/* Refuse what is no text, and, where characters count, what is not UTF-8. */
static void check_text(const char *path, const char *text, size_t len, int utf8) {
    if (len >= 2 && (memcmp(text, "\xFF\xFE", 2) == 0 || memcmp(text, "\xFE\xFF", 2) == 0)) {
        ex_die("%s: this is UTF-16: save it as UTF-8", path);
    }
    const char *nul = memchr(text, '\0', len);
    if (nul != NULL) {
        ex_die("%s, line %lld: byte %zu of the file is a NUL: this is no text", path,
               (long long)ex_line_of(text, (size_t)(nul - text)), (size_t)(nul - text));
    }
    for (size_t at = 0, n = 1; utf8 && at < len; at += n) {
        n = ex_character(text + at, len - at);
        if (n == 0) {
            ex_die("%s, line %lld: not UTF-8 at byte %zu of the file", path,
                   (long long)ex_line_of(text, at), at);
        }
    }
}

void ex_line_feeds(char *text, size_t *len) {
    size_t to = 0;
    for (size_t at = 0; at < *len; at++) {
        int pair = text[at] == '\r' && text[at + 1] == '\n';
        at += (size_t)pair;
        text[to++] = (char)(text[at] == '\r' ? '\n' : text[at]);
    }
    if (to > 0 && text[to - 1] != '\n') {
        text[to++] = '\n';
    }
    text[to] = '\0';
    *len = to;
}

char *ex_read_text(const char *path, int how, size_t *len) {
    static const char mark[] = "\xEF\xBB\xBF";
    const size_t mark_len = sizeof mark - 1;
    char *text = read_bytes(path, len);
    if (!(how & EX_BYTES)) {
        check_text(path, text, *len, how & EX_UTF8);
        if (*len >= mark_len && memcmp(text, mark, mark_len) == 0) {
            *len -= mark_len;
            memmove(text, text + mark_len, *len + 1);
        }
    }
    if (*len == 0) {
        ex_die("%s: there is no text in it", path);
    }
    if (how & EX_LINES) {
        ex_line_feeds(text, len);
    }
    return text;
}

/* ---- writing --------------------------------------------------------------------------------- */

static int same_file(const char *a, const char *b) {
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

void ex_keep_apart(const char *output, const char *const *inputs, int n) {
    for (int i = 0; output != NULL && i < n; i++) {
        if (inputs[i] != NULL && same_file(output, inputs[i])) {
            ex_die("%s would be written over, and it is what is read", inputs[i]);
        }
    }
}

void ex_try_output(const char *path) {
    struct stat info;
    char name[4096];
    const char *slash = strrchr(path, '/');
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
        ex_die("%s: is there, and is not a file that can be replaced", path);
    }
    int folder = slash == NULL ? 0 : (int)(slash - path) + 1;
    if (snprintf(name, sizeof name, "%.*s.try-XXXXXX", folder, path) >= (int)sizeof name) {
        ex_die("%s: the name is too long", path);
    }
    int descriptor = mkstemp(name); /* beside it, where the new file will be made */
    if (descriptor < 0) {
        ex_die("%s: nothing can be written there: %s", path, strerror(errno));
    }
    close(descriptor);
    unlink(name);
}
