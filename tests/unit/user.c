/* SPDX-License-Identifier: MIT
 * A cell of the caller's own: the minGRU of examples/, checked, unrolled, truncated, streamed,
 * saved; and what happens when its functions fail. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../examples/mingru.h"
#include "support/shot.h"
#include "support/stream.h"
#include "support/support.h"

enum { I = 3, H = 5, T = 6, B = 4, O = 2, X = T * B * I, Y = T * B * O };

static float input[X], slopes[Y];
static const int32_t lengths[B] = {6, 0, 3, 1};

static void fill(float *x, int64_t n, uint32_t seed) {
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(seed >> 8) * 0x1p-23f - 1.0f;
    }
}

/* minGRU, then linear, both named; initialised. */
static tkr_cell *make_net(const tkr_env *env) {
    tkr_cell *parts[2], *net;
    assert_ok(mingru_create(&parts[0], I, H, env));
    assert_ok(tkr_cell_set_name(parts[0], "own"));
    assert_ok(tkr_cell_create(&parts[1], TKR_LINEAR, H, O, env));
    assert_ok(tkr_cell_chain(&net, parts, 2, env));
    assert_ok(tkr_cell_init(net, 3));
    fill(input, X, 1);
    fill(slopes, Y, 2);
    return net;
}

/* L = slopes . outputs, of an input or of a parameter. */
typedef struct probe {
    tkr_cell *net;
    tkr_sequence *seq;
    const char *parameter;
    int64_t len;
} probe;

static int32_t loss_of(void *user, const float *x, double *loss) {
    const probe *p = user;
    float out[Y];
    if (p->parameter) {
        assert_ok(tkr_cell_set_parameter(p->net, p->parameter, x, p->len));
    }
    assert_ok(tkr_sequence_forward(p->seq, p->parameter ? input : x, lengths, T, B));
    assert_ok(tkr_sequence_output(p->seq, out, Y));
    *loss = 0;
    for (int i = 0; i < Y; i++) {
        *loss += (double)out[i] * (double)slopes[i];
    }
    return TKR_OK;
}

static void check(probe *p, float *x, const float *gradient, int64_t n) {
    double worst;
    p->len = n;
    assert_ok(tkr_gradient_check(loss_of, p, x, gradient, n, &worst));
    assert_true(worst < 0.002);
}

static void test_gradients(void **unused) {
    (void)unused;
    probe p = {.net = make_net(NULL)};
    float dx[X], value[64], gradient[64];
    int64_t tensors;
    assert_ok(tkr_sequence_create(&p.seq, p.net, T, B, TKR_TRAINING | TKR_INPUT_GRADIENT, NULL));
    assert_ok(tkr_sequence_forward(p.seq, input, lengths, T, B));
    assert_ok(tkr_sequence_backward(p.seq, slopes, NULL));
    assert_ok(tkr_sequence_input_gradient(p.seq, dx, X));
    check(&p, input, dx, X);
    assert_ok(tkr_cell_parameters(p.net, &tensors, NULL));
    assert_int_equal(tensors, 6);
    for (int64_t i = 0; i < tensors; i++) {
        int32_t rank;
        int64_t shape[4];
        assert_ok(tkr_cell_parameter(p.net, i, &p.parameter, &rank, shape));
        const int64_t n = shape[0] * shape[1] * shape[2] * shape[3];
        assert_true(n <= 64);
        assert_ok(tkr_cell_get_parameter(p.net, p.parameter, value, n));
        assert_ok(tkr_sequence_gradient(p.seq, p.parameter, gradient, n));
        check(&p, value, gradient, n);
        assert_ok(tkr_cell_set_parameter(p.net, p.parameter, value, n));
    }
    tkr_sequence_destroy(p.seq);
    tkr_cell_destroy(p.net);
}

