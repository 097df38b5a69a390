/* SPDX-License-Identifier: MIT
 * What cells, their files and their metadata refuse. */
#include <math.h>
#include <string.h>

#include "unit/refusals.h"

static void test_create(void **state) {
    world *w = *state;
    const tkr_env *env = &w->env;
    tkr_cell **made = &w->made.cell;
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_create(NULL, TKR_LSTM, 3, 3, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_create(made, 0, 3, 3, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_create(made, TKR_CHAIN, 3, 3, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_create(made, TKR_LSTM, 0, 3, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_create(made, TKR_LSTM, 3, -1, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_create(made, TKR_LSTM, 3, INT64_MAX, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_create(made, TKR_DROPOUT, 3, 4, env));
}

/* A bad env has no place for a text that could be trusted. */
static void test_env(void **state) {
    world *w = *state;
    tkr_env bad = w->env;
    bad.size = 3;
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_env_from_memory(NULL, w->io.values, 64));
    w->made.any = w;
    assert_status(tkr_cell_create(&w->made.cell, TKR_LSTM, 3, 3, &bad), TKR_ERR_ARGUMENT);
    assert_null(w->made.any);
    bad = w->env;
    bad.threads = 65;
    assert_status(tkr_cell_create(&w->made.cell, TKR_LSTM, 3, 3, &bad), TKR_ERR_ARGUMENT);
    bad = w->env;
    bad.tier = -1;
    assert_status(tkr_cell_create(&w->made.cell, TKR_LSTM, 3, 3, &bad), TKR_ERR_ARGUMENT);
    bad.tier = INT32_MAX; /* of a later version, maybe */
    assert_status(tkr_cell_create(&w->made.cell, TKR_LSTM, 3, 3, &bad), TKR_ERR_UNSUPPORTED);
}

static void test_options(void **state) {
    world *w = *state;
    tkr_cell *cell = w->part[0], *net = w->net;
    const char *text = tkr_cell_detail(cell), *net_text = tkr_cell_detail(net);
    int64_t *n = w->io.n;
    double *real = w->io.real;
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_set_int(NULL, TKR_LAYERS, 1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_set_float(NULL, TKR_ZONEOUT, 0));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_int(cell, TKR_LAYERS, 0));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_int(cell, TKR_LAYERS, 65));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_int(cell, TKR_LAYERS, INT64_MIN));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_int(cell, TKR_PROJECTION, WORLD_H));
    REFUSES(w, TKR_ERR_KEY, text, tkr_cell_set_int(cell, TKR_RESET, 0));
    REFUSES(w, TKR_ERR_KEY, text, tkr_cell_set_int(cell, TKR_ZONEOUT, 0));
    REFUSES(w, TKR_ERR_KEY, text, tkr_cell_set_int(cell, 12345, 0));
    REFUSES(w, TKR_ERR_KEY, text, tkr_cell_set_int(cell, INT32_MIN, 0));
    REFUSES(w, TKR_ERR_KEY, text, tkr_cell_set_float(cell, TKR_RATE, 0.5));
    REFUSES(w, TKR_ERR_KEY, text, tkr_cell_set_float(cell, TKR_LAYERS, 1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_float(cell, TKR_ZONEOUT, 1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_float(cell, TKR_ZONEOUT, -0.1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_float(cell, TKR_ZONEOUT, (double)NAN));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_float(cell, TKR_FORGET_BIAS, (double)NAN));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_float(cell, TKR_FORGET_BIAS, (double)INFINITY));
    REFUSES(w, TKR_ERR_KEY, net_text, tkr_cell_set_int(net, TKR_LAYERS, 1));
    REFUSES(w, TKR_ERR_KEY, NULL, tkr_cell_get_int(cell, TKR_RESET, n));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_get_int(cell, TKR_LAYERS, NULL));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_get_int(NULL, TKR_LAYERS, n));
    REFUSES(w, TKR_ERR_KEY, NULL, tkr_cell_get_float(cell, TKR_RATE, real));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_get_float(NULL, TKR_ZONEOUT, real));
    REFUSES(w, TKR_ERR_KEY, NULL, tkr_cell_bounds_int(cell, TKR_RESET, n, n + 1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_bounds_int(cell, TKR_LAYERS, n, NULL));
    REFUSES(w, TKR_ERR_KEY, NULL, tkr_cell_bounds_float(cell, TKR_RATE, real, real + 1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_bounds_float(NULL, TKR_RATE, real, real + 1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_shape(NULL, &w->io.number, n, n + 1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_size(NULL, cell));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_size(w->io.u, NULL));
    assert_int_equal(tkr_cell_tier(NULL), 0);
}

/* Options that shape parameters are fixed once these exist. */
static void test_options_too_late(void **state) {
    world *w = *state;
    tkr_cell *cell = w->part[0];
    const char *text = tkr_cell_detail(cell);
    assert_ok(tkr_cell_init(cell, 1));
    REFUSES(w, TKR_ERR_ORDER, text, tkr_cell_set_int(cell, TKR_LAYERS, 1));
    REFUSES(w, TKR_ERR_ORDER, text, tkr_cell_set_int(cell, TKR_PEEPHOLES, 0));
    REFUSES(w, TKR_ERR_ORDER, text, tkr_cell_set_name(cell, "late"));
}

static void test_chain(void **state) {
    world *w = *state;
    const tkr_env *env = &w->env;
    tkr_cell **made = &w->made.cell;
    tkr_cell *twice[2] = {w->part[0], w->part[0]};
    tkr_cell *hole[2] = {w->part[0], NULL}, *chained[1] = {w->net};
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_chain(NULL, w->part, 2, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_chain(made, NULL, 2, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_chain(made, w->part, 0, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_chain(made, w->part, 257, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_chain(made, hole, 2, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ORDER, tkr_cell_chain(made, chained, 1, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_chain(made, twice, 2, env));
    assert_ok(tkr_cell_set_name(w->part[1], "rnn"));
    REFUSES_TO_MAKE(w, TKR_ERR_KEY, tkr_cell_chain(made, w->part, 2, env));
    assert_ok(tkr_cell_set_name(w->part[1], "out"));
    assert_ok(tkr_cell_init(w->part[1], 1));
    REFUSES_TO_MAKE(w, TKR_ERR_ORDER, tkr_cell_chain(made, w->part, 2, env));
    assert_non_null(w->part[0]); /* the parts stayed the caller's */
    assert_non_null(w->part[1]);
}

static void test_names(void **state) {
    world *w = *state;
    tkr_cell *cell = w->part[0];
    const char *text = tkr_cell_detail(cell);
    char long_name[65] = "";
    memset(long_name, 'a', 64);
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_set_name(NULL, "x"));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_name(cell, NULL));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_name(cell, ""));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_name(cell, "a.b"));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_name(cell, "na\xC3\xAFve"));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_name(cell, long_name));
    long_name[63] = 0;
    assert_ok(tkr_cell_set_name(cell, long_name));
}

static void test_parameters(void **state) {
    world *w = *state;
    tkr_cell *net = w->net, *part = w->part[0];
    const char *text = tkr_cell_detail(net), *part_text = tkr_cell_detail(part);
    float *v = w->io.values;
    int64_t *n = w->io.n;
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_init(NULL, 1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_parameters(NULL, n, n + 1));
    REFUSES(w, TKR_ERR_ORDER, NULL, tkr_cell_parameters(part, n, n + 1));
    REFUSES(w, TKR_ERR_KEY, NULL, tkr_cell_parameter(net, -1, &w->io.name, &w->io.number, n));
    REFUSES(w, TKR_ERR_KEY, NULL, tkr_cell_parameter(net, 1000, &w->io.name, &w->io.number, n));
    REFUSES(w, TKR_ERR_ORDER, NULL, tkr_cell_parameter(part, 0, &w->io.name, &w->io.number, n));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_parameter(net, 0, NULL, &w->io.number, n));
    REFUSES(w, TKR_ERR_KEY, NULL, tkr_cell_get_parameter(net, "bias", v, WORLD_V));
    REFUSES(w, TKR_ERR_KEY, NULL, tkr_cell_get_parameter(net, "", v, WORLD_V));
    REFUSES(w, TKR_ERR_SHAPE, NULL, tkr_cell_get_parameter(net, "out.bias", v, WORLD_V + 1));
    REFUSES(w, TKR_ERR_SHAPE, NULL, tkr_cell_get_parameter(net, "out.bias", v, -1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_get_parameter(net, NULL, v, WORLD_V));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_get_parameter(net, "out.bias", NULL, WORLD_V));
    REFUSES(w, TKR_ERR_ORDER, NULL, tkr_cell_get_parameter(part, "weight_ih_l0", v, 48));
    REFUSES(w, TKR_ERR_KEY, text, tkr_cell_set_parameter(net, "out.bia", v, WORLD_V));
    REFUSES(w, TKR_ERR_SHAPE, text, tkr_cell_set_parameter(net, "out.bias", v, WORLD_V - 1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_parameter(net, "out.bias", NULL, WORLD_V));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_set_parameter(NULL, "out.bias", v, WORLD_V));
    REFUSES(w, TKR_ERR_ORDER, part_text, tkr_cell_set_parameter(part, "weight_ih_l0", v, 48));
}

