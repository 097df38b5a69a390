/* SPDX-License-Identifier: MIT
 * The one mechanism for options, over a table of its own: what a kind has, defaults, what check()
 * refuses, what the public calls of every object do with it, and how files have it. */
#include "model/options.h"

#include <math.h>
#include <string.h>

#include "model/progress.h"
#include "support/support.h"

/* What is called here stands behind the calls that keep traps away. */
#define trap() ((void)0)

enum { FIRST = 1, SECOND = 2 };
enum { WIDTH = 10, SHARE = 11, RATE = 12, COUNT = 13, NORM = 14, MANY = 15, ABSENT = 16 };

/* `rate` stands twice, with another default for each kind. */
static const tkri_option table[] = {
    {WIDTH, 1 << FIRST, "width", TKRI_INT, TKRI_FIXED, 1, 64, 4},
    {SHARE, 0, "share", TKRI_REAL, 0, 0, TKRI_BELOW_ONE, (double)NAN},
    {RATE, 1 << FIRST, "rate", TKRI_REAL, 0, 0, 10, 0.5},
    {RATE, 1 << SECOND, "rate", TKRI_REAL, 0, 0, 10, 0.25},
    {COUNT, 0, "count", TKRI_INT, TKRI_READ_ONLY, 0, 9e15, 0},
    {NORM, 0, "norm", TKRI_REAL, TKRI_READ_ONLY | TKRI_UNKEPT, 0, 9, 1},
    {MANY, 1 << SECOND, "many", TKRI_INT, 0, -2, TKRI_UNBOUNDED, 0},
    {0, 0, "", 0, 0, 0, 0, 0},
};

static tkri_options of_kind(int32_t kind) {
    tkri_options options;
    memset(&options, 0xAB, sizeof options);
    tkri_options_init(&options, table, kind);
    return options;
}

static void test_find(void **unused) {
    (void)unused;
    const tkri_options first = of_kind(FIRST), second = of_kind(SECOND);
    assert_ptr_equal(tkri_options_find(&first, WIDTH), &table[0]);
    assert_null(tkri_options_find(&second, WIDTH));
    assert_ptr_equal(tkri_options_find(&first, RATE), &table[2]);
    assert_ptr_equal(tkri_options_find(&second, RATE), &table[3]);
    assert_null(tkri_options_find(&first, ABSENT));
    assert_null(tkri_options_find(&first, 0));
    assert_null(tkri_options_find(&first, -1));
}

/* By its whole name, which need not end in a NUL. */
static void test_named(void **unused) {
    (void)unused;
    const tkri_options first = of_kind(FIRST), second = of_kind(SECOND);
    assert_ptr_equal(tkri_options_named(&first, "rate", 4), &table[2]);
    assert_ptr_equal(tkri_options_named(&second, "rates", 4), &table[3]);
    assert_null(tkri_options_named(&first, "rates", 5));
    assert_null(tkri_options_named(&first, "rat", 3));
    assert_null(tkri_options_named(&first, "", 0));
    assert_null(tkri_options_named(&second, "width", 5));
}

static void test_next(void **unused) {
    (void)unused;
    static const struct {
        int32_t kind, n, rows[8];
    } kinds[] = {{FIRST, 5, {0, 1, 2, 4, 5}}, {SECOND, 5, {1, 3, 4, 5, 6}}, {7, 3, {1, 4, 5}}};
    for (int k = 0; k < 3; k++) {
        const tkri_options options = of_kind(kinds[k].kind);
        const tkri_option *option = NULL;
        for (int i = 0; i < kinds[k].n; i++) {
            option = tkri_options_next(&options, option);
            assert_ptr_equal(option, &table[kinds[k].rows[i]]);
        }
        assert_null(tkri_options_next(&options, option));
    }
}

static void test_defaults(void **unused) {
    (void)unused;
    const tkri_options first = of_kind(FIRST), second = of_kind(SECOND);
    assert_int_equal(tkri_options_int(&first, WIDTH), 4);
    assert_true(isnan(tkri_options_real(&first, SHARE)));
    assert_true(tkri_options_real(&first, RATE) == 0.5);
    assert_true(tkri_options_real(&second, RATE) == 0.25);
    assert_true(tkri_options_real(&second, NORM) == 1);
    assert_int_equal(tkri_options_int(&second, WIDTH), 0); /* what a kind has not is 0 */
    assert_true(tkri_options_real(&second, ABSENT) == 0);
}

static int32_t check(int32_t kind, int32_t key, int32_t type, double value) {
    const tkri_options options = of_kind(kind), before = options;
    const tkri_setting setting = {.key = key, .type = type, .value = value, .noun = "a thing"};
    tkri_detail detail = {""};
    int32_t status = tkri_options_check(&options, &setting, &detail);
    assert_true((status == TKR_OK) == (detail.text[0] == '\0'));
    assert_memory_equal(&options, &before, sizeof options);
    return status;
}

