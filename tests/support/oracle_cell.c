/* SPDX-License-Identifier: MIT
 * One step of one sequence, forward and backward, letter by letter as in docs/maths.md, "One step
 * of a cell". */
#include "oracle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double logistic(double a) {
    return 1.0 / (1.0 + exp(-a));
}

static double between(double low, double a, double high) {
    return a < low ? low : a > high ? high : a;
}

double orc_activate(int64_t activation, double a) {
    switch (activation) {
        case TKR_TANH:
            return tanh(a);
        case TKR_RELU:
            return a > 0 ? a : 0;
        case TKR_LOGISTIC:
            return logistic(a);
        case TKR_HARD_SIGMOID:
            return between(0, 0.2 * a + 0.5, 1);
        case TKR_HARD_SIGMOID_6:
            return between(0, a / 6 + 0.5, 1);
        case TKR_SOFTSIGN:
            return a / (1 + fabs(a));
        case TKR_HARD_TANH:
            return between(-1, a, 1);
        case TKR_ELU:
            return a > 0 ? a : expm1(a);
        case TKR_LEAKY_RELU:
            return a > 0 ? a : 0.01 * a;
        case TKR_SOFTPLUS:
            return between(0, a, INFINITY) + log1p(exp(-fabs(a)));
        case TKR_GELU:
            return 0.5 * a * erfc(-sqrt(0.5) * a);
        case TKR_SQRT:
            return sqrt(a);
        default:
            return a;
    }
}

double orc_activate_slope(int64_t activation, double y) {
    switch (activation) {
        case TKR_TANH:
            return 1 - y * y;
        case TKR_RELU:
            return y > 0 ? 1 : 0;
        case TKR_LOGISTIC:
            return y * (1 - y);
        case TKR_HARD_SIGMOID:
            return y > 0 && y < 1 ? 0.2 : 0;
        case TKR_HARD_SIGMOID_6:
            return y > 0 && y < 1 ? 1.0 / 6 : 0;
        case TKR_SOFTSIGN:
            return (1 - fabs(y)) * (1 - fabs(y));
        case TKR_HARD_TANH:
            return y > -1 && y < 1 ? 1 : 0;
        case TKR_ELU:
            return y > 0 ? 1 : 1 + y;
        case TKR_LEAKY_RELU:
            return y > 0 ? 1 : 0.01;
        case TKR_SOFTPLUS:
            return -expm1(-y);
        case TKR_SQRT:
            return y > 0 ? 0.5 / y : 0;
        default:
            return 1;
    }
}

double orc_gelu_slope(double a) {
    return 0.5 * erfc(-sqrt(0.5) * a) + a * exp(-0.5 * a * a) / sqrt(2 * acos(-1));
}

/* Row `row` of W times x, plus b[row] if there is a b. */
static double row_product(const double *w, const double *x, const double *b, int64_t row,
                          int64_t n) {
    double sum = b ? b[row] : 0;
    for (int64_t j = 0; j < n; j++) {
        sum += w[row * n + j] * x[j];
    }
    return sum;
}

/* dW += da x', db += da, dx += W' da over `rows` rows; any of the outputs may be NULL. */
static void rows_backward(const double *w, double *dw, double *db, const double *da,
                          const double *x, double *dx, int64_t rows, int64_t n) {
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < n; j++) {
            dw[i * n + j] += da[i] * x[j];
            if (dx) {
                dx[j] += w[i * n + j] * da[i];
            }
        }
        if (db) {
            db[i] += da[i];
        }
    }
}

static double element(const double *values, int64_t i) {
    return values ? values[i] : 0;
}

/* The masks of one step, each pointing at this sequence's row, or NULL. */
typedef struct masks {
    const double *m, *zone_h, *zone_c;
} masks;

static masks masks_at(const orc_part *part, orc_where at) {
    masks found = {0};
    int64_t row = (at.slot * at.steps + at.t) * at.batch + at.b;
    if (part->noise.recurrent) {
        found.m = part->noise.recurrent + (at.slot * at.batch + at.b) * part->recur;
    }
    if (part->noise.zoneout) {
        found.zone_h = part->noise.zoneout + row * part->recur;
    }
    if (part->noise.zoneout_c) {
        found.zone_c = part->noise.zoneout_c + row * part->spec.hidden;
    }
    return found;
}

