/* SPDX-License-Identifier: MIT
 * What cells, their files and their notes refuse. */
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
    bad.tier = TKR_TIER_NEON; /* no machine has both */
    assert_status(tkr_cell_create(&w->made.cell, TKR_LSTM, 3, 3, &bad),
                  tkr_cell_tier(w->net) == TKR_TIER_NEON ? TKR_OK : TKR_ERR_UNSUPPORTED);
    tkr_cell_destroy(w->made.cell);
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
    REFUSES(w, TKR_ERR_ARGUMENT, text,
            tkr_cell_set_float(cell, TKR_FORGET_BIAS, (double)INFINITY));
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
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_chain(made, chained, 1, env));
    REFUSES_TO_MAKE(w, TKR_ERR_SHAPE, tkr_cell_chain(made, twice, 2, env));
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

static void test_notes(void **state) {
    world *w = *state;
    tkr_cell *net = w->net;
    const char *text = tkr_cell_detail(net);
    char long_key[66] = "";
    memset(long_key, 'k', 65);
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_set_note(NULL, "a", "b"));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_note(net, NULL, "b"));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_note(net, "", "b"));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_note(net, "tekrar.kind", "b"));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_note(net, long_key, "b"));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_note(net, "a", "\xFF not UTF-8"));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_note(net, "\xC0\x80", "b"));
    assert_null(tkr_cell_get_note(net, "none"));
    assert_null(tkr_cell_get_note(net, NULL));
    assert_null(tkr_cell_get_note(NULL, "origin"));
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
    REFUSES_TO_MAKE(w, TKR_ERR_FORMAT,
                    tkr_cell_load_memory(made, file->bytes, file->len - 1, env));
    REFUSES_TO_MAKE(w, TKR_ERR_FORMAT,
                    tkr_cell_load_memory(made, file->bytes, file->len + 1, env));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, refusal_setup, refusal_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_create),     CASE(test_env),   CASE(test_options), CASE(test_options_too_late),
        CASE(test_chain),      CASE(test_names), CASE(test_parameters), CASE(test_clone),
        CASE(test_notes),      CASE(test_save),  CASE(test_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
