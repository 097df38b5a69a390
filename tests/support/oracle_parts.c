/* SPDX-License-Identifier: MIT
 * Parts without a state, one step of one sequence at a time: docs/maths.md, "Linear" to "Parts that
 * see one step". */
#include <math.h>
#include <stdlib.h>

#include "oracle.h"

/* y = W x + b, y = E' x. */
static void matrix_forward(const orc_part *part, const double *x, double *y) {
    const double *w = part->value[0].w_ih, *b = part->value[0].b_ih;
    int64_t I = part->spec.input, O = part->spec.hidden;
    bool linear = part->spec.kind == TKR_LINEAR;
    for (int64_t o = 0; o < O; o++) {
        y[o] = b ? b[o] : 0;
        for (int64_t i = 0; i < I; i++) {
            y[o] += x[i] * w[linear ? o * I + i : i * O + o];
        }
    }
}

static void matrix_backward(const orc_part *part, const double *x, const double *da, double *dx) {
    const double *w = part->value[0].w_ih;
    double *dw = part->grad[0].w_ih, *db = part->grad[0].b_ih;
    int64_t I = part->spec.input, O = part->spec.hidden;
    bool linear = part->spec.kind == TKR_LINEAR;
    for (int64_t o = 0; o < O; o++) {
        for (int64_t i = 0; i < I; i++) {
            int64_t at = linear ? o * I + i : i * O + o;
            dw[at] += da[o] * x[i];
            dx[i] += da[o] * w[at];
        }
        if (db) {
            db[o] += da[o];
        }
    }
}

static double slope(int64_t f, double a, double y) {
    return f == TKR_GELU ? orc_gelu_slope(a) : orc_activate_slope(f, y);
}

static void linear_backward(const orc_part *part, const double *x, const double *dy, double *dx) {
    int64_t O = part->spec.hidden, f = part->spec.activation;
    double *a = calloc((size_t)(2 * O), sizeof *a), *da = a + O;
    matrix_forward(part, x, a);
    for (int64_t o = 0; o < O; o++) {
        da[o] = dy[o] * slope(f, a[o], orc_activate(f, a[o]));
    }
    matrix_backward(part, x, da, dx);
    free(a);
}

/* m and s of a row. */
static void statistics(const orc_part *part, const double *x, double *m, double *s) {
    int64_t n = part->spec.input;
    double sum = 0, squares = 0;
    for (int64_t j = 0; j < n; j++) {
        sum += x[j];
    }
    *m = sum / (double)n;
    for (int64_t j = 0; j < n; j++) {
        squares += (x[j] - *m) * (x[j] - *m);
    }
    *s = 1 / sqrt(squares / (double)n + part->spec.epsilon);
}

static void norm_forward(const orc_part *part, const double *x, double *y) {
    const orc_weights *w = &part->value[0];
    double m, s;
    statistics(part, x, &m, &s);
    for (int64_t j = 0; j < part->spec.input; j++) {
        y[j] = w->w_ih[j] * (x[j] - m) * s + (w->b_ih ? w->b_ih[j] : 0);
    }
}

static void norm_backward(const orc_part *part, const double *x, const double *dy, double *dx) {
    const orc_weights *w = &part->value[0], *d = &part->grad[0];
    int64_t n = part->spec.input;
    double m, s, sum = 0, with_u = 0;
    statistics(part, x, &m, &s);
    for (int64_t j = 0; j < n; j++) {
        double u = (x[j] - m) * s, g = dy[j] * w->w_ih[j];
        sum += g;
        with_u += g * u;
        d->w_ih[j] += dy[j] * u;
        if (d->b_ih) {
            d->b_ih[j] += dy[j];
        }
    }
    for (int64_t j = 0; j < n; j++) {
        double u = (x[j] - m) * s, g = dy[j] * w->w_ih[j];
        dx[j] += s * (g - sum / (double)n - u * with_u / (double)n);
    }
}

