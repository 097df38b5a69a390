/* SPDX-License-Identifier: MIT
 * Saving to a path: whichever system call fails, is interrupted or is the process' last, the file
 * of that name is the old one or the new one, whole, and no temporary is left by a living process.
 */
#include "model/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model/safetensors.h"
#include "support/heap.h"
#include "support/stream.h"
#include "support/support.h"
#include "support/system.h"

enum { LEN = 1000 };

/* A folder of its own for every test. */
typedef struct fixture {
    char folder[64], path[100];
    heap heap;
    tkr_env from;
    tkri_env env;
    tkri_detail detail;
    int descriptors; /* open at the start */
} fixture;

static int open_descriptors(void) {
    int n = 0;
    for (int descriptor = 0; descriptor < 256; descriptor++) {
        n += fcntl(descriptor, F_GETFD) >= 0;
    }
    return n;
}

static void begin(fixture *f) {
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

/* The number of names in the folder. */
static int count_names(const fixture *f) {
    int n = 0;
    DIR *folder = opendir(f->folder);
    assert_non_null(folder);
    for (struct dirent *e = readdir(folder); e; e = readdir(folder)) {
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    }
    closedir(folder);
    return n;
}

static void remove_all(const fixture *f) {
    char path[400];
    DIR *folder = opendir(f->folder);
    assert_non_null(folder);
    for (struct dirent *e = readdir(folder); e; e = readdir(folder)) {
        snprintf(path, sizeof path, "%s/%s", f->folder, e->d_name);
        (void)unlinkat(AT_FDCWD, path, 0);
    }
    closedir(folder);
}

static void end(fixture *f) {
    assert_true(heap_is_clean(&f->heap));
    system_reset();
    assert_int_equal(open_descriptors(), f->descriptors);
    remove_all(f);
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

/* Save a file whose every number is `value`. */
static int32_t save(fixture *f, float value) {
    const tkri_entry entry[] = {{"a", TKRI_F32, 1, {LEN}}, {"b", TKRI_F32, 1, {LEN}}};
    const tkri_content content = {entry, 2, NULL, 0, fetch, &value};
    f->detail.text[0] = '\0';
    return tkri_file_write_path(&content, f->path, &f->env, &f->detail);
}

/* The value of all numbers of the file; -1 if there is no file. Anything else fails the test. */
static float load(fixture *f) {
    tkri_file file;
    float a[LEN], b[LEN];
    system_reset();
    if (access(f->path, F_OK) != 0) {
        return -1;
    }
    assert_ok(tkri_file_from_path(&file, f->path, &f->env, &f->detail));
    assert_ok(tkri_file_floats(&file, &file.header.tensor[0], a));
    assert_ok(tkri_file_floats(&file, &file.header.tensor[1], b));
    for (int i = 0; i < LEN; i++) {
        assert_true(a[i] == a[0] && b[i] == a[0]);
    }
    tkri_file_fini(&file);
    return a[0];
}

static void test_save_and_replace(void **unused) {
    (void)unused;
    fixture f;
    begin(&f);
    assert_ok(save(&f, 1));
    assert_true(load(&f) == 1);
    assert_ok(save(&f, 2));
    assert_int_equal(system_calls(SYSTEM_UNLINK), 0);
    assert_int_equal(system_calls(SYSTEM_SYNC), 2);
    assert_true(load(&f) == 2);
    assert_int_equal(count_names(&f), 1);
    end(&f);
}

/* A name without a folder is in the current one. */
static void test_plain_name(void **unused) {
    (void)unused;
    fixture f;
    char before[400];
    begin(&f);
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(f.folder), 0);
    strcpy(f.path, "plain");
    assert_ok(save(&f, 3));
    assert_true(load(&f) == 3);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(count_names(&f), 1);
    end(&f);
}

static void test_mode_honours_umask(void **unused) {
    (void)unused;
    static const mode_t masks[] = {022, 077, 002};
    fixture f;
    begin(&f);
    for (int i = 0; i < 3; i++) {
        struct stat info;
        mode_t before = umask(masks[i]);
        assert_ok(save(&f, 1));
        umask(before);
        assert_int_equal(stat(f.path, &info), 0);
        assert_int_equal(info.st_mode & 0777, 0666 & ~masks[i]);
    }
    end(&f);
}

/* Which calls a save makes, and what is said when one fails. */
static const struct {
    int kind, k, error;
    const char *text;
    int replaced; /* the file is the new one all the same */
} failures[] = {
    {SYSTEM_OPEN, 0, EACCES, "cannot create a file in '", 0},
    {SYSTEM_OPEN, 1, EACCES, "cannot open the folder of '", 0},
    {SYSTEM_WRITE, 0, ENOSPC, "cannot write '", 0},
    {SYSTEM_WRITE, 1, ENOSPC, "cannot write '", 0},
    {SYSTEM_WRITE, 2, EDQUOT, "cannot write '", 0},
    {SYSTEM_WRITE, 1, 99999, "cannot write '", 0}, /* a number that nobody has heard of */
    {SYSTEM_WRITE, 1, SYSTEM_NOTHING, "cannot write '", 0},
    {SYSTEM_SYNC, 0, EIO, "cannot sync '", 0},
    {SYSTEM_CLOSE, 0, EIO, "cannot close '", 0},
    {SYSTEM_RENAME, 0, EXDEV, "cannot rename a temporary file to '", 0},
    {SYSTEM_SYNC, 1, EIO, "cannot sync the folder of the new file '", 1},
};

static void test_failures(void **unused) {
    (void)unused;
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        for (int had_old = 0; had_old < 2; had_old++) {
            fixture f;
            char want[64];
            begin(&f);
            assert_ok(had_old ? save(&f, 1) : TKR_OK);
            system_reset();
            system_fail(failures[i].kind, failures[i].k, failures[i].error);
            assert_status(save(&f, 2), TKR_ERR_IO);
            int error = failures[i].error > 0 ? failures[i].error : EIO;
            if (strerror_r(error, want, sizeof want) != 0) {
                snprintf(want, sizeof want, "error %d", error);
            }
            assert_non_null(strstr(f.detail.text, failures[i].text));
            assert_non_null(strstr(f.detail.text, want));
            assert_true(load(&f) == (failures[i].replaced ? 2.0f : had_old ? 1.0f : -1.0f));
            assert_int_equal(count_names(&f), failures[i].replaced || had_old);
            assert_ok(save(&f, 3));
            assert_true(load(&f) == 3);
            end(&f);
        }
    }
}