/* Unrolled in one go, cut with the state carried, streamed: the same bits. */
static void test_bits(void **unused) {
    (void)unused;
    tkr_cell *net = make_net(NULL);
    tkr_sequence *seq;
    tkr_state *state;
    float whole[Y], cut[Y], step[B * O];
    assert_ok(tkr_sequence_create(&seq, net, T, B, TKR_INFERENCE, NULL));
    assert_ok(tkr_sequence_forward(seq, input, NULL, T, B));
    assert_ok(tkr_sequence_output(seq, whole, Y));
    assert_ok(tkr_sequence_set_int(seq, TKR_CARRY, 1));
    assert_ok(tkr_sequence_set_state(seq, NULL));
    assert_ok(tkr_sequence_forward(seq, input, NULL, 2, B));
    assert_ok(tkr_sequence_output(seq, cut, 2 * B * O));
    assert_ok(tkr_sequence_forward(seq, input + 2 * B * I, NULL, T - 2, B));
    assert_ok(tkr_sequence_output(seq, cut + 2 * B * O, Y - 2 * B * O));
    assert_true(compare_bits(whole, cut, Y));
    assert_ok(tkr_state_create(&state, net, B, NULL));
    for (int t = 0; t < T; t++) {
        assert_ok(tkr_cell_step(net, state, step, input + t * B * I));
        assert_true(compare_bits(step, whole + t * B * O, B * O));
    }
    tkr_state_destroy(state);
    tkr_sequence_destroy(seq);
    tkr_cell_destroy(net);
}

enum { LONG = 40, MANY = 70 };

/* The flat gradients after a pass over a larger batch. */
static float *gradients(const tkr_env *env, int32_t mode, int64_t every, int64_t *len) {
    static float x[LONG * MANY * I], d[LONG * MANY * O];
    float *values, *copy;
    tkr_cell *net = make_net(NULL);
    tkr_sequence *seq;
    fill(x, LONG * MANY * I, 7);
    fill(d, LONG * MANY * O, 8);
    assert_ok(tkr_sequence_create(&seq, net, LONG, MANY, TKR_TRAINING | mode, env));
    assert_ok(tkr_sequence_set_int(seq, TKR_TRUNCATE_EVERY, every));
    assert_ok(tkr_sequence_forward(seq, x, NULL, LONG, MANY));
    assert_ok(tkr_sequence_backward(seq, d, NULL));
    assert_ok(tkr_sequence_gradients(seq, &values, len));
    copy = malloc((size_t)*len * sizeof *copy);
    memcpy(copy, values, (size_t)*len * sizeof *copy);
    tkr_sequence_destroy(seq);
    tkr_cell_destroy(net);
    return copy;
}

static void test_threads_and_windows(void **unused) {
    (void)unused;
    const tkr_env three = {.size = sizeof three, .threads = 3};
    int64_t n;
    float *one = gradients(NULL, 0, 0, &n), *shared = gradients(&three, 0, 0, &n);
    float *whole = gradients(NULL, 0, LONG + 3, &n), *cut = gradients(NULL, 0, 7, &n);
    float *again = gradients(NULL, TKR_RECOMPUTE, 0, &n);
    assert_true(compare_bits(one, shared, n));
    assert_true(compare_bits(one, whole, n));
    assert_true(memcmp(one, cut, (size_t)n * sizeof *one) != 0);
    for (int64_t i = 0; i < n; i++) {
        assert_true(fabsf(one[i] - again[i]) <= 1e-4f * (1 + fabsf(one[i])));
    }
    free(one), free(shared), free(whole), free(cut), free(again);
}

/* ------------------------------------------------------------------------------------------------
 * Functions that fail
 * --------------------------------------------------------------------------------------------- */

/* y = x w, h counts steps; `fault` says what goes wrong at a count of 3. */
enum { NONE, FORWARD_FAILS, FORWARD_NAN, STATE_NAN, BACKWARD_FAILS, BACKWARD_NAN };

static int32_t faulty_forward(void *user, const tkr_user_step *s) {
    const int fault = *(const int *)user;
    for (int64_t r = 0; r < s->rows; r++) {
        const float count = s->states[0][r] + 1;
        s->y[r] = s->x[r] * s->parameters[0][0];
        s->new_states[0][r] = count;
        if (count == 3 && fault == FORWARD_FAILS) {
            return TKR_ERR_IO;
        }
        s->y[r] = count == 3 && fault == FORWARD_NAN ? NAN : s->y[r];
        s->new_states[0][r] = count == 3 && fault == STATE_NAN ? NAN : count;
    }
    return TKR_OK;
}

static int32_t faulty_backward(void *user, const tkr_user_step *s) {
    const int fault = *(const int *)user;
    for (int64_t r = 0; r < s->rows; r++) {
        s->dx[r] = fault == BACKWARD_NAN ? NAN : s->dy[r] * s->parameters[0][0];
        s->dparameters[0][0] += s->dy[r] * s->x[r];
    }
    return fault == BACKWARD_FAILS ? 5 : TKR_OK;
}

static const tkr_user_tensor one_number[] = {{"w", 1, {1, 0, 0, 0}}};
static const tkr_user_tensor one_state[] = {{"count", 1, {1, 0, 0, 0}}};

