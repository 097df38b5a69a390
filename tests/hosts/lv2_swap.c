/* SPDX-License-Identifier: MIT
 * examples/lv2 in a host, how models come and go: with every kind of worker and without one, while
 * a fade is under way, and files that are refused. */
#include <lv2/atom/atom.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hosts/lv2_host.h"
#include "hosts/lv2_models.h"
#include "support/malloc.h"
#include "support/support.h"

enum { LEN = 6000 };

static float in[LEN], out[LEN], want[LEN], a_out[LEN], b_out[LEN];
static const char *path_a, *path_b, *path_c;

static host *open_active(int mode) {
    host *h = host_open(48000, mode);
    host_activate(h);
    host_run(h, out, in, 10); /* dry: it has begun */
    return h;
}

/* Which model is in use is heard when it is switched off and on again: it begins anew. */
static void expect_model(host *h, const char *path) {
    reference r = reference_open(path, 1);
    reference_run(&r, want, in, LEN);
    h->enabled = 0;
    host_run(h, out, in, LEN);
    host_run(h, out, in, LEN);
    signal_same(out, in, LEN);
    h->enabled = 1;
    host_run(h, out, in, LEN);
    signal_same(out + h->ramp, want + h->ramp, LEN - h->ramp);
    assert_int_equal((int)h->status, RUNNING);
    host_get(h);
    host_run(h, out, in, 0);
    assert_string_equal(host_told(h), path);
    reference_close(&r);
}

/* From dry to A, from A to B: an even fade, sample for sample, once the file is there. */
static void test_fade(void **state) {
    (void)state;
    static const uint32_t blocks[] = {1, 64, 100, 4096};
    for (int i = 0; i < 4; i++) {
        reference a = reference_open(path_a, 1), b = reference_open(path_b, 1);
        host *h = open_active(WORKER_BY_HAND);
        host_set(h, path_a);
        host_run(h, out, in, 500);
        signal_same(out, in, 500); /* the file is not there yet */
        assert_int_equal((int)h->status, NO_MODEL);
        host_work(h);
        for (uint32_t n = 0, len; n < LEN; n += len) {
            len = blocks[i] < LEN - n ? blocks[i] : LEN - n;
            host_run(h, out + n, in + n, len);
            assert_string_equal(host_told(h), n == 0 ? path_a : "");
        }
        reference_run(&a, a_out, in, LEN);
        signal_fade(want, in, a_out, LEN, h->ramp);
        signal_same(out, want, LEN);
        host_set(h, path_b);
        host_run(h, out, in, 0);
        host_work(h);
        for (uint32_t n = 0, len; n < LEN; n += len) {
            len = blocks[i] < LEN - n ? blocks[i] : LEN - n;
            host_run(h, out + n, in + n, len);
        }
        reference_run(&a, a_out, in, LEN);
        reference_run(&b, b_out, in, LEN);
        signal_fade(want, a_out, b_out, LEN, h->ramp);
        signal_same(out, want, LEN);
        assert_int_equal(worker_work(&h->worker), 1); /* A goes */
        expect_model(h, path_b);
        host_close(h);
        reference_close(&a);
        reference_close(&b);
    }
}

/* A model that comes in the middle of a fade waits for its end. */
static void test_fade_waits(void **state) {
    (void)state;
    reference a = reference_open(path_a, 1), b = reference_open(path_b, 1);
    host *h = open_active(WORKER_BY_HAND);
    uint32_t ramp = h->ramp, middle = ramp / 3;
    host_set(h, path_a);
    host_run(h, out, in, 0);
    host_work(h);
    host_run(h, out, in, middle);
    host_set(h, path_b);
    host_run(h, out, in, 0);
    host_work(h);
    host_run(h, out + middle, in + middle, LEN - middle);
    reference_run(&a, a_out, in, LEN);
    reference_run(&b, b_out, in + ramp, LEN - ramp);
    signal_fade(want, in, a_out, ramp, ramp);
    signal_fade(want + ramp, a_out + ramp, b_out, LEN - ramp, ramp);
    signal_same(out, want, LEN);
    host_close(h);
    reference_close(&a);
    reference_close(&b);
}

