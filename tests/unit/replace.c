/* SPDX-License-Identifier: MIT
 * What a save replaces: its mode and owner, and where symbolic links lead. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model/disk.h"
#include "model/safetensors.h"
#include "support/support.h"
#include "support/system.h"
#include "support/world.h"
#include "unit/disk_folder.h"

/* Mode bits of a file. */
static mode_t mode_of(const char *path) {
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

/* A file keeps its mode when it is replaced, whatever the umask; set-id bits are for programs. */
static void test_mode_is_kept(void **unused) {
    (void)unused;
    static const mode_t modes[] = {0600, 0644, 0640, 0666, 0444, 0400, 0755, 0604, 0000};
    folder f;
    folder_begin(&f);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        const mode_t before = umask(i % 2 ? 0077 : 0022);
        assert_int_equal(unlink(f.path), i == 0 ? -1 : 0);
        assert_ok(folder_save(&f, 1));
        assert_int_equal(chmod(f.path, modes[i]), 0);
        assert_ok(folder_save(&f, 2));
        umask(before);
        assert_int_equal(mode_of(f.path), modes[i]);
    }
    assert_int_equal(chmod(f.path, 06755), 0);
    assert_ok(folder_save(&f, 3));
    assert_int_equal(mode_of(f.path), 0755);
    folder_end(&f);
}

/* A save by somebody who may not give files away: the new file is his, of his group, and its mode
 * lets nobody do what he could not before. */
