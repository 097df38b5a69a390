/* SPDX-License-Identifier: MIT
 * A small safetensors reader for the tests: all numbers as double. Independent of the library's
 * own reader, and trusting: it reads the project's own files only. */
#ifndef TESTS_TENSORS_H
#define TESTS_TENSORS_H

#include <stdbool.h>
#include <stdint.h>

enum { TENSORS_RANK = 4, TENSORS_TEXT = 128 };

typedef struct tensors_entry {
    char name[TENSORS_TEXT];
    char type[8]; /* "F32", "F64", "I32", "I64" */
    int rank;
    int64_t shape[TENSORS_RANK], len;
    double *values;
    bool used; /* a test marks what it has looked at */
} tensors_entry;

typedef struct tensors_note {
    char key[TENSORS_TEXT], text[TENSORS_TEXT];
    bool used;
} tensors_note;

typedef struct tensors_file {
    tensors_entry *entries;
    int64_t n_entries;
    tensors_note *notes;
    int64_t n_notes;
} tensors_file;

/* Read a file. False, with the reason in `why` [TENSORS_TEXT], if it cannot be. */
bool tensors_read(tensors_file *file, const char *path, char *why);
void tensors_free(tensors_file *file);

/* A tensor or a note by name, marked as used; NULL if there is none. */
tensors_entry *tensors_find(tensors_file *file, const char *name);
const char *tensors_note_text(tensors_file *file, const char *key);

#endif