static void test_keys(void **unused) {
    (void)unused;
    assert_status(check(FIRST, WIDTH, TKRI_INT, 1), TKR_OK);
    assert_status(check(SECOND, WIDTH, TKRI_INT, 1), TKR_ERR_KEY); /* another kind's */
    assert_status(check(FIRST, WIDTH, TKRI_REAL, 1), TKR_ERR_KEY); /* of the other type */
    assert_status(check(FIRST, SHARE, TKRI_INT, 0), TKR_ERR_KEY);
    assert_status(check(FIRST, COUNT, TKRI_INT, 1), TKR_ERR_KEY); /* read only */
    assert_status(check(FIRST, ABSENT, TKRI_INT, 1), TKR_ERR_KEY);
    assert_status(check(FIRST, 0, TKRI_INT, 0), TKR_ERR_KEY);
}

static void test_bounds(void **unused) {
    (void)unused;
    static const double share_out[] = {-1e-300, 1, (double)NAN, (double)INFINITY,
                                       -(double)INFINITY};
    for (size_t i = 0; i < sizeof share_out / sizeof *share_out; i++) {
        assert_status(check(FIRST, SHARE, TKRI_REAL, share_out[i]), TKR_ERR_ARGUMENT);
    }
    assert_status(check(FIRST, SHARE, TKRI_REAL, 0), TKR_OK);
    assert_status(check(FIRST, SHARE, TKRI_REAL, TKRI_BELOW_ONE), TKR_OK);
    assert_status(check(FIRST, WIDTH, TKRI_INT, 0), TKR_ERR_ARGUMENT);
    assert_status(check(FIRST, WIDTH, TKRI_INT, 64), TKR_OK);
    assert_status(check(FIRST, WIDTH, TKRI_INT, 65), TKR_ERR_ARGUMENT);
}

/* An object that has been laid out keeps what it was laid out by; nonsense is refused as such. */
static void test_fixed(void **unused) {
    (void)unused;
    const tkri_options options = of_kind(FIRST);
    tkri_setting setting = {WIDTH, TKRI_INT, 2, 1, "a thing", 0};
    tkri_detail detail;
    assert_status(tkri_options_check(&options, &setting, &detail), TKR_ERR_ORDER);
    assert_non_null(strstr(detail.text, "width"));
    setting.value = 99;
    assert_status(tkri_options_check(&options, &setting, &detail), TKR_ERR_ARGUMENT);
    setting = (tkri_setting){RATE, TKRI_REAL, 2, 1, "a thing", 0};
    assert_ok(tkri_options_check(&options, &setting, NULL));
}

/* A file brings back what is read only, within the bounds. */
static void test_restored(void **unused) {
    (void)unused;
    const tkri_options options = of_kind(FIRST);
    tkri_setting setting = {COUNT, TKRI_INT, 7, 0, "a thing", 1};
    assert_ok(tkri_options_check(&options, &setting, NULL));
    setting.value = -1;
    assert_status(tkri_options_check(&options, &setting, NULL), TKR_ERR_ARGUMENT);
    setting.key = ABSENT;
    assert_status(tkri_options_check(&options, &setting, NULL), TKR_ERR_KEY);
}

/* The texts name the object, the option and the bounds. */
static void test_texts(void **unused) {
    (void)unused;
    tkri_options options = of_kind(FIRST);
    tkri_detail detail;
    assert_status(tkri_options_change_int(&options, SHARE, 1, "this kind of thing", &detail),
                  TKR_ERR_KEY);
    assert_string_equal(detail.text, "this kind of thing has no integer option 11 that can be set");
    assert_status(tkri_options_change_real(&options, ABSENT, 1, "this kind of thing", &detail),
                  TKR_ERR_KEY);
    assert_string_equal(detail.text, "this kind of thing has no real option 16 that can be set");
    assert_status(tkri_options_change_real(&options, RATE, 10.5, "a thing", &detail),
                  TKR_ERR_ARGUMENT);
    assert_string_equal(detail.text, "rate = 10.5 is not in 0..10");
}