static void elman_forward(const orc_part *part, const orc_weights *w, orc_where at, const double *x,
                          orc_record *r) {
    int64_t h = part->spec.hidden;
    for (int64_t i = 0; i < h; i++) {
        double a = row_product(w->w_ih, x, w->b_ih, i, at.width) +
                   row_product(w->w_hh, r->k, w->b_hh, i, h);
        r->u[i] = a;
        r->h_new[i] = orc_activate(part->spec.activation, a);
    }
}

static void elman_backward(const orc_part *part, orc_where at, const double *x, double *dx,
                           const orc_record *r, const double *dh_new, double *dk) {
    const orc_weights *w = &part->value[at.slot], *d = &part->grad[at.slot];
    int64_t h = part->spec.hidden;
    double *da = calloc((size_t)h, sizeof *da);
    for (int64_t i = 0; i < h; i++) {
        da[i] = dh_new[i] * (part->spec.activation == TKR_GELU
                                 ? orc_gelu_slope(r->u[i])
                                 : orc_activate_slope(part->spec.activation, r->h_new[i]));
    }
    rows_backward(w->w_ih, d->w_ih, d->b_ih, da, x, dx, h, at.width);
    rows_backward(w->w_hh, d->w_hh, d->b_hh, da, r->k, dk, h, h);
    free(da);
}

/* gates [4][H] receives i, f, g, o after their activations. */
static void lstm_forward(const orc_part *part, const orc_weights *w, orc_where at, const double *x,
                         orc_record *r) {
    int64_t h = part->spec.hidden, R = part->recur, s = part->spec.gate_activation;
    int64_t tanh_ = part->spec.activation;
    for (int64_t j = 0; j < h; j++) {
        double a[4];
        for (int64_t g = 0; g < 4; g++) {
            a[g] = row_product(w->w_ih, x, w->b_ih, g * h + j, at.width) +
                   row_product(w->w_hh, r->k, w->b_hh, g * h + j, R);
        }
        double before = r->c_prev[j];
        double i = orc_activate(s, a[0] + element(w->p_i, j) * before);
        double f = orc_activate(s, a[1] + element(w->p_f, j) * before);
        double g = orc_activate(tanh_, a[2]);
        double c = f * before + i * g;
        double o = orc_activate(s, a[3] + element(w->p_o, j) * c);
        r->gates[j] = i, r->gates[h + j] = f, r->gates[2 * h + j] = g, r->gates[3 * h + j] = o;
        r->c_new[j] = c;
        r->q[j] = o * orc_activate(tanh_, c);
    }
    for (int64_t j = 0; j < R; j++) {
        r->h_new[j] = w->w_hr ? row_product(w->w_hr, r->q, NULL, j, h) : r->q[j];
    }
}

/* The gradients of unit j of an LSTM: da[0..3]; *dc goes from c~ to c_{t-1}. */
static void lstm_unit_backward(const orc_part *part, const orc_weights *w, const orc_weights *d,
                               const orc_record *r, int64_t j, double dq, double *dc,
                               double da[4]) {
    int64_t h = part->spec.hidden, s = part->spec.gate_activation, tanh_ = part->spec.activation;
    double i = r->gates[j], f = r->gates[h + j], g = r->gates[2 * h + j], o = r->gates[3 * h + j];
    double c = r->c_new[j], before = r->c_prev[j], y = orc_activate(tanh_, c);
    da[3] = dq * y * orc_activate_slope(s, o);
    double dc_new = *dc + dq * o * orc_activate_slope(tanh_, y) + da[3] * element(w->p_o, j);
    da[0] = dc_new * g * orc_activate_slope(s, i);
    da[1] = dc_new * before * orc_activate_slope(s, f);
    da[2] = dc_new * i * orc_activate_slope(tanh_, g);
    *dc = dc_new * f + da[0] * element(w->p_i, j) + da[1] * element(w->p_f, j);
    if (w->p_i) {
        d->p_i[j] += da[0] * before;
        d->p_f[j] += da[1] * before;
        d->p_o[j] += da[3] * c;
    }
}

