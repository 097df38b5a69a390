/* SPDX-License-Identifier: MIT
 * Update rules, clipping and schedules against the double oracle, from the library's own gradients;
 * and a step that meets NaN, infinity or an overflow changes nothing. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/tiers.h"
#include "support/twin.h"

enum { STEPS = 3, BATCH = 4, UPDATES = 12 };

/* A twin with an optimizer on both sides. */
typedef struct pair {
    twin t;
    tkr_optimizer *opt;
    orc_optimizer oracle;
} pair;

static const orc_spec SPECS[] = {{.kind = TKR_GRU, .input = 5, .hidden = 19, .learned = 1},
                                 {.kind = TKR_LINEAR, .input = 19, .hidden = 3}};

static void open_pair(pair *p, int32_t kind, double rate, const tkr_env *env) {
    twin_open(&p->t, SPECS, 2, 600, env);
    twin_shape(&p->t, STEPS, BATCH, NULL, TKR_TRAINING, false);
    assert_ok(tkr_optimizer_create(&p->opt, kind, p->t.cell, env));
    orc_optimizer_init(&p->oracle, p->t.net, kind, rate);
    assert_ok(tkr_optimizer_set_float(p->opt, TKR_LEARNING_RATE, rate));
    snprintf(p->t.label, sizeof p->t.label, "optimizer %d", (int)kind);
}

static void close_pair(pair *p) {
    tkr_optimizer_destroy(p->opt);
    twin_close(&p->t);
}

/* New gradients in the library, and the same numbers in the oracle. */
static void draw_gradients(pair *p) {
    orc_net *net = p->t.net;
    orc_fill(&p->t.random, net->doutput, STEPS * BATCH * 3, 1);
    twin_forward_library(&p->t);
    twin_backward_library(&p->t);
    for (int64_t i = 0; i < net->n_tensors; i++) {
        orc_tensor *tensor = &net->tensors[i];
        int64_t n = tensor->rows * tensor->cols;
        float *gradient = twin_gradient(&p->t, tensor->name, n);
        for (int64_t j = 0; j < n; j++) {
            tensor->grad[j] = (double)gradient[j];
        }
        free(gradient);
    }
}

static void check_parameters(pair *p) {
    for (int64_t i = 0; i < p->t.net->n_tensors; i++) {
        const orc_tensor *tensor = &p->t.net->tensors[i];
        int64_t n = tensor->rows * tensor->cols;
        float *values = malloc((size_t)n * sizeof *values);
        assert_ok(tkr_cell_get_parameter(p->t.cell, tensor->name, values, n));
        int near = compare_norm_near(values, tensor->value, n, 2e-6);
        free(values);
        if (!near) {
            fail_msg("%s: %s", p->t.label, tensor->name);
        }
    }
}

static double real_of(const pair *p, int32_t key) {
    double value;
    assert_ok(tkr_optimizer_get_float(p->opt, key, &value));
    return value;
}

/* UPDATES steps side by side; the numbers that can be read agree too. */
static void check_updates(pair *p) {
    for (int64_t i = 0; i < UPDATES; i++) {
        int64_t count;
        float *gradients;
        draw_gradients(p);
        double rate = orc_optimizer_rate(&p->oracle);
        assert_true(fabs(real_of(p, TKR_CURRENT_RATE) - rate) <= 1e-12 * fabs(rate));
        orc_optimizer_step(&p->oracle, p->t.net);
        assert_ok(tkr_optimizer_step(p->opt, p->t.seq));
        check_parameters(p);
        double norm = real_of(p, TKR_GRADIENT_NORM);
        assert_true(fabs(norm - p->oracle.norm) <= 1e-6 * p->oracle.norm);
        assert_ok(tkr_optimizer_get_int(p->opt, TKR_STEP_COUNT, &count));
        assert_int_equal(count, i + 1);
        assert_ok(tkr_sequence_gradients(p->t.seq, &gradients, &count));
        for (int64_t k = 0; k < count; k++) {
            assert_true(gradients[k] >= 0 && gradients[k] <= 0);
        }
    }
}

static void set_real(pair *p, int32_t key, double *mirror, double value) {
    *mirror = value;
    assert_ok(tkr_optimizer_set_float(p->opt, key, value));
}

