/* SPDX-License-Identifier: MIT
 * A block of steps has the bits of as many single steps, and in float32 of the unrolled pass: drawn
 * nets of all kinds and options, and the nets of all parts, for 1 to 17 streams and blocks of 1 to
 * 257 steps, in every precision and on every tier. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../examples/mingru.h"
#include "support/nets.h"
#include "support/shot.h"
#include "support/tiers.h"
#include "support/twin.h"

enum { MOST_BATCH = 17, MOST_BLOCK = 257, SHORT = 40, LONG = 600, MOST_PARTS = 4 };

/* What a cell can be fed with, or-ed: both take turns. */
enum { VALUES = 1, IDS = 2, BOTH = VALUES | IDS };

/* A cell, and what goes through it. */
typedef struct feed {
    const char *label;
    tkr_cell *cell;
    tkr_state *first; /* before the first step */
    orc_random *random;
    const tkr_env *env;
    int64_t batch, steps, in, out;
    float *x;     /* [T][B][I] */
    int32_t *ids; /* [T][B] */
    int takes;    /* VALUES, IDS or BOTH */
    float *y;     /* [T][B][O] one by one */
    float *last;  /* the state behind it, [n_state] */
    int64_t n_state;
} feed;

static bool one_in(orc_random *random, int64_t n) {
    return orc_below(random, n) == 0;
}

/* 1..most, half of the time no more than 4. */
static int64_t draw_size(orc_random *random, int64_t most) {
    return 1 + orc_below(random, one_in(random, 2) && most > 4 ? 4 : most);
}

static float *draw_floats(orc_random *random, int64_t n, double scale) {
    float *values = malloc((size_t)(n > 0 ? n : 1) * sizeof *values);
    assert_non_null(values);
    for (int64_t i = 0; i < n; i++) {
        values[i] = orc_number(random, scale);
    }
    return values;
}

/* ------------------------------------------------------------------------------------------------
 * One by one, in blocks, unrolled
 * --------------------------------------------------------------------------------------------- */

/* What is compared: of `block` steps from `step` on. */
typedef struct place {
    const char *what;
    int64_t step, block;
} place;

static void expect_bits(const feed *f, place at, const float *got, const float *want, int64_t n) {
    if (!compare_bits(got, want, n)) {
        fail_msg("%s, precision %d, tier %d, batch %d, I %d, O %d: %s, step %d of %d, block of %d",
                 f->label, (int)tkr_cell_precision(f->cell), (int)tkr_cell_tier(f->cell),
                 (int)f->batch, (int)f->in, (int)f->out, at.what, (int)at.step, (int)f->steps,
                 (int)at.block);
    }
}

static void expect_state(const feed *f, const char *what, const tkr_state *state) {
    int64_t n;
    float *got = shot_state(state, &n);
    assert_int_equal(n, f->n_state);
    expect_bits(f, (place){what, f->steps, 0}, got, f->last, n);
    free(got);
}

static tkr_state *start(const feed *f) {
    tkr_state *state;
    assert_ok(tkr_state_create(&state, f->cell, f->batch, f->env));
    assert_ok(tkr_state_copy(state, f->first));
    return state;
}

/* Where both are taken, 16 steps of values and 5 of ids take turns. */
static bool is_by_ids(const feed *f, int64_t step) {
    return f->takes == IDS || (f->takes == BOTH && step % 21 >= 16);
}

/* How many steps from this one on, at most n, are fed alike. */
static int64_t alike(const feed *f, int64_t step, int64_t n) {
    int64_t m = 1;
    while (m < n && is_by_ids(f, step + m) == is_by_ids(f, step)) {
        m++;
    }
    return m;
}

static void run_steps(feed *f) {
    tkr_state *state = start(f);
    const int64_t width = f->batch * f->out;
    f->y = malloc((size_t)(f->steps * width) * sizeof *f->y);
    for (int64_t t = 0; t < f->steps; t++) {
        float *y = f->y + t * width;
        assert_ok(is_by_ids(f, t) ? tkr_cell_step_ids(f->cell, state, y, f->ids + t * f->batch)
                                  : tkr_cell_step(f->cell, state, y, f->x + t * f->batch * f->in));
    }
    f->last = shot_state(state, &f->n_state);
    tkr_state_destroy(state);
    for (int64_t i = 0; i < f->steps * width; i++) {
        assert_true(isfinite(f->y[i])); /* else nothing would be compared */
    }
}