/* All that was loaded and replaced is freed, in the worker, before the plug-in is closed. */
static void test_freed(void **state) {
    (void)state;
    host *h = open_active(WORKER_BY_HAND);
    int64_t before = -1;
    for (int i = 0; i < 20; i++) {
        host_set(h, i % 2 ? path_a : path_c); /* nets of one size */
        host_run(h, out, in, 64);
        host_work(h);
        host_run(h, out, in, LEN);
        host_work(h);
        if (i == 1) {
            before = malloc_blocks();
        }
    }
    assert_int_equal(malloc_blocks(), before);
    host_close(h);
}

/* Wishes that come faster than fades end: the last one is what stays. */
static void test_fast(void **state) {
    (void)state;
    const char *paths[] = {path_a, path_b, path_c};
    int64_t before = -1;
    for (uint32_t block = 16; block < 2000; block *= 3) {
        host *h = open_active(WORKER_BY_HAND);
        for (int i = 0; i < 40; i++) {
            host_set(h, paths[i % 3]);
            h->enabled = (float)(i % 7 != 0);
            host_run(h, out, in, block);
            if (i % 5 != 4) { /* now and then two wishes wait */
                host_work(h);
            }
        }
        host_work(h);
        expect_model(h, paths[39 % 3]);
        host_close(h);
        before = before < 0 ? malloc_blocks() : before;
        assert_int_equal(malloc_blocks(), before);
    }
}

/* Two wishes in one run: the second. A wish while the first is being loaded: the second, too. */
static void test_newest(void **state) {
    (void)state;
    host *h = open_active(WORKER_BY_HAND);
    host_set(h, path_a);
    host_set(h, path_b);
    host_run(h, out, in, 64);
    assert_int_equal(worker_work(&h->worker), 1);
    host_run(h, out, in, 64);
    expect_model(h, path_b);
    host_set(h, path_a);
    host_run(h, out, in, 64);
    worker_work(&h->worker); /* A's answer is there, and nobody has looked */
    host_set(h, path_c);
    host_run(h, out, in, 64);
    expect_model(h, path_b);
    host_work(h);
    expect_model(h, path_c);
    host_close(h);
}

/* Two answers before run() looks: the first is freed unseen. */
static void test_unseen(void **state) {
    (void)state;
    int64_t before = -1;
    for (int i = 0; i < 3; i++) {
        host *h = open_active(WORKER_BY_HAND);
        host_set(h, path_a);
        host_run(h, out, in, 64);
        host_set(h, path_b);
        host_run(h, out, in, 64);
        assert_int_equal(worker_work(&h->worker), 2);
        host_run(h, out, in, 64);
        expect_model(h, path_b);
        host_close(h);
        before = before < 0 ? malloc_blocks() : before;
        assert_int_equal(malloc_blocks(), before);
    }
}

/* Closed with an answer that nobody has taken, a fade under way, an old model that waits. */
static void test_close(void **state) {
    (void)state;
    int64_t before = 0;
    for (int i = 0; i < 6; i++) {
        host *h = open_active(WORKER_BY_HAND);
        host_set(h, path_a);
        host_run(h, out, in, 64);
        host_work(h);
        host_run(h, out, in, i % 2 ? 64 : LEN);
        host_set(h, path_b);
        host_run(h, out, in, 64);
        if (i >= 2) {
            worker_work(&h->worker);
        }
        if (i >= 4) {
            host_run(h, out, in, i == 4 ? 64 : LEN);
        }
        host_close(h);
        before = i == 0 ? malloc_blocks() : before;
    }
    assert_int_equal(malloc_blocks(), before);
}

