/* SPDX-License-Identifier: MIT */
#include "support/differences.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where the checked numbers go before the loss is computed: a parameter, or numbers of the twin's
 * net, of the input or the initial state. */
typedef struct point {
    twin *t;
    const char *name;
    const orc_tensor *parameter; /* or NULL: numbers */
    double *numbers;
    int64_t n;
} point;

static void put(const point *p, const float *x) {
    if (p->parameter) {
        assert_ok(tkr_cell_set_parameter(p->t->cell, p->name, x, p->n));
        return;
    }
    for (int64_t i = 0; i < p->n; i++) {
        p->numbers[i] = (double)x[i];
    }
}

static double dot(const float *a, const double *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += (double)a[i] * b[i];
    }
    return sum;
}

static double state_loss(const twin *t) {
    tkr_state *state = twin_state(t, TWIN_FINAL);
    double loss = 0;
    twin_tensor tensor;
    assert_ok(tkr_sequence_get_state(t->seq, state));
    for (int64_t i = 0; twin_tensor_at(t, i, TWIN_DFINAL, &tensor); i++) {
        float *last = malloc((size_t)tensor.n * sizeof *last);
        assert_ok(tkr_state_get(state, tensor.name, last, tensor.n));
        loss += dot(last, tensor.numbers, tensor.n);
        free(last);
    }
    tkr_state_destroy(state);
    return loss;
}

/* Of the library's numbers. */
static double loss_of(const twin *t) {
    float *output = twin_output(t);
    double loss = dot(output, t->net->doutput, twin_output_len(t));
    free(output);
    return twin_has_state(t) ? loss + state_loss(t) : loss;
}

/* The same masks at every call: the seed is set again. */
static void forward(twin *t) {
    assert_ok(tkr_sequence_set_seed(t->seq, 12));
    twin_forward_library(t);
}

static int32_t evaluate(void *user, const float *x, double *loss) {
    const point *p = user;
    put(p, x);
    forward(p->t);
    *loss = loss_of(p->t);
    return TKR_OK;
}

static double check(const point *p, const float *at, const float *gradient) {
    double worst;
    float *x = malloc((size_t)p->n * sizeof *x);
    memcpy(x, at, (size_t)p->n * sizeof *x);
    assert_ok(tkr_gradient_check(evaluate, (void *)(uintptr_t)p, x, gradient, p->n, &worst));
    assert_true(compare_bits(x, at, p->n));
    put(p, at);
    free(x);
    return worst;
}

/* Wrong in one way after the other: each must be seen. Which ways fit depends on the gradient. */
static void check_planted(const point *p, const float *at, const float *right) {
    float *wrong = malloc((size_t)p->n * sizeof *wrong);
    int64_t top = 0;
    for (int64_t i = 0; i < p->n; i++) {
        top = fabsf(right[i]) > fabsf(right[top]) ? i : top;
    }
    for (int way = 0; way < 5; way++) {
        memcpy(wrong, right, (size_t)p->n * sizeof *wrong);
        for (int64_t i = 0; i < p->n; i++) {
            wrong[i] = way == 0 ? 1.03F * right[i] : way == 1 ? 0 : right[i];
        }
        wrong[top] = way == 2 ? -right[top] : way == 3 ? NAN : wrong[top];
        if (way == 4) {
            wrong[(top + 1) % p->n] = right[top];
            wrong[top] = right[(top + 1) % p->n] + (p->n == 1 ? right[top] : 0);
        }
        if (!(check(p, at, wrong) > DIFFERENCES_LIMIT)) {
            fail_msg("%s: planted error %d in %s was not seen", p->t->label, way, p->name);
        }
    }
    free(wrong);
}

/* `gradient` [n] is freed. */
static void check_point(const point *p, const double *values, float *gradient, int planted) {
    float *at = twin_floats(values, p->n);
    double worst = check(p, at, gradient);
    if (!(worst < DIFFERENCES_LIMIT)) {
        fail_msg("%s: %s is off by %g", p->t->label, p->name, worst);
    }
    if (planted) {
        check_planted(p, at, gradient);
    }
    free(at), free(gradient);
}

static point at_parameter(twin *t, const orc_tensor *p) {
    return (point){t, p->name, p, NULL, p->rows * p->cols};
}

static void check_parameters(twin *t, int planted) {
    float **gradients = calloc((size_t)t->net->n_tensors + 1, sizeof *gradients);
    for (int64_t i = 0; i < t->net->n_tensors; i++) {
        const orc_tensor *p = &t->net->tensors[i];
        gradients[i] = twin_gradient(t, p->name, p->rows * p->cols);
    }
    for (int64_t i = 0; i < t->net->n_tensors; i++) {
        const orc_tensor *p = &t->net->tensors[i];
        const bool unused = t->net->given && (strstr(p->name, "h_0") || strstr(p->name, "c_0"));
        const point at = at_parameter(t, p);
        check_point(&at, p->value, gradients[i], planted && !unused);
    }
    free(gradients);
}

static void check_initial(twin *t, const tkr_state *dstate, int planted) {
    twin_tensor tensor;
    for (int64_t i = 0; twin_tensor_at(t, i, TWIN_INITIAL, &tensor); i++) {
        const point at = {t, tensor.name, NULL, tensor.numbers, tensor.n};
        float *gradient = malloc((size_t)tensor.n * sizeof *gradient);
        assert_ok(tkr_state_get(dstate, tensor.name, gradient, tensor.n));
        check_point(&at, tensor.numbers, gradient, planted);
    }
}

void differences_check(twin *t, int planted) {
    const int64_t n = t->net->steps * t->net->batch * orc_input_width(t->net);
    const point input = {t, "the input", NULL, t->net->input, n};
    float *dinput = malloc((size_t)n * sizeof *dinput);
    tkr_state *dstate = twin_has_state(t) ? twin_state(t, TWIN_INITIAL) : NULL;
    forward(t);
    twin_backward_library(t);
    if (!t->by_ids) {
        assert_ok(tkr_sequence_input_gradient(t->seq, dinput, n));
    }
    if (dstate) {
        assert_ok(tkr_sequence_get_state_gradient(t->seq, dstate));
    }
    check_parameters(t, planted);
    if (t->by_ids) {
        free(dinput);
    } else {
        check_point(&input, t->net->input, dinput, planted);
    }
    if (dstate && t->net->given) {
        check_initial(t, dstate, planted);
    }
    tkr_state_destroy(dstate);
}

double differences_worst(twin *t, const orc_tensor *p) {
    const point at = at_parameter(t, p);
    forward(t);
    twin_backward_library(t);
    float *x = twin_floats(p->value, at.n), *gradient = twin_gradient(t, p->name, at.n);
    const double worst = check(&at, x, gradient);
    free(x), free(gradient);
    return worst;
}
