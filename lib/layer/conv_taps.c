/* SPDX-License-Identifier: MIT
 * The linear map of a convolution, from rows of taps, and the sums of its gradients. */
#include "layer/conv.h"

#include <string.h>

#include "layer/matrix.h"

enum { BLOCK = 160 }; /* rows of taps that are transposed at a time */

/* Groups one output channel at a time: they are few, or have few channels each. */
static void apply_groups(const tkr_cell *cell, const tkri_conv *c, tkri_view y, const float *taps,
                         int64_t n) {
    const float *w = cell->net->values + c->weight, *b = cell->net->values + c->bias;
    const int64_t k = tkri_conv_taps(c);
    for (int64_t r = 0; r < n; r++) {
        for (int64_t o = 0; o < c->groups * c->out; o++) {
            const float *of = taps + r * c->taps_ld + o / c->out * k;
            float sum = c->bias < 0 ? 0.0f : b[o];
            for (int64_t j = 0; j < k; j++) {
                sum += w[o * k + j] * of[j];
            }
            y.p[r * y.ld + o] = sum;
        }
    }
}

void tkri_conv_apply(const tkr_cell *cell, const tkri_conv *c, tkri_view y, const float *taps,
                     int64_t n, tkri_team *team) {
    if (c->groups > 1) {
        apply_groups(cell, c, y, taps, n);
        return;
    }
    tkri_product p =
        tkri_plain_product(cell->kern, c->out, cell->net->values + c->weight, tkri_conv_taps(c));
    p.a = taps;
    p.a_row = c->taps_ld;
    p.rows = n;
    p.c = y.p;
    p.c_row = y.ld;
    p.team = team;
    if (c->bias >= 0) {
        p.start = cell->net->values + c->bias;
        p.from = TKRI_FROM_ROW;
    }
    tkri_product_run(&p);
}

static void unapply_groups(const tkr_cell *cell, const tkri_conv *c, float *dtaps, tkri_view dy,
                           int64_t n) {
    const float *w = cell->net->values + c->weight;
    const int64_t k = tkri_conv_taps(c);
    memset(dtaps, 0, (size_t)(n * c->taps_ld) * sizeof *dtaps);
    for (int64_t r = 0; r < n; r++) {
        for (int64_t o = 0; o < c->groups * c->out; o++) {
            float *of = dtaps + r * c->taps_ld + o / c->out * k;
            for (int64_t j = 0; j < k; j++) {
                of[j] += w[o * k + j] * dy.p[r * dy.ld + o];
            }
        }
    }
}

void tkri_conv_unapply(const tkr_cell *cell, const tkri_conv *c, float *dtaps, tkri_view dy,
                       int64_t n, const float *w_t) {
    if (c->groups > 1) {
        unapply_groups(cell, c, dtaps, dy, n);
        return;
    }
    tkri_product p = tkri_plain_product(cell->kern, tkri_conv_taps(c), w_t,
                                        tkri_tiles(c->out, cell->kern->vl) * cell->kern->vl);
    p.k = c->out;
    p.a = dy.p;
    p.a_row = dy.ld;
    p.rows = n;
    p.c = dtaps;
    p.c_row = c->taps_ld;
    tkri_product_run(&p);
}

int64_t tkri_conv_transpose_len(const tkr_cell *cell, const tkri_conv *c) {
    return c->groups > 1 ? 0
                         : tkri_packed_transpose_len(cell->kern->vl, c->out, 1, tkri_conv_taps(c));
}

void tkri_conv_pack(const tkr_cell *cell, const tkri_conv *c, float *w_t) {
    if (c->groups == 1) {
        tkri_packed_transpose(cell->kern, w_t, cell->net->values + c->weight, c->out, 1,
                              tkri_conv_taps(c));
    }
}

/* ------------------------------------------------------------------------------------------------
 * Sums of gradients: dW as the weight lies, then db, then room for a block of transposed taps
 * --------------------------------------------------------------------------------------------- */

