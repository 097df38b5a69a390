/* SPDX-License-Identifier: MIT
 * The sampler: whom it draws, how often (chi-squared against probabilities computed here), and that
 * it continues bit for bit from a saved random state. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/fpmode.h"
#include "core/random.h"
#include "support/heap.h"
#include "support/silent.h"
#include "support/support.h"

enum { V = 10, DRAWS = 20000 };

/* What a sampler is told. */
typedef struct settings {
    double temperature, top_p;
    int64_t top_k;
} settings;

static tkr_sampler *make(settings with, uint64_t seed) {
    tkr_sampler *s;
    assert_ok(tkr_sampler_create(&s, V, seed, NULL));
    assert_ok(tkr_sampler_set_float(s, TKR_TEMPERATURE, with.temperature));
    assert_ok(tkr_sampler_set_float(s, TKR_TOP_P, with.top_p));
    assert_ok(tkr_sampler_set_int(s, TKR_TOP_K, with.top_k));
    return s;
}

/* Probabilities by the definition: temperature, then the k likeliest, then the likeliest up to the
 * mass p of those; ties to the lower id. Ranks by counting, so no sort. */
static void probabilities(double *p, const float *scores, settings with) {
    double w[V], sum = 0, kept = 0;
    int rank[V];
    for (int i = 0; i < V; i++) {
        w[i] = exp((double)scores[i] / with.temperature);
        rank[i] = 0;
        for (int j = 0; j < V; j++) {
            rank[i] += scores[j] > scores[i] || (scores[j] == scores[i] && j < i);
        }
    }
    for (int i = 0; i < V; i++) {
        w[i] = with.top_k > 0 && rank[i] >= with.top_k ? 0 : w[i];
        sum += w[i];
    }
    for (int i = 0; i < V; i++) {
        double before = 0;
        for (int j = 0; j < V; j++) {
            before += rank[j] < rank[i] ? w[j] : 0;
        }
        p[i] = before < with.top_p * sum ? w[i] : 0;
    }
    for (int i = 0; i < V; i++) {
        kept += p[i];
    }
    for (int i = 0; i < V; i++) {
        p[i] /= kept;
    }
}

static void check_frequencies(const float *scores, settings with) {
    double p[V], chi = 0;
    int counts[V] = {0}, cells = 0;
    tkr_sampler *s = make(with, compare_seed(5));
    probabilities(p, scores, with);
    for (int i = 0; i < DRAWS; i++) {
        int32_t id = -1;
        assert_ok(tkr_sampler_draw(s, &id, scores, V));
        assert_in_range(id, 0, V - 1);
        counts[id]++;
    }
    tkr_sampler_destroy(s);
    for (int i = 0; i < V; i++) {
        double want = p[i] * DRAWS;
        if (p[i] == 0) {
            assert_int_equal(counts[i], 0);
        } else if (want > 5) {
            chi += (counts[i] - want) * (counts[i] - want) / want;
            cells++;
        }
    }
    /* Mean cells - 1, deviation sqrt(2 (cells - 1)): six of them, and room for few cells. */
    if (!(chi <= cells + 6 * sqrt(2.0 * cells) + 10)) {
        print_error("chi-squared %g of %d cells: T %g, p %g, k %d\n", chi, cells, with.temperature,
                    with.top_p, (int)with.top_k);
        fail();
    }
}

static void test_frequencies(void **unused) {
    (void)unused;
    static const float scores[] = {0.5f, -1, 2, 2, 0, -INFINITY, 1.5f, -3, 0.5f, 1};
    static const double temperatures[] = {1, 0.5, 3}, masses[] = {1, 0.9, 0.5, 0.1};
    static const int64_t counts[] = {0, 1, 2, 3, 9, 10, 1000};
    for (int t = 0; t < 3; t++) {
        for (int p = 0; p < 4; p++) {
            for (int k = 0; k < 7; k++) {
                check_frequencies(scores, (settings){temperatures[t], masses[p], counts[k]});
            }
        }
    }
}