/* Every rule with each of its options off and on, by a norm that clips and by one that does not. */
static void check_rule(int32_t kind, int options, const tkr_env *env) {
    pair p;
    open_pair(&p, kind, kind == TKR_SGD ? 0.05 : 0.01, env);
    if (options & 1) {
        set_real(&p, TKR_WEIGHT_DECAY, &p.oracle.decay, 0.1);
    }
    if (options & 2) {
        set_real(&p, TKR_CLIP_NORM, &p.oracle.clip_norm, options & 1 ? 1000 : 0.75);
    }
    if (options & 4) {
        set_real(&p, TKR_CLIP_VALUE, &p.oracle.clip_value, 0.5);
    }
    if ((options & 8) && (kind == TKR_SGD || kind == TKR_RMSPROP)) {
        set_real(&p, TKR_MOMENTUM, &p.oracle.momentum, 0.8);
    }
    if ((options & 16) && kind == TKR_SGD) {
        p.oracle.nesterov = 1;
        assert_ok(tkr_optimizer_set_int(p.opt, TKR_NESTEROV, 1));
    }
    if ((options & 8) && (kind == TKR_ADAM || kind == TKR_ADAMW)) {
        set_real(&p, TKR_BETA1, &p.oracle.beta1, 0.5);
        set_real(&p, TKR_BETA2, &p.oracle.beta2, 0.9);
    }
    if ((options & 16) && kind != TKR_SGD) {
        set_real(&p, TKR_EPSILON, &p.oracle.epsilon, 0.01);
    }
    if ((options & 8) && kind == TKR_RMSPROP) {
        set_real(&p, TKR_SMOOTHING, &p.oracle.smoothing, 0.8);
    }
    check_updates(&p);
    close_pair(&p);
}

static void check_rules(const tkr_env *env) {
    for (int32_t kind = TKR_SGD; kind <= TKR_RMSPROP; kind++) {
        for (int options = 0; options < 32; options++) {
            check_rule(kind, options, env);
        }
    }
}

static void test_rules(void **unused) {
    (void)unused;
    tiers_each_env(check_rules);
}

/* Each schedule with and without a warm-up, past its end. */
static void test_schedules(void **unused) {
    (void)unused;
    for (int32_t schedule = TKR_SCHEDULE_CONSTANT; schedule <= TKR_SCHEDULE_COSINE; schedule++) {
        for (int64_t warmup = 0; warmup <= 5; warmup += 5) {
            pair p;
            open_pair(&p, TKR_SGD, 0.25, NULL);
            p.oracle.schedule = schedule, p.oracle.warmup = warmup, p.oracle.interval = 3;
            assert_ok(tkr_optimizer_set_int(p.opt, TKR_SCHEDULE, schedule));
            assert_ok(tkr_optimizer_set_int(p.opt, TKR_WARMUP_STEPS, warmup));
            assert_ok(tkr_optimizer_set_int(p.opt, TKR_SCHEDULE_STEPS, 3));
            set_real(&p, TKR_SCHEDULE_FACTOR, &p.oracle.factor, 0.5);
            set_real(&p, TKR_SCHEDULE_FLOOR, &p.oracle.floor, 0.125);
            check_updates(&p);
            close_pair(&p);
        }
    }
}

/* What a failed step must not change: parameters and gradients. */
typedef struct memory {
    float *parameters, *gradients;
    int64_t n_parameters, n_gradients;
} memory;

static float *read_parameters(const tkr_cell *cell, int64_t *n) {
    int64_t tensors, shape[4], at = 0;
    const char *name;
    int32_t rank;
    assert_ok(tkr_cell_parameters(cell, &tensors, n));
    float *values = malloc((size_t)*n * sizeof *values);
    for (int64_t i = 0; i < tensors; i++) {
        assert_ok(tkr_cell_parameter(cell, i, &name, &rank, shape));
        assert_ok(tkr_cell_get_parameter(cell, name, values + at, shape[0] * shape[1]));
        at += shape[0] * shape[1];
    }
    return values;
}

static memory remember(pair *p) {
    memory m;
    float *gradients;
    m.parameters = read_parameters(p->t.cell, &m.n_parameters);
    assert_ok(tkr_sequence_gradients(p->t.seq, &gradients, &m.n_gradients));
    m.gradients = malloc((size_t)m.n_gradients * sizeof *gradients);
    memcpy(m.gradients, gradients, (size_t)m.n_gradients * sizeof *gradients);
    return m;
}

static void check_unchanged(pair *p, memory *before) {
    memory after = remember(p);
    assert_true(compare_bits(after.parameters, before->parameters, before->n_parameters));
    assert_memory_equal(after.gradients, before->gradients,
                        (size_t)before->n_gradients * sizeof *after.gradients);
    free(after.parameters), free(after.gradients);
    free(before->parameters), free(before->gradients);
}