static int64_t outputs_ld(const tkri_conv *c) {
    return (int64_t)tkri_round_up((uint64_t)(c->groups * c->out), TKRI_MAX_VL);
}

static int64_t weight_len(const tkr_cell *cell, const tkri_conv *c) {
    const int64_t columns =
        c->groups > 1 ? c->groups * c->out : tkri_tiles(c->out, cell->kern->vl) * cell->kern->vl;
    return (int64_t)tkri_round_up(tkri_times(columns, tkri_conv_taps(c)), TKRI_MAX_VL);
}

int64_t tkri_conv_sums_len(const tkr_cell *cell, const tkri_conv *c) {
    const uint64_t room = c->groups > 1 ? 0 : tkri_times(tkri_conv_taps(c), BLOCK);
    return (int64_t)tkri_add((uint64_t)(weight_len(cell, c) + outputs_ld(c)), room);
}

static void sum_groups(const tkri_conv *c, float *dw, tkri_view dy, const float *taps, int64_t n) {
    const int64_t k = tkri_conv_taps(c);
    for (int64_t r = 0; r < n; r++) {
        for (int64_t o = 0; o < c->groups * c->out; o++) {
            const float *of = taps + r * c->taps_ld + o / c->out * k;
            for (int64_t j = 0; j < k; j++) {
                dw[o * k + j] += dy.p[r * dy.ld + o] * of[j];
            }
        }
    }
}

/* dW += taps' dY, block by block of rows. */
static void sum_block(const tkr_cell *cell, const tkri_conv *c, float *dw, tkri_view dy,
                      const float *turned, int64_t n) {
    const tkri_kern *kern = cell->kern;
    const tkri_panels panels = tkri_panels_of(c->out, 1, kern->vl);
    for (int64_t panel = 0; panel < panels.n; panel++) {
        const int64_t start = tkri_panel_start(&panels, panel) * kern->vl;
        const int32_t width = tkri_panel_width(&panels, panel);
        const tkri_gemm g = {
            .m = tkri_conv_taps(c),
            .blocks = 1,
            .k = n,
            .a = turned,
            .a_row = BLOCK,
            .b = dy.p + start,
            .b_k = dy.ld,
            .c = dw + start * tkri_conv_taps(c),
            .c_row = width * kern->vl,
            .width = width,
            .half = tkri_panel_half(&panels, panel),
            .from = TKRI_FROM_C,
        };
        kern->gemm(&g);
    }
}

void tkri_conv_sum(const tkr_cell *cell, const tkri_conv *c, float *sums, tkri_view dy,
                   const float *taps, int64_t n) {
    float *db = sums + weight_len(cell, c), *turned = db + outputs_ld(c);
    for (int64_t r = 0; r < n; r++) {
        for (int64_t o = 0; o < c->groups * c->out; o++) {
            db[o] += dy.p[r * dy.ld + o];
        }
    }
    if (c->groups > 1) {
        sum_groups(c, sums, dy, taps, n);
        return;
    }
    for (int64_t row = 0; row < n; row += BLOCK) {
        const int64_t some = tkri_min(BLOCK, n - row);
        tkri_transpose(turned, BLOCK, taps + row * c->taps_ld, c->taps_ld, some, tkri_conv_taps(c));
        sum_block(cell, c, sums, (tkri_view){dy.p + row * dy.ld, dy.ld}, turned, some);
    }
}

void tkri_conv_add_sums(tkri_unroll *u, const tkri_conv *c, const float *sums) {
    const int64_t apart = tkri_conv_sums_len(u->cell, c), weights = weight_len(u->cell, c);
    for (int64_t n = 0; n < u->plan.n_chunks; n++) {
        u->cell->kern->add(u->grad.values + c->weight, sums + n * apart, weights);
        if (c->bias >= 0) {
            u->cell->kern->add(u->grad.values + c->bias, sums + n * apart + weights, outputs_ld(c));
        }
    }
}
