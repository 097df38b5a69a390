/* SPDX-License-Identifier: MIT
 * Files of a GRU that resets before its product: what nn.GRU would use otherwise has a name of its
 * own there, and files that still call it as nn.GRU does load. */
#include <stdio.h>
#include <string.h>

#include "cell/cell.h"
#include "model/safetensors.h"
#include "support/stream.h"
#include "support/support.h"

/* A chain "a_hh_l0" of a GRU, 2 layers both ways, and a linear part; or the GRU alone. */
static tkr_cell *make(int64_t reset, int64_t biases, int in_chain) {
    tkr_cell *parts[2], *cell;
    assert_ok(tkr_cell_create(&parts[0], TKR_GRU, 3, 5, NULL));
    assert_ok(tkr_cell_set_int(parts[0], TKR_RESET, reset));
    assert_ok(tkr_cell_set_int(parts[0], TKR_BIASES, biases));
    assert_ok(tkr_cell_set_int(parts[0], TKR_LAYERS, 2));
    assert_ok(tkr_cell_set_int(parts[0], TKR_DIRECTIONS, TKR_BOTH));
    cell = parts[0];
    if (in_chain) {
        assert_ok(tkr_cell_set_name(parts[0], "a_hh_l0"));
        assert_ok(tkr_cell_create(&parts[1], TKR_LINEAR, 10, 2, NULL));
        assert_ok(tkr_cell_chain(&cell, parts, 2, NULL));
    }
    assert_ok(tkr_cell_init(cell, 7));
    return cell;
}

static void save(tkr_cell *cell, stream *file) {
    stream_init(file);
    const tkr_writer writer = stream_writer(file);
    assert_ok(tkr_cell_save_to(cell, &writer));
}

static void open_file(tkri_file *file, const stream *bytes) {
    static tkri_detail detail;
    tkri_env env;
    assert_ok(tkri_env_read(&env, NULL));
    assert_ok(tkri_file_from_memory(file, bytes->bytes, bytes->len, &env, &detail));
}

static void expect_tensor(const tkri_file *file, const char *prefix, const char *name, int there) {
    char whole[256];
    snprintf(whole, sizeof whole, "%s%s", prefix, name);
    if ((tkri_header_tensor(&file->header, whole) >= 0) != there) {
        print_error("tensor '%s' is %s\n", whole, there ? "missing" : "there");
        fail();
    }
}

/* What nn.GRU uses as we do has its name there; the others have not, so that it refuses them. */
static void test_names(void **unused) {
    (void)unused;
    static const char *const ends[] = {"l0", "l0_reverse", "l1", "l1_reverse"};
    for (int64_t reset = TKR_RESET_AFTER; reset <= TKR_RESET_BEFORE; reset++) {
        for (int in_chain = 0; in_chain < 2; in_chain++) {
            stream bytes;
            tkri_file file;
            tkr_cell *cell = make(reset, 2, in_chain);
            const int before = reset == TKR_RESET_BEFORE;
            save(cell, &bytes);
            open_file(&file, &bytes);
            for (int i = 0; i < 4; i++) {
                char name[6][32];
                static const char *const kinds[] = {"weight_ih_", "bias_ih_",   "weight_hh_",
                                                    "bias_hh_",   "weight_rh_", "bias_rh_"};
                for (int k = 0; k < 6; k++) {
                    snprintf(name[k], sizeof name[k], "%s%s", kinds[k], ends[i]);
                    expect_tensor(&file, in_chain ? "a_hh_l0." : "", name[k],
                                  k < 2 || (k < 4) == !before);
                }
            }
            tkri_file_fini(&file);
            stream_fini(&bytes);
            tkr_cell_destroy(cell);
        }
    }
}

/* Make a file as format 1.1 had it. */
static void make_old(stream *file) {
    assert_true(stream_edit(file, "\"tekrar.format\":\"1.2\"", "\"tekrar.format\":\"1.1\""));
    while (stream_edit(file, "_rh_l", "_hh_l")) {
    }
}