/* Interrupted and half-done calls are done again or to the end; a folder that cannot be synced at
 * all (some file systems) is no failure. */
static void test_patience(void **unused) {
    (void)unused;
    static const int rows[][2] = {
        {SYSTEM_OPEN, EINTR},         {SYSTEM_WRITE, EINTR}, {SYSTEM_SYNC, EINTR},
        {SYSTEM_WRITE, SYSTEM_SHORT}, {SYSTEM_CLOSE, EINTR}, {SYSTEM_UNLINK, EIO},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int k = 0; k < 5; k++) {
            fixture f;
            begin(&f);
            system_fail(rows[i][0], k, rows[i][1]);
            assert_ok(save(&f, 2));
            assert_true(load(&f) == 2);
            assert_int_equal(count_names(&f), 1);
            end(&f);
        }
    }
    fixture f;
    begin(&f);
    system_fail(SYSTEM_SYNC, 1, EINVAL);
    assert_ok(save(&f, 2));
    end(&f);
}

/* Reading too: interrupted, brought in halves, and failing at every call. */
static void test_reading(void **unused) {
    (void)unused;
    fixture f;
    tkri_file file;
    begin(&f);
    assert_ok(save(&f, 4));
    assert_true(load(&f) == 4);
    int64_t reads = system_calls(SYSTEM_READ);
    assert_true(reads >= 4);
    for (int64_t k = 0; k < reads; k++) {
        static const int harmless[] = {EINTR, SYSTEM_SHORT};
        for (int i = 0; i < 2; i++) {
            system_reset();
            system_fail(SYSTEM_READ, k, harmless[i]);
            assert_ok(tkri_file_from_path(&file, f.path, &f.env, &f.detail));
            tkri_file_fini(&file);
        }
        system_reset();
        system_fail(SYSTEM_READ, k, EIO);
        assert_status(tkri_file_from_path(&file, f.path, &f.env, &f.detail), TKR_ERR_IO);
        assert_non_null(strstr(f.detail.text, "cannot read '"));
        assert_non_null(strstr(f.detail.text, "Input/output error"));
        assert_true(heap_is_clean(&f.heap));
    }
    system_reset();
    system_fail(SYSTEM_OPEN, 0, EINTR);
    assert_ok(tkri_file_from_path(&file, f.path, &f.env, &f.detail));
    tkri_file_fini(&file);
    end(&f);
}

/* A temporary of the same name (a killed process of the same number) is in nobody's way, until
 * there are a thousand of them. */
