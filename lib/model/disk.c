/* SPDX-License-Identifier: MIT */
#include "model/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/check.h"
#include "core/utf8.h"

/* Linux moves no more than this at once; a longer call is cut, not refused. */
enum { MAX_TRANSFER = 1 << 30, MAX_ATTEMPTS = 1000, TEMPORARY_LEN = 64 };

int32_t tkri_disk_fail(tkri_detail *detail, const char *what, const char *path, int error) {
    char text[80], shown[120];
    if (strerror_r(error, text, sizeof text) != 0) {
        (void)snprintf(text, sizeof text, "error %d", error);
    }
    return tkri_fail(detail, TKR_ERR_IO, "cannot %s '%s': %s", what,
                     tkri_utf8_show(shown, sizeof shown, path, strlen(path)), text);
}

int32_t tkri_disk_blame(tkri_detail *detail, const char *path, int32_t status) {
    char shown[120], quoted[124];
    const tkri_detail why = *detail;
    if (status >= 0 || !path) {
        return status;
    }
    (void)snprintf(quoted, sizeof quoted, "'%s'",
                   tkri_utf8_show(shown, sizeof shown, path, strlen(path)));
    return strstr(why.text, quoted) ? status
                                    : tkri_fail(detail, status, "%s: %s", quoted, why.text);
}

static int32_t disk_read(void *user, void *bytes, uint64_t len, uint64_t *got) {
    tkri_disk_reader *disk = user;
    size_t wanted = len < MAX_TRANSFER ? (size_t)len : MAX_TRANSFER;
    for (;;) {
        ssize_t n = read(disk->descriptor, bytes, wanted);
        if (n >= 0) {
            *got = (uint64_t)n;
            return 0;
        }
        if (errno != EINTR) {
            disk->error = errno;
            return errno;
        }
    }
}

/* open() that a signal does not stop. */
static int open_patiently(const char *path, int flags) {
    for (;;) {
        int descriptor = open(path, flags | O_CLOEXEC, 0666);
        if (descriptor >= 0 || errno != EINTR) {
            return descriptor;
        }
    }
}

int32_t tkri_disk_open(tkri_disk_reader *disk, const char *path, tkri_detail *detail) {
    struct stat info = {.st_mode = 0};
    int descriptor = open_patiently(path, O_RDONLY | O_NOCTTY);
    if (descriptor < 0) {
        return tkri_disk_fail(detail, "open", path, errno);
    }
    *disk = (tkri_disk_reader){{sizeof(tkr_reader), disk_read, disk}, descriptor, UINT64_MAX, 0};
    (void)fstat(descriptor, &info);
    if (S_ISREG(info.st_mode)) {
        disk->bytes = (uint64_t)info.st_size;
    }
    return TKR_OK;
}

void tkri_disk_close(tkri_disk_reader *disk) {
    (void)close(disk->descriptor);
}

static int32_t disk_write(void *user, const void *bytes, uint64_t len) {
    const tkri_disk_writer *disk = user;
    const char *from = bytes;
    while (len > 0) {
        ssize_t n = write(disk->descriptor, from, len < MAX_TRANSFER ? (size_t)len : MAX_TRANSFER);
        if (n > 0) {
            from += n;
            len -= (uint64_t)n;
        } else if (n == 0) {
            return EIO;
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

static int sync_patiently(int descriptor) {
    while (fsync(descriptor) != 0) {
        if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

/* Split the path: its folder, and room for a temporary name in it. */
static int32_t name_folder(tkri_disk_writer *disk) {
    const char *slash = strrchr(disk->path, '/');
    uint64_t len = slash ? (uint64_t)(slash - disk->path) + 1 : 2;
    disk->block_bytes = tkri_add(tkri_mul(len, 2), TEMPORARY_LEN + 2);
    disk->folder = tkri_allocate(disk->env, disk->block_bytes);
    REQUIRE(disk->folder, disk->detail, TKR_ERR_MEMORY, "no memory for the name of the folder");
    memcpy(disk->folder, slash ? disk->path : "./", (size_t)len);
    disk->temporary = disk->folder + len + 1;
    return TKR_OK;
}

/* A name that nobody has: the process and a count. */
static int create_temporary(tkri_disk_writer *disk) {
    for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        (void)snprintf(disk->temporary, strlen(disk->folder) + TEMPORARY_LEN,
                       "%s.tekrar-%ld-%d.tmp", disk->folder, (long)getpid(), attempt);
        disk->descriptor = open_patiently(disk->temporary, O_WRONLY | O_CREAT | O_EXCL);
        if (disk->descriptor >= 0) {
            return 0;
        }
        if (errno != EEXIST) {
            return errno;
        }
    }
    return EEXIST;
}

/* Only a regular file, or a name that is free, may be replaced: never a device or a folder. */
static int32_t check_target(const char *path, tkri_detail *detail) {
    struct stat info;
    if (stat(path, &info) == 0) {
        REQUIRE(S_ISREG(info.st_mode), detail, TKR_ERR_IO,
                "cannot write a file in the place of something that is not a regular file");
    }
    return TKR_OK;
}

int32_t tkri_disk_begin(tkri_disk_writer *disk, const char *path, const tkri_env *env,
                        tkri_detail *detail) {
    memset(disk, 0, sizeof *disk);
    disk->writer = (tkr_writer){sizeof disk->writer, disk_write, disk};
    disk->path = path;
    disk->env = env;
    disk->detail = detail;
    TRY(check_target(path, detail));
    TRY(name_folder(disk));
    int error = create_temporary(disk);
    if (error) {
        int32_t status = tkri_disk_fail(detail, "create a file in", disk->folder, error);
        tkri_release(env, disk->folder, disk->block_bytes);
        return status;
    }
    return TKR_OK;
}

/* Bytes to the disk, then the name, then the folder. Returns what failed, in words, or NULL. */
static const char *finish(tkri_disk_writer *disk, int folder, int *error) {
    *error = sync_patiently(disk->descriptor);
    int closed = close(disk->descriptor);
    disk->descriptor = -1;
    if (*error) {
        return "sync";
    }
    if (closed != 0 && errno != EINTR) {
        *error = errno;
        return "close";
    }
    if (rename(disk->temporary, disk->path) != 0) {
        *error = errno;
        return "rename a temporary file to";
    }
    disk->temporary[0] = '\0';
    *error = sync_patiently(folder);
    return *error && *error != EINVAL ? "sync the folder of the new file" : NULL;
}

int32_t tkri_disk_commit(tkri_disk_writer *disk) {
    int32_t status = TKR_OK;
    int error, folder = open_patiently(disk->folder, O_RDONLY | O_DIRECTORY);
    const char *failed = "open the folder of";
    if (folder < 0) {
        error = errno;
    } else {
        failed = finish(disk, folder, &error);
        (void)close(folder);
    }
    if (failed) {
        status = tkri_disk_fail(disk->detail, failed, disk->path, error);
    }
    tkri_disk_abandon(disk);
    return status;
}

void tkri_disk_abandon(tkri_disk_writer *disk) {
    if (disk->descriptor >= 0) {
        (void)close(disk->descriptor);
    }
    if (disk->temporary[0]) {
        (void)unlink(disk->temporary);
    }
    tkri_release(disk->env, disk->folder, disk->block_bytes);
}