static void affine_backward(const orc_part *part, const double *x, const double *dy, double *dx) {
    const orc_weights *w = &part->value[0], *d = &part->grad[0];
    for (int64_t j = 0; j < part->out; j++) {
        dx[j] += w->w_ih[j] * dy[j];
        d->w_ih[j] += dy[j] * x[j];
        if (d->b_ih) {
            d->b_ih[j] += dy[j];
        }
    }
}

static void softmax(const double *x, double *y, int64_t n) {
    double top = x[0], sum = 0;
    for (int64_t j = 0; j < n; j++) {
        top = fmax(top, x[j]);
    }
    for (int64_t j = 0; j < n; j++) {
        y[j] = exp(x[j] - top);
        sum += y[j];
    }
    for (int64_t j = 0; j < n; j++) {
        y[j] /= sum;
    }
}

static void activate_forward(const orc_part *part, const double *x, double *y) {
    int64_t n = part->out, f = part->spec.activation;
    if (f == TKR_SOFTMAX) {
        softmax(x, y, n);
        return;
    }
    for (int64_t j = 0; j < n; j++) {
        y[j] = f == TKR_MAGNITUDE ? sqrt(x[j] * x[j] + x[j + n] * x[j + n]) : orc_activate(f, x[j]);
    }
}

static void activate_backward(const orc_part *part, const double *x, const double *y,
                              const double *dy, double *dx) {
    int64_t n = part->out, f = part->spec.activation;
    double along = 0;
    for (int64_t j = 0; f == TKR_SOFTMAX && j < n; j++) {
        along += dy[j] * y[j];
    }
    for (int64_t j = 0; j < n; j++) {
        if (f == TKR_SOFTMAX) {
            dx[j] += y[j] * (dy[j] - along);
        } else if (f != TKR_MAGNITUDE) {
            dx[j] += dy[j] * slope(f, x[j], y[j]);
        } else if (y[j] > 0) {
            dx[j] += dy[j] * x[j] / y[j];
            dx[j + n] += dy[j] * x[j + n] / y[j];
        }
    }
}

/* The position that tap k of output position p reads; -1: a zero. */
static int64_t tap_position(const orc_spec *s, int64_t p, int64_t k) {
    int64_t n = s->input / s->channels, at = p * s->stride - s->pad_left + k * s->dilation;
    if (at < 0) {
        return s->reflect ? -at : -1;
    }
    if (at >= n) {
        return s->reflect ? 2 * (n - 1) - at : -1;
    }
    return at;
}

/* Convolution inside a vector, either way: with dy NULL y is made, else dx, dw, db. */
static void convolve(const orc_part *part, const double *x, double *y, const double *dy,
                     double *dx) {
    const orc_spec *s = &part->spec;
    const orc_weights *w = &part->value[0], *d = &part->grad[0];
    int64_t n = s->input / s->channels, made = part->positions, in = s->channels / s->groups;
    for (int64_t at = 0; at < s->hidden * made; at++) {
        int64_t o = at / made, group = o / (s->hidden / s->groups);
        double sum = w->b_ih ? w->b_ih[o] : 0;
        for (int64_t tap = 0; tap < in * s->kernel; tap++) {
            int64_t position = tap_position(s, at % made, tap % s->kernel);
            int64_t from = (group * in + tap / s->kernel) * n + position;
            int64_t weight = o * in * s->kernel + tap;
            if (position >= 0 && dy) {
                dx[from] += dy[at] * w->w_ih[weight];
                d->w_ih[weight] += dy[at] * x[from];
            } else if (position >= 0) {
                sum += w->w_ih[weight] * x[from];
            }
        }
        if (!dy) {
            y[at] = sum;
        } else if (d->b_ih) {
            d->b_ih[o] += dy[at];
        }
    }
}

