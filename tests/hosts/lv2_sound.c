/* SPDX-License-Identifier: MIT
 * examples/lv2 in a host, what is heard: at every rate and block length the bits of the library's
 * own steps; dry and unchanged where there is nothing to run; no number that poisons it. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hosts/lv2_host.h"
#include "hosts/lv2_models.h"
#include "support/support.h"

enum { LEN = 12000 };

typedef struct sounds {
    float in[LEN], out[LEN], want[LEN], other[LEN];
} sounds;

static int setup(void **state) {
    sounds *s = calloc(1, sizeof *s);
    signal_make(s->in, LEN, 1);
    *state = s;
    return s == NULL;
}

static int teardown(void **state) {
    free(*state);
    return 0;
}

/* With a model from the first sample on. */
static host *open_with(double rate, const char *path) {
    host *h = host_open(rate, WORKER_BY_HAND);
    host_activate(h);
    host_set(h, path);
    host_run(h, NULL, NULL, 0);
    host_work(h);
    return h;
}

/* The whole signal in blocks of n; 0: of lengths that change, 0 among them. */
static void run_blocks(host *h, sounds *s, uint32_t n) {
    for (uint32_t done = 0, turn = 0; done < LEN; turn++) {
        uint32_t len = n > 0 ? n : turn * 7919 % 613 % 301;
        len = len < LEN - done ? len : LEN - done;
        host_run(h, s->out + done, s->in + done, len);
        done += len;
    }
}

static const uint32_t blocks[] = {1, 16, 64, 4096, 37, 1000, 257, 0};
enum { N_BLOCKS = sizeof blocks / sizeof *blocks };

static void test_rates(void **state) {
    static const struct {
        const char *own;
        double rate;
        uint32_t k;
    } rates[] = {{NULL, 48000, 1},     {"48000", 48000, 1}, {"48000", 96000, 2},
                 {"48000", 192000, 4}, {"44100", 44100, 1}, {"44100", 88200, 2},
                 {"16000", 48000, 3},  {"96000", 96000, 1}};
    sounds *s = *state;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        const char *path = models_plain("rate", i, rates[i].own);
        reference r = reference_open(path, rates[i].k);
        reference_run(&r, s->want, s->in, LEN);
        for (int b = 0; b < N_BLOCKS; b++) {
            host *h = open_with(rates[i].rate, path);
            run_blocks(h, s, blocks[b]);
            assert_int_equal((int)h->status, RUNNING);
            signal_same(s->out, s->want, LEN);
            host_close(h);
        }
        reference_close(&r);
    }
}

static void test_rates_refused(void **state) {
    static const struct {
        const char *own;
        double rate;
    } rates[] = {{NULL, 44100},      {"44100", 48000},    {"96000", 48000}, {"48000", 88200},
                 {"48000", 72000},   {"fast", 48000},     {"", 48000},      {"48000 Hz", 48000},
                 {"48000", 48000.5}, {"0", 48000},        {"-1", 48000},    {"99999999999", 48000},
                 {"500", 48000},     {"48000", INFINITY}, {"48000", 0}};
    sounds *s = *state;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        host *h = open_with(rates[i].rate, models_plain("rate", i, rates[i].own));
        run_blocks(h, s, 64);
        assert_int_equal((int)h->status, WRONG_RATE);
        signal_same(s->out, s->in, LEN);
        assert_non_null(strstr(h->logged, "Hz"));
        host_close(h);
    }
}

static void test_in_place(void **state) {
    sounds *s = *state;
    const char *path = models_plain("place", 2, NULL);
    reference r = reference_open(path, 1);
    reference_run(&r, s->want, s->in, LEN);
    host *h = open_with(48000, path);
    memcpy(s->out, s->in, sizeof s->in);
    host_run(h, s->out, s->out, 5000);
    for (uint32_t done = 5000; done < LEN; done += 500) {
        host_run(h, s->out + done, s->out + done, 500);
    }
    signal_same(s->out, s->want, LEN);
    host_close(h);
    reference_close(&r);
}

/* Activated again, it begins from silence. */
static void test_activate(void **state) {
    sounds *s = *state;
    const char *path = models_plain("again", 3, NULL);
    reference r = reference_open(path, 2);
    host *h = open_with(96000, path);
    reference_run(&r, s->want, s->in, LEN);
    for (int i = 0; i < 3; i++) {
        run_blocks(h, s, 333);
        signal_same(s->out, s->want, LEN);
        lilv_instance_deactivate(h->instance);
        host_activate(h);
    }
    host_close(h);
    reference_close(&r);
}

