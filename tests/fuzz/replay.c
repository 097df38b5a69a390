/* SPDX-License-Identifier: MIT
 * Runs a fuzz target on every file of a folder, in order of name: what was once found stays found.
 *
 * usage: <target>_replay FOLDER... */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int replay(const char *folder) {
    struct dirent **found;
    int names = scandir(folder, &found, NULL, alphasort), n = 0;
    for (int i = 0; i < names; i++) {
        char path[1024];
        stream bytes;
        stream_init(&bytes);
        snprintf(path, sizeof path, "%s/%s", folder, found[i]->d_name);
        if (found[i]->d_name[0] != '.' && stream_load(&bytes, path)) {
            printf("%s, %llu bytes\n", path, (unsigned long long)bytes.len);
            fflush(stdout);
            LLVMFuzzerTestOneInput(bytes.bytes, bytes.len);
            n++;
        }
        stream_fini(&bytes);
        free(found[i]);
    }
    if (names >= 0) {
        free(found);
    }
    return n;
}

int main(int argc, char **argv) {
    int n = 0;
    for (int i = 1; i < argc; i++) {
        int files = replay(argv[i]);
        if (files == 0) {
            fprintf(stderr, "%s: no corpus\n", argv[i]);
            return EXIT_FAILURE;
        }
        n += files;
    }
    printf("%d files\n", n);
    return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
