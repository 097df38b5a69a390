/* SPDX-License-Identifier: MIT
 * add, column_sum, the activations and their gradients, softmax. */
#include "case.h"

enum { ADD, COLUMN_SUM, ACTIVATE, GRADIENT, SOFTMAX };

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
    if (kernel == GRADIENT) {
        o->kern->activate(o->x, o->x, o->c->rows * row_len(o), o->c->option);
    }
    if (kernel >= ACTIVATE) { /* 4 ULP of each tier */
        o->relative = 0x1p-20;
        o->absolute = kernel == ACTIVATE ? 0x1p-125 : 1e-6;
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
            o->kern->activate_gradient(o->y, NULL, o->x, n, o->c->option);
            break;
        default:
            for (int64_t row = 0; row < o->c->rows; row++) {
                o->m[row] = (float)o->kern->softmax(o->y + row * ld, o->x + row * ld, o->c->units,
                                                    row % o->c->units, 1.0f);
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
    { name, shape, &pointwise, rows, 0, units, kernel, option, minor }

const kern_case kern_pointwise_cases[] = {
    CASE("add", "4096", ADD, 1, 4096, 0, 0),
    CASE("add", "tails, 3 x 13", ADD, 3, 13, 0, 1),
    CASE("column_sum", "400 x 1024", COLUMN_SUM, 400, 1024, 0, 0),
    CASE("column_sum", "tails, 3 x 13", COLUMN_SUM, 3, 13, 0, 1),
    CASE("activate", "tanh, 4096", ACTIVATE, 1, 4096, TKR_TANH, 0),
    CASE("activate", "logistic, 4096", ACTIVATE, 1, 4096, TKR_LOGISTIC, 0),
    CASE("activate", "relu, 4096", ACTIVATE, 1, 4096, TKR_RELU, 0),
    CASE("activate_gradient", "tanh, 4096", GRADIENT, 1, 4096, TKR_TANH, 0),
    CASE("activate_gradient", "logistic, 4096", GRADIENT, 1, 4096, TKR_LOGISTIC, 0),
    CASE("softmax", "50 x 128", SOFTMAX, 50, 128, 0, 0),
    CASE("softmax", "8 x 10000", SOFTMAX, 8, 10000, 0, 0),
    CASE("softmax", "tails, 3 x 13", SOFTMAX, 3, 13, 0, 1),
    {.kernel = NULL},
};
