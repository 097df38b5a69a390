/* SPDX-License-Identifier: MIT
 * Saving to a path: whichever system call fails, is interrupted or is the process' last, the file
 * of that name is the old one or the new one, whole, and no temporary is left by a living process.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model/safetensors.h"
#include "support/support.h"
#include "support/system.h"
#include "unit/disk_folder.h"

static void test_save_and_replace(void **unused) {
    (void)unused;
    folder f;
    folder_begin(&f);
    assert_ok(folder_save(&f, 1));
    assert_true(folder_load(&f) == 1);
    assert_ok(folder_save(&f, 2));
    assert_int_equal(system_calls(SYSTEM_UNLINK), 0);
    assert_int_equal(system_calls(SYSTEM_SYNC), 2);
    assert_true(folder_load(&f) == 2);
    assert_int_equal(folder_names(&f), 1);
    folder_end(&f);
}

/* A name without a folder is in the current one. */
static void test_plain_name(void **unused) {
    (void)unused;
    folder f;
    char before[400];
    folder_begin(&f);
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(f.folder), 0);
    strcpy(f.path, "plain");
    assert_ok(folder_save(&f, 3));
    assert_true(folder_load(&f) == 3);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(folder_names(&f), 1);
    folder_end(&f);
}

static void test_mode_honours_umask(void **unused) {
    (void)unused;
    static const mode_t masks[] = {022, 077, 002};
    folder f;
    folder_begin(&f);
    for (int i = 0; i < 3; i++) {
        struct stat info;
        mode_t before = umask(masks[i]);
        assert_int_equal(unlink(f.path), i == 0 ? -1 : 0);
        assert_ok(folder_save(&f, 1));
        umask(before);
        assert_int_equal(stat(f.path, &info), 0);
        assert_int_equal(info.st_mode & 0777, 0666 & ~masks[i]);
    }
    folder_end(&f);
}

/* Which calls a save makes, and what is said when one fails. */
static const struct {
    int kind, k, error;
    const char *text;
    int replaced; /* the file is the new one all the same */
} failures[] = {
    {SYSTEM_OPEN, 0, EACCES, "cannot create a file in '", 0},
    {SYSTEM_OPEN, 1, EMFILE, "cannot open the folder of '", 0},
    {SYSTEM_OPEN, 1, EIO, "cannot open the folder of '", 0},
    {SYSTEM_WRITE, 0, ENOSPC, "cannot write '", 0},
    {SYSTEM_WRITE, 1, ENOSPC, "cannot write '", 0},
    {SYSTEM_WRITE, 2, EDQUOT, "cannot write '", 0},
    {SYSTEM_WRITE, 1, 99999, "cannot write '", 0}, /* a number that nobody has heard of */
    {SYSTEM_WRITE, 1, SYSTEM_NOTHING, "cannot write '", 0},
    {SYSTEM_SYNC, 0, EIO, "cannot sync '", 0},
    {SYSTEM_SYNC, 0, ENOSPC, "cannot sync '", 0},
    {SYSTEM_SYNC, 0, EBADF, "cannot sync '", 0}, /* of a file of ours: somebody closed it */
    {SYSTEM_CLOSE, 0, EIO, "cannot close '", 0},
    {SYSTEM_RENAME, 0, EXDEV, "cannot rename a temporary file to '", 0},
    {SYSTEM_SYNC, 1, EIO, "cannot sync the folder of the new file '", 1},
};

