/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "support/system.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static struct {
    int64_t calls, fail_at;
    int error;
} kinds[SYSTEM_KINDS];
static int64_t all_calls, kill_at = -1;

void system_reset(void) {
    memset(kinds, 0, sizeof kinds);
    for (int i = 0; i < SYSTEM_KINDS; i++) {
        kinds[i].fail_at = -1;
    }
    all_calls = 0;
    kill_at = -1;
}

void system_fail(int kind, int64_t k, int error) {
    kinds[kind].fail_at = kinds[kind].calls + k;
    kinds[kind].error = error;
}

void system_kill(int64_t k) {
    all_calls = 0;
    kill_at = k;
}

int64_t system_calls(int kind) {
    return kinds[kind].calls;
}

/* Counts a call; what is to go wrong with it, 0 for nothing. */
static int fate(int kind) {
    if (all_calls++ == kill_at) {
        raise(SIGKILL);
    }
    int error = kinds[kind].calls++ == kinds[kind].fail_at ? kinds[kind].error : 0;
    if (error > 0) {
        errno = error;
    }
    return error;
}

int open(const char *path, int flags, ...) {
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list arguments;
        va_start(arguments, flags);
        mode = (mode_t)va_arg(arguments, int);
        va_end(arguments);
    }
    return fate(SYSTEM_OPEN) > 0 ? -1 : openat(AT_FDCWD, path, flags, mode);
}

ssize_t read(int file, void *bytes, size_t len) {
    int error = fate(SYSTEM_READ);
    struct iovec piece = {bytes, error == SYSTEM_SHORT && len > 1 ? len / 2 : len};
    return error > 0 ? -1 : error == SYSTEM_NOTHING ? 0 : readv(file, &piece, 1);
}

ssize_t write(int file, const void *bytes, size_t len) {
    int error = fate(SYSTEM_WRITE);
    struct iovec piece = {(void *)(uintptr_t)bytes,
                          error == SYSTEM_SHORT && len > 1 ? len / 2 : len};
    return error > 0 ? -1 : error == SYSTEM_NOTHING ? 0 : writev(file, &piece, 1);
}

int fsync(int file) {
    return fate(SYSTEM_SYNC) > 0 ? -1 : fdatasync(file);
}

int close(int file) {
    int error = fate(SYSTEM_CLOSE);
    int result = (int)syscall(SYS_close, file);
    if (error > 0) {
        errno = error;
    }
    return error > 0 ? -1 : result;
}

int rename(const char *from, const char *to) {
    return fate(SYSTEM_RENAME) > 0 ? -1 : renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int unlink(const char *path) {
    int error = fate(SYSTEM_UNLINK);
    int result = unlinkat(AT_FDCWD, path, 0);
    if (error > 0) {
        errno = error;
    }
    return error > 0 ? -1 : result;
}

int fchown(int file, uid_t owner, gid_t group) {
    return fate(SYSTEM_OWNER) > 0 ? -1 : (int)syscall(SYS_fchown, file, owner, group);
}

int fchmod(int file, mode_t mode) {
    return fate(SYSTEM_MODE) > 0 ? -1 : (int)syscall(SYS_fchmod, file, mode);
}