/* One gradient replaced: the step is refused, and everything is as it was, the norm included. */
static void check_refused(pair *p, int64_t at, float value) {
    float *gradients;
    int64_t n, count, again;
    double norm = real_of(p, TKR_GRADIENT_NORM);
    assert_ok(tkr_optimizer_get_int(p->opt, TKR_STEP_COUNT, &count));
    assert_ok(tkr_sequence_gradients(p->t.seq, &gradients, &n));
    at = at < 0 ? n + at : at;
    float kept = gradients[at];
    gradients[at] = value;
    memory before = remember(p);
    assert_status(tkr_optimizer_step(p->opt, p->t.seq), TKR_ERR_NUMERIC);
    assert_non_null(strstr(tkr_optimizer_detail(p->opt), "gradient"));
    assert_non_null(strstr(tkr_optimizer_detail(p->opt), "tkr_sequence_zero_gradients()"));
    check_unchanged(p, &before);
    assert_true(fabs(real_of(p, TKR_GRADIENT_NORM) - norm) <= 0);
    assert_ok(tkr_optimizer_get_int(p->opt, TKR_STEP_COUNT, &again));
    assert_int_equal(again, count);
    gradients[at] = kept;
}

/* Between every two steps come refused ones: the trajectory stays the oracle's, so the moments did
 * not change either. Clipping does not hide what is not finite. */
static void check_not_finite(const tkr_env *env) {
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int32_t kind = TKR_SGD; kind <= TKR_RMSPROP; kind++) {
        for (int clip = 0; clip < 3; clip++) {
            pair p;
            open_pair(&p, kind, 0.01, env);
            if (clip) {
                set_real(&p, clip == 1 ? TKR_CLIP_NORM : TKR_CLIP_VALUE,
                         clip == 1 ? &p.oracle.clip_norm : &p.oracle.clip_value, 0.5);
            }
            for (int i = 0; i < 4; i++) {
                draw_gradients(&p);
                check_refused(&p, i, bad[i % 3]);
                check_refused(&p, -1, bad[(i + 1) % 3]);
                check_refused(&p, 300 + i, bad[(i + 2) % 3]);
                orc_optimizer_step(&p.oracle, p.t.net);
                assert_ok(tkr_optimizer_step(p.opt, p.t.seq));
                check_parameters(&p);
            }
            close_pair(&p);
        }
    }
}

static void test_not_finite(void **unused) {
    (void)unused;
    tiers_each_env(check_not_finite);
}

/* An exploded but finite gradient: refused as it is, taken when clipped; the norm is told. */
static void test_exploded(void **unused) {
    (void)unused;
    for (int32_t kind = TKR_SGD; kind <= TKR_RMSPROP; kind++) {
        pair p;
        float *gradients;
        int64_t n;
        open_pair(&p, kind, 0.01, NULL);
        draw_gradients(&p);
        check_refused(&p, 7, 3e30F);
        assert_ok(tkr_optimizer_set_float(p.opt, TKR_CLIP_NORM, 1));
        assert_ok(tkr_sequence_gradients(p.t.seq, &gradients, &n));
        gradients[7] = 3e30F;
        assert_ok(tkr_optimizer_step(p.opt, p.t.seq));
        assert_true(fabs(real_of(&p, TKR_GRADIENT_NORM) - 3e30) <= 1e24);
        int64_t numbers;
        float *after = read_parameters(p.t.cell, &numbers);
        for (int64_t i = 0; i < numbers; i++) {
            assert_true(isfinite(after[i]));
        }
        free(after);
        close_pair(&p);
    }
}

static void set_rate(pair *p, double rate, double decay) {
    assert_ok(tkr_optimizer_set_float(p->opt, TKR_LEARNING_RATE, rate));
    assert_ok(tkr_optimizer_set_float(p->opt, TKR_WEIGHT_DECAY, decay));
}

/* The same small gradients for both, and a step of each. */
static int32_t step_both(pair *p, pair *other) {
    float *a, *b;
    int64_t n;
    assert_ok(tkr_sequence_gradients(p->t.seq, &a, &n));
    assert_ok(tkr_sequence_gradients(other->t.seq, &b, &n));
    for (int64_t i = 0; i < n; i++) {
        a[i] = b[i] = 0.125F * (float)(i % 9 - 4);
    }
    memory before = remember(p);
    const int32_t status = tkr_optimizer_step(p->opt, p->t.seq);
    if (status < 0) {
        assert_int_equal(status, TKR_ERR_NUMERIC);
        assert_non_null(strstr(tkr_optimizer_detail(p->opt), "a step of rate 1e+06"));
        check_unchanged(p, &before);
    } else {
        assert_ok(tkr_optimizer_step(other->opt, other->t.seq));
        free(before.parameters), free(before.gradients);
    }
    return status;
}