static void test_failures(void **unused) {
    (void)unused;
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        for (int had_old = 0; had_old < 2; had_old++) {
            folder f;
            char want[64];
            folder_begin(&f);
            assert_ok(had_old ? folder_save(&f, 1) : TKR_OK);
            system_reset();
            system_fail(failures[i].kind, failures[i].k, failures[i].error);
            assert_status(folder_save(&f, 2), TKR_ERR_IO);
            int error = failures[i].error > 0 ? failures[i].error : EIO;
            if (strerror_r(error, want, sizeof want) != 0) {
                snprintf(want, sizeof want, "error %d", error);
            }
            assert_non_null(strstr(f.detail.text, failures[i].text));
            assert_non_null(strstr(f.detail.text, want));
            assert_true(folder_load(&f) == (failures[i].replaced ? 2.0f : had_old ? 1.0f : -1.0f));
            assert_int_equal(folder_names(&f), failures[i].replaced || had_old);
            assert_ok(folder_save(&f, 3));
            assert_true(folder_load(&f) == 3);
            folder_end(&f);
        }
    }
}

/* Interrupted and half-done calls are done again or to the end. */
static void test_patience(void **unused) {
    (void)unused;
    static const int rows[][2] = {
        {SYSTEM_OPEN, EINTR},         {SYSTEM_WRITE, EINTR}, {SYSTEM_SYNC, EINTR},
        {SYSTEM_WRITE, SYSTEM_SHORT}, {SYSTEM_CLOSE, EINTR}, {SYSTEM_UNLINK, EIO},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int k = 0; k < 5; k++) {
            folder f;
            folder_begin(&f);
            system_fail(rows[i][0], k, rows[i][1]);
            assert_ok(folder_save(&f, 2));
            assert_true(folder_load(&f) == 2);
            assert_int_equal(folder_names(&f), 1);
            folder_end(&f);
        }
    }
}

/* What a sandbox, or a file system without syncs or modes, refuses is no failure. */
static void test_refusals(void **unused) {
    (void)unused;
    static const struct {
        int kind, k, error;
    } rows[] = {
        {SYSTEM_OPEN, 1, EACCES}, {SYSTEM_OPEN, 1, EPERM},    {SYSTEM_OPEN, 1, EISDIR},
        {SYSTEM_OPEN, 1, EINVAL}, {SYSTEM_OPEN, 1, ENOTSUP},  {SYSTEM_SYNC, 1, EINVAL},
        {SYSTEM_SYNC, 1, EBADF},  {SYSTEM_SYNC, 1, ENOTSUP},  {SYSTEM_SYNC, 1, EOPNOTSUPP},
        {SYSTEM_SYNC, 1, ENOSYS}, {SYSTEM_SYNC, 1, EROFS},    {SYSTEM_SYNC, 1, EPERM},
        {SYSTEM_SYNC, 0, EINVAL}, {SYSTEM_SYNC, 0, ENOTSUP},  {SYSTEM_SYNC, 0, ENOSYS},
        {SYSTEM_OWNER, 0, EPERM}, {SYSTEM_OWNER, 0, ENOTSUP}, {SYSTEM_MODE, 0, EPERM},
        {SYSTEM_MODE, 0, ENOSYS},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        folder f;
        folder_begin(&f);
        assert_ok(folder_save(&f, 1));
        system_fail(rows[i].kind, rows[i].k, rows[i].error);
        assert_ok(folder_save(&f, 2));
        assert_true(folder_load(&f) == 2);
        assert_int_equal(folder_names(&f), 1);
        folder_end(&f);
    }
}

/* Reading too: interrupted, brought in halves, and failing at every call. */
static void test_reading(void **unused) {
    (void)unused;
    folder f;
    tkri_file file;
    folder_begin(&f);
    assert_ok(folder_save(&f, 4));
    assert_true(folder_load(&f) == 4);
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
    folder_end(&f);
}

/* A temporary of the same name (a killed process of the same number) is in nobody's way, until
 * there are a thousand of them. */
static void test_names_taken(void **unused) {
    (void)unused;
    folder f;
    char taken[200];
    folder_begin(&f);
    for (int i = 0; i < 1000; i++) {
        snprintf(taken, sizeof taken, "%s/.tekrar-%ld-%d.tmp", f.folder, (long)getpid(), i);
        FILE *file = fopen(taken, "w");
        assert_non_null(file);
        fclose(file);
        if (i == 2) {
            assert_ok(folder_save(&f, 1));
            assert_int_equal(folder_names(&f), 4);
        }
    }
    assert_status(folder_save(&f, 2), TKR_ERR_IO);
    assert_non_null(strstr(f.detail.text, "File exists"));
    assert_true(folder_load(&f) == 1);
    folder_end(&f);
}

