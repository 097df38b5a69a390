/* SPDX-License-Identifier: MIT */
#include "layer/recur.h"

#include <string.h>

#include "core/fpmode.h"

/* Products of the cell's gates land in the tiles of the tape. */
static tkri_product gate_product(const tkri_recur *r, const float *w, int64_t k, int32_t field) {
    const tkri_recurrent *layer = r->layer;
    tkri_product p = tkri_plain_product(r->kern, layer->units, w, k);
    p.panels = tkri_panels_of(layer->units, layer->ops->gates, r->kern->vl);
    p.rows = r->rows;
    p.team = r->team;
    p.c = r->gates + field * r->kern->vl;
    p.c_row = r->row_stride;
    p.c_tile = r->tile_stride;
    return p;
}

void tkri_recur_input(const tkri_recur *r, const float *x, int64_t ld, const int32_t *ids,
                      int32_t bulk) {
    tkri_product p = gate_product(r, r->net->values + r->direction->w_ih, r->layer->input,
                                  r->layer->ops->ih_field);
    p.start = r->net->derived + r->direction->bias;
    p.from = TKRI_FROM_ROW;
    p.bulk = bulk;
    p.a = x;
    p.a_row = ld;
    if (!ids) {
        tkri_product_run(&p);
        return;
    }
    tkri_product_gather(&p, ids);
}

tkri_point tkri_recur_point(const tkri_recur *r, int64_t tile, int64_t tiles) {
    const tkri_recurrent *layer = r->layer;
    const int64_t unit = tile * r->kern->vl;
    const int projected = r->m != NULL;
    tkri_point p = {
        .rows = r->rows,
        .tiles = tiles,
        .units = layer->units - unit,
        .gates = r->gates + tile * r->tile_stride,
        .row_stride = r->row_stride,
        .tile_stride = r->tile_stride,
        .h_prev = r->h_prev + unit,
        .h_in = r->h_in + unit,
        .h = (projected ? r->m : r->h) + unit,
        .ld_h = layer->units_ld,
        .ld_c = layer->units_ld,
        .activation = layer->activation,
        .gate_activation = layer->gate_activation,
    };
    if (layer->ops->has_c) {
        p.c_prev = r->c_prev + unit;
        p.c = r->c ? r->c + unit : NULL;
        p.peep = r->direction->peep < 0 ? NULL : r->net->values + r->direction->peep + unit;
    }
    if (r->aux) {
        p.aux = r->aux + unit;
    }
    return p;
}

void tkri_recur_start_q(const tkri_recur *r, int64_t tile, int64_t tiles) {
    const int64_t vl = r->kern->vl;
    for (int64_t end = tile + tiles; r->layer->ops->q_field >= 0 && tile < end; tile++) {
        const float *bias = r->net->derived + r->direction->q_bias + tile * vl;
        float *q = r->gates + tile * r->tile_stride + r->layer->ops->q_field * vl;
        for (int64_t row = 0; row < r->rows; row++) {
            memcpy(q + row * r->row_stride, bias, (size_t)vl * sizeof *q);
        }
    }
}

/* Of the many inputs that a relu has turned off in all rows a product needs nothing. */
static void leave_out_zeros(const tkri_recur *r, tkri_product *p) {
    if (r->terms && r->kern->live && p->rows >= TKRI_LIVE_ROWS) {
        p->k = r->kern->live(r->terms, p->a, p->a_row, p->rows, p->k);
        p->terms = r->terms;
    }
}

/* h W_hh for one phase's gates of a panel, and the pointwise part on it while it is in cache. */
static void forward_panel(const tkri_recur *r, const tkri_product *p, int64_t panel,
                          int32_t phase) {
    const tkri_cell_ops *ops = r->layer->ops;
    const int64_t tile = tkri_panel_tile(&p->panels, panel);
    const int64_t tiles = tkri_panel_tile(&p->panels, panel + 1) - tile;
    const tkri_gemm g = tkri_product_panel(p, panel);
    const tkri_point point = tkri_recur_point(r, tile, tiles);
    tkri_recur_start_q(r, tile, tiles);
    r->kern->gemm(&g);
    ops->forward[phase](&point);
}

typedef struct shared {
    const tkri_recur *r;
    tkri_product product;
    int32_t number;
} shared;

static void forward_group(void *argument, int64_t group) {
    const shared *f = argument;
    const int64_t n = f->product.panels.n;
    const uint64_t mode = tkri_fpmode_enter();
    for (int64_t panel = n * group / TKRI_GROUPS; panel < n * (group + 1) / TKRI_GROUPS; panel++) {
        forward_panel(f->r, &f->product, panel, f->number);
    }
    tkri_fpmode_leave(mode);
}

/* Which gates a phase's product with the state makes: all; or r, z and then n. */
static void phase_gates(const tkri_cell_ops *ops, int32_t phase, int32_t *first, int32_t *n) {
    *first = phase == 0 ? 0 : 2;
    *n = ops->phases == 1 ? ops->gates : phase == 0 ? 2 : 1;
}