/* The cell's first parameters: 1e15. */
static void set_large(pair *p) {
    const char *name;
    int32_t rank;
    int64_t shape[4];
    assert_ok(tkr_cell_parameter(p->t.cell, 0, &name, &rank, shape));
    const int64_t n = shape[0] * shape[1];
    float *values = malloc((size_t)n * sizeof *values);
    for (int64_t i = 0; i < n; i++) {
        values[i] = 1e15F;
    }
    assert_ok(tkr_cell_set_parameter(p->t.cell, name, values, n));
    free(values);
}

static void assert_same_parameters(pair *p, pair *other) {
    int64_t n;
    float *a = read_parameters(p->t.cell, &n), *b = read_parameters(other->t.cell, &n);
    assert_true(compare_bits(a, b, n));
    free(a), free(b);
}

/* A rate and a decay that would make something infinite within a few steps: those steps are
 * refused, and neither parameters nor moments know of them afterwards. */
static void check_absurd(const tkr_env *env) {
    for (int32_t kind = TKR_SGD; kind <= TKR_RMSPROP; kind++) {
        pair p, other;
        int32_t status = TKR_OK;
        open_pair(&p, kind, 0.01, env), open_pair(&other, kind, 0.01, env);
        set_large(&p), set_large(&other);
        assert_ok(step_both(&p, &other));
        set_rate(&p, 1e6, 1e6), set_rate(&other, 1e6, 1e6);
        for (int i = 0; i < 12 && status == TKR_OK; i++) {
            status = step_both(&p, &other);
        }
        assert_int_equal(status, TKR_ERR_NUMERIC);
        set_rate(&p, 1e-9, 0), set_rate(&other, 1e-9, 0);
        assert_ok(step_both(&p, &other));
        assert_same_parameters(&p, &other);
        close_pair(&p), close_pair(&other);
    }
}

static void test_absurd(void **unused) {
    (void)unused;
    tiers_each_env(check_absurd);
}

/* A parameter that is not finite is not updated, wherever it is; set right, it is. */
static void test_bad_parameter(void **unused) {
    (void)unused;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        pair p;
        const char *name;
        int32_t rank;
        int64_t shape[4];
        open_pair(&p, TKR_ADAM, 0.01, NULL);
        assert_ok(tkr_cell_parameter(p.t.cell, i, &name, &rank, shape));
        const int64_t n = shape[0] * (rank > 1 ? shape[1] : 1);
        float *values = malloc((size_t)n * sizeof *values), kept;
        assert_ok(tkr_cell_get_parameter(p.t.cell, name, values, n));
        draw_gradients(&p);
        assert_ok(tkr_optimizer_step(p.opt, p.t.seq));
        assert_ok(tkr_cell_get_parameter(p.t.cell, name, values, n));
        draw_gradients(&p);
        kept = values[n - 1];
        values[n - 1] = bad[i];
        assert_ok(tkr_cell_set_parameter(p.t.cell, name, values, n));
        assert_status(tkr_optimizer_step(p.opt, p.t.seq), TKR_ERR_NUMERIC);
        values[n - 1] = kept;
        assert_ok(tkr_cell_set_parameter(p.t.cell, name, values, n));
        assert_ok(tkr_optimizer_step(p.opt, p.t.seq));
        free(values);
        close_pair(&p);
    }
}

/* A schedule that does not know its length: no step, no rate. */
static void test_schedule_without_steps(void **unused) {
    (void)unused;
    for (int32_t schedule = TKR_SCHEDULE_STEP; schedule <= TKR_SCHEDULE_COSINE; schedule++) {
        pair p;
        double rate;
        open_pair(&p, TKR_SGD, 0.01, NULL);
        draw_gradients(&p);
        assert_ok(tkr_optimizer_set_int(p.opt, TKR_SCHEDULE, schedule));
        memory before = remember(&p);
        assert_status(tkr_optimizer_step(p.opt, p.t.seq), TKR_ERR_ORDER);
        assert_non_null(strstr(tkr_optimizer_detail(p.opt), "TKR_SCHEDULE_STEPS"));
        check_unchanged(&p, &before);
        assert_status(tkr_optimizer_get_float(p.opt, TKR_CURRENT_RATE, &rate), TKR_ERR_ORDER);
        assert_ok(tkr_optimizer_set_int(p.opt, TKR_SCHEDULE_STEPS, 10));
        assert_ok(tkr_optimizer_step(p.opt, p.t.seq));
        assert_true(real_of(&p, TKR_CURRENT_RATE) > 0.009);
        close_pair(&p);
    }
}