static void test_at_once(void **state) {
    (void)state;
    host *h = open_active(WORKER_AT_ONCE);
    reference a = reference_open(path_a, 1);
    host_set(h, path_a);
    host_run(h, out, in, LEN); /* in the very run that asks */
    reference_run(&a, a_out, in, LEN);
    signal_fade(want, in, a_out, LEN, h->ramp);
    signal_same(out, want, LEN);
    host_set(h, path_b);
    host_run(h, out, in, LEN);
    expect_model(h, path_b);
    host_close(h);
    reference_close(&a);
}

static void test_thread(void **state) {
    (void)state;
    const char *paths[] = {path_a, path_b, path_c, models_path("no such file")};
    host *h = open_active(WORKER_THREAD);
    for (int i = 0; i < 3000; i++) {
        if (i % 13 == 0) {
            host_set(h, paths[i / 13 % 4]);
        }
        uint32_t n = (uint32_t)(i * 31 % 200);
        host_run(h, out, in, n);
        for (uint32_t j = 0; j < n; j++) {
            assert_true(isfinite(out[j]));
        }
    }
    host_set(h, path_c);
    host_run(h, out, in, 64);
    for (int i = 0; i < 3; i++) { /* the queue may have been full */
        worker_wait(&h->worker);
        host_run(h, out, in, 64);
    }
    expect_model(h, path_c);
    host_close(h);
}

static void test_no_worker(void **state) {
    (void)state;
    host *h = open_active(WORKER_NONE);
    host_set(h, path_a);
    for (int i = 0; i < 3; i++) {
        host_run(h, out, in, LEN);
        signal_same(out, in, LEN);
        assert_int_equal((int)h->status, NO_WORKER);
    }
    host_close(h);
}

/* A host whose queue is full: the plug-in asks again, for what is to come and for what is to go. */
static void test_full_queue(void **state) {
    (void)state;
    host *h = open_active(WORKER_BY_HAND);
    for (int i = 0; i < 2; i++) {
        h->worker.refuse = 3;
        host_set(h, i == 0 ? path_a : path_b);
        for (int j = 0; j < 4; j++) {
            assert_int_equal(worker_work(&h->worker), 0);
            host_run(h, out, in, 64);
        }
        assert_int_equal(worker_work(&h->worker), 1);
        host_run(h, out, in, 64);
        h->worker.refuse = 3;
        host_run(h, out, in, LEN);
    }
    int freed = 0;
    for (int j = 0; j < 4; j++) {
        host_run(h, out, in, 64);
        freed += worker_work(&h->worker);
    }
    assert_int_equal(freed, 1);
    expect_model(h, path_b);
    host_close(h);
}

/* ---- files that are refused ------------------------------------------------------------------ */

static const char *make_table(void) {
    tkr_cell *part[2], *net;
    const char *path = models_path("table");
    assert_ok(tkr_cell_create(&part[0], TKR_EMBEDDING, 1, 4, NULL));
    assert_ok(tkr_cell_create(&part[1], TKR_LINEAR, 4, 1, NULL));
    assert_ok(tkr_cell_chain(&net, part, 2, NULL));
    assert_ok(tkr_cell_init(net, 1));
    assert_ok(tkr_cell_save(net, path));
    tkr_cell_destroy(net);
    return path;
}

/* Refused: the host hears why, the log has the file, what was heard goes on. */
static void expect_refusal(const char *path, int status, int with_model) {
    host *h = open_active(WORKER_BY_HAND);
    reference a = reference_open(path_a, 1);
    if (with_model) {
        host_set(h, path_a);
        host_run(h, out, in, 0);
        host_work(h);
    }
    host_run(h, out, in, LEN);
    reference_run(&a, want, in, LEN);
    host_set(h, path);
    host_run(h, out, in, 0);
    host_work(h);
    host_run(h, out, in, LEN);
    reference_run(&a, want, in, LEN);
    assert_int_equal((int)h->status, status);
    assert_non_null(strstr(h->logged, path));
    assert_true(strlen(h->logged) > strlen(path) + 10);
    signal_same(out, with_model ? want : in, LEN);
    assert_string_equal(host_told(h), with_model ? path_a : "");
    host_close(h);
    reference_close(&a);
}