static void project(const tkri_recur *r) {
    tkri_product p = tkri_plain_product(r->kern, r->layer->out, r->net->values + r->direction->w_hr,
                                        r->layer->units);
    p.rows = r->rows;
    p.a = r->m;
    p.a_row = r->layer->units_ld;
    p.c = r->h;
    p.c_row = r->layer->out_ld;
    tkri_product_run(&p);
}

void tkri_recur_forward(const tkri_recur *r) {
    const tkri_recurrent *layer = r->layer;
    for (int32_t phase = 0; phase < layer->ops->phases; phase++) {
        tkri_product p =
            gate_product(r, r->net->values + r->direction->w_hh, layer->out, layer->ops->hh_field);
        int32_t first, n;
        phase_gates(layer->ops, phase, &first, &n);
        p.from = TKRI_FROM_C;
        p.a = phase ? r->aux : r->h_in;
        p.a_row = phase ? layer->units_ld : layer->out_ld;
        if (layer->ops->phases > 1) {
            p.first_gate = first;
            p.gates = n;
            p.c += first * r->kern->vl;
        }
        leave_out_zeros(r, &p);
        if (r->team) {
            shared f = {r, p, phase};
            tkri_team_run(r->team, TKRI_GROUPS, forward_group, &f);
            continue;
        }
        for (int64_t panel = 0; panel < p.panels.n; panel++) {
            forward_panel(r, &p, panel, phase);
        }
    }
    if (r->m) {
        project(r);
    }
}

/* out (+)= dgates W_hh, over one phase's gates. */
static void backward_product(const tkri_recur *r, int32_t phase, float *out, int64_t ld,
                             int32_t from) {
    const tkri_recurrent *layer = r->layer;
    const int64_t vl = r->kern->vl, tiles = tkri_tiles(layer->units, r->kern->vl);
    int32_t first, n;
    tkri_product p =
        tkri_plain_product(r->kern, layer->out, r->w_hh_t, tiles * layer->ops->gates * vl);
    phase_gates(layer->ops, phase, &first, &n);
    p.team = r->team;
    p.rows = r->rows;
    p.a = r->dgates + (layer->ops->hh_field + first) * vl;
    p.a_row = r->row_stride;
    p.c = out;
    p.c_row = ld;
    p.from = from;
    p.first_row = first * vl;
    if (layer->ops->fields > 1) {
        p.blocks = tiles;
        p.block_rows = layer->ops->gates * vl;
        p.k = n * vl;
        p.a_block = r->tile_stride;
    } else {
        p.k = layer->units; /* what stands behind is zero */
        leave_out_zeros(r, &p);
    }
    tkri_product_run(&p);
}

/* dm = dh W_hr; then nothing flows to the state before but through the gates. */
static void unproject(const tkri_recur *r) {
    const tkri_recurrent *layer = r->layer;
    tkri_product p = tkri_plain_product(r->kern, layer->units, r->w_hr_t,
                                        tkri_tiles(layer->out, r->kern->vl) * r->kern->vl);
    p.k = layer->out;
    p.rows = r->rows;
    p.a = r->dh;
    p.a_row = layer->out_ld;
    p.c = r->dm;
    p.c_row = layer->units_ld;
    tkri_product_run(&p);
    memset(r->dh, 0, (size_t)(r->rows * layer->out_ld) * sizeof *r->dh);
}

/* The pointwise part of tiles [tile, end). */
static void backward_tiles(const tkri_recur *r, int32_t number, int64_t tile, int64_t end) {
    const int64_t unit = tile * r->kern->vl;
    tkri_point point = tkri_recur_point(r, tile, end - tile);
    point.dgates = r->dgates + tile * r->tile_stride;
    point.dh = (r->m ? r->dm : r->dh) + unit;
    point.dh_in = r->dh_in + unit;
    point.dc = r->dc ? r->dc + unit : NULL;
    point.daux = r->daux + unit;
    point.dpeep = r->dpeep ? r->dpeep + unit : NULL;
    r->layer->ops->backward[number](&point);
}

static void backward_group(void *argument, int64_t group) {
    const shared *b = argument;
    const int64_t tiles = tkri_tiles(b->r->layer->units, b->r->kern->vl);
    const uint64_t mode = tkri_fpmode_enter();
    backward_tiles(b->r, b->number, tiles * group / TKRI_GROUPS, tiles * (group + 1) / TKRI_GROUPS);
    tkri_fpmode_leave(mode);
}

void tkri_recur_backward(const tkri_recur *r) {
    if (r->m) {
        unproject(r);
    }
    for (int32_t number = r->layer->ops->phases - 1; number >= 0; number--) {
        if (r->team) {
            shared b = {.r = r, .number = number};
            tkri_team_run(r->team, TKRI_GROUPS, backward_group, &b);
        } else {
            backward_tiles(r, number, 0, tkri_tiles(r->layer->units, r->kern->vl));
        }
        if (number > 0) {
            backward_product(r, number, r->daux, r->layer->units_ld, TKRI_FROM_ZERO);
        } else {
            backward_product(r, number, r->dh_in, r->layer->out_ld, TKRI_FROM_C);
        }
    }
}