/* Nothing but a regular file is replaced. (All of it in the test's own folder: whoever may write to
 * /dev would lose a device if this failed.) */
static void test_targets(void **unused) {
    (void)unused;
    folder f;
    char file[sizeof f.path], pipe[80], inner[80];
    folder_begin(&f);
    strcpy(file, f.path);
    snprintf(pipe, sizeof pipe, "%s/pipe", f.folder);
    snprintf(inner, sizeof inner, "%s/folder", f.folder);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(mkdir(inner, 0700), 0);
    const char *refused[] = {pipe, inner, f.folder};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        snprintf(f.path, sizeof f.path, "%s", refused[i]);
        assert_status(folder_save(&f, 1), TKR_ERR_IO);
        assert_non_null(strstr(f.detail.text, "not a regular file"));
    }
    snprintf(f.path, sizeof f.path, "%s/", inner);
    assert_status(folder_save(&f, 1), TKR_ERR_IO);
    static const char *const missing[] = {"", "no/such/folder/x", "/no-such-folder/x"};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        strcpy(f.path, missing[i]);
        assert_status(folder_save(&f, 1), TKR_ERR_IO);
        assert_non_null(strstr(f.detail.text, "No such file or directory"));
    }
    strcpy(f.path, file);
    assert_int_equal(folder_names(&f), 2);
    assert_int_equal(rmdir(inner), 0);
    folder_end(&f);
}

static void test_memory(void **unused) {
    (void)unused;
    folder f;
    folder_begin(&f);
    assert_ok(folder_save(&f, 1));
    for (int forever = 0; forever < 2; forever++) {
        int64_t k = 0;
        for (heap_fail(&f.heap, 0, forever);; heap_fail(&f.heap, ++k, forever)) {
            int32_t status = folder_save(&f, 2);
            int64_t failures_seen = f.heap.failures;
            heap_fail(&f.heap, -1, 0);
            assert_true(heap_is_clean(&f.heap));
            assert_int_equal(folder_names(&f), 1);
            if (failures_seen == 0) {
                assert_ok(status);
                break;
            }
            assert_status(status, TKR_ERR_MEMORY);
            assert_true(folder_load(&f) == 1);
        }
        assert_int_equal(k, 3);
        assert_true(folder_load(&f) == 2);
        assert_ok(folder_save(&f, 1));
    }
    folder_end(&f);
}

/* A child that may write no more than half of the file (as on a full disk): the old one stays. */
static void test_no_room(void **unused) {
    (void)unused;
    folder f;
    folder_begin(&f);
    assert_ok(folder_save(&f, 1));
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit limit = {FOLDER_LEN * 6, FOLDER_LEN * 6};
        signal(SIGXFSZ, SIG_IGN);
        int limited = setrlimit(RLIMIT_FSIZE, &limit) == 0;
        int32_t status = folder_save(&f, 2);
        int told = strstr(f.detail.text, "File too large") != NULL;
        _exit(!limited || status != TKR_ERR_IO || !told || folder_names(&f) != 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(folder_load(&f) == 1);
    folder_end(&f);
}

/* Killed in the place of every system call of a save, one after the other. */
static void test_killed_everywhere(void **unused) {
    (void)unused;
    folder f;
    folder_begin(&f);
    assert_ok(folder_save(&f, 1));
    int killed = 0, replaced = 0;
    for (int k = 0;; k++, killed++) {
        fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            system_kill(k);
            _exit(folder_save(&f, 2) != TKR_OK);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        float value = folder_load(&f);
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
    folder_end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_save_and_replace),
        cmocka_unit_test(test_plain_name),
        cmocka_unit_test(test_mode_honours_umask),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_patience),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_names_taken),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_killed_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
