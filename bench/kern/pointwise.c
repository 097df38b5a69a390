/* SPDX-License-Identifier: MIT
 * add, column_sum, the activations and their gradients, softmax, layer normalisation. */
#include "case.h"

enum {
    ADD,
    COLUMN_SUM,
    ACTIVATE,
    GRADIENT,
    SOFTMAX,
    SOFTMAX_ROW,
    SOFTMAX_GRADIENT,
    NORM,
    NORM_GRADIENT
};

/* rows x units numbers in rows that a tier may read to their end. */
static int64_t row_len(const operands *o) {
    return (o->c->units + TKRI_MAX_VL - 1) / TKRI_MAX_VL * TKRI_MAX_VL;
}

static float *drawn(operands *o, int array, float size) {
    const int64_t ld = row_len(o);
    float *p = operands_room(o, o->c->rows * ld);
    for (int64_t i = 0; i < o->c->rows * o->c->units; i++) {
        const int64_t row = i / o->c->units, j = i % o->c->units;
        p[row * ld + j] = size * operands_number(array, row, j);
    }
    return p;
}

static void make(operands *o) {
    const int32_t kernel = o->c->gates;
    o->x = drawn(o, 1, kernel >= ACTIVATE ? 4 : 1);
    o->y = drawn(o, 2, 1);
    o->m = operands_room(o, o->c->rows); /* a row's loss */
    o->n_results = o->c->rows * o->c->units;
    o->elements = (double)o->n_results;
    if (kernel == GRADIENT && o->c->option != TKR_GELU) {
        o->kern->activate(o->x, o->x, o->c->rows * row_len(o), o->c->option);
    }
    if (kernel >= SOFTMAX_GRADIENT) {
        o->v = drawn(o, 3, 1);
        o->b = drawn(o, 4, 1);
        o->gradient = operands_room(o, row_len(o));
    }
    if (kernel >= ACTIVATE) { /* 4 ULP of each tier */
        o->relative = 0x1p-20;
        o->absolute = kernel == ACTIVATE && o->c->option <= TKR_IDENTITY ? 0x1p-125 : 1e-6;
    }
}

static void run_columns(operands *o) {
    const int64_t step = TKRI_PANEL * o->kern->vl, ld = row_len(o);
    for (int64_t j = 0; j < o->c->units; j += step) {
        const int64_t left = (o->c->units - j + o->kern->vl - 1) / o->kern->vl;
        o->kern->column_sum(o->y + j, NULL, o->x + j, o->c->rows, ld,
                            (int32_t)(left < TKRI_PANEL ? left : TKRI_PANEL));
    }
}

/* A row of layer normalisation: scale in v, shift in b; its scale's gradient is not compared. */
static void run_norm(operands *o, int64_t at, int back) {
    const tkri_norm norm = {
        .n = o->c->units, .epsilon = 1e-5f, .scale = o->v, .shift = o->b, .dscale = o->gradient};
    float forward[2] = {0.125f, 0.5f};
    if (back) {
        o->kern->norm_gradient(o->y + at, o->v, o->x + at, forward, &norm);
    } else {
        o->kern->norm(o->y + at, o->x + at, forward, &norm);
    }
}

static void run_row(operands *o, int64_t row) {
    const int64_t at = row * row_len(o), n = o->c->units;
    switch (o->c->gates) {
        case SOFTMAX:
            o->m[row] = (float)o->kern->softmax(o->y + at, o->x + at, n, row % n, 1.0f);
            break;
        case SOFTMAX_ROW:
            o->kern->softmax_row(o->y + at, o->x + at, n);
            break;
        case SOFTMAX_GRADIENT:
            o->kern->softmax_gradient(o->y + at, o->v, o->x + at, n);
            break;
        default:
            run_norm(o, at, o->c->gates == NORM_GRADIENT);
    }
}

