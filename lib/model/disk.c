/* SPDX-License-Identifier: MIT */
#include "model/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/utf8.h"

/* Linux moves no more than this at once; a longer call is cut, not refused. */
enum { MAX_TRANSFER = 1 << 30, MAX_ATTEMPTS = 1000, MAX_LINKS = 40 };

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
static int open_patiently(const char *path, int flags, mode_t mode) {
    for (;;) {
        int descriptor = open(path, flags | O_CLOEXEC, mode);
        if (descriptor >= 0 || errno != EINTR) {
            return descriptor;
        }
    }
}

int32_t tkri_disk_open(tkri_disk_reader *disk, const char *path, tkri_detail *detail) {
    struct stat info = {.st_mode = 0};
    int descriptor = open_patiently(path, O_RDONLY | O_NOCTTY, 0);
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

/* Put a name in the place of the target's last one, or of all of it if it begins at the root. */
static int replace_last(tkri_disk_names *names, const char *name, size_t len) {
    const char *slash = strrchr(names->target, '/');
    const size_t kept = name[0] == '/' || !slash ? 0 : (size_t)(slash - names->target) + 1;
    if (len >= sizeof names->target - kept) {
        return ENAMETOOLONG;
    }
    memcpy(names->target + kept, name, len);
    names->target[kept + len] = '\0';
    return 0;
}

/* Go where the path's symbolic links lead, whether or not something is there. */
static int follow_links(tkri_disk_names *names, const char *path) {
    int error = replace_last(names, path, strlen(path));
    for (int links = 0; !error && links <= MAX_LINKS; links++) {
        const ssize_t len = readlink(names->target, names->temporary, sizeof names->temporary);
        if (len < 0) {
            names->temporary[0] = '\0';
            return 0; /* no link; if it could not be seen, nor can what find_target() looks at */
        }
        error = replace_last(names, names->temporary, (size_t)len);
    }
    return error ? error : ELOOP;
}

/* Is the file that the system finds behind the links the one that we found? */
static int ends_at_target(const tkri_disk_writer *disk, const struct stat *old) {
    struct stat found = {.st_mode = 0};
    return strcmp(disk->path, disk->names->target) == 0 ||
           (lstat(disk->names->target, &found) == 0 && found.st_dev == old->st_dev &&
            found.st_ino == old->st_ino);
}

/* Find what is to be replaced: only a regular file, or a name that is free, never a device or a
 * folder. old->st_mode stays 0 if there is none. The system follows the links once more: it may
 * refuse some (another user's, in a folder that all can write to), and must end where we did. */
static int32_t find_target(tkri_disk_writer *disk, struct stat *old) {
    int error = follow_links(disk->names, disk->path);
    if (!error && stat(disk->path, old) != 0) {
        error = errno == ENOENT ? 0 : errno;
    } else if (!error && S_ISREG(old->st_mode) && !ends_at_target(disk, old)) {
        error = ENOENT;
    }
    if (error) {
        return tkri_disk_fail(disk->detail, "reach", disk->path, error);
    }
    REQUIRE(old->st_mode == 0 || S_ISREG(old->st_mode), disk->detail, TKR_ERR_IO,
            "cannot write a file in the place of something that is not a regular file");
    const char *slash = strrchr(disk->names->target, '/');
    const size_t len = slash ? (size_t)(slash - disk->names->target) + 1 : 2;
    memcpy(disk->names->folder, slash ? disk->names->target : "./", len);
    return TKR_OK;
}

/* A name that nobody has: the process and a count. */
static int create_temporary(tkri_disk_writer *disk, mode_t mode) {
    tkri_disk_names *names = disk->names;
    for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        (void)snprintf(names->temporary, sizeof names->temporary, "%s.tekrar-%ld-%d.tmp",
                       names->folder, (long)getpid(), attempt);
        disk->descriptor = open_patiently(names->temporary, O_WRONLY | O_CREAT | O_EXCL, mode);
        if (disk->descriptor >= 0) {
            return 0;
        }
        if (errno != EEXIST) {
            return errno;
        }
    }
    return EEXIST;
}

