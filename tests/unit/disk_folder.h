/* SPDX-License-Identifier: MIT
 * A folder of its own for every test of saving to a path, and the file that is saved there. */
#ifndef TESTS_UNIT_DISK_FOLDER_H
#define TESTS_UNIT_DISK_FOLDER_H

#include "core/env.h"
#include "support/heap.h"

enum { FOLDER_LEN = 1000 };

typedef struct folder {
    char folder[64], path[100];
    heap heap;
    tkr_env from;
    tkri_env env;
    tkri_detail detail;
    int descriptors; /* open at the start */
} folder;

void folder_begin(folder *f);

/* Fails the test if memory or descriptors are left; removes the folder and what is in it. */
void folder_end(folder *f);

/* The number of names in the folder. */
int folder_names(const folder *f);

/* Remove all files and links in it. */
void folder_clear(const folder *f);

/* Save two tensors [FOLDER_LEN] whose every number is `value` to f->path. */
int32_t folder_save(folder *f, float value);

/* The value of all numbers of the file; -1 if there is no file. Anything else fails the test. */
float folder_load(folder *f);

#endif