/* Temperature 0, top-k 1 and a small top-p are all greedy; ties to the lower id, -0 ties with 0. */
static void test_greedy(void **unused) {
    (void)unused;
    static const settings greedy[] = {{0, 1, 0},
                                      {1, 1, 1},
                                      {1, 1e-9, 0},
                                      {1e-30, 1, 0},
                                      {1, DBL_TRUE_MIN, 0},
                                      {DBL_TRUE_MIN, 1, 0},
                                      {1, DBL_TRUE_MIN, 3}};
    static const struct {
        float scores[4];
        int32_t want;
    } rows[] = {
        {{1, 3, 3, 2}, 1},
        {{-INFINITY, -INFINITY, -5, -INFINITY}, 2},
        {{-1, -0.0f, 0, -1}, 1},
        {{FLT_MAX, -FLT_MAX, FLT_MAX, 0}, 0},
        {{-FLT_MAX, -INFINITY, -FLT_MAX, -INFINITY}, 0},
    };
    for (size_t g = 0; g < sizeof greedy / sizeof *greedy; g++) {
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            /* A tiny temperature makes no difference between equal scores. */
            int tie = greedy[g].temperature == 1e-30 && r != 1;
            tkr_sampler *s = make(greedy[g], 1);
            for (int i = 0; i < 20; i++) {
                int32_t id = -1;
                assert_ok(tkr_sampler_draw(s, &id, rows[r].scores, 4));
                assert_true(id == rows[r].want ||
                            (tie && rows[r].scores[id] == rows[r].scores[rows[r].want]));
            }
            tkr_sampler_destroy(s);
        }
    }
}

/* A constant added to all scores changes nothing, however large the scores are. */
static void test_offset(void **unused) {
    (void)unused;
    float low[V], high[V];
    tkr_sampler *a = make((settings){1, 0.9, 0}, 9), *b = make((settings){1, 0.9, 0}, 9);
    for (int i = 0; i < V; i++) {
        low[i] = (float)(i % 4);
        high[i] = low[i] + 1048576;
    }
    for (int i = 0; i < 1000; i++) {
        int32_t x, y;
        assert_ok(tkr_sampler_draw(a, &x, low, V));
        assert_ok(tkr_sampler_draw(b, &y, high, V));
        assert_int_equal(x, y);
    }
    tkr_sampler_destroy(a);
    tkr_sampler_destroy(b);
}

/* The same seed draws the same; another one does not; a saved state continues; a draw that fails,
 * or is greedy, does not move it. */
static void test_random_state(void **unused) {
    (void)unused;
    float scores[V] = {0};
    uint64_t saved[4], after[4];
    int32_t first[100], again, nothing = -7;
    int differ = 0;
    tkr_sampler *s = make((settings){1, 1, 0}, 42), *other = make((settings){1, 1, 0}, 43);
    assert_ok(tkr_sampler_draw(s, &again, scores, V));
    assert_ok(tkr_sampler_get_random(s, saved));
    for (int i = 0; i < 100; i++) {
        assert_ok(tkr_sampler_draw(s, &first[i], scores, V));
        assert_ok(tkr_sampler_draw(other, &again, scores, V));
        differ += again != first[i];
    }
    assert_true(differ > 50);
    assert_ok(tkr_sampler_set_random(other, saved));
    for (int i = 0; i < 100; i++) {
        assert_ok(tkr_sampler_draw(other, &again, scores, V));
        assert_int_equal(again, first[i]);
    }
    assert_ok(tkr_sampler_get_random(s, saved));
    scores[3] = NAN;
    assert_status(tkr_sampler_draw(s, &nothing, scores, V), TKR_ERR_NUMERIC);
    scores[3] = 0;
    assert_ok(tkr_sampler_set_float(s, TKR_TEMPERATURE, 0));
    assert_ok(tkr_sampler_draw(s, &again, scores, V));
    assert_ok(tkr_sampler_get_random(s, after));
    assert_memory_equal(saved, after, sizeof saved);
    assert_int_equal(nothing, -7);
    tkr_sampler_destroy(s);
    tkr_sampler_destroy(other);
}