static void test_clone(void **state) {
    world *w = *state;
    tkr_cell **made = &w->made.cell;
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_clone(NULL, w->net, &w->env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_clone(made, NULL, &w->env));
}

static void test_metadata(void **state) {
    world *w = *state;
    tkr_cell *net = w->net;
    const char *text = tkr_cell_detail(net);
    char long_key[66] = "";
    memset(long_key, 'k', 65);
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_set_metadata(NULL, "a", "b"));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_metadata(net, NULL, "b"));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_metadata(net, "", "b"));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_metadata(net, "tekrar.kind", "b"));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_metadata(net, long_key, "b"));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_metadata(net, "a", "\xFF not UTF-8"));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_metadata(net, "\xC0\x80", "b"));
    assert_null(tkr_cell_get_metadata(net, "none"));
    assert_null(tkr_cell_get_metadata(net, NULL));
    assert_null(tkr_cell_get_metadata(NULL, "origin"));
}

static int32_t refuse_to_write(void *user, const void *bytes, uint64_t len) {
    (void)user, (void)bytes, (void)len;
    return 1;
}

static int32_t refuse_to_read(void *user, void *bytes, uint64_t len, uint64_t *got) {
    (void)user, (void)bytes, (void)len;
    *got = 0;
    return 1;
}