static void run(operands *o) {
    const int64_t ld = row_len(o), n = o->c->rows * ld;
    switch (o->c->gates) {
        case ADD:
            for (int64_t row = 0; row < o->c->rows; row++) {
                o->kern->add(o->y + row * ld, o->x + row * ld, o->c->units);
            }
            break;
        case COLUMN_SUM:
            run_columns(o);
            break;
        case ACTIVATE:
            o->kern->activate(o->y, o->x, n, o->c->option);
            break;
        case GRADIENT:
            o->kern->activate_gradient(o->y, o->x, o->x, n, o->c->option);
            break;
        default:
            for (int64_t row = 0; row < o->c->rows; row++) {
                run_row(o, row);
            }
    }
}

/* A softmax' losses count among its first column. */
static double read(const operands *o, int64_t i) {
    const int64_t row = i / o->c->units, j = i % o->c->units;
    return (double)o->y[row * row_len(o) + j] + (j ? 0 : (double)o->m[row]);
}

static const kern_family pointwise = {make, run, read, 0};

#define CASE(name, shape, kernel, rows, units, option, minor) \
    {name, shape, &pointwise, rows, 0, units, kernel, option, minor}

const kern_case kern_pointwise_cases[] = {
    CASE("add", "4096", ADD, 1, 4096, 0, 0),
    CASE("add", "tails, 3 x 13", ADD, 3, 13, 0, 1),
    CASE("column_sum", "400 x 1024", COLUMN_SUM, 400, 1024, 0, 0),
    CASE("column_sum", "tails, 3 x 13", COLUMN_SUM, 3, 13, 0, 1),
    CASE("activate", "tanh, 4096", ACTIVATE, 1, 4096, TKR_TANH, 0),
    CASE("activate", "logistic, 4096", ACTIVATE, 1, 4096, TKR_LOGISTIC, 0),
    CASE("activate", "relu, 4096", ACTIVATE, 1, 4096, TKR_RELU, 0),
    CASE("activate", "hard sigmoid, 4096", ACTIVATE, 1, 4096, TKR_HARD_SIGMOID, 0),
    CASE("activate", "softsign, 4096", ACTIVATE, 1, 4096, TKR_SOFTSIGN, 0),
    CASE("activate", "elu, 4096", ACTIVATE, 1, 4096, TKR_ELU, 0),
    CASE("activate", "softplus, 4096", ACTIVATE, 1, 4096, TKR_SOFTPLUS, 0),
    CASE("activate", "gelu, 4096", ACTIVATE, 1, 4096, TKR_GELU, 0),
    CASE("activate_gradient", "tanh, 4096", GRADIENT, 1, 4096, TKR_TANH, 0),
    CASE("activate_gradient", "logistic, 4096", GRADIENT, 1, 4096, TKR_LOGISTIC, 0),
    CASE("activate_gradient", "softplus, 4096", GRADIENT, 1, 4096, TKR_SOFTPLUS, 0),
    CASE("activate_gradient", "gelu, 4096", GRADIENT, 1, 4096, TKR_GELU, 0),
    CASE("softmax", "50 x 128", SOFTMAX, 50, 128, 0, 0),
    CASE("softmax", "8 x 10000", SOFTMAX, 8, 10000, 0, 0),
    CASE("softmax", "tails, 3 x 13", SOFTMAX, 3, 13, 0, 1),
    CASE("softmax_row", "50 x 128", SOFTMAX_ROW, 50, 128, 0, 0),
    CASE("softmax_row", "tails, 3 x 13", SOFTMAX_ROW, 3, 13, 0, 1),
    CASE("softmax_gradient", "50 x 128", SOFTMAX_GRADIENT, 50, 128, 0, 0),
    CASE("softmax_gradient", "tails, 3 x 13", SOFTMAX_GRADIENT, 3, 13, 0, 1),
    CASE("norm", "32 x 256", NORM, 32, 256, 0, 0),
    CASE("norm", "tails, 3 x 13", NORM, 3, 13, 0, 1),
    CASE("norm_gradient", "32 x 256", NORM_GRADIENT, 32, 256, 0, 0),
    CASE("norm_gradient", "tails, 3 x 13", NORM_GRADIENT, 3, 13, 0, 1),
    {.kernel = NULL},
};
