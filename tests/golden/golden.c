/* SPDX-License-Identifier: MIT
 * Every *.safetensors file of the folder that TEKRAR_GOLDEN names, each a test of its own. Exit
 * status 77 if there is no such folder; a folder without such files is a failure. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/golden.h"

enum { SKIPPED = 77, MOST_FILES = 4096, PATH_LEN = 1024 };

static void test_file(void **state) {
    const char *path = *state;
    char why[TENSORS_TEXT];
    tensors_file file;
    if (!tensors_read(&file, path, why)) {
        fail_msg("%s: %s", path, why);
    }
    const char *task = golden_text(&file, "task", "");
    if (strcmp(task, "char-lm") == 0) {
        golden_check_training(&file);
    } else if (*task) {
        fail_msg("unknown task '%s'", task);
    } else {
        golden_check_cell(&file);
    }
    tensors_free(&file);
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

int main(void) {
    static char paths[MOST_FILES][PATH_LEN];
    static struct CMUnitTest tests[MOST_FILES];
    const char *folder = getenv("TEKRAR_GOLDEN");
    folder = folder && *folder ? folder : TEKRAR_GOLDEN_DEFAULT;
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
            .name = strrchr(paths[i], '/') + 1, .test_func = test_file, .initial_state = paths[i]};
    }
    return _cmocka_run_group_tests("golden", tests, (size_t)n, NULL, NULL) == 0 ? EXIT_SUCCESS
                                                                                : EXIT_FAILURE;
}