/* A reader that claims to have put more than there was room for. */
static int32_t boast(void *user, void *bytes, uint64_t len, uint64_t *got) {
    (void)user, (void)bytes;
    *got = len + 1;
    return 0;
}

static void test_save(void **state) {
    world *w = *state;
    tkr_cell *net = w->net, *part = w->part[0];
    const char *text = tkr_cell_detail(net);
    const tkr_writer broken = {sizeof broken, refuse_to_write, NULL}, none = {sizeof none, 0, 0};
    const tkr_writer old = {8, refuse_to_write, NULL};
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_save(NULL, w->path));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_save(net, NULL));
    REFUSES(w, TKR_ERR_ORDER, tkr_cell_detail(part), tkr_cell_save(part, w->path));
    REFUSES(w, TKR_ERR_IO, text, tkr_cell_save(net, "/nowhere/at/all"));
    REFUSES(w, TKR_ERR_IO, text, tkr_cell_save(net, w->folder));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_save_to(net, NULL));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_save_to(net, &none));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_save_to(net, &old));
    REFUSES(w, TKR_ERR_IO, text, tkr_cell_save_to(net, &broken));
}

static void test_load(void **state) {
    world *w = *state;
    const tkr_env *env = &w->env;
    tkr_cell **made = &w->made.cell;
    const tkr_reader broken = {sizeof broken, refuse_to_read, NULL}, none = {sizeof none, 0, 0};
    const tkr_reader boaster = {sizeof boaster, boast, NULL};
    const world_file *file = &w->cell_file;
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_load(NULL, w->cell_path, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_load(made, NULL, env));
    REFUSES_TO_MAKE(w, TKR_ERR_IO, tkr_cell_load(made, "/nowhere/at/all", env));
    REFUSES_TO_MAKE(w, TKR_ERR_IO, tkr_cell_load(made, w->folder, env));
    REFUSES_TO_MAKE(w, TKR_ERR_MISMATCH, tkr_cell_load(made, w->state_path, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_load_from(made, NULL, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_load_from(made, &none, env));
    REFUSES_TO_MAKE(w, TKR_ERR_IO, tkr_cell_load_from(made, &broken, env));
    REFUSES_TO_MAKE(w, TKR_ERR_IO, tkr_cell_load_from(made, &boaster, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_load_memory(made, NULL, 8, env));
    REFUSES_TO_MAKE(w, TKR_ERR_FORMAT, tkr_cell_load_memory(made, file->bytes, 0, env));
    REFUSES_TO_MAKE(w, TKR_ERR_FORMAT, tkr_cell_load_memory(made, file->bytes, 7, env));
    REFUSES_TO_MAKE(w, TKR_ERR_FORMAT, tkr_cell_load_memory(made, file->bytes, file->len - 1, env));
    REFUSES_TO_MAKE(w, TKR_ERR_FORMAT, tkr_cell_load_memory(made, file->bytes, file->len + 1, env));
}

static tkr_trial trial_of(const world *w) {
    return (tkr_trial){
        .size = sizeof(tkr_trial), .steps = WORLD_T, .batch = WORLD_B, .input = w->io.input};
}

/* One field of the trial at a time is wrong. */
static void test_trial(void **state) {
    world *w = *state;
    tkr_env env = w->env;
    double *report = w->io.real;
    tkr_trial t = trial_of(w);
    const int32_t high[WORLD_T * WORLD_B] = {[5] = WORLD_V}, low[WORLD_T * WORLD_B] = {[5] = -2};
    const int32_t none[WORLD_T * WORLD_B] = {[5] = -1};
    float binary[WORLD_T * WORLD_B * WORLD_V] = {0};
    struct {
        int32_t status;
        tkr_trial trial;
    } cases[13];
    int n = 0;
#define WRONG(s, change) t = trial_of(w), change, cases[n].status = (s), cases[n++].trial = t
    WRONG(TKR_ERR_ARGUMENT, t.size = 8);
    WRONG(TKR_ERR_ARGUMENT, t.steps = 0);
    WRONG(TKR_ERR_ARGUMENT, t.steps = INT64_MAX);
    WRONG(TKR_ERR_ARGUMENT, t.batch = -1);
    WRONG(TKR_ERR_ARGUMENT, t.input = NULL);
    WRONG(TKR_ERR_ARGUMENT, t.ids = none);
    WRONG(TKR_ERR_ARGUMENT, t.loss = 3);
    WRONG(TKR_ERR_ARGUMENT, (t.target_ids = w->io.targets, t.target_values = binary));
    WRONG(TKR_ERR_ARGUMENT, (t.loss = TKR_BINARY_CROSS_ENTROPY, t.target_values = w->io.values));
    WRONG(TKR_ERR_TOKEN, t.target_ids = high);
    WRONG(TKR_ERR_TOKEN, t.target_ids = none);
    WRONG(TKR_ERR_TOKEN, (t.input = NULL, t.ids = high));
    WRONG(TKR_ERR_TOKEN, (t.input = NULL, t.ids = low));
    w->io.values[3] = -0.1f; /* no probability */
    for (int i = 0; i < n; i++) {
        REFUSES(w, cases[i].status, w->detail,
                tkr_cell_compare(report, w->net, w->net, &cases[i].trial, &env));
        REFUSES_TO_MAKE(
            w, cases[i].status,
            tkr_cell_quantize(&w->made.cell, report, w->net, TKR_INT8, &cases[i].trial, &env));
    }
    REFUSES(w, TKR_ERR_ARGUMENT, w->detail, tkr_cell_compare(report, w->net, w->net, NULL, &env));
}

/* A cell of this kind, 2 wide, all of whose parameters are `weight`. */
static tkr_cell *uniform_cell(int32_t kind, int64_t input, float weight) {
    tkr_cell *cell;
    static float values[4096];
    int64_t tensors, shape[4];
    int32_t rank;
    assert_ok(tkr_cell_create(&cell, kind, input, 2, NULL));
    assert_ok(tkr_cell_init(cell, 1));
    assert_ok(tkr_cell_parameters(cell, &tensors, NULL));
    for (int i = 0; i < 4096; i++) {
        values[i] = weight;
    }
    for (int64_t i = 0; i < tensors; i++) {
        const char *name;
        assert_ok(tkr_cell_parameter(cell, i, &name, &rank, shape));
        assert_ok(tkr_cell_set_parameter(cell, name, values, shape[0] * shape[1]));
    }
    return cell;
}

static void test_quantize(void **state) {
    world *w = *state;
    const tkr_env *env = &w->env;
    double *report = w->io.real;
    tkr_cell **made = &w->made.cell, *net = w->net;
    tkr_trial t = trial_of(w);
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_quantize(NULL, report, net, TKR_BF16, &t, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_quantize(made, NULL, NULL, TKR_BF16, NULL, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT,
                    tkr_cell_quantize(made, NULL, net, TKR_FLOAT32, NULL, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_quantize(made, NULL, net, 4, NULL, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_quantize(made, NULL, net, TKR_INT8, &t, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_quantize(made, report, net, TKR_INT8, NULL, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ORDER,
                    tkr_cell_quantize(made, NULL, w->part[0], TKR_BF16, NULL, env));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_quantized_size(NULL, net, TKR_BF16));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_quantized_size(w->io.u, NULL, TKR_BF16));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_quantized_size(w->io.u, net, TKR_FLOAT32));
    REFUSES(w, TKR_ERR_ARGUMENT, w->detail, tkr_cell_compare(NULL, net, net, &t, env));
    REFUSES(w, TKR_ERR_ARGUMENT, w->detail, tkr_cell_compare(report, NULL, net, &t, env));
    REFUSES(w, TKR_ERR_ARGUMENT, w->detail, tkr_cell_compare(report, net, NULL, &t, env));
    REFUSES(w, TKR_ERR_ORDER, w->detail, tkr_cell_compare(report, net, w->part[0], &t, env));
}

/* Cells that cannot be quantized or compared, each for a reason of its own. */
static void test_nothing_to_quantize(void **state) {
    world *w = *state;
    double *report = w->io.real;
    const int32_t kinds[] = {TKR_EMBEDDING, TKR_GRU, TKR_LSTM, TKR_ELMAN, TKR_LINEAR, TKR_LINEAR};
    const float weights[] = {1, 1, 1, NAN, -INFINITY, 3e38f};
    const int32_t status[] = {TKR_ERR_UNSUPPORTED, TKR_ERR_UNSUPPORTED, TKR_ERR_UNSUPPORTED,
                              TKR_ERR_NUMERIC,     TKR_ERR_NUMERIC,     TKR_ERR_NUMERIC};
    const float x[WORLD_V] = {3e38f, 3e38f, 3e38f, 3e38f};
    for (int i = 0; i < 6; i++) {
        tkr_cell *cell = NULL;
        const tkr_trial t = {.size = sizeof t, .steps = 1, .input = x};
        if (i == 1 || i == 2) { /* reset before; two directions */
            assert_ok(tkr_cell_create(&cell, kinds[i], WORLD_V, 2, NULL));
            assert_ok(tkr_cell_set_int(cell, i == 1 ? TKR_RESET : TKR_DIRECTIONS, i));
            assert_ok(tkr_cell_init(cell, 1));
        } else {
            cell = uniform_cell(kinds[i], WORLD_V, weights[i]);
        }
        REFUSES_TO_MAKE(w, status[i],
                        tkr_cell_quantize(&w->made.cell, i == 5 ? report : NULL, cell, TKR_INT8,
                                          i == 5 ? &t : NULL, &w->env));
        if (i == 0 || i == 2) { /* takes ids; cannot be streamed */
            REFUSES(w, TKR_ERR_UNSUPPORTED, w->detail,
                    tkr_cell_compare(report, cell, cell, &t, &w->env));
        } else {
            REFUSES(w, TKR_ERR_SHAPE, w->detail,
                    tkr_cell_compare(report, cell, w->net, &t, &w->env));
        }
        tkr_cell_destroy(cell);
    }
}

/* Exact sums have an end; bf16 has none. */
static void test_too_wide(void **state) {
    world *w = *state;
    tkr_cell *cell;
    for (int64_t more = 0; more < 2; more++) {
        assert_ok(tkr_cell_create(&cell, TKR_LINEAR, (1 << 17) + more, 1, NULL));
        assert_ok(tkr_cell_init(cell, 1));
        if (more) {
            REFUSES_TO_MAKE(w, TKR_ERR_UNSUPPORTED,
                            tkr_cell_quantize(&w->made.cell, NULL, cell, TKR_INT8, NULL, &w->env));
        }
        assert_ok(
            tkr_cell_quantize(&w->made.cell, NULL, cell, more ? TKR_BF16 : TKR_INT8, NULL, NULL));
        tkr_cell_destroy(w->made.cell);
        tkr_cell_destroy(cell);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, refusal_setup, refusal_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_create),     CASE(test_env),
        CASE(test_options),    CASE(test_options_too_late),
        CASE(test_chain),      CASE(test_names),
        CASE(test_parameters), CASE(test_clone),
        CASE(test_metadata),   CASE(test_save),
        CASE(test_load),       CASE(test_trial),
        CASE(test_quantize),   CASE(test_nothing_to_quantize),
        CASE(test_too_wide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