static int32_t save_as_nobody(folder *f) {
    enum { NOBODY = 65534 };
    fflush(NULL);
    const pid_t child = fork();
    int status = 0;
    assert_true(child >= 0);
    if (child == 0) {
        const int lowered = setgid(NOBODY) == 0 && setuid(NOBODY) == 0;
        _exit(!lowered || folder_save(f, 2) != TKR_OK);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? TKR_OK : TKR_ERR_IO;
}

static void test_group_that_cannot_be_kept(void **unused) {
    (void)unused;
    static const mode_t rows[][2] = {
        {0664, 0644}, {0660, 0600}, {0640, 0600}, {0604, 0600}, {0644, 0644}, {0666, 0666},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        folder f;
        folder_begin(&f);
        assert_ok(folder_save(&f, 1));
        if (chown(f.path, (uid_t)-1, getegid() + 1) != 0) {
            folder_end(&f);
            skip();
        }
        assert_int_equal(chmod(f.path, rows[i][0]), 0);
        assert_int_equal(chmod(f.folder, 0777), 0);
        assert_ok(save_as_nobody(&f));
        assert_int_equal(mode_of(f.path), rows[i][1]);
        assert_true(folder_load(&f) == 2);
        folder_end(&f);
    }
}

/* Who may write to a folder may save in it, even if he may not open it to sync it. */
static void test_folder_that_cannot_be_opened(void **unused) {
    (void)unused;
    folder f;
    folder_begin(&f);
    if (geteuid() != 0) {
        folder_end(&f);
        skip();
    }
    assert_int_equal(chmod(f.folder, 0733), 0);
    assert_ok(save_as_nobody(&f));
    assert_true(folder_load(&f) == 2);
    folder_end(&f);
}

/* Where no mode can be set, the file is its owner's alone. */
static void test_mode_that_cannot_be_kept(void **unused) {
    (void)unused;
    folder f;
    folder_begin(&f);
    assert_ok(folder_save(&f, 1));
    assert_int_equal(chmod(f.path, 0664), 0);
    system_fail(SYSTEM_MODE, 0, EPERM);
    assert_ok(folder_save(&f, 2));
    assert_int_equal(mode_of(f.path), 0600);
    folder_end(&f);
}

/* Owner and group are kept by whoever may give files away. */
static void test_owner_is_kept(void **unused) {
    (void)unused;
    folder f;
    struct stat info;
    folder_begin(&f);
    assert_ok(folder_save(&f, 1));
    if (chown(f.path, 12345, 23456) != 0) {
        folder_end(&f);
        skip();
    }
    assert_int_equal(chmod(f.path, 0640), 0);
    assert_ok(folder_save(&f, 2));
    assert_int_equal(stat(f.path, &info), 0);
    assert_int_equal(info.st_uid, 12345);
    assert_int_equal(info.st_gid, 23456);
    assert_int_equal(info.st_mode & 07777, 0640);
    folder_end(&f);
}

/* Killed in the place of every system call, a save of a private file leaves nothing that others
 * could read. */
static void test_never_wider(void **unused) {
    (void)unused;
    folder f;
    struct stat info;
    const mode_t before = umask(0);
    folder_begin(&f);
    assert_ok(folder_save(&f, 1));
    assert_int_equal(chmod(f.path, 0600), 0);
    for (int k = 0, status = -1; !WIFEXITED(status); k++) {
        fflush(NULL);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            system_kill(k);
            _exit(folder_save(&f, 2) != TKR_OK);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        DIR *listing = opendir(f.folder);
        assert_non_null(listing);
        for (struct dirent *e = readdir(listing); e; e = readdir(listing)) {
            assert_int_equal(fstatat(dirfd(listing), e->d_name, &info, AT_SYMLINK_NOFOLLOW), 0);
            assert_true(!S_ISREG(info.st_mode) || (info.st_mode & 0177) == 0);
        }
        closedir(listing);
    }
    umask(before);
    folder_end(&f);
}

/* Saves through a link `name` -> `text`, both in the test's folder, and wants the link to stay. */
static void save_through(folder *f, const char *name, const char *text) {
    char path[100], found[200];
    strcpy(path, f->path);
    snprintf(f->path, sizeof f->path, "%s/%s", f->folder, name);
    assert_int_equal(symlink(text, f->path), 0);
    assert_ok(folder_save(f, 7));
    assert_true(folder_load(f) == 7);
    const ssize_t len = readlink(f->path, found, sizeof found);
    assert_int_equal(len, strlen(text));
    assert_memory_equal(found, text, (size_t)len);
    strcpy(f->path, path);
    assert_true(folder_load(f) == 7);
    assert_ok(folder_save(f, 1));
}

/* The file that a link names is replaced, and the link stays: relative, absolute, in another
 * folder, through a folder's link, over other links, and with nothing there yet. */
static void test_links(void **unused) {
    (void)unused;
    folder f;
    char inner[80], text[200], from[100];
    folder_begin(&f);
    snprintf(inner, sizeof inner, "%s/inner", f.folder);
    snprintf(from, sizeof from, "%s/here", f.folder);
    assert_int_equal(mkdir(inner, 0700), 0);
    assert_int_equal(symlink("inner", from), 0);
    snprintf(f.path, sizeof f.path, "%s/model", inner);
    save_through(&f, "dangling", "inner/model");
    assert_int_equal(chmod(f.path, 0600), 0);
    save_through(&f, "relative", "inner/model");
    save_through(&f, "by_folder", "here/model");
    save_through(&f, "chained", "relative");
    save_through(&f, "inner/up", "../here/../chained");
    snprintf(text, sizeof text, "%s/./inner//model", f.folder);
    save_through(&f, "absolute", text);
    assert_int_equal(mode_of(f.path), 0600);
    assert_int_equal(folder_names(&f), 7); /* two folders' names, five links, no temporary */
    strcpy(text, f.folder);
    strcpy(f.folder, inner);
    assert_int_equal(folder_names(&f), 2); /* the file and a link */
    folder_clear(&f);
    strcpy(f.folder, text);
    assert_int_equal(rmdir(inner), 0);
    folder_end(&f);
}

/* The temporary file stands beside the file that is replaced, not beside the link. */
static void test_temporary_beside_target(void **unused) {
    (void)unused;
    folder f;
    tkri_disk_writer disk;
    char inner[80], want[100], link[80];
    folder_begin(&f);
    snprintf(inner, sizeof inner, "%s/inner", f.folder);
    snprintf(link, sizeof link, "%s/link", f.folder);
    snprintf(want, sizeof want, "%s/inner/.tekrar-", f.folder);
    assert_int_equal(mkdir(inner, 0700), 0);
    assert_int_equal(symlink("inner/model", link), 0);
    assert_ok(tkri_disk_begin(&disk, link, &f.env, &f.detail));
    assert_memory_equal(disk.names->temporary, want, strlen(want));
    tkri_disk_abandon(&disk);
    assert_int_equal(rmdir(inner), 0);
    folder_end(&f);
}

/* Links that lead nowhere that could be saved to: each refused with a reason, and left alone. */
static void test_bad_links(void **unused) {
    (void)unused;
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"other", "Too many levels of symbolic links"}, /* and back */
        {"link", "Too many levels of symbolic links"},  {".", "not a regular file"},
        {"missing/model", "No such file or directory"}, {"regular/", "Not a directory"},
        {"regular/model", "Not a directory"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        folder f;
        char other[80], found[80];
        folder_begin(&f);
        snprintf(other, sizeof other, "%s/other", f.folder);
        assert_int_equal(symlink("link", other), 0);
        snprintf(f.path, sizeof f.path, "%s/regular", f.folder);
        assert_ok(folder_save(&f, 1));
        snprintf(f.path, sizeof f.path, "%s/link", f.folder);
        assert_int_equal(symlink(rows[i].text, f.path), 0);
        assert_status(folder_save(&f, 2), TKR_ERR_IO);
        assert_non_null(strstr(f.detail.text, rows[i].why));
        assert_int_equal(readlink(f.path, found, sizeof found), strlen(rows[i].text));
        assert_int_equal(folder_names(&f), 3);
        folder_end(&f);
    }
}