static void test_change_and_get(void **unused) {
    (void)unused;
    tkri_options options = of_kind(FIRST), before = options;
    int64_t whole = 77;
    double real = 77;
    assert_status(tkri_options_change_int(&options, WIDTH, 0, "a thing", NULL), TKR_ERR_ARGUMENT);
    assert_status(tkri_options_change_real(&options, RATE, (double)NAN, "a thing", NULL),
                  TKR_ERR_ARGUMENT);
    assert_status(tkri_options_change_int(&options, COUNT, 1, "a thing", NULL), TKR_ERR_KEY);
    assert_memory_equal(&options, &before, sizeof options);
    assert_status(tkri_options_get_int(&options, MANY, &whole), TKR_ERR_KEY);
    assert_status(tkri_options_get_int(&options, RATE, &whole), TKR_ERR_KEY);
    assert_status(tkri_options_get_real(&options, WIDTH, &real), TKR_ERR_KEY);
    assert_true(whole == 77 && real == 77);
    assert_ok(tkri_options_change_int(&options, WIDTH, 9, "a thing", NULL));
    assert_ok(tkri_options_change_real(&options, RATE, 2.5, "a thing", NULL));
    tkri_options_set_int(&options, COUNT, 3);
    assert_ok(tkri_options_get_int(&options, WIDTH, &whole));
    assert_int_equal(whole, 9);
    assert_ok(tkri_options_get_int(&options, COUNT, &whole)); /* read only, so it can be read */
    assert_int_equal(whole, 3);
    assert_ok(tkri_options_get_real(&options, RATE, &real));
    assert_true(real == 2.5);
}

static void test_asked_bounds(void **unused) {
    (void)unused;
    const tkri_options options = of_kind(SECOND);
    int64_t low = 77, high = 77;
    double from = 77, to = 77;
    assert_status(tkri_options_bounds_int(&options, WIDTH, &low, &high), TKR_ERR_KEY);
    assert_status(tkri_options_bounds_int(&options, RATE, &low, &high), TKR_ERR_KEY);
    assert_status(tkri_options_bounds_int(&options, COUNT, &low, &high), TKR_ERR_KEY);
    assert_status(tkri_options_bounds_real(&options, MANY, &from, &to), TKR_ERR_KEY);
    assert_status(tkri_options_bounds_real(&options, NORM, &from, &to), TKR_ERR_KEY);
    assert_true(low == 77 && high == 77 && from == 77 && to == 77);
    assert_ok(tkri_options_bounds_real(&options, RATE, &from, &to));
    assert_true(from == 0 && to == 10);
    assert_ok(tkri_options_bounds_int(&options, MANY, &low, &high));
    assert_true(low == -2 && high == INT64_MAX);
}

/* An integer without a bound is kept to its last bit. */
static void test_large_integers(void **unused) {
    (void)unused;
    static const int64_t values[] = {INT64_MAX, INT64_MAX - 1, (INT64_C(1) << 53) + 1};
    tkri_options options = of_kind(SECOND);
    for (int i = 0; i < 3; i++) {
        assert_ok(tkri_options_change_int(&options, MANY, values[i], "a thing", NULL));
        assert_true(tkri_options_int(&options, MANY) == values[i]);
    }
    assert_status(tkri_options_change_int(&options, MANY, INT64_MIN, "a thing", NULL),
                  TKR_ERR_ARGUMENT);
}

static void expect_written(const tkri_options *options, const char *want) {
    char room[256];
    tkri_text counted = {NULL, 0}, out = {room, 0};
    tkri_options_put(&counted, options);
    assert_true(counted.used < sizeof room);
    tkri_options_put(&out, options);
    assert_int_equal(out.used, counted.used);
    room[out.used] = '\0';
    assert_string_equal(room, want);
}

/* Unset reals and what no file keeps are left out, what is read only is not. */
static void test_written(void **unused) {
    (void)unused;
    tkri_options first = of_kind(FIRST), second = of_kind(SECOND);
    expect_written(&first, "\"width\":4,\"rate\":\"0x1p-1\",\"count\":0");
    tkri_options_set_real(&second, SHARE, 0.75);
    tkri_options_set_int(&second, COUNT, 12);
    tkri_options_set_int(&second, MANY, INT64_MAX);
    expect_written(&second,
                   "\"share\":\"0x3p-2\",\"rate\":\"0x1p-2\",\"count\":12,"
                   "\"many\":9223372036854775807");
}

/* What is not there stays as it is. */
static void test_read(void **unused) {
    (void)unused;
    static const char text[] =
        " { \"count\" : 12, \"share\":\"0x3p-2\", \"many\":9223372036854775807}";
    tkri_options options = of_kind(SECOND);
    tkri_json json = tkri_json_begin(text, sizeof text - 1), passed = json;
    assert_ok(tkri_options_read(&json, &options, NULL));
    assert_ok(tkri_json_end(&json));
    assert_int_equal(tkri_options_int(&options, COUNT), 12);
    assert_true(tkri_options_int(&options, MANY) == INT64_MAX);
    assert_true(tkri_options_real(&options, SHARE) == 0.75);
    assert_true(tkri_options_real(&options, RATE) == 0.25);
    assert_ok(tkri_options_skip(&passed));
    assert_int_equal(passed.at, json.at);
}