void orc_combine(int64_t how, const double *x, double *y, int64_t n, int64_t width) {
    for (int64_t j = 0; j < (how == TKR_CONCATENATE ? n * width : width); j++) {
        y[j] = x[j];
        for (int64_t i = 1; how != TKR_CONCATENATE && i < n; i++) {
            y[j] = how == TKR_PRODUCT ? y[j] * x[i * width + j] : y[j] + x[i * width + j];
        }
        y[j] /= how == TKR_MEAN ? (double)n : 1;
    }
}

void orc_combine_backward(int64_t how, const double *x, const double *dy, double *dx, int64_t n,
                          int64_t width) {
    for (int64_t j = 0; j < n * width; j++) {
        double d = how == TKR_CONCATENATE ? dy[j] : dy[j % width];
        for (int64_t i = 0; how == TKR_PRODUCT && i < n; i++) {
            d *= i == j / width ? 1 : x[i * width + j % width];
        }
        dx[j] += how == TKR_MEAN ? d / (double)n : d;
    }
}

/* Pieces of a combination's input. */
static int64_t pieces(const orc_part *part) {
    return part->spec.input / part->out;
}

static double mask(const orc_part *part, int64_t row, int64_t j) {
    return part->noise.dropout ? part->noise.dropout[row * part->spec.input + j] : 1;
}

void orc_row_forward(const orc_part *part, int64_t row, double *y) {
    const double *x = part->in[0] + row * part->spec.input;
    const orc_weights *w = &part->value[0];
    if (part->spec.kind == TKR_NORM) {
        norm_forward(part, x, y);
    } else if (part->spec.kind == TKR_ACTIVATE) {
        activate_forward(part, x, y);
    } else if (part->spec.kind == TKR_CONV) {
        convolve(part, x, y, NULL, NULL);
    } else if (part->spec.kind == ORC_COMBINE) {
        orc_combine(part->spec.combine, x, y, pieces(part), part->out);
    } else if (part->spec.kind == TKR_LINEAR || part->spec.kind == TKR_EMBEDDING) {
        matrix_forward(part, x, y);
    }
    for (int64_t j = 0; j < part->out; j++) {
        if (part->spec.kind == TKR_LINEAR) {
            y[j] = orc_activate(part->spec.activation, y[j]);
        } else if (part->spec.kind == TKR_DROPOUT) {
            y[j] = x[j] * mask(part, row, j);
        } else if (part->spec.kind == TKR_SELECT) {
            y[j] = x[part->spec.first + j];
        } else if (part->spec.kind == TKR_AFFINE) {
            y[j] = w->w_ih[j] * x[j] + (w->b_ih ? w->b_ih[j] : 0);
        }
    }
}

void orc_row_backward(const orc_part *part, int64_t row, const double *dy, double *dx) {
    const double *x = part->in[0] + row * part->spec.input, *y = part->output + row * part->out;
    if (part->spec.kind == TKR_LINEAR) {
        linear_backward(part, x, dy, dx);
    } else if (part->spec.kind == TKR_EMBEDDING) {
        matrix_backward(part, x, dy, dx);
    } else if (part->spec.kind == TKR_NORM) {
        norm_backward(part, x, dy, dx);
    } else if (part->spec.kind == TKR_AFFINE) {
        affine_backward(part, x, dy, dx);
    } else if (part->spec.kind == TKR_ACTIVATE) {
        activate_backward(part, x, y, dy, dx);
    } else if (part->spec.kind == TKR_CONV) {
        convolve(part, x, NULL, dy, dx);
    } else if (part->spec.kind == ORC_COMBINE) {
        orc_combine_backward(part->spec.combine, x, dy, dx, pieces(part), part->out);
    }
    for (int64_t j = 0; j < part->out; j++) {
        if (part->spec.kind == TKR_DROPOUT) {
            dx[j] += dy[j] * mask(part, row, j);
        } else if (part->spec.kind == TKR_SELECT) {
            dx[part->spec.first + j] += dy[j];
        }
    }
}
