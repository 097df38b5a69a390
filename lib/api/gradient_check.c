/* SPDX-License-Identifier: MIT
 * A gradient beside finite differences.
 *
 * L'(x) is the slope at x of the polynomial through five points x + d_k, d_k near -2h, -h, 0, h,
 * 2h:
 *
 *     L'(x) = sum over k of w_k L(x + d_k)
 *     w_k = prod over j != k, j != 0 of (-d_j) / prod over j != k of (d_k - d_j)      k not 0
 *     w_0 = -(sum of the others)
 *
 * With even steps these are the familiar (1, -8, 0, 8, -1) / 12h. They are worked out from the
 * steps that were really taken, because x + h rounds: so the order stays four at any x. */
#include <math.h>
#include <stddef.h>

#include "core/fpmode.h"
#include "core/status.h"

enum { POINTS = 4 };

/* The check of one function. */
typedef struct check {
    tkr_loss_function function;
    void *user;
    float *x;
    double base; /* L(x) */
} check;

/* 1/32 balances, for a loss computed in float, what rounding and the fifth derivative cost. */
static double step_at(float x) {
    return fmax(1, fabs((double)x)) / 32;
}

/* The weight of point k. */
static double weight(const double *d, int k) {
    double w = 1 / d[k];
    for (int j = 0; j < POINTS; j++) {
        w *= j == k ? 1 : -d[j] / (d[k] - d[j]);
    }
    return w;
}

/* dL/dx[i]; x[i] is put back whatever happens. */
static int32_t differentiate(const check *c, int64_t i, double *slope) {
    static const int steps[POINTS] = {-2, -1, 1, 2};
    const float x = c->x[i];
    double d[POINTS], loss[POINTS];
    int32_t status = 0;
    for (int k = 0; k < POINTS && status == 0; k++) {
        c->x[i] = (float)((double)x + steps[k] * step_at(x));
        d[k] = (double)c->x[i] - (double)x;
        status = c->function(c->user, c->x, &loss[k]);
    }
    c->x[i] = x;
    *slope = 0;
    for (int k = 0; k < POINTS && status == 0; k++) {
        *slope += weight(d, k) * (loss[k] - c->base);
    }
    return status;
}

/* fmax() that keeps NaN, as infinity. */
static double larger(double a, double b) {
    return isnan(b) ? (double)INFINITY : fmax(a, b);
}

int32_t tkr_gradient_check(tkr_loss_function function, void *user, float *x, const float *gradient,
                           int64_t n, double *worst) {
    UNTRAPPED;
    if (!function || !x || !gradient || n < 1 || !worst) {
        return TKR_ERR_ARGUMENT;
    }
    check c = {function, user, x, 0};
    double error = 0, scale = 1e-6;
    int32_t status = function(user, x, &c.base);
    for (int64_t i = 0; i < n && status == 0; i++) {
        double slope;
        status = differentiate(&c, i, &slope);
        error = larger(error, fabs(slope - (double)gradient[i]));
        scale = fmax(scale, fmax(fabs(slope), fabs((double)gradient[i])));
    }
    if (status == 0) {
        *worst = isfinite(error) ? error / scale : (double)INFINITY;
    }
    return status;
}
