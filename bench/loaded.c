/* SPDX-License-Identifier: MIT */
#include "loaded.h"

#include <stdio.h>
#include <string.h>

#include <tekrar/tekrar.h>

/* The last part of a path, with the folder before it where that is a BLAS' own. */
static const char *short_name(const char *path) {
    const char *base = strrchr(path, '/'), *folder = base;
    while (folder && folder > path && folder[-1] != '/') {
        folder--;
    }
    return folder && strstr(folder, "blas") && strstr(folder, "blas") < base ? folder : base + 1;
}

void loaded_blas(char *text, size_t len) {
    char line[512], found[128] = "";
    FILE *maps = strcmp(tkr_blas_text(), "none") ? fopen("/proc/self/maps", "r") : NULL;
    while (maps && fgets(line, sizeof line, maps)) {
        char *path = strchr(line, '/');
        line[strcspn(line, "\n")] = 0;
        if (path && (strstr(path, "blas") || strstr(path, "blis")) &&
            strlen(short_name(path)) >= strlen(found)) {
            snprintf(found, sizeof found, "%.127s", short_name(path));
        }
    }
    if (maps) {
        fclose(maps);
    }
    snprintf(text, len, found[0] ? "%s (%s)" : "%s", tkr_blas_text(), found);
}
