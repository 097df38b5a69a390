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

/* Scale row i to length 1. Returns the square of its length. */
static double normalise(const draw *d, int64_t i) {
    const tkri_strided at = tkri_parameter_row(d->p, d->vl, i);
    float *row = d->values + at.start;
    double sum = 0;
    for (int64_t c = 0; c < d->p->k; c++) {
        sum += (double)row[c * at.step] * (double)row[c * at.step];
    }
    const double factor = 1 / sqrt(sum);
    for (int64_t c = 0; c < d->p->k; c++) {
        row[c * at.step] = (float)((double)row[c * at.step] * factor);
    }
    return sum;
}

/* Make the rows from .. to - 1, at most TKRI_PROJECTED, orthogonal to the n finished ones from
 * `axis` on. */
static void project(const draw *d, int64_t axis, int64_t n, int64_t from, int64_t to) {
    tkri_rows rows[TKRI_PROJECTED];
    tkri_projection p = {.rows = rows, .k = d->p->k, .n_axes = n};
    if (from == to) { /* behind the last row there may be fewer than n axes */
        return;
    }
    for (int64_t j = 0; j < n; j++) {
        const tkri_strided at = tkri_parameter_row(d->p, d->vl, axis + j);
        p.axes[j] = d->values + at.start;
        p.steps[j] = at.step;
    }
    for (int64_t i = from; i < to;) {
        const tkri_strided at = tkri_parameter_row(d->p, d->vl, i);
        const int64_t lane = i % d->p->units % d->vl, count = tkri_min(d->vl - lane, to - i);
        rows[p.n_rows++] = (tkri_rows){d->values + at.start - lane, at.step, (int32_t)lane,
                                       (int32_t)(lane + count)};
        i += count;
    }
    d->kern->orthogonalise(&p);
}

/* Finish row i, which has lost its parts along the rows from `first` on. Where little is left of
 * it, of k squares of standard normal numbers, what rounding left of those parts counts, and goes
 * too. */
static void finish(const draw *d, int64_t first, int64_t i) {
    const double left = 0.01 * (double)d->p->k;
    if (normalise(d, i) < left) {
        int64_t axis = first;
        for (; axis + TKRI_AXES <= i; axis += TKRI_AXES) {
            project(d, axis, TKRI_AXES, i, i + 1);
        }
        for (; axis < i; axis++) {
            project(d, axis, 1, i, i + 1);
        }
        (void)normalise(d, i);
    }
}

/* Modified Gram-Schmidt on the rows first .. end - 1, TKRI_AXES at a time: they are taken from all
 * rows that follow. A group of rows first loses its parts along all the groups before it. */
static void orthogonalise(const draw *d, int64_t first, int64_t end) {
    for (int64_t group = first; group < end; group += TKRI_PROJECTED) {
        const int64_t to = tkri_min(group + TKRI_PROJECTED, end);
        for (int64_t axis = first; axis < group; axis += TKRI_AXES) {
            project(d, axis, TKRI_AXES, group, to);
        }
        for (int64_t axis = group; axis < to; axis += TKRI_AXES) {
            const int64_t next = tkri_min(axis + TKRI_AXES, to);
            for (int64_t i = axis; i < next; i++) {
                finish(d, first, i);
                project(d, i, 1, i + 1, next);
            }
            project(d, axis, TKRI_AXES, next, to);
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
    for (int64_t row = 0; row < d->p->shape[0]; row++) {
        const tkri_strided at = tkri_parameter_row(d->p, d->vl, row);
        for (int64_t c = 0; c < d->p->k; c++) {
            float *to = d->values + at.start + c * at.step;
            *to = (float)((double)*to * d->scale);
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
