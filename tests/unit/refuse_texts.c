/* SPDX-License-Identifier: MIT
 * What vocabularies, samplers and the gradient checker refuse. */
#include <math.h>

#include "unit/refusals.h"

enum { V = WORLD_V };

static void test_vocabulary(void **state) {
    world *w = *state;
    const tkr_env *env = &w->env;
    tkr_vocabulary *v = w->vocabulary, **made = &w->made.vocabulary;
    int32_t *ids = w->io.ids;
    int64_t *n = w->io.n;
    char *text = (char *)w->io.values;
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_vocabulary_create(NULL, TKR_BYTES, NULL, 0, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_vocabulary_create(made, 0, "a", 1, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_vocabulary_create(made, TKR_CHARACTERS, NULL, 0, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_vocabulary_create(made, TKR_CHARACTERS, "", 0, env));
    const char *wrong[] = {"a\xFF", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82"};
    const uint64_t len[] = {2, 2, 3, 4, 2};
    for (int i = 0; i < 5; i++) {
        REFUSES_TO_MAKE(w, TKR_ERR_FORMAT,
                        tkr_vocabulary_create(made, TKR_CHARACTERS, wrong[i], len[i], env));
        REFUSES(w, TKR_ERR_FORMAT, NULL, tkr_vocabulary_encode(v, ids, 4, n, wrong[i], len[i], 0));
    }
    assert_int_equal(tkr_vocabulary_len(NULL), 0);
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_vocabulary_encode(NULL, ids, 4, n, "a", 1, -1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_vocabulary_encode(v, ids, 4, NULL, "a", 1, -1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_vocabulary_encode(v, ids, 4, n, NULL, 1, -1));
    REFUSES(w, TKR_ERR_TOKEN, NULL, tkr_vocabulary_encode(v, ids, 4, n, "abz", 3, -1));
    REFUSES(w, TKR_ERR_TOKEN, NULL, tkr_vocabulary_encode(v, ids, 4, n, "ab", 2, V));
    REFUSES(w, TKR_ERR_SHAPE, NULL, tkr_vocabulary_encode(v, ids, 2, n, "abc", 3, -1));
    REFUSES(w, TKR_ERR_TOKEN, NULL, tkr_vocabulary_decode(v, V, text, w->io.u));
    REFUSES(w, TKR_ERR_TOKEN, NULL, tkr_vocabulary_decode(v, -1, text, w->io.u));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_vocabulary_decode(NULL, 0, text, w->io.u));
}

static void test_sampler(void **state) {
    world *w = *state;
    tkr_sampler *s = w->sampler, **made = &w->made.sampler;
    const char *text = tkr_sampler_detail(s);
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_sampler_create(NULL, 4, 1, &w->env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_sampler_create(made, 0, 1, &w->env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_sampler_create(made, INT64_MAX, 1, &w->env));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_sampler_set_float(NULL, TKR_TEMPERATURE, 1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_sampler_set_float(s, TKR_TEMPERATURE, -1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_sampler_set_float(s, TKR_TEMPERATURE, (double)NAN));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_sampler_set_float(s, TKR_TOP_P, 0));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_sampler_set_float(s, TKR_TOP_P, 1.01));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_sampler_set_float(s, TKR_TOP_P, (double)NAN));
    REFUSES(w, TKR_ERR_KEY, text, tkr_sampler_set_float(s, TKR_TOP_K, 1));
    REFUSES(w, TKR_ERR_KEY, text, tkr_sampler_set_int(s, TKR_TOP_P, 1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_sampler_set_int(s, TKR_TOP_K, -1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_sampler_set_int(NULL, TKR_TOP_K, 1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_sampler_get_random(NULL, w->io.u));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_sampler_get_random(s, NULL));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_sampler_set_random(s, NULL));
}

static void test_draw(void **state) {
    world *w = *state;
    tkr_sampler *s = w->sampler;
    const char *text = tkr_sampler_detail(s);
    int32_t *id = &w->io.number;
    const float none[V] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY}, nan[V] = {0, NAN, 0, 0};
    const float infinite[V] = {0, INFINITY, 0, 0};
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_sampler_draw(NULL, id, nan, V));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_sampler_draw(s, NULL, nan, V));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_sampler_draw(s, id, NULL, V));
    REFUSES(w, TKR_ERR_SHAPE, text, tkr_sampler_draw(s, id, w->io.values, V + 1));
    REFUSES(w, TKR_ERR_SHAPE, text, tkr_sampler_draw(s, id, w->io.values, 0));
    for (int greedy = 0; greedy < 2; greedy++) {
        REFUSES(w, TKR_ERR_NUMERIC, text, tkr_sampler_draw(s, id, none, V));
        REFUSES(w, TKR_ERR_NUMERIC, text, tkr_sampler_draw(s, id, nan, V));
        REFUSES(w, TKR_ERR_NUMERIC, text, tkr_sampler_draw(s, id, infinite, V));
        assert_ok(tkr_sampler_set_float(s, TKR_TEMPERATURE, 0));
    }
}

