/* SPDX-License-Identifier: MIT
 *
 * The error-to-signal ratio, its gradient, and the two rivals. With the pre-emphasis
 * p(y)[t] = y[t] - A y[t-1], e = output - target, sums over a window's steps t and sequences b:
 *
 *     L          = sum p(e)^2 / S  +  sum_b m_b^2 / (B M)
 *     S          = sum p(target)^2,  M = mean target^2,  m_b = mean_t e[t][b]
 *     dL/de[t][b] = 2 (p(e)[t] - A p(e)[t+1]) / S  +  2 m_b / (T B M)
 *
 * The last p(e) of a window has no successor in it, the first one's predecessor is not trained. To
 * S and M a little is added, so that silence divides nothing by zero.
 */
#include "amp.h"

#include <stdlib.h>

static const double emphasis = 0.85; /* A */
static const double floor_ms = 1e-5; /* added to mean squares */

/* Sums of squares over a window: p(e), p(target), target. */
typedef struct energies {
    double error, signal, bare;
} energies;

/* p(e) [steps][batch] into `filtered`, and the sums; n = steps * batch. */
static energies filter_errors(float *filtered, const float *target, const float *output, int64_t n,
                              int64_t batch) {
    energies sums = {0, 0, 0};
    for (int64_t i = 0; i < n; i++) {
        int64_t now = i + batch;
        double y = (double)target[now], before = (double)target[i];
        double e = (double)output[now] - y - emphasis * ((double)output[i] - before);
        double signal = y - emphasis * before;
        filtered[i] = (float)e;
        sums.error += e * e;
        sums.signal += signal * signal;
        sums.bare += y * y;
    }
    return sums;
}

double amp_loss(float *doutput, const float *target, const float *output, int64_t steps,
                int64_t batch) {
    int64_t n = steps * batch;
    energies sums = filter_errors(doutput, target, output, n, batch);
    double energy = sums.signal + floor_ms * (double)n, power = sums.bare / (double)n + floor_ms;
    double offset = 0;
    for (int64_t b = 0; b < batch; b++) {
        double mean = 0;
        for (int64_t t = 1; t <= steps; t++) {
            mean += (double)(output[t * batch + b] - target[t * batch + b]) / (double)steps;
        }
        double constant = 2 * mean / ((double)n * power);
        for (int64_t i = b; i < n; i += batch) {
            double next = i + batch < n ? (double)doutput[i + batch] : 0;
            doutput[i] = (float)(2 * ((double)doutput[i] - emphasis * next) / energy + constant);
        }
        offset += mean * mean / ((double)batch * power);
    }
    return sums.error / energy + offset;
}

amp_error amp_error_of(const float *target, const float *output, int64_t n) {
    double error = 0, signal = 0, bare_error = 0, bare_signal = 0;
    for (int64_t i = 1; i < n; i++) {
        double y = (double)target[i], e = (double)output[i] - y;
        double before = (double)target[i - 1];
        double pe = e - emphasis * ((double)output[i - 1] - before), py = y - emphasis * before;
        error += pe * pe;
        signal += py * py;
        bare_error += e * e;
        bare_signal += y * y;
    }
    return (amp_error){error / signal, bare_error / bare_signal};
}

/* ---- a straight wire: y = a x ---------------------------------------------------------------- */

void amp_wire(float *output, const amp_wave *dry, const amp_wave *wet, int64_t n) {
    double both = 0, squares = 0;
    for (int64_t i = 1; i < n; i++) {
        double x = (double)dry->samples[i] - emphasis * (double)dry->samples[i - 1];
        double y = (double)wet->samples[i] - emphasis * (double)wet->samples[i - 1];
        both += x * y;
        squares += x * x;
    }
    for (int64_t i = 0; i < dry->len; i++) {
        output[i] = (float)(both / squares * (double)dry->samples[i]);
    }
}

/* ---- a curve without memory: straight lines between knots, by least squares ------------------ */

enum { KNOTS = 65 };

/* Where a sample lies: its knot below, and how far it is to the next one. */
static int64_t knot_of(float sample, float peak, double *share) {
    double place = ((double)sample / (double)peak + 1) / 2 * (KNOTS - 1);
    place = place < 0 ? 0 : place > KNOTS - 1 ? KNOTS - 1 : place;
    int64_t knot = place < KNOTS - 2 ? (int64_t)place : KNOTS - 2;
    *share = place - (double)knot;
    return knot;
}

/* What one sample adds to the normal equations: with pre-emphasis its row has four numbers. */
static void add_row(double (*normal)[KNOTS], double *right, const float *x, const float *y,
                    float peak) {
    double now = 0, before = 0;
    int64_t k = knot_of(x[0], peak, &now), j = knot_of(x[-1], peak, &before);
    const int64_t at[] = {k, k + 1, j, j + 1};
    const double row[] = {1 - now, now, -emphasis * (1 - before), -emphasis * before};
    for (int a = 0; a < 4; a++) {
        right[at[a]] += row[a] * ((double)y[0] - emphasis * (double)y[-1]);
        for (int b = 0; b < 4; b++) {
            normal[at[a]][at[b]] += row[a] * row[b];
        }
    }
}

/* Solve them for the knots' heights. They are positive definite: no pivots are sought. */
static void solve(double *height, double (*normal)[KNOTS], double *right) {
    for (int k = 0; k < KNOTS; k++) {
        for (int i = k + 1; i < KNOTS; i++) {
            double factor = normal[i][k] / normal[k][k];
            right[i] -= factor * right[k];
            for (int j = k; j < KNOTS; j++) {
                normal[i][j] -= factor * normal[k][j];
            }
        }
    }
    for (int k = KNOTS - 1; k >= 0; k--) {
        height[k] = right[k];
        for (int j = k + 1; j < KNOTS; j++) {
            height[k] -= normal[k][j] * height[j];
        }
        height[k] /= normal[k][k];
    }
}

/* Neighbours pull at each other as one sample would: knots that hardly any has seen stay near. */
static void curve_fit(double *height, const amp_wave *dry, const amp_wave *wet, int64_t n,
                      float peak) {
    static const double pull = 1;
    double(*normal)[KNOTS] = ex_alloc(KNOTS, sizeof *normal), right[KNOTS] = {0};
    for (int64_t i = 1; i < n; i++) {
        add_row(normal, right, dry->samples + i, wet->samples + i, peak);
    }
    for (int k = 0; k < KNOTS - 1; k++) {
        normal[k][k] += pull;
        normal[k + 1][k + 1] += pull;
        normal[k][k + 1] -= pull;
        normal[k + 1][k] -= pull;
    }
    solve(height, normal, right);
    free(normal);
}

void amp_curve(float *output, const amp_wave *dry, const amp_wave *wet, int64_t n) {
    double height[KNOTS], share = 0;
    float peak = 0;
    for (int64_t i = 0; i < n; i++) {
        float size = dry->samples[i] < 0 ? -dry->samples[i] : dry->samples[i];
        peak = size > peak ? size : peak;
    }
    curve_fit(height, dry, wet, n, peak);
    for (int64_t i = 0; i < dry->len; i++) {
        int64_t k = knot_of(dry->samples[i], peak, &share);
        output[i] = (float)((1 - share) * height[k] + share * height[k + 1]);
    }
}
