/* SPDX-License-Identifier: MIT
 * Initialisers. Every tensor is drawn in PyTorch's layout from its own random stream, so that the
 * numbers do not depend on the tier, nor on the other tensors. */
#include <math.h>

#include "cell/cell.h"
#include "core/random.h"

/* What one tensor is drawn by. */
typedef struct draw {
    const tkr_cell *part;
    const tkri_parameter *p;
    tkri_random random;
    float *values; /* the cell's flat array */
    int32_t vl;
    double scale;
} draw;

static int64_t rows_of(const draw *d) {
    return d->p->blocks * d->p->gates * d->p->units;
}

static void put(const draw *d, int64_t row, int64_t column, double value) {
    d->values[tkri_parameter_index(d->p, d->vl, row, column)] = (float)value;
}

static void fill_uniform(draw *d, double bound) {
    for (int64_t row = 0; row < rows_of(d); row++) {
        for (int64_t column = 0; column < d->p->k; column++) {
            put(d, row, column, (2 * tkri_uniform(&d->random) - 1) * bound * d->scale);
        }
    }
}

static void fill_normal(draw *d, double deviation) {
    for (int64_t row = 0; row < rows_of(d); row++) {
        for (int64_t column = 0; column < d->p->k; column++) {
            put(d, row, column, tkri_normal(&d->random) * deviation);
        }
    }
}

static void fill_constant(draw *d, double value) {
    for (int64_t row = 0; row < rows_of(d); row++) {
        put(d, row, 0, value);
    }
}

/* PyTorch's defaults. */
static void draw_uniform(draw *d) {
    const tkri_parameter *p = d->p;
    switch (p->role) {
        case TKRI_WEIGHT_EMBEDDING:
            fill_normal(d, d->scale);
            break;
        case TKRI_WEIGHT_LINEAR:
        case TKRI_BIAS_LINEAR:
            fill_uniform(d, 1 / sqrt((double)p->fan_in));
            break;
        case TKRI_STATE_H:
        case TKRI_STATE_C:
            fill_constant(d, 0);
            break;
        default:
            fill_uniform(d, 1 / sqrt((double)d->part->hidden));
    }
}

/* Gate by gate: a gate is a matrix of its own. */
static void draw_glorot(draw *d) {
    if (d->p->role > TKRI_WEIGHT_EMBEDDING) {
        fill_constant(d, 0);
    } else {
        fill_uniform(d, sqrt(6.0 / (double)(d->p->fan_in + d->p->fan_out)));
    }
}

/* Row `row` of a matrix where it lies: element c is at [c * stride]. */
typedef struct row {
    float *at;
    int64_t stride;
} row;

static row row_of(const draw *d, int64_t i) {
    const int64_t first = tkri_parameter_index(d->p, d->vl, i, 0);
    const int64_t second = d->p->k > 1 ? tkri_parameter_index(d->p, d->vl, i, 1) : first + 1;
    return (row){d->values + first, second - first};
}

static double dot(row a, row b, int64_t n) {
    double sum = 0;
    for (int64_t c = 0; c < n; c++) {
        sum += (double)a.at[c * a.stride] * (double)b.at[c * b.stride];
    }
    return sum;
}

/* Subtract from row i its parts along the rows first..i-1, then scale it to length `scale`
 * (modified Gram-Schmidt). Rows beyond the columns start a new orthogonal set. */
static void orthogonalise_row(draw *d, int64_t first, int64_t i) {
    const int64_t k = d->p->k;
    const row a = row_of(d, i);
    for (int64_t j = first + (i - first) / k * k; j < i; j++) {
        const row b = row_of(d, j);
        const double part = dot(a, b, k) / dot(b, b, k);
        for (int64_t c = 0; c < k; c++) {
            a.at[c * a.stride] -= (float)(part * (double)b.at[c * b.stride]);
        }
    }
    const double length = sqrt(dot(a, a, k));
    for (int64_t c = 0; c < k; c++) {
        a.at[c * a.stride] = (float)((double)a.at[c * a.stride] / length * d->scale);
    }
}

/* Saxe, McClelland & Ganguli 2014: the rows of every recurrent gate are orthogonal. */
static void draw_orthogonal(draw *d) {
    if (d->p->role != TKRI_WEIGHT_HH) {
        draw_glorot(d);
        return;
    }
    fill_normal(d, 1);
    for (int64_t i = 0; i < rows_of(d); i++) {
        orthogonalise_row(d, i - i % d->p->units, i);
    }
}

/* The forget gate's bias, row block 1 of i, f, g, o, split so that both biases sum to it. */
static void set_forget_bias(draw *d) {
    const double wanted = tkri_options_real(&d->part->options, TKR_FORGET_BIAS);
    if (!tkri_options_find(&d->part->options, TKR_FORGET_BIAS) || isnan(wanted)) {
        return;
    }
    for (int64_t unit = 0; unit < d->p->units; unit++) {
        put(d, d->p->units + unit, 0, d->p->role == TKRI_BIAS_IH ? wanted : 0);
    }
}

static void draw_parameter(draw *d) {
    const double scale = tkri_options_real(&d->part->options, TKR_INIT_SCALE);
    const int64_t init = tkri_cell_int(d->part, TKR_INIT);
    d->scale = isnan(scale) ? (init == TKR_INIT_NORMAL ? 0.01 : 1) : scale;
    if (d->p->role >= TKRI_ONES) {
        fill_constant(d, d->p->role == TKRI_ONES ? 1 : 0);
    } else if (init == TKR_INIT_GLOROT) {
        draw_glorot(d);
    } else if (init == TKR_INIT_ORTHOGONAL) {
        draw_orthogonal(d);
    } else if (init == TKR_INIT_NORMAL) {
        fill_normal(d, d->scale);
    } else {
        draw_uniform(d);
    }
    if (d->p->role == TKRI_BIAS_IH || d->p->role == TKRI_BIAS_HH) {
        set_forget_bias(d);
    }
}

void tkri_cell_draw(tkr_cell *cell, uint64_t seed) {
    for (int64_t i = 0; i < cell->net->n_parameters; i++) {
        const tkri_parameter *p = &cell->net->parameters[i];
        draw d = {
            .part = p->part,
            .p = p,
            .random = {.seed = seed, .stream = (uint64_t)i},
            .values = cell->net->values,
            .vl = cell->kern->vl,
        };
        draw_parameter(&d);
    }
    tkri_cell_refresh(cell);
}