static void test_dry(void **state) {
    sounds *s = *state;
    static const int workers[] = {WORKER_BY_HAND, WORKER_NONE, HOST_BARE};
    for (int i = 0; i < 3; i++) {
        for (int b = 0; b < N_BLOCKS; b++) {
            host *h = host_open(48000, workers[i]);
            host_activate(h);
            h->gain = h->level = 12; /* of the model, and there is none */
            run_blocks(h, s, blocks[b]);
            assert_int_equal((int)h->status, NO_MODEL);
            signal_same(s->out, s->in, LEN);
            host_close(h);
        }
    }
}

/* Off and on: a fade to the input, and one to the net, which begins anew. */
static void test_bypass(void **state) {
    enum { HALF = LEN / 2 };
    sounds *s = *state;
    const char *path = models_plain("bypass", 4, NULL);
    for (int b = 0; b < N_BLOCKS; b++) {
        reference r = reference_open(path, 1);
        host *h = open_with(48000, path);
        uint32_t n = blocks[b] > 0 ? blocks[b] : 300;
        host_run(h, s->out, s->in, 100);
        reference_run(&r, s->other, s->in, 100);
        h->enabled = 0;
        for (uint32_t i = 0; i < HALF; i += n) {
            host_run(h, s->out + i, s->in + i, n < HALF - i ? n : HALF - i);
        }
        reference_run(&r, s->other, s->in, HALF);
        signal_fade(s->want, s->other, s->in, HALF, h->ramp);
        signal_same(s->out, s->want, HALF);
        h->enabled = 1;
        for (uint32_t i = 0; i < HALF; i += n) {
            host_run(h, s->out + i, s->in + i, n < HALF - i ? n : HALF - i);
        }
        reference_reset(&r);
        reference_run(&r, s->other, s->in, HALF);
        signal_fade(s->want, s->in, s->other, HALF, h->ramp);
        signal_same(s->out, s->want, HALF);
        host_close(h);
        reference_close(&r);
    }
}

/* Both factors, and what is no number or out of range. */
static void test_gain(void **state) {
    static const struct {
        float gain, level, in_db, out_db;
    } cases[] = {{6, 0, 6, 0},   {0, -12, 0, -12},     {-60, 24, -60, 24},
                 {NAN, 3, 0, 3}, {3, INFINITY, 3, 24}, {-INFINITY, 100, -60, 24}};
    sounds *s = *state;
    const char *path = models_plain("gain", 5, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        reference r = reference_open(path, 1);
        host *h = open_with(48000, path);
        h->gain = cases[i].gain;
        h->level = cases[i].level;
        float in = powf(10, 0.05f * cases[i].in_db), out = powf(10, 0.05f * cases[i].out_db);
        for (int n = 0; n < LEN; n++) {
            s->other[n] = s->in[n] * in;
        }
        reference_run(&r, s->want, s->other, LEN);
        for (int n = 0; n < LEN; n++) {
            s->want[n] *= out;
        }
        run_blocks(h, s, 100);
        signal_same(s->out, s->want, LEN);
        host_close(h);
        reference_close(&r);
    }
}

/* A level that is changed goes there in equal steps, and is then exactly there. */
static void test_gain_moves(void **state) {
    sounds *s = *state;
    const char *path = models_plain("moves", 6, NULL);
    reference r = reference_open(path, 1);
    host *h = open_with(48000, path);
    reference_run(&r, s->want, s->in, LEN);
    host_run(h, s->out, s->in, 64);
    h->level = -20;
    host_run(h, s->out + 64, s->in + 64, LEN - 64);
    for (uint32_t i = 0; i < LEN - 64; i++) {
        double t = fmin(1, (i + 1) / (double)h->ramp);
        double level = 1 + (0.1 - 1) * t, got = s->out[64 + i], want = s->want[64 + i] * level;
        assert_true(fabs(got - want) <= 1e-4 * fabs(s->want[64 + i]));
    }
    assert_true(s->out[LEN - 1] == s->want[LEN - 1] * powf(10, -1));
    host_close(h);
    reference_close(&r);
}