/* Where the output of a block goes. */
enum { ELSEWHERE, IN_PLACE, NOWHERE };

/* `n` steps from step t on. */
static void run_block(const feed *f, tkr_state *state, int64_t t, int64_t n, int where) {
    const int64_t rows = n * f->batch, len = rows * f->out;
    const size_t bytes = (size_t)(rows * f->in) * sizeof *f->x;
    const bool by_ids = is_by_ids(f, t);
    const bool in_place = where == IN_PLACE && f->out <= f->in && !by_ids;
    float *x = malloc(bytes);
    guard y = guard_make(len, orc_below(f->random, 16));
    float *to = where == NOWHERE ? NULL : in_place ? x : y.data;
    memcpy(x, f->x + t * f->batch * f->in, bytes);
    assert_ok(by_ids ? tkr_cell_steps_ids(f->cell, state, to, f->ids + t * f->batch, n)
                     : tkr_cell_steps(f->cell, state, to, x, n));
    if (to) {
        expect_bits(f, (place){in_place ? "in place" : "output", t, n}, to,
                    f->y + t * f->batch * f->out, len);
    }
    guard_free(&y);
    free(x);
}

/* Cut at random; into blocks of `even` steps if it is not 0. */
static void run_blocks(const feed *f, int64_t even) {
    tkr_state *state = start(f);
    for (int64_t t = 0, n; t < f->steps; t += n) {
        const int64_t left = f->steps - t < MOST_BLOCK ? f->steps - t : MOST_BLOCK;
        n = even > 0 ? even : 1 + orc_below(f->random, one_in(f->random, 3) ? left : 20);
        n = alike(f, t, n < left ? n : left);
        run_block(f, state, t, n, one_in(f->random, 8) ? NOWHERE : (int)orc_below(f->random, 2));
    }
    expect_state(f, "state", state);
    tkr_state_destroy(state);
}

/* `once`: its output is the last step's. */
static void run_unrolled(const feed *f, bool once) {
    tkr_sequence *seq;
    tkr_state *state = start(f);
    const int64_t width = f->batch * f->out, n = once ? width : f->steps * width;
    float *y = malloc((size_t)n * sizeof *y);
    assert_ok(tkr_sequence_create(&seq, f->cell, f->steps, f->batch, TKR_INFERENCE, f->env));
    assert_ok(tkr_sequence_set_state(seq, f->first));
    assert_ok(f->takes == IDS ? tkr_sequence_forward_ids(seq, f->ids, NULL, f->steps, f->batch)
                              : tkr_sequence_forward(seq, f->x, NULL, f->steps, f->batch));
    assert_ok(tkr_sequence_output(seq, y, n));
    assert_ok(tkr_sequence_get_state(seq, state));
    expect_bits(f, (place){"unrolled output", 0, f->steps}, y, f->y + f->steps * width - n, n);
    expect_state(f, "unrolled state", state);
    free(y);
    tkr_state_destroy(state);
    tkr_sequence_destroy(seq);
}

/* ------------------------------------------------------------------------------------------------
 * A cell in all precisions
 * --------------------------------------------------------------------------------------------- */

/* Starts from given numbers, or from the cell's own. */
static void draw_state(feed *f) {
    int64_t tensors, shape[3];
    const char *name;
    const bool given = !one_in(f->random, 3);
    assert_ok(tkr_state_create(&f->first, f->cell, f->batch, f->env));
    assert_ok(tkr_state_tensors(f->first, &tensors));
    for (int64_t i = 0; given && i < tensors; i++) {
        assert_ok(tkr_state_tensor(f->first, i, &name, shape));
        const int64_t n = shape[0] * shape[1] * shape[2];
        float *values = draw_floats(f->random, n, 0.5);
        assert_ok(tkr_state_set(f->first, name, values, n));
        free(values);
    }
}