static void lstm_backward(const orc_part *part, orc_where at, const double *x, double *dx,
                          const orc_record *r, const double *dh_new, double *dc, double *dk) {
    const orc_weights *w = &part->value[at.slot], *d = &part->grad[at.slot];
    int64_t h = part->spec.hidden, R = part->recur;
    double *da = calloc((size_t)(5 * h), sizeof *da), *dq = da + 4 * h;
    if (w->w_hr) {
        rows_backward(w->w_hr, d->w_hr, NULL, dh_new, r->q, dq, R, h);
    } else {
        memcpy(dq, dh_new, (size_t)h * sizeof *dq);
    }
    for (int64_t j = 0; j < h; j++) {
        double unit[4];
        lstm_unit_backward(part, w, d, r, j, dq[j], &dc[j], unit);
        for (int64_t g = 0; g < 4; g++) {
            da[g * h + j] = unit[g];
        }
    }
    rows_backward(w->w_ih, d->w_ih, d->b_ih, da, x, dx, 4 * h, at.width);
    rows_backward(w->w_hh, d->w_hh, d->b_hh, da, r->k, dk, 4 * h, R);
    free(da);
}

/* gates [3][H] receives r, z, n; u [H] is u_n of reset after; v [H] is r * k of reset before. */
static void gru_forward(const orc_part *part, const orc_weights *w, orc_where at, const double *x,
                        orc_record *rec) {
    int64_t h = part->spec.hidden, s = part->spec.gate_activation, tanh_ = part->spec.activation;
    double *r = rec->gates, *z = r + h, *n = z + h;
    for (int64_t j = 0; j < h; j++) {
        r[j] = orc_activate(s, row_product(w->w_ih, x, w->b_ih, j, at.width) +
                                   row_product(w->w_hh, rec->k, w->b_hh, j, h));
        z[j] = orc_activate(s, row_product(w->w_ih, x, w->b_ih, h + j, at.width) +
                                   row_product(w->w_hh, rec->k, w->b_hh, h + j, h));
        rec->v[j] = r[j] * rec->k[j];
    }
    for (int64_t j = 0; j < h; j++) {
        double a = row_product(w->w_ih, x, w->b_ih, 2 * h + j, at.width);
        if (part->spec.reset == TKR_RESET_BEFORE) {
            n[j] = orc_activate(tanh_, a + row_product(w->w_hh, rec->v, w->b_hh, 2 * h + j, h));
        } else {
            rec->u[j] = row_product(w->w_hh, rec->k, w->b_hh, 2 * h + j, h);
            n[j] = orc_activate(tanh_, a + r[j] * rec->u[j]);
        }
        rec->h_new[j] = (1 - z[j]) * n[j] + z[j] * rec->h_prev[j];
    }
}

/* da [3][H] and du [3][H], reset after. */
static void gru_after_units(const orc_part *part, const orc_record *rec, const double *dh_new,
                            double *da, double *du) {
    int64_t h = part->spec.hidden, s = part->spec.gate_activation, tanh_ = part->spec.activation;
    const double *r = rec->gates, *z = r + h, *n = z + h;
    for (int64_t j = 0; j < h; j++) {
        double an = dh_new[j] * (1 - z[j]) * orc_activate_slope(tanh_, n[j]);
        da[2 * h + j] = an;
        du[2 * h + j] = an * r[j];
        da[h + j] = dh_new[j] * (rec->h_prev[j] - n[j]) * orc_activate_slope(s, z[j]);
        da[j] = an * rec->u[j] * orc_activate_slope(s, r[j]);
        du[h + j] = da[h + j];
        du[j] = da[j];
    }
}

static void gru_after_backward(const orc_part *part, orc_where at, const double *x, double *dx,
                               const orc_record *rec, const double *dh_new, double *dk) {
    const orc_weights *w = &part->value[at.slot], *d = &part->grad[at.slot];
    int64_t h = part->spec.hidden;
    double *da = calloc((size_t)(6 * h), sizeof *da), *du = da + 3 * h;
    gru_after_units(part, rec, dh_new, da, du);
    rows_backward(w->w_ih, d->w_ih, d->b_ih, da, x, dx, 3 * h, at.width);
    rows_backward(w->w_hh, d->w_hh, d->b_hh, du, rec->k, dk, 3 * h, h);
    free(da);
}

