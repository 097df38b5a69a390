/* SPDX-License-Identifier: MIT
 * Files on disk, as a reader and a writer of the public kind. Their functions return 0, or the
 * system's error number. */
#ifndef TKRI_MODEL_DISK_H
#define TKRI_MODEL_DISK_H

#include "core/env.h"

/* A file open for reading. */
typedef struct tkri_disk_reader {
    tkr_reader reader;
    int descriptor;
    uint64_t bytes; /* its size, if it has one: UINT64_MAX for a pipe or a device */
    int error;      /* what a read failed with, or 0 */
} tkri_disk_reader;

/* Open and close; `disk` must not move in between. */
int32_t tkri_disk_open(tkri_disk_reader *disk, const char *path, tkri_detail *detail);
void tkri_disk_close(tkri_disk_reader *disk);

/* What a save of a path works with: names longer than these the system does not take. */
enum { TKRI_DISK_PATH_LEN = 4096, TKRI_DISK_TEMPORARY_LEN = 64 };
typedef struct tkri_disk_names {
    char target[TKRI_DISK_PATH_LEN]; /* where the path's symbolic links lead */
    char folder[TKRI_DISK_PATH_LEN]; /* the target's, with its slash */
    char temporary[TKRI_DISK_PATH_LEN +
                   TKRI_DISK_TEMPORARY_LEN]; /* in the folder; "" when there is none */
} tkri_disk_names;

/* A file on its way to a path: written under a temporary name beside the file that it replaces. */
typedef struct tkri_disk_writer {
    tkr_writer writer;
    const char *path; /* as the caller says it, for texts */
    const tkri_env *env;
    tkri_detail *detail;
    tkri_disk_names *names;
    int descriptor;
} tkri_disk_writer;

/* Begin; then write; then either commit, which makes the file appear in place of any older one, or
 * abandon. Symbolic links are followed. The file has the older one's mode, and its owner and group
 * where the system lets us give them, from before its first byte. A commit that fails abandons by
 * itself: the temporary is gone and the older file stays, unless the only thing that failed was the
 * last one, to make the folder's entry durable. */
int32_t tkri_disk_begin(tkri_disk_writer *disk, const char *path, const tkri_env *env,
                        tkri_detail *detail);
int32_t tkri_disk_commit(tkri_disk_writer *disk);
void tkri_disk_abandon(tkri_disk_writer *disk);

/* The failure of a system call on a path: "cannot write 'path': No space left on device". */
int32_t tkri_disk_fail(tkri_detail *detail, const char *what, const char *path, int error);

/* Forward a status; if it is a failure, put the path in front of its text, unless it is there. A
 * reader has no path: NULL. */
int32_t tkri_disk_blame(tkri_detail *detail, const char *path, int32_t status);

#endif
