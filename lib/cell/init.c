/* SPDX-License-Identifier: MIT
 * Initialisers. Every tensor is drawn in PyTorch's layout from its own random stream, so that the
 * numbers do not depend on the tier, nor on the other tensors. */
#include <math.h>

#include "cell/cell.h"
#include "core/check.h"
#include "core/random.h"

/* As many numbers are drawn at once. */
enum { DRAWN = 64 };

/* What one tensor is drawn by. */
typedef struct draw {
    const tkr_cell *part;
    const tkri_parameter *p;
    tkri_random random;
    float *values; /* the cell's flat array */
    const tkri_kern *kern;
    int32_t vl;
    double scale;
} draw;

/* The next n random numbers, not yet scaled. */
typedef void (*numbers)(tkri_random *random, double *out, int64_t n);

/* One number for every element, row by row: number * factor * scale. */
static void fill(draw *d, numbers next, double factor, double scale) {
    double drawn[DRAWN];
    const int64_t columns = tkri_parameter_columns(d->p);
    for (int64_t row = 0; row < d->p->shape[0]; row++) {
        const tkri_strided at = tkri_parameter_row(d->p, d->vl, row);
        float *to = d->values + at.start;
        for (int64_t done = 0; done < columns; done += DRAWN) {
            const int64_t n = tkri_min(columns - done, DRAWN);
            next(&d->random, drawn, n);
            for (int64_t i = 0; i < n; i++) {
                to[(done + i) * at.step] = (float)(drawn[i] * factor * scale);
            }
        }
    }
}

/* In [-1,1). */
static void centred(tkri_random *random, double *out, int64_t n) {
    tkri_uniforms(random, out, n);
    for (int64_t i = 0; i < n; i++) {
        out[i] = 2 * out[i] - 1;
    }
}

static void fill_uniform(draw *d, double bound) {
    fill(d, centred, bound, d->scale);
}

static void fill_normal(draw *d, double deviation) {
    fill(d, tkri_normals, deviation, 1);
}

/* Element `row` of a vector. */
static void put(const draw *d, int64_t row, double value) {
    d->values[tkri_parameter_row(d->p, d->vl, row).start] = (float)value;
}

static void fill_constant(draw *d, double value) {
    for (int64_t row = 0; row < d->p->shape[0]; row++) {
        put(d, row, value);
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

static double squares_of(const float *row, int64_t step, int64_t k) {
    double sum = 0;
    for (int64_t c = 0; c < k; c++) {
        sum += (double)row[c * step] * (double)row[c * step];
    }
    return sum;
}

/* Scale row i to the length `scale`: one that the others can be made orthogonal to. */
static tkri_axis normalise(const draw *d, int64_t i) {
    const tkri_strided at = tkri_parameter_row(d->p, d->vl, i);
    float *row = d->values + at.start;
    const double length = sqrt(squares_of(row, at.step, d->p->k));
    for (int64_t c = 0; c < d->p->k; c++) {
        row[c * at.step] = (float)((double)row[c * at.step] / length * d->scale);
    }
    return (tkri_axis){row, at.step, squares_of(row, at.step, d->p->k)};
}

/* Make row i, and those behind it that lie in the same vector and before `end`, orthogonal to n
 * axes. Returns the first row that is left. */
static int64_t make_orthogonal(const draw *d, int64_t i, int64_t end, const tkri_axis *axes,
                               int64_t n) {
    const tkri_strided at = tkri_parameter_row(d->p, d->vl, i);
    const int64_t lane = i % d->p->units % d->vl, rows = tkri_min(d->vl - lane, end - i);
    const tkri_projection projection = {
        .rows = d->values + at.start - lane,
        .step = at.step,
        .k = d->p->k,
        .from = (int32_t)lane,
        .to = (int32_t)(lane + rows),
        .axes = axes,
        .n = n,
    };
    d->kern->orthogonalise(&projection);
    return i + rows;
}

/* Modified Gram-Schmidt on the rows first .. end - 1: a row that is finished is taken from all that
 * follow, a vector of rows at a time. */
static void orthogonalise(const draw *d, int64_t first, int64_t end) {
    tkri_axis axes[TKRI_MAX_VL];
    for (int64_t i = first; i < end;) {
        const int64_t lane = i % d->p->units % d->vl, next = tkri_min(i + d->vl - lane, end);
        const int64_t n = next - i;
        for (int64_t j = 0; j < n; j++, i++) {
            axes[j] = normalise(d, i);
            if (i + 1 < next) {
                (void)make_orthogonal(d, i + 1, next, &axes[j], 1);
            }
        }
        for (int64_t j = next; j < end;) {
            j = make_orthogonal(d, j, end, axes, n);
        }
    }
}

/* Saxe, McClelland & Ganguli 2014: the rows of every recurrent gate are orthogonal. Rows beyond the
 * columns start a new orthogonal set. */
static void draw_orthogonal(draw *d) {
    if (d->p->role != TKRI_WEIGHT_HH) {
        draw_glorot(d);
        return;
    }
    fill_normal(d, 1);
    for (int64_t gate = 0; gate < d->p->shape[0]; gate += d->p->units) {
        for (int64_t i = 0; i < d->p->units; i += d->p->k) {
            orthogonalise(d, gate + i, gate + tkri_min(i + d->p->k, d->p->units));
        }
    }
}

/* The forget gate's bias, row block 1 of i, f, g, o, split so that both biases sum to it. */
static void set_forget_bias(draw *d) {
    const double wanted = tkri_options_real(&d->part->options, TKR_FORGET_BIAS);
    if (!tkri_options_find(&d->part->options, TKR_FORGET_BIAS) || isnan(wanted)) {
        return;
    }
    for (int64_t unit = 0; unit < d->p->units; unit++) {
        put(d, d->p->units + unit, d->p->role == TKRI_BIAS_IH ? wanted : 0);
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
            .kern = cell->kern,
            .vl = cell->kern->vl,
        };
        draw_parameter(&d);
    }
    tkri_cell_refresh(cell);
}