static void test_read_refused(void **unused) {
    (void)unused;
    static const struct {
        const char *text;
        int32_t status;
        const char *error;
    } rows[] = {
        {"{\"depth\":1}", TKR_ERR_UNSUPPORTED, "a member of an unknown name"},
        {"{\"width\":1}", TKR_ERR_FORMAT, "an option that this kind has not in files"},
        {"{\"norm\":\"0x1p+0\"}", TKR_ERR_FORMAT, "an option that this kind has not in files"},
        {"{\"rate\":\"0x1p+4\"}", TKR_ERR_FORMAT, "an option out of its bounds"},
        {"{\"rate\":\"-0x1p-4\"}", TKR_ERR_FORMAT, "an option out of its bounds"},
        {"{\"count\":9000000000000001}", TKR_ERR_FORMAT, "an option out of its bounds"},
        {"{\"many\":9223372036854775808}", TKR_ERR_FORMAT, "an option out of its bounds"},
        {"{\"many\":18446744073709551615}", TKR_ERR_FORMAT, "an option out of its bounds"},
        {"{\"rate\":1}", TKR_ERR_FORMAT, "expected a string"},
        {"{\"many\":\"0x1p+4\"}", TKR_ERR_FORMAT, "expected a non-negative integer"},
        {"{\"many\":1,\"many\":1}", TKR_ERR_FORMAT, "a member twice"},
        {"[]", TKR_ERR_FORMAT, "expected an object"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tkri_options options = of_kind(SECOND);
        tkri_json json = tkri_json_begin(rows[i].text, strlen(rows[i].text));
        assert_status(tkri_options_read(&json, &options, NULL), rows[i].status);
        assert_string_equal(json.error, rows[i].error);
    }
}

/* Skipping knows no names, but what an object of options is. */
static void test_skip(void **unused) {
    (void)unused;
    static const char *const good[] = {"{}", "{\"a\":1}", "{\"a\":\"b}\",\"a\":2}"};
    static const char *const bad[] = {"[]", "{", "{\"a\"}", "{\"a\":{}}", "{\"a\":1", "{\"a\":-1}"};
    for (int i = 0; i < 3; i++) {
        tkri_json json = tkri_json_begin(good[i], strlen(good[i]));
        assert_ok(tkri_options_skip(&json));
        assert_ok(tkri_json_end(&json));
    }
    for (int i = 0; i < 6; i++) {
        tkri_json json = tkri_json_begin(bad[i], strlen(bad[i]));
        assert_status(tkri_options_skip(&json), TKR_ERR_FORMAT);
    }
}

/* An optimizer's kind may stand behind its options: members of JSON have no order. */
static void test_kind_behind(void **unused) {
    (void)unused;
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"{\"optimizer\":{\"options\":{\"momentum\":\"0x1p-1\"},\"kind\":\"sgd\"},"
         "\"state\":{\"batch\":3}}",
         NULL},
        {"{\"optimizer\":{\"options\":{\"momentum\":\"0x1p-1\"},\"kind\":\"adam\"}}",
         "an option that this kind has not in files"},
        {"{\"optimizer\":{\"options\":{\"momentum\":[]},\"kind\":\"sgd\"}}",
         "expected a non-negative integer"},
        {"{\"optimizer\":{\"kind\":\"sgd\"}}", "an optimizer has a kind and options"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tkri_progress progress = {.has_state = 0};
        tkri_json json = tkri_json_begin(rows[i].text, strlen(rows[i].text));
        assert_status(tkri_progress_read(&progress, &json),
                      rows[i].error ? TKR_ERR_FORMAT : TKR_OK);
        if (rows[i].error) {
            assert_string_equal(json.error, rows[i].error);
        } else {
            assert_int_equal(progress.optimizer.kind, TKR_SGD);
            assert_true(tkri_options_real(&progress.optimizer, TKR_MOMENTUM) == 0.5);
            assert_true(tkri_options_real(&progress.optimizer, TKR_LEARNING_RATE) == 0.01);
            assert_int_equal(progress.state_batch, 3);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),         cmocka_unit_test(test_named),
        cmocka_unit_test(test_next),         cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_keys),         cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_fixed),        cmocka_unit_test(test_restored),
        cmocka_unit_test(test_texts),        cmocka_unit_test(test_change_and_get),
        cmocka_unit_test(test_asked_bounds), cmocka_unit_test(test_large_integers),
        cmocka_unit_test(test_written),      cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_refused), cmocka_unit_test(test_skip),
        cmocka_unit_test(test_kind_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
