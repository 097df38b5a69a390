/* SPDX-License-Identifier: MIT */
#include "unit/disk_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/safetensors.h"
#include "support/support.h"
#include "support/system.h"

static int open_descriptors(void) {
    int n = 0;
    for (int descriptor = 0; descriptor < 256; descriptor++) {
        n += fcntl(descriptor, F_GETFD) >= 0;
    }
    return n;
}

void folder_begin(folder *f) {
    memset(f, 0, sizeof *f);
    system_reset();
    strcpy(f->folder, "/tmp/tekrar-disk-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/cell.safetensors", f->folder);
    heap_init(&f->heap, &f->from);
    assert_ok(tkri_env_read(&f->env, &f->from));
    f->descriptors = open_descriptors();
    system_reset();
}

int folder_names(const folder *f) {
    int n = 0;
    DIR *listing = opendir(f->folder);
    assert_non_null(listing);
    for (struct dirent *e = readdir(listing); e; e = readdir(listing)) {
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    }
    closedir(listing);
    return n;
}

void folder_clear(const folder *f) {
    char path[400];
    DIR *listing = opendir(f->folder);
    assert_non_null(listing);
    for (struct dirent *e = readdir(listing); e; e = readdir(listing)) {
        snprintf(path, sizeof path, "%s/%s", f->folder, e->d_name);
        (void)unlinkat(AT_FDCWD, path, 0);
    }
    closedir(listing);
}

void folder_end(folder *f) {
    assert_true(heap_is_clean(&f->heap));
    system_reset();
    assert_int_equal(open_descriptors(), f->descriptors);
    folder_clear(f);
    assert_int_equal(rmdir(f->folder), 0);
}

static int32_t fetch(void *user, int32_t index, void *elements, uint64_t bytes) {
    const float *value = user;
    (void)index;
    for (uint64_t i = 0; i < bytes / sizeof *value; i++) {
        ((float *)elements)[i] = *value;
    }
    return TKR_OK;
}

int32_t folder_save(folder *f, float value) {
    const tkri_entry entry[] = {{"a", TKRI_F32, 1, {FOLDER_LEN}}, {"b", TKRI_F32, 1, {FOLDER_LEN}}};
    const tkri_content content = {entry, 2, NULL, 0, fetch, &value};
    f->detail.text[0] = '\0';
    return tkri_file_write_path(&content, f->path, &f->env, &f->detail);
}

float folder_load(folder *f) {
    tkri_file file;
    float a[FOLDER_LEN], b[FOLDER_LEN];
    system_reset();
    if (access(f->path, F_OK) != 0) {
        return -1;
    }
    assert_ok(tkri_file_from_path(&file, f->path, &f->env, &f->detail));
    assert_ok(tkri_file_floats(&file, &file.header.tensor[0], a));
    assert_ok(tkri_file_floats(&file, &file.header.tensor[1], b));
    for (int i = 0; i < FOLDER_LEN; i++) {
        assert_true(a[i] == a[0] && b[i] == a[0]);
    }
    tkri_file_fini(&file);
    return a[0];
}