/* Give the new file, which only its owner may use so far, what the old one had. Where the group
 * cannot be kept, group and others may do what both could. A system that refuses leaves it as it
 * is. */
static void inherit(int descriptor, const struct stat *old) {
#ifdef __wasi__ /* has neither owners nor modes */
    (void)descriptor;
    (void)old;
#else
    mode_t mode = old->st_mode & 0777;
    if (fchown(descriptor, old->st_uid, old->st_gid) != 0 &&
        fchown(descriptor, (uid_t)-1, old->st_gid) != 0) {
        const mode_t both = mode >> 3 & mode & 07;
        mode = (mode & 0700) | both << 3 | both;
    }
    (void)fchmod(descriptor, mode);
#endif
}

int32_t tkri_disk_begin(tkri_disk_writer *disk, const char *path, const tkri_env *env,
                        tkri_detail *detail) {
    struct stat old = {.st_mode = 0};
    memset(disk, 0, sizeof *disk);
    disk->writer = (tkr_writer){sizeof disk->writer, disk_write, disk};
    disk->path = path;
    disk->env = env;
    disk->detail = detail;
    disk->descriptor = -1;
    disk->names = tkri_allocate(env, sizeof *disk->names);
    REQUIRE(disk->names, detail, TKR_ERR_MEMORY, "no memory for the names of the file");
    int32_t status = find_target(disk, &old);
    if (status == TKR_OK) {
        const int error = create_temporary(disk, old.st_mode ? old.st_mode & 0700 : 0666);
        if (error) {
            status = tkri_disk_fail(detail, "create a file in", disk->names->folder, error);
            disk->names->temporary[0] = '\0';
        }
    }
    if (status != TKR_OK) {
        tkri_disk_abandon(disk);
        return status;
    }
    if (old.st_mode) {
        inherit(disk->descriptor, &old);
    }
    return TKR_OK;
}

/* What file systems and sandboxes answer that have no such call: nothing went wrong. */
static int is_refusal(int error) {
    return error == EINVAL || error == ENOTSUP || error == EOPNOTSUPP || error == ENOSYS ||
           error == EROFS;
}

/* To open or sync a folder may be refused in more ways. */
static int is_folder_refusal(int error) {
    return is_refusal(error) || error == EACCES || error == EPERM || error == EBADF ||
           error == EISDIR;
}

/* Bytes to the disk, then the name, then the folder (-1: it cannot be opened). Returns what failed,
 * in words, or NULL. */
static const char *finish(tkri_disk_writer *disk, int folder, int *error) {
    *error = sync_patiently(disk->descriptor);
    int closed = close(disk->descriptor);
    disk->descriptor = -1;
    if (*error && !is_refusal(*error)) {
        return "sync";
    }
    if (closed != 0 && errno != EINTR) {
        *error = errno;
        return "close";
    }
    if (rename(disk->names->temporary, disk->names->target) != 0) {
        *error = errno;
        return "rename a temporary file to";
    }
    disk->names->temporary[0] = '\0';
    *error = folder >= 0 ? sync_patiently(folder) : 0;
    return *error && !is_folder_refusal(*error) ? "sync the folder of the new file" : NULL;
}

int32_t tkri_disk_commit(tkri_disk_writer *disk) {
    int32_t status = TKR_OK;
    int folder = open_patiently(disk->names->folder, O_RDONLY | O_DIRECTORY, 0);
    int error = folder < 0 ? errno : 0;
    const char *failed =
        error && !is_folder_refusal(error) ? "open the folder of" : finish(disk, folder, &error);
    if (folder >= 0) {
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
    if (disk->names->temporary[0]) {
        (void)unlink(disk->names->temporary);
    }
    tkri_release(disk->env, disk->names, sizeof *disk->names);
}