/* Defaults and bounds as the header tells them; out of bounds and NaN change nothing. */
static void test_options(void **unused) {
    (void)unused;
    static const struct {
        int32_t kind, key;
        double standard;
    } reals[] = {
        {TKR_SGD, TKR_LEARNING_RATE, 0.01},  {TKR_ADAM, TKR_LEARNING_RATE, 0.001},
        {TKR_ADAM, TKR_BETA1, 0.9},          {TKR_ADAMW, TKR_BETA2, 0.999},
        {TKR_ADAM, TKR_EPSILON, 1e-8},       {TKR_ADAM, TKR_WEIGHT_DECAY, 0},
        {TKR_ADAMW, TKR_WEIGHT_DECAY, 0.01}, {TKR_SGD, TKR_MOMENTUM, 0},
        {TKR_RMSPROP, TKR_SMOOTHING, 0.99},  {TKR_RMSPROP, TKR_CLIP_NORM, 0},
        {TKR_SGD, TKR_CLIP_VALUE, 0},        {TKR_ADAM, TKR_SCHEDULE_FACTOR, 0.1},
        {TKR_ADAM, TKR_SCHEDULE_FLOOR, 0},
    };
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        pair p;
        open_pair(&p, reals[i].kind, 0.5, NULL);
        tkr_optimizer *fresh;
        double low, high, value;
        int32_t key = reals[i].key;
        assert_ok(tkr_optimizer_create(&fresh, reals[i].kind, p.t.cell, NULL));
        assert_ok(tkr_optimizer_get_float(fresh, key, &value));
        assert_true(fabs(value - reals[i].standard) <= 0);
        assert_ok(tkr_optimizer_bounds_float(fresh, key, &low, &high));
        const double wrong[] = {NAN, -INFINITY, INFINITY, low - 1e-3, high * 1.001 + 1e-3};
        for (int k = 0; k < 5; k++) {
            assert_status(tkr_optimizer_set_float(fresh, key, wrong[k]), TKR_ERR_ARGUMENT);
            assert_true(tkr_optimizer_detail(fresh)[0] != '\0');
        }
        assert_ok(tkr_optimizer_get_float(fresh, key, &value));
        assert_true(fabs(value - reals[i].standard) <= 0);
        assert_ok(tkr_optimizer_set_float(fresh, key, low));
        assert_ok(tkr_optimizer_set_float(fresh, key, high));
        tkr_optimizer_destroy(fresh);
        close_pair(&p);
    }
}

/* Keys of other kinds, of the other type, read-only ones, and none at all. */
static void test_keys(void **unused) {
    (void)unused;
    pair p;
    double real;
    int64_t whole;
    open_pair(&p, TKR_ADAM, 0.5, NULL);
    const int32_t no_reals[] = {TKR_MOMENTUM, TKR_SMOOTHING, TKR_NESTEROV,      TKR_SCHEDULE,    0,
                                -1,           1000,          TKR_GRADIENT_NORM, TKR_CURRENT_RATE};
    for (size_t i = 0; i < sizeof no_reals / sizeof *no_reals; i++) {
        assert_status(tkr_optimizer_set_float(p.opt, no_reals[i], 0), TKR_ERR_KEY);
        assert_status(i < 7 ? tkr_optimizer_get_float(p.opt, no_reals[i], &real) : TKR_ERR_KEY,
                      TKR_ERR_KEY);
    }
    const int32_t no_wholes[] = {TKR_NESTEROV, TKR_BETA1, 0, -1, 1000, TKR_STEP_COUNT};
    for (size_t i = 0; i < sizeof no_wholes / sizeof *no_wholes; i++) {
        assert_status(tkr_optimizer_set_int(p.opt, no_wholes[i], 0), TKR_ERR_KEY);
        assert_status(i < 5 ? tkr_optimizer_get_int(p.opt, no_wholes[i], &whole) : TKR_ERR_KEY,
                      TKR_ERR_KEY);
    }
    assert_status(tkr_optimizer_set_int(p.opt, TKR_SCHEDULE, 3), TKR_ERR_ARGUMENT);
    assert_status(tkr_optimizer_set_int(p.opt, TKR_SCHEDULE_STEPS, -1), TKR_ERR_ARGUMENT);
    assert_status(tkr_optimizer_set_int(p.opt, TKR_WARMUP_STEPS, -1), TKR_ERR_ARGUMENT);
    close_pair(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_exploded),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_absurd),
        cmocka_unit_test(test_bad_parameter),
        cmocka_unit_test(test_schedule_without_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
