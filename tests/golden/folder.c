/* SPDX-License-Identifier: MIT
 * How the golden tests look at a file, and run one test for each file of a folder. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/golden.h"

enum { SKIPPED = 77, MOST_FILES = 4096, PATH_LEN = 1024 };

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

static bool is_golden(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot && strcmp(dot, ".safetensors") == 0;
}

/* The paths of all golden files in `folder`, sorted; -1 if there is no such folder. */
static int list_files(const char *folder, char (*paths)[PATH_LEN]) {
    struct dirent **found;
    int n = scandir(folder, &found, NULL, alphasort), kept = 0;
    for (int i = 0; i < n; i++) {
        if (is_golden(found[i]->d_name) && kept < MOST_FILES) {
            snprintf(paths[kept++], PATH_LEN, "%s/%s", folder, found[i]->d_name);
        }
        free(found[i]);
    }
    if (n >= 0) {
        free(found);
    }
    return n < 0 && errno == ENOENT ? -1 : kept;
}

int golden_run(const char *group, const char *folder, void (*test)(void **path)) {
    static char paths[MOST_FILES][PATH_LEN];
    static struct CMUnitTest tests[MOST_FILES];
    int n = list_files(folder, paths);
    if (n < 0) {
        printf("skipped: there is no folder %s\n", folder);
        return SKIPPED;
    }
    if (n == 0) {
        fprintf(stderr, "no golden file in %s\n", folder);
        return EXIT_FAILURE;
    }
    for (int i = 0; i < n; i++) {
        tests[i] = (struct CMUnitTest){
            .name = strrchr(paths[i], '/') + 1, .test_func = test, .initial_state = paths[i]};
    }
    return _cmocka_run_group_tests(group, tests, (size_t)n, NULL, NULL) == 0 ? EXIT_SUCCESS
                                                                             : EXIT_FAILURE;
}
