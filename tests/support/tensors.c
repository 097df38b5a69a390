/* SPDX-License-Identifier: MIT */
#include "tensors.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A place in the header's JSON text, and the first thing that was wrong with it. */
typedef struct cursor {
    const char *at, *end, *wrong;
} cursor;

static bool refuse(cursor *c, const char *wrong) {
    c->wrong = c->wrong ? c->wrong : wrong;
    return false;
}

static void skip_space(cursor *c) {
    while (c->at < c->end && isspace((unsigned char)*c->at)) {
        c->at++;
    }
}

/* Is `mark` next? Then pass it. */
static bool passes(cursor *c, char mark) {
    skip_space(c);
    if (c->at < c->end && *c->at == mark) {
        c->at++;
        return true;
    }
    return false;
}

static bool expect(cursor *c, char mark, const char *wrong) {
    return passes(c, mark) || refuse(c, wrong);
}

/* A string without escapes, into text [TENSORS_TEXT]. */
static bool read_text(cursor *c, char *text) {
    if (!expect(c, '"', "a string was expected")) {
        return false;
    }
    size_t n = 0;
    while (c->at < c->end && *c->at != '"') {
        if (*c->at == '\\' || n + 1 >= TENSORS_TEXT) {
            return refuse(c, "an escape, or a text that is too long");
        }
        text[n++] = *c->at++;
    }
    text[n] = '\0';
    return expect(c, '"', "a string without an end");
}

/* A list of at most `most` whole numbers. */
static bool read_numbers(cursor *c, int64_t *numbers, int most, int *n) {
    *n = 0;
    if (!expect(c, '[', "a list was expected")) {
        return false;
    }
    while (!passes(c, ']')) {
        if (*n >= most || (*n > 0 && !expect(c, ',', "a comma was expected"))) {
            return refuse(c, "a list that is too long");
        }
        skip_space(c);
        if (c->at >= c->end || !isdigit((unsigned char)*c->at)) {
            return refuse(c, "a number was expected");
        }
        int64_t value = 0;
        while (c->at < c->end && isdigit((unsigned char)*c->at)) {
            value = value * 10 + (*c->at++ - '0');
        }
        numbers[(*n)++] = value;
    }
    return true;
}

/* {"dtype": ..., "shape": ..., "data_offsets": ...}; the offsets go to offsets [2]. */
static bool read_description(cursor *c, tensors_entry *e, int64_t *offsets) {
    char key[TENSORS_TEXT], type[TENSORS_TEXT] = "";
    int found = 0, n;
    if (!expect(c, '{', "a description was expected")) {
        return false;
    }
    do {
        bool read = read_text(c, key) && expect(c, ':', "a colon was expected");
        if (read && strcmp(key, "dtype") == 0) {
            read = read_text(c, type);
        } else if (read && strcmp(key, "shape") == 0) {
            read = read_numbers(c, e->shape, TENSORS_RANK, &e->rank);
        } else if (read && strcmp(key, "data_offsets") == 0) {
            read = read_numbers(c, offsets, 2, &n) && (n == 2 || refuse(c, "two offsets"));
        } else if (read) {
            return refuse(c, "an unknown key of a tensor");
        }
        if (!read) {
            return false;
        }
        found++;
    } while (passes(c, ','));
    snprintf(e->type, sizeof e->type, "%.7s", type);
    return expect(c, '}', "a brace was expected") && (found == 3 || refuse(c, "three keys"));
}

static bool read_notes(cursor *c, tensors_file *file) {
    if (!expect(c, '{', "an object was expected")) {
        return false;
    }
    while (!passes(c, '}')) {
        size_t n = (size_t)file->n_notes;
        file->notes = realloc(file->notes, (n + 1) * sizeof *file->notes);
        memset(&file->notes[n], 0, sizeof *file->notes);
        if ((n > 0 && !expect(c, ',', "a comma was expected")) ||
            !read_text(c, file->notes[n].key) || !expect(c, ':', "a colon was expected") ||
            !read_text(c, file->notes[n].text)) {
            return false;
        }
        file->n_notes++;
    }
    return true;
}