/* Whether a denormal product is zero just now. */
static int flushes(void) {
    volatile float tiny = 1e-40f, half = 0.5f, product = tiny * half;
    return product == 0.0f;
}

/* Denormal scores count as zero, whatever the caller's mode is; and it is the caller's again. */
static void test_denormals(void **unused) {
    (void)unused;
    const float scores[] = {0, 1e-40f};
    tkr_sampler *s = make((settings){0, 1, 0}, 1);
    for (int flushing = 0; flushing < 2; flushing++) {
        uint64_t mode = tkri_fpmode_enter();
        int can_flush = flushes();
        if (!flushing) {
            tkri_fpmode_leave(mode);
        }
        int32_t id = -1;
        assert_ok(tkr_sampler_draw(s, &id, scores, 2));
        int still = flushes();
        tkri_fpmode_leave(mode);
        assert_int_equal(id, can_flush ? 0 : 1);
        assert_int_equal(still, flushing && can_flush);
    }
    tkr_sampler_destroy(s);
}

/* The file of a sampler's state is for ever: version 1, seed, stream, index, and what follows. */
static void test_pinned(void **unused) {
    (void)unused;
    float scores[V] = {0};
    static const uint64_t want[] = {1, 7, UINT64_C(0x73616d706c657200), 3};
    uint64_t state[4];
    int32_t ids[3];
    tkri_random random = {7, UINT64_C(0x73616d706c657200), 0};
    tkr_sampler *s = make((settings){1, 1, 0}, 7);
    for (int i = 0; i < 3; i++) {
        assert_ok(tkr_sampler_draw(s, &ids[i], scores, V));
        assert_int_equal(ids[i], V - 1 - (int)(tkri_uniform(&random) * V));
    }
    assert_ok(tkr_sampler_get_random(s, state));
    assert_memory_equal(state, want, sizeof want);
    tkr_sampler_destroy(s);
}

