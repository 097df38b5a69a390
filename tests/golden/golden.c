/* SPDX-License-Identifier: MIT
 * Every *.safetensors file of the folder that TEKRAR_GOLDEN names, each a test of its own. Exit
 * status 77 if there is no such folder; a folder without such files is a failure. */
#include <stdlib.h>
#include <string.h>

#include "golden/golden.h"

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

int main(void) {
    const char *folder = getenv("TEKRAR_GOLDEN");
    return golden_run("golden", folder && *folder ? folder : TEKRAR_GOLDEN_DEFAULT, test_file);
}