static void draw_input(feed *f) {
    const int64_t rows = f->steps * f->batch;
    f->x = draw_floats(f->random, rows * f->in, 1);
    f->ids = malloc((size_t)rows * sizeof *f->ids);
    for (int64_t i = 0; i < rows; i++) {
        f->ids[i] = (int32_t)orc_below(f->random, f->in + 1) - 1;
    }
}

static void run_precision(feed *f, bool once) {
    draw_state(f);
    run_steps(f);
    run_blocks(f, 0);
    run_blocks(f, f->steps);
    if (tkr_cell_precision(f->cell) == TKR_FLOAT32 && f->takes != BOTH) {
        run_unrolled(f, once);
    }
    free(f->y), free(f->last);
    tkr_state_destroy(f->first);
}

/* The cell, which is destroyed, and its quantized and approximating copies, where there are any. */
static void run_cell(feed f, tkr_cell *cell, bool once) {
    int32_t kind;
    assert_ok(tkr_cell_shape(cell, &kind, &f.in, &f.out));
    draw_input(&f);
    for (int32_t precision = TKR_FLOAT32; precision <= TKR_APPROXIMATE; precision++) {
        f.cell = cell;
        if (precision != TKR_FLOAT32) {
            const int32_t status = tkr_cell_quantize(&f.cell, NULL, cell, precision, NULL, f.env);
            if (status == TKR_ERR_UNSUPPORTED) {
                continue;
            }
            assert_ok(status);
        }
        run_precision(&f, once);
        if (f.cell != cell) {
            tkr_cell_destroy(f.cell);
        }
    }
    free(f.x), free(f.ids);
    tkr_cell_destroy(cell);
}

/* Of every part, the initialiser's ones and zeros too become numbers. */
static void draw_parameters(orc_random *random, tkr_cell *cell) {
    int64_t tensors, shape[4];
    int32_t rank;
    const char *name;
    assert_ok(tkr_cell_parameters(cell, &tensors, NULL));
    for (int64_t i = 0; i < tensors; i++) {
        assert_ok(tkr_cell_parameter(cell, i, &name, &rank, shape));
        const int64_t n = shape[0] * shape[1] * shape[2] * shape[3];
        float *values = draw_floats(random, n, rank < 2 ? 0.4 : 0.7 / sqrt((double)(n / shape[0])));
        assert_ok(tkr_cell_set_parameter(cell, name, values, n));
        free(values);
    }
}

/* ------------------------------------------------------------------------------------------------
 * Drawn nets
 * --------------------------------------------------------------------------------------------- */

static int64_t draw_one_of(orc_random *random, const int64_t *list, int64_t n) {
    return list[orc_below(random, n)];
}

static void draw_functions(orc_random *random, orc_spec *s) {
    static const int64_t cells[] = {TKR_RELU,      TKR_SOFTSIGN, TKR_IDENTITY,
                                    TKR_HARD_TANH, TKR_ELU,      TKR_LEAKY_RELU};
    static const int64_t gates[] = {TKR_LOGISTIC, TKR_HARD_SIGMOID, TKR_HARD_SIGMOID_6};
    if (s->kind == TKR_ELMAN) {
        s->activation = orc_below(random, TKR_GELU + 1);
    } else if (one_in(random, 6)) {
        s->activation = draw_one_of(random, cells, 6);
        s->gate_activation = draw_one_of(random, gates, 3);
    }
}

static orc_spec draw_recurrent(orc_random *random, int64_t input) {
    static const int64_t biases[] = {0, 0, 1, ORC_NO_BIAS};
    orc_spec s = {
        .kind = TKR_ELMAN + (int32_t)orc_below(random, 3),
        .input = input,
        .hidden = 1 + orc_below(random, 40),
        .layers = 1 + one_in(random, 3),
        .biases = draw_one_of(random, biases, 4),
        .learned = one_in(random, 3),
        .before = one_in(random, 6),
        .zoneout = one_in(random, 8) ? 0.25 : 0,
    };
    if (s.kind == TKR_LSTM) {
        s.peepholes = one_in(random, 3);
        s.projection = s.hidden > 1 && one_in(random, 5) ? 1 + orc_below(random, s.hidden - 1) : 0;
        s.zoneout_cell = one_in(random, 8) ? 0.5 : 0;
    } else if (s.kind == TKR_GRU) {
        s.reset = one_in(random, 4) ? TKR_RESET_BEFORE : TKR_RESET_AFTER;
    }
    draw_functions(random, &s);
    return s;
}