/* A link whose file has lost its name (the system says where it once was), and names longer than
 * the system's. */
static void test_names_that_lead_nowhere(void **unused) {
    (void)unused;
    folder f;
    char once[80], long_name[9000];
    folder_begin(&f);
    strcpy(once, f.path);
    const int file = open(f.path, O_CREAT | O_RDWR, 0600);
    assert_true(file >= 0);
    assert_int_equal(unlink(f.path), 0);
    snprintf(f.path, sizeof f.path, "/proc/self/fd/%d", file);
    for (int another = 0; another < 2 && access(f.path, F_OK) == 0; another++) {
        assert_status(folder_save(&f, 1), TKR_ERR_IO);
        assert_non_null(strstr(f.detail.text, "cannot reach '/proc/self/fd/"));
        char gone[100]; /* what the system says of such a file; now there is another one */
        snprintf(gone, sizeof gone, "%s (deleted)", once);
        const int other = open(gone, O_CREAT | O_EXCL | O_RDWR, 0600);
        assert_int_equal(other >= 0, !another);
        close(other);
    }
    folder_clear(&f);
    close(file);
    strcpy(f.path, once);
    memset(long_name, 'x', sizeof long_name);
    for (size_t len = 4000; len < sizeof long_name; len += 1000) {
        const tkri_content nothing = {.n_entries = 0};
        long_name[len - 1] = '\0';
        assert_status(tkri_file_write_path(&nothing, long_name, &f.env, &f.detail), TKR_ERR_IO);
        assert_non_null(strstr(f.detail.text, "File name too long"));
        long_name[len - 1] = 'x';
    }
    assert_int_equal(folder_names(&f), 0);
    folder_end(&f);
}

/* Whatever is saved goes the same way. */
static void test_every_kind_of_file(void **unused) {
    (void)unused;
    world *w = world_create(1, 0);
    assert_non_null(w);
    const char *paths[] = {w->cell_path, w->state_path, w->run_path, w->ngram_path, w->arpa_path};
    enum { N = sizeof paths / sizeof *paths };
    char links[N][100];
    for (int i = 0; i < N; i++) {
        assert_int_equal(chmod(paths[i], 0640), 0);
        snprintf(links[i], sizeof links[i], "%s/link%d", w->folder, i);
        assert_int_equal(symlink(strrchr(paths[i], '/') + 1, links[i]), 0);
    }
    assert_ok(tkr_cell_save(w->net, links[0]));
    assert_ok(tkr_state_save(w->state, links[1]));
    assert_ok(tkr_checkpoint_save(w->opt, w->seq, w->state, NULL, links[2]));
    assert_ok(tkr_ngram_save(w->ngram, links[3]));
    assert_ok(tkr_ngram_save_arpa(w->ngram, links[4]));
    for (int i = 0; i < N; i++) {
        struct stat info;
        assert_int_equal(mode_of(paths[i]), 0640);
        assert_int_equal(lstat(links[i], &info), 0);
        assert_true(S_ISLNK(info.st_mode));
        assert_int_equal(unlink(links[i]), 0);
    }
    assert_true(world_destroy(w, 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mode_is_kept),
        cmocka_unit_test(test_group_that_cannot_be_kept),
        cmocka_unit_test(test_folder_that_cannot_be_opened),
        cmocka_unit_test(test_mode_that_cannot_be_kept),
        cmocka_unit_test(test_owner_is_kept),
        cmocka_unit_test(test_never_wider),
        cmocka_unit_test(test_every_kind_of_file),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_temporary_beside_target),
        cmocka_unit_test(test_bad_links),
        cmocka_unit_test(test_names_that_lead_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