static void test_refusals(void **unused) {
    (void)unused;
    static const double bad_temperatures[] = {-1, -DBL_MIN, (double)NAN, (double)INFINITY};
    static const double bad_masses[] = {0, -0.1, 1.0000001, (double)NAN};
    static const float bad_scores[][2] = {
        {0, NAN}, {NAN, 0}, {0, INFINITY}, {-INFINITY, -INFINITY}, {INFINITY, INFINITY}};
    tkr_sampler *s = (void *)&s;
    float scores[V + 1] = {0};
    uint64_t random[4] = {2, 0, 0, 0};
    int32_t id = -7;
    char detail[80] = "";
    tkr_env env = {.size = sizeof env, .detail = detail, .detail_len = sizeof detail};
    assert_status(tkr_sampler_create(NULL, 1, 0, NULL), TKR_ERR_ARGUMENT);
    assert_status(tkr_sampler_create(&s, 0, 0, &env), TKR_ERR_ARGUMENT);
    assert_null(s);
    assert_string_equal(detail, "a sampler of 0 symbols");
    assert_status(tkr_sampler_create(&s, INT64_C(1) << 31, 0, &env), TKR_ERR_ARGUMENT);
    env.size = 0;
    assert_status(tkr_sampler_create(&s, 1, 0, &env), TKR_ERR_ARGUMENT);
    s = make((settings){1, 1, 0}, 1);
    assert_string_equal(tkr_sampler_detail(s), "");
    for (int i = 0; i < 4; i++) {
        assert_status(tkr_sampler_set_float(s, TKR_TEMPERATURE, bad_temperatures[i]),
                      TKR_ERR_ARGUMENT);
        assert_status(tkr_sampler_set_float(s, TKR_TOP_P, bad_masses[i]), TKR_ERR_ARGUMENT);
    }
    assert_non_null(strstr(tkr_sampler_detail(s), "top_p = nan is not in "));
    assert_status(tkr_sampler_set_float(s, TKR_TOP_K, 1), TKR_ERR_KEY);
    assert_status(tkr_sampler_set_int(s, TKR_TOP_P, 1), TKR_ERR_KEY);
    assert_status(tkr_sampler_set_int(s, TKR_TOP_K, -1), TKR_ERR_ARGUMENT);
    for (size_t i = 0; i < sizeof bad_scores / sizeof *bad_scores; i++) {
        assert_status(tkr_sampler_draw(s, &id, bad_scores[i], 2), TKR_ERR_NUMERIC);
    }
    assert_status(tkr_sampler_draw(s, &id, scores, 0), TKR_ERR_SHAPE);
    assert_status(tkr_sampler_draw(s, &id, scores, V + 1), TKR_ERR_SHAPE);
    assert_status(tkr_sampler_draw(s, NULL, scores, V), TKR_ERR_ARGUMENT);
    assert_status(tkr_sampler_draw(s, &id, NULL, V), TKR_ERR_ARGUMENT);
    assert_status(tkr_sampler_set_random(s, random), TKR_ERR_ARGUMENT);
    assert_string_equal(tkr_sampler_detail(s), "a random state of version 2, not 1");
    assert_status(tkr_sampler_set_random(s, NULL), TKR_ERR_ARGUMENT);
    assert_status(tkr_sampler_get_random(s, NULL), TKR_ERR_ARGUMENT);
    assert_int_equal(id, -7);
    tkr_sampler_destroy(s);
    assert_status(tkr_sampler_draw(NULL, &id, scores, 1), TKR_ERR_ARGUMENT);
    assert_status(tkr_sampler_set_float(NULL, TKR_TOP_P, 1), TKR_ERR_ARGUMENT);
    assert_status(tkr_sampler_set_int(NULL, TKR_TOP_K, 1), TKR_ERR_ARGUMENT);
    assert_status(tkr_sampler_set_random(NULL, random), TKR_ERR_ARGUMENT);
    assert_status(tkr_sampler_get_random(NULL, random), TKR_ERR_ARGUMENT);
    assert_string_equal(tkr_sampler_detail(NULL), "");
    tkr_sampler_destroy(NULL);
}

static int32_t draw_much(void *argument) {
    static const settings all[] = {{1, 1, 0}, {0, 1, 0}, {0.7, 0.9, 0}, {2, 0.9, 5}};
    float scores[V] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    int32_t id, status = TKR_OK;
    for (int i = 0; i < 400 && status == TKR_OK; i++) {
        tkr_sampler *s = argument;
        (void)tkr_sampler_set_float(s, TKR_TEMPERATURE, all[i % 4].temperature);
        (void)tkr_sampler_set_float(s, TKR_TOP_P, all[i % 4].top_p);
        (void)tkr_sampler_set_int(s, TKR_TOP_K, all[i % 4].top_k);
        status = tkr_sampler_draw(s, &id, scores, V);
    }
    return status;
}

/* One block at create; nothing, and no system call, in a draw. */
static void test_memory(void **unused) {
    (void)unused;
    heap h;
    tkr_env env;
    tkr_sampler *s;
    heap_init(&h, &env);
    heap_fail(&h, 0, 0);
    assert_status(tkr_sampler_create(&s, V, 1, &env), TKR_ERR_MEMORY);
    assert_null(s);
    heap_fail(&h, 1, 1);
    assert_ok(tkr_sampler_create(&s, V, 1, &env));
    assert_ok(draw_much(s));
    assert_int_equal(h.calls, 1);
    int verdict = silent_run(draw_much, s);
    tkr_sampler_destroy(s);
    assert_true(heap_is_clean(&h));
    if (verdict == SILENT_UNABLE) {
        skip();
    }
    assert_int_equal(verdict, SILENT_YES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frequencies), cmocka_unit_test(test_greedy),
        cmocka_unit_test(test_offset),      cmocka_unit_test(test_random_state),
        cmocka_unit_test(test_pinned),      cmocka_unit_test(test_denormals),
        cmocka_unit_test(test_refusals),    cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