static int64_t output_of(const orc_spec *s) {
    return s->projection ? s->projection : s->hidden;
}

static orc_spec draw_convolution(orc_random *random, int64_t input) {
    return (orc_spec){
        .kind = TKR_CONV,
        .input = input,
        .hidden = 2 * draw_size(random, 10),
        .kernel = 1 + orc_below(random, 4),
        .dilation = 1 + orc_below(random, 3),
        .groups = input % 2 == 0 && one_in(random, 2) ? 2 : 1,
    };
}

static orc_spec draw_linear(orc_random *random, int64_t input) {
    return (orc_spec){
        .kind = TKR_LINEAR,
        .input = input,
        .hidden = draw_size(random, 20),
        .biases = one_in(random, 4) ? ORC_NO_BIAS : 0,
        .activation = one_in(random, 3) ? 1 + orc_below(random, TKR_GELU) : 0,
    };
}

/* Something before, a recurrent part, a linear one: mostly not all of them. Returns how many. */
static int64_t draw_net(orc_random *random, orc_spec specs[MOST_PARTS], int *takes) {
    static const int ways[] = {VALUES, VALUES, IDS, BOTH};
    int64_t n = 0, width = one_in(random, 2) ? 1 + orc_below(random, 8) : 1 + orc_below(random, 20);
    *takes = ways[orc_below(random, 4)];
    if (one_in(random, 6)) {
        specs[n++] = draw_convolution(random, width);
        *takes = VALUES;
    } else if (one_in(random, 6)) {
        const int64_t ids = 1 + orc_below(random, 20);
        specs[n++] = (orc_spec){.kind = TKR_EMBEDDING, .input = ids, .hidden = width};
        *takes = IDS;
    }
    width = n > 0 ? specs[n - 1].hidden : width;
    if (!one_in(random, 10)) {
        specs[n] = draw_recurrent(random, width);
        width = output_of(&specs[n++]);
    }
    if (n == 0 || one_in(random, 2)) {
        specs[n++] = draw_linear(random, width);
    }
    return n;
}

/* A net of specs, and how it is fed. */
typedef struct subject {
    nets_net net;
    int64_t batch, steps;
    int takes;
} subject;

static void run_net(orc_random *random, subject s, const tkr_env *env) {
    const feed f = {.label = s.net.label,
                    .random = random,
                    .env = env,
                    .batch = s.batch,
                    .steps = s.steps,
                    .takes = s.takes};
    tkr_cell *cell = twin_cell(s.net.specs, s.net.n, env);
    draw_parameters(random, cell);
    run_cell(f, cell, s.net.flags & NETS_ONCE);
}

static void run_drawn(orc_random *random, int64_t batch, int64_t steps, const tkr_env *env) {
    orc_spec specs[MOST_PARTS];
    char label[160];
    int takes;
    const int64_t n = draw_net(random, specs, &takes);
    int len = snprintf(label, sizeof label, "a net of");
    for (int64_t i = 0; i < n; i++) {
        len += snprintf(label + len, sizeof label - (size_t)len, " kind %d, %d x %d;",
                        (int)specs[i].kind, (int)specs[i].input, (int)specs[i].hidden);
    }
    run_net(random, (subject){{label, n, specs, 0}, batch, steps, takes}, env);
}

static orc_random random_of(uint64_t seed, const tkr_env *env) {
    return (orc_random){compare_seed(seed) * 100 + (uint64_t)env->tier};
}

/* Of so many cases one is tried: the reference is slow, and has few ways to go. */
static int64_t stride_of(const tkr_env *env) {
    return env->tier == TKR_TIER_REFERENCE ? 5 : 1;
}

static void check_drawn(const tkr_env *env) {
    orc_random random = random_of(1300, env);
    for (int64_t i = 0; i < 10 * MOST_BATCH; i += stride_of(env)) {
        run_drawn(&random, 1 + i % MOST_BATCH, 1 + orc_below(&random, SHORT), env);
    }
}