static void test_names_taken(void **unused) {
    (void)unused;
    fixture f;
    char taken[200];
    begin(&f);
    for (int i = 0; i < 1000; i++) {
        snprintf(taken, sizeof taken, "%s/.tekrar-%ld-%d.tmp", f.folder, (long)getpid(), i);
        FILE *file = fopen(taken, "w");
        assert_non_null(file);
        fclose(file);
        if (i == 2) {
            assert_ok(save(&f, 1));
            assert_int_equal(count_names(&f), 4);
        }
    }
    assert_status(save(&f, 2), TKR_ERR_IO);
    assert_non_null(strstr(f.detail.text, "File exists"));
    assert_true(load(&f) == 1);
    end(&f);
}

/* Nothing but a regular file is replaced. (All of it in the test's own folder: whoever may write to
 * /dev would lose a device if this failed.) */
static void test_targets(void **unused) {
    (void)unused;
    fixture f;
    char file[sizeof f.path], pipe[80], folder[80];
    begin(&f);
    strcpy(file, f.path);
    snprintf(pipe, sizeof pipe, "%s/pipe", f.folder);
    snprintf(folder, sizeof folder, "%s/folder", f.folder);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(mkdir(folder, 0700), 0);
    const char *refused[] = {pipe, folder, f.folder};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        snprintf(f.path, sizeof f.path, "%s", refused[i]);
        assert_status(save(&f, 1), TKR_ERR_IO);
        assert_non_null(strstr(f.detail.text, "not a regular file"));
    }
    snprintf(f.path, sizeof f.path, "%s/", folder);
    assert_status(save(&f, 1), TKR_ERR_IO);
    static const char *const missing[] = {"", "no/such/folder/x", "/no-such-folder/x"};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        strcpy(f.path, missing[i]);
        assert_status(save(&f, 1), TKR_ERR_IO);
        assert_non_null(strstr(f.detail.text, "No such file or directory"));
    }
    strcpy(f.path, file);
    assert_int_equal(count_names(&f), 2);
    assert_int_equal(rmdir(folder), 0);
    end(&f);
}

static void test_memory(void **unused) {
    (void)unused;
    fixture f;
    begin(&f);
    assert_ok(save(&f, 1));
    for (int forever = 0; forever < 2; forever++) {
        int64_t k = 0;
        for (heap_fail(&f.heap, 0, forever);; heap_fail(&f.heap, ++k, forever)) {
            int32_t status = save(&f, 2);
            int64_t failures_seen = f.heap.failures;
            heap_fail(&f.heap, -1, 0);
            assert_true(heap_is_clean(&f.heap));
            assert_int_equal(count_names(&f), 1);
            if (failures_seen == 0) {
                assert_ok(status);
                break;
            }
            assert_status(status, TKR_ERR_MEMORY);
            assert_true(load(&f) == 1);
        }
        assert_int_equal(k, 3);
        assert_true(load(&f) == 2);
        assert_ok(save(&f, 1));
    }
    end(&f);
}

/* A child that may write no more than half of the file (as on a full disk): the old one stays. */
static void test_no_room(void **unused) {
    (void)unused;
    fixture f;
    begin(&f);
    assert_ok(save(&f, 1));
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit limit = {LEN * 6, LEN * 6};
        signal(SIGXFSZ, SIG_IGN);
        int limited = setrlimit(RLIMIT_FSIZE, &limit) == 0;
        int32_t status = save(&f, 2);
        int told = strstr(f.detail.text, "File too large") != NULL;
        _exit(!limited || status != TKR_ERR_IO || !told || count_names(&f) != 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(load(&f) == 1);
    end(&f);
}

/* Killed in the place of every system call of a save, one after the other. */
static void test_killed_everywhere(void **unused) {
    (void)unused;
    fixture f;
    begin(&f);
    assert_ok(save(&f, 1));
    int killed = 0, replaced = 0;
    for (int k = 0;; k++, killed++) {
        fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            system_kill(k);
            _exit(save(&f, 2) != TKR_OK);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        float value = load(&f);
        assert_true(value == 1 || value == 2);
        assert_true(value == 2 || !replaced); /* once the rename is done, always the new one */
        replaced |= value == 2;
        if (WIFEXITED(status)) {
            assert_int_equal(WEXITSTATUS(status), 0);
            break;
        }
        assert_int_equal(WTERMSIG(status), SIGKILL);
    }
    assert_true(replaced);
    assert_true(killed >= 9);
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_save_and_replace),
        cmocka_unit_test(test_plain_name),
        cmocka_unit_test(test_mode_honours_umask),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_patience),
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_names_taken),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_killed_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
