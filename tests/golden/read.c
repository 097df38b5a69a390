/* SPDX-License-Identifier: MIT
 * What the notes and tensors of a golden file say. */
#include <stdlib.h>
#include <string.h>

#include "golden/golden.h"

int64_t golden_whole(tensors_file *file, const char *key, int64_t standard) {
    const char *text = tensors_note_text(file, key);
    char *end;
    if (!text) {
        return standard;
    }
    long long value = strtoll(text, &end, 10);
    if (end == text || *end) {
        fail_msg("the note %s = '%s' is no whole number", key, text);
    }
    return value;
}

double golden_real(tensors_file *file, const char *key, double standard) {
    const char *text = tensors_note_text(file, key);
    char *end;
    if (!text) {
        return standard;
    }
    double value = strtod(text, &end);
    if (end == text || *end) {
        fail_msg("the note %s = '%s' is no number", key, text);
    }
    return value;
}

const char *golden_text(tensors_file *file, const char *key, const char *standard) {
    const char *text = tensors_note_text(file, key);
    return text && *text ? text : standard;
}

int32_t golden_kind(tensors_file *file) {
    const char *cell = golden_text(file, "cell", "");
    const char *names[] = {"rnn", "lstm", "gru"};
    for (int32_t i = 0; i < 3; i++) {
        if (strcmp(cell, names[i]) == 0) {
            return TKR_ELMAN + i;
        }
    }
    fail_msg("unknown cell '%s'", cell);
    return 0;
}

const double *golden_values(tensors_file *file, const char *name, int64_t len) {
    const tensors_entry *entry = tensors_find(file, name);
    if (!entry || entry->len != len) {
        fail_msg("the tensor %s is missing or has not %lld numbers", name, (long long)len);
    }
    return entry->values;
}

void golden_all_used(const tensors_file *file) {
    for (int64_t i = 0; i < file->n_entries; i++) {
        if (!file->entries[i].used) {
            fail_msg("the tensor %s was not understood", file->entries[i].name);
        }
    }
    for (int64_t i = 0; i < file->n_notes; i++) {
        if (!file->notes[i].used) {
            fail_msg("the note %s was not understood", file->notes[i].key);
        }
    }
}