static uint64_t little_endian(const unsigned char *bytes, int n) {
    uint64_t value = 0;
    for (int i = 0; i < n; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

static double number_at(const unsigned char *bytes, const char *type) {
    uint64_t word = little_endian(bytes, type[1] == '6' ? 8 : 4);
    uint32_t half = (uint32_t)word;
    float single;
    double wide;
    if (strcmp(type, "F32") == 0) {
        memcpy(&single, &half, sizeof single);
        return (double)single;
    }
    if (strcmp(type, "F64") == 0) {
        memcpy(&wide, &word, sizeof wide);
        return wide;
    }
    return type[1] == '6' ? (double)(int64_t)word : (double)(int32_t)half;
}

static bool take_values(cursor *c, tensors_entry *e, const int64_t *offsets,
                        const unsigned char *data, int64_t bytes) {
    const char *types[] = {"F32", "F64", "I32", "I64"};
    int known = 0;
    for (int i = 0; i < 4; i++) {
        known += strcmp(e->type, types[i]) == 0;
    }
    e->len = 1;
    for (int i = 0; i < e->rank; i++) {
        e->len *= e->shape[i];
    }
    int64_t size = e->type[1] == '6' ? 8 : 4;
    if (!known || offsets[1] > bytes || offsets[1] - offsets[0] != e->len * size) {
        return refuse(c, "a type, a shape or offsets that do not fit");
    }
    e->values = calloc((size_t)e->len + 1, sizeof *e->values);
    for (int64_t i = 0; i < e->len; i++) {
        e->values[i] = number_at(data + offsets[0] + i * size, e->type);
    }
    return true;
}

static bool read_header(cursor *c, tensors_file *file, const unsigned char *data, int64_t bytes) {
    if (!expect(c, '{', "the header is no object")) {
        return false;
    }
    for (bool first = true; !passes(c, '}'); first = false) {
        tensors_entry e = {0};
        int64_t offsets[2] = {0};
        if ((!first && !expect(c, ',', "a comma was expected")) || !read_text(c, e.name) ||
            !expect(c, ':', "a colon was expected")) {
            return false;
        }
        if (strcmp(e.name, "__metadata__") == 0) {
            if (!read_notes(c, file)) {
                return false;
            }
            continue;
        }
        if (!read_description(c, &e, offsets) || !take_values(c, &e, offsets, data, bytes)) {
            return false;
        }
        size_t n = (size_t)file->n_entries++;
        file->entries = realloc(file->entries, (n + 1) * sizeof *file->entries);
        file->entries[n] = e;
    }
    return true;
}

/* The whole file in one block; NULL if it cannot be read. */
static unsigned char *slurp(const char *path, int64_t *len) {
    FILE *in = fopen(path, "rb");
    unsigned char *bytes = NULL;
    if (in && fseek(in, 0, SEEK_END) == 0 && (*len = ftell(in)) >= 8) {
        rewind(in);
        bytes = malloc((size_t)*len);
        if (bytes && fread(bytes, 1, (size_t)*len, in) != (size_t)*len) {
            free(bytes);
            bytes = NULL;
        }
    }
    if (in) {
        fclose(in);
    }
    return bytes;
}

bool tensors_read(tensors_file *file, const char *path, char *why) {
    int64_t len = 0;
    unsigned char *bytes = slurp(path, &len);
    memset(file, 0, sizeof *file);
    if (!bytes) {
        snprintf(why, TENSORS_TEXT, "cannot be read");
        return false;
    }
    uint64_t header = little_endian(bytes, 8);
    bool fits = header <= (uint64_t)len - 8;
    const char *text = (const char *)bytes + 8;
    cursor c = {text, text + (fits ? header : 0), fits ? NULL : "a header longer than the file"};
    bool read = fits && read_header(&c, file, bytes + 8 + header, len - 8 - (int64_t)header);
    if (!read) {
        snprintf(why, TENSORS_TEXT, "%s", c.wrong);
        tensors_free(file);
    }
    free(bytes);
    return read;
}

void tensors_free(tensors_file *file) {
    for (int64_t i = 0; i < file->n_entries; i++) {
        free(file->entries[i].values);
    }
    free(file->entries);
    free(file->notes);
    memset(file, 0, sizeof *file);
}

tensors_entry *tensors_find(tensors_file *file, const char *name) {
    for (int64_t i = 0; i < file->n_entries; i++) {
        if (strcmp(file->entries[i].name, name) == 0) {
            file->entries[i].used = true;
            return &file->entries[i];
        }
    }
    return NULL;
}

const char *tensors_note_text(tensors_file *file, const char *key) {
    for (int64_t i = 0; i < file->n_notes; i++) {
        if (strcmp(file->notes[i].key, key) == 0) {
            file->notes[i].used = true;
            return file->notes[i].text;
        }
    }
    return NULL;
}
