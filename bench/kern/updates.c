/* SPDX-License-Identifier: MIT
 * The optimizer's kernels. The decay keeps the numbers alive over many runs. */
#include "case.h"

enum { SUM_SQUARES, ADAM, SGD, RMSPROP };

static void make(operands *o) {
    o->x = operands_drawn(o, 1);
    o->gradient = operands_drawn(o, 2);
    o->m = operands_drawn(o, 3);
    o->v = operands_drawn(o, 4);
    for (int64_t i = 0; i < o->c->units; i++) {
        o->v[i] = o->v[i] < 0 ? -o->v[i] : o->v[i];
    }
    o->update = (tkri_update){.rate = 0.001f,
                              .scale = 0.5f,
                              .limit = o->c->option ? 0.75f : 0,
                              .beta1 = 0.9f,
                              .beta2 = 0.999f,
                              .epsilon = 1e-8f,
                              .decay = 0.01f,
                              .momentum = 0.9f,
                              .correct1 = 1.25f,
                              .correct2 = 1.5f};
    o->n_results = o->c->gates == SUM_SQUARES ? 1 : 4 * o->c->units;
    o->elements = (double)o->c->units;
    o->absolute = o->relative = 4e-6;
}

static void run(operands *o) {
    const int64_t n = o->c->units;
    switch (o->c->gates) {
        case SUM_SQUARES:
            o->sum = o->kern->sum_squares(o->x, n, o->update.limit);
            break;
        case ADAM:
            o->kern->adam(o->x, o->gradient, o->m, o->v, n, &o->update);
            break;
        case SGD:
            o->kern->sgd(o->x, o->gradient, o->m, NULL, n, &o->update);
            break;
        default:
            o->kern->rmsprop(o->x, o->gradient, o->m, o->v, n, &o->update);
    }
}

static double read(const operands *o, int64_t i) {
    const float *const arrays[] = {o->x, o->gradient, o->m, o->v};
    return o->c->gates == SUM_SQUARES ? o->sum : (double)arrays[i / o->c->units][i % o->c->units];
}

static const kern_family updates = {make, run, read, 0};

#define CASE(name, shape, kernel, n, clipped, minor) \
    {name, shape, &updates, 1, 0, n, kernel, clipped, minor}

const kern_case kern_update_cases[] = {
    CASE("sum_squares", "32768", SUM_SQUARES, 32768, 0, 0),
    CASE("sum_squares", "32768, clipped", SUM_SQUARES, 32768, 1, 1),
    CASE("adam", "16384", ADAM, 16384, 0, 0),
    CASE("adam", "2097152", ADAM, 2097152, 0, 0),
    CASE("adam", "16, clipped", ADAM, 16, 1, 1),
    CASE("sgd", "16384", SGD, 16384, 0, 0),
    CASE("sgd", "16, clipped", SGD, 16, 1, 1),
    CASE("rmsprop", "16384", RMSPROP, 16384, 0, 0),
    CASE("rmsprop", "16, clipped", RMSPROP, 16, 1, 1),
    {.kernel = NULL},
};
