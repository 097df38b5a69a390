/* SPDX-License-Identifier: MIT
 * What the saving and loading calls refuse before they touch a byte, each with a text. */
#include <stdio.h>
#include <string.h>

#include "support/models.h"
#include "support/stream.h"

/* One of everything, and readers and writers that are not to be called. */
typedef struct world {
    tkr_cell *cell, *other;
    tkr_sequence *seq, *other_seq;
    tkr_optimizer *opt;
    tkr_state *state, *other_state;
} world;

static int32_t must_not_write(void *user, const void *bytes, uint64_t len) {
    (void)user, (void)bytes, (void)len;
    fail();
    return 0;
}

static int32_t must_not_read(void *user, void *bytes, uint64_t len, uint64_t *got) {
    (void)user, (void)bytes, (void)len, (void)got;
    fail();
    return 0;
}

static void world_make(world *w) {
    w->cell = models_make(&models[4], 1, NULL);
    w->other = models_make(&models[8], 1, NULL);
    assert_ok(tkr_sequence_create(&w->seq, w->cell, 2, 2, TKR_TRAINING, NULL));
    assert_ok(tkr_sequence_create(&w->other_seq, w->other, 2, 2, TKR_TRAINING, NULL));
    assert_ok(tkr_optimizer_create(&w->opt, TKR_ADAM, w->cell, NULL));
    assert_ok(tkr_state_create(&w->state, w->cell, 1, NULL));
    assert_ok(tkr_state_create(&w->other_state, w->other, 1, NULL));
}

static void world_free(world *w) {
    tkr_state_destroy(w->state);
    tkr_state_destroy(w->other_state);
    tkr_optimizer_destroy(w->opt);
    tkr_sequence_destroy(w->seq);
    tkr_sequence_destroy(w->other_seq);
    tkr_cell_destroy(w->cell);
    tkr_cell_destroy(w->other);
}

/* The bad ones: NULL, of an older size, without a function. */
enum { BAD = 3 };

static void test_writers(void **unused) {
    (void)unused;
    const tkr_writer old = {sizeof old - 1, must_not_write, NULL},
                     empty = {sizeof empty, NULL, NULL};
    const tkr_writer *bad[BAD] = {NULL, &old, &empty};
    world w;
    world_make(&w);
    for (int i = 0; i < BAD; i++) {
        assert_status(tkr_cell_save_to(w.cell, bad[i]), TKR_ERR_ARGUMENT);
        assert_non_null(strstr(tkr_cell_detail(w.cell), "writer is NULL"));
        assert_status(tkr_state_save_to(w.state, bad[i]), TKR_ERR_ARGUMENT);
        assert_non_null(strstr(tkr_state_detail(w.state), "writer is NULL"));
        assert_status(tkr_checkpoint_save_to(w.opt, w.seq, w.state, NULL, bad[i]),
                      TKR_ERR_ARGUMENT);
        assert_non_null(strstr(tkr_optimizer_detail(w.opt), "writer is NULL"));
    }
    const tkr_writer good = {sizeof good, must_not_write, NULL};
    assert_status(tkr_cell_save_to(NULL, &good), TKR_ERR_ARGUMENT);
    assert_status(tkr_state_save_to(NULL, &good), TKR_ERR_ARGUMENT);
    assert_status(tkr_checkpoint_save_to(NULL, NULL, NULL, NULL, &good), TKR_ERR_ARGUMENT);
    assert_status(tkr_checkpoint_save_to(w.opt, w.other_seq, NULL, NULL, &good), TKR_ERR_ARGUMENT);
    assert_string_equal(tkr_optimizer_detail(w.opt), "the sequence is not of the optimizer's cell");
    assert_status(tkr_checkpoint_save_to(w.opt, NULL, w.other_state, NULL, &good),
                  TKR_ERR_ARGUMENT);
    assert_string_equal(tkr_optimizer_detail(w.opt), "the state is not of the optimizer's cell");
    world_free(&w);
}