/* New files and old ones load, and what was loaded is saved as a new one, byte for byte. */
static void test_old_files(void **unused) {
    (void)unused;
    for (int64_t biases = 0; biases <= 2; biases++) {
        for (int in_chain = 0; in_chain < 2; in_chain++) {
            stream now, old, again;
            tkr_cell *cell = make(TKR_RESET_BEFORE, biases, in_chain), *back;
            save(cell, &now);
            stream_copy(&old, &now);
            make_old(&old);
            assert_memory_not_equal(old.bytes, now.bytes, now.len);
            for (int i = 0; i < 2; i++) {
                const stream *from = i ? &old : &now;
                assert_ok(tkr_cell_load_memory(&back, from->bytes, from->len, NULL));
                save(back, &again);
                assert_int_equal(again.len, now.len);
                assert_memory_equal(again.bytes, now.bytes, now.len);
                stream_fini(&again);
                tkr_cell_destroy(back);
            }
            stream_fini(&now);
            stream_fini(&old);
            tkr_cell_destroy(cell);
        }
    }
}

/* One name for each: a second tensor under the other is one too many, and the other way round a
 * GRU that resets after its product has no such tensor. */
static void test_refused(void **unused) {
    (void)unused;
    static const struct {
        int64_t reset;
        const char *from, *to, *text;
    } rows[] = {
        {TKR_RESET_BEFORE, "\"weight_rh_l1\"",
         "\"weight_hh_l1\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},\"weight_rh_"
         "l1\"",
         "tensor 'weight_hh_l1' that is not wanted"},
        {TKR_RESET_BEFORE, "\"bias_rh_l1\"", "\"bias_xh_l1\"", "has no tensor 'bias_rh_l1'"},
        {TKR_RESET_AFTER, "\"weight_hh_l0\"", "\"weight_rh_l0\"", "has no tensor 'weight_hh_l0'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char detail[200] = "";
        tkr_env env = {.size = sizeof env, .detail = detail, .detail_len = sizeof detail};
        stream file;
        tkr_cell *cell = make(rows[i].reset, 2, 0), *back;
        save(cell, &file);
        assert_true(stream_edit(&file, rows[i].from, rows[i].to));
        assert_status(tkr_cell_load_memory(&back, file.bytes, file.len, &env), TKR_ERR_MISMATCH);
        assert_non_null(strstr(detail, rows[i].text));
        stream_fini(&file);
        tkr_cell_destroy(cell);
    }
}

/* Checkpoints call the parameters and what belongs to them the same, and old ones resume. */
static void test_checkpoints(void **unused) {
    (void)unused;
    stream now, old, again;
    tkri_file file;
    tkr_optimizer *opt, *other;
    tkr_cell *cell = make(TKR_RESET_BEFORE, 2, 1), *twin = make(TKR_RESET_BEFORE, 2, 1);
    stream_init(&now);
    stream_init(&again);
    tkr_writer writer = stream_writer(&now);
    assert_ok(tkr_optimizer_create(&opt, TKR_ADAM, cell, NULL));
    assert_ok(tkr_checkpoint_save_to(opt, NULL, NULL, NULL, &writer));
    open_file(&file, &now);
    expect_tensor(&file, "checkpoint.first.a_hh_l0.", "weight_rh_l0", 1);
    expect_tensor(&file, "checkpoint.second.a_hh_l0.", "bias_rh_l1_reverse", 1);
    expect_tensor(&file, "checkpoint.second.a_hh_l0.", "bias_hh_l1_reverse", 0);
    tkri_file_fini(&file);
    stream_copy(&old, &now);
    make_old(&old);
    assert_ok(tkr_cell_init(twin, 8));
    assert_ok(tkr_optimizer_create(&other, TKR_ADAM, twin, NULL));
    const tkr_reader reader = stream_reader(&old);
    assert_ok(tkr_checkpoint_load_from(other, NULL, NULL, NULL, &reader));
    writer = stream_writer(&again);
    assert_ok(tkr_checkpoint_save_to(other, NULL, NULL, NULL, &writer));
    assert_int_equal(again.len, now.len);
    assert_memory_equal(again.bytes, now.bytes, now.len);
    tkr_optimizer_destroy(opt);
    tkr_optimizer_destroy(other);
    tkr_cell_destroy(cell);
    tkr_cell_destroy(twin);
    stream_fini(&now);
    stream_fini(&old);
    stream_fini(&again);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_old_files),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_checkpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