/* What is not sound counts as zero, in the net and beside it, and nothing of it stays. */
static void test_bad_input(void **state) {
    static const float bad[] = {NAN,    -NAN,    INFINITY,     -INFINITY, FLT_MAX,
                                -2e30f, FLT_MIN, -FLT_MIN / 3, 1e-45f,    5e-31f};
    sounds *s = *state;
    const char *path = models_plain("bad", 7, NULL);
    for (int with_model = 0; with_model <= 1; with_model++) {
        reference r = reference_open(path, 2);
        host *h = open_with(96000, with_model ? path : models_path("no such file"));
        memcpy(s->other, s->in, sizeof s->in);
        for (uint32_t i = 0; i < LEN; i += 11) {
            s->in[i] = bad[i / 11 % 10];
            s->other[i] = copysignf(0, s->in[i]);
        }
        memcpy(s->want, s->other, sizeof s->want);
        if (with_model) {
            reference_run(&r, s->want, s->other, LEN);
        }
        run_blocks(h, s, 64);
        signal_same(s->out, s->want, LEN);
        host_close(h);
        reference_close(&r);
    }
    signal_make(s->in, LEN, 1);
}

#if defined(__SSE2__)
#include <xmmintrin.h>
enum { DENORMAL = 0x0002, UNDERFLOW_ = 0x0010 };

/* No sum or product of the plug-in's own meets a denormal number, or makes one: the processor would
 * have noted it. (No host switches denormals off.) */
static void test_denormals(void **state) {
    sounds *s = *state;
    const char *path = models_plain("denormal", 8, NULL);
    for (int i = 0; i < LEN; i++) {
        s->in[i] = i % 2 ? 1e-40f : -3e-30f;
    }
    host *h = open_with(48000, path);
    h->gain = h->level = -60;
    host_run(h, s->out, s->in, 4000);
    unsigned mode = _mm_getcsr();
    _mm_setcsr(mode & ~0x3Fu);
    run_blocks(h, s, 64);
    h->enabled = 0;
    run_blocks(h, s, 64);
    unsigned noted = _mm_getcsr();
    _mm_setcsr(mode);
    assert_int_equal(noted & (DENORMAL | UNDERFLOW_), 0);
    assert_int_equal(noted & ~0x3Fu, mode & ~0x3Fu);
    host_close(h);
    signal_make(s->in, LEN, 1);
}
#else
static void test_denormals(void **state) {
    (void)state;
    skip();
}
#endif

/* A net whose state grows without bound is silent where it is no number, and comes back. */
static void test_blow_up(void **state) {
    sounds *s = *state;
    tkr_cell *cell;
    static const float gain[] = {1.5f}, one[] = {1}, zero[] = {0};
    const char *path = models_path("grows");
    assert_ok(tkr_cell_create(&cell, TKR_ELMAN, 1, 1, NULL));
    assert_ok(tkr_cell_set_int(cell, TKR_ACTIVATION, TKR_IDENTITY));
    assert_ok(tkr_cell_init(cell, 1));
    assert_ok(tkr_cell_set_parameter(cell, "weight_hh_l0", gain, 1));
    assert_ok(tkr_cell_set_parameter(cell, "weight_ih_l0", one, 1));
    assert_ok(tkr_cell_set_parameter(cell, "bias_ih_l0", zero, 1));
    assert_ok(tkr_cell_set_parameter(cell, "bias_hh_l0", zero, 1));
    assert_ok(tkr_cell_save(cell, path));
    tkr_cell_destroy(cell);
    reference r = reference_open(path, 1);
    host *h = open_with(48000, path);
    run_blocks(h, s, 100);
    for (int i = 0; i < LEN; i++) {
        assert_true(isfinite(s->out[i]));
    }
    while (s->out[0] !=
           0) { /* the block in which it leaves the range is the last with that state */
        memset(s->other, 0, 1000 * sizeof(float));
        host_run(h, s->out, s->other, 1);
    }
    reference_run(&r, s->want, s->in, 20);
    host_run(h, s->out, s->in, 20);
    signal_same(s->out, s->want, 20);
    host_close(h);
    reference_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rates_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_in_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_activate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dry, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bypass, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gain_moves, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_input, setup, teardown),
        cmocka_unit_test_setup_teardown(test_denormals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_blow_up, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