static void test_readers(void **unused) {
    (void)unused;
    const tkr_reader old = {sizeof old - 1, must_not_read, NULL},
                     empty = {sizeof empty, NULL, NULL};
    const tkr_reader *bad[BAD] = {NULL, &old, &empty};
    char detail[100];
    tkr_env env = {.size = sizeof env, .detail = detail, .detail_len = sizeof detail};
    world w;
    world_make(&w);
    for (int i = 0; i < BAD; i++) {
        tkr_cell *none = w.cell;
        uint64_t cursor[4] = {7};
        assert_status(tkr_cell_load_from(&none, bad[i], &env), TKR_ERR_ARGUMENT);
        assert_null(none);
        assert_non_null(strstr(detail, "reader is NULL"));
        assert_status(tkr_state_load_from(w.state, bad[i]), TKR_ERR_ARGUMENT);
        assert_non_null(strstr(tkr_state_detail(w.state), "reader is NULL"));
        assert_status(tkr_checkpoint_load_from(w.opt, w.seq, w.state, cursor, bad[i]),
                      TKR_ERR_ARGUMENT);
        assert_non_null(strstr(tkr_optimizer_detail(w.opt), "reader is NULL"));
        assert_int_equal(cursor[0], 7);
    }
    const tkr_reader good = {sizeof good, must_not_read, NULL};
    assert_status(tkr_cell_load_from(NULL, &good, NULL), TKR_ERR_ARGUMENT);
    assert_status(tkr_state_load_from(NULL, &good), TKR_ERR_ARGUMENT);
    assert_status(tkr_checkpoint_load_from(NULL, NULL, NULL, NULL, &good), TKR_ERR_ARGUMENT);
    assert_status(tkr_checkpoint_load_from(w.opt, w.other_seq, NULL, NULL, &good),
                  TKR_ERR_ARGUMENT);
    assert_status(tkr_checkpoint_load_from(w.opt, NULL, w.other_state, NULL, &good),
                  TKR_ERR_ARGUMENT);
    world_free(&w);
}

static void test_paths(void **unused) {
    (void)unused;
    static const char nowhere[] = "no/such/folder/x";
    char detail[100];
    tkr_env env = {.size = sizeof env, .detail = detail, .detail_len = sizeof detail}, bad = env;
    world w;
    world_make(&w);
    tkr_cell *none = w.cell;
    assert_status(tkr_cell_save(NULL, nowhere), TKR_ERR_ARGUMENT);
    assert_status(tkr_cell_save(w.cell, NULL), TKR_ERR_ARGUMENT);
    assert_status(tkr_cell_save(w.cell, nowhere), TKR_ERR_IO);
    assert_non_null(strstr(tkr_cell_detail(w.cell), "No such file"));
    assert_status(tkr_cell_load(NULL, nowhere, &env), TKR_ERR_ARGUMENT);
    assert_status(tkr_cell_load(&none, NULL, &env), TKR_ERR_ARGUMENT);
    assert_string_equal(detail, "path is NULL");
    assert_null(none);
    assert_status(tkr_cell_load(&none, nowhere, &env), TKR_ERR_IO);
    bad.threads = -1;
    assert_status(tkr_cell_load(&none, nowhere, &bad), TKR_ERR_ARGUMENT);
    assert_status(tkr_cell_load_memory(&none, NULL, 8, &env), TKR_ERR_ARGUMENT);
    assert_string_equal(detail, "bytes is NULL");
    assert_status(tkr_state_save(NULL, nowhere), TKR_ERR_ARGUMENT);
    assert_status(tkr_state_save(w.state, NULL), TKR_ERR_ARGUMENT);
    assert_status(tkr_state_save(w.state, nowhere), TKR_ERR_IO);
    assert_status(tkr_state_load(NULL, nowhere), TKR_ERR_ARGUMENT);
    assert_status(tkr_state_load(w.state, NULL), TKR_ERR_ARGUMENT);
    assert_status(tkr_state_load(w.state, nowhere), TKR_ERR_IO);
    assert_status(tkr_checkpoint_save(NULL, NULL, NULL, NULL, nowhere), TKR_ERR_ARGUMENT);
    assert_status(tkr_checkpoint_save(w.opt, NULL, NULL, NULL, NULL), TKR_ERR_ARGUMENT);
    assert_status(tkr_checkpoint_save(w.opt, w.other_seq, NULL, NULL, nowhere), TKR_ERR_ARGUMENT);
    assert_status(tkr_checkpoint_save(w.opt, NULL, NULL, NULL, nowhere), TKR_ERR_IO);
    assert_status(tkr_checkpoint_load(NULL, NULL, NULL, NULL, nowhere), TKR_ERR_ARGUMENT);
    assert_status(tkr_checkpoint_load(w.opt, NULL, NULL, NULL, NULL), TKR_ERR_ARGUMENT);
    assert_status(tkr_checkpoint_load(w.opt, w.other_seq, NULL, NULL, nowhere), TKR_ERR_ARGUMENT);
    assert_status(tkr_checkpoint_load(w.opt, NULL, NULL, NULL, nowhere), TKR_ERR_IO);
    world_free(&w);
}

