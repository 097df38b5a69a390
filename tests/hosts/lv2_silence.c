/* SPDX-License-Identifier: MIT
 * examples/lv2 in a host: run() allocates nothing, frees nothing, makes no system call (so no lock
 * can make it wait). Not while it plays, nor while it asks for a model, takes it, fades and gives
 * the old one back. */
#include <math.h>

#include "hosts/lv2_host.h"
#include "hosts/lv2_models.h"
#include "support/malloc.h"
#include "support/silent.h"
#include "support/support.h"

enum { LEN = 4096 };

static float in[LEN], out[LEN];

/* What one stretch of time is made of: a run with the messages that wait, then others. */
static int32_t play(void *argument) {
    host *h = argument;
    static const uint32_t blocks[] = {64, 0, 1, 17, LEN, 256, 255, 257};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        h->gain = (float)i;
        host_run(h, out, in, blocks[i]);
    }
    h->enabled = 1 - h->enabled;
    host_run(h, out, in, LEN);
    h->enabled = 1 - h->enabled;
    host_run(h, out, in, LEN);
    return 0;
}

/* In a child that may do nothing else, then here. */
static void expect_silence(host *h) {
    int verdict = silent_run(play, h);
    if (verdict == SILENT_UNABLE) {
        host_close(h);
        skip();
    }
    assert_int_equal(verdict, SILENT_YES);
    int64_t calls = malloc_calls(), blocks = malloc_blocks();
    play(h);
    assert_int_equal(malloc_calls(), calls);
    assert_int_equal(malloc_blocks(), blocks);
}

static void test_silence(void **state) {
    double rate = *(const int *)*state;
    const char *paths[] = {models_plain("a", 2, NULL), models_plain("b", 3, NULL),
                           models_write("text", "no model"), models_path("no such file")};
    host *h = host_open(rate, WORKER_BY_HAND);
    host_activate(h);
    play(h);
    for (int i = 0; i < 8; i++) {
        host_set(h, paths[i % 4]);
        host_get(h);
        expect_silence(h); /* asks */
        assert_true(worker_work(&h->worker) >= 1);
        expect_silence(h); /* takes, fades, gives back */
    }
    assert_true(h->worker.n > 0);
    host_close(h);
}

static void test_no_worker(void **state) {
    (void)state;
    host *h = host_open(48000, WORKER_NONE);
    host_activate(h);
    host_set(h, models_plain("a", 2, NULL));
    expect_silence(h);
    host_close(h);
}

int main(void) {
    static int once = 48000, twice = 96000, never = 44100;
    if (!malloc_is_counted()) {
        print_message("skip - silence - a sanitizer has its own malloc, and makes system calls\n");
        return 77;
    }
    signal_make(in, LEN, 3);
    in[100] = INFINITY;
    const struct CMUnitTest tests[] = {
        {"one_stream_is_silent", test_silence, NULL, NULL, &once},
        {"two_streams_are_silent", test_silence, NULL, NULL, &twice},
        {"a_refused_rate_is_silent", test_silence, NULL, NULL, &never},
        cmocka_unit_test(test_no_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