static tkr_user_cell faulty(int *fault) {
    return (tkr_user_cell){.size = sizeof(tkr_user_cell),
                           .name = "faulty",
                           .user = fault,
                           .output = 1,
                           .n_parameters = 1,
                           .n_states = 1,
                           .parameters = one_number,
                           .states = one_state,
                           .forward = faulty_forward,
                           .backward = faulty_backward};
}

static tkr_cell *make_faulty(int *fault) {
    const tkr_user_cell functions = faulty(fault);
    tkr_cell *parts[2], *net;
    assert_ok(tkr_cell_create(&parts[0], TKR_LINEAR, 1, 1, NULL));
    assert_ok(tkr_cell_create_user(&parts[1], 1, &functions, NULL));
    assert_ok(tkr_cell_set_name(parts[1], "mine"));
    assert_ok(tkr_cell_chain(&net, parts, 2, NULL));
    assert_ok(tkr_cell_init(net, 1));
    return net;
}

static void test_failing_passes(void **unused) {
    (void)unused;
    static const struct {
        int fault;
        int32_t status;
        const char *words;
    } rows[] = {
        {FORWARD_FAILS, TKR_ERR_IO, "part 'mine': its forward function returned -8"},
        {FORWARD_NAN, TKR_ERR_NUMERIC, "part 'mine': its forward function made a NaN"},
        {STATE_NAN, TKR_ERR_NUMERIC, "part 'mine': its forward function made a NaN"},
        {BACKWARD_FAILS, TKR_ERR_UNSUPPORTED, "part 'mine': its backward function returned 5"},
        {BACKWARD_NAN, TKR_ERR_NUMERIC, "part 'mine': its backward function made a NaN"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int fault = NONE;
        tkr_cell *net = make_faulty(&fault);
        tkr_sequence *seq;
        float x[4] = {1, 2, 3, 4}, y[4], good[4];
        assert_ok(tkr_sequence_create(&seq, net, 4, 1, TKR_TRAINING, NULL));
        assert_ok(tkr_sequence_forward(seq, x, NULL, 4, 1));
        assert_ok(tkr_sequence_output(seq, good, 4));
        fault = rows[i].fault;
        int32_t status = tkr_sequence_forward(seq, x, NULL, 4, 1);
        if (status == TKR_OK) {
            status = tkr_sequence_backward(seq, x, NULL);
        }
        assert_int_equal(status, rows[i].status);
        assert_string_equal(tkr_sequence_detail(seq), rows[i].words);
        assert_status(tkr_sequence_output(seq, y, 4), TKR_ERR_ORDER); /* it counts as not run */
        fault = NONE;
        assert_ok(tkr_sequence_forward(seq, x, NULL, 4, 1));
        assert_ok(tkr_sequence_output(seq, y, 4));
        assert_true(compare_bits(y, good, 4));
        tkr_sequence_destroy(seq);
        tkr_cell_destroy(net);
    }
}

/* A carried state is not lost with the pass that started from it. */
static void test_failing_carry(void **unused) {
    (void)unused;
    int fault = NONE;
    float x[4] = {1, 2, 3, 4}, count;
    tkr_cell *net = make_faulty(&fault);
    tkr_sequence *seq;
    tkr_state *state;
    assert_ok(tkr_sequence_create(&seq, net, 4, 1, TKR_INFERENCE, NULL));
    assert_ok(tkr_sequence_set_int(seq, TKR_CARRY, 1));
    assert_ok(tkr_sequence_forward(seq, x, NULL, 2, 1));
    fault = FORWARD_FAILS;
    assert_status(tkr_sequence_forward(seq, x, NULL, 2, 1), TKR_ERR_IO);
    fault = NONE;
    assert_ok(tkr_sequence_forward(seq, x, NULL, 2, 1));
    assert_ok(tkr_state_create(&state, net, 1, NULL));
    assert_ok(tkr_sequence_get_state(seq, state));
    assert_ok(tkr_state_get(state, "mine.count", &count, 1));
    assert_true(count == 4);
    tkr_state_destroy(state);
    tkr_sequence_destroy(seq);
    tkr_cell_destroy(net);
}

static void test_failing_steps(void **unused) {
    (void)unused;
    int fault = NONE;
    float x = 1, y = 77, count;
    tkr_cell *net = make_faulty(&fault);
    tkr_state *state;
    assert_ok(tkr_state_create(&state, net, 1, NULL));
    assert_ok(tkr_cell_step(net, state, NULL, &x));
    assert_ok(tkr_cell_step(net, state, NULL, &x));
    fault = STATE_NAN;
    assert_status(tkr_cell_step(net, state, &y, &x), TKR_ERR_NUMERIC);
    assert_string_equal(tkr_state_detail(state), "part 'mine': its forward function made a NaN");
    assert_true(y == 77);
    assert_ok(tkr_state_get(state, "mine.count", &count, 1));
    assert_true(count == 2);
    tkr_state_destroy(state);
    tkr_cell_destroy(net);
}

/* Recurrent parts around the faulty one. */
static tkr_cell *make_faulty_between(int *fault) {
    const tkr_user_cell functions = faulty(fault);
    tkr_cell *parts[3], *net;
    assert_ok(tkr_cell_create(&parts[0], TKR_LSTM, 1, 1, NULL));
    assert_ok(tkr_cell_create_user(&parts[1], 1, &functions, NULL));
    assert_ok(tkr_cell_create(&parts[2], TKR_GRU, 1, 9, NULL));
    assert_ok(tkr_cell_chain(&net, parts, 3, NULL));
    assert_ok(tkr_cell_init(net, 1));
    return net;
}

/* Whatever fails in a block, and in whichever group of rows, takes all of the block back; tried
 * again it gives what it gives where nothing failed. */
static void check_failing_block(int64_t batch, int wrong, int32_t status) {
    enum { MOST = 20, STEPS = 5, OUT = 9 };
    int fault = NONE;
    float x[STEPS * MOST], y[STEPS * MOST * OUT], good[STEPS * MOST * OUT];
    int64_t n;
    tkr_cell *net = make_faulty_between(&fault);
    tkr_state *state, *other;
    fill(x, STEPS * MOST, 9);
    assert_ok(tkr_state_create(&state, net, batch, NULL));
    assert_ok(tkr_state_create(&other, net, batch, NULL));
    assert_ok(tkr_cell_step(net, state, NULL, x)); /* the count stands at 1 */
    assert_ok(tkr_state_copy(other, state));
    float *before = shot_state(state, &n);
    fault = wrong;
    assert_status(tkr_cell_steps(net, state, y, x, STEPS), status);
    float *after = shot_state(state, &n);
    assert_true(compare_bits(after, before, n));
    fault = NONE;
    assert_ok(tkr_cell_steps(net, state, y, x, STEPS));
    assert_ok(tkr_cell_steps(net, other, good, x, STEPS));
    assert_true(compare_bits(y, good, STEPS * batch * OUT));
    free(before), free(after);
    tkr_state_destroy(state), tkr_state_destroy(other);
    tkr_cell_destroy(net);
}

static void test_failing_blocks(void **unused) {
    (void)unused;
    static const int64_t batches[] = {1, 3, 8, 9, 16, 17};
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        check_failing_block(batches[i], FORWARD_FAILS, TKR_ERR_IO);
        check_failing_block(batches[i], FORWARD_NAN, TKR_ERR_NUMERIC);
        check_failing_block(batches[i], STATE_NAN, TKR_ERR_NUMERIC);
    }
}