static void test_spelling(void **state) {
    world *w = *state;
    tkr_vocabulary *words;
    const char text[] = "one two one";
    char *room = (char *)w->io.values;
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_vocabulary_spell(NULL, 0, room, 4, w->io.u));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_vocabulary_spell(w->vocabulary, 0, room, 4, NULL));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_vocabulary_spell(w->vocabulary, 0, NULL, 4, w->io.u));
    REFUSES(w, TKR_ERR_TOKEN, NULL, tkr_vocabulary_spell(w->vocabulary, V, room, 4, w->io.u));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_vocabulary_find(w->vocabulary, NULL, "a", 1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_vocabulary_find(w->vocabulary, &w->io.number, NULL, 1));
    REFUSES(w, TKR_ERR_TOKEN, NULL, tkr_vocabulary_find(w->vocabulary, &w->io.number, "z", 1));
    REFUSES(w, TKR_ERR_TOKEN, NULL, tkr_vocabulary_find(w->vocabulary, &w->io.number, "", 0));
    assert_ok(tkr_vocabulary_create(&words, TKR_WORDS, text, sizeof text - 1, &w->env));
    REFUSES(w, TKR_ERR_UNSUPPORTED, NULL, tkr_vocabulary_decode(words, 1, room, w->io.u));
    REFUSES(w, TKR_ERR_TOKEN, NULL,
            tkr_vocabulary_encode(words, w->io.ids, 4, w->io.n, "three", 5, -1));
    REFUSES(w, TKR_ERR_FORMAT, NULL,
            tkr_vocabulary_encode(words, w->io.ids, 4, w->io.n, "one <s>", 7, 0));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_vocabulary_set_int(NULL, TKR_RESERVED, 1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_vocabulary_set_int(words, TKR_RESERVED, 2));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_vocabulary_set_int(words, TKR_RESERVED, -1));
    REFUSES(w, TKR_ERR_KEY, NULL, tkr_vocabulary_set_int(words, TKR_TOP_K, 1));
    tkr_vocabulary_destroy(words);
}

static int32_t stops(void *user, const float *x, double *loss) {
    int *left = user;
    *loss = (double)x[0];
    return --*left < 0 ? -77 : 0;
}

/* The point is restored and the verdict untouched, wherever the caller's function stops. */
static void test_gradient_check(void **state) {
    world *w = *state;
    float *x = w->io.values;
    const float gradient[2] = {1, 0};
    double *worst = w->io.real;
    int left = 100;
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_gradient_check(NULL, &left, x, gradient, 2, worst));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_gradient_check(stops, &left, NULL, gradient, 2, worst));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_gradient_check(stops, &left, x, NULL, 2, worst));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_gradient_check(stops, &left, x, gradient, 0, worst));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_gradient_check(stops, &left, x, gradient, 2, NULL));
    for (int calls = 0; calls < 9; calls++) {
        left = calls;
        REFUSES(w, -77, NULL, tkr_gradient_check(stops, &left, x, gradient, 2, worst));
    }
    left = 100;
    assert_ok(tkr_gradient_check(stops, &left, x, gradient, 2, worst));
    assert_int_equal(left, 100 - 9);
    assert_true(*worst < 0.01);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, refusal_setup, refusal_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_vocabulary), CASE(test_sampler),        CASE(test_draw),
        CASE(test_spelling),   CASE(test_gradient_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
