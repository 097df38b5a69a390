/* SPDX-License-Identifier: MIT
 * What is checked of a model and of counts whose bytes nobody vouches for: every index and every
 * value out of its place, one by one. */
#include <math.h>
#include <string.h>

#include "ngram/file.h"
#include "support/support.h"

/* A good model of two orders: ids 0..2 and the mark; 0 1, 0 2 and <s> 0. */
static void fill_model(tkri_model *model) {
    static const uint32_t id[] = {1, 2, 0}, begin[] = {0, 2, 2, 2, 3};
    for (uint64_t row = 0; row < 4; row++) {
        tkri_model_put_logprob(model, 0, row, -1, 1);
        tkri_model_put_backoff(model, 0, row, 0.5);
    }
    for (uint64_t row = 0; row < 5; row++) {
        tkri_model_put_begin(model, 0, row, begin[row]);
    }
    for (uint64_t row = 0; row < 3; row++) {
        tkri_model_put_id(model, 1, row, id[row]);
        tkri_model_put_suffix(model, 1, row, id[row]);
        tkri_model_put_logprob(model, 1, row, row ? -INFINITY : -0.5, row != 1);
    }
}

static void test_every_check_of_models(void **unused) {
    (void)unused;
    tkri_env env;
    tkri_model model;
    const tkri_model_shape shape = {3, 2, 8, TKRI_BACKS_OFF, {4, 3}};
    assert_int_equal(tkri_env_read(&env, NULL), TKR_OK);
    assert_int_equal(tkri_model_create(&model, &env, &shape), TKR_OK);
    for (int fault = 0; fault < 13; fault++) {
        fill_model(&model);
        assert_int_equal(tkri_model_check(&model, NULL), TKR_OK);
        switch (fault) {
            case 0:
                tkri_model_put_begin(&model, 0, 0, 1);
                break; /* does not start at 0 */
            case 1:
                tkri_model_put_begin(&model, 0, 1, 3);
                break; /* goes back */
            case 2:
                tkri_model_put_begin(&model, 0, 4, 2);
                break; /* ends before the level does */
            case 3:
                tkri_model_put_begin(&model, 0, 4, 4);
                break; /* and behind it */
            case 4:
                tkri_model_put_id(&model, 1, 0, 2);
                break; /* twice */
            case 5:
                tkri_model_put_id(&model, 1, 1, 0);
                break; /* not in order */
            case 6:
                tkri_model_put_id(&model, 1, 1, 3), tkri_model_put_suffix(&model, 1, 1, 3);
                break; /* <s> follows nothing */
            case 7:
                tkri_model_put_suffix(&model, 1, 2, 4);
                break; /* no such row */
            case 8:
                tkri_model_put_suffix(&model, 1, 2, 1);
                break; /* another id */
            case 9:
                tkri_model_put_logprob(&model, 0, 1, NAN, 1);
                break;
            case 10:
                tkri_model_put_logprob(&model, 1, 2, NAN, 0);
                break;
            case 11:
                tkri_model_put_backoff(&model, 0, 3, NAN);
                break;
            default:
                tkri_model_put_backoff(&model, 0, 3, INFINITY);
                break;
        }
        assert_int_equal(tkri_model_check(&model, NULL), TKR_ERR_FORMAT);
    }
    tkri_model_destroy(&model, &env);
}

/* The same for counts: 0 1, 0 2, 1 2, <s> 0 and their beginnings. */
static void test_every_check_of_counts(void **unused) {
    (void)unused;
    tkri_env env;
    tkri_trie trie;
    static const uint64_t lens[] = {4, 4};
    static const uint32_t id[] = {1, 2, 2, 0}, begin[] = {0, 2, 3, 3, 4};
    assert_int_equal(tkri_env_read(&env, NULL), TKR_OK);
    assert_int_equal(tkri_trie_create(&trie, &env, 2, lens), TKR_OK);
    tkri_level *first = &trie.level[0], *second = &trie.level[1];
    for (int fault = 0; fault < 12; fault++) {
        for (uint32_t i = 0; i < 4; i++) {
            first->ids[i] = i;
            first->counts[i] = i < 3;
            second->ids[i] = id[i];
            second->counts[i] = 1;
        }
        memcpy(first->begin, begin, sizeof begin);
        assert_int_equal(tkri_trie_check(&trie, &env, 3, NULL), TKR_OK);
        switch (fault) {
            case 0:
                first->begin[0] = 1;
                break;
            case 1:
                first->begin[2] = 1;
                break;
            case 2:
                first->begin[4] = 3;
                break;
            case 3:
                first->begin[4] = 5;
                break;
            case 4:
                first->ids[1] = 0;
                break;
            case 5:
                first->ids[3] = 4;
                break;
            case 6:
                second->ids[1] = 1;
                break;
            case 7:
                second->ids[3] = 3;
                break;
            case 8:
                first->counts[3] = 1;
                break; /* the mark is no event */
            case 9:
                first->counts[1] = UINT64_C(1) << 63;
                break;
            case 10:
                second->counts[0] = second->counts[1] = UINT64_MAX / 2;
                break;
            default:
                first->ids[3] = 2, first->ids[2] = 1, first->ids[1] = 0, first->ids[0] = 0;
                break;
        }
        assert_int_equal(tkri_trie_check(&trie, &env, 3, NULL), TKR_ERR_FORMAT);
    }
    for (uint32_t i = 0; i < 4; i++) { /* 1 2 lacks its end: 2 is gone, 3 is there */
        first->ids[i] = i < 2 ? i : i + 1;
        first->counts[i] = 1;
        second->ids[i] = id[i];
        second->counts[i] = 1;
    }
    memcpy(first->begin, begin, sizeof begin);
    assert_int_equal(tkri_trie_check(&trie, &env, 5, NULL), TKR_ERR_FORMAT);
    tkri_trie_destroy(&trie, &env);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_check_of_models),
        cmocka_unit_test(test_every_check_of_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