static void gru_before_backward(const orc_part *part, orc_where at, const double *x, double *dx,
                                const orc_record *rec, const double *dh_new, double *dk) {
    const orc_weights *w = &part->value[at.slot], *d = &part->grad[at.slot];
    int64_t h = part->spec.hidden, lower = 2 * h * h;
    int64_t s = part->spec.gate_activation, tanh_ = part->spec.activation;
    const double *r = rec->gates, *z = r + h, *n = z + h;
    double *da = calloc((size_t)(4 * h), sizeof *da), *dv = da + 3 * h;
    for (int64_t j = 0; j < h; j++) {
        da[2 * h + j] = dh_new[j] * (1 - z[j]) * orc_activate_slope(tanh_, n[j]);
        da[h + j] = dh_new[j] * (rec->h_prev[j] - n[j]) * orc_activate_slope(s, z[j]);
    }
    rows_backward(w->w_hh + lower, d->w_hh + lower, d->b_hh ? d->b_hh + 2 * h : NULL, da + 2 * h,
                  rec->v, dv, h, h);
    for (int64_t j = 0; j < h; j++) {
        da[j] = dv[j] * rec->k[j] * orc_activate_slope(s, r[j]);
        dk[j] += dv[j] * r[j];
    }
    rows_backward(w->w_hh, d->w_hh, d->b_hh, da, rec->k, dk, 2 * h, h);
    rows_backward(w->w_ih, d->w_ih, d->b_ih, da, x, dx, 3 * h, at.width);
    free(da);
}

void orc_cell_forward(const orc_part *part, orc_where at, const double *x, orc_record *r) {
    const orc_weights *w = &part->value[at.slot];
    masks mask = masks_at(part, at);
    for (int64_t j = 0; j < part->recur; j++) {
        r->k[j] = r->h_prev[j] * (mask.m ? mask.m[j] : 1);
    }
    switch (part->spec.kind) {
        case TKR_ELMAN:
            elman_forward(part, w, at, x, r);
            break;
        case TKR_LSTM:
            lstm_forward(part, w, at, x, r);
            break;
        default:
            gru_forward(part, w, at, x, r);
            break;
    }
    for (int64_t j = 0; j < part->recur; j++) {
        double keep = element(mask.zone_h, j);
        r->h[j] = keep * r->h_prev[j] + (1 - keep) * r->h_new[j];
    }
    for (int64_t j = 0; r->c && j < part->spec.hidden; j++) {
        double keep = element(mask.zone_c, j);
        r->c[j] = keep * r->c_prev[j] + (1 - keep) * r->c_new[j];
    }
}

void orc_cell_backward(const orc_part *part, orc_where at, const double *x, double *dx,
                       const orc_record *r, double *dh, double *dc) {
    masks mask = masks_at(part, at);
    int64_t R = part->recur, h = part->spec.hidden;
    double *scratch = calloc((size_t)(2 * R + 2 * h), sizeof *scratch);
    double *dh_new = scratch, *dk = dh_new + R, *dc_new = dk + R, *direct = dc_new + h;
    for (int64_t j = 0; j < R; j++) {
        double keep = element(mask.zone_h, j);
        dh_new[j] = (1 - keep) * dh[j];
        dh[j] *= keep;
    }
    for (int64_t j = 0; dc && j < h; j++) {
        double keep = element(mask.zone_c, j);
        dc_new[j] = (1 - keep) * dc[j];
        direct[j] = keep * dc[j];
    }
    if (part->spec.kind == TKR_ELMAN) {
        elman_backward(part, at, x, dx, r, dh_new, dk);
    } else if (part->spec.kind == TKR_LSTM) {
        lstm_backward(part, at, x, dx, r, dh_new, dc_new, dk);
    } else if (part->spec.reset == TKR_RESET_BEFORE) {
        gru_before_backward(part, at, x, dx, r, dh_new, dk);
    } else {
        gru_after_backward(part, at, x, dx, r, dh_new, dk);
    }
    for (int64_t j = 0; j < R; j++) {
        double mixed = part->spec.kind == TKR_GRU ? dh_new[j] * r->gates[h + j] : 0;
        dh[j] += mixed + dk[j] * (mask.m ? mask.m[j] : 1);
    }
    for (int64_t j = 0; dc && j < h; j++) {
        dc[j] = dc_new[j] + direct[j];
    }
    free(scratch);
}