static void test_refused(void **state) {
    (void)state;
    const char *folder = models_path("a folder");
    assert_int_equal(mkdir(folder, 0700), 0);
    model_kind knob = {TKR_LSTM, 2, 1, 0, NULL, 1}, stereo = {TKR_LSTM, 1, 2, 0, NULL, 1};
    model_kind both = {TKR_LSTM, 1, 1, TKR_BOTH, NULL, 1}, slow = {TKR_LSTM, 1, 1, 0, "44100", 1};
    const struct {
        const char *path;
        int status;
    } files[] = {
        {models_path("no such file"), UNREADABLE},
        {folder, UNREADABLE},
        {models_write("text", "This is no model.\n"), NOT_A_MODEL},
        {models_write("nothing", ""), NOT_A_MODEL},
        {models_make("knob", &knob), WRONG_SHAPE},
        {models_make("stereo", &stereo), WRONG_SHAPE},
        {models_make("slow", &slow), WRONG_RATE},
        {models_make("both", &both), CANNOT_STREAM},
        {make_table(), CANNOT_STREAM},
    };
    for (size_t i = 0; i < 2 * sizeof files / sizeof *files; i++) {
        expect_refusal(files[i / 2].path, files[i / 2].status, i % 2);
    }
}

/* Messages that are none of ours, or not well made. */
static void test_odd_messages(void **state) {
    (void)state;
    host *h = open_active(WORKER_BY_HAND);
    uint32_t len = (uint32_t)strlen(path_a);
    static char long_path[5000];
    memset(long_path, 'x', sizeof long_path - 1);
    host_send(h, HOST_MODEL, LV2_ATOM__Path, path_a, len + 1);    /* another subject */
    host_send(h, HOST_PLUGIN, LV2_ATOM__String, path_a, len + 1); /* not a path */
    host_send(h, HOST_PLUGIN, LV2_ATOM__Path, path_a, len);       /* no end */
    host_send(h, HOST_PLUGIN, LV2_ATOM__Path, "", 1);
    host_send(h, HOST_PLUGIN, LV2_ATOM__Path, "", 0);
    host_run(h, out, in, 64);
    host_send(h, HOST_PLUGIN, LV2_ATOM__Path, long_path, sizeof long_path);
    host_run(h, out, in, 64);
    assert_int_equal(worker_work(&h->worker), 0);
    assert_int_equal((int)h->status, NO_MODEL);
    host_send(h, NULL, LV2_ATOM__Path, path_a, len + 1); /* no subject: ours */
    host_run(h, out, in, 64);
    host_work(h);
    expect_model(h, path_a);
    host_close(h);
}

static int make_models(void **state) {
    (void)state;
    static char paths[3][200];
    const char *made[] = {models_plain("a", 2, NULL), models_plain("b", 3, "48000"),
                          models_plain("c", 4, NULL)};
    for (int i = 0; i < 3; i++) {
        strcpy(paths[i], made[i]);
    }
    path_a = paths[0];
    path_b = paths[1];
    path_c = paths[2];
    signal_make(in, LEN, 2);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fade),         cmocka_unit_test(test_freed),
        cmocka_unit_test(test_fast),         cmocka_unit_test(test_newest),
        cmocka_unit_test(test_close),        cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_thread),       cmocka_unit_test(test_no_worker),
        cmocka_unit_test(test_full_queue),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_odd_messages), cmocka_unit_test(test_fade_waits),
        cmocka_unit_test(test_unseen),
    };
    return cmocka_run_group_tests(tests, make_models, NULL);
}
