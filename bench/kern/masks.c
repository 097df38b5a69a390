/* SPDX-License-Identifier: MIT
 * Masks: drawing, and zoneout forward and backward. */
#include "case.h"

enum { DRAW_MASK, ZONE, ZONE_GRADIENT };

static void make(operands *o) {
    o->x = operands_drawn(o, 1);
    o->y = operands_drawn(o, 2);
    o->m = operands_drawn(
        o, 3); /* a mask in -1..1: of zeros and ones little would be left to compare */
    o->n_results = 2 * o->c->units;
    o->elements = (double)o->c->units;
    o->absolute = 1e-6;
}

/* Rows of `k` numbers, of a mask. */
static void run(operands *o) {
    const tkri_draw draw = {.seed = 1, .stream = 2, .index = 8, .rate = 0.25f, .yes = 1, .no = -1};
    const int64_t n = o->c->units, k = o->c->k;
    switch (o->c->gates) {
        case DRAW_MASK:
            for (int64_t i = 0; i < n; i += k) {
                o->kern->draw_mask(o->x + i, &draw, n - i < k ? n - i : k);
            }
            break;
        case ZONE:
            o->kern->zone(o->x, o->y, o->c->option ? o->m : NULL, 0.25f, n);
            break;
        default:
            o->kern->zone_gradient(o->x, o->y, o->m, n);
    }
}

static double read(const operands *o, int64_t i) {
    return (double)(i < o->c->units ? o->x[i] : o->y[i - o->c->units]);
}

static const kern_family masks = {make, run, read, 0};

#define CASE(name, shape, kernel, units, row, option, minor) \
    {name, shape, &masks, 1, row, units, kernel, option, minor}

const kern_case kern_mask_cases[] = {
    CASE("draw_mask", "32 x 128", DRAW_MASK, 4096, 128, 0, 0),
    CASE("draw_mask", "128 x 16", DRAW_MASK, 2048, 16, 0, 1),
    CASE("draw_mask", "tails, 3 x 13", DRAW_MASK, 39, 13, 0, 1),
    CASE("zone", "4096", ZONE, 4096, 0, 1, 0),
    CASE("zone", "4096, by rate", ZONE, 4096, 0, 0, 0),
    CASE("zone_gradient", "4096", ZONE_GRADIENT, 4096, 0, 0, 0),
    {.kernel = NULL},
};