static void assert_names_once(const char *text, const char *path) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "'%s'", path);
    const char *at = strstr(text, quoted);
    assert_non_null(at);
    assert_null(strstr(at + 1, quoted));
}

/* A load by path that fails names the path: of what cannot be opened, and of what is no such file.
 */
static void test_names(void **unused) {
    (void)unused;
    static const char *const paths[] = {"no/such/folder/x", "LICENSE"};
    char detail[240];
    tkr_env env = {.size = sizeof env, .detail = detail, .detail_len = sizeof detail};
    tkr_ngram *ngram;
    tkr_cell *cell;
    world w;
    world_make(&w);
    for (int i = 0; i < 2; i++) {
        int32_t status = i ? TKR_ERR_FORMAT : TKR_ERR_IO;
        assert_status(tkr_cell_load(&cell, paths[i], &env), status);
        assert_names_once(detail, paths[i]);
        assert_status(tkr_state_load(w.state, paths[i]), status);
        assert_names_once(tkr_state_detail(w.state), paths[i]);
        assert_status(tkr_checkpoint_load(w.opt, NULL, NULL, NULL, paths[i]), status);
        assert_names_once(tkr_optimizer_detail(w.opt), paths[i]);
        assert_status(tkr_ngram_load(&ngram, paths[i], &env), status);
        assert_names_once(detail, paths[i]);
        assert_status(tkr_ngram_load_arpa(&ngram, paths[i], &env), status);
        assert_names_once(detail, paths[i]);
        assert_status(tkr_ngram_map(&ngram, paths[i], &env), status);
        assert_names_once(detail, paths[i]);
    }
    assert_status(tkr_cell_load_memory(&cell, "12345678", 8, &env), TKR_ERR_FORMAT);
    assert_null(strchr(detail, '\''));
    world_free(&w);
}

/* A cell without parameters cannot be saved. */
static void test_order(void **unused) {
    (void)unused;
    const tkr_writer writer = {sizeof writer, must_not_write, NULL};
    tkr_cell *cell;
    assert_ok(tkr_cell_create(&cell, TKR_GRU, 2, 3, NULL));
    assert_status(tkr_cell_save(cell, "x"), TKR_ERR_ORDER);
    assert_status(tkr_cell_save_to(cell, &writer), TKR_ERR_ORDER);
    assert_string_equal(tkr_cell_detail(cell), "the cell is not initialised");
    tkr_cell_destroy(cell);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writers), cmocka_unit_test(test_readers),
        cmocka_unit_test(test_paths),   cmocka_unit_test(test_names),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