static void test_drawn(void **unused) {
    (void)unused;
    tiers_each_env(check_drawn);
}

/* So many steps that blocks can have any length. */
static void check_long(const tkr_env *env) {
    static const int64_t batches[] = {1, 1, 2, 3, 5, 17};
    orc_random random = random_of(1400, env);
    for (int64_t i = 0; i < 6; i += stride_of(env)) {
        const int64_t steps = MOST_BLOCK + orc_below(&random, LONG / batches[i]);
        run_drawn(&random, batches[i], steps, env);
    }
}

static void test_long(void **unused) {
    (void)unused;
    tiers_each_env(check_long);
}

/* A block of every length, of cells whose steps are made in one go. */
static void check_lengths(const tkr_env *env) {
    orc_random random = random_of(1500, env);
    for (int64_t length = 1; length <= MOST_BLOCK; length += stride_of(env)) {
        const orc_spec spec = {.kind = length % 2 ? TKR_LSTM : TKR_GRU,
                               .input = length % 3 ? 2 : 9,
                               .hidden = 1 + orc_below(&random, 9)};
        const nets_net net = {"one layer", 1, &spec, 0};
        run_net(&random, (subject){net, 1 + length % 4, length, length % 5 ? VALUES : IDS}, env);
    }
}

static void test_lengths(void **unused) {
    (void)unused;
    tiers_each_env(check_lengths);
}

/* ------------------------------------------------------------------------------------------------
 * Nets that are there
 * --------------------------------------------------------------------------------------------- */

static void check_parts(const tkr_env *env) {
    orc_random random = random_of(1600, env);
    for (int64_t i = 0; i < N_NETS_OF_PARTS; i++) {
        const nets_net *net = &NETS_OF_PARTS[i];
        for (int64_t j = 0; j * stride_of(env) < 2 && !(net->flags & NETS_BACKWARDS); j++) {
            const int64_t batch = j ? 1 + i * 5 % MOST_BATCH : 1 + i % 3;
            run_net(&random,
                    (subject){*net, batch, 1 + orc_below(&random, SHORT),
                              net->flags & NETS_IDS ? IDS : VALUES},
                    env);
        }
    }
}

static void test_parts(void **unused) {
    (void)unused;
    tiers_each_env(check_parts);
}

/* What no spec tells: the normalised LSTM, and a caller's own cell, each before a linear map. */
static tkr_cell *make_stepwise(bool own, int64_t input, int64_t hidden, const tkr_env *env) {
    tkr_cell *parts[2], *net;
    if (own) {
        assert_ok(mingru_create(&parts[0], input, hidden, env));
    } else {
        assert_ok(tkr_cell_create(&parts[0], TKR_LSTM, input, hidden, env));
        assert_ok(tkr_cell_set_int(parts[0], TKR_LAYER_NORM, 1));
        assert_ok(tkr_cell_set_int(parts[0], TKR_LAYERS, 2));
    }
    assert_ok(tkr_cell_create(&parts[1], TKR_LINEAR, hidden, 2, env));
    assert_ok(tkr_cell_chain(&net, parts, 2, env));
    assert_ok(tkr_cell_init(net, 1));
    return net;
}

static void check_stepwise(const tkr_env *env) {
    orc_random random = random_of(1700, env);
    for (int64_t i = 0; i < 2 * MOST_BATCH; i += stride_of(env)) {
        const feed f = {.label = i % 2 ? "a caller's cell" : "a normalised LSTM",
                        .random = &random,
                        .env = env,
                        .batch = 1 + i / 2,
                        .steps = 1 + orc_below(&random, SHORT),
                        .takes = VALUES};
        tkr_cell *cell =
            make_stepwise(i % 2, draw_size(&random, 12), 1 + orc_below(&random, 20), env);
        draw_parameters(&random, cell);
        run_cell(f, cell, false);
    }
}

static void test_stepwise(void **unused) {
    (void)unused;
    tiers_each_env(check_stepwise);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drawn),    cmocka_unit_test(test_long),
        cmocka_unit_test(test_lengths),  cmocka_unit_test(test_parts),
        cmocka_unit_test(test_stepwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