/* ------------------------------------------------------------------------------------------------
 * Files and copies
 * --------------------------------------------------------------------------------------------- */

static int32_t load(tkr_cell **cell, stream *file, const tkr_user_cell *const *lent, int64_t n,
                    char *text) {
    const tkr_env env = {.size = sizeof env,
                         .detail = text,
                         .detail_len = 240,
                         .user_cells = lent,
                         .n_user_cells = n};
    return tkr_cell_load_memory(cell, file->bytes, file->len, &env);
}

static void test_files(void **unused) {
    (void)unused;
    int fault = NONE;
    char text[240] = "";
    tkr_cell *net = make_faulty(&fault), *loaded, *copy;
    tkr_user_cell functions = faulty(&fault);
    const tkr_user_cell *lent[] = {NULL, &functions};
    stream file;
    stream_init(&file);
    const tkr_writer writer = stream_writer(&file);
    float w, same;
    assert_ok(tkr_cell_save_to(net, &writer));
    assert_status(load(&loaded, &file, NULL, 0, text), TKR_ERR_UNSUPPORTED);
    assert_non_null(strstr(text, "'faulty'"));
    assert_ok(load(&loaded, &file, lent, 2, text));
    assert_ok(tkr_cell_get_parameter(net, "mine.w", &w, 1));
    assert_ok(tkr_cell_get_parameter(loaded, "mine.w", &same, 1));
    assert_true(compare_bits(&w, &same, 1));
    assert_ok(tkr_cell_clone(&copy, loaded, NULL));
    assert_ok(tkr_cell_get_parameter(copy, "mine.w", &same, 1));
    assert_true(compare_bits(&w, &same, 1));
    functions.output = 2;
    tkr_cell_destroy(copy), tkr_cell_destroy(loaded);
    assert_status(load(&loaded, &file, lent, 2, text), TKR_ERR_MISMATCH);
    stream_fini(&file);
    tkr_cell_destroy(net);
}

static void test_checkpoint(void **unused) {
    (void)unused;
    tkr_cell *net = make_net(NULL), *other = make_net(NULL);
    tkr_optimizer *adam, *resumed;
    stream file;
    float w[H], same[H];
    stream_init(&file);
    const tkr_writer writer = stream_writer(&file);
    assert_ok(tkr_cell_init(other, 99));
    assert_ok(tkr_optimizer_create(&adam, TKR_ADAM, net, NULL));
    assert_ok(tkr_optimizer_create(&resumed, TKR_ADAM, other, NULL));
    assert_ok(tkr_checkpoint_save_to(adam, NULL, NULL, NULL, &writer));
    const tkr_reader reader = stream_reader(&file);
    assert_ok(tkr_checkpoint_load_from(resumed, NULL, NULL, NULL, &reader));
    assert_ok(tkr_cell_get_parameter(net, "own.bias_z", w, H));
    assert_ok(tkr_cell_get_parameter(other, "own.bias_z", same, H));
    assert_true(compare_bits(w, same, H));
    tkr_optimizer_destroy(adam), tkr_optimizer_destroy(resumed);
    tkr_cell_destroy(net), tkr_cell_destroy(other);
    stream_fini(&file);
}

static int32_t create(const tkr_user_cell *functions) {
    tkr_cell *cell = (tkr_cell *)1;
    const int32_t status = tkr_cell_create_user(&cell, 1, functions, NULL);
    assert_null(cell);
    return status;
}

static void test_refusals(void **unused) {
    (void)unused;
    int fault = NONE;
    const tkr_user_tensor twice[] = {{"w", 1, {1, 0, 0, 0}}, {"w", 1, {2, 0, 0, 0}}};
    const tkr_user_tensor flat[] = {{"w", 2, {1, 0, 0, 0}}}, unnamed[] = {{NULL, 1, {1, 0, 0, 0}}};
    tkr_user_cell f = faulty(&fault);
    tkr_cell *cell, *parts[2];
    assert_status(create(NULL), TKR_ERR_ARGUMENT);
    f.size = 8;
    assert_status(create(&f), TKR_ERR_ARGUMENT);
    f = faulty(&fault), f.name = "no spaces";
    assert_status(create(&f), TKR_ERR_ARGUMENT);
    f = faulty(&fault), f.backward = NULL;
    assert_status(create(&f), TKR_ERR_ARGUMENT);
    f = faulty(&fault), f.output = 0;
    assert_status(create(&f), TKR_ERR_ARGUMENT);
    f = faulty(&fault), f.n_states = 9;
    assert_status(create(&f), TKR_ERR_ARGUMENT);
    f = faulty(&fault), f.parameters = flat;
    assert_status(create(&f), TKR_ERR_ARGUMENT);
    f = faulty(&fault), f.states = unnamed;
    assert_status(create(&f), TKR_ERR_ARGUMENT);
    f = faulty(&fault), f.parameters = twice, f.n_parameters = 2;
    assert_status(create(&f), TKR_ERR_KEY);
    assert_status(tkr_cell_create(&cell, TKR_USER, 1, 1, NULL), TKR_ERR_ARGUMENT);
    f = faulty(&fault); /* behind LAST there is one step */
    assert_ok(tkr_cell_create(&parts[0], TKR_LAST, 1, 1, NULL));
    assert_ok(tkr_cell_create_user(&parts[1], 1, &f, NULL));
    assert_status(tkr_cell_chain(&cell, parts, 2, NULL), TKR_ERR_UNSUPPORTED);
    tkr_cell_destroy(parts[0]), tkr_cell_destroy(parts[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),           cmocka_unit_test(test_bits),
        cmocka_unit_test(test_threads_and_windows), cmocka_unit_test(test_failing_passes),
        cmocka_unit_test(test_failing_carry),       cmocka_unit_test(test_failing_steps),
        cmocka_unit_test(test_failing_blocks),      cmocka_unit_test(test_files),
        cmocka_unit_test(test_checkpoint),          cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
